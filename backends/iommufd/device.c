// SPDX-License-Identifier: BSD-3-Clause
#include "device.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "lib/binding.h"
#include "lib/error.h"
#include "backends/uapi/iommufd.h"
#include "backends/vfio/vfio.h"

/* A descriptor. */
static int open_node(const struct iom_sys *sys, const char *node)
{
	int fd;

	fd = iom_sys_open(sys, node, O_RDWR);
	if (fd == -ENOENT || fd == -ENXIO || fd == -ENODEV)
		return iom_error(-EOPNOTSUPP,
				 "there is no %s: the kernel was built without VFIO_DEVICE_CDEV",
				 node);
	return fd < 0 ? iom_vfio_node_error(sys, node, fd) : fd;
}

/* Somebody else does DMA in the group, or may; or the interrupts of its devices are not isolated. */
static int explain_refusal(const struct iom_sys *sys, unsigned int group)
{
	if (iom_binding_is_used(sys, group) || iom_vfio_is_held(sys, group))
		return -EBUSY;
	return iom_vfio_not_isolated(group, "iommufd");
}

static int explain_bind(const struct iom_sys *sys, const struct iom_backend_device *dev,
			const char *node, int err)
{
	switch (err) {
	case -EPERM:
		return explain_refusal(sys, dev->group);
	case -EBUSY:
	case -EINVAL:
		if (iom_vfio_node_is_held(sys, node) || iom_vfio_is_held(sys, dev->group))
			return -EBUSY;
		if (err == -EBUSY)
			return iom_error(-EBUSY,
					 "a device of group %u is held by somebody else, or was "
					 "just now; end it first",
					 dev->group);
		return iom_error(
			-EOPNOTSUPP,
			"the kernel does not let it be bound to an iommufd, unless it is held by "
			"somebody who let go just now: then try again");
	case -ENODEV:
		return iom_error(-ENODEV, "it is gone, or no IOMMU covers it");
	case -ENOMEM:
		return iom_error(-ENOMEM, "the kernel has no memory to open the device");
	default:
		return iom_error(-EIO, "the kernel does not bind it to an iommufd: %s",
				 iom_error_text(err));
	}
}

static int explain_attach(const struct iom_backend_device *dev, int err)
{
	switch (err) {
	case -EADDRINUSE:
		return iom_vfio_reserved(dev->group);
	case -EBUSY:
		return iom_error(-EBUSY, "group %u translates through another address space",
				 dev->group);
	case -EINVAL:
	case -EOPNOTSUPP:
	case -ENODEV:
		return iom_error(-EOPNOTSUPP,
				 "the kernel cannot have it translated by an iommufd (%s)",
				 strerror(-err));
	case -ENOMEM:
		return iom_error(-ENOMEM, "the kernel has no memory to attach the device");
	default:
		return iom_error(-EIO, "the kernel does not attach it to the address space: %s",
				 iom_error_text(err));
	}
}

static int bind(const struct iom_sys *sys, int fd, int iommufd)
{
	struct iom_vfio_device_bind_iommufd arg = {
		.argsz = sizeof(arg),
		.iommufd = iommufd,
	};

	return iom_sys_ioctl(sys, fd, IOM_VFIO_DEVICE_BIND_IOMMUFD, &arg);
}

static int attach(const struct iom_sys *sys, int fd, uint32_t ioas)
{
	struct iom_vfio_device_attach_iommufd_pt arg = { .argsz = sizeof(arg), .pt_id = ioas };

	return iom_sys_ioctl(sys, fd, IOM_VFIO_DEVICE_ATTACH_IOMMUFD_PT, &arg);
}

/*
 * Until it was bound, the device may have been taken from VFIO, and its number given to another.  From
 * then on the kernel lets no driver go while the node is open.
 */
static int check_node(const struct iom_sys *sys, const char *address, const char *node)
{
	char now[IOM_VFIO_NODE_MAX] = "";
	int ret;

	ret = iom_vfio_device_node(sys, address, now);
	if (ret < 0 && ret != -EOPNOTSUPP)
		return ret;
	if (strcmp(node, now) != 0)
		return iom_error(-ENODEV,
				 "its driver was changed meanwhile, so that %s is not its node",
				 node);
	return 0;
}

int iom_iommufd_open_device(struct iom_backend *backend, struct iom_backend_device *dev,
			    int iommufd, uint32_t ioas)
{
	const struct iom_sys *sys = backend->sys;
	char node[IOM_VFIO_NODE_MAX];
	int fd, ret;

	ret = iom_vfio_device_node(sys, dev->address, node);
	if (ret < 0)
		return ret;
	fd = open_node(sys, node);
	if (fd < 0)
		return fd;
	ret = bind(sys, fd, iommufd);
	if (ret) {
		iom_sys_close(sys, fd);
		return explain_bind(sys, dev, node, ret);
	}
	ret = check_node(sys, dev->address, node);
	if (ret < 0) {
		iom_sys_close(sys, fd);
		return ret;
	}
	ret = attach(sys, fd, ioas);
	if (ret) {
		iom_sys_close(sys, fd);
		return explain_attach(dev, ret);
	}
	dev->fd = fd;
	iom_log(backend->log, IOM_LOG_DEBUG, "device %s is bound by %s", dev->address, node);
	return 0;
}
