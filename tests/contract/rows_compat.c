// SPDX-License-Identifier: BSD-3-Clause
/* An iommufd that is used as a container.  Since 6.12. */
#include "tests/contract/contract.h"

#include <errno.h>
#include <linux/vfio.h>

#include "backends/uapi/iommufd.h"

#define R VFIO_DMA_MAP_FLAG_READ
#define W VFIO_DMA_MAP_FLAG_WRITE
#define ALL VFIO_DMA_UNMAP_FLAG_ALL
#define VIABLE VFIO_GROUP_FLAGS_VIABLE
#define CONTAINED (VFIO_GROUP_FLAGS_VIABLE | VFIO_GROUP_FLAGS_CONTAINER_SET)
#define GET IOM_IOMMU_VFIO_IOAS_GET
#define CLEAR IOM_IOMMU_VFIO_IOAS_CLEAR
#define SET IOM_IOMMU_VFIO_IOAS_SET

/* clang-format off */

static const struct contract_row order[] = {
	{ "open", OPEN_COMPAT, .to = C },
	{ "API version", REQUEST, .number = VFIO_GET_API_VERSION, .answer = VFIO_API_VERSION },
	{ "TYPE1", REQUEST, .number = VFIO_CHECK_EXTENSION, .flags = VFIO_TYPE1_IOMMU,
	  .answer = 1 },
	{ "SPAPR_TCE", REQUEST, .number = VFIO_CHECK_EXTENSION, .flags = VFIO_SPAPR_TCE_IOMMU },
	{ "TYPE1v2", REQUEST, .number = VFIO_CHECK_EXTENSION, .flags = VFIO_TYPE1v2_IOMMU,
	  .answer = 1 },
	{ "EEH", REQUEST, .number = VFIO_CHECK_EXTENSION, .flags = VFIO_EEH },
	{ "NESTING", REQUEST, .number = VFIO_CHECK_EXTENSION, .flags = VFIO_TYPE1_NESTING_IOMMU },
	{ "SPAPR_TCE_v2", REQUEST, .number = VFIO_CHECK_EXTENSION,
	  .flags = VFIO_SPAPR_TCE_v2_IOMMU },
	{ "NOIOMMU", REQUEST, .number = VFIO_CHECK_EXTENSION, .flags = VFIO_NOIOMMU_IOMMU },
	{ "UNMAP_ALL", REQUEST, .number = VFIO_CHECK_EXTENSION, .flags = VFIO_UNMAP_ALL,
	  .answer = 1 },
	{ "UPDATE_VADDR", REQUEST, .number = VFIO_CHECK_EXTENSION, .flags = VFIO_UPDATE_VADDR },
	{ "DMA_CC before a group", REQUEST, .number = VFIO_CHECK_EXTENSION,
	  .flags = VFIO_DMA_CC_IOMMU, .answer = -ENODEV },
	{ "type before a group", REQUEST, .number = VFIO_SET_IOMMU, .flags = VFIO_TYPE1v2_IOMMU,
	  .answer = -ENODEV },
	{ "map before a group", MAP, .size = 1, .flags = R | W, .answer = -ENODEV },
	{ "unmap before a group", UNMAP, .size = 1, .answer = -ENODEV },
	{ "info before a group", COMPAT_INFO, .answer = -ENODEV },
	{ "no IOAS", VFIO_IOAS, .flags = GET, .answer = -ENODEV },
	{ "unknown request", REQUEST, .number = VFIO_GROUP_GET_STATUS, .answer = -ENOTTY },
	{ "dirty pages", REQUEST, .number = VFIO_IOMMU_DIRTY_PAGES, .answer = -ENOTTY },

	{ "open the group", OPEN_GROUP, .to = G },
	{ "device before container", DEVICE_FD, .fd = G, .to = D, .answer = -EINVAL },
	{ "leave, but in none", UNSET_CONTAINER, .fd = G, .answer = -EINVAL },
	{ "join", SET_CONTAINER, .fd = G, .to = C },
	{ "join again", SET_CONTAINER, .fd = G, .to = C, .answer = -EINVAL },
	{ "status", GET_STATUS, .fd = G, .out = CONTAINED },
	{ "an IOAS came with it", VFIO_IOAS, .flags = GET, .out = 1 },
	{ "DMA_CC", REQUEST, .number = VFIO_CHECK_EXTENSION, .flags = VFIO_DMA_CC_IOMMU,
	  .answer = 1 },
	{ "info", COMPAT_INFO, .argsz = 1000 },
	{ "info, no room for capabilities", COMPAT_INFO, .out = 0 },
	{ "info, struct too short", COMPAT_INFO, .argsz = -9, .answer = -EINVAL },
	{ "info, no struct", REQUEST, .number = VFIO_IOMMU_GET_INFO, .answer = -EFAULT },
	{ "map before there is a type, of no memory", MAP, .memory = NOWHERE, .size = 1,
	  .flags = R | W },
	{ "unmap it", UNMAP, .size = 1, .out = 1 },
	{ "no such type", REQUEST, .number = VFIO_SET_IOMMU, .flags = 99, .answer = -EINVAL },
	{ "SPAPR", REQUEST, .number = VFIO_SET_IOMMU, .flags = VFIO_SPAPR_TCE_v2_IOMMU,
	  .answer = -EINVAL },
	{ "type", REQUEST, .number = VFIO_SET_IOMMU, .flags = VFIO_TYPE1v2_IOMMU },
	{ "type again", REQUEST, .number = VFIO_SET_IOMMU, .flags = VFIO_TYPE1v2_IOMMU },
	{ "device by a longer name", DEVICE_FD, .fd = G, .to = D, .name = "0", .answer = -ENODEV },
	{ "device", DEVICE_FD, .fd = G, .to = D },
	{ "it is attached", COMPAT_INFO, .argsz = 1000, .out = 1 },
	{ "and the IOAS too", RANGES, .id = 1, .size = 8, .out = 1 },
	{ "DMA_CC, but not enforced", REQUEST, .number = VFIO_CHECK_EXTENSION,
	  .flags = VFIO_DMA_CC_IOMMU },
	{ "destroy the IOAS", DESTROY, .id = 1, .answer = -EBUSY },
	{ "device again", DEVICE_FD, .fd = G, .to = D2 },
	{ "device info", DEVICE_INFO, .fd = D2 },
	{ "bind it, no struct", REQUEST, .fd = D, .number = IOM_VFIO_DEVICE_BIND_IOMMUFD,
	  .answer = -EFAULT },
	{ "bind it", BIND, .fd = D, .to = C, .answer = -EINVAL },
	{ "attach it", ATTACH, .fd = D, .id = 1, .answer = -ENOTTY },
	{ "open it by its own node", OPEN_CDEV, .to = I },
	{ "which is not for binding now", BIND, .fd = I, .to = C, .answer = -EBUSY },
	{ "close that", CLOSE, .fd = I },

	{ "map", MAP, .size = 1, .flags = R | W },
	{ "leave, while the device is open", UNSET_CONTAINER, .fd = G },
	{ "leave again", UNSET_CONTAINER, .fd = G, .answer = -EINVAL },
	{ "the device works", DEVICE_INFO, .fd = D },
	{ "and is attached still", COMPAT_INFO, .argsz = 1000, .out = 1 },
	{ "device without container", DEVICE_FD, .fd = G, .to = I, .answer = -EINVAL },
	{ "the group is somebody's", GET_STATUS, .fd = G, .out = 0 },
	{ "close one of two", CLOSE, .fd = D },
	{ "it is attached still", COMPAT_INFO, .argsz = 1000, .out = 1 },
	{ "close the other", CLOSE, .fd = D2 },
	{ "now it is not", COMPAT_INFO, .argsz = 1000 },
	{ "the group is free", GET_STATUS, .fd = G, .out = VIABLE },
	{ "the mapping is there", MAP, .size = 1, .flags = R | W, .answer = -EEXIST },
	{ "clear the IOAS", VFIO_IOAS, .flags = CLEAR },
	{ "no mapping without it", MAP, .size = 1, .flags = R | W, .answer = -ENODEV },
	{ "set it", VFIO_IOAS, .flags = SET, .id = 1, .out = 1 },
	{ "join anew", SET_CONTAINER, .fd = G, .to = C },
	{ "the same IOAS", VFIO_IOAS, .flags = GET, .out = 1 },
	{ "device anew", DEVICE_FD, .fd = G, .to = D },
	{ "close the container before its group", CLOSE, .fd = C },
	{ "the group has it still", GET_STATUS, .fd = G, .out = CONTAINED },
	{ "close the group before its device", CLOSE, .fd = G },
	{ "the device still works", DEVICE_INFO, .fd = D },
	{ "but the group is closed", OPEN_GROUP, .to = G },
	{ "and somebody's", GET_STATUS, .fd = G, .out = 0 },
	{ "another iommufd", OPEN_IOMMUFD, .to = I2 },
	{ "can have it", SET_CONTAINER, .fd = G, .to = I2 },
	{ "for nothing: the device is the first one's", DEVICE_FD, .fd = G, .to = D2 },
	{ "and stays that", REQUEST, .fd = I2, .number = VFIO_CHECK_EXTENSION,
	  .flags = VFIO_DMA_CC_IOMMU, .answer = 1 },
	{ "close the device", CLOSE, .fd = D },
	{ "and again", CLOSE, .fd = D2 },
	{ "leave the other iommufd", UNSET_CONTAINER, .fd = G },
	{ "the group is free at last", GET_STATUS, .fd = G, .out = VIABLE },
};

static const struct contract_row mappings[] = {
	{ "info", COMPAT_INFO, .argsz = 1000, .out = 1 },
	{ "info, no room for capabilities", COMPAT_INFO, .out = 1 },
	{ "map, no struct", REQUEST, .number = VFIO_IOMMU_MAP_DMA, .answer = -EFAULT },
	{ "map, struct too short", MAP, .size = 1, .flags = R | W, .argsz = -1, .answer = -EINVAL },
	{ "map, longer struct", MAP, .size = 1, .flags = R | W, .argsz = 64 },
	{ "unmap, no struct", REQUEST, .number = VFIO_IOMMU_UNMAP_DMA, .answer = -EFAULT },
	{ "unmap, struct too short", UNMAP, .size = 1, .argsz = -1, .answer = -EINVAL },
	{ "unmap, unknown flag", UNMAP, .size = 1, .flags = 0x80, .answer = -EINVAL },
	{ "unmap and read dirty pages", UNMAP, .size = 1,
	  .flags = VFIO_DMA_UNMAP_FLAG_GET_DIRTY_BITMAP, .answer = -EINVAL },
	{ "invalidate", UNMAP, .size = 1, .flags = VFIO_DMA_UNMAP_FLAG_VADDR, .answer = -EINVAL },
	{ "unmap", UNMAP, .size = 1, .out = 1 },

	{ "map 8", MAP, .size = 8, .flags = R | W },
	{ "the same again", MAP, .size = 8, .flags = R | W, .answer = -EEXIST },
	{ "one inside", MAP, .pages = 3, .size = 1, .flags = R | W, .answer = -EEXIST },
	{ "behind it, the same memory", MAP, .pages = 8, .size = 1, .flags = R | W },
	{ "before it", MAP, .pages = -1, .size = 1, .flags = R | W },
	{ "unmap a middle page", UNMAP, .pages = 4, .size = 1, .answer = -ENOENT, .told = true },
	{ "from inside past the end", UNMAP, .pages = 4, .size = 16, .answer = -ENOENT,
	  .told = true },
	{ "from before to inside", UNMAP, .pages = -4, .size = 8, .answer = -ENOENT, .told = true,
	  .out = 1 },
	{ "just the one", UNMAP, .size = 8, .out = 8 },
	{ "its neighbour and the hole", UNMAP, .pages = -4, .size = 16, .out = 1 },
	{ "nothing there", UNMAP, .size = 8, .out = 0 },
	{ "nothing there, unaligned", UNMAP, .odd = 123, .size = 1, .out = 0 },
	{ "no size", UNMAP, .answer = -EINVAL, .told = true },
	{ "over 2^64", UNMAP, .at = TOP, .size = 2, .answer = -EOVERFLOW, .told = true },

	{ "map one", MAP, .size = 1, .flags = R | W },
	{ "its neighbour", MAP, .pages = 1, .size = 1, .flags = R },
	{ "one beyond a gap", MAP, .pages = 5, .size = 1, .flags = W },
	{ "all with sizes", UNMAP, .size = 1, .flags = ALL, .answer = -EINVAL },
	{ "all with an IOVA", UNMAP, .pages = 1, .flags = ALL, .answer = -EINVAL },
	{ "all", UNMAP, .at = ZERO, .flags = ALL, .out = 3 },
	{ "all of nothing", UNMAP, .at = ZERO, .flags = ALL, .out = 0 },
};

static const struct contract_row arguments[] = {
	{ "no size", MAP, .flags = R | W, .answer = -EINVAL },
	{ "size of 100", MAP, .size_odd = 100, .flags = R | W, .answer = -EINVAL },
	{ "IOVA unaligned", MAP, .odd = 16, .size = 1, .flags = R | W, .answer = -EINVAL },
	{ "memory unaligned", MAP, .memory_odd = 16, .size = 1, .flags = R | W, .answer = -EINVAL },
	{ "neither read nor write", MAP, .size = 1, .answer = -EINVAL },
	{ "unknown flag", MAP, .size = 1, .flags = R | W | 0x80, .answer = -EINVAL },
	{ "update of an address", MAP, .size = 1, .flags = VFIO_DMA_MAP_FLAG_VADDR,
	  .answer = -EINVAL },
	{ "address 0", MAP, .memory = NOWHERE, .size = 1, .flags = R | W, .answer = -EFAULT },
	{ "memory that ends early", MAP, .memory_pages = CONTRACT_RW_PAGES - 1, .size = 2,
	  .flags = R | W, .answer = -EFAULT },
	{ "nothing of it is left", UNMAP, .size = 2, .out = 0 },
	{ "protected memory", MAP, .memory = NONE, .size = 1, .flags = R, .answer = -EFAULT },
	{ "readable memory to write", MAP, .memory = RO, .size = 1, .flags = R | W,
	  .answer = -EFAULT },
	{ "readable memory to read", MAP, .memory = RO, .size = 1, .flags = R },
	{ "unmap", UNMAP, .size = 1, .out = 1 },
	{ "past a file's end", MAP, .memory = FILE_PAGES, .size = 2, .flags = R | W,
	  .answer = -EFAULT },
	{ "the hole's first page", MAP, .at = HOLE, .size = 1, .flags = R | W, .answer = -EINVAL },
	{ "the first page", MAP, .at = ZERO, .size = 1, .flags = R | W },
	{ "the last page", MAP, .at = LAST, .size = 1, .flags = R | W },
	{ "unmap both", UNMAP, .at = ZERO, .flags = ALL, .out = 2 },
	{ "over 2^64", MAP, .at = TOP, .size = 2, .flags = R | W, .answer = -EOVERFLOW },
	{ "no more than 16 pages", MEMLOCK, .size = 16, .flags = false },
	{ "17 are too many", MAP, .size = 17, .flags = R | W, .answer = -ENOMEM },
	{ "16 fit", MAP, .size = 16, .flags = R | W },
};

/* v1: what is left on either side of what was unmapped stays, unlike with type1. */
static const struct contract_row v1[] = {
	{ "map 8", MAP, .size = 8, .flags = R | W },
	{ "a middle page", UNMAP, .pages = 4, .size = 1, .out = 1 },
	{ "it can be mapped", MAP, .pages = 4, .size = 1, .flags = R },
	{ "those beside it not", MAP, .pages = 3, .size = 1, .flags = R, .answer = -EEXIST },
	{ "from before into it", UNMAP, .pages = -1, .size = 3, .out = 2 },
	{ "from inside past the end", UNMAP, .pages = 7, .size = 4, .out = 1 },
	{ "half a page", UNMAP, .pages = 2, .size_odd = 100, .answer = -EINVAL },
	{ "all that is left", UNMAP, .at = ZERO, .flags = ALL, .out = 5 },
	{ "map 8 again", MAP, .size = 8, .flags = R | W },
	{ "now type v2", REQUEST, .number = VFIO_SET_IOMMU, .flags = VFIO_TYPE1v2_IOMMU },
	{ "it is as it was", UNMAP, .pages = 4, .size = 1, .out = 1 },
};

/* clang-format on */

#define CASE(title, start, iommu, table)                                                    \
	{                                                                                   \
		.name = title, .needs = CDEV, .setup = start, .type = iommu, .rows = table, \
		.n = sizeof(table) / sizeof(table[0]),                                      \
	}

const struct contract_case contract_compat_cases[] = {
	CASE("compat order of calls", FROM_NOTHING, 0, order),
	CASE("compat mappings", WITH_COMPAT, VFIO_TYPE1v2_IOMMU, mappings),
	CASE("compat arguments and memory", WITH_COMPAT, VFIO_TYPE1v2_IOMMU, arguments),
	CASE("compat v1", WITH_COMPAT, VFIO_TYPE1_IOMMU, v1),
};
const size_t contract_n_compat_cases =
	sizeof(contract_compat_cases) / sizeof(contract_compat_cases[0]);
