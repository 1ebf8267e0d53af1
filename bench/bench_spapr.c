// SPDX-License-Identifier: BSD-3-Clause
/*
 * What the kernel has to do on POWER: it looks through the list of all registrations for each entry
 * of a window that it sets or clears.  The simulated kernel counts how many it visits.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "groups.h"
#include "world.h"

#define PIECE (2 * MIB)
#define TOTAL (64 * GIB)
#define QUICK_TOTAL (16 * GIB)
#define RATIO_AT_MOST 0.001

struct slab {
	struct bench_world *world;
	struct iom_piece *pieces;
	struct iom_region *regions;
	uint64_t base;
	size_t n;
};

static struct slab make_slab(const char *backend, uint64_t base, size_t n)
{
	const struct bench_world_opts opts = {
		.backend = backend,
		.simulate = true,
		.expect_bytes = 2 * n * PIECE,
		.expect_page = PIECE,
	};
	struct slab slab = { .base = base, .n = n };
	size_t i;

	slab.world = bench_world_new(&opts);
	bench_check(iom_sim_set_backing(slab.world->sim, (void *)(uintptr_t)base, n * PIECE, PIECE),
		    "huge pages");
	slab.pieces = calloc(n, sizeof(*slab.pieces));
	slab.regions = calloc(n, sizeof(*slab.regions));
	if (!slab.pieces || !slab.regions)
		bench_fail("no memory");
	for (i = 0; i < n; i++)
		slab.pieces[i] =
			(struct iom_piece){ (void *)(uintptr_t)(base + i * PIECE), PIECE, 0 };
	return slab;
}

static void free_slab(struct slab *slab)
{
	bench_world_free(slab->world);
	free(slab->pieces);
	free(slab->regions);
}

static uint64_t visits(const struct slab *slab)
{
	struct iom_sim_spapr_cost cost;

	iom_sim_spapr_cost(slab->world->sim, &cost);
	return cost.list_nodes;
}

struct way {
	const char *name;
	void (*map)(struct slab *slab);
};

/* Each by itself, and so each with a registration unless the memory was declared. */
static void map_each(struct slab *slab)
{
	size_t i;

	for (i = 0; i < slab->n; i++)
		bench_check(iom_map(slab->world->dom, slab->pieces[i].va, PIECE, IOM_MAP_RW, NULL,
				    &slab->regions[i]),
			    "iom_map");
}

static void map_declared(struct slab *slab)
{
	struct iom_memory *memory;

	bench_check(iom_memory_add(slab->world->dom, (void *)(uintptr_t)slab->base, slab->n * PIECE,
				   IOM_MAP_RW, &memory),
		    "iom_memory_add");
	map_each(slab);
}

static void map_batch(struct slab *slab)
{
	bench_check(iom_mapv(slab->world->dom, slab->pieces, slab->n, IOM_MAP_RW, NULL,
			     slab->regions),
		    "iom_mapv");
}

/* Map all, by map, and unmap it. */
static uint64_t visits_by(const char *backend, uint64_t base, size_t n,
			  void (*map)(struct slab *slab), char real_backend[32])
{
	struct slab slab = make_slab(backend, base, n);
	uint64_t visited;

	map(&slab);
	bench_check(iom_unmapv(slab.world->dom, slab.regions, n), "iom_unmapv");
	visited = visits(&slab);
	snprintf(real_backend, 32, "%s", bench_world_backend(slab.world));
	free_slab(&slab);
	return visited;
}

/* *each is what it takes one by one: 0 until it was counted. */
static void compare(struct bench *b, const char *backend, const struct way *way, size_t n,
		    uint64_t *each)
{
	struct bench_row row = {
		.n = n,
		.unit = "visits",
		.reference = "a registration for each",
		.rule = BENCH_RATIO_AT_MOST,
		.target = RATIO_AT_MOST,
	};
	char name[64], real_backend[32] = "";
	uint64_t visited, length = n * PIECE;
	uintptr_t base;
	void *p;

	snprintf(name, sizeof(name), "list visits/%s/%s", way->name, backend);
	if (!bench_wants(b, name, n))
		return;
	row.name = name;
	p = mmap(NULL, length + PIECE, PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (p == MAP_FAILED) {
		bench_add_missing(b, &row, "no room in the address space");
		return;
	}
	base = ((uintptr_t)p + PIECE - 1) & -PIECE;
	if (!*each)
		*each = visits_by(backend, base, n, map_each, real_backend);
	visited = visits_by(backend, base, n, way->map, real_backend);
	row.backend = real_backend;
	bench_add_count(b, &row, (double)visited, (double)*each);
	munmap(p, length + PIECE);
}

static void run(struct bench *b)
{
	static const char *const backends[] = { "powernv", "pseries" };
	static const struct way ways[] = { { "declared", map_declared }, { "mapv", map_batch } };
	uint64_t each;
	size_t i, j, n = (bench_is_quick(b) ? QUICK_TOTAL : TOTAL) / PIECE;

	for (i = 0; i < ARRAY_SIZE(backends); i++) {
		each = 0;
		for (j = 0; j < ARRAY_SIZE(ways); j++)
			compare(b, backends[i], &ways[j], n, &each);
	}
}

const struct bench_group bench_group_spapr = {
	"spapr", "POWER: registrations that the kernel visits, to map and unmap pieces of 2 MiB",
	run
};
