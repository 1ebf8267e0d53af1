/* SPDX-License-Identifier: BSD-3-Clause */
/* DMA buffers: memory that the library makes, and maps. */
#ifndef IOM_BUF_H
#define IOM_BUF_H

#include "domain.h"

struct iom_file;

/* The end of a buffer's memory: its last part was unmapped.  The table lock is held. */
void iom_buf_release(struct iom_domain *dom, struct iom_file *file);

/* Take the caller's options, which may be NULL, and those in them of the map. */
int iom_buf_read_opts(const struct iom_buf_opts *callers, struct iom_buf_opts *opts,
		      struct iom_map_opts *map);

/*
 * iom_buf_alloc(), without the prefix of its sentence, in a process that opened the domain.  *kept,
 * unless kept is NULL, is the memory, which outlives its unmap until the caller releases it.
 */
int iom_buf_make(struct iom_domain *dom, uint64_t length, const struct iom_buf_opts *callers,
		 struct iom_region *buf, struct iom_file **kept);

/* Close all pools: the domain is about to end. */
void iom_buf_pools_free(struct iom_domain *dom);

#endif
