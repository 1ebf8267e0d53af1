// SPDX-License-Identifier: BSD-3-Clause
/*
 * A process that has no descriptors left: every call that needs one says -EMFILE, leaves nothing,
 * and works once there are some.
 */
#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "tests/unit/domain_rig.h"
#include "tests/unit/runner.h"

/* ---- Of the simulated kernel ----------------------------------------------------------------- */

static unsigned int limit; /* how many may be open */

static bool is_at_limit(void)
{
	return iom_sim_open_fds(rig.sim) >= limit;
}

static int limited_open(void *ctx, const char *path, int flags)
{
	const struct iom_sys *inner = iom_sim_sys(rig.sim);

	(void)ctx;
	return is_at_limit() ? -EMFILE : inner->open(inner->ctx, path, flags);
}

/* To read takes one for the moment. */
static ssize_t limited_read_file(void *ctx, const char *path, void *buf, size_t n)
{
	const struct iom_sys *inner = iom_sim_sys(rig.sim);

	(void)ctx;
	return is_at_limit() ? -EMFILE : inner->read_file(inner->ctx, path, buf, n);
}

static int limited_list_dir(void *ctx, const char *path, iom_sys_name_fn *name, void *arg)
{
	const struct iom_sys *inner = iom_sim_sys(rig.sim);

	(void)ctx;
	return is_at_limit() ? -EMFILE : inner->list_dir(inner->ctx, path, name, arg);
}

/* The one call that gives another. */
static int limited_ioctl(void *ctx, int fd, unsigned long request, void *arg)
{
	if (request == VFIO_GROUP_GET_DEVICE_FD && is_at_limit())
		return -EMFILE;
	return rig_ioctl(ctx, fd, request, arg);
}

static void limited_machine(void)
{
	rig_machine(NULL);
	rig.sys.open = limited_open;
	rig.sys.read_file = limited_read_file;
	rig.sys.list_dir = limited_list_dir;
	rig.sys.ioctl = limited_ioctl;
	limit = UINT_MAX;
	ck_assert_ok(rig_open(&rig.dom));
}

/* With one more descriptor each time: refused in order, until there are enough. */
static void attach_with_more_and_more(const char *address, struct iom_device **dev)
{
	const unsigned int open = iom_sim_open_fds(rig.sim);
	struct iom_device *untouched = *dev;
	struct state before = rig_state();
	unsigned int refused = 0;
	int ret;

	for (limit = 0;; limit++) {
		ret = iom_attach(rig.dom, address, NULL, dev);
		if (ret == 0)
			break;
		ck_assert_fails(ret, -EMFILE, address, strerror(EMFILE));
		ck_assert_ptr_eq(*dev, untouched);
		ck_assert_unchanged(before);
		refused++;
		ck_assert_uint_lt(limit, open + 16);
	}
	/* what it keeps open it needed at the least */
	ck_assert_uint_ge(limit, iom_sim_open_fds(rig.sim));
	ck_assert_uint_ge(refused, iom_sim_open_fds(rig.sim));
}

START_TEST(attaches)
{
	struct iom_device *edu = NULL;
	struct iom_region region, other;
	char *memory = rig_memory(2 * PAGE);

	limited_machine();
	rig.nvme = NULL;
	attach_with_more_and_more(NVME, &rig.nvme);

	/* none is left, and none is needed to map and to unmap, but to ask for page sizes on POWER */
	limit = rig_is_power() ? UINT_MAX : 0;
	ck_assert_ok(map_any(memory, PAGE, &region));
	limit = 0;
	ck_assert(dma_works(NVME, &region));
	attach_with_more_and_more(EDU, &edu);
	ck_assert(dma_works(NVME, &region));
	ck_assert(dma_works(EDU, &region));

	limit = 0;
	iom_detach(edu);
	ck_assert(dma_works(NVME, &region));
	ck_assert_ok(iom_unmap(rig.dom, &region));
	limit = UINT_MAX;
	ck_assert_ok(iom_attach(rig.dom, EDU, NULL, &edu));
	ck_assert_ok(map_any(memory, PAGE, &other));
	ck_assert(dma_works(EDU, &other));
	/* the end needs none */
	limit = 0;
	tear_down();
}
END_TEST

/* ---- Of the real one ------------------------------------------------------------------------- */

static struct rlimit whole;

/* No more than are open now.  False where that does not hold, as under valgrind. */
static bool leave_none(void)
{
	struct rlimit now = whole;
	int next = fcntl(0, F_DUPFD, 0);

	ck_assert_int_ge(next, 0);
	close(next);
	now.rlim_cur = (rlim_t)next;
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &now), 0);
	/* the kernel takes one before it looks for the file */
	return open("/there-is-no-such-file", O_RDONLY | O_CLOEXEC) < 0 && errno == EMFILE;
}

static void leave_all(void)
{
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &whole), 0);
}

static unsigned int open_now(void)
{
	unsigned int n = 0;
	int fd;

	for (fd = 0; fd < 1024; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

/* There is no such device; but that takes a descriptor to be seen. */
START_TEST(attach_on_this_machine)
{
	struct iom_device *dev = NULL;
	struct iom_domain *dom;
	unsigned int before;

	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &whole), 0);
	before = open_now();
	if (!leave_none()) {
		leave_all();
		return;
	}
	ck_assert_ok(iom_open(&dom, NULL));
	ck_assert_fails(iom_attach(dom, "ffff:ff:1f.7", NULL, &dev), -EMFILE, "ffff:ff:1f.7");
	leave_all();
	ck_assert_fails(iom_attach(dom, "ffff:ff:1f.7", NULL, &dev), -ENODEV, "ffff:ff:1f.7");
	ck_assert(leave_none());
	iom_close(dom);
	leave_all();
	ck_assert_ptr_null(dev);
	ck_assert_uint_eq(open_now(), before);
}
END_TEST

/* The memfd of a shared buffer is the process's own. */
START_TEST(shared_buffers)
{
	const struct iom_buf_opts shared = { .size = sizeof(shared), .flags = IOM_BUF_SHARED };
	struct iom_region plain, buf = { .iova = 7 };
	struct state before;
	unsigned int open;

	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &whole), 0);
	set_up_device();
	ck_assert_works();
	before = rig_state();
	open = open_now();
	if (!leave_none()) {
		leave_all();
		tear_down();
		return;
	}
	ck_assert_fails(iom_buf_alloc(rig.dom, 3 * PAGE, &shared, &buf), -EMFILE,
			"buffer of 0x3000 bytes", "descriptor");
	ck_assert_uint_eq(buf.iova, 7);
	ck_assert_unchanged(before);
	/* one without a descriptor needs none, but on POWER to be asked for its pages */
	if (rig_is_power()) {
		ck_assert_fails(iom_buf_alloc(rig.dom, 3 * PAGE, NULL, &plain), -EMFILE,
				"/proc/self");
		ck_assert_unchanged(before);
	} else {
		ck_assert_ok(iom_buf_alloc(rig.dom, 3 * PAGE, NULL, &plain));
		ck_assert_ok(iom_unmap(rig.dom, &plain));
	}
	leave_all();
	ck_assert_uint_eq(open_now(), open);
	ck_assert_ok(iom_buf_alloc(rig.dom, 3 * PAGE, &shared, &buf));
	ck_assert(dma_works(NVME, &buf));
	ck_assert(leave_none());
	ck_assert_ok(iom_unmap(rig.dom, &buf));
	leave_all();
	ck_assert_uint_eq(open_now(), open);
	tear_down();
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("descriptors");
	TCase *tcase = tcase_create("descriptors");

	tcase_add_test(tcase, attaches);
	tcase_add_test(tcase, attach_on_this_machine);
	tcase_add_test(tcase, shared_buffers);
	suite_add_tcase(suite, tcase);
	return run_suite(suite);
}
