// SPDX-License-Identifier: BSD-3-Clause
/* POWER: kernels and bridges that cannot do it; calls that are refused, and what is left then. */
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/power_rig.h"
#include "tests/unit/runner.h"

/* ---- At the attach --------------------------------------------------------------------------- */

/* Nothing stays open, nothing is chosen, and it can be tried again when it has been mended. */
static void check_refused(int error, const char *word, const char *other)
{
	struct iom_device *dev = NULL;

	ck_assert_fails(attach_bits(NVME, 0, &dev), error, NVME, word, other);
	ck_assert_ptr_null(dev);
	ck_assert_ptr_null(iom_backend(rig.dom));
	ck_assert_uint_eq(iom_sim_open_fds(rig.sim), 0);
	ck_assert_uint_eq(iom_sim_locked_bytes(rig.sim), 0);
}

/* pSeries before 6.11: said to be there, and then refused. */
START_TEST(v1_only)
{
	struct power power = power_of("pseries");

	power_start(&power);
	iom_sim_set_quirk(rig.sim, IOM_SIM_NO_SPAPR_V2, IOM_SIM_ALWAYS);
	check_refused(-EOPNOTSUPP, "pseries: ", "6.11");
	iom_sim_set_quirk(rig.sim, IOM_SIM_NO_SPAPR_V2, 0);
	ck_assert_ok(attach_bits(NVME, 0, &rig.nvme));
	power_end();
}
END_TEST

/* Before 6.11 as Debian has it: vfio-pci takes no device of POWER at all. */
START_TEST(no_vfio_pci)
{
	struct power power = power_of(platforms[_i]);

	power_start(&power);
	ck_assert_int_eq(iom_sim_bind(rig.sim, NVME, NULL), 0);
	check_refused(-ENODEV, "vfio-pci", "driver");
	power_end();
}
END_TEST

START_TEST(no_dynamic_windows)
{
	struct power power = power_of("pseries");

	power.machine.ddw_off = true;
	power_start(&power);
	check_refused(-EOPNOTSUPP, "dynamic DMA windows", "pseries: ");
	/* it was seen without trying */
	ck_assert_uint_eq(creates() + registers(), 0);
	ck_assert_uint_eq(iom_sim_ioctls(rig.sim, VFIO_IOMMU_MAP_DMA), 0);
	power_end();
}
END_TEST

static uint32_t windows;
static bool no_flag;

static void change_info(struct rig *r, unsigned long request, void *arg)
{
	struct vfio_iommu_spapr_tce_info *info = arg;

	(void)r;
	if (request != VFIO_IOMMU_SPAPR_TCE_GET_INFO)
		return;
	info->ddw.max_dynamic_windows_supported = windows;
	if (no_flag)
		info->flags = 0;
}

START_TEST(odd_numbers_of_windows)
{
	static const struct {
		uint32_t windows;
		bool no_flag, works;
	} rows[] = {
		{ 0, false, false }, { UINT32_MAX, false, false }, { 3, false, false },
		{ 2, true, false },  { 2, false, true },           { 1, false, true },
	};
	struct power power = power_of(platforms[_i % 2]);

	windows = rows[_i / 2].windows;
	no_flag = rows[_i / 2].no_flag;
	power_start(&power);
	rig.after = change_info;
	if (rows[_i / 2].works) {
		ck_assert_ok(attach_bits(NVME, 0, &rig.nvme));
	} else {
		check_refused(-EOPNOTSUPP, "dynamic DMA windows", platforms[_i % 2]);
	}
	power_end();
}
END_TEST

START_TEST(answers)
{
	static const struct {
		unsigned long request;
		int answer, error;
		const char *word;
	} rows[] = {
		{ VFIO_CHECK_EXTENSION, 0, -EOPNOTSUPP, "modprobe vfio_iommu_spapr_tce" },
		{ VFIO_CHECK_EXTENSION, -EIO, -EOPNOTSUPP, "modprobe vfio_iommu_spapr_tce" },
		{ VFIO_GROUP_SET_CONTAINER, -EBUSY, -EBUSY, "another container" },
		{ VFIO_GROUP_SET_CONTAINER, -EPERM, -EBUSY, "in use" },
		{ VFIO_GROUP_SET_CONTAINER, -ENOMEM, -ENOMEM, "memory" },
		{ VFIO_GROUP_SET_CONTAINER, -EIO, -EIO, "does not attach" },
		{ VFIO_GROUP_SET_CONTAINER, 1, -EIO, "does not attach" },
		{ VFIO_SET_IOMMU, -EINVAL, -EOPNOTSUPP, "6.11" },
		{ VFIO_SET_IOMMU, -EPERM, -EBUSY, "in use" },
		{ VFIO_SET_IOMMU, -EBUSY, -EBUSY, "another container" },
		{ VFIO_SET_IOMMU, 1, -EIO, "does not attach" },
		{ VFIO_IOMMU_SPAPR_TCE_GET_INFO, -EINVAL, -EIO, "does not describe" },
		{ VFIO_IOMMU_SPAPR_TCE_GET_INFO, 1, -EIO, "does not describe" },
		{ VFIO_GROUP_GET_DEVICE_FD, -EMFILE, -EMFILE, "open the device" },
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		struct power power = power_of(platforms[_i]);

		/* by name: what other backends ask for does not count */
		power.opts.backend = platforms[_i];
		power_start(&power);
		refuse_nth(rows[i].request, 1, rows[i].answer);
		check_refused(rows[i].error, rows[i].word, rows[i].word);
		refuse(0, 0);
		ck_assert_ok(attach_bits(NVME, 0, &rig.nvme));
		power_end();
	}
}
END_TEST

/* ---- Maps ------------------------------------------------------------------------------------ */

static const int answers_of_map[] = { -EINVAL, -EPERM, -ENXIO, -EFAULT, -ENOMEM, -EIO, -55, 1, 7 };

/* The kernel says no: nothing is mapped or registered, and the next map works. */
START_TEST(map_refused)
{
	struct power power = power_of(platforms[_i % 2]);
	int answer = answers_of_map[_i / 2];
	struct iom_region r;
	struct state before;
	char *p;

	power_attach(&power);
	ck_assert_ok(map_any(power_memory(KIB64, KIB64), KIB64, &r));
	p = power_memory(4 * KIB64, KIB64);
	before = rig_state();
	refuse_nth(VFIO_IOMMU_MAP_DMA, 1, answer);
	ck_assert_fails(map_any(p, 4 * KIB64, NULL), -EIO, "the kernel refuses IOVA");
	ck_assert_unchanged(before);
	ck_assert_ok(map_any(p, 4 * KIB64, &r));
	ck_assert(dma_works(NVME, &r));
	power_end();
}
END_TEST

/* The first map has the default window made, by a call of its own. */
START_TEST(default_window_refused)
{
	static const struct {
		int answer, error;
	} rows[] = {
		{ -ENOMEM, -ENOMEM }, { -EINVAL, -EIO }, { -ENODEV, -EOPNOTSUPP }, { 1, -EIO }
	};
	struct power power = power_of(platforms[_i]);
	struct iom_region r;
	size_t i;
	char *p;

	/* small memory has no other */
	power.machine.page_size = 4096;
	power_attach(&power);
	p = power_memory(KIB64, KIB64);
	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		refuse(VFIO_IOMMU_UNMAP_DMA, rows[i].answer);
		ck_assert_fails(map_any(p, KIB64, NULL), rows[i].error, "DMA window");
		ck_assert_uint_eq(registers(), unregisters());
		ck_assert_uint_eq(iom_sim_locked_bytes(rig.sim), 0);
		ck_assert_uint_eq(rig_counters().quarantined_bytes, 0);
	}
	refuse(0, 0);
	ck_assert_uint_eq(iom_sim_ioctls(rig.sim, VFIO_IOMMU_MAP_DMA), 0);
	ck_assert_ok(map_any(p, KIB64, &r));
	ck_assert(dma_works(NVME, &r));
	power_end();
}
END_TEST

/* A second container refuses: the first has nothing left of it. */
START_TEST(second_refuses)
{
	struct power power = power_of(platforms[_i]);
	struct iom_device *edu;
	struct iom_region r;
	struct state before;
	unsigned int n;
	char *p;

	power_attach(&power);
	ck_assert_ok(attach_bits(EDU, 0, &edu));
	ck_assert_ok(map_any(power_memory(KIB64, KIB64), KIB64, &r));
	p = power_memory(4 * KIB64, KIB64);
	before = rig_state();
	for (n = 1; n <= 2; n++) {
		refuse_nth(VFIO_IOMMU_MAP_DMA, n, -EIO);
		ck_assert_int_eq(map_any(p, 4 * KIB64, NULL), -EIO);
		ck_assert_unchanged(before);
		refuse_nth(VFIO_IOMMU_SPAPR_REGISTER_MEMORY, n, -ENOMEM);
		ck_assert_int_eq(map_any(p, 4 * KIB64, NULL), -ENOMEM);
		ck_assert_unchanged(before);
	}
	ck_assert_ok(map_any(p, 4 * KIB64, &r));
	ck_assert(dma_works(NVME, &r));
	ck_assert(dma_works(EDU, &r));
	power_end();
}
END_TEST

/* ---- Unmaps ---------------------------------------------------------------------------------- */

/* Whatever is not 0 means that it may be mapped still: its memory stays registered. */
START_TEST(unmap_refused)
{
	static const int no[] = { -EINVAL, -EPERM, -EIO, 1, 5 };
	struct power power = power_of(platforms[_i % 2]);
	struct iom_region r, s;
	unsigned int before;
	char *p;

	power_attach(&power);
	p = power_memory(8 * KIB64, KIB64);
	ck_assert_ok(map_any(p, 4 * KIB64, &r));
	ck_assert_ok(map_any(p + 4 * KIB64, 4 * KIB64, &s));
	before = unregisters();
	refuse_nth(VFIO_IOMMU_UNMAP_DMA, 1, no[_i / 2]);
	ck_assert_int_eq(iom_unmap(rig.dom, &r), -EIO);
	ck_assert_uint_eq(unregisters(), before);
	ck_assert_uint_eq(rig_counters().quarantined_bytes, 4 * KIB64);
	ck_assert(dma_works(NVME, &r));
	ck_assert(!is_mapped(p));
	ck_assert_int_eq(map_fixed(power_memory(KIB64, KIB64), KIB64, r.iova, NULL), -EEXIST);
	ck_assert_int_eq(iom_unmap(rig.dom, &r), -EIO);
	/* the others live on; the memory can be mapped again, elsewhere */
	ck_assert(dma_works(NVME, &s));
	ck_assert_ok(iom_unmap(rig.dom, &s));
	ck_assert_ok(map_any(p, 4 * KIB64, &s));
	ck_assert_uint_ne(s.iova, r.iova);
	ck_assert(dma_works(NVME, &s));
	power_end();
}
END_TEST

START_TEST(unregister_refused)
{
	struct power power = power_of(platforms[_i]);
	struct iom_region r, s;

	power_attach(&power);
	ck_assert_ok(map_any(power_memory(4 * KIB64, KIB64), 4 * KIB64, &r));
	ck_assert_ok(map_any(power_memory(4 * KIB64, KIB64), 4 * KIB64, &s));
	refuse_nth(VFIO_IOMMU_SPAPR_UNREGISTER_MEMORY, 1, -ENOENT);
	ck_assert_int_eq(iom_unmap(rig.dom, &r), -EIO);
	ck_assert_ptr_nonnull(strstr(iom_errmsg(), "does not unregister"));
	/* the device cannot reach it, at least */
	ck_assert(dma_misses(NVME, r.iova, r.length));
	ck_assert(dma_works(NVME, &s));
	ck_assert_ok(iom_unmap(rig.dom, &s));
	power_end();
}
END_TEST

/* One of two containers refuses. */
START_TEST(one_of_two_unmaps)
{
	struct power power = power_of(platforms[_i % 2]);
	struct iom_device *edu;
	struct iom_region r, s;
	char *p;

	power_attach(&power);
	ck_assert_ok(attach_bits(EDU, 0, &edu));
	p = power_memory(4 * KIB64, KIB64);
	ck_assert_ok(map_any(p, 4 * KIB64, &r));
	refuse_nth(VFIO_IOMMU_UNMAP_DMA, 1 + (unsigned int)_i / 2, -EIO);
	ck_assert_int_eq(iom_unmap(rig.dom, &r), -EIO);
	ck_assert_uint_eq(dma_works(NVME, &r) + dma_works(EDU, &r), 1);
	ck_assert_uint_eq(rig_counters().quarantined_bytes, 4 * KIB64);
	ck_assert_ok(map_any(power_memory(KIB64, KIB64), KIB64, &s));
	ck_assert(dma_works(NVME, &s));
	ck_assert(dma_works(EDU, &s));
	power_end();
}
END_TEST

/* ---- The end --------------------------------------------------------------------------------- */

/* Closed with all that is mapped, and refused to be unmapped: no registration outlives it. */
START_TEST(closed)
{
	struct power power = power_of(platforms[_i % 2]);
	struct iom_device *edu;
	struct iom_region r;
	unsigned int i;

	power.opts.expect_bytes = GIB;
	power.opts.expect_page = 2 * MIB;
	power_attach(&power);
	ck_assert_ok(attach_bits(EDU, 0, &edu));
	for (i = 0; i < 10; i++)
		ck_assert_ok(map_any(power_memory(2 * KIB64, KIB64), 2 * KIB64, &r));
	ck_assert_ok(map_any(power_memory(4 * MIB, 2 * MIB), 4 * MIB, &r));
	if (_i / 2)
		refuse(VFIO_IOMMU_UNMAP_DMA, -EIO);
	iom_close(rig.dom);
	rig.dom = NULL;
	ck_assert_uint_eq(iom_sim_failed(rig.sim) > 0, _i / 2);
	refuse(0, 0);
	ck_assert(dma_misses(NVME, r.iova, r.length));
	power_end();
}
END_TEST

/* In a forked child every call is refused, and its end ends nothing. */
START_TEST(forked)
{
	struct power power = power_of(platforms[_i]);
	struct iom_region r;
	int status, bad;
	pid_t pid;
	char *p;

	power_attach(&power);
	p = power_memory(4 * KIB64, KIB64);
	ck_assert_ok(map_any(p, 4 * KIB64, &r));
	pid = fork();
	ck_assert_int_ge(pid, 0);
	if (!pid) {
		bad = map_any(p, KIB64, NULL) != -EPERM;
		bad |= (iom_unmap(rig.dom, &r) != -EPERM) << 1;
		bad |= (attach_bits(EDU, 0, &rig.nvme) != -EPERM) << 2;
		iom_close(rig.dom);
		bad |= (iom_sim_open_fds(rig.sim) != 0) << 3;
		bad |= (unregisters() != 0) << 4;
		end_child(bad);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFEXITED(status));
	ck_assert_int_eq(WEXITSTATUS(status), 0);
	ck_assert(dma_works(NVME, &r));
	ck_assert_ok(iom_unmap(rig.dom, &r));
	power_end();
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("power refused");
	TCase *tcase = tcase_create("refused");

	tcase_set_timeout(tcase, 60);
	tcase_add_test(tcase, v1_only);
	tcase_add_loop_test(tcase, no_vfio_pci, 0, 2);
	tcase_add_test(tcase, no_dynamic_windows);
	tcase_add_loop_test(tcase, odd_numbers_of_windows, 0, 12);
	tcase_add_loop_test(tcase, answers, 0, 2);
	tcase_add_loop_test(tcase, map_refused, 0, 2 * ARRAY_SIZE(answers_of_map));
	tcase_add_loop_test(tcase, default_window_refused, 0, 2);
	tcase_add_loop_test(tcase, second_refuses, 0, 2);
	tcase_add_loop_test(tcase, unmap_refused, 0, 10);
	tcase_add_loop_test(tcase, unregister_refused, 0, 2);
	tcase_add_loop_test(tcase, one_of_two_unmaps, 0, 4);
	tcase_add_loop_test(tcase, closed, 0, 4);
	tcase_add_loop_test(tcase, forked, 0, 2);
	suite_add_tcase(suite, tcase);
	return run_suite(suite);
}
