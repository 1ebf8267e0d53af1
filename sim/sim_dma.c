// SPDX-License-Identifier: BSD-3-Clause
/* The device side: what a device reaches through the mappings of its group's container or IOAS. */
#include "sim/iommufd.h"

#include <errno.h>
#include <linux/vfio.h>
#include <stdio.h>
#include <string.h>

static bool is_permitted(const struct iom_sim *sim, const struct sim_map *map, bool write)
{
	if (write)
		return map->flags & VFIO_DMA_MAP_FLAG_WRITE;
	return map->flags & VFIO_DMA_MAP_FLAG_READ || sim->write_only_reads;
}

/* What a device is behind, or NULL. */
static const struct sim_maps *maps_of(const struct sim_device *device)
{
	const struct sim_group *group = device->group;

	if (group && group->container && group->container->type1)
		return &group->container->type1->maps;
	if (group && group->container && group->container->spapr)
		return iom_sim_spapr_maps(group->container->spapr);
	return group && group->hwpt ? &group->hwpt->ioas->areas : NULL;
}

/* The mapping behind an IOVA that permits the access, or NULL. */
static const struct sim_map *lookup(const struct iom_sim *sim, const struct sim_device *device,
				    uint64_t iova, bool write)
{
	const struct sim_maps *maps = maps_of(device);
	const struct sim_map *map;

	if (!maps)
		return NULL;
	map = iom_sim_maps_from(maps, iova);
	return map && map->iova <= iova && is_permitted(sim, map, write) ? map : NULL;
}

/* The end of what the mapping begins; POWER has entries, and what makes one piece is one. */
static uint64_t last_of(const struct iom_sim *sim, const struct sim_maps *maps,
			const struct sim_map *map)
{
	const struct sim_map *next;

	while (sim->power.machine != SIM_NO_POWER) {
		next = iom_sim_maps_next(maps, map);
		if (!next || next->iova != map->last + 1 || next->flags != map->flags ||
		    next->vaddr != map->vaddr + (next->iova - map->iova))
			break;
		map = next;
	}
	return map->last;
}

/* What it tries then is no fault any more. */
static bool is_stopped(const struct sim_device *device)
{
	return device->group && iom_sim_eeh_stops(device->group);
}

static int fault(struct iom_sim *sim, const struct sim_device *device, uint64_t iova, bool write)
{
	sim->faults++;
	snprintf(sim->fault.address, sizeof(sim->fault.address), "%s", device->address);
	sim->fault.iova = iova;
	sim->fault.write = write;
	iom_sim_eeh_fault(sim, device->group);
	return -EFAULT;
}

/* Move n bytes between buf and what is at iova, mapping by mapping. */
static int transfer(struct iom_sim *sim, const struct sim_device *device, uint64_t iova,
		    void *read_to, const void *write_from, size_t n)
{
	bool write = write_from != NULL;

	while (n) {
		const struct sim_map *map = lookup(sim, device, iova, write);
		uint64_t vaddr;
		size_t part = n, done;

		if (!map)
			return fault(sim, device, iova, write);
		if (map->last - iova < part - 1)
			part = (size_t)(map->last - iova + 1);
		vaddr = map->vaddr + (iova - map->iova);
		if (write)
			done = iom_sim_memory_write(vaddr, write_from, part);
		else
			done = iom_sim_memory_read(vaddr, read_to, part);
		if (done < part)
			return fault(sim, device, iova + done, write);
		iova += part;
		n -= part;
		if (write)
			write_from = (const char *)write_from + part;
		else
			read_to = (char *)read_to + part;
		if (n && !iova) /* past 2^64 */
			return fault(sim, device, iova, write);
	}
	return 0;
}

static int access_memory(struct iom_sim *sim, const char *address, uint64_t iova, void *read_to,
			 const void *write_from, size_t n)
{
	const struct sim_device *device;
	int ret = -ENODEV;

	pthread_mutex_lock(&sim->lock);
	device = iom_sim_device(sim, address);
	if (device && device->plugged)
		ret = is_stopped(device) ? -EFAULT
					 : transfer(sim, device, iova, read_to, write_from, n);
	pthread_mutex_unlock(&sim->lock);
	return ret;
}

int iom_sim_dma_read(struct iom_sim *sim, const char *address, uint64_t iova, void *buf, size_t n)
{
	return access_memory(sim, address, iova, buf, NULL, n);
}

int iom_sim_dma_write(struct iom_sim *sim, const char *address, uint64_t iova, const void *buf,
		      size_t n)
{
	return access_memory(sim, address, iova, NULL, buf, n);
}

int iom_sim_dma_target(struct iom_sim *sim, const char *address, uint64_t iova, bool write,
		       void **va, uint64_t *length)
{
	const struct sim_device *device;
	const struct sim_map *map = NULL;
	int ret = -ENODEV;

	pthread_mutex_lock(&sim->lock);
	device = iom_sim_device(sim, address);
	if (device && device->plugged) {
		map = is_stopped(device) ? NULL : lookup(sim, device, iova, write);
		ret = map ? 0 : -EFAULT;
	}
	if (map) {
		*va = (void *)(uintptr_t)(map->vaddr + (iova - map->iova));
		*length = last_of(sim, maps_of(device), map) - iova + 1;
	}
	pthread_mutex_unlock(&sim->lock);
	return ret;
}

unsigned int iom_sim_faults(struct iom_sim *sim, struct iom_sim_fault *last)
{
	unsigned int n;

	pthread_mutex_lock(&sim->lock);
	n = sim->faults;
	if (n && last)
		*last = sim->fault;
	pthread_mutex_unlock(&sim->lock);
	return n;
}

int iom_sim_each_map(struct iom_sim *sim, const char *address, iom_sim_map_fn *map_fn, void *arg)
{
	const struct sim_device *device;
	const struct sim_maps *maps = NULL;
	const struct sim_map *map;
	int ret = -ENODEV;
	uint64_t last;

	pthread_mutex_lock(&sim->lock);
	device = iom_sim_device(sim, address);
	if (device) {
		ret = 0;
		maps = maps_of(device);
	}
	for (map = maps ? iom_sim_maps_from(maps, 0) : NULL; map && !ret;
	     map = last == UINT64_MAX ? NULL : iom_sim_maps_from(maps, last + 1)) {
		last = last_of(sim, maps, map);
		ret = map_fn(arg, map->iova, (void *)(uintptr_t)map->vaddr, last - map->iova + 1,
			     map->flags);
	}
	pthread_mutex_unlock(&sim->lock);
	return ret;
}
