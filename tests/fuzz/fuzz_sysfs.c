// SPDX-License-Identifier: BSD-3-Clause
/* What sysfs and /proc say of functions, groups and who holds them: lib/sysfs.c. */
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "files.h"
#include "lib/sysfs.h"
#include "libiommu.h"

const char fuzz_target[] = "sysfs";

static const char untouched[IOM_PCI_ADDRESS_MAX] = "untouched";

/* An address in full, or none. */
static int address_of(const char *word, char address[IOM_PCI_ADDRESS_MAX])
{
	unsigned int segment, bus, device, function;
	char again[IOM_PCI_ADDRESS_MAX], more;

	strcpy(address, untouched);
	fuzz_forget();
	if (iom_pci_address(word, address) < 0) {
		fuzz_holds(!strcmp(address, untouched));
		fuzz_holds(strstr(iom_errmsg(), "PCI address"));
		return -1;
	}
	fuzz_holds(sscanf(address, "%8x:%2x:%2x.%1x%c", &segment, &bus, &device, &function,
			  &more) == 4);
	fuzz_holds(device < 32 && function < 8);
	fuzz_holds(iom_pci_address(address, again) == 0 && !strcmp(address, again));
	return 0;
}

static void look_at_driver(const struct iom_sys *sys, const char *address)
{
	char name[64], small[4];
	int ret;

	fuzz_forget();
	ret = iom_sysfs_driver(sys, address, name, sizeof(name));
	if (ret < 0)
		fuzz_explained(ret);
	else
		fuzz_holds(strlen(name) < sizeof(name) && !strchr(name, '/'));
	fuzz_forget();
	ret = iom_sysfs_driver(sys, address, small, sizeof(small));
	if (ret < 0)
		fuzz_explained(ret);
	else
		fuzz_holds(strlen(small) < sizeof(small) && !strcmp(small, name));
}

/* It is the number that the link ends with, and nothing that a number can be made of. */
static void look_at_group(struct fuzz_files *files, const struct iom_sys *sys, const char *address)
{
	char path[128], text[4096], number[16];
	unsigned int group = 0x5a5a5a5a;
	ssize_t n;
	int ret;

	fuzz_forget();
	ret = iom_sysfs_group(sys, address, &group);
	if (ret < 0) {
		fuzz_explained(ret);
		fuzz_holds(group == 0x5a5a5a5a);
		return;
	}
	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/iommu_group", address);
	n = sys->read_link(files, path, text, sizeof(text) - 1);
	fuzz_holds(n > 0);
	text[n] = '\0';
	snprintf(number, sizeof(number), "%u", group);
	n -= (ssize_t)strlen(number);
	fuzz_holds(n >= 0 && !strcmp(text + n, number));
	for (; n && text[n - 1] != '/'; n--)
		fuzz_holds(text[n - 1] == '0');
}

static int count(void *arg, const char *name)
{
	fuzz_holds(*name && !strchr(name, '/'));
	++*(unsigned int *)arg;
	return 0;
}

static void look_at_function(struct fuzz_files *files, const struct iom_sys *sys,
			     const char *address)
{
	unsigned int members = 0;
	int ret;

	fuzz_forget();
	ret = iom_sysfs_device_exists(sys, address);
	if (ret < 0)
		fuzz_explained(ret);
	look_at_driver(sys, address);
	look_at_group(files, sys, address);
	ret = iom_sysfs_node(sys, address);
	fuzz_holds(ret >= -1 && ret <= INT16_MAX);
	ret = iom_sysfs_group_members(sys, 14, count, &members);
	fuzz_holds(!ret || !members);
}

static void look_at_holder(const struct iom_sys *sys, size_t room)
{
	char who[64];
	const char *at;

	memset(who, 0x5a, sizeof(who));
	iom_sysfs_holder(sys, "/dev/vfio/14", who, room);
	fuzz_holds(strnlen(who, room) < room);
	for (at = who; *at; at++)
		fuzz_holds(isprint((unsigned char)*at));
	for (at = who + room; at < who + sizeof(who); at++)
		fuzz_holds(*at == 0x5a);
}

struct ranges {
	unsigned int n;
	int answer;
};

static int note_range(void *arg, uint64_t start, uint64_t last)
{
	struct ranges *ranges = arg;

	fuzz_holds(start < last);
	ranges->n++;
	return ranges->answer;
}

static void look_at_memory(const struct iom_sys *sys)
{
	struct ranges ranges = { 0, 0 };
	bool all;
	int ret;

	fuzz_forget();
	ret = iom_sysfs_pci_memory(sys, note_range, &ranges, &all);
	if (ret < 0) {
		fuzz_explained(ret);
		return;
	}
	if (!ranges.n)
		return;
	ranges = (struct ranges){ 0, -ENOMEM };
	fuzz_holds(iom_sysfs_pci_memory(sys, note_range, &ranges, &all) == -ENOMEM);
	fuzz_holds(ranges.n == 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct fuzz_files files;
	struct iom_sys sys;
	int i;

	fuzz_files_read(&files, data, n);
	sys = fuzz_files_sys(&files);
	for (i = 0; i < files.n_words && i < 4; i++) {
		char address[IOM_PCI_ADDRESS_MAX];

		if (address_of(files.words[i], address) == 0)
			look_at_function(&files, &sys, address);
	}
	look_at_holder(&sys, 8);
	look_at_holder(&sys, 64);
	look_at_memory(&sys);
	fuzz_files_free(&files);
	return 0;
}
