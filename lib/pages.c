// SPDX-License-Identifier: BSD-3-Clause
#include "pages.h"

#include <unistd.h>

uint64_t iom_backing_page(const struct iom_sys *sys, uint64_t va, uint64_t length)
{
	uint64_t smallest = UINT64_MAX, at = va, end = va + length;
	struct iom_vma vma;

	/* a hole, or no answer: the kernel that is asked to pin it will say what is wrong */
	while (at < end) {
		if (sys->find_vma(sys->ctx, at, &vma) < 0 || vma.end <= at)
			return (uint64_t)sysconf(_SC_PAGESIZE);
		if (vma.page_size < smallest)
			smallest = vma.page_size;
		at = vma.end;
	}
	return smallest;
}
