/* SPDX-License-Identifier: BSD-3-Clause */
/* The list of cases, and running them. */
#ifndef RUNNER_H
#define RUNNER_H

#include "harness.h"

/* Print the names of all cases. */
void list_cases(void);

/* Which of them: all, those of one name, or every parts-th from that one on (0: every one). */
struct choice {
	const char *only;
	unsigned int part, parts;
};

unsigned int count_cases(const struct choice *choice);

struct tally {
	unsigned int number; /* of the last case that was printed */
	unsigned int failures;
};

/*
 * Why a case may be, or has to be, not applicable here: a failure if it is without that.  NULL: this
 * is for somebody else to judge.
 */
enum verdict {
	MUST_RUN,
	MAY_SKIP,
	MUST_SKIP
};

typedef enum verdict expect_fn(const struct world *world, const char *name);

/* Run each in a process of its own, and print its result as TAP. */
void run_cases(const struct world *world, const char *prefix, const struct choice *choice,
	       expect_fn *expect, struct tally *tally);

#endif
