// SPDX-License-Identifier: BSD-3-Clause
/* What may be unmapped apart (unmap_granule), without looking at the device. */
#include <errno.h>
#include <sys/mman.h>

#include "harness.h"

static enum outcome options(struct fixture *f)
{
	static const uint64_t bad[] = { 1, 3, 2048, 12288, UINT64_MAX };
	static const uint64_t good[] = { 4096, 65536, UINT64_C(1) << 63 };
	struct iom_open_opts opts = { .size = sizeof(opts) };
	struct iom_domain *dom = NULL;
	size_t i;

	(void)f;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		opts.unmap_granule = bad[i];
		REFUSED(world_open(&dom, &opts), -EINVAL, "unmap_granule", "power of two");
		EXPECT(!dom);
	}
	for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		opts.unmap_granule = good[i];
		OK(world_open(&dom, &opts));
		iom_close(dom);
	}
	return PASS;
}

static enum outcome counted(struct fixture *f)
{
	struct iom_counters before, c;
	struct iom_region r;
	uint64_t page;
	char *p;

	OK(open_with_device(f, 4 * KIB));
	page = f->page;
	p = memory(8 * page);
	before = counters(f);
	OK(iom_map(f->dom, p, 8 * page, IOM_MAP_RW, NULL, &r));
	c = counters(f);
	EXPECT(c.mappings == before.mappings + 1);
	EXPECT(c.kernel_maps == before.kernel_maps + 8);
	EXPECT(c.entry_limit == UINT64_MAX || c.entries_used == before.entries_used + 8);

	OK(iom_unmap_range(f->dom, r.iova + 2 * page, 2 * page));
	c = counters(f);
	EXPECT(c.mappings == before.mappings + 2);
	EXPECT(c.mapped_bytes == before.mapped_bytes + 6 * page);
	EXPECT(c.entry_limit == UINT64_MAX || c.entries_used == before.entries_used + 6);
	EXPECT(translates_to(f, p, r.iova) && translates_to(f, p + 4 * page, r.iova + 4 * page));
	EXPECT(!is_mapped(f, p + 2 * page) && !is_mapped(f, p + 4 * page - 1));

	REFUSED(iom_unmap_range(f->dom, r.iova + 2 * page, page), -ENOENT, "nothing is mapped");
	REFUSED(iom_unmap_range(f->dom, r.iova, 8 * page), -ENOENT, "nothing is mapped");
	EXPECT(counters(f).mappings == c.mappings && counters(f).mapped_bytes == c.mapped_bytes);
	OK(iom_unmap(f->dom, &r));
	EXPECT(same_mappings(f, &before));
	REFUSED(iom_unmap(f->dom, &r), -ENOENT, "unmapped before");
	return PASS;
}

static enum outcome misaligned(struct fixture *f)
{
	struct iom_counters before;
	struct iom_region r;
	uint64_t page, granule = 256 * KIB;

	OK(open_with_device(f, granule));
	page = f->page;
	OK(iom_map(f->dom, memory(2 * granule), 2 * granule, IOM_MAP_RW, NULL, &r));
	before = counters(f);
	REFUSED(iom_unmap_range(f->dom, r.iova, page), -EINVAL, "cut", "unmap_granule");
	REFUSED(iom_unmap_range(f->dom, r.iova + page, granule), -EINVAL, "cut", "unmap_granule");
	REFUSED(iom_unmap_range(f->dom, r.iova, granule - 1), -EINVAL, "cut");
	REFUSED(iom_unmap_range(f->dom, r.iova + granule, granule - page), -EINVAL, "cut");
	REFUSED(iom_unmap_range(f->dom, r.iova + granule + 1, granule - 1), -EINVAL, "cut");
	EXPECT(same_mappings(f, &before) && before.kernel_unmaps == counters(f).kernel_unmaps);
	OK(iom_unmap_range(f->dom, r.iova + granule, granule));
	OK(iom_unmap_range(f->dom, r.iova, granule));
	REFUSED(iom_unmap(f->dom, &r), -ENOENT, "unmapped before");
	return PASS;
}

/* Nowhere in [first, end) of the mapping are more bytes told than up to end, and no fewer than promised. */
static enum outcome check_runs(struct fixture *f, const struct iom_region *r, uint64_t first,
			       uint64_t end)
{
	uint64_t at, run, left;
	iom_iova_t iova;
	void *va;

	for (at = first; at < end; at += f->page / 2) {
		left = end - at;
		OK(iom_translate(f->dom, (char *)r->va + at, r->length - at, &iova, &run));
		EXPECT(iova == r->iova + at && run <= left);
		EXPECT(run >= (left < 2 * MIB ? left : 2 * MIB));
		OK(iom_iova_to_va(f->dom, r->iova + at, r->length - at, &va, &run));
		EXPECT(va == (char *)r->va + at && run <= left);
		EXPECT(run >= (left < 2 * MIB ? left : 2 * MIB));
	}
	return PASS;
}

/* What translate says to be contiguous never reaches into what was unmapped. */
static enum outcome runs_end_at_cuts(struct fixture *f)
{
	struct iom_region r;
	uint64_t granule = 128 * KIB, length = 6 * MIB;

	OK(open_with_device(f, granule));
	OK(iom_map(f->dom, memory(length), length, IOM_MAP_RW, NULL, &r));
	TRY(check_runs(f, &r, 0, length));
	OK(iom_unmap_range(f->dom, r.iova + 3 * MIB, granule));
	TRY(check_runs(f, &r, 0, 3 * MIB));
	TRY(check_runs(f, &r, 3 * MIB + granule, length));
	OK(iom_unmap_range(f->dom, r.iova + length - granule, granule));
	TRY(check_runs(f, &r, 3 * MIB + granule, length - granule));
	OK(iom_unmap_range(f->dom, r.iova, MIB));
	TRY(check_runs(f, &r, MIB, 3 * MIB));
	OK(iom_unmap_range(f->dom, r.iova + MIB + granule, MIB));
	TRY(check_runs(f, &r, MIB, MIB + granule));
	TRY(check_runs(f, &r, 2 * MIB + granule, 3 * MIB));
	EXPECT(!is_mapped(f, r.va) && !is_mapped(f, (char *)r.va + 3 * MIB));
	OK(iom_unmap(f->dom, &r));
	return PASS;
}

/* Every second granule, then the region: all that is left goes, and the IOVAs can be had again. */
static enum outcome region_frees_the_rest(struct fixture *f)
{
	struct iom_counters before;
	struct iom_region r, again;
	uint64_t page, length, pages, i;
	char *p;

	OK(open_with_device(f, 4 * KIB));
	length = 32 * memory_page(f);
	p = memory(length);
	before = counters(f);
	OK(iom_map(f->dom, p, length, IOM_MAP_RW, NULL, &r));
	page = aperture_page(f, r.iova);
	pages = length / page;
	for (i = 0; i < pages; i += 2)
		OK(iom_unmap_range(f->dom, r.iova + i * page, page));
	EXPECT(counters(f).mappings == before.mappings + pages / 2);
	OK(iom_unmap(f->dom, &r));
	EXPECT(same_mappings(f, &before));
	OK(map_at(f, p, length, r.iova, &again));

	/* part by part until nothing is left */
	for (i = 0; i < pages; i++)
		OK(iom_unmap_range(f->dom, r.iova + (i * 5 % pages) * page, page));
	EXPECT(same_mappings(f, &before));
	REFUSED(iom_unmap(f->dom, &again), -ENOENT, "unmapped before");
	return PASS;
}

/* The end of one mapping and the beginning of the next, in one call. */
static enum outcome across_mappings(struct fixture *f)
{
	struct iom_region first, second;
	struct iom_counters before;
	uint64_t page;
	char *p, *q;

	OK(open_with_device(f, 4 * KIB));
	page = f->page;
	p = memory(4 * page);
	q = memory(4 * page);
	before = counters(f);
	OK(iom_map(f->dom, p, 4 * page, IOM_MAP_RW, NULL, &first));
	OK(map_at(f, q, 4 * page, first.iova + 4 * page, &second));
	OK(iom_unmap_range(f->dom, first.iova + 2 * page, 3 * page));
	EXPECT(is_mapped(f, p + 2 * page - 1) && !is_mapped(f, p + 2 * page));
	EXPECT(!is_mapped(f, q) && is_mapped(f, q + page));
	EXPECT(counters(f).mapped_bytes == before.mapped_bytes + 5 * page);
	OK(iom_unmap(f->dom, &second));
	OK(iom_unmap(f->dom, &first));
	EXPECT(same_mappings(f, &before));
	return PASS;
}

/*
 * So that multiples of the granule are the same in addresses and IOVAs.  Two of these addresses
 * differ by half a granule, so no IOVA can suit both by luck.
 */
static enum outcome congruent(struct fixture *f)
{
	const uint64_t granule = 4 * MIB;
	struct iom_region r;
	uint64_t i;
	char *p;

	OK(open_with_device(f, granule));
	p = memory(3 * granule);
	for (i = 0; i < 4; i++) {
		OK(iom_map(f->dom, p + i % 2 * (granule / 2) + i / 2 * f->page, 2 * granule,
			   IOM_MAP_RW, NULL, &r));
		EXPECT(((r.iova ^ (uintptr_t)r.va) & (granule - 1)) == 0);
		OK(iom_unmap(f->dom, &r));
	}
	return PASS;
}

/* One granule of many cannot be mapped: none of them is. */
static enum outcome all_or_nothing(struct fixture *f)
{
	struct iom_counters before;
	struct iom_region r;
	uint64_t page;
	char *p;

	OK(open_with_device(f, 4 * KIB));
	page = memory_page(f);
	p = memory(8 * page);
	take_away(p + 6 * page, page);
	before = counters(f);
	REFUSED(iom_map(f->dom, p, 8 * page, IOM_MAP_RW, NULL, &r), -EFAULT, "not there");
	EXPECT(same_mappings(f, &before) && !is_mapped(f, p));
	OK(iom_map(f->dom, p, 6 * page, IOM_MAP_RW, NULL, &r));
	OK(iom_unmap(f->dom, &r));
	return PASS;
}

/* Each granule is one of the kernel's mappings; too many leave nothing behind. */
static enum outcome entry_limit(struct fixture *f)
{
	struct iom_counters before;
	struct iom_region r;
	uint64_t page;
	char *p;

	STAGE(stage_entry_limit(8));
	OK(open_with_device(f, 4 * KIB));
	page = f->page;
	p = memory(9 * page);
	before = counters(f);
	if (before.entry_limit == UINT64_MAX)
		return not_applicable("this backend has no limit on mappings");
	EXPECT(before.entry_limit == 8);
	REFUSED(iom_map(f->dom, p, 9 * page, IOM_MAP_RW, NULL, &r), -ENOSPC, "limit of 8",
		"mappings");
	EXPECT(same_mappings(f, &before) && !is_mapped(f, p));
	OK(iom_map(f->dom, p, 8 * page, IOM_MAP_RW, NULL, &r));
	REFUSED(iom_map(f->dom, p + 8 * page, page, IOM_MAP_RW, NULL, NULL), -ENOSPC, "limit of 8");
	OK(iom_unmap_range(f->dom, r.iova + 4 * page, page));
	OK(iom_map(f->dom, p + 8 * page, page, IOM_MAP_RW, NULL, NULL));
	OK(iom_unmap_all(f->dom));
	EXPECT(same_mappings(f, &before));
	return PASS;
}

/* A granule below the page size is a page. */
static enum outcome below_a_page(struct fixture *f)
{
	struct iom_region r;
	uint64_t page;

	OK(open_with_device(f, 4 * KIB));
	page = f->page;
	if (page == 4 * KIB)
		return not_applicable("no page is larger than the smallest granule");
	OK(iom_map(f->dom, memory(2 * page), 2 * page, IOM_MAP_RW, NULL, &r));
	REFUSED(iom_unmap_range(f->dom, r.iova, 4 * KIB), -EINVAL, "cut");
	OK(iom_unmap_range(f->dom, r.iova, page));
	OK(iom_unmap(f->dom, &r));
	return PASS;
}

const struct test granule_tests[] = {
	{ "granule-options", options, NEEDS_NOTHING },
	{ "granule-counters", counted, NEEDS_NOTHING },
	{ "granule-misaligned-cuts", misaligned, NEEDS_NOTHING },
	{ "granule-contiguity-ends-at-cuts", runs_end_at_cuts, NEEDS_NOTHING },
	{ "granule-region-frees-the-rest", region_frees_the_rest, NEEDS_NOTHING },
	{ "granule-across-mappings", across_mappings, NEEDS_NOTHING },
	{ "granule-congruent-iovas", congruent, NEEDS_NOTHING },
	{ "granule-all-or-nothing", all_or_nothing, NEEDS_NOTHING },
	{ "granule-entry-limit", entry_limit, NEEDS_NOTHING },
	{ "granule-smaller-than-a-page", below_a_page, NEEDS_NOTHING },
	{ NULL, NULL, NEEDS_NOTHING },
};
