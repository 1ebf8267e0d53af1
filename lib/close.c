// SPDX-License-Identifier: BSD-3-Clause
#include <stdlib.h>

#include "buf.h"
#include "domain.h"
#include "error.h"
#include "map.h"
#include "request.h"
#include "topology.h"

static void close_vmas(struct iom_domain *dom)
{
	if (dom->vmas >= 0)
		iom_sys_close(dom->sys, dom->vmas);
	dom->vmas = -1;
}

/*
 * In a forked child: only the descriptors are ours to close.  The rest may be half changed, by a
 * thread that exists in the parent only.
 */
static void forget(struct iom_domain *dom)
{
	struct iom_device *dev;

	for (dev = dom->devices; dev; dev = dev->next)
		dom->backend->ops->forget(dom->backend, &dev->base);
	if (dom->backend)
		dom->backend->ops->forget(dom->backend, NULL);
	close_vmas(dom);
}

/* What is left of files that the library mapped: the kernel did not let go of it before. */
static void free_files(struct iom_domain *dom)
{
	struct iom_span *span;

	iom_space_for_each(&dom->space, span)
		if (span->file)
			iom_file_release(dom, span->file);
}

static void free_domain(struct iom_domain *dom)
{
	iom_cache_destroy(dom);
	close_vmas(dom);
	iom_buf_pools_free(dom);
	free_files(dom);
	iom_requests_free(dom);
	iom_aperture_free(&dom->reported);
	iom_aperture_free(&dom->apertures);
	iom_aperture_free(&dom->automatic);
	iom_space_destroy(&dom->space);
	iom_pool_destroy(&dom->pool);
	iom_radix_destroy(&dom->by_va);
	iom_radix_destroy(&dom->by_iova);
	dom->sys->free_pages(dom->sys->ctx, dom->ours, IOM_OURS_BYTES);
	pthread_cond_destroy(&dom->settled);
	pthread_mutex_destroy(&dom->table);
	pthread_rwlock_destroy(&dom->topology);
	iom_adopt_free(dom);
	iom_history_free(dom);
	free(dom->reasons);
	free(dom->refusal);
	free(dom->narrow);
	free(dom);
}

void iom_close(struct iom_domain *dom)
{
	struct iom_kept_error kept;
	struct iom_device *dev;

	if (!dom)
		return;
	if (!iom_is_ours(dom)) {
		forget(dom);
		return;
	}
	iom_strict_report(dom);
	iom_error_keep(&kept);
	iom_topology_hold(dom);
	for (dev = dom->devices; dev; dev = dev->next)
		dom->backend->ops->close_device(dom->backend, &dev->base);
	iom_unmap_everything(dom);
	while ((dev = dom->devices)) {
		dom->devices = dev->next;
		dom->backend->ops->detach(dom->backend, &dev->base);
		free(dev);
	}
	if (dom->backend) {
		dom->backend->ops->destroy(dom->backend);
		free(dom->backend->priv);
		free(dom->backend);
	}
	iom_topology_let_go(dom);
	free_domain(dom);
	iom_error_restore(&kept);
}
