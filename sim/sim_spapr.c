// SPDX-License-Identifier: BSD-3-Clause
/* A container of SPAPR TCE: drivers/vfio/vfio_iommu_spapr_tce.c of Linux 6.12 and 7.2. */
#include "sim/spapr.h"

#include <errno.h>
#include <linux/vfio.h>
#include <stddef.h>
#include <stdlib.h>
#include <unistd.h>

/* ---- Accounts ------------------------------------------------------------------------------- */

int iom_sim_spapr_charge(struct iom_sim *sim, uint64_t pages)
{
	if (pages && !sim->ipc_lock && sim->memlock != IOM_SIM_UNLIMITED &&
	    sim->locked_pages + pages > sim->memlock / sim->page_size)
		return -ENOMEM;
	sim->locked_pages += pages;
	return 0;
}

/* The first process to register or to make a window is the only one that may use the container. */
static void bind_process(struct sim_spapr *spapr)
{
	if (!spapr->pid)
		spapr->pid = (int)getpid();
}

/* v1 is charged for all that the default window could ever show. */
static int enable(struct iom_sim *sim, struct sim_spapr *spapr)
{
	uint64_t pages = iom_sim_window_default_size(sim, spapr) / sim->page_size;
	int ret;

	if (spapr->enabled)
		return -EBUSY;
	bind_process(spapr);
	ret = iom_sim_spapr_charge(sim, pages);
	if (ret)
		return ret;
	spapr->locked_pages = pages;
	spapr->enabled = true;
	return 0;
}

static void disable(struct iom_sim *sim, struct sim_spapr *spapr)
{
	if (!spapr->enabled)
		return;
	spapr->enabled = false;
	sim->locked_pages -= spapr->locked_pages;
}

/* ---- Groups --------------------------------------------------------------------------------- */

int iom_sim_spapr_extension(const struct iom_sim *sim, unsigned long extension)
{
	switch (extension) {
	case VFIO_SPAPR_TCE_IOMMU:
	case VFIO_SPAPR_TCE_v2_IOMMU: /* whether or not a group can do it */
		return 1;
	case VFIO_EEH:
		return iom_sim_eeh_extension(sim);
	default:
		return 0;
	}
}

int iom_sim_spapr_attach(struct iom_sim *sim, struct sim_spapr *spapr, struct sim_group *group)
{
	int ret;

	if (spapr->v2 && sim->quirks[IOM_SIM_NO_SPAPR_V2])
		return -EINVAL;
	if (!spapr->v2 && spapr->groups)
		return -EBUSY;
	ret = iom_sim_window_share(sim, spapr);
	if (ret)
		return ret;
	if (!spapr->groups && !spapr->windows[0])
		spapr->default_pending = true;
	group->tce_next = spapr->groups;
	spapr->groups = group;
	return 0;
}

void iom_sim_spapr_detach(struct iom_sim *sim, struct sim_spapr *spapr, struct sim_group *group)
{
	struct sim_group **link;

	for (link = &spapr->groups; *link != group; link = &(*link)->tce_next)
		;
	*link = group->tce_next;
	group->tce_next = NULL;
	iom_sim_window_unset(sim, spapr, group);
}

static void release(struct iom_sim *sim, struct sim_spapr *spapr)
{
	while (spapr->groups)
		iom_sim_spapr_detach(sim, spapr, spapr->groups);
	iom_sim_window_free_all(sim, spapr);
	iom_sim_region_drop_all(sim, spapr);
	disable(sim, spapr);
	free(spapr);
}

void iom_sim_spapr_release(struct iom_sim *sim, struct sim_container *container)
{
	release(sim, container->spapr);
	container->spapr = NULL;
}

int iom_sim_spapr_open(struct iom_sim *sim, struct sim_container *container, unsigned long type)
{
	struct sim_spapr *spapr;
	struct sim_group *group;
	int ret = 0;

	if (type != VFIO_SPAPR_TCE_IOMMU && type != VFIO_SPAPR_TCE_v2_IOMMU)
		return -EINVAL;
	spapr = calloc(1, sizeof(*spapr));
	if (!spapr)
		return -ENOMEM;
	spapr->v2 = type == VFIO_SPAPR_TCE_v2_IOMMU;
	for (group = container->groups; group && !ret; group = group->container_next)
		ret = iom_sim_spapr_attach(sim, spapr, group);
	if (ret) {
		release(sim, spapr);
		return ret;
	}
	container->spapr = spapr;
	return 0;
}

const struct sim_maps *iom_sim_spapr_maps(const struct sim_spapr *spapr)
{
	return &spapr->maps;
}

/* ---- Requests ------------------------------------------------------------------------------- */

static int get_info(const struct iom_sim *sim, const struct sim_spapr *spapr, void *arg)
{
	size_t n = offsetof(struct vfio_iommu_spapr_tce_info, ddw);
	struct vfio_iommu_spapr_tce_info info = { 0 };
	int ret;

	ret = iom_sim_copy_in(&info, arg, n);
	if (ret)
		return ret;
	if (info.argsz < n)
		return -EINVAL;
	info.flags = 0;
	info.dma32_window_start = 0;
	info.dma32_window_size = (uint32_t)iom_sim_window_default_size(sim, spapr);
	if (spapr->v2) {
		info.flags = VFIO_IOMMU_SPAPR_INFO_DDW;
		info.ddw.pgsizes = sim->power.pgsizes;
		info.ddw.max_dynamic_windows_supported = sim->power.windows;
		info.ddw.levels = sim->power.machine == SIM_POWERNV ? 5 : !sim->power.ddw_off;
	}
	if (info.argsz >= sizeof(info))
		n = sizeof(info);
	return iom_sim_copy_out(arg, &info, n);
}

static int read_memory(void *arg, struct vfio_iommu_spapr_register_memory *memory)
{
	int ret = iom_sim_copy_in(memory, arg, sizeof(*memory));

	if (ret)
		return ret;
	return memory->argsz < sizeof(*memory) || memory->flags ? -EINVAL : 0;
}

static int register_memory(struct iom_sim *sim, struct sim_spapr *spapr, void *arg)
{
	struct vfio_iommu_spapr_register_memory memory;
	int ret;

	bind_process(spapr);
	ret = read_memory(arg, &memory);
	return ret ? ret : iom_sim_region_register(sim, spapr, memory.vaddr, memory.size);
}

static int unregister_memory(struct iom_sim *sim, struct sim_spapr *spapr, void *arg)
{
	struct vfio_iommu_spapr_register_memory memory;
	int ret;

	if (!spapr->pid)
		return -EPERM;
	ret = read_memory(arg, &memory);
	return ret ? ret : iom_sim_region_unregister(sim, spapr, memory.vaddr, memory.size);
}

static int create_window(struct iom_sim *sim, struct sim_spapr *spapr, void *arg)
{
	struct vfio_iommu_spapr_tce_create create;
	uint64_t start;
	int ret;

	bind_process(spapr);
	ret = iom_sim_copy_in(&create, arg, sizeof(create));
	if (ret)
		return ret;
	if (create.argsz < sizeof(create) || create.flags)
		return -EINVAL;
	ret = iom_sim_window_default(sim, spapr);
	if (!ret)
		ret = iom_sim_window_create(sim, spapr, create.page_shift, create.window_size,
					    create.levels, &start);
	if (ret)
		return ret;
	create.start_addr = start;
	return iom_sim_copy_out(arg, &create, sizeof(create));
}

static int remove_window(struct iom_sim *sim, struct sim_spapr *spapr, void *arg)
{
	struct vfio_iommu_spapr_tce_remove remove;
	int ret;

	bind_process(spapr);
	ret = iom_sim_copy_in(&remove, arg, sizeof(remove));
	if (ret)
		return ret;
	if (remove.argsz < sizeof(remove) || remove.flags)
		return -EINVAL;
	if (spapr->default_pending && !remove.start_addr) {
		spapr->default_pending = false;
		return 0;
	}
	return iom_sim_window_remove(sim, spapr, remove.start_addr);
}

static int v2_ioctl(struct iom_sim *sim, struct sim_spapr *spapr, unsigned long request, void *arg)
{
	switch (request) {
	case VFIO_IOMMU_SPAPR_REGISTER_MEMORY:
		return register_memory(sim, spapr, arg);
	case VFIO_IOMMU_SPAPR_UNREGISTER_MEMORY:
		return unregister_memory(sim, spapr, arg);
	case VFIO_IOMMU_SPAPR_TCE_CREATE:
		return create_window(sim, spapr, arg);
	case VFIO_IOMMU_SPAPR_TCE_REMOVE:
		return remove_window(sim, spapr, arg);
	default:
		return -ENOTTY;
	}
}

static int v1_ioctl(struct iom_sim *sim, struct sim_spapr *spapr, unsigned long request)
{
	switch (request) {
	case VFIO_IOMMU_ENABLE:
		return enable(sim, spapr);
	case VFIO_IOMMU_DISABLE:
		disable(sim, spapr);
		return 0;
	default:
		return -ENOTTY;
	}
}

int iom_sim_spapr_ioctl(struct iom_sim *sim, struct sim_spapr *spapr, unsigned long request,
			void *arg)
{
	if (spapr->pid && spapr->pid != (int)getpid())
		return -EPERM;
	switch (request) {
	case VFIO_IOMMU_SPAPR_TCE_GET_INFO: /* the number of type1's GET_INFO, too */
		return get_info(sim, spapr, arg);
	case VFIO_IOMMU_MAP_DMA:
		return iom_sim_tce_map(sim, spapr, arg);
	case VFIO_IOMMU_UNMAP_DMA:
		return iom_sim_tce_unmap(sim, spapr, arg);
	case VFIO_EEH_PE_OP:
		return iom_sim_eeh_ioctl(sim, spapr, arg);
	default:
		return spapr->v2 ? v2_ioctl(sim, spapr, request, arg)
				 : v1_ioctl(sim, spapr, request);
	}
}
