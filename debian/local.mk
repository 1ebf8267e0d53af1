# SPDX-License-Identifier: BSD-3-Clause

# Debian's packages, built by its own tools.
EXTRA_DIST += \
	%D%/README.source \
	%D%/changelog \
	%D%/control \
	%D%/copyright \
	%D%/libiommu-dev.install \
	%D%/libiommu-sim.install \
	%D%/libiommu-tools.install \
	%D%/libiommu0.install \
	%D%/libiommu0.symbols \
	%D%/not-installed \
	%D%/rules \
	%D%/source/format
