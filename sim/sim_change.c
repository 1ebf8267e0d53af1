// SPDX-License-Identifier: BSD-3-Clause
/* Changing a machine while it runs. */
#include "sim/internal.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* ---- Devices -------------------------------------------------------------------------------- */

int iom_sim_plug(struct iom_sim *sim, const char *address)
{
	struct sim_device *device;
	int ret = -ENOENT;

	pthread_mutex_lock(&sim->lock);
	device = iom_sim_device(sim, address);
	if (device) {
		device->plugged = true;
		if (!device->known)
			iom_sim_fs_device(sim, device);
		ret = iom_sim_tree_status(sim);
	}
	pthread_mutex_unlock(&sim->lock);
	return ret;
}

int iom_sim_unplug(struct iom_sim *sim, const char *address)
{
	struct sim_device *device;

	pthread_mutex_lock(&sim->lock);
	device = iom_sim_device(sim, address);
	if (device && device->known) {
		device->plugged = false;
		if (!device->opens)
			iom_sim_fs_no_device(sim, device);
	}
	pthread_mutex_unlock(&sim->lock);
	return device ? 0 : -ENOENT;
}

static int rebind(struct iom_sim *sim, struct sim_device *device, const char *driver)
{
	if (device->opens || device->holder)
		return -EBUSY;
	if (device->group && (device->group->container || device->group->owner) &&
	    !iom_sim_driver_is_harmless(driver))
		return -EBUSY;
	if (iom_sim_refuses_driver(sim, driver))
		return -EINVAL;
	if (device->known)
		iom_sim_fs_no_driver(sim, device);
	strcpy(device->driver, driver);
	if (device->known)
		iom_sim_fs_driver(sim, device);
	return iom_sim_tree_status(sim);
}

int iom_sim_bind(struct iom_sim *sim, const char *address, const char *driver)
{
	struct sim_device *device;
	int ret = -ENOENT;

	if (!driver)
		driver = "";
	pthread_mutex_lock(&sim->lock);
	device = iom_sim_device(sim, address);
	if (device)
		ret = strlen(driver) < sizeof(device->driver) ? rebind(sim, device, driver)
							      : -EINVAL;
	pthread_mutex_unlock(&sim->lock);
	return ret;
}

/* ---- Other processes ------------------------------------------------------------------------ */

/* Let go of what was held as fd, and hold target as that, if comm says who does. */
static void change_holder(struct iom_sim *sim, int *holder, int pid, const char *comm, int fd,
			  const char *target)
{
	if (*holder)
		iom_sim_fs_no_holder(sim, *holder, fd);
	*holder = comm ? pid : 0;
	if (comm)
		iom_sim_fs_holder(sim, pid, comm, fd, target);
}

static int hold(struct iom_sim *sim, struct sim_group *group, int pid, const char *comm)
{
	char target[32];

	if (group->open || group->cdevs || iom_sim_vfio_other_has_device(sim, group))
		return -EBUSY;
	snprintf(target, sizeof(target), "/dev/vfio/%d", group->number);
	change_holder(sim, &group->holder, pid, comm, 10 + group->number, target);
	return iom_sim_tree_status(sim);
}

int iom_sim_hold_group(struct iom_sim *sim, int number, int pid, const char *comm)
{
	struct sim_group *group;
	int ret;

	pthread_mutex_lock(&sim->lock);
	group = iom_sim_group(sim, number);
	ret = group ? hold(sim, group, pid, comm) : -ENOENT;
	pthread_mutex_unlock(&sim->lock);
	return ret;
}

static int hold_device(struct iom_sim *sim, struct sim_device *device, int pid, const char *comm)
{
	struct sim_group *group = device->group;
	char target[48];

	if (!group || !iom_sim_driver_is_vfio(device->driver) || !sim->cdev)
		return -ENOENT;
	if (group->open || group->cdevs || group->holder)
		return -EBUSY;
	snprintf(target, sizeof(target), "/dev/vfio/devices/vfio%u", device->index);
	change_holder(sim, &device->holder, pid, comm, 1000 + (int)device->index, target);
	return iom_sim_tree_status(sim);
}

int iom_sim_hold_device(struct iom_sim *sim, const char *address, int pid, const char *comm)
{
	struct sim_device *device;
	int ret;

	pthread_mutex_lock(&sim->lock);
	device = iom_sim_device(sim, address);
	ret = device ? hold_device(sim, device, pid, comm) : -ENOENT;
	pthread_mutex_unlock(&sim->lock);
	return ret;
}

int iom_sim_set_numa_node(struct iom_sim *sim, const char *address, int node)
{
	struct sim_device *device;

	pthread_mutex_lock(&sim->lock);
	device = iom_sim_device(sim, address);
	if (device)
		device->numa_node = node;
	pthread_mutex_unlock(&sim->lock);
	return device ? 0 : -ENOENT;
}

/* ---- Limits, parameters, paths -------------------------------------------------------------- */

void iom_sim_set_memlock(struct iom_sim *sim, uint64_t bytes, bool ipc_lock)
{
	pthread_mutex_lock(&sim->lock);
	sim->memlock = bytes;
	sim->ipc_lock = ipc_lock;
	pthread_mutex_unlock(&sim->lock);
}

void iom_sim_set_dma_entry_limit(struct iom_sim *sim, uint32_t limit)
{
	pthread_mutex_lock(&sim->lock);
	sim->dma_entry_limit = limit;
	pthread_mutex_unlock(&sim->lock);
}

void iom_sim_set_unsafe_interrupts(struct iom_sim *sim, bool on)
{
	pthread_mutex_lock(&sim->lock);
	sim->unsafe_interrupts = on;
	pthread_mutex_unlock(&sim->lock);
}

void iom_sim_set_iommufd_unsafe_interrupts(struct iom_sim *sim, bool on)
{
	pthread_mutex_lock(&sim->lock);
	sim->iommufd_unsafe_interrupts = on;
	pthread_mutex_unlock(&sim->lock);
}

int iom_sim_path_error(struct iom_sim *sim, const char *path, int error)
{
	int ret;

	pthread_mutex_lock(&sim->lock);
	ret = iom_sim_tree_set_error(sim, path, error);
	pthread_mutex_unlock(&sim->lock);
	return ret;
}
