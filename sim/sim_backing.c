// SPDX-License-Identifier: BSD-3-Clause
/* How large the pages behind the process's memory are, or are stated to be. */
#include "sim/internal.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

/* The machine's page may be larger than that of the kernel below; hugetlb's is what it is. */
static uint64_t as_here(const struct iom_sim *sim, uint64_t page_size)
{
	return page_size < sim->page_size ? sim->page_size : page_size;
}

int iom_sim_find_vma(const struct iom_sim *sim, uint64_t addr, struct iom_vma *vma)
{
	uint64_t really;
	size_t i;
	int ret;

	ret = iom_sys_linux.find_vma(iom_sys_linux.ctx, -1, addr, vma);
	if (ret < 0)
		return ret;
	really = as_here(sim, vma->page_size);
	vma->page_size = really;
	/* pages of another size are another mapping */
	for (i = 0; i < sim->n_backings; i++) {
		const struct sim_backing *at = &sim->backings[i];

		if (addr < at->start) {
			if (vma->end > at->start)
				vma->end = at->start;
		} else if (addr >= at->end) {
			if (vma->start < at->end)
				vma->start = at->end;
		} else {
			if (vma->start < at->start)
				vma->start = at->start;
			if (vma->end > at->end)
				vma->end = at->end;
			vma->page_size = at->page_size ? at->page_size : really;
		}
	}
	return 0;
}

static int add(struct iom_sim *sim, const struct sim_backing *backing)
{
	struct sim_backing *more;

	more = realloc(sim->backings, (sim->n_backings + 1) * sizeof(*more));
	if (!more)
		return -ENOMEM;
	more[sim->n_backings++] = *backing;
	sim->backings = more;
	return 0;
}

int iom_sim_add_backing(struct iom_sim *sim, uintptr_t va, uint64_t length, uint64_t page_size)
{
	const struct sim_backing backing = { va, va + length, page_size };

	return add(sim, &backing);
}

void iom_sim_remove_backing(struct iom_sim *sim, uintptr_t va)
{
	size_t i;

	for (i = sim->n_backings - 1; sim->backings[i].start != va; i--)
		;
	sim->n_backings--;
	for (; i < sim->n_backings; i++)
		sim->backings[i] = sim->backings[i + 1];
}

int iom_sim_set_backing(struct iom_sim *sim, const void *va, uint64_t length, uint64_t page_size)
{
	const struct sim_backing backing = {
		(uintptr_t)va,
		(uintptr_t)va + length,
		page_size,
	};
	int ret = -EINVAL;

	pthread_mutex_lock(&sim->lock);
	if (!page_size || (page_size >= sim->page_size && !(page_size & (page_size - 1))))
		ret = add(sim, &backing);
	pthread_mutex_unlock(&sim->lock);
	return ret;
}

/* Where the kernel below has smaller pages, ask for more, and give back what is around. */
int iom_sim_alloc_pages(const struct iom_sim *sim, size_t length, void **pages)
{
	const size_t ours = (size_t)sysconf(_SC_PAGESIZE);
	const size_t slack = sim->page_size > ours ? sim->page_size - ours : 0;
	size_t before;
	void *p;
	int ret;

	if (length > SIZE_MAX - slack - ours)
		return -ENOMEM;
	length = (length + ours - 1) & ~(ours - 1);
	ret = iom_sys_linux.alloc_pages(iom_sys_linux.ctx, length + slack, &p);
	if (ret < 0)
		return ret;
	before = -(uintptr_t)p & (sim->page_size - 1);
	if (before)
		munmap(p, before);
	if (slack > before)
		munmap((char *)p + before + length, slack - before);
	*pages = (char *)p + before;
	return 0;
}
