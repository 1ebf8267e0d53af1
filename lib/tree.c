// SPDX-License-Identifier: BSD-3-Clause
/* What the device tree says of a PCI function. */
#include "tree.h"

#include <errno.h>
#include <string.h>

#include "error.h"
#include "options.h"

#define OPTS_FIRST sizeof(struct iom_tree_opts)
#define INFO_FIRST sizeof(struct iom_tree_info)

#define BOOT_TREE "/sys/firmware/fdt"

static int read_file(const struct iom_sys *sys, const char *path, const char *address,
		     struct iom_tree_info *info)
{
	struct iom_tree tree;
	struct iom_node node;
	bool own;
	int ret;

	info->source = strcmp(path, BOOT_TREE) ? IOM_TREE_FILE : IOM_TREE_BOOT;
	ret = iom_fdt_load(sys, path, &tree);
	if (ret < 0)
		return ret;
	ret = iom_fdt_find(&tree, address, &node, &own);
	if (!ret)
		ret = iom_tree_describe(&tree, &node, own, address, info);
	iom_fdt_unload(&tree);
	return ret;
}

static int read_machine(const struct iom_sys *sys, const char *address, struct iom_tree_info *info)
{
	struct iom_tree tree;
	struct iom_node node;
	bool own;
	int ret;

	ret = iom_sysfs_device_exists(sys, address);
	if (ret < 0)
		return ret;
	ret = iom_live_find(sys, address, &tree, &node, &own);
	if (!ret) {
		info->source = IOM_TREE_LIVE;
		ret = iom_tree_describe(&tree, &node, own, address, info);
	} else if (ret == -ENOENT) {
		ret = 0;
	}
	return ret < 0 ? ret : iom_tree_sysfs(sys, address, info);
}

static int read_tree(const struct iom_sys *sys, const char *text, const struct iom_tree_opts *opts,
		     struct iom_tree_info *info)
{
	char address[IOM_PCI_ADDRESS_MAX];
	struct iom_tree_opts ours;
	int ret;

	ret = iom_options_read(&ours, sizeof(ours), OPTS_FIRST, opts, "iom_tree_opts");
	if (!ret)
		ret = iom_pci_address(text, address);
	if (ret < 0)
		return ret;
	if (ours.dtb)
		return read_file(sys, ours.dtb, address, info);
	return read_machine(sys, address, info);
}

int iom_tree_read_on(const struct iom_sys *sys, const char *address,
		     const struct iom_tree_opts *opts, struct iom_tree_info *info)
{
	struct iom_tree_info ours = { 0 };
	int ret;

	ret = iom_options_check(info, INFO_FIRST, "iom_tree_info");
	if (!ret)
		ret = read_tree(sys, address, opts, &ours);
	if (ret < 0)
		return iom_error_prefix(ret, "device tree, %.64s: ", address);
	iom_options_fill(info, &ours, sizeof(ours));
	return 0;
}
