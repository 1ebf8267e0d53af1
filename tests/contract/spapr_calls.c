// SPDX-License-Identifier: BSD-3-Clause
/* Calls of POWER's SPAPR TCE. */
#include "tests/contract/run.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/vfio.h>
#include <stdio.h>
#include <string.h>

bool contract_spapr_applies(const struct contract_world *world, const struct contract_row *row)
{
	const struct contract_power *power = world->power;

	if (!power)
		return true;
	if (row->on && row->on != power->machine)
		return false;
	if ((row->harm == WARNS && !power->warnings) || (row->harm == CRASHES && !power->crashes))
		return false;
	return row->when == ALWAYS || (row->when == SMALL_PAGES) == (world->page_size == 4096);
}

const char *contract_spapr_lacks(const struct contract_world *world,
				 const struct contract_case *test)
{
	if (!world->power)
		return "it is no POWER machine";
	if (test->needs == POWER_PAIR && !world->power->other)
		return "there is no device of another group";
	if (test->needs == POWER_HUGE && !world->power->huge_page)
		return "there are no huge pages";
	if (test->needs == POWER_LOSS && !world->power->warnings)
		return "it would leave the kernel worse than it was";
	return NULL;
}

static int open_other(struct run *run, const struct contract_row *row)
{
	char path[32];

	snprintf(path, sizeof(path), "/dev/vfio/%d", run->world->power->other_group);
	return contract_keep(run, row, iom_sys_open(run->world->sys, path, O_RDWR));
}

/* What is past argsz, or the short struct of old, is left alone. */
static int get_info(struct run *run, const struct contract_row *row)
{
	const struct contract_power *power = run->world->power;
	const bool v2 = run->test->type == VFIO_SPAPR_TCE_v2_IOMMU;
	struct vfio_iommu_spapr_tce_info info;
	int ret;

	memset(&info, 0xa5, sizeof(info));
	info.argsz = (uint32_t)((int)sizeof(info) + row->argsz);
	ret = contract_call(run, row, VFIO_IOMMU_SPAPR_TCE_GET_INFO, &info);
	if (ret)
		return ret;
	contract_expect(run, "flags", info.flags, v2 ? VFIO_IOMMU_SPAPR_INFO_DDW : 0);
	contract_expect(run, "start", info.dma32_window_start, 0);
	contract_expect(run, "size", info.dma32_window_size, power->dma32_size);
	if (row->argsz < 0) {
		contract_expect(run, "page sizes", info.ddw.pgsizes, 0xa5a5a5a5a5a5a5a5);
		return 0;
	}
	contract_expect(run, "page sizes", info.ddw.pgsizes, v2 ? power->pgsizes : 0);
	contract_expect(run, "windows", info.ddw.max_dynamic_windows_supported, v2 ? 2 : 0);
	contract_expect(run, "levels", info.ddw.levels,
			!v2                         ? 0
			: power->machine == POWERNV ? 5
						    : 1);
	return 0;
}

static int register_memory(struct run *run, const struct contract_row *row, unsigned long request)
{
	struct vfio_iommu_spapr_register_memory arg = { .argsz = sizeof(arg) }, before;
	int ret;

	arg.argsz += (uint32_t)row->argsz;
	arg.flags = row->flags;
	arg.vaddr = contract_address(run, row);
	arg.size = contract_size(run, row);
	before = arg;
	ret = contract_call_memory(run, row, request, &arg);
	if (memcmp(&arg, &before, sizeof(arg)))
		contract_wrong(run, "the argument changed; ");
	return ret;
}

static int map(struct run *run, const struct contract_row *row)
{
	struct vfio_iommu_type1_dma_map arg = { .argsz = sizeof(arg) }, before;
	int ret;

	arg.argsz += (uint32_t)row->argsz;
	arg.flags = row->flags;
	arg.vaddr = contract_address(run, row);
	arg.iova = contract_iova(run, row);
	arg.size = contract_size(run, row);
	before = arg;
	ret = contract_call_memory(run, row, VFIO_IOMMU_MAP_DMA, &arg);
	if (memcmp(&arg, &before, sizeof(arg)))
		contract_wrong(run, "the argument changed; ");
	return ret;
}

static int unmap(struct run *run, const struct contract_row *row)
{
	struct vfio_iommu_type1_dma_unmap arg = { .argsz = sizeof(arg) }, before;
	int ret;

	arg.argsz += (uint32_t)row->argsz;
	arg.flags = row->flags;
	arg.iova = contract_iova(run, row);
	arg.size = contract_size(run, row);
	before = arg;
	ret = contract_call(run, row, VFIO_IOMMU_UNMAP_DMA, &arg);
	if (memcmp(&arg, &before, sizeof(arg)))
		contract_wrong(run, "the argument changed; ");
	return ret;
}

static int create(struct run *run, const struct contract_row *row)
{
	struct vfio_iommu_spapr_tce_create arg = { .argsz = sizeof(arg) };
	uint64_t start = row->out ? 0 : run->world->power->dma64_start;
	int ret;

	arg.argsz += (uint32_t)row->argsz;
	arg.flags = row->flags;
	arg.page_shift = row->shift;
	arg.window_size = (row->bits ? UINT64_C(1) << row->bits : 0) + row->size_odd;
	arg.levels = row->levels;
	arg.start_addr = 1;
	ret = contract_call(run, row, VFIO_IOMMU_SPAPR_TCE_CREATE, &arg);
	contract_expect(run, "start", arg.start_addr, ret ? 1 : start);
	if (!ret)
		run->fresh = arg.start_addr;
	return ret;
}

static int remove_window(struct run *run, const struct contract_row *row)
{
	struct vfio_iommu_spapr_tce_remove arg = { .argsz = sizeof(arg) };

	arg.argsz += (uint32_t)row->argsz;
	arg.flags = row->flags;
	arg.start_addr = contract_iova(run, row);
	return contract_call(run, row, VFIO_IOMMU_SPAPR_TCE_REMOVE, &arg);
}

static int eeh(struct run *run, const struct contract_row *row)
{
	struct vfio_eeh_pe_op arg = { .argsz = sizeof(arg) };

	arg.argsz += (uint32_t)row->argsz;
	arg.flags = (uint32_t)row->number;
	arg.op = row->flags;
	arg.err.type = row->id;
	arg.err.func = row->id2;
	return contract_call(run, row, VFIO_EEH_PE_OP, &arg);
}

int contract_spapr_call(struct run *run, const struct contract_row *row)
{
	switch (row->op) {
	case OPEN_OTHER:
		return open_other(run, row);
	case TCE_INFO:
		return get_info(run, row);
	case REGISTER:
		return register_memory(run, row, VFIO_IOMMU_SPAPR_REGISTER_MEMORY);
	case UNREGISTER:
		return register_memory(run, row, VFIO_IOMMU_SPAPR_UNREGISTER_MEMORY);
	case TCE_MAP:
		return map(run, row);
	case TCE_UNMAP:
		return unmap(run, row);
	case TCE_CREATE:
		return create(run, row);
	case TCE_REMOVE:
		return remove_window(run, row);
	case EEH_OP:
		return eeh(run, row);
	case LIMIT_BYTES:
		run->world->set_memlock(run->world->arg, row->size_odd, false);
		return 0;
	default:
		return -ENOSYS;
	}
}
