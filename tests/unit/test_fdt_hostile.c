// SPDX-License-Identifier: BSD-3-Clause
/*
 * Flattened device trees that are cut, damaged or made to do harm: refused with a sentence, or read
 * as what they are, but nothing outside of them is read.  That is for valgrind and ASan to see: the
 * library's copy has exactly the size that the file says.
 */
#include "tests/unit/fdt_rig.h"
#include "tests/unit/runner.h"
#include "tests/unit/util.h"

#define ADDRESS "0001:01:01.0"
#define FLIPS 20000

static struct fdt_rig rig;

static int read_info(const char *address, struct iom_tree_info *info)
{
	struct iom_tree_opts opts = { .size = sizeof(opts), .dtb = FDT_RIG_FILE };

	memset(info, 0x5a, sizeof(*info));
	info->size = sizeof(*info);
	return iom_tree_read_on(&rig.sys, address, &opts, info);
}

static void set_up(void)
{
	fdt_rig_pseries(&rig);
}

static void tear_down(void)
{
	fdt_rig_free(&rig);
}

/* An error of the contract, and nothing written. */
static void is_refusal(int ret, const struct iom_tree_info *info)
{
	struct iom_tree_info before;

	ck_assert_msg(ret == -EINVAL || ret == -ENODEV, "%d, \"%s\"", ret, iom_errmsg());
	ck_assert_ptr_nonnull(strstr(iom_errmsg(), ADDRESS));
	ck_assert_ptr_null(strchr(iom_errmsg(), '\n'));
	memset(&before, 0x5a, sizeof(before));
	before.size = sizeof(before);
	ck_assert_mem_eq(info, &before, sizeof(before));
}

/* What is said of a damaged tree is still well-formed. */
static void is_sane(const struct iom_tree_info *info)
{
	uint64_t i;

	ck_assert_uint_lt(strnlen(info->node, sizeof(info->node)), sizeof(info->node));
	ck_assert_uint_lt(strnlen(info->bridge, sizeof(info->bridge)), sizeof(info->bridge));
	ck_assert_uint_lt(strnlen(info->iommu, sizeof(info->iommu)), sizeof(info->iommu));
	ck_assert_uint_lt(strnlen(info->iommu_kind, IOM_TREE_NAME), IOM_TREE_NAME);
	if (info->flags & IOM_TREE_WINDOW)
		ck_assert_uint_ge(info->window.start + (info->window.length - 1),
				  info->window.start);
	for (i = 0; i < info->n_ranges && i < IOM_TREE_RANGES; i++)
		ck_assert_uint_ge(info->ranges[i].start + (info->ranges[i].length - 1),
				  info->ranges[i].start);
}

/* Either; whether it was read. */
static bool looks_right(void)
{
	struct iom_tree_info info;
	int ret = read_info(ADDRESS, &info);

	if (ret)
		is_refusal(ret, &info);
	else
		is_sane(&info);
	return !ret;
}

/* A file that ends early, at each byte; and one that says so of itself. */
START_TEST(truncated)
{
	size_t whole = rig.length, n;
	struct iom_tree_info info;

	for (n = 0; n < whole; n++) {
		rig.length = n;
		is_refusal(read_info(ADDRESS, &info), &info);
	}
	rig.length = whole;
	for (n = 0; n < whole; n++) {
		fdt_set_totalsize(rig.blob, (uint32_t)n);
		is_refusal(read_info(ADDRESS, &info), &info);
	}
	fdt_set_totalsize(rig.blob, (uint32_t)whole);
	ck_assert_ok(read_info(ADDRESS, &info));
	/* more than it says is not looked at, and more than there can be not read */
	rig.length = whole + 1000;
	ck_assert_ok(read_info(ADDRESS, &info));
	fdt_set_totalsize(rig.blob, (8 << 20) + 1);
	is_refusal(read_info(ADDRESS, &info), &info);
	fdt_set_totalsize(rig.blob, UINT32_MAX);
	is_refusal(read_info(ADDRESS, &info), &info);
}
END_TEST

/* Up to eight bits at once, of which some lie in the header as often as in all the rest. */
START_TEST(flipped)
{
	uint64_t random = random_start();
	char *good = malloc(rig.length);
	unsigned int i, bits, read = 0;

	memcpy(good, rig.blob, rig.length);
	for (i = 0; i < FLIPS; i++) {
		for (bits = (unsigned int)random_below(&random, 8) + 1; bits; bits--) {
			size_t room = random_below(&random, 4) ? rig.length : 40;

			rig.bytes[random_below(&random, room)] ^=
				(char)(1 << random_below(&random, 8));
		}
		read += looks_right();
		memcpy(rig.blob, good, rig.length);
	}
	free(good);
	/* a name that is another's, a number that is another: not all damage can be seen */
	ck_assert_uint_gt(read, 0);
	ck_assert_uint_lt(read, FLIPS);
}
END_TEST

/* Each property with each length that its bytes, or those after it, may seem to have. */
START_TEST(wrong_lengths)
{
	static const uint32_t lengths[] = { 0,          1,          3,         4,    5,
					    8,          16,         255,       4096, 0x7fffffff,
					    0x80000000, 0xfffffff0, 0xffffffff };
	int node, prop, depth = 0;
	struct iom_tree_info info;
	fdt32_t *length, good;
	size_t i;

	for (node = 0; node >= 0; node = fdt_next_node(rig.blob, node, &depth)) {
		fdt_for_each_property_offset(prop, rig.blob, node)
		{
			length = (fdt32_t *)(void *)(rig.bytes + fdt_off_dt_struct(rig.blob) +
						     prop + 4);
			good = *length;
			for (i = 0; i < ARRAY_SIZE(lengths); i++) {
				*length = cpu_to_fdt32(lengths[i]);
				looks_right();
			}
			*length = good;
		}
	}
	ck_assert_ok(read_info(ADDRESS, &info));
}
END_TEST

/* Whatever a property of the right name holds, in a tree that is well-formed. */
START_TEST(contents)
{
	static const char *const names[] = {
		"reg",
		"bus-range",
		"ranges",
		"ibm,dma-window",
		"iommus",
		"ibm,ddw-applicable",
		"iommu-map",
		"ibm,ddw-extensions",
		"phandle",
		"linux,pci-domain",
		"device_type",
		"ibm,#dma-address-cells",
		"aliases",
		"ibm,supported-tce-sizes",
		"#size-cells",
		"#address-cells",
		"ibm,opal-m64-window",
		"linux,dma64-ddr-window-info",
		"iommu-map-mask",
		"compatible",
	};
	uint64_t random = random_start();
	unsigned int i, j, k, read = 0;
	struct iom_tree_info info;
	unsigned char bytes[64];

	for (i = 0; i < 3000; i++) {
		tear_down();
		fdt_rig_start(&rig);
		begin_bridge(&rig, "pci@1");
		for (j = 0; j < 2; j++) {
			for (k = 0; k < 3; k++) {
				size_t n = random_below(&random, sizeof(bytes) / 4) * 4;
				size_t b;

				/* small numbers, which mean something, and large ones */
				for (b = 0; b < n; b++)
					bytes[b] = b % 4 == 3 || !random_below(&random, 8)
							   ? (unsigned char)random_next(&random)
							   : 0;
				n -= n && !random_below(&random, 8);
				fdt_property(rig.blob,
					     names[random_below(&random, ARRAY_SIZE(names))], bytes,
					     (int)n);
			}
			if (!j)
				begin(&rig, "nvme@0");
		}
		end(&rig);
		end(&rig);
		fdt_rig_finish(&rig);
		if (read_info("0000:00:00.0", &info) == 0) {
			is_sane(&info);
			read++;
		}
	}
	ck_assert_uint_gt(read, 0);
}
END_TEST

/* A tree so deep that a walk could overrun its stack, and more host bridges than machines have. */
START_TEST(deep_and_wide)
{
	struct iom_tree_info info;
	unsigned int i;
	char name[16];

	tear_down();
	fdt_rig_start(&rig);
	for (i = 0; i < 4000; i++)
		begin_bridge(&rig, "p");
	for (i = 0; i < 4000; i++)
		end(&rig);
	fdt_rig_finish(&rig);
	ck_assert_fails(read_info("0000:00:00.0", &info), -EINVAL, "deep");

	tear_down();
	fdt_rig_start(&rig);
	for (i = 0; i < 600; i++) {
		snprintf(name, sizeof(name), "pci@%u", i);
		begin_bridge(&rig, name);
		end(&rig);
	}
	fdt_rig_finish(&rig);
	ck_assert_fails(read_info("0000:00:00.0", &info), -EINVAL, "512 host bridges");
}
END_TEST

/* A name that makes a path longer than the struct has room for. */
START_TEST(path_too_long)
{
	struct iom_tree_info info;
	char name[300];

	memset(name, 'a', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	tear_down();
	fdt_rig_start(&rig);
	begin_bridge(&rig, name);
	end(&rig);
	fdt_rig_finish(&rig);
	ck_assert_fails(read_info("0000:00:00.0", &info), -EINVAL, "too long");
}
END_TEST

/* A root that claims to be a bridge: nothing is above it that its ranges could speak of. */
START_TEST(root_as_bridge)
{
	struct iom_tree_info info;

	tear_down();
	fdt_rig_start(&rig);
	text(&rig, "device_type", "pci");
	cells(&rig, "#address-cells", 3);
	cells(&rig, "#size-cells", 2);
	cells(&rig, "ranges", 0x2000000, 0, 0, 0, 0x10000000, 0, 0x1000);
	begin_bridge(&rig, "pci@0");
	add_function(&rig, "edu@1", pci_reg(0, 1, 0));
	end(&rig);
	fdt_rig_finish(&rig);
	ck_assert_fails(read_info("0000:00:01.0", &info), -EINVAL, "above the root");
}
END_TEST

/* Names that would write lines, and worse, to a terminal. */
START_TEST(control_characters)
{
	const struct iom_tree_opts opts = { .size = sizeof(opts), .dtb = FDT_RIG_FILE };
	struct iom_tree_info info;

	tear_down();
	fdt_rig_start(&rig);
	begin_bridge(&rig, "pci@0\nIOMMU: fake\033[31m");
	add_function(&rig, "edu@1", pci_reg(0, 1, 0));
	end(&rig);
	fdt_rig_finish(&rig);
	memset(&info, 0, sizeof(info));
	info.size = sizeof(info);
	ck_assert_ok(iom_tree_read_on(&rig.sys, "0000:00:01.0", &opts, &info));
	ck_assert_str_eq(info.bridge, "/pci@0?IOMMU:?fake?[31m");
}
END_TEST

/* What nobody has written for twenty years, and libfdt 1.6 stumbles over. */
START_TEST(old_version)
{
	struct iom_tree_info info;

	fdt_set_version(rig.blob, 15);
	fdt_set_last_comp_version(rig.blob, 2);
	ck_assert_fails(read_info(ADDRESS, &info), -EINVAL, "VERSION");
	fdt_set_version(rig.blob, 2);
	ck_assert_fails(read_info(ADDRESS, &info), -EINVAL, "VERSION");
}
END_TEST

/* The time for a name of a property goes with its length, for each look at each of them. */
START_TEST(long_names)
{
	struct iom_tree_info info;
	char name[257];

	memset(name, 'a', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	tear_down();
	fdt_rig_start(&rig);
	begin_bridge(&rig, "pci@0");
	text(&rig, name, "");
	add_function(&rig, "edu@1", pci_reg(0, 1, 0));
	end(&rig);
	fdt_rig_finish(&rig);
	ck_assert_fails(read_info("0000:00:01.0", &info), -EINVAL, "longer than 255");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("fdt_hostile");
	TCase *tcase = tcase_create("hostile");

	tcase_set_timeout(tcase, 120);
	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_test(tcase, truncated);
	tcase_add_test(tcase, flipped);
	tcase_add_test(tcase, wrong_lengths);
	tcase_add_test(tcase, contents);
	tcase_add_test(tcase, deep_and_wide);
	tcase_add_test(tcase, path_too_long);
	tcase_add_test(tcase, root_as_bridge);
	tcase_add_test(tcase, control_characters);
	tcase_add_test(tcase, old_version);
	tcase_add_test(tcase, long_names);
	suite_add_tcase(suite, tcase);
	return run_suite(suite);
}
