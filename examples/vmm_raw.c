// SPDX-License-Identifier: BSD-3-Clause
/*
 * VFIO containers, of type1 and of POWER, which share the calls that map; and what is the same for
 * all.
 */
#include "vmm_raw.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/vfio.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "sentence.h"

int vmm_raw_plan_domain(struct vmm_raw_plan *plan, const struct iom_domain *domain,
			const char *device)
{
	int n;

	*plan = (struct vmm_raw_plan){ 0 };
	n = iom_apertures(domain, plan->apertures, VMM_MAX_APERTURES);
	if (n < 0)
		return fail(n, "%s", iom_errmsg());
	plan->aperture_count = n < VMM_MAX_APERTURES ? n : VMM_MAX_APERTURES;
	snprintf(plan->backend, sizeof(plan->backend), "%s", iom_backend(domain));
	snprintf(plan->device, sizeof(plan->device), "%s", device);
	return 0;
}

int vmm_raw_plan(struct vmm_raw_plan *plan, const struct vmm_space *space, const char *device)
{
	int ret;

	ret = vmm_raw_plan_domain(plan, space->domain, device);
	if (ret < 0)
		return ret;
	plan->ram = space->ram;
	plan->part_count = space->part_count;
	for (int i = 0; i < space->part_count; i++)
		plan->parts[i] = space->parts[i].range;
	plan->window = space->window.start;
	return 0;
}

/* The number of the device's IOMMU group, which is the last part of where the link leads. */
static int find_group(const char *device)
{
	char path[96], target[256];
	const char *name;
	ssize_t n;

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/iommu_group", device);
	n = readlink(path, target, sizeof(target) - 1);
	if (n < 0)
		return fail(-errno, "%s: %s", path, strerror(errno));
	target[n] = '\0';
	name = strrchr(target, '/');
	return atoi(name ? name + 1 : target);
}

static int open_node(const char *path)
{
	int fd;

	fd = open(path, O_RDWR | O_CLOEXEC);
	return fd < 0 ? fail(-errno, "%s: %s", path, strerror(errno)) : fd;
}

static int open_container(struct vmm_raw *raw)
{
	bool answered_by_iommufd = !strcmp(raw->plan->backend, "type1-iommufd");
	int type = raw->is_power ? VFIO_SPAPR_TCE_v2_IOMMU : VFIO_TYPE1v2_IOMMU;
	char path[32];
	int number;

	number = find_group(raw->plan->device);
	if (number < 0)
		return number;
	snprintf(path, sizeof(path), "/dev/vfio/%d", number);
	raw->container = open_node(answered_by_iommufd ? "/dev/iommu" : "/dev/vfio/vfio");
	if (raw->container < 0)
		return raw->container;
	raw->group = open_node(path);
	if (raw->group < 0)
		return raw->group;
	if (ioctl(raw->group, VFIO_GROUP_SET_CONTAINER, &raw->container) < 0)
		return fail(-errno, "VFIO_GROUP_SET_CONTAINER: %s", strerror(errno));
	if (ioctl(raw->container, VFIO_SET_IOMMU, type) < 0)
		return fail(-errno, "VFIO_SET_IOMMU: %s", strerror(errno));
	if (!answered_by_iommufd)
		return raw->is_power ? vmm_raw_spapr_windows(raw) : 0;

	/* An iommufd has its mappings translated for devices, not for groups. */
	raw->device = ioctl(raw->group, VFIO_GROUP_GET_DEVICE_FD, raw->plan->device);
	if (raw->device < 0)
		return fail(-errno, "VFIO_GROUP_GET_DEVICE_FD: %s", strerror(errno));
	return 0;
}

static int container_map(const struct vmm_raw *raw, uint64_t iova, void *va, uint64_t length,
			 unsigned int flags)
{
	struct vfio_iommu_type1_dma_map map = {
		.argsz = sizeof(map),
		.flags = (flags & IOM_MAP_READ ? VFIO_DMA_MAP_FLAG_READ : 0) |
			 (flags & IOM_MAP_WRITE ? VFIO_DMA_MAP_FLAG_WRITE : 0),
		.vaddr = (uintptr_t)va,
		.iova = iova,
		.size = length,
	};

	/* POWER has answers above 0 that mean no. */
	return ioctl(raw->container, VFIO_IOMMU_MAP_DMA, &map) ? -EIO : 0;
}

static int container_unmap(const struct vmm_raw *raw, uint64_t iova, uint64_t length)
{
	struct vfio_iommu_type1_dma_unmap unmap = {
		.argsz = sizeof(unmap),
		.iova = iova,
		.size = length,
	};

	/* type1 says how much it has unmapped; on POWER the size stays. */
	if (ioctl(raw->container, VFIO_IOMMU_UNMAP_DMA, &unmap) || unmap.size != length)
		return -EIO;
	return 0;
}

int vmm_raw_map(const struct vmm_raw *raw, uint64_t iova, void *va, uint64_t length,
		unsigned int flags)
{
	return raw->is_iommufd ? vmm_raw_iommufd_map(raw, iova, va, length, flags)
			       : container_map(raw, iova, va, length, flags);
}

int vmm_raw_unmap(const struct vmm_raw *raw, uint64_t iova, uint64_t length)
{
	return raw->is_iommufd ? vmm_raw_iommufd_unmap(raw, iova, length)
			       : container_unmap(raw, iova, length);
}

int vmm_raw_register(const struct vmm_raw *raw, void *va, uint64_t length)
{
	return raw->is_power ? vmm_raw_spapr_register(raw, va, length, true) : 0;
}

int vmm_raw_unregister(const struct vmm_raw *raw, void *va, uint64_t length)
{
	return raw->is_power ? vmm_raw_spapr_register(raw, va, length, false) : 0;
}

int vmm_raw_request(const struct vmm_raw *raw, const struct vmm_request *request)
{
	uint64_t iova = raw->plan->window + request->iova;

	if (request->flags)
		return vmm_raw_map(raw, iova, raw->plan->ram->va + request->ram, request->length,
				   request->flags);
	return vmm_raw_unmap(raw, iova, request->length);
}

static int map_ram(const struct vmm_raw *raw)
{
	const struct vmm_raw_plan *plan = raw->plan;
	uint64_t offset = 0;

	if (!plan->ram)
		return 0;
	if (vmm_raw_register(raw, plan->ram->va, plan->ram->length) < 0)
		return fail(-EIO, "raw: guest RAM cannot be registered: %s", strerror(errno));
	for (int i = 0; i < plan->part_count; i++) {
		if (vmm_raw_map(raw, plan->parts[i].start, plan->ram->va + offset,
				plan->parts[i].length, IOM_MAP_RW) < 0)
			return fail(-EIO, "raw: guest RAM cannot be mapped at 0x%" PRIx64 ": %s",
				    plan->parts[i].start, strerror(errno));
		offset += plan->parts[i].length;
	}
	return 0;
}

int vmm_raw_open(struct vmm_raw *raw, const struct vmm_raw_plan *plan)
{
	int ret;

	*raw = (struct vmm_raw){ .plan = plan, .container = -1, .group = -1, .device = -1 };
	raw->is_iommufd = !strcmp(plan->backend, "iommufd");
	raw->is_power = !strcmp(plan->backend, "powernv") || !strcmp(plan->backend, "pseries");
	ret = raw->is_iommufd ? vmm_raw_iommufd_open(raw) : open_container(raw);
	if (!ret)
		ret = map_ram(raw);
	if (ret < 0)
		vmm_raw_close(raw);
	return ret;
}

/* The device first, so that it does no DMA any more when its mappings go. */
void vmm_raw_close(struct vmm_raw *raw)
{
	if (raw->device >= 0)
		close(raw->device);
	if (raw->group >= 0)
		close(raw->group);
	if (raw->container >= 0)
		close(raw->container);
}
