// SPDX-License-Identifier: BSD-3-Clause
/* Declared memory and streams: what only a look into the kernel shows. */
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/runner.h"
#include "tests/unit/stream_rig.h"

#define NARROW 24 /* bits: 16 MiB, for 7 granules */

static struct flight one, two;

static void set_up_stream(void)
{
	have_memory();
	stream_start(0);
}

/* From now on, or not. */
static void refuse_unmaps(bool on)
{
	const struct iom_sim_failure failure = {
		.nth = 1,
		.answer = -EIO,
		.calls = 1u << IOM_SIM_IOCTL,
		.request = rig_backend()->unmap,
		.on = true,
	};

	iom_sim_fail(rig.sim, on ? &failure : NULL);
}

/* ---- System calls --------------------------------------------------------------------------------- */

START_TEST(warm_makes_no_call)
{
	struct iom_region region;
	unsigned int calls, i;

	warm_up(0, 4);
	ck_assert_ok(map_any(undeclared(), GRANULE, &region));
	calls = iom_sim_calls(rig.sim);
	for (i = 0; i < 1000; i++) {
		ck_assert_int_eq(fly(memory + i * 977 % (3 * GRANULE), 4096, &one) > 0, 1);
		ck_assert_int_eq(fly(undeclared() + i * 977 % MIB, 8192, &two), 1);
		ck_assert_ok(land(&one));
		ck_assert_ok(land(&two));
	}
	ck_assert_uint_eq(iom_sim_calls(rig.sim), calls);
	ck_assert_uint_ge(stream_counters(stream).hits, 1000);
	ck_assert_uint_eq(stream_counters(stream).mapped, 1000);
}
END_TEST

/* Whatever is asked of it. */
START_TEST(nowait_makes_no_call)
{
	const unsigned int flags = IOM_MAP_RW | IOM_NOWAIT;
	struct iom_stream *other;
	struct iom_segment s[4];
	unsigned int calls;

	ck_assert_ok(iom_stream_open(rig.dom, &other));
	warm_up(0, 1);
	calls = iom_sim_calls(rig.sim);
	ck_assert_int_eq(iom_dma_map(stream, memory, 64, flags, s, 4), 1);
	ck_assert_ok(iom_dma_unmap(stream, s, 1));
	/* another stream may have it, too: that is no call */
	ck_assert_int_eq(iom_dma_map(other, memory, 64, flags, s, 4), 1);
	ck_assert_ok(iom_dma_unmap(other, s, 1));
	ck_assert_int_eq(iom_dma_map(stream, memory + GRANULE, 64, flags, s, 4), -EAGAIN);
	ck_assert_int_eq(iom_dma_map(stream, memory + GRANULE - 8, 64, flags, s, 4), -EAGAIN);
	ck_assert_int_eq(iom_dma_map(stream, undeclared(), 64, flags, s, 4), -EAGAIN);
	ck_assert_uint_eq(iom_sim_calls(rig.sim), calls);
	ck_assert_uint_eq(stream_counters(stream).again, 3);
	iom_stream_close(other);
}
END_TEST

/* Each granule is mapped once, as large as it is, and on POWER all is registered at once. */
START_TEST(kernel_calls)
{
	unsigned int maps = iom_sim_ioctls(rig.sim, rig_backend()->map);
	unsigned int registers = iom_sim_ioctls(rig.sim, VFIO_IOMMU_SPAPR_REGISTER_MEMORY);
	struct iom_counters before = rig_counters();

	ck_assert_int_eq(fly(memory, 3 * GRANULE, &one), 3);
	ck_assert_uint_eq(iom_sim_ioctls(rig.sim, rig_backend()->map) - maps, 3);
	ck_assert_uint_eq(rig_counters().kernel_maps - before.kernel_maps, 3);
	ck_assert_uint_eq(iom_sim_ioctls(rig.sim, VFIO_IOMMU_SPAPR_REGISTER_MEMORY), registers);
	ck_assert_ok(land(&one));
	ck_assert_uint_eq(rig_counters().kernel_unmaps, before.kernel_unmaps);
	ck_assert_uint_eq(rig_counters().mapped_bytes, 3 * GRANULE);

	/* and what was not declared, twice two */
	before = rig_counters();
	ck_assert_int_eq(fly(undeclared() + 5, 3 * PAGE, &one), 1);
	ck_assert_uint_eq(rig_counters().mapped_bytes - before.mapped_bytes, 4 * PAGE);
	ck_assert_ok(land(&one));
	ck_assert_uint_eq(rig_counters().kernel_maps - before.kernel_maps, 1);
	ck_assert_uint_eq(rig_counters().kernel_unmaps - before.kernel_unmaps, 1);
	ck_assert(is_gone(NVME, &one));
}
END_TEST

/* Some at a time, and not those that were used a moment ago. */
START_TEST(eviction_spares_what_is_used)
{
	struct iom_stream_counters c;
	unsigned int i;

	tear_down();
	stream_start(NARROW);
	warm_up(0, 6);
	for (i = 0; i < 40; i++) {
		/* two are used all the time, the others are used once */
		warm_up(0, 2);
		warm_up(2 + i % (GRANULES - 2), 1);
	}
	c = stream_counters(stream);
	ck_assert_uint_gt(c.evictions, 20);
	/* they missed seldom */
	ck_assert_uint_lt(c.misses, 6 + 40 + 20);
	ck_assert_uint_eq(c.hits + c.misses, 6 + 3 * 40);
}
END_TEST

/* ---- What it answers ------------------------------------------------------------------------------ */

START_TEST(bad_addresses)
{
	struct iom_segment s[2];

	ck_assert_int_eq(iom_dma_map(stream, (void *)8, 16, IOM_MAP_RW, s, 2), -EFAULT);
	ck_assert_int_eq(iom_dma_map(stream, NULL, 16, IOM_MAP_RW, s, 2), -EFAULT);
	ck_assert_int_eq(iom_dma_map(stream, (void *)(UINTPTR_MAX - 4095), 4096, IOM_MAP_RW, s, 2),
			 -EFAULT);
	ck_assert_int_eq(iom_dma_map(stream, (void *)(UINTPTR_MAX - 4095), 4097, IOM_MAP_RW, s, 2),
			 -EFAULT);
	ck_assert_int_eq(iom_dma_map(stream, memory, UINT64_MAX, IOM_MAP_RW, s, 2), -EFAULT);
	ck_assert_uint_eq(rig_counters().mapped_bytes, 0);
}
END_TEST

/* errno and the sentence are as they were. */
START_TEST(leaves_no_trace)
{
	struct iom_segment s;

	ck_assert_int_eq(map_any(NULL, PAGE, NULL), -EINVAL);
	errno = 77;
	ck_assert_int_eq(fly(memory, PAGE, &one), 1);
	ck_assert_int_eq(iom_dma_map(stream, undeclared() - 8, 16, IOM_MAP_RW, &s, 1), -EMSGSIZE);
	ck_assert_ok(land(&one));
	ck_assert_int_eq(errno, 77);
	ck_assert_ptr_nonnull(strstr(iom_errmsg(), "NULL"));
}
END_TEST

START_TEST(in_a_forked_child)
{
	struct iom_stream_counters c = { .size = sizeof(c) };
	struct iom_segment s;
	int status;
	pid_t pid;

	ck_assert_int_eq(fly(memory, PAGE, &one), 1);
	ck_assert_int_eq(fly(undeclared(), PAGE, &two), 1);
	pid = fork();
	ck_assert_int_ge(pid, 0);
	if (!pid) {
		bool ok = iom_dma_map(stream, memory, 64, IOM_MAP_RW, &s, 1) == -EPERM;

		ok &= land(&one) == -EPERM && land(&two) == -EPERM;
		ok &= iom_stream_read_counters(stream, &c) == -EPERM;
		ok &= iom_memory_remove(declared) == -EPERM;
		ok &= iom_stream_open(rig.dom, &stream) == -EPERM;
		ok &= iom_memory_add(rig.dom, undeclared(), PAGE, IOM_MAP_RW, &declared) == -EPERM;
		iom_stream_close(stream);
		iom_close(rig.dom);
		execl("/bin/sh", "sh", "-c", ok ? "exit 0" : "exit 1", (char *)NULL);
		_exit(2);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFEXITED(status) && !WEXITSTATUS(status));
	ck_assert(flies(NVME, &one) && flies(NVME, &two));
	ck_assert_ok(land(&one));
	ck_assert_ok(land(&two));
	ck_assert_ok(iom_memory_remove(declared));
}
END_TEST

/* ---- When the kernel refuses to unmap --------------------------------------------------------------- */

/* A granule that could not be evicted: the end of its declaration tells. */
START_TEST(refused_eviction)
{
	struct iom_counters c;
	unsigned int i;

	tear_down();
	stream_start(NARROW);
	warm_up(0, 6);
	refuse_unmaps(true);
	for (i = 6; i < GRANULES; i++)
		if (fly(memory + i * GRANULE, GRANULE, &one) > 0)
			ck_assert_ok(land(&one));
	refuse_unmaps(false);
	c = rig_counters();
	ck_assert_uint_ge(c.quarantined_bytes, GRANULE);
	ck_assert_fails(iom_memory_remove(declared), -EIO, "refused");
	ck_assert_uint_ge(rig_counters().quarantined_bytes, c.quarantined_bytes);
	ck_assert_uint_eq(rig_counters().mapped_bytes, 0);
}
END_TEST

/* What is not told of by its own call is told of by the one that made it. */
START_TEST(refused_undo)
{
	char *border = undeclared() + GRANULE;
	struct iom_memory *mem;
	struct iom_segment s;

	ck_assert_ok(iom_memory_add(rig.dom, border, GRANULE, IOM_MAP_RW, &mem));
	/* on pSeries the first map begins with an unmap */
	ck_assert_works();
	refuse_unmaps(true);
	/* a transient that has to go again, because the list has no room for a second segment */
	ck_assert_int_eq(iom_dma_map(stream, border - 2 * PAGE, 4 * PAGE, IOM_MAP_RW, &s, 1), -EIO);
	refuse_unmaps(false);
	ck_assert_uint_eq(rig_counters().quarantined_bytes, 2 * PAGE);
	ck_assert_ok(iom_memory_remove(mem));
}
END_TEST

START_TEST(refused_end)
{
	ck_assert_int_eq(fly(undeclared() + 3, 4 * PAGE, &one), 1);
	refuse_unmaps(true);
	ck_assert_int_eq(land(&one), -EIO);
	refuse_unmaps(false);
	ck_assert_uint_eq(rig_counters().quarantined_bytes, 5 * PAGE);
	ck_assert(flies(NVME, &one));
	ck_assert_ok(iom_memory_remove(declared));
	ck_assert_uint_eq(rig_counters().mapped_bytes, 0);
}
END_TEST

/* ---- Declarations ----------------------------------------------------------------------------------- */

/* What took off before it was declared is in flight in it, too. */
START_TEST(declared_in_flight)
{
	struct iom_memory *mem;

	ck_assert_int_eq(fly(undeclared() + 5, PAGE, &one), 1);
	/* POWER has registered that page apart */
	if (iom_memory_add(rig.dom, undeclared(), 8 * PAGE, IOM_MAP_RW, &mem) < 0) {
		ck_assert(rig_is_power());
		ck_assert_ok(land(&one));
		return;
	}
	ck_assert_fails(iom_memory_remove(mem), -EBUSY, "in flight");
	ck_assert(flies(NVME, &one));
	ck_assert_ok(land(&one));
	ck_assert(is_gone(NVME, &one));
	ck_assert_ok(iom_memory_remove(mem));
}
END_TEST

/* Granules that nothing is in flight in go with the rest; and nothing else of streams does. */
START_TEST(unmap_all)
{
	struct flight idle;

	ck_assert_int_eq(fly(memory + GRANULE, GRANULE, &idle), 1);
	ck_assert_ok(land(&idle));
	ck_assert_int_eq(fly(memory, PAGE, &one), 1);
	ck_assert_int_eq(fly(undeclared(), PAGE, &two), 1);
	ck_assert_ok(map_any(undeclared() + MIB, PAGE, NULL));
	ck_assert_ok(iom_unmap_all(rig.dom));
	ck_assert(is_gone(NVME, &idle));
	ck_assert(flies(NVME, &one) && flies(NVME, &two));
	ck_assert_uint_eq(rig_counters().mapped_bytes, GRANULE + PAGE);
	ck_assert_ok(land(&one));
	ck_assert_ok(land(&two));
}
END_TEST

/* The end of a domain with all of it alive; tear_down() looks. */
START_TEST(closed_alive)
{
	struct iom_memory *mem;
	struct iom_stream *other;

	ck_assert_ok(iom_memory_add(rig.dom, undeclared(), PAGE, IOM_MAP_READ, &mem));
	ck_assert_ok(iom_stream_open(rig.dom, &other));
	warm_up(0, 3);
	ck_assert_int_eq(fly(memory, PAGE, &one), 1);
	ck_assert_int_eq(fly_in(other, undeclared() + PAGE, PAGE, &two), 1);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("stream");
	TCase *tcase = tcase_create("stream");

	tcase_add_checked_fixture(tcase, set_up_stream, tear_down);
	tcase_set_timeout(tcase, 120);
	tcase_add_test(tcase, warm_makes_no_call);
	tcase_add_test(tcase, nowait_makes_no_call);
	tcase_add_test(tcase, kernel_calls);
	tcase_add_test(tcase, eviction_spares_what_is_used);
	tcase_add_test(tcase, bad_addresses);
	tcase_add_test(tcase, leaves_no_trace);
	tcase_add_test(tcase, in_a_forked_child);
	tcase_add_test(tcase, refused_eviction);
	tcase_add_test(tcase, refused_undo);
	tcase_add_test(tcase, refused_end);
	tcase_add_test(tcase, declared_in_flight);
	tcase_add_test(tcase, unmap_all);
	tcase_add_test(tcase, closed_alive);
	suite_add_tcase(suite, tcase);
	return run_suite(suite);
}
