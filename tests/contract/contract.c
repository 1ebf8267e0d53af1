// SPDX-License-Identifier: BSD-3-Clause
/* Runs the rows. */
#include "tests/contract/run.h"

#include <errno.h>
#include <inttypes.h>
#include <linux/vfio.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

void contract_wrong(struct run *run, const char *format, ...)
{
	size_t n = strlen(run->wrong);
	va_list args;

	va_start(args, format);
	vsnprintf(run->wrong + n, sizeof(run->wrong) - n, format, args);
	va_end(args);
}

void contract_expect(struct run *run, const char *what, uint64_t is, uint64_t expected)
{
	if (is != expected)
		contract_wrong(run, "%s is %#" PRIx64 ", not %#" PRIx64 "; ", what, is, expected);
}

/* ---- Memory --------------------------------------------------------------------------------- */

/* Where each kind begins, in pages behind the start of one area. */
static const struct {
	int start, pages, access;
} layout[] = {
	[RW] = { 0, CONTRACT_RW_PAGES, PROT_READ | PROT_WRITE },
	[RO] = { 128, 8, PROT_READ },
	[WO] = { 136, 8, PROT_WRITE },
	[NONE] = { 144, 8, PROT_NONE },
	[FILE_PAGES] = { 152, 8, PROT_READ | PROT_WRITE },
};
#define MAX_ALIGN (2 << 20)
#define AREA_PAGES 160 /* the rest, and what is between them, is PROT_NONE */

static bool map_file(char *at, size_t length, size_t page)
{
	int fd = memfd_create("contract", MFD_CLOEXEC);
	void *p = MAP_FAILED;

	if (fd < 0)
		return false;
	if (!ftruncate(fd, (off_t)page))
		p = mmap(at, length, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd, 0);
	close(fd);
	return p != MAP_FAILED;
}

static bool make_memory(struct run *run)
{
	size_t page = run->world->page_size, align = page;
	char *p;
	int kind;

	/* the machine's pages may be larger than those of the kernel below, its IOMMU's too */
	if (run->world->power)
		align = MAX_ALIGN;
	run->length = AREA_PAGES * page + align;
	p = mmap(NULL, run->length, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (p == MAP_FAILED)
		return false;
	run->area = p;
	p = (char *)(((uintptr_t)p + align - 1) / align * align);
	for (kind = RW; kind <= FILE_PAGES; kind++) {
		char *at = p + (size_t)layout[kind].start * page;
		size_t length = (size_t)layout[kind].pages * page;

		run->memory[kind] = at;
		if (mprotect(at, length, layout[kind].access) ||
		    (kind == FILE_PAGES && !map_file(at, length, page)))
			return false;
	}
	run->memory[NOWHERE] = NULL;
	run->memory[TOP_OF_VA] = (char *)(uintptr_t)-page;
	if (run->test->needs == POWER_HUGE) {
		const struct contract_power *power = run->world->power;

		run->huge_length = 2 * power->huge_page;
		run->memory[HUGE_PAGES] = power->get_huge(run->world->arg, run->huge_length);
		return run->memory[HUGE_PAGES];
	}
	return true;
}

/*
 * Make a hole behind the memory of kind RW, for one call: in a hole left open, some other mapping
 * would come to be.
 */
static char *open_hole(struct run *run, const struct contract_row *row, size_t length)
{
	uint64_t pages = (uint64_t)row->memory_pages + row->size;
	char *hole = run->memory[RW] + CONTRACT_RW_PAGES * contract_unit(run);

	if (row->memory != RW || pages <= CONTRACT_RW_PAGES)
		return NULL;
	munmap(hole, length);
	return hole;
}

static void close_hole(struct run *run, char *hole, size_t length)
{
	if (hole &&
	    mmap(hole, length, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) != hole)
		contract_wrong(run, "the hole in memory does not close; ");
}

/* ---- Arguments and calls -------------------------------------------------------------------- */

uint64_t contract_iova(const struct run *run, const struct contract_row *row)
{
	const struct contract_world *world = run->world;
	const uint64_t anchors[] = {
		[BASE] = UINT64_C(1) << 32,
		[ZERO] = world->ranges[0].start,
		[HOLE] = world->ranges[0].last + 1,
		[AFTER] = world->ranges[1].start,
		[LAST] = world->ranges[world->n_ranges - 1].last - contract_unit(run) + 1,
		[TOP] = -contract_unit(run),
		[ABOVE] = world->power ? world->power->dma32_size : 0,
		[FRESH] = run->fresh,
	};

	return anchors[row->at] + (uint64_t)row->pages * contract_unit(run) + row->odd;
}

uint64_t contract_address(const struct run *run, const struct contract_row *row)
{
	return (uintptr_t)run->memory[row->memory] +
	       (uint64_t)row->memory_pages * contract_unit(run) + row->memory_odd;
}

uint64_t contract_size(const struct run *run, const struct contract_row *row)
{
	return row->size * contract_unit(run) + row->size_odd;
}

int contract_call(const struct run *run, const struct contract_row *row, unsigned long request,
		  void *arg)
{
	return iom_sys_ioctl(run->world->sys, run->fds[row->fd], request, arg);
}

int contract_call_memory(struct run *run, const struct contract_row *row, unsigned long request,
			 void *arg)
{
	const size_t hole_length = 8 * contract_unit(run);
	char *hole = open_hole(run, row, hole_length);
	int ret = contract_call(run, row, request, arg);

	close_hole(run, hole, hole_length);
	return ret;
}

int contract_keep(struct run *run, const struct contract_row *row, int fd)
{
	if (fd < 0)
		return fd;
	if (run->fds[row->to] >= 0)
		contract_wrong(run, "the row's slot is in use; ");
	run->fds[row->to] = fd;
	return 0;
}

/* ---- Rows ----------------------------------------------------------------------------------- */

static int close_slot(struct run *run, const struct contract_row *row)
{
	int ret = iom_sys_close(run->world->sys, run->fds[row->fd]);

	run->fds[row->fd] = -1;
	return ret;
}

static int perform(struct run *run, const struct contract_row *row)
{
	const struct contract_world *world = run->world;
	int ret;

	switch (row->op) {
	case CLOSE:
		return close_slot(run, row);
	case REQUEST:
		return contract_call(run, row, row->number, (void *)(uintptr_t)row->flags);
	case MEMLOCK:
		world->set_memlock(world->arg, row->size * contract_unit(run), row->flags);
		return 0;
	default:
		ret = contract_type1_call(run, row);
		if (ret == -ENOSYS)
			ret = contract_iommufd_call(run, row);
		return ret == -ENOSYS ? contract_spapr_call(run, row) : ret;
	}
}

static bool applies(const struct contract_world *world, const struct contract_row *row)
{
	return world->kernel >= row->from && (!row->below || world->kernel < row->below) &&
	       contract_spapr_applies(world, row);
}

static void run_rows(struct run *run, const char *test, const struct contract_row *rows, size_t n,
		     contract_report_fn *report, void *arg)
{
	size_t i;
	int ret;

	for (i = 0; i < n; i++) {
		if (!applies(run->world, &rows[i]))
			continue;
		run->wrong[0] = '\0';
		ret = perform(run, &rows[i]);
		if (ret != rows[i].answer)
			contract_wrong(run, "answer is %d, not %d; ", ret, rows[i].answer);
		report(arg, test, rows[i].what, run->wrong);
	}
}

/* ---- Cases ---------------------------------------------------------------------------------- */

static const struct contract_row type1_setup[] = {
	{ "set-up: container", OPEN_CONTAINER, .to = C },
	{ "set-up: group", OPEN_GROUP, .to = G },
	{ "set-up: join", SET_CONTAINER, .fd = G, .to = C },
	{ "set-up: type", SET_TYPE, .fd = C },
	{ "set-up: device", DEVICE_FD, .fd = G, .to = D },
};

static const struct contract_row cdev_setup[] = {
	{ "set-up: iommufd", OPEN_IOMMUFD, .to = I },
	{ "set-up: IOAS", IOAS_ALLOC, .fd = I, .out = 1 },
	{ "set-up: device", OPEN_CDEV, .to = D },
	{ "set-up: bind", BIND, .fd = D, .to = I, .out = 2 },
	{ "set-up: attach", ATTACH, .fd = D, .id = 1, .out = 3 },
};

static const struct contract_row ioas_setup[] = {
	{ "set-up: iommufd", OPEN_IOMMUFD, .to = I },
	{ "set-up: IOAS", IOAS_ALLOC, .fd = I, .out = 1 },
};

static const struct contract_row compat_setup[] = {
	{ "set-up: iommufd", OPEN_COMPAT, .to = C },
	{ "set-up: group", OPEN_GROUP, .to = G },
	{ "set-up: join", SET_CONTAINER, .fd = G, .to = C },
	{ "set-up: type", SET_TYPE, .fd = C },
	{ "set-up: device", DEVICE_FD, .fd = G, .to = D },
};

static const struct contract_row other_setup[] = {
	{ "set-up: container", OPEN_CONTAINER, .to = C },
	{ "set-up: group", OPEN_GROUP, .to = G },
	{ "set-up: join", SET_CONTAINER, .fd = G, .to = C },
	{ "set-up: type", SET_TYPE, .fd = C },
	{ "set-up: another container", OPEN_CONTAINER, .to = C2 },
	{ "set-up: another group", OPEN_OTHER, .to = G2 },
	{ "set-up: it joins", SET_CONTAINER, .fd = G2, .to = C2 },
	{ "set-up: its type", SET_TYPE, .fd = C2 },
};

#define ROWS(table)                                       \
	{                                                 \
		table, sizeof(table) / sizeof((table)[0]) \
	}

static const struct {
	const struct contract_row *rows;
	size_t n;
} setups[] = {
	[FROM_NOTHING] = { NULL, 0 },       [WITH_TYPE1] = ROWS(type1_setup),
	[WITH_IOAS] = ROWS(ioas_setup),     [WITH_CDEV] = ROWS(cdev_setup),
	[WITH_COMPAT] = ROWS(compat_setup), [WITH_OTHER] = ROWS(other_setup),
};

static const struct contract_case *case_of(size_t n)
{
	static const struct {
		const struct contract_case *cases;
		const size_t *n;
	} parts[] = {
		{ contract_type1_cases, &contract_n_type1_cases },
		{ contract_iommufd_cases, &contract_n_iommufd_cases },
		{ contract_cdev_cases, &contract_n_cdev_cases },
		{ contract_compat_cases, &contract_n_compat_cases },
		{ contract_pair_cases, &contract_n_pair_cases },
		{ contract_spapr_cases, &contract_n_spapr_cases },
		{ contract_eeh_cases, &contract_n_eeh_cases },
		{ contract_window_cases, &contract_n_window_cases },
	};
	size_t i;

	for (i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		if (n < *parts[i].n)
			return &parts[i].cases[n];
		n -= *parts[i].n;
	}
	return NULL;
}

const char *contract_test(size_t n)
{
	const struct contract_case *test = case_of(n);

	return test ? test->name : NULL;
}

static const char *kernel_lacks(const struct contract_world *world,
				const struct contract_case *test)
{
	if (test->needs == TYPE1)
		return world->type1 ? NULL : "the kernel has no type1";
	if (test->needs >= POWER)
		return contract_spapr_lacks(world, test);
	if (!world->iommufd)
		return "the kernel has no iommufd";
	switch (test->needs) {
	case CDEV:
		return world->refuses ? "iommufd refuses the device" : NULL;
	case REFUSAL_TO_BIND:
		return world->refuses == -EPERM ? NULL : "interrupts are isolated";
	case REFUSAL_TO_ATTACH:
		return world->refuses == -EINVAL ? NULL : "iommufd can attach the device";
	default:
		return NULL;
	}
}

const char *contract_lacks(const struct contract_world *world, size_t n)
{
	const struct contract_case *test = case_of(n);
	const char *why = kernel_lacks(world, test);

	if (!why && test->pair && !world->pair[0])
		why = "there are no two devices of one group";
	return why;
}

static bool makes_sense(const struct contract_world *world, const struct contract_case *test)
{
	bool top = world->ranges[world->n_ranges - 1].last == UINT64_MAX;

	return test->end == ANYWHERE || (test->end == AT_TOP) == top;
}

void contract_run(const struct contract_world *world, size_t n, contract_report_fn *report,
		  void *arg)
{
	const struct contract_case *test = case_of(n);
	struct run run = { .world = world, .test = test };
	int slot;

	if (!makes_sense(world, test))
		return;
	for (slot = 0; slot <= SLOTS; slot++)
		run.fds[slot] = -1;
	if (!make_memory(&run)) {
		report(arg, test->name, "set-up: memory", strerror(errno));
	} else {
		run_rows(&run, test->name, setups[test->setup].rows, setups[test->setup].n, report,
			 arg);
		run_rows(&run, test->name, test->rows, test->n, report, arg);
	}
	for (slot = SLOTS - 1; slot >= 0; slot--)
		if (run.fds[slot] >= 0)
			iom_sys_close(world->sys, run.fds[slot]);
	if (run.area)
		munmap(run.area, run.length);
	if (run.memory[HUGE_PAGES])
		munmap(run.memory[HUGE_PAGES], run.huge_length);
}
