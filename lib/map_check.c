// SPDX-License-Identifier: BSD-3-Clause
/* What is wrong with memory that is to be mapped. */
#include <errno.h>
#include <inttypes.h>

#include "error.h"
#include "map_steps.h"
#include "options.h"
#include "pages.h"

#define MAP_OPTS_FIRST offsetof(struct iom_map_opts, progress)

int iom_map_read_opts(const struct iom_map_opts *callers, struct iom_map_opts *opts)
{
	return iom_options_read(opts, sizeof(*opts), MAP_OPTS_FIRST, callers, "iom_map_opts");
}

int iom_map_check_flags(unsigned int flags, unsigned int known)
{
	if (flags & ~known)
		return iom_error(-EINVAL, "unknown flags 0x%x", flags & ~known);
	if (!(flags & IOM_MAP_RW))
		return iom_error(-EINVAL, "neither IOM_MAP_READ nor IOM_MAP_WRITE is set");
	return 0;
}

int iom_map_check_memory(uintptr_t va, uint64_t length)
{
	if (!va)
		return iom_error(-EINVAL, "the address is NULL");
	if (!length)
		return iom_error(-EINVAL, "the length is 0");
	if (length - 1 > UINT64_MAX - va)
		return iom_error(-EFAULT, "the memory would run past the end of the address space");
	return 0;
}

/* What is wrong with a fixed IOVA. */
static int check_fixed(const struct iom_domain *dom, const struct iom_map_request *rq,
		       const struct iom_map_run *run)
{
	uint64_t last = run->iova + run->length - 1, page;
	const struct iom_aperture *a, *reported;

	if (last < run->iova)
		return iom_error(-ERANGE, "IOVA 0x%" PRIx64 " + 0x%" PRIx64 " runs past 2^64",
				 run->iova, run->length);
	if (last > rq->limit)
		return iom_error(-ERANGE,
				 "it would end at IOVA 0x%" PRIx64 ", above the limit of 0x%" PRIx64
				 " (the caller's, or what %s can drive)",
				 last, rq->limit, rq->only ? "its device" : "the narrowest device");
	a = iom_aperture_containing(&dom->apertures, run->iova, last);
	if (!a)
		return iom_error(-ERANGE,
				 "IOVA 0x%" PRIx64 " to 0x%" PRIx64
				 " does not lie within one aperture; iom_apertures() lists them",
				 run->iova, last);
	page = iom_smallest_page(a->page_sizes);
	reported = iom_aperture_containing(&dom->reported, run->iova, last);
	if ((run->va | run->length | run->iova) & (page - 1))
		return iom_error(-EINVAL,
				 "address, length and IOVA must be multiples of %" PRIu64
				 " in the aperture at 0x%" PRIx64,
				 page, a->start);
	/* a requested aperture may have units larger than the IOMMU's own pages */
	page = iom_smallest_page(reported->page_sizes);
	if (run->backing < page)
		return iom_error(-EINVAL,
				 "the memory has pages of %" PRIu64
				 " bytes, smaller than those of the aperture at 0x%" PRIx64
				 ", %" PRIu64 "; use huge pages, or another aperture",
				 run->backing, a->start, page);
	return 0;
}

/* What is wrong with a run in this domain, with the devices that are attached now. */
static int check_here(const struct iom_domain *dom, const struct iom_map_request *rq,
		      const struct iom_map_run *run)
{
	uint64_t whole = run->va | run->length;

	if (rq->flags & IOM_MAP_FIXED)
		whole |= run->iova;
	if (whole & (dom->page_size - 1))
		return iom_error(-EINVAL,
				 "address, length and a fixed IOVA must be multiples of %" PRIu64,
				 dom->page_size);
	/* what is not looked at is taken for large enough */
	if (iom_needs_backing(dom) && run->backing < iom_aperture_unit(&dom->reported))
		return iom_error(-EINVAL,
				 "the memory has pages of %" PRIu64
				 " bytes, and the IOMMU's smallest here is %" PRIu64
				 "; use huge pages, or expect smaller ones (expect_page)",
				 run->backing, iom_aperture_unit(&dom->reported));
	return rq->flags & IOM_MAP_FIXED ? check_fixed(dom, rq, run) : 0;
}

static bool is_attached(const struct iom_domain *dom, const struct iom_device *dev)
{
	const struct iom_device *other;

	for (other = dom->devices; other; other = other->next)
		if (other == dev)
			return true;
	return false;
}

/* The last IOVA that may be used: what the devices, or the one meant, and the caller allow. */
static int read_limit(const struct iom_domain *dom, const struct iom_map_opts *opts,
		      struct iom_map_request *rq)
{
	rq->limit = dom->reach;
	rq->only = opts->only;
	if (opts->only) {
		if (!is_attached(dom, opts->only))
			return iom_error(-EINVAL, "opts.only is not attached to this domain");
		rq->limit = opts->only->reach;
	}
	if (opts->limit && opts->limit < rq->limit)
		rq->limit = opts->limit;
	return 0;
}

/* The backing of memory that is mapped as a part of something, whose pages are what is pinned. */
static uint64_t known_backing(struct iom_domain *dom, const struct iom_map_run *run)
{
	uint64_t iova, contiguous, backing = 0;
	const struct iom_span *span;

	pthread_mutex_lock(&dom->table);
	if (!iom_radix_lookup(&dom->by_va, run->va, &iova, &contiguous)) {
		span = iom_space_at(&dom->space, iova >> IOM_UNIT_SHIFT);
		if (run->va - span->va < iom_span_length(span) &&
		    run->length <= iom_span_length(span) - (run->va - span->va))
			backing = iom_span_backing(span);
	}
	pthread_mutex_unlock(&dom->table);
	return backing;
}

/*
 * The smallest page behind a run, which the IOMMU's must not be larger than.  vma: the mapping of
 * the process that was looked at last, where a batch may have many pieces.
 */
static int read_backing(struct iom_domain *dom, const struct iom_map_request *rq,
			struct iom_map_run *run, struct iom_vma *vma)
{
	struct iom_run pages = { .length = run->length };
	uint64_t done;
	int ret;

	if (rq->flags & IOM_MAP_ALIAS) {
		run->backing = known_backing(dom, run);
		if (run->backing)
			return 0;
	}
	for (done = 0; done < run->length; done += pages.length) {
		ret = iom_page_run_near(dom->sys, run->va + done, run->length - done, vma, &pages);
		if (ret < 0)
			return ret;
		if (!done || pages.page < run->backing)
			run->backing = pages.page;
	}
	run->even = pages.length == run->length;
	return 0;
}

int iom_map_check(struct iom_domain *dom, struct iom_map_request *rq,
		  const struct iom_map_opts *opts)
{
	bool look = dom->devices && iom_needs_backing(dom);
	struct iom_vma vma = { 0, 0, 0 };
	size_t i;
	int ret;

	rq->wrong = NULL;
	ret = read_limit(dom, opts, rq);
	if (ret < 0)
		return ret;
	if (!dom->devices)
		return iom_error(-ENODEV, "no device is attached, so it is not known what can be "
					  "mapped; attach one first");
	for (i = 0; i < rq->n; i++) {
		struct iom_map_run *run = &rq->runs[i];

		rq->wrong = run;
		run->backing = dom->coarsest;
		run->even = true;
		if (look)
			ret = read_backing(dom, rq, run, &vma);
		if (!ret)
			ret = check_here(dom, rq, run);
		if (ret < 0)
			return ret;
	}
	return 0;
}

int iom_map_explain_claim(const struct iom_domain *dom, int ret, uint64_t taken)
{
	uint64_t iova, contiguous;

	if (ret == -ERANGE)
		return iom_error(-EFAULT, "no memory of this process lies there");
	if (ret != -EEXIST)
		return iom_error(-ENOMEM, "no memory for the translation tables");
	if (iom_radix_lookup(&dom->by_va, taken, &iova, &contiguous) < 0)
		return iom_error(-EEXIST,
				 "another thread is mapping or unmapping the memory at 0x%" PRIx64,
				 taken);
	return iom_error(-EEXIST,
			 "the memory at 0x%" PRIx64 " is mapped already, at IOVA 0x%" PRIx64
			 "; unmap it first, or use IOM_MAP_ALIAS",
			 taken, iova);
}

int iom_map_check_unmapped(struct iom_domain *dom, struct iom_map_request *rq)
{
	uint64_t taken = 0;
	size_t n, i;
	int ret = 0;

	if (rq->flags & IOM_MAP_ALIAS)
		return 0;
	pthread_mutex_lock(&dom->table);
	for (n = 0; n < rq->n; n++) {
		const struct iom_map_run *run = &rq->runs[n];

		rq->wrong = run;
		ret = iom_radix_claim(&dom->by_va, run->va, run->length, run->va, &taken);
		if (ret < 0) {
			ret = iom_map_explain_claim(dom, ret, taken);
			break;
		}
	}
	for (i = 0; i < n; i++)
		iom_radix_clear(&dom->by_va, rq->runs[i].va, rq->runs[i].length);
	pthread_mutex_unlock(&dom->table);
	return ret;
}
