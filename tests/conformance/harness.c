// SPDX-License-Identifier: BSD-3-Clause
#include "harness.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define HUGE_PAGE (UINT64_C(2) << 20)

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

static void *map_memory(uint64_t length, int flags)
{
	void *p;

	p = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | flags, -1, 0);
	if (p == MAP_FAILED)
		return NULL;
	memset(p, 0, length);
	return p;
}

void *memory(uint64_t length)
{
	char *room;

	room = mmap(NULL, length + HUGE_PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (room != MAP_FAILED) {
		room += -(uintptr_t)room & (HUGE_PAGE - 1);
		if (mmap(room, length, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == room) {
			memset(room, 0, length);
			return room;
		}
	}
	perror("memory for a case");
	abort();
}

void *huge_memory(uint64_t length)
{
	return map_memory(length, MAP_HUGETLB | 21 << MAP_HUGE_SHIFT);
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
