// SPDX-License-Identifier: BSD-3-Clause
#include "populate.h"

#include "map.h"
#include "memlock.h"
#include "proc.h"

/* What is done in one call, and then told of. */
#define CHUNK (UINT64_C(64) << 20)

static int populate(const struct iom_domain *dom, const struct iom_map_run *run,
		    struct iom_progress *progress)
{
	uint64_t done, length;
	int ret;

	for (done = 0; done < run->length; done += length) {
		length = run->length - done < CHUNK ? run->length - done : CHUNK;
		ret = dom->sys->populate(dom->sys->ctx, run->va + done, length);
		if (ret < 0)
			return ret;
		iom_progress_add(progress, length);
	}
	return 0;
}

/* What will plainly be refused is not filled with memory first. */
static bool is_refused(const struct iom_domain *dom, const struct iom_map_run *run,
		       unsigned int flags, uint64_t page)
{
	uint64_t iova, contiguous;

	return (run->va | run->length) & (page - 1) ||
	       (!(flags & IOM_MAP_ALIAS) &&
		!iom_radix_lookup(&dom->by_va, run->va, &iova, &contiguous));
}

/* Memory that the machine lacks is the kernel's to refuse as it pins, before it has to kill for it. */
static bool is_there_room(const struct iom_sys *sys, uint64_t bytes)
{
	uint64_t kib;

	return !iom_proc_number(sys, "/proc/meminfo", "MemAvailable:", 10, &kib) ||
	       bytes >> 10 <= kib;
}

/*
 * What the device only reads is there, most likely; and to fault in what is not, for writing, would
 * have a file's blocks allocated that nobody writes.
 */
static bool is_worth_it(const struct iom_domain *dom, const struct iom_map_request *rq)
{
	uint64_t page = iom_page_size(dom);
	size_t i;

	if (rq->bytes < IOM_POPULATE_LEAST || rq->streamed || !(rq->flags & IOM_MAP_WRITE) || !page)
		return false;
	for (i = 0; i < rq->n; i++)
		if (is_refused(dom, &rq->runs[i], rq->flags, page))
			return false;
	return is_there_room(dom->sys, rq->bytes) && !iom_memlock_refuses(dom->sys, rq->bytes);
}

void iom_populate(struct iom_domain *dom, struct iom_map_request *rq)
{
	struct iom_progress *progress = &rq->progress;
	size_t i;

	progress->total = rq->bytes;
	if (!is_worth_it(dom, rq))
		return;
	progress->total = 2 * rq->bytes;
	for (i = 0; i < rq->n; i++)
		if (populate(dom, &rq->runs[i], progress) < 0)
			break;
	if (progress->done < rq->bytes)
		iom_progress_add(progress, rq->bytes - progress->done);
}
