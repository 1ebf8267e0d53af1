/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A stream's uses of granules, found by address: a hash table with linear probing, whose keys are
 * the addresses in units of granules.  Of one thread at a time.
 */
#ifndef IOM_USES_H
#define IOM_USES_H

#include <stddef.h>

#include "cache.h"

struct iom_uses_slot {
	uint64_t key;
	struct iom_use *use; /* NULL: empty */
};

struct iom_uses {
	struct iom_uses_slot *slots;
	uint64_t mask;      /* of the number of slots, a power of two */
	size_t taken;       /* slots that are not empty */
	unsigned int shift; /* of a granule's size */
	struct iom_use *unused;
	struct iom_uses_slab *slabs;
};

int iom_uses_init(struct iom_uses *uses, unsigned int shift);
void iom_uses_destroy(struct iom_uses *uses);

/* One that can be put into the table without more memory; -EAGAIN: it would take some, nowait. */
int iom_uses_reserve(struct iom_uses *uses, struct iom_cache *cache, bool nowait,
		     struct iom_use **use);
void iom_uses_give(struct iom_uses *uses, struct iom_use *use);
void iom_uses_put(struct iom_uses *uses, struct iom_use *use);

/* All leave their granules.  The cache is locked. */
void iom_uses_leave(struct iom_uses *uses);

/* Where to begin: four neighbours share a cache line, and no equal distance meets in one place. */
static inline uint64_t iom_uses_hash(uint64_t key)
{
	/* 2^64 divided by the golden ratio */
	return ((key >> 2) * UINT64_C(0x9e3779b97f4a7c15) >> 32) << 2 | (key & 3);
}

/* The use that has va in it, be it taken or not; or NULL. */
static inline struct iom_use *iom_uses_find(const struct iom_uses *uses, uintptr_t va)
{
	const uint64_t key = va >> uses->shift;
	uint64_t i;

	for (i = iom_uses_hash(key);; i++) {
		const struct iom_uses_slot *slot = &uses->slots[i & uses->mask];

		if (!slot->use)
			return NULL;
		if (slot->key == key && va - slot->use->start < slot->use->length)
			return slot->use;
	}
}

/* Put it in flight once more; false: the cache has taken it. */
static inline bool iom_use_enter(struct iom_use *use)
{
	uint64_t state = __atomic_load_n(&use->state, __ATOMIC_RELAXED);

	if (state == IOM_USE_TAKEN)
		return false;
	if (state)
		__atomic_store_n(&use->state, state + 1, __ATOMIC_RELAXED);
	else if (!__atomic_compare_exchange_n(&use->state, &state, 1, false, __ATOMIC_ACQUIRE,
					      __ATOMIC_RELAXED))
		return false;
	__atomic_store_n(&use->recent, true, __ATOMIC_RELAXED);
	return true;
}

/* Once less; false, and nothing has changed: it was not in flight. */
static inline bool iom_use_leave(struct iom_use *use)
{
	uint64_t state = __atomic_load_n(&use->state, __ATOMIC_RELAXED);

	if (!state || state == IOM_USE_TAKEN)
		return false;
	__atomic_store_n(&use->state, state - 1, __ATOMIC_RELEASE);
	return true;
}

#endif
