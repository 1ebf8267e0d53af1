/* SPDX-License-Identifier: BSD-3-Clause */
/* Address spaces that others map in, too: by descriptors of theirs, or by ours. */
#ifndef IOM_ADOPT_H
#define IOM_ADOPT_H

#include "aperture.h"
#include "libiommu.h"
#include "backends/backend.h"

struct iom_domain;

struct iom_adopted {
	bool on;
	struct iom_backend_adopted fds;
	struct iom_aperture_set ranges; /* that are ours; none: all */
};

/* Take the caller's options, which may be NULL.  -EINVAL, -E2BIG, -ENOMEM; a sentence. */
int iom_adopt_init(struct iom_domain *dom, const struct iom_adopt_opts *callers);
void iom_adopt_free(struct iom_domain *dom);

/* What of the normalized set lies in the ranges that are ours.  -ERANGE (nothing), -ENOMEM. */
int iom_adopt_limit(const struct iom_domain *dom, struct iom_aperture_set *set);

/* So many places are tried for a map, in two rounds. */
#define IOM_ADOPT_TRIES 24

/*
 * The kernel had something else in [start, start + count), in units: keep automatic IOVAs out of it,
 * and the more of what follows, the more often that has happened for one map.  The table lock is
 * held, as for the next.
 */
int iom_adopt_avoid(struct iom_domain *dom, uint64_t start, uint64_t count, unsigned int tries);

/* What others had may be free by now.  Whether there was any, in [start, end). */
bool iom_adopt_forget(struct iom_domain *dom, uint64_t start, uint64_t end);

#endif
