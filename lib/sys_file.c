// SPDX-License-Identifier: BSD-3-Clause
/* Files as memory: the part of the real table of system calls that needs more than one of them. */
#include "sys_file.h"

#include <errno.h>
#include <linux/magic.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

/* The page size of a file's memory. */
static uint64_t page_of(const struct statfs *fs)
{
	if (fs->f_type == HUGETLBFS_MAGIC)
		return (uint64_t)fs->f_bsize;
	return (uint64_t)sysconf(_SC_PAGESIZE);
}

static int look(int fd, struct iom_file_info *info)
{
	struct statfs fs;
	struct stat st;

	if (fstat(fd, &st) < 0 || fstatfs(fd, &fs) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -EOPNOTSUPP;
	*info = (struct iom_file_info){ .size = (uint64_t)st.st_size, .page = page_of(&fs) };
	return 0;
}

int iom_sys_linux_file_info(void *ctx, int fd, struct iom_file_info *info)
{
	int ret, before = errno;

	(void)ctx;
	ret = look(fd, info);
	errno = before;
	return ret;
}

struct place {
	const struct iom_file_part *part;
	int prot;
};

/* At an address, if nothing else is there, or (NULL) anywhere. */
static int map(const struct place *place, void *at, char **mapped)
{
	const struct iom_file_part *part = place->part;
	int flags = MAP_SHARED | (at ? MAP_FIXED_NOREPLACE : 0);
	char *p;

	p = mmap(at, part->length, place->prot, flags, part->fd, (off_t)part->offset);
	if (p == MAP_FAILED)
		return -errno;
	if (at && p != at) { /* the flag is of Linux 4.17 */
		munmap(p, part->length);
		return -EEXIST;
	}
	*mapped = p;
	return 0;
}

/* An address with room behind it for the part, as it happens to be now. */
static int find_room(const struct iom_file_part *part, void **at)
{
	size_t length = part->length + part->align;
	char *p;

	p = mmap(NULL, length, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (p == MAP_FAILED)
		return -errno;
	munmap(p, length);
	*at = p + (-(uintptr_t)p & (part->align - 1));
	return 0;
}

/*
 * The kernel aligns to the file's own pages by itself.  For more, the room is free when the file is
 * put there, and another thread may have taken it: then again.  (MAP_FIXED into a reservation would
 * free it, too, before it fails.)
 */
static int map_aligned(const struct place *place, char **mapped)
{
	unsigned int tries;
	void *at = NULL;
	int ret;

	ret = map(place, NULL, mapped);
	if (ret < 0 || !((uintptr_t)*mapped & (place->part->align - 1)))
		return ret;
	munmap(*mapped, place->part->length);
	for (tries = 0; tries < 16; tries++) {
		ret = find_room(place->part, &at);
		if (!ret)
			ret = map(place, at, mapped);
		if (ret != -EEXIST)
			return ret;
	}
	return -ENOMEM;
}

int iom_sys_linux_map_file(void *ctx, const struct iom_file_part *part, bool writable, void **pages)
{
	const struct place place = { part, writable ? PROT_READ | PROT_WRITE : PROT_READ };
	int ret, before = errno;
	char *mapped = NULL;

	(void)ctx;
	ret = map_aligned(&place, &mapped);
	if (!ret && madvise(mapped, part->length, MADV_DONTFORK) < 0) {
		ret = -errno;
		munmap(mapped, part->length);
	}
	if (!ret)
		*pages = mapped;
	errno = before;
	return ret;
}
