// SPDX-License-Identifier: BSD-3-Clause
/*
 * POWER: what requests do to windows, call by call: which are made and removed, and that a call which fails
 * leaves those that there were, in all groups.
 */
#include "tests/unit/power_rig.h"
#include "tests/unit/request_rig.h"
#include "tests/unit/runner.h"

#define WINDOW (64 * MIB)
#define MOST_CALLS 200

static const char *const machines[] = { "powernv", "pseries", "pseries-vf" };

static const int errors[] = { -EIO, -ENOMEM, -EINVAL, -EBUSY, -ENODEV, -EPERM, -ENOSPC };

static const char *machine;
static struct iom_device *edu;
static struct iom_region region;
static uint64_t granted, asked;

static void start(const char *platform)
{
	struct power power = power_of(platform);

	power.machine.page_size = KIB64;
	power_start(&power);
	start_listening();
}

static bool has_one_window(void)
{
	return !strcmp(machine, "pseries-vf");
}

/* ---- Before the call ------------------------------------------------------------------------- */

static void attached(void)
{
	start(machine);
	ck_assert_ok(attach_bits(NVME, 0, &rig.nvme));
}

static void attached_two(void)
{
	attached();
	ck_assert_ok(attach_bits(EDU, 0, &edu));
}

static void with_window(void)
{
	attached_two();
	ck_assert_ok(ask(0, WINDOW, KIB64, 0, &granted));
	asked = granted;
}

/* And something mapped in it. */
static void with_window_in_use(void)
{
	struct iom_aperture a;

	attached();
	ck_assert_ok(ask(0, WINDOW, KIB64, 0, &granted));
	ck_assert_ok(iom_aperture_granted(rig.dom, granted, &a));
	ck_assert_ok(map_fixed(power_memory(KIB64, KIB64), KIB64, a.start, &region));
}

/* And another one beside it, in the default window if there is one. */
static void with_two_requests(void)
{
	struct iom_aperture a;

	attached();
	ck_assert_ok(ask(0, 3 * WINDOW / 4, KIB64, 0, &granted));
	ck_assert_ok(iom_aperture_granted(rig.dom, granted, &a));
	ck_assert_ok(map_fixed(power_memory(KIB64, KIB64), KIB64, a.start, &region));
	ck_assert_ok(ask(has_one_window() ? a.last + 1 : MIB, MIB, 0, IOM_APERTURE_FIXED, &asked));
}

static void detached(void)
{
	with_window_in_use();
	iom_detach(rig.nvme);
}

static void pending(void)
{
	start(machine);
	ck_assert_ok(ask(0, WINDOW, KIB64, 0, &asked));
}

/* ---- The call -------------------------------------------------------------------------------- */

static int request(void)
{
	return ask(0, WINDOW, KIB64, 0, &asked);
}

static int release(void)
{
	return iom_aperture_release(rig.dom, asked);
}

static int attach(void)
{
	return attach_bits(NVME, 0, &rig.nvme);
}

static int attach_second(void)
{
	return attach_bits(EDU, 0, &edu);
}

static const struct step {
	const char *name;
	void (*prepare)(void);
	int (*run)(void);
	unsigned int least;
	bool attaches;
} steps[] = {
	{ "request", attached, request, 3, false },
	{ "request for two groups", attached_two, request, 4, false },
	{ "release", with_window, release, 4, false },
	{ "release of another", with_two_requests, release, 2, false },
	{ "attach", pending, attach, 10, true },
	{ "attach again", detached, attach, 10, true },
	{ "late group", with_window_in_use, attach_second, 8, true },
};

/* What may be said of a window that cannot be made, or of what needs it. */
static bool is_documented(const struct step *step, int ret)
{
	static const int may[] = { -ERANGE, -EBUSY, -ENOSPC, -ENOMEM, -EMFILE, -EIO };
	static const int of_attach[] = { -ENODEV, -EACCES, -EOPNOTSUPP, -EFAULT };
	size_t i;

	for (i = 0; i < ARRAY_SIZE(may); i++)
		if (may[i] == ret)
			return true;
	for (i = 0; step->attaches && i < ARRAY_SIZE(of_attach); i++)
		if (of_attach[i] == ret)
			return true;
	return false;
}

/* Without the windows' tables, which are counted as locked, and may be made again larger. */
static void check_unchanged(const struct step *step, const struct state *before,
			    const struct listed *list, unsigned int n, int error)
{
	struct listed now_list = list_apertures();
	struct state now = rig_state();

	ck_assert_same(*before, counters.mappings, now);
	ck_assert_same(*before, counters.mapped_bytes, now);
	ck_assert_same(*before, counters.quarantined_bytes, now);
	ck_assert_same(*before, kernel_bytes, now);
	ck_assert_same(*before, page_size, now);
	ck_assert_same(*before, open_fds, now);
	ck_assert_msg(same_list(list, &now_list), "%s on %s, call %u with %s", step->name, machine,
		      n, strerror(-error));
}

/* The device reaches what is mapped now, where it can be. */
static void check_use(void)
{
	char *p = power_memory(KIB64, KIB64);
	struct iom_region r;

	ck_assert_ok(map_any(p, KIB64, &r));
	ck_assert(dma_works(NVME, &r));
	ck_assert_ok(iom_unmap(rig.dom, &r));
	ck_assert(dma_misses(NVME, r.iova, r.length));
	munmap(p, KIB64);
}

static bool fail_nth(const struct step *step, unsigned int n, int error)
{
	struct listed list;
	struct state before;
	bool hit;
	int ret;

	step->prepare();
	before = rig_state();
	list = list_apertures();
	iom_sim_fail_nth(rig.sim, n, error);
	ret = step->run();
	hit = iom_sim_failed(rig.sim);
	iom_sim_fail(rig.sim, NULL);
	if (ret < 0) {
		ck_assert(hit);
		ck_assert_msg(is_documented(step, ret), "%s on %s, call %u with %s: %d, \"%s\"",
			      step->name, machine, n, strerror(-error), ret, iom_errmsg());
		check_unchanged(step, &before, &list, n, error);
		if (step->prepare == with_two_requests)
			ck_assert(dma_works(NVME, &region));
	}
	if (ret == 0 && step->run != release && !has_one_window())
		check_use();
	if (ret == 0 && (step->prepare == detached || step->prepare == with_two_requests))
		ck_assert(dma_works(NVME, &region));
	ck_assert_ok(iom_unmap_all(rig.dom));
	power_end();
	return hit;
}

START_TEST(every_call)
{
	const struct step *step = &steps[(size_t)_i / ARRAY_SIZE(machines)];
	unsigned int n;
	size_t i;

	machine = machines[(size_t)_i % ARRAY_SIZE(machines)];
	for (i = 0; i < ARRAY_SIZE(errors); i++) {
		for (n = 1; n < MOST_CALLS && fail_nth(step, n, errors[i]); n++)
			;
		ck_assert_uint_lt(n, MOST_CALLS);
		ck_assert_msg(n > step->least, "%s makes only %u calls", step->name, n - 1);
	}
}
END_TEST

/* ---- Windows, counted ------------------------------------------------------------------------ */

/* One that fails in the second group is taken back in the first, at once. */
START_TEST(undone_in_all_groups)
{
	struct listed before, now;
	unsigned int made, removed;

	machine = platforms[_i];
	attached_two();
	/* for which the default window is enough */
	ck_assert_ok(map_any(power_memory(KIB64, KIB64), PAGE, NULL));
	before = list_apertures();
	made = creates();
	removed = removes();
	refuse_nth(VFIO_IOMMU_SPAPR_TCE_CREATE, 2, -ENOSPC);
	/* it fits the default one */
	ck_assert_ok(request());
	ck_assert_uint_eq(creates(), made + 2);
	ck_assert_uint_eq(removes(), removed + 1);
	ck_assert_ok(iom_aperture_release(rig.dom, asked));
	now = list_apertures();
	ck_assert(same_list(&before, &now));
	/* each failure costs the kernel memory for ever: it is not asked again */
	ck_assert_fails(ask(0, 8 * GIB, KIB64, 0, &asked), -EIO, "DMA window");
	ck_assert_uint_eq(creates(), made + 2);
	ck_assert_ok(iom_unmap_all(rig.dom));
	power_end();
}
END_TEST

/* The kernel refuses to remove it: the request stays, and what is mapped in it works. */
START_TEST(not_removed)
{
	struct listed before, now;
	struct iom_aperture a;
	struct iom_region r;

	machine = platforms[_i];
	attached();
	ck_assert_ok(ask(0, WINDOW, KIB64, 0, &asked));
	before = list_apertures();
	refuse(VFIO_IOMMU_SPAPR_TCE_REMOVE, -EBUSY);
	ck_assert_fails(iom_aperture_release(rig.dom, asked), -EIO, "window");
	refuse(0, 0);
	now = list_apertures();
	ck_assert(same_list(&before, &now));
	ck_assert_ok(iom_aperture_granted(rig.dom, asked, &a));
	ck_assert_ok(map_fixed(power_memory(KIB64, KIB64), KIB64, a.start, &r));
	ck_assert(dma_works(NVME, &r));
	ck_assert_ok(iom_unmap_all(rig.dom));
	power_end();
}
END_TEST

/* A window is not made for what the list of requests alone refuses. */
START_TEST(not_for_what_collides)
{
	struct iom_aperture a;
	uint64_t other;

	machine = platforms[_i];
	attached();
	ck_assert_ok(ask(0, WINDOW, KIB64, 0, &asked));
	ck_assert_ok(iom_aperture_granted(rig.dom, asked, &a));
	ck_assert_int_eq(ask(a.start, WINDOW, 2 * MIB, IOM_APERTURE_FIXED, &other), -EEXIST);
	ck_assert_int_eq(ask(SECOND, WINDOW, 3 * KIB64, IOM_APERTURE_FIXED, &other), -EINVAL);
	ck_assert_uint_eq(creates(), 1);
	ck_assert_uint_eq(removes(), 0);
	power_end();
}
END_TEST

/* The hypervisor puts it elsewhere than was asked for: it goes again. */
START_TEST(put_elsewhere)
{
	static const struct iom_sim_device devices[] = {
		{ .address = NVME,
		  .group = 14,
		  .driver = "vfio-pci",
		  .dma64_start = UINT64_C(1) << 60 },
	};
	struct power power = power_of("pseries");
	struct listed before, now;

	power.machine.devices = devices;
	power.machine.n_devices = 1;
	power_attach(&power);
	start_listening();
	before = list_apertures();
	ck_assert_fails(ask(SECOND, WINDOW, KIB64, IOM_APERTURE_FIXED, &asked), -ERANGE,
			"hypervisor", "0x1000000000000000");
	now = list_apertures();
	ck_assert(same_list(&before, &now));
	ck_assert_uint_eq(creates(), 1);
	ck_assert_uint_eq(removes(), 1);
	ck_assert_ok(ask(0, WINDOW, KIB64, 0, &asked));
	ck_assert_ptr_nonnull(strstr(iom_errmsg(), "hypervisor")); /* what failed last */
	ck_assert(is_granted_at(asked, SECOND << 1, WINDOW));
	ck_assert_ok(iom_aperture_release(rig.dom, asked));
	ck_assert_uint_eq(creates(), 2);
	ck_assert_uint_eq(removes(), 2);
	/* now it is known where */
	ck_assert_ok(ask(SECOND << 1, WINDOW, KIB64, IOM_APERTURE_FIXED, &asked));
	ck_assert(is_granted_at(asked, SECOND << 1, WINDOW));
	ck_assert_fails(ask(SECOND, WINDOW, KIB64, IOM_APERTURE_FIXED, &asked), -ERANGE,
			"0x1000000000000000");
	ck_assert_uint_eq(creates(), 3);
	power_end();
}
END_TEST

/* Where one bridge has its window says nothing of another. */
START_TEST(another_bridge)
{
	static const struct iom_sim_device devices[] = {
		{ .address = NVME,
		  .group = 14,
		  .driver = "vfio-pci",
		  .dma64_start = UINT64_C(1) << 60 },
		{ .address = EDU, .group = 15, .driver = "vfio-pci" },
	};
	struct power power = power_of("pseries");
	struct iom_device *other;

	power.machine.devices = devices;
	power.machine.n_devices = 2;
	power_attach(&power);
	ck_assert_ok(ask(0, WINDOW, KIB64, 0, &asked));
	ck_assert_ok(iom_aperture_release(rig.dom, asked));
	iom_detach(rig.nvme);
	ck_assert_ok(iom_attach(rig.dom, EDU, NULL, &other));
	ck_assert_ok(ask(SECOND, WINDOW, KIB64, IOM_APERTURE_FIXED, &asked));
	ck_assert(is_granted_at(asked, SECOND, WINDOW));
	iom_detach(other);
	ck_assert_ok(iom_attach(rig.dom, EDU, NULL, &rig.nvme));
	power_end();
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("request_power");
	TCase *tcase = tcase_create("power");

	tcase_set_timeout(tcase, 300);
	tcase_add_loop_test(tcase, every_call, 0, ARRAY_SIZE(steps) * ARRAY_SIZE(machines));
	tcase_add_loop_test(tcase, undone_in_all_groups, 0, 2);
	tcase_add_loop_test(tcase, not_removed, 0, 2);
	tcase_add_loop_test(tcase, not_for_what_collides, 0, 2);
	tcase_add_test(tcase, put_elsewhere);
	tcase_add_test(tcase, another_bridge);
	suite_add_tcase(suite, tcase);
	return run_suite(suite);
}
