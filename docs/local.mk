# SPDX-License-Identifier: BSD-3-Clause

# What users and those who work on the library read besides the pages.
dist_doc_DATA += \
	%D%/adoption.md \
	%D%/architecture.md \
	%D%/backend.md \
	%D%/porting.md \
	%D%/security.md
