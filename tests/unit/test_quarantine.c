// SPDX-License-Identifier: BSD-3-Clause
/* Mappings that the kernel does not unmap, or says that it did not. */
#include "tests/unit/domain_rig.h"
#include "tests/unit/runner.h"

#define FOUR_GIB (4 * GIB)

static char *memory; /* 16 pages */
static struct iom_region region;

static void set_up(void)
{
	set_up_device();
	memory = rig_memory(16 * PAGE);
	ck_assert_ok(map_fixed(memory, 4 * PAGE, FOUR_GIB, &region));
}

static void refuse_unmap(int answer)
{
	const struct iom_sim_failure failure = {
		.nth = 1,
		.answer = answer,
		.request = rig_backend()->unmap,
	};

	iom_sim_fail(rig.sim, &failure);
}

static void refused(void)
{
	refuse_unmap(-EINVAL);
}

static void positive(void)
{
	refuse_unmap(1);
}

static void refused_when_done(void)
{
	const struct iom_sim_failure failure = {
		.nth = 1,
		.answer = -EINTR,
		.request = rig_backend()->unmap,
		.after = true,
	};

	iom_sim_fail(rig.sim, &failure);
}

static void too_short(void)
{
	iom_sim_set_quirk(rig.sim, IOM_SIM_UNMAP_SHORT, 1);
}

static void nothing(void)
{
	iom_sim_set_quirk(rig.sim, IOM_SIM_UNMAP_NOTHING, 1);
}

static void say_more(struct rig *r, unsigned long request, void *arg)
{
	struct vfio_iommu_type1_dma_unmap *dma = arg;
	struct iom_iommu_ioas_unmap *ioas = arg;

	if (request == IOM_IOMMU_IOAS_UNMAP)
		ioas->length += PAGE;
	else if (request == VFIO_IOMMU_UNMAP_DMA)
		dma->size += PAGE;
	else
		return;
	r->after = NULL;
}

static void too_much(void)
{
	rig.after = say_more;
}

static const struct {
	void (*breaks)(void);
	const char *words[2];
	bool reachable; /* afterwards, still */
} answers[] = {
	{ refused, { "refuses to unmap", "Invalid argument" }, true },
	{ positive, { "refuses to unmap", "" }, true },
	{ refused_when_done, { "refuses to unmap", "Interrupted" }, false },
	{ too_short, { "unmapped 0x3000", "0x4000" }, false },
	{ too_much, { "unmapped 0x5000", "0x4000" }, false },
	{ nothing, { "unmapped 0x0", "0x4000" }, true },
};

static int by_region(void)
{
	return iom_unmap(rig.dom, &region);
}

static int by_range(void)
{
	return iom_unmap_range(rig.dom, FOUR_GIB, 4 * PAGE);
}

static int (*const ways[])(void) = { by_region, by_range };

#define WAYS 2
#define CASES (6 * WAYS)

/* The range is out of use and counted; the memory is not. */
START_TEST(out_of_use)
{
	int (*way)(void) = ways[_i % WAYS];
	bool reachable = answers[_i / WAYS].reachable;
	struct iom_region again;
	uint64_t run, iova;
	void *va;

	answers[_i / WAYS].breaks();
	ck_assert_fails(way(), -EIO, "unmap", answers[_i / WAYS].words[0],
			answers[_i / WAYS].words[1]);
	ck_assert_uint_eq(rig_counters().quarantined_bytes, 4 * PAGE);
	ck_assert_uint_eq(rig_counters().mappings, 0);
	ck_assert_uint_eq(rig_counters().mapped_bytes, 0);
	ck_assert_uint_eq(iom_sim_mapped_bytes(rig.sim), reachable ? 4 * PAGE : 0);
	ck_assert_ptr_nonnull(strstr(rig.log, "1 IOVA 0x100000000 + 0x4000 is quarantined"));
	ck_assert_int_eq(iom_translate(rig.dom, memory, 1, &iova, &run), -ENOENT);
	ck_assert_int_eq(iom_iova_to_va(rig.dom, FOUR_GIB, 1, &va, &run), -ENOENT);

	ck_assert_fails(map_fixed(memory, PAGE, FOUR_GIB + PAGE, NULL), -EEXIST, "quarantined");
	ck_assert_ok(map_any(memory, 4 * PAGE, &again));
	ck_assert_uint_ge(again.iova, FOUR_GIB + 4 * PAGE);
	ck_assert(dma_works(NVME, &again));
	ck_assert_ok(iom_unmap(rig.dom, &again));
	ck_assert_works();
}
END_TEST

/* "-ENOENT, too, is returned only once the device cannot [reach the memory]." */
START_TEST(a_second_unmap)
{
	nothing();
	ck_assert_fails(iom_unmap(rig.dom, &region), -EIO, "unmapped 0x0");
	ck_assert(dma_reads(NVME, FOUR_GIB, memory, 8));
	ck_assert_fails(iom_unmap(rig.dom, &region), -EIO, "quarantined");
	ck_assert_uint_eq(rig_counters().quarantined_bytes, 4 * PAGE);
}
END_TEST

START_TEST(ranges_with_quarantine)
{
	struct iom_region next;

	ck_assert_ok(map_fixed(memory + 4 * PAGE, PAGE, FOUR_GIB + 4 * PAGE, &next));
	refused();
	ck_assert_fails(iom_unmap(rig.dom, &region), -EIO, "refuses");
	/* the first part that cannot be decides */
	ck_assert_fails(iom_unmap_range(rig.dom, FOUR_GIB, 4 * PAGE), -EIO, "0x100000000",
			"quarantined");
	ck_assert_fails(iom_unmap_range(rig.dom, FOUR_GIB + PAGE, PAGE), -EIO, "quarantined");
	ck_assert_fails(iom_unmap_range(rig.dom, FOUR_GIB, 6 * PAGE), -EIO, "quarantined");
	ck_assert_fails(iom_unmap_range(rig.dom, FOUR_GIB - PAGE, 2 * PAGE), -ENOENT, "0xfffff000");
	ck_assert_uint_eq(rig_counters().quarantined_bytes, 4 * PAGE);
	ck_assert(dma_works(NVME, &next));
	ck_assert_ok(iom_unmap_range(rig.dom, FOUR_GIB + 4 * PAGE, PAGE));
}
END_TEST

/* A range of several: one call, so all of it. */
START_TEST(a_whole_range)
{
	ck_assert_ok(map_fixed(memory + 4 * PAGE, PAGE, FOUR_GIB + 4 * PAGE, NULL));
	ck_assert_ok(map_fixed(memory + 5 * PAGE, PAGE, FOUR_GIB + 5 * PAGE, NULL));
	too_short();
	ck_assert_fails(iom_unmap_range(rig.dom, FOUR_GIB, 5 * PAGE), -EIO, "0x4000", "0x5000");
	ck_assert_uint_eq(rig_counters().quarantined_bytes, 5 * PAGE);
	ck_assert_uint_eq(rig_counters().mappings, 1);
	ck_assert_works();
}
END_TEST

/*
 * What was not unmapped is still the kernel's when everything is: it says more than is mapped now, and that
 * is no reason to take the rest out of use as well.
 */
START_TEST(everything_after_a_quarantine)
{
	struct iom_region other;

	ck_assert_ok(map_any(memory + 8 * PAGE, 2 * PAGE, &other));
	nothing();
	ck_assert_fails(iom_unmap(rig.dom, &region), -EIO, "unmapped 0x0");
	ck_assert_ok(iom_unmap_all(rig.dom));
	ck_assert_uint_eq(rig_counters().mappings, 0);
	ck_assert_uint_le(rig_counters().quarantined_bytes, 4 * PAGE);
	ck_assert_uint_eq(iom_sim_mapped_bytes(rig.sim), 0);
	ck_assert_ok(map_fixed(memory + 8 * PAGE, 2 * PAGE, other.iova, NULL));
}
END_TEST

/* One call for all is refused: then one for each, and nothing is out of use that these unmap. */
START_TEST(everything_refused_once)
{
	refused();
	ck_assert_ok(iom_unmap_all(rig.dom));
	ck_assert_uint_eq(rig_counters().quarantined_bytes, 0);
	ck_assert_uint_eq(rig_counters().mappings, 0);
	ck_assert_uint_eq(iom_sim_mapped_bytes(rig.sim), 0);
	ck_assert_ok(map_fixed(memory, 4 * PAGE, FOUR_GIB, NULL));
}
END_TEST

START_TEST(everything_refused)
{
	const struct iom_sim_failure failure = {
		.nth = 1,
		.answer = -EINVAL,
		.request = rig_backend()->unmap,
		.on = true,
	};

	iom_sim_fail(rig.sim, &failure);
	ck_assert_fails(iom_unmap_all(rig.dom), -EIO, "unmap all: ", "refuses");
	iom_sim_fail(rig.sim, NULL);
	ck_assert_uint_eq(rig_counters().quarantined_bytes, 4 * PAGE);
	ck_assert_uint_eq(rig_counters().mappings, 0);
	ck_assert_uint_eq(iom_sim_mapped_bytes(rig.sim), 4 * PAGE);
	ck_assert_works();
}
END_TEST

/* Closing tries once more what was refused, so that whoever keeps the container alive keeps no memory. */
START_TEST(closing_tries_again)
{
	unsigned int unmaps;

	refused();
	ck_assert_fails(iom_unmap(rig.dom, &region), -EIO, "refuses");
	unmaps = iom_sim_ioctls(rig.sim, rig_backend()->unmap);
	iom_close(rig.dom);
	rig.dom = NULL;
	ck_assert_uint_eq(iom_sim_ioctls(rig.sim, rig_backend()->unmap), unmaps + 1);
	ck_assert_uint_eq(iom_sim_mapped_bytes(rig.sim), 0);
}
END_TEST

/* One by one, only what the kernel refuses is out of use. */
START_TEST(everything_one_by_one)
{
	struct iom_region other;

	tear_down();
	rig_domain(NULL);
	iom_sim_set_quirk(rig.sim, IOM_SIM_NO_UNMAP_ALL, IOM_SIM_ALWAYS);
	ck_assert_ok(iom_attach(rig.dom, NVME, NULL, &rig.nvme));
	ck_assert_ok(map_fixed(memory, 4 * PAGE, FOUR_GIB, &region));
	ck_assert_ok(map_fixed(memory + 4 * PAGE, PAGE, FOUR_GIB + MIB, &other));
	refused();
	ck_assert_fails(iom_unmap_all(rig.dom), -EIO, "unmap all: ", "refuses");
	ck_assert_uint_eq(rig_counters().quarantined_bytes, 4 * PAGE);
	ck_assert_uint_eq(rig_counters().mappings, 0);
	ck_assert(dma_misses(NVME, other.iova, PAGE));
	ck_assert_ok(map_fixed(other.va, PAGE, other.iova, NULL));
}
END_TEST

/* Out of use until the end, also when the last device went in between, and not mapped again for the next. */
START_TEST(until_the_end)
{
	refused();
	ck_assert_fails(iom_unmap(rig.dom, &region), -EIO, "refuses");
	iom_detach(rig.nvme);
	ck_assert_uint_eq(iom_sim_mapped_bytes(rig.sim), 0);
	ck_assert_ok(iom_attach(rig.dom, NVME, NULL, &rig.nvme));
	ck_assert_uint_eq(iom_sim_mapped_bytes(rig.sim), 0);
	ck_assert_uint_eq(rig_counters().quarantined_bytes, 4 * PAGE);
	ck_assert_fails(map_fixed(memory, PAGE, FOUR_GIB, NULL), -EEXIST, "quarantined");
	ck_assert_works();
}
END_TEST

/* An alias that stays mapped does not take the memory's own mapping along. */
START_TEST(an_alias)
{
	struct iom_region alias;

	ck_assert_ok(iom_map(rig.dom, memory, PAGE, IOM_MAP_RW | IOM_MAP_ALIAS, NULL, &alias));
	nothing();
	ck_assert_fails(iom_unmap(rig.dom, &alias), -EIO, "unmapped 0x0");
	ck_assert(is_mapped(memory));
	ck_assert(dma_works(NVME, &region));
	ck_assert_ok(iom_unmap(rig.dom, &region));
	ck_assert_ok(map_any(memory, PAGE, NULL));
}
END_TEST

/* The kernel refuses to the last: closing gives all the descriptors back, and logs. */
START_TEST(closing_with_a_deaf_kernel)
{
	const struct iom_sim_failure failure = {
		.nth = 1,
		.answer = -EIO,
		.calls = 1u << IOM_SIM_IOCTL,
		.on = true,
	};

	iom_sim_fail(rig.sim, &failure);
	iom_close(rig.dom);
	rig.dom = NULL;
	ck_assert_uint_ge(iom_sim_failed(rig.sim), 2);
	ck_assert_ptr_nonnull(strstr(rig.log, "quarantined"));
	ck_assert_ptr_nonnull(strstr(rig.log, "group 14"));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("quarantine");
	TCase *tcase = tcase_create("quarantine");

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_loop_test(tcase, out_of_use, 0, CASES);
	tcase_add_test(tcase, everything_refused_once);
	tcase_add_test(tcase, everything_refused);
	tcase_add_test(tcase, closing_tries_again);
	tcase_add_test(tcase, a_second_unmap);
	tcase_add_test(tcase, ranges_with_quarantine);
	tcase_add_test(tcase, a_whole_range);
	tcase_add_test(tcase, everything_after_a_quarantine);
	if (rig_is("type1"))
		tcase_add_test(tcase, everything_one_by_one);
	tcase_add_test(tcase, until_the_end);
	tcase_add_test(tcase, an_alias);
	tcase_add_test(tcase, closing_with_a_deaf_kernel);
	suite_add_tcase(suite, tcase);
	return run_suite(suite);
}
