/* SPDX-License-Identifier: BSD-3-Clause */
/* The whole tree of a space, looked at from outside. */
#ifndef IOM_TEST_SPACE_WALK_H
#define IOM_TEST_SPACE_WALK_H

#include "lib/space.h"
#include "tests/unit/util.h"

/* Check's own ones are too slow for so many. */
#define walk_assert(condition)                          \
	do {                                            \
		if (!(condition))                       \
			ck_abort_msg("%s", #condition); \
	} while (0)

struct space_walk {
	uint64_t end; /* of the last span */
	size_t spans; /* besides the sentinel */
	size_t nodes; /* besides the root */
	size_t leaves;
};

static inline int32_t walk_gap(uint64_t units)
{
	return units < IOM_SPACE_GAP_MANY ? (int32_t)units : IOM_SPACE_GAP_MANY;
}

/* Each gap is what lies between the spans, and what is told of a leaf is so. */
static inline int32_t walk_leaf(const struct iom_space_node *leaf, struct space_walk *walk)
{
	int32_t most = 0;
	size_t i;

	walk->leaves++;
	for (i = 0; i < leaf->n; i++) {
		const struct iom_span *span = leaf->below[i].span;

		walk_assert(span->start >= walk->end);
		walk_assert(span->end > span->start);
		walk_assert(leaf->end[i] == span->end);
		walk_assert(leaf->gap[i] == walk_gap(span->start - walk->end));
		most = leaf->gap[i] > most ? leaf->gap[i] : most;
		walk->end = span->end;
	}
	walk->spans += leaf->n;
	return most;
}

/* The largest gap below a node; what the nodes tell of those below them is so. */
static inline int32_t walk_node(const struct iom_space_node *node, unsigned int level,
				unsigned int height, struct space_walk *walk)
{
	int32_t most = 0;
	size_t i;

	walk_assert(node->n >= 1);
	walk_assert(node->n <= IOM_SPACE_FANOUT);
	for (i = node->n; i < IOM_SPACE_FANOUT; i++)
		walk_assert(node->end[i] == UINT64_MAX);
	for (i = node->n; i < IOM_SPACE_FANOUT + 1; i++)
		walk_assert(node->gap[i] == 0);
	if (!level)
		return walk_leaf(node, walk);

	/* none is so empty that the tree could grow high; a leaf may be, where a run began */
	walk_assert(node->n >= (level == height ? 2 : IOM_SPACE_FANOUT / 4));
	for (i = 0; i < node->n; i++) {
		walk->nodes++;
		walk_assert(walk_node(node->below[i].node, level - 1, height, walk) ==
			    node->gap[i]);
		walk_assert(node->end[i] == walk->end);
		most = node->gap[i] > most ? node->gap[i] : most;
	}
	return most;
}

/* What is remembered of the last search leads to a leaf, for the units that are in it. */
static inline void walk_path(const struct iom_space *space)
{
	const struct iom_space_node *node = &space->root;
	unsigned int level = space->height;
	uint64_t from = 0;
	size_t i;

	if (!space->to)
		return;
	for (;; level--) {
		i = space->path[level].i;
		walk_assert(space->path[level].node == node);
		walk_assert(i < node->n);
		if (!level)
			break;
		from = i ? node->end[i - 1] : from;
		node = node->below[i].node;
	}
	walk_assert(space->from == from);
	walk_assert(space->to == node->end[node->n - 1]);
}

static inline struct space_walk walk_space(const struct iom_space *space)
{
	struct space_walk walk = { 0 };

	walk_node(&space->root, space->height, space->height, &walk);
	walk_path(space);
	walk_assert(walk.end == IOM_SPACE_END + 1);
	walk_assert(walk.nodes == space->nodes.n - space->nodes.n_unused);
	walk.spans--;
	return walk;
}

#endif
