// SPDX-License-Identifier: BSD-3-Clause
/* The kernel contract on every simulated machine. */
#include "tests/unit/runner.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "sim/sim.h"
#include "tests/contract/contract.h"

#define ADDRESS "0000:01:00.0"
#define FIRST_OF_PAIR "0000:02:00.0"
#define SECOND_OF_PAIR "0000:02:00.1"

static const struct iom_sim_device devices[] = {
	{ .address = ADDRESS, .group = 14, .driver = "vfio-pci" },
	{ .address = FIRST_OF_PAIR, .group = 15, .driver = "vfio-pci" },
	{ .address = SECOND_OF_PAIR, .group = 15, .driver = "vfio-pci" },
};

/* Kernels, built in different ways, on machines that iommufd likes or not. */
static const struct {
	const char *name;
	struct iom_sim_config config;
	int refuses;
} kernels[] = {
	{ "6.1", { .kernel = 601 }, 0 },
	{ "6.12", { .kernel = 612 }, 0 },
	{ "7.2", { .kernel = 702 }, 0 },
	{ "6.12 with iommufd", { .kernel = 612, .iommufd = true }, 0 },
	{ "6.13 with iommufd", { .kernel = 613, .iommufd = true }, 0 },
	{ "7.2 with iommufd", { .kernel = 702, .iommufd = true }, 0 },
	{ "7.2 with iommufd only", { .kernel = 702, .iommufd = true, .no_type1 = true }, 0 },
	{ "6.12 with iommufd as container",
	  { .kernel = 612, .iommufd = true, .compat_container = true },
	  0 },
	{ "6.12, not isolated",
	  { .kernel = 612, .iommufd = true, .no_isolated_msi = true, .unsafe_interrupts = true },
	  -EPERM },
	{ "6.12, allowed",
	  { .kernel = 612,
	    .iommufd = true,
	    .no_isolated_msi = true,
	    .unsafe_interrupts = true,
	    .iommufd_unsafe_interrupts = true },
	  0 },
};
static const uint64_t pages[] = { 4096, 16384, 65536 };

/* What guests with these IOMMUs said, and for larger pages what their kernels would. */
static const struct {
	const char *name;
	uint64_t pgsizes[3];
	struct contract_range ranges[3];
	size_t n_ranges;
	uint64_t least_page; /* of the IOMMU; 0: the kernel's */
} platforms[] = {
	{ "x86-48",
	  { 0x40201000, 0x40204000, 0x40210000 },
	  { { 0, 0xfedfffff }, { 0xfef00000, 0xffffffffffff } },
	  2,
	  4096 },
	{ "x86-39",
	  { 0x40201000, 0x40204000, 0x40210000 },
	  { { 0, 0xfedfffff }, { 0xfef00000, 0x7fffffffff } },
	  2,
	  4096 },
	{ "x86-amd",
	  { 0xfff7ffffff000, 0xfff7fffffc000, 0xfff7fffff0000 },
	  { { 0, 0xfedfffff }, { 0xfef00000, 0xfcffffffff }, { 0x10000000000, 0xffffffffffffffff } },
	  3,
	  4096 },
	{ "arm64-smmuv3",
	  { 0x40201000, 0x2004000, 0x20010000 },
	  { { 0, 0x7ffffff }, { 0x8100000, 0xffffffffffff } },
	  2,
	  0 },
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define N_WORLDS ((int)(COUNT(platforms) * COUNT(kernels) * COUNT(pages)))

struct tally {
	const char *platform, *kernel;
	uint64_t page;
	unsigned int rows, wrong;
};

static void count(void *arg, const char *test, const char *row, const char *what)
{
	struct tally *tally = arg;

	tally->rows++;
	if (!*what)
		return;
	tally->wrong++;
	fprintf(stderr, "# %s, kernel %s, pages of %u: %s: %s: %s\n", tally->platform,
		tally->kernel, (unsigned int)tally->page, test, row, what);
}

static void set_memlock(void *arg, uint64_t bytes, bool ipc_lock)
{
	iom_sim_set_memlock(arg, bytes, ipc_lock);
}

/* The tests that have a meaning there; each leaves nothing behind. */
static void run_all(struct iom_sim *sim, const struct contract_world *world, struct tally *tally,
		    bool tried[])
{
	size_t n;

	for (n = 0; contract_test(n); n++) {
		if (contract_lacks(world, n))
			continue;
		iom_sim_set_memlock(sim, 8 << 20, true);
		contract_run(world, n, count, tally);
		tried[n] = true;
		ck_assert_uint_eq(iom_sim_open_fds(sim), 0);
		ck_assert_uint_eq(iom_sim_mapped_bytes(sim), 0);
		ck_assert_uint_eq(iom_sim_locked_bytes(sim), 0);
		ck_assert_uint_eq(iom_sim_pinned_bytes(sim), 0);
	}
}

#define MAX_TESTS 64

static bool tried[MAX_TESTS];

static void run_on(const struct iom_sim_config *machine, int refuses, const char *name,
		   size_t platform, size_t page)
{
	struct iom_sim_config config = *machine;
	struct contract_world world = {
		.address = ADDRESS,
		.group = 14,
		.pair = { FIRST_OF_PAIR, SECOND_OF_PAIR },
		.pair_group = 15,
		.kernel = config.kernel,
		.type1 = !config.no_type1 && !config.compat_container,
		.iommufd = config.iommufd,
		.compat_only = config.compat_container,
		.refuses = refuses,
		.page_size = pages[page],
		.pgsizes = platforms[platform].pgsizes[page],
		.alignment = platforms[platform].least_page ? platforms[platform].least_page
							    : pages[page],
		.ranges = platforms[platform].ranges,
		.n_ranges = platforms[platform].n_ranges,
		.entry_limit = config.dma_entry_limit,
		.set_memlock = set_memlock,
	};
	struct tally tally = { platforms[platform].name, name, pages[page], 0, 0 };
	struct contract_range first_stage[2];
	struct iom_sim *sim;

	config.size = sizeof(config);
	config.platform = platforms[platform].name;
	config.page_size = pages[page];
	config.devices = devices;
	config.n_devices = COUNT(devices);
	if (config.first_stage_only) {
		first_stage[0] = world.ranges[0];
		first_stage[1] = (struct contract_range){ world.ranges[1].start, 0x7fffffffffff };
		world.ranges = first_stage;
	}
	ck_assert_int_eq(iom_sim_create(&config, &sim), 0);
	world.sys = iom_sim_sys(sim);
	world.arg = sim;
	run_all(sim, &world, &tally, tried);
	iom_sim_destroy(sim);
	ck_assert_uint_gt(tally.rows, 100);
	ck_assert_uint_eq(tally.wrong, 0);
}

START_TEST(contract)
{
	size_t n = (size_t)_i, page = n / COUNT(platforms) / COUNT(kernels);
	size_t kernel = n / COUNT(platforms) % COUNT(kernels);
	struct iom_sim_config config = kernels[kernel].config;

	/* the memory under test is real, and so is the size of its pages */
	if (pages[page] < (uint64_t)sysconf(_SC_PAGESIZE))
		return;
	config.dma_entry_limit = 50;
	run_on(&config, kernels[kernel].refuses, kernels[kernel].name, n % COUNT(platforms), page);
}
END_TEST

START_TEST(contract_with_the_usual_entry_limit)
{
	const struct iom_sim_config config = { .kernel = 612, .dma_entry_limit = 65535 };

	run_on(&config, 0, "6.12", 0, COUNT(pages) - 1);
}
END_TEST

/* Only VT-d has such. */
START_TEST(contract_behind_first_stage_tables)
{
	const struct iom_sim_config config = {
		.kernel = _i ? 702 : 612,
		.iommufd = true,
		.first_stage_only = true,
		.dma_entry_limit = 50,
	};

	run_on(&config, _i ? 0 : -EINVAL, "first stage only", 0, COUNT(pages) - 1);
}
END_TEST

START_TEST(every_test_has_a_machine)
{
	const size_t page = COUNT(pages) - 1;
	struct iom_sim_config config;
	size_t i;

	memset(tried, 0, sizeof(tried));
	for (i = 0; i < COUNT(kernels); i++) {
		config = kernels[i].config;
		config.dma_entry_limit = 50;
		run_on(&config, kernels[i].refuses, kernels[i].name, i % COUNT(platforms), page);
	}
	config = (struct iom_sim_config){
		.kernel = 612,
		.iommufd = true,
		.first_stage_only = true,
		.dma_entry_limit = 50,
	};
	run_on(&config, -EINVAL, "first stage only", 0, page);
	for (i = 0; contract_test(i); i++)
		ck_assert_msg(!strncmp(contract_test(i), "SPAPR", 5) || tried[i],
			      "%s was tried nowhere", contract_test(i));
	ck_assert_uint_le(i, MAX_TESTS);
}
END_TEST

START_TEST(every_platform_is_tried)
{
	size_t n;

	for (n = 0; n < COUNT(platforms); n++)
		ck_assert_str_eq(iom_sim_platform(n), platforms[n].name);
	/* and by test_sim_spapr_contract */
	ck_assert_str_eq(iom_sim_platform(n++), "powernv");
	ck_assert_str_eq(iom_sim_platform(n++), "pseries");
	ck_assert_str_eq(iom_sim_platform(n++), "pseries-vf");
	ck_assert_ptr_null(iom_sim_platform(n));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("sim_contract");
	TCase *tcase = tcase_create("contract");

	tcase_set_timeout(tcase, 60);
	tcase_add_test(tcase, every_platform_is_tried);
	tcase_add_loop_test(tcase, contract, 0, N_WORLDS);
	tcase_add_test(tcase, contract_with_the_usual_entry_limit);
	tcase_add_loop_test(tcase, contract_behind_first_stage_tables, 0, 2);
	tcase_add_test(tcase, every_test_has_a_machine);
	suite_add_tcase(suite, tcase);
	return run_suite(suite);
}
