/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A simulated kernel: the sysfs, /proc, /dev and VFIO calls that a user of an IOMMU makes, answered
 * in memory as Linux answers them, quirks included, and a device side that reads and writes memory
 * through what was mapped.  It stands behind the table of system calls (lib/sys.h), so the code
 * that runs on it is the code that runs on the real kernel.
 *
 *	struct iom_sim *sim;
 *
 *	iom_sim_create(NULL, &sim);	VT-d, and an NVMe drive at 0000:01:00.0
 *	run(iom_sim_sys(sim));		open, ioctl ... as on the real system
 *	iom_sim_dma_read(sim, "0000:01:00.0", iova, buf, n);
 *	iom_sim_destroy(sim);
 *
 * What is simulated: VFIO containers, groups, type1 (v1 and v2) and POWER's SPAPR TCE (v1 and v2),
 * as in Linux 6.1, 6.12, 6.13 and 7.2; iommufd, with its address spaces and its container calls,
 * and the devices' own nodes; device descriptors that answer GET_INFO and RESET, and -ENOTTY to all
 * else.  Not there: page tables made by hand (IOMMU_HWPT_ALLOC and its kin), GET_HW_INFO, PASIDs.
 * What is real: the memory.  MAP_DMA, IOAS_MAP and REGISTER_MEMORY look at the pages of this very
 * process, and the device reaches them; IOAS_MAP_FILE takes a descriptor of the real kernel, and
 * the device reaches that file.
 *
 * The machine and its kernel are described by a struct iom_sim_config, or changed while they run.
 * Installed as <libiommu/sim.h>, for programs that are linked with libiommu-sim; what it declares
 * may change with each version.
 *
 * All functions are thread-safe, except that iom_sim_destroy() must not race any other.  Those that
 * return int return 0 or a count, or a negative errno.  Descriptors are numbers that no real kernel
 * gives, so that one used with a real system call is -EBADF, and none is given twice in the life of
 * a simulation.  A simulation belongs to one process: a forked child has a copy of its own.
 */
#ifndef IOM_SIM_H
#define IOM_SIM_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct iom_sys;
struct iom_sim;

/* ---- The machine ---------------------------------------------------------------------------- */

/* A range of IOVAs that the group of a device cannot use. */
struct iom_sim_resv {
	uint64_t start, last;
	/*
	 * As sysfs says it: "direct", "direct-relaxable" (no obstacle to VFIO), "reserved", "msi".
	 */
	const char *type;
};

struct iom_sim_device {
	const char *address;             /* "0000:01:00.0" */
	int group;                       /* its IOMMU group; negative: no IOMMU covers it */
	const char *driver;              /* the driver that it is bound to; NULL: none */
	uint16_t vendor_id, device_id;   /* as in config space */
	uint32_t class_code;             /* 24 bits */
	const struct iom_sim_resv *resv; /* besides the platform's own */
	size_t n_resv;
	unsigned int iommu_bits; /* address width of the IOMMU in front of it; 0: the platform's */
	bool no_reset;           /* the device has no way to be reset */
	bool absent;             /* not plugged in yet: see iom_sim_plug() */
	/* "pseries": where the hypervisor puts the 64-bit window of its group; 0: at 2^59 */
	uint64_t dma64_start;
	uint64_t dma32_size; /* POWER: of the default window of its group; 0: the machine's */
};

/* How MAP_DMA finds out whether the memory is there and may be accessed. */
enum iom_sim_memory {
	/*
	 * madvise(MADV_POPULATE_READ or _WRITE): faults pages in with the access asked for, by the
	 * kernel's own page walk, without changing a byte; like pinning, it makes untouched memory
	 * take up room.
	 */
	IOM_SIM_MEMORY_POPULATE,
	/*
	 * /proc/self/maps: permissions only, for mappings far larger than the machine.  Blind to
	 * pages past the end of a file.
	 */
	IOM_SIM_MEMORY_MAPS,
};

#define IOM_SIM_UNLIMITED UINT64_MAX

struct iom_sim_config {
	size_t size;          /* sizeof(struct iom_sim_config) */
	const char *platform; /* see iom_sim_platform(); NULL: "x86-48" */
	unsigned int kernel;  /* 601, 612, 613 or 702; 0: 612 */
	uint64_t page_size;   /* 4096, 16384 or 65536; 0: 4096, on POWER 65536 */
	const struct iom_sim_device *devices;
	size_t n_devices; /* 0: "0000:01:00.0" and "0000:02:00.0", groups 14 and 15, on vfio-pci */
	uint32_t dma_entry_limit; /* type1's module parameter; 0: 65535 */
	uint64_t memlock;         /* RLIMIT_MEMLOCK in bytes; 0: 8 MiB */
	bool no_ipc_lock; /* the process lacks CAP_IPC_LOCK (and _SYS_RESOURCE): memlock counts */
	bool no_isolated_msi;   /* interrupts are not isolated */
	bool unsafe_interrupts; /* type1's module parameter allow_unsafe_interrupts */
	enum iom_sim_memory memory;
	bool iommufd;          /* the kernel has it (not 601): /dev/iommu, /dev/vfio/devices */
	bool no_cdev;          /* but not VFIO_DEVICE_CDEV: no /dev/vfio/devices */
	bool no_type1;         /* no VFIO_CONTAINER: no /dev/vfio/vfio */
	bool compat_container; /* /dev/vfio/vfio is iommufd's */
	bool iommufd_unsafe_interrupts; /* iommufd's module parameter allow_unsafe_interrupts */
	/*
	 * VT-d that has first stage tables only, of 47 bits.  iommufd can attach nothing behind it
	 * before 6.13.
	 */
	bool first_stage_only;
	uint64_t ram;           /* /proc/meminfo's MemTotal in bytes; 0: 4 GiB */
	uint64_t hugepage_size; /* its Hugepagesize; 0: 2 MiB, with the hash MMU 16 MiB */
	uint64_t n_hugepages;   /* its HugePages_Total */
	/* POWER */
	bool hash_mmu;           /* in place of the radix MMU */
	bool ddw_off;            /* "pseries": the bridges have no dynamic windows */
	uint64_t dma32_size;     /* of the default window; 0: 2 GiB on PowerNV, else 1 GiB */
	uint64_t tce_pgsizes;    /* those of windows; 0: as QEMU has them */
	uint64_t largest_window; /* "pseries": entries of a window at most; 0: 2^37 */
};

/*
 * The name of platform n ("x86-48", "x86-39", "x86-amd", "arm64-smmuv3", and of POWER "powernv",
 * "pseries", "pseries-vf"); NULL past the last.
 */
const char *iom_sim_platform(size_t n);

/*
 * Create a machine.  A NULL config means all defaults, and so does every member left zero.
 *
 * -EINVAL (unknown platform, kernel or page size; a device twice, or without a valid address),
 * -E2BIG (config is of a later version and says what this one does not know), -ENOMEM.
 */
int iom_sim_create(const struct iom_sim_config *config, struct iom_sim **sim);

/* Destroy it with all that is open or mapped in it.  NULL is ignored. */
void iom_sim_destroy(struct iom_sim *sim);

/* The system calls of this machine.  Lives as long as the simulation. */
const struct iom_sys *iom_sim_sys(struct iom_sim *sim);

/*
 * Change the machine while it runs.  -ENOENT: no such device, group or path.
 *
 * A device that is plugged in appears in sysfs, and its group with it if it is the first there.
 * The DMA of one that is pulled out is gone at once, its files and the group's node when its last
 * descriptor is closed.
 *
 * Binding is to another driver, or to none (NULL).  -EBUSY: the device is open, or the driver would
 * do DMA in a group that a container has.
 *
 * A group that another process holds is open there, as /proc shows; a device is bound there by its
 * own node.  comm NULL: it has let go.  -EBUSY: this process has the group or a device of it open.
 */
int iom_sim_plug(struct iom_sim *sim, const char *address);
int iom_sim_unplug(struct iom_sim *sim, const char *address);
int iom_sim_bind(struct iom_sim *sim, const char *address, const char *driver);
int iom_sim_hold_group(struct iom_sim *sim, int group, int pid, const char *comm);
int iom_sim_hold_device(struct iom_sim *sim, const char *address, int pid, const char *comm);

void iom_sim_set_memlock(struct iom_sim *sim, uint64_t bytes, bool ipc_lock);
void iom_sim_set_dma_entry_limit(struct iom_sim *sim, uint32_t limit); /* for the next SET_IOMMU */
void iom_sim_set_unsafe_interrupts(struct iom_sim *sim, bool on);      /* type1's */
void iom_sim_set_iommufd_unsafe_interrupts(struct iom_sim *sim, bool on); /* iommufd's */

/*
 * Every use of this path, or of one below it, fails with error: -EACCES, -EIO, or -ENOENT, which
 * also hides the name from its folder.  0 mends it.  What is open stays open.
 */
int iom_sim_path_error(struct iom_sim *sim, const char *path, int error);

/*
 * State that the memory of this process from va on has pages of page_size, as if hugetlbfs gave it;
 * for what asks for the size of pages, and for the kernel when memory is registered on POWER.  0:
 * those that it really has.  -EINVAL: page_size is no power of two, or less than the machine's
 * page; -ENOMEM.
 */
int iom_sim_set_backing(struct iom_sim *sim, const void *va, uint64_t length, uint64_t page_size);

/* The NUMA node that sysfs says the device is on; -1, as at the beginning: none.  -ENOENT. */
int iom_sim_set_numa_node(struct iom_sim *sim, const char *address, int node);

/*
 * So many huge pages of this size are on that node from now on, and sysfs shows them; for alloc_buf
 * only, whose memory then counts as of such pages.  A buffer's are all of one node.  -EINVAL (page is no
 * power of two, or no more than the machine's; node), -EBUSY (more are in use), -ENOMEM.
 */
int iom_sim_set_hugepages(struct iom_sim *sim, uint64_t page, int node, uint64_t n);
uint64_t iom_sim_free_hugepages(struct iom_sim *sim, uint64_t page, int node);

/* ---- The device side ------------------------------------------------------------------------ */

/*
 * What the device would read or write through the mappings of the container that has its group, or
 * of the IOAS that it is attached to,
 * page by page: -EFAULT at the first page that is not mapped, or not so; the bytes before it are
 * transferred, none after it.  -ENODEV: no such device, or it was unplugged.  Being behind the
 * IOMMU is all that counts, not an open descriptor: bus mastering is the device's own business.
 *
 * The memory is reached through the process's own mappings, so memory that was unmapped or
 * protected since MAP_DMA is -EFAULT here, where real hardware would still reach the pinned pages.
 */
int iom_sim_dma_read(struct iom_sim *sim, const char *address, uint64_t iova, void *buf, size_t n);
int iom_sim_dma_write(struct iom_sim *sim, const char *address, uint64_t iova, const void *buf,
		      size_t n);

/* Where such an access would go, and how many bytes from there are in the same mapping. */
int iom_sim_dma_target(struct iom_sim *sim, const char *address, uint64_t iova, bool write,
		       void **va, uint64_t *length);

struct iom_sim_fault {
	char address[16];
	uint64_t iova; /* the first byte refused */
	bool write;
};

/* How many accesses were refused so far; the last one in fault (may be NULL), untouched if none. */
unsigned int iom_sim_faults(struct iom_sim *sim, struct iom_sim_fault *fault);

/*
 * Each mapping of the container that has the device's group, or of the IOAS that it is attached to,
 * or on POWER, where there are none, each run of entries that shows memory in one piece, ascending;
 * a non-zero answer ends the walk with it.  map must not use the simulation.  va of a mapped file is
 * where the simulation has it.  -ENODEV.
 */
typedef int iom_sim_map_fn(void *arg, uint64_t iova, void *va, uint64_t length,
			   uint32_t vfio_flags);
int iom_sim_each_map(struct iom_sim *sim, const char *address, iom_sim_map_fn *map, void *arg);

/* ---- Failures ------------------------------------------------------------------------------- */

/* The functions of the table. */
enum iom_sim_call {
	IOM_SIM_OPEN,
	IOM_SIM_CLOSE, /* made to fail, it still closes, as Linux does */
	IOM_SIM_IOCTL,
	IOM_SIM_READ_FILE,
	IOM_SIM_READ_LINK,
	IOM_SIM_LIST_DIR,
	IOM_SIM_ALLOC_PAGES,
	IOM_SIM_FILE_INFO,
	IOM_SIM_MAP_FILE,
	IOM_SIM_POPULATE,
	IOM_SIM_FIND_VMA,
	IOM_SIM_ALLOC_BUF,
	IOM_SIM_NODE_OF,
	IOM_SIM_FREE_PAGES, /* and free_buf: cannot fail, and is in no total of calls that can */
	IOM_SIM_CALLS
};

struct iom_sim_failure {
	unsigned int nth;      /* the n-th matching call from now on, counted from 1 */
	int answer;            /* what it returns instead */
	unsigned int calls;    /* 1u << enum iom_sim_call of those that match, ored; 0: every one */
	unsigned long request; /* if not 0: ioctls with this request only */
	bool after;            /* fail after the call has done its work, else before */
	bool on;               /* all that follow fail as well */
};

/* Arm one failure, in place of any before it; NULL disarms. */
void iom_sim_fail(struct iom_sim *sim, const struct iom_sim_failure *failure);

/* The n-th call from now on, of any function that can fail, returns error and does nothing. */
void iom_sim_fail_nth(struct iom_sim *sim, unsigned int n, int error);

/* How many calls were made to fail since the last arming. */
unsigned int iom_sim_failed(struct iom_sim *sim);

/*
 * Kernels that are older, or built otherwise; and answers that no kernel should give.  Those about
 * GET_INFO are type1's: an iommufd that is used as a container does not have them.
 */
enum iom_sim_quirk {
	IOM_SIM_NO_TYPE1,      /* vfio_iommu_type1 is not there */
	IOM_SIM_NO_TYPE1V2,    /* only its v1 is */
	IOM_SIM_NO_UNMAP_ALL,  /* before 5.12 */
	IOM_SIM_NO_DMA_AVAIL,  /* before 5.10: no capability with the entries left */
	IOM_SIM_NO_CAPS,       /* before 5.4: GET_INFO has no capabilities */
	IOM_SIM_CAPS_CYCLE,    /* the chain's last capability points back to its first */
	IOM_SIM_CAPS_OUTSIDE,  /* the last one points past the end of the buffer */
	IOM_SIM_CAPS_EDGE,     /* the last one points so near to the end that no header fits */
	IOM_SIM_CAPS_CUT,      /* the last one says it has more ranges than fit */
	IOM_SIM_CAPS_ODD,      /* the chain starts at an odd offset */
	IOM_SIM_CAPS_UNKNOWN,  /* an unknown capability comes first */
	IOM_SIM_INFO_GROWS,    /* each GET_INFO needs 8 bytes more than the one before said */
	IOM_SIM_UNMAP_SHORT,   /* UNMAP_DMA, IOAS_UNMAP say one page less than they unmapped */
	IOM_SIM_UNMAP_NOTHING, /* they succeed, with size 0, and leave all as it was */
	IOM_SIM_RANGES_GROW,   /* IOVA_RANGES needs room for one more than there is */
	IOM_SIM_NO_SPAPR_V2, /* pSeries before 6.11: SPAPR_TCE_v2 is said to be there, and is not */
	/* pSeries before 6.14 and its stable kernels: EEH says that what works is stopped */
	IOM_SIM_NO_EEH_NORMAL,
	IOM_SIM_QUIRKS
};

#define IOM_SIM_ALWAYS UINT_MAX

/*
 * For the next so many calls that it concerns; 0: no more.  The NO_ ones are on as long as it is
 * not 0.
 */
void iom_sim_set_quirk(struct iom_sim *sim, enum iom_sim_quirk quirk, unsigned int times);

/* ---- What went on --------------------------------------------------------------------------- */

/* Calls made so far: all that can fail; of one function; ioctls with one request. */
unsigned int iom_sim_calls(struct iom_sim *sim);
unsigned int iom_sim_calls_of(struct iom_sim *sim, enum iom_sim_call call);
unsigned int iom_sim_ioctls(struct iom_sim *sim, unsigned long request);

/* One call of the table, when it ends. */
struct iom_sim_event {
	enum iom_sim_call call;
	const char *path;      /* given, or what /proc says of fd ("/dev/vfio/14"); or NULL */
	int fd;                /* given; else -1 */
	unsigned long request; /* of an ioctl */
	void *arg;             /* of an ioctl */
	long answer;
};

/* Be told of each call, in order; NULL: no more.  The function must not use the simulation. */
typedef void iom_sim_event_fn(void *arg, const struct iom_sim_event *event);
void iom_sim_watch(struct iom_sim *sim, iom_sim_event_fn *watch, void *arg);

/* What is left, each 0 after a clean end. */
unsigned int iom_sim_open_fds(struct iom_sim *sim);
uint64_t iom_sim_mapped_bytes(struct iom_sim *sim);    /* of all containers and IOASes */
uint64_t iom_sim_locked_bytes(struct iom_sim *sim);    /* counted against RLIMIT_MEMLOCK */
uint64_t iom_sim_pinned_bytes(struct iom_sim *sim);    /* by iommufd, counted or not */
uint64_t iom_sim_allocated_bytes(struct iom_sim *sim); /* from alloc_pages, map_file, alloc_buf */

/* ---- POWER ---------------------------------------------------------------------------------- */

/*
 * What the real kernel would have spent so far.  Registrations are a list, which each entry of a
 * window costs a walk or two; on pSeries the table is the hypervisor's, and each entry costs two
 * calls of it, be it empty or not.
 */
struct iom_sim_spapr_cost {
	uint64_t entries_set;     /* by MAP_DMA */
	uint64_t entries_cleared; /* that were not empty */
	uint64_t list_nodes;      /* visited */
	uint64_t hypercalls;      /* pSeries: to read and write entries */
	uint64_t flushes;         /* PowerNV: of the hardware's cache, one for each range */
};

void iom_sim_spapr_cost(struct iom_sim *sim, struct iom_sim_spapr_cost *cost);

/*
 * How often the kernel would have crashed: MAP_DMA over the end of a window, on 6.12 UNMAP_DMA as
 * well.  The first one ends the program with a message, unless the simulation is told to survive:
 * then the call is -EIO, and what came before the end is done.
 */
unsigned int iom_sim_spapr_crashes(struct iom_sim *sim);
void iom_sim_spapr_survive(struct iom_sim *sim, bool survive);

/*
 * Registrations that nobody can undo any more, because they were given up with entries that use
 * them: pinned, counted and in the way until the process ends.
 */
unsigned int iom_sim_spapr_leaks(struct iom_sim *sim);

/*
 * Whether a DMA fault freezes the group of the device, as real bridges do (EEH) and QEMU's do not:
 * it reaches no memory until VFIO_EEH_PE_OP thaws or resets it, or a device of it is opened or
 * closed.  At first it does not, and on pSeries the kernel then has no EEH at all (-ENODEV).
 */
void iom_sim_spapr_freezes(struct iom_sim *sim, bool on);

/*
 * The group of a device comes into this state (VFIO_EEH_PE_STATE_*) by a fault of the bus, or by
 * what the host does.  -EINVAL: there is no such state; -ENODEV.
 */
int iom_sim_spapr_set_state(struct iom_sim *sim, const char *address, int state);

/* ---- libiommu on it ------------------------------------------------------------------------- */

/* In libiommu-sim only. */

struct iom_domain;
struct iom_open_opts;

/* iom_open() on this machine, which must outlive the domain. */
int iom_sim_open(struct iom_sim *sim, struct iom_domain **dom, const struct iom_open_opts *opts);

/*
 * The machine that iom_open() of libiommu-sim has all its domains on: as the environment's
 * LIBIOMMU_SIM says when it is first needed, to the end of the process.  NULL, with a sentence in
 * iom_errmsg(): there is none such.
 */
struct iom_sim *iom_sim_machine(void);

#ifdef __cplusplus
}
#endif

#endif
