/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The benchmark: what each call of libiommu costs, beside what it is to be judged by, which is
 * measured in the same run, in turns.
 *
 * A group of figures is a function that prints rows.  A row has a value, most have a reference and
 * the ratio of both, and some have a figure that must hold:
 *
 *	static void run(struct bench *b)
 *	{
 *		const struct bench_world_opts opts = { .backend = "type1" };
 *		struct bench_world *world = bench_world_new(&opts);
 *		const struct bench_side sides[] = {
 *			{ "libiommu", find, world },
 *			{ "bare radix", find_bare, radix },
 *		};
 *		const struct bench_row row = {
 *			.name = "translate/dense", .n = 1000, .backend = bench_world_backend(world),
 *			.rule = BENCH_RATIO_AT_MOST, .target = 1.6,
 *		};
 *
 *		bench_compare(b, &row, sides, 2, 0);
 *		bench_world_free(world);
 *	}
 *
 *	const struct bench_group bench_group_translate = { "translate", "Translation", run };
 *
 * and a line each in groups.h and groups.c.  What cannot run ends the program by bench_fail(): that
 * is what make bench fails of, not a figure that is missed.
 */
#ifndef BENCH_H
#define BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

#define KIB (UINT64_C(1) << 10)
#define MIB (UINT64_C(1) << 20)
#define GIB (UINT64_C(1) << 30)

/* One run of the program. */
struct bench;

struct bench_group {
	const char *name;
	const char *title;
	void (*run)(struct bench *b);
};

/* For the backend of a row that has none: the tables of lib/ by themselves. */
#define BENCH_NO_BACKEND "none: table only"

/* ---- Rows ------------------------------------------------------------------------------------ */

/* The median of several samples, and the quartiles around it; alike if it was counted. */
struct bench_stat {
	double median, low, high;
	unsigned int samples; /* 0: there is none */
};

enum bench_rule {
	BENCH_NO_RULE, /* for information */
	BENCH_RATIO_AT_MOST,
	BENCH_RATIO_AT_LEAST,
	BENCH_VALUE_AT_MOST,
	BENCH_VALUE_IS,
};

struct bench_row {
	const char *name; /* "translate/dense", what --only is matched with */
	uint64_t n;       /* with so many mappings, pieces ...; 0: says nothing */
	const char *backend;
	const char *unit;  /* NULL: "ns", per operation; else "instructions", "calls" ... */
	const char *clock; /* of times: "cpu" or "wall"; filled by bench_compare() */
	struct bench_stat value;
	const char *reference; /* what it is compared with; NULL: nothing */
	struct bench_stat reference_value;
	struct bench_stat ratio; /* value / reference_value */
	enum bench_rule rule;
	double target;
	bool counted;        /* no time: must hold on any machine */
	const char *missing; /* why it was not measured; NULL: it was */
	const char *note;
};

/* Whether the row of this name, with n unless that is 0, is wanted. */
bool bench_wants(const struct bench *b, const char *name, uint64_t n);

/* --quick: a moment for each, to see that it works; and no more than so many mappings. */
bool bench_is_quick(const struct bench *b);
uint64_t bench_quick_limit(const struct bench *b, uint64_t n);

/* Print a row that is filled.  Strings are copied. */
void bench_add(struct bench *b, const struct bench_row *row);

/* A value that was counted: in row->unit, and beside a reference unless row->reference is NULL. */
void bench_add_count(struct bench *b, const struct bench_row *row, double value, double reference);

/* The same row, which could not be measured here. */
void bench_add_missing(struct bench *b, const struct bench_row *row, const char *why);

/* Could not run: say why, and end the program. */
void bench_fail(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));

/* ret of a call of libiommu; if it failed: bench_fail() with its sentence. */
void bench_check(int ret, const char *what);

/* ---- Times ----------------------------------------------------------------------------------- */

/*
 * One side of a comparison: run does at least one operation, about ops of them, and returns how
 * many it has done.
 */
struct bench_side {
	const char *name;
	uint64_t (*run)(void *arg, uint64_t ops);
	void *arg;
	void *arg2; /* not NULL: a second thread runs with this, at the same time */
};

#define BENCH_SIDES 6
#define BENCH_TURNS 45

/* What is measured besides, or otherwise. */
#define BENCH_WALL 0x1u /* by the wall's clock, not the threads': for what waits for the kernel */

/* In ns per operation. */
struct bench_samples {
	double of[BENCH_SIDES][BENCH_TURNS];
	unsigned int turns;
	uint64_t waits; /* how often a thread slept: for a lock, say, whose cost is not in here */
};

/*
 * Measure all sides in turns (A B A B ...), after a warm-up; where there are two threads, their
 * mean counts.  The turns are added to those that samples, which begin as zeros, have.
 */
void bench_measure(struct bench *b, const struct bench_side *sides, size_t n, unsigned int flags,
		   struct bench_samples *samples);

/* Of one side; of one by another, turn by turn; and of what two have lost to two others. */
struct bench_stat bench_stat(const struct bench_samples *samples, size_t side);
struct bench_stat bench_ratio(const struct bench_samples *samples, size_t side, size_t by);
struct bench_stat bench_loss(const struct bench_samples *samples, size_t side, size_t by,
			     size_t reference, size_t reference_by);

/*
 * bench_measure(), and rows of it: that of sides[0] beside sides[1], and one more for each further
 * side, for information, named after it.  With one side there is no reference.
 */
void bench_compare(struct bench *b, const struct bench_row *row, const struct bench_side *sides,
		   size_t n, unsigned int flags);

/* The rows alone, of what was measured. */
void bench_add_compared(struct bench *b, const struct bench_row *row,
			const struct bench_side *sides, size_t n, unsigned int flags,
			const struct bench_samples *samples);

/* ---- Instructions ---------------------------------------------------------------------------- */

/*
 * What is counted under callgrind, in a process of its own: set_up's answer is run's argument, and
 * what run executes for ops operations is counted, all else not.
 */
struct bench_counted {
	const char *name; /* "instructions/translate" */
	void *(*set_up)(const struct bench_counted *counted, const char **backend);
	uint64_t (*run)(void *arg, uint64_t ops);
	uint64_t ops;
	const char *by; /* for set_up: a backend, and how many mappings there are */
	size_t mappings;
	double at_most; /* 0: for information */
};

/* A row for it.  Missing where there is no valgrind. */
void bench_count_instructions(struct bench *b, const struct bench_counted *counted);

/* ---- Small things ---------------------------------------------------------------------------- */

/* Keep the compiler from leaving out the computation of value. */
static inline void bench_use(uint64_t value)
{
	__asm__ volatile("" : : "r"(value) : "memory");
}

/* xorshift64*: the same numbers in each run.  The state must not be 0. */
static inline uint64_t bench_random(uint64_t *state)
{
	*state ^= *state >> 12;
	*state ^= *state << 25;
	*state ^= *state >> 27;
	return *state * UINT64_C(2685821657736338717);
}

/* 0 to n - 1 in random order; freed by the caller. */
uint32_t *bench_shuffled(size_t n, uint64_t seed);

#endif
