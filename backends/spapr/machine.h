/* SPDX-License-Identifier: BSD-3-Clause */
/* What POWER machine this is, and arithmetic that both kinds need. */
#ifndef IOM_SPAPR_MACHINE_H
#define IOM_SPAPR_MACHINE_H

#include "spapr.h"

enum iom_power_machine {
	IOM_POWER_NONE,
	IOM_POWER_NV,     /* bare metal: firmware is OPAL */
	IOM_POWER_SERIES, /* a guest of PowerVM or KVM */
};

/* As the device tree's root says; or -EMFILE, -EIO: it cannot be read. */
int iom_power_machine(const struct iom_sys *sys);

/* The number of the highest bit that is set. */
static inline unsigned int iom_shift_of(uint64_t x)
{
	return 63 - (unsigned int)__builtin_clzll(x);
}

/* The largest of the page sizes, a bit each, that is not above most; 0 if none is. */
uint64_t iom_largest_page(uint64_t page_sizes, uint64_t most);

/* The least power of two that is not below x; x is at most 2^63. */
uint64_t iom_round_up(uint64_t x);

/* The page of a window that is asked for, the smallest if any will do; -ERANGE if there is none. */
int iom_window_page(const struct iom_spapr_info *info, const struct iom_backend_room *room,
		    uint64_t *page);

/*
 * The size of a window for what is expected, and for a wish for which there was no room: a power of
 * two, and no more entries than can be made and taken down quickly, unless the caller stated so many
 * bytes.  Not a page more, because a hypervisor may have no more than the machine has memory.
 */
uint64_t iom_window_size(const struct iom_backend_plan *plan, const struct iom_backend_wish *wish,
			 uint64_t page);

#endif
