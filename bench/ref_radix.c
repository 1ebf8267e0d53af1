// SPDX-License-Identifier: BSD-3-Clause
#include "ref_radix.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/mman.h>

#define UNIT_SHIFT 12
#define MIDDLE_SHIFT 21
#define TOP_SHIFT 39
#define VA_BITS 57

#define LASTS (1u << (MIDDLE_SHIFT - UNIT_SHIFT))
#define MIDDLES (1u << (TOP_SHIFT - MIDDLE_SHIFT))
#define TOPS (1u << (VA_BITS - TOP_SHIFT))

#define USED UINT64_C(1) /* of a slot of the last level: IOVA 0 is one, too */

/* Tables of the last level are cut off these, which are of huge pages, but for the first. */
#define CHUNK ((size_t)8 << 20)

typedef uint64_t slot;

struct chunk {
	struct chunk *next;
	void *pages;
	size_t bytes;
};

struct bench_radix {
	slot *top;
	struct chunk *chunks;
	char *spare;
	size_t spare_bytes;
};

static slot load(const slot *s)
{
	return __atomic_load_n(s, __ATOMIC_RELAXED);
}

static slot *table_of(slot s)
{
	return (slot *)(uintptr_t)s;
}

int __attribute__((noinline))
bench_radix_find(const struct bench_radix *radix, uint64_t va, uint64_t *iova)
{
	slot s;

	if (va >> VA_BITS)
		return -ENOENT;
	s = load(&radix->top[va >> TOP_SHIFT]);
	if (!s)
		return -ENOENT;
	s = load(&table_of(s)[va >> MIDDLE_SHIFT & (MIDDLES - 1)]);
	if (!s)
		return -ENOENT;
	s = load(&table_of(s)[va >> UNIT_SHIFT & (LASTS - 1)]);
	if (!s)
		return -ENOENT;
	*iova = (s & ~UINT64_C(0xfff)) | (va & 0xfff);
	return 0;
}

static void *add_pages(struct bench_radix *radix, size_t bytes, int advice)
{
	struct chunk *chunk = malloc(sizeof(*chunk));

	if (!chunk)
		return NULL;
	chunk->bytes = bytes;
	chunk->pages = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (chunk->pages == MAP_FAILED) {
		free(chunk);
		return NULL;
	}
	(void)madvise(chunk->pages, bytes, advice);
	chunk->next = radix->chunks;
	radix->chunks = chunk;
	return chunk->pages;
}

static void *add_last(struct bench_radix *radix)
{
	if (!radix->spare_bytes) {
		radix->spare =
			add_pages(radix, CHUNK, radix->spare ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
		if (!radix->spare)
			return NULL;
		radix->spare_bytes = CHUNK;
	}
	radix->spare_bytes -= LASTS * sizeof(slot);
	return radix->spare + radix->spare_bytes;
}

static slot *need(struct bench_radix *radix, slot *s, bool last)
{
	void *table;

	if (load(s))
		return table_of(load(s));
	table = last ? add_last(radix) : add_pages(radix, MIDDLES * sizeof(slot), MADV_NOHUGEPAGE);
	if (table)
		__atomic_store_n(s, (uintptr_t)table, __ATOMIC_RELAXED);
	return table;
}

bool bench_radix_add(struct bench_radix *radix, uint64_t va, uint64_t iova)
{
	slot *table = need(radix, &radix->top[va >> TOP_SHIFT], false);

	if (table)
		table = need(radix, &table[va >> MIDDLE_SHIFT & (MIDDLES - 1)], true);
	if (table)
		__atomic_store_n(&table[va >> UNIT_SHIFT & (LASTS - 1)], iova | USED,
				 __ATOMIC_RELAXED);
	return table;
}

struct bench_radix *bench_radix_new(void)
{
	struct bench_radix *radix = calloc(1, sizeof(*radix));

	if (!radix)
		return NULL;
	radix->top = add_pages(radix, TOPS * sizeof(slot), MADV_NOHUGEPAGE);
	if (!radix->top) {
		free(radix);
		return NULL;
	}
	return radix;
}

void bench_radix_free(struct bench_radix *radix)
{
	struct chunk *chunk;

	if (!radix)
		return;
	while ((chunk = radix->chunks)) {
		radix->chunks = chunk->next;
		munmap(chunk->pages, chunk->bytes);
		free(chunk);
	}
	free(radix);
}
