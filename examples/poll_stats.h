/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Latencies in a histogram whose buckets grow with their values: 1/32 of a value is the error, at any
 * value, in 15 KiB.
 */
#ifndef POLL_STATS_H
#define POLL_STATS_H

#include <stdint.h>

#define HISTOGRAM_BITS 5 /* buckets for each power of two: 2^5 */
#define HISTOGRAM_BUCKETS ((64 - HISTOGRAM_BITS + 1) << HISTOGRAM_BITS)

struct histogram {
	uint64_t count;
	uint64_t sum;
	uint64_t max;
	uint64_t buckets[HISTOGRAM_BUCKETS];
};

void histogram_add(struct histogram *histogram, uint64_t value);

/*
 * The value that at least the given share of all values does not exceed, rounded up to its bucket's
 * end, but never above the greatest.  parts of 100000: 99900 is p99.9.  0 if there are none.
 */
uint64_t histogram_percentile(const struct histogram *histogram, uint32_t parts);

uint64_t histogram_average(const struct histogram *histogram);

#endif /* POLL_STATS_H */
