// SPDX-License-Identifier: BSD-3-Clause
/* IOM_OPEN_STRICT: a device's stray access faults, where it would reach something else. */
#include <stdio.h>
#include <string.h>

#include "stream.h"

#define NO_EDU "no edu device"

/* What the log said of what was left. */
static char left[512];

static void note(void *arg, int level, const char *message)
{
	(void)arg;
	if (level == IOM_LOG_WARN && strstr(message, "still mapped"))
		snprintf(left, sizeof(left), "%s", message);
}

/* A strict domain with a device that does DMA. */
static int open_strictly(struct fixture *f)
{
	const struct iom_open_opts opts = {
		.size = sizeof(opts),
		.backend = f->world->backend,
		.log = note,
		.flags = IOM_OPEN_STRICT,
	};
	int ret;

	ret = world_open(&f->dom, &opts);
	if (!ret)
		ret = attach(f, f->world->edu, &f->dev);
	if (!ret)
		f->page = iom_page_size(f->dom);
	return ret;
}

/* What the case below is against: the device finds other memory where its own was. */
static enum outcome not_strict(struct fixture *f)
{
	void *p = memory(f->page), *q = memory(f->page);
	struct iom_region old, new;
	struct rig rig;

	TRY(rig_build(&rig, f, f->dev));
	OK(iom_map(f->dom, p, f->page, IOM_MAP_RW, NULL, &old));
	OK(iom_unmap(f->dom, &old));
	OK(iom_map(f->dom, q, f->page, IOM_MAP_RW, NULL, &new));
	EXPECT(new.iova == old.iova);
	TRY(rig_reaches(&rig, q, old.iova));
	rig_release(&rig);
	return PASS;
}

static enum outcome stale_iova(struct fixture *f)
{
	struct iom_region old[4], new;
	struct rig rig;
	void *p, *q;
	size_t i;

	NEED(f->world->edu, NO_EDU);
	OK(open_strictly(f));
	TRY(rig_build(&rig, f, f->dev));
	p = memory(f->page);
	q = memory(f->page);
	for (i = 0; i < 4; i++) {
		OK(iom_map(f->dom, p, f->page, IOM_MAP_RW, NULL, &old[i]));
		TRY(rig_reaches(&rig, p, old[i].iova));
		OK(iom_unmap(f->dom, &old[i]));
	}
	OK(iom_map(f->dom, q, f->page, IOM_MAP_RW, NULL, &new));
	for (i = 0; i < 4; i++) {
		TRY(rig_misses(&rig, q, old[i].iova));
		TRY(rig_misses(&rig, p, old[i].iova));
	}
	TRY(rig_reaches(&rig, q, new.iova));
	rig_release(&rig);
	return PASS;
}

/* One step too far to either side, with other mappings around. */
static enum outcome gap(struct fixture *f)
{
	struct iom_region r[3];
	struct rig rig;
	char *p;
	size_t i;

	NEED(f->world->edu, NO_EDU);
	OK(open_strictly(f));
	TRY(rig_build(&rig, f, f->dev));
	p = memory(6 * f->page);
	for (i = 0; i < 3; i++)
		OK(iom_map(f->dom, p + 2 * i * f->page, f->page, IOM_MAP_RW, NULL, &r[i]));
	for (i = 0; i < 3; i++) {
		TRY(rig_misses(&rig, r[(i + 1) % 3].va, r[i].iova + r[i].length));
		TRY(rig_misses(&rig, r[(i + 2) % 3].va, r[i].iova - RIG_BYTES));
		TRY(rig_reaches(&rig, r[i].va, r[i].iova));
	}
	rig_release(&rig);
	return PASS;
}

/* Nothing of declared memory stays in reach when its buffer has landed. */
static enum outcome declared(struct fixture *f)
{
	struct iom_stream *stream;
	struct flight one, two;
	struct iom_memory *mem;
	struct rig rig;
	char *p;

	NEED(f->world->edu, NO_EDU);
	OK(open_strictly(f));
	TRY(rig_build(&rig, f, f->dev));
	p = memory(GRANULE);
	OK(iom_memory_add(f->dom, p, GRANULE, IOM_MAP_RW, &mem));
	OK(iom_stream_open(f->dom, &stream));
	TRY(takes_off(f, stream, p + KIB, KIB, &one));
	TRY(flight_reaches(&rig, &one));
	TRY(lands(stream, &one));
	TRY(flight_misses(&rig, &one));
	TRY(takes_off(f, stream, p + KIB, KIB, &two));
	EXPECT(two.segments[0].iova != one.segments[0].iova);
	TRY(flight_misses(&rig, &one));
	TRY(flight_reaches(&rig, &two));
	TRY(lands(stream, &two));
	iom_stream_close(stream);
	OK(iom_memory_remove(mem));
	rig_release(&rig);
	return PASS;
}

/* The address of a fault tells whose it was. */
static enum outcome whatis(struct fixture *f)
{
	struct iom_what what = { .size = sizeof(what) };
	struct iom_region r;

	NEED(f->world->edu, NO_EDU);
	OK(open_strictly(f));
	OK(iom_map(f->dom, memory(f->page), f->page, IOM_MAP_RW, NULL, &r));
	OK(iom_whatis(f->dom, r.iova + 0x40, &what));
	EXPECT(what.state == IOM_WHAT_MAPPED && what.region.va == r.va && what.offset == 0x40);
	OK(iom_whatis(f->dom, r.iova + r.length + 1, &what));
	EXPECT(what.state == IOM_WHAT_BESIDE && what.region.va == r.va);
	OK(iom_unmap(f->dom, &r));
	OK(iom_whatis(f->dom, r.iova + 0x40, &what));
	EXPECT(what.state == IOM_WHAT_UNMAPPED && what.region.generation == r.generation);
	EXPECT(strstr(what.text, "unmapped ") && strstr(what.text, " ago"));
	return PASS;
}

static enum outcome report(struct fixture *f)
{
	struct iom_region gone, stays;
	char place[64];

	NEED(f->world->edu, NO_EDU);
	OK(open_strictly(f));
	OK(iom_map(f->dom, memory(f->page), f->page, IOM_MAP_RW, NULL, &gone));
	OK(iom_map(f->dom, memory(f->page), f->page, IOM_MAP_RW, NULL, &stays));
	OK(iom_unmap(f->dom, &gone));
	iom_close(f->dom);
	f->dom = NULL;
	snprintf(place, sizeof(place), "IOVA 0x%llx,", (unsigned long long)stays.iova);
	EXPECT(strstr(left, place));
	return PASS;
}

const struct test strict_tests[] = {
	{ "strict-not-asked-for", not_strict, NEEDS_EDU },
	{ "strict-stale-iova-faults", stale_iova, NEEDS_NOTHING },
	{ "strict-gap-faults", gap, NEEDS_NOTHING },
	{ "strict-declared-memory", declared, NEEDS_NOTHING },
	{ "strict-whatis", whatis, NEEDS_NOTHING },
	{ "strict-report", report, NEEDS_NOTHING },
	{ NULL, NULL, NEEDS_NOTHING },
};
