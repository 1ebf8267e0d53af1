// SPDX-License-Identifier: BSD-3-Clause
#include "pieces.h"

#include "batch.h"
#include "error.h"
#include "map.h"
#include "pages.h"

/* The length of the piece that begins at iova, of a range that has length bytes left. */
static uint64_t piece(uint64_t cut, uint64_t iova, uint64_t length)
{
	uint64_t rest;

	if (!cut)
		return length;
	rest = cut - (iova & (cut - 1));
	return rest < length ? rest : length;
}

int iom_pieces_undo(struct iom_domain *dom, uint64_t iova, uint64_t length, int err, bool *left)
{
	struct iom_kept_error kept;

	iom_error_keep(&kept);
	if (iom_backend_unmap(dom, iova, length) < 0) {
		*left = true;
		return -EIO;
	}
	iom_error_restore(&kept);
	return err;
}

/* Whether all of a range is of one page size, or it does not matter. */
static bool is_even(const struct iom_domain *dom, const struct iom_backend_map *map)
{
	return map->backing || !iom_needs_backing(dom);
}

/* The page size behind what is left of a range, and for how many bytes it is the same. */
static int read_run(const struct iom_domain *dom, const struct iom_backend_map *map, uint64_t done,
		    struct iom_run *run)
{
	if (is_even(dom, map)) {
		*run = (struct iom_run){ map->backing, map->length - done };
		return 0;
	}
	return iom_page_run(dom->sys, map->va + done, map->length - done, run);
}

int iom_pieces_map(struct iom_domain *dom, const struct iom_backend_map *map, uint64_t cut,
		   struct iom_progress *progress, bool *left)
{
	struct iom_backend_map next = *map;
	struct iom_run run = { 0, 0 };
	uint64_t done;
	int ret = 0;

	if (!cut && is_even(dom, map)) {
		ret = iom_backend_map(dom, map, left);
		if (!ret)
			iom_progress_add(progress, map->length);
		return ret;
	}
	for (done = 0; done < map->length; done += next.length, run.length -= next.length) {
		if (!run.length)
			ret = read_run(dom, map, done, &run);
		if (!ret) {
			next.va = map->va + done;
			next.iova = map->iova + done;
			next.offset = map->offset + done;
			next.rest = map->rest - done;
			next.backing = run.page;
			next.length = piece(cut, next.iova, run.length);
			ret = iom_backend_map(dom, &next, left);
		}
		if (ret < 0)
			return done ? iom_pieces_undo(dom, map->iova, done, ret, left) : ret;
		iom_progress_add(progress, next.length);
	}
	return 0;
}

int iom_pieces_claim(const struct iom_span *span, struct iom_radix *radix, uint64_t key,
		     uint64_t value, uint64_t *taken)
{
	uint64_t iova = iom_span_iova(span), length = iom_span_length(span), done, n;
	int ret;

	if (!span->cut_shift)
		return iom_radix_claim(radix, key, length, value, taken);
	for (done = 0; done < length; done += n) {
		n = piece(iom_span_cut(span), iova + done, length - done);
		ret = iom_radix_claim(radix, key + done, n, value + done, taken);
		if (ret < 0) {
			iom_radix_clear(radix, key, done);
			return ret;
		}
	}
	return 0;
}

bool iom_pieces_cuts(const struct iom_domain *dom, uint64_t unit)
{
	const struct iom_span *span = iom_space_at(&dom->space, unit);

	return span->start < unit && span->state == IOM_SPAN_MAPPED;
}

void iom_pieces_cut(struct iom_domain *dom, uint64_t unit)
{
	struct iom_span *lower = iom_space_at(&dom->space, unit), *upper;
	uint64_t iova, length;

	if (!iom_pieces_cuts(dom, unit))
		return;
	upper = iom_pool_take(&dom->pool);
	iom_space_remove(&dom->space, lower);
	*upper = *lower;
	upper->start = unit;
	upper->va += (unit - lower->start) << IOM_UNIT_SHIFT;
	lower->end = unit;
	iom_space_insert(&dom->space, lower);
	iom_space_insert(&dom->space, upper);
	dom->mappings++;
	if (upper->file)
		upper->file->parts++;
	if (upper->batch)
		upper->batch->spans++;

	/* what a reader is told to be contiguous ends here from now on */
	iova = iom_span_iova(lower);
	length = iom_span_length(lower);
	iom_radix_shorten(&dom->by_iova, iova, length, lower->va, iom_span_cut(lower));
	if (!(lower->flags & IOM_MAP_ALIAS))
		iom_radix_shorten(&dom->by_va, lower->va, length, iova, iom_span_cut(lower));
}
