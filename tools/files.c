// SPDX-License-Identifier: BSD-3-Clause
#include "files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "process.h"
#include "terminal.h"

static const char *root = "";

/* Nor does one that is no folder stand for the machine. */
int files_set_root(const char *dir)
{
	struct stat st;

	root = strcmp(dir, "/") ? dir : "";
	if (stat(dir, &st) < 0)
		return -errno;
	return S_ISDIR(st.st_mode) ? 0 : -ENOTDIR;
}

bool files_are_real(void)
{
	return !*root;
}

void files_full(char full[FILES_PATH], const char *path)
{
	snprintf(full, FILES_PATH, "%s%s", root, path);
}

/* What does not fit is no path of the kernel's. */
__attribute__((format(printf, 2, 0))) static void print_path(char full[FILES_PATH],
							     const char *format, va_list args)
{
	size_t used = (size_t)snprintf(full, FILES_PATH, "%s", root);

	if (used < FILES_PATH)
		vsnprintf(full + used, FILES_PATH - used, format, args);
}

#define PATH_OF(full, format)                        \
	do {                                         \
		va_list path_args;                   \
		va_start(path_args, format);         \
		print_path(full, format, path_args); \
		va_end(path_args);                   \
	} while (0)

bool files_exist(const char *format, ...)
{
	char full[FILES_PATH];

	PATH_OF(full, format);
	return access(full, F_OK) == 0;
}

/* Whether an open file is one below the root, by whichever links it was found. */
static bool is_below_root(int fd)
{
	char link[64], base[PATH_MAX], real[PATH_MAX];
	size_t n = realpath(root, base) ? strlen(base) : 0;
	ssize_t length;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	length = readlink(link, real, sizeof(real) - 1);
	if (!n || length < 0)
		return false;
	real[length] = '\0';
	return !strncmp(real, base, n) && real[n] == '/';
}

/*
 * A root that somebody else has made may have links to the real one's files, of which some devices do
 * something as soon as they are opened, and may have pipes: so a file is looked at first.  None out
 * of the root is written to.
 */
static int open_in_root(const char *full, int flags)
{
	int fd = -EXDEV, place = open(full, O_PATH | O_CLOEXEC);
	struct stat st;
	char link[64];

	if (place < 0)
		return -errno;
	if (fstat(place, &st) == 0 && S_ISREG(st.st_mode) &&
	    (flags == O_RDONLY || is_below_root(place))) {
		snprintf(link, sizeof(link), "/proc/self/fd/%d", place);
		fd = open(link, flags | O_CLOEXEC);
		if (fd < 0)
			fd = -errno;
	}
	close(place);
	return fd;
}

static int open_file(const char *full, int flags)
{
	int fd;

	if (*root)
		return open_in_root(full, flags);
	fd = open(full, flags | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

static int read_text(const char *full, char *text, size_t n)
{
	int fd = open_file(full, O_RDONLY);
	size_t done = 0;
	ssize_t got;

	if (fd < 0)
		return fd;
	while (done < n - 1 && (got = read(fd, text + done, n - 1 - done)) > 0)
		done += (size_t)got;
	close(fd);
	while (done && text[done - 1] == '\n')
		done--;
	text[done] = '\0';
	return 0;
}

int files_read(char *text, size_t n, const char *format, ...)
{
	char full[FILES_PATH];

	PATH_OF(full, format);
	return read_text(full, text, n);
}

int64_t files_number(int64_t fallback, const char *format, ...)
{
	char full[FILES_PATH], text[64], *end;
	long long value;

	PATH_OF(full, format);
	if (read_text(full, text, sizeof(text)) < 0)
		return fallback;
	errno = 0;
	value = strtoll(text, &end, 0);
	return end == text || *end || errno ? fallback : (int64_t)value;
}

int files_write(const char *text, const char *format, ...)
{
	char full[FILES_PATH];
	ssize_t done;
	int fd, ret;

	PATH_OF(full, format);
	fd = open_file(full, O_WRONLY);
	if (fd < 0)
		return fd;
	done = write(fd, text, strlen(text));
	ret = done < 0 ? -errno : 0;
	close(fd);
	return ret;
}

FILE *files_open(const char *format, ...)
{
	char full[FILES_PATH];
	FILE *file;
	int fd;

	PATH_OF(full, format);
	fd = open_file(full, O_RDONLY);
	if (fd < 0) {
		errno = -fd;
		return NULL;
	}
	file = fdopen(fd, "r");
	if (!file)
		close(fd);
	return file;
}

void files_link_name(char *name, size_t n, const char *format, ...)
{
	char full[FILES_PATH], target[PATH_MAX];
	const char *slash;
	ssize_t length;

	PATH_OF(full, format);
	length = readlink(full, target, sizeof(target) - 1);
	target[length < 0 ? 0 : length] = '\0';
	slash = strrchr(target, '/');
	snprintf(name, n, "%s", slash ? slash + 1 : target);
	terminal_clean(name);
}

int files_resolve(char path[FILES_PATH], const char *format, ...)
{
	char full[FILES_PATH], base[PATH_MAX], *real;
	size_t skip = 0, n;

	PATH_OF(full, format);
	real = realpath(full, NULL);
	if (!real)
		return -errno;
	/* the root's own path may have links, too; and a link may lead to what only begins like it */
	n = *root && realpath(root, base) ? strlen(base) : 0;
	if (n && !strncmp(real, base, n) && real[n] == '/')
		skip = n;
	snprintf(path, FILES_PATH, "%s", real + skip);
	free(real);
	return 0;
}

static int is_name(const struct dirent *entry)
{
	return strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
}

int files_list(const char *path, files_name_fn *fn, void *arg)
{
	struct dirent **entries;
	char full[FILES_PATH];
	int i, n, ret = 0;

	files_full(full, path);
	n = scandir(full, &entries, is_name, alphasort);
	if (n < 0)
		return -errno;
	for (i = 0; i < n; i++) {
		if (!ret)
			ret = fn(arg, entries[i]->d_name);
		free(entries[i]);
	}
	free(entries);
	return ret;
}

bool files_may_use(const char *path)
{
	char full[FILES_PATH];
	struct stat st;

	files_full(full, path);
	if (files_are_real())
		return faccessat(AT_FDCWD, full, R_OK | W_OK, AT_EACCESS) == 0;
	return stat(full, &st) == 0 && process_may_use(&st);
}
