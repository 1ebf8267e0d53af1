// SPDX-License-Identifier: BSD-3-Clause
#include "memlock.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>

#include "error.h"
#include "proc.h"

#define CAP_IPC_LOCK 14 /* <linux/capability.h> */

/* In a user namespace of its own, a process has capabilities that do not count here. */
static bool is_in_first_namespace(const struct iom_sys *sys)
{
	unsigned int inside, outside, n;
	char text[256];

	if (iom_sys_read_text(sys, "/proc/self/uid_map", text, sizeof(text)) < 0)
		return true;
	return sscanf(text, "%u %u %u", &inside, &outside, &n) == 3 && !inside && !outside &&
	       n == UINT32_MAX;
}

/* Whether the limit does not count for this process. */
static bool is_exempt(const struct iom_sys *sys)
{
	uint64_t capabilities;

	return iom_proc_number(sys, "/proc/self/status", "CapEff:", 16, &capabilities) &&
	       capabilities >> CAP_IPC_LOCK & 1 && is_in_first_namespace(sys);
}

/* What a limit is asked for: what is counted already, and by what name the kernel tells it. */
static bool exceeds(const struct iom_sys *sys, const char *label, uint64_t need, uint64_t *used_kib,
		    uint64_t *limit)
{
	if (!iom_proc_number(sys, "/proc/self/status", label, 10, used_kib))
		*used_kib = 0;
	/* no number: unlimited */
	return !is_exempt(sys) &&
	       iom_proc_number(sys, "/proc/self/limits", "Max locked memory", 10, limit) &&
	       (*used_kib << 10) + need > *limit;
}

bool iom_memlock_refuses(const struct iom_sys *sys, uint64_t need)
{
	uint64_t limit, locked_kib;

	return exceeds(sys, "VmLck:", need, &locked_kib, &limit);
}

int iom_memlock_error(const struct iom_sys *sys, uint64_t need)
{
	uint64_t limit, locked_kib;

	if (!exceeds(sys, "VmLck:", need, &locked_kib, &limit))
		return iom_error(-ENOMEM, "the kernel has no memory to pin %" PRIu64 " KiB",
				 need >> 10);
	return iom_error(-ENOMEM,
			 "locking %" PRIu64 " KiB more, beside the %" PRIu64
			 " KiB locked now, exceeds RLIMIT_MEMLOCK, which is %" PRIu64
			 " KiB; raise it (ulimit -l, LimitMEMLOCK=) or give CAP_IPC_LOCK",
			 need >> 10, locked_kib, limit >> 10);
}

int iom_memlock_user_error(const struct iom_sys *sys, uint64_t need)
{
	uint64_t limit, pinned_kib;

	if (is_exempt(sys))
		return iom_error(-ENOMEM, "the kernel has no memory to pin %" PRIu64 " KiB",
				 need >> 10);
	if (!exceeds(sys, "VmPin:", need, &pinned_kib, &limit))
		return iom_error(-ENOMEM,
				 "the kernel has no memory to pin %" PRIu64
				 " KiB, or what other processes of this user have pinned fills "
				 "RLIMIT_MEMLOCK (iommufd counts them together)",
				 need >> 10);
	return iom_error(-ENOMEM,
			 "pinning %" PRIu64 " KiB more, beside the %" PRIu64
			 " KiB pinned now, exceeds RLIMIT_MEMLOCK, which is %" PRIu64
			 " KiB for all processes of this user together; raise it (ulimit -l, "
			 "LimitMEMLOCK=) or give CAP_IPC_LOCK",
			 need >> 10, pinned_kib, limit >> 10);
}
