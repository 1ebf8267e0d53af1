// SPDX-License-Identifier: BSD-3-Clause
/* The tree of what occupies the IOVA space. */
#include "lib/space.h"
#include "tests/unit/runner.h"
#include "tests/unit/util.h"

static struct iom_space space;

/* ---- The whole tree, looked at from outside ----------------------------------------------------- */

struct walk {
	uint64_t end; /* of the last span */
	size_t n;
	unsigned int depth;
};

/* In order; each gap is what lies between, each max_gap the largest below. */
static uint64_t walk(const struct iom_span *span, unsigned int depth, struct walk *state)
{
	uint64_t most, right;

	if (!span)
		return 0;
	most = walk(span->left, depth + 1, state);
	ck_assert_uint_ge(span->start, state->end);
	ck_assert_uint_eq(span->gap, span->start - state->end);
	state->end = span->end;
	state->n++;
	if (depth > state->depth)
		state->depth = depth;
	right = walk(span->right, depth + 1, state);
	if (span->gap > most)
		most = span->gap;
	if (right > most)
		most = right;
	ck_assert_uint_eq(span->max_gap, most);
	return most;
}

/* How deep the tree is; n spans are in it besides the sentinel. */
static unsigned int check_tree(size_t n)
{
	struct walk state = { 0 };

	walk(space.root, 1, &state);
	ck_assert_uint_eq(state.n, n + 1);
	ck_assert_uint_eq(state.end, IOM_SPACE_END + 1);
	return state.depth;
}

static void insert(struct iom_span *span, uint64_t start, uint64_t end)
{
	*span = (struct iom_span){ .start = start, .end = end, .state = IOM_SPAN_MAPPED };
	iom_space_insert(&space, span);
}

static bool fit(uint64_t first, uint64_t end, uint64_t count, uint64_t align, uint64_t phase,
		uint64_t *start)
{
	struct iom_fit request = { first, end, count, align, phase };

	*start = 0x5a5a;
	return iom_space_fit(&space, &request, start);
}

static void set_up(void)
{
	iom_space_init(&space);
}

/* ---- By hand ------------------------------------------------------------------------------------ */

START_TEST(empty)
{
	uint64_t start;

	check_tree(0);
	ck_assert_ptr_eq(iom_space_at(&space, 0), &space.sentinel);
	ck_assert_ptr_eq(iom_space_at(&space, IOM_SPACE_END - 1), &space.sentinel);
	ck_assert_ptr_eq(iom_space_at(&space, IOM_SPACE_END), &space.sentinel);
	ck_assert_uint_eq(space.sentinel.start, IOM_SPACE_END);
	ck_assert(iom_space_is_free(&space, 0, IOM_SPACE_END));
	ck_assert(fit(0, IOM_SPACE_END, IOM_SPACE_END, 1, 0, &start));
	ck_assert_uint_eq(start, 0);
	ck_assert(!fit(1, IOM_SPACE_END, IOM_SPACE_END, 1, 0, &start));
	ck_assert_uint_eq(start, 0x5a5a);
}
END_TEST

START_TEST(the_whole_space)
{
	struct iom_span all;
	uint64_t start;

	insert(&all, 0, IOM_SPACE_END);
	check_tree(1);
	ck_assert(!iom_space_is_free(&space, 0, 1));
	ck_assert(!iom_space_is_free(&space, IOM_SPACE_END - 1, IOM_SPACE_END));
	ck_assert(!fit(0, IOM_SPACE_END, 1, 1, 0, &start));
	ck_assert_ptr_eq(iom_space_at(&space, IOM_SPACE_END - 1), &all);
	ck_assert_ptr_eq(iom_space_at(&space, IOM_SPACE_END), &space.sentinel);
	iom_space_remove(&space, &all);
	check_tree(0);
	ck_assert(fit(0, IOM_SPACE_END, 1, 1, 0, &start));
}
END_TEST

START_TEST(both_ends)
{
	struct iom_span first, last;
	uint64_t start;

	insert(&first, 0, 1);
	insert(&last, IOM_SPACE_END - 1, IOM_SPACE_END);
	check_tree(2);
	ck_assert_uint_eq(space.sentinel.gap, 0);
	ck_assert(fit(0, IOM_SPACE_END, IOM_SPACE_END - 2, 1, 0, &start));
	ck_assert_uint_eq(start, 1);
	ck_assert(!fit(0, IOM_SPACE_END, IOM_SPACE_END - 1, 1, 0, &start));
	iom_space_remove(&space, &last);
	check_tree(1);
	ck_assert(fit(IOM_SPACE_END - 1, IOM_SPACE_END, 1, 1, 0, &start));
	ck_assert_uint_eq(start, IOM_SPACE_END - 1);
}
END_TEST

START_TEST(at_finds_the_one_or_the_next)
{
	struct iom_span a, b, c;

	insert(&b, 20, 30);
	insert(&a, 10, 20);
	insert(&c, 40, 50);
	ck_assert_ptr_eq(iom_space_at(&space, 0), &a);
	ck_assert_ptr_eq(iom_space_at(&space, 10), &a);
	ck_assert_ptr_eq(iom_space_at(&space, 19), &a);
	ck_assert_ptr_eq(iom_space_at(&space, 20), &b);
	ck_assert_ptr_eq(iom_space_at(&space, 29), &b);
	ck_assert_ptr_eq(iom_space_at(&space, 30), &c);
	ck_assert_ptr_eq(iom_space_at(&space, 50), &space.sentinel);
	ck_assert(iom_space_is_free(&space, 30, 40));
	ck_assert(!iom_space_is_free(&space, 30, 41));
	ck_assert(!iom_space_is_free(&space, 29, 30));
	ck_assert(iom_space_is_free(&space, 50, IOM_SPACE_END));
}
END_TEST

START_TEST(alignment_and_phase)
{
	struct iom_span a;
	uint64_t start;

	insert(&a, 0, 3);
	ck_assert(fit(0, 100, 4, 8, 0, &start));
	ck_assert_uint_eq(start, 8);
	ck_assert(fit(0, 100, 4, 8, 5, &start));
	ck_assert_uint_eq(start, 5);
	ck_assert(fit(0, 100, 4, 8, 2, &start));
	ck_assert_uint_eq(start, 10);
	/* the first congruent one may be first itself */
	ck_assert(fit(13, 100, 4, 8, 5, &start));
	ck_assert_uint_eq(start, 13);
	ck_assert(fit(14, 100, 4, 8, 5, &start));
	ck_assert_uint_eq(start, 21);
	/* the last one that fits, and one that just does not */
	ck_assert(fit(90, 100, 4, 8, 0, &start));
	ck_assert_uint_eq(start, 96);
	ck_assert(!fit(90, 100, 5, 8, 0, &start));
	ck_assert(!fit(97, 100, 1, 8, 0, &start));
	ck_assert_uint_eq(start, 0x5a5a);
	/* an alignment so large that only a phase is in the space */
	ck_assert(fit(0, IOM_SPACE_END, 1, IOM_SPACE_END, 77, &start));
	ck_assert_uint_eq(start, 77);
	ck_assert(!fit(78, IOM_SPACE_END, 1, IOM_SPACE_END, 77, &start));
}
END_TEST

/* A gap that reaches into the wanted part from outside counts only as far as it is inside. */
START_TEST(bounds_cut_gaps)
{
	struct iom_span a, b;
	uint64_t start;

	insert(&a, 10, 20);
	insert(&b, 40, 50);
	ck_assert(fit(25, 35, 10, 1, 0, &start));
	ck_assert_uint_eq(start, 25);
	ck_assert(!fit(25, 35, 11, 1, 0, &start));
	ck_assert(fit(15, 45, 20, 1, 0, &start));
	ck_assert_uint_eq(start, 20);
	ck_assert(!fit(15, 45, 21, 1, 0, &start));
	ck_assert(!fit(10, 20, 1, 1, 0, &start));
	ck_assert(!fit(12, 18, 1, 1, 0, &start));
	ck_assert(fit(0, 60, 11, 1, 0, &start));
	ck_assert_uint_eq(start, 20);
	ck_assert(fit(5, 60, 5, 1, 0, &start));
	ck_assert_uint_eq(start, 5);
	ck_assert(fit(6, 60, 5, 1, 0, &start));
	ck_assert_uint_eq(start, 20);
}
END_TEST

/*
 * Many gaps of the right size that lie wrong, and one behind them that lies right: it is found, and one
 * that is the only one in the wanted part, too.
 */
START_TEST(many_gaps_that_lie_wrong)
{
	enum {
		N = 1000
	};
	static struct iom_span spans[N];
	uint64_t start, i;

	/* free: [8i + 1, 8i + 5), never with a multiple of 4 at its beginning */
	for (i = 0; i < N; i++)
		insert(&spans[i], i ? 8 * i - 3 : 0, 8 * i + 1);
	check_tree(N);
	ck_assert(fit(0, IOM_SPACE_END, 4, 4, 0, &start));
	ck_assert_uint_eq(start, 8 * N - 4);
	ck_assert(!fit(0, 8 * N - 8, 4, 4, 0, &start));
	ck_assert(fit(0, IOM_SPACE_END, 4, 4, 1, &start));
	ck_assert_uint_eq(start, 1);

	/* one that lies right, too small to be sure of it by its size: [8i - 4, 8i) */
	i = N - 2;
	iom_space_remove(&space, &spans[i - 1]);
	insert(&spans[i - 1], 8 * (i - 1) - 3, 8 * i - 4);
	iom_space_remove(&space, &spans[i]);
	insert(&spans[i], 8 * i, 8 * i + 1);
	check_tree(N);
	ck_assert(fit(0, 8 * N - 8, 4, 4, 0, &start));
	ck_assert_uint_eq(start, 8 * i - 4);
}
END_TEST

/* Thousands of spans, in order, as a driver makes them: the tree stays shallow. */
START_TEST(balanced)
{
	enum {
		N = 20000
	};
	static struct iom_span spans[N];
	size_t i;

	for (i = 0; i < N; i++)
		insert(&spans[i], 2 * i, 2 * i + 1);
	/* in expectation about 2 ln N = 20 on average, 35 at most */
	ck_assert_uint_lt(check_tree(N), 80);
	for (i = 0; i < N; i += 2)
		iom_space_remove(&space, &spans[i]);
	ck_assert_uint_lt(check_tree(N / 2), 80);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("space");
	TCase *tcase = tcase_create("space");

	tcase_add_checked_fixture(tcase, set_up, NULL);
	tcase_set_timeout(tcase, 60);
	tcase_add_test(tcase, empty);
	tcase_add_test(tcase, the_whole_space);
	tcase_add_test(tcase, both_ends);
	tcase_add_test(tcase, at_finds_the_one_or_the_next);
	tcase_add_test(tcase, alignment_and_phase);
	tcase_add_test(tcase, bounds_cut_gaps);
	tcase_add_test(tcase, many_gaps_that_lie_wrong);
	tcase_add_test(tcase, balanced);
	suite_add_tcase(suite, tcase);
	return run_suite(suite);
}
