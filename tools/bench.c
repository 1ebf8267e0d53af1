// SPDX-License-Identifier: BSD-3-Clause
/* iommuctl bench: what maps, translations and streams cost on a device, with the kernel's part. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include <libiommu.h>

#include "command.h"
#include "pci.h"
#include "terminal.h"

#define MEMORY (UINT64_C(2) << 20)
#define MOST_TIMES 1000000

struct bench_options {
	const char *backend;
	uint64_t seconds;
};

static const struct arg args[] = {
	{ "backend", ARG_TEXT, ARG_FIELD(struct bench_options, backend) },
	{ "seconds", ARG_NUMBER, ARG_FIELD(struct bench_options, seconds), .min = 1, .max = 3600 },
};

struct bench {
	struct iom_domain *domain;
	struct iom_region region; /* what is translated */
	struct iom_stream *stream;
	unsigned char *memory;
	uint64_t length; /* of a pair */
};

/* One operation; a negative errno, and the library's sentence. */
typedef int operation_fn(struct bench *bench);

static int map_and_unmap(struct bench *bench)
{
	struct iom_region region;
	int ret;

	ret = iom_map(bench->domain, bench->memory, bench->length, IOM_MAP_RW, NULL, &region);
	return ret < 0 ? ret : iom_unmap(bench->domain, &region);
}

static int translate(struct bench *bench)
{
	iom_iova_t iova;
	uint64_t contiguous;

	return iom_translate(bench->domain, bench->memory, bench->length, &iova, &contiguous);
}

static int stream(struct bench *bench)
{
	struct iom_segment segments[8];
	int n;

	n = iom_dma_map(bench->stream, bench->memory, bench->length, IOM_MAP_RW, segments, 8);
	return n < 0 ? n : iom_dma_unmap(bench->stream, segments, (size_t)n);
}

static uint64_t now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

static uint64_t kernel_calls(const struct bench *bench)
{
	struct iom_counters counters = { .size = sizeof(counters) };

	if (iom_read_counters(bench->domain, &counters) < 0)
		return 0;
	return counters.kernel_maps + counters.kernel_unmaps;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

#define ROUNDS 9 /* of which the median is taken */

/* Rounds of so many that the clock's own cost does not show. */
static int measure(struct bench *bench, const char *name, operation_fn *operation, uint64_t budget)
{
	double costs[ROUNDS];
	uint64_t calls, begin, times = 1, i, total = 0;
	char size[TERMINAL_SIZE];
	int ret;

	ret = operation(bench); /* warm: page tables and granules are there */
	begin = now();
	for (i = 0; !ret && i < 16; i++)
		ret = operation(bench);
	if (ret)
		return ret;
	times = budget / ROUNDS / ((now() - begin) / 16 + 1) + 1;
	times = times > MOST_TIMES ? MOST_TIMES : times;
	calls = kernel_calls(bench);
	for (unsigned int round = 0; round < ROUNDS; round++) {
		begin = now();
		for (i = 0; !ret && i < times; i++)
			ret = operation(bench);
		if (ret)
			return ret;
		costs[round] = (double)(now() - begin) / (double)times;
		total += times;
	}
	calls = kernel_calls(bench) - calls;
	qsort(costs, ROUNDS, sizeof(costs[0]), compare);
	terminal_size(bench->length, size);
	printf("%-28s %9s %12.1f ns %14.2f\n", name, size, costs[ROUNDS / 2],
	       (double)calls / (double)total);
	return 0;
}

static int measure_pairs(struct bench *bench, uint64_t budget)
{
	uint64_t page = iom_page_size(bench->domain);
	int ret = 0;

	for (bench->length = page; bench->length <= MEMORY && !ret; bench->length *= 16)
		ret = measure(bench, "map and unmap", map_and_unmap, budget);
	return ret;
}

static int measure_translation(struct bench *bench, uint64_t budget)
{
	int ret;

	ret = iom_map(bench->domain, bench->memory, MEMORY, IOM_MAP_RW, NULL, &bench->region);
	if (ret < 0)
		return ret;
	bench->length = 4096;
	ret = measure(bench, "translate", translate, budget);
	if (!ret)
		ret = measure(bench, "stream: mapped before", stream, budget);
	if (!ret)
		return iom_unmap(bench->domain, &bench->region);
	iom_unmap(bench->domain, &bench->region);
	return ret;
}

static int measure_streams(struct bench *bench, uint64_t budget)
{
	struct iom_memory *memory;
	int ret;

	bench->length = 4096;
	ret = measure(bench, "stream: of unknown memory", stream, budget);
	if (ret < 0)
		return ret;
	ret = iom_memory_add(bench->domain, bench->memory, MEMORY, IOM_MAP_RW, &memory);
	if (ret < 0)
		return ret;
	ret = measure(bench, "stream: of declared memory", stream, budget);
	if (!ret)
		return iom_memory_remove(memory);
	return ret;
}

/* Six rows or so share the time. */
static int run(struct bench *bench, uint64_t seconds)
{
	uint64_t budget = seconds * 1000000000 / 8;
	int ret;

	printf("%s%-28s %9s %15s %14s%s\n", terminal_colour(TERMINAL_BOLD), "WHAT", "SIZE",
	       "MEDIAN", "KERNEL CALLS", terminal_colour(TERMINAL_PLAIN));
	ret = iom_stream_open(bench->domain, &bench->stream);
	if (ret < 0)
		return ret;
	ret = measure_pairs(bench, budget);
	if (!ret)
		ret = measure_streams(bench, budget);
	if (!ret)
		ret = measure_translation(bench, budget);
	return ret;
}

static int bench_device(const char *address, const struct bench_options *options)
{
	struct iom_open_opts opts = { .size = sizeof(opts), .backend = options->backend };
	struct iom_device *device;
	struct bench bench = { 0 };
	int ret;

	bench.memory =
		mmap(NULL, 2 * MEMORY, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (bench.memory == MAP_FAILED) {
		fail(-ENOMEM, "no memory to map");
		return complain(EXIT_FAILED);
	}
	/* a whole granule of streams, and pages that are there */
	bench.memory += -(uintptr_t)bench.memory & (MEMORY - 1);
	memset(bench.memory, 1, MEMORY);
	ret = iom_open(&bench.domain, &opts);
	if (ret < 0)
		return complain_of_library(ret == -EINVAL ? EXIT_USAGE : EXIT_FAILED);
	ret = iom_attach(bench.domain, address, NULL, &device);
	if (!ret) {
		printf("%s by %s, libiommu %s\n", address, iom_backend(bench.domain),
		       iom_version());
		ret = run(&bench, options->seconds);
	}
	if (ret < 0)
		complain_of_library(EXIT_FAILED);
	iom_close(bench.domain);
	return ret < 0 ? EXIT_FAILED : EXIT_WELL;
}

int bench_command(int argc, char **argv)
{
	struct bench_options options = { .seconds = 4 };
	struct operands operands;
	struct pci_function f;
	char address[PCI_ADDRESS];
	int status;

	if (!command_parse(args, sizeof(args) / sizeof(args[0]), argc, argv, &options, 1, 1,
			   &operands, &status))
		return status;
	if (!command_may_open(argv[0], &status))
		return status;
	if (pci_address(operands.words[0], address) < 0)
		return complain(EXIT_USAGE);
	if (pci_read(address, &f) < 0)
		return complain(EXIT_FAILED);
	return bench_device(address, &options);
}
