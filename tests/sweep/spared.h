/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The table of the simulated machine, whose own allocations are not the library's: a heap that refuses one
 * refuses it to the library.
 */
#ifndef IOM_TEST_SPARED_H
#define IOM_TEST_SPARED_H

#include "tests/unit/refused_heap.h"

static inline const struct iom_sys *kernel(void)
{
	return iom_sim_sys(rig.sim);
}

#define SPARED(type, call, params, ...)                                \
	static inline type spared_##call params                        \
	{                                                              \
		type answer;                                           \
                                                                       \
		(void)ctx;                                             \
		in_kernel = true;                                      \
		answer = kernel()->call(kernel()->ctx, ##__VA_ARGS__); \
		in_kernel = false;                                     \
		return answer;                                         \
	}

SPARED(int, open, (void *ctx, const char *path, int flags), path, flags)
SPARED(int, close, (void *ctx, int fd), fd)
SPARED(ssize_t, read_file, (void *ctx, const char *path, void *buf, size_t n), path, buf, n)
SPARED(ssize_t, read_link, (void *ctx, const char *path, char *buf, size_t n), path, buf, n)
SPARED(int, alloc_pages, (void *ctx, size_t length, void **pages), length, pages)
SPARED(int, file_info, (void *ctx, int fd, struct iom_file_info *info), fd, info)
SPARED(int, map_file, (void *ctx, const struct iom_file_part *part, bool writable, void **pages),
       part, writable, pages)
SPARED(int, populate, (void *ctx, uintptr_t va, uint64_t length), va, length)
SPARED(int, open_vmas, (void *ctx))
SPARED(int, find_vma, (void *ctx, int fd, uint64_t addr, struct iom_vma *vma), fd, addr, vma)
SPARED(int, alloc_buf, (void *ctx, const struct iom_buf_want *want, void **pages, int *fd), want,
       pages, fd)
SPARED(int, node_of, (void *ctx, const void *va), va)

static inline void spared_free_pages(void *ctx, void *pages, size_t length)
{
	(void)ctx;
	in_kernel = true;
	kernel()->free_pages(kernel()->ctx, pages, length);
	in_kernel = false;
}

static inline void spared_free_buf(void *ctx, void *pages, size_t length, int fd)
{
	(void)ctx;
	in_kernel = true;
	kernel()->free_buf(kernel()->ctx, pages, length, fd);
	in_kernel = false;
}

/* What is done with each name is the library's. */
struct listing {
	iom_sys_name_fn *name;
	void *arg;
};

static inline int take_name(void *arg, const char *name)
{
	struct listing *listing = arg;
	int ret;

	in_kernel = false;
	ret = listing->name(listing->arg, name);
	in_kernel = true;
	return ret;
}

static inline int spared_list_dir(void *ctx, const char *path, iom_sys_name_fn *name, void *arg)
{
	struct listing listing = { name, arg };
	int ret;

	(void)ctx;
	in_kernel = true;
	ret = kernel()->list_dir(kernel()->ctx, path, take_name, &listing);
	in_kernel = false;
	return ret;
}

/* After the machine is there. */
static inline void spare_all(void)
{
	spare_the_kernel(); /* ioctl */
	rig.sys.open = spared_open;
	rig.sys.close = spared_close;
	rig.sys.read_file = spared_read_file;
	rig.sys.read_link = spared_read_link;
	rig.sys.list_dir = spared_list_dir;
	rig.sys.alloc_pages = spared_alloc_pages;
	rig.sys.file_info = spared_file_info;
	rig.sys.map_file = spared_map_file;
	rig.sys.free_pages = spared_free_pages;
	rig.sys.populate = spared_populate;
	rig.sys.open_vmas = spared_open_vmas;
	rig.sys.find_vma = spared_find_vma;
	rig.sys.alloc_buf = spared_alloc_buf;
	rig.sys.free_buf = spared_free_buf;
	rig.sys.node_of = spared_node_of;
}

#endif
