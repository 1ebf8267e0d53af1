/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * <linux/iommufd.h> came with Linux 6.2, and older distributions have none: what is needed of it is
 * here, after Documentation/userspace-api/iommufd.rst.
 */
#ifndef IOMMUFD_ABI_H
#define IOMMUFD_ABI_H

#include <stdint.h>
#include <sys/ioctl.h>

#define IOAS_ALLOC _IO(';', 0x81)
#define IOAS_MAP _IO(';', 0x85)
#define IOAS_UNMAP _IO(';', 0x86)
#define BIND_IOMMUFD _IO(';', 100 + 18) /* of the device's own node */
#define ATTACH_PT _IO(';', 100 + 19)

#define MAP_FIXED_IOVA 0x1u
#define MAP_WRITEABLE 0x2u
#define MAP_READABLE 0x4u

struct ioas_alloc {
	uint32_t size, flags, id;
};

struct ioas_map {
	uint32_t size, flags, ioas, reserved;
	uint64_t va, length, iova;
};

struct ioas_unmap {
	uint32_t size, ioas;
	uint64_t iova, length;
};

struct device_bind {
	uint32_t argsz, flags;
	int32_t iommufd;
	uint32_t id;
};

struct device_attach {
	uint32_t argsz, flags, ioas;
};

#endif
