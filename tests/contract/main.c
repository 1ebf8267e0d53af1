// SPDX-License-Identifier: BSD-3-Clause
/*
 * The kernel contract on the kernel that runs this, as TAP:
 *
 *	contract 0000:00:03.0 0x40201000 0x0-0xfedfffff 0xfef00000-0xffffffffffff
 *
 * The device is alone in its group, bound to vfio-pci and not open.  Then the page sizes and the
 * ranges that type1 must tell.  Before it, where iommufd refuses the device:
 *
 *	--refused=bind      its interrupts are not isolated, and that is not allowed
 *	--refused=attach    VT-d with first-stage page tables only, before Linux 6.13
 *
 * And where there are two other devices that share a group, bound and not open either:
 *
 *	--pair=0000:00:04.0,0000:00:04.1
 *
 * On POWER it is the page sizes of windows, and the size of the default one:
 *
 *	contract 0000:00:02.0 0x1211000 0x40000000
 *
 *	--other=0001:00:01.0    a device of another group, bound and not open
 *	--warnings              rows that fill the kernel's log or lose memory and bridges as well
 *
 * What the kernel has it finds out by itself; a case that has no meaning there is skipped by its
 * name.  Run by root; it changes its own limits and capabilities only.
 */
#include "tests/contract/contract.h"

#include <err.h>
#include <errno.h>
#include <inttypes.h>
#include <linux/capability.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#define MAX_RANGES 8

#if defined(__powerpc__)
#define IS_POWER true
#else
#define IS_POWER false
#endif

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

/* Which interfaces are there: the devices' own nodes come with iommufd, in all kernels tested. */
static void find_interfaces(struct contract_world *world)
{
	world->iommufd = !access("/dev/vfio/devices", F_OK) && !access("/dev/iommu", F_OK);
	world->type1 = !access("/sys/module/vfio_iommu_type1", F_OK);
	world->compat_only = world->iommufd && !world->type1 && !access("/dev/vfio/vfio", F_OK);
}

static void read_pair(struct contract_world *world, char *words)
{
	world->pair[0] = strtok(words, ",");
	world->pair[1] = strtok(NULL, ",");
	if (!world->pair[1])
		errx(2, "a pair is two devices");
	world->pair_group = group_of(world->pair[0]);
	if (group_of(world->pair[1]) != world->pair_group)
		errx(1, "%s and %s are of different groups", world->pair[0], world->pair[1]);
}

/* ---- POWER ---------------------------------------------------------------------------------- */

static int huge_shift; /* of the pages that there are */

static void *get_huge(void *arg, uint64_t length)
{
	const int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB | huge_shift << 26;
	void *p = mmap(NULL, length, PROT_READ | PROT_WRITE, flags, -1, 0);

	(void)arg;
	return p == MAP_FAILED ? NULL : p;
}

/* Those of the radix or the hash MMU: two of them, as the rows want them. */
static void find_huge(struct contract_power *power)
{
	static const int shifts[] = { 21, 24 };
	size_t i;
	void *p;

	for (i = 0; i < sizeof(shifts) / sizeof(shifts[0]) && !power->huge_page; i++) {
		huge_shift = shifts[i];
		p = get_huge(NULL, UINT64_C(2) << huge_shift);
		if (!p)
			continue;
		munmap(p, (size_t)2 << huge_shift);
		power->huge_page = UINT64_C(1) << huge_shift;
		power->get_huge = get_huge;
	}
}

static void find_power(struct contract_world *world, struct contract_power *power)
{
	char compatible[256] = "";
	const char *at;
	ssize_t n;

	/* Others have a device tree, too. */
	if (!IS_POWER)
		return;
	n = iom_sys_linux.read_file(NULL, "/proc/device-tree/compatible", compatible,
				    sizeof(compatible) - 1);
	if (n < 0)
		return;
	power->machine = PSERIES;
	for (at = compatible; at < compatible + n; at += strlen(at) + 1)
		if (!strcmp(at, "ibm,powernv"))
			power->machine = POWERNV;
	power->dma64_start = UINT64_C(1) << 59;
	find_huge(power);
	world->power = power;
}

static bool read_power_option(struct contract_power *power, const char *word)
{
	if (!strncmp(word, "--other=", 8)) {
		power->other = word + 8;
		power->other_group = group_of(power->other);
	} else if (!strcmp(word, "--warnings")) {
		power->warnings = true;
	} else {
		return false;
	}
	return true;
}

/* ---- The command line ----------------------------------------------------------------------- */

static bool read_option(struct contract_world *world, char *word)
{
	if (!strcmp(word, "--refused=bind"))
		world->refuses = -EPERM;
	else if (!strcmp(word, "--refused=attach"))
		world->refuses = -EINVAL;
	else if (!strncmp(word, "--pair=", 7))
		read_pair(world, word + 7);
	else
		return false;
	return true;
}

static void run_test(const struct contract_world *world, size_t n)
{
	const char *why = contract_lacks(world, n);

	if (why) {
		printf("ok %u - %s # SKIP %s\n", ++rows, contract_test(n), why);
		return;
	}
	set_memlock(NULL, RLIM_INFINITY, true);
	contract_run(world, n, report, NULL);
}

int main(int argc, char **argv)
{
	struct contract_range ranges[MAX_RANGES] = { { 0, 0 } };
	struct contract_power power = { 0 };
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

	for (; argc > 1 && (read_option(&world, argv[1]) || read_power_option(&power, argv[1]));
	     argc--)
		argv++;
	if (argc < 4 || argc > 3 + MAX_RANGES)
		errx(2, "usage: contract [--refused=bind|attach] [--pair=ADDRESS,ADDRESS] "
			"ADDRESS PAGE_SIZES START-LAST...\n"
			"POWER: contract [--other=ADDRESS] [--warnings] "
			"ADDRESS PAGE_SIZES DEFAULT_SIZE");
	find_interfaces(&world);
	find_power(&world, &power);
	world.address = argv[1];
	world.group = group_of(argv[1]);
	world.pgsizes = strtoull(argv[2], NULL, 0);
	world.alignment = world.pgsizes & -world.pgsizes;
	power.pgsizes = world.pgsizes;
	power.dma32_size = strtoull(argv[3], NULL, 0);
	world.n_ranges = world.power ? 1 : 0;
	for (i = 3; i < argc && !world.power; i++) {
		struct contract_range *range = &ranges[world.n_ranges++];

		if (sscanf(argv[i], "%" SCNx64 "-%" SCNx64, &range->start, &range->last) != 2)
			errx(2, "%s is no range", argv[i]);
	}
	for (n = 0; contract_test(n); n++)
		run_test(&world, n);
	printf("1..%u\n", rows);
	return failed ? 1 : 0;
}
