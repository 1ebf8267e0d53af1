// SPDX-License-Identifier: BSD-3-Clause
#include "memory.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "cache.h"
#include "error.h"
#include "pages.h"

struct iom_memory *iom_memory_at(const struct iom_cache *cache, uint64_t unit)
{
	struct iom_span *span = iom_space_at(&cache->memory, unit);

	/* the span is the first member */
	return span->start < IOM_SPACE_END ? (struct iom_memory *)span : NULL;
}

/* ---- What the backend is told -------------------------------------------------------------------- */

/* All or nothing; one call for each page size behind it.  topology is held. */
static int declare(struct iom_domain *dom, const struct iom_memory *mem)
{
	const struct iom_backend_ops *ops = dom->backend->ops;
	uint64_t va = mem->span.start << IOM_UNIT_SHIFT, done;
	uint64_t length = (mem->span.end - mem->span.start) << IOM_UNIT_SHIFT;
	struct iom_kept_error kept;
	struct iom_run run;
	int ret = 0;

	if (!ops->declare)
		return 0;
	for (done = 0; done < length; done += run.length) {
		ret = iom_page_run(dom->sys, va + done, length - done, &run);
		if (!ret)
			ret = ops->declare(dom->backend, va + done, run.length, run.page);
		if (ret < 0)
			break;
	}
	if (ret < 0 && done) {
		iom_error_keep(&kept);
		(void)ops->undeclare(dom->backend, va, done);
		iom_error_restore(&kept);
	}
	return ret;
}

static int undeclare(struct iom_domain *dom, const struct iom_memory *mem)
{
	if (!dom->devices || !dom->backend->ops->undeclare)
		return 0;
	return dom->backend->ops->undeclare(dom->backend, mem->span.start << IOM_UNIT_SHIFT,
					    (mem->span.end - mem->span.start) << IOM_UNIT_SHIFT);
}

static struct iom_memory *next_memory(struct iom_cache *cache, uint64_t unit)
{
	struct iom_memory *mem;

	pthread_mutex_lock(&cache->lock);
	mem = iom_memory_at(cache, unit);
	pthread_mutex_unlock(&cache->lock);
	return mem;
}

int iom_memory_declare_all(struct iom_domain *dom)
{
	struct iom_memory *mem;
	uint64_t unit;
	int ret = 0;

	/* topology keeps others from adding or removing any, and the lock from looking meanwhile */
	for (unit = 0; !ret && (mem = next_memory(&dom->cache, unit)); unit = mem->span.end) {
		ret = declare(dom, mem);
		if (ret < 0)
			iom_error_set_prefix("the memory that was declared at 0x%" PRIx64 ": ",
					     mem->span.start << IOM_UNIT_SHIFT);
	}
	return ret;
}

/* ---- Adding -------------------------------------------------------------------------------------- */

static int check(const struct iom_domain *dom, uintptr_t va, uint64_t length, unsigned int flags)
{
	uint64_t page = iom_base_page(dom->sys);

	if (!va)
		return iom_error(-EINVAL, "the address is NULL");
	if (!length)
		return iom_error(-EINVAL, "the length is 0");
	if (!(flags & IOM_MAP_RW) || flags & ~IOM_MAP_RW)
		return iom_error(-EINVAL, "flags are IOM_MAP_READ, IOM_MAP_WRITE or both, and no "
					  "others");
	if ((va | length) & (page - 1))
		return iom_error(-EINVAL, "address and length must be multiples of %" PRIu64, page);
	if (length - 1 > UINT64_MAX - va)
		return iom_error(-EFAULT, "the memory would run past the end of the address space");
	return 0;
}

static int insert(struct iom_cache *cache, struct iom_memory *mem)
{
	const struct iom_memory *other = iom_memory_at(cache, mem->span.start);

	if (other && other->span.start < mem->span.end)
		return iom_error(-EEXIST, "0x%" PRIx64 " to 0x%" PRIx64 " is declared already",
				 other->span.start << IOM_UNIT_SHIFT,
				 (other->span.end << IOM_UNIT_SHIFT) - 1);
	if (iom_space_reserve(&cache->memory, 1) < 0)
		return iom_error(-ENOMEM, "no memory for a note of it");
	iom_space_insert(&cache->memory, &mem->span);
	return 0;
}

static void set_leaving(struct iom_memory *mem, bool leaving)
{
	struct iom_cache *cache = &mem->domain->cache;

	pthread_mutex_lock(&cache->lock);
	mem->leaving = leaving;
	pthread_cond_broadcast(&cache->changed);
	pthread_mutex_unlock(&cache->lock);
}

static void remove_and_free(struct iom_memory *mem)
{
	struct iom_cache *cache = &mem->domain->cache;

	pthread_mutex_lock(&cache->lock);
	iom_space_remove(&cache->memory, &mem->span);
	pthread_cond_broadcast(&cache->changed);
	pthread_mutex_unlock(&cache->lock);
	free(mem);
}

/* topology is held for reading. */
static int add(struct iom_domain *dom, struct iom_memory *mem)
{
	struct iom_cache *cache = &dom->cache;
	int ret;

	pthread_mutex_lock(&cache->lock);
	ret = insert(cache, mem);
	pthread_mutex_unlock(&cache->lock);
	if (ret < 0) {
		free(mem);
		return ret;
	}
	if (dom->devices)
		ret = declare(dom, mem);
	if (ret < 0)
		remove_and_free(mem);
	else
		set_leaving(mem, false);
	return ret;
}

int iom_memory_add(struct iom_domain *dom, void *va, uint64_t length, unsigned int flags,
		   struct iom_memory **mem)
{
	uint64_t first = (uintptr_t)va >> IOM_UNIT_SHIFT;
	struct iom_memory *m = NULL;
	int ret;

	ret = iom_check_owner(dom);
	if (!ret)
		ret = check(dom, (uintptr_t)va, length, flags);
	if (!ret) {
		m = malloc(sizeof(*m));
		if (!m)
			ret = iom_error(-ENOMEM, "no memory for a note of it");
	}
	if (!ret) {
		*m = (struct iom_memory){
			.span = { .start = first, .end = first + (length >> IOM_UNIT_SHIFT) },
			.domain = dom,
			.flags = flags,
			.leaving = true,
		};
		pthread_rwlock_rdlock(&dom->topology);
		ret = add(dom, m);
		pthread_rwlock_unlock(&dom->topology);
	}
	if (ret < 0)
		return iom_error_prefix(ret, "declare %p + 0x%" PRIx64 ": ", va, length);
	*mem = m;
	return 0;
}

/* ---- Removing ------------------------------------------------------------------------------------ */

/* Whether something of it is mapped, by the caller or for streams. */
static int check_unmapped(struct iom_domain *dom, const struct iom_memory *mem, bool streamed)
{
	const struct iom_span *span;
	int ret = 0;

	pthread_mutex_lock(&dom->table);
	iom_space_for_each(&dom->space, span) {
		uint64_t start = span->va >> IOM_UNIT_SHIFT;

		if (span->state == IOM_SPAN_HOLE || span->state == IOM_SPAN_QUARANTINED ||
		    span->streamed != streamed || start >= mem->span.end ||
		    start + (span->end - span->start) <= mem->span.start)
			continue;
		ret = iom_error(-EBUSY, "a part is %s at IOVA 0x%" PRIx64,
				streamed ? "in flight" : "mapped", iom_span_iova(span));
		break;
	}
	pthread_mutex_unlock(&dom->table);
	return ret;
}

/* 0, with nothing of it mapped but what is quarantined, or -EBUSY.  topology is held for reading. */
static int empty(struct iom_domain *dom, struct iom_memory *mem)
{
	int ret;

	ret = check_unmapped(dom, mem, false);
	if (!ret && iom_cache_empty(dom, mem->span.start, mem->span.end) == -EBUSY)
		ret = iom_error(-EBUSY, "something is in flight in it");
	/* for one call alone: it was not declared yet then, or no whole page of the IOMMU's */
	if (!ret && __atomic_load_n(&dom->cache.transients, __ATOMIC_RELAXED))
		ret = check_unmapped(dom, mem, true);
	return ret;
}

/* topology is held for reading. */
static int leave(struct iom_domain *dom, struct iom_memory *mem)
{
	int ret;

	set_leaving(mem, true);
	ret = empty(dom, mem);
	if (ret < 0) {
		set_leaving(mem, false);
		return ret;
	}
	if (mem->in_reach)
		ret = iom_error(-EIO, "the kernel refused to unmap a part of it, which the device "
				      "may still reach; the log tells which");
	if (undeclare(dom, mem) < 0)
		ret = -EIO;
	remove_and_free(mem);
	return ret;
}

int iom_memory_remove(struct iom_memory *mem)
{
	struct iom_domain *dom = mem->domain;
	uint64_t va = mem->span.start << IOM_UNIT_SHIFT;
	uint64_t length = (mem->span.end - mem->span.start) << IOM_UNIT_SHIFT;
	int ret;

	ret = iom_check_owner(dom);
	if (!ret) {
		pthread_rwlock_rdlock(&dom->topology);
		ret = leave(dom, mem);
		pthread_rwlock_unlock(&dom->topology);
	}
	if (ret < 0)
		return iom_error_prefix(ret,
					"end of declared memory 0x%" PRIx64 " + 0x%" PRIx64 ": ",
					va, length);
	return 0;
}
