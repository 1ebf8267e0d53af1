/* SPDX-License-Identifier: BSD-3-Clause */
/* IOM_OPEN_STRICT: where mappings go so that a stray access of a device faults, and what was left. */
#ifndef IOM_STRICT_H
#define IOM_STRICT_H

#include <stdbool.h>
#include <stdint.h>

struct iom_domain;
struct iom_open_opts;
struct iom_place;

/* Below 4 GiB; from there to 2^59, where POWER's other window may be; and above. */
#define IOM_STRICT_ZONES 3

struct iom_strict {
	bool on; /* set before the domain is handed out */

	/* the table lock is held */
	uint64_t used[IOM_STRICT_ZONES]; /* in each, what lies below, in units, was given out before */
	uint64_t turns;                  /* begun anew in one of them */
	uint64_t bare;                   /* mappings that have no gap around them */
};

/* Whether opts, or LIBIOMMU_STRICT, ask for it; a sentence on failure. */
int iom_strict_init(struct iom_domain *dom, const struct iom_open_opts *opts);

/* What iom_map_choose() is to other domains; backing is the memory's own.  The table lock is held. */
int iom_strict_choose(struct iom_domain *dom, const struct iom_place *place, uint64_t backing,
		      uint64_t *start);

/* Tell the log what is still there: the domain is about to be closed. */
void iom_strict_report(struct iom_domain *dom);

#endif
