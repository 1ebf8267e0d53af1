// SPDX-License-Identifier: BSD-3-Clause
#include "strict.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "domain.h"
#include "error.h"
#include "map_steps.h"

/* As many mappings are told of one by one. */
#define REPORT_MOST 32

int iom_strict_init(struct iom_domain *dom, const struct iom_open_opts *opts)
{
	const char *word = secure_getenv("LIBIOMMU_STRICT");

	if (opts->flags & ~(uint64_t)IOM_OPEN_STRICT)
		return iom_error(-EINVAL, "unknown flags 0x%" PRIx64,
				 opts->flags & ~(uint64_t)IOM_OPEN_STRICT);
	if (word && *word && strcmp(word, "0") != 0 && strcmp(word, "1") != 0)
		return iom_error(-EINVAL, "LIBIOMMU_STRICT is '%.64s'; it is 1 or 0", word);
	dom->strict.on = opts->flags & IOM_OPEN_STRICT || (word && *word == '1');
	return 0;
}

/* ---- Places ---------------------------------------------------------------------------------- */

static const uint64_t zone_starts[IOM_STRICT_ZONES + 1] = {
	0,
	IOM_FOUR_GIB >> IOM_UNIT_SHIFT,
	(UINT64_C(1) << 59) >> IOM_UNIT_SHIFT,
	IOM_SPACE_END,
};

static unsigned int zone_of(uint64_t unit)
{
	unsigned int zone = 0;

	while (unit >= zone_starts[zone + 1])
		zone++;
	return zone;
}

static uint64_t larger(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

struct fresh {
	const struct iom_domain *dom;
	uint64_t start;
};

/* The lowest fit that was not used yet. */
static bool take_fresh(void *arg, const struct iom_fit *fit)
{
	struct fresh *fresh = arg;
	unsigned int zone;

	for (zone = 0; zone < IOM_STRICT_ZONES; zone++) {
		struct iom_fit part = *fit;

		part.first = larger(part.first,
				    larger(zone_starts[zone], fresh->dom->strict.used[zone]));
		if (part.end > zone_starts[zone + 1])
			part.end = zone_starts[zone + 1];
		if (part.first < part.end && part.end - part.first >= part.count &&
		    iom_space_fit(&fresh->dom->space, &part, &fresh->start))
			return true;
	}
	return false;
}

/*
 * What stays free on either side: the largest page of an aperture in which the memory may be, so
 * that the memory with its gaps has the same choice as without.
 */
static uint64_t gap_of(const struct iom_domain *dom, const struct iom_place *place)
{
	uint64_t whole = place->va | place->length, gap = dom->page_size, page;
	size_t i;

	for (i = 0; i < dom->automatic.n; i++) {
		page = iom_smallest_page(dom->automatic.v[i].page_sizes);
		if (page <= place->backing && !(whole & (page - 1)))
			gap = larger(gap, page);
	}
	return gap;
}

static bool choose_fresh(const struct iom_domain *dom, const struct iom_place *place,
			 uint64_t *start)
{
	struct fresh fresh = { .dom = dom };

	if (!iom_placement(&dom->automatic, place, take_fresh, &fresh))
		return false;
	*start = fresh.start;
	return true;
}

/* All are used up, as far as this memory may go: from the beginning, if that helps. */
static bool choose_again(struct iom_domain *dom, const struct iom_place *place, uint64_t *start)
{
	const struct iom_strict before = dom->strict;
	unsigned int zone;

	for (zone = 0; zone < IOM_STRICT_ZONES; zone++)
		if (zone_starts[zone] <= place->limit >> IOM_UNIT_SHIFT)
			dom->strict.used[zone] = 0;
	if (!choose_fresh(dom, place, start)) {
		dom->strict = before;
		return false;
	}
	dom->strict.turns++;
	return true;
}

int iom_strict_choose(struct iom_domain *dom, const struct iom_place *place, uint64_t backing,
		      uint64_t *start)
{
	const uint64_t gap = gap_of(dom, place);
	struct iom_place wide = *place;
	uint64_t first;
	int ret;

	wide.va -= gap;
	wide.length += 2 * gap;
	if (wide.length > place->length &&
	    (choose_fresh(dom, &wide, &first) || choose_again(dom, &wide, &first))) {
		*start = first + (gap >> IOM_UNIT_SHIFT);
		/* the gap behind it may be the one before the next */
		dom->strict.used[zone_of(first)] = *start + (place->length >> IOM_UNIT_SHIFT);
		return 0;
	}
	ret = iom_map_choose(dom, place, backing, start);
	if (!ret)
		dom->strict.bare++;
	return ret;
}

/* ---- What is left ---------------------------------------------------------------------------- */

static void report(const struct iom_domain *dom, const struct iom_span *span)
{
	iom_log(&dom->log, IOM_LOG_WARN,
		"strict: %s when the domain is closed: 0x%" PRIx64 " bytes at IOVA 0x%" PRIx64
		", of memory at 0x%" PRIx64,
		span->streamed ? "in flight through a stream" : "still mapped",
		iom_span_length(span), iom_span_iova(span), (uint64_t)span->va);
}

void iom_strict_report(struct iom_domain *dom)
{
	const struct iom_span *span;
	uint64_t n = 0, bytes = 0;

	if (!dom->strict.on)
		return;
	pthread_mutex_lock(&dom->table);
	iom_space_for_each(&dom->space, span) {
		if (span->state != IOM_SPAN_MAPPED)
			continue;
		if (n++ < REPORT_MOST)
			report(dom, span);
		else
			bytes += iom_span_length(span);
	}
	if (n > REPORT_MOST)
		iom_log(&dom->log, IOM_LOG_WARN,
			"strict: and 0x%" PRIx64 " bytes in %" PRIu64 " other mappings", bytes,
			n - REPORT_MOST);
	if (dom->strict.turns || dom->strict.bare)
		iom_log(&dom->log, IOM_LOG_WARN,
			"strict: there were too few IOVAs: %" PRIu64
			" times all had been used and were given out again; %" PRIu64
			" mappings had no gap around them",
			dom->strict.turns, dom->strict.bare);
	iom_log(&dom->log, IOM_LOG_INFO, "strict: %" PRIu64 " mappings were left", n);
	pthread_mutex_unlock(&dom->table);
}
