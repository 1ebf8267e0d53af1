/* SPDX-License-Identifier: BSD-3-Clause */
/* Declared memory. */
#ifndef IOM_MEMORY_H
#define IOM_MEMORY_H

#include "domain.h"

struct iom_memory {
	struct iom_span span; /* in the cache's space, by units of addresses */
	struct iom_domain *domain;
	unsigned int flags; /* IOM_MAP_* */
	bool leaving;       /* or about to be there: no granule may begin to be mapped in it */
	bool in_reach;      /* the kernel refused to unmap a part of it */
};

/* What is declared at unit, or comes next; NULL if there is none.  The cache is locked. */
struct iom_memory *iom_memory_at(const struct iom_cache *cache, uint64_t unit);

/*
 * Tell the backend of all that is declared: the first device was attached.  With a sentence on
 * failure; what it was told is gone with that device.  topology is held for writing.
 */
int iom_memory_declare_all(struct iom_domain *dom);

#endif
