// SPDX-License-Identifier: BSD-3-Clause
/*
 * Where all addresses end: the last page, on a machine whose IOVAs go up to 2^64 - 1.  Sums past
 * it are 0, which is an IOVA like any other.
 */
#include "tests/unit/batch_rig.h"
#include "tests/unit/runner.h"

#define LAST UINT64_MAX

static char *memory; /* 16 pages */

/* Type1's calls do not unmap the last page, so that it is not offered (backends/type1). */
static uint64_t last_offered(void)
{
	return rig_is("iommufd") ? LAST : LAST - PAGE;
}

static void start_at_the_end(unsigned int kernel)
{
	const struct iom_sim_config config = {
		.size = sizeof(config),
		.platform = "x86-amd",
		.kernel = kernel,
	};
	struct iom_aperture apertures[8];
	int n;

	rig_start(&config);
	n = iom_apertures(rig.dom, apertures, 8);
	ck_assert_int_gt(n, 0);
	ck_assert_int_le(n, 8);
	ck_assert_uint_eq(apertures[n - 1].last, last_offered());
	memory = rig_memory(16 * PAGE);
}

static const unsigned int kernels[] = { 612, 702 };

/*
 * Addresses and IOVAs, by each of the calls, up to the last byte and not from there to the first.
 */
START_TEST(translated)
{
	uint64_t last = last_offered(), iova, run, list[4];
	struct iom_what what = { .size = sizeof(what) };
	struct iom_region region;
	struct iom_sge sges[4];
	struct iovec iov;
	void *va;

	start_at_the_end(kernels[_i]);
	ck_assert_ok(map_fixed(memory, 3 * PAGE, last - 3 * PAGE + 1, &region));
	ck_assert_ok(map_fixed(memory + 8 * PAGE, PAGE, 0, NULL));
	ck_assert(dma_works(NVME, &region));
	ck_assert_ok(iom_translate(rig.dom, memory + 3 * PAGE - 1, 1, &iova, &run));
	ck_assert_uint_eq(iova, last);
	ck_assert_uint_eq(iom_region_iova(&region, memory + 3 * PAGE - 1), last);
	ck_assert_ok(iom_translate(rig.dom, memory + PAGE, 4 * PAGE, &iova, &run));
	ck_assert_uint_eq(iova, last - 2 * PAGE + 1);
	ck_assert_uint_eq(run, 2 * PAGE);
	ck_assert_ok(iom_iova_to_va(rig.dom, last, 16, &va, &run));
	ck_assert_ptr_eq(va, memory + 3 * PAGE - 1);
	ck_assert_uint_eq(run, 1);
	ck_assert_ok(iom_iova_to_va(rig.dom, last - PAGE, LAST, &va, &run));
	ck_assert_ptr_eq(va, memory + 2 * PAGE - 1);
	ck_assert_uint_eq(run, PAGE + 1);
	if (last != LAST)
		ck_assert_int_eq(iom_iova_to_va(rig.dom, LAST, 1, &va, &run), -ENOENT);

	iov = (struct iovec){ memory, 3 * PAGE };
	ck_assert_int_eq(iom_translatev(rig.dom, &iov, 1, sges, 4), 1);
	ck_assert_uint_eq(sges[0].iova, last - 3 * PAGE + 1);
	ck_assert_uint_eq(sges[0].length, 3 * PAGE);
	ck_assert_int_eq(iom_translate_pages(rig.dom, &iov, 1, PAGE, list, 4), 3);
	ck_assert_uint_eq(list[2], last - PAGE + 1);

	ck_assert_ok(iom_whatis(rig.dom, last, &what));
	ck_assert_uint_eq(what.state, IOM_WHAT_MAPPED);
	ck_assert_uint_eq(what.offset, 3 * PAGE - 1);
	ck_assert_ok(iom_whatis(rig.dom, LAST, &what));
	ck_assert_uint_eq(what.state, last == LAST ? IOM_WHAT_MAPPED : IOM_WHAT_OUTSIDE);
	ck_assert_ok(iom_unmap(rig.dom, &region));
	ck_assert_int_eq(iom_iova_to_va(rig.dom, last, 1, &va, &run), -ENOENT);
	tear_down();
}
END_TEST

/* A batch that ends there, in runs and in parts; and none that goes past it. */
START_TEST(a_batch)
{
	uint64_t last = last_offered(), from = last - 8 * PAGE + 1;
	struct iom_piece pieces[8];
	struct iom_region regions[8];
	struct state before;
	uint64_t i;

	start_at_the_end(kernels[_i]);
	before = rig_state();
	/* backwards; the memory of the odd ones is elsewhere */
	for (i = 0; i < 8; i++)
		pieces[7 - i] =
			piece_at(memory + (i % 2 ? 15 - i : i) * PAGE, PAGE, from + i * PAGE);
	pieces[0] = piece_at(pieces[0].va, 2 * PAGE, from + 7 * PAGE);
	ck_assert_fails(mapv(pieces, 8, IOM_MAP_FIXED, regions), -ERANGE, "piece 0");
	ck_assert_unchanged(before);
	pieces[0].length = PAGE;

	for (i = 0; i < 2; i++) {
		unsigned int apart = i ? IOM_MAP_APART : 0;

		ck_assert_ok(mapv(pieces, 8, IOM_MAP_FIXED | apart, regions));
		ck_assert(is_mapped_as(&regions[0], &pieces[0]));
		ck_assert(is_mapped_as(&regions[7], &pieces[7]));
		ck_assert_fails(map_fixed(memory + 14 * PAGE, PAGE, last - PAGE + 1, NULL), -EEXIST,
				"mapped already");
		ck_assert_ok(i ? iom_unmap_range(rig.dom, from, 8 * PAGE)
			       : iom_unmapv(rig.dom, regions, 8));
		ck_assert(dma_misses(NVME, from, 8 * PAGE));
		ck_assert_unchanged(before);
	}
	tear_down();
}
END_TEST

/* An aperture of somebody's own, whose last byte is the last of all. */
START_TEST(a_request)
{
	struct iom_aperture_opts opts = {
		.size = sizeof(opts),
		.length = 4 * PAGE,
		.flags = IOM_APERTURE_FIXED,
	};
	uint64_t last = last_offered(), id, other;
	struct iom_aperture granted;
	struct iom_region region;

	start_at_the_end(kernels[_i]);
	opts.start = last - 3 * PAGE + 1;
	ck_assert_fails(iom_aperture_request(rig.dom, &opts, &id), -ERANGE, "0x");
	opts.start = last - 4 * PAGE + 1;
	ck_assert_ok(iom_aperture_request(rig.dom, &opts, &id));
	ck_assert_ok(iom_aperture_granted(rig.dom, id, &granted));
	ck_assert_uint_eq(granted.start, opts.start);
	ck_assert_uint_eq(granted.last, last);
	opts.start = last - PAGE + 1;
	opts.length = PAGE;
	ck_assert_int_eq(iom_aperture_request(rig.dom, &opts, &other), -EEXIST);

	ck_assert_ok(map_fixed(memory, 2 * PAGE, last - 2 * PAGE + 1, &region));
	ck_assert(dma_works(NVME, &region));
	ck_assert_fails(iom_aperture_release(rig.dom, id), -EBUSY, "mapped");
	/* it is kept over a detach, and what is in it is mapped again */
	iom_detach(rig.nvme);
	ck_assert_ok(iom_attach(rig.dom, NVME, NULL, &rig.nvme));
	ck_assert(dma_works(NVME, &region));
	ck_assert_fails(iom_unmap_range(rig.dom, last - PAGE + 1, 2 * PAGE),
			last == LAST ? -ERANGE : -ENOENT, "unmap IOVA 0x");
	ck_assert_ok(iom_unmap_range(rig.dom, last - 2 * PAGE + 1, 2 * PAGE));
	ck_assert_ok(iom_aperture_release(rig.dom, id));
	tear_down();
}
END_TEST

/* Where a mapping may be cut, at the last page, too. */
START_TEST(cut)
{
	uint64_t last = last_offered(), iova, run;
	struct iom_region region, again;

	start_at_the_end(kernels[_i]);
	iom_close(rig.dom);
	rig.granule = PAGE;
	ck_assert_ok(rig_open(&rig.dom));
	ck_assert_ok(iom_attach(rig.dom, NVME, NULL, &rig.nvme));
	ck_assert_ok(map_fixed(memory, 4 * PAGE, last - 4 * PAGE + 1, &region));
	ck_assert_ok(iom_unmap_range(rig.dom, last - PAGE + 1, PAGE));
	ck_assert(dma_misses(NVME, last - PAGE + 1, PAGE));
	ck_assert(!is_mapped(memory + 3 * PAGE));
	ck_assert_ok(iom_translate(rig.dom, memory + 2 * PAGE, 2 * PAGE, &iova, &run));
	ck_assert_uint_eq(iova, last - 2 * PAGE + 1);
	ck_assert_uint_eq(run, PAGE);
	ck_assert_ok(map_fixed(memory + 3 * PAGE, PAGE, last - PAGE + 1, &again));
	ck_assert(dma_works(NVME, &again));
	ck_assert_ok(iom_unmap_range(rig.dom, last - 3 * PAGE + 1, 3 * PAGE));
	ck_assert_ok(iom_unmap(rig.dom, &region));
	ck_assert_uint_eq(rig_counters().mappings, 0);
	tear_down();
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("last_iova");
	TCase *tcase = tcase_create("last_iova");

	tcase_add_loop_test(tcase, translated, 0, ARRAY_SIZE(kernels));
	tcase_add_loop_test(tcase, a_batch, 0, ARRAY_SIZE(kernels));
	tcase_add_loop_test(tcase, a_request, 0, ARRAY_SIZE(kernels));
	tcase_add_loop_test(tcase, cut, 0, ARRAY_SIZE(kernels));
	suite_add_tcase(suite, tcase);
	return run_suite(suite);
}
