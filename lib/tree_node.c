// SPDX-License-Identifier: BSD-3-Clause
/*
 * What the nodes from a device up to its host bridge say of DMA.  The windows are PAPR's (LoPAPR,
 * "DMA Window Manipulation Calls"), and what Linux adds to the live tree
 * (arch/powerpc/platforms/pseries/iommu.c); ranges is IEEE 1275's.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "error.h"
#include "tree.h"

#define WORDS_MAX 1024 /* in a property that is read here */
#define RANGE_CELLS 3  /* of a PCI address: what kind of space it is in, and 64 bits */

#define SPACE_MASK 0x3000000u
#define SPACE_MEMORY_32 0x2000000u
#define SPACE_MEMORY_64 0x3000000u
#define SPACE_PREFETCH 0x40000000u

#define DEFAULT_PAGE 4096 /* of every default window */

static uint64_t number(const uint32_t *cells, size_t n)
{
	uint64_t value = 0;

	while (n--)
		value = value << 32 | *cells++;
	return value;
}

int iom_tree_malformed(const struct iom_tree *tree, const struct iom_node *node, const char *name,
		       const char *what)
{
	return iom_error(tree->malformed, "%s of %s in %s is malformed: %s", name, node->path,
			 tree->name, what);
}

int iom_tree_cells(const struct iom_tree *tree, const struct iom_node *node, const char *name,
		   uint32_t *cells, size_t n)
{
	unsigned char bytes[4 * WORDS_MAX + 1];
	int ret, i;

	ret = tree->ops->property(tree, node, name, bytes, 4 * n + 1);
	if (ret == -ENOENT)
		return 0;
	if (ret == -EOVERFLOW)
		return iom_tree_malformed(tree, node, name, "it is too long");
	if (ret < 0)
		return iom_sysfs_error(name, ret);
	if (ret % 4)
		return iom_tree_malformed(tree, node, name, "it has no whole cells");
	for (i = 0; i < ret / 4; i++)
		cells[i] = (uint32_t)bytes[4 * i] << 24 | (uint32_t)bytes[4 * i + 1] << 16 |
			   (uint32_t)bytes[4 * i + 2] << 8 | bytes[4 * i + 3];
	return ret / 4;
}

void iom_tree_clean(char *text)
{
	for (; *text; text++)
		if (*text <= ' ' || *text > '~')
			*text = '?';
}

int iom_tree_string(const struct iom_tree *tree, const struct iom_node *node, const char *name,
		    char *text, size_t n)
{
	char found[1024];
	size_t i;
	int ret;

	ret = tree->ops->property(tree, node, name, found, sizeof(found));
	if (ret < 0 && ret != -ENOENT && ret != -EOVERFLOW)
		return iom_sysfs_error(name, ret);
	for (i = 0; i < n - 1 && ret > 0 && i < (size_t)ret && found[i]; i++)
		text[i] = found[i] > ' ' && found[i] <= '~' ? found[i] : '?';
	text[i] = '\0';
	return 0;
}

int iom_tree_is_bridge(const struct iom_tree *tree, const struct iom_node *node)
{
	char type[16];
	int ret;

	ret = iom_tree_string(tree, node, "device_type", type, sizeof(type));
	return ret < 0 ? ret : !strcmp(type, "pci") || !strcmp(type, "pciex");
}

/* A property that is one cell, and has a default. */
static int one_cell(const struct iom_tree *tree, const struct iom_node *node, const char *name,
		    uint32_t *value)
{
	int ret = iom_tree_cells(tree, node, name, value, 1);

	return ret < 0 ? ret : 0;
}

/* ---- DMA windows -------------------------------------------------------------------------------- */

static int fits(const struct iom_tree *tree, const struct iom_node *node, const char *name,
		const struct iom_tree_window *window)
{
	if (!window->length || window->length - 1 > UINT64_MAX - window->start)
		return iom_tree_malformed(tree, node, name, "a window of no size, or past 2^64");
	return 1;
}

/* Number of the window, address, size: of_parse_dma_window(), arch/powerpc/kernel/prom_parse.c. */
static int default_window(const struct iom_tree *tree, const struct iom_node *node,
			  const char *name, struct iom_tree_window *window)
{
	uint32_t cells[8], address_cells = 2, size_cells = 2;
	int n, ret;

	n = iom_tree_cells(tree, node, name, cells, 8);
	if (n <= 0)
		return n;
	ret = one_cell(tree, node, "#address-cells", &address_cells);
	if (!ret)
		ret = one_cell(tree, node, "ibm,#dma-address-cells", &address_cells);
	if (!ret)
		ret = one_cell(tree, node, "#size-cells", &size_cells);
	if (!ret)
		ret = one_cell(tree, node, "ibm,#dma-size-cells", &size_cells);
	if (ret < 0)
		return ret;
	if (address_cells < 1 || address_cells > 3 || size_cells < 1 || size_cells > 2 ||
	    (uint32_t)n != 1 + address_cells + size_cells)
		return iom_tree_malformed(tree, node, name, "it is no number, address and size");
	window->start = number(cells + 1, address_cells);
	window->length = number(cells + 1 + address_cells, size_cells);
	window->page = DEFAULT_PAGE;
	return fits(tree, node, name, window);
}

/*
 * What the kernel writes when it made a window: its number, address, and the sizes of page and
 * window as shifts; with padding before the address, because it is a C struct of its own.
 */
static int made_window(const struct iom_tree *tree, const struct iom_node *node, const char *name,
		       struct iom_tree_window *window)
{
	uint32_t cells[6], *rest;
	int n;

	n = iom_tree_cells(tree, node, name, cells, 6);
	if (n <= 0)
		return n;
	if (n < 5)
		return iom_tree_malformed(tree, node, name, "it is too short");
	rest = cells + n - 4;
	if (rest[2] < 12 || rest[2] > 63 || rest[3] < rest[2] || rest[3] > 63)
		return iom_tree_malformed(tree, node, name, "such a page or window cannot be");
	window->start = number(rest, 2);
	window->page = UINT64_C(1) << rest[2];
	window->length = UINT64_C(1) << rest[3];
	return fits(tree, node, name, window);
}

static int read_default(const struct iom_tree *tree, const struct iom_node *node,
			struct iom_tree_info *info)
{
	int ret;

	if (info->flags & IOM_TREE_WINDOW)
		return 0;
	ret = default_window(tree, node, "ibm,dma-window", &info->window);
	if (ret > 0)
		info->flags |= IOM_TREE_WINDOW;
	if (ret)
		return ret;
	ret = default_window(tree, node, "ibm,dma-window-saved", &info->window);
	if (ret > 0)
		info->flags |= IOM_TREE_WINDOW | IOM_TREE_WINDOW_SAVED;
	return ret;
}

static int read_made(const struct iom_tree *tree, const struct iom_node *node,
		     struct iom_tree_info *info)
{
	int ret;

	if (info->flags & IOM_TREE_MADE)
		return 0;
	ret = made_window(tree, node, "linux,direct64-ddr-window-info", &info->made);
	if (ret > 0)
		info->flags |= IOM_TREE_MADE | IOM_TREE_MADE_DIRECT;
	if (ret)
		return ret;
	ret = made_window(tree, node, "linux,dma64-ddr-window-info", &info->made);
	if (ret > 0)
		info->flags |= IOM_TREE_MADE;
	return ret;
}

/* The extensions: how many follow; the number of the call that resets; whether sizes are large. */
static int read_ddw(const struct iom_tree *tree, const struct iom_node *node,
		    struct iom_tree_info *info)
{
	uint32_t calls[16], extensions[16];
	int n, i;

	if (info->flags & IOM_TREE_DDW)
		return 0;
	n = iom_tree_cells(tree, node, "ibm,ddw-applicable", calls, 16);
	if (n <= 0)
		return n;
	if (n < 3)
		return iom_tree_malformed(tree, node, "ibm,ddw-applicable",
					  "it has no three calls");
	for (i = 0; i < 3; i++)
		info->ddw_calls[i] = calls[i];
	info->flags |= IOM_TREE_DDW;
	n = iom_tree_cells(tree, node, "ibm,ddw-extensions", extensions, 16);
	if (n <= 0)
		return n;
	if (extensions[0] >= (uint32_t)n)
		return iom_tree_malformed(tree, node, "ibm,ddw-extensions", "its count is wrong");
	if (extensions[0] >= 1)
		info->ddw_reset = extensions[1];
	if (extensions[0] >= 2 && extensions[2] == 1)
		info->flags |= IOM_TREE_DDW_LARGE;
	return 0;
}

/* ---- The host bridge ---------------------------------------------------------------------------- */

static int add_range(const struct iom_tree *tree, const struct iom_node *node, const char *name,
		     struct iom_tree_range range, struct iom_tree_info *info)
{
	if (!range.length)
		return 0;
	if (range.length - 1 > UINT64_MAX - range.start)
		return iom_tree_malformed(tree, node, name, "a range goes past 2^64");
	if (info->n_ranges < IOM_TREE_RANGES)
		info->ranges[info->n_ranges] = range;
	info->n_ranges++;
	return 0;
}

static int add_ranges(const struct iom_tree *tree, const struct iom_node *node,
		      const uint32_t *cells, size_t n, size_t each, struct iom_tree_info *info)
{
	size_t size_at, i;
	int ret = 0;

	for (i = 0; i < n && !ret; i += each) {
		struct iom_tree_range range = { .start = number(cells + i + 1, 2) };
		uint32_t space = cells[i];

		size_at = i + each - 2;
		if ((space & SPACE_MASK) != SPACE_MEMORY_32 &&
		    (space & SPACE_MASK) != SPACE_MEMORY_64)
			continue;
		range.length = number(cells + size_at, 2);
		if ((space & SPACE_MASK) == SPACE_MEMORY_64)
			range.flags |= IOM_TREE_RANGE_64;
		if (space & SPACE_PREFETCH)
			range.flags |= IOM_TREE_RANGE_PREFETCH;
		ret = add_range(tree, node, "ranges", range, info);
	}
	return ret;
}

/* The bridge's address, the one above it in as many cells as that has, and the size. */
static int read_ranges(const struct iom_tree *tree, const struct iom_node *node,
		       struct iom_tree_info *info)
{
	uint32_t cells[WORDS_MAX], ours = RANGE_CELLS, sizes = 2, above = 2;
	struct iom_node parent = *node;
	int n, ret;

	n = iom_tree_cells(tree, node, "ranges", cells, WORDS_MAX);
	if (n <= 0)
		return n;
	ret = one_cell(tree, node, "#address-cells", &ours);
	if (!ret)
		ret = one_cell(tree, node, "#size-cells", &sizes);
	if (!ret)
		ret = tree->ops->parent(tree, &parent);
	if (!ret)
		ret = one_cell(tree, &parent, "#address-cells", &above);
	if (ret == -ENOENT)
		return iom_tree_malformed(tree, node, "ranges", "nothing is above the root");
	if (ret < 0)
		return ret;
	if (ours != RANGE_CELLS || sizes != 2 || above < 1 || above > 3 ||
	    (uint32_t)n % (ours + above + sizes))
		return iom_tree_malformed(tree, node, "ranges", "its cells do not add up");
	return add_ranges(tree, node, cells, (size_t)n, ours + above + sizes, info);
}

/* PowerNV's firmware tells of what is above 4 GiB, and of page sizes, by properties of its own. */
static int read_opal(const struct iom_tree *tree, const struct iom_node *node,
		     struct iom_tree_info *info)
{
	struct iom_tree_range range = { .flags = IOM_TREE_RANGE_64 | IOM_TREE_RANGE_PREFETCH };
	uint32_t cells[64];
	int n, i;

	n = iom_tree_cells(tree, node, "ibm,opal-m64-window", cells, 64);
	if (n < 0)
		return n;
	if (n && n != 6)
		return iom_tree_malformed(tree, node, "ibm,opal-m64-window", "it has no six cells");
	if (n) {
		range.start = number(cells, 2);
		range.length = number(cells + 4, 2);
		n = add_range(tree, node, "ibm,opal-m64-window", range, info);
		if (n < 0)
			return n;
	}
	n = iom_tree_cells(tree, node, "ibm,supported-tce-sizes", cells, 64);
	for (i = 0; i < n; i++)
		if (cells[i] < 12 || cells[i] > 63)
			return iom_tree_malformed(tree, node, "ibm,supported-tce-sizes",
						  "no page has such a size");
		else
			info->page_sizes |= UINT64_C(1) << cells[i];
	return n < 0 ? n : 0;
}

/* ---- All of it ---------------------------------------------------------------------------------- */

static int read_node(const struct iom_tree *tree, const struct iom_node *node,
		     struct iom_tree_info *info)
{
	int ret;

	ret = read_default(tree, node, info);
	if (ret >= 0)
		ret = read_made(tree, node, info);
	if (ret >= 0)
		ret = read_ddw(tree, node, info);
	return ret < 0 ? ret : 0;
}

/* From the device up to the host bridge, the last bridge that there is. */
static int read_up(const struct iom_tree *tree, const struct iom_node *node, bool own,
		   struct iom_node *host, struct iom_tree_info *info)
{
	struct iom_node at = *node;
	bool bridge = false;
	int ret, depth;

	for (depth = 0; depth <= IOM_TREE_DEPTH; depth++) {
		ret = iom_tree_is_bridge(tree, &at);
		if (ret > 0) {
			*host = at;
			bridge = true;
		}
		if (!ret && (depth || !own))
			return bridge;
		if (ret >= 0)
			ret = read_node(tree, &at, info);
		if (ret < 0)
			return ret;
		ret = tree->ops->parent(tree, &at);
		if (ret < 0)
			return ret == -ENOENT ? bridge : ret;
	}
	return iom_error(tree->malformed, "%s lies too deep in %s", node->path, tree->name);
}

static uint64_t requester_of(const char *address)
{
	unsigned int segment = 0, bus = 0, device = 0, function = 0;

	/* in its full form, which iom_pci_address() wrote */
	(void)!sscanf(address, "%x:%x:%x.%x", &segment, &bus, &device, &function);
	return bus << 8 | device << 3 | function;
}

int iom_tree_describe(const struct iom_tree *tree, const struct iom_node *node, bool own,
		      const char *address, struct iom_tree_info *info)
{
	struct iom_node host = *node;
	int ret;

	info->requester_id = requester_of(address);
	if (own)
		info->flags |= IOM_TREE_OWN;
	strcpy(info->node, node->path);
	iom_tree_clean(info->node);
	ret = read_up(tree, node, own, &host, info);
	if (ret > 0) {
		strcpy(info->bridge, host.path);
		iom_tree_clean(info->bridge);
		ret = read_ranges(tree, &host, info);
		if (!ret)
			ret = read_opal(tree, &host, info);
	}
	return ret < 0 ? ret : iom_tree_iommu(tree, node, info);
}
