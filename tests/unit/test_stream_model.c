// SPDX-License-Identifier: BSD-3-Clause
/*
 * Random calls of several streams, over memory that is declared, mapped, or neither, in little room,
 * against plain lists of what must be so.  After each, the device reaches what is in flight, and at
 * intervals all that the kernel has is accounted for.
 */
#include "tests/unit/runner.h"
#include "tests/unit/stream_rig.h"

#define STEPS 6000
#define STREAMS 3
#define FLIGHTS 6 /* of each */
#define DECLARED 5
#define MAPS 4

#define BITS 24 /* that the device can drive: 16 MiB, room for 7 granules */
#define BYTES (2 * GRANULES * GRANULE)

struct queue {
	struct iom_stream *stream;
	struct flight flights[FLIGHTS]; /* n is 0: it is not in flight */
	uint64_t segments, again;
};

struct declaration {
	struct iom_memory *mem; /* NULL: none */
	uint64_t start, length; /* in memory */
	unsigned int flags;
};

static struct {
	struct queue queues[STREAMS];
	struct declaration declared[DECLARED];
	struct iom_region maps[MAPS]; /* length is 0: none */
	uint64_t random;
} model;

static uint64_t below_n(uint64_t n)
{
	return random_below(&model.random, n);
}

/* ---- What the lists say --------------------------------------------------------------------------- */

static bool meet(uint64_t a, uint64_t a_length, uint64_t b, uint64_t b_length)
{
	return a < b + b_length && b < a + a_length;
}

static uint64_t offset_of(const void *va)
{
	return (uint64_t)((const char *)va - memory);
}

static bool map_meets(const struct iom_region *map, uint64_t start, uint64_t length)
{
	return map->length && meet(start, length, offset_of(map->va), map->length);
}

static const struct iom_region *map_of(uint64_t start, uint64_t length)
{
	size_t i;

	for (i = 0; i < MAPS; i++)
		if (map_meets(&model.maps[i], start, length))
			return &model.maps[i];
	return NULL;
}

static const struct declaration *declaration_of(uint64_t start, uint64_t length)
{
	size_t i;

	for (i = 0; i < DECLARED; i++)
		if (model.declared[i].mem &&
		    meet(start, length, model.declared[i].start, model.declared[i].length))
			return &model.declared[i];
	return NULL;
}

static bool is_in_flight(uint64_t start, uint64_t length)
{
	unsigned int q, i;

	for (q = 0; q < STREAMS; q++)
		for (i = 0; i < FLIGHTS; i++)
			if (model.queues[q].flights[i].n &&
			    meet(start, length, offset_of(model.queues[q].flights[i].va),
				 model.queues[q].flights[i].length))
				return true;
	return false;
}

/* By a segment of its own, and not by what was mapped when it took off. */
static bool has_cookie(const struct flight *f, uint64_t start, uint64_t length)
{
	uint64_t at = offset_of(f->va);
	int s;

	for (s = 0; s < f->n; at += f->segments[s++].length)
		if (f->segments[s].cookie && meet(start, length, at, f->segments[s].length))
			return true;
	return false;
}

static bool has_cookie_in(uint64_t start, uint64_t length)
{
	unsigned int q, i;

	for (q = 0; q < STREAMS; q++)
		for (i = 0; i < FLIGHTS; i++)
			if (has_cookie(&model.queues[q].flights[i], start, length))
				return true;
	return false;
}

/* What is declared for less, and not mapped anyway, is all that may not be accessed so. */
static bool is_allowed(uint64_t start, uint64_t length, unsigned int flags)
{
	uint64_t at;

	for (at = start; at < start + length; at = (at / PAGE + 1) * PAGE) {
		const struct declaration *d = declaration_of(at, 1);

		if (d && !map_of(at, 1) && flags & ~d->flags)
			return false;
	}
	return true;
}

/* ---- Flights -------------------------------------------------------------------------------------- */

/* As it takes off: what the first byte of a segment is found as, its length and cookie tell. */
static void check_segment(const struct iom_segment *s, uint64_t at)
{
	const struct iom_region *map = map_of(at, 1);

	if (map) {
		ck_assert_uint_eq(s->cookie, 0);
		ck_assert_uint_eq(s->iova, iom_region_iova(map, memory + at));
		return;
	}
	ck_assert_uint_ne(s->cookie, 0);
	ck_assert_uint_eq(s->iova % PAGE, at % PAGE);
	ck_assert_uint_le(s->iova + s->length, UINT64_C(1) << BITS);
	/* of declared memory it is a part of a granule */
	if (declaration_of(at, 1))
		ck_assert_uint_le(at % GRANULE + s->length, GRANULE);
}

static void check_flight(const struct flight *f)
{
	uint64_t at = offset_of(f->va), sum = 0;
	int i;

	for (i = 0; i < f->n; i++) {
		ck_assert_uint_gt(f->segments[i].length, 0);
		check_segment(&f->segments[i], at + sum);
		sum += f->segments[i].length;
	}
	ck_assert_uint_eq(sum, f->length);
	ck_assert_uint_le((uint64_t)f->n, f->length / 4096 + 2);
}

/* Mostly small, often across the border of a granule. */
static void choose(uint64_t *start, uint64_t *length)
{
	*length = below_n(8) ? 1 + below_n(4 * PAGE) : 1 + below_n(2 * GRANULE);
	*start = below_n(BYTES - *length);
	if (below_n(3) == 0 && *start > 2 * GRANULE)
		*start = *start / GRANULE * GRANULE - below_n(*length);
}

/* There is a reason not to have it now: it must not wait, or other things have the room. */
static void check_refusal(const struct flight *f, unsigned int flags)
{
	if (f->n == -EFAULT) {
		ck_assert(!is_allowed(offset_of(f->va), f->length, flags & IOM_MAP_RW));
		return;
	}
	/* there, what shares a registration with what is mapped still may be refused */
	if (!rig_is_power() || f->n != -EBUSY)
		ck_assert_msg(f->n == -EAGAIN || f->n == -ENOSPC, "dma_map: %d", f->n);
	ck_assert(flags & IOM_NOWAIT || is_in_flight(0, BYTES) || map_of(0, BYTES) ||
		  (f->n == -EBUSY && declaration_of(0, BYTES)));
}

static void take_off(struct queue *q, struct flight *f)
{
	unsigned int flags = below_n(4) ? IOM_MAP_RW : IOM_MAP_READ, calls;
	uint64_t start, length;

	choose(&start, &length);
	if (below_n(8) == 0)
		flags |= IOM_NOWAIT;
	*f = (struct flight){ .va = memory + start, .length = length };
	calls = iom_sim_calls(rig.sim);
	f->n = iom_dma_map(q->stream, f->va, length, flags, f->segments, SEGMENTS);
	if (flags & IOM_NOWAIT)
		ck_assert_uint_eq(iom_sim_calls(rig.sim), calls);
	if (f->n > 0) {
		ck_assert(is_allowed(start, length, flags & IOM_MAP_RW));
		check_flight(f);
		q->segments += (uint64_t)f->n;
		return;
	}
	q->again += f->n == -EAGAIN;
	check_refusal(f, flags);
	f->n = 0;
}

/* What is neither mapped nor declared is reached no more. */
static void land_one(struct queue *q, struct flight *f)
{
	struct flight landed = *f;
	int i;

	ck_assert_ok(land_in(q->stream, f));
	f->n = 0;
	for (i = 0; i < landed.n; i++) {
		const struct iom_segment *s = &landed.segments[i];

		if (s->cookie && !declaration_of(offset_of(landed.va), landed.length))
			ck_assert(dma_misses(NVME, s->iova, s->length));
	}
}

static void try_flight(void)
{
	struct queue *q = &model.queues[below_n(STREAMS)];
	struct flight *f = &q->flights[below_n(FLIGHTS)];

	if (f->n)
		land_one(q, f);
	else
		take_off(q, f);
}

/* ---- Other calls ---------------------------------------------------------------------------------- */

static void remove_declaration(struct declaration *d)
{
	int expected = has_cookie_in(d->start, d->length) || map_of(d->start, d->length) ? -EBUSY
											 : 0;
	int ret = iom_memory_remove(d->mem);

	ck_assert_msg(ret == expected, "remove: %d, not %d: %s", ret, expected, iom_errmsg());
	if (!ret)
		d->mem = NULL;
}

static void try_declare(void)
{
	struct declaration *d = &model.declared[below_n(DECLARED)];
	uint64_t start, length;
	struct iom_memory *mem;
	int ret, expected;

	if (d->mem) {
		remove_declaration(d);
		return;
	}
	length = (1 + below_n(below_n(2) ? 6 : 3 * GRANULE / PAGE)) * PAGE;
	start = below_n((BYTES - length) / PAGE) * PAGE;
	expected = declaration_of(start, length) ? -EEXIST : 0;
	d->flags = below_n(4) ? IOM_MAP_RW : IOM_MAP_READ;
	ret = iom_memory_add(rig.dom, memory + start, length, d->flags, &mem);
	/* POWER: parts of it are registered apart */
	if (!expected && rig_is_power() && ret == -EBUSY)
		return;
	ck_assert_msg(ret == expected, "declare: %d, not %d: %s", ret, expected, iom_errmsg());
	if (ret)
		return;
	d->mem = mem;
	d->start = start;
	d->length = length;
}

static void try_map(void)
{
	struct iom_region *map = &model.maps[below_n(MAPS)];
	uint64_t length = (1 + below_n(32)) * PAGE, start = below_n((BYTES - length) / PAGE) * PAGE;
	int ret, expected;

	if (map->length) {
		/* it is for the caller not to unmap it while it is in flight */
		if (is_in_flight(offset_of(map->va), map->length))
			return;
		ck_assert_ok(iom_unmap(rig.dom, map));
		map->length = 0;
		return;
	}
	expected = map_of(start, length) ? -EEXIST : 0;
	ret = map_any(memory + start, length, map);
	if (ret)
		map->length = 0;
	if (!expected && (ret == -ENOSPC || (rig_is_power() && ret == -EBUSY)))
		ck_assert(is_in_flight(0, BYTES));
	else
		ck_assert_msg(ret == expected, "map: %d, not %d: %s", ret, expected, iom_errmsg());
}

/* Another stream in its place; what was in flight is not any more. */
static void try_reopen(void)
{
	struct queue *q = &model.queues[below_n(STREAMS)];
	struct iom_stream_counters c = stream_counters(q->stream);

	ck_assert_uint_eq(c.mapped + c.hits + c.misses + c.transient, q->segments);
	ck_assert_uint_eq(c.again, q->again);
	iom_stream_close(q->stream);
	memset(q, 0, sizeof(*q));
	ck_assert_ok(iom_stream_open(rig.dom, &q->stream));
}

static void try_unmap_all(void)
{
	size_t i;

	for (i = 0; i < MAPS; i++)
		if (model.maps[i].length &&
		    is_in_flight(offset_of(model.maps[i].va), model.maps[i].length))
			return;
	ck_assert_ok(iom_unmap_all(rig.dom));
	for (i = 0; i < MAPS; i++)
		model.maps[i].length = 0;
}

static void try_reattach(void)
{
	iom_detach(rig.nvme);
	ck_assert_ok(attach_bits(NVME, BITS, &rig.nvme));
}

static void step(void)
{
	uint64_t dice = below_n(1000);

	if (dice < 800)
		try_flight();
	else if (dice < 880)
		try_declare();
	else if (dice < 970)
		try_map();
	else if (dice < 985)
		try_reopen();
	else if (dice < 990)
		try_unmap_all();
	else
		try_reattach();
}

/* ---- What is so ----------------------------------------------------------------------------------- */

/* A page that the kernel has is mapped there, or in flight, or declared. */
static bool is_accounted_for(uint64_t iova, uint64_t at)
{
	const struct iom_region *map = map_of(at, 1);

	return declaration_of(at, 1) || has_cookie_in(at, PAGE) ||
	       (map && iom_region_iova(map, memory + at) == iova);
}

static int account(void *arg, uint64_t iova, void *va, uint64_t length, uint32_t flags)
{
	uint64_t at = offset_of(va), done;

	(void)arg;
	(void)flags;
	for (done = 0; done < length; done += PAGE)
		if (at + done >= BYTES || !is_accounted_for(iova + done, at + done))
			return -ENOENT;
	return 0;
}

static void check_all(void)
{
	size_t i;

	for (i = 0; i < MAPS; i++)
		if (model.maps[i].length)
			ck_assert(dma_works(NVME, &model.maps[i]));
	ck_assert_int_eq(iom_sim_each_map(rig.sim, NVME, account, NULL), 0);
	ck_assert_uint_eq(rig_counters().quarantined_bytes, 0);
	ck_assert_uint_eq(rig_counters().mapped_bytes, iom_sim_mapped_bytes(rig.sim));
}

/* The device reaches one that flies. */
static void check_one(void)
{
	const struct flight *f = &model.queues[below_n(STREAMS)].flights[below_n(FLIGHTS)];
	char *at = f->va;
	int i;

	for (i = 0; i < f->n; i++) {
		const struct iom_segment *s = &f->segments[i];

		ck_assert(dma_reads(NVME, s->iova, at, s->length < 64 ? s->length : 64));
		at += s->length;
		ck_assert(dma_reads(NVME, s->iova + s->length - 1, at - 1, 1));
	}
}

static void end(void)
{
	unsigned int q, i;

	for (q = 0; q < STREAMS; q++) {
		for (i = 0; i < FLIGHTS; i++)
			ck_assert_ok(land_in(model.queues[q].stream, &model.queues[q].flights[i]));
		iom_stream_close(model.queues[q].stream);
	}
	ck_assert_ok(iom_unmap_all(rig.dom));
	for (i = 0; i < DECLARED; i++)
		if (model.declared[i].mem)
			ck_assert_ok(iom_memory_remove(model.declared[i].mem));
	ck_assert_uint_eq(iom_sim_mapped_bytes(rig.sim), 0);
	ck_assert_uint_eq(rig_counters().mapped_bytes, 0);
	ck_assert_works();
}

START_TEST(same_as_lists)
{
	uint64_t at;
	unsigned int i;

	have_memory();
	memset(&model, 0, sizeof(model));
	model.random = random_start();
	/* bytes that tell where they are from */
	for (at = 0; at < BYTES; at += 8)
		memcpy(memory + at, &at, 8);
	rig_domain(NULL);
	ck_assert_ok(attach_bits(NVME, BITS, &rig.nvme));
	for (i = 0; i < STREAMS; i++)
		ck_assert_ok(iom_stream_open(rig.dom, &model.queues[i].stream));
	for (i = 0; i < STEPS; i++) {
		step();
		check_one();
		if (i % 16 == 0)
			check_all();
	}
	end();
	tear_down();
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("stream_model");
	TCase *tcase = tcase_create("model");

	tcase_set_timeout(tcase, 300);
	tcase_add_test(tcase, same_as_lists);
	suite_add_tcase(suite, tcase);
	return run_suite(suite);
}
