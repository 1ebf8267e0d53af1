/* SPDX-License-Identifier: BSD-3-Clause */
/* VFIO containers, groups and device descriptors: what the container-based backends share. */
#ifndef IOM_VFIO_H
#define IOM_VFIO_H

#include "backends/backend.h"

#define IOM_VFIO_CONTAINER_NODE "/dev/vfio/vfio"
#define IOM_VFIO_IOMMUFD_NODE "/dev/iommu"
#define IOM_VFIO_GROUP_NODE "/dev/vfio/%u"
#define IOM_VFIO_NODE_MAX 64

struct iom_vfio_group {
	struct iom_vfio_group *next;
	unsigned int number;
	unsigned int users; /* devices of it that are attached */
	int fd;
};

struct iom_vfio {
	const char *node;      /* that is opened as the container */
	const char *module;    /* of the kernel, that decides about interrupts */
	int container;         /* -1 until the first attach */
	bool is_iommufd;       /* it keeps maps when the last group leaves, and counts per user */
	bool stuck;            /* a group did not leave it */
	bool adopted;          /* it is somebody else's */
	unsigned int borrowed; /* devices that are attached without a group of ours */
	struct iom_vfio_group *groups;
};

/* Make the group that is in the container, or the first one, translate: what differs by IOMMU. */
typedef int iom_vfio_join_fn(struct iom_backend *backend, struct iom_vfio *vfio,
			     struct iom_vfio_group *group);

/*
 * Attach a device: open its group if no other device of it is attached, let join put it into the
 * container, and get the device's fd.  All undone on failure.
 */
int iom_vfio_attach(struct iom_backend *backend, struct iom_vfio *vfio,
		    struct iom_backend_device *dev, iom_vfio_join_fn *join);

/* The backend operations of the same names. */
void iom_vfio_detach(struct iom_backend *backend, struct iom_vfio *vfio,
		     struct iom_backend_device *dev);
void iom_vfio_close_device(struct iom_backend *backend, struct iom_backend_device *dev);
void iom_vfio_forget(struct iom_backend *backend, struct iom_vfio *vfio,
		     struct iom_backend_device *dev);

/* Whether a device is attached. */
static inline bool iom_vfio_is_used(const struct iom_vfio *vfio)
{
	return vfio->groups || vfio->borrowed;
}

/* Whether a borrowed descriptor is that of a device that can be used: -EINVAL, -ENODEV, -EIO. */
int iom_vfio_check_borrowed(const struct iom_sys *sys, const struct iom_backend_device *dev);

/* What fds answers of a container, which has groups of ours or borrowed devices. */
int iom_vfio_fds(const struct iom_vfio *vfio, const struct iom_backend_device *dev,
		 struct iom_backend_fds *fds);

/* Open the container's node and check its version; a sentence on failure. */
int iom_vfio_open_container(const struct iom_sys *sys, struct iom_vfio *vfio);

/* Why the kernel does not let a group translate: -EACCES and -EBUSY, with a sentence. */
int iom_vfio_not_isolated(unsigned int group, const char *module);
int iom_vfio_reserved(unsigned int group);

/*
 * Why the kernel did not map, as far as all kernel interfaces mean the same by it; *left becomes
 * true if it may have mapped a part.
 */
int iom_vfio_map_error(const struct iom_backend *backend, const struct iom_backend_map *map,
		       int err, bool *left);

/*
 * What the kernel answered to an unmap, and how many bytes it says that it unmapped: to unmap
 * nothing, or less than was asked for, is a success to it.
 */
int iom_vfio_check_unmap(int answer, uint64_t unmapped, uint64_t least, uint64_t most);

/*
 * A device's own node, by the name that sysfs has whenever it is bound to a VFIO driver; the node
 * is there only if the kernel was built with VFIO_DEVICE_CDEV.
 */
int iom_vfio_device_node(const struct iom_sys *sys, const char *address,
			 char node[IOM_VFIO_NODE_MAX]);

/* Whether somebody is seen to have a node open, ourselves included; a sentence if so. */
bool iom_vfio_node_is_held(const struct iom_sys *sys, const char *node);

/* Whether a group's node, or the own node of a device in it, is held, seen or not. */
bool iom_vfio_is_held(const struct iom_sys *sys, unsigned int group);

/* The errno of a device node that cannot be opened, in a sentence. */
int iom_vfio_node_error(const struct iom_sys *sys, const char *node, int err);

/* Open a group's node, and check that it is viable; a sentence on failure. */
int iom_vfio_open_group(const struct iom_sys *sys, unsigned int number, int *fd);

#endif
