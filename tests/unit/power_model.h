/* SPDX-License-Identifier: BSD-3-Clause */
/* What is mapped and registered in a domain on POWER, as lists, and what calls must answer so. */
#ifndef IOM_TEST_POWER_MODEL_H
#define IOM_TEST_POWER_MODEL_H

#include "tests/unit/power_rig.h"

#define DEVICES 3
#define REGIONS 12
#define PIECES 512
#define LONGEST 24 /* granules, so that there are not too many pieces */

/* Memory, whose quarters have pages of their own, and its units. */
#define QUARTERS 4
#define QUARTER (4 * MIB)
#define MEMORY (QUARTERS * QUARTER)
#define UNITS (MEMORY / PAGE)

/* What the library maps with one call: it is cut at granules, and where the pages' size changes. */
struct piece {
	uint64_t iova, length;
	char *va;
	uint64_t cut;
	uint64_t flags, generation;
	bool only;
};

static struct {
	uint64_t seed, random;
	unsigned int step;
	bool strict; /* the kernel does not fail, so each answer is known before */

	struct iom_sim_device machine[DEVICES];
	bool pseries;
	uint64_t page;         /* of the machine */
	uint64_t default_size; /* of default windows */
	char *memory;
	uint64_t backing[QUARTERS];

	struct iom_device *attached[DEVICES];
	unsigned int bits[DEVICES];
	unsigned int n_attached;
	/* of when a device was attached last: they are kept while the list is not empty */
	struct iom_aperture apertures[4];
	int n_apertures;
	uint64_t granule;

	struct piece pieces[PIECES];
	size_t n;
	struct iom_region regions[REGIONS]; /* of some of them nothing is left */
	size_t n_regions;
	unsigned int registered[UNITS]; /* by which registration; 0: none */
	unsigned int uses[UNITS];
	unsigned int last_registration;
} model;

static const char *const addresses[DEVICES] = { "0000:01:00.0", "0000:02:00.0", "0000:03:00.0" };

/* With all that it takes to have the failure again. */
#define ck_model(condition, format, ...)                                                     \
	ck_assert_msg(condition, "IOM_TEST_SEED=0x%" PRIx64 ", step %u: " format "; \"%s\"", \
		      model.seed, model.step, __VA_ARGS__, iom_errmsg())

static inline uint64_t below_n(uint64_t n)
{
	return random_below(&model.random, n);
}

static inline bool one_in(uint64_t n)
{
	return !below_n(n);
}

#define one_of(list) ((list)[below_n(ARRAY_SIZE(list))])

static inline uint64_t larger(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

static inline bool meet(uint64_t a, uint64_t a_length, uint64_t b, uint64_t b_length)
{
	return a < b + b_length && b < a + a_length;
}

/* ---- Memory, and what is registered of it ---------------------------------------------------- */

static inline uint64_t backing_at(const char *va)
{
	uint64_t backing = model.backing[(uint64_t)(va - model.memory) / QUARTER];

	return backing ? backing : model.page;
}

/* How many bytes from there have pages of one size. */
static inline uint64_t run_at(const char *va, uint64_t length)
{
	uint64_t run = QUARTER - (uint64_t)(va - model.memory) % QUARTER;

	while (run < length && backing_at(va + run) == backing_at(va))
		run += QUARTER;
	return run < length ? run : length;
}

static inline uint64_t smallest_backing(const char *va, uint64_t length)
{
	uint64_t done, least = UINT64_MAX;

	for (done = 0; done < length; done += run_at(va + done, length - done))
		if (backing_at(va + done) < least)
			least = backing_at(va + done);
	return least;
}

struct units {
	uint64_t first, end;
};

/* What is registered for it: whole pages. */
static inline struct units units_of(const char *va, uint64_t length)
{
	uint64_t start = (uint64_t)(va - model.memory), end = start + length;
	uint64_t first_page = backing_at(va), last_page = backing_at(va + length - 1);

	return (struct units){ (start & ~(first_page - 1)) / PAGE,
			       ((end + last_page - 1) & ~(last_page - 1)) / PAGE };
}

/* Unmapped since it was registered, so that it may be other memory by now. */
static inline bool is_stale(const char *va, uint64_t length)
{
	struct units units = units_of(va, length);
	uint64_t u;

	for (u = units.first; u < units.end; u++)
		if (model.registered[u] && !model.uses[u])
			return true;
	return false;
}

static inline void use(const struct piece *piece)
{
	struct units units = units_of(piece->va, piece->length);
	bool gap = false;
	uint64_t u;

	for (u = units.first; u < units.end; u++) {
		if (!model.registered[u]) {
			model.last_registration += !gap;
			model.registered[u] = model.last_registration;
			gap = true;
		} else {
			gap = false;
		}
		model.uses[u]++;
	}
}

static inline void end_registration(unsigned int registration)
{
	uint64_t u;

	for (u = 0; u < UNITS; u++)
		if (model.registered[u] == registration && model.uses[u])
			return;
	for (u = 0; u < UNITS; u++)
		if (model.registered[u] == registration)
			model.registered[u] = 0;
}

static inline void release(const struct piece *piece)
{
	struct units units = units_of(piece->va, piece->length);
	unsigned int before = 0;
	uint64_t u;

	for (u = units.first; u < units.end; u++)
		model.uses[u]--;
	for (u = units.first; u < units.end; u++) {
		if (model.registered[u] && model.registered[u] != before)
			end_registration(model.registered[u]);
		before = model.registered[u];
	}
}

static inline uint64_t registered_bytes(void)
{
	uint64_t u, n = 0;

	for (u = 0; u < UNITS; u++)
		n += model.registered[u] != 0;
	return n * PAGE;
}

static inline int by_iova(const void *a, const void *b)
{
	const struct piece *p = a, *q = b;

	return p->iova < q->iova ? -1 : p->iova > q->iova;
}

/* For the first group: registrations ended with the last one, and are made in this order. */
static inline void register_again(void)
{
	size_t i;

	memset(model.registered, 0, sizeof(model.registered));
	memset(model.uses, 0, sizeof(model.uses));
	qsort(model.pieces, model.n, sizeof(model.pieces[0]), by_iova);
	for (i = 0; i < model.n && model.n_attached; i++)
		use(&model.pieces[i]);
}

/* ---- The list -------------------------------------------------------------------------------- */

static inline const struct piece *piece_at(uint64_t iova)
{
	size_t i;

	for (i = 0; i < model.n; i++)
		if (meet(iova, 1, model.pieces[i].iova, model.pieces[i].length))
			return &model.pieces[i];
	return NULL;
}

static inline const struct piece *piece_in(uint64_t iova, uint64_t length)
{
	size_t i;

	for (i = 0; i < model.n; i++)
		if (meet(iova, length, model.pieces[i].iova, model.pieces[i].length))
			return &model.pieces[i];
	return NULL;
}

/* The one that iom_translate() tells, of memory. */
static inline const struct piece *piece_of(const char *va, uint64_t length)
{
	size_t i;

	for (i = 0; i < model.n; i++)
		if (!(model.pieces[i].flags & IOM_MAP_ALIAS) &&
		    meet((uintptr_t)va, length, (uintptr_t)model.pieces[i].va,
			 model.pieces[i].length))
			return &model.pieces[i];
	return NULL;
}

/* Whether a mapping, or what is left of one, begins or ends there. */
static inline bool is_end(uint64_t iova)
{
	const struct piece *before = piece_at(iova - 1), *here = piece_at(iova);

	return !before || !here || before->generation != here->generation;
}

static inline uint64_t page_of(const struct iom_aperture *a)
{
	return a->page_sizes & -a->page_sizes;
}

static inline const struct iom_aperture *aperture_of(uint64_t iova, uint64_t last)
{
	int i;

	for (i = 0; i < model.n_apertures; i++)
		if (iova >= model.apertures[i].start && last <= model.apertures[i].last)
			return &model.apertures[i];
	return NULL;
}

static inline void add(const struct iom_region *region, bool only)
{
	uint64_t page = page_of(aperture_of(region->iova, region->iova));
	uint64_t cut = model.granule ? larger(model.granule, page) : 0;
	uint64_t done, n;

	for (done = 0; done < region->length; done += n) {
		char *va = (char *)region->va + done;
		uint64_t iova = region->iova + done;

		n = run_at(va, region->length - done);
		if (cut && n > cut - iova % cut)
			n = cut - iova % cut;
		ck_assert_uint_lt(model.n, PIECES);
		model.pieces[model.n] = (struct piece){
			.iova = iova,
			.length = n,
			.va = va,
			.cut = cut,
			.flags = region->flags,
			.generation = region->generation,
			.only = only,
		};
		use(&model.pieces[model.n++]);
	}
	model.regions[model.n_regions++] = *region;
}

/* All of the generation, or of all if it is 0, in the range. */
static inline void drop(uint64_t iova, uint64_t length, uint64_t generation)
{
	size_t i;

	for (i = model.n; i--;) {
		const struct piece *piece = &model.pieces[i];

		if (!meet(iova, length, piece->iova, piece->length) ||
		    (generation && generation != piece->generation))
			continue;
		if (model.n_attached)
			release(piece);
		model.pieces[i] = model.pieces[--model.n];
	}
}

/* ---- What a call must answer ----------------------------------------------------------------- */

/* The last IOVA that all of them drive, or the one. */
static inline uint64_t reach_of(const struct iom_device *only)
{
	uint64_t reach = UINT64_MAX;
	int i;

	for (i = 0; i < DEVICES; i++)
		if (model.attached[i] && (!only || only == model.attached[i]) &&
		    UINT64_MAX >> (64 - model.bits[i]) < reach)
			reach = UINT64_MAX >> (64 - model.bits[i]);
	return reach;
}

/* What is asked of iom_map(), with the limit that follows from it. */
struct wish {
	char *va;
	uint64_t length, limit;
	unsigned int flags;
	struct iom_map_opts opts;
};

/* What of a window's pages the memory allows where the library chooses. */
static inline bool takes(const struct iom_aperture *a, const struct wish *w)
{
	uint64_t most = smallest_backing(w->va, w->length);

	if (model.granule && model.granule < most)
		most = model.granule;
	return !((most | (uintptr_t)w->va | w->length) & (page_of(a) - 1));
}

static inline uint64_t congruence(const struct iom_aperture *a, const struct wish *w)
{
	uint64_t skip = -(uintptr_t)w->va & (model.granule - 1);

	if (model.granule > page_of(a) && w->length >= skip + model.granule)
		return model.granule;
	return page_of(a);
}

/* Whether there is room for it in the aperture; page 0 is not used. */
static inline bool has_room(const struct iom_aperture *a, const struct wish *w)
{
	uint64_t align = congruence(a, w), last = w->limit < a->last ? w->limit : a->last;
	uint64_t at = a->start ? a->start : page_of(a);
	const struct piece *piece;

	if (!takes(a, w))
		return false;
	for (;;) {
		at += ((uintptr_t)w->va - at) & (align - 1);
		if (at > last || last - at < w->length - 1)
			return false;
		piece = piece_in(at, w->length);
		if (!piece)
			return true;
		at = piece->iova + piece->length;
	}
}

/* The largest page of those that have room; 0: none has. */
static inline uint64_t best_page(const struct wish *w)
{
	uint64_t page = 0;
	int i;

	for (i = 0; i < model.n_apertures; i++)
		if (has_room(&model.apertures[i], w))
			page = larger(page, page_of(&model.apertures[i]));
	return page;
}

/* Nothing of it can be mapped anywhere, whatever is unmapped. */
static inline bool is_hopeless(const struct wish *w)
{
	size_t n = model.n;
	uint64_t page;

	model.n = 0;
	page = best_page(w);
	model.n = n;
	return !page;
}

static inline int expect_fixed(const struct wish *w)
{
	uint64_t iova = w->opts.iova, last = iova + w->length - 1;
	const struct iom_aperture *a = aperture_of(iova, last);

	if (last > w->limit || !a)
		return -ERANGE;
	if (((uintptr_t)w->va | w->length | iova) & (page_of(a) - 1))
		return -EINVAL;
	if (smallest_backing(w->va, w->length) < page_of(a))
		return -EINVAL;
	return piece_in(iova, w->length) ? -EEXIST : 0;
}

/*
 * With the apertures of after the call, for it may have one made.  Memory that is mapped already
 * may have no room, either: then the answer is one of two.
 */
static inline int expect_map(const struct wish *w, int answer)
{
	uint64_t page = iom_page_size(rig.dom), whole = (uintptr_t)w->va | w->length;
	bool is_taken = !(w->flags & IOM_MAP_ALIAS) && piece_of(w->va, w->length);
	bool fixed = w->flags & IOM_MAP_FIXED;
	int ret = 0;

	if (!model.n_attached)
		return -ENODEV;
	if ((whole | (fixed ? w->opts.iova : 0)) & (page - 1))
		return -EINVAL;
	if (smallest_backing(w->va, w->length) < page)
		return -EINVAL;
	if (fixed)
		ret = expect_fixed(w);
	else if (!best_page(w))
		ret = is_hopeless(w) ? -ERANGE : -ENOSPC;
	if ((!ret || (!fixed && answer == -EEXIST)) && is_taken)
		return -EEXIST;
	return !ret && is_stale(w->va, w->length) ? -EBUSY : ret;
}

static inline uint64_t second_window(void)
{
	uint64_t start = model.n_apertures ? model.apertures[model.n_apertures - 1].start : 0;

	return start >= SECOND ? start : 0;
}

static inline int expect_attach(int i)
{
	uint64_t start = model.machine[i].dma64_start ? model.machine[i].dma64_start : SECOND;
	uint64_t reach = UINT64_MAX >> (64 - model.bits[i]), others = reach_of(NULL);
	size_t k;

	/* windows are made anew where nothing needs those of before */
	if (!model.n_attached && !model.n)
		return 0;
	if (model.pseries && second_window() && second_window() != start)
		return -ERANGE;
	if (others < reach)
		reach = others;
	if (reach < model.apertures[0].start)
		return -ERANGE;
	for (k = 0; k < model.n; k++)
		if (!model.pieces[k].only &&
		    model.pieces[k].iova + model.pieces[k].length - 1 > reach)
			return -EBUSY;
	return 0;
}

static inline int expect_cut(uint64_t iova, uint64_t length)
{
	const struct piece *first = piece_at(iova), *last = piece_at(iova + length - 1);
	uint64_t end = iova + length, at;

	for (at = iova; at < end; at = piece_at(at)->iova + piece_at(at)->length)
		if (!piece_at(at))
			return -ENOENT;
	if (!is_end(iova) && (!first->cut || iova % first->cut))
		return -EINVAL;
	return !is_end(end) && (!last->cut || end % last->cut) ? -EINVAL : 0;
}

#endif
