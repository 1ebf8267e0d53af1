/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A lock-free map from addresses to addresses: VA to IOVA, and IOVA to VA.
 *
 * Three levels for 57 bits, whose tables have 2 MiB, 2 MiB and 4 KiB of slots; only what is used of
 * them is ever in memory.  (The top has as many slots again for tables of the last level that gave
 * way to large leaves.  Wider keys, which only IOVAs have, take one more step.)  A slot of the last
 * level stands for 4 KiB, one of the level above for 2 MiB, whatever the page size: the parts of a
 * large mapping in which key and value are aligned alike are single slots there, and all else is
 * slots of 4 KiB repeated.
 *
 * A slot is one atomic word, and everything that a reader needs is in it: readers never touch
 * memory that is freed before the domain closes.
 *
 *	0                          empty
 *	table pointer              of a table of the middle level, in one of the top
 *	table pointer + TABLE      of a table of the last level, in one of the middle level
 *	value | count << 2         a leaf: the address that this slot's range maps to, aligned to its
 *	                           size; in the bits below: how many 4 KiB are contiguous from the
 *	                           slot's beginning, saturating, and never 0
 *	CLAIMED                    spoken for by a map or unmap under way; a miss to readers
 *
 * Loads are relaxed: tables start as zeros from the kernel and all that is stored in them is
 * atomic, so a reader that was told of a mapping (with any synchronisation at all) sees it.
 */
#ifndef IOM_RADIX_H
#define IOM_RADIX_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sys.h"

#define IOM_UNIT_SHIFT 12
#define IOM_UNIT (UINT64_C(1) << IOM_UNIT_SHIFT)

/* The first address bit that the index into each level's tables covers. */
#define IOM_RADIX_LAST IOM_UNIT_SHIFT
#define IOM_RADIX_MIDDLE 21
#define IOM_RADIX_TOP 39
#define IOM_RADIX_FAR 57

/* The slots of each level's tables. */
#define IOM_RADIX_TOPS (UINT64_C(1) << (IOM_RADIX_FAR - IOM_RADIX_TOP))
#define IOM_RADIX_MIDDLES (UINT64_C(1) << (IOM_RADIX_TOP - IOM_RADIX_MIDDLE))
#define IOM_RADIX_LASTS (UINT64_C(1) << (IOM_RADIX_MIDDLE - IOM_RADIX_LAST))

#define IOM_SLOT_CLAIMED UINT64_C(1)
#define IOM_SLOT_TABLE UINT64_C(2)
#define IOM_SLOT_COUNT_SHIFT 2

/* The kernel's zeroing of a new table is no store that the thread sanitizer could order. */
#ifdef __has_feature /* clang's way to say it */
#if __has_feature(thread_sanitizer)
#define __SANITIZE_THREAD__ 1
#endif
#endif
#ifdef __SANITIZE_THREAD__
#define IOM_SLOT_LOAD __ATOMIC_ACQUIRE
#define IOM_SLOT_STORE __ATOMIC_RELEASE
#else
#define IOM_SLOT_LOAD __ATOMIC_RELAXED
#define IOM_SLOT_STORE __ATOMIC_RELAXED
#endif

typedef uint64_t iom_slot;

struct iom_radix {
	iom_slot *top;
	iom_slot far; /* the table of the tops for keys of 57 bits and more, or 0; atomic */
	const struct iom_sys *sys;
	struct iom_radix_chunk *chunks; /* all memory that tables are in, but top */
	char *spare;                    /* where the next small table will be */
	size_t spare_bytes;
	unsigned int key_bits;
};

/* Keys are below 2^key_bits, at most 64 bits. */
int iom_radix_init(struct iom_radix *radix, const struct iom_sys *sys, unsigned int key_bits);
void iom_radix_destroy(struct iom_radix *radix);

/*
 * The writers: [key, key + length) in whole units, one thread at a time.
 *
 * claim makes an empty range CLAIMED and allocates all its tables, so that the calls after it
 * cannot fail; value is what will be published.  -EEXIST (with the first key that is taken in
 * *taken), -ERANGE (a key too wide) or -ENOMEM, and nothing is claimed.
 */
int iom_radix_claim(struct iom_radix *radix, uint64_t key, uint64_t length, uint64_t value,
		    uint64_t *taken);
void iom_radix_publish(struct iom_radix *radix, uint64_t key, uint64_t length, uint64_t value);
/*
 * The range that was published ends at key + length from now on: correct what slots in front of
 * that tell to be contiguous.  None is larger than largest, which divides the end.
 */
void iom_radix_shorten(struct iom_radix *radix, uint64_t key, uint64_t length, uint64_t value,
		       uint64_t largest);
void iom_radix_withdraw(struct iom_radix *radix, uint64_t key, uint64_t length);
void iom_radix_clear(struct iom_radix *radix, uint64_t key, uint64_t length);

static inline iom_slot iom_slot_load(const iom_slot *slot)
{
	return __atomic_load_n(slot, IOM_SLOT_LOAD);
}

/* Whether a key has 57 bits and more; by the very shift that a lookup needs next. */
static inline bool iom_radix_is_far(uint64_t key)
{
	return key >> IOM_RADIX_TOP >= IOM_RADIX_TOPS;
}

/* The index of a key's slot in a table of the top, and of the middle level. */
static inline size_t iom_radix_top(uint64_t key)
{
	return key >> IOM_RADIX_TOP & (IOM_RADIX_TOPS - 1);
}

static inline size_t iom_radix_middle(uint64_t key)
{
	return key >> IOM_RADIX_MIDDLE & (IOM_RADIX_MIDDLES - 1);
}

static inline bool iom_slot_is_table(iom_slot slot)
{
	return slot & IOM_SLOT_TABLE;
}

static inline const iom_slot *iom_slot_table(iom_slot slot)
{
	return (const iom_slot *)(uintptr_t)slot;
}

/* A key's slot in a table of the last level, which a slot of the middle one points to. */
static inline iom_slot *iom_slot_last(iom_slot slot, uint64_t key)
{
	const uint64_t within = (IOM_RADIX_LASTS - 1) * sizeof(slot);

	return (iom_slot *)(uintptr_t)(slot - IOM_SLOT_TABLE +
				       (key / (IOM_UNIT / sizeof(slot)) & within));
}

/*
 * What a slot, whose range is of 2^shift bytes and which is no table, says of a key; false: it is no
 * leaf.  Each step here waits for the slot, and what waits keeps the next lookup from beginning.
 */
static inline bool iom_slot_read(iom_slot slot, unsigned int shift, uint64_t key, uint64_t *value,
				 uint64_t *contiguous)
{
	const uint64_t mask = (UINT64_C(1) << shift) - 1;
	const uint64_t count = slot & mask >> IOM_SLOT_COUNT_SHIFT << IOM_SLOT_COUNT_SHIFT;

	if (!count)
		return false;
	*value = (slot & ~mask) | (key & mask);
	*contiguous = (count << (IOM_UNIT_SHIFT - IOM_SLOT_COUNT_SHIFT)) - (key & mask);
	return true;
}

/* iom_radix_lookup() from a table of the top level on. */
static inline __attribute__((always_inline)) int
iom_radix_lookup_in(const iom_slot *top, uint64_t key, uint64_t *value, uint64_t *contiguous)
{
	iom_slot slot = iom_slot_load(&top[iom_radix_top(key)]);

	if (!slot)
		return -ENOENT;
	slot = iom_slot_load(iom_slot_table(slot) + iom_radix_middle(key));
	if (iom_slot_is_table(slot)) {
		slot = iom_slot_load(iom_slot_last(slot, key));
		return iom_slot_read(slot, IOM_RADIX_LAST, key, value, contiguous) ? 0 : -ENOENT;
	}
	return iom_slot_read(slot, IOM_RADIX_MIDDLE, key, value, contiguous) ? 0 : -ENOENT;
}

/* The table of the top level for keys that are too wide for the first one, or NULL. */
static inline const iom_slot *iom_radix_far_top(const struct iom_radix *radix, uint64_t key)
{
	const iom_slot *tops = iom_slot_table(iom_slot_load(&radix->far));

	return tops ? iom_slot_table(iom_slot_load(&tops[key >> IOM_RADIX_FAR])) : NULL;
}

/* The value at key, and how many bytes are contiguous from there, at least; or -ENOENT. */
static inline int iom_radix_lookup(const struct iom_radix *radix, uint64_t key, uint64_t *value,
				   uint64_t *contiguous)
{
	const iom_slot *top = radix->top;

	if (key >> IOM_RADIX_FAR) {
		top = iom_radix_far_top(radix, key);
		if (!top)
			return -ENOENT;
	}
	return iom_radix_lookup_in(top, key, value, contiguous);
}

/* Have the slot of a mapping of 2 MiB or more in the cache soon; to look at it would be to wait. */
static inline void iom_radix_prefetch_large(const struct iom_radix *radix, uint64_t key)
{
	iom_slot slot;

	if (key >> IOM_RADIX_FAR)
		return;
	slot = iom_slot_load(&radix->top[iom_radix_top(key)]);
	if (slot)
		__builtin_prefetch(iom_slot_table(slot) + iom_radix_middle(key));
}

/* Have the slot that a lookup of key reads last in the cache soon, if it is in a table of 4 KiB. */
static inline void iom_radix_prefetch(const struct iom_radix *radix, uint64_t key)
{
	iom_slot slot;

	if (key >> IOM_RADIX_FAR)
		return;
	slot = iom_slot_load(&radix->top[iom_radix_top(key)]);
	if (!slot)
		return;
	slot = iom_slot_load(iom_slot_table(slot) + iom_radix_middle(key));
	if (iom_slot_is_table(slot))
		__builtin_prefetch(iom_slot_last(slot, key));
}

#endif
