// SPDX-License-Identifier: BSD-3-Clause
/* Calls of containers, groups and type1. */
#include "tests/contract/run.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/vfio.h>
#include <stdio.h>
#include <string.h>

#define INFO_SIZE 24 /* of struct vfio_iommu_type1_info since 6.6; what the offsets count from */

/* ---- Containers, groups, devices ------------------------------------------------------------ */

static int open_group(struct run *run, const struct contract_row *row)
{
	char path[32];

	snprintf(path, sizeof(path), "/dev/vfio/%d",
		 row->device == ALONE ? run->world->group : run->world->pair_group);
	return contract_keep(run, row, iom_sys_open(run->world->sys, path, O_RDWR));
}

static int get_status(struct run *run, const struct contract_row *row)
{
	struct vfio_group_status status = { .argsz = sizeof(status) };
	int ret;

	status.argsz += (uint32_t)row->argsz;
	ret = contract_call(run, row, VFIO_GROUP_GET_STATUS, &status);
	contract_expect(run, "flags", status.flags, row->out);
	return ret;
}

static int device_fd(struct run *run, const struct contract_row *row)
{
	char name[64];

	snprintf(name, sizeof(name), "%s%s", contract_device(run, row), row->name ? row->name : "");
	return contract_keep(run, row, contract_call(run, row, VFIO_GROUP_GET_DEVICE_FD, name));
}

static int device_info(struct run *run, const struct contract_row *row)
{
	struct vfio_device_info info = { .argsz = sizeof(info) };
	int ret;

	info.argsz += (uint32_t)row->argsz;
	ret = contract_call(run, row, VFIO_DEVICE_GET_INFO, &info);
	if (ret)
		return ret;
	contract_expect(run, "PCI flag", info.flags & VFIO_DEVICE_FLAGS_PCI, VFIO_DEVICE_FLAGS_PCI);
	contract_expect(run, "regions", info.num_regions, VFIO_PCI_NUM_REGIONS);
	contract_expect(run, "interrupts", info.num_irqs, VFIO_PCI_NUM_IRQS);
	return 0;
}

/* ---- GET_INFO ------------------------------------------------------------------------------- */

static uint64_t field(const unsigned char *at, size_t size)
{
	uint32_t u32;
	uint64_t u64;

	if (size == sizeof(u32)) {
		memcpy(&u32, at, size);
		return u32;
	}
	memcpy(&u64, at, sizeof(u64));
	return u64;
}

#define FIELD(at, type, member) \
	field((at) + offsetof(struct type, member), sizeof(((struct type *)NULL)->member))

/* The capabilities in their order, each behind the other with nothing between them. */
static void check_chain(struct run *run, const unsigned char *buf, uint32_t length, uint64_t used)
{
	const struct contract_world *world = run->world;
	const size_t ranges_at = sizeof(struct vfio_iommu_type1_info_cap_iova_range);
	const struct {
		uint16_t id;
		size_t size;
	} caps[] = {
		{ VFIO_IOMMU_TYPE1_INFO_CAP_MIGRATION,
		  sizeof(struct vfio_iommu_type1_info_cap_migration) },
		{ VFIO_IOMMU_TYPE1_INFO_DMA_AVAIL, sizeof(struct vfio_iommu_type1_info_dma_avail) },
		{ VFIO_IOMMU_TYPE1_INFO_CAP_IOVA_RANGE,
		  ranges_at + world->n_ranges * sizeof(struct vfio_iova_range) },
	};
	const unsigned char *at[3];
	uint64_t offset = INFO_SIZE;
	size_t i;

	contract_expect(run, "cap_offset", FIELD(buf, vfio_iommu_type1_info, cap_offset), offset);
	for (i = 0; i < 3; i++) {
		struct vfio_info_cap_header header;

		at[i] = buf + offset;
		memcpy(&header, at[i], sizeof(header));
		/* each was a multiple of 8 long only since 6.6 */
		offset += world->kernel < 606 ? caps[i].size : (caps[i].size + 7) / 8 * 8;
		contract_expect(run, "capability", header.id, caps[i].id);
		contract_expect(run, "version", header.version, 1);
		contract_expect(run, "next", header.next, i < 2 ? offset : 0);
	}
	contract_expect(run, "argsz", length, offset);
	contract_expect(run, "bitmap page",
			FIELD(at[0], vfio_iommu_type1_info_cap_migration, pgsize_bitmap),
			contract_unit(run));
	contract_expect(run, "bitmap size",
			FIELD(at[0], vfio_iommu_type1_info_cap_migration, max_dirty_bitmap_size),
			256 << 20);
	contract_expect(run, "avail", FIELD(at[1], vfio_iommu_type1_info_dma_avail, avail),
			world->entry_limit - used);
	contract_expect(run, "ranges", FIELD(at[2], vfio_iommu_type1_info_cap_iova_range, nr_iovas),
			world->n_ranges);
	for (i = 0; i < world->n_ranges; i++) {
		const unsigned char *range = at[2] + ranges_at + i * sizeof(struct vfio_iova_range);

		contract_expect(run, "start", FIELD(range, vfio_iova_range, start),
				world->ranges[i].start);
		contract_expect(run, "end", FIELD(range, vfio_iova_range, end),
				world->ranges[i].last);
	}
}

static int get_info(struct run *run, const struct contract_row *row)
{
	uint32_t argsz = (uint32_t)(INFO_SIZE + row->argsz), length;
	unsigned char buf[4096] = { 0 };
	int ret;

	memcpy(buf, &argsz, sizeof(argsz));
	ret = contract_call(run, row, VFIO_IOMMU_GET_INFO, buf);
	if (ret)
		return ret;
	length = (uint32_t)FIELD(buf, vfio_iommu_type1_info, argsz);
	contract_expect(run, "flags", FIELD(buf, vfio_iommu_type1_info, flags),
			VFIO_IOMMU_INFO_PGSIZES | VFIO_IOMMU_INFO_CAPS);
	contract_expect(run, "cap_offset", FIELD(buf, vfio_iommu_type1_info, cap_offset), 0);
	contract_expect(run, "page sizes", FIELD(buf, vfio_iommu_type1_info, iova_pgsizes),
			run->world->pgsizes);
	if (length > sizeof(buf))
		return -E2BIG;
	ret = contract_call(run, row, VFIO_IOMMU_GET_INFO, buf);
	if (!ret)
		check_chain(run, buf, length, row->out);
	return ret;
}

/* ---- MAP_DMA, UNMAP_DMA, DIRTY_PAGES -------------------------------------------------------- */

static int map(struct run *run, const struct contract_row *row)
{
	struct vfio_iommu_type1_dma_map arg = { .argsz = sizeof(arg) }, before;
	int ret;

	arg.argsz += (uint32_t)row->argsz;
	arg.flags = row->flags;
	arg.vaddr = contract_address(run, row);
	arg.iova = contract_iova(run, row);
	arg.size = contract_size(run, row);
	before = arg;
	ret = contract_call_memory(run, row, VFIO_IOMMU_MAP_DMA, &arg);
	if (memcmp(&arg, &before, sizeof(arg)))
		contract_wrong(run, "the argument changed; ");
	return ret;
}

static int map_many(struct run *run, const struct contract_row *row)
{
	struct contract_row one = *row;
	uint32_t n;
	int ret;

	one.size = 1;
	for (n = 0; n < run->world->entry_limit; n++, one.pages += 2) {
		ret = map(run, &one);
		if (ret) {
			contract_wrong(run, "only %" PRIu32 " fit; ", n);
			return ret;
		}
	}
	return map(run, &one);
}

/* A struct with another one right behind it. */
union with_tail {
	struct vfio_iommu_type1_dma_unmap unmap;
	struct vfio_iommu_type1_dirty_bitmap dirty;
	unsigned char bytes[64];
};

static int unmap(struct run *run, const struct contract_row *row)
{
	uint64_t size = contract_size(run, row), left = row->out * contract_unit(run);
	uint64_t bits[64] = { 0 };
	const struct vfio_bitmap bitmap = { contract_unit(run), sizeof(bits), (void *)bits };
	union with_tail arg = { .unmap = { .argsz = sizeof(arg.unmap) } };
	int ret;

	if (row->flags & VFIO_DMA_UNMAP_FLAG_GET_DIRTY_BITMAP)
		arg.unmap.argsz += (uint32_t)sizeof(bitmap);
	arg.unmap.argsz += (uint32_t)row->argsz;
	arg.unmap.flags = row->flags;
	arg.unmap.iova = contract_iova(run, row);
	arg.unmap.size = size;
	memcpy(arg.bytes + sizeof(arg.unmap), &bitmap, sizeof(bitmap));
	ret = contract_call(run, row, VFIO_IOMMU_UNMAP_DMA, &arg);
	/* type1 leaves it as it was when it refuses, iommufd says what is gone nevertheless */
	if (ret && (run->test->needs == TYPE1 || !row->told))
		left = size;
	contract_expect(run, "size", arg.unmap.size, left);
	if (!ret && row->flags & VFIO_DMA_UNMAP_FLAG_GET_DIRTY_BITMAP)
		contract_expect(run, "first word", bits[0], (UINT64_C(1) << row->out) - 1);
	return ret;
}

static int dirty(struct run *run, const struct contract_row *row)
{
	uint64_t bits[64] = { 0 }, n = 0;
	const struct vfio_iommu_type1_dirty_bitmap_get get = {
		.iova = contract_iova(run, row),
		.size = row->size * contract_unit(run),
		.bitmap = { contract_unit(run), sizeof(bits), (void *)bits },
	};
	union with_tail arg = { .dirty = { .argsz = sizeof(arg.dirty) + sizeof(get) } };
	size_t i;
	int ret;

	arg.dirty.flags = row->flags;
	memcpy(arg.bytes + sizeof(arg.dirty), &get, sizeof(get));
	ret = contract_call(run, row, VFIO_IOMMU_DIRTY_PAGES, &arg);
	for (i = 0; i < sizeof(bits) / sizeof(bits[0]); i++)
		n += (uint64_t)__builtin_popcountll(bits[i]);
	contract_expect(run, "dirty pages", n, row->out);
	return ret;
}

/* ---- Rows ----------------------------------------------------------------------------------- */

int contract_type1_call(struct run *run, const struct contract_row *row)
{
	const struct iom_sys *sys = run->world->sys;

	switch (row->op) {
	case OPEN_CONTAINER:
		return contract_keep(run, row, iom_sys_open(sys, "/dev/vfio/vfio", O_RDWR));
	case OPEN_GROUP:
		return open_group(run, row);
	case GET_STATUS:
		return get_status(run, row);
	case SET_CONTAINER:
		return contract_call(run, row, VFIO_GROUP_SET_CONTAINER, &run->fds[row->to]);
	case UNSET_CONTAINER:
		return contract_call(run, row, VFIO_GROUP_UNSET_CONTAINER, NULL);
	case SET_TYPE:
		return contract_call(run, row, VFIO_SET_IOMMU, (void *)(uintptr_t)run->test->type);
	case DEVICE_FD:
		return device_fd(run, row);
	case DEVICE_INFO:
		return device_info(run, row);
	case GET_INFO:
		return get_info(run, row);
	case MAP:
		return map(run, row);
	case UNMAP:
		return unmap(run, row);
	case MAP_MANY:
		return map_many(run, row);
	case DIRTY:
		return dirty(run, row);
	default:
		return -ENOSYS;
	}
}
