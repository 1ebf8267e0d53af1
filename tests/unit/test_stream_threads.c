// SPDX-License-Identifier: BSD-3-Clause
/*
 * Two streams on two threads, where the kernel allows one mapping: who finds the other's is told to
 * come again, and never that there is no room.
 */
#include <pthread.h>
#include <sys/mman.h>

#include "tests/unit/gate.h"
#include "tests/unit/runner.h"
#include "tests/unit/stream_rig.h"

#define CALLS 100000u

struct streamer {
	struct iom_stream *stream;
	char *memory;
	unsigned int granules; /* that it goes round */
	unsigned int calls, done, again, wrong;
};

static void set_up_one_entry(void)
{
	const struct iom_sim_config config = { .size = sizeof(config), .dma_entry_limit = 1 };

	have_memory();
	rig_domain(&config);
	ck_assert_ok(iom_attach(rig.dom, NVME, NULL, &rig.nvme));
	declare();
}

/* Until it has had its turn: the other one may hold the entry while it has no processor. */
static void *run(void *arg)
{
	struct streamer *s = arg;
	struct iom_segment segment;

	for (; s->calls < CALLS || !s->done; s->calls++) {
		int n = iom_dma_map(s->stream, s->memory + s->calls % s->granules * GRANULE, PAGE,
				    IOM_MAP_RW, &segment, 1);

		if (n == 1 && iom_dma_unmap(s->stream, &segment, 1) == 0)
			s->done++;
		else if (n == -EAGAIN)
			s->again++;
		else if (++s->wrong == CALLS)
			break;
	}
	return NULL;
}

/* In declared memory, or not. */
START_TEST(one_entry)
{
	char *at = _i ? memory : undeclared();
	struct streamer streamers[] = {
		{ .memory = at, .granules = 1 },
		{ .memory = at + GRANULE, .granules = _i ? 3 : 1 },
	};
	pthread_t threads[ARRAY_SIZE(streamers)];

	for (size_t i = 0; i < ARRAY_SIZE(streamers); i++)
		ck_assert_ok(iom_stream_open(rig.dom, &streamers[i].stream));
	for (size_t i = 0; i < ARRAY_SIZE(streamers); i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, run, &streamers[i]), 0);
	for (size_t i = 0; i < ARRAY_SIZE(streamers); i++) {
		ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
		ck_assert_uint_eq(streamers[i].wrong, 0);
		ck_assert_uint_eq(streamers[i].done + streamers[i].again, streamers[i].calls);
	}
	for (size_t i = 0; i < ARRAY_SIZE(streamers); i++)
		iom_stream_close(streamers[i].stream);
}
END_TEST

/* ---- A map that took the entry, and fails ------------------------------------------------------- */

static char *unreadable;
static struct iom_stream *other;
static struct call failing;

static void before(struct rig *r, unsigned long request)
{
	(void)r;
	hold_up(request);
}

static int map_unreadable(void)
{
	struct iom_segment segment;

	return iom_dma_map(other, unreadable, PAGE, IOM_MAP_RW, &segment, 1);
}

/* The map was refused for want of an entry; before that is looked into, the other one ends. */
static void end_the_other(void *arg, int level, const char *message)
{
	bool *ended = arg;

	(void)level;
	if (*ended || !strstr(message, "stream: map"))
		return;
	*ended = true;
	let_go();
	finish(&failing);
}

/* In declared memory, or not. */
START_TEST(one_that_fails)
{
	bool ended = false;
	const struct iom_open_opts opts = {
		.size = sizeof(opts),
		.log = end_the_other,
		.log_arg = &ended,
	};
	struct iom_memory *bad;
	struct iom_segment segment;

	iom_close(rig.dom);
	ck_assert_ok(iom_open_with(&rig.dom, &opts, &rig.sys, iom_backends));
	ck_assert_ok(iom_attach(rig.dom, NVME, NULL, &rig.nvme));
	unreadable = rig_memory_at(GRANULE, GRANULE, 0);
	ck_assert_int_eq(mprotect(unreadable, GRANULE, PROT_NONE), 0);
	if (_i)
		ck_assert_ok(iom_memory_add(rig.dom, unreadable, GRANULE, IOM_MAP_RW, &bad));
	ck_assert_ok(iom_stream_open(rig.dom, &stream));
	ck_assert_ok(iom_stream_open(rig.dom, &other));
	rig.before = before;
	start_held_up(&failing, map_unreadable, rig_backend()->map);
	ck_assert_int_eq(iom_dma_map(stream, undeclared(), PAGE, IOM_MAP_RW, &segment, 1), 1);
	ck_assert(ended);
	ck_assert_int_eq(failing.ret, -EFAULT);
	ck_assert_int_eq(iom_dma_unmap(stream, &segment, 1), 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("stream_threads");
	TCase *tcase = tcase_create("threads");

	tcase_add_checked_fixture(tcase, set_up_one_entry, tear_down);
	tcase_set_timeout(tcase, 300);
	tcase_add_loop_test(tcase, one_entry, 0, 2);
	tcase_add_loop_test(tcase, one_that_fails, 0, 2);
	suite_add_tcase(suite, tcase);
	return run_suite(suite);
}
