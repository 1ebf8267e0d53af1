/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The one contract between the core (lib/) and a backend.
 *
 * The core decides everything that can be decided from its own tables before it calls: arguments
 * are in order, ranges lie in an aperture that the backend reported and overlap nothing.  A backend
 * turns that into kernel calls, checks what the kernel answers, and explains a refusal in one
 * sentence (iom_error), which the core prefixes with what was being done.
 *
 * Locks: attach, detach, apertures, add_aperture, undo_aperture, unmap_all, close_device and destroy
 * are called with the domain's topology lock held for writing, so alone.  wants_aperture, map and
 * unmap are called with it held for reading: from several threads at once, on disjoint ranges.  So
 * are device_state and recover.
 */
#ifndef IOM_BACKEND_H
#define IOM_BACKEND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/aperture.h"
#include "lib/log.h"
#include "lib/sysfs.h"
#include "lib/sys.h"

struct iom_backend_ops;

/* What the caller expects of the domain, for windows to be planned by. */
struct iom_backend_plan {
	uint64_t bytes;                 /* mapped at once */
	uint64_t page;                  /* the page size of most of it */
	uint64_t base;                  /* the smallest page that memory of this machine has */
	uint64_t memory;                /* of the machine; 0: not known */
	bool bytes_stated, page_stated; /* by the caller, and not by default */
};

/*
 * An address space that somebody else has made: a container, or an iommufd and the id of an IOAS in
 * it (0: a container).  It is not ours to close, nor to change but by maps of our own.
 */
struct iom_backend_adopted {
	int fd;
	uint32_t ioas;
};

/* By which others can map in ours; -1 for what it does not have. */
struct iom_backend_fds {
	int container, group, iommufd;
	uint32_t ioas;
};

struct iom_backend {
	const struct iom_backend_ops *ops;
	const struct iom_sys *sys;
	const struct iom_log *log;
	struct iom_backend_plan plan;
	bool replays; /* what was mapped before the last detach will be mapped again */
	/*
	 * NULL: it makes its own address space.  Else -EOPNOTSUPP is its answer to what is of
	 * another kind, and -EINVAL to what is of none or lacks something.
	 */
	const struct iom_backend_adopted *adopted;
	bool shared; /* others map in it, too: -EEXIST of the kernel is no fault */
	/* aligned for anything, ops->priv_size bytes, zeroed */
	void *priv;
};

/* A device, as far as a backend knows it; the core's own struct contains it. */
struct iom_backend_device {
	char address[IOM_PCI_ADDRESS_MAX];
	unsigned int group; /* its IOMMU group */
	int fd;             /* the VFIO device fd, -1 while there is none: the backend's to set */
	bool borrowed; /* somebody else's, in the adopted address space: never opened or closed */
};

/* A piece of memory and where it goes. */
struct iom_backend_map {
	uintptr_t va;
	uint64_t iova, length;
	unsigned int flags; /* IOM_MAP_READ, IOM_MAP_WRITE */
	int fd;             /* -1, or the file that is mapped at va */
	uint64_t offset;    /* and from where in it */
	uint64_t rest;      /* length, and what will be mapped right after it for the same call */
	uint64_t backing;   /* the page size behind va, if IOM_CAP_BACKING asks for it */
};

/* Memory that is about to be mapped, wherever there is room. */
struct iom_backend_wish {
	uint64_t length;
	uint64_t backing; /* the smallest page behind it */
	uint64_t reach;   /* the last IOVA that may be used */
	bool full;        /* there was no room in the apertures that there are */
};

/* An aperture that the caller asks for: at start, or anywhere. */
struct iom_backend_room {
	bool anywhere;
	uint64_t start, length;
	uint64_t page; /* 0: any */
};

/* Capabilities, so that the core never asks which backend it has. */

/* A page of the IOMMU must not be larger than those of the memory, and map has one size of these. */
#define IOM_CAP_BACKING 0x1u

struct iom_backend_ops {
	const char *name;
	unsigned int caps;
	size_t priv_size; /* the core allocates the backend's own state */

	/*
	 * Make the device's DMA go through this address space, and open its fd.  The device is
	 * there, in a group, and bound to a VFIO driver.  On the first device also find out whether
	 * this backend works here at all: if not, the answer is -EOPNOTSUPP.  On failure nothing
	 * stays open or attached.
	 */
	int (*attach)(struct iom_backend *backend, struct iom_backend_device *dev);

	/*
	 * Undo attach.  The fd may have been closed before (-1), by close_device.  What the kernel
	 * refuses is logged.  Nothing is mapped any more when the last device is detached.
	 */
	void (*detach)(struct iom_backend *backend, struct iom_backend_device *dev);

	/* Close the device's fd, so that the kernel stops the device, and set it to -1. */
	void (*close_device)(struct iom_backend *backend, struct iom_backend_device *dev);

	/* Add what can be mapped for all attached devices to an empty set; freed by the caller. */
	int (*apertures)(struct iom_backend *backend, struct iom_aperture_set *set);

	/*
	 * Where apertures are made: whether memory like this deserves one that is not there yet;
	 * then make it, or explain why not.  After a refusal it is not wished for again.  NULL: all
	 * apertures are there from the beginning.
	 */
	bool (*wants_aperture)(const struct iom_backend *backend,
			       const struct iom_backend_wish *wish);
	int (*add_aperture)(struct iom_backend *backend, const struct iom_backend_wish *wish);

	/*
	 * The same for a caller who asks: have one whose pages are these, with this range or with
	 * so much room, up to reach; what was granted before must not be cut.  NULL: as above.
	 */
	int (*make_room)(struct iom_backend *backend, const struct iom_backend_room *room,
			 uint64_t reach, const struct iom_aperture_set *granted);

	/*
	 * These are granted, and no others: have the kernel hold them, and let go what was made for
	 * those that are not any more.  On failure nothing has changed.  NULL: nothing to do.
	 */
	int (*hold)(struct iom_backend *backend, const struct iom_aperture_set *granted);

	/* Take back the last change by one of these three, in which nothing was mapped since. */
	void (*undo_aperture)(struct iom_backend *backend);

	/*
	 * All or nothing; *left becomes true if the kernel may have kept a part of what failed.
	 * -EEXIST: somebody else with whom the address space is shared has mapped there.
	 */
	int (*map)(struct iom_backend *backend, const struct iom_backend_map *map, bool *left);

	/*
	 * Unmap [iova, iova + length), which is made of whole maps without a gap: what map was given
	 * is never cut.  Any failure means that parts may still be mapped.
	 */
	int (*unmap)(struct iom_backend *backend, uint64_t iova, uint64_t length);

	/*
	 * Whether this kernel has one call for all; then unmap everything: least bytes in sum, and
	 * as many as most if what is quarantined goes, too.
	 */
	bool (*can_unmap_all)(const struct iom_backend *backend);
	int (*unmap_all)(struct iom_backend *backend, uint64_t least, uint64_t most);

	/*
	 * The caller vouches that this memory, of pages of one size, stays: keep what makes maps in it
	 * cheap, for every device that is attached now or later.  undeclare ends all that was
	 * declared in a range; so does the detach of the last device.  As map and unmap, from
	 * several threads at once.  NULL, both: it would make no difference.
	 */
	int (*declare)(struct iom_backend *backend, uintptr_t va, uint64_t length, uint64_t page);
	int (*undeclare)(struct iom_backend *backend, uintptr_t va, uint64_t length);

	/*
	 * How many maps can be alive at once (UINT64_MAX: any number), and how many are
	 * (UINT64_MAX: the kernel does not say).  used NULL: without a system call.
	 */
	void (*entries)(const struct iom_backend *backend, uint64_t *limit, uint64_t *used);
	const char *entry_limit; /* what to raise, where there is a limit */

	/*
	 * Where the platform stops devices that err: the device's state, one of enum
	 * iom_device_state, with a sentence unless it works; -ENODEV if it is gone, -EOPNOTSUPP if
	 * this kernel cannot tell.  And back to IOM_DEVICE_WORKS, with all of its group, by one of
	 * IOM_RECOVER_* (0: it works anyway; 1: it was done); the backend sees to it that there
	 * is one at a time of each group.  NULL, both: it does not stop them.
	 */
	int (*device_state)(struct iom_backend *backend, const struct iom_backend_device *dev);
	int (*recover)(struct iom_backend *backend, const struct iom_backend_device *dev,
		       unsigned int flags);

	/*
	 * What the address space is known by, and with a device what its group is; -EINVAL, with a
	 * sentence: each group has its own.
	 */
	int (*fds)(const struct iom_backend *backend, const struct iom_backend_device *dev,
		   struct iom_backend_fds *fds);

	/* Close what attach left open for the next device. */
	void (*destroy)(struct iom_backend *backend);

	/* In a forked child: close the descriptors, and touch nothing else. */
	void (*forget)(struct iom_backend *backend, struct iom_backend_device *dev);
};

/* Those there are, in order of preference, ended by NULL. */
extern const struct iom_backend_ops *const iom_backends[];

extern const struct iom_backend_ops iom_backend_iommufd;
extern const struct iom_backend_ops iom_backend_powernv;
extern const struct iom_backend_ops iom_backend_pseries;
extern const struct iom_backend_ops iom_backend_type1;
extern const struct iom_backend_ops iom_backend_type1_iommufd;

#endif
