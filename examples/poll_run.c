// SPDX-License-Identifier: BSD-3-Clause
#include "poll_run.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "mix.h"
#include "poll_buffers.h"
#include "poll_journal.h"
#include "poll_pattern.h"
#include "sentence.h"

#define BATCH 32            /* completions taken at once */
#define TURNS_PER_CLOCK 256 /* empty ones */
#define SECOND_NS UINT64_C(1000000000)
#define POISON 0xa5 /* what the memory for a read holds before */

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * SECOND_NS + (uint64_t)now.tv_nsec;
}

/* ---- Which block next --------------------------------------------------------------------------- */

/* There is one that is not busy: slots with a block are fewer than blocks, see turn(). */
static bool pick_sequential(struct poll_run *run, uint64_t *block)
{
	do {
		*block = run->cursor;
		run->cursor = run->cursor + 1 < run->blocks ? run->cursor + 1 : 0;
	} while (run->busy[*block]);
	return true;
}

static bool pick_random(struct poll_run *run, uint64_t *block)
{
	*block = mix(run->random++) % run->blocks;
	while (run->busy[*block])
		*block = *block + 1 < run->blocks ? *block + 1 : 0;
	return true;
}

static bool pick_unwritten(struct poll_run *run, uint64_t *block)
{
	while (run->cursor < run->blocks && run->generations[run->cursor])
		run->cursor++;
	if (run->cursor == run->blocks)
		return false;
	*block = run->cursor++;
	return true;
}

/* ---- One command -------------------------------------------------------------------------------- */

static uint64_t slot_lba(const struct poll_run *run, const struct poll_slot *slot)
{
	return run->first_lba + slot->block * run->block_lbas;
}

/* Its buffer cannot be mapped now. */
static int wait_for_others(struct poll_run *run, struct poll_lane *lane, struct poll_slot *slot)
{
	if (!run->in_flight)
		return fail(-ENOSPC,
			    "there is no room to map the %" PRIu64 " bytes at %p, and no "
			    "command whose end would make some",
			    run->options->block, slot->buffer);
	slot->next = lane->waiting;
	lane->waiting = slot;
	lane->waited = run->ended;
	run->waiting++;
	return 0;
}

static int submit(struct poll_run *run, struct poll_lane *lane, struct poll_slot *slot)
{
	int n, ret;

	n = poll_buffer_map(run, lane, slot);
	if (n == -EAGAIN)
		return wait_for_others(run, lane, slot);
	if (n < 0)
		return n;
	ret = nvme_submit(lane->queue, slot->reading ? NVME_IO_READ : NVME_IO_WRITE,
			  slot_lba(run, slot), run->block_lbas, run->sges, (size_t)n, slot);
	if (ret < 0)
		return ret;
	run->in_flight++;
	slot->next = lane->starting;
	lane->starting = slot;
	return 0;
}

static int submit_read(struct poll_run *run, struct poll_lane *lane, struct poll_slot *slot)
{
	int ret;

	slot->reading = true;
	ret = poll_buffer_take(run, slot);
	if (ret < 0)
		return ret;
	if (run->options->mode == POLL_VERIFY)
		memset(slot->buffer, POISON, run->options->block);
	return submit(run, lane, slot);
}

static int submit_write(struct poll_run *run, struct poll_lane *lane, struct poll_slot *slot)
{
	uint32_t *generation = &run->generations[slot->block];
	int ret;

	slot->reading = false;
	ret = poll_buffer_take(run, slot);
	if (ret < 0)
		return ret;
	if (++*generation == 0)
		*generation = 1;
	poll_pattern_fill(slot->buffer, run->options->block, run->options->seed,
			  slot_lba(run, slot), *generation);
	return submit(run, lane, slot);
}

/* Once more for those that wait, if a command has ended since. */
static int submit_waiting(struct poll_run *run, struct poll_lane *lane)
{
	struct poll_slot *list = lane->waiting;
	int ret;

	if (!list || lane->waited == run->ended)
		return 0;
	lane->waiting = NULL;
	while (list) {
		struct poll_slot *slot = list;

		list = slot->next;
		run->waiting--;
		ret = submit(run, lane, slot);
		if (ret < 0)
			return ret;
	}
	return 0;
}

/* Commands of one batch start when the doorbell rings. */
static void ring(struct poll_run *run, struct poll_lane *lane)
{
	struct poll_slot *slot;

	if (!lane->starting)
		return;
	run->now_ns = now_ns();
	for (slot = lane->starting; slot; slot = slot->next)
		slot->started_ns = run->now_ns;
	lane->starting = NULL;
	nvme_ring(lane->queue);
}

/* The first error has the word; those that follow, from commands in flight, are only counted. */
static int refused(const struct poll_run *run, const struct poll_slot *slot, uint16_t status)
{
	if (run->error)
		return -EIO;
	return fail(-EIO, "the drive could not %s the %" PRIu64 " bytes at LBA %" PRIu64 ": %s",
		    slot->reading ? "read" : "write", run->options->block, slot_lba(run, slot),
		    nvme_status_words(status));
}

static void hex(char *text, const uint8_t *bytes, size_t n)
{
	for (size_t i = 0; i < n; i++)
		sprintf(text + 2 * i, "%02x", bytes[i]);
}

static int mismatch(const struct poll_run *run, const struct poll_slot *slot, size_t at)
{
	uint64_t lba = slot_lba(run, slot);
	uint32_t generation = run->generations[slot->block];
	size_t n = run->options->block - at;
	char expected[33], got[33];

	if (run->error)
		return -EILSEQ;

	n = n > 16 ? 16 : n;
	hex(got, (const uint8_t *)slot->buffer + at, n);
	poll_pattern_fill(run->scratch, run->options->block, run->options->seed, lba, generation);
	hex(expected, (const uint8_t *)run->scratch + at, n);

	return fail(-EILSEQ,
		    "data differs at byte %" PRIu64 " of the drive (byte %zu of the %" PRIu64
		    " at LBA %" PRIu64 "): expected %s, got %s",
		    lba * run->ctrl->lba_size + at, at, run->options->block, lba, expected, got);
}

static int verify(struct poll_run *run, const struct poll_slot *slot)
{
	size_t length = run->options->block;
	size_t at;

	at = poll_pattern_check(slot->buffer, length, run->options->seed, slot_lba(run, slot),
				run->generations[slot->block]);
	if (at < length)
		return mismatch(run, slot, at);
	run->totals.verified += length;
	return 0;
}

static void idle(struct poll_run *run, struct poll_lane *lane, struct poll_slot *slot)
{
	poll_buffer_drop(run, slot);
	run->busy[slot->block] = 0;
	slot->next = lane->idle;
	lane->idle = slot;
}

/* A command is done: go on with its block, or leave it. */
static int complete(struct poll_run *run, struct poll_lane *lane,
		    const struct nvme_completion *done)
{
	struct poll_slot *slot = done->user;
	enum poll_direction direction = slot->reading ? POLL_READS : POLL_WRITES;
	int ret;

	run->in_flight--;
	run->ended++;
	ret = poll_buffer_unmap(lane, slot);
	if (!ret && done->status)
		ret = refused(run, slot, done->status);
	if (!ret) {
		run->totals.commands[direction]++;
		run->totals.bytes[direction] += run->options->block;
		if (run->measuring)
			histogram_add(&run->latency[direction], run->now_ns - slot->started_ns);
		if (!slot->reading)
			ret = poll_journal_written(run, slot->block);
		if (!ret && run->options->mode == POLL_VERIFY && !slot->reading) {
			poll_buffer_drop(run, slot);
			return submit_read(run, lane, slot);
		}
		if (!ret && run->options->mode == POLL_VERIFY)
			ret = verify(run, slot);
	}

	idle(run, lane, slot);
	if (ret < 0)
		run->totals.errors++;
	return ret;
}

static int start(struct poll_run *run, struct poll_lane *lane)
{
	struct poll_slot *slot = lane->idle;
	uint64_t block;

	if (!run->pick(run, &block)) {
		run->wanted = false;
		return 0;
	}
	lane->idle = slot->next;
	slot->block = block;
	if (run->options->mode == POLL_READ)
		return submit_read(run, lane, slot);
	run->busy[block] = 1;
	return submit_write(run, lane, slot);
}

/* ---- A phase ------------------------------------------------------------------------------------ */

/* The first error ends the phase, once the queues are empty. */
static void end_on_error(struct poll_run *run, int error)
{
	if (error >= 0 || run->error)
		return;
	run->error = error;
	run->wanted = false;
}

/*
 * One visit to a queue pair.  Errors of commands and of data end the phase in order; the return value
 * is the driver's: then nothing can be waited for.
 */
static int turn(struct poll_run *run, struct poll_lane *lane)
{
	struct nvme_completion done[BATCH];
	int n, ret;

	n = nvme_poll(lane->queue, done, BATCH);
	if (n > 0)
		run->heard_ns = run->now_ns = now_ns();
	for (int i = 0; i < n; i++)
		end_on_error(run, complete(run, lane, &done[i]));

	if (n >= 0) {
		ret = submit_waiting(run, lane);
		if (ret < 0)
			return ret;
	}
	while (n >= 0 && run->wanted && lane->idle && !lane->waiting &&
	       run->in_flight + run->waiting < run->blocks) {
		ret = start(run, lane);
		if (ret < 0)
			return ret;
	}
	ring(run, lane);
	return n;
}

static int check_drive(const struct poll_run *run)
{
	uint64_t silent_ns = run->now_ns - run->heard_ns;

	if (!run->in_flight || silent_ns < SECOND_NS)
		return 0;
	if (silent_ns > NVME_TIMEOUT_MS * (SECOND_NS / 1000))
		return fail(-ETIMEDOUT,
			    "no answer from the drive for %d s, with %" PRIu64
			    " commands in flight",
			    NVME_TIMEOUT_MS / 1000, run->in_flight);
	return nvme_check(run->ctrl);
}

/* What takes a system call, or a person's attention. */
static int each_second(struct poll_run *run)
{
	int ret;

	ret = check_drive(run);
	if (ret < 0)
		return ret;
	if (!run->error)
		end_on_error(run, nvme_wanted_back(run->ctrl));
	if (run->progress)
		run->progress(run, !run->measuring);
	return 0;
}

static int phase(struct poll_run *run, bool (*pick)(struct poll_run *, uint64_t *), bool measuring)
{
	uint64_t begin_ns = now_ns();
	uint64_t limit_ns = measuring ? run->options->seconds * SECOND_NS : UINT64_MAX;
	uint64_t next_ns = begin_ns + SECOND_NS;
	unsigned int turns = 0;
	int ret, busy;

	run->pick = pick;
	run->cursor = 0;
	run->measuring = measuring;
	run->wanted = true;
	run->now_ns = run->heard_ns = begin_ns;

	while (run->wanted || run->in_flight || run->waiting) {
		busy = 0;
		for (uint16_t i = 0; i < run->ctrl->queue_count; i++) {
			ret = turn(run, &run->lanes[i]);
			if (ret < 0)
				return ret;
			busy |= ret;
		}
		if (!busy && ++turns % TURNS_PER_CLOCK)
			continue;

		run->now_ns = now_ns();
		if (run->now_ns - begin_ns >= limit_ns || *run->signal)
			run->wanted = false;
		if (run->now_ns >= next_ns) {
			if (measuring)
				run->measured_ns = run->now_ns - begin_ns;
			ret = each_second(run);
			if (ret < 0)
				return ret;
			next_ns += SECOND_NS;
		}
	}

	if (measuring)
		run->measured_ns = run->now_ns - begin_ns;
	return run->error;
}

static int flush(struct poll_run *run)
{
	struct nvme_queue *queue = run->lanes[0].queue;
	uint64_t deadline = nvme_now_ms() + NVME_TIMEOUT_MS;
	struct nvme_completion done;
	int ret;

	ret = nvme_submit(queue, NVME_IO_FLUSH, 0, 0, NULL, 0, NULL);
	if (ret < 0)
		return ret;
	nvme_ring(queue);

	while (!(ret = nvme_poll(queue, &done, 1))) {
		ret = nvme_check(run->ctrl);
		if (ret < 0)
			return ret;
		if (nvme_now_ms() > deadline)
			return fail(-ETIMEDOUT, "the drive does not finish a flush within %d s",
				    NVME_TIMEOUT_MS / 1000);
		nvme_pause();
	}
	if (ret < 0)
		return ret;
	return done.status
		       ? fail(-EIO, "the drive could not flush: %s", nvme_status_words(done.status))
		       : 0;
}

static int run_phases(struct poll_run *run)
{
	int ret = 0;

	if (run->options->seconds)
		ret = phase(run, run->options->random ? pick_random : pick_sequential, true);
	if (ret < 0 || run->options->mode == POLL_READ || *run->signal)
		return ret;

	ret = phase(run, pick_unwritten, false);
	if (ret < 0 || *run->signal)
		return ret;
	ret = flush(run);
	run->complete = ret == 0;
	return ret;
}

int poll_run(struct poll_run *run)
{
	int ret = run_phases(run);

	/* Errors of the driver itself belong to no command; that the drive is wanted back is none. */
	if (ret < 0 && ret != -ECANCELED && !run->totals.errors)
		run->totals.errors = 1;
	return ret;
}
