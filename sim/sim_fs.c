// SPDX-License-Identifier: BSD-3-Clause
/* What sysfs, /proc and /dev say of the machine. */
#include "sim/internal.h"

#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PCI "/sys/bus/pci"
#define GROUPS "/sys/kernel/iommu_groups"
#define TYPE1 "/sys/module/vfio_iommu_type1/parameters"
#define IOMMUFD "/sys/module/iommufd/parameters"
#define CDEVS "/dev/vfio/devices"
#define CAP_IPC_LOCK_BIT 14

#define PATH_ROOM 256

/* ---- Files whose contents change ------------------------------------------------------------ */

static void show_vendor(const struct iom_sim *sim, const void *object, struct sim_text *text)
{
	const struct sim_device *device = object;

	(void)sim;
	iom_sim_print(text, "0x%04x\n", device->vendor_id);
}

static void show_device(const struct iom_sim *sim, const void *object, struct sim_text *text)
{
	const struct sim_device *device = object;

	(void)sim;
	iom_sim_print(text, "0x%04x\n", device->device_id);
}

static void show_class(const struct iom_sim *sim, const void *object, struct sim_text *text)
{
	const struct sim_device *device = object;

	(void)sim;
	iom_sim_print(text, "0x%06x\n", device->class_code);
}

static void show_node(const struct iom_sim *sim, const void *object, struct sim_text *text)
{
	const struct sim_device *device = object;

	(void)sim;
	iom_sim_print(text, "%d\n", device->numa_node);
}

static void show_uevent(const struct iom_sim *sim, const void *object, struct sim_text *text)
{
	const struct sim_device *device = object;

	(void)sim;
	if (*device->driver)
		iom_sim_print(text, "DRIVER=%s\n", device->driver);
	iom_sim_print(text, "PCI_CLASS=%X\nPCI_ID=%04X:%04X\nPCI_SLOT_NAME=%s\n",
		      device->class_code, device->vendor_id, device->device_id, device->address);
}

static void show_resv(struct sim_text *text, const struct sim_resv *resv)
{
	iom_sim_print(text, "0x%016" PRIx64 " 0x%016" PRIx64 " %s\n", resv->range.start,
		      resv->range.last, resv->type);
}

static void show_reserved_regions(const struct iom_sim *sim, const void *object,
				  struct sim_text *text)
{
	const struct sim_group *group = object;
	const struct sim_device *device;
	size_t i;

	for (device = sim->devices; device; device = device->next)
		for (i = 0; device->group == group && device->known && i < device->n_resv; i++)
			show_resv(text, &device->resv[i]);
	for (i = 0; i < sim->platform->n_resv; i++)
		show_resv(text, &sim->platform->resv[i]);
}

static void show_dma_entry_limit(const struct iom_sim *sim, const void *object,
				 struct sim_text *text)
{
	(void)object;
	iom_sim_print(text, "%" PRIu32 "\n", sim->dma_entry_limit);
}

static void show_unsafe_interrupts(const struct iom_sim *sim, const void *object,
				   struct sim_text *text)
{
	(void)object;
	iom_sim_print(text, "%c\n", sim->unsafe_interrupts ? 'Y' : 'N');
}

static void show_iommufd_unsafe(const struct iom_sim *sim, const void *object,
				struct sim_text *text)
{
	(void)object;
	iom_sim_print(text, "%c\n", sim->iommufd_unsafe_interrupts ? 'Y' : 'N');
}

static void show_limit(struct sim_text *text, const char *name, uint64_t value, const char *unit)
{
	char number[24] = "unlimited";

	if (value != IOM_SIM_UNLIMITED)
		snprintf(number, sizeof(number), "%" PRIu64, value);
	iom_sim_print(text, "%-25s %-20s %-20s ", name, number, number);
	if (unit)
		iom_sim_print(text, "%-10s\n", unit);
	else
		iom_sim_print(text, "\n");
}

/* fs/proc/base.c, proc_pid_limits() */
static void show_limits(const struct iom_sim *sim, const void *object, struct sim_text *text)
{
	static const struct {
		const char *name, *unit;
		uint64_t value;
	} limits[] = {
		{ "Max cpu time", "seconds", IOM_SIM_UNLIMITED },
		{ "Max file size", "bytes", IOM_SIM_UNLIMITED },
		{ "Max data size", "bytes", IOM_SIM_UNLIMITED },
		{ "Max stack size", "bytes", 8 << 20 },
		{ "Max core file size", "bytes", 0 },
		{ "Max resident set", "bytes", IOM_SIM_UNLIMITED },
		{ "Max processes", "processes", 31337 },
		{ "Max open files", "files", 1024 },
		{ "Max locked memory", "bytes", 0 },
		{ "Max address space", "bytes", IOM_SIM_UNLIMITED },
		{ "Max file locks", "locks", IOM_SIM_UNLIMITED },
		{ "Max pending signals", "signals", 31337 },
		{ "Max msgqueue size", "bytes", 819200 },
		{ "Max nice priority", NULL, 0 },
		{ "Max realtime priority", NULL, 0 },
		{ "Max realtime timeout", "us", IOM_SIM_UNLIMITED },
	};
	size_t i;

	(void)object;
	iom_sim_print(text, "%-25s %-20s %-20s %-10s\n", "Limit", "Soft Limit", "Hard Limit",
		      "Units");
	for (i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
		bool locked = !strcmp(limits[i].name, "Max locked memory");

		show_limit(text, limits[i].name, locked ? sim->memlock : limits[i].value,
			   limits[i].unit);
	}
}

static void show_status(const struct iom_sim *sim, const void *object, struct sim_text *text)
{
	uint64_t caps = sim->ipc_lock ? UINT64_C(1) << CAP_IPC_LOCK_BIT : 0;

	(void)object;
	iom_sim_print(text, "Name:\tsimulated\nState:\tR (running)\nTgid:\t%d\nPid:\t%d\n",
		      sim->pid, sim->pid);
	iom_sim_print(text, "VmLck:\t%8" PRIu64 " kB\nVmPin:\t%8" PRIu64 " kB\n",
		      (sim->locked_pages * sim->page_size) >> 10,
		      (sim->pinned_pages * sim->page_size) >> 10);
	iom_sim_print(text, "CapInh:\t%016x\nCapPrm:\t%016" PRIx64 "\nCapEff:\t%016" PRIx64 "\n",
		      0u, caps, caps);
}

/* ---- The machine ---------------------------------------------------------------------------- */

void iom_sim_fs_machine(struct iom_sim *sim)
{
	char pid[16], release[32];

	iom_sim_tree_dir(sim, PCI "/devices");
	iom_sim_tree_dir(sim, PCI "/drivers/vfio-pci");
	iom_sim_tree_dir(sim, "/sys/devices");
	iom_sim_tree_dir(sim, GROUPS);
	iom_sim_tree_dir(sim, "/dev/vfio");
	if (sim->container && sim->power.machine != SIM_NO_POWER) {
		iom_sim_tree_node(sim, SIM_CONTAINER_NODE, NULL, "/dev/vfio/vfio");
	} else if (sim->container) {
		iom_sim_tree_show(sim, show_dma_entry_limit, NULL, TYPE1 "/dma_entry_limit");
		iom_sim_tree_show(sim, show_unsafe_interrupts, NULL,
				  TYPE1 "/allow_unsafe_interrupts");
		iom_sim_tree_text(sim, "N\n", TYPE1 "/disable_hugepages");
		iom_sim_tree_node(sim, SIM_CONTAINER_NODE, NULL, "/dev/vfio/vfio");
	}
	if (sim->compat_container)
		iom_sim_tree_node(sim, SIM_COMPAT_NODE, NULL, "/dev/vfio/vfio");
	if (sim->iommufd) {
		iom_sim_tree_show(sim, show_iommufd_unsafe, NULL,
				  IOMMUFD "/allow_unsafe_interrupts");
		iom_sim_tree_node(sim, SIM_IOMMU_NODE, NULL, "/dev/iommu");
	}
	if (sim->cdev)
		iom_sim_tree_dir(sim, CDEVS);
	snprintf(pid, sizeof(pid), "%d", sim->pid);
	iom_sim_tree_link(sim, pid, "/proc/self");
	snprintf(release, sizeof(release), "%u.%u.0-simulated\n", sim->kernel / 100,
		 sim->kernel % 100);
	iom_sim_tree_text(sim, release, "/proc/sys/kernel/osrelease");
	iom_sim_tree_text(sim, "simulated\n", "/proc/%d/comm", sim->pid);
	iom_sim_tree_show(sim, show_limits, NULL, "/proc/%d/limits", sim->pid);
	iom_sim_tree_show(sim, show_status, NULL, "/proc/%d/status", sim->pid);
	iom_sim_tree_dir(sim, "/proc/%d/fd", sim->pid);
	iom_sim_power_fs(sim);
}

static void device_folder(const struct sim_device *device, char path[PATH_ROOM])
{
	/* domain and bus of the address, as if each bus were a root bus */
	snprintf(path, PATH_ROOM, "/sys/devices/pci%.*s/%s", (int)strcspn(device->address, ".") - 3,
		 device->address, device->address);
}

void iom_sim_fs_device(struct iom_sim *sim, struct sim_device *device)
{
	char folder[PATH_ROOM], group[PATH_ROOM];

	device_folder(device, folder);
	iom_sim_tree_show(sim, show_vendor, device, "%s/vendor", folder);
	iom_sim_tree_show(sim, show_device, device, "%s/device", folder);
	iom_sim_tree_show(sim, show_class, device, "%s/class", folder);
	iom_sim_tree_show(sim, show_uevent, device, "%s/uevent", folder);
	iom_sim_tree_text(sim, "(null)\n", "%s/driver_override", folder);
	iom_sim_tree_show(sim, show_node, device, "%s/numa_node", folder);
	if (!device->no_reset)
		iom_sim_tree_text(sim, NULL, "%s/reset", folder);
	iom_sim_tree_relative(sim, PCI, "%s/subsystem", folder);
	iom_sim_tree_relative(sim, folder, PCI "/devices/%s", device->address);
	if (device->group) {
		snprintf(group, sizeof(group), GROUPS "/%d", device->group->number);
		iom_sim_tree_show(sim, show_reserved_regions, device->group, "%s/reserved_regions",
				  group);
		iom_sim_tree_text(sim,
				  sim->power.machine == SIM_NO_POWER ? "DMA-FQ\n" : "unknown\n",
				  "%s/type", group);
		iom_sim_tree_relative(sim, folder, "%s/devices/%s", group, device->address);
		iom_sim_tree_relative(sim, group, "%s/iommu_group", folder);
	}
	device->known = true;
	iom_sim_fs_driver(sim, device);
}

/* Another device of this group that sysfs shows; bound to VFIO if vfio. */
static bool has_companion(const struct iom_sim *sim, const struct sim_device *device, bool vfio)
{
	const struct sim_device *other;

	for (other = sim->devices; other; other = other->next)
		if (other != device && other->group == device->group && other->known &&
		    (!vfio || iom_sim_driver_is_vfio(other->driver)))
			return true;
	return false;
}

void iom_sim_fs_no_device(struct iom_sim *sim, struct sim_device *device)
{
	char folder[PATH_ROOM];

	iom_sim_fs_no_driver(sim, device);
	device_folder(device, folder);
	iom_sim_tree_remove(sim, PCI "/devices/%s", device->address);
	if (device->group && has_companion(sim, device, false))
		iom_sim_tree_remove(sim, GROUPS "/%d/devices/%s", device->group->number,
				    device->address);
	else if (device->group)
		iom_sim_tree_remove(sim, GROUPS "/%d", device->group->number);
	iom_sim_tree_remove(sim, "%s", folder);
	device->known = false;
}

void iom_sim_fs_driver(struct iom_sim *sim, struct sim_device *device)
{
	char folder[PATH_ROOM], driver[PATH_ROOM];

	if (!*device->driver)
		return;
	device_folder(device, folder);
	snprintf(driver, sizeof(driver), PCI "/drivers/%s", device->driver);
	iom_sim_tree_dir(sim, "%s", driver);
	iom_sim_tree_relative(sim, folder, "%s/%s", driver, device->address);
	iom_sim_tree_relative(sim, driver, "%s/driver", folder);
	if (!iom_sim_driver_is_vfio(device->driver) || !device->group)
		return;
	/* since 6.1, whether or not the kernel has VFIO_DEVICE_CDEV */
	device->index = sim->next_index++;
	iom_sim_tree_dir(sim, "%s/vfio-dev/vfio%u", folder, device->index);
	iom_sim_tree_node(sim, SIM_GROUP_NODE, device->group, "/dev/vfio/%d",
			  device->group->number);
	if (!sim->cdev)
		return;
	iom_sim_tree_text(sim, "510:0\n", "%s/vfio-dev/vfio%u/dev", folder, device->index);
	iom_sim_tree_node(sim, SIM_CDEV_NODE, device, CDEVS "/vfio%u", device->index);
}

void iom_sim_fs_no_driver(struct iom_sim *sim, struct sim_device *device)
{
	char folder[PATH_ROOM];

	if (!*device->driver)
		return;
	device_folder(device, folder);
	iom_sim_tree_remove(sim, "%s/driver", folder);
	iom_sim_tree_remove(sim, PCI "/drivers/%s/%s", device->driver, device->address);
	if (iom_sim_driver_is_vfio(device->driver) && device->group) {
		iom_sim_tree_remove(sim, "%s/vfio-dev", folder);
		iom_sim_tree_remove(sim, CDEVS "/vfio%u", device->index);
	}
	if (device->group && !has_companion(sim, device, true))
		iom_sim_tree_remove(sim, "/dev/vfio/%d", device->group->number);
}

/* ---- Who has what open ---------------------------------------------------------------------- */

void iom_sim_fs_holder(struct iom_sim *sim, int pid, const char *comm, int fd, const char *target)
{
	char text[PATH_ROOM];

	snprintf(text, sizeof(text), "%s\n", comm);
	iom_sim_tree_text(sim, text, "/proc/%d/comm", pid);
	iom_sim_tree_link(sim, "/dev/null", "/proc/%d/fd/0", pid);
	iom_sim_tree_link(sim, target, "/proc/%d/fd/%d", pid, fd);
}

/* The process ends with the last of what it has. */
void iom_sim_fs_no_holder(struct iom_sim *sim, int pid, int fd)
{
	const struct sim_device *device;
	const struct sim_group *group;
	unsigned int n = 0;

	iom_sim_tree_remove(sim, "/proc/%d/fd/%d", pid, fd);
	for (group = sim->groups; group; group = group->next)
		n += group->holder == pid;
	for (device = sim->devices; device; device = device->next)
		n += device->holder == pid;
	if (n == 1)
		iom_sim_tree_remove(sim, "/proc/%d", pid);
}

void iom_sim_fs_fd(struct iom_sim *sim, int fd, const char *target)
{
	iom_sim_tree_link(sim, target, "/proc/%d/fd/%d", sim->pid, fd);
}

void iom_sim_fs_no_fd(struct iom_sim *sim, int fd)
{
	iom_sim_tree_remove(sim, "/proc/%d/fd/%d", sim->pid, fd);
}
