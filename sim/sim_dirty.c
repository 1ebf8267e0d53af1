// SPDX-License-Identifier: BSD-3-Clause
/*
 * type1's DIRTY_PAGES.  No IOMMU here tells which pages a device has written, so all that is mapped
 * is always dirty, as on real ones without that feature.
 */
#include "sim/internal.h"

#include <errno.h>
#include <linux/vfio.h>
#include <string.h>

/* A bitmap is of words in the machine's order of bytes, as the kernel's own are. */
static void set_bit(__u64 *bitmap, uint64_t bit, bool value)
{
	const uint64_t mask = UINT64_C(1) << bit % 64;

	if (value)
		bitmap[bit / 64] |= mask;
	else
		bitmap[bit / 64] &= ~mask;
}

static void set_bits(__u64 *bitmap, uint64_t from, uint64_t n)
{
	uint64_t bit;

	/* the kernel writes whole words, zero behind the last page */
	for (bit = from + n; bit % 64; bit++)
		set_bit(bitmap, bit, false);
	for (bit = from; bit < from + n; bit++)
		set_bit(bitmap, bit, true);
}

void iom_sim_dirty_fill(const struct sim_map *map, uint64_t iova, const struct vfio_bitmap *bitmap)
{
	set_bits(bitmap->data, (map->iova - iova) / bitmap->pgsize,
		 (map->last - map->iova + 1) / bitmap->pgsize);
}

int iom_sim_dirty_check(const struct sim_type1 *type1, uint64_t size,
			const struct vfio_bitmap *bitmap)
{
	uint64_t pages;

	if (!bitmap->pgsize)
		return -EINVAL;
	pages = size / (bitmap->pgsize & -bitmap->pgsize);
	if (!pages || !bitmap->size || bitmap->size > SIM_DIRTY_BITMAP_MAX ||
	    bitmap->size < (pages + 63) / 64 * 8)
		return -EINVAL;
	return bitmap->pgsize == (type1->pgsizes & -type1->pgsizes) ? 0 : -EINVAL;
}

static int get_bitmap(const struct iom_sim *sim, struct sim_type1 *type1, const void *arg,
		      uint32_t argsz)
{
	struct vfio_iommu_type1_dirty_bitmap_get get;
	const size_t head = sizeof(struct vfio_iommu_type1_dirty_bitmap);
	const struct sim_map *map;
	uint64_t last;
	int ret;

	if (argsz - head < sizeof(get))
		return -EINVAL;
	ret = iom_sim_copy_in(&get, (const char *)arg + head, sizeof(get));
	if (ret)
		return ret;
	last = get.iova + get.size - 1;
	if (get.size && last < get.iova)
		return sim->kernel >= 618 ? -EOVERFLOW : -EINVAL;
	ret = iom_sim_dirty_check(type1, get.size, &get.bitmap);
	if (ret)
		return ret;
	if ((get.iova | get.size) & (get.bitmap.pgsize - 1) || !type1->dirty)
		return -EINVAL;
	if (iom_sim_type1_cuts(sim, type1, get.iova, last))
		return -EINVAL;
	for (map = iom_sim_maps_from(&type1->maps, get.iova); map && map->iova <= last;
	     map = iom_sim_maps_next(&type1->maps, map))
		iom_sim_dirty_fill(map, get.iova, &get.bitmap);
	return 0;
}

int iom_sim_type1_dirty(const struct iom_sim *sim, struct sim_type1 *type1, void *arg)
{
	struct vfio_iommu_type1_dirty_bitmap dirty;
	int ret;

	if (!type1->v2)
		return -EACCES;
	ret = iom_sim_copy_in(&dirty, arg, sizeof(dirty));
	if (ret)
		return ret;
	if (dirty.argsz < sizeof(dirty))
		return -EINVAL;
	switch (dirty.flags) { /* one at a time */
	case VFIO_IOMMU_DIRTY_PAGES_FLAG_START:
		type1->dirty = true;
		return 0;
	case VFIO_IOMMU_DIRTY_PAGES_FLAG_STOP:
		type1->dirty = false;
		return 0;
	case VFIO_IOMMU_DIRTY_PAGES_FLAG_GET_BITMAP:
		return get_bitmap(sim, type1, arg, dirty.argsz);
	default:
		return -EINVAL;
	}
}
