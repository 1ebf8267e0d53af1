// SPDX-License-Identifier: BSD-3-Clause
/*
 * Each call that a domain over somebody else's descriptors makes is made to fail, one after the other,
 * with each errno: the public call fails with one of its own or works all the same, and whatever
 * happens, he keeps his descriptors and what he has mapped.
 */
#include "tests/unit/adopt_rig.h"
#include "tests/unit/failing_rig.h"
#include "tests/unit/runner.h"

static char *theirs, *ours; /* 16 pages each */
static struct iom_region region, first;

/* ---- Before the step ---------------------------------------------------------------------------- */

static void opened(void)
{
	rig_machine(NULL);
	other_opens();
	other_maps(theirs, 2 * PAGE, FOUR_GIB);
	ck_assert_ok(open_beside(NULL, 0));
}

static void attached(void)
{
	opened();
	ck_assert_ok(attach_fd(other.device));
}

static void mapped(void)
{
	attached();
	ck_assert_ok(map_fixed(ours + 4 * PAGE, 2 * PAGE, FOUR_GIB + 2 * PAGE, &first));
}

static void mapped_and_detached(void)
{
	mapped();
	iom_detach(rig.nvme);
}

/* He has what the library would choose first. */
static void in_the_way(void)
{
	attached();
	ck_assert_ok(map_any(ours, PAGE, &region));
	ck_assert_ok(iom_unmap(rig.dom, &region));
	other_maps(theirs + 8 * PAGE, PAGE, region.iova);
}

/* ---- The step ----------------------------------------------------------------------------------- */

static int attach(void)
{
	return attach_fd(other.device);
}

static int attach_another(void)
{
	struct iom_device *edu;

	return iom_attach(rig.dom, EDU, NULL, &edu);
}

static int map_somewhere(void)
{
	return map_any(ours, 2 * PAGE, &region);
}

static int unmap(void)
{
	return iom_unmap(rig.dom, &first);
}

static int detach(void)
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

static int read_fds(void)
{
	struct iom_fds fds = { .size = sizeof(fds) };

	return iom_domain_fds(rig.dom, NULL, &fds);
}

/* ---- After it ----------------------------------------------------------------------------------- */

/* The domain ends, and he has all; what the kernel refused to unmap goes with his descriptors. */
static void end(void)
{
	struct iom_region his = as_region(theirs, 2 * PAGE, FOUR_GIB);

	end_beside();
	ck_assert(dma_works(NVME, &his));
	other_closes();
}

static void unchanged(int (*run)(void), const struct state *before)
{
	ck_assert_uint_eq(rig_state().open_fds, before->open_fds);
	ck_assert_uint_eq(rig_state().kernel_bytes, before->kernel_bytes);
	ck_assert_uint_eq(rig_counters().mappings, before->counters.mappings);
	ck_assert_uint_eq(rig_counters().quarantined_bytes, 0);
	ck_assert_ok(run());
	end();
}

/* The kernel may have refused to undo, too. */
static void map_again(int (*run)(void), const struct state *before)
{
	ck_assert_uint_eq(rig_state().open_fds, before->open_fds);
	ck_assert_uint_eq(rig_counters().mappings, before->counters.mappings);
	ck_assert_ok(run());
	ck_assert(dma_works(NVME, &region));
	end();
}

static void not_unmapped(int (*run)(void), const struct state *before)
{
	(void)run;
	ck_assert_uint_eq(rig_counters().mappings + 1, before->counters.mappings);
	ck_assert_uint_eq(rig_counters().quarantined_bytes, 2 * PAGE);
	end();
}

static void worked(void)
{
	if (rig.dom)
		end();
	else
		other_closes();
}

#define ATTACH_ERRORS                                                                             \
	-EINVAL, -ENODEV, -EBUSY, -EACCES, -ERANGE, -EOPNOTSUPP, -EMFILE, -ENOMEM, -EIO, -ENOSPC, \
		-EFAULT, -EEXIST

static const struct step steps[] = {
	{ "attach", opened, attach, unchanged, worked, { ATTACH_ERRORS }, 6, 6 },
	{ "attach another", attached, attach_another, unchanged, worked, { ATTACH_ERRORS }, 6, 6 },
	{ "attach again", mapped_and_detached, attach, unchanged, worked, { ATTACH_ERRORS }, 6, 6 },
	{ "map",
	  attached,
	  map_somewhere,
	  map_again,
	  worked,
	  { -EFAULT, -ENOMEM, -ENOSPC, -EIO, -EEXIST },
	  1,
	  1 },
	{ "map elsewhere",
	  in_the_way,
	  map_somewhere,
	  map_again,
	  worked,
	  { -EFAULT, -ENOMEM, -ENOSPC, -EIO },
	  2,
	  2 },
	{ "unmap", mapped, unmap, not_unmapped, worked, { -EIO }, 1, 1 },
	{ "detach", mapped, detach, NULL, worked, { 0 }, 1, 1 },
	{ "close", mapped, close_all, NULL, worked, { 0 }, 1, 1 },
	{ "descriptors", attached, read_fds, NULL, worked, { 0 }, 0, 0 },
};

START_TEST(each_call)
{
	const struct step *step = &steps[_i];

	theirs = rig_memory(16 * PAGE);
	ours = rig_memory(16 * PAGE);
	fail_each_call(step, rig_is("iommufd") ? step->least_of_iommufd : step->least_calls);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("adopt_failures");
	TCase *tcase = tcase_create("failures");

	tcase_set_timeout(tcase, 120);
	tcase_add_loop_test(tcase, each_call, 0, ARRAY_SIZE(steps));
	suite_add_tcase(suite, tcase);
	return run_suite(suite);
}
