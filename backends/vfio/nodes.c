// SPDX-License-Identifier: BSD-3-Clause
/* Device nodes: what they are called, who holds them, and why they cannot be opened. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "lib/error.h"
#include "vfio.h"

#define DEVICE_NODES "/dev/vfio/devices/"

static int take_name(void *arg, const char *name)
{
	if (strncmp(name, "vfio", 4))
		return 0;
	snprintf(arg, IOM_VFIO_NODE_MAX, DEVICE_NODES "%.32s", name);
	return 1;
}

int iom_vfio_device_node(const struct iom_sys *sys, const char *address,
			 char node[IOM_VFIO_NODE_MAX])
{
	char folder[64];
	int ret;

	snprintf(folder, sizeof(folder), "/sys/bus/pci/devices/%.20s/vfio-dev", address);
	ret = iom_sys_list_dir(sys, folder, take_name, node);
	if (ret == 1)
		return 0;
	if (!ret || ret == -ENOENT)
		return iom_error(-EOPNOTSUPP, "the kernel gives VFIO devices no nodes of their own "
					      "(Linux 6.6 and later may)");
	return iom_sysfs_error(folder, ret);
}

bool iom_vfio_node_is_held(const struct iom_sys *sys, const char *node)
{
	char who[64];

	if (!iom_sysfs_holder(sys, node, who, sizeof(who)))
		return false;
	iom_error_set("%s is held by %s; end it first", node, who);
	return true;
}

static int find_held(void *arg, const char *address)
{
	const struct iom_sys *sys = arg;
	char node[IOM_VFIO_NODE_MAX];

	return iom_vfio_device_node(sys, address, node) == 0 && iom_vfio_node_is_held(sys, node);
}

/* Who is in a namespace or under a user that we cannot look into is still there. */
static bool is_busy(const struct iom_sys *sys, const char *node)
{
	int fd;

	fd = iom_sys_open(sys, node, O_RDWR);
	if (fd >= 0)
		iom_sys_close(sys, fd);
	return fd == -EBUSY;
}

bool iom_vfio_is_held(const struct iom_sys *sys, unsigned int group)
{
	char node[IOM_VFIO_NODE_MAX];

	snprintf(node, sizeof(node), IOM_VFIO_GROUP_NODE, group);
	if (iom_vfio_node_is_held(sys, node) ||
	    iom_sysfs_group_members(sys, group, find_held, (void *)(uintptr_t)sys) == 1)
		return true;
	if (!is_busy(sys, node))
		return false;
	iom_error_set("%s is held by another process; end it first", node);
	return true;
}

/* The device is bound to a VFIO driver, so that one is loaded. */
static int missing(const char *node)
{
	const char *option = "VFIO_GROUP";

	if (!strcmp(node, IOM_VFIO_IOMMUFD_NODE))
		return iom_error(-EOPNOTSUPP,
				 "there is no %s: the kernel has no iommufd (Linux 6.2 and later "
				 "may), or it is not loaded (modprobe iommufd)",
				 node);
	if (!strcmp(node, IOM_VFIO_CONTAINER_NODE))
		option = "VFIO_CONTAINER";
	return iom_error(-EOPNOTSUPP,
			 "there is no %s: the kernel was built without %s, or this is a container "
			 "that was not given the node",
			 node, option);
}

int iom_vfio_node_error(const struct iom_sys *sys, const char *node, int err)
{
	unsigned int group;

	switch (err) {
	case -ENOENT:
	case -ENODEV:
	case -ENXIO:
		return missing(node);
	case -EACCES:
	case -EPERM:
		return iom_error(
			-EACCES,
			"permission denied on %s; run as root, or give this user access to it",
			node);
	case -EBUSY:
		if (sscanf(node, IOM_VFIO_GROUP_NODE, &group) == 1 && iom_vfio_is_held(sys, group))
			return -EBUSY;
		return iom_error(-EBUSY, "%s is held by another process; end it first", node);
	case -EMFILE:
	case -ENFILE:
		return iom_error(-EMFILE, "cannot open %s: %s", node, strerror(-err));
	case -ENOMEM:
		return iom_error(-ENOMEM, "cannot open %s: %s", node, strerror(-err));
	default:
		return iom_error(-EIO, "cannot open %s: %s", node, strerror(-err));
	}
}
