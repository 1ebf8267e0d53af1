# SPDX-License-Identifier: BSD-3-Clause

# Built as a user would build them: public header, own folder, and nothing of ours but libiommu.
small_examples = \
	%D%/01_hello_map \
	%D%/02_batch \
	%D%/03_streams \
	%D%/04_apertures \
	%D%/05_buffers \
	%D%/06_errors
example_programs = $(small_examples) %D%/nic_poll %D%/nvme_poll %D%/vmm_replay

%C%_01_hello_map_SOURCES = %D%/01_hello_map.c
%C%_01_hello_map_CPPFLAGS = $(public_cppflags)
%C%_01_hello_map_LDADD = libiommu.la
%C%_02_batch_SOURCES = %D%/02_batch.c
%C%_02_batch_CPPFLAGS = $(public_cppflags)
%C%_02_batch_LDADD = libiommu.la
%C%_03_streams_SOURCES = %D%/03_streams.c
%C%_03_streams_CPPFLAGS = $(public_cppflags)
%C%_03_streams_LDADD = libiommu.la
%C%_04_apertures_SOURCES = %D%/04_apertures.c
%C%_04_apertures_CPPFLAGS = $(public_cppflags)
%C%_04_apertures_LDADD = libiommu.la
%C%_05_buffers_SOURCES = %D%/05_buffers.c
%C%_05_buffers_CPPFLAGS = $(public_cppflags)
%C%_05_buffers_LDADD = libiommu.la
%C%_06_errors_SOURCES = %D%/06_errors.c
%C%_06_errors_CPPFLAGS = $(public_cppflags)
%C%_06_errors_LDADD = libiommu.la

# What the larger ones share.
example_helpers = \
	%D%/args.c \
	%D%/args.h \
	%D%/sentence.c \
	%D%/sentence.h \
	%D%/vfio_pci.c \
	%D%/vfio_pci.h

# And the two pollers.
poller_helpers = \
	%D%/mix.h \
	%D%/program.c \
	%D%/program.h

nic_poll_files = \
	%D%/nic.h \
	%D%/nic_ctrl.c \
	%D%/nic_options.c \
	%D%/nic_options.h \
	%D%/nic_pattern.c \
	%D%/nic_pattern.h \
	%D%/nic_poll.c \
	%D%/nic_report.c \
	%D%/nic_report.h \
	%D%/nic_ring.c \
	%D%/nic_run.c \
	%D%/nic_run.h \
	%D%/nic_spec.h

nvme_poll_files = \
	%D%/dma_memory.c \
	%D%/dma_memory.h \
	%D%/nvme.h \
	%D%/nvme_admin.c \
	%D%/nvme_ctrl.c \
	%D%/nvme_io.c \
	%D%/nvme_poll.c \
	%D%/nvme_prp.c \
	%D%/nvme_queue.c \
	%D%/nvme_spec.h \
	%D%/nvme_status.c \
	%D%/poll_buffers.c \
	%D%/poll_buffers.h \
	%D%/poll_journal.c \
	%D%/poll_journal.h \
	%D%/poll_options.c \
	%D%/poll_options.h \
	%D%/poll_pattern.c \
	%D%/poll_pattern.h \
	%D%/poll_report.c \
	%D%/poll_report.h \
	%D%/poll_run.c \
	%D%/poll_run.h \
	%D%/poll_setup.c \
	%D%/poll_stats.c \
	%D%/poll_stats.h

vmm_replay_files = \
	%D%/edu.c \
	%D%/edu.h \
	%D%/iommufd_abi.h \
	%D%/vmm_layout.c \
	%D%/vmm_layout.h \
	%D%/vmm_options.c \
	%D%/vmm_options.h \
	%D%/vmm_proof.c \
	%D%/vmm_proof.h \
	%D%/vmm_ram.c \
	%D%/vmm_raw.c \
	%D%/vmm_raw.h \
	%D%/vmm_raw_iommufd.c \
	%D%/vmm_raw_spapr.c \
	%D%/vmm_replay.c \
	%D%/vmm_report.c \
	%D%/vmm_report.h \
	%D%/vmm_space.c \
	%D%/vmm_space.h \
	%D%/vmm_stream.c \
	%D%/vmm_stream.h

%C%_nic_poll_SOURCES = $(example_helpers) $(poller_helpers) $(nic_poll_files)
%C%_nic_poll_CPPFLAGS = $(public_cppflags)
%C%_nic_poll_LDADD = libiommu.la

%C%_nvme_poll_SOURCES = $(example_helpers) $(poller_helpers) $(nvme_poll_files)
%C%_nvme_poll_CPPFLAGS = $(public_cppflags)
%C%_nvme_poll_LDADD = libiommu.la

%C%_vmm_replay_SOURCES = $(example_helpers) $(vmm_replay_files)
%C%_vmm_replay_CPPFLAGS = $(public_cppflags)
%C%_vmm_replay_LDADD = libiommu.la

# Installed as sources, with a Makefile that knows nothing of this tree.
exampledir = $(docdir)/examples
example_DATA = \
	%D%/Makefile \
	$(%C%_01_hello_map_SOURCES) \
	$(%C%_02_batch_SOURCES) \
	$(%C%_03_streams_SOURCES) \
	$(%C%_04_apertures_SOURCES) \
	$(%C%_05_buffers_SOURCES) \
	$(%C%_06_errors_SOURCES) \
	$(example_helpers) \
	$(poller_helpers) \
	$(nic_poll_files) \
	$(nvme_poll_files) \
	$(vmm_replay_files)
EXTRA_DIST += %D%/Makefile

if EXAMPLES
noinst_PROGRAMS += $(example_programs)
else
EXTRA_PROGRAMS += $(example_programs)
endif
