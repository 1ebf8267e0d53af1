// SPDX-License-Identifier: BSD-3-Clause
/*
 * Memory that was registered: arch/powerpc/mm/book3s64/iommu_api.c.  The list is the process's, so
 * that what one container registers is in the way of all others.
 */
#include "sim/spapr.h"

#include <errno.h>
#include <stdlib.h>

static uint64_t end_of(const struct iom_sim *sim, const struct sim_region *region)
{
	return region->start + region->pages * sim->page_size;
}

struct sim_region *iom_sim_region_find(struct iom_sim *sim, uint64_t vaddr, uint64_t size,
				       uint64_t *visited)
{
	struct sim_region *region;

	*visited = 0;
	for (region = sim->power.regions; region; region = region->next) {
		++*visited;
		if (region->start <= vaddr && vaddr + size <= end_of(sim, region))
			break;
	}
	sim->power.cost.list_nodes += *visited;
	return region;
}

/* ---- What backs it -------------------------------------------------------------------------- */

static int add_part(struct sim_region *region, uint64_t end, unsigned int shift)
{
	struct sim_part *last = region->n_parts ? &region->parts[region->n_parts - 1] : NULL;
	struct sim_part *more;

	if (last && last->shift == shift) {
		last->end = end;
		return 0;
	}
	more = realloc(region->parts, (region->n_parts + 1) * sizeof(*more));
	if (!more)
		return -ENOMEM;
	region->parts = more;
	more[region->n_parts++] = (struct sim_part){ end, shift };
	return 0;
}

static int find_parts(const struct iom_sim *sim, struct sim_region *region)
{
	uint64_t at = region->start, end = end_of(sim, region);
	struct iom_vma vma;
	int ret = 0;

	for (; !ret && at < end; at = vma.end) {
		if (iom_sim_find_vma(sim, at, &vma) < 0)
			vma = (struct iom_vma){ at, end, sim->page_size };
		ret = add_part(region, vma.end < end ? vma.end : end,
			       (unsigned int)__builtin_ctzll(vma.page_size));
	}
	return ret;
}

/*
 * The largest page of a window that may show the region: no larger than what it is aligned to, nor
 * than the huge pages in it.  Small pages count only before the first huge one: the kernel's loop
 * does not go back to their size.  What is aligned to small pages only need not be asked about.
 */
static int find_shift(const struct iom_sim *sim, struct sim_region *region)
{
	const unsigned int page = (unsigned int)__builtin_ctzll(sim->page_size);
	unsigned int shift = page;
	size_t i;
	int ret;

	region->shift =
		(unsigned int)__builtin_ctzll(region->start | region->pages * sim->page_size);
	if (region->shift <= page)
		return 0;
	ret = find_parts(sim, region);
	if (ret)
		return ret;
	for (i = 0; i < region->n_parts; i++) {
		if (region->shift > page && region->parts[i].shift > page)
			shift = region->parts[i].shift;
		if (region->shift > shift)
			region->shift = shift;
	}
	return 0;
}

/* ---- Making and ending one ------------------------------------------------------------------ */

uint64_t iom_sim_region_count_good(const struct iom_sim *sim, uint64_t start, uint64_t pages)
{
	uint64_t good = 0, some;

	if (!iom_sim_memory_check(sim, start, pages * sim->page_size, true))
		return pages;
	while (pages > 1) {
		some = pages / 2;
		if (iom_sim_memory_check(sim, start, some * sim->page_size, true)) {
			pages = some;
			continue;
		}
		good += some;
		start += some * sim->page_size;
		pages -= some;
	}
	return good;
}

/*
 * All for writing, whatever it will be mapped for.  If some of it can be pinned, the answer is how
 * many pages that was, and nobody takes it for the failure that it is.
 */
static int pin(const struct iom_sim *sim, const struct sim_region *region)
{
	uint64_t good = iom_sim_region_count_good(sim, region->start, region->pages);

	if (good == region->pages)
		return 0;
	return good ? (int)good : -EFAULT;
}

static bool overlaps(const struct iom_sim *sim, const struct sim_region *region)
{
	const struct sim_region *other;

	for (other = sim->power.regions; other; other = other->next)
		if (other->start < end_of(sim, region) && region->start < end_of(sim, other))
			return true;
	return false;
}

static void free_region(struct sim_region *region)
{
	free(region->parts);
	free(region);
}

static int fill(struct iom_sim *sim, struct sim_region *region)
{
	int ret = pin(sim, region);

	if (!ret)
		ret = find_shift(sim, region);
	if (!ret && overlaps(sim, region))
		ret = -EINVAL;
	return ret;
}

/* mm_iommu_new(); an answer above 0 is a failure too. */
static int make(struct iom_sim *sim, uint64_t start, uint64_t pages, struct sim_region **made)
{
	struct sim_region *region;
	int ret;

	ret = iom_sim_spapr_charge(sim, pages);
	if (ret)
		return ret;
	if (!pages) /* vzalloc() of nothing, with a warning in the log */
		return -ENOMEM;
	region = calloc(1, sizeof(*region));
	if (!region) {
		sim->locked_pages -= pages;
		return -ENOMEM;
	}
	region->start = start;
	region->pages = pages;
	ret = fill(sim, region);
	if (ret) {
		sim->locked_pages -= pages;
		free_region(region);
		return ret;
	}
	region->used = 1;
	region->mapped = 1;
	region->next = sim->power.regions;
	sim->power.regions = region;
	sim->power.n_regions++;
	*made = region;
	return 0;
}

/* mm_iommu_get() */
static struct sim_region *get(struct iom_sim *sim, uint64_t start, uint64_t pages)
{
	struct sim_region *region;

	for (region = sim->power.regions; region; region = region->next) {
		if (region->start == start && region->pages == pages) {
			region->used++;
			break;
		}
	}
	return region;
}

/* mm_iommu_put(): the last one fails while entries use the region, and leaves it without owner. */
static int put(struct iom_sim *sim, struct sim_region *region)
{
	struct sim_region **link;

	if (--region->used)
		return 0;
	if (region->mapped != 1) {
		region->used++;
		sim->power.leaks++;
		return -EBUSY;
	}
	for (link = &sim->power.regions; *link != region; link = &(*link)->next)
		;
	*link = region->next;
	sim->power.n_regions--;
	sim->locked_pages -= region->pages;
	free_region(region);
	return 0;
}

/* ---- A container's -------------------------------------------------------------------------- */

static struct sim_prereg **find_prereg(struct sim_spapr *spapr, const struct sim_region *region)
{
	struct sim_prereg **link;

	for (link = &spapr->preregs; *link && (*link)->region != region; link = &(*link)->next)
		;
	return link;
}

int iom_sim_region_register(struct iom_sim *sim, struct sim_spapr *spapr, uint64_t vaddr,
			    uint64_t size)
{
	uint64_t pages = size / sim->page_size;
	struct sim_region *region;
	struct sim_prereg *prereg;
	int ret;

	if ((vaddr | size) & (sim->page_size - 1) || vaddr + size < vaddr)
		return -EINVAL;
	region = get(sim, vaddr, pages);
	if (region && *find_prereg(spapr, region)) {
		put(sim, region);
		return -EBUSY;
	}
	if (!region) {
		ret = make(sim, vaddr, pages, &region);
		if (ret)
			return ret;
	}
	prereg = calloc(1, sizeof(*prereg));
	if (!prereg) {
		put(sim, region);
		return -ENOMEM;
	}
	prereg->region = region;
	prereg->next = spapr->preregs;
	spapr->preregs = prereg;
	spapr->enabled = true;
	return 0;
}

int iom_sim_region_unregister(struct iom_sim *sim, struct sim_spapr *spapr, uint64_t vaddr,
			      uint64_t size)
{
	struct sim_prereg **link, *prereg;
	struct sim_region *region;

	if ((vaddr | size) & (sim->page_size - 1))
		return -EINVAL;
	region = get(sim, vaddr, size / sim->page_size);
	if (!region)
		return -ENOENT;
	link = find_prereg(spapr, region);
	prereg = *link;
	if (prereg) {
		*link = prereg->next;
		free(prereg);
		put(sim, region); /* not the last one, with that of get() */
	}
	put(sim, region); /* and nobody minds its answer */
	return prereg ? 0 : -ENOENT;
}

void iom_sim_region_drop_all(struct iom_sim *sim, struct sim_spapr *spapr)
{
	struct sim_prereg *prereg;

	while ((prereg = spapr->preregs)) {
		spapr->preregs = prereg->next;
		put(sim, prereg->region); /* -EBUSY is a warning in the log */
		free(prereg);
	}
}
