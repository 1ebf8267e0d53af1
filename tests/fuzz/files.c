// SPDX-License-Identifier: BSD-3-Clause
#include "files.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- The text -------------------------------------------------------------------------------- */

static size_t add_cells(char *to, const char *text)
{
	size_t n = 0;
	char *end;

	for (;; text = end) {
		unsigned long cell = strtoul(text, &end, 16);

		if (end == text)
			return n;
		to[n++] = (char)(cell >> 24);
		to[n++] = (char)(cell >> 16);
		to[n++] = (char)(cell >> 8);
		to[n++] = (char)cell;
	}
}

static size_t add_strings(char *to, const char *text)
{
	size_t n = 0, length;

	while ((text = strchr(text, '"'))) {
		length = strcspn(++text, "\"");
		memcpy(to + n, text, length);
		to[n + length] = '\0';
		n += length + 1;
		text += length + (text[length] == '"');
	}
	return n;
}

/* What a line says of a path; the room is four times the text's, which is enough for any. */
static void add_file(struct fuzz_files *files, char *line, char **room)
{
	struct fuzz_file *file = &files->v[files->n];
	char *rest = line + strcspn(line, " ");

	if (files->n == FUZZ_FILES)
		return;
	*file = (struct fuzz_file){ .path = line, .data = *room };
	/* addresses have colons, too */
	if (!*rest && rest[-1] == ':') {
		rest[-1] = '\0';
		files->n++;
	}
	if (!*rest)
		return;
	*rest++ = '\0';
	switch (*rest) {
	case '=':
		file->n = (size_t)sprintf(file->data, "%s\n", rest + 1 + (rest[1] == ' '));
		break;
	case '<':
		file->n = add_cells(file->data, rest + 1);
		break;
	case '"':
		file->n = add_strings(file->data, rest);
		break;
	case '-':
		file->link = true;
		rest += strcspn(rest, ">");
		rest += strspn(rest, "> ");
		file->n = (size_t)sprintf(file->data, "%s", rest);
		++*room; /* for its NUL */
		break;
	case '!':
		file->error = -(int)(strtoul(rest + 1, NULL, 10) % 134);
		file->error = file->error ? file->error : -EIO;
		break;
	default:
		return;
	}
	*room += file->n;
	files->n++;
}

static void add_line(struct fuzz_files *files, const char *line, char **room)
{
	struct fuzz_file *last = files->n ? &files->v[files->n - 1] : NULL;

	if (!last || last->data + last->n != *room || last->link || last->error)
		return;
	*room += sprintf(*room, "%s\n", line);
	last->n = (size_t)(*room - last->data);
}

static void add_words(struct fuzz_files *files, char *line)
{
	char *word;

	while (files->n_words < FUZZ_WORDS && (word = strsep(&line, " ")))
		if (*word)
			files->words[files->n_words++] = word;
}

void fuzz_files_read(struct fuzz_files *files, const uint8_t *data, size_t n)
{
	char *line, *next, *room;

	*files = (struct fuzz_files){ .text = calloc(n + 1, 1), .ends = calloc(4 * n + 64, 1) };
	fuzz_holds(files->text && files->ends);
	memcpy(files->text, data, n);
	room = files->ends;
	for (next = files->text; (line = strsep(&next, "\n"));) {
		if (*line == '/')
			add_file(files, line, &room);
		else if (*line == '\t')
			add_line(files, line + 1, &room);
		else if (*line == '>')
			add_words(files, line + 1);
		else if (*line == '$' && strchr(line, '=') && files->n_environment < FUZZ_WORDS)
			files->environment[files->n_environment++] = line + 1 + (line[1] == ' ');
	}
}

void fuzz_files_free(struct fuzz_files *files)
{
	free(files->text);
	free(files->ends);
}

/* ---- As a table of system calls -------------------------------------------------------------- */

/* Whether it lies below the folder: what follows the folder's path and a slash, or NULL. */
static const char *below(const char *path, const char *folder)
{
	size_t n = strlen(folder);

	return !strncmp(path, folder, n) && path[n] == '/' ? path + n + 1 : NULL;
}

static const struct fuzz_file *find(struct fuzz_files *files, const char *path, int *error)
{
	size_t i;

	*error = -ENOENT;
	for (i = 0; i < files->n; i++) {
		if (!strcmp(files->v[i].path, path)) {
			*error = files->v[i].error;
			return *error ? NULL : &files->v[i];
		}
		if (below(files->v[i].path, path))
			*error = -EISDIR;
	}
	return NULL;
}

static ssize_t give(const struct fuzz_file *file, void *buf, size_t n)
{
	n = n < file->n ? n : file->n;
	memcpy(buf, file->data, n);
	return (ssize_t)n;
}

static ssize_t read_file(void *ctx, const char *path, void *buf, size_t n)
{
	const struct fuzz_file *file;
	int error;

	file = find(ctx, path, &error);
	return file ? give(file, buf, n) : error;
}

static ssize_t read_link(void *ctx, const char *path, char *buf, size_t n)
{
	const struct fuzz_file *file;
	int error;

	file = find(ctx, path, &error);
	if (!file)
		return error == -EISDIR ? -EINVAL : error;
	return file->link ? give(file, buf, n) : -EINVAL;
}

static bool is_listed(const struct fuzz_files *files, size_t n, const char *folder,
		      const char *name, size_t length)
{
	const char *rest;

	while (n--) {
		rest = below(files->v[n].path, folder);
		if (rest && strcspn(rest, "/") == length && !strncmp(rest, name, length))
			return true;
	}
	return false;
}

static int list_dir(void *ctx, const char *path, iom_sys_name_fn *name, void *arg)
{
	struct fuzz_files *files = ctx;
	int error, ret;
	size_t i;

	if (find(files, path, &error))
		return -ENOTDIR;
	if (error != -EISDIR)
		return error;
	for (i = 0; i < files->n; i++) {
		const char *rest = below(files->v[i].path, path);
		char word[256] = "";
		size_t length;

		length = rest ? strcspn(rest, "/") : 0;
		/* as the kernel's names are */
		if (!length || length >= sizeof(word) || is_listed(files, i, path, rest, length) ||
		    (rest[0] == '.' && (length == 1 || (length == 2 && rest[1] == '.'))))
			continue;
		memcpy(word, rest, length);
		ret = name(arg, word);
		if (ret)
			return ret;
	}
	return 0;
}

struct iom_sys fuzz_files_sys(struct fuzz_files *files)
{
	return (struct iom_sys){
		.ctx = files,
		.read_file = read_file,
		.read_link = read_link,
		.list_dir = list_dir,
	};
}
