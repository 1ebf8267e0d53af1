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

# What the two POWER platforms share, and their policies.
libiommu_core_la_SOURCES += \
	%D%/spapr/container.c \
	%D%/spapr/container.h \
	%D%/spapr/declared.c \
	%D%/spapr/eeh.c \
	%D%/spapr/groups.c \
	%D%/spapr/machine.c \
	%D%/spapr/machine.h \
	%D%/spapr/records.c \
	%D%/spapr/records.h \
	%D%/spapr/room.c \
	%D%/spapr/slabs.c \
	%D%/spapr/slabs.h \
	%D%/spapr/spapr.c \
	%D%/spapr/spapr.h \
	%D%/spapr/windows.c \
	%D%/powernv/powernv.c \
	%D%/pseries/pseries.c
