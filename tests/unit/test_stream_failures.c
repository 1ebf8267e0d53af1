// SPDX-License-Identifier: BSD-3-Clause
/*
 * Each kernel call that streams and declared memory lead to is made to fail, one after the other, with
 * each errno: nothing is in flight that was not before, what the kernel refused to unmap is quarantined,
 * nothing is leaked, and the domain and its streams go on.
 */
#include "tests/unit/runner.h"
#include "tests/unit/stream_rig.h"

#define MOST_CALLS 200
#define NARROW 24 /* bits: 16 MiB, for 7 granules */

static const int errors[] = {
	-EIO,    -ENOMEM, -EINVAL, -EBUSY, -ENODEV, -EFAULT,
	-EACCES, -ENOSPC, -EMFILE, -EINTR, -ENOTTY,
};

static struct iom_device *edu;
static struct flight granule, other;
static struct iom_region region;

/* ---- Before the step ---------------------------------------------------------------------------- */

static void only_attached(void)
{
	rig_start(NULL);
	stream = NULL;
}

static void ready(void)
{
	stream_start(0);
}

/* One of each kind is in flight, and some granules are not. */
static void flying(void)
{
	ready();
	warm_up(2, 2);
	ck_assert_int_eq(fly(memory + 4096, GRANULE / 2, &granule), 1);
	ck_assert_int_eq(fly(undeclared() + 100, 4 * PAGE, &other), 1);
	ck_assert_ok(map_any(undeclared() + GRANULE, 2 * PAGE, &region));
}

static void flying_and_detached(void)
{
	flying();
	iom_detach(rig.nvme);
}

static void with_two_devices(void)
{
	flying();
	ck_assert_ok(iom_attach(rig.dom, EDU, NULL, &edu));
}

static void warm(void)
{
	ready();
	warm_up(0, 3);
}

/* No room without taking a granule away. */
static void full(void)
{
	stream_start(NARROW);
	warm_up(0, GRANULES);
	ck_assert_uint_gt(stream_counters(stream).evictions, 0);
}

/* ---- The step ------------------------------------------------------------------------------------ */

static int add(void)
{
	return iom_memory_add(rig.dom, memory, GRANULES * GRANULE, IOM_MAP_RW, &declared);
}

static int remove_memory(void)
{
	return iom_memory_remove(declared);
}

static int map_granule(void)
{
	int ret = fly(memory + GRANULE, 8 * PAGE, &granule);

	return ret < 0 ? ret : 0;
}

static int map_transient(void)
{
	int ret = fly(undeclared() + PAGE + 5, 8 * PAGE, &granule);

	return ret < 0 ? ret : 0;
}

/* Two granules, and what is behind them. */
static int map_three(void)
{
	int ret = fly(memory + (GRANULES - 1) * GRANULE - PAGE, GRANULE + 2 * PAGE, &granule);

	ck_assert(ret < 0 || ret == 3);
	return ret < 0 ? ret : 0;
}

/* The one that is not there since the longest time. */
static int map_evicting(void)
{
	int ret = fly(memory, GRANULE, &granule);

	return ret < 0 ? ret : 0;
}

static int map_long_evicting(void)
{
	int ret = fly(undeclared(), 4 * GRANULE, &granule);

	return ret < 0 ? ret : 0;
}

static int end_transient(void)
{
	return land(&other);
}

static int close_stream(void)
{
	iom_stream_close(stream);
	stream = NULL;
	return 0;
}

static int attach_first(void)
{
	return iom_attach(rig.dom, NVME, NULL, &rig.nvme);
}

static int attach_second(void)
{
	return iom_attach(rig.dom, EDU, NULL, &edu);
}

/* All that is cached lies too high for it. */
static int attach_narrow(void)
{
	return attach_bits(EDU, NARROW, &edu);
}

static int detach_one(void)
{
	iom_detach(edu);
	return 0;
}

static int detach_last(void)
{
	iom_detach(rig.nvme);
	return 0;
}

static int unmap_all(void)
{
	return iom_unmap_all(rig.dom);
}

/* Nothing but granules is in the way. */
static int map_large(void)
{
	return map_any(undeclared(), 5 * GRANULE, &region);
}

static int close_all(void)
{
	iom_close(rig.dom);
	rig.dom = NULL;
	return 0;
}

/* ---- After it ------------------------------------------------------------------------------------ */

static void check_quarantine(void)
{
	struct iom_counters c = rig_counters();

	ck_assert_uint_le(c.quarantined_bytes, iom_sim_mapped_bytes(rig.sim));
}

/* What failed left nothing behind, but perhaps a quarantine, and works now. */
static void once_more(int (*run)(void), const struct state *before)
{
	struct state now = rig_state(), expected = *before;

	expected.counters.quarantined_bytes = now.counters.quarantined_bytes;
	expected.counters.entries_used = now.counters.entries_used;
	if (now.counters.quarantined_bytes) {
		expected.kernel_bytes = now.kernel_bytes;
		expected.pinned_bytes = now.pinned_bytes;
	}
	ck_assert_unchanged(expected);
	ck_assert_ok(run());
	ck_assert_works();
}

/* A call that maps for a stream: granules that were mapped on the way may stay, idle. */
static void fly_again(int (*run)(void), const struct state *before)
{
	(void)before;
	check_quarantine();
	ck_assert_ok(run());
	ck_assert(flies(NVME, &granule));
	ck_assert_ok(land(&granule));
	/* nothing of what failed is in flight */
	ck_assert_ok(iom_memory_remove(declared));
	ck_assert_uint_eq(rig_counters().mapped_bytes, 0);
	ck_assert_works();
}

/* With the kernel as it was, it works at once or when there is room. */
static void fly_or_wait(int (*run)(void), const struct state *before)
{
	struct flight f;

	(void)before;
	check_quarantine();
	if (run() == 0) {
		ck_assert(flies(NVME, &granule));
		ck_assert_ok(land(&granule));
	} else {
		/* what is quarantined has taken the room */
		ck_assert_uint_gt(rig_counters().quarantined_bytes, 0);
	}
	ck_assert_int_eq(fly(memory + GRANULE, PAGE, &f), 1);
	ck_assert(flies(NVME, &f));
	ck_assert_ok(land(&f));
}

static void flew(void)
{
	check_quarantine();
	ck_assert(flies(NVME, &granule));
	ck_assert_ok(land(&granule));
	if (!rig_counters().quarantined_bytes)
		ck_assert_ok(iom_memory_remove(declared));
	ck_assert_works();
}

/* Still in reach, and out of use. */
static void transient_is_quarantined(int (*run)(void), const struct state *before)
{
	(void)run;
	ck_assert_uint_gt(rig_counters().quarantined_bytes, before->counters.quarantined_bytes);
	ck_assert(flies(NVME, &granule));
	ck_assert_int_ge(fly(undeclared() + 100, 4 * PAGE, &other), rig_is_power() ? -EBUSY : 1);
	if (other.n > 0) {
		ck_assert(flies(NVME, &other));
		ck_assert_ok(land(&other));
	}
	ck_assert_works();
}

static void memory_is_gone(int (*run)(void), const struct state *before)
{
	struct iom_counters c = rig_counters();
	struct flight f;

	(void)run;
	(void)before;
	check_quarantine();
	/* what could be unmapped is, and none of it is declared any more */
	ck_assert_uint_eq(c.mapped_bytes, 0);
	ck_assert_int_eq(iom_dma_map(stream, memory, 64, IOM_MAP_RW | IOM_NOWAIT, f.segments, 1),
			 -EAGAIN);
	ck_assert_works();
}

static void stream_is_gone(void)
{
	check_quarantine();
	if (!rig_counters().quarantined_bytes)
		ck_assert(is_gone(NVME, &other));
	ck_assert_ok(iom_stream_open(rig.dom, &stream));
	ck_assert_int_eq(fly(memory + 4096, PAGE, &granule), 1);
	ck_assert(flies(NVME, &granule));
	ck_assert_ok(land(&granule));
	ck_assert_works();
}

/* All that flew flies, and lands. */
static void flies_on(void)
{
	ck_assert(flies(NVME, &granule));
	ck_assert(flies(NVME, &other));
	ck_assert_ok(land(&granule));
	ck_assert_ok(land(&other));
	ck_assert(is_gone(NVME, &other));
	warm_up(0, 4);
	ck_assert_works();
}

/* Granules in which nothing was in flight may have gone by then. */
static void attach_again(int (*run)(void), const struct state *before)
{
	struct state now = rig_state();

	ck_assert_uint_eq(now.open_fds, before->open_fds);
	ck_assert_int_eq(now.apertures, before->apertures);
	ck_assert_uint_ge(now.counters.mappings, 3);
	ck_assert_uint_le(now.counters.mappings, before->counters.mappings);
	ck_assert_ok(run());
	flies_on();
}

static void attach_narrow_again(int (*run)(void), const struct state *before)
{
	struct state now = rig_state();

	ck_assert_uint_eq(now.open_fds, before->open_fds);
	check_quarantine();
	if (now.counters.quarantined_bytes) {
		/* in the way for good */
		ck_assert_works();
		return;
	}
	ck_assert_ok(run());
	ck_assert_int_eq(fly(memory, GRANULE, &granule), 1);
	ck_assert(flies(EDU, &granule));
	ck_assert_ok(land(&granule));
	ck_assert_works();
}

static void narrow_is_there(void)
{
	check_quarantine();
	ck_assert_int_eq(fly(memory, GRANULE, &granule), 1);
	ck_assert(flies(EDU, &granule));
	ck_assert_ok(land(&granule));
}

static void none_is_left(void)
{
	ck_assert_int_eq(fly(undeclared() + 8 * PAGE, 64, &(struct flight){ 0 }), -ENODEV);
	ck_assert_ok(attach_first());
	flies_on();
}

static void one_is_left(void)
{
	ck_assert(is_gone(EDU, &granule));
	flies_on();
	ck_assert_ok(attach_second());
}

static void only_streams_are_left(int (*run)(void), const struct state *before)
{
	(void)run;
	(void)before;
	ck_assert_uint_gt(rig_counters().quarantined_bytes, 0);
	ck_assert(!is_mapped(region.va));
	ck_assert(flies(NVME, &granule));
	ck_assert(flies(NVME, &other));
	ck_assert_works();
}

static void unmapped_all(void)
{
	ck_assert(!is_mapped(region.va));
	flies_on();
}

static void mapped_large(void)
{
	check_quarantine();
	ck_assert(dma_works(NVME, &region));
	ck_assert_ok(iom_unmap(rig.dom, &region));
}

static void map_large_again(int (*run)(void), const struct state *before)
{
	(void)before;
	check_quarantine();
	if (!rig_counters().quarantined_bytes)
		ck_assert_ok(run());
}

static void nothing_is_left(void)
{
	ck_assert_uint_eq(iom_sim_open_fds(rig.sim), 0);
	ck_assert_uint_eq(iom_sim_mapped_bytes(rig.sim), 0);
}

#define OF_MAPS                                                                              \
	{                                                                                    \
		-EAGAIN, -ENOSPC, -ENOMEM, -EFAULT, -EIO, -ENODEV, -EINVAL, -EBUSY, -EMFILE, \
			-EOPNOTSUPP                                                          \
	}
#define OF_ATTACH                                                                               \
	{                                                                                       \
		-ENODEV, -EBUSY, -EACCES, -EOPNOTSUPP, -EMFILE, -ENOMEM, -EIO, -ENOSPC, -EFAULT \
	}

static const struct step {
	const char *name;
	void (*prepare)(void);
	int (*run)(void);
	/* when it failed */
	void (*failed)(int (*run)(void), const struct state *before);
	/* when it worked all the same; a call that returns void always does */
	void (*worked)(void);
	int may[12];
	unsigned int least_calls, least_of_power;
	bool has_sentence;
} steps[] = {
	{ "declare", only_attached, add, once_more, NULL, OF_MAPS, 0, 1, true },
	{ "cold granule", ready, map_granule, fly_again, flew, OF_MAPS, 1, 1, false },
	{ "transient", ready, map_transient, fly_again, flew, OF_MAPS, 1, 2, false },
	{ "granules and transient", ready, map_three, fly_again, flew, OF_MAPS, 3, 4, false },
	{ "evict", full, map_evicting, fly_or_wait, flew, OF_MAPS, 2, 2, false },
	{ "evict several", full, map_long_evicting, fly_or_wait, flew, OF_MAPS, 3, 3, false },
	{ "end transient",
	  flying,
	  end_transient,
	  transient_is_quarantined,
	  NULL,
	  { -EIO },
	  1,
	  1,
	  false },
	{ "close stream", flying, close_stream, NULL, stream_is_gone, { 0 }, 1, 1, false },
	{ "remove", warm, remove_memory, memory_is_gone, NULL, { -EIO }, 1, 2, true },
	{ "attach again", flying_and_detached, attach_first, attach_again, flies_on, OF_ATTACH, 10,
	  10, true },
	{ "second attach", flying, attach_second, attach_again, flies_on, OF_ATTACH, 5, 5, true },
	{ "attach narrow", warm, attach_narrow, attach_narrow_again, narrow_is_there, OF_ATTACH, 5,
	  5, true },
	{ "detach one", with_two_devices, detach_one, NULL, one_is_left, { 0 }, 2, 2, false },
	{ "detach the last", flying, detach_last, NULL, none_is_left, { 0 }, 3, 3, false },
	{ "unmap all", flying, unmap_all, only_streams_are_left, unmapped_all, { -EIO }, 1, 1, true },
	{ "map where granules are", full, map_large, map_large_again, mapped_large, OF_MAPS, 3, 3,
	  true },
	{ "close", with_two_devices, close_all, NULL, nothing_is_left, { 0 }, 4, 4, false },
};

static bool is_documented(const struct step *step, int ret)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(step->may); i++)
		if (ret < 0 && step->may[i] == ret)
			return true;
	return false;
}

/* With the n-th call failing; false if there are not as many. */
static bool fail_nth(const struct step *step, unsigned int n, int error)
{
	struct state before;
	bool hit;
	int ret;

	step->prepare();
	before = rig_state();
	iom_sim_fail_nth(rig.sim, n, error);
	ret = step->run();
	hit = iom_sim_failed(rig.sim);
	iom_sim_fail(rig.sim, NULL);
	if (ret < 0) {
		ck_assert(hit);
		ck_assert_msg(is_documented(step, ret), "%s, call %u with %s: %d, \"%s\"",
			      step->name, n, strerror(-error), ret, iom_errmsg());
		ck_assert_msg(!step->has_sentence || *iom_errmsg(), "%s, call %u: no sentence",
			      step->name, n);
		step->failed(step->run, &before);
	} else if (step->worked) {
		step->worked();
	} else {
		ck_assert_works();
	}
	tear_down();
	return hit;
}

START_TEST(every_call)
{
	const struct step *step = &steps[_i];
	unsigned int n, least = rig_is_power() ? step->least_of_power : step->least_calls;
	size_t i;

	have_memory();
	for (i = 0; i < ARRAY_SIZE(errors); i++) {
		for (n = 1; n < MOST_CALLS && fail_nth(step, n, errors[i]); n++)
			;
		ck_assert_uint_lt(n, MOST_CALLS);
		ck_assert_msg(n > least, "%s makes only %u calls", step->name, n - 1);
	}
}
END_TEST

/* From the n-th call on nothing works any more: nothing outlives the domain. */
static bool fail_from(const struct step *step, unsigned int n, int error)
{
	const struct iom_sim_failure failure = { .nth = n, .answer = error, .on = true };
	bool hit;
	int ret;

	step->prepare();
	iom_sim_fail(rig.sim, &failure);
	ret = step->run();
	hit = iom_sim_failed(rig.sim);
	ck_assert_msg(ret >= 0 || is_documented(step, ret), "%s, from call %u on %s: %d, \"%s\"",
		      step->name, n, strerror(-error), ret, iom_errmsg());
	if (rig.dom)
		iom_close(rig.dom);
	rig.dom = NULL;
	iom_sim_fail(rig.sim, NULL);
	tear_down();
	return hit;
}

START_TEST(every_call_from)
{
	unsigned int n;
	size_t i;

	have_memory();
	for (i = 0; i < 3; i++) {
		for (n = 1; n < MOST_CALLS && fail_from(&steps[_i], n, errors[i]); n++)
			;
		ck_assert_uint_lt(n, MOST_CALLS);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("stream_failures");
	TCase *tcase = tcase_create("failures");

	tcase_set_timeout(tcase, 300);
	tcase_add_loop_test(tcase, every_call, 0, ARRAY_SIZE(steps));
	tcase_add_loop_test(tcase, every_call_from, 0, ARRAY_SIZE(steps));
	suite_add_tcase(suite, tcase);
	return run_suite(suite);
}
