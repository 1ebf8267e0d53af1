// SPDX-License-Identifier: BSD-3-Clause
/*
 * The entries of windows: MAP_DMA and UNMAP_DMA of drivers/vfio/vfio_iommu_spapr_tce.c.  Runs of
 * entries that show memory in one piece are kept together; what the kernel spends on each of them
 * is counted all the same.
 */
#include "sim/spapr.h"

#include <errno.h>
#include <linux/vfio.h>
#include <stdlib.h>

/* Entries of a window. */
struct span {
	const struct sim_window *window;
	uint64_t first, n;
};

static uint64_t iova_of(const struct span *span)
{
	return span->window->start + (span->first << span->window->shift);
}

static bool is_pseries(const struct iom_sim *sim)
{
	return sim->power.machine == SIM_PSERIES;
}

/* Each entry that the hypervisor keeps is read and then written. */
static void count_calls(struct iom_sim *sim, uint64_t entries)
{
	if (is_pseries(sim))
		sim->power.cost.hypercalls += 2 * entries;
}

static void count_flush(struct iom_sim *sim)
{
	sim->power.cost.flushes += !is_pseries(sim);
}

/* ---- Clearing ------------------------------------------------------------------------------- */

/* tce_iommu_unuse_page_v2() of each entry, and the look for device memory in iommu_tce_xchg(). */
static void unuse(struct iom_sim *sim, const struct sim_spapr *spapr, const struct sim_map *run,
		  uint64_t entries, uint64_t page)
{
	struct sim_region *region;
	uint64_t visited;

	if (run->flags & VFIO_DMA_MAP_FLAG_WRITE)
		sim->power.cost.list_nodes += entries * sim->power.n_regions;
	if (!spapr->v2)
		return;
	region = iom_sim_region_find(sim, run->vaddr, page, &visited);
	sim->power.cost.list_nodes += (entries - 1) * visited;
	if (region)
		region->mapped -= entries;
}

/* Make a run begin at iova, if one goes over it. */
static void cut(struct sim_spapr *spapr, uint64_t iova)
{
	struct sim_map *run = iom_sim_maps_from(&spapr->maps, iova), *high;

	if (!run || run->iova >= iova)
		return;
	high = malloc(sizeof(*high));
	if (!high)
		abort(); /* the kernel needs no memory for this, and cannot fail */
	*high = *run;
	high->iova = iova;
	high->vaddr += iova - run->iova;
	run->last = iova - 1;
	iom_sim_maps_insert(&spapr->maps, high);
}

/* Empty what is in use; how many entries that were. */
static uint64_t empty(struct iom_sim *sim, struct sim_spapr *spapr, const struct span *span)
{
	const unsigned int shift = span->window->shift;
	uint64_t start = iova_of(span), last = start + (span->n << shift) - 1, n = 0;
	struct sim_map *run;

	if (!span->n)
		return 0;
	cut(spapr, start);
	if (last != UINT64_MAX)
		cut(spapr, last + 1);
	while ((run = iom_sim_maps_from(&spapr->maps, start)) && run->iova <= last) {
		uint64_t length = run->last - run->iova + 1;

		iom_sim_maps_remove(&spapr->maps, run);
		unuse(sim, spapr, run, length >> shift, UINT64_C(1) << shift);
		sim->mapped_bytes -= length;
		n += length >> shift;
		free(run);
	}
	return n;
}

/* tce_iommu_clear() */
static void clear(struct iom_sim *sim, struct sim_spapr *spapr, const struct span *span)
{
	sim->power.cost.entries_cleared += empty(sim, spapr, span);
	count_calls(sim, span->n);
	count_flush(sim);
}

void iom_sim_tce_clear_window(struct iom_sim *sim, struct sim_spapr *spapr,
			      const struct sim_window *window)
{
	const struct span all = { window, 0, window->entries };

	clear(sim, spapr, &all);
}

/* ---- MAP_DMA -------------------------------------------------------------------------------- */

/* How many entries from vaddr on show pages that are large enough; of a region that is. */
static int check_parts(const struct sim_region *region, unsigned int shift, uint64_t vaddr,
		       uint64_t *n)
{
	uint64_t part;
	size_t i;

	for (i = 0; i < region->n_parts && region->parts[i].end <= vaddr; i++)
		;
	if (i == region->n_parts) /* the window's pages are no larger than the system's */
		return 0;
	if (region->parts[i].shift < shift)
		return -EPERM;
	part = ((region->parts[i].end - vaddr - 1) >> shift) + 1;
	if (*n > part)
		*n = part;
	return 0;
}

/* The next entries, at most *n, that are alike: all of one region, in pages large enough. */
static int find_registered(struct iom_sim *sim, unsigned int shift, uint64_t vaddr, uint64_t *n,
			   struct sim_region **found)
{
	struct sim_region *region;
	uint64_t visited, inside;

	region = iom_sim_region_find(sim, vaddr, UINT64_C(1) << shift, &visited);
	if (!region || shift > region->shift)
		return -EINVAL;
	inside = (region->start + region->pages * sim->page_size - vaddr) >> shift;
	if (*n > inside)
		*n = inside;
	sim->power.cost.list_nodes += (*n - 1) * visited + *n * sim->power.n_regions;
	*found = region;
	return check_parts(region, shift, vaddr, n);
}

/* The same of v1, where each page is pinned now, for writing whatever it is mapped for. */
static int find_pinned(struct iom_sim *sim, unsigned int shift, uint64_t vaddr, uint64_t *n)
{
	uint64_t start = vaddr & ~(sim->page_size - 1), end = vaddr + (*n << shift);
	uint64_t pages = (end - start + sim->page_size - 1) / sim->page_size, good;

	good = iom_sim_region_count_good(sim, start, pages);
	if (!good)
		return -EFAULT;
	if (good < pages)
		*n = (start + good * sim->page_size - vaddr) >> shift;
	sim->power.cost.list_nodes += *n * sim->power.n_regions;
	return 0;
}

/* What was there is replaced, and nobody is told. */
static void set(struct iom_sim *sim, struct sim_spapr *spapr, const struct span *span,
		uint64_t vaddr, uint32_t flags)
{
	const uint64_t length = span->n << span->window->shift;
	struct sim_map *run;

	empty(sim, spapr, span);
	run = calloc(1, sizeof(*run));
	if (!run)
		abort(); /* the table is there: it cannot fail */
	run->iova = iova_of(span);
	run->last = run->iova + length - 1;
	run->vaddr = vaddr;
	run->flags = flags;
	iom_sim_maps_insert(&spapr->maps, run);
	sim->mapped_bytes += length;
	sim->power.cost.entries_set += span->n;
	count_calls(sim, span->n);
}

/* tce_iommu_build(): a failure clears what was set, and what was there before is lost. */
static int build(struct iom_sim *sim, struct sim_spapr *spapr, const struct span *span,
		 uint64_t vaddr, uint32_t flags)
{
	const struct sim_window *window = span->window;
	struct span done = { window, span->first, 0 };
	int ret = 0;

	while (done.n < span->n) {
		struct span part = { window, span->first + done.n, span->n - done.n };
		uint64_t at = vaddr + (done.n << window->shift);
		struct sim_region *region = NULL;

		if (part.first < window->entries && part.n > window->entries - part.first)
			part.n = window->entries - part.first;
		ret = spapr->v2 ? find_registered(sim, window->shift, at, &part.n, &region)
				: find_pinned(sim, window->shift, at, &part.n);
		if (ret)
			break;
		if (part.first >= window->entries)
			return iom_sim_spapr_crash(sim, "MAP_DMA over the end of its window");
		if (region)
			region->mapped += part.n;
		set(sim, spapr, &part, at, flags);
		done.n += part.n;
	}
	if (ret)
		clear(sim, spapr, &done);
	else
		count_flush(sim);
	return ret;
}

int iom_sim_tce_map(struct iom_sim *sim, struct sim_spapr *spapr, void *arg)
{
	const uint32_t access = VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE;
	struct vfio_iommu_type1_dma_map map;
	struct span span;
	uint64_t mask;
	int ret;

	if (!spapr->enabled)
		return -EPERM;
	ret = iom_sim_copy_in(&map, arg, sizeof(map));
	if (ret)
		return ret;
	if (map.argsz < sizeof(map) || map.flags & ~access)
		return -EINVAL;
	ret = iom_sim_window_default(sim, spapr);
	if (ret)
		return ret;
	span.window = iom_sim_window_find(spapr, map.iova);
	if (!span.window)
		return -ENXIO;
	mask = (UINT64_C(1) << span.window->shift) - 1;
	if ((map.size | map.vaddr) & mask || !(map.flags & access))
		return -EINVAL;
	if (map.iova & mask) /* a check that says no, not why */
		return 1;
	span.first = (map.iova - span.window->start) >> span.window->shift;
	span.n = map.size >> span.window->shift;
	return build(sim, spapr, &span, map.vaddr, map.flags);
}

/* ---- UNMAP_DMA ------------------------------------------------------------------------------ */

/* Before 7.x the end of the window is nothing to it. */
static bool checks_end(const struct iom_sim *sim)
{
	return sim->kernel >= 700;
}

int iom_sim_tce_unmap(struct iom_sim *sim, struct sim_spapr *spapr, void *arg)
{
	struct vfio_iommu_type1_dma_unmap unmap;
	struct span span;
	uint64_t mask;
	bool over;
	int ret;

	if (!spapr->enabled)
		return -EPERM;
	ret = iom_sim_copy_in(&unmap, arg, sizeof(unmap));
	if (ret)
		return ret;
	if (unmap.argsz < sizeof(unmap) || unmap.flags)
		return -EINVAL;
	ret = iom_sim_window_default(sim, spapr);
	if (ret)
		return ret;
	span.window = iom_sim_window_find(spapr, unmap.iova);
	if (!span.window)
		return -ENXIO;
	mask = (UINT64_C(1) << span.window->shift) - 1;
	if (unmap.size & mask)
		return -EINVAL;
	span.first = (unmap.iova - span.window->start) >> span.window->shift;
	span.n = unmap.size >> span.window->shift;
	over = span.n > span.window->entries - span.first;
	if (unmap.iova & mask || (over && checks_end(sim)))
		return 1;
	if (over)
		span.n = span.window->entries - span.first;
	clear(sim, spapr, &span);
	return over ? iom_sim_spapr_crash(sim, "UNMAP_DMA over the end of its window") : 0;
}
