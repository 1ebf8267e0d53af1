/* SPDX-License-Identifier: BSD-3-Clause */
/* What cases about batches share. */
#ifndef BATCH_H
#define BATCH_H

#include "rig.h"

#define BATCH 8u

struct batch {
	struct iom_piece pieces[BATCH];
	struct iom_region regions[BATCH];
};

/* The order in which pieces are named, which is none of theirs. */
extern const unsigned int batch_order[BATCH];

/* Pieces of a page, each so many pages behind the one before, named out of order. */
void batch_lay_out(struct batch *b, char *p, uint64_t page, uint64_t stride);

/* Map them for reading and writing. */
int batch_map(struct fixture *f, struct batch *b, unsigned int flags);

/* Each region is its piece's, and what the tables and the device find there; or do not any more. */
enum outcome batch_works(struct fixture *f, struct rig *rig, const struct batch *b);
enum outcome batch_is_gone(struct fixture *f, struct rig *rig, const struct batch *b);

#endif
