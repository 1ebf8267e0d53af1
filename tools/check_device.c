// SPDX-License-Identifier: BSD-3-Clause
/* Checks of one device. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <libiommu.h>

#include "checks.h"
#include "files.h"
#include "in_use.h"
#include "process.h"

static enum answer look_at_group(const struct patient *patient, struct finding *finding)
{
	/* without any group, the cause is another one */
	if (!patient->host.has_groups)
		return CHECK_SKIP;
	if (patient->device.group >= 0)
		return CHECK_GOOD;
	return check_found(
		finding,
		"no IOMMU covers %s, though other devices have one: it is a bridge's own, "
		"or the firmware leaves it out; move the card to another slot",
		patient->device.address);
}

static enum answer look_at_driver(const struct patient *patient, struct finding *finding)
{
	const struct pci_function *f = &patient->device;
	char what[500];

	if (pci_is_for_userspace(f->driver))
		return CHECK_GOOD;
	if (f->group < 0)
		return CHECK_SKIP;
	if (in_use_by_system(f->address, what, sizeof(what)))
		return check_found(
			finding,
			"%s is bound to the kernel's driver %s, and in use: %s; end that, "
			"then bind it",
			f->address, f->driver, what);
	if (*f->driver)
		check_found(finding, "%s is bound to the kernel's driver %s", f->address,
			    f->driver);
	else {
		finding->id = "no-driver";
		check_found(finding, "%s is bound to no driver", f->address);
	}
	return check_mend(finding, "iommuctl bind %s", f->address);
}

/* One that keeps the rest of its group from user space. */
static bool is_in_the_way(const struct pci_function *f)
{
	return !pci_is_for_userspace(f->driver) && !pci_is_harmless(f->driver);
}

static enum answer look_at_others(const struct patient *patient, struct finding *finding)
{
	const struct pci_function *f = &patient->device;
	struct pci_function *list;
	char names[300] = "";
	size_t n, used = 0;

	if (f->group < 0)
		return CHECK_SKIP;
	if (pci_list_group(f->group, &list, &n) < 0)
		return CHECK_SKIP;
	for (size_t i = 0; i < n; i++) {
		if (!strcmp(list[i].address, f->address) || !is_in_the_way(&list[i]) ||
		    used >= sizeof(names))
			continue;
		used += (size_t)snprintf(names + used, sizeof(names) - used, "%s%s (%s)",
					 used ? ", " : "", list[i].address, list[i].driver);
		check_add_mend(finding, "%siommuctl bind %s", *finding->mend ? " && " : "",
			       list[i].address);
	}
	free(list);
	if (!*names)
		return CHECK_GOOD;
	return check_found(
		finding,
		"other functions of its IOMMU group, %d, are bound to kernel drivers: %s; "
		"a group is used by the kernel or by user space, not by both",
		f->group, names);
}

/* ---- Nodes ----------------------------------------------------------------------------------- */

#define CONTAINER "/dev/vfio/vfio"
#define IOMMUFD "/dev/iommu"

/* One way to a device: two nodes. */
struct way {
	char device[64];
	const char *container;
};

static bool is_there(const struct way *way)
{
	return *way->device && files_exist("%s", way->device) && files_exist("%s", way->container);
}

static bool may_use(const struct way *way)
{
	return is_there(way) && files_may_use(way->device) && files_may_use(way->container);
}

static void read_ways(const struct patient *patient, struct way *group, struct way *own)
{
	snprintf(group->device, sizeof(group->device), "/dev/vfio/%d", patient->device.group);
	group->container = CONTAINER;
	pci_device_node(patient->device.address, own->device, sizeof(own->device));
	own->container = IOMMUFD;
}

/* sysfs has the number of a node that nobody made. */
static enum answer node_missing(const struct way *way, int group, struct finding *finding)
{
	unsigned int major, minor;
	char number[32];

	finding->id = "node-missing";
	if (!files_exist("%s", way->container))
		return check_found(finding,
				   "there is neither %s nor a pair of " IOMMUFD " and the device's "
				   "own node: the kernel was built without them, or this is a "
				   "container that was not given them",
				   way->container);
	check_found(finding,
		    "there is no %s: udev did not make it, or this is a container that was not "
		    "given it",
		    way->device);
	if (files_read(number, sizeof(number), "/sys/class/vfio/%d/dev", group) == 0 &&
	    sscanf(number, "%u:%u", &major, &minor) == 2)
		check_mend(finding, "mknod -m 600 %s c %u %u", way->device, major, minor);
	return CHECK_FOUND;
}

static enum answer node_forbidden(const struct way *way, struct finding *finding)
{
	bool container = !files_may_use(way->container), device = !files_may_use(way->device);
	char user[64];

	process_user_name(user, sizeof(user));
	check_found(finding, "%s may not read and write %s%s%s", user,
		    device ? way->device : way->container, device && container ? " and " : "",
		    device && container ? way->container : "");
	if (container)
		check_mend(finding, "chmod 666 %s", way->container);
	if (device)
		check_add_mend(finding, "%schown %s %s", container ? " && " : "", user,
			       way->device);
	return CHECK_FOUND;
}

static enum answer look_at_nodes(const struct patient *patient, struct finding *finding)
{
	struct way group, own;

	if (!pci_is_for_userspace(patient->device.driver) || patient->device.group < 0)
		return CHECK_SKIP;
	read_ways(patient, &group, &own);
	if (may_use(&group) || (patient->host.kind == HOST_OTHER && may_use(&own)))
		return CHECK_GOOD;
	/* the way that most kernels have, if both are there */
	if (!is_there(&group) && is_there(&own))
		return node_forbidden(&own, finding);
	if (!is_there(&group))
		return node_missing(&group, patient->device.group, finding);
	return node_forbidden(&group, finding);
}

static enum answer look_for_holder(const struct patient *patient, struct finding *finding)
{
	char who[128];

	if (patient->device.group < 0)
		return CHECK_SKIP;
	if (!in_use_by_process(patient->device.address, patient->device.group, who, sizeof(who)))
		return CHECK_GOOD;
	return check_found(finding, "%s is in use: %s has it open; end it first",
			   patient->device.address, who);
}

/* ---- POWER ----------------------------------------------------------------------------------- */

static enum answer look_for_windows(const struct patient *patient, struct finding *finding)
{
	struct iom_tree_info info = { .size = sizeof(info) };
	struct iom_tree_opts opts = { .size = sizeof(opts) };
	char dtb[FILES_PATH];

	if (patient->host.kind != HOST_PSERIES)
		return CHECK_SKIP;
	if (!files_are_real()) {
		files_full(dtb, "/sys/firmware/fdt");
		opts.dtb = dtb;
	}
	if (iom_tree_read(patient->device.address, &opts, &info) < 0)
		return CHECK_SKIP;
	if (!(info.flags & IOM_TREE_WINDOW) || info.flags & IOM_TREE_DDW)
		return CHECK_GOOD;
	return check_found(
		finding,
		"the bridge above %s, %s, has no dynamic DMA windows (ibm,ddw-applicable), "
		"without which the kernel maps nothing for user space: have the "
		"hypervisor offer them (QEMU: spapr-pci-host-bridge,ddw=on), or move the "
		"card to another slot",
		patient->device.address, info.bridge);
}

/* ---- All together ---------------------------------------------------------------------------- */

/* iommufd is there, so that nobody missed the container, but it does not serve every IOMMU. */
static void explain_attach(const struct patient *patient, struct finding *finding)
{
	if (patient->host.has_container)
		return;
	finding->id = "container-missing";
	check_mend(finding, "modprobe %s", host_container_module(&patient->host));
}

/* What no file says is tried.  It resets the function, which nobody minds who has it free. */
static enum answer look_at_attach(const struct patient *patient, struct finding *finding)
{
	struct iom_device *device;
	struct iom_domain *domain;
	int ret;

	if (!patient->may_attach || patient->found || !files_are_real() ||
	    !pci_is_for_userspace(patient->device.driver))
		return CHECK_SKIP;
	ret = iom_open(&domain, NULL);
	if (ret < 0)
		return check_found(finding, "%s", iom_errmsg());
	ret = iom_attach(domain, patient->device.address, NULL, &device);
	if (ret == -EACCES && strstr(iom_errmsg(), "interrupts")) {
		finding->id = "unsafe-interrupts";
		check_unsafe(patient, finding);
	} else if (ret < 0) {
		check_found(finding, "%s", iom_errmsg());
		explain_attach(patient, finding);
	}
	iom_close(domain);
	return ret < 0 ? CHECK_FOUND : CHECK_GOOD;
}

const struct check device_checks[] = {
	{ "no-iommu-group", "an IOMMU covers the device", look_at_group },
	{ "kernel-driver", "the device is bound for user space", look_at_driver },
	{ "group-shared", "the kernel drives no other function of its group", look_at_others },
	{ "node-access", "its nodes are there, and this user may use them", look_at_nodes },
	{ "no-windows", "its bridge makes DMA windows", look_for_windows },
	{ "held", "no process holds it", look_for_holder },
	{ "attach", "libiommu attaches it", look_at_attach },
	{ 0 },
};
