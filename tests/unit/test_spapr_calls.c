// SPDX-License-Identifier: BSD-3-Clause
/* A container of SPAPR by itself: no call that the kernel would not survive is made. */
#include "backends/spapr/container.h"
#include "lib/error.h"
#include "tests/unit/runner.h"
#include "tests/unit/sim_spapr_rig.h"
#include "tests/unit/util.h"

#define KIB4 UINT64_C(4096)
#define KIB64 UINT64_C(65536)
#define TOP (UINT64_MAX - GIB + 1)

static struct iom_spapr_container container;
static struct iom_window first = { 0, 2 * GIB, 12 };

static void set_up_container(void)
{
	make_power("powernv");
	iom_sim_spapr_survive(sim, true);
	container = (struct iom_spapr_container){
		.vfio = { .container = make_spapr(14) },
		.info = { .first = first, .max_windows = 2, .levels = 5 },
	};
	pthread_mutex_init(&container.settling, NULL);
}

static void tear_down_container(void)
{
	ck_assert_uint_eq(iom_sim_spapr_crashes(sim), 0);
	pthread_mutex_destroy(&container.settling);
	tear_down();
}

static unsigned int ioctls(void)
{
	return iom_sim_calls_of(sim, IOM_SIM_IOCTL);
}

static int map_at(const struct iom_window *window, char *p, uint64_t iova, uint64_t length)
{
	const struct iom_backend_map map = {
		.va = (uintptr_t)p,
		.iova = iova,
		.length = length,
		.flags = IOM_MAP_RW,
		.fd = -1,
		.backing = KIB64,
	};
	bool left = false;

	return iom_spapr_map(sys, &container, window, &map, &left);
}

/* ---- Ends ------------------------------------------------------------------------------------ */

static const struct {
	struct iom_window window;
	uint64_t iova, length;
} outside[] = {
	/* over the end, in part or all of it */
	{ { 0, 2 * GIB, 12 }, 2 * GIB - KIB4, 2 * KIB4 },
	{ { 0, 2 * GIB, 12 }, 2 * GIB, KIB4 },
	{ { 0, 2 * GIB, 12 }, 0, 2 * GIB + KIB4 },
	{ { 0, 2 * GIB, 12 }, KIB4, 2 * GIB },
	{ { 0, 2 * GIB, 12 }, 5 * GIB, KIB4 },
	{ { WIDE, GIB, 16 }, WIDE + GIB - KIB64, 2 * KIB64 },
	{ { WIDE, GIB, 16 }, WIDE + GIB, KIB64 },
	/* before it */
	{ { WIDE, GIB, 16 }, WIDE - KIB64, KIB64 },
	{ { WIDE, GIB, 16 }, WIDE - KIB64, 2 * KIB64 },
	{ { WIDE, GIB, 16 }, 0, KIB64 },
	/* where sums run over */
	{ { WIDE, GIB, 16 }, WIDE, UINT64_MAX - KIB64 + 1 },
	{ { WIDE, GIB, 16 }, WIDE + KIB64, UINT64_MAX - WIDE - KIB64 + 1 },
	{ { TOP, GIB, 16 }, UINT64_MAX - KIB64 + 1, 2 * KIB64 },
	{ { 0, 2 * GIB, 12 }, UINT64_MAX - KIB4 + 1, 2 * KIB4 },
	/* no whole pages: the answer of MAP_DMA to the first of these is +1 */
	{ { WIDE, GIB, 16 }, WIDE + KIB4, KIB64 },
	{ { WIDE, GIB, 16 }, WIDE, KIB4 },
	{ { WIDE, GIB, 21 }, WIDE, KIB64 },
	{ { WIDE, GIB, 21 }, WIDE + MIB, 2 * MIB },
	{ { 0, 2 * GIB, 12 }, 1, KIB4 },
	/* nothing at all: 0, and nothing is mapped */
	{ { 0, 2 * GIB, 12 }, KIB4, 0 },
	/* no window */
	{ { 0, 0, 12 }, 0, KIB4 },
};

START_TEST(never_outside)
{
	const struct iom_window *window = &outside[_i].window;
	uint64_t iova = outside[_i].iova, length = outside[_i].length;
	char *p = make_aligned(KIB64, KIB64);
	unsigned int calls;

	ck_assert_int_eq(enlist(container.vfio.container, p, KIB64), 0);
	calls = ioctls();
	ck_assert_int_eq(map_at(window, p, iova, length), -EIO);
	ck_assert_int_eq(iom_spapr_unmap(sys, &container, window, iova, length), -EIO);
	ck_assert_uint_eq(ioctls(), calls);
	munmap(p, KIB64);
}
END_TEST

START_TEST(just_inside)
{
	char *p = make_aligned(KIB64, KIB64);
	const uint64_t ends[] = { 0, KIB64, 2 * GIB - KIB64 };
	size_t i;

	ck_assert_int_eq(enlist(container.vfio.container, p, KIB64), 0);
	for (i = 0; i < ARRAY_SIZE(ends); i++) {
		ck_assert_ok(map_at(&first, p, ends[i], KIB64));
		*p = (char)i;
		ck_assert(reads(NVME, ends[i], p));
	}
	for (i = 0; i < ARRAY_SIZE(ends); i++)
		ck_assert_ok(iom_spapr_unmap(sys, &container, &first, ends[i], KIB64));
	ck_assert(!reads(NVME, 0, p));
	/* all of it at once, though most is empty */
	ck_assert_ok(iom_spapr_unmap(sys, &container, &first, 0, 2 * GIB));
	ck_assert_int_eq(delist(container.vfio.container, p, KIB64), 0);
	munmap(p, KIB64);
}
END_TEST

/* ---- Answers --------------------------------------------------------------------------------- */

/* Where it starts is what the kernel says, also if it is another place than was asked for. */
START_TEST(start_is_the_kernels)
{
	struct iom_window window = { 77, 4 * GIB, 16 };

	ck_assert_ok(iom_spapr_create_window(sys, &container, 1, &window));
	ck_assert_uint_eq(window.start, WIDE);
	ck_assert_uint_eq(window.size, 4 * GIB);
	ck_assert_ok(iom_spapr_remove_window(sys, &container, &first));
	ck_assert_ok(iom_spapr_remove_window(sys, &container, &window));
	window.start = 77;
	ck_assert_ok(iom_spapr_create_window(sys, &container, 1, &window));
	ck_assert_uint_eq(window.start, 0);
	/* a refusal leaves it alone */
	window = (struct iom_window){ 77, 3 * GIB, 16 };
	ck_assert_fails(iom_spapr_create_window(sys, &container, 1, &window), -EIO, "0xc0000000");
	ck_assert_uint_eq(window.start, 77);
	window = (struct iom_window){ 8 * GIB, GIB, 16 };
	ck_assert_fails(iom_spapr_remove_window(sys, &container, &window), -EIO, "0x200000000");
}
END_TEST

/* The default window is made once, by a call of its own, however many map at first. */
START_TEST(settled_once)
{
	char *p = make_aligned(KIB64, KIB64);
	unsigned int i;

	ck_assert_int_eq(enlist(container.vfio.container, p, KIB64), 0);
	for (i = 0; i < 4; i++)
		ck_assert_ok(map_at(&first, p, i * KIB64, KIB64));
	ck_assert_uint_eq(iom_sim_ioctls(sim, VFIO_IOMMU_UNMAP_DMA), 1);
	ck_assert_uint_eq(iom_sim_ioctls(sim, VFIO_IOMMU_MAP_DMA), 4);
	munmap(p, KIB64);
}
END_TEST

/* Part of it was mapped when it failed: that is taken back, and what is not, is told. */
START_TEST(failed_in_the_middle)
{
	struct iom_sim_failure failure = {
		.nth = 1,
		.answer = 1,
		.calls = 1u << IOM_SIM_IOCTL,
		.request = VFIO_IOMMU_MAP_DMA,
		.after = true,
	};
	struct iom_backend_map map = { .iova = KIB64, .length = KIB64, .flags = IOM_MAP_RW };
	char *p = make_aligned(KIB64, KIB64);
	bool left = false;

	ck_assert_int_eq(enlist(container.vfio.container, p, KIB64), 0);
	map.va = (uintptr_t)p;
	ck_assert_ok(map_at(&first, p, 0, KIB64));
	iom_sim_fail(sim, &failure);
	ck_assert_int_eq(iom_spapr_map(sys, &container, &first, &map, &left), -EIO);
	ck_assert(!left);
	ck_assert(!reads(NVME, KIB64, p));
	failure.on = true;
	failure.request = 0;
	iom_sim_fail(sim, &failure);
	ck_assert_int_eq(iom_spapr_map(sys, &container, &first, &map, &left), -EIO);
	ck_assert(left);
	iom_sim_fail(sim, NULL);
	ck_assert(reads(NVME, 0, p));
	munmap(p, KIB64);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("spapr calls");
	TCase *tcase = tcase_create("calls");

	tcase_set_timeout(tcase, 60);
	tcase_add_checked_fixture(tcase, set_up_container, tear_down_container);
	tcase_add_loop_test(tcase, never_outside, 0, ARRAY_SIZE(outside));
	tcase_add_test(tcase, just_inside);
	tcase_add_test(tcase, start_is_the_kernels);
	tcase_add_test(tcase, settled_once);
	tcase_add_test(tcase, failed_in_the_middle);
	suite_add_tcase(suite, tcase);
	return run_suite(suite);
}
