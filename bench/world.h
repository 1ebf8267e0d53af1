/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A domain with a device, to be measured.
 *
 * By default it is on a simulated machine (sim/) with the kernel's cost taken out: what sets up is
 * the simulation's to answer, but maps, unmaps and registrations are answered at once, as a kernel
 * would that did them.  So the library's and its backend's work is measured and nothing else, and
 * what is mapped need not be memory: any address below 2^47 will do.
 */
#ifndef BENCH_WORLD_H
#define BENCH_WORLD_H

#include "bench.h"
#include "libiommu.h"
#include "sim/sim.h"

struct bench_world_opts {
	const char *backend;   /* "type1", "iommufd", "powernv", "pseries" ... */
	bool simulate;         /* maps and all are the simulation's to answer, too */
	bool strict;           /* IOM_OPEN_STRICT */
	uint64_t granule;      /* unmap_granule */
	uint64_t expect_bytes; /* as in iom_open_opts */
	uint64_t expect_page;
	uint64_t backing;         /* POWER: the page size behind all memory; 0: 64 KiB */
	uint32_t dma_entry_limit; /* type1's; 0: none that counts */
};

/* What the kernel was asked, as far as it has to do with mappings. */
struct bench_calls {
	uint64_t maps, unmaps, registers, unregisters;
	uint64_t all; /* calls of any kind, also others */
};

struct bench_world {
	struct iom_domain *dom;
	struct iom_device *dev;
	struct iom_sim *sim;
};

#define BENCH_DEVICE "0000:01:00.0"

struct bench_world *bench_world_new(const struct bench_world_opts *opts);
void bench_world_free(struct bench_world *world); /* NULL is ignored */

/* The backend that runs, as the library says. */
const char *bench_world_backend(const struct bench_world *world);

/* So far; and since before. */
struct bench_calls bench_world_calls(const struct bench_world *world);
struct bench_calls bench_calls_since(const struct bench_world *world,
				     const struct bench_calls *before);

/* Map a piece, anywhere; what fails ends the program. */
iom_iova_t bench_map(const struct bench_world *world, uint64_t va, uint64_t length);

#endif
