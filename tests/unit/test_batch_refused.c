// SPDX-License-Identifier: BSD-3-Clause
/* Batches that are refused: why, which piece is named, and nothing has changed. */
#include "tests/unit/batch_rig.h"
#include "tests/unit/runner.h"

#define N 8

static char *memory; /* of 64 pages */
static struct iom_piece pieces[N];
static struct iom_region regions[N];
static struct state before;
static struct kernel_calls calls;

static void start(const struct iom_sim_config *config)
{
	size_t i;

	rig_start(config);
	memory = rig_memory(64 * PAGE);
	for (i = 0; i < N; i++)
		pieces[i] = piece_of(memory + 2 * i * PAGE, PAGE);
	before = rig_state();
	memset(&calls, 0, sizeof(calls));
	kernel_calls(&calls);
}

static void set_up(void)
{
	start(NULL);
}

#define ck_assert_refused(call, error, ...)                        \
	do {                                                       \
		kernel_calls(&calls);                              \
		ck_assert_fails(call, error, __VA_ARGS__);         \
		ck_assert_uint_eq(kernel_calls(&calls).maps, 0);   \
		ck_assert_uint_eq(kernel_calls(&calls).unmaps, 0); \
		ck_assert_unchanged(before);                       \
	} while (0)

/* ---- Maps ---------------------------------------------------------------------------------- */

START_TEST(arguments)
{
	struct iom_map_opts opts = at_iova(FOUR_GIB);

	ck_assert_refused(mapv(pieces, 0, 0, regions), -EINVAL, "map a batch: ", "no pieces");
	ck_assert_refused(mapv(pieces, N, 0x40, regions), -EINVAL, "flags 0x40");
	ck_assert_refused(iom_mapv(rig.dom, pieces, N, IOM_MAP_APART, NULL, regions), -EINVAL,
			  "IOM_MAP_READ");
	ck_assert_refused(iom_mapv(rig.dom, pieces, N, IOM_MAP_RW | IOM_MAP_FIXED, &opts, regions),
			  -EINVAL, "opts.iova");
	opts.size = 8;
	ck_assert_refused(iom_mapv(rig.dom, pieces, N, IOM_MAP_RW, &opts, regions), -EINVAL,
			  "iom_map_opts.size");
	/* a flag of batches is none of single maps */
	ck_assert_refused(iom_map(rig.dom, memory, PAGE, IOM_MAP_RW | IOM_MAP_APART, NULL, NULL),
			  -EINVAL, "flags 0x10");
}
END_TEST

START_TEST(one_piece_is_wrong)
{
	static const struct {
		struct iom_piece piece;
		unsigned int flags;
		int error;
		const char *word;
	} cases[] = {
		{ { NULL, PAGE, 0 }, 0, -EINVAL, "NULL" },
		{ { (void *)PAGE, 0, 0 }, 0, -EINVAL, "length is 0" },
		{ { (void *)(UINTPTR_MAX - PAGE + 1), 2 * PAGE, 0 }, 0, -EFAULT, "past the end" },
		{ { (void *)PAGE, PAGE, FOUR_GIB }, 0, -EINVAL, "IOM_MAP_FIXED" },
		{ { (void *)(PAGE + 8), PAGE, 0 }, 0, -EINVAL, "multiples of 4096" },
		{ { (void *)PAGE, PAGE + 8, 0 }, 0, -EINVAL, "multiples of 4096" },
		{ { (void *)PAGE, PAGE, 8 }, IOM_MAP_FIXED, -EINVAL, "multiples of 4096" },
		{ { (void *)PAGE, PAGE, UINT64_MAX - PAGE + 1 }, IOM_MAP_FIXED, -ERANGE, "IOVA" },
	};
	size_t i, k;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		for (k = 0; k < N; k++)
			pieces[k].iova = cases[i].flags ? FOUR_GIB + k * 2 * PAGE : 0;
		pieces[5] = cases[i].piece;
		ck_assert_refused(mapv(pieces, N, cases[i].flags, regions), cases[i].error,
				  "map a batch: piece 5, 0x", cases[i].word);
	}
}
END_TEST

START_TEST(overlaps)
{
	pieces[6] = piece_of(memory + 3 * PAGE, 2 * PAGE);
	/* that is the page of piece 2 */
	ck_assert_refused(mapv(pieces, N, 0, regions), -EEXIST, "piece 2", "piece 6",
			  "IOM_MAP_ALIAS");
	pieces[6] = pieces[2];
	ck_assert_refused(mapv(pieces, N, IOM_MAP_APART, regions), -EEXIST, "piece 2", "piece 6");
}
END_TEST

START_TEST(iovas_overlap)
{
	size_t i;

	for (i = 0; i < N; i++)
		pieces[i].iova = FOUR_GIB + i * PAGE;
	pieces[7].iova = FOUR_GIB + 3 * PAGE;
	ck_assert_refused(mapv(pieces, N, IOM_MAP_FIXED, regions), -EEXIST, "piece 7, 0x",
			  "0x100003000", "another piece");
}
END_TEST

START_TEST(something_is_there)
{
	size_t i;

	ck_assert_ok(map_fixed(memory + 8 * PAGE, PAGE, FOUR_GIB + 6 * PAGE, NULL));
	before = rig_state();
	ck_assert_refused(mapv(pieces, N, 0, regions), -EEXIST, "piece 4, 0x", "mapped already",
			  "0x100006000");
	for (i = 0; i < N; i++)
		pieces[i] = piece_at(memory + (20 + i) * PAGE, PAGE, FOUR_GIB + i * PAGE);
	ck_assert_refused(mapv(pieces, N, IOM_MAP_FIXED, regions), -EEXIST,
			  "piece 0 and the 7 behind it", "0x100006000", "mapped already");
	ck_assert_refused(mapv(pieces, N, IOM_MAP_FIXED | IOM_MAP_APART, regions), -EEXIST,
			  "piece 6, 0x", "mapped already");
}
END_TEST

START_TEST(no_room)
{
	const struct iom_map_opts opts = below(6 * PAGE - 1);

	/* page 0 is not used, so there are five */
	ck_assert_refused(iom_mapv(rig.dom, pieces, N, IOM_MAP_RW, &opts, regions), -ENOSPC,
			  "piece 5, 0x", "0x5fff");
	ck_assert_ok(iom_mapv(rig.dom, pieces, 5, IOM_MAP_RW, &opts, regions));
}
END_TEST

START_TEST(no_device)
{
	iom_detach(rig.nvme);
	before = rig_state();
	ck_assert_refused(mapv(pieces, N, 0, regions), -ENODEV, "map a batch: no device");
}
END_TEST

/* The kernel says it of the third run: the first two are undone. */
START_TEST(memory_is_not_there)
{
	munmap(memory + 4 * PAGE, PAGE);
	ck_assert_fails(mapv(pieces, N, 0, regions), -EFAULT, "map a batch: piece 2, 0x");
	ck_assert_unchanged(before);
	ck_assert_uint_eq(iom_sim_mapped_bytes(rig.sim), 0);
	pieces[2] = pieces[7];
	ck_assert_ok(mapv(pieces, N - 1, 0, regions));
}
END_TEST

/* ---- The kernel's limit -------------------------------------------------------------------- */

START_TEST(entry_limit)
{
	const struct iom_sim_config config = { .size = sizeof(config), .dma_entry_limit = 6 };
	struct iom_region one;

	if (rig_counters().entry_limit == UINT64_MAX)
		return;
	tear_down();
	start(&config);
	ck_assert_refused(mapv(pieces, N, 0, regions), -ENOSPC, "map a batch: it needs 8 of",
			  "limit of 6 mappings 6 are left", "dma_entry_limit");
	ck_assert_ok(map_any(memory + 60 * PAGE, PAGE, &one));
	before = rig_state();
	ck_assert_refused(mapv(pieces, 6, 0, regions), -ENOSPC, "needs 6 of",
			  "limit of 6 mappings 5 are left");
	ck_assert_ok(mapv(pieces, 5, 0, regions));
	before = rig_state();
	ck_assert_refused(map_any(memory + 50 * PAGE, PAGE, NULL), -ENOSPC, "needs 1 of",
			  "6 mappings 0 are left");
	ck_assert_ok(iom_unmap(rig.dom, &one));
	ck_assert_ok(map_any(memory + 50 * PAGE, PAGE, &one));
	ck_assert_ok(iom_unmapv(rig.dom, regions, 5));
	/* neighbours are one */
	for (int i = 0; i < N; i++)
		pieces[i] = piece_of(memory + i * PAGE, PAGE);
	ck_assert_ok(mapv(pieces, N, 0, regions));
	ck_assert_uint_eq(rig_counters().entries_used, 2);
	ck_assert_ok(iom_unmap_all(rig.dom));
	ck_assert_ok(mapv(pieces, 6, IOM_MAP_APART, regions));
}
END_TEST

/* With a granule each of its parts is one, and a part that is unmapped is not any more. */
START_TEST(entry_limit_with_a_granule)
{
	const struct iom_sim_config config = { .size = sizeof(config), .dma_entry_limit = 6 };

	if (rig_counters().entry_limit == UINT64_MAX)
		return;
	tear_down();
	rig_start_cut(&config, 2 * PAGE);
	memory = rig_memory_at(64 * PAGE, 16 * PAGE, 0);
	/* three, and one more page: four */
	pieces[0] = piece_of(memory, 3 * PAGE);
	pieces[1] = piece_of(memory + 3 * PAGE, 4 * PAGE);
	/* not aligned to it: two more */
	pieces[2] = piece_of(memory + 17 * PAGE, 2 * PAGE);
	before = rig_state();
	ck_assert_ok(mapv(pieces, 3, 0, regions));
	ck_assert_uint_eq(rig_counters().entries_used, 6);
	before = rig_state();
	ck_assert_refused(map_any(memory + 40 * PAGE, PAGE, NULL), -ENOSPC, "6 mappings 0 are");
	ck_assert_ok(iom_unmap_range(rig.dom, regions[0].iova + 2 * PAGE, 2 * PAGE));
	ck_assert_ok(map_any(memory + 40 * PAGE, PAGE, NULL));
	ck_assert_uint_eq(rig_counters().entries_used, 6);
	/* what the kernel forgets with the last device comes back */
	iom_detach(rig.nvme);
	ck_assert_ok(iom_attach(rig.dom, NVME, NULL, &rig.nvme));
	before = rig_state();
	ck_assert_refused(map_any(memory + 44 * PAGE, PAGE, NULL), -ENOSPC, "6 mappings 0 are");
}
END_TEST

/* What is quarantined is the kernel's still, until the last device has gone. */
START_TEST(entry_limit_and_quarantine)
{
	const struct iom_sim_config config = { .size = sizeof(config), .dma_entry_limit = 6 };
	const struct iom_sim_failure failure = {
		.nth = 1,
		.answer = -EIO,
		.calls = 1u << IOM_SIM_IOCTL,
		.request = VFIO_IOMMU_UNMAP_DMA,
	};

	if (rig_counters().entry_limit == UINT64_MAX)
		return;
	tear_down();
	start(&config);
	ck_assert_ok(mapv(pieces, 6, IOM_MAP_APART, regions));
	iom_sim_fail(rig.sim, &failure);
	ck_assert_fails(iom_unmap(rig.dom, &regions[0]), -EIO, "");
	before = rig_state();
	ck_assert_refused(map_any(memory + 40 * PAGE, PAGE, NULL), -ENOSPC, "6 mappings 0 are");
	iom_detach(rig.nvme);
	ck_assert_ok(iom_attach(rig.dom, NVME, NULL, &rig.nvme));
	ck_assert_ok(map_any(memory + 40 * PAGE, PAGE, NULL));
	ck_assert_uint_eq(rig_counters().entries_used, 6);
}
END_TEST

/* ---- Unmaps -------------------------------------------------------------------------------- */

START_TEST(unmaps)
{
	struct iom_region list[N], zeroed = { .va = NULL };
	size_t i;

	ck_assert_ok(mapv(pieces, N, IOM_MAP_APART, regions));
	before = rig_state();
	ck_assert_refused(iom_unmapv(rig.dom, regions, 0), -EINVAL,
			  "unmap a batch: ", "no regions");
	memcpy(list, regions, sizeof(list));
	list[3] = list[6];
	ck_assert_refused(iom_unmapv(rig.dom, list, N), -EINVAL, "IOVA 0x", "there twice");
	list[3] = zeroed;
	ck_assert_refused(iom_unmapv(rig.dom, list, N), -ENOENT, "IOVA 0x0", "unmapped before");
	list[3] = regions[3];
	list[3].generation--;
	ck_assert_refused(iom_unmapv(rig.dom, list, N), -ENOENT, "none of this domain");
	for (i = 0; i < N; i++)
		ck_assert(is_mapped_as(&regions[i], &pieces[i]));
	ck_assert_ok(iom_unmapv(rig.dom, regions, N));
	ck_assert_uint_eq(rig_counters().mappings, 0);
}
END_TEST

/* One that the kernel has kept before: nothing is unmapped. */
START_TEST(quarantined_before)
{
	const struct iom_sim_failure failure = {
		.nth = 1,
		.answer = -EIO,
		.calls = 1u << IOM_SIM_IOCTL,
		.request = rig_backend()->unmap,
	};

	ck_assert_ok(mapv(pieces, N, IOM_MAP_APART, regions));
	iom_sim_fail(rig.sim, &failure);
	ck_assert_fails(iom_unmap(rig.dom, &regions[3]), -EIO, "");
	before = rig_state();
	ck_assert_refused(iom_unmapv(rig.dom, regions, N), -EIO, "quarantined", "IOVA 0x");
	memmove(&regions[3], &regions[4], (N - 4) * sizeof(regions[0]));
	ck_assert_ok(iom_unmapv(rig.dom, regions, N - 1));
	ck_assert_uint_eq(rig_counters().mappings, 0);
}
END_TEST

START_TEST(in_a_child)
{
	rig.dom->ours[0] = 0;
	ck_assert_fails(mapv(pieces, N, 0, regions), -EPERM, "map a batch: ");
	ck_assert_fails(iom_unmapv(rig.dom, regions, N), -EPERM, "unmap a batch: ");
	rig.dom->ours[0] = 1;
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("batch_refused");
	TCase *tcase = tcase_create("refused");

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_set_timeout(tcase, 60);
	tcase_add_test(tcase, arguments);
	tcase_add_test(tcase, one_piece_is_wrong);
	tcase_add_test(tcase, overlaps);
	tcase_add_test(tcase, iovas_overlap);
	tcase_add_test(tcase, something_is_there);
	tcase_add_test(tcase, no_room);
	tcase_add_test(tcase, no_device);
	tcase_add_test(tcase, memory_is_not_there);
	tcase_add_test(tcase, entry_limit);
	tcase_add_test(tcase, entry_limit_with_a_granule);
	tcase_add_test(tcase, entry_limit_and_quarantine);
	tcase_add_test(tcase, unmaps);
	tcase_add_test(tcase, quarantined_before);
	tcase_add_test(tcase, in_a_child);
	suite_add_tcase(suite, tcase);
	return run_suite(suite);
}
