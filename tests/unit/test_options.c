// SPDX-License-Identifier: BSD-3-Clause
/* Structs that begin with their own size: shorter, longer, forgotten. */
#include <errno.h>
#include <stddef.h>

#include "lib/options.h"
#include "tests/unit/runner.h"
#include "tests/unit/util.h"

/* Ours, of a later version than the first release, which ended behind b. */
struct ours {
	size_t size;
	uint64_t a, b;
	uint64_t later;
};

#define FIRST offsetof(struct ours, later)

/* An exact copy on the heap, so that reading past the caller's struct is seen. */
static int read_exactly(const void *callers, size_t bytes, struct ours *ours)
{
	void *copy = malloc(bytes);
	int ret;

	memcpy(copy, callers, bytes);
	memset(ours, 0x5a, sizeof(*ours));
	ret = iom_options_read(ours, sizeof(*ours), FIRST, copy, "ours");
	free(copy);
	return ret;
}

START_TEST(null_is_all_defaults)
{
	struct ours ours, zeros = { 0 };

	memset(&ours, 0x5a, sizeof(ours));
	ck_assert_ok(iom_options_read(&ours, sizeof(ours), FIRST, NULL, "ours"));
	ck_assert_mem_eq(&ours, &zeros, sizeof(ours));
}
END_TEST

START_TEST(same_size)
{
	struct ours callers = { sizeof(callers), 1, 2, 3 }, ours;

	ck_assert_ok(read_exactly(&callers, sizeof(callers), &ours));
	ck_assert_mem_eq(&ours, &callers, sizeof(ours));
}
END_TEST

START_TEST(shorter_reads_as_zeros)
{
	struct ours callers = { FIRST, 1, 2, 3 }, ours;

	ck_assert_ok(read_exactly(&callers, FIRST, &ours));
	ck_assert_uint_eq(ours.a, 1);
	ck_assert_uint_eq(ours.b, 2);
	ck_assert_uint_eq(ours.later, 0);

	/* a size within a member: what there is of it */
	callers.size = FIRST + 1;
	callers.later = UINT64_C(0x1122334455667788);
	ck_assert_ok(read_exactly(&callers, FIRST + 1, &ours));
	ck_assert_mem_eq(&ours.later, &callers.later, 1);
	ck_assert_mem_eq((char *)&ours.later + 1, "\0\0\0\0\0\0\0", 7);
}
END_TEST

START_TEST(below_the_first_release)
{
	struct ours callers = { 0 }, ours;
	size_t size;

	for (size = 0; size < FIRST; size++) {
		callers.size = size;
		ck_assert_fails(read_exactly(&callers, sizeof(size_t), &ours), -EINVAL, "ours.size",
				"sizeof(struct ours)");
	}
}
END_TEST

START_TEST(longer_with_zeros)
{
	struct {
		struct ours ours;
		unsigned char tail[24];
	} callers = { { sizeof(callers), 1, 2, 3 }, { 0 } };
	struct ours ours;

	ck_assert_ok(read_exactly(&callers, sizeof(callers), &ours));
	ck_assert_uint_eq(ours.a, 1);
	ck_assert_uint_eq(ours.later, 3);
}
END_TEST

START_TEST(longer_with_anything_else)
{
	struct {
		struct ours ours;
		unsigned char tail[24];
	} callers = { { sizeof(callers), 1, 2, 3 }, { 0 } };
	char position[16];
	struct ours ours;
	size_t i;

	for (i = 0; i < sizeof(callers.tail); i++) {
		memset(callers.tail, 0, sizeof(callers.tail));
		callers.tail[i] = 0x80;
		snprintf(position, sizeof(position), "byte %zu", sizeof(struct ours) + i);
		ck_assert_fails(read_exactly(&callers, sizeof(callers), &ours), -E2BIG, "ours",
				position);
	}
}
END_TEST

/* A size that was never set is not believed: nothing behind the struct is read. */
START_TEST(nonsense_size)
{
	struct ours callers = { SIZE_MAX, 1, 2, 3 }, ours;

	ck_assert_fails(read_exactly(&callers, sizeof(callers), &ours), -E2BIG, "ours.size",
			"sizeof(struct ours)");
	callers.size = 1 << 20;
	ck_assert_fails(read_exactly(&callers, sizeof(callers), &ours), -E2BIG, "ours.size");
}
END_TEST

/* No implicit padding: all of a struct's bytes are members, so a tail's bytes mean something. */
START_TEST(public_structs_have_no_padding)
{
	ck_assert_uint_eq(sizeof(struct iom_open_opts),
			  sizeof(size_t) + sizeof(char *) + sizeof(void (*)(void)) +
				  sizeof(void *) + 40 + sizeof(void *));
	ck_assert_uint_eq(sizeof(struct iom_attach_opts), sizeof(size_t) + 3 * 8);
	ck_assert_uint_eq(sizeof(struct iom_adopt_opts), sizeof(size_t) + sizeof(void *) + 3 * 8);
	ck_assert_uint_eq(sizeof(struct iom_iova_range), 16);
	ck_assert_uint_eq(sizeof(struct iom_fds), sizeof(size_t) + 4 * 8);
	ck_assert_uint_eq(sizeof(struct iom_map_opts), sizeof(size_t) + 16 + sizeof(void *) +
							       sizeof(void (*)(void)) +
							       sizeof(void *));
	ck_assert_uint_eq(sizeof(struct iom_piece), 24);
	ck_assert_uint_eq(sizeof(struct iom_segment), 24);
	ck_assert_uint_eq(sizeof(struct iom_sge), 16);
	ck_assert_uint_eq(sizeof(struct iom_stream_counters), sizeof(size_t) + 6 * 8);
	ck_assert_uint_eq(sizeof(struct iom_aperture), 32);
	ck_assert_uint_eq(sizeof(struct iom_region), 56);
	ck_assert_uint_eq(sizeof(struct iom_counters), sizeof(size_t) + 7 * 8);
	ck_assert_uint_eq(sizeof(struct iom_tree_opts), sizeof(size_t) + sizeof(char *));
	ck_assert_uint_eq(sizeof(struct iom_tree_info),
			  sizeof(size_t) + 16 * 8 + IOM_TREE_RANGES * 24 + 3 * IOM_TREE_PATH +
				  2 * IOM_TREE_NAME);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("options");
	TCase *tcase = tcase_create("size");

	tcase_add_test(tcase, null_is_all_defaults);
	tcase_add_test(tcase, same_size);
	tcase_add_test(tcase, shorter_reads_as_zeros);
	tcase_add_test(tcase, below_the_first_release);
	tcase_add_test(tcase, longer_with_zeros);
	tcase_add_test(tcase, longer_with_anything_else);
	tcase_add_test(tcase, nonsense_size);
	tcase_add_test(tcase, public_structs_have_no_padding);
	suite_add_tcase(suite, tcase);
	return run_suite(suite);
}
