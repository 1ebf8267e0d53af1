// SPDX-License-Identifier: BSD-3-Clause
/*
 * Random calls, right and wrong, against a plain list of what should be mapped.  After each, the domain and
 * the kernel are asked, and both must have the list.
 */
#include "tests/unit/domain_rig.h"
#include "tests/unit/runner.h"

#define STEPS 3000
#define MOST 24

/* Few pages and few IOVAs, so that calls meet: the IOVAs are those around the hole for interrupts. */
#define PAGES 48
#define IOVA_PAGES 64
#define IOVA_FIRST (HOLE_FIRST - IOVA_PAGES / 2 * PAGE)

/* What x86 keeps for interrupts; where the default window of POWER ends. */
#define HOLE_FIRST (rig_is("powernv") ? 2 * GIB : rig_is("pseries") ? GIB : UINT64_C(0xfee00000))

struct model {
	struct iom_region maps[MOST];
	size_t n;
	struct iom_region stale;
	bool attached;
	uint64_t random;
	char *memory;
};

static struct model model;

static uint64_t below_n(uint64_t n)
{
	return random_below(&model.random, n);
}

static bool meet(uint64_t a, uint64_t a_length, uint64_t b, uint64_t b_length)
{
	return a < b + b_length && b < a + a_length;
}

/* ---- What the list says of a call --------------------------------------------------------------- */

static bool memory_taken(uint64_t va, uint64_t length)
{
	size_t i;

	for (i = 0; i < model.n; i++)
		if (!(model.maps[i].flags & IOM_MAP_ALIAS) &&
		    meet(va, length, (uintptr_t)model.maps[i].va, model.maps[i].length))
			return true;
	return false;
}

static bool iova_taken(uint64_t iova, uint64_t length)
{
	size_t i;

	for (i = 0; i < model.n; i++)
		if (meet(iova, length, model.maps[i].iova, model.maps[i].length))
			return true;
	return false;
}

static void forget(size_t i)
{
	model.stale = model.maps[i];
	model.maps[i] = model.maps[--model.n];
}

/* 0, or what iom_unmap_range() should say; whole: the mappings in the range are covered by it. */
static int expect_unmap(uint64_t iova, uint64_t length)
{
	uint64_t covered = 0;
	bool cut = false;
	size_t i;

	for (i = 0; i < model.n; i++) {
		uint64_t start = model.maps[i].iova, end = start + model.maps[i].length;

		if (!meet(iova, length, start, end - start))
			continue;
		cut |= start < iova || end > iova + length;
		start = start > iova ? start : iova;
		end = end < iova + length ? end : iova + length;
		covered += end - start;
	}
	if (covered < length)
		return -ENOENT;
	return cut ? -EINVAL : 0;
}

/* ---- Steps -------------------------------------------------------------------------------------- */

static void try_map(void)
{
	char *va = model.memory + below_n(PAGES) * PAGE;
	uint64_t room = model.memory + PAGES * PAGE - va;
	uint64_t length = PAGE * (1 + below_n(6));
	unsigned int flags = below_n(4) ? IOM_MAP_RW : IOM_MAP_READ;
	struct iom_map_opts opts = at_iova(0);
	struct iom_region region;
	int ret, expected = 0;

	if (model.n == MOST)
		return;
	length = length < room ? length : room;
	if (below_n(4) == 0)
		flags |= IOM_MAP_ALIAS;
	if (below_n(2)) {
		flags |= IOM_MAP_FIXED;
		opts.iova = IOVA_FIRST + below_n(IOVA_PAGES) * PAGE;
		if (!model.attached)
			expected = -ENODEV;
		else if (meet(opts.iova, length, HOLE_FIRST, MIB))
			expected = -ERANGE;
		else if (iova_taken(opts.iova, length))
			expected = -EEXIST;
	} else if (!model.attached) {
		expected = -ENODEV;
	}
	if (!expected && !(flags & IOM_MAP_ALIAS) && memory_taken((uintptr_t)va, length))
		expected = -EEXIST;
	ret = iom_map(rig.dom, va, length, flags, &opts, &region);
	if (!expected && rig_is_stale(ret))
		return;
	ck_assert_msg(ret == expected, "map: %d, not %d: %s", ret, expected, iom_errmsg());
	if (ret)
		return;
	ck_assert(!iova_taken(region.iova, length));
	model.maps[model.n++] = region;
}

static void try_unmap(void)
{
	size_t i = model.n ? below_n(model.n) : 0;

	ck_assert_int_eq(iom_unmap(rig.dom, &model.stale), -ENOENT);
	if (!model.n)
		return;
	ck_assert_ok(iom_unmap(rig.dom, &model.maps[i]));
	forget(i);
}

static void try_unmap_range(void)
{
	uint64_t iova = IOVA_FIRST + below_n(IOVA_PAGES) * PAGE;
	uint64_t length = PAGE * (1 + below_n(10));
	int ret, expected;
	size_t i;

	if (model.n && below_n(2)) {
		/* where it has a chance: from one mapping's start to another one's end */
		const struct iom_region *from = &model.maps[below_n(model.n)];
		const struct iom_region *to = &model.maps[below_n(model.n)];

		if (to->iova >= from->iova && to->iova - from->iova < GIB) {
			iova = from->iova;
			length = to->iova + to->length - iova;
		}
	}
	expected = expect_unmap(iova, length);
	ret = iom_unmap_range(rig.dom, iova, length);
	ck_assert_msg(ret == expected, "unmap: %d, not %d: %s", ret, expected, iom_errmsg());
	if (ret)
		return;
	for (i = model.n; i--;)
		if (meet(iova, length, model.maps[i].iova, model.maps[i].length))
			forget(i);
}

static void try_attach(void)
{
	if (model.attached)
		iom_detach(rig.nvme);
	else
		ck_assert_ok(iom_attach(rig.dom, NVME, NULL, &rig.nvme));
	model.attached = !model.attached;
}

static void step(void)
{
	uint64_t dice = below_n(100);

	if (dice < 50) {
		try_map();
	} else if (dice < 70) {
		try_unmap();
	} else if (dice < 96) {
		try_unmap_range();
	} else if (dice < 99) {
		try_attach();
	} else {
		ck_assert_ok(iom_unmap_all(rig.dom));
		model.n = 0;
	}
}

/* ---- What is so --------------------------------------------------------------------------------- */

static int find_in_list(void *arg, uint64_t iova, void *va, uint64_t length, uint32_t vfio_flags)
{
	size_t *n = arg, i;

	for (i = 0; i < model.n; i++) {
		const struct iom_region *map = &model.maps[i];

		if (map->iova == iova && map->va == va && map->length == length &&
		    !(map->flags & IOM_MAP_READ) == !(vfio_flags & VFIO_DMA_MAP_FLAG_READ) &&
		    !(map->flags & IOM_MAP_WRITE) == !(vfio_flags & VFIO_DMA_MAP_FLAG_WRITE)) {
			++*n;
			return 0;
		}
	}
	return -ENOENT;
}

/* POWER has no maps, but a table, of which this is a run of entries. */
static int find_pages_in_list(void *arg, uint64_t iova, void *va, uint64_t length,
			      uint32_t vfio_flags)
{
	size_t *n = arg, i;
	uint64_t at;

	for (at = 0; at < length; at += PAGE) {
		const struct iom_region *map = NULL;

		for (i = 0; i < model.n && !map; i++)
			if (iova + at - model.maps[i].iova < model.maps[i].length)
				map = &model.maps[i];
		if (!map || (char *)va - iova != (char *)map->va - map->iova ||
		    !(map->flags & IOM_MAP_WRITE) != !(vfio_flags & VFIO_DMA_MAP_FLAG_WRITE))
			return -ENOENT;
		*n += map->iova == iova + at;
	}
	return 0;
}

static void check_kernel(void)
{
	size_t n = 0;

	ck_assert_int_eq(iom_sim_each_map(rig.sim, NVME,
					  rig_is_power() ? find_pages_in_list : find_in_list, &n),
			 0);
	ck_assert_uint_eq(n, model.attached ? model.n : 0);
}

/* Each page of memory, and each IOVA of the fixed ones' room. */
static void check_translation(void)
{
	uint64_t got, run, page;
	size_t i;
	void *va;

	for (page = 0; page < PAGES; page++) {
		char *at = model.memory + page * PAGE + below_n(PAGE);
		int ret = iom_translate(rig.dom, at, 1, &got, &run);

		ck_assert_int_eq(ret, memory_taken((uintptr_t)at, 1) ? 0 : -ENOENT);
	}
	for (page = 0; page < IOVA_PAGES; page++) {
		uint64_t iova = IOVA_FIRST + page * PAGE;
		int ret = iom_iova_to_va(rig.dom, iova, 1, &va, &run);

		ck_assert_int_eq(ret, iova_taken(iova, 1) ? 0 : -ENOENT);
	}
	for (i = 0; i < model.n; i++) {
		const struct iom_region *map = &model.maps[i];
		uint64_t at = below_n(map->length);

		ck_assert_int_eq(iom_iova_to_va(rig.dom, map->iova + at, UINT64_MAX, &va, &run), 0);
		ck_assert_ptr_eq(va, (char *)map->va + at);
		ck_assert_uint_eq(run, map->length - at);
		if (map->flags & IOM_MAP_ALIAS)
			continue;
		ck_assert_int_eq(iom_translate(rig.dom, (char *)map->va + at, UINT64_MAX, &got,
					       &run),
				 0);
		ck_assert_uint_eq(got, map->iova + at);
		ck_assert_uint_eq(run, map->length - at);
	}
}

static void check_counters(void)
{
	struct iom_counters counters = rig_counters();
	uint64_t bytes = 0;
	size_t i;

	for (i = 0; i < model.n; i++)
		bytes += model.maps[i].length;
	ck_assert_uint_eq(counters.mappings, model.n);
	ck_assert_uint_eq(counters.mapped_bytes, bytes);
	ck_assert_uint_eq(counters.quarantined_bytes, 0);
	ck_assert_uint_eq(iom_sim_mapped_bytes(rig.sim), model.attached ? bytes : 0);
}

START_TEST(same_as_a_list)
{
	unsigned int i;

	memset(&model, 0, sizeof(model));
	model.random = random_start();
	model.memory = rig_memory(PAGES * PAGE);
	model.attached = true;
	for (i = 0; i < STEPS; i++) {
		step();
		check_kernel();
		check_translation();
		check_counters();
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("domain_model");
	TCase *tcase = tcase_create("model");

	tcase_add_checked_fixture(tcase, set_up_device, tear_down);
	tcase_set_timeout(tcase, 300);
	tcase_add_test(tcase, same_as_a_list);
	suite_add_tcase(suite, tcase);
	return run_suite(suite);
}
