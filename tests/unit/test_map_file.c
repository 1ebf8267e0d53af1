// SPDX-License-Identifier: BSD-3-Clause
/* Files that the library maps: into the process and for the device, and out of both again. */
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/domain_rig.h"
#include "tests/unit/runner.h"

#define GRANULE (4 * PAGE)
#define FOUR_GIB (4 * GIB)

static int file; /* of 32 pages */
static struct iom_region region;

static void set_up(void)
{
	rig_start_cut(NULL, GRANULE);
	file = memfd_create("libiommu", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	ck_assert_int_ge(file, 0);
	ck_assert_int_eq(ftruncate(file, 32 * PAGE), 0);
}

static void finish(void)
{
	tear_down();
	close(file);
}

static int map_file(uint64_t offset, uint64_t length, unsigned int flags)
{
	return iom_map_file(rig.dom, file, offset, length, flags, NULL, &region);
}

static int map_file_at(uint64_t iova, uint64_t offset, uint64_t length)
{
	struct iom_map_opts opts = at_iova(iova);

	return iom_map_file(rig.dom, file, offset, length, IOM_MAP_RW | IOM_MAP_FIXED, &opts,
			    &region);
}

/* Whether the process has something there, of a few pages. */
static bool is_there(const void *va, uint64_t length)
{
	unsigned char resident[32];

	return mincore((void *)(uintptr_t)va, length, resident) == 0;
}

/* What is mapped of files; the tables grow by whole MiB. */
static uint64_t file_bytes(void)
{
	return (iom_sim_allocated_bytes(rig.sim) - IOM_OURS_BYTES) % (128 * KIB);
}

/* ---- What works ------------------------------------------------------------------------------------- */

/* The device, the process and whoever reads the file see the same bytes. */
START_TEST(the_same_bytes)
{
	char got[8];

	ck_assert_int_eq(pwrite(file, "in file", 8, 5 * PAGE), 8);
	ck_assert_ok(map_file(4 * PAGE, 8 * PAGE, IOM_MAP_RW));
	ck_assert_uint_eq(region.length, 8 * PAGE);
	ck_assert_uint_eq(region.flags, IOM_MAP_RW);
	ck_assert_uint_eq(file_bytes(), 8 * PAGE);
	ck_assert_uint_eq(rig_counters().mapped_bytes, 8 * PAGE);
	ck_assert_str_eq((char *)region.va + PAGE, "in file");
	ck_assert(dma_reads(NVME, region.iova + PAGE, "in file", 8));
	ck_assert_int_eq(iom_sim_dma_write(rig.sim, NVME, region.iova + 2 * PAGE, "by DMA", 7), 0);
	ck_assert_int_eq(pread(file, got, 7, 6 * PAGE), 7);
	ck_assert_str_eq(got, "by DMA");
	ck_assert_uint_eq(iom_region_iova(&region, region.va), region.iova);
	ck_assert(is_mapped(region.va));

	/* the descriptor is not needed any more */
	close(file);
	ck_assert(dma_works(NVME, &region));
	ck_assert_ok(iom_unmap(rig.dom, &region));
	ck_assert(!is_there(region.va, region.length));
	ck_assert(dma_misses(NVME, region.iova, region.length));
	ck_assert_uint_eq(file_bytes(), 0);
	ck_assert_fails(iom_unmap(rig.dom, &region), -ENOENT, "unmapped before");
}
END_TEST

START_TEST(for_reading)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", file);
	file = open(path, O_RDONLY | O_CLOEXEC);
	ck_assert_int_ge(file, 0);
	ck_assert_ok(map_file(0, 2 * PAGE, IOM_MAP_READ));
	ck_assert(dma_reads(NVME, region.iova, "\0\0", 2));
	ck_assert_int_eq(iom_sim_dma_write(rig.sim, NVME, region.iova, "x", 1), -EFAULT);
	ck_assert_fails(map_file(0, PAGE, IOM_MAP_RW), -EACCES, "map file", "not open");
	ck_assert_fails(map_file(0, PAGE, IOM_MAP_WRITE), -EACCES, "not open");
	close(file);
	file = open(path, O_WRONLY | O_CLOEXEC);
	ck_assert_fails(map_file(0, PAGE, IOM_MAP_WRITE), -EACCES, "not open");
	ck_assert_uint_eq(file_bytes(), 2 * PAGE);
}
END_TEST

START_TEST(sealed)
{
	ck_assert_int_eq(fcntl(file, F_ADD_SEALS, F_SEAL_WRITE), 0);
	ck_assert_fails(map_file(0, PAGE, IOM_MAP_RW), -EACCES, "map file", "sealed");
	ck_assert_uint_eq(file_bytes(), 0);
}
END_TEST

/* The same part twice is two pieces of memory. */
START_TEST(twice)
{
	struct iom_region first;

	ck_assert_ok(map_file(0, PAGE, IOM_MAP_RW));
	first = region;
	ck_assert_ok(map_file(0, PAGE, IOM_MAP_RW | IOM_MAP_ALIAS));
	ck_assert_ptr_ne(first.va, region.va);
	ck_assert(dma_works(NVME, &first));
	ck_assert(dma_works(NVME, &region));
	ck_assert(is_mapped(first.va));
	ck_assert(!is_mapped(region.va));
	ck_assert_ok(iom_unmap(rig.dom, &first));
	ck_assert(!is_there(first.va, PAGE));
	ck_assert(dma_works(NVME, &region));
	ck_assert_ok(iom_unmap(rig.dom, &region));
	ck_assert(!is_there(region.va, PAGE));
}
END_TEST

/* Another mapping of what the library mapped is the caller's, and does not keep it. */
START_TEST(an_alias_of_it)
{
	struct iom_region alias;

	ck_assert_ok(map_file(0, 2 * PAGE, IOM_MAP_RW));
	ck_assert_fails(map_any(region.va, PAGE, NULL), -EEXIST, "mapped already");
	ck_assert_ok(iom_map(rig.dom, region.va, PAGE, IOM_MAP_RW | IOM_MAP_ALIAS, NULL, &alias));
	ck_assert_ok(iom_unmap(rig.dom, &alias));
	ck_assert(is_there(region.va, 2 * PAGE));
	ck_assert(dma_works(NVME, &region));
}
END_TEST

/* It is out of the process when the last of its parts is unmapped: files of huge pages cannot be cut there. */
START_TEST(cut)
{
	char *va;

	ck_assert_ok(map_file_at(FOUR_GIB, 0, 16 * PAGE));
	va = region.va;
	ck_assert_uint_eq(rig_counters().kernel_maps, 4);
	ck_assert_ok(iom_unmap_range(rig.dom, FOUR_GIB + 4 * PAGE, 4 * PAGE));
	ck_assert(dma_misses(NVME, FOUR_GIB + 4 * PAGE, 4 * PAGE));
	ck_assert(!is_mapped(va + 4 * PAGE));
	ck_assert(dma_reads(NVME, FOUR_GIB + 8 * PAGE, va + 8 * PAGE, 8));
	ck_assert(is_there(va, 16 * PAGE));
	/* so what was cut out can be mapped again, as memory */
	ck_assert_ok(map_fixed(va + 4 * PAGE, 4 * PAGE, FOUR_GIB + 4 * PAGE, NULL));
	ck_assert_ok(iom_unmap_range(rig.dom, FOUR_GIB + 4 * PAGE, 4 * PAGE));
	ck_assert_ok(iom_unmap_range(rig.dom, FOUR_GIB, 4 * PAGE));
	ck_assert_ok(iom_unmap_range(rig.dom, FOUR_GIB + 12 * PAGE, 4 * PAGE));
	ck_assert(is_there(va, 16 * PAGE));
	ck_assert_uint_eq(file_bytes(), 16 * PAGE);
	ck_assert_ok(iom_unmap(rig.dom, &region));
	ck_assert_uint_eq(file_bytes(), 0);
	ck_assert(!is_there(va, PAGE));
	ck_assert(!is_there(va + 15 * PAGE, PAGE));
}
END_TEST

/* With no device attached it can be unmapped, and made again for the next one, from where it is. */
START_TEST(without_devices)
{
	ck_assert_ok(map_file(0, 8 * PAGE, IOM_MAP_RW));
	iom_detach(rig.nvme);
	ck_assert(is_there(region.va, 8 * PAGE));
	close(file);
	ck_assert_ok(iom_attach(rig.dom, NVME, NULL, &rig.nvme));
	ck_assert(dma_works(NVME, &region));
	iom_detach(rig.nvme);
	ck_assert_ok(iom_unmap(rig.dom, &region));
	ck_assert(!is_there(region.va, PAGE));
	ck_assert_uint_eq(file_bytes(), 0);
}
END_TEST

/* ---- What does not ------------------------------------------------------------------------------------ */

static const struct {
	uint64_t offset, length;
	unsigned int flags;
	int error;
	const char *word;
} refused[] = {
	{ 0, 0, IOM_MAP_RW, -EINVAL, "length is 0" },
	{ 0, 0, 0, -EINVAL, "length is 0" },
	{ 0, PAGE, 0, -EINVAL, "neither" },
	{ 0, PAGE, IOM_MAP_FIXED | IOM_MAP_RW, -EINVAL, "options" },
	{ 0, PAGE, IOM_MAP_RW | 0x10, -EINVAL, "0x10" },
	{ 1, PAGE, IOM_MAP_RW, -EINVAL, "multiples of the file's page size, 4096" },
	{ PAGE / 2, PAGE, IOM_MAP_RW, -EINVAL, "4096" },
	{ 0, PAGE + 1, IOM_MAP_RW, -EINVAL, "4096" },
	{ 0, PAGE / 2, IOM_MAP_RW, -EINVAL, "4096" },
	{ UINT64_C(1) << 63, PAGE, IOM_MAP_RW, -EFAULT, "the file ends at 0x20000" },
	{ UINT64_MAX - PAGE + 1, 2 * PAGE, IOM_MAP_RW, -EFAULT, "the file ends" },
	{ 0, UINT64_C(1) << 60, IOM_MAP_RW, -EFAULT, "the file ends" },
	{ 0, UINT64_MAX - PAGE + 1, IOM_MAP_RW, -EFAULT, "the file ends" },
	{ 0, UINT64_MAX, IOM_MAP_RW, -EINVAL, "4096" },
	{ 32 * PAGE, PAGE, IOM_MAP_RW, -EFAULT, "the file ends" },
	{ 31 * PAGE, 2 * PAGE, IOM_MAP_RW, -EFAULT, "the file ends" },
};

START_TEST(refusals)
{
	struct state before = rig_state();
	struct iom_region untouched;

	memset(&region, 0x5a, sizeof(region));
	untouched = region;
	ck_assert_fails(map_file(refused[_i].offset, refused[_i].length, refused[_i].flags),
			refused[_i].error, "map file ", refused[_i].word);
	ck_assert_mem_eq(&region, &untouched, sizeof(region));
	ck_assert_unchanged(before);
	ck_assert_uint_eq(file_bytes(), 0);
	ck_assert_ok(map_file(0, 32 * PAGE, IOM_MAP_RW));
	ck_assert(dma_works(NVME, &region));
}
END_TEST

START_TEST(no_room)
{
	const struct iom_sim_failure failure = {
		.nth = 1,
		.answer = -ENOMEM,
		.calls = 1u << IOM_SIM_MAP_FILE,
	};

	iom_sim_fail(rig.sim, &failure);
	ck_assert_fails(map_file(0, PAGE, IOM_MAP_RW), -ENOMEM, "map file ", "address space");
	ck_assert_uint_eq(file_bytes(), 0);
	ck_assert_ok(map_file(0, PAGE, IOM_MAP_RW));
}
END_TEST

/* The device may only read; the caller may write, since the file allows it. */
START_TEST(written_by_the_caller)
{
	ck_assert_ok(map_file(0, PAGE, IOM_MAP_READ));
	strcpy(region.va, "written");
	ck_assert(dma_reads(NVME, region.iova, "written", 8));
	ck_assert_int_eq(iom_sim_dma_write(rig.sim, NVME, region.iova, "x", 1), -EFAULT);
}
END_TEST

START_TEST(no_file)
{
	struct iom_map_opts opts = at_iova(FOUR_GIB);
	int folder = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC), pipes[2];

	ck_assert_fails(iom_map_file(rig.dom, -1, 0, PAGE, IOM_MAP_RW, NULL, NULL), -EINVAL,
			"map file -1", "no open file");
	ck_assert_int_eq(pipe(pipes), 0);
	ck_assert_fails(iom_map_file(rig.dom, pipes[1], 0, PAGE, IOM_MAP_READ, NULL, NULL), -EINVAL,
			"map file ", "no regular file");
	ck_assert_fails(iom_map_file(rig.dom, pipes[0], 0, PAGE, IOM_MAP_READ, NULL, NULL), -EINVAL,
			"no regular file");
	close(pipes[0]);
	close(pipes[1]);
	ck_assert_fails(iom_map_file(rig.dom, pipes[0], 0, PAGE, IOM_MAP_RW, &opts, NULL), -EINVAL,
			"no open file");
	ck_assert_fails(iom_map_file(rig.dom, folder, 0, PAGE, IOM_MAP_READ, NULL, NULL), -EINVAL,
			"no regular file");
	close(folder);
	ck_assert_uint_eq(file_bytes(), 0);
}
END_TEST

/* What iom_map() would refuse: the file is out of the process again. */
START_TEST(refused_as_memory)
{
	struct iom_map_opts opts = below(PAGE - 1);

	ck_assert_fails(iom_map_file(rig.dom, file, 0, PAGE, IOM_MAP_RW, &opts, NULL), -ERANGE,
			"map file ", "limit");
	opts = at_iova(0);
	opts.size = 8;
	ck_assert_fails(iom_map_file(rig.dom, file, 0, PAGE, IOM_MAP_RW, &opts, NULL), -EINVAL,
			"iom_map_opts.size");
	ck_assert_fails(map_file_at(0xfee00000, 0, PAGE), -ERANGE, "aperture");
	ck_assert_ok(map_file_at(FOUR_GIB, 0, PAGE));
	ck_assert_fails(map_file_at(FOUR_GIB, PAGE, PAGE), -EEXIST, "mapped already");
	ck_assert_uint_eq(file_bytes(), PAGE);
	iom_detach(rig.nvme);
	ck_assert_fails(map_file_at(8 * GIB, 0, PAGE), -ENODEV, "attach one first");
	ck_assert_uint_eq(file_bytes(), PAGE);
}
END_TEST

/* ---- A kernel that refuses -------------------------------------------------------------------------------- */

/* Each call in turn, with each error: nothing is left of the file, and the next try works. */
START_TEST(every_call)
{
	static const int errors[] = { -ENOMEM, -EFAULT, -EINVAL, -ENODEV, -EACCES, -EBADF,
				      -EPERM,  -EIO,    -ENOSPC, -EAGAIN, -EINTR };
	uint64_t quarantined;
	unsigned int n;
	int ret = -1;

	for (n = 1; ret; n++) {
		struct state before = rig_state();

		ck_assert_uint_lt(n, 50);
		iom_sim_fail_nth(rig.sim, n, errors[_i]);
		ret = map_file_at(FOUR_GIB, 0, 16 * PAGE);
		iom_sim_fail(rig.sim, NULL);
		if (!ret)
			break;
		ck_assert_msg(ret == -EINVAL || ret == -EACCES || ret == -EFAULT ||
				      ret == -ENOMEM || ret == -ENOSPC || ret == -EIO,
			      "call %u with %s: %d", n, strerror(-errors[_i]), ret);
		ck_assert_ptr_nonnull(strstr(iom_errmsg(), "map file "));
		quarantined = rig_counters().quarantined_bytes;
		ck_assert_uint_eq(quarantined, 0);
		ck_assert_unchanged(before);
		ck_assert_uint_eq(file_bytes(), 0);
	}
	/* the file, at least one table, and four granules */
	ck_assert_uint_ge(n, 6);
	ck_assert(dma_works(NVME, &region));
}
END_TEST

static void refuse_unmap(struct rig *r, unsigned long request)
{
	const struct iom_sim_failure failure = {
		.nth = 1,
		.answer = -EINVAL,
		.request = rig_backend()->unmap,
	};

	if (request != rig_backend()->unmap)
		return;
	r->before = NULL;
	iom_sim_fail(r->sim, &failure);
}

/* What the device may still reach stays in the process until no device can: when the domain closes. */
START_TEST(quarantine_keeps_it)
{
	char *va;

	ck_assert_ok(map_file_at(FOUR_GIB, 0, 16 * PAGE));
	va = region.va;
	rig.before = refuse_unmap;
	ck_assert_fails(iom_unmap_range(rig.dom, FOUR_GIB + 4 * PAGE, 4 * PAGE), -EIO, "refuses");
	ck_assert_uint_eq(file_bytes(), 16 * PAGE);
	ck_assert_fails(iom_unmap(rig.dom, &region), -EIO, "quarantined");
	ck_assert_uint_eq(file_bytes(), 16 * PAGE);
	ck_assert(is_there(va + 4 * PAGE, 4 * PAGE));
	ck_assert(dma_reads(NVME, FOUR_GIB + 4 * PAGE, va + 4 * PAGE, 8));
	iom_detach(rig.nvme);
	ck_assert(is_there(va + 4 * PAGE, 4 * PAGE));
	ck_assert_ok(iom_unmap_all(rig.dom));
	ck_assert(is_there(va + 4 * PAGE, 4 * PAGE));
	iom_close(rig.dom);
	rig.dom = NULL;
	ck_assert(!is_there(va + 4 * PAGE, PAGE));
}
END_TEST

/* The map failed, and so did what was to undo it. */
START_TEST(a_roll_back_that_is_refused)
{
	const struct iom_sim_failure failure = {
		.nth = 3,
		.answer = -ENOMEM,
		.request = rig_backend()->map,
	};

	rig.before = refuse_unmap;
	iom_sim_fail(rig.sim, &failure);
	ck_assert_fails(map_file_at(FOUR_GIB, 0, 16 * PAGE), -EIO, "map file ", "refuses to unmap");
	ck_assert_uint_eq(rig_counters().quarantined_bytes, 16 * PAGE);
	ck_assert_uint_eq(file_bytes(), 16 * PAGE);
	ck_assert_works();
}
END_TEST

/* Closing a domain unmaps it from the process, after it was unmapped for the device. */
START_TEST(closing)
{
	ck_assert_ok(map_file(0, 16 * PAGE, IOM_MAP_RW));
	ck_assert_ok(map_file(16 * PAGE, 5 * PAGE, IOM_MAP_READ));
	iom_close(rig.dom);
	rig.dom = NULL;
	ck_assert(!is_there(region.va, PAGE));
	ck_assert_uint_eq(iom_sim_allocated_bytes(rig.sim), 0);
}
END_TEST

/* ---- Fork ------------------------------------------------------------------------------------------------- */

START_TEST(a_child)
{
	int status;
	pid_t pid;

	ck_assert_ok(map_file(0, 2 * PAGE, IOM_MAP_RW));
	pid = fork();
	ck_assert_int_ge(pid, 0);
	if (!pid) {
		bool good = map_file(0, PAGE, IOM_MAP_RW) == -EPERM &&
			    strstr(iom_errmsg(), "map file") &&
			    strstr(iom_errmsg(), "parent process") &&
			    !is_there(region.va, 2 * PAGE);

		/* closes descriptors, and nothing else */
		iom_close(rig.dom);
		_exit(good ? 0 : 1);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFEXITED(status));
	ck_assert_int_eq(WEXITSTATUS(status), 0);
	ck_assert(dma_works(NVME, &region));
	ck_assert_ok(iom_unmap(rig.dom, &region));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("map_file");
	TCase *tcase = tcase_create("map_file");

	tcase_add_checked_fixture(tcase, set_up, finish);
	tcase_add_test(tcase, the_same_bytes);
	tcase_add_test(tcase, for_reading);
	tcase_add_test(tcase, sealed);
	tcase_add_test(tcase, twice);
	tcase_add_test(tcase, an_alias_of_it);
	tcase_add_test(tcase, cut);
	tcase_add_test(tcase, without_devices);
	tcase_add_loop_test(tcase, refusals, 0, ARRAY_SIZE(refused));
	tcase_add_test(tcase, no_room);
	tcase_add_test(tcase, written_by_the_caller);
	tcase_add_test(tcase, no_file);
	tcase_add_test(tcase, refused_as_memory);
	tcase_add_loop_test(tcase, every_call, 0, 11);
	tcase_add_test(tcase, quarantine_keeps_it);
	tcase_add_test(tcase, a_roll_back_that_is_refused);
	tcase_add_test(tcase, closing);
	tcase_add_test(tcase, a_child);
	suite_add_tcase(suite, tcase);
	return run_suite(suite);
}
