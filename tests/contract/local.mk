# SPDX-License-Identifier: BSD-3-Clause

# The kernel contract as a table: for the simulated kernel (tests/unit), and for a real one.
check_LTLIBRARIES += %D%/libcontract.la
%C%_libcontract_la_SOURCES = \
	%D%/contract.c \
	%D%/contract.h \
	%D%/rows.c
