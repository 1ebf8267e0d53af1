/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * QEMU's edu device (docs/specs/edu.rst in QEMU): a PCI function that copies between memory and a
 * buffer of its own, at any IOVA that it is told.  It reports success whatever happened: only
 * memory is evidence.
 */
#ifndef EDU_H
#define EDU_H

#include <stdbool.h>
#include <stdint.h>

#include "vfio_pci.h"

/* QEMU before 10 aborts on a transfer of the whole buffer of 4096. */
#define EDU_MAX 2048

struct edu {
	struct vfio_pci pci;
	struct vfio_pci_bar bar;
	bool swapped; /* its registers have the other byte order than the bus */
};

/* 0 or a negative errno; -ENODEV if the device is none. */
int edu_open(struct edu *edu, int fd);
void edu_close(struct edu *edu);

/*
 * From memory at iova into the device's buffer, and from there to memory; -ETIMEDOUT if it never
 * ends.
 */
int edu_read(struct edu *edu, uint64_t iova, uint32_t n);
int edu_write(struct edu *edu, uint64_t iova, uint32_t n);

#endif
