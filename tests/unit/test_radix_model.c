// SPDX-License-Identifier: BSD-3-Clause
/* The map from addresses to addresses against a plain list, at random; and readers beside a writer. */
#include <pthread.h>
#include <sched.h>

#include "lib/radix.h"
#include "tests/unit/counted_pages.h"
#include "tests/unit/runner.h"
#include "tests/unit/util.h"

#define RANGES 64
#define STEPS 8000
#define READERS 3
#define ROUNDS 2000

/* ---- Against a list ----------------------------------------------------------------------------- */

struct range {
	uint64_t key, length, value;
	enum {
		UNUSED,
		CLAIMED,
		PUBLISHED
	} state;
};

struct model {
	struct iom_radix radix;
	struct range ranges[RANGES];
	uint64_t random;
};

static const struct range *model_at(const struct model *model, uint64_t key)
{
	size_t i;

	for (i = 0; i < RANGES; i++) {
		const struct range *range = &model->ranges[i];

		if (range->state != UNUSED && key >= range->key && key - range->key < range->length)
			return range;
	}
	return NULL;
}

/* The lowest key of [key, key + length) that is taken. */
static bool model_taken(const struct model *model, uint64_t key, uint64_t length, uint64_t *taken)
{
	bool found = false;
	size_t i;

	for (i = 0; i < RANGES; i++) {
		const struct range *range = &model->ranges[i];
		uint64_t first = range->key > key ? range->key : key;

		if (range->state == UNUSED || first - key >= length ||
		    first - range->key >= range->length)
			continue;
		if (!found || first < *taken)
			*taken = first;
		found = true;
	}
	return found;
}

static void check_key(const struct model *model, uint64_t key)
{
	const struct range *range = model_at(model, key);
	uint64_t value = 0, run = 0, left;
	int ret = iom_radix_lookup(&model->radix, key, &value, &run);

	if (!range || range->state == CLAIMED) {
		ck_assert_msg(ret == -ENOENT, "0x%" PRIx64 " is there", key);
		return;
	}
	left = range->length - (key - range->key);
	ck_assert_msg(!ret && value == range->value + (key - range->key),
		      "0x%" PRIx64 ": %d, 0x%" PRIx64, key, ret, value);
	ck_assert_msg(run <= left && run >= (left < 2 * MIB ? left : 2 * MIB),
		      "0x%" PRIx64 ": 0x%" PRIx64 " of 0x%" PRIx64, key, run, left);
}

/* Mostly where something begins or ends, or at a level's edge. */
static uint64_t random_key(struct model *model)
{
	const struct range *range = &model->ranges[random_below(&model->random, RANGES)];
	uint64_t key = range->key;

	switch (random_below(&model->random, 5)) {
	case 0:
		break;
	case 1:
		key += range->length;
		break;
	case 2:
		key += range->length ? random_below(&model->random, range->length) : 0;
		break;
	case 3:
		key = (key + range->length / 2) & ~(GIB - 1);
		break;
	default:
		key = (key + range->length / 2) & ~(2 * MIB - 1);
		break;
	}
	return key - random_below(&model->random, 2);
}

/* Few places, so that ranges meet; sizes from a page to 4 GiB; values aligned like the key, or not. */
static void random_range(struct model *model, struct range *range)
{
	static const uint64_t units[] = { 4 * KIB, 64 * KIB, 2 * MIB, GIB };
	uint64_t unit = units[random_below(&model->random, ARRAY_SIZE(units))];
	uint64_t base = 0x7ff00000000; /* 4 GiB below an edge of the top level */

	range->length = unit * (1 + random_below(&model->random, unit == GIB ? 4 : 600));
	range->key = base + unit * random_below(&model->random, 8 * GIB / unit);
	range->value = 64 * GIB + range->key;
	switch (random_below(&model->random, 4)) {
	case 0:
		/* page by page: keep it small */
		range->value += 4 * KIB * (1 + random_below(&model->random, 511));
		if (range->length > 64 * MIB)
			range->length = 64 * MIB;
		break;
	case 1:
		range->value += 2 * MIB * (1 + random_below(&model->random, 511));
		break;
	default:
		break;
	}
}

static void try_claim(struct model *model, struct range *slot)
{
	uint64_t taken = 7, expected = 7;
	struct range range;
	bool is_taken;
	int ret;

	random_range(model, &range);
	is_taken = model_taken(model, range.key, range.length, &expected);
	ret = iom_radix_claim(&model->radix, range.key, range.length, range.value, &taken);
	ck_assert_int_eq(ret, is_taken ? -EEXIST : 0);
	ck_assert_uint_eq(taken, expected);
	if (ret)
		return;
	range.state = CLAIMED;
	*slot = range;
}

static void step(struct model *model)
{
	struct range *range = &model->ranges[random_below(&model->random, RANGES)];
	uint64_t dice = random_below(&model->random, 3);

	if (range->state == UNUSED) {
		try_claim(model, range);
	} else if (range->state == CLAIMED && dice) {
		iom_radix_publish(&model->radix, range->key, range->length, range->value);
		range->state = PUBLISHED;
	} else if (range->state == PUBLISHED && dice) {
		iom_radix_withdraw(&model->radix, range->key, range->length);
		range->state = CLAIMED;
	} else {
		iom_radix_clear(&model->radix, range->key, range->length);
		range->state = UNUSED;
	}
}

START_TEST(same_as_a_list)
{
	static struct model model;
	struct counted_pages pages;
	unsigned int i, n;

	memset(&model, 0, sizeof(model));
	model.random = random_start();
	counted_pages_init(&pages);
	ck_assert_int_eq(iom_radix_init(&model.radix, &pages.sys, 57), 0);
	for (i = 0; i < STEPS; i++) {
		step(&model);
		for (n = 0; n < 8; n++)
			check_key(&model, random_key(&model));
	}
	iom_radix_destroy(&model.radix);
	ck_assert_uint_eq(pages.bytes, 0);
}
END_TEST

/* ---- Readers beside a writer -------------------------------------------------------------------- */

/*
 * The same keys are mapped again and again, each time elsewhere.  A reader finds nothing, or one of the
 * values, whole, with a contiguity that stays within the mapping.
 */
#define KEY UINT64_C(0x7f00001fe000)
#define LENGTH (4 * MIB + 16 * KIB)

/* congruent to the key modulo 2 MiB, and not: with and without slots of the second level */
static const uint64_t values[] = { 0x1000001fe000, 0x2000001ff000, 0x30000ffe000 };

static struct {
	struct iom_radix radix;
	int stop, found; /* atomic */
} shared;

static bool is_one_of_the_values(uint64_t key, uint64_t value)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(values); i++)
		if (value == values[i] + (key - KEY))
			return true;
	return false;
}

static void *read_on(void *arg)
{
	uint64_t random = (uintptr_t)arg, value, run, hits = 0;

	while (!__atomic_load_n(&shared.stop, __ATOMIC_RELAXED)) {
		uint64_t key = KEY - 8 * KIB + random_below(&random, LENGTH + 16 * KIB);

		if (iom_radix_lookup(&shared.radix, key, &value, &run) < 0)
			continue;
		if (!hits++)
			__atomic_store_n(&shared.found, 1, __ATOMIC_RELAXED);
		ck_assert(key >= KEY && key < KEY + LENGTH);
		ck_assert_msg(is_one_of_the_values(key, value), "0x%" PRIx64 ": 0x%" PRIx64, key,
			      value);
		ck_assert_uint_le(run, KEY + LENGTH - key);
	}
	return (void *)(uintptr_t)hits;
}

START_TEST(readers_beside_a_writer)
{
	pthread_t readers[READERS];
	uint64_t random = random_start(), taken, hits = 0;
	struct counted_pages pages;
	unsigned int i;
	void *seen;

	counted_pages_init(&pages);
	ck_assert_int_eq(iom_radix_init(&shared.radix, &pages.sys, 57), 0);
	for (i = 0; i < READERS; i++)
		ck_assert_int_eq(pthread_create(&readers[i], NULL, read_on,
						(void *)(uintptr_t)(random + i)),
				 0);
	/* on a busy machine it takes until the readers run */
	for (i = 0; i < ROUNDS || !__atomic_load_n(&shared.found, __ATOMIC_RELAXED); i++) {
		uint64_t value = values[random_below(&random, ARRAY_SIZE(values))];

		ck_assert_int_eq(iom_radix_claim(&shared.radix, KEY, LENGTH, value, &taken), 0);
		iom_radix_publish(&shared.radix, KEY, LENGTH, value);
		if (i % 64 == 0)
			sched_yield();
		iom_radix_withdraw(&shared.radix, KEY, LENGTH);
		iom_radix_clear(&shared.radix, KEY, LENGTH);
	}
	__atomic_store_n(&shared.stop, 1, __ATOMIC_RELAXED);
	for (i = 0; i < READERS; i++) {
		ck_assert_int_eq(pthread_join(readers[i], &seen), 0);
		hits += (uintptr_t)seen;
	}
	ck_assert_uint_gt(hits, 0);
	iom_radix_destroy(&shared.radix);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("radix_model");
	TCase *tcase = tcase_create("model");

	tcase_set_timeout(tcase, 300);
	tcase_add_test(tcase, same_as_a_list);
	tcase_add_test(tcase, readers_beside_a_writer);
	suite_add_tcase(suite, tcase);
	return run_suite(suite);
}
