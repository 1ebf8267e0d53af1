// SPDX-License-Identifier: BSD-3-Clause
/* Where memory goes, and the tables that say so. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "adopt.h"
#include "batch.h"
#include "error.h"
#include "map_steps.h"
#include "pieces.h"
#include "placement.h"
#include "radix_one.h"
#include "request.h"

static uint64_t next_generation = 1;

uint64_t iom_next_generation(void)
{
	return __atomic_load_n(&next_generation, __ATOMIC_RELAXED);
}

uint64_t iom_take_generations(uint64_t n)
{
	return __atomic_fetch_add(&next_generation, n, __ATOMIC_RELAXED);
}

struct taker {
	const struct iom_space *space;
	uint64_t start;
};

static bool take_fit(void *arg, const struct iom_fit *fit)
{
	struct taker *taker = arg;

	return iom_space_fit(taker->space, fit, &taker->start);
}

bool iom_map_find(const struct iom_domain *dom, const struct iom_place *place, uint64_t *start)
{
	struct taker taker;

	taker.space = &dom->space;
	if (!iom_placement(&dom->automatic, place, take_fit, &taker))
		return false;
	*start = taker.start;
	return true;
}

int iom_map_choose(const struct iom_domain *dom, const struct iom_place *place, uint64_t backing,
		   uint64_t *start)
{
	char below[48] = "";

	if (iom_map_find(dom, place, start))
		return 0;
	if (place->limit < UINT64_MAX)
		snprintf(below, sizeof(below), " below the limit of 0x%" PRIx64, place->limit);
	if (!iom_placement_possible(&dom->automatic, place))
		return iom_error(-ERANGE, "no aperture%s is that large (page 0 is not used%s)",
				 below,
				 iom_requests_granted(dom)
					 ? ", nor are those that were requested for fixed IOVAs"
					 : "");
	return iom_error(-ENOSPC, "no free IOVA range%s is that large; unmap something first%s",
			 below,
			 place->backing < backing ? ", or raise unmap_granule: apertures with "
						    "larger pages are not used"
						  : "");
}

static int choose_anywhere(struct iom_domain *dom, const struct iom_map_request *rq,
			   const struct iom_map_run *run, uint64_t *start)
{
	const struct iom_place place = {
		.va = run->va,
		.length = run->length,
		.backing = iom_map_page_limit(dom, run),
		.granule = dom->granule,
		.limit = rq->limit,
	};

	if (dom->strict.on)
		return iom_strict_choose(dom, &place, run->backing, start);
	return iom_map_choose(dom, &place, run->backing, start);
}

static const char *what_is(const struct iom_map_request *rq, const struct iom_span *span)
{
	if (span->state == IOM_SPAN_CHANGING && span->generation - rq->generation < rq->n)
		return "for another piece of the batch";
	return span->state == IOM_SPAN_QUARANTINED ? "quarantined already" : "mapped already";
}

static int choose_fixed(struct iom_domain *dom, const struct iom_map_request *rq,
			const struct iom_map_run *run, uint64_t *start)
{
	uint64_t first = run->iova >> IOM_UNIT_SHIFT;
	uint64_t end = first + (run->length >> IOM_UNIT_SHIFT);
	const struct iom_span *span = iom_space_at(&dom->space, first);

	/* what others had may be free again: here it is the kernel that knows */
	if (span->foreign && iom_adopt_forget(dom, first, end))
		span = iom_space_at(&dom->space, first);
	if (span->start < end)
		return iom_error(-EEXIST, "IOVA 0x%" PRIx64 " to 0x%" PRIx64 " is %s",
				 iom_span_iova(span),
				 iom_span_iova(span) + iom_span_length(span) - 1,
				 what_is(rq, span));
	*start = first;
	return 0;
}

/* Where what is mapped at iova may be cut: no finer than the IOMMU's pages there. */
static uint64_t cut_of(const struct iom_domain *dom, uint64_t iova)
{
	const struct iom_aperture *a;
	uint64_t page;

	if (!dom->granule)
		return 0;
	a = iom_aperture_containing(&dom->apertures, iova, iova);
	page = iom_smallest_page(a->page_sizes);
	return dom->granule > page ? dom->granule : page;
}

/* Choose an IOVA and occupy it. */
static int place(struct iom_domain *dom, const struct iom_map_request *rq, size_t i)
{
	struct iom_map_run *run = &rq->runs[i];
	uint64_t start;
	int ret;

	if (rq->flags & IOM_MAP_FIXED)
		ret = choose_fixed(dom, rq, run, &start);
	else
		ret = choose_anywhere(dom, rq, run, &start);
	if (ret < 0)
		return ret;
	run->left = false;
	run->span = iom_pool_take(&dom->pool);
	*run->span = (struct iom_span){
		.start = start,
		.end = start + (run->length >> IOM_UNIT_SHIFT),
		.va = run->va,
		.flags = rq->flags | dom->history.mark,
		.backing_shift = run->even ? iom_span_shift(run->backing) : 0,
		.cut_shift = rq->streamed ? 0
					  : iom_span_shift(cut_of(dom, start << IOM_UNIT_SHIFT)),
		.only = rq->only,
		.streamed = rq->streamed,
		.file = rq->file,
		.state = IOM_SPAN_CHANGING,
		.generation = rq->generation + (rq->apart ? i : 0),
	};
	run->iova = start << IOM_UNIT_SHIFT;
	iom_space_insert(&dom->space, run->span);
	return 0;
}

int iom_map_check_entries(const struct iom_domain *dom, uint64_t need)
{
	uint64_t limit = dom->entry_limit;
	uint64_t left = dom->entries < limit ? limit - dom->entries : 0;

	if (limit == UINT64_MAX || need <= left)
		return 0;
	return iom_error(-ENOSPC,
			 "it needs %" PRIu64
			 " of the kernel's mappings, and of the limit of %" PRIu64
			 " mappings %" PRIu64
			 " are left; map larger pieces (each unmap_granule is one), or raise %s",
			 need, limit, left, dom->backend->ops->entry_limit);
}

static inline int claim_pieces(const struct iom_span *span, struct iom_radix *radix, uint64_t key,
			       uint64_t value, uint64_t *taken)
{
	if (span->cut_shift)
		return iom_pieces_claim(span, radix, key, value, taken);
	return iom_radix_claim_one(radix, key, iom_span_length(span), value, taken);
}

int iom_span_claim(struct iom_domain *dom, const struct iom_span *span)
{
	uint64_t iova = iom_span_iova(span), length = iom_span_length(span);
	bool alias = span->flags & IOM_MAP_ALIAS;
	uint64_t taken = 0;
	int ret;

	if (!alias) {
		ret = claim_pieces(span, &dom->by_va, span->va, iova, &taken);
		if (ret < 0)
			return iom_map_explain_claim(dom, ret, taken);
	}
	ret = claim_pieces(span, &dom->by_iova, iova, span->va, &taken);
	if (ret < 0) {
		if (!alias)
			iom_radix_clear(&dom->by_va, span->va, length);
		return iom_error(-ENOMEM, "no memory for the translation tables");
	}
	dom->entries += iom_pieces_count(span);
	if (span->file)
		span->file->parts++;
	return 0;
}

static int claim_all(struct iom_domain *dom, struct iom_map_request *rq)
{
	size_t n;
	int ret;

	for (n = 0; n < rq->n; n++) {
		rq->wrong = &rq->runs[n];
		ret = iom_span_claim(dom, rq->runs[n].span);
		if (ret < 0)
			goto undo;
	}
	return 0;

undo:
	/* those that have claimed nothing are the caller's to take out */
	while (n) {
		struct iom_map_run *run = &rq->runs[--n];

		iom_span_release(dom, run->span);
		run->span = NULL;
	}
	return ret;
}

int iom_map_reserve(struct iom_domain *dom, struct iom_map_request *rq)
{
	uint64_t entries = 0;
	size_t n, i;
	int ret;

	rq->wrong = NULL;
	if (iom_spans_reserve(dom, rq->n) < 0)
		return iom_error(-ENOMEM, "no memory for a mapping");
	rq->generation = iom_take_generations(rq->apart ? rq->n : 1);
	for (n = 0; n < rq->n; n++) {
		rq->wrong = &rq->runs[n];
		ret = place(dom, rq, n);
		if (ret < 0)
			goto undo;
		entries += iom_pieces_count(rq->runs[n].span);
	}
	rq->wrong = NULL;
	ret = iom_map_check_entries(dom, entries);
	if (!ret)
		ret = claim_all(dom, rq);
	if (!ret)
		return 0;

undo:
	for (i = 0; i < n; i++) {
		struct iom_span *span = rq->runs[i].span;

		if (!span)
			continue;
		iom_space_remove(&dom->space, span);
		iom_pool_give(&dom->pool, span);
	}
	return ret;
}

void iom_span_publish(struct iom_domain *dom, struct iom_span *span)
{
	uint64_t iova = iom_span_iova(span), length = iom_span_length(span);

	iom_radix_publish_one(&dom->by_iova, iova, length, span->va);
	if (!(span->flags & IOM_MAP_ALIAS))
		iom_radix_publish_one(&dom->by_va, span->va, length, iova);
	iom_span_mapped(dom, span);
}

static void join_batch(struct iom_domain *dom, const struct iom_map_request *rq)
{
	struct iom_batch *batch = rq->batch;
	size_t i;

	*batch = (struct iom_batch){ .spans = rq->n };
	for (i = 0; i < rq->n; i++) {
		rq->runs[i].span->batch = batch;
		/* all may be cut, or none */
		if (!rq->runs[i].span->cut_shift)
			batch->total += rq->runs[i].length >> IOM_UNIT_SHIFT;
	}
	dom->batches++;
}

void iom_map_publish(struct iom_domain *dom, struct iom_map_request *rq)
{
	size_t i;

	for (i = 0; i < rq->n; i++)
		iom_span_publish(dom, rq->runs[i].span);
	if (rq->batch)
		join_batch(dom, rq);
}

void iom_map_give_up(struct iom_domain *dom, const struct iom_map_request *rq)
{
	size_t i;

	for (i = 0; i < rq->n; i++) {
		if (rq->runs[i].left)
			iom_span_quarantine(dom, rq->runs[i].span);
		else
			iom_span_release(dom, rq->runs[i].span);
	}
}
