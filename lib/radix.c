// SPDX-License-Identifier: BSD-3-Clause
#include "radix_one.h"

#include <stdlib.h>

#include "line.h"

/* What a table takes: of the last level, of the middle one, and a top, see displaced(). */
#define SMALL_TABLE (sizeof(iom_slot) * IOM_RADIX_LASTS)
#define LARGE_TABLE (sizeof(iom_slot) * IOM_RADIX_MIDDLES)
#define TOP_TABLE (2 * sizeof(iom_slot) * IOM_RADIX_TOPS)

/*
 * From a small table to the next.  Buffers often lie at equal distances, such as 2 MiB: were tables
 * at such distances, too, their slots would compete for the same few lines of a cache.
 */
#define SMALL_STRIDE (SMALL_TABLE + IOM_LINE)

/*
 * Tables live as long as the radix, so small ones are cut off large pieces one after the other; the
 * first of these is enough for most, and what follows is so large that it is of huge pages.
 */
#define FIRST_CHUNK (UINT64_C(1) << 20)
#define NEXT_CHUNK (UINT64_C(8) << 20)

#define INLINE inline __attribute__((always_inline))

struct iom_radix_chunk {
	struct iom_radix_chunk *next;
	void *pages;
	size_t bytes;
};

/* n slots of one table, which stand for 2^shift bytes each, from key on. */
struct run {
	iom_slot table; /* what points to it */
	uint64_t key;
	size_t n;
	unsigned int shift;
};

static iom_slot *table_of(iom_slot slot)
{
	return (iom_slot *)(uintptr_t)slot;
}

/* ---- Memory ------------------------------------------------------------------------------------ */

int iom_radix_init(struct iom_radix *radix, const struct iom_sys *sys, unsigned int key_bits)
{
	void *pages;
	int ret;

	*radix = (struct iom_radix){ .sys = sys, .key_bits = key_bits };
	ret = sys->alloc_pages(sys->ctx, TOP_TABLE, &pages);
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
		radix->sys->free_pages(radix->sys->ctx, chunk->pages, chunk->bytes);
		free(chunk);
	}
	if (radix->top)
		radix->sys->free_pages(radix->sys->ctx, radix->top, TOP_TABLE);
	radix->top = NULL;
}

/* Zeroed memory, or NULL. */
static void *add_chunk(struct iom_radix *radix, size_t bytes)
{
	struct iom_radix_chunk *chunk;

	chunk = malloc(sizeof(*chunk));
	if (!chunk)
		return NULL;
	if (radix->sys->alloc_pages(radix->sys->ctx, bytes, &chunk->pages) < 0) {
		free(chunk);
		return NULL;
	}
	chunk->bytes = bytes;
	chunk->next = radix->chunks;
	radix->chunks = chunk;
	return chunk->pages;
}

static void *add_small_table(struct iom_radix *radix)
{
	void *table;

	if (radix->spare_bytes < SMALL_STRIDE) {
		size_t bytes = radix->spare ? NEXT_CHUNK : FIRST_CHUNK;
		void *pages = add_chunk(radix, bytes);

		if (!pages)
			return NULL;
		radix->spare = pages;
		radix->spare_bytes = bytes;
	}
	table = radix->spare;
	radix->spare += SMALL_STRIDE;
	radix->spare_bytes -= SMALL_STRIDE;
	return table;
}

/* The table that a slot of an upper level points to, added if it is empty; NULL: no memory. */
static iom_slot *need_table(struct iom_radix *radix, iom_slot *slot, size_t bytes)
{
	iom_slot there = iom_slot_load(slot);
	void *table;

	if (there)
		return table_of(there);
	table = bytes == SMALL_TABLE ? add_small_table(radix) : add_chunk(radix, bytes);
	if (table)
		iom_slot_store(slot, (uintptr_t)table);
	return table;
}

/* The table of the top level for a key, added where there is none; NULL: no memory. */
static iom_slot *need_top(struct iom_radix *radix, uint64_t key)
{
	iom_slot *tops;

	if (!(key >> IOM_RADIX_FAR))
		return radix->top;
	tops = need_table(radix, &radix->far, SMALL_TABLE);
	return tops ? need_table(radix, &tops[key >> IOM_RADIX_FAR], TOP_TABLE) : NULL;
}

/*
 * Behind the slots of a table of the top level: for each of them a table like the one of the middle
 * level, of the tables of the last level that once were there, had nothing in them any more, and gave
 * way to a leaf.  Readers may still be inside, so they are never used for another range.
 */
static iom_slot *displaced(iom_slot *top, uint64_t key)
{
	return &top[IOM_RADIX_TOPS + iom_radix_top(key)];
}

/* Have a slot that is empty, or has a table of the last level already, point to one: -ENOMEM. */
static int need_last(struct iom_radix *radix, iom_slot *top, iom_slot *slot, uint64_t key)
{
	const iom_slot *before = table_of(*displaced(top, key));
	iom_slot table = before ? before[iom_radix_middle(key)] : 0;

	/* and not stored again: readers would have to fetch the line */
	if (iom_slot_load(slot))
		return 0;
	if (!table) {
		table = (uintptr_t)add_small_table(radix);
		if (!table)
			return -ENOMEM;
		table += IOM_SLOT_TABLE;
	}
	iom_slot_store(slot, table);
	return 0;
}

/* ---- Ranges ------------------------------------------------------------------------------------ */

static uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* The table of the middle level for a key that has one. */
static iom_slot *middle_of(const struct iom_radix *radix, uint64_t key)
{
	const iom_slot *top = radix->top;

	if (key >> IOM_RADIX_FAR)
		top = iom_radix_far_top(radix, key);
	return table_of(iom_slot_load(&top[iom_radix_top(key)]));
}

/* shift is the run's: a constant, so that loops over 512 slots are short ones. */
static inline iom_slot *slot_of(const struct run *run, unsigned int shift, size_t i)
{
	uint64_t key = run->key + ((uint64_t)i << shift);

	return shift == IOM_RADIX_LAST ? iom_slot_last(run->table, key)
				       : table_of(run->table) + iom_radix_middle(key);
}

static inline uint64_t bytes_of(const struct run *run)
{
	return (uint64_t)run->n << run->shift;
}

/* The slots of a table of the last level that a range begins with. */
static inline struct run run_of_last(iom_slot table, uint64_t key, uint64_t length)
{
	uint64_t rest = IOM_RADIX_LARGE - (key & (IOM_RADIX_LARGE - 1));

	return (struct run){ table, key, least(length, rest) >> IOM_RADIX_LAST, IOM_RADIX_LAST };
}

/* The slots that a range begins with, which was claimed: they stand for parts of it alone. */
static inline struct run run_at(const struct iom_radix *radix, uint64_t key, uint64_t length)
{
	iom_slot *middle = middle_of(radix, key);
	size_t index = iom_radix_middle(key), end = index + 1;
	iom_slot slot = iom_slot_load(&middle[index]);

	if (iom_slot_is_table(slot))
		return run_of_last(slot, key, length);
	for (length >>= IOM_RADIX_MIDDLE; end - index < length && end < IOM_RADIX_MIDDLES; end++)
		if (iom_slot_is_table(iom_slot_load(&middle[end])))
			break;
	return (struct run){ (uintptr_t)middle, key, end - index, IOM_RADIX_MIDDLE };
}

static INLINE void fill_run(const struct run *run, unsigned int shift, iom_slot slot)
{
	size_t i;

	for (i = 0; i < run->n; i++)
		iom_slot_store(slot_of(run, shift, i), slot);
}

static void fill(struct iom_radix *radix, uint64_t key, uint64_t length, iom_slot slot)
{
	struct run run;

	for (; length; key += bytes_of(&run), length -= bytes_of(&run)) {
		run = run_at(radix, key, length);
		if (run.shift == IOM_RADIX_LAST)
			fill_run(&run, IOM_RADIX_LAST, slot);
		else
			fill_run(&run, IOM_RADIX_MIDDLE, slot);
	}
}

/* The most units that the low bits of a slot can count. */
static uint64_t count_max(unsigned int shift)
{
	return (UINT64_C(1) << (shift - IOM_SLOT_COUNT_SHIFT)) - 1;
}

/* How far from its beginning a slot can tell of, at most; a whole number of such slots. */
static uint64_t reach_of(unsigned int shift)
{
	return (count_max(shift) + 1) << IOM_UNIT_SHIFT;
}

static INLINE void put_run(const struct run *run, unsigned int shift, size_t skip, uint64_t value,
			   uint64_t length)
{
	const uint64_t max = count_max(shift);
	size_t i;

	for (i = skip; i < run->n; i++) {
		uint64_t offset = (uint64_t)i << shift;
		uint64_t units = (length - offset) >> IOM_UNIT_SHIFT;

		iom_slot_store(slot_of(run, shift, i),
			       (value + offset) | least(units, max) << IOM_SLOT_COUNT_SHIFT);
	}
}

/*
 * Store what a mapping that begins with a run, and is of length bytes in all, has in its slots from
 * the skip-th on.
 */
static void put(const struct run *run, size_t skip, uint64_t value, uint64_t length)
{
	if (run->shift == IOM_RADIX_LAST)
		put_run(run, IOM_RADIX_LAST, skip, value, length);
	else
		put_run(run, IOM_RADIX_MIDDLE, skip, value, length);
}

/* ---- Writers ----------------------------------------------------------------------------------- */

static bool is_empty(iom_slot slot)
{
	const iom_slot *table = table_of(slot - IOM_SLOT_TABLE);
	iom_slot all = 0;
	size_t i;

	for (i = 0; i < IOM_RADIX_LASTS; i++)
		all |= iom_slot_load(&table[i]);
	return !all;
}

/* Have the table of the last level for a key, if nothing is in it, give way to a leaf: -ENOMEM. */
static int displace(struct iom_radix *radix, iom_slot *top, iom_slot *slot, uint64_t key)
{
	iom_slot table = iom_slot_load(slot), *before;

	if (!iom_slot_is_table(table) || !is_empty(table))
		return 0;
	before = need_table(radix, displaced(top, key), LARGE_TABLE);
	if (!before)
		return -ENOMEM;
	before[iom_radix_middle(key)] = table;
	iom_slot_store(slot, 0);
	return 0;
}

/* Claim slots of one table that a range begins with; *done grows by what was, even on failure. */
static int claim_part(struct iom_radix *radix, uint64_t key, uint64_t length, uint64_t value,
		      uint64_t *done)
{
	iom_slot *top = need_top(radix, key), *middle = NULL;
	size_t index = iom_radix_middle(key), i;
	bool large = length >= IOM_RADIX_LARGE && !((key | value) & (IOM_RADIX_LARGE - 1));
	struct run run;

	if (top)
		middle = need_table(radix, &top[iom_radix_top(key)], LARGE_TABLE);
	if (!middle || (large && displace(radix, top, &middle[index], key) < 0))
		return -ENOMEM;
	if (!iom_slot_is_table(iom_slot_load(&middle[index]))) {
		if (iom_slot_load(&middle[index]))
			return -EEXIST;
		if (large) {
			do {
				iom_slot_store(&middle[index], IOM_SLOT_CLAIMED);
				*done += IOM_RADIX_LARGE;
				length -= IOM_RADIX_LARGE;
			} while (length >= IOM_RADIX_LARGE && ++index < IOM_RADIX_MIDDLES &&
				 !iom_slot_load(&middle[index]));
			return 0;
		}
	}
	if (need_last(radix, top, &middle[index], key) < 0)
		return -ENOMEM;
	run = run_of_last(iom_slot_load(&middle[index]), key, length);
	for (i = 0; i < run.n && !iom_slot_load(slot_of(&run, IOM_RADIX_LAST, i)); i++)
		iom_slot_store(slot_of(&run, IOM_RADIX_LAST, i), IOM_SLOT_CLAIMED);
	*done += (uint64_t)i << IOM_RADIX_LAST;
	return i < run.n ? -EEXIST : 0;
}

int iom_radix_claim(struct iom_radix *radix, uint64_t key, uint64_t length, uint64_t value,
		    uint64_t *taken)
{
	uint64_t done = 0;
	int ret;

	if (radix->key_bits < 64 && (key + length - 1) >> radix->key_bits)
		return -ERANGE;
	while (done < length) {
		ret = claim_part(radix, key + done, length - done, value + done, &done);
		if (ret < 0) {
			fill(radix, key, done, 0);
			if (ret == -EEXIST)
				*taken = key + done;
			return ret;
		}
	}
	return 0;
}

void iom_radix_publish(struct iom_radix *radix, uint64_t key, uint64_t length, uint64_t value)
{
	struct run run;

	for (; length; key += bytes_of(&run), value += bytes_of(&run), length -= bytes_of(&run)) {
		run = run_at(radix, key, length);
		put(&run, 0, value, length);
	}
}

void iom_radix_shorten(struct iom_radix *radix, uint64_t key, uint64_t length, uint64_t value,
		       uint64_t largest)
{
	uint64_t tail = reach_of(largest < IOM_RADIX_LARGE ? IOM_RADIX_LAST : IOM_RADIX_MIDDLE);
	uint64_t skip = length > tail ? length - tail : 0;

	while (length > skip) {
		struct run run;
		uint64_t reach;

		key += skip;
		value += skip;
		length -= skip;
		run = run_at(radix, key, length);
		reach = reach_of(run.shift);
		skip = length > reach ? (length - reach) >> run.shift : 0;
		put(&run, least(skip, run.n), value, length);
		skip = bytes_of(&run);
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
