# SPDX-License-Identifier: BSD-3-Clause

# The simulated kernel behind lib/sys.h: for tests, and for simulate/, which is installed.
noinst_LTLIBRARIES += %D%/libiommu-sim.la
%C%_libiommu_sim_la_SOURCES = \
	%D%/internal.h \
	%D%/iommufd.h \
	%D%/sim.c \
	%D%/sim.h \
	%D%/sim_area.c \
	%D%/sim_attach.c \
	%D%/sim_backing.c \
	%D%/sim_cdev.c \
	%D%/sim_change.c \
	%D%/sim_compat.c \
	%D%/sim_dirty.c \
	%D%/sim_dma.c \
	%D%/sim_eeh.c \
	%D%/sim_emulated.c \
	%D%/sim_fault.c \
	%D%/sim_files.c \
	%D%/sim_fs.c \
	%D%/sim_huge.c \
	%D%/sim_info.c \
	%D%/sim_ioas.c \
	%D%/sim_iommufd.c \
	%D%/sim_maps.c \
	%D%/sim_memory.c \
	%D%/sim_pages.c \
	%D%/sim_power.c \
	%D%/sim_ranges.c \
	%D%/sim_region.c \
	%D%/sim_spapr.c \
	%D%/sim_table.c \
	%D%/sim_tce.c \
	%D%/sim_tree.c \
	%D%/sim_type1.c \
	%D%/sim_vfio.c \
	%D%/sim_window.c \
	%D%/spapr.h
