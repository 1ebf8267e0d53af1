// SPDX-License-Identifier: BSD-3-Clause
#include "poll_stats.h"

#define PARTS 100000

/*
 * Values below 2^5 have a bucket each; above, the 6 highest bits of a value choose: the first of them
 * is always set, so that each power of two has 2^5 buckets of equal width.
 */
static unsigned int bucket_of(uint64_t value)
{
	unsigned int shift;

	if (value >> HISTOGRAM_BITS == 0)
		return (unsigned int)value;
	shift = 63 - HISTOGRAM_BITS - (unsigned int)__builtin_clzll(value);
	return (shift << HISTOGRAM_BITS) + (unsigned int)(value >> shift);
}

static uint64_t bucket_end(unsigned int bucket)
{
	unsigned int shift;
	uint64_t top;

	if (bucket >> HISTOGRAM_BITS < 2)
		return bucket;
	shift = (bucket >> HISTOGRAM_BITS) - 1;
	top = (bucket & ((1u << HISTOGRAM_BITS) - 1)) + (1u << HISTOGRAM_BITS);
	return (top << shift) + ((UINT64_C(1) << shift) - 1);
}

void histogram_add(struct histogram *histogram, uint64_t value)
{
	histogram->buckets[bucket_of(value)]++;
	histogram->count++;
	histogram->sum += value;
	if (value > histogram->max)
		histogram->max = value;
}

uint64_t histogram_percentile(const struct histogram *histogram, uint32_t parts)
{
	uint64_t want, seen = 0;

	/* The share of the count, rounded up; in two steps, because the product may not fit. */
	want = histogram->count / PARTS * parts;
	want += (histogram->count % PARTS * parts + PARTS - 1) / PARTS;

	for (unsigned int i = 0; i < HISTOGRAM_BUCKETS; i++) {
		seen += histogram->buckets[i];
		if (seen >= want && seen)
			return bucket_end(i) < histogram->max ? bucket_end(i) : histogram->max;
	}
	return histogram->max;
}

uint64_t histogram_average(const struct histogram *histogram)
{
	return histogram->count ? histogram->sum / histogram->count : 0;
}
