// SPDX-License-Identifier: BSD-3-Clause
/* Requested apertures: what the kernel is told of them, and what devices do to them. */
#include "tests/unit/request_rig.h"
#include "tests/unit/runner.h"

#define AT (512 * MIB)
#define LENGTH (4 * MIB)
#define RESERVED UINT64_C(0x200000000)

static const struct iom_sim_resv resv[] = {
	{ RESERVED, RESERVED + 256 * MIB - 1, "reserved" },
};

/* The second one's group has a range of its own, the third's IOMMU is narrower. */
static const struct iom_sim_device devices[] = {
	{ .address = NVME, .group = 14, .driver = "vfio-pci" },
	{ .address = EDU,
	  .group = 15,
	  .driver = "vfio-pci",
	  .resv = resv,
	  .n_resv = ARRAY_SIZE(resv) },
	{ .address = "0000:03:00.0", .group = 16, .driver = "vfio-pci", .iommu_bits = 36 },
};

static const struct iom_sim_config machine = {
	.size = sizeof(machine),
	.devices = devices,
	.n_devices = ARRAY_SIZE(devices),
};

static void set_up(void)
{
	rig_machine(&machine);
	start_listening();
	ck_assert_ok(rig_open(&rig.dom));
}

/* ---- The kernel's list ----------------------------------------------------------------------- */

/* It is what is granted, at each step, and nothing in the end. */
START_TEST(kernel_is_told)
{
	uint64_t id, other, pending;
	char *p = rig_memory(PAGE);

	ck_assert_ok(ask_at(AT, LENGTH, &id));
	ck_assert_uint_eq(told.n, 0);
	ck_assert_ok(iom_attach(rig.dom, NVME, NULL, &rig.nvme));
	ck_assert(kernel_agrees());
	ck_assert(is_granted_at(id, AT, LENGTH));
	ck_assert_ok(ask_at(AT + LENGTH, LENGTH, &other));
	ck_assert(kernel_agrees());
	ck_assert_int_eq(ask_at(AT, LENGTH, &pending), -EEXIST);
	ck_assert(kernel_agrees());
	ck_assert_ok(map_fixed(p, PAGE, AT, NULL));
	ck_assert_int_eq(iom_aperture_release(rig.dom, id), -EBUSY);
	ck_assert(kernel_agrees());
	ck_assert_ok(iom_aperture_release(rig.dom, other));
	ck_assert(kernel_agrees());
	iom_detach(rig.nvme);
	ck_assert_ok(ask_anywhere(LENGTH, &other));
	ck_assert_ok(iom_attach(rig.dom, NVME, NULL, &rig.nvme));
	ck_assert(kernel_agrees());
	ck_assert(is_granted_at(id, AT, LENGTH));
	ck_assert_ok(iom_unmap_all(rig.dom));
	iom_detach(rig.nvme);
	ck_assert_ok(iom_aperture_release(rig.dom, id));
	ck_assert_ok(iom_attach(rig.dom, NVME, NULL, &rig.nvme));
	ck_assert(kernel_agrees());
	ck_assert_ok(iom_aperture_release(rig.dom, other));
	ck_assert(kernel_agrees());
	ck_assert_uint_eq(told.n, 0);
	ck_assert_works();
}
END_TEST

/* A fixed map outside of all requests is allowed by the kernel, and by the library. */
START_TEST(maps_beside)
{
	struct iom_region r;
	uint64_t id;

	ck_assert_ok(iom_attach(rig.dom, NVME, NULL, &rig.nvme));
	ck_assert_ok(ask_at(AT, LENGTH, &id));
	ck_assert_ok(map_fixed(rig_memory(PAGE), PAGE, AT - PAGE, &r));
	ck_assert(dma_works(NVME, &r));
	ck_assert_ok(map_any(rig_memory(4 * PAGE), 4 * PAGE, &r));
	ck_assert(dma_works(NVME, &r));
	ck_assert(r.iova < AT || r.iova >= AT + LENGTH);
	ck_assert(kernel_agrees());
	ck_assert_ok(iom_unmap_all(rig.dom));
}
END_TEST

/* A domain that never asked has nothing said to the kernel. */
START_TEST(nothing_asked)
{
	ck_assert_ok(iom_attach(rig.dom, NVME, NULL, &rig.nvme));
	ck_assert_works();
	iom_detach(rig.nvme);
	ck_assert_ok(iom_attach(rig.dom, NVME, NULL, &rig.nvme));
	ck_assert_uint_eq(iom_sim_ioctls(rig.sim, IOM_IOMMU_IOAS_ALLOW_IOVAS), 0);
}
END_TEST

/* ---- Devices --------------------------------------------------------------------------------- */

/*
 * type1 narrows what is not mapped without a word, and what is to be kept is compared by the
 * library; iommufd refuses by itself.
 */
static void refuse(const char *address, uint64_t start)
{
	struct iom_device *dev = NULL;
	struct listed list;
	struct state before;
	struct iom_region r;
	uint64_t id;
	int i;

	ck_assert_ok(ask_at(start, 2 * MIB, &id));
	ck_assert_ok(map_any(rig_memory(PAGE), PAGE, &r));
	list = list_apertures();
	before = rig_state();
	/* again: nothing of the first try is left */
	for (i = 0; i < 2; i++) {
		struct listed now;

		ck_assert_fails(iom_attach(rig.dom, address, NULL, &dev), -EBUSY, address,
				"requested aperture");
		ck_assert_ptr_null(dev);
		ck_assert_unchanged(before);
		now = list_apertures();
		ck_assert(same_list(&list, &now));
		ck_assert(kernel_agrees());
		ck_assert(is_granted_at(id, start, 2 * MIB));
		ck_assert(dma_works(NVME, &r));
	}
	ck_assert_ok(iom_aperture_release(rig.dom, id));
	ck_assert_ok(iom_attach(rig.dom, address, NULL, &dev));
	ck_assert_int_eq(ask_at(start, 2 * MIB, &id), -ERANGE);
	ck_assert(dma_works(address, &r));
	iom_detach(dev);
	ck_assert_ok(ask_at(start, 2 * MIB, &id));
	ck_assert_ok(iom_aperture_release(rig.dom, id));
	ck_assert_ok(iom_unmap(rig.dom, &r));
}

START_TEST(cut_by_reserved)
{
	ck_assert_ok(iom_attach(rig.dom, NVME, NULL, &rig.nvme));
	refuse(EDU, RESERVED - MIB);
	refuse(EDU, RESERVED + 64 * MIB);
	refuse(EDU, RESERVED + 255 * MIB);
}
END_TEST

START_TEST(cut_by_width)
{
	ck_assert_ok(iom_attach(rig.dom, NVME, NULL, &rig.nvme));
	refuse("0000:03:00.0", (UINT64_C(1) << 36) - MIB);
	refuse("0000:03:00.0", UINT64_C(1) << 37);
}
END_TEST

/* Kept over the last detach, it is refused to the first device of another kind as well. */
START_TEST(cut_at_first_attach)
{
	struct state before;
	uint64_t id;

	ck_assert_ok(iom_attach(rig.dom, NVME, NULL, &rig.nvme));
	ck_assert_ok(ask_at(RESERVED, 2 * MIB, &id));
	iom_detach(rig.nvme);
	before = rig_state();
	ck_assert_fails(iom_attach(rig.dom, EDU, NULL, &rig.nvme), -EBUSY, EDU,
			"requested aperture");
	ck_assert_unchanged(before);
	ck_assert_ok(iom_attach(rig.dom, NVME, NULL, &rig.nvme));
	ck_assert(is_granted_at(id, RESERVED, 2 * MIB));
	ck_assert(kernel_agrees());
}
END_TEST

/* One that was never granted is the attach's failure, by its own errno. */
START_TEST(pending_refused)
{
	uint64_t id, good;
	struct state before;

	ck_assert_ok(ask_at(RESERVED, 2 * MIB, &id));
	ck_assert_ok(ask_at(AT, LENGTH, &good));
	before = rig_state();
	ck_assert_fails(iom_attach(rig.dom, EDU, NULL, &rig.nvme), -ERANGE, EDU, "hole",
			"0x200000000");
	ck_assert_unchanged(before);
	ck_assert_int_eq(iom_sim_open_fds(rig.sim), 0);
	ck_assert_ok(iom_aperture_release(rig.dom, id));
	ck_assert_ok(iom_attach(rig.dom, EDU, NULL, &rig.nvme));
	ck_assert(is_granted_at(good, AT, LENGTH));
	ck_assert(kernel_agrees());
}
END_TEST

/* ---- Numbers --------------------------------------------------------------------------------- */

/* No number is given twice in the process, be it released, refused or another domain's. */
START_TEST(ids_are_unique)
{
	struct iom_domain *first = rig.dom, *second;
	uint64_t ids[64], id;
	size_t i, j;

	ck_assert_ok(rig_open(&second));
	ck_assert_ok(iom_attach(first, NVME, NULL, &rig.nvme));
	for (i = 0; i < ARRAY_SIZE(ids); i++) {
		rig.dom = i & 1 ? second : first;
		ck_assert_ok(ask_at(AT, LENGTH, &ids[i]));
		ck_assert_uint_ne(ids[i], 0);
		ck_assert_int_eq(ask_at(AT, LENGTH, &id), -EEXIST);
		rig.dom = i & 1 ? first : second;
		ck_assert_fails(iom_aperture_release(rig.dom, ids[i]), -ENOENT, "no request");
		rig.dom = i & 1 ? second : first;
		ck_assert_ok(iom_aperture_release(rig.dom, ids[i]));
		for (j = 0; j < i; j++)
			ck_assert_uint_ne(ids[i], ids[j]);
	}
	rig.dom = first;
	iom_close(second);
}
END_TEST

/* ---- Quarantine ------------------------------------------------------------------------------ */

static void fail_unmap(bool on)
{
	const struct iom_sim_failure failure = {
		.nth = 1,
		.answer = -EIO,
		.calls = 1u << IOM_SIM_IOCTL,
		.request = rig_backend()->unmap,
		.on = true,
	};

	iom_sim_fail(rig.sim, on ? &failure : NULL);
}

/* What the kernel may still have mapped is in the way of a request, and of a release. */
START_TEST(quarantined)
{
	struct iom_region r;
	uint64_t id, other;

	ck_assert_ok(iom_attach(rig.dom, NVME, NULL, &rig.nvme));
	ck_assert_ok(ask_at(AT, LENGTH, &id));
	ck_assert_ok(map_fixed(rig_memory(PAGE), PAGE, AT + PAGE, &r));
	fail_unmap(true);
	ck_assert_int_eq(iom_unmap(rig.dom, &r), -EIO);
	fail_unmap(false);
	ck_assert_fails(iom_aperture_release(rig.dom, id), -EBUSY, "quarantined");
	ck_assert(kernel_agrees());
	ck_assert_ok(map_fixed(rig_memory(PAGE), PAGE, AT + 4 * LENGTH, &r));
	fail_unmap(true);
	ck_assert_int_eq(iom_unmap(rig.dom, &r), -EIO);
	fail_unmap(false);
	ck_assert_fails(ask_at(AT + 4 * LENGTH - PAGE, LENGTH, &other), -EEXIST, "quarantined");
	ck_assert(kernel_agrees());
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("request");
	TCase *tcase = tcase_create("request");

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_set_timeout(tcase, 60);
	tcase_add_test(tcase, kernel_is_told);
	tcase_add_test(tcase, maps_beside);
	tcase_add_test(tcase, nothing_asked);
	tcase_add_test(tcase, cut_by_reserved);
	tcase_add_test(tcase, cut_by_width);
	tcase_add_test(tcase, cut_at_first_attach);
	tcase_add_test(tcase, pending_refused);
	tcase_add_test(tcase, ids_are_unique);
	tcase_add_test(tcase, quarantined);
	suite_add_tcase(suite, tcase);
	return run_suite(suite);
}
