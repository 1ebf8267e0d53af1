/* SPDX-License-Identifier: BSD-3-Clause */
/* A domain on a simulated machine: the public API from outside, the kernel and the device looked into. */
#ifndef IOM_TEST_DOMAIN_RIG_H
#define IOM_TEST_DOMAIN_RIG_H

#include <errno.h>
#include <pthread.h>
#include <sys/mman.h>
#include <unistd.h>

#include <linux/vfio.h>

#include "backends/backend.h"
#include "backends/uapi/iommufd.h"
#include "lib/domain.h"
#include "lib/error.h"
#include "sim/sim.h"
#include "tests/unit/util.h"

#define NVME "0000:01:00.0"
#define EDU "0000:02:00.0"
#define PAGE UINT64_C(4096)

struct rig {
	struct iom_sim *sim;
	struct iom_domain *dom;
	struct iom_device *nvme;
	const char *backend; /* that rig_open() forces; NULL: none */
	uint64_t granule;    /* that it asks for */
	uint64_t expected;   /* bytes, in small pages; on POWER */
	uint64_t flags;      /* IOM_OPEN_* */
	uint64_t history;    /* see struct iom_open_opts */
	bool one_window;     /* the bridge says that it has no more */

	/* The simulation's table, with a look at each ioctl: to hold it up, to count, to change the answer. */
	struct iom_sys sys;
	void (*before)(struct rig *rig, unsigned long request);
	void (*after)(struct rig *rig, unsigned long request, void *arg);

	/* What the library logged: "level message", a line each. */
	pthread_mutex_t log_lock;
	char log[8192];
	bool log_is_wrong; /* another argument, or more than a line */
};

static struct rig rig;

/* ---- The backend ------------------------------------------------------------------------------- */

/*
 * Which one a test is about: type1, unless IOM_TEST_BACKEND says another one.  make check runs what is
 * true of all of them once for each.
 */
struct rig_backend {
	const char *name;
	unsigned long map, unmap, ranges; /* its requests */
	unsigned int fds;                 /* open while a device is attached, */
	unsigned int idle_fds;            /* and when all have gone */
};

static inline const struct rig_backend *rig_backend(void)
{
	static const struct rig_backend backends[] = {
		/* container, group, device */
		{ "type1", VFIO_IOMMU_MAP_DMA, VFIO_IOMMU_UNMAP_DMA, VFIO_IOMMU_GET_INFO, 3, 1 },
		/* iommufd, device */
		{ "iommufd", IOM_IOMMU_IOAS_MAP, IOM_IOMMU_IOAS_UNMAP, IOM_IOMMU_IOAS_IOVA_RANGES,
		  2, 0 },
		/* iommufd, group, device */
		{ "type1-iommufd", VFIO_IOMMU_MAP_DMA, VFIO_IOMMU_UNMAP_DMA, VFIO_IOMMU_GET_INFO, 3,
		  0 },
		/* container, group, device */
		{ "powernv", VFIO_IOMMU_MAP_DMA, VFIO_IOMMU_UNMAP_DMA,
		  VFIO_IOMMU_SPAPR_TCE_GET_INFO, 3, 0 },
		{ "pseries", VFIO_IOMMU_MAP_DMA, VFIO_IOMMU_UNMAP_DMA,
		  VFIO_IOMMU_SPAPR_TCE_GET_INFO, 3, 0 },
	};
	const char *name = getenv("IOM_TEST_BACKEND");
	size_t i;

	for (i = 0; name && i < ARRAY_SIZE(backends); i++)
		if (!strcmp(backends[i].name, name))
			return &backends[i];
	if (name)
		abort(); /* outside of tests, too, where Check cannot assert */
	return &backends[0];
}

static inline bool rig_is(const char *backend)
{
	return !strcmp(rig_backend()->name, backend);
}

static inline bool rig_is_power(void)
{
	return rig_is("powernv") || rig_is("pseries");
}

/*
 * On POWER memory may be refused that was unmapped before, while the kernel has it registered
 * together with what is mapped still.
 */
static inline bool rig_is_stale(int ret)
{
	return rig_is_power() && ret == -EBUSY && strstr(iom_errmsg(), "unmapped before");
}

/* The simulation counts what iommufd has pinned apart from what is locked. */
static inline uint64_t rig_pinned_bytes(void)
{
	return rig_is("type1") || rig_is_power() ? iom_sim_locked_bytes(rig.sim)
						 : iom_sim_pinned_bytes(rig.sim);
}

/* ---- Set-up and tear-down ----------------------------------------------------------------------- */

static int rig_ioctl(void *ctx, int fd, unsigned long request, void *arg)
{
	const struct iom_sys *inner = iom_sim_sys(rig.sim);
	int ret;

	(void)ctx;
	if (rig.before)
		rig.before(&rig, request);
	ret = inner->ioctl(inner->ctx, fd, request, arg);
	if (!ret && rig.one_window && request == VFIO_IOMMU_SPAPR_TCE_GET_INFO)
		((struct vfio_iommu_spapr_tce_info *)arg)->ddw.max_dynamic_windows_supported = 1;
	if (rig.after)
		rig.after(&rig, request, arg);
	return ret;
}

static inline void rig_log(void *arg, int level, const char *message)
{
	size_t used;

	pthread_mutex_lock(&rig.log_lock);
	if (arg != &rig || strchr(message, '\n'))
		rig.log_is_wrong = true;
	used = strlen(rig.log);
	snprintf(rig.log + used, sizeof(rig.log) - used, "%d %s\n", level, message);
	pthread_mutex_unlock(&rig.log_lock);
}

/*
 * A POWER machine that has, as most others do, IOVAs from 4 GiB on, in pages of 4 KiB: in the
 * 64-bit window, where the hypervisor puts it there; or in one in the place of the default one.
 */
static inline void rig_make_power(struct iom_sim_config *machine)
{
	static const struct iom_sim_device devices[] = {
		{ .address = NVME, .group = 14, .driver = "vfio-pci", .dma64_start = 4 * GIB },
		{ .address = EDU, .group = 15, .driver = "vfio-pci", .dma64_start = 4 * GIB },
	};

	if (!machine->platform)
		machine->platform = rig.backend;
	if (!machine->page_size)
		machine->page_size = PAGE;
	if (!machine->devices) {
		machine->devices = devices;
		machine->n_devices = ARRAY_SIZE(devices);
	}
	rig.expected = 128 * GIB;
	rig.one_window = rig_is("powernv");
}

/* The machine alone; config may be NULL. */
static inline void rig_machine(const struct iom_sim_config *config)
{
	struct iom_sim_config machine = { .size = sizeof(machine) };

	memset(&rig, 0, sizeof(rig));
	pthread_mutex_init(&rig.log_lock, NULL);
	if (config)
		machine = *config;
	if (getenv("IOM_TEST_BACKEND")) {
		rig.backend = rig_backend()->name;
		/* the oldest one of the simulation's that has it */
		machine.iommufd = rig_is("iommufd") || rig_is("type1-iommufd");
		if (rig_is_power())
			rig_make_power(&machine);
		if (machine.iommufd && machine.kernel == 601)
			machine.kernel = 612;
	}
	ck_assert_int_eq(iom_sim_create(&machine, &rig.sim), 0);
	rig.sys = *iom_sim_sys(rig.sim);
	rig.sys.ioctl = rig_ioctl;
}

static inline int rig_open(struct iom_domain **dom)
{
	const struct iom_open_opts opts = {
		.size = sizeof(opts),
		.backend = rig.backend,
		.log = rig_log,
		.log_arg = &rig,
		.unmap_granule = rig.granule,
		.expect_bytes = rig.expected,
		.expect_page = rig.expected ? PAGE : 0,
		.flags = rig.flags,
		.history = rig.history,
	};

	return iom_open_with(dom, &opts, &rig.sys, iom_backends);
}

/* The machine and a domain without devices. */
static inline void rig_domain(const struct iom_sim_config *config)
{
	rig_machine(config);
	ck_assert_ok(rig_open(&rig.dom));
}

/* The machine and a domain with the first device. */
static inline void rig_start(const struct iom_sim_config *config)
{
	rig_domain(config);
	ck_assert_ok(iom_attach(rig.dom, NVME, NULL, &rig.nvme));
}

/* The same, where mappings may be cut at multiples of granule. */
static inline void rig_start_cut(const struct iom_sim_config *config, uint64_t granule)
{
	rig_machine(config);
	rig.granule = granule;
	ck_assert_ok(rig_open(&rig.dom));
	ck_assert_ok(iom_attach(rig.dom, NVME, NULL, &rig.nvme));
}

/* The same in a strict domain. */
static inline void rig_start_strict(void)
{
	rig_machine(NULL);
	rig.flags = IOM_OPEN_STRICT;
	ck_assert_ok(rig_open(&rig.dom));
	ck_assert_ok(iom_attach(rig.dom, NVME, NULL, &rig.nvme));
}

/* As fixtures. */
static inline void set_up_machine(void)
{
	rig_machine(NULL);
}

static inline void set_up_domain(void)
{
	rig_domain(NULL);
}

static inline void set_up_device(void)
{
	rig_start(NULL);
}

/* Close, and nothing is left. */
static inline void tear_down(void)
{
	iom_close(rig.dom);
	ck_assert(!rig.log_is_wrong);
	ck_assert_uint_eq(iom_sim_open_fds(rig.sim), 0);
	ck_assert_uint_eq(iom_sim_mapped_bytes(rig.sim), 0);
	ck_assert_uint_eq(iom_sim_locked_bytes(rig.sim), 0);
	ck_assert_uint_eq(iom_sim_pinned_bytes(rig.sim), 0);
	ck_assert_uint_eq(iom_sim_allocated_bytes(rig.sim), 0);
	iom_sim_destroy(rig.sim);
	pthread_mutex_destroy(&rig.log_lock);
}

/* Start anew with another machine. */
static inline void rig_restart(const struct iom_sim_config *config)
{
	tear_down();
	rig_start(config);
}

/* How often the kernel has each mapping: POWER has a container for each group. */
static inline unsigned int rig_copies(void)
{
	return rig_is_power() ? iom_sim_open_fds(rig.sim) / rig_backend()->fds : 1;
}

/* ---- Memory ------------------------------------------------------------------------------------- */

/* Anonymous memory whose address is phase modulo align, a power of two. */
static inline char *rig_memory_at(uint64_t length, uint64_t align, uint64_t phase)
{
	uintptr_t start, want;
	char *p;

	p = mmap(NULL, length + align, PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	ck_assert_ptr_ne(p, MAP_FAILED);
	start = (uintptr_t)p;
	want = start + ((phase - start) & (align - 1));
	if (want > start)
		munmap(p, want - start);
	munmap(p + (want - start) + length, align - (want - start));
	return p + (want - start);
}

static inline char *rig_memory(uint64_t length)
{
	return rig_memory_at(length, 2 * MIB, 4 * PAGE);
}

/* ---- Maps --------------------------------------------------------------------------------------- */

static inline struct iom_map_opts at_iova(uint64_t iova)
{
	return (struct iom_map_opts){ .size = sizeof(struct iom_map_opts), .iova = iova };
}

static inline struct iom_map_opts below(uint64_t limit)
{
	return (struct iom_map_opts){ .size = sizeof(struct iom_map_opts), .limit = limit };
}

static inline int map_fixed(void *va, uint64_t length, uint64_t iova, struct iom_region *region)
{
	struct iom_map_opts opts = at_iova(iova);

	return iom_map(rig.dom, va, length, IOM_MAP_RW | IOM_MAP_FIXED, &opts, region);
}

static inline int map_any(void *va, uint64_t length, struct iom_region *region)
{
	return iom_map(rig.dom, va, length, IOM_MAP_RW, NULL, region);
}

/* ---- What is so --------------------------------------------------------------------------------- */

/* All that a call which fails must leave as it was. */
struct state {
	struct iom_counters counters;
	uint64_t kernel_bytes, pinned_bytes, page_size;
	unsigned int open_fds;
	int apertures;
	const char *backend;
};

static inline struct iom_counters rig_counters(void)
{
	struct iom_counters counters = { .size = sizeof(counters) };

	ck_assert_ok(iom_read_counters(rig.dom, &counters));
	return counters;
}

static inline struct state rig_state(void)
{
	struct state state = {
		.kernel_bytes = iom_sim_mapped_bytes(rig.sim),
		.pinned_bytes = rig_pinned_bytes(),
		.page_size = iom_page_size(rig.dom),
		.open_fds = iom_sim_open_fds(rig.sim),
		.backend = iom_backend(rig.dom),
	};

	state.apertures = iom_apertures(rig.dom, NULL, 0);
	state.counters = rig_counters();
	/* tries are counted, too */
	state.counters.kernel_maps = 0;
	state.counters.kernel_unmaps = 0;
	return state;
}

#define ck_assert_same(before, member, now) ck_assert_uint_eq((now).member, (before).member)

/* A macro, for the line of the caller. */
#define ck_assert_unchanged(before)                                       \
	do {                                                              \
		struct state now_ = rig_state();                          \
                                                                          \
		ck_assert_same(before, counters.mappings, now_);          \
		ck_assert_same(before, counters.mapped_bytes, now_);      \
		ck_assert_same(before, counters.quarantined_bytes, now_); \
		ck_assert_same(before, counters.entry_limit, now_);       \
		ck_assert_same(before, counters.entries_used, now_);      \
		ck_assert_same(before, kernel_bytes, now_);               \
		ck_assert_same(before, pinned_bytes, now_);               \
		ck_assert_same(before, page_size, now_);                  \
		ck_assert_same(before, open_fds, now_);                   \
		ck_assert_int_eq(now_.apertures, (before).apertures);     \
		ck_assert_ptr_eq(now_.backend, (before).backend);         \
	} while (0)

static inline bool dma_reads(const char *address, uint64_t iova, const void *expected, size_t n)
{
	char got[256];

	ck_assert_uint_le(n, sizeof(got));
	return !iom_sim_dma_read(rig.sim, address, iova, got, n) && !memcmp(got, expected, n);
}

/* Neither end of it can be read or written by the device. */
static inline bool dma_misses(const char *address, uint64_t iova, uint64_t length)
{
	char byte = 0;

	return iom_sim_dma_read(rig.sim, address, iova, &byte, 1) < 0 &&
	       iom_sim_dma_write(rig.sim, address, iova, &byte, 1) < 0 &&
	       iom_sim_dma_read(rig.sim, address, iova + length - 1, &byte, 1) < 0 &&
	       iom_sim_dma_write(rig.sim, address, iova + length - 1, &byte, 1) < 0;
}

/* The device reads what is there, at both ends and in the middle, and what it writes arrives. */
static inline bool dma_works(const char *address, const struct iom_region *region)
{
	uint64_t places[] = { 0, region->length / 2, region->length - 8 };
	size_t i;

	for (i = 0; i < ARRAY_SIZE(places); i++) {
		uint64_t mark = UINT64_C(0x1122334455667788) * (i + 3) ^ region->generation;
		char *at = (char *)region->va + places[i];
		uint64_t iova = region->iova + places[i];

		memcpy(at, &mark, sizeof(mark));
		if (!dma_reads(address, iova, &mark, sizeof(mark)))
			return false;
		mark = ~mark;
		if (iom_sim_dma_write(rig.sim, address, iova, &mark, sizeof(mark)) < 0 ||
		    memcmp(at, &mark, sizeof(mark)) != 0)
			return false;
	}
	return true;
}

static inline bool is_mapped(const void *va)
{
	uint64_t iova, run;

	return iom_translate(rig.dom, va, 1, &iova, &run) == 0;
}

/* The domain, whatever happened to it, maps, translates, reaches and unmaps. */
#define ck_assert_works()                                                  \
	do {                                                               \
		char *memory_ = rig_memory(3 * PAGE);                      \
		struct iom_region region_;                                 \
                                                                           \
		ck_assert_ok(map_any(memory_, 3 * PAGE, &region_));        \
		ck_assert(is_mapped(memory_ + PAGE));                      \
		ck_assert(dma_works(NVME, &region_));                      \
		ck_assert_ok(iom_unmap(rig.dom, &region_));                \
		ck_assert(!is_mapped(memory_ + PAGE));                     \
		ck_assert(dma_misses(NVME, region_.iova, region_.length)); \
		munmap(memory_, 3 * PAGE);                                 \
	} while (0)

/* The end of a forked child, without valgrind's look for what it knows nothing of any more. */
static inline void end_child(int status)
{
	char word[16];

	snprintf(word, sizeof(word), "%d", status);
	execl("/bin/sh", "sh", "-c", "exit $0", word, (char *)NULL);
	_exit(255);
}

#endif
