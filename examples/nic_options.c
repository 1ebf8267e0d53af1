// SPDX-License-Identifier: BSD-3-Clause
#include "nic_options.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#include "nic.h"
#include "sentence.h"

const char nic_help[] =
	"Usage: nic_poll --device ADDRESS --peer ADDRESS [OPTION]...\n"
	"Drive two network cards from user space through libiommu, by polling: each sends frames to\n"
	"the other one, and every byte that arrives is looked at.\n"
	"\n"
	"The cards are Intel 82574L (QEMU: e1000e), with a wire between them, or a switch. They must\n"
	"be bound to vfio-pci by hand before; nic_poll never binds or unbinds anything. Nobody\n"
	"else should send more than they can take: what is lost is a failure.\n"
	"\n"
	"  --device ADDRESS  PCI address of one card, as 0000:01:00.0; needed\n"
	"  --peer ADDRESS    PCI address of the other one; needed\n"
	"  --backend NAME    insist on this backend of libiommu (default: the best that works)\n"
	"  --frames N        how many each card sends (default: 500000)\n"
	"  --ring N          descriptors of each ring, a power of two from 8 to 4096 (default: 256)\n"
	"  --window N        frames under way to each card, fewer than --ring (default: half of it)\n"
	"  --least-page BYTES\n"
	"                    the smallest page that buffers may be made of, such as 2m for huge\n"
	"                    ones (default: any; the largest that there are)\n"
	"  --seed N          lengths and contents depend on it (default: from the clock; printed)\n"
	"  --strict          have libiommu map each buffer only while it is in use, at a new IOVA\n"
	"                    each time: a stray access of a card faults at once\n"
	"  --quiet           print the summary only\n"
	"  --help, --version\n"
	"\n"
	"BYTES may end in k, m, g or t (powers of 1024).\n"
	"\n"
	"Frames have 60 to 1514 bytes and Ethernet's type 0x88b5. At the end a line says how many were\n"
	"sent, received, wrong and lost, both ways together; foreign are those of others.\n"
	"\n"
	"Exit status: 0 all is well; 1 frames were lost or wrong, or the cards or the machine are\n"
	"not well; 2 the command line is not; 130 or 143 after SIGINT or SIGTERM, which end the run\n"
	"in good order.\n";

#define TO(member) ARG_FIELD(struct nic_options, member)

static const struct arg args[] = {
	{ "device", ARG_TEXT, TO(device) },
	{ "peer", ARG_TEXT, TO(peer) },
	{ "backend", ARG_TEXT, TO(backend) },
	{ "frames", ARG_NUMBER, TO(frames), .min = 1, .max = INT64_MAX },
	{ "ring", ARG_NUMBER, TO(entries), .min = NIC_RING_UNIT, .max = NIC_MAX_ENTRIES },
	{ "window", ARG_NUMBER, TO(window), .min = 1, .max = NIC_MAX_ENTRIES },
	{ "least-page", ARG_SIZE, TO(least_page), .min = 1, .max = INT64_MAX },
	{ "seed", ARG_NUMBER, TO(seed), .max = UINT64_MAX },
	{ "strict", ARG_FLAG, TO(strict) },
	{ "quiet", ARG_FLAG, TO(quiet) },
};

static uint64_t clock_seed(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (uint64_t)now.tv_sec * 1000000007 ^ (uint64_t)now.tv_nsec;
}

static int check(struct nic_options *options)
{
	if (!options->device || !options->peer)
		return fail(-EINVAL,
			    "--%s is needed: the PCI address of an 82574L that is bound to "
			    "vfio-pci, as 0000:01:00.0",
			    options->device ? "peer" : "device");
	if (!strcmp(options->device, options->peer))
		return fail(-EINVAL, "--peer: %s is --device, too; two cards are needed",
			    options->peer);
	if (options->entries & (options->entries - 1))
		return fail(-EINVAL, "--ring: %u is no power of two", options->entries);
	if (options->window >= options->entries)
		return fail(-EINVAL, "--window: %u is not fewer than --ring, which is %u",
			    options->window, options->entries);
	if (!options->window)
		options->window = options->entries / 2;
	return 0;
}

enum args_result nic_options_parse(int argc, char **argv, struct nic_options *options)
{
	enum args_result result;

	*options = (struct nic_options){
		.frames = 500000,
		.entries = 256,
		.seed = clock_seed(),
	};

	result = args_parse("nic_poll", args, sizeof(args) / sizeof(args[0]), argc, argv, options);
	if (result == ARGS_RUN && check(options) < 0)
		return ARGS_BAD;
	return result;
}
