// SPDX-License-Identifier: BSD-3-Clause
/* What the simulated machine says of itself and its memory: POWER's device tree, pages. */
#include "tests/unit/runner.h"

#include "tests/unit/sim_spapr_rig.h"

static ssize_t read_raw(const char *path, char *buf, size_t n)
{
	return sys->read_file(sys->ctx, path, buf, n);
}

/* Is one of the strings of a list, each of which ends with a NUL. */
static bool lists(const char *path, const char *word)
{
	char buf[256];
	const char *at;
	ssize_t n;

	n = read_raw(path, buf, sizeof(buf));
	ck_assert_int_gt(n, 0);
	ck_assert_int_eq(buf[n - 1], '\0');
	for (at = buf; at < buf + n; at += strlen(at) + 1)
		if (!strcmp(at, word))
			return true;
	return false;
}

START_TEST(device_tree)
{
	char buf[16];

	make_power("powernv");
	ck_assert(lists("/proc/device-tree/compatible", "ibm,powernv"));
	ck_assert_int_eq(read_raw("/proc/device-tree/device_type", buf, sizeof(buf)), -ENOENT);
	make_power("pseries");
	ck_assert(!lists("/proc/device-tree/compatible", "ibm,powernv"));
	ck_assert(lists("/proc/device-tree/device_type", "chrp"));
	ck_assert(lists("/sys/firmware/devicetree/base/device_type", "chrp"));
	make_power("x86-48");
	ck_assert_int_eq(read_raw("/proc/device-tree/compatible", buf, sizeof(buf)), -ENOENT);
	ck_assert_int_eq(iom_sim_path_error(sim, "/proc/meminfo", -EACCES), 0);
	ck_assert_int_eq(read_raw("/proc/meminfo", buf, sizeof(buf)), -EACCES);
}
END_TEST

START_TEST(sysfs)
{
	char buf[64];

	make_power("pseries");
	ck_assert_int_gt(iom_sys_read_text(sys, "/sys/kernel/iommu_groups/14/type", buf, 64), 0);
	ck_assert_str_eq(buf, "unknown");
	ck_assert_int_eq(read_raw("/sys/kernel/iommu_groups/14/reserved_regions", buf, 64), 0);
	ck_assert_int_eq(
		iom_sys_read_text(sys, "/sys/module/vfio_iommu_type1/parameters/dma_entry_limit",
				  buf, 64),
		-ENOENT);
	ck_assert_int_eq(iom_sys_open(sys, "/dev/iommu", O_RDWR), -ENOENT);
}
END_TEST

static uint64_t meminfo(const struct iom_sys *of, const char *name)
{
	char buf[8192], *line;

	ck_assert_int_gt(iom_sys_read_text(of, "/proc/meminfo", buf, sizeof(buf)), 0);
	line = strstr(buf, name);
	ck_assert_ptr_nonnull(line);
	/* every number ends in the same column, as it does in this kernel */
	ck_assert_uint_eq(strspn(line + 16, " 0123456789"), line[24] == ' ' ? 9 : 8);
	return strtoull(line + 16, NULL, 10);
}

START_TEST(memory_of_the_machine)
{
	const struct iom_sim_config config = {
		.size = sizeof(config),
		.ram = 64 * GIB,
		.hugepage_size = GIB,
		.n_hugepages = 8,
	};
	const struct iom_sim_config hash = {
		.size = sizeof(hash),
		.platform = "powernv",
		.hash_mmu = true,
	};

	ck_assert_uint_eq(meminfo(sys, "MemTotal:"), 4 << 20);
	ck_assert_uint_eq(meminfo(sys, "HugePages_Total:"), 0);
	ck_assert_uint_eq(meminfo(sys, "Hugepagesize:"), 2048);
	make(&config);
	ck_assert_uint_eq(meminfo(sys, "MemTotal:"), 64 << 20);
	ck_assert_uint_eq(meminfo(sys, "HugePages_Total:"), 8);
	ck_assert_uint_eq(meminfo(sys, "Hugepagesize:"), 1 << 20);
	ck_assert_uint_gt(meminfo(&iom_sys_linux, "MemTotal:"), 0);
	make(&hash);
	ck_assert_uint_eq(meminfo(sys, "Hugepagesize:"), 16 << 10);
}
END_TEST

static struct iom_vma vma_of(const void *at)
{
	struct iom_vma vma = { 0 };

	ck_assert_int_eq(sys->find_vma(sys->ctx, -1, (uintptr_t)at, &vma), 0);
	ck_assert_uint_le(vma.start, (uintptr_t)at);
	ck_assert_uint_gt(vma.end, (uintptr_t)at);
	return vma;
}

START_TEST(backing)
{
	char *memory = make_aligned(8 * MIB, 2 * MIB);
	struct iom_vma vma;

	make_power("powernv");
	ck_assert_uint_eq(vma_of(memory).page_size, PAGE);
	make_power("x86-48");
	ck_assert_uint_eq(vma_of(memory).page_size, (uint64_t)sysconf(_SC_PAGESIZE));
	ck_assert_int_eq(iom_sim_set_backing(sim, memory + 2 * MIB, 4 * MIB, 2 * MIB), 0);
	ck_assert_uint_eq(vma_of(memory).page_size, (uint64_t)sysconf(_SC_PAGESIZE));
	ck_assert_uint_eq(vma_of(memory).end, (uintptr_t)memory + 2 * MIB);
	vma = vma_of(memory + 3 * MIB);
	ck_assert_uint_eq(vma.start, (uintptr_t)memory + 2 * MIB);
	ck_assert_uint_eq(vma.end, (uintptr_t)memory + 6 * MIB);
	ck_assert_uint_eq(vma.page_size, 2 * MIB);
	ck_assert_uint_eq(vma_of(memory + 7 * MIB).start, (uintptr_t)memory + 6 * MIB);
	/* a later word is the last */
	ck_assert_int_eq(iom_sim_set_backing(sim, memory + 4 * MIB, 2 * MIB, 0), 0);
	vma = vma_of(memory + 3 * MIB);
	ck_assert_uint_eq(vma.end, (uintptr_t)memory + 4 * MIB);
	ck_assert_uint_eq(vma.page_size, 2 * MIB);
	ck_assert_uint_eq(vma_of(memory + 5 * MIB).page_size, (uint64_t)sysconf(_SC_PAGESIZE));
	ck_assert_int_eq(iom_sim_set_backing(sim, memory, MIB, 3 * MIB), -EINVAL);
	ck_assert_int_eq(iom_sim_set_backing(sim, memory, MIB, 512), -EINVAL);
	/* what is said of nothing is nothing */
	munmap(memory, 8 * MIB);
	ck_assert_int_eq(sys->find_vma(sys->ctx, -1, (uintptr_t)memory + 3 * MIB, &vma), -ENOENT);
}
END_TEST

START_TEST(asking_can_fail)
{
	struct iom_vma vma;
	char c;

	iom_sim_fail(sim, &(const struct iom_sim_failure){
				  .nth = 1, .answer = -EPERM, .calls = 1u << IOM_SIM_FIND_VMA });
	ck_assert_int_eq(sys->find_vma(sys->ctx, -1, (uintptr_t)&c, &vma), -EPERM);
	ck_assert_int_eq(sys->find_vma(sys->ctx, -1, (uintptr_t)&c, &vma), 0);
	ck_assert_uint_eq(iom_sim_calls_of(sim, IOM_SIM_FIND_VMA), 2);
	ck_assert_uint_eq(iom_sim_calls(sim), 2);
}
END_TEST

/* The kernel's own memory begins at a page of its own size. */
START_TEST(pages_of_the_table)
{
	void *pages[4];
	size_t i;

	make_power("pseries");
	for (i = 0; i < 4; i++) {
		ck_assert_int_eq(sys->alloc_pages(sys->ctx, PAGE, &pages[i]), 0);
		ck_assert_uint_eq((uintptr_t)pages[i] % PAGE, 0);
		memset(pages[i], 1, PAGE);
	}
	ck_assert_uint_eq(iom_sim_allocated_bytes(sim), 4 * PAGE);
	for (i = 0; i < 4; i++)
		sys->free_pages(sys->ctx, pages[i], PAGE);
	ck_assert_uint_eq(iom_sim_allocated_bytes(sim), 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("sim_power");
	TCase *tcase = tcase_create("sim_power");

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_test(tcase, device_tree);
	tcase_add_test(tcase, sysfs);
	tcase_add_test(tcase, memory_of_the_machine);
	tcase_add_test(tcase, backing);
	tcase_add_test(tcase, asking_can_fail);
	tcase_add_test(tcase, pages_of_the_table);
	suite_add_tcase(suite, tcase);
	return run_suite(suite);
}
