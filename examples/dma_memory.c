// SPDX-License-Identifier: BSD-3-Clause
#include "dma_memory.h"

#include <errno.h>
#include <inttypes.h>
#include <linux/mman.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "sentence.h"

#define HUGE_PAGE (UINT64_C(2) << 20)

void dma_space_init(struct dma_space *space, struct iom_domain *domain)
{
	space->domain = domain;
	space->low = UINT64_MAX;
	space->high = 0;
}

/* The IOMMU's smallest page may be larger than the processor's, and the other way round. */
static uint64_t granule(const struct dma_space *space)
{
	uint64_t iommu_page = iom_page_size(space->domain);
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);

	return iommu_page > page ? iommu_page : page;
}

/* length and align are multiples of the page size. */
static void *map_aligned(uint64_t length, uint64_t align)
{
	uint64_t slack = align - (uint64_t)sysconf(_SC_PAGESIZE);
	uint64_t head;
	char *va;

	va = mmap(NULL, length + slack, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (va == MAP_FAILED || !slack)
		return va;

	head = -(uint64_t)(uintptr_t)va & (align - 1);
	if (head)
		munmap(va, head);
	if (slack > head)
		munmap(va + head + length, slack - head);
	return va + head;
}

static void *map_huge(uint64_t length)
{
	return mmap(NULL, length, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB | MAP_HUGE_2MB, -1, 0);
}

static int no_memory(int error, uint64_t length, bool huge)
{
	if (huge && error == ENOMEM)
		return fail(-ENOMEM,
			    "%" PRIu64
			    " huge pages of 2 MiB are needed and the system has not as many "
			    "free: reserve them through "
			    "/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages",
			    length / HUGE_PAGE);
	if (huge)
		return fail(-error, "this system has no huge pages of 2 MiB: %s", strerror(error));
	return fail(-error, "no %" PRIu64 " bytes of memory: %s", length, strerror(error));
}

int dma_alloc(struct dma_space *space, uint64_t length, unsigned int flags, bool huge,
	      struct dma_memory *memory)
{
	uint64_t unit = granule(space);
	struct iom_region region;
	void *va;
	int ret;

	if (huge && unit < HUGE_PAGE)
		unit = HUGE_PAGE;
	length = (length + unit - 1) & ~(unit - 1);

	va = huge ? map_huge(length) : map_aligned(length, unit);
	if (va == MAP_FAILED)
		return no_memory(errno, length, huge);

	/*
	 * Written before it is mapped: kernels before 6.2 pin the shared page of zeros for memory that the
	 * device may only read and nobody has written yet, and the device would never see later writes.
	 */
	memset(va, 0, length);

	ret = iom_map(space->domain, va, length, flags, NULL, &region);
	if (ret < 0) {
		munmap(va, length);
		return fail(ret, "%s", iom_errmsg());
	}

	if (region.iova < space->low)
		space->low = region.iova;
	if (region.iova + (length - 1) > space->high)
		space->high = region.iova + (length - 1);
	memory->va = va;
	memory->region = region;
	return 0;
}

int dma_free(struct dma_space *space, struct dma_memory *memory)
{
	int ret;

	if (!memory->va)
		return 0;

	ret = iom_unmap(space->domain, &memory->region);
	if (ret < 0)
		return fail(ret, "%s", iom_errmsg());

	munmap(memory->va, memory->region.length);
	memset(memory, 0, sizeof(*memory));
	return 0;
}
