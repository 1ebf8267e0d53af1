// SPDX-License-Identifier: BSD-3-Clause
#include "vmm_options.h"

#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "sentence.h"
#include "vmm_stream.h"

#define GIB (UINT64_C(1) << 30)
#define MAX_PAGE (VMM_UNIT / VMM_MAX_RUN) /* so that no run crosses the end of a part of the RAM */
#define MAX_REQUESTS 50000000
#define MAX_LIVE 1000000
#define MAX_ROUNDS 99

const char vmm_help[] =
	"Usage: vmm_replay --device ADDRESS [OPTION]...\n"
	"Do with an IOMMU what a VMM does, through libiommu, and measure it.\n"
	"\n"
	"Guest RAM is mapped at its guest physical addresses, as an x86 guest has them: from 0\n"
	"on, and from 4 GiB on. Then the map and unmap requests of a virtual IOMMU are replayed\n"
	"through another range of IOVAs, and the same ones by raw calls of the kernel. The device\n"
	"proves that it sees the guest's memory: it must be QEMU's edu, bound to vfio-pci.\n"
	"\n"
	"  --device ADDRESS  PCI address of the edu device, as 0000:01:00.0; needed\n"
	"  --dma-bits N      address bits that it drives (default: 28, as QEMU has it unless its\n"
	"                    dma_mask says more)\n"
	"  --backend NAME    insist on this backend of libiommu (default: the best that works)\n"
	"  --ram BYTES       guest RAM, from 4m on, a multiple of 2m (default: 64m)\n"
	"  --low BYTES       how much of it is below 4 GiB, at most, a multiple of 2m (default: 3g)\n"
	"  --huge            guest RAM from huge pages, of the system's default size\n"
	"  --page BYTES      the virtual IOMMU's pages, 4k to 128k (default: 4k)\n"
	"  --window BYTES    how many IOVAs the virtual IOMMU has, anywhere: from 2m on, a multiple\n"
	"                    of --page (default: 16m)\n"
	"  --window START+BYTES\n"
	"                    the same, from START on\n"
	"  --requests N      maps and unmaps in a round (default: 20000)\n"
	"  --live N          how many mappings there are at once (default: 256)\n"
	"  --rounds N        rounds through libiommu, and as many of raw calls (default: 5)\n"
	"  --seed N          the requests depend on it (default: 1)\n"
	"  --no-raw          no raw calls\n"
	"  --help, --version\n"
	"\n"
	"BYTES and START may end in k, m, g or t (powers of 1024).\n"
	"\n"
	"Where the host's IOMMU has a hole, the RAM goes around it, and what finds no place is\n"
	"left out. Both are said, with the host's reason.\n"
	"\n"
	"The last line is the verdict, unless the command line is at fault. Exit status: 0 all is\n"
	"well; 1 the device, the memory or the machine is not; 2 the command line is not.\n";

enum {
	OPT_DEVICE = 256,
	OPT_DMA_BITS,
	OPT_BACKEND,
	OPT_RAM,
	OPT_LOW,
	OPT_HUGE,
	OPT_PAGE,
	OPT_WINDOW,
	OPT_REQUESTS,
	OPT_LIVE,
	OPT_ROUNDS,
	OPT_SEED,
	OPT_NO_RAW,
	OPT_HELP,
	OPT_VERSION,
};

static const struct option long_options[] = {
	{ "device", required_argument, NULL, OPT_DEVICE },
	{ "dma-bits", required_argument, NULL, OPT_DMA_BITS },
	{ "backend", required_argument, NULL, OPT_BACKEND },
	{ "ram", required_argument, NULL, OPT_RAM },
	{ "low", required_argument, NULL, OPT_LOW },
	{ "huge", no_argument, NULL, OPT_HUGE },
	{ "page", required_argument, NULL, OPT_PAGE },
	{ "window", required_argument, NULL, OPT_WINDOW },
	{ "requests", required_argument, NULL, OPT_REQUESTS },
	{ "live", required_argument, NULL, OPT_LIVE },
	{ "rounds", required_argument, NULL, OPT_ROUNDS },
	{ "seed", required_argument, NULL, OPT_SEED },
	{ "no-raw", no_argument, NULL, OPT_NO_RAW },
	{ "help", no_argument, NULL, OPT_HELP },
	{ "version", no_argument, NULL, OPT_VERSION },
	{ NULL, 0, NULL, 0 },
};

/*
 * Digits, and if a unit may be there, one of those.  What follows is left to the caller: strtoull()
 * alone takes signs and leading space.
 */
static int parse(const char *text, bool units, const char **end, uint64_t *value)
{
	static const char letters[] = "kmgt";
	unsigned int shift = 0;
	const char *letter;
	uint64_t number;
	char *rest;

	if (!isdigit((unsigned char)text[0]))
		return -EINVAL;
	errno = 0;
	number = strtoull(text, &rest, text[0] == '0' && (text[1] | 0x20) == 'x' ? 16 : 10);
	if (errno)
		return -errno;
	letter = units && *rest ? strchr(letters, tolower((unsigned char)*rest)) : NULL;
	if (letter) {
		shift = 10 * (unsigned int)(letter - letters + 1);
		rest++;
	}
	if (number > UINT64_MAX >> shift)
		return -ERANGE;
	*end = rest;
	*value = number << shift;
	return 0;
}

static int number_option(const char *name, const char *text, uint64_t min, uint64_t max,
			 uint64_t *to)
{
	const char *rest;
	uint64_t value;

	if (parse(text, false, &rest, &value) < 0 || *rest || value < min || value > max)
		return fail(-EINVAL, "--%s: \"%s\" is not a number from %" PRIu64 " to %" PRIu64,
			    name, text, min, max);
	*to = value;
	return 0;
}

/* From min to max, and a multiple of unit. */
static int size_option(const char *name, const char *text, uint64_t min, uint64_t max,
		       uint64_t unit, uint64_t *to)
{
	const char *rest;
	uint64_t value;

	if (parse(text, true, &rest, &value) < 0 || *rest)
		return fail(-EINVAL, "--%s: \"%s\" is not a size such as 4k or 64m", name, text);
	if (value < min || value > max)
		return fail(-EINVAL, "--%s: \"%s\" is not from %" PRIu64 " to %" PRIu64 " KiB",
			    name, text, min >> 10, max >> 10);
	if (value % unit)
		return fail(-EINVAL, "--%s: \"%s\" is not a multiple of %" PRIu64 " KiB", name,
			    text, unit >> 10);
	*to = value;
	return 0;
}

static int page_option(const char *text, uint64_t *page)
{
	uint64_t value = 0;
	int ret;

	ret = size_option("page", text, 4096, MAX_PAGE, 4096, &value);
	if (ret < 0)
		return ret;
	if (value & (value - 1))
		return fail(-EINVAL, "--page: \"%s\" is not a power of two", text);
	*page = value;
	return 0;
}

/* BYTES, or START+BYTES. */
static int window_option(const char *text, struct vmm_options *options)
{
	const char *plus = strchr(text, '+');
	const char *rest;

	options->window_fixed = plus;
	options->window_start = 0;
	if (plus && (parse(text, true, &rest, &options->window_start) < 0 || rest != plus))
		return fail(-EINVAL, "--window: \"%s\" does not begin with an IOVA", text);
	if (plus && !plus[1])
		return fail(-EINVAL, "--window: \"%s\" has no size after the +", text);
	return size_option("window", plus ? plus + 1 : text, VMM_UNIT, INT64_MAX, 4096,
			   &options->window);
}

static int take(struct vmm_options *options, int option, const char *text)
{
	switch (option) {
	case OPT_DEVICE:
		options->device = text;
		return 0;
	case OPT_DMA_BITS:
		return number_option("dma-bits", text, 12, 64, &options->dma_bits);
	case OPT_BACKEND:
		options->backend = text;
		return 0;
	case OPT_RAM:
		return size_option("ram", text, 2 * VMM_UNIT, 1024 * GIB, VMM_UNIT, &options->ram);
	case OPT_LOW:
		return size_option("low", text, VMM_UNIT, 4 * GIB, VMM_UNIT, &options->low);
	case OPT_HUGE:
		options->huge = true;
		return 0;
	case OPT_PAGE:
		return page_option(text, &options->page);
	case OPT_WINDOW:
		return window_option(text, options);
	case OPT_REQUESTS:
		return number_option("requests", text, 2, MAX_REQUESTS, &options->requests);
	case OPT_LIVE:
		return number_option("live", text, 1, MAX_LIVE, &options->live);
	case OPT_ROUNDS:
		return number_option("rounds", text, 1, MAX_ROUNDS, &options->rounds);
	case OPT_SEED:
		return number_option("seed", text, 0, UINT64_MAX, &options->seed);
	case OPT_NO_RAW:
		options->raw = false;
		return 0;
	}
	return 0;
}

static int check(const struct vmm_options *options)
{
	if (!options->device)
		return fail(-EINVAL, "--device is needed: the PCI address of an edu device of QEMU "
				     "that is bound to vfio-pci, as 0000:01:00.0");
	if ((options->window | options->window_start) % options->page)
		return fail(-EINVAL,
			    "--window: start and length are not multiples of --page, %" PRIu64
			    " KiB",
			    options->page >> 10);
	return 0;
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
	return fail(-EINVAL, "%s: there is no such option, or several; see --help", word);
}

enum vmm_options_result vmm_options_parse(int argc, char **argv, struct vmm_options *options)
{
	int option;

	*options = (struct vmm_options){
		.ram = UINT64_C(64) << 20,
		.low = 3 * GIB,
		.page = 4096,
		.window = UINT64_C(16) << 20,
		.raw = true,
		.dma_bits = 28,
		.requests = 20000,
		.live = 256,
		.rounds = 5,
		.seed = 1,
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
		fail(-EINVAL, "%s: what is this? vmm_replay takes options only; see --help",
		     argv[optind]);
		return OPTIONS_BAD;
	}
	return check(options) < 0 ? OPTIONS_BAD : OPTIONS_RUN;
}
