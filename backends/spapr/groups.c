// SPDX-License-Identifier: BSD-3-Clause
/* The groups of a domain, each in a container of its own; one that joins later is made like them. */
#include <errno.h>
#include <inttypes.h>

#include "lib/error.h"
#include "spapr.h"

static struct iom_spapr_container **link_of(struct iom_spapr *s, unsigned int group)
{
	struct iom_spapr_container **link;

	for (link = &s->containers; *link && (*link)->vfio.groups->number != group;
	     link = &(*link)->next)
		;
	return link;
}

struct iom_spapr_container *iom_spapr_container_of(const struct iom_spapr *s, unsigned int group)
{
	struct iom_spapr_container *c = s->containers;

	while (c->vfio.groups->number != group)
		c = c->next;
	return c;
}

/* Give a container that joins later the windows and mappings of the others. */
static int catch_up(struct iom_backend *backend, struct iom_spapr_container *c)
{
	struct iom_spapr *s = backend->priv;
	struct iom_record record;
	bool left = false;
	uint64_t at, start;
	int ret = 0;
	size_t i;

	if (!iom_same_window(&c->info.first, &s->info.first))
		return iom_error(-ERANGE,
				 "its default DMA window is 0x%" PRIx64 " + 0x%" PRIx64
				 ", that of the domain 0x%" PRIx64 " + 0x%" PRIx64,
				 c->info.first.start, c->info.first.size, s->info.first.start,
				 s->info.first.size);
	for (i = 0; i < IOM_SPAPR_WINDOWS && !ret; i++) {
		const struct iom_spapr_slot from = iom_spapr_empty_slot(s, i);

		if (!s->slots[i].made)
			continue;
		ret = iom_spapr_change_in(backend, c, &from, &s->slots[i], &start);
		if (!ret && start != s->slots[i].window.start)
			ret = iom_error(-ERANGE,
					"its DMA window begins at 0x%" PRIx64
					", that of the domain elsewhere",
					start);
	}
	if (!ret)
		ret = iom_spapr_declare_in(s, c);
	for (at = 0; !ret && iom_records_next(&s->records, at, UINT64_MAX, &record);
	     at = record.map.iova + record.map.length)
		if (!record.broken)
			ret = iom_spapr_map_one(backend, c, &record.map, &left);
	return ret;
}

static int start(struct iom_backend *backend, const struct iom_spapr_policy *policy)
{
	struct iom_spapr *s = backend->priv;
	int ret;

	if (s->policy)
		return 0;
	ret = policy->check_machine(backend->sys);
	if (ret < 0)
		return ret;
	if (backend->adopted)
		return iom_error(-EOPNOTSUPP,
				 "the kernel does not tell which DMA windows a container "
				 "has: on POWER none can be adopted");
	iom_records_init(&s->records);
	s->policy = policy;
	return 0;
}

/* The first group, with nothing to be mapped again that would need the windows of before. */
static void begin(struct iom_spapr *s, const struct iom_spapr_container *c)
{
	const uint64_t second = c->vfio.groups->number == s->second_group ? s->info.second : 0;
	size_t i;

	s->info = c->info;
	s->info.second = second;
	for (i = 0; i < IOM_SPAPR_WINDOWS; i++)
		s->slots[i] = iom_spapr_empty_slot(s, i);
	s->refused = (struct iom_backend_wish){ 0 };
}

static void close_container(struct iom_backend *backend, struct iom_spapr_container **link)
{
	struct iom_spapr_container *c = *link;

	*link = c->next;
	iom_spapr_container_close(backend, c);
}

int iom_spapr_attach(struct iom_backend *backend, struct iom_backend_device *dev,
		     const struct iom_spapr_policy *policy)
{
	struct iom_spapr *s = backend->priv;
	struct iom_spapr_container **link, *c;
	int ret;

	ret = start(backend, policy);
	if (ret < 0)
		return ret;
	link = link_of(s, dev->group);
	if (*link)
		return iom_spapr_container_add(backend, *link, dev);
	ret = iom_spapr_container_open(backend, dev, &c);
	if (ret < 0)
		return ret;
	if (!s->containers && !(iom_spapr_has_made(s) && backend->replays)) {
		begin(s, c);
	} else {
		ret = catch_up(backend, c);
	}
	if (ret < 0) {
		iom_vfio_detach(backend, &c->vfio, dev);
		iom_spapr_container_close(backend, c);
		return ret;
	}
	c->next = s->containers;
	s->containers = c;
	return 0;
}

void iom_spapr_detach(struct iom_backend *backend, struct iom_backend_device *dev)
{
	struct iom_spapr *s = backend->priv;
	struct iom_spapr_container **link = link_of(s, dev->group);

	iom_vfio_detach(backend, &(*link)->vfio, dev);
	/* the kernel has the default window again, and no other: the next attach makes them anew */
	if (!(*link)->vfio.groups)
		close_container(backend, link);
	if (!s->containers) {
		iom_records_remove(&s->records, 0, UINT64_MAX);
		iom_spapr_forget_declared(s);
	}
}

int iom_spapr_fds(const struct iom_backend *backend, const struct iom_backend_device *dev,
		  struct iom_backend_fds *fds)
{
	const struct iom_spapr *s = backend->priv;

	if (!dev)
		return iom_error(-EINVAL, "on POWER each group has a container of its own: say of "
					  "which device");
	return iom_vfio_fds(&iom_spapr_container_of(s, dev->group)->vfio, dev, fds);
}

void iom_spapr_destroy(struct iom_backend *backend)
{
	struct iom_spapr *s = backend->priv;

	if (s->policy)
		iom_records_destroy(&s->records);
	iom_aperture_free(&s->held);
	s->policy = NULL;
}

void iom_spapr_forget(struct iom_backend *backend, struct iom_backend_device *dev)
{
	struct iom_spapr *s = backend->priv;
	struct iom_spapr_container *c;

	if (dev)
		iom_vfio_close_device(backend, dev);
	for (c = s->containers; c && !dev; c = c->next)
		iom_vfio_forget(backend, &c->vfio, NULL);
}
