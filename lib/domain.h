/* SPDX-License-Identifier: BSD-3-Clause */
/* The domain as the core sees it. */
#ifndef IOM_DOMAIN_H
#define IOM_DOMAIN_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "backends/backend.h"
#include "aperture.h"
#include "libiommu.h"
#include "log.h"
#include "pool.h"
#include "radix.h"
#include "space.h"
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

	/* Atomic: read without a lock, set by attach and detach. */
	const struct iom_backend_ops *chosen; /* NULL until an attach has succeeded */
	uint64_t page_size;                   /* 0 while no device is attached */

	/*
	 * topology: attach and detach hold it for writing, what maps and unmaps for reading across
	 * its kernel call.  It covers all that follows up to table.
	 */
	pthread_rwlock_t topology;
	struct iom_backend *backend; /* NULL until the first attach that succeeds */
	struct iom_device *devices;
	struct iom_request *requests;      /* of apertures */
	bool holds;                        /* the backend holds, or has held, requested apertures */
	struct iom_aperture_set reported;  /* by the backend */
	struct iom_aperture_set apertures; /* these, and requested ones cut out of them */
	struct iom_aperture_set automatic; /* less what PCI functions and bridges decode */
	uint64_t coarsest;                 /* unit of an aperture */
	uint64_t reach;                    /* of the narrowest device */
	char *reasons;                     /* why backends were taken or passed over, or NULL */
	char *refusal; /* what the last attach that failed left to say, or NULL */
	char *narrow;  /* why there is no further aperture, or NULL: it was not tried */

	/* table: taken inside topology, never across a kernel call.  It covers what follows. */
	pthread_mutex_t table;
	pthread_cond_t settled; /* a span is no longer IOM_SPAN_CHANGING */
	struct iom_space space;
	struct iom_pool pool;
	uint64_t mappings, mapped_bytes, quarantined_bytes;

	/* atomic */
	uint64_t kernel_maps, kernel_unmaps;
};

/* iom_open() with another table of system calls and another list of backends: for tests. */
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

/* -EPERM, with a sentence, in a forked child. */
int iom_check_owner(const struct iom_domain *dom);

/* Whether the kernel knows the domain's mappings now; topology is held. */
bool iom_kernel_has_maps(const struct iom_domain *dom);

/* Whether the backend must know the page size behind memory. */
static inline bool iom_needs_backing(const struct iom_domain *dom)
{
	return dom->backend->ops->caps & IOM_CAP_BACKING;
}

/* The backend's unmap, counted.  topology is held. */
int iom_backend_unmap(struct iom_domain *dom, uint64_t iova, uint64_t length);

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

/* What the next mapping's generation will be. */
uint64_t iom_next_generation(void);

/* The end of a span that is neither mapped nor known to the kernel; the table lock is held. */
void iom_span_release(struct iom_domain *dom, struct iom_span *span);

/* The end of one that the kernel may still have; the sentence says why.  The table lock is held. */
void iom_span_quarantine(struct iom_domain *dom, struct iom_span *span);

/* A mapping as a backend takes it. */
struct iom_backend_map iom_span_map(const struct iom_span *span);

static inline uint64_t iom_span_iova(const struct iom_span *span)
{
	return span->start << IOM_UNIT_SHIFT;
}

static inline uint64_t iom_span_length(const struct iom_span *span)
{
	return (span->end - span->start) << IOM_UNIT_SHIFT;
}

#endif
