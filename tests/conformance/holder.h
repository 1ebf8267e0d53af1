/* SPDX-License-Identifier: BSD-3-Clause */
/* Somebody else in the process, who has opened what a domain of his would have, by the kernel's calls. */
#ifndef HOLDER_H
#define HOLDER_H

#include "harness.h"

struct holder {
	int space;     /* a container, or an iommufd; -1 while it is not open */
	uint32_t ioas; /* in an iommufd; 0: a container */
	int group, device;
};

/* The device at address, as the backend of this name has it.  -errno. */
int holder_open(struct holder *holder, const char *backend, const char *address);

/* -errno; an unmap of less is -EIO. */
int holder_map(const struct holder *holder, const void *va, uint64_t length, uint64_t iova);
int holder_unmap(const struct holder *holder, uint64_t length, uint64_t iova);

void holder_close(struct holder *holder);

#endif
