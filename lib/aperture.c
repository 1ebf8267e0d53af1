// SPDX-License-Identifier: BSD-3-Clause
#include "aperture.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "error.h"
#include "radix.h"

/* Room grows by doubling: a kernel may tell of tens of thousands.  It never shrinks below n. */
static int append(struct iom_aperture_set *set, struct iom_aperture a)
{
	struct iom_aperture *v = set->v;

	if (!(set->n & (set->n - 1))) {
		v = realloc(set->v, (set->n ? 2 * set->n : 1) * sizeof(*v));
		if (!v)
			return iom_error(-ENOMEM, "no memory for the list of apertures");
	}
	v[set->n++] = a;
	set->v = v;
	return 0;
}

int iom_aperture_add(struct iom_aperture_set *set, uint64_t start, uint64_t last,
		     uint64_t page_sizes, uint64_t flags)
{
	return append(set, (struct iom_aperture){ start, last, page_sizes, flags });
}

static int by_start(const void *a, const void *b)
{
	const struct iom_aperture *x = a, *y = b;

	return (x->start > y->start) - (x->start < y->start);
}

/* Cut to whole pages; false if nothing is left. */
static bool trim(struct iom_aperture *a)
{
	uint64_t mask = iom_smallest_page(a->page_sizes) - 1;
	uint64_t first = a->start / (mask + 1) + !!(a->start & mask);
	/* the number of the page that begins behind the aperture */
	uint64_t end = a->last / (mask + 1) + ((a->last & mask) == mask);

	if (first >= end)
		return false;
	a->start = first * (mask + 1);
	a->last = end * (mask + 1) - 1;
	return true;
}

int iom_aperture_normalize(struct iom_aperture_set *set)
{
	size_t i, kept = 0;

	if (set->n)
		qsort(set->v, set->n, sizeof(*set->v), by_start);
	for (i = 0; i < set->n; i++) {
		struct iom_aperture a = set->v[i], *before = kept ? &set->v[kept - 1] : NULL;

		/* smaller units than ours are offered only beside larger ones */
		a.page_sizes &= ~(IOM_UNIT - 1);
		if (!a.page_sizes || a.last < a.start)
			return iom_error(-EIO,
					 "the kernel reports an unusable aperture: 0x%" PRIx64
					 " to 0x%" PRIx64 ", page sizes 0x%" PRIx64,
					 a.start, a.last, set->v[i].page_sizes);
		if (before && a.start <= before->last)
			return iom_error(-EIO,
					 "the kernel reports apertures that overlap: 0x%" PRIx64
					 " to 0x%" PRIx64 " and 0x%" PRIx64 " to 0x%" PRIx64,
					 before->start, before->last, a.start, a.last);
		if (!trim(&a))
			continue;
		if (before && before->last + 1 == a.start && before->page_sizes == a.page_sizes &&
		    before->flags == a.flags && !(a.flags & IOM_APERTURE_REQUESTED))
			before->last = a.last;
		else
			set->v[kept++] = a;
	}
	set->n = kept;
	return 0;
}

int iom_aperture_cut(struct iom_aperture_set *set, uint64_t start, uint64_t last)
{
	size_t i, n = set->n;
	int ret;

	for (i = 0; i < n; i++) {
		struct iom_aperture a = set->v[i];

		if (a.last < start || a.start > last)
			continue;
		if (a.last > last) {
			ret = iom_aperture_add(set, last + 1, a.last, a.page_sizes, a.flags);
			if (ret < 0)
				return ret;
		}
		if (a.start < start)
			set->v[i].last = start - 1;
		else
			set->v[i].page_sizes = 0; /* nothing is left of it */
	}
	for (i = n = 0; i < set->n; i++)
		if (set->v[i].page_sizes)
			set->v[n++] = set->v[i];
	set->n = n;
	return 0;
}

int iom_aperture_subtract(struct iom_aperture_set *set, uint64_t start, uint64_t last)
{
	int ret = iom_aperture_cut(set, start, last);

	return ret ? ret : iom_aperture_normalize(set);
}

int iom_aperture_copy(const struct iom_aperture_set *set, struct iom_aperture_set *copy)
{
	size_t i;
	int ret = 0;

	*copy = (struct iom_aperture_set){ 0 };
	for (i = 0; i < set->n && !ret; i++)
		ret = append(copy, set->v[i]);
	if (ret < 0)
		iom_aperture_free(copy);
	return ret;
}

void iom_aperture_free(struct iom_aperture_set *set)
{
	free(set->v);
	*set = (struct iom_aperture_set){ 0 };
}

const struct iom_aperture *iom_aperture_containing(const struct iom_aperture_set *set,
						   uint64_t start, uint64_t last)
{
	size_t i;

	for (i = 0; i < set->n; i++)
		if (start >= set->v[i].start && last <= set->v[i].last)
			return &set->v[i];
	return NULL;
}

bool iom_aperture_takes(const struct iom_aperture_set *set, uint64_t start, uint64_t length,
			uint64_t va)
{
	const struct iom_aperture *a = iom_aperture_containing(set, start, start + length - 1);

	return a && !((start | length | va) & (iom_smallest_page(a->page_sizes) - 1));
}

uint64_t iom_aperture_unit(const struct iom_aperture_set *set)
{
	uint64_t unit = 0;
	size_t i;

	for (i = 0; i < set->n; i++)
		if (!unit || iom_smallest_page(set->v[i].page_sizes) < unit)
			unit = iom_smallest_page(set->v[i].page_sizes);
	return unit;
}

uint64_t iom_aperture_coarsest(const struct iom_aperture_set *set)
{
	uint64_t unit = 0;
	size_t i;

	for (i = 0; i < set->n; i++)
		if (iom_smallest_page(set->v[i].page_sizes) > unit)
			unit = iom_smallest_page(set->v[i].page_sizes);
	return unit;
}
