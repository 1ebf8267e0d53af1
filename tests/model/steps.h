/* SPDX-License-Identifier: BSD-3-Clause */
/* The steps, each of which makes sense whatever came before it: so a sequence may lose any of its steps. */
#ifndef IOM_TEST_STEPS_H
#define IOM_TEST_STEPS_H

#include "tests/model/look.h"

#define WORDS 4

/* A line of a sequence: its name, and numbers that say which, where and how. */
struct step {
	unsigned int kind;
	uint32_t v[WORDS];
};

/* ---- Maps --------------------------------------------------------------------------------------------- */

static inline unsigned int access_of(uint32_t word)
{
	return word % 4 ? IOM_MAP_RW : IOM_MAP_READ;
}

static inline uint64_t length_at(uint64_t page, uint64_t units)
{
	return (page + units < PAGES ? units : PAGES - page) * lists.unit;
}

static inline uint64_t fixed_iova(uint32_t word)
{
	return (word & 1 ? ZONE : ASKED_ZONE) + word / 2 % ZONE_PAGES * lists.unit;
}

static inline int expect_fixed(uint64_t iova, uint64_t length)
{
	const struct asked *rq = asked_in(iova, length);

	if (rq && !asked_has(rq, iova, length))
		return -ERANGE;
	return iova_taken(iova, length) ? -EEXIST : 0;
}

static inline void add_mapping(const struct iom_region *r, unsigned int batch)
{
	const struct asked *rq = asked_in(r->iova, r->length);
	struct mapping *m = &lists.maps[lists.n];

	if (iova_taken(r->iova, r->length))
		wrong("0x%" PRIx64 " + 0x%" PRIx64 " is given twice", r->iova, r->length);
	if (!(r->flags & IOM_MAP_FIXED) &&
	    (r->iova < 4096 || (rq && (!rq->automatic || !asked_has(rq, r->iova, r->length)))))
		wrong("0x%" PRIx64 " + 0x%" PRIx64 " is chosen, which is not for that", r->iova,
		      r->length);
	*m = (struct mapping){ .r = *r, .batch = batch };
	m->left = all_of(m);
	lists.n++;
}

static inline void do_map(const struct step *s, unsigned int more)
{
	uint64_t page = s->v[0] % PAGES, length = length_at(page, 1 + s->v[1] % 6);
	unsigned int flags = access_of(s->v[2]) | more;
	char *va = lists.memory + page * lists.unit;
	struct iom_map_opts opts = at_iova(0);
	struct iom_region r;
	int ret, expected = 0;

	if (lists.n == MOST)
		return;
	if (flags & IOM_MAP_FIXED)
		opts.iova = fixed_iova(s->v[3]);
	else if (s->v[3] % 4 == 0)
		opts.limit = BELOW - 1;
	if (!is_attached())
		expected = -ENODEV;
	else if (flags & IOM_MAP_FIXED)
		expected = expect_fixed(opts.iova, length);
	if (!expected && !(flags & IOM_MAP_ALIAS) && memory_taken(va, length))
		expected = -EEXIST;
	ret = iom_map(rig.dom, va, length, flags, &opts, &r);
	if (!expected && rig_is_stale(ret))
		return;
	expect("map", ret, expected);
	if (ret)
		return;
	if (opts.limit && r.iova + r.length - 1 > opts.limit)
		wrong("0x%" PRIx64 " is above the limit", r.iova);
	add_mapping(&r, 0);
}

static void step_map(const struct step *s)
{
	do_map(s, 0);
}

static void step_map_fixed(const struct step *s)
{
	do_map(s, IOM_MAP_FIXED);
}

static void step_alias(const struct step *s)
{
	do_map(s, IOM_MAP_ALIAS | (s->v[3] & 2 ? IOM_MAP_FIXED : 0));
}

#define MOST_PIECES 4

/* Pieces that are next to each other, or not; a batch, or each by itself. */
static void step_mapv(const struct step *s)
{
	uint64_t n = 2 + s->v[1] % (MOST_PIECES - 1), gap = s->v[2] / 4 % 2, i;
	unsigned int flags = access_of(s->v[2]);
	struct iom_region regions[MOST_PIECES];
	struct iom_piece pieces[MOST_PIECES] = { 0 };
	bool apart = lists.granule || s->v[3] % 2;
	int ret, expected = is_attached() ? 0 : -ENODEV;

	if (lists.n + n > MOST)
		return;
	for (i = 0; i < n; i++) {
		uint64_t page = s->v[0] % (PAGES - 2 * MOST_PIECES) + i * (1 + gap);

		pieces[i].va = lists.memory + page * lists.unit;
		pieces[i].length = lists.unit;
		if (!expected && memory_taken(pieces[i].va, lists.unit))
			expected = -EEXIST;
	}
	ret = iom_mapv(rig.dom, pieces, n, flags | (apart ? IOM_MAP_APART : 0), NULL, regions);
	if (!expected && rig_is_stale(ret))
		return;
	expect("mapv", ret, expected);
	if (ret)
		return;
	lists.batches++;
	for (i = 0; i < n; i++)
		add_mapping(&regions[i], apart ? 0 : lists.batches);
}

/* ---- Unmaps ---------------------------------------------------------------------------------------------- */

static void step_unmap(const struct step *s)
{
	size_t i = lists.n ? s->v[0] % lists.n : 0;
	int expected;

	if (!lists.n)
		return;
	expected = is_in_batch(&lists.maps[i]) ? -EINVAL : 0;
	expect("unmap", iom_unmap(rig.dom, &lists.maps[i].r), expected);
	if (!expected)
		forget(i);
}

static void step_unmap_stale(const struct step *s)
{
	(void)s;
	expect("unmap again", iom_unmap(rig.dom, &lists.stale), -ENOENT);
}

/* A batch, or a part of it; or some that are alone. */
static void step_unmapv(const struct step *s)
{
	struct iom_region regions[MOST];
	const struct mapping *first;
	int expected = 0;
	size_t i, n = 0;

	if (!lists.n)
		return;
	first = &lists.maps[s->v[0] % lists.n];
	for (i = 0; i < lists.n; i++)
		if (first->batch ? lists.maps[i].batch == first->batch
				 : !lists.maps[i].batch && (i + s->v[1]) % 3 == 0)
			regions[n++] = lists.maps[i].r;
	if (!n)
		regions[n++] = first->r;
	if (is_in_batch(first) && s->v[2] % 4 == 0) {
		n--;
		expected = -EINVAL;
	} else if (n > 1 && s->v[2] % 8 == 1) {
		regions[0] = regions[n - 1];
		expected = -EINVAL;
	}
	expect("unmapv", iom_unmapv(rig.dom, regions, n), expected);
	for (i = lists.n; i-- && !expected;) {
		size_t j;

		for (j = 0; j < n; j++)
			if (regions[j].generation == lists.maps[i].r.generation)
				break;
		if (j < n)
			forget(i);
	}
}

static void step_unmap_range(const struct step *s)
{
	uint64_t iova = fixed_iova(s->v[0]), length = (1 + s->v[1] % 10) * lists.unit, at;
	int expected;
	size_t i;

	if (lists.n && s->v[2] % 4) {
		/* where it has a chance: from one mapping's start, or behind, to another one's end */
		const struct iom_region *from = &lists.maps[s->v[0] % lists.n].r;
		const struct iom_region *to = &lists.maps[s->v[1] % lists.n].r;
		uint64_t in = s->v[2] % 4 == 1 ? s->v[3] % (from->length / lists.unit) : 0;

		iova = from->iova + in * lists.unit;
		if (to->iova + to->length > iova && to->iova - from->iova < GIB)
			length = to->iova + to->length - iova;
	}
	expected = expect_range(iova, length);
	expect("unmap range", iom_unmap_range(rig.dom, iova, length), expected);
	if (expected)
		return;
	for (i = lists.n; i--;) {
		struct mapping *m = &lists.maps[i];

		for (at = 0; at < units_of(m); at++)
			if (m->r.iova + at * lists.unit - iova < length)
				m->left &= ~(UINT64_C(1) << at);
		if (!m->left)
			forget(i);
	}
}

static void step_unmap_all(const struct step *s)
{
	(void)s;
	expect("unmap all", iom_unmap_all(rig.dom), 0);
	while (lists.n)
		forget(lists.n - 1);
}

/* ---- Declared memory and streams ------------------------------------------------------------------------------ */

static void step_declare(const struct step *s)
{
	struct declaration *d = &lists.declared[s->v[0] % DECLARED];
	uint64_t length = s->v[1] % 2 ? GRANULE : (1 + s->v[1] / 2 % 6) * lists.unit;
	uint64_t start =
		s->v[2] % (STREAM_BYTES / GRANULE - 1) * GRANULE + s->v[3] % 4 * lists.unit;
	int ret, expected;

	if (d->mem)
		return;
	expected = declaration_of(start, length) ? -EEXIST : 0;
	d->flags = access_of(s->v[3] / 4);
	ret = iom_memory_add(rig.dom, memory + start, length, d->flags, &d->mem);
	if (ret)
		d->mem = NULL;
	/* POWER: parts of it are registered apart, while they fly */
	if (!expected && rig_is_power() && ret == -EBUSY)
		return;
	expect("declare", ret, expected);
	if (ret)
		return;
	d->start = start;
	d->length = length;
}

/* In flight by a segment of its own. */
static inline bool has_cookie_in(uint64_t start, uint64_t length)
{
	size_t i;
	int k;

	for (i = 0; i < FLIGHTS; i++) {
		const struct flight *f = &lists.flights[i];
		uint64_t at = f->n ? stream_offset(f->va) : 0;

		for (k = 0; k < f->n; at += f->segments[k++].length)
			if (f->segments[k].cookie && meet(start, length, at, f->segments[k].length))
				return true;
	}
	return false;
}

static void step_withdraw(const struct step *s)
{
	struct declaration *d = &lists.declared[s->v[0] % DECLARED];
	int expected;

	if (!d->mem)
		return;
	expected = has_cookie_in(d->start, d->length) ? -EBUSY : 0;
	expect("withdraw", iom_memory_remove(d->mem), expected);
	if (!expected)
		d->mem = NULL;
}

static inline void check_refusal(const struct flight *f, unsigned int flags)
{
	if (f->n == -EFAULT && !is_allowed(stream_offset(f->va), f->length, flags))
		return;
	if (f->n == -ENODEV && !is_attached())
		return;
	/* POWER: what shares a registration with what flies or is declared; perhaps later */
	if (rig_is_power() && (f->n == -EBUSY || f->n == -EAGAIN) && !streams_are_idle())
		return;
	wrong("fly: %d", f->n);
}

static void step_fly(const struct step *s)
{
	struct flight *f = &lists.flights[s->v[0] % FLIGHTS];
	uint64_t length = 1 + s->v[1] % (4 * lists.unit), sum = 0;
	uint64_t start = s->v[2] % (STREAM_BYTES / 4096 - 64) * 4096 + s->v[3] % 4096;
	unsigned int flags = access_of(s->v[3] / 4096);
	int i;

	if (!lists.stream || f->n)
		return;
	if (start + length > STREAM_BYTES)
		start = STREAM_BYTES - length;
	*f = (struct flight){ .va = memory + start, .length = length };
	f->n = iom_dma_map(lists.stream, f->va, length, flags, f->segments, SEGMENTS);
	if (f->n < 0) {
		check_refusal(f, flags);
		f->n = 0;
		return;
	}
	if (!is_allowed(start, length, flags))
		wrong("what is declared for reading flies for more");
	for (i = 0; i < f->n; i++)
		sum += f->segments[i].length;
	if (sum != length)
		wrong("0x%" PRIx64 " bytes fly as 0x%" PRIx64, length, sum);
}

/* What is not declared is out of reach then. */
static void step_land(const struct step *s)
{
	struct flight *f = &lists.flights[s->v[0] % FLIGHTS], landed = *f;
	uint64_t at = stream_offset(f->va);
	size_t d;
	int i;

	if (!f->n)
		return;
	expect("land", land_in(lists.stream, f), 0);
	f->n = 0;
	for (i = 0; i < landed.n; at += landed.segments[i++].length)
		for (d = 0; d < DEVICES; d++)
			if (lists.devices[d] && landed.segments[i].cookie &&
			    !declaration_of(at, landed.segments[i].length) &&
			    is_reached(addresses[d], landed.segments[i].iova))
				wrong("%s reaches what has landed", addresses[d]);
}

/* ---- Devices and requests ----------------------------------------------------------------------------------- */

static void step_attach(const struct step *s)
{
	size_t d = s->v[0] % DEVICES;
	struct iom_device *again;

	if (lists.devices[d]) {
		expect("attach again", iom_attach(rig.dom, addresses[d], NULL, &again), -EBUSY);
		return;
	}
	expect("attach", iom_attach(rig.dom, addresses[d], NULL, &lists.devices[d]), 0);
	if (!lists.stream)
		expect("open a stream", iom_stream_open(rig.dom, &lists.stream), 0);
}

static void step_detach(const struct step *s)
{
	size_t d = s->v[0] % DEVICES;

	iom_detach(lists.devices[d]);
	lists.devices[d] = NULL;
	if (!is_attached() || is_reached(addresses[d], ZONE))
		return;
}

static void step_request(const struct step *s)
{
	struct asked rq = { .automatic = s->v[0] % 3 == 0, .anywhere = s->v[0] / 3 % 4 == 0 };
	uint64_t flags = (rq.automatic ? IOM_APERTURE_AUTO : 0) |
			 (rq.anywhere ? 0 : IOM_APERTURE_FIXED);
	int ret, expected = 0;

	if (lists.n_asked == MOST_ASKED)
		return;
	rq.length = (1 + s->v[1] % 6) * lists.unit;
	if (!rq.anywhere)
		rq.start = ASKED_ZONE + s->v[2] % ZONE_PAGES * lists.unit;
	if (!rq.anywhere && (asked_in(rq.start, rq.length) || iova_taken(rq.start, rq.length)))
		expected = -EEXIST;
	ret = ask(rq.start, rq.length, 0, flags, &rq.id);
	expect("request", ret, expected);
	if (!ret)
		lists.asked[lists.n_asked++] = rq;
}

static void step_release(const struct step *s)
{
	struct asked *rq = &lists.asked[lists.n_asked ? s->v[0] % lists.n_asked : 0];
	int ret, expected = 0;

	expect("release again", iom_aperture_release(rig.dom, lists.stale_id), -ENOENT);
	if (!lists.n_asked)
		return;
	if (rq->granted && iova_taken(rq->start, rq->length))
		expected = -EBUSY;
	ret = iom_aperture_release(rig.dom, rq->id);
	/* what streams have mapped is in the way, too */
	if (ret == -EBUSY && rq->automatic && !streams_are_idle())
		return;
	expect("release", ret, expected);
	if (expected)
		return;
	lists.stale_id = rq->id;
	*rq = lists.asked[--lists.n_asked];
}

/* How often: of 1000. */
static const struct {
	const char *name;
	void (*run)(const struct step *s);
	unsigned int often;
} kinds[] = {
	{ "map", step_map, 160 },           { "map-fixed", step_map_fixed, 170 },
	{ "alias", step_alias, 70 },        { "mapv", step_mapv, 70 },
	{ "unmap", step_unmap, 110 },       { "unmap-stale", step_unmap_stale, 15 },
	{ "unmapv", step_unmapv, 60 },      { "unmap-range", step_unmap_range, 100 },
	{ "unmap-all", step_unmap_all, 5 }, { "declare", step_declare, 25 },
	{ "withdraw", step_withdraw, 25 },  { "fly", step_fly, 70 },
	{ "land", step_land, 65 },          { "attach", step_attach, 8 },
	{ "detach", step_detach, 7 },       { "request", step_request, 20 },
	{ "release", step_release, 20 },
};

#endif
