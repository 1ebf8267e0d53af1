// SPDX-License-Identifier: BSD-3-Clause
/*
 * The smallest program: a device may reach 2 MiB of memory, and this is where it finds them.
 *
 *	./01_hello_map 0000:01:00.0
 *
 * The device must be bound to vfio-pci; "iommuctl bind" does that, and "iommuctl doctor" tells what
 * is missing if it does not work.
 */
#include <err.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/mman.h>

#include <libiommu.h>

#define LENGTH (UINT64_C(2) << 20)

int main(int argc, char **argv)
{
	struct iom_domain *dom = NULL;
	struct iom_device *dev;
	struct iom_region buf;
	char *mem;

	if (argc != 2)
		errx(2, "usage: 01_hello_map 0000:01:00.0");

	/* Any memory will do, in whole pages; the library pins it. */
	mem = mmap(NULL, LENGTH, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (mem == MAP_FAILED)
		err(1, "mmap");

	/* Attaching chooses between iommufd and VFIO's interfaces, by what works here. */
	if (iom_open(&dom, NULL) < 0 || iom_attach(dom, argv[1], NULL, &dev) < 0 ||
	    iom_map(dom, mem, LENGTH, IOM_MAP_RW, NULL, &buf) < 0)
		errx(1, "%s", iom_errmsg());

	printf("by %s: memory at %p is at IOVA 0x%" PRIx64 "\n", iom_backend(dom), (void *)mem,
	       buf.iova);

	/* What a descriptor of the device would have for the byte at 4096: one addition. */
	printf("and its byte 4096 at 0x%" PRIx64 "\n", iom_region_iova(&buf, mem + 4096));

	/* A driver goes on with BARs and interrupts, through this descriptor. */
	printf("the VFIO descriptor of %s is %d\n", iom_device_address(dev), iom_device_fd(dev));

	/* Unmap here before the memory goes: until then the device reaches these very pages. */
	if (iom_unmap(dom, &buf) < 0)
		errx(1, "%s", iom_errmsg());
	munmap(mem, LENGTH);
	iom_close(dom);
	return 0;
}
