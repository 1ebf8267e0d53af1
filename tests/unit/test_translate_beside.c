// SPDX-License-Identifier: BSD-3-Clause
/*
 * Readers translate and have the device read there, beside threads that unmap and put other memory at
 * the same IOVA: once an unmap has returned, nobody is led to what it unmapped, nor does the device
 * see it.
 */
#include <sched.h>

#include "tests/unit/domain_rig.h"
#include "tests/unit/runner.h"

#define MAPPERS 2
#define READERS 2
#define PAGES 3 /* of each mapper, one after the other at its IOVA */
#define ROUNDS 500

/* A mapper numbers its mappings from 1 on; the number is in the page while it is mapped. */
static struct place {
	char *memory;
	uint64_t iova;
	uint64_t numbers[PAGES]; /* atomic: under which each page was mapped last */
	uint64_t ended;          /* atomic: the last number whose unmap has returned */
} places[MAPPERS];

static unsigned int mapping; /* atomic: mappers that go on */
static unsigned int reading; /* atomic: readers that have begun */
static uint64_t seed;

static char *page_of(const struct place *place, unsigned int i)
{
	return place->memory + i * PAGE;
}

static int map_page(struct place *place, unsigned int i, uint64_t number, struct iom_region *region)
{
	char *va = page_of(place, i);

	/* what the device would see of an old mapping has a lower number */
	memcpy(va, &number, sizeof(number));
	__atomic_store_n(&place->numbers[i], number, __ATOMIC_SEQ_CST);
	return map_fixed(va, PAGE, place->iova, region);
}

static int unmap_page(struct place *place, const struct iom_region *region, uint64_t *random)
{
	switch (random_below(random, 3)) {
	case 0:
		return iom_unmap(rig.dom, region);
	case 1:
		return iom_unmapv(rig.dom, region, 1);
	default:
		return iom_unmap_range(rig.dom, place->iova, PAGE);
	}
}

/* The last mapping stays, for readers that had no processor meanwhile. */
static void *map_and_unmap(void *arg)
{
	struct place *place = arg;
	uint64_t random = seed + place->iova, number;
	struct iom_region region;

	for (number = 1;; number++) {
		unsigned int i = (unsigned int)random_below(&random, PAGES);

		ck_assert_ok(map_page(place, i, number, &region));
		if (number == ROUNDS)
			break;
		if (number % 16 == 0)
			sched_yield();
		ck_assert_ok(unmap_page(place, &region, &random));
		__atomic_store_n(&place->ended, number, __ATOMIC_SEQ_CST);
	}
	__atomic_fetch_sub(&mapping, 1, __ATOMIC_SEQ_CST);
	return NULL;
}

/* How often the device saw something. */
static unsigned int look(struct place *place, unsigned int i, uint64_t *iova)
{
	uint64_t ended = __atomic_load_n(&place->ended, __ATOMIC_SEQ_CST), seen, found, run;

	if (!iom_translate(rig.dom, page_of(place, i), PAGE, &found, &run)) {
		uint64_t number = __atomic_load_n(&place->numbers[i], __ATOMIC_SEQ_CST);

		ck_assert_msg(number > ended,
			      "mapping %" PRIu64 " is found, and %" PRIu64 " was unmapped", number,
			      ended);
		ck_assert_uint_eq(found, place->iova);
		ck_assert_uint_eq(run, PAGE);
		*iova = found;
	}
	/* or where it was found before */
	if (*iova == UINT64_MAX)
		return 0;
	ended = __atomic_load_n(&place->ended, __ATOMIC_SEQ_CST);
	if (iom_sim_dma_read(rig.sim, NVME, *iova, &seen, sizeof(seen)) < 0)
		return 0;
	ck_assert_msg(seen > ended && seen <= ROUNDS,
		      "the device sees mapping %" PRIu64 ", and %" PRIu64 " was unmapped", seen,
		      ended);
	return 1;
}

static void *translate(void *arg)
{
	uint64_t random = seed ^ (uintptr_t)arg, iovas[MAPPERS];
	uintptr_t hits = 0;

	memset(iovas, 0xff, sizeof(iovas));
	__atomic_fetch_add(&reading, 1, __ATOMIC_SEQ_CST);
	while (__atomic_load_n(&mapping, __ATOMIC_SEQ_CST) || !hits) {
		unsigned int m = (unsigned int)random_below(&random, MAPPERS);

		hits += look(&places[m], (unsigned int)random_below(&random, PAGES), &iovas[m]);
	}
	return (void *)hits;
}

static void start(pthread_t *thread, void *(*run)(void *), void *arg)
{
	ck_assert_int_eq(pthread_create(thread, NULL, run, arg), 0);
}

START_TEST(nothing_old_is_seen)
{
	pthread_t mappers[MAPPERS], readers[READERS];
	uintptr_t i;
	void *hits;

	seed = random_start();
	mapping = MAPPERS;
	reading = 0;
	for (i = 0; i < MAPPERS; i++)
		places[i] = (struct place){ .memory = rig_memory(PAGES * PAGE),
					    .iova = 8 * GIB + i * MIB };
	for (i = 0; i < READERS; i++)
		start(&readers[i], translate, (void *)i);
	/* on a busy machine the mappers would be through before */
	while (__atomic_load_n(&reading, __ATOMIC_SEQ_CST) < READERS)
		sched_yield();
	for (i = 0; i < MAPPERS; i++)
		start(&mappers[i], map_and_unmap, &places[i]);
	for (i = 0; i < MAPPERS; i++)
		ck_assert_int_eq(pthread_join(mappers[i], NULL), 0);
	for (i = 0; i < READERS; i++) {
		ck_assert_int_eq(pthread_join(readers[i], &hits), 0);
		ck_assert_uint_gt((uintptr_t)hits, 0);
	}
	/* as a model of it has it: one page of each, the last one */
	ck_assert_uint_eq(rig_counters().mappings, MAPPERS);
	ck_assert_uint_eq(iom_sim_mapped_bytes(rig.sim), MAPPERS * PAGE);
	for (i = 0; i < MAPPERS; i++) {
		const uint64_t last = ROUNDS;

		ck_assert(dma_reads(NVME, places[i].iova, &last, sizeof(last)));
	}
	ck_assert_ok(iom_unmap_all(rig.dom));
	ck_assert(dma_misses(NVME, places[0].iova, PAGE));
	ck_assert_works();
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("translate_beside");
	TCase *tcase = tcase_create("translate_beside");

	tcase_add_checked_fixture(tcase, set_up_device, tear_down);
	tcase_set_timeout(tcase, 300);
	tcase_add_test(tcase, nothing_old_is_seen);
	suite_add_tcase(suite, tcase);
	return run_suite(suite);
}
