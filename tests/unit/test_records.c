// SPDX-License-Identifier: BSD-3-Clause
/* What is mapped where on POWER: found in order, removed and broken by where it begins. */
#include "backends/spapr/records.h"
#include "tests/unit/runner.h"
#include "tests/unit/util.h"

#define KIB4 UINT64_C(4096)
#define TOP (UINT64_MAX - MIB + 1)

static struct iom_records records;

static void set_up(void)
{
	iom_records_init(&records);
}

static void tear_down(void)
{
	iom_records_destroy(&records);
}

static void add(uint64_t iova, uint64_t length)
{
	const struct iom_backend_map map = { .va = 77 * KIB4, .iova = iova, .length = length };

	ck_assert_ok(iom_records_add(&records, &map));
}

/* Of all in [iova, last], the sum of the lengths; those that are broken count double. */
static uint64_t sum(uint64_t iova, uint64_t last)
{
	struct iom_record record;
	uint64_t bytes = 0, at = iova;

	while (iom_records_next(&records, at, last, &record)) {
		ck_assert_uint_le(record.map.iova, last);
		ck_assert_uint_gt(record.map.iova + record.map.length - 1, at - !!at);
		ck_assert_uint_eq(record.map.va, 77 * KIB4);
		bytes += record.map.length * (record.broken ? 2 : 1);
		at = record.map.iova + record.map.length;
		if (!at)
			break;
	}
	return bytes;
}

START_TEST(in_order)
{
	struct iom_record record = { .map = { .iova = 5 } };

	ck_assert(!iom_records_next(&records, 0, UINT64_MAX, &record));
	ck_assert_uint_eq(record.map.iova, 5);
	add(8 * MIB, MIB);
	add(0, KIB4);
	add(2 * MIB, 2 * MIB);
	add(TOP, MIB);
	ck_assert(iom_records_next(&records, 0, UINT64_MAX, &record));
	ck_assert_uint_eq(record.map.iova, 0);
	ck_assert(iom_records_next(&records, KIB4, UINT64_MAX, &record));
	ck_assert_uint_eq(record.map.iova, 2 * MIB);
	/* in its middle, and at its last byte */
	ck_assert(iom_records_next(&records, 3 * MIB, UINT64_MAX, &record));
	ck_assert_uint_eq(record.map.iova, 2 * MIB);
	ck_assert(iom_records_next(&records, 4 * MIB - 1, UINT64_MAX, &record));
	ck_assert_uint_eq(record.map.iova, 2 * MIB);
	ck_assert(iom_records_next(&records, 4 * MIB, UINT64_MAX, &record));
	ck_assert_uint_eq(record.map.iova, 8 * MIB);
	/* what begins behind the last does not count, what begins at it does */
	ck_assert(!iom_records_next(&records, 4 * MIB, 8 * MIB - 1, &record));
	ck_assert(iom_records_next(&records, 4 * MIB, 8 * MIB, &record));
	ck_assert(iom_records_next(&records, UINT64_MAX, UINT64_MAX, &record));
	ck_assert_uint_eq(record.map.iova, TOP);
	ck_assert_uint_eq(sum(0, UINT64_MAX), 4 * MIB + KIB4);
}
END_TEST

START_TEST(removed)
{
	uint64_t i;

	for (i = 0; i < 16; i++)
		add(i * MIB, MIB);
	iom_records_remove(&records, 4 * MIB, 6 * MIB - 1);
	ck_assert_uint_eq(sum(0, UINT64_MAX), 14 * MIB);
	ck_assert_uint_eq(sum(4 * MIB, 6 * MIB - 1), 0);
	/* nothing is there any more, so that it can come again */
	iom_records_remove(&records, 4 * MIB, 6 * MIB - 1);
	add(4 * MIB, 2 * MIB);
	ck_assert_uint_eq(sum(0, UINT64_MAX), 16 * MIB);
	iom_records_remove(&records, 0, UINT64_MAX);
	ck_assert_uint_eq(sum(0, UINT64_MAX), 0);
	add(TOP, MIB);
	iom_records_remove(&records, TOP, UINT64_MAX);
	ck_assert_uint_eq(sum(0, UINT64_MAX), 0);
}
END_TEST

START_TEST(broken)
{
	uint64_t i;

	for (i = 0; i < 8; i++)
		add(i * MIB, MIB);
	iom_records_break(&records, 2 * MIB, 4 * MIB - 1);
	ck_assert_uint_eq(sum(0, UINT64_MAX), 10 * MIB);
	ck_assert_uint_eq(sum(2 * MIB, 4 * MIB - 1), 4 * MIB);
	ck_assert_uint_eq(sum(0, 2 * MIB - 1), 2 * MIB);
	iom_records_break(&records, 2 * MIB, 4 * MIB - 1);
	ck_assert_uint_eq(sum(0, UINT64_MAX), 10 * MIB);
	iom_records_remove(&records, 2 * MIB, 3 * MIB - 1);
	ck_assert_uint_eq(sum(0, UINT64_MAX), 8 * MIB);
	iom_records_break(&records, 0, UINT64_MAX);
	ck_assert_uint_eq(sum(0, UINT64_MAX), 14 * MIB);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("records");
	TCase *tcase = tcase_create("records");

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_set_timeout(tcase, 60);
	tcase_add_test(tcase, in_order);
	tcase_add_test(tcase, removed);
	tcase_add_test(tcase, broken);
	suite_add_tcase(suite, tcase);
	return run_suite(suite);
}
