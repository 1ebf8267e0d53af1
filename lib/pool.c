// SPDX-License-Identifier: BSD-3-Clause
#include "pool.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>

#include "line.h"

/* A chunk is this large, and no less than a part of all that there is. */
#define CHUNK_BYTES 16384
#define GROWTH 16

struct iom_pool_chunk {
	struct iom_pool_chunk *next;
	char *fresh; /* what was never taken: n_fresh of them */
	size_t n_fresh;
};

void iom_pool_init(struct iom_pool *pool, size_t size)
{
	*pool = (struct iom_pool){ .size = size };
}

void iom_pool_destroy(struct iom_pool *pool)
{
	struct iom_pool_chunk *chunk;

	while ((chunk = pool->chunks)) {
		pool->chunks = chunk->next;
		free(chunk);
	}
	iom_pool_init(pool, pool->size);
}

/* At least n objects more. */
static int add_chunk(struct iom_pool *pool, size_t n)
{
	struct iom_pool_chunk *chunk;

	if (n < CHUNK_BYTES / pool->size)
		n = CHUNK_BYTES / pool->size;
	if (n < pool->n / GROWTH)
		n = pool->n / GROWTH;
	if (n > (SIZE_MAX - sizeof(*chunk) - IOM_LINE) / pool->size)
		return -ENOMEM;
	chunk = malloc(sizeof(*chunk) + IOM_LINE + n * pool->size);
	if (!chunk)
		return -ENOMEM;
	*chunk = (struct iom_pool_chunk){
		/* so that objects of whole cache lines begin with one */
		.fresh = (char *)(chunk + 1) + (-(uintptr_t)(chunk + 1) & (IOM_LINE - 1)),
		.n_fresh = n,
	};
	if (pool->last)
		pool->last->next = chunk;
	else
		pool->chunks = pool->fresh = chunk;
	pool->last = chunk;
	pool->n += n;
	pool->n_unused += n;
	return 0;
}

int iom_pool_reserve(struct iom_pool *pool, size_t n)
{
	return n > pool->n_unused ? add_chunk(pool, n - pool->n_unused) : 0;
}

void *iom_pool_take_fresh(struct iom_pool *pool)
{
	struct iom_pool_chunk *chunk;
	void *object;

	pool->n_unused--;
	while (!pool->fresh->n_fresh)
		pool->fresh = pool->fresh->next;
	chunk = pool->fresh;
	object = chunk->fresh;
	chunk->fresh += pool->size;
	chunk->n_fresh--;
	return object;
}
