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

/* A command whose data is being described. */
struct builder {
	uint32_t page;
	le64 *list;
	iom_iova_t list_iova;
	uint64_t listed; /* places of the list that are taken */
	uint64_t entries;
	uint64_t left;   /* bytes that are not described yet */
	iom_iova_t next; /* where what is described ends */
	struct nvme_prp prp;
};

uint32_t nvme_prp_list_pages(uint32_t page, uint64_t length)
{
	/* A buffer that begins within a page touches one more than it fills: that one is prp1's. */
	uint64_t entries = (length + page - 1) / page;
	uint64_t places = page / sizeof(le64);

	if (entries < 2)
		return 0;
	return (uint32_t)((entries - 1 + places - 2) / (places - 1));
}

static void add_entry(struct builder *b, iom_iova_t iova)
{
	uint64_t places = b->page / sizeof(le64);

	switch (b->entries++) {
	case 0:
		b->prp.prp1 = iova;
		return;
	case 1:
		b->prp.prp2 = iova;
		if (b->left <= b->page)
			return;
	}

	b->prp.prp2 = b->list_iova;
	if (b->listed % places == places - 1 && b->left > b->page) {
		b->list[b->listed] = htole64(b->list_iova + (b->listed + 1) * sizeof(le64));
		b->listed++;
	}
	b->list[b->listed++] = htole64(iova);
}

/* Pages are the device's, so it is the IOVA that says where one ends. */
static int add_range(struct builder *b, iom_iova_t iova, uint64_t length)
{
	uint64_t part;

	for (; length; length -= part, iova += part) {
		uint64_t within = iova & (b->page - 1);

		if (b->next & (b->page - 1)) {
			/* A page is of one piece. */
			if (iova != b->next)
				return -EINVAL;
		} else {
			if (b->entries ? within : within & 3)
				return -EINVAL;
			add_entry(b, iova);
		}
		part = b->page - within < length ? b->page - within : length;
		b->left -= part;
		b->next = iova + part;
	}
	return 0;
}

int nvme_prp_build(uint32_t page, const struct iom_sge *sges, size_t n, le64 *list,
		   iom_iova_t list_iova, struct nvme_prp *prp)
{
	struct builder b = { .page = page, .list = list, .list_iova = list_iova };
	int ret;

	for (size_t i = 0; i < n; i++)
		b.left += sges[i].length;
	for (size_t i = 0; i < n; i++) {
		ret = add_range(&b, sges[i].iova, sges[i].length);
		if (ret < 0)
			return ret;
	}
	*prp = b.prp;
	return 0;
}
