// SPDX-License-Identifier: BSD-3-Clause
/*
 * Many buffers in one call: all of them are mapped, or none, and those that lie next to each other
 * in memory cost one kernel call together.
 *
 *	./02_batch 0000:01:00.0
 */
#include <err.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/mman.h>

#include <libiommu.h>

#define BUFFERS 256
#define LENGTH UINT64_C(65536)

static char *batch_memory(uint64_t length)
{
	void *p = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		err(1, "mmap");
	return p;
}

/* The kernel's part of the cost: each one pins, and takes an entry of its limit. */
static uint64_t maps_asked(const struct iom_domain *dom)
{
	struct iom_counters counters = { .size = sizeof(counters) };

	if (iom_read_counters(dom, &counters) < 0)
		errx(1, "%s", iom_errmsg());
	return counters.kernel_maps;
}

int main(int argc, char **argv)
{
	struct iom_region regions[BUFFERS];
	struct iom_piece pieces[BUFFERS] = { 0 };
	struct iom_domain *dom = NULL;
	struct iom_device *dev;
	struct iovec iov[4];
	struct iom_sge sges[4];
	uint64_t before;
	char *mem;
	int n;

	if (argc != 2)
		errx(2, "usage: 02_batch 0000:01:00.0");
	if (iom_open(&dom, NULL) < 0 || iom_attach(dom, argv[1], NULL, &dev) < 0)
		errx(1, "%s", iom_errmsg());

	/* The order does not matter; here it is from the end. */
	mem = batch_memory(BUFFERS * LENGTH);
	for (int i = 0; i < BUFFERS; i++) {
		pieces[i].va = mem + (BUFFERS - 1 - i) * LENGTH;
		pieces[i].length = LENGTH;
	}
	before = maps_asked(dom);
	if (iom_mapv(dom, pieces, BUFFERS, IOM_MAP_RW, NULL, regions) < 0)
		errx(1, "%s", iom_errmsg());
	printf("%d buffers, %" PRIu64 " kernel call(s)\n", BUFFERS, maps_asked(dom) - before);

	/*
	 * A transfer that gathers four buffers.  They became neighbours in IOVAs as well, so the
	 * device's scatter list has one element.
	 */
	for (int i = 0; i < 4; i++)
		iov[i] =
			(struct iovec){ .iov_base = mem + (uint64_t)i * LENGTH, .iov_len = LENGTH };
	n = iom_translatev(dom, iov, 4, sges, 4);
	if (n < 0)
		errx(1, "the memory is not mapped");
	for (int i = 0; i < n; i++)
		printf("element %d: IOVA 0x%" PRIx64 ", %" PRIu64 " bytes\n", i, sges[i].iova,
		       sges[i].length);

	/* A batch is given back whole; IOM_MAP_APART makes every piece a mapping of its own. */
	if (iom_unmapv(dom, regions, BUFFERS) < 0)
		errx(1, "%s", iom_errmsg());
	iom_close(dom);
	return 0;
}
