/* SPDX-License-Identifier: BSD-3-Clause */
/* A table of system calls that knows files, links and folders, and nothing else. */
#ifndef IOM_TEST_FAKE_FILES_H
#define IOM_TEST_FAKE_FILES_H

#include <errno.h>
#include <string.h>

#include "lib/sys.h"

/* The last one has no path. */
struct fake_file {
	const char *path;
	const char *text; /* a file's content, or a link's target; NULL: error is the answer */
	int error;
};

static const struct fake_file *fake_find(void *ctx, const char *path)
{
	const struct fake_file *file;

	for (file = ctx; file->path; file++)
		if (!strcmp(file->path, path))
			return file;
	return NULL;
}

static ssize_t fake_read(void *ctx, const char *path, void *buf, size_t n)
{
	const struct fake_file *file = fake_find(ctx, path);
	size_t len;

	if (!file)
		return -ENOENT;
	if (!file->text)
		return file->error;
	len = strlen(file->text) < n ? strlen(file->text) : n;
	memcpy(buf, file->text, len);
	return (ssize_t)len;
}

static ssize_t fake_read_link(void *ctx, const char *path, char *buf, size_t n)
{
	return fake_read(ctx, path, buf, n);
}

/* Each name once, in the order of the table, if names in one folder stand together there. */
static int fake_list(void *ctx, const char *path, iom_sys_name_fn *name, void *arg)
{
	const struct fake_file *file;
	size_t len = strlen(path);
	char last[64] = "";
	int ret = -ENOENT;

	for (file = ctx; file->path; file++) {
		const char *rest = file->path + len;
		char word[64] = "";

		if (!strcmp(file->path, path) && !file->text)
			return file->error;
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

static inline struct iom_sys fake_files(const struct fake_file *files)
{
	return (struct iom_sys){
		.ctx = (void *)(uintptr_t)files,
		.read_file = fake_read,
		.read_link = fake_read_link,
		.list_dir = fake_list,
	};
}

#endif
