// SPDX-License-Identifier: BSD-3-Clause
#include "power.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

int power_attach(struct fixture *f, const char *address, unsigned int bits, struct iom_device **dev)
{
	const struct iom_attach_opts opts = { .size = sizeof(opts), .dma_bits = bits };

	return iom_attach(f->dom, address, &opts, dev);
}

enum outcome power_open(struct fixture *f, uint64_t bytes, uint64_t page, unsigned int bits)
{
	const struct iom_open_opts opts = {
		.size = sizeof(opts),
		.backend = f->world->backend,
		.expect_bytes = bytes,
		.expect_page = page,
	};

	NEED(f->world->wide, "no edu device that drives 64 bits");
	OK(world_open(&f->dom, &opts));
	OK(power_attach(f, f->world->wide, bits, &f->dev));
	f->page = iom_page_size(f->dom);
	EXPECT(on_power(f));
	return PASS;
}

enum outcome power_two(struct fixture *f)
{
	struct iom_aperture a[N_APERTURES];

	if (world_windows() < 2)
		return not_applicable("the device has one window only");
	EXPECT(iom_apertures(f->dom, a, N_APERTURES) == 2 && a[1].start >= FAR);
	return PASS;
}

enum outcome power_huge(uint64_t length, int shift, char **p)
{
	*p = world_huge_memory(length, shift);
	/* the hash MMU has no others */
	if (!*p && shift < 24)
		*p = world_huge_memory((length + 16 * MIB - 1) & ~(16 * MIB - 1), 24);
	if (*p)
		return PASS;
	return not_applicable("no %llu MiB of free huge pages of %llu MiB",
			      (unsigned long long)(length / MIB), (1ULL << shift) / MIB);
}

char *power_alias_memory(uint64_t length)
{
	int fd = memfd_create("conformance", MFD_CLOEXEC);
	char *p = room(length, PROT_NONE);
	uint64_t at;

	for (at = 0; fd >= 0 && !ftruncate(fd, 2 * MIB) && at < length; at += 2 * MIB)
		if (mmap(p + at, 2 * MIB, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd, 0) !=
		    p + at)
			break;
	if (fd < 0 || at < length) {
		perror("memory for a case");
		abort();
	}
	close(fd);
	return p;
}
