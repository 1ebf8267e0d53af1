// SPDX-License-Identifier: BSD-3-Clause
/* Times, in turns. */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "run.h"

#define SAMPLE_NS 8e6 /* of one side in one turn */
#define QUICK_SAMPLE_NS 2e5
#define QUICK_TURNS 3
#define TURNS 15

struct sample {
	double ns; /* per operation */
	uint64_t waits;
};

/* One thread's share of a sample. */
struct runner {
	const struct bench_side *side;
	void *arg;
	uint64_t ops;
	clockid_t clock;
	pthread_barrier_t *start; /* NULL: alone */
	struct sample sample;
};

static double now(clockid_t clock)
{
	struct timespec t;

	if (clock_gettime(clock, &t) < 0)
		bench_fail("clock_gettime: %s", strerror(errno));
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static uint64_t waits(void)
{
	struct rusage usage;

	getrusage(RUSAGE_THREAD, &usage);
	return (uint64_t)usage.ru_nvcsw;
}

static void *run(void *arg)
{
	struct runner *r = arg;
	uint64_t done, before;
	double start, end;

	if (r->start)
		pthread_barrier_wait(r->start);
	before = waits();
	start = now(r->clock);
	done = r->side->run(r->arg, r->ops);
	end = now(r->clock);
	r->sample.ns = (end - start) / (double)done;
	r->sample.waits = waits() - before;
	return NULL;
}

static struct sample run_two(struct runner *runner)
{
	struct runner other = *runner;
	pthread_barrier_t start;
	struct sample sample;
	pthread_t thread;
	int ret;

	other.arg = runner->side->arg2;
	pthread_barrier_init(&start, NULL, 2);
	runner->start = other.start = &start;
	ret = pthread_create(&thread, NULL, run, &other);
	if (ret)
		bench_fail("no second thread: %s", strerror(ret));
	run(runner);
	pthread_join(thread, NULL);
	pthread_barrier_destroy(&start);
	sample.ns = (runner->sample.ns + other.sample.ns) / 2;
	sample.waits = runner->sample.waits + other.sample.waits;
	return sample;
}

static struct sample take(const struct bench_side *side, uint64_t ops, unsigned int flags)
{
	struct runner runner = {
		.side = side,
		.arg = side->arg,
		.ops = ops,
		.clock = flags & BENCH_WALL ? CLOCK_MONOTONIC : CLOCK_THREAD_CPUTIME_ID,
	};

	if (side->arg2)
		return run_two(&runner);
	run(&runner);
	return runner.sample;
}

/* How many operations make a sample; that finds out is the warm-up, too. */
static uint64_t calibrate(const struct bench_side *side, double sample_ns, unsigned int flags)
{
	uint64_t ops = 1;
	double ns;

	for (;;) {
		ns = take(side, ops, flags).ns;
		if (ns * (double)ops >= sample_ns / 2)
			break;
		ops = ns * (double)ops < sample_ns / 32 ? ops * 8 : ops * 2;
	}
	return (uint64_t)(sample_ns / ns) + 1;
}

void bench_measure(struct bench *b, const struct bench_side *sides, size_t n, unsigned int flags,
		   struct bench_samples *samples)
{
	double sample_ns = b->options.quick ? QUICK_SAMPLE_NS : SAMPLE_NS;
	unsigned int turns = b->options.quick ? QUICK_TURNS : TURNS;
	uint64_t ops[BENCH_SIDES];
	struct sample sample;
	size_t i;

	if (n > BENCH_SIDES || samples->turns + turns > BENCH_TURNS)
		bench_fail("%zu sides and %u turns are too many", n, samples->turns + turns);
	for (i = 0; i < n; i++)
		ops[i] = calibrate(&sides[i], sample_ns, flags);
	for (turns += samples->turns; samples->turns < turns; samples->turns++) {
		for (i = 0; i < n; i++) {
			sample = take(&sides[i], ops[i], flags);
			samples->of[i][samples->turns] = sample.ns;
			samples->waits += sample.waits;
		}
	}
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double quantile(const double *sorted, unsigned int n, double q)
{
	double at = q * (double)(n - 1);
	unsigned int below = (unsigned int)at;

	if (below + 1 >= n)
		return sorted[n - 1];
	return sorted[below] + (at - (double)below) * (sorted[below + 1] - sorted[below]);
}

static struct bench_stat stat_of(double *v, unsigned int n)
{
	qsort(v, n, sizeof(*v), compare);
	return (struct bench_stat){
		.median = quantile(v, n, 0.5),
		.low = quantile(v, n, 0.25),
		.high = quantile(v, n, 0.75),
		.samples = n,
	};
}

struct bench_stat bench_stat(const struct bench_samples *samples, size_t side)
{
	double v[BENCH_TURNS];

	memcpy(v, samples->of[side], sizeof(v));
	return stat_of(v, samples->turns);
}

struct bench_stat bench_ratio(const struct bench_samples *samples, size_t side, size_t by)
{
	double v[BENCH_TURNS];
	unsigned int i;

	for (i = 0; i < samples->turns; i++)
		v[i] = samples->of[side][i] / samples->of[by][i];
	return stat_of(v, samples->turns);
}

struct bench_stat bench_loss(const struct bench_samples *samples, size_t side, size_t by,
			     size_t reference, size_t reference_by)
{
	double v[BENCH_TURNS];
	unsigned int i;

	for (i = 0; i < samples->turns; i++)
		v[i] = samples->of[side][i] / samples->of[by][i] /
		       (samples->of[reference][i] / samples->of[reference_by][i]);
	return stat_of(v, samples->turns);
}

void bench_add_compared(struct bench *b, const struct bench_row *row,
			const struct bench_side *sides, size_t n, unsigned int flags,
			const struct bench_samples *samples)
{
	struct bench_row filled = *row;
	char name[128];
	size_t i;

	filled.clock = flags & BENCH_WALL ? "wall" : "cpu";
	filled.value = bench_stat(samples, 0);
	for (i = 1; i < n || i == 1; i++) {
		if (i < n) {
			filled.reference = sides[i].name;
			filled.reference_value = bench_stat(samples, i);
			filled.ratio = bench_ratio(samples, 0, i);
		}
		if (i > 1) {
			snprintf(name, sizeof(name), "%s: %s", row->name, sides[i].name);
			filled.name = name;
			filled.rule = BENCH_NO_RULE;
			filled.note = NULL;
		}
		bench_add(b, &filled);
	}
}

void bench_compare(struct bench *b, const struct bench_row *row, const struct bench_side *sides,
		   size_t n, unsigned int flags)
{
	struct bench_samples samples = { .turns = 0 };

	bench_measure(b, sides, n, flags, &samples);
	bench_add_compared(b, row, sides, n, flags, &samples);
}

uint32_t *bench_shuffled(size_t n, uint64_t seed)
{
	uint32_t *v = malloc(n * sizeof(*v) + 1);
	size_t i, j;

	if (!v)
		bench_fail("no memory");
	for (i = 0; i < n; i++) {
		j = bench_random(&seed) % (i + 1);
		v[i] = v[j];
		v[j] = (uint32_t)i;
	}
	return v;
}
