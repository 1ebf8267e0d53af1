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

/* What a POWER machine has; rows can be for one kind only. */
struct contract_power {
	enum {
		ANY_POWER,
		POWERNV,
		PSERIES,
	} machine;
	uint64_t pgsizes;
	uint64_t dma32_size;
	uint64_t dma64_start; /* of the window that is not the default one, where it is not 0 */
	uint64_t huge_page;   /* of hugetlbfs; 0: there is none */
	/* Memory of two such pages; NULL: it cannot be had. */
	void *(*get_huge)(void *arg, uint64_t length);
	const char *other; /* a device of another group; or NULL */
	int other_group;
	bool warnings; /* calls that fill the kernel's log, and memory lost for good, may be made */
	bool crashes;  /* even those that crash a real kernel */
};

/* The machine that the rows run on, and what is expected of it in particular. */
struct contract_world {
	const struct iom_sys *sys;
	const char
		*address; /* of a device alone in its group, bound to vfio-pci, with nothing open */
	int group;
	const char *pair[2]; /* two other devices, alike but of one group; or NULL */
	int pair_group;
	unsigned int kernel; /* 612 is Linux 6.12 */
	bool type1;          /* it has VFIO's own containers */
	bool iommufd;        /* and iommufd, with the devices' own nodes */
	bool compat_only;    /* /dev/vfio/vfio is iommufd's */
	/*
	 * iommufd refuses this device: -EPERM to bind it (its interrupts are not isolated), -EINVAL
	 * to attach it (VT-d with first-stage tables only, before 6.13); 0: it does not.
	 */
	int refuses;
	uint64_t page_size;
	uint64_t pgsizes;   /* as GET_INFO says them */
	uint64_t alignment; /* of an IOAS that a device is attached to */
	const struct contract_range *ranges;
	size_t n_ranges;
	uint32_t entry_limit;
	const struct contract_power *power; /* NULL: it is no POWER machine */
	/* Set RLIMIT_MEMLOCK, and have CAP_IPC_LOCK or not. */
	void (*set_memlock)(void *arg, uint64_t bytes, bool ipc_lock);
	void *arg;
};

/* Told of each row that ran: what is empty if the kernel answered as expected. */
typedef void contract_report_fn(void *arg, const char *test, const char *row, const char *what);

/* The name of test n; NULL past the last. */
const char *contract_test(size_t n);

/* Why a test has no meaning there; NULL: it has. */
const char *contract_lacks(const struct contract_world *world, size_t n);

/* Run a test, each from a clean start.  All that it opens is closed. */
void contract_run(const struct contract_world *world, size_t n, contract_report_fn *report,
		  void *arg);

/* ---- Rows (rows_*.c) ------------------------------------------------------------------------ */

enum contract_op {
	OPEN_CONTAINER, /* into to */
	OPEN_GROUP,     /* into to */
	CLOSE,          /* fd */
	REQUEST,        /* ioctl number on fd, with arg flags */
	GET_STATUS,     /* of group fd; out: flags */
	SET_CONTAINER,  /* of group fd: descriptor to */
	UNSET_CONTAINER,
	SET_TYPE,    /* of fd: that of the case */
	DEVICE_FD,   /* of group fd into to, by the device's address and name behind it */
	DEVICE_INFO, /* of fd, with argsz more or less */
	GET_INFO,    /* of fd: everything in it is as the world says; out: entries in use */
	MAP,         /* on fd */
	UNMAP,       /* on fd; out: pages unmapped */
	MAP_MANY, /* one page and leave one free, up to the entry limit; answer: that of the next */
	DIRTY,    /* on fd; out: pages that are dirty */
	MEMLOCK,  /* size pages, and flags: CAP_IPC_LOCK or not */

	OPEN_IOMMUFD, /* into to */
	OPEN_COMPAT,  /* what is iommufd and a container, into to */
	OPEN_CDEV,    /* the device's own node, into to */
	BIND,         /* device fd to iommufd to, or number; out: the device's id */
	ATTACH,       /* device fd to id; out: the page table's */
	DETACH,       /* device fd */
	IOAS_ALLOC,   /* on fd; out: id */
	DESTROY,      /* on fd: id */
	RANGES,       /* on fd, of id, with room for size; out: how many there are, NO_RANGE: all */
	ALLOW,        /* on fd, in id: size at an IOVA, and a second range more; none of size 0 */
	IOAS_MAP,     /* on fd, in id; if flags do not fix it, the IOVA is the answer */
	IOAS_UNMAP,   /* on fd, in id; out, out_odd: pages and bytes unmapped */
	IOAS_COPY,    /* on fd, from id2 at BASE and more, to id */
	IOAS_FILE, /* as IOAS_MAP, of a file of 8 pages, from memory_pages on; fd: number if not 0 */
	OPTION,    /* number of id, operation flags; size_odd: the value; out: the value */
	VFIO_IOAS,   /* operation flags; id; out: id */
	COMPAT_INFO, /* GET_INFO of a container that is iommufd's; out: 1 if a device is attached */

	OPEN_OTHER,  /* POWER's other group, into to */
	TCE_INFO,    /* of fd: everything in it is as the world says */
	REGISTER,    /* on fd: memory */
	UNREGISTER,  /* on fd: memory */
	TCE_MAP,     /* as MAP */
	TCE_UNMAP,   /* as UNMAP; what is left in the argument is as it was */
	TCE_CREATE,  /* on fd: shift, levels, and a size of 2^bits and size_odd; out: is it at 0 */
	TCE_REMOVE,  /* on fd: that at an IOVA */
	EEH_OP,      /* on fd: operation flags; number: flags; id, id2: type and kind of error */
	LIMIT_BYTES, /* RLIMIT_MEMLOCK is size_odd, without CAP_IPC_LOCK */
};

/* Where descriptors are kept in a test. */
enum contract_slot {
	C, /* a container */
	G, /* the group */
	D, /* the device */
	C2,
	D2,
	I, /* an iommufd */
	I2,
	G2,
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
	ABOVE, /* the default window of a POWER machine: the first page behind it */
	FRESH, /* the first page of the window that was created last */
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
	HUGE_PAGES, /* two of POWER's huge pages */
	MEMORIES,
};

#define CONTRACT_RW_PAGES 64
#define CONTRACT_FILE_PAGES 8
#define NO_RANGE UINT64_MAX /* nothing is attached: no IOVA is reserved */

struct contract_row {
	const char *what;
	enum contract_op op;
	unsigned int from, below; /* kernels that the row is for; 0: no limit */
	enum contract_slot fd, to;
	unsigned long number;
	const char *name;
	enum {
		ALONE,
		FIRST,
		SECOND
	} device; /* and its group: the one, or of the pair */
	enum contract_anchor at;
	int64_t pages; /* IOVA behind at */
	uint64_t odd;  /* and bytes behind that */
	enum contract_memory memory;
	int64_t memory_pages;
	uint64_t memory_odd;
	uint64_t size; /* pages */
	uint64_t size_odd;
	uint32_t flags;
	uint32_t id, id2; /* of iommufd's objects */
	struct {
		int64_t pages; /* behind BASE */
		uint64_t size; /* pages */
	} more;
	int argsz;          /* more or less than the right one */
	unsigned char tail; /* the byte behind the struct, if argsz has room for it */
	int answer;         /* for calls that make a descriptor, 0 is any */
	uint64_t out, out_odd;
	bool told; /* of a refused UNMAP: out is told all the same */

	/* POWER */
	enum {
		ALWAYS,
		SMALL_PAGES, /* where the system's are of 4 KiB */
		LARGE_PAGES, /* where they are of 64 KiB */
	} when;
	unsigned int on; /* this kind of machine only; 0: both */
	unsigned int shift, bits, levels;
	enum {
		HARMLESS,
		WARNS,
		CRASHES,
	} harm;
};

struct contract_case {
	const char *name;
	enum {
		TYPE1,
		IOMMUFD,
		CDEV, /* that iommufd can attach, by its own node or its group's */
		REFUSAL_TO_BIND,
		REFUSAL_TO_ATTACH,
		POWER,
		POWER_PAIR, /* of groups */
		POWER_HUGE, /* pages */
		POWER_LOSS, /* of memory, or of a bridge, until the end or the next boot */
	} needs;
	enum {
		FROM_NOTHING,
		WITH_TYPE1,  /* container C, group G, device D, and SET_IOMMU of type */
		WITH_IOAS,   /* iommufd I, IOAS 1 */
		WITH_CDEV,   /* I, 1, device D, bound as 2, attached to page table 3 */
		WITH_COMPAT, /* as WITH_TYPE1, but C is an iommufd */
		WITH_OTHER,  /* WITH_TYPE1, and container C2 with POWER's other group G2 */
	} setup;
	unsigned long type;
	bool pair; /* it takes two devices of one group */
	const struct contract_row *rows;
	size_t n;
	enum {
		ANYWHERE,
		BELOW_TOP,
		AT_TOP, /* at 2^64 - 1 */
	} end;          /* of the last range, where the case makes sense */
};

extern const struct contract_case contract_type1_cases[];
extern const size_t contract_n_type1_cases;
extern const struct contract_case contract_iommufd_cases[];
extern const size_t contract_n_iommufd_cases;
extern const struct contract_case contract_cdev_cases[];
extern const size_t contract_n_cdev_cases;
extern const struct contract_case contract_compat_cases[];
extern const size_t contract_n_compat_cases;
extern const struct contract_case contract_pair_cases[];
extern const size_t contract_n_pair_cases;
extern const struct contract_case contract_spapr_cases[];
extern const size_t contract_n_spapr_cases;
extern const struct contract_case contract_eeh_cases[];
extern const size_t contract_n_eeh_cases;
extern const struct contract_case contract_window_cases[];
extern const size_t contract_n_window_cases;

#endif
