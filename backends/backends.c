// SPDX-License-Identifier: BSD-3-Clause
#include "backends/backend.h"

const struct iom_backend_ops *const iom_backends[] = {
	&iom_backend_iommufd, &iom_backend_type1,   &iom_backend_type1_iommufd,
	&iom_backend_powernv, &iom_backend_pseries, NULL,
};
