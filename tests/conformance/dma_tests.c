// SPDX-License-Identifier: BSD-3-Clause
/* What the device can really reach. */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "rig.h"

static enum outcome reaches_memory(struct fixture *f)
{
	struct rig rig;

	TRY(rig_build(&rig, f, f->dev));
	TRY(rig_works(&rig));
	TRY(rig_works(&rig));
	rig_release(&rig);
	return PASS;
}

/* One IOVA, first for page A, then for page B: the device must find B, and leave A alone. */
static enum outcome is_translated(struct fixture *f)
{
	unsigned char *a = memory(f->page), *b = memory(f->page);
	struct iom_region r;
	iom_iova_t iova;
	struct rig rig;

	TRY(rig_build(&rig, f, f->dev));
	OK(iom_map(f->dom, a, f->page, IOM_MAP_RW, NULL, &r));
	iova = r.iova;
	TRY(rig_reaches(&rig, a, iova));
	OK(iom_unmap(f->dom, &r));
	OK(map_at(f, b, f->page, iova, &r));
	rig_prepare(&rig, a);
	rig_prepare(&rig, b);
	memset(a, 0x5a, RIG_BYTES);
	OK(rig_copy(&rig, iova));
	EXPECT(rig_arrived(&rig, b));
	EXPECT(a[0] == 0x5a && !memcmp(a, a + 1, RIG_BYTES - 1));
	rig_release(&rig);
	return PASS;
}

static enum outcome after_unmap(struct fixture *f)
{
	unsigned char *p = memory(f->page);
	struct iom_region r;
	struct rig rig;

	TRY(rig_build(&rig, f, f->dev));
	OK(iom_map(f->dom, p, f->page, IOM_MAP_RW, NULL, &r));
	TRY(rig_reaches(&rig, p, r.iova));
	OK(iom_unmap(f->dom, &r));

	expect_fault(rig.address, r.iova);
	rig_prepare(&rig, p);
	OK(rig_copy(&rig, r.iova));
	EXPECT(rig_untouched(&rig, p));
	TRY(rig_works(&rig));
	rig_release(&rig);
	return PASS;
}

static enum outcome after_unmap_all(struct fixture *f)
{
	iom_iova_t old;
	struct rig rig;

	TRY(rig_build(&rig, f, f->dev));
	TRY(rig_works(&rig));
	old = rig.to_region.iova;
	OK(iom_unmap_all(f->dom));
	OK(map_at(f, rig.from, f->page, old + f->page, &rig.from_region));

	expect_fault(rig.address, old);
	rig_prepare(&rig, rig.to);
	OK(rig_copy(&rig, old));
	EXPECT(rig_untouched(&rig, rig.to));
	OK(iom_map(f->dom, rig.to, f->page, IOM_MAP_RW, NULL, &rig.to_region));
	TRY(rig_works(&rig));
	rig_release(&rig);
	return PASS;
}

static enum outcome never_mapped(struct fixture *f)
{
	const iom_iova_t nowhere = 0x4000000; /* within edu's 28 bits, far from what is mapped */
	struct rig rig;

	TRY(rig_build(&rig, f, f->dev));
	TRY(rig_works(&rig));
	expect_fault(rig.address, nowhere);
	rig_prepare(&rig, rig.to);
	OK(engine_read(rig.engine, nowhere, RIG_BYTES));
	OK(engine_write(rig.engine, nowhere, RIG_BYTES));
	EXPECT(rig_untouched(&rig, rig.to));
	TRY(rig_works(&rig));
	rig_release(&rig);
	return PASS;
}

static enum outcome read_only(struct fixture *f)
{
	unsigned char *p = memory(f->page);
	struct iom_region r;
	struct rig rig;

	TRY(rig_build(&rig, f, f->dev));
	OK(iom_map(f->dom, p, f->page, IOM_MAP_READ, NULL, &r));
	TRY(rig_works(&rig));
	expect_fault(rig.address, r.iova);
	rig_prepare(&rig, p);
	OK(rig_copy(&rig, r.iova));
	EXPECT(rig_untouched(&rig, p));
	TRY(rig_works(&rig));

	/* reading it works */
	rig_prepare(&rig, rig.to);
	memcpy(p, rig.from, RIG_BYTES);
	OK(engine_read(rig.engine, r.iova, RIG_BYTES));
	OK(engine_write(rig.engine, rig.to_region.iova, RIG_BYTES));
	EXPECT(rig_arrived(&rig, rig.to));
	rig_release(&rig);
	return PASS;
}

/* Memory that nobody wrote before it was mapped: the device sees what is written later. */
static enum outcome read_only_untouched(struct fixture *f)
{
	unsigned char *p;
	struct iom_region r;
	struct rig rig;

	TRY(rig_build(&rig, f, f->dev));
	p = room(f->page, PROT_READ | PROT_WRITE);
	OK(iom_map(f->dom, p, f->page, IOM_MAP_READ, NULL, &r));
	rig_prepare(&rig, rig.to);
	memcpy(p, rig.from, RIG_BYTES);
	OK(engine_read(rig.engine, r.iova, RIG_BYTES));
	OK(engine_write(rig.engine, rig.to_region.iova, RIG_BYTES));
	EXPECT(rig_arrived(&rig, rig.to));
	rig_release(&rig);
	return PASS;
}

static enum outcome write_only(struct fixture *f)
{
	unsigned char *p = memory(f->page);
	struct iom_region r;
	struct rig rig;

	TRY(rig_build(&rig, f, f->dev));
	OK(iom_map(f->dom, p, f->page, IOM_MAP_WRITE, NULL, &r));
	TRY(rig_reaches(&rig, p, r.iova));
	rig_release(&rig);
	return PASS;
}

static enum outcome write_only_cannot_be_read(struct fixture *f)
{
	unsigned char *p = memory(f->page);
	struct iom_region r;
	struct rig rig;

	STAGE(write_only_is_readable());
	TRY(rig_build(&rig, f, f->dev));
	OK(iom_map(f->dom, p, f->page, IOM_MAP_WRITE, NULL, &r));
	TRY(rig_works(&rig));
	expect_fault(rig.address, r.iova);
	rig_prepare(&rig, rig.to);
	memcpy(p, rig.from, RIG_BYTES);
	rig.from[0] ^= 1; /* what the device has, and keeps if the read of p does not happen */
	OK(engine_read(rig.engine, rig.from_region.iova, RIG_BYTES));
	OK(engine_read(rig.engine, r.iova, RIG_BYTES));
	OK(engine_write(rig.engine, rig.to_region.iova, RIG_BYTES));
	EXPECT(memcmp(rig.to, p, RIG_BYTES));
	TRY(rig_works(&rig));
	rig_release(&rig);
	return PASS;
}

/* Both sides of the border between two pages that lie apart in memory and together in IOVAs. */
static enum outcome across_pages(struct fixture *f)
{
	uint64_t page = f->page;
	unsigned char *a = memory(page), *b = memory(page);
	struct iom_region r;
	struct rig rig;

	TRY(rig_build(&rig, f, f->dev));
	/* free room for both, found by mapping something of their size */
	OK(iom_map(f->dom, memory(2 * page), 2 * page, IOM_MAP_RW, NULL, &r));
	OK(iom_unmap(f->dom, &r));
	OK(map_at(f, a, page, r.iova, NULL));
	OK(map_at(f, b, page, r.iova + page, NULL));
	rig_prepare(&rig, rig.to);
	OK(rig_copy(&rig, r.iova + page - RIG_BYTES / 2));
	EXPECT(!memcmp(a + page - RIG_BYTES / 2, rig.from, RIG_BYTES / 2));
	EXPECT(!memcmp(b, rig.from + RIG_BYTES / 2, RIG_BYTES / 2));
	rig_release(&rig);
	return PASS;
}

/* The first and the last page of each aperture that edu can drive, and the last one that it can. */
static enum outcome at_the_ends(struct fixture *f)
{
	const iom_iova_t reach = (UINT64_C(1) << EDU_DMA_BITS) - 1;
	unsigned char *p = memory(f->page);
	struct iom_aperture a[N_APERTURES];
	struct iom_region r;
	struct rig rig;
	int n, i, j;

	TRY(rig_build(&rig, f, f->dev));
	OK(n = iom_apertures(f->dom, a, N_APERTURES));
	for (i = 0; i < n && a[i].start <= reach; i++) {
		uint64_t last = a[i].last < reach ? a[i].last : reach;
		const uint64_t pages[] = { a[i].start, last - f->page + 1 };

		for (j = 0; j < 2; j++) {
			OK(map_at(f, p, f->page, pages[j], &r));
			TRY(rig_reaches(&rig, p, r.iova));
			TRY(rig_reaches(&rig, p + f->page - RIG_BYTES,
					r.iova + f->page - RIG_BYTES));
			OK(iom_unmap(f->dom, &r));
		}
	}
	EXPECT(i);
	REFUSED(map_at(f, p, f->page, reach + 1, &r), -ERANGE, "limit");
	rig_release(&rig);
	return PASS;
}

/* After a detach and an attach, what was mapped is in reach again. */
static enum outcome after_reattach(struct fixture *f)
{
	struct rig rig;

	TRY(rig_build(&rig, f, f->dev));
	TRY(rig_works(&rig));
	rig_release(&rig);
	iom_detach(f->dev);
	OK(attach(f, f->world->edu, &f->dev));
	TRY(rig_take(&rig, f->dev));
	TRY(rig_works(&rig));
	rig_release(&rig);
	return PASS;
}

/* The reach of a second device is the same as the first one's. */
static enum outcome second_device(struct fixture *f)
{
	struct iom_device *other;
	struct rig rig;

	TRY(rig_build(&rig, f, f->dev));
	TRY(rig_works(&rig));
	OK(iom_attach(f->dom, f->world->device, NULL, &other));
	TRY(rig_works(&rig));
	iom_detach(other);
	TRY(rig_works(&rig));
	rig_release(&rig);
	return PASS;
}

const struct test dma_tests[] = {
	{ "dma-reaches-memory", reaches_memory, NEEDS_EDU },
	{ "dma-is-translated", is_translated, NEEDS_EDU },
	{ "dma-faults-after-unmap", after_unmap, NEEDS_EDU },
	{ "dma-faults-after-unmap-all", after_unmap_all, NEEDS_EDU },
	{ "dma-faults-where-nothing-was-mapped", never_mapped, NEEDS_EDU },
	{ "dma-read-only", read_only, NEEDS_EDU },
	{ "dma-read-only-untouched-memory", read_only_untouched, NEEDS_EDU },
	{ "dma-write-only", write_only, NEEDS_EDU },
	{ "dma-write-only-cannot-be-read", write_only_cannot_be_read, NEEDS_EDU },
	{ "dma-across-pages", across_pages, NEEDS_EDU },
	{ "dma-at-the-ends-of-apertures", at_the_ends, NEEDS_EDU },
	{ "dma-after-reattach", after_reattach, NEEDS_EDU },
	{ "dma-while-a-second-device-comes-and-goes", second_device, NEEDS_EDU },
	{ NULL, NULL, NEEDS_EDU },
};
