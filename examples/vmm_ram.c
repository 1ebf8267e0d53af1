// SPDX-License-Identifier: BSD-3-Clause
#define _GNU_SOURCE 1
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "sentence.h"
#include "vmm_space.h"

/* The system's default huge page, 0 if it has none. */
static uint64_t default_huge_page(void)
{
	unsigned long long kib = 0;
	char line[128];
	FILE *file;

	file = fopen("/proc/meminfo", "re");
	if (!file)
		return 0;
	while (!kib && fgets(line, sizeof(line), file))
		sscanf(line, "Hugepagesize: %llu kB", &kib);
	fclose(file);
	return kib << 10;
}

/*
 * At an address that is a multiple of VMM_UNIT, so that runs of pages are aligned there as in the
 * window.
 */
static char *map_aligned(const struct vmm_ram *ram)
{
	uint64_t room = ram->length + VMM_UNIT;
	char *reserved, *va;

	reserved = mmap(NULL, room, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (reserved == MAP_FAILED)
		return reserved;
	va = reserved + (-(uintptr_t)reserved & (VMM_UNIT - 1));
	if (va != reserved)
		munmap(reserved, (size_t)(va - reserved));
	munmap(va + ram->length, (size_t)(reserved + VMM_UNIT - va));
	return mmap(va, ram->length, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, ram->fd, 0);
}

/*
 * The kernel aligns huge pages, and on POWER with the hash MMU has them only where no others have
 * been.
 */
static char *map_huge(const struct vmm_ram *ram)
{
	return mmap(NULL, ram->length, PROT_READ | PROT_WRITE, MAP_SHARED, ram->fd, 0);
}

/* All of it now, or none: else what is missing shows when it is touched, by a signal. */
static int fill(struct vmm_ram *ram)
{
	char *va;

	if (ftruncate(ram->fd, (off_t)ram->length) < 0)
		return -errno;
	va = ram->huge_page ? map_huge(ram) : map_aligned(ram);
	if (va == MAP_FAILED)
		return -errno;
	ram->va = va;
	return fallocate(ram->fd, 0, 0, (off_t)ram->length) < 0 ? -errno : 0;
}

static int say_why(int error, const struct vmm_ram *ram)
{
	if (ram->huge_page)
		return fail(error,
			    "no %" PRIu64 " huge pages of %" PRIu64 " KiB for guest RAM (%s): "
			    "reserve them through /proc/sys/vm/nr_hugepages",
			    ram->length / ram->huge_page, ram->huge_page >> 10, strerror(-error));
	return fail(error, "no %" PRIu64 " MiB for guest RAM: %s", ram->length >> 20,
		    strerror(-error));
}

int vmm_ram_open(struct vmm_ram *ram, const struct vmm_options *options)
{
	int ret;

	*ram = (struct vmm_ram){ .length = options->ram };
	if (options->huge) {
		ram->huge_page = default_huge_page();
		if (!ram->huge_page)
			return fail(-EOPNOTSUPP, "this system has no huge pages");
		if (options->ram % ram->huge_page || options->low % ram->huge_page)
			return fail(-EINVAL,
				    "--ram and --low are not multiples of the huge pages, %" PRIu64
				    " KiB",
				    ram->huge_page >> 10);
	}

	ram->fd = memfd_create("guest-ram", MFD_CLOEXEC | (options->huge ? MFD_HUGETLB : 0));
	if (ram->fd < 0)
		return say_why(-errno, ram);
	ret = fill(ram);
	if (ret < 0) {
		vmm_ram_close(ram);
		return say_why(ret, ram);
	}
	return 0;
}

void vmm_ram_close(struct vmm_ram *ram)
{
	if (ram->va)
		munmap(ram->va, ram->length);
	ram->va = NULL;
	close(ram->fd);
}
