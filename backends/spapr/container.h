/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A VFIO container of SPAPR TCE version 2 with one group in it.  One, because pSeries refuses a
 * second, and PowerNV clears the TCEs of all when one leaves (4ba2fdff2eb1, "vfio/spapr: Always
 * clear TCEs before unsetting the window").
 */
#ifndef IOM_SPAPR_CONTAINER_H
#define IOM_SPAPR_CONTAINER_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "backends/backend.h"
#include "backends/vfio/vfio.h"
#include "slabs.h"

/* A DMA window: the IOVAs that one TCE table translates. */
struct iom_window {
	uint64_t start, size; /* size 0: there is none */
	unsigned int page_shift;
};

/* What the kernel says of a group. */
struct iom_spapr_info {
	struct iom_window first;  /* the default window, below 4 GiB */
	uint64_t page_sizes;      /* of windows that can be created */
	unsigned int max_windows; /* 1 or 2; 0: none can be created */
	unsigned int levels;      /* of tables, at most */
	uint64_t second; /* where the hypervisor put a window that was made; 0: not known */
};

struct iom_spapr_container {
	struct iom_spapr_container *next;
	struct iom_vfio vfio;
	struct iom_slab_owner owner;
	struct iom_spapr_info info;
	pthread_mutex_t settling;
	bool settled; /* atomic: the kernel has made the default window, or was told not to */
	pthread_mutex_t recovering; /* held while the group is brought back: one at a time */
};

/* Attach the first device of a group; all undone on failure. */
int iom_spapr_container_open(struct iom_backend *backend, struct iom_backend_device *dev,
			     struct iom_spapr_container **container);

/* Attach another device of the group. */
int iom_spapr_container_add(struct iom_backend *backend, struct iom_spapr_container *container,
			    struct iom_backend_device *dev);

/* The group has left: close it, which clears and frees all that is its own. */
void iom_spapr_container_close(struct iom_backend *backend, struct iom_spapr_container *container);

/*
 * Put a window of this shape into the first free slot; where it starts is the kernel's to say.  The
 * sentence of a refusal tells the shape.
 */
int iom_spapr_create_window(const struct iom_sys *sys, struct iom_spapr_container *container,
			    unsigned int levels, struct iom_window *window);
int iom_spapr_remove_window(const struct iom_sys *sys, struct iom_spapr_container *container,
			    const struct iom_window *window);

/*
 * Map or unmap whole pages of a window that contains the range: the kernel checks only the first
 * page, and writes past the end of the table.  The memory of a map is registered.  Where there is
 * no window (NULL), nothing is mapped.  *left becomes true if what failed may be mapped in part.
 */
int iom_spapr_map(const struct iom_sys *sys, struct iom_spapr_container *container,
		  const struct iom_window *window, const struct iom_backend_map *map, bool *left);
int iom_spapr_unmap(const struct iom_sys *sys, struct iom_spapr_container *container,
		    const struct iom_window *window, uint64_t iova, uint64_t length);

#endif
