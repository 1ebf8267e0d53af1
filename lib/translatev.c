// SPDX-License-Identifier: BSD-3-Clause
/* Scatter lists: the translations of many pieces at once. */
#include <errno.h>
#include <limits.h>
#include <stdbool.h>

#include "domain.h"

/* How many pieces ahead a slot is fetched: as many misses of the cache as a core has under way. */
#define AHEAD 8

/* A piece as it is worked off: what is left of it, and what is contiguous at its beginning. */
struct rest {
	const struct iom_domain *dom;
	uint64_t va, length;
	uint64_t iova, run; /* of the first run bytes; 0: not looked up yet */
};

static int refuse(const struct iom_domain *dom, int err)
{
	return iom_is_ours(dom) ? err : -EPERM;
}

static inline void fetch(const struct iom_domain *dom, const struct iovec *iov, size_t n, size_t i)
{
	if (i < n)
		iom_radix_prefetch(&dom->by_va, (uintptr_t)iov[i].iov_base);
}

/* What is contiguous at va, no more than length. */
static inline int look_up(const struct iom_domain *dom, uint64_t va, uint64_t length,
			  uint64_t *iova, uint64_t *run)
{
	if (iom_radix_lookup(&dom->by_va, va, iova, run) < 0)
		return refuse(dom, -ENOENT);
	if (*run > length)
		*run = length;
	return 0;
}

/* A count as it is returned: more than that no array has. */
static size_t limited(size_t max)
{
	return max < INT_MAX ? max : INT_MAX;
}

/* ---- Elements ---------------------------------------------------------------------------------- */

/* Whether an element goes on at iova: not past 2^64, where no device goes. */
static bool continues(const struct iom_sge *sge, uint64_t iova)
{
	return sge->iova + sge->length == iova && iova;
}

int iom_translatev(const struct iom_domain *dom, const struct iovec *iov, size_t n,
		   struct iom_sge *sges, size_t max)
{
	uint64_t va, left, iova, run;
	size_t i, used = 0;
	int ret;

	max = limited(max);
	for (i = 1; i < AHEAD && i < n; i++)
		fetch(dom, iov, n, i);
	for (i = 0; i < n; i++) {
		fetch(dom, iov, n, i + AHEAD);
		va = (uintptr_t)iov[i].iov_base;
		for (left = iov[i].iov_len; left; va += run, left -= run) {
			ret = look_up(dom, va, left, &iova, &run);
			if (ret < 0)
				return ret;
			if (used && continues(&sges[used - 1], iova)) {
				sges[used - 1].length += run;
				continue;
			}
			if (used == max)
				return -EMSGSIZE;
			sges[used++] = (struct iom_sge){ iova, run };
		}
	}
	return used ? (int)used : refuse(dom, -EINVAL);
}

/* ---- Pages ------------------------------------------------------------------------------------- */

/* Make sure that the first bytes of the rest, no more than its length, are one run. */
static int gather(struct rest *rest, uint64_t bytes)
{
	uint64_t iova, run;
	int ret;

	while (rest->run < bytes) {
		ret = look_up(rest->dom, rest->va + rest->run, rest->length - rest->run, &iova,
			      &run);
		if (ret < 0)
			return ret;
		if (!rest->run)
			rest->iova = iova;
		else if (iova != rest->iova + rest->run)
			return -EINVAL;
		rest->run += run;
	}
	return 0;
}

/* Fill pages with those of a piece; how many there are. */
static int fill_pages(struct rest *rest, uint64_t page, iom_iova_t *pages, size_t max)
{
	size_t used = 0;
	int ret;

	while (rest->length) {
		uint64_t bytes = page - (rest->va & (page - 1));

		if (bytes > rest->length)
			bytes = rest->length;
		ret = gather(rest, bytes);
		if (ret < 0)
			return ret;
		if ((rest->iova ^ rest->va) & (page - 1))
			return -EINVAL;
		if (used == max)
			return -EMSGSIZE;
		pages[used++] = rest->iova;
		rest->va += bytes;
		rest->iova += bytes;
		rest->length -= bytes;
		rest->run -= bytes;
	}
	return (int)used;
}

int iom_translate_pages(const struct iom_domain *dom, const struct iovec *iov, size_t n,
			uint64_t page, iom_iova_t *pages, size_t max)
{
	bool ended = false; /* the piece before ended within a page, so there may be none more */
	size_t i, used = 0;
	int ret;

	if (page < 512 || page & (page - 1))
		return refuse(dom, -EINVAL);
	max = limited(max);
	for (i = 1; i < AHEAD && i < n; i++)
		fetch(dom, iov, n, i);
	for (i = 0; i < n; i++) {
		struct rest rest = { dom, (uintptr_t)iov[i].iov_base, iov[i].iov_len, 0, 0 };

		fetch(dom, iov, n, i + AHEAD);
		if (!rest.length)
			continue;
		if (ended || (used && rest.va & (page - 1)))
			return refuse(dom, -EINVAL);
		ended = (rest.va + rest.length) & (page - 1);
		/* pages may be NULL where max is 0 */
		ret = fill_pages(&rest, page, used ? pages + used : pages, max - used);
		if (ret < 0)
			return ret;
		used += (size_t)ret;
	}
	return used ? (int)used : refuse(dom, -EINVAL);
}
