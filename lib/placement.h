/* SPDX-License-Identifier: BSD-3-Clause */
/* Where a piece of memory should go: a pure function of the memory, the apertures and the limit. */
#ifndef IOM_PLACEMENT_H
#define IOM_PLACEMENT_H

#include <stdbool.h>
#include <stdint.h>

#include "aperture.h"
#include "space.h"

struct iom_place {
	uintptr_t va;
	uint64_t length;
	uint64_t backing; /* the page size behind the memory */
	uint64_t limit;   /* the last IOVA that may be used */
	uint64_t granule; /* 0, or a part that may be unmapped apart: keep those aligned */
};

/* Try one fit; true ends the search. */
typedef bool iom_place_fn(void *arg, const struct iom_fit *fit);

/*
 * Offer places, best first, until one is taken; whether one was.  The order:
 *
 *	1. the aperture with the largest page size that divides the backing page, va and length;
 *	2. above 4 GiB, so that what lies below is kept for devices that reach no further;
 *	3. congruent to va modulo the largest huge page that lies inside the memory, so that the IOMMU
 *	   can use its large pages there; then modulo smaller ones.  At least modulo the
 *	   granule, if one lies inside, so that what is a multiple of it in va is one in IOVA;
 *	4. the lowest address, but never page 0.
 */
bool iom_placement(const struct iom_aperture_set *apertures, const struct iom_place *place,
		   iom_place_fn *try, void *arg);

#define IOM_ALIKE_MAX 8

/*
 * What is the same for each placement where all apertures have the same pages, as mostly they do, or
 * some have larger ones than all others, for memory with pages as large:
 * their parts above 4 GiB and below a limit; or, if there are none, all that is below it.
 */
struct iom_alike {
	size_t n;       /* parts; 0: there are none, or the apertures differ */
	bool all;       /* there are no more than these, which are the lowest */
	uint64_t pages; /* that the IOMMU has, most likely */
	uint64_t least; /* the smallest of these */
	struct {
		uint64_t first, end;
	} parts[IOM_ALIKE_MAX];
};

void iom_alike_prepare(const struct iom_aperture_set *apertures, uint64_t limit,
		       struct iom_alike *alike);

/*
 * The place that would be taken by iom_placement() of what that offers there, with that limit and no
 * granule, congruent modulo the largest page that divides address and length; of less than 1 GiB,
 * above which that asks for no larger page.  False: none of these is free, or it cannot be said.
 */
bool iom_alike_fit(const struct iom_alike *alike, const struct iom_place *place,
		   const struct iom_space *space, uint64_t *start);

/* Whether the memory would fit into one of the apertures if all were empty. */
bool iom_placement_possible(const struct iom_aperture_set *apertures,
			    const struct iom_place *place);

#endif
