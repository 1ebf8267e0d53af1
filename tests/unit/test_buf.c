// SPDX-License-Identifier: BSD-3-Clause
/* iom_buf_alloc(): which pages, on which node, what is said of it, and when the memory goes. */
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/failing_rig.h"
#include "tests/unit/runner.h"

#define HUGE (2 * MIB)
#define LARGE (16 * MIB)

static struct iom_region buf;

static void set_up(void)
{
	set_up_device();
}

static int alloc_least(uint64_t length, uint64_t least, struct iom_region *r)
{
	const struct iom_buf_opts opts = { .size = sizeof(opts), .least_page = least };

	return iom_buf_alloc(rig.dom, length, &opts, r);
}

static struct iom_buf_info info_of(const struct iom_region *r)
{
	struct iom_buf_info info = { .size = sizeof(info) };

	ck_assert_ok(iom_buf_read_info(rig.dom, r, &info));
	ck_assert_uint_eq(info.size, sizeof(info));
	return info;
}

static void have_huge(uint64_t page, int node, uint64_t n)
{
	ck_assert_int_eq(iom_sim_set_hugepages(rig.sim, page, node, n), 0);
}

static bool is_there(const void *page)
{
	unsigned char resident;

	return !mincore((void *)(uintptr_t)page, 1, &resident);
}

static bool is_zero(const struct iom_region *r)
{
	const char *p = r->va;

	return !*p && !memcmp(p, p + 1, r->length - 1);
}

static bool logged(const char *words)
{
	return strstr(rig.log, words);
}

/* ---- Pages ----------------------------------------------------------------------------------- */

START_TEST(small_pages)
{
	struct state before = rig_state();
	struct iom_buf_info info;

	ck_assert_ok(iom_buf_alloc(rig.dom, 65537, NULL, &buf));
	ck_assert_uint_eq(buf.length, 65536 + PAGE);
	ck_assert(is_zero(&buf));
	ck_assert(dma_works(NVME, &buf));
	ck_assert(is_mapped(buf.va));
	info = info_of(&buf);
	ck_assert_uint_eq(info.page, PAGE);
	ck_assert_uint_eq(info.wanted, PAGE);
	ck_assert_uint_eq(info.nearest, IOM_NODE_UNKNOWN);
	ck_assert_int_eq(info.fd, -1);
	ck_assert(!logged("buffer"));
	ck_assert_ok(iom_unmap(rig.dom, &buf));
	ck_assert(!is_there(buf.va));
	ck_assert(dma_misses(NVME, buf.iova, buf.length));
	ck_assert_unchanged(before);
	ck_assert_int_eq(iom_buf_read_info(rig.dom, &buf, &info), -ENOENT);
}
END_TEST

START_TEST(cascade)
{
	struct iom_region second, third;

	have_huge(HUGE, 0, 8);
	have_huge(LARGE, 0, 1);
	ck_assert_ok(iom_buf_alloc(rig.dom, LARGE, NULL, &buf));
	ck_assert_uint_eq(info_of(&buf).page, LARGE);
	ck_assert_uint_eq(info_of(&buf).wanted, LARGE);
	ck_assert_uint_eq((uintptr_t)buf.va % LARGE, 0);
	ck_assert(dma_works(NVME, &buf));
	ck_assert(!logged("2 buffer"));

	ck_assert_ok(iom_buf_alloc(rig.dom, LARGE, NULL, &second));
	ck_assert_uint_eq(info_of(&second).page, HUGE);
	ck_assert_uint_eq(info_of(&second).wanted, LARGE);
	ck_assert_uint_eq(iom_sim_free_hugepages(rig.sim, HUGE, 0), 0);
	ck_assert(logged("2 buffer of 0x1000000 bytes: it has pages of 2 MiB, because too few huge "
			 "ones are free: 0 of 16 MiB, 0 of 2 MiB; 1 are needed; raise "
			 "/sys/kernel/mm/hugepages/hugepages-16384kB/nr_hugepages\n"));

	ck_assert_ok(iom_buf_alloc(rig.dom, LARGE, NULL, &third));
	ck_assert_uint_eq(info_of(&third).page, PAGE);
	ck_assert_uint_eq(info_of(&third).wanted, LARGE);
	ck_assert(logged("it has pages of 4 KiB, because"));

	ck_assert_ok(iom_unmap(rig.dom, &buf));
	ck_assert_uint_eq(iom_sim_free_hugepages(rig.sim, LARGE, 0), 1);
	ck_assert_ok(iom_buf_alloc(rig.dom, LARGE, NULL, &buf));
	ck_assert_uint_eq(info_of(&buf).page, LARGE);
}
END_TEST

/* Without touching all of it. */
START_TEST(a_gigabyte)
{
	const struct iom_sim_config config = { .size = sizeof(config),
					       .memory = IOM_SIM_MEMORY_MAPS };

	rig_start(&config);
	have_huge(GIB, 0, 1);
	have_huge(HUGE, 0, 512);
	ck_assert_ok(iom_buf_alloc(rig.dom, GIB, NULL, &buf));
	ck_assert_uint_eq(info_of(&buf).page, GIB);
	ck_assert_uint_eq(buf.iova % GIB, rig_is_power() ? buf.iova % GIB : 0);
	ck_assert_ok(iom_unmap(rig.dom, &buf));
	ck_assert_uint_eq(iom_sim_free_hugepages(rig.sim, GIB, 0), 1);
	tear_down();
}
END_TEST

/* No more than an eighth. */
START_TEST(waste)
{
	static const struct {
		uint64_t length, page, rounded;
	} rows[] = {
		{ PAGE, PAGE, PAGE },
		{ HUGE - PAGE, HUGE, HUGE },
		{ HUGE + PAGE, PAGE, HUGE + PAGE },
		{ HUGE - HUGE / 9, HUGE, HUGE },
		{ HUGE - HUGE / 9 - PAGE, PAGE, 0 },
		{ 9 * HUGE + PAGE, HUGE, 10 * HUGE },
	};
	size_t i;

	have_huge(HUGE, 0, 100);
	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		ck_assert_ok(iom_buf_alloc(rig.dom, rows[i].length, NULL, &buf));
		ck_assert_msg(info_of(&buf).page == rows[i].page, "row %zu: %" PRIu64, i,
			      info_of(&buf).page);
		if (rows[i].rounded)
			ck_assert_uint_eq(buf.length, rows[i].rounded);
		ck_assert_ok(iom_unmap(rig.dom, &buf));
	}
	ck_assert(!logged("2 buffer"));
}
END_TEST

START_TEST(least_page)
{
	struct state before = rig_state();

	ck_assert_fails(alloc_least(64 * KIB, HUGE, &buf), -ENOMEM,
			"buffer of 0x10000 bytes: ", "the kernel has no pages of 2 MiB or more",
			"lower least_page");
	have_huge(HUGE, 0, 1);
	ck_assert_ok(alloc_least(64 * KIB, 64 * KIB, &buf));
	ck_assert_uint_eq(buf.length, HUGE);
	ck_assert_uint_eq(info_of(&buf).page, HUGE);
	ck_assert_fails(alloc_least(64 * KIB, HUGE, &buf), -ENOMEM,
			"no free huge pages: there are 0 of 2 MiB; 1 are needed; raise "
			"/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages");
	ck_assert_fails(alloc_least(64 * KIB, GIB, &buf), -ENOMEM, "no pages of 1 GiB or more");
	ck_assert_ok(iom_unmap(rig.dom, &buf));
	ck_assert_ok(alloc_least(3, PAGE, &buf));
	ck_assert_uint_eq(info_of(&buf).page, PAGE);
	ck_assert_ok(iom_unmap(rig.dom, &buf));
	ck_assert_unchanged(before);
}
END_TEST

START_TEST(nodes)
{
	struct iom_buf_opts opts = { .size = sizeof(opts) };

	ck_assert_int_eq(iom_sim_set_numa_node(rig.sim, NVME, 1), 0);
	have_huge(HUGE, 0, 2);
	ck_assert_ok(iom_buf_alloc(rig.dom, HUGE, NULL, &buf));
	ck_assert_uint_eq(info_of(&buf).page, PAGE);
	ck_assert_uint_eq(info_of(&buf).nearest, 1);
	ck_assert_uint_eq(info_of(&buf).node, 1);
	ck_assert(logged("it has pages of 4 KiB, because too few huge ones are free: 0 of 2 MiB on "
			 "node 1; 1 are needed; raise "
			 "/sys/devices/system/node/node1/hugepages/hugepages-2048kB/nr_hugepages"));

	/* what may not be small may be far */
	ck_assert_ok(alloc_least(HUGE, HUGE, &buf));
	ck_assert_uint_eq(info_of(&buf).page, HUGE);
	ck_assert_uint_eq(info_of(&buf).node, 0);
	ck_assert(logged("2 buffer of 0x200000 bytes: it is on NUMA node 0, not on node 1\n"));

	have_huge(HUGE, 1, 1);
	ck_assert_ok(iom_buf_alloc(rig.dom, HUGE, NULL, &buf));
	ck_assert_uint_eq(info_of(&buf).page, HUGE);
	ck_assert_uint_eq(info_of(&buf).node, 1);

	opts.flags = IOM_BUF_ON_NODE;
	ck_assert_ok(iom_buf_alloc(rig.dom, HUGE, &opts, &buf));
	ck_assert_uint_eq(info_of(&buf).page, HUGE);
	ck_assert_uint_eq(info_of(&buf).node, 0);
	ck_assert_uint_eq(info_of(&buf).nearest, 0);
	ck_assert_uint_eq(iom_sim_free_hugepages(rig.sim, HUGE, 0), 0);
}
END_TEST

/* As mbind() has it, of which the simulation knows nothing: node 5 has no memory. */
static int alloc_on_some_nodes(void *ctx, const struct iom_buf_want *want, void **p, int *fd)
{
	return want->node == 5 ? -ENXIO : iom_sim_sys(rig.sim)->alloc_buf(ctx, want, p, fd);
}

/* The device may be on such a node; but who asks for it by name is told. */
START_TEST(a_node_without_memory)
{
	struct iom_buf_opts opts = { .size = sizeof(opts) };

	rig.sys.alloc_buf = alloc_on_some_nodes;
	ck_assert_int_eq(iom_sim_set_numa_node(rig.sim, NVME, 5), 0);
	ck_assert_ok(iom_buf_alloc(rig.dom, PAGE, NULL, &buf));
	ck_assert_uint_eq(info_of(&buf).nearest, 5);
	ck_assert_uint_eq(info_of(&buf).node, 0);
	ck_assert(logged("2 NUMA node 5 has no memory that this process may use"));
	have_huge(HUGE, 0, 1);
	ck_assert_ok(alloc_least(HUGE, HUGE, &buf));
	ck_assert_uint_eq(info_of(&buf).page, HUGE);
	ck_assert_ok(iom_unmap(rig.dom, &buf));
	ck_assert_ok(iom_buf_alloc(rig.dom, HUGE, NULL, &buf));
	ck_assert_uint_eq(info_of(&buf).page, HUGE);

	opts.flags = IOM_BUF_ON_NODE;
	opts.node = 5;
	ck_assert_fails(iom_buf_alloc(rig.dom, PAGE, &opts, &buf), -EINVAL, "no NUMA node 5");
	opts.least_page = HUGE;
	ck_assert_fails(iom_buf_alloc(rig.dom, HUGE, &opts, &buf), -EINVAL, "no NUMA node 5");
}
END_TEST

START_TEST(another_device)
{
	struct iom_buf_opts opts = { .size = sizeof(opts) };
	struct iom_device *edu;

	ck_assert_int_eq(iom_sim_set_numa_node(rig.sim, NVME, 3), 0);
	ck_assert_int_eq(iom_sim_set_numa_node(rig.sim, EDU, 2), 0);
	ck_assert_ok(iom_attach(rig.dom, EDU, NULL, &edu));
	ck_assert_ok(iom_buf_alloc(rig.dom, PAGE, NULL, &buf));
	ck_assert_uint_eq(info_of(&buf).nearest, 2);
	opts.device = rig.nvme;
	ck_assert_ok(iom_buf_alloc(rig.dom, PAGE, &opts, &buf));
	ck_assert_uint_eq(info_of(&buf).nearest, 3);
	iom_detach(edu);
	opts.device = edu;
	ck_assert_fails(iom_buf_alloc(rig.dom, PAGE, &opts, &buf), -EINVAL, "not attached");
}
END_TEST

/* A library without libnuma says so, and leaves nodes alone. */
START_TEST(no_nodes)
{
	rig.sys.binds = false;
	ck_assert_int_eq(iom_sim_set_numa_node(rig.sim, NVME, 1), 0);
	have_huge(HUGE, 0, 1);
	ck_assert_ok(iom_buf_alloc(rig.dom, HUGE, NULL, &buf));
	ck_assert_uint_eq(info_of(&buf).page, HUGE);
	ck_assert_uint_eq(info_of(&buf).nearest, 1);
	ck_assert(logged("3 the library was built without libnuma"));
}
END_TEST

/* ---- Files, forks ---------------------------------------------------------------------------- */

START_TEST(shared)
{
	const struct iom_buf_opts opts = { .size = sizeof(opts), .flags = IOM_BUF_SHARED };
	uint64_t length = 3 * PAGE;
	char *other;
	int fd;

	ck_assert_ok(iom_buf_alloc(rig.dom, length, &opts, &buf));
	fd = (int)info_of(&buf).fd;
	ck_assert_int_eq(fcntl(fd, F_GETFD), FD_CLOEXEC);
	other = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	ck_assert_ptr_ne(other, MAP_FAILED);
	ck_assert(dma_works(NVME, &buf));
	memcpy(other + PAGE, "from elsewhere", 15);
	ck_assert_str_eq((char *)buf.va + PAGE, "from elsewhere");
	ck_assert(dma_reads(NVME, buf.iova + PAGE, "from elsewhere", 15));
	ck_assert_ok(iom_unmap(rig.dom, &buf));
	ck_assert_int_eq(fcntl(fd, F_GETFD), -1);
	ck_assert_str_eq(other + PAGE, "from elsewhere");
	munmap(other, length);
}
END_TEST

START_TEST(not_in_a_child)
{
	struct iom_buf_info info = { .size = sizeof(info) };
	struct iom_region r = { .iova = 77 };
	int status;
	pid_t pid;

	ck_assert_ok(iom_buf_alloc(rig.dom, PAGE, NULL, &buf));
	pid = fork();
	if (!pid)
		_exit(!is_there(buf.va) && iom_buf_alloc(rig.dom, PAGE, NULL, &r) == -EPERM &&
				      r.iova == 77 &&
				      iom_buf_read_info(rig.dom, &buf, &info) == -EPERM
			      ? 0
			      : 1);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
	ck_assert(is_there(buf.va));
}
END_TEST

/* ---- The end --------------------------------------------------------------------------------- */

START_TEST(in_parts)
{
	rig_start_cut(NULL, 2 * PAGE);
	ck_assert_ok(iom_buf_alloc(rig.dom, 8 * PAGE, NULL, &buf));
	ck_assert_ok(iom_unmap_range(rig.dom, buf.iova, 2 * PAGE));
	ck_assert_ok(iom_unmap_range(rig.dom, buf.iova + 6 * PAGE, 2 * PAGE));
	ck_assert(is_there(buf.va));
	ck_assert_uint_eq(info_of(&buf).page, PAGE);
	ck_assert_ok(iom_unmap(rig.dom, &buf));
	ck_assert(!is_there(buf.va));
	tear_down();
}
END_TEST

/* The device may still reach it: it stays. */
START_TEST(quarantined)
{
	const struct iom_sim_failure refuse = {
		.nth = 1,
		.answer = -EIO,
		.request = rig_backend()->unmap,
		.on = true,
	};

	ck_assert_ok(iom_buf_alloc(rig.dom, PAGE, NULL, &buf));
	iom_sim_fail(rig.sim, &refuse);
	ck_assert_int_eq(iom_unmap(rig.dom, &buf), -EIO);
	iom_sim_fail(rig.sim, NULL);
	ck_assert(is_there(buf.va));
	iom_close(rig.dom);
	rig.dom = NULL;
	ck_assert(!is_there(buf.va));
}
END_TEST

START_TEST(all_at_once)
{
	ck_assert_ok(iom_buf_alloc(rig.dom, PAGE, NULL, &buf));
	ck_assert_ok(iom_unmap_all(rig.dom));
	ck_assert(!is_there(buf.va));
	ck_assert_ok(iom_buf_alloc(rig.dom, PAGE, NULL, &buf));
	iom_close(rig.dom);
	rig.dom = NULL;
	ck_assert(!is_there(buf.va));
}
END_TEST

/* Mappings outlive the last device, and so does their memory. */
START_TEST(detached)
{
	ck_assert_ok(iom_buf_alloc(rig.dom, 4 * PAGE, NULL, &buf));
	iom_detach(rig.nvme);
	ck_assert(is_there(buf.va));
	ck_assert_ok(iom_attach(rig.dom, NVME, NULL, &rig.nvme));
	ck_assert(dma_works(NVME, &buf));
}
END_TEST

/* ---- What is wrong --------------------------------------------------------------------------- */

START_TEST(refused)
{
	struct iom_map_opts map = below(64 * MIB - 1);
	struct iom_buf_opts opts = { .size = sizeof(opts) };
	struct iom_buf_info info = { .size = sizeof(info) };
	struct state before = rig_state();
	struct iom_region r = { .iova = 77 }, other;
	char *p = rig_memory(PAGE);

	ck_assert_fails(iom_buf_alloc(rig.dom, 0, NULL, &r), -EINVAL, "length is 0");
	ck_assert_fails(alloc_least(PAGE, 3 * PAGE, &r), -EINVAL, "least_page is 0x3000");
	ck_assert_int_eq(iom_buf_alloc(rig.dom, UINT64_MAX, NULL, &r), -ENOMEM);
	ck_assert_int_eq(iom_buf_alloc(rig.dom, INT64_MAX, NULL, &r), -ENOMEM);
	opts.node = 1;
	ck_assert_fails(iom_buf_alloc(rig.dom, PAGE, &opts, &r), -EINVAL, "IOM_BUF_ON_NODE");
	opts.node = 1 << 20;
	opts.flags = IOM_BUF_ON_NODE;
	ck_assert_fails(iom_buf_alloc(rig.dom, PAGE, &opts, &r), -EINVAL, "node 1048576");
	opts = (struct iom_buf_opts){ .size = sizeof(opts), .flags = 0x80 };
	ck_assert_fails(iom_buf_alloc(rig.dom, PAGE, &opts, &r), -EINVAL, "flags 0x80");
	opts = (struct iom_buf_opts){ .size = 3 };
	ck_assert_fails(iom_buf_alloc(rig.dom, PAGE, &opts, &r), -EINVAL, "iom_buf_opts.size is 3");
	opts = (struct iom_buf_opts){ .size = sizeof(opts), .map = &map };
	map.iova = 4 * GIB;
	ck_assert_fails(iom_buf_alloc(rig.dom, PAGE, &opts, &r), -EINVAL, "the library's choice");
	ck_assert_uint_eq(r.iova, 77);
	ck_assert_unchanged(before);

	map.iova = 0;
	ck_assert_ok(iom_buf_alloc(rig.dom, PAGE, &opts, &r));
	ck_assert_uint_lt(r.iova, 64 * MIB);
	ck_assert_ok(map_any(p, PAGE, &other));
	ck_assert_fails(iom_buf_read_info(rig.dom, &other, &info), -EINVAL,
			"none of iom_buf_alloc()");
	other = (struct iom_region){ 0 };
	ck_assert_fails(iom_buf_read_info(rig.dom, &other, &info), -ENOENT, "unmapped before");
	info.size = 1;
	ck_assert_fails(iom_buf_read_info(rig.dom, &r, &info), -EINVAL, "iom_buf_info.size is 1");
	iom_detach(rig.nvme);
	ck_assert_fails(iom_buf_alloc(rig.dom, PAGE, NULL, &r), -ENODEV, "no device is attached");
}
END_TEST

/* ---- Failures -------------------------------------------------------------------------------- */

static void attached(void)
{
	rig_start(NULL);
	have_huge(HUGE, 0, 4);
	have_huge(LARGE, 0, 4);
	iom_sim_set_numa_node(rig.sim, NVME, 0);
}

static int alloc(void)
{
	return iom_buf_alloc(rig.dom, 3 * HUGE, NULL, &buf);
}

static int alloc_shared(void)
{
	const struct iom_buf_opts opts = { .size = sizeof(opts), .flags = IOM_BUF_SHARED };

	return iom_buf_alloc(rig.dom, 64 * KIB, &opts, &buf);
}

/* Perhaps of smaller pages. */
static void allocated(void)
{
	ck_assert(is_zero(&buf));
	ck_assert(dma_works(NVME, &buf));
	ck_assert_ok(iom_unmap(rig.dom, &buf));
	ck_assert_uint_eq(iom_sim_free_hugepages(rig.sim, HUGE, 0), 4);
	ck_assert_works();
}

static void nothing_taken(int (*run)(void), const struct state *before)
{
	ck_assert_uint_eq(iom_sim_free_hugepages(rig.sim, HUGE, 0), 4);
	unchanged_and_again(run, before);
}

static const struct step steps[] = {
	{ "alloc",
	  attached,
	  alloc,
	  nothing_taken,
	  allocated,
	  { -EIO, -ENOMEM, -ENOSPC, -EFAULT, -EBUSY, -ENODEV, -EOPNOTSUPP, -EMFILE, -EINVAL,
	    -EACCES },
	  5,
	  5 },
	{ "alloc shared",
	  attached,
	  alloc_shared,
	  nothing_taken,
	  allocated,
	  { -EIO, -ENOMEM, -ENOSPC, -EFAULT, -EBUSY, -ENODEV, -EOPNOTSUPP, -EMFILE, -EINVAL,
	    -EACCES },
	  5,
	  5 },
};

START_TEST(every_call)
{
	fail_each_call(&steps[_i], steps[_i].least_calls - 1);
}
END_TEST

START_TEST(from_every_call)
{
	fail_from_each_call(&steps[_i]);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("buf");
	TCase *tcase = tcase_create("buf"), *apart = tcase_create("apart");

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_test(tcase, small_pages);
	tcase_add_test(tcase, cascade);
	tcase_add_test(tcase, waste);
	tcase_add_test(tcase, least_page);
	tcase_add_test(tcase, nodes);
	tcase_add_test(tcase, a_node_without_memory);
	tcase_add_test(tcase, another_device);
	tcase_add_test(tcase, no_nodes);
	tcase_add_test(tcase, shared);
	tcase_add_test(tcase, not_in_a_child);
	tcase_add_test(tcase, quarantined);
	tcase_add_test(tcase, all_at_once);
	tcase_add_test(tcase, detached);
	tcase_add_test(tcase, refused);
	suite_add_tcase(suite, tcase);

	tcase_set_timeout(apart, 300);
	tcase_add_test(apart, a_gigabyte);
	tcase_add_test(apart, in_parts);
	tcase_add_loop_test(apart, every_call, 0, ARRAY_SIZE(steps));
	tcase_add_loop_test(apart, from_every_call, 0, ARRAY_SIZE(steps));
	suite_add_tcase(suite, apart);
	return run_suite(suite);
}
