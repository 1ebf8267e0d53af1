/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * libiommu: tell the machine's IOMMU which memory a userspace driver's device may reach.
 *
 * A driver opens a domain (one I/O address space), attaches its device, maps memory, and gives the
 * device the I/O virtual addresses (IOVAs) that it gets back:
 *
 *	struct iom_domain *dom;
 *	struct iom_device *nvme;
 *	struct iom_region buf;
 *
 *	if (iom_open(&dom, NULL) < 0 ||
 *	    iom_attach(dom, "0000:01:00.0", NULL, &nvme) < 0 ||
 *	    iom_map(dom, mem, 64 << 20, IOM_MAP_RW, NULL, &buf) < 0)
 *		errx(1, "%s", iom_errmsg());
 *
 *	int fd = iom_device_fd(nvme);			the driver's: BARs, interrupts, reset
 *	cmd->prp1 = iom_region_iova(&buf, data);	one addition
 *
 * Units.  Addresses and lengths are bytes.  A range is (start, length), or (start, last) with both
 * ends included, because a range may end at 2^64 - 1.
 *
 * Errors.  Calls return 0 (or a count) on success and a negative errno on failure; out-parameters
 * are then untouched.  No IOVA is a sentinel: 0 and UINT64_MAX are legal.  Every call that fails
 * leaves one sentence in iom_errmsg(), except iom_translate() and iom_iova_to_va(), which belong to
 * the I/O path.  An errno means the same thing in every call:
 *
 *	-EINVAL      an argument is malformed, misaligned or contradicts another; or an unmap would
 *	             cut a mapping in two
 *	-E2BIG       an options struct has a non-zero member that this version does not know
 *	-ERANGE      the IOVA range is not one that all attached devices can reach: outside of every
 *	             aperture, across a hole, above a limit, or past the end of the address space
 *	-EEXIST      the memory, or the fixed IOVA range, is mapped already, in whole or in part
 *	-ENOENT      nothing is mapped there, or the region was unmapped before
 *	-ENOSPC      no free IOVA range is large enough, or the kernel's limit on the number of
 *	             mappings is reached
 *	-ENOMEM      no memory: RLIMIT_MEMLOCK is too small (the sentence has need and limit), or the
 *	             heap is exhausted
 *	-EFAULT      the memory is not there, or may not be accessed as asked (writing needs memory
 *	             that the process may write)
 *	-ENODEV      no such device, none attached, the device is gone, or no IOMMU covers it
 *	-EBUSY       somebody else holds it: a kernel driver, another process; or a live mapping is in
 *	             the way of an attach
 *	-EACCES      the process lacks a permission on a device node, or the kernel refuses the device
 *	             because its interrupts are not isolated
 *	-EPERM       the handle was opened by another process (this one is a forked child)
 *	-EOPNOTSUPP  the kernel or platform cannot do this
 *	-EIO         the kernel's answer contradicts its contract, or it refused to undo or to unmap;
 *	             what is left mapped is quarantined (see iom_unmap)
 *
 * Options.  An options struct begins with its own size (sizeof it); a NULL pointer, and every member
 * left zero, mean the default.  A shorter struct, from an older version of this header, is read as if
 * padded with zeros.
 *
 * Threads.  All calls are thread-safe, except that iom_close() and iom_detach() must not race other
 * uses of the handle that they end.  iom_translate() and iom_iova_to_va() take no lock and make no
 * system call.
 *
 * Fork.  Handles belong to the process that opened them.  In a forked child every call on them fails
 * with -EPERM, and iom_close() and iom_detach() do nothing.
 *
 * Manners.  The library never exits, aborts, prints (unless asked, see iom_open), touches signals or
 * limits, or leaves a descriptor that survives exec.  Two environment variables are read, neither in
 * set-uid programs: LIBIOMMU_BACKEND forces a backend, as iom_open_opts.backend does (which wins), and
 * LIBIOMMU_LOG (error, warn, info or debug) sends messages of that level and above to stderr.
 */
#ifndef LIBIOMMU_H
#define LIBIOMMU_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* An address as the device sees it. */
typedef uint64_t iom_iova_t;

/* One I/O address space: every device attached to it sees the same mappings. */
struct iom_domain;

/* A PCI function attached to a domain. */
struct iom_device;

/* The library's version, "MAJOR.MINOR.PATCH".  Static storage. */
const char *iom_version(void);

/*
 * The sentence that this thread's last failed call left: it names the object, the rule that failed
 * and what to do.  Never NULL; "" before the first failure.  Owned by the library, valid until the
 * thread's next failing call.
 */
const char *iom_errmsg(void);

/* ---- Domains ---------------------------------------------------------------------------------- */

enum iom_log_level {
	IOM_LOG_ERROR = 1, /* something is lost: a range was quarantined, a device is gone */
	IOM_LOG_WARN,      /* works, but not as well as it could */
	IOM_LOG_INFO,      /* attach, detach, the backend chosen and why */
	IOM_LOG_DEBUG,     /* each set-up step */
};

struct iom_open_opts {
	size_t size;         /* sizeof(struct iom_open_opts) */
	const char *backend; /* force this backend ("type1"); NULL: the best that works */
	/*
	 * Receives the library's messages, one line without a newline each, from any thread that calls
	 * the library, with internal locks held: it must not call the library.  NULL: none.
	 */
	void (*log)(void *arg, enum iom_log_level level, const char *message);
	void *log_arg; /* handed to log as it is */
};

/*
 * Open a domain.  Nothing is asked of the kernel until the first iom_attach(), which chooses the
 * backend.  The domain is the caller's and ends with iom_close().
 *
 * -EINVAL (opts->size is too small to be one, or there is no backend of that name), -E2BIG, -ENOMEM.
 */
int iom_open(struct iom_domain **dom, const struct iom_open_opts *opts);

/*
 * Close a domain, its devices and its mappings.  Device descriptors are closed first, so that the
 * kernel stops the devices before their memory goes.  Every region, device and pointer from the
 * library that belongs to the domain is dead afterwards.  NULL is ignored.
 *
 * A BAR that the driver still has mapped, or a duplicate of a device descriptor that it still holds,
 * keeps the kernel's group busy until it goes too; the log says so.
 */
void iom_close(struct iom_domain *dom);

/* The name of the backend in use ("type1"), or NULL before the first attach.  Static storage. */
const char *iom_backend(const struct iom_domain *dom);

/*
 * Why each backend was taken or passed over, the apertures and the limits, as text for a person: a
 * few lines, each ended by a newline.  Writes at most n bytes with the terminating NUL, and returns
 * the length of the whole text without it, like snprintf(); buf may be NULL if n is 0.
 *
 * -EPERM.
 */
int iom_explain(const struct iom_domain *dom, char *buf, size_t n);

/* ---- Devices ---------------------------------------------------------------------------------- */

struct iom_attach_opts {
	size_t size;       /* sizeof(struct iom_attach_opts) */
	uint64_t dma_bits; /* address bits that the device can drive, 12 to 64; 0: 64 */
};

/*
 * Attach the PCI function at address ("0000:01:00.0", or "01:00.0" in PCI domain 0) to the domain.
 * The function, and every other one of its IOMMU group, must be bound to vfio-pci (or to a variant
 * of it) or to no driver.
 *
 * One IOVA serves every device of a domain.  So an attach may narrow the domain's apertures, and
 * fails, with nothing changed, if it would cut a live mapping, through an aperture or dma_bits.  After
 * the last device was detached, the next attach maps again what was mapped.
 *
 * -EINVAL (not a PCI address; dma_bits; the device is attached already to this domain: -EBUSY),
 * -E2BIG, -ENODEV (no such device; no IOMMU covers it), -EBUSY (bound to a kernel driver; group not
 * viable; held by another process; a live mapping is in the way), -EACCES (device nodes; interrupts
 * not isolated), -EOPNOTSUPP (no backend works here), -ENOMEM, -EPERM, and any of iom_map() when
 * mappings are made again.
 */
int iom_attach(struct iom_domain *dom, const char *address, const struct iom_attach_opts *opts,
	       struct iom_device **dev);

/*
 * Detach a device and close its descriptor; dev is dead afterwards.  The domain's mappings stay
 * for its other devices, or for the next attach.  When it returns, the device can reach no memory
 * through this domain.  NULL is ignored.
 */
void iom_detach(struct iom_device *dev);

/*
 * The VFIO device descriptor: the driver's for BARs, config space, interrupts and reset.  The library
 * owns it and closes it at detach.  -EPERM.
 */
int iom_device_fd(const struct iom_device *dev);

/* The device's full PCI address, "0000:01:00.0".  Valid until detach. */
const char *iom_device_address(const struct iom_device *dev);

/* ---- Apertures -------------------------------------------------------------------------------- */

/* A range of IOVAs that can be mapped.  What lies between two apertures is a hole. */
struct iom_aperture {
	iom_iova_t start;
	iom_iova_t last;     /* the last byte, included */
	uint64_t page_sizes; /* bit n is set if the IOMMU has pages of 2^n bytes here */
	uint64_t flags;      /* none yet: 0 */
};

/*
 * The domain's apertures, ascending: what the kernel allows to all attached devices together.
 * dma_bits limits mappings further.  Fills at most n and returns how many there are; apertures may be
 * NULL if n is 0.  They change only by attach and detach.
 *
 * -ENODEV (none is attached), -EPERM.
 */
int iom_apertures(const struct iom_domain *dom, struct iom_aperture *apertures, size_t n);

/*
 * The smallest unit that can be mapped, a power of two: 4096 on most machines, but 64 KiB on many
 * arm64 and POWER kernels.  0 while no device is attached.
 */
uint64_t iom_page_size(const struct iom_domain *dom);

/* ---- Mappings --------------------------------------------------------------------------------- */

#define IOM_MAP_READ 0x1u  /* the device may read the memory */
#define IOM_MAP_WRITE 0x2u /* the device may write the memory; where the IOMMU cannot, also read it */
#define IOM_MAP_RW (IOM_MAP_READ | IOM_MAP_WRITE)
#define IOM_MAP_FIXED 0x4u /* at opts->iova, or not at all */
#define IOM_MAP_ALIAS 0x8u /* memory that may be mapped already; iom_translate() ignores this mapping */

struct iom_map_opts {
	size_t size;     /* sizeof(struct iom_map_opts) */
	iom_iova_t iova; /* with IOM_MAP_FIXED: where; else 0 */
	uint64_t limit;  /* the last IOVA that the mapping may use; 0: no limit but the devices' */
};

/*
 * A mapping, for the caller to keep by value.  Members are read-only to the caller.  It stays good
 * until the mapping is unmapped; after that iom_unmap() knows it for stale by its generation, even if
 * the same IOVA was mapped anew.
 */
struct iom_region {
	void *va;
	iom_iova_t iova;
	uint64_t length;
	uint64_t delta; /* iova - va, modulo 2^64 */
	uint64_t generation;
};

/*
 * Let the domain's devices reach length bytes of memory at va.  va, length and a fixed IOVA are
 * multiples of iom_page_size().  The memory is pinned: it must be there, it counts against
 * RLIMIT_MEMLOCK, and until it is unmapped here the device reaches these very pages, even after
 * munmap(): unmap here first.
 *
 * Without IOM_MAP_FIXED the library chooses an IOVA where the IOMMU can use its largest pages for the
 * range: never in page 0, above 4 GiB if there is room, else below, and never above opts->limit or
 * what the narrowest attached device can drive.
 *
 * region may be NULL if the caller does not keep it.
 *
 * -EINVAL (alignment, length 0, unknown flags, neither READ nor WRITE, opts->iova without
 * IOM_MAP_FIXED), -E2BIG, -ERANGE, -EEXIST, -ENOSPC, -ENOMEM, -EFAULT, -ENODEV (nothing attached),
 * -EIO, -EPERM.
 */
int iom_map(struct iom_domain *dom, void *va, uint64_t length, unsigned int flags,
	    const struct iom_map_opts *opts, struct iom_region *region);

/*
 * Unmap a region.  When it returns 0, the device cannot reach the memory any more, and the IOVA may be
 * given out again.
 *
 * If the kernel refuses (-EIO), the mapping's IOVA range is quarantined: translate does not know it
 * any more, it is not given out again before iom_close(), but the device may still reach the memory;
 * keep the memory until the device is detached.
 *
 * -EINVAL (region is NULL), -ENOENT (it was unmapped before), -EIO, -EPERM.
 */
int iom_unmap(struct iom_domain *dom, const struct iom_region *region);

/*
 * Unmap every mapping in an IOVA range.  The range must begin and end where mappings do, and have no
 * gap.
 *
 * -EINVAL (length 0, or a mapping would be cut), -ERANGE (past 2^64), -ENOENT (part of it is not
 * mapped), -EIO, -EPERM.  With the first three nothing was unmapped.
 */
int iom_unmap_range(struct iom_domain *dom, iom_iova_t iova, uint64_t length);

/*
 * Unmap everything.  -EIO (what could not be unmapped is quarantined; all else is unmapped), -EPERM.
 */
int iom_unmap_all(struct iom_domain *dom);

/* ---- The I/O path: no lock, no system call, no sentence ---------------------------------------- */

/* The IOVA of an address inside a region.  Nothing is checked. */
static inline iom_iova_t iom_region_iova(const struct iom_region *region, const void *va)
{
	return (uint64_t)(uintptr_t)va + region->delta;
}

/*
 * The IOVA of va, and how many of the length bytes from there are contiguous in IOVAs as well.  That
 * is a guaranteed minimum: at least the smallest of length, the bytes left in the mapping, and 2 MiB.
 * If it is less than length, ask again at va + *contiguous.
 *
 * A call that races the unmap of the same memory finds either the mapping or -ENOENT.
 *
 * -ENOENT (va is not mapped, other than as an alias), -EINVAL (length 0), -EPERM.
 */
int iom_translate(const struct iom_domain *dom, const void *va, uint64_t length, iom_iova_t *iova,
		  uint64_t *contiguous);

/* The other way round, aliases included: the address of the memory behind an IOVA. */
int iom_iova_to_va(const struct iom_domain *dom, iom_iova_t iova, uint64_t length, void **va,
		   uint64_t *contiguous);

/* ---- Counters --------------------------------------------------------------------------------- */

struct iom_counters {
	size_t size;                /* in: sizeof(struct iom_counters) */
	uint64_t mappings;          /* alive now */
	uint64_t mapped_bytes;      /* in them */
	uint64_t quarantined_bytes; /* see iom_unmap() */
	uint64_t kernel_maps;       /* calls into the kernel since iom_open() */
	uint64_t kernel_unmaps;
	uint64_t entry_limit;       /* kernel mappings that can be alive at once; UINT64_MAX: no limit */
	uint64_t entries_used;      /* of these */
};

/*
 * Read the counters into a struct of the size that the caller set; a longer one has its tail zeroed.
 * -EINVAL (counters->size), -EPERM.
 */
int iom_get_counters(const struct iom_domain *dom, struct iom_counters *counters);

#ifdef __cplusplus
}
#endif

#endif /* LIBIOMMU_H */
