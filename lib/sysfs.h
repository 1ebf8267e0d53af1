/* SPDX-License-Identifier: BSD-3-Clause */
/* What sysfs says of PCI functions and IOMMU groups. */
#ifndef IOM_SYSFS_H
#define IOM_SYSFS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sys.h"

/* "0000:01:00.0"; segments may have more than four digits. */
#define IOM_PCI_ADDRESS_MAX 20

/* Read an address, "01:00.0" being in segment 0, into its full form; -EINVAL with a sentence. */
int iom_pci_address(const char *text, char address[IOM_PCI_ADDRESS_MAX]);

/* A file or link of sysfs cannot be read, for another reason than that it is not there. */
int iom_sysfs_error(const char *path, int err);

/* -ENODEV, with a sentence, if there is no such function. */
int iom_sysfs_device_exists(const struct iom_sys *sys, const char *address);

/* The driver that a function is bound to; "" if none. */
int iom_sysfs_driver(const struct iom_sys *sys, const char *address, char *driver, size_t n);

/*
 * The memory that PCI functions and bridges decode, all of the machine's: a call of range with
 * each; a non-zero answer ends it.  *all becomes false if something may not be read.
 */
typedef int iom_sysfs_range_fn(void *arg, uint64_t start, uint64_t last);
int iom_sysfs_pci_memory(const struct iom_sys *sys, iom_sysfs_range_fn *range, void *arg,
			 bool *all);

/* The NUMA node that a function is on; -1: none, or not to be read. */
int iom_sysfs_node(const struct iom_sys *sys, const char *address);

/* Its IOMMU group; -ENODEV, with a sentence, if no IOMMU covers it. */
int iom_sysfs_group(const struct iom_sys *sys, const char *address, unsigned int *group);

/* The functions of a group: a call of name with each address. */
int iom_sysfs_group_members(const struct iom_sys *sys, unsigned int group, iom_sys_name_fn *name,
			    void *arg);

/*
 * Who holds a device node open, as "process 17 (qemu)"; "another process", and false, if nobody is
 * seen to.
 */
bool iom_sysfs_holder(const struct iom_sys *sys, const char *node, char *who, size_t n);

#endif
