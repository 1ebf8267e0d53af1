/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * vmm_replay's command line.
 */
#ifndef VMM_OPTIONS_H
#define VMM_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "args.h"

/* What guest RAM is made of: everything about it is a multiple of this. */
#define VMM_UNIT (UINT64_C(2) << 20)

struct vmm_options {
	const char *device;
	const char *backend; /* NULL: the library chooses */
	uint64_t ram;        /* bytes */
	uint64_t low;        /* that much of it is below 4 GiB, from 0 on; the rest is above */
	uint64_t page;       /* of the virtual IOMMU */
	uint64_t window;     /* bytes */
	uint64_t window_start;
	bool window_fixed; /* at window_start; else anywhere */
	bool huge;
	bool no_raw;       /* do not measure the kernel's calls */
	uint64_t dma_bits; /* that the device drives */
	uint64_t requests; /* in a round: maps and unmaps */
	uint64_t live;     /* mappings at once, at most */
	uint64_t rounds;
	uint64_t seed;
};

/* Defaults for what argv does not say; the strings are argv's. */
enum args_result vmm_options_parse(int argc, char **argv, struct vmm_options *options);

extern const char vmm_help[];

#endif /* VMM_OPTIONS_H */
