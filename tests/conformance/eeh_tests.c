// SPDX-License-Identifier: BSD-3-Clause
/* Devices that the platform stops, and back: POWER's EEH, and what the others say instead. */
#include <errno.h>
#include <string.h>

#include "rig.h"

#define NO_STATES "the kernel cannot tell the state of a device here"

/* Where nothing is mapped, in the reach of every device. */
#define NOWHERE UINT64_C(0xffff000)

static bool is_powernv(const struct fixture *f)
{
	return !strcmp(iom_backend(f->dom), "powernv");
}

/* It works, or nobody can tell, and the sentence says why. */
static enum outcome state(struct fixture *f)
{
	int ret = iom_device_state(f->dev);

	if (ret == IOM_DEVICE_WORKS && on_power(f))
		return PASS;
	EXPECT(!is_powernv(f));
	REFUSED(iom_device_state(f->dev), -EOPNOTSUPP, iom_device_address(f->dev), "EEH");
	REFUSED(iom_device_recover(f->dev, IOM_RECOVER_RESET), -EOPNOTSUPP,
		iom_device_address(f->dev), "EEH");
	REFUSED(iom_device_recover(f->dev, IOM_RECOVER_UNFREEZE), -EOPNOTSUPP,
		iom_device_address(f->dev), "EEH");
	return PASS;
}

static enum outcome wrong_flags(struct fixture *f)
{
	REFUSED(iom_device_recover(f->dev, 0), -EINVAL, iom_device_address(f->dev), "flags");
	REFUSED(iom_device_recover(f->dev, IOM_RECOVER_UNFREEZE | IOM_RECOVER_RESET), -EINVAL,
		iom_device_address(f->dev), "flags");
	REFUSED(iom_device_recover(f->dev, 4), -EINVAL, iom_device_address(f->dev), "0x4");
	return PASS;
}

/* What works is not touched by a thaw, not even for a moment. */
static enum outcome thaw(struct fixture *f)
{
	struct rig rig;

	if (iom_device_state(f->dev) < 0)
		return not_applicable(NO_STATES);
	TRY(rig_build(&rig, f, f->dev));
	TRY(rig_works(&rig));
	OK(iom_device_recover(f->dev, IOM_RECOVER_UNFREEZE));
	TRY(rig_works(&rig));
	EXPECT(iom_device_state(f->dev) == IOM_DEVICE_WORKS);
	rig_release(&rig);
	return PASS;
}

/* A reset leaves the mappings as they are, and the device is set up anew. */
static enum outcome reset(struct fixture *f)
{
	void *p = memory(f->page), *q = memory(f->page);
	struct iom_counters before, after;
	struct iom_region r, gone;
	struct rig rig;

	if (iom_device_state(f->dev) < 0)
		return not_applicable(NO_STATES);
	OK(iom_map(f->dom, p, f->page, IOM_MAP_RW, NULL, &r));
	OK(iom_map(f->dom, q, f->page, IOM_MAP_RW, NULL, &gone));
	TRY(rig_build(&rig, f, f->dev));
	TRY(rig_reaches(&rig, p, r.iova));
	TRY(rig_reaches(&rig, q, gone.iova));
	OK(iom_unmap(f->dom, &gone));
	rig_release(&rig);
	before = counters(f);
	OK(iom_device_recover(f->dev, IOM_RECOVER_RESET));
	after = counters(f);
	EXPECT(!memcmp(&before, &after, sizeof(before)));
	EXPECT(iom_device_state(f->dev) == IOM_DEVICE_WORKS);
	TRY(rig_take(&rig, f->dev));
	TRY(rig_works(&rig));
	TRY(rig_reaches(&rig, p, r.iova));
	TRY(rig_misses(&rig, q, gone.iova));
	OK(iom_unmap(f->dom, &r));
	TRY(rig_misses(&rig, p, r.iova));
	rig_release(&rig);
	return PASS;
}

/* ---- Where a fault freezes ------------------------------------------------------------------- */

/* DMA to where nothing is mapped, from a device that worked. */
static enum outcome freeze(struct rig *rig)
{
	TRY(rig_works(rig));
	expect_fault(rig->address, NOWHERE);
	OK(rig_copy(rig, NOWHERE));
	return PASS;
}

/* Not even where something is mapped does anything arrive. */
static enum outcome is_stopped(struct rig *rig)
{
	rig_prepare(rig, rig->to);
	OK(rig_copy(rig, rig->to_region.iova));
	EXPECT(rig_untouched(rig, rig->to));
	rig->proven = false;
	return PASS;
}

static enum outcome check_frozen(const struct iom_device *dev)
{
	REFUSED(iom_device_state(dev), IOM_DEVICE_FROZEN, iom_device_address(dev), "frozen",
		"read as ones", "nothing is mapped", "iom_device_recover");
	return PASS;
}

static enum outcome frozen(struct fixture *f, unsigned int way)
{
	struct iom_region r, come;
	void *p = memory(f->page), *q = memory(f->page);
	struct rig rig;

	STAGE(stage_freezing());
	OK(iom_map(f->dom, p, f->page, IOM_MAP_RW, NULL, &r));
	TRY(rig_build(&rig, f, f->dev));
	EXPECT(iom_device_state(f->dev) == IOM_DEVICE_WORKS);
	TRY(freeze(&rig));
	TRY(check_frozen(f->dev));
	TRY(is_stopped(&rig));
	/* mappings come and go */
	OK(iom_map(f->dom, q, f->page, IOM_MAP_RW, NULL, &come));
	OK(iom_unmap(f->dom, &r));
	OK(iom_device_recover(f->dev, way));
	EXPECT(iom_device_state(f->dev) == IOM_DEVICE_WORKS);
	if (way == IOM_RECOVER_RESET) {
		rig_release(&rig);
		TRY(rig_take(&rig, f->dev));
	}
	TRY(rig_works(&rig));
	TRY(rig_reaches(&rig, q, come.iova));
	/* what was unmapped is not there, as the next freeze shows */
	rig_prepare(&rig, p);
	OK(rig_copy(&rig, r.iova));
	EXPECT(rig_untouched(&rig, p));
	TRY(check_frozen(f->dev));
	OK(iom_device_recover(f->dev, way));
	rig_release(&rig);
	return PASS;
}

static enum outcome frozen_and_thawed(struct fixture *f)
{
	return frozen(f, IOM_RECOVER_UNFREEZE);
}

static enum outcome frozen_and_reset(struct fixture *f)
{
	return frozen(f, IOM_RECOVER_RESET);
}

/* A device of another group goes on, before and after. */
static enum outcome frozen_alone(struct fixture *f)
{
	struct iom_device *dev;
	struct rig rig, other;

	NEED(f->world->edu2, "no second edu device");
	STAGE(stage_freezing());
	TRY(rig_build(&rig, f, f->dev));
	OK(attach(f, f->world->edu2, &dev));
	other = rig;
	TRY(rig_take(&other, dev));
	TRY(freeze(&rig));
	EXPECT(iom_device_state(dev) == IOM_DEVICE_WORKS);
	TRY(rig_works(&other));
	TRY(freeze(&other));
	OK(iom_device_recover(dev, IOM_RECOVER_RESET));
	EXPECT(iom_device_state(dev) == IOM_DEVICE_WORKS);
	TRY(check_frozen(f->dev));
	TRY(is_stopped(&rig));
	/* it can go as it is, and comes back sound */
	rig_release(&rig);
	iom_detach(f->dev);
	OK(attach(f, f->world->edu, &f->dev));
	TRY(rig_take(&rig, f->dev));
	TRY(rig_works(&rig));
	rig_release(&other);
	rig_release(&rig);
	return PASS;
}

/* Both functions of a group are stopped by what one of them did, and both recover. */
static enum outcome frozen_together(struct fixture *f)
{
	struct iom_device *first, *second;
	struct rig rig, other;

	NEED(f->world->pair[0], "no two functions of one group");
	STAGE(stage_freezing());
	OK(attach(f, f->world->pair[0], &first));
	OK(attach(f, f->world->pair[1], &second));
	f->page = iom_page_size(f->dom);
	TRY(rig_build(&rig, f, first));
	other = rig;
	TRY(rig_take(&other, second));
	TRY(rig_works(&other));
	TRY(freeze(&rig));
	TRY(check_frozen(second));
	TRY(is_stopped(&other));
	OK(iom_device_recover(second, IOM_RECOVER_RESET));
	EXPECT(iom_device_state(first) == IOM_DEVICE_WORKS);
	rig_release(&other);
	rig_release(&rig);
	TRY(rig_take(&rig, first));
	TRY(rig_works(&rig));
	rig_release(&rig);
	return PASS;
}

const struct test eeh_tests[] = {
	{ "eeh-state-of-a-device", state, NEEDS_DEVICE },
	{ "eeh-flags", wrong_flags, NEEDS_DEVICE },
	{ "eeh-thaw-of-what-works", thaw, NEEDS_EDU },
	{ "eeh-reset-keeps-mappings", reset, NEEDS_EDU },
	{ "eeh-frozen-and-thawed", frozen_and_thawed, NEEDS_EDU },
	{ "eeh-frozen-and-reset", frozen_and_reset, NEEDS_EDU },
	{ "eeh-frozen-alone", frozen_alone, NEEDS_EDU },
	{ "eeh-frozen-together", frozen_together, NEEDS_ADDRESSES },
	{ NULL, NULL, NEEDS_DEVICE },
};
