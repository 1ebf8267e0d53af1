// SPDX-License-Identifier: BSD-3-Clause
/* What becomes of streams and declared memory when devices, mappings and declarations come and go. */
#include <errno.h>
#include <pthread.h>
#include <string.h>

#include "request.h"
#include "stream.h"

struct setting {
	struct rig rig;
	struct iom_stream *stream;
	struct iom_memory *mem;
	char *p, *q; /* declared granules, and memory that is not */
};

#define GRANULES 4

static enum outcome set(struct fixture *f, struct setting *s)
{
	TRY(rig_build(&s->rig, f, f->dev));
	s->p = memory(GRANULES * GRANULE);
	s->q = memory(GRANULE);
	OK(iom_memory_add(f->dom, s->p, GRANULES * GRANULE, IOM_MAP_RW, &s->mem));
	OK(iom_stream_open(f->dom, &s->stream));
	return PASS;
}

static enum outcome over(struct setting *s)
{
	iom_stream_close(s->stream);
	OK(iom_memory_remove(s->mem));
	rig_release(&s->rig);
	return PASS;
}

/* One of each kind. */
struct both {
	struct flight declared, other;
};

static enum outcome both_take_off(struct fixture *f, struct setting *s, struct both *b)
{
	TRY(takes_off(f, s->stream, s->p + MIB, 2 * MIB, &b->declared));
	TRY(takes_off(f, s->stream, s->q + 100, 64 * KIB, &b->other));
	EXPECT(b->declared.segments[0].cookie && b->other.segments[0].cookie);
	return PASS;
}

static enum outcome both_reach(struct setting *s, const struct both *b)
{
	TRY(flight_reaches(&s->rig, &b->declared));
	return flight_reaches(&s->rig, &b->other);
}

static enum outcome both_land(struct setting *s, struct both *b)
{
	TRY(lands(s->stream, &b->declared));
	return lands(s->stream, &b->other);
}

/* ---- The end of streams and declarations ------------------------------------------------------- */

/* What was in flight is not any more, and nothing else of the stream is left. */
static enum outcome closed_in_flight(struct fixture *f)
{
	struct iom_counters before;
	struct both b;
	struct setting s;

	before = counters(f);
	TRY(set(f, &s));
	TRY(both_take_off(f, &s, &b));
	TRY(both_reach(&s, &b));
	iom_stream_close(s.stream);
	iom_stream_close(NULL);
	TRY(flight_misses(&s.rig, &b.other));
	OK(iom_memory_remove(s.mem));
	TRY(flight_misses(&s.rig, &b.declared));
	rig_release(&s.rig);
	OK(iom_unmap_all(f->dom));
	EXPECT(same_mappings(f, &before));
	return PASS;
}

static enum outcome removed(struct fixture *f)
{
	struct iom_stream_counters c;
	struct iom_region region;
	struct flight flight, again;
	struct setting s;

	TRY(set(f, &s));
	TRY(takes_off(f, s.stream, s.p + GRANULE - KIB, 2 * KIB, &flight));
	REFUSED(iom_memory_remove(s.mem), -EBUSY, "in flight");
	TRY(flight_reaches(&s.rig, &flight));
	TRY(lands(s.stream, &flight));
	OK(iom_map(f->dom, s.p + 2 * GRANULE, 64 * KIB, IOM_MAP_RW, NULL, &region));
	REFUSED(iom_memory_remove(s.mem), -EBUSY, "mapped");
	TRY(rig_reaches(&s.rig, s.p + 2 * GRANULE, region.iova));
	OK(iom_unmap(f->dom, &region));

	/* it lives on after both */
	TRY(takes_off(f, s.stream, s.p + GRANULE - KIB, 2 * KIB, &flight));
	TRY(flight_reaches(&s.rig, &flight));
	TRY(lands(s.stream, &flight));
	OK(iom_memory_remove(s.mem));
	TRY(flight_misses(&s.rig, &flight));

	/* nobody vouches for it any more; then somebody does again, for a part */
	c = stream_counters(s.stream);
	TRY(takes_off(f, s.stream, s.p + GRANULE - KIB, 2 * KIB, &again));
	EXPECT(stream_counters(s.stream).transient > c.transient);
	EXPECT(stream_counters(s.stream).hits == c.hits);
	TRY(flight_reaches(&s.rig, &again));
	TRY(lands(s.stream, &again));
	TRY(flight_misses(&s.rig, &again));
	OK(iom_memory_add(f->dom, s.p + MIB, GRANULE, IOM_MAP_RW, &s.mem));
	TRY(takes_off(f, s.stream, s.p + GRANULE - KIB, 2 * KIB, &again));
	TRY(lands(s.stream, &again));
	c = stream_counters(s.stream);
	TRY(takes_off(f, s.stream, s.p + MIB - KIB, 2 * KIB, &again));
	EXPECT(stream_counters(s.stream).hits == c.hits + 1);
	EXPECT(stream_counters(s.stream).transient == c.transient + 1);
	TRY(flight_reaches(&s.rig, &again));
	TRY(lands(s.stream, &again));
	return over(&s);
}

/* All that there is, in flight or not, ends with the domain: the harness looks. */
static enum outcome closed_with_domain(struct fixture *f)
{
	struct iom_stream *other;
	struct flight flight;
	struct both b;
	struct setting s;

	TRY(set(f, &s));
	OK(iom_stream_open(f->dom, &other));
	TRY(both_take_off(f, &s, &b));
	TRY(takes_off(f, other, s.p, GRANULES * GRANULE, &flight));
	TRY(lands(other, &flight));
	rig_release(&s.rig);
	return PASS;
}

static enum outcome unmap_all(struct fixture *f)
{
	struct flight again;
	struct both b;
	struct setting s;

	TRY(set(f, &s));
	TRY(both_take_off(f, &s, &b));
	OK(iom_unmap_all(f->dom));
	EXPECT(!is_mapped(f, s.rig.from) && !is_mapped(f, s.rig.to));
	OK(iom_map(f->dom, s.rig.from, f->page, IOM_MAP_READ, NULL, &s.rig.from_region));
	OK(iom_map(f->dom, s.rig.to, f->page, IOM_MAP_RW, NULL, &s.rig.to_region));
	TRY(both_reach(&s, &b));
	TRY(both_land(&s, &b));
	TRY(flight_misses(&s.rig, &b.other));
	OK(iom_unmap_all(f->dom));
	OK(iom_map(f->dom, s.rig.from, f->page, IOM_MAP_READ, NULL, &s.rig.from_region));
	OK(iom_map(f->dom, s.rig.to, f->page, IOM_MAP_RW, NULL, &s.rig.to_region));
	TRY(takes_off(f, s.stream, s.p, 3 * MIB, &again));
	TRY(flight_reaches(&s.rig, &again));
	TRY(lands(s.stream, &again));
	return over(&s);
}

/* ---- Devices that come and go ------------------------------------------------------------------ */

/* Declared before there is a device; a stream needs one. */
static enum outcome before_attach(struct fixture *f)
{
	const uint64_t page = world_page_size();
	struct iom_stream *stream = NULL;
	struct flight flight;
	struct setting s;

	NEED(f->world->edu, "no edu device");
	s.p = memory(GRANULES * GRANULE);
	OK(iom_memory_add(f->dom, s.p, GRANULES * GRANULE, IOM_MAP_RW, &s.mem));
	REFUSED(iom_memory_add(f->dom, s.p + page, page, IOM_MAP_RW, &s.mem), -EEXIST, "declared");
	REFUSED(iom_stream_open(f->dom, &stream), -ENODEV, "attach");
	EXPECT(!stream);
	OK(attach(f, f->world->edu, &f->dev));
	f->page = iom_page_size(f->dom);
	TRY(rig_build(&s.rig, f, f->dev));
	OK(iom_stream_open(f->dom, &s.stream));
	TRY(takes_off(f, s.stream, s.p + MIB, 2 * MIB, &flight));
	TRY(flight_reaches(&s.rig, &flight));
	TRY(lands(s.stream, &flight));
	EXPECT(stream_counters(s.stream).misses == (uint64_t)flight.n);
	return over(&s);
}

/* It is all there again, what is in flight at the same IOVAs. */
static enum outcome after_reattach(struct fixture *f)
{
	struct flight idle, again;
	struct both b;
	struct setting s;
	unsigned int i;

	TRY(set(f, &s));
	TRY(takes_off(f, s.stream, s.p + 3 * GRANULE, GRANULE, &idle));
	TRY(lands(s.stream, &idle));
	TRY(both_take_off(f, &s, &b));
	for (i = 0; i < 2; i++) {
		rig_release(&s.rig);
		iom_detach(f->dev);
		EXPECT(fly(s.stream, s.q + MIB, 512, &again) == -ENODEV);
		REFUSED(iom_memory_remove(s.mem), -EBUSY, "in flight");
		OK(attach(f, f->world->edu, &f->dev));
		TRY(rig_take(&s.rig, f->dev));
		TRY(both_reach(&s, &b));
		TRY(takes_off(f, s.stream, s.p + 3 * GRANULE, GRANULE, &again));
		TRY(flight_reaches(&s.rig, &again));
		TRY(lands(s.stream, &again));
	}
	/* what ends while there is no device does not come back */
	rig_release(&s.rig);
	iom_detach(f->dev);
	TRY(both_land(&s, &b));
	OK(attach(f, f->world->edu, &f->dev));
	TRY(rig_take(&s.rig, f->dev));
	TRY(flight_misses(&s.rig, &b.other));
	TRY(takes_off(f, s.stream, s.p, GRANULES * GRANULE, &again));
	TRY(flight_reaches(&s.rig, &again));
	TRY(lands(s.stream, &again));
	return over(&s);
}

/* And all devices have it. */
static enum outcome second_device(struct fixture *f)
{
	struct iom_device *other;
	struct rig rig;
	struct flight later;
	struct both b;
	struct setting s;

	NEED(f->world->edu2, "no second edu device");
	TRY(set(f, &s));
	TRY(both_take_off(f, &s, &b));
	OK(attach(f, f->world->edu2, &other));
	rig = s.rig;
	TRY(rig_take(&rig, other));
	TRY(flight_reaches(&rig, &b.declared));
	TRY(flight_reaches(&rig, &b.other));
	TRY(takes_off(f, s.stream, s.p + 3 * GRANULE, GRANULE, &later));
	TRY(flight_reaches(&rig, &later));
	TRY(flight_reaches(&s.rig, &later));
	TRY(both_land(&s, &b));
	TRY(flight_misses(&rig, &b.other));
	rig_release(&rig);
	iom_detach(other);
	TRY(flight_reaches(&s.rig, &later));
	TRY(lands(s.stream, &later));
	return over(&s);
}

/* What is only kept is no obstacle to a device that cannot drive its IOVAs; what is in flight is. */
static enum outcome narrower_device(struct fixture *f)
{
	struct flight flight, low;
	struct iom_device *edu;
	struct setting s;
	char *q;

	NEED(f->world->edu, "no edu device");
	s.p = memory(GRANULES * GRANULE);
	q = memory(GRANULE);
	OK(iom_memory_add(f->dom, s.p, GRANULES * GRANULE, IOM_MAP_RW, &s.mem));
	OK(iom_stream_open(f->dom, &s.stream));
	TRY(takes_off(f, s.stream, s.p, GRANULES * GRANULE, &flight));
	/* on POWER all of it may lie low enough */
	if (flight.segments[0].iova >> EDU_DMA_BITS)
		REFUSED(attach(f, f->world->edu, &edu), -EBUSY, "");
	TRY(lands(s.stream, &flight));
	OK(attach(f, f->world->edu, &edu));
	f->page = iom_page_size(f->dom);
	TRY(rig_build(&s.rig, f, edu));
	TRY(takes_off(f, s.stream, s.p + MIB, 2 * MIB, &low));
	TRY(flight_reaches(&s.rig, &low));
	TRY(lands(s.stream, &low));
	TRY(takes_off(f, s.stream, q + 5, MIB, &low));
	TRY(flight_reaches(&s.rig, &low));
	TRY(lands(s.stream, &low));
	if (flight.segments[0].iova >> EDU_DMA_BITS == 0)
		return over(&s);
	/* for the wide one alone, they may lie where they did */
	rig_release(&s.rig);
	iom_detach(edu);
	TRY(takes_off(f, s.stream, s.p, GRANULES * GRANULE, &flight));
	TRY(lands(s.stream, &flight));
	iom_stream_close(s.stream);
	OK(iom_memory_remove(s.mem));
	return PASS;
}

/* ---- Threads ----------------------------------------------------------------------------------- */

#define THREADS 3
#define ROUNDS 150

struct worker {
	struct fixture *f;
	struct rig *rig;
	pthread_mutex_t *device; /* which is one for all */
	char *declared, *own;
	unsigned int number;
	struct iom_stream_counters counters;
	enum outcome outcome;
};

static enum outcome fly_again_and_again(struct worker *w)
{
	const uint64_t room = 40 * GRANULE - 64 * KIB;
	struct iom_stream *stream;
	struct flight flight;
	uint64_t i, segments = 0;
	enum outcome out;

	OK(iom_stream_open(w->f->dom, &stream));
	for (i = 0; i < ROUNDS; i++) {
		uint64_t at = (i * 7919 + w->number * 104729) * 4096 % room;
		char *va = i % 4 ? w->declared + at : w->own + i * 13 % 4096;

		/* each writes where no other does */
		va += w->number * 8 * KIB;
		TRY(takes_off(w->f, stream, va, 4 * KIB, &flight));
		segments += (uint64_t)flight.n;
		if (i % 10 == w->number) {
			pthread_mutex_lock(w->device);
			out = flight_reaches(w->rig, &flight);
			pthread_mutex_unlock(w->device);
			TRY(out);
		}
		TRY(lands(stream, &flight));
	}
	w->counters = stream_counters(stream);
	EXPECT(w->counters.hits + w->counters.misses + w->counters.transient == segments);
	EXPECT(w->counters.transient >= ROUNDS / 4 && !w->counters.again);
	iom_stream_close(stream);
	return PASS;
}

static void *run(void *arg)
{
	struct worker *w = arg;

	w->outcome = fly_again_and_again(w);
	return NULL;
}

/* A stream each, and one window that is too small for all of them. */
static enum outcome threads(struct fixture *f)
{
	pthread_mutex_t device = PTHREAD_MUTEX_INITIALIZER;
	struct worker workers[THREADS];
	pthread_t ids[THREADS];
	struct iom_counters before;
	struct iom_memory *mem;
	struct rig rig;
	unsigned int i;
	char *p;

	TRY(open_narrow(f, &rig, 26));
	before = counters(f);
	p = memory(40 * GRANULE);
	OK(iom_memory_add(f->dom, p, 40 * GRANULE, IOM_MAP_RW, &mem));
	for (i = 0; i < THREADS; i++) {
		workers[i] = (struct worker){
			.f = f,
			.rig = &rig,
			.device = &device,
			.declared = p,
			.own = memory(MIB),
			.number = i,
		};
		EXPECT(!pthread_create(&ids[i], NULL, run, &workers[i]));
	}
	for (i = 0; i < THREADS; i++)
		pthread_join(ids[i], NULL);
	for (i = 0; i < THREADS; i++)
		TRY(workers[i].outcome);
	EXPECT(workers[0].counters.evictions + workers[1].counters.evictions +
	       workers[2].counters.evictions);
	OK(iom_memory_remove(mem));
	EXPECT(same_mappings(f, &before));
	TRY(rig_works(&rig));
	rig_release(&rig);
	return PASS;
}

const struct test stream_life_tests[] = {
	{ "stream-closed-in-flight", closed_in_flight, NEEDS_EDU },
	{ "stream-memory-removed", removed, NEEDS_EDU },
	{ "stream-closed-with-its-domain", closed_with_domain, NEEDS_EDU },
	{ "stream-outlives-unmap-all", unmap_all, NEEDS_EDU },
	{ "stream-declared-before-attach", before_attach, NEEDS_ADDRESSES },
	{ "stream-after-reattach", after_reattach, NEEDS_EDU },
	{ "stream-second-device", second_device, NEEDS_EDU },
	{ "stream-narrower-device", narrower_device, NEEDS_DEVICE },
	{ "stream-by-threads", threads, NEEDS_NOTHING },
	{ NULL, NULL, NEEDS_EDU },
};
