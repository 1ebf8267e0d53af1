/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What was unmapped lately, for iom_whatis(): a ring, which costs nothing where nobody asked for it.
 * Its spans are marked (IOM_SPAN_NOTED), and are mapped and unmapped by the general ways only.
 */
#ifndef IOM_HISTORY_H
#define IOM_HISTORY_H

#include <stdint.h>

struct iom_domain;
struct iom_open_opts;
struct iom_span;

/* A mark in a span's flags, beside the caller's IOM_MAP_*: it is noted when it is unmapped. */
#define IOM_SPAN_NOTED 0x80000000u

struct iom_past {
	uint64_t start, end; /* as a span's */
	uintptr_t va;
	uint64_t generation;
	uint64_t when; /* the system's clock */
	unsigned int flags;
};

/* The table lock is held for all but its beginning and end. */
struct iom_history {
	struct iom_past *v;
	uint64_t n;        /* room; 0: nothing is noted */
	uint64_t noted;    /* ever; the last is at (noted - 1) % n */
	unsigned int mark; /* for the flags of spans: IOM_SPAN_NOTED or 0 */
};

/* With room for as many as opts want, or for some if the domain is strict; a sentence on failure. */
int iom_history_init(struct iom_domain *dom, const struct iom_open_opts *opts);
void iom_history_free(struct iom_domain *dom);

/* It is being unmapped. */
void iom_history_note(struct iom_domain *dom, const struct iom_span *span);

#endif
