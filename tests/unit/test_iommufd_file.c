// SPDX-License-Identifier: BSD-3-Clause
/* Files that the kernel is given by descriptor, where it takes one, and what happens where it does not. */
#include <unistd.h>

#include "tests/unit/domain_rig.h"
#include "tests/unit/runner.h"

#define GRANULE (4 * PAGE)
#define FOUR_GIB (4 * GIB)

static int file; /* of 32 pages, each of which begins with its number */
static struct iom_region region;

static void start(unsigned int kernel, uint64_t granule)
{
	const struct iom_sim_config config = {
		.size = sizeof(config),
		.kernel = kernel,
		.iommufd = true,
	};

	rig_machine(&config);
	rig.backend = "iommufd";
	rig.granule = granule;
	ck_assert_ok(rig_open(&rig.dom));
	ck_assert_ok(iom_attach(rig.dom, NVME, NULL, &rig.nvme));
}

static void set_up(void)
{
	uint64_t i;

	start(613, 0);
	file = memfd_create("iommufd", MFD_CLOEXEC);
	ck_assert_int_eq(ftruncate(file, 32 * PAGE), 0);
	for (i = 0; i < 32; i++)
		ck_assert_int_eq(pwrite(file, &i, sizeof(i), (off_t)(i * PAGE)), sizeof(i));
}

static void finish(void)
{
	tear_down();
	close(file);
}

static int map_file_at(uint64_t iova, uint64_t offset, uint64_t length, unsigned int flags)
{
	struct iom_map_opts opts = at_iova(iova);

	return iom_map_file(rig.dom, file, offset, length, flags | IOM_MAP_FIXED, &opts, &region);
}

static unsigned int by_file(void)
{
	return iom_sim_ioctls(rig.sim, IOM_IOMMU_IOAS_MAP_FILE);
}

static unsigned int by_address(void)
{
	return iom_sim_ioctls(rig.sim, IOM_IOMMU_IOAS_MAP);
}

/* The device finds page number at this IOVA. */
static bool finds(uint64_t iova, uint64_t number)
{
	return dma_reads(NVME, iova, &number, sizeof(number));
}

START_TEST(by_descriptor)
{
	uint64_t number = 4;

	ck_assert_ok(map_file_at(FOUR_GIB, 4 * PAGE, 8 * PAGE, IOM_MAP_RW));
	ck_assert_uint_eq(by_file(), 1);
	ck_assert_uint_eq(by_address(), 0);
	ck_assert_uint_eq(rig_counters().kernel_maps, 1);
	ck_assert(finds(FOUR_GIB, 4));
	ck_assert(finds(FOUR_GIB + 7 * PAGE, 11));
	ck_assert_mem_eq(region.va, &number, sizeof(number));
	close(file);
	ck_assert(dma_works(NVME, &region));
	ck_assert_ok(iom_unmap(rig.dom, &region));
	ck_assert(dma_misses(NVME, FOUR_GIB, 8 * PAGE));
}
END_TEST

START_TEST(for_reading)
{
	ck_assert_ok(map_file_at(FOUR_GIB, 0, PAGE, IOM_MAP_READ));
	ck_assert_uint_eq(by_file(), 1);
	ck_assert(finds(FOUR_GIB, 0));
	ck_assert_int_eq(iom_sim_dma_write(rig.sim, NVME, FOUR_GIB, "x", 1), -EFAULT);
}
END_TEST

/* Each piece from where it is in the file. */
START_TEST(by_pieces)
{
	uint64_t i;

	tear_down();
	start(613, GRANULE);
	ck_assert_ok(map_file_at(FOUR_GIB + PAGE, 5 * PAGE, 14 * PAGE, IOM_MAP_RW));
	ck_assert_uint_eq(by_file(), 4);
	ck_assert_uint_eq(by_address(), 0);
	for (i = 0; i < 14; i++)
		ck_assert(finds(FOUR_GIB + (1 + i) * PAGE, 5 + i));
	ck_assert_ok(iom_unmap_range(rig.dom, FOUR_GIB + 4 * PAGE, 4 * PAGE));
	ck_assert(dma_misses(NVME, FOUR_GIB + 4 * PAGE, 4 * PAGE));
	ck_assert(finds(FOUR_GIB + 8 * PAGE, 12));
	ck_assert_ok(iom_unmap(rig.dom, &region));
}
END_TEST

/* The descriptor may be closed by the time that mappings are made again. */
START_TEST(made_again_by_address)
{
	ck_assert_ok(map_file_at(FOUR_GIB, 4 * PAGE, 8 * PAGE, IOM_MAP_RW));
	close(file);
	iom_detach(rig.nvme);
	ck_assert_ok(iom_attach(rig.dom, NVME, NULL, &rig.nvme));
	ck_assert_uint_eq(by_file(), 1);
	ck_assert_uint_eq(by_address(), 1);
	ck_assert(finds(FOUR_GIB, 4));
	ck_assert(dma_works(NVME, &region));
}
END_TEST

/* A kernel before 6.13 is asked once, and never again; not even by the next device. */
START_TEST(the_kernel_cannot)
{
	tear_down();
	start(612, GRANULE);
	ck_assert_ok(map_file_at(FOUR_GIB, 4 * PAGE, 8 * PAGE, IOM_MAP_RW));
	ck_assert_uint_eq(by_file(), 1);
	ck_assert_uint_eq(by_address(), 2);
	ck_assert(finds(FOUR_GIB, 4));
	ck_assert(dma_works(NVME, &region));
	iom_detach(rig.nvme);
	ck_assert_ok(iom_attach(rig.dom, NVME, NULL, &rig.nvme));
	ck_assert_ok(map_file_at(8 * GIB, 0, PAGE, IOM_MAP_RW));
	ck_assert_uint_eq(by_file(), 1);
	ck_assert(finds(8 * GIB, 0));
}
END_TEST

static void fail_map_file(int answer)
{
	const struct iom_sim_failure failure = {
		.nth = 1,
		.answer = answer,
		.request = IOM_IOMMU_IOAS_MAP_FILE,
	};

	iom_sim_fail(rig.sim, &failure);
}

/* Not this kind of file: by its address, and the next file is tried by descriptor. */
START_TEST(not_this_file)
{
	fail_map_file(-EINVAL);
	ck_assert_ok(map_file_at(FOUR_GIB, 4 * PAGE, 8 * PAGE, IOM_MAP_RW));
	ck_assert_uint_eq(by_file(), 1);
	ck_assert_uint_eq(by_address(), 1);
	ck_assert(finds(FOUR_GIB, 4));
	ck_assert_ok(map_file_at(8 * GIB, 0, PAGE, IOM_MAP_RW));
	ck_assert_uint_eq(by_file(), 2);
	ck_assert_uint_eq(by_address(), 1);
}
END_TEST

/* A file of a disk is one that the kernel refuses by itself. */
START_TEST(a_file_of_a_disk)
{
	char name[] = "test_iommufd_file.XXXXXX.tmp";
	uint64_t number = 7;

	close(file);
	file = mkstemps(name, 4);
	ck_assert_int_ge(file, 0);
	unlink(name);
	ck_assert_int_eq(ftruncate(file, PAGE), 0);
	ck_assert_int_eq(pwrite(file, &number, sizeof(number), 0), sizeof(number));
	ck_assert_ok(map_file_at(FOUR_GIB, 0, PAGE, IOM_MAP_RW));
	ck_assert(finds(FOUR_GIB, 7));
	ck_assert(dma_works(NVME, &region));
}
END_TEST

/* All other refusals are those of mapping memory, and it is not tried another way. */
START_TEST(refused)
{
	static const struct {
		int answer, error;
		const char *word;
		bool unknown;
	} cases[] = {
		{ -ENOMEM, -ENOMEM, "no memory to pin", false },
		{ -EFAULT, -EFAULT, "not there", false },
		{ -EBADF, -EIO, "refuses IOVA", false },
		{ -EEXIST, -EIO, "something else mapped", true },
		{ 1, -EIO, "refuses IOVA", true },
	};

	fail_map_file(cases[_i].answer);
	ck_assert_fails(map_file_at(FOUR_GIB, 0, 2 * PAGE, IOM_MAP_RW), cases[_i].error,
			"map file ", cases[_i].word);
	ck_assert_uint_eq(by_address(), 0);
	ck_assert_uint_eq(rig_counters().quarantined_bytes, cases[_i].unknown ? 2 * PAGE : 0);
	ck_assert_ok(map_file_at(8 * GIB, 0, 2 * PAGE, IOM_MAP_RW));
	ck_assert(dma_works(NVME, &region));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("iommufd_file");
	TCase *tcase = tcase_create("file");

	tcase_add_checked_fixture(tcase, set_up, finish);
	tcase_add_test(tcase, by_descriptor);
	tcase_add_test(tcase, for_reading);
	tcase_add_test(tcase, by_pieces);
	tcase_add_test(tcase, made_again_by_address);
	tcase_add_test(tcase, the_kernel_cannot);
	tcase_add_test(tcase, not_this_file);
	tcase_add_test(tcase, a_file_of_a_disk);
	tcase_add_loop_test(tcase, refused, 0, 5);
	suite_add_tcase(suite, tcase);
	return run_suite(suite);
}
