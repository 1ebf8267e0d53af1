// SPDX-License-Identifier: BSD-3-Clause
/* The simulation's EEH where bridges freeze, as no guest can show it. */
#include "tests/unit/runner.h"
#include "tests/unit/sim_spapr_rig.h"

static const char *const platforms[] = { "powernv", "pseries" };

static int op(int container, unsigned int what)
{
	struct vfio_eeh_pe_op arg = { .argsz = sizeof(arg) };

	arg.op = what;
	return iom_sys_ioctl(sys, container, VFIO_EEH_PE_OP, &arg);
}

static int state(int container)
{
	return op(container, VFIO_EEH_PE_GET_STATE);
}

/* A container with the drive's group, memory mapped at 0, and a machine that freezes. */
static int make_freezing(const char *platform, char **memory)
{
	int container;

	make_power(platform);
	iom_sim_spapr_freezes(sim, true);
	container = make_spapr(14);
	*memory = make_aligned(PAGE, PAGE);
	ck_assert_int_eq(enlist(container, *memory, PAGE), 0);
	ck_assert_int_eq(map(container, 0, *memory, PAGE, RW), 0);
	ck_assert(reads(NVME, 0, *memory));
	return container;
}

static void fault(void)
{
	char c = 0;

	ck_assert_int_eq(iom_sim_dma_write(sim, NVME, PAGE, &c, 1), -EFAULT);
}

START_TEST(frozen)
{
	uint64_t length;
	char *memory;
	void *va;
	int c = make_freezing(platforms[_i], &memory);

	ck_assert_int_eq(iom_sys_ioctl_int(sys, c, VFIO_CHECK_EXTENSION, VFIO_EEH), 1);
	ck_assert_int_eq(state(c), VFIO_EEH_PE_STATE_NORMAL);
	fault();
	ck_assert_int_eq(state(c), VFIO_EEH_PE_STATE_STOPPED);
	/* what is mapped is not reached, and that is no fault */
	ck_assert(!reads(NVME, 0, memory));
	ck_assert_int_eq(iom_sim_dma_target(sim, NVME, 0, false, &va, &length), -EFAULT);
	ck_assert_uint_eq(iom_sim_faults(sim, NULL), 1);
	/* the tables can be changed nevertheless */
	ck_assert_int_eq(clear(c, 0, PAGE), 0);
	ck_assert_int_eq(map(c, 0, memory, PAGE, RW), 0);
	ck_assert(!reads(NVME, 0, memory));
	ck_assert_int_eq(op(c, VFIO_EEH_PE_UNFREEZE_IO), 0);
	ck_assert_int_eq(state(c), VFIO_EEH_PE_STATE_STOPPED_DMA);
	ck_assert(!reads(NVME, 0, memory));
	ck_assert_int_eq(op(c, VFIO_EEH_PE_UNFREEZE_DMA), 0);
	ck_assert_int_eq(state(c), VFIO_EEH_PE_STATE_NORMAL);
	ck_assert(reads(NVME, 0, memory));
}
END_TEST

/* DMA without registers is no state that there is; a reset ends that, too. */
START_TEST(wrong_order)
{
	char *memory;
	int c = make_freezing(platforms[_i], &memory);

	fault();
	ck_assert_int_eq(op(c, VFIO_EEH_PE_UNFREEZE_DMA), 0);
	ck_assert_int_eq(state(c), VFIO_EEH_PE_STATE_UNAVAIL);
	ck_assert_int_eq(op(c, VFIO_EEH_PE_RESET_DEACTIVATE), 0);
	ck_assert_int_eq(state(c), VFIO_EEH_PE_STATE_NORMAL);
}
END_TEST

/* PowerNV is frozen while it is reset, pSeries says that it is. */
START_TEST(reset)
{
	static const unsigned int kinds[] = { VFIO_EEH_PE_RESET_HOT,
					      VFIO_EEH_PE_RESET_FUNDAMENTAL };
	bool powernv = !strcmp(platforms[_i % 2], "powernv");
	char *memory;
	int c = make_freezing(platforms[_i % 2], &memory);

	if (_i < 4)
		fault();
	ck_assert_int_eq(op(c, kinds[_i / 2 % 2]), 0);
	ck_assert_int_eq(state(c), powernv ? VFIO_EEH_PE_STATE_STOPPED : VFIO_EEH_PE_STATE_RESET);
	ck_assert(!reads(NVME, 0, memory));
	ck_assert_int_eq(op(c, VFIO_EEH_PE_RESET_DEACTIVATE), 0);
	ck_assert_int_eq(op(c, VFIO_EEH_PE_CONFIGURE), 0);
	ck_assert_int_eq(state(c), VFIO_EEH_PE_STATE_NORMAL);
	ck_assert(reads(NVME, 0, memory));
}
END_TEST

/* To open a device is to thaw its group, to close it, too, and so is to enable EEH. */
START_TEST(owner)
{
	int c, g, d;

	make_power(platforms[_i]);
	iom_sim_spapr_freezes(sim, true);
	c = open_container();
	g = join_new(c, 14);
	ck_assert_int_eq(set_spapr(c), 0);
	fault();
	ck_assert_int_eq(state(c), VFIO_EEH_PE_STATE_STOPPED);
	d = open_device(g, NVME);
	ck_assert_int_ge(d, 0);
	ck_assert_int_eq(state(c), VFIO_EEH_PE_STATE_NORMAL);
	fault();
	ck_assert_int_eq(state(c), VFIO_EEH_PE_STATE_STOPPED);
	ck_assert_int_eq(iom_sys_close(sys, d), 0);
	ck_assert_int_eq(state(c), VFIO_EEH_PE_STATE_NORMAL);
	fault();
	ck_assert_int_eq(op(c, VFIO_EEH_PE_ENABLE), 0);
	ck_assert_int_eq(state(c), VFIO_EEH_PE_STATE_NORMAL);
}
END_TEST

/* All groups of a container, until one answers something else than 0. */
START_TEST(groups_of_a_container)
{
	char *memory, c = 0;
	int container = make_freezing("powernv", &memory);

	ck_assert_int_ge(join_new(container, 15), 0);
	ck_assert_int_eq(iom_sim_dma_write(sim, EDU, PAGE, &c, 1), -EFAULT);
	ck_assert(reads(NVME, 0, memory));
	ck_assert(!reads(EDU, 0, memory));
	ck_assert_int_eq(state(container), VFIO_EEH_PE_STATE_STOPPED);
	ck_assert_int_eq(op(container, VFIO_EEH_PE_RESET_HOT), 0);
	ck_assert(!reads(NVME, 0, memory));
	ck_assert_int_eq(op(container, VFIO_EEH_PE_RESET_DEACTIVATE), 0);
	ck_assert(reads(NVME, 0, memory) && reads(EDU, 0, memory));
}
END_TEST

START_TEST(states)
{
	static const int all[] = { VFIO_EEH_PE_STATE_UNAVAIL, VFIO_EEH_PE_STATE_RESET,
				   VFIO_EEH_PE_STATE_STOPPED, VFIO_EEH_PE_STATE_STOPPED_DMA,
				   VFIO_EEH_PE_STATE_NORMAL };
	char *memory;
	int c = make_freezing(platforms[_i], &memory);
	size_t i;

	for (i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		ck_assert_int_eq(iom_sim_spapr_set_state(sim, NVME, all[i]), 0);
		ck_assert_int_eq(state(c), all[i]);
	}
	ck_assert_int_eq(iom_sim_spapr_set_state(sim, NVME, 3), -EINVAL);
	ck_assert_int_eq(iom_sim_spapr_set_state(sim, NVME, 6), -EINVAL);
	ck_assert_int_eq(iom_sim_spapr_set_state(sim, NVME, -1), -EINVAL);
	ck_assert_int_eq(iom_sim_spapr_set_state(sim, "0000:77:00.0", 0), -ENODEV);
	ck_assert_int_eq(state(c), VFIO_EEH_PE_STATE_NORMAL);
}
END_TEST

/* pSeries before 6.14 takes what works for stopped. */
START_TEST(never_normal)
{
	char *memory;
	int c = make_freezing(platforms[_i], &memory);

	iom_sim_set_quirk(sim, IOM_SIM_NO_EEH_NORMAL, IOM_SIM_ALWAYS);
	ck_assert_int_eq(state(c), _i ? VFIO_EEH_PE_STATE_STOPPED : VFIO_EEH_PE_STATE_NORMAL);
	ck_assert(reads(NVME, 0, memory));
	iom_sim_set_quirk(sim, IOM_SIM_NO_EEH_NORMAL, 0);
	ck_assert_int_eq(state(c), VFIO_EEH_PE_STATE_NORMAL);
}
END_TEST

/* As under QEMU. */
START_TEST(off)
{
	char *memory;
	int c = make_freezing(platforms[_i], &memory);

	iom_sim_spapr_freezes(sim, false);
	fault();
	ck_assert(reads(NVME, 0, memory));
	ck_assert_int_eq(iom_sys_ioctl_int(sys, c, VFIO_CHECK_EXTENSION, VFIO_EEH), !_i);
	ck_assert_int_eq(state(c), _i ? -ENODEV : VFIO_EEH_PE_STATE_NORMAL);
	ck_assert_int_eq(op(c, VFIO_EEH_PE_RESET_HOT), _i ? -ENODEV : 0);
	ck_assert(reads(NVME, 0, memory));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("sim_eeh");
	TCase *tcase = tcase_create("eeh");

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_loop_test(tcase, frozen, 0, 2);
	tcase_add_loop_test(tcase, wrong_order, 0, 2);
	tcase_add_loop_test(tcase, reset, 0, 8);
	tcase_add_loop_test(tcase, owner, 0, 2);
	tcase_add_test(tcase, groups_of_a_container);
	tcase_add_loop_test(tcase, states, 0, 2);
	tcase_add_loop_test(tcase, never_normal, 0, 2);
	tcase_add_loop_test(tcase, off, 0, 2);
	suite_add_tcase(suite, tcase);
	return run_suite(suite);
}
