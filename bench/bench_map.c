// SPDX-License-Identifier: BSD-3-Clause
/* Map and unmap, with the kernel's cost taken out: what the library's own books cost. */
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "array.h"
#include "dpdk.h"
#include "groups.h"
#include "world.h"

#define PIECE (2 * MIB)
#define BASE (UINT64_C(1) << 44) /* of the addresses that are mapped */

#define HEAP_AT_MOST 128 /* bytes for a mapping */
#define GROWTH_AT_MOST 4 /* times, from FEW to MANY mappings */
#define FEW 1000
#define MANY 1000000

/* So many mappings; their regions are in random order of both addresses and IOVAs. */
struct books {
	struct bench_world *world;
	struct iom_region *regions;
	struct bench_array array;
	size_t n, next;
};

static void *take_next(struct books *books)
{
	struct iom_region *region = &books->regions[books->next];

	if (++books->next == books->n)
		books->next = 0;
	return region;
}

static uint64_t pairs(void *arg, uint64_t ops)
{
	struct books *books = arg;
	struct iom_region *region;
	uint64_t i;

	for (i = 0; i < ops; i++) {
		region = take_next(books);
		if (iom_unmap(books->world->dom, region) < 0 ||
		    iom_map(books->world->dom, region->va, PIECE, IOM_MAP_RW, NULL, region) < 0)
			bench_fail("map and unmap: %s", iom_errmsg());
	}
	return ops;
}

static uint64_t array_pairs(void *arg, uint64_t ops)
{
	struct books *books = arg;
	const struct iom_region *region;
	uint64_t i, va;

	for (i = 0; i < ops; i++) {
		region = take_next(books);
		va = (uintptr_t)region->va;
		bench_array_remove(&books->array, va);
		bench_array_insert(&books->array, va, PIECE, va);
	}
	return ops;
}

static uint64_t dpdk_pairs(void *arg, uint64_t ops)
{
	struct books *books = arg;
	const struct iom_region *region;
	uint64_t i, va;

	for (i = 0; i < ops; i++) {
		region = take_next(books);
		va = (uintptr_t)region->va;
		bench_dpdk_remove(va, 1, PIECE);
		bench_dpdk_add(va, 1, PIECE, 0);
	}
	return ops;
}

static struct books *new_books(const char *backend, size_t n)
{
	const struct bench_world_opts opts = {
		.backend = backend,
		.expect_bytes = 2 * n * PIECE,
		.expect_page = PIECE,
		.backing = PIECE,
	};
	struct books *books = calloc(1, sizeof(*books));
	size_t i;

	if (!books)
		bench_fail("no memory");
	books->n = n;
	books->regions = calloc(n, sizeof(*books->regions));
	if (!books->regions)
		bench_fail("no memory");
	for (i = 0; i < n; i++)
		books->regions[i].va = (void *)(uintptr_t)(BASE + i * PIECE);
	for (i = 0; i < n; i++)
		bench_array_insert(&books->array, BASE + i * PIECE, PIECE, i * PIECE);
	books->world = bench_world_new(&opts);
	return books;
}

static void fill(struct books *books)
{
	size_t i;

	for (i = 0; i < books->n; i++)
		bench_check(iom_map(books->world->dom, books->regions[i].va, PIECE, IOM_MAP_RW,
				    NULL, &books->regions[i]),
			    "iom_map");
}

/* Mapped in order, and to be used in none: so that neither tree nor table is walked along. */
static struct books *new_filled(const char *backend, size_t n)
{
	struct books *books = new_books(backend, n);
	uint32_t *order = bench_shuffled(n, n);
	struct iom_region *shuffled = calloc(n, sizeof(*shuffled));
	size_t i;

	if (!shuffled)
		bench_fail("no memory");
	fill(books);
	for (i = 0; i < n; i++)
		shuffled[i] = books->regions[order[i]];
	free(order);
	free(books->regions);
	books->regions = shuffled;
	return books;
}

static void free_books(struct books *books)
{
	if (!books)
		return;
	bench_world_free(books->world);
	bench_array_free(&books->array);
	free(books->regions);
	free(books);
}

/* Beside a sorted array; and beside libdpdk, while that has room. */
static void compare_at(struct bench *b, const char *name, const char *backend, size_t n)
{
	struct books *books = new_filled(backend, n);
	const struct bench_row row = {
		.name = name,
		.n = n,
		.backend = bench_world_backend(books->world),
	};
	const struct bench_side sides[] = {
		{ .run = pairs, .arg = books },
		{ .name = "sorted array", .run = array_pairs, .arg = books },
		{ .name = "libdpdk", .run = dpdk_pairs, .arg = books },
	};
	bool has_dpdk = n <= BENCH_DPDK_AREAS && !bench_dpdk_start();
	size_t i;

	for (i = 0; has_dpdk && i < n; i++)
		bench_dpdk_add((uintptr_t)books->regions[i].va, 1, PIECE, 0);
	bench_compare(b, &row, sides, has_dpdk ? 3 : 2, 0);
	for (i = 0; has_dpdk && i < n; i++)
		bench_dpdk_remove((uintptr_t)books->regions[i].va, 1, PIECE);
	free_books(books);
}

static void compare_all(struct bench *b, const char *backend, size_t most)
{
	static const size_t sizes[] = { 1, 100, FEW, 10000, 100000, MANY };
	char name[64];
	size_t i;

	snprintf(name, sizeof(name), "map+unmap/%s", backend);
	most = bench_quick_limit(b, most);
	for (i = 0; i < ARRAY_SIZE(sizes); i++)
		if (sizes[i] <= most && bench_wants(b, name, sizes[i]))
			compare_at(b, name, backend, sizes[i]);
}

/* From few to many, in turns. */
static void compare_growth(struct bench *b, const char *backend)
{
	size_t n = bench_quick_limit(b, MANY);
	struct books *few, *many;
	char name[64], reference[64];

	snprintf(name, sizeof(name), "map+unmap growth/%s", backend);
	if (!bench_wants(b, name, n))
		return;
	few = new_filled(backend, FEW);
	many = new_filled(backend, n);
	snprintf(reference, sizeof(reference), "with %zu", few->n);
	const struct bench_row row = {
		.name = name,
		.n = n,
		.backend = bench_world_backend(many->world),
		.rule = BENCH_RATIO_AT_MOST,
		.target = GROWTH_AT_MOST,
	};
	const struct bench_side sides[] = {
		{ .run = pairs, .arg = many },
		{ .name = reference, .run = pairs, .arg = few },
	};

	bench_compare(b, &row, sides, ARRAY_SIZE(sides), 0);
	free_books(few);
	free_books(many);
}

static size_t heap_bytes(void)
{
	struct mallinfo2 info = mallinfo2();

	return info.uordblks + info.hblkhd;
}

/* The radix is not of the heap. */
static void count_heap(struct bench *b, const char *backend, size_t n, double at_most)
{
	struct bench_row row = {
		.n = n,
		.unit = "bytes",
		.rule = at_most > 0 ? BENCH_VALUE_AT_MOST : BENCH_NO_RULE,
		.target = at_most,
	};
	struct books *books;
	size_t before, after;
	char name[64];

	snprintf(name, sizeof(name), "heap per mapping/%s", backend);
	if (!bench_wants(b, name, n))
		return;
	row.name = name;
	books = new_books(backend, n);
	row.backend = bench_world_backend(books->world);
	before = heap_bytes();
	fill(books);
	after = heap_bytes();
	if (after > before)
		bench_add_count(b, &row, (double)(after - before) / (double)n, 0);
	else
		bench_add_missing(b, &row, "this malloc does not tell");
	free_books(books);
}

static void run(struct bench *b)
{
	static const char *const backends[] = { "type1", "iommufd" };
	size_t i;

	for (i = 0; i < ARRAY_SIZE(backends); i++) {
		compare_all(b, backends[i], MANY);
		compare_growth(b, backends[i]);
	}
	compare_all(b, "powernv", 10000);
	compare_all(b, "pseries", 10000);
	count_heap(b, "type1", bench_quick_limit(b, MANY), HEAP_AT_MOST);
	/* with the record of a registration for each */
	count_heap(b, "pseries", 10000, 0);
}

const struct bench_group bench_group_map = {
	"map", "Map + unmap of 2 MiB in random order, the kernel's cost taken out", run
};
