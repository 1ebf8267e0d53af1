// SPDX-License-Identifier: BSD-3-Clause
/* Several threads map batches, give them back and read, all at once. */
#include <sched.h>

#include "tests/unit/batch_rig.h"
#include "tests/unit/runner.h"

#define THREADS 3
#define PIECES 12
#define PAGES 96 /* of each thread */
#define ROUNDS 300

static char *memory;
static uint64_t seed;
static unsigned int stop; /* atomic */

static void set_up(void)
{
	rig_start(NULL);
	seed = random_start();
	stop = 0;
	memory = rig_memory(THREADS * PAGES * PAGE);
}

static void start(pthread_t *thread, void *(*run)(void *), uintptr_t arg)
{
	ck_assert_int_eq(pthread_create(thread, NULL, run, (void *)arg), 0);
}

/* Some of the thread's pages, in some order; how many. */
static size_t choose(char *mine, struct iom_piece *pieces, uint64_t *random)
{
	uint64_t page = 0;
	size_t n;

	for (n = 0; n < PIECES; n++) {
		uint64_t pages = 1 + random_below(random, 4);

		page += random_below(random, 3) ? 0 : 1 + random_below(random, 3);
		pieces[n] = piece_of(mine + page * PAGE, pages * PAGE);
		page += pages;
	}
	n = 1 + random_below(random, PIECES);
	shuffle(pieces, n, sizeof(*pieces), random);
	return n;
}

static void *map_and_unmap(void *arg)
{
	uint64_t random = seed + (uintptr_t)arg, round;
	char *mine = memory + (uintptr_t)arg * PAGES * PAGE;
	struct iom_region regions[PIECES];
	struct iom_piece pieces[PIECES];

	for (round = 0; round < ROUNDS; round++) {
		unsigned int flags = random_below(&random, 3) ? 0 : IOM_MAP_APART;
		size_t n = choose(mine, pieces, &random), i;
		const bool fixed = random_below(&random, 2);

		for (i = 0; i < n && fixed; i++)
			pieces[i].iova = 8 * GIB + (uint64_t)((char *)pieces[i].va - memory);
		flags |= fixed ? IOM_MAP_FIXED : 0;

		ck_assert_ok(mapv(pieces, n, flags, regions));
		for (i = 0; i < n; i++)
			ck_assert(is_mapped_as(&regions[i], &pieces[i]));
		shuffle(regions, n, sizeof(*regions), &random);
		if (n > 1 && !(flags & IOM_MAP_APART))
			ck_assert_int_eq(iom_unmapv(rig.dom, regions, n - 1), -EINVAL);
		ck_assert_ok(iom_unmapv(rig.dom, regions, n));
		/* other IOVAs are another thread's by now, perhaps */
		for (i = 0; i < n && fixed; i++)
			ck_assert(dma_misses(NVME, regions[i].iova, regions[i].length));
	}
	return NULL;
}

static void *translate(void *arg)
{
	uint64_t random = seed ^ (uintptr_t)arg;

	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
		uint64_t at = random_below(&random, THREADS * PAGES * PAGE), iova, run;

		if (!iom_translate(rig.dom, memory + at, PAGE, &iova, &run))
			ck_assert_uint_ge(run, 1);
		rig_counters();
	}
	return NULL;
}

START_TEST(each_its_own)
{
	pthread_t threads[THREADS], reader;
	unsigned int i;

	start(&reader, translate, 1);
	for (i = 0; i < THREADS; i++)
		start(&threads[i], map_and_unmap, i);
	for (i = 0; i < THREADS; i++)
		ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
	__atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
	ck_assert_int_eq(pthread_join(reader, NULL), 0);
	ck_assert_uint_eq(rig_counters().mappings, 0);
	ck_assert_uint_eq(iom_sim_mapped_bytes(rig.sim), 0);
	ck_assert_uint_eq(rig.dom->batches, 0);
	ck_assert_uint_eq(rig.dom->entries, 0);
	ck_assert_works();
}
END_TEST

/* ---- Several threads for the same ---------------------------------------------------------- */

static pthread_barrier_t barrier;
static struct iom_region shared[PIECES];
static unsigned int wins; /* atomic */

/* One unmaps all of it; the others are told so, but only when it is true. */
static void *unmap_the_same(void *arg)
{
	struct iom_region mine[PIECES];
	uint64_t random = seed + (uintptr_t)arg;
	int round, i, ret;

	for (round = 0; round < ROUNDS; round++) {
		pthread_barrier_wait(&barrier);
		/* mapped by the main thread */
		pthread_barrier_wait(&barrier);
		memcpy(mine, shared, sizeof(mine));
		shuffle(mine, PIECES, sizeof(*mine), &random);
		ret = iom_unmapv(rig.dom, mine, PIECES);
		ck_assert(ret == 0 || ret == -ENOENT);
		if (!ret)
			__atomic_fetch_add(&wins, 1, __ATOMIC_RELAXED);
		for (i = 0; i < PIECES; i++)
			ck_assert(dma_misses(NVME, mine[i].iova, mine[i].length));
	}
	return NULL;
}

START_TEST(one_unmap_wins)
{
	struct iom_piece pieces[PIECES];
	pthread_t threads[THREADS];
	unsigned int i;
	int round;

	for (i = 0; i < PIECES; i++)
		pieces[i] =
			piece_at(memory + (i + i / 3) * PAGE, PAGE, FOUR_GIB + (i + i / 4) * PAGE);
	ck_assert_int_eq(pthread_barrier_init(&barrier, NULL, THREADS + 1), 0);
	for (i = 0; i < THREADS; i++)
		start(&threads[i], unmap_the_same, i);
	for (round = 0; round < ROUNDS; round++) {
		pthread_barrier_wait(&barrier);
		ck_assert_ok(mapv(pieces, PIECES, IOM_MAP_FIXED, shared));
		pthread_barrier_wait(&barrier);
	}
	for (i = 0; i < THREADS; i++)
		ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
	ck_assert_uint_eq(wins, ROUNDS);
	pthread_barrier_destroy(&barrier);
}
END_TEST

static void *map_the_same(void *arg)
{
	struct iom_piece pieces[PIECES];
	struct iom_region regions[PIECES];
	uint64_t random = seed + (uintptr_t)arg;
	int round, i, ret;

	for (round = 0; round < ROUNDS; round++) {
		for (i = 0; i < PIECES; i++)
			pieces[i] = piece_at(memory + 2 * i * PAGE, PAGE, FOUR_GIB + 2 * i * PAGE);
		shuffle(pieces, PIECES, sizeof(*pieces), &random);
		ret = mapv(pieces, PIECES, IOM_MAP_FIXED, regions);
		if (ret < 0) {
			ck_assert_int_eq(ret, -EEXIST);
			continue;
		}
		__atomic_fetch_add(&wins, 1, __ATOMIC_RELAXED);
		ck_assert_int_eq(mapv(pieces, PIECES, IOM_MAP_FIXED, regions), -EEXIST);
		/* a part by range is refused whatever is under way */
		ck_assert_int_eq(iom_unmap_range(rig.dom, FOUR_GIB, PAGE), -EINVAL);
		ck_assert_ok(iom_unmapv(rig.dom, regions, PIECES));
	}
	return NULL;
}

START_TEST(one_map_wins)
{
	pthread_t threads[THREADS];
	unsigned int i;

	wins = 0;
	for (i = 0; i < THREADS; i++)
		start(&threads[i], map_the_same, i);
	for (i = 0; i < THREADS; i++)
		ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
	ck_assert_uint_gt(wins, 0);
	ck_assert_uint_eq(rig_counters().mappings, 0);
	ck_assert_uint_eq(iom_sim_mapped_bytes(rig.sim), 0);
	ck_assert_works();
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("batch_threads");
	TCase *tcase = tcase_create("threads");

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_set_timeout(tcase, 300);
	tcase_add_test(tcase, each_its_own);
	tcase_add_test(tcase, one_unmap_wins);
	tcase_add_test(tcase, one_map_wins);
	suite_add_tcase(suite, tcase);
	return run_suite(suite);
}
