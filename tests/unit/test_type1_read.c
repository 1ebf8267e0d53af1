// SPDX-License-Identifier: BSD-3-Clause
/* Asking for VFIO_IOMMU_GET_INFO until the answer fits. */
#include <errno.h>

#include <linux/vfio.h>

#include "backends/type1/info.h"
#include "tests/unit/runner.h"
#include "tests/unit/util.h"

#define CONTAINER 5

/* A kernel that needs so many bytes, and more of them with each call. */
static struct {
	uint32_t needs, grows;
	int error; /* at the call with this number, counted from 1: error */
	unsigned int error_at, calls;
	uint32_t largest; /* argsz that it was given */
} kernel;

static int get_info(void *ctx, int fd, unsigned long request, void *arg)
{
	struct vfio_iommu_type1_info head = { 0 };
	struct vfio_iommu_type1_info_cap_iova_range cap = { .nr_iovas = 1 };
	struct vfio_iova_range range = { 0x1000, 0xffffffff };
	unsigned char *bytes = arg;
	uint32_t argsz, i;

	ck_assert_ptr_eq(ctx, &kernel);
	ck_assert_int_eq(fd, CONTAINER);
	ck_assert_uint_eq(request, VFIO_IOMMU_GET_INFO);
	memcpy(&argsz, bytes, sizeof(argsz));
	/* the rest was zeroed, to the last byte */
	for (i = sizeof(argsz); i < argsz; i++)
		ck_assert_uint_eq(bytes[i], 0);
	if (argsz > kernel.largest)
		kernel.largest = argsz;
	if (++kernel.calls == kernel.error_at)
		return kernel.error;

	head.flags = VFIO_IOMMU_INFO_PGSIZES;
	head.iova_pgsizes = 0x1000;
	head.argsz = kernel.needs;
	if (argsz >= kernel.needs && argsz >= 64) {
		head.flags |= VFIO_IOMMU_INFO_CAPS;
		head.cap_offset = 24;
		cap.header.id = VFIO_IOMMU_TYPE1_INFO_CAP_IOVA_RANGE;
		memcpy(bytes + 24, &cap, sizeof(cap));
		memcpy(bytes + 24 + sizeof(cap), &range, sizeof(range));
	}
	memcpy(bytes, &head, argsz < sizeof(head) ? argsz : sizeof(head));
	kernel.needs += kernel.grows;
	return 0;
}

static int read_info(uint32_t needs, uint32_t grows, struct iom_type1_info *info)
{
	const struct iom_sys sys = { .ctx = &kernel, .ioctl = get_info };

	kernel.needs = needs;
	kernel.grows = grows;
	return iom_type1_read_info(&sys, CONTAINER, info);
}

static void set_up(void)
{
	memset(&kernel, 0, sizeof(kernel));
}

START_TEST(two_passes)
{
	struct iom_type1_info info;

	ck_assert_ok(read_info(64, 0, &info));
	ck_assert_uint_eq(kernel.calls, 2);
	ck_assert_uint_eq(kernel.largest, 64);
	ck_assert_uint_eq(info.apertures.n, 1);
	ck_assert_uint_eq(info.apertures.v[0].last, 0xffffffff);
	iom_aperture_free(&info.apertures);
}
END_TEST

/* A device may come between two passes, so that the second one is too short as well. */
START_TEST(grows_in_between)
{
	struct iom_type1_info info;

	ck_assert_fails(read_info(64, 8, &info), -EIO, "more room every time");
	ck_assert_uint_le(kernel.calls, 10);
}
END_TEST

START_TEST(absurd_size)
{
	static const uint32_t sizes[] = { UINT32_MAX, 0x80000000, 0x10000000 };
	struct iom_type1_info info;

	ck_assert_fails(read_info(sizes[_i], 0, &info), -EIO, "kernel");
	/* it was not asked for with that much memory */
	ck_assert_uint_lt(kernel.largest, 2 << 20);
}
END_TEST

START_TEST(no_capabilities)
{
	struct iom_type1_info info;

	ck_assert_fails(read_info(16, 0, &info), -EOPNOTSUPP, "5.4");
	ck_assert_uint_eq(kernel.calls, 1);
}
END_TEST

START_TEST(kernel_refuses)
{
	struct iom_type1_info info;

	kernel.error = -ENODEV;
	kernel.error_at = (unsigned int)_i;
	ck_assert_fails(read_info(64, 0, &info), -EIO, strerror(ENODEV));
	ck_assert_uint_eq(kernel.calls, kernel.error_at);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("type1_read");
	TCase *tcase = tcase_create("read");

	tcase_add_checked_fixture(tcase, set_up, NULL);
	tcase_add_test(tcase, two_passes);
	tcase_add_test(tcase, grows_in_between);
	tcase_add_loop_test(tcase, absurd_size, 0, 3);
	tcase_add_test(tcase, no_capabilities);
	tcase_add_loop_test(tcase, kernel_refuses, 1, 3);
	suite_add_tcase(suite, tcase);
	return run_suite(suite);
}
