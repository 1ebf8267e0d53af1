// SPDX-License-Identifier: BSD-3-Clause
#include "runner.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* Far more than any case takes, even under emulation. */
#define CASE_SECONDS 120

static const struct test *const all_tests[] = {
	map_tests,           refuse_tests,
	unmap_tests,         translate_tests,
	life_tests,          dma_tests,
	granule_tests,       cut_tests,
	device_tests,        only_tests,
	file_tests,          machine_tests,
	choice_tests,        defect_tests,
	thread_tests,        share_tests,
	power_tests,         power_group_tests,
	eeh_tests,           request_tests,
	request_life_tests,  request_thread_tests,
	request_power_tests, batch_tests,
	batch_unmap_tests,   scatter_tests,
	stream_tests,        stream_room_tests,
	stream_life_tests,   buf_tests,
	strict_tests,        adopt_tests,
};

#define N_FILES (sizeof(all_tests) / sizeof(all_tests[0]))

static int set_up(struct fixture *f, enum need need)
{
	switch (need) {
	case NEEDS_NOTHING:
	case NEEDS_WINDOWS:
		return 0;
	case NEEDS_ADDRESSES:
		return open_domain(f, 0);
	case NEEDS_EDU:
		return open_with_edu(f, 0);
	default:
		return open_with_device(f, 0);
	}
}

static enum outcome run_case(const struct world *world, const struct test *test)
{
	struct fixture f = { .world = world };
	enum outcome outcome;
	const char *left;

	alarm(CASE_SECONDS);
	if (test->need == NEEDS_EDU && !world->edu)
		return not_applicable("no edu device");
	if (test->need == NEEDS_WINDOWS && !world_windows())
		return not_applicable("there are no DMA windows here");
	if (world_begin() < 0)
		return failed(__FILE__, __LINE__, "the machine cannot be had");
	if (set_up(&f, test->need) < 0)
		return failed(__FILE__, __LINE__, "set-up: %s", iom_errmsg());
	outcome = test->run(&f);
	iom_close(f.dom);
	left = world_left();
	if (outcome != FAIL && left)
		outcome = failed(__FILE__, __LINE__, "left behind: %s", left);
	world_end();
	return outcome;
}

/* What the case wrote: its reason, or a sanitizer's report; what is too long is read and dropped. */
static void read_reason(int fd, char *reason, size_t n)
{
	char rest[512];
	size_t done = 0;
	ssize_t ret;

	while (done < n - 1 && (ret = read(fd, reason + done, n - 1 - done)) > 0)
		done += (size_t)ret;
	while (read(fd, rest, sizeof(rest)) > 0)
		;
	reason[done] = '\0';
}

static void print_as_comment(const char *text)
{
	const char *line;
	size_t n;

	for (line = text; *line; line += n + (line[n] == '\n')) {
		n = strcspn(line, "\n");
		printf("# %.*s\n", (int)n, line);
	}
}

static enum outcome run_apart(const struct world *world, const struct test *test, char *reason,
			      size_t n)
{
	int status, pipes[2];
	pid_t pid;

	fflush(stdout);
	if (pipe(pipes) < 0 || (pid = fork()) < 0) {
		snprintf(reason, n, "cannot start a process: %s", strerror(errno));
		return FAIL;
	}
	if (!pid) {
		close(pipes[0]);
		dup2(pipes[1], STDERR_FILENO);
		close(pipes[1]);
		/* not _exit(): a sanitizer looks for leaks then */
		exit(run_case(world, test));
	}
	close(pipes[1]);
	read_reason(pipes[0], reason, n);
	close(pipes[0]);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	world_mend(world);
	if (WIFSIGNALED(status)) {
		snprintf(reason, n, "killed by signal %d (%s)", WTERMSIG(status),
			 strsignal(WTERMSIG(status)));
		return FAIL;
	}
	if (WEXITSTATUS(status) > NOT_APPLICABLE && !*reason)
		snprintf(reason, n, "exit status %d", WEXITSTATUS(status));
	return (enum outcome)WEXITSTATUS(status);
}

static enum outcome judge(enum verdict verdict, enum outcome outcome, char *reason, size_t n)
{
	char was[512];

	if (verdict == MUST_RUN && outcome == NOT_APPLICABLE) {
		snprintf(was, sizeof(was), "%.500s", reason);
		snprintf(reason, n, "not applicable, but it should be: %s", was);
		return FAIL;
	}
	if (verdict == MUST_SKIP && outcome == PASS) {
		snprintf(reason, n, "passed, but should not be applicable");
		return FAIL;
	}
	return outcome;
}

static void run_one(const struct world *world, const char *prefix, const struct test *test,
		    expect_fn *expect, struct tally *tally)
{
	unsigned int number = ++tally->number;
	char reason[8192] = "";
	enum outcome outcome;

	outcome = run_apart(world, test, reason, sizeof(reason));
	if (expect)
		outcome = judge(expect(world, test->name), outcome, reason, sizeof(reason));
	if (outcome == PASS) {
		printf("ok %u - %s%s\n", number, prefix, test->name);
	} else if (outcome == NOT_APPLICABLE) {
		printf("ok %u - %s%s # SKIP %.*s\n", number, prefix, test->name,
		       (int)strcspn(reason, "\n"), reason);
	} else {
		printf("not ok %u - %s%s\n", number, prefix, test->name);
		print_as_comment(reason);
		tally->failures++;
	}
	fflush(stdout);
}

/* Whether a list with commas has that name. */
static bool has_name(const char *list, const char *name)
{
	const size_t n = strlen(name);
	size_t length;

	for (;; list += length + 1) {
		length = strcspn(list, ",");
		if (length == n && memcmp(list, name, n) == 0)
			return true;
		if (!list[length])
			return false;
	}
}

/* at: the how manieth of all it is. */
static bool is_chosen(const struct choice *choice, const struct test *test, unsigned int at)
{
	if (choice->only && !has_name(choice->only, test->name))
		return false;
	return !choice->parts || at % choice->parts == choice->part;
}

void run_cases(const struct world *world, const char *prefix, const struct choice *choice,
	       expect_fn *expect, struct tally *tally)
{
	const struct test *test;
	unsigned int at = 0;
	size_t i;

	world_note(world);
	for (i = 0; i < N_FILES; i++)
		for (test = all_tests[i]; test->name; test++)
			if (is_chosen(choice, test, at++))
				run_one(world, prefix, test, expect, tally);
}

unsigned int count_cases(const struct choice *choice)
{
	const struct test *test;
	unsigned int n = 0, at = 0;
	size_t i;

	for (i = 0; i < N_FILES; i++)
		for (test = all_tests[i]; test->name; test++)
			n += is_chosen(choice, test, at++);
	return n;
}

void list_cases(void)
{
	const struct test *test;
	size_t i;

	for (i = 0; i < N_FILES; i++)
		for (test = all_tests[i]; test->name; test++)
			puts(test->name);
}
