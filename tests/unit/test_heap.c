// SPDX-License-Identifier: BSD-3-Clause
/*
 * Each allocation of each call is refused, one after the other: -ENOMEM, nothing changed, nothing leaked.
 */
#include <unistd.h>

#include "tests/unit/batch_rig.h"
#include "tests/unit/domain_rig.h"
#include "tests/unit/refused_heap.h"
#include "tests/unit/runner.h"

#define MOST_ALLOCATIONS 300

/* ---- Calls ---------------------------------------------------------------------------------------- */

static char *memory; /* 512 pages */
static int file;     /* of a page */
static struct iom_domain *other;
static struct iom_device *edu;
static struct iom_region region;

static int map_file(void)
{
	struct iom_map_opts opts = at_iova(1024 * GIB);

	return iom_map_file(rig.dom, file, 0, PAGE, IOM_MAP_RW | IOM_MAP_FIXED, &opts, &region);
}

/* The simulation must have seen each request before: it aborts if it cannot count one. */
static void warm_up(void)
{
	set_up_device();
	ck_assert_works();
	ck_assert_ok(iom_attach(rig.dom, EDU, NULL, &edu));
	iom_detach(edu);
	ck_assert_ok(map_file());
	ck_assert_ok(iom_unmap(rig.dom, &region));
	ck_assert_ok(map_fixed(memory, PAGE, FOUR_GIB, NULL));
}

static void warm_and_detached(void)
{
	warm_up();
	iom_detach(rig.nvme);
}

static void warm_and_empty(void)
{
	warm_up();
	iom_close(rig.dom);
	ck_assert_ok(rig_open(&rig.dom));
}

/* Nor is there a node for the tree of spans. */
static void use_up_nodes(void)
{
	while (rig.dom->space.nodes.n_unused)
		(void)iom_pool_take(&rig.dom->space.nodes);
}

/* No span is left, so that the next mapping needs another slab; nor a table for where it goes. */
static void warm_and_full(void)
{
	uint64_t i;

	warm_up();
	for (i = 1; rig.dom->pool.n_unused; i++)
		ck_assert_ok(map_fixed(memory + i * PAGE, PAGE, FOUR_GIB + 2 * i * PAGE, NULL));
	use_up_nodes();
}

/* Less than the two spans that a cut may need. */
static void warm_to_cut(void)
{
	uint64_t i;

	rig_start_cut(NULL, 4 * PAGE);
	ck_assert_works();
	ck_assert_ok(map_fixed(memory, 16 * PAGE, FOUR_GIB, NULL));
	for (i = 16; rig.dom->pool.n_unused > 1; i++)
		ck_assert_ok(map_fixed(memory + i * PAGE, PAGE, FOUR_GIB + 2 * i * PAGE, NULL));
	use_up_nodes();
}

static int open_another(void)
{
	int ret = rig_open(&other);

	if (!ret)
		iom_close(other);
	return ret;
}

static int open_strict(void)
{
	int ret;

	rig.flags = IOM_OPEN_STRICT;
	ret = open_another();
	rig.flags = 0;
	return ret;
}

static int attach_first(void)
{
	return iom_attach(rig.dom, NVME, NULL, &rig.nvme);
}

static int attach_second(void)
{
	int ret = iom_attach(rig.dom, EDU, NULL, &edu);

	if (!ret)
		iom_detach(edu);
	return ret;
}

static void warm_with_two(void)
{
	warm_up();
	ck_assert_ok(iom_attach(rig.dom, EDU, NULL, &edu));
}

/* It works whatever is refused; only the apertures may stay as they were. */
static int detach_second(void)
{
	iom_detach(edu);
	return 0;
}

static int map_one(void)
{
	return map_fixed(memory + 500 * PAGE, PAGE, 1024 * GIB, &region);
}

/* Both its ends are cut. */
static int cut(void)
{
	return iom_unmap_range(rig.dom, FOUR_GIB + 4 * PAGE, 4 * PAGE);
}

/* Two runs of two pages. */
static struct iom_region batch[4];

static int map_batch(void)
{
	struct iom_piece pieces[4];
	size_t i;

	for (i = 0; i < ARRAY_SIZE(pieces); i++)
		pieces[i] =
			piece_at(memory + (500 + i + i / 2) * PAGE, PAGE, 1024 * GIB * (1 + i / 2));
	pieces[1].iova += PAGE;
	pieces[3].iova += PAGE;
	return mapv(pieces, ARRAY_SIZE(pieces), IOM_MAP_FIXED, batch);
}

static void warm_with_batch(void)
{
	warm_up();
	ck_assert_ok(map_batch());
}

static int unmap_batch(void)
{
	return iom_unmapv(rig.dom, batch, ARRAY_SIZE(batch));
}

/* A part of a run, which is cut at both ends. */
static void warm_with_batch_to_cut(void)
{
	struct iom_piece pieces[4];
	uint64_t i;

	rig_start_cut(NULL, 4 * PAGE);
	ck_assert_works();
	for (i = 0; i < ARRAY_SIZE(pieces); i++)
		pieces[i] = piece_at(memory + 4 * i * PAGE, 4 * PAGE, FOUR_GIB + 4 * i * PAGE);
	ck_assert_ok(mapv(pieces, ARRAY_SIZE(pieces), IOM_MAP_FIXED, batch));
	for (i = 16; rig.dom->pool.n_unused > 1; i++)
		ck_assert_ok(map_fixed(memory + i * PAGE, PAGE, FOUR_GIB + 2 * i * PAGE, NULL));
}

static int cut_batch(void)
{
	return iom_unmapv(rig.dom, &batch[1], 2);
}

static int make_buffer(void)
{
	return iom_buf_alloc(rig.dom, 3 * PAGE, NULL, &region);
}

static int open_pool(void)
{
	struct iom_buf_pool *pool;
	int ret = iom_buf_pool_open(rig.dom, PAGE, 3, NULL, &pool);

	if (!ret)
		iom_buf_pool_close(pool);
	return ret;
}

static void warm_and_strict(void)
{
	rig_machine(NULL);
	rig.flags = IOM_OPEN_STRICT;
	ck_assert_ok(rig_open(&rig.dom));
	ck_assert_ok(iom_attach(rig.dom, NVME, NULL, &rig.nvme));
	ck_assert_works();
}

static const struct {
	const char *name;
	void (*prepare)(void);
	int (*run)(void);
	unsigned int least;
} calls[] = {
	{ "open", warm_up, open_another, 1 },
	{ "open strict", warm_up, open_strict, 2 },
	{ "first attach", warm_and_empty, attach_first, 6 },
	{ "attach again", warm_and_detached, attach_first, 5 },
	{ "second attach", warm_up, attach_second, 4 },
	{ "detach", warm_with_two, detach_second, 2 },
	{ "map", warm_and_full, map_one, 3 },
	{ "buffer", warm_and_full, make_buffer, 3 },
	{ "pool", warm_up, open_pool, 5 },
	{ "strict pool", warm_and_strict, open_pool, 6 },
	{ "map file", warm_and_full, map_file, 2 },
	{ "cut", warm_to_cut, cut, 2 },
	{ "map a batch", warm_and_full, map_batch, 6 },
	{ "unmap a batch", warm_with_batch, unmap_batch, 1 },
	{ "cut a batch", warm_with_batch_to_cut, cut_batch, 2 },
};

/* With the n-th allocation refused; whether there were as many. */
static bool refuse_nth(int i, unsigned int n)
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
		ck_assert_msg(ret == -ENOMEM, "%s, allocation %u: %d, \"%s\"", calls[i].name, n,
			      ret, iom_errmsg());
		ck_assert_msg(strcasestr(iom_errmsg(), "memory"), "%s, allocation %u: \"%s\"",
			      calls[i].name, n, iom_errmsg());
		ck_assert_unchanged(before);
		ck_assert_ok(calls[i].run());
	}
	ck_assert_works();
	tear_down();
	return refused;
}

START_TEST(every_allocation)
{
	memory = rig_memory(512 * PAGE);
	file = memfd_create("heap", MFD_CLOEXEC);
	ck_assert_int_eq(ftruncate(file, PAGE), 0);
	refuse_each(refuse_nth, _i, calls[_i].name, calls[_i].least, MOST_ALLOCATIONS);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("heap");
	TCase *tcase = tcase_create("heap");

	tcase_set_timeout(tcase, 300);
	tcase_add_loop_test(tcase, every_allocation, 0, ARRAY_SIZE(calls));
	suite_add_tcase(suite, tcase);
	return run_suite(suite);
}
