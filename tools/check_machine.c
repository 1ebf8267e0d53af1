// SPDX-License-Identifier: BSD-3-Clause
/* Checks of the machine and its kernel. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "checks.h"
#include "files.h"

/* ---- The IOMMU ------------------------------------------------------------------------------- */

/* Words that switch it off; but Intel's, none has one that switches it on. */
static const char *const switches[] = { "intel_iommu=off", "amd_iommu=off", "iommu=off" };

#define INTEL_ON "intel_iommu=on"

/* The boot loader's configuration: off is replaced by on; either may be "". */
static void mend_command_line(struct finding *finding, const char *off, const char *on)
{
	static const char *const grubby[] = { "grubby", NULL };
	static const char *const grub[] = { "update-grub", NULL };

	if (host_program(grubby)) {
		check_mend(finding, "grubby --update-kernel=ALL");
		if (*off)
			check_add_mend(finding, " --remove-args=%s", off);
		if (*on)
			check_add_mend(finding, " --args=%s", on);
		check_add_mend(finding, " && reboot");
	} else if (host_program(grub) && files_exist("/etc/default/grub")) {
		if (*off)
			check_mend(finding,
				   "sed -i '/^GRUB_CMDLINE_LINUX/s/\\<%s\\>/%s/' /etc/default/grub "
				   "&& update-grub && reboot",
				   off, on);
		else
			check_mend(finding,
				   "sed -i 's/^GRUB_CMDLINE_LINUX=\"/&%s /' /etc/default/grub "
				   "&& update-grub && reboot",
				   on);
	}
}

/* Tables of the firmware's: an IOMMU is there. */
static bool has_table(const char *name)
{
	return files_exist("/sys/firmware/acpi/tables/%s", name);
}

/* Many kernels have Intel's off unless they are told. */
static enum answer switched_off(const char *off, struct finding *finding)
{
	const char *on = has_table("DMAR") ? INTEL_ON : "";

	check_found(finding,
		    "the IOMMU is switched off: the kernel was booted with %s; take that from its "
		    "command line%s%s, and boot",
		    off, *on ? ", and write " : "", on);
	mend_command_line(finding, off, on);
	return CHECK_FOUND;
}

static enum answer look_for_iommu(const struct patient *patient, struct finding *finding)
{
	if (patient->host.has_groups)
		return CHECK_GOOD;
	for (size_t i = 0; i < sizeof(switches) / sizeof(switches[0]); i++)
		if (host_was_told(&patient->host, switches[i]))
			return switched_off(switches[i], finding);
	if (has_table("DMAR")) {
		check_found(finding,
			    "the IOMMU is off: the firmware has one, but the kernel does not use "
			    "it; add " INTEL_ON " to its command line, and boot");
		mend_command_line(finding, "", INTEL_ON);
		return CHECK_FOUND;
	}
	/* amd_iommu= has no "on" (Documentation/admin-guide/kernel-parameters.txt) */
	if (has_table("IVRS"))
		return check_found(finding,
				   "the IOMMU is off: the firmware has one, but the kernel, which "
				   "needs no word for it, does not use it; dmesg may say why "
				   "(AMD-Vi): switch it on in the firmware, or where the kernel "
				   "avoids it as faulty, boot with amd_iommu=force_enable");
	return check_found(finding,
			   "there is no IOMMU: switch it on in the firmware (VT-d, AMD-Vi, SMMU), "
			   "or in a guest, give the guest one");
}

/* ---- The kernel ------------------------------------------------------------------------------ */

static void mend_kernel(struct finding *finding)
{
	char release[1024];

	if (files_read(release, sizeof(release), "/etc/os-release") == 0 &&
	    strstr(release, "VERSION_CODENAME=bookworm"))
		check_mend(finding, "apt-get install -t bookworm-backports "
				    "linux-image-powerpc64le-64k && reboot");
}

/*
 * VFIO came back to POWER with Linux 6.4, and pSeries guests have dynamic windows since 6.11;
 * before, vfio-pci took no device, or none of its memory could be mapped.
 */
static enum answer look_at_kernel(const struct patient *patient, struct finding *finding)
{
	const struct host *host = &patient->host;
	unsigned int minor = host->kind == HOST_PSERIES ? 11 : 4;

	if (host->kind != HOST_OTHER && host_is_before(host, 6, minor)) {
		check_found(finding,
			    "the kernel, %s, is too old: userspace drivers on %s need Linux 6.%u; "
			    "install a newer one",
			    host->release, host->kind == HOST_PSERIES ? "pSeries" : "PowerNV",
			    minor);
		mend_kernel(finding);
		return CHECK_FOUND;
	}
	if (host->major && host_is_before(host, 4, 14))
		return check_found(finding,
				   "the kernel, %s, is too old: libiommu needs Linux 4.14; install "
				   "a newer one",
				   host->release);
	return CHECK_GOOD;
}

static bool is_dash(char c)
{
	return c == '-' || c == '_';
}

/* The kernel takes - and _ in the names of modules for the same. */
static bool is_module(const char *path, const char *name)
{
	const char *slash = strrchr(path, '/');

	for (path = slash ? slash + 1 : path; *name; path++, name++)
		if (*path != *name && !(is_dash(*path) && is_dash(*name)))
			return false;
	return !strncmp(path, ".ko", 3);
}

/* Whether modprobe would find it; true, too, if nobody can tell. */
static bool has_module(const struct host *host, const char *name)
{
	FILE *file = files_open("/lib/modules/%s/modules.dep", host->release);
	bool found = false;
	char line[4096];

	if (!file)
		return true;
	while (!found && fgets(line, sizeof(line), file)) {
		line[strcspn(line, ":")] = '\0';
		found = is_module(line, name);
	}
	fclose(file);
	return found;
}

static enum answer missing_module(const struct patient *patient, struct finding *finding,
				  const char *module, const char *why)
{
	if (!has_module(&patient->host, module))
		return check_found(finding,
				   "%s is not loaded, and %s has no such module, %s: install the "
				   "kernel's further modules, or another kernel",
				   module, patient->host.release, why);
	check_found(finding, "%s is not loaded, %s", module, why);
	return check_mend(finding, "modprobe %s", module);
}

static enum answer look_for_vfio_pci(const struct patient *patient, struct finding *finding)
{
	if (patient->host.has_vfio_pci)
		return CHECK_GOOD;
	if (patient->has_device && pci_is_for_userspace(patient->device.driver))
		return CHECK_GOOD;
	return missing_module(patient, finding, "vfio-pci",
			      "the driver that gives devices to user space");
}

static enum answer look_for_container(const struct patient *patient, struct finding *finding)
{
	const struct host *host = &patient->host;

	if (host->has_container)
		return CHECK_GOOD;
	if (host->kind == HOST_OTHER && host->has_iommufd && host->has_vfio_pci)
		return CHECK_GOOD;
	return missing_module(patient, finding, host_container_module(host),
			      "which maps memory for devices");
}

/* ---- Interrupts ------------------------------------------------------------------------------ */

/* x86 writes IR- before the names of interrupt controllers whose interrupts are remapped. */
static bool remaps_interrupts(void)
{
	FILE *file = files_open("/proc/interrupts");
	bool found = false;
	char line[8192];

	if (!file)
		return true;
	while (!found && fgets(line, sizeof(line), file))
		found = strstr(line, " IR-") != NULL;
	fclose(file);
	return found;
}

#define UNSAFE "/sys/module/%s/parameters/allow_unsafe_interrupts"

static const char *const unsafe_modules[] = { "vfio_iommu_type1", "iommufd" };

/* Whether the module is there, or will be when what was found before is mended. */
static bool will_be_there(const struct host *host, const char *module)
{
	return files_exist(UNSAFE, module) || (!strcmp(module, host_container_module(host)) &&
					       !host->has_container && !host->has_iommufd);
}

enum answer check_unsafe(const struct patient *patient, struct finding *finding)
{
	char word[8];

	for (size_t i = 0; i < 2; i++)
		if (files_read(word, sizeof(word), UNSAFE, unsafe_modules[i]) == 0 && *word == 'Y')
			return CHECK_GOOD;
	check_found(finding,
		    "interrupts are not isolated, so the kernel lets nobody have a device: switch "
		    "interrupt remapping on (firmware; no nointremap or intremap=off), or accept "
		    "that a device may send any interrupt");
	for (size_t i = 0; i < 2; i++)
		if (will_be_there(&patient->host, unsafe_modules[i]))
			check_add_mend(finding, "%secho 1 >" UNSAFE, *finding->mend ? " && " : "",
				       unsafe_modules[i]);
	return CHECK_FOUND;
}

static enum answer look_at_interrupts(const struct patient *patient, struct finding *finding)
{
	if (!patient->host.is_x86 || !patient->host.has_groups)
		return CHECK_SKIP;
	if (remaps_interrupts())
		return CHECK_GOOD;
	return check_unsafe(patient, finding);
}

const struct check machine_checks[] = {
	{ "iommu-off", "the IOMMU is on", look_for_iommu },
	{ "kernel-too-old", "the kernel is new enough", look_at_kernel },
	{ "vfio-pci-missing", "vfio-pci is loaded", look_for_vfio_pci },
	{ "container-missing", "VFIO can map memory here", look_for_container },
	{ "unsafe-interrupts", "interrupts are isolated, or need not be", look_at_interrupts },
	{ 0 },
};
