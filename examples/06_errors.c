// SPDX-License-Identifier: BSD-3-Clause
/*
 * When it does not work: what a program decides by, what it shows to people, and what it looks at
 * afterwards.  All failures here are made on purpose.
 *
 *	./06_errors 0000:01:00.0
 */
#include <err.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include <libiommu.h>

#define LENGTH (UINT64_C(1) << 20)

/* A program's own log; locks of the library are held, so this must not call it. */
static void write_log(void *arg, int level, const char *message)
{
	if (level <= IOM_LOG_WARN)
		fprintf(arg, "driver: %s\n", message);
}

/* The number is for the program, the sentence for whoever has to mend it. */
static void show(const char *what, int ret)
{
	printf("%s: %s\n", what, ret < 0 ? strerror(-ret) : "it worked");
	if (ret < 0)
		printf("\t%s\n", iom_errmsg());
}

/* Memory of at most length bytes: where little may be locked, less is better than none. */
static int map_what_fits(struct iom_domain *dom, void *mem, uint64_t length,
			 struct iom_region *region)
{
	int ret;

	do {
		ret = iom_map(dom, mem, length, IOM_MAP_RW, NULL, region);
		length /= 2;
	} while (ret == -ENOMEM && length >= iom_page_size(dom));
	return ret;
}

int main(int argc, char **argv)
{
	const struct iom_open_opts opts = {
		.size = sizeof(opts),
		.log = write_log,
		.log_arg = stderr,
		.history = 64, /* for iom_whatis() below */
	};
	struct iom_what what = { .size = sizeof(what) };
	struct iom_domain *dom = NULL;
	struct iom_region region = { 0 }; /* no mapping */
	struct iom_device *dev;
	char *mem;

	if (argc != 2)
		errx(2, "usage: 06_errors 0000:01:00.0");
	mem = mmap(NULL, LENGTH, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (mem == MAP_FAILED)
		err(1, "mmap");
	if (iom_open(&dom, &opts) < 0)
		errx(1, "%s", iom_errmsg());

	show("map before there is a device", iom_map(dom, mem, LENGTH, IOM_MAP_RW, NULL, NULL));
	if (iom_attach(dom, argv[1], NULL, &dev) < 0)
		errx(1, "%s", iom_errmsg());
	show("map half a page", iom_map(dom, mem, iom_page_size(dom) / 2, IOM_MAP_RW, NULL, NULL));
	show("map as much as may be locked", map_what_fits(dom, mem, LENGTH, &region));
	show("map it once more", iom_map(dom, mem, region.length, IOM_MAP_RW, NULL, NULL));
	show("unmap it", iom_unmap(dom, &region));
	show("unmap it again", iom_unmap(dom, &region));

	/* Out of a fault in the kernel's log: whose address was that? */
	if (iom_whatis(dom, region.iova + 0x40, &what) < 0)
		errx(1, "%s", iom_errmsg());
	printf("IOVA 0x%" PRIx64 ": %s\n", region.iova + 0x40, what.text);

	iom_close(dom);
	/* A whole driver, with registers, queues and hot unplug, is beside this: nvme_poll.c. */
	return 0;
}
