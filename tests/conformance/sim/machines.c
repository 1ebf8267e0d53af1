// SPDX-License-Identifier: BSD-3-Clause
/* The simulated machines. */
#include "machines.h"

#include <stdio.h>

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

/* Enough for every case, and few enough to be used up. */
#define ENTRY_LIMIT 4096

#define NVME .vendor_id = 0x1b36, .device_id = 0x0010, .class_code = 0x010802
#define EDU .vendor_id = 0x1234, .device_id = 0x11e8, .class_code = 0x00ff00

static const struct iom_sim_resv resv[] = {
	{ UINT64_C(0x200000000), UINT64_C(0x20fffffff), "reserved" },
};

const struct iom_sim_device machine_devices[N_MACHINE_DEVICES] = {
	{ .address = "0000:01:00.0", .group = 14, .driver = "vfio-pci", NVME },
	{ .address = "0000:02:00.0", .group = 15, .driver = "vfio-pci", EDU },
	{ .address = "0000:03:00.0", .group = 16, .driver = "vfio-pci", EDU },
	{ .address = "0000:04:00.0", .group = 17, .driver = "vfio-pci", EDU },
	{ .address = "0000:04:00.1", .group = 17, .driver = "vfio-pci", EDU },
	{ .address = "0000:07:00.0", .group = 20, .driver = "vfio-pci", EDU },
	{ .address = "0000:09:00.0", .group = 22, .driver = "vfio-pci", EDU },
	{ .address = "0000:08:00.0",
	  .group = 21,
	  .driver = "vfio-pci",
	  EDU,
	  .dma64_start = UINT64_C(1) << 60 },
	{ .address = "0000:0a:00.0",
	  .group = 23,
	  .driver = "vfio-pci",
	  EDU,
	  .dma32_size = UINT64_C(1) << 29 },
	/* these are not POWER's */
	{ .address = "0000:05:00.0", .group = 18, .driver = "vfio-pci", NVME, .iommu_bits = 36 },
	{ .address = "0000:06:00.0",
	  .group = 19,
	  .driver = "vfio-pci",
	  NVME,
	  .resv = resv,
	  .n_resv = ARRAY_SIZE(resv) },
};

#define N_OF_POWER 9

static const struct {
	const char *name, *platform;
	uint64_t page_size;
	bool first_stage; /* only that: iommufd of Linux 6.12 attaches nothing there */
	bool power;       /* its kernels have no iommufd */
	bool hash_mmu;
	uint64_t n_hugepages;
} platforms[] = {
	{ .name = "x86-48/4k", "x86-48", 4096 },
	{ .name = "x86-39/4k", "x86-39", 4096 },
	{ .name = "x86-amd/4k", "x86-amd", 4096 },
	{ .name = "arm64-smmuv3/4k", "arm64-smmuv3", 4096 },
	{ .name = "arm64-smmuv3/64k", "arm64-smmuv3", 65536 },
	{ .name = "x86-flts/4k", "x86-48", 4096, .first_stage = true },
	{ .name = "powernv/4k", "powernv", 4096, .power = true },
	{ .name = "powernv/64k", "powernv", 65536, .power = true },
	{ .name = "powernv-huge/4k", "powernv", 4096, .power = true, .n_hugepages = 512 },
	{ .name = "powernv-huge/64k", "powernv", 65536, .power = true, .n_hugepages = 512 },
	{ .name = "pseries/4k", "pseries", 4096, .power = true },
	{ .name = "pseries/64k", "pseries", 65536, .power = true },
	{ .name = "pseries-huge/4k", "pseries", 4096, .power = true, .n_hugepages = 512 },
	{ .name = "pseries-huge/64k", "pseries", 65536, .power = true, .n_hugepages = 512 },
	{ .name = "pseries-hash/64k",
	  "pseries",
	  65536,
	  .power = true,
	  .hash_mmu = true,
	  .n_hugepages = 64 },
	{ .name = "pseries-vf/4k", "pseries-vf", 4096, .power = true },
	{ .name = "pseries-vf/64k", "pseries-vf", 65536, .power = true },
	{ .name = "pseries-vf-huge/64k", "pseries-vf", 65536, .power = true, .n_hugepages = 512 },
};

/* Without a backend: the library's own choice. */
static const struct {
	const char *name;
	unsigned int kernel;
	bool iommufd;
	const char *backend;
	bool for_power; /* only */
} kernels[] = {
	{ "601/type1", 601, false, "type1", false },
	{ "612/any", 612, false, NULL, false },
	{ "702/any", 702, false, NULL, true },
	{ "612-iommufd/any", 612, true, NULL, false },
	{ "612-iommufd/type1", 612, true, "type1", false },
	{ "612-iommufd/type1-iommufd", 612, true, "type1-iommufd", false },
	{ "702-iommufd/iommufd", 702, true, "iommufd", false },
	{ "702-iommufd/type1", 702, true, "type1", false },
	{ "702-iommufd/type1-iommufd", 702, true, "type1-iommufd", false },
};

size_t machines_most(void)
{
	return ARRAY_SIZE(platforms) * ARRAY_SIZE(kernels);
}

bool machine_get(size_t i, struct named_machine *m)
{
	size_t p = i / ARRAY_SIZE(kernels), k = i % ARRAY_SIZE(kernels);

	m->machine = (struct machine){
		.platform = platforms[p].platform,
		.page_size = platforms[p].page_size,
		.first_stage = platforms[p].first_stage,
		.kernel = kernels[k].kernel,
		.iommufd = kernels[k].iommufd,
		.backend = kernels[k].backend,
		.hash_mmu = platforms[p].hash_mmu,
		.n_hugepages = platforms[p].n_hugepages,
	};
	snprintf(m->name, sizeof(m->name), "%s/%s", platforms[p].name, kernels[k].name);
	if (platforms[p].power)
		return !kernels[k].iommufd && !kernels[k].backend;
	if (kernels[k].for_power)
		return false;
	return !platforms[p].first_stage || kernels[k].kernel > 612 ||
	       (kernels[k].iommufd && !kernels[k].backend);
}

bool machine_is_power(const struct machine *machine)
{
	return machine->platform[0] == 'p';
}

struct iom_sim_config machine_config(const struct machine *machine)
{
	return (struct iom_sim_config){
		.size = sizeof(struct iom_sim_config),
		.platform = machine->platform,
		.kernel = machine->kernel,
		.page_size = machine->page_size,
		.devices = machine_devices,
		.n_devices = machine_is_power(machine) ? N_OF_POWER : N_MACHINE_DEVICES,
		.dma_entry_limit = ENTRY_LIMIT,
		.iommufd = machine->iommufd,
		.first_stage_only = machine->first_stage,
		.n_hugepages = machine->n_hugepages,
		.hash_mmu = machine->hash_mmu,
	};
}
