// SPDX-License-Identifier: BSD-3-Clause
/* Streams: a map and its unmap, of memory that is mapped, and of granules that are cached. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "groups.h"
#include "world.h"

#define GRANULE (2 * MIB)
#define GRANULES 512 /* of a stream */
#define MAPPED (UINT64_C(1) << 44)
#define DECLARED (UINT64_C(1) << 45)
#define OTHERS (DECLARED + GIB * 64) /* declared too, for a second stream */
#define NEITHER (UINT64_C(1) << 46)  /* mapped nor declared */
#define IO 4096

#define ADDRESSES 16384 /* powers of two */
#define ADDRESSES_OF_MANY (1 << 20)
#define COUNTED_PAIRS 1000000

#define MAPPED_AT_MOST 1.5 /* times translate */
#define CACHED_AT_MOST 6
#define TWO_AT_MOST 1.25 /* times one alone, or two that have nothing in common */

/* A domain with all of these. */
struct streams {
	const char *backend;
	struct bench_world *world; /* NULL until a row wants it */
};

struct place {
	const char *name;
	uint64_t base;
	double at_most; /* times translate */
	double calls;   /* system calls for a pair; on POWER twice as many */
};

/* I/O at random places of an area. */
struct queue {
	struct bench_world *world;
	struct iom_stream *stream;
	uint64_t *addresses;
	size_t mask, next;
} __attribute__((aligned(128))); /* two threads' are not to share a line */

static uint64_t next_address(struct queue *queue)
{
	queue->next = (queue->next + 1) & queue->mask;
	return queue->addresses[queue->next];
}

static uint64_t pairs(void *arg, uint64_t ops)
{
	struct queue *queue = arg;
	struct iom_segment segments[2];
	uint64_t i;
	int n;

	for (i = 0; i < ops; i++) {
		n = iom_dma_map(queue->stream, (void *)(uintptr_t)next_address(queue), IO,
				IOM_MAP_RW, segments, ARRAY_SIZE(segments));
		if (n < 1)
			bench_fail("iom_dma_map: %s", strerror(-n));
		bench_use(segments[0].iova);
		if (iom_dma_unmap(queue->stream, segments, (size_t)n) < 0)
			bench_fail("iom_dma_unmap");
	}
	return ops;
}

static uint64_t translations(void *arg, uint64_t ops)
{
	struct queue *queue = arg;
	uint64_t i, contiguous;
	iom_iova_t iova;

	for (i = 0; i < ops; i++) {
		if (iom_translate(queue->world->dom, (void *)(uintptr_t)next_address(queue), IO,
				  &iova, &contiguous) < 0)
			bench_fail("iom_translate");
		bench_use(iova);
	}
	return ops;
}

static struct queue *new_queue_of(struct bench_world *world, uint64_t base, uint64_t places,
				  size_t addresses)
{
	struct queue *queue = aligned_alloc(_Alignof(struct queue), sizeof(*queue));
	uint64_t seed = base;
	size_t i;

	if (queue)
		queue->addresses = malloc(addresses * sizeof(*queue->addresses));
	if (!queue || !queue->addresses)
		bench_fail("no memory");
	queue->world = world;
	queue->mask = addresses - 1;
	queue->next = 0;
	bench_check(iom_stream_open(world->dom, &queue->stream), "iom_stream_open");
	for (i = 0; i < addresses; i++)
		queue->addresses[i] = base + bench_random(&seed) % places * IO;
	return queue;
}

static struct queue *new_queue(struct bench_world *world, uint64_t base)
{
	return new_queue_of(world, base, GRANULES * GRANULE / IO, ADDRESSES);
}

static void free_queue(struct queue *queue)
{
	iom_stream_close(queue->stream);
	free(queue->addresses);
	free(queue);
}

static struct bench_world *new_world(const struct streams *s)
{
	const struct bench_world_opts opts = {
		.backend = s->backend,
		.expect_bytes = 16 * GRANULES * GRANULE,
		.expect_page = GRANULE,
		.backing = GRANULE,
	};

	return bench_world_new(&opts);
}

static void declare(struct bench_world *world, uint64_t base)
{
	struct iom_memory *memory;

	bench_check(iom_memory_add(world->dom, (void *)(uintptr_t)base, GRANULES * GRANULE,
				   IOM_MAP_RW, &memory),
		    "iom_memory_add");
}

/* What a backend's rows need; when one is wanted. */
static void start(struct streams *s)
{
	size_t i;

	if (s->world)
		return;
	s->world = new_world(s);
	for (i = 0; i < GRANULES; i++)
		bench_map(s->world, MAPPED + i * GRANULE, GRANULE);
	declare(s->world, DECLARED);
	declare(s->world, OTHERS);
}

/* Beside the translation of what is mapped. */
static void compare(struct bench *b, struct streams *s, const struct place *place)
{
	struct queue *queue, *mapped;
	struct bench_row row = {
		.n = GRANULES,
		.rule = place->at_most ? BENCH_RATIO_AT_MOST : BENCH_NO_RULE,
		.target = place->at_most,
	};
	char name[64];

	snprintf(name, sizeof(name), "stream pair/%s/%s", place->name, s->backend);
	if (!bench_wants(b, name, GRANULES))
		return;
	start(s);
	queue = new_queue(s->world, place->base);
	mapped = new_queue(s->world, MAPPED);
	const struct bench_side sides[] = {
		{ .run = pairs, .arg = queue },
		{ .name = "iom_translate", .run = translations, .arg = mapped },
	};

	pairs(queue, ADDRESSES);
	row.name = name;
	row.backend = bench_world_backend(s->world);
	bench_compare(b, &row, sides, ARRAY_SIZE(sides), 0);
	free_queue(queue);
	free_queue(mapped);
}

/* The same of n mappings of one page each, which were made in random order. */
static void compare_pages(struct bench *b, size_t n)
{
	const struct bench_world_opts opts = { .backend = "type1" };
	size_t addresses = n > 10000 ? ADDRESSES_OF_MANY : ADDRESSES, i;
	struct bench_row row = {
		.name = "stream pair/mapped, of 4 KiB/type1",
		.n = n,
		.rule = BENCH_RATIO_AT_MOST,
		.target = MAPPED_AT_MOST,
	};
	struct queue *queue, *mapped;
	struct bench_world *world;
	uint32_t *order;

	if (!bench_wants(b, row.name, n))
		return;
	world = bench_world_new(&opts);
	order = bench_shuffled(n, n);
	for (i = 0; i < n; i++)
		bench_map(world, MAPPED + order[i] * (uint64_t)IO, IO);
	free(order);
	queue = new_queue_of(world, MAPPED, n, addresses);
	mapped = new_queue_of(world, MAPPED, n, addresses);
	const struct bench_side sides[] = {
		{ .run = pairs, .arg = queue },
		{ .name = "iom_translate", .run = translations, .arg = mapped },
	};

	row.backend = bench_world_backend(world);
	bench_compare(b, &row, sides, ARRAY_SIZE(sides), 0);
	free_queue(queue);
	free_queue(mapped);
	bench_world_free(world);
}

/* System calls of any kind, for a pair, once warm. */
static void count_calls(struct bench *b, struct streams *s, const struct place *place)
{
	uint64_t counted = bench_is_quick(b) ? COUNTED_PAIRS / 10 : COUNTED_PAIRS;
	bool is_power = !strcmp(s->backend, "pseries");
	struct bench_row row = {
		.n = counted,
		.unit = "calls",
		.rule = BENCH_VALUE_IS,
		.target = place->calls * (is_power ? 2 : 1),
	};
	struct bench_calls calls;
	struct queue *queue;
	char name[64];

	snprintf(name, sizeof(name), "stream calls/%s/%s", place->name, s->backend);
	if (!bench_wants(b, name, counted))
		return;
	start(s);
	queue = new_queue(s->world, place->base);
	pairs(queue, ADDRESSES);
	calls = bench_world_calls(s->world);
	pairs(queue, counted);
	calls = bench_calls_since(s->world, &calls);
	row.name = name;
	row.backend = bench_world_backend(s->world);
	bench_add_count(b, &row, (double)calls.all / (double)counted, 0);
	free_queue(queue);
}

/*
 * Two streams, each on granules of its own, beside one; and beside two of different domains, which
 * share nothing: where the two processors are threads of one core these lose as much, so that the
 * smaller loss counts.
 */
static void compare_two(struct bench *b, struct streams *s)
{
	struct bench_row row = { .rule = BENCH_RATIO_AT_MOST, .target = TWO_AT_MOST };
	struct bench_samples samples = { .turns = 0 };
	struct queue *one, *other, *stranger;
	struct bench_world *apart;
	struct bench_stat beside;
	char name[64], note[128];

	snprintf(name, sizeof(name), "two streams, two threads/%s", s->backend);
	if (!bench_wants(b, name, 0))
		return;
	start(s);
	apart = new_world(s);
	declare(apart, OTHERS);
	one = new_queue(s->world, DECLARED);
	other = new_queue(s->world, OTHERS);
	stranger = new_queue(apart, OTHERS);
	pairs(one, ADDRESSES);
	pairs(other, ADDRESSES);
	pairs(stranger, ADDRESSES);
	const struct bench_side sides[] = {
		{ .run = pairs, .arg = one, .arg2 = other },
		{ .name = "one alone", .run = pairs, .arg = one },
		{ .name = "two domains", .run = pairs, .arg = one, .arg2 = stranger },
	};

	bench_measure(b, sides, ARRAY_SIZE(sides), 0, &samples);
	row.name = name;
	row.backend = bench_world_backend(s->world);
	row.clock = "cpu";
	row.value = bench_stat(&samples, 0);
	row.reference = sides[1].name;
	row.reference_value = bench_stat(&samples, 1);
	row.ratio = bench_ratio(&samples, 0, 1);
	beside = bench_ratio(&samples, 0, 2);
	snprintf(note, sizeof(note),
		 "ratio: to one alone %.2f, to two of different domains %.2f: the smaller; waited for "
		 "something %llu times",
		 row.ratio.median, beside.median, (unsigned long long)samples.waits);
	if (beside.median < row.ratio.median) {
		row.reference = sides[2].name;
		row.reference_value = bench_stat(&samples, 2);
		row.ratio = beside;
	}
	row.note = note;
	bench_add(b, &row);
	free_queue(one);
	free_queue(other);
	free_queue(stranger);
	bench_world_free(apart);
}

static void run(struct bench *b)
{
	static const char *const backends[] = { "type1", "iommufd", "pseries" };
	static const struct place places[] = {
		{ "mapped", MAPPED, MAPPED_AT_MOST, 0 },
		{ "cached", DECLARED, CACHED_AT_MOST, 0 },
		{ "neither", NEITHER, 0, 2 },
	};
	static const size_t sizes[] = { 1000, 10000, 100000 };
	struct streams s;
	size_t i, j;

	for (i = 0; i < ARRAY_SIZE(backends); i++) {
		s = (struct streams){ .backend = backends[i] };
		for (j = 0; j < ARRAY_SIZE(places); j++) {
			compare(b, &s, &places[j]);
			count_calls(b, &s, &places[j]);
		}
		compare_two(b, &s);
		bench_world_free(s.world);
	}
	for (i = 0; i < ARRAY_SIZE(sizes); i++)
		if (bench_quick_limit(b, sizes[i]) == sizes[i])
			compare_pages(b, sizes[i]);
}

const struct bench_group bench_group_stream = {
	"stream", "Streaming maps of 4 KiB at random places, map and unmap together", run
};
