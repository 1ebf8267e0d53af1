// SPDX-License-Identifier: BSD-3-Clause
/* What the simulation's iommufd does with memory and files; and calls that fail or mislead. */
#include "tests/unit/runner.h"

#include <sys/mman.h>

#include "tests/unit/sim_iommufd_rig.h"
#include "tests/unit/util.h"

/* ---- Memory --------------------------------------------------------------------------------- */

/* Nothing is looked at before a device is attached, and then all of it, in order. */
START_TEST(pins_are_lazy)
{
	const struct iom_sim_config config = {
		.size = sizeof(config),
		.iommufd = true,
		.no_ipc_lock = true,
		.memlock = 4 * PAGE,
	};
	int iommufd, cdev;
	char *memory = make_memory(8 * PAGE), c;
	uint32_t ioas;

	make(&config);
	iommufd = open_iommufd();
	ioas = new_ioas(iommufd);
	ck_assert_int_eq(ioas_map(iommufd, ioas, BASE, memory, 8 * PAGE, RDWR), 0);
	ck_assert_uint_eq(iom_sim_locked_bytes(sim), 0);
	cdev = open_cdev(0);
	ck_assert_int_eq(bind_to(cdev, iommufd), 0);
	ck_assert_int_eq(attach(cdev, ioas), -ENOMEM);
	ck_assert_uint_eq(iom_sim_locked_bytes(sim), 0);
	ck_assert_int_eq(dma_read(NVME, BASE, &c, 1), -EFAULT);
	iom_sim_set_memlock(sim, 8 * PAGE, false);
	ck_assert_int_eq(attach(cdev, ioas), 0);
	ck_assert_uint_eq(iom_sim_locked_bytes(sim), 8 * PAGE);
	ck_assert_int_eq(dma_read(NVME, BASE, &c, 1), 0);
	ck_assert_int_eq(detach(cdev), 0);
	ck_assert_uint_eq(iom_sim_locked_bytes(sim), 0);
	munmap(memory + 4 * PAGE, PAGE);
	ck_assert_int_eq(ioas_map(iommufd, ioas, 0, memory, PAGE, RDWR), 0);
	ck_assert_int_eq(attach(cdev, ioas), -EFAULT);
	ck_assert_uint_eq(iom_sim_locked_bytes(sim), 0);
}
END_TEST

/* iommufd counts what the user has, type1 what the process has: they do not add up. */
START_TEST(two_ways_to_count)
{
	const struct iom_sim_config config = {
		.size = sizeof(config),
		.iommufd = true,
		.no_ipc_lock = true,
		.memlock = 4 * PAGE,
	};
	char *memory = make_memory(4 * PAGE);
	int iommufd, container;
	char buf[4096];

	make(&config);
	iommufd = open_iommufd();
	new_ioas(iommufd);
	attached_device(iommufd, 0);
	container = make_container(15);
	ck_assert_int_eq(ioas_map(iommufd, 1, BASE, memory, 4 * PAGE, RDWR), 0);
	ck_assert_int_eq(map(container, BASE, memory, 3 * PAGE, RW), 0);
	ck_assert_int_eq(ioas_map(iommufd, 1, 2 * BASE, memory, PAGE, RDWR), -ENOMEM);
	ck_assert_uint_eq(iom_sim_locked_bytes(sim), 7 * PAGE);
	ck_assert_int_gt(iom_sys_read_text(sys, "/proc/self/status", buf, sizeof(buf)), 0);
	ck_assert_ptr_nonnull(strstr(buf, "\nVmLck:\t     192 kB\nVmPin:\t     256 kB\n"));
}
END_TEST

START_TEST(files)
{
	const struct iom_sim_config config = {
		.size = sizeof(config),
		.kernel = _i ? 702 : 613,
		.iommufd = true,
	};
	int iommufd = open_iommufd(), fd = memfd_create("sim", MFD_CLOEXEC), plain;
	uint32_t ioas = new_ioas(iommufd);
	char buf[8];

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(ftruncate(fd, 4 * PAGE), 0);
	ck_assert_int_eq(pwrite(fd, "file", 4, 3 * PAGE), 4);
	ck_assert_int_eq(map_file(iommufd, ioas, BASE, fd, 0, PAGE), -ENOTTY);

	make(&config);
	iommufd = open_iommufd();
	ioas = new_ioas(iommufd);
	attached_device(iommufd, 0);
	ck_assert_int_eq(map_file(iommufd, ioas, BASE, fd, 2 * PAGE, 2 * PAGE), 0);
	ck_assert_int_eq(dma_read(NVME, BASE + PAGE, buf, 4), 0);
	ck_assert_mem_eq(buf, "file", 4);
	ck_assert_int_eq(iom_sim_dma_write(sim, NVME, BASE, "back", 4), 0);
	ck_assert_int_eq(pread(fd, buf, 4, 2 * PAGE), 4);
	ck_assert_mem_eq(buf, "back", 4);
	ck_assert_int_eq(map_file(iommufd, ioas, 2 * BASE, fd, 3 * PAGE, 2 * PAGE), -EINVAL);
	ck_assert_int_eq(map_file(iommufd, ioas, 2 * BASE, -1, 0, PAGE), -EBADF);
	plain = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	ck_assert_int_eq(map_file(iommufd, ioas, 2 * BASE, plain, 0, 4096), -EINVAL);
	ck_assert_int_eq(close(plain), 0);
	/* the pages stay when the descriptor is closed */
	ck_assert_int_eq(close(fd), 0);
	ck_assert_int_eq(dma_read(NVME, BASE + PAGE, buf, 4), 0);
	ck_assert_int_eq(ioas_unmap(iommufd, ioas, BASE, 2 * PAGE), 0);
	ck_assert_uint_eq(iom_sim_mapped_bytes(sim), 0);
}
END_TEST

/* ---- Random maps and copies, against a plain table -------------------------------------------- */

#define SLOTS 32 /* of 16 pages each, in each of two IOASes */
#define AREA 16
#define ROUNDS 3000

/* What a slot of an IOAS shows: pages of one object, which a copy has in common with its source. */
struct plain_area {
	bool used;
	unsigned int object, start, pages;
};

struct plain {
	struct plain_area areas[2][SLOTS];
	bool attached[2];
	unsigned int objects;
	int iommufd, cdev[2];
	char *memory;
};

static uint64_t iova_of(unsigned int slot)
{
	return BASE + (uint64_t)slot * AREA * PAGE;
}

/* Pages that areas of an attached IOAS show, each counted once for its object. */
static uint64_t count_pinned(const struct plain *plain)
{
	static bool shown[ROUNDS][AREA];
	uint64_t n = 0;
	unsigned int ioas, slot, page;

	memset(shown, 0, sizeof(shown));
	for (ioas = 0; ioas < 2; ioas++) {
		for (slot = 0; slot < SLOTS; slot++) {
			const struct plain_area *area = &plain->areas[ioas][slot];

			if (!area->used || !plain->attached[ioas])
				continue;
			for (page = area->start; page < area->start + area->pages; page++) {
				n += !shown[area->object][page];
				shown[area->object][page] = true;
			}
		}
	}
	return n;
}

static uint64_t count_mapped(const struct plain *plain)
{
	unsigned int ioas, slot;
	uint64_t n = 0;

	for (ioas = 0; ioas < 2; ioas++)
		for (slot = 0; slot < SLOTS; slot++)
			n += plain->areas[ioas][slot].used ? plain->areas[ioas][slot].pages : 0;
	return n;
}

static void map_one(struct plain *plain, uint64_t *state, unsigned int ioas, unsigned int slot)
{
	struct plain_area *area = &plain->areas[ioas][slot];
	unsigned int pages = 1 + (unsigned int)random_below(state, AREA);
	int ret = ioas_map(plain->iommufd, ioas + 1, iova_of(slot),
			   plain->memory + random_below(state, SLOTS) * PAGE,
			   pages * (uint64_t)PAGE, RDWR);

	ck_assert_int_eq(ret, area->used ? -EEXIST : 0);
	if (!area->used)
		*area = (struct plain_area){ true, plain->objects++, 0, pages };
}

/* Part of what another slot shows. */
static void copy_one(struct plain *plain, uint64_t *state, unsigned int ioas, unsigned int slot)
{
	unsigned int from_ioas = (unsigned int)random_below(state, 2);
	unsigned int from_slot = (unsigned int)random_below(state, SLOTS);
	const struct plain_area *from = &plain->areas[from_ioas][from_slot];
	struct plain_area *area = &plain->areas[ioas][slot];
	unsigned int skip = from->used ? (unsigned int)random_below(state, from->pages) : 0;
	unsigned int pages = from->used ? 1 + (unsigned int)random_below(state, from->pages - skip)
					: 1;
	struct iom_iommu_ioas_copy arg = {
		.size = sizeof(arg),
		.flags = RDWR | FIXED,
		.dst_ioas_id = ioas + 1,
		.src_ioas_id = from_ioas + 1,
		.length = pages * (uint64_t)PAGE,
		.dst_iova = iova_of(slot),
		.src_iova = iova_of(from_slot) + skip * (uint64_t)PAGE,
	};
	int ret = iom_sys_ioctl(sys, plain->iommufd, IOM_IOMMU_IOAS_COPY, &arg);

	if (!from->used)
		ck_assert_int_eq(ret, -ENOENT);
	else
		ck_assert_int_eq(ret, area->used ? -EEXIST : 0);
	if (!ret)
		*area = (struct plain_area){ true, from->object, from->start + skip, pages };
}

static void unmap_some(struct plain *plain, uint64_t *state, unsigned int ioas, unsigned int slot)
{
	unsigned int end = slot + 1 + (unsigned int)random_below(state, 4), i;
	bool any = false;
	int ret;

	end = end < SLOTS ? end : SLOTS;
	for (i = slot; i < end; i++) {
		any |= plain->areas[ioas][i].used;
		plain->areas[ioas][i].used = false;
	}
	ret = ioas_unmap(plain->iommufd, ioas + 1, iova_of(slot), iova_of(end) - iova_of(slot));
	ck_assert_int_eq(ret, any ? 0 : -ENOENT);
}

static void attach_or_detach(struct plain *plain, unsigned int ioas)
{
	plain->attached[ioas] = !plain->attached[ioas];
	if (plain->attached[ioas])
		ck_assert_int_eq(attach(plain->cdev[ioas], ioas + 1), 0);
	else
		ck_assert_int_eq(detach(plain->cdev[ioas]), 0);
}

START_TEST(pins_agree_with_a_plain_table)
{
	const struct iom_sim_config config = {
		.size = sizeof(config),
		.iommufd = true,
		.no_ipc_lock = true,
		.memlock = UINT64_C(1) << 40,
	};
	static struct plain plain;
	uint64_t state = random_start();
	unsigned int round, ioas, slot;

	make(&config);
	memset(&plain, 0, sizeof(plain));
	plain.memory = make_memory((SLOTS + AREA) * (size_t)PAGE);
	plain.iommufd = open_iommufd();
	for (ioas = 0; ioas < 2; ioas++) {
		ck_assert_uint_eq(new_ioas(plain.iommufd), ioas + 1);
		plain.cdev[ioas] = open_cdev((int)ioas);
	}
	for (ioas = 0; ioas < 2; ioas++)
		ck_assert_int_eq(bind_to(plain.cdev[ioas], plain.iommufd), 0);
	for (round = 0; round < ROUNDS; round++) {
		ioas = (unsigned int)random_below(&state, 2);
		slot = (unsigned int)random_below(&state, SLOTS);
		switch (random_below(&state, 8)) {
		case 0:
			attach_or_detach(&plain, ioas);
			break;
		case 1:
		case 2:
			unmap_some(&plain, &state, ioas, slot);
			break;
		case 3:
		case 4:
			map_one(&plain, &state, ioas, slot);
			break;
		default:
			copy_one(&plain, &state, ioas, slot);
			break;
		}
		ck_assert_uint_eq(iom_sim_pinned_bytes(sim), count_pinned(&plain) * PAGE);
		ck_assert_uint_eq(iom_sim_locked_bytes(sim), count_pinned(&plain) * PAGE);
		ck_assert_uint_eq(iom_sim_mapped_bytes(sim), count_mapped(&plain) * PAGE);
	}
}
END_TEST

/* ---- Misbehaviour --------------------------------------------------------------------------- */

START_TEST(failures_and_quirks)
{
	const struct iom_sim_failure third = {
		.nth = 3,
		.answer = -ENOMEM,
		.request = IOM_IOMMU_IOAS_MAP,
	};
	int iommufd = open_iommufd();
	uint32_t ioas = new_ioas(iommufd);
	char *memory = make_memory(PAGE);
	struct iom_iommu_iova_range range;
	struct iom_iommu_ioas_iova_ranges ranges = {
		.size = sizeof(ranges),
		.ioas_id = ioas,
		.num_iovas = 1,
		.allowed_iovas = (uintptr_t)&range,
	};
	struct iom_iommu_ioas_unmap unmap = {
		.size = sizeof(unmap),
		.ioas_id = ioas,
		.iova = BASE,
		.length = PAGE,
	};

	iom_sim_fail(sim, &third);
	ck_assert_int_eq(ioas_map(iommufd, ioas, BASE, memory, PAGE, RDWR), 0);
	ck_assert_int_eq(ioas_map(iommufd, ioas, 2 * BASE, memory, PAGE, RDWR), 0);
	ck_assert_int_eq(ioas_map(iommufd, ioas, 3 * BASE, memory, PAGE, RDWR), -ENOMEM);
	ck_assert_uint_eq(iom_sim_mapped_bytes(sim), 2 * PAGE);
	ck_assert_uint_eq(iom_sim_ioctls(sim, IOM_IOMMU_IOAS_MAP), 3);

	iom_sim_set_quirk(sim, IOM_SIM_UNMAP_NOTHING, 1);
	ck_assert_int_eq(iom_sys_ioctl(sys, iommufd, IOM_IOMMU_IOAS_UNMAP, &unmap), 0);
	ck_assert_uint_eq(unmap.length, 0);
	ck_assert_uint_eq(iom_sim_mapped_bytes(sim), 2 * PAGE);
	unmap.length = PAGE;
	iom_sim_set_quirk(sim, IOM_SIM_UNMAP_SHORT, 1);
	ck_assert_int_eq(iom_sys_ioctl(sys, iommufd, IOM_IOMMU_IOAS_UNMAP, &unmap), 0);
	ck_assert_uint_eq(unmap.length, PAGE - 4096);
	ck_assert_uint_eq(iom_sim_mapped_bytes(sim), PAGE);

	iom_sim_set_quirk(sim, IOM_SIM_RANGES_GROW, 1);
	ck_assert_int_eq(iom_sys_ioctl(sys, iommufd, IOM_IOMMU_IOAS_IOVA_RANGES, &ranges),
			 -EMSGSIZE);
	ck_assert_uint_eq(ranges.num_iovas, 2);
	ck_assert_int_eq(iom_sys_ioctl(sys, iommufd, IOM_IOMMU_IOAS_IOVA_RANGES, &ranges), 0);
	ck_assert_uint_eq(ranges.num_iovas, 1);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("sim_pages");
	TCase *tcase = tcase_create("pages");

	tcase_add_checked_fixture(tcase, set_up_iommufd, tear_down);
	tcase_add_test(tcase, pins_are_lazy);
	tcase_add_test(tcase, two_ways_to_count);
	tcase_add_loop_test(tcase, files, 0, 2);
	tcase_add_test(tcase, pins_agree_with_a_plain_table);
	tcase_add_test(tcase, failures_and_quirks);
	suite_add_tcase(suite, tcase);
	return run_suite(suite);
}
