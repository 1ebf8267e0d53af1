// SPDX-License-Identifier: BSD-3-Clause
/* Memory that the device only reads, on kernels that pin what all processes share. */
#include "tests/unit/domain_rig.h"
#include "tests/unit/runner.h"

#define FOUR_GIB (4 * GIB)

static const struct iom_sim_config old = { .size = sizeof(old), .kernel = 601 };

static void set_up(void)
{
	rig_start(&old);
}

/* Kernels before 6.2 need a write pin first; later ones do not, nor does memory that may not be written. */
static const struct {
	unsigned int kernel;
	int protection;
	unsigned int flags, maps, unmaps;
} read_only[] = {
	{ 601, PROT_READ | PROT_WRITE, IOM_MAP_READ, 2, 1 },
	{ 601, PROT_READ | PROT_WRITE, IOM_MAP_RW, 1, 0 },
	{ 601, PROT_READ, IOM_MAP_READ, 2, 0 },
	{ 612, PROT_READ | PROT_WRITE, IOM_MAP_READ, 1, 0 },
};

START_TEST(pins_for_reading)
{
	const struct iom_sim_config config = {
		.size = sizeof(config),
		.kernel = read_only[_i].kernel,
	};
	struct iom_device *dev;
	struct iom_region region;
	unsigned int maps, unmaps;
	char *memory;

	rig_restart(&config);
	memory = rig_memory(PAGE);
	ck_assert_int_eq(mprotect(memory, PAGE, read_only[_i].protection), 0);
	maps = iom_sim_ioctls(rig.sim, rig_backend()->map);
	unmaps = iom_sim_ioctls(rig.sim, rig_backend()->unmap);
	ck_assert_ok(iom_map(rig.dom, memory, PAGE, read_only[_i].flags, NULL, &region));
	ck_assert_uint_eq(iom_sim_ioctls(rig.sim, rig_backend()->map), maps + read_only[_i].maps);
	ck_assert_uint_eq(iom_sim_ioctls(rig.sim, rig_backend()->unmap),
			  unmaps + read_only[_i].unmaps);

	/* and so when they are made again */
	iom_detach(rig.nvme);
	maps = iom_sim_ioctls(rig.sim, rig_backend()->map);
	ck_assert_ok(iom_attach(rig.dom, NVME, NULL, &dev));
	ck_assert_uint_eq(iom_sim_ioctls(rig.sim, rig_backend()->map), maps + read_only[_i].maps);
	ck_assert_int_eq(iom_sim_dma_write(rig.sim, NVME, region.iova, "x", 1),
			 read_only[_i].flags & IOM_MAP_WRITE ? 0 : -EFAULT);
}
END_TEST

/* The write pin is refused as a mapping is, and the kernel is asked no further. */
START_TEST(the_write_pin_is_refused)
{
	static const struct {
		int answer, error;
	} answers[] = { { -ENOSPC, -ENOSPC }, { -ENOMEM, -ENOMEM }, { -EINVAL, -EIO } };
	const struct iom_sim_failure failure = {
		.nth = 1,
		.answer = answers[_i].answer,
		.request = rig_backend()->map,
	};
	struct iom_map_opts opts = at_iova(FOUR_GIB);
	char *memory = rig_memory(PAGE);
	struct state before = rig_state();

	iom_sim_fail(rig.sim, &failure);
	ck_assert_fails(iom_map(rig.dom, memory, PAGE, IOM_MAP_READ | IOM_MAP_FIXED, &opts, NULL),
			answers[_i].error, "map 0x");
	ck_assert_uint_eq(iom_sim_ioctls(rig.sim, rig_backend()->map), 1);
	before.counters.quarantined_bytes = rig_counters().quarantined_bytes;
	ck_assert_unchanged(before);
	ck_assert(!is_mapped(memory));
	ck_assert_works();
}
END_TEST

/* What was pinned for writing is not unmapped: the device could write there, so nobody gets the range. */
START_TEST(the_write_pin_stays)
{
	static const enum iom_sim_quirk quirks[] = { IOM_SIM_UNMAP_NOTHING, IOM_SIM_UNMAP_SHORT };
	struct iom_map_opts opts = at_iova(FOUR_GIB);
	char *memory = rig_memory(2 * PAGE);

	iom_sim_set_quirk(rig.sim, quirks[_i], 1);
	ck_assert_fails(iom_map(rig.dom, memory, 2 * PAGE, IOM_MAP_READ | IOM_MAP_FIXED, &opts,
				NULL),
			-EIO, "map 0x", "unmapped");
	ck_assert_uint_eq(rig_counters().quarantined_bytes, 2 * PAGE);
	ck_assert(!is_mapped(memory));
	ck_assert_fails(map_fixed(memory, PAGE, FOUR_GIB, NULL), -EEXIST, "quarantined");
	ck_assert_ok(iom_map(rig.dom, memory, 2 * PAGE, IOM_MAP_READ, NULL, NULL));
	ck_assert_works();
}
END_TEST

/* The pin that counts is the second one, and it may fail for itself. */
START_TEST(the_read_pin_is_refused)
{
	const struct iom_sim_failure failure = {
		.nth = 2,
		.answer = -ENOMEM,
		.request = rig_backend()->map,
	};
	char *memory = rig_memory(PAGE);
	struct state before = rig_state();

	iom_sim_fail(rig.sim, &failure);
	ck_assert_fails(iom_map(rig.dom, memory, PAGE, IOM_MAP_READ, NULL, NULL), -ENOMEM,
			"map 0x");
	ck_assert_unchanged(before);
	ck_assert(!is_mapped(memory));
	ck_assert_works();
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("pins");
	TCase *tcase = tcase_create("pins");

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_loop_test(tcase, pins_for_reading, 0, ARRAY_SIZE(read_only));
	tcase_add_loop_test(tcase, the_write_pin_is_refused, 0, 3);
	tcase_add_loop_test(tcase, the_write_pin_stays, 0, 2);
	tcase_add_test(tcase, the_read_pin_is_refused);
	suite_add_tcase(suite, tcase);
	return run_suite(suite);
}
