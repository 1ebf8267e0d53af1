// SPDX-License-Identifier: BSD-3-Clause
/*
 * Each call that the library makes for a batch is made to fail: none of it is mapped then, or all
 * of it is unmapped, but for what the kernel would not let go.
 */
#include "tests/unit/batch_rig.h"
#include "tests/unit/failing_rig.h"
#include "tests/unit/runner.h"

#define N 8

static char *memory; /* 64 pages */
static struct iom_piece pieces[N];
static struct iom_region regions[N];
static struct iom_device *edu;

/* Four runs of two pages, the second of which has a neighbour in IOVAs. */
static void plan(void)
{
	static const uint64_t iovas[] = { 0, 1, 8, 9, 10, 11, 16, 17 };
	static const uint64_t pages[] = { 0, 1, 4, 5, 8, 9, 12, 13 };
	size_t i;

	for (i = 0; i < N; i++)
		pieces[i] = piece_at(memory + pages[i] * PAGE, PAGE, FOUR_GIB + iovas[i] * PAGE);
}

static void attached(void)
{
	rig_start(NULL);
	ck_assert_ok(map_fixed(memory + 32 * PAGE, PAGE, FOUR_GIB + 4 * PAGE, NULL));
	plan();
}

static void with_two_devices(void)
{
	attached();
	ck_assert_ok(iom_attach(rig.dom, EDU, NULL, &edu));
}

static void to_cut(void)
{
	rig_start_cut(NULL, 2 * PAGE);
	ck_assert_ok(map_fixed(memory + 32 * PAGE, PAGE, FOUR_GIB + 4 * PAGE, NULL));
	plan();
}

static int map_batch(void)
{
	return mapv(pieces, N, IOM_MAP_FIXED, regions);
}

static int map_apart(void)
{
	return mapv(pieces, 4, IOM_MAP_FIXED | IOM_MAP_APART, regions);
}

static void batch_mapped(void)
{
	attached();
	ck_assert_ok(map_batch());
}

static void batch_to_cut(void)
{
	to_cut();
	/* of three granules, and only the last is unmapped */
	pieces[0] = piece_at(memory, 4 * PAGE, FOUR_GIB);
	pieces[1] = piece_at(memory + 4 * PAGE, 2 * PAGE, FOUR_GIB + 6 * PAGE);
	ck_assert_ok(mapv(pieces, 2, IOM_MAP_FIXED, regions));
}

static int unmap_batch(void)
{
	return iom_unmapv(rig.dom, regions, N);
}

static int unmap_part(void)
{
	return iom_unmapv(rig.dom, &regions[1], 1);
}

/* ---- After it ------------------------------------------------------------------------------ */

/* One range of IOVAs is out of use, with one or two runs in it, and all else is unmapped. */
static void one_is_quarantined(int (*run)(void), const struct state *before)
{
	struct iom_counters counters = rig_counters();
	unsigned int i, left = 0;

	ck_assert_uint_eq(counters.mappings, 1);
	ck_assert_uint_eq(counters.mapped_bytes, PAGE);
	ck_assert_uint_gt(counters.quarantined_bytes, 0);
	ck_assert_uint_le(counters.quarantined_bytes, 4 * PAGE);
	for (i = 0; i < N; i++) {
		char byte;

		ck_assert(!is_mapped(pieces[i].va));
		left += !iom_sim_dma_read(rig.sim, NVME, pieces[i].iova, &byte, 1);
	}
	/* POWER may have refused only to let go of the memory */
	ck_assert(left * PAGE == counters.quarantined_bytes || rig_is_power());
	ck_assert_uint_lt(counters.quarantined_bytes + counters.mapped_bytes,
			  before->counters.mapped_bytes);
	ck_assert(run() < 0);
	ck_assert_works();
}

/* A part of a run: the rest stays. */
static void part_is_quarantined(int (*run)(void), const struct state *before)
{
	ck_assert_uint_eq(rig_counters().quarantined_bytes, 2 * PAGE);
	ck_assert_uint_eq(rig_counters().mapped_bytes, before->counters.mapped_bytes - 2 * PAGE);
	ck_assert(dma_works(NVME, &regions[0]));
	ck_assert(!is_mapped(pieces[1].va));
	ck_assert_int_eq(run(), -EIO);
	ck_assert_works();
}

#define MAP_ERRORS                                                        \
	{                                                                 \
		-ENOSPC, -ENOMEM, -EFAULT, -EIO, -EINVAL, -EBUSY, -EMFILE \
	}

static const struct step steps[] = {
	{ "map", attached, map_batch, unchanged_and_again, NULL, MAP_ERRORS, 4, 4 },
	{ "map apart", attached, map_apart, unchanged_and_again, NULL, MAP_ERRORS, 4, 4 },
	{ "map in pieces", to_cut, map_batch, unchanged_and_again, NULL, MAP_ERRORS, 4, 4 },
	{ "map for two", with_two_devices, map_batch, unchanged_and_again, NULL, MAP_ERRORS, 4, 4 },
	{ "unmap", batch_mapped, unmap_batch, one_is_quarantined, NULL, { -EIO }, 3, 3 },
	{ "unmap a part", batch_to_cut, unmap_part, part_is_quarantined, NULL, { -EIO }, 1, 1 },
};

START_TEST(every_call)
{
	memory = rig_memory(64 * PAGE);
	fail_each_call(&steps[_i], steps[_i].least_calls);
}
END_TEST

START_TEST(every_call_from)
{
	memory = rig_memory(64 * PAGE);
	fail_from_each_call(&steps[_i]);
}
END_TEST

/* ---- The kernel does not undo -------------------------------------------------------------- */

static unsigned int allowed; /* maps that work yet */

/* When the kernel was asked for so many maps, nothing works any more. */
static void allow_some(struct rig *r, unsigned long request)
{
	const struct iom_sim_failure failure = {
		.nth = 1, .answer = -EIO, .calls = 1u << IOM_SIM_IOCTL, .on = true
	};

	if (request != rig_backend()->map)
		return;
	if (!allowed--)
		iom_sim_fail(r->sim, &failure);
}

/*
 * From the n-th map on neither a map nor an unmap works: what was mapped before is out of use, all
 * else is free, and the sentence is the unmap's.
 */
START_TEST(no_way_back)
{
	const unsigned int n = (unsigned int)_i; /* runs that are mapped before */
	/* on POWER the memory of the one that fails stays registered, too */
	const unsigned int left = 2 * (n + rig_is_power());
	struct state before;
	unsigned int i;

	memory = rig_memory(64 * PAGE);
	attached();
	before = rig_state();
	allowed = n;
	rig.before = allow_some;
	ck_assert_fails(map_batch(), -EIO, "map a batch: piece ", n ? "unmap" : "0x");
	rig.before = NULL;
	iom_sim_fail(rig.sim, NULL);
	ck_assert_uint_eq(rig_counters().quarantined_bytes, left * PAGE);
	ck_assert_uint_eq(rig_counters().mappings, before.counters.mappings);
	for (i = 0; i < N; i++)
		ck_assert(!is_mapped(pieces[i].va));
	/* the memory is free, and so are the IOVAs where nothing was mapped */
	ck_assert_int_eq(map_batch(), left ? -EEXIST : 0);
	if (left && left < N)
		ck_assert_ok(mapv(&pieces[left], N - left, IOM_MAP_FIXED, regions));
	for (i = 0; i < left; i++)
		pieces[i].iova = 0;
	if (left && !rig_is_power())
		ck_assert_ok(mapv(pieces, left, 0, NULL));
	ck_assert_works();
	tear_down();
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("batch_failures");
	TCase *tcase = tcase_create("failures");

	tcase_set_timeout(tcase, 300);
	tcase_add_loop_test(tcase, every_call, 0, ARRAY_SIZE(steps));
	tcase_add_loop_test(tcase, every_call_from, 0, ARRAY_SIZE(steps));
	tcase_add_loop_test(tcase, no_way_back, 0, 4);
	suite_add_tcase(suite, tcase);
	return run_suite(suite);
}
