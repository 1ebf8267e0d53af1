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

if TESTS_WANTED
TESTS += $(tool_checks)
endif

EXTRA_DIST += $(tool_checks) %D%/machine.sh
