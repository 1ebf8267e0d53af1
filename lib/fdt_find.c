// SPDX-License-Identifier: BSD-3-Clause
/*
 * The node of a PCI function in a flattened tree: the host bridge by the number that the kernel
 * will give it (get_phb_number() of arch/powerpc/kernel/pci-common.c, of_pci_bus_find_domain_nr()
 * of drivers/pci/pci.c), and below it, by the address in reg (IEEE 1275, PCI bus binding).
 */
#include <errno.h>
#include <libfdt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "error.h"
#include "fdt_blob.h"

#define SEGMENTS 0x10000
#define BRIDGES_MAX 512
#define BUS_UNKNOWN (-1)

struct function {
	unsigned int segment, bus, devfn;
};

struct search {
	const struct iom_tree *tree;
	struct function wanted;
	int node;    /* the function's own, or -1 */
	int nearest; /* the bridge that is known to lead there */
};

static uint32_t big_endian(const void *value, size_t cell)
{
	fdt32_t word;

	memcpy(&word, (const char *)value + 4 * cell, sizeof(word));
	return fdt32_to_cpu(word);
}

/* The first cell of a property that has so many, or more. */
static bool cell_of(const void *blob, int offset, const char *name, size_t cell, uint32_t *value)
{
	size_t length;
	const void *found = iom_fdt_property(blob, offset, name, &length);

	if (!found || length < 4 * (cell + 1) || length % 4)
		return false;
	*value = big_endian(found, cell);
	return true;
}

static bool is_bridge(const void *blob, int offset)
{
	size_t length;
	const char *type = iom_fdt_property(blob, offset, "device_type", &length);

	return type && ((length == sizeof("pci") && !memcmp(type, "pci", length)) ||
			(length == sizeof("pciex") && !memcmp(type, "pciex", length)));
}

int iom_fdt_check_depth(const struct iom_tree *tree)
{
	int offset = 0, depth = 0;

	while ((offset = fdt_next_node(tree->blob, offset, &depth)) >= 0 && depth >= 0)
		if (depth >= IOM_TREE_DEPTH)
			return iom_error(tree->malformed, "%s has nodes %d deep", tree->name,
					 depth);
	if (offset < 0 && offset != -FDT_ERR_NOTFOUND)
		return iom_error(tree->malformed, "%s is malformed: libfdt says %s", tree->name,
				 fdt_strerror(offset));
	return 0;
}

/* ---- Host bridges ------------------------------------------------------------------------------- */

/* As of_alias_get_id(): an alias pciN whose path is this node's. */
static bool number_by_alias(const void *blob, int offset, unsigned int *number)
{
	char path[IOM_TREE_PATH], rest;
	int aliases, prop, length;
	const char *name, *value;

	aliases = fdt_path_offset(blob, "/aliases");
	if (aliases < 0 || fdt_get_path(blob, offset, path, sizeof(path)) < 0)
		return false;
	fdt_for_each_property_offset(prop, blob, aliases)
	{
		value = fdt_getprop_by_offset(blob, prop, &name, &length);
		if (value && length == (int)strlen(path) + 1 && !memcmp(value, path, length) &&
		    sscanf(name, "pci%5u%c", number, &rest) == 1)
			return true;
	}
	return false;
}

/* What the tree says, if it does. */
static bool number_of(const void *blob, int offset, bool power, unsigned int *number)
{
	uint32_t value;

	if (cell_of(blob, offset, "linux,pci-domain", 0, &value) ||
	    (power && cell_of(blob, offset, "ibm,opal-phbid", 1, &value)))
		*number = value % SEGMENTS;
	else if (power && number_by_alias(blob, offset, number))
		*number %= SEGMENTS;
	else if (power && cell_of(blob, offset, "reg", 1, &value))
		*number = value % SEGMENTS;
	else
		return false;
	return true;
}

/* The number that the kernel gives: none twice. */
static unsigned int claim(unsigned char *taken, bool said, unsigned int number)
{
	if (!said || taken[number])
		for (number = 0; taken[number]; number++)
			;
	taken[number] = 1;
	return number;
}

/*
 * All bridges that lie in none, in the order of the tree.  The depth was checked, and there are
 * fewer bridges than numbers.
 */
static int find_host(const struct iom_tree *tree, unsigned int segment, unsigned char *taken)
{
	bool bridge[IOM_TREE_DEPTH] = { false }, power, said;
	const void *blob = tree->blob;
	int offset = 0, depth = 0, found = -1;
	unsigned int number = 0, n = 0;

	power = fdt_path_offset(blob, "/ibm,opal") >= 0 || fdt_path_offset(blob, "/rtas") >= 0;
	while ((offset = fdt_next_node(blob, offset, &depth)) >= 0 && depth > 0) {
		bridge[depth] = is_bridge(blob, offset);
		if (!bridge[depth] || bridge[depth - 1])
			continue;
		if (++n > BRIDGES_MAX)
			return iom_error(tree->malformed, "%s has more than %d host bridges",
					 tree->name, BRIDGES_MAX);
		said = number_of(blob, offset, power, &number);
		if (claim(taken, said, number) == segment && found < 0)
			found = offset;
	}
	if (!n)
		return iom_error(-ENODEV, "%s has no PCI host bridge", tree->name);
	if (found < 0)
		return iom_error(-ENODEV,
				 "none of the %u PCI host bridges in %s is that of segment %04x", n,
				 tree->name, segment);
	return found;
}

/* ---- Below one ---------------------------------------------------------------------------------- */

/* The buses behind a bridge, if the tree says. */
static bool buses_of(const void *blob, int offset, uint32_t *first, uint32_t *last)
{
	return cell_of(blob, offset, "bus-range", 0, first) &&
	       cell_of(blob, offset, "bus-range", 1, last) && *first <= *last && *last <= 0xff;
}

/*
 * The children of a bridge, on this bus.  A tree whose buses are the kernel's to number has bus 0
 * in each reg.
 */
static void look_below(struct search *search, int parent, int bus)
{
	const void *blob = search->tree->blob;
	uint32_t reg, first, last;
	int child, here;

	fdt_for_each_subnode(child, blob, parent)
	{
		if (!cell_of(blob, child, "reg", 0, &reg))
			continue;
		here = reg >> 16 & 0xff ? (int)(reg >> 16 & 0xff) : bus;
		if (here == (int)search->wanted.bus && (reg >> 8 & 0xff) == search->wanted.devfn)
			search->node = child;
		if (search->node < 0 && is_bridge(blob, child)) {
			here = BUS_UNKNOWN;
			if (buses_of(blob, child, &first, &last)) {
				here = (int)first;
				if (first <= search->wanted.bus && search->wanted.bus <= last)
					search->nearest = child;
			}
			look_below(search, child, here);
		}
		if (search->node >= 0)
			return;
	}
}

static int find(const struct iom_tree *tree, const struct function *wanted, unsigned char *taken,
		struct iom_node *node, bool *own)
{
	struct search search = { .tree = tree, .wanted = *wanted, .node = -1 };
	uint32_t first = 0, last = 0xff;
	int ret;

	ret = find_host(tree, wanted->segment, taken);
	if (ret < 0)
		return ret;
	search.nearest = ret;
	if (!buses_of(tree->blob, ret, &first, &last))
		first = 0, last = 0xff;
	if (wanted->bus < first || wanted->bus > last)
		return iom_error(-ENODEV,
				 "the host bridge of segment %04x in %s has buses %02x to %02x",
				 wanted->segment, tree->name, first, last);
	look_below(&search, ret, (int)first);
	ret = iom_fdt_node(tree, search.node >= 0 ? search.node : search.nearest, node);
	if (!ret)
		*own = search.node >= 0;
	return ret;
}

int iom_fdt_find(const struct iom_tree *tree, const char *address, struct iom_node *node, bool *own)
{
	unsigned int device, function;
	struct function wanted;
	unsigned char *taken;
	int ret;

	if (sscanf(address, "%x:%x:%x.%x", &wanted.segment, &wanted.bus, &device, &function) != 4)
		return iom_error(-EINVAL, "'%s' is no PCI address", address);
	wanted.devfn = device << 3 | function;
	taken = calloc(SEGMENTS, 1);
	if (!taken)
		return iom_error(-ENOMEM, "no memory to number the host bridges");
	ret = find(tree, &wanted, taken, node, own);
	free(taken);
	return ret;
}
