/* SPDX-License-Identifier: BSD-3-Clause */
/* What of the kernel and the machine decides whether userspace drivers can work at all. */
#ifndef HOST_H
#define HOST_H

#include <stdbool.h>
#include <stddef.h>

#include "pci.h"

enum host_kind {
	HOST_OTHER,   /* VFIO's type1 */
	HOST_PSERIES, /* POWER, below a hypervisor */
	HOST_POWERNV, /* POWER, bare metal */
};

struct host {
	enum host_kind kind;
	char release[64]; /* of the kernel, "6.12.9-amd64" */
	unsigned int major, minor;
	char command_line[4096];
	bool has_groups;    /* at least one IOMMU group */
	bool has_vfio_pci;  /* the driver is there */
	bool has_container; /* VFIO's driver of this machine's IOMMU is there: type1, or SPAPR */
	bool has_iommufd;   /* and VFIO's devices have nodes of their own, as far as can be told */
	bool is_x86;
};

void host_read(struct host *host);

bool host_is_before(const struct host *host, unsigned int major, unsigned int minor);

/* Whether a word is on the kernel's command line. */
bool host_was_told(const struct host *host, const char *word);

/* The kernel module that has the IOMMU's container: "vfio_iommu_type1". */
const char *host_container_module(const struct host *host);

/* Which of the library's backends could serve a function, by name; their number. */
#define HOST_BACKENDS 3
size_t host_backends(const struct host *host, const struct pci_function *function,
		     const char *names[HOST_BACKENDS]);

/* The first of these in the usual folders; NULL if there is none. */
const char *host_program(const char *const *names);

#endif
