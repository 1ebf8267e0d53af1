/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * nvme_poll's command line.
 */
#ifndef POLL_OPTIONS_H
#define POLL_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "args.h"

enum poll_mode {
	POLL_WRITE,
	POLL_READ,
	POLL_VERIFY,
};

/* Where the buffers of commands come from. */
enum poll_memory {
	POLL_MAPPED,   /* mapped once, for all of the run */
	POLL_MALLOC,   /* malloc(), through a stream, for each command */
	POLL_DECLARED, /* memory that the library was told of, through a stream */
};

struct poll_options {
	const char *device;
	const char *backend; /* NULL: the library chooses */
	enum poll_mode mode;
	enum poll_memory memory;
	bool random;
	bool hugepages;
	bool strict;
	bool quiet;
	uint32_t seconds;
	uint32_t depth;
	uint16_t queues;
	uint64_t block; /* bytes of one read or write */
	uint64_t offset;
	uint64_t span; /* bytes; 0: the default */
	uint64_t seed;
	const char *journal; /* a file; NULL: none */
	/* what the library is told, for it to plan with; 0: nothing */
	uint64_t expect_page;
	uint64_t expect_bytes;
	uint64_t dma_bits;
};

/* Defaults for what argv does not say; the strings are argv's. */
enum args_result poll_options_parse(int argc, char **argv, struct poll_options *options);

const char *poll_mode_name(enum poll_mode mode);

extern const char poll_help[];

#endif /* POLL_OPTIONS_H */
