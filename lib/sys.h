/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The table of system calls.  Everything that libiommu asks of the kernel goes through one of
 * these, given when the domain is opened, so that the same code runs on the real system, on the
 * simulated kernel, and under a test that fails the n-th call.
 *
 * Every function returns a negative errno on failure.  ctx is the table's own.
 */
#ifndef IOM_SYS_H
#define IOM_SYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* One name in a folder, "." and ".." left out; a non-zero answer ends the listing with it. */
typedef int iom_sys_name_fn(void *arg, const char *name);

struct iom_file_info {
	uint64_t size;
	uint64_t page; /* the size of the pages of its memory */
};

/* A part of a file, all of it in whole pages, and what its address is to be a multiple of. */
struct iom_file_part {
	int fd;
	uint64_t offset;
	size_t length;
	uint64_t align; /* a power of two, no less than a page of the file's */
};

/* Memory for DMA, and where it is to be. */
struct iom_buf_want {
	size_t length;  /* of whole pages */
	uint64_t page;  /* of hugetlb; 0: the system's */
	uint64_t align; /* a power of two, no less than a page */
	int node;       /* NUMA node, or -1: anywhere */
	bool strictly;  /* there, or not at all */
	bool shared;    /* a memfd */
};

/* A mapping of the process: [start, end), and the size of the pages behind it. */
struct iom_vma {
	uint64_t start, end, page_size;
};

#define IOM_SYS_DENSE (UINT64_C(8) << 20)

struct iom_sys {
	void *ctx;
	/* A descriptor; O_CLOEXEC is added to flags. */
	int (*open)(void *ctx, const char *path, int flags);
	int (*close)(void *ctx, int fd);
	/* The kernel's non-negative answer.  arg may carry a number where the request takes one. */
	int (*ioctl)(void *ctx, int fd, unsigned long request, void *arg);
	/* At most n bytes of a whole small file; the number of bytes. */
	ssize_t (*read_file)(void *ctx, const char *path, void *buf, size_t n);
	/* A link's target, cut at n bytes, not terminated; the number of bytes. */
	ssize_t (*read_link)(void *ctx, const char *path, char *buf, size_t n);
	/* 0, or what a name function answered. */
	int (*list_dir)(void *ctx, const char *path, iom_sys_name_fn *name, void *arg);
	/*
	 * Zeroed private memory of whole pages, reserved but not touched, empty in a forked child.
	 * From IOM_SYS_DENSE bytes on, all of it will be used: of huge pages, if there are any.
	 */
	int (*alloc_pages)(void *ctx, size_t length, void **pages);
	/* -EOPNOTSUPP: it is no regular file. */
	int (*file_info)(void *ctx, int fd, struct iom_file_info *info);
	/* Memory that is a part of a file, shared with it; not there in a forked child. */
	int (*map_file)(void *ctx, const struct iom_file_part *part, bool writable, void **pages);
	/* The end of either. */
	void (*free_pages)(void *ctx, void *pages, size_t length);
	/* Fault in memory for writing, as a first touch does; -EINVAL: before Linux 5.14. */
	int (*populate)(void *ctx, uintptr_t va, uint64_t length);
	/* Nanoseconds of a clock that never stands still or goes back; not 0. */
	uint64_t (*now)(void *ctx);
	/* A descriptor that makes find_vma cheap while it is open; -EOPNOTSUPP: none does. */
	int (*open_vmas)(void *ctx);
	/* The mapping that addr lies in, or -ENOENT.  fd: the descriptor, or negative. */
	int (*find_vma)(void *ctx, int fd, uint64_t addr, struct iom_vma *vma);
	/*
	 * Zeroed memory, not there in a forked child, touched if its pages are huge; *fd is the
	 * memfd, or -1.  -ENOMEM: too few such pages are free; -EINVAL: there are none of this size;
	 * -ENXIO: there is no such node, or none of its memory is for this process.
	 */
	int (*alloc_buf)(void *ctx, const struct iom_buf_want *want, void **pages, int *fd);
	/* Its end, and its memfd's. */
	void (*free_buf)(void *ctx, void *pages, size_t length, int fd);
	/* The NUMA node of the page at va, which was touched. */
	int (*node_of)(void *ctx, const void *va);
	bool binds; /* alloc_buf knows nodes */
};

/* The real one. */
extern const struct iom_sys iom_sys_linux;
int iom_sys_linux_open_vmas(void *ctx);
int iom_sys_linux_find_vma(void *ctx, int fd, uint64_t addr, struct iom_vma *vma);

int iom_sys_open(const struct iom_sys *sys, const char *path, int flags);
int iom_sys_close(const struct iom_sys *sys, int fd);
int iom_sys_ioctl(const struct iom_sys *sys, int fd, unsigned long request, void *arg);

/* An ioctl whose argument is a number. */
int iom_sys_ioctl_int(const struct iom_sys *sys, int fd, unsigned long request, unsigned long arg);

/* A small file as a string, cut at n - 1 bytes, trailing white space removed; its length. */
ssize_t iom_sys_read_text(const struct iom_sys *sys, const char *path, char *buf, size_t n);

/* The last component of a link's target ("vfio-pci" of ".../drivers/vfio-pci"). */
int iom_sys_link_name(const struct iom_sys *sys, const char *path, char *buf, size_t n);

int iom_sys_list_dir(const struct iom_sys *sys, const char *path, iom_sys_name_fn *name, void *arg);

#endif
