/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The device proves it: it sees guest RAM where the guest believes it to be, through the virtual
 * IOMMU too, and what was unmapped there it does not see any more.
 */
#ifndef VMM_PROOF_H
#define VMM_PROOF_H

#include <stdint.h>

#include "edu.h"
#include "vmm_space.h"
#include "vmm_stream.h"

struct vmm_proof {
	unsigned int ram;       /* transfers through guest physical addresses that were right */
	unsigned int window;    /* through the window */
	unsigned int unreached; /* attempts at what was unmapped, that changed nothing */
};

/*
 * Replay the whole stream, with the device looking at some of its mappings, and trying to reach
 * what was unmapped: the kernel's log has these faults.  -EILSEQ and a sentence if it sees what it
 * must not, or not what it must.
 *
 * On POWER hardware such a fault freezes the device; QEMU, whose device this is, does not.
 */
int vmm_prove(const struct vmm_space *space, const struct vmm_stream *stream, struct edu *edu,
	      struct vmm_proof *proof);

#endif /* VMM_PROOF_H */
