// SPDX-License-Identifier: BSD-3-Clause
/* PCI addresses as people write them, and what sysfs and /proc say of functions and groups. */
#include "lib/sysfs.h"
#include "tests/unit/fake_files.h"
#include "tests/unit/runner.h"
#include "tests/unit/util.h"

#define DEVICES "/sys/bus/pci/devices/"

/* ---- Addresses ---------------------------------------------------------------------------------- */

static const char *const good[][2] = {
	{ "0000:01:00.0", "0000:01:00.0" },
	{ "01:00.0", "0000:01:00.0" },
	{ "ff:1f.7", "0000:ff:1f.7" },
	{ "FF:1F.7", "0000:ff:1f.7" },
	{ "ABCD:Ef:00.1", "abcd:ef:00.1" },
	{ "ffff:ff:1f.7", "ffff:ff:1f.7" },
	/* segments of VMD and of Hyper-V have more digits */
	{ "10000:e1:00.0", "10000:e1:00.0" },
	{ "deadbeef:00:02.0", "deadbeef:00:02.0" },
	{ "00000000:01:00.0", "0000:01:00.0" },
};

START_TEST(address_good)
{
	char address[IOM_PCI_ADDRESS_MAX];

	memset(address, 'x', sizeof(address));
	ck_assert_ok(iom_pci_address(good[_i][0], address));
	ck_assert_str_eq(address, good[_i][1]);
}
END_TEST

static const char *const bad[] = {
	"",
	":",
	"::",
	".",
	"::.",
	"0",
	"nvme0",
	"/dev/nvme0",
	"01:00",
	"01:00.",
	"01.00.0",
	"0000:01:00",
	"0000:01:00.",
	"0000:01:00:0",
	"0000:01:00.8",
	"0000:01:00.f",
	"0000:01:20.0",
	"0000:01:ff.0",
	"0000:1:0.0",
	"0000:001:00.0",
	"0000:01:000.0",
	"0000:01:00.00",
	"0000:01:00.0 ",
	" 0000:01:00.0",
	"0000:01:00.0\n",
	"0000: 01:00.0",
	"000:01:00.0",
	"123456789:01:00.0",
	"0x00:01:00.0",
	"+000:01:00.0",
	"-001:01:00.0",
	"0000:g1:00.0",
	"0000:01:0g.0",
	"0000:01:00.g",
	"0000:01:00.-1",
	"0000::00.0",
	"0000:01:.0",
	":01:00.0",
	"0000:0000:01:00.0",
	"../01:00.0",
	"0000:01:00.0/..",
	"0000:01:00.0/../../../etc/passwd",
	"%s:%n:%d.%x",
	"\xef\xbc\x90\xef\xbc\x91:00.0",
	"ffffffffffffffffffffffffffffffffffffffffffffffffffffffff:01:00.0",
};

/* Refused, quoted in the sentence, and nothing is written. */
START_TEST(address_bad)
{
	char address[IOM_PCI_ADDRESS_MAX] = "untouched";
	char *copy = strdup(bad[_i]); /* so that reading past its end is seen */
	int ret = iom_pci_address(copy, address);

	ck_assert_msg(ret == -EINVAL, "\"%s\" is taken as %s", bad[_i], address);
	ck_assert_str_eq(address, "untouched");
	/* a sentence is one line */
	copy[strcspn(copy, "\n")] = strchr(copy, '\n') ? '?' : '\0';
	ck_assert_ptr_nonnull(strstr(iom_errmsg(), copy));
	ck_assert_ptr_nonnull(strstr(iom_errmsg(), "0000:01:00.0"));
	free(copy);
}
END_TEST

/* ---- sysfs -------------------------------------------------------------------------------------- */

static const struct fake_file machine[] = {
	{ DEVICES "0000:01:00.0/vendor", "0x8086\n", 0 },
	{ DEVICES "0000:01:00.0/driver", "../../../../bus/pci/drivers/vfio-pci", 0 },
	{ DEVICES "0000:01:00.0/iommu_group", "../../../../kernel/iommu_groups/14", 0 },
	{ DEVICES "0000:02:00.0/vendor", "0x8086\n", 0 },
	{ DEVICES "0000:03:00.0/vendor", "0x8086\n", 0 },
	{ DEVICES "0000:03:00.0/driver", NULL, -EACCES },
	{ DEVICES "0000:03:00.0/iommu_group", NULL, -EACCES },
	{ DEVICES "0000:04:00.0/driver", "e1000e", 0 },
	{ DEVICES "0000:04:00.0/iommu_group", "../../iommu_groups/4x", 0 },
	{ DEVICES "0000:05:00.0/iommu_group", "../../iommu_groups/", 0 },
	{ DEVICES "0000:06:00.0/iommu_group", "../../iommu_groups/4294967296", 0 },
	{ DEVICES "0000:07:00.0/iommu_group", "../../iommu_groups/4294967295", 0 },
	{ DEVICES "0000:08:00.0/iommu_group", "../../iommu_groups/-1", 0 },
	{ "/sys/kernel/iommu_groups/14/devices/0000:01:00.0", "", 0 },
	{ "/sys/kernel/iommu_groups/14/devices/0000:01:00.1", "", 0 },
	{ NULL, NULL, 0 },
};

static struct iom_sys sys;

static void set_up(void)
{
	sys = fake_files(machine);
}

START_TEST(exists)
{
	ck_assert_ok(iom_sysfs_device_exists(&sys, "0000:01:00.0"));
	ck_assert_fails(iom_sysfs_device_exists(&sys, "0000:09:00.0"), -ENODEV, "0000:09:00.0",
			"lspci");
}
END_TEST

START_TEST(driver)
{
	char name[16] = "untouched";

	ck_assert_ok(iom_sysfs_driver(&sys, "0000:01:00.0", name, sizeof(name)));
	ck_assert_str_eq(name, "vfio-pci");
	ck_assert_ok(iom_sysfs_driver(&sys, "0000:04:00.0", name, sizeof(name)));
	ck_assert_str_eq(name, "e1000e");
	ck_assert_ok(iom_sysfs_driver(&sys, "0000:02:00.0", name, sizeof(name)));
	ck_assert_str_eq(name, "");
	ck_assert_fails(iom_sysfs_driver(&sys, "0000:03:00.0", name, sizeof(name)), -EIO,
			DEVICES "0000:03:00.0/driver", "ermission");
	/* one that does not fit is not cut to another one's name */
	ck_assert_fails(iom_sysfs_driver(&sys, "0000:01:00.0", name, 8), -EIO, "too long");
	ck_assert_ok(iom_sysfs_driver(&sys, "0000:01:00.0", name, 9));
}
END_TEST

START_TEST(group)
{
	static const char *const nonsense[] = { "0000:04:00.0", "0000:05:00.0", "0000:06:00.0",
						"0000:08:00.0" };
	unsigned int number = 77;
	size_t i;

	ck_assert_fails(iom_sysfs_group(&sys, "0000:02:00.0", &number), -ENODEV, "IOMMU group",
			"no IOMMU", "intel_iommu=on");
	ck_assert_fails(iom_sysfs_group(&sys, "0000:03:00.0", &number), -EIO,
			DEVICES "0000:03:00.0/iommu_group");
	for (i = 0; i < ARRAY_SIZE(nonsense); i++)
		ck_assert_fails(iom_sysfs_group(&sys, nonsense[i], &number), -EIO, nonsense[i],
				"group");
	ck_assert_uint_eq(number, 77);
	ck_assert_ok(iom_sysfs_group(&sys, "0000:01:00.0", &number));
	ck_assert_uint_eq(number, 14);
	ck_assert_ok(iom_sysfs_group(&sys, "0000:07:00.0", &number));
	ck_assert_uint_eq(number, UINT32_MAX);
}
END_TEST

static int append(void *arg, const char *name)
{
	strcat(arg, name);
	strcat(arg, " ");
	return 0;
}

START_TEST(members)
{
	char names[64] = "";

	ck_assert_int_eq(iom_sysfs_group_members(&sys, 14, append, names), 0);
	ck_assert_str_eq(names, "0000:01:00.0 0000:01:00.1 ");
	ck_assert_int_eq(iom_sysfs_group_members(&sys, 1, append, names), -ENOENT);
}
END_TEST

/* ---- Who holds a node --------------------------------------------------------------------------- */

static const struct fake_file processes[] = {
	{ "/proc/1/comm", "init\n", 0 },
	{ "/proc/1/fd", NULL, -EACCES },
	{ "/proc/17/comm", "qemu-system-x86\n", 0 },
	{ "/proc/17/fd/0", "/dev/null", 0 },
	{ "/proc/17/fd/5", "/dev/vfio/1", 0 },
	{ "/proc/17/fd/9", "/dev/vfio/14", 0 },
	{ "/proc/18/fd/3", "/dev/vfio/15", 0 },
	{ "/proc/19/fd/3", NULL, -EACCES },
	{ "/proc/20/comm", "\033]0;root\007", 0 },
	{ "/proc/20/fd/3", "/dev/vfio/17", 0 },
	{ "/proc/self/fd/3", "/dev/vfio/16", 0 },
	{ NULL, NULL, 0 },
};

START_TEST(holder)
{
	char who[64];

	sys = fake_files(processes);
	ck_assert(iom_sysfs_holder(&sys, "/dev/vfio/14", who, sizeof(who)));
	ck_assert_str_eq(who, "process 17 (qemu-system-x86)");
	/* its name may be gone; none, or not to be seen; "self" is no process of its own */
	ck_assert(iom_sysfs_holder(&sys, "/dev/vfio/15", who, sizeof(who)));
	ck_assert_str_eq(who, "process 18");
	ck_assert(!iom_sysfs_holder(&sys, "/dev/vfio/99", who, sizeof(who)));
	ck_assert_str_eq(who, "another process");
	ck_assert(!iom_sysfs_holder(&sys, "/dev/vfio/16", who, sizeof(who)));
	ck_assert_str_eq(who, "another process");
	/* what would write to a terminal is not repeated */
	ck_assert(iom_sysfs_holder(&sys, "/dev/vfio/17", who, sizeof(who)));
	ck_assert_str_eq(who, "process 20");
	/* cut, if there is no room */
	iom_sysfs_holder(&sys, "/dev/vfio/14", who, 8);
	ck_assert_str_eq(who, "process");
}
END_TEST

START_TEST(holder_without_proc)
{
	static const struct fake_file nothing[] = { { NULL, NULL, 0 } };
	char who[64];

	sys = fake_files(nothing);
	ck_assert(!iom_sysfs_holder(&sys, "/dev/vfio/14", who, sizeof(who)));
	ck_assert_str_eq(who, "another process");
}
END_TEST

/* ---- What PCI functions decode ------------------------------------------------------------------ */

struct ranges {
	uint64_t v[8];
	size_t n;
	int answer;
};

static int note_range(void *arg, uint64_t start, uint64_t last)
{
	struct ranges *ranges = arg;

	ck_assert_uint_lt(ranges->n, ARRAY_SIZE(ranges->v));
	ranges->v[ranges->n++] = start;
	ranges->v[ranges->n++] = last;
	return ranges->answer;
}

static const struct fake_file decoders[] = {
	{ "/sys/bus/pci/devices/0000:00:02.0/resource",
	  "0x0000000100000000 0x0000000100003fff 0x0000000000140204\n"
	  "0x0000000000000000 0x0000000000000000 0x0000000000000000\n"
	  "0x000000000000c000 0x000000000000c01f 0x0000000000040101\n"
	  "nonsense\n"
	  "0x00000000febd0000 0x00000000febd0fff 0x0000000000040200",
	  0 },
	{ "/sys/bus/pci/devices/0000:00:03.0/resource", NULL, -EACCES },
	{ "/sys/bus/pci/devices/0000:00:04.0/vendor", "0x1234\n", 0 },
	{ "/sys/bus/pci/devices/0000:00:05.0/resource", "0x10 0x1f 0x200\n", 0 },
	{ NULL, NULL, 0 },
};

/* Memory, but neither ports nor what is not there; what cannot be read does not hide the rest. */
START_TEST(pci_memory)
{
	static const uint64_t expected[] = { 0x100000000, 0x100003fff, 0xfebd0000,
					     0xfebd0fff,  0x10,        0x1f };
	struct ranges ranges = { .n = 0 };
	bool all = true;

	sys = fake_files(decoders);
	ck_assert_ok(iom_sysfs_pci_memory(&sys, note_range, &ranges, &all));
	ck_assert_uint_eq(ranges.n, ARRAY_SIZE(expected));
	ck_assert_mem_eq(ranges.v, expected, sizeof(expected));
	ck_assert(!all);

	ranges = (struct ranges){ .answer = -ENOMEM };
	ck_assert_int_eq(iom_sysfs_pci_memory(&sys, note_range, &ranges, &all), -ENOMEM);
	ck_assert_uint_eq(ranges.n, 2);
}
END_TEST

/* Without descriptors or memory, an answer would leave something out. */
START_TEST(pci_memory_that_cannot_be_read)
{
	static const int errors[][2] = {
		{ -EMFILE, -EMFILE }, { -ENFILE, -EMFILE }, { -ENOMEM, -ENOMEM }, { -EIO, -EIO }
	};
	const struct fake_file files[] = {
		{ "/sys/bus/pci/devices/0000:00:03.0/resource", NULL, errors[_i][0] },
		{ NULL, NULL, 0 },
	};
	struct ranges ranges = { .n = 0 };
	bool all = true;

	sys = fake_files(files);
	ck_assert_fails(iom_sysfs_pci_memory(&sys, note_range, &ranges, &all), errors[_i][1],
			"0000:00:03.0/resource");
}
END_TEST

START_TEST(pci_memory_without_sysfs)
{
	static const struct fake_file nothing[] = { { NULL, NULL, 0 } };
	struct ranges ranges = { .n = 0 };
	bool all = true;

	sys = fake_files(nothing);
	ck_assert_ok(iom_sysfs_pci_memory(&sys, note_range, &ranges, &all));
	ck_assert_uint_eq(ranges.n, 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("sysfs");
	TCase *address = tcase_create("address");
	TCase *sysfs = tcase_create("sysfs");

	tcase_add_loop_test(address, address_good, 0, ARRAY_SIZE(good));
	tcase_add_loop_test(address, address_bad, 0, ARRAY_SIZE(bad));
	tcase_add_checked_fixture(sysfs, set_up, NULL);
	tcase_add_test(sysfs, exists);
	tcase_add_test(sysfs, driver);
	tcase_add_test(sysfs, group);
	tcase_add_test(sysfs, members);
	tcase_add_test(sysfs, holder);
	tcase_add_test(sysfs, holder_without_proc);
	tcase_add_test(sysfs, pci_memory);
	tcase_add_loop_test(sysfs, pci_memory_that_cannot_be_read, 0, 4);
	tcase_add_test(sysfs, pci_memory_without_sysfs);
	suite_add_tcase(suite, address);
	suite_add_tcase(suite, sysfs);
	return run_suite(suite);
}
