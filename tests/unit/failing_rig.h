/* SPDX-License-Identifier: BSD-3-Clause */
/* A step in which each call that the library makes fails in turn, with each errno. */
#ifndef IOM_TEST_FAILING_RIG_H
#define IOM_TEST_FAILING_RIG_H

#include "tests/unit/domain_rig.h"

#define MOST_CALLS 200

static const int errors[] = {
	-EIO,    -ENOMEM, -EINVAL, -EBUSY,  -ENODEV, -EFAULT, -EPERM,
	-EACCES, -ENOSPC, -EINTR,  -EMFILE, -ENOENT, -ENOTTY,
};

struct step {
	const char *name;
	void (*prepare)(void);
	int (*run)(void);
	/* when it failed */
	void (*failed)(int (*run)(void), const struct state *before);
	/* when it worked all the same; a call that returns void always does */
	void (*worked)(void);
	int may[12];
	unsigned int least_calls, least_of_iommufd;
};

/* What failed left nothing behind, and works now. */
static inline void unchanged_and_again(int (*run)(void), const struct state *before)
{
	ck_assert_unchanged(*before);
	ck_assert_ok(run());
	ck_assert_works();
}

static inline bool is_documented(const struct step *step, int ret)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(step->may); i++)
		if (ret < 0 && step->may[i] == ret)
			return true;
	return false;
}

/* With the n-th call failing; false if there are not as many. */
static inline bool fail_nth(const struct step *step, unsigned int n, int error)
{
	struct state before;
	bool hit;
	int ret;

	step->prepare();
	before = rig_state();
	iom_sim_fail_nth(rig.sim, n, error);
	ret = step->run();
	hit = iom_sim_failed(rig.sim);
	iom_sim_fail(rig.sim, NULL);
	if (ret < 0) {
		ck_assert(hit);
		ck_assert_msg(is_documented(step, ret), "%s, call %u with %s: %d, \"%s\"",
			      step->name, n, strerror(-error), ret, iom_errmsg());
		ck_assert_msg(*iom_errmsg(), "%s, call %u: no sentence", step->name, n);
		step->failed(step->run, &before);
	} else if (step->worked) {
		step->worked();
	} else {
		ck_assert_works();
	}
	tear_down();
	return hit;
}

/* Each alone; there are so many at least. */
static inline void fail_each_call(const struct step *step, unsigned int least)
{
	unsigned int n;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(errors); i++) {
		for (n = 1; n < MOST_CALLS && fail_nth(step, n, errors[i]); n++)
			;
		ck_assert_uint_lt(n, MOST_CALLS);
		ck_assert_msg(n > least, "%s makes only %u calls", step->name, n - 1);
	}
}

/*
 * From the n-th call on nothing works any more: whatever that leaves, no descriptor, memory or
 * mapping outlives the domain.
 */
static inline bool fail_from(const struct step *step, unsigned int n, int error)
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
	if (rig.dom)
		iom_close(rig.dom);
	rig.dom = NULL;
	iom_sim_fail(rig.sim, NULL);
	tear_down();
	return hit;
}

static inline void fail_from_each_call(const struct step *step)
{
	unsigned int n;
	size_t i;

	for (i = 0; i < 3; i++) {
		for (n = 1; n < MOST_CALLS && fail_from(step, n, errors[i]); n++)
			;
		ck_assert_uint_lt(n, MOST_CALLS);
	}
}

#endif
