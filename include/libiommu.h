/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * libiommu: tell the machine's IOMMU which memory a userspace driver's device may reach.
 *
 * A driver opens a domain (one I/O address space), attaches its device, maps memory, and gives the
 * device the I/O virtual addresses (IOVAs) that it gets back:
 *
 *	struct iom_domain *dom = NULL;
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
 * are then untouched, and errno is left as it was.  No IOVA is a sentinel: 0 and UINT64_MAX are
 * legal.  Every call that fails leaves one sentence in iom_errmsg(), except those of the I/O
 * path: the translations, iom_dma_map(), iom_dma_unmap(), iom_buf_get() and iom_buf_put().  Handles,
 * out-parameters and strings must not be NULL unless the call says so.  An errno means the same
 * thing in every call:
 *
 *	-EINVAL      an argument is malformed, misaligned or contradicts another; or an unmap would
 *	             cut a mapping where it must not
 *	-E2BIG       an options struct has a non-zero member that this version does not know
 *	-ERANGE      the IOVA range is not one that all attached devices can reach: outside of every
 *	             aperture, across a hole, above a limit, past the end of the address space; the
 *	             call would fail if nothing were mapped, too
 *	-EEXIST      the memory is mapped in this domain already, other than as an alias; or the fixed
 *	             IOVA range is mapped, quarantined or requested; in whole or in part
 *	-ENOENT      nothing is mapped there, or the region was unmapped before; no such request
 *	-ENOSPC      no free IOVA range is large enough, though one would be if nothing were mapped; or the
 *	             kernel's limit on the number of mappings is reached
 *	-ENOMEM      no memory: RLIMIT_MEMLOCK is too small (the sentence has need and limit), or the
 *	             heap is exhausted
 *	-EMFILE      the process, or the system, has no file descriptor left
 *	-EFAULT      the memory is not there, cannot be pinned, or may not be accessed as asked
 *	             (IOM_MAP_WRITE needs memory that the process may write)
 *	-ENODEV      no such device, or none attached; it is gone, bound to no driver, or no IOMMU
 *	             covers it
 *	-EBUSY       it is held already: by a kernel driver, another process, or another handle of this
 *	             one; or a live mapping or requested aperture is in the way of an attach, of a
 *	             release, or (POWER) of a map
 *	-EACCES      the process lacks a permission on a device node or a file, or the kernel refuses
 *	             the device because its interrupts are not isolated
 *	-EPERM       the handle was opened by another process (this one is a forked child)
 *	-EOPNOTSUPP  the kernel or platform cannot do this, or has no device nodes for it here
 *	-EAGAIN      not now: it would take a system call, and IOM_NOWAIT forbids it; or what is in
 *	             flight must end first
 *	-EMSGSIZE    the answer does not fit in the array that the caller gave
 *	-EIO         the kernel's answer contradicts its contract, or it refused to undo or to unmap;
 *	             what is left mapped is quarantined (see iom_unmap)
 *
 * Options.  An options struct begins with its own size (sizeof it); a NULL pointer, and every
 * member left zero, mean the default.  A size below that of the struct's first release (0: it was
 * forgotten) is -EINVAL.  Above that, a shorter struct, from an older version of this header, is
 * read as if padded with zeros, and a longer one with a non-zero tail, or of more than 4096 bytes,
 * is -E2BIG.
 *
 * Threads.  All calls are thread-safe, except that iom_close(), iom_detach(), iom_memory_remove(),
 * iom_stream_close() and iom_buf_pool_close() must not race other uses of the handle that they end,
 * and that a stream, or a pool of buffers, serves one thread at a time.  The translations take no
 * lock and make no system call; only they may be called from a signal handler.  No call is a
 * cancellation point: a thread that is cancelled comes back from it first (asynchronous cancellation,
 * and longjmp() out of a handler that interrupts a call, are not supported); see libiommu(7).
 *
 * Fork.  Handles belong to the process that opened them.  In a child of fork(), every call on them
 * that can fail does so with -EPERM, iom_detach() does nothing, and iom_close() closes the child's
 * copies of the descriptors and nothing else, and not the memfds of IOM_BUF_SHARED, which stay
 * until it execs or exits.  Until the child does one of these, it keeps the devices open after the
 * parent has closed them.  Do not fork while another thread attaches, detaches or closes: that child
 * may have descriptors that it cannot close.
 *
 * Manners.  The library never exits, aborts, prints (unless asked), touches signals or limits, or
 * leaves a descriptor that survives exec.  iom_open() reads three environment variables, by
 * secure_getenv(3): LIBIOMMU_BACKEND forces a backend, as iom_open_opts.backend does (which wins),
 * LIBIOMMU_LOG (error, warn, info or debug) sends messages of that level and above to stderr, and
 * LIBIOMMU_STRICT (1 or 0) is IOM_OPEN_STRICT for a program that does not ask for it.
 */
#ifndef LIBIOMMU_H
#define LIBIOMMU_H

#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#if UINTPTR_MAX < 0xffffffffffffffff
#error "libiommu needs a 64-bit platform"
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* An address as the device sees it. */
typedef uint64_t iom_iova_t;

/* One I/O address space: every device attached to it sees the same mappings. */
struct iom_domain;

/* A PCI function attached to a domain. */
struct iom_device;

#define IOM_VERSION_MAJOR 0
#define IOM_VERSION_MINOR 1
#define IOM_VERSION_PATCH 0

/* The version of the library that runs, "MAJOR.MINOR.PATCH".  Static storage. */
const char *iom_version(void);

/*
 * The sentence that this thread's last failed call left: it names the object, the rule that
 * failed and what to do.  Never NULL; "" before the first failure.  Owned by the library, valid
 * until the thread's next failing call.  (iom_device_state() leaves one, too, of a device that
 * does not work.)
 */
const char *iom_errmsg(void);

/* ---- Domains ---------------------------------------------------------------------------------- */

enum iom_log_level {
	IOM_LOG_ERROR = 1, /* something is lost: a range was quarantined, a device is gone */
	IOM_LOG_WARN,      /* works, but not as well as it could */
	IOM_LOG_INFO,      /* attach, detach, the backend chosen and why */
	IOM_LOG_DEBUG      /* each set-up step */
};

#define IOM_OPEN_STRICT 0x1u /* see "Debugging" */

struct iom_adopt_opts; /* see "Adoption" */

struct iom_open_opts {
	size_t size; /* sizeof(struct iom_open_opts) */
	/*
	 * Force this backend: "iommufd", "type1", "type1-iommufd" (type1's calls, answered by
	 * iommufd's container compatibility), or on POWER "powernv" (bare metal) and "pseries" (a
	 * guest of PowerVM or KVM).  NULL: the first of these, in this order, by which the first
	 * attach succeeds.
	 */
	const char *backend;
	/*
	 * Receives the library's messages of every level (enum iom_log_level), one line without a
	 * newline each, in the thread that called the library, so perhaps in several at once, and
	 * with internal locks held: it must not call the library.  NULL: none.
	 */
	void (*log)(void *arg, int level, const char *message);
	void *log_arg; /* handed to log as it is; must live until iom_close() returns */
	/*
	 * What may be unmapped apart.  0: whole mappings only.  Else a power of two, 4096 or more:
	 * iom_unmap_range() may begin and end at any IOVA that is a multiple of it (and of the
	 * largest that iom_page_size() has been, and of the page size of the aperture if a fixed
	 * IOVA chose one of larger pages).  Automatic IOVAs are then congruent to the
	 * addresses modulo the granule, if one lies inside the memory, so that multiples are the
	 * same in both, and never in an aperture whose pages are all larger than the granule (see
	 * expect_page).  The kernel does not cut mappings, so each one costs a kernel call, and an
	 * entry of entry_limit, for every granule that it touches; on POWER a registration, and the
	 * kernel looks through all of these for each page that it maps: make it large there.
	 */
	uint64_t unmap_granule;
	/*
	 * For POWER (see there): how many bytes will be mapped at once, and the page size of most
	 * of it, a power of two, 4096 or more.  0: all of the machine's memory, but no more than
	 * 2^20 pages; and its default huge page size if huge pages are reserved, else its page
	 * size.  Ignored elsewhere.
	 */
	uint64_t expect_bytes;
	uint64_t expect_page;
	uint64_t flags; /* IOM_OPEN_STRICT */
	/*
	 * How many of the last unmaps iom_whatis() remembers, at most 2^20, in 64 bytes each.  0:
	 * none, but 4096 with IOM_OPEN_STRICT.  With any, each map and unmap takes a little longer.
	 */
	uint64_t history;
	/* An address space that somebody else has made; see "Adoption".  NULL: one of its own. */
	const struct iom_adopt_opts *adopt;
};

/*
 * Open a domain.  No device node is opened until the first iom_attach(); the first one that
 * succeeds chooses the backend for the domain's life.  The domain is the caller's and ends with
 * iom_close().
 *
 * -EINVAL (opts->size; no backend of that name; LIBIOMMU_LOG is no level, LIBIOMMU_STRICT neither
 * 1 nor 0; unmap_granule; expect_page; flags; history; adopt), -E2BIG, -ENOMEM, -EOPNOTSUPP (a
 * kernel before 4.14).
 */
int iom_open(struct iom_domain **dom, const struct iom_open_opts *opts);

/*
 * Close a domain, its devices and its mappings.  Device descriptors are closed first, so that the
 * kernel stops the devices; then everything is unmapped, explicitly, so that neither a BAR that the
 * driver still has mapped nor a descriptor that somebody duplicated leaves memory in reach.  (These
 * do keep the kernel's group busy until they go too; the log says so.)  Every device, and every
 * pointer from the library that belongs to the domain, is dead afterwards.  NULL is ignored.
 */
void iom_close(struct iom_domain *dom);

/* The name of the backend in use ("iommufd"), or NULL before an attach succeeded.  Static storage. */
const char *iom_backend(const struct iom_domain *dom);

/*
 * Why each backend was taken or passed over, also after an attach that failed, the apertures, the
 * limits and what is quarantined, as text for a person: a few lines, each ended by a newline.
 * Writes at most n bytes with the terminating NUL, and returns the length of the whole text without
 * it, like snprintf(); buf may be NULL if n is 0.
 *
 * -EPERM.
 */
int iom_explain(const struct iom_domain *dom, char *buf, size_t n);

/* ---- Devices ---------------------------------------------------------------------------------- */

struct iom_attach_opts {
	size_t size;       /* sizeof(struct iom_attach_opts) */
	uint64_t dma_bits; /* address bits that the device can drive, 12 to 64; 0: 64 */
	uint64_t flags;    /* IOM_ATTACH_FD */
	int64_t fd;        /* with it: the device's descriptor; else 0; see "Adoption" */
};

#define IOM_ATTACH_FD 0x1u

/*
 * Attach the PCI function at address ("0000:01:00.0"; "01:00.0" is in segment 0) to the domain.
 * The function must be bound to vfio-pci (or to a variant of it), and every other endpoint of its
 * IOMMU group to that or to no driver.
 *
 * One IOVA serves every device of a domain.  So an attach may narrow the domain's apertures, and
 * fails, with nothing changed, if that or dma_bits would cut a live mapping or a requested aperture
 * (-EBUSY).
 *
 * VFIO resets the function, if it can be reset, and switches its bus mastering off; memory decoding
 * and bus mastering are the driver's to enable.
 *
 * Mappings outlive the last detach: the next attach makes them again, at the same IOVAs, with what
 * is at the same addresses then.  Until then the memory may not be pinned, but translate and unmap
 * work.
 *
 * -EINVAL (not a PCI address; opts->size; dma_bits; flags; fd), -E2BIG, -ENODEV (no such device; no
 * IOMMU covers it), -EBUSY (attached already; bound to a kernel driver; another function of its
 * group is; held by another process; a live mapping or requested aperture is in the way), -EACCES
 * (device nodes; interrupts not isolated), -ERANGE (dma_bits leave no IOVA that can be mapped; on
 * POWER its windows differ from those of the domain), -EOPNOTSUPP (no backend works here), -EMFILE,
 * -ENOMEM, -EIO, -EPERM; when mappings are made again, -ENOSPC, -EFAULT and -EBUSY; and what else a
 * request that was kept for it is answered with.  With descriptors of somebody else, see "Adoption"
 * for more.
 */
int iom_attach(struct iom_domain *dom, const char *address, const struct iom_attach_opts *opts,
	       struct iom_device **dev);

/*
 * Detach a device and close its descriptor; dev is dead afterwards.  The domain's mappings stay for
 * its other devices, or for the next attach.
 *
 * Unmap the device's BARs, and close duplicates of its descriptor, before: then, when this returns,
 * the device can reach no memory through this domain.  Otherwise, while other devices are attached,
 * it goes on reaching the domain's mappings; the log warns, if the kernel tells (iommufd does not).
 * Two go on in any case, and nothing is logged: one with another function of its IOMMU group
 * attached, for all that the IOMMU does (VFIO has switched its bus mastering off, and nothing else
 * holds it), and a borrowed one (IOM_ATTACH_FD).  NULL is ignored.
 */
void iom_detach(struct iom_device *dev);

/*
 * The VFIO device descriptor: the driver's for BARs, config space, interrupts and reset.  The
 * library owns it and closes it at detach, unless it is the caller's own (IOM_ATTACH_FD).  -EPERM.
 */
int iom_device_fd(const struct iom_device *dev);

/* The device's full PCI address, "0000:01:00.0".  Valid until detach. */
const char *iom_device_address(const struct iom_device *dev);

/* Whether the platform lets a device work.  Only POWER stops devices (EEH: see there). */
enum iom_device_state {
	IOM_DEVICE_WORKS = 0,
	IOM_DEVICE_FROZEN,      /* its registers read as all ones, and it reaches no memory */
	IOM_DEVICE_DMA_STOPPED, /* its registers work, but it reaches no memory */
	IOM_DEVICE_RESETTING,   /* it is held in reset */
	IOM_DEVICE_UNAVAILABLE  /* a bridge above it is being recovered, or is lost */
};

/*
 * The state of a device, and of all its group: one of enum iom_device_state.  For a driver whose
 * registers read as all ones, or whose commands do not come back; it costs a system call.  In every
 * state but the first, iom_errmsg() says, as after a failed call, what has happened and what to do.
 *
 * -EOPNOTSUPP (the platform stops no devices, or the kernel cannot tell: x86, arm64, pSeries under
 * QEMU), -ENODEV (it is gone), -EIO, -EPERM.
 */
int iom_device_state(const struct iom_device *dev);

/* Thaw: registers, then DMA.  The device keeps its state and goes on where it was. */
#define IOM_RECOVER_UNFREEZE 0x1u

/*
 * Reset: hot, or if that does not help, fundamental.  The device must be set up anew, as after a
 * power-on: bus mastering, and interrupts, which are to be switched off and on again through VFIO.
 */
#define IOM_RECOVER_RESET 0x2u

/*
 * Bring a device back to IOM_DEVICE_WORKS, by one of IOM_RECOVER_*.  What stopped it must be
 * over: its driver touches neither registers nor config space meanwhile, and has it try no DMA to
 * where nothing is mapped, or it is frozen again.  To thaw is for a look at the registers, and
 * for devices that stand the loss of what they were doing; to reset is what cures, and is done of
 * a device that works, too.
 *
 * All functions of the group are thawed or reset, because the group is what the platform stops
 * and what the kernel recovers: tell all their drivers.  Mappings, windows and apertures stay as
 * they are, and what was mapped or unmapped while the device was stopped is so afterwards.  A
 * reset takes seconds, in which other groups of the domain go on, unless somebody calls what has
 * to wait until it ends: attach, detach, iom_unmap_all(), a request or its release, a map that
 * has a window made.  Calls that come after such a one wait, too.
 *
 * -EINVAL (flags), -EOPNOTSUPP and -ENODEV as above, -EBUSY (IOM_DEVICE_UNAVAILABLE: the kernel is
 * at it itself; try again later), -EIO (the kernel refuses, or it did not help; the sentence says
 * what the state is then), -EPERM.
 */
int iom_device_recover(struct iom_device *dev, unsigned int flags);

/* ---- Apertures -------------------------------------------------------------------------------- */

/* The IOMMU may have larger pages, besides, and use them: the kernel (iommufd) tells the smallest. */
#define IOM_APERTURE_LARGER_PAGES 0x1u

/* It was asked for, by iom_aperture_request(), and is not joined with its neighbours. */
#define IOM_APERTURE_REQUESTED 0x2u

/* Of a requested one: the library's automatic IOVAs may lie in it. */
#define IOM_APERTURE_AUTO 0x4u

/*
 * A range of IOVAs that the IOMMU translates for every attached device.  What lies between two
 * apertures is a hole.  The layout of this struct is fixed.
 */
struct iom_aperture {
	iom_iova_t start;
	iom_iova_t last; /* the last byte, included */
	/*
	 * Bit n is set if the IOMMU has pages of 2^n bytes here.  What is mapped is made of whole
	 * ones of the smallest, which in a requested aperture is the page size that was asked for.
	 */
	uint64_t page_sizes;
	uint64_t flags; /* IOM_APERTURE_*; ignore what you do not know */
};

/*
 * The domain's apertures, ascending.  A mapping must also end below 2^dma_bits of the narrowest
 * attached device.  Fills at most n and returns how many there are; apertures may be NULL if n is
 * 0.  They change by attach and detach, by requests, and on POWER once when a mapping has a window
 * made.
 *
 * -ENODEV (none is attached), -EPERM.
 */
int iom_apertures(const struct iom_domain *dom, struct iom_aperture *apertures, size_t n);

struct iom_aperture_opts {
	size_t size;      /* sizeof(struct iom_aperture_opts) */
	iom_iova_t start; /* with IOM_APERTURE_FIXED: where it begins; else 0 */
	uint64_t length;  /* bytes, a multiple of page; not 0 */
	uint64_t page;    /* a power of two, 4096 or more; 0: the smallest that there is */
	uint64_t flags;   /* IOM_APERTURE_FIXED, IOM_APERTURE_AUTO */
};

#define IOM_APERTURE_FIXED 0x8u /* of a request: at opts->start, or not at all */

/*
 * Ask for an aperture: this range of IOVAs, or so many bytes anywhere, to be mapped in units of
 * this page.  For those to whom the IOVAs matter: a VMM whose guest's physical addresses they
 * are, a program that was written for another platform's IOMMU.  What is granted stays: it is in
 * the list of apertures, by itself; only fixed IOVAs lie in it, unless flags have
 * IOM_APERTURE_AUTO; and a device whose attach would cut it is refused (-EBUSY).
 *
 * *id names the request from then on, and is never 0; no other request of the process has the same.
 * While a device is attached the answer is given at once.  Before, the request is kept, and
 * answered by the attach: one that cannot grant it fails as the request would have, and the
 * request is kept for another try, until it is released.  It outlives the last detach, as
 * mappings do; the next attach has it at the same place.  iom_close() ends it.
 *
 * An aperture's page must divide the one that is asked for.  So on x86 and arm64 the page is the
 * unit in which mappings must fit the range, and costs or brings nothing else.  On POWER it chooses
 * the window: one that is there and has these very pages; else one that is made for it, perhaps in
 * the place of another (even one that was expected, which comes back with the release) in which
 * nothing is mapped and whose requests it can serve as well; else one that is there and has smaller
 * pages.  PowerNV has one window at 0 (leave out the bridge's own hole below 4 GiB, which
 * iom_apertures() shows: ask for what lies below and above it, before anything is mapped there) and
 * one at 2^59.  pSeries has its default window, which stays as it is, and one other, where the
 * hypervisor puts it, and which is not reshaped while a request has a part of it: ask for the
 * largest first.  A virtual function has that or the default one.  What a window has beyond the
 * request serves automatic IOVAs.
 *
 * A range across a hole is refused, and the sentence names the hole.  Anywhere means: above 4 GiB
 * if there is room, never in page 0, and not where a PCI function or bridge decodes memory; a
 * fixed range may contain the latter, at the caller's risk.
 *
 * -EINVAL (opts is NULL or opts->size; length 0; page; alignment to the page; unknown flags;
 * start without IOM_APERTURE_FIXED), -E2BIG, -ERANGE (outside of every aperture, across a hole,
 * past what the narrowest device can drive or 2^64; the IOMMU's pages are larger; other requests
 * have all that would do; no such window can be made), -EEXIST (it meets another request, or what
 * is mapped or quarantined), -ENOSPC (no free range is large enough, though one would be if
 * nothing were mapped), -EBUSY (POWER: a mapping or another request is in a window that would
 * have to go), -ENOMEM, -EMFILE, -EIO (also if the kernel failed to make or remove a window
 * before: no other is asked for), -EPERM.
 */
int iom_aperture_request(struct iom_domain *dom, const struct iom_aperture_opts *opts,
			 uint64_t *id);

/*
 * What was granted.
 *
 * -ENOENT (no such request), -ENODEV (it is kept for the next attach, and none has answered it
 * yet), -EPERM.
 */
int iom_aperture_granted(const struct iom_domain *dom, uint64_t id, struct iom_aperture *aperture);

/*
 * End a request.  The range joins its neighbours; a window that was made for it, and in which
 * nothing is mapped and no other request lies, is removed, and the default one comes back.
 *
 * -ENOENT (no such request), -EBUSY (something is mapped in it; or quarantined, which only
 * iom_close() ends), -ENOMEM, -EIO (the kernel refuses: the request stays), -EPERM.
 */
int iom_aperture_release(struct iom_domain *dom, uint64_t id);

/*
 * The smallest unit that can be mapped, a power of two: 4096 on most machines, but 64 KiB on many
 * arm64 kernels, and on POWER where the default window was replaced.  0 while no device is
 * attached.  It changes when the apertures do.
 */
uint64_t iom_page_size(const struct iom_domain *dom);

/* ---- POWER ------------------------------------------------------------------------------------ */

/*
 * On POWER (VFIO SPAPR TCE v2) an aperture is a DMA window: a table of the size that it was made
 * with, whose entries are pages of one size.  Each device has a default window below 4 GiB, of
 * 4 KiB pages and 1 or 2 GiB.  One other may be made, by what iom_open_opts says is expected:
 *
 *	expected    window                      made
 *	nothing     by the defaults             when memory is mapped whose pages are no smaller than
 *	                                        the window's, or for which there is no room; beside
 *	                                        the default one only
 *	something   for these bytes and pages   at the first attach, if the default one is not as
 *	                                        good, in its place if need be; else when there is
 *	                                        no room for memory that is mapped
 *
 * Its size is the next power of two, and its pages are the largest that the bridge has up to those.
 * If it cannot be made, the default one serves, the log says so (IOM_LOG_WARN), iom_explain() says
 * why, and so does an iom_map() that then finds no room.
 *
 * PowerNV puts the other window at IOVA 2^59.  A device that cannot drive that has it at 0, in
 * the place of the default one: only if it was expected, and while nothing is mapped.  pSeries
 * puts it at 2^59 or wherever the hypervisor says, and has no other place, so that a device with
 * fewer bits is served by the default one; a virtual function has one window in all, and there
 * too it takes the default one's place.  On pSeries the time to make a window, and to take it
 * down, grows with its size even when it is empty, to about a second for 2^20 pages: expect
 * larger pages, or fewer bytes.  The tables count against RLIMIT_MEMLOCK, with 8 to 16 bytes a
 * page.
 *
 * A page of a window must not be larger than those behind the memory, and of these only hugetlb
 * ones count as larger than the system's (not transparent huge pages): so memory of huge pages
 * goes to the window with the largest pages that fit, all else to the other.  An unmap_granule
 * below the pages of a window keeps automatic IOVAs out of it.  A fixed IOVA, and the memory for
 * it, must fit the pages of the window in which it lies (-EINVAL).
 *
 * Memory is registered before it is mapped, in whole pages of the system or huge pages, and pinned
 * for writing: read-only memory is -EFAULT.  Mappings of the same memory, of whatever domain, share
 * a registration, which has the extent of the first and ends with the last of them.  So what is
 * unmapped while an alias of a part of it lives cannot be mapped again until that is unmapped, too
 * (-EBUSY): the device would reach what was there before.  The registry is one for the process,
 * because the kernel's is; what another library of this process has registered is -EBUSY.
 *
 * Each group has a container of its own, and all have the same windows and mappings.  An attach of
 * a group whose windows would begin elsewhere fails, with nothing changed.
 *
 * DMA to where nothing is mapped, or an error of the bus, has the platform freeze the device,
 * with all of its group (EEH): from then on its registers read as all ones, and it reaches no
 * memory.  iom_device_state() tells, and iom_device_recover() brings it back.  What is mapped and
 * unmapped in between changes the tables as ever, and holds from then on.  Detach works, too; the
 * kernel thaws a frozen group whenever a device of it is opened or closed, so that an attach or
 * detach of one of its functions ends what the others were to find.  The kernel leaves a group
 * alone whose devices are attached: nobody else recovers it.
 */

/* ---- Adoption --------------------------------------------------------------------------------- */

/*
 * Inside DPDK, SPDK or a VMM somebody else has opened the container or the iommufd, and perhaps the
 * device, and maps memory of his own there.  A domain over these maps beside him:
 *
 *	struct iom_iova_range ours = { 0x800000000000, 0xffffffffffff };
 *	struct iom_adopt_opts adopt = { .size = sizeof(adopt), .fd = container,
 *					.ranges = &ours, .n_ranges = 1 };
 *	struct iom_open_opts open = { .size = sizeof(open), .adopt = &adopt };
 *	struct iom_attach_opts attach = { .size = sizeof(attach), .flags = IOM_ATTACH_FD,
 *					  .fd = device };
 *
 *	iom_open(&dom, &open);
 *	iom_attach(dom, "0000:01:00.0", &attach, &nvme);
 *
 * The descriptors stay the caller's: they are not duplicated, never closed, and must stay open
 * until iom_close() (a device's until iom_detach()) returns; so must the device's group stay where
 * it is, or the kernel drops what the domain has mapped.  The domain unmaps its own mappings, each
 * by itself, and nothing else.  At its end a borrowed device is not stopped, as one is whose
 * descriptor is closed: have it stop its DMA before.  A forked child closes none of them.
 *
 * The apertures are what the kernel reports at each attach and detach, as far as it lies in the
 * ranges that the caller names as ours.  When others attach something in between, the kernel refuses
 * what has become out of reach (-EIO).  Requested apertures hold against attaches of this domain
 * only.
 *
 * What others have mapped is not known.  So name a range of IOVAs that they never use: who comes
 * second is refused by the kernel, and not everybody looks (DPDK takes that for done).  Where the
 * kernel refuses this domain, a fixed IOVA is -EEXIST, and an automatic one is chosen elsewhere, up
 * to 24 times, keeping away by more each time (from 2 MiB, doubling), and -ENOSPC if that was not
 * enough.  What is kept away from is tried again when there is no other room, and after the next
 * attach or detach.  Each such try costs a kernel call, and pins the memory in vain.
 *
 * A device is attached in one of two ways.  By address alone: the library opens it, in the adopted
 * container or IOAS; its group must be free.  With IOM_ATTACH_FD: the caller's descriptor of the
 * device at that address serves, as it is; its group must be in the container, or itself attached to
 * the IOAS.  The kernel does not tell whether that is so; with another's, the device reaches other
 * memory or none.
 *
 * A container must have a group and its IOMMU type, type1 of either version, or be an iommufd that
 * is used as one.  POWER's cannot be adopted (-EOPNOTSUPP), because the kernel does not tell what
 * windows they have.  entry_limit is then what was left at the attach.
 *
 * iom_attach() is besides -EINVAL (fd is not open, or no container, or no iommufd; the container has
 * no IOMMU yet; there is no such IOAS, or nothing is attached to it; the device's descriptor is not
 * one, or not bound yet), -ERANGE (none of the ranges can be mapped), -EEXIST (others have mapped
 * where mappings are made again).
 */
struct iom_iova_range {
	iom_iova_t start;
	iom_iova_t last; /* included */
};

struct iom_adopt_opts {
	size_t size;   /* sizeof(struct iom_adopt_opts) */
	int64_t fd;    /* a container, or an iommufd */
	uint64_t ioas; /* the id of an IOAS in the iommufd; 0: fd is a container */
	/* Where the domain may map; they do not overlap.  NULL, 0: everywhere. */
	const struct iom_iova_range *ranges;
	uint64_t n_ranges;
};

/* The other way round: what a domain is known by to the kernel, for others to map beside it. */
struct iom_fds {
	size_t size;       /* in: sizeof(struct iom_fds) */
	int64_t container; /* of VFIO, or an iommufd used as one; else -1 */
	int64_t group;   /* of the device that was asked about, if the library opened it; else -1 */
	int64_t iommufd; /* with an IOAS; else -1 */
	uint64_t ioas;   /* its id; else 0 */
};

/*
 * The descriptors of a domain, into a struct of the size that the caller set; a longer one has its
 * tail zeroed.  They stay the domain's (or whose they were), and end with the detach of its last
 * device, that of a group with the last of its devices.  dev may be NULL, but not on POWER, where
 * each group has a container of its own.
 *
 * From then on the domain is like one over adopted descriptors: it never unmaps what it has not
 * mapped, and keeps automatic IOVAs out of what others turn out to have.  But POWER's kernel maps
 * over what is mapped, without a word: there, others keep to an aperture that was requested for
 * them (iom_aperture_request), and register no memory that is mapped here.
 *
 * -ENODEV (none is attached), -EINVAL (fds->size; dev is not attached; POWER: dev is NULL), -EPERM.
 */
int iom_domain_fds(struct iom_domain *dom, const struct iom_device *dev, struct iom_fds *fds);

/* ---- The device tree -------------------------------------------------------------------------- */

/*
 * POWER firmware, and most of arm64's, describe the machine in a device tree, and so what there is
 * before any device is opened: on pSeries the default window and whether the bridge makes others,
 * on PowerNV the page sizes of its windows; on both what part of the addresses the bridge itself
 * decodes; and on arm64 which IOMMU covers the device.
 */

#define IOM_TREE_PATH 256 /* bytes, with the terminating NUL */
#define IOM_TREE_NAME 64
#define IOM_TREE_RANGES 8

enum iom_tree_source {
	IOM_TREE_NONE, /* there is no tree, or the device is not in it: sysfs only */
	IOM_TREE_LIVE, /* the running kernel's, /sys/firmware/devicetree */
	IOM_TREE_BOOT, /* /sys/firmware/fdt */
	IOM_TREE_FILE  /* another file */
};

struct iom_tree_opts {
	size_t size; /* sizeof(struct iom_tree_opts) */
	/*
	 * A flattened device tree to read instead of the running machine's live one, such as
	 * dumpdtb of QEMU's monitor writes, of no more than 8 MiB.  /sys/firmware/fdt is the one that the kernel was
	 * booted with, which root may read: it has neither devices nor windows that came later.
	 */
	const char *dtb;
};

#define IOM_TREE_OWN 0x1u          /* node is the device's own, not that of a bridge above it */
#define IOM_TREE_WINDOW 0x2u       /* there is a default window */
#define IOM_TREE_WINDOW_SAVED 0x4u /* but the kernel took it away, see iom_tree_read() */
#define IOM_TREE_DDW 0x8u          /* the bridge makes dynamic windows */
#define IOM_TREE_DDW_LARGE 0x10u   /* and says sizes of more than 2^32 pages */
#define IOM_TREE_MADE 0x20u        /* one was made */
#define IOM_TREE_MADE_DIRECT 0x40u /* and maps all of the machine's memory, for kernel drivers */
#define IOM_TREE_IOMMU 0x80u       /* the tree names the IOMMU that covers the device */
#define IOM_TREE_NO_IOMMU 0x100u /* the tree maps the bridge to IOMMUs, but leaves the device out */
#define IOM_TREE_RANGE_64 0x1u   /* of a range: addresses of 64 bits */
#define IOM_TREE_RANGE_PREFETCH 0x2u /* prefetchable */

struct iom_tree_window {
	iom_iova_t start;
	uint64_t length;
	uint64_t page; /* bytes */
};

/* What the bridge decodes: DMA to there does not reach memory.  Addresses are the bus's. */
struct iom_tree_range {
	uint64_t start;
	uint64_t length;
	uint64_t flags; /* IOM_TREE_RANGE_* */
};

/* Strings end with NUL, and are "" if there is none. */
struct iom_tree_info {
	size_t size;                   /* in: sizeof(struct iom_tree_info) */
	uint64_t source;               /* enum iom_tree_source */
	uint64_t flags;                /* IOM_TREE_*; ignore what you do not know */
	struct iom_tree_window window; /* with IOM_TREE_WINDOW */
	struct iom_tree_window made;   /* with IOM_TREE_MADE */
	uint64_t ddw_calls[3]; /* the firmware's numbers to query, create, remove a window */
	uint64_t ddw_reset;    /* and to bring the default one back; 0: it cannot */
	uint64_t page_sizes; /* that its windows may have (PowerNV), as in iom_aperture; 0: unsaid */
	uint64_t n_ranges;   /* there are; the first IOM_TREE_RANGES are listed */
	struct iom_tree_range ranges[IOM_TREE_RANGES];
	uint64_t requester_id;    /* the device's own: bus << 8 | device << 3 | function */
	uint64_t iommu_id;        /* with IOM_TREE_IOMMU: what the IOMMU knows it by (stream id) */
	char node[IOM_TREE_PATH]; /* a path in the tree */
	char bridge[IOM_TREE_PATH];     /* the host bridge's */
	char iommu[IOM_TREE_PATH];      /* with IOM_TREE_IOMMU: the IOMMU's */
	char iommu_kind[IOM_TREE_NAME]; /* "arm,smmu-v3"; from sysfs "intel-iommu" */
	char iommu_name[IOM_TREE_NAME]; /* the kernel's, in /sys/class/iommu: "dmar0" */
};

/*
 * Read what the device tree says of the PCI function at address, and where the running machine has
 * none, what sysfs says of its IOMMU.  No domain, device node or driver is needed or touched.
 *
 * Read into a struct of the size that the caller set; a longer one has its tail zeroed.
 *
 * On pSeries the kernel's own drivers have the default window (ibm,dma-window), and perhaps one
 * that maps all memory.  When VFIO is given the bridge the kernel takes both away, and keeps a copy
 * of the former's property (ibm,dma-window-saved); so if there is only that, VFIO has the bridge,
 * and no window is there yet.  Those that it makes are in the tree while they live.
 *
 * In a flattened tree the host bridge of segment N is that whose linux,pci-domain is N; on POWER
 * else ibm,opal-phbid, the alias pciN, or the lower 16 bits of the second cell of its reg; without
 * any of these they are numbered as they come, by what is free.  Of a function behind a bridge
 * whose bus numbers the tree does not have (the kernel gives them), the host bridge's part is all
 * that is said.
 * The IOMMU is looked up by the function's own requester id; behind a bridge to conventional PCI
 * the hardware uses the bridge's.
 *
 * -EINVAL (not a PCI address; info->size; opts->size; there is no such file, it is no device tree,
 * or a malformed one), -E2BIG, -ENODEV (no such device; in the file: no host bridge that leads to
 * it), -EACCES (the file), -EOPNOTSUPP (a file, and the library was built without libfdt), -EIO
 * (what the kernel says cannot be read, or contradicts itself), -ENOMEM, -EMFILE.
 */
int iom_tree_read(const char *address, const struct iom_tree_opts *opts,
		  struct iom_tree_info *info);

/*
 * The same as text for a person: a few lines, each ended by a newline.  Writes at most n bytes with
 * the terminating NUL, and returns the length of the whole text without it, like snprintf(); buf
 * may be NULL if n is 0.
 *
 * Errors as iom_tree_read().
 */
int iom_tree_explain(const char *address, const struct iom_tree_opts *opts, char *buf, size_t n);

/* ---- Mappings --------------------------------------------------------------------------------- */

/*
 * What the device may do with the memory.  Some IOMMUs cannot keep it from reading what it may
 * write (VT-d before Linux 6.16, or with first-stage tables; PowerNV).
 */
#define IOM_MAP_READ 0x1u
#define IOM_MAP_WRITE 0x2u
#define IOM_MAP_RW (IOM_MAP_READ | IOM_MAP_WRITE)

#define IOM_MAP_FIXED 0x4u /* at opts->iova, or not at all */
#define IOM_MAP_ALIAS 0x8u /* of memory that may be mapped already; iom_translate() ignores it */

struct iom_map_opts {
	size_t size;      /* sizeof(struct iom_map_opts) */
	iom_iova_t iova;  /* with IOM_MAP_FIXED: where; else 0 */
	iom_iova_t limit; /* the last IOVA that the mapping may use; 0: no limit but the devices' */
	/*
	 * NULL, or the only device that uses the mapping: then its dma_bits, as they are now,
	 * count, not those of the narrowest device, and a narrower one may be attached later.  The
	 * other devices can reach the memory as well, as far as they can drive the IOVA.
	 */
	const struct iom_device *only;
	/*
	 * NULL, or is told of the progress of a call that may take seconds, in the calling thread:
	 * every 64 MiB or so while the memory is faulted in, and after each of the kernel's maps.
	 * done of total, in bytes that each count for either; the last call of a map that succeeds
	 * has done equal to total.  Internal locks are held: it must not call the library.
	 */
	void (*progress)(void *arg, uint64_t done, uint64_t total);
	void *progress_arg; /* handed to progress as it is */
};

/*
 * A mapping, for the caller to keep by value.  Members are read-only to the caller.  It stays good
 * until the mapping is unmapped; after that iom_unmap() knows it for stale by its generation, which
 * is unique in the process, even if the same IOVA was mapped anew.  A zeroed region is no mapping,
 * and safe to unmap (-ENOENT).  The layout of this struct is fixed.
 */
struct iom_region {
	void *va;
	iom_iova_t iova;
	uint64_t length;
	uint64_t delta; /* iova - va, modulo 2^64 */
	uint64_t generation;
	uint64_t flags; /* IOM_MAP_* */
	uint64_t hint;  /* to find it soon; not the same in all regions of a mapping */
};

/*
 * Let the domain's devices reach length bytes of memory at va.  va, length and a fixed IOVA are
 * multiples of iom_page_size().  Every page must be accessible; pages not touched yet are faulted
 * in (those of large maps before the kernel is asked to map them, so that it holds its lock for
 * less time).  The memory is pinned: it counts against RLIMIT_MEMLOCK, and until it is unmapped
 * here the device reaches these very pages, even after munmap(), mremap() or
 * madvise(MADV_DONTNEED): unmap here first.  Device BARs are not supported.
 *
 * Without IOM_MAP_FIXED the library chooses an IOVA: above 4 GiB if there is room, else below, but
 * never in page 0; there, one where the IOMMU can use its largest pages for the range; never above
 * opts->limit or what the narrowest attached device can drive; and never where a PCI function or
 * bridge of the machine decodes memory, for DMA to there need not reach the IOMMU.  A fixed IOVA
 * may lie there, at the caller's risk.
 *
 * With IOM_MAP_READ alone, kernels before 6.2 have private memory that nobody wrote yet pinned for
 * writing first, for a moment; else the device would never see what is written later.
 *
 * Each mapping, or each granule of it (see unmap_granule), is one of the kernel's (see entry_limit
 * in struct iom_counters), and each counts its pages against RLIMIT_MEMLOCK, aliases too (but on
 * POWER registrations count, once).  iommufd counts what all processes of the user have pinned.
 *
 * region may be NULL if the caller does not keep it.  The translation tables grow with the ranges
 * that were ever mapped, by 8 bytes for each 4 KiB or aligned 2 MiB, and shrink at iom_close()
 * only.
 *
 * -EINVAL (va is NULL; alignment; length 0; unknown flags; neither READ nor WRITE; opts->iova
 * without IOM_MAP_FIXED, or this without opts; opts->only is not attached), -E2BIG, -ERANGE,
 * -EEXIST (also while another thread maps or unmaps the same), -ENOSPC, -ENOMEM, -EFAULT, -ENODEV
 * (nothing attached), -EIO (also instead of the first error, if the kernel refused to undo),
 * -EPERM; and on POWER -EINVAL (the memory's pages are smaller than the window's), -EBUSY (it is
 * registered otherwise), -EMFILE (its page size is read from /proc/self), -EOPNOTSUPP (the kernel
 * makes no windows any more).
 */
int iom_map(struct iom_domain *dom, void *va, uint64_t length, unsigned int flags,
	    const struct iom_map_opts *opts, struct iom_region *region);

/*
 * The same for length bytes of a file, such as a memfd, from offset on.  The library maps it into
 * the process, shared, at an address of its own choice, region->va, where the caller may use it
 * until all of it is unmapped here; then it is unmapped from the process as well (what is
 * quarantined, in iom_close()).  A forked child does not have it.  The kernel is given the
 * descriptor where it takes one (iommufd since Linux 6.13), else the address.  fd may be closed
 * afterwards.
 *
 * offset and length are multiples of iom_page_size(), and of the file's page size: the system's,
 * or that of its huge pages.  The file must be open for what the flags ask: for reading always,
 * and for writing with IOM_MAP_WRITE.  Where it is open for writing, the caller can write at
 * region->va whatever the flags say; else only read.
 *
 * As iom_map(), and: -EINVAL (fd is no open regular file; offset; it cannot be mapped), -EACCES
 * (it is not open for this, or sealed), -EFAULT (it ends before), -ENOMEM (no room in the address
 * space, or too few huge pages).
 */
int iom_map_file(struct iom_domain *dom, int fd, uint64_t offset, uint64_t length,
		 unsigned int flags, const struct iom_map_opts *opts, struct iom_region *region);

/*
 * Unmap a region, or what iom_unmap_range() has left of it.  When it returns 0, the device cannot
 * reach the memory any more, and the IOVA may be given out again.  -ENOENT, too, is returned only
 * once the device cannot: a call that meets the same unmap under way in another thread waits for
 * it.
 *
 * Have the device stop using the memory before: what it still tries to reach afterwards faults in
 * the IOMMU, as the kernel's log says.
 *
 * If the kernel refuses (-EIO), the mapping's IOVA range is quarantined: translate does not know it
 * any more, and it is not given out again before iom_close(); the memory itself may be mapped again
 * elsewhere.  The device may still reach it: keep it until every device is detached.  Unmapping the
 * same again is -EIO again.
 *
 * -EINVAL (region is NULL; it is a part of a batch, see iom_unmapv()), -ENOENT (it was unmapped
 * before, or is none of this domain), -EIO, -EPERM.
 */
int iom_unmap(struct iom_domain *dom, const struct iom_region *region);

/*
 * Unmap every mapping in an IOVA range, which must begin and end where mappings do, or where they
 * may be cut (see unmap_granule), and have no gap.  It waits, like iom_unmap(), for what another
 * thread is mapping or unmapping there.
 *
 * Checked in this order, before anything is unmapped: -EPERM, -EINVAL (length 0), -ERANGE (past
 * 2^64), -ENOENT or -EIO (the first part that is not mapped, or quarantined; what a stream has
 * mapped does not count as mapped), -EINVAL (a mapping or a batch would be cut where it must not),
 * -ENOMEM (a mapping is cut). -EIO from the kernel: all of the
 * range is quarantined.
 */
int iom_unmap_range(struct iom_domain *dom, iom_iova_t iova, uint64_t length);

/*
 * Unmap everything, but what streams have in flight.  -EIO (what could not be unmapped is
 * quarantined; all else is unmapped), -EPERM.
 */
int iom_unmap_all(struct iom_domain *dom);

/* ---- Batches ---------------------------------------------------------------------------------- */

/* A piece of memory that is to be mapped with others. */
struct iom_piece {
	void *va;
	uint64_t length;
	iom_iova_t iova; /* with IOM_MAP_FIXED: where; else 0 */
};

#define IOM_MAP_APART 0x10u /* of a batch: each piece is a mapping of its own */

/*
 * Map n pieces, in any order, each as iom_map() would: all of them, or none.  regions[i] is where
 * pieces[i] is; regions may be NULL.
 *
 * Pieces that are next to each other in memory (and with IOM_MAP_FIXED in IOVAs, too) are a run,
 * which lies within one aperture. A run is one of the kernel's mappings: one kernel call, one
 * entry of entry_limit, one registration on POWER.  Its IOVAs are contiguous, in the order of the
 * addresses.  So map what belongs together in one call.  In return the batch is one unit: it is
 * given back whole, by iom_unmapv() with all of its regions, or by iom_unmap_range() over all of
 * it; only where unmap_granule allows it are parts unmapped apart.  With IOM_MAP_APART each piece
 * is a mapping, and costs a kernel call, of its own.
 *
 * opts->iova must be 0; all else in opts is as for iom_map(), and holds for each piece.
 *
 * As iom_map(); -EINVAL also if n is 0, or a piece has an IOVA without IOM_MAP_FIXED; -EEXIST
 * also if pieces overlap (but aliases may overlap in memory).  The sentence names the piece.
 * -ENOSPC is told before the kernel is asked if the runs, counted, are more than entry_limit
 * leaves.  -EIO instead of the first error, if the kernel refused to undo: what it kept is
 * quarantined, and nothing else is mapped.
 */
int iom_mapv(struct iom_domain *dom, const struct iom_piece *pieces, size_t n, unsigned int flags,
	     const struct iom_map_opts *opts, struct iom_region *regions);

/*
 * Unmap n regions, in any order, from iom_mapv(), iom_map() or iom_map_file(), each as
 * iom_unmap() would, with one kernel call for those that are next to each other in IOVAs.
 * Everything is checked before the kernel is asked, and if one is wrong, all stay mapped.
 *
 * -EINVAL (n is 0; a region is there twice; a batch is not there in whole), -ENOENT (one is not
 * mapped), -ENOMEM, -EPERM, -EIO (what the kernel refused is quarantined, as by iom_unmap(), and
 * all else is unmapped; or one of them was quarantined before, and nothing is unmapped).
 */
int iom_unmapv(struct iom_domain *dom, const struct iom_region *regions, size_t n);

/* ---- Declared memory and streams --------------------------------------------------------------- */

/*
 * For buffers that are not the driver's own: a queue's owner maps each for as long as a command is
 * under way, and what that costs depends on what is known of the memory.
 *
 *	mapped by iom_map()	nothing: it is found, and stays mapped
 *	declared		nothing, once warm: it is mapped in granules of 2 MiB (or the IOMMU's
 *				page, if that is larger), which stay mapped until room is needed
 *	neither			two kernel calls, each time: it is really unmapped
 *
 * Nothing is kept of memory that nobody vouched for, because after free() or munmap() the same
 * address may be other memory, and the device would reach the old one.
 */

/* Memory that the caller promises to leave in place. */
struct iom_memory;

/*
 * Declare length bytes at va: from now until iom_memory_remove() returns 0 they are not unmapped,
 * moved or replaced (munmap, mremap, madvise MADV_DONTNEED and the like), so that what is known
 * of them may be kept.  va and length are multiples of the system's page size.  flags is
 * IOM_MAP_READ, IOM_MAP_WRITE or both: what devices may do there, at most, through streams.
 * Nothing is mapped by this, and what iom_map() maps in it is mapped as ever; on POWER it is
 * registered and pinned as a whole, which is what makes maps in it cheap: while a device is
 * attached at once, and else by the next attach, which then fails as this would have.  The memory
 * is the caller's, the handle ends with iom_memory_remove() or iom_close().
 *
 * -EINVAL (va is NULL; alignment; length 0; flags), -EEXIST (a part is declared already in this
 * domain), -EFAULT (past the end of the address space), -ENOMEM, -EPERM; on POWER as iom_map().
 */
int iom_memory_add(struct iom_domain *dom, void *va, uint64_t length, unsigned int flags,
		   struct iom_memory **mem);

/*
 * The end of the promise: what streams have mapped of it is unmapped, and when this returns 0, mem
 * is dead.
 *
 * -EBUSY (something is in flight in it, or mapped by iom_map() or iom_mapv(); mem lives on), -EIO
 * (the kernel refused to unmap: that is quarantined, as by iom_unmap(), and mem is dead), -EPERM.
 */
int iom_memory_remove(struct iom_memory *mem);

/* The streaming maps of one queue.  One thread uses it at a time. */
struct iom_stream;

/*
 * Open a stream.  It ends with iom_stream_close() or iom_close().
 *
 * -ENODEV (no device is attached), -ENOMEM, -EPERM.
 */
int iom_stream_open(struct iom_domain *dom, struct iom_stream **stream);

/*
 * Close a stream.  What is still in flight through it is no longer: the device has stopped using
 * it.  What it has mapped of declared memory stays for others.  NULL is ignored.
 */
void iom_stream_close(struct iom_stream *stream);

/* A part of what was mapped, contiguous in IOVAs. */
struct iom_segment {
	iom_iova_t iova;
	uint64_t length;
	uint64_t cookie; /* the library's; 0: there is nothing to undo */
};

#define IOM_NOWAIT 0x20u /* no system call and no lock that is waited for: -EAGAIN instead */

/*
 * Let the device reach length bytes at va, of any alignment, until iom_dma_unmap(): returns how
 * many segments were filled, which are the memory in the order of its addresses.  flags is
 * IOM_MAP_READ (the device reads), IOM_MAP_WRITE or both, and perhaps IOM_NOWAIT.
 *
 * What is mapped (other than as an alias) is found as by iom_translate(): what the device may do
 * there, the mapping's flags decide, and it is for the caller not to unmap it meanwhile.  What is
 * declared is mapped in granules that may stay mapped, and that all streams of the domain share;
 * when the apertures, entry_limit or RLIMIT_MEMLOCK are exhausted, those that nothing is in flight
 * in are unmapped, some at a time.  All else is mapped for this call alone, in whole pages: the
 * device reaches what else is in them, too.
 *
 * A segment ends where the IOVAs jump and where a granule ends, so that length bytes are at most
 * length / 4096 + 2 segments, and a part of one mapping, or of declared memory of 2 MiB and less,
 * is one or two.  The same memory may be in flight several times, also in several streams.
 *
 * On failure nothing is in flight that was not before.  -EINVAL (flags, length 0, n 0), -EMSGSIZE
 * (more than n segments), -EAGAIN (see IOM_NOWAIT; or there is no room until something that is in
 * flight ends), -EFAULT (also: the memory was declared without these flags), and as iom_map():
 * -ENOSPC, -ERANGE, -ENOMEM, -ENODEV, -EIO (also instead of the first error, if the kernel
 * refused to undo: that is quarantined), -EPERM, and on POWER -EINVAL, -EBUSY, -EMFILE,
 * -EOPNOTSUPP.  iom_errmsg() is left as it was: where a map was refused, by the library or the
 * kernel, the log (IOM_LOG_DEBUG) has the sentence.
 */
int iom_dma_map(struct iom_stream *stream, void *va, uint64_t length, unsigned int flags,
		struct iom_segment *segments, size_t n);

/* For iom_dma_unmap() alone: all but one segment with nothing to undo. */
int iom_dma_release(struct iom_stream *stream, const struct iom_segment *segments, size_t n);

/*
 * The end of what iom_dma_map() of the same stream has filled: the device does not use it any more.
 * When it returns, the device cannot reach memory that is neither mapped nor declared.  Segments
 * end each once, in any order.
 *
 * -EIO (the kernel refused to unmap, and the IOVA is quarantined, as by iom_unmap()), -EINVAL (a
 * segment that was ended before, as far as that can be told), -EPERM.  All others are ended.
 */
static inline int iom_dma_unmap(struct iom_stream *stream, const struct iom_segment *segments,
				size_t n)
{
	if (n == 1 && !segments->cookie)
		return 0;
	return iom_dma_release(stream, segments, n);
}

/* Since iom_stream_open(); each segment that was filled counts in one of the first four. */
struct iom_stream_counters {
	size_t size;        /* in: sizeof(struct iom_stream_counters) */
	uint64_t mapped;    /* was mapped anyway */
	uint64_t hits;      /* in a granule that this stream had in use before */
	uint64_t misses;    /* in a granule that it had not: perhaps a kernel call */
	uint64_t transient; /* neither mapped nor declared: two kernel calls */
	uint64_t evictions; /* granules that this stream had unmapped to make room */
	uint64_t again;     /* -EAGAIN */
};

/*
 * Read the counters into a struct of the size that the caller set; a longer one has its tail
 * zeroed.  From the thread that uses the stream.  -EINVAL (counters->size), -EPERM.
 */
int iom_stream_read_counters(const struct iom_stream *stream, struct iom_stream_counters *counters);

/* ---- DMA buffers ------------------------------------------------------------------------------ */

#define IOM_BUF_SHARED 0x1u  /* a memfd, for others to map: see iom_buf_info.fd */
#define IOM_BUF_ON_NODE 0x2u /* on opts->node, not on that of a device */

struct iom_buf_opts {
	size_t size;    /* sizeof(struct iom_buf_opts) */
	uint64_t flags; /* IOM_BUF_* */
	/*
	 * The smallest page that will do, a power of two; 0: any.  Of larger ones those are tried
	 * that would waste no more than an eighth of the length; this one, or the smallest that the
	 * kernel has above it, in any case.
	 */
	uint64_t least_page;
	uint64_t node;                   /* with IOM_BUF_ON_NODE; else 0 */
	const struct iom_device *device; /* on whose NUMA node; NULL: that attached last */
	/* NULL, or as for iom_map(); IOM_MAP_FIXED is not for buffers, so iova is 0 */
	const struct iom_map_opts *map;
};

/*
 * Memory for DMA: length bytes, or more where that is no multiple of the page, zeroed, and mapped
 * for reading and writing.  It is made of the largest pages that suit the length and that there
 * are, on the device's NUMA node, touched, and not there in a forked child.  Streams find it as
 * they do all that is mapped, at no cost.  It belongs to the library and ends as a region of
 * iom_map_file() does: with the last iom_unmap() of it, or iom_close().
 *
 * Pages are tried in this order: huge ones on the node, from large to small; the system's, on the
 * node or wherever there are any; and if least_page forbids these, huge ones of other nodes.
 * Where it is not the largest that suited, IOM_LOG_WARN says which ones lacked, and how to have
 * more of them, and iom_buf_read_info() tells.  NUMA nodes are left to the kernel where the
 * library was built without libnuma, or the device has none, or one without memory for this
 * process.
 *
 * As iom_map(), and: -EINVAL (least_page; IOM_BUF_ON_NODE, node; opts->device is not attached; a
 * fixed IOVA), -ENOMEM (no pages of least_page or more are free: the sentence says how many of
 * each size there are), -EMFILE (IOM_BUF_SHARED, or sysfs cannot be asked for huge pages).
 */
int iom_buf_alloc(struct iom_domain *dom, uint64_t length, const struct iom_buf_opts *opts,
		  struct iom_region *buf);

#define IOM_NODE_UNKNOWN UINT64_MAX

struct iom_buf_info {
	size_t size;   /* in: sizeof(struct iom_buf_info) */
	uint64_t page; /* bytes of its pages */
	uint64_t wanted; /* the largest that suited the length; if it is more than page, there was none */
	uint64_t node;    /* of its first page; or IOM_NODE_UNKNOWN */
	uint64_t nearest; /* the node that it was to be on; or IOM_NODE_UNKNOWN */
	int64_t fd;       /* with IOM_BUF_SHARED: the memfd, which is the library's; else -1 */
};

/*
 * What a buffer is made of, into a struct of the size that the caller set; a longer one has its
 * tail zeroed.  -EINVAL (info->size; buf is a region, but no buffer), -ENOENT (it was unmapped
 * before), -EPERM.
 */
int iom_buf_read_info(const struct iom_domain *dom, const struct iom_region *buf,
		      struct iom_buf_info *info);

/* Buffers of one size, in memory of iom_buf_alloc().  One thread uses it at a time. */
struct iom_buf_pool;

/* One of them, for the caller to keep by value. */
struct iom_buf {
	void *va;
	iom_iova_t iova;
};

/*
 * Open a pool of n buffers of length bytes; opts are of the memory for all of them.  A buffer
 * begins at a multiple of the power of two next to length, but of no more than the system's page,
 * and crosses no page of this size if it is no longer.  The pool ends with iom_buf_pool_close()
 * or iom_close(); its memory with iom_unmap_all(), too, after which nothing may be taken from it.
 *
 * -EINVAL (length 0, n 0, their product), and as iom_buf_alloc().
 */
int iom_buf_pool_open(struct iom_domain *dom, uint64_t length, uint64_t n,
		      const struct iom_buf_opts *opts, struct iom_buf_pool **pool);

/*
 * Close a pool: its buffers are dead, those too that were not put back (the log says how many).
 * NULL is ignored.
 */
void iom_buf_pool_close(struct iom_buf_pool *pool);

/*
 * Take a buffer; that which was put back last comes first, with what was in it.  No system call;
 * but with IOM_OPEN_STRICT each is mapped when it is taken and unmapped when it is put back.
 *
 * -EAGAIN (all are taken), -EPERM; with IOM_OPEN_STRICT as iom_map().  No sentence.
 */
int iom_buf_get(struct iom_buf_pool *pool, struct iom_buf *buf);

/*
 * Put it back.  -EINVAL (none of this pool, or it was put back before), -EIO (strict), -EPERM.  No
 * sentence.
 */
int iom_buf_put(struct iom_buf_pool *pool, const struct iom_buf *buf);

/* ---- Debugging -------------------------------------------------------------------------------- */

/*
 * IOM_OPEN_STRICT makes a device's stray access fault at once, in place of reaching whatever comes
 * next to a buffer or after it:
 *
 *	- every automatic IOVA is a fresh one, not used before in this domain, until all are used up;
 *	- on both sides of a mapping at least a page of IOVAs stays free;
 *	- iom_dma_map() keeps nothing mapped of declared memory: it is unmapped by iom_dma_unmap();
 *	- iom_close() tells the log (IOM_LOG_WARN) of each mapping and buffer that was still there.
 *
 * Fixed IOVAs are where the caller wants them.  What the library chooses differs, and nothing
 * else: a map for which there is only room that was used before, or without a gap, has that, and
 * iom_close() tells how often.  It costs a kernel call or two for each iom_dma_map() of declared
 * memory, which IOM_NOWAIT therefore refuses, as it does for all other memory.
 */

enum iom_what_state {
	IOM_WHAT_UNKNOWN = 0, /* in an aperture, and nothing is known to have been there */
	IOM_WHAT_MAPPED,
	IOM_WHAT_CHANGING,    /* a thread is mapping or unmapping it */
	IOM_WHAT_QUARANTINED, /* see iom_unmap() */
	IOM_WHAT_UNMAPPED,    /* and was mapped before */
	IOM_WHAT_BESIDE, /* nothing, but near to what is, or was, mapped: less than 1 MiB away */
	IOM_WHAT_OUTSIDE /* in no aperture of the domain */
};

/* What is, or was, at an IOVA. */
struct iom_what {
	size_t size;              /* in: sizeof(struct iom_what) */
	uint64_t state;           /* enum iom_what_state */
	struct iom_region region; /* that is meant; all zeros if there is none */
	uint64_t offset;          /* of the IOVA in it, modulo 2^64 where it is beside */
	uint64_t age;             /* IOM_WHAT_UNMAPPED: nanoseconds since; else 0 */
	char text[256]; /* "unmapped 5.7 us ago: + 0x40 in 0x1000 bytes at IOVA ...", for a person */
};

/*
 * Tell what an IOVA is or was, such as that of a fault in the kernel's log; of what was unmapped,
 * the last that had it, as far back as iom_open_opts.history goes.  Into a struct of the size
 * that the caller set; a longer one has its tail zeroed.
 *
 * -EINVAL (what->size), -EPERM.
 */
int iom_whatis(const struct iom_domain *dom, iom_iova_t iova, struct iom_what *what);

/* ---- The I/O path: no lock, no system call, no sentence ---------------------------------------- */

/* The IOVA of an address inside a region.  Nothing is checked. */
static inline iom_iova_t iom_region_iova(const struct iom_region *region, const void *va)
{
	return (uint64_t)(uintptr_t)va + region->delta;
}

/* The same, checked: -ENOENT unless all of length bytes at va lie in the region; length is not 0. */
static inline int iom_region_find(const struct iom_region *region, const void *va, uint64_t length,
				  iom_iova_t *iova)
{
	uint64_t offset = (uint64_t)(uintptr_t)va - (uint64_t)(uintptr_t)region->va;

	if (offset >= region->length || length - 1 >= region->length - offset)
		return -ENOENT;
	*iova = iom_region_iova(region, va);
	return 0;
}

/*
 * The IOVA of va, and how many of the length bytes from there are contiguous in IOVAs as well.
 * That is a guaranteed minimum: at least the smallest of length, the bytes left in the mapping, and
 * 2 MiB. If it is less than length, ask again at va + *contiguous.
 *
 * A call that races the unmap of the same memory finds either the mapping or -ENOENT.
 *
 * -ENOENT (va is not mapped, other than as an alias), -EINVAL (length 0), -EPERM.
 */
int iom_translate(const struct iom_domain *dom, const void *va, uint64_t length, iom_iova_t *iova,
		  uint64_t *contiguous);

/*
 * The other way round: the address of the memory behind an IOVA, aliases included, and how many of
 * the length bytes are contiguous, as for iom_translate().
 *
 * -ENOENT (nothing is mapped there), -EINVAL (length 0), -EPERM.
 */
int iom_iova_to_va(const struct iom_domain *dom, iom_iova_t iova, uint64_t length, void **va,
		   uint64_t *contiguous);

/* A part of a scatter list, as devices take it. */
struct iom_sge {
	iom_iova_t iova;
	uint64_t length;
};

/*
 * Translate the bytes of n pieces of memory, as iom_translate() does, into the fewest elements:
 * those that are next to each other in IOVAs are one.  At most 2^63 bytes in sum; pieces of length
 * 0 count for nothing.  Returns how many elements were filled; on failure their contents are
 * undefined.
 *
 * -ENOENT, -EINVAL (no bytes at all), -EMSGSIZE (more than max elements), -EPERM.
 */
int iom_translatev(const struct iom_domain *dom, const struct iovec *iov, size_t n,
		   struct iom_sge *sges, size_t max);

/*
 * The same into a list of pages, as NVMe's PRPs are: the IOVA of the first byte, then that of each
 * page of page bytes (the device's, a power of two, 512 or more) which follows.  So all pieces but
 * the first must begin, and all but the last end, at a multiple of page.  Returns how many were
 * filled.
 *
 * -ENOENT, -EINVAL (no bytes at all; page; a piece begins or ends within a page; a page is not
 * contiguous in IOVAs, or its IOVA no multiple of page), -EMSGSIZE (more than max pages), -EPERM.
 */
int iom_translate_pages(const struct iom_domain *dom, const struct iovec *iov, size_t n,
			uint64_t page, iom_iova_t *pages, size_t max);

/* ---- Counters --------------------------------------------------------------------------------- */

struct iom_counters {
	size_t size;                /* in: sizeof(struct iom_counters) */
	uint64_t mappings;          /* alive now; the parts that a cut left count each */
	uint64_t mapped_bytes;      /* in them */
	uint64_t quarantined_bytes; /* see iom_unmap() */
	uint64_t kernel_maps;       /* asked of the kernel since iom_open(), each a call or two */
	uint64_t kernel_unmaps;
	uint64_t entry_limit;  /* kernel mappings alive at once; UINT64_MAX: no limit */
	uint64_t entries_used; /* of these; UINT64_MAX: unknown (kernel before 5.10; no limit) */
};

/*
 * Read the counters into a struct of the size that the caller set; a longer one has its tail
 * zeroed.  -EINVAL (counters->size), -EPERM.
 */
int iom_read_counters(const struct iom_domain *dom, struct iom_counters *counters);

#ifdef __cplusplus
}
#endif

#endif /* LIBIOMMU_H */
