// SPDX-License-Identifier: BSD-3-Clause
/*
 * What EEH answers: on PowerNV, whose calls all work, though QEMU's bridges never freeze anything,
 * not even for a reset; on pSeries, where they have it for what they pass through only.
 */
#include "tests/contract/contract.h"

#include <errno.h>
#include <linux/vfio.h>

#define V2 VFIO_SPAPR_TCE_v2_IOMMU
#define NV EEH_OP, .on = POWERNV
#define SERIES EEH_OP, .on = PSERIES

/* clang-format off */

static const struct contract_row works[] = {
	{ "state, before it is enabled", NV, .flags = VFIO_EEH_PE_GET_STATE },
	{ "enable", NV, .flags = VFIO_EEH_PE_ENABLE },
	{ "enable again", NV, .flags = VFIO_EEH_PE_ENABLE },
	{ "state", NV, .flags = VFIO_EEH_PE_GET_STATE },
	{ "thaw registers that are not frozen", NV, .flags = VFIO_EEH_PE_UNFREEZE_IO },
	{ "thaw DMA that is not frozen", NV, .flags = VFIO_EEH_PE_UNFREEZE_DMA },
	{ "configure", NV, .flags = VFIO_EEH_PE_CONFIGURE },
	{ "disable, which does nothing", NV, .flags = VFIO_EEH_PE_DISABLE },
	{ "thaw after that", NV, .flags = VFIO_EEH_PE_UNFREEZE_IO },
	{ "it still works", NV, .flags = VFIO_EEH_PE_GET_STATE },

	{ "flags", NV, .flags = VFIO_EEH_PE_GET_STATE, .number = 1, .answer = -EINVAL },
	{ "struct without error", NV, .flags = VFIO_EEH_PE_GET_STATE, .argsz = -28 },
	{ "struct without all of operation", NV, .flags = VFIO_EEH_PE_GET_STATE, .argsz = -29,
	  .answer = -EINVAL },
	{ "longer struct", NV, .flags = VFIO_EEH_PE_GET_STATE, .argsz = 8 },
	{ "operation behind the last", NV, .flags = VFIO_EEH_PE_INJECT_ERR + 1,
	  .answer = -EINVAL },
	{ "inject, struct too short", NV, .flags = VFIO_EEH_PE_INJECT_ERR, .argsz = -1,
	  .answer = -EINVAL },
	{ "inject, no such type", NV, .flags = VFIO_EEH_PE_INJECT_ERR, .id = 2,
	  .answer = -ERANGE },
	{ "inject, no such kind", NV, .flags = VFIO_EEH_PE_INJECT_ERR, .id2 = 20,
	  .answer = -EINVAL },
	{ "inject", NV, .flags = VFIO_EEH_PE_INJECT_ERR, .answer = -EIO },
	{ "nothing was injected", NV, .flags = VFIO_EEH_PE_GET_STATE },
};

/*
 * Without RESET_FUNDAMENTAL, which is for the simulation alone: all answers are 0, too, but in the
 * guest the device cannot be reached any more.
 */
static const struct contract_row resets[] = {
	{ "end a reset that is none", NV, .flags = VFIO_EEH_PE_RESET_DEACTIVATE },
	{ "state", NV, .flags = VFIO_EEH_PE_GET_STATE },
	{ "hot reset", NV, .flags = VFIO_EEH_PE_RESET_HOT },
	{ "state in it", NV, .flags = VFIO_EEH_PE_GET_STATE },
	{ "hot reset again", NV, .flags = VFIO_EEH_PE_RESET_HOT },
	{ "end the reset", NV, .flags = VFIO_EEH_PE_RESET_DEACTIVATE },
	{ "configure", NV, .flags = VFIO_EEH_PE_CONFIGURE },
	{ "state after it", NV, .flags = VFIO_EEH_PE_GET_STATE },
	{ "one to be thawed", NV, .flags = VFIO_EEH_PE_RESET_HOT },
	{ "thaw registers", NV, .flags = VFIO_EEH_PE_UNFREEZE_IO },
	{ "thaw DMA", NV, .flags = VFIO_EEH_PE_UNFREEZE_DMA },
	{ "enable", NV, .flags = VFIO_EEH_PE_ENABLE },
	{ "end that reset", NV, .flags = VFIO_EEH_PE_RESET_DEACTIVATE },
};

static const struct contract_row nowhere[] = {
	{ "enable", SERIES, .flags = VFIO_EEH_PE_ENABLE, .answer = -ENODEV },
	{ "state, flags", SERIES, .flags = VFIO_EEH_PE_GET_STATE, .number = 1,
	  .answer = -ENODEV },
	{ "thaw", SERIES, .flags = VFIO_EEH_PE_UNFREEZE_IO, .answer = -ENODEV },
	{ "hot reset", SERIES, .flags = VFIO_EEH_PE_RESET_HOT, .answer = -ENODEV },
	{ "end a reset", SERIES, .flags = VFIO_EEH_PE_RESET_DEACTIVATE, .answer = -ENODEV },
	{ "no such operation", SERIES, .flags = 99, .answer = -ENODEV },
};

static const struct contract_row no_group[] = {
	{ "open a container", OPEN_CONTAINER, .to = C },
	{ "state before type", EEH_OP, .flags = VFIO_EEH_PE_GET_STATE, .answer = -EINVAL },
	{ "open the group", OPEN_GROUP, .to = G },
	{ "join", SET_CONTAINER, .fd = G, .to = C },
	{ "type", REQUEST, .number = VFIO_SET_IOMMU, .flags = V2 },
	{ "state without a device", EEH_OP, .on = POWERNV, .flags = VFIO_EEH_PE_GET_STATE },
	{ "leave", UNSET_CONTAINER, .fd = G },
	{ "state after that", EEH_OP, .flags = VFIO_EEH_PE_GET_STATE, .answer = -EINVAL },
};

/* clang-format on */

#define CASE(title, why, how, table)                                                  \
	{                                                                             \
		.name = title, .needs = why, .setup = how, .type = V2, .rows = table, \
		.n = sizeof(table) / sizeof((table)[0]),                              \
	}

const struct contract_case contract_eeh_cases[] = {
	CASE("SPAPR EEH of what works", POWER, WITH_TYPE1, works),
	CASE("SPAPR EEH resets", POWER, WITH_TYPE1, resets),
	CASE("SPAPR no EEH", POWER, WITH_TYPE1, nowhere),
	CASE("SPAPR EEH and groups", POWER, FROM_NOTHING, no_group),
};
const size_t contract_n_eeh_cases = sizeof(contract_eeh_cases) / sizeof(contract_eeh_cases[0]);
