/* SPDX-License-Identifier: BSD-3-Clause */
/* What the ways to unmap share.  The table lock is held. */
#ifndef IOM_UNMAP_H
#define IOM_UNMAP_H

#include "domain.h"

/* A range of IOVAs, in the units of the space. */
struct iom_units {
	uint64_t start, end;
};

/* A region's, whatever a caller may have written into it. */
struct iom_units iom_region_units(const struct iom_region *region);

/* Let readers miss a mapping, and other writers wait. */
void iom_span_withdraw(struct iom_domain *dom, struct iom_span *span);

/*
 * Unmap what was withdrawn, which is all that there is in the range, with one kernel call: only
 * then is its IOVA free.  Freed before, it could be mapped anew by another thread and then cleared
 * by our call.  The table lock is let go during the kernel's call.  -EIO: all of it is quarantined.
 */
int iom_units_unmap(struct iom_domain *dom, const struct iom_units *units);

/* -EIO, with a sentence. */
int iom_span_is_quarantined(const struct iom_span *span);

/* -EINVAL, with a sentence: it would be taken out of its batch. */
int iom_span_is_part(const struct iom_span *span);

/*
 * Unmap what iom_unmap_range() has left of a region, or a part of a mapping of a batch that may be
 * cut: what there is, and -EIO if something was quarantined before.  topology is held, too.
 */
int iom_unmap_parts(struct iom_domain *dom, const struct iom_region *region);

#endif
