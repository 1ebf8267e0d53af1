// SPDX-License-Identifier: BSD-3-Clause
/*
 * Each allocation that the library makes for streams and declared memory is refused, one after the
 * other: -ENOMEM, nothing in flight that was not before, nothing leaked; and a stream that is closed or
 * lands needs none.
 */
#include "tests/unit/stream_rig.h"

#include "tests/unit/refused_heap.h"
#include "tests/unit/runner.h"

#define MOST_ALLOCATIONS 1500
#define NARROW 24

static struct iom_device *edu;
static struct flight flight, transient;
static struct iom_stream *another;

/* ---- Before the call ----------------------------------------------------------------------------- */

/* The simulation has seen what will be asked of it. */
static void only_attached(void)
{
	rig_domain(NULL);
	spare_the_kernel();
	ck_assert_ok(attach_bits(NVME, 0, &rig.nvme));
	ck_assert_works();
}

static void ready(void)
{
	only_attached();
	declare();
	ck_assert_ok(iom_stream_open(rig.dom, &stream));
}

/* No span is left, so that the next mapping needs more of them. */
static void spanless(void)
{
	uint64_t i;

	ready();
	for (i = 0; i < 500 && rig.dom->pool.n_unused; i++)
		ck_assert_ok(map_any(undeclared() + i * 2 * PAGE, PAGE, NULL));
}

static void flying(void)
{
	ready();
	warm_up(2, 2);
	ck_assert_int_eq(fly(memory + 4096, GRANULE / 2, &flight), 1);
	ck_assert_int_eq(fly(undeclared() + 100, 4 * PAGE, &transient), 1);
}

static void flying_and_detached(void)
{
	flying();
	iom_detach(rig.nvme);
}

static void full(void)
{
	rig_domain(NULL);
	spare_the_kernel();
	ck_assert_ok(attach_bits(NVME, NARROW, &rig.nvme));
	declare();
	ck_assert_ok(iom_stream_open(rig.dom, &stream));
	warm_up(0, GRANULES);
}

/* ---- The call ------------------------------------------------------------------------------------ */

static int add(void)
{
	int ret = iom_memory_add(rig.dom, memory, GRANULES * GRANULE, IOM_MAP_RW, &declared);

	return ret ? ret : iom_memory_remove(declared);
}

static int open_another(void)
{
	int ret = iom_stream_open(rig.dom, &another);

	if (!ret)
		iom_stream_close(another);
	return ret;
}

/* Granules, some of which are new, and what is behind them; up to where the stream needs more notes. */
static int fly_far(void)
{
	int ret = fly(memory + GRANULE / 2, GRANULES * GRANULE, &flight);

	return ret < 0 ? ret : land(&flight);
}

static int fly_narrow(void)
{
	int ret = fly(memory, GRANULE, &flight);

	return ret < 0 ? ret : land(&flight);
}

static int fly_loose(void)
{
	int ret = fly(undeclared() + 1001 * PAGE, PAGE, &flight);

	return ret < 0 ? ret : land(&flight);
}

static int land_and_close(void)
{
	int ret = land(&transient);

	if (!ret)
		ret = land(&flight);
	iom_stream_close(stream);
	return ret ? ret : iom_memory_remove(declared);
}

static int close_flying(void)
{
	iom_stream_close(stream);
	return iom_memory_remove(declared);
}

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

static const struct {
	const char *name;
	void (*prepare)(void);
	int (*run)(void);
	unsigned int least;
	bool needs_none;
} calls[] = {
	{ "declare", only_attached, add, 1, false },
	{ "open stream", ready, open_another, 2, false },
	{ "granules and transient", ready, fly_far, 12, false },
	{ "granules without spans", spanless, fly_far, 13, false },
	{ "transient without spans", spanless, fly_loose, 2, false },
	{ "evict", full, fly_narrow, 1, false },
	{ "land", flying, land_and_close, 0, true },
	{ "close", flying, close_flying, 0, true },
	{ "attach again", flying_and_detached, attach_first, 4, false },
	{ "second attach", flying, attach_second, 3, false },
};

/* What was in flight still is. */
static void check_flight(int i)
{
	if (calls[i].prepare != flying && calls[i].prepare != flying_and_detached)
		return;
	if (calls[i].needs_none)
		return;
	ck_assert(flies(NVME, &flight));
	ck_assert(flies(NVME, &transient));
	ck_assert_ok(land(&flight));
	ck_assert_ok(land(&transient));
}

static bool refuse_nth(int i, unsigned int n)
{
	struct iom_counters before;
	int ret;

	calls[i].prepare();
	before = rig_counters();
	refused = false;
	countdown = n;
	ret = calls[i].run();
	countdown = 0;
	if (ret) {
		ck_assert(refused);
		ck_assert_msg(ret == -ENOMEM && !calls[i].needs_none,
			      "%s, allocation %u: %d, \"%s\"", calls[i].name, n, ret, iom_errmsg());
		ck_assert_uint_eq(rig_counters().quarantined_bytes, before.quarantined_bytes);
		ck_assert_ok(calls[i].run());
	}
	check_flight(i);
	ck_assert_works();
	tear_down();
	return refused;
}

START_TEST(every_allocation)
{
	unsigned int n;

	have_memory();
	n = refuse_each(refuse_nth, _i, calls[_i].name, calls[_i].least, MOST_ALLOCATIONS);
	ck_assert_msg(!calls[_i].needs_none || !n, "%s makes %u", calls[_i].name, n);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("stream_heap");
	TCase *tcase = tcase_create("heap");

	tcase_set_timeout(tcase, 300);
	tcase_add_loop_test(tcase, every_allocation, 0, ARRAY_SIZE(calls));
	suite_add_tcase(suite, tcase);
	return run_suite(suite);
}
