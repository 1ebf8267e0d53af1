// SPDX-License-Identifier: BSD-3-Clause
#include "pages.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "error.h"

uint64_t iom_base_page(const struct iom_sys *sys)
{
	struct iom_vma vma;

	/* a stack has no huge pages */
	if (sys->find_vma(sys->ctx, -1, (uintptr_t)&vma, &vma) < 0)
		return (uint64_t)sysconf(_SC_PAGESIZE);
	return vma.page_size;
}

static int explain(uint64_t va, int err)
{
	int ret = -EIO;

	if (err == -ENOMEM)
		ret = -ENOMEM;
	if (err == -EMFILE || err == -ENFILE)
		ret = -EMFILE;
	return iom_error(ret,
			 "the page size of the memory at 0x%" PRIx64
			 " cannot be read from /proc/self: %s",
			 va, strerror(-err));
}

int iom_page_run_near(const struct iom_sys *sys, uint64_t va, uint64_t length, struct iom_vma *vma,
		      struct iom_run *run)
{
	uint64_t done = 0, page = 0;

	while (done < length) {
		int ret = 0;

		if (va + done - vma->start >= vma->end - vma->start)
			ret = sys->find_vma(sys->ctx, -1, va + done, vma);
		if (ret == -ENOENT)
			*vma = (struct iom_vma){ .start = va + done,
						 .end = va + length,
						 .page_size = iom_base_page(sys) };
		else if (ret < 0)
			return explain(va + done, ret);
		if (page && vma->page_size != page)
			break;
		page = vma->page_size;
		done = vma->end - va;
	}
	*run = (struct iom_run){ page, done < length ? done : length };
	return 0;
}

int iom_page_run(const struct iom_sys *sys, uint64_t va, uint64_t length, struct iom_run *run)
{
	struct iom_vma vma = { 0, 0, 0 };

	return iom_page_run_near(sys, va, length, &vma, run);
}
