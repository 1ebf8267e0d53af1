// SPDX-License-Identifier: BSD-3-Clause
/*
 * Buffers that are somebody else's: each is in the device's reach for as long as a command is under
 * way.  What that costs is seen in the stream's counters.
 *
 *	./03_streams 0000:01:00.0
 */
#include <err.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <libiommu.h>

#define COMMANDS 1000
#define LENGTH UINT64_C(4096)
#define ARENA (UINT64_C(8) << 20)

/* One command: the device writes into buf, which may begin anywhere. */
static void command(struct iom_stream *stream, void *buf)
{
	struct iom_segment segments[3]; /* length / 4096 + 2 is always enough */
	int n;

	/*
	 * A loop that polls several queues asks for IOM_NOWAIT first, and may do something else on
	 * -EAGAIN.  This one has nothing else to do.
	 */
	n = iom_dma_map(stream, buf, LENGTH, IOM_MAP_WRITE | IOM_NOWAIT, segments, 3);
	if (n == -EAGAIN)
		n = iom_dma_map(stream, buf, LENGTH, IOM_MAP_WRITE, segments, 3);
	if (n < 0)
		errx(1, "iom_dma_map: %s", strerror(-n));

	/* Here the segments go to the device, and the command completes. */

	if (iom_dma_unmap(stream, segments, (size_t)n) < 0)
		errx(1, "the kernel refused to unmap");
}

static void report(struct iom_stream *stream, const char *what)
{
	struct iom_stream_counters c = { .size = sizeof(c) };

	if (iom_stream_read_counters(stream, &c) < 0)
		errx(1, "%s", iom_errmsg());
	printf("%s: %" PRIu64 " hits, %" PRIu64 " misses, %" PRIu64 " mapped for the call alone\n",
	       what, c.hits, c.misses, c.transient);
}

int main(int argc, char **argv)
{
	struct iom_domain *dom = NULL;
	struct iom_stream *stream;
	struct iom_memory *promise;
	struct iom_device *dev;
	char *heap, *arena;

	if (argc != 2)
		errx(2, "usage: 03_streams 0000:01:00.0");
	if (iom_open(&dom, NULL) < 0 || iom_attach(dom, argv[1], NULL, &dev) < 0 ||
	    iom_stream_open(dom, &stream) < 0)
		errx(1, "%s", iom_errmsg());

	/* Of the heap nothing is known, so each command maps, and unmaps in earnest. */
	heap = malloc(LENGTH);
	if (!heap)
		err(1, "malloc");
	for (int i = 0; i < COMMANDS; i++)
		command(stream, heap);
	free(heap);
	report(stream, "from the heap");

	/* Of this memory we promise that it stays in place, so what is mapped of it is kept. */
	arena = mmap(NULL, ARENA, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (arena == MAP_FAILED)
		err(1, "mmap");
	if (iom_memory_add(dom, arena, ARENA, IOM_MAP_RW, &promise) < 0)
		errx(1, "%s", iom_errmsg());
	for (uint64_t i = 0; i < COMMANDS; i++)
		command(stream, arena + i * 1536);
	report(stream, "and declared");

	/* The promise ends before the memory does. */
	if (iom_memory_remove(promise) < 0)
		errx(1, "%s", iom_errmsg());
	munmap(arena, ARENA);
	iom_close(dom);
	return 0;
}
