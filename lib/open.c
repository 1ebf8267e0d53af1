// SPDX-License-Identifier: BSD-3-Clause
#include "domain.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "error.h"
#include "options.h"

/* Wider than any address that mmap() gives out: 57 bits on x86, 52 on arm64 and POWER. */
#define VA_BITS 57

/* What the first release of struct iom_open_opts had. */
#define OPEN_OPTS_FIRST offsetof(struct iom_open_opts, flags)

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
	iom_error_set("%s is '%.64s', but there is no backend of that name; there is:", origin,
		      name);
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

static int read_granule(const struct iom_open_opts *opts, uint64_t *granule)
{
	uint64_t value = opts->unmap_granule;

	if (value & (value - 1) || (value && value < IOM_UNIT))
		return iom_error(-EINVAL,
				 "unmap_granule is 0x%" PRIx64
				 "; it is a power of two, 4096 or more, or 0",
				 value);
	*granule = value;
	return 0;
}

static int read_expected(const struct iom_open_opts *opts, struct iom_backend_plan *plan)
{
	uint64_t page = opts->expect_page;

	if (page & (page - 1) || (page && page < IOM_UNIT))
		return iom_error(-EINVAL,
				 "expect_page is 0x%" PRIx64
				 "; it is a power of two, 4096 or more, or 0",
				 page);
	plan->bytes = opts->expect_bytes;
	plan->page = page;
	return 0;
}

static int init_tables(struct iom_domain *dom)
{
	void *page;
	int ret;

	ret = dom->sys->alloc_pages(dom->sys->ctx, IOM_OURS_BYTES, &page);
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
	iom_pool_init(&dom->pool, sizeof(struct iom_span));
	return 0;

fail_by_va:
	iom_radix_destroy(&dom->by_va);
fail_page:
	dom->sys->free_pages(dom->sys->ctx, page, IOM_OURS_BYTES);
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
	iom_cache_init(&dom->cache);
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
	d->vmas = -1;
	ret = iom_log_init(&d->log, &opts);
	if (ret < 0)
		goto fail;
	ret = choose_forced(d, &opts);
	if (!ret)
		ret = read_granule(&opts, &d->granule);
	if (!ret)
		ret = read_expected(&opts, &d->expected);
	if (!ret)
		ret = iom_strict_init(d, &opts);
	if (!ret)
		ret = iom_history_init(d, &opts);
	if (!ret)
		ret = iom_adopt_init(d, opts.adopt);
	if (ret < 0)
		goto fail;
	ret = init_tables(d);
	if (ret < 0)
		goto fail;
	init_locks(d);
	*dom = d;
	return 0;

fail:
	iom_adopt_free(d);
	iom_history_free(d);
	free(d);
	return iom_error_prefix(ret, "open: ");
}
