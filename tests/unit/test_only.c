// SPDX-License-Identifier: BSD-3-Clause
/* Mappings that are for one device: its reach counts, and not that of the narrowest. */
#include <unistd.h>

#include "tests/unit/domain_rig.h"
#include "tests/unit/runner.h"

#define FOUR_GIB (4 * GIB)
#define FAR (UINT64_C(1) << 40)
#define SMALL "0000:03:00.0" /* its IOMMU has fewer address bits */

static const struct iom_sim_device devices[] = {
	{ .address = NVME, .group = 14, .driver = "vfio-pci" },
	{ .address = EDU, .group = 15, .driver = "vfio-pci" },
	{ .address = SMALL, .group = 16, .driver = "vfio-pci", .iommu_bits = 39 },
};

static const struct iom_sim_config config = {
	.size = sizeof(config),
	.devices = devices,
	.n_devices = ARRAY_SIZE(devices),
};

static char *memory; /* 32 pages */
static struct iom_device *edu;
static struct iom_region region;

static void set_up(void)
{
	rig_start_cut(&config, 4 * PAGE);
	memory = rig_memory(32 * PAGE);
}

static int attach_edu(uint64_t dma_bits)
{
	const struct iom_attach_opts opts = { .size = sizeof(opts), .dma_bits = dma_bits };

	return iom_attach(rig.dom, EDU, &opts, &edu);
}

static int map_only(const struct iom_device *only, uint64_t iova)
{
	struct iom_map_opts opts = at_iova(iova);

	opts.only = only;
	return iom_map(rig.dom, memory, 16 * PAGE, IOM_MAP_RW | (iova ? IOM_MAP_FIXED : 0), &opts,
		       &region);
}

/* ---- Whose reach counts ----------------------------------------------------------------------------- */

START_TEST(fixed)
{
	ck_assert_ok(attach_edu(32));
	ck_assert_fails(map_only(NULL, FAR), -ERANGE, "0xffffffff");
	ck_assert_fails(map_only(edu, FAR), -ERANGE, "0xffffffff");
	ck_assert_ok(map_only(rig.nvme, FAR));
	ck_assert(dma_works(NVME, &region));
	ck_assert_ok(iom_unmap(rig.dom, &region));
	/* in reach of the narrow one, it may be for that */
	ck_assert_ok(map_only(edu, FOUR_GIB - 16 * PAGE));
	ck_assert(dma_works(EDU, &region));
	ck_assert_ok(iom_unmap(rig.dom, &region));
	ck_assert_fails(map_only(edu, FOUR_GIB - 15 * PAGE), -ERANGE, "0xffffffff");
}
END_TEST

START_TEST(automatic)
{
	ck_assert_ok(attach_edu(32));
	ck_assert_ok(map_only(NULL, 0));
	ck_assert_uint_lt(region.iova + region.length, FOUR_GIB);
	ck_assert_ok(iom_unmap(rig.dom, &region));
	ck_assert_ok(map_only(edu, 0));
	ck_assert_uint_lt(region.iova + region.length, FOUR_GIB);
	ck_assert_ok(iom_unmap(rig.dom, &region));
	ck_assert_ok(map_only(rig.nvme, 0));
	ck_assert_uint_ge(region.iova, FOUR_GIB);
	ck_assert(dma_works(NVME, &region));
}
END_TEST

/* The narrower of it and the limit. */
START_TEST(beside_a_limit)
{
	struct iom_map_opts opts = below(0xffffff);

	ck_assert_ok(attach_edu(32));
	opts.only = rig.nvme;
	ck_assert_ok(iom_map(rig.dom, memory, PAGE, IOM_MAP_RW, &opts, &region));
	ck_assert_uint_le(region.iova, 0xffffff);
	opts.only = edu;
	opts.limit = FAR;
	ck_assert_ok(iom_map(rig.dom, memory + PAGE, PAGE, IOM_MAP_RW, &opts, &region));
	ck_assert_uint_lt(region.iova, FOUR_GIB);
}
END_TEST

START_TEST(a_file)
{
	struct iom_map_opts opts = { .size = sizeof(opts) };
	int file = memfd_create("only", MFD_CLOEXEC);

	ck_assert_int_eq(ftruncate(file, PAGE), 0);
	ck_assert_ok(attach_edu(32));
	opts.only = rig.nvme;
	ck_assert_ok(iom_map_file(rig.dom, file, 0, PAGE, IOM_MAP_RW, &opts, &region));
	ck_assert_uint_ge(region.iova, FOUR_GIB);
	opts.only = edu;
	ck_assert_ok(iom_map_file(rig.dom, file, 0, PAGE, IOM_MAP_RW, &opts, &region));
	ck_assert_uint_lt(region.iova, FOUR_GIB);
	close(file);
}
END_TEST

/* ---- A device that is none of this domain ------------------------------------------------------------- */

START_TEST(none_of_ours)
{
	struct iom_device *foreign, *gone;
	struct iom_domain *other;
	struct state before;

	ck_assert_ok(rig_open(&other));
	ck_assert_ok(iom_attach(other, EDU, NULL, &foreign));
	before = rig_state();
	ck_assert_fails(map_only(foreign, FAR), -EINVAL, "map 0x", "opts.only", "not attached");
	ck_assert_fails(map_only((const struct iom_device *)&rig, 0), -EINVAL, "opts.only");
	ck_assert_unchanged(before);
	iom_close(other);

	ck_assert_ok(attach_edu(0));
	gone = edu;
	iom_detach(edu);
	ck_assert_fails(map_only(gone, FAR), -EINVAL, "opts.only");
	gone = rig.nvme;
	iom_detach(rig.nvme);
	ck_assert_fails(map_only(gone, 0), -EINVAL, "opts.only");
	ck_assert_fails(map_only(NULL, 0), -ENODEV, "attach one first");
}
END_TEST

/* ---- Attaching, later ------------------------------------------------------------------------------------ */

START_TEST(a_narrower_device)
{
	ck_assert_ok(map_only(NULL, FAR));
	ck_assert_fails(attach_edu(32), -EBUSY, "0x10000000000", "unmap it first");
	ck_assert_ok(iom_unmap(rig.dom, &region));
	ck_assert_ok(map_only(rig.nvme, FAR));
	ck_assert_ok(attach_edu(32));
	ck_assert(dma_works(NVME, &region));
	/* the domain is as narrow as the device all the same */
	ck_assert_fails(map_fixed(memory + 16 * PAGE, PAGE, FOUR_GIB, NULL), -ERANGE, "0xffffffff");
}
END_TEST

/* The IOMMU in front of a device is another matter: there the kernel would refuse. */
START_TEST(a_narrower_iommu)
{
	struct iom_device *small;

	ck_assert_ok(map_only(rig.nvme, FAR));
	ck_assert_fails(iom_attach(rig.dom, SMALL, NULL, &small), -EBUSY, "attach " SMALL);
	ck_assert(dma_works(NVME, &region));
	ck_assert_ok(iom_unmap(rig.dom, &region));
	ck_assert_ok(iom_attach(rig.dom, SMALL, NULL, &small));
	ck_assert_fails(map_only(rig.nvme, FAR), -ERANGE, "aperture");
}
END_TEST

/* Both parts of one that was cut are as much for one device as the whole was. */
START_TEST(after_a_cut)
{
	ck_assert_ok(map_only(rig.nvme, FAR));
	ck_assert_ok(iom_unmap_range(rig.dom, FAR + 4 * PAGE, 4 * PAGE));
	ck_assert_ok(attach_edu(32));
	ck_assert(dma_reads(NVME, FAR, memory, 16));
	ck_assert(dma_reads(NVME, FAR + 8 * PAGE, memory + 8 * PAGE, 16));
}
END_TEST

/* It outlives its device, as every mapping does, and is made again for one that cannot drive it. */
START_TEST(after_its_device)
{
	ck_assert_ok(map_only(rig.nvme, FAR));
	ck_assert_ok(attach_edu(32));
	iom_detach(rig.nvme);
	ck_assert_uint_eq(iom_sim_mapped_bytes(rig.sim), 16 * PAGE);
	iom_detach(edu);
	ck_assert_uint_eq(iom_sim_mapped_bytes(rig.sim), 0);
	ck_assert_ok(attach_edu(32));
	ck_assert_uint_eq(iom_sim_mapped_bytes(rig.sim), 16 * PAGE);
	ck_assert_ok(iom_attach(rig.dom, NVME, NULL, &rig.nvme));
	ck_assert(dma_works(NVME, &region));
	ck_assert_ok(iom_unmap(rig.dom, &region));
	ck_assert_uint_eq(iom_sim_mapped_bytes(rig.sim), 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("only");
	TCase *tcase = tcase_create("only");

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_test(tcase, fixed);
	tcase_add_test(tcase, automatic);
	tcase_add_test(tcase, beside_a_limit);
	tcase_add_test(tcase, a_file);
	tcase_add_test(tcase, none_of_ours);
	tcase_add_test(tcase, a_narrower_device);
	tcase_add_test(tcase, a_narrower_iommu);
	tcase_add_test(tcase, after_a_cut);
	tcase_add_test(tcase, after_its_device);
	suite_add_tcase(suite, tcase);
	return run_suite(suite);
}
