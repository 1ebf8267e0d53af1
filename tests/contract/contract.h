/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The kernel contract: rows of kernel calls, right and wrong, in order, each with the answer that
 * Linux gives.  They go through a table of system calls (lib/sys.h), so the same rows run on the
 * simulated kernel and on a real one.  Where the two differ, the real kernel is right.
 */
#ifndef IOM_CONTRACT_H
#define IOM_CONTRACT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/sys.h"

struct contract_range {
	uint64_t start, last;
};

/* The machine that the rows run on, and what is expected of it in particular. */
struct contract_world {
	const struct iom_sys *sys;
	const char
		*address; /* of a device alone in its group, bound to vfio-pci, with nothing open */
	int group;
	unsigned int kernel; /* 612 is Linux 6.12 */
	uint64_t page_size;
	uint64_t pgsizes; /* as GET_INFO says them */
	const struct contract_range *ranges;
	size_t n_ranges;
	uint32_t entry_limit;
	/* Set RLIMIT_MEMLOCK, and have CAP_IPC_LOCK or not. */
	void (*set_memlock)(void *arg, uint64_t bytes, bool ipc_lock);
	void *arg;
};

/* Told of each row that ran: what is empty if the kernel answered as expected. */
typedef void contract_report_fn(void *arg, const char *test, const char *row, const char *what);

/* The name of test n; NULL past the last. */
const char *contract_test(size_t n);

/* Run a test, each from a clean start.  All that it opens is closed. */
void contract_run(const struct contract_world *world, size_t n, contract_report_fn *report,
		  void *arg);

/* ---- Rows (rows.c) -------------------------------------------------------------------------- */

enum contract_op {
	OPEN_CONTAINER, /* into to */
	OPEN_GROUP,     /* into to */
	CLOSE,          /* fd */
	REQUEST,        /* ioctl number on fd, with arg flags */
	GET_STATUS,     /* of group fd; out: flags */
	SET_CONTAINER,  /* of group fd: descriptor to */
	UNSET_CONTAINER,
	DEVICE_FD,   /* of group fd into to, by the device's address and name behind it */
	DEVICE_INFO, /* of fd, with argsz more or less */
	GET_INFO,    /* of fd: everything in it is as the world says; out: entries in use */
	MAP,         /* on fd */
	UNMAP,       /* on fd; out: pages unmapped */
	MAP_MANY, /* one page and leave one free, up to the entry limit; answer: that of the next */
	DIRTY,    /* on fd; out: pages that are dirty */
	MEMLOCK,  /* size pages, and flags: CAP_IPC_LOCK or not */
};

/* Where descriptors are kept in a test. */
enum contract_slot {
	C, /* a container */
	G, /* the group */
	D, /* the device */
	C2,
	D2,
	SLOTS,
	NO_FD = SLOTS, /* -1 */
};

/* Where IOVAs are counted from. */
enum contract_anchor {
	BASE,  /* 4 GiB, which all machines can map */
	ZERO,  /* the first page of the first range */
	HOLE,  /* the first page between two ranges */
	AFTER, /* the first page of the second range */
	LAST,  /* the last page of the last range */
	TOP,   /* the last page below 2^64 */
};

/* Where memory addresses are counted from. */
enum contract_memory {
	RW,         /* 64 pages, with unmapped ones behind them */
	RO,         /* pages that may be read only */
	WO,         /* written only, as far as the processor can tell the difference */
	NONE,       /* neither */
	FILE_PAGES, /* a file of one page, mapped further than it goes */
	NOWHERE,    /* address 0 */
	TOP_OF_VA,  /* the last page below 2^64 */
};

#define CONTRACT_RW_PAGES 64

struct contract_row {
	const char *what;
	enum contract_op op;
	unsigned int from, below; /* kernels that the row is for; 0: no limit */
	enum contract_slot fd, to;
	unsigned long number;
	const char *name;
	enum contract_anchor at;
	int64_t pages; /* IOVA behind at */
	uint64_t odd;  /* and bytes behind that */
	enum contract_memory memory;
	int64_t memory_pages;
	uint64_t memory_odd;
	uint64_t size; /* pages */
	uint64_t size_odd;
	uint32_t flags;
	int argsz;  /* more or less than the right one */
	int answer; /* for calls that make a descriptor, 0 is any */
	uint64_t out;
};

struct contract_case {
	const char *name;
	unsigned long type; /* SET_IOMMU of this first, device open: C, G and D; 0: from nothing */
	const struct contract_row *rows;
	size_t n;
	enum {
		ANYWHERE,
		BELOW_TOP,
		AT_TOP, /* at 2^64 - 1 */
	} end;          /* of the last range, where the case makes sense */
};

extern const struct contract_case contract_cases[];
extern const size_t contract_n_cases;

#endif
