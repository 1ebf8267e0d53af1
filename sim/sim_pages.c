// SPDX-License-Identifier: BSD-3-Clause
/* Pages that areas of an IOAS show: drivers/iommu/iommufd/pages.c. */
#include "sim/iommufd.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>

/* How many of length bytes from offset in a page on. */
static uint64_t pages_of(const struct iom_sim *sim, uint64_t offset, uint64_t length)
{
	uint64_t bytes = offset + length;

	return bytes / sim->page_size + !!(bytes % sim->page_size);
}

static int make(const struct iom_sim *sim, uint64_t offset, uint64_t length, bool writable,
		bool per_mm, struct sim_pages **pages)
{
	struct sim_pages *new;

	if (!length || length > UINT64_MAX - sim->page_size)
		return -EINVAL;
	new = calloc(1, sizeof(*new));
	if (!new)
		return -ENOMEM;
	new->refs = 1;
	new->npages = pages_of(sim, offset, length);
	new->writable = writable;
	if (sim->ipc_lock)
		new->account = SIM_ACCOUNT_NONE;
	else
		new->account = per_mm ? SIM_ACCOUNT_MM : SIM_ACCOUNT_USER;
	*pages = new;
	return 0;
}

int iom_sim_pages_of_user(const struct iom_sim *sim, uint64_t vaddr, uint64_t length, bool writable,
			  bool per_mm, struct sim_pages **pages)
{
	uint64_t offset = vaddr & (sim->page_size - 1), end;
	int ret;

	if (length && length <= UINT64_MAX - sim->page_size &&
	    __builtin_add_overflow(vaddr, length, &end))
		return -EOVERFLOW;
	ret = make(sim, offset, length, writable, per_mm, pages);
	if (!ret)
		(*pages)->base = (*pages)->address = vaddr - offset;
	return ret;
}

/* memfd_pin_folios(): files in memory only, and none of it past their ends. */
static int check_file(int fd, uint64_t last)
{
	struct statfs fs;
	struct stat file;

	if (fstatfs(fd, &fs) || fstat(fd, &file))
		return -EINVAL;
	if (fs.f_type != TMPFS_MAGIC && fs.f_type != HUGETLBFS_MAGIC)
		return -EINVAL;
	return last < (uint64_t)file.st_size ? 0 : -EINVAL;
}

static void *map_file(int fd, uint64_t start, size_t length)
{
	void *p = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_SHARED, fd, (off_t)start);

	/* how the file was opened is nothing to the kernel */
	return p == MAP_FAILED ? mmap(NULL, length, PROT_READ, MAP_SHARED, fd, (off_t)start) : p;
}

int iom_sim_pages_of_file(const struct iom_sim *sim, int fd, uint64_t start, uint64_t length,
			  bool writable, bool per_mm, struct sim_pages **pages)
{
	uint64_t offset = start & (sim->page_size - 1), end;
	struct sim_pages *new;
	void *p;
	int ret;

	if (fcntl(fd, F_GETFD) < 0)
		return -EBADF;
	if (length && __builtin_add_overflow(start, length - 1, &end))
		return -EOVERFLOW;
	ret = make(sim, offset, length, writable, per_mm, &new);
	if (ret)
		return ret;
	new->address = start - offset;
	new->error = check_file(fd, (new->address + new->npages * sim->page_size) - 1);
	if (!new->error) {
		p = map_file(fd, new->address, new->npages * sim->page_size);
		if (p == MAP_FAILED) {
			free(new);
			return -ENOMEM;
		}
		new->base = (uintptr_t)p;
		new->file_length = new->npages * sim->page_size;
	}
	*pages = new;
	return 0;
}

void iom_sim_pages_put(struct sim_pages *pages)
{
	if (--pages->refs)
		return;
	if (pages->file_length)
		munmap((void *)(uintptr_t)pages->base, pages->file_length);
	free(pages);
}

/* ---- Pinning -------------------------------------------------------------------------------- */

static uint64_t first_page(const struct iom_sim *sim, const struct sim_map *area)
{
	return area->start_byte / sim->page_size;
}

static uint64_t last_page(const struct iom_sim *sim, const struct sim_map *area)
{
	return (area->start_byte + (area->last - area->iova)) / sim->page_size;
}

/*
 * The next run of pages of an area, from *first on, that no pinned area shows: *first and *last, or
 * false.
 */
static bool next_missing(const struct iom_sim *sim, const struct sim_map *area, uint64_t *first,
			 uint64_t *last)
{
	const struct sim_map *other;
	uint64_t end = last_page(sim, area);

again:
	if (*first > end)
		return false;
	*last = end;
	for (other = area->pages->pinned; other; other = other->next_pinned) {
		uint64_t from = first_page(sim, other), to = last_page(sim, other);

		if (from <= *first && to >= *first) {
			*first = to + 1;
			goto again;
		}
		if (from > *first && from - 1 < *last)
			*last = from - 1;
	}
	return true;
}

static uint64_t count_missing(const struct iom_sim *sim, const struct sim_map *area)
{
	uint64_t first = first_page(sim, area), last, n = 0;

	for (; next_missing(sim, area, &first, &last); first = last + 1)
		n += last - first + 1;
	return n;
}

static int charge(struct iom_sim *sim, const struct sim_pages *pages, uint64_t n)
{
	uint64_t limit = sim->memlock / sim->page_size;
	uint64_t *used = pages->account == SIM_ACCOUNT_USER ? &sim->user_pages : &sim->locked_pages;

	if (pages->account != SIM_ACCOUNT_NONE) {
		if (sim->memlock != IOM_SIM_UNLIMITED && *used + n > limit)
			return -ENOMEM;
		*used += n;
	}
	sim->pinned_pages += n;
	return 0;
}

static void uncharge(struct iom_sim *sim, const struct sim_pages *pages, uint64_t n)
{
	if (pages->account == SIM_ACCOUNT_USER)
		sim->user_pages -= n;
	else if (pages->account == SIM_ACCOUNT_MM)
		sim->locked_pages -= n;
	sim->pinned_pages -= n;
}

/* Is the memory of these pages there, as far as the area shows it. */
static int check_memory(const struct iom_sim *sim, const struct sim_map *area, uint64_t first,
			uint64_t last)
{
	uint64_t from = first * sim->page_size, to = (last + 1) * sim->page_size;
	uint64_t end = area->start_byte + (area->last - area->iova) + 1;

	if (area->pages->file_length)
		return 0;
	if (from < area->start_byte)
		from = area->start_byte;
	if (to > end)
		to = end;
	return iom_sim_memory_check(sim, area->pages->base + from, to - from,
				    area->pages->writable);
}

/* All are pinned, then mapped, and only then counted. */
int iom_sim_pages_pin(struct iom_sim *sim, struct sim_map *area)
{
	struct sim_pages *pages = area->pages;
	uint64_t first = first_page(sim, area), last;
	int ret = pages->error;

	for (; !ret && next_missing(sim, area, &first, &last); first = last + 1)
		ret = check_memory(sim, area, first, last);
	if (!ret && !area->flags)
		ret = -EINVAL; /* no page table has entries that permit nothing */
	if (!ret)
		ret = charge(sim, pages, count_missing(sim, area));
	if (ret)
		return ret;
	area->next_pinned = pages->pinned;
	pages->pinned = area;
	return 0;
}

void iom_sim_pages_unpin(struct iom_sim *sim, struct sim_map *area)
{
	struct sim_map **link;

	for (link = &area->pages->pinned; *link != area; link = &(*link)->next_pinned)
		;
	*link = area->next_pinned;
	uncharge(sim, area->pages, count_missing(sim, area));
}
