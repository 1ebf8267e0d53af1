// SPDX-License-Identifier: BSD-3-Clause
/*
 * POWER: each allocation that the library makes for a call is refused, one after the other, on each
 * machine: -ENOMEM, or it does without a window; nothing else changed, nothing leaked.
 */
#include "tests/unit/power_rig.h"
#include "tests/unit/refused_heap.h"
#include "tests/unit/runner.h"

#define MOST_ALLOCATIONS 300
#define HUGE (2 * MIB)

static const char *const machines[] = { "powernv", "pseries", "pseries-vf" };

static const char *machine;
static char *memory; /* 4 huge pages, and as much with small ones */
static struct iom_device *edu;
static struct iom_region region, other;

/* ---- Before the call ------------------------------------------------------------------------- */

static void open_domain(uint64_t expected, uint64_t granule)
{
	struct power power = power_of(machine);

	power.machine.page_size = PAGE;
	power.machine.n_hugepages = 8;
	power.opts.expect_bytes = expected;
	power.opts.unmap_granule = granule;
	power_start(&power);
	ck_assert_int_eq(iom_sim_set_backing(rig.sim, memory, 4 * HUGE, HUGE), 0);
	spare_the_kernel();
}

/* The simulation has seen what will be asked of it, and has the default window made. */
static void warm_up(uint64_t granule)
{
	open_domain(0, granule);
	ck_assert_ok(attach_bits(NVME, 0, &rig.nvme));
	ck_assert_works();
	ck_assert_ok(attach_bits(EDU, 0, &edu));
	iom_detach(edu);
}

static void expecting(void)
{
	open_domain(2 * GIB, 0);
	ck_assert_ok(attach_bits(NVME, 0, &rig.nvme));
	iom_detach(rig.nvme);
}

static void attached(void)
{
	warm_up(0);
}

/* In both windows where there are two, with an alias, and memory of both kinds at once. */
static void mapped(void)
{
	warm_up(0);
	ck_assert_ok(map_any(memory, 2 * HUGE, &region));
	ck_assert_ok(iom_map(rig.dom, memory + HUGE, 2 * HUGE, IOM_MAP_RW | IOM_MAP_ALIAS, NULL,
			     &other));
	ck_assert_ok(map_any(memory + 3 * HUGE, 2 * HUGE, NULL));
}

static void mapped_and_detached(void)
{
	mapped();
	iom_detach(rig.nvme);
}

static void with_two_groups(void)
{
	mapped();
	ck_assert_ok(attach_bits(EDU, 0, &edu));
}

/* One span is left at most, where two may be needed. */
static void to_cut(void)
{
	warm_up(KIB64);
	ck_assert_ok(map_any(memory + 4 * HUGE, 8 * KIB64, &region));
	while (rig.dom->pool.n_unused > 1)
		ck_assert_ok(iom_map(rig.dom, memory + 4 * HUGE, KIB64, IOM_MAP_RW | IOM_MAP_ALIAS,
				     NULL, NULL));
}

/* ---- The call -------------------------------------------------------------------------------- */

static int attach_first(void)
{
	return attach_bits(NVME, 0, &rig.nvme);
}

static int attach_second(void)
{
	int ret = attach_bits(EDU, 0, &edu);

	if (!ret)
		iom_detach(edu);
	return ret;
}

static int map_huge(void)
{
	return map_any(memory, 2 * HUGE, &region);
}

/* Registered before in part, and with pages of two sizes. */
static int map_more(void)
{
	unsigned int flags = IOM_MAP_RW | IOM_MAP_ALIAS;
	int ret;

	ret = iom_map(rig.dom, memory + 2 * HUGE, 5 * HUGE, flags, NULL, &region);
	return ret ? ret : iom_unmap(rig.dom, &region);
}

/* Two runs, of pages of two sizes. */
static int map_batch(void)
{
	const struct iom_piece pieces[] = {
		{ memory + 5 * HUGE, HUGE, 0 },
		{ memory + 2 * HUGE, HUGE, 0 },
		{ memory + 3 * HUGE, 2 * HUGE, 0 },
		{ memory + 7 * HUGE, HUGE, 0 },
	};
	unsigned int flags = IOM_MAP_RW | IOM_MAP_ALIAS;
	struct iom_region regions[ARRAY_SIZE(pieces)];
	int ret;

	ret = iom_mapv(rig.dom, pieces, ARRAY_SIZE(pieces), flags, NULL, regions);
	if (ret)
		return ret;
	ret = iom_unmapv(rig.dom, regions, ARRAY_SIZE(regions));
	if (ret) {
		/* what was refused needs room for its list */
		countdown = 0;
		ck_assert_ok(iom_unmapv(rig.dom, regions, ARRAY_SIZE(regions)));
	}
	return ret;
}

/* These need no memory. */
static int unmap(void)
{
	int ret = iom_unmap(rig.dom, &other);

	return ret ? ret : iom_unmap_all(rig.dom);
}

static int cut(void)
{
	return iom_unmap_range(rig.dom, region.iova + 2 * KIB64, KIB64);
}

static const struct {
	const char *name;
	void (*prepare)(void);
	int (*run)(void);
	unsigned int least;
	bool makes_window; /* or does without */
} calls[] = {
	{ "attach", expecting, attach_first, 12, true },
	{ "attach again", mapped_and_detached, attach_first, 18, true },
	{ "late group", mapped, attach_second, 18, false },
	{ "map huge pages", attached, map_huge, 2, true },
	{ "map for two groups", with_two_groups, map_more, 2, false },
	{ "map a batch for two groups", with_two_groups, map_batch, 8, false },
	{ "unmap", with_two_groups, unmap, 0, false },
	{ "cut", to_cut, cut, 1, false },
};

/* ---- After it -------------------------------------------------------------------------------- */

/* Windows of their own may have come; the kernel's tables of them are locked. */
static void check_mappings(const struct state *before)
{
	struct state now = rig_state();

	ck_assert_same(*before, counters.mappings, now);
	ck_assert_same(*before, counters.mapped_bytes, now);
	ck_assert_same(*before, counters.quarantined_bytes, now);
	ck_assert_same(*before, kernel_bytes, now);
	ck_assert_same(*before, open_fds, now);
}

/* With the n-th allocation refused; whether there were as many. */
static bool refuse_allocation(int i, unsigned int n)
{
	struct state before;
	int ret;

	calls[i].prepare();
	before = rig_state();
	refused = false;
	countdown = n;
	ret = calls[i].run();
	countdown = 0;
	if (ret) {
		ck_assert(refused);
		ck_assert_msg(ret == -ENOMEM, "%s on %s, allocation %u: %d, \"%s\"", calls[i].name,
			      machine, n, ret, iom_errmsg());
		ck_assert_msg(strcasestr(iom_errmsg(), "memory"), "%s, allocation %u: \"%s\"",
			      calls[i].name, n, iom_errmsg());
		if (calls[i].makes_window)
			check_mappings(&before);
		else
			ck_assert_unchanged(before);
		ck_assert_ok(calls[i].run());
	}
	ck_assert_works();
	power_end();
	return refused;
}

START_TEST(every_allocation)
{
	int i = _i / (int)ARRAY_SIZE(machines);

	machine = machines[(size_t)_i % ARRAY_SIZE(machines)];
	memory = rig_memory_at(8 * HUGE, HUGE, 0);
	refuse_each(refuse_allocation, i, calls[i].name, calls[i].least, MOST_ALLOCATIONS);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("power_heap");
	TCase *tcase = tcase_create("heap");

	tcase_set_timeout(tcase, 300);
	tcase_add_loop_test(tcase, every_allocation, 0, ARRAY_SIZE(calls) * ARRAY_SIZE(machines));
	suite_add_tcase(suite, tcase);
	return run_suite(suite);
}
