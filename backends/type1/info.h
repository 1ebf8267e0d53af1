/* SPDX-License-Identifier: BSD-3-Clause */
/* What VFIO_IOMMU_GET_INFO says of a type1 container. */
#ifndef IOM_TYPE1_INFO_H
#define IOM_TYPE1_INFO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/aperture.h"
#include "lib/sys.h"

struct iom_type1_info {
	struct iom_aperture_set apertures;
	bool has_avail; /* since kernel 5.10 */
	uint32_t avail; /* maps that can yet be made */
};

/*
 * Read the kernel's answer, n bytes that begin with a struct vfio_iommu_type1_info.  Capabilities
 * may be unaligned, in any order and of unknown kinds; what points outside, or never ends, is -EIO.
 */
int iom_type1_parse_info(const void *answer, size_t n, struct iom_type1_info *info);

/* Ask the kernel, and read its answer.  The apertures are the caller's to free. */
int iom_type1_read_info(const struct iom_sys *sys, int container, struct iom_type1_info *info);

#endif
