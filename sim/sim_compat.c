// SPDX-License-Identifier: BSD-3-Clause
/* An iommufd that is used as a container: drivers/iommu/iommufd/vfio_compat.c. */
#include "sim/iommufd.h"

#include <errno.h>
#include <linux/vfio.h>
#include <stdlib.h>
#include <string.h>

/* struct vfio_iommu_type1_info as of 6.6; older headers have no padding at its end. */
#define INFO_SIZE 24

int iom_sim_compat_join(struct sim_iommufd *iommufd)
{
	if (!iommufd->compat)
		iommufd->compat = iom_sim_ioas_new(iommufd);
	return iommufd->compat ? 0 : -ENOMEM;
}

static int check_extension(const struct sim_iommufd *iommufd, unsigned long extension)
{
	switch (extension) {
	case VFIO_TYPE1_IOMMU:
	case VFIO_TYPE1v2_IOMMU:
	case VFIO_UNMAP_ALL:
		return 1;
	case VFIO_DMA_CC_IOMMU: /* do all page tables enforce it: no IOMMU here does */
		if (!iommufd->compat)
			return -ENODEV;
		return !iommufd->compat->hwpts;
	default:
		return 0;
	}
}

static int set_iommu(struct iom_sim *sim, struct sim_iommufd *iommufd, unsigned long type)
{
	if (type != VFIO_TYPE1_IOMMU && type != VFIO_TYPE1v2_IOMMU)
		return -EINVAL;
	if (!iommufd->compat)
		return -ENODEV;
	/* v1 can unmap part of a mapping, if no large page is in the way */
	return type == VFIO_TYPE1_IOMMU ? iom_sim_ioas_small_pages(sim, iommufd->compat, true) : 0;
}

/* ---- GET_INFO ------------------------------------------------------------------------------- */

struct chain {
	unsigned char *arg; /* the caller's buffer */
	size_t room;        /* in it */
	size_t n;           /* bytes needed so far */
	size_t last;        /* where the last capability is; 0: none yet */
};

/* Tell a capability if there is room for all of it, and the one before where it is. */
static int append(struct chain *chain, const void *cap, size_t size)
{
	uint32_t next = (uint32_t)chain->n;
	int ret = 0;

	if (chain->room >= chain->n + size)
		ret = iom_sim_copy_out(chain->arg + chain->n, cap, size);
	if (!ret && chain->last && chain->room >= chain->n)
		ret = iom_sim_copy_out(chain->arg + chain->last +
					       offsetof(struct vfio_info_cap_header, next),
				       &next, sizeof(next));
	chain->last = chain->n;
	chain->n += (size + 7) / 8 * 8;
	return ret;
}

static int append_avail(struct chain *chain)
{
	const struct vfio_iommu_type1_info_dma_avail cap = {
		.header = { .id = VFIO_IOMMU_TYPE1_INFO_DMA_AVAIL, .version = 1 },
		.avail = UINT32_MAX,
	};

	return append(chain, &cap, sizeof(cap));
}

static int append_ranges(struct chain *chain, const struct sim_ioas *ioas)
{
	struct vfio_iommu_type1_info_cap_iova_range *cap;
	struct sim_ranges ranges = { NULL, 0 };
	size_t size;
	int ret;

	ret = iom_sim_ioas_ranges(ioas, &ranges);
	if (ret)
		return ret;
	size = sizeof(*cap) + ranges.n * sizeof(*ranges.at);
	cap = calloc(1, size);
	if (!cap) {
		free(ranges.at);
		return -ENOMEM;
	}
	cap->header.id = VFIO_IOMMU_TYPE1_INFO_CAP_IOVA_RANGE;
	cap->header.version = 1;
	cap->nr_iovas = (uint32_t)ranges.n;
	if (ranges.n)
		memcpy(cap->iova_ranges, ranges.at, ranges.n * sizeof(*ranges.at));
	ret = append(chain, cap, size);
	free(cap);
	free(ranges.at);
	return ret;
}

static uint64_t page_sizes(const struct iom_sim *sim, const struct sim_ioas *ioas)
{
	uint64_t sizes = ioas->hwpts ? sim->pgsizes : -sim->page_size;
	uint64_t alignment = iom_sim_ioas_alignment(sim, ioas);

	return sizes > alignment ? sizes : alignment;
}

/* What capabilities there is room for are told even when there is none for all of them. */
static int get_info(struct iom_sim *sim, struct sim_iommufd *iommufd, void *arg)
{
	const size_t least = offsetof(struct vfio_iommu_type1_info, cap_offset);
	union {
		struct vfio_iommu_type1_info info;
		unsigned char bytes[INFO_SIZE];
	} head = { .bytes = { 0 } };
	struct chain chain = { .arg = arg, .n = INFO_SIZE };
	size_t n;
	int ret;

	ret = iom_sim_copy_in(&head, arg, least);
	if (ret)
		return ret;
	if (head.info.argsz < least)
		return -EINVAL;
	n = head.info.argsz < INFO_SIZE ? head.info.argsz : INFO_SIZE;
	if (!iommufd->compat)
		return -ENODEV;
	chain.room = head.info.argsz;
	ret = append_avail(&chain);
	if (!ret)
		ret = append_ranges(&chain, iommufd->compat);
	if (ret)
		return ret;
	head.info.flags = VFIO_IOMMU_INFO_PGSIZES | VFIO_IOMMU_INFO_CAPS;
	head.info.iova_pgsizes = page_sizes(sim, iommufd->compat);
	if (chain.room >= chain.n)
		head.info.cap_offset = INFO_SIZE;
	head.info.argsz = (uint32_t)chain.n;
	return iom_sim_copy_out(arg, &head, n);
}

/* ---- MAP_DMA, UNMAP_DMA --------------------------------------------------------------------- */

static int map_dma(struct iom_sim *sim, struct sim_iommufd *iommufd, void *arg)
{
	const uint32_t known = VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE;
	struct vfio_iommu_type1_dma_map map;
	struct sim_pages *pages;
	uint64_t iova;
	int ret;

	ret = iom_sim_copy_in(&map, arg, sizeof(map));
	if (ret)
		return ret;
	if (map.argsz < sizeof(map) || map.flags & ~known)
		return -EINVAL;
	if (!iommufd->compat)
		return -ENODEV;
	ret = iom_sim_pages_of_user(sim, map.vaddr, map.size, map.flags & VFIO_DMA_MAP_FLAG_WRITE,
				    iommufd->per_mm, &pages);
	if (ret)
		return ret;
	iova = map.iova;
	ret = iom_sim_area_map(sim, iommufd->compat, pages, map.vaddr - pages->base, map.size,
			       &iova, map.flags);
	iom_sim_pages_put(pages);
	return ret;
}

static int unmap_range(struct iom_sim *sim, struct sim_ioas *ioas,
		       const struct vfio_iommu_type1_dma_unmap *unmap, uint64_t *unmapped)
{
	if (unmap->flags & VFIO_DMA_UNMAP_FLAG_ALL)
		return iom_sim_area_unmap(sim, ioas, 0, UINT64_MAX, unmapped);
	return iom_sim_area_unmap_length(sim, ioas, unmap->iova, unmap->size, unmapped);
}

/* v1: what is left of a mapping on either side stays. */
static int cut(struct iom_sim *sim, struct sim_ioas *ioas,
	       const struct vfio_iommu_type1_dma_unmap *unmap)
{
	int ret;

	if (!ioas->small_pages || unmap->flags & VFIO_DMA_UNMAP_FLAG_ALL)
		return 0;
	ret = iom_sim_area_cut(sim, ioas, unmap->iova + unmap->size - 1);
	if (!ret && unmap->iova)
		ret = iom_sim_area_cut(sim, ioas, unmap->iova - 1);
	return ret;
}

/* How much was unmapped is told with an error, too. */
static int unmap_dma(struct iom_sim *sim, struct sim_iommufd *iommufd, void *arg)
{
	struct vfio_iommu_type1_dma_unmap unmap;
	uint64_t unmapped = 0;
	int ret;

	ret = iom_sim_copy_in(&unmap, arg, sizeof(unmap));
	if (ret)
		return ret;
	if (unmap.argsz < sizeof(unmap) || unmap.flags & ~VFIO_DMA_UNMAP_FLAG_ALL)
		return -EINVAL;
	if (!iommufd->compat)
		return -ENODEV;
	if (unmap.flags & VFIO_DMA_UNMAP_FLAG_ALL && (unmap.iova || unmap.size))
		return -EINVAL;
	if (!iom_sim_quirk(sim, IOM_SIM_UNMAP_NOTHING)) {
		ret = cut(sim, iommufd->compat, &unmap);
		if (ret)
			return ret;
		ret = unmap_range(sim, iommufd->compat, &unmap, &unmapped);
	}
	if (unmapped && iom_sim_quirk(sim, IOM_SIM_UNMAP_SHORT))
		unmapped -= sim->page_size;
	unmap.size = unmapped;
	(void)iom_sim_copy_out(arg, &unmap, sizeof(unmap));
	return ret;
}

int iom_sim_compat_ioctl(struct iom_sim *sim, struct sim_iommufd *iommufd, unsigned long request,
			 void *arg)
{
	unsigned long number = (uintptr_t)arg;

	switch (request) {
	case VFIO_GET_API_VERSION:
		return VFIO_API_VERSION;
	case VFIO_CHECK_EXTENSION:
		return check_extension(iommufd, number);
	case VFIO_SET_IOMMU:
		return set_iommu(sim, iommufd, number);
	case VFIO_IOMMU_GET_INFO:
		return get_info(sim, iommufd, arg);
	case VFIO_IOMMU_MAP_DMA:
		return map_dma(sim, iommufd, arg);
	case VFIO_IOMMU_UNMAP_DMA:
		return unmap_dma(sim, iommufd, arg);
	default:
		return -ENOTTY;
	}
}
