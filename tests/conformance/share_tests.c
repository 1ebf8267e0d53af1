// SPDX-License-Identifier: BSD-3-Clause
/*
 * Memory that several mappings share: on POWER it is registered once for all of them, and must stay
 * so until the last one ends; elsewhere each pins it anew.
 */
#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "rig.h"

/* Two domains map the same memory, and each ends its own. */
static enum outcome two_domains(struct fixture *f)
{
	struct fixture second = { .world = f->world };
	struct iom_region r, s;
	struct rig rig, other;
	uint64_t page;
	char *p;
	int i;

	NEED(f->world->edu2, "no second edu device");
	OK(open_domain(&second, 0));
	OK(attach(&second, f->world->edu2, &second.dev));
	second.page = iom_page_size(second.dom);
	TRY(rig_build(&rig, f, f->dev));
	TRY(rig_build(&other, &second, second.dev));
	page = memory_page(f);
	p = memory(4 * page);
	for (i = 0; i < 2; i++) {
		OK(iom_map(f->dom, p, 4 * page, IOM_MAP_RW, NULL, &r));
		OK(iom_map(second.dom, p, 4 * page, IOM_MAP_RW, NULL, &s));
		TRY(rig_reaches(&rig, p + page, r.iova + page));
		TRY(rig_reaches(&other, p + page, s.iova + page));
		if (i) {
			OK(iom_unmap(f->dom, &r));
			TRY(rig_misses(&rig, p + page, r.iova + page));
			TRY(rig_reaches(&other, p + page, s.iova + page));
			OK(iom_unmap(second.dom, &s));
		} else {
			OK(iom_unmap(second.dom, &s));
			TRY(rig_misses(&other, p + page, s.iova + page));
			TRY(rig_reaches(&rig, p + page, r.iova + page));
			OK(iom_unmap(f->dom, &r));
		}
		TRY(rig_misses(&rig, p, r.iova));
		TRY(rig_misses(&other, p, s.iova));
	}

	/* a domain that is closed takes nothing with it that the other has */
	OK(iom_map(second.dom, p, 4 * page, IOM_MAP_RW, NULL, &s));
	OK(iom_map(f->dom, p, 4 * page, IOM_MAP_RW, NULL, &r));
	rig_release(&other);
	iom_close(second.dom);
	TRY(rig_reaches(&rig, p + 3 * page, r.iova + 3 * page));
	rig_release(&rig);
	return PASS;
}

/* An alias outlives the mapping whose memory it is of; at the end nothing is locked. */
static enum outcome alias_outlives(struct fixture *f)
{
	struct iom_region r, alias;
	uint64_t page, locked;
	struct rig rig;
	char *p;

	TRY(rig_build(&rig, f, f->dev));
	page = memory_page(f);
	p = memory(8 * page);
	locked = world_locked();
	OK(iom_map(f->dom, p, 8 * page, IOM_MAP_RW, NULL, &r));
	OK(iom_map(f->dom, p + 2 * page, 2 * page, IOM_MAP_RW | IOM_MAP_ALIAS, NULL, &alias));
	OK(iom_unmap(f->dom, &r));
	TRY(rig_misses(&rig, p, r.iova));
	TRY(rig_misses(&rig, p + 2 * page, r.iova + 2 * page));
	TRY(rig_reaches(&rig, p + 3 * page, alias.iova + page));
	OK(iom_unmap(f->dom, &alias));
	TRY(rig_misses(&rig, p + 3 * page, alias.iova + page));
	EXPECT(world_locked() == locked);

	/* and the other way round: what is mapped first is a part of what is mapped then */
	OK(iom_map(f->dom, p + 2 * page, 2 * page, IOM_MAP_RW, NULL, &r));
	OK(iom_map(f->dom, p, 8 * page, IOM_MAP_RW | IOM_MAP_ALIAS, NULL, &alias));
	TRY(rig_reaches(&rig, p + 7 * page, alias.iova + 7 * page));
	TRY(rig_reaches(&rig, p + 2 * page, alias.iova + 2 * page));
	OK(iom_unmap(f->dom, &r));
	TRY(rig_misses(&rig, p + 2 * page, r.iova));
	TRY(rig_reaches(&rig, p + 2 * page, alias.iova + 2 * page));
	OK(iom_unmap(f->dom, &alias));
	EXPECT(world_locked() == locked);
	rig_release(&rig);
	return PASS;
}

/* Buffers smaller than the kernel's page, several in one, are mapped and unmapped apart. */
static enum outcome buffers_in_one_page(struct fixture *f)
{
	const uint64_t page = f->page, whole = world_page_size();
	const unsigned int n = (unsigned int)(whole / page);
	struct iom_region r[16];
	uint64_t locked;
	struct rig rig;
	unsigned int i;
	char *p;

	if (n < 2)
		return not_applicable("the kernel's page is the smallest that can be mapped");
	EXPECT(n <= 16);
	TRY(rig_build(&rig, f, f->dev));
	p = memory(whole);
	locked = world_locked();
	for (i = 0; i < n; i++)
		OK(iom_map(f->dom, p + i * page, page, IOM_MAP_RW, NULL, &r[i]));
	EXPECT(world_locked() == locked + whole);
	for (i = 0; i < n; i++)
		TRY(rig_reaches(&rig, p + i * page, r[i].iova));
	/* in an order that leaves holes */
	for (i = 0; i < n; i++) {
		unsigned int at = i * 5 % n, next = (i + 1) * 5 % n;

		OK(iom_unmap(f->dom, &r[at]));
		TRY(rig_misses(&rig, p + at * page, r[at].iova));
		if (i + 1 < n)
			TRY(rig_reaches(&rig, p + next * page, r[next].iova));
	}
	EXPECT(world_locked() == locked);
	OK(iom_map(f->dom, p + page, page, IOM_MAP_RW, NULL, &r[0]));
	TRY(rig_reaches(&rig, p + page, r[0].iova));
	rig_release(&rig);
	return PASS;
}

/* Neighbours that begin and end within the kernel's pages, and one over all of them. */
static enum outcome neighbours(struct fixture *f)
{
	const uint64_t page = f->page, whole = memory_page(f);
	struct iom_region first, second, all;
	uint64_t half, locked;
	struct rig rig;
	char *p;

	TRY(rig_build(&rig, f, f->dev));
	half = whole / page > 1 ? whole / 2 : whole;
	p = memory(4 * whole);
	locked = world_locked();
	OK(iom_map(f->dom, p + half, whole, IOM_MAP_RW, NULL, &first));
	OK(iom_map(f->dom, p + half + whole, whole, IOM_MAP_RW, NULL, &second));
	TRY(rig_reaches(&rig, p + half, first.iova));
	TRY(rig_reaches(&rig, p + half + 2 * whole - RIG_BYTES, second.iova + whole - RIG_BYTES));
	OK(iom_map(f->dom, p, 4 * whole, IOM_MAP_RW | IOM_MAP_ALIAS, NULL, &all));
	TRY(rig_reaches(&rig, p + 3 * whole, all.iova + 3 * whole));
	OK(iom_unmap(f->dom, &first));
	TRY(rig_misses(&rig, p + half, first.iova));
	TRY(rig_reaches(&rig, p + half + whole, second.iova));
	TRY(rig_reaches(&rig, p + half, all.iova + half));
	OK(iom_unmap(f->dom, &second));
	TRY(rig_reaches(&rig, p + half + whole, all.iova + half + whole));
	OK(iom_unmap(f->dom, &all));
	TRY(rig_misses(&rig, p, all.iova));
	EXPECT(world_locked() == locked);
	rig_release(&rig);
	return PASS;
}

/*
 * What was unmapped here, and is other memory now, is what the device reaches when it is mapped
 * again.  On POWER it cannot be while the kernel has the memory of before registered, with a part of
 * it that is still mapped.
 */
static enum outcome changed_memory(struct fixture *f)
{
	const uint64_t page = memory_page(f);
	struct iom_region r, alias;
	struct rig rig;
	char *p;

	TRY(rig_build(&rig, f, f->dev));
	p = memory(8 * page);
	OK(iom_map(f->dom, p, 8 * page, IOM_MAP_RW, NULL, &r));
	OK(iom_map(f->dom, p, page, IOM_MAP_RW | IOM_MAP_ALIAS, NULL, &alias));
	TRY(rig_reaches(&rig, p + 4 * page, r.iova + 4 * page));
	OK(iom_unmap(f->dom, &r));
	EXPECT(mmap(p + 4 * page, 4 * page, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == p + 4 * page);
	if (on_power(f)) {
		REFUSED(iom_map(f->dom, p + 4 * page, 4 * page, IOM_MAP_RW, NULL, &r), -EBUSY,
			"unmapped before", "still mapped");
		EXPECT(!is_mapped(f, p + 4 * page));
		TRY(rig_reaches(&rig, p, alias.iova));
		OK(iom_unmap(f->dom, &alias));
	}
	OK(iom_map(f->dom, p + 4 * page, 4 * page, IOM_MAP_RW, NULL, &r));
	TRY(rig_reaches(&rig, p + 4 * page, r.iova));
	TRY(rig_reaches(&rig, p + 7 * page, r.iova + 3 * page));
	rig_release(&rig);
	return PASS;
}

#define ROUNDS 60

struct sharer {
	struct fixture *f;
	char *p;
	uint64_t length;
	enum outcome outcome;
};

static enum outcome map_again_and_again(const struct sharer *s)
{
	struct iom_region r;
	int i;

	for (i = 0; i < ROUNDS; i++) {
		OK(iom_map(s->f->dom, s->p, s->length, IOM_MAP_RW, NULL, &r));
		OK(iom_unmap(s->f->dom, &r));
	}
	return PASS;
}

static void *share(void *arg)
{
	struct sharer *s = arg;

	s->outcome = map_again_and_again(s);
	return NULL;
}

/* Two domains map and unmap the same memory at the same time. */
static enum outcome at_once(struct fixture *f)
{
	struct fixture second = { .world = f->world };
	struct sharer here, there;
	pthread_t thread;
	uint64_t locked;
	struct rig rig;

	NEED(f->world->edu2, "no second edu device");
	OK(open_domain(&second, 0));
	OK(attach(&second, f->world->edu2, &second.dev));
	TRY(rig_build(&rig, f, f->dev));
	here = (struct sharer){ .f = f, .length = 16 * memory_page(f) };
	here.p = memory(here.length);
	there = here;
	there.f = &second;
	locked = world_locked();
	EXPECT(!pthread_create(&thread, NULL, share, &there));
	share(&here);
	pthread_join(thread, NULL);
	TRY(here.outcome);
	TRY(there.outcome);
	iom_close(second.dom);
	EXPECT(world_locked() <= locked);
	TRY(rig_works(&rig));
	rig_release(&rig);
	return PASS;
}

/* In the child of a fork: a domain of its own, with the memory that the parent has mapped. */
static enum outcome in_the_child(const struct world *world, char *p, uint64_t length)
{
	struct fixture f = { .world = world };
	struct iom_region r;
	struct rig rig;

	OK(open_domain(&f, 0));
	OK(attach(&f, world->edu2, &f.dev));
	f.page = iom_page_size(f.dom);
	TRY(rig_build(&rig, &f, f.dev));
	OK(iom_map(f.dom, p, length, IOM_MAP_RW, NULL, &r));
	TRY(rig_reaches(&rig, p, r.iova));
	TRY(rig_reaches(&rig, p + length - RIG_BYTES, r.iova + length - RIG_BYTES));
	OK(iom_unmap(f.dom, &r));
	TRY(rig_misses(&rig, p, r.iova));
	rig_release(&rig);
	iom_close(f.dom);
	return PASS;
}

/* What a child maps is its own copy, and what it ends leaves the parent's alone. */
static enum outcome forked_child(struct fixture *f)
{
	const uint64_t length = 4 * memory_page(f);
	struct iom_region r;
	struct rig rig;
	int status;
	pid_t pid;
	char *p;

	NEED(f->world->edu2, "no second edu device");
	TRY(rig_build(&rig, f, f->dev));
	p = memory(length);
	OK(iom_map(f->dom, p, length, IOM_MAP_RW, NULL, &r));
	TRY(rig_reaches(&rig, p, r.iova));
	pid = fork();
	EXPECT(pid >= 0);
	if (!pid) {
		alarm(60);
		_exit(in_the_child(f->world, p, length));
	}
	EXPECT(waitpid(pid, &status, 0) == pid);
	if (!WIFEXITED(status) || WEXITSTATUS(status) != PASS)
		return failed(__FILE__, __LINE__, "the child's status is 0x%x",
			      (unsigned int)status);
	EXPECT(rig_arrived(&rig, p));
	TRY(rig_reaches(&rig, p + length - RIG_BYTES, r.iova + length - RIG_BYTES));
	OK(iom_unmap(f->dom, &r));
	TRY(rig_misses(&rig, p, r.iova));
	rig_release(&rig);
	return PASS;
}

const struct test share_tests[] = {
	{ "share-memory-of-two-domains", two_domains, NEEDS_EDU },
	{ "share-alias-outlives-its-memory", alias_outlives, NEEDS_EDU },
	{ "share-page-of-several-buffers", buffers_in_one_page, NEEDS_EDU },
	{ "share-pages-of-neighbours", neighbours, NEEDS_EDU },
	{ "share-memory-that-changed", changed_memory, NEEDS_EDU },
	{ "share-memory-mapped-at-once", at_once, NEEDS_EDU },
	{ "share-nothing-with-a-forked-child", forked_child, NEEDS_EDU },
	{ NULL, NULL, NEEDS_EDU },
};
