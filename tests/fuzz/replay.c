// SPDX-License-Identifier: BSD-3-Clause
/*
 * In the place of libFuzzer: each seed of the target, then a fixed number of changed ones.  It
 * knows nothing of what the target does with them, and so finds less; but every compiler has it.
 *
 * FUZZ_RUNS: how many; IOM_TEST_SEED: the same ones again.  Words are files to run instead, as what
 * a run that failed leaves in fuzz_NAME.failed; with --text first they are printed as seeds.
 */
#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "files.h"
#include "fuzz.h"
#include "mutate.h"
#include "seed.h"
#include "tests/unit/random.h"

#ifndef FUZZ_RUNS
#define FUZZ_RUNS 4000
#endif

#define MOST_SEEDS 128
#define HANGS 120 /* seconds for one input, on a machine that is busy with other things */

struct seed {
	char path[1024];
	uint8_t *data;
	size_t n;
};

static struct seed seeds[MOST_SEEDS];
static size_t n_seeds;

static uint8_t *input; /* that is being run */
static size_t n_input;
static char failed[64];

/* A sanitizer's exit would leave no trace of what it was that failed. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
	return "abort_on_error=1";
}

const char *__ubsan_default_options(void);
const char *__ubsan_default_options(void)
{
	return "abort_on_error=1:print_stacktrace=1";
}

static void keep_input(int number)
{
	FILE *file = fopen(failed, "we");

	fuzz_files_end();
	if (file) {
		fwrite(input, 1, n_input, file);
		fclose(file);
	}
	signal(number, SIG_DFL);
	raise(number);
}

/* From a buffer of exactly its size, so that a read past its end is seen. */
static void run(const uint8_t *data, size_t n)
{
	input = malloc(n ? n : 1);
	fuzz_holds(input);
	memcpy(input, data, n);
	n_input = n;
	alarm(HANGS);
	LLVMFuzzerTestOneInput(input, n);
	alarm(0);
	free(input);
}

static int by_path(const void *a, const void *b)
{
	return strcmp(((const struct seed *)a)->path, ((const struct seed *)b)->path);
}

static void read_seeds(void)
{
	const char *srcdir = getenv("srcdir");
	struct dirent *entry;
	char folder[512];
	DIR *dir;
	size_t i;

	snprintf(folder, sizeof(folder), "%s/tests/fuzz/corpus/%s", srcdir ? srcdir : ".",
		 fuzz_target);
	dir = opendir(folder);
	while (dir && n_seeds < MOST_SEEDS && (entry = readdir(dir)))
		if (entry->d_name[0] != '.')
			snprintf(seeds[n_seeds++].path, sizeof(seeds[0].path), "%s/%s", folder,
				 entry->d_name);
	if (dir)
		closedir(dir);
	/* the order of a folder is anything */
	qsort(seeds, n_seeds, sizeof(seeds[0]), by_path);
	for (i = 0; i < n_seeds; i++) {
		seeds[i].data = seed_read(seeds[i].path, &seeds[i].n);
		if (!seeds[i].data)
			exit(EXIT_FAILURE);
	}
	if (!n_seeds) {
		fprintf(stderr, "fuzz: there is no seed in %s (srcdir=...)\n", folder);
		exit(EXIT_FAILURE);
	}
}

static void run_changed(unsigned long runs)
{
	uint64_t random = random_start();
	uint8_t *data = malloc(SEED_MAX);
	unsigned long i;

	fuzz_holds(data);
	for (i = 0; i < runs; i++) {
		const struct seed *seed = &seeds[random_below(&random, n_seeds)];
		const struct seed *other = &seeds[random_below(&random, n_seeds)];

		memcpy(data, seed->data, seed->n);
		run(data, mutate(&random, data, seed->n, SEED_MAX, other->data, other->n));
	}
	free(data);
}

static int run_files(char **paths, int n)
{
	int text = n && !strcmp(paths[0], "--text");

	for (int i = text; i < n; i++) {
		uint8_t *data;
		size_t length;

		data = seed_read(paths[i], &length);
		if (!data)
			return EXIT_FAILURE;
		if (text)
			seed_print(data, length);
		else
			run(data, length);
		free(data);
	}
	return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
	const char *word = getenv("FUZZ_RUNS");
	unsigned long runs = word ? strtoul(word, NULL, 10) : FUZZ_RUNS;
	size_t i;

	snprintf(failed, sizeof(failed), "fuzz_%s.failed", fuzz_target);
	signal(SIGABRT, keep_input);
	signal(SIGSEGV, keep_input);
	signal(SIGALRM, keep_input);
	if (argc > 1)
		return run_files(argv + 1, argc - 1);
	read_seeds();
	printf("1..1\n");
	fflush(stdout);
	for (i = 0; i < n_seeds; i++)
		run(seeds[i].data, seeds[i].n);
	run_changed(runs);
	printf("ok 1 - %s: %zu seeds, %lu changed ones\n", fuzz_target, n_seeds, runs);
	for (i = 0; i < n_seeds; i++)
		free(seeds[i].data);
	return EXIT_SUCCESS;
}
