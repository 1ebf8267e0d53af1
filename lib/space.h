/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The IOVA space of a domain: one B+tree of everything that occupies a part of it, be it a mapping,
 * a quarantined range or a hole between apertures.  Its leaves list the spans by where they end,
 * with the free gap in front of each, and every node above tells the largest gap below it.  So
 * fixed requests, automatic ones and unmapping all look at the same truth, each in O(log n); a
 * search reads a few cache lines and no span; and removing never allocates.
 *
 * Positions are counted in units of 4 KiB: the whole 64-bit space is 2^52 of them, and an end needs
 * no special case.  The caller serialises all calls, those that only look as well: the space
 * remembers where the last search ended, so that whoever looks before it leaps searches once.
 */
#ifndef IOM_SPACE_H
#define IOM_SPACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "line.h"
#include "pool.h"

#define IOM_SPACE_END (UINT64_C(1) << 52)

enum iom_span_state {
	IOM_SPAN_HOLE,     /* no aperture here; or the end of the space */
	IOM_SPAN_CHANGING, /* a map or unmap of it is in the kernel */
	IOM_SPAN_MAPPED,
	IOM_SPAN_QUARANTINED, /* the kernel did not undo or unmap it */
};

struct iom_span {
	uint64_t start, end; /* end excluded; neither changes while it is in the space */

	/* what a mapping is, besides */
	uint64_t generation;
	uintptr_t va;
	struct iom_file *file;   /* that the library mapped; or NULL */
	struct iom_batch *batch; /* that it was mapped with; or NULL */
	unsigned int flags;      /* IOM_MAP_* */
	uint8_t backing_shift;   /* see iom_span_backing() */
	uint8_t cut_shift;       /* see iom_span_cut() */
	enum iom_span_state state : 8;
	bool only;     /* for one device: it need not be in reach of the others */
	bool streamed; /* a stream's, which the caller does not know */
	bool foreign;  /* a hole in an aperture, because somebody else has mapped something there */
};

_Static_assert(sizeof(struct iom_span) <= IOM_LINE, "an unmap waits for one line, not two");

/* log2 of a page size; 0: of none. */
static inline uint8_t iom_span_shift(uint64_t size)
{
	return size ? (uint8_t)__builtin_ctzll(size) : 0;
}

/* The page size behind va; 0: not known, or not one for all of it. */
static inline uint64_t iom_span_backing(const struct iom_span *span)
{
	return span->backing_shift ? UINT64_C(1) << span->backing_shift : 0;
}

/* It may be cut at multiples of this; 0: nowhere. */
static inline uint64_t iom_span_cut(const struct iom_span *span)
{
	return span->cut_shift ? UINT64_C(1) << span->cut_shift : 0;
}

#define IOM_SPACE_FANOUT 31 /* entries of a node; see find() */
#define IOM_SPACE_LEVELS 16

/* The free units in front of a span, or the most of these below a node: as many or more. */
#define IOM_SPACE_GAP_MANY INT32_MAX

/* From n on, end is UINT64_MAX and gap is 0, so that no search looks at n. */
struct iom_space_node {
	uint64_t end[IOM_SPACE_FANOUT]; /* ascending: a span's, or the last one below a node */
	uint64_t n;
	int32_t gap[IOM_SPACE_FANOUT + 1];
	union iom_space_below {
		struct iom_span *span;
		struct iom_space_node *node;
	} below[IOM_SPACE_FANOUT];
};

struct iom_space {
	struct iom_span sentinel; /* an empty span at the end */
	struct iom_pool nodes;
	unsigned int height; /* of the root; leaves are at 0 */

	/* the leaf where the last search ended, from the root; for units in [from, to) */
	struct iom_space_step {
		struct iom_space_node *node;
		size_t i;
	} path[IOM_SPACE_LEVELS];
	uint64_t from, to;

	struct iom_space_step inserted; /* last, if nothing was removed since */
	struct iom_space_node root;
};

/* Find free room of count units in [first, end) whose start is congruent to phase modulo align. */
struct iom_fit {
	uint64_t first, end;
	uint64_t count;
	uint64_t align, phase; /* align is a power of two, phase is less */
};

void iom_space_init(struct iom_space *space);

/* Forget all spans, which are the caller's; the space can be used again. */
void iom_space_destroy(struct iom_space *space);

/* Whether it was initialised: zeroes are not. */
static inline bool iom_space_exists(const struct iom_space *space)
{
	return space->root.n;
}

/* Make sure that the next n inserts succeed: -ENOMEM. */
int iom_space_reserve(struct iom_space *space, size_t n);

/* Whether that would find nothing to do. */
static inline bool iom_space_has_room(const struct iom_space *space, size_t n)
{
	return n * (space->height + 2) <= space->nodes.n_unused;
}

/* The span with the lowest end that lies behind unit: it contains unit, or comes next. */
struct iom_span *iom_space_at(const struct iom_space *space, uint64_t unit);

/* Each span, ascending, up to the end of the space; none may be removed meanwhile. */
#define iom_space_for_each(space, span)                                        \
	for ((span) = iom_space_at((space), 0); (span)->start < IOM_SPACE_END; \
	     (span) = iom_space_at((space), (span)->end))

/* Whether [start, end) is free. */
bool iom_space_is_free(const struct iom_space *space, uint64_t start, uint64_t end);

/* [span->start, span->end) is free, and there is room for it. */
void iom_space_insert(struct iom_space *space, struct iom_span *span);
void iom_space_remove(struct iom_space *space, const struct iom_span *span);

/*
 * A fit, the lowest one unless many gaps are large enough but lie wrong for the alignment; false if
 * there is none.
 */
bool iom_space_fit(const struct iom_space *space, const struct iom_fit *fit, uint64_t *start);

#endif
