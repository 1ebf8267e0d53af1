// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness.h"

/* Far more than any case takes, even under emulation. */
#define CASE_SECONDS 120

/* What QEMU's edu device can drive, unless told otherwise. */
#define EDU_DMA_BITS 28

static const struct test *const all_tests[] = {
	map_tests, refuse_tests, unmap_tests, translate_tests, life_tests, dma_tests,
};

#define N_FILES (sizeof(all_tests) / sizeof(all_tests[0]))

static const char usage[] =
	"usage: conformance --device BDF [--backend NAME] [--edu BDF] [--only CASE]\n"
	"       conformance --list\n"
	"\n"
	"Runs what libiommu.h promises against the kernel, on a PCI function bound to vfio-pci that no\n"
	"one else uses, and prints TAP.  With --edu, QEMU's edu device proves that DMA is translated and\n"
	"refused as promised; without, those cases are skipped.\n";

static int set_up(struct fixture *f, enum need need)
{
	struct iom_open_opts open_opts = { .size = sizeof(open_opts),
					   .backend = f->world->backend };
	struct iom_attach_opts attach_opts = { .size = sizeof(attach_opts),
					       .dma_bits = EDU_DMA_BITS };
	int ret;

	ret = iom_open(&f->dom, &open_opts);
	if (!ret && need == NEEDS_DEVICE)
		ret = iom_attach(f->dom, f->world->device, NULL, &f->dev);
	if (!ret && need == NEEDS_EDU)
		ret = iom_attach(f->dom, f->world->edu, &attach_opts, &f->dev);
	if (!ret)
		f->page = iom_page_size(f->dom);
	return ret;
}

/* In a child process: its exit status is the outcome. */
static enum outcome run_case(const struct world *world, const struct test *test)
{
	struct fixture f = { .world = world };
	enum outcome outcome;

	alarm(CASE_SECONDS);
	if (test->need == NEEDS_EDU && !world->edu)
		return not_applicable("no edu device");
	if (set_up(&f, test->need) < 0)
		return failed(__FILE__, __LINE__, "set-up: %s", iom_errmsg());
	outcome = test->run(&f);
	iom_close(f.dom);
	return outcome;
}

/* A reason that the case wrote, on one line. */
static void read_reason(int fd, char *reason, size_t n)
{
	size_t done = 0;
	ssize_t ret;

	while (done < n - 1 && (ret = read(fd, reason + done, n - 1 - done)) > 0)
		done += (size_t)ret;
	reason[done] = '\0';
	reason[strcspn(reason, "\n")] = '\0';
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
		_exit(run_case(world, test));
	}
	close(pipes[1]);
	read_reason(pipes[0], reason, n);
	close(pipes[0]);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (WIFSIGNALED(status)) {
		snprintf(reason, n, "killed by signal %d (%s)", WTERMSIG(status),
			 strsignal(WTERMSIG(status)));
		return FAIL;
	}
	return (enum outcome)WEXITSTATUS(status);
}

static int run_all(const struct world *world, const char *only)
{
	unsigned int number = 0, failures = 0, total = 0;
	const struct test *test;
	size_t i;

	for (i = 0; i < N_FILES; i++)
		for (test = all_tests[i]; test->name; test++)
			total += !only || !strcmp(only, test->name);
	if (!total) {
		fprintf(stderr, "conformance: there is no case '%s'\n", only);
		return 2;
	}
	printf("1..%u\n", total);
	for (i = 0; i < N_FILES; i++) {
		for (test = all_tests[i]; test->name; test++) {
			char reason[1024] = "";
			enum outcome outcome;

			if (only && strcmp(only, test->name))
				continue;
			outcome = run_apart(world, test, reason, sizeof(reason));
			number++;
			if (outcome == PASS) {
				printf("ok %u - %s\n", number, test->name);
			} else if (outcome == NOT_APPLICABLE) {
				printf("ok %u - %s # SKIP %s\n", number, test->name, reason);
			} else {
				printf("not ok %u - %s\n# %s\n", number, test->name, reason);
				failures++;
			}
			fflush(stdout);
		}
	}
	return failures ? 1 : 0;
}

static void list(void)
{
	const struct test *test;
	size_t i;

	for (i = 0; i < N_FILES; i++)
		for (test = all_tests[i]; test->name; test++)
			puts(test->name);
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "backend", required_argument, NULL, 'b' },
		{ "device", required_argument, NULL, 'd' },
		{ "edu", required_argument, NULL, 'e' },
		{ "only", required_argument, NULL, 'o' },
		{ "list", no_argument, NULL, 'l' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	struct world world = { 0 };
	const char *only = NULL;
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (c) {
		case 'b':
			world.backend = optarg;
			break;
		case 'd':
			world.device = optarg;
			break;
		case 'e':
			world.edu = optarg;
			break;
		case 'o':
			only = optarg;
			break;
		case 'l':
			list();
			return 0;
		case 'h':
			fputs(usage, stdout);
			return 0;
		default:
			return 2;
		}
	}
	if (!world.device || optind < argc) {
		fputs(usage, stderr);
		return 2;
	}
	return run_all(&world, only);
}
