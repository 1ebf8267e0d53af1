// SPDX-License-Identifier: BSD-3-Clause
/* Mappings that must work, and where they must lie. */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "harness.h"

#define FOUR_GIB (UINT64_C(1) << 32)

static enum outcome one_page(struct fixture *f)
{
	struct iom_counters before = counters(f), after;
	struct iom_region r;
	void *p = memory(f->page);

	OK(iom_map(f->dom, p, f->page, IOM_MAP_RW, NULL, &r));
	EXPECT(r.va == p && r.length == f->page && r.flags == IOM_MAP_RW && r.generation);
	EXPECT(iom_region_iova(&r, (char *)p + 17) == r.iova + 17);
	after = counters(f);
	EXPECT(after.mappings == before.mappings + 1);
	EXPECT(after.mapped_bytes == before.mapped_bytes + f->page);
	EXPECT(after.kernel_maps == before.kernel_maps + 1);
	OK(iom_unmap(f->dom, &r));
	EXPECT(same_mappings(f, &before));
	return PASS;
}

static enum outcome sizes(struct fixture *f)
{
	uint64_t length;

	for (length = f->page; length <= 64 * MIB; length = length * 3 / f->page * f->page) {
		struct iom_region r;
		void *p = memory(length);

		OK(iom_map(f->dom, p, length, IOM_MAP_RW, NULL, &r));
		EXPECT(r.length == length);
		OK(iom_unmap(f->dom, &r));
		munmap(p, length);
	}
	return PASS;
}

/* Memory of huge pages gets an IOVA that begins at one, too. */
static enum outcome map_huge(struct fixture *f, int shift, uint64_t length)
{
	struct iom_counters before = counters(f);
	uint64_t size = UINT64_C(1) << shift;
	void *p = world_huge_memory(length, shift);
	struct iom_region r;
	int ret;

	if (!p)
		return not_applicable("no free huge pages of %llu MiB",
				      (unsigned long long)(size / MIB));
	ret = iom_map(f->dom, p, length, IOM_MAP_RW, NULL, &r);
	if (ret == -ERANGE && !has_room(f, length))
		return not_applicable("no aperture has room for %llu MiB",
				      (unsigned long long)(length / MIB));
	OK(ret);
	EXPECT(!(r.iova & (largest_page(f, r.iova, size) - 1)));
	EXPECT(counters(f).kernel_maps == before.kernel_maps + 1);
	EXPECT(translates_to(f, (char *)p + length - 1, r.iova + length - 1));
	OK(iom_unmap(f->dom, &r));
	EXPECT(same_mappings(f, &before));
	munmap(p, length);
	return PASS;
}

static enum outcome huge_page(struct fixture *f)
{
	uint64_t length;

	/* the hash MMU of POWER has others */
	if (map_huge(f, 21, 2 * MIB) == NOT_APPLICABLE)
		return map_huge(f, 24, 32 * MIB);
	for (length = 2 * MIB; length <= 32 * MIB; length *= 2)
		TRY(map_huge(f, 21, length));
	return PASS;
}

static enum outcome gigantic_page(struct fixture *f)
{
	return map_huge(f, 30, GIB);
}

/* So that the IOMMU can use its large pages inside: where the memory has one, the IOVA has it too. */
static enum outcome congruent(struct fixture *f)
{
	struct iom_aperture a[N_APERTURES];
	struct iom_region r;
	char *p = memory(8 * MIB);

	OK(iom_apertures(f->dom, a, N_APERTURES));
	if (!(a[0].page_sizes & 2 * MIB) &&
	    !(a[0].flags & IOM_APERTURE_LARGER_PAGES && f->page == 4 * KIB))
		return not_applicable("the IOMMU has no pages of 2 MiB");
	OK(iom_map(f->dom, p + f->page, 8 * MIB - f->page, IOM_MAP_RW, NULL, &r));
	EXPECT((r.iova & (2 * MIB - 1)) == f->page);
	OK(iom_unmap(f->dom, &r));
	return PASS;
}

static enum outcome above_four_gib(struct fixture *f)
{
	struct iom_aperture a[N_APERTURES];
	struct iom_region r;
	int n;

	OK(n = iom_apertures(f->dom, a, N_APERTURES));
	if (a[n - 1].last < FOUR_GIB)
		return not_applicable("all apertures lie below 4 GiB");
	OK(iom_map(f->dom, memory(f->page), f->page, IOM_MAP_RW, NULL, &r));
	EXPECT(r.iova >= FOUR_GIB);
	return PASS;
}

static enum outcome below_a_limit(struct fixture *f)
{
	struct iom_aperture a[N_APERTURES];
	struct iom_region first, second;
	uint64_t limit;

	OK(iom_apertures(f->dom, a, N_APERTURES));
	limit = (a[0].start ? a[0].start : f->page) + 2 * f->page - 1;
	OK(map_below(f, memory(f->page), f->page, limit, &first));
	OK(map_below(f, memory(f->page), f->page, limit, &second));
	EXPECT(first.iova && second.iova && first.iova != second.iova);
	EXPECT(first.iova + f->page - 1 <= limit && second.iova + f->page - 1 <= limit);
	REFUSED(map_below(f, memory(f->page), f->page, limit, NULL), -ENOSPC, "no free IOVA",
		"limit");
	OK(iom_unmap(f->dom, &first));
	OK(map_below(f, memory(f->page), f->page, limit, &second));
	EXPECT(second.iova == first.iova);
	return PASS;
}

/* The first and the last page of every aperture can really be mapped. */
static enum outcome ends_of_apertures(struct fixture *f)
{
	struct iom_aperture a[N_APERTURES];
	struct iom_region r;
	void *p = memory(f->page);
	int n, i;

	OK(n = iom_apertures(f->dom, a, N_APERTURES));
	EXPECT(n >= 1 && n <= N_APERTURES);
	for (i = 0; i < n; i++) {
		EXPECT(a[i].start < a[i].last && a[i].page_sizes &&
		       !(a[i].flags & ~(uint64_t)IOM_APERTURE_LARGER_PAGES));
		EXPECT(!i || a[i].start > a[i - 1].last + 1);
		OK(map_at(f, p, f->page, a[i].start, &r));
		EXPECT(r.iova == a[i].start);
		OK(iom_unmap(f->dom, &r));
		OK(map_at(f, p, f->page, a[i].last - f->page + 1, &r));
		EXPECT(r.iova + f->page - 1 == a[i].last);
		OK(iom_unmap(f->dom, &r));
	}
	return PASS;
}

/* A fixed mapping where the next automatic one would go, and its IOVA stays its own after unmapping. */
static enum outcome automatic_avoids_fixed(struct fixture *f)
{
	struct iom_region first, fixed, next;

	OK(iom_map(f->dom, memory(f->page), f->page, IOM_MAP_RW, NULL, &first));
	OK(map_at(f, memory(f->page), f->page, first.iova + f->page, &fixed));
	OK(iom_map(f->dom, memory(f->page), f->page, IOM_MAP_RW, NULL, &next));
	EXPECT(next.iova != fixed.iova && next.iova != first.iova);
	OK(iom_unmap(f->dom, &fixed));
	OK(map_at(f, memory(f->page), f->page, fixed.iova, &fixed));
	return PASS;
}

static enum outcome read_only_memory(struct fixture *f)
{
	void *p = room(f->page, PROT_READ);
	struct iom_counters before = counters(f);
	struct iom_region r;

	REFUSED(iom_map(f->dom, p, f->page, IOM_MAP_RW, NULL, NULL), -EFAULT, "written");
	EXPECT(same_mappings(f, &before));
	if (on_power(f)) {
		REFUSED(iom_map(f->dom, p, f->page, IOM_MAP_READ, NULL, NULL), -EFAULT, "read-only",
			"POWER");
		EXPECT(same_mappings(f, &before));
		return PASS;
	}
	OK(iom_map(f->dom, p, f->page, IOM_MAP_READ, NULL, &r));
	OK(iom_unmap(f->dom, &r));
	return PASS;
}

static enum outcome alias(struct fixture *f)
{
	struct iom_region first, second;
	iom_iova_t iova;
	uint64_t run;
	void *p = memory(f->page), *va;

	OK(iom_map(f->dom, p, f->page, IOM_MAP_RW, NULL, &first));
	OK(iom_map(f->dom, p, f->page, IOM_MAP_RW | IOM_MAP_ALIAS, NULL, &second));
	EXPECT(first.iova != second.iova);
	OK(iom_translate(f->dom, p, f->page, &iova, &run));
	EXPECT(iova == first.iova);
	OK(iom_iova_to_va(f->dom, second.iova, f->page, &va, &run));
	EXPECT(va == p);
	OK(iom_unmap(f->dom, &first));
	EXPECT(iom_translate(f->dom, p, f->page, &iova, &run) == -ENOENT);
	OK(iom_iova_to_va(f->dom, second.iova, f->page, &va, &run));
	OK(iom_unmap(f->dom, &second));
	return PASS;
}

/* The kernel's limit on mappings is named, and unmapping one makes room for one. */
static enum outcome entry_limit(struct fixture *f)
{
	struct iom_counters c = counters(f);
	struct iom_region *r, extra;
	void *p = memory(f->page);
	uint64_t i;

	if (c.entry_limit > 1000000)
		return not_applicable("this backend has no limit on mappings");
	r = memory(c.entry_limit * sizeof(*r) / f->page * f->page + f->page);
	for (i = 0; i < c.entry_limit; i++)
		OK(iom_map(f->dom, p, f->page, IOM_MAP_RW | IOM_MAP_ALIAS, NULL, &r[i]));
	c = counters(f);
	EXPECT(c.entries_used == c.entry_limit);
	REFUSED(iom_map(f->dom, p, f->page, IOM_MAP_RW, NULL, NULL), -ENOSPC, "limit", "mappings");
	EXPECT(same_mappings(f, &c));
	OK(iom_unmap(f->dom, &r[c.entry_limit / 2]));
	OK(iom_map(f->dom, p, f->page, IOM_MAP_RW, NULL, &extra));
	OK(iom_unmap_all(f->dom));
	EXPECT(!counters(f).mappings && !counters(f).entries_used);
	return PASS;
}

const struct test map_tests[] = {
	{ "map-one-page", one_page, NEEDS_DEVICE },
	{ "map-sizes", sizes, NEEDS_DEVICE },
	{ "map-huge-page", huge_page, NEEDS_DEVICE },
	{ "map-huge-page-of-1-gib", gigantic_page, NEEDS_DEVICE },
	{ "map-congruent-to-huge-pages", congruent, NEEDS_DEVICE },
	{ "map-above-4-gib", above_four_gib, NEEDS_DEVICE },
	{ "map-below-a-limit", below_a_limit, NEEDS_DEVICE },
	{ "map-ends-of-apertures", ends_of_apertures, NEEDS_DEVICE },
	{ "map-automatic-avoids-fixed", automatic_avoids_fixed, NEEDS_DEVICE },
	{ "map-read-only-memory", read_only_memory, NEEDS_DEVICE },
	{ "map-alias", alias, NEEDS_DEVICE },
	{ "map-entry-limit", entry_limit, NEEDS_DEVICE },
	{ NULL, NULL, NEEDS_DEVICE },
};
