/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The part of the kernel's iommufd and VFIO character device interfaces that is used here, for
 * systems that have no <linux/iommufd.h> (Debian 12) or whose <linux/vfio.h> is older than it.
 * Written from Documentation/userspace-api/iommufd.rst; names carry our prefix, so that the
 * system's headers may be included beside this one.  The kernel never changes these layouts: a test
 * compares them with newer headers.
 */
#ifndef IOM_UAPI_IOMMUFD_H
#define IOM_UAPI_IOMMUFD_H

#include <stddef.h>
#include <stdint.h>
#include <sys/ioctl.h>

#define IOM_IOMMUFD(n) _IO(';', n)

/* Linux 6.2 and later */
#define IOM_IOMMU_DESTROY IOM_IOMMUFD(0x80)
#define IOM_IOMMU_IOAS_ALLOC IOM_IOMMUFD(0x81)
#define IOM_IOMMU_IOAS_ALLOW_IOVAS IOM_IOMMUFD(0x82)
#define IOM_IOMMU_IOAS_COPY IOM_IOMMUFD(0x83)
#define IOM_IOMMU_IOAS_IOVA_RANGES IOM_IOMMUFD(0x84)
#define IOM_IOMMU_IOAS_MAP IOM_IOMMUFD(0x85)
#define IOM_IOMMU_IOAS_UNMAP IOM_IOMMUFD(0x86)
#define IOM_IOMMU_OPTION IOM_IOMMUFD(0x87)
#define IOM_IOMMU_VFIO_IOAS IOM_IOMMUFD(0x88)
/* Linux 6.13 and later */
#define IOM_IOMMU_IOAS_MAP_FILE IOM_IOMMUFD(0x8f)

struct iom_iommu_destroy {
	uint32_t size, id;
};

struct iom_iommu_ioas_alloc {
	uint32_t size, flags, out_ioas_id;
};

struct iom_iommu_iova_range {
	uint64_t start, last;
};

struct iom_iommu_ioas_iova_ranges {
	uint32_t size, ioas_id, num_iovas, reserved;
	uint64_t allowed_iovas; /* address of an array of struct iom_iommu_iova_range */
	uint64_t out_iova_alignment;
};

struct iom_iommu_ioas_allow_iovas {
	uint32_t size, ioas_id, num_iovas, reserved;
	uint64_t allowed_iovas; /* as above */
};

#define IOM_IOMMU_IOAS_MAP_FIXED_IOVA 0x1u
#define IOM_IOMMU_IOAS_MAP_WRITEABLE 0x2u
#define IOM_IOMMU_IOAS_MAP_READABLE 0x4u

struct iom_iommu_ioas_map {
	uint32_t size, flags, ioas_id, reserved;
	uint64_t user_va, length, iova;
};

struct iom_iommu_ioas_map_file {
	uint32_t size, flags, ioas_id;
	int32_t fd;
	uint64_t start, length, iova;
};

struct iom_iommu_ioas_copy {
	uint32_t size, flags, dst_ioas_id, src_ioas_id;
	uint64_t length, dst_iova, src_iova;
};

struct iom_iommu_ioas_unmap {
	uint32_t size, ioas_id;
	uint64_t iova, length;
};

#define IOM_IOMMU_OPTION_RLIMIT_MODE 0u
#define IOM_IOMMU_OPTION_HUGE_PAGES 1u
#define IOM_IOMMU_OPTION_OP_SET 0u
#define IOM_IOMMU_OPTION_OP_GET 1u

struct iom_iommu_option {
	uint32_t size, option_id;
	uint16_t op, reserved;
	uint32_t object_id;
	uint64_t val64;
};

#define IOM_IOMMU_VFIO_IOAS_GET 0u
#define IOM_IOMMU_VFIO_IOAS_SET 1u
#define IOM_IOMMU_VFIO_IOAS_CLEAR 2u

struct iom_iommu_vfio_ioas {
	uint32_t size, ioas_id;
	uint16_t op, reserved;
};

/* VFIO's side, Linux 6.6 and later: a device is opened by its own node and bound to an iommufd. */
#define IOM_VFIO_DEVICE_BIND_IOMMUFD _IO(';', 100 + 18)
#define IOM_VFIO_DEVICE_ATTACH_IOMMUFD_PT _IO(';', 100 + 19)
#define IOM_VFIO_DEVICE_DETACH_IOMMUFD_PT _IO(';', 100 + 20)

struct iom_vfio_device_bind_iommufd {
	uint32_t argsz, flags;
	int32_t iommufd;
	uint32_t out_devid;
};

struct iom_vfio_device_attach_iommufd_pt {
	uint32_t argsz, flags, pt_id;
};

struct iom_vfio_device_detach_iommufd_pt {
	uint32_t argsz, flags;
};

#define IOM_UAPI_SIZE(type, bytes) _Static_assert(sizeof(struct type) == (bytes), #type)
#define IOM_UAPI_AT(type, member, offset) \
	_Static_assert(offsetof(struct type, member) == (offset), #type "." #member)

IOM_UAPI_SIZE(iom_iommu_destroy, 8);
IOM_UAPI_SIZE(iom_iommu_ioas_alloc, 12);
IOM_UAPI_SIZE(iom_iommu_iova_range, 16);
IOM_UAPI_SIZE(iom_iommu_ioas_iova_ranges, 32);
IOM_UAPI_AT(iom_iommu_ioas_iova_ranges, allowed_iovas, 16);
IOM_UAPI_AT(iom_iommu_ioas_iova_ranges, out_iova_alignment, 24);
IOM_UAPI_SIZE(iom_iommu_ioas_allow_iovas, 24);
IOM_UAPI_AT(iom_iommu_ioas_allow_iovas, allowed_iovas, 16);
IOM_UAPI_SIZE(iom_iommu_ioas_map, 40);
IOM_UAPI_AT(iom_iommu_ioas_map, user_va, 16);
IOM_UAPI_AT(iom_iommu_ioas_map, length, 24);
IOM_UAPI_AT(iom_iommu_ioas_map, iova, 32);
IOM_UAPI_SIZE(iom_iommu_ioas_map_file, 40);
IOM_UAPI_AT(iom_iommu_ioas_map_file, fd, 12);
IOM_UAPI_AT(iom_iommu_ioas_map_file, start, 16);
IOM_UAPI_AT(iom_iommu_ioas_map_file, length, 24);
IOM_UAPI_AT(iom_iommu_ioas_map_file, iova, 32);
IOM_UAPI_SIZE(iom_iommu_ioas_copy, 40);
IOM_UAPI_AT(iom_iommu_ioas_copy, length, 16);
IOM_UAPI_AT(iom_iommu_ioas_copy, dst_iova, 24);
IOM_UAPI_AT(iom_iommu_ioas_copy, src_iova, 32);
IOM_UAPI_SIZE(iom_iommu_ioas_unmap, 24);
IOM_UAPI_AT(iom_iommu_ioas_unmap, iova, 8);
IOM_UAPI_AT(iom_iommu_ioas_unmap, length, 16);
IOM_UAPI_SIZE(iom_iommu_option, 24);
IOM_UAPI_AT(iom_iommu_option, op, 8);
IOM_UAPI_AT(iom_iommu_option, object_id, 12);
IOM_UAPI_AT(iom_iommu_option, val64, 16);
IOM_UAPI_SIZE(iom_iommu_vfio_ioas, 12);
IOM_UAPI_AT(iom_iommu_vfio_ioas, op, 8);
IOM_UAPI_SIZE(iom_vfio_device_bind_iommufd, 16);
IOM_UAPI_AT(iom_vfio_device_bind_iommufd, iommufd, 8);
IOM_UAPI_AT(iom_vfio_device_bind_iommufd, out_devid, 12);
IOM_UAPI_SIZE(iom_vfio_device_attach_iommufd_pt, 12);
IOM_UAPI_AT(iom_vfio_device_attach_iommufd_pt, pt_id, 8);
IOM_UAPI_SIZE(iom_vfio_device_detach_iommufd_pt, 8);

#endif
