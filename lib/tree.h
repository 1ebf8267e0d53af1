/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Device trees, the running kernel's or a flattened one, as what reads a device's node needs them.
 * Whatever they hold may be malformed: lengths are checked where a property is used.
 */
#ifndef IOM_TREE_H
#define IOM_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "libiommu.h"
#include "sys.h"
#include "sysfs.h"

/* Nodes that lie in each other; the kernel's own limit is 64 and real trees have about ten. */
#define IOM_TREE_DEPTH 32

struct iom_tree;

struct iom_node {
	char path[IOM_TREE_PATH]; /* "/" is the root; as long as in the API */
	int offset;               /* a flattened tree's own */
};

struct iom_tree_ops {
	/*
	 * A property's length; its value is copied.  -ENOENT if the node has none of this name,
	 * -EOVERFLOW if it is longer than n bytes, and what reading a file answers.
	 */
	int (*property)(const struct iom_tree *tree, const struct iom_node *node, const char *name,
			void *buf, size_t n);
	/* The node becomes its parent; -ENOENT: it is the root. */
	int (*parent)(const struct iom_tree *tree, struct iom_node *node);
	/* -ENOENT: no node has it. */
	int (*by_phandle)(const struct iom_tree *tree, uint32_t phandle, struct iom_node *node);
};

struct iom_tree {
	const struct iom_tree_ops *ops;
	const struct iom_sys *sys;
	const char *name; /* for sentences: a path */
	int malformed;    /* the errno for that */
	void *blob;
};

/* ---- A flattened tree ------------------------------------------------------------------------- */

/* Read a file and check all of it; the end is iom_fdt_unload(). */
int iom_fdt_load(const struct iom_sys *sys, const char *path, struct iom_tree *tree);
void iom_fdt_unload(struct iom_tree *tree);

/*
 * The node of the function at a full address, and *own; or that of the nearest bridge above it, and
 * not *own.  -ENODEV if no host bridge leads there.
 */
int iom_fdt_find(const struct iom_tree *tree, const char *address, struct iom_node *node,
		 bool *own);

/* ---- The live tree ---------------------------------------------------------------------------- */

/*
 * The same, of a function that sysfs has.  -ENOENT, and no sentence, if neither it nor what lies
 * above it has a node.
 */
int iom_live_find(const struct iom_sys *sys, const char *address, struct iom_tree *tree,
		  struct iom_node *node, bool *own);

/* ---- What they say ---------------------------------------------------------------------------- */

/* A malformed tree: tree->malformed, and a sentence that names the property. */
int iom_tree_malformed(const struct iom_tree *tree, const struct iom_node *node, const char *name,
		       const char *what);

/* A property that must be whole cells if it is there: their number, or 0.  In host order. */
int iom_tree_cells(const struct iom_tree *tree, const struct iom_node *node, const char *name,
		   uint32_t *cells, size_t n);

/* Whether it is a PCI bridge's. */
int iom_tree_is_bridge(const struct iom_tree *tree, const struct iom_node *node);

/* What cannot be printed becomes ?: paths and names are for people to read, and hold anything. */
void iom_tree_clean(char *text);

/* The first string of a property, what cannot be printed replaced; "" if it has none. */
int iom_tree_string(const struct iom_tree *tree, const struct iom_node *node, const char *name,
		    char *text, size_t n);

/* Fill info from the node of the device, or of the nearest bridge; not size, source and sysfs. */
int iom_tree_describe(const struct iom_tree *tree, const struct iom_node *node, bool own,
		      const char *address, struct iom_tree_info *info);

/* What covers a function in a tree: part of the above. */
int iom_tree_iommu(const struct iom_tree *tree, const struct iom_node *node,
		   struct iom_tree_info *info);

/* The kernel's own name for the IOMMU of a function, and of what kind it is. */
int iom_tree_sysfs(const struct iom_sys *sys, const char *address, struct iom_tree_info *info);

/* iom_tree_read() and iom_tree_explain(), on another system. */
int iom_tree_read_on(const struct iom_sys *sys, const char *address,
		     const struct iom_tree_opts *opts, struct iom_tree_info *info);
int iom_tree_explain_on(const struct iom_sys *sys, const char *address,
			const struct iom_tree_opts *opts, char *buf, size_t n);

#endif
