// SPDX-License-Identifier: BSD-3-Clause
/* Which places are offered for a piece of memory, and in which order. */
#include "lib/placement.h"
#include "lib/radix.h"
#include "tests/unit/runner.h"
#include "tests/unit/util.h"

#define PAGES_X86 UINT64_C(0x40201000)
#define PAGES_64K UINT64_C(0x20010000)
#define FOUR_GIB (4 * GIB)
#define LAST UINT64_MAX

/* As on Intel: 48 bits with the hole for interrupts. */
static struct iom_aperture x86[] = {
	{ 0, 0xfedfffff, PAGES_X86, 0 },
	{ 0xfef00000, 0xffffffffffff, PAGES_X86, 0 },
};

/* As on POWER: two windows. */
static struct iom_aperture power[] = {
	{ 0, 0x7fffffff, 0x1000, 0 },
	{ 0x800000000000000, 0x800000fffffffff, 0x200000, 0 },
};

#define SET(list) ((struct iom_aperture_set){ list, ARRAY_SIZE(list) })

/* ---- What was offered, in bytes ----------------------------------------------------------------- */

struct offer {
	uint64_t first, end, align, phase; /* end in units: 2^64 bytes do not fit */
};

static struct {
	struct offer v[256];
	size_t n, take; /* which one to take, counted from 1; 0: none */
	uint64_t count;
} offers;

static bool note(void *arg, const struct iom_fit *fit)
{
	ck_assert_ptr_eq(arg, &offers);
	ck_assert_uint_lt(offers.n, ARRAY_SIZE(offers.v));
	ck_assert_uint_eq(fit->align & (fit->align - 1), 0);
	ck_assert_uint_lt(fit->phase, fit->align);
	ck_assert_uint_lt(fit->first, fit->end);
	ck_assert_uint_le(fit->end, IOM_SPACE_END);
	offers.count = fit->count;
	offers.v[offers.n++] = (struct offer){
		fit->first << IOM_UNIT_SHIFT,
		fit->end,
		fit->align << IOM_UNIT_SHIFT,
		fit->phase << IOM_UNIT_SHIFT,
	};
	return offers.n == offers.take;
}

static bool place(struct iom_aperture_set set, uint64_t va, uint64_t length, uint64_t backing,
		  uint64_t limit)
{
	struct iom_place request = { va, length, backing, limit, 0 };
	bool taken;

	offers.n = 0;
	taken = iom_placement(&set, &request, note, &offers);
	if (offers.n)
		ck_assert_uint_eq(offers.count, length >> IOM_UNIT_SHIFT);
	return taken;
}

static void check_offer(size_t i, uint64_t first, uint64_t end, uint64_t align, uint64_t phase)
{
	const struct offer *offer = &offers.v[i];

	ck_assert_uint_lt(i, offers.n);
	ck_assert_msg(offer->first == first && offer->end << IOM_UNIT_SHIFT == end &&
			      offer->align == align && offer->phase == phase,
		      "offer %zu: 0x%" PRIx64 " to 0x%" PRIx64 ", 0x%" PRIx64 " modulo 0x%" PRIx64,
		      i, offer->first, offer->end << IOM_UNIT_SHIFT, offer->phase, offer->align);
}

static void set_up(void)
{
	memset(&offers, 0, sizeof(offers));
}

static bool place_cut(struct iom_aperture_set set, uint64_t va, uint64_t length, uint64_t granule)
{
	struct iom_place request = { va, length, 0x1000, LAST, granule };

	offers.n = 0;
	return iom_placement(&set, &request, note, &offers);
}

/* ---- The order ---------------------------------------------------------------------------------- */

/* A page has nothing to gain from large ones: high, then anywhere, where page 0 is left out. */
START_TEST(one_page)
{
	ck_assert(!place(SET(x86), 0x7f0000003000, 0x1000, 0x1000, LAST));
	ck_assert_uint_eq(offers.n, 3);
	check_offer(0, FOUR_GIB, 0x1000000000000, 0x1000, 0);
	check_offer(1, 0x1000, 0xfee00000, 0x1000, 0);
	check_offer(2, 0xfef00000, 0x1000000000000, 0x1000, 0);
}
END_TEST

/* Congruent modulo 1 GiB, then 2 MiB, then not; all of it above 4 GiB before anything else. */
START_TEST(a_large_piece)
{
	const uint64_t va = 0x7f0012345000, length = 4 * GIB;

	ck_assert(!place(SET(x86), va, length, 0x1000, LAST));
	ck_assert_uint_eq(offers.n, 9);
	check_offer(0, FOUR_GIB, 0x1000000000000, GIB, 0x12345000);
	check_offer(1, FOUR_GIB, 0x1000000000000, 2 * MIB, 0x145000);
	check_offer(2, FOUR_GIB, 0x1000000000000, 0x1000, 0);
	check_offer(3, 0x1000, 0xfee00000, GIB, 0x12345000);
	check_offer(4, 0xfef00000, 0x1000000000000, GIB, 0x12345000);
	check_offer(5, 0x1000, 0xfee00000, 2 * MIB, 0x145000);
	check_offer(8, 0xfef00000, 0x1000000000000, 0x1000, 0);
}
END_TEST

/* Congruence only modulo pages of which a whole one lies inside. */
START_TEST(pages_that_lie_inside)
{
	/* 2 MiB less a page, aligned; 2 MiB; 4 MiB less a page, which has one inside; less two */
	place(SET(x86), 0x7f0000200000, 2 * MIB - 0x1000, 0x1000, LAST);
	ck_assert_uint_eq(offers.v[0].align, 0x1000);
	place(SET(x86), 0x7f0000200000, 2 * MIB, 0x1000, LAST);
	ck_assert_uint_eq(offers.v[0].align, 2 * MIB);
	place(SET(x86), 0x7f0000201000, 4 * MIB - 0x1000, 0x1000, LAST);
	ck_assert_uint_eq(offers.v[0].align, 2 * MIB);
	ck_assert_uint_eq(offers.v[0].phase, 0x1000);
	place(SET(x86), 0x7f0000201000, 4 * MIB - 0x2000, 0x1000, LAST);
	ck_assert_uint_eq(offers.v[0].align, 0x1000);
	place(SET(x86), 0x7f0000201000, GIB, 0x1000, LAST);
	ck_assert_uint_eq(offers.v[0].align, 2 * MIB);
	place(SET(x86), 0x7f0000001000, 2 * GIB, 0x1000, LAST);
	ck_assert_uint_eq(offers.v[0].align, GIB);
	ck_assert_uint_eq(offers.v[0].phase, 0x1000);
}
END_TEST

/* The search ends with what is taken. */
START_TEST(stops_when_taken)
{
	offers.take = 2;
	ck_assert(place(SET(x86), 0x7f0012345000, 4 * GIB, 0x1000, LAST));
	ck_assert_uint_eq(offers.n, 2);
}
END_TEST

/* ---- Windows with page sizes of their own ------------------------------------------------------- */

START_TEST(the_window_with_the_largest_pages)
{
	/* hugepages: the 2 MiB window, above 4 GiB and anywhere; then the 4 KiB one */
	ck_assert(!place(SET(power), 0x7f0000200000, 4 * MIB, 2 * MIB, LAST));
	ck_assert_uint_eq(offers.n, 4);
	check_offer(0, 0x800000000000000, 0x800001000000000, 2 * MIB, 0);
	check_offer(1, 0x800000000000000, 0x800001000000000, 2 * MIB, 0);
	check_offer(2, 0x1000, 0x80000000, 2 * MIB, 0);
	check_offer(3, 0x1000, 0x80000000, 0x1000, 0);

	/* what the large pages do not divide, or what has smaller pages behind it, fits the other only */
	place(SET(power), 0x7f0000200000, 4 * MIB, 64 * KIB, LAST);
	ck_assert_uint_eq(offers.n, 2);
	ck_assert_uint_eq(offers.v[0].first, 0x1000);
	place(SET(power), 0x7f0000210000, 4 * MIB, 2 * MIB, LAST);
	ck_assert_uint_eq(offers.n, 2);
	check_offer(0, 0x1000, 0x80000000, 2 * MIB, 64 * KIB);
	place(SET(power), 0x7f0000200000, 4 * MIB - 64 * KIB, 2 * MIB, LAST);
	ck_assert_uint_eq(offers.n, 2);
}
END_TEST

/* Larger pages go before higher addresses. */
START_TEST(pages_before_height)
{
	struct iom_aperture list[] = {
		{ 0, 0x7fffffff, 0x200000, 0 },
		{ 0x800000000000000, 0x800000fffffffff, 0x1000, 0 },
	};

	ck_assert(!place(SET(list), 0x7f0000200000, 4 * MIB, 2 * MIB, LAST));
	ck_assert_uint_eq(offers.n, 5);
	/* page 0 is the window's own */
	check_offer(0, 2 * MIB, 0x80000000, 2 * MIB, 0);
	check_offer(1, 0x800000000000000, 0x800001000000000, 2 * MIB, 0);
	check_offer(2, 0x800000000000000, 0x800001000000000, 0x1000, 0);
}
END_TEST

START_TEST(pages_of_64_kib)
{
	struct iom_aperture list[] = { { 0, 0xffffffffffff, PAGES_64K, 0 } };

	place(SET(list), 0x7f0000010000, 64 * KIB, 64 * KIB, LAST);
	ck_assert_uint_eq(offers.n, 2);
	check_offer(0, FOUR_GIB, 0x1000000000000, 64 * KIB, 0);
	check_offer(1, 64 * KIB, 0x1000000000000, 64 * KIB, 0);
	/* no page size divides it */
	place(SET(list), 0x7f0000001000, 64 * KIB, 4 * KIB, LAST);
	ck_assert_uint_eq(offers.n, 0);
}
END_TEST

/* An aperture that does not begin at 0 has no page 0 to leave out. */
START_TEST(page_zero_is_an_address)
{
	struct iom_aperture list[] = { { 0x8000000, 0x80fffff, 0x1000, 0 } };

	place(SET(list), 0x7f0000000000, 0x1000, 0x1000, LAST);
	ck_assert_uint_eq(offers.n, 1);
	check_offer(0, 0x8000000, 0x8100000, 0x1000, 0);
}
END_TEST

START_TEST(nothing_but_page_zero)
{
	struct iom_aperture list[] = { { 0, 0xfff, 0x1000, 0 } };
	struct iom_place request = { 0x7f0000000000, 0x1000, 0x1000, LAST, 0 };

	ck_assert(!place(SET(list), request.va, request.length, request.backing, request.limit));
	ck_assert_uint_eq(offers.n, 0);
	ck_assert(!iom_placement_possible(&SET(list), &request));
}
END_TEST

START_TEST(up_to_the_last_byte)
{
	struct iom_aperture list[] = { { 0, LAST, 0x1000, 0 } };

	place(SET(list), 0x7f0000000000, 0x1000, 0x1000, LAST);
	ck_assert_uint_eq(offers.n, 2);
	ck_assert_uint_eq(offers.v[0].first, FOUR_GIB);
	ck_assert_uint_eq(offers.v[0].end, IOM_SPACE_END);
	ck_assert_uint_eq(offers.v[1].first, 0x1000);
	ck_assert_uint_eq(offers.v[1].end, IOM_SPACE_END);
}
END_TEST

/* ---- Limits ------------------------------------------------------------------------------------- */

START_TEST(limits)
{
	/* below 4 GiB: nothing high is offered */
	place(SET(x86), 0x7f0000000000, 0x1000, 0x1000, 0xfffffff);
	ck_assert_uint_eq(offers.n, 1);
	check_offer(0, 0x1000, 0x10000000, 0x1000, 0);
	/* a limit within a page leaves that page out */
	place(SET(x86), 0x7f0000000000, 0x1000, 0x1000, 0xffffffe);
	check_offer(0, 0x1000, 0xffff000, 0x1000, 0);
	place(SET(x86), 0x7f0000000000, 0x1000, 0x1000, 0x1ffe);
	ck_assert_uint_eq(offers.n, 0);
	place(SET(x86), 0x7f0000000000, 0x1000, 0x1000, 0x1fff);
	ck_assert_uint_eq(offers.n, 1);
	/* within the hole, just behind it, at 4 GiB, just above */
	place(SET(x86), 0x7f0000000000, 0x1000, 0x1000, 0xfee80000);
	ck_assert_uint_eq(offers.n, 1);
	check_offer(0, 0x1000, 0xfee00000, 0x1000, 0);
	place(SET(x86), 0x7f0000000000, 0x1000, 0x1000, 0xfef00fff);
	ck_assert_uint_eq(offers.n, 2);
	check_offer(1, 0xfef00000, 0xfef01000, 0x1000, 0);
	place(SET(x86), 0x7f0000000000, 0x1000, 0x1000, 0xffffffff);
	ck_assert_uint_eq(offers.n, 2);
	place(SET(x86), 0x7f0000000000, 0x1000, 0x1000, 0x100000fff);
	ck_assert_uint_eq(offers.n, 3);
	check_offer(0, FOUR_GIB, 0x100001000, 0x1000, 0);
	check_offer(2, 0xfef00000, 0x100001000, 0x1000, 0);
	/* below everything */
	place(SET(x86), 0x7f0000000000, 0x1000, 0x1000, 0xfff);
	ck_assert_uint_eq(offers.n, 0);
}
END_TEST

/* Would it fit if all were empty?  That decides between -ERANGE and -ENOSPC. */
START_TEST(possible)
{
	static const struct {
		uint64_t length, limit;
		bool possible;
	} cases[] = {
		{ 0x1000, LAST, true },
		{ 0xfee00000 - 0x1000, 0xfedfffff, true },
		{ 0xfee00000, 0xfedfffff, false }, /* page 0 is not used */
		{ 0x1000, 0x1fff, true },
		{ 0x1000, 0x1ffe, false },
		{ 0x1000, 0x1000, false },
		{ 0x1000, 0xfff, false },
		{ 0x2000, 0x2fff, true },
		{ 0x2000, 0x2ffe, false },
		{ 0xffffffffffff - 0xfef00000 + 1, LAST, true },
		{ 0x1000000000000, LAST, false },
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		struct iom_place request = { 0x7f0000000000, cases[i].length, 0x1000,
					     cases[i].limit, 0 };

		ck_assert_msg(iom_placement_possible(&SET(x86), &request) == cases[i].possible,
			      "0x%" PRIx64 " below 0x%" PRIx64, cases[i].length, cases[i].limit);
	}
}
END_TEST

struct taker {
	const struct iom_space *space;
	uint64_t start;
};

static bool take(void *arg, const struct iom_fit *fit)
{
	struct taker *taker = arg;

	return iom_space_fit(taker->space, fit, &taker->start);
}

/*
 * What is possible in an empty space is found in an empty space, and what is not, is not: at random, with
 * sizes and limits around the edges of the apertures and around 4 GiB.
 */
START_TEST(possible_means_found_when_empty)
{
	static const uint64_t edges[] = { 0x1000,   0xfedff000, 0xfee00000,      0xfef00000,
					  FOUR_GIB, 8 * GIB,    0x1000000000000, LAST };
	struct iom_aperture straddling[] = { { 0, 8 * GIB - 1, PAGES_X86, 0 } };
	struct iom_aperture wide[] = { { 0x2000000, LAST, 0x10000, 0 } };
	const struct iom_aperture_set sets[] = { SET(x86), SET(straddling), SET(wide) };
	uint64_t random = random_start();
	struct iom_space space;
	unsigned int i;

	iom_space_init(&space);
	for (i = 0; i < 100000; i++) {
		const struct iom_aperture_set *set = &sets[random_below(&random, ARRAY_SIZE(sets))];
		uint64_t from = edges[random_below(&random, ARRAY_SIZE(edges) - 1)];
		uint64_t near = edges[random_below(&random, ARRAY_SIZE(edges))];
		struct iom_place request = {
			.va = 0x7f0000000000 + 0x1000 * random_below(&random, 600),
			.length = (from + 0x1000 * random_below(&random, 40)) & ~UINT64_C(0xfff),
			.backing = 0x1000,
			.limit = near - random_below(&random, 0x4000),
		};
		struct taker taker = { .space = &space };
		bool found, could;

		if (set == &sets[2]) {
			request.va &= ~UINT64_C(0xffff);
			request.length = (request.length & ~UINT64_C(0xffff)) + 0x10000;
			request.backing = 0x10000;
		}
		found = iom_placement(set, &request, take, &taker);
		could = iom_placement_possible(set, &request);
		ck_assert_msg(found == could,
			      "0x%" PRIx64 " below 0x%" PRIx64
			      " in set %td is %sfound, but %spossible",
			      request.length, request.limit, set - sets, found ? "" : "not ",
			      could ? "" : "not ");
		if (found)
			ck_assert_ptr_nonnull(
				iom_aperture_containing(set, taker.start << IOM_UNIT_SHIFT,
							(taker.start << IOM_UNIT_SHIFT) +
								request.length - 1));
	}
}
END_TEST

/* ---- Pages that the kernel does not tell --------------------------------------------------------- */

#define LARGER ((uint64_t)IOM_APERTURE_LARGER_PAGES)

/* iommufd tells the smallest page only: the larger ones are what a page table of such pages has. */
static const struct {
	uint64_t page;
	uint64_t larger[3];
} untold[] = {
	{ 0x1000, { GIB, 2 * MIB, 0x1000 } },
	{ 0x4000, { 32 * MIB, 2 * MIB, 0x4000 } },
	{ 0x10000, { 512 * MIB, 2 * MIB, 0x10000 } },
	{ 2 * MIB, { 2 * MIB, 0, 0 } },
};

START_TEST(larger_pages)
{
	struct iom_aperture told[] = { { FOUR_GIB, LAST, untold[_i].page, 0 } };
	struct iom_aperture a[] = { { FOUR_GIB, LAST, untold[_i].page, LARGER } };
	const uint64_t va = 0x7f0020000000, length = 4 * GIB;
	struct iom_place request = { va, length, untold[_i].page, LAST, 0 };
	size_t i;

	ck_assert(!iom_placement(&SET(a), &request, note, &offers));
	for (i = 0; i < 3 && untold[_i].larger[i]; i++) {
		ck_assert_uint_lt(i, offers.n);
		ck_assert_uint_eq(offers.v[i].align, untold[_i].larger[i]);
		ck_assert_uint_eq(offers.v[i].phase, va % untold[_i].larger[i]);
	}
	/* where the kernel does tell, there are no others but what the tables have one slot for */
	offers.n = 0;
	ck_assert(!iom_placement(&SET(told), &request, note, &offers));
	ck_assert_uint_gt(offers.n, 0);
	ck_assert_uint_eq(offers.v[0].align, 2 * MIB);
	for (i = 1; i < offers.n; i++)
		if (offers.v[i].align != 2 * MIB)
			ck_assert_uint_eq(offers.v[i].align, untold[_i].page);
}
END_TEST

/* In a window of small pages: congruent modulo 2 MiB where there is room for that, else anywhere. */
START_TEST(small_pages)
{
	struct iom_aperture window[] = { { 0, 6 * MIB - 1, 0x1000, 0 } };
	const struct iom_place request = { 0x7f0000200000, 2 * MIB, 0x10000, LAST, 0 };
	struct iom_span low = { .start = 0x200, .end = 0x201 },
			high = { .start = 0x5ff, .end = 0x600 };
	struct taker taker;
	struct iom_space space;

	iom_space_init(&space);
	taker.space = &space;
	ck_assert(iom_placement(&SET(window), &request, take, &taker));
	ck_assert_uint_eq(taker.start, 0x200);
	ck_assert_int_eq(iom_space_reserve(&space, 2), 0);
	iom_space_insert(&space, &low);
	ck_assert(iom_placement(&SET(window), &request, take, &taker));
	ck_assert_uint_eq(taker.start, 0x400);
	iom_space_insert(&space, &high);
	ck_assert(iom_placement(&SET(window), &request, take, &taker));
	ck_assert_uint_eq(taker.start, 0x201);
	iom_space_destroy(&space);
}
END_TEST

/* Only where a whole page of them lies inside. */
START_TEST(larger_pages_that_lie_inside)
{
	struct iom_aperture a[] = { { FOUR_GIB, LAST, 0x1000, LARGER } };

	ck_assert(!place(SET(a), 0x7f0000200000, 2 * MIB - 0x1000, 0x1000, LAST));
	check_offer(0, FOUR_GIB, 0, 0x1000, 0);
	ck_assert(!place(SET(a), 0x7f0000200000, 2 * MIB, 0x1000, LAST));
	check_offer(0, FOUR_GIB, 0, 2 * MIB, 0);
	ck_assert(!place(SET(a), 0x7f0000201000, 4 * MIB - 0x1000, 0x1000, LAST));
	check_offer(0, FOUR_GIB, 0, 2 * MIB, 0x1000);
}
END_TEST

/* ---- Granules ------------------------------------------------------------------------------------- */

/* Nothing less than congruent modulo the granule, if one lies inside; more, if the IOMMU gains by it. */
START_TEST(granules)
{
	struct iom_aperture a[] = { { FOUR_GIB, LAST, PAGES_X86, 0 } };
	size_t i;

	/* each is offered twice: above 4 GiB, and anywhere */
	ck_assert(!place_cut(SET(a), 0x7f0012345000, 256 * KIB, 64 * KIB));
	ck_assert_uint_eq(offers.n, 2);
	check_offer(0, FOUR_GIB, 0, 64 * KIB, 0x5000);
	ck_assert(!place_cut(SET(a), 0x7f0012345000, 8 * MIB, 64 * KIB));
	ck_assert_uint_eq(offers.n, 4);
	check_offer(0, FOUR_GIB, 0, 2 * MIB, 0x145000);
	check_offer(1, FOUR_GIB, 0, 64 * KIB, 0x5000);
	ck_assert(!place_cut(SET(a), 0x7f0012345000, 8 * MIB, 2 * MIB));
	ck_assert_uint_eq(offers.n, 2);
	check_offer(0, FOUR_GIB, 0, 2 * MIB, 0x145000);
	/* none lies inside: as if there were none */
	ck_assert(!place_cut(SET(a), 0x7f0012345000, 64 * KIB, 64 * KIB));
	check_offer(0, FOUR_GIB, 0, 0x1000, 0);
	/* a page, or less than one, asks for nothing */
	ck_assert(!place_cut(SET(a), 0x7f0012345000, 64 * KIB, 0x1000));
	check_offer(0, FOUR_GIB, 0, 0x1000, 0);
	/* beyond the largest page */
	ck_assert(!place_cut(SET(a), 0x7f0012345000, 16 * GIB, 4 * GIB));
	for (i = 0; i < offers.n; i++)
		ck_assert_uint_eq(offers.v[i].align, 4 * GIB);
	ck_assert_uint_eq(offers.n, 2);
	check_offer(0, FOUR_GIB, 0, 4 * GIB, 0x7f0012345000 % (4 * GIB));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("placement");
	TCase *order = tcase_create("order");
	TCase *windows = tcase_create("windows");
	TCase *limit = tcase_create("limits");

	tcase_add_checked_fixture(order, set_up, NULL);
	tcase_add_checked_fixture(windows, set_up, NULL);
	tcase_add_checked_fixture(limit, set_up, NULL);
	tcase_add_test(order, one_page);
	tcase_add_test(order, a_large_piece);
	tcase_add_test(order, pages_that_lie_inside);
	tcase_add_test(order, stops_when_taken);
	tcase_add_test(windows, the_window_with_the_largest_pages);
	tcase_add_test(windows, pages_before_height);
	tcase_add_test(windows, small_pages);
	tcase_add_test(windows, pages_of_64_kib);
	tcase_add_test(windows, page_zero_is_an_address);
	tcase_add_test(windows, nothing_but_page_zero);
	tcase_add_test(windows, up_to_the_last_byte);
	tcase_add_loop_test(windows, larger_pages, 0, ARRAY_SIZE(untold));
	tcase_add_test(windows, larger_pages_that_lie_inside);
	tcase_add_test(windows, granules);
	tcase_add_test(limit, limits);
	tcase_add_test(limit, possible);
	tcase_add_test(limit, possible_means_found_when_empty);
	suite_add_tcase(suite, order);
	suite_add_tcase(suite, windows);
	suite_add_tcase(suite, limit);
	return run_suite(suite);
}
