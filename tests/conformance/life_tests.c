// SPDX-License-Identifier: BSD-3-Clause
/* Opening, attaching, detaching, forking, closing. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness.h"

static enum outcome addresses(struct fixture *f)
{
	static const char *const malformed[] = { "",
						 "nonsense",
						 "0000:01:00",
						 "0000:01:00.8",
						 "0000:01:20.0",
						 "0000:1:00.0",
						 "0000:01:00.0x" };
	struct iom_device *dev = NULL;
	size_t i;

	for (i = 0; i < sizeof(malformed) / sizeof(malformed[0]); i++)
		REFUSED(iom_attach(f->dom, malformed[i], NULL, &dev), -EINVAL, "PCI address");
	REFUSED(iom_attach(f->dom, "fffe:ff:1f.7", NULL, &dev), -ENODEV, "fffe:ff:1f.7",
		"no PCI device");
	EXPECT(!dev);
	OK(iom_attach(f->dom, f->world->device, NULL, &dev));
	EXPECT(!strcmp(iom_device_address(dev), f->world->device));
	return PASS;
}

static enum outcome options(struct fixture *f)
{
	struct iom_open_opts opts = { .size = sizeof(opts), .backend = "nonsense" };
	struct iom_attach_opts attach_opts = { .size = sizeof(attach_opts), .dma_bits = 65 };
	struct iom_domain *dom = NULL;
	struct iom_device *dev = NULL;

	REFUSED(world_open(&dom, &opts), -EINVAL, "nonsense", "no backend", "type1");
	opts.size = 0;
	REFUSED(world_open(&dom, &opts), -EINVAL, "size");
	EXPECT(!dom);
	REFUSED(iom_attach(f->dom, f->world->device, &attach_opts, &dev), -EINVAL, "dma_bits");
	EXPECT(!dev);
	return PASS;
}

static enum outcome attached_twice(struct fixture *f)
{
	struct iom_device *dev = NULL;
	struct iom_domain *other;

	REFUSED(iom_attach(f->dom, f->world->device, NULL, &dev), -EBUSY, "attached", "already");
	OK(world_open(&other, NULL));
	REFUSED(iom_attach(other, f->world->device, NULL, &dev), -EBUSY, "held by");
	iom_close(other);
	OK(iom_map(f->dom, memory(f->page), f->page, IOM_MAP_RW, NULL, NULL));
	return PASS;
}

static enum outcome explanation(struct fixture *f)
{
	char text[4096], little[8];
	int length;

	length = iom_explain(f->dom, NULL, 0);
	EXPECT(length > 0 && length < (int)sizeof(text));
	EXPECT(iom_explain(f->dom, text, sizeof(text)) == length && (int)strlen(text) == length);
	EXPECT(strstr(text, iom_backend(f->dom)) && strstr(text, "aperture:"));
	EXPECT(iom_explain(f->dom, little, sizeof(little)) == length);
	EXPECT(strlen(little) == 7 && !strncmp(little, text, 7));
	return PASS;
}

/* Mappings outlive the last detach, and come back at the same IOVAs. */
static enum outcome detach_and_attach(struct fixture *f)
{
	struct iom_counters c;
	struct iom_region r, more;
	iom_iova_t iova;
	uint64_t run;
	void *p = memory(4 * f->page);

	OK(iom_map(f->dom, p, 4 * f->page, IOM_MAP_RW, NULL, &r));
	OK(iom_map(f->dom, memory(f->page), f->page, IOM_MAP_READ, NULL, &more));
	iom_detach(f->dev);
	REFUSED(iom_map(f->dom, memory(f->page), f->page, IOM_MAP_RW, NULL, NULL), -ENODEV,
		"attach");
	OK(iom_translate(f->dom, p, f->page, &iova, &run));
	EXPECT(iova == r.iova);
	OK(iom_unmap(f->dom, &more));
	OK(iom_attach(f->dom, f->world->device, NULL, &f->dev));
	c = counters(f);
	EXPECT(c.mappings == 1 && c.mapped_bytes == 4 * f->page);
	EXPECT(c.entries_used == 1 || c.entry_limit == UINT64_MAX);
	OK(map_at(f, more.va, f->page, more.iova, NULL));
	OK(iom_unmap(f->dom, &r));
	return PASS;
}

/* What is gone from memory cannot be mapped again: the attach says so, and leaves all as it was. */
static enum outcome attach_without_memory(struct fixture *f)
{
	struct iom_region r, kept;
	void *p = memory(f->page);

	OK(iom_map(f->dom, memory(f->page), f->page, IOM_MAP_RW, NULL, &kept));
	OK(iom_map(f->dom, p, f->page, IOM_MAP_RW, NULL, &r));
	iom_detach(f->dev);
	take_away(p, memory_page(f));
	REFUSED(iom_attach(f->dom, f->world->device, NULL, &f->dev), -EFAULT, "mapping again");
	EXPECT(counters(f).mappings == 2);
	OK(iom_unmap(f->dom, &r));
	OK(iom_attach(f->dom, f->world->device, NULL, &f->dev));
	OK(iom_unmap(f->dom, &kept));
	return PASS;
}

/* A device that cannot reach what is mapped is refused; one that can makes the domain narrower. */
static enum outcome narrow_device(struct fixture *f)
{
	struct iom_attach_opts opts = { .size = sizeof(opts), .dma_bits = 20 };
	struct iom_aperture a;
	struct iom_region r;

	OK(iom_apertures(f->dom, &a, 1));
	if (a.start)
		return not_applicable("the first aperture does not begin at 0");
	OK(map_above(f, memory(f->page), 20, NULL, &r));
	EXPECT(r.iova >> 20);
	iom_detach(f->dev);
	REFUSED(iom_attach(f->dom, f->world->device, &opts, &f->dev), -EBUSY, "cannot reach");
	OK(iom_unmap(f->dom, &r));
	OK(iom_attach(f->dom, f->world->device, &opts, &f->dev));
	OK(iom_map(f->dom, memory(f->page), f->page, IOM_MAP_RW, NULL, &r));
	EXPECT(!(r.iova >> 20));
	REFUSED(map_at(f, memory(f->page), f->page, 1 << 20, NULL), -ERANGE, "limit");
	return PASS;
}

static enum outcome two_devices(struct fixture *f)
{
	struct iom_device *edu;
	struct iom_region r;

	if (!f->world->edu)
		return not_applicable("no second device");
	OK(attach(f, f->world->edu, &edu));
	EXPECT(iom_device_fd(edu) >= 0 && iom_device_fd(edu) != iom_device_fd(f->dev));
	OK(iom_map(f->dom, memory(f->page), f->page, IOM_MAP_RW, NULL, &r));
	EXPECT(!(r.iova >> 28));
	iom_detach(f->dev);
	OK(iom_unmap(f->dom, &r));
	OK(iom_attach(f->dom, f->world->device, NULL, &f->dev));
	iom_detach(edu);
	OK(map_above(f, memory(f->page), EDU_DMA_BITS, NULL, &r));
	EXPECT(r.iova >> EDU_DMA_BITS);
	return PASS;
}

/* In the child of a fork; its exit status is the number of the first check that failed, or 0. */
static int check_child(struct fixture *f, const struct iom_region *r)
{
	struct iom_counters c = { .size = sizeof(c) };
	struct iom_device *dev;
	iom_iova_t iova;
	uint64_t run;
	void *va;

	if (iom_translate(f->dom, r->va, 1, &iova, &run) != -EPERM)
		return 1;
	if (iom_iova_to_va(f->dom, r->iova, 1, &va, &run) != -EPERM)
		return 2;
	if (iom_map(f->dom, r->va, f->page, IOM_MAP_RW, NULL, NULL) != -EPERM)
		return 3;
	if (iom_unmap(f->dom, r) != -EPERM || !strstr(iom_errmsg(), "parent"))
		return 4;
	if (iom_unmap_range(f->dom, r->iova, f->page) != -EPERM || iom_unmap_all(f->dom) != -EPERM)
		return 5;
	if (iom_attach(f->dom, f->world->device, NULL, &dev) != -EPERM)
		return 6;
	if (iom_apertures(f->dom, NULL, 0) != -EPERM || iom_read_counters(f->dom, &c) != -EPERM)
		return 7;
	if (iom_explain(f->dom, NULL, 0) != -EPERM || iom_device_fd(f->dev) != -EPERM)
		return 8;
	iom_detach(f->dev);
	iom_close(f->dom);
	return 0;
}

static enum outcome forked_child(struct fixture *f)
{
	struct iom_counters before;
	struct iom_region r;
	iom_iova_t iova;
	uint64_t run;
	int status;
	pid_t pid;

	OK(iom_map(f->dom, memory(f->page), f->page, IOM_MAP_RW, NULL, &r));
	before = counters(f);
	pid = fork();
	EXPECT(pid >= 0);
	if (!pid)
		_exit(check_child(f, &r));
	EXPECT(waitpid(pid, &status, 0) == pid);
	if (!WIFEXITED(status) || WEXITSTATUS(status))
		return failed(__FILE__, __LINE__, "the child's status is 0x%x",
			      (unsigned int)status);
	EXPECT(same_mappings(f, &before));
	OK(iom_translate(f->dom, r.va, 1, &iova, &run));
	EXPECT(iova == r.iova);
	OK(iom_unmap(f->dom, &r));
	return PASS;
}

/* Closed with everything mapped, the device can be had again at once. */
static enum outcome close_while_mapped(struct fixture *f)
{
	struct iom_open_opts opts = { .size = sizeof(opts), .backend = f->world->backend };
	int i;

	for (i = 0; i < 3; i++) {
		OK(iom_map(f->dom, memory(16 * f->page), 16 * f->page, IOM_MAP_RW, NULL, NULL));
		OK(iom_map(f->dom, memory(f->page), f->page, IOM_MAP_READ, NULL, NULL));
		iom_close(f->dom);
		OK(world_open(&f->dom, &opts));
		OK(iom_attach(f->dom, f->world->device, NULL, &f->dev));
		EXPECT(!counters(f).mappings);
	}
	return PASS;
}

const struct test life_tests[] = {
	{ "attach-addresses", addresses, NEEDS_ADDRESSES },
	{ "open-and-attach-options", options, NEEDS_ADDRESSES },
	{ "attach-twice", attached_twice, NEEDS_DEVICE },
	{ "explain", explanation, NEEDS_DEVICE },
	{ "detach-and-attach-again", detach_and_attach, NEEDS_DEVICE },
	{ "attach-again-without-the-memory", attach_without_memory, NEEDS_DEVICE },
	{ "attach-narrow-device", narrow_device, NEEDS_DEVICE },
	{ "attach-two-devices", two_devices, NEEDS_DEVICE },
	{ "forked-child", forked_child, NEEDS_DEVICE },
	{ "close-while-mapped", close_while_mapped, NEEDS_DEVICE },
	{ NULL, NULL, NEEDS_DEVICE },
};
