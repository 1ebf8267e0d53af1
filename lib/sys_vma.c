// SPDX-License-Identifier: BSD-3-Clause
/* What the kernel says of the process's mappings: by query since Linux 6.11, else from smaps. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "cancel.h"
#include "sys.h"

/* struct procmap_query and PROCMAP_QUERY of <linux/fs.h>, which older headers do not have. */
struct query {
	uint64_t size, flags, addr;
	uint64_t start, end, vma_flags, page_size, offset, inode;
	uint32_t dev_major, dev_minor, name_size, build_id_size;
	uint64_t name_addr, build_id_addr;
};

_Static_assert(sizeof(struct query) == 104, "struct procmap_query");

#define QUERY _IOWR('f', 17, struct query)

static int ask(int fd, uint64_t addr, struct iom_vma *vma)
{
	struct query query = { .size = sizeof(query), .addr = addr };

	if (ioctl(fd, QUERY, &query) < 0)
		return -errno;
	*vma = (struct iom_vma){ query.start, query.end, query.page_size };
	return 0;
}

static int open_maps(void)
{
	int fd;

	do
		fd = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
	while (fd < 0 && errno == EINTR);
	return fd < 0 ? -errno : fd;
}

static int open_and_ask(uint64_t addr, struct iom_vma *vma)
{
	int ret, fd;
	IOM_NO_CANCEL;

	fd = open_maps();
	if (fd < 0)
		return fd;
	ret = ask(fd, addr, vma);
	close(fd);
	return ret;
}

/*
 * Each mapping is a line with its range, and lines with what is to be said of it.  A name may make a
 * line longer than what is read at once.  A file that cannot be read to its end does not tell that
 * nothing is there.
 */
static int read_smaps(uint64_t addr, struct iom_vma *vma)
{
	uint64_t start, end, kib;
	bool inside = false, begins = true;
	char line[512];
	int ret = -ENOENT;
	FILE *file;
	IOM_NO_CANCEL;

	file = fopen("/proc/self/smaps", "re");
	if (!file)
		return -errno;
	errno = 0;
	for (; ret == -ENOENT && fgets(line, sizeof(line), file); begins = strchr(line, '\n')) {
		if (!begins)
			continue;
		if (sscanf(line, "%" SCNx64 "-%" SCNx64 " ", &start, &end) == 2) {
			inside = start <= addr && addr < end;
			vma->start = start;
			vma->end = end;
		} else if (inside && sscanf(line, "KernelPageSize: %" SCNu64, &kib) == 1) {
			/* what is no page's size is not to be reckoned with */
			if (!kib || kib & (kib - 1) || kib > UINT64_MAX >> 10)
				ret = -EIO;
			else
				ret = 0;
			vma->page_size = kib << 10;
		}
	}
	if (ret == -ENOENT && ferror(file))
		ret = errno ? -errno : -EIO;
	fclose(file);
	return ret;
}

int iom_sys_linux_open_vmas(void *ctx)
{
	int ret, fd, before = errno;
	struct iom_vma vma;
	IOM_NO_CANCEL;

	(void)ctx;
	fd = open_maps();
	/* the stack, where it is */
	ret = fd < 0 ? fd : ask(fd, (uintptr_t)&vma, &vma);
	if (fd >= 0 && ret < 0)
		close(fd);
	errno = before;
	if (ret == -ENOTTY || ret == -EINVAL)
		return -EOPNOTSUPP;
	return ret < 0 ? ret : fd;
}

int iom_sys_linux_find_vma(void *ctx, int fd, uint64_t addr, struct iom_vma *vma)
{
	int ret = -EBADF, before = errno;
	struct iom_vma found;

	(void)ctx;
	if (fd >= 0)
		ret = ask(fd, addr, &found);
	/* or it was closed behind our back, and may be another's now */
	if (ret == -EBADF || ret == -ENOTTY || ret == -EINVAL)
		ret = open_and_ask(addr, &found);
	if (ret == -ENOTTY || ret == -EINVAL)
		do
			ret = read_smaps(addr, &found);
		while (ret == -EINTR);
	if (!ret)
		*vma = found;
	errno = before;
	return ret;
}
