// SPDX-License-Identifier: BSD-3-Clause
/*
 * Windows: the tables of arch/powerpc/platforms/powernv/pci-ioda{,-tce}.c, and those that the
 * hypervisor keeps for arch/powerpc/platforms/pseries/iommu.c.
 */
#include "sim/spapr.h"

#include <errno.h>
#include <stdlib.h>

#define SHIFT_4K 12
#define LEVELS_MAX 5
#define DMA64_START (UINT64_C(1) << 59)
#define LARGEST_SHIFT 24 /* of a table that is allocated in one piece */

static bool is_power_of_two(uint64_t n)
{
	return n && !(n & (n - 1));
}

static unsigned int log2_of(uint64_t n)
{
	return 63 - (unsigned int)__builtin_clzll(n);
}

static unsigned int page_shift(const struct iom_sim *sim)
{
	return log2_of(sim->page_size);
}

static uint64_t align_up(uint64_t n, uint64_t to)
{
	return (n + to - 1) & ~(to - 1);
}

static uint64_t larger(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

/* ---- PowerNV -------------------------------------------------------------------------------- */

/* Of the table of one level; what is smaller than a page of the window wraps, and is a page. */
static unsigned int level_shift(const struct iom_sim *sim, uint32_t shift, uint64_t size,
				uint32_t levels)
{
	unsigned int entries = log2_of(size) - shift;

	entries = (entries + levels - 1) / levels + 3;
	return entries > page_shift(sim) ? entries : page_shift(sim);
}

/* pnv_pci_ioda2_get_table_size(): of all levels, and of the copy with the user's addresses. */
static uint64_t powernv_table_size(const struct iom_sim *sim, uint32_t shift, uint64_t size,
				   uint32_t levels)
{
	uint64_t bytes = 0, table, level;

	if (!levels || levels > LEVELS_MAX || !is_power_of_two(size))
		return 0;
	if (level_shift(sim, shift, size, levels) > 63) /* the kernel divides by 0 */
		return 0;
	level = UINT64_C(1) << level_shift(sim, shift, size, levels);
	table = log2_of(size) + 3 < shift ? 0 : UINT64_C(1) << (log2_of(size) + 3 - shift);
	table = larger(0x1000, table);
	for (; levels; levels--) {
		bytes += align_up(table, level);
		table = larger(table / level * 8, level);
	}
	return 2 * bytes;
}

static int powernv_create(const struct iom_sim *sim, int slot, uint32_t shift, uint64_t size,
			  uint32_t levels, struct sim_window *window)
{
	unsigned int level = level_shift(sim, shift, size, levels);
	unsigned int table = log2_of(size) + 3 < shift ? 0 : log2_of(size) + 3 - shift;

	if ((level - 3) * levels + shift >= 55)
		return -EINVAL;
	if (level > LARGEST_SHIFT)
		return -ENOMEM;
	if (table < page_shift(sim))
		table = page_shift(sim);
	window->entries = UINT64_C(1) << (table - 3);
	window->start = slot ? DMA64_START : 0;
	return 0;
}

/* ---- pSeries -------------------------------------------------------------------------------- */

static uint64_t pseries_table_size(uint32_t shift, uint64_t size, uint32_t levels)
{
	return levels > 1 ? UINT32_MAX : size >> (shift - 3);
}

uint64_t iom_sim_window_default_size(const struct iom_sim *sim, const struct sim_spapr *spapr)
{
	const struct sim_group *group = spapr->groups;

	return group && group->dma32_size ? group->dma32_size : sim->power.dma32_size;
}

/* is_default_window_request() */
static bool is_default(const struct iom_sim *sim, const struct sim_spapr *spapr, uint32_t shift,
		       uint64_t size)
{
	return shift == SHIFT_4K && size <= iom_sim_window_default_size(sim, spapr);
}

/* What the hypervisor has given to the group. */
static unsigned int count_windows(const struct sim_spapr *spapr, const struct sim_group *group,
				  bool dynamic)
{
	unsigned int i, n = 0;

	for (i = 0; i < SIM_WINDOWS; i++)
		if (spapr->windows[i] && spapr->windows[i]->owner == group)
			n += !dynamic || spapr->windows[i]->dynamic;
	return n;
}

/* The hypervisor's answer to ibm,create-pe-dma-window. */
static bool is_given(const struct iom_sim *sim, const struct sim_spapr *spapr,
		     const struct sim_group *group)
{
	return !count_windows(spapr, group, true) &&
	       count_windows(spapr, group, false) < sim->power.windows;
}

/* What the kernel takes for a broken bridge, it does not try again. */
static int give_up(struct sim_group *group, int error)
{
	group->no_windows = true;
	return error;
}

static int pseries_create(const struct iom_sim *sim, const struct sim_spapr *spapr, int slot,
			  uint32_t shift, uint64_t size, uint32_t levels, struct sim_window *window)
{
	struct sim_group *group = spapr->groups;

	if (!is_power_of_two(size) || levels > 1)
		return -EINVAL;
	if (group->no_windows)
		return -ENODEV;
	window->owner = group;
	window->entries = size >> shift;
	if (!slot && !(sim->power.ddw_off && is_default(sim, spapr, shift, size))) {
		if (count_windows(spapr, group, true))
			return -EPERM;
		if (is_default(sim, spapr, shift, size))
			return 0;
	}
	if (sim->power.ddw_off) /* no ibm,ddw-applicable */
		return give_up(group, -EINVAL);
	if (!window->entries || window->entries > sim->power.largest_window)
		return -EINVAL;
	if (!is_given(sim, spapr, group))
		return give_up(group, -ENODEV);
	window->dynamic = true;
	window->start = group->dma64_start ? group->dma64_start : DMA64_START;
	return 0;
}

/* ---- Both ----------------------------------------------------------------------------------- */

static bool is_pseries(const struct iom_sim *sim)
{
	return sim->power.machine == SIM_PSERIES;
}

/* set_window() for each group: PowerNV's tables serve any, pSeries' only the group they are of. */
static int set_windows(const struct iom_sim *sim, const struct sim_spapr *spapr,
		       const struct sim_window *window)
{
	const struct sim_group *group;

	if (!is_pseries(sim))
		return 0;
	for (group = spapr->groups; group; group = group->tce_next)
		if (group != window->owner)
			return -EPERM;
	return 0;
}

/* tce_iommu_create_table(): the charge stays if the platform fails. */
static int create_table(struct iom_sim *sim, const struct sim_spapr *spapr, int slot,
			uint32_t shift, uint64_t size, uint32_t levels, struct sim_window *window)
{
	uint64_t bytes = is_pseries(sim) ? pseries_table_size(shift, size, levels)
					 : powernv_table_size(sim, shift, size, levels);
	int ret;

	if (!bytes)
		return -EINVAL;
	ret = iom_sim_spapr_charge(sim, bytes / sim->page_size);
	if (ret)
		return ret;
	window->shift = shift;
	window->charged = bytes / sim->page_size;
	return is_pseries(sim) ? pseries_create(sim, spapr, slot, shift, size, levels, window)
			       : powernv_create(sim, slot, shift, size, levels, window);
}

static void free_window(struct iom_sim *sim, struct sim_window *window)
{
	sim->locked_pages -= window->charged;
	free(window);
}

static int find_slot(const struct sim_spapr *spapr)
{
	int slot;

	for (slot = 0; slot < SIM_WINDOWS; slot++)
		if (!spapr->windows[slot])
			return slot;
	return -ENOSPC;
}

int iom_sim_window_create(struct iom_sim *sim, struct sim_spapr *spapr, uint32_t shift,
			  uint64_t size, uint32_t levels, uint64_t *start)
{
	struct sim_window *window;
	int slot, ret;

	slot = find_slot(spapr);
	if (slot < 0)
		return slot;
	if (shift > 63 || !(sim->power.pgsizes >> shift & 1))
		return -EINVAL;
	window = calloc(1, sizeof(*window));
	if (!window)
		return -ENOMEM;
	ret = create_table(sim, spapr, slot, shift, size, levels, window);
	if (ret) {
		free(window);
		return ret;
	}
	ret = set_windows(sim, spapr, window);
	if (ret) {
		free_window(sim, window);
		return ret;
	}
	spapr->windows[slot] = window;
	*start = window->start;
	return 0;
}

struct sim_window *iom_sim_window_find(const struct sim_spapr *spapr, uint64_t iova)
{
	struct sim_window *window;
	int slot;

	for (slot = 0; slot < SIM_WINDOWS; slot++) {
		window = spapr->windows[slot];
		if (window && iova >= window->start &&
		    (iova - window->start) >> window->shift < window->entries)
			return window;
	}
	return NULL;
}

static void end_window(struct iom_sim *sim, struct sim_spapr *spapr, int slot)
{
	struct sim_window *window = spapr->windows[slot];

	iom_sim_tce_clear_window(sim, spapr, window);
	spapr->windows[slot] = NULL;
	free_window(sim, window);
}

int iom_sim_window_remove(struct iom_sim *sim, struct sim_spapr *spapr, uint64_t address)
{
	const struct sim_window *window = iom_sim_window_find(spapr, address);
	int slot;

	for (slot = 0; slot < SIM_WINDOWS; slot++) {
		if (window && spapr->windows[slot] == window) {
			end_window(sim, spapr, slot);
			return 0;
		}
	}
	return -EINVAL;
}

int iom_sim_window_default(struct iom_sim *sim, struct sim_spapr *spapr)
{
	const uint64_t size = iom_sim_window_default_size(sim, spapr);
	uint64_t start;
	int ret;

	if (!spapr->default_pending)
		return 0;
	ret = iom_sim_window_create(sim, spapr, SHIFT_4K, size, 1, &start);
	if (!ret)
		spapr->default_pending = false;
	return ret;
}

int iom_sim_window_share(const struct iom_sim *sim, const struct sim_spapr *spapr)
{
	return is_pseries(sim) && (spapr->windows[0] || spapr->windows[1]) ? -EPERM : 0;
}

/* tce_iommu_release_ownership(): all is cleared, for the groups that stay as well. */
void iom_sim_window_unset(struct iom_sim *sim, struct sim_spapr *spapr, struct sim_group *group)
{
	struct sim_window *window;
	int slot;

	for (slot = 0; slot < SIM_WINDOWS; slot++) {
		window = spapr->windows[slot];
		if (!window)
			continue;
		iom_sim_tce_clear_window(sim, spapr, window);
		if (window->owner == group)
			window->owner = NULL;
	}
}

void iom_sim_window_free_all(struct iom_sim *sim, struct sim_spapr *spapr)
{
	int slot;

	for (slot = 0; slot < SIM_WINDOWS; slot++)
		if (spapr->windows[slot])
			end_window(sim, spapr, slot);
}
