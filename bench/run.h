/* SPDX-License-Identifier: BSD-3-Clause */
/* What the parts of the harness know of each other. */
#ifndef BENCH_RUN_H
#define BENCH_RUN_H

#include <stdio.h>

#include "bench.h"

enum bench_verdict {
	BENCH_INFORMS, /* no rule */
	BENCH_HOLDS,
	BENCH_MISSED,
	BENCH_NOT_MEASURED,
	BENCH_VERDICTS,
};

struct bench_options {
	const char *only;    /* a pattern, or NULL */
	const char *json;    /* a file, or NULL */
	const char *count;   /* the name whose instructions are to be counted, in this process */
	const char *device;  /* a real one's address */
	const char *backend; /* for it */
	bool quick, tap;
};

/* A row that was printed, with strings of its own. */
struct bench_result {
	struct bench_row row;
	const char *group;
	enum bench_verdict verdict;
};

struct bench_machine {
	char cpu[96], kernel[200], compiler[96], hugepages[32], load[2][48]; /* at start and end */
	long processors, page;
	uint64_t memory;
};

struct bench {
	struct bench_options options;
	struct bench_machine machine;
	const struct bench_group *group;
	bool titled;        /* the group's title is printed */
	unsigned int again; /* the how manieth time; then only rows of times that were missed */
	struct bench_result *results;
	size_t n_results;
	unsigned int verdicts[BENCH_VERDICTS];
	unsigned int counted_missed;
	unsigned int held_again; /* of those that hold: when they were measured again */
};

void bench_machine_read(struct bench_machine *machine);
void bench_read_load(char *load, size_t n);

/* Whether a row of times was missed, which may be the machine's doing. */
bool bench_has_missed(const struct bench *b);

void bench_forget_row(struct bench_row *row);

enum bench_verdict bench_judge(const struct bench_row *row);
const char *bench_verdict_name(enum bench_verdict verdict);

/* "at most 1.60 times", "at most 128 bytes"; "" without a rule. */
void bench_describe_rule(const struct bench_row *row, char *text, size_t n);

void bench_table_head(const struct bench *b);
void bench_table_row(struct bench *b, const struct bench_result *result);
void bench_table_end(const struct bench *b);

/* The same rows as TAP. */
void bench_tap_row(const struct bench *b, const struct bench_result *result);

/* 0 or a negative errno. */
int bench_json_write(const struct bench *b, const char *path);

#endif
