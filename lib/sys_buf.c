// SPDX-License-Identifier: BSD-3-Clause
/* Memory for DMA: the part of the real table of system calls that needs huge pages and NUMA nodes. */
#include "sys_buf.h"

#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

#include "cancel.h"
#include "sys_file.h"

#ifdef HAVE_LIBNUMA
#include <numaif.h>
#endif

#ifndef MADV_POPULATE_WRITE /* Linux 5.14 */
#define MADV_POPULATE_WRITE 23
#endif

/* Of mmap() and of memfd_create() alike (linux/mman.h, linux/memfd.h): the page's logarithm. */
#define HUGE_SHIFT 26

/* Transparent huge pages are worth asking for. */
#define HUGE_LEAST (UINT64_C(2) << 20)

static unsigned int size_flag(uint64_t page)
{
	return (unsigned int)__builtin_ctzll(page) << HUGE_SHIFT;
}

/* ---- NUMA nodes ------------------------------------------------------------------------------ */

#ifdef HAVE_LIBNUMA

#define NODES 1024

/*
 * Containers may forbid the call (EPERM, ENOSYS): memory is then where it is touched first, as
 * iom_sys_linux_node_of() tells, if that is allowed.
 */
static int bind_to_node(void *pages, const struct iom_buf_want *want)
{
	const unsigned int bits = 8 * sizeof(long);
	unsigned long mask[NODES / (8 * sizeof(long))] = { 0 };
	int mode = want->strictly ? MPOL_BIND : MPOL_PREFERRED;

	if (want->node < 0)
		return 0;
	if (want->node >= NODES - 1)
		return -ENXIO;
	mask[(unsigned int)want->node / bits] = 1UL << (unsigned int)want->node % bits;
	if (!mbind(pages, want->length, mode, mask, NODES, 0) || errno == EPERM || errno == ENOSYS)
		return 0;
	/* nothing is left of the mask without nodes that have no memory, or are others' (cpuset(7)) */
	return errno == EINVAL ? -ENXIO : -errno;
}

static int node_of(void *va)
{
	int node = -ENOENT;

	return move_pages(0, 1, &va, NULL, &node, 0) < 0 ? -errno : node;
}

#else

static int bind_to_node(void *pages, const struct iom_buf_want *want)
{
	(void)pages;
	(void)want;
	return 0;
}

static int node_of(void *va)
{
	(void)va;
	return -EOPNOTSUPP;
}

#endif

int iom_sys_linux_node_of(void *ctx, const void *va)
{
	int ret, before = errno;

	(void)ctx;
	ret = node_of((void *)(uintptr_t)va);
	errno = before;
	return ret;
}

/* ---- Memory ---------------------------------------------------------------------------------- */

/* Private; the kernel aligns huge pages by itself. */
static int map_private(const struct iom_buf_want *want, void **pages)
{
	const size_t slack = want->page ? 0 : want->align;
	int flags = MAP_PRIVATE | MAP_ANONYMOUS;
	size_t before;
	char *p;

	if (want->page)
		flags |= MAP_HUGETLB | (int)size_flag(want->page);
	p = mmap(NULL, want->length + slack, PROT_READ | PROT_WRITE, flags, -1, 0);
	if (p == MAP_FAILED)
		return -errno;
	if (slack) {
		before = -(uintptr_t)p & (want->align - 1);
		if (before)
			munmap(p, before);
		munmap(p + before + want->length, slack - before);
		p += before;
	}
	if (madvise(p, want->length, MADV_DONTFORK) < 0) {
		int ret = -errno;

		munmap(p, want->length);
		return ret;
	}
	/* a kernel without them says EINVAL */
	if (!want->page && want->length >= HUGE_LEAST)
		(void)madvise(p, want->length, MADV_HUGEPAGE);
	*pages = p;
	return 0;
}

static int map_shared(const struct iom_buf_want *want, void **pages, int *fd)
{
	struct iom_file_part part = { .length = want->length, .align = want->align };
	unsigned int flags = MFD_CLOEXEC;
	int ret;

	if (want->page)
		flags |= MFD_HUGETLB | size_flag(want->page);
	part.fd = memfd_create("libiommu", flags);
	if (part.fd < 0)
		return -errno;
	do
		ret = ftruncate(part.fd, (off_t)want->length) < 0 ? -errno : 0;
	while (ret == -EINTR);
	if (!ret)
		ret = iom_sys_linux_map_file(NULL, &part, true, pages);
	if (ret < 0)
		close(part.fd);
	else
		*fd = part.fd;
	return ret;
}

/*
 * Of a pool's pages some were reserved for us, but perhaps none of this node's: better to be told now
 * than by a signal.  Before 5.14 the map is what tells.
 */
static int touch(void *pages, const struct iom_buf_want *want)
{
	int ret;

	if (!want->page)
		return 0;
	do
		ret = madvise(pages, want->length, MADV_POPULATE_WRITE);
	while (ret < 0 && errno == EINTR);
	return ret < 0 && errno != EINVAL ? -ENOMEM : 0;
}

static int alloc(const struct iom_buf_want *want, void **pages, int *fd)
{
	void *p = NULL;
	int ret, f = -1;

	ret = want->shared ? map_shared(want, &p, &f) : map_private(want, &p);
	if (ret < 0)
		return ret;
	ret = bind_to_node(p, want);
	if (!ret)
		ret = touch(p, want);
	if (ret < 0) {
		iom_sys_linux_free_buf(NULL, p, want->length, f);
		return ret;
	}
	*pages = p;
	*fd = f;
	return 0;
}

int iom_sys_linux_alloc_buf(void *ctx, const struct iom_buf_want *want, void **pages, int *fd)
{
	int ret, before = errno;
	IOM_NO_CANCEL;

	(void)ctx;
	ret = alloc(want, pages, fd);
	errno = before;
	return ret;
}

void iom_sys_linux_free_buf(void *ctx, void *pages, size_t length, int fd)
{
	int before = errno;
	IOM_NO_CANCEL;

	(void)ctx;
	munmap(pages, length);
	if (fd >= 0)
		close(fd);
	errno = before;
}
