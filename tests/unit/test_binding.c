// SPDX-License-Identifier: BSD-3-Clause
/* Which driver a function is bound to, and which one of its group is in the way. */
#include "lib/binding.h"
#include "tests/unit/fake_files.h"
#include "tests/unit/runner.h"
#include "tests/unit/util.h"

#define FUNCTION "0000:01:00.0"
#define DRIVER(address) "/sys/bus/pci/devices/" address "/driver"
#define MEMBER(address) "/sys/kernel/iommu_groups/14/devices/" address

/* ---- One function ------------------------------------------------------------------------------------ */

static const struct {
	const char *link;
	int error;
	const char *words[3];
} drivers[] = {
	{ "../../../../bus/pci/drivers/vfio-pci", 0, { NULL } },
	{ "../../../../bus/pci/drivers/mlx5_vfio_pci", 0, { NULL } },
	{ "../../../../bus/pci/drivers/nvme",
	  -EBUSY,
	  { "kernel's nvme driver", "modprobe vfio-pci", FUNCTION } },
	/* one that keeps the device and does nothing with it has no device node, either */
	{ "../../../../bus/pci/drivers/pci-stub", -EBUSY, { "pci-stub", "vfio-pci", FUNCTION } },
	{ "../../../../bus/pci/drivers/pcieport", -EBUSY, { "pcieport", "vfio-pci", FUNCTION } },
};

START_TEST(bound)
{
	const struct fake_file files[] = {
		{ DRIVER(FUNCTION), drivers[_i].link, 0 },
		{ NULL, NULL, 0 },
	};
	struct iom_sys sys = fake_files(files);

	if (!drivers[_i].error)
		ck_assert_ok(iom_binding_check(&sys, FUNCTION));
	else
		ck_assert_fails(iom_binding_check(&sys, FUNCTION), drivers[_i].error,
				drivers[_i].words[0], drivers[_i].words[1], drivers[_i].words[2]);
}
END_TEST

START_TEST(not_bound)
{
	static const struct fake_file none[] = { { NULL, NULL, 0 } };
	static const struct fake_file hidden[] = {
		{ DRIVER(FUNCTION), NULL, -EACCES },
		{ NULL, NULL, 0 },
	};
	struct iom_sys sys = fake_files(none);

	ck_assert_fails(iom_binding_check(&sys, FUNCTION), -ENODEV, "no driver",
			"modprobe vfio-pci", "iommuctl bind " FUNCTION);
	sys = fake_files(hidden);
	ck_assert_fails(iom_binding_check(&sys, FUNCTION), -EIO, DRIVER(FUNCTION));
}
END_TEST

/* ---- A group ------------------------------------------------------------------------------------------- */

/* All that does no harm, a function that cannot be asked, and then the one that is in the way. */
START_TEST(the_culprit)
{
	static const struct fake_file files[] = {
		{ MEMBER("0000:00:1c.0"), "", 0 },
		{ MEMBER("0000:01:00.0"), "", 0 },
		{ MEMBER("0000:01:00.1"), "", 0 },
		{ MEMBER("0000:01:00.2"), "", 0 },
		{ MEMBER("0000:01:00.3"), "", 0 },
		{ MEMBER("0000:01:00.4"), "", 0 },
		{ MEMBER("0000:01:00.5"), "", 0 },
		{ DRIVER("0000:00:1c.0"), "drivers/pcieport", 0 },
		{ DRIVER("0000:01:00.0"), "drivers/vfio-pci", 0 },
		{ DRIVER("0000:01:00.1"), "drivers/pci-stub", 0 },
		{ DRIVER("0000:01:00.2"), NULL, -EACCES },
		/* .3 has none */
		{ DRIVER("0000:01:00.4"), "drivers/e1000e", 0 },
		{ DRIVER("0000:01:00.5"), "drivers/igb", 0 },
		{ NULL, NULL, 0 },
	};
	struct iom_sys sys = fake_files(files);

	ck_assert_fails(iom_binding_not_viable(&sys, 14), -EBUSY, "group 14 is not viable",
			"0000:01:00.4 is bound to e1000e", "vfio-pci");
	ck_assert_ptr_null(strstr(iom_errmsg(), "igb"));
	ck_assert(iom_binding_is_used(&sys, 14));
	/* another group has no members */
	ck_assert(!iom_binding_is_used(&sys, 15));
}
END_TEST

START_TEST(no_culprit)
{
	static const struct fake_file harmless[] = {
		{ MEMBER("0000:01:00.0"), "", 0 },
		{ DRIVER("0000:01:00.0"), "drivers/vfio-pci", 0 },
		{ NULL, NULL, 0 },
	};
	static const struct fake_file hidden[] = {
		{ "/sys/kernel/iommu_groups/14/devices", NULL, -EACCES },
		{ NULL, NULL, 0 },
	};
	struct iom_sys sys = fake_files(harmless);

	ck_assert_fails(iom_binding_not_viable(&sys, 14), -EBUSY, "group 14 is not viable",
			"another function");
	ck_assert(!iom_binding_is_used(&sys, 14));
	sys = fake_files(hidden);
	ck_assert_fails(iom_binding_not_viable(&sys, 14), -EBUSY, "another function");
	ck_assert(!iom_binding_is_used(&sys, 14));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("binding");
	TCase *tcase = tcase_create("binding");

	tcase_add_loop_test(tcase, bound, 0, ARRAY_SIZE(drivers));
	tcase_add_test(tcase, not_bound);
	tcase_add_test(tcase, the_culprit);
	tcase_add_test(tcase, no_culprit);
	suite_add_tcase(suite, tcase);
	return run_suite(suite);
}
