// SPDX-License-Identifier: BSD-3-Clause
/* POWER: which DMA windows a domain has, and what the device reaches through them. */
#include "power.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "rig.h"

/* Small memory in the default window, which is all that it needs. */
static enum outcome default_window(struct fixture *f)
{
	struct iom_aperture a[N_APERTURES];
	struct iom_region r;
	struct rig rig;
	char *p;

	TRY(power_open(f, 0, 0, 0));
	EXPECT(iom_apertures(f->dom, a, N_APERTURES) == 1);
	EXPECT(!a[0].start && a[0].last < 4 * GIB && a[0].page_sizes == 4 * KIB);
	EXPECT(f->page == 4 * KIB);
	TRY(rig_build(&rig, f, f->dev));
	p = memory(f->page);
	OK(iom_map(f->dom, p, f->page, IOM_MAP_RW, NULL, &r));
	EXPECT(iom_apertures(f->dom, a, N_APERTURES) == 1 && r.iova <= a[0].last);
	TRY(rig_reaches(&rig, p, r.iova));
	OK(iom_unmap(f->dom, &r));
	TRY(rig_misses(&rig, p, r.iova));
	rig_release(&rig);
	return PASS;
}

/* Nothing is expected: the first memory of huge pages has a window made, if there may be two. */
static enum outcome second_at_need(struct fixture *f)
{
	const uint64_t length = 16 * MIB; /* of one page, perhaps */
	struct iom_aperture a[N_APERTURES];
	struct iom_region r, small;
	struct rig rig;
	char *p, *q;

	TRY(power_open(f, 0, 0, 0));
	TRY(power_huge(length, 21, &p));
	TRY(rig_build(&rig, f, f->dev));
	EXPECT(iom_apertures(f->dom, a, N_APERTURES) == 1);
	OK(iom_map(f->dom, p, length, IOM_MAP_RW, NULL, &r));
	TRY(rig_reaches(&rig, p + MIB, r.iova + MIB));
	if (world_windows() == 1) {
		EXPECT(iom_apertures(f->dom, a, N_APERTURES) == 1 && r.iova <= a[0].last);
		rig_release(&rig);
		return PASS;
	}
	EXPECT(iom_apertures(f->dom, a, N_APERTURES) == 2);
	EXPECT(r.iova >= a[1].start && a[1].start >= FAR && a[1].page_sizes > 4 * KIB);
	/* the default one is as it was */
	q = memory(f->page);
	OK(iom_map(f->dom, q, f->page, IOM_MAP_RW, NULL, &small));
	EXPECT(small.iova < 4 * GIB);
	TRY(rig_reaches(&rig, q, small.iova));
	OK(iom_unmap(f->dom, &r));
	TRY(rig_misses(&rig, p + MIB, r.iova + MIB));
	rig_release(&rig);
	return PASS;
}

/* Both windows at once, with pages of two sizes, and devices' reads as well as writes. */
static enum outcome mixed_pages(struct fixture *f)
{
	struct iom_region huge, small[8];
	struct rig rig;
	char *p, *q;
	int i;

	TRY(power_open(f, 64 * MIB, 2 * MIB, 0));
	TRY(power_two(f));
	TRY(power_huge(8 * MIB, 21, &p));
	TRY(rig_build(&rig, f, f->dev));
	q = memory(8 * f->page);
	OK(iom_map(f->dom, p, 8 * MIB, IOM_MAP_RW, NULL, &huge));
	EXPECT(huge.iova >= FAR && aperture_page(f, huge.iova) == 2 * MIB);
	for (i = 0; i < 8; i++) {
		uint64_t at = (uint64_t)i * f->page;

		OK(iom_map(f->dom, q + at, f->page, IOM_MAP_RW, NULL, &small[i]));
		EXPECT(small[i].iova < 4 * GIB && aperture_page(f, small[i].iova) == 4 * KIB);
		TRY(rig_reaches(&rig, q + at, small[i].iova));
		at = (uint64_t)i * MIB;
		TRY(rig_reaches(&rig, p + at, huge.iova + at));
		memset(p + at, i + 1, RIG_BYTES);
		TRY(rig_reads(&rig, p + at, huge.iova + at));
	}
	/* over the border of two pages, and at the last bytes */
	TRY(rig_reaches(&rig, p + 2 * MIB - RIG_BYTES / 2, huge.iova + 2 * MIB - RIG_BYTES / 2));
	TRY(rig_reaches(&rig, p + 8 * MIB - RIG_BYTES, huge.iova + 8 * MIB - RIG_BYTES));
	OK(iom_unmap(f->dom, &small[3]));
	TRY(rig_misses(&rig, q + 3 * f->page, small[3].iova));
	TRY(rig_reaches(&rig, p, huge.iova));
	OK(iom_unmap(f->dom, &huge));
	TRY(rig_misses(&rig, p, huge.iova));
	TRY(rig_reaches(&rig, q + 4 * f->page, small[4].iova));
	rig_release(&rig);
	return PASS;
}

/* The window that is expected has pages of this size, and through it the device reaches memory. */
static enum outcome window_of(struct fixture *f, uint64_t page, char *p, uint64_t length)
{
	struct iom_aperture a[N_APERTURES];
	struct iom_region r;
	struct rig rig;
	int n;

	OK(n = iom_apertures(f->dom, a, N_APERTURES));
	if (a[n - 1].page_sizes != page)
		return not_applicable("no window here has pages of %llu KiB",
				      (unsigned long long)(page / KIB));
	TRY(rig_build(&rig, f, f->dev));
	OK(iom_map(f->dom, p, length, IOM_MAP_RW, NULL, &r));
	EXPECT(r.iova >= a[n - 1].start && !((r.iova | r.length) & (page - 1)));
	TRY(rig_reaches(&rig, p, r.iova));
	TRY(rig_reaches(&rig, p + length - RIG_BYTES, r.iova + length - RIG_BYTES));
	REFUSED(map_at(f, memory(page), page, a[n - 1].start + page / 2, NULL), -EINVAL,
		"multiples of");
	OK(iom_unmap(f->dom, &r));
	TRY(rig_misses(&rig, p, r.iova));

	/* its very ends, unless it is the only one, in which the first pages are the rig's */
	if (n > 1) {
		OK(map_at(f, p, page, a[n - 1].start, &r));
		TRY(rig_reaches(&rig, p, r.iova));
		OK(iom_unmap(f->dom, &r));
	}
	OK(map_at(f, p, page, a[n - 1].last - page + 1, &r));
	TRY(rig_reaches(&rig, p + page - RIG_BYTES, a[n - 1].last - RIG_BYTES + 1));
	REFUSED(map_at(f, p, page, a[n - 1].last + 1, NULL), -ERANGE, "aperture");
	rig_release(&rig);
	return PASS;
}

static enum outcome pages_of_64_kib(struct fixture *f)
{
	uint64_t length = 4 * MIB;
	char *p;

	TRY(power_open(f, 256 * MIB, 64 * KIB, 0));
	if (world_page_size() < 64 * KIB)
		TRY(power_two(f));
	if (world_page_size() >= 64 * KIB)
		p = memory(length);
	else
		TRY(power_huge(length, 21, &p));
	return window_of(f, 64 * KIB, p, length);
}

static enum outcome pages_of_2_mib(struct fixture *f)
{
	char *p;

	TRY(power_open(f, 256 * MIB, 2 * MIB, 0));
	TRY(power_two(f));
	TRY(power_huge(8 * MIB, 21, &p));
	return window_of(f, 2 * MIB, p, 8 * MIB);
}

static enum outcome pages_of_16_mib(struct fixture *f)
{
	char *p;

	TRY(power_open(f, 256 * MIB, 16 * MIB, 0));
	TRY(power_two(f));
	TRY(power_huge(32 * MIB, 24, &p));
	return window_of(f, 16 * MIB, p, 32 * MIB);
}

/* Small memory does not go where the pages are larger. */
static enum outcome small_memory_large_pages(struct fixture *f)
{
	struct iom_aperture a[N_APERTURES];
	char *p;

	TRY(power_open(f, 64 * MIB, 2 * MIB, 0));
	TRY(power_two(f));
	p = memory(2 * MIB);
	EXPECT(iom_apertures(f->dom, a, N_APERTURES) == 2);
	REFUSED(map_at(f, p, 2 * MIB, a[1].start, NULL), -EINVAL, "huge pages", "aperture");
	OK(iom_map(f->dom, p, 2 * MIB, IOM_MAP_RW, NULL, NULL));
	EXPECT(!translates_to(f, p, a[1].start));
	return PASS;
}

/* More than the default window has room for at all. */
static enum outcome more_than_fits(struct fixture *f, const char *word)
{
	const uint64_t length = 4 * GIB;
	char *p;

	p = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
		 -1, 0);
	EXPECT(p != MAP_FAILED);
	REFUSED(iom_map(f->dom, p, length, IOM_MAP_RW, NULL, NULL), -ERANGE, "no aperture", word);
	munmap(p, length);
	return PASS;
}

static bool explains(const struct fixture *f, const char *word)
{
	char text[4096];

	return iom_explain(f->dom, text, sizeof(text)) > 0 && strstr(text, word);
}

/* Not even asked for, as that costs memory and hours: the default one serves, and why is told. */
static enum outcome too_large(struct fixture *f)
{
	struct iom_aperture a[N_APERTURES];
	struct window_calls calls;
	struct rig rig;

	TRY(power_open(f, UINT64_C(1) << 60, 4 * KIB, 0));
	EXPECT(iom_apertures(f->dom, a, N_APERTURES) == 1 && !a[0].start);
	EXPECT(explains(f, "expect less"));
	TRY(rig_build(&rig, f, f->dev));
	TRY(rig_works(&rig));
	TRY(more_than_fits(f, "expect less"));
	TRY(rig_works(&rig));
	EXPECT(!world_window_calls(&calls) || (!calls.created && !calls.removed));
	rig_release(&rig);
	return PASS;
}

/* A limit of one mapping has the default window serve it, and is nothing to the next one. */
static enum outcome limit_of_one(struct fixture *f)
{
	struct iom_region low, high;
	struct rig rig;
	char *p;

	TRY(power_open(f, 0, 0, 0));
	if (world_windows() < 2)
		return not_applicable("the device has one window only");
	TRY(power_huge(32 * MIB, 21, &p));
	TRY(rig_build(&rig, f, f->dev));
	OK(map_below(f, p, 16 * MIB, GIB - 1, &low));
	EXPECT(low.iova < GIB);
	OK(iom_map(f->dom, p + 16 * MIB, 16 * MIB, IOM_MAP_RW, NULL, &high));
	EXPECT(high.iova >= FAR);
	TRY(rig_reaches(&rig, p + 15 * MIB, low.iova + 15 * MIB));
	TRY(rig_reaches(&rig, p + 16 * MIB, high.iova));
	rig_release(&rig);
	return PASS;
}

/* ---- Threads --------------------------------------------------------------------------------- */

#define RACERS 3

struct racer {
	struct fixture *f;
	pthread_barrier_t *start;
	char *p;
	struct iom_region region;
	int ret;
};

static void *race(void *arg)
{
	struct racer *r = arg;

	pthread_barrier_wait(r->start);
	r->ret = iom_map(r->f->dom, r->p, 16 * MIB, IOM_MAP_RW, NULL, &r->region);
	return NULL;
}

/* The window is needed by several at once: it is made once, and serves them all. */
static enum outcome raced(struct fixture *f)
{
	struct iom_aperture a[N_APERTURES];
	struct racer racers[RACERS];
	pthread_t threads[RACERS];
	pthread_barrier_t start;
	struct window_calls calls;
	struct rig rig;
	char *p;
	int i;

	TRY(power_open(f, 0, 0, 0));
	if (world_windows() < 2)
		return not_applicable("the device has one window only");
	TRY(power_huge(RACERS * 16 * MIB, 21, &p));
	pthread_barrier_init(&start, NULL, RACERS);
	for (i = 0; i < RACERS; i++) {
		racers[i] = (struct racer){ .f = f, .start = &start, .p = p + i * 16 * MIB };
		EXPECT(!pthread_create(&threads[i], NULL, race, &racers[i]));
	}
	for (i = 0; i < RACERS; i++)
		pthread_join(threads[i], NULL);
	pthread_barrier_destroy(&start);
	EXPECT(iom_apertures(f->dom, a, N_APERTURES) == 2);
	EXPECT(!world_window_calls(&calls) || calls.created == 1);
	TRY(rig_build(&rig, f, f->dev));
	for (i = 0; i < RACERS; i++) {
		OK(racers[i].ret);
		EXPECT(racers[i].region.iova >= FAR);
		TRY(rig_reaches(&rig, racers[i].p + MIB, racers[i].region.iova + MIB));
	}
	rig_release(&rig);
	return PASS;
}

/* ---- In the place of the default window ------------------------------------------------------ */

/* A device of 48 bits: PowerNV has a larger window at 0 for it, pSeries none, and says so. */
static enum outcome narrow_device(struct fixture *f)
{
	struct iom_aperture a[N_APERTURES];
	struct iom_region r;
	struct rig rig;
	char *p;

	TRY(power_open(f, 8 * GIB, world_page_size(), 48));
	TRY(rig_build(&rig, f, f->dev));
	TRY(rig_works(&rig));
	if (strcmp(iom_backend(f->dom), "powernv") != 0) {
		EXPECT(iom_apertures(f->dom, a, N_APERTURES) == 1 && !a[0].start);
		EXPECT(rig.to_region.iova <= a[0].last && explains(f, "pSeries"));
		TRY(more_than_fits(f, "pSeries"));
		rig_release(&rig);
		return PASS;
	}
	/* the hole below 4 GiB is the bridge's */
	EXPECT(iom_apertures(f->dom, a, N_APERTURES) == 2);
	EXPECT(!a[0].start && a[0].last < 4 * GIB && a[1].start == 4 * GIB);
	EXPECT(a[1].last == 8 * GIB - 1 && a[1].page_sizes == world_page_size());
	EXPECT(f->page == world_page_size() && rig.to_region.iova >= 4 * GIB);
	p = memory(f->page);
	REFUSED(map_at(f, p, f->page, a[0].last + 1, NULL), -ERANGE, "aperture");
	OK(map_at(f, p, f->page, a[0].last + 1 - f->page, &r));
	TRY(rig_reaches(&rig, p, r.iova));
	OK(iom_unmap(f->dom, &r));
	TRY(rig_misses(&rig, p, r.iova));
	OK(map_at(f, p, f->page, a[1].last + 1 - f->page, &r));
	TRY(rig_reaches(&rig, p + f->page - RIG_BYTES, a[1].last + 1 - RIG_BYTES));
	rig_release(&rig);
	return PASS;
}

/* A device of 32 bits: larger pages at 0, where that is possible and the memory has them. */
static enum outcome narrower_device(struct fixture *f)
{
	struct iom_aperture a[N_APERTURES];
	struct rig rig;

	/* first as it is */
	TRY(power_open(f, 0, 0, 32));
	TRY(rig_build(&rig, f, f->dev));
	TRY(rig_works(&rig));
	rig_release(&rig);
	iom_close(f->dom);
	f->dom = NULL;

	TRY(power_open(f, 0, world_page_size(), 32));
	TRY(rig_build(&rig, f, f->dev));
	TRY(rig_works(&rig));
	EXPECT(iom_apertures(f->dom, a, N_APERTURES) == 1 && !a[0].start && a[0].last < 4 * GIB);
	if (!strcmp(iom_backend(f->dom), "powernv"))
		EXPECT(a[0].page_sizes == world_page_size());
	else
		EXPECT(a[0].page_sizes == 4 * KIB);
	if (world_page_size() > 4 * KIB && a[0].page_sizes == 4 * KIB)
		EXPECT(explains(f, "pSeries"));
	rig_release(&rig);
	return PASS;
}

/* A virtual function: its only window is replaced by one as is expected. */
static enum outcome only_window(struct fixture *f)
{
	struct iom_aperture a[N_APERTURES];
	struct rig rig;

	if (world_windows() != 1)
		return not_applicable("there may be two windows");
	TRY(power_open(f, 4 * GIB, world_page_size(), 0));
	EXPECT(iom_apertures(f->dom, a, N_APERTURES) == 1);
	EXPECT(a[0].start >= FAR && a[0].last - a[0].start == 4 * GIB - 1);
	EXPECT(a[0].page_sizes == world_page_size() && f->page == world_page_size());
	TRY(rig_build(&rig, f, f->dev));
	EXPECT(rig.to_region.iova >= FAR);
	TRY(rig_works(&rig));
	TRY(rig_misses(&rig, rig.to, a[0].last + 1 - f->page));
	TRY(rig_misses(&rig, rig.to, 0));
	rig_release(&rig);
	return PASS;
}

/*
 * Mapped for a device that no larger window serves, then met by one that it would: not while that
 * is mapped, but afterwards.
 */
static enum outcome replaced_when_empty(struct fixture *f)
{
	const unsigned int bits = world_windows() == 1 ? 0 : 48;
	struct iom_aperture a[N_APERTURES];
	struct iom_region r, large;
	struct rig rig;
	char *p, *q;

	TRY(power_open(f, 8 * GIB, 4 * KIB, 28));
	if (bits && strcmp(iom_backend(f->dom), "powernv") != 0)
		return not_applicable("the default window is never replaced here");
	EXPECT(iom_apertures(f->dom, a, N_APERTURES) == 1);
	p = memory(f->page);
	OK(map_at(f, p, f->page, MIB, &r));
	iom_detach(f->dev);
	OK(power_attach(f, f->world->wide, bits, &f->dev));
	EXPECT(iom_apertures(f->dom, a, N_APERTURES) == 1 && !a[0].start);
	TRY(more_than_fits(f, "would have to be replaced"));
	TRY(rig_take(&rig, f->dev));
	rig.f = f;
	rig_release(&rig);

	OK(iom_unmap(f->dom, &r));
	q = power_alias_memory(5 * GIB / 2);
	OK(iom_map(f->dom, q, 5 * GIB / 2, IOM_MAP_RW, NULL, &large));
	EXPECT(large.iova >= 4 * GIB);
	f->page = iom_page_size(f->dom);
	TRY(rig_build(&rig, f, f->dev));
	TRY(rig_reaches(&rig, q + 5 * GIB / 2 - RIG_BYTES, large.iova + 5 * GIB / 2 - RIG_BYTES));
	OK(iom_unmap(f->dom, &large));
	TRY(rig_misses(&rig, q, large.iova));
	rig_release(&rig);
	return PASS;
}

/* ---- Again, and at what cost ----------------------------------------------------------------- */

/* The last device goes, and comes back to the same windows, with what was mapped in both. */
static enum outcome reattached(struct fixture *f)
{
	struct iom_aperture a[N_APERTURES], b[N_APERTURES];
	struct iom_region huge;
	struct rig rig;
	char *p;
	int n;

	TRY(power_open(f, 64 * MIB, 2 * MIB, 0));
	TRY(power_two(f));
	TRY(power_huge(4 * MIB, 21, &p));
	TRY(rig_build(&rig, f, f->dev));
	OK(iom_map(f->dom, p, 4 * MIB, IOM_MAP_RW, NULL, &huge));
	TRY(rig_reaches(&rig, p + 3 * MIB, huge.iova + 3 * MIB));
	OK(n = iom_apertures(f->dom, a, N_APERTURES));
	rig_release(&rig);

	iom_detach(f->dev);
	OK(power_attach(f, f->world->wide, 0, &f->dev));
	EXPECT(iom_apertures(f->dom, b, N_APERTURES) == n);
	EXPECT(!memcmp(a, b, sizeof(a[0]) * (size_t)n));
	TRY(rig_take(&rig, f->dev));
	TRY(rig_works(&rig));
	TRY(rig_reaches(&rig, p + 3 * MIB, huge.iova + 3 * MIB));
	OK(iom_unmap(f->dom, &huge));
	TRY(rig_misses(&rig, p + 3 * MIB, huge.iova + 3 * MIB));
	rig_release(&rig);
	return PASS;
}

/* A gibibyte of huge pages is one registration and one call to map it, and to unmap it. */
static enum outcome one_call(struct fixture *f)
{
	struct window_calls before = { 0 }, after;
	struct iom_counters c;
	struct iom_region r;
	char *p;

	TRY(power_open(f, 2 * GIB, 2 * MIB, 0));
	TRY(power_two(f));
	TRY(power_huge(GIB, 21, &p));
	c = counters(f);
	/* the first call of all makes the default window */
	OK(iom_map(f->dom, memory(f->page), f->page, IOM_MAP_RW, NULL, NULL));
	EXPECT(counters(f).kernel_maps == c.kernel_maps + 1);
	c = counters(f);
	world_window_calls(&before);
	OK(iom_map(f->dom, p, GIB, IOM_MAP_RW, NULL, &r));
	EXPECT(aperture_page(f, r.iova) == 2 * MIB);
	EXPECT(counters(f).kernel_maps == c.kernel_maps + 1);
	EXPECT(!world_window_calls(&after) ||
	       (after.registered == before.registered + 1 && after.mapped == before.mapped + 1 &&
		after.created == before.created));
	OK(iom_unmap(f->dom, &r));
	EXPECT(counters(f).kernel_unmaps == c.kernel_unmaps + 1);
	EXPECT(!world_window_calls(&after) || (after.unregistered == before.unregistered + 1 &&
					       after.unmapped == before.unmapped + 1));
	return PASS;
}

const struct test power_tests[] = {
	{ "power-default-window", default_window, NEEDS_WINDOWS },
	{ "power-second-window-at-need", second_at_need, NEEDS_WINDOWS },
	{ "power-mixed-pages", mixed_pages, NEEDS_WINDOWS },
	{ "power-pages-of-64-kib", pages_of_64_kib, NEEDS_WINDOWS },
	{ "power-pages-of-2-mib", pages_of_2_mib, NEEDS_WINDOWS },
	{ "power-pages-of-16-mib", pages_of_16_mib, NEEDS_WINDOWS },
	{ "power-small-memory-and-large-pages", small_memory_large_pages, NEEDS_WINDOWS },
	{ "power-window-too-large", too_large, NEEDS_WINDOWS },
	{ "power-limit-of-one-mapping", limit_of_one, NEEDS_WINDOWS },
	{ "power-window-needed-by-threads", raced, NEEDS_WINDOWS },
	{ "power-device-of-48-bits", narrow_device, NEEDS_WINDOWS },
	{ "power-device-of-32-bits", narrower_device, NEEDS_WINDOWS },
	{ "power-only-window-is-replaced", only_window, NEEDS_WINDOWS },
	{ "power-replaced-when-empty", replaced_when_empty, NEEDS_WINDOWS },
	{ "power-windows-after-reattach", reattached, NEEDS_WINDOWS },
	{ "power-gibibyte-in-one-call", one_call, NEEDS_WINDOWS },
	{ NULL, NULL, NEEDS_WINDOWS },
};
