// SPDX-License-Identifier: BSD-3-Clause
/* Which backend is taken, by what is said of the others; with backends that refuse as they are told to. */
#include "tests/unit/domain_rig.h"
#include "tests/unit/runner.h"

/* ---- Backends that refuse ----------------------------------------------------------------------------- */

struct refusal {
	int error; /* of attach; 0: it attaches, and cannot say what can be mapped */
	const char *sentence;
};

static struct refusal first, second;
static unsigned int attaches[2], detaches;

static int refuse(const struct refusal *refusal)
{
	return refusal->error ? iom_error(refusal->error, "%s", refusal->sentence) : 0;
}

static int first_attach(struct iom_backend *backend, struct iom_backend_device *dev)
{
	(void)backend;
	(void)dev;
	attaches[0]++;
	return refuse(&first);
}

static int second_attach(struct iom_backend *backend, struct iom_backend_device *dev)
{
	(void)backend;
	(void)dev;
	attaches[1]++;
	return refuse(&second);
}

static void detach(struct iom_backend *backend, struct iom_backend_device *dev)
{
	(void)backend;
	(void)dev;
	detaches++;
}

static int no_apertures(struct iom_backend *backend, struct iom_aperture_set *set)
{
	(void)backend;
	(void)set;
	return iom_error(-EIO, "apertures were eaten");
}

static void destroy(struct iom_backend *backend)
{
	(void)backend;
}

static const struct iom_backend_ops first_ops = {
	.name = "first",
	.priv_size = 1,
	.attach = first_attach,
	.detach = detach,
	.apertures = no_apertures,
	.destroy = destroy,
};

static const struct iom_backend_ops second_ops = {
	.name = "second",
	.priv_size = 1,
	.attach = second_attach,
	.detach = detach,
	.apertures = no_apertures,
	.destroy = destroy,
};

static const struct iom_backend_ops *const two[] = { &first_ops, &second_ops, NULL };
static const struct iom_backend_ops *const three[] = { &first_ops, &second_ops, &iom_backend_type1,
						       NULL };

/* ---- The rig -------------------------------------------------------------------------------------------- */

static void set_up(void)
{
	rig_machine(NULL);
	first = (struct refusal){ -EOPNOTSUPP, "there is no first of its kind" };
	second = (struct refusal){ -EOPNOTSUPP, "the second is not loaded" };
	memset(attaches, 0, sizeof(attaches));
	detaches = 0;
	unsetenv("LIBIOMMU_BACKEND");
}

static int open_with(const struct iom_backend_ops *const *backends, const char *forced)
{
	const struct iom_open_opts opts = {
		.size = sizeof(opts),
		.backend = forced,
		.log = rig_log,
		.log_arg = &rig,
	};

	return iom_open_with(&rig.dom, &opts, &rig.sys, backends);
}

static int attach(void)
{
	return iom_attach(rig.dom, NVME, NULL, &rig.nvme);
}

static const char *explain(void)
{
	static char text[2048];

	ck_assert_int_lt(iom_explain(rig.dom, text, sizeof(text)), (int)sizeof(text));
	return text;
}

static bool explains(const char *line)
{
	const char *at = strstr(explain(), line);

	return at && (at == explain() || at[-1] == '\n');
}

/* ---- Falling through -------------------------------------------------------------------------------------- */

START_TEST(the_first_that_works)
{
	ck_assert_ok(open_with(three, NULL));
	ck_assert_ptr_null(iom_backend(rig.dom));
	ck_assert_str_eq(explain(), "");
	ck_assert_ok(attach());
	ck_assert_str_eq(iom_backend(rig.dom), "type1");
	ck_assert(explains("first: there is no first of its kind\n"
			   "second: the second is not loaded\n"
			   "type1: taken, as the best that works\n"
			   "aperture: "));
	ck_assert_ptr_nonnull(strstr(rig.log, "3 backend first: there is no first"));
	ck_assert_ptr_nonnull(strstr(rig.log, "3 backend type1: taken"));
	ck_assert_works();
}
END_TEST

/* A refusal of this device is no reason not to try the next. */
START_TEST(whatever_the_reason)
{
	static const int errors[] = { -EACCES, -EBUSY, -ENODEV, -EIO, -ENOMEM, -EMFILE };

	first = (struct refusal){ errors[_i], "the first will not" };
	ck_assert_ok(open_with(three, NULL));
	ck_assert_ok(attach());
	ck_assert(explains("first: the first will not\n"));
	ck_assert_str_eq(iom_backend(rig.dom), "type1");
	ck_assert_works();
}
END_TEST

/* It attached, but cannot be used: it is detached, and the next is tried. */
START_TEST(of_no_use)
{
	first.error = 0;
	ck_assert_ok(open_with(three, NULL));
	ck_assert_ok(attach());
	ck_assert_uint_eq(attaches[0], 1);
	ck_assert_uint_eq(detaches, 1);
	ck_assert(explains("first: apertures were eaten\n"));
	ck_assert_str_eq(iom_backend(rig.dom), "type1");
	ck_assert_works();
}
END_TEST

/* The choice is for life: the next device is not tried with the others, even when all have gone. */
START_TEST(chosen_once)
{
	struct iom_device *edu;

	ck_assert_ok(open_with(three, NULL));
	ck_assert_ok(attach());
	ck_assert_ok(iom_attach(rig.dom, EDU, NULL, &edu));
	iom_detach(edu);
	iom_detach(rig.nvme);
	ck_assert_ok(attach());
	ck_assert_uint_eq(attaches[0], 1);
	ck_assert_uint_eq(attaches[1], 1);
	ck_assert_str_eq(iom_backend(rig.dom), "type1");
	ck_assert_int_eq(iom_sim_bind(rig.sim, EDU, "edu"), 0);
	ck_assert_fails(iom_attach(rig.dom, EDU, NULL, &edu), -EBUSY, "edu driver");
	ck_assert(explains("type1: taken"));
	ck_assert(explains("refused: " EDU ": "));
}
END_TEST

/* ---- None works --------------------------------------------------------------------------------------------- */

START_TEST(all_reasons_in_one_sentence)
{
	ck_assert_ok(open_with(two, NULL));
	ck_assert_fails(attach(), -EOPNOTSUPP, "attach " NVME ": no backend works here; ",
			"first: there is no first of its kind; ",
			"second: the second is not loaded");
	ck_assert_ptr_null(iom_backend(rig.dom));
	ck_assert(explains("first: there is no first of its kind\n"
			   "second: the second is not loaded\n"
			   "refused: " NVME ": no backend works here"));
	/* tried anew, not told twice */
	ck_assert_fails(attach(), -EOPNOTSUPP, "no backend works here");
	ck_assert_uint_eq(attaches[0], 2);
	ck_assert_ptr_null(strstr(strstr(explain(), "loaded") + 1, "\nfirst:"));
	ck_assert_uint_eq(iom_sim_open_fds(rig.sim), 0);
}
END_TEST

/* Reasons that are too long are cut, and it still is a sentence. */
START_TEST(long_reasons)
{
	static char text[IOM_ERROR_MAX - 200];

	memset(text, 'x', sizeof(text) - 1);
	first.sentence = second.sentence = text;
	ck_assert_ok(open_with(two, NULL));
	ck_assert_fails(attach(), -EOPNOTSUPP, "attach " NVME ": no backend works here; first: xx",
			"; second: xx");
	ck_assert_uint_eq(strlen(iom_errmsg()), IOM_ERROR_MAX - 1);
}
END_TEST

/* The error is that of the first that could work here, but refused. */
START_TEST(the_first_telling_reason)
{
	static const struct {
		int first, second, error;
		const char *sentence;
	} cases[] = {
		{ -EACCES, -EBUSY, -EACCES, "first said" },
		{ -EOPNOTSUPP, -EBUSY, -EBUSY, "second said" },
		{ -EBUSY, -EOPNOTSUPP, -EBUSY, "first said" },
		{ 0, -EACCES, -EIO, "apertures were eaten" },
		{ -EOPNOTSUPP, 0, -EIO, "apertures were eaten" },
		{ -EBUSY, -EBUSY, -EBUSY, "first said" },
	};
	char sentence[128];

	first = (struct refusal){ cases[_i].first, "first said" };
	second = (struct refusal){ cases[_i].second, "second said" };
	ck_assert_ok(open_with(two, NULL));
	ck_assert_fails(attach(), cases[_i].error, cases[_i].sentence);
	snprintf(sentence, sizeof(sentence), "attach " NVME ": %s", cases[_i].sentence);
	ck_assert_str_eq(iom_errmsg(), sentence);
	ck_assert(explains("first: "));
	ck_assert(explains("second: "));
	ck_assert_uint_eq(iom_sim_open_fds(rig.sim), 0);
}
END_TEST

/* What is wrong with the device itself is said before any backend is asked. */
START_TEST(before_all_backends)
{
	ck_assert_ok(open_with(two, NULL));
	ck_assert_int_eq(iom_sim_bind(rig.sim, NVME, "nvme"), 0);
	ck_assert_fails(attach(), -EBUSY, "kernel's nvme driver");
	ck_assert_int_eq(iom_sim_bind(rig.sim, NVME, NULL), 0);
	ck_assert_fails(attach(), -ENODEV, "no driver");
	ck_assert_uint_eq(attaches[0] + attaches[1], 0);
}
END_TEST

/* ---- One that is asked for -------------------------------------------------------------------------------- */

START_TEST(asked_for)
{
	ck_assert_ok(open_with(three, "type1"));
	ck_assert_ok(attach());
	ck_assert_uint_eq(attaches[0] + attaches[1], 0);
	ck_assert(explains("first: passed over: another backend was asked for\n"
			   "second: passed over: another backend was asked for\n"
			   "type1: taken, as asked for\n"));
	ck_assert_works();
}
END_TEST

/* Then its reason is the reason, and nothing else is tried. */
START_TEST(asked_for_but_refused)
{
	static const int errors[] = { -EOPNOTSUPP, -EBUSY };

	second = (struct refusal){ errors[_i], "the second will not" };
	ck_assert_ok(open_with(three, "second"));
	ck_assert_fails(attach(), errors[_i], "attach " NVME ": the second will not");
	ck_assert_ptr_null(strstr(iom_errmsg(), "no backend works"));
	ck_assert_ptr_null(iom_backend(rig.dom));
	ck_assert_uint_eq(attaches[0], 0);
	ck_assert_uint_eq(iom_sim_calls_of(rig.sim, IOM_SIM_OPEN), 0);
	ck_assert(explains("second: the second will not\n"
			   "type1: passed over: another backend was asked for\n"));
}
END_TEST

START_TEST(by_the_environment)
{
	setenv("LIBIOMMU_BACKEND", "second", 1);
	ck_assert_ok(open_with(three, NULL));
	ck_assert_fails(attach(), -EOPNOTSUPP, "the second is not loaded");
	ck_assert_uint_eq(attaches[0], 0);
	iom_close(rig.dom);
	/* the option wins */
	ck_assert_ok(open_with(three, "type1"));
	ck_assert_ok(attach());
	iom_close(rig.dom);
	/* even over nonsense; empty is as good as none */
	setenv("LIBIOMMU_BACKEND", "nonsense", 1);
	ck_assert_ok(open_with(three, "first"));
	iom_close(rig.dom);
	setenv("LIBIOMMU_BACKEND", "", 1);
	ck_assert_ok(open_with(three, NULL));
	ck_assert_ok(attach());
	ck_assert_uint_eq(attaches[0], 1);
}
END_TEST

START_TEST(no_such_name)
{
	static const char *const names[] = { "nonsense", "", "Type1", "type1 ", "typ" };
	size_t i;

	for (i = 0; i < ARRAY_SIZE(names); i++)
		ck_assert_fails(open_with(three, names[i]), -EINVAL,
				"open: ", "iom_open_opts.backend", "first second type1");
	setenv("LIBIOMMU_BACKEND", "vfio", 1);
	ck_assert_fails(open_with(three, NULL), -EINVAL, "LIBIOMMU_BACKEND is 'vfio'",
			"first second type1");
	ck_assert_ptr_null(rig.dom);
}
END_TEST

/* The library's own, in the order that the header promises. */
START_TEST(the_real_list)
{
	static const char *const names[] = { "iommufd", "type1", "type1-iommufd", "powernv",
					     "pseries" };
	size_t i;

	for (i = 0; i < ARRAY_SIZE(names); i++)
		ck_assert_str_eq(iom_backends[i]->name, names[i]);
	ck_assert_ptr_null(iom_backends[i]);
	ck_assert_fails(open_with(iom_backends, "nonsense"), -EINVAL,
			"iommufd type1 type1-iommufd powernv pseries");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("choice");
	TCase *tcase = tcase_create("choice");

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_test(tcase, the_first_that_works);
	tcase_add_loop_test(tcase, whatever_the_reason, 0, 6);
	tcase_add_test(tcase, of_no_use);
	tcase_add_test(tcase, chosen_once);
	tcase_add_test(tcase, all_reasons_in_one_sentence);
	tcase_add_test(tcase, long_reasons);
	tcase_add_loop_test(tcase, the_first_telling_reason, 0, 6);
	tcase_add_test(tcase, before_all_backends);
	tcase_add_test(tcase, asked_for);
	tcase_add_loop_test(tcase, asked_for_but_refused, 0, 2);
	tcase_add_test(tcase, by_the_environment);
	tcase_add_test(tcase, no_such_name);
	tcase_add_test(tcase, the_real_list);
	suite_add_tcase(suite, tcase);
	return run_suite(suite);
}
