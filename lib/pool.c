// SPDX-License-Identifier: BSD-3-Clause
#include "pool.h"

#include <errno.h>
#include <stdlib.h>

#define SLAB_SPANS 256

struct iom_pool_slab {
	struct iom_pool_slab *next;
	struct iom_span spans[SLAB_SPANS];
};

int iom_pool_reserve(struct iom_pool *pool, size_t n)
{
	while (pool->n_unused < n) {
		struct iom_pool_slab *slab = malloc(sizeof(*slab));
		size_t i;

		if (!slab)
			return -ENOMEM;
		slab->next = pool->slabs;
		pool->slabs = slab;
		for (i = 0; i < SLAB_SPANS; i++)
			iom_pool_give(pool, &slab->spans[i]);
	}
	return 0;
}

struct iom_span *iom_pool_take(struct iom_pool *pool)
{
	struct iom_span *span = pool->unused;

	pool->unused = span->left;
	pool->n_unused--;
	return span;
}

void iom_pool_give(struct iom_pool *pool, struct iom_span *span)
{
	span->left = pool->unused;
	pool->unused = span;
	pool->n_unused++;
}

void iom_pool_destroy(struct iom_pool *pool)
{
	struct iom_pool_slab *slab;

	while ((slab = pool->slabs)) {
		pool->slabs = slab->next;
		free(slab);
	}
}
