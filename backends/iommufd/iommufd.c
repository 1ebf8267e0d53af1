// SPDX-License-Identifier: BSD-3-Clause
/*
 * iommufd: one I/O address space (IOAS) that devices, opened by their own VFIO nodes, are attached
 * to.  IOVAs are the library's, always: the kernel would choose them without regard to the devices'
 * reach.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "device.h"
#include "lib/error.h"
#include "lib/memlock.h"
#include "libiommu.h"
#include "backends/uapi/iommufd.h"
#include "backends/vfio/vfio.h"

/* More ranges than any IOMMU has holes; a kernel that says more is not believed. */
#define RANGES_MAX 65536u

struct iommufd {
	unsigned int users; /* devices that are attached */
	bool ready;         /* fd and ioas are valid */
	int fd;
	uint32_t ioas;
	bool no_files; /* atomic: the kernel cannot map by descriptor (before Linux 6.13) */
};

/* Whether the descriptors that are given are those of an iommufd and of an IOAS in it. */
static int adopt_ioas(const struct iom_backend *backend, struct iommufd *u)
{
	const struct iom_backend_adopted *adopted = backend->adopted;
	struct iom_iommu_ioas_iova_ranges arg = { .size = sizeof(arg), .ioas_id = adopted->ioas };
	int ret;

	if (!adopted->ioas)
		return iom_error(-EOPNOTSUPP, "a container is to be adopted, for no IOAS is named");
	ret = iom_sys_ioctl(backend->sys, adopted->fd, IOM_IOMMU_IOAS_IOVA_RANGES, &arg);
	if (ret == -ENOENT)
		return iom_error(-EINVAL, "the iommufd, descriptor %d, has no IOAS %u", adopted->fd,
				 adopted->ioas);
	if (ret == -EBADF || ret == -ENOTTY || ret == -EINVAL)
		return iom_error(-EINVAL, "descriptor %d is no iommufd: %s", adopted->fd,
				 strerror(-ret));
	if (ret && ret != -EMSGSIZE)
		return iom_error(ret == -ENOMEM ? ret : -EIO,
				 "the kernel does not tell of IOAS %u: %s", adopted->ioas,
				 iom_error_text(ret));
	u->fd = adopted->fd;
	u->ioas = adopted->ioas;
	u->ready = true;
	return 0;
}

static int make_ioas(const struct iom_backend *backend, struct iommufd *u)
{
	struct iom_iommu_ioas_alloc arg = { .size = sizeof(arg) };
	int fd, ret;

	fd = iom_sys_open(backend->sys, IOM_VFIO_IOMMUFD_NODE, O_RDWR);
	if (fd < 0)
		return iom_vfio_node_error(backend->sys, IOM_VFIO_IOMMUFD_NODE, fd);
	ret = iom_sys_ioctl(backend->sys, fd, IOM_IOMMU_IOAS_ALLOC, &arg);
	if (ret) {
		iom_sys_close(backend->sys, fd);
		return iom_error(ret == -ENOMEM ? ret : -EIO,
				 "the kernel makes no I/O address space: %s", iom_error_text(ret));
	}
	u->fd = fd;
	u->ioas = arg.out_ioas_id;
	u->ready = true;
	return 0;
}

static int open_ioas(const struct iom_backend *backend, struct iommufd *u)
{
	if (u->ready)
		return 0;
	return backend->adopted ? adopt_ioas(backend, u) : make_ioas(backend, u);
}

static void iommufd_destroy(struct iom_backend *backend)
{
	struct iommufd *u = backend->priv;

	if (u->ready && !backend->adopted)
		iom_sys_close(backend->sys, u->fd);
	u->ready = false;
}

/* Ask for the ranges until the array was large enough: they may grow between two calls. */
static int read_ranges(struct iom_backend *backend, struct iom_iommu_ioas_iova_ranges *arg,
		       struct iom_iommu_iova_range **ranges)
{
	struct iommufd *u = backend->priv;
	struct iom_iommu_iova_range *v = NULL, *larger;
	uint32_t n = 8, tries;
	int ret = -EMSGSIZE;

	for (tries = 0; tries < 8 && n <= RANGES_MAX; tries++) {
		larger = realloc(v, n * sizeof(*v));
		if (!larger) {
			free(v);
			return iom_error(-ENOMEM, "no memory for the kernel's IOVA ranges");
		}
		v = larger;
		*arg = (struct iom_iommu_ioas_iova_ranges){
			.size = sizeof(*arg),
			.ioas_id = u->ioas,
			.num_iovas = n,
			.allowed_iovas = (uintptr_t)v,
		};
		ret = iom_sys_ioctl(backend->sys, u->fd, IOM_IOMMU_IOAS_IOVA_RANGES, arg);
		if (!ret && arg->num_iovas <= n) {
			*ranges = v;
			return 0;
		}
		if (ret != -EMSGSIZE && ret)
			break;
		n = arg->num_iovas > n ? arg->num_iovas : n * 2;
	}
	free(v);
	return iom_error(ret == -ENOMEM ? ret : -EIO,
			 "the kernel does not tell which IOVAs can be mapped: %s",
			 strerror(ret < 0 ? -ret : E2BIG));
}

/*
 * The kernel does not tell to which IOAS a device is attached.  But an IOAS with none at all shows:
 * it lacks not even the IOVAs for MSIs.
 */
static int check_attached(struct iom_backend *backend, const struct iom_backend_device *dev)
{
	const struct iommufd *u = backend->priv;
	struct iom_iommu_ioas_iova_ranges arg;
	struct iom_iommu_iova_range *found;
	bool all;
	int ret;

	ret = iom_vfio_check_borrowed(backend->sys, dev);
	if (!ret)
		ret = read_ranges(backend, &arg, &found);
	if (ret < 0)
		return ret;
	all = arg.num_iovas == 1 && !found[0].start && found[0].last == UINT64_MAX;
	free(found);
	if (all)
		return iom_error(-EINVAL,
				 "IOAS %u has no device: attach descriptor %d to it first "
				 "(VFIO_DEVICE_ATTACH_IOMMUFD_PT)",
				 u->ioas, dev->fd);
	return 0;
}

static int iommufd_attach(struct iom_backend *backend, struct iom_backend_device *dev)
{
	struct iommufd *u = backend->priv;
	int ret;

	ret = open_ioas(backend, u);
	if (ret < 0)
		return ret;
	if (dev->borrowed)
		ret = check_attached(backend, dev);
	else
		ret = iom_iommufd_open_device(backend, dev, u->fd, u->ioas);
	if (ret < 0 && !u->users)
		iommufd_destroy(backend);
	if (!ret)
		u->users++;
	return ret;
}

/*
 * The kernel unbinds and detaches when the descriptor is closed.  It would keep what is mapped
 * beyond the last device: start anew instead, as if it did not.
 */
static void iommufd_detach(struct iom_backend *backend, struct iom_backend_device *dev)
{
	struct iommufd *u = backend->priv;

	iom_vfio_close_device(backend, dev);
	if (!--u->users)
		iommufd_destroy(backend);
}

static int iommufd_apertures(struct iom_backend *backend, struct iom_aperture_set *set)
{
	struct iom_iommu_ioas_iova_ranges arg;
	struct iom_iommu_iova_range *ranges;
	uint32_t i;
	int ret;

	ret = read_ranges(backend, &arg, &ranges);
	if (ret < 0)
		return ret;
	if (arg.out_iova_alignment & (arg.out_iova_alignment - 1))
		ret = iom_error(-EIO,
				"the kernel's alignment of IOVAs, 0x%" PRIx64
				", is no power of two",
				(uint64_t)arg.out_iova_alignment);
	for (i = 0; i < arg.num_iovas && !ret; i++)
		ret = iom_aperture_add(set, ranges[i].start, ranges[i].last, arg.out_iova_alignment,
				       IOM_APERTURE_LARGER_PAGES);
	free(ranges);
	if (ret < 0)
		iom_aperture_free(set);
	return ret;
}

/* The kernel then refuses a device that reserves a part of them; it is no limit to fixed maps. */
static int iommufd_hold(struct iom_backend *backend, const struct iom_aperture_set *granted)
{
	const struct iommufd *u = backend->priv;
	struct iom_iommu_iova_range *list;
	struct iom_iommu_ioas_allow_iovas arg = {
		.size = sizeof(arg),
		.ioas_id = u->ioas,
		.num_iovas = (uint32_t)granted->n,
	};
	size_t i;
	int ret;

	/* the list would take the place of its owner's */
	if (backend->adopted)
		return 0;
	list = calloc(granted->n + 1, sizeof(*list));
	if (!list)
		return iom_error(-ENOMEM, "no memory for a list of IOVA ranges");
	for (i = 0; i < granted->n; i++)
		list[i] = (struct iom_iommu_iova_range){ granted->v[i].start, granted->v[i].last };
	arg.allowed_iovas = (uintptr_t)list;
	ret = iom_sys_ioctl(backend->sys, u->fd, IOM_IOMMU_IOAS_ALLOW_IOVAS, &arg);
	free(list);
	if (ret)
		return iom_error(ret == -ENOMEM ? ret : -EIO,
				 "the kernel does not keep a requested aperture: %s",
				 iom_error_text(ret));
	return 0;
}

static uint32_t kernel_flags(const struct iom_backend_map *map)
{
	uint32_t flags = IOM_IOMMU_IOAS_MAP_FIXED_IOVA;

	if (map->flags & IOM_MAP_READ)
		flags |= IOM_IOMMU_IOAS_MAP_READABLE;
	if (map->flags & IOM_MAP_WRITE)
		flags |= IOM_IOMMU_IOAS_MAP_WRITEABLE;
	return flags;
}

static int map_memory(struct iom_backend *backend, const struct iom_backend_map *map)
{
	const struct iommufd *u = backend->priv;
	struct iom_iommu_ioas_map arg = {
		.size = sizeof(arg),
		.flags = kernel_flags(map),
		.ioas_id = u->ioas,
		.user_va = map->va,
		.length = map->length,
		.iova = map->iova,
	};

	return iom_sys_ioctl(backend->sys, u->fd, IOM_IOMMU_IOAS_MAP, &arg);
}

/* -ENOTTY: the kernel cannot; -EINVAL: not this kind of file, such as one of a disk. */
static int map_file(struct iom_backend *backend, const struct iom_backend_map *map)
{
	struct iommufd *u = backend->priv;
	struct iom_iommu_ioas_map_file arg = {
		.size = sizeof(arg),
		.flags = kernel_flags(map),
		.ioas_id = u->ioas,
		.fd = map->fd,
		.start = map->offset,
		.length = map->length,
		.iova = map->iova,
	};
	int ret;

	ret = iom_sys_ioctl(backend->sys, u->fd, IOM_IOMMU_IOAS_MAP_FILE, &arg);
	if (ret == -ENOTTY)
		__atomic_store_n(&u->no_files, true, __ATOMIC_RELAXED);
	return ret;
}

static int iommufd_map(struct iom_backend *backend, const struct iom_backend_map *map, bool *left)
{
	struct iommufd *u = backend->priv;
	int ret = -ENOTTY;

	if (map->fd >= 0 && !__atomic_load_n(&u->no_files, __ATOMIC_RELAXED))
		ret = map_file(backend, map);
	if (map->fd < 0 || ret == -ENOTTY || ret == -EINVAL)
		ret = map_memory(backend, map);
	if (ret == -ENOMEM)
		return iom_memlock_user_error(backend->sys, map->rest);
	return ret ? iom_vfio_map_error(backend, map, ret, left) : 0;
}

static int unmap(struct iom_backend *backend, uint64_t iova, uint64_t length, uint64_t least,
		 uint64_t most)
{
	const struct iommufd *u = backend->priv;
	struct iom_iommu_ioas_unmap arg = {
		.size = sizeof(arg),
		.ioas_id = u->ioas,
		.iova = iova,
		.length = length,
	};
	int ret;

	ret = iom_sys_ioctl(backend->sys, u->fd, IOM_IOMMU_IOAS_UNMAP, &arg);
	return iom_vfio_check_unmap(ret, arg.length, least, most);
}

static int iommufd_unmap(struct iom_backend *backend, uint64_t iova, uint64_t length)
{
	return unmap(backend, iova, length, length, length);
}

static bool iommufd_can_unmap_all(const struct iom_backend *backend)
{
	(void)backend;
	return true;
}

/* This very range stands for all, even the last byte; and it may be empty. */
static int iommufd_unmap_all(struct iom_backend *backend, uint64_t least, uint64_t most)
{
	return unmap(backend, 0, UINT64_MAX, least, most);
}

static void iommufd_entries(const struct iom_backend *backend, uint64_t *limit, uint64_t *used)
{
	(void)backend;
	*limit = UINT64_MAX;
	if (used)
		*used = UINT64_MAX;
}

static int iommufd_fds(const struct iom_backend *backend, const struct iom_backend_device *dev,
		       struct iom_backend_fds *fds)
{
	const struct iommufd *u = backend->priv;

	(void)dev;
	*fds = (struct iom_backend_fds){
		.container = -1,
		.group = -1,
		.iommufd = u->fd,
		.ioas = u->ioas,
	};
	return 0;
}

static void iommufd_forget(struct iom_backend *backend, struct iom_backend_device *dev)
{
	if (dev)
		iom_vfio_close_device(backend, dev);
	else
		iommufd_destroy(backend);
}

const struct iom_backend_ops iom_backend_iommufd = {
	.name = "iommufd",
	.priv_size = sizeof(struct iommufd),
	.attach = iommufd_attach,
	.detach = iommufd_detach,
	.close_device = iom_vfio_close_device,
	.apertures = iommufd_apertures,
	.hold = iommufd_hold,
	.map = iommufd_map,
	.unmap = iommufd_unmap,
	.can_unmap_all = iommufd_can_unmap_all,
	.unmap_all = iommufd_unmap_all,
	.entries = iommufd_entries,
	.fds = iommufd_fds,
	.destroy = iommufd_destroy,
	.forget = iommufd_forget,
};
