/* SPDX-License-Identifier: BSD-3-Clause */
/* The table of operations, and what is asked of some of them afterwards. */
#ifndef IOM_TEST_TABLE_H
#define IOM_TEST_TABLE_H

#include "tests/sweep/ops.h"

/* ---- Where -------------------------------------------------------------------------------------- */

static bool no_power(void)
{
	return !is_power_here();
}

static bool on_type1(void)
{
	return has_backend("type1");
}

/* iommufd's own container has no group that outlives the last one's detach. */
static bool has_huge_pages(void)
{
	return is_power_here() && place.machine.machine.n_hugepages > 0 &&
	       strcmp(place.machine.machine.platform, "pseries-vf") != 0;
}

/* ---- Afterwards ----------------------------------------------------------------------------------- */

static uint64_t quarantined_bytes(void)
{
	return rig_counters().quarantined_bytes;
}

/* Nothing of what failed is in flight: what was declared can be withdrawn. */
static void flew_not(void)
{
	if (!quarantined_bytes() && declared)
		ck_assert_ok(iom_memory_remove(declared));
}

static void flew(void)
{
	ck_assert(flies(NVME, &granule));
	ck_assert_ok(land(&granule));
}

/* Idle granules may have gone; what is in flight is. */
static void flies_still(void)
{
	ck_assert(flies(NVME, &granule));
	ck_assert(flies(NVME, &transient));
	ck_assert_ok(land(&granule));
	ck_assert_ok(land(&transient));
	ck_assert(is_gone(NVME, &transient));
}

static void flies_when_attached(void)
{
	ck_assert_ok(op_attach());
	flies_still();
}

/* Where others' devices go on, what has landed is out of their reach, attached or not. */
static void lands_detached(void)
{
	const struct flight was = transient;

	ck_assert_ok(land(&granule));
	ck_assert_ok(land(&transient));
	ck_assert(is_gone(NVME, &was));
}

static void flies_when_adopted(void)
{
	ck_assert_ok(op_attach_fd());
	flies_still();
}

static void edu_is_gone(void)
{
	ck_assert_uint_eq(hash_maps(EDU), 0);
	ck_assert_ok(op_attach_edu());
	ck_assert_ptr_null(out_of_reach(EDU));
}

static void edu_is_there(void)
{
	ck_assert_ptr_null(out_of_reach(EDU));
}

static void pair_is_there(void)
{
	ck_assert_ptr_null(out_of_reach(PAIR_2));
}

static void region_is_there(void)
{
	ck_assert(dma_works(NVME, &region));
}

static void region_is_gone(void)
{
	ck_assert(dma_misses(NVME, region.iova, region.length));
}

static void batch_is_there(void)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(batch); i++)
		ck_assert(dma_works(NVME, &batch[i]));
}

static void batch_is_gone(void)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(batch); i++)
		ck_assert(dma_misses(NVME, batch[i].iova, batch[i].length));
}

static void is_thawed(void)
{
	ck_assert_int_eq(iom_device_state(rig.nvme), IOM_DEVICE_WORKS);
	ck_assert_ptr_null(out_of_reach(NVME));
}

/* ---- The table ------------------------------------------------------------------------------------ */

/* They return nothing, or ask nobody. */
#define CANNOT .may = { 0 }
#define OF_ATTACH .may = { -ENODEV, -EBUSY, -EACCES, -EOPNOTSUPP, -EMFILE, -ENOMEM, -EIO }
#define OF_REPLAY \
	.may = { -ENODEV, -EBUSY, -EACCES, -EOPNOTSUPP, -EMFILE, -ENOMEM, -EIO, -ENOSPC, -EFAULT }
#define OF_ADOPT \
	.may = { -ENODEV, -EBUSY, -EACCES, -EOPNOTSUPP, -EMFILE, -ENOMEM, -EIO, -EINVAL, -ERANGE }
#define OF_ADOPT_AGAIN                                                     \
	.may = { -ENODEV, -EBUSY,  -EACCES, -EOPNOTSUPP, -EMFILE, -ENOMEM, \
		 -EIO,    -EINVAL, -ERANGE, -ENOSPC,     -EFAULT, -EEXIST }
#define OF_MAP                                               \
	.may = { -ENOSPC, -ENOMEM, -EFAULT, -EIO, -ENODEV }, \
	.may_on_power = { -EINVAL, -EBUSY, -EMFILE, -EOPNOTSUPP }, .makes_window = true
#define OF_BUF                                                        \
	.may = { -ENOSPC, -ENOMEM, -EFAULT, -EIO, -ENODEV, -EMFILE }, \
	.may_on_power = { -EINVAL, -EBUSY, -EOPNOTSUPP }
#define OF_FLIGHT                                                     \
	.may = { -ENOSPC, -ENOMEM, -EFAULT, -EIO, -ENODEV, -EAGAIN }, \
	.may_on_power = { -EINVAL, -EBUSY, -EMFILE, -EOPNOTSUPP }, .silent = true
#define OF_UNMAP .may = { -EIO, -ENOMEM }
#define OF_REQUEST .may = { -ENOMEM, -EMFILE, -EIO }, .may_on_power = { -EBUSY, -ERANGE }
#define OF_EEH .may = { -EOPNOTSUPP, -ENODEV, -EIO, -EBUSY }, .is_there = is_power_here

static const struct op ops[] = {
	{ "open", machine_only, op_open, .may = { -ENOMEM, -EOPNOTSUPP } },
	{ "open strict", machine_only, op_open_strict, .may = { -ENOMEM, -EOPNOTSUPP } },
	{ "attach", opened, op_attach, OF_ATTACH },
	{ "attach with requests", pending, op_attach, OF_ATTACH },
	{ "attach again", mapped_and_detached, op_attach, OF_REPLAY },
	{ "attach again with requests", requested_and_detached, op_attach, OF_REPLAY },
	{ "attach again with a hole", cut_and_detached, op_attach, OF_REPLAY },
	{ "attach again in flight", flying_and_detached, op_attach, OF_REPLAY,
	  .failed = flies_when_attached, .worked = flies_still },
	{ "attach with declared memory", declared_and_detached, op_attach, OF_REPLAY },
	{ "attach another", mapped, op_attach_edu, OF_REPLAY, .worked = edu_is_there },
	{ "attach another with requests", requested, op_attach_edu, OF_REPLAY,
	  .worked = edu_is_there },
	{ "attach another in flight", flying, op_attach_edu, OF_REPLAY, .failed = flies_still,
	  .worked = flies_still },
	{ "attach a narrow one", opened, op_attach_narrow, OF_ATTACH },
	{ "attach of one group", with_one_of_pair, op_attach_pair, OF_ATTACH,
	  .worked = pair_is_there },
	{ "adopt", beside, op_attach_fd, OF_ADOPT, .is_there = no_power },
	{ "adopt again", beside_and_detached, op_attach_fd, OF_ADOPT_AGAIN, .is_there = no_power },
	{ "adopt again with requests", beside_requested_and_detached, op_attach_fd, OF_ADOPT_AGAIN,
	  .is_there = no_power },
	{ "adopt again in flight", beside_flying_and_detached, op_attach_fd, OF_ADOPT_AGAIN,
	  .is_there = no_power, .failed = flies_when_adopted, .worked = flies_still },
	{ "adopt and attach another", beside_mapped, op_attach_edu, OF_REPLAY,
	  .is_there = no_power },
	{ "detach", mapped, op_detach, CANNOT },
	{ "detach in flight", flying, op_detach, CANNOT, .worked = flies_when_attached },
	{ "detach one of two", with_two_devices, op_detach_edu, CANNOT, .worked = edu_is_gone },
	{ "detach one of a group", with_pair, op_detach_pair, CANNOT },
	{ "detach with requests", requested, op_detach, CANNOT },
	{ "detach adopted", beside_mapped, op_detach, .is_there = no_power },
	{ "detach adopted in flight", beside_flying, op_detach, .is_there = no_power,
	  .worked = lands_detached },
	{ "close", with_two_devices, op_close, CANNOT },
	{ "close in flight", flying, op_close, CANNOT },
	{ "close with a pool", with_strict_buffer, op_close, CANNOT },
	{ "close adopted", beside_mapped, op_close, .is_there = no_power },
	{ "state", freezing, op_state, OF_EEH },
	{ "thaw", frozen, op_thaw, OF_EEH, .worked = is_thawed },
	{ "reset", frozen, op_reset, OF_EEH, .worked = is_thawed },
	{ "descriptors", mapped, op_fds, CANNOT },

	{ "map", mapped, op_map, OF_MAP, .worked = region_is_there },
	{ "map in pieces", to_cut, op_map, OF_MAP, .worked = region_is_there },
	{ "map fixed", mapped, op_map_fixed, OF_MAP, .worked = region_is_there },
	{ "map below a limit", mapped, op_map_below, OF_MAP, .worked = region_is_there },
	{ "map for one only", mapped, op_map_only, OF_MAP, .worked = region_is_there },
	{ "map for two", with_two_devices, op_map, OF_MAP, .worked = region_is_there },
	{ "map for reading", mapped, op_map_read, OF_MAP },
	{ "map an alias", mapped, op_map_alias, OF_MAP, .worked = region_is_there },
	{ "map strictly", strict, op_map, OF_MAP, .worked = region_is_there },
	{ "map where granules are", full, op_map_large, OF_MAP, .failed = flew_not,
	  .worked = region_is_there },
	{ "map huge pages", with_huge_memory, op_map_huge, OF_MAP, .is_there = has_huge_pages,
	  .worked = region_is_there },
	{ "map beside another", beside_in_the_way, op_map, OF_MAP, .is_there = no_power,
	  .worked = region_is_there },
	{ "map a file", mapped, op_map_file,
	  .may = { -ENOSPC, -ENOMEM, -EFAULT, -EIO, -EINVAL, -EACCES },
	  .may_on_power = { -EBUSY, -EMFILE, -EOPNOTSUPP }, .worked = region_is_there },
	{ "map a file for reading", mapped, op_map_file_read,
	  .may = { -ENOSPC, -ENOMEM, -EFAULT, -EIO, -EINVAL, -EACCES },
	  .may_on_power = { -EBUSY, -EMFILE, -EOPNOTSUPP } },
	{ "mapv", mapped, op_mapv, OF_MAP, .worked = batch_is_there },
	{ "mapv apart", mapped, op_mapv_apart, OF_MAP, .worked = batch_is_there },
	{ "mapv fixed", mapped, op_mapv_fixed, OF_MAP, .worked = batch_is_there },
	{ "mapv in pieces", to_cut, op_mapv, OF_MAP, .worked = batch_is_there },
	{ "unmap", mapped, op_unmap, OF_UNMAP, .once = true },
	{ "unmap for two", with_two_devices, op_unmap, OF_UNMAP, .once = true },
	{ "unmap an alias", mapped, op_unmap_alias, OF_UNMAP, .once = true },
	{ "unmap a file", with_file, op_unmap_region, OF_UNMAP, .once = true,
	  .worked = region_is_gone },
	{ "unmap what is left", cut_already, op_unmap_region, OF_UNMAP, .once = true,
	  .worked = region_is_gone },
	{ "unmap range", mapped, op_unmap_range, OF_UNMAP, .once = true },
	{ "cut", to_cut, op_cut, OF_UNMAP, .once = true },
	{ "unmapv", with_batch, op_unmapv, OF_UNMAP, .once = true, .worked = batch_is_gone },
	{ "unmapv apart", with_batch_apart, op_unmapv, OF_UNMAP, .once = true,
	  .worked = batch_is_gone },
	{ "unmap all", with_batch, op_unmap_all, OF_UNMAP, .once = true, .worked = batch_is_gone },
	{ "unmap all in flight", flying, op_unmap_all, OF_UNMAP, .once = true,
	  .worked = flies_still },
	{ "unmap all one by one", mapped_without_unmap_all, op_unmap_all, OF_UNMAP, .once = true,
	  .is_there = on_type1 },
	{ "unmap all adopted", beside_mapped, op_unmap_all, OF_UNMAP, .once = true,
	  .is_there = no_power },

	{ "declare", mapped, op_declare, OF_MAP },
	{ "declare detached", mapped_and_detached, op_declare, OF_MAP },
	{ "withdraw", warm, op_withdraw, .may = { -EIO }, .once = true },
	{ "open a stream", mapped, op_stream_open, .may = { -ENOMEM } },
	{ "close a stream", flying, op_stream_close, CANNOT },
	{ "fly in a granule", ready, op_fly_granule, OF_FLIGHT, .failed = flew_not,
	  .worked = flew },
	{ "fly for once", ready, op_fly_transient, OF_FLIGHT, .failed = flew_not, .worked = flew },
	{ "fly in three", ready, op_fly_three, OF_FLIGHT, .failed = flew_not, .worked = flew },
	{ "fly where there is no room", full, op_fly_evicting, OF_FLIGHT, .failed = flew_not,
	  .worked = flew },
	{ "land", flying, op_land, .may = { -EIO }, .silent = true, .once = true },

	{ "request", requested, op_request, OF_REQUEST },
	{ "request anywhere", requested, op_request_anywhere, OF_REQUEST },
	{ "request pages", mapped, op_request_pages, OF_REQUEST },
	{ "request detached", pending, op_request, OF_REQUEST },
	{ "release", requested, op_release, OF_REQUEST },

	{ "buffer", mapped, op_buf, OF_BUF, .worked = region_is_there },
	{ "buffer of large pages", mapped, op_buf_large, OF_BUF, .worked = region_is_there },
	{ "buffer to share", mapped, op_buf_shared, OF_BUF, .worked = region_is_there },
	{ "buffer's end", with_buffer, op_unmap_region, OF_UNMAP, .once = true,
	  .worked = region_is_gone },
	{ "buffer's nature", with_buffer, op_buf_info, CANNOT },
	{ "pool", mapped, op_pool_open, OF_BUF },
	{ "strict pool", strict, op_pool_open, OF_BUF },
	{ "pool's end", with_pool, op_pool_close, CANNOT },
	{ "take", with_pool, op_pool_get, CANNOT },
	{ "take strictly", with_strict_pool, op_pool_get, OF_MAP, .silent = true },
	{ "put strictly", with_strict_buffer, op_pool_put, .may = { -EIO }, .silent = true,
	  .once = true },

	{ "counters", mapped, op_counters, CANNOT },
	{ "explain", mapped, op_explain, CANNOT },
	{ "device tree", mapped, op_tree, .may = { -ENODEV, -EACCES, -EIO, -ENOMEM, -EMFILE } },
};

#endif
