// SPDX-License-Identifier: BSD-3-Clause
/*
 * Random batches, right and wrong, mapped and given back in every way, against a plain list of the
 * pages that should be mapped.
 */
#include "tests/unit/batch_rig.h"
#include "tests/unit/runner.h"

#define STEPS 1500
#define MEMORY 48 /* pages */
#define IOVAS 64  /* of fixed ones */
#define MOST 10   /* pieces */
#define LIVE 512  /* pages */

/* A page that is mapped. */
struct page {
	uint64_t iova, generation;
	char *va;
	unsigned int run;   /* a cut leaves the same number on both sides */
	unsigned int batch; /* 0: it is a mapping of its own */
	bool alias;
};

static struct page pages[LIVE];
static size_t n_pages;
static struct iom_region known[256]; /* handed out, and perhaps stale */
static size_t n_known;
static unsigned int last_run, last_batch;
static uint64_t granule, random_state;
static char *memory;

static uint64_t below_n(uint64_t n)
{
	return random_below(&random_state, n);
}

static struct page *page_at(uint64_t iova)
{
	size_t i;

	for (i = 0; i < n_pages; i++)
		if (pages[i].iova == iova)
			return &pages[i];
	return NULL;
}

static const struct page *page_of(const char *va)
{
	size_t i;

	for (i = 0; i < n_pages; i++)
		if (!pages[i].alias && pages[i].va == va)
			return &pages[i];
	return NULL;
}

static void check_everything(void)
{
	struct iom_counters counters = rig_counters();
	size_t i;

	ck_assert_uint_eq(counters.mapped_bytes, n_pages * PAGE);
	ck_assert_uint_eq(counters.quarantined_bytes, 0);
	ck_assert_uint_eq(iom_sim_mapped_bytes(rig.sim), n_pages * PAGE);
	if (counters.entry_limit != UINT64_MAX)
		ck_assert_uint_eq(rig.dom->entries, counters.entries_used);
	for (i = 0; i < MEMORY; i++) {
		const struct page *page = page_of(memory + i * PAGE);
		uint64_t iova, run;
		int ret = iom_translate(rig.dom, memory + i * PAGE, 1, &iova, &run);

		ck_assert_int_eq(ret, page ? 0 : -ENOENT);
		ck_assert(!page || page->iova == iova);
	}
	for (i = 0; i < n_pages; i++) {
		uint64_t run;
		char byte;
		void *va;

		ck_assert_int_eq(iom_iova_to_va(rig.dom, pages[i].iova, 1, &va, &run), 0);
		ck_assert_ptr_eq(va, pages[i].va);
		ck_assert_int_eq(iom_sim_dma_read(rig.sim, NVME, pages[i].iova, &byte, 1), 0);
	}
}

/* ---- Maps ------------------------------------------------------------------------------------ */

static bool meet(uint64_t a, uint64_t a_length, uint64_t b, uint64_t b_length)
{
	return a < b + b_length && b < a + a_length;
}

/* Whether something is in the way of them. */
static bool are_refused(const struct iom_piece *pieces, size_t n, unsigned int flags)
{
	size_t i, k;

	for (i = 0; i < n; i++) {
		uintptr_t va = (uintptr_t)pieces[i].va;

		for (k = 0; k < n_pages; k++) {
			if (!(flags & IOM_MAP_ALIAS) && !pages[k].alias &&
			    meet(va, pieces[i].length, (uintptr_t)pages[k].va, PAGE))
				return true;
			if ((flags & IOM_MAP_FIXED) &&
			    meet(pieces[i].iova, pieces[i].length, pages[k].iova, PAGE))
				return true;
		}
		for (k = 0; k < i; k++) {
			if (!(flags & IOM_MAP_ALIAS) &&
			    meet(va, pieces[i].length, (uintptr_t)pieces[k].va, pieces[k].length))
				return true;
			if ((flags & IOM_MAP_FIXED) && meet(pieces[i].iova, pieces[i].length,
							    pieces[k].iova, pieces[k].length))
				return true;
		}
	}
	return false;
}

/* The order of the addresses, slowly. */
static void order_of(const struct iom_piece *pieces, size_t n, size_t *order)
{
	size_t i, k;

	for (i = 0; i < n; i++) {
		for (k = i; k && pieces[order[k - 1]].va > pieces[i].va; k--)
			order[k] = order[k - 1];
		order[k] = i;
	}
}

static bool continues(const struct iom_piece *run, uint64_t length, const struct iom_piece *next,
		      unsigned int flags)
{
	return !(flags & IOM_MAP_APART) && (char *)run->va + length == next->va &&
	       (!(flags & IOM_MAP_FIXED) || run->iova + length == next->iova);
}

static void add_pages(const struct iom_region *region, unsigned int batch)
{
	uint64_t at;

	for (at = 0; at < region->length; at += PAGE) {
		ck_assert_ptr_null(page_at(region->iova + at));
		ck_assert_uint_lt(n_pages, LIVE);
		pages[n_pages++] = (struct page){
			.iova = region->iova + at,
			.generation = region->generation,
			.va = (char *)region->va + at,
			.run = last_run,
			.batch = batch,
			.alias = region->flags & IOM_MAP_ALIAS,
		};
	}
}

/* It was mapped: as it should be, and by as many calls. */
static void note(const struct iom_piece *pieces, const struct iom_region *regions, size_t n,
		 unsigned int flags, uint64_t maps)
{
	const unsigned int batch = n > 1 && !(flags & IOM_MAP_APART) ? ++last_batch : 0;
	size_t order[MOST], first = 0, i;
	uint64_t length = 0, calls = 0;

	order_of(pieces, n, order);
	for (i = 0; i < n; i++) {
		const struct iom_piece *piece = &pieces[order[i]];
		const struct iom_region *region = &regions[order[i]];
		uint64_t end;

		ck_assert_ptr_eq(region->va, piece->va);
		ck_assert_uint_eq(region->length, piece->length);
		ck_assert_uint_eq(region->delta, region->iova - (uintptr_t)region->va);
		ck_assert_uint_eq(region->flags, IOM_MAP_RW | (flags & ~IOM_MAP_APART));
		if (flags & IOM_MAP_FIXED)
			ck_assert_uint_eq(region->iova, piece->iova);
		if (i && continues(&pieces[order[first]], length, piece, flags)) {
			ck_assert_uint_eq(region->iova, regions[order[first]].iova + length);
		} else {
			last_run++;
			first = i;
			length = 0;
		}
		end = regions[order[first]].iova + length;
		/* granules that were not begun before */
		if (granule)
			calls += (end + piece->length - 1) / granule -
				 (length ? (end - 1) / granule : end / granule - 1);
		else
			calls += !length;
		length += piece->length;
		add_pages(region, batch);
		known[n_known < ARRAY_SIZE(known) ? n_known++ : below_n(n_known)] = *region;
	}
	ck_assert_uint_eq(maps, calls);
}

static void map(void)
{
	static const unsigned int all_flags[] = {
		0,
		0,
		IOM_MAP_FIXED,
		IOM_MAP_FIXED,
		IOM_MAP_APART,
		IOM_MAP_ALIAS,
		IOM_MAP_FIXED | IOM_MAP_APART,
		IOM_MAP_FIXED | IOM_MAP_ALIAS,
	};
	unsigned int flags = all_flags[below_n(ARRAY_SIZE(all_flags))];
	uint64_t page = below_n(MEMORY), iova = below_n(IOVAS), before;
	size_t n = 1 + below_n(MOST), i;
	struct iom_region regions[MOST];
	struct iom_piece pieces[MOST];
	bool refused;
	int ret;

	for (i = 0; i < n; i++) {
		uint64_t length = 1 + below_n(3);

		if (!below_n(8))
			page = below_n(MEMORY);
		if (!below_n(6))
			iova = below_n(IOVAS);
		page += below_n(4) ? 0 : below_n(3);
		page = page + length > MEMORY ? 0 : page;
		pieces[i] = piece_at(memory + page * PAGE, length * PAGE,
				     flags & IOM_MAP_FIXED ? FOUR_GIB + iova * PAGE : 0);
		page += length;
		iova = (iova + length) % IOVAS;
	}
	if (n_pages + 3 * n > LIVE)
		return;
	shuffle(pieces, n, sizeof(*pieces), &random_state);
	refused = are_refused(pieces, n, flags);
	before = rig_counters().kernel_maps;
	memset(regions, 0x5a, sizeof(regions));
	ret = mapv(pieces, n, flags, regions);
	if (rig_is_stale(ret))
		return;
	ck_assert_msg(ret == (refused ? -EEXIST : 0), "%d, \"%s\"", ret, iom_errmsg());
	if (!ret)
		note(pieces, regions, n, flags, rig_counters().kernel_maps - before);
}

/* ---- Unmaps ----------------------------------------------------------------------------------- */

/* Whether the page is in one of the regions. */
static bool is_in(const struct page *page, const struct iom_region *regions, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (page->generation == regions[i].generation &&
		    page->iova - regions[i].iova < regions[i].length)
			return true;
	return false;
}

/* Whether those that go would be torn out of a mapping, or of a batch. */
static bool is_torn(const bool *goes)
{
	size_t i, k;

	for (i = 0; i < n_pages; i++) {
		for (k = 0; k < n_pages; k++) {
			bool next = pages[k].run == pages[i].run &&
				    pages[k].iova == pages[i].iova + PAGE;

			if (goes[i] == goes[k])
				continue;
			if (next && (!granule || pages[k].iova % granule))
				return true;
			if (!granule && pages[i].batch && pages[i].batch == pages[k].batch)
				return true;
		}
	}
	return false;
}

static void forget(const bool *goes)
{
	size_t i, n = 0;

	for (i = 0; i < n_pages; i++)
		if (!goes[i])
			pages[n++] = pages[i];
	n_pages = n;
}

/* The answer is one of the things that are wrong with it, or 0. */
static void check_answer(int ret, bool missing, bool twice, const bool *goes)
{
	bool torn = is_torn(goes);

	if (!missing && !twice && !torn)
		ck_assert_msg(!ret, "%d, \"%s\"", ret, iom_errmsg());
	else
		ck_assert_msg((missing && ret == -ENOENT) || ((twice || torn) && ret == -EINVAL),
			      "%d, \"%s\"", ret, iom_errmsg());
	if (!ret)
		forget(goes);
}

static void unmap_regions(const struct iom_region *regions, size_t n, bool single)
{
	bool goes[LIVE] = { false }, missing = false, twice = false;
	size_t i, k;

	for (i = 0; i < n; i++) {
		bool found = false;

		for (k = 0; k < n_pages; k++)
			found = found || is_in(&pages[k], &regions[i], 1);
		missing = missing || !found;
		for (k = 0; k < i; k++)
			twice = twice || (regions[i].generation == regions[k].generation &&
					  regions[i].iova == regions[k].iova);
	}
	for (k = 0; k < n_pages; k++)
		goes[k] = is_in(&pages[k], regions, n);
	check_answer(single ? iom_unmap(rig.dom, regions) : iom_unmapv(rig.dom, regions, n),
		     missing, twice, goes);
}

/* All the regions of one generation, some of them, or any. */
static void unmap(void)
{
	const struct iom_region *first = &known[below_n(n_known)];
	struct iom_region regions[4 * MOST];
	const uint64_t how = below_n(8);
	size_t n = 0, i;

	if (how == 0) {
		unmap_regions(first, 1, true);
		return;
	}
	for (i = 0; i < n_known && n < 3 * MOST; i++)
		if (known[i].generation == first->generation && (how > 2 || below_n(2)))
			regions[n++] = known[i];
	if (how == 3)
		for (i = 0; i < n_known && n < 4 * MOST; i++)
			if (known[i].generation == known[0].generation)
				regions[n++] = known[i];
	if (how == 4)
		regions[n++] = known[below_n(n_known)];
	if (!n)
		return;
	shuffle(regions, n, sizeof(*regions), &random_state);
	unmap_regions(regions, n, false);
}

static void unmap_range(void)
{
	uint64_t iova = FOUR_GIB + below_n(IOVAS) * PAGE, length = (1 + below_n(8)) * PAGE;
	bool goes[LIVE] = { false }, missing = false;
	const struct page *page;
	uint64_t at;

	/* or all of a run, if there is one */
	page = n_pages ? &pages[below_n(n_pages)] : NULL;
	if (page && below_n(2)) {
		const unsigned int run = page->run;
		size_t i;

		for (iova = page->iova, i = 0; i < n_pages; i++)
			if (pages[i].run == run && pages[i].iova < iova)
				iova = pages[i].iova;
		for (length = 0; page_at(iova + length) && page_at(iova + length)->run == run;)
			length += PAGE;
	}
	for (at = iova; at < iova + length; at += PAGE) {
		page = page_at(at);
		missing = missing || !page;
		if (page)
			goes[page - pages] = true;
	}
	check_answer(iom_unmap_range(rig.dom, iova, length), missing, false, goes);
}

static void run_steps(uint64_t cut)
{
	unsigned int step;

	n_pages = 0;
	n_known = 0;
	granule = cut;
	if (cut)
		rig_start_cut(NULL, cut);
	else
		rig_start(NULL);
	memory = rig_memory_at(MEMORY * PAGE, 64 * PAGE, 0);
	for (step = 0; step < STEPS; step++) {
		const uint64_t what = below_n(16);

		if (what < 7 || !n_known) {
			map();
		} else if (what < 13) {
			unmap();
		} else if (what < 15) {
			unmap_range();
		} else if (!below_n(8)) {
			ck_assert_ok(iom_unmap_all(rig.dom));
			n_pages = 0;
		}
		check_everything();
	}
	ck_assert_ok(iom_unmap_all(rig.dom));
	ck_assert_uint_eq(rig.dom->batches, 0);
	ck_assert_uint_eq(rig.dom->entries, 0);
	munmap(memory, MEMORY * PAGE);
	tear_down();
}

START_TEST(random_batches)
{
	static const uint64_t cuts[] = { 0, 2 * PAGE, 4 * PAGE };

	random_state = random_start();
	run_steps(cuts[_i]);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("batch_model");
	TCase *tcase = tcase_create("model");

	tcase_set_timeout(tcase, 300);
	tcase_add_loop_test(tcase, random_batches, 0, 3);
	suite_add_tcase(suite, tcase);
	return run_suite(suite);
}
