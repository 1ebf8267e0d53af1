// SPDX-License-Identifier: BSD-3-Clause
/*
 * A domain over descriptors that somebody else in the process has opened, and maps through; and
 * somebody else who maps through those of a domain.
 */
#include <errno.h>
#include <string.h>

#include "holder.h"
#include "rig.h"

/* Within edu's reach, and nothing else's. */
#define HIS_IOVA UINT64_C(0x4000000)

#define PAGES 4

/* Where adoption is about to be tried: the holder has the edu device, and a few pages mapped. */
struct pair {
	struct fixture *f;
	struct holder other;
	unsigned char *his;
	uint64_t length; /* of what he has mapped */
};

/* Which backend there is, and its page size, by a domain that goes again. */
static enum outcome find_backend(struct fixture *f, const char **backend)
{
	NEED(f->world->edu, "no edu device");
	OK(open_with_edu(f, 0));
	*backend = iom_backend(f->dom);
	if (on_power(f)) {
		iom_close(f->dom);
		f->dom = NULL;
		return not_applicable("a container of POWER cannot be adopted");
	}
	iom_close(f->dom);
	f->dom = NULL;
	return PASS;
}

static enum outcome begin(struct pair *pair, struct fixture *f)
{
	const char *backend = NULL;
	int ret;

	*pair = (struct pair){ .f = f };
	TRY(find_backend(f, &backend));
	ret = holder_open(&pair->other, backend, f->world->edu);
	if (ret < 0)
		return failed(__FILE__, __LINE__, "the device cannot be had by raw calls: %s",
			      strerror(-ret));
	pair->length = PAGES * f->page;
	pair->his = memory(pair->length);
	EXPECT(!holder_map(&pair->other, pair->his, pair->length, HIS_IOVA));
	return PASS;
}

/* A domain beside him, which has a range for itself, or none. */
static int open_beside(struct pair *pair, const struct iom_iova_range *range)
{
	const struct iom_adopt_opts adopt = {
		.size = sizeof(adopt),
		.fd = pair->other.space,
		.ioas = pair->other.ioas,
		.ranges = range,
		.n_ranges = range ? 1 : 0,
	};
	const struct iom_open_opts opts = {
		.size = sizeof(opts),
		.backend = pair->f->world->backend,
		.adopt = &adopt,
	};
	const struct iom_attach_opts attach = {
		.size = sizeof(attach),
		.dma_bits = EDU_DMA_BITS,
		.flags = IOM_ATTACH_FD,
		.fd = pair->other.device,
	};
	int ret;

	ret = world_open(&pair->f->dom, &opts);
	if (ret < 0)
		return ret;
	return iom_attach(pair->f->dom, pair->f->world->edu, &attach, &pair->f->dev);
}

static void close_beside(struct pair *pair)
{
	iom_close(pair->f->dom);
	pair->f->dom = NULL;
}

/* He unmaps what he had, which nobody else has, and ends. */
static enum outcome end(struct pair *pair)
{
	EXPECT(!holder_unmap(&pair->other, pair->length, HIS_IOVA));
	holder_close(&pair->other);
	return PASS;
}

/* The device reaches his memory and ours; the end of ours, twice, leaves his. */
static enum outcome beside(struct fixture *f)
{
	struct iom_region r;
	struct pair pair;
	struct rig rig;
	void *p;
	int i;

	TRY(begin(&pair, f));
	p = memory(f->page);
	for (i = 0; i < 2; i++) {
		OK(open_beside(&pair, NULL));
		EXPECT(iom_device_fd(f->dev) == pair.other.device);
		TRY(rig_build(&rig, f, f->dev));
		OK(iom_map(f->dom, p, f->page, IOM_MAP_RW, NULL, &r));
		TRY(rig_reaches(&rig, p, r.iova));
		TRY(rig_reaches(&rig, pair.his, HIS_IOVA));
		TRY(rig_reaches(&rig, pair.his + pair.length - RIG_BYTES,
				HIS_IOVA + pair.length - RIG_BYTES));
		OK(iom_unmap(f->dom, &r));
		TRY(rig_misses(&rig, p, r.iova));
		TRY(rig_reaches(&rig, pair.his, HIS_IOVA));
		rig_release(&rig);
		if (i)
			OK(iom_unmap_all(f->dom));
		close_beside(&pair);
	}
	return end(&pair);
}

/* What he has mapped is refused when it is asked for, and gone around when it is not. */
static enum outcome clashes(struct fixture *f)
{
	struct iom_region first, r, fixed;
	struct iom_counters before;
	struct pair pair;
	struct rig rig;
	char *p, *q;

	TRY(begin(&pair, f));
	p = memory(f->page);
	q = memory(f->page);
	OK(open_beside(&pair, NULL));
	TRY(rig_build(&rig, f, f->dev));
	before = counters(f);
	REFUSED(map_at(f, p, f->page, HIS_IOVA + f->page, &r), -EEXIST, "somebody else");
	EXPECT(same_mappings(f, &before));
	OK(iom_map(f->dom, p, f->page, IOM_MAP_RW, NULL, &first));
	OK(iom_unmap(f->dom, &first));
	EXPECT(!holder_map(&pair.other, q, f->page, first.iova));
	OK(iom_map(f->dom, p, f->page, IOM_MAP_RW, NULL, &r));
	EXPECT(r.iova != first.iova);
	TRY(rig_reaches(&rig, p, r.iova));
	TRY(rig_reaches(&rig, q, first.iova));
	TRY(rig_reaches(&rig, pair.his + f->page, HIS_IOVA + f->page));
	EXPECT(counters(f).quarantined_bytes == 0);

	/* and when he has done with it, it can be had */
	EXPECT(!holder_unmap(&pair.other, f->page, first.iova));
	OK(map_at(f, q, f->page, first.iova, &fixed));
	TRY(rig_reaches(&rig, q, fixed.iova));
	rig_release(&rig);
	close_beside(&pair);
	return end(&pair);
}

/* Nothing is outside of the range that is named, and its end is one. */
static enum outcome range(struct fixture *f)
{
	struct iom_aperture apertures[N_APERTURES];
	struct iom_iova_range ours;
	struct iom_region r[PAGES];
	struct pair pair;
	struct rig rig;
	char *p;
	int i;

	TRY(begin(&pair, f));
	ours.start = HIS_IOVA + pair.length;
	ours.last = ours.start + (PAGES + 2) * f->page - 1;
	OK(open_beside(&pair, &ours));
	EXPECT(iom_apertures(f->dom, apertures, N_APERTURES) == 1);
	EXPECT(apertures[0].start == ours.start && apertures[0].last == ours.last);
	p = memory((PAGES + 1) * f->page);
	REFUSED(map_at(f, p, f->page, ours.last + 1, &r[0]), -ERANGE, "aperture");
	REFUSED(map_at(f, p, f->page, ours.start - f->page, &r[0]), -ERANGE, "aperture");
	TRY(rig_build(&rig, f, f->dev));
	for (i = 0; i < PAGES; i++) {
		OK(iom_map(f->dom, p + (uint64_t)i * f->page, f->page, IOM_MAP_RW, NULL, &r[i]));
		EXPECT(r[i].iova >= ours.start && r[i].iova <= ours.last);
		TRY(rig_reaches(&rig, r[i].va, r[i].iova));
	}
	REFUSED(iom_map(f->dom, p + PAGES * f->page, f->page, IOM_MAP_RW, NULL, &r[0]), -ENOSPC,
		"no free IOVA range");
	rig_release(&rig);
	close_beside(&pair);
	return end(&pair);
}

/* Each misuse has its word, and costs the holder nothing. */
static enum outcome misuse(struct fixture *f)
{
	struct holder right;
	struct pair pair;
	struct rig rig;
	int ret;

	TRY(begin(&pair, f));
	right = pair.other;
	pair.other.space = right.device;
	REFUSED(open_beside(&pair, NULL), -EINVAL, f->world->edu, "descriptor");
	close_beside(&pair);
	pair.other = right;
	pair.other.device = right.space;
	REFUSED(open_beside(&pair, NULL), -EINVAL, f->world->edu, "VFIO device");
	close_beside(&pair);
	pair.other = right;
	pair.other.ioas = right.ioas + 1000;
	ret = open_beside(&pair, NULL);
	EXPECT(ret == -EINVAL || ret == -EOPNOTSUPP);
	close_beside(&pair);
	pair.other = right;
	OK(open_beside(&pair, NULL));
	TRY(rig_build(&rig, f, f->dev));
	TRY(rig_reaches(&rig, pair.his, HIS_IOVA));
	rig_release(&rig);
	close_beside(&pair);
	return end(&pair);
}

/* The other way round: he maps through ours. */
static enum outcome through_ours(struct fixture *f)
{
	struct iom_fds fds = { .size = sizeof(fds) };
	struct holder other = { .space = -1 };
	struct iom_region first, r;
	struct rig rig;
	char *p, *q;

	if (on_power(f)) {
		REFUSED(iom_domain_fds(f->dom, NULL, &fds), -EINVAL, "which device");
		OK(iom_domain_fds(f->dom, f->dev, &fds));
		EXPECT(fds.container >= 0 && fds.group >= 0 && fds.iommufd == -1);
		return PASS;
	}
	TRY(rig_build(&rig, f, f->dev));
	p = memory(f->page);
	q = memory(f->page);
	OK(iom_map(f->dom, p, f->page, IOM_MAP_RW, NULL, &first));
	OK(iom_domain_fds(f->dom, NULL, &fds));
	other.ioas = (uint32_t)fds.ioas;
	other.space = (int)(fds.ioas ? fds.iommufd : fds.container);
	EXPECT(holder_map(&other, q, f->page, first.iova) == -EEXIST);
	OK(iom_unmap(f->dom, &first));
	EXPECT(!holder_map(&other, q, f->page, first.iova));
	OK(iom_map(f->dom, p, f->page, IOM_MAP_RW, NULL, &r));
	TRY(rig_reaches(&rig, q, first.iova));
	TRY(rig_reaches(&rig, p, r.iova));
	OK(iom_unmap_all(f->dom));
	EXPECT(!holder_unmap(&other, f->page, first.iova));
	rig_release(&rig);
	return PASS;
}

const struct test adopt_tests[] = {
	{ "adopt-beside-a-second-holder", beside, NEEDS_NOTHING },
	{ "adopt-where-he-has-mapped", clashes, NEEDS_NOTHING },
	{ "adopt-a-range", range, NEEDS_NOTHING },
	{ "adopt-misuse", misuse, NEEDS_NOTHING },
	{ "adopt-through-our-descriptors", through_ours, NEEDS_EDU },
	{ NULL, NULL, NEEDS_NOTHING },
};
