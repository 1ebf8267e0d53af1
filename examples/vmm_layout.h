/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Where guest RAM can be, between the holes of the host's IOMMU.
 */
#ifndef VMM_LAYOUT_H
#define VMM_LAYOUT_H

#include <stdint.h>

#include <libiommu.h>

/* Guest physical addresses. */
struct vmm_range {
	uint64_t start;
	uint64_t length;
};

/*
 * Place length bytes of RAM from start on, as low as possible, in what lies in apertures and ends
 * at or before last.  Each part begins and ends at multiples of unit, a power of two.  Fills at
 * most max parts, ascending, and returns how many; their lengths add up to less than length where
 * there is no more room.
 */
int vmm_layout_place(const struct iom_aperture *apertures, int n, uint64_t start, uint64_t last,
		     uint64_t length, uint64_t unit, struct vmm_range *parts, int max);

#endif /* VMM_LAYOUT_H */
