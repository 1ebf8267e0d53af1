// SPDX-License-Identifier: BSD-3-Clause
/*
 * Random requests, releases, maps, attaches and detaches, right and wrong, against two plain lists: of what
 * was asked for, and of what is mapped.  After each, the domain and the kernel are asked.
 */
#include "tests/unit/request_rig.h"
#include "tests/unit/runner.h"

#define STEPS 10000
#define MOST_REQUESTS 8
#define MOST_MAPS 12

/* A part of what every device drives, in pages; the wider device drives more. */
#define FIRST (64 * MIB)
#define PAGES 96
#define NARROW_BITS 28
#define FURTHER (512 * MIB)

struct asked {
	uint64_t id, start, length, unit;
	bool automatic, anywhere, granted;
};

struct model {
	struct asked requests[MOST_REQUESTS];
	struct iom_region maps[MOST_MAPS];
	size_t n_requests, n_maps;
	struct iom_device *wide, *narrow;
	uint64_t random, stale;
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

static bool is_attached(void)
{
	return model.wide || model.narrow;
}

/* ---- What the lists say ---------------------------------------------------------------------- */

static bool is_mapped_in(uint64_t start, uint64_t length)
{
	size_t i;

	for (i = 0; i < model.n_maps; i++)
		if (meet(start, length, model.maps[i].iova, model.maps[i].length))
			return true;
	return false;
}

/* Kept ones that may lie anywhere have no place yet. */
static const struct asked *asked_in(uint64_t start, uint64_t length)
{
	const struct asked *rq;

	for (rq = model.requests; rq < model.requests + model.n_requests; rq++)
		if ((rq->granted || !rq->anywhere) && meet(start, length, rq->start, rq->length))
			return rq;
	return NULL;
}

static bool is_within(const struct asked *rq, uint64_t start, uint64_t length)
{
	return start >= rq->start && start + length <= rq->start + rq->length;
}

/* What a fixed map is refused for, or 0. */
static int expect_map(uint64_t iova, uint64_t length)
{
	const struct asked *rq = asked_in(iova, length);

	if (!is_attached())
		return -ENODEV;
	if (rq && !is_within(rq, iova, length))
		return -ERANGE;
	if (rq && ((iova | length) & (rq->unit - 1)))
		return -EINVAL;
	return is_mapped_in(iova, length) ? -EEXIST : 0;
}

/* Whether the narrow device may come. */
static bool all_in_reach(void)
{
	size_t i;

	for (i = 0; i < model.n_requests; i++)
		if (model.requests[i].granted &&
		    (model.requests[i].start + model.requests[i].length - 1) >> NARROW_BITS)
			return false;
	for (i = 0; i < model.n_maps; i++)
		if ((model.maps[i].iova + model.maps[i].length - 1) >> NARROW_BITS)
			return false;
	return true;
}

/* One that is kept, and that only the wider device can have. */
static bool one_is_further(void)
{
	size_t i;

	for (i = 0; i < model.n_requests; i++)
		if (!model.requests[i].granted && !model.requests[i].anywhere &&
		    model.requests[i].start >= FURTHER)
			return true;
	return false;
}

/* ---- Steps ----------------------------------------------------------------------------------- */

static int ask_for(struct asked *rq)
{
	uint64_t flags = (rq->automatic ? IOM_APERTURE_AUTO : 0) |
			 (rq->anywhere ? 0 : IOM_APERTURE_FIXED);

	return ask(rq->start, rq->length, rq->unit, flags, &rq->id);
}

static void try_request(void)
{
	struct asked rq = { .unit = PAGE << below_n(3), .automatic = !below_n(3) };
	int ret, expected = 0;

	if (model.n_requests == MOST_REQUESTS)
		return;
	rq.anywhere = !below_n(4);
	rq.length = rq.unit * (1 + below_n(6));
	if (!rq.anywhere)
		rq.start = (FIRST + below_n(PAGES) * PAGE) & ~(rq.unit - 1);
	if (!rq.anywhere && !below_n(6))
		rq.start += FURTHER - FIRST;
	if (!rq.anywhere && (asked_in(rq.start, rq.length) || is_mapped_in(rq.start, rq.length)))
		expected = -EEXIST;
	else if (rq.start >= FURTHER && model.narrow)
		expected = -ERANGE;
	ret = ask_for(&rq);
	ck_assert_msg(ret == expected, "request of 0x%" PRIx64 " + 0x%" PRIx64 ": %d, not %d: %s",
		      rq.start, rq.length, ret, expected, iom_errmsg());
	if (!ret)
		model.requests[model.n_requests++] = rq;
}

static void try_release(void)
{
	int ret, expected = 0;
	struct asked *rq;

	ck_assert_int_eq(iom_aperture_release(rig.dom, model.stale), -ENOENT);
	if (!model.n_requests)
		return;
	rq = &model.requests[below_n(model.n_requests)];
	if (rq->granted && is_mapped_in(rq->start, rq->length))
		expected = -EBUSY;
	ret = iom_aperture_release(rig.dom, rq->id);
	ck_assert_msg(ret == expected, "release: %d, not %d: %s", ret, expected, iom_errmsg());
	if (ret)
		return;
	model.stale = rq->id;
	*rq = model.requests[--model.n_requests];
}

/* Memory of its own, for each slot of the list. */
static char *own_memory(void)
{
	size_t i, j;

	for (i = 0;; i++) {
		char *p = model.memory + i * 16 * PAGE;

		for (j = 0; j < model.n_maps && model.maps[j].va != p; j++)
			;
		if (j == model.n_maps)
			return p;
	}
}

static void try_map(void)
{
	uint64_t iova, length = PAGE * (1 + below_n(8));
	char *p = own_memory();
	struct iom_region r;
	int ret, expected;

	if (model.n_maps == MOST_MAPS)
		return;
	iova = FIRST + below_n(PAGES) * PAGE;
	/* where it may fit the unit of a request */
	if (model.n_requests && below_n(2)) {
		const struct asked *rq = &model.requests[below_n(model.n_requests)];

		length = rq->unit;
		iova = rq->start;
		if (rq->anywhere && !rq->granted)
			return;
	}
	expected = expect_map(iova, length);
	ret = map_fixed(p, length, iova, &r);
	if (!expected && model.narrow && iova >= FURTHER)
		expected = -ERANGE;
	ck_assert_msg(ret == expected, "map of 0x%" PRIx64 " + 0x%" PRIx64 ": %d, not %d: %s", iova,
		      length, ret, expected, iom_errmsg());
	if (!ret)
		model.maps[model.n_maps++] = r;
}

static void try_automatic(void)
{
	uint64_t length = PAGE * (1 + below_n(8));
	const struct asked *rq;
	struct iom_region r;
	int ret;

	if (model.n_maps == MOST_MAPS)
		return;
	ret = map_any(own_memory(), length, &r);
	ck_assert_int_eq(ret, is_attached() ? 0 : -ENODEV);
	if (ret)
		return;
	ck_assert(!is_mapped_in(r.iova, length));
	rq = asked_in(r.iova, length);
	ck_assert(!rq || (rq->automatic && is_within(rq, r.iova, length)));
	model.maps[model.n_maps++] = r;
}

static void try_unmap(void)
{
	size_t i;

	if (!model.n_maps)
		return;
	i = below_n(model.n_maps);
	ck_assert_ok(iom_unmap(rig.dom, &model.maps[i]));
	model.maps[i] = model.maps[--model.n_maps];
}

static void try_wide(void)
{
	if (!model.wide) {
		ck_assert_ok(iom_attach(rig.dom, NVME, NULL, &model.wide));
		return;
	}
	iom_detach(model.wide);
	model.wide = NULL;
}

static void try_narrow(void)
{
	const struct iom_attach_opts opts = { .size = sizeof(opts), .dma_bits = NARROW_BITS };
	int ret, expected = 0;

	if (model.narrow) {
		iom_detach(model.narrow);
		model.narrow = NULL;
		return;
	}
	if (!all_in_reach())
		expected = -EBUSY;
	else if (one_is_further())
		expected = -ERANGE;
	ret = iom_attach(rig.dom, EDU, &opts, &model.narrow);
	ck_assert_msg(ret == expected, "attach: %d, not %d: %s", ret, expected, iom_errmsg());
}

static void step(void)
{
	uint64_t dice = below_n(100);

	if (dice < 26)
		try_request();
	else if (dice < 44)
		try_release();
	else if (dice < 64)
		try_map();
	else if (dice < 72)
		try_automatic();
	else if (dice < 92)
		try_unmap();
	else if (dice < 96)
		try_wide();
	else
		try_narrow();
}

/* ---- What is so ------------------------------------------------------------------------------ */

static const struct iom_aperture *find(const struct listed *list, const struct iom_aperture *a)
{
	int i;

	for (i = 0; i < list->n; i++)
		if (!memcmp(&list->v[i], a, sizeof(*a)))
			return &list->v[i];
	return NULL;
}

/* Each is granted as it was asked for, where it was before, and is in the list of apertures. */
static void check_request(struct asked *rq, const struct listed *list)
{
	struct iom_aperture a = { 0 };
	int ret = iom_aperture_granted(rig.dom, rq->id, &a);

	if (!rq->granted && !is_attached()) {
		ck_assert_int_eq(ret, -ENODEV);
		return;
	}
	ck_assert_int_eq(ret, 0);
	if (rq->anywhere && !rq->granted)
		rq->start = a.start;
	rq->granted = true;
	ck_assert_uint_eq(a.start, rq->start);
	ck_assert_uint_eq(a.last, rq->start + rq->length - 1);
	ck_assert_uint_eq(a.page_sizes & -a.page_sizes, rq->unit);
	ck_assert_uint_eq(!!(a.flags & IOM_APERTURE_AUTO), rq->automatic);
	ck_assert(a.flags & IOM_APERTURE_REQUESTED);
	if (is_attached())
		ck_assert_ptr_nonnull(find(list, &a));
}

static void check_apertures(void)
{
	struct listed list = list_apertures();
	size_t i, n = 0;
	int k;

	ck_assert_int_eq(list.n < 0, !is_attached());
	for (i = 0; i < model.n_requests; i++)
		check_request(&model.requests[i], &list);
	for (k = 0; k < list.n; k++) {
		n += !!(list.v[k].flags & IOM_APERTURE_REQUESTED);
		ck_assert(!k || list.v[k].start > list.v[k - 1].last);
	}
	ck_assert_uint_eq(n, is_attached() ? model.n_requests : 0);
	ck_assert(kernel_agrees());
}

static void check_maps(void)
{
	uint64_t bytes = 0, iova, run;
	size_t i;

	for (i = 0; i < model.n_maps; i++) {
		bytes += model.maps[i].length;
		ck_assert_int_eq(iom_translate(rig.dom, model.maps[i].va, 1, &iova, &run), 0);
		ck_assert_uint_eq(iova, model.maps[i].iova);
		if (model.wide)
			ck_assert(dma_works(NVME, &model.maps[i]));
		if (model.narrow)
			ck_assert(dma_works(EDU, &model.maps[i]));
	}
	ck_assert_uint_eq(rig_counters().mappings, model.n_maps);
	ck_assert_uint_eq(rig_counters().mapped_bytes, bytes);
	if (!rig_is_power())
		ck_assert_uint_eq(iom_sim_mapped_bytes(rig.sim), is_attached() ? bytes : 0);
}

START_TEST(same_as_lists)
{
	unsigned int i;

	memset(&model, 0, sizeof(model));
	rig_machine(NULL);
	start_listening();
	/* windows for requests alone */
	rig.expected = 0;
	ck_assert_ok(rig_open(&rig.dom));
	model.random = random_start();
	model.memory = rig_memory_at(MOST_MAPS * 16 * PAGE, 64 * PAGE, 0);
	for (i = 0; i < STEPS; i++) {
		step();
		check_apertures();
		check_maps();
	}
	tear_down();
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("request_model");
	TCase *tcase = tcase_create("model");

	tcase_set_timeout(tcase, 300);
	tcase_add_test(tcase, same_as_lists);
	suite_add_tcase(suite, tcase);
	return run_suite(suite);
}
