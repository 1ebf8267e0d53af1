// SPDX-License-Identifier: BSD-3-Clause
/* Without libdpdk. */
#include "bench.h"
#include "dpdk.h"

const char *bench_dpdk_start(void)
{
	return "built without libdpdk";
}

void bench_dpdk_add(uint64_t va, size_t n, uint64_t page, uint64_t offset)
{
	(void)va, (void)n, (void)page, (void)offset;
	bench_fail("built without libdpdk");
}

void bench_dpdk_remove(uint64_t va, size_t n, uint64_t page)
{
	bench_dpdk_add(va, n, page, 0);
}

uint64_t bench_dpdk_find(uint64_t va)
{
	(void)va;
	return UINT64_MAX;
}

void bench_dpdk_pool_new(size_t n, size_t length)
{
	bench_dpdk_add(0, n, length, 0);
}

void bench_dpdk_pool_free(void)
{
}

void *bench_dpdk_get(uint64_t *iova)
{
	(void)iova;
	return NULL;
}

void bench_dpdk_put(void *buf)
{
	(void)buf;
}
