/* SPDX-License-Identifier: BSD-3-Clause */
/* What iom_map(), iom_map_file(), iom_mapv() and streams share: mapping memory that is there. */
#ifndef IOM_MAP_H
#define IOM_MAP_H

#include "domain.h"
#include "populate.h"

/* Memory that goes to one place, and is one span. */
struct iom_map_run {
	uintptr_t va;
	uint64_t length;
	iom_iova_t iova;  /* with IOM_MAP_FIXED: where; then where it is */
	uint64_t backing; /* the smallest page behind it; what the IOMMU may have at most */
	bool even;        /* all of them are of this size */
	bool left;        /* the kernel may have kept it */
	struct iom_span *span;
};

struct iom_map_request {
	uintptr_t va;
	uint64_t length;
	unsigned int flags;
	struct iom_file *file; /* NULL, or what the library mapped at va for the caller */
	int fd;                /* and the file that it is a part of; else -1 */
	uint64_t offset;       /* and from where in it */
	bool streamed;         /* it is a stream's: an alias, and never cut */

	/* for iom_map_runs(), where va and length are these */
	struct iom_map_run *runs; /* ascending by va, mostly */
	size_t n;
	struct iom_batch *batch; /* that the spans will belong to, and then own; or NULL */
	bool apart; /* each has a generation of its own, counted from the first one's */

	/* for it to use */
	uint64_t generation;
	uint64_t bytes; /* in sum */
	struct iom_progress progress;
	const struct iom_map_run *wrong; /* that the sentence is about; NULL: all, or none */
	iom_iova_t limit;
	struct iom_backend_wish wish;
	bool widened; /* the wish was granted or refused */
	bool only;    /* the limit is that of one device */
	struct iom_kept_error *kept;
};

/*
 * A file that the library mapped into the process, or a buffer.  It stays until all of its parts are unmapped:
 * a part of a file of huge pages could not be taken out of the process.
 */
struct iom_file {
	void *va;
	uint64_t length;
	unsigned int parts;       /* spans that stand for it, and one while it is being mapped */
	struct iom_buf_info *buf; /* what a buffer is made of; NULL: it is the caller's file */
};

/* One part less.  The table lock is held. */
void iom_file_release(struct iom_domain *dom, struct iom_file *file);

/* Check and map, with the caller's options; a sentence on failure. */
int iom_map_memory(struct iom_domain *dom, struct iom_map_request *rq,
		   const struct iom_map_opts *callers, struct iom_region *region);

/* The caller's options, as a whole struct. */
int iom_map_read_opts(const struct iom_map_opts *callers, struct iom_map_opts *opts);

/* What is wrong with flags, and with memory, whatever the domain; a sentence. */
int iom_map_check_flags(unsigned int flags, unsigned int known);
int iom_map_check_memory(uintptr_t va, uint64_t length);

/* Map all runs, whose memory was checked, or none. */
int iom_map_runs(struct iom_domain *dom, struct iom_map_request *rq,
		 const struct iom_map_opts *opts);

/* What the caller gets for a part of the memory, which is in that run. */
struct iom_region iom_map_region(const struct iom_map_request *rq, size_t run, uintptr_t va,
				 uint64_t length);

#endif
