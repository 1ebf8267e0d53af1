// SPDX-License-Identifier: BSD-3-Clause
#include "records.h"

#include <errno.h>
#include <stdlib.h>

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
}

static void remove_all(struct iom_records *records, uint64_t unit, uint64_t last)
{
	struct node *node;

	while ((node = find(records, unit, last))) {
		iom_space_remove(&records->space, &node->span);
		free(node);
	}
}

void iom_records_destroy(struct iom_records *records)
{
	remove_all(records, 0, IOM_SPACE_END);
	iom_space_destroy(&records->space);
	pthread_mutex_destroy(&records->lock);
}

int iom_records_add(struct iom_records *records, const struct iom_backend_map *map)
{
	struct node *node;
	int ret;

	node = malloc(sizeof(*node));
	if (!node)
		return iom_error(-ENOMEM, "no memory to note a mapping");
	*node = (struct node){
		.span = { .start = map->iova >> IOM_UNIT_SHIFT,
			  .end = ((map->iova + map->length - 1) >> IOM_UNIT_SHIFT) + 1,
			  .state = IOM_SPAN_MAPPED },
		.record = { .map = *map },
	};
	pthread_mutex_lock(&records->lock);
	ret = iom_space_reserve(&records->space, 1);
	if (!ret)
		iom_space_insert(&records->space, &node->span);
	pthread_mutex_unlock(&records->lock);
	if (ret < 0) {
		free(node);
		return iom_error(ret, "no memory to note a mapping");
	}
	return 0;
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
