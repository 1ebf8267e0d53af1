// SPDX-License-Identifier: BSD-3-Clause
/* Machines on which a device cannot be had, or not as much be mapped: each says what to do. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "harness.h"

static bool is_cdev(const char *backend)
{
	return !strcmp(backend, "iommufd");
}

static const char *container_of(const char *backend)
{
	return strstr(backend, "iommufd") ? "/dev/iommu" : "/dev/vfio/vfio";
}

/*
 * Have the backend that works here forced from now on, so that none steps in for it, and see which
 * node it opens for the device.
 */
static enum outcome force(struct fixture *f, struct world *world, char *node, size_t n)
{
	struct nodes nodes;

	OK(open_with_device(f, 0));
	*world = *f->world;
	world->backend = iom_backend(f->dom);
	iom_close(f->dom);
	f->dom = NULL;
	f->world = world;
	world_nodes(world->device, &nodes);
	snprintf(node, n, "%s", is_cdev(world->backend) ? nodes.device : nodes.group);
	return PASS;
}

static enum outcome no_container_node(struct fixture *f)
{
	struct world world;
	const char *node;
	char unused[64];

	TRY(force(f, &world, unused, sizeof(unused)));
	node = container_of(world.backend);
	STAGE(stage_missing(node));
	OK(open_domain(f, 0));
	REFUSED(attach(f, world.device, &f->dev), -EOPNOTSUPP, world.device, "there is no", node);
	EXPECT(!iom_backend(f->dom));
	return PASS;
}

static enum outcome no_device_node(struct fixture *f)
{
	struct world world;
	char node[64];

	TRY(force(f, &world, node, sizeof(node)));
	STAGE(stage_missing(node));
	OK(open_domain(f, 0));
	REFUSED(attach(f, world.device, &f->dev), -EOPNOTSUPP, world.device, "there is no", node);
	return PASS;
}

static enum outcome forbidden(struct fixture *f, const struct world *world, const char *node)
{
	STAGE(stage_forbidden(node));
	OK(open_domain(f, 0));
	REFUSED(attach(f, world->device, &f->dev), -EACCES, world->device, "permission denied on",
		node);
	return PASS;
}

static enum outcome container_forbidden(struct fixture *f)
{
	struct world world;
	char unused[64];

	TRY(force(f, &world, unused, sizeof(unused)));
	return forbidden(f, &world, container_of(world.backend));
}

static enum outcome device_forbidden(struct fixture *f)
{
	struct world world;
	char node[64];

	TRY(force(f, &world, node, sizeof(node)));
	return forbidden(f, &world, node);
}

static enum outcome no_driver(struct fixture *f)
{
	STAGE(stage_unbound(f->world->device));
	REFUSED(attach(f, f->world->device, &f->dev), -ENODEV, f->world->device, "no driver",
		"vfio-pci");
	return PASS;
}

static enum outcome kernel_driver(struct fixture *f)
{
	const char *driver;

	NEED(f->world->edu, "no edu device");
	STAGE(stage_kernel_driver(f->world->edu, &driver));
	REFUSED(attach(f, f->world->edu, &f->dev), -EBUSY, f->world->edu, driver, "vfio-pci");
	return PASS;
}

static enum outcome not_viable(struct fixture *f)
{
	const char *driver;

	NEED(f->world->pair[0], "no two functions of one group");
	STAGE(stage_kernel_driver(f->world->pair[1], &driver));
	REFUSED(attach(f, f->world->pair[0], &f->dev), -EBUSY, f->world->pair[0], "not viable",
		f->world->pair[1], driver, "vfio-pci");
	return PASS;
}

/* The other function of the group may be without a driver. */
static enum outcome half_bound(struct fixture *f)
{
	NEED(f->world->pair[0], "no two functions of one group");
	STAGE(stage_unbound(f->world->pair[1]));
	OK(attach(f, f->world->pair[0], &f->dev));
	f->page = iom_page_size(f->dom);
	OK(iom_map(f->dom, memory(f->page), f->page, IOM_MAP_RW, NULL, NULL));
	return PASS;
}

static enum outcome held(struct fixture *f)
{
	char who[32];
	int pid;

	STAGE(stage_held(f->world->device, &pid));
	snprintf(who, sizeof(who), "%d", pid);
	REFUSED(attach(f, f->world->device, &f->dev), -EBUSY, f->world->device, "held by", who);
	return PASS;
}

static void kib(char *word, size_t n, uint64_t bytes)
{
	snprintf(word, n, "%" PRIu64 " KiB", bytes >> 10);
}

/* The sentence has need and limit; what fits is mapped, and room comes back. */
static enum outcome memlock(struct fixture *f)
{
	char need[32], limit[32];
	struct iom_counters before;
	struct iom_region r;
	uint64_t page, room;
	char *p;

	OK(open_with_device(f, 0));
	page = memory_page(f);
	p = memory(32 * page);
	/* on POWER the tables of a window count as well, from its first use on */
	OK(iom_map(f->dom, p, page, IOM_MAP_RW, NULL, &r));
	OK(iom_unmap(f->dom, &r));
	room = world_locked() + 16 * page;
	STAGE(stage_memlock(room));
	before = counters(f);
	kib(need, sizeof(need), 32 * page);
	kib(limit, sizeof(limit), room);
	REFUSED(iom_map(f->dom, p, 32 * page, IOM_MAP_RW, NULL, NULL), -ENOMEM, "RLIMIT_MEMLOCK",
		need, limit, "ulimit");
	EXPECT(same_mappings(f, &before));
	OK(iom_map(f->dom, p, 16 * page, IOM_MAP_RW, NULL, &r));
	kib(need, sizeof(need), page);
	REFUSED(iom_map(f->dom, p + 16 * page, page, IOM_MAP_RW, NULL, NULL), -ENOMEM,
		"RLIMIT_MEMLOCK", need, limit);
	OK(iom_unmap(f->dom, &r));
	OK(iom_map(f->dom, p + 16 * page, 16 * page, IOM_MAP_RW, NULL, &r));
	OK(iom_unmap(f->dom, &r));
	return PASS;
}

static enum outcome entry_limit(struct fixture *f)
{
	struct iom_region r[20];
	struct iom_counters c;
	uint64_t page, i;
	char *p;

	STAGE(stage_entry_limit(20));
	OK(open_with_device(f, 0));
	c = counters(f);
	if (c.entry_limit == UINT64_MAX)
		return not_applicable("this backend has no limit on mappings");
	EXPECT(c.entry_limit == 20);
	page = f->page;
	p = memory(22 * page);
	for (i = 0; i < 20; i++)
		OK(iom_map(f->dom, p + i * page, page, IOM_MAP_RW, NULL, &r[i]));
	c = counters(f);
	EXPECT(c.entries_used == 20);
	REFUSED(iom_map(f->dom, p + 20 * page, page, IOM_MAP_RW, NULL, NULL), -ENOSPC,
		"limit of 20", "dma_entry_limit");
	EXPECT(same_mappings(f, &c));
	OK(iom_unmap(f->dom, &r[7]));
	OK(iom_map(f->dom, p + 20 * page, page, IOM_MAP_RW, NULL, &r[7]));
	REFUSED(iom_map(f->dom, p + 21 * page, page, IOM_MAP_RW, NULL, NULL), -ENOSPC,
		"limit of 20");
	return PASS;
}

static enum outcome not_isolated(struct fixture *f)
{
	STAGE(stage_not_isolated(false));
	OK(open_domain(f, 0));
	REFUSED(attach(f, f->world->device, &f->dev), -EACCES, f->world->device, "interrupts",
		"allow_unsafe_interrupts=1");
	return PASS;
}

static enum outcome unsafe_interrupts(struct fixture *f)
{
	struct iom_region r;

	STAGE(stage_not_isolated(true));
	OK(open_with_device(f, 0));
	OK(iom_map(f->dom, memory(f->page), f->page, IOM_MAP_RW, NULL, &r));
	OK(iom_unmap(f->dom, &r));
	return PASS;
}

/* To attach, and for the memfd of a buffer; each works once there are some again. */
static enum outcome no_descriptors(struct fixture *f)
{
	const struct iom_buf_opts shared = { .size = sizeof(shared), .flags = IOM_BUF_SHARED };
	struct iom_counters before;
	struct iom_region r, buf;

	STAGE(stage_no_descriptors());
	REFUSED(attach(f, f->world->device, &f->dev), -EMFILE, f->world->device);
	EXPECT(!f->dev && !iom_backend(f->dom));
	stage_descriptors();
	OK(attach(f, f->world->device, &f->dev));
	f->page = iom_page_size(f->dom);
	OK(iom_map(f->dom, memory(f->page), f->page, IOM_MAP_RW, NULL, &r));

	before = counters(f);
	STAGE(stage_no_descriptors());
	REFUSED(iom_buf_alloc(f->dom, f->page, &shared, &buf), -EMFILE, "buffer");
	EXPECT(same_mappings(f, &before));
	OK(iom_unmap(f->dom, &r));
	stage_descriptors();
	OK(iom_buf_alloc(f->dom, f->page, &shared, &buf));
	OK(iom_unmap(f->dom, &buf));
	return PASS;
}

const struct test machine_tests[] = {
	{ "machine-no-container-node", no_container_node, NEEDS_NOTHING },
	{ "machine-no-device-node", no_device_node, NEEDS_NOTHING },
	{ "machine-container-forbidden", container_forbidden, NEEDS_NOTHING },
	{ "machine-device-forbidden", device_forbidden, NEEDS_NOTHING },
	{ "machine-bound-to-no-driver", no_driver, NEEDS_ADDRESSES },
	{ "machine-bound-to-a-kernel-driver", kernel_driver, NEEDS_ADDRESSES },
	{ "machine-group-not-viable", not_viable, NEEDS_ADDRESSES },
	{ "machine-group-half-bound", half_bound, NEEDS_ADDRESSES },
	{ "machine-held-by-another-process", held, NEEDS_ADDRESSES },
	{ "machine-memlock-too-small", memlock, NEEDS_NOTHING },
	{ "machine-entry-limit", entry_limit, NEEDS_NOTHING },
	{ "machine-interrupts-not-isolated", not_isolated, NEEDS_NOTHING },
	{ "machine-unsafe-interrupts-allowed", unsafe_interrupts, NEEDS_NOTHING },
	{ "machine-no-descriptor-left", no_descriptors, NEEDS_ADDRESSES },
	{ NULL, NULL, NEEDS_NOTHING },
};
