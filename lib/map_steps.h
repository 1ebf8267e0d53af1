/* SPDX-License-Identifier: BSD-3-Clause */
/* The steps of a map. */
#ifndef IOM_MAP_STEPS_H
#define IOM_MAP_STEPS_H

#include "map.h"
#include "placement.h"

/*
 * What is wrong with a request in this domain, with the devices that are attached now.  Fills in
 * the limit and what is behind the memory.  topology is held.
 */
int iom_map_check(struct iom_domain *dom, struct iom_map_request *rq,
		  const struct iom_map_opts *opts);

/* Whether the memory can be claimed: an aperture is not made for what will be refused then. */
int iom_map_check_unmapped(struct iom_domain *dom, struct iom_map_request *rq);

/* Why memory could not be claimed, with ret from the tables, and where; the table lock is held. */
int iom_map_explain_claim(const struct iom_domain *dom, int ret, uint64_t taken);

/* The largest page that may serve a run where the library chooses: it can be cut as promised. */
static inline uint64_t iom_map_page_limit(const struct iom_domain *dom,
					  const struct iom_map_run *run)
{
	return dom->granule && dom->granule < run->backing ? dom->granule : run->backing;
}

/*
 * Choose IOVAs and occupy them, so that all that comes after the kernel's answer cannot fail: for
 * all runs or none.  The table lock is held, for all of these.
 */
int iom_map_reserve(struct iom_domain *dom, struct iom_map_request *rq);

/* The kernel mapped them: let readers see them. */
void iom_map_publish(struct iom_domain *dom, struct iom_map_request *rq);

/* It did not; what it may have kept is quarantined. */
void iom_map_give_up(struct iom_domain *dom, const struct iom_map_request *rq);

/* ---- What these are made of, for the short way ---------------------------------------------- */

/* Map as iom_map() does, in a process that opened the domain. */
int iom_map_generally(struct iom_domain *dom, uintptr_t va, uint64_t length, unsigned int flags,
		      const struct iom_map_opts *opts, struct iom_region *region);

/* The table lock is held, for the rest.  Where there is room, if there is any, without a word. */
bool iom_map_find(const struct iom_domain *dom, const struct iom_place *place, uint64_t *start);

/* The same, with a sentence if there is none; backing is the memory's own. */
int iom_map_choose(const struct iom_domain *dom, const struct iom_place *place, uint64_t backing,
		   uint64_t *start);

/* Whether the kernel will take so many mappings more, as far as we know. */
int iom_map_check_entries(const struct iom_domain *dom, uint64_t need);

/* Claim a span's memory and IOVAs in the tables. */
int iom_span_claim(struct iom_domain *dom, const struct iom_span *span);

/* The kernel has mapped it: let readers see it. */
void iom_span_publish(struct iom_domain *dom, struct iom_span *span);

/* What that is but for the tables. */
static inline void iom_span_mapped(struct iom_domain *dom, struct iom_span *span)
{
	span->state = IOM_SPAN_MAPPED;
	dom->mappings++;
	dom->mapped_bytes += iom_span_length(span);
	dom->streamed += span->streamed;
}

#endif
