// SPDX-License-Identifier: BSD-3-Clause
/* nvme_poll's journal: what is in it when, and what guests hold against it. */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "examples/poll_journal.h"
#include "examples/poll_pattern.h"
#include "examples/poll_run.h"
#include "examples/sentence.h"
#include "tests/unit/runner.h"
#include "tests/vm/guest/journal_check.h"

#define BLOCK 2048
#define UNIT 512
#define BLOCKS 8
#define SEED 77
#define FIRST 40 /* LBA */

static uint32_t generations[BLOCKS];
static struct poll_options options;
static struct poll_run run;
static char name[32];

static void set_up(void)
{
	int fd;

	strcpy(name, "/tmp/journal-XXXXXX");
	fd = mkstemp(name);
	ck_assert_int_ge(fd, 0);
	close(fd);
	memset(generations, 0, sizeof(generations));
	options = (struct poll_options){
		.journal = name,
		.block = BLOCK,
		.seed = SEED,
		.queues = 3,
		.depth = 5,
	};
	run = (struct poll_run){
		.options = &options,
		.journal = -1,
		.first_lba = FIRST,
		.block_lbas = BLOCK / UNIT,
		.blocks = BLOCKS,
		.generations = generations,
	};
}

static void tear_down(void)
{
	ck_assert_int_eq(poll_journal_close(&run), 0);
	unlink(name);
}

static void write_once(uint64_t block)
{
	generations[block]++;
	ck_assert_int_eq(poll_journal_written(&run, block), 0);
}

static int read_back(struct journal *journal)
{
	FILE *file = fopen(name, "r");
	int ret;

	ck_assert_ptr_nonnull(file);
	ret = journal_read(journal, file);
	fclose(file);
	return ret;
}

static int read_text(struct journal *journal, const char *text)
{
	FILE *file = fmemopen((void *)(uintptr_t)text, strlen(text), "r");
	int ret;

	ck_assert_ptr_nonnull(file);
	ret = journal_read(journal, file);
	fclose(file);
	return ret;
}

/* Each word is there when the call returns, and before the file is closed. */
START_TEST(says_what_was_written)
{
	struct journal journal;

	ck_assert_int_eq(poll_journal_open(&run), 0);
	ck_assert_int_eq(read_back(&journal), 0);
	ck_assert_uint_eq(journal.records, 0);
	ck_assert_uint_eq(journal.seed, SEED);
	ck_assert_uint_eq(journal.first_lba, FIRST);
	ck_assert_uint_eq(journal.block, BLOCK);
	ck_assert_uint_eq(journal.unit, UNIT);
	ck_assert_uint_eq(journal.blocks, BLOCKS);
	ck_assert_uint_eq(journal.flight, 15);
	journal_free(&journal);

	write_once(3);
	write_once(7);
	write_once(3);
	ck_assert_int_eq(read_back(&journal), 0);
	ck_assert_uint_eq(journal.records, 3);
	for (uint64_t i = 0; i < BLOCKS; i++)
		ck_assert_uint_eq(journal.generations[i], generations[i]);
	journal_free(&journal);
	/* another run begins anew */
	ck_assert_int_eq(poll_journal_close(&run), 0);
	ck_assert_int_eq(poll_journal_open(&run), 0);
	ck_assert_int_eq(read_back(&journal), 0);
	ck_assert_uint_eq(journal.records, 0);
	journal_free(&journal);
}
END_TEST

START_TEST(outlives_the_process)
{
	struct journal journal;
	int status;
	pid_t pid;

	pid = fork();
	ck_assert_int_ge(pid, 0);
	if (!pid) {
		if (poll_journal_open(&run) < 0)
			_exit(1);
		for (uint64_t i = 0; i < BLOCKS; i++) {
			generations[i] = 1;
			if (poll_journal_written(&run, i) < 0)
				_exit(1);
		}
		raise(SIGKILL);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	ck_assert_int_eq(read_back(&journal), 0);
	ck_assert_uint_eq(journal.records, BLOCKS);
	journal_free(&journal);
}
END_TEST

START_TEST(refuses)
{
	options.journal = "/no/such/folder/journal";
	ck_assert_int_eq(poll_journal_open(&run), -EIO);
	ck_assert_ptr_nonnull(strstr(fail_sentence(), "/no/such/folder/journal"));
	ck_assert_int_eq(run.journal, -1);
	options.journal = "/dev/full";
	ck_assert_int_eq(poll_journal_open(&run), -EIO);
	ck_assert_ptr_nonnull(strstr(fail_sentence(), "cannot be written"));
	ck_assert_int_eq(poll_journal_written(&run, 0), -EIO);
	ck_assert_int_eq(poll_journal_close(&run), 0);
	/* none was asked for */
	options.journal = NULL;
	ck_assert_int_eq(poll_journal_open(&run), 0);
	ck_assert_int_eq(poll_journal_written(&run, 0), 0);
}
END_TEST

#define HEAD "journal 1 seed 77 lba 40 block 2048 unit 512 blocks 8 flight 15\n"

START_TEST(reads_what_is_whole)
{
	struct journal journal;

	/* the end of a line was never written */
	ck_assert_int_eq(read_text(&journal, HEAD "3 1\n3 2\n4 1"), 0);
	ck_assert_uint_eq(journal.records, 2);
	ck_assert_uint_eq(journal.generations[3], 2);
	ck_assert_uint_eq(journal.generations[4], 0);
	journal_free(&journal);
}
END_TEST

static const char *const malformed[] = {
	"\n",
	"3 1\n",
	"journal 2 seed 77 lba 40 block 2048 unit 512 blocks 8 flight 15\n",
	"journal 1 seed 77 lba 40 block 2048 unit 512 blocks 8 flight 15 more\n",
	"journal 1 seed 77 lba 40 block 2048 unit 0 blocks 8 flight 15\n",
	"journal 1 seed 77 lba 40 block 2000 unit 512 blocks 8 flight 15\n",
	"journal 1 seed 77 lba 40 block 0 unit 512 blocks 8 flight 15\n",
	"journal 1 seed 77 lba 40 block 2048 unit 512 blocks 0 flight 15\n",
	HEAD "8 1\n",
	HEAD "3\n",
	HEAD "3 1 4\n",
	HEAD "3 2\n",
	HEAD "3 1\n3 1\n",
	HEAD "3 1\n\n",
};

START_TEST(reads_nothing_else)
{
	struct journal journal;

	ck_assert_int_lt(read_text(&journal, malformed[_i]), 0);
	ck_assert_ptr_nonnull(strstr(journal.why, "line "));
	ck_assert_ptr_null(journal.generations);
}
END_TEST

/* ---- The drive ------------------------------------------------------------------------------- */

static enum journal_verdict verdict_of(const struct journal *journal, const void *data)
{
	static char scratch[2 * BLOCK];

	return journal_check(journal, 3, data, scratch);
}

/* Of the block's parts, which the drive writes each as a whole, some are of the next write. */
START_TEST(what_the_drive_may_hold)
{
	char said[BLOCK], next[BLOCK], before[BLOCK], data[BLOCK];
	uint64_t lba = FIRST + 3 * (BLOCK / UNIT);
	struct journal journal;

	ck_assert_int_eq(read_text(&journal, HEAD "3 1\n3 2\n"), 0);
	poll_pattern_fill(before, BLOCK, SEED, lba, 1);
	poll_pattern_fill(said, BLOCK, SEED, lba, 2);
	poll_pattern_fill(next, BLOCK, SEED, lba, 3);
	ck_assert_int_eq(verdict_of(&journal, said), JOURNAL_THERE);
	ck_assert_int_eq(verdict_of(&journal, next), JOURNAL_LATER);
	ck_assert_int_eq(verdict_of(&journal, before), JOURNAL_LOST);
	for (size_t at = 0; at < BLOCK; at += UNIT) {
		memcpy(data, said, BLOCK);
		memcpy(data + at, next + at, UNIT);
		ck_assert_int_eq(verdict_of(&journal, data), JOURNAL_LATER);
		memcpy(data + at, before + at, UNIT);
		ck_assert_int_eq(verdict_of(&journal, data), JOURNAL_LOST);
		/* a part of a part */
		memcpy(data + at, said + at, UNIT / 2);
		memcpy(data + at + UNIT / 2, next + at + UNIT / 2, UNIT / 2);
		ck_assert_int_eq(verdict_of(&journal, data), JOURNAL_LOST);
	}
	for (size_t at = 0; at < BLOCK; at += 97) {
		memcpy(data, said, BLOCK);
		data[at] ^= 1;
		ck_assert_int_eq(verdict_of(&journal, data), JOURNAL_LOST);
	}
	journal.generations[3] = 0;
	ck_assert_int_eq(verdict_of(&journal, before), JOURNAL_UNKNOWN);
	journal_free(&journal);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("nvme_journal");
	TCase *tcase = tcase_create("journal");

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_test(tcase, says_what_was_written);
	tcase_add_test(tcase, outlives_the_process);
	tcase_add_test(tcase, refuses);
	tcase_add_test(tcase, reads_what_is_whole);
	tcase_add_loop_test(tcase, reads_nothing_else, 0, sizeof(malformed) / sizeof(malformed[0]));
	tcase_add_test(tcase, what_the_drive_may_hold);
	suite_add_tcase(suite, tcase);
	return run_suite(suite);
}
