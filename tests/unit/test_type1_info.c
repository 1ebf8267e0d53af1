// SPDX-License-Identifier: BSD-3-Clause
/* What VFIO_IOMMU_GET_INFO may answer, and what it should not. */
#include <errno.h>
#include <stddef.h>

#include <linux/vfio.h>

#include "backends/type1/info.h"
#include "tests/unit/runner.h"
#include "tests/unit/util.h"

#define HEAD 24 /* where current kernels put the first capability */
#define PAGE_SIZES UINT64_C(0x40201000)
#define MIGRATION VFIO_IOMMU_TYPE1_INFO_CAP_MIGRATION
#define RANGES VFIO_IOMMU_TYPE1_INFO_CAP_IOVA_RANGE
#define AVAIL VFIO_IOMMU_TYPE1_INFO_DMA_AVAIL

static const struct vfio_iova_range ranges[] = {
	{ 0, 0xfedfffff },
	{ 0xfef00000, 0xffffffffffff },
};

/* ---- Answers, byte by byte ---------------------------------------------------------------------- */

struct answer {
	unsigned char bytes[256];
	size_t n;
};

static void put(struct answer *answer, size_t at, const void *what, size_t n)
{
	ck_assert_uint_le(at + n, sizeof(answer->bytes));
	memcpy(answer->bytes + at, what, n);
	if (at + n > answer->n)
		answer->n = at + n;
}

static void put32(struct answer *answer, size_t at, uint32_t value)
{
	put(answer, at, &value, sizeof(value));
}

static void put_head(struct answer *answer, uint32_t flags, uint64_t page_sizes, uint32_t first)
{
	*answer = (struct answer){ .n = HEAD };
	put32(answer, offsetof(struct vfio_iommu_type1_info, flags), flags);
	put(answer, offsetof(struct vfio_iommu_type1_info, iova_pgsizes), &page_sizes,
	    sizeof(page_sizes));
	put32(answer, offsetof(struct vfio_iommu_type1_info, cap_offset), first);
}

static void put_cap(struct answer *answer, size_t at, uint16_t id, uint32_t next)
{
	struct vfio_info_cap_header head = { id, 1, next };

	put(answer, at, &head, sizeof(head));
}

/* Returns where it ends. */
static uint32_t put_ranges(struct answer *answer, size_t at, uint32_t next, uint32_t claimed)
{
	struct vfio_iommu_type1_info_cap_iova_range cap = { .nr_iovas = claimed };

	put(answer, at, &cap, sizeof(cap));
	put_cap(answer, at, RANGES, next);
	put(answer, at + sizeof(cap), ranges, sizeof(ranges));
	return (uint32_t)(at + sizeof(cap) + sizeof(ranges));
}

static uint32_t put_avail(struct answer *answer, size_t at, uint32_t next, uint32_t avail)
{
	struct vfio_iommu_type1_info_dma_avail cap = { .avail = avail };

	put(answer, at, &cap, sizeof(cap));
	put_cap(answer, at, AVAIL, next);
	return (uint32_t)(at + sizeof(cap));
}

/* As Linux 6.12 has it on Intel; from the first capability on, moved by skew bytes. */
static void put_all(struct answer *answer, uint32_t skew)
{
	uint32_t first = HEAD + skew, second = first + 24, third = second + 12;

	put_head(answer, VFIO_IOMMU_INFO_PGSIZES | VFIO_IOMMU_INFO_CAPS, PAGE_SIZES, first);
	put_cap(answer, first, MIGRATION, second);
	put_avail(answer, second, third, 65535);
	put_ranges(answer, third, 0, 2);
}

/* From a buffer of exactly its size, so that a read past its end is seen. */
static int parse_bytes(const unsigned char *bytes, size_t n, struct iom_type1_info *info)
{
	unsigned char *copy = malloc(n ? n : 1);
	int ret;

	memcpy(copy, bytes, n);
	ret = iom_type1_parse_info(copy, n, info);
	free(copy);
	return ret;
}

static int parse(const struct answer *answer, struct iom_type1_info *info)
{
	return parse_bytes(answer->bytes, answer->n, info);
}

static void check_all(struct iom_type1_info *info)
{
	size_t i;

	ck_assert_uint_eq(info->apertures.n, 2);
	for (i = 0; i < 2; i++) {
		ck_assert_uint_eq(info->apertures.v[i].start, ranges[i].start);
		ck_assert_uint_eq(info->apertures.v[i].last, ranges[i].end);
		ck_assert_uint_eq(info->apertures.v[i].page_sizes, PAGE_SIZES);
	}
	ck_assert(info->has_avail);
	ck_assert_uint_eq(info->avail, 65535);
	iom_aperture_free(&info->apertures);
}

/* ---- Right answers ------------------------------------------------------------------------------ */

/* Linux 6.1 puts capabilities at any offset; so do all bytes from 20, where the oldest struct ends. */
START_TEST(at_any_offset)
{
	struct iom_type1_info info;
	struct answer answer;

	put_all(&answer, (uint32_t)_i - 4);
	ck_assert_ok(parse(&answer, &info));
	check_all(&info);
}
END_TEST

/* The chain need not ascend, and what is unknown or of another version is passed over. */
START_TEST(in_any_order)
{
	struct iom_type1_info info;
	struct answer answer;

	put_head(&answer, VFIO_IOMMU_INFO_PGSIZES | VFIO_IOMMU_INFO_CAPS, PAGE_SIZES, 80);
	put_cap(&answer, 80, 0x7fff, 100);
	put_ranges(&answer, 100, 24, 2);
	put_cap(&answer, 24, 0, 32);
	put_avail(&answer, 32, 0, 65535);
	ck_assert_ok(parse(&answer, &info));
	check_all(&info);
}
END_TEST

START_TEST(without_a_count_of_free_maps)
{
	struct iom_type1_info info;
	struct answer answer;

	put_head(&answer, VFIO_IOMMU_INFO_PGSIZES | VFIO_IOMMU_INFO_CAPS, PAGE_SIZES, HEAD);
	put_ranges(&answer, HEAD, 0, 2);
	ck_assert_ok(parse(&answer, &info));
	ck_assert(!info.has_avail);
	ck_assert_uint_eq(info.apertures.n, 2);
	iom_aperture_free(&info.apertures);
}
END_TEST

/* A header that ends with the answer is complete if its kind has no more. */
START_TEST(header_at_the_very_end)
{
	struct iom_type1_info info;
	struct answer answer;
	uint32_t end;

	put_head(&answer, VFIO_IOMMU_INFO_PGSIZES | VFIO_IOMMU_INFO_CAPS, PAGE_SIZES, HEAD);
	end = put_ranges(&answer, HEAD, 0, 2);
	put_cap(&answer, end, 99, 0);
	put_ranges(&answer, HEAD, end, 2);
	ck_assert_ok(parse(&answer, &info));
	iom_aperture_free(&info.apertures);
	answer.n--;
	ck_assert_fails(parse(&answer, &info), -EIO, "outside");
}
END_TEST

/* ---- Too little --------------------------------------------------------------------------------- */

START_TEST(no_page_sizes)
{
	struct iom_type1_info info;
	struct answer answer;

	put_all(&answer, 0);
	put32(&answer, offsetof(struct vfio_iommu_type1_info, flags), VFIO_IOMMU_INFO_CAPS);
	ck_assert_fails(parse(&answer, &info), -EIO, "page sizes");
	put_all(&answer, 0);
	put(&answer, offsetof(struct vfio_iommu_type1_info, iova_pgsizes), "\0\0\0\0\0\0\0\0", 8);
	ck_assert_fails(parse(&answer, &info), -EIO, "page sizes");
}
END_TEST

START_TEST(no_ranges)
{
	struct iom_type1_info info;
	struct answer answer;

	/* before 5.4: no flag, whatever the offset says; or an answer that ends before the offset */
	put_all(&answer, 0);
	put32(&answer, offsetof(struct vfio_iommu_type1_info, flags), VFIO_IOMMU_INFO_PGSIZES);
	ck_assert_fails(parse(&answer, &info), -EOPNOTSUPP, "5.4");
	put_all(&answer, 0);
	answer.n = 16;
	ck_assert_fails(parse(&answer, &info), -EOPNOTSUPP, "5.4");
	/* an empty chain, one of other capabilities, an empty list */
	put_head(&answer, VFIO_IOMMU_INFO_PGSIZES | VFIO_IOMMU_INFO_CAPS, PAGE_SIZES, 0);
	ck_assert_fails(parse(&answer, &info), -EOPNOTSUPP, "5.4");
	put_head(&answer, VFIO_IOMMU_INFO_PGSIZES | VFIO_IOMMU_INFO_CAPS, PAGE_SIZES, HEAD);
	put_avail(&answer, HEAD, 0, 1);
	ck_assert_fails(parse(&answer, &info), -EOPNOTSUPP, "5.4");
	put_all(&answer, 0);
	put_ranges(&answer, HEAD + 36, 0, 0);
	ck_assert_fails(parse(&answer, &info), -EOPNOTSUPP, "5.4");
}
END_TEST

/* ---- Wrong -------------------------------------------------------------------------------------- */

START_TEST(capability_outside)
{
	static const uint32_t offsets[] = { 1,         8,   19,         124 - 7,
					    124,       125, 0x7fffffff, UINT32_MAX - 7,
					    UINT32_MAX };
	struct iom_type1_info info;
	struct answer answer;

	put_all(&answer, 0);
	answer.n = 124;
	put32(&answer, offsetof(struct vfio_iommu_type1_info, cap_offset), offsets[_i]);
	ck_assert_fails(parse(&answer, &info), -EIO, "outside");
	/* the same as a link */
	put_all(&answer, 0);
	answer.n = 124;
	put_ranges(&answer, HEAD + 36, offsets[_i], 2);
	ck_assert_fails(parse(&answer, &info), -EIO, "outside");
}
END_TEST

START_TEST(cycles)
{
	static const uint32_t targets[] = { HEAD, HEAD + 24, HEAD + 36 };
	struct iom_type1_info info;
	struct answer answer;

	put_all(&answer, 0);
	put_ranges(&answer, HEAD + 36, targets[_i], 2);
	ck_assert_fails(parse(&answer, &info), -EIO, "no end");
	/* a ring of nothing that is known */
	put_head(&answer, VFIO_IOMMU_INFO_PGSIZES | VFIO_IOMMU_INFO_CAPS, PAGE_SIZES, HEAD);
	put_cap(&answer, HEAD, 0, HEAD);
	ck_assert_fails(parse(&answer, &info), -EIO, "no end");
}
END_TEST

START_TEST(more_ranges_than_fit)
{
	static const uint32_t counts[] = { 3, 4, 0x08000000, 0x10000001, 0x80000000, UINT32_MAX };
	struct iom_type1_info info;
	struct answer answer;

	put_all(&answer, 0);
	put_ranges(&answer, HEAD + 36, 0, counts[_i]);
	ck_assert_fails(parse(&answer, &info), -EIO, "cut off");
}
END_TEST

START_TEST(cut_off_capabilities)
{
	struct iom_type1_info info;
	struct answer answer;
	uint32_t end;

	/* the list's head has no room for its count; the last range lacks a byte */
	put_all(&answer, 0);
	answer.n = HEAD + 36 + 12;
	ck_assert_fails(parse(&answer, &info), -EIO, "cut off");
	put_all(&answer, 0);
	answer.n--;
	ck_assert_fails(parse(&answer, &info), -EIO, "cut off");
	/* the count of free maps */
	put_head(&answer, VFIO_IOMMU_INFO_PGSIZES | VFIO_IOMMU_INFO_CAPS, PAGE_SIZES, HEAD);
	end = put_ranges(&answer, HEAD, 0, 2);
	put_ranges(&answer, HEAD, end, 2);
	put_avail(&answer, end, 0, 7);
	answer.n--;
	ck_assert_fails(parse(&answer, &info), -EIO, "cut off");
}
END_TEST

/* ---- Anything ----------------------------------------------------------------------------------- */

/* It is understood or refused; never half of it. */
static void check_sane(int ret, struct iom_type1_info *info)
{
	if (ret == 0) {
		ck_assert_uint_gt(info->apertures.n, 0);
	} else {
		ck_assert(ret == -EIO || ret == -EOPNOTSUPP);
		ck_assert_ptr_null(info->apertures.v);
		ck_assert_uint_eq(info->apertures.n, 0);
	}
	iom_aperture_free(&info->apertures);
}

START_TEST(every_prefix)
{
	struct iom_type1_info info;
	struct answer answer;
	uint32_t skew;
	size_t n;

	for (skew = 0; skew < 9; skew++) {
		put_all(&answer, skew);
		for (n = 0; n < answer.n; n++) {
			int ret = parse_bytes(answer.bytes, n, &info);

			ck_assert_msg(ret < 0, "%zu of %zu bytes are enough", n, answer.n);
			check_sane(ret, &info);
		}
	}
}
END_TEST

START_TEST(random_bytes)
{
	uint64_t random = random_start();
	struct iom_type1_info info;
	struct answer answer;
	unsigned int i, flips;

	for (i = 0; i < 20000; i++) {
		put_all(&answer, (uint32_t)random_below(&random, 9));
		for (flips = 1 + (unsigned int)random_below(&random, 4); flips; flips--)
			answer.bytes[random_below(&random, answer.n)] =
				(unsigned char)(random_below(&random, 2)
							? random_below(&random, 128)
							: random_next(&random));
		if (random_below(&random, 4) == 0)
			answer.n = random_below(&random, answer.n);
		check_sane(parse(&answer, &info), &info);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("type1_info");
	TCase *right = tcase_create("right");
	TCase *wrong = tcase_create("wrong");

	tcase_set_timeout(wrong, 120);
	tcase_add_loop_test(right, at_any_offset, 0, 16);
	tcase_add_test(right, in_any_order);
	tcase_add_test(right, without_a_count_of_free_maps);
	tcase_add_test(right, header_at_the_very_end);
	tcase_add_test(wrong, no_page_sizes);
	tcase_add_test(wrong, no_ranges);
	tcase_add_loop_test(wrong, capability_outside, 0, 9);
	tcase_add_loop_test(wrong, cycles, 0, 3);
	tcase_add_loop_test(wrong, more_ranges_than_fit, 0, 6);
	tcase_add_test(wrong, cut_off_capabilities);
	tcase_add_test(wrong, every_prefix);
	tcase_add_test(wrong, random_bytes);
	suite_add_tcase(suite, right);
	suite_add_tcase(suite, wrong);
	return run_suite(suite);
}
