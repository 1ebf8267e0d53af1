// SPDX-License-Identifier: BSD-3-Clause
#include "poll_buffers.h"

#include <errno.h>
#include <inttypes.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#include "sentence.h"

#define ODD 16 /* bytes between declared buffers, so that they begin anywhere in a page */
#define NEW_FROM (128 << 10)

static uint64_t slot_count(const struct poll_run *run)
{
	return (uint64_t)run->options->queues * run->options->depth;
}

/* The most that iom_dma_map() makes of a block, and iom_translatev() too. */
static uint64_t max_segments(const struct poll_run *run)
{
	return run->options->block / 4096 + 2;
}

uint64_t poll_buffers_need(const struct poll_run *run)
{
	const struct poll_options *options = run->options;
	uint64_t each = options->hugepages ? 0 : options->block;

	switch (options->memory) {
	case POLL_MAPPED:
		if (options->mode == POLL_VERIFY)
			each *= 2;
		break;
	case POLL_MALLOC:
	case POLL_DECLARED:
		each += max_segments(run) * sizeof(struct iom_segment);
		break;
	}
	return slot_count(run) * each;
}

static int no_memory(const struct poll_run *run)
{
	return fail(-ENOMEM, "no memory for the buffers of %" PRIu64 " commands", slot_count(run));
}

/* The drive reads what is to be written, and writes what was read: it may do no more. */
static int open_mapped(struct poll_run *run)
{
	const struct poll_options *options = run->options;
	uint64_t bytes = slot_count(run) * options->block;
	int ret;

	if (options->mode != POLL_READ) {
		ret = dma_alloc(run->space, bytes, IOM_MAP_READ, options->hugepages,
				&run->write_memory);
		if (ret < 0)
			return ret;
	}
	if (options->mode == POLL_WRITE)
		return 0;
	return dma_alloc(run->space, bytes, IOM_MAP_WRITE, options->hugepages, &run->read_memory);
}

static int open_streams(struct poll_run *run)
{
	int ret;

	for (uint16_t i = 0; i < run->options->queues; i++) {
		ret = iom_stream_open(run->space->domain, &run->lanes[i].stream);
		if (ret < 0)
			return fail(ret, "%s", iom_errmsg());
	}
	for (uint64_t i = 0; i < slot_count(run); i++) {
		run->slots[i].segments = calloc(max_segments(run), sizeof(struct iom_segment));
		if (!run->slots[i].segments)
			return no_memory(run);
	}
	return 0;
}

static int open_foreign(struct poll_run *run)
{
	const struct poll_options *options = run->options;

	if (options->memory == POLL_DECLARED)
		return dma_declare(run->space, slot_count(run) * (options->block + ODD),
				   options->hugepages, &run->arena);
#ifdef M_MMAP_THRESHOLD
	/*
	 * Large ones are then new memory each time, often at the address of the last: what is hardest
	 * on whoever would keep anything of it.
	 */
	mallopt(M_MMAP_THRESHOLD, NEW_FROM);
#endif
	return 0;
}

int poll_buffers_open(struct poll_run *run)
{
	int ret;

	run->sges = calloc(max_segments(run), sizeof(*run->sges));
	if (!run->sges)
		return no_memory(run);
	if (run->options->memory == POLL_MAPPED)
		return open_mapped(run);

	ret = open_streams(run);
	return ret < 0 ? ret : open_foreign(run);
}

int poll_buffers_close(struct poll_run *run)
{
	struct dma_memory *memory[] = { &run->arena, &run->read_memory, &run->write_memory };
	int first = 0;
	int ret;

	/* Streams first: what they have in flight keeps memory declared. */
	for (uint16_t i = 0; run->lanes && i < run->options->queues; i++)
		iom_stream_close(run->lanes[i].stream);
	for (uint64_t i = 0; run->slots && i < slot_count(run); i++) {
		poll_buffer_drop(run, &run->slots[i]);
		free(run->slots[i].segments);
	}
	for (size_t i = 0; i < sizeof(memory) / sizeof(memory[0]); i++) {
		ret = dma_free(run->space, memory[i]);
		first = first < 0 ? first : ret;
	}
	free(run->sges);
	return first;
}

int poll_buffer_take(const struct poll_run *run, struct poll_slot *slot)
{
	uint64_t index = (uint64_t)(slot - run->slots);
	uint64_t block = run->options->block;

	switch (run->options->memory) {
	case POLL_MAPPED:
		slot->buffer =
			(char *)(slot->reading ? run->read_memory.va : run->write_memory.va) +
			index * block;
		break;
	case POLL_DECLARED:
		slot->buffer = (char *)run->arena.va + index * (block + ODD);
		break;
	case POLL_MALLOC:
		slot->buffer = malloc(block);
		break;
	}
	return slot->buffer ? 0 : no_memory(run);
}

void poll_buffer_drop(const struct poll_run *run, struct poll_slot *slot)
{
	if (run->options->memory == POLL_MALLOC)
		free(slot->buffer);
	slot->buffer = NULL;
}

/* It is mapped for good: where? */
static int translate(const struct poll_run *run, const struct poll_slot *slot)
{
	const struct iovec iov = { .iov_base = slot->buffer, .iov_len = run->options->block };
	int n;

	n = iom_translatev(run->space->domain, &iov, 1, run->sges, max_segments(run));
	return n < 0 ? fail(n, "the %zu bytes at %p are not mapped: %s", iov.iov_len, iov.iov_base,
			    strerror(-n))
		     : n;
}

int poll_buffer_map(struct poll_run *run, struct poll_lane *lane, struct poll_slot *slot)
{
	unsigned int flags = slot->reading ? IOM_MAP_WRITE : IOM_MAP_READ;
	int n;

	if (run->options->memory == POLL_MAPPED)
		return translate(run, slot);

	n = iom_dma_map(lane->stream, slot->buffer, run->options->block, flags, slot->segments,
			max_segments(run));
	/* POWER: a buffer in flight shares a page with this one, and registers other pages with it. */
	if (n == -EAGAIN || n == -EBUSY)
		return -EAGAIN;
	if (n < 0)
		return fail(n, "the drive cannot be given the %" PRIu64 " bytes at %p: %s",
			    run->options->block, slot->buffer, strerror(-n));

	slot->segment_count = (size_t)n;
	for (int i = 0; i < n; i++) {
		run->sges[i].iova = slot->segments[i].iova;
		run->sges[i].length = slot->segments[i].length;
		dma_space_note(run->space, run->sges[i].iova, run->sges[i].length);
	}
	return n;
}

int poll_buffer_unmap(struct poll_lane *lane, struct poll_slot *slot)
{
	int ret = 0;

	if (lane->stream)
		ret = iom_dma_unmap(lane->stream, slot->segments, slot->segment_count);
	slot->segment_count = 0;
	return ret < 0 ? fail(ret, "the buffer at %p stays in the drive's reach: %s", slot->buffer,
			      strerror(-ret))
		       : 0;
}

bool poll_buffers_counters(const struct poll_run *run, struct iom_stream_counters *sum)
{
	struct iom_stream_counters one = { .size = sizeof(one) };

	*sum = one;
	for (uint16_t i = 0; i < run->options->queues; i++) {
		const struct iom_stream *stream = run->lanes[i].stream;

		if (!stream || iom_stream_read_counters(stream, &one) < 0)
			return false;
		sum->mapped += one.mapped;
		sum->hits += one.hits;
		sum->misses += one.misses;
		sum->transient += one.transient;
		sum->evictions += one.evictions;
		sum->again += one.again;
	}
	return true;
}
