// SPDX-License-Identifier: BSD-3-Clause
/* Whether RLIMIT_MEMLOCK is what was in the way, and by how much. */
#include "lib/memlock.h"
#include "tests/unit/fake_files.h"
#include "tests/unit/runner.h"
#include "tests/unit/util.h"

#define STATUS "/proc/self/status"
#define LIMITS "/proc/self/limits"

#define HEAD                                                                               \
	"Limit                     Soft Limit           Hard Limit           Units     \n" \
	"Max processes             95000                95000                processes \n"
#define LOCKED_LIMIT(soft) \
	"Max locked memory         " soft "              9999999999           bytes\n"

typedef int explain_fn(const struct iom_sys *sys, uint64_t need);

static int explain_by(explain_fn *fn, const char *status, const char *limits, uint64_t need)
{
	const struct fake_file files[] = {
		{ STATUS, status, -ENOENT },
		{ LIMITS, limits, -EACCES },
		{ NULL, NULL, 0 },
	};
	struct iom_sys sys = fake_files(files);

	return fn(&sys, need);
}

static int explain(const char *status, const char *limits, uint64_t need)
{
	return explain_by(iom_memlock_error, status, limits, need);
}

static int explain_user(const char *status, const char *limits, uint64_t need)
{
	return explain_by(iom_memlock_user_error, status, limits, need);
}

START_TEST(need_and_limit)
{
	ck_assert_fails(explain("VmPeak:  1 kB\nVmLck:\t    48 kB\n", HEAD LOCKED_LIMIT("65536"),
				64 << 10),
			-ENOMEM, "RLIMIT_MEMLOCK", " 64 KiB more", " 48 KiB locked", "is 64 KiB",
			"ulimit -l", "CAP_IPC_LOCK");
}
END_TEST

/* A process may call itself anything. */
START_TEST(a_name_is_no_number)
{
	ck_assert_fails(explain("Name:\tVmLck: 1 kB\nVmLck:\t    48 kB\n",
				HEAD LOCKED_LIMIT("65536"), 64 << 10),
			-ENOMEM, "RLIMIT_MEMLOCK", " 48 KiB locked");
	ck_assert_fails(explain("Name:\tCapEff:ffffffff\nVmLck:\t    48 kB\n",
				HEAD LOCKED_LIMIT("65536"), 64 << 10),
			-ENOMEM, "RLIMIT_MEMLOCK");
}
END_TEST

/* It fits to the byte: the limit was not it. */
START_TEST(limit_is_not_the_reason)
{
	ck_assert_fails(explain("VmLck: 48 kB\n", HEAD LOCKED_LIMIT("65536"), 16 << 10), -ENOMEM,
			"16 KiB");
	ck_assert_ptr_null(strstr(iom_errmsg(), "RLIMIT_MEMLOCK"));
	ck_assert_fails(explain("VmLck: 48 kB\n", HEAD LOCKED_LIMIT("65536"), (16 << 10) + 4096),
			-ENOMEM, "RLIMIT_MEMLOCK");
	ck_assert_fails(explain("VmLck: 48 kB\n", HEAD LOCKED_LIMIT("unlimited"), GIB), -ENOMEM,
			"1048576 KiB");
	ck_assert_ptr_null(strstr(iom_errmsg(), "RLIMIT_MEMLOCK"));
}
END_TEST

/* Without /proc there is a sentence, too. */
START_TEST(nothing_to_read)
{
	ck_assert_fails(explain(NULL, NULL, 4096), -ENOMEM, "4 KiB");
	ck_assert_fails(explain("VmLck: 48 kB\n", "", 4096), -ENOMEM, "4 KiB");
	ck_assert_fails(explain(NULL, HEAD LOCKED_LIMIT("4096"), 8192), -ENOMEM, "RLIMIT_MEMLOCK",
			" 0 KiB locked");
	ck_assert_fails(explain("VmLck: many\n", HEAD LOCKED_LIMIT("4096"), 8192), -ENOMEM,
			" 0 KiB locked");
	ck_assert_fails(explain("VmLck:", "Max locked memory", 8192), -ENOMEM, "8 KiB");
}
END_TEST

/* Where the user's processes are counted together, what this one has pinned is only a part of it. */
START_TEST(of_the_user)
{
	ck_assert_fails(explain_user("VmLck: 1 kB\nVmPin:\t    48 kB\n", HEAD LOCKED_LIMIT("65536"),
				     64 << 10),
			-ENOMEM, "RLIMIT_MEMLOCK", " 64 KiB more", " 48 KiB pinned", "is 64 KiB",
			"all processes of this user", "ulimit -l", "CAP_IPC_LOCK");
	/* it would fit: then it was the others, or the kernel's own memory */
	ck_assert_fails(explain_user("VmPin: 48 kB\n", HEAD LOCKED_LIMIT("65536"), 16 << 10),
			-ENOMEM, "16 KiB", "other processes of this user", "RLIMIT_MEMLOCK");
	ck_assert_fails(explain_user("VmPin: 48 kB\n", HEAD LOCKED_LIMIT("65536"), 20 << 10),
			-ENOMEM, " 20 KiB more", " 48 KiB pinned");
	ck_assert_fails(explain_user(NULL, NULL, 4096), -ENOMEM, "4 KiB", "other processes");
	/* what is locked is not what is pinned */
	ck_assert_fails(explain_user("VmLck: 48 kB\n", HEAD LOCKED_LIMIT("4096"), 8192), -ENOMEM,
			" 0 KiB pinned");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("memlock");
	TCase *tcase = tcase_create("memlock");

	tcase_add_test(tcase, need_and_limit);
	tcase_add_test(tcase, a_name_is_no_number);
	tcase_add_test(tcase, limit_is_not_the_reason);
	tcase_add_test(tcase, nothing_to_read);
	tcase_add_test(tcase, of_the_user);
	suite_add_tcase(suite, tcase);
	return run_suite(suite);
}
