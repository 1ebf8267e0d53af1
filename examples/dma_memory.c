// SPDX-License-Identifier: BSD-3-Clause
#include "dma_memory.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "sentence.h"

void dma_space_init(struct dma_space *space, struct iom_domain *domain)
{
	space->domain = domain;
	space->low = UINT64_MAX;
	space->high = 0;
}

void dma_space_note(struct dma_space *space, iom_iova_t iova, uint64_t length)
{
	if (iova < space->low)
		space->low = iova;
	if (iova + (length - 1) > space->high)
		space->high = iova + (length - 1);
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
	return mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB,
		    -1, 0);
}

static int no_memory(int error, uint64_t length, uint64_t huge_page)
{
	if (huge_page && error == ENOMEM)
		return fail(-ENOMEM,
			    "%" PRIu64 " huge pages of %" PRIu64
			    " KiB are needed and the system has not as many free: reserve them "
			    "through /proc/sys/vm/nr_hugepages",
			    length / huge_page, huge_page >> 10);
	return fail(-error, "no %" PRIu64 " bytes of memory: %s", length, strerror(error));
}

/* A number of /proc/meminfo, 0 if it is not there. */
static uint64_t meminfo_kib(const char *label)
{
	size_t length = strlen(label);
	uint64_t value = 0;
	char line[128];
	FILE *file;

	file = fopen("/proc/meminfo", "re");
	if (!file)
		return 0;
	while (!value && fgets(line, sizeof(line), file))
		if (!strncmp(line, label, length))
			value = strtoull(line + length, NULL, 10);
	fclose(file);
	return value;
}

uint64_t dma_spare_memory(void)
{
	uint64_t available_kib = meminfo_kib("MemAvailable:");

	if (!available_kib)
		return UINT64_MAX;

	/* It is an estimate, and page tables, the IOMMU's too, come out of the same memory. */
	return (available_kib - available_kib / 16) * 1024;
}

/* Huge pages are counted by the kernel, which refuses what it has not. */
static int check_memory(uint64_t length, bool huge)
{
	uint64_t spare;

	if (huge)
		return 0;
	spare = dma_spare_memory();
	if (length > spare)
		return fail(-ENOMEM,
			    "%" PRIu64 " KiB of memory for the drive are needed and the system can "
			    "spare %" PRIu64 " KiB",
			    length >> 10, spare >> 10);
	return 0;
}

/* What is to be mapped, or declared; 0 or a negative errno and a sentence. */
static int reserve(const struct dma_space *space, uint64_t length, bool huge,
		   struct dma_memory *memory)
{
	uint64_t huge_page = huge ? meminfo_kib("Hugepagesize:") << 10 : 0;
	uint64_t unit = granule(space);
	void *va;
	int ret;

	if (huge && !huge_page)
		return fail(-EOPNOTSUPP, "this system has no huge pages");
	if (unit < huge_page)
		unit = huge_page;
	length = (length + unit - 1) & ~(unit - 1);

	ret = check_memory(length, huge);
	if (ret < 0)
		return ret;
	va = huge ? map_huge(length) : map_aligned(length, unit);
	if (va == MAP_FAILED)
		return no_memory(errno, length, huge_page);

	*memory = (struct dma_memory){ .va = va, .length = length };
	return 0;
}

int dma_alloc(struct dma_space *space, uint64_t length, unsigned int flags, bool huge,
	      struct dma_memory *memory)
{
	struct dma_memory new;
	int ret;

	ret = reserve(space, length, huge, &new);
	if (ret < 0)
		return ret;

	/* The library has the pages made, large ones where the system has them, before it maps them. */
	ret = iom_map(space->domain, new.va, new.length, flags, NULL, &new.region);
	if (ret < 0) {
		munmap(new.va, new.length);
		return fail(ret, "%s", iom_errmsg());
	}
	dma_space_note(space, new.region.iova, new.length);
	*memory = new;
	return 0;
}

int dma_declare(struct dma_space *space, uint64_t length, bool huge, struct dma_memory *memory)
{
	struct dma_memory new;
	int ret;

	ret = reserve(space, length, huge, &new);
	if (ret < 0)
		return ret;
	ret = iom_memory_add(space->domain, new.va, new.length, IOM_MAP_RW, &new.declared);
	if (ret < 0) {
		munmap(new.va, new.length);
		return fail(ret, "%s", iom_errmsg());
	}
	*memory = new;
	return 0;
}

int dma_free(struct dma_space *space, struct dma_memory *memory)
{
	int ret;

	if (!memory->va)
		return 0;

	ret = memory->declared ? iom_memory_remove(memory->declared)
			       : iom_unmap(space->domain, &memory->region);
	if (ret < 0)
		return fail(ret, "%s", iom_errmsg());

	munmap(memory->va, memory->length);
	memset(memory, 0, sizeof(*memory));
	return 0;
}
