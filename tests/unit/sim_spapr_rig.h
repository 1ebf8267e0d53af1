/* SPDX-License-Identifier: BSD-3-Clause */
/* A simulated POWER machine under raw calls, for the tests of the simulation itself. */
#ifndef IOM_TEST_SIM_SPAPR_RIG_H
#define IOM_TEST_SIM_SPAPR_RIG_H

#include "tests/unit/sim_rig.h"

#define MIB (UINT64_C(1) << 20)
#define GIB (UINT64_C(1) << 30)
#define WIDE (UINT64_C(1) << 59) /* where the second window starts */
#define SMALL 12                 /* page shifts */
#define LARGE 16
#define HUGE 21

static inline void make_power(const char *platform)
{
	const struct iom_sim_config config = { .size = sizeof(config), .platform = platform };

	make(&config);
}

/* Its page is that of the simulated kernel, which may be larger than the real one. */
static inline char *make_aligned(size_t length, size_t alignment)
{
	char *p = make_memory(length + alignment), *start;

	start = p + (-(uintptr_t)p & (alignment - 1));
	if (start > p)
		munmap(p, (size_t)(start - p));
	munmap(start + length, alignment - (size_t)(start - p));
	return start;
}

static inline int join_new(int container, int group)
{
	int fd = open_group(group), ret;

	ck_assert_int_ge(fd, 0);
	ret = join(container, fd);
	if (ret < 0)
		iom_sys_close(sys, fd);
	return ret < 0 ? ret : fd;
}

static inline int set_spapr(int container)
{
	return iom_sys_ioctl_int(sys, container, VFIO_SET_IOMMU, VFIO_SPAPR_TCE_v2_IOMMU);
}

/* A container with a group. */
static inline int make_spapr(int group)
{
	int container = open_container();

	ck_assert_int_ge(container, 0);
	ck_assert_int_ge(join_new(container, group), 0);
	ck_assert_int_eq(set_spapr(container), 0);
	return container;
}

static inline int registration(int container, unsigned long request, const void *memory,
			       uint64_t size)
{
	struct vfio_iommu_spapr_register_memory arg = { .argsz = sizeof(arg) };

	arg.vaddr = (uintptr_t)memory;
	arg.size = size;
	return iom_sys_ioctl(sys, container, request, &arg);
}

static inline int enlist(int container, const void *memory, uint64_t size)
{
	return registration(container, VFIO_IOMMU_SPAPR_REGISTER_MEMORY, memory, size);
}

static inline int delist(int container, const void *memory, uint64_t size)
{
	return registration(container, VFIO_IOMMU_SPAPR_UNREGISTER_MEMORY, memory, size);
}

static inline int create(int container, unsigned int shift, uint64_t size, uint64_t *start)
{
	struct vfio_iommu_spapr_tce_create arg = { .argsz = sizeof(arg) };
	int ret;

	arg.page_shift = shift;
	arg.window_size = size;
	arg.levels = 1;
	ret = iom_sys_ioctl(sys, container, VFIO_IOMMU_SPAPR_TCE_CREATE, &arg);
	if (!ret)
		*start = arg.start_addr;
	return ret;
}

static inline int remove_window(int container, uint64_t start)
{
	struct vfio_iommu_spapr_tce_remove arg = { .argsz = sizeof(arg) };

	arg.start_addr = start;
	return iom_sys_ioctl(sys, container, VFIO_IOMMU_SPAPR_TCE_REMOVE, &arg);
}

static inline int clear(int container, uint64_t iova, uint64_t size)
{
	uint64_t left;
	int ret = unmap(container, iova, size, &left);

	ck_assert_uint_eq(left, size);
	return ret;
}

static inline struct vfio_iommu_spapr_tce_info info_of(int container)
{
	struct vfio_iommu_spapr_tce_info info = { .argsz = sizeof(info) };

	ck_assert_int_eq(iom_sys_ioctl(sys, container, VFIO_IOMMU_SPAPR_TCE_GET_INFO, &info), 0);
	return info;
}

/* Does the device read there what memory says. */
static inline bool reads(const char *address, uint64_t iova, const char *memory)
{
	char c = (char)(*memory + 1);

	return !iom_sim_dma_read(sim, address, iova, &c, 1) && c == *memory;
}

#endif
