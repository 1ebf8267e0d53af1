// SPDX-License-Identifier: BSD-3-Clause
#include "proc.h"

#include <stdlib.h>
#include <string.h>

/* The line that begins with a label: a process may call itself anything. */
static const char *find_line(const char *text, const char *label)
{
	const char *end;

	for (; strncmp(text, label, strlen(label)); text = end + 1) {
		end = strchr(text, '\n');
		if (!end)
			return NULL;
	}
	return text;
}

bool iom_proc_number(const struct iom_sys *sys, const char *path, const char *label, int base,
		     uint64_t *value)
{
	char text[8192];
	const char *at;
	char *end;

	if (iom_sys_read_text(sys, path, text, sizeof(text)) < 0)
		return false;
	at = find_line(text, label);
	if (!at)
		return false;
	at += strlen(label);
	*value = strtoull(at, &end, base);
	return end != at;
}
