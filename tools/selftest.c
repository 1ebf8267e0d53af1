// SPDX-License-Identifier: BSD-3-Clause
/*
 * iommuctl selftest: the conformance suite, a program of its own that is installed beside, on this
 * device and machine.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <libiommu.h>

#include "command.h"
#include "pci.h"

#define MOST_WORDS 16

struct selftest_options {
	const char *backend;
	const char *edu;
	bool all;
	bool tap;
};

static const struct arg args[] = {
	{ "backend", ARG_TEXT, ARG_FIELD(struct selftest_options, backend) },
	{ "edu", ARG_TEXT, ARG_FIELD(struct selftest_options, edu) },
	{ "all", ARG_FLAG, ARG_FIELD(struct selftest_options, all) },
	{ "tap", ARG_FLAG, ARG_FIELD(struct selftest_options, tap) },
};

struct tally {
	unsigned int held, failed, skipped, planned;
	bool explains; /* the lines that follow say why a case failed */
};

/* A folder of the environment's is for who runs this from where it was built. */
static void program_path(char *path, size_t n)
{
	const char *folder = secure_getenv("IOMMUCTL_LIBEXEC");

	snprintf(path, n, "%s/conformance", folder && *folder ? folder : LIBEXEC_FOLDER);
}

static void add_words(const char **words, const struct selftest_options *options,
		      const char *address)
{
	*words++ = "conformance";
	*words++ = "--device";
	*words++ = address;
	if (options->backend) {
		*words++ = "--backend";
		*words++ = options->backend;
	}
	if (options->edu) {
		*words++ = "--edu";
		*words++ = options->edu;
	}
	if (!options->all)
		*words++ = "--leave-alone";
	*words = NULL;
}

/* Its standard output; *pid is the process. */
static FILE *start(const char *path, const char *const *words, pid_t *pid)
{
	int pipes[2];

	if (pipe(pipes) < 0 || (*pid = fork()) < 0) {
		fail(-errno, "cannot start %s: %s", path, strerror(errno));
		return NULL;
	}
	if (!*pid) {
		close(pipes[0]);
		dup2(pipes[1], STDOUT_FILENO);
		close(pipes[1]);
		execv(path, (char *const *)(uintptr_t)words);
		_exit(127);
	}
	close(pipes[1]);
	return fdopen(pipes[0], "re");
}

/* Behind "7 - ". */
static const char *name_of(const char *result)
{
	return result + strspn(result, "0123456789 -");
}

/* TAP: results, each explained by the comments below it. */
static void take_line(const char *line, struct tally *tally, bool tap)
{
	if (tap)
		fputs(line, stdout);
	if (!strncmp(line, "1..", 3)) {
		tally->planned = (unsigned int)strtoul(line + 3, NULL, 10);
	} else if (!strncmp(line, "not ok ", 7)) {
		tally->failed++;
		tally->explains = true;
		if (!tap)
			printf("FAIL %s", name_of(line + 7));
	} else if (!strncmp(line, "ok ", 3)) {
		tally->explains = false;
		if (strstr(line, "# SKIP"))
			tally->skipped++;
		else
			tally->held++;
	} else if (!tap && tally->explains) {
		printf("     %s", line + strspn(line, "# "));
	}
	fflush(stdout);
}

static int judge(const struct tally *tally, const char *path, int status)
{
	if (WIFEXITED(status) && WEXITSTATUS(status) == 127 && !tally->planned)
		return fail(-ENOENT, "cannot run %s: is libiommu installed in whole?", path);
	if (!tally->planned || tally->held + tally->failed + tally->skipped != tally->planned)
		return fail(-EIO, "%s broke off after %u of %u cases", path,
			    tally->held + tally->failed + tally->skipped, tally->planned);
	if (!tally->held)
		return fail(-EIO, "none of the cases could be tried");
	if (tally->failed)
		return fail(-EIO, "%u of %u cases failed", tally->failed, tally->planned);
	return 0;
}

static int run(const struct selftest_options *options, const char *address)
{
	const char *words[MOST_WORDS];
	struct tally tally = { 0 };
	char path[512], line[4096];
	int status = 0;
	FILE *output;
	pid_t pid;

	program_path(path, sizeof(path));
	add_words(words, options, address);
	fflush(stdout);
	output = start(path, words, &pid);
	if (!output)
		return -EIO;
	while (fgets(line, sizeof(line), output))
		take_line(line, &tally, options->tap);
	fclose(output);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (!options->tap && tally.planned)
		printf("%u cases hold, %u fail, %u could not be tried%s\n", tally.held,
		       tally.failed, tally.skipped,
		       options->edu ? ""
				    : " (most of these need a device that does DMA as it is told: "
				      "--edu)");
	return judge(&tally, path, status);
}

/* Each of its cases would stumble over it. */
static int try_backend(const char *backend)
{
	struct iom_open_opts opts = { .size = sizeof(opts), .backend = backend };
	struct iom_domain *domain;
	int ret;

	ret = iom_open(&domain, &opts);
	if (!ret)
		iom_close(domain);
	return ret == -EINVAL ? fail(ret, "%s", iom_errmsg()) : 0;
}

/* Whether the suite can have it. */
static int check_driver(const struct pci_function *f)
{
	if (pci_is_bridge(f))
		return fail(-EINVAL, "%s is a bridge, which is for the kernel to drive",
			    f->address);
	if (!pci_is_for_userspace(f->driver))
		return fail(-EBUSY, "%s is bound to %s; iommuctl bind %s", f->address,
			    *f->driver ? f->driver : "no driver", f->address);
	return 0;
}

static int check_device(const char *address)
{
	struct pci_function f;

	return pci_read(address, &f) < 0 ? -ENODEV : check_driver(&f);
}

#define EDU_VENDOR 0x1234
#define EDU_DEVICE 0x11e8

static int check_edu(const char *address)
{
	struct pci_function f;

	if (pci_read(address, &f) < 0)
		return -ENODEV;
	if (f.vendor != EDU_VENDOR || f.device != EDU_DEVICE)
		return fail(-EINVAL, "--edu: %s is %04x:%04x, and QEMU's edu is %04x:%04x", address,
			    f.vendor, f.device, EDU_VENDOR, EDU_DEVICE);
	return check_driver(&f);
}

int selftest_command(int argc, char **argv)
{
	struct selftest_options options = { 0 };
	struct operands operands;
	char address[PCI_ADDRESS], edu[PCI_ADDRESS];
	int status;

	if (!command_parse(args, sizeof(args) / sizeof(args[0]), argc, argv, &options, 1, 1,
			   &operands, &status))
		return status;
	if (!command_may_open(argv[0], &status))
		return status;
	if (pci_address(operands.words[0], address) < 0 ||
	    (options.edu && pci_address(options.edu, edu) < 0))
		return complain(EXIT_USAGE);
	if (options.edu)
		options.edu = edu;
	if (try_backend(options.backend) < 0)
		return complain(EXIT_USAGE);
	if (check_device(address) < 0 || (options.edu && check_edu(edu) < 0))
		return complain(EXIT_FAILED);
	return run(&options, address) < 0 ? complain(EXIT_FAILED) : EXIT_WELL;
}
