// SPDX-License-Identifier: BSD-3-Clause
/* The tree of paths: folders, files, links and device nodes, in memory. */
#include "sim/internal.h"

#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void iom_sim_print(struct sim_text *text, const char *format, ...)
{
	size_t room = sizeof(text->buf) - text->n;
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(text->buf + text->n, room, format, args);
	va_end(args);
	if (n > 0)
		text->n += (size_t)n < room ? (size_t)n : room - 1;
}

static struct sim_node *find_child(const struct sim_node *dir, const char *name, size_t length)
{
	struct sim_node *node;

	for (node = dir->child; node; node = node->next)
		if (!strncmp(node->name, name, length) && !node->name[length])
			return node;
	return NULL;
}

static struct sim_node *add_child(struct sim_node *dir, enum sim_node_kind kind, const char *name,
				  size_t length)
{
	struct sim_node *node, **end;

	node = calloc(1, sizeof(*node) + length + 1);
	if (!node)
		return NULL;
	node->kind = kind;
	node->parent = dir;
	memcpy(node->name, name, length);
	for (end = &dir->child; *end; end = &(*end)->next)
		;
	*end = node;
	return node;
}

/* The node at a path, made of this kind if it is not there; the folders above it are made too. */
static struct sim_node *make_node(struct iom_sim *sim, enum sim_node_kind kind, const char *path)
{
	struct sim_node *at, *next;

	if (!sim->root) {
		sim->root = calloc(1, sizeof(*sim->root) + 1);
		if (!sim->root)
			return NULL;
	}
	at = sim->root;
	while (*path) {
		size_t length = strcspn(++path, "/");

		next = find_child(at, path, length);
		if (!next)
			next = add_child(at, path[length] ? SIM_DIR : kind, path, length);
		if (!next)
			return NULL;
		at = next;
		path += length;
	}
	return at;
}

static struct sim_node *add(struct iom_sim *sim, enum sim_node_kind kind, const char *text,
			    const char *format, va_list args) __attribute__((format(printf, 4, 0)));

static struct sim_node *add(struct iom_sim *sim, enum sim_node_kind kind, const char *text,
			    const char *format, va_list args)
{
	struct sim_node *node;
	char path[PATH_MAX];
	char *copy = NULL;

	vsnprintf(path, sizeof(path), format, args);
	if (text) {
		copy = strdup(text);
		if (!copy)
			goto failed;
	}
	node = make_node(sim, kind, path);
	if (!node)
		goto failed;
	free(node->text);
	node->text = copy;
	return node;

failed:
	free(copy);
	sim->tree_error = -ENOMEM;
	return NULL;
}

void iom_sim_tree_dir(struct iom_sim *sim, const char *path, ...)
{
	va_list args;

	va_start(args, path);
	add(sim, SIM_DIR, NULL, path, args);
	va_end(args);
}

void iom_sim_tree_text(struct iom_sim *sim, const char *text, const char *path, ...)
{
	va_list args;

	va_start(args, path);
	add(sim, SIM_TEXT, text, path, args);
	va_end(args);
}

void iom_sim_tree_show(struct iom_sim *sim, sim_show_fn *show, void *object, const char *path, ...)
{
	struct sim_node *node;
	va_list args;

	va_start(args, path);
	node = add(sim, SIM_SHOW, NULL, path, args);
	va_end(args);
	if (node) {
		node->show = show;
		node->object = object;
	}
}

void iom_sim_tree_node(struct iom_sim *sim, enum sim_node_kind kind, void *object, const char *path,
		       ...)
{
	struct sim_node *node;
	va_list args;

	va_start(args, path);
	node = add(sim, kind, NULL, path, args);
	va_end(args);
	if (node)
		node->object = object;
}

void iom_sim_tree_link(struct iom_sim *sim, const char *target, const char *path, ...)
{
	va_list args;

	va_start(args, path);
	add(sim, SIM_LINK, target, path, args);
	va_end(args);
}

void iom_sim_tree_relative(struct iom_sim *sim, const char *target, const char *path, ...)
{
	char from[PATH_MAX], text[PATH_MAX] = "";
	size_t i, common = 0;
	va_list args;

	va_start(args, path);
	vsnprintf(from, sizeof(from), path, args);
	va_end(args);
	for (i = 0; from[i] && from[i] == target[i]; i++)
		if (from[i] == '/')
			common = i + 1;
	for (i = common; from[i]; i++)
		if (from[i] == '/')
			strncat(text, "../", sizeof(text) - strlen(text) - 1);
	strncat(text, target + common, sizeof(text) - strlen(text) - 1);
	iom_sim_tree_link(sim, text, "%s", from);
}

int iom_sim_tree_status(struct iom_sim *sim)
{
	int ret = sim->tree_error;

	sim->tree_error = 0;
	return ret;
}

void iom_sim_tree_free(struct sim_node *node)
{
	struct sim_node *child, *next;

	if (!node)
		return;
	for (child = node->child; child; child = next) {
		next = child->next;
		iom_sim_tree_free(child);
	}
	free(node->text);
	free(node);
}

void iom_sim_tree_remove(struct iom_sim *sim, const char *path, ...)
{
	struct sim_node *at = sim->root, **link;
	char text[PATH_MAX];
	const char *p = text;
	va_list args;

	va_start(args, path);
	vsnprintf(text, sizeof(text), path, args);
	va_end(args);
	while (at && *p) {
		size_t length = strcspn(++p, "/");

		at = find_child(at, p, length);
		p += length;
	}
	if (!at || at == sim->root)
		return;
	for (link = &at->parent->child; *link != at; link = &(*link)->next)
		;
	*link = at->next;
	iom_sim_tree_free(at);
}

/* Walk a path from a folder; *node is where it ends.  No link here leads back to itself. */
static int walk(struct iom_sim *sim, struct sim_node *at, const char *path, bool follow,
		struct sim_node **node)
{
	int ret;

	if (*path == '/')
		at = sim->root;
	for (;;) {
		struct sim_node *child;
		size_t length;

		path += strspn(path, "/");
		if (!*path)
			break;
		if (at->kind != SIM_DIR)
			return -ENOTDIR;
		length = strcspn(path, "/");
		if (length == 1 && !strncmp(path, ".", length)) {
			child = at;
		} else if (length == 2 && !strncmp(path, "..", length)) {
			child = at->parent ? at->parent : at;
		} else {
			child = find_child(at, path, length);
			if (!child)
				return -ENOENT;
			if (child->error)
				return child->error;
		}
		path += length;
		if (child->kind == SIM_LINK && (*path || follow)) {
			ret = walk(sim, at, child->text, true, &child);
			if (ret)
				return ret;
		}
		at = child;
	}
	*node = at;
	return 0;
}

int iom_sim_tree_find(struct iom_sim *sim, const char *path, bool follow, struct sim_node **node)
{
	if (*path != '/') /* there is no working folder here */
		return -ENOENT;
	return walk(sim, sim->root, path, follow, node);
}

int iom_sim_tree_set_error(struct iom_sim *sim, const char *path, int error)
{
	const char *name = strrchr(path, '/');
	struct sim_node *dir, *node;
	char folder[PATH_MAX];
	int ret;

	if (!name)
		return -ENOENT;
	snprintf(folder, sizeof(folder), "/%.*s", (int)(name - path), path);
	ret = iom_sim_tree_find(sim, folder, true, &dir);
	if (ret)
		return ret;
	node = find_child(dir, name + 1, strlen(name + 1));
	if (!node)
		return -ENOENT;
	node->error = error;
	return 0;
}
