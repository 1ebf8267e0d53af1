// SPDX-License-Identifier: BSD-3-Clause
#include "unmap.h"

#include <errno.h>
#include <inttypes.h>

#include "batch.h"
#include "error.h"
#include "map.h"
#include "pieces.h"
#include "slots.h"
#include "topology.h"

/* ---- The end of a span --------------------------------------------------------------------- */

/* What is not of the tables. */
static inline void forget(struct iom_domain *dom, struct iom_span *span)
{
	if (span->file)
		iom_file_release(dom, span->file);
	if (span->batch)
		iom_batch_leave(dom, span);
	dom->entries -= iom_pieces_count(span);
	iom_space_remove(&dom->space, span);
	iom_pool_give(&dom->pool, span);
}

void iom_span_release(struct iom_domain *dom, struct iom_span *span)
{
	uint64_t iova = iom_span_iova(span), length = iom_span_length(span);

	if (!(span->flags & IOM_MAP_ALIAS))
		iom_radix_clear_one(&dom->by_va, span->va, length);
	iom_radix_clear_one(&dom->by_iova, iova, length);
	forget(dom, span);
}

void iom_span_quarantine(struct iom_domain *dom, struct iom_span *span)
{
	uint64_t iova = iom_span_iova(span), length = iom_span_length(span);

	/* the memory may be mapped again elsewhere; the IOVA stays claimed */
	if (!(span->flags & IOM_MAP_ALIAS))
		iom_radix_clear(&dom->by_va, span->va, length);
	if (span->batch)
		iom_batch_leave(dom, span);
	span->state = IOM_SPAN_QUARANTINED;
	dom->quarantined_bytes += length;
	dom->quarantined_entries += iom_pieces_count(span);
	iom_log(&dom->log, IOM_LOG_ERROR, "IOVA 0x%" PRIx64 " + 0x%" PRIx64 " is quarantined: %s",
		iova, length, iom_errmsg());
}

static inline void count_out(struct iom_domain *dom, struct iom_span *span)
{
	span->state = IOM_SPAN_CHANGING;
	dom->mappings--;
	dom->mapped_bytes -= iom_span_length(span);
	dom->streamed -= span->streamed;
}

/* What has no address to be found by, or is noted when it goes. */
#define ODD (IOM_MAP_ALIAS | IOM_SPAN_NOTED)

static __attribute__((noinline)) void withdraw_odd(struct iom_domain *dom, struct iom_span *span)
{
	if (!(span->flags & IOM_MAP_ALIAS))
		iom_radix_withdraw_one(&dom->by_va, span->va, iom_span_length(span));
	if (span->flags & IOM_SPAN_NOTED)
		iom_history_note(dom, span);
}

void iom_span_withdraw(struct iom_domain *dom, struct iom_span *span)
{
	uint64_t length = iom_span_length(span);

	if (!(span->flags & ODD))
		iom_radix_withdraw_one(&dom->by_va, span->va, length);
	else
		withdraw_odd(dom, span);
	iom_radix_withdraw_one(&dom->by_iova, iom_span_iova(span), length);
	count_out(dom, span);
}

typedef void span_fn(struct iom_domain *dom, struct iom_span *span);

/* Apply fn, which may remove the span, to each in the range. */
static void for_each(struct iom_domain *dom, const struct iom_units *units, span_fn *fn)
{
	uint64_t unit = units->start;

	while (unit < units->end) {
		struct iom_span *span = iom_space_at(&dom->space, unit);

		unit = span->end;
		if (span->start < units->end)
			fn(dom, span);
	}
}

/* Without the table lock. */
static inline int unmap_in_kernel(struct iom_domain *dom, const struct iom_units *units)
{
	int ret;

	if (!iom_kernel_has_maps(dom))
		return 0;
	pthread_mutex_unlock(&dom->table);
	ret = iom_backend_unmap(dom, units->start << IOM_UNIT_SHIFT,
				(units->end - units->start) << IOM_UNIT_SHIFT);
	pthread_mutex_lock(&dom->table);
	return ret;
}

/* One mapping, whose slots may be known; with the kernel's answer. */
static inline void end(struct iom_domain *dom, struct iom_span *span, const struct iom_slots *slots,
		       int ret)
{
	if (ret < 0) {
		iom_span_quarantine(dom, span);
	} else if (slots->by_va) {
		iom_slots_clear(slots);
		forget(dom, span);
	} else {
		iom_span_release(dom, span);
	}
}

/* And before the kernel is asked. */
static inline void begin(struct iom_domain *dom, struct iom_span *span, struct iom_slots *slots)
{
	*slots = (struct iom_slots){ NULL, NULL };
	if (!(span->flags & ODD) &&
	    iom_slots_find(dom, span->va, iom_span_iova(span), iom_span_length(span), slots)) {
		iom_slots_withdraw(slots);
		count_out(dom, span);
	} else {
		iom_span_withdraw(dom, span);
	}
}

int iom_units_unmap(struct iom_domain *dom, const struct iom_units *units)
{
	int ret = unmap_in_kernel(dom, units);

	for_each(dom, units, ret < 0 ? iom_span_quarantine : iom_span_release);
	iom_tell_settled(dom);
	return ret < 0 ? -EIO : 0;
}

/* The range was checked: everywhere in it is a mapping, and none sticks out. */
static int unmap_checked(struct iom_domain *dom, const struct iom_units *units)
{
	for_each(dom, units, iom_span_withdraw);
	return iom_units_unmap(dom, units);
}

/* ---- What is wrong ------------------------------------------------------------------------- */

int iom_span_is_quarantined(const struct iom_span *span)
{
	return iom_error(-EIO,
			 "IOVA 0x%" PRIx64 " to 0x%" PRIx64 " is quarantined: the kernel did not "
			 "unmap it before",
			 iom_span_iova(span), iom_span_iova(span) + iom_span_length(span) - 1);
}

int iom_span_is_part(const struct iom_span *span)
{
	return iom_error(-EINVAL,
			 "the mapping at IOVA 0x%" PRIx64 " to 0x%" PRIx64
			 " is a part of a batch, which is unmapped only as a whole: by "
			 "iom_unmapv() with all of its regions",
			 iom_span_iova(span), iom_span_iova(span) + iom_span_length(span) - 1);
}

static int cut_error(const struct iom_domain *dom, const struct iom_span *span)
{
	uint64_t iova = iom_span_iova(span), last = iova + iom_span_length(span) - 1;

	if (!dom->granule)
		return iom_error(-EINVAL,
				 "it would cut the mapping at IOVA 0x%" PRIx64 " to 0x%" PRIx64
				 "; without an unmap_granule only whole mappings can be unmapped",
				 iova, last);
	return iom_error(
		-EINVAL,
		"it would cut the mapping at IOVA 0x%" PRIx64 " to 0x%" PRIx64
		" where it is no multiple of the unmap_granule, or of its aperture's page if "
		"that is larger",
		iova, last);
}

/* ---- A range ------------------------------------------------------------------------------- */

/*
 * Wait until nothing in the range is being mapped or unmapped that was so when we came.  What
 * begins later is not waited for: it could go on for ever.
 */
static void wait_settled(struct iom_domain *dom, const struct iom_units *units)
{
	const uint64_t later = iom_next_generation();
	struct iom_span *span = iom_space_at(&dom->space, units->start);

	while (span->start < units->end) {
		if (span->state == IOM_SPAN_CHANGING && span->generation < later) {
			iom_wait_settled(dom);
			span = iom_space_at(&dom->space, units->start);
		} else {
			span = iom_space_at(&dom->space, span->end);
		}
	}
}

/* Whether there is a mapping everywhere in the range. */
static int check_mapped(const struct iom_domain *dom, const struct iom_units *units)
{
	const struct iom_span *span;
	uint64_t unit;

	for (unit = units->start; unit < units->end; unit = span->end) {
		span = iom_space_at(&dom->space, unit);
		if (span->start <= unit && span->state == IOM_SPAN_QUARANTINED)
			return iom_span_is_quarantined(span);
		if (span->start > unit || span->state != IOM_SPAN_MAPPED || span->streamed)
			return iom_error(-ENOENT, "nothing is mapped at IOVA 0x%" PRIx64,
					 unit << IOM_UNIT_SHIFT);
	}
	return 0;
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

/* Whether each batch that has a mapping in the range has all of them there. */
static int check_batches(const struct iom_domain *dom, const struct iom_units *units)
{
	const struct iom_span *span, *part = NULL;
	uint64_t unit;

	if (!dom->batches)
		return 0;
	for (unit = units->start; unit < units->end; unit = span->end) {
		span = iom_space_at(&dom->space, unit);
		if (span->batch)
			span->batch->seen += span->end - span->start;
	}
	for (unit = units->start; unit < units->end && !part; unit = span->end) {
		span = iom_space_at(&dom->space, unit);
		if (iom_batch_is_part(span))
			part = span;
	}
	for (unit = units->start; unit < units->end; unit = span->end) {
		span = iom_space_at(&dom->space, unit);
		if (span->batch)
			span->batch->seen = 0;
	}
	return part ? iom_span_is_part(part) : 0;
}

/* Have mappings begin and end where the range does; check_ends() has allowed it. */
static int cut_ends(struct iom_domain *dom, const struct iom_units *units)
{
	size_t n = iom_pieces_cuts(dom, units->start) + iom_pieces_cuts(dom, units->end);

	if (n && iom_spans_reserve(dom, n) < 0)
		return iom_error(-ENOMEM, "no memory to cut a mapping");
	iom_pieces_cut(dom, units->start);
	iom_pieces_cut(dom, units->end);
	return 0;
}

static int unmap_range(struct iom_domain *dom, uint64_t iova, uint64_t last)
{
	const struct iom_units units = { iova >> IOM_UNIT_SHIFT, (last >> IOM_UNIT_SHIFT) + 1 };
	int ret;

	wait_settled(dom, &units);
	ret = check_mapped(dom, &units);
	if (!ret)
		ret = check_ends(dom, iova, last);
	if (!ret)
		ret = check_batches(dom, &units);
	if (!ret)
		ret = cut_ends(dom, &units);
	return ret < 0 ? ret : unmap_checked(dom, &units);
}

/* ---- The calls ----------------------------------------------------------------------------- */

struct iom_units iom_region_units(const struct iom_region *region)
{
	uint64_t start = region->iova >> IOM_UNIT_SHIFT;
	uint64_t n = region->length >> IOM_UNIT_SHIFT;

	return (struct iom_units){
		start, start + (n < IOM_SPACE_END - start ? n : IOM_SPACE_END - start)
	};
}

/* A region is mostly one mapping, all of it. */
static int unmap_region(struct iom_domain *dom, const struct iom_region *region)
{
	struct iom_span *span = iom_space_at(&dom->space, region->iova >> IOM_UNIT_SHIFT);
	struct iom_slots slots;
	struct iom_units units;
	int ret;

	if (iom_span_iova(span) != region->iova || iom_span_length(span) != region->length ||
	    span->generation != region->generation || span->state != IOM_SPAN_MAPPED ||
	    span->batch || span->streamed)
		return iom_unmap_parts(dom, region);
	begin(dom, span, &slots);
	units = (struct iom_units){ span->start, span->end };
	ret = unmap_in_kernel(dom, &units);
	end(dom, span, &slots, ret);
	return ret < 0 ? -EIO : 0;
}

/* While the topology is changed.  The table lock is not held. */
static int unmap_later(struct iom_domain *dom, const struct iom_region *region)
{
	int ret;

	pthread_rwlock_rdlock(&dom->topology);
	pthread_mutex_lock(&dom->table);
	ret = unmap_region(dom, region);
	iom_tell_settled(dom);
	pthread_mutex_unlock(&dom->table);
	pthread_rwlock_unlock(&dom->topology);
	return ret;
}

/* Else it is passed. */
static inline int unmap_now(struct iom_domain *dom, const struct iom_region *region)
{
	int ret;

	pthread_mutex_lock(&dom->table);
	if (!iom_topology_pass(dom)) {
		pthread_mutex_unlock(&dom->table);
		return unmap_later(dom, region);
	}
	ret = unmap_region(dom, region);
	iom_topology_passed(dom);
	pthread_mutex_unlock(&dom->table);
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

	/*
	 * What will be withdrawn is far away, and so is its span: have all on the way at once.  The
	 * hint may be any number, and be of no use.
	 */
	__builtin_prefetch((const void *)(uintptr_t)region->hint);
	if (region->length < IOM_RADIX_LARGE) {
		iom_radix_prefetch(&dom->by_iova, region->iova);
		iom_radix_prefetch(&dom->by_va, (uintptr_t)region->va);
	} else {
		iom_radix_prefetch_large(&dom->by_iova, region->iova);
		iom_radix_prefetch_large(&dom->by_va, (uintptr_t)region->va);
	}
	ret = unmap_now(dom, region);
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

/* The kernel has nothing of it any more. */
static void forget_quarantined(struct iom_domain *dom)
{
	dom->entries -= dom->quarantined_entries;
	dom->quarantined_entries = 0;
}

/* One kernel call for all, where there is one; it takes what is quarantined with it. */
static int kernel_unmap_all(struct iom_domain *dom)
{
	const struct iom_backend_ops *ops = dom->backend->ops;
	int ret;

	if (dom->backend->shared || !ops->can_unmap_all(dom->backend))
		return -EOPNOTSUPP;
	__atomic_fetch_add(&dom->kernel_unmaps, 1, __ATOMIC_RELAXED);
	ret = ops->unmap_all(dom->backend, dom->mapped_bytes,
			     dom->mapped_bytes + dom->quarantined_bytes);
	if (!ret)
		forget_quarantined(dom);
	return ret;
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
	iom_span_withdraw(dom, span);
	iom_span_release(dom, span);
}

/* What fails is quarantined, and the last error is the answer. */
static int unmap_one_by_one(struct iom_domain *dom, bool streamed)
{
	uint64_t unit = 0;
	int ret = 0;

	while (unit < IOM_SPACE_END) {
		struct iom_span *span = iom_space_at(&dom->space, unit);
		struct iom_units units = { span->start, span->end };

		unit = span->end;
		if (span->state == IOM_SPAN_MAPPED && (streamed || !span->streamed) &&
		    unmap_checked(dom, &units) < 0)
			ret = -EIO;
	}
	return ret;
}

/* With what streams have mapped, or without.  topology is held for writing. */
static int unmap_all(struct iom_domain *dom, bool streamed)
{
	static const struct iom_units everything = { 0, IOM_SPACE_END };
	bool known = iom_kernel_has_maps(dom) && (dom->mappings || dom->quarantined_bytes);
	bool all = streamed || !dom->streamed;
	struct iom_kept_error kept;
	int ret = 0;

	iom_error_keep(&kept);
	pthread_mutex_lock(&dom->table);
	if (all && (!known || !kernel_unmap_all(dom))) {
		for_each(dom, &everything, release_mapped);
	} else {
		/* it was refused before, and may be again: that was said then */
		if (known)
			(void)kernel_unmap_each(dom, IOM_SPAN_QUARANTINED);
		ret = unmap_one_by_one(dom, streamed);
	}
	pthread_mutex_unlock(&dom->table);
	if (!ret)
		iom_error_restore(&kept);
	return ret;
}

int iom_unmap_everything(struct iom_domain *dom)
{
	return unmap_all(dom, true);
}

/*
 * Of an address space that somebody else has made: it does not end with the last device, so that
 * what the kernel refuses to unmap stays in reach of what he has attached.  What is in flight, or a
 * granule, ends as any that the kernel refuses to unmap: when it lands, or is withdrawn.
 */
static void forget_apart(struct iom_domain *dom, uint64_t end)
{
	uint64_t unit = 0;

	pthread_mutex_lock(&dom->table);
	while (unit < end) {
		struct iom_span *span = iom_space_at(&dom->space, unit);

		unit = span->end;
		if (span->state != IOM_SPAN_MAPPED || span->start >= end ||
		    !iom_backend_unmap(dom, iom_span_iova(span), iom_span_length(span)))
			continue;
		iom_span_withdraw(dom, span);
		iom_span_quarantine(dom, span);
	}
	pthread_mutex_unlock(&dom->table);
}

void iom_kernel_forget_again(struct iom_domain *dom, uint64_t end)
{
	struct iom_kept_error kept;
	struct iom_span *span;

	iom_error_keep(&kept);
	if (!dom->adopted.on) {
		/* the device is about to be detached again, and all that is left goes with it */
		iom_space_for_each(&dom->space, span)
			if (span->start < end && span->state == IOM_SPAN_MAPPED)
				(void)iom_backend_unmap(dom, iom_span_iova(span),
							iom_span_length(span));
	} else {
		forget_apart(dom, end);
	}
	iom_error_restore(&kept);
}

void iom_kernel_forget(struct iom_domain *dom)
{
	if (dom->adopted.on) {
		forget_apart(dom, IOM_SPACE_END);
		return;
	}
	if (dom->mappings || dom->quarantined_bytes) {
		if (kernel_unmap_all(dom) < 0) {
			(void)kernel_unmap_each(dom, IOM_SPAN_QUARANTINED);
			if (kernel_unmap_each(dom, IOM_SPAN_MAPPED) < 0)
				iom_log(&dom->log, IOM_LOG_WARN,
					"unmapping before the last device goes: %s", iom_errmsg());
		}
	}
	/* what is quarantined goes with the device, too */
	forget_quarantined(dom);
}

int iom_unmap_all(struct iom_domain *dom)
{
	int ret, kept;

	ret = iom_check_owner(dom);
	if (ret < 0)
		return iom_error_prefix(ret, "unmap all: ");
	iom_topology_hold(dom);
	kept = iom_cache_trim(dom);
	ret = unmap_all(dom, false);
	if (!ret && kept < 0)
		ret = iom_error(kept, "the kernel refused to unmap what streams had kept; it is "
				      "quarantined");
	iom_topology_let_go(dom);
	return ret < 0 ? iom_error_prefix(ret, "unmap all: ") : 0;
}
