// SPDX-License-Identifier: BSD-3-Clause
/* VFIO containers, groups and devices: drivers/vfio/{container,group,vfio_main}.c of Linux. */
#include "sim/iommufd.h"

#include <errno.h>
#include <linux/vfio.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backends/uapi/iommufd.h"

#define PCI_NAME_LENGTH 12 /* "0000:01:00.0" */

bool iom_sim_driver_is_vfio(const char *driver)
{
	return strstr(driver, "vfio-pci") || strstr(driver, "vfio_pci");
}

/* Those that set driver_managed_dma. */
bool iom_sim_driver_is_harmless(const char *driver)
{
	return !*driver || iom_sim_driver_is_vfio(driver) || !strcmp(driver, "pci-stub") ||
	       !strcmp(driver, "pcieport");
}

bool iom_sim_refuses_driver(const struct iom_sim *sim, const char *driver)
{
	return sim->power.machine != SIM_NO_POWER && sim->kernel < 611 &&
	       iom_sim_driver_is_vfio(driver);
}

/* ---- Life of containers and groups ---------------------------------------------------------- */

static void put_container(struct iom_sim *sim, struct sim_container *container)
{
	struct sim_container **link;

	if (--container->refs)
		return;
	for (link = &sim->containers; *link != container; link = &(*link)->next)
		;
	*link = container->next;
	free(container);
}

static void detach_container(struct iom_sim *sim, struct sim_group *group)
{
	struct sim_container *container = group->container;
	struct sim_group **link;

	if (container->type1)
		iom_sim_type1_detach(sim, container, group);
	if (container->spapr)
		iom_sim_spapr_detach(sim, container->spapr, group);
	for (link = &container->groups; *link != group; link = &(*link)->container_next)
		;
	*link = group->container_next;
	group->container = NULL;
	group->users = 0;
	if (!container->groups && container->type1) {
		iom_sim_type1_release(sim, container->type1);
		container->type1 = NULL;
	}
	if (!container->groups && container->spapr)
		iom_sim_spapr_release(sim, container);
	put_container(sim, container);
}

static void unset_iommufd(struct iom_sim *sim, struct sim_group *group)
{
	if (group->iommufd)
		iom_sim_iommufd_put(sim, group->iommufd);
	group->iommufd = NULL;
}

/* A group's descriptor stays open behind those of its devices, if it has a container. */
static void put_group(struct iom_sim *sim, struct sim_group *group)
{
	if (--group->refs)
		return;
	if (group->container)
		detach_container(sim, group);
	unset_iommufd(sim, group);
	group->open = false;
}

static void put_device(struct iom_sim *sim, struct sim_device *device)
{
	struct sim_group *group = device->group;

	device->opens--;
	device->users--;
	iom_sim_eeh_owner(group);
	if (!device->iommufd) {
		group->users--;
		put_group(sim, group);
	} else if (!device->users) {
		iom_sim_unbind_iommufd(sim, device);
	}
	if (!device->opens && !device->plugged)
		iom_sim_fs_no_device(sim, device);
}

int iom_sim_vfio_open_container(struct iom_sim *sim)
{
	struct sim_container *container;
	int fd;

	container = calloc(1, sizeof(*container));
	if (!container)
		return -ENOMEM;
	fd = iom_sim_files_add(sim, SIM_CONTAINER, container, "/dev/vfio/vfio");
	if (fd < 0) {
		free(container);
		return fd;
	}
	container->refs = 1;
	container->next = sim->containers;
	sim->containers = container;
	return fd;
}

bool iom_sim_vfio_other_has_device(const struct iom_sim *sim, const struct sim_group *group)
{
	const struct sim_device *device;

	for (device = sim->devices; device; device = device->next)
		if (device->group == group && device->holder)
			return true;
	return false;
}

int iom_sim_vfio_open_group(struct iom_sim *sim, struct sim_group *group)
{
	char target[32];
	int fd;

	if (group->open || group->holder || group->cdevs ||
	    iom_sim_vfio_other_has_device(sim, group))
		return -EBUSY;
	snprintf(target, sizeof(target), "/dev/vfio/%d", group->number);
	fd = iom_sim_files_add(sim, SIM_GROUP, group, target);
	if (fd < 0)
		return fd;
	group->open = true;
	group->refs = 1;
	return fd;
}

void iom_sim_vfio_close(struct iom_sim *sim, enum sim_file_kind kind, void *object)
{
	switch (kind) {
	case SIM_CONTAINER:
		put_container(sim, object);
		break;
	case SIM_GROUP:
		put_group(sim, object);
		break;
	case SIM_DEVICE:
		put_device(sim, object);
		break;
	case SIM_IOMMUFD:
		iom_sim_iommufd_put(sim, object);
		break;
	case SIM_CDEV:
		iom_sim_cdev_close(sim, object);
		break;
	case SIM_PLAIN:
		break;
	}
}

/* ---- Groups --------------------------------------------------------------------------------- */

/* iommu_group_dma_owner_claimed() says no. */
bool iom_sim_vfio_is_viable(const struct iom_sim *sim, const struct sim_group *group)
{
	const struct sim_device *device;

	if (group->owner)
		return false;
	for (device = sim->devices; device; device = device->next)
		if (device->group == group && device->known &&
		    !iom_sim_driver_is_harmless(device->driver))
			return false;
	return true;
}

static bool has_iommu(const struct sim_group *group)
{
	return group->container || group->iommufd;
}

/* SET_IOMMU was done. */
static bool has_type(const struct sim_container *container)
{
	return container->type1 || container->spapr;
}

static int group_status(struct iom_sim *sim, struct sim_group *group, void *arg)
{
	struct vfio_group_status status;
	int ret;

	ret = iom_sim_copy_in(&status, arg, sizeof(status));
	if (ret)
		return ret;
	if (status.argsz < sizeof(status))
		return -EINVAL;
	status.flags = 0;
	if (has_iommu(group))
		status.flags = VFIO_GROUP_FLAGS_CONTAINER_SET | VFIO_GROUP_FLAGS_VIABLE;
	else if (iom_sim_vfio_is_viable(sim, group))
		status.flags = VFIO_GROUP_FLAGS_VIABLE;
	return iom_sim_copy_out(arg, &status, sizeof(status));
}

static int attach_container(struct iom_sim *sim, struct sim_container *container,
			    struct sim_group *group)
{
	int ret;

	if (!iom_sim_vfio_is_viable(sim, group))
		return -EPERM;
	ret = 0;
	if (container->type1)
		ret = iom_sim_type1_attach(sim, container, group);
	else if (container->spapr)
		ret = iom_sim_spapr_attach(sim, container->spapr, group);
	if (ret)
		return ret;
	group->container = container;
	group->users = 1;
	group->container_next = container->groups;
	container->groups = group;
	container->refs++;
	return 0;
}

/* Devices will be bound and attached when they are opened, and only then be refused. */
static int attach_iommufd(struct sim_iommufd *iommufd, struct sim_group *group)
{
	int ret = iom_sim_compat_join(iommufd);

	if (ret)
		return ret;
	iommufd->refs++;
	group->iommufd = iommufd;
	return 0;
}

static int group_set_container(struct iom_sim *sim, struct sim_group *group, void *arg)
{
	struct sim_file *file;
	int fd, ret;

	ret = iom_sim_copy_in(&fd, arg, sizeof(fd));
	if (ret)
		return ret;
	file = iom_sim_files_find(sim, fd);
	if (!file)
		return -EBADF;
	if (has_iommu(group))
		return -EINVAL;
	if (file->kind == SIM_IOMMUFD)
		return attach_iommufd(file->object, group);
	if (file->kind != SIM_CONTAINER) /* EBADFD came with iommufd (6.2) */
		return sim->kernel < 602 ? -EINVAL : -EBADFD;
	return attach_container(sim, file->object, group);
}

static int group_unset_container(struct iom_sim *sim, struct sim_group *group)
{
	if (!has_iommu(group))
		return -EINVAL;
	if (group->container && group->users != 1)
		return -EBUSY;
	if (group->container)
		detach_container(sim, group);
	unset_iommufd(sim, group); /* and what devices are open stay bound */
	return 0;
}

/*
 * vfio_pci_core_match(): the address, and then only options, of which those without SR-IOV have
 * none.
 */
static int match(const struct sim_device *device, const char *name)
{
	if (strncmp(device->address, name, PCI_NAME_LENGTH))
		return 0;
	name += PCI_NAME_LENGTH;
	if (!*name)
		return 1;
	if (*name != ' ')
		return 0;
	return name[strspn(name, " ")] ? -EINVAL : 1;
}

static int find_by_name(struct iom_sim *sim, const struct sim_group *group, const char *name,
			struct sim_device **found)
{
	struct sim_device *device;
	int ret;

	for (device = sim->devices; device; device = device->next) {
		if (device->group != group || !device->plugged ||
		    !iom_sim_driver_is_vfio(device->driver))
			continue;
		ret = match(device, name);
		if (ret < 0)
			return ret;
		if (ret) {
			*found = device;
			return 0;
		}
	}
	return -ENODEV;
}

/* The first descriptor of a device binds it to the group's iommufd. */
static int use_iommufd(struct iom_sim *sim, struct sim_device *device, struct sim_iommufd *iommufd)
{
	uint32_t id;
	int ret;

	if (device->users)
		return 0;
	ret = iom_sim_bind_iommufd(sim, device, iommufd);
	if (ret)
		return ret;
	ret = -ENODEV;
	if (iommufd->compat) {
		id = iommufd->compat->object.id;
		ret = iom_sim_attach_iommufd(sim, device, &id);
	}
	if (ret)
		iom_sim_unbind_iommufd(sim, device);
	return ret;
}

static int group_get_device_fd(struct iom_sim *sim, struct sim_group *group, void *arg)
{
	struct sim_device *device;
	const char *name = arg;
	char first;
	int fd, ret;

	ret = iom_sim_copy_in(&first, name, sizeof(first));
	if (ret)
		return ret;
	ret = find_by_name(sim, group, name, &device);
	if (ret)
		return ret;
	if (!group->iommufd && (!group->container || !has_type(group->container)))
		return -EINVAL;
	if (group->iommufd) {
		ret = use_iommufd(sim, device, group->iommufd);
		if (ret)
			return ret;
	}
	fd = iom_sim_files_add(sim, SIM_DEVICE, device, "anon_inode:[vfio-device]");
	if (fd < 0) {
		if (device->iommufd && !device->users)
			iom_sim_unbind_iommufd(sim, device);
		return fd;
	}
	device->opens++;
	device->users++;
	iom_sim_eeh_owner(group);
	if (!device->iommufd) {
		group->users++;
		group->refs++;
	}
	return fd;
}

static int group_ioctl(struct iom_sim *sim, struct sim_group *group, unsigned long request,
		       void *arg)
{
	switch (request) {
	case VFIO_GROUP_GET_STATUS:
		return group_status(sim, group, arg);
	case VFIO_GROUP_SET_CONTAINER:
		return group_set_container(sim, group, arg);
	case VFIO_GROUP_UNSET_CONTAINER:
		return group_unset_container(sim, group);
	case VFIO_GROUP_GET_DEVICE_FD:
		return group_get_device_fd(sim, group, arg);
	default:
		return -ENOTTY;
	}
}

/* ---- Containers ----------------------------------------------------------------------------- */

static int extension(const struct iom_sim *sim, const struct sim_type1 *type1, unsigned long number)
{
	if (sim->power.machine != SIM_NO_POWER)
		return iom_sim_spapr_extension(sim, number);
	return iom_sim_type1_extension(sim, type1, number);
}

static int set_type(struct iom_sim *sim, struct sim_container *container, unsigned long type)
{
	if (!container->groups || has_type(container))
		return -EINVAL;
	if (!extension(sim, NULL, type))
		return -ENODEV;
	if (sim->power.machine != SIM_NO_POWER)
		return iom_sim_spapr_open(sim, container, type);
	return iom_sim_type1_open(sim, container, type);
}

static int container_ioctl(struct iom_sim *sim, struct sim_container *container,
			   unsigned long request, void *arg)
{
	unsigned long number = (uintptr_t)arg;

	switch (request) {
	case VFIO_GET_API_VERSION:
		return VFIO_API_VERSION;
	case VFIO_CHECK_EXTENSION:
		return extension(sim, container->type1, number);
	case VFIO_SET_IOMMU:
		return set_type(sim, container, number);
	default:
		if (container->spapr)
			return iom_sim_spapr_ioctl(sim, container->spapr, request, arg);
		if (!container->type1)
			return -EINVAL;
		return iom_sim_type1_ioctl(sim, container->type1, request, arg);
	}
}

/* ---- Devices -------------------------------------------------------------------------------- */

static int device_info(struct sim_device *device, void *arg)
{
	const size_t least = offsetof(struct vfio_device_info, cap_offset);
	struct vfio_device_info info = { 0 };
	int ret;

	ret = iom_sim_copy_in(&info, arg, least);
	if (ret)
		return ret;
	if (info.argsz < least)
		return -EINVAL;
	info.flags = VFIO_DEVICE_FLAGS_PCI;
	if (!device->no_reset)
		info.flags |= VFIO_DEVICE_FLAGS_RESET;
	info.num_regions = VFIO_PCI_NUM_REGIONS;
	info.num_irqs = VFIO_PCI_NUM_IRQS;
	return iom_sim_copy_out(arg, &info, info.argsz < sizeof(info) ? info.argsz : sizeof(info));
}

int iom_sim_vfio_device_ioctl(struct sim_device *device, unsigned long request, void *arg)
{
	switch (request) {
	case VFIO_DEVICE_GET_INFO:
		return device_info(device, arg);
	case VFIO_DEVICE_RESET:
		return device->no_reset ? -EINVAL : 0;
	default:
		return -ENOTTY;
	}
}

/* A descriptor that the group gave is bound already, and the kernel that knows binding says so. */
static int bind_by_group(const struct iom_sim *sim, const void *arg)
{
	struct iom_vfio_device_bind_iommufd bind;
	int ret;

	if (!sim->cdev)
		return -ENOTTY;
	ret = iom_sim_copy_in(&bind, arg, sizeof(bind));
	return ret ? ret : -EINVAL;
}

/* The same request means another thing to another kind of descriptor. */
int iom_sim_vfio_ioctl(struct iom_sim *sim, struct sim_file *file, unsigned long request, void *arg)
{
	switch (file->kind) {
	case SIM_CONTAINER:
		return container_ioctl(sim, file->object, request, arg);
	case SIM_GROUP:
		return group_ioctl(sim, file->object, request, arg);
	case SIM_DEVICE:
		if (request == IOM_VFIO_DEVICE_BIND_IOMMUFD)
			return bind_by_group(sim, arg);
		return iom_sim_vfio_device_ioctl(file->object, request, arg);
	case SIM_IOMMUFD:
		return iom_sim_iommufd_ioctl(sim, file->object, request, arg);
	case SIM_CDEV:
		return iom_sim_cdev_ioctl(sim, file->object, request, arg);
	case SIM_PLAIN:
		break;
	}
	return -ENOTTY;
}
