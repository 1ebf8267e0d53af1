// SPDX-License-Identifier: BSD-3-Clause
#include "binding.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "error.h"
#include "sysfs.h"

#define BIND_HINT \
	"bind it to vfio-pci (modprobe vfio-pci; iommuctl bind %s, or by driver_override in sysfs)"

/* vfio-pci and its variants for single kinds of devices (mlx5_vfio_pci ...) all say so. */
static bool is_for_userspace(const char *driver)
{
	return strstr(driver, "vfio") != NULL;
}

/* Bridges may stay with these: they do no DMA of their own (driver_managed_dma in the kernel). */
static bool is_harmless(const char *driver)
{
	return !*driver || !strcmp(driver, "pcieport") || !strcmp(driver, "pci-stub");
}

int iom_binding_check(const struct iom_sys *sys, const char *address)
{
	char driver[64];
	int ret;

	ret = iom_sysfs_driver(sys, address, driver, sizeof(driver));
	if (ret < 0)
		return ret;
	if (!*driver)
		return iom_error(-ENODEV, "it is bound to no driver; " BIND_HINT, address);
	if (!is_for_userspace(driver))
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
	if (is_for_userspace(culprit->driver) || is_harmless(culprit->driver))
		return 0;
	snprintf(culprit->address, sizeof(culprit->address), "%.*s", IOM_PCI_ADDRESS_MAX - 1,
		 address);
	return 1;
}

bool iom_binding_is_used(const struct iom_sys *sys, unsigned int group)
{
	struct culprit culprit = { .sys = sys };

	if (iom_sysfs_group_members(sys, group, find_culprit, &culprit) != 1)
		return false;
	iom_error_set("group %u is not viable: %s is bound to %s; bind it to vfio-pci, too, or to "
		      "no driver",
		      group, culprit.address, culprit.driver);
	return true;
}

int iom_binding_not_viable(const struct iom_sys *sys, unsigned int group)
{
	if (iom_binding_is_used(sys, group))
		return -EBUSY;
	return iom_error(-EBUSY,
			 "group %u is not viable: another function of it is in use by the kernel",
			 group);
}
