// SPDX-License-Identifier: BSD-3-Clause
/* The simulated machine: what its files say, and how it changes. */
#include "tests/unit/runner.h"

#include "tests/unit/sim_rig.h"

/* Map memory of its own. */
static int map_some(int container, uint64_t iova, uint64_t size)
{
	return map(container, iova, make_memory(size), size, RW);
}

static void says(const char *path, const char *text)
{
	char buf[4096];

	ck_assert_int_ge(iom_sys_read_text(sys, path, buf, sizeof(buf)), 0);
	ck_assert_str_eq(buf, text);
}

static void fails(const char *path, int error)
{
	char buf[16];

	ck_assert_int_eq(iom_sys_read_text(sys, path, buf, sizeof(buf)), error);
}

static void points(const char *path, const char *target)
{
	char buf[256] = { 0 };

	ck_assert_int_gt(sys->read_link(sys->ctx, path, buf, sizeof(buf) - 1), 0);
	ck_assert_str_eq(buf, target);
}

static int collect(void *arg, const char *name)
{
	strcat(strcat(arg, " "), name);
	return 0;
}

static void lists(const char *path, const char *names)
{
	char buf[1024] = "";

	ck_assert_int_eq(iom_sys_list_dir(sys, path, collect, buf), 0);
	ck_assert_str_eq(buf, names);
}

static unsigned int group_flags(int fd)
{
	struct vfio_group_status status = { .argsz = sizeof(status) };

	ck_assert_int_eq(iom_sys_ioctl(sys, fd, VFIO_GROUP_GET_STATUS, &status), 0);
	return status.flags;
}

/* ---- Files ---------------------------------------------------------------------------------- */

START_TEST(sysfs)
{
	says("/sys/bus/pci/devices/" NVME "/vendor", "0x1b36");
	says("/sys/bus/pci/devices/" NVME "/device", "0x0010");
	says("/sys/bus/pci/devices/" NVME "/class", "0x010802");
	fails("/sys/bus/pci/devices/" NVME "/reset", -EACCES);
	fails("/sys/bus/pci/devices/" EDU "/reset", -ENOENT);
	points("/sys/bus/pci/devices/" NVME, "../../../devices/pci0000:01/" NVME);
	points("/sys/bus/pci/devices/" NVME "/driver", "../../../bus/pci/drivers/vfio-pci");
	points("/sys/bus/pci/devices/" NVME "/iommu_group", "../../../kernel/iommu_groups/14");
	points("/sys/kernel/iommu_groups/14/devices/" NVME, "../../../../devices/pci0000:01/" NVME);
	says("/sys/bus/pci/devices/" NVME "/iommu_group/type", "DMA-FQ");
	says("/sys/kernel/iommu_groups/14/devices/" NVME "/../" NVME "/vendor", "0x1b36");
	says("/sys/kernel/iommu_groups/14/reserved_regions",
	     "0x00000000fee00000 0x00000000feefffff msi");
	says("/sys/module/vfio_iommu_type1/parameters/dma_entry_limit", "65535");
	says("/sys/module/vfio_iommu_type1/parameters/allow_unsafe_interrupts", "N");
	lists("/sys/kernel/iommu_groups", " 14 15");
	lists("/sys/bus/pci/devices", " " NVME " " EDU);
	lists("/sys/bus/pci/drivers/vfio-pci", " " NVME " " EDU);
	lists("/dev/vfio", " vfio 14 15");
}
END_TEST

START_TEST(paths)
{
	char buf[8];

	fails("/nope", -ENOENT);
	fails("", -ENOENT);
	fails("sys/kernel", -ENOENT);
	fails("/sys/kernel/iommu_groups/14/type/x", -ENOTDIR);
	fails("/sys/kernel", -EISDIR);
	ck_assert_int_eq(sys->read_link(sys->ctx, "/sys/kernel", buf, sizeof(buf)), -EINVAL);
	ck_assert_int_eq(sys->read_link(sys->ctx, "/nope", buf, sizeof(buf)), -ENOENT);
	ck_assert_int_eq(sys->list_dir(sys->ctx, "/nope", collect, buf), -ENOENT);
	ck_assert_int_eq(sys->list_dir(sys->ctx, "/sys/kernel/iommu_groups/14/type", collect, buf),
			 -ENOTDIR);
	ck_assert_int_eq(iom_sys_open(sys, "/dev/vfio/99", O_RDWR), -ENOENT);
	/* cut, as asked */
	ck_assert_int_eq(sys->read_file(sys->ctx, "/sys/bus/pci/devices/" NVME "/vendor", buf, 3),
			 3);
	ck_assert_mem_eq(buf, "0x1", 3);
	ck_assert_int_eq(sys->read_link(sys->ctx, "/sys/bus/pci/devices/" NVME, buf, 5), 5);
	ck_assert_mem_eq(buf, "../..", 5);
}
END_TEST

static int stop_at(void *arg, const char *name)
{
	++*(int *)arg;
	return !strcmp(name, "14") ? 77 : 0;
}

/* The names of a folder may be looked at while it is listed. */
static int look_into(void *arg, const char *name)
{
	char path[64];

	(void)arg;
	snprintf(path, sizeof(path), "/sys/kernel/iommu_groups/%s/type", name);
	says(path, "DMA-FQ");
	return 0;
}

START_TEST(listing)
{
	int n = 0;

	ck_assert_int_eq(iom_sys_list_dir(sys, "/dev/vfio", stop_at, &n), 77);
	ck_assert_int_eq(n, 2);
	ck_assert_int_eq(iom_sys_list_dir(sys, "/sys/kernel/iommu_groups", look_into, NULL), 0);
}
END_TEST

START_TEST(path_errors)
{
	ck_assert_int_eq(iom_sim_path_error(sim, "/dev/vfio/14", -EACCES), 0);
	ck_assert_int_eq(open_group(14), -EACCES);
	lists("/dev/vfio", " vfio 14 15");
	ck_assert_int_eq(iom_sim_path_error(sim, "/dev/vfio/14", -ENOENT), 0);
	ck_assert_int_eq(open_group(14), -ENOENT);
	lists("/dev/vfio", " vfio 15");
	ck_assert_int_eq(iom_sim_path_error(sim, "/dev/vfio/14", 0), 0);
	ck_assert_int_ge(open_group(14), 0);
	ck_assert_int_eq(iom_sim_path_error(sim, "/dev/vfio", -ENOENT), 0);
	ck_assert_int_eq(iom_sys_open(sys, "/dev/vfio/vfio", O_RDWR), -ENOENT);
	ck_assert_int_eq(iom_sim_path_error(sim, "/proc/self/limits", -EIO), 0);
	fails("/proc/self/limits", -EIO);
	ck_assert_int_eq(iom_sim_path_error(sim, "/proc/self/nope", -EIO), -ENOENT);
}
END_TEST

/*
 * The layout must be that of the kernel under this test: the first two columns, and the numbers'
 * places.
 */
START_TEST(limits)
{
	char real[4096], simulated[4096], *r, *s;

	ck_assert_int_gt(iom_sys_read_text(&iom_sys_linux, "/proc/self/limits", real, 4096), 0);
	ck_assert_int_gt(iom_sys_read_text(sys, "/proc/self/limits", simulated, 4096), 0);
	for (r = real, s = simulated; *r && *s;) {
		ck_assert_mem_eq(r, s, 26);
		ck_assert_uint_eq(strcspn(r, "\n"), strcspn(s, "\n"));
		if (!strncmp(r, "Max locked memory", 17))
			ck_assert_mem_eq(r + 68, s + 68, strcspn(r, "\n") - 68);
		r += strcspn(r, "\n") + !!strchr(r, '\n');
		s += strcspn(s, "\n") + !!strchr(s, '\n');
	}
	ck_assert_uint_eq(strlen(r), strlen(s));
	ck_assert_ptr_nonnull(strstr(simulated, "Max locked memory         8388608              "
						"8388608              bytes     \n"));
	iom_sim_set_memlock(sim, IOM_SIM_UNLIMITED, false);
	ck_assert_int_gt(iom_sys_read_text(sys, "/proc/self/limits", simulated, 4096), 0);
	ck_assert_ptr_nonnull(strstr(simulated, "Max locked memory         unlimited "));
}
END_TEST

START_TEST(status)
{
	int container = make_container(14);
	char buf[4096];

	ck_assert_int_eq(map_some(container, BASE, 3 * PAGE), 0);
	ck_assert_int_gt(iom_sys_read_text(sys, "/proc/self/status", buf, sizeof(buf)), 0);
	ck_assert_ptr_nonnull(strstr(buf, "\nVmLck:\t     192 kB\n"));
	ck_assert_ptr_nonnull(strstr(buf, "\nCapEff:\t0000000000004000"));
	iom_sim_set_memlock(sim, 4096, false);
	ck_assert_int_gt(iom_sys_read_text(sys, "/proc/self/status", buf, sizeof(buf)), 0);
	ck_assert_ptr_nonnull(strstr(buf, "\nCapEff:\t0000000000000000"));
}
END_TEST

/* ---- The machine ---------------------------------------------------------------------------- */

START_TEST(bad_configs)
{
	struct iom_sim_device twice[] = { { .address = NVME }, { .address = NVME } };
	struct {
		struct iom_sim_config config;
		uint64_t later;
	} longer = { .config = { .size = sizeof(longer) }, .later = 1 };
	const struct iom_sim_config bad[] = {
		{ .size = 1 },
		{ .size = sizeof(bad[0]), .platform = "vax" },
		{ .size = sizeof(bad[0]), .kernel = 603 },
		{ .size = sizeof(bad[0]), .page_size = 8192 },
		{ .size = sizeof(bad[0]), .devices = twice, .n_devices = 2 },
		{ .size = sizeof(bad[0]),
		  .devices = &(struct iom_sim_device){ .address = "01:00.0" },
		  .n_devices = 1 },
	};
	struct iom_sim *other = NULL;
	size_t i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ck_assert_int_eq(iom_sim_create(&bad[i], &other), -EINVAL);
	ck_assert_int_eq(iom_sim_create(&longer.config, &other), -E2BIG);
	longer.later = 0;
	ck_assert_ptr_null(other);
	ck_assert_int_eq(iom_sim_create(&longer.config, &other), 0);
	iom_sim_destroy(other);
}
END_TEST

START_TEST(no_iommu)
{
	const struct iom_sim_device device = { .address = NVME, .group = -1, .driver = "vfio-pci" };
	const struct iom_sim_config config = {
		.size = sizeof(config),
		.devices = &device,
		.n_devices = 1,
	};

	make(&config);
	fails("/sys/bus/pci/devices/" NVME "/iommu_group/type", -ENOENT);
	lists("/dev/vfio", " vfio");
	lists("/sys/kernel/iommu_groups", "");
}
END_TEST

/* Three functions in one group, one of them with a kernel driver. */
START_TEST(viability)
{
	const struct iom_sim_device devices[] = {
		{ .address = "0000:01:00.0", .group = 7, .driver = "vfio-pci" },
		{ .address = "0000:01:00.1", .group = 7, .driver = "e1000e" },
		{ .address = "0000:01:00.2", .group = 7 },
	};
	const struct iom_sim_config config = {
		.size = sizeof(config),
		.devices = devices,
		.n_devices = 3,
	};
	int container, group;

	make(&config);
	container = open_container();
	group = open_group(7);
	ck_assert_uint_eq(group_flags(group), 0);
	ck_assert_int_eq(join(container, group), -EPERM);
	points("/sys/bus/pci/devices/0000:01:00.1/driver", "../../../bus/pci/drivers/e1000e");
	ck_assert_int_eq(iom_sim_bind(sim, "0000:01:00.1", "pci-stub"), 0);
	ck_assert_uint_eq(group_flags(group), VFIO_GROUP_FLAGS_VIABLE);
	ck_assert_int_eq(join(container, group), 0);
	/* nor may a driver come now */
	ck_assert_int_eq(iom_sim_bind(sim, "0000:01:00.2", "e1000e"), -EBUSY);
	ck_assert_int_eq(iom_sim_bind(sim, "0000:01:00.2", "mlx5_vfio_pci"), 0);
	ck_assert_int_eq(set_type(container), 0);
	/* bound to no VFIO driver: not to be had */
	ck_assert_int_eq(open_device(group, "0000:01:00.1"), -ENODEV);
	ck_assert_int_ge(open_device(group, "0000:01:00.2"), 0);
	ck_assert_int_eq(iom_sim_bind(sim, "0000:01:00.2", NULL), -EBUSY);
	ck_assert_int_eq(iom_sim_bind(sim, "0000:01:00.9", NULL), -ENOENT);
}
END_TEST

START_TEST(binding)
{
	ck_assert_int_eq(iom_sim_bind(sim, NVME, "nvme"), 0);
	points("/sys/bus/pci/devices/" NVME "/driver", "../../../bus/pci/drivers/nvme");
	lists("/sys/bus/pci/drivers/vfio-pci", " " EDU);
	lists("/dev/vfio", " vfio 15");
	ck_assert_int_eq(iom_sim_bind(sim, NVME, NULL), 0);
	fails("/sys/bus/pci/devices/" NVME "/driver/x", -ENOENT);
	lists("/sys/bus/pci/drivers/nvme", "");
	ck_assert_int_eq(iom_sim_bind(sim, NVME, "vfio-pci"), 0);
	lists("/dev/vfio", " vfio 15 14");
	lists("/sys/bus/pci/devices/" NVME "/vfio-dev", " vfio2");
}
END_TEST

START_TEST(held_by_another_process)
{
	char path[64];
	int fd;

	ck_assert_int_eq(iom_sim_hold_group(sim, 14, 4711, "qemu-system-x86"), 0);
	ck_assert_int_eq(open_group(14), -EBUSY);
	says("/proc/4711/comm", "qemu-system-x86");
	points("/proc/4711/fd/24", "/dev/vfio/14");
	ck_assert_int_eq(iom_sim_hold_group(sim, 99, 1, "x"), -ENOENT);
	ck_assert_int_eq(iom_sim_hold_group(sim, 14, 0, NULL), 0);
	fails("/proc/4711/comm", -ENOENT);
	fd = open_group(14);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(iom_sim_hold_group(sim, 14, 4711, "x"), -EBUSY);
	/* this process is found in the same way */
	snprintf(path, sizeof(path), "/proc/%d/fd/%d", (int)getpid(), fd);
	points(path, "/dev/vfio/14");
	ck_assert_int_eq(iom_sys_close(sys, fd), 0);
	lists("/proc/self/fd", "");
	ck_assert_int_eq(close(fd), -1);
	ck_assert_int_eq(errno, EBADF);
}
END_TEST

START_TEST(surprise_removal)
{
	int group, container, device;
	char c;

	container = open_container();
	group = open_group(14);
	ck_assert_int_eq(join(container, group), 0);
	ck_assert_int_eq(set_type(container), 0);
	device = open_device(group, NVME);
	ck_assert_int_ge(device, 0);
	ck_assert_int_eq(map_some(container, BASE, PAGE), 0);
	ck_assert_int_eq(iom_sim_dma_read(sim, NVME, BASE, &c, 1), 0);
	ck_assert_int_eq(iom_sim_unplug(sim, NVME), 0);
	ck_assert_int_eq(iom_sim_dma_read(sim, NVME, BASE, &c, 1), -ENODEV);
	says("/sys/bus/pci/devices/" NVME "/vendor", "0x1b36");
	ck_assert_int_eq(open_device(group, NVME), -ENODEV);
	ck_assert_int_eq(iom_sys_close(sys, device), 0);
	fails("/sys/bus/pci/devices/" NVME "/vendor", -ENOENT);
	lists("/sys/kernel/iommu_groups", " 15");
	lists("/dev/vfio", " vfio 15");
	ck_assert_int_eq(iom_sys_close(sys, group), 0);
	ck_assert_uint_eq(iom_sim_mapped_bytes(sim), 0);
	ck_assert_int_eq(iom_sim_plug(sim, NVME), 0);
	says("/sys/bus/pci/devices/" NVME "/vendor", "0x1b36");
	ck_assert_int_ge(open_group(14), 0);
	ck_assert_int_eq(iom_sim_plug(sim, "0000:0f:00.0"), -ENOENT);
}
END_TEST

START_TEST(absent_until_plugged)
{
	const struct iom_sim_device device = { .address = NVME, .group = 3, .absent = true };
	const struct iom_sim_config config = {
		.size = sizeof(config),
		.devices = &device,
		.n_devices = 1,
	};

	make(&config);
	lists("/sys/bus/pci/devices", "");
	ck_assert_int_eq(iom_sim_plug(sim, NVME), 0);
	lists("/sys/bus/pci/devices", " " NVME);
	lists("/sys/kernel/iommu_groups/3/devices", " " NVME);
}
END_TEST

/* ---- Several groups in one container -------------------------------------------------------- */

static const struct iom_sim_resv rmrr = { 0x70000000, 0x7fffffff, "direct" };
static const struct iom_sim_resv relaxable = { 0x60000000, 0x6fffffff, "direct-relaxable" };
static const struct iom_sim_device several[] = {
	{ .address = "0000:01:00.0", .group = 1, .driver = "vfio-pci" },
	{ .address = "0000:02:00.0", .group = 2, .driver = "vfio-pci", .resv = &rmrr, .n_resv = 1 },
	{ .address = "0000:03:00.0", .group = 3, .driver = "vfio-pci", .iommu_bits = 39 },
	{ .address = "0000:04:00.0",
	  .group = 4,
	  .driver = "vfio-pci",
	  .resv = &relaxable,
	  .n_resv = 1 },
};
static const struct iom_sim_config several_config = {
	.size = sizeof(several_config),
	.devices = several,
	.n_devices = 4,
};

START_TEST(apertures_narrow_and_widen)
{
	const uint64_t past_39 = UINT64_C(1) << 39;
	int container, second, third, fourth;

	make(&several_config);
	says("/sys/kernel/iommu_groups/2/reserved_regions",
	     "0x0000000070000000 0x000000007fffffff direct\n"
	     "0x00000000fee00000 0x00000000feefffff msi");
	container = make_container(1);
	second = open_group(2);
	third = open_group(3);
	fourth = open_group(4);
	/* a live mapping where the second cannot reach */
	ck_assert_int_eq(map_some(container, rmrr.start, PAGE), 0);
	ck_assert_int_eq(join(container, second), -EINVAL);
	ck_assert_int_eq(join(container, fourth), 0);
	ck_assert_int_eq(map_some(container, relaxable.start, PAGE), 0);
	ck_assert_int_eq(map_some(container, past_39, PAGE), 0);
	ck_assert_int_eq(join(container, third), -EINVAL);
	ck_assert_uint_eq(group_flags(third), VFIO_GROUP_FLAGS_VIABLE);
	ck_assert_uint_eq(iom_sim_mapped_bytes(sim), 3 * PAGE);

	make(&several_config);
	container = make_container(1);
	second = open_group(2);
	third = open_group(3);
	ck_assert_int_eq(join(container, second), 0);
	ck_assert_int_eq(join(container, third), 0);
	ck_assert_int_eq(map_some(container, rmrr.start, PAGE), -EINVAL);
	ck_assert_int_eq(map_some(container, rmrr.last + 1, PAGE), 0);
	ck_assert_int_eq(map_some(container, past_39 - PAGE, PAGE), 0);
	ck_assert_int_eq(map_some(container, past_39, PAGE), -EINVAL);
	ck_assert_int_eq(iom_sys_ioctl(sys, third, VFIO_GROUP_UNSET_CONTAINER, NULL), 0);
	ck_assert_int_eq(map_some(container, past_39, PAGE), 0);
	ck_assert_int_eq(map_some(container, rmrr.start, PAGE), -EINVAL);
	ck_assert_int_eq(iom_sys_close(sys, second), 0);
	ck_assert_int_eq(map_some(container, rmrr.start, PAGE), 0);
	ck_assert_uint_eq(iom_sim_mapped_bytes(sim), 4 * PAGE);
}
END_TEST

START_TEST(isolation_of_interrupts)
{
	const struct iom_sim_config config = { .size = sizeof(config), .no_isolated_msi = true };
	int container, group, other;

	make(&config);
	container = open_container();
	group = open_group(14);
	other = open_group(15);
	ck_assert_int_eq(join(container, group), 0);
	ck_assert_int_eq(set_type(container), -EPERM);
	iom_sim_set_unsafe_interrupts(sim, true);
	says("/sys/module/vfio_iommu_type1/parameters/allow_unsafe_interrupts", "Y");
	ck_assert_int_eq(set_type(container), 0);
	iom_sim_set_unsafe_interrupts(sim, false);
	ck_assert_int_eq(join(container, other), -EPERM);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("sim");
	TCase *tcase = tcase_create("machine");

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_test(tcase, sysfs);
	tcase_add_test(tcase, paths);
	tcase_add_test(tcase, listing);
	tcase_add_test(tcase, path_errors);
	tcase_add_test(tcase, limits);
	tcase_add_test(tcase, status);
	tcase_add_test(tcase, bad_configs);
	tcase_add_test(tcase, no_iommu);
	tcase_add_test(tcase, viability);
	tcase_add_test(tcase, binding);
	tcase_add_test(tcase, held_by_another_process);
	tcase_add_test(tcase, surprise_removal);
	tcase_add_test(tcase, absent_until_plugged);
	tcase_add_test(tcase, apertures_narrow_and_widen);
	tcase_add_test(tcase, isolation_of_interrupts);
	suite_add_tcase(suite, tcase);
	return run_suite(suite);
}
