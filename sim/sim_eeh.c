// SPDX-License-Identifier: BSD-3-Clause
/*
 * EEH: the platform isolates a group that errs.  VFIO_EEH_PE_OP of Linux 6.12 and 7.2, as
 * arch/powerpc/kernel/eeh.c and the platforms below it answer it.
 */
#include "sim/spapr.h"

#include <errno.h>
#include <linux/vfio.h>
#include <stddef.h>

#define ERROR_TYPES 2      /* of 32 and of 64 bits */
#define ERROR_FUNCTIONS 20 /* EEH_ERR_FUNC_MAX, and 0 */

/* QEMU's bridges of pSeries have it for what they pass through only. */
static bool is_there(const struct iom_sim *sim)
{
	return sim->power.machine == SIM_POWERNV || sim->power.freezes;
}

bool iom_sim_eeh_stops(const struct sim_group *group)
{
	return group->eeh.dma_stopped || group->eeh.reset;
}

static void stop(struct sim_group *group)
{
	group->eeh.mmio_stopped = true;
	group->eeh.dma_stopped = true;
}

static void thaw(struct sim_group *group)
{
	group->eeh.mmio_stopped = false;
	group->eeh.dma_stopped = false;
}

void iom_sim_eeh_fault(const struct iom_sim *sim, struct sim_group *group)
{
	if (group && sim->power.freezes)
		stop(group);
}

/* eeh_pe_change_owner(), when a device is opened or closed */
void iom_sim_eeh_owner(struct sim_group *group)
{
	thaw(group);
}

/* eeh_pe_get_state() */
static int state_of(struct iom_sim *sim, const struct sim_group *group)
{
	if (group->eeh.unavailable)
		return VFIO_EEH_PE_STATE_UNAVAIL;
	if (group->eeh.reset)
		return VFIO_EEH_PE_STATE_RESET;
	if (group->eeh.mmio_stopped && group->eeh.dma_stopped)
		return VFIO_EEH_PE_STATE_STOPPED;
	if (group->eeh.dma_stopped)
		return VFIO_EEH_PE_STATE_STOPPED_DMA;
	if (group->eeh.mmio_stopped)
		return VFIO_EEH_PE_STATE_UNAVAIL;
	if (sim->power.machine == SIM_PSERIES && iom_sim_quirk(sim, IOM_SIM_NO_EEH_NORMAL))
		return VFIO_EEH_PE_STATE_STOPPED;
	return VFIO_EEH_PE_STATE_NORMAL;
}

/*
 * PowerNV freezes what it is about to reset, and has no state for the reset itself; pSeries has
 * one, and the hypervisor thaws what it resets.
 */
static void assert_reset(const struct iom_sim *sim, struct sim_group *group)
{
	if (sim->power.freezes && sim->power.machine == SIM_POWERNV)
		stop(group);
	else if (sim->power.freezes)
		group->eeh.reset = true;
}

static int inject(const struct vfio_eeh_pe_op *op)
{
	if (op->argsz < sizeof(*op))
		return -EINVAL;
	if (op->err.func >= ERROR_FUNCTIONS)
		return -EINVAL;
	if (op->err.type >= ERROR_TYPES)
		return -ERANGE;
	return -EIO; /* QEMU's firmware cannot */
}

static int perform(struct iom_sim *sim, struct sim_group *group, const struct vfio_eeh_pe_op *op)
{
	switch (op->op) {
	case VFIO_EEH_PE_DISABLE:
	case VFIO_EEH_PE_CONFIGURE:
		return 0;
	case VFIO_EEH_PE_ENABLE:
		iom_sim_eeh_owner(group);
		return 0;
	case VFIO_EEH_PE_UNFREEZE_IO:
		group->eeh.mmio_stopped = false;
		return 0;
	case VFIO_EEH_PE_UNFREEZE_DMA:
		group->eeh.dma_stopped = false;
		return 0;
	case VFIO_EEH_PE_GET_STATE:
		return state_of(sim, group);
	case VFIO_EEH_PE_RESET_DEACTIVATE:
		group->eeh.reset = false;
		thaw(group);
		return 0;
	case VFIO_EEH_PE_RESET_HOT:
	case VFIO_EEH_PE_RESET_FUNDAMENTAL:
		assert_reset(sim, group);
		return 0;
	case VFIO_EEH_PE_INJECT_ERR:
		return inject(op);
	default:
		return -EINVAL;
	}
}

int iom_sim_eeh_ioctl(struct iom_sim *sim, struct sim_spapr *spapr, void *arg)
{
	const size_t least = offsetof(struct vfio_eeh_pe_op, op) + sizeof(uint32_t);
	struct vfio_eeh_pe_op op = { 0 };
	struct sim_group *group;
	int ret;

	if (!spapr->groups || !is_there(sim))
		return -ENODEV;
	ret = iom_sim_copy_in(&op, arg, least);
	if (ret)
		return ret;
	if (op.argsz < least || op.flags)
		return -EINVAL;
	if (op.op == VFIO_EEH_PE_INJECT_ERR && op.argsz >= sizeof(op)) {
		ret = iom_sim_copy_in(&op, arg, sizeof(op));
		if (ret)
			return ret;
	}
	/* of all groups, until one answers something else than 0 */
	for (group = spapr->groups; group && !ret; group = group->tce_next)
		ret = perform(sim, group, &op);
	return ret;
}

bool iom_sim_eeh_extension(const struct iom_sim *sim)
{
	return is_there(sim);
}

void iom_sim_spapr_freezes(struct iom_sim *sim, bool on)
{
	pthread_mutex_lock(&sim->lock);
	sim->power.freezes = on;
	pthread_mutex_unlock(&sim->lock);
}

static int set_state(struct sim_group *group, int state)
{
	switch (state) {
	case VFIO_EEH_PE_STATE_NORMAL:
	case VFIO_EEH_PE_STATE_RESET:
	case VFIO_EEH_PE_STATE_STOPPED:
	case VFIO_EEH_PE_STATE_STOPPED_DMA:
	case VFIO_EEH_PE_STATE_UNAVAIL:
		break;
	default:
		return -EINVAL;
	}
	group->eeh.mmio_stopped = state == VFIO_EEH_PE_STATE_STOPPED;
	group->eeh.dma_stopped = group->eeh.mmio_stopped || state == VFIO_EEH_PE_STATE_STOPPED_DMA;
	group->eeh.reset = state == VFIO_EEH_PE_STATE_RESET;
	group->eeh.unavailable = state == VFIO_EEH_PE_STATE_UNAVAIL;
	return 0;
}

int iom_sim_spapr_set_state(struct iom_sim *sim, const char *address, int state)
{
	const struct sim_device *device;
	int ret = -ENODEV;

	pthread_mutex_lock(&sim->lock);
	device = iom_sim_device(sim, address);
	if (device && device->group)
		ret = set_state(device->group, state);
	pthread_mutex_unlock(&sim->lock);
	return ret;
}
