// SPDX-License-Identifier: BSD-3-Clause
/*
 * Each call of the kernel that a request makes, or its release, or an attach with requests, fails, one
 * after the other, with each errno: nothing has changed then, in the domain or in what the kernel holds.
 */
#include "tests/unit/request_rig.h"
#include "tests/unit/runner.h"

#define AT (512 * MIB)
#define LENGTH (4 * MIB)
#define MOST_CALLS 200

static const int errors[] = {
	-EIO,    -ENOMEM, -EINVAL, -EBUSY,  -ENODEV,     -EPERM,
	-EACCES, -ENOSPC, -EMFILE, -ENOENT, -EADDRINUSE,
};

static struct iom_device *edu;
static struct iom_region region;
static uint64_t granted, asked;

/* ---- Before the call ------------------------------------------------------------------------- */

static void only_open(void)
{
	rig_domain(NULL);
	start_listening();
}

static void pending(void)
{
	only_open();
	ck_assert_ok(ask_at(AT, LENGTH, &granted));
	ck_assert_ok(ask_anywhere(LENGTH, &asked));
}

static void attached(void)
{
	only_open();
	ck_assert_ok(iom_attach(rig.dom, NVME, NULL, &rig.nvme));
	ck_assert_ok(map_any(rig_memory(2 * PAGE), 2 * PAGE, &region));
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
	return iom_attach(rig.dom, EDU, NULL, &edu);
}

static const struct step {
	const char *name;
	void (*prepare)(void);
	int (*run)(void);
	bool attaches;
	unsigned int least;
} steps[] = {
	{ "request", requested, request_fixed, false, 2 },
	{ "request anywhere", requested, request_anywhere, false, 2 },
	{ "first request", attached, request_fixed, false, 2 },
	{ "release", requested, release, false, 2 },
	{ "attach", pending, attach, true, 10 },
	{ "attach again", requested_and_detached, attach, true, 8 },
	{ "attach another", requested, attach_second, true, 5 },
};

static bool is_documented(const struct step *step, int ret)
{
	static const int of_requests[] = { -ENOMEM, -EMFILE, -EIO };
	static const int of_attach[] = { -ENODEV, -EBUSY, -EACCES, -EOPNOTSUPP, -EMFILE,
					 -ENOMEM, -EIO,   -ENOSPC, -EFAULT };
	const int *v = step->attaches ? of_attach : of_requests;
	size_t n = step->attaches ? ARRAY_SIZE(of_attach) : ARRAY_SIZE(of_requests);

	while (n--)
		if (v[n] == ret)
			return true;
	return false;
}

/* With the n-th call failing; whether there were as many. */
static bool fail_nth(const struct step *step, unsigned int n, int error)
{
	const struct iom_sim_failure failure = { .nth = n, .answer = error };
	struct listed before_list, now;
	struct state before;
	bool hit;
	int ret;

	step->prepare();
	before = rig_state();
	before_list = list_apertures();
	iom_sim_fail(rig.sim, &failure);
	ret = step->run();
	hit = iom_sim_failed(rig.sim);
	iom_sim_fail(rig.sim, NULL);
	if (ret < 0) {
		ck_assert(hit);
		ck_assert_msg(is_documented(step, ret), "%s, call %u with %s: %d, \"%s\"",
			      step->name, n, strerror(-error), ret, iom_errmsg());
		ck_assert_unchanged(before);
		now = list_apertures();
		ck_assert_msg(same_list(&before_list, &now), "%s, call %u with %s", step->name, n,
			      strerror(-error));
		ck_assert_msg(kernel_agrees(), "%s, call %u with %s: the kernel was told of %u",
			      step->name, n, strerror(-error), told.n);
		ck_assert_ok(step->run());
	}
	ck_assert_msg(kernel_agrees(), "%s, call %u with %s: then the kernel was told of %u",
		      step->name, n, strerror(-error), told.n);
	if (step->prepare != attached)
		ck_assert(is_granted_at(granted, AT, LENGTH));
	ck_assert_works();
	tear_down();
	return hit;
}

START_TEST(every_call)
{
	const struct step *step = &steps[_i];
	unsigned int n;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(errors); i++) {
		for (n = 1; n < MOST_CALLS && fail_nth(step, n, errors[i]); n++)
			;
		ck_assert_uint_lt(n, MOST_CALLS);
		ck_assert_msg(n > step->least, "%s makes only %u calls", step->name, n - 1);
	}
}
END_TEST

/* From the n-th call on nothing works any more: whatever is left of it ends with the domain. */
static bool fail_from(const struct step *step, unsigned int n, int error)
{
	const struct iom_sim_failure failure = { .nth = n, .answer = error, .on = true };
	bool hit;
	int ret;

	step->prepare();
	iom_sim_fail(rig.sim, &failure);
	ret = step->run();
	hit = iom_sim_failed(rig.sim);
	ck_assert_msg(ret >= 0 || is_documented(step, ret), "%s, from call %u on %s: %d, \"%s\"",
		      step->name, n, strerror(-error), ret, iom_errmsg());
	iom_close(rig.dom);
	rig.dom = NULL;
	iom_sim_fail(rig.sim, NULL);
	tear_down();
	return hit;
}

START_TEST(every_call_from)
{
	unsigned int n;
	size_t i;

	for (i = 0; i < 3; i++) {
		for (n = 1; n < MOST_CALLS && fail_from(&steps[_i], n, errors[i]); n++)
			;
		ck_assert_uint_lt(n, MOST_CALLS);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("request_failures");
	TCase *tcase = tcase_create("failures");

	tcase_set_timeout(tcase, 300);
	tcase_add_loop_test(tcase, every_call, 0, ARRAY_SIZE(steps));
	tcase_add_loop_test(tcase, every_call_from, 0, ARRAY_SIZE(steps));
	suite_add_tcase(suite, tcase);
	return run_suite(suite);
}
