// SPDX-License-Identifier: BSD-3-Clause
/* The machine that figures are of. */
#include <stdlib.h>
#include <string.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "run.h"

#define UNKNOWN "unknown"

static void read_first_line(const char *path, char *text, size_t n)
{
	FILE *f = fopen(path, "re");

	if (!f || !fgets(text, (int)n, f))
		snprintf(text, n, UNKNOWN);
	if (f)
		fclose(f);
	text[strcspn(text, "\n")] = '\0';
}

/* x86 says "model name", POWER "cpu". */
static void read_cpu(char *text, size_t n)
{
	FILE *f = fopen("/proc/cpuinfo", "re");
	char line[256];
	const char *at;

	snprintf(text, n, UNKNOWN " processor");
	while (f && fgets(line, sizeof(line), f)) {
		if (strncmp(line, "model name", 10) != 0 && strncmp(line, "cpu\t", 4) != 0)
			continue;
		at = strchr(line, ':');
		if (!at)
			continue;
		at += 1 + strspn(at + 1, " \t");
		snprintf(text, n, "%.*s", (int)strcspn(at, "\n"), at);
		break;
	}
	if (f)
		fclose(f);
}

/* "always [madvise] never": that in brackets. */
static void read_hugepages(char *text, size_t n)
{
	char line[96], *start, *end;

	read_first_line("/sys/kernel/mm/transparent_hugepage/enabled", line, sizeof(line));
	start = strchr(line, '[');
	end = start ? strchr(start, ']') : NULL;
	if (end) {
		*end = '\0';
		start++;
	}
	snprintf(text, n, "%s", end ? start : UNKNOWN);
}

void bench_read_load(char *load, size_t n)
{
	double v[3];

	if (getloadavg(v, 3) == 3)
		snprintf(load, n, "%.2f %.2f %.2f", v[0], v[1], v[2]);
	else
		snprintf(load, n, UNKNOWN);
}

void bench_machine_read(struct bench_machine *m)
{
	struct utsname name;
	struct sysinfo info;

	read_cpu(m->cpu, sizeof(m->cpu));
	read_hugepages(m->hugepages, sizeof(m->hugepages));
	snprintf(m->kernel, sizeof(m->kernel), UNKNOWN " kernel");
	if (!uname(&name))
		snprintf(m->kernel, sizeof(m->kernel), "%s %s %s", name.sysname, name.release,
			 name.machine);
#ifdef __clang__
	snprintf(m->compiler, sizeof(m->compiler), "%s", __VERSION__);
#else
	snprintf(m->compiler, sizeof(m->compiler), "GCC %s", __VERSION__);
#endif
	m->processors = sysconf(_SC_NPROCESSORS_ONLN);
	m->page = sysconf(_SC_PAGESIZE);
	m->memory = sysinfo(&info) < 0 ? 0 : (uint64_t)info.totalram * info.mem_unit;
	bench_read_load(m->load[0], sizeof(m->load[0]));
}
