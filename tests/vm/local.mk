# SPDX-License-Identifier: BSD-3-Clause

# Guests: everything here is for check-vm, which make calls and people may. It builds its programs
# once more, static.
check_PROGRAMS += %D%/guest/cksum
%C%_guest_cksum_SOURCES = %D%/guest/cksum.c
%C%_guest_cksum_CPPFLAGS =
%C%_guest_cksum_LDADD =

check_PROGRAMS += %D%/guest/journal
%C%_guest_journal_SOURCES = \
	%D%/guest/journal.c \
	%D%/guest/journal_check.c \
	%D%/guest/journal_check.h \
	examples/poll_pattern.c
%C%_guest_journal_CPPFLAGS = $(public_cppflags) -I$(top_srcdir)
%C%_guest_journal_LDADD =

check_PROGRAMS += %D%/guest/map_once
%C%_guest_map_once_SOURCES = %D%/guest/map_once.c
%C%_guest_map_once_CPPFLAGS = $(public_cppflags)
%C%_guest_map_once_LDADD = libiommu.la

check_PROGRAMS += %D%/guest/map_cost
%C%_guest_map_cost_SOURCES = \
	%D%/guest/map_cost.c \
	%D%/guest/step.c \
	%D%/guest/step.h \
	examples/sentence.c \
	examples/vmm_raw.c \
	examples/vmm_raw_iommufd.c \
	examples/vmm_raw_spapr.c
%C%_guest_map_cost_CPPFLAGS = $(public_cppflags) -I$(top_srcdir)
%C%_guest_map_cost_LDADD = libiommu.la

check_PROGRAMS += %D%/guest/numa
%C%_guest_numa_SOURCES = %D%/guest/numa.c
%C%_guest_numa_CPPFLAGS = $(public_cppflags)
%C%_guest_numa_LDADD = libiommu.la

check_PROGRAMS += %D%/guest/reach
%C%_guest_reach_SOURCES = \
	%D%/guest/reach.c \
	examples/dma_memory.c \
	examples/nvme_admin.c \
	examples/nvme_ctrl.c \
	examples/nvme_io.c \
	examples/nvme_prp.c \
	examples/nvme_queue.c \
	examples/nvme_status.c \
	examples/sentence.c \
	examples/vfio_pci.c
%C%_guest_reach_CPPFLAGS = $(public_cppflags) -D_GNU_SOURCE -I$(top_srcdir)/examples
%C%_guest_reach_LDADD = libiommu.la

check_PROGRAMS += %D%/guest/tree
%C%_guest_tree_SOURCES = %D%/guest/tree.c
%C%_guest_tree_CPPFLAGS = $(public_cppflags)
%C%_guest_tree_LDADD = libiommu.la
# One file, for tests/fdt too, that an emulator can run.
%C%_guest_tree_LDFLAGS = $(AM_LDFLAGS) -static

if TESTS_WANTED
TESTS += %D%/judge-test.sh
endif

EXTRA_DIST += \
	%D%/README.md \
	scripts/jobs.sh \
	scripts/lib.sh \
	%D%/allow \
	%D%/arch/arm64.sh \
	%D%/arch/ppc64le.sh \
	%D%/arch/s390x.sh \
	%D%/arch/x86_64.sh \
	%D%/build.sh \
	%D%/check-vm \
	%D%/fetch.sh \
	%D%/guest/init \
	%D%/guest/lib.sh \
	%D%/guest/poll.sh \
	%D%/guest/refused.sh \
	%D%/guest/suites/after.sh \
	%D%/guest/suites/bench.sh \
	%D%/guest/suites/calls.sh \
	%D%/guest/suites/choice.sh \
	%D%/guest/suites/conformance.sh \
	%D%/guest/suites/contract.sh \
	%D%/guest/suites/demo.sh \
	%D%/guest/suites/doctor.sh \
	%D%/guest/suites/foreign.sh \
	%D%/guest/suites/kills.sh \
	%D%/guest/suites/nic.sh \
	%D%/guest/suites/noddw.sh \
	%D%/guest/suites/numa.sh \
	%D%/guest/suites/off.sh \
	%D%/guest/suites/poller.sh \
	%D%/guest/suites/reach.sh \
	%D%/guest/suites/refusals.sh \
	%D%/guest/suites/tree.sh \
	%D%/guest/suites/unsafe.sh \
	%D%/guest/suites/vmm.sh \
	%D%/guest/suites/windows.sh \
	%D%/guest/tap.sh \
	%D%/initramfs.sh \
	%D%/iommufd-recipe.sh \
	%D%/judge.awk \
	%D%/judge-test.sh \
	%D%/manifest/after \
	%D%/manifest/arm64-6.12-smmuv3 \
	%D%/manifest/arm64-6.12-smmuv3-16k \
	%D%/manifest/arm64-6.12-virtio \
	%D%/manifest/bench \
	%D%/manifest/calls \
	%D%/manifest/choice \
	%D%/manifest/conformance \
	%D%/manifest/conformance-isolated \
	%D%/manifest/conformance-no-edu \
	%D%/manifest/conformance-no-power \
	%D%/manifest/conformance-power \
	%D%/manifest/conformance-powernv \
	%D%/manifest/conformance-pseries \
	%D%/manifest/conformance-type1-only \
	%D%/manifest/conformance-unlimited \
	%D%/manifest/conformance-vtd \
	%D%/manifest/contract \
	%D%/manifest/contract-attached \
	%D%/manifest/contract-iommufd \
	%D%/manifest/contract-no-iommufd \
	%D%/manifest/contract-no-spapr \
	%D%/manifest/contract-not-attached \
	%D%/manifest/contract-not-bound \
	%D%/manifest/contract-pages-64k \
	%D%/manifest/contract-powernv \
	%D%/manifest/contract-pseries \
	%D%/manifest/contract-spapr \
	%D%/manifest/demo \
	%D%/manifest/doctor \
	%D%/manifest/doctor-container \
	%D%/manifest/demo-windows \
	%D%/manifest/foreign \
	%D%/manifest/kills \
	%D%/manifest/nic \
	%D%/manifest/numa \
	%D%/manifest/poller \
	%D%/manifest/powernv9-6.12-64k \
	%D%/manifest/pseries-6.12-4k \
	%D%/manifest/pseries-6.12-64k \
	%D%/manifest/pseries-6.12-hash \
	%D%/manifest/pseries-6.12-noddw \
	%D%/manifest/reach \
	%D%/manifest/refusals \
	%D%/manifest/s390x-6.12-zpci \
	%D%/manifest/vmm \
	%D%/manifest/tree \
	%D%/manifest/tree-powernv \
	%D%/manifest/tree-pseries \
	%D%/manifest/tree-sysfs \
	%D%/manifest/windows \
	%D%/manifest/x86-6.1-vtd48 \
	%D%/manifest/x86-6.12-flts \
	%D%/manifest/x86-6.12-iommufd \
	%D%/manifest/x86-6.12-off \
	%D%/manifest/x86-6.12-virtio \
	%D%/manifest/x86-6.12-virtio-iommufd \
	%D%/manifest/x86-6.12-vtd39 \
	%D%/manifest/x86-6.12-vtd48 \
	%D%/modules.sh \
	%D%/rows.sh \
	%D%/vm.sh
