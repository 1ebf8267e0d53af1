// SPDX-License-Identifier: BSD-3-Clause
/* The tree of what occupies the IOVA space. */
#include "tests/unit/refused_heap.h"
#include "tests/unit/runner.h"
#include "tests/unit/space_walk.h"
#include "tests/unit/util.h"

static struct iom_space space;

/* The tree is as it must be, and n spans are in it. */
static struct space_walk check_tree(size_t n)
{
	struct space_walk walk = walk_space(&space);

	ck_assert_uint_eq(walk.spans, n);
	return walk;
}

static void insert(struct iom_span *span, uint64_t start, uint64_t end)
{
	*span = (struct iom_span){ .start = start, .end = end, .state = IOM_SPAN_MAPPED };
	ck_assert_int_eq(iom_space_reserve(&space, 1), 0);
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

static void tear_down_space(void)
{
	iom_space_destroy(&space);
	check_tree(0);
}

/* ---- By hand --------------------------------------------------------------------------------- */

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
	ck_assert(!iom_space_is_free(&space, IOM_SPACE_END - 1, IOM_SPACE_END));
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

/* Gaps of 8 TiB and more are as large as they are, though no node has the number. */
START_TEST(gaps_that_are_not_counted)
{
	const uint64_t many = IOM_SPACE_GAP_MANY;
	struct iom_span a, b, c;
	uint64_t start;

	insert(&a, many, many + 1);
	insert(&b, 3 * many, 3 * many + 1);
	insert(&c, 5 * many, IOM_SPACE_END);
	check_tree(3);
	ck_assert(fit(0, IOM_SPACE_END, many - 1, 1, 0, &start));
	ck_assert_uint_eq(start, 0);
	ck_assert(fit(0, IOM_SPACE_END, many + 1, 1, 0, &start));
	ck_assert_uint_eq(start, many + 1);
	ck_assert(fit(0, IOM_SPACE_END, 2 * many - 1, 1, 0, &start));
	ck_assert_uint_eq(start, many + 1);
	ck_assert(!fit(0, IOM_SPACE_END, 2 * many, 1, 0, &start));
	ck_assert(iom_space_is_free(&space, many + 1, 3 * many));
	ck_assert(!iom_space_is_free(&space, many + 1, 3 * many + 1));
	iom_space_remove(&space, &b);
	check_tree(2);
	ck_assert(fit(0, IOM_SPACE_END, 4 * many - 1, 1, 0, &start));
	ck_assert_uint_eq(start, many + 1);
	ck_assert(!fit(0, IOM_SPACE_END, 4 * many, 1, 0, &start));
	insert(&b, 3 * many, 3 * many + 1);
	check_tree(3);
	ck_assert(!fit(0, IOM_SPACE_END, 2 * many, 1, 0, &start));
}
END_TEST

/* ---- Many ------------------------------------------------------------------------------------ */

enum {
	N = 8000
};
static struct iom_span spans[N];

/* In which order spans come and go. */
enum order {
	ASCENDING,
	DESCENDING,
	RANDOM,
	BY_TURNS, /* at two places */
	ORDERS,
};

static void list_places(enum order order, uint64_t *places, size_t n)
{
	uint64_t random = random_start();
	size_t i, j;

	for (i = 0; i < n; i++)
		places[i] = order == DESCENDING ? n - 1 - i : i;
	for (i = 0; order == BY_TURNS && i < n; i++)
		places[i] = i % 2 ? n - 1 - i / 2 : i / 2;
	for (i = n - 1; order == RANDOM && i; i--) {
		uint64_t place = places[i];

		j = random_below(&random, i + 1);
		places[i] = places[j];
		places[j] = place;
	}
}

/* As a driver makes them, up or down, with something behind: no other leaf is touched again. */
START_TEST(runs_leave_nodes_fuller)
{
	struct iom_span behind;
	size_t i;

	insert(&behind, 2 * N, 2 * N + 1);
	for (i = 0; i < N; i++)
		insert(&spans[i], 2 * i, 2 * i + 1);
	ck_assert_uint_le(check_tree(N + 1).leaves, N / (IOM_SPACE_FANOUT * 3 / 4 + 1) + 1);
	for (i = 0; i < N; i++)
		iom_space_remove(&space, &spans[i]);
	for (i = N; i-- > 0;)
		insert(&spans[i], 2 * i, 2 * i + 1);
	ck_assert_uint_le(check_tree(N + 1).leaves, N / (IOM_SPACE_FANOUT * 3 / 4 + 1) + 1);
}
END_TEST

/* In any order, what is left is in no more nodes than so few can need, and at last in none. */
START_TEST(emptied)
{
	static uint64_t places[N];
	size_t i;

	list_places(ASCENDING, places, N);
	for (i = 0; i < N; i++)
		insert(&spans[i], 3 * places[i], 3 * places[i] + 2);
	list_places((enum order)_i, places, N);
	for (i = 0; i < N; i++) {
		iom_space_remove(&space, &spans[places[i]]);
		if (i % 97 == 0 || i + 100 > N) {
			struct space_walk walk = check_tree(N - 1 - i);

			ck_assert_uint_le(walk.nodes, 2 + 4 * walk.spans / IOM_SPACE_FANOUT);
		}
	}
	ck_assert_uint_eq(space.height, 0);
	ck_assert(iom_space_is_free(&space, 0, IOM_SPACE_END));
}
END_TEST

/* ---- Reserving ------------------------------------------------------------------------------- */

/* So that no more nodes are there than n. */
static void drain(size_t n)
{
	while (space.nodes.n_unused > n) {
		(void)iom_pool_take(&space.nodes);
		space.nodes.n--; /* as if it had never been */
	}
}

static void reserve_and_insert(const uint64_t *places, size_t from, size_t n)
{
	size_t i, chunk;

	drain(0);
	ck_assert_int_eq(iom_space_reserve(&space, n), 0);
	chunk = space.nodes.n;
	for (i = from; i < from + n; i++) {
		spans[i] = (struct iom_span){ .start = 3 * places[i], .end = 3 * places[i] + 1 };
		iom_space_insert(&space, &spans[i]);
		ck_assert_uint_le(space.nodes.n_unused, chunk);
	}
	ck_assert_uint_eq(space.nodes.n, chunk);
}

START_TEST(reserved_is_enough)
{
	static const size_t lots[] = { 1, 2, 3, 10, 63, 64, 65, 66, 100, 500, 1500, 4000 };
	static uint64_t places[N];
	size_t i, from = 0;

	list_places((enum order)_i, places, N);
	for (i = 0; i < ARRAY_SIZE(lots); i++) {
		reserve_and_insert(places, from, lots[i]);
		from += lots[i];
		check_tree(from);
	}
}
END_TEST

/* One by one, with not a node more than one may need. */
START_TEST(reserved_one_is_enough)
{
	static uint64_t places[N];
	size_t i;

	list_places((enum order)_i, places, N);
	for (i = 0; i < N; i++) {
		drain(space.height + 2);
		insert(&spans[i], 3 * places[i], 3 * places[i] + 1);
		ck_assert_uint_le(space.nodes.n_unused, space.nodes.n);
	}
	check_tree(N);
}
END_TEST

/* What a split leaves nearly full is not split again by each insert that follows. */
START_TEST(reserved_is_enough_for_swapped_pairs)
{
	enum {
		FIRST = 30,
		PAIRS = 2000
	};
	size_t i;

	for (i = 0; i < FIRST; i++)
		insert(&spans[i], 3 * i, 3 * i + 1);
	drain(0);
	ck_assert_int_eq(iom_space_reserve(&space, PAIRS), 0);
	for (i = FIRST; i < FIRST + PAIRS; i++) {
		spans[i] = (struct iom_span){ .start = 3 * (i ^ 1), .end = 3 * (i ^ 1) + 1 };
		iom_space_insert(&space, &spans[i]);
		ck_assert_uint_le(space.nodes.n_unused, space.nodes.n);
	}
	check_tree(FIRST + PAIRS);
}
END_TEST

/* The worst: every leaf gets more than it has room for. */
START_TEST(full_leaves_all_split)
{
	enum {
		FULL = N / 2
	};
	static struct iom_span more[FULL / 3];
	const size_t n = ARRAY_SIZE(more);
	size_t i, nodes;

	for (i = 0; i < FULL; i++)
		insert(&spans[i], 3 * i, 3 * i + 1);
	nodes = check_tree(FULL).nodes;
	drain(0);
	ck_assert_int_eq(iom_space_reserve(&space, n), 0);
	for (i = 0; i < n; i++) {
		uint64_t at = 9 * ((i * 37) % n);

		more[i] = (struct iom_span){ .start = at + 1, .end = at + 2 };
		iom_space_insert(&space, &more[i]);
	}
	ck_assert_uint_gt(check_tree(FULL + n).nodes, nodes * 18 / 10);
}
END_TEST

START_TEST(reserve_refused)
{
	struct iom_span last;
	uint64_t i;

	for (i = 0; i < N; i++) {
		int ret;

		drain(0);
		refused = false;
		countdown = 1;
		ret = iom_space_reserve(&space, 1 + i % 70);
		countdown = 0;
		ck_assert(refused);
		ck_assert_int_eq(ret, -ENOMEM);
		if (i % 1000 == 0)
			check_tree(i);
		insert(&spans[i], 5 * i, 5 * i + 2);
	}
	check_tree(N);
	ck_assert_int_eq(iom_space_reserve(&space, SIZE_MAX / 8), -ENOMEM);
	insert(&last, 5 * i, 5 * i + 2);
	check_tree(N + 1);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("space");
	TCase *tcase = tcase_create("space");

	tcase_add_checked_fixture(tcase, set_up, tear_down_space);
	tcase_set_timeout(tcase, 60);
	tcase_add_test(tcase, empty);
	tcase_add_test(tcase, the_whole_space);
	tcase_add_test(tcase, both_ends);
	tcase_add_test(tcase, at_finds_the_one_or_the_next);
	tcase_add_test(tcase, alignment_and_phase);
	tcase_add_test(tcase, bounds_cut_gaps);
	tcase_add_test(tcase, many_gaps_that_lie_wrong);
	tcase_add_test(tcase, gaps_that_are_not_counted);
	tcase_add_test(tcase, runs_leave_nodes_fuller);
	tcase_add_loop_test(tcase, emptied, 0, ORDERS);
	tcase_add_loop_test(tcase, reserved_is_enough, 0, ORDERS);
	tcase_add_loop_test(tcase, reserved_one_is_enough, 0, ORDERS);
	tcase_add_test(tcase, reserved_is_enough_for_swapped_pairs);
	tcase_add_test(tcase, full_leaves_all_split);
	tcase_add_test(tcase, reserve_refused);
	suite_add_tcase(suite, tcase);
	return run_suite(suite);
}
