// SPDX-License-Identifier: BSD-3-Clause
/*
 * VFIO type1, version 2 only.  Version 1 unmaps more than it is asked to: a range that touches the
 * beginning of a mapping takes all of it, and a range inside one succeeds and does nothing.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <linux/vfio.h>

#include "lib/error.h"
#include "info.h"
#include "libiommu.h"
#include "lib/memlock.h"
#include "backends/uapi/iommufd.h"
#include "backends/vfio/vfio.h"

#define ENTRY_LIMIT_FILE "/sys/module/vfio_iommu_type1/parameters/dma_entry_limit"

/* What iommufd answers as the number of maps that can yet be made. */
#define NO_LIMIT UINT32_MAX

/* Apart, so that each map does not pay for its canary. */
#define RARE __attribute__((noinline, cold))

struct type1 {
	struct iom_vfio vfio;
	bool ready;         /* vfio is initialised */
	bool has_unmap_all; /* since kernel 5.12 */
	bool pins_shared;   /* before kernel 6.2, see type1_map() */
	uint64_t entry_limit;
};

static int check_extensions(const struct iom_sys *sys, struct type1 *t)
{
	int fd = t->vfio.container;

	if (iom_sys_ioctl_int(sys, fd, VFIO_CHECK_EXTENSION, VFIO_TYPE1v2_IOMMU) > 0) {
		t->has_unmap_all =
			iom_sys_ioctl_int(sys, fd, VFIO_CHECK_EXTENSION, VFIO_UNMAP_ALL) > 0;
		return 0;
	}
	if (iom_sys_ioctl_int(sys, fd, VFIO_CHECK_EXTENSION, VFIO_TYPE1_IOMMU) > 0)
		return iom_error(-EOPNOTSUPP,
				 "the kernel has only version 1 of VFIO type1, which unmaps "
				 "more than it is asked to; Linux 3.19 and later have 2");
	return iom_error(-EOPNOTSUPP, "the kernel has no VFIO type1 driver; load it "
				      "(modprobe vfio_iommu_type1)");
}

static void close_container(struct iom_backend *backend, struct type1 *t)
{
	iom_sys_close(backend->sys, t->vfio.container);
	t->vfio.container = -1;
}

static int open_container(struct iom_backend *backend, struct type1 *t)
{
	int ret;

	if (t->vfio.container >= 0)
		return 0;
	ret = iom_vfio_open_container(backend->sys, &t->vfio);
	if (ret < 0)
		return ret;
	ret = check_extensions(backend->sys, t);
	if (ret < 0)
		close_container(backend, t);
	return ret;
}

/* Why the kernel does not let a group translate through the container. */
static int explain_join(const struct type1 *t, const struct iom_vfio_group *group, int err)
{
	switch (err) {
	case -EPERM:
		return iom_vfio_not_isolated(group->number, t->vfio.module);
	case -EINVAL:
		return iom_vfio_reserved(group->number);
	case -EBUSY:
		return iom_error(-EBUSY, "group %u is in another container already", group->number);
	case -ENOMEM:
		return iom_error(-ENOMEM, "the kernel has no memory to attach group %u",
				 group->number);
	case -ENODEV:
		return iom_error(-ENODEV, "the kernel finds no IOMMU for group %u", group->number);
	default:
		return iom_error(-EIO, "the kernel does not attach group %u: %s", group->number,
				 strerror(-err));
	}
}

/* The order is the kernel's: a group into the container, then the IOMMU type, then all else. */
static int set_container(struct iom_backend *backend, struct iom_vfio_group *group, bool first)
{
	struct type1 *t = backend->priv;
	int ret;

	ret = iom_sys_ioctl(backend->sys, group->fd, VFIO_GROUP_SET_CONTAINER, &t->vfio.container);
	if (ret < 0)
		return explain_join(t, group, ret);
	if (!first)
		return 0;
	ret = iom_sys_ioctl_int(backend->sys, t->vfio.container, VFIO_SET_IOMMU,
				VFIO_TYPE1v2_IOMMU);
	if (ret < 0) {
		iom_sys_ioctl(backend->sys, group->fd, VFIO_GROUP_UNSET_CONTAINER, NULL);
		/* nothing is mapped yet, so it is not for a mapping that it refuses */
		if (ret == -EINVAL)
			return iom_error(-EIO, "the kernel gives group %u no IOMMU of type1: %s",
					 group->number, strerror(EINVAL));
		return explain_join(t, group, ret);
	}
	return 0;
}

static int join(struct iom_backend *backend, struct iom_vfio *vfio, struct iom_vfio_group *group)
{
	struct type1 *t = backend->priv;
	bool opened = t->vfio.container < 0;
	int ret;

	ret = open_container(backend, t);
	if (ret < 0)
		return ret;
	ret = set_container(backend, group, !vfio->groups && !vfio->adopted);
	if (ret < 0 && opened)
		close_container(backend, t);
	return ret;
}

/* Whether the kernel is older than 6.2; one that does not say is taken for it. */
static bool is_before_6_2(const struct iom_sys *sys)
{
	unsigned int major = 0, minor = 0;
	char text[64];

	if (iom_sys_read_text(sys, "/proc/sys/kernel/osrelease", text, sizeof(text)) > 0)
		sscanf(text, "%u.%u", &major, &minor);
	return major < 6 || (major == 6 && minor < 2);
}

/* How many maps the kernel allows: what is free in a new container, or the module's parameter. */
static uint64_t read_entry_limit(const struct iom_sys *sys, int container)
{
	struct iom_type1_info info;
	char text[32];

	if (iom_type1_read_info(sys, container, &info) == 0) {
		iom_aperture_free(&info.apertures);
		if (info.has_avail)
			return info.avail == NO_LIMIT ? UINT64_MAX : info.avail;
	}
	if (iom_sys_read_text(sys, ENTRY_LIMIT_FILE, text, sizeof(text)) > 0)
		return strtoull(text, NULL, 10);
	return UINT64_MAX;
}

/* Whether a descriptor is that of a container at all, as an iommufd can be, too. */
static int check_descriptor(const struct iom_backend *backend, int fd)
{
	int ret = iom_sys_ioctl(backend->sys, fd, VFIO_GET_API_VERSION, NULL);

	if (ret == VFIO_API_VERSION)
		return 0;
	return iom_error(-EINVAL, "descriptor %d is no VFIO container: %s", fd,
			 ret < 0 ? strerror(-ret) : "its version is another");
}

/* Whether it is an iommufd, as this backend has it or has it not. */
static int check_kind(const struct iom_backend *backend, const struct type1 *t, int fd)
{
	struct iom_iommu_vfio_ioas arg = { .size = sizeof(arg), .op = IOM_IOMMU_VFIO_IOAS_GET };
	int ret;

	ret = iom_sys_ioctl(backend->sys, fd, IOM_IOMMU_VFIO_IOAS, &arg);
	/* -ENODEV: it is one, and has no IOAS for containers yet */
	if ((!ret || ret == -ENODEV) == t->vfio.is_iommufd)
		return 0;
	return iom_error(-EOPNOTSUPP, "descriptor %d is %s iommufd", fd,
			 t->vfio.is_iommufd ? "no" : "that of an");
}

/* Whether it has this kind of IOMMU, and the IOMMU is there. */
static int check_iommu(const struct iom_backend *backend, int fd)
{
	struct vfio_iommu_type1_info info = { .argsz = sizeof(info) };
	const struct iom_sys *sys = backend->sys;
	int ret;

	if (iom_sys_ioctl_int(sys, fd, VFIO_CHECK_EXTENSION, VFIO_TYPE1v2_IOMMU) <= 0)
		return iom_error(-EOPNOTSUPP, "the container, descriptor %d, is not of VFIO type1",
				 fd);
	ret = iom_sys_ioctl(sys, fd, VFIO_IOMMU_GET_INFO, &info);
	if (ret == -EINVAL || ret == -ENODEV)
		return iom_error(
			-EINVAL,
			"the container, descriptor %d, has no IOMMU yet: put a group into it "
			"and set its type first",
			fd);
	if (ret)
		return iom_error(-EIO, "the kernel does not describe the container's IOMMU: %s",
				 iom_error_text(ret));
	return 0;
}

/*
 * Version 1 of type1 will do in somebody else's container: it cannot be told from 2, and unmaps
 * whole maps rightly.
 */
static int adopt_container(const struct iom_backend *backend, struct type1 *t)
{
	const struct iom_backend_adopted *adopted = backend->adopted;
	int ret;

	if (adopted->ioas)
		return iom_error(-EOPNOTSUPP, "an IOAS is to be adopted, not a container");
	ret = check_descriptor(backend, adopted->fd);
	if (!ret)
		ret = check_kind(backend, t, adopted->fd);
	if (!ret)
		ret = check_iommu(backend, adopted->fd);
	if (ret < 0)
		return ret;
	t->vfio.container = adopted->fd;
	t->vfio.adopted = true;
	return 0;
}

static int attach(struct iom_backend *backend, struct iom_backend_device *dev,
		  const struct iom_vfio *container)
{
	struct type1 *t = backend->priv;
	bool first = !iom_vfio_is_used(&t->vfio);
	int ret;

	if (!t->ready) {
		t->vfio = *container;
		t->ready = true;
	}
	if (backend->adopted && first) {
		ret = adopt_container(backend, t);
		if (ret < 0)
			return ret;
	}
	ret = iom_vfio_attach(backend, &t->vfio, dev, join);
	if (!ret && first) {
		t->entry_limit = read_entry_limit(backend->sys, t->vfio.container);
		t->pins_shared = is_before_6_2(backend->sys);
	}
	return ret;
}

static int type1_attach(struct iom_backend *backend, struct iom_backend_device *dev)
{
	static const struct iom_vfio container = {
		.node = IOM_VFIO_CONTAINER_NODE,
		.module = "vfio_iommu_type1",
		.container = -1,
	};

	return attach(backend, dev, &container);
}

/* An iommufd takes the calls of a container, for groups that are put into it. */
static int iommufd_attach(struct iom_backend *backend, struct iom_backend_device *dev)
{
	static const struct iom_vfio container = {
		.node = IOM_VFIO_IOMMUFD_NODE,
		.module = "iommufd",
		.container = -1,
		.is_iommufd = true,
	};

	return attach(backend, dev, &container);
}

static void type1_detach(struct iom_backend *backend, struct iom_backend_device *dev)
{
	struct type1 *t = backend->priv;

	iom_vfio_detach(backend, &t->vfio, dev);
}

static int type1_apertures(struct iom_backend *backend, struct iom_aperture_set *set)
{
	struct type1 *t = backend->priv;
	struct iom_type1_info info;
	size_t i;
	int ret;

	ret = iom_type1_read_info(backend->sys, t->vfio.container, &info);
	if (ret < 0)
		return ret;
	/*
	 * Before Linux 6.18 a mapping that ends at 2^64 cannot be unmapped: the end wraps to 0, and
	 * the kernel unmaps nothing, with success.  So give up the last page.
	 */
	for (i = 0; i < info.apertures.n; i++)
		if (info.apertures.v[i].last == UINT64_MAX)
			info.apertures.v[i].last--;
	*set = info.apertures;
	return 0;
}

static int explain_map(const struct iom_backend *backend, const struct iom_backend_map *map,
		       int err, bool *left)
{
	const struct type1 *t = backend->priv;

	switch (err) {
	case -ENOSPC:
		return iom_error(-ENOSPC,
				 "the kernel's limit of %" PRIu64
				 " mappings is reached; map larger pieces (each unmap_granule is "
				 "one), or raise vfio_iommu_type1.dma_entry_limit",
				 t->entry_limit);
	case -ENOMEM:
		return t->vfio.is_iommufd ? iom_memlock_user_error(backend->sys, map->rest)
					  : iom_memlock_error(backend->sys, map->rest);
	default:
		return iom_vfio_map_error(backend, map, err, left);
	}
}

static int map(struct iom_backend *backend, const struct iom_backend_map *map, unsigned int flags)
{
	const struct type1 *t = backend->priv;
	struct vfio_iommu_type1_dma_map arg = {
		.argsz = sizeof(arg),
		.vaddr = map->va,
		.iova = map->iova,
		.size = map->length,
	};

	if (flags & IOM_MAP_READ)
		arg.flags |= VFIO_DMA_MAP_FLAG_READ;
	if (flags & IOM_MAP_WRITE)
		arg.flags |= VFIO_DMA_MAP_FLAG_WRITE;
	return iom_sys_ioctl(backend->sys, t->vfio.container, VFIO_IOMMU_MAP_DMA, &arg);
}

/* Unmapping nothing, or less than was asked for, is success to the kernel: compare. */
static int unmap(struct iom_backend *backend, uint32_t flags, uint64_t iova, uint64_t size,
		 uint64_t least, uint64_t most)
{
	const struct type1 *t = backend->priv;
	struct vfio_iommu_type1_dma_unmap arg = {
		.argsz = sizeof(arg),
		.flags = flags,
		.iova = iova,
		.size = size,
	};
	int ret;

	ret = iom_sys_ioctl(backend->sys, t->vfio.container, VFIO_IOMMU_UNMAP_DMA, &arg);
	return iom_vfio_check_unmap(ret, arg.size, least, most);
}

static int type1_unmap(struct iom_backend *backend, uint64_t iova, uint64_t length)
{
	return unmap(backend, 0, iova, length, length, length);
}

/*
 * Private memory that nobody has written yet is a page that all of it shares (the zero page, or a
 * file's). Before Linux 6.2, pinning it for reading pins that one, and the device never sees what
 * is written later.  So have it pinned for writing first, which gives the process pages of its own;
 * memory that it may not write needs none.
 */
static RARE int give_own_pages(struct iom_backend *backend, const struct iom_backend_map *piece,
			       bool *left)
{
	int ret;

	ret = map(backend, piece, IOM_MAP_RW);
	if (ret == -EFAULT)
		return 0;
	if (ret)
		return explain_map(backend, piece, ret, left);
	ret = type1_unmap(backend, piece->iova, piece->length);
	*left = ret < 0;
	return ret;
}

static int type1_map(struct iom_backend *backend, const struct iom_backend_map *piece, bool *left)
{
	const struct type1 *t = backend->priv;
	int ret;

	if (t->pins_shared && !(piece->flags & IOM_MAP_WRITE)) {
		ret = give_own_pages(backend, piece, left);
		if (ret < 0)
			return ret;
	}
	ret = map(backend, piece, piece->flags);
	return ret ? explain_map(backend, piece, ret, left) : 0;
}

static int type1_unmap_all(struct iom_backend *backend, uint64_t least, uint64_t most)
{
	return unmap(backend, VFIO_DMA_UNMAP_FLAG_ALL, 0, 0, least, most);
}

static bool type1_can_unmap_all(const struct iom_backend *backend)
{
	const struct type1 *t = backend->priv;

	return t->has_unmap_all;
}

static void type1_entries(const struct iom_backend *backend, uint64_t *limit, uint64_t *used)
{
	const struct type1 *t = backend->priv;
	struct iom_type1_info info;

	*limit = t->entry_limit;
	if (!used)
		return;
	*used = iom_vfio_is_used(&t->vfio) ? UINT64_MAX : 0;
	if (!*used || t->entry_limit == UINT64_MAX ||
	    iom_type1_read_info(backend->sys, t->vfio.container, &info) < 0)
		return;
	iom_aperture_free(&info.apertures);
	if (info.has_avail && info.avail <= t->entry_limit)
		*used = t->entry_limit - info.avail;
}

static int type1_fds(const struct iom_backend *backend, const struct iom_backend_device *dev,
		     struct iom_backend_fds *fds)
{
	const struct type1 *t = backend->priv;

	return iom_vfio_fds(&t->vfio, dev, fds);
}

static void type1_destroy(struct iom_backend *backend)
{
	struct type1 *t = backend->priv;

	if (t->ready && t->vfio.container >= 0 && !t->vfio.adopted)
		close_container(backend, t);
}

static void type1_forget(struct iom_backend *backend, struct iom_backend_device *dev)
{
	struct type1 *t = backend->priv;

	if (t->ready)
		iom_vfio_forget(backend, &t->vfio, dev);
}

#define TYPE1_OPS                                                                                 \
	.priv_size = sizeof(struct type1), .detach = type1_detach,                                \
	.close_device = iom_vfio_close_device, .apertures = type1_apertures, .map = type1_map,    \
	.unmap = type1_unmap, .can_unmap_all = type1_can_unmap_all, .unmap_all = type1_unmap_all, \
	.entries = type1_entries, .entry_limit = "vfio_iommu_type1.dma_entry_limit",              \
	.fds = type1_fds, .destroy = type1_destroy, .forget = type1_forget

const struct iom_backend_ops iom_backend_type1 = {
	.name = "type1",
	.attach = type1_attach,
	TYPE1_OPS,
};

const struct iom_backend_ops iom_backend_type1_iommufd = {
	.name = "type1-iommufd",
	.attach = iommufd_attach,
	TYPE1_OPS,
};
