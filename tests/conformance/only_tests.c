// SPDX-License-Identifier: BSD-3-Clause
/* Mappings for one device of several (iom_map_opts.only). */
#include <errno.h>

#include "rig.h"

static int map_only(struct fixture *f, void *va, const struct iom_device *only,
		    struct iom_region *r)
{
	const struct iom_map_opts opts = { .size = sizeof(opts), .only = only };

	return iom_map(f->dom, va, f->page, IOM_MAP_RW, &opts, r);
}

/* The limit is that device's, not the narrowest one's. */
static enum outcome limit(struct fixture *f)
{
	struct iom_map_opts opts = { .size = sizeof(opts) };
	struct iom_device *edu;
	struct iom_region r;

	NEED(f->world->edu, "no edu device");
	OK(attach(f, f->world->edu, &edu));
	OK(iom_map(f->dom, memory(f->page), f->page, IOM_MAP_RW, NULL, &r));
	EXPECT(!(r.iova >> EDU_DMA_BITS));
	OK(map_only(f, memory(f->page), edu, &r));
	EXPECT(!(r.iova >> EDU_DMA_BITS));
	OK(map_above(f, memory(f->page), EDU_DMA_BITS, f->dev, &r));
	EXPECT(r.iova >> EDU_DMA_BITS);

	opts.iova = r.iova + f->page;
	opts.only = edu;
	REFUSED(iom_map(f->dom, memory(f->page), f->page, IOM_MAP_RW | IOM_MAP_FIXED, &opts, NULL),
		-ERANGE, "limit");
	opts.only = f->dev;
	OK(iom_map(f->dom, memory(f->page), f->page, IOM_MAP_RW | IOM_MAP_FIXED, &opts, NULL));

	/* the caller's own limit still counts */
	opts = (struct iom_map_opts){ .size = sizeof(opts),
				      .only = f->dev,
				      .limit = (UINT64_C(1) << EDU_DMA_BITS) - 1 };
	OK(iom_map(f->dom, memory(f->page), f->page, IOM_MAP_RW, &opts, &r));
	EXPECT(!(r.iova >> EDU_DMA_BITS));
	return PASS;
}

/* A device that cannot drive the IOVA comes all the same, and one mapping without only stops it. */
static enum outcome narrower_later(struct fixture *f)
{
	struct iom_device *edu = NULL;
	struct iom_region r, for_all;
	void *p = memory(f->page);

	NEED(f->world->edu, "no edu device");
	OK(map_above(f, p, EDU_DMA_BITS, f->dev, &r));
	EXPECT(r.iova >> EDU_DMA_BITS);
	OK(attach(f, f->world->edu, &edu));
	EXPECT(translates_to(f, p, r.iova));
	iom_detach(edu);
	OK(map_above(f, memory(f->page), EDU_DMA_BITS, NULL, &for_all));
	EXPECT(for_all.iova >> EDU_DMA_BITS);
	REFUSED(attach(f, f->world->edu, &edu), -EBUSY, "cannot reach");
	OK(iom_unmap(f->dom, &for_all));
	OK(attach(f, f->world->edu, &edu));
	OK(iom_unmap(f->dom, &r));
	return PASS;
}

static enum outcome refused_device(struct fixture *f)
{
	struct fixture second = { .world = f->world };
	struct iom_counters before = counters(f);

	NEED(f->world->edu, "no edu device");
	OK(open_with_edu(&second, 0));
	REFUSED(map_only(f, memory(f->page), second.dev, NULL), -EINVAL, "only", "not attached");
	EXPECT(same_mappings(f, &before));
	iom_close(second.dom);
	return PASS;
}

/* Whoever else can drive the IOVA reaches the memory as well: there is one address space. */
static enum outcome others_reach(struct fixture *f)
{
	struct rig rig, other;
	struct iom_device *dev;
	struct iom_region r;
	void *p = memory(f->page);

	NEED(f->world->edu2, "no second edu device");
	OK(attach(f, f->world->edu2, &dev));
	TRY(rig_build(&rig, f, f->dev));
	other = rig;
	TRY(rig_take(&other, dev));
	OK(map_only(f, p, dev, &r));
	TRY(rig_reaches(&other, p, r.iova));
	TRY(rig_reaches(&rig, p, r.iova));
	OK(iom_unmap(f->dom, &r));
	TRY(rig_misses(&other, p, r.iova));
	rig_release(&other);
	rig_release(&rig);
	return PASS;
}

/* All devices go, and come back in another order. */
static enum outcome reattached(struct fixture *f)
{
	struct iom_device *edu;
	struct iom_region r;
	void *p = memory(f->page);

	NEED(f->world->edu, "no edu device");
	OK(attach(f, f->world->edu, &edu));
	OK(map_above(f, p, EDU_DMA_BITS, f->dev, &r));
	EXPECT(r.iova >> EDU_DMA_BITS);
	iom_detach(f->dev);
	iom_detach(edu);
	OK(attach(f, f->world->edu, &edu));
	OK(attach(f, f->world->device, &f->dev));
	EXPECT(translates_to(f, p, r.iova));
	EXPECT(counters(f).entry_limit == UINT64_MAX || counters(f).entries_used == 1);
	OK(iom_unmap(f->dom, &r));
	return PASS;
}

const struct test only_tests[] = {
	{ "only-limit-is-that-devices", limit, NEEDS_DEVICE },
	{ "only-lets-a-narrower-device-come", narrower_later, NEEDS_DEVICE },
	{ "only-of-another-domain", refused_device, NEEDS_DEVICE },
	{ "only-others-reach-it-too", others_reach, NEEDS_EDU },
	{ "only-after-reattach", reattached, NEEDS_DEVICE },
	{ NULL, NULL, NEEDS_DEVICE },
};
