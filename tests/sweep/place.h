/* SPDX-License-Identifier: BSD-3-Clause */
/* Where the sweep is: a machine, memory, what was made there, and a picture of all of it. */
#ifndef IOM_TEST_PLACE_H
#define IOM_TEST_PLACE_H

#include "tests/conformance/sim/machines.h"
#include "tests/sweep/answers.h"
#include "tests/sweep/spared.h"
#include "tests/unit/adopt_rig.h"
#include "tests/unit/request_rig.h"
#include "tests/unit/stream_rig.h"

#define PAIR_1 "0000:04:00.0"
#define PAIR_2 "0000:04:00.1"

#define MOST_KEPT 8
#define MOST_EVENTS 1024
#define MOST_MAPS 512

static struct place {
	struct named_machine machine;
	char backend[16]; /* that its first attach takes */
	uint64_t unit;    /* what can be mapped on it */
	char *small;      /* 64 units, which nothing else uses */

	/* What must be as it was after a call that fails. */
	struct iom_region kept[MOST_KEPT];
	size_t n_kept;
	uint64_t ids[4]; /* of requests */
	size_t n_ids;
	bool beside; /* somebody else maps there, too */

	/* What was asked of the kernel since the watch was set. */
	struct call events[MOST_EVENTS];
	size_t n_events;
} place;

static inline bool is_power_here(void)
{
	return machine_is_power(&place.machine.machine);
}

static inline bool has_backend(const char *name)
{
	return !strcmp(place.backend, name);
}

static inline void watch(void *arg, const struct iom_sim_event *event)
{
	listen(NULL, event);
	(void)arg;
	if (event->call == IOM_SIM_FREE_PAGES || place.n_events == MOST_EVENTS)
		return;
	place.events[place.n_events++] = (struct call){
		.call = event->call,
		.request = event->request,
		.on_device = event->path && strstr(event->path, "device"),
	};
}

/* ---- The machine ------------------------------------------------------------------------------- */

/* rig_backend() is that of the machine, but has no part in how it is made. */
static inline void machine_starts(void)
{
	struct iom_sim_config config = machine_config(&place.machine.machine);

	unsetenv("IOM_TEST_BACKEND");
	rig_machine(&config);
	spare_all();
	iom_sim_set_memlock(rig.sim, GIB, true);
	rig.backend = place.machine.machine.backend;
	if (*place.backend)
		setenv("IOM_TEST_BACKEND", place.backend, 1);
	place.n_kept = 0;
	place.n_ids = 0;
	place.beside = false;
	place.n_events = 0;
	told.n = 0;
	stream = NULL;
	declared = NULL;
	iom_sim_watch(rig.sim, watch, NULL);
}

/* Memory, and what the machine is about; once in a process. */
static inline void come_to(const struct named_machine *m)
{
	place.machine = *m;
	place.unit = m->machine.page_size;
	place.backend[0] = '\0';
	memory = rig_memory_at(2 * GRANULES * GRANULE, 16 * MIB, 0);
	place.small = rig_memory_at(64 * place.unit, 16 * MIB, 0);
	machine_starts();
	ck_assert_ok(rig_open(&rig.dom));
	ck_assert_ok(iom_attach(rig.dom, NVME, NULL, &rig.nvme));
	snprintf(place.backend, sizeof(place.backend), "%s", iom_backend(rig.dom));
	tear_down();
}

static inline void keep(const struct iom_region *r)
{
	ck_assert_uint_lt(place.n_kept, MOST_KEPT);
	place.kept[place.n_kept++] = *r;
}

/* ---- What the kernel has ------------------------------------------------------------------------ */

struct kernel_map {
	uint64_t iova, va, length;
	uint32_t flags;
};

struct kernel_maps {
	struct kernel_map v[MOST_MAPS];
	size_t n;
};

static inline int collect_map(void *arg, uint64_t iova, void *va, uint64_t length, uint32_t flags)
{
	struct kernel_maps *maps = arg;

	if (maps->n == MOST_MAPS)
		return -EMSGSIZE;
	maps->v[maps->n++] = (struct kernel_map){ iova, (uintptr_t)va, length, flags };
	return 0;
}

static inline void read_maps(const char *address, struct kernel_maps *maps)
{
	maps->n = 0;
	ck_assert_int_eq(iom_sim_each_map(rig.sim, address, collect_map, maps), 0);
}

static inline uint64_t hash_maps(const char *address)
{
	static struct kernel_maps maps;
	uint64_t hash = UINT64_C(0xcbf29ce484222325);
	size_t i;

	read_maps(address, &maps);
	for (i = 0; i < maps.n; i++) {
		const struct kernel_map *m = &maps.v[i];
		const uint64_t words[] = { m->iova, m->va, m->length, m->flags };
		size_t w;

		for (w = 0; w < ARRAY_SIZE(words); w++)
			hash = (hash ^ words[w]) * UINT64_C(0x100000001b3);
	}
	return maps.n ? hash : 0;
}

/* ---- A picture ----------------------------------------------------------------------------------- */

struct picture {
	struct iom_counters counters;
	const char *backend;
	uint64_t page_size, mapped, locked, pinned, allocated, maps[4];
	unsigned int fds, leaks;
	struct listed apertures;
	struct told told;
	int found[MOST_KEPT]; /* the translations */
	uint64_t at[MOST_KEPT], run[MOST_KEPT];
	int answers[4]; /* to the requests */
	struct iom_aperture granted[4];
};

static inline void take_picture(struct picture *p)
{
	static const char *const devices[] = { NVME, EDU, PAIR_1, PAIR_2 };
	size_t i;

	memset(p, 0, sizeof(*p));
	p->mapped = iom_sim_mapped_bytes(rig.sim);
	p->locked = iom_sim_locked_bytes(rig.sim);
	p->pinned = iom_sim_pinned_bytes(rig.sim);
	p->allocated = iom_sim_allocated_bytes(rig.sim);
	p->fds = iom_sim_open_fds(rig.sim);
	p->leaks = iom_sim_spapr_leaks(rig.sim);
	for (i = 0; i < ARRAY_SIZE(devices); i++)
		p->maps[i] = hash_maps(devices[i]);
	if (!rig.dom)
		return;
	p->counters = rig_counters();
	p->counters.kernel_maps = 0;
	p->counters.kernel_unmaps = 0;
	p->backend = iom_backend(rig.dom);
	p->page_size = iom_page_size(rig.dom);
	p->apertures = list_apertures();
	p->told = told;
	for (i = 0; i < place.n_kept; i++)
		p->found[i] = iom_translate(rig.dom, place.kept[i].va, place.kept[i].length,
					    &p->at[i], &p->run[i]);
	for (i = 0; i < place.n_ids; i++)
		p->answers[i] = iom_aperture_granted(rig.dom, place.ids[i], &p->granted[i]);
}

static inline bool same_told(const struct told *a, const struct told *b)
{
	return a->n == b->n && !memcmp(a->v, b->v, a->n * sizeof(a->v[0]));
}

/* What they differ in; NULL: nothing. */
static inline const char *differs(const struct picture *a, const struct picture *b)
{
#define IF_NOT(member)                  \
	if ((a)->member != (b)->member) \
	return #member
	IF_NOT(counters.quarantined_bytes);
	IF_NOT(counters.mappings);
	IF_NOT(counters.mapped_bytes);
	IF_NOT(counters.entry_limit);
	IF_NOT(counters.entries_used);
	IF_NOT(backend);
	IF_NOT(page_size);
	IF_NOT(mapped);
	IF_NOT(fds);
	IF_NOT(locked);
	IF_NOT(pinned);
	IF_NOT(allocated);
	IF_NOT(leaks);
#undef IF_NOT
	if (memcmp(a->maps, b->maps, sizeof(a->maps)) != 0)
		return "what the kernel has mapped";
	if (!same_list(&a->apertures, &b->apertures))
		return "apertures";
	/* an IOAS that is gone holds nothing; with no device its successor has nothing to hold */
	if (a->apertures.n >= 0 && !same_told(&a->told, &b->told))
		return "the IOVAs that the kernel holds";
	if (memcmp(a->found, b->found, sizeof(a->found)) != 0 ||
	    memcmp(a->at, b->at, sizeof(a->at)) != 0 || memcmp(a->run, b->run, sizeof(a->run)) != 0)
		return "translations";
	if (memcmp(a->answers, b->answers, sizeof(a->answers)) != 0 ||
	    memcmp(a->granted, b->granted, sizeof(a->granted)) != 0)
		return "requests";
	return NULL;
}

/* ---- What must be so, whatever happened --------------------------------------------------------- */

static inline bool is_known(const struct kernel_map *m, uint64_t offset)
{
	struct iom_what what = { .size = sizeof(what) };

	ck_assert_ok(iom_whatis(rig.dom, m->iova + offset, &what));
	return what.state == IOM_WHAT_MAPPED || what.state == IOM_WHAT_QUARANTINED;
}

/* What the kernel has is mapped, or in quarantine; NULL, or what is not. */
static inline const char *unaccounted(const char *address)
{
	static struct kernel_maps maps;
	static char text[80];
	size_t i;

	read_maps(address, &maps);
	for (i = 0; i < maps.n; i++) {
		const struct kernel_map *m = &maps.v[i];

		if (is_known(m, 0) && is_known(m, m->length - 1))
			continue;
		snprintf(text, sizeof(text), "%s still reaches 0x%" PRIx64 " + 0x%" PRIx64, address,
			 m->iova, m->length);
		return text;
	}
	return NULL;
}

/* Those that the domain finds by their address are where it says, and in reach. */
static inline const char *out_of_reach(const char *address)
{
	static char text[80];
	uint64_t iova, run;
	size_t i;

	for (i = 0; i < place.n_kept; i++) {
		const struct iom_region *r = &place.kept[i];

		if (iom_iova_to_va(rig.dom, r->iova, r->length, &(void *){ NULL }, &run) < 0 ||
		    run < r->length)
			continue; /* unmapped, or cut */
		if (!(r->flags & IOM_MAP_ALIAS) &&
		    (iom_translate(rig.dom, r->va, 1, &iova, &run) < 0 || iova != r->iova))
			snprintf(text, sizeof(text), "region %zu is not found", i);
		else if (r->flags & IOM_MAP_WRITE ? !dma_works(address, r)
						  : !dma_reads(address, r->iova, r->va, 8))
			snprintf(text, sizeof(text), "%s does not reach region %zu", address, i);
		else
			continue;
		return text;
	}
	return NULL;
}

#endif
