/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * How large the pages behind a range of memory are: hugetlb pages count, transparent huge pages do
 * not, because they may be split at any time.
 */
#ifndef IOM_PAGES_H
#define IOM_PAGES_H

#include "sys.h"

/* The smallest that memory of this machine has. */
uint64_t iom_base_page(const struct iom_sys *sys);

/* Memory whose pages are all of one size. */
struct iom_run {
	uint64_t page;
	uint64_t length;
};

/*
 * The first run of a range, no longer than that.  What is not there counts as of base pages: the
 * kernel, when it is asked to pin it, says so.  -EMFILE, -ENOMEM, -EIO, with a sentence.
 */
int iom_page_run(const struct iom_sys *sys, uint64_t va, uint64_t length, struct iom_run *run);

/*
 * The same for one of several ranges: vma is the mapping of the process that was looked at last,
 * all zeros before the first, and not asked for again.
 */
int iom_page_run_near(const struct iom_sys *sys, uint64_t va, uint64_t length, struct iom_vma *vma,
		      struct iom_run *run);

#endif
