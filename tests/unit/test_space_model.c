// SPDX-License-Identifier: BSD-3-Clause
/* The tree of what occupies the IOVA space against an array of units, or a list, at random. */
#include "lib/space.h"
#include "tests/unit/runner.h"
#include "tests/unit/space_walk.h"
#include "tests/unit/util.h"

#define STEPS 10000

/*
 * The units that are played with are few, so that everything can be tried.  They lie at an offset, behind
 * one span and before another.
 */
#define UNITS 160
#define SPANS 40
#define OFFSET UINT64_C(0x123450)

struct model {
	struct iom_space space;
	struct iom_span below, above, spans[SPANS];
	bool used[SPANS];
	signed char owner[UNITS]; /* which span has the unit, -1: none */
	uint64_t random;
};

static void check_tree(const struct model *model)
{
	size_t expected = 2, i;

	for (i = 0; i < SPANS; i++)
		expected += model->used[i];
	ck_assert_uint_eq(walk_space(&model->space).spans, expected);
}

/* ---- The model ------------------------------------------------------------------------------- */

static bool model_is_free(const struct model *model, uint64_t start, uint64_t end)
{
	uint64_t unit;

	for (unit = start; unit < end; unit++)
		if (model->owner[unit - OFFSET] >= 0)
			return false;
	return true;
}

static bool model_fit(const struct model *model, const struct iom_fit *fit, uint64_t *start)
{
	uint64_t first = fit->first > OFFSET ? fit->first : OFFSET;
	uint64_t end = fit->end < OFFSET + UNITS ? fit->end : OFFSET + UNITS;
	uint64_t unit;

	for (unit = first; unit + fit->count <= end; unit++) {
		if ((unit & (fit->align - 1)) == fit->phase &&
		    model_is_free(model, unit, unit + fit->count)) {
			*start = unit;
			return true;
		}
	}
	return false;
}

static const struct iom_span *model_at(const struct model *model, uint64_t unit)
{
	if (unit < OFFSET)
		return &model->below;
	for (; unit < OFFSET + UNITS; unit++)
		if (model->owner[unit - OFFSET] >= 0)
			return &model->spans[model->owner[unit - OFFSET]];
	return &model->above;
}

static void set_owner(struct model *model, const struct iom_span *span, int owner)
{
	uint64_t unit;

	for (unit = span->start; unit < span->end; unit++)
		model->owner[unit - OFFSET] = (signed char)owner;
}

/* ---- Steps ----------------------------------------------------------------------------------- */

static void random_fit(struct model *model, struct iom_fit *fit)
{
	fit->first = OFFSET + random_below(&model->random, UNITS);
	fit->end = fit->first + 1 + random_below(&model->random, UNITS);
	if (random_below(&model->random, 2)) {
		fit->first = 0;
		fit->end = OFFSET + UNITS;
	}
	if (random_below(&model->random, 4) == 0)
		fit->end = IOM_SPACE_END;
	fit->count = 1 + random_below(&model->random, random_below(&model->random, 4) ? 8 : 50);
	fit->align = UINT64_C(1) << random_below(&model->random, 6);
	fit->phase = random_below(&model->random, fit->align);
}

static void try_insert(struct model *model, int i)
{
	struct iom_span *span = &model->spans[i];
	uint64_t start = 1, expected = 1;
	struct iom_fit fit;
	bool found;

	random_fit(model, &fit);
	found = model_fit(model, &fit, &expected);
	ck_assert_int_eq(iom_space_fit(&model->space, &fit, &start), found);
	ck_assert_uint_eq(start, expected);
	if (!found)
		return;
	*span = (struct iom_span){ .start = start, .end = start + fit.count };
	ck_assert_int_eq(iom_space_reserve(&model->space, 1), 0);
	iom_space_insert(&model->space, span);
	set_owner(model, span, i);
	model->used[i] = true;
}

static void step(struct model *model)
{
	int i = (int)random_below(&model->random, SPANS);

	if (!model->used[i]) {
		try_insert(model, i);
	} else {
		iom_space_remove(&model->space, &model->spans[i]);
		set_owner(model, &model->spans[i], -1);
		model->used[i] = false;
	}
}

static void check_lookups(struct model *model)
{
	uint64_t unit = OFFSET - 1 + random_below(&model->random, UNITS + 1);
	uint64_t start = OFFSET + random_below(&model->random, UNITS);
	uint64_t end = start + 1 + random_below(&model->random, OFFSET + UNITS - start);

	ck_assert_ptr_eq(iom_space_at(&model->space, unit), model_at(model, unit));
	ck_assert_int_eq(iom_space_is_free(&model->space, start, end),
			 model_is_free(model, start, end));
}

START_TEST(same_as_an_array)
{
	static struct model model;
	unsigned int i;

	memset(model.owner, -1, sizeof(model.owner));
	model.random = random_start();
	iom_space_init(&model.space);
	model.below = (struct iom_span){ .start = 0, .end = OFFSET };
	model.above = (struct iom_span){ .start = OFFSET + UNITS, .end = IOM_SPACE_END };
	ck_assert_int_eq(iom_space_reserve(&model.space, 2), 0);
	iom_space_insert(&model.space, &model.above);
	iom_space_insert(&model.space, &model.below);
	for (i = 0; i < STEPS; i++) {
		step(&model);
		check_tree(&model);
		check_lookups(&model);
	}
	iom_space_destroy(&model.space);
}
END_TEST

/* ---- Thousands of spans ---------------------------------------------------------------------- */

#define LIST_STEPS 40000
#define LIST_MOST 3000
#define LIST_UNITS (UINT64_C(1) << 18)

/* They are dense enough that most gaps are small, and some of any size are left. */
struct list {
	struct iom_space space;
	struct iom_span pool[LIST_MOST];
	struct iom_span *unused[LIST_MOST];
	struct iom_span *spans[LIST_MOST]; /* in order */
	size_t n;
	uint64_t random;
};

/* How many spans end at unit, or before. */
static size_t list_index(const struct list *list, uint64_t unit)
{
	size_t low = 0, high = list->n;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (list->spans[middle]->end <= unit)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static const struct iom_span *list_at(const struct list *list, uint64_t unit)
{
	size_t i = list_index(list, unit);

	return i < list->n ? list->spans[i] : &list->space.sentinel;
}

static void list_insert(struct list *list, uint64_t start, uint64_t end)
{
	struct iom_span *span = list->unused[list->n];
	size_t i = list_index(list, start);

	*span = (struct iom_span){ .start = start, .end = end };
	memmove(&list->spans[i + 1], &list->spans[i], (list->n - i) * sizeof(list->spans[0]));
	list->spans[i] = span;
	list->n++;
	ck_assert_int_eq(iom_space_reserve(&list->space, 1), 0);
	iom_space_insert(&list->space, span);
}

static void list_remove(struct list *list, size_t i)
{
	struct iom_span *span = list->spans[i];

	list->n--;
	memmove(&list->spans[i], &list->spans[i + 1], (list->n - i) * sizeof(list->spans[0]));
	list->unused[list->n] = span;
	iom_space_remove(&list->space, span);
}

/* The lowest fit, and in *wrong how many gaps in front of it are large enough but lie wrong. */
static bool list_fit(const struct list *list, const struct iom_fit *fit, uint64_t *start,
		     unsigned int *wrong)
{
	uint64_t from = 0;
	size_t i;

	*wrong = 0;
	for (i = 0; i <= list->n; i++) {
		uint64_t end = i < list->n ? list->spans[i]->start : IOM_SPACE_END;
		bool enough = end - from >= fit->count && end > fit->first && from < fit->end;
		uint64_t at = from > fit->first ? from : fit->first;

		at += (fit->phase - at) & (fit->align - 1);
		end = end < fit->end ? end : fit->end;
		if (enough && at < end && end - at >= fit->count) {
			*start = at;
			return true;
		}
		*wrong += enough;
		from = i < list->n ? list->spans[i]->end : 0;
	}
	return false;
}

static void list_try_fit(struct list *list, struct iom_fit *fit)
{
	uint64_t *random = &list->random, start = 77, lowest = 77;
	unsigned int wrong;
	bool found;

	fit->count = 1 + random_below(random, random_below(random, 8) ? 40 : 3000);
	fit->align = UINT64_C(1) << random_below(random, random_below(random, 2) ? 3 : 12);
	fit->phase = random_below(random, fit->align);
	fit->first = random_below(random, 2) ? 0 : random_below(random, LIST_UNITS);
	fit->end = fit->first + 1 + random_below(random, LIST_UNITS);
	if (random_below(random, 2))
		fit->end = random_below(random, 2) ? LIST_UNITS : IOM_SPACE_END;
	if (fit->end <= fit->first)
		fit->end = fit->first + 1;
	found = list_fit(list, fit, &lowest, &wrong);
	ck_assert_int_eq(iom_space_fit(&list->space, fit, &start), found);
	if (wrong < 64)
		ck_assert_uint_eq(start, lowest);
	if (!found)
		return;
	ck_assert_uint_ge(start, lowest);
	ck_assert_uint_le(start + fit->count, fit->end);
	ck_assert_uint_eq(start & (fit->align - 1), fit->phase);
	ck_assert_uint_ge(list_at(list, start)->start, start + fit->count);
	if (list->n < LIST_MOST && start < LIST_UNITS)
		list_insert(list, start, start + fit->count);
}

/* What is free at a place, or a part of it. */
static void list_insert_at(struct list *list)
{
	uint64_t start = random_below(&list->random, LIST_UNITS);
	uint64_t end = start + 1 + random_below(&list->random, 30);
	bool is_free = list_at(list, start)->start >= end;

	ck_assert_int_eq(iom_space_is_free(&list->space, start, end), is_free);
	if (is_free && list->n < LIST_MOST)
		list_insert(list, start, end);
}

/* Neighbours, in either direction. */
static void list_remove_run(struct list *list)
{
	size_t n = 1 + random_below(&list->random, random_below(&list->random, 20) ? 3 : 200);
	bool down = random_below(&list->random, 2);
	size_t i = list->n ? random_below(&list->random, list->n) : 0;

	for (; n && i < list->n; n--) {
		list_remove(list, i);
		if (down && i-- == 0)
			break;
	}
}

static void list_insert_run(struct list *list)
{
	size_t n = 1 + random_below(&list->random, 100);
	uint64_t start = random_below(&list->random, LIST_UNITS);
	bool down = random_below(&list->random, 2);

	for (; n && list->n < LIST_MOST && start > 2; n--) {
		if (list_at(list, start)->start > start)
			list_insert(list, start, start + 1);
		start += down ? -UINT64_C(2) : 2;
	}
}

START_TEST(same_as_a_list)
{
	static struct list list;
	struct iom_fit fit;
	size_t i, most = 0;

	list.random = random_start();
	iom_space_init(&list.space);
	for (i = 0; i < LIST_MOST; i++)
		list.unused[i] = &list.pool[i];
	for (i = 0; i < LIST_STEPS; i++) {
		/* it grows for a while, and becomes empty for a while */
		bool grows = i / (LIST_STEPS / 12) % 2 == 0;
		uint64_t what = random_below(&list.random, 16), unit;

		if (what < (grows ? 3 : 12))
			list_remove_run(&list);
		else if (what == 15)
			list_insert_run(&list);
		else if (what % 2)
			list_insert_at(&list);
		else
			list_try_fit(&list, &fit);
		unit = random_below(&list.random, LIST_UNITS + 1000);
		ck_assert_ptr_eq(iom_space_at(&list.space, unit), list_at(&list, unit));
		if (i % 16 == 0 || list.n < 100)
			ck_assert_uint_eq(walk_space(&list.space).spans, list.n);
		most = list.n > most ? list.n : most;
	}
	ck_assert_uint_gt(most, LIST_MOST / 2);
	while (list.n)
		list_remove(&list, random_below(&list.random, list.n));
	ck_assert_uint_eq(walk_space(&list.space).nodes, 0);
	iom_space_destroy(&list.space);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("space_model");
	TCase *tcase = tcase_create("model");

	tcase_set_timeout(tcase, 300);
	tcase_add_test(tcase, same_as_an_array);
	tcase_add_test(tcase, same_as_a_list);
	suite_add_tcase(suite, tcase);
	return run_suite(suite);
}
