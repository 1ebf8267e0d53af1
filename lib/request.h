/* SPDX-License-Identifier: BSD-3-Clause */
/* Apertures that the caller asked for: kept, granted by the devices at hand, and held against more. */
#ifndef IOM_REQUEST_H
#define IOM_REQUEST_H

#include "domain.h"
#include "view.h"

struct iom_request {
	struct iom_request *next;
	uint64_t id;
	struct iom_backend_room room;
	bool automatic;               /* IOM_APERTURE_AUTO */
	bool granted;                 /* aperture is valid */
	bool fresh;                   /* granted by what may yet fail */
	bool made;                    /* and in what the backend made for it */
	struct iom_aperture aperture; /* as it was granted */
};

/* Make apertures of the granted ones in a view; -EBUSY, with a sentence, if one is not whole there. */
int iom_requests_apply(const struct iom_domain *dom, struct iom_view *view);

/* Take out of the view's automatic apertures those that are for fixed IOVAs. */
int iom_requests_reserve(const struct iom_domain *dom, struct iom_view *view);

/*
 * Grant all that are not, with these devices, which the backend has attached, and read the view
 * anew.  On failure none of them is granted, and the view is empty.  On success iom_requests_keep()
 * or iom_requests_revoke() follows.
 */
int iom_requests_grant(struct iom_domain *dom, const struct iom_device *devices,
		       struct iom_view *view);
void iom_requests_keep(struct iom_domain *dom);

/* Take back what was granted since, and have the backend hold what is left. */
void iom_requests_revoke(struct iom_domain *dom);

/* Whether one has been granted: the next attach must have it at the same place. */
bool iom_requests_granted(const struct iom_domain *dom);

void iom_requests_free(struct iom_domain *dom);

#endif
