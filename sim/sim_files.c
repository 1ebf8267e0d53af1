// SPDX-License-Identifier: BSD-3-Clause
/* The process's descriptors. */
#include "sim/iommufd.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

struct sim_file *iom_sim_files_find(struct iom_sim *sim, int fd)
{
	struct sim_file *file;

	for (file = sim->files; file && file->fd != fd; file = file->next)
		;
	return file;
}

int iom_sim_files_add(struct iom_sim *sim, enum sim_file_kind kind, void *object,
		      const char *target)
{
	struct sim_file *file;

	file = calloc(1, sizeof(*file));
	if (!file)
		return -ENOMEM;
	file->kind = kind;
	file->object = object;
	file->fd = sim->next_fd;
	snprintf(file->target, sizeof(file->target), "%s", target);
	iom_sim_fs_fd(sim, file->fd, target);
	if (iom_sim_tree_status(sim)) {
		free(file);
		return -ENOMEM;
	}
	sim->next_fd++;
	file->next = sim->files;
	sim->files = file;
	return file->fd;
}

int iom_sim_files_open(struct iom_sim *sim, const char *path)
{
	struct sim_node *node;
	int ret;

	ret = iom_sim_tree_find(sim, path, true, &node);
	if (ret)
		return ret;
	switch (node->kind) {
	case SIM_CONTAINER_NODE:
		return iom_sim_vfio_open_container(sim);
	case SIM_GROUP_NODE:
		return iom_sim_vfio_open_group(sim, node->object);
	case SIM_IOMMU_NODE:
		return iom_sim_iommufd_open(sim, false);
	case SIM_COMPAT_NODE:
		return iom_sim_iommufd_open(sim, true);
	case SIM_CDEV_NODE:
		return iom_sim_cdev_open(sim, node->object);
	default:
		return iom_sim_files_add(sim, SIM_PLAIN, NULL, path);
	}
}

int iom_sim_files_close(struct iom_sim *sim, int fd)
{
	struct sim_file *file, **link;

	for (link = &sim->files; (file = *link) && file->fd != fd; link = &file->next)
		;
	if (!file)
		return -EBADF;
	*link = file->next;
	iom_sim_fs_no_fd(sim, fd);
	iom_sim_vfio_close(sim, file->kind, file->object);
	free(file);
	return 0;
}
