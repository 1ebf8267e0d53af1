// SPDX-License-Identifier: BSD-3-Clause
/*
 * Defects that were seen in other libraries, each under its number:
 *
 *	1   mapping a mapped address again, longer, with other flags or fixed: success, nothing done
 *	2   overlap looked for at the start address only
 *	3   automatic IOVAs collide with fixed ones; a fixed one's IOVA goes to the automatic pool
 *	4   a failed map leaks its IOVA, or leaves a part mapped
 *	5   2 MiB get an IOVA that is not a multiple of 2 MiB
 *	6   unmapping everything leaks, and never gives the IOVAs back
 *	7   unmapped without effect, mapped anew: the device writes to the old buffer (SPDK #1705)
 *	8   translate reads what another thread frees
 *	9   a length of [0, 2^64 - 1] overflows
 *	10  exit() or abort() when the kernel refuses
 *	11  a hard-wired 40-bit IOVA on an IOMMU of 39 bits (unvme #4, cloud-hypervisor #7030)
 *	12  one kernel mapping for each 2 MiB: 65535 of them are 128 GiB (SPDK #1142)
 *	13  mapping before the first attach fails without a word why (libevpl #86)
 *	16  the interface is chosen when the program is built, and no other is tried
 *
 * 8 is in thread_tests.c.  14 (window sizing by trial) is POWER's, and 15 (a benchmark that measures another backend than it
 * says) a benchmark's.
 */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "rig.h"

static enum outcome mapped_again(struct fixture *f)
{
	struct iom_map_opts at = { .size = sizeof(at) };
	uint64_t page = f->page;
	struct iom_counters before;
	struct iom_region r;
	struct rig rig;
	char *p = memory(4 * page);

	TRY(rig_build(&rig, f, f->dev));
	OK(iom_map(f->dom, p, page, IOM_MAP_RW, NULL, &r));
	before = counters(f);
	at.iova = r.iova + 16 * page;
	REFUSED(iom_map(f->dom, p, 4 * page, IOM_MAP_RW, NULL, NULL), -EEXIST, "already");
	REFUSED(iom_map(f->dom, p, page, IOM_MAP_READ, NULL, NULL), -EEXIST, "already");
	REFUSED(iom_map(f->dom, p, page, IOM_MAP_RW | IOM_MAP_FIXED, &at, NULL), -EEXIST,
		"already");
	REFUSED(iom_map(f->dom, p, page, IOM_MAP_RW, NULL, NULL), -EEXIST, "already");
	EXPECT(same_mappings(f, &before) && before.kernel_maps == counters(f).kernel_maps);
	TRY(rig_reaches(&rig, p, r.iova));
	TRY(rig_misses(&rig, p, at.iova));
	rig_release(&rig);
	return PASS;
}

/* Every overlap of [2, 6) in twelve pages, by address and by IOVA. */
static enum outcome overlaps(struct fixture *f)
{
	uint64_t page = f->page, first, n;
	char *p = memory(12 * page), *q = memory(12 * page);
	struct iom_region r, other;
	iom_iova_t base;

	OK(iom_map(f->dom, q, 12 * page, IOM_MAP_RW, NULL, &r));
	OK(iom_unmap(f->dom, &r));
	base = r.iova;
	OK(map_at(f, p + 2 * page, 4 * page, base + 2 * page, &r));
	for (first = 0; first < 8; first++) {
		for (n = 1; first + n <= 8; n++) {
			bool overlap = first < 6 && first + n > 2;
			int ret;

			ret = map_at(f, p + first * page, n * page, base + 64 * page, &other);
			EXPECT(ret == (overlap ? -EEXIST : 0));
			if (!ret)
				OK(iom_unmap(f->dom, &other));
			ret = map_at(f, q, n * page, base + first * page, &other);
			EXPECT(ret == (overlap ? -EEXIST : 0));
			if (!ret)
				OK(iom_unmap(f->dom, &other));
		}
	}
	for (first = 0; first < 12; first++)
		EXPECT(first < 2 || first >= 6
			       ? !is_mapped(f, p + first * page)
			       : translates_to(f, p + first * page, base + first * page));
	return PASS;
}

/* Automatic IOVAs in an area where every second page is fixed; then the fixed ones go. */
static enum outcome fixed_among_automatic(struct fixture *f)
{
	struct iom_region fixed[8], r[24];
	struct iom_aperture a;
	uint64_t page = f->page, start, limit;
	bool taken[33] = { false };
	int i;

	OK(iom_apertures(f->dom, &a, 1));
	start = a.start ? a.start : page;
	limit = start + 32 * page - 1;
	for (i = 0; i < 8; i++) {
		OK(map_at(f, memory(page), page, start + (uint64_t)i * 2 * page, &fixed[i]));
		taken[i * 2] = true;
	}
	for (i = 0; i < 24; i++) {
		uint64_t slot;

		OK(map_below(f, memory(page), page, limit, &r[i]));
		slot = (r[i].iova - start) / page;
		EXPECT(r[i].iova >= start && slot < 32 && !taken[slot]);
		taken[slot] = true;
	}
	REFUSED(map_below(f, memory(page), page, limit, NULL), -ENOSPC, "no free IOVA");
	for (i = 0; i < 8; i++)
		OK(iom_unmap(f->dom, &fixed[i]));
	for (i = 0; i < 8; i++)
		OK(map_at(f, fixed[i].va, page, fixed[i].iova, &fixed[i]));

	/* page 0 may be fixed, and is nobody's afterwards */
	if (a.start)
		return PASS;
	OK(map_at(f, memory(page), page, 0, &fixed[0]));
	OK(iom_unmap(f->dom, &fixed[0]));
	REFUSED(map_below(f, memory(page), page, page - 1, NULL), -ERANGE, "limit");
	REFUSED(map_below(f, memory(page), page, limit, NULL), -ENOSPC, "no free IOVA");
	return PASS;
}

/* A hundred failures in room for four pages: all four are free afterwards. */
static enum outcome failures_leak_nothing(struct fixture *f)
{
	struct iom_counters before = counters(f);
	uint64_t page = memory_page(f), limit;
	char *p = memory(4 * page);
	struct iom_aperture a;
	int i;

	OK(iom_apertures(f->dom, &a, 1));
	limit = (a.start ? a.start : f->page) + 4 * page - 1;
	take_away(p + 3 * page, page);
	for (i = 0; i < 100; i++)
		REFUSED(map_below(f, p, 4 * page, limit, NULL), -EFAULT, "not there");
	EXPECT(same_mappings(f, &before) && !is_mapped(f, p));
	OK(map_below(f, p, 3 * page, limit, NULL));
	OK(map_below(f, memory(page), page, limit, NULL));
	return PASS;
}

static enum outcome aligned(struct fixture *f)
{
	struct iom_region small, r;
	int i;

	/* something in the way, so that it is not by luck */
	OK(iom_map(f->dom, memory(f->page), f->page, IOM_MAP_RW, NULL, &small));
	for (i = 0; i < 4; i++) {
		OK(iom_map(f->dom, memory(2 * MIB), 2 * MIB, IOM_MAP_RW, NULL, &r));
		EXPECT(!(r.iova & (largest_page(f, r.iova, 2 * MIB) - 1)));
		EXPECT(!(r.iova & (f->page - 1)));
	}
	return PASS;
}

static enum outcome all_come_back(struct fixture *f)
{
	struct iom_counters before = counters(f);
	struct iom_aperture a;
	uint64_t limit, page = f->page;
	char *p = memory(16 * page);
	int round, i;

	OK(iom_apertures(f->dom, &a, 1));
	limit = (a.start ? a.start : page) + 16 * page - 1;
	for (round = 0; round < 100; round++) {
		for (i = 0; i < 16; i++)
			OK(map_below(f, p + (uint64_t)i * page, page, limit, NULL));
		OK(iom_unmap_all(f->dom));
		EXPECT(same_mappings(f, &before));
	}
	OK(map_below(f, p, 16 * page, limit, NULL));
	return PASS;
}

/* Buffer after buffer at one IOVA: the device always reaches the one that is mapped. */
static enum outcome reused_iova(struct fixture *f)
{
	unsigned char *a = memory(f->page), *b = memory(f->page), *now, *old;
	struct iom_region r;
	struct rig rig;
	int i;

	TRY(rig_build(&rig, f, f->dev));
	OK(iom_map(f->dom, a, f->page, IOM_MAP_RW, NULL, &r));
	for (i = 0; i < 4; i++) {
		now = i % 2 ? a : b;
		old = i % 2 ? b : a;
		OK(iom_unmap(f->dom, &r));
		OK(map_at(f, now, f->page, r.iova, &r));
		memset(old, 0x5a, RIG_BYTES);
		TRY(rig_reaches(&rig, now, r.iova));
		EXPECT(old[0] == 0x5a && !memcmp(old, old + 1, RIG_BYTES - 1));
	}
	rig_release(&rig);
	return PASS;
}

/* Ranges that end at 2^64, and lengths near to it. */
static enum outcome end_of_the_address_space(struct fixture *f)
{
	struct iom_aperture a[N_APERTURES];
	struct iom_counters before;
	uint64_t page = f->page, run;
	struct iom_region r;
	char *p = memory(page);
	void *va;
	int n;

	OK(n = iom_apertures(f->dom, a, N_APERTURES));
	OK(map_below(f, p, page, UINT64_MAX, &r));
	before = counters(f);
	REFUSED(iom_unmap_range(f->dom, 0, UINT64_MAX), -ENOENT, "nothing is mapped");
	REFUSED(iom_unmap_range(f->dom, 1, UINT64_MAX), -ENOENT, "nothing is mapped");
	REFUSED(iom_unmap_range(f->dom, 2, UINT64_MAX), -ERANGE, "2^64");
	REFUSED(iom_unmap_range(f->dom, r.iova, -r.iova), -ENOENT, "nothing is mapped");
	REFUSED(iom_map(f->dom, p, UINT64_MAX - page + 1, IOM_MAP_RW, NULL, NULL), -EFAULT,
		"address space");
	EXPECT(same_mappings(f, &before) && translates_to(f, p, r.iova));
	OK(iom_unmap(f->dom, &r));

	/* on some machines this is the last page there is */
	OK(map_at(f, p, page, a[n - 1].last - page + 1, &r));
	OK(iom_iova_to_va(f->dom, a[n - 1].last, UINT64_MAX, &va, &run));
	EXPECT(va == p + page - 1 && run == 1);
	EXPECT(iom_iova_to_va(f->dom, UINT64_MAX, 1, &va, &run) ==
	       (a[n - 1].last == UINT64_MAX ? 0 : -ENOENT));
	OK(iom_unmap_range(f->dom, r.iova, page));
	OK(map_at(f, p, page, a[n - 1].last - page + 1, NULL));
	return PASS;
}

/* What the kernel refuses, again and again, ends in an errno: the process goes on. */
static enum outcome refusals_are_survived(struct fixture *f)
{
	char *unreadable = room(f->page, PROT_NONE), *p = memory(f->page);
	struct iom_device *dev = NULL;
	struct iom_region r;
	int i, ret;

	for (i = 0; i < 20; i++) {
		REFUSED(iom_map(f->dom, unreadable, f->page, IOM_MAP_RW, NULL, NULL), -EFAULT,
			"not there");
		REFUSED(iom_attach(f->dom, "fffe:ff:1f.7", NULL, &dev), -ENODEV, "no PCI device");
	}
	STAGE(stage_memlock(0));
	REFUSED(iom_map(f->dom, p, f->page, IOM_MAP_RW, NULL, &r), -ENOMEM, "map");
	STAGE(stage_no_descriptors());
	if (f->world->edu)
		REFUSED(attach(f, f->world->edu, &dev), -EMFILE, f->world->edu);
	/* the size of the pages is a matter of /proc, of which one may be kept */
	if (on_power(f)) {
		ret = iom_map(f->dom, p, f->page, IOM_MAP_RW, NULL, &r);
		EXPECT(ret == -EMFILE || ret == -ENOMEM);
	}
	EXPECT(!dev && !counters(f).mappings);
	return PASS;
}

/* Whatever its width, the IOMMU is asked for nothing that it cannot translate. */
static enum outcome within_the_iommu(struct fixture *f)
{
	struct iom_aperture a[N_APERTURES];
	struct iom_region r;
	int n, i, j;

	OK(n = iom_apertures(f->dom, a, N_APERTURES));
	for (i = 0; i < 64; i++) {
		OK(iom_map(f->dom, memory(f->page), f->page, IOM_MAP_RW, NULL, &r));
		for (j = 0; j < n; j++)
			if (r.iova >= a[j].start && r.iova + f->page - 1 <= a[j].last)
				break;
		EXPECT(j < n);
	}
	return PASS;
}

/* A gibibyte is one mapping of the kernel's.  It is of 2 MiB that lie there 512 times. */
static enum outcome one_entry_for_all(struct fixture *f)
{
	int fd = memfd_create("conformance", MFD_CLOEXEC);
	struct iom_counters before, after;
	char *p = room(GIB, PROT_NONE);
	struct iom_region r;
	uint64_t at;
	int ret;

	EXPECT(fd >= 0 && !ftruncate(fd, 2 * MIB));
	for (at = 0; at < GIB; at += 2 * MIB)
		EXPECT(mmap(p + at, 2 * MIB, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd,
			    0) == p + at);
	close(fd);
	before = counters(f);
	ret = iom_map(f->dom, p, GIB, IOM_MAP_RW, NULL, &r);
	if (ret == -ERANGE && !has_room(f, GIB))
		return not_applicable("no aperture has room for 1 GiB");
	OK(ret);
	after = counters(f);
	EXPECT(after.kernel_maps == before.kernel_maps + 1);
	EXPECT(after.entry_limit == UINT64_MAX || after.entries_used == before.entries_used + 1);
	EXPECT(translates_to(f, p + GIB - 1, r.iova + GIB - 1));
	OK(iom_unmap(f->dom, &r));
	EXPECT(same_mappings(f, &before));
	return PASS;
}

static enum outcome map_before_attach(struct fixture *f)
{
	struct iom_region r;
	void *p = memory(64 * KIB);

	REFUSED(iom_map(f->dom, p, 64 * KIB, IOM_MAP_RW, NULL, &r), -ENODEV,
		"no device is attached", "attach one first");
	OK(attach(f, f->world->device, &f->dev));
	OK(iom_map(f->dom, p, 64 * KIB, IOM_MAP_RW, NULL, &r));
	iom_detach(f->dev);
	REFUSED(iom_map(f->dom, memory(64 * KIB), 64 * KIB, IOM_MAP_RW, NULL, NULL), -ENODEV,
		"no device is attached");
	return PASS;
}

/* The backend is chosen when the first device comes, by what the kernel can do then. */
static enum outcome chosen_at_run_time(struct fixture *f)
{
	struct iom_open_opts opts = { .size = sizeof(opts) };
	struct iom_domain *dom;
	struct iom_device *dev;
	const char *first;

	OK(attach(f, f->world->device, &f->dev));
	first = iom_backend(f->dom);
	iom_detach(f->dev);
	OK(world_open(&dom, &opts));
	STAGE(stage_missing(strstr(first, "iommufd") ? "/dev/iommu" : "/dev/vfio/vfio"));
	if (iom_attach(dom, f->world->device, NULL, &dev) < 0) {
		/* there was only one */
		EXPECT(strstr(iom_errmsg(), f->world->device));
		EXPECT(!iom_backend(dom));
	} else {
		EXPECT(strcmp(iom_backend(dom), first) != 0);
	}
	iom_close(dom);
	return PASS;
}

const struct test defect_tests[] = {
	{ "defect-1-mapped-again", mapped_again, NEEDS_EDU },
	{ "defect-2-overlaps-of-every-shape", overlaps, NEEDS_DEVICE },
	{ "defect-3-fixed-among-automatic", fixed_among_automatic, NEEDS_DEVICE },
	{ "defect-4-failures-leak-nothing", failures_leak_nothing, NEEDS_DEVICE },
	{ "defect-5-aligned-to-2-mib", aligned, NEEDS_DEVICE },
	{ "defect-6-unmap-all-gives-all-back", all_come_back, NEEDS_DEVICE },
	{ "defect-7-iova-used-again", reused_iova, NEEDS_EDU },
	{ "defect-9-end-of-the-address-space", end_of_the_address_space, NEEDS_DEVICE },
	{ "defect-10-refusals-are-survived", refusals_are_survived, NEEDS_DEVICE },
	{ "defect-11-within-the-iommu", within_the_iommu, NEEDS_DEVICE },
	{ "defect-12-one-entry-for-a-gibibyte", one_entry_for_all, NEEDS_DEVICE },
	{ "defect-13-map-before-attach", map_before_attach, NEEDS_ADDRESSES },
	{ "defect-16-chosen-at-run-time", chosen_at_run_time, NEEDS_ADDRESSES },
	{ NULL, NULL, NEEDS_DEVICE },
};
