/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What should be so: plain lists of what was mapped, asked for, declared and is in flight, and what they say
 * of a call.  Nothing here is clever: each question is a walk over a list.
 */
#ifndef IOM_TEST_LISTS_H
#define IOM_TEST_LISTS_H

#include "tests/model/alone.h"

#include "tests/conformance/sim/machines.h"
#include "tests/unit/request_rig.h"
#include "tests/unit/stream_rig.h"

#define MOST 24
#define MOST_ASKED 6
#define FLIGHTS 6
#define DECLARED 4
#define DEVICES 2

/* Units of memory, and of IOVAs: in the first zone, and in that where requests lie.  Few, so that calls meet. */
#define PAGES 48
#define ZONE_PAGES 64
#define ZONE (64 * MIB)
#define ASKED_ZONE (512 * MIB)
#define BELOW (256 * MIB)

#define STREAM_BYTES (8 * GRANULE)

/* Bit i of left: unit i of it is mapped still. */
struct mapping {
	struct iom_region r;
	uint64_t left;
	unsigned int batch; /* 0: alone */
};

struct asked {
	uint64_t id, start, length;
	bool automatic, anywhere, granted;
};

struct declaration {
	struct iom_memory *mem; /* NULL: none */
	uint64_t start, length; /* in the memory of streams */
	unsigned int flags;
};

static struct lists {
	uint64_t unit, granule; /* granule: 0, or what may be unmapped apart */
	char *memory;           /* PAGES units; that of streams is elsewhere */
	struct iom_device *devices[DEVICES];
	struct mapping maps[MOST];
	size_t n;
	unsigned int batches;
	struct iom_region stale;
	struct asked asked[MOST_ASKED];
	size_t n_asked;
	uint64_t stale_id;
	struct declaration declared[DECLARED];
	struct iom_stream *stream;
	struct flight flights[FLIGHTS];
} lists;

static const char *const addresses[DEVICES] = { NVME, EDU };

static inline bool meet(uint64_t a, uint64_t a_length, uint64_t b, uint64_t b_length)
{
	return a < b + b_length && b < a + a_length;
}

static inline bool is_attached(void)
{
	return lists.devices[0] || lists.devices[1];
}

/* ---- Mappings --------------------------------------------------------------------------------------- */

static inline uint64_t units_of(const struct mapping *m)
{
	return m->r.length / lists.unit;
}

static inline uint64_t all_of(const struct mapping *m)
{
	return (UINT64_C(1) << units_of(m)) - 1;
}

/* The unit of a mapping that an IOVA lies in, if it is mapped; or -1. */
static inline int unit_at(const struct mapping *m, uint64_t iova)
{
	uint64_t i = (iova - m->r.iova) / lists.unit;

	return iova >= m->r.iova && i < units_of(m) && m->left >> i & 1 ? (int)i : -1;
}

static inline struct mapping *at_iova_of(uint64_t iova)
{
	size_t i;

	for (i = 0; i < lists.n; i++)
		if (unit_at(&lists.maps[i], iova) >= 0)
			return &lists.maps[i];
	return NULL;
}

static inline bool iova_taken(uint64_t iova, uint64_t length)
{
	uint64_t i;
	size_t k;

	for (k = 0; k < lists.n; k++)
		for (i = 0; i < units_of(&lists.maps[k]); i++)
			if (lists.maps[k].left >> i & 1 &&
			    meet(iova, length, lists.maps[k].r.iova + i * lists.unit, lists.unit))
				return true;
	return false;
}

/* Of those that are found by their address; or NULL. */
static inline const struct mapping *at_va(const char *va)
{
	size_t i;

	for (i = 0; i < lists.n; i++) {
		const struct mapping *m = &lists.maps[i];

		if (!(m->r.flags & IOM_MAP_ALIAS) && va >= (char *)m->r.va &&
		    unit_at(m, m->r.iova + (uint64_t)(va - (char *)m->r.va)) >= 0)
			return m;
	}
	return NULL;
}

static inline bool memory_taken(const char *va, uint64_t length)
{
	uint64_t at;

	for (at = 0; at < length; at += lists.unit)
		if (at_va(va + at))
			return true;
	return false;
}

static inline uint64_t mapped_units(void)
{
	uint64_t sum = 0;
	size_t i;

	for (i = 0; i < lists.n; i++)
		sum += (uint64_t)__builtin_popcountll(lists.maps[i].left);
	return sum;
}

/* It goes on where another one of its batch ends. */
static inline bool goes_on(const struct mapping *m)
{
	size_t i;

	for (i = 0; i < lists.n && m->batch; i++)
		if (lists.maps[i].batch == m->batch &&
		    (char *)lists.maps[i].r.va + lists.maps[i].r.length == m->r.va)
			return true;
	return false;
}

/* As the domain counts them: what cuts have left, and runs of a batch. */
static inline uint64_t mapped_parts(void)
{
	uint64_t sum = 0;
	size_t i;

	for (i = 0; i < lists.n; i++) {
		const struct mapping *m = &lists.maps[i];

		sum += (uint64_t)__builtin_popcountll(m->left & ~(m->left << 1)) - goes_on(m);
	}
	return sum;
}

static inline void forget(size_t i)
{
	lists.stale = lists.maps[i].r;
	lists.maps[i] = lists.maps[--lists.n];
}

static inline bool is_in_batch(const struct mapping *m)
{
	size_t i, n = 0;

	for (i = 0; i < lists.n && m->batch; i++)
		n += lists.maps[i].batch == m->batch;
	return n > 1;
}

static inline bool is_within(const struct mapping *m, uint64_t iova, uint64_t length)
{
	return m->r.iova >= iova && m->r.iova + m->r.length <= iova + length;
}

/* A part of it stays that may not stay by itself. */
static inline bool is_cut(const struct mapping *m, uint64_t iova, uint64_t length)
{
	uint64_t last = iova + length;
	size_t i;

	for (i = 0; i < lists.n && m->batch; i++)
		if (lists.maps[i].batch == m->batch && !is_within(&lists.maps[i], iova, length))
			return true;
	/* an end of the range within what is mapped, which is no end of a part, nor a multiple */
	if (unit_at(m, iova) > 0 && unit_at(m, iova - lists.unit) >= 0 &&
	    (!lists.granule || iova % lists.granule))
		return true;
	return unit_at(m, last) > 0 && unit_at(m, last - lists.unit) >= 0 &&
	       (!lists.granule || last % lists.granule);
}

/* What iom_unmap_range() should say. */
static inline int expect_range(uint64_t iova, uint64_t length)
{
	const struct mapping *m;
	uint64_t at;
	size_t i;

	/* from unit to unit of what is there: a window with smaller pages has them at any of these */
	for (at = iova; at < iova + length; at += lists.unit - (at - m->r.iova) % lists.unit) {
		m = at_iova_of(at);
		if (!m)
			return -ENOENT;
	}
	for (i = 0; i < lists.n; i++)
		if (meet(iova, length, lists.maps[i].r.iova, lists.maps[i].r.length) &&
		    is_cut(&lists.maps[i], iova, length))
			return -EINVAL;
	return 0;
}

/* ---- Requests ------------------------------------------------------------------------------------------ */

/* Kept ones that may lie anywhere have no place yet. */
static inline const struct asked *asked_in(uint64_t start, uint64_t length)
{
	size_t i;

	for (i = 0; i < lists.n_asked; i++) {
		const struct asked *rq = &lists.asked[i];

		if ((rq->granted || !rq->anywhere) && meet(start, length, rq->start, rq->length))
			return rq;
	}
	return NULL;
}

static inline bool asked_has(const struct asked *rq, uint64_t start, uint64_t length)
{
	return start >= rq->start && start + length <= rq->start + rq->length;
}

/* ---- Streams ------------------------------------------------------------------------------------------- */

static inline uint64_t stream_offset(const void *va)
{
	return (uint64_t)((const char *)va - memory);
}

static inline const struct declaration *declaration_of(uint64_t start, uint64_t length)
{
	size_t i;

	for (i = 0; i < DECLARED; i++)
		if (lists.declared[i].mem &&
		    meet(start, length, lists.declared[i].start, lists.declared[i].length))
			return &lists.declared[i];
	return NULL;
}

static inline bool flies_in(uint64_t start, uint64_t length)
{
	size_t i;

	for (i = 0; i < FLIGHTS; i++)
		if (lists.flights[i].n && meet(start, length, stream_offset(lists.flights[i].va),
					       lists.flights[i].length))
			return true;
	return false;
}

static inline bool streams_are_idle(void)
{
	return !flies_in(0, STREAM_BYTES) && !declaration_of(0, STREAM_BYTES);
}

/* What is declared for less is all that may not be accessed so. */
static inline bool is_allowed(uint64_t start, uint64_t length, unsigned int flags)
{
	uint64_t at;

	for (at = start; at < start + length; at = (at / lists.unit + 1) * lists.unit) {
		const struct declaration *d = declaration_of(at, 1);

		if (d && flags & ~d->flags)
			return false;
	}
	return true;
}

#endif
