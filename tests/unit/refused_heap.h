/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A heap that refuses one allocation of all that is linked into the program: of the simulated
 * kernel, too, unless it is told apart.  Linked with --wrap for malloc, calloc and realloc
 * (local.mk), and for aligned_alloc where it matters.
 */
#ifndef IOM_TEST_REFUSED_HEAP_H
#define IOM_TEST_REFUSED_HEAP_H

#include <stdbool.h>
#include <stddef.h>

#include "tests/unit/domain_rig.h"

static unsigned int countdown; /* the allocation that is refused, counted from 1; 0: none */
static bool refused;
static bool in_kernel; /* whose allocations do not count */

void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t n);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t n);
void *__real_aligned_alloc(size_t align, size_t n) __attribute__((weak));
void *__wrap_aligned_alloc(size_t align, size_t n);

static inline bool is_refused(void)
{
	if (in_kernel || !countdown || --countdown)
		return false;
	refused = true;
	return true;
}

void *__wrap_malloc(size_t n)
{
	return is_refused() ? NULL : __real_malloc(n);
}

void *__wrap_calloc(size_t n, size_t size)
{
	return is_refused() ? NULL : __real_calloc(n, size);
}

void *__wrap_realloc(void *p, size_t n)
{
	return is_refused() ? NULL : __real_realloc(p, n);
}

void *__wrap_aligned_alloc(size_t align, size_t n)
{
	return is_refused() ? NULL : __real_aligned_alloc(align, n);
}

static inline void heap_enters_kernel(struct rig *r, unsigned long request)
{
	(void)r;
	(void)request;
	in_kernel = true;
}

static inline void heap_leaves_kernel(struct rig *r, unsigned long request, void *arg)
{
	(void)r;
	(void)request;
	(void)arg;
	in_kernel = false;
}

/* Allocations of the simulated kernel do not count. */
static inline void spare_the_kernel(void)
{
	rig.before = heap_enters_kernel;
	rig.after = heap_leaves_kernel;
}

/*
 * A step of a test's table with its first allocation refused, then with its second ..., until it needs
 * no more: nth says whether there was one to refuse.  At least least are, and fewer than most; how many.
 */
static inline unsigned int refuse_each(bool (*nth)(int i, unsigned int n), int i, const char *name,
				       unsigned int least, unsigned int most)
{
	unsigned int n;

	for (n = 1; n < most && nth(i, n); n++)
		;
	ck_assert_uint_lt(n, most);
	ck_assert_msg(n > least, "%s makes only %u", name, n - 1);
	return n - 1;
}

#endif
