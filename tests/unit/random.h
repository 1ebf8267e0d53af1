/* SPDX-License-Identifier: BSD-3-Clause */
/* Random numbers: another seed at each run, printed so that a failure can be had again. */
#ifndef IOM_TEST_RANDOM_H
#define IOM_TEST_RANDOM_H

#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

/* IOM_TEST_SEED=0x... has it again. */
static inline uint64_t random_start(void)
{
	const char *word = getenv("IOM_TEST_SEED");
	struct timespec now;
	uint64_t seed;

	clock_gettime(CLOCK_REALTIME, &now);
	seed = (uint64_t)now.tv_sec * UINT64_C(1000000007) + (uint64_t)now.tv_nsec;
	if (word)
		seed = strtoull(word, NULL, 0);
	fprintf(stderr, "# IOM_TEST_SEED=0x%" PRIx64 "\n", seed);
	return seed;
}

/* splitmix64 */
static inline uint64_t random_next(uint64_t *state)
{
	uint64_t x = *state += UINT64_C(0x9e3779b97f4a7c15);

	x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
	return x ^ x >> 31;
}

static inline uint64_t random_below(uint64_t *state, uint64_t n)
{
	return random_next(state) % n;
}

#endif
