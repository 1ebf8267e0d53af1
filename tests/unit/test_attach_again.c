// SPDX-License-Identifier: BSD-3-Clause
/* Mappings in the way of an attach, apertures that shrink and grow, and mappings that outlive all devices. */
#include "tests/unit/domain_rig.h"
#include "tests/unit/runner.h"

/*
 * The second device reserves a piece of the first one's room, above what automatic IOVAs take first; the
 * third one's IOMMU has fewer address bits.
 */
#define HOLE (16 * GIB)
#define HOLE_LAST (16 * GIB + 64 * MIB - 1)

static const struct iom_sim_resv hole[] = { { HOLE, HOLE_LAST, "reserved" } };

static const struct iom_sim_device devices[] = {
	{ .address = NVME, .group = 14, .driver = "vfio-pci" },
	{ .address = EDU, .group = 15, .driver = "vfio-pci", .resv = hole, .n_resv = 1 },
	{ .address = "0000:03:00.0", .group = 16, .driver = "vfio-pci", .iommu_bits = 39 },
};

static const struct iom_sim_config config = {
	.size = sizeof(config),
	.devices = devices,
	.n_devices = ARRAY_SIZE(devices),
};

static void set_up(void)
{
	rig_start(&config);
}

static int attach(const char *address, struct iom_device **dev)
{
	return iom_attach(rig.dom, address, NULL, dev);
}

/* ---- Narrowing ---------------------------------------------------------------------------------- */

START_TEST(a_hole_comes_and_goes)
{
	struct iom_aperture apertures[4];
	struct iom_device *edu;
	char *memory = rig_memory(4 * PAGE);

	ck_assert_int_eq(iom_apertures(rig.dom, apertures, 4), 2);
	ck_assert_ok(attach(EDU, &edu));
	ck_assert_int_eq(iom_apertures(rig.dom, apertures, 4), 3);
	ck_assert_uint_eq(apertures[1].last, HOLE - 1);
	ck_assert_uint_eq(apertures[2].start, HOLE_LAST + 1);
	ck_assert_fails(map_fixed(memory, PAGE, HOLE, NULL), -ERANGE, "aperture");
	ck_assert_fails(map_fixed(memory, 2 * PAGE, HOLE - PAGE, NULL), -ERANGE, "aperture");
	ck_assert_fails(map_fixed(memory, 2 * PAGE, HOLE_LAST + 1 - PAGE, NULL), -ERANGE,
			"aperture");
	ck_assert_ok(map_fixed(memory, PAGE, HOLE - PAGE, NULL));
	ck_assert_ok(map_fixed(memory + PAGE, PAGE, HOLE_LAST + 1, NULL));
	iom_detach(edu);
	ck_assert_int_eq(iom_apertures(rig.dom, apertures, 4), 2);
	ck_assert_ok(map_fixed(memory + 2 * PAGE, PAGE, HOLE, NULL));
}
END_TEST

/* In the kernel's way already; it says EINVAL, and which range it is about is in sysfs. */
START_TEST(a_mapping_in_the_hole)
{
	struct iom_device *edu = (struct iom_device *)&rig;
	struct iom_region region;
	struct state before;

	ck_assert_ok(map_fixed(rig_memory(PAGE), PAGE, HOLE + MIB, &region));
	before = rig_state();
	ck_assert_fails(attach(EDU, &edu), -EBUSY, "attach " EDU, "group 15", "reserved_regions");
	ck_assert_ptr_eq(edu, &rig);
	ck_assert_unchanged(before);
	ck_assert(dma_works(NVME, &region));
	/* what would have been a hole is none */
	ck_assert_ok(map_fixed(rig_memory(PAGE), PAGE, HOLE + 2 * MIB, NULL));
	ck_assert_ok(iom_unmap_all(rig.dom));
	ck_assert_ok(attach(EDU, &edu));
	ck_assert_works();
}
END_TEST

START_TEST(a_mapping_above_the_other_iommu)
{
	struct iom_device *small;
	struct iom_region region;
	struct state before;

	ck_assert_ok(map_fixed(rig_memory(PAGE), PAGE, UINT64_C(1) << 39, &region));
	before = rig_state();
	ck_assert_fails(attach("0000:03:00.0", &small), -EBUSY, "attach 0000:03:00.0");
	ck_assert_unchanged(before);
	ck_assert_ok(iom_unmap(rig.dom, &region));
	ck_assert_ok(attach("0000:03:00.0", &small));
	ck_assert_fails(map_fixed(region.va, PAGE, UINT64_C(1) << 39, NULL), -ERANGE, "aperture");
	ck_assert_ok(map_fixed(region.va, PAGE, (UINT64_C(1) << 39) - PAGE, NULL));
}
END_TEST

static void ranges_are_not_told(void)
{
	const struct iom_sim_failure failure = {
		.nth = 1,
		.answer = -EINVAL,
		.request = rig_backend()->ranges,
	};

	iom_sim_fail(rig.sim, &failure);
}

/* After a detach the domain widens; if the kernel does not say by how much, it stays narrow and works. */
START_TEST(not_told_how_wide)
{
	struct iom_device *edu;

	ck_assert_ok(attach(EDU, &edu));
	ranges_are_not_told();
	iom_detach(edu);
	ck_assert_ptr_nonnull(strstr(rig.log, "2 "));
	ck_assert_ptr_nonnull(strstr(rig.log, "apertures stay as they were"));
	ck_assert_int_eq(iom_apertures(rig.dom, NULL, 0), 3);
	ck_assert_fails(map_fixed(rig_memory(PAGE), PAGE, HOLE, NULL), -ERANGE, "aperture");
	ck_assert_works();
}
END_TEST

/* A quarantined range stays out of use in the middle of a hole that comes and goes. */
START_TEST(quarantine_in_the_hole)
{
	struct iom_device *edu;
	struct iom_region region;
	int i;

	ck_assert_ok(map_fixed(rig_memory(PAGE), PAGE, HOLE + MIB, &region));
	iom_sim_set_quirk(rig.sim, IOM_SIM_UNMAP_SHORT, 1);
	ck_assert_fails(iom_unmap(rig.dom, &region), -EIO, "unmap");
	for (i = 0; i < 3; i++) {
		ck_assert_ok(attach(EDU, &edu));
		ck_assert_fails(map_fixed(region.va, PAGE, HOLE + MIB, NULL), -ERANGE, "aperture");
		iom_detach(edu);
		ck_assert_fails(map_fixed(region.va, PAGE, HOLE + MIB, NULL), -EEXIST,
				"quarantined");
		ck_assert_ok(map_fixed(region.va, PAGE, HOLE + MIB + PAGE, NULL));
		ck_assert_ok(iom_unmap_range(rig.dom, HOLE + MIB + PAGE, PAGE));
	}
	ck_assert_uint_eq(rig_counters().quarantined_bytes, PAGE);
}
END_TEST

/* So many that the hole falls to pieces; there is memory for each of them. */
START_TEST(many_quarantines_in_the_hole)
{
	char *memory = rig_memory(PAGE);
	struct iom_device *edu;
	uint64_t i;

	for (i = 0; i < 600; i++) {
		ck_assert_ok(map_fixed(memory, PAGE, HOLE + 2 * i * PAGE, NULL));
		iom_sim_set_quirk(rig.sim, IOM_SIM_UNMAP_SHORT, 1);
		ck_assert_int_eq(iom_unmap_range(rig.dom, HOLE + 2 * i * PAGE, PAGE), -EIO);
	}
	ck_assert_ok(attach(EDU, &edu));
	ck_assert_fails(map_fixed(memory, PAGE, HOLE + PAGE, NULL), -ERANGE, "aperture");
	iom_detach(edu);
	ck_assert_ok(map_fixed(memory, PAGE, HOLE + PAGE, NULL));
	ck_assert_fails(map_fixed(rig_memory(PAGE), PAGE, HOLE + 2 * PAGE, NULL), -EEXIST,
			"quarantined");
	ck_assert_uint_eq(rig_counters().quarantined_bytes, 600 * PAGE);
}
END_TEST

/* ---- Without any device ------------------------------------------------------------------------- */

static struct iom_region a, b, c;

static void map_three(void)
{
	char *memory = rig_memory(16 * PAGE);
	struct iom_map_opts opts = at_iova(8 * GIB);

	ck_assert_ok(map_any(memory, 3 * PAGE, &a));
	ck_assert_ok(
		iom_map(rig.dom, memory + 4 * PAGE, PAGE, IOM_MAP_READ | IOM_MAP_FIXED, &opts, &b));
	ck_assert_ok(iom_map(rig.dom, memory, 2 * PAGE, IOM_MAP_RW | IOM_MAP_ALIAS, NULL, &c));
}

/* In the kernel as the domain has it. */
#define ck_assert_three()                                                                 \
	do {                                                                              \
		char byte_ = 0;                                                           \
                                                                                          \
		ck_assert_uint_eq(iom_sim_mapped_bytes(rig.sim), 6 * PAGE);               \
		ck_assert(dma_works(NVME, &a));                                           \
		ck_assert(dma_works(NVME, &c));                                           \
		ck_assert(dma_reads(NVME, b.iova, b.va, 8));                              \
		ck_assert_int_lt(iom_sim_dma_write(rig.sim, NVME, b.iova, &byte_, 1), 0); \
		ck_assert_uint_eq(rig_counters().mappings, 3);                            \
	} while (0)

START_TEST(mappings_outlive_the_last_device)
{
	uint64_t iova, run;
	void *va;

	map_three();
	iom_detach(rig.nvme);
	ck_assert_uint_eq(iom_sim_mapped_bytes(rig.sim), 0);
	ck_assert_uint_eq(rig_pinned_bytes(), 0);
	ck_assert_uint_eq(rig_counters().mappings, 3);
	ck_assert_uint_eq(rig_counters().mapped_bytes, 6 * PAGE);
	/* they are there to translate, and in the way of others */
	ck_assert_int_eq(iom_translate(rig.dom, a.va, PAGE, &iova, &run), 0);
	ck_assert_uint_eq(iova, a.iova);
	ck_assert_int_eq(iom_iova_to_va(rig.dom, c.iova, PAGE, &va, &run), 0);
	ck_assert_ptr_eq(va, a.va);
	ck_assert_fails(map_any(rig_memory(PAGE), PAGE, NULL), -ENODEV, "attach");

	ck_assert_ok(attach(NVME, &rig.nvme));
	ck_assert_three();
	ck_assert_uint_eq(rig_counters().kernel_maps, 6);
	ck_assert_fails(map_fixed(rig_memory(PAGE), PAGE, a.iova, NULL), -EEXIST, "mapped");
	ck_assert_works();
}
END_TEST

START_TEST(unmap_while_detached)
{
	unsigned int calls;

	map_three();
	iom_detach(rig.nvme);
	calls = iom_sim_calls(rig.sim);
	ck_assert_ok(iom_unmap(rig.dom, &a));
	ck_assert_fails(iom_unmap(rig.dom, &a), -ENOENT, "unmapped before");
	ck_assert(!is_mapped(a.va));
	ck_assert_uint_eq(iom_sim_calls(rig.sim), calls);
	ck_assert_ok(attach(NVME, &rig.nvme));
	ck_assert_uint_eq(iom_sim_mapped_bytes(rig.sim), 3 * PAGE);
	ck_assert(dma_misses(NVME, a.iova, a.length));
	iom_detach(rig.nvme);
	ck_assert_ok(iom_unmap_all(rig.dom));
	ck_assert_uint_eq(rig_counters().mappings, 0);
	ck_assert_ok(attach(NVME, &rig.nvme));
	ck_assert_uint_eq(iom_sim_mapped_bytes(rig.sim), 0);
	ck_assert_works();
}
END_TEST

/* By another device, whose IOMMU and address width the mappings must suit. */
START_TEST(another_device_takes_over)
{
	struct iom_attach_opts opts = { .size = sizeof(opts), .dma_bits = 32 };
	struct iom_device *edu;

	map_three();
	iom_detach(rig.nvme);
	ck_assert_fails(iom_attach(rig.dom, EDU, &opts, &edu), -EBUSY, "attach " EDU,
			"0x100000000");
	ck_assert_uint_eq(iom_sim_open_fds(rig.sim), rig_backend()->idle_fds);
	ck_assert_uint_eq(rig_counters().mappings, 3);
	ck_assert_ok(attach(EDU, &edu));
	ck_assert(dma_works(EDU, &a));
	ck_assert(dma_misses(NVME, a.iova, a.length));
	iom_detach(edu);
	ck_assert_ok(attach(NVME, &rig.nvme));
	ck_assert_three();
}
END_TEST

/* What is at the same address then. */
START_TEST(other_memory_at_the_same_address)
{
	map_three();
	memset(a.va, 0x11, 3 * PAGE);
	iom_detach(rig.nvme);
	ck_assert_ptr_eq(mmap(a.va, 3 * PAGE, PROT_READ | PROT_WRITE,
			      MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0),
			 a.va);
	ck_assert_ok(attach(NVME, &rig.nvme));
	ck_assert_three();
}
END_TEST

/* ---- Mappings that cannot be made again --------------------------------------------------------- */

static void no_memory_there(void)
{
	ck_assert_int_eq(mprotect(b.va, PAGE, PROT_NONE), 0);
}

static void memory_is_back(void)
{
	ck_assert_int_eq(mprotect(b.va, PAGE, PROT_READ | PROT_WRITE), 0);
}

static void too_few_entries(void)
{
	iom_sim_set_dma_entry_limit(rig.sim, 2);
}

static void enough_entries(void)
{
	iom_sim_set_dma_entry_limit(rig.sim, 65535);
}

static void too_little_memlock(void)
{
	iom_sim_set_memlock(rig.sim, 4 * PAGE, false);
}

static void enough_memlock(void)
{
	iom_sim_set_memlock(rig.sim, 8 * MIB, true);
}

static void second_map_fails(void)
{
	const struct iom_sim_failure failure = {
		.nth = 2,
		.answer = -EINTR,
		.request = rig_backend()->map,
	};

	iom_sim_fail(rig.sim, &failure);
}

static void nothing_to_mend(void)
{
}

static const struct {
	void (*breaks)(void), (*mends)(void);
	int error;
	const char *word;
} obstacles[] = {
	{ no_memory_there, memory_is_back, -EFAULT, "memory is not there" },
	{ too_few_entries, enough_entries, -ENOSPC, "limit of 2 mappings" },
	{ too_little_memlock, enough_memlock, -ENOMEM, "RLIMIT_MEMLOCK" },
	{ second_map_fails, nothing_to_mend, -EIO, "refuses" },
};

/* The attach fails, with nothing in the kernel and everything in the domain; later it works. */
START_TEST(not_to_be_made_again)
{
	struct iom_device *dev = (struct iom_device *)&rig;
	struct state before;

	/* iommufd has no limit */
	if (obstacles[_i].error == -ENOSPC && !rig_is("type1"))
		return;
	map_three();
	iom_detach(rig.nvme);
	before = rig_state();
	obstacles[_i].breaks();
	ck_assert_fails(attach(NVME, &dev), obstacles[_i].error, "attach " NVME,
			"mapping again what was at IOVA 0x", obstacles[_i].word);
	ck_assert_ptr_eq(dev, &rig);
	obstacles[_i].mends();
	ck_assert_uint_eq(rig_counters().mappings, before.counters.mappings);
	ck_assert_uint_eq(rig_counters().mapped_bytes, before.counters.mapped_bytes);
	ck_assert_uint_eq(rig_counters().quarantined_bytes, 0);
	ck_assert_uint_eq(iom_sim_mapped_bytes(rig.sim), 0);
	ck_assert_uint_eq(rig_pinned_bytes(), 0);
	ck_assert_uint_eq(iom_sim_open_fds(rig.sim), before.open_fds);
	ck_assert_uint_eq(iom_page_size(rig.dom), 0);
	ck_assert(is_mapped(a.va));
	ck_assert_ok(attach(NVME, &rig.nvme));
	ck_assert_three();
	ck_assert_works();
}
END_TEST

/* The limit belongs to the container that is made anew with the first device. */
START_TEST(another_entry_limit)
{
	iom_detach(rig.nvme);
	iom_sim_set_dma_entry_limit(rig.sim, 5);
	ck_assert_ok(attach(NVME, &rig.nvme));
	ck_assert_uint_eq(rig_counters().entry_limit, 5);
	map_three();
	ck_assert_uint_eq(rig_counters().entries_used, 3);
	/* and with mappings that are made again before it is read */
	iom_detach(rig.nvme);
	ck_assert_ok(attach(NVME, &rig.nvme));
	ck_assert_uint_eq(rig_counters().entry_limit, 5);
	ck_assert_uint_eq(rig_counters().entries_used, 3);
}
END_TEST

/* A kernel without UNMAP_ALL: one call for each mapping, whatever it says. */
START_TEST(one_by_one)
{
	const struct iom_sim_failure failure = {
		.nth = 2,
		.answer = -EINVAL,
		.request = rig_backend()->unmap,
	};

	tear_down();
	rig_domain(&config);
	iom_sim_set_quirk(rig.sim, IOM_SIM_NO_UNMAP_ALL, IOM_SIM_ALWAYS);
	ck_assert_ok(attach(NVME, &rig.nvme));
	map_three();
	iom_detach(rig.nvme);
	ck_assert_uint_eq(iom_sim_ioctls(rig.sim, rig_backend()->unmap), 3);
	ck_assert_ptr_null(strstr(rig.log, "unmapping before"));
	ck_assert_ok(attach(NVME, &rig.nvme));
	ck_assert_three();

	/* the group goes all the same, and takes with it what is left */
	iom_sim_fail(rig.sim, &failure);
	iom_detach(rig.nvme);
	ck_assert_uint_eq(iom_sim_ioctls(rig.sim, rig_backend()->unmap), 6);
	ck_assert_ptr_nonnull(strstr(rig.log, "2 unmapping before the last device goes"));
	ck_assert_uint_eq(iom_sim_mapped_bytes(rig.sim), 0);
	ck_assert_ok(attach(NVME, &rig.nvme));
	ck_assert_three();
}
END_TEST

/* Pulled out: mappings stay, detach works, and the device is missed until it is back. */
START_TEST(surprise_removal)
{
	struct iom_device *dev;

	map_three();
	ck_assert_int_eq(iom_sim_unplug(rig.sim, NVME), 0);
	ck_assert_int_eq(iom_sim_dma_read(rig.sim, NVME, a.iova, &dev, 1), -ENODEV);
	ck_assert_ok(iom_unmap(rig.dom, &c));
	iom_detach(rig.nvme);
	ck_assert_uint_eq(iom_sim_mapped_bytes(rig.sim), 0);
	ck_assert_fails(attach(NVME, &dev), -ENODEV, "attach " NVME, "no PCI device " NVME);
	ck_assert_ok(attach(EDU, &dev));
	ck_assert(dma_works(EDU, &a));
	iom_detach(dev);
	ck_assert_int_eq(iom_sim_plug(rig.sim, NVME), 0);
	ck_assert_ok(attach(NVME, &rig.nvme));
	ck_assert(dma_works(NVME, &a));
	ck_assert_works();
}
END_TEST

START_TEST(over_and_over)
{
	unsigned int i;

	map_three();
	for (i = 0; i < 50; i++) {
		iom_detach(rig.nvme);
		ck_assert_uint_eq(iom_sim_open_fds(rig.sim), rig_backend()->idle_fds);
		ck_assert_ok(attach(NVME, &rig.nvme));
	}
	ck_assert_three();
}
END_TEST

/* A BAR that is still mapped keeps the last group in its container: the next device gets another. */
START_TEST(after_a_group_that_stays_busy)
{
	const struct iom_sim_failure busy = {
		.nth = 1,
		.answer = -EBUSY,
		.request = VFIO_GROUP_UNSET_CONTAINER,
	};
	struct iom_device *edu;
	struct iom_region region;

	ck_assert_ok(map_any(rig_memory(PAGE), PAGE, &region));
	iom_sim_fail(rig.sim, &busy);
	iom_detach(rig.nvme);
	ck_assert_int_eq(iom_sim_failed(rig.sim), 1);
	ck_assert_ok(attach(EDU, &edu));
	ck_assert(dma_works(EDU, &region));
	ck_assert(dma_misses(NVME, region.iova, PAGE));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("attach_again");
	TCase *narrow = tcase_create("narrow");
	TCase *again = tcase_create("again");

	tcase_add_checked_fixture(narrow, set_up, tear_down);
	tcase_add_test(narrow, a_hole_comes_and_goes);
	tcase_add_test(narrow, a_mapping_in_the_hole);
	tcase_add_test(narrow, a_mapping_above_the_other_iommu);
	tcase_add_test(narrow, not_told_how_wide);
	tcase_add_test(narrow, quarantine_in_the_hole);
	tcase_add_test(narrow, many_quarantines_in_the_hole);
	tcase_add_checked_fixture(again, set_up, tear_down);
	tcase_add_test(again, mappings_outlive_the_last_device);
	tcase_add_test(again, unmap_while_detached);
	tcase_add_test(again, another_device_takes_over);
	tcase_add_test(again, other_memory_at_the_same_address);
	tcase_add_loop_test(again, not_to_be_made_again, 0, ARRAY_SIZE(obstacles));
	if (rig_is("type1")) {
		tcase_add_test(again, another_entry_limit);
		tcase_add_test(again, one_by_one);
	}
	tcase_add_test(again, surprise_removal);
	tcase_add_test(again, over_and_over);
	if (!rig_is("iommufd"))
		tcase_add_test(again, after_a_group_that_stays_busy);
	suite_add_tcase(suite, narrow);
	suite_add_tcase(suite, again);
	return run_suite(suite);
}
