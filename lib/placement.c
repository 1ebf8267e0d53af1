// SPDX-License-Identifier: BSD-3-Clause
#include "placement.h"

#include "radix_one.h"

/* A congruence modulo more than this would only waste address space. */
#define LARGEST_PAGE (UINT64_C(1) << 30)

/* The largest page size that divides everything, 0 if none does. */
static uint64_t usable_page(const struct iom_aperture *a, const struct iom_place *place)
{
	uint64_t whole = place->backing | place->va | place->length;
	uint64_t fits = a->page_sizes & (iom_smallest_page(whole) * 2 - 1);

	return fits ? iom_largest_of(fits) : 0;
}

/*
 * What the IOMMU has for pages; where the kernel does not tell, those of a page table whose every
 * level is a page full of eight-byte entries, as all in use are.  And what our own tables have one
 * slot for, even where the IOMMU has an entry for each small page.
 */
static uint64_t likely_pages(const struct iom_aperture *a)
{
	uint64_t smallest = iom_smallest_page(a->page_sizes), pages = a->page_sizes, page;

	if (smallest < IOM_RADIX_LARGE)
		pages |= IOM_RADIX_LARGE;
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

/* Of these page sizes those above least, up to the largest, that the memory has room for. */
static inline uint64_t worthwhile(uint64_t likely, const struct iom_place *place, uint64_t least)
{
	uint64_t most = iom_largest_of(place->length | 1), pages;

	if (most > LARGEST_PAGE)
		most = LARGEST_PAGE;
	if (most <= least)
		return 0;
	pages = likely & (most | (most - 1)) & -(least << 1);
	while (pages && !contains_page(place, iom_largest_of(pages)))
		pages &= ~iom_largest_of(pages);
	return pages;
}

/* The places that are offered for one page size. */
struct choice {
	uint64_t page;   /* the largest usable one of the apertures in question */
	uint64_t least;  /* alignment */
	uint64_t aligns; /* and all that are better than that, as bits */
	bool alike;      /* all apertures are in question, at each alignment */
};

/* Whether all apertures have the same pages; mostly they do. */
static bool are_alike(const struct iom_aperture_set *apertures)
{
	size_t i;

	for (i = 1; i < apertures->n; i++)
		if (apertures->v[i].page_sizes != apertures->v[0].page_sizes ||
		    apertures->v[i].flags != apertures->v[0].flags)
			return false;
	return apertures->n;
}

static bool is_in_question(const struct iom_aperture *a, const struct iom_place *place,
			   const struct choice *choice, uint64_t align)
{
	return usable_page(a, place) == choice->page &&
	       (align == choice->least || likely_pages(a) & align);
}

/* Where it may lie with this alignment. */
static bool try_align(const struct iom_aperture_set *apertures, const struct iom_place *place,
		      const struct choice *choice, uint64_t align, bool high, iom_place_fn *try,
		      void *arg)
{
	struct iom_fit fit = {
		.count = place->length >> IOM_UNIT_SHIFT,
		.align = align >> IOM_UNIT_SHIFT,
		.phase = (place->va & (align - 1)) >> IOM_UNIT_SHIFT,
	};
	size_t i;

	for (i = 0; i < apertures->n; i++) {
		const struct iom_aperture *a = &apertures->v[i];

		if ((choice->alike || is_in_question(a, place, choice, align)) &&
		    part(a, place, high, &fit) && try(arg, &fit))
			return true;
	}
	return false;
}

static bool try_choice(const struct iom_aperture_set *apertures, const struct iom_place *place,
		       const struct choice *choice, bool high, iom_place_fn *try, void *arg)
{
	uint64_t aligns, align;

	for (aligns = choice->aligns; aligns; aligns &= ~align) {
		align = iom_largest_of(aligns);
		if (try_align(apertures, place, choice, align, high, try, arg))
			return true;
	}
	return false;
}

bool iom_placement(const struct iom_aperture_set *apertures, const struct iom_place *place,
		   iom_place_fn *try, void *arg)
{
	const bool alike = are_alike(apertures);
	const size_t kinds = alike ? 1 : apertures->n;
	uint64_t pages = 0;
	size_t i;

	for (i = 0; i < kinds; i++)
		pages |= usable_page(&apertures->v[i], place);
	while (pages) {
		struct choice choice = { .page = iom_largest_of(pages), .alike = alike };

		choice.least = choice.aligns = least_alignment(place, choice.page);
		for (i = 0; i < kinds; i++)
			if (alike || usable_page(&apertures->v[i], place) == choice.page)
				choice.aligns |= worthwhile(likely_pages(&apertures->v[i]), place,
							    choice.least);
		if (try_choice(apertures, place, &choice, true, try, arg) ||
		    try_choice(apertures, place, &choice, false, try, arg))
			return true;
		pages &= ~choice.page;
	}
	return false;
}

/* Whether it is one of those that are preferred to others for memory with pages of this size. */
static bool is_coarse(const struct iom_aperture *a, uint64_t page)
{
	return iom_smallest_page(a->page_sizes) == page;
}

/*
 * The aperture, with others alike perhaps, that all memory with pages as large as its smallest will
 * be in if there is room: no other has such pages.  NULL: there is none.
 */
static const struct iom_aperture *preferred(const struct iom_aperture_set *apertures)
{
	const uint64_t page = iom_aperture_coarsest(apertures);
	const struct iom_aperture *first = NULL;
	size_t i;

	for (i = 0; i < apertures->n; i++) {
		const struct iom_aperture *a = &apertures->v[i];

		if (!is_coarse(a, page)) {
			if (iom_largest_of(a->page_sizes) >= page)
				return NULL;
		} else if (!first) {
			first = a;
		} else if (a->page_sizes != first->page_sizes || a->flags != first->flags) {
			return NULL;
		}
	}
	return first;
}

void iom_alike_prepare(const struct iom_aperture_set *apertures, uint64_t limit,
		       struct iom_alike *alike)
{
	const struct iom_aperture *coarse = preferred(apertures);
	const struct iom_place place = { .limit = limit };
	struct iom_fit fit;
	bool high = false;
	size_t i;

	*alike = (struct iom_alike){ 0 };
	if (!coarse)
		return;
	alike->all = true;
	alike->pages = likely_pages(coarse);
	alike->least = iom_smallest_page(coarse->page_sizes);
	for (i = 0; i < apertures->n; i++)
		high |= is_coarse(&apertures->v[i], alike->least) &&
			part(&apertures->v[i], &place, true, &fit);
	for (i = 0; i < apertures->n; i++) {
		if (!is_coarse(&apertures->v[i], alike->least) ||
		    !part(&apertures->v[i], &place, high, &fit))
			continue;
		alike->all = alike->n < IOM_ALIKE_MAX;
		if (!alike->all)
			return;
		alike->parts[alike->n].first = fit.first;
		alike->parts[alike->n++].end = fit.end;
	}
}

bool iom_alike_fit(const struct iom_alike *alike, const struct iom_place *place,
		   const struct iom_space *space, uint64_t *start)
{
	uint64_t whole = place->va | place->length, least, aligns, align;
	uint64_t fits = alike->pages & (iom_smallest_page(whole) * 2 - 1);
	struct iom_fit fit = { .count = place->length >> IOM_UNIT_SHIFT };
	size_t i;

	if (!fits || place->backing < alike->least)
		return false;
	least = iom_largest_of(fits);
	aligns = least;
	if (place->length > least)
		aligns |= worthwhile(alike->pages, place, least);
	for (; aligns; aligns &= ~align) {
		align = iom_largest_of(aligns);
		fit.align = align >> IOM_UNIT_SHIFT;
		fit.phase = (place->va & (align - 1)) >> IOM_UNIT_SHIFT;
		for (i = 0; i < alike->n; i++) {
			fit.first = alike->parts[i].first;
			fit.end = alike->parts[i].end;
			if (iom_space_fit(space, &fit, start))
				return true;
		}
		/* one that is not known may have room with this alignment */
		if (!alike->all)
			return false;
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
