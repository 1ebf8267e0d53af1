// SPDX-License-Identifier: BSD-3-Clause
/* POWER: a domain is one container for each group, and all have the same windows. */
#include <errno.h>
#include <string.h>

#include "power.h"
#include "rig.h"

#define NO_OTHER "no second edu device that drives 64 bits"

/* What is expected of the windows of both: memory of huge pages, or if there is none, of others. */
static enum outcome open_two(struct fixture *f, char **p)
{
	NEED(f->world->wide2, NO_OTHER);
	*p = world_huge_memory(4 * MIB, 21);
	if (*p && world_windows() > 1)
		return power_open(f, 64 * MIB, 2 * MIB, 0);
	*p = memory(4 * MIB);
	return power_open(f, 2 * GIB, world_page_size(), 0);
}

/* The second comes late, and meets what is mapped in all windows; then the first goes. */
static enum outcome late_group(struct fixture *f)
{
	struct iom_region r, more;
	struct iom_device *dev;
	struct rig rig, other;
	char *p = NULL, *q;

	TRY(open_two(f, &p));
	TRY(rig_build(&rig, f, f->dev));
	OK(iom_map(f->dom, p, 4 * MIB, IOM_MAP_RW, NULL, &r));
	TRY(rig_reaches(&rig, p + MIB, r.iova + MIB));
	OK(power_attach(f, f->world->wide2, 0, &dev));
	other = rig;
	TRY(rig_take(&other, dev));
	TRY(rig_works(&other));
	TRY(rig_reaches(&other, p + 2 * MIB, r.iova + 2 * MIB));
	TRY(rig_reaches(&rig, p + 2 * MIB, r.iova + 2 * MIB));

	/* what comes and goes, does so for both */
	q = memory(f->page);
	OK(iom_map(f->dom, q, f->page, IOM_MAP_RW, NULL, &more));
	TRY(rig_reaches(&rig, q, more.iova));
	TRY(rig_reaches(&other, q, more.iova));
	OK(iom_unmap(f->dom, &more));
	TRY(rig_misses(&rig, q, more.iova));
	TRY(rig_misses(&other, q, more.iova));

	rig_release(&rig);
	iom_detach(f->dev);
	TRY(rig_works(&other));
	TRY(rig_reaches(&other, p + 3 * MIB, r.iova + 3 * MIB));
	OK(power_attach(f, f->world->wide, 0, &f->dev));
	TRY(rig_take(&rig, f->dev));
	TRY(rig_reaches(&rig, p, r.iova));
	OK(iom_unmap(f->dom, &r));
	TRY(rig_misses(&rig, p, r.iova));
	TRY(rig_misses(&other, p, r.iova));
	rig_release(&other);
	rig_release(&rig);
	return PASS;
}

/* The window is made when both are there, and the default one has no room for a further part. */
static enum outcome window_for_both(struct fixture *f)
{
	const uint64_t length = 768 * MIB;
	struct iom_aperture a[N_APERTURES];
	struct iom_device *dev;
	struct rig rig, other;
	struct iom_region r;
	char *p;
	int i;

	NEED(f->world->wide2, NO_OTHER);
	TRY(power_open(f, 0, 0, 0));
	if (world_windows() < 2)
		return not_applicable("the device has one window only");
	OK(power_attach(f, f->world->wide2, 0, &dev));
	EXPECT(iom_apertures(f->dom, a, N_APERTURES) == 1);
	TRY(rig_build(&rig, f, f->dev));
	other = rig;
	TRY(rig_take(&other, dev));
	p = power_alias_memory(length);
	for (i = 0; i < 3; i++) {
		OK(iom_map(f->dom, p, length, IOM_MAP_RW | IOM_MAP_ALIAS, NULL, &r));
		if (r.iova >= FAR)
			break;
	}
	EXPECT(iom_apertures(f->dom, a, N_APERTURES) == 2 && r.iova >= FAR);
	TRY(rig_reaches(&rig, p, r.iova));
	TRY(rig_reaches(&other, p + 512 * MIB, r.iova + 512 * MIB));
	TRY(rig_works(&other));
	OK(iom_unmap(f->dom, &r));
	TRY(rig_misses(&rig, p, r.iova));
	TRY(rig_misses(&other, p, r.iova));
	rig_release(&other);
	rig_release(&rig);
	return PASS;
}

/* A group whose window begins elsewhere cannot join; the first one's DMA goes on. */
static enum outcome begins_elsewhere(struct fixture *f)
{
	struct iom_aperture a[N_APERTURES], b[N_APERTURES];
	struct fixture second = { .world = f->world };
	struct iom_device *dev = NULL;
	struct iom_counters before;
	struct rig rig;
	int n;

	NEED(f->world->elsewhere, "every window begins at the same IOVA here");
	TRY(power_open(f, 2 * GIB, world_page_size(), 0));
	TRY(rig_build(&rig, f, f->dev));
	TRY(rig_works(&rig));
	OK(n = iom_apertures(f->dom, a, N_APERTURES));
	EXPECT(a[n - 1].start >= FAR);
	before = counters(f);
	REFUSED(power_attach(f, f->world->elsewhere, 0, &dev), -ERANGE, f->world->elsewhere,
		"begin");
	EXPECT(!dev && same_mappings(f, &before));
	EXPECT(iom_apertures(f->dom, b, N_APERTURES) == n);
	EXPECT(!memcmp(a, b, sizeof(a[0]) * (size_t)n));
	TRY(rig_works(&rig));

	/* it was let go of: another domain can have it */
	OK(open_domain(&second, 0));
	OK(power_attach(&second, f->world->elsewhere, 0, &dev));
	iom_close(second.dom);
	TRY(rig_works(&rig));
	rig_release(&rig);
	return PASS;
}

/* Nor one whose default window is not as large, even where nothing is mapped. */
static enum outcome unequal_default(struct fixture *f)
{
	struct iom_aperture a[N_APERTURES], b[N_APERTURES];
	struct iom_device *dev = NULL;
	struct rig rig;

	NEED(f->world->unequal, "every default window is as large here");
	TRY(power_open(f, 0, 0, 0));
	EXPECT(iom_apertures(f->dom, a, N_APERTURES) == 1);
	REFUSED(power_attach(f, f->world->unequal, 0, &dev), -ERANGE, f->world->unequal,
		"default DMA window");
	EXPECT(!dev && iom_apertures(f->dom, b, N_APERTURES) == 1);
	EXPECT(!memcmp(a, b, sizeof(a[0])));
	TRY(rig_build(&rig, f, f->dev));
	TRY(rig_works(&rig));
	rig_release(&rig);

	/* alone it has what it has */
	iom_close(f->dom);
	OK(open_domain(f, 0));
	OK(power_attach(f, f->world->unequal, 0, &f->dev));
	EXPECT(iom_apertures(f->dom, b, N_APERTURES) == 1 && b[0].last != a[0].last);
	f->page = iom_page_size(f->dom);
	TRY(rig_build(&rig, f, f->dev));
	TRY(rig_works(&rig));
	OK(map_at(f, memory(f->page), f->page, b[0].last + 1 - f->page, NULL));
	rig_release(&rig);
	return PASS;
}

/* Together from the beginning, they have the default window, and never another one. */
static enum outcome elsewhere_at_need(struct fixture *f)
{
	struct iom_aperture a[N_APERTURES];
	struct iom_device *dev;
	struct rig rig, other;
	struct iom_region r;
	char *p;

	NEED(f->world->elsewhere, "every window begins at the same IOVA here");
	TRY(power_open(f, 0, 0, 0));
	OK(power_attach(f, f->world->elsewhere, 0, &dev));
	TRY(rig_build(&rig, f, f->dev));
	other = rig;
	TRY(rig_take(&other, dev));
	p = power_alias_memory(768 * MIB);
	OK(iom_map(f->dom, p, 768 * MIB, IOM_MAP_RW, NULL, NULL));
	REFUSED(iom_map(f->dom, p, 768 * MIB, IOM_MAP_RW | IOM_MAP_ALIAS, NULL, NULL), -ENOSPC,
		"no free IOVA", world_windows() > 1 ? "begin" : "take the place");
	EXPECT(iom_apertures(f->dom, a, N_APERTURES) == 1 && !a[0].start);
	OK(iom_map(f->dom, p, 2 * MIB, IOM_MAP_RW | IOM_MAP_ALIAS, NULL, &r));
	TRY(rig_reaches(&rig, p + MIB, r.iova + MIB));
	TRY(rig_reaches(&other, p + MIB, r.iova + MIB));
	OK(iom_unmap(f->dom, &r));
	TRY(rig_misses(&other, p, r.iova));
	rig_release(&other);
	rig_release(&rig);
	return PASS;
}

/* Behind a bridge without dynamic windows nothing can be mapped, and this is said at the attach. */
static enum outcome windowless(struct fixture *f)
{
	const char *address;
	struct iom_device *dev = NULL;

	STAGE(stage_windowless(f->world, &address));
	OK(open_domain(f, 0));
	REFUSED(power_attach(f, address, 0, &dev), -EOPNOTSUPP, address, "dynamic DMA windows");
	EXPECT(!dev && !iom_backend(f->dom));
	return PASS;
}

const struct test power_group_tests[] = {
	{ "power-group-that-comes-late", late_group, NEEDS_WINDOWS },
	{ "power-window-for-two-groups", window_for_both, NEEDS_WINDOWS },
	{ "power-group-whose-window-begins-elsewhere", begins_elsewhere, NEEDS_WINDOWS },
	{ "power-group-whose-default-window-differs", unequal_default, NEEDS_WINDOWS },
	{ "power-no-window-for-two-that-differ", elsewhere_at_need, NEEDS_WINDOWS },
	{ "power-bridge-without-windows", windowless, NEEDS_WINDOWS },
	{ NULL, NULL, NEEDS_WINDOWS },
};
