// SPDX-License-Identifier: BSD-3-Clause
/*
 * In a forked child every call on the parent's handles is -EPERM, and closing them closes descriptors and
 * nothing else.  The child has a copy of the simulated kernel, in which can be seen what it does.
 */
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/domain_rig.h"
#include "tests/unit/runner.h"

static char *memory;
static struct iom_region region;

static void set_up(void)
{
	set_up_device();
	memory = rig_memory(4 * PAGE);
	ck_assert_ok(map_any(memory, 2 * PAGE, &region));
}

/* ---- In the child, where Check's assertions would report to nobody ------------------------------ */

#define REQUIRE(condition)                                                                    \
	do {                                                                                  \
		if (!(condition)) {                                                           \
			fprintf(stderr, "child, line %d: %s; \"%s\"\n", __LINE__, #condition, \
				iom_errmsg());                                                \
			_exit(1);                                                             \
		}                                                                             \
	} while (0)

/* -EPERM, and a sentence that says why. */
static bool refuses(int ret)
{
	bool says = strstr(iom_errmsg(), "parent process") && strstr(iom_errmsg(), "its own");

	iom_error_set("none");
	return ret == -EPERM && says;
}

static void check_setup_calls(void)
{
	struct iom_counters counters = { .size = sizeof(counters), .mappings = 77 };
	struct iom_device *dev = (struct iom_device *)&rig;
	struct iom_region untouched = { .iova = 77 };
	struct iom_aperture aperture = { .start = 77 };
	char text[16] = "untouched";
	uint64_t id = 77;

	REQUIRE(refuses(iom_attach(rig.dom, EDU, NULL, &dev)));
	REQUIRE(dev == (struct iom_device *)&rig);
	REQUIRE(refuses(iom_map(rig.dom, memory + 2 * PAGE, PAGE, IOM_MAP_RW, NULL, &untouched)));
	REQUIRE(untouched.iova == 77);
	REQUIRE(refuses(iom_map_file(rig.dom, -1, 0, PAGE, IOM_MAP_RW, NULL, &untouched)));
	REQUIRE(untouched.iova == 77);
	REQUIRE(refuses(iom_unmap(rig.dom, &region)));
	REQUIRE(refuses(iom_unmap_range(rig.dom, region.iova, region.length)));
	REQUIRE(refuses(iom_unmap_all(rig.dom)));
	REQUIRE(refuses(iom_apertures(rig.dom, &aperture, 1)));
	REQUIRE(refuses(iom_aperture_request(rig.dom, NULL, &id)));
	REQUIRE(refuses(iom_aperture_granted(rig.dom, 1, &aperture)));
	REQUIRE(refuses(iom_aperture_release(rig.dom, 1)));
	REQUIRE(aperture.start == 77 && id == 77);
	REQUIRE(refuses(iom_explain(rig.dom, text, sizeof(text))));
	REQUIRE(!strcmp(text, "untouched"));
	REQUIRE(refuses(iom_read_counters(rig.dom, &counters)));
	REQUIRE(counters.mappings == 77);
	REQUIRE(refuses(iom_device_fd(rig.nvme)));
	REQUIRE(refuses(iom_device_state(rig.nvme)));
	REQUIRE(refuses(iom_device_recover(rig.nvme, IOM_RECOVER_RESET)));
	/* even where the arguments are wrong, too */
	REQUIRE(refuses(iom_attach(rig.dom, "nonsense", NULL, &dev)));
	REQUIRE(refuses(iom_map(rig.dom, NULL, 0, 0, NULL, NULL)));
	REQUIRE(refuses(iom_unmap(rig.dom, NULL)));
	REQUIRE(refuses(iom_unmap_range(rig.dom, 0, 0)));
}

static void check_hot_calls(void)
{
	uint64_t iova = 77, run = 78;
	void *va = &rig;

	REQUIRE(iom_translate(rig.dom, memory, PAGE, &iova, &run) == -EPERM);
	REQUIRE(iom_translate(rig.dom, memory + 3 * PAGE, PAGE, &iova, &run) == -EPERM);
	REQUIRE(iom_iova_to_va(rig.dom, region.iova, PAGE, &va, &run) == -EPERM);
	REQUIRE(iom_iova_to_va(rig.dom, 0, PAGE, &va, &run) == -EPERM);
	REQUIRE(iom_translate(rig.dom, memory, 0, &iova, &run) == -EPERM);
	REQUIRE(iova == 77 && run == 78 && va == &rig);
	/* no sentence for these */
	REQUIRE(!strcmp(iom_errmsg(), "none"));
}

/* What cannot fail goes on saying what it said. */
static void check_harmless_calls(void)
{
	REQUIRE(!strcmp(iom_device_address(rig.nvme), NVME));
	REQUIRE(!strcmp(iom_backend(rig.dom), rig_backend()->name));
	REQUIRE(iom_page_size(rig.dom) == PAGE);
	REQUIRE(!strcmp(iom_version(), "0.1.0"));
}

static void child_calls(void)
{
	unsigned int calls = iom_sim_calls(rig.sim);

	check_setup_calls();
	check_hot_calls();
	check_harmless_calls();
	iom_detach(rig.nvme);
	/* the kernel was not asked for anything, and the descriptors are still open */
	REQUIRE(iom_sim_calls(rig.sim) == calls);
	REQUIRE(iom_sim_open_fds(rig.sim) == rig_backend()->fds);
}

static void child_closes(void)
{
	unsigned int ioctls = iom_sim_calls_of(rig.sim, IOM_SIM_IOCTL);

	iom_close(rig.dom);
	REQUIRE(iom_sim_open_fds(rig.sim) == 0);
	REQUIRE(iom_sim_calls_of(rig.sim, IOM_SIM_IOCTL) == ioctls);
}

/* A domain of its own is as good as any. */
static void child_opens(void)
{
	struct iom_domain *dom;
	struct iom_device *edu;
	struct iom_region mine;
	uint64_t iova, run;

	REQUIRE(rig_open(&dom) == 0);
	REQUIRE(iom_attach(dom, EDU, NULL, &edu) == 0);
	REQUIRE(iom_map(dom, memory, PAGE, IOM_MAP_RW, NULL, &mine) == 0);
	REQUIRE(iom_translate(dom, memory, PAGE, &iova, &run) == 0 && iova == mine.iova);
	REQUIRE(dma_works(EDU, &mine));
	REQUIRE(iom_unmap(dom, &mine) == 0);
	REQUIRE(refuses(iom_unmap(rig.dom, &region)));
	iom_close(dom);
}

/* ---- The parent --------------------------------------------------------------------------------- */

static void run_child(void (*run)(void))
{
	int status;
	pid_t pid;

	pid = fork();
	ck_assert_int_ge(pid, 0);
	if (!pid) {
		/* rather than wait for ever for a lock */
		alarm(60);
		run();
		_exit(0);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_msg(WIFEXITED(status) && !WEXITSTATUS(status), "the child ended with 0x%x",
		      status);
}

static void check_parent(void)
{
	uint64_t iova, run;

	ck_assert_int_eq(iom_translate(rig.dom, memory, PAGE, &iova, &run), 0);
	ck_assert_uint_eq(iova, region.iova);
	ck_assert(dma_works(NVME, &region));
	ck_assert_uint_eq(rig_counters().mappings, 1);
	ck_assert_int_ge(iom_device_fd(rig.nvme), 0);
	ck_assert_works();
}

static void (*const children[])(void) = { child_calls, child_closes, child_opens };

/*
 * The last one not on POWER: the copy of the simulation, other than a kernel, has the parent's
 * registrations, too (test_power_again has it with a new one).
 */
#define CHILDREN (ARRAY_SIZE(children) - rig_is_power())

START_TEST(a_child)
{
	run_child(children[_i]);
	check_parent();
}
END_TEST

/* A child of a child is none of ours either. */
static void child_forks(void)
{
	int status;
	pid_t pid = fork();

	REQUIRE(pid >= 0);
	if (!pid) {
		child_calls();
		child_closes();
		_exit(0);
	}
	REQUIRE(waitpid(pid, &status, 0) == pid);
	REQUIRE(WIFEXITED(status) && !WEXITSTATUS(status));
	child_calls();
}

START_TEST(a_grandchild)
{
	run_child(child_forks);
	check_parent();
}
END_TEST

/* Another thread of the parent was inside the library, and never lets go of its locks in the child. */
START_TEST(a_child_of_a_busy_parent)
{
	pthread_rwlock_wrlock(&rig.dom->topology);
	pthread_mutex_lock(&rig.dom->table);
	run_child(children[_i]);
	pthread_mutex_unlock(&rig.dom->table);
	pthread_rwlock_unlock(&rig.dom->topology);
	check_parent();
}
END_TEST

static void child_closes_empty(void)
{
	REQUIRE(refuses(iom_unmap_all(rig.dom)));
	iom_close(rig.dom);
}

START_TEST(a_domain_without_devices)
{
	iom_detach(rig.nvme);
	run_child(child_closes_empty);
	ck_assert_ok(iom_attach(rig.dom, NVME, NULL, &rig.nvme));
	check_parent();
	iom_close(rig.dom);
	ck_assert_ok(rig_open(&rig.dom));
	run_child(child_closes_empty);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("fork");
	TCase *tcase = tcase_create("fork");

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_set_timeout(tcase, 120);
	tcase_add_loop_test(tcase, a_child, 0, CHILDREN);
	tcase_add_test(tcase, a_grandchild);
	tcase_add_loop_test(tcase, a_child_of_a_busy_parent, 0, CHILDREN);
	tcase_add_test(tcase, a_domain_without_devices);
	suite_add_tcase(suite, tcase);
	return run_suite(suite);
}
