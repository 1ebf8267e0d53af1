// SPDX-License-Identifier: BSD-3-Clause
/* In the place of fdt_blob.c and fdt_find.c, where there is no libfdt. */
#include <errno.h>

#include "error.h"
#include "tree.h"

int iom_fdt_load(const struct iom_sys *sys, const char *path, struct iom_tree *tree)
{
	(void)sys;
	(void)tree;
	return iom_error(-EOPNOTSUPP,
			 "%s cannot be read: this libiommu was built without libfdt (install "
			 "libfdt-dev, and configure and build it anew); the running machine's tree "
			 "can be read without it",
			 path);
}

void iom_fdt_unload(struct iom_tree *tree)
{
	(void)tree;
}

int iom_fdt_find(const struct iom_tree *tree, const char *address, struct iom_node *node, bool *own)
{
	(void)address;
	(void)node;
	(void)own;
	return iom_error(-EOPNOTSUPP, "%s: built without libfdt", tree->name);
}
