// SPDX-License-Identifier: BSD-3-Clause
/* Unmapping: by region, by range, everything; what is refused, and in which order it is checked. */
#include "tests/unit/domain_rig.h"
#include "tests/unit/runner.h"

#define FOUR_GIB (4 * GIB)

static char *memory; /* 16 pages */

static void set_up(void)
{
	set_up_device();
	memory = rig_memory(16 * PAGE);
}

/* Four mappings in a row, of 2, 1, 3 and 2 pages, from 4 GiB on. */
static struct iom_region row[4];

static void map_row(void)
{
	static const uint64_t pages[] = { 2, 1, 3, 2 };
	uint64_t at = 0;
	size_t i;

	for (i = 0; i < 4; i++) {
		ck_assert_ok(map_fixed(memory + at, pages[i] * PAGE, FOUR_GIB + at, &row[i]));
		at += pages[i] * PAGE;
	}
}

#define AT(pages) (FOUR_GIB + (pages)*PAGE)

/* ---- By region ---------------------------------------------------------------------------------- */

START_TEST(a_region)
{
	struct iom_region region;
	uint64_t iova, run;

	ck_assert_ok(map_any(memory, 3 * PAGE, &region));
	ck_assert_ok(iom_unmap(rig.dom, &region));
	ck_assert_int_eq(iom_translate(rig.dom, memory, 1, &iova, &run), -ENOENT);
	ck_assert(dma_misses(NVME, region.iova, region.length));
	ck_assert_uint_eq(iom_sim_mapped_bytes(rig.sim), 0);
	ck_assert_uint_eq(rig_pinned_bytes(), 0);
	ck_assert_fails(iom_unmap(rig.dom, &region), -ENOENT, "unmap IOVA 0x", "unmapped before");
	ck_assert_fails(iom_unmap(rig.dom, NULL), -EINVAL, "unmap", "NULL");
}
END_TEST

/* The generation tells, even where the same memory is at the same IOVA again. */
START_TEST(a_stale_region)
{
	struct iom_region stale, region;

	ck_assert_ok(map_fixed(memory, PAGE, FOUR_GIB, &stale));
	ck_assert_ok(iom_unmap(rig.dom, &stale));
	ck_assert_ok(map_fixed(memory, PAGE, FOUR_GIB, &region));
	ck_assert_fails(iom_unmap(rig.dom, &stale), -ENOENT, "unmapped before");
	ck_assert(dma_works(NVME, &region));
	ck_assert_uint_eq(rig_counters().mappings, 1);
	ck_assert_ok(iom_unmap(rig.dom, &region));
}
END_TEST

START_TEST(no_region_at_all)
{
	struct iom_region zeroed = { .va = NULL }, garbage;

	memset(&garbage, 0xff, sizeof(garbage));
	ck_assert_ok(map_fixed(memory, PAGE, 0, NULL));
	ck_assert_fails(iom_unmap(rig.dom, &zeroed), -ENOENT, "unmap");
	ck_assert_fails(iom_unmap(rig.dom, &garbage), -ENOENT, "unmap");
	ck_assert_uint_eq(rig_counters().mappings, 1);
}
END_TEST

/* One that claims to begin inside a mapping, or that was tampered with. */
START_TEST(a_region_that_was_changed)
{
	struct iom_region region, changed;

	ck_assert_ok(map_fixed(memory, 4 * PAGE, FOUR_GIB, &region));
	changed = region;
	changed.iova += PAGE;
	ck_assert_fails(iom_unmap(rig.dom, &changed), -ENOENT, "unmap");
	changed = region;
	changed.generation++;
	ck_assert_fails(iom_unmap(rig.dom, &changed), -ENOENT, "unmap");
	ck_assert(dma_works(NVME, &region));
	ck_assert_ok(iom_unmap(rig.dom, &region));
}
END_TEST

/* It leads to the mapping, whatever way that came; and is trusted by none. */
START_TEST(a_hint)
{
	static const uint64_t others[] = { 0, 1, 0xffff800000000000, UINT64_MAX };
	const struct iom_piece pieces[] = { { memory + 2 * PAGE, PAGE, 0 },
					    { memory + 5 * PAGE, PAGE, 0 } };
	struct iom_region regions[4];
	size_t i;

	ck_assert_ok(map_any(memory, PAGE, &regions[0]));
	ck_assert_ok(map_fixed(memory + PAGE, PAGE, FOUR_GIB + 64 * PAGE, &regions[1]));
	ck_assert_ok(iom_mapv(rig.dom, pieces, 2, IOM_MAP_RW, NULL, &regions[2]));
	for (i = 0; i < ARRAY_SIZE(regions); i++)
		ck_assert_ptr_eq((void *)(uintptr_t)regions[i].hint,
				 iom_space_at(&rig.dom->space, regions[i].iova >> IOM_UNIT_SHIFT));
	ck_assert_ok(iom_unmapv(rig.dom, &regions[2], 2));
	ck_assert_ok(iom_unmap(rig.dom, &regions[1]));
	ck_assert_ok(iom_unmap(rig.dom, &regions[0]));
	for (i = 0; i < ARRAY_SIZE(others); i++) {
		ck_assert_ok(map_any(memory, PAGE, &regions[0]));
		regions[0].hint = others[i];
		ck_assert_ok(iom_unmap(rig.dom, &regions[0]));
	}
	ck_assert_uint_eq(rig_counters().mappings, 0);
}
END_TEST

/* ---- By range ----------------------------------------------------------------------------------- */

/* However many mappings it has, a range is one kernel call. */
START_TEST(a_range)
{
	map_row();
	ck_assert_ok(iom_unmap_range(rig.dom, AT(2), 4 * PAGE));
	ck_assert_uint_eq(rig_counters().kernel_unmaps, 1);
	ck_assert_uint_eq(rig_counters().mappings, 2);
	ck_assert(dma_works(NVME, &row[0]));
	ck_assert(dma_misses(NVME, AT(2), 4 * PAGE));
	ck_assert(dma_works(NVME, &row[3]));
	ck_assert_fails(iom_unmap(rig.dom, &row[1]), -ENOENT, "unmapped before");
	ck_assert_ok(map_fixed(row[2].va, 3 * PAGE, AT(2), NULL));
}
END_TEST

START_TEST(a_whole_row)
{
	map_row();
	ck_assert_ok(iom_unmap_range(rig.dom, AT(0), 8 * PAGE));
	ck_assert_uint_eq(rig_counters().mappings, 0);
	ck_assert_uint_eq(iom_sim_mapped_bytes(rig.sim), 0);
}
END_TEST

static const struct {
	uint64_t iova, length;
	int error;
	const char *word;
} refused[] = {
	/* cut: at the front, at the back, both, inside; the one that would be cut is named */
	{ AT(1), PAGE, -EINVAL, "0x100000000 to 0x100001fff" },
	{ AT(0), PAGE, -EINVAL, "0x100000000 to 0x100001fff" },
	{ AT(1), 2 * PAGE, -EINVAL, "0x100000000 to 0x100001fff" },
	{ AT(2), 2 * PAGE, -EINVAL, "0x100003000 to 0x100005fff" },
	{ AT(4), PAGE, -EINVAL, "0x100003000 to 0x100005fff" },
	{ AT(1), 4 * PAGE, -EINVAL, "cut" },
	/* not mapped: before, behind, in part, all over */
	{ AT(8), PAGE, -ENOENT, "0x100008000" },
	{ AT(0) - PAGE, PAGE, -ENOENT, "0xfffff000" },
	{ AT(0) - PAGE, 9 * PAGE, -ENOENT, "0xfffff000" },
	{ AT(0), 9 * PAGE, -ENOENT, "0x100008000" },
	{ 0, UINT64_MAX & ~(PAGE - 1), -ENOENT, "0x0" },
	{ UINT64_MAX - PAGE + 1, PAGE, -ENOENT, "0xfffffffffffff000" },
	/* not mapped counts before cut */
	{ AT(1), 9 * PAGE, -ENOENT, "0x100008000" },
	/* of no length, past the end: before all else */
	{ AT(0), 0, -EINVAL, "length is 0" },
	{ UINT64_MAX, 0, -EINVAL, "length is 0" },
	{ UINT64_MAX - PAGE + 1, 2 * PAGE, -ERANGE, "2^64" },
	{ AT(0), UINT64_MAX, -ERANGE, "2^64" },
	{ 2, UINT64_MAX, -ERANGE, "2^64" },
	/* within pages: it cuts what is mapped, and there may be nothing to cut */
	{ AT(0) + 1, PAGE, -EINVAL, "" },
	{ AT(0), PAGE / 2, -EINVAL, "" },
	{ AT(7), PAGE - 1, -EINVAL, "" },
	{ AT(9) + 1, PAGE, -ENOENT, "" },
	{ AT(9), 1, -ENOENT, "" },
	{ AT(7) + 1, PAGE, -ENOENT, "" },
};

/* Checked before anything is unmapped, and before the kernel is asked. */
START_TEST(a_range_that_is_none)
{
	struct state before;
	size_t i;

	map_row();
	before = rig_state();
	ck_assert_fails(iom_unmap_range(rig.dom, refused[_i].iova, refused[_i].length),
			refused[_i].error, "unmap IOVA 0x", refused[_i].word);
	ck_assert_unchanged(before);
	ck_assert_uint_eq(iom_sim_ioctls(rig.sim, rig_backend()->unmap), 0);
	for (i = 0; i < 4; i++)
		ck_assert(dma_works(NVME, &row[i]));
}
END_TEST

START_TEST(a_range_with_a_gap)
{
	map_row();
	ck_assert_ok(iom_unmap(rig.dom, &row[1]));
	ck_assert_fails(iom_unmap_range(rig.dom, AT(0), 8 * PAGE), -ENOENT, "0x100002000");
	ck_assert_uint_eq(rig_counters().mappings, 3);
	ck_assert(dma_works(NVME, &row[0]));
}
END_TEST

/* ---- The end of the address space --------------------------------------------------------------- */

/*
 * Kernels before 6.18 cannot unmap what ends at 2^64.  Whatever the library makes of that, it either does
 * not offer the last page, or gives it back.
 */
START_TEST(the_last_page)
{
	static const unsigned int kernels[] = { 601, 612, 702 };
	const struct iom_sim_config config = {
		.size = sizeof(config),
		.platform = "x86-amd",
		.kernel = kernels[_i],
	};
	struct iom_aperture apertures[8];
	struct iom_region region;
	uint64_t last;
	int n;

	rig_restart(&config);
	n = iom_apertures(rig.dom, apertures, 8);
	ck_assert_int_gt(n, 0);
	last = apertures[n - 1].last;
	ck_assert_ok(map_fixed(memory, PAGE, last - PAGE + 1, &region));
	ck_assert(dma_works(NVME, &region));
	ck_assert_ok(iom_unmap(rig.dom, &region));
	ck_assert(dma_misses(NVME, region.iova, PAGE));
	ck_assert_ok(map_fixed(memory, PAGE, last - PAGE + 1, &region));
	ck_assert_ok(iom_unmap_range(rig.dom, last - PAGE + 1, PAGE));
	ck_assert_ok(map_fixed(memory, PAGE, last - PAGE + 1, &region));
	ck_assert_ok(iom_unmap_all(rig.dom));
	ck_assert_uint_eq(iom_sim_mapped_bytes(rig.sim), 0);
}
END_TEST

/* ---- Everything --------------------------------------------------------------------------------- */

/* With the kernel's one call for all, and without. */
START_TEST(everything)
{
	static const unsigned int quirks[] = { 0, IOM_SIM_ALWAYS }, calls[] = { 1, 4 };
	size_t i;

	tear_down();
	rig_domain(NULL);
	iom_sim_set_quirk(rig.sim, IOM_SIM_NO_UNMAP_ALL, quirks[_i]);
	ck_assert_ok(iom_attach(rig.dom, NVME, NULL, &rig.nvme));
	ck_assert_ok(iom_unmap_all(rig.dom));
	ck_assert_uint_eq(iom_sim_ioctls(rig.sim, rig_backend()->unmap), 0);
	map_row();
	ck_assert_ok(iom_unmap_all(rig.dom));
	ck_assert_uint_eq(iom_sim_ioctls(rig.sim, rig_backend()->unmap), calls[_i]);
	ck_assert_uint_eq(rig_counters().kernel_unmaps, calls[_i]);
	ck_assert_uint_eq(rig_counters().mappings, 0);
	ck_assert_uint_eq(rig_counters().mapped_bytes, 0);
	ck_assert_uint_eq(iom_sim_mapped_bytes(rig.sim), 0);
	for (i = 0; i < 4; i++) {
		ck_assert(!is_mapped(row[i].va));
		ck_assert_fails(iom_unmap(rig.dom, &row[i]), -ENOENT, "unmapped before");
	}
	map_row();
	ck_assert(dma_works(NVME, &row[3]));
	/* closing does what is left */
}
END_TEST

/* Closing unmaps by itself: neither a duplicated descriptor nor a mapped BAR leaves memory in reach. */
START_TEST(closing_unmaps)
{
	unsigned int before;

	map_row();
	before = iom_sim_ioctls(rig.sim, rig_backend()->unmap);
	iom_close(rig.dom);
	rig.dom = NULL;
	ck_assert_uint_eq(iom_sim_ioctls(rig.sim, rig_backend()->unmap), before + 1);
	ck_assert_uint_eq(iom_sim_ioctls(rig.sim, VFIO_GROUP_UNSET_CONTAINER),
			  rig_is("iommufd") ? 0 : 1);
}
END_TEST

/* Device descriptors first, so that the kernel stops the devices; then the memory. */
static unsigned int fds_at_unmap;

static void look(struct rig *r, unsigned long request)
{
	if (request == rig_backend()->unmap)
		fds_at_unmap = iom_sim_open_fds(r->sim);
}

START_TEST(devices_stop_before_memory_goes)
{
	map_row();
	rig.before = look;
	iom_close(rig.dom);
	rig.dom = NULL;
	/* all but the device's */
	ck_assert_uint_eq(fds_at_unmap, rig_backend()->fds - 1);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("unmap");
	TCase *tcase = tcase_create("unmap");

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_test(tcase, a_region);
	tcase_add_test(tcase, a_stale_region);
	tcase_add_test(tcase, no_region_at_all);
	tcase_add_test(tcase, a_region_that_was_changed);
	tcase_add_test(tcase, a_hint);
	tcase_add_test(tcase, a_range);
	tcase_add_test(tcase, a_whole_row);
	tcase_add_loop_test(tcase, a_range_that_is_none, 0, ARRAY_SIZE(refused));
	tcase_add_test(tcase, a_range_with_a_gap);
	tcase_add_loop_test(tcase, the_last_page, 0, 3);
	/* only type1 may have no call for all */
	tcase_add_loop_test(tcase, everything, 0, rig_is("type1") ? 2 : 1);
	tcase_add_test(tcase, closing_unmaps);
	tcase_add_test(tcase, devices_stop_before_memory_goes);
	suite_add_tcase(suite, tcase);
	return run_suite(suite);
}
