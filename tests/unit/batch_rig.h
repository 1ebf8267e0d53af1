/* SPDX-License-Identifier: BSD-3-Clause */
/* Pieces of memory, mapped together. */
#ifndef IOM_TEST_BATCH_RIG_H
#define IOM_TEST_BATCH_RIG_H

#include "tests/unit/domain_rig.h"

#define FOUR_GIB (4 * GIB)

static inline struct iom_piece piece_of(const void *va, uint64_t length)
{
	return (struct iom_piece){ .va = (void *)(uintptr_t)va, .length = length };
}

static inline struct iom_piece piece_at(const void *va, uint64_t length, uint64_t iova)
{
	return (struct iom_piece){ .va = (void *)(uintptr_t)va, .length = length, .iova = iova };
}

static inline int mapv(const struct iom_piece *pieces, size_t n, unsigned int flags,
		       struct iom_region *regions)
{
	return iom_mapv(rig.dom, pieces, n, IOM_MAP_RW | flags, NULL, regions);
}

static inline void shuffle(void *list, size_t n, size_t size, uint64_t *random)
{
	unsigned char *v = list, swap[64];
	size_t i;

	ck_assert_uint_le(size, sizeof(swap));
	for (i = n; i > 1; i--) {
		unsigned char *a = v + (i - 1) * size, *b = v + random_below(random, i) * size;

		memcpy(swap, a, size);
		memcpy(a, b, size);
		memcpy(b, swap, size);
	}
}

/* The region is the piece, and the device and the domain find it. */
static inline bool is_mapped_as(const struct iom_region *region, const struct iom_piece *piece)
{
	uint64_t iova, run;

	return region->va == piece->va && region->length == piece->length &&
	       region->delta == region->iova - (uintptr_t)region->va && dma_works(NVME, region) &&
	       !iom_translate(rig.dom, region->va, region->length, &iova, &run) &&
	       iova == region->iova;
}

/* Calls made to the kernel since they were counted last. */
struct kernel_calls {
	uint64_t maps, unmaps;
};

static inline struct kernel_calls kernel_calls(struct kernel_calls *before)
{
	struct kernel_calls since = { .maps = iom_sim_ioctls(rig.sim, rig_backend()->map),
				      .unmaps = iom_sim_ioctls(rig.sim, rig_backend()->unmap) };
	struct kernel_calls now = since;

	since.maps -= before->maps;
	since.unmaps -= before->unmaps;
	*before = now;
	return since;
}

#endif
