/* SPDX-License-Identifier: BSD-3-Clause */
/* The simplest table of mappings: an array, sorted by address.  A reference. */
#ifndef BENCH_ARRAY_H
#define BENCH_ARRAY_H

#include <stddef.h>
#include <stdint.h>

struct bench_array_entry {
	uint64_t va, length, iova;
};

struct bench_array {
	struct bench_array_entry *v;
	size_t n, room;
};

void bench_array_insert(struct bench_array *a, uint64_t va, uint64_t length, uint64_t iova);
void bench_array_remove(struct bench_array *a, uint64_t va);

/* The IOVA of va; UINT64_MAX: it is in none. */
uint64_t bench_array_find(const struct bench_array *a, uint64_t va);

void bench_array_free(struct bench_array *a);

#endif
