// SPDX-License-Identifier: BSD-3-Clause
/*
 * Domains over a container, or an IOAS, that somebody else has opened and maps in, too; and domains
 * of our own in which somebody else maps.
 */
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/adopt_rig.h"
#include "tests/unit/runner.h"

static char *theirs, *ours; /* 64 pages each */

static void set_up(void)
{
	/* mappings are far larger than what is touched */
	const struct iom_sim_config config = {
		.size = sizeof(config),
		.memory = IOM_SIM_MEMORY_MAPS,
	};

	rig_machine(&config);
	theirs = rig_memory(64 * PAGE);
	ours = rig_memory(64 * PAGE);
	other_opens();
}

static void clean_up(void)
{
	end_beside();
	other_closes();
	tear_down();
}

/* ---- Side by side ------------------------------------------------------------------------------- */

START_TEST(beside_others)
{
	struct iom_region his = as_region(theirs, 2 * PAGE, FOUR_GIB), mine, fixed;
	uint64_t kernel_bytes;

	other_maps(theirs, 2 * PAGE, FOUR_GIB);
	kernel_bytes = iom_sim_mapped_bytes(rig.sim);
	start_beside();
	ck_assert_str_eq(iom_backend(rig.dom), rig_backend()->name);
	ck_assert_int_eq(iom_device_fd(rig.nvme), other.device);
	ck_assert_ok(map_any(ours, 3 * PAGE, &mine));
	ck_assert_ok(map_fixed(ours + 4 * PAGE, PAGE, FOUR_GIB + 2 * PAGE, &fixed));
	ck_assert(dma_works(NVME, &mine));
	ck_assert(dma_works(NVME, &fixed));
	ck_assert(dma_works(NVME, &his));
	ck_assert_uint_eq(iom_sim_mapped_bytes(rig.sim), kernel_bytes + 4 * PAGE);

	/* all of ours, and none of his */
	ck_assert_ok(iom_unmap_all(rig.dom));
	ck_assert_uint_eq(iom_sim_mapped_bytes(rig.sim), kernel_bytes);
	ck_assert(dma_misses(NVME, mine.iova, mine.length));
	ck_assert(dma_works(NVME, &his));

	/* the end, with something mapped, is the end of that */
	ck_assert_ok(map_any(ours, 3 * PAGE, &mine));
	end_beside();
	ck_assert(dma_misses(NVME, mine.iova, mine.length));
	ck_assert_uint_eq(iom_sim_mapped_bytes(rig.sim), kernel_bytes);
	ck_assert(dma_works(NVME, &his));
	other_unmaps(FOUR_GIB, 2 * PAGE);
}
END_TEST

START_TEST(fixed_where_others_are)
{
	struct iom_region region;
	struct state before;

	start_beside();
	other_maps(theirs, 2 * PAGE, FOUR_GIB);
	before = rig_state();
	ck_assert_fails(map_fixed(ours, 2 * PAGE, FOUR_GIB + PAGE, &region), -EEXIST, "map ",
			"somebody else", "0x100001000");
	ck_assert_unchanged(before);
	ck_assert(!is_mapped(ours));
	/* the kernel is asked again, each time */
	other_unmaps(FOUR_GIB, 2 * PAGE);
	ck_assert_ok(map_fixed(ours, 2 * PAGE, FOUR_GIB + PAGE, &region));
	ck_assert(dma_works(NVME, &region));
}
END_TEST

/* Far more than one map is of: what is avoided doubles each time. */
START_TEST(automatic_where_others_are)
{
	char *p = rig_memory(GIB);
	struct iom_region region, again;
	uint64_t calls;

	start_beside();
	ck_assert_ok(map_any(ours, PAGE, &region));
	ck_assert_ok(iom_unmap(rig.dom, &region));
	other_maps(p, GIB, region.iova);
	ck_assert_ok(map_any(ours, PAGE, &again));
	ck_assert_uint_ge(again.iova, region.iova + GIB);
	ck_assert(dma_works(NVME, &again));
	calls = rig_counters().kernel_maps;
	ck_assert_uint_le(calls, 2 + 10);
	/* it is known now, and not tried again */
	ck_assert_ok(map_any(ours + PAGE, PAGE, &region));
	ck_assert_uint_eq(rig_counters().kernel_maps, calls + 1);
	ck_assert_uint_eq(rig_counters().mappings, 2);
	ck_assert_uint_eq(rig_counters().quarantined_bytes, 0);
	/* a fixed IOVA there is still for the kernel to judge */
	ck_assert_fails(map_fixed(ours + 2 * PAGE, PAGE, again.iova - GIB, &region), -EEXIST,
			"somebody else");
	ck_assert_ok(iom_unmap_all(rig.dom));
	munmap(p, GIB);
}
END_TEST

/* All runs of a batch find other places, or none is left behind. */
START_TEST(batches_where_others_are)
{
	struct iom_region r[2];
	const struct iom_piece pieces[] = {
		{ .va = ours, .length = PAGE },
		{ .va = ours + 8 * PAGE, .length = 2 * PAGE },
	};
	unsigned int i;

	start_beside();
	ck_assert_ok(map_any(ours, PAGE, &r[0]));
	ck_assert_ok(iom_unmap(rig.dom, &r[0]));
	other_maps(theirs, PAGE, r[0].iova + PAGE);
	ck_assert_ok(iom_mapv(rig.dom, pieces, 2, IOM_MAP_RW | IOM_MAP_APART, NULL, r));
	for (i = 0; i < 2; i++)
		ck_assert(dma_works(NVME, &r[i]));
	ck_assert_uint_eq(iom_sim_mapped_bytes(rig.sim), 4 * PAGE);
	ck_assert_ok(iom_unmapv(rig.dom, r, 2));
	ck_assert_uint_eq(iom_sim_mapped_bytes(rig.sim), PAGE);
}
END_TEST

/* ---- Ranges ------------------------------------------------------------------------------------- */

START_TEST(named_ranges)
{
	const struct iom_iova_range ranges[] = {
		{ 8 * GIB, 8 * GIB + 16 * PAGE - 1 },
		/* in part where the MSIs are, and not of whole pages */
		{ UINT64_C(0xfedffc00), UINT64_C(0xfee00fff) },
		{ UINT64_C(0xfedf0400), UINT64_C(0xfedf3fff) },
	};
	struct iom_aperture a[4];
	struct iom_region region;

	ck_assert_ok(open_beside(ranges, 3));
	ck_assert_ok(attach_fd(other.device));
	ck_assert_int_eq(iom_apertures(rig.dom, a, 4), 2);
	ck_assert_uint_eq(a[0].start, UINT64_C(0xfedf1000));
	ck_assert_uint_eq(a[0].last, UINT64_C(0xfedf3fff));
	ck_assert_uint_eq(a[1].start, 8 * GIB);
	ck_assert_uint_eq(a[1].last, 8 * GIB + 16 * PAGE - 1);
	ck_assert_fails(map_fixed(ours, PAGE, 8 * GIB - PAGE, &region), -ERANGE, "aperture");
	ck_assert_fails(map_fixed(ours, PAGE, 8 * GIB + 16 * PAGE, &region), -ERANGE, "aperture");
	ck_assert_ok(map_fixed(ours, 16 * PAGE, 8 * GIB, &region));
	ck_assert(dma_works(NVME, &region));
	ck_assert_ok(map_any(ours + 16 * PAGE, 3 * PAGE, &region));
	ck_assert_uint_eq(region.iova, UINT64_C(0xfedf1000));
	ck_assert_fails(map_any(ours + 19 * PAGE, PAGE, &region), -ENOSPC, "no free IOVA range");
}
END_TEST

/* Nothing is left: that is said, and it is tried again at the next call. */
START_TEST(full_range)
{
	const struct iom_iova_range range = { 8 * GIB, 8 * GIB + 16 * PAGE - 1 };
	struct iom_region region;
	struct state before;

	other_maps(theirs, 16 * PAGE, 8 * GIB);
	ck_assert_ok(open_beside(&range, 1));
	ck_assert_ok(attach_fd(other.device));
	before = rig_state();
	ck_assert_fails(map_any(ours, 2 * PAGE, &region), -ENOSPC, "map ", "no free IOVA range",
			"iom_adopt_opts");
	ck_assert_unchanged(before);
	ck_assert_fails(map_any(ours, 2 * PAGE, &region), -ENOSPC, "iom_adopt_opts");
	other_unmaps(8 * GIB, 16 * PAGE);
	other_maps(theirs, PAGE, 8 * GIB + 4 * PAGE);
	ck_assert_ok(map_any(ours, 2 * PAGE, &region));
	ck_assert(dma_works(NVME, &region));
}
END_TEST

/* Every place that is tried is another's: there is an end to that. */
START_TEST(others_everywhere)
{
	const struct iom_iova_range range = { 8 * GIB, 1024 * GIB - 1 };
	struct iom_map_opts limit = below(256 * GIB - 1);
	struct iom_region region;
	unsigned int i;

	/* a page at each place where a gibibyte could begin */
	for (i = 8; i < 256; i++)
		other_maps(theirs, PAGE, i * GIB + 512 * MIB);
	ck_assert_ok(open_beside(&range, 1));
	ck_assert_ok(attach_fd(other.device));
	ck_assert_fails(iom_map(rig.dom, rig_memory(GIB), GIB, IOM_MAP_RW, &limit, &region),
			-ENOSPC, "iom_adopt_opts");
	ck_assert_uint_le(rig_counters().kernel_maps, 2 * 24);
	ck_assert_uint_eq(rig_counters().mappings, 0);
	ck_assert_ok(map_any(ours, PAGE, &region));
}
END_TEST

START_TEST(wrong_ranges)
{
	const struct iom_iova_range backwards = { 2 * PAGE, PAGE };
	const struct iom_iova_range overlap[] = { { 0, GIB }, { 2 * GIB, 3 * GIB }, { GIB, GIB } };
	const struct iom_iova_range msi = { UINT64_C(0xfee00000), UINT64_C(0xfeefffff) };

	ck_assert_fails(open_beside(&backwards, 1), -EINVAL, "open: ", "ends before");
	ck_assert_fails(open_beside(overlap, 3), -EINVAL, "overlap");
	ck_assert_fails(open_beside(NULL, 1), -EINVAL, "n_ranges is 1");
	ck_assert_fails(open_beside(&msi, 0), -EINVAL, "n_ranges is 0");
	ck_assert_ok(open_beside(&msi, 1));
	ck_assert_fails(attach_fd(other.device), -ERANGE, "attach " NVME ": ",
			"iom_adopt_opts.ranges");
}
END_TEST

/* ---- Misuse ------------------------------------------------------------------------------------- */

static int try_open(int64_t fd, uint64_t ioas)
{
	const struct holder right = other;
	int ret;

	other.space = (int)fd;
	other.ioas = (uint32_t)ioas;
	ret = open_beside(NULL, 0);
	other = right;
	return ret;
}

/* The descriptors are looked at by the attach. */
static int try_attach(int64_t fd, uint64_t ioas)
{
	int ret;

	ck_assert_ok(try_open(fd, ioas));
	ret = attach_fd(other.device);
	ck_assert_uint_eq(iom_sim_open_fds(rig.sim), other.fds);
	iom_close(rig.dom);
	rig.dom = NULL;
	return ret;
}

START_TEST(wrong_space)
{
	struct {
		struct iom_adopt_opts opts;
		uint64_t tail;
	} longer = { .opts = { .size = sizeof(longer) }, .tail = 1 };
	struct iom_open_opts opts = { .size = sizeof(opts), .adopt = &longer.opts };
	const uint64_t ioas = other.ioas;

	ck_assert_fails(iom_open(&rig.dom, &opts), -E2BIG, "open: ", "iom_adopt_opts");
	longer.opts.size = 0;
	ck_assert_fails(iom_open(&rig.dom, &opts), -EINVAL, "iom_adopt_opts.size");
	longer.opts.size = sizeof(longer.opts);
	longer.opts.fd = -1;
	ck_assert_fails(iom_open(&rig.dom, &opts), -EINVAL, "iom_adopt_opts.fd is -1");
	longer.opts.fd = 3;
	longer.opts.ioas = UINT64_C(1) << 32;
	ck_assert_fails(iom_open(&rig.dom, &opts), -EINVAL, "iom_adopt_opts.ioas");

	/* not open, a device, and an IOAS that is not there or is none of a container */
	ck_assert_fails(try_attach(INT32_MAX, ioas), -EINVAL, "attach " NVME ": ", "descriptor");
	ck_assert_fails(try_attach(other.device, ioas), -EINVAL, "descriptor");
	if (ioas)
		ck_assert_fails(try_attach(other.space, ioas + 7), -EINVAL, "has no IOAS");
	else
		ck_assert_int_lt(try_attach(other.space, 7), 0);
	ck_assert_str_ne(iom_errmsg(), "");
}
END_TEST

/* A container without a group has no IOMMU; an IOAS without a device is as good as none. */
START_TEST(unfinished_space)
{
	int fd, device;

	if (rig_is("iommufd")) {
		uint32_t second = new_ioas(other.space);

		ck_assert_fails(try_attach(other.space, second), -EINVAL, "has no device",
				"VFIO_DEVICE_ATTACH_IOMMUFD_PT");
		/* a node that is open only */
		other_closes();
		other.space = raw_open(IOM_VFIO_IOMMUFD_NODE);
		other.ioas = new_ioas(other.space);
		device = raw_bind(other.space);
		raw_attach(device, other.ioas);
		other.device = device;
		other.fds = iom_sim_open_fds(rig.sim);
		return;
	}
	fd = raw_open(rig_is("type1-iommufd") ? IOM_VFIO_IOMMUFD_NODE : IOM_VFIO_CONTAINER_NODE);
	other.fds++;
	ck_assert_fails(try_attach(fd, 0), -EINVAL, "has no IOMMU yet");
	ck_assert_int_eq(iom_sys_close(iom_sim_sys(rig.sim), fd), 0);
	other.fds--;
}
END_TEST

START_TEST(wrong_device)
{
	struct iom_attach_opts opts = { .size = sizeof(opts), .fd = 5 };
	struct iom_device *dev = NULL;

	ck_assert_ok(open_beside(NULL, 0));
	ck_assert_fails(iom_attach(rig.dom, NVME, &opts, &dev), -EINVAL, "opts.fd is set");
	opts.flags = 2;
	ck_assert_fails(iom_attach(rig.dom, NVME, &opts, &dev), -EINVAL, "unknown flags 0x2");
	ck_assert_fails(attach_fd(-1), -EINVAL, "opts.fd is -1");
	ck_assert_fails(attach_fd(INT32_MAX), -EINVAL, "attach " NVME ": ", "not that of a VFIO");
	ck_assert_fails(attach_fd(other.space), -EINVAL, "not that of a VFIO");
	ck_assert_ptr_null(iom_backend(rig.dom));
	ck_assert_ok(attach_fd(other.device));
	ck_assert_fails(attach_fd(other.device), -EBUSY, "already");
	end_beside();

	/* in a domain of its own there is nothing that it could translate through */
	ck_assert_ok(rig_open(&rig.dom));
	ck_assert_fails(attach_fd(other.device), -EINVAL, "adopt");
}
END_TEST

/* ---- Life --------------------------------------------------------------------------------------- */

/* A second device, which the library opens in his address space. */
START_TEST(by_address)
{
	struct iom_region his = as_region(theirs, 2 * PAGE, FOUR_GIB), mine;
	struct iom_device *edu;

	other_maps(theirs, 2 * PAGE, FOUR_GIB);
	ck_assert_ok(open_beside(NULL, 0));
	/* his own group is taken */
	ck_assert_fails(iom_attach(rig.dom, NVME, NULL, &rig.nvme), -EBUSY, "attach " NVME ": ");
	ck_assert_uint_eq(iom_sim_open_fds(rig.sim), other.fds);
	ck_assert_ok(iom_attach(rig.dom, EDU, NULL, &edu));
	ck_assert_int_ge(iom_device_fd(edu), 0);
	ck_assert_ok(map_any(ours, 2 * PAGE, &mine));
	ck_assert(dma_works(EDU, &mine));
	ck_assert(dma_works(EDU, &his));
	ck_assert(dma_works(NVME, &mine));
	ck_assert_ok(attach_fd(other.device));
	iom_detach(edu);
	ck_assert_uint_eq(iom_sim_open_fds(rig.sim), other.fds);
	ck_assert(dma_misses(EDU, mine.iova, mine.length));
	ck_assert(dma_works(NVME, &mine));
	iom_detach(rig.nvme);
	ck_assert(dma_misses(NVME, mine.iova, mine.length));
	ck_assert(dma_works(NVME, &his));
}
END_TEST

/* A borrowed device stays where it is, and reaches the mappings while there are any. */
START_TEST(borrowed_and_detached)
{
	struct iom_device *edu;
	struct iom_region mine;

	start_beside();
	ck_assert_ok(iom_attach(rig.dom, EDU, NULL, &edu));
	ck_assert_ok(map_any(ours, 2 * PAGE, &mine));
	iom_detach(rig.nvme);
	ck_assert(dma_works(NVME, &mine));
	ck_assert_ptr_null(strstr(rig.log, "stays busy"));
	iom_detach(edu);
	ck_assert(dma_misses(NVME, mine.iova, mine.length));
}
END_TEST

/* What is mapped outlives the last detach, for the next attach, in the library only. */
START_TEST(attach_again)
{
	struct iom_region mine;

	start_beside();
	ck_assert_ok(map_fixed(ours, 2 * PAGE, 8 * GIB, &mine));
	iom_detach(rig.nvme);
	ck_assert_uint_eq(iom_sim_mapped_bytes(rig.sim), 0);
	ck_assert_uint_eq(iom_sim_open_fds(rig.sim), other.fds);
	other_maps(theirs, PAGE, 8 * GIB + PAGE);
	ck_assert_fails(attach_fd(other.device), -EEXIST, "attach " NVME ": ", "mapping again",
			"somebody else");
	ck_assert_uint_eq(iom_sim_mapped_bytes(rig.sim), PAGE);
	other_unmaps(8 * GIB + PAGE, PAGE);
	ck_assert_ok(attach_fd(other.device));
	ck_assert(dma_works(NVME, &mine));
}
END_TEST

/* What was avoided is forgotten with the apertures. */
START_TEST(avoided_until_the_next_attach)
{
	struct iom_region first, moved, back;

	start_beside();
	ck_assert_ok(map_any(ours, PAGE, &first));
	ck_assert_ok(iom_unmap(rig.dom, &first));
	other_maps(theirs, PAGE, first.iova);
	ck_assert_ok(map_any(ours, PAGE, &moved));
	ck_assert_uint_gt(moved.iova, first.iova);
	ck_assert_ok(iom_unmap(rig.dom, &moved));
	other_unmaps(first.iova, PAGE);
	ck_assert_ok(map_any(ours, PAGE, &back));
	ck_assert_uint_gt(back.iova, first.iova);
	ck_assert_ok(iom_unmap(rig.dom, &back));
	iom_detach(rig.nvme);
	ck_assert_ok(attach_fd(other.device));
	ck_assert_ok(map_any(ours, PAGE, &back));
	ck_assert_uint_eq(back.iova, first.iova);
}
END_TEST

START_TEST(streams)
{
	struct iom_segment segments[4];
	struct iom_stream *stream;
	struct iom_region first;
	int n;

	start_beside();
	ck_assert_ok(map_any(ours, PAGE, &first));
	ck_assert_ok(iom_unmap(rig.dom, &first));
	other_maps(theirs, PAGE, first.iova);
	ck_assert_ok(iom_stream_open(rig.dom, &stream));
	n = iom_dma_map(stream, ours, PAGE, IOM_MAP_RW, segments, 4);
	ck_assert_int_eq(n, 1);
	memcpy(ours, "streamed", 8);
	ck_assert(dma_reads(NVME, segments[0].iova, "streamed", 8));
	ck_assert_ok(iom_dma_unmap(stream, segments, 1));
	ck_assert(dma_misses(NVME, segments[0].iova, PAGE));
	iom_stream_close(stream);
	other_unmaps(first.iova, PAGE);
}
END_TEST

/* A requested aperture does not take the place of what its owner allows. */
START_TEST(requests_leave_his_list)
{
	const struct iom_aperture_opts opts = {
		.size = sizeof(opts),
		.start = 16 * GIB,
		.length = GIB,
		.flags = IOM_APERTURE_FIXED,
	};
	struct iom_region region;
	uint64_t id;

	start_beside();
	ck_assert_ok(iom_aperture_request(rig.dom, &opts, &id));
	ck_assert_uint_eq(iom_sim_ioctls(rig.sim, IOM_IOMMU_IOAS_ALLOW_IOVAS), 0);
	ck_assert_ok(map_fixed(ours, PAGE, 16 * GIB, &region));
	ck_assert(dma_works(NVME, &region));
}
END_TEST

START_TEST(forked_child)
{
	struct iom_region mine;
	int status;
	pid_t pid;

	start_beside();
	ck_assert_ok(map_any(ours, PAGE, &mine));
	pid = fork();
	ck_assert_int_ge(pid, 0);
	if (!pid) {
		struct iom_fds fds = { .size = sizeof(fds) };
		bool good = iom_domain_fds(rig.dom, NULL, &fds) == -EPERM;

		iom_close(rig.dom);
		_exit(!good || iom_sim_open_fds(rig.sim) != other.fds);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
	ck_assert(dma_works(NVME, &mine));
}
END_TEST

/* What DPDK has. */
START_TEST(type1_of_version_1)
{
	struct iom_region his = as_region(theirs, 2 * PAGE, FOUR_GIB), a, b;

	if (rig_is("iommufd"))
		return;
	other_closes();
	other_opens_type(VFIO_TYPE1_IOMMU);
	other_maps(theirs, 2 * PAGE, FOUR_GIB);
	start_beside();
	ck_assert_ok(map_fixed(ours, 2 * PAGE, FOUR_GIB + 2 * PAGE, &a));
	ck_assert_ok(map_fixed(ours + 2 * PAGE, 2 * PAGE, FOUR_GIB + 4 * PAGE, &b));
	ck_assert_ok(iom_unmap(rig.dom, &a));
	ck_assert(dma_misses(NVME, a.iova, a.length));
	ck_assert(dma_works(NVME, &b));
	ck_assert(dma_works(NVME, &his));
	end_beside();
	ck_assert(dma_works(NVME, &his));
	ck_assert_uint_eq(iom_sim_mapped_bytes(rig.sim), 2 * PAGE);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("adopt");
	TCase *tcase = tcase_create("adopt");

	tcase_add_checked_fixture(tcase, set_up, clean_up);
	tcase_add_test(tcase, beside_others);
	tcase_add_test(tcase, fixed_where_others_are);
	tcase_add_test(tcase, automatic_where_others_are);
	tcase_add_test(tcase, batches_where_others_are);
	tcase_add_test(tcase, named_ranges);
	tcase_add_test(tcase, full_range);
	tcase_add_test(tcase, others_everywhere);
	tcase_add_test(tcase, wrong_ranges);
	tcase_add_test(tcase, wrong_space);
	tcase_add_test(tcase, unfinished_space);
	tcase_add_test(tcase, wrong_device);
	tcase_add_test(tcase, by_address);
	tcase_add_test(tcase, borrowed_and_detached);
	tcase_add_test(tcase, attach_again);
	tcase_add_test(tcase, avoided_until_the_next_attach);
	tcase_add_test(tcase, streams);
	tcase_add_test(tcase, requests_leave_his_list);
	tcase_add_test(tcase, forked_child);
	tcase_add_test(tcase, type1_of_version_1);
	suite_add_tcase(suite, tcase);
	return run_suite(suite);
}
