// SPDX-License-Identifier: BSD-3-Clause
/* Checks of what this process is given: locked memory, huge pages. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "checks.h"
#include "files.h"
#include "process.h"
#include "terminal.h"

/* For good, and for this shell. */
static void mend_hard_limit(struct finding *finding)
{
	static const char *const prlimit[] = { "prlimit", NULL };
	char user[64];

	if (host_program(prlimit)) {
		check_mend(finding, "prlimit --pid %ld --memlock=unlimited:unlimited",
			   (long)getppid());
		return;
	}
	if (!files_exist("/etc/security"))
		return;
	process_user_name(user, sizeof(user));
	check_mend(finding, "echo '%s - memlock unlimited' >>/etc/security/limits.conf", user);
}

static enum answer look_at_memlock(const struct patient *patient, struct finding *finding)
{
	char has[TERMINAL_SIZE], needs[TERMINAL_SIZE];
	uint64_t soft, hard;

	process_memlock(&soft, &hard);
	if (soft >= patient->memory || process_has(PROCESS_IPC_LOCK))
		return CHECK_GOOD;
	terminal_size(soft, has);
	terminal_size(patient->memory, needs);
	check_found(finding,
		    "RLIMIT_MEMLOCK is too small: this user may lock %s, and a driver wants to map "
		    "%s (--memory); raise it, for good in /etc/security/limits.conf (memlock) or "
		    "LimitMEMLOCK= of the service",
		    has, needs);
	if (hard >= patient->memory)
		return check_mend(finding, hard == UINT64_MAX ? "ulimit -S -l unlimited"
							      : "ulimit -S -l $(ulimit -H -l)");
	mend_hard_limit(finding);
	return CHECK_FOUND;
}

#define HUGE_FOLDER "/sys/kernel/mm/hugepages"

struct huge {
	uint64_t total, free;
};

static int add_pool(void *arg, const char *name)
{
	struct huge *huge = arg;

	huge->total += (uint64_t)files_number(0, HUGE_FOLDER "/%s/nr_hugepages", name);
	huge->free += (uint64_t)files_number(0, HUGE_FOLDER "/%s/free_hugepages", name);
	return 0;
}

/* In bytes; 0 if the kernel says nothing of it. */
static uint64_t memory_of(const char *label)
{
	FILE *file = files_open("/proc/meminfo");
	size_t n = strlen(label);
	uint64_t kib = 0;
	char line[128];

	while (file && !kib && fgets(line, sizeof(line), file))
		if (!strncmp(line, label, n))
			kib = strtoull(line + n, NULL, 10);
	if (file)
		fclose(file);
	return kib << 10;
}

/* No command reserves what is not there. */
static enum answer lacks_memory(uint64_t memory, uint64_t available, struct finding *finding)
{
	char has[TERMINAL_SIZE], needs[TERMINAL_SIZE];

	terminal_size(available, has);
	terminal_size(memory, needs);
	return check_found(finding,
			   "no huge page is free, and the machine has not the memory for them: "
			   "a driver wants to map %s (--memory), and %s are available",
			   needs, has);
}

static enum answer look_for_huge_pages(const struct patient *patient, struct finding *finding)
{
	struct huge huge = { 0, 0 };
	uint64_t size = memory_of("Hugepagesize:"), available = memory_of("MemAvailable:"), want;

	if (!size)
		return CHECK_SKIP;
	files_list(HUGE_FOLDER, add_pool, &huge);
	if (huge.free)
		return CHECK_GOOD;
	want = (patient->memory + size - 1) / size;
	if (available && want > available / size)
		return lacks_memory(patient->memory, available, finding);
	if (huge.total)
		check_found(finding, "all of the %" PRIu64 " huge pages are in use; reserve more",
			    huge.total);
	else
		check_found(finding,
			    "no huge pages are reserved: buffers of small pages cost more entries "
			    "in the IOMMU, and on POWER cannot use its large windows");
	return check_mend(finding, "echo %" PRIu64 " >/proc/sys/vm/nr_hugepages",
			  (uint64_t)files_number(0, "/proc/sys/vm/nr_hugepages") + want);
}

const struct check process_checks[] = {
	{ "memlock", "enough memory may be locked", look_at_memlock },
	{ "no-hugepages", "there are huge pages", look_for_huge_pages },
	{ 0 },
};
