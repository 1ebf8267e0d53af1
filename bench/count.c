// SPDX-License-Identifier: BSD-3-Clause
/* Instructions, by callgrind: they do not depend on the machine's load. */
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "run.h"

#define NO_PROGRAM 127 /* the exit status of a child that could not be made */

#ifdef __has_feature /* clang's way to say it */
#if __has_feature(address_sanitizer)
#define __SANITIZE_ADDRESS__ 1
#endif
#if __has_feature(thread_sanitizer)
#define __SANITIZE_THREAD__ 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define NOT_COUNTED "this is a build with sanitizers"
#elif !defined(__OPTIMIZE__)
#define NOT_COUNTED "this is a build without optimisation"
#else
#define NOT_COUNTED NULL
#endif

uint64_t bench_counted_run(const struct bench_counted *counted, void *arg);

/* Callgrind counts while this runs, and knows it by its name. */
__attribute__((noinline)) uint64_t bench_counted_run(const struct bench_counted *counted, void *arg)
{
	return counted->run(arg, counted->ops);
}

/* In the process that callgrind runs: say how many operations it was, by which backend. */
static void run_here(const struct bench_counted *counted)
{
	const char *backend = BENCH_NO_BACKEND;
	void *arg = counted->set_up(counted, &backend);
	uint64_t ops;

	ops = bench_counted_run(counted, arg);
	printf("%" PRIu64 " %s\n", ops, backend);
	exit(0);
}

static void exec_callgrind(const char *name, const char *out, int answer)
{
	char self[PATH_MAX], file[PATH_MAX + 32];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

	if (n < 0 || dup2(answer, STDOUT_FILENO) < 0)
		_exit(NO_PROGRAM);
	self[n] = '\0';
	snprintf(file, sizeof(file), "--callgrind-out-file=%s", out);
	execlp("valgrind", "valgrind", "-q", "--tool=callgrind",
	       "--toggle-collect=bench_counted_run", "--toggle-collect=bench_ioctl", file, self,
	       "--count", name, (char *)NULL);
	_exit(NO_PROGRAM);
}

/* "totals: N", in a file of callgrind's; negative: it has none. */
static double read_totals(const char *path)
{
	FILE *f = fopen(path, "re");
	double totals = -1;
	char line[512];

	while (f && fgets(line, sizeof(line), f))
		if (!strncmp(line, "totals:", 7))
			totals = strtod(line + 7, NULL);
	if (f)
		fclose(f);
	return totals;
}

/* What the child said of itself: 0 that it never ran, 1 that it was ready, 2 all. */
static int read_answer(int fd, uint64_t *ops, char backend[64])
{
	FILE *f = fdopen(fd, "r");
	char word[8];
	int n = 0;

	if (f && fscanf(f, "%7s", word) == 1 && !strcmp(word, "ready"))
		n = fscanf(f, "%" SCNu64 " %63[^\n]", ops, backend) == 2 && *ops ? 2 : 1;
	if (f)
		fclose(f);
	return n;
}

static void count(struct bench *b, const struct bench_counted *counted, struct bench_row *row,
		  const char *out)
{
	char backend[64];
	int status, pipes[2];
	uint64_t ops;
	int answered;
	pid_t pid;

	if (pipe(pipes) < 0)
		bench_fail("pipe: %s", strerror(errno));
	fflush(stdout);
	pid = fork();
	if (pid < 0)
		bench_fail("fork: %s", strerror(errno));
	if (!pid)
		exec_callgrind(counted->name, out, pipes[1]);
	close(pipes[1]);
	answered = read_answer(pipes[0], &ops, backend);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (WIFEXITED(status) && WEXITSTATUS(status) == NO_PROGRAM) {
		bench_add_missing(b, row, "valgrind is not there");
		return;
	}
	if (!answered) {
		bench_add_missing(b, row, "valgrind does not run this program");
		return;
	}
	/* 0: the function has another name, as with link-time optimisation */
	if (answered == 2 && !status && read_totals(out) == 0) {
		bench_add_missing(b, row, "callgrind does not find the function");
		return;
	}
	if (answered < 2 || status || read_totals(out) < 0)
		bench_fail("%s: callgrind did not count it (wait status 0x%x)", counted->name,
			   status);
	row->backend = backend;
	bench_add_count(b, row, read_totals(out) / (double)ops, 0);
}

void bench_count_instructions(struct bench *b, const struct bench_counted *counted)
{
	struct bench_row row = {
		.name = counted->name,
		.unit = "instructions",
		.rule = counted->at_most > 0 ? BENCH_VALUE_AT_MOST : BENCH_NO_RULE,
		.target = counted->at_most,
	};
	const char *folder = getenv("TMPDIR");
	char out[PATH_MAX];
	int fd;

	if (!bench_wants(b, counted->name, 0))
		return;
	if (b->options.count)
		run_here(counted);
	if (NOT_COUNTED) {
		bench_add_missing(b, &row, NOT_COUNTED);
		return;
	}
	snprintf(out, sizeof(out), "%s/bench-XXXXXX", folder ? folder : "/tmp");
	fd = mkstemp(out);
	if (fd < 0)
		bench_fail("%s: %s", out, strerror(errno));
	close(fd);
	count(b, counted, &row, out);
	unlink(out);
}
