/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the kernel may answer to each call when it does not do it: by Documentation/ and the source of
 * Linux 6.12 and 7.2, and what guests have shown.  Each list ends with 0; its first member is what is
 * tried where there is time for one only.
 */
#ifndef IOM_TEST_ANSWERS_H
#define IOM_TEST_ANSWERS_H

#include "tests/unit/domain_rig.h"

/* A call that was made, as far as it matters to how it may fail. */
struct call {
	enum iom_sim_call call;
	unsigned long request;
	bool on_device; /* the ioctl is one of a device's own node */
};

#define MOST_ANSWERS 10

struct answers {
	unsigned long request;
	bool on_device; /* three of SPAPR's requests are numbers of cdev's, too */
	int v[MOST_ANSWERS];
};

/* Of type1 and of POWER, whose firmware answers with numbers of its own: H_BUSY is 1. */
static const int of_type1_map[] = { -ENOMEM, -EINVAL, -EEXIST,    -ENOSPC, -EFAULT,
				    -EPERM,  -EINTR,  -EOVERFLOW, -EBUSY,  0 };
static const int of_spapr_map[] = { 1,      -ENXIO,  -EINVAL, -EPERM,  -EINTR,
				    -EBUSY, -ENODEV, -ENOMEM, -EFAULT, 0 };
static const int of_type1_unmap[] = { -EINVAL, -ENOMEM, -ENOENT, 1, 0 };
static const int of_spapr_unmap[] = { 1, -ENXIO, -EINVAL, -EPERM, -ENODEV, -EIO, 0 };

static const struct answers of_requests[] = {
	{ VFIO_GET_API_VERSION, false, { -ENOTTY, -EINVAL, 1 } },
	{ VFIO_CHECK_EXTENSION, false, { -ENOTTY, -EINVAL } },
	{ VFIO_SET_IOMMU, false, { -EINVAL, -EPERM, -ENODEV, -ENOMEM, -EBUSY } },
	{ VFIO_GROUP_GET_STATUS, false, { -EFAULT, -ENODEV, -ENOTTY } },
	{ VFIO_GROUP_SET_CONTAINER, false, { -EINVAL, -EPERM, -EBUSY, -ENOMEM, -ENODEV, -EEXIST } },
	{ VFIO_GROUP_UNSET_CONTAINER, false, { -EBUSY, -EINVAL, -ENODEV } },
	{ VFIO_GROUP_GET_DEVICE_FD,
	  false,
	  { -EPERM, -EBUSY, -EMFILE, -ENODEV, -EINVAL, -EIO, -ENOMEM } },
	{ VFIO_DEVICE_GET_INFO, true, { -EFAULT, -EINVAL, -ENODEV, -EIO } },
	{ VFIO_DEVICE_RESET, true, { -EINVAL, -EIO, -ENODEV, -ENOTTY } },
	/* type1's and SPAPR's are one number */
	{ VFIO_IOMMU_GET_INFO, false, { -ENXIO, -EINVAL, -EFAULT, -ENOMEM, -ENODEV } },
	{ VFIO_IOMMU_SPAPR_REGISTER_MEMORY,
	  false,
	  { -ENOMEM, -EINVAL, -EBUSY, -EFAULT, -EPERM, -EINTR } },
	{ VFIO_IOMMU_SPAPR_UNREGISTER_MEMORY, false, { -ENOENT, -EINVAL, -EPERM, -EBUSY } },
	{ VFIO_IOMMU_SPAPR_TCE_CREATE,
	  false,
	  { -ENODEV, -ENOSPC, -EPERM, -EINVAL, -ENOMEM, -EBUSY, 1 } },
	{ VFIO_IOMMU_SPAPR_TCE_REMOVE, false, { -EINVAL, -EPERM, -ENXIO, 1 } },
	{ VFIO_EEH_PE_OP, false, { -EIO, -EINVAL, -ENODEV, -EPERM, -ENOTTY } },
	{ IOM_VFIO_DEVICE_BIND_IOMMUFD, true, { -EPERM, -EINVAL, -EBUSY, -ENODEV, -ENOTTY } },
	{ IOM_VFIO_DEVICE_ATTACH_IOMMUFD_PT,
	  true,
	  { -EADDRINUSE, -ENOENT, -EBUSY, -ENOMEM, -EINVAL, -EFAULT, -EIO } },
	{ IOM_VFIO_DEVICE_DETACH_IOMMUFD_PT, true, { -EINVAL, -ENODEV } },
	{ IOM_IOMMU_DESTROY, false, { -EBUSY, -ENOENT } },
	{ IOM_IOMMU_IOAS_ALLOC, false, { -ENOMEM, -ENOTTY, -EOPNOTSUPP } },
	{ IOM_IOMMU_IOAS_ALLOW_IOVAS, false, { -EADDRINUSE, -EINVAL, -ENOMEM } },
	{ IOM_IOMMU_IOAS_IOVA_RANGES, false, { -EMSGSIZE, -EINVAL, -ENOENT } },
	{ IOM_IOMMU_IOAS_MAP,
	  false,
	  { -ENOMEM, -EINVAL, -EEXIST, -EFAULT, -EOVERFLOW, -ENOSPC, -EBUSY, -ENODEV, -EPERM } },
	{ IOM_IOMMU_IOAS_MAP_FILE,
	  false,
	  { -ENOMEM, -ENOTTY, -EOPNOTSUPP, -EBADF, -EINVAL, -EFAULT, -EEXIST } },
	{ IOM_IOMMU_VFIO_IOAS, false, { -ENODEV } },
	{ IOM_IOMMU_IOAS_UNMAP, false, { -ENOENT, -EBUSY, -ENOMEM, -EDEADLK } },
};

static const int of_calls[IOM_SIM_CALLS][MOST_ANSWERS] = {
	[IOM_SIM_OPEN] = { -EMFILE, -ENOENT, -EACCES, -EBUSY, -ENODEV, -ENOMEM, -EPERM },
	[IOM_SIM_CLOSE] = { -EIO, -EINTR },
	[IOM_SIM_IOCTL] = { -EIO, -ENOTTY, -EINVAL, -ENOMEM }, /* no request of the table */
	[IOM_SIM_READ_FILE] = { -EMFILE, -ENOENT, -EACCES, -EIO, -ENODEV },
	[IOM_SIM_READ_LINK] = { -ENOENT, -EACCES, -ENOMEM },
	[IOM_SIM_LIST_DIR] = { -EMFILE, -ENOENT, -EACCES, -ENOMEM },
	[IOM_SIM_ALLOC_PAGES] = { -ENOMEM, -EAGAIN },
	[IOM_SIM_FILE_INFO] = { -EBADF, -EIO, -EOPNOTSUPP },
	[IOM_SIM_MAP_FILE] = { -ENOMEM, -EACCES, -EINVAL, -EPERM, -ENODEV },
	[IOM_SIM_POPULATE] = { -ENOMEM, -EFAULT, -EINVAL, -EHWPOISON, -EINTR },
	[IOM_SIM_FIND_VMA] = { -EMFILE, -ENOENT, -EACCES, -EOPNOTSUPP, -ENOMEM },
	[IOM_SIM_ALLOC_BUF] = { -ENOMEM, -EINVAL, -ENXIO, -EMFILE },
	[IOM_SIM_NODE_OF] = { -EFAULT, -ENOSYS, -EPERM },
};

/* Ended by 0. */
static inline const int *answers_of(const struct call *c)
{
	size_t i;

	if (c->call != IOM_SIM_IOCTL)
		return of_calls[c->call];
	if (c->request == VFIO_IOMMU_MAP_DMA)
		return rig_is_power() ? of_spapr_map : of_type1_map;
	if (c->request == VFIO_IOMMU_UNMAP_DMA)
		return rig_is_power() ? of_spapr_unmap : of_type1_unmap;
	for (i = 0; i < ARRAY_SIZE(of_requests); i++)
		if (of_requests[i].request == c->request &&
		    of_requests[i].on_device == c->on_device)
			return of_requests[i].v;
	return of_calls[IOM_SIM_IOCTL];
}

/* What undoes or takes away: the kernel's refusal leaves something behind. */
static inline bool is_undo(const struct call *c)
{
	static const unsigned long requests[] = {
		VFIO_IOMMU_UNMAP_DMA,
		VFIO_IOMMU_SPAPR_UNREGISTER_MEMORY,
		VFIO_IOMMU_SPAPR_TCE_REMOVE,
		IOM_IOMMU_IOAS_UNMAP,
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(requests) && c->call == IOM_SIM_IOCTL && !c->on_device; i++)
		if (c->request == requests[i])
			return true;
	return false;
}

/* What unmaps, and may have done a part of it before it fails. */
static inline bool is_unmap(const struct call *c)
{
	return c->call == IOM_SIM_IOCTL &&
	       (c->request == VFIO_IOMMU_UNMAP_DMA || c->request == IOM_IOMMU_IOAS_UNMAP);
}

#endif
