// SPDX-License-Identifier: BSD-3-Clause
#include "holder.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <linux/vfio.h>

#include "iommufd_abi.h"

static int open_iommufd(struct holder *h, const struct nodes *nodes)
{
	struct ioas_alloc alloc = { .size = sizeof(alloc) };
	struct device_bind bind = { .argsz = sizeof(bind) };
	struct device_attach attach = { .argsz = sizeof(attach) };
	int ret;

	h->space = world_raw_open("/dev/iommu");
	if (h->space < 0)
		return h->space;
	ret = world_raw_ioctl(h->space, IOAS_ALLOC, &alloc);
	if (ret < 0)
		return ret;
	h->ioas = alloc.id;
	h->device = world_raw_open(nodes->device);
	if (h->device < 0)
		return h->device;
	bind.iommufd = h->space;
	attach.ioas = alloc.id;
	ret = world_raw_ioctl(h->device, BIND_IOMMUFD, &bind);
	return ret < 0 ? ret : world_raw_ioctl(h->device, ATTACH_PT, &attach);
}

static int open_container(struct holder *h, const char *node, const struct nodes *nodes,
			  const char *address)
{
	/* a number, where others have an address */
	void *type = (void *)(uintptr_t)VFIO_TYPE1v2_IOMMU;
	char name[32];
	int ret;

	h->space = world_raw_open(node);
	if (h->space < 0)
		return h->space;
	h->group = world_raw_open(nodes->group);
	if (h->group < 0)
		return h->group;
	ret = world_raw_ioctl(h->group, VFIO_GROUP_SET_CONTAINER, &h->space);
	if (!ret)
		ret = world_raw_ioctl(h->space, VFIO_SET_IOMMU, type);
	if (ret < 0)
		return ret;
	snprintf(name, sizeof(name), "%s", address);
	h->device = world_raw_ioctl(h->group, VFIO_GROUP_GET_DEVICE_FD, name);
	return h->device < 0 ? h->device : 0;
}

int holder_open(struct holder *holder, const char *backend, const char *address)
{
	struct nodes nodes;
	int ret;

	*holder = (struct holder){ .space = -1, .group = -1, .device = -1 };
	world_nodes(address, &nodes);
	if (!strcmp(backend, "iommufd"))
		ret = open_iommufd(holder, &nodes);
	else if (!strcmp(backend, "type1-iommufd"))
		ret = open_container(holder, "/dev/iommu", &nodes, address);
	else
		ret = open_container(holder, "/dev/vfio/vfio", &nodes, address);
	if (ret < 0)
		holder_close(holder);
	return ret;
}

int holder_map(const struct holder *holder, const void *va, uint64_t length, uint64_t iova)
{
	struct ioas_map map = {
		.size = sizeof(map),
		.flags = MAP_FIXED_IOVA | MAP_READABLE | MAP_WRITEABLE,
		.ioas = holder->ioas,
		.va = (uintptr_t)va,
		.length = length,
		.iova = iova,
	};
	struct vfio_iommu_type1_dma_map dma = {
		.argsz = sizeof(dma),
		.flags = VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE,
		.vaddr = (uintptr_t)va,
		.iova = iova,
		.size = length,
	};

	return holder->ioas ? world_raw_ioctl(holder->space, IOAS_MAP, &map)
			    : world_raw_ioctl(holder->space, VFIO_IOMMU_MAP_DMA, &dma);
}

int holder_unmap(const struct holder *holder, uint64_t length, uint64_t iova)
{
	struct ioas_unmap unmap = {
		.size = sizeof(unmap),
		.ioas = holder->ioas,
		.iova = iova,
		.length = length,
	};
	struct vfio_iommu_type1_dma_unmap dma = {
		.argsz = sizeof(dma),
		.iova = iova,
		.size = length,
	};
	int ret;

	ret = holder->ioas ? world_raw_ioctl(holder->space, IOAS_UNMAP, &unmap)
			   : world_raw_ioctl(holder->space, VFIO_IOMMU_UNMAP_DMA, &dma);
	if (ret < 0)
		return ret;
	return (holder->ioas ? unmap.length : dma.size) == length ? 0 : -EIO;
}

void holder_close(struct holder *holder)
{
	if (holder->device >= 0)
		world_raw_close(holder->device);
	if (holder->group >= 0)
		world_raw_close(holder->group);
	if (holder->space >= 0)
		world_raw_close(holder->space);
}
