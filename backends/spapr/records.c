// SPDX-License-Identifier: BSD-3-Clause
#include "records.h"

#include <errno.h>

#include "lib/error.h"
#include "lib/radix.h"

struct node {
	struct iom_span span;
	struct iom_record record;
};

static struct node *node_of(struct iom_span *span)
{
	return (struct node *)span; /* the first member */
}

/* The first at unit or behind it, up to the unit last; NULL if there is none. */
static struct node *find(const struct iom_records *records, uint64_t unit, uint64_t last)
{
	struct iom_span *span = iom_space_at(&records->space, unit);

	return span->start < IOM_SPACE_END && span->start <= last ? node_of(span) : NULL;
}

void iom_records_init(struct iom_records *records)
{
	pthread_mutex_init(&records->lock, NULL);
	iom_space_init(&records->space);
	iom_pool_init(&records->nodes, sizeof(struct node));
}

static void remove_all(struct iom_records *records, uint64_t unit, uint64_t last)
{
	struct node *node;

	while (unit <= last && (node = find(records, unit, last))) {
		unit = node->span.end;
		iom_space_remove(&records->space, &node->span);
		iom_pool_give(&records->nodes, node);
	}
}

void iom_records_destroy(struct iom_records *records)
{
	iom_pool_destroy(&records->nodes);
	iom_space_destroy(&records->space);
	pthread_mutex_destroy(&records->lock);
}

int iom_records_add(struct iom_records *records, const struct iom_backend_map *map)
{
	struct node *node;
	int ret;

	pthread_mutex_lock(&records->lock);
	ret = iom_space_reserve(&records->space, 1);
	if (!ret)
		ret = iom_pool_reserve(&records->nodes, 1);
	if (!ret) {
		node = iom_pool_take(&records->nodes);
		*node = (struct node){
			.span = { .start = map->iova >> IOM_UNIT_SHIFT,
				  .end = ((map->iova + map->length - 1) >> IOM_UNIT_SHIFT) + 1,
				  .state = IOM_SPAN_MAPPED },
			.record = { .map = *map },
		};
		iom_space_insert(&records->space, &node->span);
	}
	pthread_mutex_unlock(&records->lock);
	return ret < 0 ? iom_error(ret, "no memory to note a mapping") : 0;
}

bool iom_records_next(struct iom_records *records, uint64_t iova, uint64_t last,
		      struct iom_record *record)
{
	const struct node *node;

	pthread_mutex_lock(&records->lock);
	node = find(records, iova >> IOM_UNIT_SHIFT, last >> IOM_UNIT_SHIFT);
	if (node)
		*record = node->record;
	pthread_mutex_unlock(&records->lock);
	return node;
}

void iom_records_remove(struct iom_records *records, uint64_t iova, uint64_t last)
{
	pthread_mutex_lock(&records->lock);
	remove_all(records, iova >> IOM_UNIT_SHIFT, last >> IOM_UNIT_SHIFT);
	pthread_mutex_unlock(&records->lock);
}

void iom_records_break(struct iom_records *records, uint64_t iova, uint64_t last)
{
	uint64_t unit = iova >> IOM_UNIT_SHIFT;
	struct node *node;

	pthread_mutex_lock(&records->lock);
	while ((node = find(records, unit, last >> IOM_UNIT_SHIFT))) {
		node->record.broken = true;
		unit = node->span.end;
	}
	pthread_mutex_unlock(&records->lock);
}
