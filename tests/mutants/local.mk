# SPDX-License-Identifier: BSD-3-Clause

EXTRA_DIST += \
	%D%/check-mutants \
	%D%/edit.awk \
	%D%/table
