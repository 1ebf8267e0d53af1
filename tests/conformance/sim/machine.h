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

/* Use this one from now on. */
void machine_use(const struct machine *machine, struct world *world);

#endif
