// SPDX-License-Identifier: BSD-3-Clause
#include "view.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "error.h"
#include "request.h"

void iom_view_free(struct iom_view *view)
{
	iom_aperture_free(&view->reported);
	iom_aperture_free(&view->apertures);
	iom_aperture_free(&view->automatic);
}

/* The last IOVA that every device can drive. */
static uint64_t narrowest(const struct iom_device *devices)
{
	uint64_t reach = UINT64_MAX;

	for (; devices; devices = devices->next)
		if (devices->reach < reach)
			reach = devices->reach;
	return reach;
}

static int subtract(void *automatic, uint64_t start, uint64_t last)
{
	return iom_aperture_subtract(automatic, start, last);
}

/*
 * DMA to an address that a PCI function or bridge on the way decodes may end there and never reach
 * the IOMMU.  The kernel's own DMA API keeps out of the windows of host bridges, too
 * (iova_reserve_pci_windows in drivers/iommu/dma-iommu.c), but VFIO does not tell them.
 */
static int leave_out_pci_memory(const struct iom_domain *dom, struct iom_view *view)
{
	bool all = true;
	int ret;

	ret = iom_aperture_copy(&view->apertures, &view->automatic);
	if (!ret)
		ret = iom_sysfs_pci_memory(dom->sys, subtract, &view->automatic, &all);
	if (!ret && !all)
		iom_log(&dom->log, IOM_LOG_WARN,
			"not all of /sys/bus/pci/devices may be read: automatic IOVAs may lie where "
			"a PCI function decodes memory");
	return ret;
}

int iom_view_read(const struct iom_domain *dom, const struct iom_device *devices,
		  struct iom_view *view)
{
	int ret;

	*view = (struct iom_view){ .reach = narrowest(devices) };
	ret = dom->backend->ops->apertures(dom->backend, &view->reported);
	if (!ret)
		ret = iom_aperture_normalize(&view->reported);
	if (!ret && !view->reported.n)
		ret = iom_error(-EIO, "the kernel reports no IOVA range that can be mapped");
	if (!ret)
		ret = iom_adopt_limit(dom, &view->reported);
	if (!ret)
		ret = iom_aperture_copy(&view->reported, &view->apertures);
	if (!ret)
		ret = iom_requests_apply(dom, view);
	if (!ret)
		ret = leave_out_pci_memory(dom, view);
	if (!ret)
		ret = iom_requests_reserve(dom, view);
	if (ret < 0) {
		iom_view_free(view);
		return ret;
	}
	view->page_size = iom_aperture_unit(&view->apertures);
	view->coarsest = iom_aperture_coarsest(&view->apertures);
	return 0;
}

int iom_view_check(const struct iom_domain *dom, const struct iom_view *view)
{
	struct iom_span *span;

	iom_space_for_each(&dom->space, span) {
		uint64_t iova = iom_span_iova(span), length = iom_span_length(span);
		uint64_t last = iova + length - 1;

		if (span->state != IOM_SPAN_MAPPED)
			continue;
		if ((last > view->reach && !span->only) ||
		    !iom_aperture_takes(&view->apertures, iova, length, span->va))
			return iom_error(-EBUSY,
					 "the device cannot reach what is mapped at IOVA 0x%" PRIx64
					 " to 0x%" PRIx64 "; unmap it first, or map it elsewhere",
					 iova, last);
	}
	return 0;
}

/* Occupy what is free in [start, end), so that nothing is mapped there. */
static void occupy(struct iom_domain *dom, uint64_t start, uint64_t end)
{
	while (start < end) {
		struct iom_span *next = iom_space_at(&dom->space, start), *hole;
		uint64_t stop = next->start < end ? next->start : end;

		if (start < stop) {
			hole = iom_pool_take(&dom->pool);
			*hole = (struct iom_span){ .start = start,
						   .end = stop,
						   .state = IOM_SPAN_HOLE };
			iom_space_insert(&dom->space, hole);
		}
		start = next->end;
	}
}

void iom_view_raise_granule(struct iom_domain *dom, const struct iom_view *view)
{
	if (dom->granule && dom->granule < view->page_size)
		dom->granule = view->page_size;
}

/* Make the holes of the space what lies between the apertures.  Only the reservation can fail. */
static int rebuild_holes(struct iom_domain *dom, const struct iom_aperture_set *apertures)
{
	size_t n = apertures->n + 1, i;
	struct iom_span *span;
	uint64_t start = 0;
	int ret;

	/* what is quarantined may cut a hole in two, and lie in what is a hole now */
	iom_space_for_each(&dom->space, span)
		n += span->state == IOM_SPAN_QUARANTINED;
	ret = iom_spans_reserve(dom, n);
	if (ret < 0)
		return iom_error(ret, "no memory for the holes between the apertures");

	span = iom_space_at(&dom->space, 0);
	while (span->start < IOM_SPACE_END) {
		uint64_t end = span->end;

		if (span->state == IOM_SPAN_HOLE) {
			iom_space_remove(&dom->space, span);
			iom_pool_give(&dom->pool, span);
		}
		span = iom_space_at(&dom->space, end);
	}
	for (i = 0; i < apertures->n; i++) {
		occupy(dom, start, apertures->v[i].start >> IOM_UNIT_SHIFT);
		start = (apertures->v[i].last >> IOM_UNIT_SHIFT) + 1;
	}
	occupy(dom, start, IOM_SPACE_END);
	return 0;
}

static void log_apertures(const struct iom_domain *dom, const char *what,
			  const struct iom_aperture_set *set)
{
	size_t i;

	for (i = 0; i < set->n; i++)
		iom_log(&dom->log, IOM_LOG_DEBUG,
			"%s: 0x%" PRIx64 " to 0x%" PRIx64 ", page sizes 0x%" PRIx64, what,
			set->v[i].start, set->v[i].last, set->v[i].page_sizes);
}

int iom_view_commit(struct iom_domain *dom, struct iom_view *view)
{
	bool looks;
	int ret;

	pthread_mutex_lock(&dom->table);
	ret = rebuild_holes(dom, &view->apertures);
	pthread_mutex_unlock(&dom->table);
	if (ret < 0)
		return ret;
	log_apertures(dom, "aperture", &view->apertures);
	log_apertures(dom, "automatic IOVAs", &view->automatic);
	iom_aperture_free(&dom->reported);
	iom_aperture_free(&dom->apertures);
	iom_aperture_free(&dom->automatic);
	dom->reported = view->reported;
	dom->apertures = view->apertures;
	dom->automatic = view->automatic;
	dom->reach = view->reach;
	dom->coarsest = view->coarsest;
	iom_alike_prepare(&dom->automatic, dom->reach, &dom->alike);
	dom->is_plain = !dom->granule && !dom->history.n && !dom->backend->shared &&
			(iom_needs_backing(dom) || !dom->backend->ops->wants_aperture);
	looks = dom->is_plain && iom_needs_backing(dom);
	if (looks && dom->vmas < 0)
		__atomic_store_n(&dom->vmas, dom->sys->open_vmas(dom->sys->ctx), __ATOMIC_RELAXED);
	__atomic_store_n(&dom->looks, looks, __ATOMIC_RELAXED);
	dom->least = iom_aperture_unit(&dom->reported);
	dom->backend->ops->entries(dom->backend, &dom->entry_limit, NULL);
	__atomic_store_n(&dom->page_size, view->page_size, __ATOMIC_RELAXED);
	return 0;
}

int iom_view_refresh(struct iom_domain *dom)
{
	struct iom_view view;
	int ret;

	ret = iom_view_read(dom, dom->devices, &view);
	if (ret < 0)
		return ret;
	ret = iom_view_commit(dom, &view);
	if (ret < 0)
		iom_view_free(&view);
	else
		iom_view_raise_granule(dom, &view);
	return ret;
}

static void note_narrow(struct iom_domain *dom)
{
	if (dom->narrow && !strcmp(dom->narrow, iom_errmsg()))
		return;
	iom_log(&dom->log, IOM_LOG_WARN, "no further aperture: %s", iom_errmsg());
	free(dom->narrow);
	dom->narrow = strdup(iom_errmsg());
}

void iom_view_forget_narrow(struct iom_domain *dom)
{
	free(dom->narrow);
	dom->narrow = NULL;
}

int iom_view_widen(struct iom_domain *dom, const struct iom_backend_wish *wish)
{
	const struct iom_backend_ops *ops;
	struct iom_kept_error kept;
	int ret;

	if (!dom->devices)
		return 0;
	ops = dom->backend->ops;
	if (!ops->wants_aperture(dom->backend, wish))
		return 0;
	ret = ops->add_aperture(dom->backend, wish);
	if (!ret) {
		ret = iom_view_refresh(dom);
		if (ret < 0) {
			iom_error_keep(&kept);
			ops->undo_aperture(dom->backend);
			iom_error_restore(&kept);
		}
	}
	if (ret < 0)
		note_narrow(dom);
	else
		iom_view_forget_narrow(dom);
	return ret;
}

void iom_view_widen_as_expected(struct iom_domain *dom)
{
	const struct iom_backend_wish wish = {
		.backing = dom->backend->plan.page,
		.reach = dom->reach,
	};
	const struct iom_backend_plan *plan = &dom->backend->plan;
	struct iom_kept_error kept;

	if (!dom->backend->ops->wants_aperture || !(plan->bytes_stated || plan->page_stated))
		return;
	iom_error_keep(&kept);
	(void)iom_view_widen(dom, &wish);
	iom_error_restore(&kept);
}
