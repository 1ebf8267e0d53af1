// SPDX-License-Identifier: BSD-3-Clause
/* POWER: threads that map the same memory in two domains, while groups come and go. */
#include "tests/unit/power_rig.h"
#include "tests/unit/runner.h"

#define THIRD "0000:03:00.0"
#define THREADS 4
#define ROUNDS 60
#define SLOTS 16 /* of memory, each of a page of the machine */

static const struct iom_sim_device devices[] = {
	{ .address = NVME, .group = 14, .driver = "vfio-pci" },
	{ .address = EDU, .group = 15, .driver = "vfio-pci" },
	{ .address = THIRD, .group = 16, .driver = "vfio-pci" },
};

static char *memory, *huge;
static struct iom_domain *other; /* with the third device */
static int stop;                 /* atomic */
static unsigned int mapped;      /* atomic */

/* Each thread has memory of its own, next to that of the others; both domains map all of it. */
struct mapper {
	pthread_t thread;
	struct iom_domain *dom;
	const char *address;
	unsigned int n;
};

static void check_dma(const struct mapper *m, const struct iom_region *r, char mark)
{
	char got[2] = { 0 };

	((char *)r->va)[m->dom == other] = mark;
	ck_assert_int_eq(iom_sim_dma_read(rig.sim, m->address, r->iova, got, 2), 0);
	ck_assert_int_eq(got[m->dom == other], mark);
	ck_assert_int_eq(iom_sim_dma_read(rig.sim, m->address, r->iova + r->length - 1, got, 1), 0);
}

static void map_and_unmap(const struct mapper *m, char *p, uint64_t length, unsigned int round)
{
	struct iom_region r;

	ck_assert_ok(iom_map(m->dom, p, length, IOM_MAP_RW, NULL, &r));
	check_dma(m, &r, (char)round);
	ck_assert_ok(iom_unmap(m->dom, &r));
	__atomic_add_fetch(&mapped, 1, __ATOMIC_RELAXED);
}

static void *run_mapper(void *arg)
{
	const struct mapper *m = arg;
	unsigned int round, slot;

	for (round = 0; round < ROUNDS; round++) {
		slot = m->n * SLOTS + round % SLOTS;
		map_and_unmap(m, memory + slot * KIB64, KIB64, round);
		map_and_unmap(m, huge + m->n * 2 * MIB, 2 * MIB, round);
	}
	return NULL;
}

/* The second group, again and again, with all that is mapped at that moment. */
static void *come_and_go(void *arg)
{
	const struct iom_region *kept = arg;
	struct iom_device *edu;

	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
		ck_assert_ok(attach_bits(EDU, 0, &edu));
		ck_assert(dma_works(EDU, kept));
		iom_detach(edu);
		ck_assert(dma_misses(EDU, kept->iova, kept->length));
	}
	return NULL;
}

START_TEST(come_and_map)
{
	struct power power = power_of(platforms[_i % 2]);
	struct mapper mappers[2 * THREADS];
	struct iom_device *third;
	struct iom_region kept;
	pthread_t comer;
	unsigned int i;

	power.machine.devices = devices;
	power.machine.n_devices = ARRAY_SIZE(devices);
	/* a second window from the beginning, or when the first needs it, or never */
	power.machine.n_hugepages = _i / 2 == 1 ? 64 : 0;
	if (_i / 2 == 0) {
		power.opts.expect_bytes = GIB;
		power.opts.expect_page = 2 * MIB;
	}
	power_attach(&power);
	ck_assert_ok(iom_open_with(&other, &power.opts, &rig.sys, iom_backends));
	ck_assert_ok(iom_attach(other, THIRD, NULL, &third));
	memory = power_memory(THREADS * SLOTS * KIB64, KIB64);
	huge = power_memory(THREADS * 2 * MIB, 2 * MIB);
	ck_assert_ok(map_any(power_memory(KIB64, KIB64), KIB64, &kept));
	stop = 0;
	mapped = 0;
	ck_assert_int_eq(pthread_create(&comer, NULL, come_and_go, &kept), 0);
	for (i = 0; i < ARRAY_SIZE(mappers); i++) {
		mappers[i] = (struct mapper){ .dom = i % 2 ? other : rig.dom,
					      .address = i % 2 ? THIRD : NVME,
					      .n = i / 2 };
		ck_assert_int_eq(pthread_create(&mappers[i].thread, NULL, run_mapper, &mappers[i]),
				 0);
	}
	for (i = 0; i < ARRAY_SIZE(mappers); i++)
		ck_assert_int_eq(pthread_join(mappers[i].thread, NULL), 0);
	__atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
	ck_assert_int_eq(pthread_join(comer, NULL), 0);
	ck_assert_uint_eq(mapped, 2 * 2 * THREADS * ROUNDS);
	ck_assert(dma_works(NVME, &kept));
	ck_assert_ok(iom_unmap(rig.dom, &kept));
	iom_close(other);
	power_end();
}
END_TEST

/* Two threads are first, in a container whose default window is not there yet. */
static void *map_first(void *arg)
{
	const struct mapper *m = arg;

	map_and_unmap(m, memory + m->n * KIB64, KIB64, m->n);
	return NULL;
}

START_TEST(both_first)
{
	struct power power = power_of(platforms[_i]);
	struct mapper mappers[THREADS];
	unsigned int i, round;

	for (round = 0; round < 20; round++) {
		power_attach(&power);
		memory = power_memory(THREADS * KIB64, KIB64);
		for (i = 0; i < THREADS; i++) {
			mappers[i] = (struct mapper){ .dom = rig.dom, .address = NVME, .n = i };
			ck_assert_int_eq(pthread_create(&mappers[i].thread, NULL, map_first,
							&mappers[i]),
					 0);
		}
		for (i = 0; i < THREADS; i++)
			ck_assert_int_eq(pthread_join(mappers[i].thread, NULL), 0);
		ck_assert_uint_eq(registers(), unregisters());
		power_end();
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("power threads");
	TCase *tcase = tcase_create("threads");

	tcase_set_timeout(tcase, 300);
	tcase_add_loop_test(tcase, come_and_map, 0, 6);
	tcase_add_loop_test(tcase, both_first, 0, 2);
	suite_add_tcase(suite, tcase);
	return run_suite(suite);
}
