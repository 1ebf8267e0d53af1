// SPDX-License-Identifier: BSD-3-Clause
/*
 * The allocator of IOVAs after years of use: pieces of mixed sizes come and go at random while nine
 * tenths of an arena are taken.  What one costs then, beside what it cost while the arena was filled
 * for the first time; and the largest free run that is left, beside that of plain first fit.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "first_fit.h"
#include "groups.h"
#include "lib/space.h"

#define COST "allocate: 99th percentile"
#define LARGEST_RUN "allocate: largest free run"

#define ARENA (UINT32_C(1) << 22) /* units of 4 KiB: 16 GiB */
#define FILL (ARENA / 10 * 9)
#define FIRST (IOM_SPACE_END / 2)  /* where it lies */
#define PIECES (UINT32_C(1) << 17) /* three times what there is at a time */

#define OPERATIONS 10000000
#define QUICK_OPERATIONS 100000
#define TURNS 15
#define TIMED 50000 /* operations of a turn that are timed */

#define DEAREST 0.99 /* of so many, the dearest */
#define DEARER_AT_MOST 4

/* ---- What is asked for ------------------------------------------------------------------------ */

/* Pieces are numbered; whether there was room for one does not change what comes next. */
struct trace {
	uint64_t random;
	uint32_t *sizes, *live, *unused; /* by number; numbers */
	size_t n_live, n_unused;
	uint64_t taken; /* units */
};

struct step {
	bool gives;
	uint32_t piece, units, align;
};

static void *allocate(size_t n, size_t size)
{
	void *p = calloc(n, size);

	if (!p)
		bench_fail("no memory");
	return p;
}

static void trace_init(struct trace *t)
{
	size_t i;

	*t = (struct trace){ .random = 42, .n_unused = PIECES };
	t->sizes = allocate(PIECES, sizeof(t->sizes[0]));
	t->live = allocate(PIECES, sizeof(t->live[0]));
	t->unused = allocate(PIECES, sizeof(t->unused[0]));
	for (i = 0; i < PIECES; i++)
		t->unused[i] = (uint32_t)(PIECES - 1 - i);
}

static void trace_free(struct trace *t)
{
	free(t->sizes);
	free(t->live);
	free(t->unused);
}

static uint32_t below(struct trace *t, uint32_t n)
{
	return (uint32_t)(bench_random(&t->random) >> 32) % n;
}

/* Buffers of queues, of requests, and a few that large pages are behind. */
static uint32_t random_size(struct trace *t)
{
	uint32_t what = below(t, 100);

	if (what < 70)
		return 1 + below(t, 16);
	if (what < 92)
		return 16 + below(t, 240);
	return 512 * (what < 98 ? 1 : 1 + below(t, 8));
}

static struct step next_step(struct trace *t)
{
	struct step step = { .gives = t->taken >= FILL };
	size_t i;

	if (step.gives) {
		i = below(t, (uint32_t)t->n_live);
		step.piece = t->live[i];
		step.units = t->sizes[step.piece];
		t->live[i] = t->live[--t->n_live];
		t->unused[t->n_unused++] = step.piece;
		t->taken -= step.units;
		return step;
	}
	if (!t->n_unused)
		bench_fail("more than %u pieces", (unsigned int)PIECES);
	step.piece = t->unused[--t->n_unused];
	step.units = random_size(t);
	step.align = step.units % 512 ? 1 : 512;
	t->live[t->n_live++] = step.piece;
	t->sizes[step.piece] = step.units;
	t->taken += step.units;
	return step;
}

/* ---- Who is asked ----------------------------------------------------------------------------- */

struct arena {
	struct trace trace;
	struct iom_space space;
	struct iom_span *spans; /* by number; empty where there was no room */
	struct iom_span below, above;
	uint64_t refused;
	double *costs; /* of those that were timed */
	size_t n_costs, most_costs;
};

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static void reserve(struct arena *a)
{
	if (iom_space_reserve(&a->space, 1) < 0)
		bench_fail("no memory");
}

static struct arena *arena_new(size_t most_costs)
{
	struct arena *a = allocate(1, sizeof(*a));
	size_t i;

	trace_init(&a->trace);
	a->spans = allocate(PIECES, sizeof(a->spans[0]));
	a->costs = allocate(most_costs, sizeof(a->costs[0]));
	a->most_costs = most_costs;
	/* the first touch of their pages is not what is to be measured */
	for (i = 0; i < PIECES; i++)
		a->spans[i].state = IOM_SPAN_MAPPED;
	for (i = 0; i < most_costs; i++)
		a->costs[i] = 1;
	iom_space_init(&a->space);
	a->below = (struct iom_span){ .start = 0, .end = FIRST };
	a->above = (struct iom_span){ .start = FIRST + ARENA, .end = IOM_SPACE_END };
	reserve(a);
	iom_space_insert(&a->space, &a->below);
	reserve(a);
	iom_space_insert(&a->space, &a->above);
	return a;
}

static void arena_free(struct arena *a)
{
	trace_free(&a->trace);
	iom_space_destroy(&a->space);
	free(a->spans);
	free(a->costs);
	free(a);
}

static bool arena_take(struct arena *a, const struct step *step)
{
	const struct iom_fit fit = {
		.first = FIRST,
		.end = FIRST + ARENA,
		.count = step->units,
		.align = step->align,
	};
	struct iom_span *span = &a->spans[step->piece];

	reserve(a);
	span->end = 0;
	if (!iom_space_fit(&a->space, &fit, &span->start))
		return false;
	span->end = span->start + step->units;
	iom_space_insert(&a->space, span);
	return true;
}

/* Timed while there is room for costs. */
static void arena_step(struct arena *a)
{
	struct step step = next_step(&a->trace);
	bool timed = a->n_costs < a->most_costs;
	double start;

	if (step.gives) {
		if (a->spans[step.piece].end)
			iom_space_remove(&a->space, &a->spans[step.piece]);
		return;
	}
	start = timed ? now() : 0;
	a->refused += !arena_take(a, &step);
	if (timed)
		a->costs[a->n_costs++] = now() - start;
}

/* ---- What is told ----------------------------------------------------------------------------- */

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double quantile(double *v, size_t n, double q)
{
	qsort(v, n, sizeof(*v), compare);
	return v[(size_t)((double)(n - 1) * q)];
}

/* What looking at the clock costs by itself. */
static double clock_cost(void)
{
	double v[1001], start;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(v); i++) {
		start = now();
		v[i] = now() - start;
	}
	return quantile(v, ARRAY_SIZE(v), 0.5);
}

/* While an arena is filled that nothing was ever given back to. */
static double fresh_cost(size_t timed)
{
	struct arena *a = arena_new(timed);
	double cost;

	while (a->trace.taken < FILL)
		arena_step(a);
	cost = quantile(a->costs, a->n_costs, DEAREST) - clock_cost();
	arena_free(a);
	return cost;
}

static double aged_cost(struct arena *a)
{
	a->n_costs = 0;
	while (a->n_costs < a->most_costs)
		arena_step(a);
	return quantile(a->costs, a->n_costs, DEAREST) - clock_cost();
}

static void add_cost(struct bench *b, struct arena *a, uint64_t operations)
{
	struct bench_samples samples = { .turns = bench_is_quick(b) ? 3 : TURNS };
	struct bench_row row = {
		.name = COST,
		.n = operations,
		.backend = BENCH_NO_BACKEND,
		.clock = "wall",
		.reference = "while first filled",
		.rule = BENCH_RATIO_AT_MOST,
		.target = DEARER_AT_MOST,
		.note = "mixed sizes, 90 % of 16 GiB taken",
	};
	unsigned int turn;

	for (turn = 0; turn < samples.turns; turn++) {
		samples.of[0][turn] = aged_cost(a);
		samples.of[1][turn] = fresh_cost(a->most_costs);
	}
	row.value = bench_stat(&samples, 0);
	row.reference_value = bench_stat(&samples, 1);
	row.ratio = bench_ratio(&samples, 0, 1);
	bench_add(b, &row);
}

static uint64_t largest_run(const struct arena *a)
{
	uint64_t most = 0, at = FIRST;
	const struct iom_span *span;

	for (; at < FIRST + ARENA; at = span->end) {
		span = iom_space_at(&a->space, at);
		most = span->start > at && span->start - at > most ? span->start - at : most;
	}
	return most;
}

/* The mean of the largest run, now and then, on the second half of the way. */
struct runs {
	double sum;
	unsigned int n;
	uint64_t refused;
};

static bool looks_now(uint64_t i, uint64_t operations)
{
	return i >= operations / 2 && i % (operations / 100) == 0;
}

static struct runs age(struct arena *a, uint64_t operations)
{
	struct runs runs = { 0 };
	uint64_t i;

	for (i = 0; i < operations; i++) {
		arena_step(a);
		if (looks_now(i, operations)) {
			runs.sum += (double)largest_run(a);
			runs.n++;
		}
	}
	runs.refused = a->refused;
	return runs;
}

static struct runs age_first_fit(uint64_t operations)
{
	struct runs runs = { 0 };
	struct first_fit f;
	struct trace t;
	uint32_t *places = allocate(PIECES, sizeof(places[0]));
	uint64_t i;

	trace_init(&t);
	first_fit_init(&f, ARENA);
	for (i = 0; i < operations; i++) {
		struct step step = next_step(&t);
		uint32_t *place = &places[step.piece];

		if (!step.gives) {
			*place = first_fit_take(&f, step.units, step.align);
			runs.refused += *place == FIRST_FIT_NONE;
		} else if (*place != FIRST_FIT_NONE) {
			first_fit_give(&f, *place, step.units);
		}
		if (looks_now(i, operations)) {
			runs.sum += first_fit_largest(&f);
			runs.n++;
		}
	}
	first_fit_free(&f);
	trace_free(&t);
	free(places);
	return runs;
}

static void add_runs(struct bench *b, const struct runs *ours, uint64_t operations)
{
	struct runs theirs = age_first_fit(operations);
	char note[128];
	struct bench_row row = {
		.name = LARGEST_RUN,
		.n = operations,
		.backend = BENCH_NO_BACKEND,
		.unit = "units",
		.reference = "first fit",
		.rule = BENCH_RATIO_AT_LEAST,
		.target = 1,
		.note = note,
	};

	snprintf(note, sizeof(note),
		 "mean of %u looks; %llu pieces found no room, of first fit's %llu", ours->n,
		 (unsigned long long)ours->refused, (unsigned long long)theirs.refused);
	bench_add_count(b, &row, ours->sum / ours->n, theirs.sum / theirs.n);
}

static void run(struct bench *b)
{
	const uint64_t operations = bench_is_quick(b) ? QUICK_OPERATIONS : OPERATIONS;
	struct arena *a;
	struct runs runs;

	if (!bench_wants(b, COST, operations) && !bench_wants(b, LARGEST_RUN, operations))
		return;
	a = arena_new(bench_is_quick(b) ? TIMED / 10 : TIMED);
	a->n_costs = a->most_costs;
	runs = age(a, operations);
	if (bench_wants(b, LARGEST_RUN, operations))
		add_runs(b, &runs, operations);
	if (bench_wants(b, COST, operations))
		add_cost(b, a, operations);
	arena_free(a);
}

const struct bench_group bench_group_alloc = { "alloc",
					       "Where IOVAs are taken from, after long use", run };
