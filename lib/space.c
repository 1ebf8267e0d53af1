// SPDX-License-Identifier: BSD-3-Clause
#include "space.h"

#include "space_node.h"

/* A node that a removal leaves with less than this gets more from its neighbour, or joins it. */
#define LEAST (FANOUT / 4)
#define MOST_JOINED (FANOUT * 3 / 4)

/* Nor does a split leave more than this: each half has room for 6 at least, see iom_space_reserve(). */
#define MOST_SPLIT (FANOUT - LEAST)

/* ---- Paths ----------------------------------------------------------------------------------- */

/* Where a search ended is no part of what a space is to its reader. */
static struct iom_space *remembering(const struct iom_space *space)
{
	return (struct iom_space *)(uintptr_t)space;
}

static void forget_path(struct iom_space *space)
{
	space->from = space->to = 0;
}

static void remember_leaf(struct iom_space *space, uint64_t from)
{
	const struct iom_space_node *leaf = space->path[0].node;

	space->from = from;
	space->to = leaf->end[leaf->n - 1];
}

/* Where the gap of the path's entry begins. */
static uint64_t gap_start(const struct iom_space *space)
{
	const struct iom_space_step *leaf = &space->path[0];

	return leaf->i ? leaf->node->end[leaf->i - 1] : space->from;
}

/* How large it is. */
static uint64_t gap_size(const struct iom_space *space)
{
	const struct iom_space_step *leaf = &space->path[0];
	int32_t gap = leaf->node->gap[leaf->i];

	if (gap < IOM_SPACE_GAP_MANY)
		return (uint64_t)gap;
	return leaf->node->below[leaf->i].span->start - gap_start(space);
}

/* Make the path lead to the span at unit, as iom_space_at() has it. */
static void go(struct iom_space *space, uint64_t unit)
{
	struct iom_space_node *node = &space->root;
	unsigned int level = space->height;
	uint64_t from = 0;
	size_t i;

	if (unit >= space->from && unit < space->to) {
		struct iom_space_step *leaf = &space->path[0];

		if (unit >= leaf->node->end[leaf->i] || unit < gap_start(space))
			leaf->i = find(leaf->node, unit);
		return;
	}
	for (;; level--) {
		i = find(node, unit);
		space->path[level] = (struct iom_space_step){ node, i };
		if (!level)
			break;
		from = i ? node->end[i - 1] : from;
		node = node->below[i].node;
		if (level <= 2)
			prefetch(node);
	}
	remember_leaf(space, from);
}

/* Correct what the nodes above the path's node at this level tell of it. */
static void refresh(struct iom_space *space, unsigned int level)
{
	for (; level < space->height; level++) {
		const struct entry entry = entry_of(space->path[level].node);
		const struct iom_space_step *up = &space->path[level + 1];

		if (up->node->end[up->i] == entry.end && up->node->gap[up->i] == entry.gap)
			return;
		set_entry(up->node, up->i, &entry);
	}
}

/* The gap of the path's span has grown. */
static void raise_gap(struct iom_space *space, uint64_t more)
{
	int32_t gap = as_gap(gap_size(space) + more);
	unsigned int level;

	space->path[0].node->gap[space->path[0].i] = gap;
	for (level = 1; level <= space->height; level++) {
		const struct iom_space_step *up = &space->path[level];

		if (up->node->gap[up->i] >= gap)
			return;
		up->node->gap[up->i] = gap;
	}
}

/* ---- Searches -------------------------------------------------------------------------------- */

void iom_space_init(struct iom_space *space)
{
	*space = (struct iom_space){
		.sentinel = {
			.start = IOM_SPACE_END,
			.end = IOM_SPACE_END + 1, /* so that it lies behind every unit */
			.state = IOM_SPAN_HOLE,
		},
	};
	iom_pool_init(&space->nodes,
		      (sizeof(struct iom_space_node) + IOM_LINE - 1) / IOM_LINE * IOM_LINE);
	add_entry(&space->root, 0,
		  &(struct entry){
			  IOM_SPACE_END + 1, IOM_SPACE_GAP_MANY, { .span = &space->sentinel } });
	clear_from(&space->root, 1);
}

void iom_space_destroy(struct iom_space *space)
{
	iom_pool_destroy(&space->nodes);
	iom_space_init(space);
}

struct iom_span *iom_space_at(const struct iom_space *space, uint64_t unit)
{
	const struct iom_space_step *leaf = &space->path[0];

	go(remembering(space), unit);
	return leaf->node->below[leaf->i].span;
}

bool iom_space_is_free(const struct iom_space *space, uint64_t start, uint64_t end)
{
	uint64_t gap;

	go(remembering(space), start);
	gap = gap_start(space);
	return start >= gap && end - gap <= gap_size(space);
}

/* ---- Inserting ------------------------------------------------------------------------------- */

int iom_space_reserve(struct iom_space *space, size_t n)
{
	size_t each = space->height + 2;
	size_t used = space->nodes.n - space->nodes.n_unused;
	size_t most;

	if (iom_space_has_room(space, n))
		return 0;
	/*
	 * Each insert may split a node of every level, and the root twice.  Many need less: what was
	 * split takes 6 more before it is full again, so that n are n / 6 new leaves, besides those
	 * that are split for the first time; and so on upwards.
	 */
	most = 2 * used + n / 5 + 2 * each;
	return iom_pool_reserve(&space->nodes, n > 64 && most < n * each ? most : n * each);
}

/* The root is full: it gets a node below it that has all its entries. */
static void grow(struct iom_space *space)
{
	struct iom_space_node *child = iom_pool_take(&space->nodes);
	struct iom_space_node *root = &space->root;
	struct iom_space_step *step = &space->path[space->height];
	const struct iom_space_step down = { child, step->i };
	struct entry entry;

	*child = *root;
	entry = entry_of(child);
	clear_from(root, 0);
	add_entry(root, 0, &entry);
	*step = down;
	space->path[++space->height] = (struct iom_space_step){ root, 0 };
	if (space->inserted.node == root)
		space->inserted.node = child;
}

/*
 * How many entries of a full node go to its new lower half, if another is put in front of the i-th.
 * In the middle, unless it looks as if all went up or down from here: then what will not be touched
 * again is left fuller.
 */
static size_t split_at(const struct iom_space *space, const struct iom_space_node *node, size_t i)
{
	const struct iom_space_step *last = &space->inserted;

	if (last->node != node)
		return FANOUT / 2;
	if (i > FANOUT / 2 && last->i + 1 == i)
		return i < MOST_SPLIT ? i : MOST_SPLIT;
	if (i < FANOUT / 2 && last->i == i)
		return i > LEAST ? i : LEAST;
	return FANOUT / 2;
}

/* Split the full node at a level of the path, and put an entry in; what the new lower half is. */
static struct entry split(struct iom_space *space, unsigned int level, const struct entry *entry)
{
	struct iom_space_node *node = space->path[level].node;
	struct iom_space_node *low = iom_pool_take(&space->nodes);
	size_t i = space->path[level].i;
	size_t n = split_at(space, node, i);

	copy(low, 0, node, 0, n);
	clear_from(low, n);
	drop_first(node, n);
	if (i > n) {
		i -= n;
		add_entry(node, i, entry);
	} else {
		add_entry(low, i, entry);
		node = low;
	}
	if (!level)
		space->inserted = (struct iom_space_step){ node, i };
	return entry_of(low);
}

/* Put an entry in front of the path's; old is what gap it lies in. */
static void put(struct iom_space *space, struct entry entry, int32_t old)
{
	struct iom_space_step *step = &space->path[0];
	unsigned int level = 0;

	if (step->node->n < FANOUT) {
		add_entry(step->node, step->i, &entry);
		space->inserted = *step;
		if (space->height && space->path[1].node->gap[space->path[1].i] == old)
			refresh(space, 0);
		return;
	}
	do {
		if (level == space->height)
			grow(space);
		entry = split(space, level, &entry);
		step = &space->path[++level];
		step->node->gap[step->i] = largest_gap(step->node->below[step->i].node);
	} while (step->node->n == FANOUT);
	add_entry(step->node, step->i, &entry);
	refresh(space, level);
	forget_path(space);
}

void iom_space_insert(struct iom_space *space, struct iom_span *span)
{
	struct iom_space_step *leaf = &space->path[0];
	uint64_t from, size;

	go(space, span->start);
	from = gap_start(space);
	size = gap_size(space);
	leaf->node->gap[leaf->i] = as_gap(from + size - span->end);
	put(space, (struct entry){ span->end, as_gap(span->start - from), { .span = span } },
	    as_gap(size));
}

/* ---- Removing -------------------------------------------------------------------------------- */

/* The only node below the root becomes it. */
static void shrink(struct iom_space *space)
{
	struct iom_space_node *child = space->root.below[0].node;

	space->root = *child;
	space->height--;
	iom_pool_give(&space->nodes, child);
}

/* All of the lower one into the upper, which is its neighbour. */
static void join(struct iom_space_node *low, struct iom_space_node *high)
{
	copy(high, low->n, high, 0, high->n);
	copy(high, 0, low, 0, low->n);
	high->n += low->n;
}

/* Make two neighbours equally full. */
static void level_out(struct iom_space_node *low, struct iom_space_node *high)
{
	size_t half = (low->n + high->n) / 2, n;

	if (low->n < half) {
		n = half - low->n;
		copy(low, low->n, high, 0, n);
		low->n = half;
		drop_first(high, n);
	} else {
		n = low->n - half;
		copy(high, n, high, 0, high->n);
		copy(high, 0, low, half, n);
		high->n += n;
		clear_from(low, half);
	}
}

/* The path's node at this level has few entries, and there is another below the same one. */
static void fill_up(struct iom_space *space, unsigned int level)
{
	struct iom_space_step *up = &space->path[level + 1];
	struct iom_space_node *low, *high;
	struct entry entry;

	if (up->i)
		up->i--;
	low = up->node->below[up->i].node;
	high = up->node->below[up->i + 1].node;
	if (low->n + high->n <= MOST_JOINED) {
		join(low, high);
		drop_entry(up->node, up->i);
		iom_pool_give(&space->nodes, low);
	} else {
		level_out(low, high);
		entry = entry_of(low);
		set_entry(up->node, up->i++, &entry);
	}
	entry = entry_of(high);
	set_entry(up->node, up->i, &entry);
}

/* The path's leaf has lost an entry: correct all that is above it. */
static void mend(struct iom_space *space)
{
	unsigned int level;

	for (level = 0; level < space->height && space->path[level].node->n < LEAST; level++)
		fill_up(space, level);
	refresh(space, level);
	while (space->height && space->root.n == 1)
		shrink(space);
	forget_path(space);
}

void iom_space_remove(struct iom_space *space, const struct iom_span *span)
{
	struct iom_space_step *leaf = &space->path[0];
	uint64_t from, room;
	bool last;

	go(space, span->start);
	from = gap_start(space);
	room = leaf->node->end[leaf->i] - from;
	last = leaf->i + 1 == leaf->node->n;
	drop_entry(leaf->node, leaf->i);
	space->inserted.node = NULL;
	if (!last)
		raise_gap(space, room);
	/* the root may have as few as it likes, and its last is the sentinel */
	if (space->height && (last || leaf->node->n < LEAST))
		mend(space);
	if (last) {
		go(space, from);
		raise_gap(space, room);
	}
}

/* ---- Fitting --------------------------------------------------------------------------------- */

/* Whether [from, end) has room; where. */
static bool fit_gap(uint64_t from, uint64_t end, const struct iom_fit *fit, uint64_t *start)
{
	uint64_t skip;

	if (end > fit->end)
		end = fit->end;
	if (from < fit->first)
		from = fit->first;
	skip = (fit->phase - from) & (fit->align - 1);
	if (from >= end || end - from < skip || end - from - skip < fit->count)
		return false;
	*start = from + skip;
	return true;
}

struct search {
	const struct iom_fit *fit;
	int32_t size;        /* the gaps to look at have this, at least */
	unsigned int budget; /* how many of them that do not fit may be looked at */
};

/* The entries of a node with large enough gaps that may lie in the range, as bits. */
static inline uint32_t candidates(const struct iom_space_node *node, uint64_t from,
				  const struct search *s)
{
	uint32_t mask = find_gaps(node, s->size);

	return from < s->fit->first ? mask & UINT32_MAX << find(node, s->fit->first) : mask;
}

/* The lowest fit in a leaf, in front of which first is the last end; remembered by the path. */
static bool search_leaf(struct iom_space *space, struct iom_space_node *leaf, uint64_t first,
			struct search *s, uint64_t *start)
{
	uint32_t mask;

	space->from = first;
	for (mask = candidates(leaf, first, s); mask && s->budget; mask &= mask - 1) {
		size_t i = (size_t)__builtin_ctz(mask);
		uint64_t from = i ? leaf->end[i - 1] : first;

		if (from >= s->fit->end)
			return false;
		space->path[0] = (struct iom_space_step){ leaf, i };
		if (fit_gap(from, from + gap_size(space), s->fit, start)) {
			remember_leaf(space, first);
			return true;
		}
		s->budget--;
	}
	return false;
}

/* The same below a node. */
static bool search(struct iom_space *space, struct iom_space_node *node, unsigned int level,
		   uint64_t first, struct search *s, uint64_t *start)
{
	uint32_t mask;

	if (!level)
		return search_leaf(space, node, first, s, start);
	for (mask = candidates(node, first, s); mask && s->budget; mask &= mask - 1) {
		size_t i = (size_t)__builtin_ctz(mask);
		uint64_t from = i ? node->end[i - 1] : first;

		if (from >= s->fit->end)
			return false;
		space->path[level] = (struct iom_space_step){ node, i };
		if (search(space, node->below[i].node, level - 1, from, s, start))
			return true;
	}
	return false;
}

static bool search_all(struct iom_space *space, struct search *s, uint64_t *start)
{
	if (space->height ? search(space, &space->root, space->height, 0, s, start)
			  : search_leaf(space, &space->root, 0, s, start))
		return true;
	forget_path(space);
	return false;
}

bool iom_space_fit(const struct iom_space *space, const struct iom_fit *fit, uint64_t *start)
{
	/*
	 * A gap of the right size may lie wrong for a large alignment, and there may be many such.
	 * So look at some of them for the lowest fit; then at those where size alone guarantees
	 * one; and only then, when the space is nearly full, at all.
	 */
	struct search s = { fit, as_gap(fit->count), 64 };

	if (search_all(remembering(space), &s, start))
		return true;
	if (s.budget)
		return false;
	s = (struct search){ fit, as_gap(fit->count + fit->align - 1), 64 };
	if (search_all(remembering(space), &s, start))
		return true;
	s = (struct search){ fit, as_gap(fit->count), UINT32_MAX };
	return search_all(remembering(space), &s, start);
}
