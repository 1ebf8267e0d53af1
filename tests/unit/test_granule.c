// SPDX-License-Identifier: BSD-3-Clause
/* Mappings that may be cut: what the kernel is given, what goes when a part is unmapped, and what stays. */
#include "tests/unit/domain_rig.h"
#include "tests/unit/runner.h"

#define GRANULE (4 * PAGE)
#define FOUR_GIB (4 * GIB)
#define AT(pages) (FOUR_GIB + (pages)*PAGE)

static char *memory; /* 64 pages */
static struct iom_region region;

static void set_up(void)
{
	rig_start_cut(NULL, GRANULE);
	memory = rig_memory(64 * PAGE);
}

/* Sixteen pages in four granules. */
static void map_sixteen(void)
{
	ck_assert_ok(map_fixed(memory, 16 * PAGE, FOUR_GIB, &region));
}

static int cut(uint64_t first, uint64_t pages)
{
	return iom_unmap_range(rig.dom, AT(first), pages * PAGE);
}

/* The device, and both directions of translation, know pages first to first + n of the sixteen. */
static bool works(uint64_t first, uint64_t n)
{
	struct iom_region part = region;
	uint64_t iova, run;
	void *va;

	part.va = memory + first * PAGE;
	part.iova = AT(first);
	part.length = n * PAGE;
	return dma_works(NVME, &part) &&
	       !iom_translate(rig.dom, part.va, UINT64_MAX, &iova, &run) && iova == part.iova &&
	       run == part.length && !iom_iova_to_va(rig.dom, part.iova, UINT64_MAX, &va, &run) &&
	       va == part.va && run == part.length;
}

static bool is_gone(uint64_t first, uint64_t n)
{
	uint64_t i, iova, run;
	void *va;

	for (i = first; i < first + n; i++)
		if (!dma_misses(NVME, AT(i), PAGE) || is_mapped(memory + i * PAGE) ||
		    iom_translate(rig.dom, memory + i * PAGE, 1, &iova, &run) != -ENOENT ||
		    iom_iova_to_va(rig.dom, AT(i), 1, &va, &run) != -ENOENT)
			return false;
	return true;
}

/* ---- What the kernel is given --------------------------------------------------------------------- */

struct pieces {
	unsigned int n;
	uint64_t next; /* where one should begin */
};

static int check_piece(void *arg, uint64_t iova, void *va, uint64_t length, uint32_t vfio_flags)
{
	struct pieces *pieces = arg;

	(void)vfio_flags;
	if (iova != pieces->next || (uintptr_t)va - iova != (uintptr_t)region.va - region.iova ||
	    iova / GRANULE != (iova + length - 1) / GRANULE)
		return -EINVAL;
	pieces->n++;
	pieces->next = iova + length;
	return 0;
}

/* Each granule that a mapping touches is a call of its own, and one of the entries. */
START_TEST(a_call_for_each_granule)
{
	static const struct {
		uint64_t first, pages;
		unsigned int calls;
	} cases[] = {
		{ 0, 1, 1 },  { 3, 1, 1 },  { 0, 4, 1 },   { 1, 3, 1 },  { 3, 2, 2 },
		{ 0, 5, 2 },  { 1, 4, 2 },  { 2, 8, 3 },   { 0, 16, 4 }, { 3, 10, 4 },
		{ 1, 16, 5 }, { 4, 12, 3 }, { 7, 57, 15 },
	};
	struct pieces pieces = { 0, AT(cases[_i].first) };

	ck_assert_ok(map_fixed(memory, cases[_i].pages * PAGE, AT(cases[_i].first), &region));
	ck_assert_uint_eq(region.length, cases[_i].pages * PAGE);
	ck_assert_uint_eq(rig_counters().mappings, 1);
	ck_assert_uint_eq(rig_counters().mapped_bytes, cases[_i].pages * PAGE);
	ck_assert_uint_eq(rig_counters().kernel_maps, cases[_i].calls);
	ck_assert_int_eq(iom_sim_each_map(rig.sim, NVME, check_piece, &pieces), 0);
	ck_assert_uint_eq(pieces.n, cases[_i].calls);
	ck_assert_uint_eq(pieces.next, region.iova + region.length);
	ck_assert(dma_works(NVME, &region));

	/* but one call unmaps all of them */
	ck_assert_ok(iom_unmap(rig.dom, &region));
	ck_assert_uint_eq(rig_counters().kernel_unmaps, 1);
	ck_assert_uint_eq(iom_sim_mapped_bytes(rig.sim), 0);
}
END_TEST

/* So that multiples of the granule are the same among addresses and IOVAs. */
START_TEST(automatic_is_congruent)
{
	static const struct {
		uint64_t length, phase;
		bool congruent;
	} cases[] = {
		{ 4 * PAGE, 0, true },         { 7 * PAGE, 2 * PAGE, true },
		{ 7 * PAGE, PAGE, true },      { 16 * PAGE, 3 * PAGE, true },
		{ 6 * PAGE, 2 * PAGE, true },  { 5 * PAGE, 2 * PAGE, false },
		{ 3 * PAGE, 3 * PAGE, false }, { 8 * PAGE, PAGE, true },
	};
	struct iom_region odd;
	char *at;

	/* so that the next free IOVA is not congruent by chance */
	ck_assert_ok(map_any(rig_memory_at(PAGE, 2 * MIB, 0), PAGE, &odd));
	at = rig_memory_at(cases[_i].length, 2 * MIB, cases[_i].phase);
	ck_assert_ok(map_any(at, cases[_i].length, &region));
	ck_assert_uint_eq(odd.iova, FOUR_GIB);
	if (cases[_i].congruent)
		ck_assert_uint_eq(region.delta % GRANULE, 0);
	else
		ck_assert_uint_eq(region.iova, FOUR_GIB + PAGE);
}
END_TEST

/* A limit of the kernel's that is reached in the middle: nothing of it stays. */
START_TEST(entries_run_out)
{
	const struct iom_sim_config config = { .size = sizeof(config), .dma_entry_limit = 5 };
	struct state before;

	tear_down();
	rig_start_cut(&config, GRANULE);
	map_sixteen();
	ck_assert_uint_eq(rig_counters().entries_used, 4);
	before = rig_state();
	ck_assert_fails(map_fixed(memory + 16 * PAGE, 8 * PAGE, AT(16), NULL), -ENOSPC, "5",
			"map larger pieces");
	ck_assert_unchanged(before);
	ck_assert_ok(map_fixed(memory + 16 * PAGE, 4 * PAGE, AT(16), NULL));
	ck_assert_ok(cut(4, 4));
	ck_assert_uint_eq(rig_counters().entries_used, 4);
	ck_assert(works(0, 4));
}
END_TEST

/* ---- Cuts ------------------------------------------------------------------------------------------ */

START_TEST(one_end)
{
	map_sixteen();
	ck_assert_ok(cut(0, 4));
	ck_assert(is_gone(0, 4));
	ck_assert(works(4, 12));
	ck_assert_uint_eq(rig_counters().mappings, 1);
	ck_assert_uint_eq(rig_counters().mapped_bytes, 12 * PAGE);
	ck_assert_ok(cut(12, 4));
	ck_assert(is_gone(12, 4));
	ck_assert(works(4, 8));
	ck_assert_uint_eq(rig_counters().mappings, 1);
	ck_assert_uint_eq(rig_counters().kernel_unmaps, 2);
	ck_assert_uint_eq(iom_sim_mapped_bytes(rig.sim), 8 * PAGE);
	ck_assert_uint_eq(rig_pinned_bytes(), 8 * PAGE);
}
END_TEST

START_TEST(the_middle)
{
	map_sixteen();
	ck_assert_ok(cut(4, 8));
	ck_assert(works(0, 4));
	ck_assert(is_gone(4, 8));
	ck_assert(works(12, 4));
	ck_assert_uint_eq(rig_counters().mappings, 2);
	ck_assert_uint_eq(rig_counters().mapped_bytes, 8 * PAGE);
	ck_assert_uint_eq(rig_counters().kernel_unmaps, 1);
	/* what is gone is free */
	ck_assert_ok(map_fixed(memory + 4 * PAGE, 8 * PAGE, AT(4), NULL));
	ck_assert_fails(cut(0, 17), -ENOENT, "nothing is mapped at IOVA 0x100010000");
	ck_assert_ok(cut(0, 16));
	ck_assert_uint_eq(rig_counters().mappings, 0);
}
END_TEST

/* From the middle of one to the middle of the third, in one call. */
START_TEST(several)
{
	struct iom_region row[3];

	ck_assert_ok(map_fixed(memory, 8 * PAGE, AT(0), &row[0]));
	ck_assert_ok(map_fixed(memory + 8 * PAGE, 2 * PAGE, AT(8), &row[1]));
	ck_assert_ok(map_fixed(memory + 10 * PAGE, 6 * PAGE, AT(10), &row[2]));
	region = row[0];
	ck_assert_ok(cut(4, 8));
	ck_assert_uint_eq(rig_counters().kernel_unmaps, 1);
	ck_assert_uint_eq(rig_counters().mappings, 2);
	ck_assert(works(0, 4));
	ck_assert(is_gone(4, 8));
	ck_assert(works(12, 4));
	ck_assert_fails(iom_unmap(rig.dom, &row[1]), -ENOENT, "unmapped before");
	ck_assert_ok(iom_unmap(rig.dom, &row[2]));
	ck_assert(is_gone(12, 4));
	ck_assert_ok(iom_unmap(rig.dom, &row[0]));
	ck_assert_uint_eq(iom_sim_mapped_bytes(rig.sim), 0);
}
END_TEST

/* Where it is no multiple of the granule; a mapping's own ends are good wherever they are. */
START_TEST(where_it_must_not)
{
	struct state before;

	ck_assert_ok(map_fixed(memory + PAGE, 14 * PAGE, AT(1), &region));
	before = rig_state();
	ck_assert_fails(cut(1, 4), -EINVAL, "0x100001000 to 0x10000efff", "unmap_granule");
	ck_assert_fails(cut(5, 3), -EINVAL, "0x100001000 to 0x10000efff", "multiple");
	ck_assert_fails(cut(2, 13), -EINVAL, "multiple");
	ck_assert_fails(cut(6, 4), -EINVAL, "multiple");
	ck_assert_fails(iom_unmap_range(rig.dom, AT(4) + 1, 4 * PAGE), -EINVAL, "multiple");
	ck_assert_fails(iom_unmap_range(rig.dom, AT(4), 4 * PAGE - 1), -EINVAL, "multiple");
	ck_assert_fails(cut(4, 12), -ENOENT, "0x10000f000");
	ck_assert_unchanged(before);
	ck_assert_uint_eq(iom_sim_ioctls(rig.sim, rig_backend()->unmap), 0);
	ck_assert_ok(cut(1, 3));
	ck_assert_ok(cut(12, 3));
	ck_assert(works(4, 8));
	ck_assert_uint_eq(iom_sim_mapped_bytes(rig.sim), 8 * PAGE);
}
END_TEST

/* ---- The region, afterwards -------------------------------------------------------------------------- */

START_TEST(the_region_of_what_is_left)
{
	map_sixteen();
	ck_assert_ok(cut(4, 4));
	ck_assert_ok(cut(12, 4));
	ck_assert_ok(iom_unmap(rig.dom, &region));
	ck_assert(is_gone(0, 16));
	ck_assert_uint_eq(rig_counters().mappings, 0);
	ck_assert_uint_eq(rig_counters().mapped_bytes, 0);
	ck_assert_uint_eq(iom_sim_mapped_bytes(rig.sim), 0);
	ck_assert_fails(iom_unmap(rig.dom, &region), -ENOENT, "unmapped before");
}
END_TEST

/* What was mapped in the gap meanwhile, and what follows, is not the region's. */
START_TEST(others_in_the_gap)
{
	struct iom_region tail;

	map_sixteen();
	ck_assert_ok(map_fixed(memory + 16 * PAGE, PAGE, AT(16), &tail));
	ck_assert_ok(cut(8, 4));
	ck_assert_ok(map_fixed(memory + 8 * PAGE, 4 * PAGE, AT(8), NULL));
	ck_assert_ok(iom_unmap(rig.dom, &region));
	ck_assert_uint_eq(rig_counters().kernel_unmaps, 3);
	ck_assert_uint_eq(rig_counters().mappings, 2);
	ck_assert(works(8, 4));
	ck_assert(is_gone(0, 8));
	ck_assert(is_gone(12, 4));
	ck_assert(dma_works(NVME, &tail));
}
END_TEST

START_TEST(the_region_of_nothing)
{
	uint64_t i;

	map_sixteen();
	for (i = 0; i < 16; i += 4)
		ck_assert_ok(cut((i * 3) % 16, 4));
	ck_assert_uint_eq(rig_counters().mappings, 0);
	ck_assert_fails(iom_unmap(rig.dom, &region), -ENOENT, "unmapped before");
	/* nor does it find what came later at the same place */
	ck_assert_ok(map_fixed(memory, 16 * PAGE, FOUR_GIB, NULL));
	ck_assert_fails(iom_unmap(rig.dom, &region), -ENOENT, "unmapped before");
	ck_assert(works(0, 16));
}
END_TEST

static void refuse_next_unmap(void)
{
	const struct iom_sim_failure failure = {
		.nth = 1,
		.answer = -EINVAL,
		.request = rig_backend()->unmap,
	};

	iom_sim_fail(rig.sim, &failure);
}

/* The kernel refuses a part: that part is out of use, and the rest is as good as before. */
START_TEST(a_part_in_quarantine)
{
	map_sixteen();
	refuse_next_unmap();
	ck_assert_fails(cut(4, 4), -EIO, "refuses to unmap");
	ck_assert_uint_eq(rig_counters().quarantined_bytes, 4 * PAGE);
	ck_assert_uint_eq(rig_counters().mapped_bytes, 12 * PAGE);
	ck_assert_ptr_nonnull(strstr(rig.log, "IOVA 0x100004000 + 0x4000 is quarantined"));
	ck_assert(works(0, 4));
	ck_assert(works(8, 8));
	ck_assert(!is_mapped(memory + 4 * PAGE));
	ck_assert_fails(cut(0, 16), -EIO, "0x100004000", "quarantined");
	ck_assert_fails(cut(4, 4), -EIO, "quarantined");

	/* all that can be unmapped is, but not all could be */
	ck_assert_fails(iom_unmap(rig.dom, &region), -EIO, "0x100004000 to 0x100007fff",
			"quarantined");
	ck_assert_uint_eq(rig_counters().mappings, 0);
	ck_assert_uint_eq(rig_counters().quarantined_bytes, 4 * PAGE);
	ck_assert_uint_eq(iom_sim_mapped_bytes(rig.sim), 4 * PAGE);
	ck_assert_fails(iom_unmap(rig.dom, &region), -EIO, "quarantined");
	ck_assert_fails(map_fixed(memory, 16 * PAGE, FOUR_GIB, NULL), -EEXIST, "quarantined");
	ck_assert_ok(map_fixed(memory, 4 * PAGE, AT(0), NULL));
	ck_assert_works();
}
END_TEST

/* One of two parts is refused when the region goes: the other one goes. */
START_TEST(one_part_of_the_region_refused)
{
	map_sixteen();
	ck_assert_ok(cut(4, 4));
	refuse_next_unmap();
	ck_assert_fails(iom_unmap(rig.dom, &region), -EIO, "refuses to unmap");
	ck_assert_uint_eq(rig_counters().quarantined_bytes, 4 * PAGE);
	ck_assert_uint_eq(rig_counters().mappings, 0);
	ck_assert_uint_eq(iom_sim_mapped_bytes(rig.sim), 4 * PAGE);
	ck_assert(is_gone(4, 12));
	ck_assert_works();
}
END_TEST

/* ---- Everything -------------------------------------------------------------------------------------- */

START_TEST(everything)
{
	static const unsigned int quirks[] = { 0, IOM_SIM_ALWAYS }, calls[] = { 1, 3 };

	tear_down();
	rig_machine(NULL);
	iom_sim_set_quirk(rig.sim, IOM_SIM_NO_UNMAP_ALL, quirks[_i]);
	rig.granule = GRANULE;
	ck_assert_ok(rig_open(&rig.dom));
	ck_assert_ok(iom_attach(rig.dom, NVME, NULL, &rig.nvme));
	map_sixteen();
	ck_assert_ok(map_fixed(memory + 16 * PAGE, 5 * PAGE, AT(30), NULL));
	ck_assert_ok(cut(4, 8));
	ck_assert_ok(iom_unmap_all(rig.dom));
	ck_assert_uint_eq(rig_counters().kernel_unmaps, 1 + calls[_i]);
	ck_assert_uint_eq(rig_counters().mappings, 0);
	ck_assert_uint_eq(iom_sim_mapped_bytes(rig.sim), 0);
	map_sixteen();
	ck_assert(works(0, 16));
}
END_TEST

/* Without a granule the same range is refused, and the same map is one call. */
START_TEST(no_granule)
{
	tear_down();
	rig_start(NULL);
	map_sixteen();
	ck_assert_uint_eq(rig_counters().kernel_maps, 1);
	ck_assert_fails(cut(4, 4), -EINVAL, "without an unmap_granule");
	ck_assert(works(0, 16));
}
END_TEST

/* ---- Options ----------------------------------------------------------------------------------------- */

START_TEST(granules)
{
	static const uint64_t bad[] = { 1, 2048, 4095, 4097, 12288, UINT64_MAX, 3 * GIB };
	static const uint64_t good[] = { 0, 4096, 8192, GIB, UINT64_C(1) << 63 };
	struct iom_domain *untouched = (struct iom_domain *)&rig, *dom = untouched;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		rig.granule = bad[i];
		ck_assert_fails(rig_open(&dom), -EINVAL, "open: ", "unmap_granule", "power of two");
		ck_assert_ptr_eq(dom, untouched);
	}
	for (i = 0; i < ARRAY_SIZE(good); i++) {
		rig.granule = good[i];
		ck_assert_ok(rig_open(&dom));
		iom_close(dom);
	}
}
END_TEST

/* One larger than every aperture: mappings are whole, and so is what can be unmapped. */
START_TEST(a_granule_beyond_all)
{
	tear_down();
	rig_start_cut(NULL, UINT64_C(1) << 63);
	map_sixteen();
	ck_assert_uint_eq(rig_counters().kernel_maps, 1);
	ck_assert_fails(cut(4, 4), -EINVAL, "multiple");
	ck_assert_ok(map_any(memory + 16 * PAGE, PAGE, NULL));
	ck_assert_ok(cut(0, 16));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("granule");
	TCase *tcase = tcase_create("granule");

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_loop_test(tcase, a_call_for_each_granule, 0, 13);
	tcase_add_loop_test(tcase, automatic_is_congruent, 0, 8);
	if (rig_is("type1"))
		tcase_add_test(tcase, entries_run_out);
	tcase_add_test(tcase, one_end);
	tcase_add_test(tcase, the_middle);
	tcase_add_test(tcase, several);
	tcase_add_test(tcase, where_it_must_not);
	tcase_add_test(tcase, the_region_of_what_is_left);
	tcase_add_test(tcase, others_in_the_gap);
	tcase_add_test(tcase, the_region_of_nothing);
	tcase_add_test(tcase, a_part_in_quarantine);
	tcase_add_test(tcase, one_part_of_the_region_refused);
	/* only type1 may have no call for all */
	tcase_add_loop_test(tcase, everything, 0, rig_is("type1") ? 2 : 1);
	tcase_add_test(tcase, no_granule);
	tcase_add_test(tcase, granules);
	tcase_add_test(tcase, a_granule_beyond_all);
	suite_add_tcase(suite, tcase);
	return run_suite(suite);
}
