// SPDX-License-Identifier: BSD-3-Clause
/* A device's own node: drivers/vfio/device_cdev.c, and vfio_main.c where it minds these. */
#include "sim/iommufd.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include "backends/uapi/iommufd.h"

int iom_sim_cdev_open(struct iom_sim *sim, struct sim_device *device)
{
	struct sim_cdev *cdev;
	char target[48];
	int fd;

	if (!device->plugged)
		return -ENODEV;
	cdev = calloc(1, sizeof(*cdev));
	if (!cdev)
		return -ENOMEM;
	cdev->device = device;
	snprintf(target, sizeof(target), "/dev/vfio/devices/vfio%u", device->index);
	fd = iom_sim_files_add(sim, SIM_CDEV, cdev, target);
	if (fd < 0) {
		free(cdev);
		return fd;
	}
	device->opens++;
	return fd;
}

void iom_sim_cdev_close(struct iom_sim *sim, struct sim_cdev *cdev)
{
	struct sim_device *device = cdev->device;

	if (cdev->bound) {
		iom_sim_unbind_iommufd(sim, device);
		device->group->cdevs--;
		device->users--;
	}
	free(cdev);
	device->opens--;
	if (!device->opens && !device->plugged)
		iom_sim_fs_no_device(sim, device);
}

static int check_bind(struct iom_sim *sim, const struct sim_cdev *cdev,
		      const struct iom_vfio_device_bind_iommufd *bind, struct sim_iommufd **iommufd)
{
	const struct sim_group *group = cdev->device->group;
	struct sim_file *file;

	if (bind->argsz < sizeof(*bind) || bind->flags || bind->iommufd < 0)
		return -EINVAL;
	if (group->open || group->holder)
		return -EBUSY;
	if (cdev->bound)
		return -EINVAL;
	file = iom_sim_files_find(sim, bind->iommufd);
	if (!file)
		return -EBADF;
	if (file->kind != SIM_IOMMUFD)
		return -EBADFD;
	*iommufd = file->object;
	/* by another descriptor, or process */
	return cdev->device->users || cdev->device->holder ? -EINVAL : 0;
}

static int bind_iommufd(struct iom_sim *sim, struct sim_cdev *cdev, void *arg)
{
	struct iom_vfio_device_bind_iommufd bind;
	struct sim_device *device = cdev->device;
	struct sim_iommufd *iommufd = NULL;
	int ret;

	ret = iom_sim_copy_in(&bind, arg, sizeof(bind));
	if (ret)
		return ret;
	ret = check_bind(sim, cdev, &bind, &iommufd);
	if (ret)
		return ret;
	ret = iom_sim_bind_iommufd(sim, device, iommufd);
	if (ret)
		return ret;
	cdev->bound = true;
	device->group->cdevs++;
	device->users++;
	return iom_sim_copy_out((char *)arg +
					offsetof(struct iom_vfio_device_bind_iommufd, out_devid),
				&device->bound->id, sizeof(device->bound->id));
}

static int attach(struct iom_sim *sim, struct sim_device *device, void *arg)
{
	struct iom_vfio_device_attach_iommufd_pt attach;
	int ret;

	ret = iom_sim_copy_in(&attach, arg, sizeof(attach));
	if (ret)
		return ret;
	if (attach.argsz < sizeof(attach) || attach.flags)
		return -EINVAL;
	ret = iom_sim_attach_iommufd(sim, device, &attach.pt_id);
	if (ret)
		return ret;
	return iom_sim_copy_out((char *)arg +
					offsetof(struct iom_vfio_device_attach_iommufd_pt, pt_id),
				&attach.pt_id, sizeof(attach.pt_id));
}

static int detach(struct iom_sim *sim, struct sim_device *device, void *arg)
{
	struct iom_vfio_device_detach_iommufd_pt detach;
	int ret;

	ret = iom_sim_copy_in(&detach, arg, sizeof(detach));
	if (ret)
		return ret;
	if (detach.argsz < sizeof(detach) || detach.flags)
		return -EINVAL;
	iom_sim_detach_iommufd(sim, device);
	return 0;
}

int iom_sim_cdev_ioctl(struct iom_sim *sim, struct sim_cdev *cdev, unsigned long request, void *arg)
{
	if (request == IOM_VFIO_DEVICE_BIND_IOMMUFD)
		return bind_iommufd(sim, cdev, arg);
	if (!cdev->bound)
		return -EINVAL;
	switch (request) {
	case IOM_VFIO_DEVICE_ATTACH_IOMMUFD_PT:
		return attach(sim, cdev->device, arg);
	case IOM_VFIO_DEVICE_DETACH_IOMMUFD_PT:
		return detach(sim, cdev->device, arg);
	default:
		return iom_sim_vfio_device_ioctl(cdev->device, request, arg);
	}
}
