// SPDX-License-Identifier: BSD-3-Clause
/* The running kernel's device tree: folders that are nodes, and files that are properties. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "error.h"
#include "tree.h"

#define BASE "/sys/firmware/devicetree/base"
#define DEVICES "/sys/bus/pci/devices/"

/* What a search may visit: thousands of processors with their caches have fewer. */
#define NODES_MAX 100000

#define FILE_MAX (sizeof(BASE) + IOM_TREE_PATH + 64)

static bool is_missing(int err)
{
	return err == -ENOENT || err == -ENOTDIR || err == -EISDIR || err == -EINVAL;
}

static int file_of(const char *path, const char *name, char file[FILE_MAX])
{
	int len = snprintf(file, FILE_MAX, BASE "%s/%s", strcmp(path, "/") ? path : "", name);

	return len < (int)FILE_MAX ? 0 : -ENAMETOOLONG;
}

static int live_property(const struct iom_tree *tree, const struct iom_node *node, const char *name,
			 void *buf, size_t n)
{
	char file[FILE_MAX];
	ssize_t ret;

	ret = file_of(node->path, name, file);
	if (ret < 0)
		return (int)ret;
	ret = tree->sys->read_file(tree->sys->ctx, file, buf, n);
	if (ret < 0)
		return is_missing((int)ret) ? -ENOENT : (int)ret;
	return (size_t)ret < n ? (int)ret : -EOVERFLOW;
}

static int live_parent(const struct iom_tree *tree, struct iom_node *node)
{
	char *slash = strrchr(node->path, '/');

	(void)tree;
	if (!slash || !slash[1])
		return -ENOENT;
	slash[slash == node->path] = '\0';
	return 0;
}

/* ---- A phandle's node: the kernel has no index that userspace can see -------------------------- */

struct search {
	const struct iom_tree *tree;
	uint32_t phandle;
	struct iom_node *node; /* where the search is; at last, what was found */
	unsigned int depth, visited;
	int error;
};

static bool has_phandle(struct search *search)
{
	static const char *const names[] = { "phandle", "linux,phandle", "ibm,phandle" };
	unsigned char value[5];
	size_t i;
	int ret;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		ret = live_property(search->tree, search->node, names[i], value, sizeof(value));
		if (ret == 4 && ((uint32_t)value[0] << 24 | (uint32_t)value[1] << 16 |
				 (uint32_t)value[2] << 8 | value[3]) == search->phandle)
			return true;
		if (ret < 0 && ret != -ENOENT && ret != -EOVERFLOW)
			search->error = ret;
	}
	return false;
}

static int look_below(struct search *search);

/* A name in a node's folder; 1 ends the search.  What is too long or too deep is no IOMMU. */
static int look_at(void *arg, const char *name)
{
	struct search *search = arg;
	char *path = search->node->path;
	size_t length = strlen(path), room = IOM_TREE_PATH - length;
	int ret = 0;

	if (search->depth == IOM_TREE_DEPTH || ++search->visited > NODES_MAX)
		return 0;
	if (snprintf(path + length, room, "%s%s", length > 1 ? "/" : "", name) < (int)room) {
		search->depth++;
		ret = look_below(search);
		search->depth--;
	}
	if (ret <= 0)
		path[length] = '\0';
	return ret;
}

static int look_below(struct search *search)
{
	char folder[FILE_MAX];
	int ret;

	ret = file_of(search->node->path, "", folder);
	if (ret < 0)
		return 0;
	folder[strlen(folder) - 1] = '\0';
	ret = iom_sys_list_dir(search->tree->sys, folder, look_at, search);
	if (ret == 1)
		return 1;
	if (ret < 0) {
		if (!is_missing(ret))
			search->error = ret;
		return 0; /* a property */
	}
	return has_phandle(search);
}

static int live_by_phandle(const struct iom_tree *tree, uint32_t phandle, struct iom_node *node)
{
	struct iom_node at = { .path = "/" };
	struct search search = { .tree = tree, .phandle = phandle, .node = &at };

	if (look_below(&search) != 1)
		return search.error ? iom_sysfs_error(BASE, search.error) : -ENOENT;
	*node = at;
	return 0;
}

static const struct iom_tree_ops live_ops = {
	.property = live_property,
	.parent = live_parent,
	.by_phandle = live_by_phandle,
};

/* ---- The node of a device ----------------------------------------------------------------------- */

/* What is behind a link, from the first occurrence of a word on; -ENOENT: there is no link. */
static int link_from(const struct iom_sys *sys, const char *link, const char *word, char *buf,
		     size_t n)
{
	char target[4096];
	const char *found;
	ssize_t len;

	len = sys->read_link(sys->ctx, link, target, sizeof(target) - 1);
	if (len < 0)
		return is_missing((int)len) ? -ENOENT : iom_sysfs_error(link, (int)len);
	target[len] = '\0';
	found = strstr(target, word);
	if (!found || strlen(found) >= n)
		return iom_error(-EIO, "%s points to '%.256s', where there is no %s", link, target,
				 word);
	memcpy(buf, found, strlen(found) + 1);
	return 0;
}

int iom_live_find(const struct iom_sys *sys, const char *address, struct iom_tree *tree,
		  struct iom_node *node, bool *own)
{
	char folder[1024], link[sizeof(folder) + 16], target[1024], *end;
	const char *path = target + strlen("/devicetree/base");
	int ret;

	snprintf(link, sizeof(link), DEVICES "%s", address);
	ret = link_from(sys, link, "/devices/", folder, sizeof(folder));
	if (ret < 0)
		return ret;
	*own = true;
	for (;;) {
		snprintf(link, sizeof(link), "/sys%s/of_node", folder);
		ret = link_from(sys, link, "/devicetree/base", target, sizeof(target));
		if (ret != -ENOENT)
			break;
		*own = false;
		end = strrchr(folder, '/');
		if (end - folder <= (ptrdiff_t)strlen("/devices"))
			return -ENOENT;
		*end = '\0';
	}
	if (ret < 0)
		return ret;
	*tree = (struct iom_tree){
		.ops = &live_ops,
		.sys = sys,
		.name = BASE,
		.malformed = -EIO,
	};
	if (strlen(path) >= sizeof(node->path))
		return iom_error(-EIO, "the node's path is longer than %zu bytes",
				 sizeof(node->path) - 1);
	strcpy(node->path, *path ? path : "/");
	return 0;
}
