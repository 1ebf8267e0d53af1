/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A journal of nvme_poll (examples/poll_journal.h), and whether what a drive holds agrees with
 * it.
 */
#ifndef JOURNAL_CHECK_H
#define JOURNAL_CHECK_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct journal {
	uint64_t seed;
	uint64_t first_lba;
	uint64_t block; /* bytes */
	uint64_t unit;  /* bytes of the drive's own block */
	uint64_t blocks;
	uint64_t flight;       /* writes under way at most */
	uint64_t records;      /* writes that were acknowledged */
	uint32_t *generations; /* of each block, the last of them; 0: none */
	char why[128];         /* journal_read() failed */
};

/* What comes after the last end of a line was being written, and does not count. */
int journal_read(struct journal *journal, FILE *file);
void journal_free(struct journal *journal);

enum journal_verdict {
	JOURNAL_UNKNOWN, /* it was never acknowledged */
	JOURNAL_THERE,
	JOURNAL_LATER, /* in part or in whole, the write behind it is there */
	JOURNAL_LOST,
};

/* What the block holds, of journal->block bytes; scratch has room for two. */
enum journal_verdict journal_check(const struct journal *journal, uint64_t block, const void *data,
				   void *scratch);

#endif /* JOURNAL_CHECK_H */
