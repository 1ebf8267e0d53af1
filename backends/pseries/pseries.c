// SPDX-License-Identifier: BSD-3-Clause
/*
 * pSeries, a guest of PowerVM or KVM: the default window, below 4 GiB, and one more, which begins
 * where the hypervisor puts it, far above.  A second one of these would have the kernel blacklist
 * the bridge until reboot, so it is never asked for.
 */
#include <errno.h>
#include <inttypes.h>

#include "backends/spapr/machine.h"
#include "lib/error.h"

/* Where hypervisors put it; no device that drives less is served by it. */
#define SECOND_LEAST (UINT64_C(1) << 59)

/*
 * Minutes to make and to take down, and a view of 8 bytes for each whose failed allocation the
 * kernel ignores, and uses.
 */
#define ENTRIES_MAX (UINT64_C(1) << 26)

static int check_machine(const struct iom_sys *sys)
{
	int machine = iom_power_machine(sys);

	if (machine < 0 || machine == IOM_POWER_SERIES)
		return machine < 0 ? machine : 0;
	return iom_error(-EOPNOTSUPP, "this is no pSeries guest");
}

static int out_of_reach(uint64_t reach)
{
	return iom_error(-ERANGE,
			 "only IOVAs up to 0x%" PRIx64 " may be used, and on pSeries every DMA "
			 "window but the default one begins far above",
			 reach);
}

static int too_many(uint64_t size, uint64_t page)
{
	return iom_error(-ERANGE,
			 "a DMA window of 0x%" PRIx64 " bytes with pages of 0x%" PRIx64
			 " has too many entries to be made; expect less, or larger pages",
			 size, page);
}

/* Never in the shape of the default one: the kernel would take it for that. */
static void plan_window(const struct iom_spapr_info *info, uint64_t size, uint64_t page, bool only,
			struct iom_window_plan *plan)
{
	const struct iom_window *first = &info->first;

	if (page == UINT64_C(1) << first->page_shift && size <= first->size)
		size = 2 * iom_round_up(first->size);
	*plan = (struct iom_window_plan){
		.window = { .size = size, .page_shift = iom_shift_of(page) },
		.levels = 1,
		.start_is_free = true,
		.replaces_first = only,
	};
}

static int plan(const struct iom_spapr_info *info, const struct iom_backend_plan *expected,
		const struct iom_backend_wish *wish, struct iom_window_plan *plan)
{
	/* a virtual function has one window only */
	bool only = info->max_windows < 2;
	uint64_t largest = only ? iom_spapr_only_page(expected) : expected->page;
	uint64_t most = wish->full && wish->backing < largest ? wish->backing : largest;
	uint64_t page = iom_largest_page(info->page_sizes, most);
	uint64_t size = page ? iom_window_size(expected, wish, page) : 0;

	if (wish->reach < SECOND_LEAST)
		return out_of_reach(wish->reach);
	if (!page)
		return iom_error(-ERANGE, "no DMA window has pages as small as 0x%" PRIx64, most);
	if (size / page > ENTRIES_MAX)
		return too_many(size, page);
	if (only && size <= info->first.size && page <= UINT64_C(1) << info->first.page_shift)
		return iom_error(-ERANGE, "no DMA window for what is expected is better than the "
					  "default one");
	plan_window(info, size, page, only, plan);
	return 0;
}

static int plan_room(const struct iom_spapr_info *info, const struct iom_backend_plan *expected,
		     const struct iom_backend_room *room, uint64_t reach,
		     struct iom_window_plan *plan)
{
	bool only = info->max_windows < 2;
	/* before one was made, it is taken to begin at the least */
	uint64_t start = info->second ? info->second : SECOND_LEAST;
	uint64_t page, size;
	int ret;

	ret = iom_window_page(info, room, &page);
	if (ret < 0)
		return ret;
	(void)expected;
	if (!room->anywhere && room->start < start)
		return iom_error(-ERANGE,
				 "on pSeries there is the default DMA window, at 0x%" PRIx64
				 " to 0x%" PRIx64 ", and every other begins at 0x%" PRIx64
				 " or above",
				 info->first.start, info->first.start + info->first.size - 1,
				 start);
	if (reach < start || reach - start < room->length - 1)
		return out_of_reach(reach);
	size = room->anywhere ? 0 : room->start - start;
	if (room->length > ENTRIES_MAX * page || size > ENTRIES_MAX * page - room->length)
		return iom_error(-ERANGE,
				 "a DMA window from 0x%" PRIx64 " up to its end, with pages of "
				 "0x%" PRIx64 ", has too many entries to be made; ask for larger "
				 "pages",
				 start, page);
	size = iom_round_up(size + room->length);
	plan_window(info, size < page ? page : size, page, only, plan);
	return 0;
}

static const struct iom_spapr_policy policy = { check_machine, plan, plan_room };

static int pseries_attach(struct iom_backend *backend, struct iom_backend_device *dev)
{
	return iom_spapr_attach(backend, dev, &policy);
}

const struct iom_backend_ops iom_backend_pseries = {
	.name = "pseries",
	.attach = pseries_attach,
	IOM_SPAPR_OPS,
};
