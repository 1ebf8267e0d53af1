// SPDX-License-Identifier: BSD-3-Clause
/* Batches that are mapped, and given back: what goes where, and by how many kernel calls. */
#include "tests/unit/batch_rig.h"
#include "tests/unit/runner.h"

#define N 16

static char *memory; /* of 64 pages */
static struct iom_piece pieces[N];
static struct iom_region regions[N];
static struct kernel_calls calls;

static void set_up(void)
{
	rig_start(NULL);
	memory = rig_memory(64 * PAGE);
	memset(&calls, 0, sizeof(calls));
	kernel_calls(&calls);
}

/* N pieces of a page, step pages apart. */
static void row(uint64_t step)
{
	size_t i;

	for (i = 0; i < N; i++)
		pieces[i] = piece_of(memory + i * step * PAGE, PAGE);
}

static void check_all(size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		ck_assert_msg(is_mapped_as(&regions[i], &pieces[i]), "piece %zu", i);
}

static void check_none(size_t n)
{
	size_t i;

	for (i = 0; i < n; i++) {
		ck_assert(!is_mapped(pieces[i].va));
		ck_assert(dma_misses(NVME, regions[i].iova, regions[i].length));
	}
	ck_assert_uint_eq(rig_counters().mappings, 0);
	ck_assert_uint_eq(iom_sim_mapped_bytes(rig.sim), 0);
}

/* ---- Runs ---------------------------------------------------------------------------------- */

/* In whatever order they come, and go. */
START_TEST(neighbours_are_one)
{
	uint64_t random = random_start();
	struct kernel_calls made;

	row(1);
	shuffle(pieces, N, sizeof(pieces[0]), &random);
	ck_assert_ok(mapv(pieces, N, 0, regions));
	made = kernel_calls(&calls);
	ck_assert_uint_eq(made.maps, rig_copies());
	ck_assert_uint_eq(rig_counters().kernel_maps, 1);
	ck_assert_uint_eq(rig_counters().mappings, 1);
	ck_assert_uint_eq(rig_counters().mapped_bytes, N * PAGE);
	check_all(N);

	shuffle(regions, N, sizeof(regions[0]), &random);
	kernel_calls(&calls);
	ck_assert_ok(iom_unmapv(rig.dom, regions, N));
	made = kernel_calls(&calls);
	ck_assert_uint_eq(made.unmaps, rig_copies());
	ck_assert_uint_eq(rig_counters().kernel_unmaps, 1);
	check_none(N);
	ck_assert_works();
}
END_TEST

/* Where the memory has gaps, there is a run, and a call, for each part. */
START_TEST(gaps_part_runs)
{
	size_t i;

	for (i = 0; i < N; i++)
		pieces[i] = piece_of(memory + (i + i / 4) * PAGE, PAGE);
	ck_assert_ok(mapv(pieces, N, 0, regions));
	ck_assert_uint_eq(kernel_calls(&calls).maps, 4 * rig_copies());
	ck_assert_uint_eq(rig_counters().mappings, 4);
	check_all(N);
	for (i = 1; i < N; i++)
		if (i % 4)
			ck_assert_uint_eq(regions[i].iova, regions[i - 1].iova + PAGE);
	ck_assert_ok(iom_unmapv(rig.dom, regions, N));
	check_none(N);
}
END_TEST

START_TEST(pieces_of_any_length)
{
	uint64_t at = 0;
	size_t i;

	for (i = 0; i < 8; i++) {
		pieces[i] = piece_of(memory + at, (i + 1) * PAGE);
		at += (i + 1) * PAGE;
	}
	ck_assert_ok(mapv(pieces, 8, 0, regions));
	ck_assert_uint_eq(kernel_calls(&calls).maps, rig_copies());
	check_all(8);
	ck_assert_ok(iom_unmapv(rig.dom, regions, 8));
	check_none(8);
}
END_TEST

/* With fixed IOVAs neighbours are those that are it in both. */
START_TEST(fixed)
{
	row(1);
	pieces[0].iova = FOUR_GIB;
	pieces[1].iova = FOUR_GIB + PAGE;
	pieces[2].iova = FOUR_GIB + 3 * PAGE;
	pieces[3].iova = FOUR_GIB + 4 * PAGE;
	pieces[4].iova = FOUR_GIB + 2 * PAGE;
	ck_assert_ok(mapv(pieces, 5, IOM_MAP_FIXED, regions));
	ck_assert_uint_eq(kernel_calls(&calls).maps, 3 * rig_copies());
	check_all(5);
	ck_assert_uint_eq(regions[4].iova, FOUR_GIB + 2 * PAGE);
	ck_assert_uint_eq(regions[3].iova, FOUR_GIB + 4 * PAGE);
	/* what is one range of IOVAs is one unmap, however many maps it was */
	ck_assert_ok(iom_unmapv(rig.dom, regions, 5));
	ck_assert_uint_eq(kernel_calls(&calls).unmaps, rig_copies());
	check_none(5);
}
END_TEST

/* The border of a requested aperture parts runs, as it would refuse a mapping across it. */
START_TEST(across_a_border)
{
	const struct iom_aperture_opts opts = {
		.size = sizeof(opts),
		.start = FOUR_GIB + 16 * MIB,
		.length = 16 * MIB,
		.flags = IOM_APERTURE_FIXED,
	};
	uint64_t id, i;

	ck_assert_ok(iom_aperture_request(rig.dom, &opts, &id));
	row(1);
	for (i = 0; i < 8; i++)
		pieces[i].iova = opts.start + (i - 3) * PAGE;
	ck_assert_int_eq(map_fixed(memory, 8 * PAGE, pieces[0].iova, NULL), -ERANGE);
	kernel_calls(&calls);
	ck_assert_ok(mapv(pieces, 8, IOM_MAP_FIXED, regions));
	ck_assert_uint_eq(rig_counters().mappings, 2);
	check_all(8);
	ck_assert_ok(iom_unmapv(rig.dom, regions, 8));
	check_none(8);
	ck_assert_ok(iom_aperture_release(rig.dom, id));
}
END_TEST

START_TEST(apart)
{
	size_t i;

	row(1);
	ck_assert_ok(mapv(pieces, N, IOM_MAP_APART, regions));
	ck_assert_uint_eq(kernel_calls(&calls).maps, N * rig_copies());
	ck_assert_uint_eq(rig_counters().mappings, N);
	check_all(N);
	for (i = 0; i < N; i++)
		ck_assert_uint_eq(regions[i].flags, IOM_MAP_RW);
	for (i = 1; i < N; i++)
		ck_assert_uint_ne(regions[i].generation, regions[i - 1].generation);
	/* each is one of its own */
	ck_assert_ok(iom_unmap(rig.dom, &regions[3]));
	ck_assert(!is_mapped(pieces[3].va));
	ck_assert(is_mapped(pieces[2].va));
	ck_assert_fails(iom_unmapv(rig.dom, regions, N), -ENOENT, "unmap a batch",
			"unmapped before");
	ck_assert_uint_eq(rig_counters().mappings, N - 1);
	memmove(&regions[3], &regions[4], (N - 4) * sizeof(regions[0]));
	ck_assert_ok(iom_unmapv(rig.dom, regions, N - 1));
	ck_assert_uint_eq(rig_counters().mappings, 0);
}
END_TEST

/* One piece is a mapping, as iom_map() makes them. */
START_TEST(one_piece)
{
	row(1);
	ck_assert_ok(mapv(pieces, 1, 0, regions));
	check_all(1);
	ck_assert_ok(iom_unmap(rig.dom, regions));
	check_none(1);
	ck_assert_ok(mapv(pieces, 1, 0, NULL));
	ck_assert(is_mapped(pieces[0].va));
}
END_TEST

/* Those of other calls, too. */
START_TEST(regions_of_any_call)
{
	row(2);
	ck_assert_ok(mapv(pieces, 3, 0, regions));
	ck_assert_ok(map_any(pieces[3].va, PAGE, &regions[3]));
	ck_assert_ok(mapv(&pieces[4], 2, 0, &regions[4]));
	ck_assert_ok(iom_unmapv(rig.dom, regions, 6));
	check_none(6);
}
END_TEST

START_TEST(aliases)
{
	row(1);
	/* twice, and overlapping */
	pieces[1] = pieces[0];
	pieces[2] = piece_of(memory, 4 * PAGE);
	ck_assert_fails(mapv(pieces, 3, 0, regions), -EEXIST, "map a batch: piece ",
			"some of the same memory", "IOM_MAP_ALIAS");
	ck_assert_ok(mapv(pieces, 3, IOM_MAP_ALIAS, regions));
	ck_assert(dma_works(NVME, &regions[0]));
	ck_assert(dma_works(NVME, &regions[1]));
	ck_assert(dma_works(NVME, &regions[2]));
	ck_assert(!is_mapped(memory));
	ck_assert_uint_ne(regions[0].iova, regions[1].iova);
	ck_assert_ok(iom_unmapv(rig.dom, regions, 3));
	ck_assert_uint_eq(rig_counters().mappings, 0);
}
END_TEST

/* ---- A unit -------------------------------------------------------------------------------- */

START_TEST(only_as_a_whole)
{
	struct iom_region most[N];
	size_t i, left;

	for (i = 0; i < N; i++)
		pieces[i] = piece_of(memory + (i + i / 4) * PAGE, PAGE);
	ck_assert_ok(mapv(pieces, N, 0, regions));
	kernel_calls(&calls);
	for (i = 0; i < N; i++)
		ck_assert_fails(iom_unmap(rig.dom, &regions[i]), -EINVAL, "unmap IOVA 0x",
				"part of a batch", "iom_unmapv");
	for (left = 0; left < N; left++) {
		memcpy(most, regions, left * sizeof(regions[0]));
		memcpy(most + left, regions + left + 1, (N - left - 1) * sizeof(regions[0]));
		ck_assert_fails(iom_unmapv(rig.dom, most, N - 1), -EINVAL, "part of a batch");
	}
	/* one run of it */
	ck_assert_fails(iom_unmapv(rig.dom, regions, 4), -EINVAL, "part of a batch");
	ck_assert_fails(iom_unmap_range(rig.dom, regions[4].iova, 4 * PAGE), -EINVAL,
			"part of a batch", "iom_unmapv");
	ck_assert_uint_eq(kernel_calls(&calls).unmaps, 0);
	check_all(N);
	ck_assert_ok(iom_unmapv(rig.dom, regions, N));
	check_none(N);
	ck_assert_fails(iom_unmapv(rig.dom, regions, N), -ENOENT, "unmapped before");
}
END_TEST

/* A run that is a part of nothing larger behaves as a mapping, but for its pieces. */
START_TEST(a_single_run)
{
	row(1);
	ck_assert_ok(mapv(pieces, N, 0, regions));
	ck_assert_fails(iom_unmap(rig.dom, &regions[0]), -EINVAL, "iom_unmapv");
	ck_assert_fails(iom_unmap_range(rig.dom, regions[0].iova, PAGE), -EINVAL, "cut");
	ck_assert_ok(iom_unmap_range(rig.dom, regions[0].iova, N * PAGE));
	check_none(N);
}
END_TEST

/* By range, over all of it, and whatever is there besides. */
START_TEST(by_range)
{
	struct iom_region other;

	row(2);
	pieces[0].iova = FOUR_GIB;
	pieces[1].iova = FOUR_GIB + 2 * PAGE;
	pieces[2].iova = FOUR_GIB + 4 * PAGE;
	ck_assert_ok(mapv(pieces, 3, IOM_MAP_FIXED, regions));
	ck_assert_ok(map_fixed(memory + 50 * PAGE, PAGE, FOUR_GIB + PAGE, &other));
	ck_assert_ok(map_fixed(memory + 51 * PAGE, PAGE, FOUR_GIB + 3 * PAGE, NULL));
	ck_assert_fails(iom_unmap_range(rig.dom, FOUR_GIB, 4 * PAGE), -EINVAL, "part of a batch");
	ck_assert_fails(iom_unmap_range(rig.dom, FOUR_GIB + 2 * PAGE, 3 * PAGE), -EINVAL,
			"part of a batch");
	ck_assert_uint_eq(rig_counters().mappings, 5);
	/* that did not leave a mark */
	ck_assert_ok(iom_unmap(rig.dom, &other));
	ck_assert_ok(map_fixed(memory + 50 * PAGE, PAGE, FOUR_GIB + PAGE, &other));
	kernel_calls(&calls);
	ck_assert_ok(iom_unmap_range(rig.dom, FOUR_GIB, 5 * PAGE));
	ck_assert_uint_eq(kernel_calls(&calls).unmaps, rig_copies());
	check_none(3);
}
END_TEST

START_TEST(by_all)
{
	row(2);
	ck_assert_ok(mapv(pieces, N, 0, regions));
	ck_assert_ok(iom_unmap_all(rig.dom));
	check_none(N);
	ck_assert_ok(mapv(pieces, N, 0, regions));
	check_all(N);
	/* and by the end of the domain */
}
END_TEST

/* Where mappings may be cut, so may a batch. */
START_TEST(parts_with_a_granule)
{
	size_t i;

	tear_down();
	rig_start_cut(NULL, 2 * PAGE);
	memory = rig_memory_at(64 * PAGE, 16 * PAGE, 0);
	memset(&calls, 0, sizeof(calls));
	for (i = 0; i < 8; i++)
		pieces[i] = piece_of(memory + 2 * i * PAGE, 2 * PAGE);
	/* this one is no granule, and ends the run */
	pieces[8] = piece_of(memory + 16 * PAGE, PAGE);
	ck_assert_ok(mapv(pieces, 9, 0, regions));
	ck_assert_uint_eq(rig_counters().mappings, 1);
	check_all(9);
	ck_assert_ok(iom_unmap(rig.dom, &regions[3]));
	ck_assert(dma_misses(NVME, regions[3].iova, 2 * PAGE));
	ck_assert(is_mapped_as(&regions[2], &pieces[2]));
	ck_assert(is_mapped_as(&regions[4], &pieces[4]));
	ck_assert_uint_eq(rig_counters().mappings, 2);
	ck_assert_ok(iom_unmap_range(rig.dom, regions[6].iova, 2 * PAGE));
	ck_assert_uint_eq(rig_counters().mappings, 3);
	/* these two go apart, and the last with a part of a piece that is not there any more */
	ck_assert_ok(iom_unmapv(rig.dom, &regions[1], 2));
	ck_assert_fails(iom_unmapv(rig.dom, &regions[4], 5), -ENOENT, "unmapped before");
	ck_assert_fails(iom_unmap(rig.dom, &regions[6]), -ENOENT, "unmapped before");
	ck_assert_ok(iom_unmapv(rig.dom, &regions[7], 2));
	ck_assert_ok(iom_unmapv(rig.dom, &regions[4], 2));
	ck_assert_ok(iom_unmap(rig.dom, &regions[0]));
	check_none(9);
}
END_TEST

/* A granule is for what is aligned to it. */
START_TEST(parts_off_the_granule)
{
	size_t i;

	tear_down();
	rig_start_cut(NULL, 4 * PAGE);
	memory = rig_memory_at(64 * PAGE, 16 * PAGE, 0);
	for (i = 0; i < 8; i++)
		pieces[i] = piece_of(memory + 2 * i * PAGE, 2 * PAGE);
	ck_assert_ok(mapv(pieces, 8, 0, regions));
	ck_assert_fails(iom_unmap(rig.dom, &regions[2]), -EINVAL, "batch", "iom_unmapv");
	ck_assert_fails(iom_unmapv(rig.dom, &regions[2], 3), -EINVAL, "batch");
	check_all(8);
	ck_assert_ok(iom_unmapv(rig.dom, &regions[2], 4));
	ck_assert_uint_eq(rig_counters().mapped_bytes, 8 * PAGE);
	ck_assert_ok(iom_unmapv(rig.dom, &regions[0], 2));
	ck_assert_ok(iom_unmapv(rig.dom, &regions[6], 2));
	check_none(8);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("batch");
	TCase *tcase = tcase_create("batch");

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_set_timeout(tcase, 60);
	tcase_add_test(tcase, neighbours_are_one);
	tcase_add_test(tcase, gaps_part_runs);
	tcase_add_test(tcase, pieces_of_any_length);
	tcase_add_test(tcase, fixed);
	tcase_add_test(tcase, across_a_border);
	tcase_add_test(tcase, apart);
	tcase_add_test(tcase, one_piece);
	tcase_add_test(tcase, regions_of_any_call);
	tcase_add_test(tcase, aliases);
	tcase_add_test(tcase, only_as_a_whole);
	tcase_add_test(tcase, a_single_run);
	tcase_add_test(tcase, by_range);
	tcase_add_test(tcase, by_all);
	tcase_add_test(tcase, parts_with_a_granule);
	tcase_add_test(tcase, parts_off_the_granule);
	suite_add_tcase(suite, tcase);
	return run_suite(suite);
}
