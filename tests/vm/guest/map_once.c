// SPDX-License-Identifier: BSD-3-Clause
/*
 * map_once ADDRESS BYTES: maps so much memory of huge pages for the device by one call of iom_map(), and
 * unmaps it; for somebody who counts the system calls. Says where it was mapped, and through what
 * pages.
 */

#define _GNU_SOURCE
#include <err.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#include <libiommu.h>

#define MAX_APERTURES 16

static void tell(const struct iom_domain *domain, const struct iom_region *region)
{
	struct iom_aperture apertures[MAX_APERTURES];
	int n = iom_apertures(domain, apertures, MAX_APERTURES);

	if (n < 0 || n > MAX_APERTURES)
		errx(1, "%d apertures: %s", n, iom_errmsg());
	for (int i = 0; i < n; i++)
		if (region->iova - apertures[i].start <= apertures[i].last - apertures[i].start)
			printf("mapped 0x%" PRIx64 " bytes in the aperture at 0x%" PRIx64
			       ", page sizes 0x%" PRIx64 "\n",
			       region->length, apertures[i].start, apertures[i].page_sizes);
}

int main(int argc, char **argv)
{
	struct iom_region region;
	struct iom_domain *domain;
	struct iom_device *device;
	uint64_t bytes;
	void *va;

	if (argc != 3)
		errx(2, "usage: map_once ADDRESS BYTES");
	bytes = strtoull(argv[2], NULL, 0);
	va = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB,
		  -1, 0);
	if (va == MAP_FAILED)
		err(1, "0x%" PRIx64 " bytes of huge pages", bytes);
	if (iom_open(&domain, NULL) < 0 || iom_attach(domain, argv[1], NULL, &device) < 0 ||
	    iom_map(domain, va, bytes, IOM_MAP_RW, NULL, &region) < 0)
		errx(1, "%s", iom_errmsg());
	tell(domain, &region);
	if (iom_unmap(domain, &region) < 0)
		errx(1, "%s", iom_errmsg());
	iom_close(domain);
	return 0;
}
