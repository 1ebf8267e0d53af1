/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Where a mapping may be cut.  With a granule, parts of a mapping may be unmapped that begin and
 * end at IOVAs that are multiples of it.  No kernel cuts what it was given whole (SPAPR apart), so
 * such a mapping is given to it in pieces, and the translation tables have no entry that spans two.
 */
#ifndef IOM_PIECES_H
#define IOM_PIECES_H

#include "domain.h"
#include "populate.h"

/*
 * Map a range by as many kernel calls as it has pieces: all or nothing.  cut is the span's.
 * backing 0: not known, or not of one size.  progress may be NULL.  topology is held.
 */
int iom_pieces_map(struct iom_domain *dom, const struct iom_backend_map *map, uint64_t cut,
		   struct iom_progress *progress, bool *left);

/*
 * Unmap in the kernel what was mapped before a map failed with err: the error stays that one, with
 * its sentence, unless this fails as well: -EIO, and *left.
 */
int iom_pieces_undo(struct iom_domain *dom, uint64_t iova, uint64_t length, int err, bool *left);

/* iom_radix_claim() piece by piece; all or nothing.  The span's IOVA tells where the cuts are. */
int iom_pieces_claim(const struct iom_span *span, struct iom_radix *radix, uint64_t key,
		     uint64_t value, uint64_t *taken);

/* How many of the kernel's mappings a span is. */
static inline uint64_t iom_pieces_count(const struct iom_span *span)
{
	uint64_t iova = iom_span_iova(span), last = iova + iom_span_length(span) - 1;

	if (!span->cut_shift)
		return 1;
	return (last >> span->cut_shift) - (iova >> span->cut_shift) + 1;
}

/* Whether a mapping may be cut there. */
static inline bool iom_pieces_may_cut(const struct iom_span *span, uint64_t iova)
{
	return span->cut_shift && !(iova & (iom_span_cut(span) - 1));
}

/* Whether a mapping lies on both sides of unit. */
bool iom_pieces_cuts(const struct iom_domain *dom, uint64_t unit);

/*
 * Make two of the mapping that lies on both sides of unit, if there is one: the pool has a node
 * left, and a cut is allowed there.  The table lock is held.
 */
void iom_pieces_cut(struct iom_domain *dom, uint64_t unit);

#endif
