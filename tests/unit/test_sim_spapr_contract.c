// SPDX-License-Identifier: BSD-3-Clause
/* The kernel contract on every simulated POWER machine. */
#include "tests/unit/runner.h"

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "sim/sim.h"
#include "tests/contract/contract.h"

#define ADDRESS "0000:01:00.0"
#define OTHER "0001:01:00.0"
#define HUGE_PAGE (UINT64_C(2) << 20)
#define DMA64_START (UINT64_C(1) << 59)
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* What guests said. */
static const struct {
	const char *name;
	struct contract_power power;
} platforms[] = {
	{ "powernv", { .machine = POWERNV, .pgsizes = 0x40211000, .dma32_size = 0x80000000 } },
	{ "pseries", { .machine = PSERIES, .pgsizes = 0x1211000, .dma32_size = 0x40000000 } },
};
static const unsigned int kernels[] = { 612, 702 };
static const uint64_t pages[] = { 4096, 65536 };

#define N_WORLDS ((int)(COUNT(platforms) * COUNT(kernels) * COUNT(pages)))

struct tally {
	const char *platform;
	unsigned int kernel, rows, wrong;
	uint64_t page;
};

static void count(void *arg, const char *test, const char *row, const char *what)
{
	struct tally *tally = arg;

	tally->rows++;
	if (!*what)
		return;
	tally->wrong++;
	fprintf(stderr, "# %s, kernel %u, pages of %u: %s: %s: %s\n", tally->platform,
		tally->kernel, (unsigned int)tally->page, test, row, what);
}

static void set_memlock(void *arg, uint64_t bytes, bool ipc_lock)
{
	iom_sim_set_memlock(arg, bytes, ipc_lock);
}

/* Pages that are as huge as the test says. */
static void *get_huge(void *arg, uint64_t length)
{
	const size_t room = length + HUGE_PAGE;
	char *p = mmap(NULL, room, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char *start;

	if (p == MAP_FAILED)
		return NULL;
	start = p + (-(uintptr_t)p & (HUGE_PAGE - 1));
	if (start > p)
		munmap(p, (size_t)(start - p));
	munmap(start + length, (size_t)(p + room - start - length));
	ck_assert_int_eq(iom_sim_set_backing(arg, start, length, HUGE_PAGE), 0);
	return start;
}

static bool is_of_power(size_t n)
{
	return !strncmp(contract_test(n), "SPAPR", 5);
}

START_TEST(contract)
{
	const struct iom_sim_device devices[] = {
		{ .address = ADDRESS, .group = 0, .driver = "vfio-pci" },
		{ .address = OTHER, .group = 1, .driver = "vfio-pci" },
	};
	const size_t n = (size_t)_i, page = n / COUNT(platforms) / COUNT(kernels);
	const unsigned int kernel = kernels[n / COUNT(platforms) % COUNT(kernels)];
	struct tally tally = { platforms[n % COUNT(platforms)].name, kernel, 0, 0, pages[page] };
	struct contract_power power = platforms[n % COUNT(platforms)].power;
	const struct contract_range ranges[2] = { { 0, 0 } };
	struct contract_world world = {
		.address = ADDRESS,
		.group = 0,
		.kernel = kernel,
		.page_size = pages[page],
		.ranges = ranges,
		.n_ranges = 1,
		.power = &power,
		.set_memlock = set_memlock,
	};
	const struct iom_sim_config config = {
		.size = sizeof(config),
		.platform = tally.platform,
		.kernel = kernel,
		.page_size = pages[page],
		.devices = devices,
		.n_devices = COUNT(devices),
	};
	struct iom_sim *sim;
	size_t test;

	if (pages[page] < (uint64_t)sysconf(_SC_PAGESIZE))
		return;
	power.dma64_start = DMA64_START;
	power.huge_page = HUGE_PAGE;
	power.get_huge = get_huge;
	power.other = OTHER;
	power.other_group = 1;
	power.warnings = true;
	power.crashes = true;
	for (test = 0; contract_test(test); test++) {
		ck_assert_int_eq(!contract_lacks(&world, test), is_of_power(test));
		if (!is_of_power(test))
			continue;
		ck_assert_int_eq(iom_sim_create(&config, &sim), 0);
		iom_sim_spapr_survive(sim, true);
		world.sys = iom_sim_sys(sim);
		world.arg = sim;
		contract_run(&world, test, count, &tally);
		ck_assert_uint_eq(iom_sim_open_fds(sim), 0);
		ck_assert_uint_eq(iom_sim_mapped_bytes(sim), 0);
		iom_sim_destroy(sim);
	}
	ck_assert_uint_gt(tally.rows, 250);
	ck_assert_uint_eq(tally.wrong, 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("sim_spapr_contract");
	TCase *tcase = tcase_create("contract");

	tcase_set_timeout(tcase, 60);
	tcase_add_loop_test(tcase, contract, 0, N_WORLDS);
	suite_add_tcase(suite, tcase);
	return run_suite(suite);
}
