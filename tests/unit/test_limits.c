// SPDX-License-Identifier: BSD-3-Clause
/*
 * Room that ends: apertures of a few pages, or of one, also where all addresses end; memory that is
 * larger than any of them; and RLIMIT_MEMLOCK.  What has no room is refused, leaves nothing behind,
 * and goes where something else was once that is unmapped.
 */
#include "tests/unit/batch_rig.h"
#include "tests/unit/runner.h"

#define MOST 64 /* pages of an aperture here */
#define HOLES 4 /* around apertures */
#define LAST UINT64_MAX

/* ---- Machines of few IOVAs ------------------------------------------------------------------- */

struct place {
	const char *platform;
	uint64_t start, pages;
};

/* At POWER's, the default window, which begins at 0. */
static const struct place of_power[] = { { NULL, 0, MOST }, { NULL, 0, 4 } };

static const struct place of_others[] = {
	{ "x86-48", FOUR_GIB, MOST },
	{ "x86-48", 5 * PAGE, 3 },
	{ "x86-48", (UINT64_C(1) << 48) - 64 * PAGE, MOST },
	{ "x86-amd", -64 * PAGE, MOST },
	{ "x86-amd", -3 * PAGE, 3 },
};

static const struct place of_one_page[] = {
	{ "x86-48", FOUR_GIB, 1 },
	{ "x86-48", PAGE, 1 },
	{ "x86-amd", -2 * PAGE, 2 },
	{ "x86-amd", -PAGE, 1 },
};

static const struct place of_one_page_of_power[] = { { NULL, 0, 2 } };

/* A domain of each kind is filled. */
static const struct {
	uint64_t flags, granule;
} kinds[] = { { 0, 0 }, { IOM_OPEN_STRICT, 0 }, { 0, PAGE } };

static uint64_t first, pages; /* for automatic IOVAs */
static char *memory;

/*
 * A machine whose device has the IOVAs between these holes, and on POWER a window of so many
 * pages.
 */
static void make_machine(const char *platform, const struct iom_sim_resv *holes, size_t n,
			 uint64_t window)
{
	const struct iom_sim_device device = {
		.address = NVME,
		.group = 14,
		.driver = "vfio-pci",
		.resv = rig_is_power() ? NULL : holes,
		.n_resv = rig_is_power() ? 0 : n,
		.dma32_size = window * PAGE,
	};
	const struct iom_sim_config config = {
		.size = sizeof(config),
		.platform = platform,
		.devices = &device,
		.n_devices = 1,
	};

	rig_machine(&config);
	/* for which the default window is as good as any, and the bridge makes no other */
	if (rig_is_power()) {
		rig.expected = PAGE;
		rig.one_window = true;
	}
}

static void make_place(const struct place *place)
{
	const uint64_t end = place->start + place->pages * PAGE;
	struct iom_sim_resv holes[2];
	size_t n = 0;

	if (place->start)
		holes[n++] = (struct iom_sim_resv){ 0, place->start - 1, "reserved" };
	if (end)
		holes[n++] = (struct iom_sim_resv){ end, LAST, "reserved" };
	make_machine(place->platform, holes, n, place->pages);
}

/* The last page of all is not offered by the kernel's type1 calls (backends/type1). */
static uint64_t last_of(uint64_t last)
{
	return last == LAST && !rig_is("iommufd") ? LAST - PAGE : last;
}

/* One aperture, and all of it that automatic IOVAs may use. */
static void enter(const struct place *place)
{
	uint64_t last = last_of(place->start + place->pages * PAGE - 1);
	struct iom_aperture aperture;

	ck_assert_ok(rig_open(&rig.dom));
	ck_assert_ok(iom_attach(rig.dom, NVME, NULL, &rig.nvme));
	ck_assert_int_eq(iom_apertures(rig.dom, &aperture, 1), 1);
	ck_assert_uint_eq(aperture.start, place->start);
	ck_assert_uint_eq(aperture.last, last);
	first = place->start ? place->start : PAGE;
	pages = (last - first + 1) / PAGE;
	memory = rig_memory((MOST + 2) * PAGE);
}

static const struct place *places(size_t *n)
{
	*n = rig_is_power() ? ARRAY_SIZE(of_power) : ARRAY_SIZE(of_others);
	return rig_is_power() ? of_power : of_others;
}

static const struct place *single_pages(size_t *n)
{
	*n = rig_is_power() ? ARRAY_SIZE(of_one_page_of_power) : ARRAY_SIZE(of_one_page);
	return rig_is_power() ? of_one_page_of_power : of_one_page;
}

static char *page_of(uint64_t i)
{
	return memory + i * PAGE;
}

/* ---- Full ------------------------------------------------------------------------------------ */

/* No call finds room for a page, and none leaves anything. */
static void check_full(char *free_memory)
{
	const struct iom_piece piece = piece_of(free_memory, PAGE);
	struct state before = rig_state();
	struct iom_region region = { .iova = 7 };
	struct iom_segment segment;
	struct iom_stream *stream;

	ck_assert_fails(map_any(free_memory, PAGE, &region), -ENOSPC, "map 0x",
			"no free IOVA range", "unmap something first");
	ck_assert_fails(iom_map(rig.dom, page_of(0), PAGE, IOM_MAP_RW | IOM_MAP_ALIAS, NULL,
				&region),
			-ENOSPC, "no free IOVA range");
	ck_assert_fails(mapv(&piece, 1, 0, &region), -ENOSPC, "no free IOVA range");
	ck_assert_fails(iom_buf_alloc(rig.dom, PAGE, NULL, &region), -ENOSPC, "buffer of 0x1000",
			"no free IOVA range");
	ck_assert_uint_eq(region.iova, 7);
	ck_assert_ok(iom_stream_open(rig.dom, &stream));
	ck_assert_int_eq(iom_dma_map(stream, free_memory, 8, IOM_MAP_READ, &segment, 1), -ENOSPC);
	iom_stream_close(stream);
	ck_assert_unchanged(before);
	ck_assert(!is_mapped(free_memory));
}

/* Page by page, to the last one; which one is whose, in at. */
static void fill(struct iom_region *at)
{
	struct iom_region region;
	uint64_t i, n;

	for (i = 0; i < pages; i++)
		at[i].length = 0;
	for (i = 0; i < pages; i++) {
		ck_assert_ok(map_any(page_of(i), PAGE, &region));
		n = (region.iova - first) / PAGE;
		ck_assert_uint_lt(n, pages);
		ck_assert_uint_eq(at[n].length, 0);
		at[n] = region;
		ck_assert(dma_works(NVME, &region));
	}
}

/* What goes makes room for as much, and there. */
static void replace(struct iom_region *at, uint64_t n, char *other)
{
	ck_assert_ok(iom_unmap(rig.dom, &at[n]));
	ck_assert_fails(map_any(other, 2 * PAGE, NULL), pages < 2 ? -ERANGE : -ENOSPC, "map 0x");
	ck_assert_ok(map_any(other, PAGE, &at[n]));
	ck_assert_uint_eq(at[n].iova, first + n * PAGE);
	ck_assert(dma_works(NVME, &at[n]));
}

START_TEST(full)
{
	static struct iom_region at[MOST];
	struct iom_region whole, two[2];
	struct iom_piece pieces[2];
	size_t n, kind = (size_t)_i % ARRAY_SIZE(kinds);
	const struct place *place = &places(&n)[(size_t)_i / ARRAY_SIZE(kinds)];

	make_place(place);
	rig.flags = kinds[kind].flags;
	rig.granule = kinds[kind].granule;
	enter(place);
	fill(at);
	check_full(page_of(pages));

	/* in the middle, where it begins, where it ends */
	replace(at, pages / 2, page_of(pages));
	check_full(at[pages / 2].va == page_of(0) ? page_of(1) : page_of(pages + 1));
	ck_assert_ok(iom_unmap_all(rig.dom));
	fill(at);
	replace(at, 0, page_of(pages));
	ck_assert_ok(iom_unmap_all(rig.dom));
	fill(at);
	replace(at, pages - 1, page_of(pages));

	/* two pages that are not next to each other are room for two, and not for one of two */
	ck_assert_ok(iom_unmap_all(rig.dom));
	fill(at);
	if (pages > 2) {
		ck_assert_ok(iom_unmap(rig.dom, &at[0]));
		ck_assert_ok(iom_unmap(rig.dom, &at[pages - 1]));
		pieces[0] = piece_of(page_of(pages), PAGE);
		pieces[1] = piece_of(page_of(pages + 1), PAGE);
		ck_assert_fails(mapv(pieces, 2, 0, two), -ENOSPC, "no free IOVA range");
		ck_assert_ok(mapv(pieces, 2, IOM_MAP_APART, two));
		ck_assert_uint_eq(two[0].iova ^ two[1].iova, at[0].iova ^ at[pages - 1].iova);
	}

	/* and all of it at once */
	ck_assert_ok(iom_unmap_all(rig.dom));
	ck_assert_fails(map_any(memory, (pages + 1) * PAGE, &whole), -ERANGE, "large");
	ck_assert_ok(map_any(memory, pages * PAGE, &whole));
	ck_assert_uint_eq(whole.iova, first);
	ck_assert(dma_works(NVME, &whole));
	check_full(page_of(pages));
	ck_assert_ok(iom_unmap(rig.dom, &whole));
	tear_down();
}
END_TEST

/* ---- One page -------------------------------------------------------------------------------- */

START_TEST(one_page)
{
	struct iom_aperture_opts opts = { .size = sizeof(opts), .flags = IOM_APERTURE_FIXED };
	struct iom_region region, again;
	struct iom_sge sges[2];
	struct iovec iov;
	uint64_t iova, run, id;
	const struct place *place;
	size_t n;
	void *va;

	place = &single_pages(&n)[_i];
	make_place(place);
	if (place->start == -PAGE && !rig_is("iommufd")) {
		/* of which nothing is left */
		ck_assert_ok(rig_open(&rig.dom));
		ck_assert_fails(iom_attach(rig.dom, NVME, NULL, &rig.nvme), -EIO, NVME,
				"no IOVA range that can be mapped");
		tear_down();
		return;
	}
	enter(place);
	if (place->start == -2 * PAGE && rig_is("iommufd")) {
		ck_assert_ok(map_fixed(page_of(8), PAGE, -2 * PAGE, NULL));
		first += PAGE;
		pages--;
	}
	ck_assert_uint_eq(pages, 1);

	ck_assert_ok(map_any(memory, PAGE, &region));
	ck_assert_uint_eq(region.iova, first);
	ck_assert(dma_works(NVME, &region));
	check_full(page_of(2));
	ck_assert_int_lt(map_any(page_of(2), 2 * PAGE, NULL), 0);

	iov = (struct iovec){ memory, PAGE };
	ck_assert_int_eq(iom_translatev(rig.dom, &iov, 1, sges, 2), 1);
	ck_assert_uint_eq(sges[0].iova, first);
	ck_assert_uint_eq(sges[0].length, PAGE);
	ck_assert_ok(iom_translate(rig.dom, memory + PAGE - 1, 1, &iova, &run));
	ck_assert_uint_eq(iova, first + PAGE - 1);
	ck_assert_ok(iom_iova_to_va(rig.dom, iova, 2, &va, &run));
	ck_assert_ptr_eq(va, memory + PAGE - 1);
	ck_assert_uint_eq(run, 1);
	ck_assert_ok(iom_unmap_range(rig.dom, first, PAGE));
	ck_assert_fails(iom_unmap(rig.dom, &region), -ENOENT, "unmapped before");

	/* set aside, it is no automatic map's any more */
	opts.start = first;
	opts.length = PAGE;
	ck_assert_ok(iom_aperture_request(rig.dom, &opts, &id));
	ck_assert_int_lt(map_any(memory, PAGE, &again), 0);
	ck_assert_ok(map_fixed(memory, PAGE, first, &again));
	ck_assert(dma_works(NVME, &again));
	ck_assert_fails(iom_aperture_release(rig.dom, id), -EBUSY, "mapped");
	ck_assert_ok(iom_unmap(rig.dom, &again));
	ck_assert_ok(iom_aperture_release(rig.dom, id));
	ck_assert_ok(map_any(memory, PAGE, &again));
	ck_assert_uint_eq(again.iova, first);
	tear_down();
}
END_TEST

/* ---- Larger than any aperture ---------------------------------------------------------------- */

#define PART 16 /* pages of each aperture */

/* Three apertures, each too small for it; POWER has one. */
static void start_in_parts(void)
{
	static const struct iom_sim_resv holes[HOLES] = {
		{ 0, FOUR_GIB - 1, "reserved" },
		{ FOUR_GIB + PART * PAGE, FOUR_GIB + 2 * PART * PAGE - 1, "reserved" },
		{ FOUR_GIB + 3 * PART * PAGE, FOUR_GIB + 4 * PART * PAGE - 1, "reserved" },
		{ FOUR_GIB + 5 * PART * PAGE, LAST, "reserved" },
	};

	/* beyond the reach of pSeries' other window, which it would make */
	const struct iom_attach_opts narrow = {
		.size = sizeof(narrow),
		.dma_bits = rig_is_power() ? 32 : 64,
	};

	make_machine(NULL, holes, HOLES, PART);
	ck_assert_ok(rig_open(&rig.dom));
	ck_assert_ok(iom_attach(rig.dom, NVME, &narrow, &rig.nvme));
	ck_assert_int_eq(iom_apertures(rig.dom, NULL, 0), rig_is_power() ? 1 : 3);
	memory = rig_memory(4 * PART * PAGE);
}

START_TEST(larger_than_the_largest)
{
	const uint64_t length = (2 * PART + 8) * PAGE;
	struct iom_region region = { .iova = 7 };
	struct iom_buf_opts shared = { .size = sizeof(shared), .flags = IOM_BUF_SHARED };
	struct iom_piece pieces[3];
	struct iom_region regions[3];
	struct state before;
	uint64_t i;

	start_in_parts();
	before = rig_state();
	for (i = 0; i < 3; i++)
		pieces[i] = piece_of(memory + i * PART * PAGE, PART * PAGE);
	ck_assert_fails(map_any(memory, length, &region), -ERANGE, "map 0x", "large");
	ck_assert_fails(map_any(memory, (PART + 1) * PAGE, &region), -ERANGE, "large");
	ck_assert_fails(iom_buf_alloc(rig.dom, length, NULL, &region), -ERANGE,
			"buffer of 0x28000 bytes", "large");
	ck_assert_fails(iom_buf_alloc(rig.dom, length, &shared, &region), -ERANGE, "large");
	/* next to each other in memory, they are one */
	ck_assert_fails(mapv(pieces, 3, 0, regions), -ERANGE, "piece 0", "large");
	ck_assert_uint_eq(region.iova, 7);
	ck_assert_unchanged(before);
	ck_assert(!is_mapped(memory));
	ck_assert_works();
	tear_down();
}
END_TEST

/* What need not be contiguous is taken apart by who maps it, and found again as a list. */
START_TEST(scattered)
{
	static const uint64_t lengths[] = { PART, PART, 8, PART }, small[] = { 8, 4, 3, 1 };
	const uint64_t *want = rig_is_power() ? small : lengths;
	struct iom_region regions[4];
	struct iom_piece pieces[4];
	struct iom_sge sges[4];
	struct state before;
	uint64_t at = 0, sum = 0;
	struct iovec iov;
	int i, n;

	start_in_parts();
	/* the tables of a window count from its first use on */
	ck_assert_works();
	before = rig_state();
	for (i = 0; i < 4; i++) {
		pieces[i] = piece_of(memory + at, want[i] * PAGE);
		at += want[i] * PAGE;
	}
	/* the fourth is too much, and takes the others with it */
	ck_assert_fails(mapv(pieces, 4, IOM_MAP_APART, regions), -ENOSPC, "piece 3",
			"no free IOVA range");
	ck_assert_unchanged(before);
	ck_assert_ok(mapv(pieces, 3, IOM_MAP_APART, regions));
	for (i = 0; i < 3; i++)
		ck_assert(is_mapped_as(&regions[i], &pieces[i]));
	iov = (struct iovec){ memory, at - want[3] * PAGE };
	n = iom_translatev(rig.dom, &iov, 1, sges, 4);
	ck_assert_int_ge(n, rig_is_power() ? 1 : 3);
	for (i = 0; i < n; i++)
		sum += sges[i].length;
	ck_assert_uint_eq(sum, iov.iov_len);
	ck_assert_uint_eq(sges[0].iova, regions[0].iova);
	ck_assert_ok(iom_unmapv(rig.dom, regions, 3));
	ck_assert_unchanged(before);
	tear_down();
}
END_TEST

/* ---- RLIMIT_MEMLOCK -------------------------------------------------------------------------- */

/*
 * What the limit has no room for is refused in whole, with need and limit; and had once it is
 * raised.
 */
START_TEST(memlock)
{
	const uint64_t room = 8 * PAGE;
	struct iom_region region, buf, regions[2];
	struct iom_piece pieces[2];
	struct state before;
	char limit[32];

	set_up_device();
	memory = rig_memory(32 * PAGE);
	/* of a window's tables, if there are any, from its first use on */
	ck_assert_works();
	iom_sim_set_memlock(rig.sim, iom_sim_locked_bytes(rig.sim) + room, false);
	snprintf(limit, sizeof(limit), "%" PRIu64 " KiB",
		 (iom_sim_locked_bytes(rig.sim) + room) / KIB);
	before = rig_state();

	/* the first run fits, the second one does not */
	pieces[0] = piece_of(memory, 6 * PAGE);
	pieces[1] = piece_of(memory + 16 * PAGE, 6 * PAGE);
	ck_assert_fails(mapv(pieces, 2, 0, regions), -ENOMEM, "RLIMIT_MEMLOCK", "24 KiB", limit);
	ck_assert_fails(mapv(pieces, 2, IOM_MAP_APART, regions), -ENOMEM, "RLIMIT_MEMLOCK");
	ck_assert_fails(iom_buf_alloc(rig.dom, 16 * PAGE, NULL, &buf), -ENOMEM, "RLIMIT_MEMLOCK",
			"64 KiB", limit);
	ck_assert_unchanged(before);
	ck_assert(!is_mapped(memory));
	ck_assert_ok(map_any(memory, room, &region));
	ck_assert_fails(map_any(memory + 16 * PAGE, PAGE, NULL), -ENOMEM, "RLIMIT_MEMLOCK", "4 KiB",
			limit);
	ck_assert_ok(iom_unmap(rig.dom, &region));
	ck_assert_unchanged(before);

	iom_sim_set_memlock(rig.sim, iom_sim_locked_bytes(rig.sim) + 32 * PAGE, false);
	ck_assert_ok(mapv(pieces, 2, 0, regions));
	ck_assert_ok(iom_buf_alloc(rig.dom, 16 * PAGE, NULL, &buf));
	ck_assert(dma_works(NVME, &buf));
	tear_down();
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("limits");
	TCase *tcase = tcase_create("limits");
	size_t n_places, n_single;

	places(&n_places);
	single_pages(&n_single);
	tcase_add_loop_test(tcase, full, 0, (int)(n_places * ARRAY_SIZE(kinds)));
	tcase_add_loop_test(tcase, one_page, 0, (int)n_single);
	tcase_add_test(tcase, larger_than_the_largest);
	tcase_add_test(tcase, scattered);
	tcase_add_test(tcase, memlock);
	suite_add_tcase(suite, tcase);
	return run_suite(suite);
}
