// SPDX-License-Identifier: BSD-3-Clause
/* A container's mappings in the order of their IOVAs: a treap, so that 65535 of them stay quick. */
#include "sim/internal.h"

/* Those that begin below iova go to *low, the others to *high. */
static void split(struct sim_map *map, uint64_t iova, struct sim_map **low, struct sim_map **high)
{
	if (!map) {
		*low = *high = NULL;
	} else if (map->iova < iova) {
		*low = map;
		split(map->right, iova, &map->right, high);
	} else {
		*high = map;
		split(map->left, iova, low, &map->left);
	}
}

/* All of low begin below all of high. */
static struct sim_map *join(struct sim_map *low, struct sim_map *high)
{
	if (!low)
		return high;
	if (!high)
		return low;
	if (low->priority > high->priority) {
		low->right = join(low->right, high);
		return low;
	}
	high->left = join(low, high->left);
	return high;
}

struct sim_map *iom_sim_maps_from(const struct sim_maps *maps, uint64_t iova)
{
	struct sim_map *map = maps->root, *found = NULL;

	while (map) {
		if (map->last >= iova) {
			found = map;
			map = map->left;
		} else {
			map = map->right;
		}
	}
	return found;
}

struct sim_map *iom_sim_maps_next(const struct sim_maps *maps, const struct sim_map *map)
{
	return map->last == UINT64_MAX ? NULL : iom_sim_maps_from(maps, map->last + 1);
}

void iom_sim_maps_insert(struct sim_maps *maps, struct sim_map *map)
{
	struct sim_map *low, *high;

	/* Knuth's 64-bit generator: the shape must not depend on the order of IOVAs, no more */
	maps->seed = maps->seed * 6364136223846793005u + 1442695040888963407u;
	map->priority = (uint32_t)(maps->seed >> 32);
	map->left = map->right = NULL;
	split(maps->root, map->iova, &low, &high);
	maps->root = join(join(low, map), high);
}

void iom_sim_maps_remove(struct sim_maps *maps, struct sim_map *map)
{
	struct sim_map **link = &maps->root;

	while (*link != map)
		link = map->iova < (*link)->iova ? &(*link)->left : &(*link)->right;
	*link = join(map->left, map->right);
}
