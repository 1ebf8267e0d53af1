// SPDX-License-Identifier: BSD-3-Clause
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "space.h"
#include "terminal.h"

#define BOX 14 /* columns */

static void print_edge(uint64_t address)
{
	char text[24];

	snprintf(text, sizeof(text), "0x%" PRIx64, address);
	printf("  %18s  +%.*s+\n", text, BOX, "--------------------------------");
}

/* The larger, the higher; not to scale, which would leave the holes invisible. */
static unsigned int height_of(const struct space_part *part)
{
	uint64_t size = part->last - part->start;

	if (part->hole)
		return 1;
	return size >> 40 ? 3 : size >> 30 ? 2 : 1;
}

static void print_label(const struct space_part *part)
{
	char size[TERMINAL_SIZE], pages[128];
	uint64_t bytes = part->last - part->start + 1;

	/* all 2^64 bytes do not fit a number */
	if (bytes)
		terminal_size(bytes, size);
	else
		strcpy(size, "16 EiB");
	if (part->hole) {
		printf("hole, %s: %s", size, part->why);
		return;
	}
	printf("aperture, %s", size);
	if (!part->page_sizes)
		return;
	terminal_page_sizes(part->page_sizes, pages, sizeof(pages));
	printf(", pages of %s%s", pages,
	       part->flags & IOM_APERTURE_LARGER_PAGES ? " or larger" : "");
}

static void print_part(const struct space_part *part)
{
	const char *fill = part->hole ? "                " : "################";
	enum terminal_colour colour = part->hole ? TERMINAL_YELLOW : TERMINAL_GREEN;
	unsigned int rows = height_of(part);

	print_edge(part->start);
	for (unsigned int i = 0; i < rows; i++) {
		printf("  %18s  |%s%.*s%s|", "", terminal_colour(colour), BOX, fill,
		       terminal_colour(TERMINAL_PLAIN));
		if (i == rows / 2) {
			fputs("  ", stdout);
			print_label(part);
		}
		putchar('\n');
	}
}

void space_draw(const struct space *space)
{
	for (size_t i = 0; i < space->n; i++)
		print_part(&space->parts[i]);
	if (space->n)
		print_edge(space->parts[space->n - 1].last);
}
