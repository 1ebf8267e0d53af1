// SPDX-License-Identifier: BSD-3-Clause
/*
 * iom_map(), and the short way to map, for what nearly every map is: some memory, anywhere, without
 * options, where there is room for it.  Its steps are those of the general way, less what there is
 * for batches, files, granules, apertures yet to be made and the like.
 */
#include <errno.h>
#include <inttypes.h>

#include "error.h"
#include "map_steps.h"
#include "slots.h"
#include "topology.h"

/* Whether the arguments are in order, and nothing is to be done for them before or afterwards. */
static inline bool is_plain(const struct iom_domain *dom, uintptr_t va, uint64_t length,
			    unsigned int flags)
{
	/* neither is 0, and they do not run past 2^64 */
	return length - 1 < IOM_POPULATE_LEAST - 1 && va - 1 < UINT64_MAX - length &&
	       flags - 1 < IOM_MAP_RW && !__atomic_load_n(&dom->cache.granules, __ATOMIC_RELAXED);
}

/* The same of what depends on the devices that are attached now; with none no unit is a page. */
static inline bool is_plain_here(const struct iom_domain *dom, uintptr_t va, uint64_t length)
{
	return dom->is_plain && !((va | length) & (dom->page_size - 1));
}

/* The slots, if there is one each way. */
static int claim(struct iom_domain *dom, const struct iom_span *span, struct iom_slots *slots)
{
	if (iom_slots_find(dom, span->va, iom_span_iova(span), iom_span_length(span), slots) &&
	    iom_slots_claim(slots)) {
		dom->entries++;
		return 0;
	}
	*slots = (struct iom_slots){ NULL, NULL };
	return iom_span_claim(dom, span);
}

/* Choose an IOVA and occupy it; the span, or NULL, with the error in *err; -EAGAIN: no room. */
static struct iom_span *reserve(struct iom_domain *dom, const struct iom_place *place,
				unsigned int flags, struct iom_slots *slots, int *err)
{
	struct iom_span *span;
	uint64_t start;

	if (iom_spans_reserve(dom, 1) < 0) {
		*err = iom_error(-ENOMEM, "no memory for a mapping");
		return NULL;
	}
	*err = 0;
	if (!iom_alike_fit(&dom->alike, place, &dom->space, &start) &&
	    !iom_map_find(dom, place, &start))
		*err = -EAGAIN;
	if (!*err && dom->entries >= dom->entry_limit)
		*err = iom_map_check_entries(dom, 1);
	if (*err < 0)
		return NULL;
	span = iom_pool_take(&dom->pool);
	*span = (struct iom_span){
		.start = start,
		.end = start + (place->length >> IOM_UNIT_SHIFT),
		.va = place->va,
		.flags = flags,
		.backing_shift = iom_span_shift(place->backing),
		.state = IOM_SPAN_CHANGING,
		.generation = iom_take_generations(1),
	};
	*err = claim(dom, span, slots);
	if (*err < 0) {
		iom_pool_give(&dom->pool, span);
		return NULL;
	}
	iom_space_insert(&dom->space, span);
	return span;
}

/* The kernel has answered.  The table lock is held. */
static void settle(struct iom_domain *dom, struct iom_span *span, const struct iom_slots *slots,
		   int ret, bool left)
{
	if (!ret && slots->by_va) {
		iom_slots_publish(slots, span->va, iom_span_iova(span), iom_span_length(span));
		iom_span_mapped(dom, span);
	} else if (!ret)
		iom_span_publish(dom, span);
	else if (left)
		iom_span_quarantine(dom, span);
	else
		iom_span_release(dom, span);
}

/* The topology is passed, and the table lock held, but for the kernel call. */
static int map(struct iom_domain *dom, const struct iom_place *place, unsigned int flags,
	       struct iom_region *region)
{
	struct iom_backend_map map;
	struct iom_slots slots;
	struct iom_span *span;
	bool left = false;
	int ret;

	span = reserve(dom, place, flags, &slots, &ret);
	if (!span)
		return ret;
	pthread_mutex_unlock(&dom->table);
	map = iom_span_map(span);
	map.backing = place->backing;
	ret = iom_backend_map(dom, &map, &left);
	if (!ret && region)
		*region = (struct iom_region){
			.va = (void *)span->va,
			.iova = map.iova,
			.length = map.length,
			.delta = map.iova - span->va,
			.generation = span->generation,
			.flags = flags,
			.hint = (uintptr_t)span,
		};
	pthread_mutex_lock(&dom->table);
	settle(dom, span, &slots, ret, left);
	return ret;
}

/* The page size behind memory, where the backend must know it; 0: not asked, or not one for all. */
static inline uint64_t look_behind(const struct iom_domain *dom, uintptr_t va, uint64_t length)
{
	struct iom_vma vma;

	if (!__atomic_load_n(&dom->looks, __ATOMIC_RELAXED) ||
	    dom->sys->find_vma(dom->sys->ctx, __atomic_load_n(&dom->vmas, __ATOMIC_RELAXED), va,
			       &vma) < 0 ||
	    vma.end - va < length)
		return 0;
	return vma.page_size;
}

/* Whether the backend would rather make an aperture for it. */
static bool wants_aperture(const struct iom_domain *dom, const struct iom_place *place)
{
	const struct iom_backend_wish wish = { .length = place->length,
					       .backing = place->backing,
					       .reach = place->limit };
	const struct iom_backend_ops *ops = dom->backend->ops;

	return ops->wants_aperture && ops->wants_aperture(dom->backend, &wish);
}

/* Whether memory with such pages can go into the apertures that there are, and no other is due. */
static inline bool is_served(const struct iom_domain *dom, uint64_t backing,
			     struct iom_place *place)
{
	place->limit = dom->reach;
	place->backing = dom->looks ? backing : dom->coarsest;
	return !dom->looks || (backing >= dom->least && !wants_aperture(dom, place));
}

/* -EAGAIN: nothing has happened, and it is not plain. */
static inline int map_plain(struct iom_domain *dom, uintptr_t va, uint64_t length,
			    unsigned int flags, struct iom_region *region)
{
	struct iom_place place = { .va = va, .length = length };
	uint64_t backing = look_behind(dom, va, length);
	int ret = -EAGAIN;

	pthread_mutex_lock(&dom->table);
	if (iom_topology_pass(dom)) {
		if (is_plain_here(dom, va, length) && is_served(dom, backing, &place))
			ret = map(dom, &place, flags, region);
		iom_topology_passed(dom);
	}
	pthread_mutex_unlock(&dom->table);
	/* what streams have mapped meanwhile may be in the way */
	if ((ret == -ENOSPC || ret == -ENOMEM) && iom_cache_is_used(&dom->cache))
		return -EAGAIN;
	return ret;
}

int iom_map(struct iom_domain *dom, void *va, uint64_t length, unsigned int flags,
	    const struct iom_map_opts *opts, struct iom_region *region)
{
	int ret;

	ret = iom_check_owner(dom);
	if (!ret && !opts && is_plain(dom, (uintptr_t)va, length, flags))
		ret = map_plain(dom, (uintptr_t)va, length, flags, region);
	else if (!ret)
		ret = -EAGAIN;
	if (ret == -EAGAIN)
		ret = iom_map_generally(dom, (uintptr_t)va, length, flags, opts, region);
	if (ret < 0)
		return iom_error_prefix(ret, "map %p + 0x%" PRIx64 ": ", va, length);
	return 0;
}
