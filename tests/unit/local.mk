# SPDX-License-Identifier: BSD-3-Clause

# Each is one program from the one source file of its name, built with the defaults in Makefile.am.
unit_tests = \
	%D%/test_error \
	%D%/test_nvme_example \
	%D%/test_options \
	%D%/test_radix \
	%D%/test_radix_model \
	%D%/test_sim_contract

if HAVE_CHECK
check_LTLIBRARIES += %D%/librunner.la
check_PROGRAMS += $(unit_tests)
TESTS += $(unit_tests)
else
EXTRA_LTLIBRARIES = %D%/librunner.la
EXTRA_PROGRAMS += $(unit_tests)
endif

# Has an iom_translate() of its own, so it is linked without the library.
%C%_test_nvme_example_SOURCES = \
	%D%/test_nvme_example.c \
	examples/nvme_prp.c \
	examples/nvme_status.c \
	examples/poll_options.c \
	examples/poll_pattern.c \
	examples/poll_stats.c \
	examples/sentence.c
%C%_test_nvme_example_LDADD = %D%/librunner.la $(CHECK_LIBS)

%C%_test_sim_contract_LDADD = tests/contract/libcontract.la $(LDADD)

%C%_librunner_la_SOURCES = \
	%D%/counted_pages.h \
	%D%/runner.c \
	%D%/runner.h \
	%D%/util.h
