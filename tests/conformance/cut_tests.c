// SPDX-License-Identifier: BSD-3-Clause
/* What the device reaches after a part of a mapping was unmapped (unmap_granule). */
#include <string.h>

#include "rig.h"

static enum outcome part_gone(struct fixture *f)
{
	struct iom_region r;
	struct rig rig;
	uint64_t page;
	char *p;

	NEED(f->world->edu, "no edu device");
	OK(open_with_edu(f, 4 * KIB));
	page = f->page;
	p = memory(8 * page);
	TRY(rig_build(&rig, f, f->dev));
	OK(iom_map(f->dom, p, 8 * page, IOM_MAP_RW, NULL, &r));
	TRY(rig_reaches(&rig, p + 3 * page, r.iova + 3 * page));
	OK(iom_unmap_range(f->dom, r.iova + 3 * page, 2 * page));

	TRY(rig_misses(&rig, p + 3 * page, r.iova + 3 * page));
	TRY(rig_misses(&rig, p + 4 * page, r.iova + 4 * page));
	TRY(rig_reaches(&rig, p, r.iova));
	TRY(rig_reaches(&rig, p + 3 * page - RIG_BYTES, r.iova + 3 * page - RIG_BYTES));
	TRY(rig_reaches(&rig, p + 5 * page, r.iova + 5 * page));

	OK(iom_unmap(f->dom, &r));
	TRY(rig_misses(&rig, p, r.iova));
	TRY(rig_misses(&rig, p + 5 * page, r.iova + 5 * page));
	rig_release(&rig);
	return PASS;
}

/* Other memory where a part was: it is none of the region's, and outlives it. */
static enum outcome gap_filled(struct fixture *f)
{
	struct iom_region r, other;
	uint64_t page;
	struct rig rig;
	char *p, *q;

	NEED(f->world->edu, "no edu device");
	OK(open_with_edu(f, 4 * KIB));
	page = f->page;
	p = memory(4 * page);
	q = memory(page);
	TRY(rig_build(&rig, f, f->dev));
	OK(iom_map(f->dom, p, 4 * page, IOM_MAP_RW, NULL, &r));
	OK(iom_unmap_range(f->dom, r.iova + page, page));
	OK(map_at(f, q, page, r.iova + page, &other));
	memset(p + page, 0x5a, RIG_BYTES);
	TRY(rig_reaches(&rig, q, other.iova));
	EXPECT(p[page] == 0x5a && !memcmp(p + page, p + page + 1, RIG_BYTES - 1));

	OK(iom_unmap(f->dom, &r));
	TRY(rig_misses(&rig, p, r.iova));
	TRY(rig_reaches(&rig, q, other.iova));
	EXPECT(translates_to(f, q, other.iova));
	OK(iom_unmap(f->dom, &other));
	rig_release(&rig);
	return PASS;
}

/* A part of an alias: the memory stays where it was mapped first. */
static enum outcome alias_cut(struct fixture *f)
{
	struct iom_region r, alias;
	struct rig rig;
	uint64_t page;
	char *p;

	NEED(f->world->edu, "no edu device");
	OK(open_with_edu(f, 4 * KIB));
	page = f->page;
	p = memory(4 * page);
	TRY(rig_build(&rig, f, f->dev));
	OK(iom_map(f->dom, p, 4 * page, IOM_MAP_RW, NULL, &r));
	OK(iom_map(f->dom, p, 4 * page, IOM_MAP_RW | IOM_MAP_ALIAS, NULL, &alias));
	OK(iom_unmap_range(f->dom, alias.iova + page, page));
	TRY(rig_misses(&rig, p + page, alias.iova + page));
	TRY(rig_reaches(&rig, p + page, r.iova + page));
	TRY(rig_reaches(&rig, p + 2 * page, alias.iova + 2 * page));
	EXPECT(translates_to(f, p + page, r.iova + page));

	/* and the other way round */
	OK(iom_unmap_range(f->dom, r.iova + 2 * page, page));
	TRY(rig_misses(&rig, p + 2 * page, r.iova + 2 * page));
	TRY(rig_reaches(&rig, p + 2 * page, alias.iova + 2 * page));
	EXPECT(!is_mapped(f, p + 2 * page));
	rig_release(&rig);
	return PASS;
}

/* A granule of several pages, in memory that does not begin at one. */
static enum outcome large_granule(struct fixture *f)
{
	struct iom_region r;
	uint64_t page, granule;
	struct rig rig;
	char *p;

	NEED(f->world->edu, "no edu device");
	OK(open_with_edu(f, 256 * KIB));
	page = f->page;
	granule = 256 * KIB;
	p = memory(4 * granule);
	TRY(rig_build(&rig, f, f->dev));
	p += page;
	OK(iom_map(f->dom, p, 3 * granule, IOM_MAP_RW, NULL, &r));
	EXPECT(((uintptr_t)p & (granule - 1)) == (r.iova & (granule - 1)));
	p -= page;
	r.iova -= page;
	OK(iom_unmap_range(f->dom, r.iova + granule, granule));
	TRY(rig_misses(&rig, p + granule, r.iova + granule));
	TRY(rig_misses(&rig, p + 2 * granule - page, r.iova + 2 * granule - page));
	TRY(rig_reaches(&rig, p + granule - page, r.iova + granule - page));
	TRY(rig_reaches(&rig, p + 2 * granule, r.iova + 2 * granule));
	rig_release(&rig);
	return PASS;
}

/* What was cut off does not come back with the device. */
static enum outcome cut_and_reattach(struct fixture *f)
{
	struct iom_region r;
	struct rig rig;
	uint64_t page;
	char *p;

	NEED(f->world->edu, "no edu device");
	OK(open_with_edu(f, 4 * KIB));
	page = f->page;
	p = memory(6 * page);
	TRY(rig_build(&rig, f, f->dev));
	OK(iom_map(f->dom, p, 6 * page, IOM_MAP_RW, NULL, &r));
	OK(iom_unmap_range(f->dom, r.iova + page, page));
	rig_release(&rig);
	iom_detach(f->dev);
	OK(iom_unmap_range(f->dom, r.iova + 3 * page, page));
	OK(attach(f, f->world->edu, &f->dev));
	TRY(rig_take(&rig, f->dev));

	TRY(rig_reaches(&rig, p, r.iova));
	TRY(rig_misses(&rig, p + page, r.iova + page));
	TRY(rig_reaches(&rig, p + 2 * page, r.iova + 2 * page));
	TRY(rig_misses(&rig, p + 3 * page, r.iova + 3 * page));
	TRY(rig_reaches(&rig, p + 5 * page, r.iova + 5 * page));
	/* it can be cut as before */
	OK(iom_unmap_range(f->dom, r.iova + 5 * page, page));
	TRY(rig_misses(&rig, p + 5 * page, r.iova + 5 * page));
	OK(iom_unmap(f->dom, &r));
	rig_release(&rig);
	return PASS;
}

const struct test cut_tests[] = {
	{ "granule-dma-when-a-part-is-gone", part_gone, NEEDS_NOTHING },
	{ "granule-dma-when-the-gap-is-filled", gap_filled, NEEDS_NOTHING },
	{ "granule-dma-of-an-alias", alias_cut, NEEDS_NOTHING },
	{ "granule-dma-larger-than-a-page", large_granule, NEEDS_NOTHING },
	{ "granule-dma-after-reattach", cut_and_reattach, NEEDS_NOTHING },
	{ NULL, NULL, NEEDS_NOTHING },
};
