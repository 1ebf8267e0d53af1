/* SPDX-License-Identifier: BSD-3-Clause */
/* Declared memory and streams on a simulated machine. */
#ifndef IOM_TEST_STREAM_RIG_H
#define IOM_TEST_STREAM_RIG_H

#include "tests/unit/domain_rig.h"

#define GRANULE (2 * MIB)
#define GRANULES UINT64_C(12) /* of declared memory; more than fit into 24 bits */
#define SEGMENTS 16

/* A buffer that is in flight. */
struct flight {
	char *va;
	uint64_t length;
	struct iom_segment segments[SEGMENTS];
	int n;
};

static char *memory; /* these granules, and as much that is not declared */
static struct iom_memory *declared;
static struct iom_stream *stream;

/* Once in each process: the pages stay, which saves time. */
static inline void have_memory(void)
{
	memory = rig_memory_at(2 * GRANULES * GRANULE, GRANULE, 0);
}

static inline char *undeclared(void)
{
	return memory + GRANULES * GRANULE;
}

static inline int attach_bits(const char *address, unsigned int bits, struct iom_device **dev)
{
	const struct iom_attach_opts opts = { .size = sizeof(opts), .dma_bits = bits };

	return iom_attach(rig.dom, address, &opts, dev);
}

static inline void declare(void)
{
	ck_assert_ok(iom_memory_add(rig.dom, memory, GRANULES * GRANULE, IOM_MAP_RW, &declared));
}

/* A device that drives so many bits, declared memory and a stream. */
static inline void stream_start(unsigned int bits)
{
	rig_domain(NULL);
	ck_assert_ok(attach_bits(NVME, bits, &rig.nvme));
	declare();
	ck_assert_ok(iom_stream_open(rig.dom, &stream));
}

static inline struct iom_stream_counters stream_counters(const struct iom_stream *s)
{
	struct iom_stream_counters c = { .size = sizeof(c) };

	ck_assert_ok(iom_stream_read_counters(s, &c));
	return c;
}

/* Failures leave no sentence: the one before stays.  Check is told only if not: it allocates. */
static inline int fly_in(struct iom_stream *s, char *va, uint64_t length, struct flight *f)
{
	const char *sentence = iom_errmsg();
	char before[512];

	snprintf(before, sizeof(before), "%s", sentence);
	*f = (struct flight){ .va = va, .length = length };
	f->n = iom_dma_map(s, va, length, IOM_MAP_RW, f->segments, SEGMENTS);
	if (strncmp(before, iom_errmsg(), sizeof(before) - 1) != 0)
		ck_abort_msg("a sentence: %s", iom_errmsg());
	return f->n;
}

static inline int fly(char *va, uint64_t length, struct flight *f)
{
	return fly_in(stream, va, length, f);
}

static inline int land_in(struct iom_stream *s, struct flight *f)
{
	return iom_dma_unmap(s, f->segments, (size_t)f->n);
}

static inline int land(struct flight *f)
{
	return land_in(stream, f);
}

/* Used, and not in flight any more: it stays mapped. */
static inline void warm_up(uint64_t first, uint64_t n)
{
	struct flight f;
	uint64_t i;

	for (i = first; i < first + n; i++) {
		ck_assert_int_eq(fly(memory + i * GRANULE, GRANULE, &f), 1);
		ck_assert_ok(land(&f));
	}
}

/* The device reaches all of it where the segments say. */
static inline bool flies(const char *address, const struct flight *f)
{
	uint64_t done = 0;
	int i;

	for (i = 0; i < f->n; i++) {
		const struct iom_segment *s = &f->segments[i];
		char *first = f->va + done, *last = first + s->length - 1;
		char a = (char)(*first + 1), b;

		if (iom_sim_dma_write(rig.sim, address, s->iova, &a, 1) < 0 || *first != a)
			return false;
		b = (char)(*last + 1);
		if (iom_sim_dma_write(rig.sim, address, s->iova + s->length - 1, &b, 1) < 0 ||
		    *last != b || !dma_reads(address, s->iova + s->length - 1, &b, 1))
			return false;
		done += s->length;
	}
	return done == f->length;
}

/* Nothing of it is reached any more. */
static inline bool is_gone(const char *address, const struct flight *f)
{
	int i;

	for (i = 0; i < f->n; i++)
		if (!dma_misses(address, f->segments[i].iova, f->segments[i].length))
			return false;
	return true;
}

#endif
