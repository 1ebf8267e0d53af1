// SPDX-License-Identifier: BSD-3-Clause
#include "tests/vm/guest/journal_check.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "examples/poll_pattern.h"

#define MOST_BLOCKS (UINT64_C(1) << 28)
#define MOST_BYTES (UINT64_C(1) << 26)

static int wrong(struct journal *journal, const char *what, unsigned long line)
{
	snprintf(journal->why, sizeof(journal->why), "line %lu: %s", line, what);
	return -1;
}

static int read_head(struct journal *journal, const char *line)
{
	int end = 0;

	if (sscanf(line,
		   "journal 1 seed %" SCNu64 " lba %" SCNu64 " block %" SCNu64 " unit %" SCNu64
		   " blocks %" SCNu64 " flight %" SCNu64 "%n",
		   &journal->seed, &journal->first_lba, &journal->block, &journal->unit,
		   &journal->blocks, &journal->flight, &end) != 6 ||
	    strcmp(line + end, "\n") != 0)
		return wrong(journal, "no head of a journal", 1);
	if (journal->unit < 8 || journal->unit % 8 || !journal->block ||
	    journal->block % journal->unit || journal->block > MOST_BYTES || !journal->blocks ||
	    journal->blocks > MOST_BLOCKS)
		return wrong(journal, "blocks of no such size or number", 1);
	journal->generations = calloc(journal->blocks, sizeof(*journal->generations));
	return journal->generations ? 0 : wrong(journal, "no memory", 1);
}

static int read_record(struct journal *journal, const char *line, unsigned long number)
{
	uint64_t block;
	uint32_t generation;
	int end = 0;

	if (sscanf(line, "%" SCNu64 " %" SCNu32 "%n", &block, &generation, &end) != 2 ||
	    strcmp(line + end, "\n") != 0)
		return wrong(journal, "neither a block nor its generation", number);
	if (block >= journal->blocks)
		return wrong(journal, "there is no such block", number);
	if (generation != journal->generations[block] + 1)
		return wrong(journal, "a write is missing, or there twice", number);
	journal->generations[block] = generation;
	journal->records++;
	return 0;
}

int journal_read(struct journal *journal, FILE *file)
{
	unsigned long number = 0;
	char line[256];
	int ret = 0;

	memset(journal, 0, sizeof(*journal));
	while (!ret && fgets(line, sizeof(line), file) && strchr(line, '\n'))
		ret = number++ ? read_record(journal, line, number) : read_head(journal, line);
	if (!ret && !number)
		ret = wrong(journal, "there is none", 1);
	if (!ret && ferror(file))
		ret = wrong(journal, "it cannot be read", number);
	if (ret)
		journal_free(journal);
	return ret;
}

void journal_free(struct journal *journal)
{
	free(journal->generations);
	journal->generations = NULL;
}

enum journal_verdict journal_check(const struct journal *journal, uint64_t block, const void *data,
				   void *scratch)
{
	uint64_t lba = journal->first_lba + block * (journal->block / journal->unit);
	uint32_t generation = journal->generations[block];
	const char *got = data, *said = scratch, *next = said + journal->block;
	enum journal_verdict verdict = JOURNAL_THERE;
	uint64_t at;

	if (!generation)
		return JOURNAL_UNKNOWN;
	poll_pattern_fill(scratch, journal->block, journal->seed, lba, generation);
	poll_pattern_fill((char *)scratch + journal->block, journal->block, journal->seed, lba,
			  generation + 1);
	/* what was in flight may be there in part, but the drive tears none of its own blocks */
	for (at = 0; at < journal->block; at += journal->unit) {
		if (!memcmp(got + at, said + at, journal->unit))
			continue;
		if (memcmp(got + at, next + at, journal->unit) != 0)
			return JOURNAL_LOST;
		verdict = JOURNAL_LATER;
	}
	return verdict;
}
