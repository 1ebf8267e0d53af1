/* SPDX-License-Identifier: BSD-3-Clause */
/* What cases about declared memory and streams share. */
#ifndef STREAM_H
#define STREAM_H

#include "rig.h"

/* Declared memory is mapped in granules of this size where the IOMMU's pages are no larger. */
#define GRANULE (2 * MIB)

/* More than any buffer of these cases has. */
#define SEGMENTS 16

struct flight {
	char *va;
	uint64_t length;
	struct iom_segment segments[SEGMENTS];
	int n;
};

/* What has been asked of the kernel. */
uint64_t kernel_calls(const struct fixture *f);

struct iom_stream_counters stream_counters(const struct iom_stream *stream);

/*
 * Have a buffer in flight, for reading and writing; its segments are what the contract says.  The
 * answer is that of iom_dma_map() alone, the outcome that of the whole.
 */
int fly(struct iom_stream *stream, void *va, uint64_t length, struct flight *flight);
enum outcome takes_off(struct fixture *f, struct iom_stream *stream, void *va, uint64_t length,
		       struct flight *flight);
enum outcome lands(struct iom_stream *stream, struct flight *flight);

/* The device writes, and reads, at the first and the last bytes of each segment. */
enum outcome flight_reaches(struct rig *rig, const struct flight *flight);

/* It reaches nothing there any more. */
enum outcome flight_misses(struct rig *rig, const struct flight *flight);

/* Attach edu as a device that drives so many bits. */
int attach_bits(struct fixture *f, const char *address, unsigned int bits, struct iom_device **dev);

/* A domain for this size of window: all that a device of so many bits can reach. */
enum outcome open_narrow(struct fixture *f, struct rig *rig, unsigned int bits);

#endif
