// SPDX-License-Identifier: BSD-3-Clause
/*
 * journal FILE DRIVE: is everything on the drive that this journal of nvme_poll says was
 * acknowledged?  DRIVE is read as any file, so by the kernel's own driver.  journal --place FILE:
 * the byte at which the block of the first record begins, for who wants to spoil it.
 *
 * Exit status: 0 all is there; 1 something is not; 2 there is no such journal, or it cannot be
 * read.
 */

#define _GNU_SOURCE
#include <err.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/vm/guest/journal_check.h"

static uint64_t place_of(const struct journal *journal, uint64_t block)
{
	return journal->first_lba * journal->unit + block * journal->block;
}

static void open_journal(struct journal *journal, const char *name)
{
	FILE *file = fopen(name, "re");

	if (!file)
		err(2, "%s", name);
	if (journal_read(journal, file) < 0)
		errx(2, "%s: %s", name, journal->why);
	fclose(file);
}

static int print_place(const struct journal *journal)
{
	for (uint64_t block = 0; block < journal->blocks; block++) {
		if (!journal->generations[block])
			continue;
		printf("%" PRIu64 "\n", place_of(journal, block));
		return 0;
	}
	errx(2, "nothing was acknowledged");
}

static int check(const struct journal *journal, const char *name)
{
	char *data = malloc(journal->block), *scratch = malloc(2 * journal->block);
	uint64_t known = 0, later = 0, lost = 0;
	int drive = open(name, O_RDONLY | O_CLOEXEC);

	if (drive < 0 || !data || !scratch)
		err(2, "%s", name);
	for (uint64_t block = 0; block < journal->blocks; block++) {
		enum journal_verdict verdict;
		uint64_t place = place_of(journal, block);

		if (!journal->generations[block])
			continue;
		if (pread(drive, data, journal->block, (off_t)place) != (ssize_t)journal->block)
			err(2, "%s at %" PRIu64, name, place);
		verdict = journal_check(journal, block, data, scratch);
		known++;
		later += verdict == JOURNAL_LATER;
		lost += verdict == JOURNAL_LOST;
		if (verdict == JOURNAL_LOST && lost == 1)
			printf("block %" PRIu64 ", at byte %" PRIu64
			       " of the drive, holds neither write %" PRIu32
			       ", which was acknowledged, nor the next\n",
			       block, place, journal->generations[block]);
	}
	printf("%" PRIu64 " writes acknowledged, of %" PRIu64 " blocks; %" PRIu64
	       " hold the next write, %" PRIu64 " are lost\n",
	       journal->records, known, later, lost);
	if (later > journal->flight)
		printf("no more than %" PRIu64 " writes were under way\n", journal->flight);
	close(drive);
	free(scratch);
	free(data);
	return lost || later > journal->flight;
}

int main(int argc, char **argv)
{
	struct journal journal;
	int status;

	if (argc != 3)
		errx(2, "usage: journal FILE DRIVE, or journal --place FILE");
	if (!strcmp(argv[1], "--place")) {
		open_journal(&journal, argv[2]);
		status = print_place(&journal);
	} else {
		open_journal(&journal, argv[1]);
		status = check(&journal, argv[2]);
	}
	journal_free(&journal);
	if (fflush(stdout) != 0)
		err(2, "standard output");
	return status;
}
