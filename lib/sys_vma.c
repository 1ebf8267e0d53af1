// SPDX-License-Identifier: BSD-3-Clause
/* What the kernel says of the process's mappings: by query since Linux 6.11, else from smaps. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

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

static int ask(uint64_t addr, struct iom_vma *vma)
{
	struct query query = { .size = sizeof(query), .addr = addr };
	int fd, ret;

	fd = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	ret = ioctl(fd, QUERY, &query);
	if (ret < 0)
		ret = -errno;
	close(fd);
	if (ret < 0)
		return ret;
	*vma = (struct iom_vma){ query.start, query.end, query.page_size };
	return 0;
}

/*
 * Each mapping is a line with its range, and lines with what is to be said of it.  A name may make a
 * line longer than what is read at once.
 */
static int read_smaps(uint64_t addr, struct iom_vma *vma)
{
	uint64_t start, end, kib;
	bool inside = false, begins = true;
	char line[512];
	int ret = -ENOENT;
	FILE *file;

	file = fopen("/proc/self/smaps", "re");
	if (!file)
		return -errno;
	for (; ret < 0 && fgets(line, sizeof(line), file); begins = strchr(line, '\n')) {
		if (!begins)
			continue;
		if (sscanf(line, "%" SCNx64 "-%" SCNx64 " ", &start, &end) == 2) {
			inside = start <= addr && addr < end;
			vma->start = start;
			vma->end = end;
		} else if (inside && sscanf(line, "KernelPageSize: %" SCNu64, &kib) == 1) {
			vma->page_size = kib << 10;
			ret = 0;
		}
	}
	fclose(file);
	return ret;
}

int iom_sys_linux_find_vma(void *ctx, uint64_t addr, struct iom_vma *vma)
{
	int ret, before = errno;
	struct iom_vma found;

	(void)ctx;
	ret = ask(addr, &found);
	if (ret == -ENOTTY || ret == -EINVAL)
		ret = read_smaps(addr, &found);
	if (!ret)
		*vma = found;
	errno = before;
	return ret;
}
