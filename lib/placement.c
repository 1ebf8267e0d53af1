// SPDX-License-Identifier: BSD-3-Clause
#include "placement.h"

#include "radix.h"

/* A congruence modulo more than this would only waste address space. */
#define LARGEST_PAGE (UINT64_C(1) << 30)

/* The largest page size that divides everything, 0 if none does. */
static uint64_t usable_page(const struct iom_aperture *a, const struct iom_place *place)
{
	uint64_t whole = place->backing | place->va | place->length;
	uint64_t fits = a->page_sizes & (iom_smallest_page(whole) * 2 - 1);

	return fits ? UINT64_C(1) << (63 - __builtin_clzll(fits)) : 0;
}

/*
 * What the IOMMU has for pages; where the kernel does not tell, those of a page table whose every
 * level is a page full of eight-byte entries, as all in use are.
 */
static uint64_t likely_pages(const struct iom_aperture *a)
{
	uint64_t smallest = iom_smallest_page(a->page_sizes), pages = a->page_sizes, page;

	if (!(a->flags & IOM_APERTURE_LARGER_PAGES) || smallest < IOM_UNIT)
		return pages;
	for (page = smallest; page <= LARGEST_PAGE; page *= smallest / 8)
		pages |= page;
	return pages;
}

/* Whether a whole page of this size lies inside the memory. */
static bool contains_page(const struct iom_place *place, uint64_t page)
{
	uint64_t skip = -(uint64_t)place->va & (page - 1);

	return place->length >= page && place->length - page >= skip;
}

/* What the IOVA must be congruent to the address modulo: a granule that lies inside, or the page. */
static uint64_t least_alignment(const struct iom_place *place, uint64_t page)
{
	return place->granule > page && contains_page(place, place->granule) ? place->granule
									     : page;
}

/* An aperture below the limit, or its part above 4 GiB, page 0 left out, as a fit; false if empty. */
static bool part(const struct iom_aperture *a, const struct iom_place *place, bool high,
		 struct iom_fit *fit)
{
	uint64_t first = a->start, last = a->last;

	if (first < IOM_UNIT)
		first = iom_smallest_page(a->page_sizes);
	if (high && first < IOM_FOUR_GIB)
		first = IOM_FOUR_GIB;
	if (last > place->limit)
		last = place->limit;
	if (first > last)
		return false;
	fit->first = first >> IOM_UNIT_SHIFT;
	/* the limit's own page counts only if the limit is its last byte */
	fit->end = (last >> IOM_UNIT_SHIFT) + ((last & (IOM_UNIT - 1)) == IOM_UNIT - 1);
	return fit->end > fit->first;
}

static bool try_page(const struct iom_aperture_set *apertures, const struct iom_place *place,
		     uint64_t page, bool high, iom_place_fn *try, void *arg)
{
	uint64_t least = least_alignment(place, page), align;
	size_t i;

	for (align = least > LARGEST_PAGE ? least : LARGEST_PAGE; align >= least; align >>= 1) {
		for (i = 0; i < apertures->n; i++) {
			const struct iom_aperture *a = &apertures->v[i];
			struct iom_fit fit;

			if (usable_page(a, place) != page || !part(a, place, high, &fit))
				continue;
			if (align != least &&
			    (!(likely_pages(a) & align) || !contains_page(place, align)))
				continue;
			fit.count = place->length >> IOM_UNIT_SHIFT;
			fit.align = align >> IOM_UNIT_SHIFT;
			fit.phase = (place->va & (align - 1)) >> IOM_UNIT_SHIFT;
			if (try(arg, &fit))
				return true;
		}
	}
	return false;
}

bool iom_placement(const struct iom_aperture_set *apertures, const struct iom_place *place,
		   iom_place_fn *try, void *arg)
{
	uint64_t pages = 0;
	size_t i;

	for (i = 0; i < apertures->n; i++)
		pages |= usable_page(&apertures->v[i], place);
	while (pages) {
		uint64_t page = UINT64_C(1) << (63 - __builtin_clzll(pages));

		if (try_page(apertures, place, page, true, try, arg) ||
		    try_page(apertures, place, page, false, try, arg))
			return true;
		pages &= ~page;
	}
	return false;
}

bool iom_placement_possible(const struct iom_aperture_set *apertures, const struct iom_place *place)
{
	size_t i;

	for (i = 0; i < apertures->n; i++) {
		const struct iom_aperture *a = &apertures->v[i];
		uint64_t first = a->start ? a->start : iom_smallest_page(a->page_sizes);
		uint64_t last = a->last < place->limit ? a->last : place->limit;
		uint64_t page = usable_page(a, place);
		uint64_t skip = (place->va - first) & (least_alignment(place, page) - 1);

		if (page && first <= last && last - first >= skip &&
		    last - first - skip >= place->length - 1)
			return true;
	}
	return false;
}
