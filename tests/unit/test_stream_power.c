// SPDX-License-Identifier: BSD-3-Clause
/*
 * A stream on POWER beside another one, whose memory is registered together with its own: what
 * stands in its way ends with the other's, so it is told to come again.
 */
#include "tests/unit/power_rig.h"
#include "tests/unit/runner.h"

static int (*real_find_vma)(void *ctx, int fd, uint64_t addr, struct iom_vma *vma);
static struct iom_stream *stream, *other;
static struct iom_segment whole, part;
static char *memory;
static bool armed;

static int map(struct iom_stream *s, char *va, uint64_t length, struct iom_segment *segment)
{
	return iom_dma_map(s, va, length, IOM_MAP_RW, segment, 1);
}

/*
 * Just when the page size is asked for, the other one registers all of the memory, for two maps, of
 * which one stays: so the registration does, and is of no use for the rest any more.
 */
static int meanwhile(void *ctx, int fd, uint64_t addr, struct iom_vma *vma)
{
	if (armed && addr == (uintptr_t)memory + 2 * KIB64) {
		armed = false;
		ck_assert_int_eq(map(other, memory, 8 * KIB64, &whole), 1);
		ck_assert_int_eq(map(other, memory, KIB64, &part), 1);
		ck_assert_int_eq(iom_dma_unmap(other, &whole, 1), 0);
	}
	return real_find_vma(ctx, fd, addr, vma);
}

START_TEST(registered_with_another)
{
	struct power power = power_of("pseries");
	struct iom_segment segment;

	power_start(&power);
	real_find_vma = rig.sys.find_vma;
	rig.sys.find_vma = meanwhile;
	ck_assert_ok(attach_bits(NVME, 0, &rig.nvme));
	memory = power_memory(2 * MIB, KIB64);
	ck_assert_ok(iom_stream_open(rig.dom, &stream));
	ck_assert_ok(iom_stream_open(rig.dom, &other));
	/* the window is there */
	ck_assert_int_eq(map(other, memory, KIB64, &part), 1);
	ck_assert_int_eq(iom_dma_unmap(other, &part, 1), 0);

	armed = true;
	ck_assert_int_eq(map(stream, memory + 2 * KIB64, KIB64, &segment), -EAGAIN);
	ck_assert(!armed);
	ck_assert_int_eq(map(stream, memory + 2 * KIB64, KIB64, &segment), -EAGAIN);
	ck_assert_int_eq(iom_dma_unmap(other, &part, 1), 0);
	ck_assert_int_eq(map(stream, memory + 2 * KIB64, KIB64, &segment), 1);
	ck_assert_int_eq(iom_dma_unmap(stream, &segment, 1), 0);
	power_end();
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("stream_power");
	TCase *tcase = tcase_create("power");

	tcase_add_test(tcase, registered_with_another);
	suite_add_tcase(suite, tcase);
	return run_suite(suite);
}
