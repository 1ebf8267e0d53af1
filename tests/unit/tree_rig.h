/* SPDX-License-Identifier: BSD-3-Clause */
/* A table of system calls that knows binary files, links and folders: for device trees. */
#ifndef IOM_TEST_TREE_RIG_H
#define IOM_TEST_TREE_RIG_H

#include <errno.h>
#include <string.h>

#include "lib/sys.h"
#include "lib/tree.h"

/* A file's bytes or a link's target; or an error.  The last one has no path. */
struct tree_file {
	const char *path;
	const void *data;
	size_t length;
	int error;
};

#define TREE_DEVICES "/sys/bus/pci/devices/"
#define TREE_BASE "/sys/firmware/devicetree/base"

/* A literal with its zeros, a text, and what cannot be read. */
#define TREE_BYTES(path, bytes)                   \
	{                                         \
		path, bytes, sizeof(bytes) - 1, 0 \
	}
#define TREE_TEXT(path, text)               \
	{                                   \
		path, text, sizeof(text), 0 \
	}
#define TREE_LINK(path, target)                     \
	{                                           \
		path, target, sizeof(target) - 1, 0 \
	}
#define TREE_ERROR(path, error)      \
	{                            \
		path, NULL, 0, error \
	}
#define TREE_END                 \
	{                        \
		NULL, NULL, 0, 0 \
	}

static inline ssize_t tree_rig_read(void *ctx, const char *path, void *buf, size_t n)
{
	const struct tree_file *file;

	for (file = ctx; file->path; file++) {
		if (strcmp(file->path, path))
			continue;
		if (!file->data)
			return file->error;
		n = n < file->length ? n : file->length;
		memcpy(buf, file->data, n);
		return (ssize_t)n;
	}
	return -ENOENT;
}

static inline ssize_t tree_rig_read_link(void *ctx, const char *path, char *buf, size_t n)
{
	return tree_rig_read(ctx, path, buf, n);
}

/* As fake_files.h: each name once, if names in one folder stand together. */
static inline int tree_rig_list(void *ctx, const char *path, iom_sys_name_fn *name, void *arg)
{
	const struct tree_file *file;
	size_t len = strlen(path);
	char last[64] = "";
	int ret = -ENOENT;

	for (file = ctx; file->path; file++) {
		const char *rest = file->path + len;
		char word[64] = "";

		if (!strcmp(file->path, path))
			return file->data ? -ENOTDIR : file->error;
		if (strncmp(file->path, path, len) || *rest != '/')
			continue;
		strncat(word, rest + 1, strcspn(rest + 1, "/"));
		ret = 0;
		if (!strcmp(word, last))
			continue;
		strcpy(last, word);
		ret = name(arg, word);
		if (ret)
			return ret;
	}
	return ret;
}

static inline struct iom_sys tree_rig(const struct tree_file *files)
{
	return (struct iom_sys){
		.ctx = (void *)(uintptr_t)files,
		.read_file = tree_rig_read,
		.read_link = tree_rig_read_link,
		.list_dir = tree_rig_list,
	};
}

#endif
