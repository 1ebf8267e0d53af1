// SPDX-License-Identifier: BSD-3-Clause
/*
 * The short way to a place is the long one's: at random, with fewer apertures than it remembers and
 * with more, as a machine has whose PCI functions decode memory here and there, and which fill up.
 */
#include "lib/placement.h"
#include "lib/radix.h"
#include "tests/unit/runner.h"
#include "tests/unit/util.h"

#define PAGES UINT64_C(0x40201000)
#define PAGES_64K UINT64_C(0x10000)
#define FOUR_GIB (4 * GIB)
#define APERTURES (2 * IOM_ALIKE_MAX)
#define ROUNDS 200
#define STEPS 200

static struct iom_aperture list[APERTURES];
static struct iom_span spans[STEPS];
static struct iom_space space;
static uint64_t generator;
static bool high; /* there is something above 4 GiB */

static void set_up(void)
{
	generator = random_start();
	iom_space_init(&space);
}

static void tear_down(void)
{
	iom_space_destroy(&space);
}

static uint64_t below(uint64_t n)
{
	return random_below(&generator, n);
}

/* Small ones, so that they fill; with gaps between them; the first may begin below 4 GiB. */
static struct iom_aperture_set make_apertures(uint64_t pages)
{
	const uint64_t unit = pages & -pages;
	struct iom_aperture_set set = { list, 1 + below(APERTURES) };
	uint64_t at = FOUR_GIB - below(4) * 16 * MIB;

	for (size_t i = 0; i < set.n; i++) {
		uint64_t length = (1 + below(8)) * MIB + below(16) * unit;

		list[i] = (struct iom_aperture){ at, at + length - 1, pages, 0 };
		high = at + length > FOUR_GIB;
		at += length + (1 + below(64)) * unit;
	}
	return set;
}

static struct iom_place any_place(uint64_t pages)
{
	const uint64_t unit = pages & -pages;

	return (struct iom_place){
		.va = 0x7f0000000000 + below(3 * MIB / unit) * unit,
		.length = below(3) ? (1 + below(32)) * unit : (1 + below(3)) * MIB,
		.backing = GIB,
		.limit = UINT64_MAX,
	};
}

static bool fit(void *start, const struct iom_fit *wish)
{
	/* what the short way leaves to the long one */
	return (!high || wish->first >= FOUR_GIB >> IOM_UNIT_SHIFT) &&
	       iom_space_fit(&space, wish, start);
}

static void occupy(struct iom_span *span, uint64_t start, uint64_t length)
{
	*span = (struct iom_span){ .start = start, .end = start + (length >> IOM_UNIT_SHIFT) };
	ck_assert_int_eq(iom_space_reserve(&space, 1), 0);
	iom_space_insert(&space, span);
}

/* The largest page of both that divides where the memory is and how long. */
static uint64_t page_of(uint64_t pages, const struct iom_place *place)
{
	uint64_t whole = place->va | place->length;
	uint64_t page = 1;

	for (uint64_t bit = 1; bit && bit <= (whole & -whole); bit <<= 1)
		if (pages & bit)
			page = bit;
	return page;
}

static void compare(struct iom_aperture_set set, uint64_t pages, unsigned int *found,
		    unsigned int *left)
{
	struct iom_alike alike;
	size_t used = 0;

	iom_alike_prepare(&set, UINT64_MAX, &alike);
	for (int step = 0; step < STEPS; step++) {
		struct iom_place place = any_place(pages);
		uint64_t page = page_of(alike.pages, &place), expected = 0, start = 0;
		bool possible = iom_placement(&set, &place, fit, &expected);

		if (iom_alike_fit(&alike, &place, &space, &start)) {
			ck_assert(possible);
			ck_assert_uint_eq(start, expected);
			++*found;
		} else if (possible) {
			/* only where it cannot know, or promises more */
			ck_assert(!alike.all ||
				  ((expected << IOM_UNIT_SHIFT) ^ place.va) & (page - 1));
			++*left;
		}
		if (possible)
			occupy(&spans[used++], expected, place.length);
		if (used && !below(4))
			iom_space_remove(&space, &spans[--used]);
	}
	while (used)
		iom_space_remove(&space, &spans[--used]);
}

START_TEST(same_as_the_long_way)
{
	const uint64_t pages = _i ? PAGES_64K : PAGES;
	unsigned int found = 0, left = 0;

	for (int round = 0; round < ROUNDS; round++)
		compare(make_apertures(pages), pages, &found, &left);
	ck_assert_uint_gt(found, ROUNDS);
	ck_assert_uint_gt(left, 0);
}
END_TEST

/* The lowest are remembered, and that there are more. */
START_TEST(more_than_are_remembered)
{
	struct iom_aperture_set set = { list, APERTURES };
	struct iom_alike alike;

	for (size_t i = 0; i < APERTURES; i++)
		list[i] = (struct iom_aperture){ FOUR_GIB + i * GIB, FOUR_GIB + i * GIB + MIB - 1,
						 PAGES, 0 };
	iom_alike_prepare(&set, UINT64_MAX, &alike);
	ck_assert(!alike.all);
	ck_assert_uint_eq(alike.n, IOM_ALIKE_MAX);
	ck_assert_uint_eq(alike.parts[0].first << IOM_UNIT_SHIFT, FOUR_GIB);

	set.n = IOM_ALIKE_MAX;
	iom_alike_prepare(&set, UINT64_MAX, &alike);
	ck_assert(alike.all);
	ck_assert_uint_eq(alike.n, IOM_ALIKE_MAX);

	list[1].page_sizes = PAGES_64K;
	iom_alike_prepare(&set, UINT64_MAX, &alike);
	ck_assert_uint_eq(alike.n, 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("placement_alike");
	TCase *tcase = tcase_create("alike");

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_set_timeout(tcase, 120);
	tcase_add_loop_test(tcase, same_as_the_long_way, 0, 2);
	tcase_add_test(tcase, more_than_are_remembered);
	suite_add_tcase(suite, tcase);
	return run_suite(suite);
}
