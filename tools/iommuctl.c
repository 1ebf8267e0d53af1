// SPDX-License-Identifier: BSD-3-Clause
/* iommuctl: what the machine offers to userspace drivers, and what is in their way. */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <libiommu.h>

#include "command.h"
#include "files.h"
#include "terminal.h"

static const char help[] =
	"Usage: iommuctl COMMAND [OPTION]... [BDF]\n"
	"What this machine offers to drivers in user space, and what is in their way.\n"
	"\n"
	"  list [--all] [--json]      PCI devices: driver, IOMMU group, NUMA node, and which\n"
	"                             backends of libiommu could serve them; --all: bridges, too\n"
	"  show BDF [--json] [--backend NAME]\n"
	"                             the IOVAs that a device can use: apertures and holes, limits\n"
	"  bind BDF [--driver NAME] [--dry-run] [--force]\n"
	"                             give a device to vfio-pci; refuses while the system uses it\n"
	"  unbind BDF [--dry-run] [--force]\n"
	"                             give it back to the kernel's driver; refuses likewise\n"
	"  doctor [BDF] [--memory BYTES] [--no-attach] [--json]\n"
	"                             what keeps drivers from working here, and what mends it\n"
	"  selftest BDF [--all] [--tap] [--edu BDF] [--backend NAME]\n"
	"                             the conformance suite on this device and machine\n"
	"  bench BDF [--seconds N] [--backend NAME]\n"
	"                             what maps and translations cost on it\n"
	"  fdt [FILE] [--device BDF]  what the device tree says of DMA: the machine's, or a file's\n"
	"\n"
	"  --root DIR                 before a command: /sys, /proc and /dev are read below DIR\n"
	"  --help, --version\n"
	"\n"
	"BDF is a PCI address, 0000:01:00.0 or 01:00.0. See iommuctl(1).\n"
	"\n"
	"Exit status: 0 all is well; 1 it is not, or it did not work; 2 the command line is wrong;\n"
	"3 bind or unbind refused, because the device is in use.\n";

static const struct command {
	const char *name;
	int (*run)(int argc, char **argv);
} commands[] = {
	{ "list", list_command },     { "show", show_command },
	{ "bind", bind_command },     { "unbind", unbind_command },
	{ "doctor", doctor_command }, { "selftest", selftest_command },
	{ "bench", bench_command },   { "fdt", fdt_command },
};

int complain(int status)
{
	char sentence[1024];

	snprintf(sentence, sizeof(sentence), "%s", fail_sentence());
	terminal_clean(sentence);
	fflush(stdout);
	fprintf(stderr, "iommuctl: %s\n", sentence);
	return status;
}

int complain_of_library(int status)
{
	fail(0, "%s", iom_errmsg());
	return complain(status);
}

static int print_help(void)
{
	fputs(help, stdout);
	return EXIT_WELL;
}

static int print_version(void)
{
	printf("iommuctl, libiommu %s\n", iom_version());
	return EXIT_WELL;
}

bool command_parse(const struct arg *args, size_t n, int argc, char **argv, void *options,
		   int least, int most, struct operands *operands, int *status)
{
	int first;

	switch (args_parse_operands(args, n, argc, argv, options, &first)) {
	case ARGS_HELP:
		*status = print_help();
		return false;
	case ARGS_VERSION:
		*status = print_version();
		return false;
	case ARGS_BAD:
		*status = complain(EXIT_USAGE);
		return false;
	case ARGS_RUN:
		break;
	}
	operands->words = argv + first;
	operands->n = argc - first;
	if (operands->n >= least && operands->n <= most)
		return true;
	if (operands->n < least)
		fail(0, "%s needs the PCI address of a device; see --help", argv[0]);
	else
		fail(0, "%s: what is this? %s takes %s; see --help", operands->words[most], argv[0],
		     most ? "one operand" : "options only");
	*status = complain(EXIT_USAGE);
	return false;
}

bool command_may_open(const char *name, int *status)
{
	if (files_are_real())
		return true;
	fail(-EINVAL, "%s opens the device, and with --root none is opened", name);
	*status = complain(EXIT_USAGE);
	return false;
}

static int set_root(const char *dir)
{
	int ret = files_set_root(dir);

	return ret < 0 ? fail(ret, "--root: \"%s\" is not a folder: %s", dir, strerror(-ret)) : 0;
}

static int run(int argc, char **argv)
{
	if (!argc) {
		fail(0, "a command is needed, as in 'iommuctl list'; see --help");
		return complain(EXIT_USAGE);
	}
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		if (!strcmp(commands[i].name, argv[0]))
			return commands[i].run(argc, argv);
	if (!strcmp(argv[0], "help"))
		return print_help();
	fail(0, "'%.64s' is no command; see --help", argv[0]);
	return complain(EXIT_USAGE);
}

/* What stands before the command. */
static int run_main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "root", required_argument, NULL, 'r' },
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'v' },
		{ NULL, 0, NULL, 0 },
	};
	int got;

	opterr = 0;
	while ((got = getopt_long(argc, argv, "+:h", options, NULL)) != -1) {
		switch (got) {
		case 'r':
			if (set_root(optarg) < 0)
				return complain(EXIT_USAGE);
			break;
		case 'h':
			return print_help();
		case 'v':
			return print_version();
		case ':':
			fail(0, "%s needs a value; see --help", argv[optind - 1]);
			return complain(EXIT_USAGE);
		default:
			fail(0, "%s: there is no such option before a command; see --help",
			     argv[optind - 1]);
			return complain(EXIT_USAGE);
		}
	}
	return run(argc - optind, argv + optind);
}

int main(int argc, char **argv)
{
	int status = run_main(argc, argv);

	if (terminal_flush() < 0)
		return complain(EXIT_FAILED);
	return status;
}
