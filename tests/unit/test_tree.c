// SPDX-License-Identifier: BSD-3-Clause
/* What the running machine says of a function's IOMMU: its live device tree, or sysfs alone. */
#include "tests/unit/runner.h"
#include "tests/unit/tree_rig.h"
#include "tests/unit/util.h"

#define FILES_MAX 64

static struct tree_file files[FILES_MAX];
static size_t n_files;
static struct iom_sys sys;
static struct iom_tree_info info;

static void start(void)
{
	n_files = 0;
	files[0].path = NULL;
}

/* A file more; or another content of one that there is. */
static void put(const struct tree_file *file)
{
	size_t i;

	for (i = 0; i < n_files && strcmp(files[i].path, file->path); i++)
		;
	ck_assert_uint_lt(i, FILES_MAX - 1);
	files[i] = *file;
	if (i < n_files)
		return;
	files[++n_files].path = NULL;
}

static void put_all(const struct tree_file *more)
{
	for (; more->path; more++)
		put(more);
}

#define put_bytes(path, bytes) put(&(struct tree_file)TREE_BYTES(path, bytes))
#define put_text(path, text) put(&(struct tree_file)TREE_TEXT(path, text))
#define put_link(path, target) put(&(struct tree_file)TREE_LINK(path, target))
#define put_error(path, error) put(&(struct tree_file)TREE_ERROR(path, error))

static int read_info(const char *address)
{
	sys = tree_rig(files);
	memset(&info, 0x5a, sizeof(info));
	info.size = sizeof(info);
	return iom_tree_read_on(&sys, address, NULL, &info);
}

/* A malformed tree is the kernel's fault, and the sentence says where. */
static void refused(const char *address, const char *property, const char *words)
{
	struct iom_tree_info before;

	memset(&info, 0x5a, sizeof(info));
	info.size = sizeof(info);
	before = info;
	sys = tree_rig(files);
	ck_assert_fails(iom_tree_read_on(&sys, address, NULL, &info), -EIO, address, property,
			words);
	ck_assert_mem_eq(&info, &before, sizeof(info));
}

/* ---- pSeries ------------------------------------------------------------------------------------ */

#define NVME "0001:00:02.0"
#define PHB TREE_BASE "/pci@800000020000001"
#define NVME_NODE PHB "/mass-storage@2"

/* As Linux 6.12 shows it on QEMU's pseries. */
static const struct tree_file pseries[] = {
	TREE_TEXT(TREE_DEVICES NVME "/vendor", "0x1b36\n"),
	TREE_LINK(TREE_DEVICES NVME, "../../../devices/pci0001:00/0001:00:02.0"),
	TREE_LINK("/sys/devices/pci0001:00/0001:00:02.0/of_node",
		  "../../../firmware/devicetree/base/pci@800000020000001/mass-storage@2"),
	TREE_LINK(TREE_DEVICES NVME "/iommu", "../../virtual/iommu/iommu-phb0001"),
	TREE_TEXT("/sys/class/iommu/iommu-phb0001/power/control", "auto\n"),
	TREE_TEXT("/sys/class/iommu/iommu-phb0001/spapr-tce-iommu/x", ""),
	TREE_BYTES(TREE_BASE "/#address-cells", "\0\0\0\2"),
	TREE_BYTES(NVME_NODE "/reg", "\0\0\x10\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"),
	TREE_TEXT(PHB "/device_type", "pci"),
	TREE_BYTES(PHB "/#address-cells", "\0\0\0\3"),
	TREE_BYTES(PHB "/#size-cells", "\0\0\0\2"),
	TREE_BYTES(PHB "/ibm,#dma-address-cells", "\0\0\0\2"),
	TREE_BYTES(PHB "/ibm,#dma-size-cells", "\0\0\0\2"),
	TREE_BYTES(PHB "/ibm,dma-window", "\x80\0\1\0\0\0\0\0\0\0\0\0\0\0\0\0\x40\0\0\0"),
	TREE_BYTES(PHB "/ibm,ddw-applicable", "\0\0\x20\x26\0\0\x20\x27\0\0\x20\x28"),
	TREE_BYTES(PHB "/ibm,ddw-extensions", "\0\0\0\2\0\0\x20\x29\0\0\0\1"),
	/* ports; memory of 32 bits; of 64 bits */
	TREE_BYTES(PHB "/ranges", "\1\0\0\0\0\0\0\0\0\0\0\0"
				  "\0\0\x20\0\0\1\0\0\0\0\0\0\0\1\0\0"
				  "\2\0\0\0\0\0\0\0\x80\0\0\0"
				  "\0\0\x20\1\0\0\0\0\0\0\0\0\x80\0\0\0"
				  "\3\0\0\0\0\0\x22\0\0\0\0\0"
				  "\0\0\x22\0\0\0\0\0\0\0\1\0\0\0\0\0"),
	TREE_END,
};

static void set_up_pseries(void)
{
	start();
	put_all(pseries);
}

START_TEST(pseries_at_rest)
{
	ck_assert_ok(read_info(NVME));
	ck_assert_uint_eq(info.size, sizeof(info));
	ck_assert_uint_eq(info.source, IOM_TREE_LIVE);
	ck_assert_uint_eq(info.flags,
			  IOM_TREE_OWN | IOM_TREE_WINDOW | IOM_TREE_DDW | IOM_TREE_DDW_LARGE);
	ck_assert_str_eq(info.node, "/pci@800000020000001/mass-storage@2");
	ck_assert_str_eq(info.bridge, "/pci@800000020000001");
	ck_assert_uint_eq(info.window.start, 0);
	ck_assert_uint_eq(info.window.length, GIB);
	ck_assert_uint_eq(info.window.page, 4096);
	ck_assert_uint_eq(info.ddw_calls[0], 0x2026);
	ck_assert_uint_eq(info.ddw_calls[1], 0x2027);
	ck_assert_uint_eq(info.ddw_calls[2], 0x2028);
	ck_assert_uint_eq(info.ddw_reset, 0x2029);
	ck_assert_uint_eq(info.page_sizes, 0);
	ck_assert_uint_eq(info.n_ranges, 2);
	ck_assert_uint_eq(info.ranges[0].start, 2 * GIB);
	ck_assert_uint_eq(info.ranges[0].length, 2 * GIB);
	ck_assert_uint_eq(info.ranges[0].flags, 0);
	ck_assert_uint_eq(info.ranges[1].start, 0x220000000000);
	ck_assert_uint_eq(info.ranges[1].length, TIB);
	ck_assert_uint_eq(info.ranges[1].flags, IOM_TREE_RANGE_64);
	ck_assert_uint_eq(info.ranges[2].length, 0);
	ck_assert_uint_eq(info.requester_id, 0x10);
	ck_assert_str_eq(info.iommu, "");
	ck_assert_str_eq(info.iommu_name, "iommu-phb0001");
	ck_assert_str_eq(info.iommu_kind, "spapr-tce-iommu");
}
END_TEST

/* VFIO has the bridge: the copy counts, but only where there is no original. */
START_TEST(pseries_saved_window)
{
	put_bytes(PHB "/ibm,dma-window-saved", "\x80\0\1\0\0\0\0\0\0\0\0\0\0\0\0\0\x20\0\0\0");
	ck_assert_ok(read_info(NVME));
	ck_assert(!(info.flags & IOM_TREE_WINDOW_SAVED));
	ck_assert_uint_eq(info.window.length, GIB);

	put_error(PHB "/ibm,dma-window", -ENOENT);
	ck_assert_ok(read_info(NVME));
	ck_assert(info.flags & IOM_TREE_WINDOW);
	ck_assert(info.flags & IOM_TREE_WINDOW_SAVED);
	ck_assert_uint_eq(info.window.length, GIB / 2);
}
END_TEST

/* The kernel's struct has padding before its address; what is packed is read as well. */
START_TEST(pseries_made_window)
{
	static const char *const names[] = { PHB "/linux,dma64-ddr-window-info",
					     PHB "/linux,direct64-ddr-window-info",
					     PHB "/linux,dma64-ddr-window-info",
					     PHB "/linux,direct64-ddr-window-info" };
	static const struct tree_file padded =
		TREE_BYTES("", "\x80\0\1\1\0\0\0\0\x8\0\0\0\0\0\0\0\0\0\0\x15\0\0\0\x26");
	static const struct tree_file packed =
		TREE_BYTES("", "\x80\0\1\1\x8\0\0\0\0\0\0\0\0\0\0\x15\0\0\0\x26");
	struct tree_file file = _i < 2 ? padded : packed;

	file.path = names[_i];
	put(&file);
	ck_assert_ok(read_info(NVME));
	ck_assert(info.flags & IOM_TREE_MADE);
	ck_assert_int_eq(!!(info.flags & IOM_TREE_MADE_DIRECT), _i % 2);
	ck_assert_uint_eq(info.made.start, UINT64_C(1) << 59);
	ck_assert_uint_eq(info.made.length, 256 * GIB);
	ck_assert_uint_eq(info.made.page, 2 * MIB);
}
END_TEST

/* A window of the device's own wins over the bridge's. */
START_TEST(pseries_nearest_window)
{
	put_bytes(NVME_NODE "/ibm,dma-window", "\x80\0\1\2\0\0\0\1\0\0\0\0\x10\0\0\0");
	put_bytes(NVME_NODE "/ibm,#dma-address-cells", "\0\0\0\2");
	put_bytes(NVME_NODE "/ibm,#dma-size-cells", "\0\0\0\1");
	ck_assert_ok(read_info(NVME));
	ck_assert_uint_eq(info.window.start, 4 * GIB);
	ck_assert_uint_eq(info.window.length, 256 * MIB);
}
END_TEST

static const struct {
	const char *name, *words;
	struct tree_file value;
} wrong[] = {
	{ "ibm,dma-window", "whole cells", TREE_BYTES("", "\1") },
	{ "ibm,dma-window", "number, address", TREE_BYTES("", "\0\0\0\1") },
	{ "ibm,dma-window", "number, address", TREE_BYTES("", "\0\0\0\1\0\0\0\1\0\0\0\1\0\0\0\1") },
	{ "ibm,dma-window", "no size", TREE_BYTES("", "\0\0\0\1\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0") },
	{ "ibm,dma-window", "past 2^64",
	  TREE_BYTES("", "\0\0\0\1\xff\xff\xff\xff\xff\xff\xff\xff\0\0\0\0\0\0\0\2") },
	{ "ibm,dma-window", "too long",
	  TREE_BYTES("",
		     "\0\0\0\1\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0") },
	{ "ibm,#dma-address-cells", "too long", TREE_BYTES("", "\0\0\0\2\0") },
	{ "ibm,dma-window", "number, address", TREE_BYTES("#", "\0\0\0\0") },
	{ "ibm,dma-window", "number, address", TREE_BYTES("#", "\xff\xff\xff\xfe") },
	{ "linux,dma64-ddr-window-info", "too short", TREE_BYTES("", "\0\0\0\1") },
	{ "linux,dma64-ddr-window-info", "cannot be", /* pages of 1 byte */
	  TREE_BYTES("", "\0\0\0\1\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x20") },
	{ "linux,dma64-ddr-window-info", "cannot be", /* 2^64 bytes */
	  TREE_BYTES("", "\0\0\0\1\0\0\0\0\0\0\0\0\0\0\0\x10\0\0\0\x40") },
	{ "linux,dma64-ddr-window-info", "cannot be", /* less than a page */
	  TREE_BYTES("", "\0\0\0\1\0\0\0\0\0\0\0\0\0\0\0\x10\0\0\0\xf") },
	{ "linux,direct64-ddr-window-info", "past 2^64",
	  TREE_BYTES("", "\0\0\0\1\xff\xff\xff\xff\xff\xff\0\0\0\0\0\x10\0\0\0\x20") },
	{ "ibm,ddw-applicable", "three calls", TREE_BYTES("", "\0\0\0\1\0\0\0\2") },
	{ "ibm,ddw-extensions", "count", TREE_BYTES("", "\0\0\0\1") },
	{ "ibm,ddw-extensions", "count", TREE_BYTES("", "\xff\xff\xff\xff\0\0\0\1") },
	{ "ranges", "whole cells", TREE_BYTES("", "\0\0\0\0\1") },
	{ "ranges", "add up", TREE_BYTES("", "\0\0\0\0\1\0\0\0") },
	{ "ranges", "past 2^64",
	  TREE_BYTES("", "\2\0\0\0\xff\xff\xff\xff\xff\xff\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1\0\1") },
	{ "ibm,opal-m64-window", "six cells", TREE_BYTES("", "\0\0\0\0") },
	{ "ibm,supported-tce-sizes", "such a size", TREE_BYTES("", "\0\0\0\xc\0\0\0\x40") },
	{ "ibm,supported-tce-sizes", "such a size", TREE_BYTES("", "\0\0\0\0") },
};

START_TEST(malformed)
{
	struct tree_file file = wrong[_i].value;
	char path[128];

	snprintf(path, sizeof(path), PHB "/%s",
		 *file.path ? "ibm,#dma-address-cells" : wrong[_i].name);
	file.path = path;
	put(&file);
	refused(NVME, wrong[_i].name, wrong[_i].words);
}
END_TEST

/* What cannot be read is not taken for absent. */
START_TEST(unreadable)
{
	static const char *const paths[] = {
		PHB "/ibm,dma-window",
		PHB "/device_type",
		PHB "/ranges",
		TREE_BASE "/#address-cells",
		TREE_DEVICES NVME,
		"/sys/devices/pci0001:00/0001:00:02.0/of_node",
		PHB "/iommu-map",
		TREE_DEVICES NVME "/iommu",
		NVME_NODE "/iommus",
		TREE_DEVICES NVME "/vendor",
		NVME_NODE "/device_type",
		"/sys/class/iommu/iommu-phb0001",
		PHB "/ibm,ddw-extensions",
	};
	static const int errors[][2] = { { -EIO, -EIO }, { -EACCES, -EIO }, { -EMFILE, -EMFILE } };
	size_t i;

	for (i = 0; i < ARRAY_SIZE(errors); i++) {
		set_up_pseries();
		put_error(paths[_i], errors[i][0]);
		/* the table's first one counts */
		if (!strncmp(paths[_i], "/sys/class", 10)) {
			files[n_files] = files[0];
			files[0] = (struct tree_file)TREE_ERROR(paths[_i], errors[i][0]);
			files[n_files + 1].path = NULL;
		}
		ck_assert_int_eq(read_info(NVME), errors[i][1]);
		ck_assert_ptr_nonnull(strstr(iom_errmsg(), NVME));
	}
}
END_TEST

/* ---- PowerNV ------------------------------------------------------------------------------------ */

#define OPAL TREE_BASE "/pciex@600c3c0000000"

/* As Linux 6.12 and skiboot have it on QEMU's powernv9: a bus below two bridges. */
static const struct tree_file powernv[] = {
	TREE_TEXT(TREE_DEVICES "0000:03:00.0/vendor", "0x1b36\n"),
	TREE_LINK(TREE_DEVICES "0000:03:00.0",
		  "../../../devices/pci0000:00/0000:00:00.0/0000:02:00.0/0000:03:00.0"),
	TREE_LINK("/sys/devices/pci0000:00/0000:00:00.0/0000:02:00.0/0000:03:00.0/of_node",
		  "../../../../../firmware/devicetree/base/pciex@600c3c0000000/pci@0/pci@0/"
		  "mass-storage@0"),
	TREE_BYTES(TREE_BASE "/#address-cells", "\0\0\0\2"),
	TREE_TEXT(OPAL "/pci@0/pci@0/device_type", "pciex"),
	TREE_TEXT(OPAL "/pci@0/device_type", "pciex"),
	TREE_BYTES(OPAL "/pci@0/ranges", "\2\0\0\0\0\0\0\0\0\0\0\0"
					 "\2\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\xf0\0\0\0"),
	TREE_TEXT(OPAL "/device_type", "pciex"),
	TREE_BYTES(OPAL "/#address-cells", "\0\0\0\3"),
	TREE_BYTES(OPAL "/#size-cells", "\0\0\0\2"),
	TREE_BYTES(OPAL "/ranges", "\2\0\0\0\0\0\0\0\x80\0\0\0"
				   "\0\6\0\xc0\0\0\0\0\0\0\0\0\x7f\xff\0\0"),
	TREE_BYTES(OPAL "/ibm,opal-m64-window",
		   "\0\6\0\0\0\0\0\0\0\6\0\0\0\0\0\0\0\0\0\x40\0\0\0\0"),
	TREE_BYTES(OPAL "/ibm,supported-tce-sizes", "\0\0\0\xc\0\0\0\x10\0\0\0\x15\0\0\0\x1e"),
	TREE_END,
};

START_TEST(powernv_bridge)
{
	start();
	put_all(powernv);
	ck_assert_ok(read_info("03:00.0"));
	ck_assert_uint_eq(info.flags, IOM_TREE_OWN);
	ck_assert_str_eq(info.bridge, "/pciex@600c3c0000000");
	ck_assert_uint_eq(info.page_sizes, 0x40211000);
	ck_assert_uint_eq(info.n_ranges, 2);
	ck_assert_uint_eq(info.ranges[0].start, 0x80000000);
	ck_assert_uint_eq(info.ranges[0].length, 0x7fff0000);
	ck_assert_uint_eq(info.ranges[1].start, 0x6000000000000);
	ck_assert_uint_eq(info.ranges[1].length, 256 * GIB);
	ck_assert_uint_eq(info.ranges[1].flags, IOM_TREE_RANGE_64 | IOM_TREE_RANGE_PREFETCH);
	ck_assert_uint_eq(info.requester_id, 0x300);
	ck_assert_str_eq(info.iommu_name, "");
}
END_TEST

/* ---- arm64 -------------------------------------------------------------------------------------- */

#define PCIE TREE_BASE "/pcie@10000000"

/* The bridge has a node, the device below it none; IOMMUs are where a tree has them. */
static const struct tree_file arm64[] = {
	TREE_TEXT(TREE_DEVICES "0000:01:00.0/vendor", "0x1b36\n"),
	TREE_LINK(TREE_DEVICES "0000:01:00.0",
		  "../../../devices/platform/4010000000.pcie/pci0000:00/0000:00:01.0/0000:01:00.0"),
	TREE_LINK("/sys/devices/platform/4010000000.pcie/of_node",
		  "../../../firmware/devicetree/base/pcie@10000000"),
	TREE_BYTES(TREE_BASE "/#address-cells", "\0\0\0\2"),
	TREE_TEXT(TREE_BASE "/compatible", "linux,dummy-virt"),
	TREE_TEXT(PCIE "/device_type", "pci"),
	TREE_BYTES(PCIE "/#address-cells", "\0\0\0\3"),
	TREE_BYTES(PCIE "/#size-cells", "\0\0\0\2"),
	TREE_BYTES(PCIE "/iommu-map", "\0\0\0\0\0\0\x80\4\0\0\0\0\0\0\0\x8"
				      "\0\0\1\0\0\0\x80\5\0\1\0\0\0\0\1\0"),
	TREE_BYTES(TREE_BASE "/smmuv3@9050000/phandle", "\0\0\x80\4"),
	TREE_TEXT(TREE_BASE "/smmuv3@9050000/compatible", "arm,smmu-v3"),
	TREE_BYTES(TREE_BASE "/soc/bus/smmu/phandle", "\0\0\x80\5"),
	TREE_BYTES(TREE_BASE "/soc/bus/smmu/compatible", "arm,\nmmu-500\0arm,mmu-500"),
	TREE_LINK(TREE_DEVICES "0000:01:00.0/iommu", "../../iommu/smmu3.0x0000000009050000"),
	TREE_END,
};

static void set_up_arm64(void)
{
	start();
	put_all(arm64);
}

START_TEST(iommu_map)
{
	ck_assert_ok(read_info("0000:01:00.0"));
	ck_assert_uint_eq(info.source, IOM_TREE_LIVE);
	ck_assert_uint_eq(info.flags, IOM_TREE_IOMMU);
	ck_assert_str_eq(info.node, "/pcie@10000000");
	ck_assert_str_eq(info.bridge, "/pcie@10000000");
	ck_assert_str_eq(info.iommu, "/soc/bus/smmu");
	ck_assert_str_eq(info.iommu_kind, "arm,?mmu-500");
	ck_assert_str_eq(info.iommu_name, "smmu3.0x0000000009050000");
	ck_assert_uint_eq(info.requester_id, 0x100);
	ck_assert_uint_eq(info.iommu_id, 0x10000);

	/* through a mask, the other entry */
	put_bytes(PCIE "/iommu-map-mask", "\0\0\0\7");
	ck_assert_ok(read_info("0000:01:00.0"));
	ck_assert_str_eq(info.iommu, "/smmuv3@9050000");
	ck_assert_uint_eq(info.iommu_id, 0);

	/* neither */
	put_bytes(PCIE "/iommu-map", "\0\0\0\1\0\0\x80\4\0\0\0\0\0\0\0\x8");
	ck_assert_ok(read_info("0000:01:00.0"));
	ck_assert_uint_eq(info.flags, IOM_TREE_NO_IOMMU);
	ck_assert_str_eq(info.iommu, "");
}
END_TEST

/* A property of the device's own comes before its bridge's map. */
START_TEST(iommus)
{
	put_link(
		"/sys/devices/platform/4010000000.pcie/pci0000:00/0000:00:01.0/0000:01:00.0/of_node",
		"../../../firmware/devicetree/base/pcie@10000000/nic");
	put_bytes(PCIE "/nic/iommus", "\0\0\x80\4\0\0\4\2");
	ck_assert_ok(read_info("0000:01:00.0"));
	ck_assert_uint_eq(info.flags, IOM_TREE_OWN | IOM_TREE_IOMMU);
	ck_assert_str_eq(info.iommu, "/smmuv3@9050000");
	ck_assert_uint_eq(info.iommu_id, 0x402);
}
END_TEST

START_TEST(iommu_malformed)
{
	put_bytes(PCIE "/iommu-map", "\0\0\0\0\0\0\x80\4\0\0\0\0");
	refused("0000:01:00.0", "iommu-map", "four cells");
	put_bytes(PCIE "/iommu-map", "\0\0\0\0\0\0\x80\6\0\0\0\0\0\1\0\0");
	refused("0000:01:00.0", "iommu-map", "phandle");
	put_bytes(PCIE "/iommu-map-mask", "\0\0\0\0\0");
	refused("0000:01:00.0", "iommu-map-mask", "too long");
	set_up_arm64();
	put_error(TREE_BASE "/smmuv3@9050000/phandle", -EIO);
	put_error(TREE_BASE "/soc/bus/smmu/phandle", -EIO);
	ck_assert_int_eq(read_info("0000:01:00.0"), -EIO);
}
END_TEST

/* Nothing that a link says leads out of the tree, or past a buffer. */
START_TEST(strange_links)
{
	static char longest[4200], node[400];

	memset(longest, 'a', sizeof(longest) - 1);
	memcpy(longest, "../../../devices/", 17);
	put(&(struct tree_file){ TREE_DEVICES "0000:01:00.0", longest, 4199, 0 });
	ck_assert_int_eq(read_info("0000:01:00.0"), -EIO);
	put_link(TREE_DEVICES "0000:01:00.0", "nowhere");
	ck_assert_int_eq(read_info("0000:01:00.0"), -EIO);

	set_up_arm64();
	put_link("/sys/devices/platform/4010000000.pcie/of_node", "../../elsewhere");
	ck_assert_int_eq(read_info("0000:01:00.0"), -EIO);
	memset(node, 'a', sizeof(node) - 1);
	memcpy(node, "../firmware/devicetree/base/", 28);
	put(&(struct tree_file){ "/sys/devices/platform/4010000000.pcie/of_node", node, 399, 0 });
	ck_assert_fails(read_info("0000:01:00.0"), -EIO, "longer than 255");
}
END_TEST

/* ---- No tree ------------------------------------------------------------------------------------ */

static const struct {
	const char *name, *file, *kind;
} sysfs[] = {
	{ "dmar0", "/sys/class/iommu/dmar0/intel-iommu/cap", "intel-iommu" },
	{ "ivhd0", "/sys/class/iommu/ivhd0/amd-iommu/cap", "amd-iommu" },
	{ "0000:00:1e.0", "/sys/class/iommu/0000:00:1e.0/device/driver", "virtio_iommu" },
	{ "mystery", "/sys/class/iommu/mystery/uevent", "" },
};

START_TEST(sysfs_only)
{
	char target[64];

	start();
	put_text(TREE_DEVICES "0000:00:03.0/vendor", "0x8086\n");
	put_link(TREE_DEVICES "0000:00:03.0", "../../../devices/pci0000:00/0000:00:03.0");
	ck_assert_ok(read_info("00:03.0"));
	ck_assert_str_eq(info.iommu_name, "");

	snprintf(target, sizeof(target), "../../virtual/iommu/%s", sysfs[_i].name);
	put(&(struct tree_file){ TREE_DEVICES "0000:00:03.0/iommu", target, strlen(target), 0 });
	put_link(sysfs[_i].file, "../../../bus/virtio/drivers/virtio_iommu");
	ck_assert_ok(read_info("00:03.0"));
	ck_assert_uint_eq(info.source, IOM_TREE_NONE);
	ck_assert_uint_eq(info.flags, 0);
	ck_assert_str_eq(info.node, "");
	ck_assert_str_eq(info.iommu_name, sysfs[_i].name);
	ck_assert_str_eq(info.iommu_kind, sysfs[_i].kind);
}
END_TEST

START_TEST(no_such_device)
{
	start();
	ck_assert_fails(read_info("0000:00:03.0"), -ENODEV, "0000:00:03.0", "lspci");
	ck_assert_fails(read_info("nvme0"), -EINVAL, "nvme0");
}
END_TEST

/* ---- Sizes, text -------------------------------------------------------------------------------- */

START_TEST(sizes)
{
	union {
		struct iom_tree_info info;
		unsigned char bytes[4096];
	} longer;
	struct iom_tree_opts opts = { .size = 0 };
	size_t i;

	sys = tree_rig(files);
	memset(&longer, 0x5a, sizeof(longer));
	longer.info.size = sizeof(longer);
	ck_assert_ok(iom_tree_read_on(&sys, NVME, NULL, &longer.info));
	ck_assert_uint_eq(longer.info.size, sizeof(longer));
	for (i = sizeof(longer.info); i < sizeof(longer); i++)
		ck_assert_uint_eq(longer.bytes[i], 0);
	for (i = 0; i < 3; i++) {
		longer.info.size = (size_t[]){ 0, sizeof(longer.info) - 1, 4097 }[i];
		ck_assert_fails(iom_tree_read_on(&sys, NVME, NULL, &longer.info), -EINVAL,
				"iom_tree_info.size");
	}
	longer.info.size = sizeof(longer.info);
	ck_assert_fails(iom_tree_read_on(&sys, NVME, &opts, &longer.info), -EINVAL,
			"iom_tree_opts.size");
	opts.size = 5000;
	ck_assert_fails(iom_tree_explain_on(&sys, NVME, &opts, NULL, 0), -E2BIG,
			"iom_tree_opts.size");
}
END_TEST

START_TEST(text)
{
	static const char expected[] =
		"device tree: the kernel's, as it is now\n"
		"node: /pci@800000020000001/mass-storage@2\n"
		"host bridge: /pci@800000020000001\n"
		"default window: 0x0 to 0x3fffffff, pages of 4 KiB\n"
		"dynamic windows: the bridge makes them (calls 0x2026, 0x2027, 0x2028) and brings "
		"the default one back\n"
		"the bridge decodes: 0x80000000 to 0xffffffff (32 bits)\n"
		"the bridge decodes: 0x220000000000 to 0x22ffffffffff (64 bits)\n"
		"IOMMU in sysfs: iommu-phb0001, spapr-tce-iommu\n";
	char buf[2048];
	int n;

	sys = tree_rig(files);
	ck_assert_int_eq(iom_tree_explain_on(&sys, NVME, NULL, NULL, 0), sizeof(expected) - 1);
	ck_assert_int_eq(iom_tree_explain_on(&sys, NVME, NULL, buf, sizeof(buf)),
			 sizeof(expected) - 1);
	ck_assert_str_eq(buf, expected);
	for (n = 1; n < (int)sizeof(expected); n++) {
		memset(buf, 0x5a, sizeof(buf));
		iom_tree_explain_on(&sys, NVME, NULL, buf, (size_t)n);
		ck_assert_uint_eq(strlen(buf), n - 1);
		ck_assert(!strncmp(buf, expected, n - 1));
		ck_assert_int_eq(buf[n], 0x5a);
	}
	ck_assert_int_eq(iom_tree_explain_on(&sys, "0000:09:00.0", NULL, buf, 8), -ENODEV);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("tree");
	TCase *power = tcase_create("power");
	TCase *arm = tcase_create("arm");
	TCase *other = tcase_create("other");

	tcase_add_checked_fixture(power, set_up_pseries, NULL);
	tcase_add_test(power, pseries_at_rest);
	tcase_add_test(power, pseries_saved_window);
	tcase_add_loop_test(power, pseries_made_window, 0, 4);
	tcase_add_test(power, pseries_nearest_window);
	tcase_add_loop_test(power, malformed, 0, ARRAY_SIZE(wrong));
	tcase_add_loop_test(power, unreadable, 0, 13);
	tcase_add_test(power, powernv_bridge);
	tcase_add_test(power, sizes);
	tcase_add_test(power, text);
	tcase_add_checked_fixture(arm, set_up_arm64, NULL);
	tcase_add_test(arm, iommu_map);
	tcase_add_test(arm, iommus);
	tcase_add_test(arm, iommu_malformed);
	tcase_add_test(arm, strange_links);
	tcase_add_loop_test(other, sysfs_only, 0, ARRAY_SIZE(sysfs));
	tcase_add_test(other, no_such_device);
	suite_add_tcase(suite, power);
	suite_add_tcase(suite, arm);
	suite_add_tcase(suite, other);
	return run_suite(suite);
}
