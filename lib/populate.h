/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * First touch: the kernel faults in what is not there yet when it maps it, page by page, and holds
 * locks that others wait for.  Large memory is faulted in before, outside of all locks.
 */
#ifndef IOM_POPULATE_H
#define IOM_POPULATE_H

#include <stdint.h>

#include "cancel.h"

struct iom_domain;
struct iom_map_request;

/* Below, the calls cost more than they save. */
#define IOM_POPULATE_LEAST (UINT64_C(16) << 20)

/* What the caller is told of; see struct iom_map_opts. */
struct iom_progress {
	void (*tell)(void *arg, uint64_t done, uint64_t total);
	void *arg;
	uint64_t done, total;
};

/* So many bytes more are done. */
static inline void iom_progress_add(struct iom_progress *progress, uint64_t bytes)
{
	if (!progress || !progress->tell)
		return;
	/* locks are held, but for those of the first touch */
	IOM_NO_CANCEL;
	progress->done += bytes;
	progress->tell(progress->arg, progress->done, progress->total);
}

/*
 * Have the memory of all runs faulted in, if they are large.  Where that cannot be done it is not:
 * the map fails for the same reason, and has a sentence for it.  No lock is held.
 */
void iom_populate(struct iom_domain *dom, struct iom_map_request *rq);

#endif
