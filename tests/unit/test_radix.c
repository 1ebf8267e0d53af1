// SPDX-License-Identifier: BSD-3-Clause
/* The map from addresses to addresses: what it stores, at which level, and how it fails. */
#include <pthread.h>

#include "lib/radix.h"
#include "tests/unit/counted_pages.h"
#include "tests/unit/runner.h"
#include "tests/unit/util.h"

static struct counted_pages pages;
static struct iom_radix radix;

static void set_up_bits(unsigned int key_bits)
{
	counted_pages_init(&pages);
	ck_assert_int_eq(iom_radix_init(&radix, &pages.sys, key_bits), 0);
}

static void set_up(void)
{
	set_up_bits(57);
}

static void tear_down(void)
{
	iom_radix_destroy(&radix);
	ck_assert_uint_eq(pages.bytes, 0);
}

static void map(uint64_t key, uint64_t length, uint64_t value)
{
	uint64_t taken = 1;

	ck_assert_int_eq(iom_radix_claim(&radix, key, length, value, &taken), 0);
	ck_assert_uint_eq(taken, 1);
	iom_radix_publish(&radix, key, length, value);
}

static bool is_miss(uint64_t key)
{
	uint64_t value = 1, run = 2;

	if (iom_radix_lookup(&radix, key, &value, &run) == 0)
		return false;
	return value == 1 && run == 2;
}

/* key is in a mapping that ends after left bytes: its value, and the contiguity that the API promises. */
static void check_hit(uint64_t key, uint64_t left, uint64_t expected)
{
	uint64_t value, run;

	ck_assert_int_eq(iom_radix_lookup(&radix, key, &value, &run), 0);
	ck_assert_msg(value == expected, "0x%" PRIx64 ": 0x%" PRIx64 ", not 0x%" PRIx64, key, value,
		      expected);
	ck_assert_msg(run <= left && run >= (left < 2 * MIB ? left : 2 * MIB),
		      "0x%" PRIx64 ": 0x%" PRIx64 " of 0x%" PRIx64 " bytes are contiguous", key,
		      run, left);
}

/* Both ends, the edges of every level in between, and a byte beside each. */
static void check_mapped(uint64_t key, uint64_t length, uint64_t value)
{
	static const uint64_t steps[] = { 4 * KIB, 2 * MIB, GIB, 512 * GIB };
	size_t i;

	check_hit(key, length, value);
	check_hit(key + length - 1, 1, value + length - 1);
	for (i = 0; i < ARRAY_SIZE(steps); i++) {
		uint64_t edge = (key | (steps[i] - 1)) - key + 1;
		unsigned int n;

		for (n = 0; n < 1000 && edge && edge < length; n++, edge += steps[i]) {
			check_hit(key + edge - 1, length - edge + 1, value + edge - 1);
			check_hit(key + edge, length - edge, value + edge);
			check_hit(key + edge + 0x234, length - edge - 0x234, value + edge + 0x234);
		}
	}
}

/* ---- One mapping -------------------------------------------------------------------------------- */

static const struct {
	uint64_t key, length, value;
} shapes[] = {
	/* a page; the first and the last ones that there are */
	{ 0x7f0000001000, 4 * KIB, 0x100000000 },
	{ 0, 4 * KIB, 0 },
	{ 0x1fffffffffff000, 4 * KIB, 0xfffffffffffff000 },
	{ 0x1000, 4 * KIB, 0 },
	/* within a table, across two */
	{ 0x7f0000005000, 60 * KIB, 0x7f0000005000 },
	{ 0x7f00001ff000, 8 * KIB, 0x3000 },
	{ 0x7f00001ff000, 4 * MIB, 0x1000001ff000 },
	/* both aligned to 2 MiB: whole slots of the second level */
	{ 0x7f0000200000, 2 * MIB, 0x200000 },
	{ 0x7f0000200000, 64 * MIB, 0xffff00000000 },
	/* aligned unlike each other */
	{ 0x7f0000200000, 64 * MIB, 0xffff00001000 },
	{ 0x7f0000201000, 64 * MIB, 0xffff00000000 },
	/* congruent, but not aligned: small ones, large ones, small ones */
	{ 0x7f00001ff000, 6 * MIB + 8 * KIB, 0x5000001ff000 },
	/* 1 GiB: alike, and only alike to 2 MiB */
	{ 0x7f0040000000, GIB, 0x140000000 },
	{ 0x7f0040000000, 3 * GIB, 0x140200000 },
	{ 0x7f003fe00000, 4 * GIB, 0x13fe00000 },
	/* across the end of a table of the second level: alike, and not; and of the last, too */
	{ 0x807fc0000000, 2 * GIB, 0x40000000 },
	{ 0x807ffffff000, 8 * KIB, 0x40000000 },
	{ 0x807fffe00000, 4 * MIB, 0x40001000 },
	/* more than all of one such table */
	{ 0x807fffe00000, 513 * GIB, 0x40000000 },
	/* the value, not the key, runs up to 2^64 */
	{ 0x7f0000000000, GIB, 0xffffffffc0000000 },
};

START_TEST(one_mapping)
{
	uint64_t key = shapes[_i].key, length = shapes[_i].length, value = shapes[_i].value;
	uint64_t taken;

	ck_assert_int_eq(iom_radix_claim(&radix, key, length, value, &taken), 0);
	ck_assert(is_miss(key));
	ck_assert(is_miss(key + length - 1));

	iom_radix_publish(&radix, key, length, value);
	check_mapped(key, length, value);
	ck_assert(is_miss(key - 1));
	ck_assert(is_miss(key + length));

	iom_radix_withdraw(&radix, key, length);
	ck_assert(is_miss(key));
	ck_assert(is_miss(key + length / 2));
	ck_assert(is_miss(key + length - 1));
	ck_assert_int_eq(iom_radix_claim(&radix, key, length, value, &taken), -EEXIST);

	iom_radix_clear(&radix, key, length);
	map(key, length, value ^ 0x40000000);
	check_mapped(key, length, value ^ 0x40000000);
}
END_TEST

/* The inverse map's keys are 64 bits wide: a mapping may end with the last byte. */
START_TEST(the_last_byte_of_64_bits)
{
	uint64_t last = UINT64_MAX;

	iom_radix_destroy(&radix);
	set_up_bits(64);
	map(last - 4 * KIB + 1, 4 * KIB, 0x7f0000000000);
	check_mapped(last - 4 * KIB + 1, 4 * KIB, 0x7f0000000000);
	iom_radix_clear(&radix, last - 4 * KIB + 1, 4 * KIB);

	map(last - 4 * GIB + 1, 4 * GIB, 0x7f0000000000);
	check_mapped(last - 4 * GIB + 1, 4 * GIB, 0x7f0000000000);
	ck_assert(is_miss(0));
	iom_radix_withdraw(&radix, last - 4 * GIB + 1, 4 * GIB);
	ck_assert(is_miss(last));
	iom_radix_clear(&radix, last - 4 * GIB + 1, 4 * GIB);
}
END_TEST

/* Beyond 57 bits there is a step more; each 2^57 has a table, and so has what is below. */
START_TEST(beside_and_beyond_57_bits)
{
	const uint64_t end = UINT64_C(1) << 57;
	static const uint64_t values[] = { 0x40000000, 0x40001000 };
	uint64_t taken, i;

	iom_radix_destroy(&radix);
	set_up_bits(64);
	ck_assert(is_miss(end));
	/* across, alike and not */
	map(end - GIB, 2 * GIB, values[_i]);
	check_mapped(end - GIB, 2 * GIB, values[_i]);
	ck_assert(is_miss(end - GIB - 1));
	ck_assert(is_miss(end + GIB));
	/* the same place in each of them */
	for (i = 0; i < 128; i++)
		ck_assert_msg(i < 2 || is_miss(i << 57 | 0x5000), "%" PRIu64, i);
	for (i = 2; i < 128; i++)
		map(i << 57 | 0x5000, 4 * KIB, i << 20);
	for (i = 2; i < 128; i++)
		check_mapped(i << 57 | 0x5000, 4 * KIB, i << 20);
	ck_assert(is_miss(0x5000));
	ck_assert_int_eq(iom_radix_claim(&radix, end - 4 * KIB, 4 * KIB, 0, &taken), -EEXIST);
	ck_assert_int_eq(iom_radix_claim(&radix, end - 2 * GIB, 4 * GIB, 0, &taken), -EEXIST);
	ck_assert_uint_eq(taken, end - GIB);
	iom_radix_withdraw(&radix, end - GIB, 2 * GIB);
	ck_assert(is_miss(end));
	iom_radix_clear(&radix, end - GIB, 2 * GIB);
	map(end - GIB, 2 * GIB, values[!_i]);
	check_mapped(end - GIB, 2 * GIB, values[!_i]);
}
END_TEST

START_TEST(keys_too_wide)
{
	uint64_t end = UINT64_C(1) << 57, taken = 1;

	ck_assert_int_eq(iom_radix_claim(&radix, end, 4 * KIB, 0, &taken), -ERANGE);
	ck_assert_int_eq(iom_radix_claim(&radix, end - 4 * KIB, 8 * KIB, 0, &taken), -ERANGE);
	ck_assert_int_eq(iom_radix_claim(&radix, UINT64_MAX - 4 * KIB + 1, 4 * KIB, 0, &taken),
			 -ERANGE);
	ck_assert_uint_eq(taken, 1);
	ck_assert(is_miss(end));
	ck_assert(is_miss(UINT64_MAX));
	map(end - 4 * KIB, 4 * KIB, 0);
	check_hit(end - 1, 1, 4 * KIB - 1);
	ck_assert(is_miss(end));
}
END_TEST

/* ---- Size and contiguity ------------------------------------------------------------------------ */

/* 512 GiB that are aligned alike to 2 MiB are one table, or two. */
START_TEST(large_pages_are_single_slots)
{
	map(0x7e8000000000, 512 * GIB, 0x8000000000);
	ck_assert_uint_le(pages.allocs, 2);
	map(0x7d0000000000 + 64 * GIB, 512 * GIB, 0x10000200000);
	ck_assert_uint_le(pages.allocs, 4);
	ck_assert_uint_le(pages.bytes, 14 * MIB);
}
END_TEST

/* Where small mappings were before, a large one has leaves again, and small ones their table. */
START_TEST(empty_tables_give_way)
{
	const uint64_t base = 0x7f0000200000;
	unsigned int allocs;
	uint64_t value, run;

	map(base, 4 * KIB, 0);
	map(base + 2 * MIB + 12 * KIB, 8 * KIB, 0);
	allocs = pages.allocs;
	ck_assert_int_eq(iom_radix_claim(&radix, base, 4 * MIB, 0x40000000, &value), -EEXIST);
	iom_radix_clear(&radix, base, 4 * KIB);
	ck_assert_int_eq(iom_radix_claim(&radix, base, 4 * MIB, 0x40000000, &value), -EEXIST);
	ck_assert_uint_eq(value, base + 2 * MIB + 12 * KIB);
	check_hit(base + 2 * MIB + 12 * KIB, 8 * KIB, 0);
	iom_radix_clear(&radix, base + 2 * MIB + 12 * KIB, 8 * KIB);
	ck_assert(is_miss(base));

	/* slots of 4 KiB would tell of less than 4 MiB */
	map(base, 64 * MIB, 0x40000000);
	check_mapped(base, 64 * MIB, 0x40000000);
	ck_assert_int_eq(iom_radix_lookup(&radix, base, &value, &run), 0);
	ck_assert_uint_eq(run, 64 * MIB);
	iom_radix_clear(&radix, base, 64 * MIB);
	ck_assert(is_miss(base + 2 * MIB));

	map(base + 2 * MIB + 4 * KIB, 16 * KIB, 0x1000);
	check_mapped(base + 2 * MIB + 4 * KIB, 16 * KIB, 0x1000);
	ck_assert(is_miss(base + 2 * MIB));
	/* where tables are that gave way */
	ck_assert_uint_eq(pages.allocs, allocs + 1);
}
END_TEST

START_TEST(give_way_without_memory)
{
	const uint64_t bases[] = { 0x7f0000200000, 0x80007f0000200000 }, base = bases[_i];
	unsigned int allocs;
	uint64_t taken;

	iom_radix_destroy(&radix);
	set_up_bits(64);
	map(base, 4 * KIB, 0);
	iom_radix_clear(&radix, base, 4 * KIB);
	allocs = pages.allocs;
	pages.fail_at = allocs + 1;
	ck_assert_int_eq(iom_radix_claim(&radix, base, 2 * MIB, 0x40000000, &taken), -ENOMEM);
	ck_assert(is_miss(base));
	pages.fail_at = 0;
	map(base + 4 * KIB, 4 * KIB, 0x7000);
	check_hit(base + 4 * KIB, 4 * KIB, 0x7000);
	iom_radix_clear(&radix, base + 4 * KIB, 4 * KIB);
	ck_assert_uint_eq(pages.allocs, allocs + 1);
	map(base, 2 * MIB, 0x40000000);
	check_mapped(base, 2 * MIB, 0x40000000);
}
END_TEST

/* Few mappings take little memory, and it grows in small steps at first. */
START_TEST(small_ones_are_small)
{
	uint64_t i;

	for (i = 0; i < 252; i++)
		map(0x7f0000000000 + i * 2 * MIB, 4 * KIB, i * 4 * KIB);
	ck_assert_uint_le(pages.bytes, 7 * MIB); /* of which 2 and 4 are hardly touched */
	ck_assert_uint_le(pages.allocs, 3);
	/* until the next large piece is at an end, too */
	for (; i < 252 + 2016; i++)
		map(0x7f0000000000 + i * 2 * MIB, 4 * KIB, i * 4 * KIB);
	ck_assert_uint_le(pages.allocs, 4);
	map(0x7f0000000000 + i * 2 * MIB, 4 * KIB, i * 4 * KIB);
	ck_assert_uint_eq(pages.allocs, 5);
	for (i = 0; i < 252 + 2016 + 1; i++)
		check_mapped(0x7f0000000000 + i * 2 * MIB, 4 * KIB, i * 4 * KIB);
}
END_TEST

/* The count of a slot stops at what its low bits hold, and never says more than there is. */
START_TEST(contiguity_saturates)
{
	uint64_t value, run;

	/* 4 KiB slots: 1023 units */
	map(0x10000000, 8 * MIB, 0x20001000);
	ck_assert_int_eq(iom_radix_lookup(&radix, 0x10000000, &value, &run), 0);
	ck_assert_uint_eq(run, 1023 * 4 * KIB);
	ck_assert_int_eq(iom_radix_lookup(&radix, 0x10000fff, &value, &run), 0);
	ck_assert_uint_eq(run, 1023 * 4 * KIB - 0xfff);
	/* 1024 and 1023 units from the end */
	ck_assert_int_eq(iom_radix_lookup(&radix, 0x10400000, &value, &run), 0);
	ck_assert_uint_eq(run, 1023 * 4 * KIB);
	ck_assert_int_eq(iom_radix_lookup(&radix, 0x10401000, &value, &run), 0);
	ck_assert_uint_eq(run, 1023 * 4 * KIB);
	ck_assert_int_eq(iom_radix_lookup(&radix, 0x10402000, &value, &run), 0);
	ck_assert_uint_eq(run, 1022 * 4 * KIB);

	/* 2 MiB slots: 2^19 - 1 units; the value is aligned to 2 MiB, not to 1 GiB */
	map(0x100000000, 4 * GIB, 0x40200000);
	ck_assert_int_eq(iom_radix_lookup(&radix, 0x100000000, &value, &run), 0);
	ck_assert_uint_eq(run, 2 * GIB - 4 * KIB);
	ck_assert_int_eq(iom_radix_lookup(&radix, 0x1001fffff, &value, &run), 0);
	ck_assert_uint_eq(run, 2 * GIB - 4 * KIB - 0x1fffff);
	ck_assert_uint_eq(value, 0x403fffff);

	/* aligned alike to 1 GiB: no more */
	map(0x10000000000, 2 * TIB, 0x40000000);
	ck_assert_int_eq(iom_radix_lookup(&radix, 0x10000000000, &value, &run), 0);
	ck_assert_uint_eq(run, 2 * GIB - 4 * KIB);
}
END_TEST

/* ---- Ends that come nearer --------------------------------------------------------------------- */

/*
 * Claimed in pieces of largest, and cut at multiples of that: from nowhere in front of the end, however far,
 * does what is told reach beyond it; nor less far than it should.
 */
START_TEST(shortened)
{
	static const struct {
		uint64_t largest, length, phase;
	} cases[] = {
		{ 0x1000, 64 * MIB, 0 },    { 0x10000, 64 * MIB, 0x1000 },
		{ 2 * MIB, 6 * GIB, 0 },    { 2 * MIB, 64 * MIB, 0x1000 },
		{ 64 * MIB, 6 * GIB, 0 },   { GIB, 8 * GIB, 0 },
		{ 8 * GIB, 2048 * GIB, 0 },
	};
	const uint64_t key = 0x100000000000, value = 0x200000000000 + cases[_i].phase;
	const uint64_t largest = cases[_i].largest;
	uint64_t random = random_start(), end = cases[_i].length, at, n, taken;

	for (at = 0; at < end; at += largest)
		ck_assert_int_eq(iom_radix_claim(&radix, key + at, largest, value + at, &taken), 0);
	iom_radix_publish(&radix, key, end, value);
	while (end > largest) {
		end -= largest * (1 + random_below(&random, 3));
		if (!end || end > cases[_i].length)
			break;
		iom_radix_shorten(&radix, key, end, value, largest);
		for (n = 0; n < 10; n++) {
			at = random_below(&random, end);
			check_hit(key + at, end - at, value + at);
			/* and near the end */
			at = end - 1 - random_below(&random, end < 8 * MIB ? end : 8 * MIB);
			check_hit(key + at, end - at, value + at);
		}
		if (cases[_i].length / largest > 1000)
			end -= largest * random_below(&random, end / largest / 4 + 1);
	}
}
END_TEST

/* A neighbour that happens to continue both sides is another mapping. */
START_TEST(neighbours_are_not_joined)
{
	map(0x200000, 2 * MIB, 0x80200000);
	map(0x400000, 2 * MIB, 0x80400000);
	check_hit(0x3ff000, 4 * KIB, 0x803ff000);
	check_hit(0x200000, 2 * MIB, 0x80200000);
	iom_radix_clear(&radix, 0x400000, 2 * MIB);
	check_hit(0x3fffff, 1, 0x803fffff);
	ck_assert(is_miss(0x400000));
}
END_TEST

/* Tables stay: a range that was cut up once is used page by page later, and right. */
START_TEST(large_after_small)
{
	map(0x40000000, 4 * KIB, 0x1000);
	map(0x7ffff000, 4 * KIB, 0x5000);
	iom_radix_clear(&radix, 0x40000000, 4 * KIB);
	iom_radix_clear(&radix, 0x7ffff000, 4 * KIB);
	map(0x40000000, GIB, 0x80000000);
	check_mapped(0x40000000, GIB, 0x80000000);
}
END_TEST

/* ---- Refusals ----------------------------------------------------------------------------------- */

START_TEST(taken_says_where)
{
	uint64_t taken;

	map(0x40000000, GIB, 0x40000000); /* slots of the second level */
	map(0x90000000, 8 * KIB, 0x3000); /* two of the last */
	ck_assert_int_eq(iom_radix_claim(&radix, 0xa0000000, 4 * KIB, 0, &taken), 0); /* claimed */

	ck_assert_int_eq(iom_radix_claim(&radix, 0x40000000, 4 * KIB, 0, &taken), -EEXIST);
	ck_assert_uint_eq(taken, 0x40000000);
	ck_assert_int_eq(iom_radix_claim(&radix, 0x51235000, 4 * KIB, 0, &taken), -EEXIST);
	ck_assert_uint_eq(taken, 0x51235000);
	ck_assert_int_eq(iom_radix_claim(&radix, 0x3ffff000, 4 * GIB, 0, &taken), -EEXIST);
	ck_assert_uint_eq(taken, 0x40000000);
	ck_assert_int_eq(iom_radix_claim(&radix, 0x80000000, GIB, 0, &taken), -EEXIST);
	ck_assert_uint_eq(taken, 0x90000000);
	ck_assert_int_eq(iom_radix_claim(&radix, 0x90001000, 8 * KIB, 0, &taken), -EEXIST);
	ck_assert_uint_eq(taken, 0x90001000);
	ck_assert_int_eq(iom_radix_claim(&radix, 0x90002000, GIB, 0, &taken), -EEXIST);
	ck_assert_uint_eq(taken, 0xa0000000);

	/* nothing of the refused ones stayed */
	map(0x3ffff000, 4 * KIB, 0);
	map(0x80000000, 0x10000000, 0);
	map(0x90002000, 0x10000000 - 0x2000, 0);
	map(0xa0001000, 0x10000000 - 0x1000, 0);
}
END_TEST

/* With the n-th allocation refused, nothing is claimed, and the same claim works afterwards. */
START_TEST(claim_without_memory)
{
	/* unlike each other: 600 tables of the last level, which are not in the first piece all */
	static const uint64_t keys[] = { 0x7effc0001000, 0x80007effc0001000 };
	const uint64_t key = keys[_i], length = 600 * 2 * MIB, value = 0x123456000;
	unsigned int fail, refused = 0;
	uint64_t taken;

	for (fail = 1; fail < 100; fail++) {
		int ret;

		iom_radix_destroy(&radix);
		set_up_bits(64);
		map(0x7000, 4 * KIB, 0x1000);
		pages.fail_at = pages.allocs + fail;
		ret = iom_radix_claim(&radix, key, length, value, &taken);
		if (!ret)
			break;
		ck_assert_int_eq(ret, -ENOMEM);
		refused++;
		check_hit(0x7000, 4 * KIB, 0x1000);
		ck_assert(is_miss(key));
		pages.fail_at = 0;
		map(key, 4 * KIB, 0x5000);
		map(key + 4 * KIB, length - 8 * KIB, value);
		map(key + length - 4 * KIB, 4 * KIB, 0x5000);
		check_mapped(key + 4 * KIB, length - 8 * KIB, value);
	}
	ck_assert_uint_ge(refused, 2);
	ck_assert_uint_lt(fail, 100);
}
END_TEST

START_TEST(init_without_memory)
{
	struct iom_radix other;

	pages.fail_at = pages.allocs + 1;
	ck_assert_int_eq(iom_radix_init(&other, &pages.sys, 57), -ENOMEM);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("radix");
	TCase *tcase = tcase_create("radix");

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_set_timeout(tcase, 120);
	tcase_add_loop_test(tcase, one_mapping, 0, ARRAY_SIZE(shapes));
	tcase_add_test(tcase, the_last_byte_of_64_bits);
	tcase_add_loop_test(tcase, beside_and_beyond_57_bits, 0, 2);
	tcase_add_test(tcase, keys_too_wide);
	tcase_add_test(tcase, large_pages_are_single_slots);
	tcase_add_test(tcase, empty_tables_give_way);
	tcase_add_loop_test(tcase, give_way_without_memory, 0, 2);
	tcase_add_test(tcase, small_ones_are_small);
	tcase_add_test(tcase, contiguity_saturates);
	tcase_add_loop_test(tcase, shortened, 0, 7);
	tcase_add_test(tcase, neighbours_are_not_joined);
	tcase_add_test(tcase, large_after_small);
	tcase_add_test(tcase, taken_says_where);
	tcase_add_loop_test(tcase, claim_without_memory, 0, 2);
	tcase_add_test(tcase, init_without_memory);
	suite_add_tcase(suite, tcase);
	return run_suite(suite);
}
