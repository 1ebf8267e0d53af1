/* SPDX-License-Identifier: BSD-3-Clause */
/* Batches: mappings that are made, and given back, together. */
#ifndef IOM_BATCH_H
#define IOM_BATCH_H

#include "domain.h"

/*
 * What mappings belong to that share a generation.  Under the table lock; it ends with the last of
 * its spans.
 */
struct iom_batch {
	uint64_t spans;
	uint64_t total; /* units in them, if it is unmapped only as a whole; else 0 */
	uint64_t seen;  /* units that a call under way would unmap; else 0 */
};

/* Whether a call that would unmap the span, and has counted all that it would, has only a part. */
static inline bool iom_batch_is_part(const struct iom_span *span)
{
	const struct iom_batch *batch = span->batch;

	return batch && batch->total && batch->seen != batch->total;
}

/* A span is no part of its batch any more.  The table lock is held. */
void iom_batch_leave(struct iom_domain *dom, struct iom_span *span);

/*
 * Unmap regions as iom_unmapv() does, with a sentence on failure; they are sorted in place.  Either
 * those of streams or all others: neither sees what is the other's.  topology is held, for reading
 * or writing, and the table lock is not.
 */
int iom_unmap_regions(struct iom_domain *dom, struct iom_region *regions, size_t n, bool streamed);

#endif
