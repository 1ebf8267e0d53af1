// SPDX-License-Identifier: BSD-3-Clause
/*
 * The I/O path.  A forked child finds the top tables wiped, so it always comes to a miss, and only
 * a miss asks whose domain this is.  What is rare is in functions of its own, called last, so that
 * a hit saves no register.
 */
#include <errno.h>
#include <stdbool.h>

#include "domain.h"

#define RARE __attribute__((noinline, cold))

static RARE int refuse(const struct iom_domain *dom, int err)
{
	return iom_is_ours(dom) ? err : -EPERM;
}

static inline uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* By a table of the top level. */
static inline __attribute__((always_inline)) bool
find(const iom_slot *top, uint64_t key, uint64_t length, uint64_t *value, uint64_t *contiguous)
{
	uint64_t run;

	if (iom_radix_lookup_in(top, key, value, &run) < 0)
		return false;
	*contiguous = least(run, length);
	return true;
}

int iom_translate(const struct iom_domain *dom, const void *va, uint64_t length, iom_iova_t *iova,
		  uint64_t *contiguous)
{
	uint64_t key = (uintptr_t)va;

	if (!length)
		return refuse(dom, -EINVAL);
	/* no memory lies so far up */
	if (iom_radix_is_far(key) || !find(dom->by_va.top, key, length, iova, contiguous))
		return refuse(dom, -ENOENT);
	return 0;
}

static RARE int far_iova_to_va(const struct iom_domain *dom, iom_iova_t iova, uint64_t length,
			       void **va, uint64_t *contiguous)
{
	const iom_slot *top = iom_radix_far_top(&dom->by_iova, iova);
	uint64_t address;

	if (!top || !find(top, iova, length, &address, contiguous))
		return refuse(dom, -ENOENT);
	*va = (void *)(uintptr_t)address;
	return 0;
}

int iom_iova_to_va(const struct iom_domain *dom, iom_iova_t iova, uint64_t length, void **va,
		   uint64_t *contiguous)
{
	uint64_t address;

	if (!length)
		return refuse(dom, -EINVAL);
	if (iom_radix_is_far(iova))
		return far_iova_to_va(dom, iova, length, va, contiguous);
	if (!find(dom->by_iova.top, iova, length, &address, contiguous))
		return refuse(dom, -ENOENT);
	*va = (void *)(uintptr_t)address;
	return 0;
}
