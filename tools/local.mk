# SPDX-License-Identifier: BSD-3-Clause

# iommuctl: on the public header, its own folder, and what examples have of options and sentences.
bin_PROGRAMS += %D%/iommuctl
tool_files = \
	%D%/bench.c \
	%D%/beneath.c \
	%D%/beneath.h \
	%D%/bind.c \
	%D%/check_device.c \
	%D%/check_machine.c \
	%D%/check_process.c \
	%D%/checks.h \
	%D%/command.h \
	%D%/doctor.c \
	%D%/fdt.c \
	%D%/files.c \
	%D%/files.h \
	%D%/host.c \
	%D%/host.h \
	%D%/in_use.c \
	%D%/in_use.h \
	%D%/iommuctl.c \
	%D%/json.c \
	%D%/json.h \
	%D%/list.c \
	%D%/pci.c \
	%D%/pci.h \
	%D%/pciids.c \
	%D%/pciids.h \
	%D%/process.c \
	%D%/process.h \
	%D%/selftest.c \
	%D%/show.c \
	%D%/space.c \
	%D%/space.h \
	%D%/space_draw.c \
	%D%/table.c \
	%D%/table.h \
	%D%/terminal.c \
	%D%/terminal.h
%C%_iommuctl_SOURCES = $(tool_files) \
	examples/args.c \
	examples/args.h \
	examples/sentence.c \
	examples/sentence.h
%C%_iommuctl_CPPFLAGS = $(FORTIFY) $(public_cppflags) -D_GNU_SOURCE -I$(top_srcdir)/examples \
	-DLIBEXEC_FOLDER='"$(pkglibexecdir)"'
%C%_iommuctl_CFLAGS = $(AM_CFLAGS) $(HARDENING) $(TOOL_HARDENING) $(PIE)
%C%_iommuctl_LDFLAGS = $(AM_LDFLAGS) $(TOOL_LDFLAGS)
%C%_iommuctl_LDADD = libiommu.la
# Another prefix is another folder.
%D%/iommuctl-selftest.$(OBJEXT): Makefile

# bash-completion finds it by the command's name.
completions = $(DESTDIR)$(datadir)/bash-completion/completions

install-data-local:
	$(MKDIR_P) '$(completions)'
	$(INSTALL_DATA) '$(srcdir)/%D%/iommuctl.bash' '$(completions)/iommuctl'

uninstall-local:
	rm -f '$(completions)/iommuctl'

dist_man_MANS += man/iommuctl.1
EXTRA_DIST += %D%/iommuctl.bash
