/* SPDX-License-Identifier: BSD-3-Clause */
/* A table on standard output, whose widest column is cut to fit the terminal. */
#ifndef TABLE_H
#define TABLE_H

#include <stddef.h>

#define TABLE_COLUMNS 8
#define TABLE_CELL 160

struct table {
	const char *const *heads; /* the last one: NULL */
	size_t elastic;           /* the column that is cut */
	char (*cells)[TABLE_COLUMNS][TABLE_CELL];
	size_t rows;
};

/* One row more, with empty cells; NULL if there is no memory. */
char (*table_add(struct table *table))[TABLE_CELL];

void table_print(const struct table *table);
void table_free(struct table *table);

#endif
