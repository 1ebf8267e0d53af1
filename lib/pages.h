/* SPDX-License-Identifier: BSD-3-Clause */
/* How large the pages behind a range of memory are. */
#ifndef IOM_PAGES_H
#define IOM_PAGES_H

#include "sys.h"

/*
 * The smallest page of the range, as the kernel backs it: hugetlb pages count, transparent huge
 * pages do not, because they may be split at any time.
 */
uint64_t iom_backing_page(const struct iom_sys *sys, uint64_t va, uint64_t length);

#endif
