/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A lock-free map from addresses to addresses: VA to IOVA, and IOVA to VA.
 *
 * Four levels, cut at 2 MiB, 1 GiB and 8 TiB whatever the page size, so that the parts of a large
 * mapping in which key and value are aligned alike are single slots.  The smallest unit is 4 KiB:
 * larger pages that are no level are slots repeated.
 *
 * A slot is one atomic word, and everything that a reader needs is in it: readers never touch
 * memory that is freed before the domain closes.
 *
 *	0                          empty
 *	table pointer              bits 0 and 1 are clear
 *	value | count << 2 | LEAF  the address that this slot's range maps to, aligned to its size; in
 *	                           the bits below: how many 4 KiB are contiguous from the slot's
 *	                           beginning, saturating
 *	CLAIMED                    spoken for by a map or unmap under way; a miss to readers
 *
 * Loads are relaxed: tables start as zeros from the kernel and all that is stored in them is
 * atomic, so a reader that was told of a mapping (with any synchronisation at all) sees it.
 */
#ifndef IOM_RADIX_H
#define IOM_RADIX_H

#include <errno.h>
#include <stddef.h>
#include <stdint.h>

#include "sys.h"

#define IOM_UNIT_SHIFT 12
#define IOM_UNIT (UINT64_C(1) << IOM_UNIT_SHIFT)

#define IOM_RADIX_LEVELS 4

#define IOM_SLOT_LEAF UINT64_C(1)
#define IOM_SLOT_CLAIMED UINT64_C(2)
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
	const struct iom_sys *sys;
	struct iom_radix_chunk *chunks; /* what the other tables are cut from */
	unsigned int key_bits;
};

/* The first address bit that each level's index covers; the level above begins where it ends. */
static const unsigned char iom_radix_shift[IOM_RADIX_LEVELS] = { 12, 21, 30, 43 };

/* Keys are below 2^key_bits, 44 to 64 bits. */
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

/*
 * The value at key, and how many bytes are contiguous from there, at least; or -ENOENT.
 */
static inline int iom_radix_lookup(const struct iom_radix *radix, uint64_t key, uint64_t *value,
				   uint64_t *contiguous)
{
	const iom_slot *table = radix->top;
	unsigned int level = IOM_RADIX_LEVELS - 1;
	unsigned int shift = iom_radix_shift[IOM_RADIX_LEVELS - 1];
	uint64_t index, mask;
	iom_slot slot;

	if (radix->key_bits < 64 && key >> radix->key_bits)
		return -ENOENT;
	index = key >> shift;
	for (;;) {
		slot = __atomic_load_n(&table[index], IOM_SLOT_LOAD);
		if (slot & IOM_SLOT_LEAF)
			break;
		if (!slot || slot == IOM_SLOT_CLAIMED)
			return -ENOENT;
		table = (const iom_slot *)(uintptr_t)slot;
		index = key & ((UINT64_C(1) << shift) - 1);
		shift = iom_radix_shift[--level];
		index >>= shift;
	}
	mask = (UINT64_C(1) << shift) - 1;
	*value = (slot & ~mask) | (key & mask);
	*contiguous = ((slot & mask) >> IOM_SLOT_COUNT_SHIFT << IOM_UNIT_SHIFT) - (key & mask);
	return 0;
}

#endif
