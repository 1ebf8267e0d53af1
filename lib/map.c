// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <inttypes.h>

#include "domain.h"
#include "error.h"
#include "map.h"
#include "options.h"
#include "pages.h"
#include "pieces.h"
#include "placement.h"
#include "request.h"
#include "view.h"

#define MAP_OPTS_FIRST sizeof(struct iom_map_opts)

#define MAP_FLAGS (IOM_MAP_RW | IOM_MAP_FIXED | IOM_MAP_ALIAS)

/* Unique in the process, so that a region of one domain is never taken for another's; 0 is none. */
static uint64_t next_generation = 1;

uint64_t iom_next_generation(void)
{
	return __atomic_load_n(&next_generation, __ATOMIC_RELAXED);
}

/* What is wrong with the arguments on their own. */
static int check_arguments(const struct iom_map_request *rq, const struct iom_map_opts *opts,
			   const struct iom_map_opts *callers)
{
	if (!rq->va)
		return iom_error(-EINVAL, "the address is NULL");
	if (!rq->length)
		return iom_error(-EINVAL, "the length is 0");
	if (rq->flags & ~MAP_FLAGS)
		return iom_error(-EINVAL, "unknown flags 0x%x", rq->flags & ~MAP_FLAGS);
	if (!(rq->flags & IOM_MAP_RW))
		return iom_error(-EINVAL, "neither IOM_MAP_READ nor IOM_MAP_WRITE is set");
	if ((rq->flags & IOM_MAP_FIXED) && !callers)
		return iom_error(-EINVAL, "IOM_MAP_FIXED needs options that say where");
	if (!(rq->flags & IOM_MAP_FIXED) && opts->iova)
		return iom_error(-EINVAL, "opts.iova is set, but IOM_MAP_FIXED is not");
	if (rq->length - 1 > UINT64_MAX - rq->va)
		return iom_error(-EFAULT, "the memory would run past the end of the address space");
	return 0;
}

/* What is wrong with a fixed IOVA. */
static int check_fixed(const struct iom_domain *dom, const struct iom_map_request *rq)
{
	uint64_t last = rq->iova + rq->length - 1, page;
	const struct iom_aperture *a, *reported;

	if (last < rq->iova)
		return iom_error(-ERANGE, "IOVA 0x%" PRIx64 " + 0x%" PRIx64 " runs past 2^64",
				 rq->iova, rq->length);
	if (last > rq->limit)
		return iom_error(-ERANGE,
				 "it would end at IOVA 0x%" PRIx64 ", above the limit of 0x%" PRIx64
				 " (the caller's, or what %s can drive)",
				 last, rq->limit, rq->only ? "its device" : "the narrowest device");
	a = iom_aperture_containing(&dom->apertures, rq->iova, last);
	if (!a)
		return iom_error(-ERANGE,
				 "IOVA 0x%" PRIx64 " to 0x%" PRIx64
				 " does not lie within one aperture; iom_apertures() lists them",
				 rq->iova, last);
	page = iom_smallest_page(a->page_sizes);
	reported = iom_aperture_containing(&dom->reported, rq->iova, last);
	if ((rq->va | rq->length | rq->iova) & (page - 1))
		return iom_error(-EINVAL,
				 "address, length and IOVA must be multiples of %" PRIu64
				 " in the aperture at 0x%" PRIx64,
				 page, a->start);
	/* a requested aperture may have units larger than the IOMMU's own pages */
	page = iom_smallest_page(reported->page_sizes);
	if (rq->backing < page)
		return iom_error(-EINVAL,
				 "the memory has pages of %" PRIu64
				 " bytes, smaller than those of the aperture at 0x%" PRIx64
				 ", %" PRIu64 "; use huge pages, or another aperture",
				 rq->backing, a->start, page);
	return 0;
}

/* What is wrong with them in this domain, with the devices that are attached now. */
static int check_here(const struct iom_domain *dom, const struct iom_map_request *rq)
{
	uint64_t whole = rq->va | rq->length;

	if (rq->flags & IOM_MAP_FIXED)
		whole |= rq->iova;
	if (whole & (dom->page_size - 1))
		return iom_error(-EINVAL,
				 "address, length and a fixed IOVA must be multiples of %" PRIu64,
				 dom->page_size);
	if (rq->backing < iom_aperture_unit(&dom->reported))
		return iom_error(-EINVAL,
				 "the memory has pages of %" PRIu64
				 " bytes, and the IOMMU's smallest here is %" PRIu64
				 "; use huge pages, or expect smaller ones (expect_page)",
				 rq->backing, iom_aperture_unit(&dom->reported));
	return rq->flags & IOM_MAP_FIXED ? check_fixed(dom, rq) : 0;
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

static int choose_anywhere(const struct iom_domain *dom, const struct iom_map_request *rq,
			   uint64_t *start)
{
	struct iom_place place = {
		.va = rq->va,
		.length = rq->length,
		.backing = rq->wish.backing,
		.granule = dom->granule,
		.limit = rq->limit,
	};
	struct taker taker = { .space = &dom->space };

	if (iom_placement(&dom->automatic, &place, take_fit, &taker)) {
		*start = taker.start;
		return 0;
	}
	if (!iom_placement_possible(&dom->automatic, &place))
		return iom_error(-ERANGE,
				 "no aperture below the limit of 0x%" PRIx64
				 " is that large (page 0 is not used%s)",
				 rq->limit,
				 iom_requests_granted(dom)
					 ? ", nor are those that were requested for fixed IOVAs"
					 : "");
	return iom_error(-ENOSPC,
			 "no free IOVA range below the limit of 0x%" PRIx64
			 " is that large; unmap something first%s",
			 rq->limit,
			 rq->wish.backing < rq->backing
				 ? " (apertures with pages above unmap_granule are not used)"
				 : "");
}

static int choose_fixed(const struct iom_domain *dom, const struct iom_map_request *rq,
			uint64_t *start)
{
	uint64_t first = rq->iova >> IOM_UNIT_SHIFT;
	uint64_t end = first + (rq->length >> IOM_UNIT_SHIFT);
	const struct iom_span *span = iom_space_at(&dom->space, first);

	if (span->start < end)
		return iom_error(-EEXIST, "IOVA 0x%" PRIx64 " to 0x%" PRIx64 " is %s already",
				 iom_span_iova(span),
				 iom_span_iova(span) + iom_span_length(span) - 1,
				 span->state == IOM_SPAN_QUARANTINED ? "quarantined" : "mapped");
	*start = first;
	return 0;
}

static int explain_claim(const struct iom_domain *dom, int ret, uint64_t taken)
{
	uint64_t iova, contiguous;

	if (ret == -ERANGE)
		return iom_error(-EFAULT, "no memory of this process lies there");
	if (ret != -EEXIST)
		return iom_error(-ENOMEM, "no memory for the translation tables");
	if (iom_radix_lookup(&dom->by_va, taken, &iova, &contiguous) < 0)
		return iom_error(-EEXIST,
				 "another thread is mapping or unmapping the memory at 0x%" PRIx64,
				 taken);
	return iom_error(-EEXIST,
			 "the memory at 0x%" PRIx64 " is mapped already, at IOVA 0x%" PRIx64
			 "; unmap it first, or use IOM_MAP_ALIAS",
			 taken, iova);
}

/* Claim memory and IOVA in the tables, so that everything after the kernel's answer cannot fail. */
static int claim(struct iom_domain *dom, const struct iom_span *span)
{
	uint64_t iova = iom_span_iova(span), length = iom_span_length(span);
	bool alias = span->flags & IOM_MAP_ALIAS;
	uint64_t taken = 0;
	int ret;

	if (!alias) {
		ret = iom_pieces_claim(span, &dom->by_va, span->va, iova, &taken);
		if (ret < 0)
			return explain_claim(dom, ret, taken);
	}
	ret = iom_pieces_claim(span, &dom->by_iova, iova, span->va, &taken);
	if (ret < 0) {
		if (!alias)
			iom_radix_clear(&dom->by_va, span->va, length);
		return iom_error(-ENOMEM, "no memory for the translation tables");
	}
	return 0;
}

/* Where what is mapped at iova may be cut: no finer than the IOMMU's pages there. */
static uint64_t cut_of(const struct iom_domain *dom, uint64_t iova)
{
	const struct iom_aperture *a = iom_aperture_containing(&dom->apertures, iova, iova);
	uint64_t page = iom_smallest_page(a->page_sizes);

	if (!dom->granule)
		return 0;
	return dom->granule > page ? dom->granule : page;
}

/* Choose an IOVA and occupy it.  The table lock is held. */
static int reserve(struct iom_domain *dom, const struct iom_map_request *rq, struct iom_span **span)
{
	struct iom_span *s;
	uint64_t start;
	int ret;

	ret = iom_pool_reserve(&dom->pool, 1);
	if (ret < 0)
		return iom_error(ret, "no memory for a mapping");
	if (rq->flags & IOM_MAP_FIXED)
		ret = choose_fixed(dom, rq, &start);
	else
		ret = choose_anywhere(dom, rq, &start);
	if (ret < 0)
		return ret;
	s = iom_pool_take(&dom->pool);
	*s = (struct iom_span){
		.start = start,
		.end = start + (rq->length >> IOM_UNIT_SHIFT),
		.va = rq->va,
		.flags = rq->flags,
		.backing = rq->even ? rq->backing : 0,
		.cut = cut_of(dom, start << IOM_UNIT_SHIFT),
		.only = rq->only,
		.file = rq->file,
		.state = IOM_SPAN_CHANGING,
		.generation = __atomic_fetch_add(&next_generation, 1, __ATOMIC_RELAXED),
	};
	ret = claim(dom, s);
	if (ret < 0) {
		iom_pool_give(&dom->pool, s);
		return ret;
	}
	iom_space_insert(&dom->space, s);
	if (s->file)
		s->file->parts++;
	*span = s;
	return 0;
}

/* The kernel mapped it: let readers see it.  The table lock is held. */
static void publish(struct iom_domain *dom, struct iom_span *span)
{
	uint64_t iova = iom_span_iova(span), length = iom_span_length(span);

	iom_radix_publish(&dom->by_iova, iova, length, span->va);
	if (!(span->flags & IOM_MAP_ALIAS))
		iom_radix_publish(&dom->by_va, span->va, length, iova);
	span->state = IOM_SPAN_MAPPED;
	dom->mappings++;
	dom->mapped_bytes += length;
}

static int map(struct iom_domain *dom, struct iom_map_request *rq, struct iom_region *region)
{
	struct iom_backend_map map;
	struct iom_span *span;
	bool left = false;
	int ret;

	pthread_mutex_lock(&dom->table);
	ret = reserve(dom, rq, &span);
	pthread_mutex_unlock(&dom->table);
	if (ret < 0)
		return ret;

	map = iom_span_map(span);
	map.fd = rq->fd;
	map.offset = rq->offset;
	map.backing = rq->even ? rq->backing : 0;
	ret = iom_pieces_map(dom, &map, span->cut, &left);

	pthread_mutex_lock(&dom->table);
	if (ret < 0 && left) {
		iom_span_quarantine(dom, span);
	} else if (ret < 0) {
		iom_span_release(dom, span);
	} else {
		publish(dom, span);
		if (region)
			*region = (struct iom_region){
				.va = (void *)span->va,
				.iova = map.iova,
				.length = map.length,
				.delta = map.iova - span->va,
				.generation = span->generation,
				.flags = span->flags,
			};
	}
	pthread_cond_broadcast(&dom->settled);
	pthread_mutex_unlock(&dom->table);
	return ret;
}

static bool is_attached(const struct iom_domain *dom, const struct iom_device *dev)
{
	const struct iom_device *other;

	for (other = dom->devices; other; other = other->next)
		if (other == dev)
			return true;
	return false;
}

/* The last IOVA that may be used: what the devices, or the one that is meant, and the caller allow. */
static int read_limit(const struct iom_domain *dom, const struct iom_map_opts *opts,
		      struct iom_map_request *rq)
{
	rq->limit = dom->reach;
	rq->only = opts->only;
	if (opts->only) {
		if (!is_attached(dom, opts->only))
			return iom_error(-EINVAL, "opts.only is not attached to this domain");
		rq->limit = opts->only->reach;
	}
	if (opts->limit && opts->limit < rq->limit)
		rq->limit = opts->limit;
	return 0;
}

/* The same of memory that is mapped as a part of something, whose pages are what is pinned. */
static uint64_t known_backing(struct iom_domain *dom, const struct iom_map_request *rq)
{
	uint64_t iova, contiguous, backing = 0;
	const struct iom_span *span;

	pthread_mutex_lock(&dom->table);
	if (!iom_radix_lookup(&dom->by_va, rq->va, &iova, &contiguous)) {
		span = iom_space_at(&dom->space, iova >> IOM_UNIT_SHIFT);
		if (rq->va - span->va < iom_span_length(span) &&
		    rq->length <= iom_span_length(span) - (rq->va - span->va))
			backing = span->backing;
	}
	pthread_mutex_unlock(&dom->table);
	return backing;
}

/* The smallest page behind the memory, which the IOMMU's must not be larger than. */
static int read_backing(struct iom_domain *dom, struct iom_map_request *rq)
{
	struct iom_run run = { .length = rq->length };
	uint64_t done;
	int ret;

	rq->backing = dom->coarsest;
	rq->even = true;
	if (!iom_needs_backing(dom))
		return 0;
	if (rq->flags & IOM_MAP_ALIAS) {
		rq->backing = known_backing(dom, rq);
		if (rq->backing)
			return 0;
	}
	for (done = 0; done < rq->length; done += run.length) {
		ret = iom_page_run(dom->sys, rq->va + done, rq->length - done, &run);
		if (ret < 0)
			return ret;
		if (!done || run.page < rq->backing)
			rq->backing = run.page;
	}
	rq->even = run.length == rq->length;
	return 0;
}

/* Whether the memory can be claimed: an aperture is not made for what will be refused then. */
static int check_unmapped(struct iom_domain *dom, const struct iom_map_request *rq)
{
	uint64_t taken = 0;
	int ret;

	if (rq->flags & IOM_MAP_ALIAS)
		return 0;
	pthread_mutex_lock(&dom->table);
	ret = iom_radix_claim(&dom->by_va, rq->va, rq->length, rq->va, &taken);
	if (ret < 0)
		ret = explain_claim(dom, ret, taken);
	else
		iom_radix_clear(&dom->by_va, rq->va, rq->length);
	pthread_mutex_unlock(&dom->table);
	return ret;
}

/* The largest page that may serve it where the library chooses: it can be cut as was promised. */
static uint64_t page_limit(const struct iom_domain *dom, const struct iom_map_request *rq)
{
	return dom->granule && dom->granule < rq->backing ? dom->granule : rq->backing;
}

/* Whether a backend that makes apertures would make one for this memory. */
static bool wants_aperture(const struct iom_domain *dom, const struct iom_map_request *rq)
{
	const struct iom_backend_ops *ops = dom->backend->ops;

	return !rq->widened && !(rq->flags & IOM_MAP_FIXED) && ops->wants_aperture &&
	       ops->wants_aperture(dom->backend, &rq->wish);
}

/* All that is known only with topology held; -EAGAIN: one more aperture is wished for. */
static int try(struct iom_domain *dom, struct iom_map_request *rq, const struct iom_map_opts *opts,
	       struct iom_region *region)
{
	int ret;

	ret = read_limit(dom, opts, rq);
	if (ret < 0)
		return ret;
	if (!dom->devices)
		return iom_error(-ENODEV, "no device is attached, so it is not known what can be "
					  "mapped; attach one first");
	ret = read_backing(dom, rq);
	if (!ret)
		ret = check_here(dom, rq);
	if (ret < 0)
		return ret;
	rq->wish = (struct iom_backend_wish){ .length = rq->length,
					      .backing = page_limit(dom, rq),
					      .reach = rq->limit };
	if (wants_aperture(dom, rq)) {
		ret = check_unmapped(dom, rq);
		return ret < 0 ? ret : -EAGAIN;
	}
	ret = map(dom, rq, region);
	rq->wish.full = ret == -ENOSPC || ret == -ERANGE;
	if (!rq->wish.full || (rq->flags & IOM_MAP_FIXED))
		return ret;
	if (wants_aperture(dom, rq))
		return -EAGAIN;
	if (dom->narrow)
		iom_error_append("; no further aperture: %s", dom->narrow);
	return ret;
}

/* The same after the wish for an aperture, granted or not. */
static int try_wider(struct iom_domain *dom, struct iom_map_request *rq,
		     const struct iom_map_opts *opts, struct iom_region *region)
{
	int ret;

	pthread_rwlock_wrlock(&dom->topology);
	(void)iom_view_widen(dom, &rq->wish);
	pthread_rwlock_unlock(&dom->topology);

	rq->widened = true;
	pthread_rwlock_rdlock(&dom->topology);
	ret = try(dom, rq, opts, region);
	pthread_rwlock_unlock(&dom->topology);
	return ret;
}

int iom_map_memory(struct iom_domain *dom, struct iom_map_request *rq,
		   const struct iom_map_opts *callers, struct iom_region *region)
{
	struct iom_kept_error kept;
	struct iom_map_opts opts;
	int ret;

	ret = iom_options_read(&opts, sizeof(opts), MAP_OPTS_FIRST, callers, "iom_map_opts");
	if (!ret)
		ret = check_arguments(rq, &opts, callers);
	if (ret < 0)
		return ret;
	rq->iova = opts.iova;
	iom_error_keep(&kept);
	pthread_rwlock_rdlock(&dom->topology);
	ret = try(dom, rq, &opts, region);
	pthread_rwlock_unlock(&dom->topology);
	if (ret == -EAGAIN) {
		ret = try_wider(dom, rq, &opts, region);
		if (!ret)
			iom_error_restore(&kept);
	}
	return ret;
}

int iom_map(struct iom_domain *dom, void *va, uint64_t length, unsigned int flags,
	    const struct iom_map_opts *opts, struct iom_region *region)
{
	struct iom_map_request rq = {
		.va = (uintptr_t)va, .length = length, .flags = flags, .fd = -1
	};
	int ret;

	ret = iom_check_owner(dom);
	if (!ret)
		ret = iom_map_memory(dom, &rq, opts, region);
	if (ret < 0)
		return iom_error_prefix(ret, "map %p + 0x%" PRIx64 ": ", va, length);
	return 0;
}
