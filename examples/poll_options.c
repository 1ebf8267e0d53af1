// SPDX-License-Identifier: BSD-3-Clause
#include "poll_options.h"

#include <errno.h>
#include <inttypes.h>
#include <time.h>

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
	"  --foreign[=WHICH] data buffers that are not the poller's, each mapped for as long as its\n"
	"                    command is under way:\n"
	"                    malloc    from malloc(), and freed after it (default)\n"
	"                    declared  parts of memory that libiommu was told of\n"
	"  --expect-page BYTES, --expect-bytes BYTES\n"
	"                    the page size of most of the memory that will be mapped, and how much\n"
	"                    it is: on POWER libiommu makes a DMA window for it\n"
	"  --dma-bits N      use the drive as if it had so many address bits, 12 to 64\n"
	"  --strict          have libiommu use no IOVA twice, leave gaps between mappings and keep\n"
	"                    nothing mapped: a stray access of the drive faults at once\n"
	"  --journal FILE    write into FILE, anew, which write of which block the drive has\n"
	"                    acknowledged, as it does: what it must hold, should the poller be killed\n"
	"                    (poll_journal.h)\n"
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

static const char *const modes[] = {
	[POLL_WRITE] = "write",
	[POLL_READ] = "read",
	[POLL_VERIFY] = "verify",
	NULL,
};

static const char *const orders[] = { "seq", "rand", NULL };
static const char *const foreign[] = { "malloc", "declared", NULL };

#define TO(member) ARG_FIELD(struct poll_options, member)

static const struct arg args[] = {
	{ "device", ARG_TEXT, TO(device) },
	{ "backend", ARG_TEXT, TO(backend) },
	{ "mode", ARG_WORD, TO(mode), .words = modes },
	{ "pattern", ARG_WORD, TO(random), .words = orders },
	{ "seconds", ARG_NUMBER, TO(seconds), .max = MAX_SECONDS },
	{ "bs", ARG_SIZE, TO(block), .min = 512, .max = MAX_BLOCK },
	{ "qd", ARG_NUMBER, TO(depth), .min = 1, .max = MAX_DEPTH },
	{ "queues", ARG_NUMBER, TO(queues), .min = 1, .max = MAX_QUEUES },
	{ "offset", ARG_SIZE, TO(offset), .max = INT64_MAX },
	{ "span", ARG_SIZE, TO(span), .min = 512, .max = INT64_MAX },
	{ "seed", ARG_NUMBER, TO(seed), .max = UINT64_MAX },
	{ "hugepages", ARG_FLAG, TO(hugepages) },
	{ "foreign", ARG_WORD, TO(memory), .optional = true, .min = POLL_MALLOC, .words = foreign },
	{ "expect-page", ARG_SIZE, TO(expect_page), .min = 1, .max = INT64_MAX },
	{ "expect-bytes", ARG_SIZE, TO(expect_bytes), .min = 1, .max = INT64_MAX },
	{ "dma-bits", ARG_NUMBER, TO(dma_bits), .min = 12, .max = 64 },
	{ "strict", ARG_FLAG, TO(strict) },
	{ "journal", ARG_TEXT, TO(journal) },
	{ "quiet", ARG_FLAG, TO(quiet) },
};

const char *poll_mode_name(enum poll_mode mode)
{
	return modes[mode];
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
	if (options->mode == POLL_READ && options->journal)
		return fail(-EINVAL, "--journal: --mode read writes nothing to be told of");
	if (options->span % options->block)
		return fail(-EINVAL,
			    "--span: %" PRIu64 " bytes are not a multiple of --bs, %" PRIu64
			    " bytes",
			    options->span, options->block);
	if (options->memory == POLL_MALLOC && options->hugepages)
		return fail(-EINVAL, "--hugepages: malloc() has none, but --foreign=declared may");
	return 0;
}

enum args_result poll_options_parse(int argc, char **argv, struct poll_options *options)
{
	enum args_result result;

	*options = (struct poll_options){
		.mode = POLL_VERIFY,
		.seconds = 5,
		.depth = 32,
		.queues = 1,
		.block = 4096,
		.seed = clock_seed(),
	};

	result = args_parse("nvme_poll", args, sizeof(args) / sizeof(args[0]), argc, argv, options);
	if (result == ARGS_RUN && check(options) < 0)
		return ARGS_BAD;
	return result;
}
