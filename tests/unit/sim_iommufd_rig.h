/* SPDX-License-Identifier: BSD-3-Clause */
/* Raw calls of iommufd and of a device's own node, for the tests of the simulation itself. */
#ifndef IOM_TEST_SIM_IOMMUFD_RIG_H
#define IOM_TEST_SIM_IOMMUFD_RIG_H

#include "backends/uapi/iommufd.h"
#include "tests/unit/sim_rig.h"

#define RDWR (IOM_IOMMU_IOAS_MAP_READABLE | IOM_IOMMU_IOAS_MAP_WRITEABLE)
#define FIXED IOM_IOMMU_IOAS_MAP_FIXED_IOVA

static const struct iom_sim_config with_iommufd = {
	.size = sizeof(with_iommufd),
	.iommufd = true,
};

static inline void set_up_iommufd(void)
{
	make(&with_iommufd);
}

static inline int open_iommufd(void)
{
	int fd = iom_sys_open(sys, "/dev/iommu", O_RDWR);

	ck_assert_int_ge(fd, 0);
	return fd;
}

/* The first device that is bound to VFIO is vfio0. */
static inline int open_cdev(int index)
{
	char path[64];

	snprintf(path, sizeof(path), "/dev/vfio/devices/vfio%d", index);
	return iom_sys_open(sys, path, O_RDWR);
}

static inline int bind_to(int cdev, int iommufd)
{
	struct iom_vfio_device_bind_iommufd bind = { .argsz = sizeof(bind), .iommufd = iommufd };

	return iom_sys_ioctl(sys, cdev, IOM_VFIO_DEVICE_BIND_IOMMUFD, &bind);
}

static inline int attach(int cdev, uint32_t id)
{
	struct iom_vfio_device_attach_iommufd_pt attach = { .argsz = sizeof(attach), .pt_id = id };

	return iom_sys_ioctl(sys, cdev, IOM_VFIO_DEVICE_ATTACH_IOMMUFD_PT, &attach);
}

static inline int detach(int cdev)
{
	struct iom_vfio_device_detach_iommufd_pt detach = { .argsz = sizeof(detach) };

	return iom_sys_ioctl(sys, cdev, IOM_VFIO_DEVICE_DETACH_IOMMUFD_PT, &detach);
}

static inline uint32_t new_ioas(int iommufd)
{
	struct iom_iommu_ioas_alloc alloc = { .size = sizeof(alloc) };

	ck_assert_int_eq(iom_sys_ioctl(sys, iommufd, IOM_IOMMU_IOAS_ALLOC, &alloc), 0);
	return alloc.out_ioas_id;
}

static inline int ioas_map(int iommufd, uint32_t ioas, uint64_t iova, const void *memory,
			   uint64_t length, uint32_t flags)
{
	struct iom_iommu_ioas_map arg = {
		.size = sizeof(arg),
		.flags = flags | FIXED,
		.ioas_id = ioas,
		.user_va = (uintptr_t)memory,
		.length = length,
		.iova = iova,
	};

	return iom_sys_ioctl(sys, iommufd, IOM_IOMMU_IOAS_MAP, &arg);
}

static inline int ioas_unmap(int iommufd, uint32_t ioas, uint64_t iova, uint64_t length)
{
	struct iom_iommu_ioas_unmap arg = {
		.size = sizeof(arg),
		.ioas_id = ioas,
		.iova = iova,
		.length = length,
	};

	return iom_sys_ioctl(sys, iommufd, IOM_IOMMU_IOAS_UNMAP, &arg);
}

static inline int map_file(int iommufd, uint32_t ioas, uint64_t iova, int fd, uint64_t start,
			   uint64_t length)
{
	struct iom_iommu_ioas_map_file arg = {
		.size = sizeof(arg),
		.flags = RDWR | FIXED,
		.ioas_id = ioas,
		.fd = fd,
		.start = start,
		.length = length,
		.iova = iova,
	};

	return iom_sys_ioctl(sys, iommufd, IOM_IOMMU_IOAS_MAP_FILE, &arg);
}

static inline uint32_t ranges_of(int iommufd, uint32_t ioas, struct iom_iommu_iova_range *ranges,
				 uint32_t room)
{
	struct iom_iommu_ioas_iova_ranges arg = {
		.size = sizeof(arg),
		.ioas_id = ioas,
		.num_iovas = room,
		.allowed_iovas = (uintptr_t)ranges,
	};

	ck_assert_int_eq(iom_sys_ioctl(sys, iommufd, IOM_IOMMU_IOAS_IOVA_RANGES, &arg), 0);
	return arg.num_iovas;
}

/* A device of this index, bound and attached to a new IOAS, whose number is 1. */
static inline int attached_device(int iommufd, int index)
{
	int cdev = open_cdev(index);

	ck_assert_int_ge(cdev, 0);
	ck_assert_int_eq(bind_to(cdev, iommufd), 0);
	ck_assert_int_eq(attach(cdev, 1), 0);
	return cdev;
}

static inline int dma_read(const char *address, uint64_t iova, void *buf, size_t n)
{
	return iom_sim_dma_read(sim, address, iova, buf, n);
}

#endif
