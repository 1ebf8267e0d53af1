// SPDX-License-Identifier: BSD-3-Clause
/* The simulation's failures, its misbehaviour, and its counts. */
#include "tests/unit/runner.h"

#include "tests/unit/sim_rig.h"

#define FAIL(...) iom_sim_fail(sim, &(const struct iom_sim_failure){ __VA_ARGS__ })

static int read_vendor(void)
{
	char buf[16];
	ssize_t ret;

	ret = iom_sys_read_text(sys, "/sys/bus/pci/devices/" NVME "/vendor", buf, sizeof(buf));
	return ret < 0 ? (int)ret : 0;
}

/* ---- Failures ------------------------------------------------------------------------------- */

START_TEST(the_nth_call_fails)
{
	iom_sim_fail_nth(sim, 3, -EINTR);
	ck_assert_int_eq(read_vendor(), 0);
	ck_assert_int_ge(open_container(), 0);
	ck_assert_uint_eq(iom_sim_failed(sim), 0);
	ck_assert_int_eq(read_vendor(), -EINTR);
	ck_assert_uint_eq(iom_sim_failed(sim), 1);
	ck_assert_int_eq(read_vendor(), 0);
	ck_assert_uint_eq(iom_sim_failed(sim), 1);
	iom_sim_fail_nth(sim, 1, -EINTR);
	iom_sim_fail(sim, NULL);
	ck_assert_int_eq(read_vendor(), 0);
}
END_TEST

/* One full life of a user, step by step; the first error ends it, and what is open is closed. */
static int live(void)
{
	int container, group = -1, device = -1, ret;
	uint64_t unmapped;
	void *pages;

	ret = read_vendor();
	if (ret)
		return ret;
	ret = sys->alloc_pages(sys->ctx, PAGE, &pages);
	if (ret)
		return ret;
	container = open_container();
	if (container < 0) {
		ret = container;
		goto out_pages;
	}
	group = open_group(14);
	ret = group < 0 ? group : join(container, group);
	if (!ret)
		ret = set_type(container);
	if (!ret) {
		device = open_device(group, NVME);
		ret = device < 0 ? device : 0;
	}
	if (!ret)
		ret = map(container, BASE, pages, PAGE, RW);
	if (!ret)
		ret = unmap(container, BASE, PAGE, &unmapped);
	if (device >= 0 && iom_sys_close(sys, device) && !ret)
		ret = -EBADF;
	if (group >= 0 && iom_sys_close(sys, group) && !ret)
		ret = -EBADF;
	if (iom_sys_close(sys, container) && !ret)
		ret = -EBADF;
out_pages:
	sys->free_pages(sys->ctx, pages, PAGE);
	return ret;
}

START_TEST(every_call_can_fail)
{
	unsigned int n, calls;

	ck_assert_int_eq(live(), 0);
	calls = iom_sim_calls(sim);
	for (n = 1; n <= calls + 1; n++) {
		iom_sim_fail_nth(sim, n, -EBADF);
		ck_assert_int_eq(live(), n <= calls ? -EBADF : 0);
		ck_assert_uint_eq(iom_sim_failed(sim), n <= calls);
		ck_assert_uint_eq(iom_sim_open_fds(sim), 0);
		ck_assert_uint_eq(iom_sim_mapped_bytes(sim), 0);
		ck_assert_uint_eq(iom_sim_locked_bytes(sim), 0);
		ck_assert_uint_eq(iom_sim_allocated_bytes(sim), 0);
	}
	iom_sim_fail(sim, NULL);
	ck_assert_int_eq(live(), 0);
}
END_TEST

START_TEST(only_some_calls_fail)
{
	char *memory = make_memory(PAGE);
	uint64_t unmapped;
	int container;

	FAIL(.nth = 1, .answer = -EMFILE, .calls = 1u << IOM_SIM_OPEN);
	ck_assert_int_eq(read_vendor(), 0);
	ck_assert_int_eq(open_container(), -EMFILE);
	container = make_container(14);
	FAIL(.nth = 2, .answer = -ENOMEM, .request = VFIO_IOMMU_MAP_DMA);
	ck_assert_int_eq(map(container, BASE, memory, PAGE, RW), 0);
	ck_assert_int_eq(unmap(container, BASE, PAGE, &unmapped), 0);
	ck_assert_int_eq(map(container, BASE, memory, PAGE, RW), -ENOMEM);
	ck_assert_uint_eq(iom_sim_mapped_bytes(sim), 0);
	ck_assert_int_eq(map(container, BASE, memory, PAGE, RW), 0);
	/* from the next on, all of them, and what they did stays done */
	FAIL(.nth = 1, .answer = 1, .request = VFIO_IOMMU_UNMAP_DMA, .after = true, .on = true);
	ck_assert_int_eq(unmap(container, BASE, PAGE, &unmapped), 1);
	ck_assert_uint_eq(unmapped, PAGE);
	ck_assert_uint_eq(iom_sim_mapped_bytes(sim), 0);
	ck_assert_int_eq(unmap(container, BASE, PAGE, &unmapped), 1);
	ck_assert_uint_eq(iom_sim_failed(sim), 2);
}
END_TEST

static int count_name(void *arg, const char *name)
{
	(void)name;
	++*(int *)arg;
	return 0;
}

START_TEST(a_listing_fails_before_or_after)
{
	int n = 0;

	FAIL(.nth = 1, .answer = -EIO, .calls = 1u << IOM_SIM_LIST_DIR);
	ck_assert_int_eq(iom_sys_list_dir(sys, "/dev/vfio", count_name, &n), -EIO);
	ck_assert_int_eq(n, 0);
	FAIL(.nth = 1, .answer = -EIO, .calls = 1u << IOM_SIM_LIST_DIR, .after = true);
	ck_assert_int_eq(iom_sys_list_dir(sys, "/dev/vfio", count_name, &n), -EIO);
	ck_assert_int_eq(n, 3);
}
END_TEST

START_TEST(a_failed_close_closes)
{
	int fd = open_container();

	iom_sim_fail_nth(sim, 1, -EIO);
	ck_assert_int_eq(iom_sys_close(sys, fd), -EIO);
	ck_assert_uint_eq(iom_sim_open_fds(sim), 0);
	ck_assert_int_eq(iom_sys_close(sys, fd), -EBADF);
	/* no number comes again, so a second close can hit nobody else */
	ck_assert_int_ne(open_container(), fd);
}
END_TEST

START_TEST(counts)
{
	char *memory = make_memory(PAGE);
	unsigned int calls = iom_sim_calls(sim);
	int container = make_container(14);
	void *pages;

	map(container, BASE, memory, PAGE, RW);
	map(container, BASE, memory, PAGE, RW); /* refused, and counted */
	read_vendor();
	ck_assert_int_eq(sys->alloc_pages(sys->ctx, PAGE, &pages), 0);
	ck_assert_uint_eq(iom_sim_allocated_bytes(sim), PAGE);
	sys->free_pages(sys->ctx, pages, PAGE);
	ck_assert_uint_eq(iom_sim_calls(sim) - calls, 2 + 2 + 2 + 1 + 1);
	ck_assert_uint_eq(iom_sim_calls_of(sim, IOM_SIM_OPEN), 2);
	ck_assert_uint_eq(iom_sim_calls_of(sim, IOM_SIM_FREE_PAGES), 1);
	ck_assert_uint_eq(iom_sim_ioctls(sim, VFIO_IOMMU_MAP_DMA), 2);
	ck_assert_uint_eq(iom_sim_ioctls(sim, VFIO_IOMMU_UNMAP_DMA), 0);
	ck_assert_uint_eq(iom_sim_open_fds(sim), 2);
	ck_assert_uint_eq(iom_sim_locked_bytes(sim), PAGE);
}
END_TEST

/* Fill an array of strings, the last one of which is "". */
static void note(void *arg, const struct iom_sim_event *event)
{
	char(*line)[64] = arg;

	while (**line)
		line++;
	snprintf(*line, sizeof(*line), "%d %s %d", event->call, event->path ? event->path : "-",
		 event->answer < 0 ? (int)event->answer : 0);
}

START_TEST(watching)
{
	char seen[8][64] = { "" };
	int container;

	iom_sim_watch(sim, note, seen);
	container = open_container();
	iom_sys_ioctl(sys, container, VFIO_IOMMU_GET_INFO, NULL);
	iom_sim_fail_nth(sim, 1, -EIO);
	iom_sys_close(sys, container);
	iom_sys_close(sys, container);
	read_vendor();
	iom_sim_watch(sim, NULL, NULL);
	read_vendor();
	ck_assert_str_eq(seen[0], "0 /dev/vfio/vfio 0");
	ck_assert_str_eq(seen[1], "2 /dev/vfio/vfio -22");
	ck_assert_str_eq(seen[2], "1 /dev/vfio/vfio -5");
	ck_assert_str_eq(seen[3], "1 - -9");
	ck_assert_str_eq(seen[4], "3 /sys/bus/pci/devices/" NVME "/vendor 0");
	ck_assert_str_eq(seen[5], "");
}
END_TEST

/* ---- Misbehaviour --------------------------------------------------------------------------- */

static unsigned char info[1024];

static uint32_t u32(size_t at)
{
	uint32_t value;

	memcpy(&value, info + at, sizeof(value));
	return value;
}

static uint16_t u16(size_t at)
{
	uint16_t value;

	memcpy(&value, info + at, sizeof(value));
	return value;
}

/* The whole answer; what the first pass asked for. */
static uint32_t get_info(int container)
{
	uint32_t argsz = 24;

	memset(info, 0, sizeof(info));
	memcpy(info, &argsz, sizeof(argsz));
	ck_assert_int_eq(iom_sys_ioctl(sys, container, VFIO_IOMMU_GET_INFO, info), 0);
	argsz = u32(0);
	ck_assert_int_eq(iom_sys_ioctl(sys, container, VFIO_IOMMU_GET_INFO, info), 0);
	return argsz;
}

/* Where the last capability starts, for chains that end in the order of their offsets. */
static size_t last_capability(uint32_t argsz)
{
	size_t at = u32(16);

	while (u32(at + 4) > at && u32(at + 4) + 8 <= argsz)
		at = u32(at + 4);
	return at;
}

#define CAP_OFFSET 16
#define NEXT 4
#define NR_IOVAS 8

START_TEST(chains_of_capabilities)
{
	int container = make_container(14);
	uint32_t argsz = get_info(container);
	size_t last = last_capability(argsz);

	ck_assert_uint_eq(argsz, 120);
	ck_assert_uint_eq(last, 72);
	ck_assert_uint_eq(u16(last), VFIO_IOMMU_TYPE1_INFO_CAP_IOVA_RANGE);
	ck_assert_uint_eq(u32(last + NEXT), 0);

	iom_sim_set_quirk(sim, IOM_SIM_CAPS_CYCLE, 1);
	get_info(container);
	ck_assert_uint_eq(u32(last + NEXT), u32(CAP_OFFSET));
	get_info(container);
	ck_assert_uint_eq(u32(last + NEXT), 0);

	iom_sim_set_quirk(sim, IOM_SIM_CAPS_OUTSIDE, IOM_SIM_ALWAYS);
	argsz = get_info(container);
	ck_assert_uint_ge(u32(last + NEXT), argsz);
	get_info(container);
	ck_assert_uint_ge(u32(last + NEXT), argsz);
	iom_sim_set_quirk(sim, IOM_SIM_CAPS_OUTSIDE, 0);

	iom_sim_set_quirk(sim, IOM_SIM_CAPS_EDGE, 1);
	get_info(container);
	ck_assert_uint_lt(u32(last + NEXT), argsz);
	ck_assert_uint_gt(u32(last + NEXT) + 8, argsz);

	iom_sim_set_quirk(sim, IOM_SIM_CAPS_CUT, 1);
	argsz = get_info(container);
	ck_assert_uint_gt(last + 16 + u32(last + NR_IOVAS) * 16, argsz);

	iom_sim_set_quirk(sim, IOM_SIM_CAPS_ODD, 1);
	argsz = get_info(container);
	ck_assert_uint_eq(u32(CAP_OFFSET), 25);
	ck_assert_uint_eq(argsz, 121);
	ck_assert_uint_eq(last_capability(argsz), 73);

	iom_sim_set_quirk(sim, IOM_SIM_CAPS_UNKNOWN, 1);
	argsz = get_info(container);
	ck_assert_uint_gt(u16(u32(CAP_OFFSET)), 3);
	ck_assert_uint_eq(last_capability(argsz), last + 24);

	iom_sim_set_quirk(sim, IOM_SIM_NO_DMA_AVAIL, 1);
	argsz = get_info(container);
	ck_assert_uint_eq(last_capability(argsz), last - 16);

	iom_sim_set_quirk(sim, IOM_SIM_NO_CAPS, 1);
	argsz = get_info(container);
	ck_assert_uint_eq(argsz, 24);
	ck_assert_uint_eq(u32(4), VFIO_IOMMU_INFO_PGSIZES);
	ck_assert_uint_eq(u32(CAP_OFFSET), 0);
}
END_TEST

START_TEST(info_grows_between_passes)
{
	int container = make_container(14);
	uint32_t argsz;

	iom_sim_set_quirk(sim, IOM_SIM_INFO_GROWS, 3);
	argsz = get_info(container);
	/* the second pass was too short, though it was as long as the first one said */
	ck_assert_uint_eq(u32(CAP_OFFSET), 0);
	ck_assert_uint_eq(u32(0), argsz + 8);
	argsz = get_info(container);
	ck_assert_uint_eq(u32(CAP_OFFSET), 24);
	ck_assert_uint_eq(u16(last_capability(argsz)), VFIO_IOMMU_TYPE1_INFO_CAP_IOVA_RANGE);
}
END_TEST

START_TEST(unmaps_that_mislead)
{
	int container = make_container(14);
	char *memory = make_memory(PAGE), c;
	uint64_t unmapped;

	ck_assert_int_eq(map(container, BASE, memory, PAGE, RW), 0);
	iom_sim_set_quirk(sim, IOM_SIM_UNMAP_NOTHING, 1);
	ck_assert_int_eq(unmap(container, BASE, PAGE, &unmapped), 0);
	ck_assert_uint_eq(unmapped, 0);
	ck_assert_int_eq(iom_sim_dma_read(sim, NVME, BASE, &c, 1), 0);
	iom_sim_set_quirk(sim, IOM_SIM_UNMAP_SHORT, 1);
	ck_assert_int_eq(unmap(container, BASE, PAGE, &unmapped), 0);
	ck_assert_uint_eq(unmapped, PAGE - 4096);
	ck_assert_int_eq(iom_sim_dma_read(sim, NVME, BASE, &c, 1), -EFAULT);
}
END_TEST

START_TEST(kernels_that_lack_something)
{
	struct vfio_iommu_type1_dma_unmap all = {
		.argsz = sizeof(all),
		.flags = VFIO_DMA_UNMAP_FLAG_ALL,
	};
	int container = make_container(14), other = open_container(), group = open_group(15);

	ck_assert_int_eq(join(other, group), 0);
	iom_sim_set_quirk(sim, IOM_SIM_NO_UNMAP_ALL, 1);
	ck_assert_int_eq(iom_sys_ioctl_int(sys, container, VFIO_CHECK_EXTENSION, VFIO_UNMAP_ALL),
			 0);
	ck_assert_int_eq(iom_sys_ioctl(sys, container, VFIO_IOMMU_UNMAP_DMA, &all), -EINVAL);
	iom_sim_set_quirk(sim, IOM_SIM_NO_TYPE1V2, 1);
	ck_assert_int_eq(iom_sys_ioctl_int(sys, other, VFIO_CHECK_EXTENSION, VFIO_TYPE1v2_IOMMU),
			 0);
	ck_assert_int_eq(set_type(other), -ENODEV);
	iom_sim_set_quirk(sim, IOM_SIM_NO_TYPE1, 1);
	ck_assert_int_eq(iom_sys_ioctl_int(sys, other, VFIO_SET_IOMMU, VFIO_TYPE1_IOMMU), -ENODEV);
	iom_sim_set_quirk(sim, IOM_SIM_NO_TYPE1, 0);
	ck_assert_int_eq(iom_sys_ioctl_int(sys, other, VFIO_SET_IOMMU, VFIO_TYPE1_IOMMU), 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("sim_faults");
	TCase *tcase = tcase_create("faults");

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_test(tcase, the_nth_call_fails);
	tcase_add_test(tcase, every_call_can_fail);
	tcase_add_test(tcase, only_some_calls_fail);
	tcase_add_test(tcase, a_listing_fails_before_or_after);
	tcase_add_test(tcase, a_failed_close_closes);
	tcase_add_test(tcase, counts);
	tcase_add_test(tcase, watching);
	tcase_add_test(tcase, chains_of_capabilities);
	tcase_add_test(tcase, info_grows_between_passes);
	tcase_add_test(tcase, unmaps_that_mislead);
	tcase_add_test(tcase, kernels_that_lack_something);
	suite_add_tcase(suite, tcase);
	return run_suite(suite);
}
