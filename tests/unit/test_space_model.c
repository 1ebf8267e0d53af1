// SPDX-License-Identifier: BSD-3-Clause
/* The tree of what occupies the IOVA space against an array of units, at random. */
#include "lib/space.h"
#include "tests/unit/runner.h"
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

/* ---- The tree, looked at from outside ----------------------------------------------------------- */

static uint64_t walk(const struct iom_span *span, uint64_t *end, size_t *n)
{
	uint64_t most, right;

	if (!span)
		return 0;
	most = walk(span->left, end, n);
	ck_assert_uint_ge(span->start, *end);
	ck_assert_uint_eq(span->gap, span->start - *end);
	*end = span->end;
	++*n;
	right = walk(span->right, end, n);
	most = span->gap > most ? span->gap : most;
	most = right > most ? right : most;
	ck_assert_uint_eq(span->max_gap, most);
	return most;
}

static void check_tree(const struct model *model)
{
	size_t n = 0, expected = 3, i;
	uint64_t end = 0;

	for (i = 0; i < SPANS; i++)
		expected += model->used[i];
	walk(model->space.root, &end, &n);
	ck_assert_uint_eq(n, expected);
	ck_assert_uint_eq(end, IOM_SPACE_END + 1);
}

/* ---- The model ---------------------------------------------------------------------------------- */

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

/* ---- Steps -------------------------------------------------------------------------------------- */

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
	iom_space_insert(&model.space, &model.above);
	iom_space_insert(&model.space, &model.below);
	for (i = 0; i < STEPS; i++) {
		step(&model);
		check_tree(&model);
		check_lookups(&model);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("space_model");
	TCase *tcase = tcase_create("model");

	tcase_set_timeout(tcase, 300);
	tcase_add_test(tcase, same_as_an_array);
	suite_add_tcase(suite, tcase);
	return run_suite(suite);
}
