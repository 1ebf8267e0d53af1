// SPDX-License-Identifier: BSD-3-Clause
/* Mappings that are made: where they go, what the device may do there, what the caller gets. */
#include "tests/unit/domain_rig.h"
#include "tests/unit/runner.h"

#define FOUR_GIB (4 * GIB)

/* ---- What the caller gets ----------------------------------------------------------------------- */

START_TEST(the_region)
{
	char *memory = rig_memory(3 * PAGE);
	struct iom_region region, again;

	memset(&region, 0x5a, sizeof(region));
	ck_assert_ok(map_any(memory, 3 * PAGE, &region));
	ck_assert_ptr_eq(region.va, memory);
	ck_assert_uint_eq(region.length, 3 * PAGE);
	ck_assert_uint_eq(region.delta, region.iova - (uintptr_t)memory);
	ck_assert_uint_eq(region.flags, IOM_MAP_RW);
	ck_assert_uint_ne(region.generation, 0);
	ck_assert_uint_eq(iom_region_iova(&region, memory), region.iova);
	ck_assert_uint_eq(iom_region_iova(&region, memory + 5000), region.iova + 5000);
	ck_assert(dma_works(NVME, &region));
	ck_assert_uint_eq(rig_pinned_bytes(), 3 * PAGE);

	/* mapped anew, it is another one */
	ck_assert_ok(iom_unmap(rig.dom, &region));
	ck_assert_ok(map_any(memory, 3 * PAGE, &again));
	ck_assert_uint_eq(again.iova, region.iova);
	ck_assert_uint_ne(again.generation, region.generation);

	/* and nobody need keep one */
	ck_assert_ok(map_any(rig_memory(PAGE), PAGE, NULL));
}
END_TEST

/* The delta of an IOVA below its address wraps, and is right all the same. */
START_TEST(iova_below_the_address)
{
	char *memory = rig_memory(2 * PAGE);
	struct iom_region region;

	ck_assert_ok(map_fixed(memory, 2 * PAGE, 64 * KIB, &region));
	ck_assert_uint_gt(region.delta, UINT64_MAX / 2);
	ck_assert_uint_eq(iom_region_iova(&region, memory + PAGE + 1), 64 * KIB + PAGE + 1);
}
END_TEST

START_TEST(options_by_size)
{
	struct {
		struct iom_map_opts opts;
		uint64_t tail;
	} longer = { .opts = { .size = sizeof(longer), .limit = 0xffffff } };
	char *memory = rig_memory(2 * PAGE);
	struct iom_region region;

	ck_assert_ok(iom_map(rig.dom, memory, PAGE, IOM_MAP_RW, &longer.opts, &region));
	ck_assert_uint_le(region.iova, 0xffffff);
	longer.tail = 1;
	ck_assert_fails(iom_map(rig.dom, memory + PAGE, PAGE, IOM_MAP_RW, &longer.opts, NULL),
			-E2BIG, "map 0x", "iom_map_opts");
	/* the first release's ended before progress */
	longer.opts.size = offsetof(struct iom_map_opts, progress);
	memset(&longer.opts.progress, 0x5a, sizeof(longer) - longer.opts.size);
	ck_assert_ok(iom_map(rig.dom, memory + PAGE, PAGE, IOM_MAP_RW, &longer.opts, &region));
	ck_assert_uint_le(region.iova, 0xffffff);
	ck_assert_ok(iom_unmap(rig.dom, &region));
	longer.opts.size--;
	ck_assert_fails(iom_map(rig.dom, memory + PAGE, PAGE, IOM_MAP_RW, &longer.opts, NULL),
			-EINVAL, "map 0x", "iom_map_opts.size");
}
END_TEST

/* ---- What the device may do --------------------------------------------------------------------- */

START_TEST(read_only)
{
	char *memory = mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct iom_region region;
	char byte = 1;

	/* memory that the process may not write is good enough */
	ck_assert_ok(iom_map(rig.dom, memory, PAGE, IOM_MAP_READ, NULL, &region));
	ck_assert(dma_reads(NVME, region.iova, "\0\0\0\0", 4));
	ck_assert_int_eq(iom_sim_dma_write(rig.sim, NVME, region.iova, &byte, 1), -EFAULT);
	ck_assert_uint_eq(region.flags, IOM_MAP_READ);
}
END_TEST

START_TEST(write_only)
{
	char *memory = rig_memory(PAGE), byte = 7;
	struct iom_region region;

	ck_assert_ok(iom_map(rig.dom, memory, PAGE, IOM_MAP_WRITE, NULL, &region));
	ck_assert_int_eq(iom_sim_dma_write(rig.sim, NVME, region.iova + 3, &byte, 1), 0);
	ck_assert_int_eq(memory[3], 7);
	ck_assert_int_eq(iom_sim_dma_read(rig.sim, NVME, region.iova, &byte, 1), -EFAULT);
}
END_TEST

/* The device sees nothing beside the mapping. */
START_TEST(nothing_beside)
{
	char *memory = rig_memory(3 * PAGE);
	struct iom_region region;

	ck_assert_ok(map_fixed(memory + PAGE, PAGE, FOUR_GIB, &region));
	ck_assert(dma_misses(NVME, FOUR_GIB - PAGE, PAGE));
	ck_assert(dma_misses(NVME, FOUR_GIB + PAGE, PAGE));
}
END_TEST

/* ---- Where it goes ------------------------------------------------------------------------------ */

START_TEST(above_4_gib_if_there_is_room)
{
	const struct iom_attach_opts bits33 = { .size = sizeof(bits33), .dma_bits = 33 };
	struct iom_device *edu;
	struct iom_region region;
	char *memory = rig_memory(8 * PAGE);

	ck_assert_ok(map_any(memory, PAGE, &region));
	ck_assert_uint_ge(region.iova, FOUR_GIB);
	ck_assert_ok(iom_attach(rig.dom, EDU, &bits33, &edu));
	ck_assert_ok(map_any(memory + PAGE, PAGE, &region));
	ck_assert_uint_ge(region.iova, FOUR_GIB);
	ck_assert_uint_lt(region.iova, 2 * FOUR_GIB);
}
END_TEST

START_TEST(below_a_limit)
{
	static const uint64_t limits[] = { 0x1fff, 0xffff, 0xfffffff, 0xffffffff, 0x1ffffffff };
	size_t i;

	for (i = 0; i < ARRAY_SIZE(limits); i++) {
		struct iom_map_opts opts = below(limits[i]);
		struct iom_region region;

		ck_assert_ok(iom_map(rig.dom, rig_memory(PAGE), PAGE, IOM_MAP_RW, &opts, &region));
		ck_assert_uint_ge(region.iova, PAGE);
		ck_assert_uint_le(region.iova + PAGE - 1, limits[i]);
	}
}
END_TEST

/* When all else below the limit is taken, page 0 still is not given out; but it may be asked for. */
START_TEST(never_page_zero)
{
	struct iom_map_opts opts = below(4 * PAGE - 1);
	struct iom_region region;
	int i;

	for (i = 0; i < 3; i++) {
		ck_assert_ok(iom_map(rig.dom, rig_memory(PAGE), PAGE, IOM_MAP_RW, &opts, &region));
		ck_assert_uint_ne(region.iova, 0);
	}
	ck_assert_fails(iom_map(rig.dom, rig_memory(PAGE), PAGE, IOM_MAP_RW, &opts, NULL), -ENOSPC,
			"0x3fff");
	ck_assert_ok(map_fixed(rig_memory(PAGE), PAGE, 0, &region));
	ck_assert_uint_eq(region.iova, 0);
	ck_assert(dma_works(NVME, &region));
	ck_assert_ok(iom_unmap(rig.dom, &region));
}
END_TEST

/* So that the IOMMU can use large pages. */
START_TEST(congruent_to_large_pages)
{
	static const struct {
		uint64_t length, phase, modulo;
	} cases[] = {
		{ 2 * MIB, 0, 2 * MIB },
		{ 5 * MIB, 4 * PAGE, 2 * MIB },
		{ 4 * MIB - PAGE, PAGE, 2 * MIB },
		{ 8 * MIB + 3 * PAGE, 2 * MIB - PAGE, 2 * MIB },
	};
	struct iom_region region;
	size_t i;

	/* so that the next free IOVA is not aligned by chance */
	ck_assert_ok(map_any(rig_memory(PAGE), PAGE, NULL));
	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		char *memory = rig_memory_at(cases[i].length, 2 * MIB, cases[i].phase);

		ck_assert_ok(map_any(memory, cases[i].length, &region));
		ck_assert_uint_eq(region.delta & (cases[i].modulo - 1), 0);
	}
}
END_TEST

/* More than the machine has: the kernel is told once, and the tables stay small. */
START_TEST(a_huge_mapping)
{
	const struct iom_sim_config config = {
		.size = sizeof(config),
		.memory = IOM_SIM_MEMORY_MAPS,
	};
	const uint64_t length = 8 * GIB + 5 * PAGE;
	char *huge = rig_memory_at(length, GIB, 0x12345000);
	struct iom_region region;
	uint64_t iova, run, before;

	rig_restart(&config);
	before = iom_sim_allocated_bytes(rig.sim);
	ck_assert_ok(map_any(huge, length, &region));
	ck_assert_uint_eq(region.delta % GIB, 0);
	ck_assert_uint_eq(rig_counters().kernel_maps, 1);
	/* each way a table of 4 MiB, or two, and a piece of 1 MiB for those of the ends */
	ck_assert_uint_le(iom_sim_allocated_bytes(rig.sim) - before, 2 * (2 * 4 + 1) * MIB);
	ck_assert_int_eq(iom_translate(rig.dom, huge + 3 * GIB, length, &iova, &run), 0);
	ck_assert_uint_eq(iova, region.iova + 3 * GIB);
	ck_assert_uint_ge(run, GIB);
	ck_assert_ok(iom_unmap(rig.dom, &region));
	munmap(huge, length);
}
END_TEST

/* Fixed IOVAs all over the place, and automatic ones in between: they never meet, nor a hole. */
START_TEST(automatic_beside_fixed)
{
	uint64_t random = random_start();
	struct iom_map_opts opts = below(0xffffff);
	struct iom_region regions[200];
	char *memory = rig_memory(ARRAY_SIZE(regions) * 4 * PAGE);
	size_t i, n;

	for (i = 0; i < ARRAY_SIZE(regions); i++) {
		char *va = memory + i * 4 * PAGE;
		uint64_t length = PAGE * (1 + random_below(&random, 4));
		int ret;

		if (random_below(&random, 2)) {
			ret = map_fixed(va, length, PAGE * random_below(&random, 0x1000 - 4),
					&regions[i]);
			if (ret == -EEXIST) {
				i--;
				continue;
			}
		} else {
			ret = iom_map(rig.dom, va, length, IOM_MAP_RW, &opts, &regions[i]);
		}
		ck_assert_ok(ret);
		for (n = 0; n < i; n++)
			ck_assert(regions[n].iova + regions[n].length <= regions[i].iova ||
				  regions[i].iova + regions[i].length <= regions[n].iova);
	}
	ck_assert_uint_eq(rig_counters().mappings, ARRAY_SIZE(regions));
	for (i = 0; i < ARRAY_SIZE(regions); i++)
		ck_assert(dma_works(NVME, &regions[i]));
}
END_TEST

/* Freed room is found again; what is too small is passed over. */
START_TEST(room_is_used_again)
{
	struct iom_map_opts opts = below(8 * PAGE - 1);
	char *memory = rig_memory(16 * PAGE);
	struct iom_region region[7];
	int i;

	for (i = 0; i < 7; i++)
		ck_assert_ok(
			iom_map(rig.dom, memory + i * PAGE, PAGE, IOM_MAP_RW, &opts, &region[i]));
	ck_assert_ok(iom_unmap(rig.dom, &region[2]));
	ck_assert_ok(iom_unmap(rig.dom, &region[4]));
	ck_assert_fails(iom_map(rig.dom, memory + 8 * PAGE, 2 * PAGE, IOM_MAP_RW, &opts, NULL),
			-ENOSPC, "unmap something");
	ck_assert_ok(iom_unmap(rig.dom, &region[3]));
	ck_assert_ok(iom_map(rig.dom, memory + 8 * PAGE, 3 * PAGE, IOM_MAP_RW, &opts, &region[2]));
	ck_assert_uint_eq(region[2].iova, 3 * PAGE);
	ck_assert(dma_works(NVME, &region[2]));
}
END_TEST

/* ---- Aliases ------------------------------------------------------------------------------------ */

START_TEST(aliases)
{
	char *memory = rig_memory(4 * PAGE);
	struct iom_region first, alias, another;
	uint64_t iova, run;
	void *va;

	ck_assert_ok(map_any(memory, 4 * PAGE, &first));
	ck_assert_ok(iom_map(rig.dom, memory, 4 * PAGE, IOM_MAP_RW | IOM_MAP_ALIAS, NULL, &alias));
	ck_assert_ok(iom_map(rig.dom, memory + PAGE, PAGE, IOM_MAP_READ | IOM_MAP_ALIAS, NULL,
			     &another));
	ck_assert_uint_eq(rig_counters().mappings, 3);
	ck_assert_uint_eq(rig_counters().mapped_bytes, 9 * PAGE);
	ck_assert_uint_eq(alias.flags, IOM_MAP_RW | IOM_MAP_ALIAS);
	ck_assert(dma_works(NVME, &first));
	ck_assert(dma_works(NVME, &alias));
	/* translate knows the first one, the way back knows all */
	ck_assert_int_eq(iom_translate(rig.dom, memory + PAGE, PAGE, &iova, &run), 0);
	ck_assert_uint_eq(iova, first.iova + PAGE);
	ck_assert_int_eq(iom_iova_to_va(rig.dom, alias.iova + PAGE, PAGE, &va, &run), 0);
	ck_assert_ptr_eq(va, memory + PAGE);
	ck_assert_int_eq(iom_iova_to_va(rig.dom, another.iova, PAGE, &va, &run), 0);
	ck_assert_ptr_eq(va, memory + PAGE);

	/* the first one's end is not the aliases', nor the other way round */
	ck_assert_ok(iom_unmap(rig.dom, &first));
	ck_assert(!is_mapped(memory));
	ck_assert(dma_works(NVME, &alias));
	ck_assert_ok(map_any(memory, 4 * PAGE, &first));
	ck_assert_ok(iom_unmap(rig.dom, &alias));
	ck_assert(is_mapped(memory));
	ck_assert(dma_works(NVME, &first));
	ck_assert_int_eq(iom_iova_to_va(rig.dom, alias.iova, PAGE, &va, &run), -ENOENT);
	ck_assert_ok(iom_unmap_range(rig.dom, another.iova, PAGE));
}
END_TEST

/* An alias may come first, of memory that is not mapped. */
START_TEST(alias_of_nothing)
{
	char *memory = rig_memory(PAGE);
	struct iom_map_opts opts = at_iova(FOUR_GIB);
	struct iom_region alias;

	ck_assert_ok(iom_map(rig.dom, memory, PAGE, IOM_MAP_RW | IOM_MAP_ALIAS | IOM_MAP_FIXED,
			     &opts, &alias));
	ck_assert(!is_mapped(memory));
	ck_assert(dma_works(NVME, &alias));
	ck_assert_ok(map_any(memory, PAGE, NULL));
	ck_assert(is_mapped(memory));
}
END_TEST

/* ---- Large pages of the machine ----------------------------------------------------------------- */

START_TEST(pages_of_64_kib)
{
	const struct iom_sim_config config = {
		.size = sizeof(config),
		.platform = "arm64-smmuv3",
		.page_size = 65536,
	};
	char *memory = rig_memory_at(MIB, MIB, 0);
	struct iom_map_opts opts = below(0x2ffff);
	struct iom_region region;

	rig_restart(&config);
	ck_assert_fails(map_any(memory, PAGE, &region), -EINVAL, "65536");
	ck_assert_fails(map_any(memory + PAGE, 65536, &region), -EINVAL, "65536");
	ck_assert_fails(map_fixed(memory, 65536, 4 * GIB + PAGE, &region), -EINVAL, "65536");
	ck_assert_ok(map_any(memory, 65536, &region));
	ck_assert_uint_eq(region.iova & 0xffff, 0);
	ck_assert(dma_works(NVME, &region));
	ck_assert_ok(iom_map(rig.dom, memory + 65536, 65536, IOM_MAP_RW, &opts, &region));
	ck_assert_uint_eq(region.iova, 65536);
	ck_assert_ok(iom_map(rig.dom, memory + 131072, 65536, IOM_MAP_RW, &opts, &region));
	ck_assert_uint_eq(region.iova, 131072);
	ck_assert_fails(iom_unmap_range(rig.dom, 65536, PAGE), -EINVAL, "0x10000");
	ck_assert_ok(iom_unmap_range(rig.dom, 65536, 131072));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("map");
	TCase *tcase = tcase_create("map");

	tcase_add_checked_fixture(tcase, set_up_device, tear_down);
	tcase_set_timeout(tcase, 60);
	tcase_add_test(tcase, the_region);
	tcase_add_test(tcase, iova_below_the_address);
	tcase_add_test(tcase, options_by_size);
	tcase_add_test(tcase, read_only);
	tcase_add_test(tcase, write_only);
	tcase_add_test(tcase, nothing_beside);
	tcase_add_test(tcase, above_4_gib_if_there_is_room);
	tcase_add_test(tcase, below_a_limit);
	tcase_add_test(tcase, never_page_zero);
	tcase_add_test(tcase, congruent_to_large_pages);
	tcase_add_test(tcase, a_huge_mapping);
	tcase_add_test(tcase, automatic_beside_fixed);
	tcase_add_test(tcase, room_is_used_again);
	tcase_add_test(tcase, aliases);
	tcase_add_test(tcase, alias_of_nothing);
	tcase_add_test(tcase, pages_of_64_kib);
	suite_add_tcase(suite, tcase);
	return run_suite(suite);
}
