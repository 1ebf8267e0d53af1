/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * libdpdk's books of external memory, whose addresses need not be memory, and its pools of buffers, as
 * references, in an environment without devices, huge pages or files.
 */
#ifndef BENCH_DPDK_H
#define BENCH_DPDK_H

#include <stddef.h>
#include <stdint.h>

/* How many areas it has room for. */
#define BENCH_DPDK_AREAS 100

/* NULL: it runs, since now or before; or why it does not. */
const char *bench_dpdk_start(void);

/* An area of n pages, whose IOVAs are offset from its addresses. */
void bench_dpdk_add(uint64_t va, size_t n, uint64_t page, uint64_t offset);
void bench_dpdk_remove(uint64_t va, size_t n, uint64_t page);

/* The IOVA of va; UINT64_MAX: it is in none. */
uint64_t bench_dpdk_find(uint64_t va);

/* One mempool, of n buffers of length bytes; a buffer is got with its IOVA. */
void bench_dpdk_pool_new(size_t n, size_t length);
void bench_dpdk_pool_free(void);
void *bench_dpdk_get(uint64_t *iova);
void bench_dpdk_put(void *buf);

#endif
