// SPDX-License-Identifier: BSD-3-Clause
/*
 * iommuctl as it is run: its command line, its environment, and a folder that looks like a machine
 * (files.h).  The library below is the simulated one.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "files.h"
#include "output.h"

const char fuzz_target[] = "iommuctl";

int iommuctl_main(int argc, char **argv);

/* Variables that it reads, but those by which it would run another program. */
static const char *const variables[] = {
	"COLUMNS", "LIBIOMMU_BACKEND", "LIBIOMMU_LOG", "LIBIOMMU_STRICT", "POSIXLY_CORRECT", "TERM",
};

#define N_VARIABLES (sizeof(variables) / sizeof(variables[0]))

static bool is_terminal;

int __real_isatty(int fd);
int __wrap_isatty(int fd);
int __wrap_isatty(int fd)
{
	return fd == STDOUT_FILENO ? is_terminal : __real_isatty(fd);
}

static void set_environment(const struct fuzz_files *files)
{
	size_t i, j, n;

	is_terminal = false;
	/* colours are not for who looks at each character */
	setenv("NO_COLOR", "1", 1);
	for (i = 0; i < N_VARIABLES; i++) {
		n = strlen(variables[i]);
		unsetenv(variables[i]);
		for (j = 0; j < files->n_environment; j++)
			if (!strncmp(files->environment[j], variables[i], n) &&
			    files->environment[j][n] == '=')
				setenv(variables[i], files->environment[j] + n + 1, 1);
	}
	is_terminal = getenv("COLUMNS") != NULL;
}

/*
 * Not another root than ours, where it would be this machine that is changed; not the benchmark,
 * which takes time; nor the suite of conformance, which is a program of its own.
 */
static bool is_allowed(struct fuzz_files *files)
{
	int i;

	for (i = 0; i < files->n_words; i++)
		if (!strncmp(files->words[i], "--r", 3) || !strcmp(files->words[i], "bench") ||
		    !strcmp(files->words[i], "selftest"))
			return false;
	return true;
}

static bool wants_json(const struct fuzz_files *files)
{
	int i;

	for (i = 0; i < files->n_words; i++)
		if (!strcmp(files->words[i], "--json"))
			return true;
	return false;
}

static void run(struct fuzz_files *files, const char *folder)
{
	char *argv[FUZZ_WORDS + 4] = { (char *)(uintptr_t) "iommuctl", (char *)(uintptr_t) "--root",
				       (char *)(uintptr_t)folder };
	bool json = wants_json(files);
	struct output output;
	int status;

	/* its own copy: getopt sorts them */
	memcpy(argv + 3, files->words, (size_t)files->n_words * sizeof(argv[0]));
	optind = 0;
	output_begin(&output);
	status = iommuctl_main(files->n_words + 3, argv);
	output_end(&output);
	if (getenv("FUZZ_SHOW"))
		fprintf(stderr, "%d: %s%s", status, output.out, output.err);
	fuzz_holds(status >= 0 && status <= 3);
	output_prints(output.out, output.n_out);
	output_prints(output.err, output.n_err);
	/* one sentence, or none */
	fuzz_holds(!output.n_err || (!strncmp(output.err, "iommuctl: ", 10) &&
				     strchr(output.err, '\n') == output.err + output.n_err - 1));
	fuzz_holds(status != 2 || output.n_err);
	fuzz_holds(output.n_out || output.n_err || !status);
	if (json && output.n_out && *output.out != 'U' && strncmp(output.out, "iommuctl", 8))
		output_is_json(output.out);
	output_free(&output);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	const char *folder = fuzz_files_folder();
	struct fuzz_files files;

	fuzz_files_read(&files, data, n);
	if (is_allowed(&files)) {
		set_environment(&files);
		fuzz_files_write(&files, folder);
		run(&files, folder);
		fuzz_files_remove(folder);
	}
	fuzz_files_free(&files);
	return 0;
}
