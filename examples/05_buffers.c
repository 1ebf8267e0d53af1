// SPDX-License-Identifier: BSD-3-Clause
/*
 * Memory that the library makes for DMA: of the largest pages that there are, on the device's NUMA
 * node, mapped; and packets out of pools, one pool for each thread.
 *
 *	./05_buffers 0000:01:00.0
 */
#include <err.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include <libiommu.h>

#define LENGTH (UINT64_C(4) << 20)
#define PACKET 2048
#define PACKETS 256
#define THREADS 2
#define ROUNDS 1000

/* Nothing here locks, maps or asks the kernel: a pool is its thread's own. */
static void *thread(void *arg)
{
	struct iom_buf_pool *pool = arg;
	struct iom_buf burst[32];

	for (int round = 0; round < ROUNDS; round++) {
		int n = 0;

		while (n < 32 && iom_buf_get(pool, &burst[n]) == 0) {
			memset(burst[n].va, round, PACKET);
			/* burst[n].iova would go into a descriptor */
			n++;
		}
		while (n > 0)
			if (iom_buf_put(pool, &burst[--n]) < 0)
				return arg; /* no buffer of this pool, or put back twice */
	}
	return NULL;
}

int main(int argc, char **argv)
{
	struct iom_buf_info info = { .size = sizeof(info) };
	struct iom_buf_pool *pools[THREADS];
	struct iom_domain *dom = NULL;
	pthread_t threads[THREADS];
	struct iom_device *dev;
	struct iom_region buf;

	if (argc != 2)
		errx(2, "usage: 05_buffers 0000:01:00.0");
	if (iom_open(&dom, NULL) < 0 || iom_attach(dom, argv[1], NULL, &dev) < 0 ||
	    iom_buf_alloc(dom, LENGTH, NULL, &buf) < 0 || iom_buf_read_info(dom, &buf, &info) < 0)
		errx(1, "%s", iom_errmsg());

	/* What was there decides, unless iom_buf_opts.least_page insists on more. */
	printf("%" PRIu64 " bytes at %p, IOVA 0x%" PRIx64 ", in pages of %" PRIu64 "\n", buf.length,
	       buf.va, buf.iova, info.page);
	if (info.page < info.wanted)
		printf("pages of %" PRIu64 " would have suited, but none is free\n", info.wanted);

	for (int i = 0; i < THREADS; i++)
		if (iom_buf_pool_open(dom, PACKET, PACKETS, NULL, &pools[i]) < 0)
			errx(1, "%s", iom_errmsg());
	for (int i = 0; i < THREADS; i++)
		if (pthread_create(&threads[i], NULL, thread, pools[i]))
			errx(1, "no thread");
	for (int i = 0; i < THREADS; i++) {
		void *failed;

		pthread_join(threads[i], &failed);
		if (failed)
			errx(1, "thread %d cannot put a packet back", i);
	}
	printf("%d threads took %d packets each\n", THREADS, ROUNDS * 32);

	/* The library's memory ends with its mapping; the pools, with the domain. */
	if (iom_unmap(dom, &buf) < 0)
		errx(1, "%s", iom_errmsg());
	iom_close(dom);
	return 0;
}
