/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The work of nvme_poll: keep the queues full, look at what comes back, and know at each moment what
 * every block of the span must hold.
 */
#ifndef POLL_RUN_H
#define POLL_RUN_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

#include "dma_memory.h"
#include "nvme.h"
#include "poll_options.h"
#include "poll_stats.h"

/* Room for one command. */
struct poll_slot {
	struct poll_slot *next; /* in one of its lane's lists */
	void *buffer;           /* of the command under way: poll_buffers.h */
	struct iom_segment *segments;
	size_t segment_count;
	uint64_t block; /* index in the span */
	uint64_t started_ns;
	bool reading;
};

struct poll_lane {
	struct nvme_queue *queue;
	struct iom_stream *stream; /* NULL: buffers are mapped for good */
	struct poll_slot *idle;
	struct poll_slot *starting; /* when the doorbell rings */
	struct poll_slot *waiting;  /* for others to end, so that their buffers can be mapped */
	uint64_t waited;            /* run->ended, when it was tried last */
};

enum poll_direction {
	POLL_READS,
	POLL_WRITES,
	POLL_DIRECTIONS,
};

struct poll_totals {
	uint64_t bytes[POLL_DIRECTIONS];
	uint64_t commands[POLL_DIRECTIONS];
	uint64_t verified; /* bytes that were compared and found right */
	uint64_t errors;
};

struct poll_run {
	const struct poll_options *options;
	const volatile sig_atomic_t *signal; /* ends the run when it is not 0 */
	/* Called once a second; filling: the measurement is over. */
	void (*progress)(const struct poll_run *run, bool filling);

	struct nvme_ctrl *ctrl;
	struct dma_space *space;
	struct dma_memory write_memory; /* these two: POLL_MAPPED */
	struct dma_memory read_memory;
	struct dma_memory arena; /* POLL_DECLARED */
	struct iom_sge *sges;    /* where the data of a command is, while it is submitted */
	void *scratch;           /* a block, out of the drive's reach */
	struct poll_slot *slots;
	struct poll_lane *lanes;

	int journal; /* its descriptor; -1: none */

	/* the span */
	uint64_t first_lba;
	uint32_t block_lbas;
	uint64_t blocks;
	uint32_t *generations; /* how often each block was written: 0, then its content is unknown */
	uint8_t *busy;         /* blocks that a command in flight is about */

	/* the phase under way */
	bool (*pick)(struct poll_run *run, uint64_t *block);
	bool measuring;
	bool wanted; /* start more commands */
	uint64_t cursor;
	uint64_t random;
	uint64_t in_flight;
	uint64_t waiting; /* in the lanes' lists */
	uint64_t ended;   /* commands, ever */
	uint64_t now_ns;
	uint64_t heard_ns; /* of the drive, last */
	int error;         /* the first; then no more commands are started */

	/* results */
	struct poll_totals totals;
	struct histogram latency[POLL_DIRECTIONS]; /* of the measurement, ns */
	uint64_t measured_ns;
	bool complete; /* every block of the span has been written */
};

/*
 * Do the options make sense with this drive?  Fills in the span.  -EINVAL and a sentence that names
 * the option.
 */
int poll_run_fit(struct poll_run *run, struct poll_options *options, const struct nvme_ctrl *ctrl);

/* Memory and its mappings, for a run that fits; the queues of ctrl exist.  0 or a negative errno. */
int poll_run_prepare(struct poll_run *run, struct nvme_ctrl *ctrl, struct dma_space *space);

/*
 * Measure, then write what was not written yet, then flush.  After the first error, and after a
 * signal, only what is in flight is waited for.  -EILSEQ: data differs; -ECANCELED: somebody wants
 * the drive back.
 */
int poll_run(struct poll_run *run);

/* What cksum(1) must say of the span.  false if a signal came. */
bool poll_run_cksum(const struct poll_run *run, uint32_t *crc);

/* Once the drive is stopped. */
int poll_run_release(struct poll_run *run);

#endif /* POLL_RUN_H */
