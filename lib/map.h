/* SPDX-License-Identifier: BSD-3-Clause */
/* What iom_map() and iom_map_file() share: mapping memory that is there already. */
#ifndef IOM_MAP_H
#define IOM_MAP_H

#include "domain.h"

struct iom_map_request {
	uintptr_t va;
	uint64_t length;
	unsigned int flags;
	struct iom_file *file; /* NULL, or what the library mapped at va for the caller */
	int fd;                /* and the file that it is a part of; else -1 */
	uint64_t offset;       /* and from where in it */

	/* for iom_map_memory() to use */
	iom_iova_t iova;
	uint64_t limit;
	uint64_t backing; /* the smallest page behind it; what the IOMMU may have at most */
	bool even;        /* all of them are of this size */
	struct iom_backend_wish wish;
	bool widened; /* the wish was granted or refused */
	bool only;    /* the limit is that of one device */
};

/*
 * A file that the library mapped into the process.  It stays until all of its parts are unmapped:
 * a part of a file of huge pages could not be taken out of the process.
 */
struct iom_file {
	void *va;
	uint64_t length;
	unsigned int parts; /* spans that stand for it, and one while it is being mapped */
};

/* One part less.  The table lock is held. */
void iom_file_release(struct iom_domain *dom, struct iom_file *file);

/* Check and map, with the caller's options; a sentence on failure. */
int iom_map_memory(struct iom_domain *dom, struct iom_map_request *rq,
		   const struct iom_map_opts *callers, struct iom_region *region);

#endif
