/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What can be mapped with the devices at hand, as the kernel and sysfs tell it: read first, checked
 * against what is mapped, and then made the domain's own at once.  topology is held for writing.
 */
#ifndef IOM_VIEW_H
#define IOM_VIEW_H

#include "domain.h"

struct iom_view {
	struct iom_aperture_set reported;  /* by the backend */
	struct iom_aperture_set apertures; /* these, and requested ones cut out of them */
	struct iom_aperture_set automatic; /* less what PCI functions and bridges decode */
	uint64_t page_size;
	uint64_t coarsest; /* unit of an aperture */
	uint64_t reach;    /* the last IOVA that all devices can drive */
};

/* With these devices, which the backend has attached; on failure the view is empty. */
int iom_view_read(const struct iom_domain *dom, const struct iom_device *devices,
		  struct iom_view *view);

/* -EBUSY, with a sentence, if a mapping would be out of reach. */
int iom_view_check(const struct iom_domain *dom, const struct iom_view *view);

/*
 * No piece is smaller than the IOMMU's pages.  For ever: what is mapped meanwhile is not cut any
 * finer by the kernel.
 */
void iom_view_raise_granule(struct iom_domain *dom, const struct iom_view *view);

/* Make it the domain's, which then owns its parts; -ENOMEM, and nothing has changed. */
int iom_view_commit(struct iom_domain *dom, struct iom_view *view);

/* Read it and make it the domain's, after the backend has changed what there is. */
int iom_view_refresh(struct iom_domain *dom);

/*
 * Have the backend make one more aperture, if it still wants to: another thread may have come
 * first, or the device gone.  A refusal is logged, and kept for those who then have no room.
 */
int iom_view_widen(struct iom_domain *dom, const struct iom_backend_wish *wish);

/* Have it make at once what the caller expects; where it cannot, what there is must do. */
void iom_view_widen_as_expected(struct iom_domain *dom);

void iom_view_forget_narrow(struct iom_domain *dom);

void iom_view_free(struct iom_view *view);

#endif
