# SPDX-License-Identifier: BSD-3-Clause

# The benchmark: what the library's calls cost, beside references in the same run. It sees the
# library's internals.
check_PROGRAMS += %D%/bench
%C%_bench_SOURCES = \
	%D%/array.c \
	%D%/array.h \
	%D%/bench.h \
	%D%/bench_alloc.c \
	%D%/bench_count.c \
	%D%/bench_device.c \
	%D%/bench_batch.c \
	%D%/bench_buf.c \
	%D%/bench_spapr.c \
	%D%/bench_map.c \
	%D%/bench_stream.c \
	%D%/bench_translate.c \
	%D%/count.c \
	%D%/dpdk.h \
	%D%/first_fit.c \
	%D%/first_fit.h \
	%D%/groups.c \
	%D%/groups.h \
	%D%/json.c \
	%D%/machine.c \
	%D%/main.c \
	%D%/measure.c \
	%D%/ref_radix.h \
	%D%/rows.c \
	%D%/run.h \
	%D%/table.c \
	%D%/world.c \
	%D%/world.h
%C%_bench_CPPFLAGS = $(internal_cppflags) -DBENCH_BUILD_FOLDER='"$(abs_top_builddir)"'
%C%_bench_LDADD = sim/libiommu-sim.la libiommu-core.la

# What it looks for at run time, each in a shared object: the library as users have it, a reference.
EXTRA_%C%_bench_DEPENDENCIES = libiommu.la %D%/libbench-radix.la
check_LTLIBRARIES += %D%/libbench-radix.la
%C%_libbench_radix_la_SOURCES = %D%/ref_radix.c %D%/ref_radix.h
%C%_libbench_radix_la_CPPFLAGS = -D_GNU_SOURCE
%C%_libbench_radix_la_LDFLAGS = $(AM_LDFLAGS) -module -avoid-version -rpath $(abs_builddir)

# libdpdk's headers want flags of their own.
if HAVE_DPDK
check_LTLIBRARIES += %D%/libbench-dpdk.la
%C%_libbench_dpdk_la_SOURCES = %D%/dpdk.c
%C%_libbench_dpdk_la_CPPFLAGS = -D_GNU_SOURCE $(DPDK_CFLAGS)
%C%_bench_LDADD += %D%/libbench-dpdk.la $(DPDK_LIBS)
else
%C%_bench_SOURCES += %D%/dpdk_none.c
endif

EXTRA_DIST += %D%/plot.sh %D%/quick.sh docs/benchmarks.md docs/mapping-cost.svg

if TESTS_WANTED
TESTS += %D%/quick.sh
endif

# A whole run: minutes, on a machine that has nothing else to do. It fails of what could not run,
# not of a figure that is missed.
bench: %D%/bench$(EXEEXT)
	%D%/bench --json bench.json

# Cost against the number of mappings, of the last whole run.
bench-plot:
	test -e bench.json || $(MAKE) $(AM_MAKEFLAGS) bench
	$(MKDIR_P) $(srcdir)/docs
	$(SHELL) $(srcdir)/%D%/plot.sh bench.json $(srcdir)/docs/mapping-cost.svg

CLEANFILES += bench.json

.PHONY: bench bench-plot
