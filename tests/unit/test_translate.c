// SPDX-License-Identifier: BSD-3-Clause
/* The I/O path: address to IOVA and back. */
#include "tests/unit/domain_rig.h"
#include "tests/unit/runner.h"

#define FOUR_GIB (4 * GIB)

static char *memory; /* 16 pages */

static void set_up(void)
{
	set_up_device();
	memory = rig_memory(16 * PAGE);
}

/* Of length bytes at va, which begin at iova, at least as many are contiguous as promised. */
static void check(const char *va, uint64_t length, uint64_t iova, uint64_t left)
{
	uint64_t got = 0, run = 0, back_run = 0;
	uint64_t least = left < length ? left : length;
	void *back;

	least = least < 2 * MIB ? least : 2 * MIB;
	ck_assert_int_eq(iom_translate(rig.dom, va, length, &got, &run), 0);
	ck_assert_uint_eq(got, iova);
	ck_assert_uint_ge(run, least);
	ck_assert_uint_le(run, length);
	ck_assert_uint_le(run, left);
	ck_assert_int_eq(iom_iova_to_va(rig.dom, iova, length, &back, &back_run), 0);
	ck_assert_ptr_eq(back, va);
	ck_assert_uint_ge(back_run, least);
	ck_assert_uint_le(back_run, length);
	ck_assert_uint_le(back_run, left);
}

START_TEST(bytes_within_a_mapping)
{
	struct iom_region region;

	ck_assert_ok(map_any(memory, 4 * PAGE, &region));
	check(memory, 1, region.iova, 4 * PAGE);
	check(memory, 4 * PAGE, region.iova, 4 * PAGE);
	check(memory + 1, 4 * PAGE - 1, region.iova + 1, 4 * PAGE - 1);
	check(memory + 4 * PAGE - 1, 1, region.iova + 4 * PAGE - 1, 1);
	check(memory + PAGE + 100, 2 * PAGE, region.iova + PAGE + 100, 3 * PAGE - 100);
	/* more is asked for than there is: what there is */
	check(memory + PAGE, UINT64_MAX, region.iova + PAGE, 3 * PAGE);
	check(memory + 4 * PAGE - 1, 2, region.iova + 4 * PAGE - 1, 1);
}
END_TEST

START_TEST(outside)
{
	uint64_t iova = 77, run = 78;
	void *va = &rig;

	ck_assert_ok(map_fixed(memory + PAGE, PAGE, FOUR_GIB, NULL));
	iom_error_set("as it was");
	ck_assert_int_eq(iom_translate(rig.dom, memory + PAGE - 1, 2, &iova, &run), -ENOENT);
	ck_assert_int_eq(iom_translate(rig.dom, memory + 2 * PAGE, 1, &iova, &run), -ENOENT);
	ck_assert_int_eq(iom_translate(rig.dom, NULL, 1, &iova, &run), -ENOENT);
	ck_assert_int_eq(iom_translate(rig.dom, (void *)UINTPTR_MAX, 1, &iova, &run), -ENOENT);
	ck_assert_int_eq(iom_iova_to_va(rig.dom, FOUR_GIB - 1, 1, &va, &run), -ENOENT);
	ck_assert_int_eq(iom_iova_to_va(rig.dom, FOUR_GIB + PAGE, 1, &va, &run), -ENOENT);
	ck_assert_int_eq(iom_iova_to_va(rig.dom, 0, 1, &va, &run), -ENOENT);
	ck_assert_int_eq(iom_iova_to_va(rig.dom, UINT64_MAX, 1, &va, &run), -ENOENT);
	ck_assert_int_eq(iom_translate(rig.dom, memory + PAGE, 0, &iova, &run), -EINVAL);
	ck_assert_int_eq(iom_iova_to_va(rig.dom, FOUR_GIB, 0, &va, &run), -EINVAL);
	/* nothing is written, no sentence either */
	ck_assert_uint_eq(iova, 77);
	ck_assert_uint_eq(run, 78);
	ck_assert_ptr_eq(va, &rig);
	ck_assert_str_eq(iom_errmsg(), "as it was");
}
END_TEST

/* Two mappings that follow each other on one side only are two runs; a caller steps through. */
START_TEST(step_by_step)
{
	static const uint64_t iovas[] = { 6 * GIB, 8 * GIB, 6 * GIB - PAGE };
	uint64_t done = 0, iova, run;
	int i;

	for (i = 0; i < 3; i++)
		ck_assert_ok(map_fixed(memory + i * PAGE, PAGE, iovas[i], NULL));
	for (i = 0; i < 3; i++) {
		ck_assert_int_eq(iom_translate(rig.dom, memory + done, 3 * PAGE - done, &iova,
					       &run),
				 0);
		ck_assert_uint_eq(iova, iovas[i]);
		ck_assert_uint_eq(run, PAGE);
		done += run;
	}
	ck_assert_uint_eq(done, 3 * PAGE);
}
END_TEST

/* Aligned like its IOVA, and not: at every place the promise is kept, and the next step begins right. */
START_TEST(a_large_mapping)
{
	static const uint64_t iovas[] = { 8 * GIB, 8 * GIB + PAGE, 8 * GIB + 2 * MIB - PAGE };
	const uint64_t length = 20 * MIB + 12 * KIB;
	char *large = rig_memory_at(length, 2 * MIB, 0);
	uint64_t random = random_start(), at;
	struct iom_region region;
	int i;

	ck_assert_ok(map_fixed(large, length, iovas[_i], &region));
	for (i = 0; i < 20000; i++) {
		at = random_below(&random, length);
		if (i % 2)
			at = at & ~(2 * MIB - 1);
		check(large + at, 1 + random_below(&random, 8 * MIB), region.iova + at,
		      length - at);
		ck_assert_uint_eq(iom_region_iova(&region, large + at), region.iova + at);
	}
	check(large + length - 1, 1, region.iova + length - 1, 1);
}
END_TEST

/* On a machine of 64 KiB pages, where a page is 16 slots. */
START_TEST(pages_of_64_kib)
{
	const struct iom_sim_config config = {
		.size = sizeof(config),
		.platform = "arm64-smmuv3",
		.page_size = 65536,
	};
	char *large = rig_memory_at(4 * MIB, MIB, 65536);
	struct iom_region region;
	uint64_t at;

	rig_restart(&config);
	ck_assert_ok(map_any(large, 3 * 65536, &region));
	for (at = 0; at < 3 * 65536; at += 1000)
		check(large + at, 3 * 65536, region.iova + at, 3 * 65536 - at);
}
END_TEST

/* What was unmapped is not found, and its neighbours are. */
START_TEST(after_unmap)
{
	struct iom_region region[3];
	uint64_t iova, run;
	void *va;
	int i;

	for (i = 0; i < 3; i++)
		ck_assert_ok(map_fixed(memory + i * PAGE, PAGE, FOUR_GIB + (uint64_t)i * PAGE,
				       &region[i]));
	ck_assert_ok(iom_unmap(rig.dom, &region[1]));
	ck_assert_int_eq(iom_translate(rig.dom, memory + PAGE, 1, &iova, &run), -ENOENT);
	ck_assert_int_eq(iom_iova_to_va(rig.dom, FOUR_GIB + PAGE, 1, &va, &run), -ENOENT);
	check(memory, PAGE + 1, FOUR_GIB, PAGE);
	check(memory + 2 * PAGE, PAGE, FOUR_GIB + 2 * PAGE, PAGE);
}
END_TEST

/* IOVAs of windows on POWER: the tables have a step more for these. */
START_TEST(beyond_57_bits)
{
	static const uint64_t iovas[] = { UINT64_C(1) << 57, UINT64_C(1) << 59, -PAGE };
	uint64_t run = 78, taken;
	void *va = &rig;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(iovas); i++) {
		ck_assert_int_eq(iom_iova_to_va(rig.dom, iovas[i], 1, &va, &run), -ENOENT);
		ck_assert_ptr_eq(va, &rig);
		ck_assert_uint_eq(run, 78);
	}
	for (i = 0; i < ARRAY_SIZE(iovas); i++) {
		uint64_t value = (uintptr_t)memory + i * PAGE;

		ck_assert_int_eq(iom_radix_claim(&rig.dom->by_iova, iovas[i], PAGE, value, &taken),
				 0);
		iom_radix_publish(&rig.dom->by_iova, iovas[i], PAGE, value);
	}
	for (i = 0; i < ARRAY_SIZE(iovas); i++) {
		ck_assert_int_eq(iom_iova_to_va(rig.dom, iovas[i] + 5, PAGE, &va, &run), 0);
		ck_assert_ptr_eq(va, memory + i * PAGE + 5);
		ck_assert_uint_eq(run, PAGE - 5);
		ck_assert_int_eq(iom_iova_to_va(rig.dom, iovas[i] + 5, 7, &va, &run), 0);
		ck_assert_uint_eq(run, 7);
		ck_assert_int_eq(iom_iova_to_va(rig.dom, iovas[i], 0, &va, &run), -EINVAL);
		ck_assert_int_eq(iom_iova_to_va(rig.dom, iovas[i] - 1, 1, &va, &run), -ENOENT);
	}
	/* what the same tables would say of an address so wide, if there were one */
	ck_assert_int_eq(iom_translate(rig.dom, (void *)(uintptr_t)iovas[0], 1, &taken, &run),
			 -ENOENT);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("translate");
	TCase *tcase = tcase_create("translate");

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_set_timeout(tcase, 60);
	tcase_add_test(tcase, bytes_within_a_mapping);
	tcase_add_test(tcase, outside);
	tcase_add_test(tcase, step_by_step);
	tcase_add_loop_test(tcase, a_large_mapping, 0, 3);
	/* another machine */
	if (!rig_is_power())
		tcase_add_test(tcase, pages_of_64_kib);
	tcase_add_test(tcase, after_unmap);
	tcase_add_test(tcase, beyond_57_bits);
	suite_add_tcase(suite, tcase);
	return run_suite(suite);
}
