// SPDX-License-Identifier: BSD-3-Clause
/* The conformance suite on simulated machines: all of them, or those that are named. */
#include <fnmatch.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "expected.h"
#include "machine.h"

static const char usage[] =
	"usage: conformance-sim [--machine PATTERN] [--only CASE] [--part N/M]\n"
	"       conformance-sim --list | --machines\n"
	"\n"
	"Runs what libiommu.h promises on the simulated kernel, and prints TAP.  A machine is\n"
	"PLATFORM/PAGE/KERNEL/BACKEND, and PATTERN one of the shell's; CONFORMANCE_MACHINE in the\n"
	"environment stands in for it.  --part 1/2 takes every second case, --part 2/2 the others.\n";

/* The machine that cases run on now. */
static const char *current;

static enum verdict expect(const struct world *world, const char *name)
{
	(void)world;
	return expected_on(current, name);
}

static bool is_wanted(size_t i, const char *pattern, struct named_machine *m)
{
	return machine_get(i, m) && !fnmatch(pattern, m->name, 0);
}

static unsigned int count_machines(const char *pattern)
{
	unsigned int n = 0;
	struct named_machine m;
	size_t i;

	for (i = 0; i < machines_most(); i++)
		n += is_wanted(i, pattern, &m);
	return n;
}

static void list_machines(void)
{
	struct named_machine m;
	size_t i;

	for (i = 0; i < machines_most(); i++)
		if (is_wanted(i, "*", &m))
			puts(m.name);
}

static int run(const char *pattern, const struct choice *choice)
{
	unsigned int total = count_machines(pattern) * count_cases(choice);
	struct tally tally = { 0 };
	struct world world;
	struct named_machine m;
	char prefix[80];
	size_t i;

	if (!total) {
		fprintf(stderr, "conformance-sim: there is no such machine or case\n");
		return 2;
	}
	printf("1..%u\n", total);
	for (i = 0; i < machines_most(); i++) {
		if (!is_wanted(i, pattern, &m))
			continue;
		machine_use(&m.machine, &world);
		current = m.name;
		snprintf(prefix, sizeof(prefix), "%s/", m.name);
		run_cases(&world, prefix, choice, expect, &tally);
	}
	return tally.failures ? 1 : 0;
}

/* "N/M", N from 1 up to M. */
static int read_part(const char *word, struct choice *choice)
{
	unsigned int part, parts;
	char rest;

	if (sscanf(word, "%u/%u%c", &part, &parts, &rest) != 2 || !part || part > parts)
		return -1;
	choice->part = part - 1;
	choice->parts = parts;
	return 0;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "machine", required_argument, NULL, 'm' },
		{ "only", required_argument, NULL, 'o' },
		{ "part", required_argument, NULL, 'p' },
		{ "list", no_argument, NULL, 'l' },
		{ "machines", no_argument, NULL, 'M' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	const char *pattern = getenv("CONFORMANCE_MACHINE");
	struct choice choice = { 0 };
	int c;

	unsetenv("LIBIOMMU_BACKEND");
	unsetenv("LIBIOMMU_LOG");
	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (c) {
		case 'm':
			pattern = optarg;
			break;
		case 'o':
			choice.only = optarg;
			break;
		case 'p':
			if (read_part(optarg, &choice) < 0) {
				fputs(usage, stdout);
				return 2;
			}
			break;
		case 'l':
			list_cases();
			return 0;
		case 'M':
			list_machines();
			return 0;
		case 'h':
			fputs(usage, stdout);
			return 0;
		default:
			return 2;
		}
	}
	if (optind < argc) {
		fputs(usage, stderr);
		return 2;
	}
	return run(pattern && *pattern ? pattern : "*", &choice);
}
