// SPDX-License-Identifier: BSD-3-Clause
/* Devices of an iommufd and the page tables that they use: drivers/iommu/iommufd/device.c. */
#include "sim/iommufd.h"

#include <errno.h>
#include <stdlib.h>

/* ---- Binding -------------------------------------------------------------------------------- */

/* iommu_device_claim_dma_owner() */
static int claim(struct iom_sim *sim, struct sim_group *group, struct sim_iommufd *iommufd)
{
	if (group->owner)
		return group->owner == iommufd ? 0 : -EPERM;
	if (iom_sim_vfio_other_has_device(sim, group))
		return -EPERM;
	return group->container || !iom_sim_vfio_is_viable(sim, group) ? -EPERM : 0;
}

int iom_sim_bind_iommufd(struct iom_sim *sim, struct sim_device *device,
			 struct sim_iommufd *iommufd)
{
	struct sim_group *group = device->group;
	struct sim_object *bound;
	int ret;

	if (!sim->isolated_msi && !sim->iommufd_unsafe_interrupts)
		return -EPERM;
	ret = claim(sim, group, iommufd);
	if (ret)
		return ret;
	bound = calloc(1, sizeof(*bound));
	if (!bound)
		return -ENOMEM;
	bound->users = 1; /* VFIO */
	iom_sim_object_add(iommufd, bound, SIM_BOUND);
	iommufd->refs++;
	device->iommufd = iommufd;
	device->bound = bound;
	group->owner = iommufd;
	group->bound++;
	return 0;
}

void iom_sim_unbind_iommufd(struct iom_sim *sim, struct sim_device *device)
{
	struct sim_iommufd *iommufd = device->iommufd;

	iom_sim_detach_iommufd(sim, device);
	iom_sim_object_remove(iommufd, device->bound);
	free(device->bound);
	device->bound = NULL;
	device->iommufd = NULL;
	if (!--device->group->bound)
		device->group->owner = NULL;
	iom_sim_iommufd_put(sim, iommufd);
}

/* ---- Attaching ------------------------------------------------------------------------------ */

struct reservation {
	struct sim_ioas *ioas;
	const struct sim_device *device;
};

static int reserve_hole(void *arg, struct sim_range hole)
{
	struct reservation *reservation = arg;

	return iom_sim_ioas_reserve(reservation->ioas, hole, reservation->device);
}

/* What a device cannot use, all of it or nothing. */
static int reserve(const struct iom_sim *sim, struct sim_ioas *ioas,
		   const struct sim_device *device)
{
	struct reservation reservation = { ioas, device };
	int ret = iom_sim_ranges_each_hole(sim, device, reserve_hole, &reservation);

	if (ret)
		iom_sim_ioas_unreserve(ioas, device);
	return ret;
}

/* Can the IOMMU in front of a device use the page table. */
static int check_fit(const struct iom_sim *sim, const struct sim_hwpt *hwpt,
		     const struct sim_device *device)
{
	/* up to 6.12 VT-d made second stage tables for iommufd, whatever the hardware has */
	if (sim->first_stage_only && sim->kernel < 613)
		return -EINVAL;
	return hwpt->last > device->iommu_last ? -EINVAL : 0;
}

/* The first device of a group brings the group along, the others follow it. */
static int join(struct iom_sim *sim, struct sim_device *device, struct sim_hwpt *hwpt)
{
	struct sim_group *group = device->group;
	int ret;

	if (group->hwpt && group->hwpt != hwpt)
		return -EINVAL;
	ret = reserve(sim, hwpt->ioas, device);
	if (ret)
		return ret;
	if (!group->hwpt) {
		ret = check_fit(sim, hwpt, device);
		if (ret) {
			iom_sim_ioas_unreserve(hwpt->ioas, device);
			return ret;
		}
	}
	group->hwpt = hwpt;
	hwpt->object.users++;
	device->attached = true;
	return 0;
}

/* Whoever of the group is attached to its page table, to move with it. */
static struct sim_device *next_attached(struct sim_device *device, const struct sim_group *group)
{
	while (device && !(device->group == group && device->attached))
		device = device->next;
	return device;
}

static void put_hwpt(struct iom_sim *sim, struct sim_iommufd *iommufd, struct sim_hwpt *hwpt)
{
	if (hwpt->object.users)
		return;
	iom_sim_ioas_remove_hwpt(sim, hwpt->ioas, hwpt);
	iom_sim_object_remove(iommufd, &hwpt->object);
	free(hwpt);
}

static int reserve_for_group(struct iom_sim *sim, struct sim_ioas *ioas,
			     const struct sim_group *group)
{
	struct sim_device *device, *undo;
	int ret;

	for (device = next_attached(sim->devices, group); device;
	     device = next_attached(device->next, group)) {
		ret = reserve(sim, ioas, device);
		if (ret) {
			for (undo = sim->devices; undo != device; undo = undo->next)
				if (undo->group == group)
					iom_sim_ioas_unreserve(ioas, undo);
			return ret;
		}
	}
	return 0;
}

static void unreserve_for_group(struct iom_sim *sim, struct sim_ioas *ioas,
				const struct sim_group *group)
{
	struct sim_device *device;

	for (device = sim->devices; device; device = device->next)
		if (device->group == group)
			iom_sim_ioas_unreserve(ioas, device);
}

/* The whole group moves. */
static int replace(struct iom_sim *sim, struct sim_device *device, struct sim_hwpt *hwpt)
{
	struct sim_group *group = device->group;
	struct sim_hwpt *old = group->hwpt;
	struct sim_device *other;
	int ret;

	if (old == hwpt)
		return 0;
	if (old->ioas != hwpt->ioas) {
		ret = reserve_for_group(sim, hwpt->ioas, group);
		if (ret)
			return ret;
	}
	ret = check_fit(sim, hwpt, device);
	if (ret) {
		if (old->ioas != hwpt->ioas)
			unreserve_for_group(sim, hwpt->ioas, group);
		return ret;
	}
	if (old->ioas != hwpt->ioas)
		unreserve_for_group(sim, old->ioas, group);
	for (other = next_attached(sim->devices, group); other;
	     other = next_attached(other->next, group)) {
		hwpt->object.users++;
		old->object.users--;
	}
	group->hwpt = hwpt;
	put_hwpt(sim, device->iommufd, old);
	return 0;
}

static int change(struct iom_sim *sim, struct sim_device *device, struct sim_hwpt *hwpt)
{
	return device->attached ? replace(sim, device, hwpt) : join(sim, device, hwpt);
}

static void leave(struct iom_sim *sim, struct sim_device *device)
{
	struct sim_group *group = device->group;
	struct sim_hwpt *hwpt = group->hwpt;

	device->attached = false;
	hwpt->object.users--;
	iom_sim_ioas_unreserve(hwpt->ioas, device);
	if (!next_attached(sim->devices, group))
		group->hwpt = NULL;
}

/* A page table of its own: attached and then filled, or filled and then put in place. */
static int attach_to_new(struct iom_sim *sim, struct sim_device *device, struct sim_ioas *ioas,
			 uint32_t *id)
{
	bool attached = device->attached;
	struct sim_hwpt *hwpt;
	int ret = 0;

	hwpt = calloc(1, sizeof(*hwpt));
	if (!hwpt)
		return -ENOMEM;
	hwpt->ioas = ioas;
	hwpt->last = device->iommu_last;
	iom_sim_object_add(device->iommufd, &hwpt->object, SIM_HWPT);
	if (!attached)
		ret = join(sim, device, hwpt);
	if (ret)
		goto failed;
	ret = iom_sim_ioas_add_hwpt(sim, ioas, hwpt);
	if (ret) {
		if (!attached)
			leave(sim, device);
		goto failed;
	}
	if (attached) {
		ret = replace(sim, device, hwpt);
		if (ret) {
			iom_sim_ioas_remove_hwpt(sim, ioas, hwpt);
			goto failed;
		}
	}
	*id = hwpt->object.id;
	return 0;

failed:
	iom_sim_object_remove(device->iommufd, &hwpt->object);
	free(hwpt);
	return ret;
}

/* The first page table of the IOAS that fits, or a new one. */
static int attach_to_ioas(struct iom_sim *sim, struct sim_device *device, struct sim_ioas *ioas,
			  uint32_t *id)
{
	struct sim_hwpt *hwpt;
	int ret;

	for (hwpt = ioas->hwpts; hwpt; hwpt = hwpt->next) {
		ret = change(sim, device, hwpt);
		if (!ret)
			*id = hwpt->object.id;
		if (ret != -EINVAL)
			return ret;
	}
	return attach_to_new(sim, device, ioas, id);
}

int iom_sim_attach_iommufd(struct iom_sim *sim, struct sim_device *device, uint32_t *id)
{
	struct sim_object *object = iom_sim_any_object(device->iommufd, *id);

	if (!object)
		return -ENOENT;
	switch (object->kind) {
	case SIM_IOAS:
		return attach_to_ioas(sim, device, (struct sim_ioas *)object, id);
	case SIM_HWPT:
		return change(sim, device, (struct sim_hwpt *)object);
	case SIM_BOUND:
		break;
	}
	return -EINVAL;
}

void iom_sim_detach_iommufd(struct iom_sim *sim, struct sim_device *device)
{
	struct sim_hwpt *hwpt = device->group->hwpt;

	if (!device->attached)
		return;
	leave(sim, device);
	put_hwpt(sim, device->iommufd, hwpt);
}
