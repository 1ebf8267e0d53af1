// SPDX-License-Identifier: BSD-3-Clause
/* POWER: what a refusal leaves behind for later: other maps, the next device, a forked child. */
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/power_rig.h"
#include "tests/unit/runner.h"

/* ---- Windows --------------------------------------------------------------------------------- */

/* One map that may not use it does not forego the second window for all that follow. */
START_TEST(a_low_map_before)
{
	struct power power = power_of(platforms[_i]);
	struct iom_map_opts low = below(4 * GIB - 1);
	struct iom_region r, s;

	power.machine.n_hugepages = 64;
	power_attach(&power);
	ck_assert_ok(
		iom_map(rig.dom, power_memory(4 * MIB, 2 * MIB), 4 * MIB, IOM_MAP_RW, &low, &r));
	ck_assert_uint_lt(r.iova, 4 * GIB);
	ck_assert_ok(map_any(power_memory(4 * MIB, 2 * MIB), 4 * MIB, &s));
	ck_assert_uint_ge(s.iova, SECOND);
	ck_assert(dma_works(NVME, &r));
	ck_assert(dma_works(NVME, &s));
	power_end();
}
END_TEST

/* The default window does not go for one that is no larger. */
START_TEST(not_for_a_smaller_one)
{
	struct power power = power_of("pseries-vf");
	struct iom_region r;
	char *p;

	power.opts.expect_bytes = 256 * MIB;
	power.opts.expect_page = 4096;
	power_attach(&power);
	p = power_memory(2 * GIB, KIB64);
	/* whether or not a window is made for this */
	(void)map_any(p, 2 * GIB, NULL);
	ck_assert_ok(iom_unmap_all(rig.dom));
	ck_assert_ok(map_any(p, 600 * MIB, &r));
	ck_assert(dma_works(NVME, &r));
	ck_assert_ok(iom_unmap(rig.dom, &r));
	munmap(p, 2 * GIB);
	power_end();
}
END_TEST

/* ---- Quarantine ------------------------------------------------------------------------------ */

/* What the last device's going could not unmap is mapped again for the next, and then unmapped. */
START_TEST(not_unmapped_at_the_end)
{
	struct power power = power_of(platforms[_i]);
	struct iom_region r, s;
	uint64_t before;

	power_attach(&power);
	ck_assert_ok(map_any(power_memory(KIB64, KIB64), KIB64, &s));
	before = iom_sim_locked_bytes(rig.sim);
	ck_assert_ok(map_any(power_memory(4 * KIB64, KIB64), 4 * KIB64, &r));
	refuse(VFIO_IOMMU_UNMAP_DMA, -EIO);
	iom_detach(rig.nvme);
	refuse(0, 0);
	ck_assert_ok(attach_bits(NVME, 0, &rig.nvme));
	ck_assert(dma_works(NVME, &r));
	ck_assert_ok(iom_unmap(rig.dom, &r));
	ck_assert(dma_misses(NVME, r.iova, r.length));
	ck_assert_uint_eq(iom_sim_locked_bytes(rig.sim), before);
	ck_assert(dma_works(NVME, &s));
	power_end();
}
END_TEST

/* What is quarantined in a window that the next device does not have is none of its business. */
START_TEST(quarantined_elsewhere)
{
	struct power power = power_of(platforms[_i]);
	struct iom_region r;

	power.opts.expect_page = 2 * MIB;
	power.opts.expect_bytes = GIB;
	power_attach(&power);
	ck_assert_ok(map_any(power_memory(4 * MIB, 2 * MIB), 4 * MIB, &r));
	ck_assert_uint_ge(r.iova, SECOND);
	refuse(VFIO_IOMMU_UNMAP_DMA, -EIO);
	ck_assert_int_eq(iom_unmap(rig.dom, &r), -EIO);
	iom_detach(rig.nvme);
	/* this time without a second window */
	refuse(VFIO_IOMMU_SPAPR_TCE_CREATE, -EIO);
	ck_assert_ok(attach_bits(EDU, 0, &rig.nvme));
	refuse(0, 0);
	ck_assert_ok(map_any(power_memory(KIB64, KIB64), KIB64, &r));
	ck_assert(dma_works(EDU, &r));
	ck_assert_ok(iom_unmap_all(rig.dom));
	power_end();
}
END_TEST

/* The same with the default window of another group, which is smaller. */
static void shrink(struct rig *r, unsigned long request, void *arg)
{
	struct vfio_iommu_spapr_tce_info *info = arg;

	(void)r;
	if (request == VFIO_IOMMU_SPAPR_TCE_GET_INFO)
		info->dma32_window_size = 16 << 20;
}

START_TEST(quarantined_behind_the_end)
{
	struct power power = power_of(platforms[_i]);
	struct iom_region r;

	power_attach(&power);
	ck_assert_ok(map_fixed(power_memory(KIB64, KIB64), KIB64, 64 * MIB, &r));
	refuse(VFIO_IOMMU_UNMAP_DMA, -EIO);
	ck_assert_int_eq(iom_unmap(rig.dom, &r), -EIO);
	iom_detach(rig.nvme);
	refuse(0, 0);
	rig.after = shrink;
	ck_assert_ok(attach_bits(EDU, 0, &rig.nvme));
	ck_assert_ok(iom_unmap_all(rig.dom));
	power_end();
}
END_TEST

/* ---- Fork ------------------------------------------------------------------------------------ */

/* In the child: a domain of its own, with a part of the memory that the parent registered. */
static int run_child(const struct power *power, char *memory)
{
	const struct iom_open_opts opts = { .size = sizeof(opts) };
	struct iom_region r;
	struct iom_device *dev;
	int bad = 0;

	munmap(memory + 2 * KIB64, 2 * KIB64);
	iom_close(rig.dom);
	iom_sim_destroy(rig.sim);
	if (iom_sim_create(&power->machine, &rig.sim))
		return 1;
	rig.sys = *iom_sim_sys(rig.sim);
	bad |= iom_open_with(&rig.dom, &opts, &rig.sys, iom_backends) < 0;
	bad |= iom_attach(rig.dom, NVME, NULL, &dev) < 0;
	bad |= map_any(memory, 2 * KIB64, &r) < 0;
	if (bad)
		fprintf(stderr, "# child: %s\n", iom_errmsg());
	iom_close(rig.dom);
	return bad || iom_sim_spapr_leaks(rig.sim) || iom_sim_locked_bytes(rig.sim);
}

START_TEST(a_child_of_its_own)
{
	struct power power = power_of(platforms[_i]);
	char *memory;
	int status;
	pid_t pid;

	power_attach(&power);
	memory = power_memory(4 * KIB64, KIB64);
	ck_assert_ok(map_any(memory, 4 * KIB64, NULL));
	pid = fork();
	ck_assert_int_ge(pid, 0);
	if (!pid)
		end_child(run_child(&power, memory));
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFEXITED(status));
	ck_assert_int_eq(WEXITSTATUS(status), 0);
	ck_assert_ok(iom_unmap_all(rig.dom));
	power_end();
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("power again");
	TCase *tcase = tcase_create("again");

	tcase_set_timeout(tcase, 60);
	tcase_add_loop_test(tcase, a_low_map_before, 0, 2);
	tcase_add_test(tcase, not_for_a_smaller_one);
	tcase_add_loop_test(tcase, not_unmapped_at_the_end, 0, 2);
	tcase_add_loop_test(tcase, quarantined_elsewhere, 0, 2);
	tcase_add_loop_test(tcase, quarantined_behind_the_end, 0, 2);
	tcase_add_loop_test(tcase, a_child_of_its_own, 0, 2);
	suite_add_tcase(suite, tcase);
	return run_suite(suite);
}
