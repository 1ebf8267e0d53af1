# SPDX-License-Identifier: BSD-3-Clause

# Every object of lib/ and backends/, its internal functions within reach: for the unit tests.
noinst_LTLIBRARIES += libiommu-core.la
libiommu_core_la_CPPFLAGS = $(FORTIFY) -include %D%/exports.h $(internal_cppflags)
libiommu_core_la_CFLAGS = $(AM_CFLAGS) $(HARDENING) -fvisibility=hidden
libiommu_core_la_SOURCES = \
	%D%/adopt.c \
	%D%/adopt.h \
	%D%/aperture.c \
	%D%/aperture.h \
	%D%/attach.c \
	%D%/batch.c \
	%D%/batch.h \
	%D%/binding.c \
	%D%/binding.h \
	%D%/buf.c \
	%D%/buf.h \
	%D%/buf_pool.c \
	%D%/cache.c \
	%D%/cache.h \
	%D%/cancel.h \
	%D%/close.c \
	%D%/domain.c \
	%D%/domain.h \
	%D%/error.c \
	%D%/error.h \
	%D%/exports.h \
	%D%/fdt_live.c \
	%D%/file.c \
	%D%/history.c \
	%D%/history.h \
	%D%/huge.c \
	%D%/huge.h \
	%D%/log.c \
	%D%/line.h \
	%D%/log.h \
	%D%/map.c \
	%D%/map.h \
	%D%/map_check.c \
	%D%/map_place.c \
	%D%/map_short.c \
	%D%/map_steps.h \
	%D%/memlock.c \
	%D%/memlock.h \
	%D%/memory.c \
	%D%/memory.h \
	%D%/open.c \
	%D%/options.c \
	%D%/options.h \
	%D%/pages.c \
	%D%/pages.h \
	%D%/pieces.c \
	%D%/pieces.h \
	%D%/placement.c \
	%D%/placement.h \
	%D%/plan.c \
	%D%/plan.h \
	%D%/pool.c \
	%D%/populate.c \
	%D%/populate.h \
	%D%/proc.c \
	%D%/proc.h \
	%D%/pool.h \
	%D%/radix.c \
	%D%/radix.h \
	%D%/radix_one.h \
	%D%/recover.c \
	%D%/report.c \
	%D%/request.c \
	%D%/request_place.c \
	%D%/request_place.h \
	%D%/request.h \
	%D%/slots.h \
	%D%/space.c \
	%D%/space.h \
	%D%/space_node.h \
	%D%/stream.c \
	%D%/stream.h \
	%D%/strict.c \
	%D%/strict.h \
	%D%/sys.c \
	%D%/sys.h \
	%D%/sys_buf.c \
	%D%/sys_buf.h \
	%D%/sys_file.c \
	%D%/sys_file.h \
	%D%/sys_vma.c \
	%D%/sysfs.c \
	%D%/sysfs.h \
	%D%/text.c \
	%D%/text.h \
	%D%/topology.h \
	%D%/translate.c \
	%D%/translatev.c \
	%D%/tree.c \
	%D%/tree.h \
	%D%/tree_iommu.c \
	%D%/tree_node.c \
	%D%/tree_text.c \
	%D%/unmap.c \
	%D%/unmap.h \
	%D%/unmapv.c \
	%D%/uses.c \
	%D%/uses.h \
	%D%/view.c \
	%D%/view.h

libiommu_core_la_LIBADD = $(NUMA_LIBS)

# Flattened device trees need libfdt.
if HAVE_LIBFDT
libiommu_core_la_SOURCES += %D%/fdt_blob.c %D%/fdt_blob.h %D%/fdt_find.c
libiommu_core_la_LIBADD += $(FDT_LIBS)
else
libiommu_core_la_SOURCES += %D%/fdt_none.c
endif

# What has it speak to the real kernel, and not to the simulated one.
noinst_LTLIBRARIES += libiommu-real.la
libiommu_real_la_CPPFLAGS = $(libiommu_core_la_CPPFLAGS)
libiommu_real_la_CFLAGS = $(libiommu_core_la_CFLAGS)
libiommu_real_la_SOURCES = %D%/real.c

# The product: the same objects behind the symbol map.
lib_LTLIBRARIES += libiommu.la
libiommu_la_SOURCES =
libiommu_la_LIBADD = libiommu-real.la libiommu-core.la
libiommu_la_LDFLAGS = $(AM_LDFLAGS) $(LIB_LDFLAGS) -version-info 0:0:0 \
	-Wl,--version-script=$(srcdir)/%D%/libiommu.map
EXTRA_libiommu_la_DEPENDENCIES = %D%/libiommu.map

EXTRA_DIST += %D%/fortify.h %D%/libiommu.map
