/* SPDX-License-Identifier: BSD-3-Clause */
/* Text for a person, into a buffer that may be too short for it. */
#ifndef IOM_TEXT_H
#define IOM_TEXT_H

#include <stddef.h>
#include <stdint.h>

struct iom_text {
	char *buf;
	size_t n, length; /* length: of the whole text, whatever fits */
};

void iom_text_add(struct iom_text *text, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* "4 KiB, 2 MiB" of a mask of page sizes. */
void iom_text_add_page_sizes(struct iom_text *text, uint64_t page_sizes);

#endif
