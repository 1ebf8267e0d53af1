// SPDX-License-Identifier: BSD-3-Clause
/*
 * map_cost DEVICE OTHER [BACKEND]: what it costs to map memory for DEVICE through libiommu, and to
 * unmap it, beside the kernel's own calls for OTHER, which is alike: instructions of user space and
 * system calls, which must be few.  TAP.
 */
#define _GNU_SOURCE
#include <err.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <libiommu.h>

#include "examples/sentence.h"
#include "examples/vmm_raw.h"
#include "step.h"

#define LENGTH (UINT64_C(2) << 20)
#define MOST_INSTRUCTIONS 1500
/* On POWER there are the books of registrations besides, and the page size is asked for. */
#define MOST_ON_POWER 5000
#define STEPPED 4 /* pairs */
#define OTHERS 64 /* mappings that are there besides */
#define PIECES 512
#define PIECE_LENGTH (UINT64_C(64) << 10)

/* What the child finds out, where the parent sees it. */
struct shared {
	char backend[32];
	bool power;
};

struct cost {
	const char *device;
	const char *other;
	const char *backend;
	struct shared *shared;
	struct iom_domain *domain;
	struct vmm_raw_plan plan;
	struct vmm_raw raw;
	void *ours; /* LENGTH bytes each */
	void *theirs;
	iom_iova_t iova; /* where ours was: so theirs is put there, too */
	iom_iova_t last; /* where ours was, the last time */
	struct iom_piece pieces[PIECES];
	struct iom_region regions[PIECES];
};

/* ---- What is measured --------------------------------------------------------------------------- */

static void check(int ret, const char *what)
{
	if (ret < 0)
		errx(1, "%s: %s", what, iom_errmsg());
}

static void *memory(uint64_t length, int flags)
{
	void *va;

	va = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | flags, -1, 0);
	return va == MAP_FAILED ? NULL : memset(va, 1, length);
}

static void *needed(void *va)
{
	if (!va)
		err(1, "no memory");
	return va;
}

static void nothing(struct cost *cost)
{
	(void)cost;
}

static void library_pair(struct cost *cost)
{
	struct iom_region region;

	check(iom_map(cost->domain, cost->ours, LENGTH, IOM_MAP_RW, NULL, &region), "map");
	check(iom_unmap(cost->domain, &region), "unmap");
	cost->last = region.iova;
}

/* The smallest that can be mapped there. */
static uint64_t page_at(const struct vmm_raw_plan *plan, iom_iova_t iova)
{
	for (int i = 0; i < plan->aperture_count; i++) {
		const struct iom_aperture *a = &plan->apertures[i];

		if (iova >= a->start && iova <= a->last)
			return a->page_sizes & -a->page_sizes;
	}
	return LENGTH;
}

/* A page in the place of the last library_pair(). */
static void small_pair(struct cost *cost)
{
	const struct iom_map_opts opts = { .size = sizeof(opts), .iova = cost->last };
	uint64_t page = page_at(&cost->plan, cost->last);
	struct iom_region region;

	check(iom_map(cost->domain, cost->ours, page, IOM_MAP_RW | IOM_MAP_FIXED, &opts, &region),
	      "map");
	check(iom_unmap(cost->domain, &region), "unmap");
}

static void raw_pair(struct cost *cost)
{
	const struct vmm_raw *raw = &cost->raw;

	if (vmm_raw_register(raw, cost->theirs, LENGTH) < 0 ||
	    vmm_raw_map(raw, cost->iova, cost->theirs, LENGTH, IOM_MAP_RW) < 0 ||
	    vmm_raw_unmap(raw, cost->iova, LENGTH) < 0 ||
	    vmm_raw_unregister(raw, cost->theirs, LENGTH) < 0)
		err(1, "raw");
}

static void library_pairs(struct cost *cost)
{
	for (int i = 0; i < STEPPED; i++)
		library_pair(cost);
}

static void raw_pairs(struct cost *cost)
{
	for (int i = 0; i < STEPPED; i++)
		raw_pair(cost);
}

/* So that the library has something to search. */
static void map_others(struct cost *cost)
{
	uint64_t page = iom_page_size(cost->domain);
	char *va;

	if (page < (uint64_t)sysconf(_SC_PAGESIZE))
		page = (uint64_t)sysconf(_SC_PAGESIZE);
	va = needed(memory(2 * OTHERS * page, 0));
	for (int i = 0; i < OTHERS; i++)
		check(iom_map(cost->domain, va + 2 * i * page, page, IOM_MAP_RW, NULL, NULL),
		      "map");
}

static void map_pieces(struct cost *cost)
{
	check(iom_mapv(cost->domain, cost->pieces, PIECES, IOM_MAP_RW, NULL, cost->regions),
	      "mapv");
}

static void unmap_pieces(struct cost *cost)
{
	check(iom_unmapv(cost->domain, cost->regions, PIECES), "unmapv");
}

enum {
	MARKS,
	LIBRARY_STEPS,
	RAW_STEPS,
	OTHERS_CALLS,
	BESIDE_STEPS,
	MARK_CALLS,
	LIBRARY_CALLS,
	RAW_CALLS,
	MAPV_CALLS,
	UNMAPV_CALLS,
	SMALL_CALLS,
	REUSED_STEPS,
	PARTS,
};

static const struct {
	void (*run)(struct cost *cost);
	enum step_mode mode;
} parts[PARTS] = {
	[MARKS] = { nothing, STEP_INSTRUCTIONS },
	[LIBRARY_STEPS] = { library_pairs, STEP_INSTRUCTIONS },
	[RAW_STEPS] = { raw_pairs, STEP_INSTRUCTIONS },
	[OTHERS_CALLS] = { map_others, STEP_CALLS },
	[BESIDE_STEPS] = { library_pairs, STEP_INSTRUCTIONS },
	[MARK_CALLS] = { nothing, STEP_CALLS },
	[LIBRARY_CALLS] = { library_pair, STEP_CALLS },
	[RAW_CALLS] = { raw_pair, STEP_CALLS },
	[MAPV_CALLS] = { map_pieces, STEP_CALLS },
	[UNMAPV_CALLS] = { unmap_pieces, STEP_CALLS },
	[SMALL_CALLS] = { small_pair, STEP_CALLS },
	[REUSED_STEPS] = { library_pair, STEP_INSTRUCTIONS },
};

/* ---- The child ---------------------------------------------------------------------------------- */

/* LENGTH bytes of a huge page: one of as many, or a part of one of the system's default size. */
static void *huge_memory(void)
{
	void *va;

	va = memory(LENGTH, MAP_HUGETLB | 21 << MAP_HUGE_SHIFT);
	return va ? va : memory(LENGTH, MAP_HUGETLB);
}

/* Huge pages if there are two; else normal ones, as well aligned. */
static void get_buffers(struct cost *cost)
{
	char *va;

	cost->ours = huge_memory();
	cost->theirs = huge_memory();
	printf("# in %s pages\n", cost->ours && cost->theirs ? "huge" : "normal");
	if (cost->ours && cost->theirs)
		return;
	va = needed(memory(3 * LENGTH, 0));
	va += -(uintptr_t)va & (LENGTH - 1);
	cost->ours = va;
	cost->theirs = va + LENGTH;
}

static void open_library(struct cost *cost)
{
	const struct iom_open_opts opts = { .size = sizeof(opts), .backend = cost->backend };
	struct iom_device *device;
	struct iom_region region;

	check(iom_open(&cost->domain, &opts), "open");
	check(iom_attach(cost->domain, cost->device, NULL, &device), "attach");
	check(iom_map(cost->domain, cost->ours, LENGTH, IOM_MAP_RW, NULL, &region), "map");
	cost->iova = region.iova;
	check(iom_unmap(cost->domain, &region), "unmap");
}

static void open_raw(struct cost *cost)
{
	if (vmm_raw_plan_domain(&cost->plan, cost->domain, cost->other) < 0 ||
	    vmm_raw_open(&cost->raw, &cost->plan) < 0)
		errx(1, "%s", fail_sentence());
	snprintf(cost->shared->backend, sizeof(cost->shared->backend), "%s", cost->plan.backend);
	cost->shared->power = cost->raw.is_power;
}

static void cut_pieces(struct cost *cost)
{
	char *va = needed(memory(PIECES * PIECE_LENGTH, 0));

	/* In an order that is not that of the addresses. */
	for (uint64_t i = 0; i < PIECES; i++) {
		cost->pieces[i].va = va + (i * 5 % PIECES) * PIECE_LENGTH;
		cost->pieces[i].length = PIECE_LENGTH;
	}
}

static int child(void *arg)
{
	struct cost *cost = arg;

	get_buffers(cost);
	open_library(cost);
	open_raw(cost);
	cut_pieces(cost);

	for (int i = 0; i < PARTS; i++) {
		step_mark();
		parts[i].run(cost);
		step_mark();
	}
	vmm_raw_close(&cost->raw);
	iom_close(cost->domain);
	return 0;
}

/* ---- The parent --------------------------------------------------------------------------------- */

static int number;
static int failed;

static void verdict(bool good, const char *name)
{
	printf("%sok %d - %s\n", good ? "" : "not ", ++number, name);
	failed += !good;
}

static void judge(const struct shared *shared, const struct step_counts *counts)
{
	uint64_t marks = counts[MARKS].instructions;
	uint64_t ours = (counts[LIBRARY_STEPS].instructions - marks) / STEPPED;
	uint64_t theirs = (counts[RAW_STEPS].instructions - marks) / STEPPED;
	uint64_t few = shared->power ? 2 : 1;

	printf("# instructions of a pair: libiommu %" PRIu64 ", raw calls %" PRIu64
	       ", by %s; %" PRIu64 " beside %d mappings, %" PRIu64
	       " where a page was mapped before\n",
	       ours, theirs, shared->backend, (counts[BESIDE_STEPS].instructions - marks) / STEPPED,
	       OTHERS, counts[REUSED_STEPS].instructions - marks);
	verdict(theirs > 0 && ours > theirs &&
			ours <= (shared->power ? MOST_ON_POWER : MOST_INSTRUCTIONS),
		"instructions-of-a-pair");
	printf("# IOMMU calls of a pair: libiommu %" PRIu64 ", raw %" PRIu64 " (all calls: %" PRIu64
	       ", %" PRIu64 ")\n",
	       counts[LIBRARY_CALLS].iommu, counts[RAW_CALLS].iommu,
	       counts[LIBRARY_CALLS].calls - counts[MARK_CALLS].calls,
	       counts[RAW_CALLS].calls - counts[MARK_CALLS].calls);
	verdict(counts[RAW_CALLS].iommu == 2 * few &&
			counts[LIBRARY_CALLS].iommu == counts[RAW_CALLS].iommu,
		"calls-of-a-pair");
	printf("# calls of mapv and unmapv of %d contiguous pieces: %" PRIu64 " and %" PRIu64 "\n",
	       PIECES, counts[MAPV_CALLS].iommu, counts[UNMAPV_CALLS].iommu);
	verdict(counts[MAPV_CALLS].iommu == few, "calls-of-mapv");
	verdict(counts[UNMAPV_CALLS].iommu == few, "calls-of-unmapv");
}

int main(int argc, char **argv)
{
	struct step_counts counts[PARTS];
	struct cost cost = { 0 };
	bool counted = true;
	pid_t pid;

	if (argc < 3 || argc > 4)
		errx(2, "usage: map_cost DEVICE OTHER [BACKEND]");
	cost.device = argv[1];
	cost.other = argv[2];
	cost.backend = argc > 3 ? argv[3] : NULL;
	cost.shared = mmap(NULL, sizeof(*cost.shared), PROT_READ | PROT_WRITE,
			   MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (cost.shared == MAP_FAILED)
		err(1, "mmap");
	setvbuf(stdout, NULL, _IOLBF, 0);
	printf("1..5\n");

	pid = step_fork(child, &cost);
	if (pid < 0)
		err(1, "ptrace");
	for (int i = 0; i < PARTS && counted; i++)
		counted = step_count(pid, parts[i].mode, &counts[i]);
	verdict(step_end(pid) == 0 && counted, "runs");
	if (counted)
		judge(cost.shared, counts);
	return failed != 0;
}
