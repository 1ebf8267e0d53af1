/* SPDX-License-Identifier: BSD-3-Clause */
/* What is mapped where: to end the uses of registrations, and to map again in a new container. */
#ifndef IOM_SPAPR_RECORDS_H
#define IOM_SPAPR_RECORDS_H

#include <pthread.h>

#include "backends/backend.h"
#include "lib/space.h"

struct iom_record {
	struct iom_backend_map map;
	/*
	 * A call for it failed half way: which container's registrations it still uses is not
	 * known, so they end with the containers.
	 */
	bool broken;
};

struct iom_records {
	pthread_mutex_t lock;
	struct iom_space space;
	struct iom_pool nodes;
};

void iom_records_init(struct iom_records *records);
void iom_records_destroy(struct iom_records *records);

/* -ENOMEM, with a sentence. */
int iom_records_add(struct iom_records *records, const struct iom_backend_map *map);

/* The first map at iova or behind it, that does not begin behind last; false if there is none. */
bool iom_records_next(struct iom_records *records, uint64_t iova, uint64_t last,
		      struct iom_record *record);

/* All that begin in [iova, last]. */
void iom_records_remove(struct iom_records *records, uint64_t iova, uint64_t last);
void iom_records_break(struct iom_records *records, uint64_t iova, uint64_t last);

#endif
