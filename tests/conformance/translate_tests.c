// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>

#include "harness.h"

/* Every page of a mapping, there and back, with the contiguity that is promised. */
static enum outcome whole_mapping(struct fixture *f)
{
	uint64_t page = f->page, length = 6 * MIB + 3 * page, at, run, left, promised;
	char *p = memory(length + page);
	struct iom_region r;
	iom_iova_t iova;
	void *va;

	p += page; /* so that it begins outside of a large page */
	OK(iom_map(f->dom, p, length, IOM_MAP_RW, NULL, &r));
	for (at = 0; at < length; at += page / 2 + 1) {
		left = length - at;
		promised = left < 2 * MIB ? left : 2 * MIB;
		OK(iom_translate(f->dom, p + at, left, &iova, &run));
		EXPECT(iova == r.iova + at && iova == iom_region_iova(&r, p + at));
		EXPECT(run >= promised && run <= left);
		OK(iom_iova_to_va(f->dom, r.iova + at, left, &va, &run));
		EXPECT(va == p + at && run >= promised && run <= left);
	}
	OK(iom_translate(f->dom, p + 5, 1, &iova, &run));
	EXPECT(run == 1);
	return PASS;
}

static enum outcome misses(struct fixture *f)
{
	uint64_t page = f->page, run = 77;
	char *p = memory(3 * page);
	struct iom_region r;
	iom_iova_t iova = 77;
	void *va = p;

	OK(iom_map(f->dom, p + page, page, IOM_MAP_RW, NULL, &r));
	EXPECT(iom_translate(f->dom, p + page - 1, 1, &iova, &run) == -ENOENT);
	EXPECT(iom_translate(f->dom, p + 2 * page, 1, &iova, &run) == -ENOENT);
	EXPECT(iom_translate(f->dom, NULL, 1, &iova, &run) == -ENOENT);
	EXPECT(iom_translate(f->dom, (void *)UINTPTR_MAX, 1, &iova, &run) == -ENOENT);
	EXPECT(iom_translate(f->dom, p + page, 0, &iova, &run) == -EINVAL);
	EXPECT(iom_iova_to_va(f->dom, r.iova - 1, 1, &va, &run) == -ENOENT);
	EXPECT(iom_iova_to_va(f->dom, r.iova + page, 1, &va, &run) == -ENOENT);
	EXPECT(iom_iova_to_va(f->dom, UINT64_MAX, 1, &va, &run) == -ENOENT);
	EXPECT(iova == 77 && run == 77 && va == p);
	return PASS;
}

/* A run ends where the mapping does, and the caller goes on from there. */
static enum outcome across_mappings(struct fixture *f)
{
	uint64_t page = f->page, run;
	char *p = memory(2 * page);
	struct iom_region first, second;
	iom_iova_t iova;

	OK(iom_map(f->dom, p, page, IOM_MAP_RW, NULL, &first));
	OK(map_at(f, p + page, page, first.iova + 8 * page, &second));
	OK(iom_translate(f->dom, p + 16, 2 * page - 16, &iova, &run));
	EXPECT(iova == first.iova + 16 && run == page - 16);
	OK(iom_translate(f->dom, p + page, page, &iova, &run));
	EXPECT(iova == second.iova && run == page);
	return PASS;
}

const struct test translate_tests[] = {
	{ "translate-whole-mapping", whole_mapping, NEEDS_DEVICE },
	{ "translate-misses", misses, NEEDS_DEVICE },
	{ "translate-across-mappings", across_mappings, NEEDS_DEVICE },
	{ NULL, NULL, NEEDS_DEVICE },
};
