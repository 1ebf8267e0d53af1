// SPDX-License-Identifier: BSD-3-Clause
#include "adopt.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>

#include "domain.h"
#include "error.h"
#include "options.h"
#include "topology.h"

#define ADOPT_OPTS_FIRST sizeof(struct iom_adopt_opts)
#define FDS_FIRST sizeof(struct iom_fds)

/* As many ranges are believed to be meant. */
#define RANGES_MOST 4096u

/* What is avoided behind the first clash of a map; it doubles with each. */
#define STEP ((UINT64_C(2) << 20) >> IOM_UNIT_SHIFT)

/* ---- What the caller says -------------------------------------------------------------------- */

static int read_range(struct iom_adopted *adopted, const struct iom_iova_range *range)
{
	const struct iom_aperture_set *set = &adopted->ranges;
	size_t i;

	if (range->last < range->start)
		return iom_error(-EINVAL,
				 "the range of IOVAs 0x%" PRIx64 " to 0x%" PRIx64
				 " ends before it begins",
				 range->start, range->last);
	for (i = 0; i < set->n; i++)
		if (range->start <= set->v[i].last && range->last >= set->v[i].start)
			return iom_error(-EINVAL,
					 "the ranges of IOVAs 0x%" PRIx64 " to 0x%" PRIx64
					 " and 0x%" PRIx64 " to 0x%" PRIx64 " overlap",
					 set->v[i].start, set->v[i].last, range->start,
					 range->last);
	return iom_aperture_add(&adopted->ranges, range->start, range->last, IOM_UNIT, 0);
}

static int read_ranges(struct iom_adopted *adopted, const struct iom_adopt_opts *opts)
{
	uint64_t i;
	int ret = 0;

	if (!opts->ranges != !opts->n_ranges || opts->n_ranges > RANGES_MOST)
		return iom_error(-EINVAL,
				 "iom_adopt_opts.n_ranges is %" PRIu64
				 "; it is how many ranges there are, at most %u, and 0 without any",
				 opts->n_ranges, RANGES_MOST);
	for (i = 0; i < opts->n_ranges && !ret; i++)
		ret = read_range(adopted, &opts->ranges[i]);
	return ret;
}

int iom_adopt_init(struct iom_domain *dom, const struct iom_adopt_opts *callers)
{
	struct iom_adopted *adopted = &dom->adopted;
	struct iom_adopt_opts opts;
	int ret;

	if (!callers)
		return 0;
	ret = iom_options_read(&opts, sizeof(opts), ADOPT_OPTS_FIRST, callers, "iom_adopt_opts");
	if (ret < 0)
		return ret;
	if (opts.fd < 0 || opts.fd > INT_MAX)
		return iom_error(-EINVAL, "iom_adopt_opts.fd is %" PRId64 ", no descriptor",
				 opts.fd);
	if (opts.ioas > UINT32_MAX)
		return iom_error(-EINVAL, "iom_adopt_opts.ioas is %" PRIu64 ", more than an id has",
				 opts.ioas);
	adopted->on = true;
	adopted->fds = (struct iom_backend_adopted){ (int)opts.fd, (uint32_t)opts.ioas };
	return read_ranges(adopted, &opts);
}

void iom_adopt_free(struct iom_domain *dom)
{
	iom_aperture_free(&dom->adopted.ranges);
}

int iom_adopt_limit(const struct iom_domain *dom, struct iom_aperture_set *set)
{
	const struct iom_aperture_set *ours = &dom->adopted.ranges;
	struct iom_aperture_set part = { 0 };
	size_t i, j;
	int ret = 0;

	if (!ours->n)
		return 0;
	for (i = 0; i < set->n; i++) {
		for (j = 0; j < ours->n && !ret; j++) {
			struct iom_aperture a = set->v[i];

			if (ours->v[j].start > a.start)
				a.start = ours->v[j].start;
			if (ours->v[j].last < a.last)
				a.last = ours->v[j].last;
			if (a.start <= a.last)
				ret = iom_aperture_add(&part, a.start, a.last, a.page_sizes,
						       a.flags);
		}
	}
	if (!ret)
		ret = iom_aperture_normalize(&part);
	if (!ret && !part.n)
		ret = iom_error(-ERANGE,
				"none of the IOVAs in iom_adopt_opts.ranges can be mapped");
	if (ret < 0) {
		iom_aperture_free(&part);
		return ret;
	}
	iom_aperture_free(set);
	*set = part;
	return 0;
}

/* ---- What others have mapped ----------------------------------------------------------------- */

int iom_adopt_avoid(struct iom_domain *dom, uint64_t start, uint64_t count, unsigned int tries)
{
	const struct iom_span *next;
	uint64_t end = start + count;
	struct iom_span *hole;

	if (iom_spans_reserve(dom, 1) < 0)
		return iom_error(-ENOMEM, "no memory for a mapping");
	if (end < start + (STEP << tries))
		end = start + (STEP << tries);
	next = iom_space_at(&dom->space, start);
	if (end > next->start)
		end = next->start;
	hole = iom_pool_take(&dom->pool);
	*hole = (struct iom_span){
		.start = start,
		.end = end,
		.state = IOM_SPAN_HOLE,
		.foreign = true,
	};
	iom_space_insert(&dom->space, hole);
	iom_log(&dom->log, IOM_LOG_DEBUG,
		"somebody else has mapped something at IOVA 0x%" PRIx64 " + 0x%" PRIx64
		": nothing is mapped up to 0x%" PRIx64,
		start << IOM_UNIT_SHIFT, count << IOM_UNIT_SHIFT, end << IOM_UNIT_SHIFT);
	return 0;
}

bool iom_adopt_forget(struct iom_domain *dom, uint64_t start, uint64_t end)
{
	struct iom_span *span = iom_space_at(&dom->space, start);
	bool any = false;

	while (span->start < end && span->start < IOM_SPACE_END) {
		uint64_t next = span->end;

		if (span->foreign) {
			iom_space_remove(&dom->space, span);
			iom_pool_give(&dom->pool, span);
			any = true;
		}
		span = iom_space_at(&dom->space, next);
	}
	return any;
}

/* ---- What we give to others ------------------------------------------------------------------ */

/* From now on what the kernel has mapped is not all ours.  topology is held for writing. */
static int share(struct iom_domain *dom, const struct iom_device *dev, struct iom_backend_fds *fds)
{
	const struct iom_device *other;
	int ret;

	if (!dom->devices)
		return iom_error(-ENODEV, "no device is attached, so there are none yet");
	for (other = dom->devices; dev && other != dev; other = other->next)
		if (!other)
			return iom_error(-EINVAL, "the device is not attached to this domain");
	ret = dom->backend->ops->fds(dom->backend, dev ? &dev->base : NULL, fds);
	if (ret < 0)
		return ret;
	dom->backend->shared = true;
	dom->is_plain = false;
	return 0;
}

int iom_domain_fds(struct iom_domain *dom, const struct iom_device *dev, struct iom_fds *fds)
{
	struct iom_backend_fds found = { .container = -1, .group = -1, .iommufd = -1 };
	struct iom_fds ours;
	int ret;

	ret = iom_check_owner(dom);
	if (!ret)
		ret = iom_options_check(fds, FDS_FIRST, "iom_fds");
	if (!ret) {
		iom_topology_hold(dom);
		ret = share(dom, dev, &found);
		iom_topology_let_go(dom);
	}
	if (ret < 0)
		return iom_error_prefix(ret, "descriptors: ");
	ours = (struct iom_fds){
		.container = found.container,
		.group = found.group,
		.iommufd = found.iommufd,
		.ioas = found.ioas,
	};
	iom_options_fill(fds, &ours, sizeof(ours));
	return 0;
}
