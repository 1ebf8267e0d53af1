/* SPDX-License-Identifier: BSD-3-Clause */
/* What cases about requested apertures share. */
#ifndef REQUEST_H
#define REQUEST_H

#include "harness.h"

/* A range that every machine here has, and every device can drive. */
#define ASKED LOW_IOVA
#define ASKED_LENGTH (4 * MIB)

/* More than any domain here has, with those that were asked for. */
#define N_LISTED 32

struct listed {
	struct iom_aperture v[N_LISTED];
	int n;
};

/* Ask for a range from start on, or for so many bytes anywhere; page 0: the smallest. */
int ask(const struct fixture *f, iom_iova_t start, uint64_t length, uint64_t page, uint64_t flags,
	uint64_t *id);
int ask_at(const struct fixture *f, iom_iova_t start, uint64_t length, uint64_t page, uint64_t *id);
int ask_anywhere(const struct fixture *f, uint64_t length, uint64_t page, uint64_t *id);

/* The apertures, which must be ascending and apart. */
enum outcome read_list(const struct fixture *f, struct listed *list);
enum outcome same_list(const struct fixture *f, const struct listed *before);

/* The one that contains these IOVAs, or NULL. */
const struct iom_aperture *find_listed(const struct listed *list, iom_iova_t start,
				       uint64_t length);

/* The request was granted, with this page, and is in the list of apertures by itself. */
enum outcome was_granted(const struct fixture *f, uint64_t id, uint64_t length, uint64_t page,
			 uint64_t flags, struct iom_aperture *aperture);

/* And at this place. */
enum outcome was_granted_at(const struct fixture *f, uint64_t id, iom_iova_t start, uint64_t length,
			    uint64_t page, uint64_t flags);

/* "0x...", as sentences have numbers. */
struct word {
	char text[24];
};

struct word in_hex(uint64_t n);

#endif
