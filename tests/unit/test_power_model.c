// SPDX-License-Identifier: BSD-3-Clause
/*
 * Random calls on two domains of a POWER machine, with memory in common, groups that come and go,
 * and kernel calls that fail: no call is made that would crash the kernel, nothing outlives the
 * domains, and where nothing failed, every device reads through every mapping what memory says.
 */
#include "tests/unit/power_rig.h"
#include "tests/unit/runner.h"

#define MACHINES 120
#define STEPS 80
#define DEVICES 3
#define MOST 32 /* mappings */
#define SMALL 64
#define HUGE_PAGES 16

static const struct iom_sim_device devices[DEVICES] = {
	{ .address = NVME, .group = 14, .driver = "vfio-pci" },
	{ .address = EDU, .group = 15, .driver = "vfio-pci" },
	{ .address = "0000:03:00.0", .group = 16, .driver = "vfio-pci" },
};

static struct {
	uint64_t random;
	char *small, *huge; /* pages of 64 KiB, and of 2 MiB */
	struct iom_domain *doms[2];
	struct iom_device *devs[DEVICES];
	unsigned int dom_of[DEVICES];
	struct {
		struct iom_region region;
		unsigned int dom;
	} maps[MOST];
	unsigned int n;
	unsigned int reads; /* that were right */
} model;

static unsigned int below_n(unsigned int n)
{
	return (unsigned int)random_below(&model.random, n);
}

static struct power any_machine(void)
{
	static const char *const names[] = { "powernv", "pseries", "pseries-vf" };
	struct power power = power_of(names[below_n(3)]);

	power.machine.devices = devices;
	power.machine.n_devices = DEVICES;
	power.machine.page_size = below_n(2) ? 4096 : KIB64;
	power.machine.kernel = below_n(2) ? 612 : 702;
	power.machine.n_hugepages = below_n(2) * 64;
	if (below_n(2)) {
		power.opts.expect_bytes = below_n(3) * GIB;
		power.opts.expect_page = below_n(3) ? (below_n(2) ? 2 * MIB : KIB64) : 0;
	}
	if (!below_n(3))
		power.opts.unmap_granule = below_n(2) ? KIB64 : 2 * MIB;
	return power;
}

/* One of the next calls, before or after its work. */
static void fail_soon(void)
{
	static const int answers[] = { -EINVAL, -ENOMEM, -EPERM, 1, -EBUSY, -EIO, -ENODEV };
	const struct iom_sim_failure failure = {
		.nth = 1 + below_n(6),
		.answer = answers[below_n(ARRAY_SIZE(answers))],
		.calls = 1u << IOM_SIM_IOCTL,
		.after = below_n(2),
	};

	iom_sim_fail(rig.sim, &failure);
}

static void attach_or_detach(void)
{
	unsigned int i = below_n(DEVICES), dom = below_n(2), bits = below_n(2) ? 32 : 48;
	const struct iom_attach_opts opts = {
		.size = sizeof(opts),
		.dma_bits = below_n(4) ? 0 : bits,
	};

	if (!model.devs[i]) {
		model.dom_of[i] = dom;
		if (iom_attach(model.doms[dom], devices[i].address, &opts, &model.devs[i]) < 0)
			ck_assert_str_ne(iom_errmsg(), "");
	} else if (!below_n(3)) {
		iom_detach(model.devs[i]);
		model.devs[i] = NULL;
	}
}

static void try_map(void)
{
	struct iom_map_opts opts = { .size = sizeof(opts) };
	unsigned int flags = below_n(4) ? IOM_MAP_RW : IOM_MAP_READ, dom = below_n(2);
	uint64_t length = (1 + below_n(4)) * KIB64;
	char *p = model.small + below_n(SMALL - 4) * KIB64;

	if (model.n == MOST)
		return;
	if (below_n(2)) {
		p = model.huge + below_n(HUGE_PAGES - 4) * 2 * MIB;
		length = (1 + below_n(3)) * 2 * MIB;
		if (!below_n(4)) {
			p += KIB64;
			length -= KIB64;
		}
	}
	flags |= below_n(3) ? 0 : IOM_MAP_ALIAS;
	opts.limit = below_n(5) ? 0 : 4 * GIB - 1;
	if (iom_map(model.doms[dom], p, length, flags, &opts, &model.maps[model.n].region) < 0)
		ck_assert_str_ne(iom_errmsg(), "");
	else
		model.maps[model.n++].dom = dom;
}

static void drop(unsigned int i)
{
	model.maps[i] = model.maps[--model.n];
}

static void try_unmap(void)
{
	unsigned int i;

	if (!model.n)
		return;
	i = below_n(model.n);
	if (below_n(8)) {
		(void)iom_unmap(model.doms[model.maps[i].dom], &model.maps[i].region);
		drop(i);
		return;
	}
	(void)iom_unmap_all(model.doms[0]);
	for (i = model.n; i-- > 0;)
		if (!model.maps[i].dom)
			drop(i);
}

static void check_dma(void)
{
	unsigned int i, j;

	for (i = 0; i < model.n; i++) {
		const struct iom_region *r = &model.maps[i].region;
		char mark = (char)below_n(256), got = (char)(mark + 1);

		*(char *)r->va = mark;
		for (j = 0; j < DEVICES; j++) {
			if (!model.devs[j] || model.dom_of[j] != model.maps[i].dom)
				continue;
			ck_assert_int_eq(iom_sim_dma_read(rig.sim, devices[j].address, r->iova,
							  &got, 1),
					 0);
			ck_assert_int_eq(got, mark);
			model.reads++;
		}
	}
}

static void step(bool failures)
{
	static void (*const calls[])(void) = { attach_or_detach, attach_or_detach, try_map,
					       try_map,          try_map,          try_unmap };

	if (failures && !below_n(6))
		fail_soon();
	calls[below_n(ARRAY_SIZE(calls))]();
	if (!failures)
		check_dma();
}

/* Windows that could not be made stay charged: the kernel loses it (tce_iommu_create_table). */
static void end_after_failures(void)
{
	iom_close(rig.dom);
	ck_assert_uint_eq(iom_sim_spapr_leaks(rig.sim), 0);
	ck_assert_uint_eq(iom_sim_spapr_crashes(rig.sim), 0);
	ck_assert_uint_eq(iom_sim_open_fds(rig.sim), 0);
	ck_assert_uint_eq(iom_sim_mapped_bytes(rig.sim), 0);
	iom_sim_destroy(rig.sim);
	pthread_mutex_destroy(&rig.log_lock);
}

static void run_machine(bool failures)
{
	struct power power = any_machine();
	unsigned int i;

	power_start(&power);
	ck_assert_int_eq(iom_sim_set_backing(rig.sim, model.huge, HUGE_PAGES * 2 * MIB, 2 * MIB),
			 0);
	model.n = 0;
	memset(model.devs, 0, sizeof(model.devs));
	model.doms[0] = rig.dom;
	ck_assert_ok(iom_open_with(&model.doms[1], &power.opts, &rig.sys, iom_backends));
	for (i = 0; i < STEPS; i++)
		step(failures);
	iom_sim_fail(rig.sim, NULL);
	iom_close(model.doms[1]);
	if (failures)
		end_after_failures();
	else
		power_end();
}

START_TEST(nothing_is_left)
{
	unsigned int i;

	memset(&model, 0, sizeof(model));
	model.random = random_start();
	model.small = rig_memory_at(SMALL * KIB64, 2 * MIB, 0);
	model.huge = rig_memory_at(HUGE_PAGES * 2 * MIB, 2 * MIB, 0);
	for (i = 0; i < MACHINES; i++)
		run_machine(_i);
	if (!_i)
		ck_assert_uint_gt(model.reads, MACHINES * STEPS / 2);
	munmap(model.small, SMALL * KIB64);
	munmap(model.huge, HUGE_PAGES * 2 * MIB);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("power model");
	TCase *tcase = tcase_create("model");

	tcase_set_timeout(tcase, 300);
	tcase_add_loop_test(tcase, nothing_is_left, 0, 2);
	suite_add_tcase(suite, tcase);
	return run_suite(suite);
}
