// SPDX-License-Identifier: BSD-3-Clause
/* The iommufd backend: which calls it makes, how it explains refusals, and answers that make no sense. */
#include "tests/unit/domain_rig.h"
#include "tests/unit/runner.h"

#define FOUR_GIB (4 * GIB)
#define NODE "/dev/vfio/devices/vfio0"

static const struct iom_sim_device devices[] = {
	{ .address = NVME, .group = 14, .driver = "vfio-pci" },
	{ .address = "0000:01:00.1", .group = 14, .driver = "vfio-pci" },
	{ .address = EDU, .group = 15, .driver = "vfio-pci" },
};

static const struct iom_sim_config config = {
	.size = sizeof(config),
	.devices = devices,
	.n_devices = ARRAY_SIZE(devices),
	.iommufd = true,
};

static void start(const struct iom_sim_config *machine)
{
	rig_machine(machine);
	rig.backend = "iommufd";
	ck_assert_ok(rig_open(&rig.dom));
}

static void set_up(void)
{
	start(&config);
}

static int attach(void)
{
	struct iom_device *untouched = (struct iom_device *)&rig, *dev = untouched;
	int ret = iom_attach(rig.dom, NVME, NULL, &dev);

	if (ret < 0)
		ck_assert_ptr_eq(dev, untouched);
	else
		rig.nvme = dev;
	return ret;
}

static void fail_ioctl(unsigned long request, int answer, bool on)
{
	const struct iom_sim_failure failure = {
		.nth = 1,
		.answer = answer,
		.request = request,
		.on = on,
	};

	iom_sim_fail(rig.sim, &failure);
}

/* Nothing is left of the attach that failed, and it works now. */
static void check_mended(void)
{
	iom_sim_fail(rig.sim, NULL);
	rig.after = NULL;
	ck_assert_uint_eq(iom_sim_open_fds(rig.sim), 0);
	ck_assert_ptr_null(iom_backend(rig.dom));
	ck_assert_uint_eq(iom_page_size(rig.dom), 0);
	ck_assert_ok(attach());
	ck_assert_str_eq(iom_backend(rig.dom), "iommufd");
	ck_assert_works();
}

/* ---- The calls ------------------------------------------------------------------------------------- */

START_TEST(one_call_of_each)
{
	struct iom_device *edu;

	ck_assert_ok(attach());
	ck_assert_uint_eq(iom_sim_ioctls(rig.sim, IOM_IOMMU_IOAS_ALLOC), 1);
	ck_assert_uint_eq(iom_sim_ioctls(rig.sim, IOM_VFIO_DEVICE_BIND_IOMMUFD), 1);
	ck_assert_uint_eq(iom_sim_ioctls(rig.sim, IOM_VFIO_DEVICE_ATTACH_IOMMUFD_PT), 1);
	ck_assert_uint_eq(iom_sim_open_fds(rig.sim), 2);
	/* it is the device's descriptor */
	ck_assert_int_eq(iom_sys_ioctl(&rig.sys, iom_device_fd(rig.nvme), VFIO_DEVICE_RESET, NULL),
			 0);

	/* the second device shares the address space */
	ck_assert_ok(iom_attach(rig.dom, EDU, NULL, &edu));
	ck_assert_uint_eq(iom_sim_ioctls(rig.sim, IOM_IOMMU_IOAS_ALLOC), 1);
	ck_assert_uint_eq(iom_sim_ioctls(rig.sim, IOM_VFIO_DEVICE_BIND_IOMMUFD), 2);
	ck_assert_uint_eq(iom_sim_open_fds(rig.sim), 3);
	iom_detach(rig.nvme);
	ck_assert_uint_eq(iom_sim_open_fds(rig.sim), 2);
	iom_detach(edu);
	/* and with the last one it goes, so that nothing depends on what the kernel keeps */
	ck_assert_uint_eq(iom_sim_open_fds(rig.sim), 0);
	ck_assert_ok(attach());
	ck_assert_uint_eq(iom_sim_ioctls(rig.sim, IOM_IOMMU_IOAS_ALLOC), 2);
	ck_assert_uint_eq(iom_sim_ioctls(rig.sim, VFIO_SET_IOMMU), 0);
}
END_TEST

/* What the second device cannot reach is not mapped from then on, nor after the first one left. */
START_TEST(ranges_are_read_again)
{
	static const struct iom_sim_resv hole[] = { { 16 * GIB, 16 * GIB + MIB - 1, "reserved" } };
	const struct iom_sim_device narrow[] = {
		{ .address = NVME, .group = 14, .driver = "vfio-pci" },
		{ .address = EDU, .group = 15, .driver = "vfio-pci", .resv = hole, .n_resv = 1 },
	};
	const struct iom_sim_config machine = {
		.size = sizeof(machine),
		.devices = narrow,
		.n_devices = ARRAY_SIZE(narrow),
		.iommufd = true,
	};
	struct iom_device *edu;

	tear_down();
	start(&machine);
	ck_assert_ok(attach());
	ck_assert_int_eq(iom_apertures(rig.dom, NULL, 0), 2);
	ck_assert_ok(iom_attach(rig.dom, EDU, NULL, &edu));
	ck_assert_int_eq(iom_apertures(rig.dom, NULL, 0), 3);
	ck_assert_fails(map_fixed(rig_memory(PAGE), PAGE, 16 * GIB, NULL), -ERANGE, "aperture");
	iom_detach(rig.nvme);
	ck_assert_int_eq(iom_apertures(rig.dom, NULL, 0), 3);
	ck_assert_ok(attach());
	iom_detach(edu);
	ck_assert_int_eq(iom_apertures(rig.dom, NULL, 0), 2);
	ck_assert_ok(map_fixed(rig_memory(PAGE), PAGE, 16 * GIB, NULL));

	/* in the way of the other one: the kernel says so, and the sentence says where to look */
	ck_assert_fails(iom_attach(rig.dom, EDU, NULL, &edu), -EBUSY, "group 15",
			"reserved_regions");
}
END_TEST

/* ---- Attaching: what the kernel refuses ------------------------------------------------------------- */

static const struct {
	unsigned long request;
	int answer, error;
	const char *words[2];
} refusals[] = {
	{ IOM_IOMMU_IOAS_ALLOC, -ENOMEM, -ENOMEM, { "address space", "" } },
	{ IOM_IOMMU_IOAS_ALLOC, -EINVAL, -EIO, { "address space", "Invalid argument" } },
	{ IOM_IOMMU_IOAS_ALLOC, 1, -EIO, { "address space", "" } },

	{ IOM_VFIO_DEVICE_BIND_IOMMUFD,
	  -EPERM,
	  -EACCES,
	  { "interrupts are not isolated", "iommufd.allow_unsafe_interrupts=1" } },
	{ IOM_VFIO_DEVICE_BIND_IOMMUFD, -EBUSY, -EBUSY, { "a device of group 14 is held by", "" } },
	{ IOM_VFIO_DEVICE_BIND_IOMMUFD, -EINVAL, -EOPNOTSUPP, { "bound to an iommufd", "" } },
	{ IOM_VFIO_DEVICE_BIND_IOMMUFD, -ENODEV, -ENODEV, { "gone", "IOMMU" } },
	{ IOM_VFIO_DEVICE_BIND_IOMMUFD, -ENOMEM, -ENOMEM, { "no memory", "" } },
	{ IOM_VFIO_DEVICE_BIND_IOMMUFD, -EINTR, -EIO, { "bind", "Interrupted" } },
	{ IOM_VFIO_DEVICE_BIND_IOMMUFD, 1, -EIO, { "bind", "" } },

	{ IOM_VFIO_DEVICE_ATTACH_IOMMUFD_PT,
	  -EADDRINUSE,
	  -EBUSY,
	  { "group 14", "reserved_regions" } },
	{ IOM_VFIO_DEVICE_ATTACH_IOMMUFD_PT,
	  -EBUSY,
	  -EBUSY,
	  { "group 14", "another address space" } },
	{ IOM_VFIO_DEVICE_ATTACH_IOMMUFD_PT,
	  -EINVAL,
	  -EOPNOTSUPP,
	  { "cannot have it translated", "Invalid argument" } },
	{ IOM_VFIO_DEVICE_ATTACH_IOMMUFD_PT,
	  -EOPNOTSUPP,
	  -EOPNOTSUPP,
	  { "cannot have it translated", "" } },
	{ IOM_VFIO_DEVICE_ATTACH_IOMMUFD_PT,
	  -ENODEV,
	  -EOPNOTSUPP,
	  { "cannot have it translated", "" } },
	{ IOM_VFIO_DEVICE_ATTACH_IOMMUFD_PT, -ENOMEM, -ENOMEM, { "no memory", "" } },
	{ IOM_VFIO_DEVICE_ATTACH_IOMMUFD_PT, -EINTR, -EIO, { "attach it", "Interrupted" } },
	{ IOM_VFIO_DEVICE_ATTACH_IOMMUFD_PT, 1, -EIO, { "attach it", "" } },

	{ IOM_IOMMU_IOAS_IOVA_RANGES, -EINVAL, -EIO, { "which IOVAs", "Invalid argument" } },
	{ IOM_IOMMU_IOAS_IOVA_RANGES, -ENOMEM, -ENOMEM, { "memory", "" } },
	{ IOM_IOMMU_IOAS_IOVA_RANGES, 1, -EIO, { "which IOVAs", "" } },
};

START_TEST(refused)
{
	fail_ioctl(refusals[_i].request, refusals[_i].answer, false);
	ck_assert_fails(attach(), refusals[_i].error, "attach " NVME ": ", refusals[_i].words[0],
			refusals[_i].words[1]);
	ck_assert_int_eq(iom_sim_failed(rig.sim), 1);
	check_mended();
}
END_TEST

/* ---- Nodes -------------------------------------------------------------------------------------------- */

static const struct {
	const char *path;
	int answer, error;
	const char *words[2];
} nodes[] = {
	{ "/dev/iommu", -ENOENT, -EOPNOTSUPP, { "no /dev/iommu", "modprobe iommufd" } },
	{ "/dev/iommu", -EACCES, -EACCES, { "permission denied on /dev/iommu", "root" } },
	{ "/dev/iommu", -EIO, -EIO, { "cannot open /dev/iommu", "" } },
	{ "/sys/bus/pci/devices/" NVME "/vfio-dev",
	  -ENOENT,
	  -EOPNOTSUPP,
	  { "no nodes of their own", "Linux 6.6" } },
	{ "/sys/bus/pci/devices/" NVME "/vfio-dev",
	  -EACCES,
	  -EIO,
	  { "cannot read /sys/bus/pci/devices/" NVME "/vfio-dev", "" } },
	{ NODE, -ENOENT, -EOPNOTSUPP, { "there is no " NODE, "VFIO_DEVICE_CDEV" } },
	{ NODE, -EACCES, -EACCES, { "permission denied on " NODE, "" } },
	{ NODE, -EIO, -EIO, { "cannot open " NODE, "" } },
};

START_TEST(no_node)
{
	ck_assert_int_eq(iom_sim_path_error(rig.sim, nodes[_i].path, nodes[_i].answer), 0);
	ck_assert_fails(attach(), nodes[_i].error, "attach " NVME ": ", nodes[_i].words[0],
			nodes[_i].words[1]);
	ck_assert_int_eq(iom_sim_path_error(rig.sim, nodes[_i].path, 0), 0);
	check_mended();
}
END_TEST

static bool found_before; /* the device's folder was read */

/* Between the first look and the second one it had another number. */
static int list_another(void *ctx, const char *path, iom_sys_name_fn *name, void *arg)
{
	if (found_before || strcmp(path, "/sys/bus/pci/devices/" NVME "/vfio-dev") != 0)
		return iom_sim_sys(rig.sim)->list_dir(ctx, path, name, arg);
	found_before = true;
	return name(arg, "vfio2");
}

/* Its number is another device's by the time that the node is opened: that one is not taken for it. */
START_TEST(number_of_another)
{
	found_before = false;
	rig.sys.list_dir = list_another;
	ck_assert_fails(attach(), -ENODEV, "attach " NVME ": ", "its driver was changed meanwhile",
			"vfio2 is not its node");
	check_mended();
}
END_TEST

START_TEST(no_descriptor_left)
{
	const struct iom_sim_failure failure = {
		.nth = (unsigned int)_i % 2 + 1,
		.answer = _i / 2 ? -ENFILE : -EMFILE,
		.calls = 1u << IOM_SIM_OPEN,
	};

	iom_sim_fail(rig.sim, &failure);
	ck_assert_fails(attach(), -EMFILE, "attach " NVME ": ", "cannot open /dev/");
	check_mended();
}
END_TEST

/* ---- Who is in the way ---------------------------------------------------------------------------------- */

START_TEST(interrupts_not_isolated)
{
	struct iom_sim_config machine = config;

	tear_down();
	machine.no_isolated_msi = true;
	start(&machine);
	ck_assert_fails(attach(), -EACCES, "interrupts are not isolated",
			"iommufd.allow_unsafe_interrupts=1");
	iom_sim_set_iommufd_unsafe_interrupts(rig.sim, true);
	check_mended();
}
END_TEST

/* The group's node is open elsewhere. */
START_TEST(the_group_is_held)
{
	ck_assert_int_eq(iom_sim_hold_group(rig.sim, 14, 4711, "qemu-system-x86"), 0);
	ck_assert_fails(attach(), -EBUSY, "/dev/vfio/14", "process 4711 (qemu-system-x86)");
	ck_assert_int_eq(iom_sim_hold_group(rig.sim, 14, 0, NULL), 0);
	check_mended();
}
END_TEST

/* A neighbour in the group has a driver of the kernel's: it is named, and not the interrupts. */
START_TEST(a_neighbour_is_in_use)
{
	ck_assert_int_eq(iom_sim_bind(rig.sim, "0000:01:00.1", "e1000e"), 0);
	ck_assert_fails(attach(), -EBUSY, "group 14 is not viable",
			"0000:01:00.1 is bound to e1000e");
	ck_assert_int_eq(iom_sim_bind(rig.sim, "0000:01:00.1", "vfio-pci"), 0);
	check_mended();
}
END_TEST

/* The device itself, or another one of its group, is another domain's; by whichever backend. */
START_TEST(another_domain_has_it)
{
	static const struct {
		const char *address, *backend, *node;
	} others[] = {
		{ NVME, "iommufd", NODE " is held by" },
		{ "0000:01:00.1", "iommufd", "/dev/vfio/devices/vfio1 is held by" },
		{ NVME, "type1", "/dev/vfio/14 is held by" },
		{ "0000:01:00.1", "type1", "/dev/vfio/14 is held by" },
	};
	struct iom_domain *other;
	struct iom_device *dev;

	/* the nodes are numbered in the order of the devices */
	rig.backend = others[_i].backend;
	ck_assert_ok(rig_open(&other));
	ck_assert_ok(iom_attach(other, others[_i].address, NULL, &dev));
	ck_assert_fails(attach(), -EBUSY, others[_i].node, "end it first");
	iom_close(other);
	check_mended();
}
END_TEST

/* ---- Ranges that make no sense ------------------------------------------------------------------------- */

/* They grow between two calls: asked again; without end: not for ever. */
START_TEST(ranges_that_grow)
{
	iom_sim_set_quirk(rig.sim, IOM_SIM_RANGES_GROW, 3);
	ck_assert_ok(attach());
	ck_assert_int_eq(iom_apertures(rig.dom, NULL, 0), 2);
	ck_assert_uint_ge(iom_sim_ioctls(rig.sim, IOM_IOMMU_IOAS_IOVA_RANGES), 4);
	iom_detach(rig.nvme);
	iom_sim_set_quirk(rig.sim, IOM_SIM_RANGES_GROW, IOM_SIM_ALWAYS);
	ck_assert_fails(attach(), -EIO, "which IOVAs");
	ck_assert_uint_le(iom_sim_ioctls(rig.sim, IOM_IOMMU_IOAS_IOVA_RANGES), 64);
	iom_sim_set_quirk(rig.sim, IOM_SIM_RANGES_GROW, 0);
	ck_assert_ok(attach());
	ck_assert_works();
}
END_TEST

typedef void change_fn(struct iom_iommu_ioas_iova_ranges *arg, struct iom_iommu_iova_range *v);

static void too_many(struct iom_iommu_ioas_iova_ranges *arg, struct iom_iommu_iova_range *v)
{
	(void)v;
	arg->num_iovas = UINT32_MAX;
}

static void none(struct iom_iommu_ioas_iova_ranges *arg, struct iom_iommu_iova_range *v)
{
	(void)v;
	arg->num_iovas = 0;
}

static void overlap(struct iom_iommu_ioas_iova_ranges *arg, struct iom_iommu_iova_range *v)
{
	(void)arg;
	v[1].start = v[0].last;
}

static void backwards(struct iom_iommu_ioas_iova_ranges *arg, struct iom_iommu_iova_range *v)
{
	(void)arg;
	v[0].start = v[0].last + 1;
}

static void unaligned(struct iom_iommu_ioas_iova_ranges *arg, struct iom_iommu_iova_range *v)
{
	(void)v;
	arg->out_iova_alignment = 0;
}

static void by_bytes(struct iom_iommu_ioas_iova_ranges *arg, struct iom_iommu_iova_range *v)
{
	(void)v;
	arg->out_iova_alignment = 1;
}

static void odd(struct iom_iommu_ioas_iova_ranges *arg, struct iom_iommu_iova_range *v)
{
	(void)v;
	arg->out_iova_alignment = 12288;
}

static const struct {
	change_fn *change;
	const char *word;
} nonsense[] = {
	{ too_many, "which IOVAs" },
	{ none, "no IOVA range" },
	{ overlap, "overlap" },
	{ backwards, "unusable aperture" },
	{ unaligned, "unusable aperture" },
	{ by_bytes, "unusable aperture" },
	{ odd, "alignment" },
};

static change_fn *change;

static void change_ranges(struct rig *r, unsigned long request, void *arg)
{
	struct iom_iommu_ioas_iova_ranges *ranges = arg;

	(void)r;
	if (request == IOM_IOMMU_IOAS_IOVA_RANGES)
		change(ranges, (struct iom_iommu_iova_range *)(uintptr_t)ranges->allowed_iovas);
}

START_TEST(ranges_of_no_sense)
{
	change = nonsense[_i].change;
	rig.after = change_ranges;
	ck_assert_fails(attach(), -EIO, "attach " NVME ": ", nonsense[_i].word);
	check_mended();
}
END_TEST

/* ---- Mapping ---------------------------------------------------------------------------------------------- */

static const struct {
	int answer, error;
	const char *words[2];
	bool unknown; /* what the kernel has there now */
} map_errors[] = {
	{ -ENOMEM, -ENOMEM, { "16 KiB", "no memory to pin" }, false },
	{ -EFAULT, -EFAULT, { "not there", "written" }, false },
	{ -EOPNOTSUPP, -EFAULT, { "cannot be pinned", "" }, false },
	{ -EHWPOISON, -EFAULT, { "cannot be pinned", "" }, false },
	{ -EINVAL, -EIO, { "refuses IOVA 0x100000000", "Invalid argument" }, false },
	{ -EEXIST, -EIO, { "something else mapped", "0x100000000" }, true },
	{ 1, -EIO, { "refuses IOVA", "" }, true },
};

START_TEST(map_refused)
{
	char *memory = rig_memory(4 * PAGE);

	ck_assert_ok(attach());
	fail_ioctl(IOM_IOMMU_IOAS_MAP, map_errors[_i].answer, false);
	ck_assert_fails(map_fixed(memory, 4 * PAGE, FOUR_GIB, NULL), map_errors[_i].error, "map 0x",
			map_errors[_i].words[0], map_errors[_i].words[1]);
	ck_assert_uint_eq(rig_counters().quarantined_bytes, map_errors[_i].unknown ? 4 * PAGE : 0);
	ck_assert_int_eq(map_fixed(memory, 4 * PAGE, FOUR_GIB, NULL),
			 map_errors[_i].unknown ? -EEXIST : 0);
	ck_assert_works();
}
END_TEST

/* What the user has pinned counts, and the sentence has the numbers. */
START_TEST(memlock)
{
	struct iom_sim_config machine = config;
	char *memory = rig_memory(32 * PAGE);

	tear_down();
	machine.memlock = 64 * KIB;
	machine.no_ipc_lock = true;
	start(&machine);
	ck_assert_ok(attach());
	ck_assert_ok(map_fixed(memory, 12 * PAGE, FOUR_GIB, NULL));
	ck_assert_fails(map_fixed(memory + 12 * PAGE, 8 * PAGE, 8 * GIB, NULL), -ENOMEM, "map 0x",
			"32 KiB more", "RLIMIT_MEMLOCK", "64 KiB", "this user");
	ck_assert_ok(map_fixed(memory + 12 * PAGE, 4 * PAGE, 8 * GIB, NULL));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("iommufd");
	TCase *tcase = tcase_create("iommufd");

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_test(tcase, one_call_of_each);
	tcase_add_test(tcase, ranges_are_read_again);
	tcase_add_loop_test(tcase, refused, 0, ARRAY_SIZE(refusals));
	tcase_add_loop_test(tcase, no_node, 0, ARRAY_SIZE(nodes));
	tcase_add_test(tcase, number_of_another);
	tcase_add_loop_test(tcase, no_descriptor_left, 0, 4);
	tcase_add_test(tcase, interrupts_not_isolated);
	tcase_add_test(tcase, the_group_is_held);
	tcase_add_test(tcase, a_neighbour_is_in_use);
	tcase_add_loop_test(tcase, another_domain_has_it, 0, 4);
	tcase_add_test(tcase, ranges_that_grow);
	tcase_add_loop_test(tcase, ranges_of_no_sense, 0, ARRAY_SIZE(nonsense));
	tcase_add_loop_test(tcase, map_refused, 0, ARRAY_SIZE(map_errors));
	tcase_add_test(tcase, memlock);
	suite_add_tcase(suite, tcase);
	return run_suite(suite);
}
