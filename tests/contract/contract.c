// SPDX-License-Identifier: BSD-3-Clause
/* Runs the rows. */
#include "tests/contract/contract.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/vfio.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define INFO_SIZE 24 /* of struct vfio_iommu_type1_info since 6.6; what the offsets count from */

struct run {
	const struct contract_world *world;
	int fds[SLOTS + 1];
	char *memory[TOP_OF_VA + 1];
	void *area;
	size_t length;
	char wrong[512]; /* about the row that runs */
};

static void wrong(struct run *run, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void wrong(struct run *run, const char *format, ...)
{
	size_t n = strlen(run->wrong);
	va_list args;

	va_start(args, format);
	vsnprintf(run->wrong + n, sizeof(run->wrong) - n, format, args);
	va_end(args);
}

static void expect(struct run *run, const char *what, uint64_t is, uint64_t expected)
{
	if (is != expected)
		wrong(run, "%s is %#" PRIx64 ", not %#" PRIx64 "; ", what, is, expected);
}

static uint64_t unit(const struct run *run)
{
	return run->world->page_size;
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
	size_t page = run->world->page_size;
	char *p;
	int kind;

	/* one page more: the machine's pages may be larger than those of the kernel below */
	run->length = (AREA_PAGES + 1) * page;
	p = mmap(NULL, run->length, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (p == MAP_FAILED)
		return false;
	run->area = p;
	p = (char *)(((uintptr_t)p + page - 1) / page * page);
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
	return true;
}

/*
 * Make a hole behind the memory of kind RW, for one call: in a hole left open, some other mapping
 * would come to be.
 */
static char *open_hole(struct run *run, const struct contract_row *row, size_t length)
{
	uint64_t pages = (uint64_t)row->memory_pages + row->size;
	char *hole = run->memory[RW] + CONTRACT_RW_PAGES * unit(run);

	if (row->memory != RW || pages <= CONTRACT_RW_PAGES)
		return NULL;
	munmap(hole, length);
	return hole;
}

static void close_hole(struct run *run, char *hole, size_t length)
{
	if (hole &&
	    mmap(hole, length, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) != hole)
		wrong(run, "the hole in memory does not close; ");
}

/* ---- Calls ---------------------------------------------------------------------------------- */

static uint64_t iova_of(const struct run *run, const struct contract_row *row)
{
	const struct contract_world *world = run->world;
	const uint64_t anchors[] = {
		[BASE] = UINT64_C(1) << 32,
		[ZERO] = world->ranges[0].start,
		[HOLE] = world->ranges[0].last + 1,
		[AFTER] = world->ranges[1].start,
		[LAST] = world->ranges[world->n_ranges - 1].last - unit(run) + 1,
		[TOP] = -unit(run),
	};

	return anchors[row->at] + (uint64_t)row->pages * unit(run) + row->odd;
}

static int call(const struct run *run, const struct contract_row *row, unsigned long request,
		void *arg)
{
	return iom_sys_ioctl(run->world->sys, run->fds[row->fd], request, arg);
}

/* A call that makes a descriptor. */
static int keep(struct run *run, const struct contract_row *row, int fd)
{
	if (fd < 0)
		return fd;
	if (run->fds[row->to] >= 0)
		wrong(run, "the row's slot is in use; ");
	run->fds[row->to] = fd;
	return 0;
}

static int open_group(struct run *run, const struct contract_row *row)
{
	char path[32];

	snprintf(path, sizeof(path), "/dev/vfio/%d", run->world->group);
	return keep(run, row, iom_sys_open(run->world->sys, path, O_RDWR));
}

static int close_slot(struct run *run, const struct contract_row *row)
{
	int ret = iom_sys_close(run->world->sys, run->fds[row->fd]);

	run->fds[row->fd] = -1;
	return ret;
}

static int get_status(struct run *run, const struct contract_row *row)
{
	struct vfio_group_status status = { .argsz = sizeof(status) };
	int ret;

	status.argsz += (uint32_t)row->argsz;
	ret = call(run, row, VFIO_GROUP_GET_STATUS, &status);
	expect(run, "flags", status.flags, row->out);
	return ret;
}

static int device_fd(struct run *run, const struct contract_row *row)
{
	char name[64];

	snprintf(name, sizeof(name), "%s%s", run->world->address, row->name ? row->name : "");
	return keep(run, row, call(run, row, VFIO_GROUP_GET_DEVICE_FD, name));
}

static int device_info(struct run *run, const struct contract_row *row)
{
	struct vfio_device_info info = { .argsz = sizeof(info) };
	int ret;

	info.argsz += (uint32_t)row->argsz;
	ret = call(run, row, VFIO_DEVICE_GET_INFO, &info);
	if (ret)
		return ret;
	expect(run, "PCI flag", info.flags & VFIO_DEVICE_FLAGS_PCI, VFIO_DEVICE_FLAGS_PCI);
	expect(run, "regions", info.num_regions, VFIO_PCI_NUM_REGIONS);
	expect(run, "interrupts", info.num_irqs, VFIO_PCI_NUM_IRQS);
	return 0;
}

/* ---- GET_INFO ------------------------------------------------------------------------------- */

static uint64_t field(const unsigned char *at, size_t size)
{
	uint32_t u32;
	uint64_t u64;

	if (size == sizeof(u32)) {
		memcpy(&u32, at, size);
		return u32;
	}
	memcpy(&u64, at, sizeof(u64));
	return u64;
}

#define FIELD(at, type, member) \
	field((at) + offsetof(struct type, member), sizeof(((struct type *)NULL)->member))

/* The capabilities in their order, each behind the other with nothing between them. */
static void check_chain(struct run *run, const unsigned char *buf, uint32_t length, uint64_t used)
{
	const struct contract_world *world = run->world;
	const size_t ranges_at = sizeof(struct vfio_iommu_type1_info_cap_iova_range);
	const struct {
		uint16_t id;
		size_t size;
	} caps[] = {
		{ VFIO_IOMMU_TYPE1_INFO_CAP_MIGRATION,
		  sizeof(struct vfio_iommu_type1_info_cap_migration) },
		{ VFIO_IOMMU_TYPE1_INFO_DMA_AVAIL, sizeof(struct vfio_iommu_type1_info_dma_avail) },
		{ VFIO_IOMMU_TYPE1_INFO_CAP_IOVA_RANGE,
		  ranges_at + world->n_ranges * sizeof(struct vfio_iova_range) },
	};
	const unsigned char *at[3];
	uint64_t offset = INFO_SIZE;
	size_t i;

	expect(run, "cap_offset", FIELD(buf, vfio_iommu_type1_info, cap_offset), offset);
	for (i = 0; i < 3; i++) {
		struct vfio_info_cap_header header;

		at[i] = buf + offset;
		memcpy(&header, at[i], sizeof(header));
		/* each was a multiple of 8 long only since 6.6 */
		offset += world->kernel < 606 ? caps[i].size : (caps[i].size + 7) / 8 * 8;
		expect(run, "capability", header.id, caps[i].id);
		expect(run, "version", header.version, 1);
		expect(run, "next", header.next, i < 2 ? offset : 0);
	}
	expect(run, "argsz", length, offset);
	expect(run, "bitmap page", FIELD(at[0], vfio_iommu_type1_info_cap_migration, pgsize_bitmap),
	       unit(run));
	expect(run, "bitmap size",
	       FIELD(at[0], vfio_iommu_type1_info_cap_migration, max_dirty_bitmap_size), 256 << 20);
	expect(run, "avail", FIELD(at[1], vfio_iommu_type1_info_dma_avail, avail),
	       world->entry_limit - used);
	expect(run, "ranges", FIELD(at[2], vfio_iommu_type1_info_cap_iova_range, nr_iovas),
	       world->n_ranges);
	for (i = 0; i < world->n_ranges; i++) {
		const unsigned char *range = at[2] + ranges_at + i * sizeof(struct vfio_iova_range);

		expect(run, "start", FIELD(range, vfio_iova_range, start), world->ranges[i].start);
		expect(run, "end", FIELD(range, vfio_iova_range, end), world->ranges[i].last);
	}
}

static int get_info(struct run *run, const struct contract_row *row)
{
	uint32_t argsz = (uint32_t)(INFO_SIZE + row->argsz), length;
	unsigned char buf[4096] = { 0 };
	int ret;

	memcpy(buf, &argsz, sizeof(argsz));
	ret = call(run, row, VFIO_IOMMU_GET_INFO, buf);
	if (ret)
		return ret;
	length = (uint32_t)FIELD(buf, vfio_iommu_type1_info, argsz);
	expect(run, "flags", FIELD(buf, vfio_iommu_type1_info, flags),
	       VFIO_IOMMU_INFO_PGSIZES | VFIO_IOMMU_INFO_CAPS);
	expect(run, "cap_offset", FIELD(buf, vfio_iommu_type1_info, cap_offset), 0);
	expect(run, "page sizes", FIELD(buf, vfio_iommu_type1_info, iova_pgsizes),
	       run->world->pgsizes);
	if (length > sizeof(buf))
		return -E2BIG;
	ret = call(run, row, VFIO_IOMMU_GET_INFO, buf);
	if (!ret)
		check_chain(run, buf, length, row->out);
	return ret;
}

/* ---- MAP_DMA, UNMAP_DMA, DIRTY_PAGES -------------------------------------------------------- */

static int map(struct run *run, const struct contract_row *row)
{
	struct vfio_iommu_type1_dma_map arg = { .argsz = sizeof(arg) }, before;
	const size_t hole_length = 8 * unit(run);
	char *hole;
	int ret;

	arg.argsz += (uint32_t)row->argsz;
	arg.flags = row->flags;
	arg.vaddr = (uintptr_t)run->memory[row->memory] + (uint64_t)row->memory_pages * unit(run) +
		    row->memory_odd;
	arg.iova = iova_of(run, row);
	arg.size = row->size * unit(run) + row->size_odd;
	before = arg;
	hole = open_hole(run, row, hole_length);
	ret = call(run, row, VFIO_IOMMU_MAP_DMA, &arg);
	close_hole(run, hole, hole_length);
	if (memcmp(&arg, &before, sizeof(arg)))
		wrong(run, "the argument changed; ");
	return ret;
}

static int map_many(struct run *run, const struct contract_row *row)
{
	struct contract_row one = *row;
	uint32_t n;
	int ret;

	one.size = 1;
	for (n = 0; n < run->world->entry_limit; n++, one.pages += 2) {
		ret = map(run, &one);
		if (ret) {
			wrong(run, "only %" PRIu32 " fit; ", n);
			return ret;
		}
	}
	return map(run, &one);
}

/* A struct with another one right behind it. */
union with_tail {
	struct vfio_iommu_type1_dma_unmap unmap;
	struct vfio_iommu_type1_dirty_bitmap dirty;
	unsigned char bytes[64];
};

static int unmap(struct run *run, const struct contract_row *row)
{
	uint64_t size = row->size * unit(run) + row->size_odd;
	uint64_t bits[64] = { 0 };
	const struct vfio_bitmap bitmap = { unit(run), sizeof(bits), (void *)bits };
	union with_tail arg = { .unmap = { .argsz = sizeof(arg.unmap) } };
	int ret;

	if (row->flags & VFIO_DMA_UNMAP_FLAG_GET_DIRTY_BITMAP)
		arg.unmap.argsz += (uint32_t)sizeof(bitmap);
	arg.unmap.argsz += (uint32_t)row->argsz;
	arg.unmap.flags = row->flags;
	arg.unmap.iova = iova_of(run, row);
	arg.unmap.size = size;
	memcpy(arg.bytes + sizeof(arg.unmap), &bitmap, sizeof(bitmap));
	ret = call(run, row, VFIO_IOMMU_UNMAP_DMA, &arg);
	expect(run, "size", arg.unmap.size, ret ? size : row->out * unit(run));
	if (!ret && row->flags & VFIO_DMA_UNMAP_FLAG_GET_DIRTY_BITMAP)
		expect(run, "first word", bits[0], (UINT64_C(1) << row->out) - 1);
	return ret;
}

static int dirty(struct run *run, const struct contract_row *row)
{
	uint64_t bits[64] = { 0 }, n = 0;
	const struct vfio_iommu_type1_dirty_bitmap_get get = {
		.iova = iova_of(run, row),
		.size = row->size * unit(run),
		.bitmap = { unit(run), sizeof(bits), (void *)bits },
	};
	union with_tail arg = { .dirty = { .argsz = sizeof(arg.dirty) + sizeof(get) } };
	size_t i;
	int ret;

	arg.dirty.flags = row->flags;
	memcpy(arg.bytes + sizeof(arg.dirty), &get, sizeof(get));
	ret = call(run, row, VFIO_IOMMU_DIRTY_PAGES, &arg);
	for (i = 0; i < sizeof(bits) / sizeof(bits[0]); i++)
		n += (uint64_t)__builtin_popcountll(bits[i]);
	expect(run, "dirty pages", n, row->out);
	return ret;
}

/* ---- Rows ----------------------------------------------------------------------------------- */

static int perform(struct run *run, const struct contract_row *row)
{
	const struct contract_world *world = run->world;

	switch (row->op) {
	case OPEN_CONTAINER:
		return keep(run, row, iom_sys_open(world->sys, "/dev/vfio/vfio", O_RDWR));
	case OPEN_GROUP:
		return open_group(run, row);
	case CLOSE:
		return close_slot(run, row);
	case REQUEST:
		return call(run, row, row->number, (void *)(uintptr_t)row->flags);
	case GET_STATUS:
		return get_status(run, row);
	case SET_CONTAINER:
		return call(run, row, VFIO_GROUP_SET_CONTAINER, &run->fds[row->to]);
	case UNSET_CONTAINER:
		return call(run, row, VFIO_GROUP_UNSET_CONTAINER, NULL);
	case DEVICE_FD:
		return device_fd(run, row);
	case DEVICE_INFO:
		return device_info(run, row);
	case GET_INFO:
		return get_info(run, row);
	case MAP:
		return map(run, row);
	case UNMAP:
		return unmap(run, row);
	case MAP_MANY:
		return map_many(run, row);
	case DIRTY:
		return dirty(run, row);
	case MEMLOCK:
		world->set_memlock(world->arg, row->size * unit(run), row->flags);
		return 0;
	}
	return -ENOSYS;
}

static bool applies(const struct contract_world *world, const struct contract_row *row)
{
	return world->kernel >= row->from && (!row->below || world->kernel < row->below);
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
			wrong(run, "answer is %d, not %d; ", ret, rows[i].answer);
		report(arg, test, rows[i].what, run->wrong);
	}
}

static bool makes_sense(const struct contract_world *world, const struct contract_case *test)
{
	bool top = world->ranges[world->n_ranges - 1].last == UINT64_MAX;

	return test->end == ANYWHERE || (test->end == AT_TOP) == top;
}

const char *contract_test(size_t n)
{
	return n < contract_n_cases ? contract_cases[n].name : NULL;
}

void contract_run(const struct contract_world *world, size_t n, contract_report_fn *report,
		  void *arg)
{
	const struct contract_case *test = &contract_cases[n];
	const struct contract_row setup[] = {
		{ "set-up: container", OPEN_CONTAINER, .to = C },
		{ "set-up: group", OPEN_GROUP, .to = G },
		{ "set-up: join", SET_CONTAINER, .fd = G, .to = C },
		{ "set-up: type", REQUEST, .number = VFIO_SET_IOMMU,
		  .flags = (uint32_t)test->type },
		{ "set-up: device", DEVICE_FD, .fd = G, .to = D },
	};
	struct run run = { .world = world };
	int slot;

	if (!makes_sense(world, test))
		return;
	for (slot = 0; slot <= SLOTS; slot++)
		run.fds[slot] = -1;
	if (!make_memory(&run)) {
		report(arg, test->name, "set-up: memory", strerror(errno));
	} else {
		if (test->type)
			run_rows(&run, test->name, setup, sizeof(setup) / sizeof(setup[0]), report,
				 arg);
		run_rows(&run, test->name, test->rows, test->n, report, arg);
	}
	for (slot = SLOTS - 1; slot >= 0; slot--)
		if (run.fds[slot] >= 0)
			iom_sys_close(world->sys, run.fds[slot]);
	if (run.area)
		munmap(run.area, run.length);
}
