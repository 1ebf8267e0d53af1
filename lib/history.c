// SPDX-License-Identifier: BSD-3-Clause
#include "history.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "domain.h"
#include "error.h"
#include "options.h"
#include "text.h"

#define HISTORY_MOST (UINT64_C(1) << 20)
#define HISTORY_STRICT 4096

/* How far beside a mapping an IOVA may be to be told of with it, in units. */
#define NEAR (UINT64_C(256))

#define WHAT_FIRST sizeof(struct iom_what)

/* ---- The ring ------------------------------------------------------------------------------- */

int iom_history_init(struct iom_domain *dom, const struct iom_open_opts *opts)
{
	uint64_t n = opts->history;

	if (n > HISTORY_MOST)
		return iom_error(-EINVAL, "history is %" PRIu64 "; it is at most %" PRIu64, n,
				 HISTORY_MOST);
	if (!n && dom->strict.on)
		n = HISTORY_STRICT;
	if (!n)
		return 0;
	dom->history.v = calloc(n, sizeof(*dom->history.v));
	if (!dom->history.v)
		return iom_error(-ENOMEM, "no memory for a history of %" PRIu64 " unmaps", n);
	dom->history.n = n;
	dom->history.mark = IOM_SPAN_NOTED;
	return 0;
}

void iom_history_free(struct iom_domain *dom)
{
	free(dom->history.v);
}

void iom_history_note(struct iom_domain *dom, const struct iom_span *span)
{
	struct iom_history *history = &dom->history;

	history->v[history->noted++ % history->n] = (struct iom_past){
		.start = span->start,
		.end = span->end,
		.va = span->va,
		.generation = span->generation,
		.when = dom->sys->now(dom->sys->ctx),
		.flags = span->flags & ~IOM_SPAN_NOTED,
	};
}

/* ---- What is known of an IOVA ---------------------------------------------------------------- */

/* Something that is, or was, mapped, and how far an IOVA is from it. */
struct found {
	enum iom_what_state state;
	struct iom_past what; /* when: 0 unless it was unmapped */
	uint64_t distance;    /* in units; 0: it is inside */
	bool streamed;
};

static uint64_t distance(uint64_t start, uint64_t end, uint64_t unit)
{
	if (unit < start)
		return start - unit;
	return unit < end ? 0 : unit - end + 1;
}

static enum iom_what_state state_of(const struct iom_span *span)
{
	switch (span->state) {
	case IOM_SPAN_MAPPED:
		return IOM_WHAT_MAPPED;
	case IOM_SPAN_QUARANTINED:
		return IOM_WHAT_QUARANTINED;
	default:
		return IOM_WHAT_CHANGING;
	}
}

static void find_alive(const struct iom_domain *dom, uint64_t unit, struct found *found)
{
	const struct iom_span *span;
	uint64_t from = unit > NEAR ? unit - NEAR : 0;

	for (; from < IOM_SPACE_END; from = span->end) {
		uint64_t away;

		span = iom_space_at(&dom->space, from);
		if (span->start >= IOM_SPACE_END || span->start > unit + NEAR)
			return;
		away = distance(span->start, span->end, unit);
		if (span->state == IOM_SPAN_HOLE || away >= found->distance)
			continue;
		*found = (struct found){
			.state = away ? IOM_WHAT_BESIDE : state_of(span),
			.what = { span->start, span->end, span->va, span->generation, 0,
				  span->flags & ~IOM_SPAN_NOTED },
			.distance = away,
			.streamed = span->streamed,
		};
	}
}

/* The last one first: it is the last that had this IOVA. */
static void find_past(const struct iom_history *history, uint64_t unit, struct found *found)
{
	uint64_t n = history->noted < history->n ? history->noted : history->n, i;

	for (i = 1; i <= n && found->distance; i++) {
		const struct iom_past *past = &history->v[(history->noted - i) % history->n];
		uint64_t away = distance(past->start, past->end, unit);

		if (away < found->distance)
			*found = (struct found){
				.state = away ? IOM_WHAT_BESIDE : IOM_WHAT_UNMAPPED,
				.what = *past,
				.distance = away,
			};
	}
}

static bool is_outside(const struct iom_domain *dom, uint64_t unit)
{
	const struct iom_span *span = iom_space_at(&dom->space, unit);

	return span->start <= unit && span->state == IOM_SPAN_HOLE && !span->foreign;
}

/* The table lock is held. */
static void find(const struct iom_domain *dom, uint64_t unit, struct found *found)
{
	*found = (struct found){ .distance = NEAR + 1 };
	find_alive(dom, unit, found);
	find_past(&dom->history, unit, found);
	if (found->distance && is_outside(dom, unit))
		*found = (struct found){ .state = IOM_WHAT_OUTSIDE };
}

/* ---- In words -------------------------------------------------------------------------------- */

static void add_time(struct iom_text *text, uint64_t ns)
{
	static const struct {
		uint64_t ns;
		const char *name;
	} units[] = {
		{ UINT64_C(60000000000), "min" },
		{ 1000000000, "s" },
		{ 1000000, "ms" },
		{ 1000, "us" },
	};
	size_t i;

	for (i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (ns >= units[i].ns) {
			iom_text_add(text, "%" PRIu64 ".%" PRIu64 " %s", ns / units[i].ns,
				     ns % units[i].ns / (units[i].ns / 10), units[i].name);
			return;
		}
	}
	iom_text_add(text, "%" PRIu64 " ns", ns);
}

static void add_access(struct iom_text *text, unsigned int flags)
{
	if ((flags & IOM_MAP_RW) == IOM_MAP_RW)
		iom_text_add(text, "read and write");
	else
		iom_text_add(text, flags & IOM_MAP_WRITE ? "write" : "read");
}

static void add_distance(struct iom_text *text, const struct iom_region *region, iom_iova_t iova)
{
	if (iova < region->iova)
		iom_text_add(text, "nothing, 0x%" PRIx64 " bytes before what ",
			     region->iova - iova);
	else
		iom_text_add(text, "nothing, 0x%" PRIx64 " bytes past the end of what ",
			     iova - region->iova - region->length);
}

static void describe(struct iom_text *text, const struct found *found, const struct iom_what *what,
		     iom_iova_t iova)
{
	const struct iom_region *region = &what->region;

	switch (found->state) {
	case IOM_WHAT_UNKNOWN:
		iom_text_add(text, "nothing is mapped there, and nothing is known to have been");
		return;
	case IOM_WHAT_OUTSIDE:
		iom_text_add(text, "in no aperture of the domain");
		return;
	case IOM_WHAT_MAPPED:
		iom_text_add(text, found->streamed ? "mapped by a stream" : "mapped");
		break;
	case IOM_WHAT_CHANGING:
		iom_text_add(text, "being mapped or unmapped");
		break;
	case IOM_WHAT_QUARANTINED:
		iom_text_add(text, "quarantined");
		break;
	case IOM_WHAT_UNMAPPED:
		iom_text_add(text, "unmapped ");
		add_time(text, what->age);
		iom_text_add(text, " ago");
		break;
	case IOM_WHAT_BESIDE:
		add_distance(text, region, iova);
		iom_text_add(text, found->what.when ? "was unmapped " : "is mapped");
		if (found->what.when) {
			add_time(text, what->age);
			iom_text_add(text, " ago");
		}
		break;
	}
	iom_text_add(text, ": ");
	if (found->state != IOM_WHAT_BESIDE)
		iom_text_add(text, "+ 0x%" PRIx64 " in ", what->offset);
	iom_text_add(text, "0x%" PRIx64 " bytes at IOVA 0x%" PRIx64 ", of memory at %p, to ",
		     region->length, region->iova, region->va);
	add_access(text, (unsigned int)region->flags);
}

static void fill(struct iom_what *what, const struct found *found, iom_iova_t iova, uint64_t now)
{
	const struct iom_past *past = &found->what;
	struct iom_text text = { .buf = what->text, .n = sizeof(what->text) };

	what->state = found->state;
	if (past->generation) {
		what->region = (struct iom_region){
			.va = (void *)past->va,
			.iova = past->start << IOM_UNIT_SHIFT,
			.length = (past->end - past->start) << IOM_UNIT_SHIFT,
			.delta = (past->start << IOM_UNIT_SHIFT) - past->va,
			.generation = past->generation,
			.flags = past->flags,
		};
		what->offset = iova - what->region.iova;
	}
	if (past->when)
		what->age = now - past->when;
	describe(&text, found, what, iova);
}

static int whatis(struct iom_domain *dom, iom_iova_t iova, struct iom_what *what)
{
	struct iom_what ours = { 0 };
	struct found found;
	int ret;

	ret = iom_options_check(what, WHAT_FIRST, "iom_what");
	if (ret < 0)
		return ret;
	/* an attach looks at what is mapped without the table lock */
	pthread_rwlock_rdlock(&dom->topology);
	pthread_mutex_lock(&dom->table);
	find(dom, iova >> IOM_UNIT_SHIFT, &found);
	pthread_mutex_unlock(&dom->table);
	pthread_rwlock_unlock(&dom->topology);
	fill(&ours, &found, iova, found.what.when ? dom->sys->now(dom->sys->ctx) : 0);
	iom_options_fill(what, &ours, sizeof(ours));
	return 0;
}

int iom_whatis(const struct iom_domain *dom, iom_iova_t iova, struct iom_what *what)
{
	int ret;

	ret = iom_check_owner(dom);
	if (!ret)
		ret = whatis(iom_lockable(dom), iova, what);
	return ret < 0 ? iom_error_prefix(ret, "what is IOVA 0x%" PRIx64 ": ", iova) : 0;
}
