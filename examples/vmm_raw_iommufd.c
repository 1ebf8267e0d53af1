// SPDX-License-Identifier: BSD-3-Clause
/* iommufd by its own calls. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/vfio.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

#include "iommufd_abi.h"
#include "sentence.h"
#include "vmm_raw.h"

/* /dev/vfio/devices/vfioN, whose name is in the device's folder. */
static int open_device(const char *device)
{
	char path[512];
	struct dirent *entry;
	int fd = -ENOENT;
	DIR *folder;

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/vfio-dev", device);
	folder = opendir(path);
	if (!folder)
		return fail(-errno, "%s: %s", path, strerror(errno));
	while ((entry = readdir(folder)) && strncmp(entry->d_name, "vfio", 4) != 0)
		;
	if (entry) {
		snprintf(path, sizeof(path), "/dev/vfio/devices/%s", entry->d_name);
		fd = open(path, O_RDWR | O_CLOEXEC);
		if (fd < 0)
			fd = -errno;
	}
	closedir(folder);
	return fd < 0 ? fail(fd, "%s: %s", path, strerror(-fd)) : fd;
}

int vmm_raw_iommufd_open(struct vmm_raw *raw)
{
	struct device_attach attach = { .argsz = sizeof(attach) };
	struct device_bind bind = { .argsz = sizeof(bind) };
	struct ioas_alloc alloc = { .size = sizeof(alloc) };

	raw->container = open("/dev/iommu", O_RDWR | O_CLOEXEC);
	if (raw->container < 0)
		return fail(-errno, "/dev/iommu: %s", strerror(errno));
	raw->device = open_device(raw->plan->device);
	if (raw->device < 0)
		return raw->device;

	bind.iommufd = raw->container;
	if (ioctl(raw->device, BIND_IOMMUFD, &bind) < 0)
		return fail(-errno, "VFIO_DEVICE_BIND_IOMMUFD: %s", strerror(errno));
	if (ioctl(raw->container, IOAS_ALLOC, &alloc) < 0)
		return fail(-errno, "IOMMU_IOAS_ALLOC: %s", strerror(errno));
	raw->ioas = alloc.id;
	attach.ioas = alloc.id;
	if (ioctl(raw->device, ATTACH_PT, &attach) < 0)
		return fail(-errno, "VFIO_DEVICE_ATTACH_IOMMUFD_PT: %s", strerror(errno));
	return 0;
}

int vmm_raw_iommufd_map(const struct vmm_raw *raw, uint64_t iova, void *va, uint64_t length,
			unsigned int flags)
{
	struct ioas_map map = {
		.size = sizeof(map),
		.flags = MAP_FIXED_IOVA | (flags & IOM_MAP_READ ? MAP_READABLE : 0) |
			 (flags & IOM_MAP_WRITE ? MAP_WRITEABLE : 0),
		.ioas = raw->ioas,
		.va = (uintptr_t)va,
		.length = length,
		.iova = iova,
	};

	return ioctl(raw->container, IOAS_MAP, &map) < 0 ? -EIO : 0;
}

int vmm_raw_iommufd_unmap(const struct vmm_raw *raw, uint64_t iova, uint64_t length)
{
	struct ioas_unmap unmap = {
		.size = sizeof(unmap),
		.ioas = raw->ioas,
		.iova = iova,
		.length = length,
	};

	if (ioctl(raw->container, IOAS_UNMAP, &unmap) < 0 || unmap.length != length)
		return -EIO;
	return 0;
}
