// SPDX-License-Identifier: BSD-3-Clause
/*
 * What the device can really reach.  Every transfer that must fail stands between two that must work, and
 * memory is compared, never the device's word.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "edu.h"
#include "harness.h"

#define N 256u

/* A page to copy from, one to copy to, and the device. */
struct rig {
	struct fixture *f;
	struct edu edu;
	unsigned char *from, *to;
	struct iom_region from_region, to_region;
	unsigned char round;
};

/* The kernel's log is scanned for faults: say that one is wanted, of edu at this IOVA. */
static void announce_fault(const struct rig *rig, iom_iova_t iova)
{
	FILE *log = fopen("/dev/kmsg", "w");

	if (!log)
		return;
	fprintf(log, "conformance: expect-fault %s 0x%" PRIx64 "\n", rig->f->world->edu, iova);
	fclose(log);
}

static enum outcome build(struct rig *rig, struct fixture *f)
{
	*rig = (struct rig){ .f = f, .from = memory(f->page), .to = memory(f->page) };
	OK(edu_open(&rig->edu, iom_device_fd(f->dev)));
	OK(iom_map(f->dom, rig->from, f->page, IOM_MAP_READ, NULL, &rig->from_region));
	OK(iom_map(f->dom, rig->to, f->page, IOM_MAP_RW, NULL, &rig->to_region));
	return PASS;
}

/* Other bytes than ever before, in the source; bytes that are none of these, in memory that is the target. */
static void prepare(struct rig *rig, unsigned char *target)
{
	unsigned int i;

	rig->round++;
	for (i = 0; i < N; i++)
		rig->from[i] = (unsigned char)(i * 7 + rig->round * 31 + 1);
	for (i = 0; i < N; i++)
		target[i] = (unsigned char)~rig->from[i];
}

static bool arrived(const struct rig *rig, const unsigned char *target)
{
	return !memcmp(target, rig->from, N);
}

static bool untouched(const struct rig *rig, const unsigned char *target)
{
	unsigned int i;

	for (i = 0; i < N; i++)
		if (target[i] != (unsigned char)~rig->from[i])
			return false;
	return true;
}

/* Copy the source page through the device to an IOVA. */
static int copy(struct rig *rig, iom_iova_t target)
{
	int ret = edu_read(&rig->edu, rig->from_region.iova, N);

	return ret < 0 ? ret : edu_write(&rig->edu, target, N);
}

static enum outcome works(struct rig *rig, unsigned char *target, iom_iova_t iova)
{
	prepare(rig, target);
	OK(copy(rig, iova));
	EXPECT(arrived(rig, target));
	return PASS;
}

/* The device reaches this memory at this IOVA. */
#define REACHES(rig, target, iova)                                   \
	do {                                                         \
		enum outcome reaches_out = works(rig, target, iova); \
		if (reaches_out != PASS)                             \
			return reaches_out;                          \
	} while (0)

/* The positive check that stands before and behind each negative one. */
#define WORKS(rig) REACHES(rig, (rig)->to, (rig)->to_region.iova)

#define BUILD(rig, f)                                   \
	do {                                            \
		enum outcome build_out = build(rig, f); \
		if (build_out != PASS)                  \
			return build_out;               \
	} while (0)

static enum outcome reaches_memory(struct fixture *f)
{
	struct rig rig;

	BUILD(&rig, f);
	WORKS(&rig);
	WORKS(&rig);
	edu_close(&rig.edu);
	return PASS;
}

/* One IOVA, first for page A, then for page B: the device must find B, and leave A alone. */
static enum outcome is_translated(struct fixture *f)
{
	unsigned char *a = memory(f->page), *b = memory(f->page);
	struct iom_region r;
	iom_iova_t iova;
	struct rig rig;

	BUILD(&rig, f);
	OK(iom_map(f->dom, a, f->page, IOM_MAP_RW, NULL, &r));
	iova = r.iova;
	REACHES(&rig, a, iova);
	OK(iom_unmap(f->dom, &r));
	OK(map_at(f, b, f->page, iova, &r));
	prepare(&rig, a);
	prepare(&rig, b);
	memset(a, 0x5a, N);
	OK(copy(&rig, iova));
	EXPECT(arrived(&rig, b));
	EXPECT(a[0] == 0x5a && !memcmp(a, a + 1, N - 1));
	edu_close(&rig.edu);
	return PASS;
}

static enum outcome after_unmap(struct fixture *f)
{
	unsigned char *p = memory(f->page);
	struct iom_region r;
	struct rig rig;

	BUILD(&rig, f);
	OK(iom_map(f->dom, p, f->page, IOM_MAP_RW, NULL, &r));
	REACHES(&rig, p, r.iova);
	OK(iom_unmap(f->dom, &r));

	announce_fault(&rig, r.iova);
	prepare(&rig, p);
	OK(copy(&rig, r.iova));
	EXPECT(untouched(&rig, p));
	WORKS(&rig);
	edu_close(&rig.edu);
	return PASS;
}

static enum outcome after_unmap_all(struct fixture *f)
{
	iom_iova_t old;
	struct rig rig;

	BUILD(&rig, f);
	WORKS(&rig);
	old = rig.to_region.iova;
	OK(iom_unmap_all(f->dom));
	OK(map_at(f, rig.from, f->page, old + f->page, &rig.from_region));

	announce_fault(&rig, old);
	prepare(&rig, rig.to);
	OK(copy(&rig, old));
	EXPECT(untouched(&rig, rig.to));
	OK(iom_map(f->dom, rig.to, f->page, IOM_MAP_RW, NULL, &rig.to_region));
	WORKS(&rig);
	edu_close(&rig.edu);
	return PASS;
}

static enum outcome never_mapped(struct fixture *f)
{
	const iom_iova_t nowhere = 0x8000000; /* within edu's 28 bits, far from what is mapped */
	struct rig rig;

	BUILD(&rig, f);
	WORKS(&rig);
	announce_fault(&rig, nowhere);
	prepare(&rig, rig.to);
	OK(edu_read(&rig.edu, nowhere, N));
	OK(edu_write(&rig.edu, nowhere, N));
	EXPECT(untouched(&rig, rig.to));
	WORKS(&rig);
	edu_close(&rig.edu);
	return PASS;
}

static enum outcome read_only(struct fixture *f)
{
	unsigned char *p = memory(f->page);
	struct iom_region r;
	struct rig rig;

	BUILD(&rig, f);
	OK(iom_map(f->dom, p, f->page, IOM_MAP_READ, NULL, &r));
	WORKS(&rig);
	announce_fault(&rig, r.iova);
	prepare(&rig, p);
	OK(copy(&rig, r.iova));
	EXPECT(untouched(&rig, p));
	WORKS(&rig);

	/* reading it works */
	prepare(&rig, rig.to);
	memcpy(p, rig.from, N);
	OK(edu_read(&rig.edu, r.iova, N));
	OK(edu_write(&rig.edu, rig.to_region.iova, N));
	EXPECT(arrived(&rig, rig.to));
	edu_close(&rig.edu);
	return PASS;
}

/* Memory that nobody wrote before it was mapped: the device sees what is written later. */
static enum outcome read_only_untouched(struct fixture *f)
{
	unsigned char *p;
	struct iom_region r;
	struct rig rig;

	BUILD(&rig, f);
	p = mmap(NULL, f->page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	EXPECT(p != MAP_FAILED);
	OK(iom_map(f->dom, p, f->page, IOM_MAP_READ, NULL, &r));
	prepare(&rig, rig.to);
	memcpy(p, rig.from, N);
	OK(edu_read(&rig.edu, r.iova, N));
	OK(edu_write(&rig.edu, rig.to_region.iova, N));
	EXPECT(arrived(&rig, rig.to));
	edu_close(&rig.edu);
	return PASS;
}

static enum outcome write_only(struct fixture *f)
{
	unsigned char *p = memory(f->page);
	struct iom_region r;
	struct rig rig;

	BUILD(&rig, f);
	OK(iom_map(f->dom, p, f->page, IOM_MAP_WRITE, NULL, &r));
	REACHES(&rig, p, r.iova);
	edu_close(&rig.edu);
	return PASS;
}

/*
 * Linux has mapped write-only memory as readable, too, behind VT-d from 5.12 (eea53c581688) until 6.16
 * (Restore WO permissions on second-level paging entries).
 */
static bool is_old_vtd(void)
{
	unsigned int major = 0, minor = 0;
	struct utsname uts;

	if (access("/sys/class/iommu/dmar0", F_OK) || uname(&uts) < 0)
		return false;
	sscanf(uts.release, "%u.%u", &major, &minor);
	return major < 6 || (major == 6 && minor < 16);
}

static enum outcome write_only_cannot_be_read(struct fixture *f)
{
	unsigned char *p = memory(f->page);
	struct iom_region r;
	struct rig rig;

	if (is_old_vtd())
		return not_applicable("VT-d before Linux 6.16: write-only memory is readable");
	BUILD(&rig, f);
	OK(iom_map(f->dom, p, f->page, IOM_MAP_WRITE, NULL, &r));
	WORKS(&rig);
	announce_fault(&rig, r.iova);
	prepare(&rig, rig.to);
	memcpy(p, rig.from, N);
	rig.from[0] ^= 1; /* what the device has, and keeps if the read of p does not happen */
	OK(edu_read(&rig.edu, rig.from_region.iova, N));
	OK(edu_read(&rig.edu, r.iova, N));
	OK(edu_write(&rig.edu, rig.to_region.iova, N));
	EXPECT(memcmp(rig.to, p, N));
	WORKS(&rig);
	edu_close(&rig.edu);
	return PASS;
}

/* Both sides of the border between two pages that lie apart in memory and together in IOVAs. */
static enum outcome across_pages(struct fixture *f)
{
	uint64_t page = f->page;
	unsigned char *a = memory(page), *b = memory(page);
	struct iom_region r;
	struct rig rig;

	BUILD(&rig, f);
	/* free room for both, found by mapping something of their size */
	OK(iom_map(f->dom, memory(2 * page), 2 * page, IOM_MAP_RW, NULL, &r));
	OK(iom_unmap(f->dom, &r));
	OK(map_at(f, a, page, r.iova, NULL));
	OK(map_at(f, b, page, r.iova + page, NULL));
	prepare(&rig, rig.to);
	OK(copy(&rig, r.iova + page - N / 2));
	EXPECT(!memcmp(a + page - N / 2, rig.from, N / 2));
	EXPECT(!memcmp(b, rig.from + N / 2, N / 2));
	edu_close(&rig.edu);
	return PASS;
}

/* After a detach and an attach, what was mapped is in reach again. */
static enum outcome after_reattach(struct fixture *f)
{
	struct iom_attach_opts opts = { .size = sizeof(opts), .dma_bits = 28 };
	struct rig rig;

	BUILD(&rig, f);
	WORKS(&rig);
	edu_close(&rig.edu);
	iom_detach(f->dev);
	OK(iom_attach(f->dom, f->world->edu, &opts, &f->dev));
	OK(edu_open(&rig.edu, iom_device_fd(f->dev)));
	WORKS(&rig);
	edu_close(&rig.edu);
	return PASS;
}

/* The reach of a second device is the same as the first one's. */
static enum outcome second_device(struct fixture *f)
{
	struct iom_device *other;
	struct rig rig;

	BUILD(&rig, f);
	WORKS(&rig);
	OK(iom_attach(f->dom, f->world->device, NULL, &other));
	WORKS(&rig);
	iom_detach(other);
	WORKS(&rig);
	edu_close(&rig.edu);
	return PASS;
}

const struct test dma_tests[] = {
	{ "dma-reaches-memory", reaches_memory, NEEDS_EDU },
	{ "dma-is-translated", is_translated, NEEDS_EDU },
	{ "dma-faults-after-unmap", after_unmap, NEEDS_EDU },
	{ "dma-faults-after-unmap-all", after_unmap_all, NEEDS_EDU },
	{ "dma-faults-where-nothing-was-mapped", never_mapped, NEEDS_EDU },
	{ "dma-read-only", read_only, NEEDS_EDU },
	{ "dma-read-only-untouched-memory", read_only_untouched, NEEDS_EDU },
	{ "dma-write-only", write_only, NEEDS_EDU },
	{ "dma-write-only-cannot-be-read", write_only_cannot_be_read, NEEDS_EDU },
	{ "dma-across-pages", across_pages, NEEDS_EDU },
	{ "dma-after-reattach", after_reattach, NEEDS_EDU },
	{ "dma-while-a-second-device-comes-and-goes", second_device, NEEDS_EDU },
	{ NULL, NULL, NEEDS_EDU },
};
