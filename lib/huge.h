/* SPDX-License-Identifier: BSD-3-Clause */
/* Which huge pages the kernel has, and how many are free. */
#ifndef IOM_HUGE_H
#define IOM_HUGE_H

#include <stddef.h>
#include <stdint.h>

#include "sys.h"

#define IOM_HUGE_MAX 16

/* Sizes of pages, descending. */
struct iom_huge {
	uint64_t size[IOM_HUGE_MAX];
	size_t n;
};

/* None, on a kernel without any; -EMFILE, -ENOMEM, -EIO, with a sentence. */
int iom_huge_read(const struct iom_sys *sys, struct iom_huge *huge);

/* The folder of those of a size, of a node or (negative) of all. */
void iom_huge_folder(uint64_t page, int node, char *path, size_t n);

/* How many are free; 0 if that cannot be read. */
uint64_t iom_huge_free(const struct iom_sys *sys, uint64_t page, int node);

#endif
