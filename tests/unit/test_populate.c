// SPDX-License-Identifier: BSD-3-Clause
/* First touch of large memory, and what the caller is told of it. */
#include <unistd.h>

#include "tests/unit/batch_rig.h"
#include "tests/unit/runner.h"

#define SOME (16 * MIB) /* from here on memory is faulted in before */
#define CHUNK (64 * MIB)

static struct {
	unsigned int calls;
	uint64_t done, total, first_total;
	bool went_back;
} told;

static unsigned int before_map; /* pages that were there when the kernel was asked first */
static char *watched;
static uint64_t watched_length;

static void tell(void *arg, uint64_t done, uint64_t total)
{
	ck_assert_ptr_eq(arg, &told);
	if (!told.calls++)
		told.first_total = total;
	told.went_back |= done <= told.done || total != told.first_total;
	told.done = done;
	told.total = total;
}

static struct iom_map_opts telling(void)
{
	memset(&told, 0, sizeof(told));
	return (struct iom_map_opts){ .size = sizeof(struct iom_map_opts),
				      .progress = tell,
				      .progress_arg = &told };
}

static unsigned int populates(void)
{
	return iom_sim_calls_of(rig.sim, IOM_SIM_POPULATE);
}

static unsigned int resident(const char *va, uint64_t length)
{
	unsigned char there[CHUNK / PAGE * 3];
	unsigned int n = 0;
	uint64_t i;

	ck_assert_uint_le(length / PAGE, sizeof(there));
	ck_assert_int_eq(mincore((void *)(uintptr_t)va, length, there), 0);
	for (i = 0; i < length / PAGE; i++)
		n += there[i] & 1;
	return n;
}

static void look_before_map(struct rig *r, unsigned long request)
{
	(void)r;
	if (request == rig_backend()->map && !before_map)
		before_map = resident(watched, watched_length);
}

/* Chunk after chunk, before the kernel is asked. */
START_TEST(before_the_kernel)
{
	const uint64_t length = 2 * CHUNK + 4 * PAGE;
	const struct iom_map_opts opts = telling();
	struct iom_region region;

	watched = rig_memory(length);
	watched_length = length;
	before_map = 0;
	rig.before = look_before_map;
	ck_assert_ok(iom_map(rig.dom, watched, length, IOM_MAP_RW, &opts, &region));
	rig.before = NULL;
	ck_assert_uint_eq(before_map, length / PAGE);
	ck_assert_uint_eq(populates(), 3);
	ck_assert_uint_eq(told.calls, 4);
	ck_assert_uint_eq(told.total, 2 * length);
	ck_assert_uint_eq(told.done, told.total);
	ck_assert(!told.went_back);
	ck_assert(dma_works(NVME, &region));
	/* also when nobody is to be told */
	ck_assert_ok(iom_unmap(rig.dom, &region));
	ck_assert_ok(iom_map(rig.dom, watched, length, IOM_MAP_RW, NULL, &region));
	ck_assert_uint_eq(populates(), 6);
	ck_assert_ok(iom_unmap(rig.dom, &region));
	munmap(watched, length);
}
END_TEST

START_TEST(small_memory)
{
	const struct iom_map_opts opts = telling();
	char *memory = rig_memory(SOME - PAGE);

	ck_assert_ok(iom_map(rig.dom, memory, SOME - PAGE, IOM_MAP_RW, &opts, NULL));
	ck_assert_uint_eq(populates(), 0);
	ck_assert_uint_eq(told.calls, 1);
	ck_assert_uint_eq(told.total, SOME - PAGE);
	ck_assert_uint_eq(told.done, told.total);
}
END_TEST

/* A kernel that cannot, or memory that cannot be written: the map says what it has to say. */
START_TEST(where_it_cannot)
{
	const struct iom_sim_failure failure = {
		.nth = 1, .answer = -EINVAL, .calls = 1u << IOM_SIM_POPULATE, .on = true
	};
	const struct iom_map_opts opts = telling();
	char *memory = rig_memory(2 * SOME);

	iom_sim_fail(rig.sim, &failure);
	ck_assert_ok(iom_map(rig.dom, memory, SOME, IOM_MAP_RW, &opts, NULL));
	iom_sim_fail(rig.sim, NULL);
	ck_assert_uint_eq(populates(), 1);
	ck_assert_uint_eq(told.total, 2 * SOME);
	ck_assert_uint_eq(told.done, told.total);
	ck_assert(!told.went_back);
	munmap(memory + SOME + MIB, PAGE);
	ck_assert_fails(iom_map(rig.dom, memory + SOME, SOME, IOM_MAP_RW, &opts, NULL), -EFAULT,
			"map 0x");
}
END_TEST

/* Memory that the process itself may only read is fit for the device to read. */
START_TEST(read_only)
{
	char *memory = mmap(NULL, SOME, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	const struct iom_map_opts opts = telling();

	/* POWER pins for writing, always */
	if (rig_is_power())
		return;
	ck_assert_ok(iom_map(rig.dom, memory, SOME, IOM_MAP_READ, &opts, NULL));
	ck_assert_uint_eq(populates(), 0);
	ck_assert_uint_eq(told.done, told.total);
	ck_assert_uint_eq(told.total, SOME);
	munmap(memory, SOME);
}
END_TEST

/* What is refused anyway is not touched. */
START_TEST(not_for_nothing)
{
	char *memory = rig_memory(2 * SOME);
	const struct iom_map_opts opts = telling();

	ck_assert_int_eq(iom_map(rig.dom, memory + 8, SOME, IOM_MAP_RW, &opts, NULL), -EINVAL);
	ck_assert_int_eq(iom_map(rig.dom, memory, SOME, 0, &opts, NULL), -EINVAL);
	iom_detach(rig.nvme);
	ck_assert_int_eq(iom_map(rig.dom, memory, SOME, IOM_MAP_RW, &opts, NULL), -ENODEV);
	ck_assert_uint_eq(populates(), 0);
	ck_assert_uint_eq(told.calls, 0);
	ck_assert_uint_eq(resident(memory, SOME), 0);
	ck_assert_ok(iom_attach(rig.dom, NVME, NULL, &rig.nvme));
}
END_TEST

/* A batch counts in sum; each run is a part of it. */
START_TEST(batches)
{
	const struct iom_map_opts opts = telling();
	char *memory = rig_memory(2 * SOME);
	struct iom_piece pieces[16];
	struct iom_region regions[16];
	size_t i;

	for (i = 0; i < 16; i++)
		pieces[i] = piece_of(memory + (i + i / 4) * MIB, MIB);
	ck_assert_ok(iom_mapv(rig.dom, pieces, 15, IOM_MAP_RW, &opts, regions));
	ck_assert_uint_eq(populates(), 0);
	ck_assert_uint_eq(told.calls, 4);
	ck_assert_uint_eq(told.total, 15 * MIB);
	ck_assert_uint_eq(told.done, told.total);
	ck_assert_ok(iom_unmapv(rig.dom, regions, 15));

	(void)telling();
	ck_assert_ok(iom_mapv(rig.dom, pieces, 16, IOM_MAP_RW, &opts, regions));
	ck_assert_uint_eq(populates(), 4);
	ck_assert_uint_eq(told.calls, 8);
	ck_assert_uint_eq(told.total, 2 * SOME);
	ck_assert_uint_eq(told.done, told.total);
	ck_assert(!told.went_back);
}
END_TEST

START_TEST(files)
{
	const struct iom_map_opts opts = telling();
	int fd = memfd_create("populate", MFD_CLOEXEC);

	ck_assert_int_eq(ftruncate(fd, (off_t)SOME), 0);
	ck_assert_ok(iom_map_file(rig.dom, fd, 0, SOME, IOM_MAP_RW, &opts, NULL));
	ck_assert_uint_eq(populates(), 1);
	ck_assert_uint_eq(told.calls, 2);
	ck_assert_uint_eq(told.done, told.total);
	close(fd);
}
END_TEST

/* Each granule is a kernel call of its own, and told of. */
START_TEST(granules)
{
	struct iom_map_opts opts;
	char *memory;

	tear_down();
	rig_start_cut(NULL, 4 * MIB);
	memory = rig_memory_at(SOME, 4 * MIB, 0);
	opts = telling();
	ck_assert_ok(iom_map(rig.dom, memory, SOME, IOM_MAP_RW, &opts, NULL));
	ck_assert_uint_eq(told.calls, 1 + 4);
	ck_assert_uint_eq(told.total, 2 * SOME);
	ck_assert_uint_eq(told.done, told.total);
	ck_assert(!told.went_back);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("populate");
	TCase *tcase = tcase_create("populate");

	tcase_add_checked_fixture(tcase, set_up_device, tear_down);
	tcase_set_timeout(tcase, 120);
	tcase_add_test(tcase, before_the_kernel);
	tcase_add_test(tcase, small_memory);
	tcase_add_test(tcase, where_it_cannot);
	tcase_add_test(tcase, read_only);
	tcase_add_test(tcase, not_for_nothing);
	tcase_add_test(tcase, batches);
	tcase_add_test(tcase, files);
	tcase_add_test(tcase, granules);
	suite_add_tcase(suite, tcase);
	return run_suite(suite);
}
