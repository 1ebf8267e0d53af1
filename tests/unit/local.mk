# SPDX-License-Identifier: BSD-3-Clause

# Each is one program from the one source file of its name, built with the defaults in Makefile.am.
unit_tests = \
	%D%/test_adopt \
	%D%/test_adopt_failures \
	%D%/test_adopt_heap \
	%D%/test_aperture \
	%D%/test_attach \
	%D%/test_attach_again \
	%D%/test_attach_refused \
	%D%/test_batch \
	%D%/test_batch_big \
	%D%/test_batch_failures \
	%D%/test_batch_model \
	%D%/test_batch_refused \
	%D%/test_batch_threads \
	%D%/test_batch_waiting \
	%D%/test_binding \
	%D%/test_buf \
	%D%/test_buf_pool \
	%D%/test_cancel \
	%D%/test_choice \
	%D%/test_cut \
	%D%/test_descriptors \
	%D%/test_domain \
	%D%/test_domain_fds \
	%D%/test_domain_model \
	%D%/test_eeh \
	%D%/test_eeh_refused \
	%D%/test_error \
	%D%/test_examples \
	%D%/test_failures \
	%D%/test_fallback \
	%D%/test_fork \
	%D%/test_fork_calls \
	%D%/test_granule \
	%D%/test_granule_model \
	%D%/test_heap \
	%D%/test_iommufd \
	%D%/test_iommufd_file \
	%D%/test_last_iova \
	%D%/test_limits \
	%D%/test_manners \
	%D%/test_map \
	%D%/test_map_file \
	%D%/test_map_refused \
	%D%/test_memlock \
	%D%/test_null_backend \
	%D%/test_nic_example \
	%D%/test_nvme_example \
	%D%/test_nvme_journal \
	%D%/test_only \
	%D%/test_options \
	%D%/test_pages \
	%D%/test_pci_memory \
	%D%/test_pins \
	%D%/test_placement \
	%D%/test_placement_alike \
	%D%/test_plan \
	%D%/test_populate \
	%D%/test_power \
	%D%/test_power_again \
	%D%/test_power_heap \
	%D%/test_power_map \
	%D%/test_power_model \
	%D%/test_power_policy \
	%D%/test_power_refused \
	%D%/test_power_threads \
	%D%/test_power_walk \
	%D%/test_power_windows \
	%D%/test_quarantine \
	%D%/test_radix \
	%D%/test_radix_model \
	%D%/test_reach \
	%D%/test_records \
	%D%/test_request \
	%D%/test_request_failures \
	%D%/test_request_heap \
	%D%/test_request_model \
	%D%/test_request_power \
	%D%/test_sim \
	%D%/test_sim_contract \
	%D%/test_sim_device \
	%D%/test_sim_eeh \
	%D%/test_sim_faults \
	%D%/test_sim_iommufd \
	%D%/test_sim_pages \
	%D%/test_sim_power \
	%D%/test_sim_spapr \
	%D%/test_sim_spapr_contract \
	%D%/test_sim_spapr_dma \
	%D%/test_slabs \
	%D%/test_slabs_threads \
	%D%/test_space \
	%D%/test_space_model \
	%D%/test_spapr_calls \
	%D%/test_stream_failures \
	%D%/test_stream_heap \
	%D%/test_stress \
	%D%/test_stream_model \
	%D%/test_stream \
	%D%/test_stream_power \
	%D%/test_stream_threads \
	%D%/test_strict \
	%D%/test_sys \
	%D%/test_sysfs \
	%D%/test_sys_threads \
	%D%/test_threads \
	%D%/test_translate \
	%D%/test_translate_beside \
	%D%/test_translatev \
	%D%/test_translatev_model \
	%D%/test_tree \
	%D%/test_type1_info \
	%D%/test_type1_read \
	%D%/test_unmap \
	%D%/test_vmm_example \
	%D%/test_vmm_space \
	%D%/test_waiting \
	%D%/test_whatis

# These write flattened device trees.
if HAVE_LIBFDT
unit_tests += %D%/test_fdt %D%/test_fdt_hostile
endif

# What is true of every backend: run with type1, and once more with each of the others.
backend_tests = \
	%D%/test_adopt \
	%D%/test_adopt_failures \
	%D%/test_adopt_heap \
	%D%/test_attach \
	%D%/test_attach_again \
	%D%/test_batch \
	%D%/test_batch_big \
	%D%/test_batch_failures \
	%D%/test_batch_model \
	%D%/test_batch_refused \
	%D%/test_batch_threads \
	%D%/test_batch_waiting \
	%D%/test_buf \
	%D%/test_buf_pool \
	%D%/test_cut \
	%D%/test_descriptors \
	%D%/test_domain \
	%D%/test_domain_fds \
	%D%/test_domain_model \
	%D%/test_examples \
	%D%/test_failures \
	%D%/test_fork \
	%D%/test_fork_calls \
	%D%/test_granule \
	%D%/test_granule_model \
	%D%/test_heap \
	%D%/test_last_iova \
	%D%/test_limits \
	%D%/test_map \
	%D%/test_map_file \
	%D%/test_map_refused \
	%D%/test_nic_example \
	%D%/test_only \
	%D%/test_pci_memory \
	%D%/test_populate \
	%D%/test_quarantine \
	%D%/test_reach \
	%D%/test_request \
	%D%/test_request_failures \
	%D%/test_request_heap \
	%D%/test_request_model \
	%D%/test_stream_failures \
	%D%/test_stream_heap \
	%D%/test_stress \
	%D%/test_stream_model \
	%D%/test_stream \
	%D%/test_strict \
	%D%/test_threads \
	%D%/test_translate \
	%D%/test_translate_beside \
	%D%/test_translatev \
	%D%/test_translatev_model \
	%D%/test_unmap \
	%D%/test_waiting \
	%D%/test_whatis

# And of POWER, by page and by IOVA: where the others are exact about calls and errors, test_power_*.
power_tests = \
	%D%/test_batch \
	%D%/test_batch_big \
	%D%/test_batch_failures \
	%D%/test_batch_model \
	%D%/test_batch_refused \
	%D%/test_batch_threads \
	%D%/test_batch_waiting \
	%D%/test_buf \
	%D%/test_buf_pool \
	%D%/test_cancel \
	%D%/test_cut \
	%D%/test_descriptors \
	%D%/test_domain \
	%D%/test_domain_fds \
	%D%/test_domain_model \
	%D%/test_examples \
	%D%/test_fork \
	%D%/test_fork_calls \
	%D%/test_granule_model \
	%D%/test_limits \
	%D%/test_nic_example \
	%D%/test_pci_memory \
	%D%/test_populate \
	%D%/test_reach \
	%D%/test_request_failures \
	%D%/test_request_heap \
	%D%/test_request_model \
	%D%/test_stream_failures \
	%D%/test_stream_heap \
	%D%/test_stress \
	%D%/test_stream_model \
	%D%/test_stream \
	%D%/test_strict \
	%D%/test_threads \
	%D%/test_translate \
	%D%/test_translate_beside \
	%D%/test_translatev \
	%D%/test_translatev_model \
	%D%/test_waiting \
	%D%/test_whatis
power_backend_tests = $(power_tests:=-powernv) $(power_tests:=-pseries)
other_backend_tests = $(backend_tests:=-iommufd) $(backend_tests:=-type1-iommufd) \
	$(power_backend_tests)

if HAVE_CHECK
check_LTLIBRARIES += %D%/librunner.la
check_PROGRAMS += $(unit_tests)
check_SCRIPTS += $(other_backend_tests)
TESTS += $(unit_tests) $(other_backend_tests)
CLEANFILES += $(other_backend_tests)
else
EXTRA_LTLIBRARIES += %D%/librunner.la
EXTRA_PROGRAMS += $(unit_tests)
endif

# test_WHAT-BACKEND runs test_WHAT, in the build folder as make check does.
$(other_backend_tests): Makefile
	$(AM_V_GEN)$(MKDIR_P) %D% && \
	backend=`echo '$@' | sed 's/^[^-]*-//'` && program=`echo '$@' | sed 's/-.*//'` && \
	{ echo '#!/bin/sh'; echo "IOM_TEST_BACKEND=$$backend exec ./$$program"; } >$@ && \
	chmod +x $@

%C%_test_nic_example_SOURCES = \
	%D%/test_nic_example.c \
	examples/args.c \
	examples/nic_ctrl.c \
	examples/nic_options.c \
	examples/nic_pattern.c \
	examples/nic_ring.c \
	examples/nic_run.c \
	examples/sentence.c

%C%_test_nvme_example_SOURCES = \
	%D%/test_nvme_example.c \
	examples/args.c \
	examples/nvme_prp.c \
	examples/nvme_status.c \
	examples/poll_options.c \
	examples/poll_pattern.c \
	examples/poll_stats.c \
	examples/sentence.c

%C%_test_nvme_journal_SOURCES = \
	%D%/test_nvme_journal.c \
	examples/poll_journal.c \
	examples/poll_pattern.c \
	examples/sentence.c \
	tests/vm/guest/journal_check.c

%C%_test_vmm_example_SOURCES = \
	%D%/test_vmm_example.c \
	examples/args.c \
	examples/sentence.c \
	examples/vmm_layout.c \
	examples/vmm_options.c \
	examples/vmm_report.c \
	examples/vmm_stream.c

# Has an edu_read() and an edu_write() of its own.
%C%_test_vmm_space_SOURCES = \
	%D%/test_vmm_space.c \
	examples/sentence.c \
	examples/vmm_layout.c \
	examples/vmm_proof.c \
	examples/vmm_ram.c \
	examples/vmm_space.c \
	examples/vmm_stream.c

# Refuse memory to everything that is linked into them.
%C%_test_adopt_heap_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc
%C%_test_heap_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc
%C%_test_power_heap_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc
%C%_test_request_heap_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc
%C%_test_space_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc
%C%_test_stream_heap_LDFLAGS = $(AM_LDFLAGS) \
	-Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc,--wrap=aligned_alloc

# Answers for the kernel, to what the library asks of it about the process's mappings.
%C%_test_pages_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=ioctl,--wrap=fopen

%C%_test_sim_contract_LDADD = tests/contract/libcontract.la $(LDADD)
%C%_test_sim_spapr_contract_LDADD = tests/contract/libcontract.la $(LDADD)

%C%_librunner_la_SOURCES = \
	%D%/adopt_rig.h \
	%D%/batch_rig.h \
	%D%/card_rig.h \
	%D%/counted_pages.h \
	%D%/domain_rig.h \
	%D%/eeh_rig.h \
	%D%/every_call.h \
	%D%/failing_rig.h \
	%D%/fake_files.h \
	%D%/fdt_rig.h \
	%D%/gate.h \
	%D%/power_model.h \
	%D%/power_rig.h \
	%D%/random.h \
	%D%/refused_heap.h \
	%D%/request_rig.h \
	%D%/runner.c \
	%D%/runner.h \
	%D%/sim_iommufd_rig.h \
	%D%/sim_rig.h \
	%D%/sim_spapr_rig.h \
	%D%/space_walk.h \
	%D%/stream_rig.h \
	%D%/tree_rig.h \
	%D%/util.h
