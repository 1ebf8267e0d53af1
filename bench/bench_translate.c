// SPDX-License-Identifier: BSD-3-Clause
/*
 * The translations: addresses of random hits, by the library and by a bare radix, which are both
 * called in shared objects of their own; and what a region's own arithmetic costs.
 */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "array.h"
#include "dpdk.h"
#include "groups.h"
#include "ref_radix.h"
#include "world.h"

#define PAGE UINT64_C(4096) /* what is mapped each time */
#define MANY 1000000

/*
 * Each layout is measured in so many tables, one after the other: which lines of the caches, and
 * whose memory, a table gets is luck, and stays for as long as it is there.
 */
#define TABLES 3
#define TABLES_GIB 4 /* what takes more is measured in one */

#define TRANSLATE_AT_MOST 1.6    /* times the bare radix */
#define IOVA_TO_VA_AT_MOST 2     /* times translate */
#define TWO_THREADS_AT_MOST 1.15 /* times what they cost the bare radix */

#define DENSE_BASE (UINT64_C(1) << 44)

typedef int translate_fn(const struct iom_domain *dom, const void *va, uint64_t length,
			 iom_iova_t *iova, uint64_t *contiguous);
typedef int iova_to_va_fn(const struct iom_domain *dom, iom_iova_t iova, uint64_t length, void **va,
			  uint64_t *contiguous);
typedef int radix_find_fn(const struct bench_radix *radix, uint64_t va, uint64_t *iova);

/* What is called as a user's program calls it. */
static struct {
	translate_fn *translate;
	iova_to_va_fn *iova_to_va;
	struct bench_radix *(*radix_new)(void);
	bool (*radix_add)(struct bench_radix *radix, uint64_t va, uint64_t iova);
	void (*radix_free)(struct bench_radix *radix);
	radix_find_fn *radix_find;
} calls;

/* n mappings of a page each, found by everything that is compared. */
struct table {
	size_t n;
	uint64_t *vas;
	iom_iova_t *iovas;
	struct bench_world *world;
	struct bench_radix *radix;
	struct bench_array array;
	double world_gib, radix_gib; /* of memory */
};

/* What one thread asks, again and again. */
struct queries {
	const struct table *table;
	uint64_t *keys; /* a power of two of them */
	size_t mask;
	_Alignas(128) size_t next; /* in no line of another thread's */
};

/* ---- Layouts ----------------------------------------------------------------------------------- */

static uint64_t dense(uint64_t i)
{
	return DENSE_BASE + i * PAGE;
}

static uint64_t spaced(uint64_t i)
{
	return DENSE_BASE + i * 2 * MIB;
}

/* Any page below 2^47 but the first, each once: steps that can be undone, on 35 bits. */
static uint64_t sparse(uint64_t i)
{
	const uint64_t mask = (UINT64_C(1) << 35) - 1;
	uint64_t x = i + 1;

	x = x * UINT64_C(0x9e3779b97f4a7c15) & mask;
	x ^= x >> 17;
	x = x * UINT64_C(0xbf58476d1ce4e5b9) & mask;
	x ^= x >> 18;
	return x * PAGE;
}

struct layout {
	const char *name;
	uint64_t (*va)(uint64_t i);
	double bytes; /* of tables for a mapping, about, on each side */
};

static const struct layout layouts[] = {
	{ "dense", dense, 3 * 8 },
	{ "2 MiB-spaced", spaced, 4096 + 3 * 8 },
	{ "sparse", sparse, 2 * 4096 },
};

/* ---- Tables ------------------------------------------------------------------------------------ */

static void *need(void *p)
{
	if (!p)
		bench_fail("no memory");
	return p;
}

static double resident_gib(void)
{
	unsigned long long size, resident = 0;
	FILE *f = fopen("/proc/self/statm", "r");

	if (!f)
		return 0;
	if (fscanf(f, "%llu %llu", &size, &resident) != 2)
		resident = 0;
	fclose(f);
	return (double)resident * (double)sysconf(_SC_PAGESIZE) / (double)GIB;
}

static int by_value(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

/* In the order of the addresses, or it would take all day. */
static void fill_array(struct table *t)
{
	uint64_t *sorted = need(malloc(t->n * sizeof(*sorted)));
	size_t i;

	memcpy(sorted, t->vas, t->n * sizeof(*sorted));
	qsort(sorted, t->n, sizeof(*sorted), by_value);
	for (i = 0; i < t->n; i++)
		bench_array_insert(&t->array, sorted[i], PAGE, i * PAGE);
	free(sorted);
}

/* Every mapping once, so that no sample has what its host first has to find memory for. */
static void touch(const struct table *t)
{
	uint64_t contiguous, found;
	size_t i;
	void *va;

	for (i = 0; i < t->n; i++)
		if (calls.translate(t->world->dom, (void *)(uintptr_t)t->vas[i], PAGE, &found,
				    &contiguous) < 0 ||
		    calls.iova_to_va(t->world->dom, t->iovas[i], PAGE, &va, &contiguous) < 0 ||
		    calls.radix_find(t->radix, t->vas[i], &found) < 0)
			bench_fail("what was mapped is not found");
}

static struct table *new_table(const struct layout *layout, size_t n)
{
	const struct bench_world_opts opts = { .backend = "type1" };
	struct table *t = need(calloc(1, sizeof(*t)));
	uint32_t *order = bench_shuffled(n, n);
	size_t i;

	t->n = n;
	t->vas = need(malloc(n * sizeof(*t->vas)));
	t->iovas = need(malloc(n * sizeof(*t->iovas)));
	for (i = 0; i < n; i++)
		t->vas[i] = layout->va(order[i]);
	free(order);

	t->world_gib = -resident_gib();
	t->world = bench_world_new(&opts);
	for (i = 0; i < n; i++)
		t->iovas[i] = bench_map(t->world, t->vas[i], PAGE);
	t->world_gib += resident_gib();

	t->radix_gib = -resident_gib();
	t->radix = need(calls.radix_new());
	for (i = 0; i < n; i++)
		if (!calls.radix_add(t->radix, t->vas[i], t->iovas[i]))
			bench_fail("no memory");
	t->radix_gib += resident_gib();
	fill_array(t);
	touch(t);
	return t;
}

static void free_table(struct table *t)
{
	bench_array_free(&t->array);
	calls.radix_free(t->radix);
	bench_world_free(t->world);
	free(t->iovas);
	free(t->vas);
	free(t);
}

/* Random ones of mappings first to end - 1, in keys of addresses or of IOVAs. */
static struct queries new_queries(const struct table *t, const uint64_t *keys, size_t first,
				  size_t end)
{
	size_t n = t->n > 10000 ? 1 << 20 : 1 << 14, i;
	struct queries q = { .table = t, .keys = need(malloc(n * sizeof(*q.keys))), .mask = n - 1 };
	uint64_t seed = first + 1;

	for (i = 0; i < n; i++)
		q.keys[i] = keys[first + bench_random(&seed) % (end - first)] +
			    bench_random(&seed) % PAGE;
	return q;
}

static uint64_t next_key(struct queries *q)
{
	q->next = (q->next + 1) & q->mask;
	return q->keys[q->next];
}

/* ---- What is compared -------------------------------------------------------------------------- */

static uint64_t translate(void *arg, uint64_t ops)
{
	struct queries *q = arg;
	const struct iom_domain *dom = q->table->world->dom;
	translate_fn *fn = calls.translate;
	uint64_t i, contiguous;
	iom_iova_t iova;

	for (i = 0; i < ops; i++) {
		if (fn(dom, (void *)(uintptr_t)next_key(q), PAGE, &iova, &contiguous) < 0)
			bench_fail("iom_translate");
		bench_use(iova);
	}
	return ops;
}

static uint64_t iova_to_va(void *arg, uint64_t ops)
{
	struct queries *q = arg;
	const struct iom_domain *dom = q->table->world->dom;
	iova_to_va_fn *fn = calls.iova_to_va;
	uint64_t i, contiguous;
	void *va;

	for (i = 0; i < ops; i++) {
		if (fn(dom, next_key(q), PAGE, &va, &contiguous) < 0)
			bench_fail("iom_iova_to_va");
		bench_use((uintptr_t)va);
	}
	return ops;
}

static uint64_t find_bare(void *arg, uint64_t ops)
{
	struct queries *q = arg;
	const struct bench_radix *radix = q->table->radix;
	radix_find_fn *fn = calls.radix_find;
	uint64_t i, iova;

	for (i = 0; i < ops; i++) {
		if (fn(radix, next_key(q), &iova) < 0)
			bench_fail("the bare radix");
		bench_use(iova);
	}
	return ops;
}

static uint64_t find_in_array(void *arg, uint64_t ops)
{
	struct queries *q = arg;
	uint64_t i;

	for (i = 0; i < ops; i++)
		bench_use(bench_array_find(&q->table->array, next_key(q)));
	return ops;
}

static uint64_t find_in_dpdk(void *arg, uint64_t ops)
{
	struct queries *q = arg;
	uint64_t i;

	for (i = 0; i < ops; i++)
		bench_use(bench_dpdk_find(next_key(q)));
	return ops;
}

/* ---- Rows -------------------------------------------------------------------------------------- */

/* What is measured of one row: in this table, after others; and whether it is the last. */
struct round {
	const char *name;
	const struct table *table;
	struct bench_samples *samples;
	bool last;
};

/* Measure it; and add the row, with the last table. */
static void measure_round(struct bench *b, const struct round *round, const struct bench_row *row,
			  const struct bench_side *sides, size_t n)
{
	bench_measure(b, sides, n, 0, round->samples);
	if (round->last)
		bench_add_compared(b, row, sides, n, 0, round->samples);
}

static void compare_translate(struct bench *b, const struct round *round)
{
	const struct table *t = round->table;
	struct queries q = new_queries(t, t->vas, 0, t->n);
	bool has_dpdk = t->n <= BENCH_DPDK_AREAS && !bench_dpdk_start();
	char note[128];
	const struct bench_row row = {
		.name = round->name,
		.n = t->n,
		.backend = bench_world_backend(t->world),
		.rule = BENCH_RATIO_AT_MOST,
		.target = TRANSLATE_AT_MOST,
		.note = t->n >= MANY ? note : NULL,
	};
	const struct bench_side sides[] = {
		{ .run = translate, .arg = &q },
		{ .name = "bare radix", .run = find_bare, .arg = &q },
		{ .name = "sorted array", .run = find_in_array, .arg = &q },
		{ .name = "libdpdk", .run = find_in_dpdk, .arg = &q },
	};
	size_t i;

	snprintf(note, sizeof(note), "memory: %.2f GiB with all books, the bare radix %.2f GiB",
		 t->world_gib, t->radix_gib);
	for (i = 0; has_dpdk && i < t->n; i++)
		bench_dpdk_add(t->vas[i], 1, PAGE, t->iovas[i] - t->vas[i]);
	measure_round(b, round, &row, sides, has_dpdk ? 4 : 3);
	for (i = 0; has_dpdk && i < t->n; i++)
		bench_dpdk_remove(t->vas[i], 1, PAGE);
	free(q.keys);
}

static void compare_back(struct bench *b, const struct round *round)
{
	const struct table *t = round->table;
	struct queries back = new_queries(t, t->iovas, 0, t->n);
	struct queries forth = new_queries(t, t->vas, 0, t->n);
	const struct bench_row row = {
		.name = round->name,
		.n = t->n,
		.backend = bench_world_backend(t->world),
		.rule = BENCH_RATIO_AT_MOST,
		.target = IOVA_TO_VA_AT_MOST,
	};
	const struct bench_side sides[] = {
		{ .run = iova_to_va, .arg = &back },
		{ .name = "translate", .run = translate, .arg = &forth },
	};

	measure_round(b, round, &row, sides, ARRAY_SIZE(sides));
	free(back.keys);
	free(forth.keys);
}

/*
 * What a second thread costs one, by what it costs one of the bare radix.  One that is alone has its
 * own buffers, or those of both: where a cache holds the ones and not the others the two losses
 * differ, on threads that share a core or on threads that do not.  What threads do to each other is
 * in both, so the smaller one counts.
 */
static void compare_threads(struct bench *b, const struct round *round)
{
	const struct table *t = round->table;
	struct queries one = new_queries(t, t->vas, 0, t->n / 2);
	struct queries two = new_queries(t, t->vas, t->n / 2, t->n);
	struct queries both = new_queries(t, t->vas, 0, t->n);
	struct bench_stat loss, loss_of_both;
	char note[128];
	/* none after one that left the same tables in the cache */
	const struct bench_side sides[] = {
		{ .run = translate, .arg = &one, .arg2 = &two },
		{ .run = find_bare, .arg = &one, .arg2 = &two },
		{ .run = translate, .arg = &one },
		{ .run = find_bare, .arg = &one },
		{ .run = translate, .arg = &both },
		{ .run = find_bare, .arg = &both },
	};
	struct bench_row row = {
		.name = round->name,
		.n = t->n,
		.backend = bench_world_backend(t->world),
		.clock = "cpu",
		.reference = "bare radix",
		.rule = BENCH_RATIO_AT_MOST,
		.target = TWO_THREADS_AT_MOST,
		.note = note,
	};

	bench_measure(b, sides, ARRAY_SIZE(sides), 0, round->samples);
	row.value = bench_stat(round->samples, 0);
	row.reference_value = bench_stat(round->samples, 1);
	loss = bench_loss(round->samples, 0, 2, 1, 3);
	loss_of_both = bench_loss(round->samples, 0, 4, 1, 5);
	row.ratio = loss.median < loss_of_both.median ? loss : loss_of_both;
	snprintf(note, sizeof(note),
		 "ratio: of the losses against one thread; with its own buffers %.2f, with both's "
		 "%.2f: the smaller",
		 loss.median, loss_of_both.median);
	if (round->last)
		bench_add(b, &row);
	free(one.keys);
	free(two.keys);
	free(both.keys);
}

static uint64_t available_bytes(void)
{
	unsigned long long kib = 0;
	char line[128];
	FILE *f = fopen("/proc/meminfo", "r");

	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "MemAvailable: %llu kB", &kib) == 1)
			break;
	if (f)
		fclose(f);
	return kib * KIB;
}

static void run_layout(struct bench *b, const struct layout *layout, size_t n)
{
	char there[64], back[64], threads[64], why[64];
	struct bench_row row = { .name = there, .n = n, .backend = "type1" };
	double bytes = 2 * layout->bytes * (double)n + (double)GIB;
	unsigned int tables =
		bench_is_quick(b) || bytes > (double)TABLES_GIB * (double)GIB ? 1 : TABLES;
	unsigned int i;
	struct bench_samples samples[3] = { { .turns = 0 } };

	snprintf(there, sizeof(there), "translate/%s", layout->name);
	snprintf(back, sizeof(back), "iova to va/%s", layout->name);
	snprintf(threads, sizeof(threads), "translate, two threads/%s", layout->name);
	if (!bench_wants(b, there, n) && !bench_wants(b, back, n) && !bench_wants(b, threads, n))
		return;
	if ((double)available_bytes() < bytes) {
		snprintf(why, sizeof(why), "needs %.0f GiB of memory", bytes / (double)GIB);
		bench_add_missing(b, &row, why);
		return;
	}
	for (i = 1; i <= tables; i++) {
		struct table *t = new_table(layout, n);
		const bool last = i == tables;

		if (bench_wants(b, there, n))
			compare_translate(b, &(struct round){ there, t, &samples[0], last });
		if (bench_wants(b, back, n))
			compare_back(b, &(struct round){ back, t, &samples[1], last });
		if (n > 1 && bench_wants(b, threads, n))
			compare_threads(b, &(struct round){ threads, t, &samples[2], last });
		free_table(t);
	}
}

/* ---- Regions ----------------------------------------------------------------------------------- */

static uint64_t by_region(void *arg, uint64_t ops)
{
	struct queries *q = arg;
	struct iom_region region = { .delta = 12345 };
	uint64_t i;

	bench_use((uintptr_t)&region);
	for (i = 0; i < ops; i++)
		bench_use(iom_region_iova(&region, (void *)(uintptr_t)next_key(q)));
	return ops;
}

static uint64_t by_offset(void *arg, uint64_t ops)
{
	struct queries *q = arg;
	uint64_t offset = 12345, i;

	bench_use((uintptr_t)&offset);
	for (i = 0; i < ops; i++)
		bench_use(next_key(q) + offset);
	return ops;
}

static void compare_region(struct bench *b)
{
	const struct bench_row row = {
		.name = "region handle",
		.backend = BENCH_NO_BACKEND,
		.note = "the same instructions: tests/build/region.sh",
	};
	uint64_t vas[] = { DENSE_BASE };
	const struct table t = { .n = 1 };
	struct queries q = new_queries(&t, vas, 0, 1);
	const struct bench_side sides[] = {
		{ .run = by_region, .arg = &q },
		{ .name = "base + offset", .run = by_offset, .arg = &q },
	};

	if (bench_wants(b, row.name, 0))
		bench_compare(b, &row, sides, ARRAY_SIZE(sides), 0);
	free(q.keys);
}

/* ---- Shared objects ---------------------------------------------------------------------------- */

static void *open_object(const char *path)
{
	return dlopen(path, RTLD_NOW | RTLD_LOCAL);
}

/* What a function pointer is read from is a pointer to void. */
static bool find_call(void *object, const char *name, void *call)
{
	void *symbol = object ? dlsym(object, name) : NULL;

	memcpy(call, &symbol, sizeof(symbol));
	return symbol;
}

static bool find_calls(void)
{
	void *library = open_object(BENCH_BUILD_FOLDER "/.libs/libiommu.so");
	void *radix = open_object(BENCH_BUILD_FOLDER "/bench/.libs/libbench-radix.so");

	return find_call(library, "iom_translate", &calls.translate) &&
	       find_call(library, "iom_iova_to_va", &calls.iova_to_va) &&
	       find_call(radix, "bench_radix_new", &calls.radix_new) &&
	       find_call(radix, "bench_radix_add", &calls.radix_add) &&
	       find_call(radix, "bench_radix_free", &calls.radix_free) &&
	       find_call(radix, "bench_radix_find", &calls.radix_find);
}

static void run(struct bench *b)
{
	static const size_t sizes[] = { 1, 1000, 10000, 100000, MANY };
	const struct bench_row missing = { .name = "translate", .backend = "type1" };
	size_t i, n;

	compare_region(b);
	if (!find_calls()) {
		if (bench_wants(b, missing.name, 0))
			bench_add_missing(b, &missing, "no shared objects here");
		return;
	}
	for (i = 0; i < ARRAY_SIZE(layouts); i++)
		for (n = 0; n < ARRAY_SIZE(sizes); n++)
			if (bench_quick_limit(b, sizes[n]) == sizes[n])
				run_layout(b, &layouts[i], sizes[n]);
}

const struct bench_group bench_group_translate = { "translate",
						   "Translation of random hits, mappings of 4 KiB",
						   run };
