// SPDX-License-Identifier: BSD-3-Clause
/*
 * Mappings that may be cut, where it gets difficult: what is told to be contiguous, aliases, large pages,
 * kernel calls that fail half-way, and mappings with a hole that are made again.
 */
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

static int cut(uint64_t first, uint64_t pages)
{
	return iom_unmap_range(rig.dom, AT(first), pages * PAGE);
}

/* ---- What is told to be contiguous ------------------------------------------------------------------- */

#define HUGE (4 * GIB)
#define HUGE_IOVA (8 * GIB)

static bool gone[HUGE / (2 * MIB)];

/* Right, up to end and no further, and no less than 2 MiB; an assertion for each would take too long. */
static bool is_right(const char *huge, uint64_t at, uint64_t end)
{
	uint64_t iova, run, back_run, least = end - at < 2 * MIB ? end - at : 2 * MIB;
	void *va;

	return !iom_translate(rig.dom, huge + at, HUGE, &iova, &run) && iova == HUGE_IOVA + at &&
	       run >= least && run <= end - at &&
	       !iom_iova_to_va(rig.dom, HUGE_IOVA + at, HUGE, &va, &back_run) && va == huge + at &&
	       back_run >= least && back_run <= end - at;
}

static bool is_missed(const char *huge, uint64_t at)
{
	uint64_t iova, run;
	void *va;

	return iom_translate(rig.dom, huge + at, 1, &iova, &run) == -ENOENT &&
	       iom_iova_to_va(rig.dom, HUGE_IOVA + at, 1, &va, &run) == -ENOENT;
}

/* From each of a few places in each 2 MiB. */
static void check_runs(const char *huge)
{
	static const uint64_t places[] = { 0, PAGE, MIB, 2 * MIB - PAGE, 2 * MIB - 1 };
	uint64_t piece, end, at;
	bool good;
	size_t i;

	for (piece = 0; piece < ARRAY_SIZE(gone); piece++) {
		for (end = piece; end < ARRAY_SIZE(gone) && !gone[end]; end++)
			;
		for (i = 0; i < ARRAY_SIZE(places); i++) {
			at = piece * 2 * MIB + places[i];
			good = gone[piece] ? is_missed(huge, at)
					   : is_right(huge, at, end * 2 * MIB);
			if (!good)
				ck_abort_msg("at 0x%" PRIx64, at);
		}
	}
}

static void cut_huge(uint64_t start, uint64_t length)
{
	uint64_t i;

	ck_assert_ok(iom_unmap_range(rig.dom, HUGE_IOVA + start, length));
	for (i = start; i < start + length; i += 2 * MIB)
		gone[i / (2 * MIB)] = true;
}

/*
 * Readers are told of one slot, of 2 MiB or 1 GiB, for all that follows it: after a cut each says less.  The
 * address may be aligned like the IOVA, or not at all.
 */
START_TEST(never_into_what_is_gone)
{
	static const struct {
		uint64_t granule, phase;
	} cases[] = {
		{ 32 * MIB, 0 },
		{ 32 * MIB, 2 * MIB },
		{ 32 * MIB, PAGE },
		{ 64 * MIB, 0 },
	};
	static const uint64_t starts[] = { 1024 * MIB, 3072 * MIB, 64 * MIB, 1920 * MIB };
	const struct iom_sim_config config = {
		.size = sizeof(config),
		.memory = IOM_SIM_MEMORY_MAPS,
	};
	uint64_t granule = cases[_i].granule;
	char *huge = rig_memory_at(HUGE, GIB, cases[_i].phase);
	size_t i;

	tear_down();
	rig_start_cut(&config, granule);
	memset(gone, 0, sizeof(gone));
	ck_assert_ok(map_fixed(huge, HUGE, HUGE_IOVA, &region));
	ck_assert_uint_eq(rig_counters().kernel_maps, HUGE / granule);
	check_runs(huge);
	for (i = 0; i < ARRAY_SIZE(starts); i++) {
		cut_huge(starts[i], granule);
		check_runs(huge);
	}
	/* across the limits of 1 GiB that are left */
	cut_huge(2048 * MIB - granule, 2 * granule);
	check_runs(huge);
	ck_assert_ok(iom_unmap(rig.dom, &region));
	ck_assert_uint_eq(iom_sim_mapped_bytes(rig.sim), 0);
	memset(gone, 1, sizeof(gone));
	check_runs(huge);
	munmap(huge, HUGE);
}
END_TEST

/* A granule of 1 GiB: no table is needed below the slots of 2 MiB, which are in one each way. */
START_TEST(whole_gibs)
{
	const struct iom_sim_config config = {
		.size = sizeof(config),
		.memory = IOM_SIM_MEMORY_MAPS,
	};
	char *huge = rig_memory_at(HUGE, GIB, 0);
	uint64_t before;

	tear_down();
	rig_start_cut(&config, GIB);
	memset(gone, 0, sizeof(gone));
	before = iom_sim_allocated_bytes(rig.sim);
	ck_assert_ok(map_fixed(huge, HUGE, HUGE_IOVA, &region));
	ck_assert_uint_eq(rig_counters().kernel_maps, 4);
	ck_assert_uint_le(iom_sim_allocated_bytes(rig.sim) - before, 2 * 2 * 4 * MIB);
	check_runs(huge);
	cut_huge(2 * GIB, GIB);
	check_runs(huge);
	cut_huge(0, GIB);
	check_runs(huge);
	munmap(huge, HUGE);
}
END_TEST

/* ---- Aliases ------------------------------------------------------------------------------------------ */

START_TEST(an_alias_is_cut)
{
	struct iom_map_opts opts = at_iova(AT(64));
	struct iom_region alias;
	uint64_t iova, run;
	void *va;

	ck_assert_ok(map_fixed(memory, 16 * PAGE, FOUR_GIB, &region));
	ck_assert_ok(iom_map(rig.dom, memory, 16 * PAGE, IOM_MAP_RW | IOM_MAP_ALIAS | IOM_MAP_FIXED,
			     &opts, &alias));
	ck_assert_ok(cut(68, 4));
	/* the memory's own mapping is whole */
	ck_assert_int_eq(iom_translate(rig.dom, memory, UINT64_MAX, &iova, &run), 0);
	ck_assert_uint_eq(iova, FOUR_GIB);
	ck_assert_uint_eq(run, 16 * PAGE);
	ck_assert(dma_works(NVME, &region));
	ck_assert(dma_misses(NVME, AT(68), 4 * PAGE));
	ck_assert_int_eq(iom_iova_to_va(rig.dom, AT(64), UINT64_MAX, &va, &run), 0);
	ck_assert_uint_eq(run, 4 * PAGE);

	/* and the other way round */
	ck_assert_ok(cut(0, 12));
	ck_assert_int_eq(iom_translate(rig.dom, memory, 1, &iova, &run), -ENOENT);
	ck_assert_int_eq(iom_translate(rig.dom, memory + 12 * PAGE, UINT64_MAX, &iova, &run), 0);
	ck_assert_uint_eq(iova, AT(12));
	ck_assert_int_eq(iom_iova_to_va(rig.dom, AT(72), UINT64_MAX, &va, &run), 0);
	ck_assert_ptr_eq(va, memory + 8 * PAGE);
	ck_assert_uint_eq(run, 8 * PAGE);
	ck_assert(dma_reads(NVME, AT(72), memory + 8 * PAGE, 16));
	/* what was cut off the mapping may have one again; the alias does not count */
	ck_assert_ok(map_fixed(memory, 12 * PAGE, AT(0), NULL));
	ck_assert_ok(iom_unmap(rig.dom, &alias));
	ck_assert(dma_misses(NVME, AT(64), 16 * PAGE));
	ck_assert_uint_eq(rig_counters().mapped_bytes, 16 * PAGE);
}
END_TEST

/* ---- Large pages of the machine ------------------------------------------------------------------------- */

START_TEST(pages_of_64_kib)
{
	const struct iom_sim_config config = {
		.size = sizeof(config),
		.platform = "arm64-smmuv3",
		.page_size = 65536,
	};
	char *large = rig_memory_at(MIB, MIB, 0);

	tear_down();
	rig_start_cut(&config, 4096);
	ck_assert_ok(map_fixed(large, 256 * KIB, FOUR_GIB, &region));
	ck_assert_uint_eq(rig_counters().kernel_maps, 4);
	ck_assert_fails(iom_unmap_range(rig.dom, FOUR_GIB, 4096), -EINVAL, "multiple");
	ck_assert_fails(iom_unmap_range(rig.dom, FOUR_GIB + 32 * KIB, 32 * KIB), -EINVAL,
			"multiple");
	ck_assert_ok(iom_unmap_range(rig.dom, FOUR_GIB + 64 * KIB, 128 * KIB));
	ck_assert(dma_misses(NVME, FOUR_GIB + 64 * KIB, 128 * KIB));
	ck_assert(dma_reads(NVME, FOUR_GIB + 192 * KIB, large + 192 * KIB, 16));

	/* also while no device is attached, and nothing says how large the pages are */
	iom_detach(rig.nvme);
	ck_assert_fails(iom_unmap_range(rig.dom, FOUR_GIB + 192 * KIB, 4096), -EINVAL, "multiple");
	ck_assert_ok(iom_attach(rig.dom, NVME, NULL, &rig.nvme));
	ck_assert_uint_eq(iom_sim_mapped_bytes(rig.sim), 128 * KIB);
	ck_assert_ok(iom_unmap(rig.dom, &region));
}
END_TEST

/* ---- Claims that fail half-way ----------------------------------------------------------------------------- */

/* A granule in the middle is taken: the ones before it are as free as they were. */
START_TEST(memory_is_taken_in_the_middle)
{
	struct state before;
	uint64_t i;

	ck_assert_ok(map_fixed(memory + 9 * PAGE, PAGE, AT(40), NULL));
	before = rig_state();
	ck_assert_fails(map_fixed(memory, 16 * PAGE, FOUR_GIB, NULL), -EEXIST, "mapped already",
			"0x100028000");
	ck_assert_unchanged(before);
	ck_assert_uint_eq(rig_counters().kernel_maps, 1);
	for (i = 0; i < 16; i++)
		if (i != 9)
			ck_assert_ok(map_fixed(memory + i * PAGE, PAGE, AT(i), NULL));
}
END_TEST

/* ---- Kernel calls that fail half-way ------------------------------------------------------------------------- */

static void fail_map(unsigned int nth, int answer)
{
	const struct iom_sim_failure failure = {
		.nth = nth,
		.answer = answer,
		.request = rig_backend()->map,
	};

	iom_sim_fail(rig.sim, &failure);
}

/* The k-th of four: what was mapped is unmapped, and the error is that of the map. */
START_TEST(a_map_that_fails_half_way)
{
	static const struct {
		int answer, error;
		const char *word;
	} answers[] = { { -ENOMEM, -ENOMEM, "memory" },
			{ -EFAULT, -EFAULT, "not there" },
			{ -ENOSPC, -ENOSPC, "limit" } };
	unsigned int k = (unsigned int)_i % 4 + 1;
	/* POWER's have no meaning: they may be the hypervisor's */
	int error = rig_is_power() ? -EIO : answers[_i / 4].error;
	const char *word = rig_is_power() ? "refuses IOVA" : answers[_i / 4].word;
	struct state before = rig_state();

	fail_map(k, answers[_i / 4].answer);
	ck_assert_fails(map_fixed(memory, 16 * PAGE, FOUR_GIB, &region), error, "map 0x", word);
	ck_assert_uint_eq(iom_sim_failed(rig.sim), 1);
	ck_assert_unchanged(before);
	ck_assert_uint_eq(rig_counters().kernel_maps, k);
	ck_assert_uint_eq(rig_counters().kernel_unmaps, k > 1 ? 1 : 0);
	ck_assert(dma_misses(NVME, FOUR_GIB, 16 * PAGE));
	ck_assert(!is_mapped(memory));
	ck_assert_ok(map_fixed(memory, 16 * PAGE, FOUR_GIB, &region));
	ck_assert(dma_works(NVME, &region));
}
END_TEST

/* Memory that ends in the middle of a mapping is a real reason. */
START_TEST(memory_ends_half_way)
{
	struct state before = rig_state();

	munmap(memory + 10 * PAGE, PAGE);
	ck_assert_fails(map_fixed(memory, 16 * PAGE, FOUR_GIB, &region), -EFAULT, "map 0x",
			"not there");
	ck_assert_unchanged(before);
	ck_assert_ok(map_fixed(memory, 10 * PAGE, FOUR_GIB, &region));
}
END_TEST

/* The roll-back is refused as well: all of the range is out of use, and the error says so. */
static void refuse_unmap(struct rig *r, unsigned long request)
{
	const struct iom_sim_failure failure = {
		.nth = 1,
		.answer = -EINVAL,
		.request = rig_backend()->unmap,
	};

	if (request != rig_backend()->unmap)
		return;
	r->before = NULL;
	iom_sim_fail(r->sim, &failure);
}

START_TEST(a_roll_back_that_is_refused)
{
	struct iom_region again;

	rig.before = refuse_unmap;
	fail_map(3, -ENOMEM);
	ck_assert_fails(map_fixed(memory, 16 * PAGE, FOUR_GIB, &region), -EIO, "map 0x",
			"refuses to unmap");
	ck_assert_uint_eq(rig_counters().quarantined_bytes, 16 * PAGE);
	ck_assert_uint_eq(rig_counters().mappings, 0);
	ck_assert_uint_eq(iom_sim_mapped_bytes(rig.sim), 8 * PAGE);
	ck_assert_fails(map_fixed(memory, 4 * PAGE, AT(12), NULL), -EEXIST, "quarantined");
	ck_assert_fails(cut(0, 4), -EIO, "quarantined");
	/* the memory may be mapped elsewhere */
	ck_assert_ok(map_fixed(memory, 16 * PAGE, AT(16), &again));
	ck_assert(dma_works(NVME, &again));
	ck_assert_works();
}
END_TEST

/* ---- Made again after the last detach -------------------------------------------------------------------------- */

/* The parts that are left, and only they, with what the device may do there. */
START_TEST(made_again_with_its_hole)
{
	struct iom_map_opts opts = at_iova(FOUR_GIB);
	unsigned int maps;
	uint64_t run;
	void *va;

	ck_assert_ok(
		iom_map(rig.dom, memory, 16 * PAGE, IOM_MAP_READ | IOM_MAP_FIXED, &opts, &region));
	ck_assert_ok(cut(4, 4));
	iom_detach(rig.nvme);
	/* cut again, while no kernel knows of it */
	ck_assert_ok(cut(12, 4));
	ck_assert_uint_eq(rig_counters().mapped_bytes, 8 * PAGE);
	maps = iom_sim_ioctls(rig.sim, rig_backend()->map);
	ck_assert_ok(iom_attach(rig.dom, NVME, NULL, &rig.nvme));
	ck_assert_uint_eq(iom_sim_ioctls(rig.sim, rig_backend()->map), maps + 2);
	ck_assert_uint_eq(iom_sim_mapped_bytes(rig.sim), 8 * PAGE);
	ck_assert(dma_reads(NVME, AT(0), memory, 16));
	ck_assert(dma_misses(NVME, AT(4), 4 * PAGE));
	ck_assert(dma_reads(NVME, AT(8), memory + 8 * PAGE, 16));
	ck_assert(dma_misses(NVME, AT(12), 4 * PAGE));
	ck_assert_int_eq(iom_sim_dma_write(rig.sim, NVME, AT(0), "x", 1), -EFAULT);
	ck_assert_int_eq(iom_iova_to_va(rig.dom, AT(8), UINT64_MAX, &va, &run), 0);
	ck_assert_ptr_eq(va, memory + 8 * PAGE);
	ck_assert_uint_eq(run, 4 * PAGE);
	ck_assert_ok(iom_unmap(rig.dom, &region));
	ck_assert_uint_eq(iom_sim_mapped_bytes(rig.sim), 0);
}
END_TEST

/* A whole mapping that was made again may be cut as before. */
START_TEST(cut_after_it_was_made_again)
{
	ck_assert_ok(map_fixed(memory, 16 * PAGE, FOUR_GIB, &region));
	iom_detach(rig.nvme);
	ck_assert_ok(iom_attach(rig.dom, NVME, NULL, &rig.nvme));
	ck_assert(dma_works(NVME, &region));
	ck_assert_ok(cut(4, 8));
	ck_assert(dma_reads(NVME, AT(0), memory, 16));
	ck_assert(dma_misses(NVME, AT(4), 8 * PAGE));
	ck_assert(dma_reads(NVME, AT(12), memory + 12 * PAGE, 16));
}
END_TEST

/* What is out of use is not made again, and the attach that cannot make all of it changes nothing. */
START_TEST(made_again_but_not_all)
{
	unsigned int i;

	ck_assert_ok(map_fixed(memory, 16 * PAGE, FOUR_GIB, &region));
	rig.before = refuse_unmap;
	ck_assert_fails(cut(4, 4), -EIO, "refuses");
	iom_detach(rig.nvme);
	for (i = 1; i <= 3; i++) {
		fail_map(i, -EFAULT);
		ck_assert_fails(iom_attach(rig.dom, NVME, NULL, &rig.nvme),
				rig_is_power() ? -EIO : -EFAULT, "attach", "mapping again",
				i == 1 ? "0x100000000" : "0x100008000");
		ck_assert_uint_eq(iom_sim_mapped_bytes(rig.sim), 0);
		ck_assert_uint_eq(rig_counters().mapped_bytes, 12 * PAGE);
		ck_assert(is_mapped(memory + 8 * PAGE));
	}
	ck_assert_ok(iom_attach(rig.dom, NVME, NULL, &rig.nvme));
	ck_assert_uint_eq(iom_sim_mapped_bytes(rig.sim), 12 * PAGE);
	ck_assert(dma_misses(NVME, AT(4), 4 * PAGE));
	ck_assert(dma_reads(NVME, AT(8), memory + 8 * PAGE, 16));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("cut");
	TCase *tcase = tcase_create("cut");

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_set_timeout(tcase, 120);
	tcase_add_loop_test(tcase, never_into_what_is_gone, 0, 4);
	tcase_add_test(tcase, whole_gibs);
	tcase_add_test(tcase, an_alias_is_cut);
	/* another machine */
	if (!rig_is_power())
		tcase_add_test(tcase, pages_of_64_kib);
	tcase_add_test(tcase, memory_is_taken_in_the_middle);
	/* the last error is type1's alone */
	tcase_add_loop_test(tcase, a_map_that_fails_half_way, 0, rig_is("iommufd") ? 8 : 12);
	tcase_add_test(tcase, memory_ends_half_way);
	/* where each map undoes itself: test_spapr_calls */
	if (!rig_is_power())
		tcase_add_test(tcase, a_roll_back_that_is_refused);
	tcase_add_test(tcase, made_again_with_its_hole);
	tcase_add_test(tcase, cut_after_it_was_made_again);
	tcase_add_test(tcase, made_again_but_not_all);
	suite_add_tcase(suite, tcase);
	return run_suite(suite);
}
