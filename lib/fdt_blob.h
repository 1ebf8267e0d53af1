/* SPDX-License-Identifier: BSD-3-Clause */
/* What the files that use libfdt share. */
#ifndef IOM_FDT_BLOB_H
#define IOM_FDT_BLOB_H

#include "tree.h"

/* A property's value, with its length, or NULL. */
const void *iom_fdt_property(const void *blob, int offset, const char *name, size_t *length);

int iom_fdt_node(const struct iom_tree *tree, int offset, struct iom_node *node);

/* Nothing lies deeper than IOM_TREE_DEPTH, so that what follows may recurse. */
int iom_fdt_check_depth(const struct iom_tree *tree);

#endif
