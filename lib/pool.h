/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Objects of one size, from chunks: taking one that was reserved cannot fail.  What was never taken
 * is never touched.
 */
#ifndef IOM_POOL_H
#define IOM_POOL_H

#include <stddef.h>
#include <string.h>

struct iom_pool {
	size_t size;                   /* of an object */
	size_t n, n_unused;            /* objects: all, and those to take */
	void *given;                   /* that were given back, each linked by its first word */
	struct iom_pool_chunk *chunks; /* from first to last */
	struct iom_pool_chunk *fresh;  /* the first that has objects which were never taken */
	struct iom_pool_chunk *last;
};

/* Objects of size bytes, a multiple of a pointer's size. */
void iom_pool_init(struct iom_pool *pool, size_t size);

/* All objects end; the pool can be used again. */
void iom_pool_destroy(struct iom_pool *pool);

/* Make sure that the next n takes succeed: -ENOMEM. */
int iom_pool_reserve(struct iom_pool *pool, size_t n);
void *iom_pool_take_fresh(struct iom_pool *pool);

static inline void *iom_pool_take(struct iom_pool *pool)
{
	void *object = pool->given;

	if (!object)
		return iom_pool_take_fresh(pool);
	pool->n_unused--;
	memcpy(&pool->given, object, sizeof(pool->given));
	return object;
}

static inline void iom_pool_give(struct iom_pool *pool, void *object)
{
	memcpy(object, &pool->given, sizeof(pool->given));
	pool->given = object;
	pool->n_unused++;
}

#endif
