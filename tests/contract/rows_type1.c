// SPDX-License-Identifier: BSD-3-Clause
/*
 * What VFIO containers, groups and type1 answer.  Unless a row says so, the same in 6.1, 6.12 and
 * 7.2.
 */
#include "tests/contract/contract.h"

#include <errno.h>
#include <linux/vfio.h>

#define R VFIO_DMA_MAP_FLAG_READ
#define W VFIO_DMA_MAP_FLAG_WRITE
#define ALL VFIO_DMA_UNMAP_FLAG_ALL
#define DIRTY_BITMAP VFIO_DMA_UNMAP_FLAG_GET_DIRTY_BITMAP
#define INVALIDATE VFIO_DMA_UNMAP_FLAG_VADDR
#define VIABLE VFIO_GROUP_FLAGS_VIABLE
#define CONTAINED (VFIO_GROUP_FLAGS_VIABLE | VFIO_GROUP_FLAGS_CONTAINER_SET)

/* clang-format off */

static const struct contract_row extensions[] = {
	{ "open a container", OPEN_CONTAINER, .to = C },
	{ "API version", REQUEST, .fd = C, .number = VFIO_GET_API_VERSION,
	  .answer = VFIO_API_VERSION },
	{ "TYPE1", REQUEST, .number = VFIO_CHECK_EXTENSION, .flags = VFIO_TYPE1_IOMMU,
	  .answer = 1 },
	{ "SPAPR_TCE", REQUEST, .number = VFIO_CHECK_EXTENSION, .flags = VFIO_SPAPR_TCE_IOMMU },
	{ "TYPE1v2", REQUEST, .number = VFIO_CHECK_EXTENSION, .flags = VFIO_TYPE1v2_IOMMU,
	  .answer = 1 },
	{ "DMA_CC", REQUEST, .number = VFIO_CHECK_EXTENSION, .flags = VFIO_DMA_CC_IOMMU },
	{ "EEH", REQUEST, .number = VFIO_CHECK_EXTENSION, .flags = VFIO_EEH },
	{ "NESTING", REQUEST, .below = 613, .number = VFIO_CHECK_EXTENSION,
	  .flags = VFIO_TYPE1_NESTING_IOMMU, .answer = 1 },
	{ "NESTING", REQUEST, .from = 613, .number = VFIO_CHECK_EXTENSION,
	  .flags = VFIO_TYPE1_NESTING_IOMMU },
	{ "SPAPR_TCE_v2", REQUEST, .number = VFIO_CHECK_EXTENSION,
	  .flags = VFIO_SPAPR_TCE_v2_IOMMU },
	{ "NOIOMMU", REQUEST, .number = VFIO_CHECK_EXTENSION, .flags = VFIO_NOIOMMU_IOMMU },
	{ "UNMAP_ALL", REQUEST, .number = VFIO_CHECK_EXTENSION, .flags = VFIO_UNMAP_ALL,
	  .answer = 1 },
	{ "UPDATE_VADDR, before there is a type", REQUEST, .number = VFIO_CHECK_EXTENSION,
	  .flags = VFIO_UPDATE_VADDR },
	{ "close", CLOSE, .fd = C },
	{ "close again", CLOSE, .fd = C, .answer = -EBADF },
};

static const struct contract_row order[] = {
	{ "open a container", OPEN_CONTAINER, .to = C },
	{ "type before group", REQUEST, .number = VFIO_SET_IOMMU, .flags = VFIO_TYPE1v2_IOMMU,
	  .answer = -EINVAL },
	{ "map before group", MAP, .size = 1, .flags = R | W, .answer = -EINVAL },
	{ "unknown request before there is a type", REQUEST, .number = VFIO_GROUP_GET_STATUS,
	  .answer = -EINVAL },
	{ "open the group", OPEN_GROUP, .to = G },
	{ "open the group again", OPEN_GROUP, .to = D2, .answer = -EBUSY },
	{ "status", GET_STATUS, .fd = G, .out = VIABLE },
	{ "status, struct too short", GET_STATUS, .fd = G, .argsz = -1, .answer = -EINVAL },
	{ "status, no struct", REQUEST, .fd = G, .number = VFIO_GROUP_GET_STATUS,
	  .answer = -EFAULT },
	{ "a container's request", REQUEST, .fd = G, .number = VFIO_GET_API_VERSION,
	  .answer = -ENOTTY },
	{ "leave, but in none", UNSET_CONTAINER, .fd = G, .answer = -EINVAL },
	{ "device before container", DEVICE_FD, .fd = G, .to = D, .answer = -EINVAL },
	{ "join no descriptor", SET_CONTAINER, .fd = G, .to = NO_FD, .answer = -EBADF },
	{ "join what is no container", SET_CONTAINER, .below = 602, .fd = G, .to = G,
	  .answer = -EINVAL },
	{ "join what is no container", SET_CONTAINER, .from = 602, .fd = G, .to = G,
	  .answer = -EBADFD },
	{ "join, no number", REQUEST, .fd = G, .number = VFIO_GROUP_SET_CONTAINER,
	  .answer = -EFAULT },
	{ "join", SET_CONTAINER, .fd = G, .to = C },
	{ "join again", SET_CONTAINER, .fd = G, .to = C, .answer = -EINVAL },
	{ "status", GET_STATUS, .fd = G, .out = CONTAINED },
	{ "device before type", DEVICE_FD, .fd = G, .to = D, .answer = -EINVAL },
	{ "map before type", MAP, .size = 1, .flags = R | W, .answer = -EINVAL },
	{ "info before type", REQUEST, .number = VFIO_IOMMU_GET_INFO, .answer = -EINVAL },
	{ "no such type", REQUEST, .number = VFIO_SET_IOMMU, .flags = 99, .answer = -ENODEV },
	{ "an extension that is no type", REQUEST, .number = VFIO_SET_IOMMU,
	  .flags = VFIO_UNMAP_ALL,
	  .answer = -EINVAL },
	{ "SPAPR", REQUEST, .number = VFIO_SET_IOMMU, .flags = VFIO_SPAPR_TCE_v2_IOMMU,
	  .answer = -ENODEV },
	{ "type", REQUEST, .number = VFIO_SET_IOMMU, .flags = VFIO_TYPE1v2_IOMMU },
	{ "type again", REQUEST, .number = VFIO_SET_IOMMU, .flags = VFIO_TYPE1v2_IOMMU,
	  .answer = -EINVAL },
	{ "UPDATE_VADDR, now", REQUEST, .number = VFIO_CHECK_EXTENSION, .flags = VFIO_UPDATE_VADDR,
	  .answer = 1 },
	{ "unknown request", REQUEST, .number = VFIO_GROUP_GET_STATUS, .answer = -ENOTTY },
	{ "device, no name", REQUEST, .fd = G, .number = VFIO_GROUP_GET_DEVICE_FD,
	  .answer = -EFAULT },
	{ "device by a longer name", DEVICE_FD, .fd = G, .to = D, .name = "0", .answer = -ENODEV },
	{ "device with an option", DEVICE_FD, .fd = G, .to = D, .name = " x=1", .answer = -EINVAL },
	{ "device", DEVICE_FD, .fd = G, .to = D },
	{ "device again", DEVICE_FD, .fd = G, .to = D2 },
	{ "device info", DEVICE_INFO, .fd = D2 },
	{ "device info, struct too short", DEVICE_INFO, .fd = D, .argsz = -9, .answer = -EINVAL },
	{ "device info, no struct", REQUEST, .fd = D, .number = VFIO_DEVICE_GET_INFO,
	  .answer = -EFAULT },
	{ "a group's request", REQUEST, .fd = D, .number = VFIO_GROUP_GET_STATUS,
	  .answer = -ENOTTY },
	{ "leave, but the device is open", UNSET_CONTAINER, .fd = G, .answer = -EBUSY },
	{ "close one of two", CLOSE, .fd = D },
	{ "leave, but the device is still open", UNSET_CONTAINER, .fd = G, .answer = -EBUSY },
	{ "close the other", CLOSE, .fd = D2 },
	{ "leave", UNSET_CONTAINER, .fd = G },
	{ "the type is gone", MAP, .size = 1, .flags = R | W, .answer = -EINVAL },
	{ "status", GET_STATUS, .fd = G, .out = VIABLE },
	{ "another container", OPEN_CONTAINER, .to = C2 },
	{ "join it", SET_CONTAINER, .fd = G, .to = C2 },
	{ "close the group", CLOSE, .fd = G },
	{ "open the group anew", OPEN_GROUP, .to = G },
	{ "it has no container any more", GET_STATUS, .fd = G, .out = VIABLE },
};

static const struct contract_row lives[] = {
	{ "map", MAP, .size = 2, .flags = R | W },
	{ "close the group before its device", CLOSE, .fd = G },
	{ "the device works", DEVICE_INFO, .fd = D },
	{ "the group is busy", OPEN_GROUP, .to = G, .answer = -EBUSY },
	{ "the mapping is there", MAP, .size = 1, .flags = R | W, .answer = -EEXIST },
	{ "close the device", CLOSE, .fd = D },
	{ "the last group left: no type", MAP, .size = 1, .flags = R | W, .answer = -EINVAL },
	{ "open the group", OPEN_GROUP, .to = G },
	{ "join", SET_CONTAINER, .fd = G, .to = C },
	{ "type", REQUEST, .number = VFIO_SET_IOMMU, .flags = VFIO_TYPE1v2_IOMMU },
	{ "the mapping is gone", GET_INFO, .fd = C, .out = 0 },
	{ "device", DEVICE_FD, .fd = G, .to = D },
	{ "map", MAP, .size = 1, .flags = R | W },
	{ "close the container before its group", CLOSE, .fd = C },
	{ "the group has it still", GET_STATUS, .fd = G, .out = CONTAINED },
	{ "a mapping needs a container", MAP, .size = 1, .flags = R | W, .answer = -EBADF },
	{ "close the device", CLOSE, .fd = D },
	{ "close the group", CLOSE, .fd = G },
	{ "open the group", OPEN_GROUP, .to = G },
};

static const struct contract_row mappings[] = {
	{ "info", GET_INFO, .out = 0 },
	{ "info, no struct", REQUEST, .number = VFIO_IOMMU_GET_INFO, .answer = -EFAULT },
	{ "info, struct too short", GET_INFO, .argsz = -9, .answer = -EINVAL },
	{ "map, no struct", REQUEST, .number = VFIO_IOMMU_MAP_DMA, .answer = -EFAULT },
	{ "map, struct too short", MAP, .size = 1, .flags = R | W, .argsz = -1, .answer = -EINVAL },
	{ "map, longer struct", MAP, .size = 1, .flags = R | W, .argsz = 64 },
	{ "unmap, no struct", REQUEST, .number = VFIO_IOMMU_UNMAP_DMA, .answer = -EFAULT },
	{ "unmap, struct too short", UNMAP, .size = 1, .argsz = -1, .answer = -EINVAL },
	{ "unmap, unknown flag", UNMAP, .size = 1, .flags = 0x80, .answer = -EINVAL },
	{ "unmap", UNMAP, .size = 1, .out = 1 },

	{ "map 8", MAP, .size = 8, .flags = R | W },
	{ "the same again", MAP, .size = 8, .flags = R | W, .answer = -EEXIST },
	{ "one inside", MAP, .pages = 3, .size = 1, .flags = R | W, .answer = -EEXIST },
	{ "over its start", MAP, .pages = -1, .size = 2, .flags = R | W, .answer = -EEXIST },
	{ "over its end", MAP, .pages = 7, .size = 2, .flags = R | W, .answer = -EEXIST },
	{ "around it", MAP, .pages = -1, .size = 10, .flags = R | W, .answer = -EEXIST },
	{ "behind it, the same memory", MAP, .pages = 8, .size = 1, .flags = R | W },
	{ "before it", MAP, .pages = -1, .size = 1, .flags = R | W },
	{ "three entries are in use", GET_INFO, .out = 3 },
	{ "unmap a middle page", UNMAP, .pages = 4, .size = 1, .answer = -EINVAL },
	{ "from inside past the end", UNMAP, .pages = 4, .size = 16, .answer = -EINVAL },
	{ "from before to inside", UNMAP, .pages = -4, .size = 8, .answer = -EINVAL },
	{ "just the one", UNMAP, .size = 8, .out = 8 },
	{ "both neighbours and the hole", UNMAP, .pages = -4, .size = 16, .out = 2 },
	{ "nothing there", UNMAP, .size = 8, .out = 0 },
	{ "nothing there, unaligned", UNMAP, .odd = 123, .size = 1, .answer = -EINVAL },
	{ "no size", UNMAP, .answer = -EINVAL },
	{ "unaligned size", UNMAP, .size = 1, .size_odd = 100, .answer = -EINVAL },

	{ "map one", MAP, .size = 1, .flags = R | W },
	{ "its neighbour", MAP, .pages = 1, .size = 1, .flags = R | W },
	{ "one beyond a gap", MAP, .pages = 5, .size = 1, .flags = R | W },
	{ "all with sizes", UNMAP, .size = 1, .flags = ALL, .answer = -EINVAL },
	{ "all with an IOVA", UNMAP, .pages = 1, .flags = ALL, .answer = -EINVAL },
	{ "all", UNMAP, .at = ZERO, .flags = ALL, .out = 3 },
	{ "all of nothing", UNMAP, .at = ZERO, .flags = ALL, .out = 0 },
	{ "no entry is in use", GET_INFO, .out = 0 },
};

static const struct contract_row arguments[] = {
	{ "no size", MAP, .flags = R | W, .answer = -EINVAL },
	{ "size of 100", MAP, .size_odd = 100, .flags = R | W, .answer = -EINVAL },
	{ "IOVA unaligned", MAP, .odd = 16, .size = 1, .flags = R | W, .answer = -EINVAL },
	{ "memory unaligned", MAP, .memory_odd = 16, .size = 1, .flags = R | W, .answer = -EINVAL },
	{ "neither read nor write", MAP, .size = 1, .answer = -EINVAL },
	{ "unknown flag", MAP, .size = 1, .flags = R | W | 0x80, .answer = -EINVAL },
	{ "read only", MAP, .size = 1, .flags = R },
	{ "unmap", UNMAP, .size = 1, .out = 1 },
	{ "write only", MAP, .size = 1, .flags = W },
	{ "unmap", UNMAP, .size = 1, .out = 1 },

	{ "address 0", MAP, .memory = NOWHERE, .size = 1, .flags = R | W, .answer = -EFAULT },
	{ "unmapped memory", MAP, .memory_pages = CONTRACT_RW_PAGES, .size = 1, .flags = R,
	  .answer = -EFAULT },
	{ "memory that ends early", MAP, .memory_pages = CONTRACT_RW_PAGES - 1, .size = 2,
	  .flags = R | W,
	  .answer = -EFAULT },
	{ "nothing of it is left", UNMAP, .size = 2, .out = 0 },
	{ "protected memory", MAP, .memory = NONE, .size = 1, .flags = R, .answer = -EFAULT },
	{ "readable memory to write", MAP, .memory = RO, .size = 1, .flags = R | W,
	  .answer = -EFAULT },
	{ "readable memory to write only", MAP, .memory = RO, .size = 1, .flags = W,
	  .answer = -EFAULT },
	{ "readable memory to read", MAP, .memory = RO, .size = 1, .flags = R },
	{ "unmap", UNMAP, .size = 1, .out = 1 },
	{ "writable memory to write", MAP, .memory = WO, .size = 1, .flags = W },
	{ "unmap", UNMAP, .size = 1, .out = 1 },
	{ "a file's page", MAP, .memory = FILE_PAGES, .size = 1, .flags = R | W },
	{ "unmap", UNMAP, .size = 1, .out = 1 },
	{ "past a file's end", MAP, .memory = FILE_PAGES, .size = 2, .flags = R | W,
	  .answer = -EFAULT },
	{ "no entry is in use", GET_INFO, .out = 0 },
};

static const struct contract_row apertures[] = {
	{ "the first page", MAP, .at = ZERO, .size = 1, .flags = R | W },
	{ "unmap it", UNMAP, .at = ZERO, .size = 1, .out = 1 },
	{ "the hole's first page", MAP, .at = HOLE, .size = 1, .flags = R | W, .answer = -EINVAL },
	{ "the hole's last page", MAP, .at = AFTER, .pages = -1, .size = 1, .flags = R | W,
	  .answer = -EINVAL },
	{ "into the hole", MAP, .at = HOLE, .pages = -1, .size = 2, .flags = R | W,
	  .answer = -EINVAL },
	{ "out of the hole", MAP, .at = AFTER, .pages = -1, .size = 2, .flags = R | W,
	  .answer = -EINVAL },
	{ "the page before it", MAP, .at = HOLE, .pages = -1, .size = 1, .flags = R | W },
	{ "the page behind it", MAP, .at = AFTER, .size = 1, .flags = R | W },
	{ "unmap over the hole", UNMAP, .at = HOLE, .pages = -1, .size = 4096, .out = 2 },
	{ "the last page", MAP, .at = LAST, .size = 1, .flags = R | W },
};

static const struct contract_row ends[] = {
	{ "past the last page", MAP, .at = LAST, .pages = 1, .size = 1, .flags = R | W,
	  .answer = -EINVAL },
	{ "over the last page", MAP, .at = LAST, .size = 2, .flags = R | W, .answer = -EINVAL },
	{ "unmap the last page", UNMAP, .at = LAST, .size = 1, .out = 0 },
	{ "the top page", MAP, .at = TOP, .size = 1, .flags = R | W, .answer = -EINVAL },
};

/*
 * Where the last range ends at 2^64.  Before 6.18 the end of a mapping there was 0 to the kernel.
 */
static const struct contract_row top[] = {
	{ "map the top page", MAP, .at = TOP, .size = 1, .flags = R | W },
	{ "unmap does not find it", UNMAP, .below = 618, .at = TOP, .size = 1, .out = 0 },
	{ "nor does unmap all", UNMAP, .below = 618, .at = ZERO, .flags = ALL, .out = 0 },
	{ "it is there", GET_INFO, .below = 618, .out = 1 },
	{ "map another", MAP, .below = 618, .size = 1, .flags = R | W },
	{ "unmap all comes by", UNMAP, .below = 618, .at = ZERO, .flags = ALL, .out = 2 },
	{ "map the page before it", MAP, .below = 618, .at = TOP, .pages = -1, .size = 1,
	  .flags = R | W },
	{ "a range to the end finds nothing", UNMAP, .below = 618, .at = TOP, .pages = -1,
	  .size = 2,
	  .out = 0 },
	{ "one that ends before does", UNMAP, .below = 618, .at = TOP, .pages = -1, .size = 1,
	  .out = 1 },
	{ "the same again", MAP, .from = 618, .at = TOP, .size = 1, .flags = R | W,
	  .answer = -EEXIST },
	{ "one page before", MAP, .from = 618, .at = TOP, .pages = -1, .size = 1, .flags = R | W },
	{ "unmap that", UNMAP, .from = 618, .at = TOP, .pages = -2, .size = 2, .out = 1 },
	{ "unmap it", UNMAP, .from = 618, .at = TOP, .size = 1, .out = 1 },
	{ "nothing is left", GET_INFO, .out = 0 },
};

static const struct contract_row wraps[] = {
	{ "map over 2^64", MAP, .below = 618, .at = TOP, .size = 2, .flags = R | W,
	  .answer = -EINVAL },
	{ "map over 2^64", MAP, .from = 618, .at = TOP, .size = 2, .flags = R | W,
	  .answer = -EOVERFLOW },
	{ "memory over 2^64", MAP, .below = 618, .memory = TOP_OF_VA, .size = 2, .flags = R | W,
	  .answer = -EINVAL },
	{ "memory over 2^64", MAP, .from = 618, .memory = TOP_OF_VA, .size = 2, .flags = R | W,
	  .answer = -EOVERFLOW },
	{ "memory that ends at 2^64", MAP, .memory = TOP_OF_VA, .size = 1, .flags = R | W,
	  .answer = -EFAULT },
	{ "unmap over 2^64", UNMAP, .below = 618, .at = TOP, .size = 2, .answer = -EINVAL },
	{ "unmap over 2^64", UNMAP, .from = 618, .at = TOP, .size = 2, .answer = -EOVERFLOW },
	{ "size 0 counts first", MAP, .at = TOP, .flags = R | W, .answer = -EINVAL },
};

static const struct contract_row memlock[] = {
	{ "no more than 16 pages", MEMLOCK, .size = 16, .flags = false },
	{ "17 are too many", MAP, .size = 17, .flags = R | W, .answer = -ENOMEM },
	{ "16 fit", MAP, .size = 16, .flags = R | W },
	{ "no more", MAP, .pages = 32, .memory_pages = 32, .size = 1, .flags = R | W,
	  .answer = -ENOMEM },
	{ "unmap", UNMAP, .size = 16, .out = 16 },
	{ "8 fit", MAP, .size = 8, .flags = R | W },
	{ "the same 8 count again", MAP, .pages = 8, .size = 8, .flags = R | W },
	{ "and again are too many", MAP, .pages = 16, .size = 1, .flags = R | W,
	  .answer = -ENOMEM },
	{ "missing memory counts first", MAP, .pages = 16, .memory = NONE, .size = 1,
	  .flags = R | W,
	  .answer = -EFAULT },
	{ "then order does", MAP, .pages = 16, .memory_pages = CONTRACT_RW_PAGES - 1, .size = 2,
	  .flags = R | W, .answer = -ENOMEM },
	{ "unmap both", UNMAP, .size = 16, .out = 16 },
	{ "room for 2", MAP, .size = 14, .flags = R | W },
	{ "a hole behind 1", MAP, .pages = 16, .memory_pages = CONTRACT_RW_PAGES - 1, .size = 3,
	  .flags = R | W, .answer = -EFAULT },
	{ "two refusals cost no entry", GET_INFO, .out = 1 },
	{ "with CAP_IPC_LOCK", MEMLOCK, .size = 16, .flags = true },
	{ "no limit", MAP, .pages = 32, .size = 64, .flags = R | W },
};

static const struct contract_row entries[] = {
	{ "map as many as there may be", MAP_MANY, .flags = R, .answer = -ENOSPC },
	{ "one that is there counts first", MAP, .size = 1, .flags = R, .answer = -EEXIST },
	{ "the limit counts before the hole", MAP, .at = HOLE, .size = 1, .flags = R,
	  .answer = -ENOSPC },
	{ "unmap one", UNMAP, .size = 1, .out = 1 },
	{ "one fits again", MAP, .size = 1, .flags = R },
	{ "but no other", MAP, .pages = 1, .size = 1, .flags = R, .answer = -ENOSPC },
	{ "bad arguments count first", MAP, .pages = 1, .flags = R, .answer = -EINVAL },
};

static const struct contract_row v1[] = {
	{ "map 8", MAP, .size = 8, .flags = R | W },
	{ "unmap from inside: success, nothing", UNMAP, .pages = 4, .size = 1, .out = 0 },
	{ "from inside past the end: the same", UNMAP, .pages = 4, .size = 16, .out = 0 },
	{ "one entry is in use", GET_INFO, .out = 1 },
	{ "the first page takes all", UNMAP, .size = 1, .out = 8 },
	{ "two", MAP, .size = 2, .flags = R | W },
	{ "and two", MAP, .pages = 2, .size = 2, .flags = R | W },
	{ "from before into the second", UNMAP, .pages = -1, .size = 4, .out = 4 },
	{ "no dirty pages", DIRTY, .flags = VFIO_IOMMU_DIRTY_PAGES_FLAG_START, .answer = -EACCES },
};

static const struct contract_row dirty[] = {
	{ "map 8", MAP, .size = 8, .flags = R | W },
	{ "read before start", DIRTY, .size = 8, .flags = VFIO_IOMMU_DIRTY_PAGES_FLAG_GET_BITMAP,
	  .answer = -EINVAL },
	{ "unmap and read before start", UNMAP, .size = 8, .flags = DIRTY_BITMAP,
	  .answer = -EINVAL },
	{ "start", DIRTY, .flags = VFIO_IOMMU_DIRTY_PAGES_FLAG_START },
	{ "two flags", DIRTY, .size = 8, .flags = VFIO_IOMMU_DIRTY_PAGES_FLAG_START |
	  VFIO_IOMMU_DIRTY_PAGES_FLAG_STOP, .answer = -EINVAL },
	{ "all of them are", DIRTY, .size = 8, .flags = VFIO_IOMMU_DIRTY_PAGES_FLAG_GET_BITMAP,
	  .out = 8 },
	{ "and stay so", DIRTY, .size = 8, .flags = VFIO_IOMMU_DIRTY_PAGES_FLAG_GET_BITMAP,
	  .out = 8 },
	{ "part of them", DIRTY, .size = 4, .flags = VFIO_IOMMU_DIRTY_PAGES_FLAG_GET_BITMAP,
	  .answer = -EINVAL },
	{ "another", MAP, .pages = 100, .size = 3, .flags = R | W },
	{ "both", DIRTY, .size = 128, .flags = VFIO_IOMMU_DIRTY_PAGES_FLAG_GET_BITMAP, .out = 11 },
	{ "unmap and read", UNMAP, .size = 8, .flags = DIRTY_BITMAP, .out = 8 },
	{ "all and read", UNMAP, .at = ZERO, .flags = ALL | DIRTY_BITMAP, .answer = -EINVAL },
	{ "stop", DIRTY, .flags = VFIO_IOMMU_DIRTY_PAGES_FLAG_STOP },
	{ "read after stop", DIRTY, .size = 128, .flags = VFIO_IOMMU_DIRTY_PAGES_FLAG_GET_BITMAP,
	  .answer = -EINVAL },
};

static const struct contract_row vaddr[] = {
	{ "map 8", MAP, .size = 8, .flags = R | W },
	{ "update what is valid", MAP, .size = 8, .flags = VFIO_DMA_MAP_FLAG_VADDR,
	  .answer = -EINVAL },
	{ "update nothing", MAP, .pages = 8, .size = 8, .flags = VFIO_DMA_MAP_FLAG_VADDR,
	  .answer = -ENOENT },
	{ "invalidate", UNMAP, .size = 8, .flags = INVALIDATE, .out = 8 },
	{ "it is mapped still", MAP, .size = 8, .flags = R | W, .answer = -EEXIST },
	{ "invalidate again", UNMAP, .size = 8, .flags = INVALIDATE, .answer = -EINVAL },
	{ "update part", MAP, .size = 4, .flags = VFIO_DMA_MAP_FLAG_VADDR, .answer = -EINVAL },
	{ "update with access", MAP, .size = 8, .flags = VFIO_DMA_MAP_FLAG_VADDR | R,
	  .answer = -EINVAL },
	{ "update", MAP, .size = 8, .flags = VFIO_DMA_MAP_FLAG_VADDR },
	{ "unmap", UNMAP, .size = 8, .out = 8 },
};

/* clang-format on */

#define CASE(title, iommu, table, where)                                                    \
	{                                                                                   \
		.name = title, .setup = (iommu) ? WITH_TYPE1 : FROM_NOTHING, .type = iommu, \
		.rows = table, .n = sizeof(table) / sizeof(table[0]), .end = where          \
	}

const struct contract_case contract_type1_cases[] = {
	CASE("extensions", 0, extensions, ANYWHERE),
	CASE("order of calls", 0, order, ANYWHERE),
	CASE("lives of descriptors", VFIO_TYPE1v2_IOMMU, lives, ANYWHERE),
	CASE("mappings", VFIO_TYPE1v2_IOMMU, mappings, ANYWHERE),
	CASE("arguments and memory", VFIO_TYPE1v2_IOMMU, arguments, ANYWHERE),
	CASE("apertures", VFIO_TYPE1v2_IOMMU, apertures, ANYWHERE),
	CASE("past the apertures", VFIO_TYPE1v2_IOMMU, ends, BELOW_TOP),
	CASE("top of the addresses", VFIO_TYPE1v2_IOMMU, top, AT_TOP),
	CASE("wraps", VFIO_TYPE1v2_IOMMU, wraps, ANYWHERE),
	CASE("memlock", VFIO_TYPE1v2_IOMMU, memlock, ANYWHERE),
	CASE("entry limit", VFIO_TYPE1v2_IOMMU, entries, ANYWHERE),
	CASE("v1", VFIO_TYPE1_IOMMU, v1, ANYWHERE),
	CASE("dirty pages", VFIO_TYPE1v2_IOMMU, dirty, ANYWHERE),
	CASE("update of addresses", VFIO_TYPE1v2_IOMMU, vaddr, ANYWHERE),
};
const size_t contract_n_type1_cases =
	sizeof(contract_type1_cases) / sizeof(contract_type1_cases[0]);
