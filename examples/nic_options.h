/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * nic_poll's command line.
 */
#ifndef NIC_OPTIONS_H
#define NIC_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "args.h"

struct nic_options {
	const char *device;
	const char *peer;
	const char *backend; /* NULL: the library chooses */
	uint64_t frames;     /* each way */
	uint64_t seed;
	uint64_t least_page; /* of buffers; 0: any */
	uint32_t entries;    /* of each ring */
	uint32_t window;     /* frames under way, each way */
	bool strict;
	bool quiet;
};

/* Defaults for what argv does not say; the strings are argv's. */
enum args_result nic_options_parse(int argc, char **argv, struct nic_options *options);

extern const char nic_help[];

#endif /* NIC_OPTIONS_H */
