// SPDX-License-Identifier: BSD-3-Clause
/*
 * A child of fork() that was born while other threads were inside the library: there every call says
 * that the handle is the parent's, none waits for a lock that nobody is left to release, and the
 * parent notices nothing.
 */
#include <sys/wait.h>

#include "sim/internal.h"
#include "tests/unit/every_call.h"
#include "tests/unit/gate.h"
#include "tests/unit/runner.h"

/* ---- In the child, where Check's assertions would report to nobody ------------------------------- */

static bool refuses(const struct every_call *call)
{
	bool says;
	int ret;

	iom_error_set("none");
	ret = call->run();
	says = strstr(iom_errmsg(), "parent process");
	switch (call->kind) {
	case SET_UP:
		return ret == -EPERM && says;
	case HOT:
		return ret == -EPERM && !strcmp(iom_errmsg(), "none");
	case CANNOT:
		return ret == 0 && !strcmp(iom_errmsg(), "none");
	case NO_HANDLE:
		return ret != -EPERM && !says && is_answer(call, ret);
	}
	return false;
}

enum look {
	CALLS, /* another thread is in the simulated kernel, which has locks where the real one has none */
	KERNEL, /* nor does the kernel hear of any */
	CLOSE   /* and the descriptors are closed */
};

/* The number of the first call that does something else, from 1 on; or 0. */
static int look_at_all(enum look look)
{
	unsigned int calls = look >= KERNEL ? iom_sim_calls(rig.sim) : 0, ioctls;
	int i;

	for (i = 0; i < EVERY_CALLS; i++)
		if (every_calls[i].run != do_close && !refuses(&every_calls[i]))
			return i + 1;
	if (look == CALLS)
		return 0;
	if (iom_sim_calls(rig.sim) != calls)
		return 100;
	if (look == KERNEL)
		return 0;
	ioctls = iom_sim_calls_of(rig.sim, IOM_SIM_IOCTL);
	do_close();
	if (iom_sim_open_fds(rig.sim) || iom_sim_calls_of(rig.sim, IOM_SIM_IOCTL) != ioctls)
		return 101;
	return 0;
}

static void run_child(enum look look)
{
	int status;
	pid_t pid = fork();

	/* nothing of Check's here either: it has a lock of its own */
	if (!pid) {
		/* rather than wait for ever for one */
		alarm(60);
		end_child(look_at_all(look));
	}
	ck_assert_int_gt(pid, 0);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_msg(WIFEXITED(status), "the child ended with 0x%x", status);
	status = WEXITSTATUS(status);
	ck_assert_msg(status == 0, "call %d, %s", status,
		      status > 0 && status <= EVERY_CALLS ? every_calls[status - 1].name
							  : "the end");
}

/* ---- The parent ---------------------------------------------------------------------------------- */

static void before(struct rig *r, unsigned long request)
{
	(void)r;
	hold_up(request);
}

static void set_up(void)
{
	set_up_every();
	rig.before = before;
}

static void end(void)
{
	ck_assert(dma_works(NVME, &every.region));
	ck_assert_ok(iom_unmap(rig.dom, &every.region));
	ck_assert_ok(iom_unmapv(rig.dom, every.batch, 2));
	ck_assert_int_eq(iom_buf_put(every.pool, &every.taken), 0);
	ck_assert_ok(iom_dma_unmap(every.stream, every.segments, 1));
	ck_assert_ok(iom_memory_remove(every.in_use));
	ck_assert_ok(iom_aperture_release(rig.dom, every.request));
	ck_assert_works();
	tear_down();
	close(every.file);
}

START_TEST(nobody_inside)
{
	run_child(CLOSE);
}
END_TEST

/* Inside a map or an attach, which are in the kernel and hold what they hold then. */
static const struct {
	int (*run)(void);
	bool attaches;
} inside[] = { { do_map, false }, { do_map_file, false }, { do_attach, true } };

START_TEST(one_inside)
{
	unsigned long request = rig_backend()->map;
	struct call call;

	if (inside[_i].attaches)
		request = rig_is("iommufd") ? IOM_VFIO_DEVICE_ATTACH_IOMMUFD_PT
					    : VFIO_GROUP_SET_CONTAINER;
	start_held_up(&call, inside[_i].run, request);
	/* of a device that is being attached it may not know the descriptors */
	run_child(inside[_i].attaches ? KERNEL : CLOSE);
	let_go();
	ck_assert_ok(finish(&call));
}
END_TEST

/* With every lock of the domain's held by somebody who is not there in the child. */
static pthread_barrier_t barrier;

static void *hold_locks(void *arg)
{
	(void)arg;
	pthread_rwlock_wrlock(&rig.dom->topology);
	pthread_mutex_lock(&rig.dom->cache.lock);
	pthread_mutex_lock(&rig.dom->table);
	pthread_barrier_wait(&barrier);
	pthread_barrier_wait(&barrier);
	pthread_mutex_unlock(&rig.dom->table);
	pthread_mutex_unlock(&rig.dom->cache.lock);
	pthread_rwlock_unlock(&rig.dom->topology);
	return NULL;
}

START_TEST(every_lock_held)
{
	pthread_t thread;

	ck_assert_int_eq(pthread_barrier_init(&barrier, NULL, 2), 0);
	ck_assert_int_eq(pthread_create(&thread, NULL, hold_locks, NULL), 0);
	pthread_barrier_wait(&barrier);
	run_child(CLOSE);
	pthread_barrier_wait(&barrier);
	ck_assert_int_eq(pthread_join(thread, NULL), 0);
	pthread_barrier_destroy(&barrier);
}
END_TEST

/* ---- Anywhere inside ----------------------------------------------------------------------------- */

#define BUSY 3
#define FORKS 12

static int stop;          /* atomic */
static unsigned int done; /* atomic: calls */

struct busy {
	pthread_t thread;
	char *memory;
	struct iom_stream *stream;
};

static void *keep_busy(void *arg)
{
	struct busy *b = arg;
	struct iom_segment segment;
	struct iom_region region;

	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
		ck_assert_ok(map_any(b->memory, PAGE, &region));
		ck_assert(is_mapped(b->memory));
		ck_assert_int_eq(iom_dma_map(b->stream, b->memory + 64 * KIB, 64, IOM_MAP_RW,
					     &segment, 1),
				 1);
		ck_assert_ok(iom_dma_unmap(b->stream, &segment, 1));
		ck_assert_ok(iom_unmap(rig.dom, &region));
		__atomic_add_fetch(&done, 1, __ATOMIC_RELAXED);
	}
	return NULL;
}

/* Until each has had a turn since then, on however few processors. */
static void let_them_work(void)
{
	unsigned int then = __atomic_load_n(&done, __ATOMIC_RELAXED);

	while (__atomic_load_n(&done, __ATOMIC_RELAXED) - then < BUSY)
		usleep(100);
}

START_TEST(others_all_over)
{
	struct busy busy[BUSY];
	unsigned int i;

	/* an emulator has locks of its own */
	if (iom_sim_memory_is_emulated())
		return;
	stop = 0;
	rig.before = NULL;
	for (i = 0; i < BUSY; i++) {
		busy[i].memory = rig_memory_at(128 * KIB, 64 * KIB, 0);
		ck_assert_ok(iom_stream_open(rig.dom, &busy[i].stream));
		ck_assert_int_eq(pthread_create(&busy[i].thread, NULL, keep_busy, &busy[i]), 0);
	}
	for (i = 0; i < FORKS; i++) {
		let_them_work();
		run_child(CALLS);
	}
	__atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
	for (i = 0; i < BUSY; i++) {
		ck_assert_int_eq(pthread_join(busy[i].thread, NULL), 0);
		iom_stream_close(busy[i].stream);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("fork_calls");
	TCase *tcase = tcase_create("fork_calls");

	tcase_add_checked_fixture(tcase, set_up, end);
	tcase_set_timeout(tcase, 120);
	tcase_add_test(tcase, nobody_inside);
	tcase_add_loop_test(tcase, one_inside, 0, (int)ARRAY_SIZE(inside));
	tcase_add_test(tcase, every_lock_held);
	tcase_add_test(tcase, others_all_over);
	suite_add_tcase(suite, tcase);
	return run_suite(suite);
}
