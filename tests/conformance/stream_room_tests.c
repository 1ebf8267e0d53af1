// SPDX-License-Identifier: BSD-3-Clause
/* Streams where there is less room than memory: a window of 64 MiB, a limit on what is locked. */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "request.h"
#include "stream.h"

#define BITS 26 /* that the device can drive: 64 MiB */

/* Of the 32 granules that it has room for, page 0 and the rig's own may take some. */
#define FIT 26

/* A narrow device, a stream, and declared memory. */
struct narrow {
	struct rig rig;
	struct iom_stream *stream;
	struct iom_memory *mem;
	uint64_t n; /* granules */
	char *p;
};

static enum outcome set(struct fixture *f, struct narrow *s, uint64_t length)
{
	TRY(open_narrow(f, &s->rig, BITS));
	s->n = length / GRANULE;
	s->p = room(length, PROT_READ | PROT_WRITE);
	OK(iom_memory_add(f->dom, s->p, length, IOM_MAP_RW, &s->mem));
	OK(iom_stream_open(f->dom, &s->stream));
	return PASS;
}

static enum outcome over(struct narrow *s)
{
	iom_stream_close(s->stream);
	OK(iom_memory_remove(s->mem));
	rig_release(&s->rig);
	return PASS;
}

static char *granule(const struct narrow *s, uint64_t i)
{
	return s->p + i * GRANULE;
}

/* Have granules used, one after the other, so that they stay mapped. */
static enum outcome warm_up(struct fixture *f, struct narrow *s, struct iom_stream *stream,
			    uint64_t first, uint64_t n)
{
	struct flight flight;
	uint64_t i;

	for (i = first; i < first + n; i++) {
		TRY(takes_off(f, stream, granule(s, i), GRANULE, &flight));
		TRY(lands(stream, &flight));
	}
	return PASS;
}

/* ---- Working sets ------------------------------------------------------------------------------ */

/* What the device is to write into buffer i in this round, at its start and its end. */
static void mark(unsigned char *bytes, uint64_t i, unsigned int round)
{
	uint64_t x = (i * 2 + round + 1) * UINT64_C(0x9e3779b97f4a7c15);
	unsigned int at;

	for (at = 0; at < RIG_BYTES; at++, x = x << 13 | x >> 51)
		bytes[at] = (unsigned char)(x * UINT64_C(0xbf58476d1ce4e5b9) >> 56);
}

static enum outcome write_marks(struct narrow *s, const struct flight *flight, uint64_t i,
				unsigned int round)
{
	const struct iom_segment *last = &flight->segments[flight->n - 1];

	mark(s->rig.from, i, round);
	OK(rig_copy(&s->rig, flight->segments[0].iova));
	OK(rig_copy(&s->rig, last->iova + last->length - RIG_BYTES));
	return PASS;
}

static bool has_marks(const struct narrow *s, uint64_t i, unsigned int round)
{
	unsigned char expected[RIG_BYTES];

	mark(expected, i, round);
	return !memcmp(granule(s, i), expected, RIG_BYTES) &&
	       !memcmp(granule(s, i + 1) - RIG_BYTES, expected, RIG_BYTES);
}

#define QUEUE 8u /* buffers in flight */

/*
 * All of a working set that is many times larger than what the device can reach, forwards and then
 * in leaps, with a queue's depth of buffers in flight: each has what was meant for it.
 */
static enum outcome larger(struct fixture *f)
{
	struct flight flights[QUEUE] = { 0 };
	struct iom_stream_counters c;
	struct narrow s;
	unsigned int round;
	uint64_t i;

	TRY(set(f, &s, world_working_set()));
	EXPECT(s.n % 5 && s.n % 3);
	for (round = 0; round < 2; round++) {
		for (i = 0; i < s.n; i++) {
			uint64_t at = round ? i * 15 % s.n : i;
			struct flight *flight = &flights[i % QUEUE];

			TRY(lands(s.stream, flight));
			TRY(takes_off(f, s.stream, granule(&s, at), GRANULE, flight));
			EXPECT(flight->segments[0].iova >> BITS == 0);
			if (world_tries_dma(at))
				TRY(write_marks(&s, flight, at, round));
		}
		for (i = 0; i < s.n; i++)
			EXPECT(!world_tries_dma(i) || has_marks(&s, i, round));
	}
	for (i = 0; i < QUEUE; i++)
		TRY(lands(s.stream, &flights[i]));
	c = stream_counters(s.stream);
	EXPECT(c.evictions >= s.n && !c.again && !c.transient);
	TRY(rig_works(&s.rig));
	return over(&s);
}

/* One that fits: no kernel call once it is warm, whatever the order. */
static enum outcome that_fits(struct fixture *f)
{
	struct iom_stream_counters c;
	struct flight flight;
	unsigned int round;
	struct narrow s;
	uint64_t calls, i;

	TRY(set(f, &s, 48 * MIB));
	TRY(warm_up(f, &s, s.stream, 0, s.n));
	calls = kernel_calls(f);
	c = stream_counters(s.stream);
	for (round = 0; round < 3; round++) {
		for (i = 0; i < s.n; i++) {
			uint64_t at = i * (round * 6 + 1) % s.n;

			TRY(takes_off(f, s.stream, granule(&s, at), GRANULE, &flight));
			if (world_tries_dma(at))
				TRY(write_marks(&s, &flight, at, round));
			TRY(lands(s.stream, &flight));
		}
		for (i = 0; i < s.n; i++)
			EXPECT(!world_tries_dma(i) || has_marks(&s, i, round));
	}
	EXPECT(kernel_calls(f) == calls);
	EXPECT(!stream_counters(s.stream).evictions);
	EXPECT(stream_counters(s.stream).misses == c.misses);
	return over(&s);
}

/* ---- Who gives way ----------------------------------------------------------------------------- */

/* All that there is room for is in flight: not now.  One that ends makes room for one. */
static enum outcome all_in_flight(struct fixture *f)
{
	struct flight flights[40];
	struct iom_segment segment;
	struct narrow s;
	uint64_t n, i;
	int ret = 0;

	TRY(set(f, &s, 40 * GRANULE));
	for (n = 0; n < 40; n++) {
		ret = fly(s.stream, granule(&s, n), GRANULE, &flights[n]);
		if (ret < 0)
			break;
	}
	EXPECT(n >= FIT && n < 32 && ret == -EAGAIN);
	EXPECT(fly(s.stream, granule(&s, n), GRANULE, &flights[n]) == -EAGAIN);
	EXPECT(iom_dma_map(s.stream, granule(&s, n), GRANULE, IOM_MAP_RW | IOM_NOWAIT, &segment,
			   1) == -EAGAIN);
	EXPECT(stream_counters(s.stream).again == 3 && !stream_counters(s.stream).evictions);
	/* what is in flight can be so once more */
	EXPECT(iom_dma_map(s.stream, granule(&s, 3), KIB, IOM_MAP_RW, &segment, 1) == 1);
	TRY(rig_reaches(&s.rig, granule(&s, 3), segment.iova));
	OK(iom_dma_unmap(s.stream, &segment, 1));
	TRY(flight_reaches(&s.rig, &flights[3]));

	TRY(lands(s.stream, &flights[5]));
	TRY(takes_off(f, s.stream, granule(&s, n), GRANULE, &flights[5]));
	EXPECT(stream_counters(s.stream).evictions == 1);
	for (i = 0; i < n; i++) {
		if (world_tries_dma(i) || i == 5)
			TRY(write_marks(&s, &flights[i], i == 5 ? n : i, 0));
		TRY(lands(s.stream, &flights[i]));
	}
	for (i = 0; i <= n; i++)
		EXPECT(has_marks(&s, i, 0) == (i == n || (i != 5 && world_tries_dma(i))));
	return over(&s);
}

/* What a stream does not use any more is taken from it by one that needs it; and back. */
static enum outcome idle_streams(struct fixture *f)
{
	struct iom_stream *other;
	struct flight flight;
	unsigned int round;
	struct narrow s;
	uint64_t i;

	TRY(set(f, &s, 2 * FIT * GRANULE));
	OK(iom_stream_open(f->dom, &other));
	for (round = 0; round < 2; round++) {
		TRY(warm_up(f, &s, s.stream, 0, FIT));
		TRY(warm_up(f, &s, other, FIT, FIT));
	}
	EXPECT(stream_counters(other).evictions && stream_counters(s.stream).evictions);
	for (i = 0; i < FIT; i += 5) {
		TRY(takes_off(f, s.stream, granule(&s, i), GRANULE, &flight));
		if (world_tries_dma(i))
			TRY(flight_reaches(&s.rig, &flight));
		TRY(lands(s.stream, &flight));
		TRY(takes_off(f, other, granule(&s, FIT + i), GRANULE, &flight));
		if (world_tries_dma(i))
			TRY(flight_reaches(&s.rig, &flight));
		TRY(lands(other, &flight));
	}
	iom_stream_close(other);
	return over(&s);
}

/* Memory that is not declared finds room among granules, too. */
static enum outcome among_granules(struct fixture *f)
{
	struct flight flight;
	struct narrow s;
	char *p;

	TRY(set(f, &s, 40 * GRANULE));
	p = memory(8 * MIB);
	TRY(warm_up(f, &s, s.stream, 0, s.n));
	TRY(takes_off(f, s.stream, p + 100, 7 * MIB, &flight));
	TRY(flight_reaches(&s.rig, &flight));
	TRY(lands(s.stream, &flight));
	TRY(flight_misses(&s.rig, &flight));
	return over(&s);
}

/* What is asked for goes before what is only kept: maps, fixed maps, apertures. */
static enum outcome gives_way(struct fixture *f)
{
	struct iom_region big, fixed;
	struct flight flight;
	struct narrow s;
	iom_iova_t at;
	uint64_t id;
	char *p;

	TRY(set(f, &s, 40 * GRANULE));
	p = memory(24 * MIB);
	TRY(warm_up(f, &s, s.stream, 0, s.n));
	OK(iom_map(f->dom, p, 24 * MIB, IOM_MAP_RW, NULL, &big));
	TRY(rig_reaches(&s.rig, p + 24 * MIB - RIG_BYTES, big.iova + 24 * MIB - RIG_BYTES));
	OK(iom_unmap(f->dom, &big));

	TRY(warm_up(f, &s, s.stream, 0, s.n));
	OK(map_at(f, p, 8 * MIB, 16 * MIB, &fixed));
	TRY(rig_reaches(&s.rig, p + 5 * MIB, 21 * MIB));
	OK(iom_unmap(f->dom, &fixed));

	TRY(warm_up(f, &s, s.stream, 0, s.n));
	OK(ask_at(f, 32 * MIB, 8 * MIB, 0, &id));
	TRY(warm_up(f, &s, s.stream, 0, s.n));
	OK(map_at(f, p, 8 * MIB, 32 * MIB, &fixed));
	TRY(rig_reaches(&s.rig, p + 5 * MIB, 37 * MIB));
	OK(iom_unmap(f->dom, &fixed));
	OK(iom_aperture_release(f->dom, id));

	/* but not what is in flight */
	TRY(takes_off(f, s.stream, granule(&s, 7), GRANULE, &flight));
	at = flight.segments[0].iova;
	REFUSED(map_at(f, p, f->page, at, NULL), -EEXIST, "");
	REFUSED(ask_at(f, at & ~(uint64_t)(MIB - 1), MIB, 0, &id), -EEXIST, "");
	REFUSED(iom_unmap_range(f->dom, at, flight.segments[0].length), -ENOENT, "");
	TRY(flight_reaches(&s.rig, &flight));
	TRY(lands(s.stream, &flight));
	return over(&s);
}

/* ---- Other limits ------------------------------------------------------------------------------ */

/* RLIMIT_MEMLOCK.  On POWER all that is declared is locked, so that it is the declaration that fails. */
static enum outcome memlock(struct fixture *f)
{
	struct flight flight;
	struct narrow s;
	uint64_t i;

	NEED(f->world->edu, "no edu device");
	OK(open_with_edu(f, 0));
	TRY(rig_build(&s.rig, f, f->dev));
	s.n = 16;
	s.p = memory(s.n * GRANULE);
	STAGE(stage_memlock(world_locked() + 16 * MIB));
	OK(iom_stream_open(f->dom, &s.stream));
	if (on_power(f)) {
		REFUSED(iom_memory_add(f->dom, s.p, s.n * GRANULE, IOM_MAP_RW, &s.mem), -ENOMEM,
			"RLIMIT_MEMLOCK");
		OK(iom_memory_add(f->dom, s.p, 4 * GRANULE, IOM_MAP_RW, &s.mem));
		TRY(warm_up(f, &s, s.stream, 0, 4));
		EXPECT(!stream_counters(s.stream).evictions);
		return over(&s);
	}
	OK(iom_memory_add(f->dom, s.p, s.n * GRANULE, IOM_MAP_RW, &s.mem));
	for (i = 0; i < 3 * s.n; i++) {
		TRY(takes_off(f, s.stream, granule(&s, i % s.n), GRANULE, &flight));
		if (world_tries_dma(i))
			TRY(flight_reaches(&s.rig, &flight));
		TRY(lands(s.stream, &flight));
	}
	EXPECT(stream_counters(s.stream).evictions >= s.n);
	/* what would not fit if nothing else were there */
	EXPECT(fly(s.stream, memory(20 * MIB), 20 * MIB, &flight) == -ENOMEM);
	return over(&s);
}

/* type1's number of mappings. */
static enum outcome entry_limit(struct fixture *f)
{
	struct flight flight;
	struct narrow s;
	uint64_t i;

	STAGE(stage_entry_limit(10));
	NEED(f->world->edu, "no edu device");
	OK(open_with_edu(f, 0));
	if (counters(f).entry_limit == UINT64_MAX)
		return not_applicable("this backend has no limit on mappings");
	TRY(rig_build(&s.rig, f, f->dev));
	s.n = 16;
	s.p = memory(s.n * GRANULE);
	OK(iom_stream_open(f->dom, &s.stream));
	OK(iom_memory_add(f->dom, s.p, s.n * GRANULE, IOM_MAP_RW, &s.mem));
	for (i = 0; i < 3 * s.n; i++) {
		TRY(takes_off(f, s.stream, granule(&s, i % s.n), GRANULE, &flight));
		if (world_tries_dma(i))
			TRY(flight_reaches(&s.rig, &flight));
		TRY(lands(s.stream, &flight));
	}
	EXPECT(stream_counters(s.stream).evictions >= s.n && !stream_counters(s.stream).again);
	EXPECT(counters(f).entries_used <= 10);
	return over(&s);
}

const struct test stream_room_tests[] = {
	{ "stream-working-set-of-many-times-the-window", larger, NEEDS_NOTHING },
	{ "stream-working-set-that-fits", that_fits, NEEDS_NOTHING },
	{ "stream-all-in-flight", all_in_flight, NEEDS_NOTHING },
	{ "stream-idle-streams-give-way", idle_streams, NEEDS_NOTHING },
	{ "stream-finds-room-among-granules", among_granules, NEEDS_NOTHING },
	{ "stream-gives-way-to-what-is-asked-for", gives_way, NEEDS_NOTHING },
	{ "stream-memlock-too-small", memlock, NEEDS_NOTHING },
	{ "stream-entry-limit", entry_limit, NEEDS_NOTHING },
	{ NULL, NULL, NEEDS_NOTHING },
};
