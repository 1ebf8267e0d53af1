// SPDX-License-Identifier: BSD-3-Clause
/*
 * A thread that is cancelled inside a call comes back from it first, with what it returns else, and
 * leaves no lock, descriptor or half of a mapping behind.
 */
#include <dirent.h>
#include <fcntl.h>

#include "tests/unit/every_call.h"
#include "tests/unit/gate.h"
#include "tests/unit/runner.h"

/* ---- A thread that is cancelled before it begins ------------------------------------------------- */

struct doomed {
	int (*run)(void);
	int ret;
	bool back;
	int state; /* of cancellation, afterwards */
};

static void *run_doomed(void *arg)
{
	struct doomed *d = arg;

	pthread_cancel(pthread_self());
	d->ret = d->run();
	d->back = true;
	pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, &d->state);
	pthread_testcancel();
	return NULL;
}

/* What run answers there; it was left as late as a thread can be, and cancelled then. */
static int run_cancelled(int (*run)(void), const char *name)
{
	struct doomed d = { .run = run };
	pthread_t thread;
	void *end;

	ck_assert_int_eq(pthread_create(&thread, NULL, run_doomed, &d), 0);
	ck_assert_int_eq(pthread_join(thread, &end), 0);
	ck_assert_msg(d.back, "%s did not come back", name);
	ck_assert_msg(d.state == PTHREAD_CANCEL_ENABLE, "%s leaves cancellation off", name);
	ck_assert_ptr_eq(end, PTHREAD_CANCELED);
	return d.ret;
}

static unsigned int count_fds(void)
{
	unsigned int n = 0;
	DIR *dir = opendir("/proc/self/fd");

	ck_assert_ptr_nonnull(dir);
	while (readdir(dir))
		n++;
	closedir(dir);
	return n;
}

/* The rest of this file would show nothing if it were none. */
static int write_nothing(void)
{
	return (int)write(-1, "", 0);
}

START_TEST(what_a_cancellation_point_is)
{
	struct doomed d = { .run = write_nothing };
	pthread_t thread;

	ck_assert_int_eq(pthread_create(&thread, NULL, run_doomed, &d), 0);
	ck_assert_int_eq(pthread_join(thread, NULL), 0);
	ck_assert(!d.back);
}
END_TEST

/* ---- The real system calls ----------------------------------------------------------------------- */

static const struct iom_sys *const sys = &iom_sys_linux;
static char text[256];
static void *pages;
static int open_fd, buf_fd = -1;

static int sys_open(void)
{
	return iom_sys_close(sys, iom_sys_open(sys, "/proc/self/status", O_RDONLY));
}

static int sys_close(void)
{
	return iom_sys_close(sys, open_fd);
}

static int sys_ioctl(void)
{
	return iom_sys_ioctl(sys, open_fd, 0, NULL) == -ENOTTY ? iom_sys_close(sys, open_fd) : 1;
}

static int sys_read_file(void)
{
	return sys->read_file(sys->ctx, "/proc/self/status", text, sizeof(text)) <= 0;
}

static int sys_read_link(void)
{
	return sys->read_link(sys->ctx, "/proc/self/exe", text, sizeof(text)) <= 0;
}

static int no_name(void *arg, const char *name)
{
	(void)arg;
	(void)name;
	return 0;
}

static int sys_list_dir(void)
{
	return iom_sys_list_dir(sys, "/proc/self", no_name, NULL);
}

static int sys_alloc_and_free_pages(void)
{
	int ret = sys->alloc_pages(sys->ctx, 65536, &pages);

	if (!ret)
		sys->free_pages(sys->ctx, pages, 65536);
	return ret;
}

static int sys_map_file(void)
{
	const struct iom_file_part part = { .fd = every.file, .length = 65536, .align = 65536 };
	struct iom_file_info info;
	int ret;

	ret = sys->file_info(sys->ctx, every.file, &info);
	if (!ret)
		ret = sys->map_file(sys->ctx, &part, true, &pages);
	if (!ret)
		sys->free_pages(sys->ctx, pages, 65536);
	return ret;
}

static int sys_populate(void)
{
	int ret = sys->populate(sys->ctx, (uintptr_t)every.fresh, 65536);

	/* before Linux 5.14, and under an emulator */
	return ret == -EINVAL ? 0 : ret;
}

static int sys_now(void)
{
	return !sys->now(sys->ctx);
}

static int sys_vmas(void)
{
	struct iom_vma vma;
	int fd = sys->open_vmas(sys->ctx), ret;

	ret = sys->find_vma(sys->ctx, fd, (uintptr_t)&vma, &vma);
	if (!ret)
		ret = sys->find_vma(sys->ctx, -1, (uintptr_t)&vma, &vma);
	if (fd >= 0)
		iom_sys_close(sys, fd);
	return ret;
}

static int alloc_and_free_buf(bool shared)
{
	const struct iom_buf_want want = {
		.length = 65536, .align = 65536, .node = -1, .shared = shared
	};
	int ret = sys->alloc_buf(sys->ctx, &want, &pages, &buf_fd);

	if (ret < 0)
		return ret;
	*(volatile char *)pages = 1;
	/* without a NUMA node, or the right to ask for it, or libnuma */
	(void)sys->node_of(sys->ctx, pages);
	sys->free_buf(sys->ctx, pages, 65536, buf_fd);
	return 0;
}

static int sys_private_buf(void)
{
	return alloc_and_free_buf(false);
}

static int sys_shared_buf(void)
{
	return alloc_and_free_buf(true);
}

static int write_log(void)
{
	struct iom_log log = { .stderr_level = IOM_LOG_DEBUG };

	iom_log(&log, IOM_LOG_INFO, "this line is written by a thread that is cancelled");
	return 0;
}

static const struct {
	const char *name;
	int (*run)(void);
	bool closes; /* open_fd */
} real[] = {
	{ "open", sys_open, false },
	{ "close", sys_close, true },
	{ "ioctl", sys_ioctl, true },
	{ "read_file", sys_read_file, false },
	{ "read_link", sys_read_link, false },
	{ "list_dir", sys_list_dir, false },
	{ "alloc_pages, free_pages", sys_alloc_and_free_pages, false },
	{ "file_info, map_file", sys_map_file, false },
	{ "populate", sys_populate, false },
	{ "now", sys_now, false },
	{ "open_vmas, find_vma", sys_vmas, false },
	{ "alloc_buf, node_of, free_buf", sys_private_buf, false },
	{ "alloc_buf of a memfd", sys_shared_buf, false },
	{ "the log", write_log, false },
};

START_TEST(real_calls)
{
	unsigned int before = count_fds();

	every.fresh = rig_memory(65536);
	every.file = memfd_create("cancel", MFD_CLOEXEC);
	ck_assert_int_eq(ftruncate(every.file, 65536), 0);
	open_fd = real[_i].closes ? open("/dev/null", O_RDONLY | O_CLOEXEC) : -1;
	ck_assert_msg(run_cancelled(real[_i].run, real[_i].name) == 0, "%s fails", real[_i].name);
	close(every.file);
	ck_assert_uint_eq(count_fds(), before);
}
END_TEST

/* ---- Every call ---------------------------------------------------------------------------------- */

/* What the library says on stderr is a cancellation point to others. */
static void start_every(void)
{
	setenv("LIBIOMMU_LOG", "debug", 1);
	set_up_every();
}

static void end_every(const struct every_call *call, int ret)
{
	ck_assert_msg(is_answer(call, ret), "%s is %d: \"%s\"", call->name, ret, iom_errmsg());
	if (rig.dom && call->run != do_detach)
		ck_assert_works();
	tear_down();
	close(every.file);
}

START_TEST(each_call)
{
	const struct every_call *call = &every_calls[_i];
	int before, ret;

	start_every();
	before = call->run();
	end_every(call, before);

	start_every();
	ret = run_cancelled(call->run, call->name);
	end_every(call, ret);
	ck_assert_msg((ret < 0) == (before < 0), "%s: %d, and %d", call->name, before, ret);
}
END_TEST

/* ---- What the caller is told of ------------------------------------------------------------------ */

static unsigned int told; /* atomic */

static void tell_log(void *arg, int level, const char *message)
{
	(void)arg;
	(void)level;
	(void)message;
	__atomic_add_fetch(&told, 1, __ATOMIC_RELAXED);
	pthread_testcancel();
}

static void tell_progress(void *arg, uint64_t done, uint64_t total)
{
	(void)arg;
	(void)done;
	(void)total;
	__atomic_add_fetch(&told, 1, __ATOMIC_RELAXED);
	pthread_testcancel();
}

static int map_and_tell(void)
{
	const struct iom_map_opts opts = { .size = sizeof(opts), .progress = tell_progress };

	return iom_map(rig.dom, every.fresh, 2 * PAGE, IOM_MAP_RW, &opts, &every.region);
}

static int (*const telling[])(void) = { do_attach, do_detach, map_and_tell };

START_TEST(callbacks)
{
	struct iom_open_opts opts = { .size = sizeof(opts), .log = tell_log };

	rig_machine(NULL);
	opts.backend = rig.backend;
	opts.expect_bytes = rig.expected;
	opts.expect_page = rig.expected ? PAGE : 0;
	ck_assert_ok(iom_open_with(&rig.dom, &opts, &rig.sys, iom_backends));
	ck_assert_ok(iom_attach(rig.dom, NVME, NULL, &rig.nvme));
	every.fresh = rig_memory(2 * PAGE);
	told = 0;
	ck_assert_int_eq(run_cancelled(telling[_i], "a call that tells"), 0);
	ck_assert_uint_gt(told, 0);
	tear_down();
}
END_TEST

/* ---- Threads that wait --------------------------------------------------------------------------- */

static void before(struct rig *r, unsigned long request)
{
	(void)r;
	hold_up(request);
}

/* The granule that another stream has mapped. */
static int dma_map_declared(void)
{
	struct iom_segment segment;
	struct iom_stream *s;
	int ret;

	ret = iom_stream_open(rig.dom, &s);
	if (!ret)
		ret = iom_dma_map(s, every.fresh, 64, IOM_MAP_RW, &segment, 1);
	return ret;
}

/* While first is in its kernel call, late waits for it. */
static const struct {
	int (*first)(void), (*late)(void);
	bool maps;
	int answer;
} waits_for[] = {
	{ do_unmap, do_unmap_range, false, -ENOENT },
	{ do_unmap, do_unmap, false, -ENOENT },
	{ do_unmap, do_attach, false, 0 },
	{ do_unmap, do_unmap_all, false, 0 },
	{ dma_map_declared, dma_map_declared, true, 1 },
};

START_TEST(waiting)
{
	struct call first, late;
	struct iom_memory *mem;

	rig_start(NULL);
	rig.before = before;
	every.mapped = rig_memory(2 * PAGE);
	every.fresh = rig_memory_at(GRANULE, GRANULE, 0);
	ck_assert_ok(map_any(every.mapped, 2 * PAGE, &every.region));
	ck_assert_ok(iom_memory_add(rig.dom, every.fresh, GRANULE, IOM_MAP_RW, &mem));
	start_held_up(&first, waits_for[_i].first,
		      waits_for[_i].maps ? rig_backend()->map : rig_backend()->unmap);
	start(&late, waits_for[_i].late);
	ck_assert(waits(&late));
	ck_assert_int_eq(pthread_cancel(late.thread), 0);
	ck_assert(waits(&late));
	let_go();
	ck_assert_int_ge(finish(&first), 0);
	ck_assert_int_eq(finish(&late), waits_for[_i].answer);
	ck_assert(late.done);
	ck_assert_works();
	tear_down();
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("cancel");
	TCase *tcase = tcase_create("cancel");

	tcase_set_timeout(tcase, 120);
	tcase_add_test(tcase, what_a_cancellation_point_is);
	tcase_add_loop_test(tcase, real_calls, 0, (int)ARRAY_SIZE(real));
	tcase_add_loop_test(tcase, each_call, 0, EVERY_CALLS);
	tcase_add_loop_test(tcase, callbacks, 0, (int)ARRAY_SIZE(telling));
	tcase_add_loop_test(tcase, waiting, 0, (int)ARRAY_SIZE(waits_for));
	suite_add_tcase(suite, tcase);
	return run_suite(suite);
}
