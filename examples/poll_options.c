// SPDX-License-Identifier: BSD-3-Clause
#include "poll_options.h"

#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "sentence.h"

#define MAX_DEPTH 65534 /* a queue has at most 65536 entries, of which one stays open */
#define MAX_QUEUES 65534
#define MAX_BLOCK (UINT64_C(32) << 20)
#define MAX_SECONDS (366 * 24 * 3600)

const char poll_help[] =
	"Usage: nvme_poll --device ADDRESS [OPTION]...\n"
	"Drive an NVMe drive from user space through libiommu, by polling, and verify its data.\n"
	"\n"
	"The modes write and verify DESTROY the data in the part of the drive that they use. The\n"
	"drive must be bound to vfio-pci by hand before; nvme_poll never binds or unbinds anything.\n"
	"\n"
	"  --device ADDRESS  PCI address of the drive, as 0000:01:00.0; needed\n"
	"  --backend NAME    insist on this backend of libiommu (default: the best that works)\n"
	"  --mode MODE       write   write only\n"
	"                    read    read only; data is not looked at; nothing is destroyed\n"
	"                    verify  write each block, read it back into other memory that held\n"
	"                            something else, and compare (default)\n"
	"  --pattern ORDER   seq or rand: the order in which blocks are visited (default: seq)\n"
	"  --seconds N       measure for N seconds (default: 5); then write and verify go on until\n"
	"                    every block of the span has been written. 0: just that one pass\n"
	"  --bs BYTES        size of a block, one read or write (default: 4k)\n"
	"  --qd N            commands in flight on each queue (default: 32)\n"
	"  --queues N        queue pairs (default: 1)\n"
	"  --offset BYTES    where on the drive the span begins (default: 0)\n"
	"  --span BYTES      how much of the drive is used (default: 64m, or what there is)\n"
	"  --seed N          what is written depends on it (default: from the clock; printed)\n"
	"  --hugepages       data buffers from huge pages, of the system's default size\n"
	"  --expect-page BYTES, --expect-bytes BYTES\n"
	"                    the page size of most of the memory that will be mapped, and how much\n"
	"                    it is: on POWER libiommu makes a DMA window for it\n"
	"  --dma-bits N      use the drive as if it had so many address bits, 12 to 64\n"
	"  --quiet           print the summary only\n"
	"  --help, --version\n"
	"\n"
	"BYTES may end in k, m, g or t (powers of 1024).\n"
	"\n"
	"At the end, write and verify print \"cksum CRC BYTES offset OFFSET\": what cksum(1) must say of\n"
	"the span when it is read through any other driver. It is computed from the seed, not from\n"
	"memory that the drive has seen.\n"
	"\n"
	"Exit status: 0 all is well; 1 the drive, the data or the machine is not; 2 the command line\n"
	"is not; 130 or 143 after SIGINT or SIGTERM, which end the run in good order.\n";

enum {
	OPT_DEVICE = 256,
	OPT_BACKEND,
	OPT_MODE,
	OPT_PATTERN,
	OPT_SECONDS,
	OPT_BS,
	OPT_QD,
	OPT_QUEUES,
	OPT_OFFSET,
	OPT_SPAN,
	OPT_SEED,
	OPT_HUGEPAGES,
	OPT_EXPECT_PAGE,
	OPT_EXPECT_BYTES,
	OPT_DMA_BITS,
	OPT_QUIET,
	OPT_HELP,
	OPT_VERSION,
};

static const struct option long_options[] = {
	{ "device", required_argument, NULL, OPT_DEVICE },
	{ "backend", required_argument, NULL, OPT_BACKEND },
	{ "mode", required_argument, NULL, OPT_MODE },
	{ "pattern", required_argument, NULL, OPT_PATTERN },
	{ "seconds", required_argument, NULL, OPT_SECONDS },
	{ "bs", required_argument, NULL, OPT_BS },
	{ "qd", required_argument, NULL, OPT_QD },
	{ "queues", required_argument, NULL, OPT_QUEUES },
	{ "offset", required_argument, NULL, OPT_OFFSET },
	{ "span", required_argument, NULL, OPT_SPAN },
	{ "seed", required_argument, NULL, OPT_SEED },
	{ "hugepages", no_argument, NULL, OPT_HUGEPAGES },
	{ "expect-page", required_argument, NULL, OPT_EXPECT_PAGE },
	{ "expect-bytes", required_argument, NULL, OPT_EXPECT_BYTES },
	{ "dma-bits", required_argument, NULL, OPT_DMA_BITS },
	{ "quiet", no_argument, NULL, OPT_QUIET },
	{ "help", no_argument, NULL, OPT_HELP },
	{ "version", no_argument, NULL, OPT_VERSION },
	{ NULL, 0, NULL, 0 },
};

static const char *const mode_names[] = {
	[POLL_WRITE] = "write",
	[POLL_READ] = "read",
	[POLL_VERIFY] = "verify",
};

const char *poll_mode_name(enum poll_mode mode)
{
	return mode_names[mode];
}

/* strtoull() alone takes signs and leading space. */
static int parse_number(const char *text, const char **end, uint64_t *value)
{
	unsigned long long number;
	char *rest;

	if (!isdigit((unsigned char)text[0]))
		return -EINVAL;
	errno = 0;
	number = strtoull(text, &rest, text[0] == '0' && (text[1] | 0x20) == 'x' ? 16 : 10);
	if (errno)
		return -errno;
	*end = rest;
	*value = number;
	return 0;
}

int poll_parse_size(const char *text, uint64_t *bytes)
{
	static const char units[] = "kmgt";
	unsigned int shift = 0;
	const char *unit, *rest;
	uint64_t value;

	if (parse_number(text, &rest, &value) < 0)
		return -EINVAL;
	if (*rest) {
		unit = strchr(units, tolower((unsigned char)*rest));
		if (!unit)
			return -EINVAL;
		shift = 10 * (unsigned int)(unit - units + 1);
		rest++;
		if (*rest && strcasecmp(rest, "b") != 0 && strcasecmp(rest, "ib") != 0)
			return -EINVAL;
	}
	if (value > UINT64_MAX >> shift)
		return -EINVAL;

	*bytes = value << shift;
	return 0;
}

static int size_option(const char *name, const char *text, uint64_t min, uint64_t max, uint64_t *to)
{
	uint64_t value;

	if (poll_parse_size(text, &value) < 0)
		return fail(-EINVAL, "--%s: \"%s\" is not a size such as 4k, 64m or 512", name,
			    text);
	if (value < min || value > max)
		return fail(-EINVAL, "--%s: \"%s\" is not from %llu to %llu bytes", name, text,
			    (unsigned long long)min, (unsigned long long)max);
	*to = value;
	return 0;
}

static int number_option(const char *name, const char *text, uint64_t min, uint64_t max,
			 uint64_t *to)
{
	const char *rest;
	uint64_t value;

	if (parse_number(text, &rest, &value) < 0 || *rest || value < min || value > max)
		return fail(-EINVAL, "--%s: \"%s\" is not a number from %llu to %llu", name, text,
			    (unsigned long long)min, (unsigned long long)max);
	*to = value;
	return 0;
}

static int mode_option(const char *text, enum poll_mode *mode)
{
	for (size_t i = 0; i < sizeof(mode_names) / sizeof(mode_names[0]); i++)
		if (strcmp(text, mode_names[i]) == 0) {
			*mode = (enum poll_mode)i;
			return 0;
		}
	return fail(-EINVAL, "--mode: \"%s\" is not write, read or verify", text);
}

static int pattern_option(const char *text, bool *random)
{
	bool is_random = strcmp(text, "rand") == 0;

	if (!is_random && strcmp(text, "seq") != 0)
		return fail(-EINVAL, "--pattern: \"%s\" is not seq or rand", text);
	*random = is_random;
	return 0;
}

static int take(struct poll_options *options, int option, const char *text)
{
	uint64_t value = 0;
	int ret = 0;

	switch (option) {
	case OPT_DEVICE:
		options->device = text;
		break;
	case OPT_BACKEND:
		options->backend = text;
		break;
	case OPT_MODE:
		return mode_option(text, &options->mode);
	case OPT_PATTERN:
		return pattern_option(text, &options->random);
	case OPT_SECONDS:
		ret = number_option("seconds", text, 0, MAX_SECONDS, &value);
		options->seconds = (uint32_t)value;
		break;
	case OPT_BS:
		return size_option("bs", text, 512, MAX_BLOCK, &options->block);
	case OPT_QD:
		ret = number_option("qd", text, 1, MAX_DEPTH, &value);
		options->depth = (uint32_t)value;
		break;
	case OPT_QUEUES:
		ret = number_option("queues", text, 1, MAX_QUEUES, &value);
		options->queues = (uint16_t)value;
		break;
	case OPT_OFFSET:
		return size_option("offset", text, 0, INT64_MAX, &options->offset);
	case OPT_SPAN:
		return size_option("span", text, 512, INT64_MAX, &options->span);
	case OPT_SEED:
		return number_option("seed", text, 0, UINT64_MAX, &options->seed);
	case OPT_HUGEPAGES:
		options->hugepages = true;
		break;
	case OPT_EXPECT_PAGE:
		return size_option("expect-page", text, 1, INT64_MAX, &options->expect_page);
	case OPT_EXPECT_BYTES:
		return size_option("expect-bytes", text, 1, INT64_MAX, &options->expect_bytes);
	case OPT_DMA_BITS:
		return number_option("dma-bits", text, 12, 64, &options->dma_bits);
	case OPT_QUIET:
		options->quiet = true;
		break;
	}
	return ret;
}

static uint64_t clock_seed(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (uint64_t)now.tv_sec * 1000000007 ^ (uint64_t)now.tv_nsec;
}

static int check(const struct poll_options *options)
{
	if (!options->device)
		return fail(-EINVAL, "--device is needed: the PCI address of an NVMe drive that is "
				     "bound to vfio-pci, as 0000:01:00.0");
	if (options->mode == POLL_READ && !options->seconds)
		return fail(-EINVAL, "--seconds: 0 makes no sense with --mode read");
	if (options->span % options->block)
		return fail(-EINVAL, "--span: %llu bytes are not a multiple of --bs, %llu bytes",
			    (unsigned long long)options->span, (unsigned long long)options->block);
	return 0;
}

/* getopt's answer is the same for a name that nothing, and one that several options begin with. */
static int unknown_name(const char *word)
{
	size_t length = strcspn(word + 2, "=");
	char matches[256] = "";
	size_t used = 0;
	int count = 0;

	for (const struct option *option = long_options; option->name; option++) {
		if (strncmp(option->name, word + 2, length) != 0)
			continue;
		used += (size_t)snprintf(matches + used, sizeof(matches) - used, "%s--%s",
					 count++ ? ", " : "", option->name);
	}
	if (count < 2)
		return fail(-EINVAL, "%s: there is no such option; see --help", word);
	return fail(-EINVAL, "%s is ambiguous: it may be %s", word, matches);
}

/* getopt's own messages lack the value and go to stderr at once; these are ours. */
static int unknown(char **argv, int result)
{
	const char *word = argv[optind - 1];

	if (result == ':')
		return fail(-EINVAL, "%s needs a value", word);
	if (optopt && optopt < OPT_DEVICE)
		return fail(-EINVAL, "-%c: there is no such option; see --help", optopt);
	if (optopt)
		return fail(-EINVAL, "%s: this option takes no value", word);
	return unknown_name(word);
}

enum poll_options_result poll_options_parse(int argc, char **argv, struct poll_options *options)
{
	int option;

	*options = (struct poll_options){
		.mode = POLL_VERIFY,
		.seconds = 5,
		.depth = 32,
		.queues = 1,
		.block = 4096,
		.seed = clock_seed(),
	};

	optind = 0; /* from the start, also when called again */
	opterr = 0;
	while ((option = getopt_long(argc, argv, ":", long_options, NULL)) != -1) {
		if (option == OPT_HELP)
			return OPTIONS_HELP;
		if (option == OPT_VERSION)
			return OPTIONS_VERSION;
		if (option == '?' || option == ':') {
			unknown(argv, option);
			return OPTIONS_BAD;
		}
		if (take(options, option, optarg) < 0)
			return OPTIONS_BAD;
	}
	if (optind < argc) {
		fail(-EINVAL, "%s: what is this? nvme_poll takes options only; see --help",
		     argv[optind]);
		return OPTIONS_BAD;
	}
	return check(options) < 0 ? OPTIONS_BAD : OPTIONS_RUN;
}
