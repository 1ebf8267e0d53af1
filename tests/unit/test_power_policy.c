// SPDX-License-Identifier: BSD-3-Clause
/* POWER: what machine it is, and which window is planned for what; nothing here maps. */
#include <errno.h>

#include "backends/spapr/machine.h"
#include "lib/error.h"
#include "tests/unit/runner.h"
#include "tests/unit/sim_spapr_rig.h"
#include "tests/unit/util.h"

#define KIB4 UINT64_C(4096)
#define KIB64 UINT64_C(65536)
#define SECOND (UINT64_C(1) << 59)
#define BIT(n) (UINT64_C(1) << (n))

/* ---- The machine ----------------------------------------------------------------------------- */

/* A property: its bytes, which may be any; n < 0: cannot be read. */
struct property {
	const char *bytes;
	ssize_t n;
};

#define PROPERTY(text)                   \
	{                                \
		(text), sizeof(text) - 1 \
	} /* "a\0b\0" */

struct tree {
	struct property compatible, device_type;
	int machine;
};

static ssize_t read_tree(void *ctx, const char *path, void *buf, size_t n)
{
	const struct tree *tree = ctx;
	const struct property *property = NULL;

	if (!strcmp(path, "/proc/device-tree/compatible"))
		property = &tree->compatible;
	else if (!strcmp(path, "/proc/device-tree/device_type"))
		property = &tree->device_type;
	if (!property)
		return -ENOENT;
	if (property->n < 0)
		return property->n;
	if (n > (size_t)property->n)
		n = (size_t)property->n;
	memcpy(buf, property->bytes, n);
	return (ssize_t)n;
}

static char long_list[4096];

static const struct tree trees[] = {
	{ PROPERTY("ibm,powernv\0"), PROPERTY(""), IOM_POWER_NV },
	{ PROPERTY("qemu,powernv9\0ibm,powernv\0"), PROPERTY(""), IOM_POWER_NV },
	{ PROPERTY("ibm,powernv\0ibm,p9-openbmc\0"), PROPERTY("chrp\0"), IOM_POWER_NV },
	/* the last NUL was cut off */
	{ PROPERTY("qemu,powernv9\0ibm,powernv"), { NULL, -ENOENT }, IOM_POWER_NV },
	{ PROPERTY("qemu,pseries\0"), PROPERTY("chrp\0"), IOM_POWER_SERIES },
	{ PROPERTY("IBM,9009-42A\0"), PROPERTY("chrp"), IOM_POWER_SERIES },
	{ { NULL, -EACCES }, PROPERTY("chrp\0"), IOM_POWER_SERIES },
	{ PROPERTY(""), PROPERTY("chrp\0"), IOM_POWER_SERIES },
	/* not the word, but one that has it in it */
	{ PROPERTY("ibm,powernv9\0"), PROPERTY("chrp2\0"), IOM_POWER_NONE },
	{ PROPERTY("not ibm,powernv\0"), PROPERTY("achrp\0"), IOM_POWER_NONE },
	{ PROPERTY("ibm,power\0nv\0"), PROPERTY("ch\0rp\0"), IOM_POWER_NONE },
	/* cut in the word */
	{ PROPERTY("qemu,powernv9\0ibm,power"), PROPERTY("chr"), IOM_POWER_NONE },
	{ PROPERTY("\0\0\0"), PROPERTY("\0"), IOM_POWER_NONE },
	{ PROPERTY("\0\0ibm,powernv\0"), PROPERTY(""), IOM_POWER_NV },
	{ PROPERTY("fsl,P4080DS\0"), PROPERTY("soc\0"), IOM_POWER_NONE },
	{ { NULL, -ENOENT }, { NULL, -ENOENT }, IOM_POWER_NONE },
	/* it is not known what the machine is */
	{ { NULL, -EACCES }, { NULL, -EIO }, -EIO },
	{ { NULL, -EMFILE }, { NULL, -ENOENT }, -EMFILE },
	{ PROPERTY("qemu,pseries\0"), { NULL, -EMFILE }, -EMFILE },
	/* larger than what is read of it */
	{ { long_list, sizeof(long_list) }, { long_list, sizeof(long_list) }, IOM_POWER_NONE },
};

START_TEST(machine)
{
	struct tree tree = trees[_i];
	const struct iom_sys fake = { .ctx = &tree, .read_file = read_tree };

	memset(long_list, 'x', sizeof(long_list));
	ck_assert_int_eq(iom_power_machine(&fake), tree.machine);
}
END_TEST

/* ---- Arithmetic ------------------------------------------------------------------------------ */

START_TEST(largest_page)
{
	const uint64_t sizes = KIB4 | KIB64 | 2 * MIB | GIB;

	ck_assert_uint_eq(iom_largest_page(sizes, 2 * MIB), 2 * MIB);
	ck_assert_uint_eq(iom_largest_page(sizes, 2 * MIB - 1), KIB64);
	ck_assert_uint_eq(iom_largest_page(sizes, 16 * MIB), 2 * MIB);
	ck_assert_uint_eq(iom_largest_page(sizes, 3 * MIB), 2 * MIB);
	ck_assert_uint_eq(iom_largest_page(sizes, UINT64_MAX), GIB);
	ck_assert_uint_eq(iom_largest_page(sizes, KIB4), KIB4);
	ck_assert_uint_eq(iom_largest_page(sizes, KIB4 - 1), 0);
	ck_assert_uint_eq(iom_largest_page(sizes, 1), 0);
	ck_assert_uint_eq(iom_largest_page(sizes, 0), 0);
	ck_assert_uint_eq(iom_largest_page(0, UINT64_MAX), 0);
	ck_assert_uint_eq(iom_largest_page(BIT(63), UINT64_MAX), BIT(63));
	ck_assert_uint_eq(iom_largest_page(BIT(63), BIT(63)), BIT(63));
	ck_assert_uint_eq(iom_largest_page(BIT(63), BIT(63) - 1), 0);
	ck_assert_uint_eq(iom_largest_page(UINT64_MAX, 0x3000), 0x2000);
	ck_assert_uint_eq(iom_largest_page(1, 1), 1);
}
END_TEST

START_TEST(window_size)
{
	static const struct {
		uint64_t bytes, page, expected;
		bool stated;
	} rows[] = {
		{ GIB, KIB64, GIB, true },
		{ GIB + 1, KIB64, 2 * GIB, true },
		{ GIB - 1, KIB64, GIB, true },
		{ 1, KIB64, KIB64, true },
		{ 0, KIB64, 64 * GIB, true },
		{ 0, KIB64, 64 * GIB, false },
		{ 3 * KIB64, KIB64, 4 * KIB64, true },
		{ MIB, 2 * MIB, 2 * MIB, true },
		/* 2^20 pages, if it was not the caller who said how many bytes */
		{ 4 * GIB, KIB4, 4 * GIB, false },
		{ 4 * GIB + 1, KIB4, 4 * GIB, false },
		{ TIB, KIB4, 4 * GIB, false },
		{ TIB, KIB64, 64 * GIB, false },
		{ TIB, 2 * MIB, TIB, false },
		{ TIB, KIB4, TIB, true },
		/* no more than a window at bit 59 can have */
		{ BIT(58), KIB64, BIT(58), true },
		{ BIT(58) + 1, KIB64, BIT(58), true },
		{ UINT64_MAX, KIB64, BIT(58), true },
		{ BIT(63), KIB64, BIT(58), true },
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct iom_backend_plan plan = {
			.bytes = rows[i].bytes,
			.page = rows[i].page,
			.base = KIB4,
			.bytes_stated = rows[i].stated,
			.page_stated = true,
		};
		const struct iom_backend_wish nothing = { 0 };

		ck_assert_msg(iom_window_size(&plan, &nothing, rows[i].page) == rows[i].expected,
			      "row %zu: 0x%" PRIx64, i,
			      iom_window_size(&plan, &nothing, rows[i].page));
	}
}
END_TEST

/* ---- Policies -------------------------------------------------------------------------------- */

/* The policy of a platform, which an attach notes before anything of it can fail. */
static const struct iom_spapr_policy *policy_of(const char *platform, struct iom_spapr *s)
{
	const struct iom_log log = { 0 };
	struct iom_backend_device dev = { .group = 99, .fd = -1 };
	struct iom_backend backend = { .log = &log, .priv = s };

	make_power(platform);
	backend.sys = sys;
	backend.ops = !strcmp(platform, "powernv") ? &iom_backend_powernv : &iom_backend_pseries;
	memset(s, 0, sizeof(*s));
	ck_assert_int_lt(backend.ops->attach(&backend, &dev), 0);
	ck_assert_ptr_nonnull(s->policy);
	return s->policy;
}

static const struct iom_spapr_info nv = {
	.first = { 0, 2 * GIB, 12 },
	.page_sizes = 0x40211000,
	.max_windows = 2,
	.levels = 5,
};
static const struct iom_spapr_info series = {
	.first = { 0, GIB, 12 },
	.page_sizes = 0x1211000,
	.max_windows = 2,
	.levels = 1,
};

struct row {
	const struct iom_spapr_info *info;
	struct iom_backend_plan expected;
	struct iom_backend_wish wish;
	/* size 0: refused, with this word */
	const char *word;
	struct iom_window_plan made;
};

#define STATED(b, p)                                                            \
	{                                                                       \
		.bytes = (b), .page = (p), .base = KIB64, .bytes_stated = true, \
		.page_stated = true                                             \
	}
#define DEFAULT(b, p)                                    \
	{                                                \
		.bytes = (b), .page = (p), .base = KIB64 \
	}
#define ALL UINT64_MAX

static const struct iom_spapr_info nv_one = {
	.first = { 0, 2 * GIB, 12 },
	.page_sizes = 0x40211000,
	.max_windows = 1,
	.levels = 5,
};
static const struct iom_spapr_info nv_large = {
	.first = { 0, 2 * GIB, 12 },
	.page_sizes = 0x40200000,
	.max_windows = 2,
	.levels = 5,
};
static const struct iom_spapr_info nv_none = {
	.first = { 0, 2 * GIB, 12 },
	.max_windows = 2,
	.levels = 5,
};
static const struct iom_spapr_info vf = {
	.first = { 0, GIB, 12 },
	.page_sizes = 0x1211000,
	.max_windows = 1,
	.levels = 1,
};

static const struct row nv_rows[] = {
	/* the second window, at bit 59 */
	{ &nv,
	  STATED(8 * GIB, 2 * MIB),
	  { .backing = 2 * MIB, .reach = ALL },
	  NULL,
	  { { SECOND, 8 * GIB, 21 }, 1, false, false } },
	{ &nv,
	  STATED(64 * GIB, KIB64),
	  { .backing = KIB64, .reach = ALL },
	  NULL,
	  { { SECOND, 64 * GIB, 16 }, 2, false, false } },
	/* 16 MiB pages: the largest that it has below */
	{ &nv,
	  STATED(8 * GIB, 16 * MIB),
	  { .backing = 16 * MIB, .reach = ALL },
	  NULL,
	  { { SECOND, 8 * GIB, 21 }, 1, false, false } },
	/* the reach is just enough, and just not */
	{ &nv,
	  STATED(8 * GIB, GIB),
	  { .backing = GIB, .reach = SECOND + 8 * GIB - 1 },
	  NULL,
	  { { SECOND, 8 * GIB, 30 }, 1, false, false } },
	{ &nv,
	  STATED(8 * GIB, GIB),
	  { .backing = GIB, .reach = SECOND + 8 * GIB - 2 },
	  NULL,
	  { { 0, 8 * GIB, 30 }, 1, false, true } },
	/* small memory, and no room */
	{ &nv,
	  STATED(8 * GIB, 2 * MIB),
	  { .backing = KIB64, .reach = ALL, .full = true },
	  NULL,
	  { { SECOND, 8 * GIB, 16 }, 1, false, false } },
	/* in the place of the default window */
	{ &nv,
	  STATED(8 * GIB, KIB64),
	  { .backing = KIB64, .reach = BIT(48) - 1 },
	  NULL,
	  { { 0, 8 * GIB, 16 }, 1, false, true } },
	{ &nv,
	  STATED(8 * GIB, KIB64),
	  { .backing = KIB64, .reach = 8 * GIB - 1 },
	  NULL,
	  { { 0, 8 * GIB, 16 }, 1, false, true } },
	{ &nv,
	  STATED(64 * GIB, KIB64),
	  { .backing = KIB64, .reach = 16 * GIB - 2 },
	  NULL,
	  { { 0, 8 * GIB, 16 }, 1, false, true } },
	/* what lies between it and 4 GiB is no memory: then as large as the default one */
	{ &nv,
	  STATED(8 * GIB, KIB64),
	  { .backing = KIB64, .reach = BIT(32) - 1 },
	  NULL,
	  { { 0, 2 * GIB, 16 }, 1, false, true } },
	{ &nv,
	  STATED(8 * GIB, KIB4),
	  { .backing = KIB4, .reach = BIT(32) - 1 },
	  "default",
	  { .levels = 0 } },
	/* stated in bytes only, it is to serve small memory, too */
	{ &nv,
	  { .bytes = 8 * GIB, .page = 2 * MIB, .base = KIB64, .bytes_stated = true },
	  { .backing = 2 * MIB, .reach = BIT(48) - 1 },
	  NULL,
	  { { 0, 8 * GIB, 16 }, 1, false, true } },
	{ &nv,
	  { .bytes = 8 * GIB, .page = 2 * MIB, .base = KIB64, .page_stated = true },
	  { .backing = 2 * MIB, .reach = BIT(48) - 1 },
	  NULL,
	  { { 0, 8 * GIB, 21 }, 1, false, true } },
	{ &nv_one,
	  STATED(8 * GIB, KIB64),
	  { .backing = KIB64, .reach = ALL },
	  NULL,
	  { { 0, 8 * GIB, 16 }, 1, false, true } },
	/* no page is small enough; none at all */
	{ &nv_large,
	  STATED(8 * GIB, KIB64),
	  { .backing = KIB64, .reach = ALL },
	  "small",
	  { .levels = 0 } },
	{ &nv_large,
	  STATED(8 * GIB, KIB64),
	  { .backing = KIB64, .reach = BIT(40) },
	  "default",
	  { .levels = 0 } },
	{ &nv_none,
	  STATED(8 * GIB, KIB64),
	  { .backing = KIB64, .reach = ALL },
	  "small",
	  { .levels = 0 } },
	/* more than tables can be made for */
	{ &nv,
	  STATED(BIT(57), KIB4),
	  { .backing = KIB4, .reach = ALL },
	  "expect less",
	  { .levels = 0 } },
	/* by default as large as the machine's memory, up to 2^20 pages */
	{ &nv,
	  DEFAULT(TIB, KIB64),
	  { .backing = KIB64, .reach = ALL, .full = true },
	  NULL,
	  { { SECOND, 64 * GIB, 16 }, 2, false, false } },
};

static const struct row series_rows[] = {
	{ &series,
	  STATED(8 * GIB, 2 * MIB),
	  { .backing = 2 * MIB, .reach = ALL },
	  NULL,
	  { { 0, 8 * GIB, 21 }, 1, true, false } },
	{ &series,
	  STATED(8 * GIB, GIB),
	  { .backing = GIB, .reach = ALL },
	  NULL,
	  { { 0, 8 * GIB, 24 }, 1, true, false } },
	{ &series,
	  STATED(8 * GIB, 2 * MIB),
	  { .backing = KIB64, .reach = ALL, .full = true },
	  NULL,
	  { { 0, 8 * GIB, 16 }, 1, true, false } },
	/* not full, so for what is expected, not for what is at hand */
	{ &series,
	  STATED(8 * GIB, 2 * MIB),
	  { .backing = KIB64, .reach = ALL },
	  NULL,
	  { { 0, 8 * GIB, 21 }, 1, true, false } },
	{ &series,
	  STATED(8 * GIB, KIB64),
	  { .backing = KIB64, .reach = SECOND - 1 },
	  "far above",
	  { .levels = 0 } },
	{ &series,
	  STATED(BIT(42), KIB64),
	  { .backing = KIB64, .reach = ALL },
	  NULL,
	  { { 0, BIT(42), 16 }, 1, true, false } },
	{ &series,
	  STATED(BIT(42) + 1, KIB64),
	  { .backing = KIB64, .reach = ALL },
	  "too many entries",
	  { .levels = 0 } },
	{ &series,
	  STATED(8 * GIB, KIB4 / 2),
	  { .backing = KIB64, .reach = ALL },
	  "small",
	  { .levels = 0 } },
	{ &series,
	  DEFAULT(TIB, KIB4),
	  { .backing = KIB64, .reach = ALL, .full = true },
	  NULL,
	  { { 0, 4 * GIB, 12 }, 1, true, false } },
	{ &vf,
	  STATED(8 * GIB, 2 * MIB),
	  { .backing = 2 * MIB, .reach = ALL },
	  NULL,
	  { { 0, 8 * GIB, 21 }, 1, true, true } },
	{ &vf,
	  { .bytes = 8 * GIB, .page = 2 * MIB, .base = KIB64, .bytes_stated = true },
	  { .backing = 2 * MIB, .reach = ALL },
	  NULL,
	  { { 0, 8 * GIB, 16 }, 1, true, true } },
};

static void check_row(const char *platform, const struct row *row)
{
	struct iom_spapr s;
	const struct iom_spapr_policy *policy = policy_of(platform, &s);
	struct iom_window_plan made = { .levels = 77 };
	int ret;

	ret = policy->plan(row->info, &row->expected, &row->wish, &made);
	if (row->word) {
		ck_assert_int_eq(ret, -ERANGE);
		ck_assert_msg(strstr(iom_errmsg(), row->word), "%s", iom_errmsg());
		ck_assert_uint_eq(made.levels, 77);
		return;
	}
	ck_assert_int_eq(ret, 0);
	ck_assert_uint_eq(made.window.start, row->made.window.start);
	ck_assert_uint_eq(made.window.size, row->made.window.size);
	ck_assert_uint_eq(made.window.page_shift, row->made.window.page_shift);
	ck_assert_uint_eq(made.levels, row->made.levels);
	ck_assert_int_eq(made.start_is_free, row->made.start_is_free);
	ck_assert_int_eq(made.replaces_first, row->made.replaces_first);
}

START_TEST(powernv)
{
	check_row("powernv", &nv_rows[_i]);
	tear_down();
}
END_TEST

START_TEST(pseries)
{
	check_row("pseries", &series_rows[_i]);
	tear_down();
}
END_TEST

/* ---- The simulated kernel agrees ------------------------------------------------------------- */

/* Does PowerNV's kernel make a window like that. */
static bool is_made(unsigned int shift, uint64_t size, unsigned int levels)
{
	struct vfio_iommu_spapr_tce_create arg = { .argsz = sizeof(arg) };
	int container = open_container(), group = join_new(container, 14), ret;

	ck_assert_int_ge(group, 0);
	ck_assert_int_eq(set_spapr(container), 0);
	arg.page_shift = shift;
	arg.window_size = size;
	arg.levels = levels;
	ret = iom_sys_ioctl(sys, container, VFIO_IOMMU_SPAPR_TCE_CREATE, &arg);
	ck_assert_int_eq(iom_sys_close(sys, group), 0);
	ck_assert_int_eq(iom_sys_close(sys, container), 0);
	return !ret;
}

/* Whatever size is expected: what is planned is made, and what is refused could not be. */
START_TEST(levels)
{
	static const unsigned int shifts[] = { 12, 16, 21, 30 };
	const uint64_t base = _i % 2 ? KIB64 : KIB4;
	const unsigned int shift = shifts[_i / 2];
	struct iom_backend_plan expected = {
		.page = BIT(shift),
		.base = base,
		.bytes_stated = true,
		.page_stated = true,
	};
	const struct iom_backend_wish wish = { .backing = BIT(shift), .reach = ALL };
	const struct iom_sim_config config = {
		.size = sizeof(config),
		.platform = "powernv",
		.page_size = base,
		.memlock = IOM_SIM_UNLIMITED,
	};
	struct iom_spapr s;
	const struct iom_spapr_policy *policy = policy_of("powernv", &s);
	unsigned int bits, n, planned = 0, refused = 0;

	make(&config);
	for (bits = shift; bits <= 58; bits++) {
		struct iom_window_plan made;

		expected.bytes = BIT(bits);
		if (!policy->plan(&nv, &expected, &wish, &made)) {
			ck_assert_uint_eq(made.window.size, BIT(bits));
			ck_assert_msg(is_made(shift, BIT(bits), made.levels), "2^%u with %u levels",
				      bits, made.levels);
			planned++;
			continue;
		}
		for (n = 1; n <= 5; n++)
			ck_assert_msg(!is_made(shift, BIT(bits), n), "2^%u with %u levels", bits,
				      n);
		refused++;
	}
	ck_assert_uint_gt(planned, 15);
	ck_assert_uint_gt(refused, 0);
	tear_down();
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("power policy");
	TCase *tcase = tcase_create("policy");

	tcase_set_timeout(tcase, 60);
	tcase_add_loop_test(tcase, machine, 0, ARRAY_SIZE(trees));
	tcase_add_test(tcase, largest_page);
	tcase_add_test(tcase, window_size);
	tcase_add_loop_test(tcase, powernv, 0, ARRAY_SIZE(nv_rows));
	tcase_add_loop_test(tcase, pseries, 0, ARRAY_SIZE(series_rows));
	tcase_add_loop_test(tcase, levels, 0, 8);
	suite_add_tcase(suite, tcase);
	return run_suite(suite);
}
