// SPDX-License-Identifier: BSD-3-Clause
#include "pci.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "files.h"
#include "sentence.h"
#include "terminal.h"

#define CLASS_BRIDGE 0x06

/* n hexadecimal digits, and what must follow. */
static bool hex(const char **text, int least, int most, char after, unsigned int *value)
{
	const char *p = *text;

	*value = 0;
	while (isxdigit((unsigned char)*p) && p - *text < most) {
		char digit[2] = { *p++, '\0' };

		*value = *value << 4 | (unsigned int)strtoul(digit, NULL, 16);
	}
	if (p - *text < least || *p != after)
		return false;
	*text = after ? p + 1 : p;
	return true;
}

int pci_address(const char *text, char address[PCI_ADDRESS])
{
	unsigned int segment = 0, bus, device, function;
	const char *p = text, *colon = strchr(text, ':');
	bool good = true;

	if (colon && strchr(colon + 1, ':'))
		good = hex(&p, 4, 8, ':', &segment);
	if (!good || !hex(&p, 2, 2, ':', &bus) || !hex(&p, 2, 2, '.', &device) ||
	    !hex(&p, 1, 1, '\0', &function) || device > 31 || function > 7)
		return fail(-EINVAL,
			    "'%.64s' is not a PCI address; it is written like 0000:01:00.0 "
			    "(iommuctl list shows those there are)",
			    text);
	snprintf(address, PCI_ADDRESS, "%04x:%02x:%02x.%x", segment, bus, device, function);
	return 0;
}

static void fill(const char *address, struct pci_function *function)
{
	char group[32];

	*function = (struct pci_function){ .group = -1 };
	snprintf(function->address, sizeof(function->address), "%.*s", PCI_ADDRESS - 1, address);
	terminal_clean(function->address);
	function->class = (uint32_t)files_number(0, PCI_DEVICES "/%s/class", address);
	function->vendor = (uint16_t)files_number(0, PCI_DEVICES "/%s/vendor", address);
	function->device = (uint16_t)files_number(0, PCI_DEVICES "/%s/device", address);
	function->node = (int)files_number(-1, PCI_DEVICES "/%s/numa_node", address);
	files_link_name(function->driver, sizeof(function->driver), PCI_DEVICES "/%s/driver",
			address);
	files_link_name(group, sizeof(group), PCI_DEVICES "/%s/iommu_group", address);
	if (isdigit((unsigned char)group[0]))
		function->group = atoi(group);
}

int pci_read(const char *address, struct pci_function *function)
{
	if (!files_exist(PCI_DEVICES "/%s/vendor", address))
		return fail(-ENODEV,
			    "there is no PCI device %s; iommuctl list shows those there are",
			    address);
	fill(address, function);
	return 0;
}

struct gathering {
	struct pci_function *list;
	size_t n;
};

static int gather(void *arg, const char *name)
{
	struct gathering *g = arg;
	struct pci_function *more = realloc(g->list, (g->n + 1) * sizeof(*more));

	if (!more)
		return -ENOMEM;
	g->list = more;
	fill(name, &g->list[g->n++]);
	return 0;
}

static int list_folder(const char *folder, struct pci_function **list, size_t *n)
{
	struct gathering g = { 0 };
	int ret;

	ret = files_list(folder, gather, &g);
	/* a machine without PCI has none */
	if (ret < 0 && ret != -ENOENT) {
		free(g.list);
		return fail(ret, "cannot read %s: %s", folder, strerror(-ret));
	}
	*list = g.list;
	*n = g.n;
	return 0;
}

int pci_list(struct pci_function **list, size_t *n)
{
	return list_folder(PCI_DEVICES, list, n);
}

int pci_list_group(int group, struct pci_function **list, size_t *n)
{
	char folder[FILES_PATH];

	snprintf(folder, sizeof(folder), "/sys/kernel/iommu_groups/%d/devices", group);
	return list_folder(folder, list, n);
}

bool pci_is_bridge(const struct pci_function *function)
{
	return function->class >> 16 == CLASS_BRIDGE;
}

bool pci_is_for_userspace(const char *driver)
{
	return strstr(driver, "vfio") != NULL;
}

bool pci_is_harmless(const char *driver)
{
	return !*driver || !strcmp(driver, "pcieport") || !strcmp(driver, "pci-stub");
}

struct node {
	char *text;
	size_t n;
};

static int take_node(void *arg, const char *name)
{
	struct node *node = arg;

	if (strncmp(name, "vfio", 4))
		return 0;
	snprintf(node->text, node->n, "/dev/vfio/devices/%s", name);
	return 1;
}

void pci_device_node(const char *address, char *node, size_t n)
{
	struct node taken = { node, n };
	char folder[FILES_PATH];

	snprintf(folder, sizeof(folder), PCI_DEVICES "/%s/vfio-dev", address);
	node[0] = '\0';
	files_list(folder, take_node, &taken);
	if (*node && !files_exist("%s", node))
		node[0] = '\0';
}
