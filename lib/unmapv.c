// SPDX-License-Identifier: BSD-3-Clause
/* Many regions at once, and those that are more, or less, than one mapping. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "batch.h"
#include "error.h"
#include "pieces.h"
#include "unmap.h"

/* The regions are sorted by IOVA. */
struct call {
	struct iom_domain *dom;
	const struct iom_region *regions;
	size_t n;
	bool streamed;
	bool lenient; /* what is quarantined does not stop it */

	const struct iom_region *wrong; /* the one that the sentence is about */
	bool changing;                  /* by another thread, some of it */
	bool quarantined;
	size_t cuts;
	size_t parts; /* batches that are not there in whole, so far */
};

/* Regions of one generation next to each other: pieces of a run, and perhaps of the next one. */
struct block {
	size_t end; /* in the list */
	struct iom_units units;
	uint64_t generation;
};

static struct block block_at(const struct call *call, size_t first)
{
	struct block block = {
		.end = first + 1,
		.units = iom_region_units(&call->regions[first]),
		.generation = call->regions[first].generation,
	};

	for (; block.end < call->n; block.end++) {
		const struct iom_region *next = &call->regions[block.end];
		struct iom_units units = iom_region_units(next);

		if (next->generation != block.generation || units.start != block.units.end)
			break;
		block.units.end = units.end;
	}
	return block;
}

/* Whether the span is of these regions: only a batch has some that are less than a span. */
static bool is_of(const struct call *call, const struct block *block, const struct iom_span *span)
{
	return span->generation == block->generation && span->state != IOM_SPAN_HOLE &&
	       span->streamed == call->streamed &&
	       (span->batch ||
		(span->start >= block->units.start && span->end <= block->units.end));
}

/* The block's next mapping from unit on, or NULL. */
static struct iom_span *next_span(const struct call *call, const struct block *block, uint64_t unit)
{
	while (unit < block->units.end) {
		struct iom_span *span = iom_space_at(&call->dom->space, unit);

		if (span->start >= block->units.end)
			break;
		if (is_of(call, block, span))
			return span;
		unit = span->end;
	}
	return NULL;
}

typedef int span_fn(struct call *call, size_t region, struct iom_span *span);

/* Apply fn, which removes nothing, to each mapping, until it says something else than 0. */
static int for_each(struct call *call, span_fn *fn)
{
	struct block block;
	size_t i;

	for (i = 0; i < call->n; i = block.end) {
		struct iom_span *span;
		uint64_t unit;

		block = block_at(call, i);
		for (unit = block.units.start; (span = next_span(call, &block, unit));
		     unit = span->end) {
			int ret = fn(call, i, span);

			if (ret)
				return ret;
		}
	}
	return 0;
}

/* ---- What is wrong ------------------------------------------------------------------------- */

static int not_mapped(struct call *call, size_t i)
{
	call->wrong = &call->regions[i];
	return iom_error(-ENOENT, "the region was unmapped before, or is none of this domain");
}

/* Whether the span ends with the block, or may be made to. */
static int check_end(struct call *call, const struct iom_span *span, uint64_t unit, bool sticks_out)
{
	if (!sticks_out)
		return 0;
	if (!iom_pieces_may_cut(span, unit << IOM_UNIT_SHIFT))
		return iom_span_is_part(span);
	call->cuts++;
	return 0;
}

/* Count it for its batch, if that is a unit. */
static void count(struct call *call, const struct iom_span *span)
{
	struct iom_batch *batch = span->batch;

	if (!batch || !batch->total)
		return;
	call->parts += !batch->seen;
	batch->seen += span->end - span->start;
	call->parts -= batch->seen == batch->total;
}

static int check_span(struct call *call, const struct block *block, const struct iom_span *span)
{
	int ret;

	if (span->state == IOM_SPAN_CHANGING) {
		call->changing = true;
		return 0;
	}
	count(call, span);
	if (span->state == IOM_SPAN_QUARANTINED) {
		call->quarantined = true;
		ret = iom_span_is_quarantined(span);
		return call->lenient ? 0 : ret;
	}
	ret = check_end(call, span, block->units.start, span->start < block->units.start);
	return ret ? ret : check_end(call, span, block->units.end, span->end > block->units.end);
}

/*
 * Wait until nobody else is mapping or unmapping any of it: even if a part is gone already, which
 * is an error, the others are in the device's reach until then.
 */
static void settle(struct call *call)
{
	struct block block;
	bool waited;
	size_t i;

	do {
		waited = false;
		for (i = 0; i < call->n; i = block.end) {
			const struct iom_span *span;
			uint64_t unit;

			block = block_at(call, i);
			unit = block.units.start;
			while ((span = next_span(call, &block, unit))) {
				if (span->state != IOM_SPAN_CHANGING) {
					unit = span->end;
					continue;
				}
				iom_wait_settled(call->dom);
				waited = true;
			}
		}
	} while (waited);
}

/* Whether there is something left of each region. */
static int check_block(struct call *call, const struct block *block, size_t next)
{
	uint64_t unit = block->units.start;
	const struct iom_span *span;
	int ret;

	while ((span = next_span(call, block, unit))) {
		unit = span->end;
		if (next < block->end) {
			if (iom_region_units(&call->regions[next]).end <= span->start)
				return not_mapped(call, next);
			call->wrong = &call->regions[next];
		}
		ret = check_span(call, block, span);
		if (ret < 0)
			return ret;
		while (next < block->end &&
		       iom_region_units(&call->regions[next]).start < span->end)
			next++;
	}
	return next < block->end ? not_mapped(call, next) : 0;
}

static int check_each(struct call *call)
{
	struct block block;
	uint64_t end = 0, generation = 0;
	size_t i;
	int ret;

	for (i = 0; i < call->n; i = block.end) {
		block = block_at(call, i);
		if (block.generation == generation && block.units.start < end) {
			call->wrong = &call->regions[i];
			return iom_error(-EINVAL, "the region is there twice");
		}
		ret = check_block(call, &block, i);
		if (ret < 0)
			return ret;
		end = block.units.end;
		generation = block.generation;
	}
	return 0;
}

/* Whether the batch of one is not there in whole. */
static int check_part(struct call *call, size_t region, struct iom_span *span)
{
	if (!iom_batch_is_part(span))
		return 0;
	call->wrong = &call->regions[region];
	return iom_span_is_part(span);
}

static int uncount(struct call *call, size_t region, struct iom_span *span)
{
	(void)call;
	(void)region;
	if (span->batch)
		span->batch->seen = 0;
	return 0;
}

/* The first region that nothing is left of, or n. */
static size_t find_missing(const struct call *call)
{
	size_t i;

	for (i = 0; i < call->n; i++) {
		const struct block alone = {
			.units = iom_region_units(&call->regions[i]),
			.generation = call->regions[i].generation,
		};

		if (!next_span(call, &alone, alone.units.start))
			break;
	}
	return i;
}

static int check_at_once(struct call *call)
{
	int ret;

	call->changing = false;
	call->quarantined = false;
	call->cuts = 0;
	call->parts = 0;
	ret = check_each(call);
	if (!ret && !call->changing && call->parts)
		ret = for_each(call, check_part);
	if (ret < 0 || call->changing)
		(void)for_each(call, uncount);
	return ret;
}

static int check(struct call *call)
{
	size_t missing;
	int ret;

	ret = check_at_once(call);
	if (ret < 0 || call->changing) {
		settle(call);
		ret = check_at_once(call);
	}
	if (ret != -EINVAL)
		return ret;
	/* a stale one between two regions has them look apart */
	missing = find_missing(call);
	return missing < call->n ? not_mapped(call, missing) : ret;
}

/* ---- Unmapping ----------------------------------------------------------------------------- */

/* A mapping of the block that has unit inside, which may be cut there. */
static void cut_at(struct call *call, const struct block *block, uint64_t unit)
{
	const struct iom_span *span = iom_space_at(&call->dom->space, unit);

	if (span->start < unit && is_of(call, block, span))
		iom_pieces_cut(call->dom, unit);
}

static int cut(struct call *call)
{
	struct block block;
	size_t i;

	if (!call->cuts)
		return 0;
	if (iom_spans_reserve(call->dom, call->cuts) < 0)
		return iom_error(-ENOMEM, "no memory to cut a mapping");
	for (i = 0; i < call->n; i = block.end) {
		block = block_at(call, i);
		cut_at(call, &block, block.units.start);
		cut_at(call, &block, block.units.end);
	}
	return 0;
}

static int withdraw(struct call *call, size_t region, struct iom_span *span)
{
	if (span->state == IOM_SPAN_MAPPED)
		iom_span_withdraw(call->dom, span);
	return uncount(call, region, span);
}

/* Whether one kernel call may do for a range, and for what lies behind it. */
static bool joins(const struct call *call, const struct iom_units *units,
		  const struct iom_span *span)
{
	return units->end == span->start &&
	       iom_aperture_containing(&call->dom->apertures, units->start << IOM_UNIT_SHIFT,
				       (span->end << IOM_UNIT_SHIFT) - 1);
}

/* What was withdrawn, and is changing, is ours: nobody else comes near it until it is settled. */
static int unmap_withdrawn(struct call *call)
{
	struct iom_units units = { 0, 0 };
	struct block block;
	int ret = 0;
	size_t i;

	for (i = 0; i < call->n; i = block.end) {
		struct iom_span *span;
		uint64_t unit;

		block = block_at(call, i);
		unit = block.units.start;
		while ((span = next_span(call, &block, unit))) {
			unit = span->end;
			if (span->state != IOM_SPAN_CHANGING)
				continue;
			if (joins(call, &units, span)) {
				units.end = unit;
				continue;
			}
			/* while the kernel is called the table changes; not this span */
			if (units.end && iom_units_unmap(call->dom, &units) < 0)
				ret = -EIO;
			units = (struct iom_units){ span->start, unit };
		}
	}
	if (units.end && iom_units_unmap(call->dom, &units) < 0)
		ret = -EIO;
	return ret;
}

/* The table lock is held. */
static int unmap_regions(struct call *call)
{
	int ret;

	ret = check(call);
	if (ret < 0)
		return ret;
	ret = cut(call);
	if (ret < 0) {
		(void)for_each(call, uncount);
		return ret;
	}
	call->wrong = NULL;
	(void)for_each(call, withdraw);
	ret = unmap_withdrawn(call);
	return call->quarantined ? -EIO : ret;
}

int iom_unmap_parts(struct iom_domain *dom, const struct iom_region *region)
{
	struct call call = { .dom = dom, .regions = region, .n = 1, .lenient = true };

	return unmap_regions(&call);
}

static int compare(const void *a, const void *b)
{
	const struct iom_region *x = a, *y = b;

	if (x->iova != y->iova)
		return x->iova < y->iova ? -1 : 1;
	return x->generation < y->generation ? -1 : x->generation > y->generation;
}

static void sort(struct iom_region *regions, size_t n)
{
	size_t i;

	for (i = 1; i < n; i++) {
		if (compare(&regions[i - 1], &regions[i]) > 0) {
			qsort(regions, n, sizeof(*regions), compare);
			return;
		}
	}
}

int iom_unmap_regions(struct iom_domain *dom, struct iom_region *regions, size_t n, bool streamed)
{
	struct call call = { .dom = dom, .regions = regions, .n = n, .streamed = streamed };
	int ret;

	sort(regions, n);
	pthread_mutex_lock(&dom->table);
	ret = unmap_regions(&call);
	pthread_mutex_unlock(&dom->table);
	if (ret < 0 && call.wrong)
		iom_error_set_prefix("IOVA 0x%" PRIx64 " + 0x%" PRIx64 ": ", call.wrong->iova,
				     call.wrong->length);
	return ret;
}

static int unmapv(struct iom_domain *dom, const struct iom_region *regions, size_t n)
{
	struct iom_region *sorted;
	int ret;

	if (!n)
		return iom_error(-EINVAL, "there are no regions");
	sorted = calloc(n, sizeof(*sorted));
	if (!sorted)
		return iom_error(-ENOMEM, "no memory for a list of regions");
	memcpy(sorted, regions, n * sizeof(*sorted));
	pthread_rwlock_rdlock(&dom->topology);
	ret = iom_unmap_regions(dom, sorted, n, false);
	pthread_rwlock_unlock(&dom->topology);
	free(sorted);
	return ret;
}

int iom_unmapv(struct iom_domain *dom, const struct iom_region *regions, size_t n)
{
	int ret;

	ret = iom_check_owner(dom);
	if (!ret)
		ret = unmapv(dom, regions, n);
	return ret < 0 ? iom_error_prefix(ret, "unmap a batch: ") : 0;
}
