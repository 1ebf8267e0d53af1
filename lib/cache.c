// SPDX-License-Identifier: BSD-3-Clause
#include "cache.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "batch.h"
#include "cancel.h"
#include "domain.h"
#include "error.h"
#include "map.h"
#include "memory.h"
#include "stream.h"

/* As many are unmapped at a time as this, or a part of all. */
#define BATCH_MAX 32
#define BATCH_PART 8

enum state {
	GRANULE_MAPPING,
	GRANULE_READY,
	GRANULE_EVICTING
};

struct iom_granule {
	struct iom_span span; /* by units of addresses; the first member */
	enum state state;
	unsigned int flags;
	struct iom_use *uses;
	struct iom_granule *next, *prev; /* the ring, while it is ready */
	struct iom_region region;
};

void iom_cache_init(struct iom_cache *cache)
{
	pthread_mutex_init(&cache->lock, NULL);
	pthread_cond_init(&cache->changed, NULL);
	iom_space_init(&cache->memory);
	iom_space_init(&cache->mapped);
}

/* ---- Granules ---------------------------------------------------------------------------------- */

static struct iom_granule *granule_of(struct iom_span *span)
{
	return (struct iom_granule *)span; /* the first member */
}

/* The one at unit, or that comes next; NULL if there is none. */
static struct iom_granule *granule_at(const struct iom_cache *cache, uint64_t unit)
{
	struct iom_span *span = iom_space_at(&cache->mapped, unit);

	return span->start < IOM_SPACE_END ? granule_of(span) : NULL;
}

static void join_ring(struct iom_cache *cache, struct iom_granule *granule)
{
	if (!cache->hand) {
		granule->next = granule;
		granule->prev = granule;
		cache->hand = granule;
	} else {
		granule->next = cache->hand;
		granule->prev = cache->hand->prev;
		granule->prev->next = granule;
		granule->next->prev = granule;
	}
	__atomic_store_n(&cache->granules, cache->granules + 1, __ATOMIC_RELAXED);
}

static void leave_ring(struct iom_cache *cache, struct iom_granule *granule)
{
	granule->prev->next = granule->next;
	granule->next->prev = granule->prev;
	if (cache->hand == granule)
		cache->hand = granule->next == granule ? NULL : granule->next;
	__atomic_store_n(&cache->granules, cache->granules - 1, __ATOMIC_RELAXED);
}

static void remove_granule(struct iom_cache *cache, struct iom_granule *granule)
{
	iom_space_remove(&cache->mapped, &granule->span);
	free(granule);
}

/* Whether something is in flight in it: none of its uses is taken. */
static bool is_busy(const struct iom_granule *granule)
{
	const struct iom_use *use;

	for (use = granule->uses; use; use = use->next)
		if (__atomic_load_n(&use->state, __ATOMIC_RELAXED))
			return true;
	return false;
}

/* Whether a stream has used it since this was asked last. */
static bool was_used(struct iom_granule *granule)
{
	struct iom_use *use;
	bool was = false;

	for (use = granule->uses; use; use = use->next) {
		was |= __atomic_load_n(&use->recent, __ATOMIC_RELAXED);
		__atomic_store_n(&use->recent, false, __ATOMIC_RELAXED);
	}
	return was;
}

/* Take its uses from their streams, as far as nothing is in flight: whether it has none any more. */
static bool take_uses(struct iom_granule *granule)
{
	struct iom_use *use;

	while ((use = granule->uses)) {
		uint64_t idle = 0;

		if (!__atomic_compare_exchange_n(&use->state, &idle, IOM_USE_TAKEN, false,
						 __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
			return false;
		granule->uses = use->next;
	}
	return true;
}

static void link_use(struct iom_granule *granule, struct iom_use *use)
{
	use->start = granule->span.start << IOM_UNIT_SHIFT;
	use->end = use->start + granule->region.length;
	use->delta = granule->region.iova - use->start;
	use->refused = IOM_MAP_RW & ~granule->flags;
	use->granule = granule;
	use->next = granule->uses;
	granule->uses = use;
	__atomic_store_n(&use->recent, true, __ATOMIC_RELAXED);
	__atomic_store_n(&use->state, 1, __ATOMIC_RELEASE);
}

void iom_cache_leave(struct iom_use *use)
{
	struct iom_use **link;

	if (__atomic_load_n(&use->state, __ATOMIC_RELAXED) == IOM_USE_TAKEN)
		return;
	for (link = &use->granule->uses; *link != use; link = &(*link)->next)
		;
	*link = use->next;
}

/* ---- Unmapping --------------------------------------------------------------------------------- */

/* Some of the granules, on their way out. */
struct victims {
	size_t n, max;
	struct iom_granule *granules[BATCH_MAX];
	struct iom_region regions[BATCH_MAX];
};

static void add_victim(struct iom_cache *cache, struct victims *victims,
		       struct iom_granule *granule)
{
	leave_ring(cache, granule);
	granule->state = GRANULE_EVICTING;
	cache->evicting++;
	victims->granules[victims->n] = granule;
	victims->regions[victims->n++] = granule->region;
}

/* The kernel refused to unmap some of them: what they were of must not be thought free. */
static void note_quarantined(struct iom_domain *dom, const struct victims *victims)
{
	const struct iom_span *span;
	size_t i;

	pthread_mutex_lock(&dom->table);
	for (i = 0; i < victims->n; i++) {
		span = iom_space_at(&dom->space, victims->regions[i].iova >> IOM_UNIT_SHIFT);
		if (span->state == IOM_SPAN_QUARANTINED)
			iom_memory_at(&dom->cache, victims->granules[i]->span.start)->in_reach =
				true;
	}
	pthread_mutex_unlock(&dom->table);
}

/* Topology is held; the cache is locked, and let go during the kernel's calls.  No sentence. */
static int unmap_victims(struct iom_domain *dom, struct victims *victims)
{
	struct iom_cache *cache = &dom->cache;
	struct iom_kept_error kept;
	size_t i;
	int ret;

	if (!victims->n)
		return 0;
	pthread_mutex_unlock(&cache->lock);
	iom_error_keep(&kept);
	ret = iom_unmap_regions(dom, victims->regions, victims->n, true);
	iom_error_restore(&kept);
	pthread_mutex_lock(&cache->lock);
	iom_cache_note_end(cache);
	if (ret < 0)
		note_quarantined(dom, victims);
	for (i = 0; i < victims->n; i++)
		remove_granule(cache, victims->granules[i]);
	cache->evicting -= victims->n;
	victims->n = 0;
	pthread_cond_broadcast(&cache->changed);
	return ret;
}

/*
 * Choose some in which nothing is in flight; those that were used since the last time round are
 * spared for this one, unless all are wanted.  There is no second time round once a whole one has
 * found nothing but busy ones.
 */
static void choose(struct iom_cache *cache, struct victims *victims, bool all)
{
	size_t round = cache->granules, look = all ? round : 2 * round, busy = 0;

	while (look-- && victims->n < victims->max && cache->hand && busy < round) {
		struct iom_granule *granule = cache->hand;

		cache->hand = granule->next;
		if (is_busy(granule))
			busy++;
		else if (!all && was_used(granule))
			busy = 0;
		else if (take_uses(granule))
			add_victim(cache, victims, granule);
		else
			busy++;
	}
}

/*
 * Whether there are more granules than this.  Another call's was in flight a moment ago, whatever it
 * is now, or it would have been chosen.
 */
static bool are_more(const struct iom_cache *cache, size_t than)
{
	const struct iom_span *span;
	size_t n = 0;

	iom_space_for_each(&cache->mapped, span)
		if (++n > than)
			return true;
	return false;
}

/*
 * Unmap some granules, or wait until another thread has: 0, also if one has since the map failed.
 * -EAGAIN: all that there are are in flight, and not all of them for the same call; or err, and
 * waiting does not help.
 */
static int make_room(struct iom_domain *dom, struct iom_ask *ask, int err)
{
	struct iom_cache *cache = &dom->cache;
	struct victims victims = { 0 };
	uint64_t transients;
	size_t own;

	pthread_rwlock_rdlock(&dom->topology);
	pthread_mutex_lock(&cache->lock);
	victims.max = cache->granules / BATCH_PART;
	if (!victims.max)
		victims.max = 1;
	if (victims.max > BATCH_MAX)
		victims.max = BATCH_MAX;
	choose(cache, &victims, false);
	ask->evictions += victims.n;
	if (victims.n) {
		err = 0;
		(void)unmap_victims(dom, &victims);
	} else if (cache->evicting) {
		err = 0;
		iom_cond_wait(&cache->changed, &cache->lock);
	} else {
		/* who counts one less in flight has noted its end before */
		transients = __atomic_load_n(&cache->transients, __ATOMIC_ACQUIRE);
		own = ask->own + ask->mapping;
		if (transients > own || are_more(cache, own - transients))
			err = -EAGAIN;
		else if (iom_cache_ends(cache) != ask->ends)
			err = 0;
	}
	pthread_mutex_unlock(&cache->lock);
	pthread_rwlock_unlock(&dom->topology);
	return err;
}

int iom_cache_trim(struct iom_domain *dom)
{
	struct iom_cache *cache = &dom->cache;
	struct victims victims = { .max = BATCH_MAX };
	int ret = 0;

	pthread_mutex_lock(&cache->lock);
	for (;;) {
		choose(cache, &victims, true);
		if (!victims.n)
			break;
		if (unmap_victims(dom, &victims) < 0)
			ret = -EIO;
		else if (!ret)
			ret = 1;
	}
	pthread_mutex_unlock(&cache->lock);
	return ret;
}

/* The next granule from *unit to end, once nobody else unmaps it. */
static struct iom_granule *next_settled(struct iom_cache *cache, uint64_t *unit, uint64_t end)
{
	struct iom_granule *granule;

	while ((granule = granule_at(cache, *unit)) && granule->span.start < end) {
		if (granule->state != GRANULE_EVICTING) {
			*unit = granule->span.end;
			return granule;
		}
		iom_cond_wait(&cache->changed, &cache->lock);
	}
	return NULL;
}

int iom_cache_empty(struct iom_domain *dom, uint64_t start, uint64_t end)
{
	struct victims victims = { .max = BATCH_MAX };
	struct iom_cache *cache = &dom->cache;
	struct iom_granule *granule;
	uint64_t unit;
	int ret = 0;

	pthread_mutex_lock(&cache->lock);
	for (unit = start; !ret && (granule = next_settled(cache, &unit, end));)
		if (granule->state == GRANULE_MAPPING || is_busy(granule))
			ret = -EBUSY;
	for (unit = start; ret != -EBUSY && (granule = next_settled(cache, &unit, end));) {
		if (granule->state == GRANULE_MAPPING || !take_uses(granule))
			ret = -EBUSY;
		else
			add_victim(cache, &victims, granule);
		if (victims.n == victims.max && unmap_victims(dom, &victims) < 0)
			ret = -EIO;
	}
	if (unmap_victims(dom, &victims) < 0 && !ret)
		ret = -EIO;
	pthread_mutex_unlock(&cache->lock);
	return ret;
}

/* ---- Mapping ----------------------------------------------------------------------------------- */

static int map_quietly(struct iom_domain *dom, struct iom_map_request *rq,
		       struct iom_region *region)
{
	struct iom_kept_error kept;
	int ret;

	iom_error_keep(&kept);
	ret = iom_map_memory(dom, rq, NULL, region);
	if (ret < 0) {
		iom_log(&dom->log, IOM_LOG_DEBUG, "stream: map 0x%" PRIxPTR " + 0x%" PRIx64 ": %s",
			rq->va, rq->length, iom_errmsg());
		iom_error_restore(&kept);
	}
	return ret;
}

int iom_cache_map(struct iom_domain *dom, uintptr_t va, uint64_t length, unsigned int flags,
		  struct iom_region *region, struct iom_ask *ask)
{
	int ret, room = 0;
	bool others;

	do {
		struct iom_map_request rq = {
			.va = va,
			.length = length,
			.flags = (flags & IOM_MAP_RW) | IOM_MAP_ALIAS,
			.fd = -1,
			.streamed = true,
		};

		ask->ends = iom_cache_ends(&dom->cache);
		ret = map_quietly(dom, &rq, region);
		/* one that has gone since has noted its end before */
		others = __atomic_load_n(&dom->cache.transients, __ATOMIC_ACQUIRE) >
			 ask->transients;
		/* registered with what is, or was, in flight beside it, and ends with that */
		if (ret == -EBUSY && (others || iom_cache_ends(&dom->cache) != ask->ends))
			return -EAGAIN;
		if (ret == -ENOSPC || ret == -ENOMEM)
			room = make_room(dom, ask, ret);
	} while ((ret == -ENOSPC || ret == -ENOMEM) && !room);
	return room < 0 ? room : ret;
}

/* Where a granule of this memory that has va in it lies, in units; false: in no whole page. */
static bool place(const struct iom_domain *dom, const struct iom_memory *mem, uintptr_t va,
		  struct iom_span *span)
{
	uint64_t page = iom_page_size(dom), size = UINT64_C(1) << dom->cache.shift;
	uint64_t first = va & ~(size - 1), end = first + size;
	uint64_t mem_first = mem->span.start << IOM_UNIT_SHIFT;
	uint64_t mem_end = mem->span.end << IOM_UNIT_SHIFT;

	if (!page || page > size)
		return false;
	if (first < mem_first)
		first = (mem_first + page - 1) & ~(page - 1);
	if (end > mem_end || !end)
		end = mem_end & ~(page - 1);
	*span = (struct iom_span){ .start = first >> IOM_UNIT_SHIFT, .end = end >> IOM_UNIT_SHIFT };
	/* one that was cut by another page size may be in the way */
	return va >= first && va < end &&
	       iom_space_is_free(&dom->cache.mapped, span->start, span->end);
}

/* The cache is locked, and let go while it is mapped. */
static int add_granule(struct iom_domain *dom, const struct iom_span *span,
		       const struct iom_memory *mem, struct iom_ask *ask,
		       struct iom_granule **added)
{
	struct iom_cache *cache = &dom->cache;
	struct iom_granule *granule;
	int ret;

	granule = malloc(sizeof(*granule));
	if (!granule || iom_space_reserve(&cache->mapped, 1) < 0) {
		free(granule);
		return -ENOMEM;
	}
	*granule = (struct iom_granule){ .span = *span, .flags = mem->flags };
	iom_space_insert(&cache->mapped, &granule->span);
	pthread_mutex_unlock(&cache->lock);
	ask->mapping = 1;
	ret = iom_cache_map(dom, span->start << IOM_UNIT_SHIFT,
			    (span->end - span->start) << IOM_UNIT_SHIFT, granule->flags,
			    &granule->region, ask);
	ask->mapping = 0;
	pthread_mutex_lock(&cache->lock);
	pthread_cond_broadcast(&cache->changed);
	if (ret < 0) {
		remove_granule(cache, granule);
		iom_cache_note_end(cache);
		return ret;
	}
	granule->state = GRANULE_READY;
	join_ring(cache, granule);
	*added = granule;
	return 0;
}

/* For how many of length bytes nothing is declared, or can be mapped as such: see place(). */
static uint64_t undeclared(const struct iom_domain *dom, const struct iom_memory *mem, uintptr_t va,
			   uint64_t length)
{
	const uint64_t mask = (UINT64_C(1) << dom->cache.shift) - 1, page = iom_page_size(dom);
	uint64_t end = UINT64_MAX, start;

	if (!mem)
		return length;
	start = mem->span.start << IOM_UNIT_SHIFT;
	if (va < start) {
		end = start - 1;
	} else if (page && page <= mask && va < ((start + page - 1) & ~(page - 1))) {
		end = va | (page - 1);
	} else {
		end = va | mask;
	}
	if (va >= start && end >= mem->span.end << IOM_UNIT_SHIFT)
		end = (mem->span.end << IOM_UNIT_SHIFT) - 1;
	return end - va < length ? end - va + 1 : length;
}

/* The cache is locked, and let go meanwhile. */
static int wait_for_change(struct iom_cache *cache, const struct iom_ask *ask)
{
	if (ask->nowait)
		return -EAGAIN;
	iom_cond_wait(&cache->changed, &cache->lock);
	return 0;
}

/* A granule that has va in it, ready; the cache is locked, and let go while it is waited for. */
static int find(struct iom_domain *dom, uintptr_t va, uint64_t *length, struct iom_ask *ask,
		struct iom_granule **granule)
{
	struct iom_cache *cache = &dom->cache;
	uint64_t unit = va >> IOM_UNIT_SHIFT;
	struct iom_memory *mem;
	struct iom_span span;
	int ret;

	for (;;) {
		mem = iom_memory_at(cache, unit);
		if (!mem || mem->span.start > unit)
			break;
		if (ask->flags & ~mem->flags)
			return -EFAULT;
		if (dom->strict.on)
			break;
		*granule = granule_at(cache, unit);
		if (*granule && (*granule)->span.start > unit)
			*granule = NULL;
		if (*granule && (*granule)->state == GRANULE_READY)
			return 0;
		if (!*granule && !mem->leaving) {
			if (!place(dom, mem, va, &span))
				break;
			return ask->nowait ? -EAGAIN : add_granule(dom, &span, mem, ask, granule);
		}
		ret = wait_for_change(cache, ask);
		if (ret < 0)
			return ret;
	}
	*length = undeclared(dom, mem, va, *length);
	return -ENOENT;
}

int iom_cache_take(struct iom_domain *dom, uintptr_t va, uint64_t *length, struct iom_use *use,
		   struct iom_ask *ask)
{
	struct iom_cache *cache = &dom->cache;
	struct iom_granule *granule;
	int ret;

	if (!ask->nowait)
		pthread_mutex_lock(&cache->lock);
	else if (pthread_mutex_trylock(&cache->lock))
		return -EAGAIN;
	ret = find(dom, va, length, ask, &granule);
	if (!ret)
		link_use(granule, use);
	pthread_mutex_unlock(&cache->lock);
	return ret;
}

void iom_cache_destroy(struct iom_domain *dom)
{
	struct iom_cache *cache = &dom->cache;
	struct iom_granule *granule;
	struct iom_memory *mem;

	while (cache->streams)
		iom_stream_free(cache->streams);
	while ((granule = granule_at(cache, 0)))
		remove_granule(cache, granule);
	while ((mem = iom_memory_at(cache, 0))) {
		iom_space_remove(&cache->memory, &mem->span);
		free(mem);
	}
	iom_space_destroy(&cache->mapped);
	iom_space_destroy(&cache->memory);
	pthread_cond_destroy(&cache->changed);
	pthread_mutex_destroy(&cache->lock);
}
