// SPDX-License-Identifier: BSD-3-Clause
/* POWER: windows that are made, taken down and replaced, with each call of it refused in turn. */
#include "tests/unit/power_rig.h"
#include "tests/unit/runner.h"

#define NVME_GROUP 14
#define EDU_GROUP 15

/* What the caller states, and what comes of it. */
static const struct preset {
	const char *platform;
	unsigned int bits; /* of the devices */
	bool replaces;     /* the default window goes */
} presets[] = {
	{ "powernv", 0, false },
	{ "pseries", 0, false },
	{ "powernv", 48, true },
	{ "pseries-vf", 0, true },
};

static struct iom_device *edu;

static struct power stated(const struct preset *preset)
{
	struct power power = power_of(preset->platform);

	power.opts.expect_bytes = 8 * GIB;
	power.opts.expect_page = KIB64;
	return power;
}

static bool has_stated_window(void)
{
	struct iom_aperture v[4];
	int n = iom_apertures(rig.dom, v, 4), i;
	uint64_t bytes = 0;

	for (i = 0; i < n; i++)
		if (v[i].page_sizes == KIB64)
			bytes += v[i].last - v[i].start + 1;
	return bytes >= 6 * GIB;
}

static bool maps_small(const char *address)
{
	char *p = power_memory(4 * KIB64, KIB64);
	struct iom_region r;
	bool works;

	if (map_any(p, 4 * KIB64, &r))
		return false;
	works = dma_works(address, &r);
	ck_assert_ok(iom_unmap(rig.dom, &r));
	ck_assert(dma_misses(address, r.iova, r.length));
	munmap(p, 4 * KIB64);
	return works;
}

/* ---- At the first attach --------------------------------------------------------------------- */

START_TEST(as_stated)
{
	const struct preset *preset = &presets[_i];
	struct power power = stated(preset);

	power_start(&power);
	ck_assert_ok(attach_bits(NVME, preset->bits, &rig.nvme));
	ck_assert(has_stated_window());
	ck_assert_int_eq(iom_page_size(rig.dom) == KIB64, preset->replaces);
	ck_assert_uint_eq(creates(), 1);
	ck_assert_uint_eq(removes(), preset->replaces);
	ck_assert(maps_small(NVME));
	power_end();
}
END_TEST

/* The default window is as it was, and is used. */
START_TEST(create_refused)
{
	static const int answers[] = { -ENOMEM, -EINVAL, -EPERM, -ENODEV, -ENOSPC, 1 };
	const struct preset *preset = &presets[_i];
	struct power power = stated(preset);
	size_t i;

	for (i = 0; i < ARRAY_SIZE(answers); i++) {
		power_start(&power);
		refuse_nth(VFIO_IOMMU_SPAPR_TCE_CREATE, 1, answers[i]);
		ck_assert_ok(attach_bits(NVME, preset->bits, &rig.nvme));
		ck_assert_uint_eq(iom_sim_failed(rig.sim), 1);
		ck_assert(logged("no further aperture: "));
		ck_assert(logged("DMA window"));
		ck_assert_int_eq(iom_apertures(rig.dom, NULL, 0), 1);
		ck_assert_uint_eq(iom_page_size(rig.dom), 4096);
		ck_assert(maps_small(NVME));
		/* it is not tried again: what the kernel lost by it, it would lose each time */
		ck_assert_uint_eq(creates(), 1 + preset->replaces);
		power_end();
	}
}
END_TEST

/* Nor can the default one be made again: this is told. */
START_TEST(both_refused)
{
	const struct preset *preset = &presets[_i];
	struct power power = stated(preset);

	power_start(&power);
	refuse(VFIO_IOMMU_SPAPR_TCE_CREATE, -ENOMEM);
	ck_assert_ok(attach_bits(NVME, preset->bits, &rig.nvme));
	if (preset->replaces) {
		ck_assert(logged("1 the DMA window at 0x0 cannot be made again"));
		ck_assert(!maps_small(NVME));
		ck_assert_ptr_nonnull(strstr(iom_errmsg(), "the kernel refuses"));
	} else {
		ck_assert(maps_small(NVME));
	}
	refuse(0, 0);
	power_end();
}
END_TEST

START_TEST(remove_refused)
{
	const struct preset *preset = &presets[_i];
	struct power power = stated(preset);

	power_start(&power);
	refuse_nth(VFIO_IOMMU_SPAPR_TCE_REMOVE, 1, -EBUSY);
	ck_assert_ok(attach_bits(NVME, preset->bits, &rig.nvme));
	ck_assert_uint_eq(iom_sim_failed(rig.sim), preset->replaces);
	ck_assert_int_eq(has_stated_window(), !preset->replaces);
	ck_assert_uint_eq(creates(), !preset->replaces);
	ck_assert_int_eq(logged("does not remove"), preset->replaces);
	ck_assert(maps_small(NVME));
	power_end();
}
END_TEST

/* ---- Two containers -------------------------------------------------------------------------- */

/* The window is made when it is first needed, then in both: or in none of them. */
START_TEST(second_container_refuses)
{
	struct power power = power_of(platforms[_i]);
	struct iom_region r;

	power.machine.n_hugepages = 64;
	power_attach(&power);
	ck_assert_ok(attach_bits(EDU, 0, &edu));
	ck_assert_uint_eq(creates(), 0);
	refuse_nth(VFIO_IOMMU_SPAPR_TCE_CREATE, 2, -ENOMEM);
	ck_assert_ok(map_any(power_memory(4 * MIB, 2 * MIB), 4 * MIB, &r));
	ck_assert_uint_lt(r.iova, 4 * GIB);
	ck_assert_uint_eq(creates(), 2);
	ck_assert_uint_eq(removes(), 1);
	ck_assert_int_eq(iom_apertures(rig.dom, NULL, 0), 1);
	ck_assert(dma_works(NVME, &r));
	ck_assert(dma_works(EDU, &r));
	power_end();
}
END_TEST

static const struct iom_sim_device apart[] = {
	{ .address = NVME, .group = NVME_GROUP, .driver = "vfio-pci" },
	{ .address = EDU,
	  .group = EDU_GROUP,
	  .driver = "vfio-pci",
	  .dma64_start = UINT64_C(1) << 60 },
};

START_TEST(starts_differ)
{
	struct power power = power_of("pseries");
	struct iom_region r;

	power.machine.devices = apart;
	power.machine.n_devices = ARRAY_SIZE(apart);
	power.machine.n_hugepages = 64;
	power_attach(&power);
	ck_assert_ok(attach_bits(EDU, 0, &edu));
	ck_assert_ok(map_any(power_memory(4 * MIB, 2 * MIB), 4 * MIB, &r));
	ck_assert_uint_lt(r.iova, 4 * GIB);
	ck_assert(logged("0x800000000000000"));
	ck_assert(logged("0x1000000000000000"));
	ck_assert_uint_eq(removes(), 2);
	ck_assert(dma_works(NVME, &r));
	ck_assert(dma_works(EDU, &r));
	power_end();
}
END_TEST

/* Where the window is there already, it is the device that is refused, and the first goes on. */
START_TEST(late_and_elsewhere)
{
	struct power power = power_of(_i ? "pseries-vf" : "pseries");
	struct iom_region r;
	unsigned int fds;

	power.machine.devices = apart;
	power.machine.n_devices = ARRAY_SIZE(apart);
	power.opts.expect_bytes = 8 * GIB;
	power.opts.expect_page = KIB64;
	power_attach(&power);
	ck_assert_ok(map_any(power_memory(4 * KIB64, KIB64), 4 * KIB64, &r));
	fds = iom_sim_open_fds(rig.sim);
	ck_assert_fails(attach_bits(EDU, 0, &edu), -ERANGE, EDU, "0x1000000000000000");
	ck_assert_uint_eq(iom_sim_open_fds(rig.sim), fds);
	ck_assert(dma_works(NVME, &r));
	ck_assert(has_stated_window());
	ck_assert(maps_small(NVME));
	power_end();
}
END_TEST

/* The kernel puts it elsewhere than where its slot is. */
static void move(struct rig *r, unsigned long request, void *arg)
{
	struct vfio_iommu_spapr_tce_create *create = arg;

	(void)r;
	if (request == VFIO_IOMMU_SPAPR_TCE_CREATE && create->page_shift == 16)
		create->start_addr += UINT64_C(1) << 40;
}

START_TEST(not_where_it_must_be)
{
	const struct preset *preset = &presets[2 * _i];
	struct power power = stated(preset);

	power_start(&power);
	rig.after = move;
	/* what the library then takes down is not there */
	refuse_nth(VFIO_IOMMU_SPAPR_TCE_REMOVE, 1 + preset->replaces, 0);
	ck_assert_ok(attach_bits(NVME, preset->bits, &rig.nvme));
	ck_assert(logged("not at 0x"));
	ck_assert(!has_stated_window());
	ck_assert_uint_eq(removes(), 1 + preset->replaces);
	power_end();
}
END_TEST

/* ---- One who comes late ---------------------------------------------------------------------- */

/* Each of its calls is refused in turn: then it is as if it had not come. */
START_TEST(late_and_refused)
{
	const struct preset *preset = &presets[_i];
	struct power power = stated(preset);
	struct iom_region small, more[8];
	struct state before;
	unsigned int n, i;
	bool hit;
	int ret;

	power_start(&power);
	ck_assert_ok(attach_bits(NVME, preset->bits, &rig.nvme));
	ck_assert_ok(map_any(power_memory(KIB64, KIB64), KIB64, &small));
	for (i = 0; i < ARRAY_SIZE(more); i++)
		ck_assert_ok(map_any(power_memory(2 * KIB64, KIB64), 2 * KIB64, &more[i]));
	before = rig_state();
	for (n = 1; n < 100; n++) {
		const struct iom_sim_failure failure = {
			.nth = n,
			.answer = n % 2 ? -EIO : -ENOMEM,
			.calls = 1u << IOM_SIM_IOCTL,
			/* what replaced the default window would keep it from coming back */
			.after = n % 3 == 0 && !preset->replaces,
		};

		iom_sim_fail(rig.sim, &failure);
		ret = attach_bits(EDU, preset->bits, &edu);
		hit = iom_sim_failed(rig.sim);
		iom_sim_fail(rig.sim, NULL);
		if (!ret && !hit)
			break;
		/* what only tells of the device's memory may fail */
		if (!ret) {
			iom_detach(edu);
		} else {
			ck_assert_str_ne(iom_errmsg(), "");
		}
		ck_assert_unchanged(before);
		ck_assert(dma_works(NVME, &small));
	}
	/* registrations and maps of nine, and all that comes before them */
	ck_assert_uint_gt(n, 20);
	ck_assert_uint_lt(n, 100);
	ck_assert(dma_works(EDU, &small));
	for (i = 0; i < ARRAY_SIZE(more); i++)
		ck_assert(dma_works(EDU, &more[i]));
	ck_assert_ok(iom_unmap_all(rig.dom));
	power_end();
}
END_TEST

/* ---- In the place of the default one --------------------------------------------------------- */

/* Unless more is stated, the window that serves everything stays. */
START_TEST(not_without_being_told)
{
	struct power power = power_of(presets[2 + _i].platform);
	struct iom_region r;
	char *p;

	power.machine.n_hugepages = 64;
	power_start(&power);
	ck_assert_ok(attach_bits(NVME, presets[2 + _i].bits, &rig.nvme));
	ck_assert_ok(map_any(power_memory(4 * MIB, 2 * MIB), 4 * MIB, &r));
	ck_assert_uint_eq(creates() + removes(), 0);
	p = power_memory(8 * GIB, 2 * MIB);
	ck_assert_fails(map_any(p, 8 * GIB, NULL), -ERANGE, "expect_page", "expect_bytes");
	ck_assert_uint_eq(creates() + removes(), 0);
	munmap(p, 8 * GIB);
	power_end();
}
END_TEST

/* A second 64-bit window on pSeries would cost the bridge all of them. */
START_TEST(never_a_third)
{
	struct power power = power_of(platforms[_i]);
	struct iom_region r;
	char *p, *q;

	power.opts.expect_bytes = GIB;
	power.opts.expect_page = 2 * MIB;
	power_attach(&power);
	ck_assert_uint_eq(creates(), 1);
	p = power_memory(512 * MIB, 2 * MIB);
	ck_assert_ok(map_any(p, 512 * MIB, &r));
	q = power_memory(8 * GIB, 2 * MIB);
	ck_assert_int_eq(map_any(q, 8 * GIB, NULL), -ERANGE);
	ck_assert_int_eq(map_any(q, 8 * GIB, NULL), -ERANGE);
	ck_assert_uint_eq(creates(), 1);
	ck_assert_uint_eq(removes(), 0);
	ck_assert(dma_works(NVME, &r));
	power_end();
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("power windows");
	TCase *tcase = tcase_create("windows");

	tcase_set_timeout(tcase, 120);
	tcase_add_loop_test(tcase, as_stated, 0, ARRAY_SIZE(presets));
	tcase_add_loop_test(tcase, create_refused, 0, ARRAY_SIZE(presets));
	tcase_add_loop_test(tcase, both_refused, 0, ARRAY_SIZE(presets));
	tcase_add_loop_test(tcase, remove_refused, 0, ARRAY_SIZE(presets));
	tcase_add_loop_test(tcase, second_container_refuses, 0, 2);
	tcase_add_test(tcase, starts_differ);
	tcase_add_loop_test(tcase, late_and_elsewhere, 0, 2);
	tcase_add_loop_test(tcase, not_where_it_must_be, 0, 2);
	tcase_add_loop_test(tcase, late_and_refused, 0, ARRAY_SIZE(presets));
	tcase_add_loop_test(tcase, not_without_being_told, 0, 2);
	tcase_add_loop_test(tcase, never_a_third, 0, 2);
	suite_add_tcase(suite, tcase);
	return run_suite(suite);
}
