// SPDX-License-Identifier: BSD-3-Clause
/* The IOVAs that all groups of a container can use together. */
#include "sim/internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int add(struct sim_ranges *ranges, uint64_t start, uint64_t last)
{
	struct sim_range *more;

	more = realloc(ranges->at, (ranges->n + 1) * sizeof(*more));
	if (!more)
		return -ENOMEM;
	more[ranges->n++] = (struct sim_range){ start, last };
	ranges->at = more;
	return 0;
}

int iom_sim_ranges_all(struct sim_ranges *ranges)
{
	return add(ranges, 0, UINT64_MAX);
}

static int each_resv(const struct sim_resv *resv, size_t n, iom_sim_hole_fn *hole, void *arg)
{
	size_t i;
	int ret = 0;

	for (i = 0; i < n && !ret; i++)
		if (strcmp(resv[i].type, "direct-relaxable"))
			ret = hole(arg, resv[i].range);
	return ret;
}

int iom_sim_ranges_each_hole(const struct iom_sim *sim, const struct sim_device *device,
			     iom_sim_hole_fn *hole, void *arg)
{
	int ret = each_resv(sim->platform->resv, sim->platform->n_resv, hole, arg);

	return ret ? ret : each_resv(device->resv, device->n_resv, hole, arg);
}

/* The same of a group, with the end of its addresses. */
static int each_hole(const struct iom_sim *sim, const struct sim_group *group,
		     iom_sim_hole_fn *hole, void *arg)
{
	const struct sim_device *device;
	uint64_t last = sim->last;
	bool first = true;
	int ret;

	ret = each_resv(sim->platform->resv, sim->platform->n_resv, hole, arg);
	for (device = sim->devices; device && !ret; device = device->next) {
		if (device->group != group || !device->known)
			continue;
		/* the width in front of a group is that in front of its first device */
		if (first)
			last = device->iommu_last;
		first = false;
		ret = each_resv(device->resv, device->n_resv, hole, arg);
	}
	if (!ret && last != UINT64_MAX)
		ret = hole(arg, (struct sim_range){ last + 1, UINT64_MAX });
	return ret;
}

int iom_sim_ranges_exclude(struct sim_ranges *ranges, struct sim_range hole)
{
	struct sim_ranges old = *ranges;
	size_t i;
	int ret = 0;

	*ranges = (struct sim_ranges){ NULL, 0 };
	for (i = 0; i < old.n && !ret; i++) {
		struct sim_range range = old.at[i];

		if (hole.start > range.last || hole.last < range.start) {
			ret = add(ranges, range.start, range.last);
			continue;
		}
		if (hole.start > range.start)
			ret = add(ranges, range.start, hole.start - 1);
		if (!ret && hole.last < range.last)
			ret = add(ranges, hole.last + 1, range.last);
	}
	free(old.at);
	return ret;
}

static int exclude(void *arg, struct sim_range hole)
{
	return iom_sim_ranges_exclude(arg, hole);
}

int iom_sim_ranges_compute(const struct iom_sim *sim, const struct sim_group *groups,
			   const struct sim_group *more, const struct sim_group *without,
			   struct sim_ranges *ranges)
{
	struct sim_ranges fresh = { NULL, 0 };
	const struct sim_group *group;
	int ret;

	ret = add(&fresh, 0, UINT64_MAX);
	for (group = groups; group && !ret; group = group->container_next)
		if (group != without)
			ret = each_hole(sim, group, exclude, &fresh);
	if (!ret && more)
		ret = each_hole(sim, more, exclude, &fresh);
	if (!ret && !fresh.n)
		ret = -EINVAL;
	if (ret) {
		free(fresh.at);
		return ret;
	}
	free(ranges->at);
	*ranges = fresh;
	return 0;
}

static int is_mapped(void *arg, struct sim_range hole)
{
	const struct sim_map *map = iom_sim_maps_from(arg, hole.start);

	return map && map->iova <= hole.last;
}

bool iom_sim_ranges_conflict(const struct iom_sim *sim, const struct sim_group *group,
			     struct sim_maps *maps)
{
	return each_hole(sim, group, is_mapped, maps);
}
