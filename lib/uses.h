/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A stream's uses of granules, found by address: a hash table with linear probing, whose keys are
 * the addresses in units of granules.  Of one thread at a time.
 */
#ifndef IOM_USES_H
#define IOM_USES_H

#include <stddef.h>

#include "cache.h"

/* No address has it: a granule is larger than one byte. */
#define IOM_USES_NO_KEY UINT64_MAX

struct iom_uses_slot {
	uint64_t key; /* IOM_USES_NO_KEY: empty */
	struct iom_use *use;
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
	/* 2^64 divided by the golden ratio, less 2^32, which the other summand makes up for */
	return ((key >> 2) * UINT64_C(0x9e3779b87f4a7c15) >> 32 << 2) + key;
}

static inline bool iom_use_covers(const struct iom_use *use, uintptr_t va)
{
	return va >= use->start && va < use->end;
}

/* The use that has va in it, be it taken or not; or NULL. */
static inline struct iom_use *iom_uses_find(const struct iom_uses *uses, uintptr_t va)
{
	const uint64_t key = va >> uses->shift;
	uint64_t i;

	for (i = iom_uses_hash(key);; i++) {
		const struct iom_uses_slot *slot = &uses->slots[i & uses->mask];

		if (slot->key == key && iom_use_covers(slot->use, va))
			return slot->use;
		if (slot->key == IOM_USES_NO_KEY)
			return NULL;
	}
}

/* The same if that is in the first place that it can be in. */
static inline struct iom_use *iom_uses_find_first(const struct iom_uses *uses, uintptr_t va)
{
	const uint64_t key = va >> uses->shift;
	const struct iom_uses_slot *slot = &uses->slots[iom_uses_hash(key) & uses->mask];

	return slot->key == key && iom_use_covers(slot->use, va) ? slot->use : NULL;
}

/* Put it in flight once more; false: the cache has taken it. */
static inline bool iom_use_enter(struct iom_use *use)
{
	uint64_t state = __atomic_load_n(&use->state, __ATOMIC_RELAXED);

	if (!state) {
		if (!__atomic_compare_exchange_n(&use->state, &state, 1, false, __ATOMIC_ACQUIRE,
						 __ATOMIC_RELAXED))
			return false;
	} else if (state == IOM_USE_TAKEN) {
		return false;
	} else {
		__atomic_store_n(&use->state, state + 1, __ATOMIC_RELAXED);
	}
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
