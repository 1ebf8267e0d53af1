// SPDX-License-Identifier: BSD-3-Clause
/*
 * What the device reaches, and from when on it does not any more: the table of docs/security.md, row by
 * row, by what the simulated device reads.
 */
#include <sys/wait.h>

#include "tests/unit/runner.h"
#include "tests/unit/stream_rig.h"

#define SECOND "0000:01:00.1" /* another function of the first device */

static char *own; /* GRANULE, declared in some tests */
static struct iom_segment segment;

static void set_up(void)
{
	set_up_device();
	own = rig_memory_at(2 * GRANULE, GRANULE, 0);
}

/* It reads what is written there now. */
static bool reaches(uint64_t iova, char *va)
{
	static uint64_t mark;

	mark++;
	memcpy(va, &mark, sizeof(mark));
	return dma_reads(NVME, iova, &mark, sizeof(mark));
}

static struct iom_segment map_for_one_command(char *va, uint64_t length)
{
	if (!stream)
		ck_assert_ok(iom_stream_open(rig.dom, &stream));
	ck_assert_int_eq(iom_dma_map(stream, va, length, IOM_MAP_RW, &segment, 1), 1);
	return segment;
}

static void restart_strictly(void)
{
	tear_down();
	rig_start_strict();
	stream = NULL;
}

static void end(void)
{
	tear_down();
	stream = NULL;
}

/* ---- Mappings ------------------------------------------------------------------------------------ */

START_TEST(unmapped)
{
	struct iom_region region;

	ck_assert_ok(map_any(own, 2 * PAGE, &region));
	ck_assert(reaches(region.iova, own));
	ck_assert_ok(iom_unmap(rig.dom, &region));
	ck_assert(dma_misses(NVME, region.iova, 2 * PAGE));
}
END_TEST

/* The kernel has pinned the pages; and it can be unmapped all the same. */
START_TEST(gone_from_the_process)
{
	struct iom_region region;

	ck_assert_ok(map_any(own, 2 * PAGE, &region));
	ck_assert_int_eq(munmap(own, 2 * PAGE), 0);
	ck_assert_uint_eq(iom_sim_mapped_bytes(rig.sim), 2 * PAGE);
	ck_assert_ok(iom_unmap(rig.dom, &region));
	ck_assert_uint_eq(iom_sim_mapped_bytes(rig.sim), 0);
}
END_TEST

/* No page beside it. */
START_TEST(beside)
{
	struct iom_region region;

	ck_assert_ok(map_fixed(own + PAGE, PAGE, 8 * GIB, &region));
	ck_assert(reaches(8 * GIB, own + PAGE));
	ck_assert(dma_misses(NVME, 8 * GIB - PAGE, PAGE));
	ck_assert(dma_misses(NVME, 8 * GIB + PAGE, PAGE));
}
END_TEST

/* -EIO: it is still there, until the last device has gone. */
START_TEST(quarantined)
{
	const struct iom_sim_failure refused = {
		.nth = 1,
		.answer = -EINVAL,
		.request = rig_backend()->unmap,
	};
	struct iom_region region;

	ck_assert_ok(map_any(own, PAGE, &region));
	iom_sim_fail(rig.sim, &refused);
	ck_assert_int_eq(iom_unmap(rig.dom, &region), -EIO);
	iom_sim_fail(rig.sim, NULL);
	ck_assert(reaches(region.iova, own));
	iom_detach(rig.nvme);
	ck_assert_uint_eq(iom_sim_mapped_bytes(rig.sim), 0);
	ck_assert_ok(iom_attach(rig.dom, NVME, NULL, &rig.nvme));
	ck_assert(dma_misses(NVME, region.iova, PAGE));
}
END_TEST

/* The next device reaches what was mapped for the one before. */
START_TEST(detached)
{
	struct iom_region region;

	ck_assert_ok(map_any(own, PAGE, &region));
	iom_detach(rig.nvme);
	ck_assert_uint_eq(iom_sim_mapped_bytes(rig.sim), 0);
	ck_assert_uint_eq(rig_pinned_bytes(), 0);
	ck_assert_ok(iom_attach(rig.dom, NVME, NULL, &rig.nvme));
	ck_assert(reaches(region.iova, own));
}
END_TEST

/*
 * While another function of its group is attached: the IOMMU knows the group only, and what holds the
 * function that was detached is that VFIO has switched its bus mastering off.
 */
START_TEST(detached_beside_its_group)
{
	static const struct iom_sim_device functions[] = {
		{ .address = NVME, .group = 14, .driver = "vfio-pci", .dma64_start = 4 * GIB },
		{ .address = SECOND, .group = 14, .driver = "vfio-pci", .dma64_start = 4 * GIB },
	};
	const struct iom_sim_config config = {
		.size = sizeof(config),
		.devices = functions,
		.n_devices = ARRAY_SIZE(functions),
	};
	struct iom_device *second;
	struct iom_region region;

	rig_restart(&config);
	ck_assert_ok(iom_attach(rig.dom, SECOND, NULL, &second));
	ck_assert_ok(map_any(own, PAGE, &region));
	iom_detach(second);
	ck_assert(dma_works(SECOND, &region));
	ck_assert_ptr_null(strstr(rig.log, "stays busy"));
	iom_detach(rig.nvme);
	ck_assert(dma_misses(SECOND, region.iova, PAGE));
}
END_TEST

START_TEST(closed)
{
	ck_assert_ok(map_any(own, PAGE, NULL));
	map_for_one_command(own + GRANULE, PAGE);
	iom_close(rig.dom);
	rig.dom = NULL;
	ck_assert_uint_eq(iom_sim_mapped_bytes(rig.sim), 0);
	ck_assert_uint_eq(iom_sim_open_fds(rig.sim), 0);
}
END_TEST

/* A child that exits, or closes what is not its own, takes nothing from the parent's device. */
START_TEST(forked)
{
	struct iom_region region;
	int status;
	pid_t pid;

	ck_assert_ok(map_any(own, PAGE, &region));
	pid = fork();
	if (!pid) {
		iom_close(rig.dom);
		end_child(0);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
	ck_assert(reaches(region.iova, own));
	ck_assert_ok(iom_unmap(rig.dom, &region));
	ck_assert(dma_misses(NVME, region.iova, PAGE));
}
END_TEST

/* ---- Streams ------------------------------------------------------------------------------------- */

/* For one command: then, and in whole pages, so what is beside it in them too. */
START_TEST(undeclared_memory)
{
	struct iom_segment s = map_for_one_command(own + 256, 64);

	ck_assert(reaches(s.iova, own + 256));
	ck_assert(reaches(s.iova - 256, own));
	ck_assert(reaches(s.iova - 256 + PAGE - 8, own + PAGE - 8));
	ck_assert(dma_misses(NVME, s.iova - 256 + PAGE, PAGE));
	ck_assert_int_eq(iom_dma_unmap(stream, &s, 1), 0);
	ck_assert(dma_misses(NVME, s.iova - 256, PAGE));
}
END_TEST

/* Until the declaration ends: all of the granule that was used. */
START_TEST(declared_memory)
{
	struct iom_memory *mem;
	struct iom_segment s;

	ck_assert_ok(iom_memory_add(rig.dom, own, 2 * GRANULE, IOM_MAP_RW, &mem));
	s = map_for_one_command(own, 64);
	ck_assert_int_eq(iom_dma_unmap(stream, &s, 1), 0);
	ck_assert(reaches(s.iova, own));
	ck_assert(reaches(s.iova + GRANULE - 8, own + GRANULE - 8));
	ck_assert(dma_misses(NVME, s.iova + GRANULE, PAGE));
	ck_assert_ok(iom_memory_remove(mem));
	ck_assert(dma_misses(NVME, s.iova, GRANULE));
}
END_TEST

START_TEST(declared_memory_strictly)
{
	struct iom_memory *mem;
	struct iom_segment s;

	restart_strictly();
	ck_assert_ok(iom_memory_add(rig.dom, own, GRANULE, IOM_MAP_RW, &mem));
	s = map_for_one_command(own, 64);
	ck_assert(reaches(s.iova, own));
	ck_assert_int_eq(iom_dma_unmap(stream, &s, 1), 0);
	ck_assert(dma_misses(NVME, s.iova, PAGE));
	ck_assert_ok(iom_memory_remove(mem));
}
END_TEST

/* ---- Buffers ------------------------------------------------------------------------------------- */

/* In the pool or out of it, until the pool is closed; in a strict domain while it is out. */
START_TEST(pools)
{
	struct iom_buf_pool *pool;
	struct iom_buf buf;

	if (_i)
		restart_strictly();
	ck_assert_ok(iom_buf_pool_open(rig.dom, PAGE, 4, NULL, &pool));
	ck_assert_int_eq(iom_buf_get(pool, &buf), 0);
	ck_assert(reaches(buf.iova, buf.va));
	ck_assert_int_eq(iom_buf_put(pool, &buf), 0);
	ck_assert(reaches(buf.iova, buf.va) == !_i);
	iom_buf_pool_close(pool);
	ck_assert(dma_misses(NVME, buf.iova, PAGE));
}
END_TEST

START_TEST(buffers)
{
	struct iom_region buf;

	ck_assert_ok(iom_buf_alloc(rig.dom, PAGE, NULL, &buf));
	ck_assert(reaches(buf.iova, buf.va));
	ck_assert_ok(iom_unmap(rig.dom, &buf));
	ck_assert(dma_misses(NVME, buf.iova, PAGE));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("reach");
	TCase *tcase = tcase_create("reach");

	tcase_add_checked_fixture(tcase, set_up, end);
	tcase_add_test(tcase, unmapped);
	tcase_add_test(tcase, gone_from_the_process);
	tcase_add_test(tcase, beside);
	tcase_add_test(tcase, quarantined);
	tcase_add_test(tcase, detached);
	tcase_add_test(tcase, detached_beside_its_group);
	tcase_add_test(tcase, closed);
	tcase_add_test(tcase, forked);
	tcase_add_test(tcase, undeclared_memory);
	tcase_add_test(tcase, declared_memory);
	tcase_add_test(tcase, declared_memory_strictly);
	tcase_add_loop_test(tcase, pools, 0, 2);
	tcase_add_test(tcase, buffers);
	suite_add_tcase(suite, tcase);
	return run_suite(suite);
}
