/* SPDX-License-Identifier: BSD-3-Clause */
/* Sets of apertures, as a backend reports them and as the domain keeps them. */
#ifndef IOM_APERTURE_H
#define IOM_APERTURE_H

#include <stdbool.h>
#include <stddef.h>

#include "libiommu.h"

/* What devices of 32 bits reach; kept for them where there is more. */
#define IOM_FOUR_GIB (UINT64_C(1) << 32)

struct iom_aperture_set {
	struct iom_aperture *v;
	size_t n;
};

/* -ENOMEM. */
int iom_aperture_add(struct iom_aperture_set *set, uint64_t start, uint64_t last,
		     uint64_t page_sizes, uint64_t flags);

/*
 * Sort, cut each aperture to whole pages of its smallest size, drop what is left empty, and join
 * neighbours that are alike, but not requested ones.  -EIO, with a sentence, if two overlap or one has no usable page size.
 */
int iom_aperture_normalize(struct iom_aperture_set *set);

/* Take [start, last] out; the set is then to be normalized.  -ENOMEM. */
int iom_aperture_cut(struct iom_aperture_set *set, uint64_t start, uint64_t last);

/* The same of a normalized set, which is one again afterwards. */
int iom_aperture_subtract(struct iom_aperture_set *set, uint64_t start, uint64_t last);

/* -ENOMEM. */
int iom_aperture_copy(const struct iom_aperture_set *set, struct iom_aperture_set *copy);

void iom_aperture_free(struct iom_aperture_set *set);

/* The one that contains [start, last], or NULL.  The set is normalized. */
const struct iom_aperture *iom_aperture_containing(const struct iom_aperture_set *set,
						   uint64_t start, uint64_t last);

/* Whether [start, start + length) lies within one, in whole pages of it, and so does the memory. */
bool iom_aperture_takes(const struct iom_aperture_set *set, uint64_t start, uint64_t length,
			uint64_t va);

/* The smallest page of all: no mapping is smaller; 0 if empty. */
uint64_t iom_aperture_unit(const struct iom_aperture_set *set);

/* The largest of the apertures' smallest pages. */
uint64_t iom_aperture_coarsest(const struct iom_aperture_set *set);

/* The smallest page size of an aperture. */
static inline uint64_t iom_smallest_page(uint64_t page_sizes)
{
	return page_sizes & -page_sizes;
}

/* page_sizes is not 0. */
static inline uint64_t iom_largest_of(uint64_t page_sizes)
{
	return UINT64_C(1) << (63 - __builtin_clzll(page_sizes));
}

#endif
