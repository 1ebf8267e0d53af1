// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "binding.h"
#include "domain.h"
#include "error.h"
#include "memory.h"
#include "options.h"
#include "pieces.h"
#include "plan.h"
#include "request.h"
#include "topology.h"
#include "view.h"

/* What the first release of struct iom_attach_opts had. */
#define ATTACH_OPTS_FIRST offsetof(struct iom_attach_opts, flags)

/* Write down why a backend was taken or passed over; without memory, do without. */
static void note_reason(struct iom_domain *dom, const char *backend, const char *reason)
{
	char *text;

	iom_log(&dom->log, IOM_LOG_INFO, "backend %s: %s", backend, reason);
	if (asprintf(&text, "%s%s: %s\n", dom->reasons ? dom->reasons : "", backend, reason) < 0)
		return;
	free(dom->reasons);
	dom->reasons = text;
}

/* For iom_explain(): what the last attach had to say, if it failed. */
static void note_refusal(struct iom_domain *dom, int err, const char *address)
{
	free(dom->refusal);
	dom->refusal = NULL;
	if (err < 0)
		iom_log(&dom->log, IOM_LOG_INFO, "refused %s: %s", address, iom_errmsg());
	if (err < 0 && asprintf(&dom->refusal, "%s: %s", address, iom_errmsg()) < 0)
		dom->refusal = NULL;
}

static void destroy_backend(struct iom_backend *backend)
{
	backend->ops->destroy(backend);
	free(backend->priv);
	free(backend);
}

static struct iom_backend *create_backend(struct iom_domain *dom, const struct iom_backend_ops *ops)
{
	struct iom_backend *backend;

	backend = calloc(1, sizeof(*backend));
	if (!backend)
		return NULL;
	*backend = (struct iom_backend){ .ops = ops, .sys = dom->sys, .log = &dom->log };
	if (dom->adopted.on) {
		backend->adopted = &dom->adopted.fds;
		backend->shared = true;
	}
	if (ops->wants_aperture)
		backend->plan = iom_plan(dom->sys, &dom->expected);
	backend->priv = calloc(1, ops->priv_size);
	if (!backend->priv) {
		free(backend);
		return NULL;
	}
	return backend;
}

/* Map again what the kernel dropped with the last device. */
static int replay(struct iom_domain *dom)
{
	struct iom_span *span;
	bool left = false; /* of the one that failed: the kernel did not undo it */
	int ret;

	iom_space_for_each(&dom->space, span) {
		struct iom_backend_map map = iom_span_map(span);

		if (span->state != IOM_SPAN_MAPPED)
			continue;
		ret = iom_pieces_map(dom, &map, iom_span_cut(span), NULL, &left);
		if (ret < 0) {
			iom_error_set_prefix("mapping again what was at IOVA 0x%" PRIx64 ": ",
					     map.iova);
			goto undo;
		}
		span->backing_shift = 0; /* other memory may be at the same address now */
	}
	return 0;

undo:
	iom_kernel_forget_again(dom, left ? span->end : span->start);
	return ret;
}

/* Everything that follows the backend's attach and may yet refuse the device. */
static int settle(struct iom_domain *dom, struct iom_device *dev)
{
	const uint64_t granule = dom->granule;
	bool first = !dom->devices, replayed = false;
	struct iom_view view;
	int ret;

	dev->next = dom->devices;
	ret = iom_view_read(dom, dev, &view);
	if (ret < 0)
		return ret;
	if (view.reach < view.apertures.v[0].start + view.page_size - 1) {
		ret = iom_error(-ERANGE,
				"the device can drive IOVAs up to 0x%" PRIx64
				", but the first that can be mapped is 0x%" PRIx64,
				view.reach, view.apertures.v[0].start);
		goto fail;
	}
	ret = iom_view_check(dom, &view);
	if (ret < 0)
		goto fail;
	if (first) {
		ret = iom_memory_declare_all(dom);
		if (!ret)
			ret = replay(dom);
		replayed = !ret;
		if (!ret)
			ret = iom_requests_grant(dom, dev, &view);
		if (ret < 0)
			goto fail;
	}
	iom_view_raise_granule(dom, &view);
	ret = iom_view_commit(dom, &view);
	if (ret < 0) {
		iom_requests_revoke(dom);
		goto fail;
	}
	iom_requests_keep(dom);
	dom->devices = dev;
	__atomic_store_n(&dom->chosen, dom->backend->ops, __ATOMIC_RELAXED);
	return 0;

fail:
	if (replayed)
		iom_kernel_forget_again(dom, IOM_SPACE_END);
	dom->granule = granule;
	iom_view_free(&view);
	return ret;
}

/* The backend's attach, and all that may yet refuse the device after it. */
static int attach_to(struct iom_domain *dom, struct iom_backend *backend, struct iom_device *dev)
{
	int ret;

	ret = backend->ops->attach(backend, &dev->base);
	if (ret < 0)
		return ret;
	ret = settle(dom, dev);
	if (ret < 0)
		backend->ops->detach(backend, &dev->base);
	else
		iom_view_widen_as_expected(dom);
	return ret;
}

static int attach_by(struct iom_domain *dom, const struct iom_backend_ops *ops,
		     struct iom_device *dev)
{
	int ret;

	dom->backend = create_backend(dom, ops);
	if (!dom->backend)
		return iom_error(-ENOMEM, "no memory for the %s backend", ops->name);
	ret = attach_to(dom, dom->backend, dev);
	if (ret < 0) {
		destroy_backend(dom->backend);
		dom->backend = NULL;
	}
	return ret;
}

/* A sentence of all the reasons, which are lines. */
static void none_works(const struct iom_domain *dom)
{
	const char *line, *end;

	iom_error_set("no backend works here");
	for (line = dom->reasons; line && (end = strchr(line, '\n')); line = end + 1)
		iom_error_append("; %.*s", (int)(end - line), line);
}

/* Why a backend is not even tried, or NULL. */
static const char *why_not(const struct iom_domain *dom, const struct iom_backend_ops *ops,
			   bool taken)
{
	if (dom->forced && dom->forced != ops)
		return "passed over: another backend was asked for";
	return taken ? "not tried" : NULL;
}

/*
 * Try the backends in order of preference, or the one that was forced.  The error is that of the
 * first that could work here but refused; if none could, the reasons of all.
 */
static int attach_by_choice(struct iom_domain *dom, struct iom_device *dev)
{
	const char *good = dom->forced ? "taken, as asked for" : "taken, as the best that works";
	struct iom_kept_error kept;
	int ret, first = -EOPNOTSUPP;
	bool taken = false;
	size_t i;

	free(dom->reasons);
	dom->reasons = NULL;
	for (i = 0; dom->backends[i]; i++) {
		const struct iom_backend_ops *ops = dom->backends[i];
		const char *reason = why_not(dom, ops, taken);

		if (reason) {
			note_reason(dom, ops->name, reason);
			continue;
		}
		ret = attach_by(dom, ops, dev);
		taken = !ret;
		note_reason(dom, ops->name, taken ? good : iom_errmsg());
		if (!taken && first == -EOPNOTSUPP && ret != -EOPNOTSUPP) {
			first = ret;
			iom_error_keep(&kept);
		}
	}
	if (taken)
		return 0;
	if (first != -EOPNOTSUPP)
		iom_error_restore(&kept);
	else if (!dom->forced)
		none_works(dom);
	return first;
}

static int attach(struct iom_domain *dom, struct iom_device *dev)
{
	struct iom_device *other;
	int ret;

	for (other = dom->devices; other; other = other->next)
		if (!strcmp(other->base.address, dev->base.address))
			return iom_error(-EBUSY, "it is attached to this domain already");
	ret = iom_sysfs_device_exists(dom->sys, dev->base.address);
	if (!ret)
		ret = iom_sysfs_group(dom->sys, dev->base.address, &dev->base.group);
	if (!ret)
		ret = iom_binding_check(dom->sys, dev->base.address);
	if (ret < 0)
		return ret;
	if (!dom->devices)
		iom_view_forget_narrow(dom);
	if (dom->backend) {
		dom->backend->replays = !dom->devices &&
					(dom->mappings || iom_requests_granted(dom));
		return attach_to(dom, dom->backend, dev);
	}
	return attach_by_choice(dom, dev);
}

static int read_reach(const struct iom_attach_opts *opts, uint64_t *reach)
{
	uint64_t bits = opts->dma_bits ? opts->dma_bits : 64;

	if (bits < IOM_UNIT_SHIFT || bits > 64)
		return iom_error(-EINVAL, "dma_bits is %" PRIu64 "; it is 12 to 64, or 0 for 64",
				 bits);
	*reach = UINT64_MAX >> (64 - bits);
	return 0;
}

/* A descriptor of the device that somebody else has opened. */
static int borrow(const struct iom_domain *dom, const struct iom_attach_opts *opts,
		  struct iom_backend_device *dev)
{
	if (opts->flags & ~(uint64_t)IOM_ATTACH_FD)
		return iom_error(-EINVAL, "unknown flags 0x%" PRIx64,
				 opts->flags & ~(uint64_t)IOM_ATTACH_FD);
	if (!opts->flags) {
		if (opts->fd)
			return iom_error(-EINVAL, "opts.fd is set, but IOM_ATTACH_FD is not");
		return 0;
	}
	if (opts->fd < 0 || opts->fd > INT_MAX)
		return iom_error(-EINVAL, "opts.fd is %" PRId64 ", no descriptor", opts->fd);
	if (!dom->adopted.on)
		return iom_error(-EINVAL, "a device that somebody else has opened translates "
					  "through his address space: adopt that "
					  "(iom_open_opts.adopt)");
	dev->fd = (int)opts->fd;
	dev->borrowed = true;
	return 0;
}

int iom_attach(struct iom_domain *dom, const char *address, const struct iom_attach_opts *callers,
	       struct iom_device **dev)
{
	struct iom_kept_error kept;
	struct iom_attach_opts opts;
	struct iom_device *d;
	int ret;

	iom_error_keep(&kept);
	ret = iom_check_owner(dom);
	if (!ret)
		ret = iom_options_read(&opts, sizeof(opts), ATTACH_OPTS_FIRST, callers,
				       "iom_attach_opts");
	if (ret < 0)
		return iom_error_prefix(ret, "attach %.32s: ", address);

	d = calloc(1, sizeof(*d));
	if (!d)
		return iom_error(-ENOMEM, "attach %.32s: no memory for a device", address);
	d->domain = dom;
	d->base.fd = -1;
	ret = iom_pci_address(address, d->base.address);
	if (!ret)
		ret = read_reach(&opts, &d->reach);
	if (!ret)
		ret = borrow(dom, &opts, &d->base);
	if (!ret) {
		iom_topology_hold(dom);
		(void)iom_cache_trim(dom);
		ret = attach(dom, d);
		note_refusal(dom, ret, address);
		iom_topology_let_go(dom);
	}
	if (ret < 0) {
		free(d);
		return iom_error_prefix(ret, "attach %.32s: ", address);
	}
	iom_log(&dom->log, IOM_LOG_INFO, "attached %s (group %u) by %s", d->base.address,
		d->base.group, iom_backend(dom));
	iom_error_restore(&kept);
	*dev = d;
	return 0;
}

/* The apertures may have grown; if they cannot be read, the old ones are still right, only narrower. */
static void widen(struct iom_domain *dom)
{
	struct iom_view view;
	int ret;

	ret = iom_view_read(dom, dom->devices, &view);
	if (!ret) {
		ret = iom_view_check(dom, &view);
		if (!ret)
			ret = iom_view_commit(dom, &view);
		if (!ret)
			iom_view_raise_granule(dom, &view);
		if (!ret)
			return;
		iom_view_free(&view);
	}
	iom_log(&dom->log, IOM_LOG_WARN, "after a detach the apertures stay as they were: %s",
		iom_errmsg());
}

void iom_detach(struct iom_device *dev)
{
	struct iom_kept_error kept;
	struct iom_device **link;
	struct iom_domain *dom;

	if (!dev || !iom_is_ours(dev->domain))
		return;
	dom = dev->domain;
	iom_error_keep(&kept);
	iom_topology_hold(dom);
	dom->backend->ops->close_device(dom->backend, &dev->base);
	if (dom->devices == dev && !dev->next)
		iom_kernel_forget(dom);
	dom->backend->ops->detach(dom->backend, &dev->base);
	for (link = &dom->devices; *link != dev; link = &(*link)->next)
		;
	*link = dev->next;
	if (dom->devices)
		widen(dom);
	else
		__atomic_store_n(&dom->page_size, 0, __ATOMIC_RELAXED);
	iom_topology_let_go(dom);
	iom_log(&dom->log, IOM_LOG_INFO, "detached %s", dev->base.address);
	free(dev);
	iom_error_restore(&kept);
}

int iom_device_fd(const struct iom_device *dev)
{
	int ret = iom_check_owner(dev->domain);

	return ret < 0 ? ret : dev->base.fd;
}

const char *iom_device_address(const struct iom_device *dev)
{
	return dev->base.address;
}
