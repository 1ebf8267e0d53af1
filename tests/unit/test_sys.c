// SPDX-License-Identifier: BSD-3-Clause
/* The real system calls, as far as they can be made anywhere; and what reads text and links through them. */
#include <errno.h>
#include <fcntl.h>
#include <linux/mempolicy.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/sys.h"
#include "tests/unit/fake_files.h"
#include "tests/unit/runner.h"
#include "tests/unit/util.h"

static const struct iom_sys *const sys = &iom_sys_linux;
static char folder[64];

/* Below the build folder, which is where make check runs. */
static void set_up(void)
{
	snprintf(folder, sizeof(folder), "test_sys.%d.tmp", (int)getpid());
	ck_assert_int_eq(mkdir(folder, 0700), 0);
}

static const char *in_folder(const char *name)
{
	static char path[256];

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	return path;
}

static int remove_name(void *arg, const char *name)
{
	(void)arg;
	return unlink(in_folder(name));
}

static void tear_down(void)
{
	iom_sys_list_dir(sys, folder, remove_name, NULL);
	rmdir(folder);
}

static void write_file(const char *name, const char *text, size_t n)
{
	FILE *file = fopen(in_folder(name), "w");

	ck_assert_ptr_nonnull(file);
	ck_assert_uint_eq(fwrite(text, 1, n, file), n);
	ck_assert_int_eq(fclose(file), 0);
}

/* ---- Descriptors -------------------------------------------------------------------------------- */

START_TEST(descriptors)
{
	int fd, n = -1;

	write_file("file", "12345", 5);
	fd = iom_sys_open(sys, in_folder("file"), O_RDONLY);
	ck_assert_int_ge(fd, 0);
	ck_assert(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	ck_assert_int_eq(iom_sys_ioctl(sys, fd, FIONREAD, &n), 0);
	ck_assert_int_eq(n, 5);
	ck_assert_int_eq(iom_sys_ioctl_int(sys, fd, 0, 0), -ENOTTY);
	ck_assert_int_eq(iom_sys_close(sys, fd), 0);
	ck_assert_int_eq(iom_sys_close(sys, fd), -EBADF);
	ck_assert_int_eq(iom_sys_open(sys, in_folder("none"), O_RDONLY), -ENOENT);
	ck_assert_int_eq(iom_sys_open(sys, in_folder("file/below"), O_RDONLY), -ENOTDIR);
}
END_TEST

/* ---- Files -------------------------------------------------------------------------------------- */

START_TEST(files)
{
	char buf[16], large[20000];
	size_t i;

	for (i = 0; i < sizeof(large); i++)
		large[i] = (char)('a' + i % 23);
	write_file("large", large, sizeof(large));
	write_file("empty", "", 0);

	memset(buf, 'x', sizeof(buf));
	ck_assert_int_eq(sys->read_file(sys->ctx, in_folder("large"), buf, 8), 8);
	ck_assert_mem_eq(buf, "abcdefghx", 9);
	ck_assert_int_eq(sys->read_file(sys->ctx, in_folder("empty"), buf, 8), 0);
	ck_assert_int_eq(sys->read_file(sys->ctx, in_folder("none"), buf, 8), -ENOENT);
	ck_assert_int_eq(sys->read_file(sys->ctx, folder, buf, 8), -EISDIR);
	/* /proc gives text in pieces */
	ck_assert_int_gt(sys->read_file(sys->ctx, "/proc/self/maps", large, sizeof(large)), 1000);
}
END_TEST

static const struct fake_file texts[] = {
	{ "/plain", "0x8086", 0 }, { "/line", "65535\n", 0 }, { "/space", " a b \t\r\n\n", 0 },
	{ "/blank", "\n\n", 0 },   { "/empty", "", 0 },       { "/denied", NULL, -EACCES },
	{ NULL, NULL, 0 },
};

START_TEST(text)
{
	struct iom_sys fake = fake_files(texts);
	char buf[8];

	ck_assert_int_eq(iom_sys_read_text(&fake, "/plain", buf, sizeof(buf)), 6);
	ck_assert_str_eq(buf, "0x8086");
	ck_assert_int_eq(iom_sys_read_text(&fake, "/line", buf, sizeof(buf)), 5);
	ck_assert_str_eq(buf, "65535");
	ck_assert_int_eq(iom_sys_read_text(&fake, "/space", buf, sizeof(buf)), 4);
	ck_assert_str_eq(buf, " a b");
	ck_assert_int_eq(iom_sys_read_text(&fake, "/blank", buf, sizeof(buf)), 0);
	ck_assert_str_eq(buf, "");
	ck_assert_int_eq(iom_sys_read_text(&fake, "/empty", buf, sizeof(buf)), 0);
	/* cut, and terminated */
	ck_assert_int_eq(iom_sys_read_text(&fake, "/plain", buf, 4), 3);
	ck_assert_str_eq(buf, "0x8");
	ck_assert_int_eq(iom_sys_read_text(&fake, "/plain", buf, 1), 0);
	ck_assert_str_eq(buf, "");
	ck_assert_int_eq(iom_sys_read_text(&fake, "/denied", buf, sizeof(buf)), -EACCES);
	ck_assert_int_eq(iom_sys_read_text(&fake, "/none", buf, sizeof(buf)), -ENOENT);
}
END_TEST

/* ---- Links -------------------------------------------------------------------------------------- */

START_TEST(links)
{
	char buf[16];

	ck_assert_int_eq(symlink("../../bus/pci/drivers/vfio-pci", in_folder("driver")), 0);
	ck_assert_int_eq(symlink("nvme", in_folder("bare")), 0);
	write_file("file", "1", 1);

	memset(buf, 'x', sizeof(buf));
	ck_assert_int_eq(sys->read_link(sys->ctx, in_folder("bare"), buf, sizeof(buf)), 4);
	ck_assert_mem_eq(buf, "nvmex", 5);
	ck_assert_int_eq(sys->read_link(sys->ctx, in_folder("driver"), buf, 5), 5);
	ck_assert_int_eq(sys->read_link(sys->ctx, in_folder("file"), buf, 5), -EINVAL);

	ck_assert_int_eq(iom_sys_link_name(sys, in_folder("driver"), buf, sizeof(buf)), 0);
	ck_assert_str_eq(buf, "vfio-pci");
	ck_assert_int_eq(iom_sys_link_name(sys, in_folder("bare"), buf, sizeof(buf)), 0);
	ck_assert_str_eq(buf, "nvme");
	ck_assert_int_eq(iom_sys_link_name(sys, in_folder("driver"), buf, 9), 0);
	ck_assert_int_eq(iom_sys_link_name(sys, in_folder("driver"), buf, 8), -ENAMETOOLONG);
	ck_assert_int_eq(iom_sys_link_name(sys, in_folder("none"), buf, sizeof(buf)), -ENOENT);
}
END_TEST

/* ---- Folders ------------------------------------------------------------------------------------ */

static int count_names(void *arg, const char *name)
{
	unsigned int *count = arg;

	ck_assert(!strcmp(name, "a") || !strcmp(name, "b") || !strcmp(name, ".hidden"));
	++*count;
	return 0;
}

static int stop_at_once(void *arg, const char *name)
{
	unsigned int *count = arg;

	(void)name;
	++*count;
	return 42;
}

START_TEST(folders)
{
	unsigned int count = 0;

	ck_assert_int_eq(iom_sys_list_dir(sys, folder, count_names, &count), 0);
	ck_assert_uint_eq(count, 0);
	write_file("a", "", 0);
	write_file("b", "", 0);
	write_file(".hidden", "", 0);
	ck_assert_int_eq(iom_sys_list_dir(sys, folder, count_names, &count), 0);
	ck_assert_uint_eq(count, 3);
	ck_assert_int_eq(iom_sys_list_dir(sys, folder, stop_at_once, &count), 42);
	ck_assert_uint_eq(count, 4);
	ck_assert_int_eq(iom_sys_list_dir(sys, in_folder("none"), count_names, &count), -ENOENT);
	ck_assert_int_eq(iom_sys_list_dir(sys, in_folder("a"), count_names, &count), -ENOTDIR);
}
END_TEST

/* ---- Pages -------------------------------------------------------------------------------------- */

START_TEST(pages)
{
	/* of small pages, and of huge ones */
	const size_t length = _i ? 2 * IOM_SYS_DENSE : 2 * MIB;
	uint64_t *words;
	void *p = NULL;
	int status;
	pid_t pid;

	ck_assert_int_eq(sys->alloc_pages(sys->ctx, length, &p), 0);
	words = p;
	ck_assert_uint_eq(words[0], 0);
	ck_assert_uint_eq(words[length / 8 - 1], 0);
	words[0] = 1;
	words[length / 8 - 1] = 2;
	/* a child finds them empty; what it writes is its own */
	pid = fork();
	ck_assert_int_ge(pid, 0);
	if (!pid) {
		status = words[0] != 0 || words[length / 8 - 1] != 0;
		words[0] = 3;
		_exit(status);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
	ck_assert_uint_eq(words[0], 1);
	ck_assert_uint_eq(words[length / 8 - 1], 2);
	sys->free_pages(sys->ctx, p, length);
	/* far more than there can be */
	ck_assert_int_lt(sys->alloc_pages(sys->ctx, (size_t)1 << 60, &p), 0);
}
END_TEST

/* ---- Files as memory ---------------------------------------------------------------------------- */

/* Of a few pages. */
static bool is_there(const void *p, size_t length)
{
	unsigned char resident[32];

	return mincore((void *)(uintptr_t)p, length, resident) == 0;
}

static int map_file(int fd, uint64_t offset, size_t length, bool writable, void **p)
{
	const struct iom_file_part part = {
		.fd = fd,
		.offset = offset,
		.length = length,
		.align = 65536,
	};

	return sys->map_file(sys->ctx, &part, writable, p);
}

/* Shared with the file, written where that was asked for, and not there in a child. */
START_TEST(mapped_files)
{
	const size_t page = (size_t)sysconf(_SC_PAGESIZE);
	void *p = NULL, *before;
	int fd, status;
	pid_t pid;

	fd = open(in_folder("mapped"), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(ftruncate(fd, (off_t)(4 * page)), 0);
	ck_assert_int_eq(pwrite(fd, "file", 5, (off_t)page), 5);

	ck_assert_int_eq(map_file(fd, page, 2 * page, true, &p), 0);
	ck_assert_str_eq(p, "file");
	ck_assert_uint_eq((uintptr_t)p & 65535, 0);
	strcpy(p, "memory");
	pid = fork();
	ck_assert_int_ge(pid, 0);
	if (!pid)
		_exit(is_there(p, page) || is_there((char *)p + page, page));
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
	sys->free_pages(sys->ctx, p, 2 * page);
	ck_assert(!is_there(p, page));
	ck_assert_int_eq(map_file(fd, page, page, false, &p), 0);
	ck_assert_str_eq(p, "memory");
	sys->free_pages(sys->ctx, p, page);
	close(fd);

	before = p;
	errno = 77;
	ck_assert_int_eq(map_file(fd, 0, page, false, &p), -EBADF);
	fd = open(in_folder("mapped"), O_RDONLY | O_CLOEXEC);
	ck_assert_int_eq(map_file(fd, 0, page, true, &p), -EACCES);
	ck_assert_int_eq(map_file(fd, 1, page, false, &p), -EINVAL);
	ck_assert_int_lt(map_file(fd, 0, (size_t)1 << 60, false, &p), 0);
	ck_assert_ptr_eq(p, before);
	ck_assert_int_eq(map_file(fd, 0, page, false, &p), 0);
	sys->free_pages(sys->ctx, p, page);
	ck_assert_int_eq(errno, 77);
	close(fd);
}
END_TEST

START_TEST(what_files_are)
{
	struct iom_file_info info = { .size = 77 };
	int fd, pipes[2];

	fd = open(in_folder("file"), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(ftruncate(fd, 12345), 0);
	ck_assert_int_eq(pipe(pipes), 0);
	errno = 77;
	ck_assert_int_eq(sys->file_info(sys->ctx, pipes[0], &info), -EOPNOTSUPP);
	ck_assert_int_eq(sys->file_info(sys->ctx, -1, &info), -EBADF);
	ck_assert_uint_eq(info.size, 77);
	ck_assert_int_eq(sys->file_info(sys->ctx, fd, &info), 0);
	ck_assert_uint_eq(info.size, 12345);
	ck_assert_uint_eq(info.page, (uint64_t)sysconf(_SC_PAGESIZE));
	ck_assert_int_eq(errno, 77);
	close(fd);
	close(pipes[0]);
	close(pipes[1]);
}
END_TEST

/* ---- Buffers ------------------------------------------------------------------------------------ */

/* Zeroed, aligned, and not there in a child; a shared one is a memfd. */
START_TEST(buffers)
{
	struct iom_buf_want want = {
		.length = 3 * 65536,
		.align = 2 * MIB,
		.node = -1,
		.shared = _i,
	};
	int fd = 77, status;
	char *other;
	void *p;
	pid_t pid;

	errno = 77;
	ck_assert_int_eq(sys->alloc_buf(sys->ctx, &want, &p, &fd), 0);
	ck_assert_int_eq(errno, 77);
	ck_assert_uint_eq((uintptr_t)p % (2 * MIB), 0);
	ck_assert(!*(char *)p && !memcmp(p, (char *)p + 1, want.length - 1));
	pid = fork();
	ck_assert_int_ge(pid, 0);
	if (!pid)
		_exit(is_there(p, 65536));
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
	ck_assert_int_eq(fd >= 0, want.shared);
	if (want.shared) {
		ck_assert_int_eq(fcntl(fd, F_GETFD), FD_CLOEXEC);
		other = mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 65536);
		ck_assert_ptr_ne(other, MAP_FAILED);
		strcpy(other, "other");
		ck_assert_str_eq((char *)p + 65536, "other");
		munmap(other, 65536);
	}
	errno = 77;
	sys->free_buf(sys->ctx, p, want.length, fd);
	ck_assert_int_eq(errno, 77);
	ck_assert(!is_there(p, 65536));
	ck_assert_int_eq(fcntl(fd, F_GETFD), -1);
}
END_TEST

/* Pages of a size that no kernel has, and more than there are; node 0 is always there. */
START_TEST(no_such_buffers)
{
	struct iom_buf_want want = { .length = UINT64_C(1) << 45, .node = -1, .shared = _i };
	void *p = NULL;
	int fd = 77;

	errno = 77;
	want.page = want.align = UINT64_C(1) << 45;
	ck_assert_int_lt(sys->alloc_buf(sys->ctx, &want, &p, &fd), 0);
	want.page = 0;
	want.length = (size_t)1 << 60;
	want.align = 65536;
	ck_assert_int_lt(sys->alloc_buf(sys->ctx, &want, &p, &fd), 0);
	ck_assert_ptr_null(p);
	ck_assert_int_eq(fd, 77);
	ck_assert_int_eq(errno, 77);

	want.length = 65536;
	want.node = 0;
	ck_assert_int_eq(sys->alloc_buf(sys->ctx, &want, &p, &fd), 0);
	*(char *)p = 1;
	/* containers may forbid to ask */
	ck_assert_int_le(sys->node_of(sys->ctx, p), 0);
	ck_assert_int_eq(errno, 77);
	sys->free_buf(sys->ctx, p, want.length, fd);
}
END_TEST

/* Where memory will be taken from is seen with one node, too, if the kernel may be asked. */
START_TEST(bound_buffers)
{
	const struct iom_buf_want want = {
		.length = 65536,
		.align = 65536,
		.node = 0,
		.strictly = _i & 1,
		.shared = _i & 2,
	};
	unsigned long nodes[1024 / (8 * sizeof(long))] = { 0 };
	int fd, mode = 0;
	long ret;
	void *p;

	ck_assert_int_eq(sys->alloc_buf(sys->ctx, &want, &p, &fd), 0);
	ret = syscall(SYS_get_mempolicy, &mode, nodes, 1024UL, p, (unsigned long)MPOL_F_ADDR);
	if (!ret && sys->binds) {
		ck_assert_int_eq(mode, want.strictly ? MPOL_BIND : MPOL_PREFERRED);
		ck_assert_uint_eq(nodes[0], 1);
	}
	sys->free_buf(sys->ctx, p, want.length, fd);
}
END_TEST

/* If there are huge pages: one, or as it should be none. */
START_TEST(huge_buffers)
{
	struct iom_buf_want want = {
		.length = 2 * MIB,
		.page = 2 * MIB,
		.align = 2 * MIB,
		.node = 0,
		.strictly = true,
		.shared = _i,
	};
	void *p = NULL;
	int ret, fd;

	ret = sys->alloc_buf(sys->ctx, &want, &p, &fd);
	if (ret < 0) {
		ck_assert_ptr_null(p);
		return;
	}
	ck_assert_uint_eq((uintptr_t)p % (2 * MIB), 0);
	memset(p, 1, want.length);
	sys->free_buf(sys->ctx, p, want.length, fd);
}
END_TEST

START_TEST(clock_goes_on)
{
	uint64_t before = sys->now(sys->ctx);

	ck_assert_uint_gt(before, 0);
	usleep(1000);
	ck_assert_uint_ge(sys->now(sys->ctx), before + 1000000);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("sys");
	TCase *tcase = tcase_create("sys");

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_test(tcase, descriptors);
	tcase_add_test(tcase, files);
	tcase_add_test(tcase, text);
	tcase_add_test(tcase, links);
	tcase_add_test(tcase, folders);
	tcase_add_loop_test(tcase, pages, 0, 2);
	tcase_add_test(tcase, mapped_files);
	tcase_add_test(tcase, what_files_are);
	tcase_add_loop_test(tcase, buffers, 0, 2);
	tcase_add_loop_test(tcase, no_such_buffers, 0, 2);
	tcase_add_loop_test(tcase, bound_buffers, 0, 4);
	tcase_add_loop_test(tcase, huge_buffers, 0, 2);
	tcase_add_test(tcase, clock_goes_on);
	suite_add_tcase(suite, tcase);
	return run_suite(suite);
}
