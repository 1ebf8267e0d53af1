/* SPDX-License-Identifier: BSD-3-Clause */
/* The domain's spans, from slabs: taking one that was reserved cannot fail. */
#ifndef IOM_POOL_H
#define IOM_POOL_H

#include <stddef.h>

#include "space.h"

struct iom_pool {
	struct iom_span *unused; /* linked by left */
	size_t n_unused;
	struct iom_pool_slab *slabs;
};

/* Make sure that the next n takes succeed: -ENOMEM. */
int iom_pool_reserve(struct iom_pool *pool, size_t n);
struct iom_span *iom_pool_take(struct iom_pool *pool);
void iom_pool_give(struct iom_pool *pool, struct iom_span *span);
void iom_pool_destroy(struct iom_pool *pool);

#endif
