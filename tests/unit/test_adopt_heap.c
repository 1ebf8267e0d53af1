// SPDX-License-Identifier: BSD-3-Clause
/*
 * Each allocation of what a domain over somebody else's descriptors does is refused, one after the other:
 * -ENOMEM, and he has all that he had.
 */
#include "tests/unit/adopt_rig.h"
#include "tests/unit/refused_heap.h"
#include "tests/unit/runner.h"

#define MOST_ALLOCATIONS 100

static char *theirs, *ours; /* 8 pages each */

static const struct iom_iova_range ranges[] = {
	{ 4 * GIB, 8 * GIB - 1 },
	{ 12 * GIB, 16 * GIB - 1 },
};

static void machine(void)
{
	rig_machine(NULL);
	other_opens();
	other_maps(theirs, 2 * PAGE, FOUR_GIB);
	spare_the_kernel();
}

static void opened(void)
{
	machine();
	ck_assert_ok(open_beside(ranges, ARRAY_SIZE(ranges)));
}

static void attached(void)
{
	opened();
	ck_assert_ok(attach_fd(other.device));
}

static int open_it(void)
{
	return open_beside(ranges, ARRAY_SIZE(ranges));
}

static int attach(void)
{
	return attach_fd(other.device);
}

/* The first place is his, so that there are two. */
static int map(void)
{
	struct iom_region region;

	return map_any(ours, 2 * PAGE, &region);
}

static const struct {
	const char *name;
	void (*prepare)(void);
	int (*run)(void);
	unsigned int least;
} calls[] = {
	{ "open", machine, open_it, 3 },
	{ "attach", opened, attach, 6 },
	{ "map", attached, map, 1 },
};

/* With the n-th allocation refused; whether there were as many. */
static bool refuse_nth(int i, unsigned int n)
{
	struct iom_region his = as_region(theirs, 2 * PAGE, FOUR_GIB);
	int ret;

	calls[i].prepare();
	refused = false;
	countdown = n;
	ret = calls[i].run();
	countdown = 0;
	if (ret < 0) {
		ck_assert(refused);
		ck_assert_msg(ret == -ENOMEM && strcasestr(iom_errmsg(), "memory"),
			      "%s, allocation %u: %d, \"%s\"", calls[i].name, n, ret, iom_errmsg());
		ck_assert_uint_eq(iom_sim_open_fds(rig.sim), other.fds);
		ck_assert_uint_eq(iom_sim_mapped_bytes(rig.sim), 2 * PAGE);
		ck_assert_ok(calls[i].run());
	}
	end_beside();
	ck_assert(dma_works(NVME, &his));
	other_closes();
	tear_down();
	return refused;
}

START_TEST(every_allocation)
{
	theirs = rig_memory(8 * PAGE);
	ours = rig_memory(8 * PAGE);
	refuse_each(refuse_nth, _i, calls[_i].name, calls[_i].least, MOST_ALLOCATIONS);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("adopt_heap");
	TCase *tcase = tcase_create("heap");

	tcase_add_loop_test(tcase, every_allocation, 0, ARRAY_SIZE(calls));
	suite_add_tcase(suite, tcase);
	return run_suite(suite);
}
