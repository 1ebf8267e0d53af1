/* SPDX-License-Identifier: BSD-3-Clause */
/* The IOVA space of a device, from 0 to 2^64 - 1: apertures, and what lies between them. */
#ifndef SPACE_H
#define SPACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <libiommu.h>

#define SPACE_PARTS 64
#define SPACE_WHY 96

struct space_part {
	uint64_t start, last;
	bool hole;
	uint64_t page_sizes; /* of an aperture; 0: not known */
	uint64_t flags;      /* IOM_APERTURE_* */
	char why[SPACE_WHY]; /* of a hole: what it is for */
};

struct space {
	struct space_part parts[SPACE_PARTS];
	size_t n;
};

/*
 * The apertures, ascending, of a function in this group (-1: none), and the holes, with what sysfs
 * and the device tree say of them.
 */
void space_of_apertures(struct space *space, const struct iom_aperture *apertures, size_t n,
			int group, const struct iom_tree_info *tree);

/*
 * What sysfs says without an attach: the ranges that the group reserves, and all below 2^width as
 * one aperture.
 */
void space_of_sysfs(struct space *space, int group, unsigned int width,
		    const struct iom_tree_info *tree);

/* How many bits the highest IOVA has; 0 if there is no aperture. */
unsigned int space_width(const struct space *space);

/* As a small picture on standard output. */
void space_draw(const struct space *space);

#endif
