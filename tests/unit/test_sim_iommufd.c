// SPDX-License-Identifier: BSD-3-Clause
/*
 * The simulation's iommufd and its devices' own nodes: what the rows of tests/contract cannot say,
 * which are about one device, and about calls only.
 */
#include "tests/unit/runner.h"

#include "tests/unit/sim_iommufd_rig.h"

/* ---- What is there -------------------------------------------------------------------------- */

static bool exists(const char *path)
{
	char buf[8];

	return sys->read_file(sys->ctx, path, buf, sizeof(buf)) != -ENOENT;
}

START_TEST(interfaces)
{
	static const struct {
		struct iom_sim_config config;
		bool iommu, devices, container, type1;
	} kernels[] = {
		{ { .kernel = 601 }, false, false, true, true },
		{ { .kernel = 612 }, false, false, true, true },
		{ { .kernel = 612, .iommufd = true }, true, true, true, true },
		{ { .kernel = 613, .iommufd = true, .no_cdev = true }, true, false, true, true },
		{ { .kernel = 702, .iommufd = true, .no_type1 = true }, true, true, false, false },
		{ { .iommufd = true, .compat_container = true }, true, true, true, false },
	};
	size_t i;

	for (i = 0; i < sizeof(kernels) / sizeof(kernels[0]); i++) {
		struct iom_sim_config config = kernels[i].config;

		config.size = sizeof(config);
		make(&config);
		ck_assert(exists("/dev/iommu") == kernels[i].iommu);
		ck_assert(exists("/sys/module/iommufd/parameters/allow_unsafe_interrupts") ==
			  kernels[i].iommu);
		ck_assert(exists("/dev/vfio/devices/vfio0") == kernels[i].devices);
		ck_assert(exists("/dev/vfio/vfio") == kernels[i].container);
		ck_assert(exists("/sys/module/vfio_iommu_type1") == kernels[i].type1);
		ck_assert(exists("/dev/vfio/14"));
		/* whether or not there is a node that it names */
		ck_assert(exists("/sys/bus/pci/devices/" NVME "/vfio-dev/vfio0"));
		ck_assert(exists("/sys/bus/pci/devices/" NVME "/vfio-dev/vfio0/dev") ==
			  kernels[i].devices);
	}
}
END_TEST

START_TEST(configs_that_make_no_sense)
{
	const struct iom_sim_config bad[] = {
		{ .size = sizeof(bad[0]), .kernel = 601, .iommufd = true },
		{ .size = sizeof(bad[0]), .compat_container = true },
	};
	struct iom_sim *other = NULL;
	size_t i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ck_assert_int_eq(iom_sim_create(&bad[i], &other), -EINVAL);
	ck_assert_ptr_null(other);
}
END_TEST

START_TEST(nodes_come_and_go_with_the_driver)
{
	int cdev;

	ck_assert_int_eq(iom_sim_bind(sim, NVME, "nvme"), 0);
	ck_assert_int_eq(open_cdev(0), -ENOENT);
	ck_assert_int_eq(iom_sim_bind(sim, NVME, "vfio-pci"), 0);
	cdev = open_cdev(2);
	ck_assert_int_ge(cdev, 0);
	ck_assert_int_eq(iom_sim_bind(sim, NVME, NULL), -EBUSY);
	ck_assert_int_eq(iom_sys_close(sys, cdev), 0);
	ck_assert_int_eq(iom_sim_path_error(sim, "/dev/vfio/devices/vfio2", -EACCES), 0);
	ck_assert_int_eq(open_cdev(2), -EACCES);
	ck_assert_int_eq(iom_sim_path_error(sim, "/dev/iommu", -ENOENT), 0);
	ck_assert_int_eq(iom_sys_open(sys, "/dev/iommu", O_RDWR), -ENOENT);
}
END_TEST

/* ---- DMA ------------------------------------------------------------------------------------ */

START_TEST(dma_goes_through_the_ioas)
{
	int iommufd = open_iommufd(), cdev;
	uint32_t ioas = new_ioas(iommufd);
	char *memory = make_memory(PAGE), c = 0;

	*memory = 'x';
	ck_assert_int_eq(ioas_map(iommufd, ioas, BASE, memory, PAGE, RDWR), 0);
	cdev = open_cdev(0);
	ck_assert_int_eq(bind_to(cdev, iommufd), 0);
	ck_assert_int_eq(dma_read(NVME, BASE, &c, 1), -EFAULT);
	ck_assert_int_eq(attach(cdev, ioas), 0);
	ck_assert_int_eq(dma_read(NVME, BASE, &c, 1), 0);
	ck_assert_int_eq(c, 'x');
	ck_assert_int_eq(dma_read(EDU, BASE, &c, 1), -EFAULT);
	/* another one sees the same */
	attached_device(iommufd, 1);
	ck_assert_int_eq(iom_sim_dma_write(sim, EDU, BASE, "y", 1), 0);
	ck_assert_int_eq(*memory, 'y');
	ck_assert_int_eq(detach(cdev), 0);
	ck_assert_int_eq(dma_read(NVME, BASE, &c, 1), -EFAULT);
	ck_assert_int_eq(dma_read(EDU, BASE, &c, 1), 0);
	ck_assert_int_eq(ioas_unmap(iommufd, ioas, BASE, PAGE), 0);
	ck_assert_int_eq(dma_read(EDU, BASE, &c, 1), -EFAULT);
}
END_TEST

START_TEST(two_address_spaces)
{
	int iommufd = open_iommufd(), cdev, other;
	uint32_t first = new_ioas(iommufd), second = new_ioas(iommufd);
	char *memory = make_memory(2 * PAGE), c;

	memory[0] = '1';
	memory[PAGE] = '2';
	cdev = attached_device(iommufd, 0);
	other = attached_device(iommufd, 1);
	ck_assert_int_eq(ioas_map(iommufd, first, BASE, memory, PAGE, RDWR), 0);
	ck_assert_int_eq(ioas_map(iommufd, second, BASE, memory + PAGE, PAGE, RDWR), 0);
	/* from one to the other without a moment of neither */
	ck_assert_int_eq(attach(cdev, second), 0);
	ck_assert_int_eq(dma_read(NVME, BASE, &c, 1), 0);
	ck_assert_int_eq(c, '2');
	ck_assert_int_eq(dma_read(EDU, BASE, &c, 1), 0);
	ck_assert_int_eq(c, '1');
	ck_assert_int_eq(iom_sys_close(sys, other), 0);
	ck_assert_int_eq(dma_read(EDU, BASE, &c, 1), -EFAULT);
	ck_assert_int_eq(attach(cdev, first), 0);
	ck_assert_int_eq(dma_read(NVME, BASE, &c, 1), 0);
	ck_assert_int_eq(c, '1');
}
END_TEST

START_TEST(maps_outlive_devices_and_the_descriptor)
{
	int iommufd = open_iommufd(), cdev;
	uint32_t ioas = new_ioas(iommufd);
	char *memory = make_memory(PAGE), c;

	cdev = attached_device(iommufd, 0);
	ck_assert_int_eq(ioas_map(iommufd, ioas, BASE, memory, PAGE, RDWR), 0);
	ck_assert_uint_eq(iom_sim_pinned_bytes(sim), PAGE);
	ck_assert_int_eq(iom_sys_close(sys, cdev), 0);
	ck_assert_uint_eq(iom_sim_pinned_bytes(sim), 0);
	ck_assert_uint_eq(iom_sim_mapped_bytes(sim), PAGE);
	cdev = attached_device(iommufd, 0);
	ck_assert_int_eq(dma_read(NVME, BASE, &c, 1), 0);
	ck_assert_int_eq(iom_sys_close(sys, iommufd), 0);
	ck_assert_int_eq(dma_read(NVME, BASE, &c, 1), 0);
	ck_assert_int_eq(iom_sys_close(sys, cdev), 0);
	ck_assert_uint_eq(iom_sim_mapped_bytes(sim), 0);
	ck_assert_uint_eq(iom_sim_pinned_bytes(sim), 0);
}
END_TEST

START_TEST(surprise_removal)
{
	int iommufd = open_iommufd(), cdev;
	char *memory = make_memory(PAGE), c;
	uint32_t ioas = new_ioas(iommufd);

	cdev = attached_device(iommufd, 0);
	ck_assert_int_eq(ioas_map(iommufd, ioas, BASE, memory, PAGE, RDWR), 0);
	ck_assert_int_eq(iom_sim_unplug(sim, NVME), 0);
	ck_assert_int_eq(dma_read(NVME, BASE, &c, 1), -ENODEV);
	ck_assert_int_eq(open_cdev(0), -ENODEV);
	ck_assert_int_eq(iom_sys_close(sys, cdev), 0);
	ck_assert(!exists("/dev/vfio/devices/vfio0"));
	ck_assert(!exists("/sys/bus/pci/devices/" NVME "/vendor"));
}
END_TEST

/* ---- Groups and devices --------------------------------------------------------------------- */

static const struct iom_sim_resv rmrr = { 0x70000000, 0x7fffffff, "direct" };
static const struct iom_sim_device several[] = {
	{ .address = "0000:01:00.0", .group = 1, .driver = "vfio-pci" },
	{ .address = "0000:02:00.0", .group = 2, .driver = "vfio-pci", .resv = &rmrr, .n_resv = 1 },
	{ .address = "0000:03:00.0", .group = 3, .driver = "vfio-pci", .iommu_bits = 39 },
	{ .address = "0000:04:00.0", .group = 4, .driver = "vfio-pci" },
	{ .address = "0000:04:00.1", .group = 4, .driver = "vfio-pci" },
	{ .address = "0000:04:00.2", .group = 4 },
};
static const struct iom_sim_config several_config = {
	.size = sizeof(several_config),
	.devices = several,
	.n_devices = 6,
	.iommufd = true,
};

START_TEST(apertures_narrow_and_widen)
{
	struct iom_iommu_iova_range ranges[4];
	const uint64_t past_39 = UINT64_C(1) << 39;
	char *memory = make_memory(PAGE);
	int iommufd, first, second, third;
	uint32_t ioas;

	make(&several_config);
	iommufd = open_iommufd();
	ioas = new_ioas(iommufd);
	ck_assert_uint_eq(ranges_of(iommufd, ioas, ranges, 4), 1);
	ck_assert_uint_eq(ranges[0].last, UINT64_MAX);
	first = attached_device(iommufd, 0);
	ck_assert_uint_eq(ranges_of(iommufd, ioas, ranges, 4), 2);
	ck_assert_uint_eq(ranges[0].last, 0xfedfffff);
	ck_assert_uint_eq(ranges[1].last, 0xffffffffffff);
	ck_assert_int_eq(ioas_map(iommufd, ioas, past_39, memory, PAGE, RDWR), 0);
	second = attached_device(iommufd, 1);
	ck_assert_uint_eq(ranges_of(iommufd, ioas, ranges, 4), 3);
	ck_assert_uint_eq(ranges[0].last, rmrr.start - 1);
	ck_assert_uint_eq(ranges[1].start, rmrr.last + 1);

	/* what is mapped is in the way, and a refusal changes nothing */
	third = open_cdev(2);
	ck_assert_int_eq(bind_to(third, iommufd), 0);
	ck_assert_int_eq(attach(third, ioas), -EADDRINUSE);
	ck_assert_uint_eq(ranges_of(iommufd, ioas, ranges, 4), 3);
	ck_assert_uint_eq(ranges[2].last, 0xffffffffffff);
	ck_assert_int_eq(ioas_unmap(iommufd, ioas, past_39, PAGE), 0);
	ck_assert_int_eq(attach(third, ioas), 0);
	ck_assert_uint_eq(ranges_of(iommufd, ioas, ranges, 4), 3);
	ck_assert_uint_eq(ranges[2].last, past_39 - 1);
	ck_assert_int_eq(ioas_map(iommufd, ioas, past_39, memory, PAGE, RDWR), -EINVAL);

	/* it widens again, and a mapping in a hole of the second keeps that out */
	ck_assert_int_eq(detach(third), 0);
	ck_assert_int_eq(ioas_map(iommufd, ioas, past_39, memory, PAGE, RDWR), 0);
	ck_assert_int_eq(detach(second), 0);
	ck_assert_int_eq(ioas_map(iommufd, ioas, rmrr.start, memory, PAGE, RDWR), 0);
	ck_assert_int_eq(attach(second, ioas), -EADDRINUSE);
	ck_assert_uint_eq(ranges_of(iommufd, ioas, ranges, 4), 2);
	/* not even what it could have had */
	ck_assert_int_eq(detach(first), 0);
	ck_assert_uint_eq(ranges_of(iommufd, ioas, ranges, 4), 1);
}
END_TEST

START_TEST(two_functions_of_one_group)
{
	int iommufd, other, first, second, group;
	uint32_t ioas, ioas2;
	char *memory = make_memory(PAGE), c;

	make(&several_config);
	iommufd = open_iommufd();
	other = open_iommufd();
	ioas = new_ioas(iommufd);
	ioas2 = new_ioas(iommufd);
	new_ioas(other);
	ck_assert_int_eq(ioas_map(iommufd, ioas, BASE, memory, PAGE, RDWR), 0);
	first = attached_device(iommufd, 3);
	second = open_cdev(4);
	/* the group has one owner, and one page table */
	ck_assert_int_eq(bind_to(second, other), -EPERM);
	ck_assert_int_eq(bind_to(second, iommufd), 0);
	ck_assert_int_eq(attach(second, ioas2), -EINVAL);
	ck_assert_int_eq(attach(second, ioas), 0);
	ck_assert_int_eq(iom_sim_bind(sim, "0000:04:00.2", "e1000e"), -EBUSY);
	group = open_group(4);
	ck_assert_int_eq(group, -EBUSY);
	/* both move, and both stay as long as one does */
	ck_assert_int_eq(attach(first, ioas2), 0);
	ck_assert_int_eq(dma_read("0000:04:00.1", BASE, &c, 1), -EFAULT);
	ck_assert_int_eq(attach(second, ioas), 0);
	ck_assert_int_eq(dma_read("0000:04:00.0", BASE, &c, 1), 0);
	ck_assert_int_eq(detach(first), 0);
	ck_assert_int_eq(dma_read("0000:04:00.0", BASE, &c, 1), 0);
	ck_assert_int_eq(iom_sys_close(sys, first), 0);
	ck_assert_int_eq(open_group(4), -EBUSY);
	ck_assert_int_eq(iom_sys_close(sys, second), 0);
	ck_assert_int_eq(dma_read("0000:04:00.0", BASE, &c, 1), -EFAULT);
	ck_assert_int_eq(iom_sim_bind(sim, "0000:04:00.2", "e1000e"), 0);
	first = open_cdev(3);
	ck_assert_int_eq(bind_to(first, iommufd), -EPERM);
	ck_assert_int_ge(open_group(4), 0);
}
END_TEST

static int find_cdev(void *arg, const char *name)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/4711/fd/%s", name);
	return sys->read_link(sys->ctx, path, arg, 63) > 0 && strstr(arg, "devices");
}

START_TEST(held_by_another_process)
{
	int iommufd = open_iommufd(), cdev = open_cdev(0);

	ck_assert_int_eq(iom_sim_hold_group(sim, 14, 4711, "qemu"), 0);
	ck_assert_int_eq(bind_to(cdev, iommufd), -EBUSY);
	ck_assert_int_eq(iom_sim_hold_group(sim, 14, 0, NULL), 0);
	ck_assert_int_eq(bind_to(cdev, iommufd), 0);
	ck_assert_int_eq(iom_sim_hold_group(sim, 14, 4711, "qemu"), -EBUSY);
	ck_assert_int_eq(iom_sim_hold_device(sim, NVME, 4711, "qemu"), -EBUSY);
}
END_TEST

/* A device by its own node, and with it the group. */
START_TEST(held_device)
{
	int iommufd, first, second;
	char path[64] = { 0 };

	make(&several_config);
	iommufd = open_iommufd();
	first = open_cdev(3);
	second = open_cdev(4);
	ck_assert_int_eq(iom_sim_hold_device(sim, "0000:04:00.0", 4711, "qemu"), 0);
	ck_assert_int_eq(iom_sim_hold_device(sim, "0000:04:00.2", 4711, "qemu"), -ENOENT);
	ck_assert_int_eq(bind_to(first, iommufd), -EINVAL);
	ck_assert_int_eq(bind_to(second, iommufd), -EPERM);
	ck_assert_int_eq(open_group(4), -EBUSY);
	ck_assert_int_eq(iom_sim_bind(sim, "0000:04:00.0", NULL), -EBUSY);
	ck_assert_int_eq(iom_sim_hold_group(sim, 4, 4711, "qemu"), -EBUSY);
	ck_assert_int_eq(iom_sim_hold_group(sim, 3, 4711, "qemu"), 0);
	ck_assert_int_eq(iom_sys_list_dir(sys, "/proc/4711/fd", find_cdev, path), 1);
	ck_assert_str_eq(path, "/dev/vfio/devices/vfio3");
	ck_assert_int_eq(iom_sim_hold_group(sim, 3, 0, NULL), 0);
	ck_assert_int_eq(bind_to(first, iommufd), -EINVAL);
	ck_assert(exists("/proc/4711/comm"));
	ck_assert_int_eq(iom_sim_hold_device(sim, "0000:04:00.0", 0, NULL), 0);
	ck_assert(!exists("/proc/4711/comm"));
	ck_assert_int_eq(bind_to(first, iommufd), 0);
}
END_TEST

/* iommufd without the devices' own nodes is of use as a container only. */
START_TEST(no_nodes_of_devices)
{
	const struct iom_sim_config config = {
		.size = sizeof(config),
		.iommufd = true,
		.no_cdev = true,
	};
	int iommufd, group, device;
	char *memory = make_memory(PAGE), c;

	make(&config);
	iommufd = open_iommufd();
	group = open_group(14);
	ck_assert_int_eq(join(iommufd, group), 0);
	ck_assert_int_eq(set_type(iommufd), 0);
	device = open_device(group, NVME);
	ck_assert_int_ge(device, 0);
	ck_assert_int_eq(map(iommufd, BASE, memory, PAGE, RW), 0);
	ck_assert_int_eq(dma_read(NVME, BASE, &c, 1), 0);
	ck_assert_int_eq(bind_to(device, iommufd), -ENOTTY);
}
END_TEST

START_TEST(isolation_of_interrupts)
{
	const struct iom_sim_config config = {
		.size = sizeof(config),
		.iommufd = true,
		.no_isolated_msi = true,
		.unsafe_interrupts = true,
	};
	int iommufd, cdev, group;

	make(&config);
	iommufd = open_iommufd();
	cdev = open_cdev(0);
	ck_assert_int_eq(bind_to(cdev, iommufd), -EPERM);
	/* type1's parameter is another one */
	make_container(15);
	group = open_group(14);
	ck_assert_int_eq(join(iommufd, group), 0);
	ck_assert_int_eq(set_type(iommufd), 0);
	ck_assert_int_eq(open_device(group, NVME), -EPERM);
	iom_sim_set_iommufd_unsafe_interrupts(sim, true);
	ck_assert_int_ge(open_device(group, NVME), 0);
}
END_TEST

/* What was not refused by iommufd is served by type1 on the same machine. */
START_TEST(first_stage_only)
{
	static const unsigned int kernels[] = { 612, 613, 702 };
	struct iom_sim_config config = several_config;
	struct iom_iommu_iova_range ranges[2];
	char *memory = make_memory(PAGE), c;
	int iommufd, cdev, container;

	config.kernel = kernels[_i];
	config.first_stage_only = true;
	make(&config);
	iommufd = open_iommufd();
	new_ioas(iommufd);
	cdev = open_cdev(0);
	ck_assert_int_eq(bind_to(cdev, iommufd), 0);
	ck_assert_int_eq(attach(cdev, 1), _i ? 0 : -EINVAL);
	if (_i) {
		ck_assert_uint_eq(ranges_of(iommufd, 1, ranges, 2), 2);
		ck_assert_uint_eq(ranges[1].last, 0x7fffffffffff);
	}
	ck_assert_int_eq(iom_sys_close(sys, cdev), 0);
	container = make_container(1);
	ck_assert_int_eq(map(container, 0x7fffffffffff - PAGE + 1, memory, PAGE,
			     VFIO_DMA_MAP_FLAG_WRITE),
			 0);
	ck_assert_int_eq(map(container, 0x7fffffffffff + 1, memory, PAGE, RW), -EINVAL);
	ck_assert_int_eq(dma_read(NVME, 0x7fffffffffff, &c, 1), 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("sim_iommufd");
	TCase *tcase = tcase_create("iommufd");

	tcase_add_checked_fixture(tcase, set_up_iommufd, tear_down);
	tcase_add_test(tcase, interfaces);
	tcase_add_test(tcase, configs_that_make_no_sense);
	tcase_add_test(tcase, nodes_come_and_go_with_the_driver);
	tcase_add_test(tcase, dma_goes_through_the_ioas);
	tcase_add_test(tcase, two_address_spaces);
	tcase_add_test(tcase, maps_outlive_devices_and_the_descriptor);
	tcase_add_test(tcase, surprise_removal);
	tcase_add_test(tcase, apertures_narrow_and_widen);
	tcase_add_test(tcase, two_functions_of_one_group);
	tcase_add_test(tcase, held_by_another_process);
	tcase_add_test(tcase, held_device);
	tcase_add_test(tcase, no_nodes_of_devices);
	tcase_add_test(tcase, isolation_of_interrupts);
	tcase_add_loop_test(tcase, first_stage_only, 0, 3);
	suite_add_tcase(suite, tcase);
	return run_suite(suite);
}
