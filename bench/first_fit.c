// SPDX-License-Identifier: BSD-3-Clause
#include "first_fit.h"

#include <stdlib.h>

#include "bench.h"

#define FANOUT 64

static uint32_t largest(const uint32_t *v, size_t n)
{
	uint32_t most = 0;
	size_t i;

	for (i = 0; i < n; i++)
		most = v[i] > most ? v[i] : most;
	return most;
}

static void set_begin(struct first_fit *f, size_t unit, uint32_t length)
{
	size_t level, at = unit;

	f->begins[0][at] = length;
	for (level = 1; level < FIRST_FIT_LEVELS; level++) {
		at /= FANOUT;
		f->begins[level][at] = largest(&f->begins[level - 1][at * FANOUT], FANOUT);
	}
}

static void add_run(struct first_fit *f, uint32_t start, uint32_t length)
{
	if (!length)
		return;
	f->ends[start + length - 1] = length;
	set_begin(f, start, length);
}

static void remove_run(struct first_fit *f, uint32_t start, uint32_t length)
{
	f->ends[start + length - 1] = 0;
	set_begin(f, start, 0);
}

void first_fit_init(struct first_fit *f, size_t units)
{
	size_t level, n = units;

	f->units = units;
	f->ends = calloc(units, sizeof(f->ends[0]));
	if (!f->ends)
		bench_fail("no memory");
	for (level = 0; level < FIRST_FIT_LEVELS; level++, n /= FANOUT) {
		f->begins[level] = calloc(n, sizeof(f->begins[0][0]));
		if (!f->begins[level])
			bench_fail("no memory");
	}
	add_run(f, 0, (uint32_t)units);
}

void first_fit_free(struct first_fit *f)
{
	size_t level;

	for (level = 0; level < FIRST_FIT_LEVELS; level++)
		free(f->begins[level]);
	free(f->ends);
}

/* The next run at unit or behind it that is so long; FIRST_FIT_NONE if there is none. */
static size_t next_run(const struct first_fit *f, size_t unit, uint32_t length)
{
	size_t size;
	unsigned int level;

	while (unit < f->units) {
		if (f->begins[0][unit] >= length)
			return unit;
		/* the largest part that begins here and has none; else one unit */
		for (level = FIRST_FIT_LEVELS - 1, size = FANOUT * FANOUT * FANOUT; level;
		     level--, size /= FANOUT)
			if (unit % size == 0 && f->begins[level][unit / size] < length)
				break;
		unit += size;
	}
	return FIRST_FIT_NONE;
}

uint32_t first_fit_take(struct first_fit *f, uint32_t units, uint32_t align)
{
	size_t run;

	for (run = next_run(f, 0, units); run != FIRST_FIT_NONE;
	     run = next_run(f, run + 1, units)) {
		uint32_t length = f->begins[0][run];
		uint32_t skip = -(uint32_t)run & (align - 1);

		if (length < skip || length - skip < units)
			continue;
		remove_run(f, (uint32_t)run, length);
		add_run(f, (uint32_t)run, skip);
		add_run(f, (uint32_t)run + skip + units, length - skip - units);
		return (uint32_t)run + skip;
	}
	return FIRST_FIT_NONE;
}

void first_fit_give(struct first_fit *f, uint32_t start, uint32_t units)
{
	uint32_t before = start ? f->ends[start - 1] : 0;
	uint32_t behind = start + units < f->units ? f->begins[0][start + units] : 0;

	if (before)
		remove_run(f, start - before, before);
	if (behind)
		remove_run(f, start + units, behind);
	add_run(f, start - before, before + units + behind);
}

uint32_t first_fit_largest(const struct first_fit *f)
{
	return largest(f->begins[FIRST_FIT_LEVELS - 1], f->units / (FANOUT * FANOUT * FANOUT));
}
