/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A simulated machine whose kernel says of its IOVAs what the input says, and a domain on it from
 * open to close.  One target for each interface of the kernel's has this, its own answers, and what
 * it remembers of them.
 */
#ifndef IOM_FUZZ_KERNEL_H
#define IOM_FUZZ_KERNEL_H

#include "fuzz.h"
#include "sim/sim.h"

#define KERNEL_SAID 4096

struct kernel_range {
	uint64_t start, last;
};

struct kernel {
	struct iom_sim_config machine;
	const char *backend;
	unsigned long replaced; /* a request that the simulation does not see */
	/* Change the simulation's answer to a call, 0, or give one; the new answer. */
	int (*answer)(struct kernel *kernel, unsigned long request, void *arg);
	struct fuzz_bytes input; /* of which the answers are made */
	/* what was said last that can be mapped; more than there is room for: all is taken for it */
	struct kernel_range said[KERNEL_SAID];
	size_t n_said;
};

void kernel_say(struct kernel *kernel, uint64_t start, uint64_t last);

/* What the caller wants of the domain, out of the input's first eight bytes; then all of it. */
void kernel_run(struct kernel *kernel);

#endif
