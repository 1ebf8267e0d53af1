// SPDX-License-Identifier: BSD-3-Clause
#include "request.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

int ask(const struct fixture *f, iom_iova_t start, uint64_t length, uint64_t page, uint64_t flags,
	uint64_t *id)
{
	const struct iom_aperture_opts opts = {
		.size = sizeof(opts),
		.start = start,
		.length = length,
		.page = page,
		.flags = flags,
	};

	return iom_aperture_request(f->dom, &opts, id);
}

int ask_at(const struct fixture *f, iom_iova_t start, uint64_t length, uint64_t page, uint64_t *id)
{
	return ask(f, start, length, page, IOM_APERTURE_FIXED, id);
}

int ask_anywhere(const struct fixture *f, uint64_t length, uint64_t page, uint64_t *id)
{
	return ask(f, 0, length, page, 0, id);
}

enum outcome read_list(const struct fixture *f, struct listed *list)
{
	int i;

	*list = (struct listed){ .n = 0 };
	OK(list->n = iom_apertures(f->dom, list->v, N_LISTED));
	EXPECT(list->n > 0 && list->n <= N_LISTED);
	for (i = 0; i < list->n; i++) {
		EXPECT(list->v[i].start <= list->v[i].last);
		EXPECT(!i || list->v[i].start > list->v[i - 1].last);
	}
	return PASS;
}

enum outcome same_list(const struct fixture *f, const struct listed *before)
{
	struct listed now;
	int i;

	TRY(read_list(f, &now));
	for (i = 0; i < now.n || i < before->n; i++)
		if (memcmp(&now.v[i], &before->v[i], sizeof(now.v[i])) != 0)
			return failed(__FILE__, __LINE__,
				      "of %d apertures, number %d is 0x%" PRIx64 " to 0x%" PRIx64
				      ", page sizes 0x%" PRIx64 ", flags 0x%" PRIx64
				      "; of %d it was 0x%" PRIx64 " to 0x%" PRIx64,
				      now.n, i, now.v[i].start, now.v[i].last, now.v[i].page_sizes,
				      now.v[i].flags, before->n, before->v[i].start,
				      before->v[i].last);
	return PASS;
}

const struct iom_aperture *find_listed(const struct listed *list, iom_iova_t start, uint64_t length)
{
	int i;

	for (i = 0; i < list->n; i++)
		if (start >= list->v[i].start && start <= list->v[i].last &&
		    length - 1 <= list->v[i].last - start)
			return &list->v[i];
	return NULL;
}

enum outcome was_granted(const struct fixture *f, uint64_t id, uint64_t length, uint64_t page,
			 uint64_t flags, struct iom_aperture *aperture)
{
	const struct iom_aperture *found;
	struct listed list;

	OK(iom_aperture_granted(f->dom, id, aperture));
	EXPECT(aperture->last - aperture->start == length - 1);
	EXPECT((aperture->page_sizes & -aperture->page_sizes) == page);
	EXPECT(!(aperture->start & (page - 1)));
	EXPECT((aperture->flags & ~(uint64_t)IOM_APERTURE_LARGER_PAGES) ==
	       (flags | IOM_APERTURE_REQUESTED));
	TRY(read_list(f, &list));
	found = find_listed(&list, aperture->start, length);
	EXPECT(found && !memcmp(found, aperture, sizeof(*found)));
	return PASS;
}

enum outcome was_granted_at(const struct fixture *f, uint64_t id, iom_iova_t start, uint64_t length,
			    uint64_t page, uint64_t flags)
{
	struct iom_aperture aperture;

	TRY(was_granted(f, id, length, page, flags, &aperture));
	EXPECT(aperture.start == start);
	return PASS;
}

struct word in_hex(uint64_t n)
{
	struct word word;

	snprintf(word.text, sizeof(word.text), "0x%" PRIx64, n);
	return word;
}
