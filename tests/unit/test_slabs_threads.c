// SPDX-License-Identifier: BSD-3-Clause
/* Registrations by many threads: who waits for whom, and that what is in use is registered. */
#include <pthread.h>

#include "backends/spapr/slabs.h"
#include "tests/unit/gate.h"
#include "tests/unit/runner.h"
#include "tests/unit/sim_spapr_rig.h"

#define PAGES 64
#define THREADS 6
#define ROUNDS 300

static struct iom_sys table; /* the simulation's, with a gate in front of its ioctls */
static struct iom_slab_owner owners[2];
static char *memory;

static int gated_ioctl(void *ctx, int fd, unsigned long request, void *arg)
{
	hold_up(request);
	return sys->ioctl(ctx, fd, request, arg);
}

static void set_up_owners(void)
{
	make_power("powernv");
	table = *sys;
	table.ioctl = gated_ioctl;
	owners[0] = (struct iom_slab_owner){ &table, make_spapr(14) };
	owners[1] = (struct iom_slab_owner){ &table, make_spapr(15) };
	memory = make_aligned(PAGES * PAGE, PAGE);
}

/* What is left are the tables of the windows. */
static void tear_down_owners(void)
{
	iom_slabs_forget(&owners[0]);
	iom_slabs_forget(&owners[1]);
	ck_assert_int_eq(remove_window(owners[0].container, 0), 0);
	ck_assert_int_eq(remove_window(owners[1].container, 0), 0);
	ck_assert_uint_eq(iom_sim_locked_bytes(sim), 0);
	ck_assert_uint_eq(iom_sim_spapr_leaks(sim), 0);
	tear_down();
}

static int use(unsigned int owner, uint64_t first, uint64_t count)
{
	return iom_slabs_use(&owners[owner], (uintptr_t)memory + first * PAGE, count * PAGE, PAGE);
}

static int release(unsigned int owner, uint64_t first, uint64_t count)
{
	return iom_slabs_release(&owners[owner], (uintptr_t)memory + first * PAGE, count * PAGE,
				 PAGE);
}

/* ---- One call under way ---------------------------------------------------------------------- */

static int use_low(void)
{
	return use(0, 0, 4);
}

static int use_low_too(void)
{
	return use(1, 2, 4);
}

static int use_high(void)
{
	return use(0, 8, 4);
}

static int release_low(void)
{
	return release(0, 0, 4);
}

static int release_low_too(void)
{
	return release(1, 2, 4);
}

static unsigned int registered(void)
{
	return iom_sim_ioctls(sim, VFIO_IOMMU_SPAPR_REGISTER_MEMORY);
}

/* The same memory is not in use before the kernel has it; other memory need not wait. */
START_TEST(while_registering)
{
	struct call first, second, third;

	start_held_up(&first, use_low, VFIO_IOMMU_SPAPR_REGISTER_MEMORY);
	start(&second, use_low);
	start(&third, use_low_too);
	ck_assert_int_eq(use_high(), 0);
	ck_assert(waits(&second));
	ck_assert(waits(&third));
	let_go();
	ck_assert_int_eq(finish(&first), 0);
	ck_assert_int_eq(finish(&second), 0);
	ck_assert_int_eq(finish(&third), 0);
	/* low, high, low in the other container and what is behind it there */
	ck_assert_uint_eq(registered(), 4);
	ck_assert_int_eq(release(0, 8, 4), 0);
	ck_assert_int_eq(release_low(), 0);
	ck_assert_int_eq(release_low(), 0);
	ck_assert_int_eq(release_low_too(), 0);
}
END_TEST

/* Who waited for a call that failed makes it again, and is told of that one. */
START_TEST(while_failing)
{
	struct iom_sim_failure failure = {
		.nth = 1,
		.answer = -ENOMEM,
		.calls = 1u << IOM_SIM_IOCTL,
		.request = VFIO_IOMMU_SPAPR_REGISTER_MEMORY,
	};
	static int (*const others[])(void) = { use_low, use_low_too };
	struct call first, second;

	start_held_up(&first, use_low, VFIO_IOMMU_SPAPR_REGISTER_MEMORY);
	start(&second, others[_i]);
	ck_assert(waits(&second));
	iom_sim_fail(sim, &failure);
	let_go();
	ck_assert_int_eq(finish(&first), -ENOMEM);
	ck_assert_int_eq(finish(&second), 0);
	ck_assert_uint_eq(registered(), 2);
	ck_assert_int_eq(_i ? release_low_too() : release_low(), 0);
}
END_TEST

/* What is on its way out is no use: it comes again when it has gone, with other ends. */
START_TEST(while_unregistering)
{
	struct call first, second;

	ck_assert_int_eq(use_low(), 0);
	start_held_up(&first, release_low, VFIO_IOMMU_SPAPR_UNREGISTER_MEMORY);
	start(&second, _i ? use_low_too : use_low);
	ck_assert(waits(&second));
	ck_assert_int_eq(use_high(), 0);
	ck_assert_int_eq(release(0, 8, 4), 0);
	let_go();
	ck_assert_int_eq(finish(&first), 0);
	ck_assert_int_eq(finish(&second), 0);
	ck_assert_uint_eq(registered(), 3);
	ck_assert_int_eq(_i ? release_low_too() : release_low(), 0);
}
END_TEST

/* ---- All at once ----------------------------------------------------------------------------- */

static uint64_t seed;
static bool in_blocks;       /* so that no use ends within a registration */
static unsigned int refused; /* atomic */

#define BLOCK 8

/* The kernel maps a page of it in this container, which it does only while it is registered. */
static void check_page(unsigned int owner, uint64_t page, unsigned int thread)
{
	uint64_t iova = (1 + thread) * PAGE;

	ck_assert_int_eq(map(owners[owner].container, iova, memory + page * PAGE, PAGE, RW), 0);
	ck_assert_int_eq(clear(owners[owner].container, iova, PAGE), 0);
}

static uint64_t random_of(uint64_t *state, uint64_t n)
{
	*state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (*state >> 33) % n;
}

struct held {
	unsigned int owner;
	uint64_t first, count;
	bool is;
};

static void *use_and_release(void *arg)
{
	const unsigned int thread = (unsigned int)(uintptr_t)arg;
	uint64_t state = seed + thread;
	struct held held[4] = { 0 };
	unsigned int round, i;
	int ret;

	for (round = 0; round < ROUNDS; round++) {
		struct held *h = &held[random_of(&state, 4)];

		if (h->is) {
			check_page(h->owner, h->first + random_of(&state, h->count), thread);
			ck_assert_int_eq(release(h->owner, h->first, h->count), 0);
			h->is = false;
			continue;
		}
		h->owner = (unsigned int)random_of(&state, 2);
		h->first = random_of(&state, PAGES);
		h->count = 1 + random_of(&state, PAGES - h->first);
		if (in_blocks) {
			h->first &= ~(uint64_t)(BLOCK - 1);
			h->count = BLOCK;
		}
		ret = use(h->owner, h->first, h->count);
		h->is = !ret;
		if (ret)
			__atomic_add_fetch(&refused, 1, __ATOMIC_RELAXED);
		if (ret && (ret != -EBUSY || !strstr(iom_errmsg(), "unmapped before")))
			ck_abort_msg("%d: %s", ret, iom_errmsg());
	}
	for (i = 0; i < 4; i++)
		if (held[i].is)
			ck_assert_int_eq(release(held[i].owner, held[i].first, held[i].count), 0);
	return NULL;
}

static void run_threads(void)
{
	pthread_t threads[THREADS];
	uintptr_t i;

	for (i = 0; i < THREADS; i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, use_and_release, (void *)i), 0);
	for (i = 0; i < THREADS; i++)
		ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
}

/* The windows are there before: two threads that are first race for them in the kernel. */
START_TEST(all_at_once)
{
	unsigned int owner;

	for (owner = 0; owner < 2; owner++) {
		ck_assert_int_eq(use(owner, 0, 1), 0);
		ck_assert_int_eq(clear(owners[owner].container, 0, PAGE), 0);
		ck_assert_int_eq(release(owner, 0, 1), 0);
	}
	seed = UINT64_C(0x5eed) + (uint64_t)_i;
	in_blocks = _i < 2;
	refused = 0;
	run_threads();
	if (in_blocks)
		ck_assert_uint_eq(refused, 0);
	ck_assert_uint_lt(refused, THREADS * ROUNDS);
	ck_assert_uint_gt(registered(), 50);
	ck_assert_uint_eq(registered(), iom_sim_ioctls(sim, VFIO_IOMMU_SPAPR_UNREGISTER_MEMORY));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("slabs threads");
	TCase *tcase = tcase_create("threads");

	tcase_add_checked_fixture(tcase, set_up_owners, tear_down_owners);
	tcase_set_timeout(tcase, 300);
	tcase_add_test(tcase, while_registering);
	tcase_add_loop_test(tcase, while_failing, 0, 2);
	tcase_add_loop_test(tcase, while_unregistering, 0, 2);
	tcase_add_loop_test(tcase, all_at_once, 0, 4);
	suite_add_tcase(suite, tcase);
	return run_suite(suite);
}
