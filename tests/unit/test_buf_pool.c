// SPDX-License-Identifier: BSD-3-Clause
/* Pools of buffers, in a strict domain as well (_i). */
#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/failing_rig.h"
#include "tests/unit/runner.h"

#define BUFS 20
#define THREADS 4

static struct iom_buf_pool *pool;
static bool strict;

static void start(int i)
{
	strict = i;
	if (strict)
		rig_start_strict();
	else
		set_up_device();
}

static void open_pool(uint64_t length)
{
	ck_assert_ok(iom_buf_pool_open(rig.dom, length, BUFS, NULL, &pool));
}

/* The device reaches it. */
static bool works(const struct iom_buf *buf, uint64_t length)
{
	const struct iom_region r = {
		.va = buf->va,
		.iova = buf->iova,
		.length = length,
		.generation = buf->iova,
	};

	return dma_works(NVME, &r);
}

START_TEST(all_of_them)
{
	static const uint64_t lengths[] = { 64, 100, 1000, 2048, PAGE, 3 * PAGE, 64 * KIB + 1 };
	struct iom_buf bufs[BUFS], more = { .iova = 77 };
	struct state before;
	size_t i, k, n;

	start(_i);
	before = rig_state();
	for (n = 0; n < ARRAY_SIZE(lengths); n++) {
		uint64_t length = lengths[n], align = 64;

		while (align < length && align < PAGE)
			align <<= 1;
		open_pool(length);
		for (i = 0; i < BUFS; i++) {
			ck_assert_int_eq(iom_buf_get(pool, &bufs[i]), 0);
			ck_assert_uint_eq((uintptr_t)bufs[i].va % align, 0);
			ck_assert_uint_eq(bufs[i].iova % align, 0);
			memset(bufs[i].va, (int)i + 1, length);
		}
		for (i = 0; i < BUFS; i++) {
			ck_assert_int_eq(((char *)bufs[i].va)[length - 1], (char)(i + 1));
			ck_assert(works(&bufs[i], length));
			for (k = 0; k < i; k++)
				ck_assert_ptr_ne(bufs[i].va, bufs[k].va);
		}
		ck_assert_int_eq(iom_buf_get(pool, &more), -EAGAIN);
		ck_assert_uint_eq(more.iova, 77);
		for (i = 0; i < BUFS; i++)
			ck_assert_int_eq(iom_buf_put(pool, &bufs[i]), 0);
		ck_assert_int_eq(iom_buf_put(pool, &bufs[3]), -EINVAL);
		iom_buf_pool_close(pool);
		ck_assert_unchanged(before);
	}
	ck_assert_ptr_null(strstr(rig.log, "not put back"));
	tear_down();
}
END_TEST

/* The last one first, with what was in it. */
START_TEST(again)
{
	struct iom_buf one, two, three;

	start(_i);
	open_pool(PAGE);
	ck_assert_int_eq(iom_buf_get(pool, &one), 0);
	ck_assert_int_eq(iom_buf_get(pool, &two), 0);
	memcpy(one.va, "what was", 9);
	ck_assert_int_eq(iom_buf_put(pool, &one), 0);
	ck_assert_int_eq(iom_buf_get(pool, &three), 0);
	ck_assert_ptr_eq(three.va, one.va);
	ck_assert_str_eq(three.va, "what was");
	ck_assert(dma_reads(NVME, three.iova, "what was", 9));
	if (strict) {
		ck_assert_uint_ne(three.iova, one.iova);
		ck_assert(dma_misses(NVME, one.iova, PAGE));
	} else {
		ck_assert_uint_eq(three.iova, one.iova);
	}
	ck_assert_int_eq(iom_buf_put(pool, &two), 0);
	if (strict)
		ck_assert(dma_misses(NVME, two.iova, PAGE));
	tear_down();
}
END_TEST

START_TEST(wrong)
{
	struct iom_buf one, bad;
	struct iom_buf_pool *other;

	start(_i);
	open_pool(PAGE);
	ck_assert_ok(iom_buf_pool_open(rig.dom, PAGE, 3, NULL, &other));
	ck_assert_int_eq(iom_buf_get(pool, &one), 0);
	bad = one;
	bad.va = (char *)one.va + 8;
	ck_assert_int_eq(iom_buf_put(pool, &bad), -EINVAL);
	bad.va = (char *)one.va - PAGE;
	ck_assert_int_eq(iom_buf_put(pool, &bad), -EINVAL);
	bad.va = (char *)one.va + BUFS * PAGE;
	ck_assert_int_eq(iom_buf_put(pool, &bad), -EINVAL);
	bad.va = (char *)one.va + PAGE;
	ck_assert_int_eq(iom_buf_put(pool, &bad), -EINVAL);
	ck_assert_int_eq(iom_buf_put(other, &one), -EINVAL);
	ck_assert_int_eq(iom_buf_put(pool, &one), 0);
	other = NULL;
	ck_assert_fails(iom_buf_pool_open(rig.dom, 0, 1, NULL, &other), -EINVAL,
			"pool of 1 buffers of 0x0 bytes: ", "the length is 0");
	ck_assert_fails(iom_buf_pool_open(rig.dom, 1, 0, NULL, &other), -EINVAL, "n is 0");
	ck_assert_fails(iom_buf_pool_open(rig.dom, INT64_MAX / 4, 9, NULL, &other), -EINVAL,
			"too many");
	ck_assert_fails(iom_buf_pool_open(rig.dom, 1, UINT64_C(1) << 33, NULL, &other), -EINVAL,
			"too many");
	ck_assert_ptr_null(other);
	iom_buf_pool_close(NULL);
	tear_down();
}
END_TEST

/* Some are taken when the pool, or the domain, is closed. */
START_TEST(not_put_back)
{
	struct state before;
	struct iom_buf one, two;

	start(_i);
	before = rig_state();
	open_pool(PAGE);
	ck_assert_int_eq(iom_buf_get(pool, &one), 0);
	ck_assert_int_eq(iom_buf_get(pool, &two), 0);
	iom_buf_pool_close(pool);
	ck_assert(dma_misses(NVME, one.iova, PAGE));
	ck_assert_unchanged(before);
	ck_assert_ptr_nonnull(strstr(rig.log, ": 2 of 20 buffers were not put back when it was"));

	open_pool(PAGE);
	ck_assert_int_eq(iom_buf_get(pool, &one), 0);
	iom_close(rig.dom);
	rig.dom = NULL;
	ck_assert_ptr_nonnull(strstr(rig.log, ": 1 of 20 buffers were not put back when the dom"));
	tear_down();
}
END_TEST

START_TEST(shared)
{
	const struct iom_buf_opts opts = { .size = sizeof(opts), .flags = IOM_BUF_SHARED };
	struct iom_buf one, two;

	start(_i);
	ck_assert_ok(iom_buf_pool_open(rig.dom, PAGE, 3, &opts, &pool));
	ck_assert_int_eq(iom_buf_get(pool, &one), 0);
	ck_assert_int_eq(iom_buf_get(pool, &two), 0);
	ck_assert(works(&one, PAGE) && works(&two, PAGE));
	tear_down();
}
END_TEST

START_TEST(in_a_child)
{
	struct iom_buf one, two = { .iova = 77 };
	int status;
	pid_t pid;

	start(_i);
	open_pool(PAGE);
	ck_assert_int_eq(iom_buf_get(pool, &one), 0);
	pid = fork();
	if (!pid) {
		bool ok = iom_buf_get(pool, &two) == -EPERM && two.iova == 77 &&
			  iom_buf_put(pool, &one) == -EPERM;

		iom_buf_pool_close(pool);
		end_child(ok ? 0 : 1);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
	ck_assert_int_eq(iom_buf_put(pool, &one), 0);
	tear_down();
}
END_TEST

/* The device may still reach it: it is not given out again. */
START_TEST(refused)
{
	const struct iom_sim_failure refuse = {
		.nth = 1,
		.answer = -EIO,
		.request = rig_backend()->unmap,
		.on = true,
	};
	struct iom_buf one, two;
	size_t i;

	start(1);
	open_pool(PAGE);
	ck_assert_int_eq(iom_buf_get(pool, &one), 0);
	iom_sim_fail(rig.sim, &refuse);
	ck_assert_int_eq(iom_buf_put(pool, &one), -EIO);
	iom_sim_fail(rig.sim, NULL);
	for (i = 1; i < BUFS; i++) {
		ck_assert_int_eq(iom_buf_get(pool, &two), 0);
		ck_assert_ptr_ne(two.va, one.va);
	}
	ck_assert_int_eq(iom_buf_get(pool, &two), -EAGAIN);
	tear_down();
}
END_TEST

/* Each buffer is where the options say. */
START_TEST(limited)
{
	struct iom_map_opts map = below(64 * MIB - 1);
	const struct iom_buf_opts opts = { .size = sizeof(opts), .map = &map };
	struct iom_buf one;

	start(_i);
	ck_assert_ok(iom_buf_pool_open(rig.dom, PAGE, 3, &opts, &pool));
	map.limit = UINT64_MAX;
	ck_assert_int_eq(iom_buf_get(pool, &one), 0);
	ck_assert_uint_lt(one.iova, 64 * MIB);
	ck_assert(works(&one, PAGE));
	tear_down();
}
END_TEST

/* Its memory is unmapped behind its back: what was taken can be put back. */
START_TEST(all_unmapped)
{
	struct iom_buf one;

	start(_i);
	open_pool(PAGE);
	ck_assert_int_eq(iom_buf_get(pool, &one), 0);
	ck_assert_ok(iom_unmap_all(rig.dom));
	ck_assert(dma_misses(NVME, one.iova, PAGE));
	ck_assert_int_eq(iom_buf_put(pool, &one), 0);
	ck_assert_int_eq(iom_buf_put(pool, &one), -EINVAL);
	iom_buf_pool_close(pool);
	ck_assert_ptr_null(strstr(rig.log, "not put back"));
	tear_down();
}
END_TEST

static int opened_all;

static void *keep_unmapping(void *arg)
{
	(void)arg;
	while (!__atomic_load_n(&opened_all, __ATOMIC_RELAXED))
		if (iom_unmap_all(rig.dom) < 0)
			abort();
	return NULL;
}

/* The same while it is opened. */
START_TEST(beside_unmap_all)
{
	pthread_t id;
	size_t i;

	start(_i);
	opened_all = 0;
	ck_assert_int_eq(pthread_create(&id, NULL, keep_unmapping, NULL), 0);
	for (i = 0; i < 500; i++) {
		open_pool(PAGE);
		iom_buf_pool_close(pool);
	}
	__atomic_store_n(&opened_all, 1, __ATOMIC_RELAXED);
	ck_assert_int_eq(pthread_join(id, NULL), 0);
	tear_down();
}
END_TEST

/* One for each thread. */
static void *use_pool(void *arg)
{
	struct iom_buf_pool *mine;
	struct iom_buf bufs[8];
	size_t i, k;

	(void)arg;
	if (iom_buf_pool_open(rig.dom, 2048, 8, NULL, &mine) < 0)
		abort();
	for (i = 0; i < 50; i++) {
		for (k = 0; k < 8; k++) {
			if (iom_buf_get(mine, &bufs[k]) < 0)
				abort();
			memset(bufs[k].va, (int)i, 2048);
		}
		for (k = 0; k < 8; k++)
			if (iom_buf_put(mine, &bufs[k]) < 0)
				abort();
	}
	iom_buf_pool_close(mine);
	return NULL;
}

START_TEST(threads)
{
	pthread_t ids[THREADS];
	size_t i;

	start(_i);
	for (i = 0; i < THREADS; i++)
		ck_assert_int_eq(pthread_create(&ids[i], NULL, use_pool, NULL), 0);
	for (i = 0; i < THREADS; i++)
		ck_assert_int_eq(pthread_join(ids[i], NULL), 0);
	ck_assert_uint_eq(rig_counters().mappings, 0);
	tear_down();
}
END_TEST

/* ---- Failures -------------------------------------------------------------------------------- */

static struct iom_buf got;

static void attached(void)
{
	start(0);
}

static void attached_strictly(void)
{
	start(1);
}

static int open_one(void)
{
	return iom_buf_pool_open(rig.dom, PAGE, BUFS, NULL, &pool);
}

static void close_one(void)
{
	iom_buf_pool_close(pool);
	ck_assert_works();
}

static void opened(void)
{
	start(1);
	open_pool(PAGE);
}

static int get_one(void)
{
	int ret = iom_buf_get(pool, &got);

	iom_error_set("none");
	return ret;
}

#define MAY                                                                                      \
	{                                                                                        \
		-EIO, -ENOMEM, -ENOSPC, -EFAULT, -EBUSY, -ENODEV, -EOPNOTSUPP, -EMFILE, -EINVAL, \
			-EACCES                                                                  \
	}

/* A strict one may leave a quarantined range. */
static void works_again(int (*run)(void), const struct state *before)
{
	struct state now = rig_state();

	ck_assert_uint_eq(now.counters.mappings, before->counters.mappings);
	ck_assert_ok(run());
	ck_assert_works();
}

static const struct step steps[] = {
	{ "open", attached, open_one, unchanged_and_again, close_one, MAY, 4, 4 },
	{ "open strictly", attached_strictly, open_one, works_again, close_one, MAY, 4, 4 },
	{ "get strictly", opened, get_one, unchanged_and_again, NULL, MAY, 1, 1 },
};

START_TEST(every_call)
{
	fail_each_call(&steps[_i], steps[_i].least_calls - 1);
}
END_TEST

START_TEST(from_every_call)
{
	fail_from_each_call(&steps[_i]);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("buf_pool");
	TCase *tcase = tcase_create("buf_pool");

	tcase_set_timeout(tcase, 300);
	tcase_add_loop_test(tcase, all_of_them, 0, 2);
	tcase_add_loop_test(tcase, again, 0, 2);
	tcase_add_loop_test(tcase, wrong, 0, 2);
	tcase_add_loop_test(tcase, not_put_back, 0, 2);
	tcase_add_loop_test(tcase, shared, 0, 2);
	tcase_add_loop_test(tcase, in_a_child, 0, 2);
	tcase_add_test(tcase, refused);
	tcase_add_loop_test(tcase, limited, 0, 2);
	tcase_add_loop_test(tcase, all_unmapped, 0, 2);
	tcase_add_loop_test(tcase, beside_unmap_all, 0, 2);
	tcase_add_loop_test(tcase, threads, 0, 2);
	tcase_add_loop_test(tcase, every_call, 0, ARRAY_SIZE(steps));
	tcase_add_loop_test(tcase, from_every_call, 0, ARRAY_SIZE(steps));
	suite_add_tcase(suite, tcase);
	return run_suite(suite);
}
