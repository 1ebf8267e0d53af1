// SPDX-License-Identifier: BSD-3-Clause
#include "request_place.h"

#include <errno.h>
#include <inttypes.h>

#include "error.h"
#include "placement.h"
#include "request.h"

uint64_t iom_request_pages(const struct iom_aperture *a, uint64_t start, uint64_t length,
			   uint64_t page)
{
	uint64_t smallest = a ? iom_smallest_page(a->page_sizes) : 0;

	if (!smallest || (a->flags & IOM_APERTURE_REQUESTED) || ((start | length) & (smallest - 1)))
		return 0;
	if (!page)
		return a->page_sizes;
	return page < smallest ? 0 : page | (a->page_sizes & -page);
}

void iom_request_name(const struct iom_backend_room *room)
{
	if (room->anywhere)
		iom_error_set_prefix("0x%" PRIx64 " bytes anywhere: ", room->length);
	else
		iom_error_set_prefix("IOVA 0x%" PRIx64 " to 0x%" PRIx64 ": ", room->start,
				     room->start + room->length - 1);
}

/* ---- What is in the way ---------------------------------------------------------------------- */

/* The first mapped or quarantined span in [start, end), in units; or NULL. */
static const struct iom_span *occupant(const struct iom_domain *dom, uint64_t start, uint64_t end)
{
	const struct iom_span *span;

	for (span = iom_space_at(&dom->space, start); span->start < end;
	     span = iom_space_at(&dom->space, span->end)) {
		if (span->state != IOM_SPAN_HOLE)
			return span;
		if (span->end >= IOM_SPACE_END)
			break;
	}
	return NULL;
}

static int is_occupied(const struct iom_domain *dom, uint64_t start, uint64_t last, int err)
{
	const struct iom_span *span =
		occupant(dom, start >> IOM_UNIT_SHIFT, (last >> IOM_UNIT_SHIFT) + 1);

	if (!span)
		return 0;
	return iom_error(err, "IOVA 0x%" PRIx64 " to 0x%" PRIx64 " is %s%s", iom_span_iova(span),
			 iom_span_iova(span) + iom_span_length(span) - 1,
			 span->state == IOM_SPAN_QUARANTINED ? "quarantined" : "mapped",
			 err == -EBUSY ? " in it" : " already");
}

int iom_request_is_empty(const struct iom_domain *dom, uint64_t start, uint64_t last)
{
	return is_occupied(dom, start, last, -EBUSY);
}

static int meets(uint64_t start, uint64_t last, uint64_t others_start, uint64_t others_last)
{
	if (last < others_start || start > others_last)
		return 0;
	return iom_error(-EEXIST,
			 "it meets what was requested before, IOVA 0x%" PRIx64 " to 0x%" PRIx64,
			 others_start, others_last);
}

int iom_request_collides(const struct iom_domain *dom, const struct iom_backend_room *room)
{
	uint64_t start = room->start, last = start + room->length - 1;
	const struct iom_request *rq;
	int ret = 0;

	for (rq = dom->requests; rq && !ret; rq = rq->next) {
		if (rq->granted)
			ret = meets(start, last, rq->aperture.start, rq->aperture.last);
		else if (!rq->room.anywhere)
			ret = meets(start, last, rq->room.start,
				    rq->room.start + rq->room.length - 1);
	}
	if (!ret)
		ret = is_occupied(dom, start, last, -EEXIST);
	if (ret < 0)
		iom_request_name(room);
	return ret;
}

/* ---- A fixed place --------------------------------------------------------------------------- */

/* Why no aperture contains [start, last]. */
static int explain_gap(const struct iom_aperture_set *set, uint64_t start, uint64_t last)
{
	uint64_t top = set->v[set->n - 1].last, hole = 0;
	size_t i;

	if (last > top)
		return iom_error(-ERANGE,
				 "the last IOVA that the IOMMU translates here is 0x%" PRIx64, top);
	for (i = 0; set->v[i].last < start || (set->v[i].start <= start && i + 1 < set->n); i++)
		hole = set->v[i].last + 1;
	if (hole == set->v[i].start)
		return iom_error(-ERANGE, "two apertures meet at IOVA 0x%" PRIx64, hole);
	return iom_error(-ERANGE,
			 "IOVA 0x%" PRIx64 " to 0x%" PRIx64
			 " is a hole, which the IOMMU does not translate; request what lies below "
			 "and above it",
			 hole, set->v[i].start - 1);
}

static int has_page(const struct iom_aperture *a, const struct iom_backend_room *room, bool exact)
{
	uint64_t smallest = iom_smallest_page(a->page_sizes);

	if (room->page && room->page < smallest)
		return iom_error(-ERANGE,
				 "the IOMMU's smallest page there is %" PRIu64 ", not %" PRIu64,
				 smallest, room->page);
	if ((room->start | room->length) & (smallest - 1))
		return iom_error(-EINVAL, "start and length must be multiples of %" PRIu64,
				 smallest);
	if (exact && room->page && !(a->page_sizes & room->page))
		return iom_error(-ERANGE, "the IOMMU has no pages of %" PRIu64 " there",
				 room->page);
	return 0;
}

int iom_request_in_reach(const struct iom_view *view, const struct iom_backend_room *room)
{
	if (room->anywhere || room->start + room->length - 1 <= view->reach)
		return 0;
	return iom_error(-ERANGE, "the narrowest device drives IOVAs up to 0x%" PRIx64,
			 view->reach);
}

static int place_fixed(const struct iom_view *view, const struct iom_backend_room *room, bool exact,
		       struct iom_aperture *aperture)
{
	uint64_t last = room->start + room->length - 1;
	const struct iom_aperture *a;
	int ret;

	a = iom_aperture_containing(&view->apertures, room->start, last);
	if (!a)
		return explain_gap(&view->apertures, room->start, last);
	ret = has_page(a, room, exact);
	if (ret < 0)
		return ret;
	*aperture =
		(struct iom_aperture){ room->start, last,
				       iom_request_pages(a, room->start, room->length, room->page),
				       a->flags };
	return 0;
}

/* ---- Any place ------------------------------------------------------------------------------- */

struct finder {
	const struct iom_domain *dom;
	uint64_t start;
};

/* The lowest room for a fit that nothing occupies: holes of the domain may be apertures by now. */
static bool try_fit(void *arg, const struct iom_fit *fit)
{
	struct finder *finder = arg;
	uint64_t start = fit->first;
	const struct iom_span *span;

	do {
		start = (start + fit->align - 1) & ~(fit->align - 1);
		if (start >= fit->end || fit->end - start < fit->count)
			return false;
		span = occupant(finder->dom, start, start + fit->count);
		finder->start = start;
		start = span ? span->end : start;
	} while (span);
	return true;
}

/* Where automatic IOVAs may lie, with the page, and not requested by anybody. */
static int list_candidates(const struct iom_view *view, const struct iom_backend_room *room,
			   bool exact, struct iom_aperture_set *set)
{
	size_t i;
	int ret = 0;

	*set = (struct iom_aperture_set){ 0 };
	for (i = 0; i < view->automatic.n && !ret; i++) {
		const struct iom_aperture *a = &view->automatic.v[i];

		if (iom_request_pages(a, 0, room->length, room->page) &&
		    (!exact || !room->page || (a->page_sizes & room->page)))
			ret = iom_aperture_add(set, a->start, a->last, a->page_sizes, a->flags);
	}
	if (ret < 0)
		iom_aperture_free(set);
	return ret;
}

static int place_anywhere(const struct iom_domain *dom, const struct iom_view *view,
			  const struct iom_backend_room *room, bool exact,
			  struct iom_aperture *aperture)
{
	const struct iom_place place = {
		.length = room->length,
		.backing = UINT64_C(1) << 63,
		.granule = room->page,
		.limit = view->reach,
	};
	struct finder finder = { .dom = dom };
	struct iom_aperture_set set;
	const struct iom_aperture *a;
	bool found, possible;
	uint64_t start;
	int ret;

	ret = list_candidates(view, room, exact, &set);
	if (ret < 0)
		return ret;
	found = iom_placement(&set, &place, try_fit, &finder);
	possible = found || iom_placement_possible(&set, &place);
	iom_aperture_free(&set);
	if (!possible)
		return iom_error(-ERANGE, "no aperture with such pages has so much room");
	if (!found)
		return iom_error(-ENOSPC,
				 "no aperture has so much free room; unmap something first");
	start = finder.start << IOM_UNIT_SHIFT;
	a = iom_aperture_containing(&view->apertures, start, start + room->length - 1);
	*aperture = (struct iom_aperture){ start, start + room->length - 1,
					   iom_request_pages(a, start, room->length, room->page),
					   a->flags };
	return 0;
}

int iom_request_place(const struct iom_domain *dom, const struct iom_view *view,
		      const struct iom_backend_room *room, bool exact,
		      struct iom_aperture *aperture)
{
	int ret;

	if (room->anywhere)
		return place_anywhere(dom, view, room, exact, aperture);
	ret = is_occupied(dom, room->start, room->start + room->length - 1, -EEXIST);
	return ret < 0 ? ret : place_fixed(view, room, exact, aperture);
}
