// SPDX-License-Identifier: BSD-3-Clause
/*
 * An IOAS: what of its addresses is reserved, allowed, aligned how, and the page tables that serve
 * it.  drivers/iommu/iommufd/io_pagetable.c.
 */
#include "sim/iommufd.h"

#include <errno.h>
#include <stdlib.h>

#include "backends/uapi/iommufd.h"

struct sim_ioas *iom_sim_ioas_new(struct sim_iommufd *iommufd)
{
	struct sim_ioas *ioas = calloc(1, sizeof(*ioas));

	if (ioas)
		iom_sim_object_add(iommufd, &ioas->object, SIM_IOAS);
	return ioas;
}

void iom_sim_ioas_free(struct iom_sim *sim, struct sim_iommufd *iommufd, struct sim_ioas *ioas)
{
	uint64_t unmapped;

	iom_sim_area_unmap(sim, ioas, 0, UINT64_MAX, &unmapped);
	iom_sim_object_remove(iommufd, &ioas->object);
	if (iommufd->compat == ioas)
		iommufd->compat = NULL;
	free(ioas->reserved);
	free(ioas->allowed.at);
	free(ioas);
}

/* ---- Reserved and allowed addresses --------------------------------------------------------- */

static bool is_reserved(const struct sim_ioas *ioas, struct sim_range range)
{
	size_t i;

	for (i = 0; i < ioas->n_reserved; i++)
		if (range.start <= ioas->reserved[i].range.last &&
		    range.last >= ioas->reserved[i].range.start)
			return true;
	return false;
}

static bool overlaps(const struct sim_ranges *ranges, struct sim_range range)
{
	size_t i;

	for (i = 0; i < ranges->n; i++)
		if (range.start <= ranges->at[i].last && range.last >= ranges->at[i].start)
			return true;
	return false;
}

int iom_sim_ioas_reserve(struct sim_ioas *ioas, struct sim_range range, const void *owner)
{
	const struct sim_map *area = iom_sim_maps_from(&ioas->areas, range.start);
	struct sim_reserved *more;

	if ((area && area->iova <= range.last) || overlaps(&ioas->allowed, range))
		return -EADDRINUSE;
	more = realloc(ioas->reserved, (ioas->n_reserved + 1) * sizeof(*more));
	if (!more)
		return -ENOMEM;
	more[ioas->n_reserved++] = (struct sim_reserved){ range, owner };
	ioas->reserved = more;
	return 0;
}

void iom_sim_ioas_unreserve(struct sim_ioas *ioas, const void *owner)
{
	size_t i, kept = 0;

	for (i = 0; i < ioas->n_reserved; i++)
		if (ioas->reserved[i].owner != owner)
			ioas->reserved[kept++] = ioas->reserved[i];
	ioas->n_reserved = kept;
}

int iom_sim_ioas_ranges(const struct sim_ioas *ioas, struct sim_ranges *ranges)
{
	struct sim_ranges fresh = { NULL, 0 };
	size_t i;
	int ret;

	ret = iom_sim_ranges_all(&fresh);
	for (i = 0; i < ioas->n_reserved && !ret; i++)
		ret = iom_sim_ranges_exclude(&fresh, ioas->reserved[i].range);
	if (ret) {
		free(fresh.at);
		return ret;
	}
	free(ranges->at);
	*ranges = fresh;
	return 0;
}

static int by_start(const void *a, const void *b)
{
	const struct sim_range *first = a, *second = b;

	return (first->start > second->start) - (first->start < second->start);
}

/* The caller's array, checked and in order. */
static int read_ranges(const void *from, uint32_t n, struct sim_ranges *ranges)
{
	uint32_t i;
	int ret;

	ranges->at = calloc(n ? n : 1, sizeof(*ranges->at));
	if (!ranges->at)
		return -ENOMEM;
	for (i = 0; i < n; i++) {
		struct sim_range range;

		ret = iom_sim_copy_in(&range, (const struct sim_range *)from + i, sizeof(range));
		if (ret)
			return ret;
		/* even a single byte */
		if (range.start >= range.last || overlaps(ranges, range))
			return -EINVAL;
		ranges->at[ranges->n++] = range;
	}
	qsort(ranges->at, ranges->n, sizeof(*ranges->at), by_start);
	return 0;
}

int iom_sim_ioas_allow_iovas(struct sim_iommufd *iommufd, void *arg)
{
	const struct iom_iommu_ioas_allow_iovas *cmd = arg;
	struct sim_ranges allowed = { NULL, 0 };
	struct sim_object *object;
	struct sim_ioas *ioas;
	size_t i;
	int ret;

	_Static_assert(sizeof(struct sim_range) == sizeof(struct iom_iommu_iova_range),
		       "same layout");
	if (cmd->reserved)
		return -EOPNOTSUPP;
	object = iom_sim_object(iommufd, cmd->ioas_id, SIM_IOAS);
	if (!object)
		return -ENOENT;
	ioas = (struct sim_ioas *)object;
	ret = read_ranges((const void *)(uintptr_t)cmd->allowed_iovas, cmd->num_iovas, &allowed);
	for (i = 0; i < allowed.n && !ret; i++)
		if (is_reserved(ioas, allowed.at[i]))
			ret = -EADDRINUSE;
	if (ret) {
		free(allowed.at);
		return ret;
	}
	free(ioas->allowed.at);
	ioas->allowed = allowed;
	return 0;
}

/* ---- Alignment ------------------------------------------------------------------------------ */

static uint64_t alignment_with(const struct iom_sim *sim, bool hwpt, bool small_pages)
{
	uint64_t alignment = small_pages ? sim->page_size : 1;

	return hwpt && sim->least_page > alignment ? sim->least_page : alignment;
}

/* Nothing is aligned before the first page table comes. */
uint64_t iom_sim_ioas_alignment(const struct iom_sim *sim, const struct sim_ioas *ioas)
{
	return alignment_with(sim, ioas->hwpts, ioas->small_pages);
}

static bool all_aligned(const struct iom_sim *sim, const struct sim_ioas *ioas, uint64_t alignment)
{
	const struct sim_map *area;

	for (area = iom_sim_maps_from(&ioas->areas, 0); area;
	     area = iom_sim_maps_next(&ioas->areas, area))
		if ((area->iova | (area->last + 1) | area->start_byte % sim->page_size) &
		    (alignment - 1))
			return false;
	return true;
}

int iom_sim_ioas_small_pages(struct iom_sim *sim, struct sim_ioas *ioas, bool small)
{
	uint64_t alignment = alignment_with(sim, ioas->hwpts, small);

	if (small && !ioas->small_pages) {
		if (ioas->hwpts && ioas->areas.root)
			return -EINVAL;
		if (!all_aligned(sim, ioas, alignment))
			return -EADDRINUSE;
	}
	ioas->small_pages = small;
	return 0;
}

/* ---- Page tables ---------------------------------------------------------------------------- */

static void unpin_before(struct iom_sim *sim, struct sim_ioas *ioas, const struct sim_map *end)
{
	struct sim_map *area;

	for (area = iom_sim_maps_from(&ioas->areas, 0); area && area != end;
	     area = iom_sim_maps_next(&ioas->areas, area))
		iom_sim_pages_unpin(sim, area);
}

/* What was mapped while nothing was attached is pinned only now. */
static int pin_all(struct iom_sim *sim, struct sim_ioas *ioas)
{
	struct sim_map *area;
	int ret;

	for (area = iom_sim_maps_from(&ioas->areas, 0); area;
	     area = iom_sim_maps_next(&ioas->areas, area)) {
		ret = iom_sim_pages_pin(sim, area);
		if (ret) {
			unpin_before(sim, ioas, area);
			return ret;
		}
	}
	return 0;
}

int iom_sim_ioas_add_hwpt(struct iom_sim *sim, struct sim_ioas *ioas, struct sim_hwpt *hwpt)
{
	struct sim_hwpt **end;
	int ret;

	if (!all_aligned(sim, ioas, alignment_with(sim, true, ioas->small_pages)))
		return -EADDRINUSE;
	if (hwpt->last != UINT64_MAX) {
		ret = iom_sim_ioas_reserve(ioas, (struct sim_range){ hwpt->last + 1, UINT64_MAX },
					   hwpt);
		if (ret)
			return ret;
	}
	if (!ioas->hwpts) {
		ret = pin_all(sim, ioas);
		if (ret) {
			iom_sim_ioas_unreserve(ioas, hwpt);
			return ret;
		}
	}
	for (end = &ioas->hwpts; *end; end = &(*end)->next)
		;
	*end = hwpt;
	ioas->object.users++;
	return 0;
}

/* The areas stay. */
void iom_sim_ioas_remove_hwpt(struct iom_sim *sim, struct sim_ioas *ioas, struct sim_hwpt *hwpt)
{
	struct sim_hwpt **link;

	for (link = &ioas->hwpts; *link != hwpt; link = &(*link)->next)
		;
	*link = hwpt->next;
	ioas->object.users--;
	iom_sim_ioas_unreserve(ioas, hwpt);
	if (!ioas->hwpts)
		unpin_before(sim, ioas, NULL);
}
