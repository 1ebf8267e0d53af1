// SPDX-License-Identifier: BSD-3-Clause
#include "uses.h"

#include <errno.h>
#include <stdlib.h>

#define SLAB_USES 32
#define SLOTS_FIRST 64

struct iom_uses_slab {
	struct iom_use uses[SLAB_USES];
	struct iom_uses_slab *next;
};

void iom_uses_give(struct iom_uses *uses, struct iom_use *use)
{
	use->state = IOM_USE_TAKEN;
	use->next = uses->unused;
	uses->unused = use;
}

static int add_slab(struct iom_uses *uses)
{
	struct iom_uses_slab *slab;
	size_t i;

	slab = aligned_alloc(_Alignof(struct iom_uses_slab), sizeof(*slab));
	if (!slab)
		return -ENOMEM;
	slab->next = uses->slabs;
	uses->slabs = slab;
	for (i = SLAB_USES; i--;)
		iom_uses_give(uses, &slab->uses[i]);
	return 0;
}

static void put(struct iom_uses *uses, uint64_t key, struct iom_use *use)
{
	uint64_t i = iom_uses_hash(key);

	while (uses->slots[i & uses->mask].key != IOM_USES_NO_KEY)
		i++;
	uses->slots[i & uses->mask] = (struct iom_uses_slot){ key, use };
	uses->taken++;
}

void iom_uses_put(struct iom_uses *uses, struct iom_use *use)
{
	put(uses, use->start >> uses->shift, use);
}

/* Empty ones. */
static struct iom_uses_slot *new_slots(size_t n)
{
	struct iom_uses_slot *slots = malloc(n * sizeof(*slots));
	size_t i;

	for (i = 0; slots && i < n; i++)
		slots[i] = (struct iom_uses_slot){ .key = IOM_USES_NO_KEY };
	return slots;
}

int iom_uses_init(struct iom_uses *uses, unsigned int shift)
{
	*uses = (struct iom_uses){ .shift = shift, .mask = SLOTS_FIRST - 1 };
	uses->slots = new_slots(SLOTS_FIRST);
	if (uses->slots && !add_slab(uses))
		return 0;
	iom_uses_destroy(uses);
	return -ENOMEM;
}

void iom_uses_destroy(struct iom_uses *uses)
{
	struct iom_uses_slab *slab;

	while ((slab = uses->slabs)) {
		uses->slabs = slab->next;
		free(slab);
	}
	free(uses->slots);
	uses->slots = NULL;
}

static bool is_taken(const struct iom_use *use)
{
	return __atomic_load_n(&use->state, __ATOMIC_RELAXED) == IOM_USE_TAKEN;
}

/*
 * Another table, without what the cache has taken; as large as what is left needs.  The cache is
 * locked: a use that is marked as taken is out of its granule's list by then.
 */
static int rebuild(struct iom_uses *uses)
{
	const struct iom_uses before = *uses;
	size_t n = 0, i;

	for (i = 0; i <= before.mask; i++)
		n += before.slots[i].use && !is_taken(before.slots[i].use);
	uses->mask = SLOTS_FIRST - 1;
	while (n + 1 > uses->mask / 4)
		uses->mask = uses->mask * 2 + 1;
	uses->slots = new_slots(uses->mask + 1);
	if (!uses->slots) {
		*uses = before;
		return -ENOMEM;
	}
	uses->taken = 0;
	for (i = 0; i <= before.mask; i++) {
		struct iom_use *use = before.slots[i].use;

		if (!use)
			continue;
		if (is_taken(use))
			iom_uses_give(uses, use);
		else
			put(uses, before.slots[i].key, use);
	}
	free(before.slots);
	return 0;
}

int iom_uses_reserve(struct iom_uses *uses, struct iom_cache *cache, bool nowait,
		     struct iom_use **use)
{
	bool full = uses->taken + 1 > uses->mask / 2;
	int ret = 0;

	if (nowait && (full || !uses->unused))
		return -EAGAIN;
	if (full) {
		pthread_mutex_lock(&cache->lock);
		ret = rebuild(uses);
		pthread_mutex_unlock(&cache->lock);
	}
	if (!ret && !uses->unused)
		ret = add_slab(uses);
	if (ret < 0)
		return ret;
	*use = uses->unused;
	uses->unused = (*use)->next;
	return 0;
}

void iom_uses_leave(struct iom_uses *uses)
{
	size_t i;

	for (i = 0; i <= uses->mask; i++)
		if (uses->slots[i].use)
			iom_cache_leave(uses->slots[i].use);
}
