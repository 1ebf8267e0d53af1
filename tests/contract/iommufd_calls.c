// SPDX-License-Identifier: BSD-3-Clause
/* Calls of iommufd, of the devices' own nodes, and of an iommufd that serves as a container. */
#include "tests/contract/run.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/vfio.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "backends/uapi/iommufd.h"

#define MAX_RANGES 16
#define INFO_SIZE 24 /* of struct vfio_iommu_type1_info */

/* A struct with room behind it. */
union argument {
	uint32_t size;
	struct iom_iommu_destroy destroy;
	struct iom_iommu_ioas_alloc alloc;
	struct iom_iommu_ioas_allow_iovas allow;
	struct iom_iommu_ioas_iova_ranges ranges;
	struct iom_iommu_ioas_map map;
	struct iom_iommu_ioas_map_file map_file;
	struct iom_iommu_ioas_copy copy;
	struct iom_iommu_ioas_unmap unmap;
	struct iom_iommu_option option;
	struct iom_iommu_vfio_ioas vfio_ioas;
	struct iom_vfio_device_bind_iommufd bind;
	struct iom_vfio_device_attach_iommufd_pt attach;
	struct iom_vfio_device_detach_iommufd_pt detach;
	unsigned char bytes[128];
};

/* The size that the row says, and what is behind the struct. */
static void set_size(const struct contract_row *row, union argument *arg, size_t size)
{
	arg->size = (uint32_t)size + (uint32_t)row->argsz;
	arg->bytes[size] = row->tail;
}

/* ---- Nodes ---------------------------------------------------------------------------------- */

static int copy_name(void *arg, const char *name)
{
	snprintf(arg, NAME_MAX + 1, "%s", name);
	return 0;
}

static int open_cdev(struct run *run, const struct contract_row *row)
{
	char path[NAME_MAX + 32], name[NAME_MAX + 1] = "";
	int ret;

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/vfio-dev", contract_device(run, row));
	ret = iom_sys_list_dir(run->world->sys, path, copy_name, name);
	if (ret)
		return ret;
	snprintf(path, sizeof(path), "/dev/vfio/devices/%s", name);
	return contract_keep(run, row, iom_sys_open(run->world->sys, path, O_RDWR));
}

static int open_iommufd(struct run *run, const struct contract_row *row, bool compat)
{
	const char *path = compat && run->world->compat_only ? "/dev/vfio/vfio" : "/dev/iommu";

	return contract_keep(run, row, iom_sys_open(run->world->sys, path, O_RDWR));
}

/* ---- Devices -------------------------------------------------------------------------------- */

static int bind_iommufd(struct run *run, const struct contract_row *row)
{
	union argument arg = { .bytes = { 0 } };
	int ret;

	set_size(row, &arg, sizeof(arg.bind));
	arg.bind.flags = row->flags;
	arg.bind.iommufd = row->number ? (int)row->number : run->fds[row->to];
	ret = contract_call(run, row, IOM_VFIO_DEVICE_BIND_IOMMUFD, &arg);
	contract_expect(run, "device", arg.bind.out_devid, row->out);
	return ret;
}

static int attach(struct run *run, const struct contract_row *row)
{
	union argument arg = { .bytes = { 0 } };
	int ret;

	set_size(row, &arg, sizeof(arg.attach));
	arg.attach.flags = row->flags;
	arg.attach.pt_id = row->id;
	ret = contract_call(run, row, IOM_VFIO_DEVICE_ATTACH_IOMMUFD_PT, &arg);
	contract_expect(run, "page table", arg.attach.pt_id, ret ? row->id : row->out);
	return ret;
}

static int detach(struct run *run, const struct contract_row *row)
{
	union argument arg = { .bytes = { 0 } };

	set_size(row, &arg, sizeof(arg.detach));
	arg.detach.flags = row->flags;
	return contract_call(run, row, IOM_VFIO_DEVICE_DETACH_IOMMUFD_PT, &arg);
}

/* ---- Objects -------------------------------------------------------------------------------- */

static int ioas_alloc(struct run *run, const struct contract_row *row)
{
	union argument arg = { .bytes = { 0 } };
	int ret;

	set_size(row, &arg, sizeof(arg.alloc));
	arg.alloc.flags = row->flags;
	ret = contract_call(run, row, IOM_IOMMU_IOAS_ALLOC, &arg);
	contract_expect(run, "id", arg.alloc.out_ioas_id, row->out);
	return ret;
}

static int destroy(struct run *run, const struct contract_row *row)
{
	union argument arg = { .bytes = { 0 } };

	set_size(row, &arg, sizeof(arg.destroy));
	arg.destroy.id = row->id;
	return contract_call(run, row, IOM_IOMMU_DESTROY, &arg);
}

static int option(struct run *run, const struct contract_row *row)
{
	union argument arg = { .bytes = { 0 } };
	int ret;

	set_size(row, &arg, sizeof(arg.option));
	arg.option.option_id = (uint32_t)row->number;
	arg.option.op = (uint16_t)row->flags;
	arg.option.object_id = row->id;
	arg.option.val64 = row->size_odd;
	ret = contract_call(run, row, IOM_IOMMU_OPTION, &arg);
	contract_expect(run, "value", arg.option.val64, ret ? row->size_odd : row->out);
	return ret;
}

static int vfio_ioas(struct run *run, const struct contract_row *row)
{
	union argument arg = { .bytes = { 0 } };
	int ret;

	set_size(row, &arg, sizeof(arg.vfio_ioas));
	arg.vfio_ioas.op = (uint16_t)row->flags;
	arg.vfio_ioas.ioas_id = row->id;
	ret = contract_call(run, row, IOM_IOMMU_VFIO_IOAS, &arg);
	contract_expect(run, "id", arg.vfio_ioas.ioas_id, ret ? row->id : row->out);
	return ret;
}

/* ---- Ranges --------------------------------------------------------------------------------- */

/* What an IOAS must say, with a device attached or without. */
static void check_ranges(struct run *run, const struct iom_iommu_iova_range *ranges, bool attached)
{
	static const struct contract_range all = { 0, UINT64_MAX };
	const struct contract_range *expected = attached ? run->world->ranges : &all;
	size_t i, n = attached ? run->world->n_ranges : 1;

	for (i = 0; i < n; i++) {
		contract_expect(run, "start", ranges[i].start, expected[i].start);
		contract_expect(run, "last", ranges[i].last, expected[i].last);
	}
}

static int ranges(struct run *run, const struct contract_row *row)
{
	struct iom_iommu_iova_range told[MAX_RANGES] = { { 0, 0 } };
	bool attached = row->out != NO_RANGE;
	union argument arg = { .bytes = { 0 } };
	int ret;

	set_size(row, &arg, sizeof(arg.ranges));
	arg.ranges.ioas_id = row->id;
	arg.ranges.num_iovas = (uint32_t)row->size;
	arg.ranges.allowed_iovas = row->memory == NOWHERE ? 0 : (uintptr_t)told;
	ret = contract_call(run, row, IOM_IOMMU_IOAS_IOVA_RANGES, &arg);
	if (ret && ret != -EMSGSIZE)
		return ret;
	contract_expect(run, "ranges", arg.ranges.num_iovas, attached ? run->world->n_ranges : 1);
	contract_expect(run, "alignment", arg.ranges.out_iova_alignment,
			attached ? run->world->alignment : 1);
	if (!ret)
		check_ranges(run, told, attached);
	return ret;
}

static int allow(struct run *run, const struct contract_row *row)
{
	uint64_t second = (UINT64_C(1) << 32) + (uint64_t)row->more.pages * contract_unit(run);
	uint64_t first = contract_iova(run, row);
	const struct iom_iommu_iova_range list[] = {
		{ first, first + contract_size(run, row) - 1 },
		{ second, second + row->more.size * contract_unit(run) - 1 },
	};
	union argument arg = { .bytes = { 0 } };

	set_size(row, &arg, sizeof(arg.allow));
	arg.allow.ioas_id = row->id;
	arg.allow.num_iovas = !contract_size(run, row) ? 0 : row->more.size ? 2 : 1;
	arg.allow.allowed_iovas = row->memory == NOWHERE ? 0 : (uintptr_t)list;
	return contract_call(run, row, IOM_IOMMU_IOAS_ALLOW_IOVAS, &arg);
}

/* ---- Areas ---------------------------------------------------------------------------------- */

static uint64_t given_iova(const struct run *run, const struct contract_row *row)
{
	return row->flags & IOM_IOMMU_IOAS_MAP_FIXED_IOVA ? contract_iova(run, row) : 0;
}

/* An IOVA that was chosen is that of the row, one that was given stays. */
static void check_iova(struct run *run, const struct contract_row *row, uint64_t iova, int ret)
{
	contract_expect(run, "IOVA", iova, ret ? given_iova(run, row) : contract_iova(run, row));
}

static int ioas_map(struct run *run, const struct contract_row *row)
{
	union argument arg = { .bytes = { 0 } };
	int ret;

	set_size(row, &arg, sizeof(arg.map));
	arg.map.flags = row->flags;
	arg.map.ioas_id = row->id;
	arg.map.user_va = contract_address(run, row);
	arg.map.length = contract_size(run, row);
	arg.map.iova = given_iova(run, row);
	ret = contract_call_memory(run, row, IOM_IOMMU_IOAS_MAP, &arg);
	check_iova(run, row, arg.map.iova, ret);
	return ret;
}

static int map_file(struct run *run, const struct contract_row *row, int fd)
{
	union argument arg = { .bytes = { 0 } };
	int ret;

	set_size(row, &arg, sizeof(arg.map_file));
	arg.map_file.flags = row->flags;
	arg.map_file.ioas_id = row->id;
	arg.map_file.fd = row->number ? (int)row->number : fd;
	arg.map_file.start = (uint64_t)row->memory_pages * contract_unit(run) + row->memory_odd;
	arg.map_file.length = contract_size(run, row);
	arg.map_file.iova = given_iova(run, row);
	ret = contract_call(run, row, IOM_IOMMU_IOAS_MAP_FILE, &arg);
	check_iova(run, row, arg.map_file.iova, ret);
	return ret;
}

static int ioas_file(struct run *run, const struct contract_row *row)
{
	int fd = memfd_create("contract", MFD_CLOEXEC), ret;

	if (fd < 0)
		return -errno;
	if (ftruncate(fd, (off_t)(CONTRACT_FILE_PAGES * contract_unit(run))))
		contract_wrong(run, "no file of this size; ");
	ret = map_file(run, row, fd);
	close(fd);
	return ret;
}

static int ioas_copy(struct run *run, const struct contract_row *row)
{
	union argument arg = { .bytes = { 0 } };
	int ret;

	set_size(row, &arg, sizeof(arg.copy));
	arg.copy.flags = row->flags;
	arg.copy.dst_ioas_id = row->id;
	arg.copy.src_ioas_id = row->id2;
	arg.copy.length = contract_size(run, row);
	arg.copy.dst_iova = given_iova(run, row);
	arg.copy.src_iova = (UINT64_C(1) << 32) + (uint64_t)row->more.pages * contract_unit(run);
	ret = contract_call(run, row, IOM_IOMMU_IOAS_COPY, &arg);
	check_iova(run, row, arg.copy.dst_iova, ret);
	return ret;
}

static int ioas_unmap(struct run *run, const struct contract_row *row)
{
	uint64_t length = contract_size(run, row);
	union argument arg = { .bytes = { 0 } };
	int ret;

	set_size(row, &arg, sizeof(arg.unmap));
	arg.unmap.ioas_id = row->id;
	arg.unmap.iova = contract_iova(run, row);
	arg.unmap.length = length;
	ret = contract_call(run, row, IOM_IOMMU_IOAS_UNMAP, &arg);
	contract_expect(run, "length", arg.unmap.length,
			ret ? length : row->out * contract_unit(run) + row->out_odd);
	return ret;
}

/* ---- A container's GET_INFO ----------------------------------------------------------------- */

/* First how many entries are left, which is without end, and behind it the ranges. */
static void check_caps(struct run *run, const unsigned char *buf, bool attached)
{
	struct vfio_iommu_type1_info_cap_iova_range head;
	struct vfio_iommu_type1_info_dma_avail avail;
	struct iom_iommu_iova_range told[MAX_RANGES];
	const unsigned char *second = buf + INFO_SIZE + 16;

	memcpy(&avail, buf + INFO_SIZE, sizeof(avail));
	contract_expect(run, "capability", avail.header.id, VFIO_IOMMU_TYPE1_INFO_DMA_AVAIL);
	contract_expect(run, "version", avail.header.version, 1);
	contract_expect(run, "next", avail.header.next, INFO_SIZE + 16);
	contract_expect(run, "avail", avail.avail, UINT32_MAX);
	memcpy(&head, second, sizeof(head));
	contract_expect(run, "capability", head.header.id, VFIO_IOMMU_TYPE1_INFO_CAP_IOVA_RANGE);
	contract_expect(run, "version", head.header.version, 1);
	contract_expect(run, "next", head.header.next, 0);
	contract_expect(run, "ranges", head.nr_iovas, attached ? run->world->n_ranges : 1);
	memcpy(told, second + sizeof(head), sizeof(told));
	check_ranges(run, told, attached);
}

static int compat_info(struct run *run, const struct contract_row *row)
{
	union {
		struct vfio_iommu_type1_info info;
		unsigned char bytes[1024];
	} buf = { .bytes = { 0 } };
	uint32_t argsz = (uint32_t)(INFO_SIZE + row->argsz), offset, need;
	bool attached = row->out;
	int ret;

	buf.info.argsz = argsz;
	ret = contract_call(run, row, VFIO_IOMMU_GET_INFO, &buf);
	if (ret)
		return ret;
	need = (uint32_t)(INFO_SIZE + 16 + 16 + 16 * (attached ? run->world->n_ranges : 1));
	memcpy(&offset, buf.bytes + offsetof(struct vfio_iommu_type1_info, cap_offset),
	       sizeof(offset));
	contract_expect(run, "argsz", buf.info.argsz, need);
	contract_expect(run, "cap_offset", offset, argsz >= need ? INFO_SIZE : 0);
	contract_expect(run, "flags", buf.info.flags,
			VFIO_IOMMU_INFO_PGSIZES | VFIO_IOMMU_INFO_CAPS);
	contract_expect(run, "page sizes", buf.info.iova_pgsizes,
			attached ? run->world->pgsizes : -contract_unit(run));
	if (argsz >= need)
		check_caps(run, buf.bytes, attached);
	return 0;
}

/* ---- Rows ----------------------------------------------------------------------------------- */

int contract_iommufd_call(struct run *run, const struct contract_row *row)
{
	switch (row->op) {
	case OPEN_IOMMUFD:
		return open_iommufd(run, row, false);
	case OPEN_COMPAT:
		return open_iommufd(run, row, true);
	case OPEN_CDEV:
		return open_cdev(run, row);
	case BIND:
		return bind_iommufd(run, row);
	case ATTACH:
		return attach(run, row);
	case DETACH:
		return detach(run, row);
	case IOAS_ALLOC:
		return ioas_alloc(run, row);
	case DESTROY:
		return destroy(run, row);
	case RANGES:
		return ranges(run, row);
	case ALLOW:
		return allow(run, row);
	case IOAS_MAP:
		return ioas_map(run, row);
	case IOAS_UNMAP:
		return ioas_unmap(run, row);
	case IOAS_COPY:
		return ioas_copy(run, row);
	case IOAS_FILE:
		return ioas_file(run, row);
	case OPTION:
		return option(run, row);
	case VFIO_IOAS:
		return vfio_ioas(run, row);
	case COMPAT_INFO:
		return compat_info(run, row);
	default:
		return -ENOSYS;
	}
}
