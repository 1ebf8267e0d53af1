/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A guest's memory, and the I/O address space that its devices see: guest RAM at guest physical
 * addresses, and a window for the requests of its virtual IOMMU.
 *
 * Calls return 0 or a negative errno, and leave a sentence in fail_sentence().
 */
#ifndef VMM_SPACE_H
#define VMM_SPACE_H

#include <stdbool.h>
#include <stdint.h>

#include <libiommu.h>

#include "vmm_layout.h"
#include "vmm_options.h"
#include "vmm_stream.h"

#define VMM_MAX_PARTS 8
#define VMM_MAX_APERTURES 32

/* Guest RAM: a file in memory, as VMMs have it, so that others may be given it. */
struct vmm_ram {
	int fd;
	char *va;
	uint64_t length;
	uint64_t huge_page; /* 0: none */
};

/* A part of the RAM, at its guest physical address. */
struct vmm_part {
	struct vmm_range range;
	uint64_t offset;  /* in the RAM */
	uint64_t request; /* iom_aperture_request()'s */
	bool requested;
	bool mapped;
	struct iom_region region;
};

struct vmm_space {
	struct iom_domain *domain;
	const struct vmm_ram *ram;
	struct vmm_part parts[VMM_MAX_PARTS];
	int part_count;
	uint64_t placed; /* bytes of RAM; from there on it has no place */
	uint64_t window_request;
	bool window_requested;
	struct iom_aperture window;
	/* Why the RAM is not in one piece below, and above 4 GiB: the host's words; "": it is. */
	char low_reason[256];
	char high_reason[256];
};

/* Zeroed memory for the guest; all of it is there. */
int vmm_ram_open(struct vmm_ram *ram, const struct vmm_options *options);
void vmm_ram_close(struct vmm_ram *ram);

/*
 * Ask for the apertures and map the RAM, in a domain with a device.  After a failure too,
 * vmm_space_close() is needed.
 */
int vmm_space_open(struct vmm_space *space, struct iom_domain *domain, const struct vmm_ram *ram,
		   const struct vmm_options *options);

/* Give all of it back; -EBUSY if something of it is left in the domain. */
int vmm_space_close(struct vmm_space *space);

/* The guest physical address of a byte of RAM that has a place. */
uint64_t vmm_space_gpa(const struct vmm_space *space, uint64_t offset);

/* A request of the virtual IOMMU. */
int vmm_space_request(const struct vmm_space *space, const struct vmm_request *request);

#endif /* VMM_SPACE_H */
