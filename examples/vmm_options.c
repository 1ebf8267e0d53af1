// SPDX-License-Identifier: BSD-3-Clause
#include "vmm_options.h"

#include <errno.h>
#include <inttypes.h>
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

static int page_option(const char *text, void *to)
{
	struct vmm_options *options = to;
	uint64_t value;
	int ret;

	ret = args_size_option("page", text, 4096, MAX_PAGE, 4096, &value);
	if (ret < 0)
		return ret;
	if (value & (value - 1))
		return fail(-EINVAL, "--page: \"%s\" is not a power of two", text);
	options->page = value;
	return 0;
}

/* BYTES, or START+BYTES. */
static int window_option(const char *text, void *to)
{
	struct vmm_options *options = to;
	const char *plus = strchr(text, '+');
	const char *rest;

	options->window_fixed = plus;
	options->window_start = 0;
	if (plus && (args_size(text, &rest, &options->window_start) < 0 || rest != plus))
		return fail(-EINVAL, "--window: \"%s\" does not begin with an IOVA", text);
	if (plus && !plus[1])
		return fail(-EINVAL, "--window: \"%s\" has no size after the +", text);
	return args_size_option("window", plus ? plus + 1 : text, VMM_UNIT, INT64_MAX, 4096,
				&options->window);
}

#define TO(member) ARG_FIELD(struct vmm_options, member)

static const struct arg args[] = {
	{ "device", ARG_TEXT, TO(device) },
	{ "dma-bits", ARG_NUMBER, TO(dma_bits), .min = 12, .max = 64 },
	{ "backend", ARG_TEXT, TO(backend) },
	{ "ram", ARG_SIZE, TO(ram), .min = 2 * VMM_UNIT, .max = 1024 * GIB, .unit = VMM_UNIT },
	{ "low", ARG_SIZE, TO(low), .min = VMM_UNIT, .max = 4 * GIB, .unit = VMM_UNIT },
	{ "huge", ARG_FLAG, TO(huge) },
	{ "page", ARG_OWN, .take = page_option },
	{ "window", ARG_OWN, .take = window_option },
	{ "requests", ARG_NUMBER, TO(requests), .min = 2, .max = MAX_REQUESTS },
	{ "live", ARG_NUMBER, TO(live), .min = 1, .max = MAX_LIVE },
	{ "rounds", ARG_NUMBER, TO(rounds), .min = 1, .max = MAX_ROUNDS },
	{ "seed", ARG_NUMBER, TO(seed), .max = UINT64_MAX },
	{ "no-raw", ARG_FLAG, TO(no_raw) },
};

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

enum args_result vmm_options_parse(int argc, char **argv, struct vmm_options *options)
{
	enum args_result result;

	*options = (struct vmm_options){
		.ram = UINT64_C(64) << 20,
		.low = 3 * GIB,
		.page = 4096,
		.window = UINT64_C(16) << 20,
		.dma_bits = 28,
		.requests = 20000,
		.live = 256,
		.rounds = 5,
		.seed = 1,
	};

	result =
		args_parse("vmm_replay", args, sizeof(args) / sizeof(args[0]), argc, argv, options);
	if (result == ARGS_RUN && check(options) < 0)
		return ARGS_BAD;
	return result;
}
