/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What nvme_poll writes: a pure function of seed, place and generation, the same on every machine, so
 * that what the drive must hold can be computed without asking it.
 */
#ifndef POLL_PATTERN_H
#define POLL_PATTERN_H

#include <stddef.h>
#include <stdint.h>

/*
 * The content of the block that begins at lba, in its generation (how often it was written, from 1).
 * length is a multiple of 8.
 */
void poll_pattern_fill(void *block, size_t length, uint64_t seed, uint64_t lba,
		       uint32_t generation);

/* The first byte that differs from that content, or length. */
size_t poll_pattern_check(const void *block, size_t length, uint64_t seed, uint64_t lba,
			  uint32_t generation);

/* The CRC of POSIX cksum(1) over data that comes in pieces; begin with poll_cksum_start(). */
struct poll_cksum {
	uint32_t crc;
	uint64_t length;
};

void poll_cksum_start(struct poll_cksum *cksum);
void poll_cksum_add(struct poll_cksum *cksum, const void *data, size_t length);
uint32_t poll_cksum_finish(const struct poll_cksum *cksum);

#endif /* POLL_PATTERN_H */
