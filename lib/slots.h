/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The slots of a mapping that is one slot in each radix, as most are, kept from one step of a map or
 * unmap to the next: while they are claimed nobody else touches them, nor the tables they are in.
 */
#ifndef IOM_SLOTS_H
#define IOM_SLOTS_H

#include "domain.h"
#include "radix_one.h"

struct iom_slots {
	iom_slot *by_va, *by_iova; /* NULL, both: it is not one of each */
};

/* Whether it is; no alias. */
static inline bool iom_slots_find(const struct iom_domain *dom, uintptr_t va, uint64_t iova,
				  uint64_t length, struct iom_slots *slots)
{
	bool large = !((va | iova) & (IOM_RADIX_LARGE - 1));

	slots->by_va = iom_radix_one(&dom->by_va, va, length, large);
	slots->by_iova = iom_radix_one(&dom->by_iova, iova, length, large);
	if (slots->by_va && slots->by_iova)
		return true;
	*slots = (struct iom_slots){ NULL, NULL };
	return false;
}

/* Claim both; false: one is taken. */
static inline bool iom_slots_claim(const struct iom_slots *slots)
{
	if (iom_slot_load(slots->by_va) | iom_slot_load(slots->by_iova))
		return false;
	iom_slot_store(slots->by_va, IOM_SLOT_CLAIMED);
	iom_slot_store(slots->by_iova, IOM_SLOT_CLAIMED);
	return true;
}

/* What was claimed. */
static inline void iom_slots_publish(const struct iom_slots *slots, uintptr_t va, uint64_t iova,
				     uint64_t length)
{
	iom_slot_store(slots->by_va, iom_slot_of(iova, length));
	iom_slot_store(slots->by_iova, iom_slot_of(va, length));
}

static inline void iom_slots_withdraw(const struct iom_slots *slots)
{
	iom_slot_store(slots->by_va, IOM_SLOT_CLAIMED);
	iom_slot_store(slots->by_iova, IOM_SLOT_CLAIMED);
}

static inline void iom_slots_clear(const struct iom_slots *slots)
{
	iom_slot_store(slots->by_va, 0);
	iom_slot_store(slots->by_iova, 0);
}

#endif
