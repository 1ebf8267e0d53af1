# SPDX-License-Identifier: BSD-3-Clause

# Fuzz targets. Built by configure --enable-fuzzing they are libFuzzer's, and all that make check
# runs; else a program of our own gives each its seeds, and simple changes of them.
fuzz_targets = \
	%D%/fuzz_iommuctl \
	%D%/fuzz_iommufd \
	%D%/fuzz_options \
	%D%/fuzz_pciids \
	%D%/fuzz_proc \
	%D%/fuzz_smaps \
	%D%/fuzz_spapr \
	%D%/fuzz_sysfs \
	%D%/fuzz_tree \
	%D%/fuzz_type1 \
	%D%/fuzz_words
if HAVE_LIBFDT
fuzz_targets += %D%/fuzz_fdt
endif

fuzz_libraries = %D%/libfuzz.la %D%/liboptions.la %D%/libreplay.la %D%/libtools.la

if FUZZING
fuzz_ldflags = $(AM_LDFLAGS) -fsanitize=fuzzer
fuzz_main =
LOG_COMPILER = $(SHELL) $(top_srcdir)/%D%/run.sh
TESTS += $(fuzz_targets)
check_PROGRAMS += $(fuzz_targets) %D%/seeds
check_LTLIBRARIES += $(fuzz_libraries)
else
fuzz_ldflags = $(AM_LDFLAGS)
fuzz_main = %D%/libreplay.la
EXTRA_PROGRAMS += %D%/seeds
if TESTS_WANTED
TESTS += $(fuzz_targets)
check_PROGRAMS += $(fuzz_targets)
check_LTLIBRARIES += $(fuzz_libraries)
else
EXTRA_PROGRAMS += $(fuzz_targets)
EXTRA_LTLIBRARIES += $(fuzz_libraries)
endif
endif

%C%_libfuzz_la_SOURCES = \
	%D%/files.c \
	%D%/files.h \
	%D%/folder.c \
	%D%/fuzz.c \
	%D%/fuzz.h \
	%D%/kernel.c \
	%D%/kernel.h \
	%D%/output.c \
	%D%/output.h \
	%D%/tree_holds.h

# In the place of libFuzzer.
%C%_libreplay_la_SOURCES = \
	%D%/mutate.c \
	%D%/mutate.h \
	%D%/replay.c \
	%D%/seed.c \
	%D%/seed.h
%C%_libreplay_la_LIBADD = $(FDT_LIBS)

%C%_seeds_SOURCES = %D%/seed.c %D%/seed.h %D%/seeds.c
# Its own objects: the other ones are for a library.
%C%_seeds_CPPFLAGS = $(internal_cppflags)
%C%_seeds_LDADD = $(FDT_LIBS)

# The programs' own files; iommuctl's main is called by another one.
%C%_liboptions_la_CPPFLAGS = $(public_cppflags)
%C%_liboptions_la_SOURCES = \
	examples/args.c \
	examples/nic_options.c \
	examples/poll_options.c \
	examples/sentence.c \
	examples/vmm_options.c
%C%_libtools_la_CPPFLAGS = $(public_cppflags) -D_GNU_SOURCE -I$(top_srcdir)/examples \
	-DLIBEXEC_FOLDER='"/nonexistent"' -Dmain=iommuctl_main
%C%_libtools_la_CFLAGS = $(AM_CFLAGS) -Wno-missing-prototypes
%C%_libtools_la_SOURCES = $(tool_files)

fuzz_ldadd = $(fuzz_main) %D%/libfuzz.la simulate/libsimulated.la
fuzz_tool_ldadd = $(fuzz_main) %D%/libtools.la %D%/liboptions.la %D%/libfuzz.la \
	simulate/libsimulated.la

%C%_fuzz_fdt_LDADD = $(fuzz_ldadd)
%C%_fuzz_fdt_LDFLAGS = $(fuzz_ldflags)
%C%_fuzz_iommuctl_LDADD = $(fuzz_tool_ldadd)
%C%_fuzz_iommuctl_LDFLAGS = $(fuzz_ldflags) -Wl,--wrap=isatty
%C%_fuzz_iommufd_LDADD = $(fuzz_ldadd)
%C%_fuzz_iommufd_LDFLAGS = $(fuzz_ldflags)
%C%_fuzz_options_LDADD = $(fuzz_tool_ldadd)
%C%_fuzz_options_LDFLAGS = $(fuzz_ldflags)
%C%_fuzz_pciids_LDADD = $(fuzz_tool_ldadd)
%C%_fuzz_pciids_LDFLAGS = $(fuzz_ldflags)
%C%_fuzz_proc_LDADD = $(fuzz_ldadd)
%C%_fuzz_proc_LDFLAGS = $(fuzz_ldflags)
%C%_fuzz_smaps_LDADD = $(fuzz_ldadd)
%C%_fuzz_smaps_LDFLAGS = $(fuzz_ldflags) -Wl,--wrap=ioctl,--wrap=fopen
%C%_fuzz_spapr_LDADD = $(fuzz_ldadd)
%C%_fuzz_spapr_LDFLAGS = $(fuzz_ldflags)
%C%_fuzz_sysfs_LDADD = $(fuzz_ldadd)
%C%_fuzz_sysfs_LDFLAGS = $(fuzz_ldflags)
%C%_fuzz_tree_LDADD = $(fuzz_ldadd)
%C%_fuzz_tree_LDFLAGS = $(fuzz_ldflags)
%C%_fuzz_type1_LDADD = $(fuzz_ldadd)
%C%_fuzz_type1_LDFLAGS = $(fuzz_ldflags)
%C%_fuzz_words_LDADD = $(fuzz_ldadd)
%C%_fuzz_words_LDFLAGS = $(fuzz_ldflags)

# Minutes of each, one after the other, in a build for it: make fuzz FUZZ_SECONDS=600.
FUZZ_SECONDS = 60
if FUZZING
fuzz: all $(fuzz_libraries) $(fuzz_targets) %D%/seeds
	failed=; for target in $(fuzz_targets); do \
		srcdir='$(srcdir)' FUZZ_SECONDS='$(FUZZ_SECONDS)' $(LOG_COMPILER) ./$$target || \
			failed="$$failed $$target"; \
	done; \
	if test -n "$$failed"; then echo "failed:$$failed"; exit 1; fi
else
fuzz:
	@echo 'make fuzz: this build has no fuzzers; configure one with CC=clang --enable-fuzzing'; exit 1
endif

.PHONY: fuzz

# Texts only: what is no text is made of one (seed.h).
fuzz_seeds = \
	%D%/corpus/fdt/arm64.dts \
	%D%/corpus/fdt/empty-window.dts \
	%D%/corpus/fdt/long-device-type.dts \
	%D%/corpus/fdt/long-values.dts \
	%D%/corpus/fdt/none.dts \
	%D%/corpus/fdt/powernv.dts \
	%D%/corpus/fdt/pseries.dts \
	%D%/corpus/fdt/wraps.dts \
	%D%/corpus/iommuctl/bind.txt \
	%D%/corpus/iommuctl/doctor.txt \
	%D%/corpus/iommuctl/escape-cut.txt \
	%D%/corpus/iommuctl/escape-region.txt \
	%D%/corpus/iommuctl/fdt.txt \
	%D%/corpus/iommuctl/help.txt \
	%D%/corpus/iommuctl/list-json.txt \
	%D%/corpus/iommuctl/list-narrow.txt \
	%D%/corpus/iommuctl/list.txt \
	%D%/corpus/iommuctl/show-text.txt \
	%D%/corpus/iommuctl/show.txt \
	%D%/corpus/iommuctl/unbind.txt \
	%D%/corpus/iommufd/intel.bytes \
	%D%/corpus/iommufd/large-pages.bytes \
	%D%/corpus/iommufd/many.bytes \
	%D%/corpus/options/help.txt \
	%D%/corpus/options/nic.txt \
	%D%/corpus/options/nvme-bad.txt \
	%D%/corpus/options/nvme.txt \
	%D%/corpus/options/vmm.txt \
	%D%/corpus/pciids/small.txt \
	%D%/corpus/pciids/tab.txt \
	%D%/corpus/pciids/utf8.txt \
	%D%/corpus/proc/machine.txt \
	%D%/corpus/proc/nonsense.txt \
	%D%/corpus/proc/power.txt \
	%D%/corpus/smaps/nonsense.txt \
	%D%/corpus/smaps/power.txt \
	%D%/corpus/smaps/x86.txt \
	%D%/corpus/spapr/all-pages.bytes \
	%D%/corpus/spapr/levels.bytes \
	%D%/corpus/spapr/no-default.bytes \
	%D%/corpus/spapr/no-pages.bytes \
	%D%/corpus/spapr/overlap.bytes \
	%D%/corpus/spapr/past-the-end.bytes \
	%D%/corpus/spapr/powernv-32.bytes \
	%D%/corpus/spapr/powernv-no-default.bytes \
	%D%/corpus/spapr/powernv-small-default.bytes \
	%D%/corpus/spapr/powernv.bytes \
	%D%/corpus/spapr/pseries-one.bytes \
	%D%/corpus/spapr/pseries.bytes \
	%D%/corpus/sysfs/bare.txt \
	%D%/corpus/sysfs/group.txt \
	%D%/corpus/sysfs/machine.txt \
	%D%/corpus/tree/arm64.txt \
	%D%/corpus/tree/escape.txt \
	%D%/corpus/tree/powernv.txt \
	%D%/corpus/tree/pseries.txt \
	%D%/corpus/tree/sysfs-only.txt \
	%D%/corpus/tree/window-saved.txt \
	%D%/corpus/tree/window.txt \
	%D%/corpus/tree/x86.txt \
	%D%/corpus/type1/linux-6.1.bytes \
	%D%/corpus/type1/linux-6.12.bytes \
	%D%/corpus/type1/old.bytes \
	%D%/corpus/type1/ring.bytes \
	%D%/corpus/words/devices.txt \
	%D%/corpus/words/good.txt \
	%D%/corpus/words/kernels.txt \
	%D%/corpus/words/long.txt \
	%D%/corpus/words/power.txt \
	%D%/corpus/words/x86.txt

EXTRA_DIST += %D%/run.sh $(fuzz_seeds)
