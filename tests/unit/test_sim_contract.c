// SPDX-License-Identifier: BSD-3-Clause
/* The kernel contract on every simulated machine. */
#include "tests/unit/runner.h"

#include <stdio.h>
#include <unistd.h>

#include "sim/sim.h"
#include "tests/contract/contract.h"

#define ADDRESS "0000:01:00.0"

static const unsigned int kernels[] = { 601, 612, 702 };
static const uint64_t pages[] = { 4096, 16384, 65536 };

/* What guests with these IOMMUs said, and for larger pages what their kernels would. */
static const struct {
	const char *name;
	uint64_t pgsizes[3];
	struct contract_range ranges[3];
	size_t n_ranges;
} platforms[] = {
	{ "x86-48",
	  { 0x40201000, 0x40204000, 0x40210000 },
	  { { 0, 0xfedfffff }, { 0xfef00000, 0xffffffffffff } },
	  2 },
	{ "x86-39",
	  { 0x40201000, 0x40204000, 0x40210000 },
	  { { 0, 0xfedfffff }, { 0xfef00000, 0x7fffffffff } },
	  2 },
	{ "x86-amd",
	  { 0xfff7ffffff000, 0xfff7fffffc000, 0xfff7fffff0000 },
	  { { 0, 0xfedfffff }, { 0xfef00000, 0xfcffffffff }, { 0x10000000000, 0xffffffffffffffff } },
	  3 },
	{ "arm64-smmuv3",
	  { 0x40201000, 0x2004000, 0x20010000 },
	  { { 0, 0x7ffffff }, { 0x8100000, 0xffffffffffff } },
	  2 },
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define N_WORLDS ((int)(COUNT(platforms) * COUNT(kernels) * COUNT(pages)))

struct tally {
	const char *platform;
	unsigned int kernel;
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
	fprintf(stderr, "# %s, kernel %u, pages of %u: %s: %s: %s\n", tally->platform,
		tally->kernel, (unsigned int)tally->page, test, row, what);
}

static void set_memlock(void *arg, uint64_t bytes, bool ipc_lock)
{
	iom_sim_set_memlock(arg, bytes, ipc_lock);
}

static void run_all(size_t platform, unsigned int kernel, size_t page, uint32_t entries)
{
	const struct iom_sim_config config = {
		.size = sizeof(config),
		.platform = platforms[platform].name,
		.kernel = kernel,
		.page_size = pages[page],
		.dma_entry_limit = entries,
	};
	struct contract_world world = {
		.address = ADDRESS,
		.group = 14,
		.kernel = kernel,
		.page_size = pages[page],
		.pgsizes = platforms[platform].pgsizes[page],
		.ranges = platforms[platform].ranges,
		.n_ranges = platforms[platform].n_ranges,
		.entry_limit = entries,
		.set_memlock = set_memlock,
	};
	struct tally tally = { platforms[platform].name, kernel, pages[page], 0, 0 };
	struct iom_sim *sim;
	size_t n;

	ck_assert_int_eq(iom_sim_create(&config, &sim), 0);
	world.sys = iom_sim_sys(sim);
	world.arg = sim;
	for (n = 0; contract_test(n); n++) {
		iom_sim_set_memlock(sim, 8 << 20, true);
		contract_run(&world, n, count, &tally);
		ck_assert_uint_eq(iom_sim_open_fds(sim), 0);
		ck_assert_uint_eq(iom_sim_mapped_bytes(sim), 0);
		ck_assert_uint_eq(iom_sim_locked_bytes(sim), 0);
	}
	iom_sim_destroy(sim);
	ck_assert_uint_gt(tally.rows, 100);
	ck_assert_uint_eq(tally.wrong, 0);
}

START_TEST(contract)
{
	size_t n = (size_t)_i, page = n / COUNT(platforms) / COUNT(kernels);

	/* the memory under test is real, and so is the size of its pages */
	if (pages[page] < (uint64_t)sysconf(_SC_PAGESIZE))
		return;
	run_all(n % COUNT(platforms), kernels[n / COUNT(platforms) % COUNT(kernels)], page, 50);
}
END_TEST

START_TEST(contract_with_the_usual_entry_limit)
{
	run_all(0, 612, COUNT(pages) - 1, 65535);
}
END_TEST

START_TEST(every_platform_is_tried)
{
	size_t n;

	for (n = 0; n < COUNT(platforms); n++)
		ck_assert_str_eq(iom_sim_platform(n), platforms[n].name);
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
	suite_add_tcase(suite, tcase);
	return run_suite(suite);
}
