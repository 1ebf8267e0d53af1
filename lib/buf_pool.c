// SPDX-License-Identifier: BSD-3-Clause
/*
 * Pools of buffers of one size.  In a strict domain the memory stays, and each buffer is mapped for as
 * long as it is taken.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "buf.h"
#include "error.h"
#include "map.h"
#include "pages.h"

/* A cache line of most machines: two buffers share none. */
#define STRIDE_LEAST 64

struct iom_buf_pool {
	/* NULL in a forked child, which finds all of this wiped */
	struct iom_domain *domain;
	char *va;
	uint64_t delta; /* not in a strict domain */
	uint64_t stride, n;
	uint32_t *free; /* a stack of numbers of buffers */
	uint64_t n_free;
	bool *taken;                       /* of each */
	struct iom_region region;          /* of all of them, but in a strict domain */
	struct iom_file *file;             /* there only: the memory */
	struct iom_region *mapped;         /* and each that is taken */
	struct iom_map_opts map;           /* as which each is mapped */
	struct iom_buf_pool *next, **link; /* of the domain; the table lock is held */
};

#define POOL_BYTES IOM_UNIT /* rounded up to a page, as alloc_pages has it */
_Static_assert(sizeof(struct iom_buf_pool) <= POOL_BYTES, "");

/* ---- Open, close ----------------------------------------------------------------------------- */

static uint64_t stride_of(const struct iom_domain *dom, uint64_t length)
{
	uint64_t page = iom_base_page(dom->sys), unit = STRIDE_LEAST;

	while (unit < length && unit < page)
		unit <<= 1;
	if (dom->strict.on && unit < iom_page_size(dom))
		unit = iom_page_size(dom);
	return (length + unit - 1) & ~(unit - 1);
}

static int too_many(uint64_t length, uint64_t n)
{
	return iom_error(-EINVAL, "%" PRIu64 " buffers of 0x%" PRIx64 " bytes are too many", n,
			 length);
}

static int check(uint64_t length, uint64_t n)
{
	if (!length || !n)
		return iom_error(-EINVAL, "%s is 0", length ? "n" : "the length");
	if (n > UINT32_MAX || length > INT64_MAX / 2)
		return too_many(length, n);
	return 0;
}

static void release(struct iom_domain *dom, struct iom_file *file)
{
	pthread_mutex_lock(&dom->table);
	iom_file_release(dom, file);
	pthread_mutex_unlock(&dom->table);
}

/* How each is mapped in a strict domain; nobody is told of progress when the open has returned. */
static int read_map(struct iom_buf_pool *pool, const struct iom_buf_opts *callers)
{
	struct iom_buf_opts opts;
	int ret;

	ret = iom_buf_read_opts(callers, &opts, &pool->map);
	pool->map.progress = NULL;
	return ret;
}

/* The memory of all buffers, mapped as a whole, or kept to be mapped apart. */
static int make_memory(struct iom_buf_pool *pool, const struct iom_buf_opts *opts)
{
	struct iom_domain *dom = pool->domain;
	int ret;

	ret = read_map(pool, opts);
	if (ret < 0)
		return ret;
	ret = iom_buf_make(dom, pool->stride * pool->n, opts, &pool->region,
			   dom->strict.on ? &pool->file : NULL);
	if (ret < 0)
		return ret;
	pool->va = pool->region.va;
	pool->delta = pool->region.delta;
	if (!dom->strict.on)
		return 0;
	ret = iom_unmap(dom, &pool->region);
	/* another thread's iom_unmap_all() was first */
	if (!ret || ret == -ENOENT)
		return 0;
	release(dom, pool->file);
	return ret;
}

static void free_lists(struct iom_buf_pool *pool)
{
	free(pool->free);
	free(pool->taken);
	free(pool->mapped);
}

static int make_lists(struct iom_buf_pool *pool)
{
	uint64_t i;

	pool->free = calloc(pool->n, sizeof(*pool->free));
	pool->taken = calloc(pool->n, sizeof(*pool->taken));
	if (pool->domain->strict.on)
		pool->mapped = calloc(pool->n, sizeof(*pool->mapped));
	if (!pool->free || !pool->taken || (pool->domain->strict.on && !pool->mapped)) {
		free_lists(pool);
		return iom_error(-ENOMEM, "no memory for a list of buffers");
	}
	/* the lowest is taken first */
	for (i = 0; i < pool->n; i++)
		pool->free[i] = (uint32_t)(pool->n - 1 - i);
	pool->n_free = pool->n;
	return 0;
}

static void join_domain(struct iom_buf_pool *pool)
{
	struct iom_domain *dom = pool->domain;

	pthread_mutex_lock(&dom->table);
	pool->next = dom->pools;
	pool->link = &dom->pools;
	if (pool->next)
		pool->next->link = &pool->next;
	dom->pools = pool;
	pthread_mutex_unlock(&dom->table);
}

static int open_pool(struct iom_domain *dom, uint64_t length, uint64_t n,
		     const struct iom_buf_opts *opts, struct iom_buf_pool **pool)
{
	uint64_t stride, bytes;
	struct iom_buf_pool *p;
	void *pages;
	int ret;

	ret = check(length, n);
	if (ret < 0)
		return ret;
	stride = stride_of(dom, length);
	if (__builtin_mul_overflow(n, stride, &bytes) || bytes > INT64_MAX)
		return too_many(length, n);
	if (dom->sys->alloc_pages(dom->sys->ctx, POOL_BYTES, &pages) < 0)
		return iom_error(-ENOMEM, "no memory for a pool");
	p = pages;
	p->domain = dom;
	p->stride = stride;
	p->n = n;
	ret = make_lists(p);
	if (ret < 0)
		goto fail;
	ret = make_memory(p, opts);
	if (ret < 0)
		goto fail_lists;
	join_domain(p);
	*pool = p;
	return 0;

fail_lists:
	free_lists(p);
fail:
	dom->sys->free_pages(dom->sys->ctx, pages, POOL_BYTES);
	return ret;
}

int iom_buf_pool_open(struct iom_domain *dom, uint64_t length, uint64_t n,
		      const struct iom_buf_opts *opts, struct iom_buf_pool **pool)
{
	int ret;

	ret = iom_check_owner(dom);
	if (!ret)
		ret = open_pool(dom, length, n, opts, pool);
	if (ret < 0)
		return iom_error_prefix(ret,
					"pool of %" PRIu64 " buffers of 0x%" PRIx64 " bytes: ", n,
					length);
	return 0;
}

static void warn_of_taken(const struct iom_buf_pool *pool, const char *when)
{
	if (pool->n_free < pool->n)
		iom_log(&pool->domain->log, IOM_LOG_WARN,
			"pool at %p: %" PRIu64 " of %" PRIu64 " buffers were not put back when %s",
			(void *)pool->va, pool->n - pool->n_free, pool->n, when);
}

static void unmap_all(struct iom_buf_pool *pool)
{
	uint64_t i;

	if (!pool->file)
		(void)iom_unmap(pool->domain, &pool->region);
	for (i = 0; pool->file && i < pool->n; i++)
		if (pool->taken[i])
			(void)iom_unmap(pool->domain, &pool->mapped[i]);
}

static void free_pool(struct iom_buf_pool *pool)
{
	struct iom_domain *dom = pool->domain;

	free_lists(pool);
	dom->sys->free_pages(dom->sys->ctx, pool, POOL_BYTES);
}

void iom_buf_pool_close(struct iom_buf_pool *pool)
{
	struct iom_kept_error kept;
	struct iom_domain *dom;

	if (!pool || !pool->domain)
		return;
	dom = pool->domain;
	iom_error_keep(&kept);
	warn_of_taken(pool, "it was closed");
	unmap_all(pool);
	pthread_mutex_lock(&dom->table);
	*pool->link = pool->next;
	if (pool->next)
		pool->next->link = pool->link;
	if (pool->file)
		iom_file_release(dom, pool->file);
	pthread_mutex_unlock(&dom->table);
	free_pool(pool);
	iom_error_restore(&kept);
}

void iom_buf_pools_free(struct iom_domain *dom)
{
	struct iom_buf_pool *pool;

	while ((pool = dom->pools)) {
		dom->pools = pool->next;
		warn_of_taken(pool, "the domain was closed");
		if (pool->file)
			iom_file_release(dom, pool->file);
		free_pool(pool);
	}
}

/* ---- Get, put -------------------------------------------------------------------------------- */

/* No sentence. */
static int map_apart(struct iom_buf_pool *pool, uint64_t i, struct iom_buf *buf)
{
	struct iom_map_request rq = {
		.va = (uintptr_t)buf->va,
		.length = pool->stride,
		.flags = IOM_MAP_RW,
		.file = pool->file,
		.fd = (int)pool->file->buf->fd,
		.offset = i * pool->stride,
	};
	struct iom_kept_error kept;
	int ret;

	iom_error_keep(&kept);
	ret = iom_map_memory(pool->domain, &rq, &pool->map, &pool->mapped[i]);
	if (ret < 0) {
		iom_log(&pool->domain->log, IOM_LOG_DEBUG, "pool at %p: %s", (void *)pool->va,
			iom_errmsg());
		iom_error_restore(&kept);
		return ret;
	}
	buf->iova = pool->mapped[i].iova;
	return 0;
}

static int unmap_apart(struct iom_buf_pool *pool, uint64_t i)
{
	struct iom_kept_error kept;
	int ret;

	iom_error_keep(&kept);
	ret = iom_unmap(pool->domain, &pool->mapped[i]);
	iom_error_restore(&kept);
	return ret;
}

int iom_buf_get(struct iom_buf_pool *pool, struct iom_buf *buf)
{
	struct iom_buf got;
	uint64_t i;
	int ret;

	if (!pool->n_free)
		return pool->domain ? -EAGAIN : -EPERM;
	i = pool->free[pool->n_free - 1];
	got.va = pool->va + i * pool->stride;
	got.iova = (uintptr_t)got.va + pool->delta;
	if (pool->file) {
		ret = map_apart(pool, i, &got);
		if (ret < 0)
			return ret;
	}
	pool->n_free--;
	pool->taken[i] = true;
	*buf = got;
	return 0;
}

int iom_buf_put(struct iom_buf_pool *pool, const struct iom_buf *buf)
{
	uint64_t offset = (uintptr_t)buf->va - (uintptr_t)pool->va, i;
	int ret;

	if (!pool->domain)
		return -EPERM;
	i = offset / pool->stride;
	if (i >= pool->n || offset % pool->stride || !pool->taken[i])
		return -EINVAL;
	if (pool->file) {
		ret = unmap_apart(pool, i);
		/* the device may still reach it: it is not given out again */
		if (ret < 0 && ret != -ENOENT)
			return ret;
	}
	pool->taken[i] = false;
	pool->free[pool->n_free++] = (uint32_t)i;
	return 0;
}
