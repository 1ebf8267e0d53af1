// SPDX-License-Identifier: BSD-3-Clause
#include "text.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>

void iom_text_add(struct iom_text *text, const char *fmt, ...)
{
	bool room = text->length < text->n;
	va_list ap;
	int len;

	va_start(ap, fmt);
	len = vsnprintf(room ? text->buf + text->length : NULL, room ? text->n - text->length : 0,
			fmt, ap);
	va_end(ap);
	if (len > 0)
		text->length += (size_t)len;
}

void iom_text_add_page_sizes(struct iom_text *text, uint64_t page_sizes)
{
	static const char units[] = " KMGTPE";
	const char *separator = "";
	unsigned int bit;

	for (bit = 0; bit < 64; bit++) {
		if (!(page_sizes >> bit & 1))
			continue;
		iom_text_add(text, "%s%u %.1s%s", separator, 1u << bit % 10, &units[bit / 10],
			     bit < 10 ? "bytes" : "iB");
		separator = ", ";
	}
}
