// SPDX-License-Identifier: BSD-3-Clause
/*
 * PowerNV, bare metal: window 0 begins at IOVA 0, window 1 at 2^59, for bit 59 selects the table.
 * A device that cannot drive it has a larger window at 0 instead of the default one.
 */
#include <errno.h>
#include <inttypes.h>

#include "backends/spapr/machine.h"
#include "lib/error.h"

#define SECOND_START (UINT64_C(1) << 59)

/* What one table of a level may take: the largest contiguous allocation of the kernel. */
#define TABLE_SHIFT_MAX 24
#define ENTRY_SHIFT 3

/* Up to here one table is no burden. */
#define ONE_LEVEL_SHIFT 17

/* What the levels and the page must stay below, together. */
#define TCE_ADDRESS_BITS 55

static int check_machine(const struct iom_sys *sys)
{
	int machine = iom_power_machine(sys);

	if (machine < 0 || machine == IOM_POWER_NV)
		return machine < 0 ? machine : 0;
	return iom_error(-EOPNOTSUPP, "this is no PowerNV machine");
}

/* As pnv_pci_ioda2_table_alloc_pages() in the kernel checks it. */
static bool can_have_levels(unsigned int levels, unsigned int entries_shift,
			    unsigned int page_shift, unsigned int base_shift)
{
	unsigned int table_shift = (entries_shift + levels - 1) / levels + ENTRY_SHIFT;

	if (table_shift < base_shift)
		table_shift = base_shift;
	return table_shift <= TABLE_SHIFT_MAX &&
	       (table_shift - ENTRY_SHIFT) * levels + page_shift < TCE_ADDRESS_BITS;
}

/*
 * The fewest levels whose tables are no burden, or else are not too large; 0 if there are none.
 * Whatever number of them the kernel claims to make, the address has bits for so many.
 */
static unsigned int levels_for(const struct iom_spapr_info *info, unsigned int entries_shift,
			       unsigned int page_shift, unsigned int base_shift)
{
	unsigned int levels = entries_shift <= ONE_LEVEL_SHIFT ? 1 : 2;

	for (; levels <= info->levels && levels < TCE_ADDRESS_BITS; levels++)
		if (can_have_levels(levels, entries_shift, page_shift, base_shift))
			return levels;
	return can_have_levels(1, entries_shift, page_shift, base_shift) ? 1 : 0;
}

static int make_plan(const struct iom_spapr_info *info, uint64_t base, uint64_t start,
		     uint64_t size, uint64_t page, struct iom_window_plan *plan)
{
	unsigned int levels = 0;

	/* the default window's size is the kernel's word, and may be anything */
	if (size >= page)
		levels = levels_for(info, iom_shift_of(size) - iom_shift_of(page),
				    iom_shift_of(page), iom_shift_of(base));
	if (!levels)
		return iom_error(-ERANGE,
				 "a DMA window of 0x%" PRIx64 " bytes with pages of 0x%" PRIx64
				 " is more than the kernel makes tables for; expect less, or larger "
				 "pages",
				 size, page);
	*plan = (struct iom_window_plan){
		.window = { .start = start, .size = size, .page_shift = iom_shift_of(page) },
		.levels = levels,
		.replaces_first = !start,
	};
	return 0;
}

static uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* In the place of the default window. */
static int plan_first(const struct iom_spapr_info *info, const struct iom_backend_plan *expected,
		      const struct iom_backend_wish *wish, struct iom_window_plan *plan)
{
	uint64_t most = least(iom_spapr_only_page(expected), wish->backing);
	uint64_t page = iom_largest_page(info->page_sizes, most);
	uint64_t size = page ? iom_window_size(expected, wish, page) : 0;

	while (size && size - 1 > wish->reach)
		size >>= 1;
	/* up to 4 GiB, what lies above the default window's end is no memory */
	if (size <= IOM_FOUR_GIB)
		size = info->first.size;
	if (!page || (size == info->first.size && iom_shift_of(page) == info->first.page_shift))
		return iom_error(-ERANGE,
				 "no DMA window that the device can reach is better than the "
				 "default one");
	return make_plan(info, expected->base, 0, size, page, plan);
}

static int plan(const struct iom_spapr_info *info, const struct iom_backend_plan *expected,
		const struct iom_backend_wish *wish, struct iom_window_plan *plan)
{
	uint64_t most = wish->full ? least(expected->page, wish->backing) : expected->page;
	uint64_t page = iom_largest_page(info->page_sizes, most);
	uint64_t size = page ? iom_window_size(expected, wish, page) : 0;

	if (info->max_windows < 2 || wish->reach < SECOND_START + size - 1)
		return plan_first(info, expected, wish, plan);
	if (!page)
		return iom_error(-ERANGE, "no DMA window has pages as small as 0x%" PRIx64, most);
	return make_plan(info, expected->base, SECOND_START, size, page, plan);
}

static int no_window(const struct iom_backend_room *room)
{
	return iom_error(-ERANGE,
			 "no DMA window has it: window 0 ends below 0x%" PRIx64
			 ", window 1, if the bridge has two, begins there (0x%" PRIx64
			 " bytes were asked for)",
			 SECOND_START, room->length);
}

/* In window 0: the bridge's own hole, below 4 GiB, is not to be had. */
static int size_first(const struct iom_spapr_info *info, const struct iom_backend_room *room,
		      uint64_t reach, uint64_t page, uint64_t *size)
{
	uint64_t hole = iom_spapr_hole(info), start = room->start, last;
	bool high;

	if (room->length > SECOND_START)
		return no_window(room);
	/* below the hole only where the device reaches none above it */
	high = reach >= IOM_FOUR_GIB && reach - IOM_FOUR_GIB >= room->length - 1;
	if (room->anywhere)
		start = high ? IOM_FOUR_GIB : page;
	if (start > SECOND_START - room->length)
		return no_window(room);
	last = start + room->length - 1;
	if (last > reach || (room->anywhere && last >= hole && start < IOM_FOUR_GIB))
		return iom_error(-ERANGE,
				 "the narrowest device drives IOVAs up to 0x%" PRIx64
				 ", and below that there is no room in DMA window 0",
				 reach);
	if (last >= hole && start < IOM_FOUR_GIB)
		return iom_error(-ERANGE,
				 "IOVA 0x%" PRIx64 " to 0x%" PRIx64
				 " is the bridge's own; request what lies below and above it",
				 hole, IOM_FOUR_GIB - 1);
	*size = last < hole ? info->first.size : iom_round_up(last + 1);
	return 0;
}

static int plan_room(const struct iom_spapr_info *info, const struct iom_backend_plan *expected,
		     const struct iom_backend_room *room, uint64_t reach,
		     struct iom_window_plan *plan)
{
	bool second = info->max_windows > 1 && room->length <= SECOND_START;
	uint64_t page, size;
	int ret;

	ret = iom_window_page(info, room, &page);
	if (ret < 0)
		return ret;
	if (room->anywhere)
		second = second && reach >= SECOND_START + (room->length - 1);
	else
		second = second && room->start >= SECOND_START;
	if (!second) {
		ret = size_first(info, room, reach, page, &size);
		return ret < 0 ? ret : make_plan(info, expected->base, 0, size, page, plan);
	}
	size = room->anywhere ? 0 : room->start - SECOND_START;
	if (size > SECOND_START - room->length)
		return iom_error(-ERANGE, "DMA window 1 ends at 0x%" PRIx64 " at the latest",
				 2 * SECOND_START);
	size = iom_round_up(size + room->length);
	return make_plan(info, expected->base, SECOND_START, size < page ? page : size, page, plan);
}

static const struct iom_spapr_policy policy = { check_machine, plan, plan_room };

static int powernv_attach(struct iom_backend *backend, struct iom_backend_device *dev)
{
	return iom_spapr_attach(backend, dev, &policy);
}

const struct iom_backend_ops iom_backend_powernv = {
	.name = "powernv",
	.attach = powernv_attach,
	IOM_SPAPR_OPS,
};
