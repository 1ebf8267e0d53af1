// SPDX-License-Identifier: BSD-3-Clause
#include "pciids.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "files.h"
#include "terminal.h"

static const char *const places[] = {
	"/usr/share/misc/pci.ids",
	"/usr/share/hwdata/pci.ids",
	"/usr/share/pci.ids",
	"/var/lib/pciutils/pci.ids",
};

static char *list; /* the whole file; NULL: there is none */

static char *read_whole(FILE *file)
{
	struct stat st;
	char *text;
	size_t got;

	if (fstat(fileno(file), &st) < 0 || st.st_size <= 0)
		return NULL;
	text = malloc((size_t)st.st_size + 1);
	if (!text)
		return NULL;
	got = fread(text, 1, (size_t)st.st_size, file);
	text[got] = '\0';
	return text;
}

void pciids_load(void)
{
	FILE *file;

	for (size_t i = 0; !list && i < sizeof(places) / sizeof(places[0]); i++) {
		file = files_open("%s", places[i]);
		if (!file)
			continue;
		list = read_whole(file);
		fclose(file);
	}
}

void pciids_unload(void)
{
	free(list);
	list = NULL;
}

static const char *next_line(const char *at)
{
	at = strchr(at, '\n');
	return at ? at + 1 : NULL;
}

/* The line that begins so, up to the first one that begins with neither this nor deeper. */
static const char *find(const char *from, const char *head, char end_of_part)
{
	const char *line;

	for (line = from; line && *line; line = next_line(line)) {
		if (!strncmp(line, head, strlen(head)))
			return line + strlen(head);
		if (end_of_part && *line != end_of_part && *line != '#' && *line != '\n')
			return NULL;
	}
	return NULL;
}

static void copy_line(char *text, size_t n, const char *at)
{
	while (*at == ' ')
		at++;
	snprintf(text, n, "%.*s", (int)strcspn(at, "\r\n"), at);
}

/* Vendors' lines begin with their number, devices' below with a tab; classes' with "C ". */
static void look_up(const struct pci_function *function, char *vendor, char *device, size_t n)
{
	char head[16];
	const char *at;

	vendor[0] = device[0] = '\0';
	if (!list)
		return;
	snprintf(head, sizeof(head), "%04x ", function->vendor);
	at = find(list, head, '\0');
	if (!at)
		return;
	copy_line(vendor, n, at);
	snprintf(head, sizeof(head), "\t%04x ", function->device);
	at = find(next_line(at), head, '\t');
	if (at)
		copy_line(device, n, at);
}

static void look_up_class(uint32_t class, char *name, size_t n)
{
	char head[16];
	const char *at, *sub;

	name[0] = '\0';
	if (!list)
		return;
	snprintf(head, sizeof(head), "C %02x ", class >> 16);
	at = find(list, head, '\0');
	if (!at)
		return;
	snprintf(head, sizeof(head), "\t%02x ", class >> 8 & 0xff);
	sub = find(next_line(at), head, '\t');
	copy_line(name, n, sub ? sub : at);
}

void pciids_name(const struct pci_function *function, char *name, size_t n)
{
	char vendor[128], device[128], class[128];

	look_up(function, vendor, device, sizeof(vendor));
	look_up_class(function->class, class, sizeof(class));
	if (*device)
		snprintf(name, n, "%s %s", vendor, device);
	else if (*class)
		snprintf(name, n, "%s%s%s %04x:%04x", vendor, *vendor ? " " : "", class,
			 function->vendor, function->device);
	else
		snprintf(name, n, "%s%s%04x:%04x", vendor, *vendor ? " " : "", function->vendor,
			 function->device);
	/* anybody may have written the file; and what was cut may end within a character */
	terminal_clean(name);
}
