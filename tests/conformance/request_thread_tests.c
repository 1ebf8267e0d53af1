// SPDX-License-Identifier: BSD-3-Clause
/* Threads that ask for apertures, map in them and beside them, and release them. */
#include "request.h"

#include <errno.h>
#include <pthread.h>

#include "rig.h"

#define THREADS 3
#define ROUNDS 60
#define SLOT (8 * MIB)

struct worker {
	struct fixture *f;
	iom_iova_t at; /* its own range */
	uint64_t length;
	char *p;
	int *holders; /* of a range that they fight for; atomic */
	unsigned int won;
	enum outcome outcome;
};

/* Asks for its own range, maps in it and gives it back. */
static enum outcome ask_again_and_again(struct worker *w)
{
	struct iom_aperture a;
	struct iom_region r;
	uint64_t id;
	int i;

	for (i = 0; i < ROUNDS; i++) {
		OK(ask_at(w->f, w->at, w->length, 0, &id));
		OK(iom_aperture_granted(w->f->dom, id, &a));
		EXPECT(a.start == w->at && a.last == w->at + w->length - 1);
		OK(map_at(w->f, w->p, w->f->page, w->at, &r));
		REFUSED(iom_aperture_release(w->f->dom, id), -EBUSY, "mapped");
		EXPECT(translates_to(w->f, w->p, w->at));
		OK(iom_unmap(w->f->dom, &r));
		OK(iom_aperture_release(w->f->dom, id));
		REFUSED(iom_aperture_release(w->f->dom, id), -ENOENT, "request");
	}
	return PASS;
}

/* Maps wherever there is room, which is never in what others have asked for. */
static enum outcome map_again_and_again(struct worker *w)
{
	struct iom_region r;
	int i;

	for (i = 0; i < 4 * ROUNDS; i++) {
		OK(iom_map(w->f->dom, w->p, w->f->page, IOM_MAP_RW, NULL, &r));
		EXPECT(r.iova < ASKED || r.iova >= ASKED + THREADS * SLOT);
		OK(iom_unmap(w->f->dom, &r));
	}
	return PASS;
}

/* All want the same one: it is one thread's at a time. */
static enum outcome fight(struct worker *w)
{
	uint64_t id;
	int i, ret;

	for (i = 0; i < ROUNDS; i++) {
		ret = ask_at(w->f, w->at, w->length, 0, &id);
		if (ret == -EEXIST)
			continue;
		OK(ret);
		w->won++;
		EXPECT(!__atomic_fetch_add(w->holders, 1, __ATOMIC_SEQ_CST));
		__atomic_fetch_sub(w->holders, 1, __ATOMIC_SEQ_CST);
		OK(iom_aperture_release(w->f->dom, id));
	}
	return PASS;
}

static void *run_asker(void *arg)
{
	struct worker *w = arg;

	w->outcome = ask_again_and_again(w);
	return NULL;
}

static void *run_mapper(void *arg)
{
	struct worker *w = arg;

	w->outcome = map_again_and_again(w);
	return NULL;
}

static void *run_fighter(void *arg)
{
	struct worker *w = arg;

	w->outcome = fight(w);
	return NULL;
}

static enum outcome at_once(struct fixture *f)
{
	struct worker workers[THREADS + 1];
	pthread_t threads[THREADS + 1];
	struct listed before;
	struct rig rig;
	int i;

	TRY(rig_build(&rig, f, f->dev));
	TRY(read_list(f, &before));
	for (i = 0; i <= THREADS; i++) {
		workers[i] = (struct worker){
			.f = f,
			.at = ASKED + (uint64_t)i * SLOT,
			.length = SLOT,
			.p = memory(f->page),
		};
		EXPECT(!pthread_create(&threads[i], NULL, i < THREADS ? run_asker : run_mapper,
				       &workers[i]));
	}
	for (i = 0; i <= THREADS; i++)
		pthread_join(threads[i], NULL);
	for (i = 0; i <= THREADS; i++)
		TRY(workers[i].outcome);
	TRY(same_list(f, &before));
	TRY(rig_works(&rig));
	rig_release(&rig);
	return PASS;
}

static enum outcome for_the_same(struct fixture *f)
{
	struct worker workers[THREADS];
	pthread_t threads[THREADS];
	unsigned int won = 0;
	struct listed before;
	int i, holders = 0;

	TRY(read_list(f, &before));
	for (i = 0; i < THREADS; i++) {
		workers[i] = (struct worker){
			.f = f,
			.at = ASKED,
			.length = SLOT,
			.holders = &holders,
		};
		EXPECT(!pthread_create(&threads[i], NULL, run_fighter, &workers[i]));
	}
	for (i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	for (i = 0; i < THREADS; i++) {
		TRY(workers[i].outcome);
		won += workers[i].won;
	}
	EXPECT(won);
	return same_list(f, &before);
}

const struct test request_thread_tests[] = {
	{ "request-by-threads-at-once", at_once, NEEDS_EDU },
	{ "request-by-threads-for-the-same", for_the_same, NEEDS_EDU },
	{ NULL, NULL, NEEDS_EDU },
};
