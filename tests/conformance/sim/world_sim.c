// SPDX-License-Identifier: BSD-3-Clause
/* A simulated machine for each case. */
#include <errno.h>
#include <fcntl.h>
#include <linux/vfio.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/domain.h"
#include "lib/sys.h"
#include "sim/sim.h"

#include "machines.h"

static const struct machine *machine;
static struct iom_sim *sim;

static bool is_power(void)
{
	return machine_is_power(machine);
}

/* Where the hypervisor chooses. */
static bool is_pseries(void)
{
	return !strncmp(machine->platform, "pseries", 7);
}

void machine_use(const struct machine *use, struct world *world)
{
	machine = use;
	*world = (struct world){
		.backend = use->backend,
		.device = machine_devices[0].address,
		.edu = machine_devices[1].address,
		.edu2 = machine_devices[2].address,
		.pair = { machine_devices[3].address, machine_devices[4].address },
		.wide = machine_devices[5].address,
		.wide2 = machine_devices[6].address,
		.elsewhere = is_pseries() ? machine_devices[7].address : NULL,
		.unequal = is_power() ? machine_devices[8].address : NULL,
		.narrow = is_power() ? NULL : machine_devices[9].address,
		.reserved = is_power() ? NULL : machine_devices[10].address,
	};
}

static int create(bool isolated, bool windowless)
{
	struct iom_sim_config config = machine_config(machine);

	config.no_isolated_msi = !isolated;
	config.ddw_off = windowless;
	return iom_sim_create(&config, &sim);
}

int world_begin(void)
{
	return create(true, false);
}

const char *world_left(void)
{
	if (iom_sim_open_fds(sim))
		return "descriptors";
	if (iom_sim_mapped_bytes(sim))
		return "mappings";
	if (iom_sim_spapr_leaks(sim))
		return "registrations that nobody can undo";
	if (iom_sim_locked_bytes(sim) || iom_sim_pinned_bytes(sim))
		return "locked memory";
	return iom_sim_allocated_bytes(sim) ? "memory" : NULL;
}

void world_end(void)
{
	iom_sim_destroy(sim);
}

uint64_t world_page_size(void)
{
	return machine->page_size;
}

uint64_t world_first_iova(void)
{
	return 0;
}

uint64_t world_locked(void)
{
	return iom_sim_locked_bytes(sim);
}

uint64_t world_working_set(void)
{
	return 1024u << 20;
}

bool world_tries_dma(uint64_t i)
{
	(void)i;
	return true;
}

/* What is larger than this is this again and again. */
#define HUGE_MEMORY (64u << 20)

int world_windows(void)
{
	if (!is_power())
		return 0;
	return strcmp(machine->platform, "pseries-vf") ? 2 : 1;
}

bool world_window_calls(struct window_calls *calls)
{
	*calls = (struct window_calls){
		.created = iom_sim_ioctls(sim, VFIO_IOMMU_SPAPR_TCE_CREATE),
		.removed = iom_sim_ioctls(sim, VFIO_IOMMU_SPAPR_TCE_REMOVE),
		.registered = iom_sim_ioctls(sim, VFIO_IOMMU_SPAPR_REGISTER_MEMORY),
		.unregistered = iom_sim_ioctls(sim, VFIO_IOMMU_SPAPR_UNREGISTER_MEMORY),
		.mapped = iom_sim_ioctls(sim, VFIO_IOMMU_MAP_DMA),
		.unmapped = iom_sim_ioctls(sim, VFIO_IOMMU_UNMAP_DMA),
	};
	return true;
}

/* On POWER the pages need not be huge, only be said to be. */
static void *stated_memory(uint64_t length, uint64_t page)
{
	const uint64_t part = page > HUGE_MEMORY ? page : HUGE_MEMORY;
	int fd = memfd_create("huge", MFD_CLOEXEC);
	uint64_t at;
	char *p;

	if (fd < 0 || ftruncate(fd, (off_t)part) < 0)
		return NULL;
	p = mmap(NULL, length + page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (p == MAP_FAILED)
		return NULL;
	p += -(uintptr_t)p & (page - 1);
	for (at = 0; at < length; at += part)
		if (mmap(p + at, length - at < part ? length - at : part, PROT_READ | PROT_WRITE,
			 MAP_SHARED | MAP_FIXED, fd, 0) != p + at)
			return NULL;
	close(fd);
	return iom_sim_set_backing(sim, p, length, page) < 0 ? NULL : p;
}

/* The radix MMU has huge pages of 2 MiB and 1 GiB, the hash MMU of 16 MiB. */
static bool has_pages(uint64_t length, int shift)
{
	if (machine->hash_mmu)
		return shift == 24 && length >> shift <= machine->n_hugepages;
	return (shift == 21 || shift == 30) && length >> 21 <= machine->n_hugepages;
}

void *world_huge_memory(uint64_t length, int shift)
{
	void *p;

	if (is_power())
		return has_pages(length, shift) ? stated_memory(length, UINT64_C(1) << shift)
						: NULL;
	p = mmap(NULL, length, PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB | shift << MAP_HUGE_SHIFT, -1, 0);
	return p == MAP_FAILED ? NULL : p;
}

/* What a stage does to a machine ends with it. */
void world_note(const struct world *world)
{
	(void)world;
}

void world_mend(const struct world *world)
{
	(void)world;
}

int world_open(struct iom_domain **dom, const struct iom_open_opts *opts)
{
	return iom_open_with(dom, opts, iom_sim_sys(sim), iom_backends);
}

int world_raw_open(const char *node)
{
	return iom_sys_open(iom_sim_sys(sim), node, O_RDWR);
}

int world_raw_ioctl(int fd, unsigned long request, void *arg)
{
	return iom_sys_ioctl(iom_sim_sys(sim), fd, request, arg);
}

void world_raw_close(int fd)
{
	iom_sys_close(iom_sim_sys(sim), fd);
}

/* ---- DMA ------------------------------------------------------------------------------------- */

struct engine {
	char address[16];
	unsigned char buffer[ENGINE_MAX];
};

int engine_open(struct iom_device *dev, struct engine **engine)
{
	struct engine *e = calloc(1, sizeof(*e));

	if (!e)
		return -ENOMEM;
	snprintf(e->address, sizeof(e->address), "%.15s", iom_device_address(dev));
	*engine = e;
	return 0;
}

void engine_close(struct engine *engine)
{
	free(engine);
}

/* A fault is nothing that the device knows of. */
static int told(int ret)
{
	return ret == -EFAULT ? 0 : ret;
}

int engine_read(struct engine *engine, uint64_t iova, uint32_t n)
{
	return told(iom_sim_dma_read(sim, engine->address, iova, engine->buffer, n));
}

int engine_write(struct engine *engine, uint64_t iova, uint32_t n)
{
	return told(iom_sim_dma_write(sim, engine->address, iova, engine->buffer, n));
}

void expect_fault(const char *address, uint64_t iova)
{
	(void)address;
	(void)iova;
}

static bool is_arm(void)
{
	return !strncmp(machine->platform, "arm64", 5);
}

const char *write_only_is_readable(void)
{
	if (!strcmp(machine->platform, "powernv"))
		return "PowerNV makes write-only memory readable";
	return is_arm() || machine->first_stage ? "a first stage makes write-only memory readable"
						: NULL;
}

const char *world_msi_window(uint64_t *start, uint64_t *last)
{
	if (is_power())
		return "POWER's apertures have no window for MSIs";
	*start = is_arm() ? 0x8000000 : 0xfee00000;
	*last = *start + 0xfffff;
	return NULL;
}

/* ---- Stages ---------------------------------------------------------------------------------- */

static const char no_such[] = "the simulated machine has no such thing";

const char *stage_memlock(uint64_t bytes)
{
	iom_sim_set_memlock(sim, bytes, false);
	return NULL;
}

const char *stage_entry_limit(unsigned int n)
{
	iom_sim_set_dma_entry_limit(sim, n);
	return NULL;
}

const char *stage_missing(const char *node)
{
	int ret = iom_sim_path_error(sim, node, -ENOENT);

	return ret < 0 && ret != -ENOENT ? no_such : NULL;
}

const char *stage_forbidden(const char *node)
{
	return iom_sim_path_error(sim, node, -EACCES) < 0 ? no_such : NULL;
}

const char *stage_unbound(const char *address)
{
	return iom_sim_bind(sim, address, NULL) < 0 ? no_such : NULL;
}

const char *stage_kernel_driver(const char *address, const char **driver)
{
	*driver = "e1000e";
	return iom_sim_bind(sim, address, *driver) < 0 ? no_such : NULL;
}

const char *stage_held(const char *address, int *pid)
{
	size_t i;

	*pid = 4711;
	for (i = 0; i < N_MACHINE_DEVICES; i++)
		if (!strcmp(machine_devices[i].address, address) &&
		    !iom_sim_hold_group(sim, machine_devices[i].group, *pid, "other"))
			return NULL;
	return no_such;
}

const char *stage_not_isolated(bool allowed)
{
	if (is_power())
		return "interrupts are isolated here";
	iom_sim_destroy(sim);
	if (create(false, false) < 0)
		return no_such;
	iom_sim_set_unsafe_interrupts(sim, allowed);
	iom_sim_set_iommufd_unsafe_interrupts(sim, allowed);
	return NULL;
}

const char *stage_windowless(const struct world *world, const char **address)
{
	if (!is_pseries())
		return "every bridge has dynamic windows here";
	iom_sim_destroy(sim);
	*address = world->wide;
	return create(true, true) < 0 ? no_such : NULL;
}

const char *stage_freezing(void)
{
	if (!is_power())
		return "a DMA fault freezes nothing here";
	iom_sim_spapr_freezes(sim, true);
	return NULL;
}

const char *stage_no_descriptors(void)
{
	static const struct iom_sim_failure failure = {
		.nth = 1,
		.answer = -EMFILE,
		.calls = 1u << IOM_SIM_OPEN | 1u << IOM_SIM_READ_FILE | 1u << IOM_SIM_LIST_DIR |
			 1u << IOM_SIM_FIND_VMA | 1u << IOM_SIM_ALLOC_BUF,
		.on = true,
	};

	iom_sim_fail(sim, &failure);
	return NULL;
}

void stage_descriptors(void)
{
	iom_sim_fail(sim, NULL);
}

static int take_name(void *arg, const char *name)
{
	struct nodes *nodes = arg;

	if (strncmp(name, "vfio", 4) != 0)
		return 0;
	snprintf(nodes->device, sizeof(nodes->device), "/dev/vfio/devices/%.32s", name);
	return 1;
}

void world_nodes(const char *address, struct nodes *nodes)
{
	const struct iom_sys *sys = iom_sim_sys(sim);
	char path[128], group[32] = "";

	*nodes = (struct nodes){ "", "" };
	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/iommu_group", address);
	iom_sys_link_name(sys, path, group, sizeof(group));
	snprintf(nodes->group, sizeof(nodes->group), "/dev/vfio/%s", group);
	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/vfio-dev", address);
	iom_sys_list_dir(sys, path, take_name, nodes);
}
