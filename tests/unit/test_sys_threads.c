// SPDX-License-Identifier: BSD-3-Clause
/* The real system calls, while they wait: signals whose handlers return, and a cancellation. */
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "lib/sys.h"
#include "tests/unit/runner.h"
#include "tests/unit/util.h"

static const struct iom_sys *const sys = &iom_sys_linux;
static char path[64];

struct caller {
	pthread_t thread;
	int (*run)(void);
	int ret;
	pid_t tid; /* atomic: it has begun */
	int done;  /* atomic */
};

static void handle(int number)
{
	(void)number;
}

static void set_up(void)
{
	/* without SA_RESTART */
	const struct sigaction action = { .sa_handler = handle };

	ck_assert_int_eq(sigaction(SIGUSR1, &action, NULL), 0);
	snprintf(path, sizeof(path), "test_sys_threads.%d.tmp", (int)getpid());
	ck_assert_int_eq(mkfifo(path, 0600), 0);
}

static void tear_down(void)
{
	unlink(path);
}

/* ---- A call that waits for the other end of a pipe ------------------------------------------------ */

static int call_open(void)
{
	int fd = iom_sys_open(sys, path, O_RDONLY);

	return fd < 0 ? fd : iom_sys_close(sys, fd);
}

/* All of it is what is written until the other end is closed. */
static int call_read_file(void)
{
	char text[64];
	ssize_t n = sys->read_file(sys->ctx, path, text, sizeof(text));

	return n < 0 ? (int)n : n != 6 || memcmp(text, "one", 3) || memcmp(text + 3, "two", 3);
}

static void *run_caller(void *arg)
{
	struct caller *c = arg;

	__atomic_store_n(&c->tid, (pid_t)syscall(SYS_gettid), __ATOMIC_SEQ_CST);
	c->ret = c->run();
	__atomic_store_n(&c->done, 1, __ATOMIC_SEQ_CST);
	return NULL;
}

/* Whether the thread sleeps, which it does in the call and nowhere else, for long. */
static bool sleeps(const struct caller *c)
{
	char file[64], text[256] = "", *end;
	FILE *stat;
	size_t n;

	snprintf(file, sizeof(file), "/proc/self/task/%d/stat", (int)c->tid);
	stat = fopen(file, "re");
	if (!stat)
		return false;
	n = fread(text, 1, sizeof(text) - 1, stat);
	fclose(stat);
	text[n] = '\0';
	end = strrchr(text, ')');
	return end && end[1] == ' ' && end[2] == 'S';
}

static void begin(struct caller *c, int (*run)(void))
{
	*c = (struct caller){ .run = run };
	ck_assert_int_eq(pthread_create(&c->thread, NULL, run_caller, c), 0);
	while (!__atomic_load_n(&c->tid, __ATOMIC_SEQ_CST))
		usleep(100);
}

static bool is_done(const struct caller *c)
{
	return __atomic_load_n(&c->done, __ATOMIC_SEQ_CST);
}

/* Until it sleeps again after it, several times over; or has come back, as it must not. */
static void disturb(struct caller *c, bool cancels)
{
	unsigned int i;

	for (i = 0; i < 20; i++) {
		while (!is_done(c) && !sleeps(c))
			usleep(100);
		if (is_done(c))
			return;
		ck_assert_int_eq(cancels ? pthread_cancel(c->thread)
					 : pthread_kill(c->thread, SIGUSR1),
				 0);
		usleep(500);
	}
}

/* The other end, which is there when the call's is. */
static void write_the_rest(int fd, const char *text)
{
	ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	ck_assert_int_eq(close(fd), 0);
}

static int end(struct caller *c)
{
	ck_assert_int_eq(pthread_join(c->thread, NULL), 0);
	ck_assert_msg(c->done, "the call did not come back");
	return c->ret;
}

START_TEST(open_waits)
{
	struct caller c;

	begin(&c, call_open);
	disturb(&c, _i);
	ck_assert(!is_done(&c));
	write_the_rest(open(path, O_WRONLY | O_CLOEXEC), "");
	ck_assert_int_eq(end(&c), 0);
}
END_TEST

START_TEST(read_waits)
{
	struct caller c;
	int fd;

	begin(&c, call_read_file);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, "one", 3), 3);
	disturb(&c, _i);
	ck_assert(!is_done(&c));
	write_the_rest(fd, "two");
	ck_assert_int_eq(end(&c), 0);
}
END_TEST

/* ---- Faulting in memory, which takes a while ------------------------------------------------------- */

#define LENGTH (64 * MIB)

static int call_populate(void)
{
	unsigned int i;
	int ret = 0;

	for (i = 0; !ret && i < 8; i++) {
		void *pages = NULL;

		ret = sys->alloc_pages(sys->ctx, LENGTH, &pages);
		if (!ret)
			ret = sys->populate(sys->ctx, (uintptr_t)pages, LENGTH);
		if (pages)
			sys->free_pages(sys->ctx, pages, LENGTH);
	}
	/* before Linux 5.14, and under an emulator */
	return ret == -EINVAL ? 0 : ret;
}

START_TEST(populate_is_disturbed)
{
	struct caller c;

	begin(&c, call_populate);
	while (!is_done(&c)) {
		ck_assert_int_eq(pthread_kill(c.thread, SIGUSR1), 0);
		usleep(200);
	}
	ck_assert_int_eq(end(&c), 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("sys_threads");
	TCase *tcase = tcase_create("sys_threads");

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_set_timeout(tcase, 120);
	tcase_add_loop_test(tcase, open_waits, 0, 2);
	tcase_add_loop_test(tcase, read_waits, 0, 2);
	tcase_add_test(tcase, populate_is_disturbed);
	suite_add_tcase(suite, tcase);
	return run_suite(suite);
}
