// SPDX-License-Identifier: BSD-3-Clause
#include "slabs.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <linux/vfio.h>

#include "lib/error.h"
#include "lib/memlock.h"
#include "lib/radix.h"
#include "lib/space.h"

/* A container in which a slab is registered. */
struct entry {
	struct entry *next;
	const struct iom_slab_owner *owner;
	unsigned int uses;
	bool changing; /* a call for it is in the kernel */
};

/* A range of memory, whose ends are the same wherever it is registered. */
struct slab {
	struct iom_span span; /* in units of 4 KiB, like IOVAs */
	struct entry *entries;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t settled = PTHREAD_COND_INITIALIZER;
static struct iom_space slabs;

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

/* The last entry takes its slab with it. */
static void remove_entry(struct slab *slab, struct entry *entry)
{
	struct entry **link;

	for (link = &slab->entries; *link != entry; link = &(*link)->next)
		;
	*link = entry->next;
	free(entry);
	if (!slab->entries) {
		iom_space_remove(&slabs, &slab->span);
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

/* The same with the lock let go: the slab stays while it has an entry, and the entry while it is changing. */
static int call_unlocked(const struct slab *slab, struct entry *entry, unsigned long request)
{
	int ret;

	entry->changing = true;
	pthread_mutex_unlock(&lock);
	ret = call(slab, entry, request);
	pthread_mutex_lock(&lock);
	entry->changing = false;
	pthread_cond_broadcast(&settled);
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
				 strerror(err < 0 ? -err : err));
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

static int add_entry(struct slab *slab, const struct iom_slab_owner *owner)
{
	struct entry *entry;

	entry = malloc(sizeof(*entry));
	if (!entry)
		return iom_error(-ENOMEM, "no memory for a registration");
	*entry = (struct entry){ .next = slab->entries, .owner = owner };
	slab->entries = entry;
	return register_entry(slab, entry);
}

static int add_slab(const struct iom_slab_owner *owner, uint64_t start, uint64_t end)
{
	struct entry *entry = malloc(sizeof(*entry));
	struct slab *slab = malloc(sizeof(*slab));

	if (!entry || !slab) {
		free(entry);
		free(slab);
		return iom_error(-ENOMEM, "no memory for a registration");
	}
	*entry = (struct entry){ .owner = owner };
	*slab = (struct slab){
		.span = { .start = start, .end = end, .state = IOM_SPAN_MAPPED },
		.entries = entry,
	};
	iom_space_insert(&slabs, &slab->span);
	return register_entry(slab, entry);
}

/* One more use of the slab at unit, which is made if there is none; and where it ends. */
static int use_at(const struct iom_slab_owner *owner, uint64_t unit, uint64_t end, uint64_t *next)
{
	for (;;) {
		struct iom_span *span = iom_space_at(&slabs, unit);
		struct entry *entry = NULL;
		int ret = 0;

		if (span->start <= unit)
			entry = find_entry(slab_of(span), owner);
		if (entry && !entry->changing) {
			entry->uses++;
			*next = span->end;
			return 0;
		}
		if (entry)
			pthread_cond_wait(&settled, &lock);
		else if (span->start <= unit)
			ret = add_entry(slab_of(span), owner);
		else
			ret = add_slab(owner, unit, span->start < end ? span->start : end);
		if (ret < 0)
			return ret;
	}
}

/* One use less; the last one unregisters.  Where the slab ended. */
static int release_at(const struct iom_slab_owner *owner, uint64_t unit, uint64_t *next)
{
	struct slab *slab = slab_of(iom_space_at(&slabs, unit));
	struct entry *entry = find_entry(slab, owner);
	int ret;

	*next = slab->span.end;
	if (--entry->uses)
		return 0;
	ret = call_unlocked(slab, entry, VFIO_IOMMU_SPAPR_UNREGISTER_MEMORY);
	remove_entry(slab, entry);
	if (!ret)
		return 0;
	return iom_error(-EIO, "the kernel does not unregister memory: %s",
			 strerror(ret < 0 ? -ret : ret));
}

static int release(const struct iom_slab_owner *owner, uint64_t unit, uint64_t end)
{
	int ret = 0;

	while (unit < end)
		if (release_at(owner, unit, &unit) < 0)
			ret = -EIO;
	return ret;
}

struct units {
	uint64_t start, end;
};

static struct units widen(uintptr_t va, uint64_t length, uint64_t page)
{
	uint64_t first = va & ~(page - 1), last = (va + length - 1) | (page - 1);

	return (struct units){ first >> IOM_UNIT_SHIFT, (last >> IOM_UNIT_SHIFT) + 1 };
}

int iom_slabs_use(const struct iom_slab_owner *owner, uintptr_t va, uint64_t length, uint64_t page)
{
	struct units range = widen(va, length, page);
	struct iom_kept_error kept;
	uint64_t unit = range.start;
	int ret = 0;

	pthread_mutex_lock(&lock);
	if (!slabs.root)
		iom_space_init(&slabs);
	while (unit < range.end && !ret)
		ret = use_at(owner, unit, range.end, &unit);
	if (ret < 0) {
		iom_error_keep(&kept);
		(void)release(owner, range.start, unit);
		iom_error_restore(&kept);
	}
	pthread_mutex_unlock(&lock);
	return ret;
}

int iom_slabs_release(const struct iom_slab_owner *owner, uintptr_t va, uint64_t length,
		      uint64_t page)
{
	struct units range = widen(va, length, page);
	int ret;

	pthread_mutex_lock(&lock);
	ret = release(owner, range.start, range.end);
	pthread_mutex_unlock(&lock);
	return ret;
}

void iom_slabs_forget(const struct iom_slab_owner *owner)
{
	struct iom_span *span;
	uint64_t unit;

	pthread_mutex_lock(&lock);
	for (unit = 0; slabs.root && unit < IOM_SPACE_END;) {
		struct entry *entry;

		span = iom_space_at(&slabs, unit);
		unit = span->end;
		if (span->start >= IOM_SPACE_END)
			break;
		entry = find_entry(slab_of(span), owner);
		if (entry)
			remove_entry(slab_of(span), entry);
	}
	pthread_mutex_unlock(&lock);
}
