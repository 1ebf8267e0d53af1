/* SPDX-License-Identifier: BSD-3-Clause */
/* First fit and nothing else, of units in one arena: what an allocator is to be judged by. */
#ifndef BENCH_FIRST_FIT_H
#define BENCH_FIRST_FIT_H

#include <stddef.h>
#include <stdint.h>

#define FIRST_FIT_LEVELS 4
#define FIRST_FIT_NONE UINT32_MAX

/*
 * A number for each unit where a free run begins: how long it is; and above, the largest of each 64.
 * One for each unit where a free run ends: how long it is.
 */
struct first_fit {
	uint32_t *begins[FIRST_FIT_LEVELS];
	uint32_t *ends;
	size_t units;
};

/* units is a multiple of 64^3. */
void first_fit_init(struct first_fit *f, size_t units);
void first_fit_free(struct first_fit *f);

/* The lowest place for so many units at a multiple of align; FIRST_FIT_NONE if there is none. */
uint32_t first_fit_take(struct first_fit *f, uint32_t units, uint32_t align);
void first_fit_give(struct first_fit *f, uint32_t start, uint32_t units);

uint32_t first_fit_largest(const struct first_fit *f);

#endif
