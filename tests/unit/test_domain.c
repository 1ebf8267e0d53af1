// SPDX-License-Identifier: BSD-3-Clause
/* Opening and closing a domain, its options and the environment's, and what it says of itself. */
#include <unistd.h>

#include "tests/unit/domain_rig.h"
#include "tests/unit/runner.h"

/* ---- Opening ------------------------------------------------------------------------------------ */

static int open_with(struct iom_open_opts *opts)
{
	struct iom_domain *dom = (struct iom_domain *)&rig;
	int ret = iom_open_with(&dom, opts, &rig.sys, iom_backends);

	if (ret < 0)
		ck_assert_ptr_eq(dom, &rig);
	else
		iom_close(dom);
	return ret;
}

START_TEST(version)
{
	char expected[32];

	snprintf(expected, sizeof(expected), "%d.%d.%d", IOM_VERSION_MAJOR, IOM_VERSION_MINOR,
		 IOM_VERSION_PATCH);
	ck_assert_str_eq(iom_version(), expected);
}
END_TEST

START_TEST(open_asks_the_kernel_for_nothing)
{
	ck_assert_ok(rig_open(&rig.dom));
	ck_assert_uint_eq(iom_sim_calls(rig.sim), iom_sim_calls_of(rig.sim, IOM_SIM_ALLOC_PAGES));
}
END_TEST

START_TEST(open_options)
{
	struct {
		struct iom_open_opts opts;
		char tail[8];
	} longer = { .opts = { .size = sizeof(longer) } };
	struct iom_open_opts opts = { .size = 0 };

	ck_assert_ok(open_with(NULL));
	ck_assert_fails(open_with(&opts), -EINVAL, "open: ", "iom_open_opts.size is 0");
	opts.size = offsetof(struct iom_open_opts, flags) - 1;
	ck_assert_fails(open_with(&opts), -EINVAL, "sizeof(struct iom_open_opts)");
	/* as the first header had it */
	opts.size = offsetof(struct iom_open_opts, flags);
	ck_assert_ok(open_with(&opts));
	opts.size = sizeof(opts);
	ck_assert_ok(open_with(&opts));
	ck_assert_ok(open_with(&longer.opts));
	longer.tail[7] = 1;
	ck_assert_fails(open_with(&longer.opts), -E2BIG, "open: ", "iom_open_opts");
}
END_TEST

START_TEST(open_without_memory)
{
	unsigned int n;

	for (n = 1; n < 20; n++) {
		iom_sim_fail_nth(rig.sim, n, -ENOMEM);
		if (open_with(NULL) == 0)
			break;
		ck_assert_fails((iom_sim_fail_nth(rig.sim, n, -ENOMEM), open_with(NULL)), -ENOMEM,
				"open: ", "memory");
		ck_assert_uint_eq(iom_sim_allocated_bytes(rig.sim), 0);
	}
	ck_assert_uint_gt(n, 2);
	ck_assert_uint_lt(n, 20);
	/* MADV_WIPEONFORK came with 4.14 */
	for (n = 1; n < 3; n++)
		ck_assert_fails((iom_sim_fail_nth(rig.sim, n, -EINVAL), open_with(NULL)),
				-EOPNOTSUPP, "4.14");
}
END_TEST

START_TEST(close_null)
{
	iom_close(NULL);
	iom_detach(NULL);
}
END_TEST

/* ---- Choosing a backend ------------------------------------------------------------------------- */

START_TEST(backend_by_option)
{
	struct iom_open_opts opts = { .size = sizeof(opts), .backend = "type1" };

	ck_assert_ok(open_with(&opts));
	opts.backend = "typo1";
	ck_assert_fails(open_with(&opts), -EINVAL, "open: ", "iom_open_opts.backend", "'typo1'",
			"type1");
	opts.backend = "";
	ck_assert_fails(open_with(&opts), -EINVAL, "iom_open_opts.backend");
}
END_TEST

START_TEST(backend_by_environment)
{
	struct iom_open_opts opts = { .size = sizeof(opts), .backend = "type1" };

	setenv("LIBIOMMU_BACKEND", "type1", 1);
	ck_assert_ok(open_with(NULL));
	setenv("LIBIOMMU_BACKEND", "", 1);
	ck_assert_ok(open_with(NULL));
	setenv("LIBIOMMU_BACKEND", "spaghetti", 1);
	ck_assert_fails(open_with(NULL), -EINVAL, "LIBIOMMU_BACKEND", "'spaghetti'", "type1");
	/* the option wins */
	ck_assert_ok(open_with(&opts));
	unsetenv("LIBIOMMU_BACKEND");
}
END_TEST

static int never_attaches(struct iom_backend *backend, struct iom_backend_device *dev)
{
	(void)backend;
	(void)dev;
	return iom_error(-EOPNOTSUPP, "there is no such thing here");
}

static void nothing_to_destroy(struct iom_backend *backend)
{
	(void)backend;
}

static const struct iom_backend_ops never = {
	.name = "never",
	.priv_size = 1,
	.attach = never_attaches,
	.destroy = nothing_to_destroy,
};

static char explanation[2048];

static const char *explain(struct iom_domain *dom)
{
	ck_assert_int_lt(iom_explain(dom, explanation, sizeof(explanation)),
			 (int)sizeof(explanation));
	return explanation;
}

/* The next one is tried, and both reasons are told; the error is that of the last. */
START_TEST(backends_in_order)
{
	static const struct iom_backend_ops *const list[] = { &never, &iom_backend_type1, NULL };
	static const struct iom_backend_ops *const hopeless[] = { &never, &never, NULL };
	struct iom_open_opts opts = { .size = sizeof(opts), .backend = "never" };
	struct iom_device *dev;

	ck_assert_ok(iom_open_with(&rig.dom, NULL, &rig.sys, list));
	ck_assert_ok(iom_attach(rig.dom, NVME, NULL, &dev));
	ck_assert_str_eq(iom_backend(rig.dom), "type1");
	ck_assert_ptr_nonnull(strstr(explain(rig.dom), "never: there is no such thing here\n"));
	ck_assert_ptr_nonnull(strstr(explain(rig.dom), "type1: taken"));
	iom_close(rig.dom);

	ck_assert_ok(iom_open_with(&rig.dom, &opts, &rig.sys, list));
	ck_assert_fails(iom_attach(rig.dom, NVME, NULL, &dev), -EOPNOTSUPP, "attach " NVME,
			"no such thing");
	ck_assert_ptr_nonnull(strstr(explain(rig.dom), "never: there is no such thing here\n"));
	ck_assert_ptr_nonnull(strstr(explain(rig.dom), "type1: passed over"));
	ck_assert_ptr_null(iom_backend(rig.dom));
	iom_close(rig.dom);

	ck_assert_ok(iom_open_with(&rig.dom, NULL, &rig.sys, hopeless));
	ck_assert_fails(iom_attach(rig.dom, NVME, NULL, &dev), -EOPNOTSUPP, "no such thing");
}
END_TEST

/* ---- Before the first attach -------------------------------------------------------------------- */

START_TEST(without_a_device)
{
	struct iom_aperture aperture = { 1, 2, 3, 4 };
	struct iom_counters counters;
	char *memory = rig_memory(PAGE);
	struct iom_region region = { .iova = 7 };
	uint64_t iova = 7, run = 7;

	ck_assert_ptr_null(iom_backend(rig.dom));
	ck_assert_uint_eq(iom_page_size(rig.dom), 0);
	ck_assert_fails(iom_apertures(rig.dom, &aperture, 1), -ENODEV, "apertures: ", "attached");
	ck_assert_uint_eq(aperture.start, 1);
	ck_assert_fails(map_any(memory, PAGE, &region), -ENODEV, "map ", "attach");
	ck_assert_uint_eq(region.iova, 7);
	ck_assert_int_eq(iom_translate(rig.dom, memory, 1, &iova, &run), -ENOENT);
	ck_assert_uint_eq(iova, 7);
	ck_assert_fails(iom_unmap(rig.dom, &region), -ENOENT, "unmap");
	ck_assert_fails(iom_unmap_range(rig.dom, 0, PAGE), -ENOENT, "unmap");
	ck_assert_ok(iom_unmap_all(rig.dom));
	counters = rig_counters();
	ck_assert_uint_eq(counters.mappings, 0);
	ck_assert_uint_eq(counters.mapped_bytes, 0);
	ck_assert_uint_eq(counters.kernel_maps, 0);
	ck_assert_uint_eq(counters.kernel_unmaps, 0);
	ck_assert_int_ge(iom_explain(rig.dom, NULL, 0), 0);
}
END_TEST

/* ---- Counters ----------------------------------------------------------------------------------- */

START_TEST(counters_by_size)
{
	struct {
		struct iom_counters counters;
		uint64_t tail[3];
	} longer;

	memset(&longer, 0x5a, sizeof(longer));
	longer.counters.size = 0;
	ck_assert_fails(iom_read_counters(rig.dom, &longer.counters), -EINVAL,
			"counters: ", "iom_counters.size is 0");
	longer.counters.size = sizeof(longer.counters) - 1;
	ck_assert_fails(iom_read_counters(rig.dom, &longer.counters), -EINVAL, "sizeof");
	ck_assert_uint_eq(longer.counters.mappings, UINT64_C(0x5a5a5a5a5a5a5a5a));

	/* what this version does not know is zeroed, and no more than that */
	longer.counters.size = sizeof(longer.counters) + 2 * sizeof(uint64_t);
	ck_assert_ok(iom_read_counters(rig.dom, &longer.counters));
	ck_assert_uint_eq(longer.counters.size, sizeof(longer.counters) + 2 * sizeof(uint64_t));
	ck_assert_uint_eq(longer.counters.mappings, 0);
	ck_assert_uint_eq(longer.tail[0], 0);
	ck_assert_uint_eq(longer.tail[1], 0);
	ck_assert_uint_eq(longer.tail[2], UINT64_C(0x5a5a5a5a5a5a5a5a));
}
END_TEST

/* iommufd has no limit, and does not count. */
static uint64_t entries(uint64_t n)
{
	return rig_is("type1") ? n : UINT64_MAX;
}

START_TEST(counters_count)
{
	char *memory = rig_memory(4 * PAGE);
	struct iom_counters counters;
	struct iom_region region;

	ck_assert_ok(iom_attach(rig.dom, NVME, NULL, &rig.nvme));
	counters = rig_counters();
	ck_assert_uint_eq(counters.entry_limit, rig_is("type1") ? 65535 : UINT64_MAX);
	ck_assert_uint_eq(counters.entries_used, entries(0));
	ck_assert_ok(map_any(memory, PAGE, &region));
	ck_assert_ok(map_any(memory + PAGE, 2 * PAGE, NULL));
	counters = rig_counters();
	ck_assert_uint_eq(counters.mappings, 2);
	ck_assert_uint_eq(counters.mapped_bytes, 3 * PAGE);
	ck_assert_uint_eq(counters.kernel_maps, 2);
	ck_assert_uint_eq(counters.kernel_unmaps, 0);
	ck_assert_uint_eq(counters.entries_used, entries(2));
	ck_assert_uint_eq(counters.quarantined_bytes, 0);
	ck_assert_ok(iom_unmap(rig.dom, &region));
	counters = rig_counters();
	ck_assert_uint_eq(counters.mappings, 1);
	ck_assert_uint_eq(counters.mapped_bytes, 2 * PAGE);
	ck_assert_uint_eq(counters.kernel_unmaps, 1);
	ck_assert_uint_eq(counters.entries_used, entries(1));
}
END_TEST

/* ---- Two domains -------------------------------------------------------------------------------- */

START_TEST(domains_are_apart)
{
	char *memory = rig_memory(PAGE);
	struct iom_domain *other;
	struct iom_device *edu;
	struct iom_region mine, theirs;
	struct iom_map_opts opts = at_iova(8 * GIB);

	ck_assert_ok(iom_attach(rig.dom, NVME, NULL, &rig.nvme));
	ck_assert_ok(rig_open(&other));
	ck_assert_ok(iom_attach(other, EDU, NULL, &edu));

	/* the same memory, at the same IOVA, in both */
	ck_assert_ok(map_fixed(memory, PAGE, 8 * GIB, &mine));
	ck_assert_ok(iom_map(other, memory, PAGE, IOM_MAP_RW | IOM_MAP_FIXED, &opts, &theirs));
	ck_assert_uint_ne(mine.generation, theirs.generation);

	/* a region of one is none of the other, even if the IOVA is mapped in both */
	ck_assert_fails(iom_unmap(other, &mine), -ENOENT, "none of this domain");
	ck_assert(dma_works(EDU, &theirs));
	ck_assert_ok(iom_unmap(rig.dom, &mine));
	ck_assert(dma_misses(NVME, 8 * GIB, PAGE));
	ck_assert(dma_works(EDU, &theirs));
	iom_close(other);
	ck_assert(dma_misses(EDU, 8 * GIB, PAGE));
	ck_assert_works();
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("domain");
	TCase *open = tcase_create("open");
	TCase *domain = tcase_create("domain");

	tcase_add_checked_fixture(open, set_up_machine, tear_down);
	tcase_add_test(open, version);
	tcase_add_test(open, open_asks_the_kernel_for_nothing);
	tcase_add_test(open, open_options);
	tcase_add_test(open, open_without_memory);
	tcase_add_test(open, close_null);
	tcase_add_test(open, backend_by_option);
	tcase_add_test(open, backend_by_environment);
	/* it is about type1 */
	if (!rig_is_power())
		tcase_add_test(open, backends_in_order);
	tcase_add_checked_fixture(domain, set_up_domain, tear_down);
	tcase_add_test(domain, without_a_device);
	tcase_add_test(domain, counters_by_size);
	tcase_add_test(domain, counters_count);
	tcase_add_test(domain, domains_are_apart);
	suite_add_tcase(suite, open);
	suite_add_tcase(suite, domain);
	return run_suite(suite);
}
