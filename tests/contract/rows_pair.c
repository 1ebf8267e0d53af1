// SPDX-License-Identifier: BSD-3-Clause
/* Two devices of one group: by type1, by their own nodes, by an iommufd that is a container. */
#include "tests/contract/contract.h"

#include <errno.h>
#include <linux/vfio.h>

#include "backends/uapi/iommufd.h"

#define R VFIO_DMA_MAP_FLAG_READ
#define W VFIO_DMA_MAP_FLAG_WRITE
#define VIABLE VFIO_GROUP_FLAGS_VIABLE
#define CONTAINED (VFIO_GROUP_FLAGS_VIABLE | VFIO_GROUP_FLAGS_CONTAINER_SET)

/* clang-format off */

static const struct contract_row type1[] = {
	{ "open a container", OPEN_CONTAINER, .to = C },
	{ "open the group", OPEN_GROUP, .to = G, .device = FIRST },
	{ "it is that of the other one", OPEN_GROUP, .to = D, .device = SECOND, .answer = -EBUSY },
	{ "join", SET_CONTAINER, .fd = G, .to = C },
	{ "type", REQUEST, .number = VFIO_SET_IOMMU, .flags = VFIO_TYPE1v2_IOMMU },
	{ "one device", DEVICE_FD, .fd = G, .to = D, .device = FIRST },
	{ "the other device", DEVICE_FD, .fd = G, .to = D2, .device = SECOND },
	{ "a device of another group", DEVICE_FD, .fd = G, .to = C2, .answer = -ENODEV },
	{ "info of the other", DEVICE_INFO, .fd = D2 },
	{ "map", MAP, .size = 1, .flags = R | W },
	{ "close one device", CLOSE, .fd = D },
	{ "leave, but the other is open", UNSET_CONTAINER, .fd = G, .answer = -EBUSY },
	{ "the mapping is there", MAP, .size = 1, .flags = R | W, .answer = -EEXIST },
	{ "close the group", CLOSE, .fd = G },
	{ "it is busy with the other", OPEN_GROUP, .to = G, .device = FIRST, .answer = -EBUSY },
	{ "close the other", CLOSE, .fd = D2 },
	{ "open the group anew", OPEN_GROUP, .to = G, .device = SECOND },
	{ "nobody has it", GET_STATUS, .fd = G, .out = VIABLE },
};

static const struct contract_row nodes[] = {
	{ "an iommufd", OPEN_IOMMUFD, .to = I },
	{ "with an IOAS", IOAS_ALLOC, .fd = I, .out = 1 },
	{ "another iommufd", OPEN_IOMMUFD, .to = I2 },
	{ "open one", OPEN_CDEV, .to = D, .device = FIRST },
	{ "open the other", OPEN_CDEV, .to = D2, .device = SECOND },
	{ "bind one", BIND, .fd = D, .to = I, .out = 2 },
	{ "the other to another iommufd", BIND, .fd = D2, .to = I2, .answer = -EPERM },
	{ "is not bound", DEVICE_INFO, .fd = D2, .answer = -EINVAL },
	{ "the group is busy", OPEN_GROUP, .to = G, .device = SECOND, .answer = -EBUSY },
	{ "to the same", BIND, .fd = D2, .to = I, .out = 3 },
	{ "another IOAS", IOAS_ALLOC, .fd = I, .out = 4 },
	{ "attach one", ATTACH, .fd = D, .id = 1, .out = 5 },
	{ "the other to another IOAS", ATTACH, .fd = D2, .id = 4, .answer = -EINVAL },
	{ "no range was taken away", RANGES, .fd = I, .id = 4, .size = 8, .out = NO_RANGE },
	{ "to the same", ATTACH, .fd = D2, .id = 1, .out = 5 },
	{ "ranges", RANGES, .fd = I, .id = 1, .size = 8, .out = 1 },
	{ "one moves", ATTACH, .fd = D, .id = 4, .out = 6 },
	{ "the other moved along", RANGES, .fd = I, .id = 1, .size = 8, .out = NO_RANGE },
	{ "destroy what they left", DESTROY, .fd = I, .id = 1 },
	{ "there they are", RANGES, .fd = I, .id = 4, .size = 8, .out = 1 },
	{ "detach one", DETACH, .fd = D },
	{ "the other stays", RANGES, .fd = I, .id = 4, .size = 8, .out = 1 },
	{ "close one", CLOSE, .fd = D },
	{ "the other still stays", RANGES, .fd = I, .id = 4, .size = 8, .out = 1 },
	{ "the group is still busy", OPEN_GROUP, .to = G, .device = FIRST, .answer = -EBUSY },
	{ "open one again", OPEN_CDEV, .to = D, .device = FIRST },
	{ "bind it anew", BIND, .fd = D, .to = I, .out = 1 },
	{ "attach it to the page table", ATTACH, .fd = D, .id = 6, .out = 6 },
	{ "detach the other", DETACH, .fd = D2 },
	{ "one stays", RANGES, .fd = I, .id = 4, .size = 8, .out = 1 },
	{ "close it", CLOSE, .fd = D },
	{ "nothing is attached", RANGES, .fd = I, .id = 4, .size = 8, .out = NO_RANGE },
	{ "but the other is bound", OPEN_GROUP, .to = G, .device = FIRST, .answer = -EBUSY },
	{ "close the other", CLOSE, .fd = D2 },
	{ "the group is free", OPEN_GROUP, .to = G, .device = FIRST },
	{ "nobody has it", GET_STATUS, .fd = G, .out = VIABLE },
};

static const struct contract_row compat[] = {
	{ "open", OPEN_COMPAT, .to = C },
	{ "open the group", OPEN_GROUP, .to = G, .device = FIRST },
	{ "join", SET_CONTAINER, .fd = G, .to = C },
	{ "type", REQUEST, .number = VFIO_SET_IOMMU, .flags = VFIO_TYPE1v2_IOMMU },
	{ "one device", DEVICE_FD, .fd = G, .to = D, .device = FIRST },
	{ "the other device", DEVICE_FD, .fd = G, .to = D2, .device = SECOND },
	{ "map", MAP, .size = 1, .flags = R | W },
	{ "close one", CLOSE, .fd = D },
	{ "the other is attached", COMPAT_INFO, .argsz = 1000, .out = 1 },
	{ "leave, though it is open", UNSET_CONTAINER, .fd = G },
	{ "the group is somebody's", GET_STATUS, .fd = G, .out = 0 },
	{ "another iommufd", OPEN_IOMMUFD, .to = I2 },
	{ "can have the group", SET_CONTAINER, .fd = G, .to = I2 },
	{ "but not one device", DEVICE_FD, .fd = G, .to = D, .device = FIRST, .answer = -EPERM },
	{ "close the other", CLOSE, .fd = D2 },
	{ "nothing is attached", COMPAT_INFO, .argsz = 1000 },
	{ "now one device", DEVICE_FD, .fd = G, .to = D, .device = FIRST },
	{ "is attached there", COMPAT_INFO, .fd = I2, .argsz = 1000, .out = 1 },
	{ "and not here", COMPAT_INFO, .argsz = 1000 },
	{ "the group is contained", GET_STATUS, .fd = G, .out = CONTAINED },
};

/* clang-format on */

#define CASE(title, why, table)                                           \
	{                                                                 \
		.name = title, .needs = why, .pair = true, .rows = table, \
		.n = sizeof(table) / sizeof(table[0]),                    \
	}

const struct contract_case contract_pair_cases[] = {
	CASE("pair with type1", TYPE1, type1),
	CASE("pair by their nodes", CDEV, nodes),
	CASE("pair with iommufd as container", CDEV, compat),
};
const size_t contract_n_pair_cases = sizeof(contract_pair_cases) / sizeof(contract_pair_cases[0]);
