// SPDX-License-Identifier: BSD-3-Clause
/* Many threads at once, for as long as it takes to go wrong: run this under the thread sanitizer, too. */
#include <sched.h>

#include "tests/unit/domain_rig.h"
#include "tests/unit/runner.h"

#define MAPPERS 3
#define READERS 2
#define ROUNDS 300
#define PIECES 8 /* of each mapper */
#define PIECE_PAGES 3

static int stop; /* atomic */
static uint64_t seed;
static char *memory;

static char *piece(unsigned int mapper, unsigned int i)
{
	return memory + (mapper * PIECES + i) * PIECE_PAGES * PAGE;
}

static unsigned int reading; /* atomic: threads that do */
static unsigned int found;   /* atomic: something that is mapped, by one of them */

/* ---- Mappers, each with memory of its own, and readers of all ----------------------------------- */

static void map_or_unmap(char *va, struct iom_region *region, bool *mapped)
{
	if (*mapped) {
		ck_assert_ok(iom_unmap(rig.dom, region));
		ck_assert_int_eq(iom_unmap(rig.dom, region), -ENOENT);
		ck_assert(!is_mapped(va));
	} else {
		ck_assert_ok(map_any(va, PIECE_PAGES * PAGE, region));
		ck_assert(is_mapped(va));
	}
	*mapped = !*mapped;
}

static void *map_and_unmap(void *arg)
{
	unsigned int mapper = (unsigned int)(uintptr_t)arg, round;
	struct iom_region regions[PIECES];
	bool mapped[PIECES] = { false };
	uint64_t random = seed + mapper;

	for (round = 0; round < ROUNDS; round++) {
		unsigned int i = (unsigned int)random_below(&random, PIECES);

		map_or_unmap(piece(mapper, i), &regions[i], &mapped[i]);
	}
	return NULL;
}

/* What is found is whole: an IOVA that is aligned like the address, and leads back to it or nowhere. */
static void *translate(void *arg)
{
	const uint64_t bytes = MAPPERS * PIECES * PIECE_PAGES * PAGE;
	uint64_t random = seed ^ (uintptr_t)arg, hits = 0;

	__atomic_add_fetch(&reading, 1, __ATOMIC_RELAXED);
	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
		uint64_t at = random_below(&random, bytes), iova, run, back_run;
		uint64_t left = PIECE_PAGES * PAGE - at % (PIECE_PAGES * PAGE);
		void *back;

		if (iom_translate(rig.dom, memory + at, UINT64_MAX, &iova, &run) < 0)
			continue;
		if (!hits++)
			__atomic_store_n(&found, 1, __ATOMIC_RELAXED);
		ck_assert_uint_eq(run, left);
		ck_assert_uint_eq(iova % PAGE, at % PAGE);
		ck_assert_uint_ge(iova, 4 * GIB);
		if (iom_iova_to_va(rig.dom, iova, UINT64_MAX, &back, &back_run) == 0) {
			ck_assert_uint_le(back_run, PIECE_PAGES * PAGE);
			ck_assert_uint_eq((uintptr_t)back % PAGE, at % PAGE);
		}
	}
	return (void *)(uintptr_t)hits;
}

static void *count(void *arg)
{
	char text[2048];

	(void)arg;
	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
		struct iom_counters counters = rig_counters();

		ck_assert_uint_le(counters.mappings, MAPPERS * PIECES);
		ck_assert_uint_eq(counters.mapped_bytes, counters.mappings * PIECE_PAGES * PAGE);
		ck_assert_uint_eq(counters.quarantined_bytes, 0);
		ck_assert_int_gt(iom_explain(rig.dom, text, sizeof(text)), 0);
		ck_assert_str_eq(iom_backend(rig.dom), rig_backend()->name);
		ck_assert_uint_eq(iom_page_size(rig.dom), PAGE);
		sched_yield();
	}
	return NULL;
}

/* A second device that comes and goes, and sees what there is. */
static void *attach_and_detach(void *arg)
{
	struct iom_device *edu;
	unsigned int round;

	(void)arg;
	for (round = 0; round < ROUNDS / 10; round++) {
		ck_assert_ok(iom_attach(rig.dom, EDU, NULL, &edu));
		ck_assert_int_ge(iom_device_fd(edu), 0);
		ck_assert_int_eq(iom_apertures(rig.dom, NULL, 0), 2);
		sched_yield();
		iom_detach(edu);
	}
	return NULL;
}

static void start(pthread_t *thread, void *(*run)(void *), uintptr_t arg)
{
	ck_assert_int_eq(pthread_create(thread, NULL, run, (void *)arg), 0);
}

START_TEST(all_at_once)
{
	pthread_t mappers[MAPPERS], readers[READERS], counter, attacher;
	uint64_t hits = 0;
	unsigned int i;
	void *seen;

	seed = random_start();
	memory = rig_memory(MAPPERS * PIECES * PIECE_PAGES * PAGE);
	reading = 0;
	for (i = 0; i < READERS; i++)
		start(&readers[i], translate, i);
	/* on a busy machine the mappers would be through before */
	while (__atomic_load_n(&reading, __ATOMIC_RELAXED) < READERS)
		sched_yield();
	start(&counter, count, 0);
	start(&attacher, attach_and_detach, 0);
	for (i = 0; i < MAPPERS; i++)
		start(&mappers[i], map_and_unmap, i);
	for (i = 0; i < MAPPERS; i++)
		ck_assert_int_eq(pthread_join(mappers[i], NULL), 0);
	ck_assert_int_eq(pthread_join(attacher, NULL), 0);
	/* some are left mapped, for readers that had no processor meanwhile */
	while (!__atomic_load_n(&found, __ATOMIC_RELAXED))
		sched_yield();
	__atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
	ck_assert_int_eq(pthread_join(counter, NULL), 0);
	for (i = 0; i < READERS; i++) {
		ck_assert_int_eq(pthread_join(readers[i], &seen), 0);
		hits += (uintptr_t)seen;
	}
	ck_assert_uint_gt(hits, 0);
	ck_assert_uint_eq(iom_sim_mapped_bytes(rig.sim), rig_counters().mapped_bytes);
	ck_assert_ok(iom_unmap_all(rig.dom));
	ck_assert_uint_eq(iom_sim_mapped_bytes(rig.sim), 0);
	ck_assert_works();
}
END_TEST

/* ---- Several threads for the same ----------------------------------------------------------------- */

static pthread_barrier_t barrier;
static struct iom_region shared_region;
static unsigned int wins; /* atomic */

static void *unmap_the_same(void *arg)
{
	int round, ret;

	(void)arg;
	for (round = 0; round < ROUNDS; round++) {
		pthread_barrier_wait(&barrier);
		/* mapped by the main thread */
		pthread_barrier_wait(&barrier);
		ret = iom_unmap(rig.dom, &shared_region);
		ck_assert(ret == 0 || ret == -ENOENT);
		/* whatever it said, the device cannot */
		ck_assert(dma_misses(NVME, shared_region.iova, PAGE));
		if (!ret)
			__atomic_fetch_add(&wins, 1, __ATOMIC_RELAXED);
	}
	return NULL;
}

/* One of them unmaps, the others are told so, and only once it is true. */
START_TEST(one_unmap_wins)
{
	pthread_t threads[MAPPERS];
	unsigned int i;
	int round;

	memory = rig_memory(PAGE);
	ck_assert_int_eq(pthread_barrier_init(&barrier, NULL, MAPPERS + 1), 0);
	for (i = 0; i < MAPPERS; i++)
		start(&threads[i], unmap_the_same, 0);
	for (round = 0; round < ROUNDS; round++) {
		pthread_barrier_wait(&barrier);
		ck_assert_ok(map_any(memory, PAGE, &shared_region));
		pthread_barrier_wait(&barrier);
	}
	for (i = 0; i < MAPPERS; i++)
		ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
	ck_assert_uint_eq(wins, ROUNDS);
	pthread_barrier_destroy(&barrier);
}
END_TEST

static void *map_the_same(void *arg)
{
	struct iom_region region;
	int round, ret;

	(void)arg;
	for (round = 0; round < ROUNDS; round++) {
		ret = map_fixed(memory, PAGE, 8 * GIB, &region);
		if (ret < 0) {
			ck_assert_int_eq(ret, -EEXIST);
			continue;
		}
		__atomic_fetch_add(&wins, 1, __ATOMIC_RELAXED);
		ck_assert_int_eq(map_fixed(memory, PAGE, 8 * GIB, NULL), -EEXIST);
		ck_assert_ok(iom_unmap(rig.dom, &region));
	}
	return NULL;
}

START_TEST(one_map_wins)
{
	pthread_t threads[MAPPERS];
	unsigned int i;

	memory = rig_memory(PAGE);
	for (i = 0; i < MAPPERS; i++)
		start(&threads[i], map_the_same, 0);
	for (i = 0; i < MAPPERS; i++)
		ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
	ck_assert_uint_gt(wins, 0);
	ck_assert_uint_eq(rig_counters().mappings, 0);
	ck_assert_uint_eq(iom_sim_mapped_bytes(rig.sim), 0);
	ck_assert_works();
}
END_TEST

/* ---- Cutting what others translate ---------------------------------------------------------------- */

#define CUTTERS 2
#define GRANULES 24
#define GRANULE (2 * PAGE)

/* For each granule, how often it went and came; odd: it is gone. */
static unsigned int turns[GRANULES]; /* atomic */

static unsigned int turn(uint64_t granule)
{
	return __atomic_load_n(&turns[granule], __ATOMIC_SEQ_CST);
}

/* Each has granules of its own, and cuts them out of whatever they are a part of, or maps them again. */
static void *cut_and_map(void *arg)
{
	uint64_t random = seed + (uintptr_t)arg;
	unsigned int round;

	for (round = 0; round < ROUNDS; round++) {
		uint64_t i = random_below(&random, GRANULES / CUTTERS) * CUTTERS + (uintptr_t)arg;
		uint64_t at = i * GRANULE;

		if (turn(i) % 2) {
			__atomic_fetch_add(&turns[i], 1, __ATOMIC_SEQ_CST);
			ck_assert_ok(map_fixed(memory + at, GRANULE, 8 * GIB + at, NULL));
		} else {
			ck_assert_ok(iom_unmap_range(rig.dom, 8 * GIB + at, GRANULE));
			ck_assert(dma_misses(NVME, 8 * GIB + at, GRANULE));
			__atomic_fetch_add(&turns[i], 1, __ATOMIC_SEQ_CST);
		}
	}
	return NULL;
}

/* What was gone all the time is not reached into from the granules before it. */
static void check_run(uint64_t at, uint64_t run, const unsigned int *before)
{
	uint64_t i;

	for (i = at / GRANULE; i * GRANULE < at + run; i++)
		ck_assert(!(before[i] % 2) || turn(i) != before[i]);
}

static void *translate_parts(void *arg)
{
	uint64_t random = seed ^ ~(uintptr_t)arg, hits = 0;
	unsigned int before[GRANULES];

	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
		uint64_t at = random_below(&random, GRANULES * GRANULE), iova, run, i;
		void *va;

		for (i = 0; i < GRANULES; i++)
			before[i] = turn(i);
		if (!iom_translate(rig.dom, memory + at, UINT64_MAX, &iova, &run)) {
			ck_assert_uint_eq(iova, 8 * GIB + at);
			ck_assert_uint_le(run, GRANULES * GRANULE - at);
			check_run(at, run, before);
			if (!hits++)
				__atomic_store_n(&found, 1, __ATOMIC_RELAXED);
		}
		for (i = 0; i < GRANULES; i++)
			before[i] = turn(i);
		if (!iom_iova_to_va(rig.dom, 8 * GIB + at, UINT64_MAX, &va, &run)) {
			ck_assert_ptr_eq(va, memory + at);
			ck_assert_uint_le(run, GRANULES * GRANULE - at);
			check_run(at, run, before);
		}
	}
	return (void *)(uintptr_t)hits;
}

START_TEST(cuts)
{
	pthread_t cutters[CUTTERS], readers[READERS];
	uint64_t hits = 0, i;
	void *seen;

	tear_down();
	rig_start_cut(NULL, GRANULE);
	stop = found = 0;
	memset(turns, 0, sizeof(turns));
	seed = random_start();
	memory = rig_memory(GRANULES * GRANULE);
	ck_assert_ok(map_fixed(memory, GRANULES * GRANULE, 8 * GIB, NULL));
	for (i = 0; i < READERS; i++)
		start(&readers[i], translate_parts, i);
	/* on a busy machine the cutters would be through before */
	while (!__atomic_load_n(&found, __ATOMIC_RELAXED))
		sched_yield();
	for (i = 0; i < CUTTERS; i++)
		start(&cutters[i], cut_and_map, i);
	for (i = 0; i < CUTTERS; i++)
		ck_assert_int_eq(pthread_join(cutters[i], NULL), 0);
	__atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
	for (i = 0; i < READERS; i++) {
		ck_assert_int_eq(pthread_join(readers[i], &seen), 0);
		hits += (uintptr_t)seen;
	}
	ck_assert_uint_gt(hits, 0);
	for (i = 0; i < GRANULES; i++)
		ck_assert(is_mapped(memory + i * GRANULE) == !(turns[i] % 2));
	ck_assert_uint_eq(iom_sim_mapped_bytes(rig.sim), rig_counters().mapped_bytes);
	ck_assert_uint_eq(rig_counters().quarantined_bytes, 0);
	ck_assert_ok(iom_unmap_all(rig.dom));
	ck_assert_works();
}
END_TEST

/* ---- Domains side by side ------------------------------------------------------------------------- */

static void *open_and_close(void *arg)
{
	struct iom_domain *dom;
	unsigned int round;

	(void)arg;
	for (round = 0; round < ROUNDS / 10; round++) {
		struct iom_region region;
		struct iom_device *edu;

		ck_assert_ok(rig_open(&dom));
		/* the other thread may have it */
		if (iom_attach(dom, EDU, NULL, &edu) == 0) {
			ck_assert_ok(iom_map(dom, memory, PAGE, IOM_MAP_RW, NULL, &region));
			ck_assert_ok(iom_unmap(dom, &region));
		} else {
			ck_assert_ptr_nonnull(strstr(iom_errmsg(), "is held by"));
		}
		iom_close(dom);
	}
	return NULL;
}

START_TEST(domains_come_and_go)
{
	pthread_t threads[2];
	unsigned int i;

	memory = rig_memory(PAGE);
	for (i = 0; i < 2; i++)
		start(&threads[i], open_and_close, 0);
	for (i = 0; i < 2; i++)
		ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
	ck_assert_works();
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("threads");
	TCase *tcase = tcase_create("threads");

	tcase_add_checked_fixture(tcase, set_up_device, tear_down);
	tcase_set_timeout(tcase, 300);
	tcase_add_test(tcase, all_at_once);
	tcase_add_test(tcase, one_unmap_wins);
	tcase_add_test(tcase, one_map_wins);
	tcase_add_test(tcase, cuts);
	tcase_add_test(tcase, domains_come_and_go);
	suite_add_tcase(suite, tcase);
	return run_suite(suite);
}
