// SPDX-License-Identifier: BSD-3-Clause
#include "container.h"

#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdlib.h>

#include <linux/vfio.h>

#include "lib/error.h"
#include "lib/memlock.h"
#include "lib/radix.h"
#include "libiommu.h"

/* The kernel says 2^32 - 1 where a bridge of pSeries offers none. */
#define WINDOWS_MAX 2

#define DEFAULT_PAGE_SHIFT 12

static int check_extension(const struct iom_sys *sys, int fd)
{
	if (iom_sys_ioctl_int(sys, fd, VFIO_CHECK_EXTENSION, VFIO_SPAPR_TCE_v2_IOMMU) > 0)
		return 0;
	return iom_error(-EOPNOTSUPP, "the kernel has no VFIO SPAPR TCE driver; load it "
				      "(modprobe vfio_iommu_spapr_tce)");
}

static int explain_join(const struct iom_vfio_group *group, int err)
{
	switch (err) {
	case -EPERM:
		return iom_error(-EBUSY, "group %u is in use by the kernel or another process",
				 group->number);
	case -EINVAL:
		return iom_error(
			-EOPNOTSUPP,
			"the kernel cannot have userspace set up DMA windows for group %u; "
			"on pSeries that needs Linux 6.11 and a bridge with dynamic windows",
			group->number);
	case -EBUSY:
		return iom_error(-EBUSY, "group %u is in another container already", group->number);
	case -ENOMEM:
		return iom_error(-ENOMEM, "the kernel has no memory to attach group %u",
				 group->number);
	default:
		return iom_error(-EIO, "the kernel does not attach group %u: %s", group->number,
				 iom_error_text(err));
	}
}

static int read_info(const struct iom_sys *sys, struct iom_spapr_container *c)
{
	struct vfio_iommu_spapr_tce_info arg = { .argsz = sizeof(arg) };
	int ret;

	ret = iom_sys_ioctl(sys, c->vfio.container, VFIO_IOMMU_SPAPR_TCE_GET_INFO, &arg);
	if (ret)
		return iom_error(-EIO, "the kernel does not describe the DMA windows: %s",
				 iom_error_text(ret));
	c->info = (struct iom_spapr_info){
		.first = { arg.dma32_window_start, arg.dma32_window_size, DEFAULT_PAGE_SHIFT },
		.page_sizes = arg.ddw.pgsizes & ~(IOM_UNIT - 1),
		.max_windows = arg.ddw.max_dynamic_windows_supported,
		.levels = arg.ddw.levels,
	};
	if (!(arg.flags & VFIO_IOMMU_SPAPR_INFO_DDW) || c->info.max_windows > WINDOWS_MAX)
		c->info.max_windows = 0;
	if (!c->info.max_windows)
		return iom_error(-EOPNOTSUPP,
				 "the bridge offers no dynamic DMA windows, and without them the "
				 "kernel maps nothing, not even in the default one");
	if (!c->info.page_sizes)
		return iom_error(-EIO, "the kernel tells no page size of the DMA windows");
	return 0;
}

/* The vfio of a container is its first member but one: from there to the container. */
static struct iom_spapr_container *container_of(struct iom_vfio *vfio)
{
	return (void *)((char *)vfio - offsetof(struct iom_spapr_container, vfio));
}

/* The order is the kernel's: a group into the container, then the IOMMU type, then all else. */
static int set_up(const struct iom_sys *sys, struct iom_spapr_container *c,
		  const struct iom_vfio_group *group)
{
	int ret;

	ret = check_extension(sys, c->vfio.container);
	if (ret < 0)
		return ret;
	ret = iom_sys_ioctl(sys, group->fd, VFIO_GROUP_SET_CONTAINER, &c->vfio.container);
	if (ret)
		return explain_join(group, ret);
	ret = iom_sys_ioctl_int(sys, c->vfio.container, VFIO_SET_IOMMU, VFIO_SPAPR_TCE_v2_IOMMU);
	if (ret)
		ret = explain_join(group, ret);
	if (!ret)
		ret = read_info(sys, c);
	if (ret < 0)
		iom_sys_ioctl(sys, group->fd, VFIO_GROUP_UNSET_CONTAINER, NULL);
	return ret;
}

static int join(struct iom_backend *backend, struct iom_vfio *vfio, struct iom_vfio_group *group)
{
	struct iom_spapr_container *c = container_of(vfio);
	int ret;

	ret = iom_vfio_open_container(backend->sys, vfio);
	if (ret < 0)
		return ret;
	ret = set_up(backend->sys, c, group);
	if (ret < 0) {
		iom_sys_close(backend->sys, vfio->container);
		vfio->container = -1;
		return ret;
	}
	c->owner.container = vfio->container;
	return 0;
}

int iom_spapr_container_open(struct iom_backend *backend, struct iom_backend_device *dev,
			     struct iom_spapr_container **container)
{
	struct iom_spapr_container *c;
	int ret;

	c = calloc(1, sizeof(*c));
	if (!c)
		return iom_error(-ENOMEM, "no memory for a container");
	c->vfio = (struct iom_vfio){ .node = IOM_VFIO_CONTAINER_NODE, .container = -1 };
	c->owner.sys = backend->sys;
	pthread_mutex_init(&c->settling, NULL);
	pthread_mutex_init(&c->recovering, NULL);
	ret = iom_vfio_attach(backend, &c->vfio, dev, join);
	if (ret < 0) {
		iom_spapr_container_close(backend, c);
		return ret;
	}
	*container = c;
	return 0;
}

int iom_spapr_container_add(struct iom_backend *backend, struct iom_spapr_container *c,
			    struct iom_backend_device *dev)
{
	return iom_vfio_attach(backend, &c->vfio, dev, join);
}

void iom_spapr_container_close(struct iom_backend *backend, struct iom_spapr_container *c)
{
	if (c->vfio.container >= 0)
		iom_sys_close(backend->sys, c->vfio.container);
	iom_slabs_forget(&c->owner);
	pthread_mutex_destroy(&c->recovering);
	pthread_mutex_destroy(&c->settling);
	free(c);
}

/* Its table counts against RLIMIT_MEMLOCK, with 8 bytes an entry, or twice that on PowerNV. */
static int no_table(const struct iom_sys *sys, const struct iom_window *window)
{
	iom_memlock_error(sys, window->size >> window->page_shift << 3);
	return iom_error_prefix(-ENOMEM, "the table of the DMA window: ");
}

static const char *hint(int err)
{
	switch (err) {
	case -EINVAL:
		return " (the hypervisor may have none as large; expect less)";
	case -ENODEV:
		return " (an earlier failure has the kernel refuse all until reboot; boot with "
		       "disable_ddw)";
	default:
		return "";
	}
}

int iom_spapr_create_window(const struct iom_sys *sys, struct iom_spapr_container *c,
			    unsigned int levels, struct iom_window *window)
{
	struct vfio_iommu_spapr_tce_create arg = {
		.argsz = sizeof(arg),
		.page_shift = window->page_shift,
		.window_size = window->size,
		.levels = levels,
	};
	int ret;

	ret = iom_sys_ioctl(sys, c->vfio.container, VFIO_IOMMU_SPAPR_TCE_CREATE, &arg);
	if (ret == -ENOMEM)
		return no_table(sys, window);
	if (ret)
		return iom_error(-EIO,
				 "the kernel makes no DMA window of 0x%" PRIx64
				 " bytes with pages of 0x%" PRIx64 ": %s%s",
				 window->size, UINT64_C(1) << window->page_shift,
				 iom_error_text(ret), hint(ret));
	window->start = arg.start_addr;
	return 0;
}

int iom_spapr_remove_window(const struct iom_sys *sys, struct iom_spapr_container *c,
			    const struct iom_window *window)
{
	struct vfio_iommu_spapr_tce_remove arg = {
		.argsz = sizeof(arg),
		.start_addr = window->start,
	};
	int ret;

	ret = iom_sys_ioctl(sys, c->vfio.container, VFIO_IOMMU_SPAPR_TCE_REMOVE, &arg);
	if (ret)
		return iom_error(-EIO,
				 "the kernel does not remove the DMA window at 0x%" PRIx64 ": %s",
				 window->start, iom_error_text(ret));
	return 0;
}

static bool contains(const struct iom_window *window, uint64_t iova, uint64_t length)
{
	uint64_t mask = (UINT64_C(1) << window->page_shift) - 1;

	return length && !((iova | length) & mask) && iova >= window->start &&
	       length <= window->size && iova - window->start <= window->size - length;
}

static int outside(uint64_t iova, uint64_t length)
{
	return iom_error(-EIO,
			 "IOVA 0x%" PRIx64 " + 0x%" PRIx64 " is not of whole pages in a window",
			 iova, length);
}

static int unmap(const struct iom_sys *sys, const struct iom_spapr_container *c, uint64_t iova,
		 uint64_t length)
{
	struct vfio_iommu_type1_dma_unmap arg = {
		.argsz = sizeof(arg),
		.iova = iova,
		.size = length,
	};

	return iom_sys_ioctl(sys, c->vfio.container, VFIO_IOMMU_UNMAP_DMA, &arg);
}

static int explain_settle(const struct iom_sys *sys, const struct iom_window *first, int err)
{
	if (err == -ENOMEM)
		return no_table(sys, first);
	if (err == -ENODEV)
		return iom_error(-EOPNOTSUPP,
				 "the kernel has given up the DMA windows of this bridge until "
				 "reboot, because one could not be made, perhaps for its own "
				 "driver, as dmesg tells; boot with disable_ddw, which is for the "
				 "kernel's drivers only");
	return iom_error(-EIO, "the kernel does not make the default DMA window: %s",
			 iom_error_text(err));
}

/*
 * The first call that maps or unmaps makes the default window, and two at once race to
 * (tce_iommu_create_default_window is under no lock).  It needs memory to be registered.
 */
static int settle(const struct iom_sys *sys, struct iom_spapr_container *c)
{
	int ret = 0;

	if (__atomic_load_n(&c->settled, __ATOMIC_ACQUIRE))
		return 0;
	pthread_mutex_lock(&c->settling);
	if (!c->settled)
		ret = unmap(sys, c, c->info.first.start, UINT64_C(1) << c->info.first.page_shift);
	if (!ret)
		__atomic_store_n(&c->settled, true, __ATOMIC_RELEASE);
	pthread_mutex_unlock(&c->settling);
	return ret ? explain_settle(sys, &c->info.first, ret) : 0;
}

int iom_spapr_map(const struct iom_sys *sys, struct iom_spapr_container *c,
		  const struct iom_window *window, const struct iom_backend_map *map, bool *left)
{
	struct vfio_iommu_type1_dma_map arg = {
		.argsz = sizeof(arg),
		.vaddr = map->va,
		.iova = map->iova,
		.size = map->length,
	};
	int ret;

	if (!contains(window, map->iova, map->length))
		return outside(map->iova, map->length);
	ret = settle(sys, c);
	if (ret < 0)
		return ret;
	if (map->flags & IOM_MAP_READ)
		arg.flags |= VFIO_DMA_MAP_FLAG_READ;
	if (map->flags & IOM_MAP_WRITE)
		arg.flags |= VFIO_DMA_MAP_FLAG_WRITE;
	ret = iom_sys_ioctl(sys, c->vfio.container, VFIO_IOMMU_MAP_DMA, &arg);
	if (!ret)
		return 0;
	/* the kernel says that it clears what it wrote; memory that it did not clear must stay */
	*left = unmap(sys, c, map->iova, map->length);
	if (ret == -EINVAL)
		return iom_error(-EIO,
				 "the kernel refuses IOVA 0x%" PRIx64 " + 0x%" PRIx64
				 ": the memory is no longer, or was never, of pages as large as the "
				 "window's (device DAX does not count)",
				 map->iova, map->length);
	/* hypervisor and firmware codes come through as they are: no errno means what it says */
	return iom_error(-EIO, "the kernel refuses IOVA 0x%" PRIx64 " + 0x%" PRIx64 " (%d)",
			 map->iova, map->length, ret);
}

int iom_spapr_unmap(const struct iom_sys *sys, struct iom_spapr_container *c,
		    const struct iom_window *window, uint64_t iova, uint64_t length)
{
	int ret;

	/* it has gone since, and taken with it what was quarantined there */
	if (!window)
		return 0;
	if (!contains(window, iova, length))
		return outside(iova, length);
	ret = unmap(sys, c, iova, length);
	if (ret)
		return iom_error(-EIO, "the kernel refuses to unmap: %s", iom_error_text(ret));
	return 0;
}
