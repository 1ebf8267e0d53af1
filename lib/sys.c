// SPDX-License-Identifier: BSD-3-Clause
#include "sys.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "cancel.h"
#include "sys_buf.h"
#include "sys_file.h"

#ifndef MADV_POPULATE_WRITE /* Linux 5.14 */
#define MADV_POPULATE_WRITE 23
#endif

/* A system call's answer, with errno put back to what it was before. */
static int answer(int ret, int before)
{
	if (ret < 0)
		ret = -errno;
	errno = before;
	return ret;
}

static int linux_open(void *ctx, const char *path, int flags)
{
	int fd, before = errno;
	IOM_NO_CANCEL;

	(void)ctx;
	do
		fd = open(path, flags | O_CLOEXEC);
	while (fd < 0 && errno == EINTR);
	return answer(fd, before);
}

/* Interrupted or not, the descriptor is gone, and its number may be another file's by now. */
static int linux_close(void *ctx, int fd)
{
	int before = errno;
	IOM_NO_CANCEL;

	(void)ctx;
	return answer(close(fd), before);
}

/*
 * EINTR is the caller's to see: SPAPR has it for what is no interruption (the hypervisor's H_PARAMETER),
 * and would have it for ever.
 */
static int linux_ioctl(void *ctx, int fd, unsigned long request, void *arg)
{
	int before = errno;

	(void)ctx;
	return answer(ioctl(fd, request, arg), before);
}

static ssize_t linux_read_file(void *ctx, const char *path, void *buf, size_t n)
{
	int fd, before = errno;
	size_t done = 0;
	ssize_t ret;
	IOM_NO_CANCEL;

	fd = linux_open(ctx, path, O_RDONLY);
	if (fd < 0)
		return fd;
	do {
		ret = read(fd, (char *)buf + done, n - done);
		if (ret < 0 && errno == EINTR)
			continue;
		if (ret <= 0)
			break;
		done += (size_t)ret;
	} while (done < n);
	ret = ret < 0 ? -errno : (ssize_t)done;
	close(fd);
	errno = before;
	return ret;
}

static ssize_t linux_read_link(void *ctx, const char *path, char *buf, size_t n)
{
	int before = errno;
	IOM_NO_CANCEL;

	(void)ctx;
	return answer((int)readlink(path, buf, n), before);
}

static int linux_list_dir(void *ctx, const char *path, iom_sys_name_fn *name, void *arg)
{
	int ret = 0, before = errno;
	struct dirent *entry;
	DIR *dir;
	IOM_NO_CANCEL;

	(void)ctx;
	dir = opendir(path);
	if (!dir)
		return answer(-1, before);
	while (!ret && (errno = 0, entry = readdir(dir)))
		if (strcmp(entry->d_name, ".") && strcmp(entry->d_name, ".."))
			ret = name(arg, entry->d_name);
	if (!ret && errno)
		ret = -errno;
	closedir(dir);
	errno = before;
	return ret;
}

/*
 * Large tables are mostly untouched: reserve no swap for them, and let no huge page fill them, but
 * from the size on where all will be used.
 */
static int linux_alloc_pages(void *ctx, size_t length, void **pages)
{
	int ret, before = errno;
	void *p;

	(void)ctx;
	p = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
		 -1, 0);
	if (p == MAP_FAILED)
		return answer(-1, before);
	ret = answer(madvise(p, length, MADV_WIPEONFORK), before);
	if (ret < 0) {
		munmap(p, length);
		return ret;
	}
	/* a kernel without huge pages says EINVAL */
	(void)madvise(p, length, length < IOM_SYS_DENSE ? MADV_NOHUGEPAGE : MADV_HUGEPAGE);
	errno = before;
	*pages = p;
	return 0;
}

static void linux_free_pages(void *ctx, void *pages, size_t length)
{
	(void)ctx;
	munmap(pages, length);
}

static int linux_populate(void *ctx, uintptr_t va, uint64_t length)
{
	int ret, before = errno;

	(void)ctx;
	do
		ret = madvise((void *)va, length, MADV_POPULATE_WRITE);
	while (ret < 0 && errno == EINTR);
	return answer(ret, before);
}

static uint64_t linux_now(void *ctx)
{
	struct timespec now;

	(void)ctx;
	clock_gettime(CLOCK_BOOTTIME, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec + 1;
}

const struct iom_sys iom_sys_linux = {
	.open = linux_open,
	.close = linux_close,
	.ioctl = linux_ioctl,
	.read_file = linux_read_file,
	.read_link = linux_read_link,
	.list_dir = linux_list_dir,
	.alloc_pages = linux_alloc_pages,
	.file_info = iom_sys_linux_file_info,
	.map_file = iom_sys_linux_map_file,
	.free_pages = linux_free_pages,
	.populate = linux_populate,
	.now = linux_now,
	.open_vmas = iom_sys_linux_open_vmas,
	.find_vma = iom_sys_linux_find_vma,
	.alloc_buf = iom_sys_linux_alloc_buf,
	.free_buf = iom_sys_linux_free_buf,
	.node_of = iom_sys_linux_node_of,
	.binds = IOM_SYS_BINDS,
};

int iom_sys_open(const struct iom_sys *sys, const char *path, int flags)
{
	return sys->open(sys->ctx, path, flags);
}

int iom_sys_close(const struct iom_sys *sys, int fd)
{
	return sys->close(sys->ctx, fd);
}

int iom_sys_ioctl(const struct iom_sys *sys, int fd, unsigned long request, void *arg)
{
	return sys->ioctl(sys->ctx, fd, request, arg);
}

int iom_sys_ioctl_int(const struct iom_sys *sys, int fd, unsigned long request, unsigned long arg)
{
	/* the kernel takes the number in the place of the pointer */
	return sys->ioctl(sys->ctx, fd, request, (void *)(uintptr_t)arg);
}

ssize_t iom_sys_read_text(const struct iom_sys *sys, const char *path, char *buf, size_t n)
{
	ssize_t len;

	len = sys->read_file(sys->ctx, path, buf, n - 1);
	if (len < 0)
		return len;
	while (len > 0 && strchr(" \t\r\n", buf[len - 1]))
		len--;
	buf[len] = '\0';
	return len;
}

int iom_sys_link_name(const struct iom_sys *sys, const char *path, char *buf, size_t n)
{
	char target[4096];
	const char *name;
	ssize_t len;

	len = sys->read_link(sys->ctx, path, target, sizeof(target) - 1);
	if (len < 0)
		return (int)len;
	target[len] = '\0';
	name = strrchr(target, '/');
	name = name ? name + 1 : target;
	if (strlen(name) >= n)
		return -ENAMETOOLONG;
	memcpy(buf, name, strlen(name) + 1);
	return 0;
}

int iom_sys_list_dir(const struct iom_sys *sys, const char *path, iom_sys_name_fn *name, void *arg)
{
	return sys->list_dir(sys->ctx, path, name, arg);
}
