// SPDX-License-Identifier: BSD-3-Clause
/*
 * Each allocation of a request, of its release, and of an attach with requests is refused, one after the
 * other: -ENOMEM, and nothing has changed.
 */
#include "tests/unit/refused_heap.h"
#include "tests/unit/request_rig.h"
#include "tests/unit/runner.h"

#define AT (512 * MIB)
#define LENGTH (4 * MIB)
#define MOST_ALLOCATIONS 300

static struct iom_device *edu;
static uint64_t granted, asked;

/* ---- Before the call ------------------------------------------------------------------------- */

/* The simulation must have seen each request before: it aborts if it cannot count one. */
static void attached(void)
{
	uint64_t id;

	rig_machine(NULL);
	start_listening();
	ck_assert_ok(rig_open(&rig.dom));
	ck_assert_ok(iom_attach(rig.dom, NVME, NULL, &rig.nvme));
	ck_assert_works();
	ck_assert_ok(ask_at(AT, LENGTH, &id));
	ck_assert_ok(iom_aperture_release(rig.dom, id));
	ck_assert_ok(iom_attach(rig.dom, EDU, NULL, &edu));
	iom_detach(edu);
	spare_the_kernel();
}

static void requested(void)
{
	attached();
	ck_assert_ok(ask_at(AT, LENGTH, &granted));
	ck_assert_ok(ask_at(AT + 2 * LENGTH, LENGTH, &asked));
}

static void requested_and_detached(void)
{
	requested();
	iom_detach(rig.nvme);
}

static void pending(void)
{
	attached();
	iom_detach(rig.nvme);
	ck_assert_ok(ask_at(AT, LENGTH, &granted));
	ck_assert_ok(ask_anywhere(LENGTH, &asked));
}

/* ---- The call -------------------------------------------------------------------------------- */

static int request_fixed(void)
{
	return ask_at(AT + 4 * LENGTH, LENGTH, &asked);
}

static int request_anywhere(void)
{
	return ask(0, LENGTH, 16 * PAGE, IOM_APERTURE_AUTO, &asked);
}

static int release(void)
{
	return iom_aperture_release(rig.dom, asked);
}

static int attach(void)
{
	return iom_attach(rig.dom, NVME, NULL, &rig.nvme);
}

static int attach_second(void)
{
	int ret = iom_attach(rig.dom, EDU, NULL, &edu);

	if (!ret)
		iom_detach(edu);
	return ret;
}

static const struct {
	const char *name;
	void (*prepare)(void);
	int (*run)(void);
	unsigned int least;
} calls[] = {
	{ "first request", attached, request_fixed, 4 },
	{ "request", requested, request_fixed, 4 },
	{ "request anywhere", requested, request_anywhere, 4 },
	{ "release", requested, release, 3 },
	{ "attach", pending, attach, 8 },
	{ "attach again", requested_and_detached, attach, 6 },
	{ "attach another", requested, attach_second, 4 },
};

/* With the n-th allocation refused; whether there were as many. */
static bool refuse_nth(int i, unsigned int n)
{
	struct listed before_list, now;
	struct state before;
	int ret;

	calls[i].prepare();
	before = rig_state();
	before_list = list_apertures();
	refused = false;
	countdown = n;
	ret = calls[i].run();
	countdown = 0;
	if (ret) {
		ck_assert(refused);
		ck_assert_msg(ret == -ENOMEM, "%s, allocation %u: %d, \"%s\"", calls[i].name, n,
			      ret, iom_errmsg());
		ck_assert_msg(strcasestr(iom_errmsg(), "memory"), "%s, allocation %u: \"%s\"",
			      calls[i].name, n, iom_errmsg());
		ck_assert_unchanged(before);
		now = list_apertures();
		ck_assert_msg(same_list(&before_list, &now), "%s, allocation %u", calls[i].name, n);
		ck_assert_msg(kernel_agrees(), "%s, allocation %u", calls[i].name, n);
		ck_assert_ok(calls[i].run());
	}
	ck_assert(kernel_agrees());
	if (calls[i].prepare != attached)
		ck_assert(is_granted_at(granted, AT, LENGTH));
	ck_assert_works();
	tear_down();
	return refused;
}

START_TEST(every_allocation)
{
	refuse_each(refuse_nth, _i, calls[_i].name, calls[_i].least, MOST_ALLOCATIONS);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("request_heap");
	TCase *tcase = tcase_create("heap");

	tcase_set_timeout(tcase, 300);
	tcase_add_loop_test(tcase, every_allocation, 0, ARRAY_SIZE(calls));
	suite_add_tcase(suite, tcase);
	return run_suite(suite);
}
