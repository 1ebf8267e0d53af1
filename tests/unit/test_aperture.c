// SPDX-License-Identifier: BSD-3-Clause
/* Sets of apertures, as kernels may report them. */
#include <errno.h>

#include "lib/aperture.h"
#include "tests/unit/runner.h"
#include "tests/unit/util.h"

#define MOST 4

#define PAGES_4K UINT64_C(0x1000)
#define PAGES_X86 UINT64_C(0x40201000)
#define PAGES_64K UINT64_C(0x20010000)
#define LAST UINT64_MAX
#define LARGER ((uint64_t)IOM_APERTURE_LARGER_PAGES)

/* A list ends where the page sizes are 0. */
struct list {
	struct iom_aperture v[MOST + 1];
};

static void add_all(struct iom_aperture_set *set, const struct list *list)
{
	const struct iom_aperture *a;

	for (a = list->v; a->page_sizes; a++)
		ck_assert_ok(iom_aperture_add(set, a->start, a->last, a->page_sizes, a->flags));
}

/* ---- Normalizing -------------------------------------------------------------------------------- */

static const struct {
	const char *what;
	struct list in, out;
} cases[] = {
	{ "nothing", { { { 0 } } }, { { { 0 } } } },
	{ "one that is in order",
	  { { { 0, 0xfedfffff, PAGES_X86, 0 } } },
	  { { { 0, 0xfedfffff, PAGES_X86, 0 } } } },
	{ "all that there is",
	  { { { 0, LAST, PAGES_X86, 0 } } },
	  { { { 0, LAST, PAGES_X86, 0 } } } },
	{ "unsorted",
	  { { { 0xfef00000, 0xffffffffffff, PAGES_4K, 0 }, { 0, 0xfedfffff, PAGES_4K, 0 } } },
	  { { { 0, 0xfedfffff, PAGES_4K, 0 }, { 0xfef00000, 0xffffffffffff, PAGES_4K, 0 } } } },
	{ "cut to whole pages at both ends",
	  { { { 0x1001, 0x8ffe, PAGES_4K, 0 } } },
	  { { { 0x2000, 0x7fff, PAGES_4K, 0 } } } },
	{ "cut to the smallest page of its own",
	  { { { 0x1000, 0x3ffff, PAGES_4K, 0 }, { 0x48000, 0x7ffff, PAGES_64K, 0 } } },
	  { { { 0x1000, 0x3ffff, PAGES_4K, 0 }, { 0x50000, 0x7ffff, PAGES_64K, 0 } } } },
	{ "smaller than a page",
	  { { { 0x1001, 0x1fff, PAGES_4K, 0 }, { 0x3000, 0x3ffe, PAGES_4K, 0 } } },
	  { { { 0 } } } },
	{ "less than a page around a boundary",
	  { { { 0x1800, 0x27ff, PAGES_4K, 0 } } },
	  { { { 0 } } } },
	{ "one byte", { { { 0, 0, PAGES_4K, 0 }, { LAST, LAST, PAGES_4K, 0 } } }, { { { 0 } } } },
	{ "one page",
	  { { { 0x7000, 0x7fff, PAGES_4K, 0 } } },
	  { { { 0x7000, 0x7fff, PAGES_4K, 0 } } } },
	{ "the last page of 2^64",
	  { { { LAST - 0xfff, LAST, PAGES_4K, 0 } } },
	  { { { LAST - 0xfff, LAST, PAGES_4K, 0 } } } },
	{ "less than that at its end",
	  { { { LAST - 0x1fff, LAST - 1, PAGES_4K, 0 } } },
	  { { { LAST - 0x1fff, LAST - 0x1000, PAGES_4K, 0 } } } },
	{ "a start that rounds up past 2^64",
	  { { { LAST - 0xffe, LAST, PAGES_4K, 0 } } },
	  { { { 0 } } } },
	{ "neighbours that are alike, in any order",
	  { { { 0x3000, 0x3fff, PAGES_4K, 0 },
	      { 0x1000, 0x1fff, PAGES_4K, 0 },
	      { 0x2000, 0x2fff, PAGES_4K, 0 } } },
	  { { { 0x1000, 0x3fff, PAGES_4K, 0 } } } },
	{ "neighbours that are not alike",
	  { { { 0, 0x7fffffff, PAGES_4K, 0 }, { 0x80000000, 0xffffffff, PAGES_64K, 0 } } },
	  { { { 0, 0x7fffffff, PAGES_4K, 0 }, { 0x80000000, 0xffffffff, PAGES_64K, 0 } } } },
	{ "neighbours with other flags",
	  { { { 0, 0xfff, PAGES_4K, 0 },
	      { 0x1000, 0x1fff, PAGES_4K, LARGER },
	      { 0x2000, 0x2fff, PAGES_4K, LARGER },
	      { 0x3000, 0x3fff, PAGES_4K, LARGER | 2 } } },
	  { { { 0, 0xfff, PAGES_4K, 0 },
	      { 0x1000, 0x2fff, PAGES_4K, LARGER },
	      { 0x3000, 0x3fff, PAGES_4K, LARGER | 2 } } } },
	{ "a page apart",
	  { { { 0, 0xfff, PAGES_4K, 0 }, { 0x2000, 0x2fff, PAGES_4K, 0 } } },
	  { { { 0, 0xfff, PAGES_4K, 0 }, { 0x2000, 0x2fff, PAGES_4K, 0 } } } },
	{ "page sizes below 4 KiB beside larger ones",
	  { { { 0, 0xffff, 0x1800, 0 } } },
	  { { { 0, 0xffff, PAGES_4K, 0 } } } },
	{ "a page of half the space",
	  { { { 1, LAST, UINT64_C(1) << 63, 0 } } },
	  { { { UINT64_C(1) << 63, LAST, UINT64_C(1) << 63, 0 } } } },
};

START_TEST(normalize)
{
	const struct iom_aperture *expected = cases[_i].out.v;
	struct iom_aperture_set set = { 0 };
	size_t i;

	add_all(&set, &cases[_i].in);
	ck_assert_ok(iom_aperture_normalize(&set));
	for (i = 0; expected[i].page_sizes; i++) {
		ck_assert_msg(i < set.n, "%s: only %zu", cases[_i].what, set.n);
		ck_assert_msg(!memcmp(&set.v[i], &expected[i], sizeof(set.v[i])),
			      "%s: 0x%" PRIx64 " to 0x%" PRIx64 ", 0x%" PRIx64, cases[_i].what,
			      set.v[i].start, set.v[i].last, set.v[i].page_sizes);
	}
	ck_assert_msg(i == set.n, "%s: %zu", cases[_i].what, set.n);
	iom_aperture_free(&set);
	ck_assert_ptr_null(set.v);
	ck_assert_uint_eq(set.n, 0);
}
END_TEST

static const struct {
	struct list in;
	const char *words[2];
} nonsense[] = {
	{ { { { 0, 0x1fff, PAGES_4K, 0 }, { 0x1000, 0x2fff, PAGES_4K, 0 } } },
	  { "overlap", "0x1fff" } },
	{ { { { 0x1000, 0x2fff, PAGES_4K, 0 }, { 0, LAST, PAGES_64K, 0 } } },
	  { "overlap", "0xffffffffffffffff" } },
	{ { { { 0x5000, 0x5fff, PAGES_4K, 0 }, { 0x5000, 0x5fff, PAGES_4K, 0 } } },
	  { "overlap", "0x5000" } },
	{ { { { 0, LAST, PAGES_4K, 0 }, { LAST - 0xfff, LAST, PAGES_4K, 0 } } },
	  { "overlap", "0xfffffffffffff000" } },
	{ { { { 0x2000, 0x1fff, PAGES_4K, 0 } } }, { "unusable", "0x2000" } },
	{ { { { LAST, 0, PAGES_4K, 0 } } }, { "unusable", "0xffffffffffffffff" } },
	{ { { { 0, 0xffffff, 0x800, 0 } } }, { "unusable", "0x800" } },
};

START_TEST(nonsense_is_refused)
{
	struct iom_aperture_set set = { 0 };

	add_all(&set, &nonsense[_i].in);
	ck_assert_fails(iom_aperture_normalize(&set), -EIO, "kernel", nonsense[_i].words[0],
			nonsense[_i].words[1]);
	iom_aperture_free(&set);
}
END_TEST

START_TEST(without_page_sizes)
{
	struct iom_aperture_set set = { 0 };

	ck_assert_ok(iom_aperture_add(&set, 0, LAST, 0, 0));
	ck_assert_fails(iom_aperture_normalize(&set), -EIO, "unusable", "page sizes 0x0");
	iom_aperture_free(&set);
}
END_TEST

/* ---- Looking into a set ------------------------------------------------------------------------- */

START_TEST(containing)
{
	static const struct list list = { {
		{ 0x10000, 0x1ffff, PAGES_4K, 0 },
		{ 0x20000, 0x2ffff, PAGES_64K, 0 },
		{ LAST - 0xffff, LAST, PAGES_4K, 0 },
	} };
	struct iom_aperture_set set = { 0 };

	add_all(&set, &list);
	ck_assert_ok(iom_aperture_normalize(&set));
	ck_assert_ptr_eq(iom_aperture_containing(&set, 0x10000, 0x1ffff), &set.v[0]);
	ck_assert_ptr_eq(iom_aperture_containing(&set, 0x1ffff, 0x1ffff), &set.v[0]);
	ck_assert_ptr_eq(iom_aperture_containing(&set, 0x20000, 0x20000), &set.v[1]);
	ck_assert_ptr_eq(iom_aperture_containing(&set, LAST, LAST), &set.v[2]);
	/* outside, half outside, around, across from one into the next */
	ck_assert_ptr_null(iom_aperture_containing(&set, 0, 0xffff));
	ck_assert_ptr_null(iom_aperture_containing(&set, 0xffff, 0x10000));
	ck_assert_ptr_null(iom_aperture_containing(&set, 0x2ffff, 0x30000));
	ck_assert_ptr_null(iom_aperture_containing(&set, 0xf000, 0x20000));
	ck_assert_ptr_null(iom_aperture_containing(&set, 0x1f000, 0x20fff));
	ck_assert_ptr_null(iom_aperture_containing(&set, 0, LAST));
	iom_aperture_free(&set);
	ck_assert_ptr_null(iom_aperture_containing(&set, 0, 0));
}
END_TEST

START_TEST(unit)
{
	struct iom_aperture_set set = { 0 };

	ck_assert_uint_eq(iom_aperture_unit(&set), 0);
	ck_assert_ok(iom_aperture_add(&set, GIB * 8, GIB * 16 - 1, PAGES_64K, 0));
	ck_assert_uint_eq(iom_aperture_unit(&set), 65536);
	ck_assert_ok(iom_aperture_add(&set, 0, 0xffffffff, PAGES_X86, 0));
	ck_assert_uint_eq(iom_aperture_unit(&set), 4096);
	ck_assert_ok(iom_aperture_add(&set, GIB * 32, GIB * 64 - 1, PAGES_64K, 0));
	ck_assert_uint_eq(iom_aperture_unit(&set), 4096);
	iom_aperture_free(&set);
}
END_TEST

/* ---- Taking a piece out ------------------------------------------------------------------------- */

static const struct {
	const char *what;
	uint64_t start, last;
	struct list out;
} pieces[] = {
	{ "beside",
	  0x40000,
	  0x4ffff,
	  { { { 0x10000, 0x1ffff, PAGES_4K, 0 }, { 0x30000, 0x3ffff, PAGES_4K, 0 } } } },
	{ "the middle of one",
	  0x14000,
	  0x15fff,
	  { { { 0x10000, 0x13fff, PAGES_4K, 0 },
	      { 0x16000, 0x1ffff, PAGES_4K, 0 },
	      { 0x30000, 0x3ffff, PAGES_4K, 0 } } } },
	{ "less than a page",
	  0x14010,
	  0x14020,
	  { { { 0x10000, 0x13fff, PAGES_4K, 0 },
	      { 0x15000, 0x1ffff, PAGES_4K, 0 },
	      { 0x30000, 0x3ffff, PAGES_4K, 0 } } } },
	{ "the beginning",
	  0,
	  0x10fff,
	  { { { 0x11000, 0x1ffff, PAGES_4K, 0 }, { 0x30000, 0x3ffff, PAGES_4K, 0 } } } },
	{ "the end",
	  0x3f000,
	  LAST,
	  { { { 0x10000, 0x1ffff, PAGES_4K, 0 }, { 0x30000, 0x3efff, PAGES_4K, 0 } } } },
	{ "one of the two", 0x10000, 0x1ffff, { { { 0x30000, 0x3ffff, PAGES_4K, 0 } } } },
	{ "parts of both",
	  0x18000,
	  0x37fff,
	  { { { 0x10000, 0x17fff, PAGES_4K, 0 }, { 0x38000, 0x3ffff, PAGES_4K, 0 } } } },
	{ "all", 0, LAST, { { { 0 } } } },
};

START_TEST(subtract)
{
	static const struct list whole = { { { 0x10000, 0x1ffff, PAGES_4K, 0 },
					     { 0x30000, 0x3ffff, PAGES_4K, 0 } } };
	struct iom_aperture_set set = { 0 }, copy;
	const struct iom_aperture *expected = pieces[_i].out.v;
	size_t i;

	add_all(&set, &whole);
	ck_assert_ok(iom_aperture_copy(&set, &copy));
	ck_assert_ok(iom_aperture_subtract(&set, pieces[_i].start, pieces[_i].last));
	for (i = 0; expected[i].page_sizes; i++) {
		ck_assert_msg(i < set.n, "%s: %zu are left", pieces[_i].what, set.n);
		ck_assert_uint_eq(set.v[i].start, expected[i].start);
		ck_assert_uint_eq(set.v[i].last, expected[i].last);
		ck_assert_uint_eq(set.v[i].page_sizes, expected[i].page_sizes);
	}
	ck_assert_msg(set.n == i, "%s: %zu are left", pieces[_i].what, set.n);
	ck_assert_uint_eq(copy.n, 2);
	ck_assert_uint_eq(copy.v[1].last, 0x3ffff);
	iom_aperture_free(&copy);
	iom_aperture_free(&set);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("aperture");
	TCase *tcase = tcase_create("aperture");

	tcase_add_loop_test(tcase, normalize, 0, ARRAY_SIZE(cases));
	tcase_add_loop_test(tcase, nonsense_is_refused, 0, ARRAY_SIZE(nonsense));
	tcase_add_test(tcase, without_page_sizes);
	tcase_add_test(tcase, containing);
	tcase_add_test(tcase, unit);
	tcase_add_loop_test(tcase, subtract, 0, ARRAY_SIZE(pieces));
	suite_add_tcase(suite, tcase);
	return run_suite(suite);
}
