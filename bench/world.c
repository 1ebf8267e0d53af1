// SPDX-License-Identifier: BSD-3-Clause
#include "world.h"

#include <stdlib.h>
#include <string.h>

#include <linux/vfio.h>

#include "backends/uapi/iommufd.h"
#include "lib/domain.h"

/* More than anybody maps here: as good as none. */
#define NO_ENTRY_LIMIT UINT32_C(0x7fffffff)

struct kernel {
	struct bench_world world;
	struct kernel *next;
	const struct iom_sys *inner;
	struct iom_sys sys;
	uint64_t backing;
	bool is_power, simulate;

	/* atomic */
	struct bench_calls calls;
	uint64_t mapped; /* bytes */
};

/* Tables of system calls are told apart by the simulation's context, which is handed through. */
static struct kernel *kernels;

static struct kernel *kernel_of(const void *ctx)
{
	struct kernel *k = kernels;

	while (k->inner->ctx != ctx)
		k = k->next;
	return k;
}

static void add(uint64_t *counter, uint64_t n)
{
	__atomic_fetch_add(counter, n, __ATOMIC_RELAXED);
}

static uint64_t get(const uint64_t *counter)
{
	return __atomic_load_n(counter, __ATOMIC_RELAXED);
}

/*
 * Which counter a request belongs to; NULL: it is about something else.  To a device's own node the
 * numbers of POWER's registrations mean other things.
 */
static uint64_t *counter_of(struct kernel *k, unsigned long request)
{
	switch (request) {
	case VFIO_IOMMU_MAP_DMA:
	case IOM_IOMMU_IOAS_MAP:
	case IOM_IOMMU_IOAS_MAP_FILE:
		return &k->calls.maps;
	case VFIO_IOMMU_UNMAP_DMA:
	case IOM_IOMMU_IOAS_UNMAP:
		return &k->calls.unmaps;
	case VFIO_IOMMU_SPAPR_REGISTER_MEMORY:
		return k->is_power ? &k->calls.registers : NULL;
	case VFIO_IOMMU_SPAPR_UNREGISTER_MEMORY:
		return k->is_power ? &k->calls.unregisters : NULL;
	default:
		return NULL;
	}
}

/* All of what is asked for is mapped: the library asks for no part and no more than it mapped. */
static int unmap_dma(struct kernel *k, struct vfio_iommu_type1_dma_unmap *arg)
{
	if (arg->flags & VFIO_DMA_UNMAP_FLAG_ALL)
		arg->size = get(&k->mapped);
	add(&k->mapped, -arg->size);
	return 0;
}

static int unmap_ioas(struct kernel *k, struct iom_iommu_ioas_unmap *arg)
{
	if (!arg->iova && arg->length == UINT64_MAX)
		arg->length = get(&k->mapped);
	add(&k->mapped, -arg->length);
	return 0;
}

/* At once, and as if it were done. */
static int answer(struct kernel *k, unsigned long request, void *arg)
{
	switch (request) {
	case VFIO_IOMMU_MAP_DMA:
		add(&k->mapped, ((const struct vfio_iommu_type1_dma_map *)arg)->size);
		return 0;
	case IOM_IOMMU_IOAS_MAP:
		add(&k->mapped, ((const struct iom_iommu_ioas_map *)arg)->length);
		return 0;
	case IOM_IOMMU_IOAS_MAP_FILE:
		add(&k->mapped, ((const struct iom_iommu_ioas_map_file *)arg)->length);
		return 0;
	case VFIO_IOMMU_UNMAP_DMA:
		return unmap_dma(k, arg);
	case IOM_IOMMU_IOAS_UNMAP:
		return unmap_ioas(k, arg);
	default:
		return 0;
	}
}

static int bench_ioctl(void *ctx, int fd, unsigned long request, void *arg)
{
	struct kernel *k = kernel_of(ctx);
	uint64_t *counter = counter_of(k, request);

	if (counter)
		add(counter, 1);
	if (!counter || k->simulate)
		return k->inner->ioctl(ctx, fd, request, arg);
	return answer(k, request, arg);
}

/* Memory of one kind, wherever one looks. */
static int bench_find_vma(void *ctx, int fd, uint64_t addr, struct iom_vma *vma)
{
	struct kernel *k = kernel_of(ctx);

	if (k->simulate)
		return k->inner->find_vma(ctx, fd, addr, vma);
	*vma = (struct iom_vma){ .start = 0, .end = UINT64_C(1) << 47, .page_size = k->backing };
	return 0;
}

/* Nobody touches what is mapped here. */
static int bench_populate(void *ctx, uintptr_t va, uint64_t length)
{
	(void)ctx, (void)va, (void)length;
	return 0;
}

static bool is_power(const char *backend)
{
	return !strcmp(backend, "powernv") || !strcmp(backend, "pseries");
}

static void make_machine(struct kernel *k, const struct bench_world_opts *opts)
{
	struct iom_sim_config machine = {
		.size = sizeof(machine),
		.platform = is_power(opts->backend) ? opts->backend : NULL,
		.iommufd = strstr(opts->backend, "iommufd"),
		.dma_entry_limit = opts->dma_entry_limit ? opts->dma_entry_limit : NO_ENTRY_LIMIT,
		.memory = IOM_SIM_MEMORY_MAPS,
		.memlock = IOM_SIM_UNLIMITED,
		.ram = 1024 * GIB,
	};

	bench_check(iom_sim_create(&machine, &k->world.sim), "a simulated machine");
	k->inner = iom_sim_sys(k->world.sim);
	k->sys = *k->inner;
	k->sys.ioctl = bench_ioctl;
	k->sys.find_vma = bench_find_vma;
	k->sys.populate = bench_populate;
	k->is_power = is_power(opts->backend);
	k->simulate = opts->simulate;
	k->backing = opts->backing ? opts->backing : 64 * KIB;
	k->next = kernels;
	kernels = k;
}

struct bench_world *bench_world_new(const struct bench_world_opts *opts)
{
	const struct iom_open_opts open_opts = {
		.size = sizeof(open_opts),
		.backend = opts->backend,
		.unmap_granule = opts->granule,
		.expect_bytes = opts->expect_bytes,
		.expect_page = opts->expect_page,
		.flags = opts->strict ? IOM_OPEN_STRICT : 0,
	};
	struct kernel *k = calloc(1, sizeof(*k));
	struct bench_world *world;

	if (!k)
		bench_fail("no memory");
	world = &k->world;
	make_machine(k, opts);
	bench_check(iom_open_with(&world->dom, &open_opts, &k->sys, iom_backends), "iom_open");
	bench_check(iom_attach(world->dom, BENCH_DEVICE, NULL, &world->dev), "iom_attach");
	return world;
}

void bench_world_free(struct bench_world *world)
{
	struct kernel *k = (struct kernel *)world, **at;

	if (!world)
		return;
	iom_close(world->dom);
	iom_sim_destroy(world->sim);
	for (at = &kernels; *at != k; at = &(*at)->next)
		;
	*at = k->next;
	free(k);
}

const char *bench_world_backend(const struct bench_world *world)
{
	return iom_backend(world->dom);
}

struct bench_calls bench_world_calls(const struct bench_world *world)
{
	const struct kernel *k = (const struct kernel *)world;
	struct bench_calls calls = {
		.maps = get(&k->calls.maps),
		.unmaps = get(&k->calls.unmaps),
		.registers = get(&k->calls.registers),
		.unregisters = get(&k->calls.unregisters),
		.all = iom_sim_calls(world->sim),
	};

	if (!k->simulate)
		calls.all += calls.maps + calls.unmaps + calls.registers + calls.unregisters;
	return calls;
}

struct bench_calls bench_calls_since(const struct bench_world *world,
				     const struct bench_calls *before)
{
	struct bench_calls now = bench_world_calls(world);

	return (struct bench_calls){
		.maps = now.maps - before->maps,
		.unmaps = now.unmaps - before->unmaps,
		.registers = now.registers - before->registers,
		.unregisters = now.unregisters - before->unregisters,
		.all = now.all - before->all,
	};
}

iom_iova_t bench_map(const struct bench_world *world, uint64_t va, uint64_t length)
{
	struct iom_region region;

	bench_check(iom_map(world->dom, (void *)(uintptr_t)va, length, IOM_MAP_RW, NULL, &region),
		    "iom_map");
	return region.iova;
}
