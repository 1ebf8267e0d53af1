// SPDX-License-Identifier: BSD-3-Clause
/* Requests that come, go and outlive devices; and those that are refused. */
#include "request.h"

#include <errno.h>
#include <string.h>

#include "rig.h"

/* In every first aperture, and past what edu can drive. */
#define FURTHER (512 * MIB)

/* ---- Refused --------------------------------------------------------------------------------- */

struct longer {
	struct iom_aperture_opts opts;
	uint64_t more;
};

static int ask_by(const struct fixture *f, const struct iom_aperture_opts *opts, uint64_t *id)
{
	return iom_aperture_request(f->dom, opts, id);
}

static enum outcome bad_arguments_of(struct fixture *f)
{
	const struct iom_aperture_opts good = {
		.size = sizeof(good),
		.start = ASKED,
		.length = ASKED_LENGTH,
		.flags = IOM_APERTURE_FIXED,
	};
	struct longer longer = { good, 0 };
	struct iom_aperture_opts opts;
	uint64_t id = 0, bit;

	REFUSED(ask_by(f, NULL, &id), -EINVAL, "opts");
	opts = good;
	opts.size = 0;
	REFUSED(ask_by(f, &opts, &id), -EINVAL, "size");
	opts.size = sizeof(opts) - 8;
	REFUSED(ask_by(f, &opts, &id), -EINVAL, "size");
	longer.opts.size = sizeof(longer);
	longer.more = 1;
	REFUSED(ask_by(f, &longer.opts, &id), -E2BIG, "iom_aperture_opts");
	opts = good;
	opts.length = 0;
	REFUSED(ask_by(f, &opts, &id), -EINVAL, "length");
	opts.length = 4 * KIB + 1;
	REFUSED(ask_by(f, &opts, &id), -EINVAL, "multiples of");
	for (bit = 1; bit; bit <<= 1) {
		opts = good;
		opts.flags |= bit;
		if (!(bit & (IOM_APERTURE_FIXED | IOM_APERTURE_AUTO)))
			REFUSED(ask_by(f, &opts, &id), -EINVAL, "flags");
	}
	opts = good;
	opts.flags = 0;
	REFUSED(ask_by(f, &opts, &id), -EINVAL, "IOM_APERTURE_FIXED");
	opts = good;
	opts.page = 2 * KIB;
	REFUSED(ask_by(f, &opts, &id), -EINVAL, "power of two");
	opts.page = 12 * KIB;
	REFUSED(ask_by(f, &opts, &id), -EINVAL, "power of two");
	opts.page = 64 * KIB;
	opts.start += 4 * KIB;
	REFUSED(ask_by(f, &opts, &id), -EINVAL, "multiples of");
	opts.start = ASKED;
	opts.length += 4 * KIB;
	REFUSED(ask_by(f, &opts, &id), -EINVAL, "multiples of");
	opts = good;
	opts.start += 16;
	REFUSED(ask_by(f, &opts, &id), -EINVAL, "multiples of");
	EXPECT(!id);
	longer.more = 0;
	OK(ask_by(f, &longer.opts, &id));
	OK(iom_aperture_release(f->dom, id));
	return PASS;
}

/* Malformed ones are refused at once, be a device attached or not. */
static enum outcome bad_arguments(struct fixture *f)
{
	struct listed before;

	TRY(bad_arguments_of(f));
	OK(attach(f, f->world->device, &f->dev));
	TRY(read_list(f, &before));
	TRY(bad_arguments_of(f));
	return same_list(f, &before);
}

/* What lies past what the device can drive, or past the end of all. */
static enum outcome out_of_reach(struct fixture *f)
{
	const uint64_t reach = UINT64_C(1) << EDU_DMA_BITS, top = UINT64_MAX - 64 * KIB + 1;
	const struct word word = in_hex(reach - 1);
	const char *last = word.text;
	struct listed before;
	uint64_t id = 0;

	TRY(read_list(f, &before));
	REFUSED(ask_at(f, reach, ASKED_LENGTH, 0, &id), -ERANGE, last);
	REFUSED(ask_at(f, reach - f->page, 2 * f->page, 0, &id), -ERANGE, last);
	REFUSED(ask_at(f, FURTHER, ASKED_LENGTH, 0, &id), -ERANGE, last);
	REFUSED(ask_at(f, top, 64 * KIB, 0, &id), -ERANGE, last);
	REFUSED(ask_at(f, top, 128 * KIB, 0, &id), -ERANGE, "2^64");
	REFUSED(ask_anywhere(f, 2 * reach, 0, &id), -ERANGE, "bytes anywhere");
	EXPECT(!id);
	TRY(same_list(f, &before));
	OK(ask_at(f, reach - 4 * f->page, 4 * f->page, 0, &id));
	TRY(was_granted_at(f, id, reach - 4 * f->page, 4 * f->page, f->page, 0));
	return PASS;
}

/* Nowhere is so much left, though all of it would be enough. */
static enum outcome no_room_left(struct fixture *f)
{
	uint64_t id, none = 0;
	struct iom_region r;
	int ret;

	OK(ask_at(f, 160 * MIB, 4 * MIB, 0, &id));
	ret = ask_anywhere(f, 104 * MIB, 0, &none);
	/* another window might have had it */
	if (!on_power(f) || ret != -EBUSY)
		REFUSED(ret, -ERANGE, "bytes anywhere");
	OK(iom_aperture_release(f->dom, id));
	OK(map_at(f, memory(f->page), f->page, 160 * MIB, &r));
	ret = ask_anywhere(f, 104 * MIB, 0, &none);
	if (!on_power(f))
		REFUSED(ret, -ENOSPC, "unmap something first");
	EXPECT(ret < 0 && !none);
	OK(iom_unmap(f->dom, &r));
	OK(ask_anywhere(f, 104 * MIB, 0, &id));
	OK(iom_aperture_release(f->dom, id));
	return PASS;
}

/* Two do not lie in one another, side by side they may; and there is an end to it. */
static enum outcome collide(struct fixture *f)
{
	const uint64_t length = ASKED_LENGTH, end = ASKED + ASKED_LENGTH;
	struct listed before;
	uint64_t id = 0, next, low, none = 0;

	OK(ask_at(f, ASKED, length, 0, &id));
	TRY(read_list(f, &before));
	REFUSED(ask_at(f, ASKED, length, 0, &none), -EEXIST, "requested before");
	REFUSED(ask_at(f, ASKED + f->page, f->page, 0, &none), -EEXIST, "requested before");
	REFUSED(ask_at(f, ASKED - f->page, 2 * f->page, 0, &none), -EEXIST, "requested before");
	REFUSED(ask_at(f, end - f->page, 2 * f->page, 0, &none), -EEXIST, "requested before");
	REFUSED(ask_at(f, ASKED - length, 3 * length, 0, &none), -EEXIST, "requested before");
	EXPECT(!none);
	TRY(same_list(f, &before));
	OK(ask_at(f, end, length, 0, &next));
	OK(ask_at(f, ASKED - length, length, 0, &low));
	TRY(was_granted_at(f, id, ASKED, length, f->page, 0));
	TRY(was_granted_at(f, next, end, length, f->page, 0));
	TRY(was_granted_at(f, low, ASKED - length, length, f->page, 0));
	EXPECT(id != next && id != low && low != next);

	TRY(no_room_left(f));
	OK(iom_aperture_release(f->dom, id));
	OK(ask_at(f, ASKED, length, 0, &id));
	return was_granted_at(f, id, ASKED, length, f->page, 0);
}

/* Nor where something is mapped. */
static enum outcome over_a_mapping(struct fixture *f)
{
	const uint64_t page = f->page;
	char *p = memory(2 * page);
	struct listed before;
	struct iom_region r;
	uint64_t id = 0;

	OK(map_at(f, p, 2 * page, ASKED + page, &r));
	TRY(read_list(f, &before));
	REFUSED(ask_at(f, ASKED, ASKED_LENGTH, 0, &id), -EEXIST, "mapped");
	REFUSED(ask_at(f, ASKED, 2 * page, 0, &id), -EEXIST, "mapped");
	REFUSED(ask_at(f, ASKED + 2 * page, 4 * page, 0, &id), -EEXIST, "mapped");
	EXPECT(!id);
	TRY(same_list(f, &before));
	EXPECT(translates_to(f, p + page, ASKED + 2 * page));
	OK(ask_at(f, ASKED + 3 * page, page, 0, &id));
	OK(iom_aperture_release(f->dom, id));
	OK(iom_unmap(f->dom, &r));
	OK(ask_at(f, ASKED, ASKED_LENGTH, 0, &id));
	return PASS;
}

/* ---- Released -------------------------------------------------------------------------------- */

/* Not while something is mapped in it; and never twice. */
static enum outcome released(struct fixture *f)
{
	struct iom_aperture a, untouched = { .start = 1 };
	struct iom_region first, last;
	uint64_t id, again, page = f->page;
	char *p = memory(2 * page);
	struct listed before;

	TRY(read_list(f, &before));
	OK(ask_at(f, ASKED, ASKED_LENGTH, 0, &id));
	OK(map_at(f, p, page, ASKED, &first));
	OK(map_at(f, p + page, page, ASKED + ASKED_LENGTH - page, &last));
	REFUSED(iom_aperture_release(f->dom, id), -EBUSY, "mapped");
	OK(iom_unmap(f->dom, &first));
	REFUSED(iom_aperture_release(f->dom, id), -EBUSY, "mapped");
	TRY(was_granted_at(f, id, ASKED, ASKED_LENGTH, page, 0));
	OK(iom_unmap(f->dom, &last));
	OK(iom_aperture_release(f->dom, id));
	TRY(same_list(f, &before));
	REFUSED(iom_aperture_release(f->dom, id), -ENOENT, "request");
	REFUSED(iom_aperture_release(f->dom, id), -ENOENT, "request");
	REFUSED(iom_aperture_granted(f->dom, id, &untouched), -ENOENT, "request");
	REFUSED(iom_aperture_release(f->dom, 0), -ENOENT, "request");
	REFUSED(iom_aperture_release(f->dom, UINT64_MAX), -ENOENT, "request");
	EXPECT(untouched.start == 1 && !untouched.last);

	/* the same range again is another request */
	OK(ask_at(f, ASKED, ASKED_LENGTH, 0, &again));
	EXPECT(again != id);
	REFUSED(iom_aperture_release(f->dom, id), -ENOENT, "request");
	OK(iom_aperture_granted(f->dom, again, &a));
	EXPECT(a.start == ASKED);
	return PASS;
}

/* Another domain does not know it. */
static enum outcome of_another_domain(struct fixture *f)
{
	struct fixture second = { .world = f->world };
	struct iom_aperture a;
	uint64_t here, there;

	OK(open_domain(&second, 0));
	OK(ask_at(f, ASKED, ASKED_LENGTH, 0, &here));
	OK(ask_at(&second, ASKED, ASKED_LENGTH, 0, &there));
	EXPECT(here != there);
	REFUSED(iom_aperture_release(second.dom, here), -ENOENT, "request");
	REFUSED(iom_aperture_granted(f->dom, there, &a), -ENOENT, "request");
	iom_close(second.dom);
	REFUSED(iom_aperture_release(f->dom, there), -ENOENT, "request");
	return was_granted_at(f, here, ASKED, ASKED_LENGTH, f->page, 0);
}

/* ---- Before and after devices ---------------------------------------------------------------- */

/* Kept until a device is there, which answers them. */
static enum outcome before_attach(struct fixture *f)
{
	struct iom_aperture a = { .start = 1 };
	uint64_t id, somewhere, gone;
	struct rig rig;
	char *p;

	NEED(f->world->edu, "no edu device");
	OK(ask_at(f, ASKED, ASKED_LENGTH, 0, &id));
	OK(ask_anywhere(f, ASKED_LENGTH, 0, &somewhere));
	OK(ask_at(f, ASKED + 64 * MIB, ASKED_LENGTH, 0, &gone));
	REFUSED(iom_aperture_granted(f->dom, id, &a), -ENODEV, "attach");
	REFUSED(iom_aperture_granted(f->dom, somewhere, &a), -ENODEV, "attach");
	EXPECT(a.start == 1 && iom_apertures(f->dom, NULL, 0) == -ENODEV);
	OK(iom_aperture_release(f->dom, gone));
	OK(attach(f, f->world->edu, &f->dev));
	f->page = iom_page_size(f->dom);
	TRY(was_granted_at(f, id, ASKED, ASKED_LENGTH, f->page, 0));
	TRY(was_granted(f, somewhere, ASKED_LENGTH, f->page, 0, &a));
	REFUSED(iom_aperture_release(f->dom, gone), -ENOENT, "request");
	TRY(rig_build(&rig, f, f->dev));
	p = memory(2 * f->page);
	OK(map_at(f, p, f->page, ASKED, NULL));
	OK(map_at(f, p + f->page, f->page, a.start, NULL));
	TRY(rig_reaches(&rig, p, ASKED));
	TRY(rig_reaches(&rig, p + f->page, a.start));
	rig_release(&rig);
	return PASS;
}

/* One that a device cannot have is the attach's failure, and is kept for others. */
static enum outcome refused_at_attach(struct fixture *f)
{
	struct iom_device *dev = NULL;
	struct iom_aperture a;
	uint64_t id, good;
	int i;

	NEED(f->world->edu, "no edu device");
	OK(ask_at(f, ASKED, ASKED_LENGTH, 0, &good));
	OK(ask_at(f, FURTHER, ASKED_LENGTH, 0, &id));
	for (i = 0; i < 2; i++) {
		REFUSED(attach(f, f->world->edu, &dev), -ERANGE, f->world->edu,
			in_hex((UINT64_C(1) << EDU_DMA_BITS) - 1).text);
		EXPECT(!dev && !iom_backend(f->dom));
		EXPECT(iom_apertures(f->dom, NULL, 0) == -ENODEV);
		REFUSED(iom_aperture_granted(f->dom, id, &a), -ENODEV, "attach");
		REFUSED(iom_aperture_granted(f->dom, good, &a), -ENODEV, "attach");
	}
	OK(attach(f, f->world->device, &dev));
	f->page = iom_page_size(f->dom);
	TRY(was_granted_at(f, id, FURTHER, ASKED_LENGTH, f->page, 0));
	TRY(was_granted_at(f, good, ASKED, ASKED_LENGTH, f->page, 0));
	iom_detach(dev);
	REFUSED(attach(f, f->world->edu, &dev), -EBUSY, f->world->edu);
	OK(iom_aperture_release(f->dom, id));
	OK(attach(f, f->world->edu, &dev));
	return was_granted_at(f, good, ASKED, ASKED_LENGTH, f->page, 0);
}

/* Without devices it stays as it was, and the next one has it at the same place. */
static enum outcome outlives_detach(struct fixture *f)
{
	struct iom_aperture before, now;
	uint64_t id, empty, late;
	struct rig rig;
	char *p;

	OK(ask_anywhere(f, 2 * MIB, 0, &empty));
	OK(ask_anywhere(f, ASKED_LENGTH, 0, &id));
	TRY(was_granted(f, id, ASKED_LENGTH, f->page, 0, &before));
	TRY(rig_build(&rig, f, f->dev));
	p = memory(f->page);
	OK(map_at(f, p, f->page, before.start, NULL));
	rig_release(&rig);
	iom_detach(f->dev);
	OK(iom_aperture_granted(f->dom, id, &now));
	EXPECT(!memcmp(&now, &before, sizeof(now)));
	REFUSED(iom_aperture_release(f->dom, id), -EBUSY, "mapped");
	OK(iom_aperture_release(f->dom, empty));
	OK(ask_anywhere(f, 8 * MIB, 0, &late));
	REFUSED(iom_aperture_granted(f->dom, late, &now), -ENODEV, "attach");
	OK(attach(f, f->world->edu, &f->dev));
	TRY(was_granted_at(f, id, before.start, ASKED_LENGTH, f->page, 0));
	TRY(was_granted(f, late, 8 * MIB, f->page, 0, &now));
	TRY(rig_take(&rig, f->dev));
	TRY(rig_works(&rig));
	TRY(rig_reaches(&rig, p, before.start));
	rig_release(&rig);

	/* without mappings, too */
	OK(iom_unmap_all(f->dom));
	iom_detach(f->dev);
	OK(attach(f, f->world->edu, &f->dev));
	TRY(was_granted_at(f, id, before.start, ASKED_LENGTH, f->page, 0));
	TRY(was_granted_at(f, late, now.start, 8 * MIB, f->page, 0));
	OK(iom_aperture_release(f->dom, id));
	OK(iom_aperture_release(f->dom, late));
	return PASS;
}

/* It is refused the device that would cut the range, and nothing else has changed. */
static enum outcome refuse(struct fixture *f, const char *address, iom_iova_t start)
{
	struct iom_device *dev = NULL;
	struct iom_counters before;
	struct listed list;
	struct iom_region r;
	uint64_t id;
	char *p;

	if (!address)
		return PASS;
	p = memory(f->page);
	OK(ask_at(f, start, 2 * MIB, 0, &id));
	OK(map_at(f, p, f->page, ASKED - f->page, &r));
	TRY(read_list(f, &list));
	before = counters(f);
	REFUSED(attach(f, address, &dev), -EBUSY, address, "request");
	EXPECT(!dev && same_mappings(f, &before) && translates_to(f, p, r.iova));
	TRY(same_list(f, &list));
	TRY(was_granted_at(f, id, start, 2 * MIB, f->page, 0));
	OK(map_at(f, memory(f->page), f->page, start, NULL));
	OK(iom_unmap_all(f->dom));
	OK(iom_aperture_release(f->dom, id));
	OK(attach(f, address, &dev));
	iom_detach(dev);
	return PASS;
}

static enum outcome cut_by_a_device(struct fixture *f)
{
	NEED(f->world->edu, "no edu device");
	/* by what it can drive; by its IOMMU; by a range that its group reserves */
	TRY(refuse(f, f->world->edu, (UINT64_C(1) << EDU_DMA_BITS) - MIB));
	TRY(refuse(f, f->world->edu, FURTHER));
	TRY(refuse(f, f->world->narrow, (UINT64_C(1) << 36) - MIB));
	TRY(refuse(f, f->world->reserved, UINT64_C(0x1ffe00000) + MIB));
	return PASS;
}

/* One that does not cut it comes and goes, and reaches it. */
static enum outcome a_second_device(struct fixture *f)
{
	struct iom_device *dev;
	struct rig rig, other;
	struct iom_region r;
	uint64_t id, late;
	char *p;

	NEED(f->world->edu2, "no second edu device");
	OK(ask_at(f, ASKED, ASKED_LENGTH, 0, &id));
	OK(attach(f, f->world->edu2, &dev));
	TRY(was_granted_at(f, id, ASKED, ASKED_LENGTH, f->page, 0));
	OK(ask_at(f, ASKED + ASKED_LENGTH, ASKED_LENGTH, 0, &late));
	TRY(rig_build(&rig, f, f->dev));
	other = rig;
	TRY(rig_take(&other, dev));
	p = memory(f->page);
	OK(map_at(f, p, f->page, ASKED, &r));
	TRY(rig_reaches(&rig, p, ASKED));
	TRY(rig_reaches(&other, p, ASKED));
	OK(iom_unmap(f->dom, &r));
	OK(map_at(f, p, f->page, ASKED + ASKED_LENGTH, &r));
	TRY(rig_reaches(&other, p, r.iova));
	TRY(rig_misses(&other, p, ASKED));
	rig_release(&rig);
	iom_detach(f->dev);
	TRY(was_granted_at(f, id, ASKED, ASKED_LENGTH, f->page, 0));
	TRY(was_granted_at(f, late, ASKED + ASKED_LENGTH, ASKED_LENGTH, f->page, 0));
	TRY(rig_reaches(&other, p, r.iova));
	OK(iom_aperture_release(f->dom, id));
	rig_release(&other);
	return PASS;
}

/* A domain that is closed takes its requests with it: kept ones, granted ones, with mappings. */
static enum outcome closed(struct fixture *f)
{
	struct fixture second = { .world = f->world };
	uint64_t id;

	OK(open_domain(&second, 0));
	OK(ask_at(&second, ASKED, ASKED_LENGTH, 0, &id));
	iom_close(second.dom);
	second.dom = NULL;

	OK(open_domain(&second, 0));
	OK(ask_at(&second, ASKED, ASKED_LENGTH, 0, &id));
	OK(attach(&second, f->world->device, &second.dev));
	second.page = iom_page_size(second.dom);
	OK(ask_anywhere(&second, ASKED_LENGTH, 0, &id));
	OK(map_at(&second, memory(second.page), second.page, ASKED, NULL));
	iom_detach(second.dev);
	OK(ask_anywhere(&second, ASKED_LENGTH, 0, &id));
	iom_close(second.dom);

	/* this one is closed with the device */
	OK(attach(f, f->world->device, &f->dev));
	f->page = iom_page_size(f->dom);
	OK(ask_at(f, ASKED, ASKED_LENGTH, 0, &id));
	OK(map_at(f, memory(f->page), f->page, ASKED, NULL));
	OK(ask_anywhere(f, ASKED_LENGTH, 0, &id));
	return PASS;
}

const struct test request_life_tests[] = {
	{ "request-bad-arguments", bad_arguments, NEEDS_ADDRESSES },
	{ "request-out-of-reach", out_of_reach, NEEDS_EDU },
	{ "request-collides-with-another", collide, NEEDS_EDU },
	{ "request-collides-with-a-mapping", over_a_mapping, NEEDS_EDU },
	{ "request-released", released, NEEDS_EDU },
	{ "request-of-another-domain", of_another_domain, NEEDS_DEVICE },
	{ "request-before-attach", before_attach, NEEDS_ADDRESSES },
	{ "request-refused-at-attach", refused_at_attach, NEEDS_ADDRESSES },
	{ "request-outlives-detach", outlives_detach, NEEDS_EDU },
	{ "request-cut-by-a-device", cut_by_a_device, NEEDS_DEVICE },
	{ "request-for-a-second-device", a_second_device, NEEDS_EDU },
	{ "request-closed-with-its-domain", closed, NEEDS_ADDRESSES },
	{ NULL, NULL, NEEDS_DEVICE },
};
