// SPDX-License-Identifier: BSD-3-Clause
/* Where nobody can tell a device's state; kernels that refuse to bring it back; wrong calls. */
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/eeh_rig.h"
#include "tests/unit/runner.h"

/* ---- Platforms and kernels ------------------------------------------------------------------- */

/* Nothing is asked of a kernel that has no word for it. */
START_TEST(not_power)
{
	const struct iom_sim_config machine = {
		.size = sizeof(machine),
		.platform = _i < 2 ? "x86-48" : "arm64-smmuv3",
		.iommufd = _i % 2,
	};
	unsigned int calls;

	rig_start(&machine);
	calls = iom_sim_calls(rig.sim);
	ck_assert_fails(iom_device_state(rig.nvme), -EOPNOTSUPP, "device " NVME, "platform",
			"POWER");
	ck_assert_fails(iom_device_recover(rig.nvme, IOM_RECOVER_RESET), -EOPNOTSUPP,
			"recover " NVME, "platform", "POWER");
	ck_assert_uint_eq(iom_sim_calls(rig.sim), calls);
	tear_down();
}
END_TEST

/* pSeries under QEMU. */
START_TEST(no_eeh)
{
	eeh_start("pseries");
	iom_sim_spapr_freezes(rig.sim, false);
	ck_assert_fails(iom_device_state(rig.nvme), -EOPNOTSUPP, NVME, "no EEH", "group 14",
			"QEMU");
	ck_assert_fails(iom_device_recover(rig.nvme, IOM_RECOVER_UNFREEZE), -EOPNOTSUPP, NVME,
			"no EEH");
	ck_assert_fails(iom_device_recover(rig.nvme, IOM_RECOVER_RESET), -EOPNOTSUPP, NVME,
			"no EEH");
	ck_assert_ops(STATE STATE STATE);
	power_end();
}
END_TEST

/* PowerNV under QEMU: nothing ever freezes, and all calls work. */
START_TEST(never_freezes)
{
	struct iom_region r;
	char *p;

	eeh_start("powernv");
	iom_sim_spapr_freezes(rig.sim, false);
	p = power_memory(KIB64, KIB64);
	ck_assert_ok(map_any(p, KIB64, &r));
	fault(NVME);
	ck_assert_int_eq(iom_device_state(rig.nvme), IOM_DEVICE_WORKS);
	ck_assert(dma_works(NVME, &r));
	ck_assert_ok(iom_device_recover(rig.nvme, IOM_RECOVER_RESET));
	ck_assert_ok(iom_device_recover(rig.nvme, IOM_RECOVER_UNFREEZE));
	ck_assert(dma_works(NVME, &r));
	power_end();
}
END_TEST

START_TEST(answers)
{
	static const struct {
		int answer, error;
		const char *word;
	} rows[] = {
		{ -ENODEV, -EOPNOTSUPP, "no EEH" }, { -ENOTTY, -EOPNOTSUPP, "no EEH" },
		{ -EIO, -EIO, "does not tell" },    { -ENOENT, -EIO, "does not tell" },
		{ -EPERM, -EIO, "does not tell" },  { 3, -EIO, "answers 3" },
		{ 6, -EIO, "answers 6" },           { INT_MAX, -EIO, "none" },
	};
	size_t i;

	eeh_start(platforms[_i]);
	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		refuse(VFIO_EEH_PE_OP, rows[i].answer);
		ck_assert_fails(iom_device_state(rig.nvme), rows[i].error, NVME, rows[i].word);
		ck_assert_fails(iom_device_recover(rig.nvme, IOM_RECOVER_RESET), rows[i].error,
				NVME, rows[i].word);
	}
	/* nothing was tried without a state */
	ck_assert_uint_eq(strspn(ops, STATE), strlen(ops));
	refuse(VFIO_EEH_PE_OP, 0);
	ck_assert_int_eq(iom_device_state(rig.nvme), IOM_DEVICE_WORKS);
	power_end();
}
END_TEST

START_TEST(gone)
{
	eeh_start(platforms[_i]);
	refuse(VFIO_EEH_PE_OP, -ENODEV);
	ck_assert_int_eq(iom_sim_path_error(rig.sim, "/sys/bus/pci/devices/" NVME, -ENOENT), 0);
	ck_assert_fails(iom_device_state(rig.nvme), -ENODEV, NVME);
	ck_assert_fails(iom_device_recover(rig.nvme, IOM_RECOVER_UNFREEZE), -ENODEV, NVME);
	ck_assert_int_eq(iom_sim_path_error(rig.sim, "/sys/bus/pci/devices/" NVME, 0), 0);
	refuse(VFIO_EEH_PE_OP, 0);
	power_end();
}
END_TEST

/* ---- Each call fails ------------------------------------------------------------------------- */

/* What the n-th call of a recovery has the library do, and say. */
static void check_failure(unsigned int way, unsigned int nth, int answer, int expected,
			  const char *asked, const char *word)
{
	struct iom_region r;
	char *p = power_memory(KIB64, KIB64);

	ck_assert_ok(map_any(p, KIB64, &r));
	fault(NVME);
	refuse_nth(VFIO_EEH_PE_OP, nth, answer);
	ops[0] = '\0';
	if (expected)
		ck_assert_fails(iom_device_recover(rig.nvme, way), expected, NVME, word);
	else
		ck_assert_ok(iom_device_recover(rig.nvme, way));
	ck_assert_uint_eq(iom_sim_failed(rig.sim), 1);
	ck_assert_ops(asked);
	iom_sim_fail(rig.sim, NULL);
	/* with what was mapped, and in a state that can be recovered from */
	ck_assert_ok(iom_device_recover(rig.nvme, IOM_RECOVER_RESET));
	ck_assert_int_eq(iom_device_state(rig.nvme), IOM_DEVICE_WORKS);
	ck_assert(dma_works(NVME, &r));
	ck_assert_ok(iom_unmap(rig.dom, &r));
}

START_TEST(thaw_fails)
{
	const int answer = _i < 2 ? -EIO : 1;

	eeh_start(platforms[_i % 2]);
	if (answer < 0)
		check_failure(IOM_RECOVER_UNFREEZE, 1, answer, -EIO, "s", "does not tell");
	check_failure(IOM_RECOVER_UNFREEZE, 2, answer, -EIO, "si", "registers");
	check_failure(IOM_RECOVER_UNFREEZE, 3, answer, -EIO, "sid", "DMA");
	if (answer < 0)
		check_failure(IOM_RECOVER_UNFREEZE, 4, answer, -EIO, "sids", "does not tell");
	power_end();
}
END_TEST

/* A hot reset that fails is ended, and followed by a fundamental one. */
START_TEST(reset_fails)
{
	const int answer = _i < 2 ? -EIO : 1;

	eeh_start(platforms[_i % 2]);
	if (answer < 0)
		check_failure(IOM_RECOVER_RESET, 1, answer, -EIO, "s", "does not tell");
	check_failure(IOM_RECOVER_RESET, 2, answer, 0, "she" FUNDAMENTAL STATE, "");
	ck_assert(logged("does not begin a hot reset"));
	check_failure(IOM_RECOVER_RESET, 3, answer, 0, "she" FUNDAMENTAL STATE, "");
	check_failure(IOM_RECOVER_RESET, 4, answer, 0, "s" HOT FUNDAMENTAL STATE, "");
	check_failure(IOM_RECOVER_RESET, 5, answer, 0, "s" HOT STATE FUNDAMENTAL STATE, "");
	power_end();
}
END_TEST

/* From the n-th call on the kernel refuses everything. */
START_TEST(nothing_helps)
{
	static const char *const asked[] = {
		[2] = "shefe",
		[3] = "shefe",
		[4] = "shecfe",
		[5] = "shecsfe",
	};
	struct iom_sim_failure failure = {
		.answer = -EIO,
		.calls = 1u << IOM_SIM_IOCTL,
		.request = VFIO_EEH_PE_OP,
		.on = true,
	};

	eeh_start(platforms[_i]);
	for (failure.nth = 2; failure.nth < ARRAY_SIZE(asked);) {
		unsigned int n = failure.nth;

		fault(NVME);
		ops[0] = '\0';
		iom_sim_fail(rig.sim, &failure);
		ck_assert_fails(iom_device_recover(rig.nvme, IOM_RECOVER_RESET), -EIO, NVME,
				"fundamental reset");
		ck_assert_ops(asked[n]);
		iom_sim_fail(rig.sim, NULL);
		ck_assert_ok(iom_device_recover(rig.nvme, IOM_RECOVER_RESET));
		failure.nth = n + 1;
	}
	power_end();
}
END_TEST

/* ---- Calls that work, and change nothing ----------------------------------------------------- */

static const char *incurable; /* the operations after which it is frozen again */

static void freeze_again(struct rig *r, unsigned long request, void *arg)
{
	size_t n = strlen(ops);

	note_op(r, request, arg);
	if (request == VFIO_EEH_PE_OP && strlen(ops) > n && strchr(incurable, ops[n]) &&
	    !strchr(ops, 'f'))
		iom_sim_spapr_set_state(r->sim, NVME, VFIO_EEH_PE_STATE_STOPPED);
}

START_TEST(fundamental_cures)
{
	eeh_start(platforms[_i]);
	incurable = "ec";
	rig.after = freeze_again;
	fault(NVME);
	ck_assert_ok(iom_device_recover(rig.nvme, IOM_RECOVER_RESET));
	ck_assert_ops(STATE HOT STATE FUNDAMENTAL STATE);
	ck_assert(logged("hot reset of " NVME " does not help"));
	ck_assert_int_eq(iom_device_state(rig.nvme), IOM_DEVICE_WORKS);
	power_end();
}
END_TEST

static void freeze_always(struct rig *r, unsigned long request, void *arg)
{
	note_op(r, request, arg);
	if (request == VFIO_EEH_PE_OP)
		iom_sim_spapr_set_state(r->sim, NVME, VFIO_EEH_PE_STATE_STOPPED);
}

START_TEST(incurably_frozen)
{
	eeh_start(platforms[_i]);
	fault(NVME);
	rig.after = freeze_always;
	ck_assert_fails(iom_device_recover(rig.nvme, IOM_RECOVER_RESET), -EIO, "recover " NVME,
			"it was done, but", "frozen");
	ck_assert_ops(STATE HOT STATE FUNDAMENTAL STATE);
	ck_assert_fails(iom_device_recover(rig.nvme, IOM_RECOVER_UNFREEZE), -EIO,
			"it was done, but", "frozen");
	ck_assert_ops(STATE THAW STATE);
	power_end();
}
END_TEST

/* ---- Wrong calls ----------------------------------------------------------------------------- */

START_TEST(flags)
{
	static const unsigned int wrong[] = {
		0, IOM_RECOVER_UNFREEZE | IOM_RECOVER_RESET, 4, IOM_RECOVER_RESET | 8, ~0u,
	};
	size_t i;

	eeh_start(platforms[_i]);
	for (i = 0; i < ARRAY_SIZE(wrong); i++)
		ck_assert_fails(iom_device_recover(rig.nvme, wrong[i]), -EINVAL, NVME, "flags",
				"IOM_RECOVER_UNFREEZE or IOM_RECOVER_RESET");
	ck_assert_ops("");
	power_end();
}
END_TEST

/* It asks nothing of the kernel, though the descriptors would be there. */
static int child(void)
{
	unsigned int calls = iom_sim_calls(rig.sim);

	if (iom_device_state(rig.nvme) != -EPERM || !strstr(iom_errmsg(), "parent process"))
		return 1;
	if (iom_device_recover(rig.nvme, IOM_RECOVER_RESET) != -EPERM)
		return 2;
	/* whatever else is wrong */
	if (iom_device_recover(rig.nvme, 0) != -EPERM)
		return 3;
	return iom_sim_calls(rig.sim) == calls ? 0 : 4;
}

START_TEST(forked)
{
	int status;
	pid_t pid;

	eeh_start(platforms[_i]);
	fault(NVME);
	pid = fork();
	ck_assert_int_ge(pid, 0);
	if (!pid)
		end_child(child());
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
	ck_assert_ok(iom_device_recover(rig.nvme, IOM_RECOVER_UNFREEZE));
	power_end();
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("eeh_refused");
	TCase *tcase = tcase_create("eeh");

	tcase_set_timeout(tcase, 60);
	tcase_add_loop_test(tcase, not_power, 0, 4);
	tcase_add_test(tcase, no_eeh);
	tcase_add_test(tcase, never_freezes);
	tcase_add_loop_test(tcase, answers, 0, 2);
	tcase_add_loop_test(tcase, gone, 0, 2);
	tcase_add_loop_test(tcase, thaw_fails, 0, 4);
	tcase_add_loop_test(tcase, reset_fails, 0, 4);
	tcase_add_loop_test(tcase, nothing_helps, 0, 2);
	tcase_add_loop_test(tcase, fundamental_cures, 0, 2);
	tcase_add_loop_test(tcase, incurably_frozen, 0, 2);
	tcase_add_loop_test(tcase, flags, 0, 2);
	tcase_add_loop_test(tcase, forked, 0, 2);
	suite_add_tcase(suite, tcase);
	return run_suite(suite);
}
