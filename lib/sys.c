// SPDX-License-Identifier: BSD-3-Clause
#include "sys.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

static int linux_open(void *ctx, const char *path, int flags)
{
	int fd;

	(void)ctx;
	fd = open(path, flags | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

static int linux_close(void *ctx, int fd)
{
	(void)ctx;
	return close(fd) < 0 ? -errno : 0;
}

static int linux_ioctl(void *ctx, int fd, unsigned long request, void *arg)
{
	int ret;

	(void)ctx;
	ret = ioctl(fd, request, arg);
	return ret < 0 ? -errno : ret;
}

static ssize_t linux_read_file(void *ctx, const char *path, void *buf, size_t n)
{
	size_t done = 0;
	ssize_t ret;
	int fd;

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
	return ret;
}

static ssize_t linux_read_link(void *ctx, const char *path, char *buf, size_t n)
{
	ssize_t ret;

	(void)ctx;
	ret = readlink(path, buf, n);
	return ret < 0 ? -errno : ret;
}

static int linux_list_dir(void *ctx, const char *path, iom_sys_name_fn *name, void *arg)
{
	struct dirent *entry;
	int ret = 0;
	DIR *dir;

	(void)ctx;
	dir = opendir(path);
	if (!dir)
		return -errno;
	while (!ret && (errno = 0, entry = readdir(dir)))
		if (strcmp(entry->d_name, ".") && strcmp(entry->d_name, ".."))
			ret = name(arg, entry->d_name);
	if (!ret && errno)
		ret = -errno;
	closedir(dir);
	return ret;
}

static int linux_populate(void *ctx, void *va, size_t length)
{
	(void)ctx;
	return madvise(va, length, MADV_POPULATE_WRITE) < 0 ? -errno : 0;
}

/* Large tables are mostly untouched: reserve no swap for them, and let no huge page fill them. */
static int linux_alloc_pages(void *ctx, size_t length, void **pages)
{
	void *p;
	int ret;

	(void)ctx;
	p = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
		 -1, 0);
	if (p == MAP_FAILED)
		return -errno;
	if (madvise(p, length, MADV_WIPEONFORK) < 0) {
		ret = -errno;
		munmap(p, length);
		return ret;
	}
	(void)madvise(p, length, MADV_NOHUGEPAGE); /* a kernel without huge pages says EINVAL */
	*pages = p;
	return 0;
}

static void linux_free_pages(void *ctx, void *pages, size_t length)
{
	(void)ctx;
	munmap(pages, length);
}

const struct iom_sys iom_sys_linux = {
	.open = linux_open,
	.close = linux_close,
	.ioctl = linux_ioctl,
	.read_file = linux_read_file,
	.read_link = linux_read_link,
	.list_dir = linux_list_dir,
	.populate = linux_populate,
	.alloc_pages = linux_alloc_pages,
	.free_pages = linux_free_pages,
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
