// SPDX-License-Identifier: BSD-3-Clause
/* Devices that can be attached: what the domain knows then, and several of them. */
#include <unistd.h>

#include "tests/unit/domain_rig.h"
#include "tests/unit/runner.h"

static char explanation[4096];

static const char *explain(void)
{
	int length = iom_explain(rig.dom, explanation, sizeof(explanation));

	ck_assert_int_lt(length, (int)sizeof(explanation));
	ck_assert_uint_eq(strlen(explanation), (size_t)length);
	return explanation;
}

static int attach(const char *address, uint64_t dma_bits, struct iom_device **dev)
{
	const struct iom_attach_opts opts = { .size = sizeof(opts), .dma_bits = dma_bits };

	return iom_attach(rig.dom, address, &opts, dev);
}

/* ---- One device --------------------------------------------------------------------------------- */

START_TEST(a_device)
{
	struct iom_device *dev;
	int fd;

	ck_assert_ok(iom_attach(rig.dom, NVME, NULL, &dev));
	fd = iom_device_fd(dev);
	ck_assert_int_ge(fd, 0);
	ck_assert_str_eq(iom_device_address(dev), NVME);
	ck_assert_str_eq(iom_backend(rig.dom), rig_backend()->name);
	ck_assert_uint_eq(iom_page_size(rig.dom), 4096);
	ck_assert_uint_eq(iom_sim_open_fds(rig.sim), rig_backend()->fds);
	/* it is the device's descriptor */
	ck_assert_int_eq(iom_sys_ioctl(&rig.sys, fd, VFIO_DEVICE_RESET, NULL), 0);
	ck_assert_ptr_nonnull(strstr(rig.log, "attached " NVME));
	ck_assert_works();

	iom_detach(dev);
	ck_assert_ptr_nonnull(strstr(rig.log, "detached " NVME));
	ck_assert_str_eq(iom_backend(rig.dom), rig_backend()->name);
	ck_assert_uint_eq(iom_page_size(rig.dom), 0);
	ck_assert_int_eq(iom_apertures(rig.dom, NULL, 0), -ENODEV);
	ck_assert_int_lt(iom_sys_ioctl(&rig.sys, fd, VFIO_DEVICE_RESET, NULL), 0);
	/* another process could have it now */
	ck_assert_int_eq(iom_sim_hold_group(rig.sim, 14, 17, "qemu"), 0);
}
END_TEST

START_TEST(a_short_address)
{
	struct iom_device *dev;

	ck_assert_ok(iom_attach(rig.dom, "01:00.0", NULL, &dev));
	ck_assert_str_eq(iom_device_address(dev), NVME);
	ck_assert_fails(iom_attach(rig.dom, NVME, NULL, &dev), -EBUSY, "attached to this domain");
}
END_TEST

/* Linux' order: container, group, its status; into the container, the type; only then the device. */
START_TEST(one_call_of_each)
{
	struct iom_device *dev;

	ck_assert_ok(iom_attach(rig.dom, NVME, NULL, &dev));
	ck_assert_uint_eq(iom_sim_ioctls(rig.sim, VFIO_GROUP_GET_STATUS), 1);
	ck_assert_uint_eq(iom_sim_ioctls(rig.sim, VFIO_GROUP_SET_CONTAINER), 1);
	ck_assert_uint_eq(iom_sim_ioctls(rig.sim, VFIO_SET_IOMMU), 1);
	ck_assert_uint_eq(iom_sim_ioctls(rig.sim, VFIO_GROUP_GET_DEVICE_FD), 1);
	ck_assert_uint_eq(iom_sim_ioctls(rig.sim, rig_backend()->map), 0);
	iom_detach(dev);
	ck_assert_uint_eq(iom_sim_ioctls(rig.sim, VFIO_GROUP_UNSET_CONTAINER), 1);
}
END_TEST

/* ---- Platforms ---------------------------------------------------------------------------------- */

static const struct {
	const char *platform;
	uint64_t page_size;
	struct iom_aperture apertures[4];
} platforms[] = {
	{ "x86-48",
	  4096,
	  { { 0, 0xfedfffff, 0x40201000, 0 }, { 0xfef00000, 0xffffffffffff, 0x40201000, 0 } } },
	{ "x86-39",
	  4096,
	  { { 0, 0xfedfffff, 0x40201000, 0 }, { 0xfef00000, 0x7fffffffff, 0x40201000, 0 } } },
	{ "arm64-smmuv3",
	  4096,
	  { { 0, 0x7ffffff, 0x40201000, 0 }, { 0x8100000, 0xffffffffffff, 0x40201000, 0 } } },
	{ "arm64-smmuv3",
	  65536,
	  { { 0, 0x7ffffff, 0x20010000, 0 }, { 0x8100000, 0xffffffffffff, 0x20010000, 0 } } },
};

/* What is expected of type1, as iommufd has it: the smallest page only. */
static void tell_less(struct iom_aperture *a)
{
	if (!rig_is("iommufd") || !a->page_sizes)
		return;
	a->page_sizes &= -a->page_sizes;
	a->flags = IOM_APERTURE_LARGER_PAGES;
}

static void check_platform(int i, unsigned int kernel)
{
	const struct iom_sim_config config = {
		.size = sizeof(config),
		.platform = platforms[i].platform,
		.page_size = platforms[i].page_size,
		.kernel = kernel,
	};
	struct iom_aperture got[4], expected[4];
	size_t n;

	for (n = 0; n < ARRAY_SIZE(expected); n++) {
		expected[n] = platforms[i].apertures[n];
		tell_less(&expected[n]);
	}
	memset(got, 0, sizeof(got));
	rig_restart(&config);
	ck_assert_uint_eq(iom_page_size(rig.dom), platforms[i].page_size);
	ck_assert_int_eq(iom_apertures(rig.dom, NULL, 0), 2);
	ck_assert_int_eq(iom_apertures(rig.dom, got, 4), 2);
	ck_assert_mem_eq(got, expected, sizeof(got));
	/* no more than asked for */
	memset(got, 0, sizeof(got));
	ck_assert_int_eq(iom_apertures(rig.dom, got, 1), 2);
	ck_assert_mem_eq(got, expected, sizeof(got[0]));
	ck_assert_uint_eq(got[1].last, 0);
}

START_TEST(apertures_of_platforms)
{
	check_platform(_i, 601);
	check_platform(_i, 612);
	check_platform(_i, 702);
}
END_TEST

/* What the kernel's answer may look like without being wrong. */
START_TEST(odd_answers)
{
	static const enum iom_sim_quirk quirks[] = { IOM_SIM_CAPS_ODD, IOM_SIM_CAPS_UNKNOWN,
						     IOM_SIM_NO_DMA_AVAIL, IOM_SIM_NO_UNMAP_ALL };
	struct iom_device *dev;

	iom_sim_set_quirk(rig.sim, quirks[_i], IOM_SIM_ALWAYS);
	ck_assert_ok(iom_attach(rig.dom, NVME, NULL, &dev));
	ck_assert_int_eq(iom_apertures(rig.dom, NULL, 0), 2);
	ck_assert_works();
}
END_TEST

/* Before 5.10 the limit is in a file, and nothing says how many are used. */
START_TEST(entry_limit_from_the_module)
{
	struct iom_device *dev;

	iom_sim_set_quirk(rig.sim, IOM_SIM_NO_DMA_AVAIL, IOM_SIM_ALWAYS);
	iom_sim_set_dma_entry_limit(rig.sim, 77);
	ck_assert_ok(iom_attach(rig.dom, NVME, NULL, &dev));
	ck_assert_uint_eq(rig_counters().entry_limit, 77);
	ck_assert_uint_eq(rig_counters().entries_used, UINT64_MAX);
	ck_assert_ptr_nonnull(strstr(explain(), "77"));
}
END_TEST

/* Nor does every kernel have a limit. */
START_TEST(no_entry_limit)
{
	struct iom_device *dev;

	iom_sim_set_quirk(rig.sim, IOM_SIM_NO_DMA_AVAIL, IOM_SIM_ALWAYS);
	ck_assert_int_eq(iom_sim_path_error(rig.sim, "/sys/module/vfio_iommu_type1", -ENOENT), 0);
	ck_assert_ok(iom_attach(rig.dom, NVME, NULL, &dev));
	ck_assert_uint_eq(rig_counters().entry_limit, UINT64_MAX);
	ck_assert_ptr_null(strstr(explain(), "entries"));
	ck_assert_works();
}
END_TEST

/* ---- What it says of itself --------------------------------------------------------------------- */

START_TEST(explains_itself)
{
	char memory[16], taken[64];
	struct iom_device *dev;
	int length;

	ck_assert_ok(attach(NVME, 40, &dev));
	explain();
	snprintf(taken, sizeof(taken), "%s: taken, as %s\n", rig_backend()->name,
		 rig.backend ? "asked for" : "the best that works");
	ck_assert_ptr_nonnull(strstr(explanation, taken));
	ck_assert_ptr_nonnull(strstr(explanation, "0x0 to 0xfedfffff"));
	ck_assert_ptr_nonnull(strstr(explanation, "0xfef00000 to 0xffffffffffff"));
	ck_assert_ptr_nonnull(
		strstr(explanation, rig_is("iommufd") ? "4 KiB" : "4 KiB, 2 MiB, 1 GiB"));
	ck_assert_ptr_nonnull(strstr(explanation, "0xffffffffff\n"));
	ck_assert(!!strstr(explanation, "0 of 65535") == rig_is("type1"));
	length = (int)strlen(explanation);
	ck_assert_int_eq(explanation[length - 1], '\n');

	/* as snprintf() */
	ck_assert_int_eq(iom_explain(rig.dom, NULL, 0), length);
	memset(memory, 'x', sizeof(memory));
	ck_assert_int_eq(iom_explain(rig.dom, memory, 10), length);
	ck_assert_mem_eq(memory, explanation, 9);
	ck_assert_int_eq(memory[9], '\0');
	ck_assert_int_eq(memory[10], 'x');
	ck_assert_int_eq(iom_explain(rig.dom, memory, 1), length);
	ck_assert_int_eq(memory[0], '\0');
	ck_assert_int_eq(iom_explain(rig.dom, explanation, (size_t)length + 1), length);
	ck_assert_int_eq(explanation[length - 1], '\n');
}
END_TEST

/* ---- Several devices ---------------------------------------------------------------------------- */

static const struct iom_sim_device three[] = {
	{ .address = NVME, .group = 14, .driver = "vfio-pci" },
	{ .address = "0000:01:00.1", .group = 14, .driver = "vfio-pci" },
	{ .address = EDU, .group = 15, .driver = "mlx5_vfio_pci" },
};

static void set_up_three(void)
{
	const struct iom_sim_config config = {
		.size = sizeof(config),
		.devices = three,
		.n_devices = ARRAY_SIZE(three),
	};

	rig_domain(&config);
}

/* Descriptors, but for those of devices: container and groups, or an iommufd. */
static unsigned int fds_beside(unsigned int groups)
{
	return rig_is("iommufd") ? 1 : 1 + groups;
}

/* Functions of one group share its descriptor; every device sees every mapping. */
START_TEST(all_see_the_same)
{
	char *early = rig_memory(PAGE), *late = rig_memory(PAGE);
	struct iom_device *dev[3];
	struct iom_region region;
	size_t i;

	ck_assert_ok(iom_attach(rig.dom, NVME, NULL, &dev[0]));
	ck_assert_ok(map_any(early, PAGE, &region));
	ck_assert_ok(iom_attach(rig.dom, "0000:01:00.1", NULL, &dev[1]));
	ck_assert_uint_eq(iom_sim_open_fds(rig.sim), fds_beside(1) + 2);
	ck_assert_ok(iom_attach(rig.dom, EDU, NULL, &dev[2]));
	ck_assert_uint_eq(iom_sim_open_fds(rig.sim), fds_beside(2) + 3);
	ck_assert_uint_eq(iom_sim_ioctls(rig.sim, VFIO_SET_IOMMU), rig_is("iommufd") ? 0 : 1);
	for (i = 0; i < 3; i++)
		ck_assert(dma_works(three[i].address, &region));
	ck_assert_ok(map_any(late, PAGE, &region));
	for (i = 0; i < 3; i++)
		ck_assert(dma_works(three[i].address, &region));
	ck_assert_uint_eq(rig_counters().kernel_maps, 2);

	/* first the group with two: it leaves with the second of them */
	iom_detach(dev[0]);
	ck_assert_uint_eq(iom_sim_open_fds(rig.sim), fds_beside(2) + 2);
	ck_assert(dma_works(EDU, &region));
	iom_detach(dev[1]);
	ck_assert_uint_eq(iom_sim_open_fds(rig.sim), fds_beside(1) + 1);
	ck_assert(dma_works(EDU, &region));
	ck_assert(dma_misses(NVME, region.iova, PAGE));
	ck_assert_ok(iom_attach(rig.dom, NVME, NULL, &dev[0]));
	ck_assert(dma_works(NVME, &region));
}
END_TEST

/* Automatic IOVAs respect the narrowest device, and only while it is there. */
START_TEST(the_narrowest_device)
{
	char *memory = rig_memory(4 * PAGE);
	struct iom_device *wide, *narrow;
	struct iom_region region;

	ck_assert_ok(attach(NVME, 0, &wide));
	ck_assert_ok(map_any(memory, PAGE, &region));
	ck_assert_uint_ge(region.iova, 4 * GIB);
	ck_assert_ok(iom_unmap(rig.dom, &region));
	ck_assert_ok(attach(EDU, 28, &narrow));
	ck_assert_ok(map_any(memory, PAGE, &region));
	ck_assert_uint_lt(region.iova, 256 * MIB);
	ck_assert(dma_works(EDU, &region));
	ck_assert_fails(map_fixed(memory + PAGE, PAGE, 256 * MIB, NULL), -ERANGE, "0xfffffff");
	ck_assert_ok(map_fixed(memory + PAGE, PAGE, 256 * MIB - PAGE, NULL));
	iom_detach(narrow);
	ck_assert_ok(map_any(memory + 2 * PAGE, PAGE, &region));
	ck_assert_uint_ge(region.iova, 4 * GIB);
	/* the wide one's mappings beyond its reach are in the narrow one's way */
	ck_assert_fails(attach(EDU, 28, &narrow), -EBUSY, "attach " EDU, "0x100000000", "unmap");
	ck_assert_ok(iom_unmap(rig.dom, &region));
	ck_assert_ok(attach(EDU, 28, &narrow));
}
END_TEST

START_TEST(dma_bits_at_the_ends)
{
	struct iom_device *dev;

	ck_assert_ok(attach(NVME, 64, &dev));
	iom_detach(dev);
	/* page 0 is all that there is: for a fixed mapping it will do */
	ck_assert_ok(attach(NVME, 12, &dev));
	ck_assert_ok(map_fixed(rig_memory(PAGE), PAGE, 0, NULL));
	ck_assert_fails(map_any(rig_memory(PAGE), PAGE, NULL), -ERANGE, "0xfff");
	iom_detach(dev);
	ck_assert_ok(attach(NVME, 13, &dev));
	ck_assert_ok(map_any(rig_memory(PAGE), PAGE, NULL));
	ck_assert_fails(map_any(rig_memory(PAGE), PAGE, NULL), -ENOSPC, "0x1fff");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("attach");
	TCase *one = tcase_create("one");
	TCase *several = tcase_create("several");

	tcase_add_checked_fixture(one, set_up_domain, tear_down);
	tcase_add_test(one, a_device);
	tcase_add_test(one, a_short_address);
	if (rig_is("type1"))
		tcase_add_test(one, one_call_of_each);
	tcase_add_loop_test(one, apertures_of_platforms, 0, ARRAY_SIZE(platforms));
	tcase_add_loop_test(one, odd_answers, 0, 4);
	if (rig_is("type1"))
		tcase_add_test(one, entry_limit_from_the_module);
	tcase_add_test(one, no_entry_limit);
	tcase_add_test(one, explains_itself);
	tcase_add_test(one, dma_bits_at_the_ends);
	tcase_add_checked_fixture(several, set_up_three, tear_down);
	tcase_add_test(several, all_see_the_same);
	tcase_add_test(several, the_narrowest_device);
	suite_add_tcase(suite, one);
	suite_add_tcase(suite, several);
	return run_suite(suite);
}
