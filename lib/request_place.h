/* SPDX-License-Identifier: BSD-3-Clause */
/* Where a requested aperture lies, in a view that has those that were granted before. */
#ifndef IOM_REQUEST_PLACE_H
#define IOM_REQUEST_PLACE_H

#include "domain.h"
#include "view.h"

/*
 * The page sizes that [start, start + length) has within an aperture (or NULL), from page (0: the
 * smallest) up; 0 if it cannot lie there.
 */
uint64_t iom_request_pages(const struct iom_aperture *a, uint64_t start, uint64_t length,
			   uint64_t page);

/*
 * Find its place; exact: only where the IOMMU has pages of this very size.  -EEXIST, -EINVAL,
 * -ERANGE, -ENOSPC or -ENOMEM, with a sentence.
 */
int iom_request_place(const struct iom_domain *dom, const struct iom_view *view,
		      const struct iom_backend_room *room, bool exact,
		      struct iom_aperture *aperture);

/* -ERANGE, with a sentence, if a fixed one is more than the devices can drive. */
int iom_request_in_reach(const struct iom_view *view, const struct iom_backend_room *room);

/* -EEXIST, with a sentence, if a fixed one meets another request, or what is mapped. */
int iom_request_collides(const struct iom_domain *dom, const struct iom_backend_room *room);

/* -EBUSY, with a sentence, if something is mapped or quarantined in the range. */
int iom_request_is_empty(const struct iom_domain *dom, uint64_t start, uint64_t last);

/* Put in front of the sentence which request failed. */
void iom_request_name(const struct iom_backend_room *room);

#endif
