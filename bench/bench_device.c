// SPDX-License-Identifier: BSD-3-Clause
/*
 * A real device behind a real IOMMU, the kernel's cost and the library's together: beside the raw
 * calls, which are those that the library made, made again without it.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <linux/vfio.h>

#include "backends/uapi/iommufd.h"
#include "groups.h"
#include "lib/domain.h"
#include "run.h"

#define MOST_CALLS 16
#define MOST_BYTES 128 /* of an argument */
#define MEMORY (32 * MIB)
#define ALIGN (2 * MIB)
#define IO 4096

struct call {
	int fd;
	unsigned long request;
	uint32_t bytes;
	unsigned char arg[MOST_BYTES];
};

/* A table of system calls, those of Linux, that remembers what is asked about mappings. */
struct recorder {
	struct iom_sys sys;
	struct call calls[MOST_CALLS];
	size_t n;
	bool records;
	uint64_t made; /* calls of ioctl */
};

struct rig {
	struct recorder recorder;
	struct iom_domain *dom;
	struct iom_device *dev;
	struct iom_stream *stream;
	char *memory;
	uint64_t length; /* that a pair maps */
};

static bool is_of_mappings(unsigned long request)
{
	switch (request) {
	case VFIO_IOMMU_MAP_DMA:
	case VFIO_IOMMU_UNMAP_DMA:
	case VFIO_IOMMU_SPAPR_REGISTER_MEMORY:
	case VFIO_IOMMU_SPAPR_UNREGISTER_MEMORY:
	case IOM_IOMMU_IOAS_MAP:
	case IOM_IOMMU_IOAS_UNMAP:
		return true;
	default:
		return false;
	}
}

/* All of these begin with how long they are. */
static void record(struct recorder *r, int fd, unsigned long request, const void *arg)
{
	struct call *call = &r->calls[r->n++];

	if (r->n > MOST_CALLS)
		bench_fail("a pair makes more than %d calls", MOST_CALLS);
	call->fd = fd;
	call->request = request;
	memcpy(&call->bytes, arg, sizeof(call->bytes));
	if (call->bytes > MOST_BYTES)
		bench_fail("a call has an argument of %u bytes", call->bytes);
	memcpy(call->arg, arg, call->bytes);
}

static int recorded_ioctl(void *ctx, int fd, unsigned long request, void *arg)
{
	struct recorder *r = ctx;

	r->made++;
	if (r->records && is_of_mappings(request))
		record(r, fd, request, arg);
	return iom_sys_linux.ioctl(iom_sys_linux.ctx, fd, request, arg);
}

static uint64_t pairs(void *arg, uint64_t ops)
{
	struct rig *rig = arg;
	struct iom_region region;
	uint64_t i;

	for (i = 0; i < ops; i++) {
		bench_check(iom_map(rig->dom, rig->memory, rig->length, IOM_MAP_RW, NULL, &region),
			    "iom_map");
		bench_check(iom_unmap(rig->dom, &region), "iom_unmap");
	}
	return ops;
}

static uint64_t raw_pairs(void *arg, uint64_t ops)
{
	struct rig *rig = arg;
	unsigned char copy[MOST_BYTES];
	const struct call *call;
	uint64_t i;
	size_t j;

	for (i = 0; i < ops; i++) {
		for (j = 0; j < rig->recorder.n; j++) {
			call = &rig->recorder.calls[j];
			memcpy(copy, call->arg, call->bytes);
			if (ioctl(call->fd, call->request, copy))
				bench_fail("raw call 0x%lx: %s", call->request, strerror(errno));
		}
	}
	return ops;
}

static uint64_t translations(void *arg, uint64_t ops)
{
	struct rig *rig = arg;
	uint64_t i, contiguous;
	iom_iova_t iova;

	for (i = 0; i < ops; i++) {
		bench_check(iom_translate(rig->dom, rig->memory + i * IO % MEMORY, IO, &iova,
					  &contiguous),
			    "iom_translate");
		bench_use(iova);
	}
	return ops;
}

static uint64_t stream_pairs(void *arg, uint64_t ops)
{
	struct rig *rig = arg;
	struct iom_segment segments[2];
	uint64_t i;
	int n;

	for (i = 0; i < ops; i++) {
		n = iom_dma_map(rig->stream, rig->memory + i * IO % MEMORY, IO, IOM_MAP_RW,
				segments, ARRAY_SIZE(segments));
		if (n < 1)
			bench_fail("iom_dma_map: %s", strerror(-n));
		bench_check(iom_dma_unmap(rig->stream, segments, (size_t)n), "iom_dma_unmap");
	}
	return ops;
}

static void compare_pairs(struct bench *b, struct rig *rig, uint64_t length)
{
	char name[64], note[64];
	const struct bench_side sides[] = {
		{ .run = pairs, .arg = rig },
		{ .name = "raw calls", .run = raw_pairs, .arg = rig },
	};
	const struct bench_row row = {
		.name = name,
		.backend = iom_backend(rig->dom),
		.note = note,
	};

	snprintf(name, sizeof(name), "device map+unmap/%llu KiB", (unsigned long long)length / KIB);
	if (!bench_wants(b, name, 0))
		return;
	rig->length = length;
	rig->recorder.n = 0;
	rig->recorder.records = true;
	pairs(rig, 1);
	rig->recorder.records = false;
	snprintf(note, sizeof(note), "kernel calls of a pair: %zu", rig->recorder.n);
	bench_compare(b, &row, sides, ARRAY_SIZE(sides), BENCH_WALL);
}

/* Declared memory, in cached granules: what is left of the kernel is nothing. */
static void compare_stream(struct bench *b, struct rig *rig)
{
	const struct bench_side sides[] = { { .run = stream_pairs, .arg = rig } };
	struct bench_row row = { .name = "device stream pair/cached",
				 .backend = iom_backend(rig->dom) };
	struct bench_row calls = {
		.name = "device stream calls/cached",
		.backend = row.backend,
		.unit = "calls",
		.rule = BENCH_VALUE_IS,
	};
	struct iom_memory *memory;
	uint64_t before;

	if (!bench_wants(b, row.name, 0))
		return;
	bench_check(iom_memory_add(rig->dom, rig->memory, MEMORY, IOM_MAP_RW, &memory),
		    "iom_memory_add");
	bench_check(iom_stream_open(rig->dom, &rig->stream), "iom_stream_open");
	stream_pairs(rig, MEMORY / IO);
	bench_compare(b, &row, sides, 1, 0);
	before = rig->recorder.made;
	stream_pairs(rig, MEMORY / IO);
	bench_add_count(b, &calls, (double)(rig->recorder.made - before), 0);
	iom_stream_close(rig->stream);
	bench_check(iom_memory_remove(memory), "iom_memory_remove");
}

static void compare_translate(struct bench *b, struct rig *rig)
{
	const struct bench_side sides[] = { { .run = translations, .arg = rig } };
	const struct bench_row row = { .name = "device translate",
				       .backend = iom_backend(rig->dom) };
	struct iom_region region;

	if (!bench_wants(b, row.name, 0))
		return;
	bench_check(iom_map(rig->dom, rig->memory, MEMORY, IOM_MAP_RW, NULL, &region), "iom_map");
	bench_compare(b, &row, sides, 1, 0);
	bench_check(iom_unmap(rig->dom, &region), "iom_unmap");
}

static void start(const struct bench *b, struct rig *rig)
{
	const struct iom_open_opts opts = {
		.size = sizeof(opts),
		.backend = b->options.backend,
	};
	char *p;

	rig->recorder.sys = iom_sys_linux;
	rig->recorder.sys.ctx = &rig->recorder;
	rig->recorder.sys.ioctl = recorded_ioctl;
	p = mmap(NULL, MEMORY + ALIGN, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (p == MAP_FAILED)
		bench_fail("no memory");
	rig->memory = p + (-(uintptr_t)p & (ALIGN - 1));
	madvise(rig->memory, MEMORY, MADV_HUGEPAGE);
	memset(rig->memory, 1, MEMORY);
	bench_check(iom_open_with(&rig->dom, &opts, &rig->recorder.sys, iom_backends), "iom_open");
	bench_check(iom_attach(rig->dom, b->options.device, NULL, &rig->dev), "iom_attach");
}

static void run(struct bench *b)
{
	static struct rig rig;

	start(b, &rig);
	compare_pairs(b, &rig, iom_page_size(rig.dom));
	compare_pairs(b, &rig, 2 * MIB);
	compare_pairs(b, &rig, MEMORY);
	compare_translate(b, &rig);
	compare_stream(b, &rig);
	iom_close(rig.dom);
}

const struct bench_group bench_group_device = { "device",
						"On a real device, the kernel's cost included",
						run };
