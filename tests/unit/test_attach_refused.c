// SPDX-License-Identifier: BSD-3-Clause
/*
 * Devices that cannot be attached: one sentence each that names what is in the way and what to do, nothing
 * left behind, and an attach that works once the machine is mended.
 */
#include <unistd.h>

#include "tests/unit/domain_rig.h"
#include "tests/unit/runner.h"

static int attach(const char *address)
{
	struct iom_device *untouched = (struct iom_device *)&rig, *dev = untouched;
	int ret = iom_attach(rig.dom, address, NULL, &dev);

	if (ret < 0)
		ck_assert_ptr_eq(dev, untouched);
	else
		rig.nvme = dev;
	return ret;
}

/* As before the first attach. */
#define ck_assert_nothing_left()                                            \
	do {                                                                \
		ck_assert_uint_eq(iom_sim_open_fds(rig.sim), 0);            \
		ck_assert_ptr_null(iom_backend(rig.dom));                   \
		ck_assert_uint_eq(iom_page_size(rig.dom), 0);               \
		ck_assert_int_eq(iom_apertures(rig.dom, NULL, 0), -ENODEV); \
	} while (0)

#define ck_assert_mended()                  \
	do {                                \
		ck_assert_nothing_left();   \
		mend();                     \
		ck_assert_ok(attach(NVME)); \
		ck_assert_works();          \
	} while (0)

/* ---- Arguments ---------------------------------------------------------------------------------- */

START_TEST(arguments)
{
	struct {
		struct iom_attach_opts opts;
		uint64_t tail;
	} longer = { .opts = { .size = sizeof(longer) }, .tail = 1 };
	struct iom_attach_opts opts = { .size = sizeof(opts) };
	struct iom_device *dev = NULL;

	ck_assert_fails(attach("1:0.0"), -EINVAL, "attach 1:0.0: ", "0000:01:00.0");
	ck_assert_fails(attach(""), -EINVAL, "attach : ");
	opts.dma_bits = 11;
	ck_assert_fails(iom_attach(rig.dom, NVME, &opts, &dev), -EINVAL, "attach " NVME ": ",
			"dma_bits is 11", "12 to 64");
	opts.dma_bits = 65;
	ck_assert_fails(iom_attach(rig.dom, NVME, &opts, &dev), -EINVAL, "dma_bits is 65");
	opts.dma_bits = UINT64_MAX;
	ck_assert_fails(iom_attach(rig.dom, NVME, &opts, &dev), -EINVAL, "dma_bits");
	opts.dma_bits = 0;
	opts.size = 0;
	ck_assert_fails(iom_attach(rig.dom, NVME, &opts, &dev), -EINVAL, "attach " NVME ": ",
			"iom_attach_opts.size");
	ck_assert_fails(iom_attach(rig.dom, NVME, &longer.opts, &dev), -E2BIG, "attach " NVME ": ",
			"iom_attach_opts");
	ck_assert_ptr_null(dev);
	ck_assert_nothing_left();
	/* not even looked at */
	ck_assert_uint_eq(iom_sim_calls_of(rig.sim, IOM_SIM_OPEN), 0);
}
END_TEST

/* ---- The machine -------------------------------------------------------------------------------- */

/* Group 14 has a second function, 15 none; 16 is a bridge and a device; one is without an IOMMU. */
static const struct iom_sim_device devices[] = {
	{ .address = NVME, .group = 14, .driver = "vfio-pci" },
	{ .address = "0000:01:00.1", .group = 14 },
	{ .address = EDU, .group = 15, .driver = "vfio-pci" },
	{ .address = "0000:03:00.0", .group = -1, .driver = "vfio-pci" },
	{ .address = "0000:04:00.0", .group = 16, .driver = "pcieport" },
	{ .address = "0000:04:00.1", .group = 16, .driver = "vfio-pci" },
	{ .address = "0000:04:00.2", .group = 16, .driver = "vfio-pci" },
};

static const struct iom_sim_config config = {
	.size = sizeof(config),
	.devices = devices,
	.n_devices = ARRAY_SIZE(devices),
};

static void set_up(void)
{
	rig_domain(&config);
}

static void break_driver(void)
{
	ck_assert_int_eq(iom_sim_bind(rig.sim, NVME, "nvme"), 0);
}

static void break_no_driver(void)
{
	ck_assert_int_eq(iom_sim_bind(rig.sim, NVME, NULL), 0);
}

static void break_group(void)
{
	ck_assert_int_eq(iom_sim_bind(rig.sim, "0000:01:00.1", "e1000e"), 0);
}

static void break_held(void)
{
	ck_assert_int_eq(iom_sim_hold_group(rig.sim, 14, 4711, "qemu-system-x86"), 0);
}

static void break_container_missing(void)
{
	ck_assert_int_eq(iom_sim_path_error(rig.sim, "/dev/vfio/vfio", -ENOENT), 0);
}

static void break_container_denied(void)
{
	ck_assert_int_eq(iom_sim_path_error(rig.sim, "/dev/vfio/vfio", -EACCES), 0);
}

static void break_group_missing(void)
{
	ck_assert_int_eq(iom_sim_path_error(rig.sim, "/dev/vfio/14", -ENOENT), 0);
}

static void break_group_denied(void)
{
	ck_assert_int_eq(iom_sim_path_error(rig.sim, "/dev/vfio/14", -EACCES), 0);
}

static void break_type1(void)
{
	iom_sim_set_quirk(rig.sim, IOM_SIM_NO_TYPE1, IOM_SIM_ALWAYS);
}

static void break_type1_v2(void)
{
	iom_sim_set_quirk(rig.sim, IOM_SIM_NO_TYPE1V2, IOM_SIM_ALWAYS);
}

static void break_capabilities(void)
{
	iom_sim_set_quirk(rig.sim, IOM_SIM_NO_CAPS, IOM_SIM_ALWAYS);
}

static void break_cycle(void)
{
	iom_sim_set_quirk(rig.sim, IOM_SIM_CAPS_CYCLE, IOM_SIM_ALWAYS);
}

static void break_outside(void)
{
	iom_sim_set_quirk(rig.sim, IOM_SIM_CAPS_OUTSIDE, IOM_SIM_ALWAYS);
}

static void break_cut(void)
{
	iom_sim_set_quirk(rig.sim, IOM_SIM_CAPS_CUT, IOM_SIM_ALWAYS);
}

static void break_grows(void)
{
	iom_sim_set_quirk(rig.sim, IOM_SIM_INFO_GROWS, IOM_SIM_ALWAYS);
}

static void break_sysfs(void)
{
	ck_assert_int_eq(iom_sim_path_error(rig.sim, "/sys/bus/pci/devices/" NVME "/iommu_group",
					    -EIO),
			 0);
}

static void mend(void)
{
	static const char *const paths[] = { "/dev/vfio/vfio", "/dev/vfio/14",
					     "/sys/bus/pci/devices/" NVME "/iommu_group" };
	size_t i;

	for (i = 0; i < IOM_SIM_QUIRKS; i++)
		iom_sim_set_quirk(rig.sim, (enum iom_sim_quirk)i, 0);
	iom_sim_fail(rig.sim, NULL);
	ck_assert_int_eq(iom_sim_hold_group(rig.sim, 14, 0, NULL), 0);
	ck_assert_int_eq(iom_sim_bind(rig.sim, "0000:01:00.1", NULL), 0);
	/* without a driver there is no group node */
	ck_assert_int_eq(iom_sim_bind(rig.sim, NVME, "vfio-pci"), 0);
	for (i = 0; i < ARRAY_SIZE(paths); i++)
		ck_assert_int_eq(iom_sim_path_error(rig.sim, paths[i], 0), 0);
}

static const struct {
	void (*breaks)(void);
	int error;
	const char *words[3];
} broken[] = {
	{ break_driver, -EBUSY, { "kernel's nvme driver", "vfio-pci", NVME } },
	{ break_no_driver, -ENODEV, { "no driver", "vfio-pci", NVME } },
	{ break_group, -EBUSY, { "group 14 is not viable", "0000:01:00.1", "e1000e" } },
	{ break_held, -EBUSY, { "/dev/vfio/14", "process 4711", "qemu-system-x86" } },
	{ break_container_missing,
	  -EOPNOTSUPP,
	  { "there is no /dev/vfio/vfio", "VFIO_CONTAINER", "no backend works" } },
	{ break_container_denied, -EACCES, { "/dev/vfio/vfio", "ermission", "root" } },
	{ break_group_missing, -EOPNOTSUPP, { "there is no /dev/vfio/14", "VFIO_GROUP", "" } },
	{ break_group_denied, -EACCES, { "/dev/vfio/14", "ermission", "root" } },
	{ break_type1, -EOPNOTSUPP, { "no VFIO type1", "modprobe vfio_iommu_type1", "" } },
	{ break_type1_v2, -EOPNOTSUPP, { "only version 1", "unmaps more", "" } },
	{ break_capabilities, -EOPNOTSUPP, { "which IOVAs", "5.4", "" } },
	{ break_cycle, -EIO, { "capabilities", "no end", "" } },
	{ break_outside, -EIO, { "capability", "outside", "" } },
	{ break_cut, -EIO, { "IOVA ranges", "cut off", "" } },
	{ break_grows, -EIO, { "more room", "", "" } },
	{ break_sysfs, -EIO, { "/sys/bus/pci/devices/" NVME "/iommu_group", "", "" } },
};

START_TEST(broken_machine)
{
	char explanation[1024];

	broken[_i].breaks();
	ck_assert_fails(attach(NVME), broken[_i].error, "attach " NVME ": ", broken[_i].words[0],
			broken[_i].words[1], broken[_i].words[2]);
	/* the reason is in the explanation, too; not that the backend was taken */
	ck_assert_int_gt(iom_explain(rig.dom, explanation, sizeof(explanation)), 0);
	ck_assert_msg(strstr(explanation, broken[_i].words[0]), "\"%s\"", explanation);
	ck_assert_ptr_null(strstr(explanation, "taken"));
	ck_assert_mended();
}
END_TEST

START_TEST(no_such_device)
{
	ck_assert_fails(attach("0000:77:00.0"), -ENODEV, "attach 0000:77:00.0: ", "no PCI device");
	ck_assert_mended();
}
END_TEST

START_TEST(no_iommu)
{
	ck_assert_fails(attach("0000:03:00.0"), -ENODEV,
			"attach 0000:03:00.0: ", "no IOMMU covers");
	ck_assert_mended();
}
END_TEST

/* A bridge does no DMA, so it may keep its driver; it is itself no device for us. */
START_TEST(a_bridge_in_the_group)
{
	ck_assert_fails(attach("0000:04:00.0"), -EBUSY, "pcieport");
	ck_assert_nothing_left();
	/* nor is it ever the culprit */
	ck_assert_int_eq(iom_sim_bind(rig.sim, "0000:04:00.2", "e1000e"), 0);
	ck_assert_fails(attach("0000:04:00.1"), -EBUSY, "0000:04:00.2 is bound to e1000e");
	ck_assert_nothing_left();
	ck_assert_int_eq(iom_sim_bind(rig.sim, "0000:04:00.2", NULL), 0);
	ck_assert_ok(attach("0000:04:00.1"));
}
END_TEST

START_TEST(interrupts_not_isolated)
{
	struct iom_sim_config other = config;

	tear_down();
	other.no_isolated_msi = true;
	rig_domain(&other);
	ck_assert_fails(attach(NVME), -EACCES, "attach " NVME ": ", "interrupts are not isolated",
			"allow_unsafe_interrupts=1");
	ck_assert_nothing_left();
	iom_sim_set_unsafe_interrupts(rig.sim, true);
	ck_assert_ok(attach(NVME));
	ck_assert_works();
}
END_TEST

/* Whoever has it may be this very process. */
START_TEST(held_by_another_domain)
{
	struct iom_domain *other;
	struct iom_device *dev;
	ck_assert_ok(rig_open(&other));
	ck_assert_ok(iom_attach(other, NVME, NULL, &dev));
	ck_assert_fails(attach(NVME), -EBUSY, "/dev/vfio/14 is held by this process itself");
	ck_assert_ptr_null(iom_backend(rig.dom));
	iom_close(other);
	ck_assert_mended();
}
END_TEST

/* Where /proc does not tell, it is another process. */
START_TEST(held_by_nobody_knows_whom)
{
	break_held();
	ck_assert_int_eq(iom_sim_path_error(rig.sim, "/proc/4711/fd", -EACCES), 0);
	ck_assert_fails(attach(NVME), -EBUSY, "/dev/vfio/14 is held by another process");
	ck_assert_mended();
}
END_TEST

START_TEST(no_descriptor_left)
{
	static const struct iom_sim_failure failures[] = {
		{ .nth = 1, .answer = -EMFILE, .calls = 1u << IOM_SIM_OPEN },
		{ .nth = 2, .answer = -EMFILE, .calls = 1u << IOM_SIM_OPEN },
		{ .nth = 1, .answer = -EMFILE, .request = VFIO_GROUP_GET_DEVICE_FD },
		{ .nth = 1, .answer = -ENFILE, .calls = 1u << IOM_SIM_OPEN },
		{ .nth = 2, .answer = -ENFILE, .calls = 1u << IOM_SIM_OPEN },
		{ .nth = 1, .answer = -ENFILE, .request = VFIO_GROUP_GET_DEVICE_FD },
	};

	iom_close(rig.dom);
	rig.backend = "type1";
	ck_assert_ok(rig_open(&rig.dom));
	iom_sim_fail(rig.sim, &failures[_i]);
	ck_assert_fails(attach(NVME), -EMFILE, "attach " NVME ": ", "open",
			strerror(-failures[_i].answer));
	ck_assert_mended();
}
END_TEST

/* An aperture that begins above what the device can drive. */
START_TEST(no_iova_in_reach)
{
	static const struct iom_sim_resv low[] = { { 0, 16 * MIB - 1, "reserved" } };
	static const struct iom_sim_device high[] = {
		{ .address = NVME, .group = 14, .driver = "vfio-pci", .resv = low, .n_resv = 1 },
	};
	const struct iom_sim_config other = { .size = sizeof(other),
					      .devices = high,
					      .n_devices = 1 };
	struct iom_attach_opts opts = { .size = sizeof(opts), .dma_bits = 24 };
	char explanation[1024];

	tear_down();
	rig_domain(&other);
	ck_assert_fails(iom_attach(rig.dom, NVME, &opts, &rig.nvme), -ERANGE, "attach " NVME ": ",
			"0xffffff", "0x1000000");
	ck_assert_nothing_left();
	iom_explain(rig.dom, explanation, sizeof(explanation));
	ck_assert_msg(!strstr(explanation, "taken"), "it was not: \"%s\"", explanation);
	opts.dma_bits = 25;
	ck_assert_ok(iom_attach(rig.dom, NVME, &opts, &rig.nvme));
	ck_assert_works();
}
END_TEST

/* Half a page is all that is not reserved. */
START_TEST(no_iova_at_all)
{
	static const struct iom_sim_resv most[] = { { 0, 0xfffffffff7ff, "reserved" } };
	static const struct iom_sim_device full[] = {
		{ .address = NVME, .group = 14, .driver = "vfio-pci", .resv = most, .n_resv = 1 },
	};
	const struct iom_sim_config other = { .size = sizeof(other),
					      .devices = full,
					      .n_devices = 1 };

	tear_down();
	rig_domain(&other);
	ck_assert_fails(attach(NVME), -EIO, "attach " NVME ": ", "no IOVA range");
	ck_assert_nothing_left();
}
END_TEST

/* Who is in the way cannot always be read; that somebody is, is certain. */
START_TEST(not_viable_by_nobody_knows_whom)
{
	static const char *const hidden[] = {
		"/sys/kernel/iommu_groups/14/devices",
		"/sys/bus/pci/devices/0000:01:00.1/driver",
	};

	break_group();
	ck_assert_int_eq(iom_sim_path_error(rig.sim, hidden[_i], -EACCES), 0);
	ck_assert_fails(attach(NVME), -EBUSY, "group 14 is not viable", "another function");
	ck_assert_int_eq(iom_sim_path_error(rig.sim, hidden[_i], 0), 0);
	ck_assert_mended();
}
END_TEST

/* The second device is refused: the first one goes on as if nothing had been. */
START_TEST(the_second_device)
{
	struct iom_region region;
	struct state before;

	ck_assert_ok(attach(NVME));
	ck_assert_ok(map_any(rig_memory(PAGE), PAGE, &region));
	before = rig_state();
	ck_assert_int_eq(iom_sim_bind(rig.sim, EDU, "edu"), 0);
	ck_assert_fails(attach(EDU), -EBUSY, "edu driver");
	ck_assert_unchanged(before);
	ck_assert_int_eq(iom_sim_bind(rig.sim, EDU, "vfio-pci"), 0);
	ck_assert_int_eq(iom_sim_hold_group(rig.sim, 15, 18, "dpdk-testpmd"), 0);
	ck_assert_fails(attach(EDU), -EBUSY, "dpdk-testpmd");
	ck_assert_unchanged(before);
	ck_assert_int_eq(iom_sim_hold_group(rig.sim, 15, 0, NULL), 0);
	iom_sim_set_quirk(rig.sim, IOM_SIM_CAPS_CYCLE, 1);
	ck_assert_fails(attach(EDU), -EIO, "no end");
	ck_assert_unchanged(before);
	ck_assert(dma_works(NVME, &region));
	ck_assert(dma_misses(EDU, region.iova, PAGE));
	ck_assert_works();
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("attach_refused");
	TCase *tcase = tcase_create("refused");

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_test(tcase, arguments);
	tcase_add_loop_test(tcase, broken_machine, 0, ARRAY_SIZE(broken));
	tcase_add_test(tcase, no_such_device);
	tcase_add_test(tcase, no_iommu);
	tcase_add_test(tcase, a_bridge_in_the_group);
	tcase_add_test(tcase, interrupts_not_isolated);
	tcase_add_test(tcase, held_by_another_domain);
	tcase_add_test(tcase, held_by_nobody_knows_whom);
	tcase_add_loop_test(tcase, no_descriptor_left, 0, 6);
	tcase_add_test(tcase, no_iova_in_reach);
	tcase_add_test(tcase, no_iova_at_all);
	tcase_add_loop_test(tcase, not_viable_by_nobody_knows_whom, 0, 2);
	tcase_add_test(tcase, the_second_device);
	suite_add_tcase(suite, tcase);
	return run_suite(suite);
}
