/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a domain keeps mapped of declared memory, for all its streams: granules of one size, cut
 * where declared memory begins and ends.
 *
 * A stream that has used a granule keeps a use of it, and counts in there what is in flight: so the
 * next time costs neither a lock nor a word that other threads write.  To take the granule away,
 * all its uses are taken from their streams first, by one compare-and-swap each, which succeeds only
 * while nothing is in flight; a stream that finds its use taken asks here again.
 *
 * Locks: topology, then the cache's, then table.  The cache's is not held across kernel calls:
 * granules that are being mapped or unmapped say so in their state.
 */
#ifndef IOM_CACHE_H
#define IOM_CACHE_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "libiommu.h"
#include "space.h"

struct iom_domain;
struct iom_use;

/* A use's state is how often it is in flight, or this: the cache has taken it from its granule. */
#define IOM_USE_TAKEN UINT64_MAX

/* A stream's use of a granule.  A cache line of its own: other streams' are not slowed down. */
struct iom_use {
	/*
	 * Atomic.  The cache changes it from 0 only, and the stream all else: so only that of 0 must be
	 * one step for both.
	 */
	uint64_t state;
	uintptr_t start, end;
	uint64_t delta;       /* from an address to its IOVA */
	unsigned int refused; /* IOM_MAP_READ, IOM_MAP_WRITE: what the device must not do there */
	bool recent;          /* atomic: was used since the cache looked last */
	struct iom_granule *granule;
	struct iom_use *next; /* of the same granule; or unused, in the stream */
} __attribute__((aligned(64)));

struct iom_cache {
	pthread_mutex_t lock;
	pthread_cond_t changed;   /* a granule's state, or the set of them */
	struct iom_space memory;  /* what is declared, by units of addresses */
	struct iom_space mapped;  /* the granules, by the same */
	struct iom_granule *hand; /* a ring of all granules: where to look next for one to unmap */
	size_t granules;          /* in it; atomic */
	size_t evicting;
	struct iom_stream *streams;
	uint64_t transients; /* atomic: maps for one call alone that are in flight */
	uint64_t ends;       /* atomic: how often a map of a stream's ended, or failed */
	unsigned int shift;  /* of a granule's size; atomic; 0 until a stream was opened */
};

/* What a stream asks for, and what came of it. */
struct iom_ask {
	unsigned int flags; /* IOM_MAP_READ, IOM_MAP_WRITE: what the device will do */
	bool nowait;
	size_t own;         /* granules and transient maps that the same call has in flight */
	size_t mapping;     /* and the one that it is mapping */
	size_t transients;  /* of both, the transient ones */
	uint64_t evictions; /* granules that were unmapped for it */
	uint64_t ends;      /* the cache's, before the map that failed */
};

static inline uint64_t iom_cache_ends(const struct iom_cache *cache)
{
	return __atomic_load_n(&cache->ends, __ATOMIC_RELAXED);
}

/* There may be room where there was none. */
static inline void iom_cache_note_end(struct iom_cache *cache)
{
	__atomic_fetch_add(&cache->ends, 1, __ATOMIC_RELAXED);
}

void iom_cache_init(struct iom_cache *cache);

/* The end of the domain: nothing is mapped any more. */
void iom_cache_destroy(struct iom_domain *dom);

/*
 * Have use, which is not in flight, lead to the granule at va, which is mapped if it is not yet, and
 * put it in flight once.  -ENOENT: no granule can be there, for *length bytes of those asked for.
 */
int iom_cache_take(struct iom_domain *dom, uintptr_t va, uint64_t *length, struct iom_use *use,
		   struct iom_ask *ask);

/* A stream gives up its uses; the cache is locked. */
void iom_cache_leave(struct iom_use *use);

/* Map for a stream, unmapping what is not in flight where there is no room.  No sentence. */
int iom_cache_map(struct iom_domain *dom, uintptr_t va, uint64_t length, unsigned int flags,
		  struct iom_region *region, struct iom_ask *ask);

/*
 * Unmap all granules in which nothing is in flight: they are in the way of something that was asked
 * for.  1, or 0: there were none, or -EIO: some are quarantined.  topology is held.  No sentence.
 */
int iom_cache_trim(struct iom_domain *dom);

/* Whether there ever was a stream, so that granules may be mapped. */
static inline bool iom_cache_is_used(const struct iom_cache *cache)
{
	return __atomic_load_n(&cache->shift, __ATOMIC_RELAXED);
}

/*
 * Unmap the granules in [start, end), in units: -EBUSY, and all stay, if something is in flight in
 * one.  topology is held for reading.
 */
int iom_cache_empty(struct iom_domain *dom, uint64_t start, uint64_t end);

#endif
