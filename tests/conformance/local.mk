# SPDX-License-Identifier: BSD-3-Clause

# The same cases for two machines: a real one with a device behind its IOMMU, which tests/vm and
# iommuctl selftest run, and the simulated one, in parts that can run side by side.
pkglibexec_PROGRAMS += %D%/conformance
conformance_parts = \
	%D%/sim-1-of-4 \
	%D%/sim-2-of-4 \
	%D%/sim-3-of-4 \
	%D%/sim-4-of-4
if FUZZING
EXTRA_PROGRAMS += %D%/conformance-sim
else
check_PROGRAMS += %D%/conformance-sim
check_SCRIPTS += $(conformance_parts)
TESTS += $(conformance_parts)
endif
CLEANFILES += $(conformance_parts)

$(conformance_parts): Makefile
	$(AM_V_GEN)$(MKDIR_P) %D% && \
	part=`echo '$@' | sed 's,.*/sim-,,; s,-of-,/,'` && \
	{ echo '#!/bin/sh'; \
		echo "exec ./%D%/conformance-sim --part $$part"; } >$@ && \
	chmod +x $@

conformance_cases = \
	%D%/adopt_tests.c \
	%D%/batch.c \
	%D%/batch.h \
	%D%/batch_tests.c \
	%D%/batch_unmap_tests.c \
	%D%/buf_tests.c \
	%D%/choice_tests.c \
	%D%/cut_tests.c \
	%D%/defect_tests.c \
	%D%/device_tests.c \
	%D%/dma_tests.c \
	%D%/eeh_tests.c \
	%D%/file_tests.c \
	%D%/granule_tests.c \
	%D%/harness.c \
	%D%/harness.h \
	%D%/holder.c \
	%D%/holder.h \
	%D%/life_tests.c \
	%D%/machine_tests.c \
	%D%/map_tests.c \
	%D%/only_tests.c \
	%D%/power.c \
	%D%/power.h \
	%D%/power_group_tests.c \
	%D%/power_tests.c \
	%D%/refuse_tests.c \
	%D%/request.c \
	%D%/request.h \
	%D%/request_life_tests.c \
	%D%/request_power_tests.c \
	%D%/request_tests.c \
	%D%/request_thread_tests.c \
	%D%/rig.c \
	%D%/rig.h \
	%D%/runner.c \
	%D%/runner.h \
	%D%/scatter_tests.c \
	%D%/share_tests.c \
	%D%/stream.c \
	%D%/stream.h \
	%D%/stream_life_tests.c \
	%D%/stream_room_tests.c \
	%D%/stream_tests.c \
	%D%/strict_tests.c \
	%D%/thread_tests.c \
	%D%/translate_tests.c \
	%D%/unmap_tests.c \
	%D%/world.h \
	examples/iommufd_abi.h

%C%_conformance_SOURCES = \
	$(conformance_cases) \
	%D%/conformance.c \
	%D%/linux.h \
	%D%/stage_linux.c \
	%D%/world_linux.c \
	examples/edu.c \
	examples/edu.h \
	examples/vfio_pci.c \
	examples/vfio_pci.h
%C%_conformance_CPPFLAGS = $(public_cppflags) -D_GNU_SOURCE -I$(top_srcdir)/examples
%C%_conformance_LDADD = libiommu.la

%C%_conformance_sim_SOURCES = \
	$(conformance_cases) \
	%D%/sim/conformance_sim.c \
	%D%/sim/expected.c \
	%D%/sim/expected.h \
	%D%/sim/machine.h \
	%D%/sim/machines.c \
	%D%/sim/machines.h \
	%D%/sim/world_sim.c
%C%_conformance_sim_CPPFLAGS = $(internal_cppflags) -I$(top_srcdir)/%D% \
	-I$(top_srcdir)/examples
%C%_conformance_sim_LDADD = sim/libiommu-sim.la libiommu-core.la
