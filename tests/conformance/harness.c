// SPDX-License-Identifier: BSD-3-Clause
#include "harness.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define HUGE_PAGE (2 * MIB)
#define FOUR_GIB (4 * GIB)

enum outcome failed(const char *file, int line, const char *fmt, ...)
{
	va_list ap;

	fprintf(stderr, "%s:%d: ", strrchr(file, '/') ? strrchr(file, '/') + 1 : file, line);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	return FAIL;
}

enum outcome not_applicable(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	return NOT_APPLICABLE;
}

enum outcome refused(const char *file, int line, const char *what, int ret, int err,
		     const char *const *words)
{
	if (ret != err)
		return failed(file, line, "%s answers %d (%s), not %d", what, ret,
			      ret < 0 ? iom_errmsg() : "success", err);
	for (; *words; words++)
		if (!strstr(iom_errmsg(), *words))
			return failed(file, line, "%s: the sentence lacks '%s': %s", what, *words,
				      iom_errmsg());
	return PASS;
}

void *room(uint64_t length, int prot)
{
	const uint64_t page = world_page_size();
	char *p;

	length = (length + page - 1) & ~(page - 1);
	p = mmap(NULL, length + HUGE_PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (p != MAP_FAILED) {
		p += -(uintptr_t)p & (HUGE_PAGE - 1);
		if (mmap(p, length, prot, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == p)
			return p;
	}
	perror("memory for a case");
	abort();
}

void *memory(uint64_t length)
{
	return memset(room(length, PROT_READ | PROT_WRITE), 0, length);
}

void take_away(void *p, uint64_t length)
{
	int fd = memfd_create("nothing", MFD_CLOEXEC);

	if (fd < 0 || mmap(p, length, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd, 0) != p) {
		perror("a hole for a case");
		abort();
	}
	close(fd);
}

uint64_t memory_page(const struct fixture *f)
{
	const uint64_t unit = iom_page_size(f->dom), page = world_page_size();

	return unit > page ? unit : page;
}

bool on_power(const struct fixture *f)
{
	const char *backend = iom_backend(f->dom);

	return backend && (!strcmp(backend, "powernv") || !strcmp(backend, "pseries"));
}

bool is_there(const void *page)
{
	unsigned char resident;

	return !mincore((void *)(uintptr_t)page, 1, &resident);
}

int open_domain(struct fixture *f, uint64_t granule)
{
	const struct iom_open_opts opts = {
		.size = sizeof(opts),
		.backend = f->world->backend,
		.unmap_granule = granule,
	};

	return world_open(&f->dom, &opts);
}

static bool is_edu(const struct world *world, const char *address)
{
	return address == world->edu || address == world->edu2 || address == world->pair[0] ||
	       address == world->pair[1];
}

int attach(struct fixture *f, const char *address, struct iom_device **dev)
{
	const struct iom_attach_opts opts = {
		.size = sizeof(opts),
		.dma_bits = is_edu(f->world, address) ? EDU_DMA_BITS : 0,
	};

	return iom_attach(f->dom, address, &opts, dev);
}

static int open_with(struct fixture *f, const char *address, uint64_t granule)
{
	int ret;

	ret = open_domain(f, granule);
	if (!ret)
		ret = attach(f, address, &f->dev);
	if (!ret)
		f->page = iom_page_size(f->dom);
	return ret;
}

int open_with_device(struct fixture *f, uint64_t granule)
{
	return open_with(f, f->world->device, granule);
}

int open_with_edu(struct fixture *f, uint64_t granule)
{
	return open_with(f, f->world->edu, granule);
}

int map_at(struct fixture *f, void *va, uint64_t length, iom_iova_t iova, struct iom_region *region)
{
	struct iom_map_opts opts = { .size = sizeof(opts), .iova = iova };

	return iom_map(f->dom, va, length, IOM_MAP_RW | IOM_MAP_FIXED, &opts, region);
}

int map_below(struct fixture *f, void *va, uint64_t length, iom_iova_t limit,
	      struct iom_region *region)
{
	struct iom_map_opts opts = { .size = sizeof(opts), .limit = limit };

	return iom_map(f->dom, va, length, IOM_MAP_RW, &opts, region);
}

uint64_t aperture_page(const struct fixture *f, iom_iova_t iova)
{
	struct iom_aperture a[N_APERTURES];
	int n = iom_apertures(f->dom, a, N_APERTURES);

	while (n > 1 && a[n - 1].start > iova)
		n--;
	return n < 1 ? 0 : a[n - 1].page_sizes & -a[n - 1].page_sizes;
}

uint64_t largest_page(const struct fixture *f, iom_iova_t iova, uint64_t most)
{
	struct iom_aperture a[N_APERTURES];
	uint64_t pages, page = f->page;
	int n = iom_apertures(f->dom, a, N_APERTURES);

	while (n > 0 && a[n - 1].start > iova)
		n--;
	if (n <= 0)
		return most;
	if (a[n - 1].flags & IOM_APERTURE_LARGER_PAGES && f->page == 4 * KIB)
		return most;
	for (pages = a[n - 1].page_sizes; pages; pages &= pages - 1)
		if ((pages & -pages) <= most)
			page = pages & -pages;
	return page;
}

bool has_room(const struct fixture *f, uint64_t length)
{
	struct iom_aperture a[N_APERTURES];
	int n = iom_apertures(f->dom, a, N_APERTURES), i;

	for (i = 0; i < n; i++) {
		uint64_t first = a[i].start ? a[i].start : f->page;

		if (a[i].last - first >= length - 1)
			return true;
	}
	return false;
}

int map_above(struct fixture *f, void *va, unsigned int bits, const struct iom_device *only,
	      struct iom_region *region)
{
	struct iom_map_opts opts = { .size = sizeof(opts), .only = only };
	struct iom_aperture a[N_APERTURES];
	int n, ret;

	ret = iom_map(f->dom, va, f->page, IOM_MAP_RW, &opts, region);
	if (ret < 0 || region->iova >> bits)
		return ret;
	n = iom_apertures(f->dom, a, N_APERTURES);
	/* on POWER there may be one above, with larger pages */
	while (n > 1 && f->page & ((a[n - 1].page_sizes & -a[n - 1].page_sizes) - 1))
		n--;
	if (n < 1 || a[n - 1].last >= FOUR_GIB)
		return n < 0 ? n : 0;
	ret = iom_unmap(f->dom, region);
	if (ret < 0)
		return ret;
	/* below what was put there before, with room behind it for more */
	opts.iova = a[n - 1].last + 1;
	do {
		opts.iova -= 16 * f->page;
		ret = iom_map(f->dom, va, f->page, IOM_MAP_RW | IOM_MAP_FIXED, &opts, region);
	} while (ret == -EEXIST);
	return ret;
}

bool translates_to(const struct fixture *f, const void *va, iom_iova_t iova)
{
	iom_iova_t found;
	uint64_t run;

	return iom_translate(f->dom, va, 1, &found, &run) == 0 && found == iova;
}

bool is_mapped(const struct fixture *f, const void *va)
{
	iom_iova_t found;
	uint64_t run;

	return iom_translate(f->dom, va, 1, &found, &run) == 0;
}

struct iom_counters counters(const struct fixture *f)
{
	struct iom_counters c = { .size = sizeof(c) };

	if (iom_read_counters(f->dom, &c) < 0) {
		fprintf(stderr, "%s\n", iom_errmsg());
		abort();
	}
	return c;
}

bool same_mappings(const struct fixture *f, const struct iom_counters *before)
{
	struct iom_counters now = counters(f);

	return now.mappings == before->mappings && now.mapped_bytes == before->mapped_bytes &&
	       now.quarantined_bytes == before->quarantined_bytes &&
	       now.entries_used == before->entries_used;
}
