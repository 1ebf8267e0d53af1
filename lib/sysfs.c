// SPDX-License-Identifier: BSD-3-Clause
#include "sysfs.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "error.h"

#define DEVICES "/sys/bus/pci/devices/"
#define GROUPS "/sys/kernel/iommu_groups/"

#define RESOURCE_MEMORY 0x200

int iom_sysfs_error(const char *path, int err)
{
	switch (err) {
	case -EMFILE:
	case -ENFILE:
		return iom_error(-EMFILE, "cannot read %s: %s", path, strerror(-err));
	case -ENOMEM:
		return iom_error(err, "cannot read %s: %s", path, strerror(-err));
	default:
		return iom_error(-EIO, "cannot read %s: %s", path, strerror(-err));
	}
}

static bool is_missing(int err)
{
	return err == -ENOENT || err == -ENOTDIR || err == -ENODEV;
}

/* Read hexadecimal digits, from least to most of them, up to a separator that is skipped. */
static bool hex_field(const char **text, int least, int most, char separator, unsigned int *value)
{
	const char *p = *text;

	*value = 0;
	while (isxdigit((unsigned char)*p)) {
		char digit[2] = { *p++, '\0' };

		*value = *value << 4 | (unsigned int)strtoul(digit, NULL, 16);
		if (p - *text > most)
			return false;
	}
	if (p - *text < least || *p != separator)
		return false;
	*text = separator ? p + 1 : p;
	return true;
}

int iom_pci_address(const char *text, char address[IOM_PCI_ADDRESS_MAX])
{
	unsigned int segment = 0, bus, device, function;
	const char *p = text, *colon = strchr(text, ':');

	if (colon && strchr(colon + 1, ':') && !hex_field(&p, 4, 8, ':', &segment))
		goto malformed;
	if (!hex_field(&p, 2, 2, ':', &bus) || !hex_field(&p, 2, 2, '.', &device) ||
	    !hex_field(&p, 1, 1, '\0', &function) || device > 0x1f || function > 7)
		goto malformed;
	snprintf(address, IOM_PCI_ADDRESS_MAX, "%04x:%02x:%02x.%x", segment, bus, device, function);
	return 0;

malformed:
	return iom_error(-EINVAL, "'%.64s' is not a PCI address; it is written like 0000:01:00.0",
			 text);
}

int iom_sysfs_device_exists(const struct iom_sys *sys, const char *address)
{
	char path[128], text[32];
	ssize_t ret;

	snprintf(path, sizeof(path), DEVICES "%s/vendor", address);
	ret = iom_sys_read_text(sys, path, text, sizeof(text));
	if (ret >= 0)
		return 0;
	if (!is_missing((int)ret))
		return iom_sysfs_error(path, (int)ret);
	return iom_error(-ENODEV,
			 "there is no PCI device %s; ls /sys/bus/pci/devices, or "
			 "lspci -D, lists those there are",
			 address);
}

int iom_sysfs_driver(const struct iom_sys *sys, const char *address, char *driver, size_t n)
{
	char path[128];
	int ret;

	snprintf(path, sizeof(path), DEVICES "%s/driver", address);
	ret = iom_sys_link_name(sys, path, driver, n);
	if (ret == -ENODEV)
		return iom_error(-ENODEV, "the device is gone");
	if (ret == -ENOENT) {
		driver[0] = '\0';
		return 0;
	}
	return ret < 0 ? iom_sysfs_error(path, ret) : 0;
}

int iom_sysfs_node(const struct iom_sys *sys, const char *address)
{
	char path[128], text[32];
	long node;

	snprintf(path, sizeof(path), DEVICES "%s/numa_node", address);
	if (iom_sys_read_text(sys, path, text, sizeof(text)) <= 0)
		return -1;
	node = strtol(text, NULL, 10);
	return node < 0 || node > INT16_MAX ? -1 : (int)node;
}

int iom_sysfs_group(const struct iom_sys *sys, const char *address, unsigned int *group)
{
	char path[128], name[32], *end;
	unsigned long number;
	int ret;

	snprintf(path, sizeof(path), DEVICES "%s/iommu_group", address);
	ret = iom_sys_link_name(sys, path, name, sizeof(name));
	if (ret == -ENODEV)
		return iom_error(-ENODEV, "the device is gone");
	if (ret == -ENOENT)
		return iom_error(-ENODEV, "it is in no IOMMU group: no IOMMU covers it; switch the "
					  "IOMMU on in the firmware and on the kernel's command "
					  "line (intel_iommu=on on Intel)");
	if (ret < 0)
		return iom_sysfs_error(path, ret);
	number = strtoul(name, &end, 10);
	if (!isdigit((unsigned char)name[0]) || *end || number > UINT32_MAX)
		return iom_error(-EIO, "%s points to '%s', which is no group number", path, name);
	*group = (unsigned int)number;
	return 0;
}

int iom_sysfs_group_members(const struct iom_sys *sys, unsigned int group, iom_sys_name_fn *name,
			    void *arg)
{
	char path[128];

	snprintf(path, sizeof(path), GROUPS "%u/devices", group);
	return iom_sys_list_dir(sys, path, name, arg);
}

struct pci_memory {
	const struct iom_sys *sys;
	iom_sysfs_range_fn *range;
	void *arg;
	bool all; /* was read */
	int answer;
};

/* What may not be read is passed over; what cannot be, for want of anything, must not be. */
static int pass_over(struct pci_memory *memory, const char *path, int err)
{
	if (is_missing(err))
		return 0;
	memory->all = false;
	if (err != -EACCES && err != -EPERM)
		memory->answer = iom_sysfs_error(path, err);
	return memory->answer;
}

static const char *next_line(const char *line)
{
	line = strchr(line, '\n');
	return line ? line + 1 : NULL;
}

/* A line for each BAR and bridge window: first address, last address, flags (linux/ioport.h). */
static int read_resources(void *arg, const char *address)
{
	struct pci_memory *memory = arg;
	uint64_t start, last, flags;
	char path[128], text[4096];
	const char *line;
	ssize_t ret;

	snprintf(path, sizeof(path), DEVICES "%.*s/resource", IOM_PCI_ADDRESS_MAX, address);
	ret = iom_sys_read_text(memory->sys, path, text, sizeof(text));
	if (ret < 0)
		return pass_over(memory, path, (int)ret);
	for (line = text; line && !memory->answer; line = next_line(line))
		if (sscanf(line, "%" SCNx64 " %" SCNx64 " %" SCNx64, &start, &last, &flags) == 3 &&
		    (flags & RESOURCE_MEMORY) && last > start)
			memory->answer = memory->range(memory->arg, start, last);
	return memory->answer;
}

int iom_sysfs_pci_memory(const struct iom_sys *sys, iom_sysfs_range_fn *range, void *arg, bool *all)
{
	struct pci_memory memory = { .sys = sys, .range = range, .arg = arg, .all = true };
	int ret;

	ret = iom_sys_list_dir(sys, "/sys/bus/pci/devices", read_resources, &memory);
	if (ret < 0 && !memory.answer)
		ret = pass_over(&memory, "/sys/bus/pci/devices", ret);
	*all = memory.all;
	return ret;
}

struct holder {
	const struct iom_sys *sys;
	const char *node;
	char folder[64]; /* /proc/PID/fd */
	long pid;
};

static int compare_fd(void *arg, const char *name)
{
	struct holder *holder = arg;
	char path[128], target[128];
	ssize_t len;

	snprintf(path, sizeof(path), "%s/%.32s", holder->folder, name);
	len = holder->sys->read_link(holder->sys->ctx, path, target, sizeof(target) - 1);
	if (len < 0)
		return 0;
	target[len] = '\0';
	return !strcmp(target, holder->node);
}

static int look_into_process(void *arg, const char *name)
{
	struct holder *holder = arg;

	if (!isdigit((unsigned char)name[0]))
		return 0;
	snprintf(holder->folder, sizeof(holder->folder), "/proc/%.20s/fd", name);
	/* what may not be read, or ended meanwhile, is not the one */
	if (iom_sys_list_dir(holder->sys, holder->folder, compare_fd, holder) != 1)
		return 0;
	holder->pid = strtol(name, NULL, 10);
	return 1;
}

/* A process may call itself anything. */
static bool is_printable(const char *text)
{
	while (*text)
		if (!isprint((unsigned char)*text++))
			return false;
	return true;
}

bool iom_sysfs_holder(const struct iom_sys *sys, const char *node, char *who, size_t n)
{
	struct holder holder = { .sys = sys, .node = node };
	char path[64], comm[32];

	if (iom_sys_list_dir(sys, "/proc", look_into_process, &holder) != 1) {
		snprintf(who, n, "another process");
		return false;
	}
	snprintf(path, sizeof(path), "/proc/%ld/comm", holder.pid);
	if (holder.pid == (long)getpid())
		snprintf(who, n, "this process itself");
	else if (iom_sys_read_text(sys, path, comm, sizeof(comm)) < 0 || !is_printable(comm))
		snprintf(who, n, "process %ld", holder.pid);
	else
		snprintf(who, n, "process %ld (%s)", holder.pid, comm);
	return true;
}
