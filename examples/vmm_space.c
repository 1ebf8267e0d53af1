// SPDX-License-Identifier: BSD-3-Clause
#include "vmm_space.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "sentence.h"

#define FOUR_GIB (UINT64_C(1) << 32)
#define LAST_GPA ((UINT64_C(1) << 46) - 1) /* of processors that are common */

static int library_says(int error)
{
	return fail(error, "%s", iom_errmsg());
}

/* ---- Apertures ------------------------------------------------------------------------------- */

static uint64_t ram_page(const struct vmm_space *space, const struct vmm_options *options)
{
	return space->ram->huge_page ? space->ram->huge_page : options->page;
}

/* Ask for a range, and if it is granted, have the next bytes of RAM there. */
static int take_range(struct vmm_space *space, const struct vmm_options *options, uint64_t start,
		      uint64_t length)
{
	const struct iom_aperture_opts request = {
		.size = sizeof(request),
		.start = start,
		.length = length,
		.page = ram_page(space, options),
		.flags = IOM_APERTURE_FIXED,
	};
	struct vmm_part *part = &space->parts[space->part_count];
	int ret;

	if (space->part_count == VMM_MAX_PARTS)
		return fail(-E2BIG,
			    "the IOMMU has so many holes that guest RAM would be in more "
			    "than %d parts",
			    VMM_MAX_PARTS);
	ret = iom_aperture_request(space->domain, &request, &part->request);
	if (ret < 0)
		return library_says(ret);
	part->requested = true;
	part->range = (struct vmm_range){ .start = start, .length = length };
	part->offset = space->placed;
	space->part_count++;
	space->placed += length;
	return 0;
}

/* What the IOMMU has of it, in several parts, or none. */
static int take_parts(struct vmm_space *space, const struct vmm_options *options, uint64_t start,
		      uint64_t last, uint64_t length)
{
	uint64_t page = ram_page(space, options);
	struct iom_aperture apertures[VMM_MAX_APERTURES];
	struct vmm_range ranges[VMM_MAX_PARTS];
	int n, ret;

	n = iom_apertures(space->domain, apertures, VMM_MAX_APERTURES);
	if (n < 0)
		return library_says(n);
	if (n > VMM_MAX_APERTURES)
		n = VMM_MAX_APERTURES;
	n = vmm_layout_place(apertures, n, start, last, length, page > VMM_UNIT ? page : VMM_UNIT,
			     ranges, VMM_MAX_PARTS);
	for (int i = 0; i < n; i++) {
		ret = take_range(space, options, ranges[i].start, ranges[i].length);
		if (ret < 0)
			return ret;
	}
	return 0;
}

/*
 * RAM from start on, in one piece if the host can; else around its holes, up to last.  What remains
 * is left to the caller.
 */
static int place(struct vmm_space *space, const struct vmm_options *options, uint64_t start,
		 uint64_t last, uint64_t length, char *reason, size_t n)
{
	int ret;

	if (!length)
		return 0;
	ret = take_range(space, options, start, length);
	if (ret != -ERANGE)
		return ret;
	snprintf(reason, n, "%s", fail_sentence());
	return take_parts(space, options, start, last, length);
}

/* The last address that is good for RAM: the guest's processor must drive it, and the device. */
static uint64_t last_address(const struct vmm_options *options)
{
	uint64_t reach = UINT64_MAX >> (64 - options->dma_bits);

	return reach < LAST_GPA ? reach : LAST_GPA;
}

/* As an x86 guest has it: from 0 on, and above 4 GiB, where there is room for all that is left. */
static int place_ram(struct vmm_space *space, const struct vmm_options *options)
{
	uint64_t all = space->ram->length;
	uint64_t low = all < options->low ? all : options->low;
	uint64_t last = last_address(options);
	int ret;

	ret = place(space, options, 0, last < options->low ? last : options->low - 1, low,
		    space->low_reason, sizeof(space->low_reason));
	if (ret < 0)
		return ret;
	ret = place(space, options, FOUR_GIB, last, all - space->placed, space->high_reason,
		    sizeof(space->high_reason));
	if (ret < 0)
		return ret;
	if (space->placed < 2 * VMM_UNIT)
		return fail(-ERANGE, "there is no place for guest RAM: %s", space->low_reason);
	return 0;
}

static int request_window(struct vmm_space *space, const struct vmm_options *options)
{
	const struct iom_aperture_opts request = {
		.size = sizeof(request),
		.start = options->window_start,
		.length = options->window,
		.page = options->page,
		.flags = options->window_fixed ? IOM_APERTURE_FIXED : 0,
	};
	int ret;

	ret = iom_aperture_request(space->domain, &request, &space->window_request);
	if (ret < 0)
		return library_says(ret);
	space->window_requested = true;
	ret = iom_aperture_granted(space->domain, space->window_request, &space->window);
	return ret < 0 ? library_says(ret) : 0;
}

/* ---- Mappings -------------------------------------------------------------------------------- */

static int map_ram(struct vmm_space *space)
{
	struct iom_map_opts opts = { .size = sizeof(opts) };
	int ret;

	for (int i = 0; i < space->part_count; i++) {
		struct vmm_part *part = &space->parts[i];

		opts.iova = part->range.start;
		ret = iom_map(space->domain, space->ram->va + part->offset, part->range.length,
			      IOM_MAP_RW | IOM_MAP_FIXED, &opts, &part->region);
		if (ret < 0)
			return library_says(ret);
		part->mapped = true;
	}
	return 0;
}

int vmm_space_open(struct vmm_space *space, struct iom_domain *domain, const struct vmm_ram *ram,
		   const struct vmm_options *options)
{
	int ret;

	memset(space, 0, sizeof(*space));
	space->domain = domain;
	space->ram = ram;

	/* All requests before the first mapping: on POWER this may have windows made anew. */
	ret = place_ram(space, options);
	if (ret < 0)
		return ret;
	ret = request_window(space, options);
	if (ret < 0)
		return ret;
	return map_ram(space);
}

uint64_t vmm_space_gpa(const struct vmm_space *space, uint64_t offset)
{
	const struct vmm_part *part = space->parts;

	while (offset - part->offset >= part->range.length)
		part++;
	return part->range.start + (offset - part->offset);
}

int vmm_space_request(const struct vmm_space *space, const struct vmm_request *request)
{
	struct iom_map_opts opts = {
		.size = sizeof(opts),
		.iova = space->window.start + request->iova,
	};

	if (!request->flags)
		return iom_unmap_range(space->domain, opts.iova, request->length);
	/* The RAM is mapped already, at its guest physical address. */
	return iom_map(space->domain, space->ram->va + request->ram, request->length,
		       request->flags | IOM_MAP_FIXED | IOM_MAP_ALIAS, &opts, NULL);
}

/* ---- The end --------------------------------------------------------------------------------- */

/* The domain is as it was before. */
static int check_empty(const struct iom_domain *domain)
{
	struct iom_counters counters = { .size = sizeof(counters) };
	struct iom_aperture apertures[VMM_MAX_APERTURES];
	int n, ret;

	n = iom_apertures(domain, apertures, VMM_MAX_APERTURES);
	if (n < 0)
		return library_says(n);
	for (int i = 0; i < n && i < VMM_MAX_APERTURES; i++)
		if (apertures[i].flags & IOM_APERTURE_REQUESTED)
			return fail(-EBUSY, "an aperture at 0x%" PRIx64 " was not given back",
				    apertures[i].start);
	ret = iom_read_counters(domain, &counters);
	if (ret < 0)
		return library_says(ret);
	if (counters.mappings || counters.mapped_bytes || counters.quarantined_bytes)
		return fail(-EBUSY,
			    "%" PRIu64 " mappings of %" PRIu64 " bytes are left in the domain, and "
			    "%" PRIu64 " bytes in quarantine",
			    counters.mappings, counters.mapped_bytes, counters.quarantined_bytes);
	return 0;
}

static int release(struct vmm_space *space, uint64_t request, bool *requested)
{
	int ret;

	if (!*requested)
		return 0;
	ret = iom_aperture_release(space->domain, request);
	if (ret < 0)
		return library_says(ret);
	*requested = false;
	return 0;
}

int vmm_space_close(struct vmm_space *space)
{
	int ret;

	for (int i = 0; i < space->part_count; i++) {
		struct vmm_part *part = &space->parts[i];

		ret = part->mapped ? iom_unmap(space->domain, &part->region) : 0;
		if (ret < 0)
			return library_says(ret);
		part->mapped = false;
	}
	ret = release(space, space->window_request, &space->window_requested);
	if (ret < 0)
		return ret;
	for (int i = 0; i < space->part_count; i++) {
		ret = release(space, space->parts[i].request, &space->parts[i].requested);
		if (ret < 0)
			return ret;
	}
	return check_empty(space->domain);
}
