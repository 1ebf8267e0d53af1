// SPDX-License-Identifier: BSD-3-Clause
/*
 * What a run needs before and after it: a span that fits the drive, memory, and the sum of what was
 * written.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "mix.h"
#include "poll_buffers.h"
#include "poll_journal.h"
#include "poll_pattern.h"
#include "poll_run.h"
#include "sentence.h"

#define MIB (UINT64_C(1) << 20)
#define DEFAULT_SPAN (64 * MIB)
#define MAX_LBAS 65536 /* of one command */

static int fit_block(const struct poll_options *options, const struct nvme_ctrl *ctrl)
{
	uint32_t unit = ctrl->lba_size;
	uint64_t most = (uint64_t)MAX_LBAS * unit;

	if (options->block % unit)
		return fail(-EINVAL,
			    "--bs: %" PRIu64 " is not a multiple of the drive's blocks, %u bytes",
			    options->block, unit);
	if (most > ctrl->max_transfer)
		most = ctrl->max_transfer;
	if (options->block > most)
		return fail(-EINVAL,
			    "--bs: %" PRIu64
			    " bytes are more than the drive moves at once, %" PRIu64,
			    options->block, most);
	if (options->depth >= NVME_CAP_MQES(ctrl->cap))
		return fail(-EINVAL, "--qd: the drive's queues hold at most %u commands, not %u",
			    NVME_CAP_MQES(ctrl->cap) - 1, options->depth);
	return 0;
}

static int fit_span(struct poll_options *options, const struct nvme_ctrl *ctrl)
{
	uint64_t capacity = ctrl->lbas * ctrl->lba_size;
	uint64_t room;

	if (options->offset % ctrl->lba_size)
		return fail(-EINVAL,
			    "--offset: %" PRIu64
			    " is not a multiple of the drive's blocks, %u bytes",
			    options->offset, ctrl->lba_size);
	if (options->offset >= capacity)
		return fail(-EINVAL, "--offset: %" PRIu64 " is past the drive's end, at %" PRIu64,
			    options->offset, capacity);

	room = capacity - options->offset;
	if (options->span > room)
		return fail(-EINVAL,
			    "--span: %" PRIu64
			    " bytes are more than the drive has from offset %" PRIu64 ", %" PRIu64,
			    options->span, options->offset, room);
	if (!options->span) {
		options->span = room < DEFAULT_SPAN ? room : DEFAULT_SPAN;
		options->span -= options->span % options->block;
	}
	if (!options->span)
		return fail(-EINVAL,
			    "--bs: no block of %" PRIu64 " bytes fits into the %" PRIu64
			    " bytes that are to be used",
			    options->block, room < DEFAULT_SPAN ? room : DEFAULT_SPAN);
	return 0;
}

int poll_run_fit(struct poll_run *run, struct poll_options *options, const struct nvme_ctrl *ctrl)
{
	int ret;

	ret = fit_block(options, ctrl);
	if (ret < 0)
		return ret;
	ret = fit_span(options, ctrl);
	if (ret < 0)
		return ret;

	run->options = options;
	run->first_lba = options->offset / ctrl->lba_size;
	run->block_lbas = (uint32_t)(options->block / ctrl->lba_size);
	run->blocks = options->span / options->block;
	run->random = mix(options->seed);
	return 0;
}

/* All that the run will have touched in the end; what calloc() gives costs nothing before. */
static int check_memory(const struct poll_run *run, uint64_t count)
{
	const struct poll_options *options = run->options;
	uint64_t spare = dma_spare_memory();
	uint64_t need;

	need = count * sizeof(*run->slots);
	if (options->mode != POLL_READ)
		need += run->blocks * (sizeof(*run->generations) + sizeof(*run->busy));
	need += poll_buffers_need(run);
	if (need > spare)
		return fail(-ENOMEM,
			    "the run needs %" PRIu64
			    " MiB of memory and the system can spare %" PRIu64
			    " MiB: choose a smaller --qd, --queues, --bs or --span",
			    (need + MIB - 1) / MIB, spare / MIB);
	return 0;
}

int poll_run_prepare(struct poll_run *run, struct nvme_ctrl *ctrl, struct dma_space *space)
{
	const struct poll_options *options = run->options;
	uint64_t count = (uint64_t)options->queues * options->depth;
	int ret;

	ret = check_memory(run, count);
	if (ret < 0)
		return ret;

	run->ctrl = ctrl;
	run->space = space;
	run->journal = -1;
	run->scratch = malloc(options->block);
	run->slots = calloc(count, sizeof(*run->slots));
	run->lanes = calloc(options->queues, sizeof(*run->lanes));
	run->generations = calloc(run->blocks, sizeof(*run->generations));
	run->busy = calloc(run->blocks, sizeof(*run->busy));
	if (!run->scratch || !run->slots || !run->lanes || !run->generations || !run->busy)
		return fail(-ENOMEM,
			    "no memory to keep account of %" PRIu64 " blocks and %" PRIu64
			    " commands",
			    run->blocks, count);
	for (uint64_t i = 0; i < count; i++) {
		struct poll_lane *lane = &run->lanes[i / options->depth];
		struct poll_slot *slot = &run->slots[i];

		lane->queue = &ctrl->queues[i / options->depth];
		slot->next = lane->idle;
		lane->idle = slot;
	}
	ret = poll_journal_open(run);
	if (ret < 0)
		return ret;
	return poll_buffers_open(run);
}

bool poll_run_cksum(const struct poll_run *run, uint32_t *crc)
{
	const struct poll_options *options = run->options;
	struct poll_cksum cksum;

	poll_cksum_start(&cksum);
	for (uint64_t i = 0; i < run->blocks; i++) {
		if (*run->signal)
			return false;
		poll_pattern_fill(run->scratch, options->block, options->seed,
				  run->first_lba + i * run->block_lbas, run->generations[i]);
		poll_cksum_add(&cksum, run->scratch, options->block);
	}
	*crc = poll_cksum_finish(&cksum);
	return true;
}

int poll_run_release(struct poll_run *run)
{
	int ret = run->space ? poll_buffers_close(run) : 0;
	int lost = run->space ? poll_journal_close(run) : 0;

	free(run->scratch);
	free(run->slots);
	free(run->lanes);
	free(run->generations);
	free(run->busy);
	return ret ? ret : lost;
}
