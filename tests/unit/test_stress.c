// SPDX-License-Identifier: BSD-3-Clause
/*
 * All of the hot path at once, in threads: maps, batches, streams and translations, with too little room,
 * while a second device comes and goes.  Each thread has memory of its own and says where it is mapped; all
 * check what they find of it.  At the end domain, kernel and device have what the threads say, and no more.
 *
 * IOM_STRESS_SECONDS in the environment says for how long: 2 by default.  Run it under the thread
 * sanitizer and the address sanitizer, too.
 */
#include <unistd.h>

#include "tests/unit/runner.h"
#include "tests/unit/stream_rig.h"

#define THREADS 4
#define SLOTS 48u
#define SLOT (4 * PAGE)
#define BATCHES 6
#define BATCH_MOST 8
#define FLIGHTS 2

#define BITS \
	25 /* that the device can drive: room for 15 granules at most, of the 12 and the rest */
#define SHARED (2 * GRANULES)
#define NOWHERE UINT64_MAX

/* A piece of a thread's memory, as all threads may read of it. */
struct slot {
	uint64_t turn;            /* atomic: odd while it is mapped or unmapped */
	uint64_t iova;            /* atomic */
	struct iom_region region; /* its thread's */
	bool in_batch;
};

struct batch {
	struct iom_region regions[BATCH_MOST];
	unsigned int slots[BATCH_MOST], n; /* 0: it is not there */
};

struct worker {
	pthread_t thread;
	unsigned int number;
	uint64_t random;
	char *memory; /* of the slots; every eighth is apart from the one before */
	char *loose;  /* that nobody declared: 2 granules; the second is declared now and then */
	struct slot slots[SLOTS];
	struct batch batches[BATCHES];
	struct iom_stream *stream;
	struct iom_memory *own;
	struct flight flights[FLIGHTS]; /* n is 0: not in flight */
	uint64_t segments, refused, evictions, done, checked;
};

static struct worker workers[THREADS];
static int stop; /* atomic */

static uint64_t below_n(struct worker *w, uint64_t n)
{
	return random_below(&w->random, n);
}

static char *slot_memory(const struct worker *w, unsigned int i)
{
	return w->memory + i * SLOT + i / 8 * PAGE;
}

/* ---- What is said of a slot ---------------------------------------------------------------------- */

static void begin(struct slot *slot)
{
	__atomic_fetch_add(&slot->turn, 1, __ATOMIC_SEQ_CST);
}

static void end(struct slot *slot, uint64_t iova)
{
	__atomic_store_n(&slot->iova, iova, __ATOMIC_SEQ_CST);
	__atomic_fetch_add(&slot->turn, 1, __ATOMIC_SEQ_CST);
}

/* Where it is; false: it is changing. */
static bool look(struct slot *slot, uint64_t *turn, uint64_t *iova)
{
	*turn = __atomic_load_n(&slot->turn, __ATOMIC_SEQ_CST);
	*iova = __atomic_load_n(&slot->iova, __ATOMIC_SEQ_CST);
	return *turn % 2 == 0;
}

/* Whether it has been so until now.  It writes, so that nothing that was read before comes after it. */
static bool is_still(struct slot *slot, uint64_t turn)
{
	return __atomic_fetch_add(&slot->turn, 0, __ATOMIC_SEQ_CST) == turn;
}

static bool is_free(const struct slot *slot)
{
	return slot->iova == NOWHERE;
}

/* ---- Maps ---------------------------------------------------------------------------------------- */

static void map_slot(struct worker *w, unsigned int i)
{
	struct slot *slot = &w->slots[i];
	int ret;

	begin(slot);
	ret = map_any(slot_memory(w, i), SLOT, &slot->region);
	ck_assert_msg(ret == 0, "map: %d: %s", ret, iom_errmsg());
	end(slot, slot->region.iova);
	if (below_n(w, 8) == 0)
		ck_assert_int_eq(map_any(slot_memory(w, i), PAGE, NULL), -EEXIST);
	if (below_n(w, 4) == 0)
		ck_assert(dma_works(NVME, &slot->region));
}

static void unmap_slot(struct worker *w, unsigned int i)
{
	struct slot *slot = &w->slots[i];

	begin(slot);
	if (below_n(w, 2))
		ck_assert_ok(iom_unmap(rig.dom, &slot->region));
	else
		ck_assert_ok(iom_unmap_range(rig.dom, slot->region.iova, SLOT));
	end(slot, NOWHERE);
	if (below_n(w, 4) == 0)
		ck_assert_int_eq(iom_unmap(rig.dom, &slot->region), -ENOENT);
}

static void map_or_unmap(struct worker *w)
{
	unsigned int i = (unsigned int)below_n(w, SLOTS);

	if (is_free(&w->slots[i]))
		map_slot(w, i);
	else if (!w->slots[i].in_batch)
		unmap_slot(w, i);
}

/* Slots that are free, next to each other or not, in a random order. */
static void choose_pieces(struct worker *w, struct batch *b, struct iom_piece *pieces)
{
	unsigned int first = (unsigned int)below_n(w, SLOTS),
		     step = 1 + (unsigned int)below_n(w, 2);
	unsigned int most = 2 + (unsigned int)below_n(w, BATCH_MOST - 1), i;

	b->n = 0;
	for (i = first; i < SLOTS && b->n < most; i += step) {
		unsigned int at = (unsigned int)below_n(w, b->n + 1);

		if (!is_free(&w->slots[i]))
			continue;
		b->slots[b->n] = b->slots[at];
		b->slots[at] = i;
		b->n++;
	}
	for (i = 0; i < b->n; i++)
		pieces[i] = (struct iom_piece){ .va = slot_memory(w, b->slots[i]), .length = SLOT };
}

static void map_batch(struct worker *w, struct batch *b)
{
	struct iom_piece pieces[BATCH_MOST];
	unsigned int i;
	int ret;

	choose_pieces(w, b, pieces);
	if (b->n < 2) {
		b->n = 0;
		return;
	}
	for (i = 0; i < b->n; i++)
		begin(&w->slots[b->slots[i]]);
	ret = iom_mapv(rig.dom, pieces, b->n, IOM_MAP_RW, NULL, b->regions);
	ck_assert_msg(ret == 0, "mapv: %d: %s", ret, iom_errmsg());
	for (i = 0; i < b->n; i++) {
		struct slot *slot = &w->slots[b->slots[i]];

		slot->region = b->regions[i];
		slot->in_batch = true;
		end(slot, slot->region.iova);
	}
	if (below_n(w, 4) == 0)
		ck_assert_int_eq(iom_unmap(rig.dom, &b->regions[0]), -EINVAL);
	if (below_n(w, 4) == 0)
		ck_assert_int_eq(iom_unmapv(rig.dom, b->regions, b->n - 1), -EINVAL);
	if (below_n(w, 4) == 0)
		ck_assert(dma_works(NVME, &b->regions[b->n - 1]));
}

static void unmap_batch(struct worker *w, struct batch *b)
{
	unsigned int i, at = (unsigned int)below_n(w, b->n);
	struct iom_region swapped = b->regions[0];

	b->regions[0] = b->regions[at];
	b->regions[at] = swapped;
	for (i = 0; i < b->n; i++)
		begin(&w->slots[b->slots[i]]);
	ck_assert_ok(iom_unmapv(rig.dom, b->regions, b->n));
	for (i = 0; i < b->n; i++) {
		w->slots[b->slots[i]].in_batch = false;
		end(&w->slots[b->slots[i]], NOWHERE);
	}
	if (below_n(w, 4) == 0)
		ck_assert_int_eq(iom_unmapv(rig.dom, b->regions, b->n), -ENOENT);
	b->n = 0;
}

static void map_or_unmap_batch(struct worker *w)
{
	struct batch *b = &w->batches[below_n(w, BATCHES)];

	if (b->n)
		unmap_batch(w, b);
	else
		map_batch(w, b);
}

/* ---- Streams ------------------------------------------------------------------------------------- */

/* Where no other thread writes: each has its 64 KiB of each granule that they share. */
static char *buffer(struct worker *w, uint64_t *length)
{
	uint64_t at;

	*length = 1 + below_n(w, 3 * PAGE);
	switch (below_n(w, 4)) {
	case 0: /* perhaps declared, perhaps not, or across the border */
		return w->loose + below_n(w, 2 * GRANULE - 3 * PAGE);
	default:
		at = below_n(w, SHARED) * GRANULE + w->number * 64 * KIB;
		return memory + at + below_n(w, 64 * KIB - 3 * PAGE);
	}
}

static void take_off(struct worker *w, struct flight *f)
{
	unsigned int flags = IOM_MAP_RW | (below_n(w, 8) ? 0 : IOM_NOWAIT);
	uint64_t length;
	char *va = buffer(w, &length);

	*f = (struct flight){ .va = va, .length = length };
	f->n = iom_dma_map(w->stream, va, length, flags, f->segments, SEGMENTS);
	if (f->n < 0) {
		/* on POWER a page may be registered with what is declared beside it */
		ck_assert_msg(f->n == -EAGAIN ||
				      (!(flags & IOM_NOWAIT) &&
				       (f->n == -ENOSPC || (rig_is_power() && f->n == -EBUSY))),
			      "dma_map: %d", f->n);
		w->refused++;
		f->n = 0;
		return;
	}
	w->segments += (uint64_t)f->n;
	if (below_n(w, 4) == 0)
		ck_assert(flies(NVME, f));
}

static void take_off_or_land(struct worker *w)
{
	struct flight *f = &w->flights[below_n(w, FLIGHTS)];

	if (!f->n) {
		take_off(w, f);
		return;
	}
	if (below_n(w, 4) == 0)
		ck_assert(flies(NVME, f));
	ck_assert_ok(land_in(w->stream, f));
	f->n = 0;
}

/* What is mapped anyway. */
static void use_slot(struct worker *w)
{
	unsigned int i = (unsigned int)below_n(w, SLOTS);
	struct slot *slot = &w->slots[i];
	struct iom_segment segment;
	uint64_t at = below_n(w, SLOT);

	if (is_free(slot))
		return;
	ck_assert_int_eq(iom_dma_map(w->stream, slot_memory(w, i) + at, SLOT - at,
				     IOM_MAP_RW | IOM_NOWAIT, &segment, 1),
			 1);
	ck_assert_uint_eq(segment.iova, slot->region.iova + at);
	ck_assert_uint_eq(segment.length, SLOT - at);
	ck_assert_uint_eq(segment.cookie, 0);
	ck_assert_ok(iom_dma_unmap(w->stream, &segment, 1));
	w->segments++;
}

/* The second granule of what is loose. */
static void declare_or_not(struct worker *w)
{
	int ret;

	if (w->own) {
		ret = iom_memory_remove(w->own);
		ck_assert_msg(ret == 0 || ret == -EBUSY, "remove: %d: %s", ret, iom_errmsg());
		w->own = ret ? w->own : NULL;
		return;
	}
	ret = iom_memory_add(rig.dom, w->loose + GRANULE, GRANULE, IOM_MAP_RW, &w->own);
	/* there, what flies is registered in parts of it */
	ck_assert_msg(ret == 0 || (rig_is_power() && ret == -EBUSY), "add: %d: %s", ret,
		      iom_errmsg());
}

static void open_anew(struct worker *w)
{
	struct iom_stream_counters c = stream_counters(w->stream);
	unsigned int i;

	ck_assert_uint_eq(c.mapped + c.hits + c.misses + c.transient, w->segments);
	w->evictions += c.evictions;
	iom_stream_close(w->stream);
	for (i = 0; i < FLIGHTS; i++)
		w->flights[i].n = 0;
	w->segments = 0;
	ck_assert_ok(iom_stream_open(rig.dom, &w->stream));
}

/* ---- Readers ------------------------------------------------------------------------------------- */

static void check_one(struct worker *w)
{
	struct worker *owner = &workers[below_n(w, THREADS)];
	unsigned int i = (unsigned int)below_n(w, SLOTS);
	uint64_t at = below_n(w, SLOT), turn, said, iova = 0, run = 0, back_run = 0;
	struct slot *slot = &owner->slots[i];
	char *va = slot_memory(owner, i) + at;
	void *back = NULL;
	int ret, back_ret;

	if (!look(slot, &turn, &said))
		return;
	ret = iom_translate(rig.dom, va, UINT64_MAX, &iova, &run);
	back_ret = iom_iova_to_va(rig.dom, said + at, SLOT - at, &back, &back_run);
	if (!is_still(slot, turn))
		return;
	w->checked++;
	ck_assert_int_eq(ret, said == NOWHERE ? -ENOENT : 0);
	if (ret)
		return;
	ck_assert_uint_eq(iova, said + at);
	ck_assert_uint_ge(run, SLOT - at);
	ck_assert_int_eq(back_ret, 0);
	ck_assert_ptr_eq(back, va);
	ck_assert_uint_eq(back_run, SLOT - at);
}

#define PIECES 4

/* The pages of some slots, by one call and by the other. */
static void check_several(struct worker *w)
{
	struct worker *owner = &workers[below_n(w, THREADS)];
	unsigned int first = (unsigned int)below_n(w, SLOTS - PIECES), i;
	uint64_t turns[PIECES], said[PIECES], done = 0, pages[PIECES * SLOT / PAGE];
	struct iom_sge sges[PIECES];
	struct iovec iov[PIECES];
	bool all = true;
	int n, n_pages, j = 0;

	for (i = 0; i < PIECES; i++) {
		if (!look(&owner->slots[first + i], &turns[i], &said[i]))
			return;
		all &= said[i] != NOWHERE;
		iov[i] = (struct iovec){ slot_memory(owner, first + i), SLOT };
	}
	n = iom_translatev(rig.dom, iov, PIECES, sges, PIECES);
	n_pages = iom_translate_pages(rig.dom, iov, PIECES, PAGE, pages, PIECES * SLOT / PAGE);
	for (i = 0; i < PIECES; i++)
		if (!is_still(&owner->slots[first + i], turns[i]))
			return;
	w->checked++;
	if (!all) {
		ck_assert_int_eq(n, -ENOENT);
		ck_assert_int_eq(n_pages, -ENOENT);
		return;
	}
	ck_assert_int_eq(n_pages, PIECES * SLOT / PAGE);
	for (i = 0; i < PIECES; i++) {
		ck_assert_uint_eq(pages[i * (SLOT / PAGE)], said[i]);
		ck_assert_uint_eq(pages[(i + 1) * (SLOT / PAGE) - 1], said[i] + SLOT - PAGE);
		ck_assert_int_lt(j, n);
		ck_assert_uint_eq(sges[j].iova + done, said[i]);
		done += SLOT;
		if (done == sges[j].length) {
			j++;
			done = 0;
		}
	}
	ck_assert_int_eq(j, n);
}

static void check_domain(void)
{
	struct iom_counters c = rig_counters();
	char text[4096];

	ck_assert_uint_eq(c.quarantined_bytes, 0);
	ck_assert_uint_le(c.mapped_bytes, UINT64_C(1) << BITS);
	ck_assert_int_gt(iom_explain(rig.dom, text, sizeof(text)), 0);
}

/* ---- Threads ------------------------------------------------------------------------------------- */

static void step(struct worker *w)
{
	uint64_t dice = below_n(w, 1000);

	if (dice < 150)
		map_or_unmap(w);
	else if (dice < 250)
		map_or_unmap_batch(w);
	else if (dice < 550)
		take_off_or_land(w);
	else if (dice < 600)
		use_slot(w);
	else if (dice < 850)
		check_one(w);
	else if (dice < 990)
		check_several(w);
	else if (dice < 996)
		declare_or_not(w);
	else if (dice < 998)
		open_anew(w);
	else
		check_domain();
	w->done++;
}

static void *run(void *arg)
{
	struct worker *w = arg;
	struct iom_stream_counters c;
	unsigned int i;

	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED))
		step(w);
	for (i = 0; i < FLIGHTS; i++)
		if (w->flights[i].n)
			ck_assert_ok(land_in(w->stream, &w->flights[i]));
	c = stream_counters(w->stream);
	ck_assert_uint_eq(c.mapped + c.hits + c.misses + c.transient, w->segments);
	w->evictions += c.evictions;
	if (w->own)
		ck_assert_ok(iom_memory_remove(w->own));
	iom_stream_close(w->stream);
	return NULL;
}

static void start(unsigned int number, uint64_t seed)
{
	const uint64_t bytes = SLOTS * SLOT + SLOTS / 8 * PAGE;
	struct worker *w = &workers[number];
	unsigned int i;

	*w = (struct worker){ .number = number, .random = seed + number };
	w->memory = rig_memory(bytes);
	w->loose = rig_memory_at(2 * GRANULE, GRANULE, 0);
	for (i = 0; i < SLOTS; i++)
		w->slots[i].iova = NOWHERE;
	ck_assert_ok(iom_stream_open(rig.dom, &w->stream));
}

/* ---- What is so at the end ----------------------------------------------------------------------- */

/* Each page that the kernel has is one of a slot, at the IOVA that its thread says. */
static int find_in_slots(void *arg, uint64_t iova, void *va, uint64_t length, uint32_t flags)
{
	uint64_t *pages = arg, at;
	unsigned int t, i;

	if (!(flags & VFIO_DMA_MAP_FLAG_WRITE))
		return -EACCES;
	for (at = 0; at < length; at += PAGE) {
		bool found = false;

		for (t = 0; t < THREADS && !found; t++)
			for (i = 0; i < SLOTS && !found; i++)
				found = !is_free(&workers[t].slots[i]) &&
					iova + at - workers[t].slots[i].iova < SLOT &&
					iova - workers[t].slots[i].iova ==
						(uint64_t)((char *)va -
							   slot_memory(&workers[t], i));
		if (!found)
			return -ENOENT;
		++*pages;
	}
	return 0;
}

static void check_slots(const struct worker *w, uint64_t *mapped)
{
	unsigned int i;

	for (i = 0; i < SLOTS; i++) {
		const struct slot *slot = &w->slots[i];
		char *va = slot_memory(w, i);
		uint64_t iova, run;

		ck_assert(is_mapped(va) == !is_free(slot));
		if (is_free(slot))
			continue;
		ck_assert_int_eq(iom_translate(rig.dom, va, SLOT, &iova, &run), 0);
		ck_assert_uint_eq(iova, slot->region.iova);
		ck_assert_uint_eq(run, SLOT);
		ck_assert(dma_works(NVME, &slot->region));
		*mapped += SLOT;
	}
}

static void check_end(const struct state *before)
{
	uint64_t mapped = 0, pages = 0;
	unsigned int t;

	for (t = 0; t < THREADS; t++)
		check_slots(&workers[t], &mapped);
	ck_assert_uint_eq(rig_counters().mapped_bytes, mapped);
	ck_assert_uint_eq(rig_counters().quarantined_bytes, 0);
	ck_assert_uint_eq(iom_sim_mapped_bytes(rig.sim), mapped);
	ck_assert_int_eq(iom_sim_each_map(rig.sim, NVME, find_in_slots, &pages), 0);
	ck_assert_uint_eq(pages, mapped / PAGE);
	ck_assert_ok(iom_unmap_all(rig.dom));
	ck_assert_uint_eq(iom_sim_mapped_bytes(rig.sim), 0);
	ck_assert_unchanged(*before);
	ck_assert_works();
}

static unsigned int seconds(void)
{
	const char *word = getenv("IOM_STRESS_SECONDS");

	return word ? (unsigned int)strtoul(word, NULL, 0) : 2;
}

static void attach_and_detach(void)
{
	struct iom_device *second;
	unsigned int i;

	for (i = 0; i < seconds() * 10; i++) {
		ck_assert_ok(iom_attach(rig.dom, EDU, NULL, &second));
		usleep(100000);
		iom_detach(second);
	}
}

START_TEST(all_at_once)
{
	uint64_t seed = random_start(), evictions = 0;
	struct state before;
	unsigned int t;

	have_memory();
	rig_domain(NULL);
	ck_assert_ok(attach_bits(NVME, BITS, &rig.nvme));
	/* tables that are made at the first use */
	ck_assert_works();
	before = rig_state();
	ck_assert_ok(iom_memory_add(rig.dom, memory, SHARED * GRANULE, IOM_MAP_RW, &declared));
	for (t = 0; t < THREADS; t++)
		start(t, seed);
	for (t = 0; t < THREADS; t++)
		ck_assert_int_eq(pthread_create(&workers[t].thread, NULL, run, &workers[t]), 0);
	attach_and_detach();
	__atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
	for (t = 0; t < THREADS; t++) {
		ck_assert_int_eq(pthread_join(workers[t].thread, NULL), 0);
		fprintf(stderr,
			"# thread %u: %" PRIu64 " steps, %" PRIu64 " checks, %" PRIu64
			" evictions, %" PRIu64 " times no room\n",
			t, workers[t].done, workers[t].checked, workers[t].evictions,
			workers[t].refused);
		ck_assert_uint_gt(workers[t].checked, 0);
		ck_assert_uint_lt(workers[t].refused, workers[t].done / 4);
		evictions += workers[t].evictions;
	}
	ck_assert_uint_gt(evictions, 0);
	ck_assert_ok(iom_memory_remove(declared));
	check_end(&before);
	tear_down();
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("stress");
	TCase *tcase = tcase_create("stress");

	tcase_set_timeout(tcase, seconds() + 300);
	tcase_add_test(tcase, all_at_once);
	suite_add_tcase(suite, tcase);
	return run_suite(suite);
}
