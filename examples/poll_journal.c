// SPDX-License-Identifier: BSD-3-Clause
#include "poll_journal.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "poll_run.h"
#include "sentence.h"

/* One write(2): what it returned for is the kernel's, whatever becomes of the process. */
static int append(struct poll_run *run, const char *text, size_t length)
{
	ssize_t n;

	do
		n = write(run->journal, text, length);
	while (n < 0 && errno == EINTR);
	if (n == (ssize_t)length)
		return 0;
	if (run->error)
		return -EIO; /* the first error has the word */
	return fail(-EIO, "--journal: %s cannot be written: %s", run->options->journal,
		    n < 0 ? strerror(errno) : "not all of a line fits");
}

int poll_journal_open(struct poll_run *run)
{
	const struct poll_options *options = run->options;
	char text[256];
	int n;

	if (!options->journal)
		return 0;
	run->journal =
		open(options->journal, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0666);
	if (run->journal < 0)
		return fail(-EIO, "--journal: %s cannot be opened: %s", options->journal,
			    strerror(errno));
	n = snprintf(text, sizeof(text),
		     "journal 1 seed %" PRIu64 " lba %" PRIu64 " block %" PRIu64 " unit %" PRIu64
		     " blocks %" PRIu64 " flight %" PRIu64 "\n",
		     options->seed, run->first_lba, options->block,
		     options->block / run->block_lbas, run->blocks,
		     (uint64_t)options->queues * options->depth);
	return append(run, text, (size_t)n);
}

int poll_journal_written(struct poll_run *run, uint64_t block)
{
	char text[64];
	int n;

	if (run->journal < 0)
		return 0;
	n = snprintf(text, sizeof(text), "%" PRIu64 " %" PRIu32 "\n", block,
		     run->generations[block]);
	return append(run, text, (size_t)n);
}

int poll_journal_close(struct poll_run *run)
{
	int fd = run->journal;

	run->journal = -1;
	if (fd >= 0 && close(fd) < 0)
		return fail(-EIO, "--journal: %s cannot be written: %s", run->options->journal,
			    strerror(errno));
	return 0;
}
