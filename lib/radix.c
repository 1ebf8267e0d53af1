// SPDX-License-Identifier: BSD-3-Clause
#include "radix.h"

#include <stdbool.h>
#include <stdlib.h>

/* Tables live as long as the radix, so they are cut off large pieces one after the other. */
#define CHUNK (UINT64_C(1) << 20)

struct iom_radix_chunk {
	struct iom_radix_chunk *next;
	void *pages;
	size_t used;
};

/* A position of a walk over a range. */
struct step {
	iom_slot *slot;
	unsigned int level;
};

static iom_slot load(const iom_slot *slot)
{
	return __atomic_load_n(slot, IOM_SLOT_LOAD);
}

static void store(iom_slot *slot, iom_slot value)
{
	__atomic_store_n(slot, value, IOM_SLOT_STORE);
}

static bool is_table(iom_slot slot)
{
	return slot && !(slot & (IOM_SLOT_LEAF | IOM_SLOT_CLAIMED));
}

static size_t top_bytes(const struct iom_radix *radix)
{
	return sizeof(iom_slot) << (radix->key_bits - iom_radix_shift[IOM_RADIX_LEVELS - 1]);
}

int iom_radix_init(struct iom_radix *radix, const struct iom_sys *sys, unsigned int key_bits)
{
	void *pages;
	int ret;

	*radix = (struct iom_radix){ .sys = sys, .key_bits = key_bits };
	ret = sys->alloc_pages(sys->ctx, top_bytes(radix), &pages);
	if (ret < 0)
		return ret;
	radix->top = pages;
	return 0;
}

void iom_radix_destroy(struct iom_radix *radix)
{
	struct iom_radix_chunk *chunk;

	while ((chunk = radix->chunks)) {
		radix->chunks = chunk->next;
		radix->sys->free_pages(radix->sys->ctx, chunk->pages, CHUNK);
		free(chunk);
	}
	if (radix->top)
		radix->sys->free_pages(radix->sys->ctx, radix->top, top_bytes(radix));
	radix->top = NULL;
}

static int add_chunk(struct iom_radix *radix)
{
	struct iom_radix_chunk *chunk;

	chunk = malloc(sizeof(*chunk));
	if (!chunk)
		return -ENOMEM;
	if (radix->sys->alloc_pages(radix->sys->ctx, CHUNK, &chunk->pages) < 0) {
		free(chunk);
		return -ENOMEM;
	}
	chunk->used = 0;
	chunk->next = radix->chunks;
	radix->chunks = chunk;
	return 0;
}

/*
 * Put a table where an empty slot of an upper level is.  It stays: from then on even a mapping that
 * fills the slot's range uses the table, because replacing it would need to know that no reader is
 * inside.
 */
static int add_table(struct iom_radix *radix, const struct step *step)
{
	unsigned int bits = iom_radix_shift[step->level] - iom_radix_shift[step->level - 1];
	size_t bytes = sizeof(iom_slot) << bits;
	int ret;

	if (!radix->chunks || CHUNK - radix->chunks->used < bytes) {
		ret = add_chunk(radix);
		if (ret < 0)
			return ret;
	}
	store(step->slot, (uintptr_t)radix->chunks->pages + radix->chunks->used);
	radix->chunks->used += bytes;
	return 0;
}

/* The slot where a reader of key ends: not a table. */
static struct step descend(const struct iom_radix *radix, uint64_t key)
{
	unsigned int level = IOM_RADIX_LEVELS - 1;
	iom_slot *slot = &radix->top[key >> iom_radix_shift[level]];

	while (is_table(load(slot))) {
		uint64_t inside = key & ((UINT64_C(1) << iom_radix_shift[level]) - 1);

		slot = (iom_slot *)(uintptr_t)load(slot) + (inside >> iom_radix_shift[--level]);
	}
	return (struct step){ slot, level };
}

static uint64_t size_of(struct step step)
{
	return UINT64_C(1) << iom_radix_shift[step.level];
}

/* Walk a range that was claimed, where every slot stands for a part of it alone. */
static void fill(struct iom_radix *radix, uint64_t key, uint64_t length, iom_slot slot)
{
	while (length) {
		struct step step = descend(radix, key);

		store(step.slot, slot);
		key += size_of(step);
		length -= size_of(step);
	}
}

static int find_taken(const struct iom_radix *radix, uint64_t key, uint64_t length, uint64_t *taken)
{
	while (length) {
		struct step step = descend(radix, key);
		uint64_t rest = size_of(step) - (key & (size_of(step) - 1));

		if (load(step.slot)) {
			*taken = key;
			return -EEXIST;
		}
		if (rest >= length)
			return 0;
		key += rest;
		length -= rest;
	}
	return 0;
}

int iom_radix_claim(struct iom_radix *radix, uint64_t key, uint64_t length, uint64_t value,
		    uint64_t *taken)
{
	uint64_t done = 0;
	int ret;

	if (radix->key_bits < 64 && (key + length - 1) >> radix->key_bits)
		return -ERANGE;
	ret = find_taken(radix, key, length, taken);
	if (ret < 0)
		return ret;
	while (done < length) {
		struct step step = descend(radix, key + done);
		uint64_t mask = size_of(step) - 1;

		if (length - done <= mask || ((key + done) | (value + done)) & mask) {
			ret = add_table(radix, &step);
			if (ret < 0) {
				fill(radix, key, done, 0);
				return ret;
			}
			continue;
		}
		store(step.slot, IOM_SLOT_CLAIMED);
		done += size_of(step);
	}
	return 0;
}

/* The most units that the low bits of a slot can count. */
static uint64_t count_max(unsigned int level)
{
	return (UINT64_C(1) << (iom_radix_shift[level] - IOM_SLOT_COUNT_SHIFT)) - 1;
}

/* How many units are contiguous from a slot's beginning, as far as its low bits can say. */
static uint64_t saturate(uint64_t length, unsigned int level)
{
	uint64_t units = length >> IOM_UNIT_SHIFT;

	return units < count_max(level) ? units : count_max(level);
}

void iom_radix_publish(struct iom_radix *radix, uint64_t key, uint64_t length, uint64_t value)
{
	while (length) {
		struct step step = descend(radix, key);
		uint64_t count = saturate(length, step.level);

		store(step.slot, value | count << IOM_SLOT_COUNT_SHIFT | IOM_SLOT_LEAF);
		key += size_of(step);
		value += size_of(step);
		length -= size_of(step);
	}
}

/* How far from its beginning a slot of a level can tell of, at most; a whole number of such slots. */
static uint64_t reach_of(unsigned int level)
{
	return (count_max(level) + 1) << IOM_UNIT_SHIFT;
}

/* How far ahead the next slot is that may reach the end: no other of this table does. */
static uint64_t ahead(struct step step, uint64_t key, uint64_t length)
{
	uint64_t table = UINT64_C(1) << iom_radix_shift[step.level + 1];
	uint64_t rest = table - (key & (table - 1));
	uint64_t skip = (length - reach_of(step.level)) & ~(size_of(step) - 1);

	return skip < rest ? skip : rest;
}

/* How much of the end is to be looked at, where no slot is larger than largest. */
static uint64_t tail_of(uint64_t largest)
{
	unsigned int level = IOM_RADIX_LEVELS - 1;

	while (level && UINT64_C(1) << iom_radix_shift[level] > largest)
		level--;
	return reach_of(level) > largest ? reach_of(level) : largest;
}

void iom_radix_shorten(struct iom_radix *radix, uint64_t key, uint64_t length, uint64_t value,
		       uint64_t largest)
{
	uint64_t skip = length > tail_of(largest) ? length - tail_of(largest) : 0;

	while (length > skip) {
		struct step step;

		key += skip;
		value += skip;
		length -= skip;
		step = descend(radix, key);
		skip = size_of(step);
		if (step.level < IOM_RADIX_LEVELS - 1 && length >= reach_of(step.level) + skip)
			skip = ahead(step, key, length);
		else
			store(step.slot,
			      value | saturate(length, step.level) << IOM_SLOT_COUNT_SHIFT |
				      IOM_SLOT_LEAF);
	}
}

void iom_radix_withdraw(struct iom_radix *radix, uint64_t key, uint64_t length)
{
	fill(radix, key, length, IOM_SLOT_CLAIMED);
}

void iom_radix_clear(struct iom_radix *radix, uint64_t key, uint64_t length)
{
	fill(radix, key, length, 0);
}
