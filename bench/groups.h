/* SPDX-License-Identifier: BSD-3-Clause */
/* The groups of figures, in the order of the table. */
#ifndef BENCH_GROUPS_H
#define BENCH_GROUPS_H

#include "bench.h"

extern const struct bench_group bench_group_alloc;
extern const struct bench_group bench_group_batch;
extern const struct bench_group bench_group_buf;
extern const struct bench_group bench_group_count;
extern const struct bench_group bench_group_device;
extern const struct bench_group bench_group_map;
extern const struct bench_group bench_group_spapr;
extern const struct bench_group bench_group_stream;
extern const struct bench_group bench_group_translate;

/* Those there are, ended by NULL. */
extern const struct bench_group *const bench_groups[];

#endif
