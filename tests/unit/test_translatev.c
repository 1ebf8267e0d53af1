// SPDX-License-Identifier: BSD-3-Clause
/* Scatter lists: their edges one by one, beside a writer, and in a forked child. */
#include <limits.h>
#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/domain_rig.h"
#include "tests/unit/runner.h"

#define FOUR_GIB (4 * GIB)
#define MANY 64 /* more elements than a test here fills */

static char *memory; /* 64 pages, the first at 16 KiB modulo 2 MiB */

static void set_up(void)
{
	set_up_device();
	memory = rig_memory(64 * PAGE);
}

static struct iovec piece(const char *va, uint64_t length)
{
	return (struct iovec){ .iov_base = (void *)(uintptr_t)va, .iov_len = length };
}

static void map_at(uint64_t page, uint64_t count, uint64_t iova)
{
	ck_assert_ok(map_fixed(memory + page * PAGE, count * PAGE, iova, NULL));
}

static int into_elements(const struct iovec *iov, size_t n, struct iom_sge *sges, size_t max)
{
	return iom_translatev(rig.dom, iov, n, sges, max);
}

static int into_pages(const struct iovec *iov, size_t n, uint64_t page, uint64_t *list, size_t max)
{
	return iom_translate_pages(rig.dom, iov, n, page, list, max);
}

#define ck_assert_sge(sge, start, bytes)                  \
	do {                                              \
		ck_assert_uint_eq((sge).iova, (start));   \
		ck_assert_uint_eq((sge).length, (bytes)); \
	} while (0)

/* ---- Elements ----------------------------------------------------------------------------------- */

START_TEST(neighbours_in_iovas_are_one)
{
	struct iom_sge sges[MANY];
	struct iovec iov[4];

	map_at(0, 2, FOUR_GIB + 2 * PAGE);
	map_at(2, 2, FOUR_GIB);
	map_at(4, 2, FOUR_GIB + 4 * PAGE);
	map_at(6, 1, FOUR_GIB + 8 * PAGE);

	/* other mappings, and the addresses jump */
	iov[0] = piece(memory + 2 * PAGE, 2 * PAGE);
	iov[1] = piece(memory, 2 * PAGE);
	iov[2] = piece(memory + 4 * PAGE, 100);
	iov[3] = piece(memory + 4 * PAGE + 100, PAGE);
	ck_assert_int_eq(into_elements(iov, 4, sges, MANY), 1);
	ck_assert_sge(sges[0], FOUR_GIB, 5 * PAGE + 100);

	/* the addresses go on, and the IOVAs jump: at 2 and 4 pages, and not at 6 alone */
	iov[0] = piece(memory + 1, 7 * PAGE - 1);
	ck_assert_int_eq(into_elements(iov, 1, sges, MANY), 4);
	ck_assert_sge(sges[0], FOUR_GIB + 2 * PAGE + 1, 2 * PAGE - 1);
	ck_assert_sge(sges[1], FOUR_GIB, 2 * PAGE);
	ck_assert_sge(sges[2], FOUR_GIB + 4 * PAGE, 2 * PAGE);
	ck_assert_sge(sges[3], FOUR_GIB + 8 * PAGE, PAGE);

	/* the same twice, overlapping, and backwards: never one */
	iov[0] = piece(memory, PAGE);
	iov[1] = piece(memory, PAGE);
	iov[2] = piece(memory + 10, PAGE);
	iov[3] = piece(memory + 9, 1);
	ck_assert_int_eq(into_elements(iov, 4, sges, MANY), 4);
	ck_assert_sge(sges[1], FOUR_GIB + 2 * PAGE, PAGE);
	ck_assert_sge(sges[2], FOUR_GIB + 2 * PAGE + 10, PAGE);
	ck_assert_sge(sges[3], FOUR_GIB + 2 * PAGE + 9, 1);
}
END_TEST

/* One step tells of 2 MiB or little more; an element is all of it. */
START_TEST(a_large_mapping_is_one)
{
	static const uint64_t iovas[] = { 8 * GIB, 8 * GIB + PAGE };
	const uint64_t length = 64 * MIB + 3 * PAGE;
	char *large = rig_memory_at(length, 2 * MIB, 0);
	struct iom_sge sges[MANY];
	uint64_t list[40], i;
	struct iovec iov[2];

	ck_assert_ok(map_fixed(large, length, iovas[_i], NULL));
	iov[0] = piece(large + 7, length - 7);
	iov[1] = piece(large, length);
	ck_assert_int_eq(into_elements(iov, 2, sges, 2), 2);
	ck_assert_sge(sges[0], iovas[_i] + 7, length - 7);
	ck_assert_sge(sges[1], iovas[_i], length);

	/* device pages of 2 MiB, where the IOVA is aligned alike; no larger one is needed in whole */
	if (iovas[_i] % (2 * MIB)) {
		ck_assert_int_eq(into_pages(iov, 1, 2 * MIB, list, 40), -EINVAL);
		return;
	}
	ck_assert_int_eq(into_pages(iov, 1, 2 * MIB, list, 40), 33);
	ck_assert_uint_eq(list[0], iovas[_i] + 7);
	for (i = 1; i < 33; i++)
		ck_assert_uint_eq(list[i], iovas[_i] + i * 2 * MIB);
	ck_assert_int_eq(into_pages(iov, 1, 2 * MIB, list, 32), -EMSGSIZE);
}
END_TEST

/* Pieces without bytes are not there, wherever they point. */
START_TEST(no_bytes)
{
	struct iom_sge sges[MANY];
	uint64_t list[MANY];
	struct iovec iov[5];

	map_at(0, 4, FOUR_GIB);
	ck_assert_int_eq(into_elements(NULL, 0, sges, MANY), -EINVAL);
	ck_assert_int_eq(into_pages(NULL, 0, PAGE, list, MANY), -EINVAL);
	iov[0] = piece(NULL, 0);
	iov[1] = piece(memory + 3, 0);
	ck_assert_int_eq(into_elements(iov, 2, sges, MANY), -EINVAL);
	ck_assert_int_eq(into_elements(iov, 2, NULL, 0), -EINVAL);
	ck_assert_int_eq(into_pages(iov, 2, PAGE, list, MANY), -EINVAL);

	iov[2] = piece(memory + 3, PAGE - 3);
	iov[3] = piece((char *)UINTPTR_MAX, 0);
	iov[4] = piece(memory + PAGE, 5);
	ck_assert_int_eq(into_elements(iov, 5, sges, MANY), 1);
	ck_assert_sge(sges[0], FOUR_GIB + 3, PAGE + 2);
	ck_assert_int_eq(into_pages(iov, 5, PAGE, list, MANY), 2);
	ck_assert_uint_eq(list[0], FOUR_GIB + 3);
	ck_assert_uint_eq(list[1], FOUR_GIB + PAGE);
	/* nor do they at the end, after a piece that ends within a page */
	iov[0] = piece(memory, 5);
	ck_assert_int_eq(into_pages(iov, 2, PAGE, list, MANY), 1);
}
END_TEST

START_TEST(too_many)
{
	struct iom_sge sges[MANY];
	uint64_t list[MANY];
	struct iovec iov[2];

	map_at(0, 4, FOUR_GIB);
	iov[0] = piece(memory + PAGE, PAGE);
	iov[1] = piece(memory, PAGE);
	ck_assert_int_eq(into_elements(iov, 2, sges, 2), 2);
	ck_assert_int_eq(into_elements(iov, 2, sges, 1), -EMSGSIZE);
	ck_assert_int_eq(into_elements(iov, 2, NULL, 0), -EMSGSIZE);
	ck_assert_int_eq(into_elements(iov, 2, sges, SIZE_MAX), 2);
	ck_assert_int_eq(into_pages(iov, 2, PAGE, list, 2), 2);
	ck_assert_int_eq(into_pages(iov, 2, PAGE, list, 1), -EMSGSIZE);
	ck_assert_int_eq(into_pages(iov, 2, PAGE, NULL, 0), -EMSGSIZE);
	ck_assert_int_eq(into_pages(iov, 2, PAGE, list, SIZE_MAX), 2);
	ck_assert_int_eq(into_pages(iov, 2, 512, list, 16), 16);
	ck_assert_int_eq(into_pages(iov, 2, 512, list, 15), -EMSGSIZE);
}
END_TEST

START_TEST(not_mapped)
{
	struct iom_sge sges[MANY];
	uint64_t list[MANY];
	struct iovec iov[2];

	map_at(1, 2, FOUR_GIB);
	iom_error_set("as it was");
	iov[0] = piece(memory + PAGE, PAGE);
	iov[1] = piece(memory + 2 * PAGE, PAGE + 1);
	ck_assert_int_eq(into_elements(iov, 2, sges, MANY), -ENOENT);
	ck_assert_int_eq(into_pages(iov, 2, PAGE, list, MANY), -ENOENT);
	iov[1] = piece(memory + PAGE - 1, 2);
	ck_assert_int_eq(into_elements(iov, 2, sges, MANY), -ENOENT);
	/* around the end of the address space, to memory that is mapped */
	iov[1] = piece(memory + PAGE, UINT64_MAX);
	ck_assert_int_eq(into_elements(iov, 2, sges, MANY), -ENOENT);
	ck_assert_int_eq(into_pages(iov, 2, PAGE, list, MANY), -ENOENT);
	iov[1] = piece((char *)UINTPTR_MAX, 2);
	ck_assert_int_eq(into_elements(iov, 2, sges, MANY), -ENOENT);
	iov[1] = piece(NULL, (uintptr_t)memory + 2 * PAGE);
	ck_assert_int_eq(into_elements(iov, 2, sges, MANY), -ENOENT);
	ck_assert_int_eq(into_pages(iov, 2, PAGE, list, MANY), -ENOENT);
	ck_assert_str_eq(iom_errmsg(), "as it was");
}
END_TEST

/* No device goes on from 2^64 to 0, though the sum does. */
START_TEST(the_last_iova)
{
	const uint64_t va[] = { (uintptr_t)memory, (uintptr_t)memory + PAGE };
	const uint64_t iova[] = { -PAGE, 0 };
	struct iom_sge sges[MANY];
	uint64_t list[MANY], taken;
	struct iovec iov[1];
	int i;

	for (i = 0; i < 2; i++) {
		ck_assert_int_eq(iom_radix_claim(&rig.dom->by_va, va[i], PAGE, iova[i], &taken), 0);
		iom_radix_publish(&rig.dom->by_va, va[i], PAGE, iova[i]);
	}
	iov[0] = piece(memory, 2 * PAGE);
	ck_assert_int_eq(into_elements(iov, 1, sges, MANY), 2);
	ck_assert_sge(sges[0], -PAGE, PAGE);
	ck_assert_sge(sges[1], 0, PAGE);
	ck_assert_int_eq(into_pages(iov, 1, PAGE, list, MANY), 2);
	ck_assert_uint_eq(list[0], -PAGE);
	ck_assert_uint_eq(list[1], 0);
	ck_assert_int_eq(into_pages(iov, 1, 2 * PAGE, list, MANY), -EINVAL);
}
END_TEST

/* ---- Pages -------------------------------------------------------------------------------------- */

START_TEST(page_sizes)
{
	static const uint64_t wrong[] = { 0, 1, 256, 511, 513, 4097, 12288, UINT64_MAX };
	struct iovec iov = piece(memory + 512, 100);
	uint64_t list[MANY], page;
	size_t i;

	map_at(0, 4, FOUR_GIB);
	for (i = 0; i < ARRAY_SIZE(wrong); i++)
		ck_assert_int_eq(into_pages(&iov, 1, wrong[i], list, MANY), -EINVAL);
	/* memory is at 16 KiB modulo 2 MiB, and its IOVA is not */
	for (page = 512; page; page <<= 1) {
		int ret = into_pages(&iov, 1, page, list, MANY);

		ck_assert_int_eq(ret, page <= 16 * KIB ? 1 : -EINVAL);
		ck_assert_uint_eq(list[0], FOUR_GIB + 512);
	}
}
END_TEST

START_TEST(only_the_ends_are_within_a_page)
{
	uint64_t list[MANY];
	struct iovec iov[3];

	map_at(0, 8, FOUR_GIB);
	iov[0] = piece(memory + 5 * PAGE + 300, PAGE - 300);
	iov[1] = piece(memory + PAGE, 2 * PAGE);
	iov[2] = piece(memory, PAGE + 1);
	ck_assert_int_eq(into_pages(iov, 3, PAGE, list, MANY), 5);
	ck_assert_uint_eq(list[0], FOUR_GIB + 5 * PAGE + 300);
	ck_assert_uint_eq(list[1], FOUR_GIB + PAGE);
	ck_assert_uint_eq(list[2], FOUR_GIB + 2 * PAGE);
	ck_assert_uint_eq(list[3], FOUR_GIB);
	ck_assert_uint_eq(list[4], FOUR_GIB + PAGE);

	iov[0].iov_len--;
	ck_assert_int_eq(into_pages(iov, 3, PAGE, list, MANY), -EINVAL);
	iov[0].iov_len++;
	iov[1].iov_len += 512;
	ck_assert_int_eq(into_pages(iov, 3, PAGE, list, MANY), -EINVAL);
	iov[1].iov_len -= 512;
	iov[2] = piece(memory + 512, PAGE);
	ck_assert_int_eq(into_pages(iov, 3, PAGE, list, MANY), -EINVAL);
	/* as a list of smaller pages it is right */
	iov[0] = piece(memory + 512 + 100, 412);
	ck_assert_int_eq(into_pages(iov, 3, 512, list, MANY), 1 + 16 + 8);
}
END_TEST

/* A page of the device's may be several mappings, if their IOVAs go on. */
START_TEST(pages_larger_than_mappings)
{
	uint64_t list[MANY], i;
	struct iovec iov[1];

	for (i = 0; i < 8; i++)
		map_at(i, 1, FOUR_GIB + (i < 6 ? i : i + 10) * PAGE);
	iov[0] = piece(memory + 5, 4 * PAGE + 3 * PAGE);
	/* 16 KiB: the first page and half of the second; then the IOVAs jump */
	iov[0].iov_len = 6 * PAGE - 5;
	ck_assert_int_eq(into_pages(iov, 1, 4 * PAGE, list, MANY), 2);
	ck_assert_uint_eq(list[0], FOUR_GIB + 5);
	ck_assert_uint_eq(list[1], FOUR_GIB + 4 * PAGE);
	iov[0].iov_len++;
	ck_assert_int_eq(into_pages(iov, 1, 4 * PAGE, list, MANY), -EINVAL);
	ck_assert_int_eq(into_pages(iov, 1, 2 * PAGE, list, MANY), 4);
	ck_assert_uint_eq(list[3], FOUR_GIB + 16 * PAGE);
	/* contiguous, but elsewhere in a page than in memory */
	iov[0] = piece(memory + PAGE, 2 * PAGE);
	ck_assert_int_eq(into_pages(iov, 1, 4 * PAGE, list, MANY), 1);
	ck_assert_ok(iom_unmap_range(rig.dom, FOUR_GIB, 2 * PAGE));
	map_at(0, 2, FOUR_GIB + 33 * PAGE);
	iov[0] = piece(memory, 2 * PAGE);
	ck_assert_int_eq(into_pages(iov, 1, 2 * PAGE, list, MANY), -EINVAL);
	ck_assert_int_eq(into_pages(iov, 1, PAGE, list, MANY), 2);
}
END_TEST

/* ---- Beside a writer, and in a child ------------------------------------------------------------ */

static int stop, found; /* atomic */

static void *read_on(void *arg)
{
	struct iom_sge sges[3];
	uint64_t list[16], hits = 0;
	struct iovec iov[2];

	(void)arg;
	iov[0] = piece(memory + PAGE + 100, 3 * PAGE - 100);
	iov[1] = piece(memory + 8 * PAGE, 3 * PAGE);
	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
		int ret = into_elements(iov, 2, sges, 3);

		if (ret > 0) {
			/* the second mapping comes and goes, between two places */
			ck_assert_int_eq(ret, 2);
			ck_assert_sge(sges[0], FOUR_GIB + PAGE + 100, 3 * PAGE - 100);
			ck_assert(sges[1].iova == 8 * GIB || sges[1].iova == 9 * GIB);
			ck_assert_uint_eq(sges[1].length, 3 * PAGE);
			if (!hits++)
				__atomic_store_n(&found, 1, __ATOMIC_RELAXED);
		} else {
			ck_assert_int_eq(ret, -ENOENT);
		}
		ret = into_pages(iov, 2, PAGE, list, 16);
		ck_assert(ret == 6 || ret == -ENOENT);
		if (ret > 0)
			ck_assert(list[3] == 8 * GIB || list[3] == 9 * GIB);
	}
	return (void *)(uintptr_t)hits;
}

START_TEST(beside_a_writer)
{
	struct iom_region region;
	pthread_t readers[2];
	uint64_t hits = 0;
	void *seen;
	int i;

	map_at(0, 4, FOUR_GIB);
	for (i = 0; i < 2; i++)
		ck_assert_int_eq(pthread_create(&readers[i], NULL, read_on, NULL), 0);
	/* on a busy machine it takes until the readers run */
	for (i = 0; i < 1000 || !__atomic_load_n(&found, __ATOMIC_RELAXED); i++) {
		ck_assert_ok(map_fixed(memory + 8 * PAGE, 3 * PAGE, (8 + (uint64_t)i % 2) * GIB,
				       &region));
		if (i % 32 == 0)
			sched_yield();
		ck_assert_ok(iom_unmap(rig.dom, &region));
	}
	__atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
	for (i = 0; i < 2; i++) {
		ck_assert_int_eq(pthread_join(readers[i], &seen), 0);
		hits += (uintptr_t)seen;
	}
	ck_assert_uint_gt(hits, 0);
}
END_TEST

static bool all_refused(void)
{
	struct iovec iov[2] = { piece(memory, PAGE), piece(memory + 3 * PAGE, PAGE) };
	struct iom_sge sge = { 77, 78 };
	uint64_t iova = 79;

	return into_elements(iov, 1, &sge, 1) == -EPERM &&
	       into_elements(iov, 2, &sge, 1) == -EPERM &&
	       into_elements(iov, 1, NULL, 0) == -EPERM &&
	       into_elements(iov, 0, &sge, 1) == -EPERM &&
	       into_pages(iov, 1, PAGE, &iova, 1) == -EPERM &&
	       into_pages(iov, 1, 77, &iova, 1) == -EPERM &&
	       into_pages(iov, 0, PAGE, &iova, 1) == -EPERM && sge.iova == 77 && iova == 79;
}

START_TEST(in_a_forked_child)
{
	int status;
	pid_t pid;

	map_at(0, 1, FOUR_GIB);
	pid = fork();
	ck_assert_int_ge(pid, 0);
	if (!pid)
		_exit(all_refused() ? 0 : 1);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFEXITED(status));
	ck_assert_int_eq(WEXITSTATUS(status), 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("translatev");
	TCase *tcase = tcase_create("translatev");

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_set_timeout(tcase, 120);
	tcase_add_test(tcase, neighbours_in_iovas_are_one);
	tcase_add_loop_test(tcase, a_large_mapping_is_one, 0, 2);
	tcase_add_test(tcase, no_bytes);
	tcase_add_test(tcase, too_many);
	tcase_add_test(tcase, not_mapped);
	tcase_add_test(tcase, the_last_iova);
	tcase_add_test(tcase, page_sizes);
	tcase_add_test(tcase, only_the_ends_are_within_a_page);
	tcase_add_test(tcase, pages_larger_than_mappings);
	tcase_add_test(tcase, beside_a_writer);
	tcase_add_test(tcase, in_a_forked_child);
	suite_add_tcase(suite, tcase);
	return run_suite(suite);
}
