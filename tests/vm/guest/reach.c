// SPDX-License-Identifier: BSD-3-Clause
/*
 * What an NVMe drive reaches, for machines that have no edu, as lines of TAP without their plan:
 *
 *	reach ADDRESS             what it must reach
 *	reach --fault ADDRESS     what it must not: memory that was unmapped
 *	reach --write ADDRESS     memory that it may only read
 *
 * A fault stops the function on s390 until its owner has it recovered, so that these two end with it;
 * what comes before and after must work.  Memory is compared, never the drive's word.  What is on the
 * drive is lost.
 */

#include <err.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <libiommu.h>

#include "nvme.h"
#include "sentence.h"

#define DEPTH 2

static struct iom_domain *domain;
static struct iom_device *device;
static struct dma_space space;
static struct nvme_ctrl ctrl;
static uint64_t page;
static unsigned char *source, *target; /* always mapped */
static struct iom_region source_region, target_region;
static unsigned int round_number;
static int results, failures;

static void result(const char *name, bool good)
{
	printf("%sok %d - %s\n", good ? "" : "not ", ++results, name);
	failures += !good;
}

static void must(int ret)
{
	if (ret < 0)
		errx(1, "%s", iom_errmsg());
}

static void drive_must(int ret)
{
	if (ret < 0)
		errx(1, "%s", fail_sentence());
}

static unsigned char *new_page(void)
{
	void *p;

	if (posix_memalign(&p, page, page))
		errx(1, "no memory");
	return memset(p, 0x5a, page);
}

/* ---- The drive ------------------------------------------------------------------------------- */

static void take_drive(const char *address)
{
	must(iom_attach(domain, address, NULL, &device));
	dma_space_init(&space, domain);
	drive_must(nvme_open(&ctrl, &space, iom_device_fd(device)));
	drive_must(nvme_create_queues(&ctrl, 1, DEPTH, page));
}

static void release_drive(void)
{
	drive_must(nvme_close(&ctrl));
	iom_detach(device);
}

/* A page between the drive's first blocks and what is at this IOVA.  False: the drive was stopped. */
static bool transfer(enum nvme_io_opcode opcode, iom_iova_t iova)
{
	const struct iom_sge data = { .iova = iova, .length = page };
	uint64_t deadline = nvme_now_ms() + NVME_TIMEOUT_MS;
	struct nvme_completion done;
	int n;

	drive_must(nvme_submit(&ctrl.queues[0], opcode, 0, (uint32_t)(page / ctrl.lba_size), &data,
			       1, NULL));
	nvme_ring(&ctrl.queues[0]);
	while (!(n = nvme_poll(&ctrl.queues[0], &done, 1))) {
		if (nvme_check(&ctrl) == -ENODEV)
			return false;
		if (nvme_now_ms() > deadline)
			errx(1, "the drive does not answer");
		nvme_pause();
	}
	drive_must(n);
	return true;
}

/* The page at one IOVA, through the drive, to another. */
static void copy(iom_iova_t from, iom_iova_t to)
{
	if (!transfer(NVME_IO_WRITE, from) || !transfer(NVME_IO_READ, to))
		errx(1, "the drive was stopped");
}

/* ---- What it did ----------------------------------------------------------------------------- */

/* Bytes that were never used before in one page, and in the other bytes that are none of these. */
static void prepare(unsigned char *from, unsigned char *to)
{
	round_number++;
	for (uint64_t i = 0; i < page; i++) {
		from[i] = (unsigned char)(i * 7 + i / 256 + round_number * 31 + 1);
		to[i] = (unsigned char)~from[i];
	}
}

static bool arrived(const unsigned char *from, const unsigned char *to)
{
	return !memcmp(from, to, page);
}

static bool untouched(const unsigned char *from, const unsigned char *to)
{
	for (uint64_t i = 0; i < page; i++)
		if ((to[i] ^ from[i]) != 0xff)
			return false;
	return true;
}

static bool works(void)
{
	prepare(source, target);
	copy(source_region.iova, target_region.iova);
	return arrived(source, target);
}

static bool writes_to(unsigned char *p, iom_iova_t iova)
{
	prepare(source, p);
	copy(source_region.iova, iova);
	return arrived(source, p);
}

static bool reads_from(unsigned char *p, iom_iova_t iova)
{
	prepare(p, target);
	copy(iova, target_region.iova);
	return arrived(p, target);
}

/* ---- Cases ----------------------------------------------------------------------------------- */

static void map_at(unsigned char *p, iom_iova_t iova, unsigned int flags, struct iom_region *region)
{
	const struct iom_map_opts opts = { .size = sizeof(opts), .iova = iova };

	must(iom_map(domain, p, page, flags | IOM_MAP_FIXED, &opts, region));
}

/* One IOVA, first for page A, then for page B. */
static void translated(void)
{
	unsigned char *a = new_page(), *b = new_page(), *old = new_page();
	struct iom_region region;
	iom_iova_t iova;

	must(iom_map(domain, a, page, IOM_MAP_RW, NULL, &region));
	iova = region.iova;
	result("a page that is mapped", writes_to(a, iova) && reads_from(a, iova));

	memcpy(old, a, page);
	must(iom_unmap(domain, &region));
	map_at(b, iova, IOM_MAP_RW, &region);
	result("another at the same IOVA", writes_to(b, iova) && reads_from(b, iova));
	result("and not the one before", !memcmp(a, old, page));

	must(iom_unmap(domain, &region));
	free(a);
	free(b);
	free(old);
}

static void read_only(void)
{
	unsigned char *p = new_page();
	struct iom_region region;

	must(iom_map(domain, p, page, IOM_MAP_READ, NULL, &region));
	result("a page that may be read", reads_from(p, region.iova));
	must(iom_unmap(domain, &region));
	free(p);
}

/* Both sides of the border between two pages that lie apart in memory and together in IOVAs. */
static void across_pages(void)
{
	unsigned char *a = new_page(), *b = new_page();
	struct iom_region both, first, second;
	uint64_t half = page / 2;
	unsigned char *room;

	if (posix_memalign((void **)&room, page, 2 * page))
		errx(1, "no memory");
	must(iom_map(domain, room, 2 * page, IOM_MAP_RW, NULL, &both));
	must(iom_unmap(domain, &both));
	map_at(b, both.iova, IOM_MAP_RW, &first);
	map_at(a, both.iova + page, IOM_MAP_RW, &second);
	prepare(source, target);
	copy(source_region.iova, both.iova + half);
	result("across two pages", !memcmp(b + half, source, half) &&
					   !memcmp(a, source + half, half) && b[0] == 0x5a &&
					   a[half] == 0x5a);
	must(iom_unmap(domain, &first));
	must(iom_unmap(domain, &second));
	free(room);
	free(a);
	free(b);
}

/* The first and the last page of each aperture, where nothing is mapped yet. */
static void ends(void)
{
	struct iom_aperture apertures[16];
	unsigned char *p = new_page();
	struct iom_region region;
	bool good = true;
	int n, tried = 0;

	n = iom_apertures(domain, apertures, 16);
	must(n);
	for (int i = 0; i < 2 * n; i++) {
		const struct iom_aperture *a = &apertures[i / 2];
		const struct iom_map_opts opts = {
			.size = sizeof(opts),
			.iova = i % 2 ? a->last - page + 1 : a->start,
		};
		int ret = iom_map(domain, p, page, IOM_MAP_RW | IOM_MAP_FIXED, &opts, &region);

		if (ret == -EEXIST)
			continue;
		must(ret);
		tried++;
		good &= writes_to(p, region.iova) && reads_from(p, region.iova);
		must(iom_unmap(domain, &region));
	}
	result("the ends of apertures", good && tried);
	free(p);
}

/* What was mapped is in reach of the device when it comes again. */
static void again(const char *address)
{
	unsigned char *p = new_page();
	struct iom_region kept;

	must(iom_map(domain, p, page, IOM_MAP_RW, NULL, &kept));
	release_drive();
	take_drive(address);
	result("again after detach and attach",
	       writes_to(p, kept.iova) && reads_from(p, kept.iova));
	must(iom_unmap(domain, &kept));
	free(p);
}

/* Its write faults: it may say what it likes, or nothing any more. */
static void faults(const char *name, unsigned char *p, iom_iova_t iova)
{
	bool worked = works();

	prepare(source, p);
	if (!transfer(NVME_IO_WRITE, source_region.iova))
		errx(1, "the drive was stopped too early");
	transfer(NVME_IO_READ, iova);
	result(name, worked && untouched(source, p));
}

static void unmapped(void)
{
	unsigned char *p = new_page();
	struct iom_region region;

	must(iom_map(domain, p, page, IOM_MAP_RW, NULL, &region));
	if (!writes_to(p, region.iova))
		errx(1, "it is not reached when it is mapped either");
	must(iom_unmap(domain, &region));
	faults("not when it is unmapped", p, region.iova);
}

static void not_writable(void)
{
	unsigned char *p = new_page();
	struct iom_region region;

	must(iom_map(domain, p, page, IOM_MAP_READ, NULL, &region));
	if (!reads_from(p, region.iova))
		errx(1, "it is not reached for reading either");
	faults("nor when it may only be read", p, region.iova);
}

static void reach(const char *address)
{
	translated();
	read_only();
	across_pages();
	ends();
	again(address);
	result("nothing else was harmed", works());
}

int main(int argc, char **argv)
{
	const struct iom_open_opts opts = { .size = sizeof(opts) };
	const char *address = argv[argc - 1], *option = argc == 3 ? argv[1] : "";

	if (argc < 2 || argc > 3)
		errx(2, "usage: reach [--fault | --write] ADDRESS");
	must(iom_open(&domain, &opts));
	must(iom_attach(domain, address, NULL, &device));
	page = iom_page_size(domain);
	iom_detach(device);

	source = new_page();
	target = new_page();
	take_drive(address);
	must(iom_map(domain, source, page, IOM_MAP_READ, NULL, &source_region));
	must(iom_map(domain, target, page, IOM_MAP_RW, NULL, &target_region));

	if (!strcmp(option, "--fault"))
		unmapped();
	else if (!strcmp(option, "--write"))
		not_writable();
	else if (!*option)
		reach(address);
	else
		errx(2, "there is no %s", option);

	/* What a stopped drive answers to that says nothing. */
	if (nvme_close(&ctrl) < 0 && !*option)
		errx(1, "%s", fail_sentence());
	iom_close(domain);
	return failures > 0;
}
