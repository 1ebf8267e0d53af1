// SPDX-License-Identifier: BSD-3-Clause
/* What is expected of a domain: by its options, else by what the machine has. */
#include <unistd.h>

#include "lib/plan.h"
#include "tests/unit/fake_files.h"
#include "tests/unit/power_rig.h"
#include "tests/unit/runner.h"

#define KIB4 UINT64_C(4096)

/* ---- The machine ----------------------------------------------------------------------------- */

static uint64_t base; /* of the memory; 0: nobody knows */

static int find_base(void *ctx, int fd, uint64_t addr, struct iom_vma *vma)
{
	(void)ctx;
	(void)fd;
	*vma = (struct iom_vma){ addr, addr + 1, base };
	return base ? 0 : -EACCES;
}

static struct iom_backend_plan plan_of(const char *meminfo, uint64_t bytes, uint64_t page)
{
	const struct fake_file files[] = { { "/proc/meminfo", meminfo, -EACCES }, { 0 } };
	const struct iom_backend_plan expected = { .bytes = bytes, .page = page };
	struct iom_sys fake = fake_files(files);

	fake.find_vma = find_base;
	return iom_plan(&fake, &expected);
}

#define MEMINFO(total, huge, size)                                                          \
	"MemTotal:       " total " kB\nMemFree:         1 kB\nSwapTotal: 7 kB\n"            \
	"AnonHugePages:    999 kB\nShmemHugePages:     999 kB\nHugePages_Total: " huge "\n" \
	"HugePages_Free:     33\nHugepagesize: " size " kB\nHugetlb:       55 kB\n"

START_TEST(machine)
{
	static const struct {
		const char *meminfo;
		uint64_t bytes, page, base;
	} rows[] = {
		{ MEMINFO("4194304", "    0", " 2048"), 4 * GIB, KIB64, KIB64 },
		{ MEMINFO("4194304", "    1", " 2048"), 4 * GIB, 2 * MIB, KIB64 },
		{ MEMINFO("4194304", "   64", "16384"), 4 * GIB, 16 * MIB, KIB4 },
		{ MEMINFO("4194304", "   64", "1048576"), 4 * GIB, GIB, KIB4 },
		{ MEMINFO("68719476736", " 64", "2048"), 64 * TIB, 2 * MIB, KIB4 },
		/* without a word of huge pages, or of memory */
		{ "MemTotal: 16 kB\n", 16 * KIB, KIB64, KIB64 },
		{ "HugePages_Total: 5\n", 0, KIB64, KIB64 },
		{ "HugePages_Total: 5\nHugepagesize: 0 kB\n", 0, KIB64, KIB64 },
		{ "Hugepagesize: 2048 kB\n", 0, KIB64, KIB64 },
		{ "MemTotal: much\nHugePages_Total: many\n", 0, KIB64, KIB64 },
		{ "MemTotal:", 0, KIB64, KIB64 },
		{ "", 0, KIB64, KIB64 },
		{ NULL, 0, KIB64, KIB64 },
	};
	struct iom_backend_plan plan;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		base = rows[i].base;
		plan = plan_of(rows[i].meminfo, 0, 0);
		ck_assert_uint_eq(plan.bytes, rows[i].bytes);
		ck_assert_uint_eq(plan.page, rows[i].page);
		ck_assert_uint_eq(plan.base, base);
		ck_assert(!plan.bytes_stated && !plan.page_stated);
	}
	base = 0;
	ck_assert_uint_eq(plan_of("", 0, 0).base, (uint64_t)sysconf(_SC_PAGESIZE));
}
END_TEST

/* What is stated counts, and only that counts as stated. */
START_TEST(stated)
{
	const char *meminfo = MEMINFO("4194304", "64", "2048");
	struct iom_backend_plan plan;

	base = KIB64;
	plan = plan_of(meminfo, 5 * GIB + 1, 0);
	ck_assert_uint_eq(plan.bytes, 5 * GIB + 1);
	ck_assert_uint_eq(plan.page, 2 * MIB);
	ck_assert(plan.bytes_stated && !plan.page_stated);
	plan = plan_of(meminfo, 0, GIB);
	ck_assert_uint_eq(plan.bytes, 4 * GIB);
	ck_assert_uint_eq(plan.page, GIB);
	ck_assert(!plan.bytes_stated && plan.page_stated);
	plan = plan_of(NULL, 1, KIB4);
	ck_assert_uint_eq(plan.bytes, 1);
	ck_assert_uint_eq(plan.page, KIB4);
	ck_assert(plan.bytes_stated && plan.page_stated);
}
END_TEST

/* ---- Options --------------------------------------------------------------------------------- */

START_TEST(bad_pages)
{
	static const uint64_t pages[] = {
		1,          2,
		512,        2048,
		4095,       4097,
		3 * KIB4,   2 * MIB + KIB4,
		UINT64_MAX, (UINT64_C(1) << 63) + 1,
	};
	struct power power = power_of("powernv");
	struct iom_domain *dom = NULL;
	char word[32];
	size_t i;

	for (i = 0; i < ARRAY_SIZE(pages); i++) {
		power.opts.expect_page = pages[i];
		snprintf(word, sizeof(word), "0x%" PRIx64 ";", pages[i]);
		ck_assert_fails(iom_open(&dom, &power.opts), -EINVAL, "open: ", "expect_page",
				"power of two", word);
		ck_assert_ptr_null(dom);
	}
}
END_TEST

/* Whatever is stated, the device can be used: what cannot be is told, and the kernel not asked. */
START_TEST(odd_expectations)
{
	static const struct {
		uint64_t bytes, page;
		unsigned int created;
	} rows[] = {
		/* the machine's memory is more than the default window */
		{ 0, KIB4, 1 },
		{ 1, KIB4, 0 },
		{ 1, KIB64, 1 },
		{ UINT64_MAX, KIB64, 0 },
		{ UINT64_MAX, KIB4, 0 },
		{ 0, UINT64_C(1) << 63, 1 },
		{ GIB, UINT64_C(1) << 63, 1 },
		{ UINT64_MAX, UINT64_C(1) << 63, 0 },
	};
	const char *platform = platforms[_i];
	struct iom_region r;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		struct power power = power_of(platform);

		power.opts.expect_bytes = rows[i].bytes;
		power.opts.expect_page = rows[i].page;
		power_attach(&power);
		ck_assert_msg(creates() == rows[i].created, "%s, row %zu: %u made", platform, i,
			      creates());
		ck_assert_ok(map_any(power_memory(KIB64, KIB64), KIB64, &r));
		ck_assert(dma_works(NVME, &r));
		power_end();
	}
}
END_TEST

/* On other machines they mean nothing. */
START_TEST(elsewhere)
{
	struct power power = power_of("x86-48");
	struct iom_region r;

	power.opts.expect_bytes = 8 * GIB;
	power.opts.expect_page = 2 * MIB;
	power_attach(&power);
	ck_assert_str_eq(iom_backend(rig.dom), "type1");
	ck_assert_ok(map_any(power_memory(KIB64, KIB64), KIB64, &r));
	ck_assert_uint_eq(creates(), 0);
	ck_assert(dma_works(NVME, &r));
	power_end();
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("plan");
	TCase *tcase = tcase_create("plan");

	tcase_set_timeout(tcase, 60);
	tcase_add_test(tcase, machine);
	tcase_add_test(tcase, stated);
	tcase_add_test(tcase, bad_pages);
	tcase_add_loop_test(tcase, odd_expectations, 0, 2);
	tcase_add_test(tcase, elsewhere);
	suite_add_tcase(suite, tcase);
	return run_suite(suite);
}
