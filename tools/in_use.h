/* SPDX-License-Identifier: BSD-3-Clause */
/* Whether the system itself hangs on a PCI function: file systems, swap, the way to the network. */
#ifndef IN_USE_H
#define IN_USE_H

#include <stdbool.h>
#include <stddef.h>

/*
 * "/ is mounted from sda1, and the default route leads through eth0": true; else false.  What lies
 * between is followed: partitions, device mapper, RAID, multipath NVMe, bonds, bridges, VLANs.
 */
bool in_use_by_system(const char *address, char *what, size_t n);

/* Whether a process holds the function's VFIO nodes, as far as we may look: "process 17 (qemu)". */
bool in_use_by_process(const char *address, int group, char *who, size_t n);

#endif
