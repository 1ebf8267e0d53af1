// SPDX-License-Identifier: BSD-3-Clause
/* Scatter lists at random, against a table of pages. */
#include "tests/unit/domain_rig.h"
#include "tests/unit/runner.h"

#define FOUR_GIB (4 * GIB)
#define PAGES 48
#define MANY 64 /* more elements than a list here has */

#define NOWHERE UINT64_MAX

static char *memory; /* PAGES pages, the first at 16 KiB modulo 2 MiB */

static void set_up(void)
{
	set_up_device();
	memory = rig_memory(PAGES * PAGE);
}

static uint64_t model[PAGES]; /* the IOVA of each page of memory, or NOWHERE */

static uint64_t model_iova(uint64_t va)
{
	uint64_t offset = va - (uintptr_t)memory;

	if (offset >= PAGES * PAGE || model[offset / PAGE] == NOWHERE)
		return NOWHERE;
	return model[offset / PAGE] + offset % PAGE;
}

/* Mappings of a few pages, to IOVAs that follow those before, or do not; some pages are left out. */
static void map_at_random(uint64_t *random)
{
	uint64_t page, count, i, iova = FOUR_GIB + PAGES * PAGE;

	for (page = 0; page < PAGES; page += count) {
		count = 1 + random_below(random, 5);
		if (count > PAGES - page)
			count = PAGES - page;
		/* one page may be free, several, or none; IOVAs do not come twice */
		if (random_below(random, 3) == 0)
			iova += (1 + random_below(random, 20)) * PAGE;
		for (i = 0; i < count; i++)
			model[page + i] = NOWHERE;
		if (random_below(random, 12) == 0)
			continue;
		ck_assert_ok(map_fixed(memory + page * PAGE, count * PAGE, iova, NULL));
		for (i = 0; i < count; i++, iova += PAGE)
			model[page + i] = iova;
	}
}

static size_t random_list(uint64_t *random, struct iovec *iov, uint64_t unit)
{
	size_t n = random_below(random, 12), i;

	for (i = 0; i < n; i++) {
		uint64_t at = random_below(random, PAGES * PAGE);
		uint64_t length = random_below(random, 5 * PAGE);

		/* mostly where pages begin */
		if (random_below(random, 8))
			at &= ~(unit - 1);
		if (random_below(random, 8))
			length = (at + length) / unit * unit - at;
		if (length > 5 * PAGE || random_below(random, 8) == 0)
			length = 0;
		/* now and then where the one before has ended */
		if (i && random_below(random, 3) == 0)
			at = (uintptr_t)iov[i - 1].iov_base + iov[i - 1].iov_len -
			     (uintptr_t)memory;
		iov[i] = (struct iovec){ memory + at, length };
	}
	return n;
}

static int model_elements(const struct iovec *iov, size_t n, struct iom_sge *sges, size_t max)
{
	size_t i, used = 0;
	uint64_t done, part;

	for (i = 0; i < n; i++) {
		for (done = 0; done < iov[i].iov_len; done += part) {
			uint64_t va = (uintptr_t)iov[i].iov_base + done;
			uint64_t iova = model_iova(va);

			part = PAGE - va % PAGE;
			if (part > iov[i].iov_len - done)
				part = iov[i].iov_len - done;
			if (iova == NOWHERE)
				return -ENOENT;
			if (used && sges[used - 1].iova + sges[used - 1].length == iova) {
				sges[used - 1].length += part;
				continue;
			}
			if (used == max)
				return -EMSGSIZE;
			sges[used++] = (struct iom_sge){ iova, part };
		}
	}
	return used ? (int)used : -EINVAL;
}

/* Byte by 512 bytes: how many there are, and which errors are right to be returned. */
struct pages_model {
	int used;
	bool missing, wrong, many;
	uint64_t list[12 * 41];
};

static void model_pages(struct pages_model *m, const struct iovec *iov, size_t n, uint64_t page,
			size_t max)
{
	const struct iovec *before = NULL;
	uint64_t va = 0, end, iova, begun = 0;
	size_t i;

	memset(m, 0, sizeof(*m));
	for (i = 0; i < n; i++) {
		if (!iov[i].iov_len)
			continue;
		if (before && (va % page || (uintptr_t)iov[i].iov_base % page))
			m->wrong = true;
		before = &iov[i];
		va = (uintptr_t)iov[i].iov_base;
		for (end = va + iov[i].iov_len; va < end; va = va + 512 - va % 512) {
			iova = model_iova(va);
			m->missing = m->missing || iova == NOWHERE;
			if (va == (uintptr_t)iov[i].iov_base || va % page == 0) {
				begun = iova - va;
				m->wrong = m->wrong || begun % page;
				m->list[m->used++] = iova;
			}
			m->wrong = m->wrong || iova - va != begun;
		}
		va = end;
	}
	m->wrong = m->wrong || !m->used;
	m->many = (size_t)m->used > max;
}

START_TEST(same_as_a_table)
{
	static const uint64_t units[] = { 512, 1024, 4096, 8192, 16384, 65536 };
	struct iom_sge sges[MANY], expected[MANY];
	uint64_t random = random_start(), list[12 * 41], round, hits = 0, hits_of_pages = 0;
	struct pages_model m;
	struct iovec iov[12];
	int ret, right;

	for (round = 0; round < 20000; round++) {
		uint64_t unit = units[random_below(&random, ARRAY_SIZE(units))];
		size_t n = random_list(&random, iov, unit);
		size_t max = random_below(&random, 4) ? MANY : random_below(&random, 8);

		if (round % 500 == 0) {
			ck_assert_ok(iom_unmap_all(rig.dom));
			map_at_random(&random);
		}
		right = model_elements(iov, n, expected, max);
		ret = iom_translatev(rig.dom, iov, n, sges, max);
		ck_assert_int_eq(ret, right);
		if (ret > 0)
			ck_assert_mem_eq(sges, expected, (size_t)ret * sizeof(*sges));
		hits += ret > 0;

		max = max == MANY ? ARRAY_SIZE(list) : max;
		model_pages(&m, iov, n, unit, max);
		ret = iom_translate_pages(rig.dom, iov, n, unit, list, max);
		if (m.missing || m.wrong || m.many) {
			ck_assert_msg((ret == -ENOENT && m.missing) ||
					      (ret == -EINVAL && m.wrong) ||
					      (ret == -EMSGSIZE && m.many),
				      "%d: missing %d, wrong %d, many %d", ret, m.missing, m.wrong,
				      m.many);
			continue;
		}
		ck_assert_int_eq(ret, m.used);
		ck_assert_mem_eq(list, m.list, (size_t)ret * sizeof(*list));
		hits_of_pages++;
	}
	/* of the 20000 */
	ck_assert_uint_gt(hits, 2000);
	ck_assert_uint_gt(hits_of_pages, 1000);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("translatev_model");
	TCase *tcase = tcase_create("model");

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_set_timeout(tcase, 300);
	tcase_add_test(tcase, same_as_a_table);
	suite_add_tcase(suite, tcase);
	return run_suite(suite);
}
