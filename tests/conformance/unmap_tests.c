// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <sys/mman.h>

#include "harness.h"

/* A region knows that it was unmapped, even if its IOVA and its memory were mapped anew. */
static enum outcome stale_region(struct fixture *f)
{
	static const struct iom_region zero;
	struct iom_region old, r;
	void *p = memory(f->page);

	REFUSED(iom_unmap(f->dom, NULL), -EINVAL, "NULL");
	REFUSED(iom_unmap(f->dom, &zero), -ENOENT, "never mapped");
	OK(iom_map(f->dom, p, f->page, IOM_MAP_RW, NULL, &old));
	OK(iom_unmap(f->dom, &old));
	REFUSED(iom_unmap(f->dom, &old), -ENOENT, "unmapped before");
	OK(map_at(f, p, f->page, old.iova, &r));
	EXPECT(r.iova == old.iova);
	REFUSED(iom_unmap(f->dom, &old), -ENOENT, "unmapped before");
	OK(iom_unmap(f->dom, &r));
	return PASS;
}

static enum outcome other_domain(struct fixture *f)
{
	struct iom_region r;
	struct iom_domain *other;

	OK(iom_map(f->dom, memory(f->page), f->page, IOM_MAP_RW, NULL, &r));
	OK(world_open(&other, NULL));
	REFUSED(iom_unmap(other, &r), -ENOENT, "none of this domain");
	iom_close(other);
	OK(iom_unmap(f->dom, &r));
	return PASS;
}

static enum outcome nothing_there(struct fixture *f)
{
	struct iom_counters before;
	struct iom_region r;
	uint64_t page = f->page;

	OK(iom_map(f->dom, memory(page), page, IOM_MAP_RW, NULL, &r));
	before = counters(f);
	REFUSED(iom_unmap_range(f->dom, r.iova + page, page), -ENOENT, "nothing is mapped");
	REFUSED(iom_unmap_range(f->dom, r.iova, 2 * page), -ENOENT, "nothing is mapped");
	REFUSED(iom_unmap_range(f->dom, r.iova - page, 2 * page), -ENOENT, "nothing is mapped");
	REFUSED(iom_unmap_range(f->dom, r.iova, 0), -EINVAL, "length");
	REFUSED(iom_unmap_range(f->dom, -page, 2 * page), -ERANGE, "2^64");
	EXPECT(same_mappings(f, &before) && before.kernel_unmaps == counters(f).kernel_unmaps);
	return PASS;
}

static enum outcome part_of_one(struct fixture *f)
{
	struct iom_counters before;
	struct iom_region r;
	uint64_t page = f->page;

	OK(iom_map(f->dom, memory(4 * page), 4 * page, IOM_MAP_RW, NULL, &r));
	before = counters(f);
	REFUSED(iom_unmap_range(f->dom, r.iova, page), -EINVAL, "cut");
	REFUSED(iom_unmap_range(f->dom, r.iova + page, page), -EINVAL, "cut");
	REFUSED(iom_unmap_range(f->dom, r.iova + 3 * page, page), -EINVAL, "cut");
	REFUSED(iom_unmap_range(f->dom, r.iova, 4 * page - 1), -EINVAL, "cut");
	EXPECT(same_mappings(f, &before) && before.kernel_unmaps == counters(f).kernel_unmaps);
	OK(iom_unmap_range(f->dom, r.iova, 4 * page));
	return PASS;
}

/* Neighbours go with one kernel call. */
static enum outcome several(struct fixture *f)
{
	struct iom_counters before = counters(f);
	struct iom_region r[3];
	uint64_t page = f->page;
	int i;

	OK(iom_map(f->dom, memory(page), page, IOM_MAP_RW, NULL, &r[0]));
	for (i = 1; i < 3; i++)
		OK(map_at(f, memory(page), page, r[0].iova + (uint64_t)i * page, &r[i]));
	OK(iom_unmap_range(f->dom, r[0].iova, 3 * page));
	EXPECT(same_mappings(f, &before));
	EXPECT(counters(f).kernel_unmaps == before.kernel_unmaps + 1);
	for (i = 0; i < 3; i++)
		REFUSED(iom_unmap(f->dom, &r[i]), -ENOENT, "unmapped before");
	return PASS;
}

static enum outcome all(struct fixture *f)
{
	struct iom_counters before = counters(f);
	struct iom_region r[20];
	uint64_t page = f->page, run;
	iom_iova_t iova;
	int i;

	OK(iom_unmap_all(f->dom));
	for (i = 0; i < 20; i++)
		OK(iom_map(f->dom, memory(page), page, IOM_MAP_RW, NULL, &r[i]));
	OK(iom_unmap_all(f->dom));
	EXPECT(same_mappings(f, &before));
	for (i = 0; i < 20; i++) {
		EXPECT(iom_translate(f->dom, r[i].va, page, &iova, &run) == -ENOENT);
		REFUSED(iom_unmap(f->dom, &r[i]), -ENOENT, "unmapped before");
	}
	/* the IOVAs are free again */
	for (i = 0; i < 20; i++)
		OK(map_at(f, r[i].va, page, r[i].iova, NULL));
	return PASS;
}

/* IOVAs are given out again: thousands of pairs in an aperture of sixteen pages. */
static enum outcome iovas_come_back(struct fixture *f)
{
	struct iom_aperture a;
	struct iom_region r[8];
	uint64_t limit, page = f->page;
	int i;

	OK(iom_apertures(f->dom, &a, 1));
	limit = (a.start ? a.start : page) + 16 * page - 1;
	for (i = 0; i < 8; i++)
		OK(map_below(f, memory(page), page, limit, &r[i]));
	for (i = 0; i < 2000; i++) {
		struct iom_region *one = &r[i * 5 % 8];

		OK(iom_unmap(f->dom, one));
		OK(map_below(f, one->va, page, limit, one));
	}
	OK(iom_unmap_all(f->dom));
	OK(map_below(f, memory(16 * page), 16 * page, limit, NULL));
	return PASS;
}

const struct test unmap_tests[] = {
	{ "unmap-stale-region", stale_region, NEEDS_DEVICE },
	{ "unmap-region-of-other-domain", other_domain, NEEDS_DEVICE },
	{ "unmap-nothing-there", nothing_there, NEEDS_DEVICE },
	{ "unmap-part", part_of_one, NEEDS_DEVICE },
	{ "unmap-several", several, NEEDS_DEVICE },
	{ "unmap-all", all, NEEDS_DEVICE },
	{ "unmap-gives-iovas-back", iovas_come_back, NEEDS_DEVICE },
	{ NULL, NULL, NEEDS_DEVICE },
};
