// SPDX-License-Identifier: BSD-3-Clause
/* Instructions of the hot functions, with the loop around them; see count.c. */
#include <stdlib.h>

#include "groups.h"
#include "world.h"

#define PIECE (2 * MIB)
#define BASE (UINT64_C(1) << 44)
#define DECLARED (UINT64_C(1) << 45)
#define PIECES 1000
#define OPS 50000
#define IO 4096

#define PAIR_AT_MOST 1500

#define BUFS 1024 /* of the pool */

#define PLACES 1024 /* a power of two: little is spent on the next one */

/* Many pieces mapped, as many declared, a stream and a pool; and pages of each, here and there. */
struct hot {
	struct bench_world *world;
	struct iom_stream *stream;
	struct iom_buf_pool *pool;
	size_t pieces;
	struct iom_region regions[PIECES];
	void *mapped[PLACES], *declared[PLACES];
	iom_iova_t iovas[PLACES];
};

static void *new_hot(const struct bench_counted *counted, const char **backend)
{
	const struct bench_world_opts opts = { .backend = counted->by };
	const size_t pieces = counted->mappings;
	struct hot *hot = calloc(1, sizeof(*hot));
	struct iom_memory *memory;
	size_t i;

	if (!hot)
		bench_fail("no memory");
	hot->world = bench_world_new(&opts);
	hot->pieces = pieces;
	for (i = 0; i < pieces; i++)
		bench_check(iom_map(hot->world->dom, (void *)(uintptr_t)(BASE + i * PIECE), PIECE,
				    IOM_MAP_RW, NULL, &hot->regions[i]),
			    "iom_map");
	bench_check(iom_memory_add(hot->world->dom, (void *)(uintptr_t)DECLARED, pieces * PIECE,
				   IOM_MAP_RW, &memory),
		    "iom_memory_add");
	bench_check(iom_stream_open(hot->world->dom, &hot->stream), "iom_stream_open");
	bench_check(iom_buf_pool_open(hot->world->dom, 2 * KIB, BUFS, NULL, &hot->pool),
		    "iom_buf_pool_open");
	for (i = 0; i < PLACES; i++) {
		uint64_t piece = i % pieces, offset = i * 377 % (PIECE / IO) * IO;

		hot->mapped[i] = (void *)(uintptr_t)(BASE + piece * PIECE + offset);
		hot->declared[i] = (void *)(uintptr_t)(DECLARED + piece * PIECE + offset);
		hot->iovas[i] = hot->regions[piece].iova + offset;
	}
	*backend = bench_world_backend(hot->world);
	return hot;
}

static uint64_t translate(void *arg, uint64_t ops)
{
	struct hot *hot = arg;
	uint64_t i, contiguous;
	iom_iova_t iova;

	for (i = 0; i < ops; i++) {
		iom_translate(hot->world->dom, hot->mapped[i % PLACES], IO, &iova, &contiguous);
		bench_use(iova);
	}
	return ops;
}

static uint64_t iova_to_va(void *arg, uint64_t ops)
{
	struct hot *hot = arg;
	uint64_t i, contiguous;
	void *va;

	for (i = 0; i < ops; i++) {
		iom_iova_to_va(hot->world->dom, hot->iovas[i % PLACES], IO, &va, &contiguous);
		bench_use((uintptr_t)va);
	}
	return ops;
}

static uint64_t stream(struct hot *hot, void *const places[PLACES], uint64_t ops)
{
	struct iom_segment segments[2];
	uint64_t i;
	int n;

	for (i = 0; i < ops; i++) {
		n = iom_dma_map(hot->stream, places[i % PLACES], IO, IOM_MAP_RW, segments,
				ARRAY_SIZE(segments));
		if (n < 1 || iom_dma_unmap(hot->stream, segments, (size_t)n) < 0)
			bench_fail("a stream's pair");
	}
	return ops;
}

static uint64_t stream_mapped(void *arg, uint64_t ops)
{
	struct hot *hot = arg;

	return stream(hot, hot->mapped, ops);
}

static uint64_t stream_cached(void *arg, uint64_t ops)
{
	struct hot *hot = arg;

	return stream(hot, hot->declared, ops);
}

static uint64_t get_and_put(void *arg, uint64_t ops)
{
	struct hot *hot = arg;
	struct iom_buf buf;
	uint64_t i;

	for (i = 0; i < ops; i++) {
		if (iom_buf_get(hot->pool, &buf) < 0)
			bench_fail("iom_buf_get");
		bench_use(buf.iova);
		if (iom_buf_put(hot->pool, &buf) < 0)
			bench_fail("iom_buf_put");
	}
	return ops;
}

static void *new_warm(const struct bench_counted *counted, const char **backend)
{
	struct hot *hot = new_hot(counted, backend);

	stream_cached(hot, PLACES);
	return hot;
}

/* In no order that a tree would like. */
static uint64_t map_unmap(void *arg, uint64_t ops)
{
	struct hot *hot = arg;
	struct iom_region *region;
	uint64_t i;

	for (i = 0; i < ops; i++) {
		region = &hot->regions[i * 377 % hot->pieces];
		if (iom_unmap(hot->world->dom, region) < 0 ||
		    iom_map(hot->world->dom, region->va, PIECE, IOM_MAP_RW, NULL, region) < 0)
			bench_fail("map and unmap: %s", iom_errmsg());
	}
	return ops;
}

static void run(struct bench *b)
{
	static const struct bench_counted rows[] = {
#define ROW(name, run, by, mappings, most) \
	{ "instructions/" name, new_hot, run, OPS, by, mappings, most }
		ROW("iom_translate", translate, "type1", PIECES, 0),
		ROW("iom_iova_to_va", iova_to_va, "type1", PIECES, 0),
		ROW("stream pair, mapped", stream_mapped, "type1", PIECES, 0),
		{ "instructions/stream pair, cached", new_warm, stream_cached, OPS, "type1", PIECES,
		  0 },
		ROW("iom_buf_get, iom_buf_put", get_and_put, "type1", PIECES, 0),
		ROW("map+unmap/type1", map_unmap, "type1", 1, PAIR_AT_MOST),
		ROW("map+unmap/iommufd", map_unmap, "iommufd", 1, PAIR_AT_MOST),
		ROW("map+unmap/powernv", map_unmap, "powernv", 1, 0),
		ROW("map+unmap/pseries", map_unmap, "pseries", 1, 0),
		ROW("map+unmap of 1000/type1", map_unmap, "type1", PIECES, 0),
		ROW("map+unmap of 1000/iommufd", map_unmap, "iommufd", PIECES, 0),
		ROW("map+unmap of 1000/powernv", map_unmap, "powernv", PIECES, 0),
		ROW("map+unmap of 1000/pseries", map_unmap, "pseries", PIECES, 0),
#undef ROW
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(rows); i++)
		bench_count_instructions(b, &rows[i]);
}

const struct bench_group bench_group_count = {
	"count", "Instructions of the hot functions, the loop around them included; 1000 mappings",
	run
};
