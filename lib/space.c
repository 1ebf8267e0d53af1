// SPDX-License-Identifier: BSD-3-Clause
#include "space.h"

#include <stddef.h>

/*
 * A treap: a search tree by start that is a heap by priority, the priority being a hash of the
 * node's address, which makes it balanced in expectation with nothing to store.
 */
static uint64_t priority(const struct iom_span *span)
{
	uint64_t x = (uintptr_t)span;

	/* the finalizer of splitmix64 */
	x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
	return x ^ x >> 31;
}

static uint64_t max_gap(const struct iom_span *span)
{
	return span ? span->max_gap : 0;
}

static void update(struct iom_span *span)
{
	uint64_t most = span->gap;

	if (max_gap(span->left) > most)
		most = max_gap(span->left);
	if (max_gap(span->right) > most)
		most = max_gap(span->right);
	span->max_gap = most;
}

/* All that starts before unit into *low, the rest into *high. */
static void split(struct iom_span *tree, uint64_t unit, struct iom_span **low,
		  struct iom_span **high)
{
	if (!tree) {
		*low = NULL;
		*high = NULL;
		return;
	}
	if (tree->start < unit) {
		split(tree->right, unit, &tree->right, high);
		*low = tree;
	} else {
		split(tree->left, unit, low, &tree->left);
		*high = tree;
	}
	update(tree);
}

/* All of low starts before all of high. */
static struct iom_span *merge(struct iom_span *low, struct iom_span *high)
{
	if (!low || !high)
		return low ? low : high;
	if (priority(low) > priority(high)) {
		low->right = merge(low->right, high);
		update(low);
		return low;
	}
	high->left = merge(low, high->left);
	update(high);
	return high;
}

static struct iom_span *insert(struct iom_span *tree, struct iom_span *span)
{
	if (!tree || priority(span) > priority(tree)) {
		split(tree, span->start, &span->left, &span->right);
		tree = span;
	} else if (span->start < tree->start) {
		tree->left = insert(tree->left, span);
	} else {
		tree->right = insert(tree->right, span);
	}
	update(tree);
	return tree;
}

static struct iom_span *without(struct iom_span *tree, const struct iom_span *span)
{
	if (tree == span)
		return merge(tree->left, tree->right);
	if (span->start < tree->start)
		tree->left = without(tree->left, span);
	else
		tree->right = without(tree->right, span);
	update(tree);
	return tree;
}

/* Set the gap of a span in the tree. */
static void set_gap(struct iom_span *tree, struct iom_span *span, uint64_t gap)
{
	if (tree == span)
		span->gap = gap;
	else
		set_gap(span->start < tree->start ? tree->left : tree->right, span, gap);
	update(tree);
}

void iom_space_init(struct iom_space *space)
{
	space->sentinel = (struct iom_span){
		.start = IOM_SPACE_END,
		.end = IOM_SPACE_END + 1, /* so that it lies behind every unit */
		.gap = IOM_SPACE_END,
		.max_gap = IOM_SPACE_END,
		.state = IOM_SPAN_HOLE,
	};
	space->root = &space->sentinel;
}

struct iom_span *iom_space_at(const struct iom_space *space, uint64_t unit)
{
	struct iom_span *span = space->root, *best = NULL;

	while (span) {
		if (span->end > unit) {
			best = span;
			span = span->left;
		} else {
			span = span->right;
		}
	}
	return best;
}

bool iom_space_is_free(const struct iom_space *space, uint64_t start, uint64_t end)
{
	return iom_space_at(space, start)->start >= end;
}

void iom_space_insert(struct iom_space *space, struct iom_span *span)
{
	struct iom_span *next = iom_space_at(space, span->start);
	uint64_t before = next->start - next->gap;

	set_gap(space->root, next, next->start - span->end);
	span->gap = span->start - before;
	space->root = insert(space->root, span);
}

void iom_space_remove(struct iom_space *space, struct iom_span *span)
{
	struct iom_span *next = iom_space_at(space, span->end);

	space->root = without(space->root, span);
	set_gap(space->root, next, next->start - span->start + span->gap);
}

/* Whether the gap in front of span has room; where. */
static bool fit_gap(const struct iom_span *span, const struct iom_fit *fit, uint64_t *start)
{
	uint64_t from = span->start - span->gap;
	uint64_t end = span->start < fit->end ? span->start : fit->end;
	uint64_t skip;

	if (from < fit->first)
		from = fit->first;
	skip = (fit->phase - from) & (fit->align - 1);
	if (from >= end || end - from < skip || end - from - skip < fit->count)
		return false;
	*start = from + skip;
	return true;
}

/*
 * The lowest fit among the gaps of at least size units.  At most *budget gaps that are large enough
 * but do not fit are looked at.
 */
static bool search(const struct iom_span *tree, const struct iom_fit *fit, uint64_t size,
		   unsigned int *budget, uint64_t *start)
{
	if (!tree || tree->max_gap < size || !*budget)
		return false;
	/* everything to the left ends where this gap begins, or before */
	if (tree->start - tree->gap > fit->first && search(tree->left, fit, size, budget, start))
		return true;
	if (tree->gap >= size) {
		if (fit_gap(tree, fit, start))
			return true;
		if (!*budget || !--*budget)
			return false;
	}
	return tree->start < fit->end && search(tree->right, fit, size, budget, start);
}

bool iom_space_fit(const struct iom_space *space, const struct iom_fit *fit, uint64_t *start)
{
	/*
	 * A gap of the right size may lie wrong for a large alignment, and there may be many such.
	 * So look at some of them for the lowest fit; then at those where size alone guarantees
	 * one; and only then, when the space is nearly full, at all.
	 */
	unsigned int some = 64, all = UINT32_MAX;
	uint64_t sure = fit->count + fit->align - 1;

	if (search(space->root, fit, fit->count, &some, start))
		return true;
	if (some)
		return false;
	some = 64;
	return search(space->root, fit, sure, &some, start) ||
	       search(space->root, fit, fit->count, &all, start);
}
