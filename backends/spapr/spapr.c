// SPDX-License-Identifier: BSD-3-Clause
#include "spapr.h"

#include <errno.h>
#include <inttypes.h>

#include "lib/error.h"

static const struct iom_window *window_at(const struct iom_spapr *s, uint64_t iova)
{
	size_t i;

	for (i = 0; i < IOM_SPAPR_WINDOWS; i++)
		if (iova - s->slots[i].window.start < s->slots[i].window.size)
			return &s->slots[i].window;
	return NULL;
}

/* ---- Mapping in one container, and in all ----------------------------------------------------- */

static int unmap_one(const struct iom_backend *backend, struct iom_spapr_container *c,
		     const struct iom_backend_map *map)
{
	const struct iom_spapr *s = backend->priv;
	int ret;

	ret = iom_spapr_unmap(backend->sys, c, window_at(s, map->iova), map->iova, map->length);
	if (ret < 0)
		return ret;
	return iom_slabs_release(&c->owner, map->va, map->length, map->backing);
}

int iom_spapr_map_one(const struct iom_backend *backend, struct iom_spapr_container *c,
		      const struct iom_backend_map *map, bool *left)
{
	const struct iom_spapr *s = backend->priv;
	const struct iom_window *window = window_at(s, map->iova);
	struct iom_kept_error kept;
	bool ours = false;
	int ret;

	if (!window)
		return iom_error(-EIO, "no DMA window has IOVA 0x%" PRIx64, map->iova);
	ret = iom_slabs_use(&c->owner, map->va, map->length, map->backing);
	if (ret < 0)
		return ret;
	ret = iom_spapr_map(backend->sys, c, window, map, &ours);
	if (!ret)
		return 0;
	iom_error_keep(&kept);
	if (!ours)
		ours = iom_slabs_release(&c->owner, map->va, map->length, map->backing) < 0;
	iom_error_restore(&kept);
	*left |= ours;
	return ret;
}

static int map_each(const struct iom_backend *backend, const struct iom_backend_map *map,
		    bool *left)
{
	const struct iom_spapr *s = backend->priv;
	struct iom_spapr_container *c, *done;
	struct iom_kept_error kept;
	int ret = 0;

	for (c = s->containers; c; c = c->next) {
		ret = iom_spapr_map_one(backend, c, map, left);
		if (ret < 0)
			break;
	}
	if (!ret)
		return 0;
	iom_error_keep(&kept);
	for (done = s->containers; done != c; done = done->next)
		*left |= unmap_one(backend, done, map) < 0;
	iom_error_restore(&kept);
	return *left ? -EIO : ret;
}

int iom_spapr_map_all(struct iom_backend *backend, const struct iom_backend_map *map, bool *left)
{
	struct iom_spapr *s = backend->priv;
	uint64_t last = map->iova + map->length - 1;
	int ret;

	ret = iom_records_add(&s->records, map);
	if (ret < 0)
		return ret;
	ret = map_each(backend, map, left);
	if (ret < 0 && *left)
		iom_records_break(&s->records, map->iova, last);
	else if (ret < 0)
		iom_records_remove(&s->records, map->iova, last);
	return ret;
}

/* One call; then registrations end, when no TCE of the container leads to them. */
static int unmap_in(const struct iom_backend *backend, struct iom_spapr_container *c, uint64_t iova,
		    uint64_t last)
{
	struct iom_spapr *s = backend->priv;
	struct iom_record record;
	uint64_t at = iova;
	int ret;

	ret = iom_spapr_unmap(backend->sys, c, window_at(s, iova), iova, last - iova + 1);
	while (!ret && at - 1 != last && iom_records_next(&s->records, at, last, &record)) {
		const struct iom_backend_map *map = &record.map;

		if (!record.broken)
			ret = iom_slabs_release(&c->owner, map->va, map->length, map->backing);
		at = map->iova + map->length;
	}
	return ret;
}

int iom_spapr_unmap_all(struct iom_backend *backend, uint64_t iova, uint64_t length)
{
	struct iom_spapr *s = backend->priv;
	uint64_t last = iova + length - 1;
	struct iom_spapr_container *c;
	int ret = 0;

	for (c = s->containers; c; c = c->next)
		if (unmap_in(backend, c, iova, last) < 0)
			ret = -EIO;
	if (ret < 0)
		iom_records_break(&s->records, iova, last);
	else
		iom_records_remove(&s->records, iova, last);
	return ret;
}

/* A call for all would make a hypervisor call for each entry of the windows, mapped or not. */
bool iom_spapr_can_unmap_all(const struct iom_backend *backend)
{
	(void)backend;
	return false;
}

void iom_spapr_entries(const struct iom_backend *backend, uint64_t *limit, uint64_t *used)
{
	(void)backend;
	*limit = UINT64_MAX;
	if (used)
		*used = UINT64_MAX;
}
