// SPDX-License-Identifier: BSD-3-Clause
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "linux.h"
#include "runner.h"

static const char usage[] =
	"usage: conformance --device BDF [--backend NAME] [--edu BDF] [--edu2 BDF] [--group BDF,BDF]\n"
	"                   [--wide BDF] [--wide2 BDF] [--elsewhere BDF] [--unequal BDF]\n"
	"                   [--windowless BDF] [--only CASE[,CASE...]]\n"
	"                   [--leave-alone]\n"
	"       conformance --list\n"
	"\n"
	"Runs what libiommu.h promises against the kernel, on a PCI function bound to vfio-pci that no\n"
	"one else uses, and prints TAP.  With --edu, QEMU's edu device proves that DMA is translated and\n"
	"refused as promised; --edu2 is another one in another group, and --group are two in one group.\n"
	"--wide and --wide2 drive 64 bits (dma_mask), each alone in its group.  On pSeries --elsewhere\n"
	"is one behind a bridge whose second DMA window begins elsewhere than theirs, --unequal one\n"
	"whose default window is not as large, and --windowless one behind a bridge without dynamic\n"
	"windows.  Cases that need what is not given are skipped.\n"
	"\n"
	"As root, the cases also rename and forbid nodes in /dev, set parameters of the kernel's VFIO\n"
	"modules and bind the given devices to other drivers, each for a moment; not with --leave-alone.\n";

/* Cut "BDF,BDF" in two. */
static int read_pair(char *word, const char *pair[2])
{
	char *comma = strchr(word, ',');

	if (!comma)
		return -1;
	*comma = '\0';
	pair[0] = word;
	pair[1] = comma + 1;
	return 0;
}

static int run(const struct world *world, const struct choice *choice)
{
	struct tally tally = { 0 };
	unsigned int total = count_cases(choice);

	if (!total) {
		fprintf(stderr, "conformance: none of the cases is called '%s'\n", choice->only);
		return 2;
	}
	printf("1..%u\n", total);
	run_cases(world, "", choice, NULL, &tally);
	return tally.failures ? 1 : 0;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "backend", required_argument, NULL, 'b' },
		{ "device", required_argument, NULL, 'd' },
		{ "edu", required_argument, NULL, 'e' },
		{ "edu2", required_argument, NULL, '2' },
		{ "group", required_argument, NULL, 'g' },
		{ "wide", required_argument, NULL, 'w' },
		{ "wide2", required_argument, NULL, 'V' },
		{ "elsewhere", required_argument, NULL, 'E' },
		{ "unequal", required_argument, NULL, 'U' },
		{ "windowless", required_argument, NULL, 'W' },
		{ "only", required_argument, NULL, 'o' },
		{ "leave-alone", no_argument, NULL, 'L' },
		{ "list", no_argument, NULL, 'l' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	struct choice choice = { 0 };
	struct world world = { 0 };
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
		case '2':
			world.edu2 = optarg;
			break;
		case 'g':
			if (read_pair(optarg, world.pair) < 0) {
				fputs(usage, stderr);
				return 2;
			}
			break;
		case 'w':
			world.wide = optarg;
			break;
		case 'V':
			world.wide2 = optarg;
			break;
		case 'E':
			world.elsewhere = optarg;
			break;
		case 'U':
			world.unequal = optarg;
			break;
		case 'W':
			world.windowless = optarg;
			break;
		case 'o':
			choice.only = optarg;
			break;
		case 'L':
			linux_left_alone = true;
			break;
		case 'l':
			list_cases();
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
	return run(&world, &choice);
}
