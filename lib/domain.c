// SPDX-License-Identifier: BSD-3-Clause
#include "domain.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "error.h"
#include "options.h"

/* Wider than any address that mmap() gives out: 57 bits on x86, 52 on arm64 and POWER. */
#define VA_BITS 57

/* What the first release of struct iom_open_opts had. */
#define OPEN_OPTS_FIRST sizeof(struct iom_open_opts)

/* The page that holds the word which a forked child finds zeroed. */
#define OURS_BYTES IOM_UNIT

#define TEXT(x) #x
#define DOTTED(major, minor, patch) TEXT(major) "." TEXT(minor) "." TEXT(patch)

const char *iom_version(void)
{
	return DOTTED(IOM_VERSION_MAJOR, IOM_VERSION_MINOR, IOM_VERSION_PATCH);
}

static int find_backend(const struct iom_backend_ops *const *backends, const char *name,
			const char *origin, const struct iom_backend_ops **found)
{
	size_t i;

	for (i = 0; backends[i]; i++) {
		if (!strcmp(backends[i]->name, name)) {
			*found = backends[i];
			return 0;
		}
	}
	iom_error_set("%s is '%s', but there is no backend of that name; there is:", origin, name);
	for (i = 0; backends[i]; i++)
		iom_error_append(" %s", backends[i]->name);
	return -EINVAL;
}

static int choose_forced(struct iom_domain *dom, const struct iom_open_opts *opts)
{
	const char *word = secure_getenv("LIBIOMMU_BACKEND");

	if (opts->backend)
		return find_backend(dom->backends, opts->backend, "iom_open_opts.backend",
				    &dom->forced);
	if (word && *word)
		return find_backend(dom->backends, word, "LIBIOMMU_BACKEND", &dom->forced);
	return 0;
}

static int init_tables(struct iom_domain *dom)
{
	void *page;
	int ret;

	ret = dom->sys->alloc_pages(dom->sys->ctx, OURS_BYTES, &page);
	if (ret < 0)
		goto fail;
	dom->ours = page;
	*dom->ours = 1;
	ret = iom_radix_init(&dom->by_va, dom->sys, VA_BITS);
	if (ret < 0)
		goto fail_page;
	ret = iom_radix_init(&dom->by_iova, dom->sys, 64);
	if (ret < 0)
		goto fail_by_va;
	iom_space_init(&dom->space);
	return 0;

fail_by_va:
	iom_radix_destroy(&dom->by_va);
fail_page:
	dom->sys->free_pages(dom->sys->ctx, page, OURS_BYTES);
fail:
	if (ret == -EINVAL)
		return iom_error(-EOPNOTSUPP, "the kernel cannot wipe memory on fork "
					      "(MADV_WIPEONFORK); libiommu needs 4.14 or later");
	return iom_error(-ENOMEM, "no memory for the tables of a domain");
}

/* Writers first: else an attach could wait for ever beside threads that keep mapping. */
static void init_locks(struct iom_domain *dom)
{
	pthread_rwlockattr_t attr;

	pthread_rwlockattr_init(&attr);
	pthread_rwlockattr_setkind_np(&attr, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
	pthread_rwlock_init(&dom->topology, &attr);
	pthread_rwlockattr_destroy(&attr);
	pthread_mutex_init(&dom->table, NULL);
	pthread_cond_init(&dom->settled, NULL);
}

int iom_open_with(struct iom_domain **dom, const struct iom_open_opts *callers,
		  const struct iom_sys *sys, const struct iom_backend_ops *const *backends)
{
	struct iom_open_opts opts;
	struct iom_domain *d;
	int ret;

	ret = iom_options_read(&opts, sizeof(opts), OPEN_OPTS_FIRST, callers, "iom_open_opts");
	if (ret < 0)
		return iom_error_prefix(ret, "open: ");
	d = calloc(1, sizeof(*d));
	if (!d)
		return iom_error(-ENOMEM, "open: no memory for a domain");
	d->sys = sys;
	d->backends = backends;
	ret = iom_log_init(&d->log, &opts);
	if (ret < 0)
		goto fail;
	ret = choose_forced(d, &opts);
	if (ret < 0)
		goto fail;
	ret = init_tables(d);
	if (ret < 0)
		goto fail;
	init_locks(d);
	*dom = d;
	return 0;

fail:
	free(d);
	return iom_error_prefix(ret, "open: ");
}

int iom_open(struct iom_domain **dom, const struct iom_open_opts *opts)
{
	return iom_open_with(dom, opts, &iom_sys_linux, iom_backends);
}

/*
 * In a forked child: only the descriptors are ours to close.  The rest may be half changed, by a thread
 * that exists in the parent only.
 */
static void forget(struct iom_domain *dom)
{
	struct iom_device *dev;

	for (dev = dom->devices; dev; dev = dev->next)
		dom->backend->ops->forget(dom->backend, &dev->base);
	if (dom->backend)
		dom->backend->ops->forget(dom->backend, NULL);
}

static void free_domain(struct iom_domain *dom)
{
	iom_aperture_free(&dom->apertures);
	iom_pool_destroy(&dom->pool);
	iom_radix_destroy(&dom->by_va);
	iom_radix_destroy(&dom->by_iova);
	dom->sys->free_pages(dom->sys->ctx, dom->ours, OURS_BYTES);
	pthread_cond_destroy(&dom->settled);
	pthread_mutex_destroy(&dom->table);
	pthread_rwlock_destroy(&dom->topology);
	free(dom->reasons);
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
	iom_error_keep(&kept);
	pthread_rwlock_wrlock(&dom->topology);
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
	pthread_rwlock_unlock(&dom->topology);
	free_domain(dom);
	iom_error_restore(&kept);
}

int iom_check_owner(const struct iom_domain *dom)
{
	if (iom_is_ours(dom))
		return 0;
	return iom_error(-EPERM, "this domain was opened by the parent process; a forked child opens "
				 "its own");
}

bool iom_kernel_has_maps(const struct iom_domain *dom)
{
	if (!dom->backend)
		return false;
	return dom->devices || (dom->backend->ops->caps & IOM_CAP_KEEPS_MAPS);
}

int iom_backend_map(struct iom_domain *dom, const struct iom_backend_map *map)
{
	__atomic_fetch_add(&dom->kernel_maps, 1, __ATOMIC_RELAXED);
	return dom->backend->ops->map(dom->backend, map);
}

int iom_backend_unmap(struct iom_domain *dom, uint64_t iova, uint64_t length)
{
	__atomic_fetch_add(&dom->kernel_unmaps, 1, __ATOMIC_RELAXED);
	return dom->backend->ops->unmap(dom->backend, iova, length);
}

struct iom_backend_map iom_span_map(const struct iom_span *span)
{
	return (struct iom_backend_map){
		.va = span->va,
		.iova = iom_span_iova(span),
		.length = iom_span_length(span),
		.flags = span->flags & IOM_MAP_RW,
	};
}
