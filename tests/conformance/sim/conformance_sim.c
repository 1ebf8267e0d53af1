// SPDX-License-Identifier: BSD-3-Clause
/* The conformance suite on simulated machines: all of them, or those that are named. */
#include <fnmatch.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "expected.h"
#include "machine.h"

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

static const char usage[] =
	"usage: conformance-sim [--machine PATTERN] [--only CASE] [--part N/M]\n"
	"       conformance-sim --list | --machines\n"
	"\n"
	"Runs what libiommu.h promises on the simulated kernel, and prints TAP.  A machine is\n"
	"PLATFORM/PAGE/KERNEL/BACKEND, and PATTERN one of the shell's; CONFORMANCE_MACHINE in the\n"
	"environment stands in for it.  --part 1/2 takes every second case, --part 2/2 the others.\n";

static const struct {
	const char *name, *platform;
	uint64_t page_size;
	bool first_stage; /* only that: iommufd of Linux 6.12 attaches nothing there */
	bool power;       /* its kernels have no iommufd */
	bool hash_mmu;
	uint64_t n_hugepages;
} platforms[] = {
	{ .name = "x86-48/4k", "x86-48", 4096 },
	{ .name = "x86-39/4k", "x86-39", 4096 },
	{ .name = "x86-amd/4k", "x86-amd", 4096 },
	{ .name = "arm64-smmuv3/4k", "arm64-smmuv3", 4096 },
	{ .name = "arm64-smmuv3/64k", "arm64-smmuv3", 65536 },
	{ .name = "x86-flts/4k", "x86-48", 4096, .first_stage = true },
	{ .name = "powernv/4k", "powernv", 4096, .power = true },
	{ .name = "powernv/64k", "powernv", 65536, .power = true },
	{ .name = "powernv-huge/4k", "powernv", 4096, .power = true, .n_hugepages = 512 },
	{ .name = "powernv-huge/64k", "powernv", 65536, .power = true, .n_hugepages = 512 },
	{ .name = "pseries/4k", "pseries", 4096, .power = true },
	{ .name = "pseries/64k", "pseries", 65536, .power = true },
	{ .name = "pseries-huge/4k", "pseries", 4096, .power = true, .n_hugepages = 512 },
	{ .name = "pseries-huge/64k", "pseries", 65536, .power = true, .n_hugepages = 512 },
	{ .name = "pseries-hash/64k",
	  "pseries",
	  65536,
	  .power = true,
	  .hash_mmu = true,
	  .n_hugepages = 64 },
	{ .name = "pseries-vf/4k", "pseries-vf", 4096, .power = true },
	{ .name = "pseries-vf/64k", "pseries-vf", 65536, .power = true },
	{ .name = "pseries-vf-huge/64k", "pseries-vf", 65536, .power = true, .n_hugepages = 512 },
};

/* Without a backend: the library's own choice. */
static const struct {
	const char *name;
	unsigned int kernel;
	bool iommufd;
	const char *backend;
	bool for_power; /* only */
} kernels[] = {
	{ "601/type1", 601, false, "type1", false },
	{ "612/any", 612, false, NULL, false },
	{ "702/any", 702, false, NULL, true },
	{ "612-iommufd/any", 612, true, NULL, false },
	{ "612-iommufd/type1", 612, true, "type1", false },
	{ "612-iommufd/type1-iommufd", 612, true, "type1-iommufd", false },
	{ "702-iommufd/iommufd", 702, true, "iommufd", false },
	{ "702-iommufd/type1", 702, true, "type1", false },
	{ "702-iommufd/type1-iommufd", 702, true, "type1-iommufd", false },
};

#define N_MACHINES (ARRAY_SIZE(platforms) * ARRAY_SIZE(kernels))

struct named {
	struct machine machine;
	char name[64];
};

/* False: there is nothing to be seen on such a machine. */
static bool get_machine(size_t i, struct named *m)
{
	size_t p = i / ARRAY_SIZE(kernels), k = i % ARRAY_SIZE(kernels);

	m->machine = (struct machine){
		.platform = platforms[p].platform,
		.page_size = platforms[p].page_size,
		.first_stage = platforms[p].first_stage,
		.kernel = kernels[k].kernel,
		.iommufd = kernels[k].iommufd,
		.backend = kernels[k].backend,
		.hash_mmu = platforms[p].hash_mmu,
		.n_hugepages = platforms[p].n_hugepages,
	};
	snprintf(m->name, sizeof(m->name), "%s/%s", platforms[p].name, kernels[k].name);
	if (platforms[p].power)
		return !kernels[k].iommufd && !kernels[k].backend;
	if (kernels[k].for_power)
		return false;
	return !platforms[p].first_stage || kernels[k].kernel > 612 ||
	       (kernels[k].iommufd && !kernels[k].backend);
}

/* The machine that cases run on now. */
static const char *current;

static enum verdict expect(const struct world *world, const char *name)
{
	(void)world;
	return expected_on(current, name);
}

static bool is_wanted(size_t i, const char *pattern, struct named *m)
{
	return get_machine(i, m) && !fnmatch(pattern, m->name, 0);
}

static unsigned int count_machines(const char *pattern)
{
	unsigned int n = 0;
	struct named m;
	size_t i;

	for (i = 0; i < N_MACHINES; i++)
		n += is_wanted(i, pattern, &m);
	return n;
}

static void list_machines(void)
{
	struct named m;
	size_t i;

	for (i = 0; i < N_MACHINES; i++)
		if (is_wanted(i, "*", &m))
			puts(m.name);
}

static int run(const char *pattern, const struct choice *choice)
{
	unsigned int total = count_machines(pattern) * count_cases(choice);
	struct tally tally = { 0 };
	struct world world;
	struct named m;
	char prefix[80];
	size_t i;

	if (!total) {
		fprintf(stderr, "conformance-sim: there is no such machine or case\n");
		return 2;
	}
	printf("1..%u\n", total);
	for (i = 0; i < N_MACHINES; i++) {
		if (!is_wanted(i, pattern, &m))
			continue;
		machine_use(&m.machine, &world);
		current = m.name;
		snprintf(prefix, sizeof(prefix), "%s/", m.name);
		run_cases(&world, prefix, choice, expect, &tally);
	}
	return tally.failures ? 1 : 0;
}

/* "N/M", N from 1 up to M. */
static int read_part(const char *word, struct choice *choice)
{
	unsigned int part, parts;
	char rest;

	if (sscanf(word, "%u/%u%c", &part, &parts, &rest) != 2 || !part || part > parts)
		return -1;
	choice->part = part - 1;
	choice->parts = parts;
	return 0;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "machine", required_argument, NULL, 'm' },
		{ "only", required_argument, NULL, 'o' },
		{ "part", required_argument, NULL, 'p' },
		{ "list", no_argument, NULL, 'l' },
		{ "machines", no_argument, NULL, 'M' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	const char *pattern = getenv("CONFORMANCE_MACHINE");
	struct choice choice = { 0 };
	int c;

	unsetenv("LIBIOMMU_BACKEND");
	unsetenv("LIBIOMMU_LOG");
	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (c) {
		case 'm':
			pattern = optarg;
			break;
		case 'o':
			choice.only = optarg;
			break;
		case 'p':
			if (read_part(optarg, &choice) < 0) {
				fputs(usage, stdout);
				return 2;
			}
			break;
		case 'l':
			list_cases();
			return 0;
		case 'M':
			list_machines();
			return 0;
		case 'h':
			fputs(usage, stdout);
			return 0;
		default:
			return 2;
		}
	}
	if (optind < argc) {
		fputs(usage, stderr);
		return 2;
	}
	return run(pattern && *pattern ? pattern : "*", &choice);
}
