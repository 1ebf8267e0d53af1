// SPDX-License-Identifier: BSD-3-Clause
/* Threads that map, unmap, translate and attach at the same time. */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <sys/mman.h>

#include "harness.h"

#define READERS 2
#define ROUNDS 400
#define YIELD_EACH 8

struct race {
	struct fixture *f;
	char *va;
	iom_iova_t iova;
	uint64_t length;
	bool stop;         /* atomic */
	bool wrong;        /* atomic */
	unsigned int hits; /* atomic */
};

static void *read_all_the_time(void *arg)
{
	struct race *race = arg;
	uint64_t at = 0, run;
	iom_iova_t iova;
	void *va;

	while (!__atomic_load_n(&race->stop, __ATOMIC_RELAXED)) {
		at = (at + 4 * KIB + 1) % race->length;
		if (!iom_translate(race->f->dom, race->va + at, 1, &iova, &run)) {
			__atomic_fetch_add(&race->hits, 1, __ATOMIC_RELAXED);
			if (iova != race->iova + at || run != 1)
				__atomic_store_n(&race->wrong, true, __ATOMIC_RELAXED);
		}
		if (!iom_iova_to_va(race->f->dom, race->iova + at, 1, &va, &run) &&
		    (va != race->va + at || run != 1))
			__atomic_store_n(&race->wrong, true, __ATOMIC_RELAXED);
	}
	return NULL;
}

static enum outcome map_and_unmap(struct race *race)
{
	struct iom_region r;
	int i;

	for (i = 0; i < ROUNDS || !__atomic_load_n(&race->hits, __ATOMIC_RELAXED); i++) {
		OK(map_at(race->f, race->va, race->length, race->iova, &r));
		/* Where there is one processor, nobody might ever run while it is mapped. */
		if (i % YIELD_EACH == 0)
			sched_yield();
		OK(iom_unmap(race->f->dom, &r));
	}
	return PASS;
}

/* What translators find beside a thread that maps and unmaps is right, or nothing. */
static enum outcome translate_beside_unmap(struct fixture *f)
{
	struct race race = { .f = f, .length = 64 * f->page };
	pthread_t readers[READERS];
	enum outcome outcome;
	struct iom_region r;
	int i;

	race.va = memory(race.length);
	OK(iom_map(f->dom, race.va, race.length, IOM_MAP_RW, NULL, &r));
	race.iova = r.iova;
	OK(iom_unmap(f->dom, &r));
	for (i = 0; i < READERS; i++)
		EXPECT(!pthread_create(&readers[i], NULL, read_all_the_time, &race));
	outcome = map_and_unmap(&race);
	__atomic_store_n(&race.stop, true, __ATOMIC_RELAXED);
	for (i = 0; i < READERS; i++)
		pthread_join(readers[i], NULL);
	EXPECT(!race.wrong && race.hits);
	return outcome;
}

/* ---- Mappers, each with memory of its own ----------------------------------------------------- */

#define MAPPERS 3
#define MAPS 200

struct mapper {
	struct fixture *f;
	char *memory;
	enum outcome outcome;
};

static enum outcome map_own(struct mapper *m)
{
	uint64_t page = m->f->page, run;
	struct iom_region r[4];
	iom_iova_t iova;
	int i, j;

	for (i = 0; i < MAPS; i++) {
		for (j = 0; j < 4; j++) {
			char *p = m->memory + (uint64_t)j * 4 * page;

			OK(iom_map(m->f->dom, p, 3 * page, IOM_MAP_RW, NULL, &r[j]));
			OK(iom_translate(m->f->dom, p + page, page, &iova, &run));
			EXPECT(iova == r[j].iova + page && run == page);
		}
		for (j = 0; j < 4; j++) {
			OK(iom_unmap(m->f->dom, &r[j]));
			EXPECT(iom_translate(m->f->dom, r[j].va, 1, &iova, &run) == -ENOENT);
			REFUSED(iom_unmap(m->f->dom, &r[j]), -ENOENT, "unmapped before");
		}
	}
	return PASS;
}

static void *run_mapper(void *arg)
{
	struct mapper *m = arg;

	m->outcome = map_own(m);
	return NULL;
}

static enum outcome with_mappers(struct fixture *f, enum outcome (*beside)(struct fixture *f))
{
	struct iom_counters before = counters(f);
	struct mapper mappers[MAPPERS];
	pthread_t threads[MAPPERS];
	enum outcome outcome;
	int i;

	for (i = 0; i < MAPPERS; i++) {
		mappers[i] = (struct mapper){ .f = f, .memory = memory(16 * f->page) };
		EXPECT(!pthread_create(&threads[i], NULL, run_mapper, &mappers[i]));
	}
	outcome = beside(f);
	for (i = 0; i < MAPPERS; i++) {
		pthread_join(threads[i], NULL);
		if (mappers[i].outcome != PASS)
			outcome = mappers[i].outcome;
	}
	EXPECT(outcome != PASS || same_mappings(f, &before));
	return outcome;
}

static enum outcome look_at_it(struct fixture *f)
{
	struct iom_counters c;
	char text[2048];
	int i;

	for (i = 0; i < 20; i++) {
		c = counters(f);
		EXPECT(c.mappings <= MAPPERS * 4 && !c.quarantined_bytes);
		EXPECT(c.mapped_bytes == c.mappings * 3 * f->page);
		EXPECT(iom_explain(f->dom, text, sizeof(text)) > 0);
		EXPECT(iom_apertures(f->dom, NULL, 0) > 0);
	}
	return PASS;
}

static enum outcome mappers(struct fixture *f)
{
	return with_mappers(f, look_at_it);
}

static enum outcome come_and_go(struct fixture *f)
{
	struct iom_device *dev;
	int i;

	for (i = 0; i < 5; i++) {
		OK(iom_attach(f->dom, f->world->edu, NULL, &dev));
		iom_detach(dev);
	}
	return PASS;
}

static enum outcome mappers_and_devices(struct fixture *f)
{
	NEED(f->world->edu, "no edu device");
	return with_mappers(f, come_and_go);
}

const struct test thread_tests[] = {
	{ "defect-8-translate-beside-unmap", translate_beside_unmap, NEEDS_DEVICE },
	{ "threads-that-map-and-unmap", mappers, NEEDS_DEVICE },
	{ "threads-while-a-device-comes-and-goes", mappers_and_devices, NEEDS_DEVICE },
	{ NULL, NULL, NEEDS_DEVICE },
};
