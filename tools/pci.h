/* SPDX-License-Identifier: BSD-3-Clause */
/* The machine's PCI functions, as sysfs has them. */
#ifndef PCI_H
#define PCI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PCI_DEVICES "/sys/bus/pci/devices"
#define PCI_ADDRESS 24

struct pci_function {
	char address[PCI_ADDRESS]; /* "0000:01:00.0" */
	uint32_t class;            /* class, subclass, interface */
	uint16_t vendor;
	uint16_t device;
	char driver[64]; /* "": none */
	int group;       /* -1: none */
	int node;        /* of NUMA; -1: none */
};

/* "01:00.0" is in segment 0; -EINVAL and a sentence. */
int pci_address(const char *text, char address[PCI_ADDRESS]);

/* -ENODEV and a sentence if there is no such function. */
int pci_read(const char *address, struct pci_function *function);

/* All of them, by address, to be freed; -errno and a sentence. */
int pci_list(struct pci_function **list, size_t *n);

/* Those of a group. */
int pci_list_group(int group, struct pci_function **list, size_t *n);

/* A bridge between buses, or host bridge: it has no driver of ours. */
bool pci_is_bridge(const struct pci_function *function);

/* vfio-pci and its variants (mlx5_vfio_pci ...). */
bool pci_is_for_userspace(const char *driver);

/* A driver beside which the kernel lets others have the group: none, or one that does no DMA. */
bool pci_is_harmless(const char *driver);

/* "/dev/vfio/devices/vfio0", which the kernel may have for a function of vfio-pci's; else "". */
void pci_device_node(const char *address, char *node, size_t n);

#endif
