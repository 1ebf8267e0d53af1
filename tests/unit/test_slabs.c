// SPDX-License-Identifier: BSD-3-Clause
/* Registrations: counted for the process, in one piece for each gap, ended with the last use. */
#include "backends/spapr/slabs.h"
#include "lib/error.h"
#include "libiommu.h"
#include "tests/unit/runner.h"
#include "tests/unit/sim_spapr_rig.h"

#define PAGES 64

static struct iom_slab_owner a, b;
static int group_of_a;
static char *memory; /* PAGES of them */

/* ---- What the kernel was asked --------------------------------------------------------------- */

static struct event {
	bool ends; /* UNREGISTER */
	int container;
	uint64_t page, pages;
	long answer;
} events[256];
static size_t n_events;

static void note(void *arg, const struct iom_sim_event *event)
{
	const struct vfio_iommu_spapr_register_memory *reg = event->arg;

	(void)arg;
	if (event->call != IOM_SIM_IOCTL || (event->request != VFIO_IOMMU_SPAPR_REGISTER_MEMORY &&
					     event->request != VFIO_IOMMU_SPAPR_UNREGISTER_MEMORY))
		return;
	ck_assert_uint_lt(n_events, sizeof(events) / sizeof(events[0]));
	events[n_events++] = (struct event){
		.ends = event->request == VFIO_IOMMU_SPAPR_UNREGISTER_MEMORY,
		.container = event->fd,
		.page = (reg->vaddr - (uintptr_t)memory) / PAGE,
		.pages = reg->size / PAGE,
		.answer = event->answer,
	};
}

/* The next that was asked, in the order of the calls. */
#define ck_assert_next(at, end, owner, first, count)                        \
	do {                                                                \
		ck_assert_uint_lt((at), n_events);                          \
		ck_assert_int_eq(events[at].ends, (end));                   \
		ck_assert_int_eq(events[at].container, (owner)->container); \
		ck_assert_uint_eq(events[at].page, (first));                \
		ck_assert_uint_eq(events[at].pages, (count));               \
		(at)++;                                                     \
	} while (0)

#define ck_assert_use(owner, first, count) ck_assert_int_eq(use((owner), (first), (count)), 0)

#define ck_assert_release(owner, first, count) \
	ck_assert_int_eq(release((owner), (first), (count)), 0)

static int use(const struct iom_slab_owner *owner, uint64_t first, uint64_t count)
{
	return iom_slabs_use(owner, (uintptr_t)memory + first * PAGE, count * PAGE, PAGE);
}

static int release(const struct iom_slab_owner *owner, uint64_t first, uint64_t count)
{
	return iom_slabs_release(owner, (uintptr_t)memory + first * PAGE, count * PAGE, PAGE);
}

static uint64_t locked_pages(void)
{
	return iom_sim_locked_bytes(sim) / PAGE;
}

static void fail_nth(unsigned long request, unsigned int n, int answer, bool after)
{
	const struct iom_sim_failure failure = {
		.nth = n,
		.answer = answer,
		.calls = 1u << IOM_SIM_IOCTL,
		.request = request,
		.after = after,
	};

	iom_sim_fail(sim, &failure);
}

/* ---- Set-up ---------------------------------------------------------------------------------- */

static void open_a(void)
{
	a = (struct iom_slab_owner){ sys, open_container() };
	group_of_a = join_new(a.container, 14);
	ck_assert_int_ge(group_of_a, 0);
	ck_assert_int_eq(set_spapr(a.container), 0);
}

static void set_up_owners(void)
{
	make_power("pseries");
	open_a();
	b = (struct iom_slab_owner){ sys, make_spapr(15) };
	memory = make_aligned(PAGES * PAGE, PAGE);
	n_events = 0;
	iom_sim_watch(sim, note, NULL);
}

/* All uses have ended, and nobody needed the containers' end for it. */
static void tear_down_owners(void)
{
	ck_assert_uint_eq(locked_pages(), 0);
	ck_assert_uint_eq(iom_sim_spapr_leaks(sim), 0);
	tear_down();
	iom_slabs_forget(&a);
	iom_slabs_forget(&b);
	munmap(memory, PAGES * PAGE);
}

/* ---- Counting -------------------------------------------------------------------------------- */

START_TEST(counted)
{
	size_t at = 0;

	ck_assert_use(&a, 0, 4);
	ck_assert_use(&a, 0, 4);
	ck_assert_use(&a, 1, 2);
	ck_assert_uint_eq(n_events, 1);
	ck_assert_release(&a, 0, 4);
	ck_assert_release(&a, 1, 2);
	ck_assert_uint_eq(n_events, 1);
	ck_assert_uint_eq(locked_pages(), 4);
	ck_assert_release(&a, 0, 4);
	ck_assert_next(at, false, &a, 0, 4);
	ck_assert_next(at, true, &a, 0, 4);
	ck_assert_uint_eq(at, n_events);
}
END_TEST

/* The kernel wants the very same ends in every container: also where less is used, or more. */
START_TEST(two_owners)
{
	size_t at = 0;

	ck_assert_use(&a, 4, 8);
	ck_assert_use(&b, 6, 1);
	ck_assert_next(at, false, &a, 4, 8);
	ck_assert_next(at, false, &b, 4, 8);
	ck_assert_use(&b, 2, 12);
	ck_assert_next(at, false, &b, 2, 2);
	ck_assert_next(at, false, &b, 12, 2);
	ck_assert_release(&a, 4, 8);
	ck_assert_next(at, true, &a, 4, 8);
	ck_assert_uint_eq(locked_pages(), 12);
	ck_assert_release(&b, 6, 1);
	ck_assert_uint_eq(at, n_events);
	/* and again, by a: the ends are still those */
	ck_assert_use(&a, 0, 6);
	ck_assert_next(at, false, &a, 0, 2);
	ck_assert_next(at, false, &a, 2, 2);
	ck_assert_next(at, false, &a, 4, 8);
	ck_assert_release(&b, 2, 12);
	ck_assert_next(at, true, &b, 2, 2);
	ck_assert_next(at, true, &b, 4, 8);
	ck_assert_next(at, true, &b, 12, 2);
	ck_assert_uint_eq(locked_pages(), 12);
	ck_assert_release(&a, 0, 6);
	at += 3;
	ck_assert_uint_eq(at, n_events);
}
END_TEST

START_TEST(gaps)
{
	size_t at = 0;

	ck_assert_use(&a, 4, 2);
	ck_assert_use(&a, 10, 2);
	at = n_events;
	ck_assert_use(&a, 2, 14);
	ck_assert_next(at, false, &a, 2, 2);
	ck_assert_next(at, false, &a, 6, 4);
	ck_assert_next(at, false, &a, 12, 4);
	ck_assert_uint_eq(at, n_events);
	/* each of the five ends with the last that touches it */
	ck_assert_use(&a, 5, 2);
	ck_assert_release(&a, 2, 14);
	ck_assert_next(at, true, &a, 2, 2);
	ck_assert_next(at, true, &a, 12, 4);
	ck_assert_release(&a, 4, 2);
	ck_assert_release(&a, 10, 2);
	ck_assert_next(at, true, &a, 10, 2);
	ck_assert_release(&a, 5, 2);
	ck_assert_next(at, true, &a, 4, 2);
	ck_assert_next(at, true, &a, 6, 4);
	ck_assert_uint_eq(at, n_events);
}
END_TEST

/* What ends in the middle of a page of the memory is registered with all of the page. */
START_TEST(widened)
{
	const uintptr_t va = (uintptr_t)memory;
	size_t at = 0;

	ck_assert_int_eq(iom_slabs_use(&a, va + PAGE + 4096, 4096, PAGE), 0);
	ck_assert_next(at, false, &a, 1, 1);
	ck_assert_int_eq(iom_slabs_use(&a, va + PAGE + 8192, 4096, PAGE), 0);
	ck_assert_int_eq(iom_slabs_use(&a, va + 2 * PAGE - 4096, 8192, PAGE), 0);
	ck_assert_next(at, false, &a, 2, 1);
	ck_assert_int_eq(iom_slabs_release(&a, va + PAGE + 4096, 4096, PAGE), 0);
	ck_assert_int_eq(iom_slabs_release(&a, va + 2 * PAGE - 4096, 8192, PAGE), 0);
	ck_assert_next(at, true, &a, 2, 1);
	ck_assert_int_eq(iom_slabs_release(&a, va + PAGE + 8192, 4096, PAGE), 0);
	ck_assert_next(at, true, &a, 1, 1);
	ck_assert_uint_eq(at, n_events);
}
END_TEST

START_TEST(many)
{
	uint64_t i;

	for (i = 0; i < PAGES; i += 2)
		ck_assert_use(&a, i, 1);
	ck_assert_use(&b, 0, PAGES - 1);
	ck_assert_uint_eq(n_events, PAGES / 2 + PAGES - 1);
	for (i = 0; i < PAGES; i += 2)
		ck_assert_release(&a, i, 1);
	ck_assert_release(&b, 0, PAGES - 1);
	ck_assert_uint_eq(n_events, 2 * (PAGES / 2 + PAGES - 1));
}
END_TEST

/*
 * What has no use left may be other memory by now, and the registration has the old one: nobody can
 * use it before all of it has gone.
 */
START_TEST(stale)
{
	size_t at;

	ck_assert_use(&a, 0, 8);
	ck_assert_use(&a, 2, 2);
	ck_assert_use(&b, 12, 2);
	ck_assert_release(&a, 0, 8);
	at = n_events;
	ck_assert_int_eq(use(&a, 4, 1), -EBUSY);
	ck_assert_ptr_nonnull(strstr(iom_errmsg(), "unmapped before"));
	ck_assert_int_eq(use(&a, 3, 2), -EBUSY);
	ck_assert_int_eq(use(&b, 0, 1), -EBUSY);
	ck_assert_uint_eq(n_events, at);
	/* nor is what was registered for such a use left */
	ck_assert_int_eq(use(&b, 7, 7), -EBUSY);
	ck_assert_use(&b, 8, 6);
	ck_assert_release(&b, 8, 6);
	ck_assert_use(&a, 2, 1);
	ck_assert_use(&b, 3, 1);
	ck_assert_release(&a, 2, 2);
	ck_assert_release(&a, 2, 1);
	/* b uses one page of it, that is current */
	ck_assert_int_eq(use(&a, 2, 2), -EBUSY);
	ck_assert_use(&a, 3, 1);
	ck_assert_release(&a, 3, 1);
	ck_assert_release(&b, 3, 1);
	ck_assert_uint_eq(locked_pages(), 2);
	ck_assert_use(&a, 0, 8);
	ck_assert_release(&a, 0, 8);
	ck_assert_release(&b, 12, 2);
}
END_TEST

/* ---- Refusals -------------------------------------------------------------------------------- */

/* The n-th of four pieces is refused: the others of this use go, and nothing else does. */
START_TEST(rolled_back)
{
	const int answers[] = { -ENOMEM, -EFAULT, -EINVAL, -EBUSY, -EIO, 3 };
	const int errors[] = { -ENOMEM, -EFAULT, -EBUSY, -EBUSY, -EIO, -EFAULT };
	unsigned int n;
	size_t at;

	ck_assert_use(&a, 4, 2);
	ck_assert_use(&b, 10, 2);
	for (n = 1; n <= 4; n++) {
		iom_error_set("nothing");
		fail_nth(VFIO_IOMMU_SPAPR_REGISTER_MEMORY, n, answers[_i], false);
		at = n_events;
		ck_assert_int_eq(use(&a, 2, 12), errors[_i]);
		ck_assert_uint_eq(iom_sim_failed(sim), 1);
		ck_assert_str_ne(iom_errmsg(), "nothing");
		ck_assert_uint_eq(locked_pages(), 4);
		/* n - 1 were made and ended */
		ck_assert_uint_eq(n_events - at, 2 * n - 1);
	}
	ck_assert_uint_eq(n, 5);
	iom_sim_fail(sim, NULL);
	ck_assert_use(&a, 2, 12);
	ck_assert_release(&a, 2, 12);
	ck_assert_release(&a, 4, 2);
	ck_assert_release(&b, 10, 2);
}
END_TEST

/* The sentence is that of the refusal, also if the kernel then refuses to undo. */
START_TEST(refused_to_undo)
{
	struct iom_sim_failure failure = {
		.nth = 2,
		.answer = -ENOMEM,
		.calls = 1u << IOM_SIM_IOCTL,
		.on = true,
	};

	ck_assert_use(&a, 4, 2);
	iom_sim_fail(sim, &failure);
	ck_assert_int_eq(use(&a, 2, 6), -ENOMEM);
	ck_assert_ptr_nonnull(strstr(iom_errmsg(), "memory to pin"));
	iom_sim_fail(sim, NULL);
	ck_assert_release(&a, 4, 2);
	/* the kernel has what it did not give back until the container goes */
	ck_assert_uint_eq(locked_pages(), 2);
	ck_assert_int_eq(delist(a.container, memory + 2 * PAGE, 2 * PAGE), 0);
}
END_TEST

START_TEST(not_unregistered)
{
	ck_assert_use(&a, 0, 2);
	ck_assert_use(&a, 2, 2);
	fail_nth(VFIO_IOMMU_SPAPR_UNREGISTER_MEMORY, 1, _i ? -ENOENT : 1, true);
	ck_assert_int_eq(release(&a, 0, 4), -EIO);
	ck_assert_ptr_nonnull(strstr(iom_errmsg(), "does not unregister"));
	/* the other one went all the same; of this one nobody knows what there is */
	ck_assert_uint_eq(locked_pages(), 0);
	ck_assert_use(&a, 2, 2);
	ck_assert_release(&a, 2, 2);
	ck_assert_int_eq(use(&a, 1, 2), -EBUSY);
	ck_assert_int_eq(use(&b, 0, 1), -EBUSY);
	ck_assert_uint_eq(locked_pages(), 0);
	/* it goes with the container */
	iom_slabs_forget(&a);
	ck_assert_use(&b, 0, 1);
	ck_assert_release(&b, 0, 1);
}
END_TEST

START_TEST(memory_that_is_not_there)
{
	ck_assert_use(&a, 0, 1);
	munmap(memory + 3 * PAGE, PAGE);
	ck_assert_int_eq(use(&a, 0, 8), -EFAULT);
	ck_assert_int_eq(mprotect(memory + 2 * PAGE, PAGE, PROT_READ), 0);
	ck_assert_int_eq(use(&b, 2, 1), -EFAULT);
	ck_assert_ptr_nonnull(strstr(iom_errmsg(), "read-only"));
	ck_assert_uint_eq(locked_pages(), 1);
	ck_assert_release(&a, 0, 1);
}
END_TEST

/* Somebody else in this process registers memory, too. */
START_TEST(registered_by_another)
{
	ck_assert_int_eq(enlist(b.container, memory + 2 * PAGE, 2 * PAGE), 0);
	ck_assert_int_eq(use(&a, 0, 3), -EBUSY);
	ck_assert_ptr_nonnull(strstr(iom_errmsg(), "something else in this process"));
	ck_assert_uint_eq(locked_pages(), 2);
	ck_assert_int_eq(delist(b.container, memory + 2 * PAGE, 2 * PAGE), 0);
	ck_assert_use(&a, 0, 3);
	ck_assert_release(&a, 0, 3);
}
END_TEST

START_TEST(memlock)
{
	iom_sim_set_memlock(sim, 6 * PAGE, false);
	ck_assert_use(&a, 0, 4);
	ck_assert_int_eq(use(&a, 2, 5), -ENOMEM);
	ck_assert_ptr_nonnull(strstr(iom_errmsg(), "RLIMIT_MEMLOCK"));
	ck_assert_uint_eq(locked_pages(), 4);
	ck_assert_use(&a, 2, 4);
	ck_assert_use(&b, 0, 6);
	ck_assert_uint_eq(locked_pages(), 6);
	ck_assert_release(&a, 0, 4);
	ck_assert_release(&a, 2, 4);
	ck_assert_release(&b, 0, 6);
}
END_TEST

/* ---- The end of a container ------------------------------------------------------------------ */

START_TEST(forgotten)
{
	size_t at;

	ck_assert_use(&a, 0, 4);
	ck_assert_use(&b, 2, 4);
	ck_assert_use(&a, 8, 4);
	at = n_events;
	iom_sys_close(sys, group_of_a);
	iom_sys_close(sys, a.container);
	iom_slabs_forget(&a);
	ck_assert_uint_eq(n_events, at);
	ck_assert_uint_eq(locked_pages(), 6);
	open_a();
	/* b's ends are still those; what was a's alone has none */
	ck_assert_use(&a, 2, 8);
	ck_assert_next(at, false, &a, 0, 4);
	ck_assert_next(at, false, &a, 4, 2);
	ck_assert_next(at, false, &a, 6, 4);
	ck_assert_release(&b, 2, 4);
	ck_assert_release(&a, 2, 8);
}
END_TEST

/* ---- Two kernels, as two tables of system calls are ------------------------------------------ */

START_TEST(two_tables)
{
	const struct iom_sim_config config = { .size = sizeof(config), .platform = "powernv" };
	struct iom_sim *first = sim, *second;
	const struct iom_sys *theirs = sys;

	ck_assert_int_eq(iom_sim_create(&config, &second), 0);
	sim = second;
	sys = iom_sim_sys(sim);
	b = (struct iom_slab_owner){ sys, make_spapr(14) };
	ck_assert_use(&a, 0, 4);
	ck_assert_uint_eq(locked_pages(), 0);
	ck_assert_use(&b, 2, 4);
	ck_assert_uint_eq(locked_pages(), 6);
	ck_assert_uint_eq(iom_sim_locked_bytes(first) / PAGE, 4);
	ck_assert_release(&a, 0, 4);
	ck_assert_uint_eq(iom_sim_locked_bytes(first), 0);
	ck_assert_uint_eq(locked_pages(), 6);
	ck_assert_release(&b, 2, 4);
	ck_assert_uint_eq(locked_pages(), 0);
	iom_sim_destroy(second);
	sim = first;
	sys = theirs;
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("slabs");
	TCase *tcase = tcase_create("slabs");

	tcase_set_timeout(tcase, 60);
	tcase_add_checked_fixture(tcase, set_up_owners, tear_down_owners);
	tcase_add_test(tcase, counted);
	tcase_add_test(tcase, two_owners);
	tcase_add_test(tcase, gaps);
	tcase_add_test(tcase, widened);
	tcase_add_test(tcase, many);
	tcase_add_test(tcase, stale);
	tcase_add_loop_test(tcase, rolled_back, 0, 6);
	tcase_add_test(tcase, refused_to_undo);
	tcase_add_loop_test(tcase, not_unregistered, 0, 2);
	tcase_add_test(tcase, memory_that_is_not_there);
	tcase_add_test(tcase, registered_by_another);
	tcase_add_test(tcase, memlock);
	tcase_add_test(tcase, forgotten);
	tcase_add_test(tcase, two_tables);
	suite_add_tcase(suite, tcase);
	return run_suite(suite);
}
