# SPDX-License-Identifier: BSD-3-Clause

# Built as a user would build them: public header, own folder, and nothing of ours but libiommu.
example_programs = %D%/nvme_poll %D%/vmm_replay

%C%_nvme_poll_SOURCES = \
	%D%/args.c \
	%D%/args.h \
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
	%D%/poll_stats.h \
	%D%/sentence.c \
	%D%/sentence.h \
	%D%/vfio_pci.c \
	%D%/vfio_pci.h
%C%_nvme_poll_CPPFLAGS = $(public_cppflags)
%C%_nvme_poll_LDADD = libiommu.la

%C%_vmm_replay_SOURCES = \
	%D%/args.c \
	%D%/args.h \
	%D%/edu.c \
	%D%/edu.h \
	%D%/sentence.c \
	%D%/sentence.h \
	%D%/vfio_pci.c \
	%D%/vfio_pci.h \
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
%C%_vmm_replay_CPPFLAGS = $(public_cppflags)
%C%_vmm_replay_LDADD = libiommu.la

if EXAMPLES
noinst_PROGRAMS += $(example_programs)
else
EXTRA_PROGRAMS += $(example_programs)
endif
