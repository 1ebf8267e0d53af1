/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Memory for DMA: allocated, mapped into a libiommu domain, and accounted for, so that a program can
 * say at the end which IOVAs it used.
 */
#ifndef DMA_MEMORY_H
#define DMA_MEMORY_H

#include <stdbool.h>
#include <stdint.h>

#include <libiommu.h>

/* All DMA memory of a program. */
struct dma_space {
	struct iom_domain *domain;
	iom_iova_t low; /* the lowest and the highest IOVA ever mapped; low > high before the first */
	iom_iova_t high;
};

/* One piece.  All members zero: none. */
struct dma_memory {
	void *va;
	uint64_t length;
	struct iom_region region;    /* if it is mapped */
	struct iom_memory *declared; /* if it is declared */
};

void dma_space_init(struct dma_space *space, struct iom_domain *domain);

/*
 * How many more bytes of memory the system can give to be pinned, UINT64_MAX if it does not say.  Asking
 * for more does not fail: the OOM killer comes.
 */
uint64_t dma_spare_memory(void);

/*
 * At least length bytes, zeroed, that the device may access as flags (IOM_MAP_READ, IOM_MAP_WRITE)
 * say; with huge, from the system's pool of huge pages, of its default size.  0 or a negative errno
 * and a sentence.
 */
int dma_alloc(struct dma_space *space, uint64_t length, unsigned int flags, bool huge,
	      struct dma_memory *memory);

/* The same of memory that is declared for streams, in both directions, and not mapped. */
int dma_declare(struct dma_space *space, uint64_t length, bool huge, struct dma_memory *memory);

/* IOVAs that the device was given besides. */
void dma_space_note(struct dma_space *space, iom_iova_t iova, uint64_t length);

/*
 * Unmap and free memory that the device does not use any more.  If the kernel refuses to unmap, the
 * memory stays, since the device may still reach it.  None is ignored.
 */
int dma_free(struct dma_space *space, struct dma_memory *memory);

/* The IOVA of an address inside the memory. */
static inline iom_iova_t dma_iova(const struct dma_memory *memory, const void *va)
{
	return iom_region_iova(&memory->region, va);
}

#endif /* DMA_MEMORY_H */
