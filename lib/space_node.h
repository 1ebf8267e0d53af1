/* SPDX-License-Identifier: BSD-3-Clause */
/* Nodes of the tree of a space, one at a time. */
#ifndef IOM_SPACE_NODE_H
#define IOM_SPACE_NODE_H

#include <string.h>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "space.h"

#define FANOUT IOM_SPACE_FANOUT

struct entry {
	uint64_t end;
	int32_t gap;
	union iom_space_below below;
};

/* The first entry whose end lies behind unit: without a branch that could be guessed wrong. */
static inline size_t find(const struct iom_space_node *node, uint64_t unit)
{
	const uint64_t *end = node->end;
	size_t i;

	_Static_assert(FANOUT == 31, "four times eight, but one");
	i = (size_t)8 * ((end[7] <= unit) + (end[15] <= unit) + (end[23] <= unit));
	end += i;
	i += (end[0] <= unit) + (end[1] <= unit) + (end[2] <= unit) + (end[3] <= unit);
	return i + (end[4] <= unit) + (end[5] <= unit) + (end[6] <= unit);
}

static inline int32_t as_gap(uint64_t units)
{
	return units < IOM_SPACE_GAP_MANY ? (int32_t)units : IOM_SPACE_GAP_MANY;
}

static inline int32_t largest_gap(const struct iom_space_node *node)
{
	int32_t most = 0;
	size_t i;

	for (i = 0; i < FANOUT + 1; i++)
		most = node->gap[i] > most ? node->gap[i] : most;
	return most;
}

/* A bit for each entry with so large a gap: without a branch, too. */
static inline uint32_t find_gaps(const struct iom_space_node *node, int32_t size)
{
	uint32_t mask = 0;
	size_t i;
#ifdef __SSE2__
	const __m128i *gap = (const void *)node->gap, less = _mm_set1_epi32(size - 1);

	for (i = 0; i < 2; i++, gap += 4) {
		__m128i a = _mm_packs_epi32(_mm_cmpgt_epi32(_mm_loadu_si128(gap), less),
					    _mm_cmpgt_epi32(_mm_loadu_si128(gap + 1), less));
		__m128i b = _mm_packs_epi32(_mm_cmpgt_epi32(_mm_loadu_si128(gap + 2), less),
					    _mm_cmpgt_epi32(_mm_loadu_si128(gap + 3), less));

		mask |= (uint32_t)_mm_movemask_epi8(_mm_packs_epi16(a, b)) << 16 * i;
	}
#else
	for (i = 0; i < node->n; i++)
		mask |= (uint32_t)(node->gap[i] >= size) << i;
#endif
	return mask;
}

static inline void set_entry(struct iom_space_node *node, size_t i, const struct entry *entry)
{
	node->end[i] = entry->end;
	node->gap[i] = entry->gap;
	node->below[i] = entry->below;
}

/* What a node is to the one above. */
static inline struct entry entry_of(struct iom_space_node *node)
{
	return (struct entry){ node->end[node->n - 1], largest_gap(node), { .node = node } };
}

static inline void clear_from(struct iom_space_node *node, size_t n)
{
	size_t i;

	for (i = n; i < FANOUT; i++)
		node->end[i] = UINT64_MAX;
	for (i = n; i < FANOUT + 1; i++)
		node->gap[i] = 0;
	node->n = n;
}

/* Fewer than this are moved one by one: a call costs more. */
#define FEW 4

/* Copy n entries; the same node's may overlap. */
static inline void copy(struct iom_space_node *to, size_t i, const struct iom_space_node *from,
			size_t j, size_t n)
{
	if (n < FEW) {
		const bool up = i < j;
		size_t k = up ? 0 : n - 1;

		for (; n; n--, k += up ? 1 : SIZE_MAX) {
			to->end[i + k] = from->end[j + k];
			to->gap[i + k] = from->gap[j + k];
			to->below[i + k] = from->below[j + k];
		}
		return;
	}
	memmove(&to->end[i], &from->end[j], n * sizeof(to->end[0]));
	memmove(&to->gap[i], &from->gap[j], n * sizeof(to->gap[0]));
	memmove(&to->below[i], &from->below[j], n * sizeof(to->below[0]));
}

static inline void add_entry(struct iom_space_node *node, size_t i, const struct entry *entry)
{
	copy(node, i + 1, node, i, node->n - i);
	set_entry(node, i, entry);
	node->n++;
}

/* The first n entries of a node, out of it. */
static inline void drop_first(struct iom_space_node *node, size_t n)
{
	copy(node, 0, node, n, node->n - n);
	clear_from(node, node->n - n);
}

static inline void drop_entry(struct iom_space_node *node, size_t i)
{
	copy(node, i, node, i + 1, node->n - i - 1);
	node->n--;
	node->end[node->n] = UINT64_MAX;
	node->gap[node->n] = 0;
}

/* All lines of a node, of which most will be used, at once instead of one after the other. */
static inline void prefetch(const struct iom_space_node *node)
{
	size_t at;

	for (at = 0; at < sizeof(*node); at += IOM_LINE)
		__builtin_prefetch((const char *)node + at);
}

#endif
