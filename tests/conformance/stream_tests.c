// SPDX-License-Identifier: BSD-3-Clause
/* Streaming maps of memory that is mapped, declared, or neither. */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "stream.h"

/* A device that does DMA, a stream, and declared memory of so many granules. */
struct setting {
	struct rig rig;
	struct iom_stream *stream;
	struct iom_memory *mem;
	char *p;
};

static enum outcome set(struct fixture *f, struct setting *s, unsigned int granules)
{
	TRY(rig_build(&s->rig, f, f->dev));
	s->p = memory((granules + 1) * GRANULE);
	OK(iom_memory_add(f->dom, s->p, granules * GRANULE, IOM_MAP_RW, &s->mem));
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

/* ---- Declared memory --------------------------------------------------------------------------- */

/* Once each granule was used, no kernel is asked, in whatever pieces. */
static enum outcome warm(struct fixture *f)
{
	struct iom_stream_counters c;
	struct flight flight;
	struct setting s;
	uint64_t calls, i;

	TRY(set(f, &s, 8));
	calls = kernel_calls(f);
	for (i = 0; i < 8; i++) {
		TRY(takes_off(f, s.stream, s.p + i * GRANULE, GRANULE, &flight));
		EXPECT(flight.segments[0].cookie);
		TRY(flight_reaches(&s.rig, &flight));
		TRY(lands(s.stream, &flight));
	}
	EXPECT(kernel_calls(f) > calls);
	EXPECT(stream_counters(s.stream).misses >= 1);
	calls = kernel_calls(f);
	c = stream_counters(s.stream);
	for (i = 0; i < 400; i++) {
		uint64_t at = i * 7919 * 512 % (7 * GRANULE), length = 512 * (1 + i % 64);

		TRY(takes_off(f, s.stream, s.p + at, length, &flight));
		EXPECT(flight.n <= 2 && flight.segments[0].cookie);
		if (i % 16 == 0 && world_tries_dma(i / 16))
			TRY(flight_reaches(&s.rig, &flight));
		TRY(lands(s.stream, &flight));
	}
	EXPECT(kernel_calls(f) == calls);
	EXPECT(stream_counters(s.stream).hits >= c.hits + 400);
	EXPECT(stream_counters(s.stream).misses == c.misses);
	return over(&s);
}

/* The same memory several times at once, and in two streams: it is mapped once. */
static enum outcome shared(struct fixture *f)
{
	struct flight one, two, three;
	struct iom_stream *other;
	struct setting s;
	uint64_t calls;

	TRY(set(f, &s, 2));
	OK(iom_stream_open(f->dom, &other));
	TRY(takes_off(f, s.stream, s.p, 4 * KIB, &one));
	calls = kernel_calls(f);
	TRY(takes_off(f, s.stream, s.p + KIB, 4 * KIB, &two));
	TRY(takes_off(f, other, s.p, 8 * KIB, &three));
	EXPECT(kernel_calls(f) == calls);
	EXPECT(two.segments[0].iova == one.segments[0].iova + KIB);
	EXPECT(three.segments[0].iova == one.segments[0].iova);
	EXPECT(stream_counters(other).misses == 1 && !stream_counters(other).hits);
	EXPECT(stream_counters(s.stream).misses == 1 && stream_counters(s.stream).hits == 1);

	TRY(lands(s.stream, &one));
	TRY(flight_reaches(&s.rig, &two));
	TRY(lands(s.stream, &two));
	TRY(flight_reaches(&s.rig, &three));
	REFUSED(iom_memory_remove(s.mem), -EBUSY, "in flight");
	TRY(lands(other, &three));
	iom_stream_close(other);
	EXPECT(kernel_calls(f) == calls);
	return over(&s);
}

/* Segments end where granules do, and meet there. */
static enum outcome across_granules(struct fixture *f)
{
	const uint64_t starts[] = { GRANULE - 300, GRANULE - 4096, 3 * MIB, 2 * GRANULE - 1 };
	const uint64_t lengths[] = { 600, 8192, 2 * GRANULE, 2 };
	struct flight flight;
	struct setting s;
	size_t i;

	TRY(set(f, &s, 4));
	for (i = 0; i < 4; i++) {
		TRY(takes_off(f, s.stream, s.p + starts[i], lengths[i], &flight));
		EXPECT(flight.n >= 1 && flight.n <= 4);
		TRY(flight_reaches(&s.rig, &flight));
		TRY(lands(s.stream, &flight));
	}
	return over(&s);
}

/* From declared memory into what is not, and back. */
static enum outcome across_the_border(struct fixture *f)
{
	struct iom_stream_counters c;
	struct flight flight, rest;
	struct setting s;
	char *end;

	TRY(set(f, &s, 1));
	end = s.p + GRANULE;
	TRY(takes_off(f, s.stream, end - 64 * KIB, 128 * KIB, &flight));
	EXPECT(flight.n >= 2);
	TRY(flight_reaches(&s.rig, &flight));
	c = stream_counters(s.stream);
	EXPECT(c.transient >= 1 && c.misses >= 1);
	EXPECT((int)(c.mapped + c.hits + c.misses + c.transient) == flight.n);
	TRY(lands(s.stream, &flight));

	/* what was not declared is gone, and only that */
	rest = (struct flight){
		.va = end,
		.length = flight.segments[flight.n - 1].length,
		.segments = { flight.segments[flight.n - 1] },
		.n = 1,
	};
	rest.va = end + 64 * KIB - rest.length;
	TRY(flight_misses(&s.rig, &rest));
	TRY(takes_off(f, s.stream, end - 64 * KIB, 64 * KIB, &flight));
	EXPECT(stream_counters(s.stream).transient == c.transient);
	TRY(flight_reaches(&s.rig, &flight));
	TRY(lands(s.stream, &flight));
	return over(&s);
}

static enum outcome declarations(struct fixture *f)
{
	const uint64_t page = world_page_size();
	struct iom_memory *mem = NULL, *other = NULL;
	struct iom_counters before = counters(f);
	char *p = memory(16 * page);

	REFUSED(iom_memory_add(f->dom, NULL, page, IOM_MAP_RW, &mem), -EINVAL, "NULL");
	REFUSED(iom_memory_add(f->dom, p, 0, IOM_MAP_RW, &mem), -EINVAL, "length");
	REFUSED(iom_memory_add(f->dom, p + 1, page, IOM_MAP_RW, &mem), -EINVAL, "multiple");
	REFUSED(iom_memory_add(f->dom, p, page + 512, IOM_MAP_RW, &mem), -EINVAL, "multiple");
	REFUSED(iom_memory_add(f->dom, p, page, 0, &mem), -EINVAL, "IOM_MAP_READ");
	REFUSED(iom_memory_add(f->dom, p, page, IOM_MAP_RW | IOM_MAP_FIXED, &mem), -EINVAL,
		"IOM_MAP_READ");
	REFUSED(iom_memory_add(f->dom, (void *)(UINTPTR_MAX - page + 1), 2 * page, IOM_MAP_RW,
			       &mem),
		-EFAULT, "address space");
	EXPECT(!mem);

	OK(iom_memory_add(f->dom, p + 4 * page, 4 * page, IOM_MAP_RW, &mem));
	REFUSED(iom_memory_add(f->dom, p + 7 * page, page, IOM_MAP_RW, &other), -EEXIST,
		"declared");
	REFUSED(iom_memory_add(f->dom, p, 5 * page, IOM_MAP_RW, &other), -EEXIST, "declared");
	REFUSED(iom_memory_add(f->dom, p, 16 * page, IOM_MAP_RW, &other), -EEXIST, "declared");
	EXPECT(!other && same_mappings(f, &before));
	OK(iom_memory_add(f->dom, p + 8 * page, page, IOM_MAP_RW, &other));
	OK(iom_memory_remove(mem));
	OK(iom_memory_add(f->dom, p, 8 * page, IOM_MAP_READ, &mem));
	OK(iom_memory_remove(other));
	OK(iom_memory_remove(mem));
	EXPECT(same_mappings(f, &before));
	return PASS;
}

/* What was not declared may not be done, whatever the memory allows. */
static enum outcome flags(struct fixture *f)
{
	struct iom_segment segment;
	struct flight flight;
	struct setting s;
	char *p;

	TRY(set(f, &s, 1));
	iom_stream_close(s.stream);
	OK(iom_memory_remove(s.mem));
	OK(iom_memory_add(f->dom, s.p, GRANULE, IOM_MAP_READ, &s.mem));
	OK(iom_stream_open(f->dom, &s.stream));
	p = s.p + 4 * KIB;
	EXPECT(iom_dma_map(s.stream, p, 512, IOM_MAP_WRITE, &segment, 1) == -EFAULT);
	EXPECT(iom_dma_map(s.stream, p, 512, IOM_MAP_RW, &segment, 1) == -EFAULT);
	/* in a part of it */
	EXPECT(fly(s.stream, s.p + GRANULE - 512, 1024, &flight) == -EFAULT);
	EXPECT(iom_dma_map(s.stream, p, 512, IOM_MAP_READ, &segment, 1) == 1);
	memset(p, 0x5a, RIG_BYTES);
	TRY(rig_reads(&s.rig, p, segment.iova));
	TRY(rig_misses(&s.rig, p, segment.iova));
	OK(iom_dma_unmap(s.stream, &segment, 1));

	EXPECT(iom_dma_map(s.stream, p, 512, 0, &segment, 1) == -EINVAL);
	EXPECT(iom_dma_map(s.stream, p, 512, IOM_NOWAIT, &segment, 1) == -EINVAL);
	EXPECT(iom_dma_map(s.stream, p, 512, IOM_MAP_READ | IOM_MAP_ALIAS, &segment, 1) == -EINVAL);
	EXPECT(iom_dma_map(s.stream, p, 0, IOM_MAP_READ, &segment, 1) == -EINVAL);
	EXPECT(iom_dma_map(s.stream, p, 512, IOM_MAP_READ, &segment, 0) == -EINVAL);
	EXPECT(!stream_counters(s.stream).again);
	return over(&s);
}

/* Memory that the process itself may only read: for reading alone; on POWER not at all. */
static enum outcome read_only(struct fixture *f)
{
	const uint64_t page = memory_page(f);
	struct iom_segment segment;
	struct iom_stream *stream;
	struct iom_memory *mem;
	struct rig rig;
	char *p;

	TRY(rig_build(&rig, f, f->dev));
	p = memory(4 * page);
	memset(p, 0x5a, 4 * page);
	EXPECT(!mprotect(p, 4 * page, PROT_READ));
	OK(iom_stream_open(f->dom, &stream));
	if (on_power(f)) {
		REFUSED(iom_memory_add(f->dom, p, 4 * page, IOM_MAP_READ, &mem), -EFAULT, "");
		EXPECT(iom_dma_map(stream, p, 512, IOM_MAP_READ, &segment, 1) == -EFAULT);
		rig_release(&rig);
		return PASS;
	}
	/* not declared, and then declared */
	EXPECT(iom_dma_map(stream, p + 5, page, IOM_MAP_RW, &segment, 1) == -EFAULT);
	EXPECT(iom_dma_map(stream, p + 5, page, IOM_MAP_READ, &segment, 1) == 1);
	TRY(rig_reads(&rig, p + 5, segment.iova));
	OK(iom_dma_unmap(stream, &segment, 1));
	OK(iom_memory_add(f->dom, p, 4 * page, IOM_MAP_READ, &mem));
	EXPECT(iom_dma_map(stream, p + page, page, IOM_MAP_RW, &segment, 1) == -EFAULT);
	EXPECT(iom_dma_map(stream, p + page, page, IOM_MAP_READ, &segment, 1) == 1);
	TRY(rig_reads(&rig, p + page, segment.iova));
	OK(iom_dma_unmap(stream, &segment, 1));
	OK(iom_memory_remove(mem));
	iom_stream_close(stream);
	rig_release(&rig);
	return PASS;
}

/* ---- Neither ----------------------------------------------------------------------------------- */

/* Of any alignment; each ends with its own call, in whatever order. */
static enum outcome small_and_unaligned(struct fixture *f)
{
	const uint64_t page = memory_page(f);
	const uint64_t starts[] = { 0, 1, 511, page - 1, page - 300, 2 * page + 17, 6 * page - 9 };
	const uint64_t lengths[] = { 1, 256, 4096, 2, 600, 3 * page, page + 18 };
	struct iom_counters before;
	struct flight flights[7];
	struct setting s;
	size_t i;
	char *p;

	TRY(set(f, &s, 1));
	before = counters(f);
	p = s.p + GRANULE; /* behind what is declared */
	for (i = 0; i < 7; i++)
		TRY(takes_off(f, s.stream, p + starts[i], lengths[i], &flights[i]));
	EXPECT(stream_counters(s.stream).transient >= 7);
	EXPECT(!stream_counters(s.stream).hits && !stream_counters(s.stream).misses);
	for (i = 0; i < 7; i++)
		TRY(flight_reaches(&s.rig, &flights[i]));
	for (i = 0; i < 7; i++)
		TRY(lands(s.stream, &flights[i * 3 % 7]));
	EXPECT(same_mappings(f, &before));
	for (i = 0; i < 7; i++)
		TRY(flight_misses(&s.rig, &flights[i]));
	return over(&s);
}

/*
 * What is nobody's promise is really unmapped.  The page is a file's, so that it can be watched
 * when its address is another's.
 */
static enum outcome other_memory_at_the_address(struct fixture *f)
{
	const uint64_t page = memory_page(f);
	struct iom_stream *stream;
	struct flight flight, again;
	unsigned int round;
	struct rig rig;
	char *p, *old;
	int fd;

	TRY(rig_build(&rig, f, f->dev));
	OK(iom_stream_open(f->dom, &stream));
	p = memory(2 * page);
	for (round = 0; round < 3; round++) {
		fd = memfd_create("conformance", MFD_CLOEXEC);
		EXPECT(fd >= 0 && !ftruncate(fd, (off_t)page));
		EXPECT(mmap(p, page, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd, 0) == p);
		old = mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
		EXPECT(old != MAP_FAILED);
		close(fd);
		TRY(takes_off(f, stream, p, page, &flight));
		TRY(flight_reaches(&rig, &flight));
		EXPECT(!memcmp(old, p, page));
		TRY(lands(stream, &flight));
		TRY(flight_misses(&rig, &flight));

		EXPECT(!munmap(p, page));
		EXPECT(mmap(p, page, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == p);
		memset(old, 0x5a, page);
		TRY(takes_off(f, stream, p, page, &again));
		TRY(flight_reaches(&rig, &again));
		EXPECT(old[0] == 0x5a && !memcmp(old, old + 1, page - 1));
		TRY(lands(stream, &again));
		TRY(flight_misses(&rig, &again));
		munmap(old, page);
	}
	iom_stream_close(stream);
	rig_release(&rig);
	return PASS;
}

/* ---- Mapped anyway ----------------------------------------------------------------------------- */

/* It costs nothing, is nothing to undo, and goes before what is declared. */
static enum outcome mapped(struct fixture *f)
{
	struct iom_stream_counters c;
	struct iom_region r, alias;
	struct flight flight;
	struct setting s;
	uint64_t calls;

	TRY(set(f, &s, 2));
	/* a granule that is in the cache */
	TRY(takes_off(f, s.stream, s.p, 4 * KIB, &flight));
	TRY(lands(s.stream, &flight));
	c = stream_counters(s.stream);
	OK(iom_map(f->dom, s.p, MIB, IOM_MAP_RW, NULL, &r));
	calls = kernel_calls(f);
	TRY(takes_off(f, s.stream, s.p + 100, MIB - 100, &flight));
	EXPECT(flight.n == 1 && !flight.segments[0].cookie);
	EXPECT(flight.segments[0].iova == r.iova + 100);
	TRY(flight_reaches(&s.rig, &flight));
	TRY(lands(s.stream, &flight));
	TRY(flight_reaches(&s.rig, &flight));
	EXPECT(kernel_calls(f) == calls && stream_counters(s.stream).mapped == c.mapped + 1);
	EXPECT(iom_dma_map(s.stream, s.p, 512, IOM_MAP_READ | IOM_NOWAIT, flight.segments, 1) == 1);
	EXPECT(!flight.segments[0].cookie && kernel_calls(f) == calls);

	/* and what is around it is found as what that is */
	TRY(takes_off(f, s.stream, s.p + MIB - 4 * KIB, 8 * KIB, &flight));
	EXPECT(flight.n == 2 && !flight.segments[0].cookie && flight.segments[1].cookie);
	TRY(flight_reaches(&s.rig, &flight));
	TRY(lands(s.stream, &flight));
	REFUSED(iom_memory_remove(s.mem), -EBUSY, "mapped");
	OK(iom_unmap(f->dom, &r));

	/* an alias is none of it */
	OK(iom_map(f->dom, s.p, MIB, IOM_MAP_RW | IOM_MAP_ALIAS, NULL, &alias));
	TRY(takes_off(f, s.stream, s.p, 4 * KIB, &flight));
	EXPECT(flight.segments[0].cookie && flight.segments[0].iova != alias.iova);
	TRY(lands(s.stream, &flight));
	OK(iom_unmap(f->dom, &alias));
	return over(&s);
}

/* ---- What a stream says ------------------------------------------------------------------------ */

/* No kernel call, and no success where one would be needed. */
static enum outcome nowait(struct fixture *f)
{
	const unsigned int how = IOM_MAP_RW | IOM_NOWAIT;
	struct iom_segment segment;
	struct flight flight;
	struct setting s;
	uint64_t calls;

	TRY(set(f, &s, 2));
	calls = kernel_calls(f);
	EXPECT(iom_dma_map(s.stream, s.p, 4 * KIB, how, &segment, 1) == -EAGAIN);
	EXPECT(iom_dma_map(s.stream, s.p + 2 * GRANULE, 64, how, &segment, 1) == -EAGAIN);
	EXPECT(kernel_calls(f) == calls && stream_counters(s.stream).again == 2);
	TRY(takes_off(f, s.stream, s.p, 4 * KIB, &flight));
	TRY(lands(s.stream, &flight));

	calls = kernel_calls(f);
	EXPECT(iom_dma_map(s.stream, s.p + MIB, 4 * KIB, how, &segment, 1) == 1);
	TRY(rig_reaches(&s.rig, s.p + MIB, segment.iova));
	OK(iom_dma_unmap(s.stream, &segment, 1));
	/* half of it is cold: nothing is in flight then */
	EXPECT(iom_dma_map(s.stream, s.p + GRANULE - KIB, 2 * KIB, how, flight.segments,
			   SEGMENTS) == -EAGAIN);
	EXPECT(kernel_calls(f) == calls && stream_counters(s.stream).again == 3);
	return over(&s);
}

/* A list that is too short leaves nothing in flight. */
static enum outcome too_many(struct fixture *f)
{
	struct iom_counters before;
	struct iom_segment one;
	struct flight flight;
	struct setting s;
	char *end;

	TRY(set(f, &s, 3));
	end = s.p + 3 * GRANULE;
	before = counters(f);
	/* declared and neither */
	EXPECT(iom_dma_map(s.stream, end - KIB, 2 * KIB, IOM_MAP_RW, &one, 1) == -EMSGSIZE);
	OK(iom_memory_remove(s.mem));
	EXPECT(same_mappings(f, &before));
	OK(iom_memory_add(f->dom, s.p, 3 * GRANULE, IOM_MAP_RW, &s.mem));
	TRY(takes_off(f, s.stream, end - KIB, 2 * KIB, &flight));
	EXPECT(flight.n == 2);
	TRY(lands(s.stream, &flight));
	TRY(flight_misses(&s.rig, &(struct flight){ .va = end,
						    .length = KIB,
						    .segments = { flight.segments[1] },
						    .n = 1 }));
	return over(&s);
}

static enum outcome add_up(struct fixture *f)
{
	struct iom_stream_counters c;
	struct {
		struct iom_stream_counters counters;
		uint64_t tail;
	} longer = { .counters.size = sizeof(longer), .tail = 5 };
	struct iom_region r;
	struct flight flight;
	uint64_t segments = 0, i;
	struct setting s;
	char *q = memory(2 * f->page);

	TRY(set(f, &s, 4));
	OK(iom_map(f->dom, s.p + GRANULE, GRANULE, IOM_MAP_RW, NULL, &r));
	/* two mappings of which one segment is made */
	OK(map_at(f, q, f->page, 64 * MIB, NULL));
	OK(map_at(f, q + f->page, f->page, 64 * MIB + f->page, NULL));
	TRY(takes_off(f, s.stream, q, 2 * f->page, &flight));
	segments += (uint64_t)flight.n;
	for (i = 0; i < 60; i++) {
		uint64_t at = i * 7919 * 512 % (5 * GRANULE - 128 * KIB);

		TRY(takes_off(f, s.stream, s.p + at, 128 * KIB, &flight));
		segments += (uint64_t)flight.n;
		TRY(lands(s.stream, &flight));
	}
	c = stream_counters(s.stream);
	EXPECT(c.mapped && c.hits && c.misses && c.transient);
	EXPECT(c.mapped + c.hits + c.misses + c.transient == segments);
	EXPECT(!c.evictions && !c.again);
	OK(iom_stream_read_counters(s.stream, &longer.counters));
	EXPECT(!longer.tail && longer.counters.mapped == c.mapped);
	c.size = 0;
	REFUSED(iom_stream_read_counters(s.stream, &c), -EINVAL, "size");
	OK(iom_unmap(f->dom, &r));
	return over(&s);
}

const struct test stream_tests[] = {
	{ "stream-warm-costs-no-call", warm, NEEDS_EDU },
	{ "stream-shares-granules", shared, NEEDS_EDU },
	{ "stream-across-granules", across_granules, NEEDS_EDU },
	{ "stream-across-the-border-of-what-is-declared", across_the_border, NEEDS_EDU },
	{ "stream-declarations", declarations, NEEDS_DEVICE },
	{ "stream-flags", flags, NEEDS_EDU },
	{ "stream-read-only-memory", read_only, NEEDS_EDU },
	{ "stream-small-and-unaligned", small_and_unaligned, NEEDS_EDU },
	{ "stream-other-memory-at-the-address", other_memory_at_the_address, NEEDS_EDU },
	{ "stream-mapped-memory", mapped, NEEDS_EDU },
	{ "stream-nowait", nowait, NEEDS_EDU },
	{ "stream-too-many-segments", too_many, NEEDS_EDU },
	{ "stream-counters-add-up", add_up, NEEDS_EDU },
	{ NULL, NULL, NEEDS_EDU },
};
