// SPDX-License-Identifier: BSD-3-Clause
/*
 * Which IOMMU covers a PCI function: by the generic bindings (Documentation/devicetree/bindings of
 * the kernel: iommu/iommu.txt, pci/pci-iommu.txt), or as sysfs names it.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "error.h"
#include "tree.h"

#define MAP_MAX 1024 /* cells */

static int found(const struct iom_tree *tree, const struct iom_node *node, const char *property,
		 uint32_t phandle, uint64_t id, struct iom_tree_info *info)
{
	struct iom_node iommu;
	int ret;

	ret = tree->ops->by_phandle(tree, phandle, &iommu);
	if (ret == -ENOENT)
		return iom_tree_malformed(tree, node, property, "no node has its phandle");
	if (ret < 0)
		return ret;
	info->flags |= IOM_TREE_IOMMU;
	info->iommu_id = id;
	strcpy(info->iommu, iommu.path);
	iom_tree_clean(info->iommu);
	return iom_tree_string(tree, &iommu, "compatible", info->iommu_kind,
			       sizeof(info->iommu_kind));
}

/* The device's own: a phandle, and what its IOMMU knows it by, which is one cell nearly always. */
static int by_iommus(const struct iom_tree *tree, const struct iom_node *node,
		     struct iom_tree_info *info)
{
	uint32_t cells[64];
	int n;

	n = iom_tree_cells(tree, node, "iommus", cells, 64);
	if (n <= 0)
		return n;
	return found(tree, node, "iommus", cells[0], n > 1 ? cells[1] : 0, info);
}

/* Entries of four cells: first requester, phandle, first number of the IOMMU, how many. */
static int look_up(const struct iom_tree *tree, const struct iom_node *node, const uint32_t *map,
		   int n, struct iom_tree_info *info)
{
	uint32_t mask = UINT32_MAX, id;
	int ret, i;

	ret = iom_tree_cells(tree, node, "iommu-map-mask", &mask, 1);
	if (ret < 0)
		return ret;
	if (n % 4)
		return iom_tree_malformed(tree, node, "iommu-map", "its entries have four cells");
	id = (uint32_t)info->requester_id & mask;
	for (i = 0; i < n; i += 4)
		if (id >= map[i] && id - map[i] < map[i + 3])
			return found(tree, node, "iommu-map", map[i + 1],
				     (uint64_t)map[i + 2] + (id - map[i]), info);
	info->flags |= IOM_TREE_NO_IOMMU;
	return 0;
}

/* The nearest map of a bridge above the device; 1 if there is one. */
static int by_map(const struct iom_tree *tree, const struct iom_node *node,
		  struct iom_tree_info *info)
{
	struct iom_node at = *node;
	uint32_t map[MAP_MAX];
	int depth, n, ret;

	for (depth = 0; depth <= IOM_TREE_DEPTH; depth++) {
		n = iom_tree_cells(tree, &at, "iommu-map", map, MAP_MAX);
		if (n > 0)
			return look_up(tree, &at, map, n, info);
		ret = n < 0 ? n : tree->ops->parent(tree, &at);
		if (ret < 0)
			return ret == -ENOENT ? 0 : ret;
	}
	return 0;
}

int iom_tree_iommu(const struct iom_tree *tree, const struct iom_node *node,
		   struct iom_tree_info *info)
{
	int ret = 0;

	if (info->flags & IOM_TREE_OWN)
		ret = by_iommus(tree, node, info);
	if (!ret && !(info->flags & IOM_TREE_IOMMU))
		ret = by_map(tree, node, info);
	return ret;
}

/* ---- sysfs -------------------------------------------------------------------------------------- */

/* The folder of an IOMMU has one of its driver's: intel-iommu, amd-iommu, spapr-tce-iommu. */
static int is_kind(void *arg, const char *name)
{
	const char *end = strrchr(name, '-');

	if (!end || strcmp(end, "-iommu"))
		return 0;
	snprintf(arg, IOM_TREE_NAME, "%s", name);
	return 1;
}

static bool is_absent(int err)
{
	return err == -ENOENT || err == -ENOTDIR;
}

int iom_tree_sysfs(const struct iom_sys *sys, const char *address, struct iom_tree_info *info)
{
	char path[256], name[IOM_TREE_NAME], kind[IOM_TREE_NAME] = "";
	int ret;

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/iommu", address);
	ret = iom_sys_link_name(sys, path, name, sizeof(name));
	if (is_absent(ret))
		return 0;
	if (ret < 0)
		return iom_sysfs_error(path, ret);
	snprintf(info->iommu_name, sizeof(info->iommu_name), "%s", name);
	iom_tree_clean(info->iommu_name);
	if (info->iommu_kind[0])
		return 0;
	snprintf(path, sizeof(path), "/sys/class/iommu/%s", name);
	ret = iom_sys_list_dir(sys, path, is_kind, kind);
	if (!ret || is_absent(ret)) {
		snprintf(path, sizeof(path), "/sys/class/iommu/%s/device/driver", name);
		ret = iom_sys_link_name(sys, path, kind, sizeof(kind));
	}
	if (ret < 0 && !is_absent(ret))
		return iom_sysfs_error(path, ret);
	snprintf(info->iommu_kind, sizeof(info->iommu_kind), "%s", kind);
	iom_tree_clean(info->iommu_kind);
	return 0;
}
