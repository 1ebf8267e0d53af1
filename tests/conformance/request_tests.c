// SPDX-License-Identifier: BSD-3-Clause
/* Apertures that were asked for: which are granted, and what is mapped in them. */
#include "request.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "rig.h"

#define HIGH (UINT64_C(1) << 59)

/* ---- Granted --------------------------------------------------------------------------------- */

/* A fixed range is an aperture of its own, in which the device reaches what is mapped. */
static enum outcome fixed_range(struct fixture *f)
{
	struct iom_region first, last;
	struct listed before;
	struct rig rig;
	uint64_t id = 0;
	char *p;

	TRY(rig_build(&rig, f, f->dev));
	TRY(read_list(f, &before));
	OK(ask_at(f, ASKED, ASKED_LENGTH, 0, &id));
	EXPECT(id);
	TRY(was_granted_at(f, id, ASKED, ASKED_LENGTH, f->page, 0));
	EXPECT(iom_page_size(f->dom) == f->page);
	p = memory(2 * f->page);
	OK(map_at(f, p, f->page, ASKED, &first));
	OK(map_at(f, p + f->page, f->page, ASKED + ASKED_LENGTH - f->page, &last));
	TRY(rig_reaches(&rig, p, ASKED));
	TRY(rig_reaches(&rig, p + 2 * f->page - RIG_BYTES, ASKED + ASKED_LENGTH - RIG_BYTES));
	TRY(rig_misses(&rig, p, ASKED + f->page));
	OK(iom_unmap(f->dom, &first));
	OK(iom_unmap(f->dom, &last));
	TRY(rig_misses(&rig, p, ASKED));
	OK(iom_aperture_release(f->dom, id));
	TRY(same_list(f, &before));
	TRY(rig_works(&rig));
	rig_release(&rig);
	return PASS;
}

/* Anywhere is where the device reaches, and never page 0; above 4 GiB if there is room. */
static enum outcome anywhere(struct fixture *f)
{
	struct iom_aperture a, b;
	struct rig rig;
	uint64_t id, other;
	char *p;

	OK(ask_anywhere(f, ASKED_LENGTH, 0, &id));
	OK(ask_anywhere(f, 3 * f->page, 0, &other));
	EXPECT(id != other);
	TRY(was_granted(f, id, ASKED_LENGTH, f->page, 0, &a));
	TRY(was_granted(f, other, 3 * f->page, f->page, 0, &b));
	EXPECT(a.start && b.start && !(a.last >> EDU_DMA_BITS) && !(b.last >> EDU_DMA_BITS));
	EXPECT(a.last < b.start || b.last < a.start);
	TRY(rig_build(&rig, f, f->dev));
	p = memory(3 * f->page);
	OK(map_at(f, p, 3 * f->page, b.start, NULL));
	TRY(rig_reaches(&rig, p + 2 * f->page, b.start + 2 * f->page));
	OK(map_at(f, memory(f->page), f->page, a.last + 1 - f->page, NULL));
	rig_release(&rig);
	return PASS;
}

static enum outcome anywhere_above(struct fixture *f)
{
	struct iom_aperture a;
	struct listed list;
	uint64_t id;

	TRY(read_list(f, &list));
	OK(ask_anywhere(f, 16 * MIB, 0, &id));
	TRY(was_granted(f, id, 16 * MIB, f->page, 0, &a));
	if (list.v[list.n - 1].last > 5 * GIB)
		EXPECT(a.start >= 4 * GIB);
	OK(map_at(f, memory(f->page), f->page, a.start, NULL));
	return PASS;
}

/* Page 0 is only for those who ask for it. */
static enum outcome page_0(struct fixture *f)
{
	struct iom_region r;
	struct rig rig;
	uint64_t id;
	char *p;

	TRY(rig_build(&rig, f, f->dev));
	OK(ask_at(f, 0, f->page, 0, &id));
	TRY(was_granted_at(f, id, 0, f->page, f->page, 0));
	p = memory(f->page);
	OK(map_at(f, p, f->page, 0, &r));
	TRY(rig_reaches(&rig, p, 0));
	OK(iom_unmap(f->dom, &r));
	TRY(rig_misses(&rig, p, 0));
	OK(iom_aperture_release(f->dom, id));
	rig_release(&rig);
	return PASS;
}

/* Larger pages than the IOMMU's are the unit of what is mapped; smaller ones there are none. */
static enum outcome larger_pages(struct fixture *f)
{
	const uint64_t unit = 16 * f->page;
	struct iom_region r;
	struct rig rig;
	uint64_t id = 0;
	char *p;

	/* on POWER nothing but the default window has both */
	TRY(rig_build(&rig, f, f->dev));
	if (f->page > 4 * KIB)
		REFUSED(ask_at(f, ASKED, ASKED_LENGTH, 4 * KIB, &id), -ERANGE, "page");
	REFUSED(ask_at(f, ASKED + f->page, 4 * unit, unit, &id), -EINVAL, "multiples of");
	REFUSED(ask_at(f, ASKED, 4 * unit + f->page, unit, &id), -EINVAL, "multiples of");
	EXPECT(!id);
	OK(ask_at(f, ASKED, 4 * unit, unit, &id));
	TRY(was_granted_at(f, id, ASKED, 4 * unit, unit, 0));
	EXPECT(iom_page_size(f->dom) == f->page);
	p = memory(4 * unit);
	REFUSED(map_at(f, p, unit, ASKED + f->page, NULL), -EINVAL, "multiples of");
	REFUSED(map_at(f, p, f->page, ASKED, NULL), -EINVAL, "multiples of");
	REFUSED(map_at(f, p, unit + f->page, ASKED + unit, NULL), -EINVAL, "multiples of");
	OK(map_at(f, p, unit, ASKED + unit, &r));
	TRY(rig_reaches(&rig, p, ASKED + unit));
	TRY(rig_reaches(&rig, p + unit - RIG_BYTES, ASKED + 2 * unit - RIG_BYTES));
	TRY(rig_misses(&rig, p, ASKED));
	OK(iom_unmap(f->dom, &r));
	TRY(rig_misses(&rig, p, ASKED + unit));
	OK(iom_aperture_release(f->dom, id));
	OK(map_at(f, p, f->page, ASKED + f->page, &r));
	TRY(rig_reaches(&rig, p, ASKED + f->page));
	rig_release(&rig);
	return PASS;
}

/* ---- Automatic IOVAs ------------------------------------------------------------------------- */

/* Ask for all that the device reaches from an IOVA on. */
static enum outcome fence(struct fixture *f, iom_iova_t from, uint64_t *ids, int *n)
{
	const uint64_t reach = (UINT64_C(1) << EDU_DMA_BITS) - 1;
	struct listed list;
	int i;

	*n = 0;
	TRY(read_list(f, &list));
	for (i = 0; i < list.n; i++) {
		uint64_t start = list.v[i].start > from ? list.v[i].start : from;
		uint64_t last = list.v[i].last < reach ? list.v[i].last : reach;

		if (start < last && !(list.v[i].flags & IOM_APERTURE_REQUESTED))
			OK(ask_at(f, start, last - start + 1, 0, &ids[(*n)++]));
	}
	EXPECT(*n > 0);
	return PASS;
}

/* Map again and again, until no room is left; all lie below end, and so many at from or above. */
static enum outcome fill(struct fixture *f, uint64_t length, iom_iova_t from, iom_iova_t end,
			 unsigned int *above)
{
	char *p = memory(length);
	unsigned int i;
	int ret;

	*above = 0;
	for (i = 0; i < 4096; i++) {
		struct iom_region r;

		ret = iom_map(f->dom, p, length, IOM_MAP_RW | IOM_MAP_ALIAS, NULL, &r);
		if (ret < 0)
			break;
		EXPECT(r.iova && r.iova + length <= end);
		*above += r.iova >= from;
	}
	EXPECT(i > 4);
	REFUSED(ret, -ENOSPC, "no free IOVA");
	return PASS;
}

/* Only fixed IOVAs lie in it, even when there is no other room; afterwards automatic ones do. */
static enum outcome keeps_out(struct fixture *f)
{
	const uint64_t yard = 16 * MIB, length = 16 * f->page;
	uint64_t ids[N_LISTED];
	struct iom_region r;
	unsigned int above;
	int n, i;

	TRY(fence(f, yard, ids, &n));
	TRY(fill(f, length, yard, yard, &above));
	OK(map_at(f, memory(f->page), f->page, ASKED, &r));
	REFUSED(iom_map(f->dom, memory(length), length, IOM_MAP_RW, NULL, NULL), -ENOSPC,
		"no free IOVA");
	REFUSED(map_below(f, memory(length), length, 128 * MIB - 1, NULL), -ENOSPC, "no free IOVA");
	REFUSED(iom_map(f->dom, room(2 * yard, PROT_READ), 2 * yard, IOM_MAP_READ, NULL, NULL),
		-ERANGE, "requested");
	OK(iom_unmap(f->dom, &r));
	for (i = 0; i < n; i++)
		OK(iom_aperture_release(f->dom, ids[i]));
	OK(iom_map(f->dom, memory(length), length, IOM_MAP_RW, NULL, &r));
	EXPECT(r.iova + length > yard && !(r.iova >> EDU_DMA_BITS));
	return PASS;
}

/* Unless it was asked for so: then they fill it, too. */
static enum outcome lets_in(struct fixture *f)
{
	const uint64_t yard = 16 * MIB, length = 16 * f->page;
	uint64_t ids[N_LISTED], id;
	unsigned int above;
	iom_iova_t at;
	int n;

	OK(ask(f, yard, yard, 0, IOM_APERTURE_FIXED | IOM_APERTURE_AUTO, &id));
	TRY(was_granted_at(f, id, yard, yard, f->page, IOM_APERTURE_AUTO));
	TRY(fence(f, 2 * yard, ids, &n));
	TRY(fill(f, length, yard, 2 * yard, &above));
	EXPECT(above == yard / length);
	for (at = yard; at < 2 * yard; at += length)
		REFUSED(map_at(f, memory(length), length, at, NULL), -EEXIST, "mapped already");
	REFUSED(iom_aperture_release(f->dom, id), -EBUSY, "mapped");
	OK(iom_unmap_all(f->dom));
	OK(iom_aperture_release(f->dom, id));
	return PASS;
}

/* What is less than its page stays out even then. */
static enum outcome lets_in_what_fits(struct fixture *f)
{
	const uint64_t yard = 2 * MIB, unit = 16 * f->page;
	uint64_t ids[N_LISTED], id;
	struct iom_region small, r;
	unsigned int above;
	char *p = memory(unit);
	int n;

	OK(iom_map(f->dom, memory(f->page), f->page, IOM_MAP_RW, NULL, &small));
	OK(ask(f, yard, yard, unit, IOM_APERTURE_FIXED | IOM_APERTURE_AUTO, &id));
	TRY(was_granted_at(f, id, yard, yard, unit, IOM_APERTURE_AUTO));
	TRY(fence(f, 2 * yard, ids, &n));
	TRY(fill(f, f->page, yard, 2 * yard, &above));
	EXPECT(!above);
	/* on POWER automatic IOVAs in it want memory of such pages, too */
	if (on_power(f) && world_page_size() < unit)
		return PASS;
	OK(iom_map(f->dom, p, unit, IOM_MAP_RW, NULL, &r));
	EXPECT(r.iova >= yard && r.iova < 2 * yard && !(r.iova & (unit - 1)));
	return PASS;
}

/* ---- Maps ------------------------------------------------------------------------------------ */

/* What lies across a border of it is refused; what ends or begins there is not. */
static enum outcome border(struct fixture *f)
{
	const uint64_t page = f->page, end = ASKED + ASKED_LENGTH;
	struct iom_counters before;
	uint64_t id;
	char *p;

	OK(ask_at(f, ASKED, ASKED_LENGTH, 0, &id));
	p = memory(ASKED_LENGTH + 2 * page);
	before = counters(f);
	REFUSED(map_at(f, p, 2 * page, ASKED - page, NULL), -ERANGE, "aperture");
	REFUSED(map_at(f, p, 2 * page, end - page, NULL), -ERANGE, "aperture");
	REFUSED(map_at(f, p, ASKED_LENGTH + 2 * page, ASKED - page, NULL), -ERANGE, "aperture");
	REFUSED(map_at(f, p, ASKED_LENGTH + page, ASKED, NULL), -ERANGE, "aperture");
	EXPECT(same_mappings(f, &before));
	OK(map_at(f, p, page, ASKED - page, NULL));
	OK(map_at(f, p + page, ASKED_LENGTH, ASKED, NULL));
	OK(map_at(f, p + page + ASKED_LENGTH, page, end, NULL));
	OK(iom_unmap_range(f->dom, ASKED - page, ASKED_LENGTH + 2 * page));
	EXPECT(same_mappings(f, &before));
	return PASS;
}

/* Aliases and files may lie in it as well. */
static enum outcome aliases_and_files(struct fixture *f)
{
	struct iom_map_opts opts = { .size = sizeof(opts), .iova = ASKED };
	const unsigned int flags = IOM_MAP_RW | IOM_MAP_FIXED;
	const uint64_t page = memory_page(f);
	struct iom_region r, alias, file;
	struct rig rig;
	uint64_t id;
	char *p;
	int fd;

	TRY(rig_build(&rig, f, f->dev));
	OK(ask_at(f, ASKED, ASKED_LENGTH, 0, &id));
	p = memory(2 * page);
	OK(iom_map(f->dom, p, 2 * page, IOM_MAP_RW, NULL, &r));
	OK(iom_map(f->dom, p, 2 * page, flags | IOM_MAP_ALIAS, &opts, &alias));
	fd = memfd_create("conformance", MFD_CLOEXEC);
	EXPECT(fd >= 0 && !ftruncate(fd, (off_t)(2 * page)));
	opts.iova += 2 * page;
	OK(iom_map_file(f->dom, fd, 0, 2 * page, flags, &opts, &file));
	close(fd);
	TRY(rig_reaches(&rig, p + page, ASKED + page));
	TRY(rig_reaches(&rig, p + page, r.iova + page));
	TRY(rig_reaches(&rig, (char *)file.va + page, ASKED + 3 * page));
	REFUSED(iom_aperture_release(f->dom, id), -EBUSY, "mapped");
	OK(iom_unmap(f->dom, &alias));
	TRY(rig_misses(&rig, p, ASKED));
	TRY(rig_reaches(&rig, p, r.iova));
	REFUSED(iom_aperture_release(f->dom, id), -EBUSY, "mapped");
	OK(iom_unmap(f->dom, &file));
	OK(iom_aperture_release(f->dom, id));
	rig_release(&rig);
	return PASS;
}

/* ---- Other platforms' ranges ----------------------------------------------------------------- */

/* A device that drives 64 bits reaches what is mapped there, as long as it is. */
static enum outcome reached_at(struct fixture *f, iom_iova_t iova)
{
	char *p = memory(64 * KIB);
	struct iom_region region;
	struct iom_device *dev;
	struct rig rig;

	OK(attach(f, f->world->wide, &dev));
	TRY(rig_build(&rig, f, dev));
	OK(map_at(f, p, 64 * KIB, iova, &region));
	TRY(rig_reaches(&rig, p + 64 * KIB - RIG_BYTES, iova + 64 * KIB - RIG_BYTES));
	OK(iom_unmap(f->dom, &region));
	TRY(rig_misses(&rig, p, iova));
	rig_release(&rig);
	return PASS;
}

/*
 * The two windows that a guest of pSeries has: a gibibyte at 0, in pages of 4 KiB, and one at 2^59.
 * Where the IOMMU does not reach that far, the sentence says how far it does.
 */
static enum outcome pair_of_windows(struct fixture *f)
{
	struct listed list;
	uint64_t low = 0, high = 0;

	TRY(read_list(f, &list));
	if (!find_listed(&list, 0, GIB)) {
		const struct iom_aperture *first = &list.v[0];

		REFUSED(ask_at(f, 0, GIB, 4 * KIB, &low), -ERANGE, "hole",
			in_hex(first->start ? first->start - 1 : first->last + 1).text);
	} else if (f->page > 4 * KIB) {
		REFUSED(ask_at(f, 0, GIB, 4 * KIB, &low), -ERANGE, "smallest page");
	} else {
		OK(ask_at(f, 0, GIB, 4 * KIB, &low));
		TRY(was_granted_at(f, low, 0, GIB, 4 * KIB, 0));
		OK(map_at(f, memory(f->page), f->page, 0, NULL));
		OK(map_at(f, memory(f->page), f->page, GIB - f->page, NULL));
	}
	if (world_windows() > 1 || find_listed(&list, HIGH, GIB)) {
		OK(ask_at(f, HIGH, GIB, 64 * KIB, &high));
		TRY(was_granted_at(f, high, HIGH, GIB, 64 * KIB, 0));
		if (!world_windows() && f->world->wide)
			TRY(reached_at(f, HIGH));
		OK(iom_aperture_release(f->dom, high));
	} else if (world_windows()) {
		REFUSED(ask_at(f, HIGH, GIB, 64 * KIB, &high), -EBUSY, "would have to be replaced");
	} else {
		REFUSED(ask_at(f, HIGH, GIB, 64 * KIB, &high), -ERANGE, in_hex(HIGH).text,
			in_hex(list.v[list.n - 1].last).text);
	}
	if (low)
		TRY(was_granted_at(f, low, 0, GIB, 4 * KIB, 0));
	return PASS;
}

/* A guest's memory, below and above a hole: each is granted, both in one are not. */
static enum outcome around_a_hole(struct fixture *f)
{
	const bool wide = f->world->wide;
	struct iom_aperture below, above;
	uint64_t id, id_below, id_above;
	struct listed list;
	struct rig rig;
	char *p, *q;

	OK(attach(f, wide ? f->world->wide : f->world->device, &f->dev));
	f->page = iom_page_size(f->dom);
	TRY(read_list(f, &list));
	if (list.n < 2)
		return not_applicable("there is no hole");
	below = list.v[0];
	above = list.v[1];
	REFUSED(ask_at(f, below.start, above.start + f->page - below.start, 0, &id), -ERANGE,
		"hole", in_hex(below.last + 1).text, in_hex(above.start - 1).text);
	REFUSED(ask_at(f, below.last + 1, above.start - below.last - 1, 0, &id), -ERANGE, "hole");
	TRY(same_list(f, &list));
	OK(ask_at(f, below.start, below.last - below.start + 1, 0, &id_below));
	OK(ask_at(f, above.start, 5 * GIB - above.start, 0, &id_above));
	TRY(was_granted_at(f, id_below, below.start, below.last - below.start + 1, f->page, 0));
	TRY(was_granted_at(f, id_above, above.start, 5 * GIB - above.start, f->page, 0));
	p = memory(f->page);
	q = memory(f->page);
	OK(map_at(f, p, f->page, below.last + 1 - f->page, NULL));
	OK(map_at(f, q, f->page, 4 * GIB, NULL));
	if (!wide)
		return PASS;
	TRY(rig_build(&rig, f, f->dev));
	TRY(rig_reaches(&rig, p, below.last + 1 - f->page));
	TRY(rig_reaches(&rig, q, 4 * GIB));
	rig_release(&rig);
	return PASS;
}

const struct test request_tests[] = {
	{ "request-fixed-range", fixed_range, NEEDS_EDU },
	{ "request-anywhere", anywhere, NEEDS_EDU },
	{ "request-anywhere-above-4-gib", anywhere_above, NEEDS_DEVICE },
	{ "request-page-0", page_0, NEEDS_EDU },
	{ "request-larger-pages", larger_pages, NEEDS_EDU },
	{ "request-keeps-automatic-iovas-out", keeps_out, NEEDS_EDU },
	{ "request-lets-automatic-iovas-in", lets_in, NEEDS_EDU },
	{ "request-lets-in-what-fits-its-pages", lets_in_what_fits, NEEDS_EDU },
	{ "request-border-is-not-crossed", border, NEEDS_EDU },
	{ "request-aliases-and-files", aliases_and_files, NEEDS_EDU },
	{ "request-pair-of-windows", pair_of_windows, NEEDS_DEVICE },
	{ "request-around-a-hole", around_a_hole, NEEDS_ADDRESSES },
	{ NULL, NULL, NEEDS_DEVICE },
};
