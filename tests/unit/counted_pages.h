/* SPDX-License-Identifier: BSD-3-Clause */
/* Pages of the real system, counted; one allocation can be made to fail. */
#ifndef IOM_TEST_COUNTED_PAGES_H
#define IOM_TEST_COUNTED_PAGES_H

#include <errno.h>
#include <stddef.h>

#include "lib/sys.h"

struct counted_pages {
	struct iom_sys sys;
	size_t bytes;         /* allocated now */
	unsigned int allocs;  /* calls so far */
	unsigned int fail_at; /* this call fails, counted from 1; 0: none */
};

static int counted_alloc(void *ctx, size_t length, void **pages)
{
	struct counted_pages *counted = ctx;
	int ret;

	if (++counted->allocs == counted->fail_at)
		return -ENOMEM;
	ret = iom_sys_linux.alloc_pages(NULL, length, pages);
	if (!ret)
		counted->bytes += length;
	return ret;
}

static void counted_free(void *ctx, void *pages, size_t length)
{
	struct counted_pages *counted = ctx;

	counted->bytes -= length;
	iom_sys_linux.free_pages(NULL, pages, length);
}

static inline void counted_pages_init(struct counted_pages *counted)
{
	*counted = (struct counted_pages){
		.sys = {
			.ctx = counted,
			.alloc_pages = counted_alloc,
			.free_pages = counted_free,
		},
	};
}

#endif
