// SPDX-License-Identifier: BSD-3-Clause
/* Batches and mixtures of mappings given back: whole, in one call, or not at all. */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "batch.h"

static enum outcome whole_only(struct fixture *f)
{
	struct iom_region twice[BATCH + 1];
	struct iom_counters before;
	struct batch b;
	uint64_t page;
	struct rig rig;
	char *p;

	TRY(rig_build(&rig, f, f->dev));
	page = memory_page(f);
	p = memory(BATCH * page);
	batch_lay_out(&b, p, page, 1);
	OK(batch_map(f, &b, 0));
	before = counters(f);
	REFUSED(iom_unmap(f->dom, &b.regions[3]), -EINVAL, "batch");
	REFUSED(iom_unmapv(f->dom, &b.regions[0], BATCH - 1), -EINVAL, "batch");
	REFUSED(iom_unmapv(f->dom, &b.regions[1], BATCH - 1), -EINVAL, "batch");
	REFUSED(iom_unmap_range(f->dom, b.regions[1].iova, page), -EINVAL, "cut");
	REFUSED(iom_unmap_range(f->dom, b.regions[1].iova, (BATCH - 1) * page), -EINVAL, "cut");
	REFUSED(iom_unmapv(f->dom, b.regions, 0), -EINVAL, "");
	memcpy(twice, b.regions, sizeof(b.regions));
	twice[BATCH] = twice[4];
	REFUSED(iom_unmapv(f->dom, twice, BATCH + 1), -EINVAL, "");
	EXPECT(same_mappings(f, &before) && counters(f).kernel_unmaps == before.kernel_unmaps);
	TRY(batch_works(f, &rig, &b));
	/* batch_order[1] is 0: where it begins */
	OK(iom_unmap_range(f->dom, b.regions[1].iova, BATCH * page));
	TRY(batch_is_gone(f, &rig, &b));
	REFUSED(iom_unmapv(f->dom, b.regions, BATCH), -ENOENT, "");

	/* of several runs */
	p = memory(2 * BATCH * page);
	batch_lay_out(&b, p, page, 2);
	OK(batch_map(f, &b, 0));
	before = counters(f);
	REFUSED(iom_unmap(f->dom, &b.regions[3]), -EINVAL, "batch");
	REFUSED(iom_unmap_range(f->dom, b.regions[3].iova, page), -EINVAL, "batch");
	REFUSED(iom_unmapv(f->dom, b.regions, BATCH - 1), -EINVAL, "batch");
	EXPECT(same_mappings(f, &before) && counters(f).kernel_unmaps == before.kernel_unmaps);
	TRY(batch_works(f, &rig, &b));
	OK(iom_unmapv(f->dom, b.regions, BATCH));
	TRY(batch_is_gone(f, &rig, &b));
	rig_release(&rig);
	return PASS;
}

/* A batch of one piece is a mapping like any other. */
static enum outcome of_one(struct fixture *f)
{
	struct iom_counters before = counters(f);
	struct iom_piece piece = { .va = memory(4 * f->page), .length = 4 * f->page };
	struct iom_region r;

	OK(iom_mapv(f->dom, &piece, 1, IOM_MAP_RW, NULL, &r));
	EXPECT(counters(f).mappings == before.mappings + 1);
	EXPECT(translates_to(f, piece.va, r.iova));
	OK(iom_unmap(f->dom, &r));
	REFUSED(iom_unmapv(f->dom, &r, 1), -ENOENT, "");
	OK(iom_mapv(f->dom, &piece, 1, IOM_MAP_RW, NULL, &r));
	OK(iom_unmapv(f->dom, &r, 1));
	OK(iom_map(f->dom, piece.va, piece.length, IOM_MAP_RW, NULL, &r));
	OK(iom_unmapv(f->dom, &r, 1));
	EXPECT(same_mappings(f, &before));
	return PASS;
}

/* Nothing of it goes if this one is in it. */
static enum outcome refused_with(struct fixture *f, struct iom_region *all, size_t n, size_t at,
				 const struct iom_region *wrong)
{
	const struct iom_region right = all[at];
	struct iom_counters now = counters(f);

	all[at] = *wrong;
	REFUSED(iom_unmapv(f->dom, all, n), -ENOENT, "");
	all[at] = right;
	EXPECT(same_mappings(f, &now) && counters(f).kernel_unmaps == now.kernel_unmaps);
	return PASS;
}

/* Two batches, two mappings and an alias of one, in one call. */
static enum outcome mixture(struct fixture *f)
{
	static const struct iom_region none;
	struct iom_region all[2 * BATCH + 3], wrong;
	const size_t n = 2 * BATCH + 3; /* which 7 does not divide */
	struct iom_counters before;
	struct batch a, b;
	uint64_t page;
	struct rig rig;
	size_t i;
	char *p;

	TRY(rig_build(&rig, f, f->dev));
	page = memory_page(f);
	before = counters(f);
	p = memory(4 * page);
	OK(iom_map(f->dom, p, page, IOM_MAP_RW, NULL, &wrong));
	OK(iom_unmap(f->dom, &wrong));
	OK(iom_map(f->dom, p, page, IOM_MAP_RW, NULL, &all[0]));
	OK(iom_map(f->dom, p + 2 * page, 2 * page, IOM_MAP_READ, NULL, &all[7]));
	OK(iom_map(f->dom, p, page, IOM_MAP_RW | IOM_MAP_ALIAS, NULL, &all[14]));
	batch_lay_out(&a, memory(2 * BATCH * page), page, 2);
	batch_lay_out(&b, memory(BATCH * page), page, 1);
	OK(batch_map(f, &a, 0));
	OK(batch_map(f, &b, 0));
	for (i = 0; i < BATCH; i++) {
		all[(2 * i + 3) * 7 % n] = a.regions[i];
		all[(2 * i + 4) * 7 % n] = b.regions[i];
	}
	TRY(refused_with(f, all, n, 7, &wrong));
	TRY(refused_with(f, all, n, 9, &none));
	TRY(batch_works(f, &rig, &a));
	TRY(batch_works(f, &rig, &b));
	OK(iom_unmapv(f->dom, all, n));
	EXPECT(same_mappings(f, &before));
	TRY(batch_is_gone(f, &rig, &a));
	TRY(batch_is_gone(f, &rig, &b));
	TRY(rig_misses(&rig, p, all[0].iova));
	TRY(rig_misses(&rig, p, all[14].iova));
	REFUSED(iom_unmapv(f->dom, all, n), -ENOENT, "");
	rig_release(&rig);
	return PASS;
}

/* Files are mapped into the process, and go from there as well. */
static enum outcome files(struct fixture *f)
{
	const uint64_t page = memory_page(f);
	struct iom_counters before = counters(f);
	struct iom_region r[3];
	int fd;

	fd = memfd_create("conformance", MFD_CLOEXEC);
	EXPECT(fd >= 0 && !ftruncate(fd, (off_t)(2 * page)));
	OK(iom_map_file(f->dom, fd, 0, page, IOM_MAP_RW, NULL, &r[2]));
	OK(iom_map(f->dom, memory(page), page, IOM_MAP_RW, NULL, &r[1]));
	OK(iom_map_file(f->dom, fd, page, page, IOM_MAP_RW, NULL, &r[0]));
	close(fd);
	EXPECT(is_there(r[0].va) && is_there(r[2].va));
	OK(iom_unmapv(f->dom, r, 3));
	EXPECT(!is_there(r[0].va) && is_there(r[1].va) && !is_there(r[2].va));
	EXPECT(same_mappings(f, &before));
	return PASS;
}

/* What lies together in IOVAs is one call, whatever it was mapped by. */
static enum outcome one_call_for_neighbours(struct fixture *f)
{
	const uint64_t page = memory_page(f);
	const iom_iova_t base = LOW_IOVA;
	struct iom_counters before = counters(f);
	struct iom_region r[6];
	unsigned int i;

	for (i = 0; i < 6; i++)
		OK(map_at(f, memory(page), page, base + (5 - i + (i < 2)) * page, &r[i]));
	before.kernel_unmaps = counters(f).kernel_unmaps;
	/* 0 and 1 lie behind a gap of a page */
	OK(iom_unmapv(f->dom, r, 6));
	EXPECT(counters(f).kernel_unmaps == before.kernel_unmaps + 2);
	EXPECT(same_mappings(f, &before));
	return PASS;
}

/* Where mappings may be cut, so may batches, and cost a call for each granule. */
static enum outcome with_granule(struct fixture *f)
{
	struct iom_counters before;
	struct batch b;
	uint64_t page;
	struct rig rig;
	char *p;

	NEED(f->world->edu, "no edu device");
	OK(open_with_edu(f, 64 * KIB));
	TRY(rig_build(&rig, f, f->dev));
	page = 64 * KIB;
	p = memory(BATCH * page);
	batch_lay_out(&b, p, page, 1);
	before = counters(f);
	OK(batch_map(f, &b, 0));
	EXPECT(counters(f).kernel_maps == before.kernel_maps + BATCH);
	TRY(batch_works(f, &rig, &b));
	OK(iom_unmap_range(f->dom, b.regions[3].iova, page));
	TRY(rig_misses(&rig, b.regions[3].va, b.regions[3].iova));
	EXPECT(!is_mapped(f, b.regions[3].va));
	EXPECT(counters(f).mapped_bytes == before.mapped_bytes + (BATCH - 1) * page);
	/* the two behind that gap, apart; and all that is left but these */
	OK(iom_unmapv(f->dom, &b.regions[4], 2));
	TRY(rig_misses(&rig, b.regions[4].va, b.regions[4].iova));
	TRY(rig_misses(&rig, b.regions[5].va, b.regions[5].iova));
	TRY(rig_reaches(&rig, b.regions[2].va, b.regions[2].iova));
	TRY(rig_reaches(&rig, b.regions[6].va, b.regions[6].iova));
	REFUSED(iom_unmapv(f->dom, &b.regions[5], 2), -ENOENT, "");
	OK(iom_unmapv(f->dom, &b.regions[0], 3));
	OK(iom_unmapv(f->dom, &b.regions[6], 2));
	EXPECT(same_mappings(f, &before));
	TRY(batch_is_gone(f, &rig, &b));
	rig_release(&rig);
	return PASS;
}

/* It outlives the last device, whole as it was. */
static enum outcome after_reattach(struct fixture *f)
{
	struct iom_counters before;
	struct batch b;
	uint64_t page;
	struct rig rig;

	TRY(rig_build(&rig, f, f->dev));
	page = memory_page(f);
	batch_lay_out(&b, memory(2 * BATCH * page), page, 2);
	before = counters(f);
	OK(batch_map(f, &b, 0));
	rig_release(&rig);
	iom_detach(f->dev);
	OK(attach(f, f->world->edu, &f->dev));
	TRY(rig_take(&rig, f->dev));
	TRY(batch_works(f, &rig, &b));
	REFUSED(iom_unmap(f->dom, &b.regions[2]), -EINVAL, "batch");
	rig_release(&rig);
	iom_detach(f->dev);
	OK(iom_unmapv(f->dom, b.regions, BATCH));
	OK(attach(f, f->world->edu, &f->dev));
	TRY(rig_take(&rig, f->dev));
	TRY(batch_is_gone(f, &rig, &b));
	EXPECT(same_mappings(f, &before));
	rig_release(&rig);
	return PASS;
}

const struct test batch_unmap_tests[] = {
	{ "batch-whole-only", whole_only, NEEDS_EDU },
	{ "batch-of-one", of_one, NEEDS_DEVICE },
	{ "batch-unmap-mixture", mixture, NEEDS_EDU },
	{ "batch-unmap-files", files, NEEDS_DEVICE },
	{ "batch-unmap-neighbours-in-one-call", one_call_for_neighbours, NEEDS_DEVICE },
	{ "batch-with-granule", with_granule, NEEDS_NOTHING },
	{ "batch-after-reattach", after_reattach, NEEDS_EDU },
	{ NULL, NULL, NEEDS_DEVICE },
};
