# SPDX-License-Identifier: BSD-3-Clause

# iommuctl, on folders that look like machines.
tool_checks = \
	%D%/bind.sh \
	%D%/command.sh \
	%D%/completion.sh \
	%D%/doctor.sh \
	%D%/fdt.sh \
	%D%/list.sh \
	%D%/manual.sh \
	%D%/selftest.sh \
	%D%/show.sh

# Below a root it opens no device, nor starts what would: for the tests of that, one that does.
if TESTS_WANTED
check_PROGRAMS += %D%/iommuctl_real
TESTS += $(tool_checks)
endif

%C%_iommuctl_real_SOURCES = %D%/iommuctl_real.c
%C%_iommuctl_real_LDADD = $(tools_iommuctl_OBJECTS) libiommu.la
EXTRA_%C%_iommuctl_real_DEPENDENCIES = $(tools_iommuctl_OBJECTS)
%C%_iommuctl_real_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=files_are_real

EXTRA_DIST += $(tool_checks) %D%/machine.sh
