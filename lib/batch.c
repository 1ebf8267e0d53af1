// SPDX-License-Identifier: BSD-3-Clause
#include "batch.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "error.h"
#include "map.h"

#define MAPV_FLAGS (IOM_MAP_RW | IOM_MAP_FIXED | IOM_MAP_ALIAS | IOM_MAP_APART)

void iom_batch_leave(struct iom_domain *dom, struct iom_span *span)
{
	struct iom_batch *batch = span->batch;

	span->batch = NULL;
	if (--batch->spans)
		return;
	dom->batches--;
	free(batch);
}

/* One of the caller's, when they are sorted by address. */
struct sorted {
	uintptr_t va;
	uint64_t length;
	iom_iova_t iova;
	size_t index; /* in the caller's list */
	size_t run;   /* that it is a part of */
};

struct plan {
	struct sorted *pieces;
	struct iom_map_run *runs;
	struct iom_batch *batch;
	size_t n, n_runs;
};

static void free_plan(struct plan *plan)
{
	free(plan->pieces);
	free(plan->runs);
	free(plan->batch);
}

/* The batch is allocated before all else, so that nothing can fail when the kernel has it. */
static int alloc_plan(struct plan *plan, size_t n, bool apart)
{
	*plan = (struct plan){ .n = n };
	plan->pieces = calloc(n, sizeof(*plan->pieces));
	plan->runs = calloc(n, sizeof(*plan->runs));
	if (n > 1 && !apart)
		plan->batch = malloc(sizeof(*plan->batch));
	if (plan->pieces && plan->runs && (plan->batch || n == 1 || apart))
		return 0;
	free_plan(plan);
	return iom_error(-ENOMEM, "no memory for a batch of %zu pieces", n);
}

/* Put in front of a sentence which piece, or pieces, it is about. */
static int name_pieces(int err, const struct sorted *first, size_t n, uint64_t length)
{
	if (n == 1)
		return iom_error_prefix(err, "piece %zu, 0x%" PRIxPTR " + 0x%" PRIx64 ": ",
					first->index, first->va, length);
	return iom_error_prefix(err,
				"piece %zu and the %zu behind it in memory, 0x%" PRIxPTR
				" + 0x%" PRIx64 ": ",
				first->index, n - 1, first->va, length);
}

static int read_pieces(struct plan *plan, const struct iom_piece *pieces, unsigned int flags)
{
	size_t i;
	int ret;

	for (i = 0; i < plan->n; i++) {
		struct sorted *s = &plan->pieces[i];

		*s = (struct sorted){ .va = (uintptr_t)pieces[i].va,
				      .length = pieces[i].length,
				      .iova = pieces[i].iova,
				      .index = i };
		ret = iom_map_check_memory(s->va, s->length);
		if (!ret && s->iova && !(flags & IOM_MAP_FIXED))
			ret = iom_error(-EINVAL, "it has an IOVA, but IOM_MAP_FIXED is not set");
		if (ret < 0)
			return name_pieces(ret, s, 1, s->length);
	}
	return 0;
}

static int compare(const void *a, const void *b)
{
	const struct sorted *x = a, *y = b;

	if (x->va != y->va)
		return x->va < y->va ? -1 : 1;
	return x->index < y->index ? -1 : x->index > y->index;
}

static void sort(struct plan *plan)
{
	size_t i;

	for (i = 1; i < plan->n; i++) {
		if (compare(&plan->pieces[i - 1], &plan->pieces[i]) > 0) {
			qsort(plan->pieces, plan->n, sizeof(*plan->pieces), compare);
			return;
		}
	}
}

static int check_overlap(const struct plan *plan)
{
	size_t i;

	for (i = 1; i < plan->n; i++) {
		const struct sorted *low = &plan->pieces[i - 1], *high = low + 1;

		if (high->va - low->va < low->length)
			return name_pieces(iom_error(-EEXIST,
						     "piece %zu has some of the same memory; it "
						     "can be mapped twice with IOM_MAP_ALIAS only",
						     low->index),
					   high, 1, high->length);
	}
	return 0;
}

/*
 * Whether the piece lies right behind the run, in memory and where its IOVA is given: on the same
 * side of an aperture's end.
 */
static bool continues(const struct iom_domain *dom, const struct iom_map_run *run,
		      const struct sorted *piece, unsigned int flags)
{
	if (piece->va - run->va != run->length)
		return false;
	if (!(flags & IOM_MAP_FIXED))
		return true;
	return piece->iova - run->iova == run->length &&
	       iom_aperture_containing(&dom->apertures, run->iova, piece->iova + piece->length - 1);
}

/* Runs of pieces that are next to each other, or each piece apart. */
static void make_runs(struct iom_domain *dom, struct plan *plan, unsigned int flags)
{
	struct iom_map_run *run = NULL;
	size_t i;

	pthread_rwlock_rdlock(&dom->topology);
	for (i = 0; i < plan->n; i++) {
		struct sorted *piece = &plan->pieces[i];

		if (run && !(flags & IOM_MAP_APART) && continues(dom, run, piece, flags)) {
			run->length += piece->length;
		} else {
			run = &plan->runs[plan->n_runs++];
			*run = (struct iom_map_run){ .va = piece->va,
						     .length = piece->length,
						     .iova = piece->iova };
		}
		piece->run = plan->n_runs - 1;
	}
	pthread_rwlock_unlock(&dom->topology);
}

static int make_plan(struct iom_domain *dom, struct plan *plan, const struct iom_piece *pieces,
		     unsigned int flags)
{
	int ret;

	ret = read_pieces(plan, pieces, flags);
	if (ret < 0)
		return ret;
	sort(plan);
	if (!(flags & IOM_MAP_ALIAS))
		ret = check_overlap(plan);
	if (!ret)
		make_runs(dom, plan, flags);
	return ret;
}

/* The first piece that is wrong by itself, where a run of them might be right. */
static int check_pieces(const struct iom_domain *dom, const struct plan *plan, unsigned int flags)
{
	const uint64_t page = iom_page_size(dom);
	size_t i;

	for (i = 0; i < plan->n && page; i++) {
		const struct sorted *piece = &plan->pieces[i];

		if ((piece->va | piece->length | (flags & IOM_MAP_FIXED ? piece->iova : 0)) &
		    (page - 1))
			return name_pieces(iom_error(-EINVAL,
						     "address, length and a fixed IOVA must be "
						     "multiples of %" PRIu64,
						     page),
					   piece, 1, piece->length);
	}
	return 0;
}

/* The sentence is about a run, so about its pieces. */
static int name_run(int err, const struct plan *plan, const struct iom_map_run *run)
{
	const size_t which = (size_t)(run - plan->runs);
	size_t first = 0, n = 0, i;

	for (i = 0; i < plan->n; i++) {
		if (plan->pieces[i].run != which)
			continue;
		if (!n++)
			first = i;
	}
	return name_pieces(err, &plan->pieces[first], n, run->length);
}

static int map_plan(struct iom_domain *dom, struct plan *plan, unsigned int flags,
		    const struct iom_map_opts *opts, struct iom_region *regions)
{
	struct iom_map_request rq = {
		.flags = flags & ~IOM_MAP_APART,
		.fd = -1,
		.runs = plan->runs,
		.n = plan->n_runs,
		.batch = plan->batch,
		.apart = flags & IOM_MAP_APART,
	};
	size_t i;
	int ret;

	ret = iom_map_runs(dom, &rq, opts);
	if (ret < 0)
		return rq.wrong ? name_run(ret, plan, rq.wrong) : ret;
	plan->batch = NULL;
	for (i = 0; i < plan->n && regions; i++) {
		const struct sorted *piece = &plan->pieces[i];

		regions[piece->index] = iom_map_region(&rq, piece->run, piece->va, piece->length);
	}
	return 0;
}

static int mapv(struct iom_domain *dom, const struct iom_piece *pieces, size_t n,
		unsigned int flags, const struct iom_map_opts *callers, struct iom_region *regions)
{
	struct iom_map_opts opts;
	struct plan plan;
	int ret;

	ret = iom_map_read_opts(callers, &opts);
	if (!ret)
		ret = iom_map_check_flags(flags, MAPV_FLAGS);
	if (ret < 0)
		return ret;
	if (!n)
		return iom_error(-EINVAL, "there are no pieces");
	if (opts.iova)
		return iom_error(-EINVAL, "opts.iova is set; with IOM_MAP_FIXED each piece has its "
					  "own");
	ret = alloc_plan(&plan, n, flags & IOM_MAP_APART);
	if (ret < 0)
		return ret;
	ret = make_plan(dom, &plan, pieces, flags);
	if (!ret)
		ret = check_pieces(dom, &plan, flags);
	if (!ret)
		ret = map_plan(dom, &plan, flags, &opts, regions);
	free_plan(&plan);
	return ret;
}

int iom_mapv(struct iom_domain *dom, const struct iom_piece *pieces, size_t n, unsigned int flags,
	     const struct iom_map_opts *opts, struct iom_region *regions)
{
	int ret;

	ret = iom_check_owner(dom);
	if (!ret)
		ret = mapv(dom, pieces, n, flags, opts, regions);
	return ret < 0 ? iom_error_prefix(ret, "map a batch: ") : 0;
}
