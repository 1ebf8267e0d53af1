// SPDX-License-Identifier: BSD-3-Clause
/* Mappings that cannot be: which errno and which words, and nothing changed. */
#include <unistd.h>

#include "tests/unit/domain_rig.h"
#include "tests/unit/runner.h"

#define FOUR_GIB (4 * GIB)
#define READ IOM_MAP_READ
#define RW IOM_MAP_RW
#define FIXED IOM_MAP_FIXED
#define LAST UINT64_MAX

static char *memory; /* 16 pages */
static struct state before;

static void set_up(void)
{
	set_up_device();
	memory = rig_memory(16 * PAGE);
	before = rig_state();
}

/* Nothing is mapped, claimed or pinned; the memory and the IOVA are as good as before. */
static void check_nothing_done(void)
{
	ck_assert_unchanged(before);
	ck_assert(!is_mapped(memory));
	ck_assert_works();
}

/* iom_map() that must fail: its errno, with the out-parameter untouched. */
static int map(void *va, uint64_t length, unsigned int flags, const struct iom_map_opts *opts)
{
	struct iom_region region, untouched;
	int ret;

	memset(&region, 0x5a, sizeof(region));
	untouched = region;
	ret = iom_map(rig.dom, va, length, flags, opts, &region);
	ck_assert_mem_eq(&region, &untouched, sizeof(region));
	return ret;
}

/* ---- Arguments ---------------------------------------------------------------------------------- */

START_TEST(arguments)
{
	struct iom_map_opts opts = at_iova(FOUR_GIB), none = at_iova(0);
	unsigned int calls = iom_sim_calls(rig.sim);

	ck_assert_fails(map(NULL, PAGE, RW, NULL), -EINVAL, "map", "NULL");
	ck_assert_fails(map(memory, 0, RW, NULL), -EINVAL, "map 0x", "length is 0");
	ck_assert_fails(map(memory + 1, PAGE, RW, NULL), -EINVAL, "multiples of 4096");
	ck_assert_fails(map(memory, PAGE + 1, RW, NULL), -EINVAL, "multiples of 4096");
	ck_assert_fails(map(memory, 512, RW, NULL), -EINVAL, "multiples of 4096");
	ck_assert_fails(map(memory, PAGE, 0, NULL), -EINVAL, "neither IOM_MAP_READ nor");
	ck_assert_fails(map(memory, PAGE, FIXED, &opts), -EINVAL, "neither IOM_MAP_READ nor");
	ck_assert_fails(map(memory, PAGE, RW | 0x10, NULL), -EINVAL, "flags 0x10");
	ck_assert_fails(map(memory, PAGE, RW | 0x80000000, NULL), -EINVAL, "flags 0x80000000");
	ck_assert_fails(map(memory, PAGE, RW | FIXED, NULL), -EINVAL, "IOM_MAP_FIXED", "where");
	ck_assert_fails(map(memory, PAGE, RW, &opts), -EINVAL, "IOM_MAP_FIXED is not");
	opts.iova += 512;
	ck_assert_fails(map(memory, PAGE, RW | FIXED, &opts), -EINVAL, "multiples of 4096");
	none.size = 0;
	ck_assert_fails(map(memory, PAGE, RW, &none), -EINVAL, "iom_map_opts.size is 0");
	/* decided before the kernel is asked */
	ck_assert_uint_eq(iom_sim_calls(rig.sim), calls);
	check_nothing_done();
}
END_TEST

/* ---- Fixed IOVAs that no device reaches --------------------------------------------------------- */

static const struct {
	uint64_t iova, length, limit;
	const char *words[2];
} unreachable[] = {
	/* the hole for interrupts: in it, from both sides, across it */
	{ 0xfee00000, PAGE, 0, { "0xfee00000", "aperture" } },
	{ 0xfedff000, 2 * PAGE, 0, { "0xfee00fff", "aperture" } },
	{ 0xfeeff000, 2 * PAGE, 0, { "0xfeeff000", "aperture" } },
	{ 0xfedff000, 0x102000, 0, { "0xfef00fff", "aperture" } },
	/* past 48 bits, in part and wholly; past 2^64 */
	{ 0xfffffffff000, 2 * PAGE, 0, { "0x1000000000fff", "aperture" } },
	{ 0x1000000000000, PAGE, 0, { "0x1000000000000", "aperture" } },
	{ LAST - PAGE + 1, PAGE, 0, { "0xffffffffffffffff", "aperture" } },
	{ LAST - PAGE + 1, 2 * PAGE, 0, { "past 2^64", "0xfffffffffffff000" } },
	/* above a limit of the caller's */
	{ FOUR_GIB, 2 * PAGE, FOUR_GIB + PAGE, { "limit of 0x100001000", "0x100001fff" } },
	{ FOUR_GIB, PAGE, 0xffffffff, { "limit of 0xffffffff", "0x100000fff" } },
	{ FOUR_GIB, PAGE, 1, { "limit of 0x1 ", "0x100000fff" } },
};

START_TEST(fixed_out_of_reach)
{
	struct iom_map_opts opts = at_iova(unreachable[_i].iova);

	opts.limit = unreachable[_i].limit;
	ck_assert_fails(map(memory, unreachable[_i].length, RW | FIXED, &opts), -ERANGE, "map 0x",
			unreachable[_i].words[0], unreachable[_i].words[1]);
	check_nothing_done();
}
END_TEST

/* ---- No room ------------------------------------------------------------------------------------ */

/* -ERANGE if it would fail in an empty domain too, else -ENOSPC. */
START_TEST(no_room_ever_or_now)
{
	struct iom_map_opts opts = below(0xfff);

	ck_assert_fails(map(memory, PAGE, RW, &opts), -ERANGE, "0xfff");
	opts.limit = 0x1ffe;
	ck_assert_fails(map(memory, PAGE, RW, &opts), -ERANGE, "0x1ffe");
	opts.limit = 0x1fff;
	ck_assert_fails(map(memory, 2 * PAGE, RW, &opts), -ERANGE, "0x1fff");
	opts.limit = 1;
	ck_assert_fails(map(memory, PAGE, RW, &opts), -ERANGE, "0x1");
	check_nothing_done();

	opts.limit = 0x1fff;
	ck_assert_ok(iom_map(rig.dom, memory, PAGE, RW, &opts, NULL));
	ck_assert_fails(map(memory + PAGE, PAGE, RW, &opts), -ENOSPC, "0x1fff", "unmap something");
	ck_assert_ok(iom_unmap_all(rig.dom));
	check_nothing_done();
}
END_TEST

/* Larger than any aperture; no memory is touched for that. */
START_TEST(larger_than_any_aperture)
{
	ck_assert_fails(map(memory, UINT64_C(1) << 48, RW, NULL), -ERANGE, "large");
	check_nothing_done();
}
END_TEST

/*
 * Between 4 GiB and what a device with 33 bits drives there are 4 GiB, below there are less: what is
 * larger lies across, and in an empty domain there is room for it.
 */
START_TEST(across_4_gib)
{
	const struct iom_sim_config config = {
		.size = sizeof(config),
		.memory = IOM_SIM_MEMORY_MAPS,
	};
	const struct iom_attach_opts bits33 = { .size = sizeof(bits33), .dma_bits = 33 };
	const uint64_t length = FOUR_GIB + 2 * MIB;
	struct iom_region region;

	tear_down();
	rig_domain(&config);
	ck_assert_ok(iom_attach(rig.dom, NVME, &bits33, &rig.nvme));
	ck_assert_ok(map_any(rig_memory(length), length, &region));
	ck_assert_uint_ge(region.iova, 0xfef00000);
	ck_assert_uint_lt(region.iova, FOUR_GIB);
}
END_TEST

/* ---- Taken -------------------------------------------------------------------------------------- */

START_TEST(memory_is_mapped)
{
	struct iom_region region;
	char iova[32];

	ck_assert_ok(map_any(memory + 4 * PAGE, 4 * PAGE, &region));
	before = rig_state();
	snprintf(iova, sizeof(iova), "IOVA 0x%" PRIx64, region.iova);
	/* all of it, the front, the back, around, inside */
	ck_assert_fails(map(memory + 4 * PAGE, 4 * PAGE, RW, NULL), -EEXIST, iova, "IOM_MAP_ALIAS");
	ck_assert_fails(map(memory + 3 * PAGE, 2 * PAGE, RW, NULL), -EEXIST, iova);
	ck_assert_fails(map(memory + 7 * PAGE, 2 * PAGE, RW, NULL), -EEXIST, "IOM_MAP_ALIAS");
	ck_assert_fails(map(memory, 16 * PAGE, RW, NULL), -EEXIST, iova);
	ck_assert_fails(map(memory + 5 * PAGE, PAGE, READ, NULL), -EEXIST, "IOM_MAP_ALIAS");
	check_nothing_done();
	ck_assert(dma_works(NVME, &region));
	/* its neighbours are not */
	ck_assert_ok(map_any(memory, 4 * PAGE, NULL));
	ck_assert_ok(map_any(memory + 8 * PAGE, 8 * PAGE, NULL));
}
END_TEST

START_TEST(iova_is_mapped)
{
	char *other = rig_memory(16 * PAGE);
	struct iom_region region;
	int i;

	ck_assert_ok(map_fixed(other, 4 * PAGE, FOUR_GIB, &region));
	before = rig_state();
	for (i = -3; i < 4; i++) {
		struct iom_map_opts opts = at_iova(FOUR_GIB + (uint64_t)i * PAGE);

		ck_assert_fails(map(memory, 4 * PAGE, RW | FIXED, &opts), -EEXIST, "0x100000000",
				"mapped");
		/* not even an alias may be there */
		ck_assert_fails(map(memory, 4 * PAGE, RW | FIXED | IOM_MAP_ALIAS, &opts), -EEXIST,
				"mapped");
	}
	check_nothing_done();
	ck_assert(dma_works(NVME, &region));
	ck_assert_ok(map_fixed(memory, 4 * PAGE, FOUR_GIB - 4 * PAGE, NULL));
	ck_assert_ok(map_fixed(memory + 4 * PAGE, 4 * PAGE, FOUR_GIB + 4 * PAGE, NULL));
}
END_TEST

/* What was set aside for the mapping is given back, however often it fails. */
START_TEST(refused_a_thousand_times)
{
	size_t unused;
	int i;

	ck_assert_ok(map_any(memory, PAGE, NULL));
	before = rig_state();
	unused = rig.dom->pool.n_unused;
	for (i = 0; i < 1000; i++)
		ck_assert_int_eq(map(memory, PAGE, RW, NULL), -EEXIST);
	ck_assert_uint_eq(rig.dom->pool.n_unused, unused);
	ck_assert_unchanged(before);
}
END_TEST

/* ---- Memory that is none ------------------------------------------------------------------------ */

START_TEST(no_such_memory)
{
	uint64_t top = UINT64_MAX - PAGE + 1;

	munmap(memory + PAGE, PAGE);
	ck_assert_fails(map(memory, 3 * PAGE, RW, NULL), -EFAULT, "map 0x", "memory is not there");
	ck_assert_fails(map(memory + PAGE, PAGE, READ, NULL), -EFAULT, "memory is not there");
	/* the kernel's half, and past the end */
	ck_assert_fails(map((void *)(uintptr_t)top, PAGE, RW, NULL), -EFAULT, "memory");
	ck_assert_fails(map((void *)(uintptr_t)top, 2 * PAGE, RW, NULL), -EFAULT, "memory", "past");
	ck_assert_fails(map(memory, top, RW, NULL), -EFAULT, "memory");
	ck_assert_fails(map((void *)(uintptr_t)(UINT64_C(1) << 57), PAGE, RW, NULL), -EFAULT,
			"memory");
	check_nothing_done();
}
END_TEST

START_TEST(memory_without_permission)
{
	ck_assert_int_eq(mprotect(memory, 4 * PAGE, PROT_READ), 0);
	ck_assert_fails(map(memory, PAGE, RW, NULL), -EFAULT, "map 0x", "written");
	ck_assert_fails(map(memory, PAGE, IOM_MAP_WRITE, NULL), -EFAULT, "written");
	ck_assert_int_eq(mprotect(memory, PAGE, PROT_NONE), 0);
	ck_assert_fails(map(memory, PAGE, READ, NULL), -EFAULT, "read");
	check_nothing_done();
	ck_assert_ok(iom_map(rig.dom, memory + PAGE, PAGE, READ, NULL, NULL));
}
END_TEST

/* ---- Limits of the kernel ----------------------------------------------------------------------- */

START_TEST(memlock)
{
	iom_sim_set_memlock(rig.sim, 64 * KIB, false);
	ck_assert_ok(map_any(rig_memory(48 * KIB), 48 * KIB, NULL));
	before = rig_state();
	ck_assert_fails(map(memory, 8 * PAGE, RW, NULL), -ENOMEM, "map 0x", "RLIMIT_MEMLOCK",
			"32 KiB", "48 KiB", "64 KiB", "ulimit -l");
	check_nothing_done();
	ck_assert_ok(map_any(memory, 4 * PAGE, NULL));
}
END_TEST

START_TEST(entry_limit)
{
	const struct iom_sim_config config = { .size = sizeof(config), .dma_entry_limit = 3 };
	int i;

	rig_restart(&config);
	for (i = 0; i < 3; i++)
		ck_assert_ok(map_any(memory + i * PAGE, PAGE, NULL));
	before = rig_state();
	ck_assert_uint_eq(before.counters.entry_limit, 3);
	ck_assert_uint_eq(before.counters.entries_used, 3);
	ck_assert_fails(map(memory + 3 * PAGE, PAGE, RW, NULL), -ENOSPC, "limit of 3 mappings",
			"dma_entry_limit");
	ck_assert_unchanged(before);
	ck_assert_ok(iom_unmap_all(rig.dom));
	ck_assert_works();
}
END_TEST

/* ---- Answers that the kernel should not give ---------------------------------------------------- */

static const struct {
	int answer;
	int error;
	const char *word;
	bool unknown; /* what the kernel has there now */
} answers[] = {
	{ -EINVAL, -EIO, "refuses IOVA", false },
	{ -ENODEV, -EIO, "refuses IOVA", false },
	{ -EBADF, -EIO, "refuses IOVA", false },
	{ -EOPNOTSUPP, -EFAULT, "cannot be pinned", false },
	{ -EHWPOISON, -EFAULT, "cannot be pinned", false },
	{ -EEXIST, -EIO, "something else mapped", true },
	{ 1, -EIO, "refuses IOVA", true }, /* SPAPR's positive answer: no success anywhere */
};

/* Where it is not known, nobody gets the range, but the memory goes elsewhere; a plain no changes nothing. */
START_TEST(answers_out_of_contract)
{
	const struct iom_sim_failure failure = {
		.nth = 1,
		.answer = answers[_i].answer,
		.request = rig_backend()->map,
	};
	struct iom_map_opts opts = at_iova(FOUR_GIB);
	struct iom_region region;

	iom_sim_fail(rig.sim, &failure);
	ck_assert_fails(map(memory, PAGE, RW | FIXED, &opts), answers[_i].error, "map 0x",
			answers[_i].word);
	ck_assert_uint_eq(rig_counters().quarantined_bytes, answers[_i].unknown ? PAGE : 0);
	ck_assert_uint_eq(rig_counters().mappings, 0);
	ck_assert(!is_mapped(memory));
	if (!answers[_i].unknown) {
		ck_assert_ok(map_fixed(memory, PAGE, FOUR_GIB, NULL));
		ck_assert_works();
		return;
	}
	ck_assert_ptr_nonnull(strstr(rig.log, "1 IOVA 0x100000000"));
	ck_assert_ptr_nonnull(strstr(rig.log, "quarantined"));
	ck_assert_fails(map(memory, PAGE, RW | FIXED, &opts), -EEXIST, "quarantined");
	ck_assert_ok(map_any(memory, PAGE, &region));
	ck_assert_uint_ne(region.iova, FOUR_GIB);
	ck_assert(dma_works(NVME, &region));
	ck_assert_works();
}
END_TEST

START_TEST(without_heap_for_tables)
{
	struct iom_sim_failure failure = {
		.nth = 1,
		.answer = -ENOMEM,
		.calls = 1u << IOM_SIM_ALLOC_PAGES,
	};
	struct iom_map_opts opts = at_iova(FOUR_GIB);
	unsigned int failed = 0;

	/* by_va's tables, then those of the way back */
	for (; failure.nth < 10; failure.nth++) {
		iom_sim_fail(rig.sim, &failure);
		if (iom_map(rig.dom, memory, PAGE, RW | FIXED, &opts, NULL) == 0)
			break;
		failed++;
		iom_sim_fail(rig.sim, NULL);
		ck_assert_unchanged(before);
		ck_assert_uint_eq(iom_sim_ioctls(rig.sim, rig_backend()->map), 0);
		ck_assert(!is_mapped(memory));
	}
	ck_assert_uint_ge(failed, 1);
	ck_assert(is_mapped(memory));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("map_refused");
	TCase *tcase = tcase_create("refused");

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_test(tcase, arguments);
	tcase_add_loop_test(tcase, fixed_out_of_reach, 0, ARRAY_SIZE(unreachable));
	tcase_add_test(tcase, no_room_ever_or_now);
	tcase_add_test(tcase, larger_than_any_aperture);
	tcase_add_test(tcase, across_4_gib);
	tcase_add_test(tcase, memory_is_mapped);
	tcase_add_test(tcase, iova_is_mapped);
	tcase_add_test(tcase, refused_a_thousand_times);
	tcase_add_test(tcase, no_such_memory);
	tcase_add_test(tcase, memory_without_permission);
	tcase_add_test(tcase, memlock);
	if (rig_is("type1"))
		tcase_add_test(tcase, entry_limit);
	tcase_add_loop_test(tcase, answers_out_of_contract, 0, ARRAY_SIZE(answers));
	tcase_add_test(tcase, without_heap_for_tables);
	suite_add_tcase(suite, tcase);
	return run_suite(suite);
}
