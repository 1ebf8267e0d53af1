/* SPDX-License-Identifier: BSD-3-Clause */
/* VFIO devices by their own nodes. */
#ifndef IOM_IOMMUFD_DEVICE_H
#define IOM_IOMMUFD_DEVICE_H

#include "backends/backend.h"

/*
 * Open the device's node, bind it to the iommufd, attach it to the IOAS, and set dev->fd.  All
 * undone on failure.
 */
int iom_iommufd_open_device(struct iom_backend *backend, struct iom_backend_device *dev,
			    int iommufd, uint32_t ioas);

#endif
