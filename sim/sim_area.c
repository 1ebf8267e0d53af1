// SPDX-License-Identifier: BSD-3-Clause
/* The areas of an IOAS: drivers/iommu/iommufd/io_pagetable.c. */
#include "sim/iommufd.h"

#include <errno.h>
#include <linux/vfio.h>
#include <stdlib.h>

#define ACCESS (VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE)

/* Part of some pages that is to be shown. */
struct piece {
	struct sim_pages *pages;
	uint64_t start, length;
};

/* ---- Choosing an IOVA ----------------------------------------------------------------------- */

/* The first range at or behind an IOVA that is in use; false: none is. */
static bool next_used(const struct sim_ioas *ioas, uint64_t at, struct sim_range *used)
{
	const struct sim_map *area = iom_sim_maps_from(&ioas->areas, at);
	bool found = area != NULL;
	size_t i;

	if (area)
		*used = (struct sim_range){ area->iova, area->last };
	for (i = 0; i < ioas->n_reserved; i++) {
		const struct sim_range *range = &ioas->reserved[i].range;

		if (range->last >= at && (!found || range->start < used->start)) {
			*used = *range;
			found = true;
		}
	}
	return found;
}

/* The first IOVA in a range, aligned and with this offset in its page, that leaves room. */
static bool fits(struct sim_range range, uint64_t length, uint64_t alignment, uint64_t offset,
		 uint64_t *iova)
{
	uint64_t start = ((range.start + alignment - 1) & -alignment) | offset;

	if (start < range.start || start > range.last || range.last - start < length - 1)
		return false;
	*iova = start;
	return true;
}

static bool find_hole(const struct sim_ioas *ioas, struct sim_range within, uint64_t length,
		      uint64_t alignment, uint64_t offset, uint64_t *iova)
{
	struct sim_range used = { 0, 0 }, hole;
	uint64_t at = within.start;

	while (at <= within.last) {
		hole = (struct sim_range){ at, within.last };
		if (!next_used(ioas, at, &used))
			return fits(hole, length, alignment, offset, iova);
		if (used.start > at) {
			if (used.start - 1 < hole.last)
				hole.last = used.start - 1;
			if (fits(hole, length, alignment, offset, iova))
				return true;
		}
		if (used.last >= within.last)
			return false;
		at = used.last + 1;
	}
	return false;
}

/* Aligned as the memory is, up to a large page. */
static uint64_t alignment_of(const struct iom_sim *sim, uint64_t address, uint64_t length)
{
	/* PMD_SIZE: a page full of 8 byte entries */
	uint64_t most = sim->page_size / 8 * sim->page_size, alignment = 1;

	while (alignment < length && alignment < most)
		alignment *= 2;
	if (address && alignment > (address & -address))
		alignment = address & -address;
	return alignment;
}

static int choose_iova(const struct iom_sim *sim, const struct sim_ioas *ioas, uint64_t address,
		       uint64_t length, uint64_t *iova)
{
	/* the first page is never chosen, nor is the last one */
	const struct sim_range all = { sim->page_size, UINT64_MAX - sim->page_size };
	uint64_t alignment = alignment_of(sim, address, length);
	uint64_t offset = address & (sim->page_size - 1);
	size_t i;

	if (length >= UINT64_MAX / 2)
		return -EOVERFLOW;
	if (alignment < iom_sim_ioas_alignment(sim, ioas))
		return -EINVAL;
	if (!ioas->allowed.n)
		return find_hole(ioas, all, length, alignment, offset, iova) ? 0 : -ENOSPC;
	for (i = 0; i < ioas->allowed.n; i++) {
		struct sim_range range = ioas->allowed.at[i];

		if (range.start < all.start)
			range.start = all.start;
		if (range.last > all.last)
			range.last = all.last;
		if (range.start <= range.last &&
		    find_hole(ioas, range, length, alignment, offset, iova))
			return 0;
	}
	return -ENOSPC;
}

static int check_iova(const struct iom_sim *sim, const struct sim_ioas *ioas, uint64_t iova,
		      uint64_t length)
{
	const struct sim_map *area;
	uint64_t last;
	size_t i;

	if (iova & (iom_sim_ioas_alignment(sim, ioas) - 1))
		return -EINVAL;
	if (__builtin_add_overflow(iova, length - 1, &last))
		return -EOVERFLOW;
	for (i = 0; i < ioas->n_reserved; i++)
		if (iova <= ioas->reserved[i].range.last && last >= ioas->reserved[i].range.start)
			return -EINVAL;
	area = iom_sim_maps_from(&ioas->areas, iova);
	return area && area->iova <= last ? -EEXIST : 0;
}

/* ---- Mapping -------------------------------------------------------------------------------- */

static void drop(struct iom_sim *sim, struct sim_ioas *ioas, struct sim_map *area)
{
	if (ioas->hwpts)
		iom_sim_pages_unpin(sim, area);
	iom_sim_maps_remove(&ioas->areas, area);
	sim->mapped_bytes -= area->last - area->iova + 1;
	iom_sim_pages_put(area->pages);
	free(area);
}

static int add(struct iom_sim *sim, struct sim_ioas *ioas, const struct piece *piece, uint64_t iova,
	       uint32_t flags)
{
	struct sim_map *area;
	int ret;

	area = calloc(1, sizeof(*area));
	if (!area)
		return -ENOMEM;
	area->iova = iova;
	area->last = iova + piece->length - 1;
	area->pages = piece->pages;
	area->start_byte = piece->start;
	area->vaddr = piece->pages->base + piece->start;
	area->flags = flags & ACCESS;
	if (ioas->hwpts) {
		ret = iom_sim_pages_pin(sim, area);
		if (ret) {
			free(area);
			return ret;
		}
	}
	piece->pages->refs++;
	iom_sim_maps_insert(&ioas->areas, area);
	sim->mapped_bytes += piece->length;
	return 0;
}

static int check_pieces(const struct iom_sim *sim, const struct sim_ioas *ioas,
			const struct piece *pieces, size_t n, uint32_t flags)
{
	uint64_t alignment = iom_sim_ioas_alignment(sim, ioas);
	size_t i;

	for (i = 0; i < n; i++) {
		if (flags & VFIO_DMA_MAP_FLAG_WRITE && !pieces[i].pages->writable)
			return -EPERM;
		if (pieces[i].start % sim->page_size & (alignment - 1))
			return -EINVAL;
	}
	return 0;
}

/* All pieces, one behind the other, or none. */
static int map_pieces(struct iom_sim *sim, struct sim_ioas *ioas, const struct piece *pieces,
		      size_t n, uint64_t length, uint64_t *iova, uint32_t flags)
{
	uint64_t at = *iova, done = 0;
	size_t i;
	int ret;

	if (!length || length & (iom_sim_ioas_alignment(sim, ioas) - 1))
		return -EINVAL;
	if (flags & SIM_ANY_IOVA)
		ret = choose_iova(sim, ioas, pieces[0].pages->address + pieces[0].start, length,
				  &at);
	else
		ret = check_iova(sim, ioas, at, length);
	if (!ret)
		ret = check_pieces(sim, ioas, pieces, n, flags);
	for (i = 0; i < n && !ret; i++) {
		ret = add(sim, ioas, &pieces[i], at + done, flags);
		if (!ret)
			done += pieces[i].length;
	}
	if (ret) {
		while (done) {
			struct sim_map *area = iom_sim_maps_from(&ioas->areas, at + done - 1);

			done -= area->last - area->iova + 1;
			drop(sim, ioas, area);
		}
		return ret;
	}
	*iova = at;
	return 0;
}

int iom_sim_area_map(struct iom_sim *sim, struct sim_ioas *ioas, struct sim_pages *pages,
		     uint64_t start, uint64_t length, uint64_t *iova, uint32_t flags)
{
	const struct piece piece = { pages, start, length };

	return map_pieces(sim, ioas, &piece, 1, length, iova, flags);
}

/* What the areas show of a range that they cover without a gap. */
static int collect(const struct sim_ioas *ioas, uint64_t iova, uint64_t last, struct piece *pieces,
		   size_t *n)
{
	const struct sim_map *area;

	for (*n = 0;; ++*n) {
		area = iom_sim_maps_from(&ioas->areas, iova);
		if (!area || area->iova > iova)
			return -ENOENT;
		if (pieces)
			pieces[*n] = (struct piece){
				area->pages,
				area->start_byte + (iova - area->iova),
				(area->last < last ? area->last : last) - iova + 1,
			};
		if (area->last >= last) {
			++*n;
			return 0;
		}
		iova = area->last + 1;
	}
}

int iom_sim_area_copy(struct iom_sim *sim, struct sim_ioas *to, const struct sim_ioas *from,
		      uint64_t from_iova, uint64_t length, uint64_t *iova, uint32_t flags)
{
	struct piece *pieces;
	uint64_t last;
	size_t n;
	int ret;

	if (!length)
		return -EINVAL;
	if (__builtin_add_overflow(from_iova, length - 1, &last))
		return -EOVERFLOW;
	ret = collect(from, from_iova, last, NULL, &n);
	if (ret)
		return ret;
	if (!to) /* only now is it looked for */
		return -ENOENT;
	pieces = calloc(n, sizeof(*pieces));
	if (!pieces)
		return -ENOMEM;
	collect(from, from_iova, last, pieces, &n);
	ret = map_pieces(sim, to, pieces, n, length, iova, flags);
	free(pieces);
	return ret;
}

/* ---- Unmapping ------------------------------------------------------------------------------ */

int iom_sim_area_unmap(struct iom_sim *sim, struct sim_ioas *ioas, uint64_t start, uint64_t last,
		       uint64_t *unmapped)
{
	struct sim_map *area;

	*unmapped = 0;
	while ((area = iom_sim_maps_from(&ioas->areas, start)) && area->iova <= last) {
		if (area->iova < start || area->last > last)
			return -ENOENT;
		*unmapped += area->last - area->iova + 1;
		drop(sim, ioas, area);
	}
	return 0;
}

int iom_sim_area_unmap_length(struct iom_sim *sim, struct sim_ioas *ioas, uint64_t iova,
			      uint64_t length, uint64_t *unmapped)
{
	uint64_t last;

	*unmapped = 0;
	if (!length)
		return -EINVAL;
	if (__builtin_add_overflow(iova, length - 1, &last))
		return -EOVERFLOW;
	return iom_sim_area_unmap(sim, ioas, iova, last, unmapped);
}

int iom_sim_area_cut(struct iom_sim *sim, struct sim_ioas *ioas, uint64_t iova)
{
	struct sim_map *area = iom_sim_maps_from(&ioas->areas, iova), *high;
	uint64_t alignment = iom_sim_ioas_alignment(sim, ioas);

	if (!area || area->iova > iova || area->iova == iova || area->last == iova)
		return 0;
	if ((iova + 1) & (alignment - 1))
		return -EINVAL;
	high = calloc(1, sizeof(*high));
	if (!high)
		return -ENOMEM;
	*high = *area;
	high->iova = iova + 1;
	high->start_byte += high->iova - area->iova;
	high->vaddr += high->iova - area->iova;
	high->pages->refs++;
	area->last = iova;
	iom_sim_maps_insert(&ioas->areas, high);
	if (ioas->hwpts) { /* both show what the one did, so nothing is to be pinned */
		high->next_pinned = high->pages->pinned;
		high->pages->pinned = high;
	}
	return 0;
}
