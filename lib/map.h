/* SPDX-License-Identifier: BSD-3-Clause */
/* What iom_map() and iom_map_file() share: mapping memory that is there already. */
#ifndef IOM_MAP_H
#define IOM_MAP_H

#include "domain.h"

struct iom_map_request {
	uintptr_t va;
	uint64_t length;
	unsigned int flags;
	int fd;          /* -1, or the file that the library mapped at va for the caller */
	uint64_t offset; /* and from where in it */

	/* for iom_map_memory() to use */
	iom_iova_t iova;
	uint64_t limit;
	bool only;  /* the limit is that of one device */
	bool taken; /* the memory of a file is the domain's to free */
};

/* Check and map, with the caller's options; a sentence on failure. */
int iom_map_memory(struct iom_domain *dom, struct iom_map_request *rq,
		   const struct iom_map_opts *callers, struct iom_region *region);

#endif
