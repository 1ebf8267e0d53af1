/* SPDX-License-Identifier: BSD-3-Clause */
/* What most of the unit tests use. */
#ifndef IOM_TEST_UTIL_H
#define IOM_TEST_UTIL_H

#include <check.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "libiommu.h"

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

#define KIB (UINT64_C(1) << 10)
#define MIB (UINT64_C(1) << 20)
#define GIB (UINT64_C(1) << 30)
#define TIB (UINT64_C(1) << 40)

/* ---- Random numbers ----------------------------------------------------------------------------- */

/* Another seed at each run, printed so that a failure can be had again: IOM_TEST_SEED=0x... */
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

/* ---- Failures ----------------------------------------------------------------------------------- */

/* What iom_errmsg(), which should be one sentence with all of the words, lacks; NULL if nothing. */
static inline const char *sentence_lacks(const char *const *words)
{
	const char *sentence = iom_errmsg();

	if (!*sentence)
		return "anything";
	if (strchr(sentence, '\n'))
		return "an end at its first line";
	for (; *words; words++)
		if (!strstr(sentence, *words))
			return *words;
	return NULL;
}

/* The call returns error, and its sentence says all the words that follow. */
#define ck_assert_fails(call, error, ...)                                                        \
	do {                                                                                     \
		int got_ = (call);                                                               \
		const char *const words_[] = { __VA_ARGS__, NULL }, *lacks_;                     \
                                                                                                 \
		ck_assert_msg(got_ == (error), "%s is %d, not %d; \"%s\"", #call, got_, (error), \
			      iom_errmsg());                                                     \
		lacks_ = sentence_lacks(words_);                                                 \
		ck_assert_msg(!lacks_, "%s: \"%s\" lacks: %s", #call, iom_errmsg(), lacks_);     \
	} while (0)

/* The call returns 0. */
#define ck_assert_ok(call)                                                               \
	do {                                                                             \
		int got_ = (call);                                                       \
                                                                                         \
		ck_assert_msg(got_ == 0, "%s is %d; \"%s\"", #call, got_, iom_errmsg()); \
	} while (0)

#endif
