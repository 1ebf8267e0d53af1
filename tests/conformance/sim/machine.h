/* SPDX-License-Identifier: BSD-3-Clause */
/* The simulated machine that cases run on. */
#ifndef MACHINE_H
#define MACHINE_H

#include <stdint.h>

#include "world.h"

struct machine {
	const char *platform; /* as the simulation calls it */
	unsigned int kernel;  /* 601, 612, 702 */
	uint64_t page_size;
	bool first_stage; /* VT-d with first-stage page tables only */
	bool iommufd;
	const char *backend; /* to force; NULL: the library's choice */
	/* POWER */
	bool hash_mmu;
	uint64_t n_hugepages; /* that are reserved */
};

struct named_machine {
	struct machine machine;
	char name[64]; /* PLATFORM/PAGE/KERNEL/BACKEND */
};

/* Machine i, which is less than this; false: there is nothing to be seen on such a one. */
size_t machines_most(void);
bool machine_get(size_t i, struct named_machine *m);

/* Use this one from now on. */
void machine_use(const struct machine *machine, struct world *world);

#endif
