// SPDX-License-Identifier: BSD-3-Clause
/*
 * The simulated SPAPR TCE: containers, registrations and windows, where the contract's rows cannot
 * look: at accounts, at what a hypervisor decides, and at what is left.
 */
#include "tests/unit/runner.h"

#include <sys/wait.h>

#include "tests/unit/sim_spapr_rig.h"

static void make_with(const struct iom_sim_config *given)
{
	struct iom_sim_config config = *given;

	config.size = sizeof(config);
	make(&config);
}

static void nothing_is_left(void)
{
	ck_assert_uint_eq(iom_sim_open_fds(sim), 0);
	ck_assert_uint_eq(iom_sim_mapped_bytes(sim), 0);
	ck_assert_uint_eq(iom_sim_locked_bytes(sim), 0);
	ck_assert_uint_eq(iom_sim_spapr_leaks(sim), 0);
	ck_assert_uint_eq(iom_sim_spapr_crashes(sim), 0);
}

/* ---- Accounts ------------------------------------------------------------------------------- */

START_TEST(a_table_counts)
{
	char *memory = make_aligned(4 * PAGE, PAGE);
	uint64_t start;
	int container;

	make_power(_i ? "pseries" : "powernv");
	container = make_spapr(14);
	ck_assert_uint_eq(iom_sim_locked_bytes(sim), 0);
	ck_assert_int_eq(enlist(container, memory, 4 * PAGE), 0);
	ck_assert_uint_eq(iom_sim_locked_bytes(sim), 4 * PAGE);
	ck_assert_int_eq(map(container, 0, memory, PAGE, RW), 0);
	/* 1 GiB by 4 KiB, 8 bytes each; 2 GiB and the copy of the table */
	ck_assert_uint_eq(iom_sim_locked_bytes(sim), 4 * PAGE + (_i ? 2 : 8) * MIB);
	ck_assert_int_eq(create(container, LARGE, 64 * GIB, &start), 0);
	ck_assert_uint_eq(iom_sim_locked_bytes(sim), 4 * PAGE + (_i ? 2 + 8 : 8 + 16) * MIB);
	ck_assert_int_eq(remove_window(container, 0), 0);
	ck_assert_uint_eq(iom_sim_locked_bytes(sim), 4 * PAGE + (_i ? 8 : 16) * MIB);
	ck_assert_int_eq(delist(container, memory, 4 * PAGE), 0);
	ck_assert_uint_eq(iom_sim_locked_bytes(sim), (_i ? 8 : 16) * MIB);
	tear_down();
}
END_TEST

/* All that a container has goes with its last descriptor. */
START_TEST(closing_ends_all)
{
	char *memory = make_aligned(4 * PAGE, PAGE);
	int container, group;
	uint64_t start;

	make_power(_i ? "pseries" : "powernv");
	container = open_container();
	group = join_new(container, 14);
	ck_assert_int_eq(set_spapr(container), 0);
	ck_assert_int_eq(enlist(container, memory, 4 * PAGE), 0);
	ck_assert_int_eq(create(container, LARGE, GIB, &start), 0);
	ck_assert_int_eq(map(container, 0, memory, 2 * PAGE, RW), 0);
	ck_assert_int_eq(map(container, start, memory, 4 * PAGE, RW), 0);
	ck_assert_uint_eq(iom_sim_mapped_bytes(sim), 6 * PAGE);
	iom_sys_close(sys, container);
	ck_assert_uint_eq(iom_sim_mapped_bytes(sim), 6 * PAGE);
	iom_sys_close(sys, group);
	nothing_is_left();
}
END_TEST

/* What a failed attempt was charged, is. */
START_TEST(a_failed_table_counts)
{
	struct vfio_iommu_spapr_tce_create arg = { .argsz = sizeof(arg) };
	uint64_t start;
	int container;

	make_power("pseries");
	container = make_spapr(14);
	ck_assert_int_eq(remove_window(container, 0), 0);
	ck_assert_int_eq(create(container, LARGE, UINT64_C(1) << 54, &start), -EINVAL);
	ck_assert_uint_eq(iom_sim_locked_bytes(sim), UINT64_C(1) << 41);
	arg.page_shift = LARGE;
	arg.window_size = GIB;
	arg.levels = 2;
	ck_assert_int_eq(iom_sys_ioctl(sys, container, VFIO_IOMMU_SPAPR_TCE_CREATE, &arg), -EINVAL);
	ck_assert_uint_eq(iom_sim_locked_bytes(sim), (UINT64_C(1) << 41) + 4 * GIB - PAGE);
	/* it is not the bridge's fault */
	ck_assert_int_eq(create(container, LARGE, GIB, &start), 0);
}
END_TEST

START_TEST(powernv_levels)
{
	struct vfio_iommu_spapr_tce_create arg = { .argsz = sizeof(arg) };
	int container;

	make_power("powernv");
	container = make_spapr(14);
	ck_assert_int_eq(remove_window(container, 0), 0);
	arg.page_shift = HUGE;
	arg.window_size = UINT64_C(1) << 46;
	arg.levels = 2;
	ck_assert_int_eq(iom_sys_ioctl(sys, container, VFIO_IOMMU_SPAPR_TCE_CREATE, &arg), 0);
	/* 4096 tables of 8192 entries and one over them, twice */
	ck_assert_uint_eq(iom_sim_locked_bytes(sim), 2 * (256 * MIB + PAGE));
	ck_assert_int_eq(remove_window(container, 0), 0);
	ck_assert_uint_eq(iom_sim_locked_bytes(sim), 0);
	/* one table of 256 MiB cannot be had, and stays on the bill */
	arg.levels = 1;
	ck_assert_int_eq(iom_sys_ioctl(sys, container, VFIO_IOMMU_SPAPR_TCE_CREATE, &arg), -ENOMEM);
	ck_assert_uint_eq(iom_sim_locked_bytes(sim), 512 * MIB);
}
END_TEST

START_TEST(powernv_three_levels)
{
	struct vfio_iommu_spapr_tce_create arg = { .argsz = sizeof(arg) };
	int container;

	if (sysconf(_SC_PAGESIZE) > 4096)
		return;
	make_with(&(const struct iom_sim_config){ .platform = "powernv", .page_size = 4096 });
	container = make_spapr(14);
	ck_assert_int_eq(remove_window(container, 0), 0);
	arg.page_shift = LARGE;
	arg.window_size = UINT64_C(1) << 40;
	arg.levels = 3;
	ck_assert_int_eq(iom_sys_ioctl(sys, container, VFIO_IOMMU_SPAPR_TCE_CREATE, &arg), 0);
	/* tables of 512 entries: 128 MiB of them, 256 KiB over these, one over all, twice */
	ck_assert_uint_eq(iom_sim_locked_bytes(sim), 2 * (128 * MIB + (256 << 10) + 4096));
}
END_TEST

/* v1 is charged for the whole default window, and for its table when that is made. */
START_TEST(v1_counts_the_window)
{
	char *memory = make_aligned(PAGE, PAGE);
	int container;

	make_power("pseries");
	container = open_container();
	ck_assert_int_ge(join_new(container, 14), 0);
	ck_assert_int_eq(iom_sys_ioctl_int(sys, container, VFIO_SET_IOMMU, VFIO_SPAPR_TCE_IOMMU),
			 0);
	ck_assert_int_eq(iom_sys_ioctl(sys, container, VFIO_IOMMU_ENABLE, NULL), 0);
	ck_assert_uint_eq(iom_sim_locked_bytes(sim), GIB);
	ck_assert_int_eq(map(container, 0, memory, PAGE, RW), 0);
	ck_assert(reads(NVME, 0, memory));
	ck_assert_uint_eq(iom_sim_locked_bytes(sim), GIB + 2 * MIB);
	ck_assert_int_eq(iom_sys_ioctl(sys, container, VFIO_IOMMU_DISABLE, NULL), 0);
	ck_assert_uint_eq(iom_sim_locked_bytes(sim), 2 * MIB);
	ck_assert_int_eq(iom_sys_ioctl(sys, container, VFIO_IOMMU_DISABLE, NULL), 0);
	ck_assert_uint_eq(iom_sim_locked_bytes(sim), 2 * MIB);
}
END_TEST

/* ---- Registrations -------------------------------------------------------------------------- */

START_TEST(shared_memory_counts_once)
{
	char *memory = make_aligned(4 * PAGE, PAGE);
	int one, other;

	make_power(_i ? "pseries" : "powernv");
	one = make_spapr(14);
	other = make_spapr(15);
	ck_assert_int_eq(enlist(one, memory, 4 * PAGE), 0);
	ck_assert_int_eq(enlist(other, memory, 4 * PAGE), 0);
	ck_assert_uint_eq(iom_sim_locked_bytes(sim), 4 * PAGE);
	ck_assert_int_eq(delist(one, memory, 4 * PAGE), 0);
	ck_assert_uint_eq(iom_sim_locked_bytes(sim), 4 * PAGE);
	ck_assert_int_eq(delist(other, memory, 4 * PAGE), 0);
	ck_assert_uint_eq(iom_sim_locked_bytes(sim), 0);
	ck_assert_uint_eq(iom_sim_spapr_leaks(sim), 0);
}
END_TEST

START_TEST(unregistered_in_use)
{
	char *memory = make_aligned(4 * PAGE, PAGE);
	int container, group;

	make_power(_i ? "pseries" : "powernv");
	container = open_container();
	group = join_new(container, 14);
	ck_assert_int_eq(set_spapr(container), 0);
	ck_assert_int_eq(enlist(container, memory, 4 * PAGE), 0);
	ck_assert_int_eq(map(container, 0, memory, PAGE, RW), 0);
	ck_assert_uint_eq(iom_sim_spapr_leaks(sim), 0);
	ck_assert_int_eq(delist(container, memory, 4 * PAGE), 0);
	ck_assert_uint_eq(iom_sim_spapr_leaks(sim), 1);
	ck_assert(reads(NVME, 0, memory));
	ck_assert_int_eq(clear(container, 0, PAGE), 0);
	iom_sys_close(sys, container);
	iom_sys_close(sys, group);
	ck_assert_uint_eq(iom_sim_locked_bytes(sim), 4 * PAGE);
	ck_assert_uint_eq(iom_sim_spapr_leaks(sim), 1);
}
END_TEST

/* The other container maps what only this one registered. */
START_TEST(closed_while_another_maps)
{
	char *memory = make_aligned(8 * PAGE, PAGE);
	int one, one_group, other;

	make_power("powernv");
	one = open_container();
	one_group = join_new(one, 14);
	ck_assert_int_eq(set_spapr(one), 0);
	other = make_spapr(15);
	ck_assert_int_eq(enlist(one, memory, 4 * PAGE), 0);
	ck_assert_int_eq(enlist(other, memory + 4 * PAGE, 4 * PAGE), 0);
	ck_assert_int_eq(map(other, 0, memory, PAGE, RW), 0);
	iom_sys_close(sys, one);
	iom_sys_close(sys, one_group);
	ck_assert_uint_eq(iom_sim_spapr_leaks(sim), 1);
	ck_assert(reads(EDU, 0, memory));
}
END_TEST

START_TEST(memory_that_is_gone)
{
	char *memory = make_aligned(4 * PAGE, PAGE), c;
	int container;

	make_power("pseries");
	container = make_spapr(14);
	ck_assert_int_eq(enlist(container, memory, 4 * PAGE), 0);
	munmap(memory + PAGE, PAGE);
	/* the pages of then are still pinned */
	ck_assert_int_eq(map(container, 0, memory, 4 * PAGE, RW), 0);
	ck_assert(reads(NVME, 2 * PAGE, memory + 2 * PAGE));
	ck_assert_int_eq(iom_sim_dma_read(sim, NVME, PAGE, &c, 1), -EFAULT);
}
END_TEST

/* A child of fork() has the container's descriptor, and may do nothing with it. */
START_TEST(another_process)
{
	char *memory = make_aligned(PAGE, PAGE);
	int container, status;
	uint64_t left;
	pid_t child;

	make_power("pseries");
	container = make_spapr(14);
	ck_assert_int_eq(enlist(container, memory, PAGE), 0);
	ck_assert_int_eq(map(container, 0, memory, PAGE, RW), 0);
	child = fork();
	ck_assert_int_ge(child, 0);
	if (!child)
		_exit(map(container, PAGE, memory, PAGE, RW) == -EPERM &&
				      unmap(container, 0, PAGE, &left) == -EPERM &&
				      enlist(container, memory, PAGE) == -EPERM &&
				      remove_window(container, 0) == -EPERM
			      ? 0
			      : 1);
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert_int_eq(status, 0);
	ck_assert_int_eq(clear(container, 0, PAGE), 0);
}
END_TEST

/* ---- What a machine has --------------------------------------------------------------------- */

START_TEST(hypervisor_decides)
{
	const struct iom_sim_device devices[] = {
		{ .address = NVME,
		  .group = 0,
		  .driver = "vfio-pci",
		  .dma64_start = UINT64_C(1) << 60 },
		{ .address = EDU, .group = 1, .driver = "vfio-pci" },
	};
	uint64_t one, other;

	make_with(&(const struct iom_sim_config){
		.platform = "pseries",
		.devices = devices,
		.n_devices = 2,
		.dma32_size = GIB / 2,
		.tce_pgsizes = 0x11000,
		.largest_window = 1 << 20,
	});
	ck_assert_uint_eq(info_of(make_spapr(0)).dma32_window_size, GIB / 2);
	iom_sim_destroy(sim);
	sim = NULL;
	make_with(&(const struct iom_sim_config){
		.platform = "pseries",
		.devices = devices,
		.n_devices = 2,
		.largest_window = 1 << 20,
		.tce_pgsizes = 0x11000,
	});
	{
		int first = make_spapr(0), second = make_spapr(1);

		ck_assert_uint_eq(info_of(first).ddw.pgsizes, 0x11000);
		ck_assert_int_eq(create(first, HUGE, 64 * GIB, &one), -EINVAL);
		ck_assert_int_eq(create(first, LARGE, 128 * GIB, &one), -EINVAL);
		ck_assert_int_eq(create(first, LARGE, 64 * GIB, &one), 0);
		ck_assert_int_eq(create(second, LARGE, 64 * GIB, &other), 0);
	}
	ck_assert_uint_eq(one, UINT64_C(1) << 60);
	ck_assert_uint_eq(other, WIDE);
}
END_TEST

/* A virtual function has one window: the default, or another in its place. */
START_TEST(one_window)
{
	char *memory = make_aligned(PAGE, PAGE);
	int container, group;
	uint64_t start;

	make_power("pseries-vf");
	container = open_container();
	group = join_new(container, 14);
	ck_assert_int_eq(set_spapr(container), 0);
	ck_assert_uint_eq(info_of(container).ddw.max_dynamic_windows_supported, 1);
	ck_assert_int_eq(remove_window(container, 0), 0);
	ck_assert_int_eq(create(container, LARGE, GIB, &start), 0);
	ck_assert_uint_eq(start, WIDE);
	ck_assert_int_eq(enlist(container, memory, PAGE), 0);
	ck_assert_int_eq(map(container, start, memory, PAGE, RW), 0);
	ck_assert(reads(NVME, start, memory));
	ck_assert_int_eq(remove_window(container, start), 0);
	ck_assert_int_eq(create(container, SMALL, GIB, &start), 0);
	ck_assert_uint_eq(start, 0);
	/* beside the default there is no room, and the attempt is the last */
	ck_assert_int_eq(create(container, LARGE, GIB, &start), -ENODEV);
	ck_assert_int_eq(remove_window(container, 0), 0);
	ck_assert_int_eq(create(container, SMALL, GIB, &start), -ENODEV);
	iom_sys_close(sys, container);
	iom_sys_close(sys, group);
	/* for the next user of the bridge, too */
	container = make_spapr(14);
	ck_assert_int_eq(create(container, SMALL, GIB, &start), -ENODEV);
	ck_assert_int_eq(create(make_spapr(15), SMALL, GIB / 2, &start), -ENODEV);
}
END_TEST

START_TEST(no_dynamic_windows)
{
	char *memory = make_aligned(PAGE, PAGE);
	struct vfio_iommu_spapr_tce_info info;
	uint64_t start;
	int container;

	make_with(&(const struct iom_sim_config){ .platform = "pseries", .ddw_off = true });
	container = make_spapr(14);
	info = info_of(container);
	ck_assert_uint_eq(info.flags, VFIO_IOMMU_SPAPR_INFO_DDW);
	ck_assert_uint_eq(info.dma32_window_size, GIB);
	ck_assert_uint_eq(info.ddw.pgsizes, 0x1000);
	ck_assert_uint_eq(info.ddw.max_dynamic_windows_supported, UINT32_MAX);
	ck_assert_uint_eq(info.ddw.levels, 0);
	ck_assert_int_eq(enlist(container, memory, PAGE), 0);
	ck_assert_int_eq(map(container, 0, memory, PAGE, RW), -EINVAL);
	ck_assert_int_eq(map(container, 0, memory, PAGE, RW), -ENODEV);
	ck_assert_int_eq(create(container, SMALL, GIB, &start), -ENODEV);
	container = make_spapr(15);
	ck_assert_int_eq(create(container, SMALL, GIB, &start), -EINVAL);
}
END_TEST

START_TEST(old_kernels)
{
	int container;

	/* vfio-pci cannot be bound */
	make_with(&(const struct iom_sim_config){ .platform = "powernv", .kernel = 601 });
	ck_assert_int_eq(open_group(14), -ENOENT);
	ck_assert_int_eq(iom_sim_bind(sim, NVME, "vfio-pci"), -EINVAL);
	ck_assert_int_eq(iom_sim_bind(sim, NVME, "nvme"), 0);
	/* it can, but v2 is not what it says it is */
	make_power("pseries");
	iom_sim_set_quirk(sim, IOM_SIM_NO_SPAPR_V2, IOM_SIM_ALWAYS);
	container = open_container();
	ck_assert_int_eq(iom_sys_ioctl_int(sys, container, VFIO_CHECK_EXTENSION,
					   VFIO_SPAPR_TCE_v2_IOMMU),
			 1);
	ck_assert_int_ge(join_new(container, 14), 0);
	ck_assert_int_eq(set_spapr(container), -EINVAL);
	ck_assert_int_eq(iom_sys_ioctl_int(sys, container, VFIO_SET_IOMMU, VFIO_SPAPR_TCE_IOMMU),
			 0);
}
END_TEST

START_TEST(impossible_machines)
{
	const struct iom_sim_config bad[] = {
		{ .platform = "powernv", .page_size = 16384 },
		{ .platform = "powernv", .ddw_off = true },
		{ .platform = "pseries", .iommufd = true },
		{ .platform = "pseries", .no_type1 = true },
		{ .platform = "x86-48", .ddw_off = true },
		{ .platform = "x86-48", .hash_mmu = true },
	};
	struct iom_sim *other;
	size_t i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct iom_sim_config config = bad[i];

		config.size = sizeof(config);
		ck_assert_int_eq(iom_sim_create(&config, &other), -EINVAL);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("sim_spapr");
	TCase *tcase = tcase_create("sim_spapr");

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_loop_test(tcase, a_table_counts, 0, 2);
	tcase_add_loop_test(tcase, closing_ends_all, 0, 2);
	tcase_add_test(tcase, a_failed_table_counts);
	tcase_add_test(tcase, powernv_levels);
	tcase_add_test(tcase, powernv_three_levels);
	tcase_add_test(tcase, v1_counts_the_window);
	tcase_add_loop_test(tcase, shared_memory_counts_once, 0, 2);
	tcase_add_loop_test(tcase, unregistered_in_use, 0, 2);
	tcase_add_test(tcase, closed_while_another_maps);
	tcase_add_test(tcase, memory_that_is_gone);
	tcase_add_test(tcase, another_process);
	tcase_add_test(tcase, hypervisor_decides);
	tcase_add_test(tcase, one_window);
	tcase_add_test(tcase, no_dynamic_windows);
	tcase_add_test(tcase, old_kernels);
	tcase_add_test(tcase, impossible_machines);
	suite_add_tcase(suite, tcase);
	return run_suite(suite);
}
