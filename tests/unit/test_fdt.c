// SPDX-License-Identifier: BSD-3-Clause
/* Flattened device trees: which node a PCI function has, and the same words as of the live tree. */
#include "tests/unit/fdt_rig.h"
#include "tests/unit/runner.h"
#include "tests/unit/tree_rig.h"
#include "tests/unit/util.h"

static struct fdt_rig rig;
static struct iom_tree_info info;

static int read_from(const char *file, const char *address)
{
	struct iom_tree_opts opts = { .size = sizeof(opts), .dtb = file };

	memset(&info, 0x5a, sizeof(info));
	info.size = sizeof(info);
	return iom_tree_read_on(&rig.sys, address, &opts, &info);
}

static int read_info(const char *address)
{
	return read_from(FDT_RIG_FILE, address);
}

static void tear_down(void)
{
	fdt_rig_free(&rig);
}

static void is_node(const char *address, const char *node, uint64_t own)
{
	ck_assert_ok(read_info(address));
	ck_assert_str_eq(info.node, node);
	ck_assert_uint_eq(info.flags & IOM_TREE_OWN, own);
}

/* ---- Functions and bridges ---------------------------------------------------------------------- */

START_TEST(pseries)
{
	fdt_rig_pseries(&rig);
	is_node("0000:00:02.0", "/pci@800000020000000/mass-storage@2", IOM_TREE_OWN);
	ck_assert_uint_eq(info.source, IOM_TREE_FILE);
	ck_assert_uint_eq(info.flags,
			  IOM_TREE_OWN | IOM_TREE_WINDOW | IOM_TREE_DDW | IOM_TREE_DDW_LARGE);
	ck_assert_uint_eq(info.window.length, GIB / 2);
	ck_assert_uint_eq(info.n_ranges, 2);
	is_node("0001:01:01.1", "/pci@800000020000001/pci@3/ethernet@1,1", IOM_TREE_OWN);
	ck_assert_str_eq(info.bridge, "/pci@800000020000001");
	ck_assert_uint_eq(info.window.length, GIB);
	ck_assert_uint_eq(info.requester_id, 0x109);
	/* a function that came later: its bridge's windows */
	is_node("0001:00:04.0", "/pci@800000020000001", 0);
	ck_assert_uint_eq(info.window.length, GIB);
	ck_assert_str_eq(info.bridge, "/pci@800000020000001");
	ck_assert_fails(read_info("0002:00:02.0"), -ENODEV, "0002:00:02.0", "2 PCI host bridges");
	ck_assert_fails(read_info("10000:00:02.0"), -ENODEV, "10000");
}
END_TEST

START_TEST(powernv)
{
	fdt_rig_powernv(&rig);
	is_node("0003:02:00.0", "/pciex@600c3c0000000/pci@0/pci@0/mass-storage@0", IOM_TREE_OWN);
	ck_assert_uint_eq(info.page_sizes, 0x40211000);
	ck_assert_uint_eq(info.n_ranges, 2);
	is_node("0003:01:00.0", "/pciex@600c3c0000000/pci@0/pci@0", IOM_TREE_OWN);
	is_node("0003:00:00.0", "/pciex@600c3c0000000/pci@0", IOM_TREE_OWN);
	ck_assert_str_eq(info.bridge, "/pciex@600c3c0000000");
	ck_assert_int_eq(read_info("0000:00:00.0"), -ENODEV);
}
END_TEST

START_TEST(arm64)
{
	fdt_rig_arm64(&rig);
	/* none has a node of its own; those below 8 are the SMMU's, 8 is nobody's */
	is_node("0005:20:00.7", "/pcie@10000000", 0);
	ck_assert_uint_eq(info.flags, IOM_TREE_IOMMU);
	ck_assert_str_eq(info.iommu, "/smmuv3@9050000");
	ck_assert_str_eq(info.iommu_kind, "arm,smmu-v3");
	ck_assert_uint_eq(info.iommu_id, 7);
	ck_assert_uint_eq(info.ranges[0].flags, IOM_TREE_RANGE_PREFETCH);
	is_node("0005:20:01.0", "/pcie@10000000/virtio_iommu@1,0", IOM_TREE_OWN);
	ck_assert_uint_eq(info.flags, IOM_TREE_OWN | IOM_TREE_NO_IOMMU);
	is_node("0005:20:01.1", "/pcie@10000000", 0);
	ck_assert_str_eq(info.iommu, "/pcie@10000000/virtio_iommu@1,0");
	ck_assert_uint_eq(info.iommu_id, 0x2009);
	/* bus numbers that the tree has only in a bridge's bus-range, or not at all */
	is_node("0005:21:00.0", "/pcie@10000000/pcie@2,0/wifi@0", IOM_TREE_OWN);
	is_node("0005:21:01.0", "/pcie@10000000/pcie@2,0", 0);
	ck_assert_str_eq(info.bridge, "/pcie@10000000");
	is_node("0005:22:00.0", "/pcie@10000000", 0);
	is_node("0005:20:00.0", "/pcie@10000000", 0);
	ck_assert_fails(read_info("0005:30:00.0"), -ENODEV, "20 to 2f");
	ck_assert_fails(read_info("0005:1f:00.0"), -ENODEV, "20 to 2f");
}
END_TEST

/* Numbers as the kernel gives them: what is said, if it is free; else the first that is. */
START_TEST(segments)
{
	fdt_rig_start(&rig);
	begin(&rig, "soc");
	begin_bridge(&rig, "pcie@a");
	end(&rig);
	begin_bridge(&rig, "pcie@b");
	cells(&rig, "linux,pci-domain", 2);
	end(&rig);
	end(&rig);
	begin_bridge(&rig, "pcie@c");
	cells(&rig, "reg", 0, 9); /* of no meaning where it is not POWER */
	begin_bridge(&rig, "pcie@0");
	end(&rig);
	end(&rig);
	begin_bridge(&rig, "pcie@d");
	cells(&rig, "linux,pci-domain", 2);
	end(&rig);
	fdt_rig_finish(&rig);
	is_node("0000:00:00.0", "/soc/pcie@a", 0);
	is_node("0001:00:00.0", "/pcie@c", 0);
	is_node("0002:00:00.0", "/soc/pcie@b", 0);
	is_node("0003:00:00.0", "/pcie@d", 0);
	ck_assert_int_eq(read_info("0004:00:00.0"), -ENODEV);
	ck_assert_int_eq(read_info("0009:00:00.0"), -ENODEV);
}
END_TEST

START_TEST(segments_by_alias)
{
	fdt_rig_start(&rig);
	begin(&rig, "rtas");
	end(&rig);
	begin(&rig, "aliases");
	text(&rig, "pci", "/pci@8");
	text(&rig, "pci7x", "/pci@8");
	text(&rig, "pci7", "/pci@8");
	text(&rig, "pci6", "/pci@80");
	end(&rig);
	begin_bridge(&rig, "pci@8");
	cells(&rig, "reg", 0x8000000, 0x20000001, 0, 0);
	end(&rig);
	begin_bridge(&rig, "pci@9");
	cells(&rig, "reg", 0x8000000, 0x20000001, 0, 0);
	end(&rig);
	fdt_rig_finish(&rig);
	is_node("0007:00:00.0", "/pci@8", 0);
	is_node("0001:00:00.0", "/pci@9", 0);
	ck_assert_int_eq(read_info("0006:00:00.0"), -ENODEV);
}
END_TEST

/* ---- As the live tree --------------------------------------------------------------------------- */

/* The same tree as files below /sys, each node a folder. */
static int offset_of(const char *path, size_t length)
{
	if (strncmp(path, TREE_BASE, strlen(TREE_BASE)))
		return -1;
	path += strlen(TREE_BASE);
	length -= strlen(TREE_BASE);
	return length ? fdt_path_offset_namelen(rig.blob, path, (int)length) : 0;
}

static ssize_t live_read(void *ctx, const char *path, void *buf, size_t n)
{
	const char *name = strrchr(path, '/');
	const void *value = NULL;
	int node, length;

	(void)ctx;
	if (strstr(path, "/vendor"))
		return 0;
	node = offset_of(path, (size_t)(name - path));
	if (node >= 0)
		value = fdt_getprop(rig.blob, node, name + 1, &length);
	if (!value)
		return -ENOENT;
	n = n < (size_t)length ? n : (size_t)length;
	memcpy(buf, value, n);
	return (ssize_t)n;
}

static const char *live_node; /* of the only device */

static ssize_t live_read_link(void *ctx, const char *path, char *buf, size_t n)
{
	(void)ctx;
	if (strstr(path, "/of_node"))
		return snprintf(buf, n, "../firmware/devicetree/base%s", live_node);
	if (strstr(path, "/iommu"))
		return -ENOENT;
	return snprintf(buf, n, "../../../devices/pci/one");
}

static int live_list(void *ctx, const char *path, iom_sys_name_fn *name, void *arg)
{
	int node = offset_of(path, strlen(path)), child, prop, ret = 0;
	const char *text;

	(void)ctx;
	if (node < 0)
		return -ENOTDIR;
	fdt_for_each_property_offset(prop, rig.blob, node)
	{
		fdt_getprop_by_offset(rig.blob, prop, &text, NULL);
		ret = ret ? ret : name(arg, text);
	}
	fdt_for_each_subnode(child, rig.blob, node)
		ret = ret ? ret : name(arg, fdt_get_name(rig.blob, child, NULL));
	return ret;
}

static const struct {
	void (*machine)(struct fdt_rig *rig);
	const char *address;
} functions[] = {
	{ fdt_rig_pseries, "0000:00:02.0" }, { fdt_rig_pseries, "0001:01:01.1" },
	{ fdt_rig_powernv, "0003:02:00.0" }, { fdt_rig_powernv, "0003:00:00.0" },
	{ fdt_rig_arm64, "0005:20:01.0" },   { fdt_rig_arm64, "0005:21:00.0" },
};

START_TEST(same_as_live)
{
	static const struct iom_sys live = {
		.read_file = live_read,
		.read_link = live_read_link,
		.list_dir = live_list,
	};
	struct iom_tree_info flat;

	functions[_i].machine(&rig);
	ck_assert_ok(read_info(functions[_i].address));
	flat = info;
	live_node = flat.node;
	memset(&info, 0x5a, sizeof(info));
	info.size = sizeof(info);
	ck_assert_ok(iom_tree_read_on(&live, functions[_i].address, NULL, &info));
	ck_assert_uint_eq(info.source, IOM_TREE_LIVE);
	info.source = flat.source;
	ck_assert_mem_eq(&info, &flat, sizeof(info));
}
END_TEST

/* ---- Files -------------------------------------------------------------------------------------- */

START_TEST(files)
{
	static const int errors[][2] = {
		{ -EACCES, -EACCES }, { -EPERM, -EACCES },  { -ENOENT, -EINVAL },
		{ -EISDIR, -EINVAL }, { -EMFILE, -EMFILE }, { -ENOMEM, -ENOMEM },
		{ -EIO, -EIO },
	};
	size_t i;

	fdt_rig_pseries(&rig);
	ck_assert_ok(read_from("/sys/firmware/fdt", "0000:00:02.0"));
	ck_assert_uint_eq(info.source, IOM_TREE_BOOT);
	ck_assert_fails(read_from("other.dtb", "0000:00:02.0"), -EINVAL, "other.dtb", "no file");
	for (i = 0; i < ARRAY_SIZE(errors); i++) {
		rig.error = errors[i][0];
		ck_assert_fails(read_info("0000:00:02.0"), errors[i][1], FDT_RIG_FILE);
	}
}
END_TEST

START_TEST(text_of_arm64)
{
	static const char expected[] =
		"device tree: machine.dtb\n"
		"node: /pcie@10000000, of a bridge: the device has none of its own\n"
		"host bridge: /pcie@10000000\n"
		"the bridge decodes: 0x10000000 to 0x3efeffff (32 bits, prefetchable)\n"
		"IOMMU: /smmuv3@9050000, arm,smmu-v3, which knows the device by 0x7\n";
	struct iom_tree_opts opts = { .size = sizeof(opts), .dtb = FDT_RIG_FILE };
	char buf[1024];

	fdt_rig_arm64(&rig);
	ck_assert_int_eq(iom_tree_explain_on(&rig.sys, "0005:20:00.7", &opts, buf, sizeof(buf)),
			 sizeof(expected) - 1);
	ck_assert_str_eq(buf, expected);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("fdt");
	TCase *tcase = tcase_create("fdt");

	tcase_add_checked_fixture(tcase, NULL, tear_down);
	tcase_add_test(tcase, pseries);
	tcase_add_test(tcase, powernv);
	tcase_add_test(tcase, arm64);
	tcase_add_test(tcase, segments);
	tcase_add_test(tcase, segments_by_alias);
	tcase_add_loop_test(tcase, same_as_live, 0, ARRAY_SIZE(functions));
	tcase_add_test(tcase, files);
	tcase_add_test(tcase, text_of_arm64);
	suite_add_tcase(suite, tcase);
	return run_suite(suite);
}
