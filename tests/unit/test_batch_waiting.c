// SPDX-License-Identifier: BSD-3-Clause
/* A batch is held up in the kernel half-way: what other threads see of it, and what they wait for. */
#include "tests/unit/batch_rig.h"
#include "tests/unit/gate.h"
#include "tests/unit/runner.h"

#define N 3

static struct iom_piece pieces[N];
static struct iom_region regions[N];
static char *memory;
static unsigned int pass; /* calls of the held one's kind that come before it */

static void hold_up_later(struct rig *r, unsigned long request)
{
	(void)r;
	if (gate.request && request == gate.request && pass) {
		pass--;
		return;
	}
	hold_up(request);
}

static void set_up(void)
{
	size_t i;

	rig_start(NULL);
	ck_assert_works();
	memory = rig_memory(16 * PAGE);
	for (i = 0; i < N; i++)
		pieces[i] = piece_at(memory + 2 * i * PAGE, PAGE, FOUR_GIB + 2 * i * PAGE);
	rig.before = hold_up_later;
	pass = 1;
}

static int do_mapv(void)
{
	return mapv(pieces, N, IOM_MAP_FIXED, regions);
}

static int do_unmapv(void)
{
	return iom_unmapv(rig.dom, regions, N);
}

static int do_unmap_range(void)
{
	return iom_unmap_range(rig.dom, FOUR_GIB, PAGE);
}

/* The first run is gone, and the second is not yet: who is told that it is gone, is told of all. */
START_TEST(the_rest_is_waited_for)
{
	struct call one, another;

	ck_assert_ok(do_mapv());
	start_held_up(&one, do_unmapv, rig_backend()->unmap);
	ck_assert(dma_misses(NVME, pieces[0].iova, PAGE));
	ck_assert(!dma_misses(NVME, pieces[1].iova, PAGE));
	ck_assert(!is_mapped(pieces[2].va));
	start(&another, do_unmapv);
	ck_assert(waits(&another));
	let_go();
	ck_assert_ok(finish(&one));
	ck_assert_int_eq(finish(&another), -ENOENT);
	ck_assert(dma_misses(NVME, pieces[2].iova, PAGE));
}
END_TEST

/* What is free of it can be used. */
START_TEST(the_first_is_free)
{
	struct iom_region region;
	struct call unmap;

	ck_assert_ok(do_mapv());
	start_held_up(&unmap, do_unmapv, rig_backend()->unmap);
	ck_assert_ok(map_fixed(memory + 8 * PAGE, PAGE, FOUR_GIB, &region));
	ck_assert_fails(map_fixed(memory + 9 * PAGE, PAGE, FOUR_GIB + 2 * PAGE, NULL), -EEXIST, "");
	ck_assert_fails(map_fixed(memory + 2 * PAGE, PAGE, 8 * GIB, NULL), -EEXIST,
			"another thread");
	let_go();
	ck_assert_ok(finish(&unmap));
	ck_assert(dma_works(NVME, &region));
	ck_assert_uint_eq(rig_counters().mappings, 1);
}
END_TEST

/* A batch that is being mapped is not there until all of it is. */
START_TEST(all_at_once)
{
	struct call map, range;

	start_held_up(&map, do_mapv, rig_backend()->map);
	ck_assert(!dma_misses(NVME, pieces[0].iova, PAGE));
	ck_assert(!is_mapped(pieces[0].va));
	ck_assert_uint_eq(rig_counters().mappings, 0);
	ck_assert_fails(map_fixed(memory + 4 * PAGE, PAGE, 8 * GIB, NULL), -EEXIST,
			"another thread");
	start(&range, do_unmap_range);
	ck_assert(waits(&range));
	let_go();
	ck_assert_ok(finish(&map));
	/* then it is a part */
	ck_assert_int_eq(finish(&range), -EINVAL);
	ck_assert(strstr(range.sentence, "part of a batch"));
	ck_assert(is_mapped_as(&regions[0], &pieces[0]));
	ck_assert(is_mapped_as(&regions[2], &pieces[2]));
	ck_assert_ok(do_unmapv());
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("batch_waiting");
	TCase *tcase = tcase_create("waiting");

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_set_timeout(tcase, 60);
	tcase_add_test(tcase, the_rest_is_waited_for);
	tcase_add_test(tcase, the_first_is_free);
	tcase_add_test(tcase, all_at_once);
	suite_add_tcase(suite, tcase);
	return run_suite(suite);
}
