// SPDX-License-Identifier: BSD-3-Clause
#include "map.h"

#include <errno.h>
#include <inttypes.h>

#include "adopt.h"
#include "error.h"
#include "map_steps.h"
#include "pieces.h"
#include "topology.h"
#include "view.h"

#define MAP_FLAGS (IOM_MAP_RW | IOM_MAP_FIXED | IOM_MAP_ALIAS)

/* Undo the kernel's maps of the first n runs: 0, or -EIO if it kept any. */
static int undo(struct iom_domain *dom, struct iom_map_request *rq, size_t n)
{
	int ret = 0;

	while (n) {
		struct iom_map_run *run = &rq->runs[--n];

		if (iom_pieces_undo(dom, run->iova, run->length, 0, &run->left) < 0)
			ret = -EIO;
	}
	return ret;
}

/* Have the kernel map all runs; after a failure each knows whether something of it is left. */
static int map_in_kernel(struct iom_domain *dom, struct iom_map_request *rq)
{
	uint64_t rest = rq->bytes;
	size_t n;
	int ret;

	for (n = 0; n < rq->n; n++) {
		struct iom_map_run *run = &rq->runs[n];
		struct iom_backend_map map = iom_span_map(run->span);

		map.fd = rq->fd;
		map.offset = rq->offset;
		map.backing = run->even ? run->backing : 0;
		map.rest = rest;
		rq->wrong = run;
		ret = iom_pieces_map(dom, &map, iom_span_cut(run->span), &rq->progress, &run->left);
		if (ret < 0)
			return undo(dom, rq, n) < 0 ? -EIO : ret;
		rest -= run->length;
	}
	return 0;
}

/* Of an address space that others map in: the kernel refused an IOVA that the library chose. */
static int avoid(struct iom_domain *dom, const struct iom_map_request *rq, unsigned int tries)
{
	const uint64_t count = rq->wrong->length >> IOM_UNIT_SHIFT;

	return iom_adopt_avoid(dom, rq->wrong->iova >> IOM_UNIT_SHIFT, count, tries);
}

/* -EAGAIN: there was something of somebody else's, which is avoided from now on. */
static int map_once(struct iom_domain *dom, struct iom_map_request *rq, unsigned int tries)
{
	int ret;

	pthread_mutex_lock(&dom->table);
	ret = iom_map_reserve(dom, rq);
	pthread_mutex_unlock(&dom->table);
	if (ret < 0)
		return ret;
	ret = map_in_kernel(dom, rq);
	pthread_mutex_lock(&dom->table);
	if (ret < 0)
		iom_map_give_up(dom, rq);
	else
		iom_map_publish(dom, rq);
	if (ret == -EEXIST && !(rq->flags & IOM_MAP_FIXED)) {
		ret = avoid(dom, rq, tries);
		ret = ret < 0 ? ret : -EAGAIN;
	}
	iom_tell_settled(dom);
	pthread_mutex_unlock(&dom->table);
	return ret;
}

static bool forget_avoided(struct iom_domain *dom)
{
	bool any;

	pthread_mutex_lock(&dom->table);
	any = iom_adopt_forget(dom, 0, IOM_SPACE_END);
	pthread_mutex_unlock(&dom->table);
	return any;
}

/*
 * Where others map, too, one place after another, and when there is none left, once more with those
 * that may be free again by now.
 */
static int map_beside_others(struct iom_domain *dom, struct iom_map_request *rq)
{
	const struct iom_progress progress = rq->progress;
	unsigned int tries = 0, round = 0;
	struct iom_kept_error before;
	int ret;

	iom_error_keep(&before);
	do {
		rq->progress = progress;
		ret = map_once(dom, rq, tries++);
		if (ret == -ENOSPC && !round && forget_avoided(dom)) {
			tries = 0;
			round++;
			ret = -EAGAIN;
		}
	} while (ret == -EAGAIN && tries < IOM_ADOPT_TRIES);
	if (!ret && (tries > 1 || round))
		iom_error_restore(&before);
	if (ret == -ENOSPC && round)
		iom_error_append("; others have mapped there: name ranges of IOVAs that are ours "
				 "(iom_adopt_opts)");
	if (ret == -EAGAIN)
		ret = iom_error(-ENOSPC,
				"others have mapped something at each of the %u places that were "
				"tried; name ranges of IOVAs that are ours (iom_adopt_opts)",
				tries);
	return ret;
}

static int map(struct iom_domain *dom, struct iom_map_request *rq)
{
	return dom->backend->shared ? map_beside_others(dom, rq) : map_once(dom, rq, 0);
}

/* Whether a backend that makes apertures would make one for this memory. */
static bool wants_aperture(const struct iom_domain *dom, const struct iom_map_request *rq)
{
	return !rq->widened && !(rq->flags & IOM_MAP_FIXED) &&
	       dom->backend->ops->wants_aperture(dom->backend, &rq->wish);
}

static struct iom_backend_wish wish_for(const struct iom_domain *dom,
					const struct iom_map_request *rq)
{
	struct iom_backend_wish wish = { .length = rq->bytes,
					 .backing = UINT64_MAX,
					 .reach = rq->limit };
	size_t i;

	for (i = 0; i < rq->n; i++)
		if (iom_map_page_limit(dom, &rq->runs[i]) < wish.backing)
			wish.backing = iom_map_page_limit(dom, &rq->runs[i]);
	return wish;
}

/* The same where the backend makes apertures; -EAGAIN: one more is wished for. */
static int map_with_wish(struct iom_domain *dom, struct iom_map_request *rq)
{
	int ret;

	if (!rq->widened && !(rq->flags & IOM_MAP_FIXED))
		iom_error_keep(rq->kept);
	rq->wish = wish_for(dom, rq);
	if (wants_aperture(dom, rq)) {
		ret = iom_map_check_unmapped(dom, rq);
		return ret < 0 ? ret : -EAGAIN;
	}
	ret = map(dom, rq);
	rq->wish.full = ret == -ENOSPC || ret == -ERANGE;
	if (!rq->wish.full || (rq->flags & IOM_MAP_FIXED))
		return ret;
	if (wants_aperture(dom, rq))
		return -EAGAIN;
	if (dom->narrow)
		iom_error_append("; no further aperture: %s", dom->narrow);
	return ret;
}

/* All that is known only with topology held. */
static int try(struct iom_domain *dom, struct iom_map_request *rq, const struct iom_map_opts *opts)
{
	int ret;

	ret = iom_map_check(dom, rq, opts);
	if (ret < 0)
		return ret;
	return dom->backend->ops->wants_aperture ? map_with_wish(dom, rq) : map(dom, rq);
}

/* The same after the wish for an aperture, granted or not. */
static int try_wider(struct iom_domain *dom, struct iom_map_request *rq,
		     const struct iom_map_opts *opts)
{
	int ret;

	iom_topology_hold(dom);
	(void)iom_view_widen(dom, &rq->wish);
	iom_topology_let_go(dom);

	rq->widened = true;
	pthread_rwlock_rdlock(&dom->topology);
	ret = try(dom, rq, opts);
	pthread_rwlock_unlock(&dom->topology);
	if (!ret)
		iom_error_restore(rq->kept);
	return ret;
}

static int try_once(struct iom_domain *dom, struct iom_map_request *rq,
		    const struct iom_map_opts *opts)
{
	int ret;

	pthread_rwlock_rdlock(&dom->topology);
	ret = try(dom, rq, opts);
	pthread_rwlock_unlock(&dom->topology);
	return ret == -EAGAIN ? try_wider(dom, rq, opts) : ret;
}

/* Once more, with nothing mapped that streams only keep; and alone, so that none is again. */
static int try_alone(struct iom_domain *dom, struct iom_map_request *rq,
		     const struct iom_map_opts *opts)
{
	int ret;

	iom_topology_hold(dom);
	(void)iom_cache_trim(dom);
	ret = try(dom, rq, opts);
	iom_topology_let_go(dom);
	return ret == -EAGAIN ? try_wider(dom, rq, opts) : ret;
}

/* The same where streams may keep something mapped that is in the way. */
static int try_beside_streams(struct iom_domain *dom, struct iom_map_request *rq,
			      const struct iom_map_opts *opts)
{
	const struct iom_progress progress = rq->progress;
	struct iom_kept_error before;
	int ret;

	iom_error_keep(&before);
	ret = try_once(dom, rq, opts);
	if (ret != -ENOSPC && ret != -ENOMEM && !(ret == -EEXIST && rq->flags & IOM_MAP_FIXED))
		return ret;
	rq->progress = progress;
	ret = try_alone(dom, rq, opts);
	if (!ret)
		iom_error_restore(&before);
	return ret;
}

int iom_map_runs(struct iom_domain *dom, struct iom_map_request *rq,
		 const struct iom_map_opts *opts)
{
	struct iom_kept_error kept;
	size_t i;

	rq->kept = &kept;
	rq->bytes = 0;
	for (i = 0; i < rq->n; i++)
		rq->bytes += rq->runs[i].length;
	rq->progress = (struct iom_progress){ opts->progress, opts->progress_arg, 0, 0 };
	iom_populate(dom, rq);
	if (iom_cache_is_used(&dom->cache) && !rq->streamed)
		return try_beside_streams(dom, rq, opts);
	return try_once(dom, rq, opts);
}

struct iom_region iom_map_region(const struct iom_map_request *rq, size_t run, uintptr_t va,
				 uint64_t length)
{
	const uint64_t delta = rq->runs[run].iova - rq->runs[run].va;

	return (struct iom_region){
		.va = (void *)va,
		.iova = va + delta,
		.length = length,
		.delta = delta,
		.generation = rq->generation + (rq->apart ? run : 0),
		.flags = rq->flags,
		.hint = (uintptr_t)rq->runs[run].span,
	};
}

static int check_arguments(const struct iom_map_request *rq, const struct iom_map_opts *opts,
			   const struct iom_map_opts *callers)
{
	int ret;

	ret = iom_map_check_memory(rq->va, rq->length);
	if (!ret)
		ret = iom_map_check_flags(rq->flags, MAP_FLAGS);
	if (ret < 0)
		return ret;
	if ((rq->flags & IOM_MAP_FIXED) && !callers)
		return iom_error(-EINVAL, "IOM_MAP_FIXED needs options that say where");
	if (!(rq->flags & IOM_MAP_FIXED) && opts->iova)
		return iom_error(-EINVAL, "opts.iova is set, but IOM_MAP_FIXED is not");
	return 0;
}

int iom_map_memory(struct iom_domain *dom, struct iom_map_request *rq,
		   const struct iom_map_opts *callers, struct iom_region *region)
{
	struct iom_map_run run = { .va = rq->va, .length = rq->length };
	struct iom_map_opts opts;
	int ret;

	ret = iom_map_read_opts(callers, &opts);
	if (!ret)
		ret = check_arguments(rq, &opts, callers);
	if (!ret && (rq->va + rq->length - 1) >> dom->by_va.key_bits)
		ret = iom_error(-EFAULT, "no memory of this process lies there");
	if (ret < 0)
		return ret;
	run.iova = opts.iova;
	rq->runs = &run;
	rq->n = 1;
	if (rq->streamed)
		rq->flags |= IOM_MAP_ALIAS;
	ret = iom_map_runs(dom, rq, &opts);
	if (!ret && region)
		*region = iom_map_region(rq, 0, rq->va, rq->length);
	return ret;
}

int iom_map_generally(struct iom_domain *dom, uintptr_t va, uint64_t length, unsigned int flags,
		      const struct iom_map_opts *opts, struct iom_region *region)
{
	struct iom_map_request rq = { .va = va, .length = length, .flags = flags, .fd = -1 };

	return iom_map_memory(dom, &rq, opts, region);
}
