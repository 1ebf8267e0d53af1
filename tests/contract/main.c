// SPDX-License-Identifier: BSD-3-Clause
/*
 * The kernel contract on the kernel that runs this, as TAP:
 *
 *	contract 0000:00:03.0 0x40201000 0x0-0xfedfffff 0xfef00000-0xffffffffffff
 *
 * The device is alone in its group, bound to vfio-pci and not open.  Then the page sizes and the
 * ranges that type1 must tell.  Run by root; it changes its own limits and capabilities only.
 */
#include "tests/contract/contract.h"

#include <err.h>
#include <inttypes.h>
#include <linux/capability.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#define MAX_RANGES 8

static unsigned int rows, failed;

static void report(void *arg, const char *test, const char *row, const char *what)
{
	(void)arg;
	rows++;
	failed += *what != '\0';
	printf("%sok %u - %s: %s%s%s\n", *what ? "not " : "", rows, test, row, *what ? ": " : "",
	       what);
}

static void set_memlock(void *arg, uint64_t bytes, bool ipc_lock)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2];
	const struct rlimit limit = { bytes, RLIM_INFINITY };

	(void)arg;
	if (setrlimit(RLIMIT_MEMLOCK, &limit))
		err(1, "setrlimit");
	if (syscall(SYS_capget, &header, data))
		err(1, "capget");
	if (ipc_lock)
		data[0].effective |= data[0].permitted & 1u << CAP_IPC_LOCK;
	else
		data[0].effective &= ~(1u << CAP_IPC_LOCK);
	if (syscall(SYS_capset, &header, data))
		err(1, "capset");
}

static unsigned int running_kernel(void)
{
	struct utsname name;
	unsigned int major, minor;

	if (uname(&name) || sscanf(name.release, "%u.%u", &major, &minor) != 2)
		errx(1, "what kernel is this?");
	return major * 100 + minor;
}

static int group_of(const char *address)
{
	char path[128], name[32];

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/iommu_group", address);
	if (iom_sys_link_name(&iom_sys_linux, path, name, sizeof(name)))
		errx(1, "%s has no IOMMU group", address);
	return atoi(name);
}

int main(int argc, char **argv)
{
	struct contract_range ranges[MAX_RANGES];
	struct contract_world world = {
		.sys = &iom_sys_linux,
		.kernel = running_kernel(),
		.page_size = (uint64_t)sysconf(_SC_PAGESIZE),
		.ranges = ranges,
		.entry_limit = 65535,
		.set_memlock = set_memlock,
	};
	size_t n;
	int i;

	if (argc < 4 || argc > 3 + MAX_RANGES)
		errx(2, "usage: contract ADDRESS PAGE_SIZES START-LAST...");
	world.address = argv[1];
	world.group = group_of(argv[1]);
	world.pgsizes = strtoull(argv[2], NULL, 0);
	for (i = 3; i < argc; i++) {
		struct contract_range *range = &ranges[world.n_ranges++];

		if (sscanf(argv[i], "%" SCNx64 "-%" SCNx64, &range->start, &range->last) != 2)
			errx(2, "%s is no range", argv[i]);
	}
	for (n = 0; contract_test(n); n++) {
		set_memlock(NULL, RLIM_INFINITY, true);
		contract_run(&world, n, report, NULL);
	}
	printf("1..%u\n", rows);
	return failed ? 1 : 0;
}
