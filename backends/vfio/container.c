// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include <linux/vfio.h>

#include "lib/error.h"
#include "vfio.h"

int iom_vfio_open_container(const struct iom_sys *sys, struct iom_vfio *vfio)
{
	int fd, version;

	fd = iom_sys_open(sys, vfio->node, O_RDWR);
	if (fd < 0)
		return iom_vfio_node_error(sys, vfio->node, fd);
	version = iom_sys_ioctl(sys, fd, VFIO_GET_API_VERSION, NULL);
	if (version != VFIO_API_VERSION) {
		iom_sys_close(sys, fd);
		if (version < 0)
			return iom_error(-EIO, "%s does not tell its version: %s", vfio->node,
					 strerror(-version));
		return iom_error(-EOPNOTSUPP, "%s answers %d as its version, not %d", vfio->node,
				 version, VFIO_API_VERSION);
	}
	vfio->container = fd;
	return 0;
}

static struct iom_vfio_group *find_group(const struct iom_vfio *vfio, unsigned int number)
{
	struct iom_vfio_group *group;

	for (group = vfio->groups; group; group = group->next)
		if (group->number == number)
			return group;
	return NULL;
}

static int add_group(struct iom_backend *backend, struct iom_vfio *vfio, unsigned int number,
		     iom_vfio_join_fn *join, struct iom_vfio_group **added)
{
	struct iom_vfio_group *group;
	int ret;

	group = calloc(1, sizeof(*group));
	if (!group)
		return iom_error(-ENOMEM, "no memory for a group");
	group->number = number;
	ret = iom_vfio_open_group(backend->sys, number, &group->fd);
	if (ret < 0)
		goto fail;
	ret = join(backend, vfio, group);
	if (ret < 0)
		goto fail_close;
	iom_log(backend->log, IOM_LOG_DEBUG, "group %u translates through the container", number);
	group->next = vfio->groups;
	vfio->groups = group;
	*added = group;
	return 0;

fail_close:
	iom_sys_close(backend->sys, group->fd);
fail:
	free(group);
	return ret;
}

/* The last device of a group has gone: let the group leave the container. */
static void remove_group(struct iom_backend *backend, struct iom_vfio *vfio,
			 struct iom_vfio_group *group)
{
	struct iom_vfio_group **link;
	int ret;

	for (link = &vfio->groups; *link != group; link = &(*link)->next)
		;
	*link = group->next;
	ret = iom_sys_ioctl(backend->sys, group->fd, VFIO_GROUP_UNSET_CONTAINER, NULL);
	vfio->stuck |= ret < 0;
	if (ret == -EBUSY)
		iom_log(backend->log, IOM_LOG_WARN,
			"group %u stays busy: a BAR is still mapped, or a duplicate of a device "
			"descriptor is open",
			group->number);
	else if (ret < 0)
		iom_log(backend->log, IOM_LOG_WARN, "group %u does not leave its container: %s",
			group->number, strerror(-ret));
	iom_sys_close(backend->sys, group->fd);
	free(group);
	/* it has maps left, or goes on having an IOMMU that no other group can be given: start anew */
	if (!vfio->groups && !vfio->adopted && (vfio->is_iommufd || vfio->stuck)) {
		iom_sys_close(backend->sys, vfio->container);
		vfio->container = -1;
		vfio->stuck = false;
	}
}

static int open_device(struct iom_backend *backend, const struct iom_vfio *vfio,
		       const struct iom_vfio_group *group, struct iom_backend_device *dev)
{
	int fd;

	fd = iom_sys_ioctl(backend->sys, group->fd, VFIO_GROUP_GET_DEVICE_FD, dev->address);
	switch (fd) {
	case -EMFILE:
	case -ENFILE:
		return iom_error(-EMFILE, "cannot open the device: %s", strerror(-fd));
	case -ENODEV:
		return iom_error(-ENODEV, "it has left group %u", group->number);
	case -ENOMEM:
		return iom_error(-ENOMEM, "the kernel has no memory to open the device");
	case -EBUSY:
		return iom_error(-EBUSY, "it is open already");
	/* where a container is an iommufd's, this call is what binds and attaches the device */
	case -EPERM:
		return iom_vfio_not_isolated(group->number, vfio->module);
	case -EADDRINUSE:
		return iom_vfio_reserved(group->number);
	default:
		if (fd == -EINVAL && vfio->is_iommufd)
			return iom_error(-EOPNOTSUPP, "the kernel cannot have it translated by %s",
					 vfio->node);
		if (fd < 0)
			return iom_error(-EIO, "the kernel does not open the device: %s",
					 strerror(-fd));
		dev->fd = fd;
		iom_log(backend->log, IOM_LOG_DEBUG, "device %s is open", dev->address);
		return 0;
	}
}

int iom_vfio_attach(struct iom_backend *backend, struct iom_vfio *vfio,
		    struct iom_backend_device *dev, iom_vfio_join_fn *join)
{
	struct iom_vfio_group *group;
	int ret;

	if (dev->borrowed) {
		ret = iom_vfio_check_borrowed(backend->sys, dev);
		vfio->borrowed += !ret;
		return ret;
	}
	group = find_group(vfio, dev->group);
	if (!group) {
		ret = add_group(backend, vfio, dev->group, join, &group);
		if (ret < 0)
			return ret;
	}
	ret = open_device(backend, vfio, group, dev);
	if (ret < 0) {
		if (!group->users)
			remove_group(backend, vfio, group);
		return ret;
	}
	group->users++;
	return 0;
}

void iom_vfio_close_device(struct iom_backend *backend, struct iom_backend_device *dev)
{
	int fd;

	if (dev->fd < 0)
		return;
	/* in this order, for a child that is forked between the two */
	fd = dev->fd;
	dev->fd = -1;
	if (!dev->borrowed)
		iom_sys_close(backend->sys, fd);
}

void iom_vfio_detach(struct iom_backend *backend, struct iom_vfio *vfio,
		     struct iom_backend_device *dev)
{
	struct iom_vfio_group *group = find_group(vfio, dev->group);

	iom_vfio_close_device(backend, dev);
	if (dev->borrowed)
		vfio->borrowed--;
	else if (!--group->users)
		remove_group(backend, vfio, group);
}

void iom_vfio_forget(struct iom_backend *backend, struct iom_vfio *vfio,
		     struct iom_backend_device *dev)
{
	struct iom_vfio_group *group;

	if (dev) {
		iom_vfio_close_device(backend, dev);
		return;
	}
	for (group = vfio->groups; group; group = group->next)
		iom_sys_close(backend->sys, group->fd);
	if (vfio->container >= 0 && !vfio->adopted)
		iom_sys_close(backend->sys, vfio->container);
}

int iom_vfio_check_borrowed(const struct iom_sys *sys, const struct iom_backend_device *dev)
{
	struct vfio_device_info info = { .argsz = sizeof(info) };
	int ret;

	ret = iom_sys_ioctl(sys, dev->fd, VFIO_DEVICE_GET_INFO, &info);
	if (ret == -ENODEV)
		return iom_error(-ENODEV, "the device behind descriptor %d is gone", dev->fd);
	if (ret == -EBADF || ret == -ENOTTY || ret == -EINVAL)
		return iom_error(
			-EINVAL,
			"descriptor %d is not that of a VFIO device, or one of its own node "
			"that is not bound to an iommufd: %s",
			dev->fd, strerror(-ret));
	if (ret)
		return iom_error(-EIO,
				 "the device behind descriptor %d does not say what it is: %s",
				 dev->fd, iom_error_text(ret));
	if (!(info.flags & VFIO_DEVICE_FLAGS_PCI))
		return iom_error(-EINVAL, "the device behind descriptor %d is no PCI function",
				 dev->fd);
	return 0;
}

int iom_vfio_fds(const struct iom_vfio *vfio, const struct iom_backend_device *dev,
		 struct iom_backend_fds *fds)
{
	const struct iom_vfio_group *group = dev ? find_group(vfio, dev->group) : NULL;

	*fds = (struct iom_backend_fds){
		.container = vfio->container,
		.group = group ? group->fd : -1,
		.iommufd = -1,
	};
	return 0;
}
