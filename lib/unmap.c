// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <inttypes.h>

#include "domain.h"
#include "error.h"
#include "map.h"
#include "pieces.h"

void iom_span_release(struct iom_domain *dom, struct iom_span *span)
{
	uint64_t iova = iom_span_iova(span), length = iom_span_length(span);

	if (!(span->flags & IOM_MAP_ALIAS))
		iom_radix_clear(&dom->by_va, span->va, length);
	iom_radix_clear(&dom->by_iova, iova, length);
	if (span->file)
		iom_file_release(dom, span->file);
	iom_space_remove(&dom->space, span);
	iom_pool_give(&dom->pool, span);
}

void iom_span_quarantine(struct iom_domain *dom, struct iom_span *span)
{
	uint64_t iova = iom_span_iova(span), length = iom_span_length(span);

	/* the memory may be mapped again elsewhere; the IOVA stays claimed */
	if (!(span->flags & IOM_MAP_ALIAS))
		iom_radix_clear(&dom->by_va, span->va, length);
	span->state = IOM_SPAN_QUARANTINED;
	dom->quarantined_bytes += length;
	iom_log(&dom->log, IOM_LOG_ERROR, "IOVA 0x%" PRIx64 " + 0x%" PRIx64 " is quarantined: %s",
		iova, length, iom_errmsg());
}

/* Let readers miss it, and other writers wait.  The table lock is held. */
static void withdraw(struct iom_domain *dom, struct iom_span *span)
{
	uint64_t length = iom_span_length(span);

	if (!(span->flags & IOM_MAP_ALIAS))
		iom_radix_withdraw(&dom->by_va, span->va, length);
	iom_radix_withdraw(&dom->by_iova, iom_span_iova(span), length);
	span->state = IOM_SPAN_CHANGING;
	dom->mappings--;
	dom->mapped_bytes -= length;
}

/*
 * All mappings in units [start, end): their range is checked, they are taken out of the tables,
 * unmapped with one kernel call, and only then is their IOVA free: freed before, it could be mapped
 * anew by another thread and then cleared by our call.
 */
struct range {
	uint64_t start, end;
};

/*
 * Wait until nothing in the range is being mapped or unmapped that was so when we came.  What
 * begins later is not waited for: it could go on for ever.  The table lock is held.
 */
static void wait_settled(struct iom_domain *dom, const struct range *range)
{
	const uint64_t later = iom_next_generation();
	struct iom_span *span = iom_space_at(&dom->space, range->start);

	while (span->start < range->end) {
		if (span->state == IOM_SPAN_CHANGING && span->generation < later) {
			pthread_cond_wait(&dom->settled, &dom->table);
			span = iom_space_at(&dom->space, range->start);
		} else {
			span = iom_space_at(&dom->space, span->end);
		}
	}
}

static int quarantined(const struct iom_span *span)
{
	return iom_error(-EIO,
			 "IOVA 0x%" PRIx64 " to 0x%" PRIx64 " is quarantined: the kernel did not "
			 "unmap it before",
			 iom_span_iova(span), iom_span_iova(span) + iom_span_length(span) - 1);
}

/* Whether there is a mapping everywhere in the range. */
static int check_mapped(const struct iom_domain *dom, const struct range *range)
{
	const struct iom_span *span;
	uint64_t unit;

	for (unit = range->start; unit < range->end; unit = span->end) {
		span = iom_space_at(&dom->space, unit);
		if (span->start <= unit && span->state == IOM_SPAN_QUARANTINED)
			return quarantined(span);
		if (span->start > unit || span->state != IOM_SPAN_MAPPED)
			return iom_error(-ENOENT, "nothing is mapped at IOVA 0x%" PRIx64,
					 unit << IOM_UNIT_SHIFT);
	}
	return 0;
}

static int cut_error(const struct iom_domain *dom, const struct iom_span *span)
{
	uint64_t iova = iom_span_iova(span), last = iova + iom_span_length(span) - 1;

	if (!dom->granule)
		return iom_error(-EINVAL,
				 "it would cut the mapping at IOVA 0x%" PRIx64 " to 0x%" PRIx64
				 "; without an unmap_granule only whole mappings can be unmapped",
				 iova, last);
	return iom_error(-EINVAL,
			 "it would cut the mapping at IOVA 0x%" PRIx64 " to 0x%" PRIx64
			 " where it is no multiple of the unmap_granule",
			 iova, last);
}

/* Whether iova and last are where mappings end or may be cut; all between them is mapped. */
static int check_ends(const struct iom_domain *dom, uint64_t iova, uint64_t last)
{
	const struct iom_span *first = iom_space_at(&dom->space, iova >> IOM_UNIT_SHIFT);
	const struct iom_span *final = iom_space_at(&dom->space, last >> IOM_UNIT_SHIFT);

	if (iom_span_iova(first) != iova && !iom_pieces_may_cut(first, iova))
		return cut_error(dom, first);
	if (iom_span_iova(final) + iom_span_length(final) - 1 != last &&
	    !iom_pieces_may_cut(final, last + 1))
		return cut_error(dom, final);
	return 0;
}

/* Have mappings begin and end where the range does; check_ends() has allowed it. */
static int cut_ends(struct iom_domain *dom, const struct range *range)
{
	size_t n = iom_pieces_cuts(dom, range->start) + iom_pieces_cuts(dom, range->end);

	if (n && iom_pool_reserve(&dom->pool, n) < 0)
		return iom_error(-ENOMEM, "no memory to cut a mapping");
	iom_pieces_cut(dom, range->start);
	iom_pieces_cut(dom, range->end);
	return 0;
}

typedef void span_fn(struct iom_domain *dom, struct iom_span *span);

/* Apply fn, which may remove the span, to each in the range. */
static void for_each(struct iom_domain *dom, const struct range *range, span_fn *fn)
{
	uint64_t unit = range->start;

	while (unit < range->end) {
		struct iom_span *span = iom_space_at(&dom->space, unit);

		unit = span->end;
		if (span->start < range->end)
			fn(dom, span);
	}
}

/* The range was checked; the table lock is held, and let go during the kernel's call. */
static int unmap_checked(struct iom_domain *dom, const struct range *range)
{
	int ret = 0;

	for_each(dom, range, withdraw);
	if (iom_kernel_has_maps(dom)) {
		pthread_mutex_unlock(&dom->table);
		ret = iom_backend_unmap(dom, range->start << IOM_UNIT_SHIFT,
					(range->end - range->start) << IOM_UNIT_SHIFT);
		pthread_mutex_lock(&dom->table);
	}
	for_each(dom, range, ret < 0 ? iom_span_quarantine : iom_span_release);
	pthread_cond_broadcast(&dom->settled);
	return ret < 0 ? -EIO : 0;
}

static int unmap_range(struct iom_domain *dom, uint64_t iova, uint64_t last)
{
	const struct range range = { iova >> IOM_UNIT_SHIFT, (last >> IOM_UNIT_SHIFT) + 1 };
	int ret;

	wait_settled(dom, &range);
	ret = check_mapped(dom, &range);
	if (!ret)
		ret = check_ends(dom, iova, last);
	if (!ret)
		ret = cut_ends(dom, &range);
	return ret < 0 ? ret : unmap_checked(dom, &range);
}

/* A region's units. */
static struct range units_of(const struct iom_region *region)
{
	uint64_t start = region->iova >> IOM_UNIT_SHIFT;
	uint64_t n = region->length >> IOM_UNIT_SHIFT;

	return (struct range){ start,
			       start + (n < IOM_SPACE_END - start ? n : IOM_SPACE_END - start) };
}

/* Whether the span is the region's, or a part of it that is left. */
static bool belongs(const struct iom_span *span, const struct iom_region *region)
{
	struct range range = units_of(region);

	return span->state != IOM_SPAN_HOLE && span->generation == region->generation &&
	       span->start >= range.start && span->end <= range.end;
}

/*
 * The region's next part from unit on, once nobody else is mapping or unmapping it; NULL if there is
 * none.
 */
static struct iom_span *next_part(struct iom_domain *dom, const struct iom_region *region,
				  uint64_t unit)
{
	const uint64_t end = units_of(region).end;
	struct iom_span *span;

	while ((span = iom_space_at(&dom->space, unit))->start < end) {
		if (!belongs(span, region))
			unit = span->end;
		else if (span->state == IOM_SPAN_CHANGING)
			pthread_cond_wait(&dom->settled, &dom->table);
		else
			return span;
	}
	return NULL;
}

static int unmap_region(struct iom_domain *dom, const struct iom_region *region)
{
	uint64_t unit = units_of(region).start;
	const struct iom_span *span;
	bool found = false;
	int ret = 0;

	while ((span = next_part(dom, region, unit))) {
		found = true;
		unit = span->end;
		if (span->state == IOM_SPAN_QUARANTINED)
			ret = quarantined(span);
		else if (unmap_checked(dom, &(struct range){ span->start, span->end }) < 0)
			ret = -EIO;
	}
	if (!found)
		return iom_error(-ENOENT,
				 "the region was unmapped before, or is none of this domain");
	return ret;
}

int iom_unmap(struct iom_domain *dom, const struct iom_region *region)
{
	int ret;

	ret = iom_check_owner(dom);
	if (ret < 0)
		return iom_error_prefix(ret, "unmap: ");
	if (!region)
		return iom_error(-EINVAL, "unmap: the region is NULL");
	if (!region->generation)
		return iom_error(-ENOENT, "unmap: the region is all zeros: it was never mapped");

	pthread_rwlock_rdlock(&dom->topology);
	pthread_mutex_lock(&dom->table);
	ret = unmap_region(dom, region);
	pthread_mutex_unlock(&dom->table);
	pthread_rwlock_unlock(&dom->topology);
	if (ret < 0)
		return iom_error_prefix(ret, "unmap IOVA 0x%" PRIx64 " + 0x%" PRIx64 ": ",
					region->iova, region->length);
	return 0;
}

int iom_unmap_range(struct iom_domain *dom, iom_iova_t iova, uint64_t length)
{
	int ret;

	ret = iom_check_owner(dom);
	if (!ret && !length)
		ret = iom_error(-EINVAL, "the length is 0");
	if (!ret && length - 1 > UINT64_MAX - iova)
		ret = iom_error(-ERANGE, "it runs past 2^64");
	if (!ret) {
		pthread_rwlock_rdlock(&dom->topology);
		pthread_mutex_lock(&dom->table);
		ret = unmap_range(dom, iova, iova + length - 1);
		pthread_mutex_unlock(&dom->table);
		pthread_rwlock_unlock(&dom->topology);
	}
	if (ret < 0)
		return iom_error_prefix(ret, "unmap IOVA 0x%" PRIx64 " + 0x%" PRIx64 ": ", iova,
					length);
	return 0;
}

/* One kernel call for all, where there is one; it takes what is quarantined with it. */
static int kernel_unmap_all(struct iom_domain *dom)
{
	const struct iom_backend_ops *ops = dom->backend->ops;

	if (!ops->can_unmap_all(dom->backend))
		return -EOPNOTSUPP;
	__atomic_fetch_add(&dom->kernel_unmaps, 1, __ATOMIC_RELAXED);
	return ops->unmap_all(dom->backend, dom->mapped_bytes,
			      dom->mapped_bytes + dom->quarantined_bytes);
}

/* One call for each: 0, or the last error. */
static int kernel_unmap_each(struct iom_domain *dom, enum iom_span_state state)
{
	struct iom_span *span;
	int ret = 0;

	iom_space_for_each(&dom->space, span)
		if (span->state == state &&
		    iom_backend_unmap(dom, iom_span_iova(span), iom_span_length(span)) < 0)
			ret = -EIO;
	return ret;
}

static void release_mapped(struct iom_domain *dom, struct iom_span *span)
{
	if (span->state != IOM_SPAN_MAPPED)
		return;
	withdraw(dom, span);
	iom_span_release(dom, span);
}

/* What fails is quarantined, and the last error is the answer. */
static int unmap_one_by_one(struct iom_domain *dom)
{
	uint64_t unit = 0;
	int ret = 0;

	while (unit < IOM_SPACE_END) {
		struct iom_span *span = iom_space_at(&dom->space, unit);
		struct range range = { span->start, span->end };

		unit = span->end;
		if (span->state == IOM_SPAN_MAPPED && unmap_checked(dom, &range) < 0)
			ret = -EIO;
	}
	return ret;
}

int iom_unmap_everything(struct iom_domain *dom)
{
	static const struct range everything = { 0, IOM_SPACE_END };
	bool known = iom_kernel_has_maps(dom) && (dom->mappings || dom->quarantined_bytes);
	struct iom_kept_error kept;
	int ret = 0;

	iom_error_keep(&kept);
	pthread_mutex_lock(&dom->table);
	if (!known || !kernel_unmap_all(dom)) {
		for_each(dom, &everything, release_mapped);
	} else {
		/* it was refused before, and may be again: that was said then */
		(void)kernel_unmap_each(dom, IOM_SPAN_QUARANTINED);
		ret = unmap_one_by_one(dom);
	}
	pthread_mutex_unlock(&dom->table);
	if (!ret)
		iom_error_restore(&kept);
	return ret;
}

void iom_kernel_forget(struct iom_domain *dom)
{
	if (!dom->mappings && !dom->quarantined_bytes)
		return;
	if (!kernel_unmap_all(dom))
		return;
	(void)kernel_unmap_each(dom, IOM_SPAN_QUARANTINED);
	if (kernel_unmap_each(dom, IOM_SPAN_MAPPED) < 0)
		iom_log(&dom->log, IOM_LOG_WARN, "unmapping before the last device goes: %s",
			iom_errmsg());
}

int iom_unmap_all(struct iom_domain *dom)
{
	int ret;

	ret = iom_check_owner(dom);
	if (ret < 0)
		return iom_error_prefix(ret, "unmap all: ");
	pthread_rwlock_wrlock(&dom->topology);
	ret = iom_unmap_everything(dom);
	pthread_rwlock_unlock(&dom->topology);
	return ret < 0 ? iom_error_prefix(ret, "unmap all: ") : 0;
}
