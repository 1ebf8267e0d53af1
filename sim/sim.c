// SPDX-License-Identifier: BSD-3-Clause
/* Making a machine, and looking at what is left of it. */
#include "sim/internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FIRST_FD 0x51000000 /* far above any RLIMIT_NOFILE */

#define X86_MSI                                   \
	{                                         \
		{ 0xfee00000, 0xfeefffff }, "msi" \
	}

#define FIRST_STAGE_LAST 0x7fffffffffff /* half of 48 bits: the other half is the kernel's */

/*
 * Page sizes are those that type1 tells: it hides what is smaller than the kernel's page, and says
 * that the page itself is there.  SMMUv3 has the sizes of the kernel's granule.
 */
static const struct sim_platform platforms[] = {
	{
		.name = "x86-48",
		.last = 0xffffffffffff,
		.pgsizes = { 0x40201000, 0x40204000, 0x40210000 },
		.least_page = 4096,
		.resv = { X86_MSI },
		.n_resv = 1,
	},
	{
		.name = "x86-39",
		.last = 0x7fffffffff,
		.pgsizes = { 0x40201000, 0x40204000, 0x40210000 },
		.least_page = 4096,
		.resv = { X86_MSI },
		.n_resv = 1,
	},
	{
		.name = "x86-amd",
		.last = UINT64_MAX,
		.pgsizes = { 0xfff7ffffff000, 0xfff7fffffc000, 0xfff7fffff0000 },
		.least_page = 4096,
		.resv = { X86_MSI, { { 0xfd00000000, 0xffffffffff }, "reserved" } },
		.n_resv = 2,
	},
	{
		.name = "arm64-smmuv3",
		.last = 0xffffffffffff,
		.pgsizes = { 0x40201000, 0x2004000, 0x20010000 },
		.resv = { { { 0x8000000, 0x80fffff }, "msi" } },
		.n_resv = 1,
		.write_only_reads = true,
	},
	{
		.name = "powernv",
		.machine = SIM_POWERNV,
		.windows = 2,
		.last = UINT64_MAX,
		/* pnv_tce_build() and pnv_tce_xchg() give what may be written for reading, too */
		.write_only_reads = true,
	},
	{
		.name = "pseries",
		.machine = SIM_PSERIES,
		.windows = 2,
		.last = UINT64_MAX,
	},
	{
		.name = "pseries-vf",
		.machine = SIM_PSERIES,
		.windows = 1,
		.last = UINT64_MAX,
	},
};

static const struct iom_sim_device default_devices[] = {
	{
		.address = "0000:01:00.0",
		.group = 14,
		.driver = "vfio-pci",
		.vendor_id = 0x1b36,
		.device_id = 0x0010,
		.class_code = 0x010802,
	},
	{
		.address = "0000:02:00.0",
		.group = 15,
		.driver = "vfio-pci",
		.vendor_id = 0x1234,
		.device_id = 0x11e8,
		.class_code = 0x00ff00,
		.no_reset = true,
	},
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

const char *iom_sim_platform(size_t n)
{
	return n < COUNT(platforms) ? platforms[n].name : NULL;
}

struct sim_device *iom_sim_device(struct iom_sim *sim, const char *address)
{
	struct sim_device *device;

	for (device = sim->devices; device; device = device->next)
		if (!strcmp(device->address, address))
			return device;
	return NULL;
}

struct sim_group *iom_sim_group(struct iom_sim *sim, int number)
{
	struct sim_group *group;

	for (group = sim->groups; group; group = group->next)
		if (group->number == number)
			return group;
	return NULL;
}

/* ---- Creation ------------------------------------------------------------------------------- */

static int read_config(const struct iom_sim_config *given, struct iom_sim_config *config)
{
	const unsigned char *tail = (const unsigned char *)given;
	size_t i;

	memset(config, 0, sizeof(*config));
	if (!given)
		return 0;
	if (given->size < sizeof(given->size))
		return -EINVAL;
	for (i = sizeof(*config); i < given->size; i++)
		if (tail[i])
			return -E2BIG;
	memcpy(config, given, given->size < sizeof(*config) ? given->size : sizeof(*config));
	return 0;
}

static int choose_platform(struct iom_sim *sim, const struct iom_sim_config *config)
{
	const char *name = config->platform ? config->platform : platforms[0].name;
	size_t i;

	sim->kernel = config->kernel ? config->kernel : 612;
	if (sim->kernel != 601 && sim->kernel != 612 && sim->kernel != 613 && sim->kernel != 702)
		return -EINVAL;
	for (i = 0; i < COUNT(platforms); i++)
		if (!strcmp(platforms[i].name, name))
			sim->platform = &platforms[i];
	if (!sim->platform)
		return -EINVAL;
	sim->page_size = sim->platform->machine == SIM_NO_POWER ? 4096 : 65536;
	if (config->page_size)
		sim->page_size = config->page_size;
	if (sim->page_size != 4096 && sim->page_size != 16384 && sim->page_size != 65536)
		return -EINVAL;
	sim->pgsizes = sim->platform->pgsizes[sim->page_size == 4096    ? 0
					      : sim->page_size == 16384 ? 1
									: 2];
	sim->least_page = sim->platform->least_page ? sim->platform->least_page : sim->page_size;
	sim->last = sim->platform->last;
	sim->first_stage_only = config->first_stage_only;
	if (sim->first_stage_only && sim->last > FIRST_STAGE_LAST)
		sim->last = FIRST_STAGE_LAST;
	/* such entries have no bit that forbids reading */
	sim->write_only_reads = sim->platform->write_only_reads || sim->first_stage_only;
	return iom_sim_power_init(sim, config);
}

/* Ways to a device that the kernel was built with, or not. */
static int choose_interfaces(struct iom_sim *sim, const struct iom_sim_config *config)
{
	if (config->iommufd && sim->kernel < 606)
		return -EINVAL;
	if (config->compat_container && !config->iommufd)
		return -EINVAL;
	sim->iommufd = config->iommufd;
	sim->cdev = config->iommufd && !config->no_cdev;
	sim->compat_container = config->compat_container;
	sim->container = !config->compat_container && !config->no_type1;
	sim->iommufd_unsafe_interrupts = config->iommufd_unsafe_interrupts;
	return 0;
}

static bool is_address(const char *text)
{
	static const char form[] = "0000:00:00.0";
	size_t i;

	for (i = 0; form[i]; i++)
		if (form[i] == '0' ? !text[i] || !strchr("0123456789abcdef", text[i])
				   : text[i] != form[i])
			return false;
	return !text[i];
}

static struct sim_group *get_group(struct iom_sim *sim, int number)
{
	struct sim_group *group = iom_sim_group(sim, number);

	if (group)
		return group;
	group = calloc(1, sizeof(*group));
	if (!group)
		return NULL;
	group->number = number;
	group->next = sim->groups;
	sim->groups = group;
	return group;
}

static int copy_resv(struct sim_device *device, const struct iom_sim_device *from)
{
	size_t i;

	device->resv = calloc(from->n_resv, sizeof(*device->resv));
	if (!device->resv && from->n_resv)
		return -ENOMEM;
	device->n_resv = from->n_resv;
	for (i = 0; i < from->n_resv; i++) {
		device->resv[i].range =
			(struct sim_range){ from->resv[i].start, from->resv[i].last };
		snprintf(device->resv[i].type, sizeof(device->resv[i].type), "%s",
			 from->resv[i].type ? from->resv[i].type : "reserved");
	}
	return 0;
}

static int add_device(struct iom_sim *sim, const struct iom_sim_device *from)
{
	struct sim_device *device, **end;

	if (!from->address || !is_address(from->address) || iom_sim_device(sim, from->address) ||
	    (from->driver && strlen(from->driver) >= sizeof(device->driver)) ||
	    from->iommu_bits > 64)
		return -EINVAL;
	device = calloc(1, sizeof(*device));
	if (!device)
		return -ENOMEM;
	for (end = &sim->devices; *end; end = &(*end)->next)
		;
	*end = device;
	strcpy(device->address, from->address);
	if (from->driver && !iom_sim_refuses_driver(sim, from->driver))
		strcpy(device->driver, from->driver);
	device->vendor_id = from->vendor_id;
	device->device_id = from->device_id;
	device->class_code = from->class_code;
	device->no_reset = from->no_reset;
	device->numa_node = -1;
	device->iommu_last = from->iommu_bits ? UINT64_MAX >> (64 - from->iommu_bits) : sim->last;
	if (sim->first_stage_only && device->iommu_last > sim->last)
		device->iommu_last = sim->last;
	if (copy_resv(device, from))
		return -ENOMEM;
	if (from->group >= 0) {
		device->group = get_group(sim, from->group);
		if (!device->group)
			return -ENOMEM;
		if (from->dma64_start)
			device->group->dma64_start = from->dma64_start;
		if (from->dma32_size)
			device->group->dma32_size = from->dma32_size;
	}
	device->plugged = !from->absent;
	if (device->plugged)
		iom_sim_fs_device(sim, device);
	return 0;
}

static int set_up(struct iom_sim *sim, const struct iom_sim_config *config)
{
	const struct iom_sim_device *devices = config->n_devices ? config->devices
								 : default_devices;
	size_t n = config->n_devices ? config->n_devices : COUNT(default_devices);
	size_t i;
	int ret;

	sim->pid = (int)getpid();
	sim->next_fd = FIRST_FD;
	sim->dma_entry_limit = config->dma_entry_limit ? config->dma_entry_limit : 65535;
	sim->memlock = config->memlock ? config->memlock : 8 << 20;
	sim->ipc_lock = !config->no_ipc_lock;
	sim->isolated_msi = !config->no_isolated_msi;
	sim->unsafe_interrupts = config->unsafe_interrupts;
	sim->memory = config->memory;
	if (!iom_sim_memory_can_populate())
		sim->memory = IOM_SIM_MEMORY_MAPS;
	sim->emulated = iom_sim_memory_is_emulated();
	ret = choose_platform(sim, config);
	if (!ret)
		ret = choose_interfaces(sim, config);
	if (ret)
		return ret;
	iom_sim_table_init(sim);
	iom_sim_fs_machine(sim);
	for (i = 0; i < n; i++) {
		ret = add_device(sim, &devices[i]);
		if (ret)
			return ret;
	}
	return iom_sim_tree_status(sim);
}

int iom_sim_create(const struct iom_sim_config *given, struct iom_sim **sim)
{
	struct iom_sim_config config;
	struct iom_sim *new;
	int ret;

	ret = read_config(given, &config);
	if (ret)
		return ret;
	new = calloc(1, sizeof(*new));
	if (!new)
		return -ENOMEM;
	pthread_mutex_init(&new->lock, NULL);
	ret = set_up(new, &config);
	if (ret) {
		iom_sim_destroy(new);
		return ret;
	}
	*sim = new;
	return 0;
}

void iom_sim_destroy(struct iom_sim *sim)
{
	struct sim_device *device, *next_device;
	struct sim_group *group, *next_group;

	if (!sim)
		return;
	while (sim->files)
		iom_sim_files_close(sim, sim->files->fd);
	for (device = sim->devices; device; device = next_device) {
		next_device = device->next;
		free(device->resv);
		free(device);
	}
	for (group = sim->groups; group; group = next_group) {
		next_group = group->next;
		free(group);
	}
	iom_sim_power_free(sim);
	iom_sim_tree_free(sim->root);
	free(sim->ioctls);
	pthread_mutex_destroy(&sim->lock);
	free(sim);
}

const struct iom_sys *iom_sim_sys(struct iom_sim *sim)
{
	return &sim->sys;
}

/* ---- What is left --------------------------------------------------------------------------- */

unsigned int iom_sim_open_fds(struct iom_sim *sim)
{
	const struct sim_file *file;
	unsigned int n = 0;

	pthread_mutex_lock(&sim->lock);
	for (file = sim->files; file; file = file->next)
		n++;
	pthread_mutex_unlock(&sim->lock);
	return n;
}

static uint64_t locked_value(struct iom_sim *sim, const uint64_t *value)
{
	uint64_t copy;

	pthread_mutex_lock(&sim->lock);
	copy = *value;
	pthread_mutex_unlock(&sim->lock);
	return copy;
}

uint64_t iom_sim_mapped_bytes(struct iom_sim *sim)
{
	return locked_value(sim, &sim->mapped_bytes);
}

uint64_t iom_sim_locked_bytes(struct iom_sim *sim)
{
	uint64_t pages;

	pthread_mutex_lock(&sim->lock);
	pages = sim->locked_pages + sim->user_pages;
	pthread_mutex_unlock(&sim->lock);
	return pages * sim->page_size;
}

uint64_t iom_sim_pinned_bytes(struct iom_sim *sim)
{
	return locked_value(sim, &sim->pinned_pages) * sim->page_size;
}

uint64_t iom_sim_allocated_bytes(struct iom_sim *sim)
{
	return locked_value(sim, &sim->allocated_bytes);
}
