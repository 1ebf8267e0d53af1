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
#include "tests/unit/random.h"

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

#define KIB (UINT64_C(1) << 10)
#define MIB (UINT64_C(1) << 20)
#define GIB (UINT64_C(1) << 30)
#define TIB (UINT64_C(1) << 40)

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
