// SPDX-License-Identifier: BSD-3-Clause
/*
 * The simulated SPAPR TCE: what a device reaches through the entries of windows, what they cost,
 * and calls that fail.
 */
#include "tests/unit/runner.h"

#include <sys/wait.h>

#include "tests/unit/sim_spapr_rig.h"

static const char *const machines[] = { "powernv", "pseries" };

#define N_MACHINES 2

static struct iom_sim_spapr_cost cost_of(void)
{
	struct iom_sim_spapr_cost cost;

	iom_sim_spapr_cost(sim, &cost);
	return cost;
}

/* Memory, each page with a byte of its own. */
static char *make_marked(size_t pages)
{
	char *memory = make_aligned(pages * PAGE, 2 * MIB);
	size_t i;

	for (i = 0; i < pages; i++)
		memory[i * PAGE] = (char)(i + 1);
	return memory;
}

static int misses(uint64_t iova)
{
	char c;

	return iom_sim_dma_read(sim, NVME, iova, &c, 1) == -EFAULT;
}

/* ---- Reaching memory ------------------------------------------------------------------------ */

START_TEST(both_windows)
{
	char *memory = make_marked(8), c = 'x';
	uint64_t start;
	int container;

	make_power(machines[_i]);
	container = make_spapr(14);
	ck_assert_int_eq(enlist(container, memory, 8 * PAGE), 0);
	ck_assert(misses(0));
	ck_assert_int_eq(map(container, 4 * PAGE, memory, PAGE, RW), 0);
	ck_assert_int_eq(create(container, LARGE, GIB, &start), 0);
	ck_assert_int_eq(map(container, start, memory + PAGE, 7 * PAGE, VFIO_DMA_MAP_FLAG_READ), 0);
	ck_assert(reads(NVME, 4 * PAGE, memory));
	ck_assert(reads(NVME, start + PAGE, memory + 2 * PAGE));
	ck_assert_int_eq(iom_sim_dma_write(sim, NVME, 4 * PAGE + 1, &c, 1), 0);
	ck_assert_int_eq(memory[1], 'x');
	ck_assert_int_eq(iom_sim_dma_write(sim, NVME, start, &c, 1), -EFAULT);
	/* and not a bit that was not asked for */
	ck_assert_int_eq(map(container, 0, memory, PAGE, VFIO_DMA_MAP_FLAG_WRITE), 0);
	/* but what may be written can be read there, as pnv_tce_build() in the kernel has it */
	ck_assert(strncmp(machines[_i], "powernv", 7) ? misses(0) : reads(NVME, 0, memory));
	ck_assert_int_eq(iom_sim_dma_write(sim, NVME, 0, &c, 1), 0);
	/* the other group's device is elsewhere */
	ck_assert_int_eq(iom_sim_dma_read(sim, EDU, start, &c, 1), -EFAULT);
	ck_assert_int_eq(remove_window(container, start + 5), 0);
	ck_assert(misses(start));
	ck_assert(reads(NVME, 4 * PAGE, memory));
}
END_TEST

START_TEST(replaced_and_cut)
{
	char *memory = make_marked(32);
	int container;

	make_power(machines[_i]);
	container = make_spapr(14);
	ck_assert_int_eq(enlist(container, memory, 32 * PAGE), 0);
	ck_assert_int_eq(map(container, 0, memory, 16 * PAGE, RW), 0);
	ck_assert_int_eq(map(container, 4 * PAGE, memory + 20 * PAGE, 4 * PAGE, RW), 0);
	ck_assert_uint_eq(iom_sim_mapped_bytes(sim), 16 * PAGE);
	ck_assert(reads(NVME, 3 * PAGE, memory + 3 * PAGE));
	ck_assert(reads(NVME, 4 * PAGE, memory + 20 * PAGE));
	ck_assert(reads(NVME, 7 * PAGE, memory + 23 * PAGE));
	ck_assert(reads(NVME, 8 * PAGE, memory + 8 * PAGE));
	ck_assert_int_eq(clear(container, 2 * PAGE, 4 * PAGE), 0);
	ck_assert_uint_eq(iom_sim_mapped_bytes(sim), 12 * PAGE);
	ck_assert(reads(NVME, PAGE, memory + PAGE));
	ck_assert(misses(2 * PAGE));
	ck_assert(misses(5 * PAGE));
	ck_assert(reads(NVME, 6 * PAGE, memory + 22 * PAGE));
	/* by pages of the window, which are smaller than the system's */
	ck_assert_int_eq(clear(container, 6 * PAGE, 4096), 0);
	ck_assert(misses(6 * PAGE));
	ck_assert(reads(NVME, 6 * PAGE + 4096, memory + 22 * PAGE + 4096));
	ck_assert_int_eq(clear(container, 0, 16 * PAGE), 0);
	ck_assert_uint_eq(iom_sim_mapped_bytes(sim), 0);
	/* each entry was counted once */
	ck_assert_int_eq(delist(container, memory, 32 * PAGE), 0);
	ck_assert_uint_eq(iom_sim_spapr_leaks(sim), 0);
}
END_TEST

/* What is set before a failure is cleared, what is behind it stays. */
START_TEST(half_done)
{
	char *memory = make_marked(16);
	int container;

	make_power(machines[_i]);
	container = make_spapr(14);
	ck_assert_int_eq(enlist(container, memory, 4 * PAGE), 0);
	ck_assert_int_eq(enlist(container, memory + 8 * PAGE, 8 * PAGE), 0);
	ck_assert_int_eq(map(container, 0, memory + 8 * PAGE, 8 * PAGE, RW), 0);
	ck_assert_int_eq(map(container, 0, memory, 8 * PAGE, RW), -EINVAL);
	ck_assert(misses(0));
	ck_assert(misses(3 * PAGE));
	ck_assert(reads(NVME, 4 * PAGE, memory + 12 * PAGE));
	ck_assert_uint_eq(iom_sim_mapped_bytes(sim), 4 * PAGE);
	ck_assert_int_eq(clear(container, 0, 8 * PAGE), 0);
	ck_assert_int_eq(delist(container, memory, 4 * PAGE), 0);
	ck_assert_int_eq(delist(container, memory + 8 * PAGE, 8 * PAGE), 0);
	ck_assert_uint_eq(iom_sim_spapr_leaks(sim), 0);
}
END_TEST

/* PowerNV only: when one group leaves, the others lose their entries as well. */
START_TEST(shared_by_groups)
{
	char *memory = make_marked(4);
	int container, group;

	make_power("powernv");
	container = make_spapr(14);
	ck_assert_int_eq(enlist(container, memory, 4 * PAGE), 0);
	ck_assert_int_eq(map(container, 0, memory, PAGE, RW), 0);
	group = join_new(container, 15);
	ck_assert_int_ge(group, 0);
	ck_assert(reads(EDU, 0, memory));
	ck_assert_int_eq(map(container, PAGE, memory + PAGE, PAGE, RW), 0);
	ck_assert(reads(NVME, PAGE, memory + PAGE));
	ck_assert(reads(EDU, PAGE, memory + PAGE));
	ck_assert_int_eq(iom_sys_close(sys, group), 0);
	ck_assert(misses(0));
	ck_assert(misses(PAGE));
	ck_assert_uint_eq(iom_sim_mapped_bytes(sim), 0);
	ck_assert_int_eq(map(container, 0, memory, PAGE, RW), 0);
	ck_assert(reads(NVME, 0, memory));
}
END_TEST

struct walk {
	unsigned int n;
	uint64_t iova, length;
	void *va;
};

static int note(void *arg, uint64_t iova, void *va, uint64_t length, uint32_t flags)
{
	struct walk *walk = arg;

	(void)flags;
	walk->n++;
	walk->iova = iova;
	walk->va = va;
	walk->length = length;
	return 0;
}

/* There are no mappings on POWER, so what is in one piece is one. */
START_TEST(pieces)
{
	char *memory = make_marked(16);
	struct walk walk = { 0 };
	uint64_t length;
	int container;
	void *va;

	make_power(machines[_i]);
	container = make_spapr(14);
	ck_assert_int_eq(enlist(container, memory, 8 * PAGE), 0);
	ck_assert_int_eq(enlist(container, memory + 8 * PAGE, 8 * PAGE), 0);
	ck_assert_int_eq(map(container, 0, memory, 4 * PAGE, RW), 0);
	ck_assert_int_eq(map(container, 4 * PAGE, memory + 4 * PAGE, 12 * PAGE, RW), 0);
	ck_assert_int_eq(iom_sim_each_map(sim, NVME, note, &walk), 0);
	ck_assert_uint_eq(walk.n, 1);
	ck_assert_uint_eq(walk.length, 16 * PAGE);
	ck_assert_ptr_eq(walk.va, memory);
	ck_assert_int_eq(iom_sim_dma_target(sim, NVME, PAGE, true, &va, &length), 0);
	ck_assert_ptr_eq(va, memory + PAGE);
	ck_assert_uint_eq(length, 15 * PAGE);
	ck_assert_int_eq(clear(container, 2 * PAGE, PAGE), 0);
	walk.n = 0;
	ck_assert_int_eq(iom_sim_each_map(sim, NVME, note, &walk), 0);
	ck_assert_uint_eq(walk.n, 2);
	ck_assert_uint_eq(walk.iova, 3 * PAGE);
	/* of other rights, or other memory */
	ck_assert_int_eq(map(container, 2 * PAGE, memory + 2 * PAGE, PAGE, VFIO_DMA_MAP_FLAG_READ),
			 0);
	ck_assert_int_eq(map(container, 15 * PAGE, memory, PAGE, RW), 0);
	walk.n = 0;
	ck_assert_int_eq(iom_sim_each_map(sim, NVME, note, &walk), 0);
	ck_assert_uint_eq(walk.n, 4);
	ck_assert_uint_eq(walk.length, PAGE);
}
END_TEST

/* ---- Huge pages ----------------------------------------------------------------------------- */

START_TEST(huge_pages)
{
	char *memory = make_aligned(8 * MIB, 2 * MIB);
	uint64_t start;
	int container;

	make_power(machines[_i]);
	container = make_spapr(14);
	ck_assert_int_eq(create(container, HUGE, GIB, &start), 0);
	ck_assert_int_eq(iom_sim_set_backing(sim, memory, 4 * MIB, 2 * MIB), 0);
	ck_assert_int_eq(enlist(container, memory, 4 * MIB), 0);
	ck_assert_int_eq(enlist(container, memory + 4 * MIB, 4 * MIB), 0);
	ck_assert_int_eq(map(container, start, memory, 4 * MIB, RW), 0);
	ck_assert(reads(NVME, start + 3 * MIB, memory + 3 * MIB));
	ck_assert_int_eq(map(container, start, memory + 4 * MIB, 4 * MIB, RW), -EINVAL);
	/* small pages are cleared by the failure that comes after them, and only then */
	ck_assert_int_eq(map(container, start, memory + 2 * MIB, 4 * MIB, RW), -EINVAL);
	ck_assert(misses(start));
	ck_assert(reads(NVME, start + 2 * MIB, memory + 2 * MIB));
	ck_assert_int_eq(map(container, 0, memory + 4 * MIB, 4 * MIB, RW), 0);
}
END_TEST

/* Small pages behind huge ones do not count when memory is registered, but when it is mapped. */
START_TEST(mixed_pages)
{
	char *memory = make_aligned(8 * MIB, 4 * MIB);
	uint64_t start;
	int container;

	make_power(machines[_i]);
	container = make_spapr(14);
	ck_assert_int_eq(create(container, HUGE, GIB, &start), 0);
	ck_assert_int_eq(iom_sim_set_backing(sim, memory, 4 * MIB, 2 * MIB), 0);
	ck_assert_int_eq(enlist(container, memory, 8 * MIB), 0);
	ck_assert_int_eq(map(container, start, memory, 4 * MIB, RW), 0);
	ck_assert_int_eq(map(container, start, memory + 2 * MIB, 4 * MIB, RW), -EPERM);
	ck_assert(misses(start));
	ck_assert_int_eq(clear(container, start, GIB), 0);
	ck_assert_int_eq(delist(container, memory, 8 * MIB), 0);
	/* the other way round they do */
	ck_assert_int_eq(iom_sim_set_backing(sim, memory, 4 * MIB, 0), 0);
	ck_assert_int_eq(iom_sim_set_backing(sim, memory + 4 * MIB, 4 * MIB, 4 * MIB), 0);
	ck_assert_int_eq(enlist(container, memory, 8 * MIB), 0);
	ck_assert_int_eq(map(container, start, memory + 4 * MIB, 4 * MIB, RW), -EINVAL);
}
END_TEST

/* What was so when it was registered counts. */
START_TEST(pages_of_then)
{
	char *memory = make_aligned(2 * MIB, 2 * MIB);
	uint64_t start;
	int container;

	make_power(machines[_i]);
	container = make_spapr(14);
	ck_assert_int_eq(create(container, HUGE, GIB, &start), 0);
	ck_assert_int_eq(enlist(container, memory, 2 * MIB), 0);
	ck_assert_int_eq(iom_sim_set_backing(sim, memory, 2 * MIB, 2 * MIB), 0);
	ck_assert_int_eq(map(container, start, memory, 2 * MIB, RW), -EINVAL);
	ck_assert_int_eq(delist(container, memory, 2 * MIB), 0);
	ck_assert_int_eq(enlist(container, memory, 2 * MIB), 0);
	ck_assert_int_eq(map(container, start, memory, 2 * MIB, RW), 0);
}
END_TEST

/* ---- Costs ---------------------------------------------------------------------------------- */

/* 3 regions; what is mapped is the first of them, so the last in the list. */
START_TEST(list_nodes)
{
	struct iom_sim_spapr_cost before, after;
	char *memory = make_marked(12);
	const uint64_t n = 4 * PAGE / 4096;
	int container, i;

	make_power(machines[_i]);
	container = make_spapr(14);
	for (i = 0; i < 3; i++)
		ck_assert_int_eq(enlist(container, memory + i * 4 * PAGE, 4 * PAGE), 0);
	ck_assert_int_eq(clear(container, 0, PAGE), 0);
	before = cost_of();
	ck_assert_int_eq(map(container, 0, memory, 4 * PAGE, RW), 0);
	after = cost_of();
	ck_assert_uint_eq(after.entries_set - before.entries_set, n);
	ck_assert_uint_eq(after.list_nodes - before.list_nodes, n * (3 + 3));
	before = after;
	ck_assert_int_eq(clear(container, 0, 2 * PAGE), 0);
	after = cost_of();
	ck_assert_uint_eq(after.entries_cleared - before.entries_cleared, n / 2);
	ck_assert_uint_eq(after.list_nodes - before.list_nodes, n / 2 * (3 + 3));
	/* nothing there, nothing looked for */
	before = after;
	ck_assert_int_eq(clear(container, 0, 2 * PAGE), 0);
	after = cost_of();
	ck_assert_uint_eq(after.entries_cleared, before.entries_cleared);
	ck_assert_uint_eq(after.list_nodes, before.list_nodes);
	/* not to be written: one walk less to clear; the newest region is the first in the list */
	before = after;
	ck_assert_int_eq(map(container, 0, memory + 8 * PAGE, PAGE, VFIO_DMA_MAP_FLAG_READ), 0);
	ck_assert_int_eq(clear(container, 0, PAGE), 0);
	after = cost_of();
	ck_assert_uint_eq(after.list_nodes - before.list_nodes, PAGE / 4096 * (1 + 3 + 1));
	/* one over another: both at once */
	before = after;
	ck_assert_int_eq(map(container, 2 * PAGE, memory + 8 * PAGE, PAGE, RW), 0);
	after = cost_of();
	ck_assert_uint_eq(after.list_nodes - before.list_nodes, PAGE / 4096 * (1 + 3 + 3 + 3));
	/* the list gets shorter */
	ck_assert_int_eq(delist(container, memory + 4 * PAGE, 4 * PAGE), 0);
	before = cost_of();
	ck_assert_int_eq(map(container, 4 * PAGE, memory, PAGE, RW), 0);
	after = cost_of();
	ck_assert_uint_eq(after.list_nodes - before.list_nodes, PAGE / 4096 * (2 + 2));
}
END_TEST

START_TEST(hypercalls)
{
	struct iom_sim_spapr_cost before, after;
	char *memory = make_marked(4);
	const uint64_t n = 4 * PAGE / 4096;
	uint64_t start;
	int container;

	make_power(machines[_i]);
	container = make_spapr(14);
	ck_assert_int_eq(enlist(container, memory, 4 * PAGE), 0);
	before = cost_of();
	ck_assert_int_eq(map(container, 0, memory, 4 * PAGE, RW), 0);
	after = cost_of();
	ck_assert_uint_eq(after.hypercalls - before.hypercalls, _i ? 2 * n : 0);
	ck_assert_uint_eq(after.flushes - before.flushes, !_i);
	before = after;
	/* whether or not there is something */
	ck_assert_int_eq(clear(container, 2 * PAGE, 4 * PAGE), 0);
	after = cost_of();
	ck_assert_uint_eq(after.hypercalls - before.hypercalls, _i ? 2 * n : 0);
	ck_assert_uint_eq(after.flushes - before.flushes, !_i);
	ck_assert_int_eq(create(container, LARGE, 16 * GIB, &start), 0);
	before = cost_of();
	ck_assert_int_eq(remove_window(container, start), 0);
	after = cost_of();
	ck_assert_uint_eq(after.hypercalls - before.hypercalls, _i ? 2 * (16 * GIB >> LARGE) : 0);
}
END_TEST

/* ---- Crashes -------------------------------------------------------------------------------- */

static int go_over_the_end(uint64_t end, bool unmapping)
{
	char *memory = make_marked(4);
	int container = make_spapr(14);
	uint64_t left;

	ck_assert_int_eq(enlist(container, memory, 4 * PAGE), 0);
	if (unmapping)
		return unmap(container, end - PAGE, 2 * PAGE, &left);
	return map(container, end - PAGE, memory, 2 * PAGE, RW);
}

START_TEST(a_crash_is_counted)
{
	make_power(machines[_i]);
	iom_sim_spapr_survive(sim, true);
	ck_assert_int_eq(go_over_the_end(_i ? GIB : 2 * GIB, false), -EIO);
	ck_assert_uint_eq(iom_sim_spapr_crashes(sim), 1);
	ck_assert(!misses((_i ? GIB : 2 * GIB) - PAGE));
	ck_assert_uint_eq(iom_sim_mapped_bytes(sim), PAGE);
	make_power(machines[_i]);
	iom_sim_spapr_survive(sim, true);
	ck_assert_int_eq(go_over_the_end(_i ? GIB : 2 * GIB, true), -EIO);
	ck_assert_uint_eq(iom_sim_spapr_crashes(sim), 1);
}
END_TEST

START_TEST(a_crash_is_loud)
{
	int status, silence;
	pid_t child;

	make_power("pseries");
	child = fork();
	ck_assert_int_ge(child, 0);
	if (!child) {
		silence = open("/dev/null", O_WRONLY);
		dup2(silence, 2);
		signal(SIGABRT, SIG_DFL);
		go_over_the_end(GIB, _i);
		_exit(0);
	}
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
}
END_TEST

/* ---- Failures ------------------------------------------------------------------------------- */

static int n_events;

static void count_event(void *arg, const struct iom_sim_event *event)
{
	if (event->request == *(unsigned long *)arg && !strcmp(event->path, "/dev/vfio/vfio") &&
	    event->answer == -ENOSPC)
		n_events++;
}

START_TEST(calls_that_fail)
{
	unsigned long request = VFIO_IOMMU_SPAPR_REGISTER_MEMORY;
	char *memory = make_marked(4);
	int container;

	make_power(machines[_i]);
	container = make_spapr(14);
	n_events = 0;
	iom_sim_watch(sim, count_event, &request);
	iom_sim_fail(sim, &(const struct iom_sim_failure){
				  .nth = 1, .answer = -ENOSPC, .request = request });
	ck_assert_int_eq(enlist(container, memory, 4 * PAGE), -ENOSPC);
	ck_assert_uint_eq(iom_sim_locked_bytes(sim), 0);
	iom_sim_fail(sim, &(const struct iom_sim_failure){
				  .nth = 1, .answer = -ENOSPC, .request = request, .after = true });
	ck_assert_int_eq(enlist(container, memory, 4 * PAGE), -ENOSPC);
	ck_assert_uint_eq(iom_sim_locked_bytes(sim), 4 * PAGE);
	ck_assert_int_eq(n_events, 2);
	ck_assert_uint_eq(iom_sim_ioctls(sim, request), 2);
	iom_sim_watch(sim, NULL, NULL);
	ck_assert_int_eq(map(container, 0, memory, PAGE, RW), 0);
	/* pulled out: its DMA ends */
	ck_assert_int_eq(iom_sim_unplug(sim, NVME), 0);
	ck_assert_int_eq(iom_sim_dma_read(sim, NVME, 0, memory, 1), -ENODEV);
	/* another process has the other group */
	ck_assert_int_eq(iom_sim_hold_group(sim, 15, 4711, "qemu"), 0);
	ck_assert_int_eq(open_group(15), -EBUSY);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("sim_spapr_dma");
	TCase *tcase = tcase_create("sim_spapr_dma");

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_loop_test(tcase, both_windows, 0, N_MACHINES);
	tcase_add_loop_test(tcase, replaced_and_cut, 0, N_MACHINES);
	tcase_add_loop_test(tcase, half_done, 0, N_MACHINES);
	tcase_add_test(tcase, shared_by_groups);
	tcase_add_loop_test(tcase, pieces, 0, N_MACHINES);
	tcase_add_loop_test(tcase, huge_pages, 0, N_MACHINES);
	tcase_add_loop_test(tcase, mixed_pages, 0, N_MACHINES);
	tcase_add_loop_test(tcase, pages_of_then, 0, N_MACHINES);
	tcase_add_loop_test(tcase, list_nodes, 0, N_MACHINES);
	tcase_add_loop_test(tcase, hypercalls, 0, N_MACHINES);
	tcase_add_loop_test(tcase, a_crash_is_counted, 0, N_MACHINES);
	tcase_add_loop_test(tcase, a_crash_is_loud, 0, 2);
	tcase_add_loop_test(tcase, calls_that_fail, 0, N_MACHINES);
	suite_add_tcase(suite, tcase);
	return run_suite(suite);
}
