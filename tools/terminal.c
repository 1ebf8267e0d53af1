// SPDX-License-Identifier: BSD-3-Clause
#include "terminal.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "sentence.h"

#define NARROWEST 40

unsigned int terminal_width(void)
{
	const char *columns = getenv("COLUMNS");
	struct winsize size;
	unsigned int width;

	if (!isatty(STDOUT_FILENO))
		return 0;
	width = columns ? (unsigned int)strtoul(columns, NULL, 10) : 0;
	if (!width && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0)
		width = size.ws_col;
	if (!width)
		return 80;
	return width < NARROWEST ? NARROWEST : width;
}

static bool has_colours(void)
{
	static int known = -1;
	const char *none = getenv("NO_COLOR"), *term = getenv("TERM");

	if (known < 0)
		known = isatty(STDOUT_FILENO) && !(none && *none) && term &&
			strcmp(term, "dumb") != 0;
	return known;
}

const char *terminal_colour(enum terminal_colour colour)
{
	static const char *const codes[] = {
		[TERMINAL_PLAIN] = "\033[0m",   [TERMINAL_BOLD] = "\033[1m",
		[TERMINAL_RED] = "\033[31m",    [TERMINAL_GREEN] = "\033[32m",
		[TERMINAL_YELLOW] = "\033[33m",
	};

	return has_colours() ? codes[colour] : "";
}

void terminal_size(uint64_t bytes, char text[TERMINAL_SIZE])
{
	static const char *const units[] = { "bytes", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB" };
	double value = (double)bytes;
	size_t unit = 0;

	/* in the unit above as soon as that needs no more than two decimals of it */
	while (unit < 6 && value >= 1024) {
		value /= 1024;
		unit++;
	}
	if (value == (double)(uint64_t)value)
		snprintf(text, TERMINAL_SIZE, "%.0f %s", value, units[unit]);
	else
		snprintf(text, TERMINAL_SIZE, "%.2f %s", value, units[unit]);
}

void terminal_page_sizes(uint64_t mask, char *text, size_t n)
{
	char size[TERMINAL_SIZE];
	size_t used = 0;

	text[0] = '\0';
	for (unsigned int bit = 0; bit < 64 && used < n; bit++) {
		if (!(mask >> bit & 1))
			continue;
		/* an IOMMU of any page size: its list says no more than its beginning */
		if (bit > 34) {
			snprintf(text + used, n - used, ", ...");
			return;
		}
		terminal_size(UINT64_C(1) << bit, size);
		used += (size_t)snprintf(text + used, n - used, "%s%s", used ? ", " : "", size);
	}
}

static bool is_between(char c, unsigned int low, unsigned int high)
{
	return (unsigned char)c >= low && (unsigned char)c <= high;
}

size_t terminal_character(const char *text)
{
	const unsigned char first = (unsigned char)*text;
	unsigned int low = 0x80, high = 0xbf;
	size_t n, i;

	if (first < 0x80)
		return first >= 0x20 && first != 0x7f;
	if (first < 0xc2 || first > 0xf4)
		return 0;
	/* no longer than need be, no surrogates, none past the last, and no control characters */
	if (first == 0xe0 || first == 0xc2)
		low = 0xa0;
	else if (first == 0xf0)
		low = 0x90;
	else if (first == 0xed)
		high = 0x9f;
	else if (first == 0xf4)
		high = 0x8f;
	n = first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
	if (!is_between(text[1], low, high))
		return 0;
	for (i = 2; i < n; i++)
		if (!is_between(text[i], 0x80, 0xbf))
			return 0;
	return n;
}

void terminal_clean(char *text)
{
	while (*text) {
		size_t n = terminal_character(text);

		if (!n)
			*text = '?';
		text += n ? n : 1;
	}
}

int terminal_flush(void)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return 0;
	return fail(-EIO, "standard output: %s", strerror(errno));
}
