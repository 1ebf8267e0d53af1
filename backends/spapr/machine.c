// SPDX-License-Identifier: BSD-3-Clause
#include "machine.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "lib/error.h"
#include "lib/sysfs.h"

#define ROOT "/proc/device-tree/"

/*
 * pSeries makes two hypervisor calls for each entry when a window goes, mapped or not: a second or
 * so for as many as these.
 */
#define ENTRIES_MAX (UINT64_C(1) << 20)

/* Whether a property, a list of strings with a NUL each, has the word: 1, 0 or an error. */
static int has_string(const struct iom_sys *sys, const char *path, const char *word)
{
	char list[1024];
	const char *at;
	ssize_t n;

	n = sys->read_file(sys->ctx, path, list, sizeof(list) - 1);
	if (n == -ENOENT)
		return 0;
	if (n < 0)
		return iom_sysfs_error(path, (int)n);
	list[n] = '\0';
	for (at = list; at < list + n; at += strlen(at) + 1)
		if (!strcmp(at, word))
			return 1;
	return 0;
}

int iom_power_machine(const struct iom_sys *sys)
{
	int nv, series;

	nv = has_string(sys, ROOT "compatible", "ibm,powernv");
	if (nv > 0)
		return IOM_POWER_NV;
	/* as the kernel itself tells it: pSeries_probe() in arch/powerpc/platforms/pseries/setup.c */
	series = has_string(sys, ROOT "device_type", "chrp");
	if (series > 0)
		return IOM_POWER_SERIES;
	if (nv < 0 || series < 0)
		return nv < 0 ? nv : series;
	return IOM_POWER_NONE;
}

uint64_t iom_largest_page(uint64_t page_sizes, uint64_t most)
{
	uint64_t pages = most ? page_sizes & (most | (most - 1)) : 0;

	return pages ? UINT64_C(1) << iom_shift_of(pages) : 0;
}

uint64_t iom_round_up(uint64_t x)
{
	return x <= 1 ? 1 : UINT64_C(1) << (64 - __builtin_clzll(x - 1));
}

int iom_window_page(const struct iom_spapr_info *info, const struct iom_backend_room *room,
		    uint64_t *page)
{
	if (room->page & ~info->page_sizes)
		return iom_error(-ERANGE,
				 "the bridge makes no DMA window with pages of 0x%" PRIx64
				 " (its page sizes: 0x%" PRIx64 ")",
				 room->page, info->page_sizes);
	*page = room->page ? room->page : iom_smallest_page(info->page_sizes);
	return 0;
}

static uint64_t larger(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

uint64_t iom_window_size(const struct iom_backend_plan *plan, const struct iom_backend_wish *wish,
			 uint64_t page)
{
	uint64_t most = UINT64_C(1) << 58, size;

	size = plan->bytes > most ? most : iom_round_up(plan->bytes);
	if (!plan->bytes || (!plan->bytes_stated && size / page > ENTRIES_MAX))
		size = ENTRIES_MAX * page;
	/* more than there is will not be mapped */
	if (wish->full && wish->length <= plan->memory)
		size = larger(size, iom_round_up(wish->length));
	return larger(size, page);
}
