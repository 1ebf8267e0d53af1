// SPDX-License-Identifier: BSD-3-Clause
/* POWER: apertures that are asked for choose DMA windows, have them made, and let them go. */
#include <errno.h>
#include <string.h>

#include "power.h"
#include "request.h"
#include "rig.h"

/* What a device may have at most besides the default window, or in its place. */
#define WINDOW (64 * MIB)

static bool is_powernv(const struct fixture *f)
{
	return !strcmp(iom_backend(f->dom), "powernv");
}

/* So many windows were made and removed, or nobody counts. */
static enum outcome made_and_removed(unsigned int made, unsigned int removed)
{
	struct window_calls calls;

	if (!world_window_calls(&calls))
		return PASS;
	if (calls.created != made || calls.removed != removed)
		return failed(__FILE__, __LINE__, "%u windows were made and %u removed",
			      calls.created, calls.removed);
	return PASS;
}

/* Only the default window is there. */
static enum outcome has_default_only(struct fixture *f)
{
	struct listed list;

	TRY(read_list(f, &list));
	EXPECT(list.n == 1 && !list.v[0].start && list.v[0].last < 4 * GIB);
	EXPECT(list.v[0].page_sizes == 4 * KIB && !list.v[0].flags);
	return PASS;
}

/* ---- A window that is made ------------------------------------------------------------------- */

/* Room for such pages is a window of them, which goes with the request. */
static enum outcome window_of(struct fixture *f, char *p, uint64_t length, uint64_t page)
{
	struct iom_aperture a;
	struct iom_region r;
	struct rig rig;
	uint64_t id;

	TRY(rig_build(&rig, f, f->dev));
	TRY(has_default_only(f));
	OK(ask_anywhere(f, WINDOW, page, &id));
	TRY(was_granted(f, id, WINDOW, page, 0, &a));
	EXPECT(a.start >= FAR && a.page_sizes == page);
	TRY(made_and_removed(1, 0));
	OK(iom_map(f->dom, p, length, IOM_MAP_RW, NULL, &r));
	EXPECT(r.iova < a.start);
	OK(iom_unmap(f->dom, &r));
	REFUSED(map_at(f, p, length, a.start + page / 2, NULL), -EINVAL, "multiples of");
	OK(map_at(f, p, length, a.start, &r));
	TRY(rig_reaches(&rig, p, a.start));
	TRY(rig_reaches(&rig, p + length - RIG_BYTES, a.start + length - RIG_BYTES));
	REFUSED(iom_aperture_release(f->dom, id), -EBUSY, "mapped");
	OK(iom_unmap(f->dom, &r));
	TRY(rig_misses(&rig, p, a.start));
	OK(map_at(f, p, length, a.last + 1 - length, &r));
	TRY(rig_reaches(&rig, p, r.iova));
	OK(iom_unmap(f->dom, &r));
	OK(iom_aperture_release(f->dom, id));
	TRY(made_and_removed(1, 1));
	TRY(has_default_only(f));
	TRY(rig_misses(&rig, p, a.start));

	/* and again, at the same place */
	OK(ask_at(f, a.start, WINDOW, page, &id));
	TRY(was_granted_at(f, id, a.start, WINDOW, page, 0));
	OK(map_at(f, p, length, a.start, &r));
	TRY(rig_reaches(&rig, p, a.start));
	TRY(made_and_removed(2, 1));
	rig_release(&rig);
	return PASS;
}

static enum outcome two_windows(struct fixture *f)
{
	TRY(power_open(f, 0, 0, 0));
	if (world_windows() < 2)
		return not_applicable("the device has one window only");
	return PASS;
}

static enum outcome pages_of_64_kib(struct fixture *f)
{
	char *p;

	TRY(two_windows(f));
	if (world_page_size() < 64 * KIB)
		TRY(power_huge(4 * MIB, 21, &p));
	else
		p = memory(4 * MIB);
	return window_of(f, p, 4 * MIB, 64 * KIB);
}

static enum outcome pages_of_2_mib(struct fixture *f)
{
	char *p;

	TRY(two_windows(f));
	TRY(power_huge(8 * MIB, 21, &p));
	return window_of(f, p, 8 * MIB, 2 * MIB);
}

/* Requests share the window that one of them had made; it goes with the last of them. */
static enum outcome shared_window(struct fixture *f)
{
	struct iom_aperture a;
	uint64_t id, second, third;
	struct listed list;

	TRY(two_windows(f));
	OK(ask_anywhere(f, 48 * MIB, 64 * KIB, &id));
	TRY(was_granted(f, id, 48 * MIB, 64 * KIB, 0, &a));
	EXPECT(a.start >= FAR);
	TRY(read_list(f, &list));
	EXPECT(find_listed(&list, a.last + 1, 16 * MIB));
	OK(ask_at(f, a.last + 1, 8 * MIB, 64 * KIB, &second));
	OK(ask(f, a.last + 1 + 8 * MIB, 4 * MIB, 64 * KIB, IOM_APERTURE_FIXED | IOM_APERTURE_AUTO,
	       &third));
	TRY(was_granted_at(f, second, a.last + 1, 8 * MIB, 64 * KIB, 0));
	TRY(made_and_removed(1, 0));
	OK(iom_aperture_release(f->dom, id));
	TRY(was_granted_at(f, second, a.last + 1, 8 * MIB, 64 * KIB, 0));
	OK(iom_aperture_release(f->dom, second));
	TRY(made_and_removed(1, 0));
	TRY(was_granted_at(f, third, a.last + 1 + 8 * MIB, 4 * MIB, 64 * KIB, IOM_APERTURE_AUTO));
	OK(iom_aperture_release(f->dom, third));
	TRY(made_and_removed(1, 1));
	return has_default_only(f);
}

/* A window in which something is mapped, besides the request, stays. */
static enum outcome window_in_use(struct fixture *f)
{
	struct iom_aperture a;
	struct iom_region r;
	struct listed list;
	struct rig rig;
	uint64_t id;
	char *p;

	TRY(two_windows(f));
	if (world_page_size() < 64 * KIB)
		TRY(power_huge(2 * MIB, 21, &p));
	else
		p = memory(2 * MIB);
	TRY(rig_build(&rig, f, f->dev));
	OK(ask_anywhere(f, 48 * MIB, 64 * KIB, &id));
	TRY(was_granted(f, id, 48 * MIB, 64 * KIB, 0, &a));
	OK(map_at(f, p, 2 * MIB, a.last + 1, &r));
	OK(iom_aperture_release(f->dom, id));
	TRY(made_and_removed(1, 0));
	TRY(rig_reaches(&rig, p + MIB, r.iova + MIB));
	TRY(read_list(f, &list));
	EXPECT(find_listed(&list, a.start, WINDOW));
	OK(iom_unmap(f->dom, &r));
	TRY(rig_misses(&rig, p, r.iova));
	TRY(rig_works(&rig));
	rig_release(&rig);
	return PASS;
}

/* There is one other window and never a third: the kernel is not even asked. */
static enum outcome second_of_them(struct fixture *f)
{
	struct iom_aperture a;
	struct listed before;
	uint64_t id, none = 0;

	TRY(two_windows(f));
	OK(ask_anywhere(f, WINDOW, 64 * KIB, &id));
	TRY(was_granted(f, id, WINDOW, 64 * KIB, 0, &a));
	TRY(read_list(f, &before));
	REFUSED(ask_anywhere(f, 8 * GIB, 2 * MIB, &none), -EBUSY, "would have to be replaced",
		in_hex(a.start).text);
	REFUSED(ask_at(f, FAR + 64 * GIB, WINDOW, 2 * MIB, &none), -EBUSY,
		"would have to be replaced");
	REFUSED(ask_at(f, a.start, WINDOW, 64 * KIB, &none), -EEXIST, "requested before");
	EXPECT(!none);
	TRY(made_and_removed(1, 0));
	TRY(same_list(f, &before));
	TRY(was_granted_at(f, id, a.start, WINDOW, 64 * KIB, 0));

	/* what fits the default one is in it, if with smaller pages */
	OK(ask_anywhere(f, WINDOW, 2 * MIB, &none));
	TRY(was_granted(f, none, WINDOW, 2 * MIB, 0, &a));
	EXPECT(a.last < 4 * GIB);
	TRY(made_and_removed(1, 0));
	return PASS;
}

/* Nor is the kernel asked for what no window can be: too many entries, too far, no such pages. */
static enum outcome no_such_window(struct fixture *f)
{
	uint64_t id = 0;

	TRY(power_open(f, 0, 0, 0));
	REFUSED(ask_anywhere(f, UINT64_C(1) << 58, 4 * KIB, &id), -ERANGE, "window");
	REFUSED(ask_at(f, UINT64_C(1) << 62, WINDOW, 64 * KIB, &id), -ERANGE, "window");
	REFUSED(ask_at(f, UINT64_MAX - WINDOW + 1, WINDOW, 64 * KIB, &id), -ERANGE, "window");
	EXPECT(!id);
	TRY(made_and_removed(0, 0));
	return has_default_only(f);
}

/* ---- A window at 0 --------------------------------------------------------------------------- */

/*
 * A flat range over a guest's memory, as on x86: PowerNV has it in a window at 0, less the hole
 * below 4 GiB, which is the bridge's.  pSeries has nothing at 0 but its default window.
 */
static enum outcome flat_range(struct fixture *f)
{
	uint64_t low = 0, high = 0, none = 0;
	struct listed list;
	struct rig rig;
	uint64_t hole;
	char *p, *q;

	TRY(power_open(f, 0, 0, 0));
	TRY(read_list(f, &list));
	hole = list.v[0].last + 1;
	if (!is_powernv(f)) {
		REFUSED(ask_at(f, 0, 4 * GIB, 4 * KIB, &none), -ERANGE, "pSeries",
			in_hex(hole - 1).text);
		REFUSED(ask_at(f, 4 * GIB, 2 * GIB, 4 * KIB, &none), -ERANGE, "pSeries");
		EXPECT(!none);
		TRY(made_and_removed(0, 0));
		OK(ask_at(f, 0, hole, 4 * KIB, &low));
		return was_granted_at(f, low, 0, hole, 4 * KIB, 0);
	}
	REFUSED(ask_at(f, GIB, 4 * GIB, 0, &none), -ERANGE, in_hex(hole).text,
		in_hex(4 * GIB - 1).text, "below and above");
	EXPECT(!none);
	OK(ask_at(f, 0, GIB, world_page_size(), &low));
	OK(ask_at(f, 4 * GIB, 2 * GIB, world_page_size(), &high));
	f->page = iom_page_size(f->dom);
	EXPECT(f->page == world_page_size());
	TRY(was_granted_at(f, low, 0, GIB, f->page, 0));
	TRY(was_granted_at(f, high, 4 * GIB, 2 * GIB, f->page, 0));
	REFUSED(ask_at(f, GIB, 4 * GIB, 0, &none), -EEXIST, "requested before");
	TRY(rig_build(&rig, f, f->dev));
	p = memory(f->page);
	q = memory(f->page);
	OK(map_at(f, p, f->page, 0, NULL));
	OK(map_at(f, q, f->page, 6 * GIB - f->page, NULL));
	REFUSED(map_at(f, memory(f->page), f->page, hole, NULL), -ERANGE, "aperture");
	TRY(rig_reaches(&rig, p, 0));
	TRY(rig_reaches(&rig, q + f->page - RIG_BYTES, 6 * GIB - RIG_BYTES));
	TRY(rig_misses(&rig, q, 6 * GIB - 2 * f->page));
	rig_release(&rig);
	OK(iom_unmap_all(f->dom));
	OK(iom_aperture_release(f->dom, high));
	OK(iom_aperture_release(f->dom, low));
	TRY(read_list(f, &list));
	EXPECT(!list.v[0].start && list.v[0].last == hole - 1);
	EXPECT(list.v[0].page_sizes == 4 * KIB && !list.v[0].flags);
	return PASS;
}

/* The default window goes for a larger one only while nothing is mapped in it. */
static enum outcome default_in_use(struct fixture *f)
{
	struct listed before;
	uint64_t id = 0;
	struct rig rig;

	TRY(power_open(f, 0, 0, 0));
	if (!is_powernv(f))
		return not_applicable("the default window is never replaced here");
	TRY(rig_build(&rig, f, f->dev));
	TRY(read_list(f, &before));
	REFUSED(ask_at(f, 4 * GIB, GIB, 64 * KIB, &id), -EBUSY, "would have to be replaced",
		"is mapped in it");
	TRY(same_list(f, &before));
	TRY(made_and_removed(0, 0));
	TRY(rig_works(&rig));
	rig_release(&rig);
	OK(iom_unmap_all(f->dom));
	OK(ask_at(f, 4 * GIB, GIB, 64 * KIB, &id));
	TRY(was_granted_at(f, id, 4 * GIB, GIB, 64 * KIB, 0));
	TRY(read_list(f, &before));
	EXPECT(before.v[0].page_sizes == 64 * KIB && !before.v[0].start);
	OK(iom_aperture_release(f->dom, id));
	TRY(has_default_only(f));
	TRY(rig_build(&rig, f, f->dev));
	TRY(rig_works(&rig));
	rig_release(&rig);
	return PASS;
}

/* ---- Devices come and go --------------------------------------------------------------------- */

/* Kept before the first attach, which makes the window; made again after the last detach. */
static enum outcome window_at_attach(struct fixture *f)
{
	struct iom_aperture a, b;
	struct rig rig;
	uint64_t id;
	char *p;

	NEED(f->world->wide, "no edu device that drives 64 bits");
	if (world_windows() < 2)
		return not_applicable("the device has one window only");
	if (world_page_size() < 64 * KIB)
		TRY(power_huge(2 * MIB, 21, &p));
	else
		p = memory(2 * MIB);
	OK(open_domain(f, 0));
	OK(ask_anywhere(f, WINDOW, 64 * KIB, &id));
	OK(power_attach(f, f->world->wide, 0, &f->dev));
	f->page = iom_page_size(f->dom);
	TRY(was_granted(f, id, WINDOW, 64 * KIB, 0, &a));
	EXPECT(a.start >= FAR);
	TRY(made_and_removed(1, 0));
	TRY(rig_build(&rig, f, f->dev));
	OK(map_at(f, p, 2 * MIB, a.start, NULL));
	TRY(rig_reaches(&rig, p + MIB, a.start + MIB));
	rig_release(&rig);

	iom_detach(f->dev);
	OK(power_attach(f, f->world->wide, 0, &f->dev));
	TRY(was_granted(f, id, WINDOW, 64 * KIB, 0, &b));
	EXPECT(a.start == b.start);
	TRY(rig_take(&rig, f->dev));
	TRY(rig_reaches(&rig, p + MIB, a.start + MIB));
	rig_release(&rig);

	/* with nothing mapped */
	OK(iom_unmap_all(f->dom));
	iom_detach(f->dev);
	OK(power_attach(f, f->world->wide, 0, &f->dev));
	TRY(was_granted_at(f, id, a.start, WINDOW, 64 * KIB, 0));
	OK(iom_aperture_release(f->dom, id));
	return has_default_only(f);
}

/* A device that cannot drive the window is refused it. */
static enum outcome narrow_device(struct fixture *f)
{
	struct iom_device *dev = NULL;
	struct listed before;
	uint64_t id, none = 0;

	TRY(power_open(f, 0, 0, 32));
	if (world_windows() < 2)
		return not_applicable("the device has one window only");
	REFUSED(ask_at(f, FAR, WINDOW, 64 * KIB, &none), -ERANGE, in_hex(UINT32_MAX).text);
	TRY(made_and_removed(0, 0));
	iom_detach(f->dev);
	OK(power_attach(f, f->world->wide, 0, &f->dev));
	OK(ask_anywhere(f, WINDOW, 64 * KIB, &id));
	TRY(read_list(f, &before));
	NEED(f->world->edu2, "no second edu device");
	REFUSED(power_attach(f, f->world->edu2, 32, &dev), -EBUSY, f->world->edu2, "request");
	EXPECT(!dev && !none);
	TRY(same_list(f, &before));
	OK(iom_aperture_release(f->dom, id));
	OK(power_attach(f, f->world->edu2, 32, &dev));
	return has_default_only(f);
}

/* All groups have the window: those that were there, and those that come. */
static enum outcome two_groups(struct fixture *f)
{
	struct iom_device *dev, *third = NULL;
	struct rig rig, other;
	struct iom_aperture a;
	struct iom_region r;
	struct listed list;
	uint64_t id;
	char *p;

	TRY(two_windows(f));
	NEED(f->world->wide2, "no second edu device that drives 64 bits");
	if (world_page_size() < 64 * KIB)
		TRY(power_huge(2 * MIB, 21, &p));
	else
		p = memory(2 * MIB);
	TRY(rig_build(&rig, f, f->dev));
	OK(ask_anywhere(f, WINDOW, 64 * KIB, &id));
	TRY(was_granted(f, id, WINDOW, 64 * KIB, 0, &a));
	OK(map_at(f, p, 2 * MIB, a.start, &r));
	OK(power_attach(f, f->world->wide2, 0, &dev));
	other = rig;
	TRY(rig_take(&other, dev));
	TRY(rig_reaches(&other, p + MIB, a.start + MIB));
	TRY(rig_reaches(&rig, p + MIB, a.start + MIB));
	if (f->world->elsewhere) {
		TRY(read_list(f, &list));
		REFUSED(power_attach(f, f->world->elsewhere, 0, &third), -ERANGE,
			f->world->elsewhere, "begin");
		TRY(same_list(f, &list));
		TRY(rig_reaches(&other, p, a.start));
	}
	OK(iom_unmap(f->dom, &r));
	OK(iom_aperture_release(f->dom, id));
	TRY(has_default_only(f));
	TRY(rig_works(&other));

	/* and with both there from the beginning */
	OK(ask_anywhere(f, WINDOW, 64 * KIB, &id));
	TRY(was_granted(f, id, WINDOW, 64 * KIB, 0, &a));
	OK(map_at(f, p, 2 * MIB, a.start + MIB, &r));
	TRY(rig_reaches(&rig, p, r.iova));
	TRY(rig_reaches(&other, p, r.iova));
	OK(iom_unmap(f->dom, &r));
	TRY(rig_misses(&rig, p, r.iova));
	TRY(rig_misses(&other, p, r.iova));
	rig_release(&other);
	rig_release(&rig);
	return PASS;
}

/* Its only window is replaced for a request, and comes back with its release. */
static enum outcome only_window(struct fixture *f)
{
	struct iom_aperture a;
	struct rig rig;
	uint64_t id, none = 0;
	char *p;

	if (world_windows() != 1)
		return not_applicable("there may be two windows");
	TRY(power_open(f, 0, 0, 0));
	TRY(rig_build(&rig, f, f->dev));
	REFUSED(ask_at(f, FAR, 8 * GIB, world_page_size(), &none), -EBUSY,
		"would have to be replaced");
	TRY(rig_works(&rig));
	OK(iom_unmap_all(f->dom));
	OK(ask_at(f, FAR, 8 * GIB, world_page_size(), &id));
	TRY(was_granted_at(f, id, FAR, 8 * GIB, world_page_size(), 0));
	f->page = iom_page_size(f->dom);
	EXPECT(f->page == world_page_size());
	p = memory(f->page);
	OK(map_at(f, rig.from, f->page, FAR, &rig.from_region));
	OK(map_at(f, rig.to, f->page, FAR + f->page, &rig.to_region));
	OK(map_at(f, p, f->page, FAR + 8 * GIB - f->page, NULL));
	TRY(rig_reaches(&rig, p, FAR + 8 * GIB - f->page));
	TRY(was_granted(f, id, 8 * GIB, f->page, 0, &a));
	rig_release(&rig);
	OK(iom_unmap_all(f->dom));
	OK(iom_aperture_release(f->dom, id));
	TRY(has_default_only(f));
	f->page = iom_page_size(f->dom);
	TRY(rig_build(&rig, f, f->dev));
	TRY(rig_works(&rig));
	rig_release(&rig);
	return PASS;
}

const struct test request_power_tests[] = {
	{ "power-request-pages-of-64-kib", pages_of_64_kib, NEEDS_WINDOWS },
	{ "power-request-pages-of-2-mib", pages_of_2_mib, NEEDS_WINDOWS },
	{ "power-request-shares-a-window", shared_window, NEEDS_WINDOWS },
	{ "power-request-leaves-a-window-in-use", window_in_use, NEEDS_WINDOWS },
	{ "power-request-second-of-other-pages", second_of_them, NEEDS_WINDOWS },
	{ "power-request-no-such-window", no_such_window, NEEDS_WINDOWS },
	{ "power-request-flat-range", flat_range, NEEDS_WINDOWS },
	{ "power-request-default-window-in-use", default_in_use, NEEDS_WINDOWS },
	{ "power-request-window-at-attach", window_at_attach, NEEDS_WINDOWS },
	{ "power-request-narrow-device", narrow_device, NEEDS_WINDOWS },
	{ "power-request-two-groups", two_groups, NEEDS_WINDOWS },
	{ "power-request-only-window", only_window, NEEDS_WINDOWS },
	{ NULL, NULL, NEEDS_WINDOWS },
};
