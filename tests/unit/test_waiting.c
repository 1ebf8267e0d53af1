// SPDX-License-Identifier: BSD-3-Clause
/* Calls that meet another thread's call under way: who waits, who is told, and who never sees half of it. */
#include <sched.h>

#include "tests/unit/domain_rig.h"
#include "tests/unit/gate.h"
#include "tests/unit/runner.h"

#define FOUR_GIB (4 * GIB)

static char *memory; /* 16 pages */
static struct iom_region region;

/* ---- Calls ------------------------------------------------------------------------------------ */

static void before(struct rig *r, unsigned long request)
{
	(void)r;
	hold_up(request);
}

static int do_map(void)
{
	return map_fixed(memory, 4 * PAGE, FOUR_GIB, &region);
}

/* Where the library chooses, which is another way inside. */
static int do_map_plainly(void)
{
	return map_any(memory, 4 * PAGE, &region);
}

static int do_unmap(void)
{
	return iom_unmap(rig.dom, &region);
}

static int do_unmap_range(void)
{
	return iom_unmap_range(rig.dom, FOUR_GIB, 4 * PAGE);
}

static int do_unmap_all(void)
{
	return iom_unmap_all(rig.dom);
}

static int do_attach(void)
{
	struct iom_device *dev;

	return iom_attach(rig.dom, EDU, NULL, &dev);
}

static void set_up(void)
{
	set_up_device();
	rig.before = before;
	memory = rig_memory(16 * PAGE);
}

/* ---- While it is being unmapped ----------------------------------------------------------------- */

/* What is one slot of a table, and what is several. */
START_TEST(out_of_translate_first)
{
	const uint64_t length = (_i ? 4 : 1) * PAGE;
	struct call unmap;
	uint64_t iova, run;
	void *va;

	ck_assert_ok(map_fixed(memory, length, FOUR_GIB, &region));
	start_held_up(&unmap, do_unmap, rig_backend()->unmap);
	ck_assert_int_eq(iom_translate(rig.dom, memory, 1, &iova, &run), -ENOENT);
	ck_assert_int_eq(iom_iova_to_va(rig.dom, FOUR_GIB, 1, &va, &run), -ENOENT);
	/* the device still reaches it */
	ck_assert(dma_reads(NVME, FOUR_GIB, memory, 8));
	ck_assert_uint_eq(rig_counters().mappings, 0);
	let_go();
	ck_assert_ok(finish(&unmap));
	ck_assert(dma_misses(NVME, FOUR_GIB, length));
}
END_TEST

/* Given out before, the new mapping would be cleared by the unmap under way. */
START_TEST(iova_and_memory_are_not_free_yet)
{
	struct iom_map_opts opts = below(FOUR_GIB + 4 * PAGE - 1);
	struct iom_region other;
	struct call unmap;

	ck_assert_ok(do_map());
	start_held_up(&unmap, do_unmap, rig_backend()->unmap);
	ck_assert_fails(map_fixed(memory + 8 * PAGE, PAGE, FOUR_GIB + PAGE, NULL), -EEXIST,
			"0x100000000");
	ck_assert_fails(map_any(memory + 3 * PAGE, 2 * PAGE, NULL), -EEXIST, "another thread");
	ck_assert_ok(iom_map(rig.dom, memory + 8 * PAGE, PAGE, IOM_MAP_RW, &opts, &other));
	ck_assert_uint_lt(other.iova, FOUR_GIB);
	let_go();
	ck_assert_ok(finish(&unmap));
	ck_assert_ok(map_fixed(memory + 9 * PAGE, PAGE, FOUR_GIB + PAGE, NULL));
	ck_assert_ok(map_any(memory, PAGE, NULL));
}
END_TEST

/* Its -ENOENT comes only when the device cannot reach the memory any more. */
START_TEST(the_same_unmap_waits)
{
	static int (*const ways[])(void) = { do_unmap, do_unmap_range };
	struct call unmap, again;
	unsigned int calls;

	ck_assert_ok(do_map());
	/* on POWER the first map makes one */
	calls = iom_sim_ioctls(rig.sim, rig_backend()->unmap);
	start_held_up(&unmap, ways[_i / 2], rig_backend()->unmap);
	start(&again, ways[_i % 2]);
	ck_assert(waits(&again));
	let_go();
	ck_assert_ok(finish(&unmap));
	ck_assert_int_eq(finish(&again), -ENOENT);
	ck_assert_uint_eq(iom_sim_ioctls(rig.sim, rig_backend()->unmap) - calls, 1);
}
END_TEST

/* Others need not wait. */
START_TEST(other_mappings_go_on)
{
	struct iom_region other;
	struct call unmap;

	ck_assert_ok(do_map());
	start_held_up(&unmap, do_unmap, rig_backend()->unmap);
	ck_assert_ok(map_any(memory + 8 * PAGE, PAGE, &other));
	ck_assert(dma_works(NVME, &other));
	ck_assert_ok(iom_unmap(rig.dom, &other));
	let_go();
	ck_assert_ok(finish(&unmap));
}
END_TEST

START_TEST(unmap_all_and_attach_wait)
{
	static int (*const calls[])(void) = { do_unmap_all, do_attach };
	struct call unmap, late;

	ck_assert_ok(do_map());
	start_held_up(&unmap, do_unmap, rig_backend()->unmap);
	start(&late, calls[_i]);
	ck_assert(waits(&late));
	let_go();
	ck_assert_ok(finish(&unmap));
	ck_assert_ok(finish(&late));
	ck_assert_uint_eq(iom_sim_mapped_bytes(rig.sim), 0);
}
END_TEST

/* ---- While a device is being attached ----------------------------------------------------------- */

static unsigned long attaching(void)
{
	return rig_is("iommufd") ? IOM_VFIO_DEVICE_ATTACH_IOMMUFD_PT : VFIO_GROUP_SET_CONTAINER;
}

START_TEST(map_and_unmap_wait)
{
	static int (*const calls[])(void) = { do_map, do_map_plainly, do_unmap };
	struct call attach, late;

	if (calls[_i] == do_unmap)
		ck_assert_ok(do_map());
	start_held_up(&attach, do_attach, attaching());
	start(&late, calls[_i]);
	ck_assert(waits(&late));
	let_go();
	ck_assert_ok(finish(&attach));
	ck_assert_ok(finish(&late));
	ck_assert_uint_eq(rig_counters().mappings, calls[_i] != do_unmap);
}
END_TEST

/* ---- While it is being mapped ------------------------------------------------------------------- */

START_TEST(unmap_all_and_attach_wait_for_map)
{
	static int (*const calls[])(void) = { do_unmap_all, do_attach };
	struct call map, late;

	start_held_up(&map, do_map_plainly, rig_backend()->map);
	start(&late, calls[_i]);
	ck_assert(waits(&late));
	let_go();
	ck_assert_ok(finish(&map));
	ck_assert_ok(finish(&late));
	ck_assert_uint_eq(rig_counters().mappings, calls[_i] != do_unmap_all);
}
END_TEST

START_TEST(not_in_translate_yet)
{
	struct call map;
	uint64_t iova, run;
	void *va;

	start_held_up(&map, do_map, rig_backend()->map);
	ck_assert_int_eq(iom_translate(rig.dom, memory, 1, &iova, &run), -ENOENT);
	ck_assert_int_eq(iom_iova_to_va(rig.dom, FOUR_GIB, 1, &va, &run), -ENOENT);
	ck_assert_fails(map_any(memory, PAGE, NULL), -EEXIST, "another thread");
	ck_assert_fails(map_fixed(memory + 8 * PAGE, PAGE, FOUR_GIB, NULL), -EEXIST, "0x100000000");
	ck_assert_uint_eq(rig_counters().mappings, 0);
	let_go();
	ck_assert_ok(finish(&map));
	ck_assert_int_eq(iom_translate(rig.dom, memory, 1, &iova, &run), 0);
	ck_assert(dma_works(NVME, &region));
}
END_TEST

/* A range that is being mapped is waited for, and unmapped then. */
START_TEST(unmap_waits_for_map)
{
	struct call map, unmap;

	start_held_up(&map, do_map, rig_backend()->map);
	start(&unmap, do_unmap_range);
	ck_assert(waits(&unmap));
	let_go();
	ck_assert_ok(finish(&map));
	ck_assert_ok(finish(&unmap));
	ck_assert(dma_misses(NVME, FOUR_GIB, 4 * PAGE));
}
END_TEST

/* The map that was waited for fails. */
START_TEST(unmap_waits_for_nothing)
{
	const struct iom_sim_failure failure = {
		.nth = 1,
		.answer = -EFAULT,
		.request = rig_backend()->map,
	};
	struct call map, unmap;

	iom_sim_fail(rig.sim, &failure);
	start_held_up(&map, do_map, rig_backend()->map);
	start(&unmap, do_unmap_range);
	ck_assert(waits(&unmap));
	let_go();
	ck_assert_int_eq(finish(&map), rig_is_power() ? -EIO : -EFAULT);
	ck_assert_int_eq(finish(&unmap), -ENOENT);
	ck_assert_ptr_nonnull(strstr(unmap.sentence, "0x100000000"));
	ck_assert_ok(do_map());
}
END_TEST

/* Two threads map at the same time, neither behind the other. */
START_TEST(maps_do_not_wait_for_each_other)
{
	struct call map;

	start_held_up(&map, do_map, rig_backend()->map);
	ck_assert_ok(map_any(memory + 8 * PAGE, PAGE, NULL));
	ck_assert_ok(map_fixed(memory + 9 * PAGE, PAGE, FOUR_GIB + 64 * PAGE, NULL));
	let_go();
	ck_assert_ok(finish(&map));
	ck_assert_uint_eq(rig_counters().mappings, 3);
}
END_TEST

/* ---- While a part of it is being unmapped --------------------------------------------------------- */

static int do_cut(void)
{
	return iom_unmap_range(rig.dom, FOUR_GIB + 4 * PAGE, 4 * PAGE);
}

static int do_cut_more(void)
{
	return iom_unmap_range(rig.dom, FOUR_GIB, 8 * PAGE);
}

static void map_to_cut(void)
{
	tear_down();
	rig_start_cut(NULL, 4 * PAGE);
	rig.before = before;
	ck_assert_ok(map_fixed(memory, 16 * PAGE, FOUR_GIB, &region));
}

/* The rest is mapped as before, and nothing that is told of it reaches into the part. */
START_TEST(a_part_is_under_way)
{
	struct call unmap;
	uint64_t iova, run;
	void *va;

	map_to_cut();
	start_held_up(&unmap, do_cut, rig_backend()->unmap);
	ck_assert_int_eq(iom_translate(rig.dom, memory, UINT64_MAX, &iova, &run), 0);
	ck_assert_uint_eq(run, 4 * PAGE);
	ck_assert_int_eq(iom_iova_to_va(rig.dom, FOUR_GIB, UINT64_MAX, &va, &run), 0);
	ck_assert_uint_eq(run, 4 * PAGE);
	ck_assert_int_eq(iom_translate(rig.dom, memory + 4 * PAGE, 1, &iova, &run), -ENOENT);
	ck_assert_int_eq(iom_iova_to_va(rig.dom, FOUR_GIB + 8 * PAGE, UINT64_MAX, &va, &run), 0);
	ck_assert_uint_eq(run, 8 * PAGE);
	ck_assert_uint_eq(rig_counters().mappings, 2);
	ck_assert_uint_eq(rig_counters().mapped_bytes, 12 * PAGE);
	ck_assert_fails(map_fixed(memory + 4 * PAGE, PAGE, 8 * GIB, NULL), -EEXIST,
			"another thread");
	/* another part of it goes meanwhile */
	ck_assert_ok(iom_unmap_range(rig.dom, FOUR_GIB + 12 * PAGE, 4 * PAGE));
	ck_assert(dma_misses(NVME, FOUR_GIB + 12 * PAGE, 4 * PAGE));
	let_go();
	ck_assert_ok(finish(&unmap));
	ck_assert(dma_misses(NVME, FOUR_GIB + 4 * PAGE, 4 * PAGE));
	ck_assert_uint_eq(rig_counters().mapped_bytes, 8 * PAGE);
}
END_TEST

/* The region's own unmap waits for the part, and takes all the rest. */
START_TEST(the_region_waits_for_its_part)
{
	struct call part, all;

	map_to_cut();
	start_held_up(&part, do_cut, rig_backend()->unmap);
	start(&all, do_unmap);
	ck_assert(waits(&all));
	let_go();
	ck_assert_ok(finish(&part));
	ck_assert_ok(finish(&all));
	ck_assert_uint_eq(rig_counters().mappings, 0);
	ck_assert_uint_eq(iom_sim_mapped_bytes(rig.sim), 0);
}
END_TEST

/* A range that has the part waits for it, and then there is nothing there. */
START_TEST(a_range_waits_for_the_part)
{
	struct call part, more;

	map_to_cut();
	start_held_up(&part, do_cut, rig_backend()->unmap);
	start(&more, do_cut_more);
	ck_assert(waits(&more));
	let_go();
	ck_assert_ok(finish(&part));
	ck_assert_int_eq(finish(&more), -ENOENT);
	ck_assert_ptr_nonnull(strstr(more.sentence, "0x100004000"));
	ck_assert(dma_reads(NVME, FOUR_GIB, memory, 8));
}
END_TEST

/* The last of four kernel calls is held up: the device has the rest, and nobody is told of it. */
static void hold_up_the_last(struct rig *r, unsigned long request)
{
	if (request == rig_backend()->map && iom_sim_mapped_bytes(r->sim) == 12 * PAGE)
		hold_up(request);
}

static int do_map_sixteen(void)
{
	return map_fixed(memory, 16 * PAGE, FOUR_GIB, &region);
}

START_TEST(most_of_it_is_mapped)
{
	struct call map;
	uint64_t run;
	void *va;

	map_to_cut();
	ck_assert_ok(iom_unmap(rig.dom, &region));
	rig.before = hold_up_the_last;
	start_held_up(&map, do_map_sixteen, rig_backend()->map);
	ck_assert_uint_eq(iom_sim_mapped_bytes(rig.sim), 12 * PAGE);
	ck_assert(!is_mapped(memory));
	ck_assert_int_eq(iom_iova_to_va(rig.dom, FOUR_GIB, 1, &va, &run), -ENOENT);
	ck_assert_uint_eq(rig_counters().mappings, 0);
	let_go();
	ck_assert_ok(finish(&map));
	ck_assert(is_mapped(memory));
	ck_assert(dma_works(NVME, &region));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("waiting");
	TCase *tcase = tcase_create("waiting");

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_set_timeout(tcase, 60);
	tcase_add_loop_test(tcase, out_of_translate_first, 0, 2);
	tcase_add_test(tcase, iova_and_memory_are_not_free_yet);
	tcase_add_loop_test(tcase, the_same_unmap_waits, 0, 4);
	tcase_add_test(tcase, other_mappings_go_on);
	tcase_add_loop_test(tcase, unmap_all_and_attach_wait, 0, 2);
	tcase_add_loop_test(tcase, map_and_unmap_wait, 0, 3);
	tcase_add_loop_test(tcase, unmap_all_and_attach_wait_for_map, 0, 2);
	tcase_add_test(tcase, not_in_translate_yet);
	tcase_add_test(tcase, unmap_waits_for_map);
	tcase_add_test(tcase, unmap_waits_for_nothing);
	tcase_add_test(tcase, maps_do_not_wait_for_each_other);
	tcase_add_test(tcase, a_part_is_under_way);
	tcase_add_test(tcase, the_region_waits_for_its_part);
	tcase_add_test(tcase, a_range_waits_for_the_part);
	tcase_add_test(tcase, most_of_it_is_mapped);
	suite_add_tcase(suite, tcase);
	return run_suite(suite);
}
