/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The data buffers of commands, by where they come from (enum poll_memory): memory that is mapped for
 * all of the run, whose IOVAs are looked up; or anybody's memory, which a stream lets the drive reach
 * for as long as a command is under way.
 */
#ifndef POLL_BUFFERS_H
#define POLL_BUFFERS_H

#include "poll_run.h"

/* For all slots of a run, or nothing is left that poll_buffers_close() does not end. */
int poll_buffers_open(struct poll_run *run);

/* Once the drive is stopped. */
int poll_buffers_close(struct poll_run *run);

/* How much of the system's memory they take. */
uint64_t poll_buffers_need(const struct poll_run *run);

/* Give the slot's command, which slot->reading says, a buffer; it holds anything. */
int poll_buffer_take(const struct poll_run *run, struct poll_slot *slot);

/*
 * Let the drive reach it: run->sges is where; returns how many of these there are.  -EAGAIN: not before
 * a command that is in flight ends.
 */
int poll_buffer_map(struct poll_run *run, struct poll_lane *lane, struct poll_slot *slot);

/* The command is done: the drive uses it no more; then, nobody does. */
int poll_buffer_unmap(struct poll_lane *lane, struct poll_slot *slot);
void poll_buffer_drop(const struct poll_run *run, struct poll_slot *slot);

/* Of all streams.  false if there are none. */
bool poll_buffers_counters(const struct poll_run *run, struct iom_stream_counters *sum);

#endif /* POLL_BUFFERS_H */
