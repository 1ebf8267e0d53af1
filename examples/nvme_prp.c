// SPDX-License-Identifier: BSD-3-Clause
/*
 * Physical Region Pages: how a command says where its data is.  Base 4.1.1.
 *
 * The first entry may begin anywhere in a page, at a multiple of 4; all others begin where a page
 * does.  Two entries fit in the command; of more, the second is the address of a list.  The last place
 * of a list page that is not the last holds the address of the next one.
 */
#include <endian.h>
#include <errno.h>

#include "nvme.h"

uint32_t nvme_prp_list_pages(uint32_t page, uint64_t length)
{
	/* A buffer that begins within a page touches one more than it fills: that one is prp1's. */
	uint64_t entries = (length + page - 1) / page;
	uint64_t places = page / sizeof(le64);

	if (entries < 2)
		return 0;
	return (uint32_t)((entries - 1 + places - 2) / (places - 1));
}

int nvme_prp_build(const struct iom_domain *domain, uint32_t page, const void *buffer,
		   uint64_t length, le64 *list, iom_iova_t list_iova, struct nvme_prp *prp)
{
	const uint64_t places = page / sizeof(le64);
	struct nvme_prp result = { 0, 0 };
	const char *va = buffer;
	iom_iova_t iova = 0, next;
	uint64_t run = 0, more, part, left, i = 0;
	unsigned int n = 0;
	int ret;

	for (left = length; left; left -= part, va += part, iova += part, run -= part, n++) {
		if (!run) {
			ret = iom_translate(domain, va, left, &iova, &run);
			if (ret < 0)
				return ret;
		}

		/* Pages are the device's, so it is the IOVA that says where one ends. */
		part = page - (iova & (page - 1));
		if (part > left)
			part = left;
		while (run < part) {
			ret = iom_translate(domain, va + run, left - run, &next, &more);
			if (ret < 0)
				return ret;
			if (next != iova + run)
				return -EINVAL;
			run += more;
		}

		if (iova & (n ? page - 1 : 3))
			return -EINVAL;
		if (n == 0) {
			result.prp1 = iova;
			continue;
		}
		if (n == 1 && left <= page) {
			result.prp2 = iova;
			continue;
		}

		result.prp2 = list_iova;
		if (i % places == places - 1 && left > page) {
			list[i] = htole64(list_iova + (i + 1) * sizeof(le64));
			i++;
		}
		list[i++] = htole64(iova);
	}

	*prp = result;
	return 0;
}
