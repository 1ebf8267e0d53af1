// SPDX-License-Identifier: BSD-3-Clause
/* What the caller asks for, and what became of it; request_place.c finds the place. */
#include "request.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "error.h"
#include "options.h"
#include "request_place.h"
#include "topology.h"

#define APERTURE_OPTS_FIRST sizeof(struct iom_aperture_opts)

#define REQUEST_FLAGS (IOM_APERTURE_FIXED | IOM_APERTURE_AUTO)

/* Unique in the process, so that one of another domain is never taken for one of this. */
static uint64_t last_id;

bool iom_requests_granted(const struct iom_domain *dom)
{
	const struct iom_request *rq;

	for (rq = dom->requests; rq; rq = rq->next)
		if (rq->granted)
			return true;
	return false;
}

void iom_requests_free(struct iom_domain *dom)
{
	struct iom_request *rq;

	while ((rq = dom->requests)) {
		dom->requests = rq->next;
		free(rq);
	}
}

/* ---- Views ----------------------------------------------------------------------------------- */

int iom_requests_apply(const struct iom_domain *dom, struct iom_view *view)
{
	struct iom_aperture_set *set = &view->apertures;
	const struct iom_request *rq;
	int ret = 0;

	for (rq = dom->requests; rq && !ret; rq = rq->next) {
		struct iom_aperture a = rq->aperture;
		uint64_t page_sizes;

		if (!rq->granted)
			continue;
		page_sizes = iom_request_pages(iom_aperture_containing(set, a.start, a.last),
					       a.start, rq->room.length, rq->room.page);
		if (a.last > view->reach || !page_sizes)
			return iom_error(-EBUSY,
					 "the requested aperture at IOVA 0x%" PRIx64
					 " to 0x%" PRIx64 " would be cut; release it first",
					 a.start, a.last);
		ret = iom_aperture_cut(set, a.start, a.last);
		if (!ret)
			ret = iom_aperture_add(set, a.start, a.last, page_sizes, a.flags);
	}
	return ret ? ret : iom_aperture_normalize(set);
}

int iom_requests_reserve(const struct iom_domain *dom, struct iom_view *view)
{
	const struct iom_request *rq;
	int ret = 0;

	for (rq = dom->requests; rq && !ret; rq = rq->next)
		if (rq->granted && !rq->automatic)
			ret = iom_aperture_cut(&view->automatic, rq->aperture.start,
					       rq->aperture.last);
	return ret ? ret : iom_aperture_normalize(&view->automatic);
}

/* ---- Granting -------------------------------------------------------------------------------- */

/* What is granted, as the backend sees it. */
static int list_granted(const struct iom_domain *dom, struct iom_aperture_set *set)
{
	const struct iom_request *rq;
	int ret = 0;

	*set = (struct iom_aperture_set){ 0 };
	for (rq = dom->requests; rq && !ret; rq = rq->next)
		if (rq->granted)
			ret = iom_aperture_add(set, rq->aperture.start, rq->aperture.last,
					       rq->aperture.page_sizes, rq->aperture.flags);
	if (ret < 0)
		iom_aperture_free(set);
	return ret;
}

/* Tell the backend what is granted now. */
static int hold(struct iom_domain *dom)
{
	const struct iom_backend_ops *ops = dom->backend->ops;
	struct iom_aperture_set granted;
	int ret;

	if (!ops->hold)
		return 0;
	ret = list_granted(dom, &granted);
	if (ret < 0)
		return ret;
	ret = ops->hold(dom->backend, &granted);
	iom_aperture_free(&granted);
	dom->holds |= !ret;
	return ret;
}

static int read_again(struct iom_domain *dom, const struct iom_device *devices,
		      struct iom_view *view)
{
	iom_view_free(view);
	return iom_view_read(dom, devices, view);
}

/* Have the backend make an aperture for it, and place it there; undone on failure. */
static int place_in_new(struct iom_domain *dom, const struct iom_device *devices,
			struct iom_request *rq, struct iom_view *view)
{
	const struct iom_backend_ops *ops = dom->backend->ops;
	struct iom_aperture_set granted;
	struct iom_kept_error kept;
	int ret;

	ret = list_granted(dom, &granted);
	if (ret < 0)
		return ret;
	ret = ops->make_room(dom->backend, &rq->room, view->reach, &granted);
	iom_aperture_free(&granted);
	if (ret < 0)
		return ret;
	ret = read_again(dom, devices, view);
	if (!ret)
		ret = iom_request_place(dom, view, &rq->room, true, &rq->aperture);
	rq->made = !ret;
	if (!ret)
		return 0;
	iom_error_keep(&kept);
	ops->undo_aperture(dom->backend);
	iom_error_restore(&kept);
	return ret;
}

/* Find a place: what there is, if it has the very page; else one that is made; else any. */
static int place(struct iom_domain *dom, const struct iom_device *devices, struct iom_request *rq,
		 struct iom_view *view)
{
	bool can_make = dom->backend->ops->make_room;
	struct iom_kept_error kept;
	int ret, made;

	ret = iom_request_in_reach(view, &rq->room);
	if (ret < 0)
		return ret;
	ret = iom_request_place(dom, view, &rq->room, can_make, &rq->aperture);
	if (!can_make || (ret != -ERANGE && ret != -ENOSPC))
		return ret;
	made = place_in_new(dom, devices, rq, view);
	if (!made || made == -ENOMEM)
		return made;
	iom_error_keep(&kept);
	ret = read_again(dom, devices, view);
	if (!ret)
		ret = iom_request_place(dom, view, &rq->room, false, &rq->aperture);
	if (!ret) {
		iom_log(&dom->log, IOM_LOG_WARN,
			"a requested aperture has smaller pages than those asked for: %s",
			kept.sentence);
		return 0;
	}
	if (ret == -ENOSPC)
		iom_error_append("; no other aperture: %s", kept.sentence);
	if (ret != -ERANGE)
		return ret;
	iom_error_restore(&kept);
	return made;
}

static int grant(struct iom_domain *dom, const struct iom_device *devices, struct iom_request *rq,
		 struct iom_view *view)
{
	int ret;

	ret = place(dom, devices, rq, view);
	if (ret < 0) {
		iom_request_name(&rq->room);
		return ret;
	}
	rq->aperture.flags |= IOM_APERTURE_REQUESTED | (rq->automatic ? IOM_APERTURE_AUTO : 0);
	rq->granted = true;
	rq->fresh = true;
	return read_again(dom, devices, view);
}

void iom_requests_keep(struct iom_domain *dom)
{
	struct iom_request *rq;

	for (rq = dom->requests; rq; rq = rq->next)
		rq->fresh = rq->made = false;
}

/* Have the backend hold what it held before something failed; it may let go of more than that. */
static void hold_again(struct iom_domain *dom, bool made)
{
	struct iom_kept_error kept;
	int ret;

	iom_error_keep(&kept);
	if (made)
		dom->backend->ops->undo_aperture(dom->backend);
	ret = hold(dom);
	if (!ret && dom->devices)
		ret = iom_view_refresh(dom);
	if (ret < 0)
		iom_log(&dom->log, IOM_LOG_WARN, "after a request that failed: %s", iom_errmsg());
	iom_error_restore(&kept);
}

void iom_requests_revoke(struct iom_domain *dom)
{
	struct iom_request *rq;
	bool any = false, made = false;

	for (rq = dom->requests; rq; rq = rq->next) {
		if (!rq->fresh)
			continue;
		any = true;
		made |= rq->made;
		rq->granted = rq->fresh = rq->made = false;
	}
	if (any)
		hold_again(dom, made);
}

/* What the backend did to hold them can be taken back as one with what it made for them. */
static void note_held(struct iom_domain *dom)
{
	struct iom_request *rq;

	for (rq = dom->requests; rq; rq = rq->next)
		rq->made |= rq->fresh && dom->backend->ops->undo_aperture;
}

/* Fixed ones first: those that may lie anywhere make room for them. */
int iom_requests_grant(struct iom_domain *dom, const struct iom_device *devices,
		       struct iom_view *view)
{
	struct iom_request *rq;
	bool anywhere = false;
	int ret = 0;

	if (!dom->requests && !dom->holds)
		return 0;
	do {
		for (rq = dom->requests; rq && !ret; rq = rq->next)
			if (!rq->granted && rq->room.anywhere == anywhere)
				ret = grant(dom, devices, rq, view);
		anywhere = !anywhere;
	} while (anywhere);
	if (!ret)
		ret = hold(dom);
	if (!ret) {
		note_held(dom);
		ret = read_again(dom, devices, view);
	}
	if (ret < 0) {
		iom_view_free(view);
		iom_requests_revoke(dom);
	}
	return ret;
}

/* With the devices that are attached; the domain's apertures are then those with the request. */
static int grant_now(struct iom_domain *dom)
{
	struct iom_view view;
	int ret;

	ret = iom_view_read(dom, dom->devices, &view);
	if (!ret)
		ret = iom_requests_grant(dom, dom->devices, &view);
	if (ret < 0)
		return ret;
	ret = iom_view_commit(dom, &view);
	if (ret < 0) {
		iom_view_free(&view);
		iom_requests_revoke(dom);
		return ret;
	}
	iom_view_raise_granule(dom, &view);
	iom_requests_keep(dom);
	return 0;
}

/* ---- The calls ------------------------------------------------------------------------------- */

static int check_arguments(const struct iom_aperture_opts *opts)
{
	uint64_t page = opts->page ? opts->page : IOM_UNIT;

	if (opts->flags & ~(uint64_t)REQUEST_FLAGS)
		return iom_error(-EINVAL, "unknown flags 0x%" PRIx64,
				 opts->flags & ~(uint64_t)REQUEST_FLAGS);
	if (!(opts->flags & IOM_APERTURE_FIXED) && opts->start)
		return iom_error(-EINVAL, "opts.start is set, but IOM_APERTURE_FIXED is not");
	if (page < IOM_UNIT || (page & (page - 1)))
		return iom_error(-EINVAL,
				 "the page size is %" PRIu64
				 "; it is a power of two, 4096 or more, "
				 "or 0",
				 page);
	if (!opts->length)
		return iom_error(-EINVAL, "the length is 0");
	if ((opts->start | opts->length) & (page - 1))
		return iom_error(-EINVAL, "start and length must be multiples of %" PRIu64, page);
	if (opts->length - 1 > UINT64_MAX - opts->start)
		return iom_error(-ERANGE, "IOVA 0x%" PRIx64 " + 0x%" PRIx64 " runs past 2^64",
				 opts->start, opts->length);
	return 0;
}

static int request(struct iom_domain *dom, struct iom_request *rq)
{
	struct iom_request **link;
	int ret = 0;

	if (!rq->room.anywhere)
		ret = iom_request_collides(dom, &rq->room);
	if (ret < 0)
		return ret;
	for (link = &dom->requests; *link; link = &(*link)->next)
		;
	*link = rq;
	if (dom->devices)
		ret = grant_now(dom);
	if (ret < 0)
		*link = NULL;
	return ret;
}

int iom_aperture_request(struct iom_domain *dom, const struct iom_aperture_opts *callers,
			 uint64_t *id)
{
	struct iom_aperture_opts opts;
	struct iom_kept_error kept;
	struct iom_request *rq;
	int ret;

	iom_error_keep(&kept);
	ret = iom_check_owner(dom);
	if (!ret && !callers)
		ret = iom_error(-EINVAL, "opts is NULL");
	if (!ret)
		ret = iom_options_read(&opts, sizeof(opts), APERTURE_OPTS_FIRST, callers,
				       "iom_aperture_opts");
	if (!ret)
		ret = check_arguments(&opts);
	if (ret < 0)
		return iom_error_prefix(ret, "request: ");
	rq = calloc(1, sizeof(*rq));
	if (!rq)
		return iom_error(-ENOMEM, "request: no memory for it");
	rq->id = __atomic_add_fetch(&last_id, 1, __ATOMIC_RELAXED);
	rq->room = (struct iom_backend_room){
		.anywhere = !(opts.flags & IOM_APERTURE_FIXED),
		.start = opts.start,
		.length = opts.length,
		.page = opts.page,
	};
	rq->automatic = opts.flags & IOM_APERTURE_AUTO;
	iom_topology_hold(dom);
	(void)iom_cache_trim(dom);
	ret = request(dom, rq);
	if (!ret)
		*id = rq->id;
	iom_topology_let_go(dom);
	if (ret < 0) {
		free(rq);
		return iom_error_prefix(ret, "request: ");
	}
	iom_error_restore(&kept);
	return 0;
}

static struct iom_request **find(struct iom_domain *dom, uint64_t id)
{
	struct iom_request **link;

	for (link = &dom->requests; *link && (*link)->id != id; link = &(*link)->next)
		;
	return link;
}

static int no_such(uint64_t id)
{
	return iom_error(-ENOENT, "there is no request %" PRIu64 ", or it was released", id);
}

static int granted(const struct iom_domain *dom, uint64_t id, struct iom_aperture *aperture)
{
	const struct iom_request *rq = *find(iom_lockable(dom), id);

	if (!rq)
		return no_such(id);
	if (!rq->granted)
		return iom_error(-ENODEV, "no device is attached that could answer it");
	*aperture = rq->aperture;
	if (dom->devices)
		*aperture = *iom_aperture_containing(&dom->apertures, rq->aperture.start,
						     rq->aperture.last);
	return 0;
}

int iom_aperture_granted(const struct iom_domain *dom, uint64_t id, struct iom_aperture *aperture)
{
	int ret;

	ret = iom_check_owner(dom);
	if (!ret) {
		pthread_rwlock_rdlock(&iom_lockable(dom)->topology);
		ret = granted(dom, id, aperture);
		pthread_rwlock_unlock(&iom_lockable(dom)->topology);
	}
	return ret < 0 ? iom_error_prefix(ret, "granted: ") : 0;
}

/* The domain's apertures without the one that is no longer in the list of requests. */
static int let_go(struct iom_domain *dom)
{
	struct iom_kept_error kept;
	int ret;

	ret = hold(dom);
	if (ret < 0)
		return ret;
	ret = iom_view_refresh(dom);
	iom_error_keep(&kept);
	if (!ret)
		iom_view_widen_as_expected(dom);
	else if (dom->backend->ops->undo_aperture)
		dom->backend->ops->undo_aperture(dom->backend);
	iom_error_restore(&kept);
	return ret;
}

static int release(struct iom_domain *dom, uint64_t id)
{
	struct iom_request **link = find(dom, id), *rq = *link;
	int ret = 0;

	if (!rq)
		return no_such(id);
	if (rq->granted)
		ret = iom_request_is_empty(dom, rq->aperture.start, rq->aperture.last);
	if (ret < 0)
		return ret;
	*link = rq->next;
	if (rq->granted && dom->devices)
		ret = let_go(dom);
	if (ret < 0) {
		*link = rq;
		hold_again(dom, false);
		return ret;
	}
	free(rq);
	return 0;
}

int iom_aperture_release(struct iom_domain *dom, uint64_t id)
{
	int ret;

	ret = iom_check_owner(dom);
	if (!ret) {
		iom_topology_hold(dom);
		(void)iom_cache_trim(dom);
		ret = release(dom, id);
		iom_topology_let_go(dom);
	}
	return ret < 0 ? iom_error_prefix(ret, "release: ") : 0;
}
