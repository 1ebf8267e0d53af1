// SPDX-License-Identifier: BSD-3-Clause
#include "table.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "terminal.h"

#define GAP 2
#define LEAST 8 /* columns of a cut cell */

char (*table_add(struct table *table))[TABLE_CELL]
{
	void *more = realloc(table->cells, (table->rows + 1) * sizeof(*table->cells));

	if (!more)
		return NULL;
	table->cells = more;
	memset(&table->cells[table->rows], 0, sizeof(*table->cells));
	return table->cells[table->rows++];
}

static size_t columns_of(const struct table *table)
{
	size_t n = 0;

	while (table->heads[n])
		n++;
	return n;
}

static size_t widest(const struct table *table, size_t column)
{
	size_t width = strlen(table->heads[column]);

	for (size_t i = 0; i < table->rows; i++) {
		size_t length = strlen(table->cells[i][column]);

		width = length > width ? length : width;
	}
	return width;
}

/* How much of a text has room: never a part of a character. */
static size_t fitting(const char *text, size_t width)
{
	size_t n = 0, next;

	while (text[n]) {
		next = n + terminal_character(text + n) + !terminal_character(text + n);
		if (next > width)
			break;
		n = next;
	}
	return n;
}

/* The last column has no blanks behind it. */
static void print_cell(const char *text, size_t width, int last)
{
	size_t n = fitting(text, width);

	printf("%.*s%*s", (int)n, text, last ? 0 : (int)(width - n + GAP), "");
}

static void fit(const struct table *table, size_t *widths, size_t n)
{
	size_t room = terminal_width(), sum = GAP * (n - 1), over;

	for (size_t i = 0; i < n; i++) {
		widths[i] = widest(table, i);
		sum += widths[i];
	}
	if (!room || sum <= room)
		return;
	over = sum - room;
	widths[table->elastic] =
		widths[table->elastic] > over + LEAST ? widths[table->elastic] - over : LEAST;
}

void table_print(const struct table *table)
{
	size_t n = columns_of(table), widths[TABLE_COLUMNS];

	fit(table, widths, n);
	fputs(terminal_colour(TERMINAL_BOLD), stdout);
	for (size_t j = 0; j < n; j++)
		print_cell(table->heads[j], widths[j], j == n - 1);
	printf("%s\n", terminal_colour(TERMINAL_PLAIN));
	for (size_t i = 0; i < table->rows; i++) {
		for (size_t j = 0; j < n; j++)
			print_cell(table->cells[i][j], widths[j], j == n - 1);
		putchar('\n');
	}
}

void table_free(struct table *table)
{
	free(table->cells);
	table->cells = NULL;
	table->rows = 0;
}
