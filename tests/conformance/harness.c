// SPDX-License-Identifier: BSD-3-Clause
#include "harness.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define HUGE_PAGE (2 * MIB)

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
	char *p;

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

void *huge_memory(uint64_t length, int shift)
{
	void *p;

	p = mmap(NULL, length, PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB | shift << MAP_HUGE_SHIFT, -1, 0);
	return p == MAP_FAILED ? NULL : p;
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
