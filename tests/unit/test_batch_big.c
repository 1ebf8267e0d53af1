// SPDX-License-Identifier: BSD-3-Clause
/*
 * Batches of very many pieces: how many kernel calls they are, and the kernel's limit.  The memory
 * need not be there: it is far more than most machines have.  Where not even so many addresses can be
 * had, as under valgrind, IOM_FEW_ADDRESSES makes the pieces smaller, and all else stays.
 */
#include "tests/unit/batch_rig.h"
#include "tests/unit/runner.h"

#define MANY 131072u /* 256 GiB of them */

static uint64_t piece_length = 2 * MIB;
static struct iom_piece *pieces;
static struct iom_region *regions;
static char *memory;
static uint64_t length;
static struct kernel_calls calls;

static void set_up(void)
{
	const struct iom_sim_config config = {
		.size = sizeof(config),
		.memory = IOM_SIM_MEMORY_MAPS,
	};

	pieces = calloc(MANY, sizeof(*pieces));
	regions = calloc(MANY, sizeof(*regions));
	ck_assert(pieces && regions);
	rig_start(&config);
	/* what the first map alone costs */
	ck_assert_works();
	memset(&calls, 0, sizeof(calls));
	kernel_calls(&calls);
}

static void end(void)
{
	tear_down();
	munmap(memory, length);
	free(pieces);
	free(regions);
}

/* n pieces, with a gap after each so many. */
static void lay_out(size_t n, size_t together)
{
	size_t i;

	length = (n + n / together) * piece_length;
	memory = rig_memory_at(length, piece_length, 0);
	for (i = 0; i < n; i++)
		pieces[i] = piece_of(memory + (i + i / together) * piece_length, piece_length);
}

/* On POWER all that is mapped is registered, once. */
static unsigned int registrations(void)
{
	return iom_sim_ioctls(rig.sim, VFIO_IOMMU_SPAPR_REGISTER_MEMORY);
}

static void check_regions(size_t n)
{
	size_t i;

	for (i = 0; i < n; i++) {
		uint64_t iova, run;
		void *va;

		ck_assert_ptr_eq(regions[i].va, pieces[i].va);
		ck_assert_uint_eq(regions[i].length, piece_length);
		ck_assert_int_eq(iom_translate(rig.dom, pieces[i].va, piece_length, &iova, &run),
				 0);
		ck_assert_uint_eq(iova, regions[i].iova);
		ck_assert_uint_eq(run, piece_length);
		ck_assert_int_eq(iom_iova_to_va(rig.dom, iova, 1, &va, &run), 0);
		ck_assert_ptr_eq(va, pieces[i].va);
	}
}

START_TEST(contiguous)
{
	const unsigned int n = 4096;
	uint64_t random = random_start();
	unsigned int ioctls, registered = registrations();

	lay_out(n, n);
	shuffle(pieces, n, sizeof(*pieces), &random);
	ioctls = iom_sim_calls_of(rig.sim, IOM_SIM_IOCTL);
	ck_assert_ok(mapv(pieces, n, 0, regions));
	/* no other call is made */
	ck_assert_uint_eq(iom_sim_calls_of(rig.sim, IOM_SIM_IOCTL) - ioctls,
			  rig_is_power() ? 2 : 1);
	ck_assert_uint_eq(kernel_calls(&calls).maps, 1);
	ck_assert_uint_eq(registrations() - registered, rig_is_power());
	check_regions(n);
	shuffle(regions, n, sizeof(*regions), &random);
	ck_assert_ok(iom_unmapv(rig.dom, regions, n));
	ck_assert_uint_eq(kernel_calls(&calls).unmaps, 1);
	ck_assert_uint_eq(iom_sim_mapped_bytes(rig.sim), 0);
}
END_TEST

START_TEST(scattered)
{
	const unsigned int n = 4096;
	uint64_t random = random_start();

	lay_out(n, 1);
	shuffle(pieces, n, sizeof(*pieces), &random);
	ck_assert_ok(mapv(pieces, n, 0, regions));
	ck_assert_uint_eq(kernel_calls(&calls).maps, n);
	check_regions(n);
	/* where the library chose them they are neighbours */
	ck_assert_ok(iom_unmapv(rig.dom, regions, n));
	ck_assert_uint_eq(kernel_calls(&calls).unmaps, 1);
	ck_assert_uint_eq(iom_sim_mapped_bytes(rig.sim), 0);
}
END_TEST

/* Runs of three pieces, which the limit allows, and what it does to all of the pieces apart. */
START_TEST(the_limit)
{
	uint64_t random = random_start(), limit = rig_counters().entry_limit;
	struct state before;

	lay_out(MANY, 3);
	shuffle(pieces, MANY, sizeof(*pieces), &random);
	ck_assert_ok(mapv(pieces, MANY, 0, regions));
	ck_assert_uint_eq(kernel_calls(&calls).maps, (MANY + 2) / 3);
	check_regions(MANY);
	shuffle(regions, MANY, sizeof(*regions), &random);
	ck_assert_fails(iom_unmapv(rig.dom, regions, MANY - 1), -EINVAL, "part of a batch");
	ck_assert_ok(iom_unmapv(rig.dom, regions, MANY));
	ck_assert_uint_eq(iom_sim_mapped_bytes(rig.sim), 0);
	munmap(memory, length);

	lay_out(MANY, 1);
	before = rig_state();
	kernel_calls(&calls);
	if (limit == UINT64_MAX) {
		ck_assert_ok(mapv(pieces, MANY, 0, NULL));
		ck_assert_uint_eq(kernel_calls(&calls).maps, MANY);
		ck_assert_ok(iom_unmap_all(rig.dom));
		return;
	}
	ck_assert_uint_eq(limit, 65535);
	ck_assert_fails(mapv(pieces, MANY, 0, regions), -ENOSPC, "map a batch: it needs 131072 of",
			"limit of 65535 mappings 65535 are left");
	ck_assert_uint_eq(kernel_calls(&calls).maps, 0);
	ck_assert_unchanged(before);
	ck_assert_ok(mapv(pieces, 65535, 0, regions));
	check_regions(65535);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("batch_big");
	TCase *tcase = tcase_create("big");

	tcase_add_checked_fixture(tcase, set_up, end);
	tcase_set_timeout(tcase, 300);
	if (getenv("IOM_FEW_ADDRESSES"))
		piece_length = 64 * KIB;
	tcase_add_test(tcase, contiguous);
	tcase_add_test(tcase, scattered);
	/* more than the windows of the rig have */
	if (!rig_is_power())
		tcase_add_test(tcase, the_limit);
	suite_add_tcase(suite, tcase);
	return run_suite(suite);
}
