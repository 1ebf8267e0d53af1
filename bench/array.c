// SPDX-License-Identifier: BSD-3-Clause
#include "array.h"

#include <stdlib.h>
#include <string.h>

#include "bench.h"

/* How many entries begin at va or before. */
static size_t rank_of(const struct bench_array *a, uint64_t va)
{
	size_t low = 0, high = a->n, middle;

	while (low < high) {
		middle = low + (high - low) / 2;
		if (a->v[middle].va <= va)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

void bench_array_insert(struct bench_array *a, uint64_t va, uint64_t length, uint64_t iova)
{
	size_t at = rank_of(a, va);

	if (a->n == a->room) {
		a->room = a->room ? a->room * 2 : 64;
		a->v = realloc(a->v, a->room * sizeof(*a->v));
		if (!a->v)
			bench_fail("no memory");
	}
	memmove(&a->v[at + 1], &a->v[at], (a->n - at) * sizeof(*a->v));
	a->v[at] = (struct bench_array_entry){ .va = va, .length = length, .iova = iova };
	a->n++;
}

void bench_array_remove(struct bench_array *a, uint64_t va)
{
	size_t at = rank_of(a, va);

	if (!at || a->v[at - 1].va != va)
		bench_fail("0x%llx is not in the sorted array", (unsigned long long)va);
	memmove(&a->v[at - 1], &a->v[at], (a->n - at) * sizeof(*a->v));
	a->n--;
}

uint64_t bench_array_find(const struct bench_array *a, uint64_t va)
{
	size_t at = rank_of(a, va);

	if (!at || va - a->v[at - 1].va >= a->v[at - 1].length)
		return UINT64_MAX;
	return a->v[at - 1].iova + (va - a->v[at - 1].va);
}

void bench_array_free(struct bench_array *a)
{
	free(a->v);
	*a = (struct bench_array){ 0 };
}
