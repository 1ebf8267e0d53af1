// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include <linux/vfio.h>

#include "lib/error.h"
#include "vfio.h"

#define BIND_HINT                                                                            \
	"bind it to vfio-pci (modprobe vfio-pci; driverctl set-override %s vfio-pci, or by " \
	"driver_override in sysfs)"

int iom_vfio_node_error(const struct iom_sys *sys, const char *node, int err)
{
	char who[64];

	switch (err) {
	case -ENOENT:
	case -ENODEV:
	case -ENXIO:
		return iom_error(-ENODEV, "%s is missing; load vfio-pci (modprobe vfio-pci)", node);
	case -EACCES:
	case -EPERM:
		return iom_error(
			-EACCES,
			"permission denied on %s; run as root, or give this user access to it",
			node);
	case -EBUSY:
		iom_sysfs_holder(sys, node, who, sizeof(who));
		return iom_error(-EBUSY, "%s is held by %s; end it first", node, who);
	case -EMFILE:
	case -ENFILE:
		return iom_error(-EMFILE, "cannot open %s: %s", node, strerror(-err));
	case -ENOMEM:
		return iom_error(-ENOMEM, "cannot open %s: %s", node, strerror(-err));
	default:
		return iom_error(-EIO, "cannot open %s: %s", node, strerror(-err));
	}
}

/* vfio-pci and its variants for single kinds of devices (mlx5_vfio_pci ...) all say so. */
static bool is_vfio_driver(const char *driver)
{
	return strstr(driver, "vfio") != NULL;
}

/* Bridges may stay with these: they do no DMA of their own (driver_managed_dma in the kernel). */
static bool is_harmless_driver(const char *driver)
{
	return !*driver || !strcmp(driver, "pcieport") || !strcmp(driver, "pci-stub");
}

int iom_vfio_check_driver(const struct iom_sys *sys, const char *address)
{
	char driver[64];
	int ret;

	ret = iom_sysfs_driver(sys, address, driver, sizeof(driver));
	if (ret < 0)
		return ret;
	if (!*driver)
		return iom_error(-ENODEV, "it is bound to no driver; " BIND_HINT, address);
	if (!is_vfio_driver(driver))
		return iom_error(-EBUSY, "it is bound to the kernel's %s driver; " BIND_HINT,
				 driver, address);
	return 0;
}

struct culprit {
	const struct iom_sys *sys;
	char address[IOM_PCI_ADDRESS_MAX];
	char driver[64];
};

static int find_culprit(void *arg, const char *address)
{
	struct culprit *culprit = arg;

	if (iom_sysfs_driver(culprit->sys, address, culprit->driver, sizeof(culprit->driver)) < 0)
		return 0;
	if (is_vfio_driver(culprit->driver) || is_harmless_driver(culprit->driver))
		return 0;
	snprintf(culprit->address, sizeof(culprit->address), "%.*s", IOM_PCI_ADDRESS_MAX - 1,
		 address);
	return 1;
}

static int not_viable(const struct iom_sys *sys, unsigned int number)
{
	struct culprit culprit = { .sys = sys };

	if (iom_sysfs_group_members(sys, number, find_culprit, &culprit) == 1)
		return iom_error(
			-EBUSY,
			"group %u is not viable: %s is bound to %s; bind it to vfio-pci, too, or "
			"to no driver",
			number, culprit.address, culprit.driver);
	return iom_error(-EBUSY,
			 "group %u is not viable: another function of it is in use by the kernel",
			 number);
}

int iom_vfio_open_group(const struct iom_sys *sys, unsigned int number, int *fd)
{
	struct vfio_group_status status = { .argsz = sizeof(status) };
	char node[32];
	int group, ret;

	snprintf(node, sizeof(node), "/dev/vfio/%u", number);
	group = iom_sys_open(sys, node, O_RDWR);
	if (group < 0)
		return iom_vfio_node_error(sys, node, group);
	ret = iom_sys_ioctl(sys, group, VFIO_GROUP_GET_STATUS, &status);
	if (ret < 0)
		ret = iom_error(-EIO, "%s does not tell its status: %s", node, strerror(-ret));
	else if (!(status.flags & VFIO_GROUP_FLAGS_VIABLE))
		ret = not_viable(sys, number);
	if (ret < 0) {
		iom_sys_close(sys, group);
		return ret;
	}
	*fd = group;
	return 0;
}
