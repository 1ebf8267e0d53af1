/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the files of SPAPR TCE share: drivers/vfio/vfio_iommu_spapr_tce.c, the registrations of
 * arch/powerpc/mm/book3s64/iommu_api.c, and the windows of arch/powerpc/platforms/{powernv,pseries}
 * of Linux 6.12 and 7.2.  Used with the simulation's lock held.
 */
#ifndef IOM_SIM_SPAPR_H
#define IOM_SIM_SPAPR_H

#include "sim/internal.h"

#define SIM_WINDOWS 2 /* IOMMU_TABLE_GROUP_MAX_TABLES */

/* A part of a region that is backed by pages of one size. */
struct sim_part {
	uint64_t end;
	unsigned int shift;
};

/* Memory that the process registered: mm_iommu_table_group_mem_t. */
struct sim_region {
	struct sim_region *next;
	uint64_t start, pages;
	unsigned int used;  /* containers that have it */
	uint64_t mapped;    /* entries that use it, and 1 */
	unsigned int shift; /* the largest page of a window that may show it */
	struct sim_part *parts;
	size_t n_parts; /* 0: nobody will ask */
};

/* That a container registered. */
struct sim_prereg {
	struct sim_prereg *next;
	struct sim_region *region;
};

/* A window and its table. */
struct sim_window {
	uint64_t start, entries;
	unsigned int shift;
	uint64_t charged;        /* pages */
	struct sim_group *owner; /* pSeries: of the table */
	bool dynamic;            /* pSeries: not the default one */
};

/* What SET_IOMMU makes of a container. */
struct sim_spapr {
	bool v2;
	bool enabled;
	bool default_pending; /* the default window is made when it is first needed */
	int pid;              /* the process that it is bound to; 0: none yet */
	uint64_t locked_pages;
	struct sim_group *groups;
	struct sim_window *windows[SIM_WINDOWS];
	struct sim_maps maps; /* runs of entries, of all windows */
	struct sim_prereg *preregs;
};

/* account_locked_vm() */
int iom_sim_spapr_charge(struct iom_sim *sim, uint64_t pages);

/* ---- Registrations (sim_region.c) ----------------------------------------------------------- */

int iom_sim_region_register(struct iom_sim *sim, struct sim_spapr *spapr, uint64_t vaddr,
			    uint64_t size);
int iom_sim_region_unregister(struct iom_sim *sim, struct sim_spapr *spapr, uint64_t vaddr,
			      uint64_t size);
/* How many pages can be pinned for writing before the first that cannot. */
uint64_t iom_sim_region_count_good(const struct iom_sim *sim, uint64_t start, uint64_t pages);
/* All that a container registered. */
void iom_sim_region_drop_all(struct iom_sim *sim, struct sim_spapr *spapr);
/* The one that has all of the range, or NULL, and how many in the list were looked at. */
struct sim_region *iom_sim_region_find(struct iom_sim *sim, uint64_t vaddr, uint64_t size,
				       uint64_t *visited);

/* ---- Windows (sim_window.c) ----------------------------------------------------------------- */

int iom_sim_window_create(struct iom_sim *sim, struct sim_spapr *spapr, uint32_t shift,
			  uint64_t size, uint32_t levels, uint64_t *start);
/* The one that an address lies in. */
int iom_sim_window_remove(struct iom_sim *sim, struct sim_spapr *spapr, uint64_t address);
/* How large the default window is, which the group says that was attached last. */
uint64_t iom_sim_window_default_size(const struct iom_sim *sim, const struct sim_spapr *spapr);
/* Make the default window, if it is still to be made. */
int iom_sim_window_default(struct iom_sim *sim, struct sim_spapr *spapr);
struct sim_window *iom_sim_window_find(const struct sim_spapr *spapr, uint64_t iova);
/* Give the windows that there are to one more group; take them from one. */
int iom_sim_window_share(const struct iom_sim *sim, const struct sim_spapr *spapr);
void iom_sim_window_unset(struct iom_sim *sim, struct sim_spapr *spapr, struct sim_group *group);
void iom_sim_window_free_all(struct iom_sim *sim, struct sim_spapr *spapr);

/* ---- Entries (sim_tce.c) -------------------------------------------------------------------- */

int iom_sim_tce_map(struct iom_sim *sim, struct sim_spapr *spapr, void *arg);
int iom_sim_tce_unmap(struct iom_sim *sim, struct sim_spapr *spapr, void *arg);
void iom_sim_tce_clear_window(struct iom_sim *sim, struct sim_spapr *spapr,
			      const struct sim_window *window);

/* ---- EEH (sim_eeh.c) ------------------------------------------------------------------------ */

bool iom_sim_eeh_extension(const struct iom_sim *sim);
int iom_sim_eeh_ioctl(struct iom_sim *sim, struct sim_spapr *spapr, void *arg);

/* The kernel would have crashed (sim_power.c). */
int iom_sim_spapr_crash(struct iom_sim *sim, const char *how);

#endif
