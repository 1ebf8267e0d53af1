// SPDX-License-Identifier: BSD-3-Clause
/* Pools of buffers: one is put back and another one taken, in bursts, as completions come. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dpdk.h"
#include "groups.h"
#include "world.h"

#define LENGTH 2048 /* of a buffer: a frame */
#define BUFS 1024
#define HELD 256 /* are in flight */
#define BURST 32 /* are put back, the oldest first, and as many taken */
#define COUNTED_PAIRS 1000000

#define HEAP_AT_MOST 1 /* times what the heap takes, which knows no IOVA */
#define STRICT_CALLS 2.01

_Static_assert(HELD % BURST == 0, "");

struct bufs {
	struct bench_world *world;
	struct iom_buf_pool *pool;
	struct iom_buf held[HELD];
	void *theirs[HELD]; /* of the heap, or of libdpdk */
	size_t oldest;
};

static size_t next_burst(struct bufs *bufs)
{
	size_t first = bufs->oldest;

	bufs->oldest = (first + BURST) % HELD;
	return first;
}

static uint64_t pairs(void *arg, uint64_t ops)
{
	struct bufs *bufs = arg;
	uint64_t done;
	size_t i;

	for (done = 0; done < ops; done += BURST) {
		struct iom_buf *burst = &bufs->held[next_burst(bufs)];

		for (i = 0; i < BURST; i++)
			if (iom_buf_put(bufs->pool, &burst[i]) < 0)
				bench_fail("iom_buf_put");
		for (i = 0; i < BURST; i++) {
			if (iom_buf_get(bufs->pool, &burst[i]) < 0)
				bench_fail("iom_buf_get");
			bench_use(burst[i].iova);
		}
	}
	return done;
}

static uint64_t heap_pairs(void *arg, uint64_t ops)
{
	struct bufs *bufs = arg;
	uint64_t done;
	size_t i;

	for (done = 0; done < ops; done += BURST) {
		void **burst = &bufs->theirs[next_burst(bufs)];

		for (i = 0; i < BURST; i++)
			free(burst[i]);
		for (i = 0; i < BURST; i++) {
			burst[i] = malloc(LENGTH);
			if (!burst[i])
				bench_fail("no memory");
			bench_use((uintptr_t)burst[i]);
		}
	}
	return done;
}

static uint64_t dpdk_pairs(void *arg, uint64_t ops)
{
	struct bufs *bufs = arg;
	uint64_t done, iova;
	size_t i;

	for (done = 0; done < ops; done += BURST) {
		void **burst = &bufs->theirs[next_burst(bufs)];

		for (i = 0; i < BURST; i++)
			bench_dpdk_put(burst[i]);
		for (i = 0; i < BURST; i++) {
			burst[i] = bench_dpdk_get(&iova);
			bench_use(iova);
		}
	}
	return done;
}

/* Without a pool yet. */
static struct bufs *new_bufs(void)
{
	struct bufs *bufs = calloc(1, sizeof(*bufs));

	if (!bufs)
		bench_fail("no memory");
	return bufs;
}

static struct bufs *new_pool(const char *backend, bool strict)
{
	const struct bench_world_opts opts = { .backend = backend, .strict = strict };
	struct bufs *bufs = new_bufs();
	size_t i;

	bufs->world = bench_world_new(&opts);
	bench_check(iom_buf_pool_open(bufs->world->dom, LENGTH, BUFS, NULL, &bufs->pool),
		    "iom_buf_pool_open");
	for (i = 0; i < HELD; i++)
		bench_check(iom_buf_get(bufs->pool, &bufs->held[i]), "iom_buf_get");
	return bufs;
}

static void free_pool(struct bufs *bufs)
{
	iom_buf_pool_close(bufs->pool);
	bench_world_free(bufs->world);
	free(bufs);
}

static struct bufs *new_heap(void)
{
	struct bufs *bufs = new_bufs();
	size_t i;

	for (i = 0; i < HELD; i++)
		bufs->theirs[i] = malloc(LENGTH);
	return bufs;
}

static void free_heap(struct bufs *bufs)
{
	size_t i;

	for (i = 0; i < HELD; i++)
		free(bufs->theirs[i]);
	free(bufs);
}

static struct bufs *new_dpdk(void)
{
	struct bufs *bufs = new_bufs();
	uint64_t iova;
	size_t i;

	bench_dpdk_pool_new(BUFS, LENGTH);
	for (i = 0; i < HELD; i++)
		bufs->theirs[i] = bench_dpdk_get(&iova);
	return bufs;
}

static void free_dpdk(struct bufs *bufs)
{
	if (!bufs)
		return;
	bench_dpdk_pool_free();
	free(bufs);
}

static void compare(struct bench *b, const char *backend)
{
	struct bufs *ours, *heap, *dpdk = NULL;
	char name[64];

	snprintf(name, sizeof(name), "buffer pool pair/%s", backend);
	if (!bench_wants(b, name, BUFS))
		return;
	ours = new_pool(backend, false);
	heap = new_heap();
	if (!bench_dpdk_start())
		dpdk = new_dpdk();
	const struct bench_row row = {
		.name = name,
		.n = BUFS,
		.backend = bench_world_backend(ours->world),
		.rule = BENCH_RATIO_AT_MOST,
		.target = HEAP_AT_MOST,
	};
	const struct bench_side sides[] = {
		{ .run = pairs, .arg = ours },
		{ .name = "malloc and free", .run = heap_pairs, .arg = heap },
		{ .name = "libdpdk's mempool", .run = dpdk_pairs, .arg = dpdk },
	};

	bench_compare(b, &row, sides, dpdk ? 3 : 2, 0);
	free_dpdk(dpdk);
	free_heap(heap);
	free_pool(ours);
}

/* System calls of any kind, for a pair: none, or a map and an unmap, and now and then for a table. */
static void count_calls(struct bench *b, const char *backend, bool strict)
{
	uint64_t counted = bench_is_quick(b) ? COUNTED_PAIRS / 10 : COUNTED_PAIRS;
	struct bench_calls before, made;
	struct bench_row row = {
		.n = BUFS,
		.unit = "calls",
		.rule = strict ? BENCH_VALUE_AT_MOST : BENCH_VALUE_IS,
		.target = strict ? STRICT_CALLS : 0,
	};
	struct bufs *bufs;
	char name[64];

	snprintf(name, sizeof(name), "buffer pool calls%s/%s", strict ? ", strict" : "", backend);
	if (!bench_wants(b, name, BUFS))
		return;
	bufs = new_pool(backend, strict);
	before = bench_world_calls(bufs->world);
	counted = pairs(bufs, counted);
	made = bench_calls_since(bufs->world, &before);
	row.name = name;
	row.backend = bench_world_backend(bufs->world);
	bench_add_count(b, &row, (double)made.all / (double)counted, 0);
	free_pool(bufs);
}

static void run(struct bench *b)
{
	static const char *const backends[] = { "type1", "iommufd" };
	size_t i;

	for (i = 0; i < ARRAY_SIZE(backends); i++) {
		compare(b, backends[i]);
		count_calls(b, backends[i], false);
		count_calls(b, backends[i], true);
	}
}

const struct bench_group bench_group_buf = {
	"buf", "Pools of buffers of 2 KiB, one put back and one taken, in bursts of 32", run
};
