// SPDX-License-Identifier: BSD-3-Clause
#include "slabs.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>

#include <linux/vfio.h>

#include "lib/cancel.h"
#include "lib/error.h"
#include "lib/memlock.h"
#include "lib/radix.h"
#include "lib/space.h"

/* A container in which a slab is registered. */
struct entry {
	struct entry *next;
	const struct iom_slab_owner *owner;
	unsigned int uses;
	unsigned int *pages; /* the uses of each; NULL: all uses are of the whole slab */
	bool lost;           /* the kernel did not unregister it: what it has of it is not known */
};

/* A range of memory, whose ends are the same wherever it is registered. */
struct slab {
	struct iom_span span; /* in units of 4 KiB, like IOVAs */
	unsigned int page_shift;
	struct entry *entries;
	struct entry first; /* of the container that it was made for */
	/*
	 * A call for it is in the kernel.  One that registers it may yet fail for memory that
	 * others have no use for, and two of these at once are an overlap to the kernel.
	 */
	bool changing;
};

/*
 * In a page that a forked child finds zeroed, which makes it a new one: the child's kernel knows
 * none of these registrations, and the lock may have been held by a thread that it does not have.
 */
struct registry {
	pthread_mutex_t lock;
	pthread_cond_t settled;
	unsigned int waiting; /* threads, for that */
	struct iom_space slabs;
};

static struct registry *shared; /* atomic; NULL until memory is first registered */

_Static_assert(sizeof(struct registry) <= IOM_UNIT, "a page holds it");

static struct registry *registry(void)
{
	return __atomic_load_n(&shared, __ATOMIC_ACQUIRE);
}

/* Zeroes are what glibc and musl initialise locks to. */
static int open_registry(void)
{
	struct registry *none = NULL;
	void *page;

	if (registry())
		return 0;
	if (iom_sys_linux.alloc_pages(iom_sys_linux.ctx, IOM_UNIT, &page) < 0)
		return iom_error(-ENOMEM, "no memory for the registry of registrations");
	if (!__atomic_compare_exchange_n(&shared, &none, page, false, __ATOMIC_ACQ_REL,
					 __ATOMIC_ACQUIRE))
		iom_sys_linux.free_pages(iom_sys_linux.ctx, page, IOM_UNIT);
	return 0;
}

static struct slab *slab_of(struct iom_span *span)
{
	return (struct slab *)span; /* the first member */
}

static struct entry *find_entry(const struct slab *slab, const struct iom_slab_owner *owner)
{
	struct entry *entry;

	for (entry = slab->entries; entry; entry = entry->next)
		if (entry->owner == owner)
			return entry;
	return NULL;
}

/* Pages of a slab, by their numbers in it. */
struct pages {
	size_t first, last;
};

static struct pages pages_of(const struct slab *slab, uint64_t unit, uint64_t end)
{
	const unsigned int shift = slab->page_shift - IOM_UNIT_SHIFT;

	if (end > slab->span.end)
		end = slab->span.end;
	return (struct pages){ (unit - slab->span.start) >> shift,
			       (end - 1 - slab->span.start) >> shift };
}

static bool is_whole(const struct slab *slab, struct pages pages)
{
	return !pages.first && pages.last == pages_of(slab, slab->span.start, slab->span.end).last;
}

/* Whether uses of the whole slab are all that there are of it in some container. */
static bool is_used_as_a_whole(const struct slab *slab)
{
	const struct entry *entry;

	for (entry = slab->entries; entry; entry = entry->next)
		if (entry->uses && !entry->pages && !entry->lost)
			return true;
	return false;
}

static bool is_used(const struct slab *slab, size_t page)
{
	const struct entry *entry;

	for (entry = slab->entries; entry; entry = entry->next)
		if (entry->pages && entry->pages[page])
			return true;
	return false;
}

/* Whether the kernel failed to unregister it there. */
static bool is_lost(const struct slab *slab, const struct iom_slab_owner *owner)
{
	const struct entry *entry = find_entry(slab, owner);

	return entry && entry->lost;
}

/*
 * Whether what is registered is what the process has there now.  What has no use left may have been
 * unmapped from the process, and other memory mapped in its place; the slab has the old one.
 */
static bool is_current(const struct slab *slab, struct pages pages)
{
	size_t i;

	if (is_used_as_a_whole(slab))
		return true;
	for (i = pages.first; i <= pages.last; i++)
		if (!is_used(slab, i))
			return false;
	return true;
}

/* Have room to count the uses of each page, where one is of a part of the slab. */
static int count_pages(const struct slab *slab, struct entry *entry, struct pages pages)
{
	size_t i, n = pages_of(slab, slab->span.start, slab->span.end).last + 1;

	if (entry->pages || is_whole(slab, pages))
		return 0;
	entry->pages = malloc(n * sizeof(*entry->pages));
	if (!entry->pages)
		return iom_error(-ENOMEM, "no memory for a registration");
	for (i = 0; i < n; i++)
		entry->pages[i] = entry->uses;
	return 0;
}

static void add_use(struct entry *entry, struct pages pages)
{
	size_t i;

	entry->uses++;
	for (i = pages.first; entry->pages && i <= pages.last; i++)
		entry->pages[i]++;
}

static void end_use(struct entry *entry, struct pages pages)
{
	size_t i;

	entry->uses--;
	for (i = pages.first; entry->pages && i <= pages.last; i++)
		entry->pages[i]--;
}

/* The last entry takes its slab with it. */
static void remove_entry(struct slab *slab, struct entry *entry)
{
	struct entry **link;

	for (link = &slab->entries; *link != entry; link = &(*link)->next)
		;
	*link = entry->next;
	free(entry->pages);
	if (entry != &slab->first)
		free(entry);
	if (!slab->entries) {
		iom_space_remove(&registry()->slabs, &slab->span);
		free(slab);
	}
}

static int call(const struct slab *slab, const struct entry *entry, unsigned long request)
{
	const struct iom_slab_owner *owner = entry->owner;
	struct vfio_iommu_spapr_register_memory arg = {
		.argsz = sizeof(arg),
		.vaddr = slab->span.start << IOM_UNIT_SHIFT,
		.size = (slab->span.end - slab->span.start) << IOM_UNIT_SHIFT,
	};

	return iom_sys_ioctl(owner->sys, owner->container, request, &arg);
}

/* The same with the lock let go: the slab stays while it has an entry, and that is the caller's. */
static int call_unlocked(struct slab *slab, const struct entry *entry, unsigned long request)
{
	int ret;

	slab->changing = true;
	pthread_mutex_unlock(&registry()->lock);
	ret = call(slab, entry, request);
	pthread_mutex_lock(&registry()->lock);
	slab->changing = false;
	if (registry()->waiting)
		pthread_cond_broadcast(&registry()->settled);
	return ret;
}

static int explain_register(const struct iom_sys *sys, uint64_t va, uint64_t length, int err)
{
	/* where only the first pages can be pinned, it answers with their number */
	if (err > 0)
		err = -EFAULT;
	switch (err) {
	case -ENOMEM:
		return iom_memlock_error(sys, length);
	case -EFAULT:
		return iom_error(-EFAULT,
				 "the memory at 0x%" PRIx64 " + 0x%" PRIx64
				 " is not there, or may not be written: on POWER, memory that is "
				 "read-only cannot be mapped",
				 va, length);
	case -EINVAL:
	case -EBUSY:
		return iom_error(-EBUSY,
				 "memory at 0x%" PRIx64 " + 0x%" PRIx64
				 " is registered already, by something else in this process that "
				 "uses VFIO",
				 va, length);
	default:
		return iom_error(-EIO, "the kernel does not register memory: %s",
				 iom_error_text(err));
	}
}

/* Register a slab in the container of an entry that is linked; unlinked again on failure. */
static int register_entry(struct slab *slab, struct entry *entry)
{
	const struct iom_sys *sys = entry->owner->sys;
	uint64_t va = slab->span.start << IOM_UNIT_SHIFT;
	uint64_t length = (slab->span.end - slab->span.start) << IOM_UNIT_SHIFT;
	int ret;

	ret = call_unlocked(slab, entry, VFIO_IOMMU_SPAPR_REGISTER_MEMORY);
	if (!ret)
		return 0;
	remove_entry(slab, entry);
	return explain_register(sys, va, length, ret);
}

/* A further container; it will be used there for these pages. */
static int add_entry(struct slab *slab, const struct iom_slab_owner *owner, struct pages pages,
		     struct entry **entry)
{
	struct entry *new;
	int ret;

	new = malloc(sizeof(*new));
	if (!new)
		return iom_error(-ENOMEM, "no memory for a registration");
	*new = (struct entry){ .owner = owner, .next = slab->entries };
	ret = count_pages(slab, new, pages);
	if (ret < 0) {
		free(new);
		return ret;
	}
	slab->entries = new;
	ret = register_entry(slab, new);
	if (!ret)
		*entry = new;
	return ret;
}

/* What begins at unit and ends at end, or where the next slab begins; with one use. */
static int add_slab(const struct iom_slab_owner *owner, uint64_t unit, uint64_t end, uint64_t page,
		    const struct iom_span *next, struct slab **slab)
{
	struct slab *new;
	int ret;

	new = malloc(sizeof(*new));
	if (!new)
		return iom_error(-ENOMEM, "no memory for a registration");
	new->span = (struct iom_span){
		.start = unit,
		.end = next->start < end ? next->start : end,
		.state = IOM_SPAN_MAPPED,
	};
	new->page_shift = (unsigned int)__builtin_ctzll(page);
	new->changing = false;
	new->first = (struct entry){ .owner = owner };
	new->entries = &new->first;
	if (iom_space_reserve(&registry()->slabs, 1) < 0) {
		free(new);
		return iom_error(-ENOMEM, "no memory for a registration");
	}
	iom_space_insert(&registry()->slabs, &new->span);
	ret = register_entry(new, &new->first);
	if (ret < 0)
		return ret;
	new->first.uses = 1;
	*slab = new;
	return 0;
}

static int explain_stale(const struct slab *slab)
{
	return iom_error(
		-EBUSY,
		"a part of this memory was unmapped before, but the kernel has it "
		"registered as it was then, together with what is still mapped within 0x%" PRIx64
		" to 0x%" PRIx64 "; unmap that first",
		slab->span.start << IOM_UNIT_SHIFT, (slab->span.end << IOM_UNIT_SHIFT) - 1);
}

/* Memory in use, in units. */
struct range {
	uint64_t start, end;
};

/* The slab at unit, when no call for it is in the kernel; or what comes next if there is none. */
static struct iom_span *settled_at(uint64_t unit)
{
	for (;;) {
		struct iom_span *span = iom_space_at(&registry()->slabs, unit);

		if (span->start > unit || !slab_of(span)->changing)
			return span;
		registry()->waiting++;
		iom_cond_wait(&registry()->settled, &registry()->lock);
		registry()->waiting--;
	}
}

/* One more use of a slab that is there. */
static int use_slab(const struct iom_slab_owner *owner, struct slab *slab, struct pages pages)
{
	struct entry *entry;
	int ret;

	if (is_lost(slab, owner) || !is_current(slab, pages))
		return explain_stale(slab);
	entry = find_entry(slab, owner);
	if (entry)
		ret = count_pages(slab, entry, pages);
	else
		ret = add_entry(slab, owner, pages, &entry);
	if (!ret)
		add_use(entry, pages);
	return ret;
}

/* One more use of the slab at unit, which is made if there is none; and where it ends. */
static int use_at(const struct iom_slab_owner *owner, uint64_t unit, uint64_t end, uint64_t page,
		  uint64_t *next)
{
	struct iom_span *span = settled_at(unit);
	struct slab *slab;
	int ret;

	if (span->start > unit) {
		ret = add_slab(owner, unit, end, page, span, &slab);
	} else {
		slab = slab_of(span);
		ret = use_slab(owner, slab, pages_of(slab, unit, end));
	}
	if (!ret)
		*next = slab->span.end;
	return ret;
}

/* One use less; the last one unregisters.  Where the slab ended. */
static int release_at(const struct iom_slab_owner *owner, uint64_t unit, uint64_t end,
		      uint64_t *next)
{
	struct slab *slab = slab_of(settled_at(unit));
	struct entry *entry = find_entry(slab, owner);
	int ret;

	*next = slab->span.end;
	end_use(entry, pages_of(slab, unit, end));
	if (entry->uses)
		return 0;
	ret = call_unlocked(slab, entry, VFIO_IOMMU_SPAPR_UNREGISTER_MEMORY);
	if (!ret) {
		remove_entry(slab, entry);
		return 0;
	}
	/* it goes with the container */
	entry->lost = true;
	entry->uses++;
	return iom_error(-EIO, "the kernel does not unregister memory: %s", iom_error_text(ret));
}

static int release(const struct iom_slab_owner *owner, uint64_t unit, uint64_t end)
{
	int ret = 0;

	while (unit < end)
		if (release_at(owner, unit, end, &unit) < 0)
			ret = -EIO;
	return ret;
}

static struct range widen(uintptr_t va, uint64_t length, uint64_t page)
{
	uint64_t first = va & ~(page - 1), last = (va + length - 1) | (page - 1);

	return (struct range){ first >> IOM_UNIT_SHIFT, (last >> IOM_UNIT_SHIFT) + 1 };
}

int iom_slabs_use(const struct iom_slab_owner *owner, uintptr_t va, uint64_t length, uint64_t page)
{
	struct range range = widen(va, length, page);
	struct iom_kept_error kept;
	uint64_t unit = range.start;
	int ret;

	ret = open_registry();
	if (ret < 0)
		return ret;
	pthread_mutex_lock(&registry()->lock);
	if (!iom_space_exists(&registry()->slabs))
		iom_space_init(&registry()->slabs);
	while (unit < range.end && !ret)
		ret = use_at(owner, unit, range.end, page, &unit);
	if (ret < 0) {
		iom_error_keep(&kept);
		(void)release(owner, range.start, unit);
		iom_error_restore(&kept);
	}
	pthread_mutex_unlock(&registry()->lock);
	return ret;
}

int iom_slabs_release(const struct iom_slab_owner *owner, uintptr_t va, uint64_t length,
		      uint64_t page)
{
	struct range range = widen(va, length, page);
	int ret;

	pthread_mutex_lock(&registry()->lock);
	ret = release(owner, range.start, range.end);
	pthread_mutex_unlock(&registry()->lock);
	return ret;
}

void iom_slabs_forget(const struct iom_slab_owner *owner)
{
	struct iom_span *span;
	uint64_t unit;

	if (!registry())
		return;
	pthread_mutex_lock(&registry()->lock);
	for (unit = 0; iom_space_exists(&registry()->slabs) && unit < IOM_SPACE_END;) {
		struct entry *entry;

		span = iom_space_at(&registry()->slabs, unit);
		unit = span->end;
		if (span->start >= IOM_SPACE_END)
			break;
		entry = find_entry(slab_of(span), owner);
		if (entry)
			remove_entry(slab_of(span), entry);
	}
	if (iom_space_exists(&registry()->slabs) &&
	    iom_space_is_free(&registry()->slabs, 0, IOM_SPACE_END))
		iom_space_destroy(&registry()->slabs);
	pthread_mutex_unlock(&registry()->lock);
}
