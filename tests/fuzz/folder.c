// SPDX-License-Identifier: BSD-3-Clause
/* Made-up files, as real ones below a folder. */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "files.h"

/*
 * Nothing may lead out of the folder, where a tool that runs as root could do harm.  Of a path: it
 * goes down only.  Of a link's target: up first, and no further than the folder, then down; and no
 * link lies behind another link.
 */
static bool goes_down(const char *path)
{
	size_t n;

	for (; *path; path += n) {
		path += strspn(path, "/");
		n = strcspn(path, "/");
		if (n == 2 && path[0] == '.' && path[1] == '.')
			return false;
	}
	return true;
}

static unsigned int depth_of(const char *path)
{
	unsigned int depth = 0;

	for (; *path; path++)
		depth += path[0] == '/' && path[1] && path[1] != '/';
	return depth;
}

static bool is_harmless(const struct fuzz_file *file)
{
	const char *target = file->data;
	unsigned int ups = 0;

	if (strlen(file->path) > 255 || !goes_down(file->path))
		return false;
	if (!file->link)
		return true;
	for (; !strncmp(target, "../", 3); target += 3)
		ups++;
	return strlen(file->data) < 512 && goes_down(target) && ups < depth_of(file->path);
}

static void make_folders(char *path, size_t from)
{
	char *slash;

	for (slash = path + from; (slash = strchr(slash + 1, '/'));) {
		*slash = '\0';
		(void)mkdir(path, 0700);
		*slash = '/';
	}
}

static bool has_links(char *path)
{
	char *slash = strrchr(path, '/'), *real;
	bool has;

	*slash = '\0';
	real = realpath(path, NULL);
	has = !real || strcmp(real, path) != 0;
	*slash = '/';
	free(real);
	return has;
}

static void make_link(const struct fuzz_file *file, const char *folder, char *path)
{
	char target[PATH_MAX];

	snprintf(target, sizeof(target), "%s%s", *file->data == '/' ? folder : "", file->data);
	if (!has_links(path))
		(void)!symlink(target, path);
}

static void make_file(const struct fuzz_file *file, const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW,
		      file->error ? 0 : 0600);

	if (fd < 0)
		return;
	(void)!write(fd, file->data, file->n);
	close(fd);
}

void fuzz_files_write(const struct fuzz_files *files, const char *folder)
{
	char path[PATH_MAX];
	size_t i, links;

	/* folders and files before there is any link that they could lie behind */
	for (links = 0; links < 2; links++)
		for (i = 0; i < files->n; i++) {
			const struct fuzz_file *file = &files->v[i];

			if (!is_harmless(file))
				continue;
			snprintf(path, sizeof(path), "%s%s", folder, file->path);
			if (!links)
				make_folders(path, strlen(folder));
			if (links && file->link)
				make_link(file, folder, path);
			else if (!links && !file->link)
				make_file(file, path);
		}
}

static int take_away(const char *path, const struct stat *st, int kind, struct FTW *at)
{
	(void)st;
	(void)kind;
	if (at->level)
		remove(path);
	return 0;
}

void fuzz_files_remove(const char *folder)
{
	nftw(folder, take_away, 16, FTW_DEPTH | FTW_PHYS);
}

static char own[PATH_MAX];

static void remove_own(void)
{
	fuzz_files_remove(own);
	rmdir(own);
}

/* In memory, if there is such a place: thousands of files are made and taken away again. */
const char *fuzz_files_folder(void)
{
	char here[PATH_MAX - 32];

	if (*own)
		return own;
	strcpy(own, "/dev/shm/libiommu-fuzz-XXXXXX");
	if (!mkdtemp(own)) {
		fuzz_holds(getcwd(here, sizeof(here)));
		snprintf(own, sizeof(own), "%s/fuzz-XXXXXX", here);
		fuzz_holds(mkdtemp(own));
	}
	atexit(remove_own);
	return own;
}

void fuzz_files_end(void)
{
	if (*own)
		remove_own();
}
