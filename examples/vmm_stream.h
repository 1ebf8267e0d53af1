/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a guest asks of its virtual IOMMU: maps and unmaps, made up from a seed, so that the same
 * ones can be made by different means.
 *
 * It is what a Linux guest's DMA API does for a busy device: mostly single pages, some runs of up
 * to 16, each in IOVAs that are aligned to its length, from the window's end downwards; those that
 * were given back last are used first; what was mapped first is mostly unmapped first; and one
 * direction each, but for a few.
 */
#ifndef VMM_STREAM_H
#define VMM_STREAM_H

#include <stddef.h>
#include <stdint.h>

#define VMM_MAX_RUN 16 /* pages */

struct vmm_request {
	uint64_t iova; /* from the window's start */
	uint64_t ram;  /* from the beginning of guest RAM; a multiple of length */
	uint32_t length;
	uint32_t flags; /* IOM_MAP_READ, IOM_MAP_WRITE; 0: unmap what a request before has mapped */
};

struct vmm_stream {
	struct vmm_request *requests;
	size_t count;
	size_t maps;
};

struct vmm_stream_config {
	uint64_t seed;
	uint64_t requests; /* at least; an odd number is rounded up */
	uint64_t live;     /* mappings at once, at most */
	uint64_t page;
	uint64_t window; /* bytes: VMM_MAX_RUN pages or more */
	uint64_t ram;    /* the same */
};

/* At the end nothing is mapped any more.  0, or -ENOMEM and a sentence. */
int vmm_stream_make(const struct vmm_stream_config *config, struct vmm_stream *stream);
void vmm_stream_free(struct vmm_stream *stream);

#endif /* VMM_STREAM_H */
