// SPDX-License-Identifier: BSD-3-Clause
/* The pages behind a range: over mappings of several sizes, by query and from smaps. */
#include <errno.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/pages.h"
#include "tests/unit/runner.h"
#include "tests/unit/util.h"

#define KIB4 UINT64_C(4096)
#define KIB64 UINT64_C(65536)

/* ---- A range over mappings ------------------------------------------------------------------- */

struct vmas {
	struct iom_vma v[8]; /* size 0 ends them */
	unsigned int asked;
};

static int find_vma(void *ctx, int fd, uint64_t addr, struct iom_vma *vma)
{
	struct vmas *vmas = ctx;
	const struct iom_vma *v;

	ck_assert_int_lt(fd, 0);
	vmas->asked++;
	ck_assert_uint_lt(vmas->asked, 100000);
	for (v = vmas->v; v->page_size; v++) {
		if (addr < v->start || addr >= v->end)
			continue;
		*vma = *v;
		return 0;
	}
	return -ENOENT;
}

static struct vmas mixed = { .v = {
				     { GIB, GIB + 4 * MIB, 2 * MIB },
				     { GIB + 4 * MIB, GIB + 5 * MIB, KIB64 },
				     { GIB + 5 * MIB, GIB + 6 * MIB, KIB4 },
				     /* a hole */
				     { GIB + 32 * MIB, GIB + 48 * MIB, 16 * MIB },
				     { GIB + 48 * MIB, GIB + 64 * MIB, 16 * MIB },
				     { 2 * GIB, 4 * GIB, GIB },
				     { UINT64_MAX - MIB + 1, UINT64_MAX, KIB64 },
			     } };

#define RUNS 4

START_TEST(ranges)
{
	static const struct {
		uint64_t va, length;
		struct iom_run runs[RUNS]; /* of all of it */
		unsigned int asked;
	} rows[] = {
		{ GIB, 1, { { 2 * MIB, 1 } }, 1 },
		{ GIB, 4 * MIB, { { 2 * MIB, 4 * MIB } }, 1 },
		{ GIB + 4 * MIB - 1, 1, { { 2 * MIB, 1 } }, 1 },
		{ GIB, 4 * MIB + 1, { { 2 * MIB, 4 * MIB }, { KIB64, 1 } }, 3 },
		{ GIB + 4 * MIB, MIB, { { KIB64, MIB } }, 1 },
		{ GIB, 6 * MIB, { { 2 * MIB, 4 * MIB }, { KIB64, MIB }, { KIB4, MIB } }, 5 },
		{ GIB + 4 * MIB - 1, 2, { { 2 * MIB, 1 }, { KIB64, 1 } }, 3 },
		/* two mappings alike */
		{ GIB + 32 * MIB, 32 * MIB, { { 16 * MIB, 32 * MIB } }, 2 },
		{ 2 * GIB, 2 * GIB, { { GIB, 2 * GIB } }, 1 },
		{ 3 * GIB + 1, 5, { { GIB, 5 } }, 1 },
		{ UINT64_MAX - MIB + 1, MIB - 1, { { KIB64, MIB - 1 } }, 1 },
	};
	const struct iom_sys fake = { .ctx = &mixed, .find_vma = find_vma };
	size_t i, n;

	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		uint64_t done = 0;
		struct iom_run run;

		mixed.asked = 0;
		for (n = 0; done < rows[i].length; n++) {
			ck_assert_uint_lt(n, RUNS);
			ck_assert_ok(iom_page_run(&fake, rows[i].va + done, rows[i].length - done,
						  &run));
			ck_assert_uint_eq(run.page, rows[i].runs[n].page);
			ck_assert_uint_eq(run.length, rows[i].runs[n].length);
			done += run.length;
		}
		ck_assert_uint_eq(mixed.asked, rows[i].asked);
	}
}
END_TEST

/* Pages of the machine's size: what is not there, the kernel says when it is to pin it. */
START_TEST(holes)
{
	const struct iom_sys fake = { .ctx = &mixed, .find_vma = find_vma };
	const uint64_t least = (uint64_t)sysconf(_SC_PAGESIZE);
	struct iom_run run;

	/* nothing is found for the stack either */
	ck_assert_uint_eq(iom_base_page(&fake), least);
	ck_assert_ok(iom_page_run(&fake, GIB - 1, 1, &run));
	ck_assert_uint_eq(run.page, least);
	ck_assert_uint_eq(run.length, 1);
	ck_assert_ok(iom_page_run(&fake, 2 * GIB, 2 * GIB + 1, &run));
	ck_assert_uint_eq(run.page, GIB);
	ck_assert_uint_eq(run.length, 2 * GIB);
	ck_assert_ok(iom_page_run(&fake, 4 * GIB, 1, &run));
	ck_assert_uint_eq(run.page, least);
}
END_TEST

static int no_answer;

static int refuse(void *ctx, int fd, uint64_t addr, struct iom_vma *vma)
{
	(void)ctx;
	(void)fd;
	(void)addr;
	(void)vma;
	return no_answer;
}

/* Not as if it were small: it would take room, and time, that it need not. */
START_TEST(unknown)
{
	static const struct {
		int error, answer;
	} rows[] = {
		{ -EMFILE, -EMFILE }, { -ENFILE, -EMFILE }, { -ENOMEM, -ENOMEM },
		{ -EACCES, -EIO },    { -EIO, -EIO },
	};
	const struct iom_sys fake = { .find_vma = refuse };
	struct iom_run run = { 1, 2 };
	size_t i;

	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		no_answer = rows[i].error;
		ck_assert_fails(iom_page_run(&fake, GIB, MIB, &run), rows[i].answer, "0x40000000",
				"/proc/self", strerror(-rows[i].error));
		ck_assert_uint_eq(run.page, 1);
		ck_assert_uint_eq(run.length, 2);
	}
}
END_TEST

/* ---- What this kernel says ------------------------------------------------------------------- */

int __wrap_ioctl(int fd, unsigned long request, void *arg);
int __real_ioctl(int fd, unsigned long request, void *arg);
FILE *__wrap_fopen(const char *path, const char *mode);
FILE *__real_fopen(const char *path, const char *mode);

static int query_error;     /* 0: the kernel's own answer */
static const char *smaps;   /* NULL: the kernel's own */
static size_t smaps_length; /* after which reading fails, if smaps_error */
static bool smaps_error;
static unsigned int queries, reads;

int __wrap_ioctl(int fd, unsigned long request, void *arg)
{
	queries++;
	if (!query_error)
		return __real_ioctl(fd, request, arg);
	errno = query_error;
	return -1;
}

static ssize_t read_smaps(void *cookie, char *buf, size_t n)
{
	size_t *at = cookie;

	if (n > smaps_length - *at)
		n = smaps_length - *at;
	/* small pieces, so that lines come in parts */
	if (n > 7)
		n = 7;
	if (!n && smaps_error) {
		errno = EIO;
		return -1;
	}
	memcpy(buf, smaps + *at, n);
	*at += n;
	return (ssize_t)n;
}

FILE *__wrap_fopen(const char *path, const char *mode)
{
	static const cookie_io_functions_t functions = { .read = read_smaps };
	static size_t at;

	ck_assert_str_eq(path, "/proc/self/smaps");
	reads++;
	if (!smaps)
		return __real_fopen(path, mode);
	at = 0;
	return fopencookie(&at, mode, functions);
}

static int find(uint64_t addr, struct iom_vma *vma)
{
	return iom_sys_linux.find_vma(iom_sys_linux.ctx, -1, addr, vma);
}

static void fake_smaps(const char *text)
{
	query_error = ENOTTY;
	smaps = text;
	smaps_length = strlen(text);
	smaps_error = false;
}

#define VMA(range, page)                          \
	range " rw-p 00000000 00:00 0 \n"         \
	      "Size:               1024 kB\n"     \
	      "KernelPageSize:     " page " kB\n" \
	      "MMUPageSize:       16384 kB\n"     \
	      "AnonHugePages:      2048 kB\n"     \
	      "THPeligible:           1\n"        \
	      "VmFlags: rd wr mr mw me ac sd \n"

static const char several[] = VMA("10000000-10200000", "   4") VMA("10200000-20000000", "2048")
	VMA("40000000-80000000", "1048576") VMA("7fff00000000-7fff01000000", "16384")
		VMA("ffff000000000000-ffffffffffffffff", "  64");

START_TEST(from_smaps)
{
	struct iom_vma vma = { 0 };
	struct iom_run run;

	fake_smaps(several);
	ck_assert_int_eq(find(0x10000000, &vma), 0);
	ck_assert_uint_eq(vma.start, 0x10000000);
	ck_assert_uint_eq(vma.end, 0x10200000);
	/* huge pages that come and go are no huge pages */
	ck_assert_uint_eq(vma.page_size, KIB4);
	ck_assert_int_eq(find(0x101fffff, &vma), 0);
	ck_assert_uint_eq(vma.page_size, KIB4);
	ck_assert_int_eq(find(0x10200000, &vma), 0);
	ck_assert_uint_eq(vma.page_size, 2 * MIB);
	ck_assert_int_eq(find(0x7fffffff, &vma), 0);
	ck_assert_uint_eq(vma.page_size, GIB);
	ck_assert_int_eq(find(0x7fff00ffffff, &vma), 0);
	ck_assert_uint_eq(vma.page_size, 16 * MIB);
	ck_assert_int_eq(find(UINT64_MAX - 1, &vma), 0);
	ck_assert_uint_eq(vma.page_size, KIB64);
	ck_assert_uint_eq(vma.start, UINT64_C(0xffff000000000000));
	ck_assert_ok(iom_page_run(&iom_sys_linux, 0x101ff000, 0x2000, &run));
	ck_assert_uint_eq(run.page, KIB4);
	ck_assert_uint_eq(run.length, 0x1000);
}
END_TEST

START_TEST(not_in_smaps)
{
	static const uint64_t between[] = { 0, 0xfffffff, 0x20000000, 0x80000000, 0x7fff01000000 };
	struct iom_vma vma = { 1, 2, 3 };
	size_t i;

	fake_smaps(several);
	for (i = 0; i < ARRAY_SIZE(between); i++)
		ck_assert_int_eq(find(between[i], &vma), -ENOENT);
	/* and what is not asked for is left alone */
	ck_assert_uint_eq(vma.start, 1);
	ck_assert_uint_eq(vma.page_size, 3);
}
END_TEST

/* It says something else, or stops: then nobody knows. */
START_TEST(unreadable_smaps)
{
	static const char *const texts[] = {
		"",
		"\n\n\n",
		"no smaps at all\n",
		"10000000-10200000 rw-p\n",
		"10000000-10200000 rw-p\nKernelPageSize: four kB\n",
		"10000000-10200000 rw-p\nMMUPageSize: 4 kB\nSize: 4 kB\n",
		"10000000-10200000\nKernelPageSize:\n",
		"10000000-",
		/* the size of the next one is not its own */
		"10000000-10200000 rw-p\n" VMA("10200000-20000000", "2048"),
	};
	struct iom_vma vma = { 1, 2, 3 };
	size_t i;

	for (i = 0; i < ARRAY_SIZE(texts); i++) {
		fake_smaps(texts[i]);
		ck_assert_int_eq(find(0x10000000, &vma), -ENOENT);
		smaps_error = true;
		ck_assert_int_eq(find(0x10000000, &vma), -EIO);
	}
	ck_assert_uint_eq(vma.page_size, 3);
}
END_TEST

/* Cut anywhere: the answer is right, or none. */
START_TEST(cut_smaps)
{
	const size_t whole = strlen(several);
	unsigned int found = 0;
	struct iom_vma vma;
	size_t n;

	fake_smaps(several);
	for (n = 0; n < whole; n++) {
		smaps_length = n;
		smaps_error = _i;
		if (find(0x40000000, &vma) < 0)
			continue;
		/* of a number that is cut, nobody can know it */
		if (several[n - 1] >= '0' && several[n - 1] <= '9')
			continue;
		ck_assert_uint_eq(vma.page_size, GIB);
		found++;
	}
	ck_assert_uint_gt(found, 100);
	ck_assert_uint_lt(found, whole / 2);
}
END_TEST

/* A name may be longer than any line that is expected, and say anything. */
START_TEST(long_names)
{
	static char text[8192];
	struct iom_vma vma;
	size_t pad;

	for (pad = 1; pad < 1200; pad++) {
		snprintf(text, sizeof(text),
			 "10000000-10200000 rw-p 00000000 00:00 0 /%0*d10000000-30000000 rw-p\n"
			 "KernelPageSize:        4 kB\n%s",
			 (int)pad, 0, VMA("10200000-20000000", "2048"));
		fake_smaps(text);
		ck_assert_int_eq(find(0x10000000, &vma), 0);
		ck_assert_uint_eq(vma.page_size, KIB4);
		ck_assert_msg(vma.end == 0x10200000, "after %zu: 0x%" PRIx64, pad, vma.end);
		ck_assert_int_eq(find(0x10200000, &vma), 0);
		ck_assert_msg(vma.page_size == 2 * MIB, "after %zu", pad);
	}
}
END_TEST

/* Only where the kernel does not know the question is smaps read, which costs much more. */
START_TEST(which_way)
{
	static const struct {
		int error;
		bool reads;
	} rows[] = { { ENOTTY, true }, { EINVAL, true }, { ENOENT, false } };
	struct iom_vma vma = { 0 };
	size_t i;
	int ret;

	smaps = NULL;
	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		query_error = rows[i].error;
		queries = reads = 0;
		errno = EDOM;
		ret = find((uintptr_t)&vma, &vma);
		ck_assert_int_eq(errno, EDOM);
		ck_assert_int_eq(ret, rows[i].reads ? 0 : -ENOENT);
		ck_assert_uint_eq(queries, 1);
		ck_assert_uint_eq(reads, rows[i].reads);
	}
}
END_TEST

/* A descriptor is asked while it is there; what is no such descriptor any more does no harm. */
START_TEST(by_descriptor)
{
	/* not on the stack, which grows */
	const uint64_t addr = (uintptr_t)&reads;
	struct iom_vma vma = { 0 }, again = { 0 };
	int fd;

	query_error = ENOTTY;
	smaps = NULL;
	errno = EDOM;
	ck_assert_int_eq(iom_sys_linux.open_vmas(iom_sys_linux.ctx), -EOPNOTSUPP);
	ck_assert_int_eq(errno, EDOM);
	query_error = 0;
	fd = iom_sys_linux.open_vmas(iom_sys_linux.ctx);
	if (fd == -EOPNOTSUPP)
		return;
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(fcntl(fd, F_GETFD), FD_CLOEXEC);
	ck_assert_int_eq(find(addr, &vma), 0);
	for (int i = 0; i < 3; i++) {
		queries = reads = 0;
		ck_assert_int_eq(iom_sys_linux.find_vma(iom_sys_linux.ctx, fd, addr, &again), 0);
		ck_assert_mem_eq(&again, &vma, sizeof(vma));
		/* then it is closed, and then another's */
		ck_assert_uint_eq(queries, i ? 2 : 1);
		ck_assert_uint_eq(reads, 0);
		if (i)
			ck_assert_int_eq(dup2(STDOUT_FILENO, fd), fd);
		else
			ck_assert_int_eq(close(fd), 0);
	}
	close(fd);
}
END_TEST

/* ---- Both ways agree ------------------------------------------------------------------------- */

static bool has_query(void)
{
	struct iom_vma vma;

	query_error = 0;
	smaps = NULL;
	reads = 0;
	return !find((uintptr_t)&vma, &vma) && !reads;
}

static void compare(uint64_t addr)
{
	struct iom_vma a = { 0 }, b = { 0 };
	int by_query, by_smaps;

	query_error = 0;
	by_query = find(addr, &a);
	query_error = ENOTTY;
	by_smaps = find(addr, &b);
	ck_assert_int_eq(by_query, by_smaps);
	ck_assert_uint_eq(a.start, b.start);
	ck_assert_uint_eq(a.end, b.end);
	ck_assert_uint_eq(a.page_size, b.page_size);
}

static char *make(size_t length, int flags)
{
	void *p = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | flags,
		       -1, 0);

	return p == MAP_FAILED ? NULL : p;
}

START_TEST(in_this_process)
{
	const size_t page = (size_t)sysconf(_SC_PAGESIZE);
	char *small = make(16 * page, 0), *huge;
	struct iom_run run;
	struct iom_vma vma;
	void *file;
	int fd;

	query_error = ENOTTY;
	smaps = NULL;
	ck_assert_ptr_nonnull(small);
	ck_assert_int_eq(munmap(small + 8 * page, page), 0);
	/* a part of another protection is another mapping */
	ck_assert_int_eq(mprotect(small + 4 * page, page, PROT_READ), 0);
	ck_assert_int_eq(find((uintptr_t)small + 4 * page, &vma), 0);
	ck_assert_uint_eq(vma.start, (uintptr_t)small + 4 * page);
	ck_assert_uint_eq(vma.end, (uintptr_t)small + 5 * page);
	ck_assert_uint_eq(vma.page_size, page);
	ck_assert_int_eq(find((uintptr_t)small + 8 * page, &vma), -ENOENT);
	ck_assert_ok(iom_page_run(&iom_sys_linux, (uintptr_t)small, 8 * page, &run));
	ck_assert_uint_eq(run.page, page);
	ck_assert_uint_eq(run.length, 8 * page);
	fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	ck_assert_int_ge(fd, 0);
	file = mmap(NULL, page, PROT_READ, MAP_PRIVATE, fd, 0);
	ck_assert_ptr_ne(file, MAP_FAILED);
	close(fd);
	ck_assert_int_eq(find((uintptr_t)file, &vma), 0);
	ck_assert_uint_eq(vma.page_size, page);
	huge = make(2 * MIB, MAP_HUGETLB);
	if (huge) {
		ck_assert_int_eq(find((uintptr_t)huge, &vma), 0);
		ck_assert_uint_gt(vma.page_size, page);
	}
	if (has_query()) {
		compare((uintptr_t)small);
		compare((uintptr_t)small + 4 * page);
		compare((uintptr_t)small + 8 * page);
		compare((uintptr_t)small + 9 * page);
		compare((uintptr_t)file);
		compare((uintptr_t)&vma);
		compare((uintptr_t)several);
		if (huge)
			compare((uintptr_t)huge);
	}
	query_error = 0;
	ck_assert_int_eq(find((uintptr_t)small + 4 * page, &vma), 0);
	ck_assert_uint_eq(vma.start, (uintptr_t)small + 4 * page);
	ck_assert_uint_eq(vma.page_size, page);
}
END_TEST

/* Hundreds of mappings, which are many times what is read at once. */
START_TEST(many_mappings)
{
	const size_t page = (size_t)sysconf(_SC_PAGESIZE);
	char *p = make(1000 * page, 0);
	struct iom_run run;
	struct iom_vma vma;
	size_t i;

	smaps = NULL;
	ck_assert_ptr_nonnull(p);
	for (i = 1; i < 1000; i += 2)
		ck_assert_int_eq(mprotect(p + i * page, page, PROT_READ), 0);
	query_error = ENOTTY;
	/* the first and the last may be one with their neighbours */
	for (i = 2; i < 999; i += 166) {
		ck_assert_int_eq(find((uintptr_t)p + i * page, &vma), 0);
		ck_assert_uint_eq(vma.start, (uintptr_t)p + i * page);
		ck_assert_uint_eq(vma.page_size, page);
	}
	query_error = 0;
	ck_assert_ok(iom_page_run(&iom_sys_linux, (uintptr_t)p, 1000 * page, &run));
	ck_assert_uint_eq(run.page, page);
	ck_assert_uint_eq(run.length, 1000 * page);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("pages");
	TCase *tcase = tcase_create("pages");

	tcase_set_timeout(tcase, 60);
	tcase_add_test(tcase, ranges);
	tcase_add_test(tcase, holes);
	tcase_add_test(tcase, unknown);
	tcase_add_test(tcase, from_smaps);
	tcase_add_test(tcase, not_in_smaps);
	tcase_add_test(tcase, unreadable_smaps);
	tcase_add_loop_test(tcase, cut_smaps, 0, 2);
	tcase_add_test(tcase, long_names);
	tcase_add_test(tcase, which_way);
	tcase_add_test(tcase, by_descriptor);
	tcase_add_test(tcase, in_this_process);
	tcase_add_test(tcase, many_mappings);
	suite_add_tcase(suite, tcase);
	return run_suite(suite);
}
