// SPDX-License-Identifier: BSD-3-Clause
/* POWER: windows by plan, containers kept alike, registrations that end with their last use. */
#include "tests/unit/domain_rig.h"
#include "tests/unit/runner.h"

#define KIB64 UINT64_C(65536)
#define SECOND (UINT64_C(1) << 59)

static struct iom_device *dev;

static void start(const char *platform, uint64_t page, uint64_t expect_bytes, uint64_t expect_page)
{
	const struct iom_sim_config config = {
		.size = sizeof(config),
		.platform = platform,
		.page_size = page,
	};
	const struct iom_open_opts opts = {
		.size = sizeof(opts),
		.log = rig_log,
		.log_arg = &rig,
		.expect_bytes = expect_bytes,
		.expect_page = expect_page,
	};

	rig_machine(&config);
	ck_assert_ok(iom_open_with(&rig.dom, &opts, &rig.sys, iom_backends));
}

static int attach(const char *address, unsigned int bits)
{
	const struct iom_attach_opts opts = { .size = sizeof(opts), .dma_bits = bits };

	return iom_attach(rig.dom, address, &opts, &dev);
}

static void end(void)
{
	ck_assert_uint_eq(iom_sim_spapr_leaks(rig.sim), 0);
	ck_assert_uint_eq(iom_sim_spapr_crashes(rig.sim), 0);
	tear_down();
}

static char *mem(uint64_t length, uint64_t backing)
{
	char *p = rig_memory_at(length, backing, 0);

	if (backing > KIB64)
		ck_assert_int_eq(iom_sim_set_backing(rig.sim, p, length, backing), 0);
	return p;
}

static const char *const platforms[] = { "powernv", "pseries" };

START_TEST(small_memory)
{
	struct iom_region r;
	char *p;

	start(platforms[_i], 0, 0, 0);
	ck_assert_ok(attach(NVME, 0));
	ck_assert_str_eq(iom_backend(rig.dom), platforms[_i]);
	p = mem(4 * KIB64, KIB64);
	ck_assert_ok(map_any(p, 4 * KIB64, &r));
	ck_assert(dma_works(NVME, &r));
	ck_assert_ok(iom_unmap(rig.dom, &r));
	ck_assert(dma_misses(NVME, r.iova, r.length));
	end();
}
END_TEST

START_TEST(huge_memory)
{
	struct iom_region r, s;

	start(platforms[_i], 0, 1 << 30, 2 * MIB);
	ck_assert_ok(attach(NVME, 0));
	ck_assert_ok(map_any(mem(64 * MIB, 2 * MIB), 64 * MIB, &r));
	ck_assert_uint_ge(r.iova, SECOND);
	ck_assert_ok(map_any(mem(KIB64, KIB64), KIB64, &s));
	ck_assert_uint_lt(s.iova, 4 * GIB);
	ck_assert(dma_works(NVME, &r));
	ck_assert(dma_works(NVME, &s));
	ck_assert_ok(iom_unmap_all(rig.dom));
	end();
}
END_TEST

START_TEST(two_groups)
{
	struct iom_region r, s;
	struct iom_device *nvme;

	start(platforms[_i], 0, 1 << 30, KIB64);
	ck_assert_ok(attach(NVME, 0));
	nvme = dev;
	ck_assert_ok(map_any(mem(4 * KIB64, KIB64), 4 * KIB64, &r));
	ck_assert_ok(attach(EDU, 0));
	ck_assert_ok(map_any(mem(4 * KIB64, KIB64), 4 * KIB64, &s));
	ck_assert(dma_works(NVME, &r));
	ck_assert(dma_works(EDU, &r));
	ck_assert(dma_works(EDU, &s));
	iom_detach(nvme);
	ck_assert(dma_works(EDU, &r));
	ck_assert(dma_misses(NVME, r.iova, r.length));
	iom_detach(dev);
	ck_assert_ok(attach(NVME, 0));
	ck_assert(dma_works(NVME, &r));
	ck_assert(dma_works(NVME, &s));
	end();
}
END_TEST

/* Every call fails in turn, before and after its work: nothing is lost, nothing crashes. */
START_TEST(every_call)
{
	static const int errors[] = { -EINVAL, -ENOMEM, -EPERM, 1, -EBUSY };
	unsigned int n;

	for (n = 1; n < 200; n++) {
		struct iom_region r = { 0 }, s = { 0 };
		struct iom_sim_failure f = {
			.nth = n,
			.answer = errors[n % ARRAY_SIZE(errors)],
			.calls = 1u << IOM_SIM_IOCTL,
		};
		struct iom_device *nvme = NULL, *edu = NULL;

		start(platforms[_i], 0, 1 << 30, KIB64);
		iom_sim_fail(rig.sim, &f);
		if (!attach(NVME, 0))
			nvme = dev;
		(void)iom_map(rig.dom, mem(4 * KIB64, KIB64), 4 * KIB64, IOM_MAP_RW, NULL, &r);
		if (!attach(EDU, 0))
			edu = dev;
		(void)iom_map(rig.dom, mem(4 * KIB64, KIB64), 4 * KIB64, IOM_MAP_RW, NULL, &s);
		if (s.generation)
			(void)iom_unmap(rig.dom, &s);
		iom_detach(edu);
		if (r.generation)
			(void)iom_unmap(rig.dom, &r);
		(void)nvme;
		if (!iom_sim_failed(rig.sim)) {
			end();
			return;
		}
		iom_sim_fail(rig.sim, NULL);
		iom_close(rig.dom);
		rig.dom = NULL;
		ck_assert_msg(!iom_sim_spapr_leaks(rig.sim), "call %u leaks", n);
		ck_assert_uint_eq(iom_sim_open_fds(rig.sim), 0);
		ck_assert_uint_eq(iom_sim_mapped_bytes(rig.sim), 0);
		iom_sim_destroy(rig.sim);
		rig.sim = NULL;
	}
	ck_abort();
}
END_TEST

START_TEST(narrow)
{
	struct iom_region r;

	start(platforms[_i], 0, 8 * GIB, KIB64);
	ck_assert_ok(attach(NVME, 48));
	ck_assert_ok(map_any(mem(4 * KIB64, KIB64), 4 * KIB64, &r));
	ck_assert(dma_works(NVME, &r));
	ck_assert_int_eq(r.iova >= 4 * GIB, !strcmp(platforms[_i], "powernv"));
	end();
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("power");
	TCase *tcase = tcase_create("power");

	tcase_add_loop_test(tcase, small_memory, 0, 2);
	tcase_add_loop_test(tcase, huge_memory, 0, 2);
	tcase_add_loop_test(tcase, two_groups, 0, 2);
	tcase_add_loop_test(tcase, narrow, 0, 2);
	tcase_add_loop_test(tcase, every_call, 0, 2);
	suite_add_tcase(suite, tcase);
	return run_suite(suite);
}
