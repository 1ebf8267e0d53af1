/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A bare radix, the reference of the translations: three levels for 57 bits, cut as the library's
 * are, and slots of 8 bytes that hold the IOVA of a page of 4 KiB and nothing else.  It knows no
 * contiguity, no larger page, no unmap, no fork and no length.
 */
#ifndef BENCH_REF_RADIX_H
#define BENCH_REF_RADIX_H

#include <stdbool.h>
#include <stdint.h>

struct bench_radix;

/* NULL, or false: no memory. */
struct bench_radix *bench_radix_new(void);
bool bench_radix_add(struct bench_radix *radix, uint64_t va, uint64_t iova);
void bench_radix_free(struct bench_radix *radix);

/* 0 or -ENOENT.  One thread adds, any number look. */
int bench_radix_find(const struct bench_radix *radix, uint64_t va, uint64_t *iova);

#endif
