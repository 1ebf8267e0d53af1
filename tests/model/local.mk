# SPDX-License-Identifier: BSD-3-Clause

# Random sequences against plain lists: a million operations in make check, a hundred
# million in make soak.
if HAVE_CHECK
check_PROGRAMS += %D%/model
TESTS += %D%/model
else
EXTRA_PROGRAMS += %D%/model
endif

%C%_model_SOURCES = \
	%D%/alone.h \
	%D%/lists.h \
	%D%/look.h \
	%D%/model.c \
	%D%/steps.h \
	tests/conformance/sim/machine.h \
	tests/conformance/sim/machines.c \
	tests/conformance/sim/machines.h
%C%_model_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/tests/conformance
