// SPDX-License-Identifier: BSD-3-Clause
/* From iommufd to type1 to type1 by iommufd, on machines where the kernel leaves no other choice. */
#include "tests/unit/domain_rig.h"
#include "tests/unit/runner.h"

#define FOUR_GIB (4 * GIB)

static char explanation[2048];

static void start(const struct iom_sim_config *config, const char *backend)
{
	rig_machine(config);
	rig.backend = backend;
	ck_assert_ok(rig_open(&rig.dom));
}

static int attach(void)
{
	return iom_attach(rig.dom, NVME, NULL, &rig.nvme);
}

/* A line of the explanation begins so, and goes on with word. */
static bool explains(const char *backend, const char *word)
{
	char line[64];
	const char *at, *end;

	ck_assert_int_lt(iom_explain(rig.dom, explanation, sizeof(explanation)),
			 (int)sizeof(explanation));
	snprintf(line, sizeof(line), "%s: ", backend);
	at = strstr(explanation, line);
	/* type1 is the beginning of another name, but not with a colon */
	while (at && at != explanation && at[-1] != '\n')
		at = strstr(at + 1, line);
	if (!at)
		return false;
	end = strchr(at, '\n');
	at = strstr(at, word);
	return at && at < end;
}

/* ---- Machines ------------------------------------------------------------------------------------- */

static const struct {
	struct iom_sim_config config;
	const char *chosen;
	const char *reasons[3]; /* of iommufd, type1, type1-iommufd; NULL: it was not tried */
} machines[] = {
	{ { .iommufd = true }, "iommufd", { "taken, as the best that works", NULL, NULL } },
	{ { .iommufd = true, .kernel = 613 }, "iommufd", { "taken", NULL, NULL } },
	{ { .iommufd = true, .no_type1 = true }, "iommufd", { "taken", NULL, NULL } },
	{ { .kernel = 601 }, "type1", { "no /dev/iommu", "taken", NULL } },
	{ { .kernel = 612 }, "type1", { "no /dev/iommu", "taken", NULL } },
	{ { .iommufd = true, .no_cdev = true }, "type1", { "VFIO_DEVICE_CDEV", "taken", NULL } },
	{ { .iommufd = true, .first_stage_only = true },
	  "type1",
	  { "cannot have it translated", "taken", NULL } },
	{ { .iommufd = true, .no_cdev = true, .no_type1 = true },
	  "type1-iommufd",
	  { "VFIO_DEVICE_CDEV", "there is no /dev/vfio/vfio", "taken" } },
	{ { .iommufd = true, .no_isolated_msi = true, .unsafe_interrupts = true },
	  "type1",
	  { "iommufd.allow_unsafe_interrupts=1", "taken", NULL } },
};

START_TEST(chosen)
{
	static const char *const names[] = { "iommufd", "type1", "type1-iommufd" };
	struct iom_sim_config config = machines[_i].config;
	struct iom_region region;
	struct iom_device *edu;
	size_t i;

	config.size = sizeof(config);
	start(&config, NULL);
	ck_assert_ok(attach());
	ck_assert_str_eq(iom_backend(rig.dom), machines[_i].chosen);
	for (i = 0; i < 3; i++)
		ck_assert_msg(explains(names[i], machines[_i].reasons[i] ? machines[_i].reasons[i]
									 : "not tried"),
			      "%s: \"%s\"", names[i], explanation);
	ck_assert_works();

	/* what a backend left of its try is in nobody's way */
	ck_assert_ok(iom_attach(rig.dom, EDU, NULL, &edu));
	ck_assert_ok(map_any(rig_memory(PAGE), PAGE, &region));
	ck_assert(dma_works(EDU, &region));
	iom_detach(rig.nvme);
	iom_detach(edu);
	ck_assert_ok(attach());
	ck_assert(dma_works(NVME, &region));
}
END_TEST

/* All refuse: the first reason that tells something is the error, and all are explained. */
START_TEST(none_works)
{
	static const struct {
		struct iom_sim_config config;
		int error;
		const char *word;
	} cases[] = {
		{ { .iommufd = true, .no_isolated_msi = true },
		  -EACCES,
		  "iommufd.allow_unsafe_interrupts=1" },
		{ { .no_isolated_msi = true }, -EACCES, "vfio_iommu_type1.allow_unsafe" },
	};
	struct iom_sim_config config = cases[_i].config;

	config.size = sizeof(config);
	start(&config, NULL);
	ck_assert_fails(attach(), cases[_i].error, "attach " NVME ": ", cases[_i].word);
	ck_assert_ptr_null(iom_backend(rig.dom));
	ck_assert(explains("iommufd", ""));
	ck_assert(explains("type1", "vfio_iommu_type1.allow_unsafe_interrupts=1"));
	ck_assert(explains("type1-iommufd", ""));
	ck_assert_uint_eq(iom_sim_open_fds(rig.sim), 0);
	iom_sim_set_unsafe_interrupts(rig.sim, true);
	ck_assert_ok(attach());
	ck_assert_str_eq(iom_backend(rig.dom), "type1");
	ck_assert_works();
}
END_TEST

/* No kernel of any kind: every reason in the one sentence. */
START_TEST(nothing_is_there)
{
	const struct iom_sim_config config = { .size = sizeof(config), .kernel = 601 };

	start(&config, NULL);
	iom_sim_set_quirk(rig.sim, IOM_SIM_NO_TYPE1, IOM_SIM_ALWAYS);
	ck_assert_fails(attach(), -EOPNOTSUPP,
			"no backend works here; iommufd: there is no "
			"/dev/iommu",
			"; type1: the kernel has no VFIO type1 driver", "; type1-iommufd: ");
}
END_TEST

/* ---- type1, by iommufd ------------------------------------------------------------------------------- */

static const struct iom_sim_config with_iommufd = {
	.size = sizeof(with_iommufd),
	.iommufd = true,
};

/* The container is an iommufd, and goes with the last device. */
START_TEST(an_iommufd_as_container)
{
	start(&with_iommufd, "type1-iommufd");
	ck_assert_ok(attach());
	ck_assert_str_eq(iom_backend(rig.dom), "type1-iommufd");
	ck_assert(explains("iommufd", "another backend was asked for"));
	ck_assert(explains("type1", "another backend was asked for"));
	ck_assert(explains("type1-iommufd", "taken, as asked for"));
	ck_assert_uint_eq(iom_sim_ioctls(rig.sim, VFIO_SET_IOMMU), 1);
	ck_assert_uint_eq(iom_sim_ioctls(rig.sim, IOM_VFIO_DEVICE_BIND_IOMMUFD), 0);
	ck_assert_uint_eq(rig_counters().entry_limit, UINT64_MAX);
	ck_assert_works();
	iom_detach(rig.nvme);
	ck_assert_uint_eq(iom_sim_open_fds(rig.sim), 0);
	ck_assert_ok(attach());
	ck_assert_uint_eq(iom_sim_ioctls(rig.sim, VFIO_SET_IOMMU), 2);
}
END_TEST

/* The module that has the parameter is iommufd, and who may pin how much is the user's business. */
START_TEST(its_sentences)
{
	struct iom_sim_config config = with_iommufd;
	char *memory = rig_memory(32 * PAGE);

	config.no_isolated_msi = true;
	config.memlock = 64 * KIB;
	config.no_ipc_lock = true;
	start(&config, "type1-iommufd");
	ck_assert_fails(attach(), -EACCES, "iommufd.allow_unsafe_interrupts=1");
	iom_sim_set_iommufd_unsafe_interrupts(rig.sim, true);
	ck_assert_ok(attach());
	ck_assert_fails(map_any(memory, 32 * PAGE, NULL), -ENOMEM, "128 KiB more",
			"all processes of this user");
	ck_assert_ok(map_any(memory, 16 * PAGE, NULL));
	iom_close(rig.dom);
	rig.dom = NULL;
	ck_assert_int_eq(iom_sim_path_error(rig.sim, "/dev/iommu", -ENOENT), 0);
	ck_assert_ok(rig_open(&rig.dom));
	ck_assert_fails(attach(), -EOPNOTSUPP, "no /dev/iommu", "modprobe iommufd");
	ck_assert_int_eq(iom_sim_path_error(rig.sim, "/dev/iommu", -EACCES), 0);
	ck_assert_fails(attach(), -EACCES, "permission denied on /dev/iommu");
	ck_assert_int_eq(iom_sim_path_error(rig.sim, "/dev/iommu", 0), 0);
	ck_assert_ok(attach());
}
END_TEST

/* Where a container is an iommufd, opening the device is what binds and attaches it. */
START_TEST(opening_the_device)
{
	static const struct {
		int answer, error;
		const char *word;
	} cases[] = {
		{ -EPERM, -EACCES, "iommufd.allow_unsafe_interrupts=1" },
		{ -EADDRINUSE, -EBUSY, "reserved_regions" },
		{ -EINVAL, -EOPNOTSUPP, "cannot have it translated by /dev/iommu" },
		{ -ENODEV, -ENODEV, "left group 14" },
		{ -ENOMEM, -ENOMEM, "no memory" },
		{ -EBUSY, -EBUSY, "open already" },
		{ -EINTR, -EIO, "Interrupted" },
	};
	const struct iom_sim_failure failure = {
		.nth = 1,
		.answer = cases[_i].answer,
		.request = VFIO_GROUP_GET_DEVICE_FD,
	};

	start(&with_iommufd, "type1-iommufd");
	iom_sim_fail(rig.sim, &failure);
	ck_assert_fails(attach(), cases[_i].error, "attach " NVME ": ", cases[_i].word);
	ck_assert_uint_eq(iom_sim_open_fds(rig.sim), 0);
	ck_assert_ptr_null(iom_backend(rig.dom));
	ck_assert_ok(attach());
	ck_assert_works();
}
END_TEST

/* /dev/vfio/vfio may be iommufd's, and is type1 all the same. */
START_TEST(the_container_node_is_iommufds)
{
	const struct iom_sim_config config = {
		.size = sizeof(config),
		.iommufd = true,
		.no_cdev = true,
		.no_type1 = true,
		.compat_container = true,
	};
	struct iom_region region;

	start(&config, NULL);
	ck_assert_ok(attach());
	ck_assert_str_eq(iom_backend(rig.dom), "type1");
	ck_assert_uint_eq(rig_counters().entry_limit, UINT64_MAX);
	ck_assert_works();
	ck_assert_ok(map_any(rig_memory(3 * PAGE), 3 * PAGE, &region));
	iom_detach(rig.nvme);
	ck_assert_uint_eq(iom_sim_mapped_bytes(rig.sim), 0);
	ck_assert_ok(attach());
	ck_assert(dma_works(NVME, &region));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("fallback");
	TCase *tcase = tcase_create("fallback");

	tcase_add_checked_fixture(tcase, NULL, tear_down);
	tcase_add_loop_test(tcase, chosen, 0, ARRAY_SIZE(machines));
	tcase_add_loop_test(tcase, none_works, 0, 2);
	tcase_add_test(tcase, nothing_is_there);
	tcase_add_test(tcase, an_iommufd_as_container);
	tcase_add_test(tcase, its_sentences);
	tcase_add_loop_test(tcase, opening_the_device, 0, 7);
	tcase_add_test(tcase, the_container_node_is_iommufds);
	suite_add_tcase(suite, tcase);
	return run_suite(suite);
}
