/* SPDX-License-Identifier: BSD-3-Clause */
/* What is so: the domain and the device are asked, and must say what the lists say. */
#ifndef IOM_TEST_LOOK_H
#define IOM_TEST_LOOK_H

#include "tests/model/lists.h"

static inline void expect(const char *what, int ret, int expected)
{
	if (ret != expected)
		wrong("%s: %d, not %d: \"%s\"", what, ret, expected, ret < 0 ? iom_errmsg() : "");
}

/* ---- The device ------------------------------------------------------------------------------------- */

static inline bool targets(const char *address, uint64_t iova, bool write, void *va)
{
	uint64_t length;
	void *at;

	return !iom_sim_dma_target(rig.sim, address, iova, write, &at, &length) && at == va;
}

static inline bool is_reached(const char *address, uint64_t iova)
{
	uint64_t length;
	void *at;

	return !iom_sim_dma_target(rig.sim, address, iova, false, &at, &length) ||
	       !iom_sim_dma_target(rig.sim, address, iova, true, &at, &length);
}

/* A unit that is mapped: its first and last byte, for reading, and for writing if it may. */
static inline void look_at_unit(const char *address, const struct mapping *m, uint64_t i)
{
	const uint64_t bytes[] = { 0, lists.unit - 1 };
	size_t b;

	for (b = 0; b < ARRAY_SIZE(bytes); b++) {
		uint64_t at = i * lists.unit + bytes[b], iova = m->r.iova + at;
		char *va = (char *)m->r.va + at;
		bool writes = m->r.flags & IOM_MAP_WRITE;

		if (!targets(address, iova, false, va))
			wrong("%s does not read 0x%" PRIx64, address, iova);
		if (targets(address, iova, true, va) != writes)
			wrong("%s %s 0x%" PRIx64, address, writes ? "does not write" : "writes",
			      iova);
	}
}

/* Bytes go both ways. */
static inline void try_bytes(const char *address, const struct mapping *m, uint64_t i)
{
	char *va = (char *)m->r.va + i * lists.unit, byte = (char)(*va + 1);
	uint64_t iova = m->r.iova + i * lists.unit;

	if (!dma_reads(address, iova, va, 16))
		wrong("%s reads something else at 0x%" PRIx64, address, iova);
	if (!(m->r.flags & IOM_MAP_WRITE))
		return;
	if (iom_sim_dma_write(rig.sim, address, iova, &byte, 1) < 0 || *va != byte)
		wrong("what %s writes at 0x%" PRIx64 " does not arrive", address, iova);
}

static inline void look_at_mapping(const char *address, const struct mapping *m)
{
	uint64_t i;

	for (i = 0; i < units_of(m); i++) {
		if (m->left >> i & 1)
			look_at_unit(address, m, i);
		else if (!at_iova_of(m->r.iova + i * lists.unit) &&
			 is_reached(address, m->r.iova + i * lists.unit) && streams_are_idle())
			wrong("%s reaches 0x%" PRIx64 ", which was cut out", address,
			      m->r.iova + i * lists.unit);
	}
	try_bytes(address, m, (uint64_t)__builtin_ctzll(m->left));
}

/* Where fixed ones lie, all that is not mapped is out of reach. */
static inline void look_at_zone(const char *address, uint64_t start)
{
	uint64_t at;

	for (at = start - lists.unit; at <= start + ZONE_PAGES * lists.unit; at += lists.unit)
		if (!at_iova_of(at) && is_reached(address, at) && streams_are_idle())
			wrong("%s reaches 0x%" PRIx64 ", where nothing is mapped", address, at);
}

/* What the kernel has: in the lists, or of streams. */
static inline int count_kernel_map(void *arg, uint64_t iova, void *va, uint64_t length,
				   uint32_t flags)
{
	uint64_t *units = arg, at;

	(void)flags;
	for (at = 0; at < length; at += lists.unit) {
		const struct mapping *m = at_iova_of(iova + at);
		uint64_t offset = stream_offset((char *)va + at);

		if (m && (char *)m->r.va + (iova + at - m->r.iova) == (char *)va + at)
			++*units;
		else if (offset >= STREAM_BYTES ||
			 (!declaration_of(offset, lists.unit) && !flies_in(offset, lists.unit)))
			return -ENOENT;
	}
	return 0;
}

static inline void look_at_kernel(const char *address)
{
	uint64_t units = 0;

	if (iom_sim_each_map(rig.sim, address, count_kernel_map, &units) < 0)
		wrong("the kernel has something mapped for %s that nobody mapped", address);
	if (units != mapped_units())
		wrong("the kernel has %" PRIu64 " units for %s, of %" PRIu64, units, address,
		      mapped_units());
}

static inline void look_at_flight(const char *address, const struct flight *f)
{
	char *at = f->va;
	int i;

	for (i = 0; i < f->n; i++) {
		const struct iom_segment *s = &f->segments[i];

		if (!targets(address, s->iova, false, at) ||
		    !targets(address, s->iova + s->length - 1, false, at + s->length - 1))
			wrong("%s does not reach segment %d of what is in flight", address, i);
		at += s->length;
	}
}

static inline void look_by(const char *address)
{
	size_t i;

	look_at_kernel(address);
	for (i = 0; i < lists.n; i++)
		look_at_mapping(address, &lists.maps[i]);
	look_at_zone(address, ZONE);
	look_at_zone(address, ASKED_ZONE);
	for (i = 0; i < FLIGHTS; i++)
		look_at_flight(address, &lists.flights[i]);
}

/* ---- The domain ---------------------------------------------------------------------------------------- */

static inline void look_at_translations(void)
{
	uint64_t page, iova, run;
	size_t i;
	void *va;

	for (page = 0; page < PAGES; page++) {
		char *at = lists.memory + page * lists.unit + 8;
		const struct mapping *m = at_va(at);
		int ret = iom_translate(rig.dom, at, 1, &iova, &run);

		expect("translate", ret, m ? 0 : -ENOENT);
		if (m && iova != iom_region_iova(&m->r, at))
			wrong("unit %" PRIu64 " is translated to 0x%" PRIx64, page, iova);
	}
	for (i = 0; i < lists.n; i++) {
		const struct mapping *m = &lists.maps[i];
		uint64_t first = (uint64_t)__builtin_ctzll(m->left) * lists.unit;

		expect("the other way round",
		       iom_iova_to_va(rig.dom, m->r.iova + first, 1, &va, &run), 0);
		if (va != (char *)m->r.va + first)
			wrong("0x%" PRIx64 " is translated to %p", m->r.iova + first, va);
	}
}

static inline void look_at_request(struct asked *rq)
{
	struct iom_aperture a = { 0 };
	int ret = iom_aperture_granted(rig.dom, rq->id, &a);

	if (!rq->granted && !is_attached()) {
		expect("a request that waits", ret, -ENODEV);
		return;
	}
	expect("a request", ret, 0);
	if (rq->anywhere && !rq->granted)
		rq->start = a.start;
	rq->granted = true;
	if (a.start != rq->start || a.last != rq->start + rq->length - 1 ||
	    !(a.flags & IOM_APERTURE_REQUESTED) || !(a.flags & IOM_APERTURE_AUTO) != !rq->automatic)
		wrong("a request of 0x%" PRIx64 " + 0x%" PRIx64 " is 0x%" PRIx64 " to 0x%" PRIx64,
		      rq->start, rq->length, a.start, a.last);
}

static inline void look_at_counters(void)
{
	struct iom_counters c = rig_counters();
	uint64_t bytes = mapped_units() * lists.unit;

	if (c.quarantined_bytes)
		wrong("0x%" PRIx64 " bytes are in quarantine", c.quarantined_bytes);
	if (c.mapped_bytes < bytes || (streams_are_idle() && c.mapped_bytes != bytes))
		wrong("0x%" PRIx64 " bytes are mapped, not 0x%" PRIx64, c.mapped_bytes, bytes);
	if (streams_are_idle() && c.mappings != mapped_parts())
		wrong("there are %" PRIu64 " mappings, not %" PRIu64, c.mappings, mapped_parts());
}

/* After each step: what costs next to nothing. */
static inline void glance(void)
{
	size_t i;

	look_at_counters();
	for (i = 0; i < lists.n_asked; i++)
		look_at_request(&lists.asked[i]);
}

static inline void look(void)
{
	size_t i;

	look_at_translations();
	for (i = 0; i < DEVICES; i++)
		if (lists.devices[i])
			look_by(addresses[i]);
	if (!is_attached() && iom_sim_mapped_bytes(rig.sim))
		wrong("the kernel has 0x%" PRIx64 " bytes mapped for nobody",
		      iom_sim_mapped_bytes(rig.sim));
	if (!kernel_agrees())
		wrong("the kernel holds other IOVAs than were asked for");
}

#endif
