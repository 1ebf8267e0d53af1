/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The work of nic_poll: two cards, each of which sends frames to the other, at most so many under way,
 * and holds what comes against what must come.
 */
#ifndef NIC_RUN_H
#define NIC_RUN_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

#include "nic.h"
#include "nic_options.h"
#include "nic_pattern.h"

#define NIC_CARDS 2

/* A wire keeps the order: each frame that comes must be that which is due. */
struct nic_lane {
	struct nic *from;
	struct nic *to;
	struct nic_way way;
	uint64_t sent;
	uint64_t due; /* the number of the next one to come; all before it have come, or are lost */
	uint64_t received; /* right and wrong ones */
	uint64_t wrong;
	uint64_t lost;
	uint64_t foreign;
	uint64_t bytes; /* of those that were right */
	uint16_t shortest;
	uint16_t longest;
};

struct nic_run {
	const struct nic_options *options;
	const volatile sig_atomic_t *signal; /* ends the run when it is not 0 */
	/* Called once a second. */
	void (*progress)(const struct nic_run *run);
	uint64_t patience_ns; /* without any frame, before those under way are lost */

	struct iom_domain *domain;
	struct iom_buf_pool *pool;
	struct nic cards[NIC_CARDS];
	struct nic_lane lanes[NIC_CARDS]; /* from the card of the same number to the other one */

	uint64_t buffers; /* in the pool */
	uint64_t page;    /* bytes of the pages that they are in; 0: unknown */
	struct nic_counts counts[NIC_CARDS];
	uint64_t started_ns;
	uint64_t now_ns;
	uint64_t heard_ns; /* of any card, last */
	bool heard;        /* since now_ns */
};

/* The cards are open: a pool of buffers, and rings; then wait for the links. */
int nic_run_prepare(struct nic_run *run);

/*
 * Send and check all frames, or those under way when a signal came.  -EILSEQ: some were lost or
 * wrong; -ECANCELED: somebody wants a card back.
 */
int nic_run(struct nic_run *run);

/* Once the cards are closed. */
void nic_run_release(struct nic_run *run);

#endif /* NIC_RUN_H */
