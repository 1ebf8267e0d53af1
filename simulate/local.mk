# SPDX-License-Identifier: BSD-3-Clause

# libiommu on the simulated kernel, for those who test programs of their own.
noinst_LTLIBRARIES += %D%/libsimulated.la
%C%_libsimulated_la_CPPFLAGS = $(libiommu_core_la_CPPFLAGS)
%C%_libsimulated_la_CFLAGS = $(libiommu_core_la_CFLAGS)
%C%_libsimulated_la_SOURCES = \
	%D%/machine.c \
	%D%/words.c \
	%D%/words.h
%C%_libsimulated_la_LIBADD = sim/libiommu-sim.la libiommu-core.la

# To link with: an archive only, because what sim.h declares may change from version to version.
lib_LTLIBRARIES += libiommu-sim.la
libiommu_sim_la_SOURCES =
libiommu_sim_la_LDFLAGS = $(AM_LDFLAGS) -static
libiommu_sim_la_LIBADD = %D%/libsimulated.la

pkginclude_HEADERS += sim/sim.h
pkgconfig_DATA += libiommu-sim.pc

# The same in the place of the real library, for programs as they are: preloaded by the command.
if SHARED
pkglib_LTLIBRARIES += %D%/simulated.la
%C%_simulated_la_SOURCES =
%C%_simulated_la_LDFLAGS = $(AM_LDFLAGS) $(LIB_LDFLAGS) -module -avoid-version -shared \
	-Wl,--version-script=$(srcdir)/lib/libiommu.map
%C%_simulated_la_LIBADD = %D%/libsimulated.la
EXTRA_%C%_simulated_la_DEPENDENCIES = lib/libiommu.map

bin_SCRIPTS += %D%/iommu-sim
CLEANFILES += %D%/iommu-sim
dist_man_MANS += man/iommu-sim.1
endif

%D%/iommu-sim: %D%/iommu-sim.in Makefile
	$(AM_V_GEN)$(MKDIR_P) %D% && rm -f $@ && \
	sed -e 's|@pkglibdir[@]|$(pkglibdir)|' -e 's|@version[@]|$(PACKAGE_VERSION)|' \
		'$(srcdir)/%D%/iommu-sim.in' >$@ && \
	chmod +x $@

EXTRA_DIST += %D%/iommu-sim.in man/iommu-sim.1
