// SPDX-License-Identifier: BSD-3-Clause
/* type1: drivers/vfio/vfio_iommu_type1.c of Linux 6.1, 6.12 and 7.2. */
#include "sim/internal.h"

#include <errno.h>
#include <linux/vfio.h>
#include <stdlib.h>

/*
 * Since 6.18 type1 can deal with ranges that end at 2^64, and refuses those past it with EOVERFLOW.
 */
static bool knows_the_end(const struct iom_sim *sim)
{
	return sim->kernel >= 618;
}

/* ---- Extensions, groups --------------------------------------------------------------------- */

int iom_sim_type1_extension(const struct iom_sim *sim, const struct sim_type1 *type1,
			    unsigned long extension)
{
	if (sim->quirks[IOM_SIM_NO_TYPE1])
		return 0;
	switch (extension) {
	case VFIO_TYPE1_IOMMU:
		return 1;
	case VFIO_TYPE1v2_IOMMU:
		return !sim->quirks[IOM_SIM_NO_TYPE1V2];
	case VFIO_TYPE1_NESTING_IOMMU: /* taken out in 6.13 */
		return !sim->quirks[IOM_SIM_NO_TYPE1V2] && sim->kernel < 613;
	case VFIO_UNMAP_ALL:
		return !sim->quirks[IOM_SIM_NO_UNMAP_ALL];
	case VFIO_UPDATE_VADDR:
		return type1 && !sim->quirks[IOM_SIM_NO_UNMAP_ALL];
	default: /* DMA_CC among them: no IOMMU of QEMU enforces coherency by default */
		return 0;
	}
}

int iom_sim_type1_attach(struct iom_sim *sim, struct sim_container *container,
			 struct sim_group *group)
{
	struct sim_type1 *type1 = container->type1;

	if (type1->vaddr_invalid)
		return -EBUSY;
	if (iom_sim_ranges_conflict(sim, group, &type1->maps))
		return -EINVAL;
	if (!sim->isolated_msi && !sim->unsafe_interrupts)
		return -EPERM;
	return iom_sim_ranges_compute(sim, container->groups, group, NULL, &type1->ranges);
}

static void drop(struct iom_sim *sim, struct sim_type1 *type1, struct sim_map *map)
{
	uint64_t length = map->last - map->iova + 1;

	iom_sim_maps_remove(&type1->maps, map);
	type1->avail++;
	type1->vaddr_invalid -= map->vaddr_invalid;
	sim->mapped_bytes -= length;
	sim->locked_pages -= length / sim->page_size;
	free(map);
}

static void drop_all(struct iom_sim *sim, struct sim_type1 *type1)
{
	while (type1->maps.root)
		drop(sim, type1, type1->maps.root);
}

void iom_sim_type1_detach(struct iom_sim *sim, struct sim_container *container,
			  struct sim_group *group)
{
	struct sim_type1 *type1 = container->type1;

	if (container->groups == group && !group->container_next) {
		drop_all(sim, type1);
		return;
	}
	/* it keeps the narrower ranges if it has no memory for the wider */
	(void)iom_sim_ranges_compute(sim, container->groups, NULL, group, &type1->ranges);
}

void iom_sim_type1_release(struct iom_sim *sim, struct sim_type1 *type1)
{
	drop_all(sim, type1);
	free(type1->ranges.at);
	free(type1);
}

int iom_sim_type1_open(struct iom_sim *sim, struct sim_container *container, unsigned long type)
{
	struct sim_type1 *type1;
	int ret;

	/* an extension that is no type; and no IOMMU here can nest */
	if (type != VFIO_TYPE1_IOMMU && type != VFIO_TYPE1v2_IOMMU)
		return -EINVAL;
	type1 = calloc(1, sizeof(*type1));
	if (!type1)
		return -ENOMEM;
	type1->v2 = type == VFIO_TYPE1v2_IOMMU;
	type1->avail = sim->dma_entry_limit;
	type1->pgsizes = sim->pgsizes;
	ret = iom_sim_ranges_compute(sim, container->groups, NULL, NULL, &type1->ranges);
	if (!ret && !sim->isolated_msi && !sim->unsafe_interrupts)
		ret = -EPERM;
	if (ret) {
		iom_sim_type1_release(sim, type1);
		return ret;
	}
	container->type1 = type1;
	return 0;
}

/* ---- MAP_DMA -------------------------------------------------------------------------------- */

/* Pin page by page: the first one that is missing, or too much for the limit, decides. */
static int pin(struct iom_sim *sim, const struct vfio_iommu_type1_dma_map *map)
{
	bool write = map->flags & VFIO_DMA_MAP_FLAG_WRITE;
	uint64_t limit = sim->memlock / sim->page_size;
	uint64_t pages = map->size / sim->page_size;
	uint64_t room = limit > sim->locked_pages ? limit - sim->locked_pages : 0;
	int ret;

	if (sim->ipc_lock || sim->memlock == IOM_SIM_UNLIMITED || pages <= room) {
		ret = iom_sim_memory_check(sim, map->vaddr, map->size, write);
	} else {
		ret = iom_sim_memory_check(sim, map->vaddr, (room + 1) * sim->page_size, write);
		if (!ret)
			ret = -ENOMEM;
	}
	if (!ret)
		sim->locked_pages += pages;
	return ret;
}

static bool is_allowed(const struct sim_type1 *type1, uint64_t start, uint64_t last)
{
	size_t i;

	for (i = 0; i < type1->ranges.n; i++)
		if (start >= type1->ranges.at[i].start && last <= type1->ranges.at[i].last)
			return true;
	return false;
}

static int check_map_args(const struct iom_sim *sim, const struct sim_type1 *type1,
			  const struct vfio_iommu_type1_dma_map *map)
{
	uint64_t unit = type1->pgsizes & -type1->pgsizes;
	bool access = map->flags & (VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE);
	bool wraps = map->iova + map->size - 1 < map->iova ||
		     map->vaddr + map->size - 1 < map->vaddr;

	if (!map->size)
		return -EINVAL;
	if (wraps && knows_the_end(sim))
		return -EOVERFLOW;
	if (access == !!(map->flags & VFIO_DMA_MAP_FLAG_VADDR))
		return -EINVAL;
	if ((map->size | map->iova | map->vaddr) & (unit - 1))
		return -EINVAL;
	return wraps ? -EINVAL : 0;
}

static int update_vaddr(struct sim_type1 *type1, struct sim_map *found,
			const struct vfio_iommu_type1_dma_map *map)
{
	if (!found)
		return -ENOENT;
	if (!found->vaddr_invalid || found->iova != map->iova ||
	    found->last != map->iova + map->size - 1)
		return -EINVAL;
	found->vaddr = map->vaddr;
	found->vaddr_invalid = false;
	type1->vaddr_invalid--;
	return 0;
}

static int map_dma(struct iom_sim *sim, struct sim_type1 *type1, void *arg)
{
	struct vfio_iommu_type1_dma_map map;
	struct sim_map *found, *new;
	uint64_t last;
	int ret;

	ret = iom_sim_copy_in(&map, arg, sizeof(map));
	if (ret)
		return ret;
	if (map.argsz < sizeof(map) ||
	    map.flags & ~(uint32_t)(VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE |
				    VFIO_DMA_MAP_FLAG_VADDR))
		return -EINVAL;
	ret = check_map_args(sim, type1, &map);
	if (ret)
		return ret;
	last = map.iova + map.size - 1;
	found = iom_sim_maps_from(&type1->maps, map.iova);
	if (found && found->iova > last)
		found = NULL;
	if (map.flags & VFIO_DMA_MAP_FLAG_VADDR)
		return update_vaddr(type1, found, &map);
	if (found)
		return -EEXIST;
	if (!type1->avail)
		return -ENOSPC;
	if (!is_allowed(type1, map.iova, last))
		return -EINVAL;
	new = calloc(1, sizeof(*new));
	if (!new)
		return -ENOMEM;
	ret = pin(sim, &map);
	if (ret) {
		free(new);
		return ret;
	}
	new->iova = map.iova;
	new->last = last;
	new->vaddr = map.vaddr;
	new->flags = map.flags;
	iom_sim_maps_insert(&type1->maps, new);
	type1->avail--;
	sim->mapped_bytes += map.size;
	return 0;
}

/* ---- UNMAP_DMA ------------------------------------------------------------------------------ */

static int check_unmap_args(const struct iom_sim *sim, const struct sim_type1 *type1,
			    const struct vfio_iommu_type1_dma_unmap *unmap)
{
	uint64_t unit = type1->pgsizes & -type1->pgsizes;

	if (unmap->iova & (unit - 1))
		return -EINVAL;
	if (unmap->flags & VFIO_DMA_UNMAP_FLAG_ALL)
		return unmap->iova || unmap->size ? -EINVAL : 0;
	if (!unmap->size || unmap->size & (unit - 1))
		return -EINVAL;
	if (unmap->iova + unmap->size - 1 < unmap->iova)
		return knows_the_end(sim) ? -EOVERFLOW : -EINVAL;
	return 0;
}

/*
 * The first mapping of a range to unmap.  Before 6.18 one that ends at 2^64 is not found: the sum
 * of its IOVA and size is 0 there.
 */
static struct sim_map *first_of(const struct iom_sim *sim, const struct sim_type1 *type1,
				uint64_t start)
{
	struct sim_map *map = iom_sim_maps_from(&type1->maps, start);

	return map && map->last == UINT64_MAX && !knows_the_end(sim) ? NULL : map;
}

bool iom_sim_type1_cuts(const struct iom_sim *sim, const struct sim_type1 *type1, uint64_t start,
			uint64_t last)
{
	const struct sim_map *map;

	map = first_of(sim, type1, start);
	if (map && map->iova < start)
		return true;
	map = first_of(sim, type1, last);
	return map && map->iova <= last && map->last != last;
}

/* Invalidate the addresses in a range, or none if one is invalid already. */
static int invalidate(struct sim_type1 *type1, struct sim_map *first, uint64_t last, uint64_t *size)
{
	struct sim_map *map;

	for (map = first; map && map->iova <= last; map = iom_sim_maps_next(&type1->maps, map))
		if (map->vaddr_invalid)
			return -EINVAL;
	for (map = first; map && map->iova <= last; map = iom_sim_maps_next(&type1->maps, map)) {
		map->vaddr_invalid = true;
		type1->vaddr_invalid++;
		*size += map->last - map->iova + 1;
	}
	return 0;
}

/* Unmap what begins in the range; dirty, if not NULL, is told of it. */
static int unmap_range(struct iom_sim *sim, struct sim_type1 *type1,
		       struct vfio_iommu_type1_dma_unmap *unmap, const struct vfio_bitmap *dirty)
{
	bool all = unmap->flags & VFIO_DMA_UNMAP_FLAG_ALL;
	uint64_t last = all ? UINT64_MAX : unmap->iova + unmap->size - 1;
	struct sim_map *map, *next;
	uint64_t size = 0;
	int ret = 0;

	if (type1->v2 && !all && iom_sim_type1_cuts(sim, type1, unmap->iova, last))
		return -EINVAL;
	map = first_of(sim, type1, unmap->iova);
	if (!all && last == UINT64_MAX && !knows_the_end(sim))
		map = NULL; /* the end of the range is 0, and all mappings are past it */
	if (unmap->flags & VFIO_DMA_UNMAP_FLAG_VADDR) {
		ret = invalidate(type1, map, last, &size);
		map = NULL;
	}
	for (; map && map->iova <= last; map = next) {
		if (!type1->v2 && unmap->iova > map->iova)
			break;
		next = iom_sim_maps_next(&type1->maps, map);
		size += map->last - map->iova + 1;
		if (dirty)
			iom_sim_dirty_fill(map, unmap->iova, dirty);
		drop(sim, type1, map);
	}
	unmap->size = size;
	return ret;
}

/* Read what is behind the struct in the caller's buffer, if its flags say so. */
static int read_bitmap(const struct sim_type1 *type1,
		       const struct vfio_iommu_type1_dma_unmap *unmap, const void *arg,
		       struct vfio_bitmap *dirty)
{
	int ret;

	if (!(unmap->flags & VFIO_DMA_UNMAP_FLAG_GET_DIRTY_BITMAP))
		return 0;
	if (unmap->flags & (VFIO_DMA_UNMAP_FLAG_ALL | VFIO_DMA_UNMAP_FLAG_VADDR) ||
	    unmap->argsz < sizeof(*unmap) + sizeof(*dirty))
		return -EINVAL;
	ret = iom_sim_copy_in(dirty, (const char *)arg + sizeof(*unmap), sizeof(*dirty));
	if (ret)
		return ret;
	ret = iom_sim_dirty_check(type1, unmap->size, dirty);
	return !ret && !type1->dirty ? -EINVAL : ret;
}

static int unmap_dma(struct iom_sim *sim, struct sim_type1 *type1, void *arg)
{
	struct vfio_iommu_type1_dma_unmap unmap;
	struct vfio_bitmap dirty = { .data = NULL };
	uint32_t known = VFIO_DMA_UNMAP_FLAG_GET_DIRTY_BITMAP;
	int ret;

	ret = iom_sim_copy_in(&unmap, arg, sizeof(unmap));
	if (ret)
		return ret;
	if (!sim->quirks[IOM_SIM_NO_UNMAP_ALL])
		known |= VFIO_DMA_UNMAP_FLAG_ALL | VFIO_DMA_UNMAP_FLAG_VADDR;
	if (unmap.argsz < sizeof(unmap) || unmap.flags & ~known)
		return -EINVAL;
	ret = read_bitmap(type1, &unmap, arg, &dirty);
	if (ret)
		return ret;
	ret = check_unmap_args(sim, type1, &unmap);
	if (ret)
		return ret;
	if (iom_sim_quirk(sim, IOM_SIM_UNMAP_NOTHING))
		unmap.size = 0;
	else
		ret = unmap_range(sim, type1, &unmap, dirty.data ? &dirty : NULL);
	if (ret)
		return ret;
	if (unmap.size && iom_sim_quirk(sim, IOM_SIM_UNMAP_SHORT))
		unmap.size -= sim->page_size;
	return iom_sim_copy_out(arg, &unmap, sizeof(unmap));
}

int iom_sim_type1_ioctl(struct iom_sim *sim, struct sim_type1 *type1, unsigned long request,
			void *arg)
{
	switch (request) {
	case VFIO_IOMMU_GET_INFO:
		return iom_sim_type1_info(sim, type1, arg);
	case VFIO_IOMMU_MAP_DMA:
		return map_dma(sim, type1, arg);
	case VFIO_IOMMU_UNMAP_DMA:
		return unmap_dma(sim, type1, arg);
	case VFIO_IOMMU_DIRTY_PAGES:
		return iom_sim_type1_dirty(sim, type1, arg);
	default:
		return -ENOTTY;
	}
}
