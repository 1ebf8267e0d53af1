// SPDX-License-Identifier: BSD-3-Clause
/* type1's GET_INFO and its chain of capabilities, right and wrong. */
#include "sim/internal.h"

#include <errno.h>
#include <linux/vfio.h>
#include <stdlib.h>
#include <string.h>

#define UNKNOWN_ID 0x6f6d

/* struct vfio_iommu_type1_info as of 6.12: 24 bytes, of which older headers name 20. */
#define INFO_SIZE 24

struct chain {
	unsigned char *buf;
	size_t n;
	size_t base; /* where the chain will be in the caller's buffer */
	size_t last; /* offset of the last header in buf */
	bool aligned;
};

/* Append a capability of size bytes; its offset in buf, or SIZE_MAX. */
static size_t append(struct chain *chain, uint16_t id, size_t size)
{
	struct vfio_info_cap_header header = { .id = id, .version = 1 };
	size_t at = chain->n, before = chain->last;
	unsigned char *more;
	uint32_t next;

	/* since 6.6 */
	if (chain->aligned)
		size = (size + 7) & ~(size_t)7;
	more = realloc(chain->buf, chain->n + size);
	if (!more)
		return SIZE_MAX;
	memset(more + at, 0, size);
	memcpy(more + at, &header, sizeof(header));
	chain->buf = more;
	chain->n += size;
	chain->last = at;
	if (at) {
		next = (uint32_t)(chain->base + at);
		memcpy(more + before + offsetof(struct vfio_info_cap_header, next), &next,
		       sizeof(next));
	}
	return at;
}

static bool add_migration(struct chain *chain, const struct sim_type1 *type1)
{
	const struct vfio_iommu_type1_info_cap_migration cap = {
		.pgsize_bitmap = type1->pgsizes & -type1->pgsizes,
		.max_dirty_bitmap_size = SIM_DIRTY_BITMAP_MAX,
	};
	const size_t head = sizeof(cap.header);
	size_t at;

	at = append(chain, VFIO_IOMMU_TYPE1_INFO_CAP_MIGRATION, sizeof(cap));
	if (at == SIZE_MAX)
		return false;
	memcpy(chain->buf + at + head, (const unsigned char *)&cap + head, sizeof(cap) - head);
	return true;
}

static bool add_dma_avail(struct chain *chain, const struct sim_type1 *type1)
{
	const struct vfio_iommu_type1_info_dma_avail cap = { .avail = type1->avail };
	const size_t head = sizeof(cap.header);
	size_t at;

	at = append(chain, VFIO_IOMMU_TYPE1_INFO_DMA_AVAIL, sizeof(cap));
	if (at == SIZE_MAX)
		return false;
	memcpy(chain->buf + at + head, (const unsigned char *)&cap + head, sizeof(cap) - head);
	return true;
}

static bool add_iova_range(struct chain *chain, const struct sim_type1 *type1, uint32_t says)
{
	const size_t head = sizeof(struct vfio_iommu_type1_info_cap_iova_range);
	size_t ranges = type1->ranges.n * sizeof(*type1->ranges.at);
	size_t at;

	_Static_assert(sizeof(struct sim_range) == sizeof(struct vfio_iova_range), "same layout");
	at = append(chain, VFIO_IOMMU_TYPE1_INFO_CAP_IOVA_RANGE, head + ranges);
	if (at == SIZE_MAX)
		return false;
	memcpy(chain->buf + at + offsetof(struct vfio_iommu_type1_info_cap_iova_range, nr_iovas),
	       &says, sizeof(says));
	memcpy(chain->buf + at + head, type1->ranges.at, ranges);
	return true;
}

static bool build(struct iom_sim *sim, const struct sim_type1 *type1, struct chain *chain)
{
	uint32_t says = (uint32_t)type1->ranges.n;

	if (sim->quirks[IOM_SIM_CAPS_CUT])
		says += 1000;
	if (sim->quirks[IOM_SIM_CAPS_UNKNOWN] && append(chain, UNKNOWN_ID, 24) == SIZE_MAX)
		return false;
	if (sim->info_growth && append(chain, UNKNOWN_ID, 8 + sim->info_growth) == SIZE_MAX)
		return false;
	if (!add_migration(chain, type1))
		return false;
	if (!sim->quirks[IOM_SIM_NO_DMA_AVAIL] && !add_dma_avail(chain, type1))
		return false;
	return add_iova_range(chain, type1, says);
}

/* Point the last capability where it must not point. */
static void spoil(struct iom_sim *sim, struct chain *chain)
{
	uint32_t next;

	if (iom_sim_quirk(sim, IOM_SIM_CAPS_CYCLE))
		next = (uint32_t)chain->base;
	else if (iom_sim_quirk(sim, IOM_SIM_CAPS_OUTSIDE))
		next = (uint32_t)(chain->base + chain->n + 8);
	else if (iom_sim_quirk(sim, IOM_SIM_CAPS_EDGE))
		next = (uint32_t)(chain->base + chain->n - 4);
	else
		return;
	memcpy(chain->buf + chain->last + offsetof(struct vfio_info_cap_header, next), &next,
	       sizeof(next));
}

static int answer(struct iom_sim *sim, const struct sim_type1 *type1, void *arg,
		  struct vfio_iommu_type1_info *info, struct chain *chain)
{
	bool odd = sim->quirks[IOM_SIM_CAPS_ODD];
	uint32_t need;
	int ret;

	chain->base = INFO_SIZE + odd;
	chain->aligned = sim->kernel >= 606;
	if (iom_sim_quirk(sim, IOM_SIM_INFO_GROWS))
		sim->info_growth += 8;
	if (!build(sim, type1, chain))
		return -ENOMEM;
	need = (uint32_t)(chain->base + chain->n);
	info->flags |= VFIO_IOMMU_INFO_CAPS;
	if (info->argsz < need) {
		info->argsz = need;
		return 0;
	}
	/* only now has the caller seen these */
	iom_sim_quirk(sim, IOM_SIM_CAPS_ODD);
	iom_sim_quirk(sim, IOM_SIM_CAPS_CUT);
	iom_sim_quirk(sim, IOM_SIM_CAPS_UNKNOWN);
	spoil(sim, chain);
	ret = iom_sim_copy_out((unsigned char *)arg + chain->base, chain->buf, chain->n);
	info->cap_offset = (uint32_t)chain->base;
	return ret;
}

int iom_sim_type1_info(struct iom_sim *sim, struct sim_type1 *type1, void *arg)
{
	const size_t least = offsetof(struct vfio_iommu_type1_info, cap_offset);
	/* 6.1 leaves the padding at the end of the struct as it was */
	size_t most = sim->kernel < 606 ? least + sizeof(uint32_t) : INFO_SIZE;
	union {
		struct vfio_iommu_type1_info info;
		unsigned char bytes[INFO_SIZE];
	} head = { .bytes = { 0 } };
	struct chain chain = { .buf = NULL };
	size_t n;
	int ret;

	ret = iom_sim_copy_in(&head, arg, least);
	if (ret)
		return ret;
	if (head.info.argsz < least)
		return -EINVAL;
	n = head.info.argsz;
	if (n < most && sim->kernel < 606)
		n = least; /* all of cap_offset, or nothing */
	else if (n > most)
		n = most;
	head.info.flags = VFIO_IOMMU_INFO_PGSIZES;
	head.info.iova_pgsizes = type1->pgsizes;
	if (!sim->quirks[IOM_SIM_NO_CAPS])
		ret = answer(sim, type1, arg, &head.info, &chain);
	free(chain.buf);
	return ret ? ret : iom_sim_copy_out(arg, &head, n);
}
