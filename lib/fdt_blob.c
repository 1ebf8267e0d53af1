// SPDX-License-Identifier: BSD-3-Clause
/* A flattened device tree in a file.  It may be hostile: libfdt checks it before it is looked at. */
#include <errno.h>
#include <libfdt.h>
#include <stdlib.h>
#include <string.h>

#include "error.h"
#include "fdt_blob.h"

/* Those there are have 31 at most. */
#define PROPERTY_NAME_MAX 255

#define VERSION_LEAST 16

#define BLOB_MAX (UINT32_C(8) << 20) /* real ones have up to 2 MiB */
#define HEADER_SIZE ((int)sizeof(struct fdt_header))

const void *iom_fdt_property(const void *blob, int offset, const char *name, size_t *length)
{
	const void *value;
	int len;

	value = fdt_getprop(blob, offset, name, &len);
	*length = value ? (size_t)len : 0;
	return value;
}

int iom_fdt_node(const struct iom_tree *tree, int offset, struct iom_node *node)
{
	struct iom_node found = { .offset = offset };
	int ret;

	ret = fdt_get_path(tree->blob, offset, found.path, sizeof(found.path));
	if (ret < 0)
		return iom_error(tree->malformed, "%s: a node's path: %s", tree->name,
				 ret == -FDT_ERR_NOSPACE ? "it is too long" : fdt_strerror(ret));
	/* libfdt takes any name, and looks nodes up by offset */
	iom_tree_clean(found.path);
	*node = found;
	return 0;
}

static int blob_property(const struct iom_tree *tree, const struct iom_node *node, const char *name,
			 void *buf, size_t n)
{
	const void *value;
	size_t len;

	value = iom_fdt_property(tree->blob, node->offset, name, &len);
	if (!value)
		return -ENOENT;
	if (len >= n)
		return -EOVERFLOW;
	memcpy(buf, value, len);
	return (int)len;
}

static int blob_parent(const struct iom_tree *tree, struct iom_node *node)
{
	int offset = fdt_parent_offset(tree->blob, node->offset);

	return offset < 0 ? -ENOENT : iom_fdt_node(tree, offset, node);
}

static int blob_by_phandle(const struct iom_tree *tree, uint32_t phandle, struct iom_node *node)
{
	int offset = fdt_node_offset_by_phandle(tree->blob, phandle);

	return offset < 0 ? -ENOENT : iom_fdt_node(tree, offset, node);
}

static const struct iom_tree_ops blob_ops = {
	.property = blob_property,
	.parent = blob_parent,
	.by_phandle = blob_by_phandle,
};

static int cannot_read(const char *path, int err)
{
	switch (err) {
	case -EACCES:
	case -EPERM:
		return iom_error(-EACCES, "%s may not be read: %s", path, strerror(-err));
	case -ENOENT:
	case -ENOTDIR:
	case -EISDIR:
	case -ELOOP:
	case -ENAMETOOLONG:
		return iom_error(-EINVAL, "%s is no file: %s", path, strerror(-err));
	default:
		return iom_sysfs_error(path, err);
	}
}

/* The size that the header says, so that no more is read. */
static int total_size(const struct iom_sys *sys, const char *path, size_t *size)
{
	struct fdt_header header;
	ssize_t ret;

	ret = sys->read_file(sys->ctx, path, &header, HEADER_SIZE);
	if (ret < 0)
		return cannot_read(path, (int)ret);
	if (ret < HEADER_SIZE || fdt_magic(&header) != FDT_MAGIC)
		return iom_error(-EINVAL, "%s is no flattened device tree", path);
	if (fdt_totalsize(&header) > BLOB_MAX || fdt_totalsize(&header) < HEADER_SIZE)
		return iom_error(-EINVAL, "%s says that it has %u bytes: not from %d to %u", path,
				 fdt_totalsize(&header), HEADER_SIZE, BLOB_MAX);
	*size = fdt_totalsize(&header);
	return 0;
}

/* libfdt measures the name of each property that it passes: long ones would cost minutes. */
static bool has_long_name(const void *blob)
{
	const char *strings = (const char *)blob + fdt_off_dt_strings(blob);
	uint32_t i, run = 0;

	for (i = 0; i < fdt_size_dt_strings(blob) && run <= PROPERTY_NAME_MAX; i++)
		run = strings[i] ? run + 1 : 0;
	return run > PROPERTY_NAME_MAX;
}

static int check(const struct iom_tree *tree, size_t read)
{
	int ret = read < fdt_totalsize(tree->blob) ? -FDT_ERR_TRUNCATED
						   : fdt_check_header(tree->blob);

	/* before, the size of the strings is not in the header */
	if (!ret && fdt_version(tree->blob) < VERSION_LEAST)
		ret = -FDT_ERR_BADVERSION;
	if (!ret && has_long_name(tree->blob))
		return iom_error(-EINVAL, "%s has a property whose name is longer than %d bytes",
				 tree->name, PROPERTY_NAME_MAX);
	if (!ret)
		ret = fdt_check_full(tree->blob, read);
	if (ret < 0)
		return iom_error(-EINVAL, "%s is malformed: libfdt says %s", tree->name,
				 fdt_strerror(ret));
	return iom_fdt_check_depth(tree);
}

int iom_fdt_load(const struct iom_sys *sys, const char *path, struct iom_tree *tree)
{
	struct iom_tree loaded = {
		.ops = &blob_ops,
		.sys = sys,
		.name = path,
		.malformed = -EINVAL,
	};
	size_t size = 0;
	ssize_t ret;

	ret = total_size(sys, path, &size);
	if (ret < 0)
		return (int)ret;
	loaded.blob = malloc(size);
	if (!loaded.blob)
		return iom_error(-ENOMEM, "no memory for the %zu bytes of %s", size, path);
	ret = sys->read_file(sys->ctx, path, loaded.blob, size);
	ret = ret < 0 ? cannot_read(path, (int)ret) : check(&loaded, (size_t)ret);
	if (ret < 0) {
		free(loaded.blob);
		return (int)ret;
	}
	*tree = loaded;
	return 0;
}

void iom_fdt_unload(struct iom_tree *tree)
{
	free(tree->blob);
	tree->blob = NULL;
}
