// SPDX-License-Identifier: BSD-3-Clause
#include <errno.h>
#include <pthread.h>

#include "lib/error.h"
#include "tests/unit/runner.h"
#include "tests/unit/util.h"

static void *read_sentence(void *arg)
{
	(void)arg;
	ck_assert_str_eq(iom_errmsg(), "");
	iom_error_set("theirs");
	return NULL;
}

START_TEST(each_thread_has_its_own)
{
	pthread_t thread;

	ck_assert_str_eq(iom_errmsg(), "");
	iom_error_set("mine");
	ck_assert_int_eq(pthread_create(&thread, NULL, read_sentence, NULL), 0);
	ck_assert_int_eq(pthread_join(thread, NULL), 0);
	ck_assert_str_eq(iom_errmsg(), "mine");
}
END_TEST

START_TEST(set_prefix_append)
{
	ck_assert_int_eq(iom_error(-EBUSY, "group %u is %s", 14, "held"), -EBUSY);
	ck_assert_str_eq(iom_errmsg(), "group 14 is held");
	ck_assert_int_eq(iom_error_prefix(-EIO, "attach %s: ", "0000:01:00.0"), -EIO);
	ck_assert_str_eq(iom_errmsg(), "attach 0000:01:00.0: group 14 is held");
	iom_error_append(" by %d", 17);
	ck_assert_str_eq(iom_errmsg(), "attach 0000:01:00.0: group 14 is held by 17");
	iom_error_set("a%sb\nc", "\033");
	ck_assert_str_eq(iom_errmsg(), "a?b?c");
	iom_error_set("\xc2\x9b"
		      "2J\xc3\x9b");
	ck_assert_str_eq(iom_errmsg(), "??2J\xc3\x9b");
	iom_error_set("new");
	ck_assert_str_eq(iom_errmsg(), "new");
}
END_TEST

/* What the caller hands in, an address or a file name, may look like a format. */
START_TEST(percent_signs_are_text)
{
	iom_error_set("%s", "%s%n%d");
	iom_error_set_prefix("%s: ", "%s%n");
	iom_error_append(" %s", "100%");
	ck_assert_str_eq(iom_errmsg(), "%s%n: %s%n%d 100%");
}
END_TEST

/* The sentence itself may be part of the next one. */
START_TEST(quotes_itself)
{
	iom_error_set("inner");
	iom_error_set_prefix("outer (%s): ", iom_errmsg());
	ck_assert_str_eq(iom_errmsg(), "outer (inner): inner");
}
END_TEST

START_TEST(too_long_is_cut)
{
	char text[2 * IOM_ERROR_MAX];

	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';

	iom_error_set("%s", text);
	ck_assert_uint_eq(strlen(iom_errmsg()), IOM_ERROR_MAX - 1);
	iom_error_append("%s", "more");
	ck_assert_uint_eq(strlen(iom_errmsg()), IOM_ERROR_MAX - 1);
	ck_assert_int_eq(iom_errmsg()[IOM_ERROR_MAX - 2], 'x');

	iom_error_set_prefix("front: ");
	ck_assert_uint_eq(strlen(iom_errmsg()), IOM_ERROR_MAX - 1);
	ck_assert_mem_eq(iom_errmsg(), "front: xxx", 10);

	memset(text, 'y', sizeof(text) - 1);
	iom_error_set_prefix("%s", text);
	ck_assert_uint_eq(strlen(iom_errmsg()), IOM_ERROR_MAX - 1);
	ck_assert_int_eq(iom_errmsg()[IOM_ERROR_MAX - 2], 'y');
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("error");
	TCase *tcase = tcase_create("sentence");

	tcase_add_test(tcase, each_thread_has_its_own);
	tcase_add_test(tcase, set_prefix_append);
	tcase_add_test(tcase, percent_signs_are_text);
	tcase_add_test(tcase, quotes_itself);
	tcase_add_test(tcase, too_long_is_cut);
	suite_add_tcase(suite, tcase);
	return run_suite(suite);
}
