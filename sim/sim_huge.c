// SPDX-License-Identifier: BSD-3-Clause
/*
 * Huge pages and NUMA nodes.  The memory is of whatever pages the process is given; how many there are
 * of which size on which node, and who has them, is kept here, as mm/hugetlb.c does.
 */
#include "sim/internal.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/sys.h"

#define HUGEPAGES "/sys/kernel/mm/hugepages"
#define NODES "/sys/devices/system/node"

/* Pages of one size on one node. */
struct sim_huge {
	struct sim_huge *next;
	uint64_t page, total, free;
	int node;
};

/* Memory that was asked for. */
struct sim_buf {
	struct sim_buf *next;
	uintptr_t start;
	uint64_t length;
	uint64_t page; /* 0: of the system's */
	int node;      /* of its first page */
};

/* ---- Pools ----------------------------------------------------------------------------------- */

static void show_free(const struct iom_sim *sim, const void *object, struct sim_text *text)
{
	const struct sim_huge *pool = object;

	(void)sim;
	iom_sim_print(text, "%" PRIu64 "\n", pool->free);
}

static void show_all_free(const struct iom_sim *sim, const void *object, struct sim_text *text)
{
	const struct sim_huge *size = object, *pool;
	uint64_t n = 0;

	for (pool = sim->huge; pool; pool = pool->next)
		n += pool->page == size->page ? pool->free : 0;
	iom_sim_print(text, "%" PRIu64 "\n", n);
}

static struct sim_huge *find_pool(const struct iom_sim *sim, uint64_t page, int node)
{
	struct sim_huge *pool;

	for (pool = sim->huge; pool; pool = pool->next)
		if (pool->page == page && (node < 0 || pool->node == node))
			return pool;
	return NULL;
}

static int add_pool(struct iom_sim *sim, uint64_t page, int node, struct sim_huge **added)
{
	struct sim_huge *pool = calloc(1, sizeof(*pool));

	if (!pool)
		return -ENOMEM;
	*pool = (struct sim_huge){ .next = sim->huge, .page = page, .node = node };
	sim->huge = pool;
	iom_sim_tree_show(sim, show_all_free, pool,
			  HUGEPAGES "/hugepages-%" PRIu64 "kB/free_hugepages", page >> 10);
	iom_sim_tree_show(sim, show_free, pool,
			  NODES "/node%d/hugepages/hugepages-%" PRIu64 "kB/free_hugepages", node,
			  page >> 10);
	*added = pool;
	return iom_sim_tree_status(sim);
}

int iom_sim_set_hugepages(struct iom_sim *sim, uint64_t page, int node, uint64_t n)
{
	struct sim_huge *pool;
	int ret = 0;

	if (page & (page - 1) || page <= sim->page_size || node < 0)
		return -EINVAL;
	pthread_mutex_lock(&sim->lock);
	pool = find_pool(sim, page, node);
	if (!pool)
		ret = add_pool(sim, page, node, &pool);
	if (!ret && pool->total - pool->free > n)
		ret = -EBUSY;
	if (!ret) {
		pool->free = n - (pool->total - pool->free);
		pool->total = n;
	}
	pthread_mutex_unlock(&sim->lock);
	return ret;
}

uint64_t iom_sim_free_hugepages(struct iom_sim *sim, uint64_t page, int node)
{
	const struct sim_huge *pool;
	uint64_t n;

	pthread_mutex_lock(&sim->lock);
	pool = find_pool(sim, page, node);
	n = pool ? pool->free : 0;
	pthread_mutex_unlock(&sim->lock);
	return n;
}

/*
 * All of them on one node: that which is wanted if it has enough, or any other one; which one, or
 * -EINVAL: there is no such size, or -ENOMEM.
 */
static int take_pages(struct iom_sim *sim, const struct iom_buf_want *want)
{
	uint64_t n = want->length / want->page;
	struct sim_huge *pool = find_pool(sim, want->page, want->node);

	if (!find_pool(sim, want->page, -1))
		return -EINVAL;
	if (!pool || pool->free < n)
		for (pool = want->strictly ? NULL : sim->huge; pool; pool = pool->next)
			if (pool->page == want->page && pool->free >= n)
				break;
	if (!pool)
		return -ENOMEM;
	pool->free -= n;
	return pool->node;
}

/* ---- Buffers --------------------------------------------------------------------------------- */

static int remember(struct iom_sim *sim, const struct sim_buf *buf)
{
	struct sim_buf *copy = malloc(sizeof(*copy));
	int ret = 0;

	if (!copy)
		return -ENOMEM;
	*copy = *buf;
	if (buf->page)
		ret = iom_sim_add_backing(sim, buf->start, buf->length, buf->page);
	if (ret < 0) {
		free(copy);
		return ret;
	}
	copy->next = sim->bufs;
	sim->bufs = copy;
	return 0;
}

int iom_sim_alloc_buf(struct iom_sim *sim, const struct iom_buf_want *want, void **pages, int *fd)
{
	/* the same without huge pages and nodes */
	struct iom_buf_want here = *want;
	struct sim_buf buf = { .length = want->length, .page = want->page };
	void *p;
	int ret, f;

	buf.node = want->node < 0 ? 0 : want->node;
	if (want->page) {
		if (want->length % want->page)
			return -EINVAL;
		buf.node = take_pages(sim, want);
		if (buf.node < 0)
			return buf.node;
	}
	here.page = 0;
	here.node = -1;
	ret = iom_sys_linux.alloc_buf(iom_sys_linux.ctx, &here, &p, &f);
	if (ret < 0)
		goto fail;
	buf.start = (uintptr_t)p;
	ret = remember(sim, &buf);
	if (ret < 0) {
		iom_sys_linux.free_buf(iom_sys_linux.ctx, p, want->length, f);
		goto fail;
	}
	sim->allocated_bytes += want->length;
	*pages = p;
	*fd = f;
	return 0;

fail:
	if (want->page)
		find_pool(sim, want->page, buf.node)->free += want->length / want->page;
	return ret;
}

void iom_sim_free_buf(struct iom_sim *sim, void *pages, size_t length, int fd)
{
	struct sim_buf **link, *buf;

	for (link = &sim->bufs; (*link)->start != (uintptr_t)pages; link = &(*link)->next)
		;
	buf = *link;
	*link = buf->next;
	if (buf->page) {
		find_pool(sim, buf->page, buf->node)->free += buf->length / buf->page;
		iom_sim_remove_backing(sim, buf->start);
	}
	free(buf);
	sim->allocated_bytes -= length;
	iom_sys_linux.free_buf(iom_sys_linux.ctx, pages, length, fd);
}

/* Huge pages are touched when they are taken. */
static bool is_touched(const struct sim_buf *buf, const void *va)
{
	uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
	unsigned char resident = 0;

	if (buf->page)
		return true;
	return !mincore((void *)((uintptr_t)va & ~(page - 1)), 1, &resident) && resident & 1;
}

int iom_sim_node_of(const struct iom_sim *sim, const void *va)
{
	const struct sim_buf *buf;

	for (buf = sim->bufs; buf; buf = buf->next)
		if ((uintptr_t)va - buf->start < buf->length)
			return is_touched(buf, va) ? buf->node : -ENOENT;
	return -ENOENT;
}

void iom_sim_huge_free(struct iom_sim *sim)
{
	struct sim_huge *pool;
	struct sim_buf *buf;

	while ((pool = sim->huge)) {
		sim->huge = pool->next;
		free(pool);
	}
	while ((buf = sim->bufs)) {
		sim->bufs = buf->next;
		free(buf);
	}
}
