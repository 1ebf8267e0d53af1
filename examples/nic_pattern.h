/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What nic_poll sends: a pure function of seed, way and number, the same on every machine, so that
 * each frame that arrives can be held against what it must be.
 */
#ifndef NIC_PATTERN_H
#define NIC_PATTERN_H

#include <stddef.h>
#include <stdint.h>

#include "nic_spec.h"

#define NIC_HEADER (2 * NIC_ADDRESS + 2)
#define NIC_SHORTEST 60 /* and longest frame, without the checksum that cards append */
#define NIC_LONGEST 1514

/* The frames of one sender for one receiver. */
struct nic_way {
	uint8_t header[NIC_HEADER];
	uint64_t key;
};

void nic_way_init(struct nic_way *way, const uint8_t *from, const uint8_t *to, uint64_t seed);

/* All lengths occur, short ones mostly, the shortest and the longest more often than by chance. */
uint16_t nic_pattern_length(const struct nic_way *way, uint64_t number);

/* Make a frame in NIC_LONGEST bytes; returns its length. */
uint16_t nic_pattern_fill(const struct nic_way *way, uint64_t number, void *frame);

enum nic_verdict {
	NIC_RIGHT,
	NIC_WRONG,   /* at *at; or the length is wrong, then *at is the right one */
	NIC_FOREIGN, /* no frame of nic_poll */
};

/* *number is what a frame that is not foreign says; it is believed if the frame is right. */
enum nic_verdict nic_pattern_check(const struct nic_way *way, const void *frame, size_t length,
				   uint64_t *number, size_t *at);

#endif /* NIC_PATTERN_H */
