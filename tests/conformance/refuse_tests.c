// SPDX-License-Identifier: BSD-3-Clause
/* Mappings that must be refused, with nothing changed. */
#include <errno.h>
#include <sys/mman.h>

#include "harness.h"

static enum outcome before_attach(struct fixture *f)
{
	REFUSED(iom_map(f->dom, f, 4096, IOM_MAP_RW, NULL, NULL), -ENODEV, "no device is attached");
	REFUSED(iom_apertures(f->dom, NULL, 0), -ENODEV, "no device is attached");
	EXPECT(!iom_page_size(f->dom) && !iom_backend(f->dom));
	return PASS;
}

static enum outcome arguments(struct fixture *f)
{
	struct iom_counters before = counters(f);
	struct iom_map_opts opts = { .size = sizeof(opts), .iova = UINT64_C(1) << 33 };
	uint64_t page = f->page;
	char *p = memory(2 * page);

	REFUSED(iom_map(f->dom, NULL, page, IOM_MAP_RW, NULL, NULL), -EINVAL, "NULL");
	REFUSED(iom_map(f->dom, p, 0, IOM_MAP_RW, NULL, NULL), -EINVAL, "length");
	REFUSED(iom_map(f->dom, p + 16, page, IOM_MAP_RW, NULL, NULL), -EINVAL, "multiples of");
	REFUSED(iom_map(f->dom, p, page / 2, IOM_MAP_RW, NULL, NULL), -EINVAL, "multiples of");
	REFUSED(iom_map(f->dom, p, page, 0, NULL, NULL), -EINVAL, "IOM_MAP_READ");
	REFUSED(iom_map(f->dom, p, page, 0x80000000u | IOM_MAP_RW, NULL, NULL), -EINVAL, "flags");
	REFUSED(iom_map(f->dom, p, page, IOM_MAP_RW | IOM_MAP_FIXED, NULL, NULL), -EINVAL, "FIXED");
	REFUSED(iom_map(f->dom, p, page, IOM_MAP_RW, &opts, NULL), -EINVAL, "FIXED");
	REFUSED(map_at(f, p, page, opts.iova + page / 2, NULL), -EINVAL, "multiples of");
	opts.size = 3;
	REFUSED(iom_map(f->dom, p, page, IOM_MAP_RW, &opts, NULL), -EINVAL, "size");
	EXPECT(same_mappings(f, &before) && before.kernel_maps == counters(f).kernel_maps);
	return PASS;
}

/* Overlapping memory is refused whatever its shape, and the first mapping is not disturbed. */
static enum outcome overlapping_memory(struct fixture *f)
{
	struct iom_counters before;
	struct iom_region r;
	iom_iova_t iova;
	uint64_t run, page = f->page;
	char *p = memory(6 * page);

	OK(iom_map(f->dom, p + 2 * page, 2 * page, IOM_MAP_RW, NULL, &r));
	before = counters(f);
	REFUSED(iom_map(f->dom, p + 2 * page, 2 * page, IOM_MAP_RW, NULL, NULL), -EEXIST,
		"already");
	REFUSED(iom_map(f->dom, p + 2 * page, 3 * page, IOM_MAP_RW, NULL, NULL), -EEXIST,
		"already");
	REFUSED(iom_map(f->dom, p, 6 * page, IOM_MAP_RW, NULL, NULL), -EEXIST, "already");
	REFUSED(iom_map(f->dom, p + 3 * page, page, IOM_MAP_RW, NULL, NULL), -EEXIST, "already");
	REFUSED(iom_map(f->dom, p + page, 2 * page, IOM_MAP_READ, NULL, NULL), -EEXIST, "already");
	REFUSED(map_at(f, p + 2 * page, 2 * page, r.iova + 64 * page, NULL), -EEXIST, "already");
	EXPECT(same_mappings(f, &before) && before.kernel_maps == counters(f).kernel_maps);
	OK(iom_translate(f->dom, p + 3 * page, page, &iova, &run));
	EXPECT(iova == r.iova + page);
	EXPECT(iom_translate(f->dom, p + page, page, &iova, &run) == -ENOENT);
	OK(iom_map(f->dom, p, 2 * page, IOM_MAP_RW, NULL, NULL));
	OK(iom_map(f->dom, p + 4 * page, 2 * page, IOM_MAP_RW, NULL, NULL));
	return PASS;
}

static enum outcome overlapping_iova(struct fixture *f)
{
	struct iom_counters before;
	struct iom_region r;
	uint64_t page = f->page;
	char *p = memory(8 * page);

	/* with a page below it that is in the aperture, too */
	OK(iom_map(f->dom, p, 3 * page, IOM_MAP_RW, NULL, &r));
	OK(iom_unmap(f->dom, &r));
	OK(map_at(f, p, 2 * page, r.iova + page, &r));
	before = counters(f);
	p += 2 * page;
	REFUSED(map_at(f, p, 2 * page, r.iova, NULL), -EEXIST, "mapped already");
	REFUSED(map_at(f, p, page, r.iova + page, NULL), -EEXIST, "mapped already");
	REFUSED(map_at(f, p, 4 * page, r.iova - page, NULL), -EEXIST, "mapped already");
	EXPECT(same_mappings(f, &before) && before.kernel_maps == counters(f).kernel_maps);
	OK(map_at(f, p, page, r.iova + 2 * page, NULL));
	return PASS;
}

/* Between apertures, and across their ends. */
static enum outcome holes(struct fixture *f)
{
	struct iom_counters before = counters(f);
	struct iom_aperture a[N_APERTURES];
	uint64_t page = f->page;
	char *p = memory(2 * page);
	int n, i;

	OK(n = iom_apertures(f->dom, a, N_APERTURES));
	for (i = 0; i < n; i++) {
		if (a[i].start) {
			REFUSED(map_at(f, p, page, a[i].start - page, NULL), -ERANGE, "aperture");
			REFUSED(map_at(f, p, 2 * page, a[i].start - page, NULL), -ERANGE,
				"aperture");
		}
		if (a[i].last != UINT64_MAX) {
			REFUSED(map_at(f, p, page, a[i].last + 1, NULL), -ERANGE, "aperture");
			REFUSED(map_at(f, p, 2 * page, a[i].last + 1 - page, NULL), -ERANGE,
				"aperture");
		}
	}
	EXPECT(same_mappings(f, &before) && before.kernel_maps == counters(f).kernel_maps);
	return PASS;
}

/* Every machine of this suite but POWER has a window for MSIs that DMA cannot use. */
static enum outcome msi_window(struct fixture *f)
{
	struct iom_aperture a[N_APERTURES];
	uint64_t start, last;
	int n, i;

	STAGE(world_msi_window(&start, &last));
	OK(n = iom_apertures(f->dom, a, N_APERTURES));
	for (i = 0; i < n; i++)
		EXPECT(a[i].last < start || a[i].start > last);
	REFUSED(map_at(f, memory(f->page), f->page, start, NULL), -ERANGE, "aperture");
	return PASS;
}

static enum outcome wrap_around(struct fixture *f)
{
	uint64_t page = f->page;
	char *p = memory(2 * page);

	REFUSED(map_at(f, p, 2 * page, -page, NULL), -ERANGE, "2^64");
	REFUSED(iom_map(f->dom, p, -page, IOM_MAP_RW, NULL, NULL), -EFAULT, "address space");
	REFUSED(iom_map(f->dom, (void *)-(2 * page), page, IOM_MAP_RW, NULL, NULL), -EFAULT,
		"lies there");
	return PASS;
}

static enum outcome too_large(struct fixture *f)
{
	struct iom_aperture a[N_APERTURES];
	uint64_t first, page = f->page;

	OK(iom_apertures(f->dom, a, N_APERTURES));
	first = a[0].start ? a[0].start : page;
	REFUSED(map_below(f, memory(2 * page), 2 * page, first + page - 1, NULL), -ERANGE, "limit");
	REFUSED(map_below(f, memory(page), page, page - 2, NULL), -ERANGE, "limit");
	return PASS;
}

static enum outcome missing_memory(struct fixture *f)
{
	struct iom_counters before = counters(f);
	uint64_t page = memory_page(f);
	char *p = memory(4 * page);

	take_away(p + 2 * page, page);
	REFUSED(iom_map(f->dom, p, 4 * page, IOM_MAP_RW, NULL, NULL), -EFAULT, "not there");
	mprotect(p, page, PROT_NONE);
	REFUSED(iom_map(f->dom, p, f->page, IOM_MAP_READ, NULL, NULL), -EFAULT, "not there");
	EXPECT(same_mappings(f, &before));
	OK(iom_map(f->dom, p + page, page, IOM_MAP_RW, NULL, NULL));
	return PASS;
}

const struct test refuse_tests[] = {
	{ "refuse-before-attach", before_attach, NEEDS_ADDRESSES },
	{ "refuse-bad-arguments", arguments, NEEDS_DEVICE },
	{ "refuse-overlapping-memory", overlapping_memory, NEEDS_DEVICE },
	{ "refuse-overlapping-iova", overlapping_iova, NEEDS_DEVICE },
	{ "refuse-holes", holes, NEEDS_DEVICE },
	{ "refuse-msi-window", msi_window, NEEDS_DEVICE },
	{ "refuse-wrap-around", wrap_around, NEEDS_DEVICE },
	{ "refuse-too-large", too_large, NEEDS_DEVICE },
	{ "refuse-missing-memory", missing_memory, NEEDS_DEVICE },
	{ NULL, NULL, NEEDS_DEVICE },
};
