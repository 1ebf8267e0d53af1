// SPDX-License-Identifier: BSD-3-Clause
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "groups.h"
#include "run.h"

static const char usage_text[] =
	"usage: bench [option]...\n"
	"What libiommu's calls cost, beside their references in the same run.\n\n"
	"  --only PATTERN   the rows, or the group, whose name has this, or matches it (* and ?)\n"
	"  --quick          a moment for each row, to see that it works\n"
	"  --json FILE      write the figures to FILE as well\n"
	"  --tap            as tests: what is counted must hold, times need not\n"
	"  --device ADDRESS on a real device behind an IOMMU: map and unmap beside the raw calls\n"
	"  --backend NAME   there: by this backend\n"
	"  --count NAME     run what is counted in row NAME, for callgrind\n"
	"  --help\n";

#define AGAIN 2 /* times, at most */

enum {
	ONLY = 'o',
	QUICK = 'q',
	JSON = 'j',
	TAP = 't',
	DEVICE = 'd',
	BACKEND = 'b',
	COUNT = 'c'
};

static void read_options(int argc, char **argv, struct bench_options *options)
{
	static const struct option known[] = {
		{ "only", required_argument, NULL, ONLY },
		{ "quick", no_argument, NULL, QUICK },
		{ "json", required_argument, NULL, JSON },
		{ "tap", no_argument, NULL, TAP },
		{ "device", required_argument, NULL, DEVICE },
		{ "backend", required_argument, NULL, BACKEND },
		{ "count", required_argument, NULL, COUNT },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	int c;

	while ((c = getopt_long(argc, argv, "", known, NULL)) != -1) {
		switch (c) {
		case ONLY:
			options->only = optarg;
			break;
		case QUICK:
			options->quick = true;
			break;
		case JSON:
			options->json = optarg;
			break;
		case TAP:
			options->tap = true;
			break;
		case DEVICE:
			options->device = optarg;
			break;
		case BACKEND:
			options->backend = optarg;
			break;
		case COUNT:
			options->count = optarg;
			break;
		case 'h':
			fputs(usage_text, stdout);
			exit(0);
		default:
			fputs(usage_text, stderr);
			exit(2);
		}
	}
	if (optind == argc)
		return;
	fprintf(stderr, "bench: what is '%s'?\n%s", argv[optind], usage_text);
	exit(2);
}

static void forget(struct bench *b)
{
	size_t i;

	for (i = 0; i < b->n_results; i++)
		bench_forget_row(&b->results[i].row);
	free(b->results);
}

static void run_groups(struct bench *b)
{
	size_t i;

	for (i = 0; bench_groups[i]; i++) {
		/* a device is for the one group that measures the kernel as well */
		if ((bench_groups[i] == &bench_group_device) != !!b->options.device)
			continue;
		b->group = bench_groups[i];
		b->titled = false;
		b->group->run(b);
	}
}

/*
 * What else a machine does, or the host of a virtual one, spoils a few rows of many: those that were
 * missed are measured again at another time, and their last figures count.
 */
static void run_again(struct bench *b)
{
	while (bench_has_missed(b) && b->again < AGAIN) {
		b->again++;
		run_groups(b);
	}
}

int main(int argc, char **argv)
{
	struct bench b = { 0 };
	int ret;

	read_options(argc, argv, &b.options);
	bench_machine_read(&b.machine);
	if (b.options.count)
		puts("ready");
	else if (!b.options.tap)
		bench_table_head(&b);
	run_groups(&b);
	if (b.options.count)
		bench_fail("nothing is counted by the name of %s", b.options.count);
	if (!b.n_results)
		bench_fail("no row is named like '%s'", b.options.only ? b.options.only : "");
	if (!b.options.quick && !b.options.tap)
		run_again(&b);
	bench_read_load(b.machine.load[1], sizeof(b.machine.load[1]));
	if (b.options.tap)
		printf("1..%zu\n", b.n_results);
	else
		bench_table_end(&b);
	if (b.options.json) {
		ret = bench_json_write(&b, b.options.json);
		if (ret < 0)
			bench_fail("%s: %s", b.options.json, strerror(-ret));
	}
	ret = b.options.tap && b.counted_missed;
	forget(&b);
	return ret;
}
