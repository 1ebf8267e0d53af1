/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The IOVA space of a domain: one balanced tree of everything that occupies a part of it, be it a
 * mapping, a quarantined range or a hole between apertures.  Each node knows the free gap in front
 * of it and the largest gap below it, so that fixed requests, automatic ones and unmapping all look
 * at the same truth, each in O(log n), and freeing never allocates.
 *
 * Positions are counted in units of 4 KiB: the whole 64-bit space is 2^52 of them, and an end needs
 * no special case.  The caller serialises all calls.
 */
#ifndef IOM_SPACE_H
#define IOM_SPACE_H

#include <stdbool.h>
#include <stdint.h>

#define IOM_SPACE_END (UINT64_C(1) << 52)

enum iom_span_state {
	IOM_SPAN_HOLE,     /* no aperture here; or the end of the space */
	IOM_SPAN_CHANGING, /* a map or unmap of it is in the kernel */
	IOM_SPAN_MAPPED,
	IOM_SPAN_QUARANTINED, /* the kernel did not undo or unmap it */
};

struct iom_span {
	struct iom_span *left, *right;
	uint64_t start, end; /* end excluded */
	uint64_t gap;        /* free in front of it */
	uint64_t max_gap;    /* in its subtree */

	/* what a mapping is, besides */
	uint64_t generation;
	uintptr_t va;
	unsigned int flags; /* IOM_MAP_* */
	enum iom_span_state state;
	uint64_t backing;      /* the page size behind va; 0: not known, or not one for all of it */
	uint64_t cut;          /* it may be cut at multiples of this; 0: nowhere */
	bool only;             /* for one device: it need not be in reach of the others */
	struct iom_file *file; /* that the library mapped; or NULL */
};

struct iom_space {
	struct iom_span *root;
	struct iom_span sentinel; /* an empty span at the end */
};

/* Find free room of count units in [first, end) whose start is congruent to phase modulo align. */
struct iom_fit {
	uint64_t first, end;
	uint64_t count;
	uint64_t align, phase; /* align is a power of two, phase is less */
};

void iom_space_init(struct iom_space *space);

/* The span with the lowest end that lies behind unit: it contains unit, or comes next. */
struct iom_span *iom_space_at(const struct iom_space *space, uint64_t unit);

/* Each span, ascending, up to the end of the space; none may be removed meanwhile. */
#define iom_space_for_each(space, span)                                        \
	for ((span) = iom_space_at((space), 0); (span)->start < IOM_SPACE_END; \
	     (span) = iom_space_at((space), (span)->end))

/* Whether [start, end) is free. */
bool iom_space_is_free(const struct iom_space *space, uint64_t start, uint64_t end);

/* [span->start, span->end) is free. */
void iom_space_insert(struct iom_space *space, struct iom_span *span);
void iom_space_remove(struct iom_space *space, struct iom_span *span);

/*
 * A fit, the lowest one unless many gaps are large enough but lie wrong for the alignment; false if
 * there is none.
 */
bool iom_space_fit(const struct iom_space *space, const struct iom_fit *fit, uint64_t *start);

#endif
