# SPDX-License-Identifier: BSD-3-Clause

# The kernel contract as a table: for the simulated kernel (tests/unit), and for a real one.
check_LTLIBRARIES += %D%/libcontract.la
%C%_libcontract_la_SOURCES = \
	%D%/contract.c \
	%D%/contract.h \
	%D%/iommufd_calls.c \
	%D%/rows_cdev.c \
	%D%/rows_compat.c \
	%D%/rows_eeh.c \
	%D%/rows_iommufd.c \
	%D%/rows_pair.c \
	%D%/rows_spapr.c \
	%D%/rows_type1.c \
	%D%/rows_windows.c \
	%D%/run.h \
	%D%/spapr_calls.c \
	%D%/type1_calls.c

# On a real kernel: built by make check, run by tests/vm.
check_PROGRAMS += %D%/contract
%C%_contract_SOURCES = %D%/main.c
%C%_contract_LDADD = %D%/libcontract.la libiommu-core.la
