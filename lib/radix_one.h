/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The writers of radix.h where what they are given is one slot, as it is for most buffers: a page
 * of 2 MiB, or of 4 KiB.  What is not goes their way.
 */
#ifndef IOM_RADIX_ONE_H
#define IOM_RADIX_ONE_H

#include <stdbool.h>

#include "radix.h"

/* What a slot of the middle level stands for. */
#define IOM_RADIX_LARGE (UINT64_C(1) << IOM_RADIX_MIDDLE)

static inline void iom_slot_store(iom_slot *slot, iom_slot value)
{
	__atomic_store_n(slot, value, IOM_SLOT_STORE);
}

/*
 * The slot that stands for [key, key + length) alone; NULL if there are several, or if it is not
 * there yet.  large: the range may be one slot of the middle level.
 */
static inline iom_slot *iom_radix_one(const struct iom_radix *radix, uint64_t key, uint64_t length,
				      bool large)
{
	const iom_slot *top = radix->top;
	iom_slot slot, *at;

	if (key >> IOM_RADIX_FAR) {
		top = iom_radix_far_top(radix, key);
		if (!top)
			return NULL;
	}
	slot = iom_slot_load(&top[iom_radix_top(key)]);
	if (!slot)
		return NULL;
	at = (iom_slot *)(uintptr_t)slot + iom_radix_middle(key);
	slot = iom_slot_load(at);
	if (!iom_slot_is_table(slot))
		return large && length == IOM_RADIX_LARGE ? at : NULL;
	return length == IOM_UNIT ? iom_slot_last(slot, key) : NULL;
}

static inline int iom_radix_claim_one(struct iom_radix *radix, uint64_t key, uint64_t length,
				      uint64_t value, uint64_t *taken)
{
	bool large = !((key | value) & (IOM_RADIX_LARGE - 1));
	iom_slot *slot = iom_radix_one(radix, key, length, large);

	if (!slot || iom_slot_load(slot))
		return iom_radix_claim(radix, key, length, value, taken);
	iom_slot_store(slot, IOM_SLOT_CLAIMED);
	return 0;
}

/* What one slot says of a mapping that it stands for alone. */
static inline iom_slot iom_slot_of(uint64_t value, uint64_t length)
{
	return value | length >> IOM_UNIT_SHIFT << IOM_SLOT_COUNT_SHIFT;
}

/* For what was claimed. */

static inline void iom_radix_publish_one(struct iom_radix *radix, uint64_t key, uint64_t length,
					 uint64_t value)
{
	iom_slot *slot = iom_radix_one(radix, key, length, true);

	if (slot)
		iom_slot_store(slot, iom_slot_of(value, length));
	else
		iom_radix_publish(radix, key, length, value);
}

static inline void iom_radix_withdraw_one(struct iom_radix *radix, uint64_t key, uint64_t length)
{
	iom_slot *slot = iom_radix_one(radix, key, length, true);

	if (slot)
		iom_slot_store(slot, IOM_SLOT_CLAIMED);
	else
		iom_radix_withdraw(radix, key, length);
}

static inline void iom_radix_clear_one(struct iom_radix *radix, uint64_t key, uint64_t length)
{
	iom_slot *slot = iom_radix_one(radix, key, length, true);

	if (slot)
		iom_slot_store(slot, 0);
	else
		iom_radix_clear(radix, key, length);
}

#endif
