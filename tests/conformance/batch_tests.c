// SPDX-License-Identifier: BSD-3-Clause
/* Batches: many pieces in one call, all or none, and what the device reaches of them. */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "batch.h"

/* ---- How pieces become the kernel's maps ------------------------------------------------------- */

static enum outcome contiguous(struct fixture *f)
{
	struct iom_counters before, c;
	struct batch b;
	uint64_t page, run;
	struct rig rig;
	iom_iova_t iova;
	unsigned int i;
	char *p;

	TRY(rig_build(&rig, f, f->dev));
	page = memory_page(f);
	p = memory(BATCH * page);
	batch_lay_out(&b, p, page, 1);
	before = counters(f);
	OK(batch_map(f, &b, 0));
	c = counters(f);
	EXPECT(c.kernel_maps == before.kernel_maps + 1);
	EXPECT(c.mapped_bytes == before.mapped_bytes + BATCH * page);
	EXPECT(c.entry_limit == UINT64_MAX || c.entries_used == before.entries_used + 1);
	OK(iom_translate(f->dom, p, BATCH * page, &iova, &run));
	EXPECT(run == BATCH * page);
	for (i = 0; i < BATCH; i++)
		EXPECT(b.regions[i].iova == iova + batch_order[i] * page);
	TRY(batch_works(f, &rig, &b));

	before.kernel_unmaps = counters(f).kernel_unmaps;
	OK(iom_unmapv(f->dom, b.regions, BATCH));
	EXPECT(counters(f).kernel_unmaps == before.kernel_unmaps + 1);
	EXPECT(same_mappings(f, &before));
	TRY(batch_is_gone(f, &rig, &b));
	rig_release(&rig);
	return PASS;
}

static enum outcome scattered(struct fixture *f)
{
	struct iom_counters before;
	struct batch b;
	struct rig rig;

	TRY(rig_build(&rig, f, f->dev));
	batch_lay_out(&b, memory(3 * BATCH * memory_page(f)), memory_page(f), 3);
	before = counters(f);
	OK(batch_map(f, &b, 0));
	EXPECT(counters(f).kernel_maps == before.kernel_maps + BATCH);
	EXPECT(counters(f).mapped_bytes == before.mapped_bytes + BATCH * memory_page(f));
	TRY(batch_works(f, &rig, &b));
	EXPECT(!is_mapped(f, (char *)b.pieces[1].va + memory_page(f)));
	OK(iom_unmapv(f->dom, b.regions, BATCH));
	EXPECT(same_mappings(f, &before));
	TRY(batch_is_gone(f, &rig, &b));
	rig_release(&rig);
	return PASS;
}

/* Two runs, whose pieces are named in turn. */
static enum outcome runs(struct fixture *f)
{
	struct iom_counters before;
	struct iom_region swapped;
	struct batch b = { 0 };
	uint64_t page;
	struct rig rig;
	unsigned int i;
	char *p, *q;

	TRY(rig_build(&rig, f, f->dev));
	page = memory_page(f);
	p = memory(2 * BATCH * page);
	q = memory(2 * BATCH * page);
	for (i = 0; i < BATCH; i++) {
		char *run = i % 2 ? p : q;

		/* the last in memory first, and that is longer */
		b.pieces[i].va = run + (6 - i / 2 * 2) * page;
		b.pieces[i].length = (i < 2 ? 3 : 2) * page;
	}
	before = counters(f);
	OK(batch_map(f, &b, 0));
	EXPECT(counters(f).kernel_maps == before.kernel_maps + 2);
	TRY(batch_works(f, &rig, &b));
	EXPECT(b.regions[0].iova == b.regions[2].iova + b.regions[2].length);
	EXPECT(b.regions[1].iova == b.regions[3].iova + b.regions[3].length);

	/* in another order than that in which they were mapped */
	swapped = b.regions[0];
	b.regions[0] = b.regions[5];
	b.regions[5] = swapped;
	OK(iom_unmapv(f->dom, b.regions, BATCH));
	EXPECT(same_mappings(f, &before));
	TRY(batch_is_gone(f, &rig, &b));
	rig_release(&rig);
	return PASS;
}

/* Fixed IOVAs decide, too: a run is next to each other in both. */
static enum outcome fixed(struct fixture *f)
{
	const unsigned int flags = IOM_MAP_FIXED;
	const iom_iova_t base = LOW_IOVA;
	struct iom_counters before;
	struct batch b;
	uint64_t page;
	struct rig rig;
	unsigned int i;
	char *p;

	TRY(rig_build(&rig, f, f->dev));
	page = memory_page(f);
	p = memory(2 * BATCH * page);

	batch_lay_out(&b, p, page, 1);
	for (i = 0; i < BATCH; i++)
		b.pieces[i].iova = base + batch_order[i] * page;
	before = counters(f);
	OK(batch_map(f, &b, flags));
	EXPECT(counters(f).kernel_maps == before.kernel_maps + 1);
	for (i = 0; i < BATCH; i++)
		EXPECT(b.regions[i].iova == b.pieces[i].iova);
	TRY(batch_works(f, &rig, &b));
	OK(iom_unmapv(f->dom, b.regions, BATCH));
	EXPECT(same_mappings(f, &before));

	/* in the opposite order in IOVAs: none is next to another in both */
	for (i = 0; i < BATCH; i++)
		b.pieces[i].iova = base + (BATCH - 1 - batch_order[i]) * page;
	before.kernel_maps = counters(f).kernel_maps;
	OK(batch_map(f, &b, flags));
	EXPECT(counters(f).kernel_maps == before.kernel_maps + BATCH);
	TRY(batch_works(f, &rig, &b));
	/* all of it, as one range */
	OK(iom_unmap_range(f->dom, base, BATCH * page));
	EXPECT(same_mappings(f, &before));
	TRY(batch_is_gone(f, &rig, &b));

	/* apart in memory, together in IOVAs */
	batch_lay_out(&b, p, page, 2);
	for (i = 0; i < BATCH; i++)
		b.pieces[i].iova = base + batch_order[i] * page;
	OK(batch_map(f, &b, flags));
	TRY(batch_works(f, &rig, &b));
	before.kernel_unmaps = counters(f).kernel_unmaps;
	OK(iom_unmapv(f->dom, b.regions, BATCH));
	EXPECT(counters(f).kernel_unmaps == before.kernel_unmaps + 1);
	EXPECT(same_mappings(f, &before));
	rig_release(&rig);
	return PASS;
}

static enum outcome apart(struct fixture *f)
{
	struct iom_counters before;
	struct batch b;
	struct rig rig;
	unsigned int i;

	TRY(rig_build(&rig, f, f->dev));
	batch_lay_out(&b, memory(BATCH * memory_page(f)), memory_page(f), 1);
	before = counters(f);
	OK(batch_map(f, &b, IOM_MAP_APART));
	EXPECT(counters(f).kernel_maps == before.kernel_maps + BATCH);
	EXPECT(counters(f).mappings == before.mappings + BATCH);
	TRY(batch_works(f, &rig, &b));
	for (i = 0; i < BATCH / 2; i++) {
		OK(iom_unmap(f->dom, &b.regions[i]));
		TRY(rig_misses(&rig, b.regions[i].va, b.regions[i].iova));
		TRY(rig_reaches(&rig, b.regions[i + 1].va, b.regions[i + 1].iova));
	}
	OK(iom_unmapv(f->dom, b.regions + BATCH / 2, BATCH / 2));
	TRY(batch_is_gone(f, &rig, &b));
	EXPECT(same_mappings(f, &before));
	rig_release(&rig);
	return PASS;
}

/* Memory that is mapped already, twice in the batch, each time somewhere else. */
static enum outcome aliases(struct fixture *f)
{
	struct iom_counters before;
	struct iom_region r;
	struct batch b = { 0 };
	struct rig rig;
	unsigned int i;
	uint64_t page;
	char *p;

	TRY(rig_build(&rig, f, f->dev));
	page = memory_page(f);
	p = memory(BATCH * page);
	OK(iom_map(f->dom, p, BATCH * page, IOM_MAP_RW, NULL, &r));
	before = counters(f);
	for (i = 0; i < BATCH; i++) {
		b.pieces[i].va = p + i % 4 * page;
		b.pieces[i].length = 2 * page;
	}
	OK(batch_map(f, &b, IOM_MAP_ALIAS));
	for (i = 0; i < BATCH; i++) {
		EXPECT(b.regions[i].iova != r.iova && b.regions[i].va == b.pieces[i].va);
		EXPECT(translates_to(f, b.regions[i].va, iom_region_iova(&r, b.regions[i].va)));
		TRY(rig_reaches(&rig, (char *)b.regions[i].va + page, b.regions[i].iova + page));
	}
	OK(iom_unmapv(f->dom, b.regions, BATCH));
	EXPECT(same_mappings(f, &before));
	for (i = 0; i < BATCH; i++)
		TRY(rig_misses(&rig, b.regions[i].va, b.regions[i].iova));
	TRY(rig_reaches(&rig, p, r.iova));
	rig_release(&rig);
	return PASS;
}

/* ---- All or none ------------------------------------------------------------------------------- */

/* Nothing was asked of the kernel, and the batch could be mapped. */
static enum outcome refused_before(struct fixture *f, const struct iom_counters *before,
				   const struct batch *b)
{
	unsigned int i;

	EXPECT(same_mappings(f, before) && counters(f).kernel_maps == before->kernel_maps);
	for (i = 0; i < BATCH; i++)
		EXPECT(!b->regions[i].va && !b->regions[i].generation);
	return PASS;
}

static enum outcome overlaps(struct fixture *f)
{
	const unsigned int flags = IOM_MAP_RW | IOM_MAP_FIXED;
	uint64_t page = memory_page(f);
	struct iom_counters before;
	struct batch b;
	unsigned int i;
	char *p;

	p = memory(2 * BATCH * page);
	batch_lay_out(&b, p, page, 2);
	before = counters(f);

	/* two that share a page, in each order */
	b.pieces[3].length = 3 * page;
	REFUSED(batch_map(f, &b, 0), -EEXIST, "piece");
	b.pieces[3].length = page;
	b.pieces[6].va = b.pieces[2].va;
	REFUSED(batch_map(f, &b, 0), -EEXIST, "piece");
	REFUSED(batch_map(f, &b, IOM_MAP_APART), -EEXIST, "piece");
	TRY(refused_before(f, &before, &b));

	/* two at the same IOVA */
	batch_lay_out(&b, p, page, 2);
	for (i = 0; i < BATCH; i++)
		b.pieces[i].iova = LOW_IOVA + 2 * i * page;
	b.pieces[1].length = 2 * page;
	b.pieces[1].iova += page;
	REFUSED(iom_mapv(f->dom, b.pieces, BATCH, flags, NULL, b.regions), -EEXIST, "piece");
	TRY(refused_before(f, &before, &b));

	/* memory, and an IOVA, that are mapped already */
	batch_lay_out(&b, p, page, 2);
	OK(iom_map(f->dom, p + 8 * page, page, IOM_MAP_RW, NULL, &b.regions[0]));
	memset(b.regions, 0, sizeof(b.regions));
	before = counters(f);
	REFUSED(batch_map(f, &b, 0), -EEXIST, "piece", "already");
	TRY(refused_before(f, &before, &b));
	OK(map_at(f, memory(page), page, LOW_IOVA + 6 * page, NULL));
	batch_lay_out(&b, memory(2 * BATCH * page), page, 2);
	for (i = 0; i < BATCH; i++)
		b.pieces[i].iova = LOW_IOVA + 2 * i * page;
	before = counters(f);
	REFUSED(iom_mapv(f->dom, b.pieces, BATCH, flags, NULL, b.regions), -EEXIST, "piece");
	TRY(refused_before(f, &before, &b));
	b.pieces[3].iova += page;
	OK(iom_mapv(f->dom, b.pieces, BATCH, flags, NULL, b.regions));
	return PASS;
}

/* The kernel refuses the memory of one: what was mapped before it is taken back. */
static enum outcome over_a_hole(struct fixture *f)
{
	struct iom_counters before;
	struct batch b;
	uint64_t page;
	struct rig rig;
	unsigned int i;
	char *p;

	TRY(rig_build(&rig, f, f->dev));
	page = memory_page(f);
	p = memory(2 * BATCH * page);
	batch_lay_out(&b, p, page, 2);
	take_away(p + 8 * page, page);
	before = counters(f);
	REFUSED(batch_map(f, &b, 0), -EFAULT, "not there");
	EXPECT(same_mappings(f, &before));
	for (i = 0; i < BATCH; i++)
		EXPECT(!is_mapped(f, b.pieces[i].va) && !b.regions[i].va);
	/* in the middle of a run */
	batch_lay_out(&b, p + 4 * page, page, 1);
	REFUSED(batch_map(f, &b, 0), -EFAULT, "not there");
	REFUSED(batch_map(f, &b, IOM_MAP_APART), -EFAULT, "not there");
	EXPECT(same_mappings(f, &before));

	batch_lay_out(&b, p + 9 * page - BATCH * page, page, 1);
	b.pieces[2].va = p + 9 * page; /* all but the page that is gone */
	OK(batch_map(f, &b, 0));
	EXPECT(b.pieces[2].va == b.regions[2].va && batch_order[2] == BATCH - 1);
	TRY(batch_works(f, &rig, &b));
	OK(iom_unmapv(f->dom, b.regions, BATCH));
	EXPECT(same_mappings(f, &before));
	rig_release(&rig);
	return PASS;
}

static enum outcome arguments(struct fixture *f)
{
	struct iom_map_opts opts = { .size = sizeof(opts) };
	uint64_t page = memory_page(f);
	struct iom_counters before;
	struct batch b;
	char *p;

	p = memory(2 * BATCH * page);
	batch_lay_out(&b, p, page, 2);
	before = counters(f);
	REFUSED(iom_mapv(f->dom, b.pieces, 0, IOM_MAP_RW, NULL, b.regions), -EINVAL, "");
	REFUSED(iom_mapv(f->dom, b.pieces, BATCH, 0, NULL, b.regions), -EINVAL, "IOM_MAP_READ");
	REFUSED(batch_map(f, &b, 0x8000), -EINVAL, "0x8000");
	opts.iova = LOW_IOVA;
	REFUSED(iom_mapv(f->dom, b.pieces, BATCH, IOM_MAP_RW | IOM_MAP_FIXED, &opts, b.regions),
		-EINVAL, "iova");
	b.pieces[4].iova = page;
	REFUSED(batch_map(f, &b, 0), -EINVAL, "piece 4", "IOM_MAP_FIXED");
	b.pieces[4].iova = 0;
	b.pieces[4].length = 0;
	REFUSED(batch_map(f, &b, 0), -EINVAL, "piece 4");
	b.pieces[4].length = page + 1;
	REFUSED(batch_map(f, &b, 0), -EINVAL, "piece 4");
	b.pieces[4].length = page;
	b.pieces[6].va = (char *)b.pieces[6].va + 1;
	REFUSED(batch_map(f, &b, 0), -EINVAL, "piece 6");
	b.pieces[6].va = NULL;
	REFUSED(batch_map(f, &b, 0), -EINVAL, "piece 6", "NULL");
	TRY(refused_before(f, &before, &b));

	/* a limit holds for each; regions need not be kept */
	batch_lay_out(&b, p, page, 2);
	opts.iova = 0;
	opts.limit = LOW_IOVA - 1;
	OK(iom_mapv(f->dom, b.pieces, BATCH, IOM_MAP_RW, &opts, NULL));
	EXPECT(counters(f).mapped_bytes == before.mapped_bytes + BATCH * page);
	OK(iom_unmap_all(f->dom));
	EXPECT(!is_mapped(f, p));
	opts.limit = page - 1;
	REFUSED(iom_mapv(f->dom, b.pieces, BATCH, IOM_MAP_RW, &opts, NULL), -ERANGE, "limit");
	return PASS;
}

/* Counted before the kernel is asked. */
static enum outcome entry_limit(struct fixture *f)
{
	struct iom_counters before;
	struct batch b;
	uint64_t page;
	char *p;

	STAGE(stage_entry_limit(BATCH - 1));
	OK(open_with_device(f, 0));
	before = counters(f);
	if (before.entry_limit == UINT64_MAX)
		return not_applicable("this backend has no limit on mappings");
	page = f->page;
	p = memory(2 * BATCH * page);
	batch_lay_out(&b, p, page, 2);
	REFUSED(batch_map(f, &b, 0), -ENOSPC, "8", "7", "dma_entry_limit");
	TRY(refused_before(f, &before, &b));
	batch_lay_out(&b, p, page, 1);
	REFUSED(batch_map(f, &b, IOM_MAP_APART), -ENOSPC, "8", "7", "dma_entry_limit");
	TRY(refused_before(f, &before, &b));
	OK(batch_map(f, &b, 0));
	EXPECT(counters(f).entries_used == 1);
	OK(iom_unmapv(f->dom, b.regions, BATCH));
	EXPECT(counters(f).entries_used == 0);
	return PASS;
}

/* ---- Progress ---------------------------------------------------------------------------------- */

struct progress {
	uint64_t done, total;
	unsigned int calls;
	bool wrong;
};

static void follow(void *arg, uint64_t done, uint64_t total)
{
	struct progress *p = arg;

	if (done < p->done || done > total || (p->calls && total != p->total))
		p->wrong = true;
	p->done = done;
	p->total = total;
	p->calls++;
}

/* Up to the end, and never backwards: of memory that is not there yet, and of a batch. */
static enum outcome progress(struct fixture *f)
{
	struct progress p = { 0 };
	const struct iom_map_opts opts = {
		.size = sizeof(opts),
		.progress = follow,
		.progress_arg = &p,
	};
	uint64_t length = 144 * MIB;
	struct iom_region r;
	struct batch b;

	OK(iom_map(f->dom, room(length, PROT_READ | PROT_WRITE), length, IOM_MAP_RW, &opts, &r));
	EXPECT(!p.wrong && p.calls >= 3 && p.total >= length && p.done == p.total);
	OK(iom_unmap(f->dom, &r));

	p = (struct progress){ 0 };
	batch_lay_out(&b, memory(2 * BATCH * f->page), f->page, 2);
	OK(iom_mapv(f->dom, b.pieces, BATCH, IOM_MAP_RW, &opts, b.regions));
	EXPECT(!p.wrong && p.calls >= BATCH && p.total >= BATCH * f->page && p.done == p.total);
	return PASS;
}

const struct test batch_tests[] = {
	{ "batch-contiguous-is-one-map", contiguous, NEEDS_EDU },
	{ "batch-scattered", scattered, NEEDS_EDU },
	{ "batch-runs-out-of-order", runs, NEEDS_EDU },
	{ "batch-fixed", fixed, NEEDS_EDU },
	{ "batch-apart", apart, NEEDS_EDU },
	{ "batch-aliases", aliases, NEEDS_EDU },
	{ "batch-overlaps", overlaps, NEEDS_DEVICE },
	{ "batch-over-a-hole", over_a_hole, NEEDS_EDU },
	{ "batch-bad-arguments", arguments, NEEDS_DEVICE },
	{ "batch-entry-limit", entry_limit, NEEDS_NOTHING },
	{ "batch-progress", progress, NEEDS_DEVICE },
	{ NULL, NULL, NEEDS_DEVICE },
};
