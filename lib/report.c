// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <inttypes.h>

#include "domain.h"
#include "error.h"
#include "options.h"
#include "request.h"
#include "text.h"

#define COUNTERS_FIRST sizeof(struct iom_counters)

const char *iom_backend(const struct iom_domain *dom)
{
	const struct iom_backend_ops *chosen = __atomic_load_n(&dom->chosen, __ATOMIC_RELAXED);

	return chosen ? chosen->name : NULL;
}

uint64_t iom_page_size(const struct iom_domain *dom)
{
	return __atomic_load_n(&dom->page_size, __ATOMIC_RELAXED);
}

int iom_apertures(const struct iom_domain *dom, struct iom_aperture *apertures, size_t n)
{
	int ret;
	size_t i;

	ret = iom_check_owner(dom);
	if (ret < 0)
		return iom_error_prefix(ret, "apertures: ");
	pthread_rwlock_rdlock(&iom_lockable(dom)->topology);
	if (dom->devices) {
		for (i = 0; i < n && i < dom->apertures.n; i++)
			apertures[i] = dom->apertures.v[i];
		ret = (int)dom->apertures.n;
	} else {
		ret = iom_error(-ENODEV, "apertures: no device is attached, so they are not known");
	}
	pthread_rwlock_unlock(&iom_lockable(dom)->topology);
	return ret;
}

/* Reading may fail, and then says so in its numbers, not in a sentence. */
static void read_entries(const struct iom_domain *dom, uint64_t *limit, uint64_t *used)
{
	struct iom_kept_error kept;

	if (!dom->backend)
		return;
	iom_error_keep(&kept);
	dom->backend->ops->entries(dom->backend, limit, used);
	iom_error_restore(&kept);
}

static void read_counters(struct iom_domain *dom, struct iom_counters *counters)
{
	*counters = (struct iom_counters){ .entry_limit = UINT64_MAX };
	pthread_rwlock_rdlock(&dom->topology);
	pthread_mutex_lock(&dom->table);
	counters->mappings = dom->mappings;
	counters->mapped_bytes = dom->mapped_bytes;
	counters->quarantined_bytes = dom->quarantined_bytes;
	pthread_mutex_unlock(&dom->table);
	read_entries(dom, &counters->entry_limit, &counters->entries_used);
	pthread_rwlock_unlock(&dom->topology);
	counters->kernel_maps = __atomic_load_n(&dom->kernel_maps, __ATOMIC_RELAXED);
	counters->kernel_unmaps = __atomic_load_n(&dom->kernel_unmaps, __ATOMIC_RELAXED);
}

int iom_read_counters(const struct iom_domain *dom, struct iom_counters *counters)
{
	struct iom_counters ours;
	int ret;

	ret = iom_check_owner(dom);
	if (!ret)
		ret = iom_options_check(counters, COUNTERS_FIRST, "iom_counters");
	if (ret < 0)
		return iom_error_prefix(ret, "counters: ");
	read_counters(iom_lockable(dom), &ours);
	iom_options_fill(counters, &ours, sizeof(ours));
	return 0;
}

static void add_limits(struct iom_text *text, const struct iom_domain *dom)
{
	uint64_t limit = UINT64_MAX, used = 0;
	size_t i;

	for (i = 0; i < dom->apertures.n; i++) {
		const struct iom_aperture *a = &dom->apertures.v[i];

		iom_text_add(text, "aperture: 0x%" PRIx64 " to 0x%" PRIx64 ", pages of ", a->start,
			     a->last);
		iom_text_add_page_sizes(text, a->page_sizes);
		if (a->flags & IOM_APERTURE_LARGER_PAGES)
			iom_text_add(text, " or larger");
		if (a->flags & IOM_APERTURE_REQUESTED)
			iom_text_add(text, a->flags & IOM_APERTURE_AUTO
						   ? ", requested, automatic IOVAs too"
						   : ", requested");
		iom_text_add(text, "\n");
	}
	if (dom->narrow)
		iom_text_add(text, "no further aperture: %s\n", dom->narrow);
	if (dom->reach != UINT64_MAX)
		iom_text_add(text, "reach: the narrowest device drives IOVAs up to 0x%" PRIx64 "\n",
			     dom->reach);
	read_entries(dom, &limit, &used);
	if (limit != UINT64_MAX && used != UINT64_MAX)
		iom_text_add(text, "entries: %" PRIu64 " of %" PRIu64 " kernel mappings in use\n",
			     used, limit);
	else if (limit != UINT64_MAX)
		iom_text_add(text, "entries: at most %" PRIu64 " kernel mappings\n", limit);
}

static void add_requests(struct iom_text *text, const struct iom_domain *dom)
{
	const struct iom_request *rq;

	for (rq = dom->requests; rq; rq = rq->next) {
		if (rq->granted)
			continue;
		iom_text_add(text, "requested, for an attach to answer: ");
		if (rq->room.anywhere)
			iom_text_add(text, "0x%" PRIx64 " bytes anywhere\n", rq->room.length);
		else
			iom_text_add(text, "0x%" PRIx64 " to 0x%" PRIx64 "\n", rq->room.start,
				     rq->room.start + rq->room.length - 1);
	}
}

static void add_quarantine(struct iom_text *text, struct iom_domain *dom)
{
	uint64_t bytes;

	pthread_mutex_lock(&dom->table);
	bytes = dom->quarantined_bytes;
	pthread_mutex_unlock(&dom->table);
	if (bytes)
		iom_text_add(text,
			     "quarantined: 0x%" PRIx64 " bytes of IOVAs, which the kernel did not "
			     "unmap as it should; the device may still reach what was there\n",
			     bytes);
}

int iom_explain(const struct iom_domain *dom, char *buf, size_t n)
{
	struct iom_text text = { .buf = buf, .n = n };
	int ret;

	ret = iom_check_owner(dom);
	if (ret < 0)
		return iom_error_prefix(ret, "explain: ");
	if (n)
		buf[0] = '\0';
	pthread_rwlock_rdlock(&iom_lockable(dom)->topology);
	if (dom->reasons)
		iom_text_add(&text, "%s", dom->reasons);
	if (dom->refusal)
		iom_text_add(&text, "refused: %s\n", dom->refusal);
	add_requests(&text, dom);
	if (dom->devices)
		add_limits(&text, dom);
	add_quarantine(&text, iom_lockable(dom));
	pthread_rwlock_unlock(&iom_lockable(dom)->topology);
	return (int)text.length;
}
