// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include <linux/vfio.h>

#include "lib/binding.h"
#include "lib/error.h"
#include "vfio.h"

int iom_vfio_open_group(const struct iom_sys *sys, unsigned int number, int *fd)
{
	struct vfio_group_status status = { .argsz = sizeof(status) };
	char node[32];
	int group, ret;

	snprintf(node, sizeof(node), IOM_VFIO_GROUP_NODE, number);
	group = iom_sys_open(sys, node, O_RDWR);
	if (group < 0)
		return iom_vfio_node_error(sys, node, group);
	ret = iom_sys_ioctl(sys, group, VFIO_GROUP_GET_STATUS, &status);
	if (ret < 0)
		ret = iom_error(-EIO, "%s does not tell its status: %s", node, strerror(-ret));
	else if (!(status.flags & VFIO_GROUP_FLAGS_VIABLE))
		ret = iom_binding_not_viable(sys, number);
	if (ret < 0) {
		iom_sys_close(sys, group);
		return ret;
	}
	*fd = group;
	return 0;
}

int iom_vfio_not_isolated(unsigned int group, const char *module)
{
	return iom_error(-EACCES,
			 "the kernel refuses group %u because its interrupts are not isolated; "
			 "switch interrupt remapping on, or accept the risk with "
			 "%s.allow_unsafe_interrupts=1",
			 group, module);
}

int iom_vfio_reserved(unsigned int group)
{
	return iom_error(
		-EBUSY,
		"the kernel refuses group %u: a mapping or a requested aperture lies in a "
		"range that its devices reserve (see /sys/kernel/iommu_groups/%u/reserved_regions)",
		group, group);
}
