// SPDX-License-Identifier: BSD-3-Clause
#include "process.h"

#include <inttypes.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "files.h"

/* The rest of the line that begins with a label; false if there is none. */
static bool find_line(const char *path, const char *label, char *rest, size_t n)
{
	FILE *file = files_open("%s", path);
	bool found = false;
	char line[256];

	while (file && !found && fgets(line, sizeof(line), file)) {
		found = !strncmp(line, label, strlen(label));
		if (found)
			snprintf(rest, n, "%s", line + strlen(label));
	}
	if (file)
		fclose(file);
	return found;
}

bool process_has(unsigned int capability)
{
	char rest[64];

	return find_line("/proc/self/status", "CapEff:", rest, sizeof(rest)) &&
	       strtoull(rest, NULL, 16) >> capability & 1;
}

/* The second of four: real, effective, saved, of the file system. */
static unsigned int effective(const char *label)
{
	unsigned int id = 0;
	char rest[64];

	if (find_line("/proc/self/status", label, rest, sizeof(rest)))
		sscanf(rest, "%*u %u", &id);
	return id;
}

unsigned int process_user(void)
{
	return effective("Uid:");
}

void process_user_name(char *name, size_t n)
{
	unsigned int user = process_user();
	struct passwd *entry = getpwuid(user);

	if (entry)
		snprintf(name, n, "%s", entry->pw_name);
	else
		snprintf(name, n, "%u", user);
}

static bool is_in_group(gid_t group)
{
	char rest[256], *at = rest, *end;

	if (effective("Gid:") == group)
		return true;
	if (!find_line("/proc/self/status", "Groups:", rest, sizeof(rest)))
		return false;
	for (;; at = end) {
		unsigned long number = strtoul(at, &end, 10);

		if (end == at)
			return false;
		if (number == group)
			return true;
	}
}

bool process_may_use(const struct stat *st)
{
	unsigned int shift = 0;

	if (process_has(PROCESS_DAC_OVERRIDE))
		return true;
	if (st->st_uid == process_user())
		shift = 6;
	else if (is_in_group(st->st_gid))
		shift = 3;
	return (st->st_mode >> shift & 6) == 6;
}

static uint64_t limit(const char *word)
{
	return strcmp(word, "unlimited") ? strtoull(word, NULL, 10) : UINT64_MAX;
}

void process_memlock(uint64_t *soft, uint64_t *hard)
{
	char rest[128], low[32], high[32];

	*soft = *hard = UINT64_MAX;
	if (!find_line("/proc/self/limits", "Max locked memory", rest, sizeof(rest)) ||
	    sscanf(rest, "%31s %31s", low, high) != 2)
		return;
	*soft = limit(low);
	*hard = limit(high);
}
