// SPDX-License-Identifier: BSD-3-Clause
/* Several devices in one domain. */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "rig.h"

#define NO_SECOND "no second edu device"

/* What is mapped, before or after it came, both devices reach; what is unmapped, neither. */
static enum outcome two_groups(struct fixture *f)
{
	struct iom_device *dev;
	struct rig rig, other;
	struct iom_region r;
	void *p = memory(f->page);

	NEED(f->world->edu2, NO_SECOND);
	TRY(rig_build(&rig, f, f->dev));
	OK(attach(f, f->world->edu2, &dev));
	EXPECT(iom_device_fd(dev) != iom_device_fd(f->dev));
	other = rig;
	TRY(rig_take(&other, dev));
	TRY(rig_works(&rig));
	TRY(rig_works(&other));
	OK(iom_map(f->dom, p, f->page, IOM_MAP_RW, NULL, &r));
	TRY(rig_reaches(&rig, p, r.iova));
	TRY(rig_reaches(&other, p, r.iova));
	OK(iom_unmap(f->dom, &r));
	TRY(rig_misses(&rig, p, r.iova));
	TRY(rig_misses(&other, p, r.iova));

	/* the other goes, this one stays, and the other may come back */
	rig_release(&other);
	iom_detach(dev);
	TRY(rig_works(&rig));
	OK(attach(f, f->world->edu2, &dev));
	TRY(rig_take(&other, dev));
	TRY(rig_works(&other));
	rig_release(&other);
	rig_release(&rig);
	return PASS;
}

static enum outcome first_goes(struct fixture *f)
{
	struct iom_device *dev;
	struct rig rig;

	NEED(f->world->edu2, NO_SECOND);
	TRY(rig_build(&rig, f, f->dev));
	rig_release(&rig);
	OK(attach(f, f->world->edu2, &dev));
	iom_detach(f->dev);
	TRY(rig_take(&rig, dev));
	TRY(rig_works(&rig));
	rig_release(&rig);
	return PASS;
}

/* Mappings outlive the last device, and meet another one with the access that they had. */
static enum outcome another_comes(struct fixture *f)
{
	struct iom_region readable, alias;
	struct rig rig;
	void *p = memory(f->page);

	NEED(f->world->edu2, NO_SECOND);
	TRY(rig_build(&rig, f, f->dev));
	OK(iom_map(f->dom, p, f->page, IOM_MAP_READ, NULL, &readable));
	OK(iom_map(f->dom, rig.to, f->page, IOM_MAP_RW | IOM_MAP_ALIAS, NULL, &alias));
	rig_release(&rig);
	iom_detach(f->dev);
	OK(attach(f, f->world->edu2, &f->dev));
	TRY(rig_take(&rig, f->dev));
	TRY(rig_works(&rig));
	TRY(rig_reaches(&rig, rig.to, alias.iova));
	TRY(rig_misses(&rig, p, readable.iova));
	TRY(rig_reads(&rig, p, readable.iova));
	rig_release(&rig);
	return PASS;
}

static enum outcome one_group(struct fixture *f)
{
	struct iom_device *dev[2];
	struct rig rig, other;

	NEED(f->world->pair[0], "no two functions of one group");
	OK(attach(f, f->world->pair[0], &dev[0]));
	f->page = iom_page_size(f->dom);
	OK(attach(f, f->world->pair[1], &dev[1]));
	EXPECT(iom_device_fd(dev[0]) != iom_device_fd(dev[1]));
	TRY(rig_build(&rig, f, dev[0]));
	other = rig;
	TRY(rig_take(&other, dev[1]));
	TRY(rig_works(&rig));
	TRY(rig_works(&other));

	/* each may go and come back while the other works */
	rig_release(&rig);
	iom_detach(dev[0]);
	TRY(rig_works(&other));
	OK(attach(f, f->world->pair[0], &dev[0]));
	TRY(rig_take(&rig, dev[0]));
	TRY(rig_works(&rig));
	rig_release(&other);
	iom_detach(dev[1]);
	TRY(rig_works(&rig));
	rig_release(&rig);
	iom_detach(dev[0]);
	OK(attach(f, f->world->pair[1], &dev[1]));
	TRY(rig_take(&other, dev[1]));
	TRY(rig_works(&other));
	rig_release(&other);
	return PASS;
}

/* Functions of one group see one address space: another domain cannot have the other one. */
static enum outcome group_is_not_split(struct fixture *f)
{
	struct fixture second = { .world = f->world };
	struct iom_device *dev, *other = NULL;

	NEED(f->world->pair[0], "no two functions of one group");
	OK(attach(f, f->world->pair[0], &dev));
	OK(open_domain(&second, 0));
	REFUSED(attach(&second, f->world->pair[1], &other), -EBUSY, f->world->pair[1]);
	EXPECT(!other);
	iom_detach(dev);
	OK(attach(&second, f->world->pair[1], &other));
	iom_close(second.dom);
	return PASS;
}

/* A device of fewer bits is refused while something lies above them, and narrows the domain after. */
static enum outcome fewer_bits(struct fixture *f)
{
	struct iom_device *edu = NULL;
	struct iom_counters before;
	struct iom_region high, r;
	void *p = memory(f->page);

	NEED(f->world->edu, "no edu device");
	OK(map_above(f, p, EDU_DMA_BITS, NULL, &high));
	EXPECT(high.iova >> EDU_DMA_BITS);
	before = counters(f);
	REFUSED(attach(f, f->world->edu, &edu), -EBUSY, f->world->edu, "cannot reach", "unmap");
	EXPECT(!edu && same_mappings(f, &before) && translates_to(f, p, high.iova));
	OK(iom_unmap(f->dom, &high));
	OK(attach(f, f->world->edu, &edu));
	OK(iom_map(f->dom, p, f->page, IOM_MAP_RW, NULL, &r));
	EXPECT(!(r.iova >> EDU_DMA_BITS));
	REFUSED(map_at(f, memory(f->page), f->page, high.iova, NULL), -ERANGE, "limit");
	OK(iom_unmap(f->dom, &r));
	iom_detach(edu);
	OK(map_at(f, p, f->page, high.iova, &high));
	return PASS;
}

/* The last IOVA of the last aperture. */
static iom_iova_t last_iova(struct fixture *f)
{
	struct iom_aperture a[N_APERTURES];
	int n = iom_apertures(f->dom, a, N_APERTURES);

	return n > 0 ? a[n - 1].last : 0;
}

/* An IOMMU of fewer bits in front of the second device. */
static enum outcome narrower_iommu(struct fixture *f)
{
	iom_iova_t wide = last_iova(f);
	struct iom_device *dev = NULL;
	struct iom_counters before;
	struct iom_region r;
	void *p = memory(f->page);

	NEED(f->world->narrow, "all devices are behind IOMMUs of one width");
	OK(map_at(f, p, f->page, wide - f->page + 1, &r));
	before = counters(f);
	REFUSED(attach(f, f->world->narrow, &dev), -EBUSY, f->world->narrow);
	EXPECT(!dev && same_mappings(f, &before) && last_iova(f) == wide);
	OK(iom_unmap(f->dom, &r));
	OK(attach(f, f->world->narrow, &dev));
	EXPECT(last_iova(f) < wide);
	REFUSED(map_at(f, p, f->page, wide - f->page + 1, &r), -ERANGE, "aperture");
	OK(map_at(f, p, f->page, last_iova(f) - f->page + 1, &r));
	iom_detach(dev);
	EXPECT(last_iova(f) == wide);
	OK(map_at(f, memory(f->page), f->page, wide - f->page + 1, NULL));

	/* nor when the kernel has dropped the mappings with the last device */
	dev = NULL;
	iom_detach(f->dev);
	REFUSED(attach(f, f->world->narrow, &dev), -EBUSY, f->world->narrow, "cannot reach");
	EXPECT(!dev && counters(f).mappings == 2);
	OK(attach(f, f->world->device, &f->dev));
	EXPECT(last_iova(f) == wide);
	return PASS;
}

/* The group of the second device reserves IOVAs. */
static enum outcome reserved_range(struct fixture *f)
{
	struct iom_aperture a[N_APERTURES], b[N_APERTURES];
	struct iom_device *dev = NULL;
	struct iom_counters before;
	iom_iova_t hole = 0;
	struct iom_region r;
	void *p = memory(f->page);
	int n, more, i;

	NEED(f->world->reserved, "no device reserves IOVAs that others do not");
	OK(n = iom_apertures(f->dom, a, N_APERTURES));
	OK(attach(f, f->world->reserved, &dev));
	OK(more = iom_apertures(f->dom, b, N_APERTURES));
	EXPECT(more == n + 1);
	for (i = 0; i < n && !hole; i++)
		if (b[i].last != a[i].last)
			hole = b[i].last + 1;
	EXPECT(hole);
	REFUSED(map_at(f, p, f->page, hole, &r), -ERANGE, "aperture");
	iom_detach(dev);
	EXPECT(iom_apertures(f->dom, b, N_APERTURES) == n &&
	       !memcmp(a, b, sizeof(a[0]) * (size_t)n));
	OK(map_at(f, p, f->page, hole, &r));

	before = counters(f);
	REFUSED(attach(f, f->world->reserved, &dev), -EBUSY, f->world->reserved);
	EXPECT(same_mappings(f, &before) && translates_to(f, p, hole));
	OK(iom_unmap(f->dom, &r));
	OK(attach(f, f->world->reserved, &dev));
	return PASS;
}

/* Two devices, and a mapping of every kind: all of it ends with the domain, which can be had anew. */
static enum outcome close_with_everything(struct fixture *f)
{
	struct iom_device *dev;
	struct iom_region r;
	int round, fd;
	char *p;

	NEED(f->world->edu, "no edu device");
	for (round = 0; round < 2; round++) {
		OK(open_with_device(f, 4 * KIB));
		OK(attach(f, f->world->edu, &dev));
		EXPECT(!counters(f).mappings);
		p = memory(8 * f->page);
		OK(iom_map(f->dom, p, 8 * f->page, IOM_MAP_RW, NULL, &r));
		OK(iom_map(f->dom, p, 8 * f->page, IOM_MAP_READ | IOM_MAP_ALIAS, NULL, NULL));
		OK(iom_unmap_range(f->dom, r.iova + f->page, f->page));
		OK(map_at(f, memory(f->page), f->page, r.iova + f->page, NULL));
		fd = memfd_create("conformance", MFD_CLOEXEC);
		EXPECT(fd >= 0 && !ftruncate(fd, (off_t)(2 * memory_page(f))));
		OK(iom_map_file(f->dom, fd, 0, 2 * memory_page(f), IOM_MAP_RW, NULL, &r));
		close(fd);
		OK(iom_unmap_range(f->dom, r.iova, f->page));
		iom_close(f->dom);
		f->dom = NULL;
		EXPECT(!is_there(r.va) && is_there(p) && !world_left());
	}
	return PASS;
}

const struct test device_tests[] = {
	{ "devices-in-two-groups", two_groups, NEEDS_EDU },
	{ "devices-first-goes", first_goes, NEEDS_EDU },
	{ "devices-another-comes", another_comes, NEEDS_EDU },
	{ "devices-in-one-group", one_group, NEEDS_ADDRESSES },
	{ "devices-group-is-not-split", group_is_not_split, NEEDS_ADDRESSES },
	{ "devices-of-fewer-bits", fewer_bits, NEEDS_DEVICE },
	{ "devices-behind-a-narrower-iommu", narrower_iommu, NEEDS_DEVICE },
	{ "devices-with-a-reserved-range", reserved_range, NEEDS_DEVICE },
	{ "devices-close-with-everything-mapped", close_with_everything, NEEDS_NOTHING },
	{ NULL, NULL, NEEDS_DEVICE },
};
