// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>

#include "domain.h"

/*
 * The I/O path.  A forked child finds the top tables wiped, so it always comes to a miss, and only
 * a miss asks whose domain this is.
 */
static inline int look_up(const struct iom_domain *dom, const struct iom_radix *radix, uint64_t key,
			  uint64_t length, uint64_t *value, uint64_t *contiguous)
{
	uint64_t v, run;

	if (!length)
		return iom_is_ours(dom) ? -EINVAL : -EPERM;
	if (iom_radix_lookup(radix, key, &v, &run) < 0)
		return iom_is_ours(dom) ? -ENOENT : -EPERM;
	*value = v;
	*contiguous = run < length ? run : length;
	return 0;
}

int iom_translate(const struct iom_domain *dom, const void *va, uint64_t length, iom_iova_t *iova,
		  uint64_t *contiguous)
{
	return look_up(dom, &dom->by_va, (uintptr_t)va, length, iova, contiguous);
}

int iom_iova_to_va(const struct iom_domain *dom, iom_iova_t iova, uint64_t length, void **va,
		   uint64_t *contiguous)
{
	uint64_t address;
	int ret;

	ret = look_up(dom, &dom->by_iova, iova, length, &address, contiguous);
	if (!ret)
		*va = (void *)(uintptr_t)address;
	return ret;
}
