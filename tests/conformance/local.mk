# SPDX-License-Identifier: BSD-3-Clause

# Needs a device behind an IOMMU: built by make check, run by tests/vm.
check_PROGRAMS += %D%/conformance
%C%_conformance_SOURCES = \
	%D%/conformance.c \
	%D%/dma_tests.c \
	%D%/edu.c \
	%D%/edu.h \
	%D%/harness.c \
	%D%/harness.h \
	%D%/life_tests.c \
	%D%/map_tests.c \
	%D%/refuse_tests.c \
	%D%/translate_tests.c \
	%D%/unmap_tests.c \
	examples/vfio_pci.c \
	examples/vfio_pci.h
%C%_conformance_CPPFLAGS = $(public_cppflags) -I$(top_srcdir)/examples
%C%_conformance_LDADD = libiommu.la
