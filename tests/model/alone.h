/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The rigs of tests/unit outside of Check: a sequence runs thousands of times, in processes of its own, to
 * be made short, and what is wrong is told to the process that started it.
 */
#ifndef IOM_TEST_ALONE_H
#define IOM_TEST_ALONE_H

#include <check.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

static struct report {
	char text[1000];
	uint64_t step;
} * report; /* shared */

/* The first thing that is wrong ends the sequence. */
__attribute__((format(printf, 1, 2), noreturn)) static inline void wrong(const char *fmt, ...)
{
	va_list words;

	va_start(words, fmt);
	vsnprintf(report->text, sizeof(report->text), fmt, words);
	va_end(words);
	_exit(1);
}

__attribute__((format(printf, 3, 4), noreturn)) static inline void
wrong_in_rig(const char *file, int line, const char *fmt, ...)
{
	char text[800] = "";
	va_list words;

	va_start(words, fmt);
	if (fmt)
		vsnprintf(text, sizeof(text), fmt, words);
	va_end(words);
	wrong("%s:%d: %s", file, line, text);
}

/* All that asserts comes down to this. */
#undef ck_assert_msg
#define ck_assert_msg(expr, ...) \
	((expr) ? (void)0 : wrong_in_rig(__FILE__, __LINE__, ##__VA_ARGS__))

#endif
