// SPDX-License-Identifier: BSD-3-Clause
/* iom_whatis(): what an IOVA is, was, or is next to. */
#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/batch_rig.h"
#include "tests/unit/runner.h"

#define AT (64 * GIB)

static char *pages; /* 64 */

static void start(uint64_t history)
{
	rig_machine(NULL);
	rig.history = history;
	ck_assert_ok(rig_open(&rig.dom));
	ck_assert_ok(iom_attach(rig.dom, NVME, NULL, &rig.nvme));
}

static void set_up(void)
{
	pages = rig_memory(64 * PAGE);
	start(16);
}

static struct iom_what whatis(uint64_t iova)
{
	struct iom_what what = { .size = sizeof(what) };

	ck_assert_ok(iom_whatis(rig.dom, iova, &what));
	ck_assert_uint_eq(what.size, sizeof(what));
	ck_assert(*what.text && !strchr(what.text, '\n'));
	return what;
}

/* It is this state, of this region, with these words. */
static void check(uint64_t iova, enum iom_what_state state, const struct iom_region *r,
		  const char *words)
{
	struct iom_what what = whatis(iova);

	ck_assert_msg(what.state == state, "IOVA 0x%" PRIx64 ": state %" PRIu64 ", \"%s\"", iova,
		      what.state, what.text);
	ck_assert_msg(strstr(what.text, words), "\"%s\" lacks \"%s\"", what.text, words);
	ck_assert_uint_eq(what.region.generation, r ? r->generation : 0);
	if (!r)
		return;
	ck_assert_ptr_eq(what.region.va, r->va);
	ck_assert_uint_eq(what.region.iova, r->iova);
	ck_assert_uint_eq(what.region.length, r->length);
	ck_assert_uint_eq(what.region.delta, r->delta);
	ck_assert_uint_eq(what.region.flags & ~(uint64_t)(IOM_MAP_FIXED | IOM_MAP_ALIAS),
			  r->flags & IOM_MAP_RW);
	ck_assert_uint_eq(what.offset, iova - r->iova);
	if (state != IOM_WHAT_UNMAPPED && state != IOM_WHAT_BESIDE)
		ck_assert_uint_eq(what.age, 0);
}

START_TEST(one_mapping)
{
	struct iom_region r;
	struct iom_what what;

	check(AT, IOM_WHAT_UNKNOWN, NULL, "nothing is known to have been");
	check(UINT64_C(1) << 58, IOM_WHAT_OUTSIDE, NULL, "in no aperture");
	ck_assert_ok(map_fixed(pages, 3 * PAGE, AT, &r));
	check(AT, IOM_WHAT_MAPPED, &r, "mapped: + 0x0 in 0x3000 bytes at IOVA 0x1000000000");
	check(AT + 0x1234, IOM_WHAT_MAPPED, &r, "mapped: + 0x1234 in ");
	check(AT + 0x2fff, IOM_WHAT_MAPPED, &r, "to read and write");
	check(AT + 0x3000, IOM_WHAT_BESIDE, &r,
	      "nothing, 0x0 bytes past the end of what is mapped");
	check(AT + 0x4321, IOM_WHAT_BESIDE, &r, "nothing, 0x1321 bytes past");
	check(AT - 16, IOM_WHAT_BESIDE, &r, "nothing, 0x10 bytes before what is mapped");
	check(AT + 2 * MIB, IOM_WHAT_UNKNOWN, NULL, "nothing is mapped");
	check(AT - 2 * MIB, IOM_WHAT_UNKNOWN, NULL, "nothing is mapped");

	ck_assert_ok(iom_unmap(rig.dom, &r));
	usleep(2000);
	check(AT + 0x40, IOM_WHAT_UNMAPPED, &r, " ms ago: + 0x40 in 0x3000 bytes at IOVA");
	check(AT + 0x3001, IOM_WHAT_BESIDE, &r, "0x1 bytes past the end of what was unmapped ");
	what = whatis(AT);
	ck_assert_uint_ge(what.age, 2000000);
	ck_assert_uint_lt(what.age, UINT64_C(600000000000));
}
END_TEST

/* Of all who had it the last one; what is mapped now before what was. */
START_TEST(the_last_one)
{
	struct iom_region r[3];
	size_t i;

	for (i = 0; i < 3; i++) {
		ck_assert_ok(map_fixed(pages + 4 * i * PAGE, (3 - i) * PAGE, AT, &r[i]));
		check(AT, IOM_WHAT_MAPPED, &r[i], "mapped");
		ck_assert_ok(iom_unmap(rig.dom, &r[i]));
	}
	check(AT, IOM_WHAT_UNMAPPED, &r[2], "unmapped ");
	check(AT + PAGE, IOM_WHAT_UNMAPPED, &r[1], "unmapped ");
	check(AT + 2 * PAGE, IOM_WHAT_UNMAPPED, &r[0], "unmapped ");
}
END_TEST

/* A ring of 16. */
START_TEST(forgotten)
{
	struct iom_region r[20];
	size_t i;

	for (i = 0; i < 20; i++)
		ck_assert_ok(map_fixed(pages + i * PAGE, PAGE, AT + i * GIB, &r[i]));
	for (i = 0; i < 20; i++)
		ck_assert_ok(iom_unmap(rig.dom, &r[i]));
	for (i = 0; i < 4; i++)
		check(AT + i * GIB, IOM_WHAT_UNKNOWN, NULL, "nothing");
	for (; i < 20; i++)
		check(AT + i * GIB, IOM_WHAT_UNMAPPED, &r[i], "unmapped ");
}
END_TEST

START_TEST(not_asked_for)
{
	struct iom_region r;

	tear_down();
	start(0);
	ck_assert_ok(map_fixed(pages, PAGE, AT, &r));
	check(AT, IOM_WHAT_MAPPED, &r, "mapped");
	ck_assert_ok(iom_unmap(rig.dom, &r));
	check(AT, IOM_WHAT_UNKNOWN, NULL, "nothing");
	ck_assert_ptr_null(rig.dom->history.v);
}
END_TEST

/* However it is unmapped. */
START_TEST(each_way)
{
	const struct iom_piece pieces[] = {
		piece_at(pages + 16 * PAGE, PAGE, AT + 16 * GIB),
		piece_at(pages + 17 * PAGE, PAGE, AT + 16 * GIB + PAGE),
		piece_at(pages + 20 * PAGE, PAGE, AT + 18 * GIB),
	};
	struct iom_map_opts opts = at_iova(AT + 3 * GIB);
	struct iom_region r[4], batch[3], run;

	ck_assert_ok(map_fixed(pages, PAGE, AT, &r[0]));
	ck_assert_ok(map_fixed(pages + PAGE, PAGE, AT + PAGE, &r[1]));
	ck_assert_ok(map_fixed(pages + 2 * PAGE, PAGE, AT + 2 * GIB, &r[2]));
	ck_assert_ok(iom_map(rig.dom, pages, PAGE, IOM_MAP_RW | IOM_MAP_FIXED | IOM_MAP_ALIAS,
			     &opts, &r[3]));
	ck_assert_ok(mapv(pieces, 3, IOM_MAP_FIXED, batch));
	ck_assert_ok(iom_unmap_range(rig.dom, AT, 2 * PAGE));
	check(AT, IOM_WHAT_UNMAPPED, &r[0], "unmapped ");
	check(AT + PAGE, IOM_WHAT_UNMAPPED, &r[1], "unmapped ");
	ck_assert_ok(iom_unmapv(rig.dom, batch, 3));
	run = batch[0];
	run.length = 2 * PAGE;
	check(AT + 16 * GIB + PAGE, IOM_WHAT_UNMAPPED, &run, "+ 0x1000 in 0x2000 bytes");
	check(AT + 18 * GIB, IOM_WHAT_UNMAPPED, &batch[2], "unmapped ");
	check(AT + 3 * GIB, IOM_WHAT_MAPPED, &r[3], "mapped");
	ck_assert_ok(iom_unmap(rig.dom, &r[3]));
	check(AT + 3 * GIB, IOM_WHAT_UNMAPPED, &r[3], "unmapped ");
	ck_assert_ok(iom_unmap_all(rig.dom));
	check(AT + 2 * GIB, IOM_WHAT_UNMAPPED, &r[2], "unmapped ");
}
END_TEST

START_TEST(cut)
{
	struct iom_region r, part;

	tear_down();
	rig_machine(NULL);
	rig.history = 16;
	rig.granule = PAGE;
	ck_assert_ok(rig_open(&rig.dom));
	ck_assert_ok(iom_attach(rig.dom, NVME, NULL, &rig.nvme));
	ck_assert_ok(map_fixed(pages, 4 * PAGE, AT, &r));
	ck_assert_ok(iom_unmap_range(rig.dom, AT + PAGE, PAGE));
	part = r;
	part.va = pages + PAGE;
	part.iova += PAGE;
	part.length = PAGE;
	check(AT + PAGE + 5, IOM_WHAT_UNMAPPED, &part, "unmapped ");
	part.va = pages;
	part.iova = AT;
	check(AT, IOM_WHAT_MAPPED, &part, "mapped");
}
END_TEST

START_TEST(quarantined)
{
	const struct iom_sim_failure refuse = {
		.nth = 1,
		.answer = -EIO,
		.request = rig_backend()->unmap,
		.on = true,
	};
	struct iom_region r;

	ck_assert_ok(map_fixed(pages, PAGE, AT, &r));
	iom_sim_fail(rig.sim, &refuse);
	ck_assert_int_eq(iom_unmap(rig.dom, &r), -EIO);
	iom_sim_fail(rig.sim, NULL);
	check(AT + 1, IOM_WHAT_QUARANTINED, &r, "quarantined");
}
END_TEST

/* While the kernel maps or unmaps it. */
static unsigned int looks;
static enum iom_what_state expected;

static void look(struct rig *r, unsigned long request)
{
	struct iom_what what = { .size = sizeof(what) };

	if (request != rig_backend()->map && request != rig_backend()->unmap)
		return;
	ck_assert_ok(iom_whatis(r->dom, AT + 3, &what));
	ck_assert_uint_eq(what.state, expected);
	looks++;
}

START_TEST(changing)
{
	struct iom_region r;

	expected = IOM_WHAT_CHANGING;
	rig.before = look;
	ck_assert_ok(map_fixed(pages, PAGE, AT, &r));
	ck_assert_ok(iom_unmap(rig.dom, &r));
	ck_assert_uint_ge(looks, 2);
	rig.before = NULL;
}
END_TEST

START_TEST(arguments)
{
	struct {
		struct iom_what what;
		uint64_t tail;
	} longer = { .what.size = sizeof(longer), .tail = 7 };
	struct iom_what what = { .state = 77 };
	struct iom_domain *dom = NULL;

	ck_assert_fails(iom_whatis(rig.dom, AT, &what), -EINVAL,
			"what is IOVA 0x1000000000: ", "iom_what.size is 0");
	ck_assert_uint_eq(what.state, 77);
	ck_assert_ok(iom_whatis(rig.dom, AT, &longer.what));
	ck_assert_uint_eq(longer.tail, 0);
	ck_assert_uint_eq(longer.what.size, sizeof(longer));
	rig.history = (1 << 20) + 1;
	ck_assert_fails(rig_open(&dom), -EINVAL, "open: ", "history is 1048577");
	rig.history--;
	ck_assert_ok(rig_open(&dom));
	iom_close(dom);
}
END_TEST

START_TEST(in_a_child)
{
	struct iom_what what = { .size = sizeof(what), .state = 77 };
	int status;
	pid_t pid;

	pid = fork();
	if (!pid)
		_exit(iom_whatis(rig.dom, AT, &what) == -EPERM && what.state == 77 ? 0 : 1);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
}
END_TEST

/* Others look while one maps and unmaps. */
static int stop;

static void *keep_looking(void *arg)
{
	struct iom_what what = { .size = sizeof(what) };

	(void)arg;
	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED))
		if (iom_whatis(rig.dom, AT + PAGE, &what) < 0 || what.state == IOM_WHAT_OUTSIDE)
			abort();
	return NULL;
}

START_TEST(threads)
{
	struct iom_region r;
	pthread_t id;
	size_t i;

	ck_assert_int_eq(pthread_create(&id, NULL, keep_looking, NULL), 0);
	for (i = 0; i < 500; i++) {
		ck_assert_ok(map_fixed(pages, 2 * PAGE, AT, &r));
		ck_assert_ok(iom_unmap(rig.dom, &r));
	}
	__atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
	ck_assert_int_eq(pthread_join(id, NULL), 0);
}
END_TEST

/* What an attach looks at is not changed by looking. */
START_TEST(beside_attaches)
{
	struct iom_device *edu;
	struct iom_region r;
	pthread_t id;
	size_t i;

	stop = 0;
	ck_assert_ok(map_fixed(pages, 2 * PAGE, AT, &r));
	ck_assert_int_eq(pthread_create(&id, NULL, keep_looking, NULL), 0);
	for (i = 0; i < 100; i++) {
		ck_assert_ok(iom_attach(rig.dom, EDU, NULL, &edu));
		iom_detach(edu);
	}
	__atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
	ck_assert_int_eq(pthread_join(id, NULL), 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("whatis");
	TCase *tcase = tcase_create("whatis");

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_test(tcase, one_mapping);
	tcase_add_test(tcase, the_last_one);
	tcase_add_test(tcase, forgotten);
	tcase_add_test(tcase, not_asked_for);
	tcase_add_test(tcase, each_way);
	tcase_add_test(tcase, cut);
	tcase_add_test(tcase, quarantined);
	tcase_add_test(tcase, changing);
	tcase_add_test(tcase, arguments);
	tcase_add_test(tcase, in_a_child);
	tcase_add_test(tcase, threads);
	tcase_add_test(tcase, beside_attaches);
	suite_add_tcase(suite, tcase);
	return run_suite(suite);
}
