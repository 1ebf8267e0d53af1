// SPDX-License-Identifier: BSD-3-Clause
/* A POWER machine: what it has, what /proc says of it, and what its kernel spent or broke. */
#include "sim/spapr.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MIB (UINT64_C(1) << 20)
#define GIB (UINT64_C(1) << 30)
#define TREE "/sys/firmware/devicetree/base"

static uint64_t or_default(uint64_t value, uint64_t otherwise)
{
	return value ? value : otherwise;
}

static void init_memory(struct iom_sim *sim, const struct iom_sim_config *config)
{
	sim->ram = or_default(config->ram, 4 * GIB);
	sim->hugepage_size = or_default(config->hugepage_size, (config->hash_mmu ? 16 : 2) * MIB);
	sim->n_hugepages = config->n_hugepages;
}

/* What a bridge without dynamic windows says is what the kernel makes of nothing. */
static void init_windows(struct sim_power *power, const struct iom_sim_config *config,
			 const struct sim_platform *platform)
{
	bool powernv = platform->machine == SIM_POWERNV;

	power->machine = platform->machine;
	power->windows = config->ddw_off ? UINT32_MAX : platform->windows;
	power->pgsizes = powernv ? 0x40211000 : 0x1211000;
	if (config->tce_pgsizes)
		power->pgsizes = config->tce_pgsizes;
	if (config->ddw_off)
		power->pgsizes = 0x1000;
	power->dma32_size = or_default(config->dma32_size, (powernv ? 2 : 1) * GIB);
	power->largest_window = or_default(config->largest_window, UINT64_C(1) << 37);
	power->ddw_off = config->ddw_off;
}

int iom_sim_power_init(struct iom_sim *sim, const struct iom_sim_config *config)
{
	init_memory(sim, config);
	if (sim->platform->machine == SIM_NO_POWER)
		return config->ddw_off || config->hash_mmu ? -EINVAL : 0;
	if (sim->page_size == 16384 || config->iommufd || config->no_type1 ||
	    (config->ddw_off && sim->platform->machine == SIM_POWERNV))
		return -EINVAL;
	init_windows(&sim->power, config, sim->platform);
	return 0;
}

void iom_sim_power_free(struct iom_sim *sim)
{
	struct sim_region *region;

	while ((region = sim->power.regions)) {
		sim->power.regions = region->next;
		free(region->parts);
		free(region);
	}
	free(sim->backings);
	iom_sim_huge_free(sim);
}

/* ---- Files ---------------------------------------------------------------------------------- */

/* Strings of the device tree end with a NUL, each of a list. */
static void show_compatible(const struct iom_sim *sim, const void *object, struct sim_text *text)
{
	(void)object;
	if (sim->power.machine == SIM_POWERNV)
		iom_sim_print(text, "qemu,powernv9%cibm,powernv%c", '\0', '\0');
	else
		iom_sim_print(text, "qemu,pseries%c", '\0');
}

static void show_device_type(const struct iom_sim *sim, const void *object, struct sim_text *text)
{
	(void)sim;
	(void)object;
	iom_sim_print(text, "chrp%c", '\0');
}

static void show_line(struct sim_text *text, const char *name, uint64_t value, const char *unit)
{
	iom_sim_print(text, "%-16s%8" PRIu64 "%s\n", name, value, unit);
}

static void show_meminfo(const struct iom_sim *sim, const void *object, struct sim_text *text)
{
	uint64_t huge = sim->n_hugepages * sim->hugepage_size;

	(void)object;
	show_line(text, "MemTotal:", sim->ram >> 10, " kB");
	show_line(text, "MemFree:", (sim->ram - huge) >> 10, " kB");
	show_line(text, "MemAvailable:", (sim->ram - huge) >> 10, " kB");
	show_line(text, "HugePages_Total:", sim->n_hugepages, "");
	show_line(text, "HugePages_Free:", sim->n_hugepages, "");
	show_line(text, "HugePages_Rsvd:", 0, "");
	show_line(text, "HugePages_Surp:", 0, "");
	show_line(text, "Hugepagesize:", sim->hugepage_size >> 10, " kB");
	show_line(text, "Hugetlb:", huge >> 10, " kB");
}

void iom_sim_power_fs(struct iom_sim *sim)
{
	iom_sim_tree_show(sim, show_meminfo, NULL, "/proc/meminfo");
	if (sim->power.machine == SIM_NO_POWER)
		return;
	iom_sim_tree_link(sim, TREE, "/proc/device-tree");
	iom_sim_tree_show(sim, show_compatible, NULL, TREE "/compatible");
	if (sim->power.machine == SIM_PSERIES)
		iom_sim_tree_show(sim, show_device_type, NULL, TREE "/device_type");
}

/* ---- What went on --------------------------------------------------------------------------- */

int iom_sim_spapr_crash(struct iom_sim *sim, const char *how)
{
	sim->power.crashes++;
	if (!sim->power.survives) {
		fprintf(stderr, "the simulated kernel crashed: %s\n", how);
		abort();
	}
	return -EIO;
}

void iom_sim_spapr_survive(struct iom_sim *sim, bool survive)
{
	pthread_mutex_lock(&sim->lock);
	sim->power.survives = survive;
	pthread_mutex_unlock(&sim->lock);
}

static unsigned int locked_value(struct iom_sim *sim, const unsigned int *value)
{
	unsigned int copy;

	pthread_mutex_lock(&sim->lock);
	copy = *value;
	pthread_mutex_unlock(&sim->lock);
	return copy;
}

unsigned int iom_sim_spapr_crashes(struct iom_sim *sim)
{
	return locked_value(sim, &sim->power.crashes);
}

unsigned int iom_sim_spapr_leaks(struct iom_sim *sim)
{
	return locked_value(sim, &sim->power.leaks);
}

void iom_sim_spapr_cost(struct iom_sim *sim, struct iom_sim_spapr_cost *cost)
{
	pthread_mutex_lock(&sim->lock);
	*cost = sim->power.cost;
	pthread_mutex_unlock(&sim->lock);
}
