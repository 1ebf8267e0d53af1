// SPDX-License-Identifier: BSD-3-Clause
/* The table of system calls that a simulation answers. */
#include "sim/internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int table_open(void *ctx, const char *path, int flags)
{
	struct iom_sim *sim = ctx;
	const struct iom_sim_event event = { .call = IOM_SIM_OPEN, .path = path, .fd = -1 };
	int ret;

	(void)flags; /* nothing here can be written to, and every descriptor allows ioctls */
	if (iom_sim_begin(sim, &event, &ret))
		ret = iom_sim_files_open(sim, path);
	return (int)iom_sim_end(sim, ret);
}

static int table_close(void *ctx, int fd)
{
	struct iom_sim *sim = ctx;
	const struct iom_sim_event event = { .call = IOM_SIM_CLOSE, .fd = fd };
	int ret, closed;
	bool go;

	go = iom_sim_begin(sim, &event, &ret);
	closed = iom_sim_files_close(sim, fd);
	return (int)iom_sim_end(sim, go ? closed : ret);
}

static int table_ioctl(void *ctx, int fd, unsigned long request, void *arg)
{
	struct iom_sim *sim = ctx;
	const struct iom_sim_event event = {
		.call = IOM_SIM_IOCTL,
		.fd = fd,
		.request = request,
		.arg = arg,
	};
	struct sim_file *file;
	int ret;

	if (iom_sim_begin(sim, &event, &ret)) {
		file = iom_sim_files_find(sim, fd);
		ret = file ? iom_sim_vfio_ioctl(sim, file, request, arg) : -EBADF;
	}
	return (int)iom_sim_end(sim, ret);
}

static ssize_t show(struct iom_sim *sim, const struct sim_node *node, void *buf, size_t n)
{
	struct sim_text text;
	const char *from = text.buf;
	size_t length;

	if (node->kind == SIM_SHOW) {
		text.n = 0;
		node->show(sim, node->object, &text);
		length = text.n;
	} else if (node->text) {
		from = node->text;
		length = strlen(from);
	} else {
		return -EACCES;
	}
	if (length > n)
		length = n;
	memcpy(buf, from, length);
	return (ssize_t)length;
}

static ssize_t read_file(struct iom_sim *sim, const char *path, void *buf, size_t n)
{
	struct sim_node *node;
	int ret;

	ret = iom_sim_tree_find(sim, path, true, &node);
	if (ret)
		return ret;
	if (node->kind == SIM_TEXT || node->kind == SIM_SHOW)
		return show(sim, node, buf, n);
	return node->kind == SIM_DIR ? -EISDIR : -EINVAL;
}

static ssize_t table_read_file(void *ctx, const char *path, void *buf, size_t n)
{
	struct iom_sim *sim = ctx;
	const struct iom_sim_event event = { .call = IOM_SIM_READ_FILE, .path = path, .fd = -1 };
	ssize_t ret;
	int answer;

	if (iom_sim_begin(sim, &event, &answer))
		ret = read_file(sim, path, buf, n);
	else
		ret = answer;
	return iom_sim_end(sim, ret);
}

static ssize_t read_link(struct iom_sim *sim, const char *path, char *buf, size_t n)
{
	struct sim_node *node;
	int ret;

	ret = iom_sim_tree_find(sim, path, false, &node);
	if (ret)
		return ret;
	return node->kind == SIM_LINK ? show(sim, node, buf, n) : -EINVAL;
}

static ssize_t table_read_link(void *ctx, const char *path, char *buf, size_t n)
{
	struct iom_sim *sim = ctx;
	const struct iom_sim_event event = { .call = IOM_SIM_READ_LINK, .path = path, .fd = -1 };
	ssize_t ret;
	int answer;

	if (iom_sim_begin(sim, &event, &answer))
		ret = read_link(sim, path, buf, n);
	else
		ret = answer;
	return iom_sim_end(sim, ret);
}

/* All names of a folder, each with its NUL, the last one followed by an empty one. */
static int copy_names(struct iom_sim *sim, const char *path, char **names)
{
	struct sim_node *dir, *node;
	size_t length = 1;
	char *p;
	int ret;

	ret = iom_sim_tree_find(sim, path, true, &dir);
	if (ret)
		return ret;
	if (dir->kind != SIM_DIR)
		return -ENOTDIR;
	for (node = dir->child; node; node = node->next)
		length += strlen(node->name) + 1;
	p = malloc(length);
	if (!p)
		return -ENOMEM;
	*names = p;
	for (node = dir->child; node; node = node->next)
		if (node->error != -ENOENT)
			p = stpcpy(p, node->name) + 1;
	*p = '\0';
	return 0;
}

/* The names are handed out without the lock: who gets them may want to look at what they name. */
static int table_list_dir(void *ctx, const char *path, iom_sys_name_fn *name, void *arg)
{
	struct iom_sim *sim = ctx;
	const struct iom_sim_event event = { .call = IOM_SIM_LIST_DIR, .path = path, .fd = -1 };
	char *names = NULL;
	const char *p;
	int ret, stop = 0;

	if (iom_sim_begin(sim, &event, &ret))
		ret = copy_names(sim, path, &names);
	ret = (int)iom_sim_end(sim, ret);
	for (p = names; p && *p && !stop; p += strlen(p) + 1)
		stop = name(arg, p);
	free(names);
	return stop ? stop : ret;
}

static int table_alloc_pages(void *ctx, size_t length, void **pages)
{
	struct iom_sim *sim = ctx;
	const struct iom_sim_event event = { .call = IOM_SIM_ALLOC_PAGES, .fd = -1 };
	int ret;

	if (iom_sim_begin(sim, &event, &ret)) {
		ret = iom_sim_alloc_pages(sim, length, pages);
		if (!ret)
			sim->allocated_bytes += length;
	}
	return (int)iom_sim_end(sim, ret);
}

/* Files are real, as memory is; their pages are no smaller than those of the simulated kernel. */
static int table_file_info(void *ctx, int fd, struct iom_file_info *info)
{
	struct iom_sim *sim = ctx;
	const struct iom_sim_event event = { .call = IOM_SIM_FILE_INFO, .fd = fd };
	int ret;

	if (iom_sim_begin(sim, &event, &ret)) {
		ret = iom_sys_linux.file_info(iom_sys_linux.ctx, fd, info);
		if (!ret && info->page < sim->page_size)
			info->page = sim->page_size;
	}
	return (int)iom_sim_end(sim, ret);
}

static int table_map_file(void *ctx, const struct iom_file_part *part, bool writable, void **pages)
{
	struct iom_sim *sim = ctx;
	const struct iom_sim_event event = { .call = IOM_SIM_MAP_FILE, .fd = part->fd };
	int ret;

	if (iom_sim_begin(sim, &event, &ret)) {
		ret = iom_sys_linux.map_file(iom_sys_linux.ctx, part, writable, pages);
		if (!ret)
			sim->allocated_bytes += part->length;
	}
	return (int)iom_sim_end(sim, ret);
}

static int table_alloc_buf(void *ctx, const struct iom_buf_want *want, void **pages, int *fd)
{
	struct iom_sim *sim = ctx;
	const struct iom_sim_event event = { .call = IOM_SIM_ALLOC_BUF, .fd = -1 };
	int ret;

	if (iom_sim_begin(sim, &event, &ret))
		ret = iom_sim_alloc_buf(sim, want, pages, fd);
	return (int)iom_sim_end(sim, ret);
}

static void table_free_buf(void *ctx, void *pages, size_t length, int fd)
{
	struct iom_sim *sim = ctx;
	const struct iom_sim_event event = { .call = IOM_SIM_FREE_PAGES, .fd = -1 };
	int ret;

	iom_sim_begin(sim, &event, &ret);
	iom_sim_free_buf(sim, pages, length, fd);
	iom_sim_end(sim, 0);
}

static int table_node_of(void *ctx, const void *va)
{
	struct iom_sim *sim = ctx;
	const struct iom_sim_event event = { .call = IOM_SIM_NODE_OF, .fd = -1 };
	int ret;

	if (iom_sim_begin(sim, &event, &ret))
		ret = iom_sim_node_of(sim, va);
	return (int)iom_sim_end(sim, ret);
}

static void table_free_pages(void *ctx, void *pages, size_t length)
{
	struct iom_sim *sim = ctx;
	const struct iom_sim_event event = { .call = IOM_SIM_FREE_PAGES, .fd = -1 };
	int ret;

	iom_sim_begin(sim, &event, &ret);
	iom_sys_linux.free_pages(iom_sys_linux.ctx, pages, length);
	sim->allocated_bytes -= length;
	iom_sim_end(sim, 0);
}

/* Where memory is larger than the machine, permissions are all that counts: see sim_memory.c. */
static int table_populate(void *ctx, uintptr_t va, uint64_t length)
{
	struct iom_sim *sim = ctx;
	const struct iom_sim_event event = { .call = IOM_SIM_POPULATE, .fd = -1 };
	int ret;

	if (iom_sim_begin(sim, &event, &ret))
		ret = sim->memory == IOM_SIM_MEMORY_MAPS
			      ? 0
			      : iom_sys_linux.populate(iom_sys_linux.ctx, va, length);
	return (int)iom_sim_end(sim, ret);
}

/* Neither a call that can fail, nor one that is told of. */
static uint64_t table_now(void *ctx)
{
	(void)ctx;
	return iom_sys_linux.now(iom_sys_linux.ctx);
}

static int table_open_vmas(void *ctx)
{
	(void)ctx;
	return -EOPNOTSUPP;
}

static int table_find_vma(void *ctx, int fd, uint64_t addr, struct iom_vma *vma)
{
	struct iom_sim *sim = ctx;
	const struct iom_sim_event event = { .call = IOM_SIM_FIND_VMA, .fd = -1 };
	int ret;

	(void)fd;
	if (iom_sim_begin(sim, &event, &ret))
		ret = iom_sim_find_vma(sim, addr, vma);
	return (int)iom_sim_end(sim, ret);
}

void iom_sim_table_init(struct iom_sim *sim)
{
	sim->sys = (struct iom_sys){
		.ctx = sim,
		.open = table_open,
		.close = table_close,
		.ioctl = table_ioctl,
		.read_file = table_read_file,
		.read_link = table_read_link,
		.list_dir = table_list_dir,
		.alloc_pages = table_alloc_pages,
		.file_info = table_file_info,
		.map_file = table_map_file,
		.free_pages = table_free_pages,
		.populate = table_populate,
		.now = table_now,
		.open_vmas = table_open_vmas,
		.find_vma = table_find_vma,
		.alloc_buf = table_alloc_buf,
		.free_buf = table_free_buf,
		.node_of = table_node_of,
		.binds = true,
	};
}
