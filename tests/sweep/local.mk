# SPDX-License-Identifier: BSD-3-Clause

# Every failure of every operation on every simulated machine, in parts that can run side by side.
sweep_parts = \
	%D%/sweep-1-of-2 \
	%D%/sweep-2-of-2

# Where all takes longer: each call fails once, on a machine for each kind of backend; and the model.
sweep_short = %D%/sweep-short tests/model/model

if HAVE_CHECK
check_PROGRAMS += %D%/sweep
check_SCRIPTS += $(sweep_parts) %D%/sweep-short
TESTS += $(sweep_parts) %D%/sweep-short
CLEANFILES += $(sweep_parts) %D%/sweep-short
else
EXTRA_PROGRAMS += %D%/sweep
endif

$(sweep_parts): Makefile
	$(AM_V_GEN)$(MKDIR_P) %D% && \
	part=`echo '$@' | sed 's,.*/sweep-,,; s,-of-,/,'` && \
	{ echo '#!/bin/sh'; echo "SWEEP_PART=$$part exec ./%D%/sweep"; } >$@ && \
	chmod +x $@

%D%/sweep-short: Makefile
	$(AM_V_GEN)$(MKDIR_P) %D% && \
	{ echo '#!/bin/sh'; echo 'SWEEP_SHORT=1 exec ./%D%/sweep'; } >$@ && chmod +x $@

%C%_sweep_SOURCES = \
	%D%/answers.h \
	%D%/ops.h \
	%D%/place.h \
	%D%/said.h \
	%D%/spared.h \
	%D%/stages.h \
	%D%/sweep.c \
	%D%/table.h \
	tests/conformance/sim/machine.h \
	tests/conformance/sim/machines.c \
	tests/conformance/sim/machines.h
%C%_sweep_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/tests/conformance
# It refuses memory to everything that is linked into it.
%C%_sweep_LDFLAGS = $(AM_LDFLAGS) \
	-Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc,--wrap=aligned_alloc
