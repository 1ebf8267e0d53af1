/* SPDX-License-Identifier: BSD-3-Clause */
/* Standard output: how wide it is, and whether it takes colours. */
#ifndef TERMINAL_H
#define TERMINAL_H

#include <stddef.h>
#include <stdint.h>

/* Columns; 0: it is no terminal, and nothing is cut. */
unsigned int terminal_width(void);

enum terminal_colour {
	TERMINAL_PLAIN,
	TERMINAL_BOLD,
	TERMINAL_RED,
	TERMINAL_GREEN,
	TERMINAL_YELLOW,
};

/* What begins a colour, or ends all; "" if there is no terminal, or NO_COLOR is set. */
const char *terminal_colour(enum terminal_colour colour);

/* "64 MiB", "1.5 GiB". */
#define TERMINAL_SIZE 24
void terminal_size(uint64_t bytes, char text[TERMINAL_SIZE]);

/* "4 KiB, 2 MiB" of a mask of page sizes. */
void terminal_page_sizes(uint64_t mask, char *text, size_t n);

/* Whether all that was printed has arrived; else a sentence. */
int terminal_flush(void);

/*
 * Bytes of the character at text, in UTF-8: 0 at the end, or where there is none that a terminal
 * prints and does not obey.
 */
size_t terminal_character(const char *text);

/* Put a question mark in the place of each such byte: others choose the names of processes, mounts. */
void terminal_clean(char *text);

#endif
