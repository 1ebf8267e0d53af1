/* SPDX-License-Identifier: BSD-3-Clause */
/* The domain as the core sees it. */
#ifndef IOM_DOMAIN_H
#define IOM_DOMAIN_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "backends/backend.h"
#include "adopt.h"
#include "aperture.h"
#include "cache.h"
#include "cancel.h"
#include "history.h"
#include "libiommu.h"
#include "log.h"
#include "placement.h"
#include "pool.h"
#include "radix.h"
#include "space.h"
#include "strict.h"
#include "sys.h"

/* The page that holds the word which a forked child finds zeroed. */
#define IOM_OURS_BYTES IOM_UNIT

struct iom_device {
	struct iom_backend_device base;
	struct iom_domain *domain;
	struct iom_device *next;
	uint64_t reach; /* the last IOVA that it can drive */
};

struct iom_domain {
	/* Read without a lock; set before the domain is handed out. */
	struct iom_radix by_va;
	struct iom_radix by_iova;
	uint64_t *ours; /* in a page that a forked child finds zeroed */
	const struct iom_sys *sys;
	struct iom_log log;
	uint64_t granule;                              /* a power of two, or 0; see pieces.h */
	struct iom_backend_plan expected;              /* by the caller */
	const struct iom_backend_ops *const *backends; /* those to choose from */
	const struct iom_backend_ops *forced;          /* NULL: any of them */
	struct iom_adopted adopted;

	/* Atomic: read without a lock, set by attach and detach. */
	const struct iom_backend_ops *chosen; /* NULL until an attach has succeeded */
	uint64_t page_size;                   /* 0 while no device is attached */
	int vmas;   /* find_vma's descriptor, or negative; until the end of the domain */
	bool looks; /* plain maps need the page size behind memory */

	/*
	 * topology: attach and detach hold it for writing, what maps and unmaps for reading across
	 * its kernel call, or passes it; see topology.h.  It covers all that follows up to table.
	 */
	pthread_rwlock_t topology;
	struct iom_backend *backend; /* NULL until the first attach that succeeds */
	struct iom_device *devices;
	struct iom_request *requests;      /* of apertures */
	bool holds;                        /* the backend holds, or has held, requested apertures */
	struct iom_aperture_set reported;  /* by the backend */
	struct iom_aperture_set apertures; /* these, and requested ones cut out of them */
	struct iom_aperture_set automatic; /* less what PCI functions and bridges decode */
	struct iom_alike alike;            /* these, if they are alike, up to reach */
	bool is_plain;        /* no granule, none noted, and what the short way knows */
	uint64_t least;       /* the smallest page behind memory, where that counts */
	uint64_t entry_limit; /* the kernel's maps at once; UINT64_MAX: any number */
	uint64_t coarsest;    /* unit of an aperture */
	uint64_t reach;       /* of the narrowest device */
	char *reasons;        /* why backends were taken or passed over, or NULL */
	char *refusal;        /* what the last attach that failed left to say, or NULL */
	char *narrow;         /* why there is no further aperture, or NULL: it was not tried */

	/* table: taken inside topology, never across a kernel call.  It covers what follows. */
	pthread_mutex_t table;
	pthread_cond_t settled; /* a span is no longer IOM_SPAN_CHANGING */
	unsigned int waiting;   /* threads, for that */
	unsigned int passing;   /* threads, beside the topology lock; see topology.h */
	bool held;              /* topology, for writing: none may pass */
	struct iom_space space;
	struct iom_pool pool;
	uint64_t mappings, mapped_bytes, quarantined_bytes;
	uint64_t streamed; /* of the mappings, those of streams */
	uint64_t batches;  /* that have mappings */
	/* the kernel's own mappings, as far as we know; what is being changed or quarantined counts */
	uint64_t entries, quarantined_entries;
	struct iom_history history;
	struct iom_strict strict;
	struct iom_buf_pool *pools;

	struct iom_cache cache; /* with a lock of its own */

	/* atomic */
	uint64_t kernel_maps, kernel_unmaps;
};

/* iom_open() with another table of system calls, or another list of backends: for tests and simulate/. */
int iom_open_with(struct iom_domain **dom, const struct iom_open_opts *opts,
		  const struct iom_sys *sys, const struct iom_backend_ops *const *backends);

/* Locks do not change what a domain is to its reader. */
static inline struct iom_domain *iom_lockable(const struct iom_domain *dom)
{
	return (struct iom_domain *)(uintptr_t)dom;
}

/* Whether this process opened the domain: costs one load. */
static inline bool iom_is_ours(const struct iom_domain *dom)
{
	return __atomic_load_n(dom->ours, __ATOMIC_RELAXED);
}

/* -EPERM, with a sentence. */
int iom_not_ours(void);

/* The same, in a forked child. */
static inline int iom_check_owner(const struct iom_domain *dom)
{
	return iom_is_ours(dom) ? 0 : iom_not_ours();
}

/* Whether the kernel knows the domain's mappings now; topology is held. */
static inline bool iom_kernel_has_maps(const struct iom_domain *dom)
{
	return dom->devices;
}

/* Whether the backend must know the page size behind memory. */
static inline bool iom_needs_backing(const struct iom_domain *dom)
{
	return dom->backend->ops->caps & IOM_CAP_BACKING;
}

/* The backend's map and unmap, counted.  topology is held. */
static inline int iom_backend_map(struct iom_domain *dom, const struct iom_backend_map *map,
				  bool *left)
{
	__atomic_fetch_add(&dom->kernel_maps, 1, __ATOMIC_RELAXED);
	return dom->backend->ops->map(dom->backend, map, left);
}

static inline int iom_backend_unmap(struct iom_domain *dom, uint64_t iova, uint64_t length)
{
	__atomic_fetch_add(&dom->kernel_unmaps, 1, __ATOMIC_RELAXED);
	return dom->backend->ops->unmap(dom->backend, iova, length);
}

/*
 * Unmap everything, in the kernel as well if it has it: what iom_unmap_all(), and the end of the
 * domain, do.  topology is held for writing.
 */
int iom_unmap_everything(struct iom_domain *dom);

/*
 * Unmap in the kernel what it would otherwise drop with the last device, or, while that one's group
 * is kept busy, would not; the domain's own tables stay.  topology is held for writing.
 */
void iom_kernel_forget(struct iom_domain *dom);

/*
 * The same of what lies below a unit, which an attach that fails has mapped again.  The sentence stays.
 */
void iom_kernel_forget_again(struct iom_domain *dom, uint64_t end);

/*
 * What the next mapping's generation will be.  It is unique in the process, so that a region of one
 * domain is never taken for another's; 0 is none.
 */
uint64_t iom_next_generation(void);

/* The generations of the next n mappings, from the one that is returned on. */
uint64_t iom_take_generations(uint64_t n);

/*
 * Make sure that n spans more can be taken from the pool and put into the space, each perhaps with
 * another one that was removed from it: -ENOMEM.
 */
static inline int iom_spans_reserve(struct iom_domain *dom, size_t n)
{
	int ret;

	if (n <= dom->pool.n_unused && iom_space_has_room(&dom->space, 2 * n))
		return 0;
	ret = iom_pool_reserve(&dom->pool, n);
	return ret < 0 ? ret : iom_space_reserve(&dom->space, 2 * n);
}

/* Wait until another thread has settled some span.  The table lock is held. */
static inline void iom_wait_settled(struct iom_domain *dom)
{
	dom->waiting++;
	iom_cond_wait(&dom->settled, &dom->table);
	dom->waiting--;
}

/* Tell those who wait for it, if any.  The table lock is held. */
static inline void iom_tell_settled(struct iom_domain *dom)
{
	if (dom->waiting)
		pthread_cond_broadcast(&dom->settled);
}

/* The end of a span that is neither mapped nor known to the kernel; the table lock is held. */
void iom_span_release(struct iom_domain *dom, struct iom_span *span);

/* The end of one that the kernel may still have; the sentence says why.  The table lock is held. */
void iom_span_quarantine(struct iom_domain *dom, struct iom_span *span);

static inline uint64_t iom_span_iova(const struct iom_span *span)
{
	return span->start << IOM_UNIT_SHIFT;
}

static inline uint64_t iom_span_length(const struct iom_span *span)
{
	return (span->end - span->start) << IOM_UNIT_SHIFT;
}

/* A mapping as a backend takes it. */
static inline struct iom_backend_map iom_span_map(const struct iom_span *span)
{
	return (struct iom_backend_map){
		.va = span->va,
		.iova = iom_span_iova(span),
		.length = iom_span_length(span),
		.flags = span->flags & IOM_MAP_RW,
		.fd = -1,
		.rest = iom_span_length(span),
	};
}

#endif
