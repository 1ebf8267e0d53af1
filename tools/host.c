// SPDX-License-Identifier: BSD-3-Clause
#include "host.h"

#include <stdio.h>
#include <string.h>

#include "files.h"

/* A property that is a list of strings, each with its NUL. */
static bool has_string(const char *path, const char *word)
{
	char list[1024], *at;
	FILE *file = files_open("%s", path);
	size_t n;

	if (!file)
		return false;
	n = fread(list, 1, sizeof(list) - 1, file);
	fclose(file);
	list[n] = '\0';
	for (at = list; at < list + n; at += strlen(at) + 1)
		if (!strcmp(at, word))
			return true;
	return false;
}

static enum host_kind read_kind(void)
{
	if (has_string("/proc/device-tree/compatible", "ibm,powernv"))
		return HOST_POWERNV;
	if (has_string("/proc/device-tree/device_type", "chrp"))
		return HOST_PSERIES;
	return HOST_OTHER;
}

static int any(void *arg, const char *name)
{
	(void)arg;
	(void)name;
	return 1;
}

static bool has_any(const char *folder)
{
	return files_list(folder, any, NULL) == 1;
}

/* Of processors: x86's have a line of this name. */
static bool is_x86(void)
{
	FILE *file = files_open("/proc/cpuinfo");
	bool found = false;
	char line[256];

	while (file && !found && fgets(line, sizeof(line), file))
		found = !strncmp(line, "vendor_id", 9);
	if (file)
		fclose(file);
	return found;
}

const char *host_container_module(const struct host *host)
{
	return host->kind == HOST_OTHER ? "vfio_iommu_type1" : "vfio_iommu_spapr_tce";
}

void host_read(struct host *host)
{
	*host = (struct host){ .kind = read_kind() };
	files_read(host->release, sizeof(host->release), "/proc/sys/kernel/osrelease");
	sscanf(host->release, "%u.%u", &host->major, &host->minor);
	files_read(host->command_line, sizeof(host->command_line), "/proc/cmdline");
	host->has_groups = has_any("/sys/kernel/iommu_groups");
	host->has_vfio_pci = files_exist("/sys/bus/pci/drivers/vfio-pci");
	host->has_container = files_exist("/sys/module/%s", host_container_module(host));
	/* the class comes with VFIO, devices' nodes with a kernel that was built for them */
	host->has_iommufd = files_exist("/dev/iommu") && files_exist("/sys/class/vfio-dev") &&
			    (!has_any("/sys/class/vfio-dev") || files_exist("/dev/vfio/devices"));
	host->is_x86 = is_x86();
}

bool host_is_before(const struct host *host, unsigned int major, unsigned int minor)
{
	return host->major < major || (host->major == major && host->minor < minor);
}

bool host_was_told(const struct host *host, const char *word)
{
	size_t n = strlen(word);
	const char *at = host->command_line;

	for (; *at; at += strcspn(at, " "), at += strspn(at, " "))
		if (!strncmp(at, word, n) && (at[n] == ' ' || !at[n]))
			return true;
	return false;
}

size_t host_backends(const struct host *host, const struct pci_function *function,
		     const char *names[HOST_BACKENDS])
{
	size_t n = 0;

	if (function->group < 0 || pci_is_bridge(function))
		return 0;
	if (host->kind != HOST_OTHER) {
		if (host->has_container)
			names[n++] = host->kind == HOST_POWERNV ? "powernv" : "pseries";
		return n;
	}
	if (host->has_iommufd)
		names[n++] = "iommufd";
	if (host->has_container)
		names[n++] = "type1";
	if (files_exist("/dev/iommu"))
		names[n++] = "type1-iommufd";
	return n;
}

const char *host_program(const char *const *names)
{
	static const char *const folders[] = { "/usr/sbin", "/sbin", "/usr/bin", "/bin" };

	for (; *names; names++)
		for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++)
			if (files_exist("%s/%s", folders[i], *names))
				return *names;
	return NULL;
}
