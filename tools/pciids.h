/* SPDX-License-Identifier: BSD-3-Clause */
/* The names of PCI devices, from the system's list of them (pci.ids), if it has one. */
#ifndef PCIIDS_H
#define PCIIDS_H

#include "pci.h"

/* The list is read once. */
void pciids_load(void);
void pciids_unload(void);

/* "Intel Corporation NVMe ...", or what is known of it: the class, "1b36:0010". */
void pciids_name(const struct pci_function *function, char *name, size_t n);

#endif
