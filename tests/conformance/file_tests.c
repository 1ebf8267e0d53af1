// SPDX-License-Identifier: BSD-3-Clause
/* Files that are mapped for devices (iom_map_file). */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "rig.h"

/* A file of so many bytes in memory; the process dies on failure. */
static int make_file(uint64_t length)
{
	int fd = memfd_create("conformance", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (fd < 0 || ftruncate(fd, (off_t)length) < 0) {
		perror("a file for a case");
		_exit(FAIL);
	}
	return fd;
}

/* The same with huge pages of 2^shift bytes, which are there; negative if they are not. */
static int make_huge_file(uint64_t length, unsigned int shift)
{
	int fd = memfd_create("conformance-huge",
			      MFD_CLOEXEC | MFD_HUGETLB | shift << MAP_HUGE_SHIFT);

	if (fd < 0 ||
	    (ftruncate(fd, (off_t)length) == 0 && fallocate(fd, 0, 0, (off_t)length) == 0))
		return fd;
	close(fd);
	return -1;
}

/* Another descriptor of the file: O_RDONLY or O_WRONLY. */
static int reopen(int fd, int access)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return open(path, access | O_CLOEXEC);
}

/* What the file holds at this offset is what the device wrote. */
static bool file_has(const struct rig *rig, int fd, uint64_t offset)
{
	unsigned char bytes[RIG_BYTES];

	return pread(fd, bytes, sizeof(bytes), (off_t)offset) == (ssize_t)sizeof(bytes) &&
	       rig_arrived(rig, bytes);
}

static enum outcome dma(struct fixture *f)
{
	uint64_t page = memory_page(f);
	int fd = make_file(4 * page);
	struct iom_region r;
	struct rig rig;
	char *p;

	TRY(rig_build(&rig, f, f->dev));
	OK(iom_map_file(f->dom, fd, 0, 4 * page, IOM_MAP_RW, NULL, &r));
	p = r.va;
	EXPECT(p && r.length == 4 * page && is_there(p));
	EXPECT(translates_to(f, p + page, r.iova + page));
	TRY(rig_reaches(&rig, p, r.iova));
	EXPECT(file_has(&rig, fd, 0));
	TRY(rig_reaches(&rig, p + 3 * page, r.iova + 3 * page));
	EXPECT(file_has(&rig, fd, 3 * page));

	/* what others write to the file, the device reads */
	EXPECT(pwrite(fd, rig.from, RIG_BYTES, (off_t)page) == RIG_BYTES);
	TRY(rig_reads(&rig, rig.from, r.iova + page));

	OK(iom_unmap(f->dom, &r));
	EXPECT(!is_there(p));
	TRY(rig_works(&rig));
	rig_release(&rig);
	close(fd);
	return PASS;
}

/* After the unmap the device leaves the file alone. */
static enum outcome dma_after_unmap(struct fixture *f)
{
	int fd = make_file(memory_page(f));
	unsigned char before[RIG_BYTES], after[RIG_BYTES];
	struct iom_region r;
	struct rig rig;

	TRY(rig_build(&rig, f, f->dev));
	OK(iom_map_file(f->dom, fd, 0, memory_page(f), IOM_MAP_RW, NULL, &r));
	TRY(rig_reaches(&rig, r.va, r.iova));
	OK(iom_unmap(f->dom, &r));
	EXPECT(pread(fd, before, sizeof(before), 0) == (ssize_t)sizeof(before));
	TRY(rig_works(&rig));
	expect_fault(rig.address, r.iova);
	rig_prepare(&rig, rig.to);
	OK(rig_copy(&rig, r.iova));
	EXPECT(pread(fd, after, sizeof(after), 0) == (ssize_t)sizeof(after));
	EXPECT(!memcmp(before, after, sizeof(before)));
	TRY(rig_works(&rig));
	rig_release(&rig);
	close(fd);
	return PASS;
}

/* Not from the beginning, and without the descriptor. */
static enum outcome offset_and_closed(struct fixture *f)
{
	uint64_t page = memory_page(f);
	int fd = make_file(8 * page), mine = dup(fd);
	struct iom_region r;
	struct rig rig;

	TRY(rig_build(&rig, f, f->dev));
	OK(iom_map_file(f->dom, fd, 5 * page, 2 * page, IOM_MAP_RW, NULL, &r));
	close(fd);
	TRY(rig_reaches(&rig, (char *)r.va + page, r.iova + page));
	EXPECT(file_has(&rig, mine, 6 * page));
	rig_release(&rig);

	/* and again after a detach, when the descriptor is long gone */
	iom_detach(f->dev);
	OK(attach(f, f->world->edu, &f->dev));
	TRY(rig_take(&rig, f->dev));
	TRY(rig_reaches(&rig, r.va, r.iova));
	EXPECT(file_has(&rig, mine, 5 * page));
	rig_release(&rig);
	close(mine);
	return PASS;
}

static enum outcome half_open(struct fixture *f)
{
	int fd = make_file(memory_page(f)), readable = reopen(fd, O_RDONLY);
	int writable = reopen(fd, O_WRONLY);
	struct iom_counters before;
	struct iom_region r;
	struct rig rig;

	EXPECT(readable >= 0 && writable >= 0);
	TRY(rig_build(&rig, f, f->dev));
	before = counters(f);
	REFUSED(iom_map_file(f->dom, readable, 0, memory_page(f), IOM_MAP_RW, NULL, &r), -EACCES,
		"not open");
	REFUSED(iom_map_file(f->dom, readable, 0, memory_page(f), IOM_MAP_WRITE, NULL, &r), -EACCES,
		"not open");
	REFUSED(iom_map_file(f->dom, writable, 0, memory_page(f), IOM_MAP_WRITE, NULL, &r), -EACCES,
		"not open");
	close(writable);
	EXPECT(same_mappings(f, &before));
	if (on_power(f)) {
		REFUSED(iom_map_file(f->dom, readable, 0, memory_page(f), IOM_MAP_READ, NULL, &r),
			-EFAULT, "read-only", "POWER");
		EXPECT(same_mappings(f, &before));
		rig_release(&rig);
		close(readable);
		close(fd);
		return PASS;
	}
	OK(iom_map_file(f->dom, readable, 0, memory_page(f), IOM_MAP_READ, NULL, &r));
	rig_prepare(&rig, rig.to);
	EXPECT(pwrite(fd, rig.from, RIG_BYTES, 0) == RIG_BYTES);
	TRY(rig_reads(&rig, rig.from, r.iova));

	expect_fault(rig.address, r.iova);
	rig_prepare(&rig, rig.to);
	OK(rig_copy(&rig, r.iova));
	EXPECT(!file_has(&rig, fd, 0));
	TRY(rig_works(&rig));
	rig_release(&rig);
	close(readable);
	close(fd);
	return PASS;
}

/* What devices may only read, the caller writes, where the file is open for that. */
static enum outcome written_by_the_caller(struct fixture *f)
{
	int fd = make_file(memory_page(f));
	struct iom_region r;
	struct rig rig;

	TRY(rig_build(&rig, f, f->dev));
	OK(iom_map_file(f->dom, fd, 0, memory_page(f), IOM_MAP_READ, NULL, &r));
	TRY(rig_misses(&rig, r.va, r.iova));
	rig_prepare(&rig, r.va);
	memcpy(r.va, rig.from, RIG_BYTES);
	EXPECT(file_has(&rig, fd, 0));
	TRY(rig_reads(&rig, rig.from, r.iova));
	rig_release(&rig);
	close(fd);
	return PASS;
}

/* Sealed against writing, the file can be read by devices, not written. */
static enum outcome sealed(struct fixture *f)
{
	int fd = make_file(memory_page(f));
	struct iom_counters before = counters(f);

	EXPECT(!fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE));
	REFUSED(iom_map_file(f->dom, fd, 0, memory_page(f), IOM_MAP_RW, NULL, NULL), -EACCES,
		"sealed");
	EXPECT(same_mappings(f, &before));
	close(fd);
	return PASS;
}

/* How many of the process's mappings are of our files. */
static unsigned int file_mappings(void)
{
	FILE *maps = fopen("/proc/self/maps", "re");
	unsigned int n = 0;
	char line[512];

	while (maps && fgets(line, sizeof(line), maps))
		n += strstr(line, "memfd:conformance") != NULL;
	if (maps)
		fclose(maps);
	return n;
}

static enum outcome past_the_end(struct fixture *f)
{
	uint64_t page = memory_page(f);
	int fd = make_file(2 * page);
	struct iom_counters before = counters(f);
	struct iom_region r;

	REFUSED(iom_map_file(f->dom, fd, 0, 3 * page, IOM_MAP_RW, NULL, &r), -EFAULT, "map file");
	REFUSED(iom_map_file(f->dom, fd, 2 * page, page, IOM_MAP_READ, NULL, &r), -EFAULT,
		"map file");
	EXPECT(same_mappings(f, &before) && !file_mappings());
	OK(iom_map_file(f->dom, fd, page, page, IOM_MAP_RW, NULL, &r));
	EXPECT(file_mappings());
	OK(iom_unmap_all(f->dom));
	EXPECT(!file_mappings());
	close(fd);
	return PASS;
}

static enum outcome bad_arguments(struct fixture *f)
{
	struct iom_map_opts opts = { .size = sizeof(opts), .iova = f->page / 2 };
	uint64_t page = memory_page(f);
	int fd = make_file(2 * page), pipes[2];
	struct iom_counters before = counters(f);

	EXPECT(!pipe(pipes));
	REFUSED(iom_map_file(f->dom, -1, 0, page, IOM_MAP_RW, NULL, NULL), -EINVAL, "no open file");
	REFUSED(iom_map_file(f->dom, 9999, 0, page, IOM_MAP_RW, NULL, NULL), -EINVAL,
		"no open file");
	REFUSED(iom_map_file(f->dom, pipes[0], 0, page, IOM_MAP_READ, NULL, NULL), -EINVAL,
		"no regular file");
	REFUSED(iom_map_file(f->dom, fd, 0, 0, IOM_MAP_RW, NULL, NULL), -EINVAL, "length");
	REFUSED(iom_map_file(f->dom, fd, page / 2, page, IOM_MAP_RW, NULL, NULL), -EINVAL,
		"map file");
	REFUSED(iom_map_file(f->dom, fd, 0, page / 2, IOM_MAP_RW, NULL, NULL), -EINVAL,
		"multiples of");
	REFUSED(iom_map_file(f->dom, fd, 0, page, 0, NULL, NULL), -EINVAL, "IOM_MAP_READ");
	REFUSED(iom_map_file(f->dom, fd, 0, page, 1u << 30 | IOM_MAP_RW, NULL, NULL), -EINVAL,
		"flags");
	REFUSED(iom_map_file(f->dom, fd, 0, page, IOM_MAP_RW | IOM_MAP_FIXED, &opts, NULL), -EINVAL,
		"multiples of");
	EXPECT(same_mappings(f, &before) && !file_mappings());
	close(pipes[0]);
	close(pipes[1]);
	close(fd);
	return PASS;
}

/* A part is out of the device's reach at once, and out of the process when all of it is. */
static enum outcome with_granule(struct fixture *f)
{
	struct iom_region r;
	struct rig rig;
	uint64_t page;
	char *p;
	int fd;

	NEED(f->world->edu, "no edu device");
	OK(open_with_edu(f, 4 * KIB));
	page = memory_page(f);
	fd = make_file(6 * page);
	TRY(rig_build(&rig, f, f->dev));
	OK(iom_map_file(f->dom, fd, page, 4 * page, IOM_MAP_RW, NULL, &r));
	p = r.va;
	OK(iom_unmap_range(f->dom, r.iova + page, page));
	EXPECT(is_there(p) && is_there(p + page) && !is_mapped(f, p + page));
	TRY(rig_misses(&rig, p + page, r.iova + page));
	TRY(rig_reaches(&rig, p + 2 * page, r.iova + 2 * page));
	EXPECT(file_has(&rig, fd, 3 * page));
	TRY(rig_reaches(&rig, p, r.iova));
	EXPECT(file_has(&rig, fd, page));
	OK(iom_unmap(f->dom, &r));
	EXPECT(!is_there(p) && !is_there(p + page) && !is_there(p + 3 * page));
	EXPECT(!file_mappings());
	rig_release(&rig);
	close(fd);
	return PASS;
}

static enum outcome huge_pages(struct fixture *f)
{
	uint64_t huge = 2 * MIB;
	struct iom_region r;
	struct rig rig;
	int fd;

	fd = make_huge_file(2 * huge, 21);
	if (fd < 0) {
		huge = 16 * MIB;
		fd = make_huge_file(2 * huge, 24);
	}
	if (fd < 0)
		return not_applicable("no free huge pages of 2 or 16 MiB");
	TRY(rig_build(&rig, f, f->dev));
	OK(iom_map_file(f->dom, fd, huge, huge, IOM_MAP_RW, NULL, &r));
	EXPECT(!((uintptr_t)r.va & (huge - 1)));
	EXPECT(!(r.iova & (largest_page(f, r.iova, huge) - 1)));
	TRY(rig_reaches(&rig, (char *)r.va + MIB, r.iova + MIB));
	OK(iom_unmap(f->dom, &r));
	EXPECT(!is_there(r.va));
	REFUSED(iom_map_file(f->dom, fd, f->page, huge, IOM_MAP_RW, NULL, NULL), -EINVAL,
		"map file");
	rig_release(&rig);
	close(fd);
	return PASS;
}

static enum outcome forked_child(struct fixture *f)
{
	int fd = make_file(memory_page(f)), status;
	struct iom_region r;
	pid_t pid;

	OK(iom_map_file(f->dom, fd, 0, memory_page(f), IOM_MAP_RW, NULL, &r));
	*(char *)r.va = 1;
	pid = fork();
	EXPECT(pid >= 0);
	if (!pid)
		_exit(is_there(r.va) || iom_map_file(f->dom, fd, 0, memory_page(f), IOM_MAP_RW,
						     NULL, NULL) != -EPERM);
	EXPECT(waitpid(pid, &status, 0) == pid && !status);
	EXPECT(is_there(r.va) && translates_to(f, r.va, r.iova));
	close(fd);
	return PASS;
}

/* The same file twice is two mappings, of two addresses. */
static enum outcome twice(struct fixture *f)
{
	struct iom_region r, again, alias;
	int fd = make_file(memory_page(f));

	OK(iom_map_file(f->dom, fd, 0, memory_page(f), IOM_MAP_RW, NULL, &r));
	OK(iom_map_file(f->dom, fd, 0, memory_page(f), IOM_MAP_READ, NULL, &again));
	EXPECT(r.va != again.va && r.iova != again.iova);
	REFUSED(iom_map(f->dom, r.va, f->page, IOM_MAP_RW, NULL, NULL), -EEXIST, "already");
	OK(iom_map(f->dom, r.va, f->page, IOM_MAP_RW | IOM_MAP_ALIAS, NULL, &alias));
	OK(iom_unmap(f->dom, &alias));
	OK(iom_unmap(f->dom, &r));
	EXPECT(!is_there(r.va) && is_there(again.va));
	OK(iom_unmap(f->dom, &again));
	close(fd);
	return PASS;
}

const struct test file_tests[] = {
	{ "file-dma", dma, NEEDS_EDU },
	{ "file-dma-after-unmap", dma_after_unmap, NEEDS_EDU },
	{ "file-offset-and-closed-descriptor", offset_and_closed, NEEDS_EDU },
	{ "file-open-for-reading-only", half_open, NEEDS_EDU },
	{ "file-that-the-caller-writes", written_by_the_caller, NEEDS_EDU },
	{ "file-sealed-against-writing", sealed, NEEDS_DEVICE },
	{ "file-past-its-end", past_the_end, NEEDS_DEVICE },
	{ "file-bad-arguments", bad_arguments, NEEDS_DEVICE },
	{ "file-with-granule", with_granule, NEEDS_NOTHING },
	{ "file-of-huge-pages", huge_pages, NEEDS_EDU },
	{ "file-in-a-forked-child", forked_child, NEEDS_DEVICE },
	{ "file-twice", twice, NEEDS_DEVICE },
	{ NULL, NULL, NEEDS_DEVICE },
};
