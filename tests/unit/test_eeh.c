// SPDX-License-Identifier: BSD-3-Clause
/* POWER: devices that the platform has frozen, and back. */
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/eeh_rig.h"
#include "tests/unit/gate.h"
#include "tests/unit/runner.h"

#define SECOND_FUNCTION "0000:01:00.1"

/* ---- States ---------------------------------------------------------------------------------- */

START_TEST(works)
{
	eeh_start(platforms[_i]);
	ck_assert_int_eq(iom_device_state(rig.nvme), IOM_DEVICE_WORKS);
	ck_assert_str_eq(iom_errmsg(), "none");
	ck_assert_ops(STATE);
	power_end();
}
END_TEST

/* DMA to where nothing is mapped stops the device, and the sentence says why and what to do. */
START_TEST(fault_freezes)
{
	struct iom_region r;
	char *p;

	eeh_start(platforms[_i]);
	p = power_memory(KIB64, KIB64);
	ck_assert_ok(map_any(p, KIB64, &r));
	ck_assert(dma_works(NVME, &r));
	fault(NVME);
	ck_assert_fails(iom_device_state(rig.nvme), IOM_DEVICE_FROZEN, "device " NVME ": ",
			"frozen", "all of group 14", "read as ones", "nothing is mapped",
			"error on its bus", "stop using it", "iom_device_recover()");
	ck_assert(dma_misses(NVME, r.iova, r.length));
	ck_assert_uint_eq(iom_sim_faults(rig.sim, NULL), 1);
	power_end();
}
END_TEST

START_TEST(each_state)
{
	static const struct {
		int kernel, ours;
		const char *word;
	} rows[] = {
		{ VFIO_EEH_PE_STATE_STOPPED, IOM_DEVICE_FROZEN, "it is frozen" },
		{ VFIO_EEH_PE_STATE_STOPPED_DMA, IOM_DEVICE_DMA_STOPPED, "DMA is frozen" },
		{ VFIO_EEH_PE_STATE_RESET, IOM_DEVICE_RESETTING, "held in reset" },
		{ VFIO_EEH_PE_STATE_UNAVAIL, IOM_DEVICE_UNAVAILABLE, "bridge above it" },
	};
	size_t i;

	eeh_start(platforms[_i]);
	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		set_state(NVME, rows[i].kernel);
		ck_assert_fails(iom_device_state(rig.nvme), rows[i].ours, NVME, rows[i].word,
				"all of group 14");
	}
	set_state(NVME, VFIO_EEH_PE_STATE_NORMAL);
	ck_assert_int_eq(iom_device_state(rig.nvme), IOM_DEVICE_WORKS);
	power_end();
}
END_TEST

/* pSeries kernels of before say so of what works, too; PowerNV's never did. */
START_TEST(doubtful_state)
{
	eeh_start(platforms[_i]);
	fault(NVME);
	ck_assert_int_eq(iom_device_state(rig.nvme), IOM_DEVICE_FROZEN);
	ck_assert_int_eq(!strstr(iom_errmsg(), "6.14"), !strcmp(platforms[_i], "powernv"));
	ck_assert_ok(iom_device_recover(rig.nvme, IOM_RECOVER_RESET));
	iom_sim_set_quirk(rig.sim, IOM_SIM_NO_EEH_NORMAL, IOM_SIM_ALWAYS);
	if (!strcmp(platforms[_i], "pseries")) {
		ck_assert_fails(iom_device_state(rig.nvme), IOM_DEVICE_FROZEN, "6.14", "registers");
		ck_assert_fails(iom_device_recover(rig.nvme, IOM_RECOVER_RESET), -EIO, "6.14");
	} else {
		ck_assert_int_eq(iom_device_state(rig.nvme), IOM_DEVICE_WORKS);
	}
	power_end();
}
END_TEST

/* ---- Recovery -------------------------------------------------------------------------------- */

static const unsigned int ways[] = { IOM_RECOVER_UNFREEZE, IOM_RECOVER_RESET };

/* What was mapped is reached again, and what was mapped meanwhile; not what was unmapped. */
START_TEST(recovers)
{
	const unsigned int way = ways[_i / 2];
	struct iom_region kept, gone, come;
	struct iom_counters before;
	char *p;

	eeh_start(platforms[_i % 2]);
	p = power_memory(3 * KIB64, KIB64);
	ck_assert_ok(map_any(p, KIB64, &kept));
	ck_assert_ok(map_any(p + KIB64, KIB64, &gone));
	before = rig_counters();
	fault(NVME);
	ck_assert_ok(map_any(p + 2 * KIB64, KIB64, &come));
	ck_assert_ok(iom_unmap(rig.dom, &gone));
	ck_assert_int_eq(iom_device_state(rig.nvme), IOM_DEVICE_FROZEN);
	ops[0] = '\0';
	ck_assert_int_eq(iom_unmap(rig.dom, &gone), -ENOENT);
	ck_assert_ok(iom_device_recover(rig.nvme, way));
	ck_assert_ptr_nonnull(strstr(iom_errmsg(), "unmap")); /* what failed last */
	if (way == IOM_RECOVER_RESET)
		ck_assert_ops(STATE HOT STATE);
	else
		ck_assert_ops(STATE THAW STATE);
	ck_assert(logged(way == IOM_RECOVER_RESET ? "with it group 14, was reset"
						  : "with it group 14, was unfrozen"));
	ck_assert_int_eq(iom_device_state(rig.nvme), IOM_DEVICE_WORKS);
	ck_assert_uint_eq(rig_counters().mapped_bytes, before.mapped_bytes);
	ck_assert(dma_works(NVME, &kept));
	ck_assert(dma_works(NVME, &come));
	/* and it is frozen again, and recovers again */
	ck_assert(dma_misses(NVME, gone.iova, gone.length));
	ck_assert_int_eq(iom_device_state(rig.nvme), IOM_DEVICE_FROZEN);
	ck_assert_ok(iom_device_recover(rig.nvme, way));
	ck_assert(dma_works(NVME, &kept));
	power_end();
}
END_TEST

/* There is nothing to thaw; but a reset is what was asked for. */
START_TEST(of_what_works)
{
	eeh_start(platforms[_i]);
	ck_assert_ok(iom_device_recover(rig.nvme, IOM_RECOVER_UNFREEZE));
	ck_assert_ops(STATE);
	ck_assert(!logged("unfrozen"));
	ck_assert_ok(iom_device_recover(rig.nvme, IOM_RECOVER_RESET));
	ck_assert_ops(STATE HOT STATE);
	power_end();
}
END_TEST

START_TEST(dma_stopped)
{
	eeh_start(platforms[_i % 2]);
	set_state(NVME, VFIO_EEH_PE_STATE_STOPPED_DMA);
	ck_assert_ok(iom_device_recover(rig.nvme, ways[_i / 2]));
	ck_assert_int_eq(iom_device_state(rig.nvme), IOM_DEVICE_WORKS);
	power_end();
}
END_TEST

/* To thaw does not end a reset. */
START_TEST(in_reset)
{
	eeh_start(platforms[_i]);
	set_state(NVME, VFIO_EEH_PE_STATE_RESET);
	ck_assert_fails(iom_device_recover(rig.nvme, IOM_RECOVER_UNFREEZE), -EIO, NVME, "in reset",
			"IOM_RECOVER_RESET");
	ck_assert_ops(STATE);
	ck_assert(!logged("unfrozen"));
	ck_assert_ok(iom_device_recover(rig.nvme, IOM_RECOVER_RESET));
	ck_assert_int_eq(iom_device_state(rig.nvme), IOM_DEVICE_WORKS);
	power_end();
}
END_TEST

/* The kernel is at it itself, and is not disturbed. */
START_TEST(unavailable)
{
	eeh_start(platforms[_i % 2]);
	set_state(NVME, VFIO_EEH_PE_STATE_UNAVAIL);
	ck_assert_fails(iom_device_recover(rig.nvme, ways[_i / 2]), -EBUSY, NVME, "recovers",
			"ask again");
	ck_assert_ops(STATE);
	set_state(NVME, VFIO_EEH_PE_STATE_STOPPED);
	ck_assert_ok(iom_device_recover(rig.nvme, ways[_i / 2]));
	power_end();
}
END_TEST

/* ---- Groups ---------------------------------------------------------------------------------- */

/* Each has a container of its own, so what freezes and recovers is one group. */
START_TEST(two_groups)
{
	struct iom_region r;
	struct iom_device *edu;
	char *p;

	eeh_start(platforms[_i]);
	ck_assert_ok(attach_bits(EDU, 0, &edu));
	p = power_memory(KIB64, KIB64);
	ck_assert_ok(map_any(p, KIB64, &r));
	fault(NVME);
	ck_assert_int_eq(iom_device_state(rig.nvme), IOM_DEVICE_FROZEN);
	ck_assert_int_eq(iom_device_state(edu), IOM_DEVICE_WORKS);
	ck_assert(dma_works(EDU, &r));
	fault(EDU);
	ck_assert_ok(iom_device_recover(edu, IOM_RECOVER_RESET));
	ck_assert(dma_works(EDU, &r));
	ck_assert_int_eq(iom_device_state(rig.nvme), IOM_DEVICE_FROZEN);
	ck_assert(dma_misses(NVME, r.iova, r.length));
	ck_assert_ok(iom_device_recover(rig.nvme, IOM_RECOVER_UNFREEZE));
	ck_assert(dma_works(NVME, &r));
	power_end();
}
END_TEST

START_TEST(two_functions)
{
	const struct iom_sim_device devices[] = {
		{ .address = NVME, .group = 14, .driver = "vfio-pci" },
		{ .address = SECOND_FUNCTION, .group = 14, .driver = "vfio-pci" },
	};
	struct power power = power_of(platforms[_i]);
	struct iom_device *second;

	power.machine.devices = devices;
	power.machine.n_devices = ARRAY_SIZE(devices);
	power_attach(&power);
	iom_sim_spapr_freezes(rig.sim, true);
	ck_assert_ok(attach_bits(SECOND_FUNCTION, 0, &second));
	fault(NVME);
	ck_assert_fails(iom_device_state(second), IOM_DEVICE_FROZEN, SECOND_FUNCTION, "group 14");
	ck_assert_ok(iom_device_recover(second, IOM_RECOVER_RESET));
	ck_assert_int_eq(iom_device_state(rig.nvme), IOM_DEVICE_WORKS);
	power_end();
}
END_TEST

/* A frozen device can go; the kernel thaws it, and it comes back as it should be. */
START_TEST(detach_and_attach)
{
	struct iom_region r;
	char *p;

	eeh_start(platforms[_i]);
	p = power_memory(KIB64, KIB64);
	ck_assert_ok(map_any(p, KIB64, &r));
	fault(NVME);
	iom_detach(rig.nvme);
	ck_assert_ok(attach_bits(NVME, 0, &rig.nvme));
	ck_assert_int_eq(iom_device_state(rig.nvme), IOM_DEVICE_WORKS);
	ck_assert(dma_works(NVME, &r));
	power_end();
}
END_TEST

/* ---- Threads --------------------------------------------------------------------------------- */

static struct iom_device *edu_device;
static char *threads_memory;
static struct iom_region threads_region;

static void at_gate(struct rig *r, unsigned long request)
{
	(void)r;
	hold_up(request);
}

static int reset_nvme(void)
{
	return iom_device_recover(rig.nvme, IOM_RECOVER_RESET);
}

static int thaw_nvme(void)
{
	return iom_device_recover(rig.nvme, IOM_RECOVER_UNFREEZE);
}

static int thaw_edu(void)
{
	return iom_device_recover(edu_device, IOM_RECOVER_UNFREEZE);
}

static int detach_edu(void)
{
	iom_detach(edu_device);
	return 0;
}

static int map_for_both(void)
{
	return map_any(threads_memory, KIB64, &threads_region);
}

/* It is not held up by anybody, however slow the machine is. */
static bool ends(struct call *call)
{
	int i;

	for (i = 0; i < 5000 && !__atomic_load_n(&call->done, __ATOMIC_ACQUIRE); i++)
		usleep(2000);
	return i < 5000;
}

/* A reset takes its time: others map, and recover, but not the same group; and none goes. */
START_TEST(meanwhile)
{
	struct call reset, second, map, other, detach;

	eeh_start(platforms[_i]);
	ck_assert_ok(attach_bits(EDU, 0, &edu_device));
	threads_memory = power_memory(2 * KIB64, KIB64);
	/* the window is there: to make it is to change the domain, and would have to wait */
	ck_assert_ok(map_any(threads_memory + KIB64, KIB64, NULL));
	fault(NVME);
	fault(EDU);
	rig.before = at_gate;
	start_held_up(&reset, reset_nvme, VFIO_EEH_PE_OP);
	start(&second, thaw_nvme);
	start(&map, map_for_both);
	ck_assert(ends(&map));
	ck_assert_ok(finish(&map));
	start(&other, thaw_edu);
	ck_assert(ends(&other));
	ck_assert_ok(finish(&other));
	ck_assert_int_eq(iom_device_state(edu_device), IOM_DEVICE_WORKS);
	ck_assert(dma_works(EDU, &threads_region));
	ck_assert(waits(&second));
	start(&detach, detach_edu);
	ck_assert(waits(&detach));
	let_go();
	ck_assert_ok(finish(&reset));
	ck_assert_ok(finish(&second));
	ck_assert_ok(finish(&detach));
	ck_assert(dma_works(NVME, &threads_region));
	power_end();
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("eeh");
	TCase *tcase = tcase_create("eeh");

	tcase_set_timeout(tcase, 60);
	tcase_add_loop_test(tcase, works, 0, 2);
	tcase_add_loop_test(tcase, fault_freezes, 0, 2);
	tcase_add_loop_test(tcase, each_state, 0, 2);
	tcase_add_loop_test(tcase, doubtful_state, 0, 2);
	tcase_add_loop_test(tcase, recovers, 0, 4);
	tcase_add_loop_test(tcase, of_what_works, 0, 2);
	tcase_add_loop_test(tcase, dma_stopped, 0, 4);
	tcase_add_loop_test(tcase, in_reset, 0, 2);
	tcase_add_loop_test(tcase, unavailable, 0, 4);
	tcase_add_loop_test(tcase, two_groups, 0, 2);
	tcase_add_loop_test(tcase, two_functions, 0, 2);
	tcase_add_loop_test(tcase, detach_and_attach, 0, 2);
	tcase_add_loop_test(tcase, meanwhile, 0, 2);
	suite_add_tcase(suite, tcase);
	return run_suite(suite);
}
