// SPDX-License-Identifier: BSD-3-Clause
/*
 * Windows of SPAPR TCE on POWER.  These come last, because a table that the platform fails to make
 * stays counted against the limit of the process, and the last two of all leave more behind.
 */
#include "tests/contract/contract.h"

#include <errno.h>
#include <linux/vfio.h>

#define R VFIO_DMA_MAP_FLAG_READ
#define W VFIO_DMA_MAP_FLAG_WRITE
#define V2 VFIO_SPAPR_TCE_v2_IOMMU

/* clang-format off */

static const struct contract_row windows[] = {
	{ "create, no struct", REQUEST, .number = VFIO_IOMMU_SPAPR_TCE_CREATE,
	  .answer = -EFAULT },
	{ "create, struct too short", TCE_CREATE, .shift = 16, .bits = 30, .levels = 1,
	  .argsz = -1, .answer = -EINVAL },
	{ "create, flags", TCE_CREATE, .shift = 16, .bits = 30, .levels = 1, .flags = 1,
	  .answer = -EINVAL },
	{ "remove, no struct", REQUEST, .number = VFIO_IOMMU_SPAPR_TCE_REMOVE,
	  .answer = -EFAULT },
	{ "remove, struct too short", TCE_REMOVE, .at = ZERO, .argsz = -1, .answer = -EINVAL },
	{ "remove, flags", TCE_REMOVE, .at = ZERO, .flags = 1, .answer = -EINVAL },
	{ "remove none", TCE_REMOVE, .at = ABOVE, .answer = -EINVAL },
	{ "create one beside the default", TCE_CREATE, .shift = 16, .bits = 30, .levels = 1 },
	{ "a third", TCE_CREATE, .shift = 16, .bits = 30, .levels = 1, .answer = -ENOSPC },
	{ "which counts first", TCE_CREATE, .shift = 13, .levels = 1, .answer = -ENOSPC },
	{ "register", REGISTER, .size = 32 },
	{ "map in the first", TCE_MAP, .at = ZERO, .size = 16, .flags = R | W },
	{ "and in the second", TCE_MAP, .when = LARGE_PAGES, .at = FRESH, .size = 16,
	  .flags = R | W },
	{ "pages too small for the second", TCE_MAP, .when = SMALL_PAGES, .at = FRESH, .size = 16,
	  .memory_pages = 16, .flags = R | W, .answer = -EINVAL },
	{ "behind the second", TCE_MAP, .at = FRESH, .odd = 1 << 30, .size = 16, .flags = R | W,
	  .answer = -ENXIO },
	{ "remove it by an address inside", TCE_REMOVE, .at = FRESH, .pages = 100, .odd = 123 },
	{ "it is gone", TCE_MAP, .at = FRESH, .size = 16, .flags = R | W, .answer = -ENXIO },
	{ "remove it again", TCE_REMOVE, .at = FRESH, .answer = -EINVAL },
	{ "one as small as the default", TCE_CREATE, .shift = 12, .bits = 28, .levels = 1 },
	{ "map there", TCE_MAP, .at = FRESH, .size = 16, .flags = R | W },
	{ "remove it", TCE_REMOVE, .at = FRESH },
	{ "remove the first, with what is in it", TCE_REMOVE, .at = ZERO },
	{ "nothing is left", TCE_MAP, .at = ZERO, .size = 16, .flags = R | W, .answer = -ENXIO },
	{ "nothing to unmap", TCE_UNMAP, .at = ZERO, .size = 16, .answer = -ENXIO },
	{ "remove it again", TCE_REMOVE, .at = ZERO, .answer = -EINVAL },
	{ "unregister", UNREGISTER, .size = 32 },
	{ "one alone", TCE_CREATE, .on = PSERIES, .shift = 16, .bits = 30, .levels = 1 },
	{ "one alone", TCE_CREATE, .on = POWERNV, .shift = 16, .bits = 30, .levels = 1,
	  .out = true },
	{ "remove it", TCE_REMOVE, .at = FRESH },
	{ "the default one again", TCE_CREATE, .shift = 12, .bits = 30, .levels = 1,
	  .out = true },
	{ "unmap in it", TCE_UNMAP, .at = ZERO, .size = 16 },
};

static const struct contract_row pending[] = {
	{ "cancel the default window", TCE_REMOVE, .at = ZERO },
	{ "it is no longer to come", TCE_REMOVE, .at = ZERO, .answer = -EINVAL },
	{ "register", REGISTER, .size = 16 },
	{ "nowhere to map", TCE_MAP, .at = ZERO, .size = 16, .flags = R | W, .answer = -ENXIO },
	{ "create", TCE_CREATE, .on = PSERIES, .shift = 16, .bits = 30, .levels = 1 },
	{ "create", TCE_CREATE, .on = POWERNV, .shift = 16, .bits = 30, .levels = 1,
	  .out = true },
	{ "map", TCE_MAP, .when = LARGE_PAGES, .at = FRESH, .size = 16, .flags = R | W },
	{ "two", TCE_CREATE, .on = POWERNV, .shift = 12, .bits = 30, .levels = 1 },
	{ "map there", TCE_MAP, .on = POWERNV, .at = FRESH, .size = 16, .flags = R | W },
};

static const struct contract_row pending_after_all[] = {
	{ "register", REGISTER, .size = 16 },
	{ "unmap makes it", TCE_UNMAP, .at = ZERO, .size = 1 },
	{ "so it can be removed", TCE_REMOVE, .at = ZERO, .pages = 3 },
	{ "and is gone", TCE_UNMAP, .at = ZERO, .size = 1, .answer = -ENXIO },
	{ "slot 0 is free", TCE_CREATE, .shift = 12, .bits = 28, .levels = 1, .out = true },
	{ "map", TCE_MAP, .at = ZERO, .size = 16, .flags = R | W },
	{ "past it", TCE_MAP, .at = ZERO, .odd = 1 << 28, .size = 16, .flags = R | W,
	  .answer = -ENXIO },
};

static const struct contract_row levels[] = {
	{ "cancel the default window", TCE_REMOVE, .at = ZERO },
	{ "no levels", TCE_CREATE, .on = PSERIES, .shift = 16, .bits = 30 },
	{ "remove", TCE_REMOVE, .on = PSERIES, .at = FRESH },
	{ "no levels", TCE_CREATE, .on = POWERNV, .shift = 16, .bits = 30, .answer = -EINVAL },
	{ "2", TCE_CREATE, .on = PSERIES, .shift = 16, .bits = 30, .levels = 2,
	  .answer = -EINVAL },
	{ "2", TCE_CREATE, .on = POWERNV, .shift = 16, .bits = 30, .levels = 2, .out = true },
	{ "remove", TCE_REMOVE, .on = POWERNV, .at = FRESH },
	{ "2 of 2^40", TCE_CREATE, .on = POWERNV, .shift = 16, .bits = 40, .levels = 2,
	  .out = true },
	{ "remove", TCE_REMOVE, .on = POWERNV, .at = FRESH },
	{ "3 of 2^40", TCE_CREATE, .on = POWERNV, .when = SMALL_PAGES, .shift = 16, .bits = 40,
	  .levels = 3, .out = true },
	{ "remove", TCE_REMOVE, .on = POWERNV, .when = SMALL_PAGES, .at = FRESH },
	{ "3 of 2^40", TCE_CREATE, .on = POWERNV, .when = LARGE_PAGES, .shift = 16, .bits = 40,
	  .levels = 3, .answer = -EINVAL },
	{ "5", TCE_CREATE, .when = LARGE_PAGES, .shift = 16, .bits = 32, .levels = 5,
	  .answer = -EINVAL },
	{ "6", TCE_CREATE, .shift = 16, .bits = 30, .levels = 6, .answer = -EINVAL },
	{ "1 of too much memory", TCE_CREATE, .on = POWERNV, .shift = 12, .bits = 40,
	  .levels = 1, .answer = -ENOMEM },
};

static const struct contract_row sizes[] = {
	{ "cancel the default window", TCE_REMOVE, .at = ZERO },
	{ "no power of two", TCE_CREATE, .shift = 16, .bits = 30, .size_odd = 1 << 20,
	  .levels = 1, .answer = -EINVAL },
	{ "nothing", TCE_CREATE, .harm = WARNS, .shift = 16, .levels = 1, .answer = -EINVAL },
	{ "too much", TCE_CREATE, .shift = 16, .bits = 60, .levels = 1, .answer = -EINVAL },
	{ "half a page", TCE_CREATE, .on = PSERIES, .shift = 16, .bits = 15, .levels = 1,
	  .answer = -EINVAL },
	{ "half a page", TCE_CREATE, .on = POWERNV, .shift = 16, .bits = 15, .levels = 1,
	  .out = true },
	{ "remove", TCE_REMOVE, .on = POWERNV, .at = FRESH },
	{ "no such page size", TCE_CREATE, .shift = 13, .bits = 30, .levels = 1,
	  .answer = -EINVAL },
	{ "nor such", TCE_CREATE, .shift = 200, .bits = 30, .levels = 1, .answer = -EINVAL },
	{ "16 MiB", TCE_CREATE, .on = POWERNV, .shift = 24, .bits = 30, .levels = 1,
	  .answer = -EINVAL },
	{ "1 GiB", TCE_CREATE, .on = PSERIES, .shift = 30, .bits = 32, .levels = 1,
	  .answer = -EINVAL },
	{ "16 MiB", TCE_CREATE, .on = PSERIES, .shift = 24, .bits = 30, .levels = 1 },
	{ "remove", TCE_REMOVE, .on = PSERIES, .at = FRESH },
	{ "1 GiB", TCE_CREATE, .on = POWERNV, .shift = 30, .bits = 32, .levels = 1, .out = true },
	{ "remove", TCE_REMOVE, .on = POWERNV, .at = FRESH },
	{ "4 KiB pages, 4 GiB", TCE_CREATE, .on = PSERIES, .shift = 12, .bits = 32,
	  .levels = 1 },
	{ "4 KiB pages, 4 GiB", TCE_CREATE, .on = POWERNV, .shift = 12, .bits = 32, .levels = 1,
	  .out = true },
	{ "remove", TCE_REMOVE, .at = FRESH },
	{ "2 MiB", TCE_CREATE, .on = PSERIES, .shift = 21, .bits = 32, .levels = 1 },
	{ "2 MiB", TCE_CREATE, .on = POWERNV, .shift = 21, .bits = 32, .levels = 1, .out = true },
	{ "register", REGISTER, .when = LARGE_PAGES, .size = 64 },
	{ "small pages do not go there", TCE_MAP, .when = LARGE_PAGES, .at = FRESH,
	  .size_odd = 2 << 20, .flags = R | W, .answer = -EINVAL },
};

static const struct contract_row wide_on_pseries[] = {
	{ "register", REGISTER, .when = LARGE_PAGES, .size = 16 },
	{ "beside the default", TCE_CREATE, .on = PSERIES, .shift = 16, .bits = 30, .levels = 1 },
	{ "remove the default", TCE_REMOVE, .on = PSERIES, .at = ZERO },
	{ "map in what stays", TCE_MAP, .on = PSERIES, .when = LARGE_PAGES, .at = FRESH,
	  .size = 16, .flags = R | W },
	{ "the default again", TCE_CREATE, .on = PSERIES, .shift = 12, .bits = 30, .levels = 1,
	  .answer = -EPERM },
	{ "smaller", TCE_CREATE, .on = PSERIES, .shift = 12, .bits = 28, .levels = 1,
	  .answer = -EPERM },
	{ "another wide one", TCE_CREATE, .on = PSERIES, .shift = 16, .bits = 30, .levels = 1,
	  .answer = -EPERM },
	{ "remove the wide one", TCE_REMOVE, .on = PSERIES, .at = FRESH },
	{ "the default again", TCE_CREATE, .on = PSERIES, .shift = 12, .bits = 30, .levels = 1,
	  .out = true },
	{ "a wide one again", TCE_CREATE, .on = PSERIES, .shift = 16, .bits = 30, .levels = 1 },
	{ "beside the default", TCE_CREATE, .on = POWERNV, .shift = 16, .bits = 30, .levels = 1 },
	{ "remove the default", TCE_REMOVE, .on = POWERNV, .at = ZERO },
	{ "the default again", TCE_CREATE, .on = POWERNV, .shift = 12, .bits = 31, .levels = 1,
	  .out = true },
};

static const struct contract_row leak[] = {
	{ "register 8", REGISTER, .size = 8 },
	{ "map 1", TCE_MAP, .at = ZERO, .memory_pages = 4, .size = 1, .flags = R | W },
	{ "unregister what is in use", UNREGISTER, .size = 8 },
	{ "it is not the container's", UNREGISTER, .size = 8, .answer = -ENOENT },
	{ "but it is in the way", REGISTER, .size = 4, .answer = -EINVAL },
	{ "and can be mapped", TCE_MAP, .at = ZERO, .pages = 1, .size = 1, .flags = R | W },
	{ "unmap all", TCE_UNMAP, .at = ZERO, .size = 8 },
	{ "in the way for ever", REGISTER, .size = 4, .answer = -EINVAL },
	{ "except to itself", REGISTER, .size = 8 },
	{ "which helps only as long as it lasts", UNREGISTER, .size = 8 },
	{ "in the way", REGISTER, .memory_pages = 4, .size = 8, .answer = -EINVAL },
};

/* The last rows of all, because they end the use of windows until the next boot. */
static const struct contract_row blacklist[] = {
	{ "cancel the default window", TCE_REMOVE, .on = PSERIES, .at = ZERO },
	{ "a wide one", TCE_CREATE, .on = PSERIES, .shift = 16, .bits = 30, .levels = 1 },
	{ "another", TCE_CREATE, .on = PSERIES, .shift = 16, .bits = 30,
	  .levels = 1, .answer = -ENODEV },
	{ "remove the first", TCE_REMOVE, .on = PSERIES, .at = FRESH },
	{ "one", TCE_CREATE, .on = PSERIES, .shift = 16, .bits = 30, .levels = 1,
	  .answer = -ENODEV },
	{ "the default", TCE_CREATE, .on = PSERIES, .shift = 12, .bits = 30,
	  .levels = 1, .answer = -ENODEV },
};

/* clang-format on */

#define CASE(title, why, how, iommu, table)                                              \
	{                                                                                \
		.name = title, .needs = why, .setup = how, .type = iommu, .rows = table, \
		.n = sizeof(table) / sizeof(table[0]),                                   \
	}

const struct contract_case contract_window_cases[] = {
	CASE("SPAPR windows", POWER, WITH_TYPE1, V2, windows),
	CASE("SPAPR default window cancelled", POWER, WITH_TYPE1, V2, pending),
	CASE("SPAPR default window removed", POWER, WITH_TYPE1, V2, pending_after_all),
	CASE("SPAPR levels", POWER, WITH_TYPE1, V2, levels),
	CASE("SPAPR sizes of windows", POWER, WITH_TYPE1, V2, sizes),
	CASE("SPAPR default window anew", POWER, WITH_TYPE1, V2, wide_on_pseries),
	CASE("SPAPR a registration lost", POWER_LOSS, WITH_TYPE1, V2, leak),
	CASE("SPAPR no more windows", POWER_LOSS, WITH_TYPE1, V2, blacklist),
};
const size_t contract_n_window_cases =
	sizeof(contract_window_cases) / sizeof(contract_window_cases[0]);
