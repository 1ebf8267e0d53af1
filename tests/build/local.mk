# SPDX-License-Identifier: BSD-3-Clause

# What can be said of the build itself, in the shell.
build_checks = \
	%D%/dist.sh \
	%D%/header.sh \
	%D%/installed.sh \
	%D%/layers.sh \
	%D%/manual.sh \
	%D%/region.sh \
	%D%/secure.sh \
	%D%/security.sh \
	%D%/simulated.sh \
	%D%/symbols.sh

if TESTS_WANTED
TESTS += $(build_checks)
endif

EXTRA_DIST += $(build_checks) %D%/common.sh %D%/emulated.sh %D%/packages.sh %D%/simulated.c %D%/uapi.c %D%/uapi.sh

mostlyclean-local:
	rm -rf tests/build/*.tmp tests/fuzz/*.tmp fuzz_*.failed
