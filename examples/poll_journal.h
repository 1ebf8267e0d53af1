/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A journal of the writes that the drive has acknowledged.  What is in it the kernel has, so that
 * it outlives a process that is killed; and whoever reads the drive later, by any driver, knows
 * what must be there.
 *
 * It is text: a line about the run, "journal 1 seed SEED lba FIRST block BYTES unit BYTES blocks
 * N flight N", then "BLOCK GENERATION" for each write, in the order of their ends.  Block B of
 * the span begins at LBA FIRST + B * block / unit, where unit is the drive's block, and
 * poll_pattern.h has its content.  A block is written again only once its last write is in the
 * journal, so that it holds the last generation which is there, or, if a write of it was in
 * flight at the end, the next one, or some of the drive's blocks of either.  There are at most
 * flight of these.
 */
#ifndef POLL_JOURNAL_H
#define POLL_JOURNAL_H

#include <stdint.h>

struct poll_run;

/*
 * Begin the journal that the options name, if any, for a run that fits the drive; run->journal is
 * -1.
 */
int poll_journal_open(struct poll_run *run);

/* The drive has acknowledged the block's last write. */
int poll_journal_written(struct poll_run *run, uint64_t block);

/* A run that has none is left alone. */
int poll_journal_close(struct poll_run *run);

#endif /* POLL_JOURNAL_H */
