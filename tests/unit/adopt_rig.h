/* SPDX-License-Identifier: BSD-3-Clause */
/* Somebody else in the process, who has opened the container or the iommufd and the device himself. */
#ifndef IOM_TEST_ADOPT_RIG_H
#define IOM_TEST_ADOPT_RIG_H

#include <fcntl.h>

#include "backends/vfio/vfio.h"
#include "tests/unit/domain_rig.h"

#define FOUR_GIB (4 * GIB)

/* His descriptors; -1 for what he has not. */
struct holder {
	int space; /* the container, or the iommufd */
	uint32_t ioas;
	int group, device;
	unsigned int fds;
};

static struct holder other;

static inline int raw_open(const char *path)
{
	int fd = iom_sys_open(iom_sim_sys(rig.sim), path, O_RDWR);

	ck_assert_int_ge(fd, 0);
	return fd;
}

static inline int raw_ioctl(int fd, unsigned long request, void *arg)
{
	return iom_sys_ioctl(iom_sim_sys(rig.sim), fd, request, arg);
}

static inline uint32_t new_ioas(int iommufd)
{
	struct iom_iommu_ioas_alloc alloc = { .size = sizeof(alloc) };

	ck_assert_int_eq(raw_ioctl(iommufd, IOM_IOMMU_IOAS_ALLOC, &alloc), 0);
	return alloc.out_ioas_id;
}

/* The device by its own node, bound to an iommufd. */
static inline int raw_bind(int iommufd)
{
	struct iom_vfio_device_bind_iommufd bind = { .argsz = sizeof(bind), .iommufd = iommufd };
	char node[IOM_VFIO_NODE_MAX];
	int fd;

	ck_assert_ok(iom_vfio_device_node(iom_sim_sys(rig.sim), NVME, node));
	fd = raw_open(node);
	ck_assert_int_eq(raw_ioctl(fd, IOM_VFIO_DEVICE_BIND_IOMMUFD, &bind), 0);
	return fd;
}

static inline void raw_attach(int device, uint32_t ioas)
{
	struct iom_vfio_device_attach_iommufd_pt attach = { .argsz = sizeof(attach),
							    .pt_id = ioas };

	ck_assert_int_eq(raw_ioctl(device, IOM_VFIO_DEVICE_ATTACH_IOMMUFD_PT, &attach), 0);
}

/* A container of this type, with the device's group; the device, too, if asked for. */
static inline void open_container(unsigned long type)
{
	char address[] = NVME;

	other.space =
		raw_open(rig_is("type1-iommufd") ? IOM_VFIO_IOMMUFD_NODE : IOM_VFIO_CONTAINER_NODE);
	other.group = raw_open("/dev/vfio/14");
	ck_assert_int_eq(raw_ioctl(other.group, VFIO_GROUP_SET_CONTAINER, &other.space), 0);
	ck_assert_int_eq(iom_sys_ioctl_int(iom_sim_sys(rig.sim), other.space, VFIO_SET_IOMMU, type),
			 0);
	other.device = raw_ioctl(other.group, VFIO_GROUP_GET_DEVICE_FD, address);
	ck_assert_int_ge(other.device, 0);
}

static inline void other_opens_type(unsigned long type)
{
	other = (struct holder){ -1, 0, -1, -1, 0 };
	if (rig_is("iommufd")) {
		other.space = raw_open(IOM_VFIO_IOMMUFD_NODE);
		other.ioas = new_ioas(other.space);
		other.device = raw_bind(other.space);
		raw_attach(other.device, other.ioas);
	} else {
		open_container(type);
	}
	other.fds = iom_sim_open_fds(rig.sim);
}

static inline void other_opens(void)
{
	other_opens_type(VFIO_TYPE1v2_IOMMU);
}

static inline void other_closes(void)
{
	const int fds[] = { other.device, other.group, other.space };
	size_t i;

	for (i = 0; i < ARRAY_SIZE(fds); i++)
		if (fds[i] >= 0)
			ck_assert_int_eq(iom_sys_close(iom_sim_sys(rig.sim), fds[i]), 0);
}

static inline int raw_map(int space, uint32_t ioas, const void *va, uint64_t length, uint64_t iova)
{
	struct iom_iommu_ioas_map map = {
		.size = sizeof(map),
		.flags = IOM_IOMMU_IOAS_MAP_FIXED_IOVA | IOM_IOMMU_IOAS_MAP_READABLE |
			 IOM_IOMMU_IOAS_MAP_WRITEABLE,
		.ioas_id = ioas,
		.user_va = (uintptr_t)va,
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

	return ioas ? raw_ioctl(space, IOM_IOMMU_IOAS_MAP, &map)
		    : raw_ioctl(space, VFIO_IOMMU_MAP_DMA, &dma);
}

static inline void raw_unmap(int space, uint32_t ioas, uint64_t iova, uint64_t length)
{
	struct iom_iommu_ioas_unmap unmap = {
		.size = sizeof(unmap),
		.ioas_id = ioas,
		.iova = iova,
		.length = length,
	};
	struct vfio_iommu_type1_dma_unmap dma = {
		.argsz = sizeof(dma),
		.iova = iova,
		.size = length,
	};
	int ret = ioas ? raw_ioctl(space, IOM_IOMMU_IOAS_UNMAP, &unmap)
		       : raw_ioctl(space, VFIO_IOMMU_UNMAP_DMA, &dma);

	ck_assert_int_eq(ret, 0);
	ck_assert_uint_eq(ioas ? unmap.length : dma.size, length);
}

static inline void other_maps(const void *va, uint64_t length, uint64_t iova)
{
	ck_assert_int_eq(raw_map(other.space, other.ioas, va, length, iova), 0);
}

static inline void other_unmaps(uint64_t iova, uint64_t length)
{
	raw_unmap(other.space, other.ioas, iova, length);
}

/* A region that he might have, for dma_works(). */
static inline struct iom_region as_region(void *va, uint64_t length, uint64_t iova)
{
	return (struct iom_region){ .va = va, .length = length, .iova = iova };
}

/* ---- The domain beside him ---------------------------------------------------------------------- */

static inline int open_beside(const struct iom_iova_range *ranges, uint64_t n)
{
	const struct iom_adopt_opts adopt = {
		.size = sizeof(adopt),
		.fd = other.space,
		.ioas = other.ioas,
		.ranges = ranges,
		.n_ranges = n,
	};
	const struct iom_open_opts opts = {
		.size = sizeof(opts),
		.log = rig_log,
		.log_arg = &rig,
		.adopt = &adopt,
	};

	return iom_open_with(&rig.dom, &opts, &rig.sys, iom_backends);
}

static inline int attach_fd(int fd)
{
	const struct iom_attach_opts opts = {
		.size = sizeof(opts),
		.flags = IOM_ATTACH_FD,
		.fd = fd,
	};

	return iom_attach(rig.dom, NVME, &opts, &rig.nvme);
}

/* Both, in all IOVAs; nothing is opened. */
static inline void start_beside(void)
{
	ck_assert_ok(open_beside(NULL, 0));
	ck_assert_ok(attach_fd(other.device));
	ck_assert_uint_eq(iom_sim_open_fds(rig.sim), other.fds);
}

/* The domain goes, and he has all that he had. */
static inline void end_beside(void)
{
	iom_close(rig.dom);
	rig.dom = NULL;
	ck_assert_uint_eq(iom_sim_open_fds(rig.sim), other.fds);
}

#endif
