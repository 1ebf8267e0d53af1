// SPDX-License-Identifier: BSD-3-Clause
/* POWER: what is mapped where, with how many calls; nothing that is wrong reaches the kernel. */
#include <unistd.h>

#include "tests/unit/power_rig.h"
#include "tests/unit/runner.h"

#define KIB4 UINT64_C(4096)

/* Every machine with pages of both sizes. */
static const struct machine {
	const char *platform;
	uint64_t page;
} machines[] = {
	{ "powernv", KIB4 },  { "powernv", KIB64 },   { "pseries", KIB4 },
	{ "pseries", KIB64 }, { "pseries-vf", KIB4 }, { "pseries-vf", KIB64 },
};

static struct power power_at(int i)
{
	struct power power = power_of(machines[i].platform);

	power.machine.page_size = machines[i].page;
	return power;
}

static unsigned int ioctls(void)
{
	return iom_sim_calls_of(rig.sim, IOM_SIM_IOCTL);
}

/* ---- Small pages ----------------------------------------------------------------------------- */

/* A default window has pages of 4 KiB, also where memory has larger ones. */
START_TEST(small_pages)
{
	struct power power = power_at(_i);
	struct iom_region r[3];
	char *p;

	power_attach(&power);
	ck_assert_uint_eq(iom_page_size(rig.dom), KIB4);
	p = power_memory(2 * KIB64, KIB64);
	/* three buffers, of which two are in one page of the memory and one in both */
	ck_assert_ok(map_any(p + KIB4, KIB4, &r[0]));
	ck_assert_ok(map_any(p + 4 * KIB4, KIB4, &r[1]));
	ck_assert_ok(map_any(p + KIB64 - KIB4, 2 * KIB4, &r[2]));
	ck_assert(dma_works(NVME, &r[0]));
	ck_assert(dma_works(NVME, &r[1]));
	ck_assert(dma_works(NVME, &r[2]));
	ck_assert(dma_misses(NVME, r[0].iova + KIB4, 1) || r[1].iova == r[0].iova + KIB4 ||
		  r[2].iova == r[0].iova + KIB4);
	ck_assert_ok(iom_unmap(rig.dom, &r[0]));
	ck_assert(dma_misses(NVME, r[0].iova, KIB4));
	ck_assert(dma_works(NVME, &r[1]));
	ck_assert_ok(iom_unmap(rig.dom, &r[2]));
	ck_assert(dma_works(NVME, &r[1]));
	ck_assert_ok(iom_unmap(rig.dom, &r[1]));
	ck_assert_uint_eq(registers(), unregisters());
	ck_assert_uint_eq(creates(), 0);
	power_end();
}
END_TEST

/* Memory that is read-only cannot be registered, whatever it is mapped for. */
START_TEST(read_only)
{
	struct power power = power_at(_i);
	struct state before;
	char *p;

	power_attach(&power);
	/* so that windows are there */
	ck_assert_ok(map_any(power_memory(KIB64, KIB64), KIB64, NULL));
	p = power_memory(KIB64, KIB64);
	ck_assert_int_eq(mprotect(p, KIB64, PROT_READ), 0);
	before = rig_state();
	ck_assert_fails(iom_map(rig.dom, p, KIB64, IOM_MAP_READ, NULL, NULL), -EFAULT, "read-only");
	ck_assert_unchanged(before);
	ck_assert_int_eq(mprotect(p, KIB64, PROT_READ | PROT_WRITE), 0);
	ck_assert_ok(iom_map(rig.dom, p, KIB64, IOM_MAP_READ, NULL, NULL));
	ck_assert_ok(iom_unmap_all(rig.dom));
	power_end();
}
END_TEST

/* What the device may not write, it cannot. */
START_TEST(directions)
{
	struct power power = power_at(_i);
	struct iom_region r, w;
	char byte = 1;
	char *p;

	power_attach(&power);
	p = power_memory(2 * KIB64, KIB64);
	ck_assert_ok(iom_map(rig.dom, p, KIB64, IOM_MAP_READ, NULL, &r));
	ck_assert_ok(iom_map(rig.dom, p + KIB64, KIB64, IOM_MAP_WRITE, NULL, &w));
	ck_assert_int_lt(iom_sim_dma_write(rig.sim, NVME, r.iova, &byte, 1), 0);
	ck_assert_int_eq(iom_sim_dma_read(rig.sim, NVME, r.iova, &byte, 1), 0);
	ck_assert_int_eq(iom_sim_dma_write(rig.sim, NVME, w.iova, &byte, 1), 0);
	/* PowerNV lets read what may be written: pnv_tce_xchg() in the kernel */
	ck_assert_int_eq(iom_sim_dma_read(rig.sim, NVME, w.iova, &byte, 1) < 0,
			 strcmp(machines[_i].platform, "powernv") != 0);
	power_end();
}
END_TEST

/* ---- Huge pages ------------------------------------------------------------------------------ */

/* A gibibyte in pages of 2 MiB: one call to register, one to map. */
START_TEST(one_call)
{
	struct power power = power_at(_i);
	struct iom_sim_spapr_cost before, after;
	unsigned int calls;
	struct iom_region r;
	char *p;

	power.opts.expect_bytes = 2 * GIB;
	power.opts.expect_page = 2 * MIB;
	power_attach(&power);
	ck_assert_uint_eq(creates(), 1);
	p = power_memory(GIB, 2 * MIB);
	/* the first map is the one that has the default window made, where there is one */
	ck_assert_ok(map_any(p, 2 * MIB, &r));
	ck_assert_ok(iom_unmap(rig.dom, &r));
	calls = ioctls();
	iom_sim_spapr_cost(rig.sim, &before);
	ck_assert_ok(map_any(p, GIB, &r));
	ck_assert_uint_eq(ioctls() - calls, 2);
	iom_sim_spapr_cost(rig.sim, &after);
	ck_assert_uint_eq(after.entries_set - before.entries_set, 512);
	/* and so back */
	ck_assert_ok(iom_unmap(rig.dom, &r));
	ck_assert_uint_eq(ioctls() - calls, 4);
	iom_sim_spapr_cost(rig.sim, &after);
	ck_assert_uint_eq(after.entries_cleared - before.entries_cleared, 512);
	munmap(p, GIB);
	power_end();
}
END_TEST

/* Small memory and huge memory at once, each in its window, where there are two. */
START_TEST(mixed)
{
	struct power power = power_at(_i);
	bool two = strcmp(machines[_i].platform, "pseries-vf") != 0;
	struct iom_region small, huge, odd;
	char *p;

	power.machine.n_hugepages = 64;
	power_attach(&power);
	ck_assert_uint_eq(creates(), 0);
	ck_assert_ok(map_any(power_memory(KIB64, KIB64), KIB64, &small));
	ck_assert_uint_eq(creates(), 0);
	ck_assert_ok(map_any(power_memory(8 * MIB, 2 * MIB), 8 * MIB, &huge));
	ck_assert_uint_eq(creates(), two);
	ck_assert_int_eq(huge.iova >= SECOND, two);
	ck_assert_uint_lt(small.iova, 4 * GIB);
	/* huge memory, of which only a part is mapped */
	p = power_memory(4 * MIB, 2 * MIB);
	ck_assert_ok(map_any(p + KIB64, 2 * MIB, &odd));
	ck_assert_uint_lt(odd.iova, 4 * GIB);
	ck_assert(dma_works(NVME, &small));
	ck_assert(dma_works(NVME, &huge));
	ck_assert(dma_works(NVME, &odd));
	ck_assert_ok(iom_unmap_all(rig.dom));
	ck_assert_uint_eq(registers(), unregisters());
	power_end();
}
END_TEST

/* Memory of pages of two sizes, in one map: the huge ones are huge still, for others to come. */
START_TEST(two_sizes)
{
	struct power power = power_at(_i % (int)ARRAY_SIZE(machines));
	bool two = strcmp(power.machine.platform, "pseries-vf") != 0;
	uint64_t huge = _i / (int)ARRAY_SIZE(machines) * 2 * MIB;
	struct iom_region r, alias;
	char *p;

	power.machine.n_hugepages = 64;
	power_attach(&power);
	p = rig_memory_at(4 * MIB, 2 * MIB, 0);
	ck_assert_int_eq(iom_sim_set_backing(rig.sim, p + huge, 2 * MIB, 2 * MIB), 0);
	ck_assert_ok(map_any(p, 4 * MIB, &r));
	ck_assert_uint_lt(r.iova, 4 * GIB);
	ck_assert(dma_works(NVME, &r));
	ck_assert_ok(iom_map(rig.dom, p + huge, 2 * MIB, IOM_MAP_RW | IOM_MAP_ALIAS, NULL, &alias));
	ck_assert_int_eq(alias.iova >= SECOND, two);
	ck_assert(dma_works(NVME, &alias));
	ck_assert_ok(iom_unmap(rig.dom, &r));
	ck_assert(dma_misses(NVME, r.iova, r.length));
	ck_assert(dma_works(NVME, &alias));
	ck_assert_ok(iom_unmap(rig.dom, &alias));
	ck_assert_uint_eq(registers(), unregisters());
	power_end();
}
END_TEST

/* In pages larger than those of the memory nothing can be mapped: that is refused before. */
START_TEST(backing_too_small)
{
	struct power power = power_at(_i);
	struct iom_region r;
	unsigned int calls;
	char *p;

	power.opts.expect_bytes = 2 * GIB;
	power.opts.expect_page = 2 * MIB;
	power_attach(&power);
	if (!strcmp(machines[_i].platform, "pseries-vf"))
		ck_assert_uint_eq(iom_page_size(rig.dom), 2 * MIB);
	p = rig_memory_at(4 * MIB, 2 * MIB, 0);
	calls = ioctls();
	ck_assert_int_eq(map_fixed(p, 2 * MIB, SECOND + 2 * MIB, NULL), -EINVAL);
	ck_assert_ptr_nonnull(strstr(iom_errmsg(), "the memory has pages of"));
	if (iom_page_size(rig.dom) > KIB4)
		ck_assert_int_eq(map_any(p, 2 * MIB, NULL), -EINVAL);
	ck_assert_uint_eq(ioctls(), calls);
	/* where there is another window, it goes there, however well it is aligned */
	if (iom_page_size(rig.dom) == KIB4) {
		ck_assert_ok(map_any(p, 4 * MIB, &r));
		ck_assert_uint_lt(r.iova, 4 * GIB);
		ck_assert(dma_works(NVME, &r));
	}
	power_end();
}
END_TEST

/* ---- Fixed, and wrong ------------------------------------------------------------------------ */

struct wrong {
	uint64_t va, length, iova; /* the first is added to the memory's */
	int error;
};

/* Windows: 0 to 1 or 2 GiB with small pages; at bit 59, 4 GiB with pages of 2 MiB. */
START_TEST(wrong)
{
	const bool nv = !strcmp(machines[_i].platform, "powernv");
	const uint64_t end = nv ? 2 * GIB : GIB;
	const struct wrong rows[] = {
		/* misaligned */
		{ 1, KIB4, KIB64, -EINVAL },
		{ 0, KIB4 + 1, KIB64, -EINVAL },
		{ 0, KIB4, KIB64 + 1, -EINVAL },
		{ 0, KIB4, KIB64 + 512, -EINVAL },
		{ 0, 1, KIB64, -EINVAL },
		{ KIB4, 2 * MIB, SECOND, -EINVAL },
		{ KIB64, 2 * MIB, SECOND, -EINVAL },
		{ 0, 2 * MIB + KIB64, SECOND, -EINVAL },
		{ 0, KIB4, SECOND, -EINVAL },
		{ 0, 2 * MIB, SECOND + KIB4, -EINVAL },
		{ 0, 2 * MIB, SECOND + MIB, -EINVAL },
		/* over an end, or a start */
		{ 0, 2 * KIB64, end - KIB64, -ERANGE },
		{ 0, KIB4, end, -ERANGE },
		{ 0, 4 * MIB, SECOND + 4 * GIB - 2 * MIB, -ERANGE },
		{ 0, 2 * MIB, SECOND + 4 * GIB, -ERANGE },
		{ 0, 4 * MIB, SECOND - 2 * MIB, -ERANGE },
		{ 0, 2 * MIB, SECOND - 2 * MIB, -ERANGE },
		/* between the two, and where nothing is */
		{ 0, KIB64, 3 * GIB, -ERANGE },
		{ 0, KIB64, 4 * GIB - KIB64, -ERANGE },
		{ 0, KIB64, 4 * GIB, -ERANGE },
		{ 0, KIB64, UINT64_C(1) << 58, -ERANGE },
		{ 0, KIB64, UINT64_MAX - KIB64 + 1, -ERANGE },
		{ 0, KIB64, UINT64_MAX - KIB4 + 1, -ERANGE },
	};
	struct power power = power_at(_i);
	unsigned int calls;
	size_t i;
	char *p;

	if (!strcmp(machines[_i].platform, "pseries-vf"))
		return; /* has one window */
	power.opts.expect_bytes = 4 * GIB;
	power.opts.expect_page = 2 * MIB;
	power_attach(&power);
	ck_assert_int_eq(iom_apertures(rig.dom, NULL, 0), 2);
	p = power_memory(8 * MIB, 2 * MIB);
	calls = ioctls();
	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		int ret = map_fixed(p + rows[i].va, rows[i].length, rows[i].iova, NULL);

		ck_assert_msg(ret == rows[i].error, "row %zu: %d, \"%s\"", i, ret, iom_errmsg());
		ck_assert_uint_eq(ioctls(), calls);
	}
	/* and all that is right at the ends works */
	ck_assert_ok(map_fixed(p, KIB64, end - KIB64, NULL));
	ck_assert_ok(map_fixed(p + 2 * MIB, 2 * MIB, SECOND, NULL));
	ck_assert_ok(map_fixed(p + 4 * MIB, 4 * MIB, SECOND + 4 * GIB - 4 * MIB, NULL));
	ck_assert_ok(map_fixed(p + KIB64, KIB4, 0, NULL));
	ck_assert(dma_reads(NVME, 0, p + KIB64, 8));
	ck_assert(dma_misses(NVME, end, KIB64));
	power_end();
}
END_TEST

/* On PowerNV a window at 0 that goes beyond 4 GiB has a hole: there the bridge's own memory is. */
START_TEST(hole_below_4_gib)
{
	struct power power = power_of("powernv");
	struct iom_aperture v[4];
	struct iom_region r;
	unsigned int calls;
	char *p;
	int i;

	power.opts.expect_bytes = 16 * GIB;
	power.opts.expect_page = KIB64;
	power_start(&power);
	ck_assert_ok(attach_bits(NVME, 40, &rig.nvme));
	ck_assert_int_eq(iom_apertures(rig.dom, v, 4), 2);
	ck_assert_uint_eq(v[0].start, 0);
	ck_assert_uint_eq(v[0].last, 2 * GIB - 1);
	ck_assert_uint_eq(v[1].start, 4 * GIB);
	ck_assert_uint_eq(v[1].last, 16 * GIB - 1);
	p = power_memory(4 * KIB64, KIB64);
	calls = ioctls();
	ck_assert_int_eq(map_fixed(p, KIB64, 2 * GIB, NULL), -ERANGE);
	ck_assert_int_eq(map_fixed(p, KIB64, 4 * GIB - KIB64, NULL), -ERANGE);
	ck_assert_int_eq(map_fixed(p, 2 * KIB64, 2 * GIB - KIB64, NULL), -ERANGE);
	ck_assert_int_eq(map_fixed(p, 2 * KIB64, 4 * GIB - KIB64, NULL), -ERANGE);
	ck_assert_uint_eq(ioctls(), calls);
	ck_assert_ok(map_fixed(p, KIB64, 2 * GIB - KIB64, NULL));
	ck_assert_ok(map_fixed(p + KIB64, KIB64, 4 * GIB, NULL));
	for (i = 0; i < 6; i++) {
		ck_assert_ok(map_any(power_memory(GIB, KIB64), GIB, &r));
		ck_assert(r.iova >= 4 * GIB || r.iova + r.length <= 2 * GIB);
	}
	power_end();
}
END_TEST

/* ---- Cutting, aliases ------------------------------------------------------------------------ */

/* With pages of 64 KiB and of 2 MiB: what the granule says, or a page where that is larger. */
START_TEST(granules)
{
	const uint64_t page = _i % 2 ? 2 * MIB : KIB64;
	struct power power = power_of(platforms[_i / 2]);
	struct iom_region r;
	unsigned int calls;
	uint64_t i;
	char *p;

	power.opts.expect_bytes = 8 * GIB;
	power.opts.expect_page = page;
	power.opts.unmap_granule = page;
	power_attach(&power);
	p = power_memory(8 * page, page);
	ck_assert_ok(map_any(p, 8 * page, &r));
	ck_assert_uint_ge(r.iova, SECOND);
	ck_assert(dma_works(NVME, &r));
	calls = ioctls();
	ck_assert_int_eq(iom_unmap_range(rig.dom, r.iova + page / 2, page), -EINVAL);
	ck_assert_int_eq(iom_unmap_range(rig.dom, r.iova, page + KIB4), -EINVAL);
	ck_assert_uint_eq(ioctls(), calls);
	ck_assert_ok(iom_unmap_range(rig.dom, r.iova + 2 * page, 3 * page));
	for (i = 0; i < 8; i++) {
		if (i >= 2 && i < 5)
			ck_assert(dma_misses(NVME, r.iova + i * page, page));
		else
			ck_assert(dma_reads(NVME, r.iova + i * page, p + i * page, 8));
	}
	ck_assert_ok(iom_unmap(rig.dom, &r));
	ck_assert_uint_eq(registers(), unregisters());
	power_end();
}
END_TEST

/* The same memory twice, and in two domains: it goes with the last. */
START_TEST(aliases)
{
	struct power power = power_at(_i);
	struct iom_region r, alias, other;
	struct iom_device *edu;
	struct iom_domain *dom;
	uint64_t before, both;
	char *p;

	power_attach(&power);
	ck_assert_ok(iom_open_with(&dom, &power.opts, &rig.sys, iom_backends));
	ck_assert_ok(iom_attach(dom, EDU, NULL, &edu));
	p = power_memory(4 * KIB64, KIB64);
	before = iom_sim_locked_bytes(rig.sim);
	ck_assert_ok(map_any(p, 4 * KIB64, &r));
	ck_assert_uint_eq(registers(), 1);
	both = iom_sim_locked_bytes(rig.sim);
	ck_assert_ok(iom_map(rig.dom, p + KIB64, KIB64, IOM_MAP_RW | IOM_MAP_ALIAS, NULL, &alias));
	ck_assert_uint_eq(registers(), 1);
	ck_assert_uint_eq(iom_sim_locked_bytes(rig.sim), both);
	/* of the default window's table, once more */
	ck_assert_ok(iom_map(dom, p + 2 * KIB64, KIB64, IOM_MAP_RW, NULL, &other));
	ck_assert_uint_eq(registers(), 2);
	ck_assert_uint_eq(iom_sim_locked_bytes(rig.sim) - both, both - before - 4 * KIB64);
	ck_assert_ok(iom_unmap(rig.dom, &r));
	ck_assert(dma_works(NVME, &alias));
	ck_assert(dma_works(EDU, &other));
	ck_assert(dma_misses(NVME, r.iova, r.length));
	ck_assert_ok(iom_unmap(rig.dom, &alias));
	ck_assert_uint_eq(unregisters(), 1);
	ck_assert(dma_works(EDU, &other));
	ck_assert_ok(iom_unmap(dom, &other));
	ck_assert_uint_eq(unregisters(), 2);
	iom_close(dom);
	power_end();
}
END_TEST

/* ---- Files ----------------------------------------------------------------------------------- */

START_TEST(files)
{
	struct power power = power_at(_i);
	struct iom_region r;
	char word[8] = "in file", back[8] = "";
	int fd = memfd_create("iommu", MFD_CLOEXEC);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(ftruncate(fd, 4 * KIB64), 0);
	power_attach(&power);
	ck_assert_ok(iom_map_file(rig.dom, fd, KIB64, 2 * KIB64, IOM_MAP_RW, NULL, &r));
	ck_assert(dma_works(NVME, &r));
	ck_assert_int_eq(iom_sim_dma_write(rig.sim, NVME, r.iova + 8, word, 8), 0);
	ck_assert_int_eq(pread(fd, back, 8, KIB64 + 8), 8);
	ck_assert_str_eq(back, "in file");
	ck_assert_ok(iom_unmap(rig.dom, &r));
	ck_assert_uint_eq(registers(), unregisters());
	close(fd);
	power_end();
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("power map");
	TCase *tcase = tcase_create("map");

	tcase_set_timeout(tcase, 60);
	tcase_add_loop_test(tcase, small_pages, 0, ARRAY_SIZE(machines));
	tcase_add_loop_test(tcase, read_only, 0, ARRAY_SIZE(machines));
	tcase_add_loop_test(tcase, directions, 0, ARRAY_SIZE(machines));
	tcase_add_loop_test(tcase, one_call, 0, ARRAY_SIZE(machines));
	tcase_add_loop_test(tcase, mixed, 0, ARRAY_SIZE(machines));
	tcase_add_loop_test(tcase, two_sizes, 0, 2 * ARRAY_SIZE(machines));
	tcase_add_loop_test(tcase, backing_too_small, 0, ARRAY_SIZE(machines));
	tcase_add_loop_test(tcase, wrong, 0, ARRAY_SIZE(machines));
	tcase_add_test(tcase, hole_below_4_gib);
	tcase_add_loop_test(tcase, granules, 0, 4);
	tcase_add_loop_test(tcase, aliases, 0, ARRAY_SIZE(machines));
	tcase_add_loop_test(tcase, files, 0, ARRAY_SIZE(machines));
	suite_add_tcase(suite, tcase);
	return run_suite(suite);
}
