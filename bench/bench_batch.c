// SPDX-License-Identifier: BSD-3-Clause
/* Batches: how many kernel calls, and what fits under the kernel's limit. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "groups.h"
#include "world.h"

#define PIECE (2 * MIB)
#define BASE (UINT64_C(1) << 44)
#define BATCH 4096
#define LARGE 131072      /* pieces: 256 GiB */
#define ENTRY_LIMIT 65535 /* type1's, by default */
#define RUN 4             /* pieces that are next to each other */

struct batch {
	struct iom_piece *pieces;
	struct iom_region *regions;
	size_t n;
};

/* n pieces in random order, after each of which with a number divisible by run one is left out. */
static struct batch make_batch(uint64_t base, size_t n, size_t run)
{
	struct batch batch = { .n = n };
	uint32_t *order = bench_shuffled(n, n + run);
	size_t i;

	batch.pieces = calloc(n, sizeof(*batch.pieces));
	batch.regions = calloc(n, sizeof(*batch.regions));
	if (!batch.pieces || !batch.regions)
		bench_fail("no memory");
	for (i = 0; i < n; i++) {
		batch.pieces[i].va =
			(void *)(uintptr_t)(base + (order[i] + order[i] / run) * PIECE);
		batch.pieces[i].length = PIECE;
	}
	free(order);
	return batch;
}

static void free_batch(struct batch *batch)
{
	free(batch->pieces);
	free(batch->regions);
}

static void map_batch(const struct bench_world *world, struct batch *batch)
{
	bench_check(iom_mapv(world->dom, batch->pieces, batch->n, IOM_MAP_RW, NULL, batch->regions),
		    "iom_mapv");
}

static uint64_t map_calls(const struct bench_calls *calls)
{
	return calls->maps + calls->registers;
}

static uint64_t unmap_calls(const struct bench_calls *calls)
{
	return calls->unmaps + calls->unregisters;
}

struct shape {
	const char *name;
	size_t run; /* pieces */
};

/* One call for a run, two on POWER, which registers as well. */
static void count_calls(struct bench *b, const char *backend, bool is_power,
			const struct shape *shape)
{
	const struct bench_world_opts opts = {
		.backend = backend,
		.expect_bytes = 4 * BATCH * PIECE,
		.expect_page = PIECE,
		.backing = PIECE,
	};
	struct bench_row row = {
		.n = BATCH,
		.unit = "calls",
		.rule = BENCH_VALUE_IS,
		.target = (double)(BATCH / shape->run) * (is_power ? 2 : 1),
	};
	char name[64], unmap_name[64];
	struct bench_world *world;
	struct bench_calls calls;
	struct batch batch;

	snprintf(name, sizeof(name), "mapv calls/%s/%s", shape->name, backend);
	snprintf(unmap_name, sizeof(unmap_name), "unmapv calls/%s/%s", shape->name, backend);
	if (!bench_wants(b, name, BATCH) && !bench_wants(b, unmap_name, BATCH))
		return;
	world = bench_world_new(&opts);
	batch = make_batch(BASE, BATCH, shape->run);
	row.backend = bench_world_backend(world);
	calls = bench_world_calls(world);
	map_batch(world, &batch);
	calls = bench_calls_since(world, &calls);
	row.name = name;
	bench_add_count(b, &row, (double)map_calls(&calls), 0);
	calls = bench_world_calls(world);
	bench_check(iom_unmapv(world->dom, batch.regions, batch.n), "iom_unmapv");
	calls = bench_calls_since(world, &calls);
	row.name = unmap_name;
	/* runs that happen to be next to each other in IOVAs go together */
	row.rule = BENCH_VALUE_AT_MOST;
	bench_add_count(b, &row, (double)unmap_calls(&calls), 0);
	free_batch(&batch);
	bench_world_free(world);
}

/* Address space alone: what the simulated kernel is shown, and nobody touches. */
static uint64_t reserve(uint64_t length)
{
	void *p = mmap(NULL, length + PIECE, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	return p == MAP_FAILED ? 0 : ((uintptr_t)p + PIECE - 1) & -PIECE;
}

static void count_entries(struct bench *b, const struct bench_world *world, uint64_t base)
{
	const struct bench_row row = {
		.name = "mapv entries/runs of 4",
		.n = LARGE,
		.unit = "entries",
		.backend = bench_world_backend(world),
		.rule = BENCH_VALUE_IS,
		.target = LARGE / RUN,
	};
	struct iom_counters counters = { .size = sizeof(counters) };
	struct batch batch = make_batch(base, LARGE, RUN);

	map_batch(world, &batch);
	bench_check(iom_read_counters(world->dom, &counters), "iom_read_counters");
	bench_add_count(b, &row, (double)counters.entries_used, 0);
	bench_check(iom_unmapv(world->dom, batch.regions, batch.n), "iom_unmapv");
	free_batch(&batch);
}

static void count_refused(struct bench *b, const struct bench_world *world, uint64_t base)
{
	struct bench_row row = {
		.name = "mapv entries/scattered, refused",
		.n = LARGE,
		.unit = "entries",
		.backend = bench_world_backend(world),
		.rule = BENCH_VALUE_IS,
		.target = 0,
	};
	struct iom_counters counters = { .size = sizeof(counters) };
	struct batch batch = make_batch(base, LARGE, 1);
	int ret;

	ret = iom_mapv(world->dom, batch.pieces, batch.n, IOM_MAP_RW, NULL, batch.regions);
	if (ret != -ENOSPC)
		bench_fail("mapv of %d scattered pieces: %d, not -ENOSPC", LARGE, ret);
	row.note = iom_errmsg();
	bench_check(iom_read_counters(world->dom, &counters), "iom_read_counters");
	if (counters.mappings)
		bench_fail("a batch that was refused has left %" PRIu64 " mappings",
			   counters.mappings);
	bench_add_count(b, &row, (double)counters.entries_used, 0);
	free_batch(&batch);
}

/* Under the limit that type1 has, in a kernel that keeps it. */
static void fill_type1(struct bench *b)
{
	const struct bench_world_opts opts = {
		.backend = "type1",
		.simulate = true,
		.dma_entry_limit = ENTRY_LIMIT,
	};
	uint64_t length = 2 * LARGE * PIECE, base;
	struct bench_world *world;

	if (!bench_wants(b, "mapv entries/runs of 4", LARGE) &&
	    !bench_wants(b, "mapv entries/scattered, refused", LARGE))
		return;
	base = reserve(length);
	if (!base) {
		bench_add_missing(b,
				  &(struct bench_row){
					  .name = "mapv entries", .n = LARGE, .backend = "type1" },
				  "no room in the address space for 512 GiB");
		return;
	}
	world = bench_world_new(&opts);
	count_entries(b, world, base);
	count_refused(b, world, base);
	bench_world_free(world);
	munmap((void *)(uintptr_t)base, length);
}

struct timed {
	struct bench_world *world;
	struct batch batch;
};

static uint64_t batches(void *arg, uint64_t ops)
{
	struct timed *timed = arg;
	struct batch *batch = &timed->batch;
	uint64_t done;

	for (done = 0; done < ops; done += batch->n) {
		map_batch(timed->world, batch);
		bench_check(iom_unmapv(timed->world->dom, batch->regions, batch->n), "iom_unmapv");
	}
	return done;
}

static uint64_t singles(void *arg, uint64_t ops)
{
	struct timed *timed = arg;
	struct batch *batch = &timed->batch;
	uint64_t done;
	size_t i;

	for (done = 0; done < ops; done += batch->n) {
		for (i = 0; i < batch->n; i++)
			bench_check(iom_map(timed->world->dom, batch->pieces[i].va, PIECE,
					    IOM_MAP_RW, NULL, &batch->regions[i]),
				    "iom_map");
		for (i = 0; i < batch->n; i++)
			bench_check(iom_unmap(timed->world->dom, &batch->regions[i]), "iom_unmap");
	}
	return done;
}

/* A piece of a batch beside one by itself, the kernel's cost taken out. */
static void compare_pieces(struct bench *b, const struct shape *shape)
{
	const struct bench_world_opts opts = { .backend = "type1" };
	struct bench_row row = { .n = BATCH };
	struct timed timed;
	char name[64];

	snprintf(name, sizeof(name), "mapv+unmapv, a piece/%s", shape->name);
	if (!bench_wants(b, name, BATCH))
		return;
	timed.world = bench_world_new(&opts);
	timed.batch = make_batch(BASE, BATCH, shape->run);
	row.name = name;
	row.backend = bench_world_backend(timed.world);
	const struct bench_side sides[] = {
		{ .run = batches, .arg = &timed },
		{ .name = "one by one", .run = singles, .arg = &timed },
	};

	bench_compare(b, &row, sides, ARRAY_SIZE(sides), 0);
	free_batch(&timed.batch);
	bench_world_free(timed.world);
}

static void run(struct bench *b)
{
	static const struct shape shapes[] = { { "contiguous", BATCH }, { "scattered", 1 } };
	size_t i;

	for (i = 0; i < ARRAY_SIZE(shapes); i++) {
		count_calls(b, "type1", false, &shapes[i]);
		count_calls(b, "iommufd", false, &shapes[i]);
		count_calls(b, "powernv", true, &shapes[i]);
		count_calls(b, "pseries", true, &shapes[i]);
	}
	fill_type1(b);
	for (i = 0; i < ARRAY_SIZE(shapes); i++)
		compare_pieces(b, &shapes[i]);
}

const struct bench_group bench_group_batch = { "batch",
					       "Batches of pieces of 2 MiB, in random order", run };
