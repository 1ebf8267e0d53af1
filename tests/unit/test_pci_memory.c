// SPDX-License-Identifier: BSD-3-Clause
/*
 * Automatic IOVAs keep clear of what PCI functions and bridges decode, whichever is behind an IOMMU: DMA to
 * there may end at them.  The files that say so are laid over the simulation's sysfs.
 */
#include "tests/unit/domain_rig.h"
#include "tests/unit/runner.h"

#define FOUR_GIB (4 * GIB)
#define RESOURCE "/sys/bus/pci/devices/" EDU "/resource"

static const char *resource; /* what the file says; NULL: it cannot be read */

static ssize_t read_file(void *ctx, const char *path, void *buf, size_t n)
{
	size_t length;

	if (strcmp(path, RESOURCE) != 0)
		return iom_sim_sys(rig.sim)->read_file(ctx, path, buf, n);
	if (!resource)
		return -EACCES;
	length = strlen(resource) < n ? strlen(resource) : n;
	memcpy(buf, resource, length);
	return (ssize_t)length;
}

static void attach_with(const char *text)
{
	resource = text;
	rig.sys.read_file = read_file;
	ck_assert_ok(iom_attach(rig.dom, NVME, NULL, &rig.nvme));
}

/* The lowest automatic IOVA at or below limit, for so many pages. */
static int map_below(uint64_t limit, uint64_t pages, struct iom_region *region)
{
	struct iom_map_opts opts = below(limit);

	return iom_map(rig.dom, rig_memory(pages * PAGE), pages * PAGE, IOM_MAP_RW, &opts, region);
}

/* A BAR above 4 GiB, where the first automatic IOVA would be; an empty line; a port BAR. */
START_TEST(automatic_keeps_clear)
{
	struct iom_region region;

	attach_with("0x0000000100000000 0x00000001000fffff 0x000000000014220c\n"
		    "0x0000000000000000 0x0000000000000000 0x0000000000000000\n"
		    "0x0000000000001000 0x0000000000001fff 0x0000000000040101\n");
	ck_assert_ok(map_any(rig_memory(PAGE), PAGE, &region));
	ck_assert_uint_eq(region.iova, FOUR_GIB + MIB);
	/* ports are no memory */
	ck_assert_ok(map_below(0x1fff, 1, &region));
	ck_assert_uint_eq(region.iova, 0x1000);
	ck_assert(dma_works(NVME, &region));
}
END_TEST

/* Whoever asks for it knows best; the apertures are as the kernel has them. */
START_TEST(fixed_may)
{
	struct iom_region region;

	attach_with("0x0000000100000000 0x00000001000fffff 0x000000000014220c\n");
	ck_assert_int_eq(iom_apertures(rig.dom, NULL, 0), 2);
	ck_assert_ok(map_fixed(rig_memory(PAGE), PAGE, FOUR_GIB, &region));
	ck_assert(dma_works(NVME, &region));
	ck_assert_ok(map_fixed(rig_memory(PAGE), PAGE, FOUR_GIB + MIB - PAGE, NULL));
}
END_TEST

/* Part of a page is decoded: all of the page is left out. */
START_TEST(parts_of_pages)
{
	struct iom_region region;

	attach_with("0x0000000000001080 0x00000000000010ff 0x0000000000040200\n"
		    "0x0000000000003fff 0x0000000000004000 0x0000000000040200\n");
	ck_assert_ok(map_below(0x5fff, 1, &region));
	ck_assert_uint_eq(region.iova, 0x2000);
	ck_assert_ok(map_below(0x5fff, 1, &region));
	ck_assert_uint_eq(region.iova, 0x5000);
	ck_assert_fails(map_below(0x5fff, 1, &region), -ENOSPC, "unmap something");
}
END_TEST

/* All below the limit is decoded: it would fail in an empty domain, too. */
START_TEST(nothing_else_there)
{
	attach_with("0x0000000000000000 0x000000000fffffff 0x0000000000040200\n");
	ck_assert_fails(map_below(0xfffffff, 1, NULL), -ERANGE, "0xfffffff");
	ck_assert_ok(map_below(0x10000fff, 1, NULL));
}
END_TEST

/* Files that say nothing of use, or cannot be read, leave all as the kernel has it. */
START_TEST(files_of_no_use)
{
	static const char *const texts[] = {
		NULL,
		"",
		"\n\n",
		"nonsense\n",
		"0x100000000\n",
		"0x00000001000fffff 0x0000000100000000 0x0000000000040200\n",
		"0x0000000100000000 0x0000000100000000 0x0000000000040200\n",
		"0x0000000000000000 0xffffffffffffffff 0x0000000000000000\n",
	};
	struct iom_region region;

	attach_with(texts[_i]);
	ck_assert_ok(map_any(rig_memory(PAGE), PAGE, &region));
	ck_assert_uint_eq(region.iova, FOUR_GIB);
}
END_TEST

/* A mapping that is there already stays; after the next attach the new ones keep clear. */
START_TEST(a_bar_that_comes_later)
{
	struct iom_region early, late;
	struct iom_device *edu;

	attach_with("");
	ck_assert_ok(map_any(rig_memory(PAGE), PAGE, &early));
	ck_assert_uint_eq(early.iova, FOUR_GIB);
	resource = "0x0000000100000000 0x00000001000fffff 0x000000000014220c\n";
	ck_assert_ok(iom_attach(rig.dom, EDU, NULL, &edu));
	ck_assert(dma_works(NVME, &early));
	ck_assert(dma_works(EDU, &early));
	ck_assert_ok(map_any(rig_memory(PAGE), PAGE, &late));
	ck_assert_uint_eq(late.iova, FOUR_GIB + MIB);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("pci_memory");
	TCase *tcase = tcase_create("pci_memory");

	tcase_add_checked_fixture(tcase, set_up_domain, tear_down);
	tcase_add_test(tcase, automatic_keeps_clear);
	tcase_add_test(tcase, fixed_may);
	tcase_add_test(tcase, parts_of_pages);
	tcase_add_test(tcase, nothing_else_there);
	tcase_add_loop_test(tcase, files_of_no_use, 0, 8);
	tcase_add_test(tcase, a_bar_that_comes_later);
	suite_add_tcase(suite, tcase);
	return run_suite(suite);
}
