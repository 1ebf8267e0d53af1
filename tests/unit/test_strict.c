// SPDX-License-Identifier: BSD-3-Clause
/*
 * IOM_OPEN_STRICT: no IOVA twice, gaps, nothing kept mapped for streams, and a report of what was left.
 */
#include <pthread.h>

#include "tests/unit/batch_rig.h"
#include "tests/unit/failing_rig.h"
#include "tests/unit/runner.h"
#include "tests/unit/stream_rig.h"

#define PAIRS 200
#define THREADS 4

static char *pages; /* 64 */

static void set_up_pages(void)
{
	pages = rig_memory(64 * PAGE);
}

static void set_up_strict(void)
{
	rig_start_strict();
}

/* ---- Fresh IOVAs ----------------------------------------------------------------------------- */

/* What others do: the IOVA comes back at once.  Else the tests below would show nothing. */
START_TEST(not_strict)
{
	struct iom_region one, two;

	set_up_device();
	ck_assert_ok(map_any(pages, PAGE, &one));
	ck_assert_ok(iom_unmap(rig.dom, &one));
	ck_assert_ok(map_any(pages, PAGE, &two));
	ck_assert_uint_eq(one.iova, two.iova);
	tear_down();
}
END_TEST

START_TEST(fresh)
{
	struct iom_region all[PAIRS];
	size_t i, k;

	for (i = 0; i < PAIRS; i++) {
		ck_assert_ok(map_any(pages, (1 + i % 5) * PAGE, &all[i]));
		ck_assert(dma_works(NVME, &all[i]));
		ck_assert_ok(iom_unmap(rig.dom, &all[i]));
		for (k = 0; k < i; k++) {
			ck_assert_uint_ne(all[i].iova, all[k].iova);
			ck_assert(all[i].iova >= all[k].iova + all[k].length ||
				  all[k].iova >= all[i].iova + all[i].length);
		}
	}
	/* and a stale one faults, whatever is mapped now */
	ck_assert_ok(map_any(pages, 5 * PAGE, &all[0]));
	for (k = 1; k < PAIRS; k++)
		ck_assert(dma_misses(NVME, all[k].iova, all[k].length));
	ck_assert(dma_works(NVME, &all[0]));
}
END_TEST

/* In 15 pages: three of one page with gaps are all, and then they come again, with gaps. */
START_TEST(used_up)
{
	const struct iom_map_opts opts = below(16 * PAGE - 1);
	struct iom_region one, first = { 0 };
	size_t again = 0, i;

	for (i = 0; i < 50; i++) {
		ck_assert_ok(iom_map(rig.dom, pages, PAGE, IOM_MAP_RW, &opts, &one));
		ck_assert_uint_ge(one.iova, 2 * PAGE);
		ck_assert_uint_le(one.iova, 14 * PAGE);
		if (!i)
			first = one;
		else
			again += one.iova == first.iova;
		ck_assert_ok(iom_unmap(rig.dom, &one));
	}
	/* each is used once in a turn: two pages further than the last one */
	ck_assert_uint_ge(again, 50 / 7 - 1);
	ck_assert_uint_le(again, 50 / 6);
	ck_assert_uint_gt(rig.dom->strict.turns, 0);
	ck_assert_uint_eq(rig.dom->strict.bare, 0);
	iom_close(rig.dom);
	rig.dom = NULL;
	ck_assert_ptr_nonnull(strstr(rig.log, "strict: there were too few IOVAs: "));
}
END_TEST

/* A map that works without IOM_OPEN_STRICT works with it, too. */
START_TEST(no_room_for_gaps)
{
	const struct iom_map_opts opts = below(4 * PAGE - 1);
	struct iom_region one, two;

	ck_assert_ok(iom_map(rig.dom, pages, 3 * PAGE, IOM_MAP_RW, &opts, &one));
	ck_assert_uint_eq(one.iova, PAGE);
	ck_assert_uint_eq(rig.dom->strict.bare, 1);
	ck_assert_int_eq(iom_map(rig.dom, pages + 8 * PAGE, PAGE, IOM_MAP_RW, &opts, &two),
			 -ENOSPC);
	ck_assert_int_eq(iom_map(rig.dom, pages + 8 * PAGE, 4 * PAGE, IOM_MAP_RW, &opts, &two),
			 -ERANGE);
	ck_assert_uint_eq(rig.dom->strict.bare, 1);
	ck_assert_uint_eq(rig.dom->strict.turns, 0);
	ck_assert_ok(iom_unmap(rig.dom, &one));
	ck_assert_ok(iom_map(rig.dom, pages, PAGE, IOM_MAP_RW, &opts, &one));
	ck_assert_uint_eq(one.iova, 2 * PAGE);
	iom_close(rig.dom);
	rig.dom = NULL;
	ck_assert_ptr_nonnull(strstr(rig.log, "; 1 mappings had no gap around them"));
}
END_TEST

START_TEST(gaps)
{
	struct iom_region all[20];
	size_t i, k;

	for (i = 0; i < 20; i++)
		ck_assert_ok(map_any(pages + 3 * i * PAGE, (1 + i % 3) * PAGE, &all[i]));
	for (i = 0; i < 20; i++) {
		ck_assert(dma_misses(NVME, all[i].iova - PAGE, PAGE));
		ck_assert(dma_misses(NVME, all[i].iova + all[i].length, PAGE));
		for (k = 0; k < i; k++)
			ck_assert(all[i].iova >= all[k].iova + all[k].length + PAGE ||
				  all[k].iova >= all[i].iova + all[i].length + PAGE);
	}
	ck_assert_uint_eq(rig.dom->strict.bare, 0);
}
END_TEST

/* A run of a batch is one; where the caller wants it, it goes, gap or not. */
START_TEST(batches_and_fixed)
{
	const struct iom_piece pieces[] = {
		piece_at(pages, PAGE, 0),
		piece_at(pages + PAGE, PAGE, 0),
		piece_at(pages + 8 * PAGE, PAGE, 0),
	};
	struct iom_region r[3], fixed;

	ck_assert_ok(mapv(pieces, 3, 0, r));
	ck_assert_uint_eq(r[1].iova, r[0].iova + PAGE);
	ck_assert(r[2].iova >= r[1].iova + 2 * PAGE || r[2].iova + 2 * PAGE <= r[0].iova);
	ck_assert_ok(map_fixed(pages + 16 * PAGE, PAGE, r[1].iova + PAGE, &fixed));
	ck_assert_ok(iom_unmap(rig.dom, &fixed));
	ck_assert_ok(map_fixed(pages + 17 * PAGE, PAGE, r[1].iova + PAGE, &fixed));
	ck_assert_ok(iom_unmapv(rig.dom, r, 3));
	ck_assert_ok(map_fixed(pages, PAGE, r[0].iova, NULL));
}
END_TEST

/* Multiples of the granule are the same in both. */
START_TEST(granules)
{
	struct iom_region r;
	char *p = rig_memory_at(8 * PAGE, 4 * PAGE, 0);

	rig_machine(NULL);
	rig.granule = 4 * PAGE;
	rig.flags = IOM_OPEN_STRICT;
	ck_assert_ok(rig_open(&rig.dom));
	ck_assert_ok(iom_attach(rig.dom, NVME, NULL, &rig.nvme));
	ck_assert_ok(map_any(p, 8 * PAGE, &r));
	ck_assert_uint_eq(r.iova % (4 * PAGE), 0);
	ck_assert_ok(iom_unmap_range(rig.dom, r.iova, 4 * PAGE));
	ck_assert(dma_misses(NVME, r.iova, 4 * PAGE));
	ck_assert(!is_mapped(p) && is_mapped(p + 4 * PAGE));
	tear_down();
}
END_TEST

static uint64_t iovas[THREADS * PAIRS];

static void *pairs(void *arg)
{
	size_t n = (size_t)(uintptr_t)arg, i;
	struct iom_region r;

	for (i = 0; i < PAIRS; i++) {
		if (iom_map(rig.dom, pages + n * PAGE, PAGE, IOM_MAP_RW, NULL, &r) < 0 ||
		    iom_unmap(rig.dom, &r) < 0)
			abort();
		iovas[n * PAIRS + i] = r.iova;
	}
	return NULL;
}

static int compare(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

START_TEST(threads)
{
	pthread_t ids[THREADS];
	size_t i;

	for (i = 0; i < THREADS; i++)
		ck_assert_int_eq(pthread_create(&ids[i], NULL, pairs, (void *)(uintptr_t)i), 0);
	for (i = 0; i < THREADS; i++)
		ck_assert_int_eq(pthread_join(ids[i], NULL), 0);
	qsort(iovas, ARRAY_SIZE(iovas), sizeof(*iovas), compare);
	for (i = 1; i < ARRAY_SIZE(iovas); i++)
		ck_assert_uint_gt(iovas[i], iovas[i - 1] + PAGE);
}
END_TEST

/* ---- Streams --------------------------------------------------------------------------------- */

static void set_up_stream(void)
{
	have_memory();
	rig_start_strict();
	declare();
	ck_assert_ok(iom_stream_open(rig.dom, &stream));
}

static bool misses(const struct flight *f)
{
	return dma_misses(NVME, f->segments[0].iova, f->segments[0].length);
}

START_TEST(declared_memory)
{
	struct flight one, two, before;
	size_t i;

	ck_assert_int_eq(fly(memory + 5, PAGE, &before), 1);
	ck_assert_ok(iom_dma_unmap(stream, before.segments, 1));
	for (i = 0; i < 20; i++) {
		ck_assert_int_eq(fly(memory + 5, PAGE, &one), 1);
		ck_assert_int_eq(fly(memory + 5, PAGE, &two), 1);
		ck_assert_uint_ne(one.segments[0].iova, before.segments[0].iova);
		ck_assert_uint_ne(one.segments[0].iova, two.segments[0].iova);
		ck_assert(dma_reads(NVME, one.segments[0].iova, memory + 5, 100));
		ck_assert_ok(iom_dma_unmap(stream, one.segments, 1));
		ck_assert(misses(&one));
		ck_assert(dma_reads(NVME, two.segments[0].iova, memory + 5, 100));
		ck_assert_ok(iom_dma_unmap(stream, two.segments, 1));
		ck_assert(misses(&two) && misses(&before));
		before = one;
	}
	ck_assert_uint_eq(stream_counters(stream).transient, 41);
	ck_assert_uint_eq(stream_counters(stream).hits, 0);
	ck_assert_uint_eq(rig_counters().mapped_bytes, 0);
	ck_assert_ok(iom_memory_remove(declared));
}
END_TEST

/* What was said of declared memory still holds. */
START_TEST(declared_rules)
{
	char *p = undeclared();
	struct iom_segment s[4];
	struct iom_memory *readable;
	struct flight one;

	ck_assert_int_eq(iom_dma_map(stream, memory, 64, IOM_MAP_RW | IOM_NOWAIT, s, 4), -EAGAIN);
	ck_assert_ok(iom_memory_add(rig.dom, p, 4 * PAGE, IOM_MAP_READ, &readable));
	ck_assert_int_eq(iom_dma_map(stream, p, 64, IOM_MAP_RW, s, 4), -EFAULT);
	ck_assert_int_eq(iom_dma_map(stream, p, 64, IOM_MAP_READ, s, 4), 1);
	ck_assert_int_eq(iom_memory_remove(readable), -EBUSY);
	ck_assert_ok(iom_dma_unmap(stream, s, 1));
	ck_assert_ok(iom_memory_remove(readable));
	/* across granules, and out of it */
	ck_assert_int_ge(fly(memory + GRANULE - 7, 2 * PAGE, &one), 1);
	ck_assert_ok(iom_dma_unmap(stream, one.segments, (size_t)one.n));
	ck_assert_int_ge(fly(p - PAGE, 2 * PAGE, &one), 1);
	ck_assert_ok(iom_dma_unmap(stream, one.segments, (size_t)one.n));
	ck_assert_uint_eq(rig_counters().mapped_bytes, 0);
}
END_TEST

/* What the driver mapped itself stays mapped. */
START_TEST(mapped_memory)
{
	struct iom_region r;
	struct flight one;

	ck_assert_ok(map_any(memory, GRANULE, &r));
	ck_assert_int_eq(fly(memory + 77, PAGE, &one), 1);
	ck_assert_uint_eq(one.segments[0].cookie, 0);
	ck_assert_uint_eq(one.segments[0].iova, iom_region_iova(&r, memory + 77));
}
END_TEST

/* ---- The report ------------------------------------------------------------------------------ */

START_TEST(report)
{
	struct iom_region gone, left;
	struct flight one;
	char line[128];

	ck_assert_ok(map_any(undeclared(), PAGE, &gone));
	ck_assert_ok(map_any(undeclared() + PAGE, 3 * PAGE, &left));
	ck_assert_ok(iom_unmap(rig.dom, &gone));
	ck_assert_int_eq(fly(memory, PAGE, &one), 1);
	iom_close(rig.dom);
	rig.dom = NULL;
	snprintf(line, sizeof(line),
		 "2 strict: still mapped when the domain is closed: 0x3000 bytes at IOVA 0x%" PRIx64,
		 left.iova);
	ck_assert_msg(strstr(rig.log, line), "no \"%s\" in: %s", line, rig.log);
	snprintf(line, sizeof(line), "2 strict: in flight through a stream when the domain is");
	ck_assert_msg(strstr(rig.log, line), "no \"%s\" in: %s", line, rig.log);
	snprintf(line, sizeof(line), "IOVA 0x%" PRIx64, gone.iova);
	ck_assert_ptr_null(strstr(rig.log, line));
	ck_assert_ptr_nonnull(strstr(rig.log, "strict: 2 mappings were left"));
}
END_TEST

/* So many are told of, and the rest is summed up. */
START_TEST(report_many)
{
	size_t i;

	for (i = 0; i < 40; i++)
		ck_assert_ok(map_any(pages + i * PAGE, PAGE, NULL));
	rig.log[0] = '\0';
	iom_close(rig.dom);
	rig.dom = NULL;
	ck_assert_msg(strstr(rig.log, "strict: and 0x8000 bytes in 8 other mappings"), "%s",
		      rig.log);
}
END_TEST

START_TEST(nothing_left)
{
	iom_close(rig.dom);
	rig.dom = NULL;
	ck_assert_ptr_null(strstr(rig.log, "still mapped"));
	ck_assert_ptr_null(strstr(rig.log, "too few"));
	ck_assert_ptr_nonnull(strstr(rig.log, "strict: 0 mappings were left"));
}
END_TEST

/* ---- How it is asked for --------------------------------------------------------------------- */

static bool opens_strict(const char *word, uint64_t flags)
{
	struct iom_domain *dom;
	bool strict;

	setenv("LIBIOMMU_STRICT", word, 1);
	rig.flags = flags;
	ck_assert_ok(rig_open(&dom));
	strict = dom->strict.on && dom->history.n;
	ck_assert(strict == dom->strict.on);
	iom_close(dom);
	return strict;
}

START_TEST(environment)
{
	struct iom_domain *dom = NULL;

	rig_machine(NULL);
	ck_assert(opens_strict("1", 0));
	ck_assert(!opens_strict("0", 0));
	ck_assert(!opens_strict("", 0));
	ck_assert(opens_strict("0", IOM_OPEN_STRICT));
	setenv("LIBIOMMU_STRICT", "yes", 1);
	ck_assert_fails(rig_open(&dom), -EINVAL, "open: ", "LIBIOMMU_STRICT is 'yes'", "1 or 0");
	unsetenv("LIBIOMMU_STRICT");
	rig.flags = 0x10;
	ck_assert_fails(rig_open(&dom), -EINVAL, "open: ", "flags 0x10");
	ck_assert_ptr_null(dom);
	tear_down();
}
END_TEST

/* ---- Failures -------------------------------------------------------------------------------- */

static struct iom_region region;
static struct flight flight;

static void strict_and_mapped(void)
{
	rig_start_strict();
	ck_assert_ok(map_any(pages, PAGE, NULL));
}

static int map_one(void)
{
	return map_any(pages + 8 * PAGE, 4 * PAGE, &region);
}

static void strict_and_declared(void)
{
	rig_start_strict();
	declare();
	ck_assert_ok(iom_stream_open(rig.dom, &stream));
}

/* A success is a count. */
static int take_off(void)
{
	int n = iom_dma_map(stream, memory + 3, PAGE, IOM_MAP_RW, flight.segments, SEGMENTS);

	iom_error_set("none");
	return n < 0 ? n : 0;
}

static const struct step steps[] = {
	{ "map",
	  strict_and_mapped,
	  map_one,
	  unchanged_and_again,
	  NULL,
	  { -EIO, -ENOMEM, -ENOSPC, -EFAULT, -EBUSY, -ENODEV, -EOPNOTSUPP, -EMFILE, -EINVAL,
	    -EACCES },
	  1,
	  1 },
	{ "stream",
	  strict_and_declared,
	  take_off,
	  unchanged_and_again,
	  NULL,
	  { -EIO, -ENOMEM, -ENOSPC, -EFAULT, -EBUSY, -ENODEV, -EOPNOTSUPP, -EMFILE, -EINVAL,
	    -EACCES, -EAGAIN },
	  1,
	  1 },
};

START_TEST(every_call)
{
	have_memory();
	fail_each_call(&steps[_i], steps[_i].least_calls - 1);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("strict");
	TCase *places = tcase_create("places"), *streams = tcase_create("streams");
	TCase *apart = tcase_create("apart");

	tcase_add_unchecked_fixture(places, set_up_pages, NULL);
	tcase_add_checked_fixture(places, set_up_strict, tear_down);
	tcase_add_test(places, fresh);
	tcase_add_test(places, used_up);
	tcase_add_test(places, no_room_for_gaps);
	tcase_add_test(places, gaps);
	tcase_add_test(places, batches_and_fixed);
	tcase_add_test(places, threads);
	tcase_add_test(places, report_many);
	tcase_add_test(places, nothing_left);
	suite_add_tcase(suite, places);

	tcase_add_checked_fixture(streams, set_up_stream, tear_down);
	tcase_add_test(streams, declared_memory);
	tcase_add_test(streams, declared_rules);
	tcase_add_test(streams, mapped_memory);
	tcase_add_test(streams, report);
	suite_add_tcase(suite, streams);

	tcase_set_timeout(apart, 300);
	tcase_add_unchecked_fixture(apart, set_up_pages, NULL);
	tcase_add_test(apart, not_strict);
	tcase_add_test(apart, granules);
	tcase_add_test(apart, environment);
	tcase_add_loop_test(apart, every_call, 0, ARRAY_SIZE(steps));
	suite_add_tcase(suite, apart);
	return run_suite(suite);
}
