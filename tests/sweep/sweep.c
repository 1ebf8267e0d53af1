// SPDX-License-Identifier: BSD-3-Clause
/*
 * Every operation, on every simulated machine: each system call that it makes fails in turn, with all that
 * the kernel may answer to it, and each allocation.  After a failure all is as it was, or what the
 * kernel refused to undo is in quarantine, counted and explained; and the next operation works.
 *
 *	CONFORMANCE_MACHINE	a pattern: the machines (all)
 *	SWEEP_PART		"1/2": every second of them, from the first on
 *	SWEEP_ONLY		a pattern: the operations (all)
 *	SWEEP_SHORT		one answer for each call, on three machines: for sanitizers, valgrind
 *				and emulation
 */
#include <fnmatch.h>
#include <stdarg.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/tree.h"
#include "tests/sweep/said.h"
#include "tests/sweep/table.h"
#include "tests/unit/runner.h"

#define MOST_CALLS 400
#define MOST_ALLOCATIONS 400
#define MOST_MACHINES 128
#define MOST_COMPLAINTS 2000

/* Of all processes. */
struct tally {
	char backend[16];
	uint64_t calls, allocations, quarantines, machines;
};

static struct shared {
	struct tally of[8];
	char at[MOST_MACHINES][160]; /* what was under way, or "" */
} * shared;

static struct named_machine machines[MOST_MACHINES];
static size_t n_machines, n_all;
static struct tally *tally;
static unsigned int complaints;
static char *now_at; /* this machine's */
static char sentence[1024];

static bool has_time(void)
{
	return !getenv("SWEEP_SHORT");
}

__attribute__((format(printf, 1, 2))) static void complain(const char *fmt, ...)
{
	va_list words;

	if (complaints++ >= MOST_COMPLAINTS)
		return;
	fprintf(stderr, "# %s: %s: ", place.machine.name, now_at);
	va_start(words, fmt);
	vfprintf(stderr, fmt, words);
	va_end(words);
	fputc('\n', stderr);
}

/* ---- One failure ---------------------------------------------------------------------------------- */

enum mode {
	ALONE,      /* the call fails, and nothing else */
	AFTERWARDS, /* it is done, in whole or in part, and fails */
	FROM_THERE, /* all that follow fail as well */
	NO_MEMORY   /* no call, but an allocation */
};

struct failure {
	const struct op *op;
	struct call call;
	unsigned int nth;
	int answer;
	enum mode mode;
};

static void arm(const struct failure *f)
{
	const struct iom_sim_failure failure = {
		.nth = f->nth,
		.answer = f->answer,
		.after = f->mode == AFTERWARDS,
		.on = f->mode == FROM_THERE,
	};

	if (f->mode == NO_MEMORY) {
		refused = false;
		countdown = f->nth;
	} else {
		iom_sim_fail(rig.sim, &failure);
	}
}

/* Whether it came to it. */
static bool disarm(const struct failure *f)
{
	bool hit = f->mode == NO_MEMORY ? refused : iom_sim_failed(rig.sim);

	countdown = 0;
	iom_sim_fail(rig.sim, NULL);
	return hit;
}

static bool is_documented(const struct op *op, int ret)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(op->may); i++)
		if (op->may[i] == ret)
			return true;
	for (i = 0; i < ARRAY_SIZE(op->may_on_power) && is_power_here(); i++)
		if (op->may_on_power[i] == ret)
			return true;
	return false;
}

static bool names_cause(const struct failure *f)
{
	char number[16];

	if (f->mode == FROM_THERE || f->mode == AFTERWARDS)
		return true; /* one of several */
	if (f->mode == NO_MEMORY)
		return strcasestr(sentence, "memory");
	/* what POWER's firmware answers is no errno */
	snprintf(number, sizeof(number), "(%d)", f->answer);
	if (strstr(sentence, iom_error_text(f->answer)) || strstr(sentence, number))
		return true;
	if (is_undo(&f->call) && strstr(sentence, "refused to unmap"))
		return true;
	/* the simulated page is larger than the real one, of which nobody told then */
	if (f->call.call == IOM_SIM_FIND_VMA && strstr(sentence, "is not there, or may not be"))
		return true;
	return is_said(sentence, f->answer);
}

static void check_sentence(const struct failure *f)
{
	static const char *const nothing[] = { NULL };
	const char *lacks = sentence_lacks(nothing);

	snprintf(sentence, sizeof(sentence), "%s", iom_errmsg());
	/* that there is no room is the cause then, and the log tells why */
	if (f->op->silent || strstr(sentence, "no free IOVA range"))
		return;
	if (lacks)
		complain("the sentence lacks %s: \"%s\"", lacks, sentence);
	else if (!names_cause(f))
		complain("the sentence does not name the cause: \"%s\"", sentence);
}

/* The kernel has refused to undo, or what it says cannot be relied upon. */
static bool may_quarantine(const struct failure *f)
{
	if (f->mode == NO_MEMORY)
		return false;
	return f->mode != ALONE || is_undo(&f->call) || f->answer > 0 || f->answer == -EEXIST;
}

/* Counted, and explained. */
static void check_quarantine(const struct failure *f, int ret, const struct picture *now)
{
	uint64_t copies = rig_is_power() ? 2 : 1, his = place.beside ? 3 * place.unit : 0;
	char text[4096] = "";
	/* what was in the way is out of use, and there is no other room */
	bool is_full = f->op->failed && ret == -ENOSPC;

	__atomic_fetch_add(&tally->quarantines, 1, __ATOMIC_RELAXED);
	if (!may_quarantine(f))
		complain("%d, and a quarantine where the kernel did not refuse to undo: \"%s\"",
			 ret, iom_errmsg());
	if (ret < 0 && ret != -EIO && !is_full)
		complain("%d, and a quarantine: \"%s\"", ret, sentence);
	if (!strstr(rig.log, "is quarantined: "))
		complain("a quarantine that the log does not know");
	iom_explain(rig.dom, text, sizeof(text));
	if (!strstr(text, "\nquarantined: "))
		complain("a quarantine that is not explained: %s", text);
	if (now->mapped >
	    his + copies * (now->counters.mapped_bytes + now->counters.quarantined_bytes))
		complain("the kernel has 0x%" PRIx64 " bytes, of which 0x%" PRIx64
			 " are mapped and 0x%" PRIx64 " in quarantine",
			 now->mapped, now->counters.mapped_bytes, now->counters.quarantined_bytes);
}

/* ---- Afterwards ------------------------------------------------------------------------------------ */

static void check_all_accounted(void)
{
	static const char *const devices[] = { NVME, EDU, PAIR_1, PAIR_2 };
	const char *what;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(devices) && !place.beside; i++) {
		what = unaccounted(devices[i]);
		if (what)
			complain("%s", what);
	}
}

/* The domain goes on: it maps, translates, reaches, and unmaps; attached anew if need be. */
static void go_on(void)
{
	struct iom_region r;
	const char *what;
	int ret;

	if (!rig.dom)
		return;
	iom_sim_spapr_freezes(rig.sim, false);
	if (iom_apertures(rig.dom, NULL, 0) < 0) {
		ret = place.beside ? op_attach_fd() : op_attach();
		if (ret) {
			complain("it cannot be attached then: %d, \"%s\"", ret, iom_errmsg());
			return;
		}
	} else if (!rig.nvme) {
		return;
	}
	what = out_of_reach(NVME);
	if (what)
		complain("%s", what);
	ret = map_any(at_unit(48), 3 * place.unit, &r);
	if (ret) {
		complain("nothing can be mapped then: %d, \"%s\"", ret, iom_errmsg());
		return;
	}
	if (!is_mapped(at_unit(49)) || !dma_works(NVME, &r))
		complain("what is mapped then is not reached");
	ret = iom_unmap(rig.dom, &r);
	if (ret || is_mapped(at_unit(49)) || !dma_misses(NVME, r.iova, r.length))
		complain("it is not unmapped then: %d", ret);
}

/* What an operation may leave behind, or take away, that is nobody's loss. */
static void forgive(const struct failure *f, const struct picture *before, struct picture *now)
{
	if (f->op->failed) {
		now->counters = before->counters;
		now->mapped = before->mapped;
		now->allocated = before->allocated; /* tables for translation */
		now->locked = before->locked;
		now->pinned = before->pinned;
		memcpy(now->maps, before->maps, sizeof(now->maps));
	}
	/* the one window that is made for a map, and stays */
	if (f->op->makes_window && now->apertures.n == before->apertures.n + 1) {
		now->apertures = before->apertures;
		now->locked = before->locked;
		now->page_size = before->page_size;
		now->allocated = before->allocated;
	}
	if (f->mode != FROM_THERE)
		return;
	/* it could not be told of the IOVAs that it need hold no longer */
	now->told = before->told;
	/* nor of a window that it need not have */
	if (rig_is_power() && now->locked > before->locked)
		now->locked = before->locked;
	/* what is kept open for later, and cannot be when nothing works */
	if (before->apertures.n >= 0 || now->fds > before->fds)
		return;
	now->fds = before->fds;
	now->counters.entry_limit = before->counters.entry_limit;
	now->counters.entries_used = before->counters.entries_used;
}

static void when_failed(const struct failure *f, int ret, const struct picture *before)
{
	struct picture now;
	uint64_t quarantined;
	const char *what;

	if (!is_documented(f->op, ret))
		complain("%d is not for this: \"%s\"", ret, iom_errmsg());
	check_sentence(f);
	take_picture(&now);
	quarantined = now.counters.quarantined_bytes;
	if (quarantined > before->counters.quarantined_bytes) {
		check_quarantine(f, ret, &now);
		return;
	}
	forgive(f, before, &now);
	what = differs(before, &now);
	if (what && !f->op->once)
		complain("%d, and %s changed: \"%s\"", ret, what, sentence);
	else if (f->op->failed)
		f->op->failed();
	else if (!what && (ret = f->op->run()) != 0)
		complain("the second time it fails: %d, \"%s\"", ret, iom_errmsg());
}

static void when_worked(const struct failure *f, const struct picture *before)
{
	struct picture now;

	if (!rig.dom)
		return;
	take_picture(&now);
	if (now.counters.quarantined_bytes > before->counters.quarantined_bytes)
		check_quarantine(f, 0, &now);
	else if (f->op->worked)
		f->op->worked();
}

/* Whether there was such a call. */
static bool inject(const struct failure *f)
{
	struct picture before;
	bool hit;
	int ret;

	f->op->prepare();
	take_picture(&before);
	rig.log[0] = '\0';
	iom_error_set("%s", "");
	arm(f);
	ret = f->op->run();
	hit = disarm(f);
	if (ret < 0 && !hit)
		complain("%d, and nothing failed: \"%s\"", ret, iom_errmsg());
	else if (ret < 0)
		when_failed(f, ret, &before);
	else
		when_worked(f, &before);
	if (rig.dom)
		check_all_accounted();
	go_on();
	leave();
	return hit;
}

static void note(const struct failure *f)
{
	static const char *const modes[] = { "", ", when it is done", " and all that follow",
					     "allocation" };

	if (f->mode == NO_MEMORY)
		snprintf(now_at, sizeof(shared->at[0]), "%s: allocation %u", f->op->name, f->nth);
	else
		snprintf(now_at, sizeof(shared->at[0]), "%s: call %u (%d, 0x%lx): %d%s",
			 f->op->name, f->nth, f->call.call, f->call.request, f->answer,
			 modes[f->mode]);
}

static bool try_one(const struct failure *f)
{
	bool hit;

	note(f);
	hit = inject(f);
	if (hit)
		__atomic_fetch_add(f->mode == NO_MEMORY ? &tally->allocations : &tally->calls, 1,
				   __ATOMIC_RELAXED);
	return hit;
}

/* ---- All of an operation's -------------------------------------------------------------------------- */

/* As it is when nothing fails; how many calls there are. */
static size_t record(const struct op *op, struct call *calls)
{
	size_t n;
	int ret;

	snprintf(now_at, sizeof(shared->at[0]), "%s", op->name);
	op->prepare();
	place.n_events = 0;
	ret = op->run();
	n = place.n_events;
	ck_assert_msg(!ret, "%s: %s: %d, \"%s\"", place.machine.name, op->name, ret, iom_errmsg());
	ck_assert_uint_lt(n, MOST_CALLS);
	memcpy(calls, place.events, n * sizeof(calls[0]));
	if (op->worked)
		op->worked();
	go_on();
	leave();
	return n;
}

/* What is asked again and again (the addresses that each PCI function decodes) is not tried as often. */
static bool is_repeated(const struct call *calls, unsigned int i)
{
	unsigned int k, before = 0;

	for (k = 0; k < i; k++)
		before += calls[k].call == calls[i].call && calls[k].request == calls[i].request &&
			  calls[k].on_device == calls[i].on_device;
	return before >= 3;
}

static void fail_call(const struct op *op, const struct call *calls, unsigned int i)
{
	const struct call *call = &calls[i];
	struct failure f = { .op = op, .call = *call, .nth = i + 1 };
	const int *answers = answers_of(call);

	if (!has_time() && is_repeated(calls, i))
		return;
	for (; *answers; answers++) {
		f.answer = *answers;
		ck_assert_msg(try_one(&f), "%s: there is no such call", now_at);
		if (!has_time() || is_repeated(calls, i))
			return;
	}
	f.answer = -EIO;
	if (is_unmap(call)) {
		f.mode = AFTERWARDS;
		try_one(&f);
	}
	f.mode = FROM_THERE;
	try_one(&f);
}

static void sweep(const struct op *op)
{
	static struct call calls[MOST_CALLS];
	struct failure f = { .op = op, .nth = 1, .mode = NO_MEMORY };
	size_t i, n;

	n = record(op, calls);
	for (i = 0; i < n; i++)
		fail_call(op, calls, (unsigned int)i);
	while (f.nth < MOST_ALLOCATIONS && try_one(&f))
		f.nth++;
	ck_assert_uint_lt(f.nth, MOST_ALLOCATIONS);
	ck_assert_msg(n > 0 || f.nth > 1 || !op->may[0], "%s: there is nothing that can fail",
		      op->name);
}

START_TEST(each_failure)
{
	const char *only = getenv("SWEEP_ONLY");
	size_t i;

	complaints = 0;
	now_at = shared->at[_i];
	file = memfd_create("sweep", MFD_CLOEXEC);
	snprintf(now_at, sizeof(shared->at[0]), "the first attach");
	come_to(&machines[_i]);
	ck_assert_int_eq(ftruncate(file, (off_t)(8 * place.unit)), 0);
	for (tally = shared->of; *tally->backend && strcmp(tally->backend, place.backend) != 0;)
		tally++;
	snprintf(tally->backend, sizeof(tally->backend), "%s", place.backend);
	for (i = 0; i < ARRAY_SIZE(ops); i++)
		if ((!ops[i].is_there || ops[i].is_there()) &&
		    (!only || !fnmatch(only, ops[i].name, 0)))
			sweep(&ops[i]);
	*now_at = '\0';
	tally->machines++;
	ck_assert_msg(!complaints, "%s: %u complaints", place.machine.name, complaints);
}
END_TEST

/* ---- All machines -------------------------------------------------------------------------------------- */

static bool is_one_of(const char *name, const char *const *names, size_t n)
{
	while (n--)
		if (!strcmp(names[n], name))
			return true;
	return false;
}

static void choose_machines(void)
{
	static const char *const few[] = { "x86-48/4k/612/any", "x86-48/4k/702-iommufd/iommufd",
					   "pseries/64k/702/any" };
	const char *pattern = getenv("CONFORMANCE_MACHINE"), *word = getenv("SWEEP_PART");
	unsigned int part = 1, parts = 1;
	struct named_machine m;
	size_t i;

	if (word && (sscanf(word, "%u/%u", &part, &parts) != 2 || !part || part > parts))
		abort();
	for (i = 0; i < machines_most(); i++) {
		if (!machine_get(i, &m))
			continue;
		if (!has_time() ? !is_one_of(m.name, few, ARRAY_SIZE(few))
				: pattern && *pattern && fnmatch(pattern, m.name, 0))
			continue;
		if (n_all++ % parts != part - 1)
			continue;
		if (n_machines == MOST_MACHINES)
			abort();
		machines[n_machines++] = m;
	}
	/* a part of few may have none; but a name that is no machine's is no success */
	if (!n_all || (!has_time() && n_all != ARRAY_SIZE(few))) {
		fprintf(stderr, "sweep: there are no such machines\n");
		exit(2);
	}
}

static void show_tally(void)
{
	uint64_t all = 0, quarantines = 0, seen = 0;
	const struct tally *t;
	size_t i;

	for (i = 0; i < n_machines; i++)
		if (shared->at[i][0])
			printf("# sweep: %s ended at: %s\n", machines[i].name, shared->at[i]);
	for (t = shared->of; *t->backend; t++) {
		printf("# sweep: %s %" PRIu64 " failures injected\n", t->backend,
		       t->calls + t->allocations);
		all += t->calls + t->allocations;
		quarantines += t->quarantines;
		seen += t->machines;
	}
	printf("# sweep: %" PRIu64 " in all, on %" PRIu64 " of %zu machines; %" PRIu64
	       " left a quarantine\n",
	       all, seen, n_machines, quarantines);
}

int main(void)
{
	Suite *suite = suite_create("sweep");
	TCase *tcase = tcase_create("sweep");
	int status;

	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		      0);
	if (shared == MAP_FAILED)
		return 99;
	choose_machines();
	tcase_set_timeout(tcase, 1200);
	tcase_add_loop_test(tcase, each_failure, 0, (int)n_machines);
	suite_add_tcase(suite, tcase);
	status = run_suite(suite);
	show_tally();
	return status;
}
