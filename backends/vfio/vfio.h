/* SPDX-License-Identifier: BSD-3-Clause */
/* VFIO containers, groups and device descriptors: what the container-based backends share. */
#ifndef IOM_VFIO_H
#define IOM_VFIO_H

#include "backends/backend.h"

struct iom_vfio_group {
	struct iom_vfio_group *next;
	unsigned int number;
	unsigned int users; /* devices of it that are attached */
	int fd;
};

struct iom_vfio {
	int container; /* -1 until the first attach */
	bool stuck;    /* a group did not leave it */
	struct iom_vfio_group *groups;
};

/* Make the group that is in the container, or the first one, translate: what differs by IOMMU. */
typedef int iom_vfio_join_fn(struct iom_backend *backend, struct iom_vfio_group *group, bool first);

/*
 * Attach a device: check its driver, open its group if no other device of it is attached, let join
 * put it into the container, and get the device's fd.  All undone on failure.
 */
int iom_vfio_attach(struct iom_backend *backend, struct iom_vfio *vfio,
		    struct iom_backend_device *dev, iom_vfio_join_fn *join);

/* The backend operations of the same names. */
void iom_vfio_detach(struct iom_backend *backend, struct iom_vfio *vfio,
		     struct iom_backend_device *dev);
void iom_vfio_close_device(struct iom_backend *backend, struct iom_backend_device *dev);
void iom_vfio_forget(struct iom_backend *backend, struct iom_vfio *vfio,
		     struct iom_backend_device *dev);

/* Open /dev/vfio/vfio and check its version; a sentence on failure. */
int iom_vfio_open_container(const struct iom_sys *sys, int *container);

/* The errno of a device node that cannot be opened, in a sentence. */
int iom_vfio_node_error(const struct iom_sys *sys, const char *node, int err);

/* -ENODEV or -EBUSY, with a sentence, if the function is not bound to a VFIO driver. */
int iom_vfio_check_driver(const struct iom_sys *sys, const char *address);

/* Open a group's node, and check that it is viable; a sentence on failure. */
int iom_vfio_open_group(const struct iom_sys *sys, unsigned int number, int *fd);

#endif
