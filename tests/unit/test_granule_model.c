// SPDX-License-Identifier: BSD-3-Clause
/*
 * Random calls on a domain whose mappings may be cut, against a plain list of pages.  Memory, files and
 * mappings for one device; devices come and go.  After each call the domain and the kernel are asked, and
 * both must have the list.
 */
#include <unistd.h>

#include "tests/unit/domain_rig.h"
#include "tests/unit/runner.h"

#define STEPS 3000
#define MOST_REGIONS 24
#define LONGEST 12
#define GRANULE (4 * PAGE)

/* Few pages and few IOVAs, so that calls meet. */
#define PAGES 48
#define IOVA_PAGES 64
#define IOVA_FIRST ((rig_is_power() ? 4 : 3) * GIB)

/* What the second device reaches; half of the fixed IOVAs lie beyond. */
#define NARROW_BITS 32

struct page {
	uint64_t iova;
	char *va;
	unsigned int flags;
	bool only, from_file;
	uint64_t generation;
};

static struct {
	struct page pages[MOST_REGIONS * LONGEST];
	size_t n;
	struct iom_region
		regions[MOST_REGIONS]; /* those of which a page is left, and some of no more */
	size_t n_regions;
	struct iom_device *narrow; /* NULL: it is not attached */
	bool attached;
	uint64_t random;
	char *memory;
	int file;
} model;

static uint64_t below_n(uint64_t n)
{
	return random_below(&model.random, n);
}

/* ---- The list -------------------------------------------------------------------------------------- */

static struct page *page_at(uint64_t iova)
{
	size_t i;

	for (i = 0; i < model.n; i++)
		if (model.pages[i].iova == (iova & ~(PAGE - 1)))
			return &model.pages[i];
	return NULL;
}

static struct page *page_of(const char *va)
{
	uintptr_t start = (uintptr_t)va & ~(PAGE - 1);
	size_t i;

	for (i = 0; i < model.n; i++)
		if ((uintptr_t)model.pages[i].va == start &&
		    !(model.pages[i].flags & IOM_MAP_ALIAS))
			return &model.pages[i];
	return NULL;
}

static void add(const struct iom_region *region, bool only, bool from_file)
{
	uint64_t at;

	for (at = 0; at < region->length; at += PAGE)
		model.pages[model.n++] = (struct page){
			.iova = region->iova + at,
			.va = (char *)region->va + at,
			.flags = (unsigned int)region->flags,
			.only = only,
			.from_file = from_file,
			.generation = region->generation,
		};
	model.regions[model.n_regions++] = *region;
}

static void drop(uint64_t iova, uint64_t length)
{
	size_t i;

	for (i = model.n; i--;)
		if (model.pages[i].iova >= iova && model.pages[i].iova < iova + length)
			model.pages[i] = model.pages[--model.n];
}

static bool starts_or_ends(uint64_t iova)
{
	const struct page *before = page_at(iova - PAGE), *here = page_at(iova);

	return !before || !here || before->generation != here->generation;
}

/* ---- Steps ------------------------------------------------------------------------------------------- */

static int expect_map(const char *va, uint64_t length, unsigned int flags,
		      const struct iom_map_opts *opts)
{
	uint64_t at, reach = model.narrow && !opts->only ? UINT32_MAX : UINT64_MAX;

	if (!model.attached)
		return -ENODEV;
	if ((flags & IOM_MAP_FIXED) && opts->iova + length - 1 > reach)
		return -ERANGE;
	for (at = 0; (flags & IOM_MAP_FIXED) && at < length; at += PAGE)
		if (page_at(opts->iova + at))
			return -EEXIST;
	for (at = 0; va && !(flags & IOM_MAP_ALIAS) && at < length; at += PAGE)
		if (page_of(va + at))
			return -EEXIST;
	return 0;
}

static void try_map(bool from_file)
{
	uint64_t first = below_n(PAGES), length = PAGE * (1 + below_n(LONGEST));
	unsigned int flags = below_n(4) ? IOM_MAP_RW : IOM_MAP_READ;
	struct iom_map_opts opts = at_iova(0);
	char *va = from_file ? NULL : model.memory + first * PAGE;
	struct iom_region region;
	int ret, expected;

	if (model.n_regions == MOST_REGIONS)
		return;
	if (length > (PAGES - first) * PAGE)
		length = (PAGES - first) * PAGE;
	flags |= below_n(4) ? 0 : IOM_MAP_ALIAS;
	if (below_n(4)) {
		flags |= IOM_MAP_FIXED;
		opts.iova = IOVA_FIRST + below_n(IOVA_PAGES) * PAGE;
		/* some beyond the narrow one's reach */
		opts.iova += below_n(2) ? 2 * GIB : 0;
	}
	if (model.attached && below_n(3) == 0)
		opts.only = rig.nvme;
	expected = expect_map(va, length, flags, &opts);
	if (from_file)
		ret = iom_map_file(rig.dom, model.file, first * PAGE, length, flags, &opts,
				   &region);
	else
		ret = iom_map(rig.dom, va, length, flags, &opts, &region);
	if (!expected && rig_is_stale(ret))
		return;
	ck_assert_msg(ret == expected, "map: %d, not %d: %s", ret, expected, iom_errmsg());
	if (!ret)
		add(&region, opts.only, from_file);
}

/* All pages that are left of it. */
static void try_unmap(void)
{
	const struct iom_region *region;
	int expected = -ENOENT, ret;
	uint64_t at;
	size_t i;

	if (!model.n_regions)
		return;
	i = below_n(model.n_regions);
	region = &model.regions[i];
	for (at = region->iova; at < region->iova + region->length; at += PAGE)
		if (page_at(at) && page_at(at)->generation == region->generation)
			expected = 0;
	ret = iom_unmap(rig.dom, region);
	ck_assert_msg(ret == expected, "unmap: %d, not %d: %s", ret, expected, iom_errmsg());
	for (at = region->iova; at < region->iova + region->length; at += PAGE)
		if (page_at(at) && page_at(at)->generation == region->generation)
			drop(at, PAGE);
	model.regions[i] = model.regions[--model.n_regions];
}

static int expect_cut(uint64_t iova, uint64_t length)
{
	uint64_t at;

	for (at = iova; at < iova + length; at += PAGE)
		if (!page_at(at))
			return -ENOENT;
	if (!starts_or_ends(iova) && iova % GRANULE)
		return -EINVAL;
	if (!starts_or_ends(iova + length) && (iova + length) % GRANULE)
		return -EINVAL;
	return 0;
}

static void try_unmap_range(void)
{
	uint64_t iova = IOVA_FIRST + below_n(IOVA_PAGES) * PAGE + (below_n(2) ? 2 * GIB : 0);
	uint64_t length = PAGE * (1 + below_n(10));
	int ret, expected;

	if (model.n && below_n(4)) {
		/* where it has a chance: in what is mapped, at granules */
		iova = model.pages[below_n(model.n)].iova & ~(GRANULE - 1);
		length = GRANULE * (1 + below_n(3));
		while (!page_at(iova))
			iova += PAGE, length -= PAGE;
		while (length && !page_at(iova + length - PAGE))
			length -= PAGE;
	}
	if (!length)
		return;
	expected = expect_cut(iova, length);
	ret = iom_unmap_range(rig.dom, iova, length);
	ck_assert_msg(ret == expected, "unmap range: %d, not %d: %s", ret, expected, iom_errmsg());
	if (!ret)
		drop(iova, length);
}

static void try_attach_narrow(void)
{
	const struct iom_attach_opts opts = { .size = sizeof(opts), .dma_bits = NARROW_BITS };
	int ret, expected = 0;
	size_t i;

	if (model.narrow) {
		iom_detach(model.narrow);
		model.narrow = NULL;
		return;
	}
	for (i = 0; i < model.n; i++)
		if (model.pages[i].iova > UINT32_MAX && !model.pages[i].only)
			expected = -EBUSY;
	ret = iom_attach(rig.dom, EDU, &opts, &model.narrow);
	ck_assert_msg(ret == expected, "attach: %d, not %d: %s", ret, expected, iom_errmsg());
	if (ret)
		model.narrow = NULL;
	model.attached |= !ret;
}

/* The first device comes and goes only while it is alone. */
static void try_attach(void)
{
	if (!model.narrow && model.attached) {
		iom_detach(rig.nvme);
		model.attached = false;
	} else if (!model.narrow) {
		ck_assert_ok(iom_attach(rig.dom, NVME, NULL, &rig.nvme));
		model.attached = true;
	}
}

static void step(void)
{
	uint64_t dice = below_n(200);

	if (dice < 80) {
		try_map(false);
	} else if (dice < 105) {
		try_map(true);
	} else if (dice < 125) {
		try_unmap();
	} else if (dice < 185) {
		try_unmap_range();
	} else if (dice < 191) {
		if (model.attached)
			try_attach_narrow();
	} else if (dice < 198) {
		try_attach();
	} else {
		ck_assert_ok(iom_unmap_all(rig.dom));
		model.n = 0;
		model.n_regions = 0;
	}
}

/* ---- What is so ---------------------------------------------------------------------------------------- */

/* Each piece is within a granule, and its pages are in the list. */
static int find_in_list(void *arg, uint64_t iova, void *va, uint64_t length, uint32_t vfio_flags)
{
	uint64_t *bytes = arg, at;

	/* POWER has no maps, but a table, of which this is a run of entries */
	if (!rig_is_power() && iova / GRANULE != (iova + length - 1) / GRANULE)
		return -EXDEV;
	for (at = 0; at < length; at += PAGE) {
		const struct page *page = page_at(iova + at);

		if (!page || (page->va != (char *)va + at && !page->from_file) ||
		    !(page->flags & IOM_MAP_READ) != !(vfio_flags & VFIO_DMA_MAP_FLAG_READ) ||
		    !(page->flags & IOM_MAP_WRITE) != !(vfio_flags & VFIO_DMA_MAP_FLAG_WRITE))
			return -ENOENT;
	}
	*bytes += length;
	return 0;
}

static void check_kernel(void)
{
	uint64_t bytes = 0;

	ck_assert_int_eq(iom_sim_each_map(rig.sim, NVME, find_in_list, &bytes), 0);
	ck_assert_uint_eq(bytes, model.attached ? model.n * PAGE : 0);
}

/* How many bytes from there are in the same mapping. */
static uint64_t run_of(const struct page *page)
{
	const struct page *next;
	uint64_t run = PAGE;

	while ((next = page_at(page->iova + run)) && next->generation == page->generation)
		run += PAGE;
	return run;
}

static void check_translation(void)
{
	uint64_t got, run, i;
	void *va;

	for (i = 0; i < PAGES; i++) {
		const struct page *page = page_of(model.memory + i * PAGE);
		int ret = iom_translate(rig.dom, model.memory + i * PAGE, UINT64_MAX, &got, &run);

		ck_assert_int_eq(ret, page ? 0 : -ENOENT);
		if (!page)
			continue;
		ck_assert_uint_eq(got, page->iova);
		ck_assert_uint_eq(run, run_of(page));
	}
	for (i = 0; i < model.n; i++) {
		const struct page *page = &model.pages[i];

		ck_assert_int_eq(iom_iova_to_va(rig.dom, page->iova + 7, UINT64_MAX, &va, &run), 0);
		ck_assert_ptr_eq(va, page->va + 7);
		ck_assert_uint_eq(run, run_of(page) - 7);
	}
	for (i = 0; i < IOVA_PAGES; i++) {
		uint64_t iova = IOVA_FIRST + i * PAGE + (below_n(2) ? 2 * GIB : 0);

		ck_assert_int_eq(iom_iova_to_va(rig.dom, iova, 1, &va, &run),
				 page_at(iova) ? 0 : -ENOENT);
	}
}

static void check_counters(void)
{
	struct iom_counters counters = rig_counters();
	uint64_t parts = 0;
	size_t i;

	/* a part begins where the page before is none of it */
	for (i = 0; i < model.n; i++)
		parts += starts_or_ends(model.pages[i].iova);
	ck_assert_uint_eq(counters.mappings, parts);
	ck_assert_uint_eq(counters.mapped_bytes, model.n * PAGE);
	ck_assert_uint_eq(counters.quarantined_bytes, 0);
	ck_assert_uint_eq(iom_sim_mapped_bytes(rig.sim),
			  model.attached ? rig_copies() * model.n * PAGE : 0);
}

START_TEST(same_as_a_list)
{
	unsigned int i;

	memset(&model, 0, sizeof(model));
	model.random = random_start();
	model.memory = rig_memory(PAGES * PAGE);
	model.file = memfd_create("model", MFD_CLOEXEC);
	ck_assert_int_eq(ftruncate(model.file, PAGES * PAGE), 0);
	model.attached = true;
	for (i = 0; i < STEPS; i++) {
		step();
		check_kernel();
		check_translation();
		check_counters();
	}
	close(model.file);
}
END_TEST

static void set_up(void)
{
	rig_start_cut(NULL, GRANULE);
}

int main(void)
{
	Suite *suite = suite_create("granule_model");
	TCase *tcase = tcase_create("model");

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_set_timeout(tcase, 300);
	tcase_add_test(tcase, same_as_a_list);
	suite_add_tcase(suite, tcase);
	return run_suite(suite);
}
