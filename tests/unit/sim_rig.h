/* SPDX-License-Identifier: BSD-3-Clause */
/* A simulated machine under raw calls, for the tests of the simulation itself. */
#ifndef IOM_TEST_SIM_RIG_H
#define IOM_TEST_SIM_RIG_H

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/vfio.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/sys.h"
#include "sim/sim.h"

#define NVME "0000:01:00.0"
#define EDU "0000:02:00.0"
#define BASE (UINT64_C(1) << 32)
#define PAGE 65536 /* whole pages of any kernel that this may run on */
#define RW (VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE)

static struct iom_sim *sim;
static const struct iom_sys *sys;

static inline void make(const struct iom_sim_config *config)
{
	iom_sim_destroy(sim);
	sim = NULL;
	ck_assert_int_eq(iom_sim_create(config, &sim), 0);
	sys = iom_sim_sys(sim);
}

static inline void set_up(void)
{
	make(NULL);
}

/* What is open goes with the machine. */
static inline void tear_down(void)
{
	iom_sim_destroy(sim);
	sim = NULL;
}

static inline int open_container(void)
{
	return iom_sys_open(sys, "/dev/vfio/vfio", O_RDWR);
}

static inline int open_group(int group)
{
	char path[32];

	snprintf(path, sizeof(path), "/dev/vfio/%d", group);
	return iom_sys_open(sys, path, O_RDWR);
}

static inline int join(int container, int group)
{
	return iom_sys_ioctl(sys, group, VFIO_GROUP_SET_CONTAINER, &container);
}

static inline int set_type(int container)
{
	return iom_sys_ioctl_int(sys, container, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU);
}

static inline int open_device(int group, const char *address)
{
	char name[64];

	snprintf(name, sizeof(name), "%s", address);
	return iom_sys_ioctl(sys, group, VFIO_GROUP_GET_DEVICE_FD, name);
}

/* A container of type1 v2 with a group. */
static inline int make_container(int group)
{
	int container = open_container(), fd = open_group(group);

	ck_assert_int_ge(container, 0);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(join(container, fd), 0);
	ck_assert_int_eq(set_type(container), 0);
	return container;
}

static inline char *make_memory(size_t length)
{
	void *p = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	ck_assert_ptr_ne(p, MAP_FAILED);
	return p;
}

static inline int map(int container, uint64_t iova, const void *memory, uint64_t size,
		      uint32_t flags)
{
	struct vfio_iommu_type1_dma_map arg = { .argsz = sizeof(arg) };

	arg.flags = flags;
	arg.vaddr = (uintptr_t)memory;
	arg.iova = iova;
	arg.size = size;
	return iom_sys_ioctl(sys, container, VFIO_IOMMU_MAP_DMA, &arg);
}

static inline int unmap(int container, uint64_t iova, uint64_t size, uint64_t *unmapped)
{
	struct vfio_iommu_type1_dma_unmap arg = { .argsz = sizeof(arg) };
	int ret;

	arg.iova = iova;
	arg.size = size;
	ret = iom_sys_ioctl(sys, container, VFIO_IOMMU_UNMAP_DMA, &arg);
	*unmapped = arg.size;
	return ret;
}

#endif
