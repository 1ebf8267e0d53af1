// SPDX-License-Identifier: BSD-3-Clause
/* The parts of the NVMe example that need no drive, and the command line of both examples. */
#include <endian.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "examples/args.h"
#include "examples/nvme.h"
#include "examples/poll_options.h"
#include "examples/poll_pattern.h"
#include "examples/poll_stats.h"
#include "examples/sentence.h"
#include "tests/unit/runner.h"

#define LIST_IOVA UINT64_C(0x7700000)

/* ---- Memory as the device sees it --------------------------------------------------------------- */

struct piece {
	uint64_t va;
	uint64_t iova;
	uint64_t length;
};

static const struct piece *pieces;
static size_t piece_count;
static uint64_t most; /* contiguous bytes in one range */

static void lay_out(const struct piece *list, size_t n, uint64_t limit)
{
	pieces = list;
	piece_count = n;
	most = limit;
}

/* The ranges of IOVAs behind length bytes at va, all of which are there. */
static size_t ranges_of(uint64_t va, uint64_t length, struct iom_sge *sges)
{
	uint64_t left;
	size_t n = 0;

	for (size_t i = 0; i < piece_count; i++) {
		for (; va >= pieces[i].va && va < pieces[i].va + pieces[i].length && length; n++) {
			left = pieces[i].va + pieces[i].length - va;
			left = left < most ? left : most;
			left = left < length ? left : length;
			sges[n] = (struct iom_sge){ pieces[i].iova + (va - pieces[i].va), left };
			va += left;
			length -= left;
		}
	}
	ck_assert_uint_eq(length, 0);
	return n;
}

/* What the drive would touch: it follows the entries, and bytes are counted page by page. */
static uint64_t walk(const struct nvme_prp *prp, const le64 *list, uint32_t page, uint64_t length,
		     uint64_t *iovas)
{
	uint64_t places = page / 8, n = 0, i = 0;
	uint64_t first = page - (prp->prp1 & (page - 1));
	uint64_t left = length;

	iovas[n++] = prp->prp1;
	if (left <= first)
		return n;
	left -= first;
	if (left <= page) {
		iovas[n++] = prp->prp2;
		return n;
	}
	ck_assert_uint_eq(prp->prp2, LIST_IOVA);
	for (; left; left -= left < page ? left : page) {
		if (i % places == places - 1 && left > page) {
			ck_assert_uint_eq(le64toh(list[i]), LIST_IOVA + (i + 1) * 8);
			i++;
		}
		iovas[n++] = le64toh(list[i++]);
	}
	return n;
}

static int build(uint64_t va, uint64_t length, uint32_t page, le64 *list, struct nvme_prp *prp)
{
	struct iom_sge sges[16];
	size_t n = ranges_of(va, length, sges);

	return nvme_prp_build(page, sges, n, list, LIST_IOVA, prp);
}

/* ---- PRPs --------------------------------------------------------------------------------------- */

#define LENGTHS 10
#define OFFSETS 5

/* Each transfer from each offset: every byte once, in order, and the list stays within its pages. */
START_TEST(prp_describes_every_byte)
{
	static const uint64_t lengths[LENGTHS] = { 512,   4096,  4100,    8192,    8196,
						   12288, 65536, 2097152, 2101248, 8388608 };
	static const uint64_t offsets[OFFSETS] = { 0, 4, 512, 2048, 4092 };
	static const struct piece whole = { 0x10000000, 0x40000000, 1 << 26 };
	static uint64_t iovas[3000];
	uint64_t length = lengths[_i / OFFSETS];
	uint64_t offset = offsets[_i % OFFSETS];
	uint64_t at = whole.iova + offset, n;
	uint32_t pages = nvme_prp_list_pages(4096, length);
	le64 *list = calloc(pages * 512 + 1, 8);
	struct nvme_prp prp;

	/* From these offsets a range ends within a page. */
	lay_out(&whole, 1, 2 << 20);
	list[pages * 512] = 0x5a5a;
	ck_assert_int_eq(build(whole.va + offset, length, 4096, list, &prp), 0);
	ck_assert_uint_eq(list[pages * 512], 0x5a5a);

	n = walk(&prp, list, 4096, length, iovas);
	for (uint64_t i = 0; i < n; i++) {
		ck_assert_uint_eq(iovas[i], at);
		at = (at & ~UINT64_C(4095)) + 4096;
	}
	ck_assert_uint_ge(at, whole.iova + offset + length);
	ck_assert_uint_lt(at, whole.iova + offset + length + 4096);
	free(list);
}
END_TEST

/* A buffer over two mappings, the second below the first, and at IOVA 0, which is as good as any. */
START_TEST(prp_follows_the_mappings)
{
	static const struct piece two[] = {
		{ 0x20000, 0x90000, 0x3000 },
		{ 0x23000, 0x0, 0x3000 },
	};
	le64 list[512];
	struct nvme_prp prp;

	lay_out(two, 2, UINT64_MAX);
	ck_assert_int_eq(build(0x21800, 0x4000, 4096, list, &prp), 0);
	ck_assert_uint_eq(prp.prp1, 0x91800);
	ck_assert_uint_eq(prp.prp2, LIST_IOVA);
	ck_assert_uint_eq(le64toh(list[0]), 0x92000);
	ck_assert_uint_eq(le64toh(list[1]), 0x0);
	ck_assert_uint_eq(le64toh(list[2]), 0x1000);
	ck_assert_uint_eq(le64toh(list[3]), 0x2000);

	ck_assert_int_eq(build(0x22000, 0x2000, 4096, list, &prp), 0);
	ck_assert_uint_eq(prp.prp1, 0x92000);
	ck_assert_uint_eq(prp.prp2, 0x0);
}
END_TEST

/* The drive's pages are larger than the machine's: a page of the drive must be of one piece. */
START_TEST(prp_of_large_pages)
{
	static const struct piece cut[] = {
		{ 0x20000, 0x40000, 0x18000 },
		{ 0x38000, 0x80000, 0x8000 },
	};
	static const struct piece joined[] = {
		{ 0x20000, 0x40000, 0x18000 },
		{ 0x38000, 0x58000, 0x4000 },
		{ 0x3c000, 0x5c000, 0x4000 },
	};
	static const struct piece cut_late[] = {
		{ 0x20000, 0x40000, 0x18000 },
		{ 0x38000, 0x58000, 0x4000 },
		{ 0x3c000, 0x80000, 0x4000 },
	};
	struct nvme_prp prp;

	lay_out(cut_late, 3, UINT64_MAX);
	ck_assert_int_eq(build(0x20000, 0x20000, 0x10000, NULL, &prp), -EINVAL);
	lay_out(cut, 2, UINT64_MAX);
	ck_assert_int_eq(build(0x20000, 0x18000, 0x10000, NULL, &prp), 0);
	ck_assert_uint_eq(prp.prp2, 0x50000);
	ck_assert_int_eq(build(0x20000, 0x20000, 0x10000, NULL, &prp), -EINVAL);

	lay_out(joined, 3, UINT64_MAX);
	ck_assert_int_eq(build(0x20000, 0x20000, 0x10000, NULL, &prp), 0);
	ck_assert_uint_eq(prp.prp1, 0x40000);
	ck_assert_uint_eq(prp.prp2, 0x50000);
}
END_TEST

START_TEST(prp_refuses)
{
	static const struct piece one = { 0x20000, 0x90000, 0x2000 };
	static const struct piece skewed[] = {
		{ 0x20000, 0x90000, 0x1000 },
		{ 0x21000, 0x95800, 0x1000 },
	};
	struct nvme_prp prp = { 1, 2 };

	lay_out(&one, 1, UINT64_MAX);
	ck_assert_int_eq(build(0x20002, 512, 4096, NULL, &prp), -EINVAL);
	lay_out(skewed, 2, UINT64_MAX);
	ck_assert_int_eq(build(0x20000, 0x2000, 4096, NULL, &prp), -EINVAL);
	ck_assert_uint_eq(prp.prp1, 1);
	ck_assert_uint_eq(prp.prp2, 2);
}
END_TEST

/* A status as nvme_poll() gives it: More and Do Not Retry, above type and code, change no words. */
START_TEST(status_has_words)
{
	ck_assert_str_eq(nvme_status_words(0x004),
			 "Data Transfer Error (status code type 0, code 0x04)");
	ck_assert_str_eq(nvme_status_words(0x4280), "Write Fault (status code type 2, code 0x80)");
	ck_assert_ptr_nonnull(strstr(nvme_status_words(0x7c7), "(status code type 7, code 0xc7)"));
}
END_TEST

/* ---- What is written ---------------------------------------------------------------------------- */

START_TEST(pattern_is_the_same_everywhere)
{
	static const uint8_t first[16] = { 0x1d, 0xdc, 0x57, 0x8c, 0x4a, 0x22, 0xad, 0x63,
					   0xa5, 0xc8, 0xe3, 0xa2, 0x61, 0x67, 0xd9, 0x4f };
	uint8_t block[512], other[512];

	poll_pattern_fill(block, sizeof(block), 42, 7, 1);
	ck_assert_mem_eq(block, first, sizeof(first));

	poll_pattern_fill(other, sizeof(other), 43, 7, 1);
	ck_assert_mem_ne(block, other, 8);
	poll_pattern_fill(other, sizeof(other), 42, 8, 1);
	ck_assert_mem_ne(block, other, 8);
	poll_pattern_fill(other, sizeof(other), 42, 7, 2);
	ck_assert_mem_ne(block, other, 8);
}
END_TEST

START_TEST(pattern_check_finds_each_byte)
{
	uint8_t block[512];

	poll_pattern_fill(block, sizeof(block), 1, 2, 3);
	ck_assert_uint_eq(poll_pattern_check(block, sizeof(block), 1, 2, 3), sizeof(block));
	for (size_t i = 0; i < sizeof(block); i++) {
		block[i] ^= 0x10;
		ck_assert_uint_eq(poll_pattern_check(block, sizeof(block), 1, 2, 3), i);
		block[i] ^= 0x10;
	}
}
END_TEST

/* Sums that cksum(1) of coreutils printed. */
START_TEST(cksum_is_posix)
{
	struct poll_cksum cksum;
	uint8_t block[1000];

	poll_cksum_start(&cksum);
	ck_assert_uint_eq(poll_cksum_finish(&cksum), 4294967295u);
	poll_cksum_add(&cksum, "1234", 4);
	poll_cksum_add(&cksum, "56789", 5);
	ck_assert_uint_eq(poll_cksum_finish(&cksum), 930766865u);

	memset(block, 0xff, sizeof(block));
	poll_cksum_start(&cksum);
	poll_cksum_add(&cksum, block, sizeof(block));
	ck_assert_uint_eq(poll_cksum_finish(&cksum), 2124716915u);
}
END_TEST

/* ---- Latencies ---------------------------------------------------------------------------------- */

START_TEST(histogram_keeps_a_32nd)
{
	static struct histogram histogram;

	ck_assert_uint_eq(histogram_percentile(&histogram, 50000), 0);
	ck_assert_uint_eq(histogram_average(&histogram), 0);

	/* From 1 to 2^63 in steps of about a sixth. */
	for (uint64_t value = 1; value < UINT64_C(1) << 62; value += value / 6 + 1) {
		uint64_t got;

		memset(&histogram, 0, sizeof(histogram));
		histogram_add(&histogram, value);
		histogram_add(&histogram, UINT64_MAX);
		got = histogram_percentile(&histogram, 50000);
		ck_assert_uint_ge(got, value);
		ck_assert_uint_le(got, value + value / 32);
		ck_assert_uint_eq(histogram_percentile(&histogram, 99900), UINT64_MAX);
	}
}
END_TEST

START_TEST(histogram_percentiles)
{
	static struct histogram histogram;

	for (uint64_t value = 1; value <= 1000; value++)
		histogram_add(&histogram, value * 1000);
	ck_assert_uint_eq(histogram_average(&histogram), 500500);
	ck_assert_uint_ge(histogram_percentile(&histogram, 50000), 500000);
	ck_assert_uint_le(histogram_percentile(&histogram, 50000), 515625);
	ck_assert_uint_ge(histogram_percentile(&histogram, 99900), 999000);
	ck_assert_uint_eq(histogram_percentile(&histogram, 100000), 1000000);
	ck_assert_uint_eq(histogram.max, 1000000);
}
END_TEST

/* ---- The command line --------------------------------------------------------------------------- */

START_TEST(sizes)
{
	static const struct {
		const char *text;
		uint64_t bytes; /* 0: refused */
	} cases[] = {
		{ "512", 512 },
		{ "4k", 4096 },
		{ "4K", 4096 },
		{ "64MiB", 64 << 20 },
		{ "1gb", 1 << 30 },
		{ "2t", UINT64_C(2) << 40 },
		{ "0x1000", 4096 },
		{ "010", 10 },
		{ "", 0 },
		{ "k", 0 },
		{ "-1", 0 },
		{ "+1", 0 },
		{ " 1", 0 },
		{ "1 k", 0 },
		{ "4kk", 0 },
		{ "4x", 0 },
		{ "1.5m", 0 },
		{ "18446744073709551616", 0 },
		{ "18446744073709551615k", 0 },
		{ "16777216t", 0 },
	};
	const char *rest;
	uint64_t bytes;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		bool good = !args_size(cases[i].text, &rest, &bytes) && !*rest;

		ck_assert_msg(good == (cases[i].bytes != 0), "\"%s\"", cases[i].text);
		if (good)
			ck_assert_uint_eq(bytes, cases[i].bytes);
	}
}
END_TEST

static enum args_result parse(struct poll_options *options, const char *words)
{
	static char copy[256];
	char *argv[32] = { (char *)"nvme_poll" };
	int argc = 1;

	snprintf(copy, sizeof(copy), "%s", words);
	for (char *word = strtok(copy, " "); word; word = strtok(NULL, " "))
		argv[argc++] = word;
	return poll_options_parse(argc, argv, options);
}

START_TEST(options_good)
{
	struct poll_options options;

	ck_assert_int_eq(parse(&options, "--device 0000:01:00.0"), ARGS_RUN);
	ck_assert_str_eq(options.device, "0000:01:00.0");
	ck_assert_ptr_null(options.backend);
	ck_assert_int_eq(options.mode, POLL_VERIFY);
	ck_assert_uint_eq(options.seconds, 5);
	ck_assert_uint_eq(options.depth, 32);
	ck_assert_uint_eq(options.queues, 1);
	ck_assert_uint_eq(options.block, 4096);
	ck_assert(!options.random && !options.hugepages && !options.quiet && !options.strict);
	ck_assert_int_eq(options.memory, POLL_MAPPED);

	ck_assert_int_eq(parse(&options,
			       "--device=1:0.0 --backend type1 --mode read --pattern rand "
			       "--seconds 7 --qd 4 --queues 3 --bs 64k --offset 1m"),
			 ARGS_RUN);
	ck_assert_str_eq(options.backend, "type1");
	ck_assert_int_eq(options.mode, POLL_READ);
	ck_assert(options.random);
	ck_assert_uint_eq(options.offset, 1 << 20);

	ck_assert_int_eq(parse(&options,
			       "--device x --span 8m --seed 12 --hugepages --quiet --strict"),
			 ARGS_RUN);
	ck_assert_uint_eq(options.span, 8 << 20);
	ck_assert_uint_eq(options.seed, 12);
	ck_assert(options.hugepages && options.quiet && options.strict);

	ck_assert_uint_eq(options.expect_page | options.expect_bytes | options.dma_bits, 0);
	ck_assert_int_eq(parse(&options,
			       "--device x --expect-page 64k --expect-bytes 16g --dma-bits 40"),
			 ARGS_RUN);
	ck_assert_uint_eq(options.expect_page, 64 << 10);
	ck_assert_uint_eq(options.expect_bytes, UINT64_C(16) << 30);
	ck_assert_uint_eq(options.dma_bits, 40);

	ck_assert_int_eq(parse(&options, "--device x --foreign --qd 65534"), ARGS_RUN);
	ck_assert_int_eq(options.memory, POLL_MALLOC);
	ck_assert_uint_eq(options.depth, 65534);
	ck_assert_int_eq(parse(&options, "--device x --foreign=malloc"), ARGS_RUN);
	ck_assert_int_eq(options.memory, POLL_MALLOC);
	ck_assert_int_eq(parse(&options, "--device x --foreign=declared --hugepages"), ARGS_RUN);
	ck_assert_int_eq(options.memory, POLL_DECLARED);

	ck_assert_ptr_null(options.journal);
	ck_assert_int_eq(parse(&options, "--device x --mode write --journal /run/j"), ARGS_RUN);
	ck_assert_str_eq(options.journal, "/run/j");

	ck_assert_int_eq(parse(&options, "--dev x --sp 8m --sec=3"), ARGS_RUN);
	ck_assert_uint_eq(options.span, 8 << 20);
	ck_assert_uint_eq(options.seconds, 3);

	ck_assert_int_eq(parse(&options, "--help --nonsense"), ARGS_HELP);
	ck_assert_int_eq(parse(&options, "--version"), ARGS_VERSION);
}
END_TEST

/* The sentence names the option, and the value if there is one. */
START_TEST(options_bad)
{
	static const char *const cases[][3] = {
		{ "", "--device", "" },
		{ "--device", "--device", "value" },
		{ "--device x --mode wipe", "\"wipe\"", "--mode" },
		{ "--device x --mode wipe", "none of", "write, read, verify" },
		{ "--device x --foreign=mine", "--foreign", "malloc, declared" },
		{ "--device x --foreign mine", "mine", "options only" },
		{ "--device x --foreign --hugepages", "--hugepages", "declared" },
		{ "--device x --pattern zigzag", "--pattern", "zigzag" },
		{ "--device x --seconds -1", "--seconds", "-1" },
		{ "--device x --seconds 5s", "--seconds", "5s" },
		{ "--device x --qd 0", "--qd", "\"0\"" },
		{ "--device x --qd 65535", "--qd", "65535" },
		{ "--device x --queues 0", "--queues", "\"0\"" },
		{ "--device x --bs 4q", "--bs", "4q" },
		{ "--device x --bs 1", "--bs", "\"1\"" },
		{ "--device x --bs 64m", "--bs", "64m" },
		{ "--device x --span 6k", "--span", "6144" },
		{ "--device x --offset -4k", "--offset", "-4k" },
		{ "--device x --seed abc", "--seed", "abc" },
		{ "--device x --expect-page 64q", "--expect-page", "64q" },
		{ "--device x --expect-bytes 0", "--expect-bytes", "\"0\"" },
		{ "--device x --dma-bits 65", "--dma-bits", "65" },
		{ "--device x --mode read --seconds 0", "--seconds", "read" },
		{ "--device x --mode read --journal j", "--journal", "read" },
		{ "--device x --bogus", "--bogus", "no such option" },
		{ "--device x --s 1", "--s ", "ambiguous: it may be --seconds, --span, --seed" },
		{ "--device x --se=1", "--se=1", "ambiguous: it may be --seconds, --seed" },
		{ "--device x --=1", "--=1", "ambiguous" },
		{ "--device x -z", "-z", "no such option" },
		{ "--device x --quiet=1", "--quiet=1", "no value" },
		{ "--device x extra", "extra", "options only" },
	};
	struct poll_options options;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		ck_assert_msg(parse(&options, cases[i][0]) == ARGS_BAD, "%s", cases[i][0]);
		ck_assert_msg(strstr(fail_sentence(), cases[i][1]) &&
				      strstr(fail_sentence(), cases[i][2]),
			      "%s: %s", cases[i][0], fail_sentence());
		ck_assert_ptr_null(strchr(fail_sentence(), '\n'));
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("nvme_example");
	TCase *prp = tcase_create("prp");
	TCase *data = tcase_create("data");
	TCase *options = tcase_create("options");

	tcase_add_loop_test(prp, prp_describes_every_byte, 0, LENGTHS * OFFSETS);
	tcase_add_test(prp, prp_follows_the_mappings);
	tcase_add_test(prp, prp_of_large_pages);
	tcase_add_test(prp, prp_refuses);
	tcase_add_test(data, status_has_words);
	tcase_add_test(data, pattern_is_the_same_everywhere);
	tcase_add_test(data, pattern_check_finds_each_byte);
	tcase_add_test(data, cksum_is_posix);
	tcase_add_test(data, histogram_keeps_a_32nd);
	tcase_add_test(data, histogram_percentiles);
	tcase_add_test(options, sizes);
	tcase_add_test(options, options_good);
	tcase_add_test(options, options_bad);
	suite_add_tcase(suite, prp);
	suite_add_tcase(suite, data);
	suite_add_tcase(suite, options);
	return run_suite(suite);
}
