// SPDX-License-Identifier: BSD-3-Clause
/* Scatter lists: the translations of many pieces, and what the device reaches by them. */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "rig.h"

#define MOST 16

/* Memory in three mappings: two that are next to each other in addresses and IOVAs, and one apart. */
struct scattered {
	uint64_t page;
	char *p, *q; /* of 4 and 2 pages */
	struct iom_region r[3];
};

static enum outcome scatter(struct fixture *f, struct scattered *s)
{
	const iom_iova_t base = LOW_IOVA;

	s->page = f->page > 4 * KIB ? f->page : 4 * KIB;
	s->p = memory(4 * s->page);
	s->q = memory(2 * s->page);
	OK(map_at(f, s->p, 2 * s->page, base, &s->r[0]));
	OK(map_at(f, s->p + 2 * s->page, 2 * s->page, base + 2 * s->page, &s->r[1]));
	OK(map_at(f, s->q, 2 * s->page, base + 8 * s->page, &s->r[2]));
	return PASS;
}

/* All of a list can be reached, from its first byte to its last. */
static enum outcome reaches(struct rig *rig, const struct iom_sge *sge, void *va)
{
	char *end = (char *)va + sge->length - RIG_BYTES;

	TRY(rig_reaches(rig, va, sge->iova));
	return rig_reaches(rig, end, sge->iova + sge->length - RIG_BYTES);
}

static enum outcome elements(struct fixture *f)
{
	struct iom_sge sges[MOST];
	struct scattered s;
	struct rig rig;

	TRY(rig_build(&rig, f, f->dev));
	TRY(scatter(f, &s));
	{
		const struct iovec iov[] = {
			/* across the border of two mappings, and the piece behind it */
			{ s.p + s.page + 512, 2 * s.page },
			{ NULL, 0 },
			{ s.p + 3 * s.page + 512, 1024 },
			{ s.q + 100, s.page },
			{ s.p, 700 },
			{ s.p + 700, s.page - 700 },
		};

		EXPECT(iom_translatev(f->dom, iov, 6, sges, MOST) == 3);
		EXPECT(sges[0].iova == s.r[0].iova + s.page + 512);
		EXPECT(sges[0].length == 2 * s.page + 1024);
		EXPECT(sges[1].iova == s.r[2].iova + 100 && sges[1].length == s.page);
		EXPECT(sges[2].iova == s.r[0].iova && sges[2].length == s.page);
		TRY(reaches(&rig, &sges[0], iov[0].iov_base));
		TRY(reaches(&rig, &sges[1], iov[3].iov_base));
		TRY(reaches(&rig, &sges[2], iov[4].iov_base));

		EXPECT(iom_translatev(f->dom, iov, 6, sges, 3) == 3);
		EXPECT(iom_translatev(f->dom, iov, 6, sges, 2) == -EMSGSIZE);
		EXPECT(iom_translatev(f->dom, iov, 6, sges, 0) == -EMSGSIZE);
		EXPECT(iom_translatev(f->dom, iov, 0, sges, MOST) == -EINVAL);
		EXPECT(iom_translatev(f->dom, &iov[1], 1, sges, MOST) == -EINVAL);
	}
	rig_release(&rig);
	return PASS;
}

static enum outcome missing(struct fixture *f)
{
	struct iom_sge sges[MOST];
	iom_iova_t pages[MOST];
	struct iom_region alias;
	struct scattered s;

	TRY(scatter(f, &s));
	{
		char *other = memory(2 * s.page);
		const struct iovec iov[] = {
			{ s.p, s.page },
			{ other, s.page },
			{ s.q, 2 * s.page },
			{ s.q + s.page, s.page + 1 },
		};

		EXPECT(iom_translatev(f->dom, iov, 3, sges, MOST) == -ENOENT);
		EXPECT(iom_translate_pages(f->dom, iov, 3, s.page, pages, MOST) == -ENOENT);
		OK(iom_map(f->dom, s.p, s.page, IOM_MAP_RW | IOM_MAP_ALIAS, NULL, &alias));
		EXPECT(iom_translatev(f->dom, iov, 1, sges, MOST) == 1);
		EXPECT(sges[0].iova == s.r[0].iova);
		/* past the end of a mapping, by a byte */
		EXPECT(iom_translatev(f->dom, &iov[3], 1, sges, MOST) == -ENOENT);
		OK(iom_unmap(f->dom, &s.r[0]));
		EXPECT(iom_translatev(f->dom, iov, 1, sges, MOST) == -ENOENT);
		EXPECT(iom_translatev(f->dom, &iov[2], 1, sges, MOST) == 1);
	}
	return PASS;
}

/* As an NVMe drive wants them: its pages may be smaller than the IOMMU's. */
static enum outcome pages(struct fixture *f)
{
	const uint64_t page = 4 * KIB;
	iom_iova_t list[2 * MOST + 2];
	struct scattered s;
	struct rig rig;
	int i, n;

	TRY(rig_build(&rig, f, f->dev));
	TRY(scatter(f, &s));
	{
		const struct iovec iov[] = {
			{ s.p + 2 * s.page - page + 512, page - 512 },
			{ s.p + 2 * s.page, page },
			{ s.q + s.page - page, 2 * page - 1024 },
		};
		const iom_iova_t expected[] = {
			s.r[0].iova + 2 * s.page - page + 512,
			s.r[1].iova,
			s.r[2].iova + s.page - page,
			s.r[2].iova + s.page,
		};

		EXPECT(iom_translate_pages(f->dom, iov, 3, page, list, 4) == 4);
		EXPECT(!memcmp(list, expected, sizeof(expected)));
		TRY(rig_reaches(&rig, iov[0].iov_base, list[0]));
		TRY(rig_reaches(&rig, iov[1].iov_base, list[1]));
		TRY(rig_reaches(&rig, iov[2].iov_base, list[2]));
		TRY(rig_reaches(&rig, s.q + s.page, list[3]));
		EXPECT(iom_translate_pages(f->dom, iov, 3, page, list, 3) == -EMSGSIZE);
		EXPECT(iom_translate_pages(f->dom, iov, 0, page, list, 4) == -EINVAL);
	}
	{
		/* a whole mapping, in pages of 512 bytes and up */
		const struct iovec whole = { s.p, 8 * KIB };

		n = iom_translate_pages(f->dom, &whole, 1, 512, list, 2 * MOST);
		EXPECT(n == 16);
		for (i = 0; i < n; i++)
			EXPECT(list[i] == s.r[0].iova + 512 * (uint64_t)i);
		TRY(rig_reaches(&rig, s.p + 7 * 512, list[7]));
	}
	rig_release(&rig);
	return PASS;
}

static enum outcome misfits(struct fixture *f)
{
	const uint64_t page = 4 * KIB;
	iom_iova_t list[MOST];
	struct scattered s;

	TRY(scatter(f, &s));
	{
		const struct iovec begins[] = { { s.p, page }, { s.q + 512, page - 512 } };
		const struct iovec ends[] = { { s.p, page - 512 }, { s.q, page } };
		const struct iovec fits[] = { { s.p + 512, page - 512 }, { s.q, 512 } };

		EXPECT(iom_translate_pages(f->dom, begins, 2, page, list, MOST) == -EINVAL);
		EXPECT(iom_translate_pages(f->dom, ends, 2, page, list, MOST) == -EINVAL);
		EXPECT(iom_translate_pages(f->dom, fits, 2, 0, list, MOST) == -EINVAL);
		EXPECT(iom_translate_pages(f->dom, fits, 2, 256, list, MOST) == -EINVAL);
		EXPECT(iom_translate_pages(f->dom, fits, 2, 6000, list, MOST) == -EINVAL);
		EXPECT(iom_translate_pages(f->dom, fits, 2, page, list, MOST) == 2);
	}
	return PASS;
}

/* Pages larger than those of the IOMMU must be in one piece, and at a multiple of themselves. */
static enum outcome larger_pages(struct fixture *f)
{
	const uint64_t unit = memory_page(f), page = 4 * unit;
	const iom_iova_t base = LOW_IOVA;
	iom_iova_t list[MOST];
	char *p = memory(2 * page);
	const struct iovec iov = { p, 2 * page };
	struct iom_region r[2];

	OK(map_at(f, p, page, base + unit, &r[0]));
	OK(map_at(f, p + page, page, base + unit + page, &r[1]));
	EXPECT(iom_translate_pages(f->dom, &iov, 1, page, list, MOST) == -EINVAL);
	EXPECT(iom_translate_pages(f->dom, &iov, 1, unit, list, MOST) == 8);
	OK(iom_unmap(f->dom, &r[0]));
	OK(iom_unmap(f->dom, &r[1]));
	/* a page in two mappings that do not lie together */
	OK(map_at(f, p, page + unit, base, &r[0]));
	OK(map_at(f, p + page + unit, page - unit, base + 4 * page + unit, &r[1]));
	EXPECT(iom_translate_pages(f->dom, &iov, 1, page, list, MOST) == -EINVAL);
	OK(iom_unmap(f->dom, &r[1]));
	OK(map_at(f, p + page + unit, page - unit, base + page + unit, &r[1]));
	EXPECT(iom_translate_pages(f->dom, &iov, 1, page, list, MOST) == 2);
	EXPECT(list[0] == base && list[1] == base + page);
	return PASS;
}

static enum outcome in_a_region(struct fixture *f)
{
	char *p = memory(3 * f->page), *va;
	iom_iova_t iova = 77;
	struct iom_region r;

	OK(iom_map(f->dom, p + f->page, f->page, IOM_MAP_RW, NULL, &r));
	va = r.va;
	EXPECT(iom_region_find(&r, va - 1, 1, &iova) == -ENOENT);
	EXPECT(iom_region_find(&r, va - 1, 2, &iova) == -ENOENT);
	EXPECT(iom_region_find(&r, va + f->page, 1, &iova) == -ENOENT);
	EXPECT(iom_region_find(&r, va + f->page - 1, 2, &iova) == -ENOENT);
	EXPECT(iom_region_find(&r, va + 5, UINT64_MAX, &iova) == -ENOENT);
	EXPECT(iom_region_find(&r, va, f->page + 1, &iova) == -ENOENT);
	EXPECT(iova == 77);
	EXPECT(!iom_region_find(&r, va, f->page, &iova) && iova == r.iova);
	EXPECT(!iom_region_find(&r, va + f->page - 1, 1, &iova) && iova == r.iova + f->page - 1);
	EXPECT(translates_to(f, va + f->page - 1, iova));
	return PASS;
}

const struct test scatter_tests[] = {
	{ "scatter-fewest-elements", elements, NEEDS_EDU },
	{ "scatter-misses", missing, NEEDS_DEVICE },
	{ "scatter-pages", pages, NEEDS_EDU },
	{ "scatter-pages-that-do-not-fit", misfits, NEEDS_DEVICE },
	{ "scatter-larger-pages", larger_pages, NEEDS_DEVICE },
	{ "scatter-in-a-region", in_a_region, NEEDS_DEVICE },
	{ NULL, NULL, NEEDS_DEVICE },
};
