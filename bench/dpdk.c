// SPDX-License-Identifier: BSD-3-Clause
#include "dpdk.h"

#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_memory.h>
#include <rte_mempool.h>

#include "bench.h"

/* It ties the calling thread to one processor; all else is to be measured as before. */
static int start(void)
{
	static char words[][24] = { "bench",       "--no-huge", "--no-shconf",
				    "--no-pci",    "-m",        "64",
				    "--lcores",    "0",         "--no-telemetry",
				    "--log-level", "error" };
	char *argv[ARRAY_SIZE(words) + 1] = { NULL };
	cpu_set_t before;
	size_t i;
	int ret;

	for (i = 0; i < ARRAY_SIZE(words); i++)
		argv[i] = words[i];
	if (sched_getaffinity(0, sizeof(before), &before) < 0)
		return -1;
	ret = rte_eal_init(ARRAY_SIZE(words), argv);
	sched_setaffinity(0, sizeof(before), &before);
	return ret;
}

const char *bench_dpdk_start(void)
{
	static int started;

	if (!started)
		started = start() < 0 ? -1 : 1;
	return started < 0 ? "libdpdk does not start here" : NULL;
}

void bench_dpdk_add(uint64_t va, size_t n, uint64_t page, uint64_t offset)
{
	rte_iova_t *iovas = malloc(n * sizeof(*iovas));
	size_t i;

	if (!iovas)
		bench_fail("no memory");
	for (i = 0; i < n; i++)
		iovas[i] = va + offset + i * page;
	if (rte_extmem_register((void *)(uintptr_t)va, n * page, iovas, (unsigned int)n, page) < 0)
		bench_fail("rte_extmem_register: %s", rte_strerror(rte_errno));
	free(iovas);
}

void bench_dpdk_remove(uint64_t va, size_t n, uint64_t page)
{
	if (rte_extmem_unregister((void *)(uintptr_t)va, n * page) < 0)
		bench_fail("rte_extmem_unregister: %s", rte_strerror(rte_errno));
}

uint64_t bench_dpdk_find(uint64_t va)
{
	const struct rte_memseg *ms = rte_mem_virt2memseg((void *)(uintptr_t)va, NULL);

	return ms ? ms->iova + (va - ms->addr_64) : UINT64_MAX;
}

/* ---- Pools ----------------------------------------------------------------------------------- */

#define CACHED 256 /* of a thread's own, as many as DPDK's examples have */

static struct rte_mempool *pool;

void bench_dpdk_pool_new(size_t n, size_t length)
{
	pool = rte_mempool_create("bench", (unsigned int)n, (unsigned int)length, CACHED, 0, NULL,
				  NULL, NULL, NULL, SOCKET_ID_ANY,
				  RTE_MEMPOOL_F_SP_PUT | RTE_MEMPOOL_F_SC_GET);
	if (!pool)
		bench_fail("rte_mempool_create: %s", rte_strerror(rte_errno));
}

void bench_dpdk_pool_free(void)
{
	rte_mempool_free(pool);
}

void *bench_dpdk_get(uint64_t *iova)
{
	void *buf;

	if (rte_mempool_get(pool, &buf) < 0)
		bench_fail("rte_mempool_get: none is left");
	*iova = rte_mempool_virt2iova(buf);
	return buf;
}

void bench_dpdk_put(void *buf)
{
	rte_mempool_put(pool, buf);
}
