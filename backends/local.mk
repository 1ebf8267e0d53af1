# SPDX-License-Identifier: BSD-3-Clause

libiommu_core_la_SOURCES += \
	%D%/backend.h \
	%D%/backends.c \
	%D%/uapi/iommufd.h

# What the VFIO backends share.
libiommu_core_la_SOURCES += \
	%D%/vfio/container.c \
	%D%/vfio/group.c \
	%D%/vfio/map.c \
	%D%/vfio/nodes.c \
	%D%/vfio/vfio.h

libiommu_core_la_SOURCES += \
	%D%/type1/info.c \
	%D%/type1/info.h \
	%D%/type1/type1.c

libiommu_core_la_SOURCES += \
	%D%/iommufd/device.c \
	%D%/iommufd/device.h \
	%D%/iommufd/iommufd.c
