// SPDX-License-Identifier: BSD-3-Clause
/*
 * Each call that the library makes is made to fail, one after the other, with each errno: the public call
 * fails with one of its own or works all the same, nothing is leaked or half done, and the domain goes on.
 */
#include "tests/unit/domain_rig.h"
#include "tests/unit/failing_rig.h"
#include "tests/unit/runner.h"

#define FOUR_GIB (4 * GIB)

static char *memory; /* 16 pages */
static struct iom_device *edu;
static struct iom_region first, second;

/* ---- Before the step ---------------------------------------------------------------------------- */

static void only_open(void)
{
	rig_domain(NULL);
}

static void attached(void)
{
	rig_start(NULL);
}

static void mapped(void)
{
	attached();
	ck_assert_ok(map_fixed(memory, 2 * PAGE, FOUR_GIB, &first));
	ck_assert_ok(map_fixed(memory + 2 * PAGE, PAGE, FOUR_GIB + 2 * PAGE, &second));
}

static void mapped_without_unmap_all(void)
{
	rig_domain(NULL);
	iom_sim_set_quirk(rig.sim, IOM_SIM_NO_UNMAP_ALL, IOM_SIM_ALWAYS);
	ck_assert_ok(iom_attach(rig.dom, NVME, NULL, &rig.nvme));
	ck_assert_ok(map_fixed(memory, 2 * PAGE, FOUR_GIB, &first));
	ck_assert_ok(map_fixed(memory + 2 * PAGE, PAGE, FOUR_GIB + 2 * PAGE, &second));
}

static void mapped_and_detached(void)
{
	mapped();
	iom_detach(rig.nvme);
}

/* Six pages, of which two and two go together. */
static void to_cut(void)
{
	rig_start_cut(NULL, 2 * PAGE);
	ck_assert_ok(map_fixed(memory, 6 * PAGE, FOUR_GIB, &first));
}

static void cut_already(void)
{
	to_cut();
	ck_assert_ok(iom_unmap_range(rig.dom, FOUR_GIB + 2 * PAGE, 2 * PAGE));
}

static void cut_and_detached(void)
{
	cut_already();
	iom_detach(rig.nvme);
}

static void with_two_devices(void)
{
	mapped();
	ck_assert_ok(iom_attach(rig.dom, EDU, NULL, &edu));
}

/* ---- The step ----------------------------------------------------------------------------------- */

static int attach(void)
{
	return iom_attach(rig.dom, NVME, NULL, &rig.nvme);
}

static int attach_another(void)
{
	return iom_attach(rig.dom, EDU, NULL, &edu);
}

static int map_somewhere(void)
{
	return map_any(memory + 8 * PAGE, 4 * PAGE, &first);
}

static int unmap(void)
{
	return iom_unmap(rig.dom, &first);
}

static int unmap_range(void)
{
	return iom_unmap_range(rig.dom, FOUR_GIB, 3 * PAGE);
}

static int cut(void)
{
	return iom_unmap_range(rig.dom, FOUR_GIB + 2 * PAGE, 2 * PAGE);
}

static int unmap_all(void)
{
	return iom_unmap_all(rig.dom);
}

static int detach_one(void)
{
	iom_detach(edu);
	return 0;
}

static int detach_last(void)
{
	iom_detach(rig.nvme);
	return 0;
}

static int close_all(void)
{
	iom_close(rig.dom);
	rig.dom = NULL;
	return 0;
}

/* ---- After it ----------------------------------------------------------------------------------- */

/* Or, if the kernel was in no state to undo, with a range less. */
static void map_again(int (*run)(void), const struct state *before)
{
	struct state now = rig_state(), expected = *before;

	expected.counters.quarantined_bytes = now.counters.quarantined_bytes;
	ck_assert(now.counters.quarantined_bytes == 0 ||
		  now.counters.quarantined_bytes == 4 * PAGE);
	unchanged_and_again(run, &expected);
}

/* What was not unmapped is out of use; nothing is both. */
static void quarantined(int (*run)(void), const struct state *before)
{
	struct iom_counters counters = rig_counters();

	(void)run;
	ck_assert_uint_gt(counters.quarantined_bytes, 0);
	ck_assert_uint_le(counters.quarantined_bytes + counters.mapped_bytes,
			  before->counters.mapped_bytes);
	ck_assert_uint_eq(iom_sim_mapped_bytes(rig.sim),
			  counters.quarantined_bytes + counters.mapped_bytes);
	ck_assert_works();
}

/* The other device goes on. */
static void one_is_left(void)
{
	ck_assert_uint_eq(iom_sim_open_fds(rig.sim), rig_backend()->fds);
	ck_assert(dma_works(NVME, &first));
	ck_assert(dma_misses(EDU, first.iova, first.length));
	ck_assert_works();
	ck_assert_ok(attach_another());
	ck_assert(dma_works(EDU, &first));
}

/* The mappings are there for the next device. */
static void none_is_left(void)
{
	/* type1's container; but not if the group did not leave it */
	ck_assert_uint_le(iom_sim_open_fds(rig.sim), 1);
	ck_assert_uint_eq(rig_counters().mappings, 2);
	ck_assert(dma_misses(NVME, first.iova, first.length));
	ck_assert_ok(attach());
	ck_assert(dma_works(NVME, &first));
	ck_assert_works();
}

static void all_is_back(void)
{
	ck_assert(dma_works(NVME, &first));
	ck_assert(dma_works(NVME, &second));
	ck_assert_works();
}

static void the_parts_are_back(void)
{
	ck_assert(dma_reads(NVME, FOUR_GIB, memory, 8));
	ck_assert(dma_misses(NVME, FOUR_GIB + 2 * PAGE, 2 * PAGE));
	ck_assert(dma_reads(NVME, FOUR_GIB + 4 * PAGE, memory + 4 * PAGE, 8));
	ck_assert_works();
}

static void nothing_is_left(void)
{
	ck_assert_uint_eq(iom_sim_open_fds(rig.sim), 0);
	ck_assert_uint_eq(iom_sim_mapped_bytes(rig.sim), 0);
}

static const struct step steps[] = {
	{ "first attach",
	  only_open,
	  attach,
	  unchanged_and_again,
	  NULL,
	  { -ENODEV, -EBUSY, -EACCES, -EOPNOTSUPP, -EMFILE, -ENOMEM, -EIO },
	  14,
	  10 },
	{ "second attach",
	  mapped,
	  attach_another,
	  unchanged_and_again,
	  NULL,
	  { -ENODEV, -EBUSY, -EACCES, -EOPNOTSUPP, -EMFILE, -ENOMEM, -EIO },
	  8,
	  5 },
	{ "attach again",
	  mapped_and_detached,
	  attach,
	  unchanged_and_again,
	  all_is_back,
	  { -ENODEV, -EBUSY, -EACCES, -EOPNOTSUPP, -EMFILE, -ENOMEM, -EIO, -ENOSPC, -EFAULT },
	  10,
	  7 },
	{ "map",
	  attached,
	  map_somewhere,
	  map_again,
	  NULL,
	  { -ENOSPC, -ENOMEM, -EFAULT, -EIO },
	  3,
	  3 },
	{ "map in pieces",
	  to_cut,
	  map_somewhere,
	  map_again,
	  NULL,
	  { -ENOSPC, -ENOMEM, -EFAULT, -EIO },
	  2,
	  2 },
	{ "attach again, with a hole",
	  cut_and_detached,
	  attach,
	  unchanged_and_again,
	  the_parts_are_back,
	  { -ENODEV, -EBUSY, -EACCES, -EOPNOTSUPP, -EMFILE, -ENOMEM, -EIO, -ENOSPC, -EFAULT },
	  10,
	  7 },
	{ "cut", to_cut, cut, quarantined, NULL, { -EIO }, 1, 1 },
	{ "unmap parts", cut_already, unmap, quarantined, NULL, { -EIO }, 2, 2 },
	{ "unmap", mapped, unmap, quarantined, NULL, { -EIO }, 1, 1 },
	{ "unmap range", mapped, unmap_range, quarantined, NULL, { -EIO }, 1, 1 },
	{ "unmap all", mapped, unmap_all, quarantined, NULL, { -EIO }, 1, 1 },
	{ "unmap one by one",
	  mapped_without_unmap_all,
	  unmap_all,
	  quarantined,
	  NULL,
	  { -EIO },
	  2,
	  0 },
	{ "detach one of two", with_two_devices, detach_one, NULL, one_is_left, { 0 }, 4, 2 },
	{ "detach the last", mapped, detach_last, NULL, none_is_left, { 0 }, 4, 3 },
	{ "close", with_two_devices, close_all, NULL, nothing_is_left, { 0 }, 7, 4 },
};

START_TEST(every_call)
{
	const struct step *step = &steps[_i];
	unsigned int least = step->least_calls;

	if (rig_is("iommufd"))
		least = step->least_of_iommufd;
	/* only type1 may have no call for all */
	if (step->prepare == mapped_without_unmap_all && !rig_is("type1"))
		return;
	memory = rig_memory(16 * PAGE);
	fail_each_call(step, least);
}
END_TEST

START_TEST(every_call_from)
{
	memory = rig_memory(16 * PAGE);
	fail_from_each_call(&steps[_i]);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("failures");
	TCase *tcase = tcase_create("failures");

	tcase_set_timeout(tcase, 300);
	tcase_add_loop_test(tcase, every_call, 0, ARRAY_SIZE(steps));
	tcase_add_loop_test(tcase, every_call_from, 0, ARRAY_SIZE(steps));
	suite_add_tcase(suite, tcase);
	return run_suite(suite);
}
