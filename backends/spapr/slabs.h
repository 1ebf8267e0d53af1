/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The memory that SPAPR containers have registered: pinned, and known to the kernel's TCE calls.
 *
 * The kernel keeps its list for the process, not for the container: what is registered in one must
 * be registered in another with the very same ends, or not overlap at all (mm_iommu_do_alloc in
 * arch/powerpc/mm/book3s64/iommu_api.c).  So this is the one table that all domains of a process
 * share.  It looks for a registration at each TCE, in a list: few and large ones are fast.
 *
 * The kernel does not refuse to unregister what is still mapped, and the memory is then lost until
 * reboot: so uses are counted here, and a slab ends with its last.
 */
#ifndef IOM_SPAPR_SLABS_H
#define IOM_SPAPR_SLABS_H

#include <stdint.h>

#include "lib/sys.h"

/* A container, as far as registrations go; it is known by the address of this. */
struct iom_slab_owner {
	const struct iom_sys *sys;
	int container;
};

/*
 * Have [va, va + length), widened to whole pages of the given size, registered in the container,
 * and count a use of it: what is not registered yet in one piece for each gap.  A sentence on
 * failure, and nothing is counted or registered: -ENOMEM, -EFAULT, -EIO, and -EBUSY: registered
 * otherwise, by something else in this process; or as a part of a slab that still has uses
 * elsewhere, when it was other memory perhaps.
 */
int iom_slabs_use(const struct iom_slab_owner *owner, uintptr_t va, uint64_t length, uint64_t page);

/*
 * The end of a use, when no TCE of the container leads to it any more.  What was widened then is
 * found again.  Unregisters what has no use left; -EIO if the kernel refuses.
 */
int iom_slabs_release(const struct iom_slab_owner *owner, uintptr_t va, uint64_t length,
		      uint64_t page);

/* The container was closed, which ended all its registrations. */
void iom_slabs_forget(const struct iom_slab_owner *owner);

#endif
