// SPDX-License-Identifier: BSD-3-Clause
/* The simulation's device side: what a device reaches, and what it does not. */
#include "tests/unit/runner.h"

#include <pthread.h>

#include "tests/unit/sim_rig.h"
#include "tests/unit/util.h"

static int dma_read(uint64_t iova, void *buf, size_t n)
{
	return iom_sim_dma_read(sim, NVME, iova, buf, n);
}

static int dma_write(uint64_t iova, const void *buf, size_t n)
{
	return iom_sim_dma_write(sim, NVME, iova, buf, n);
}

START_TEST(moves_data)
{
	int container = make_container(14);
	char *low = make_memory(PAGE), *high = make_memory(3 * PAGE), buf[PAGE];
	uint64_t gone;

	/* neighbours in IOVAs, but not in memory */
	ck_assert_int_eq(map(container, BASE, low, PAGE, RW), 0);
	ck_assert_int_eq(map(container, BASE + PAGE, high, 3 * PAGE, RW), 0);
	strcpy(high + PAGE + 7, "out");
	ck_assert_int_eq(dma_read(BASE + 2 * PAGE + 7, buf, 4), 0);
	ck_assert_str_eq(buf, "out");
	ck_assert_int_eq(dma_write(BASE + PAGE - 2, "across", 6), 0);
	ck_assert_mem_eq(low + PAGE - 2, "ac", 2);
	ck_assert_mem_eq(high, "ross", 4);
	ck_assert_int_eq(dma_write(BASE, "", 0), 0);
	ck_assert_int_eq(unmap(container, BASE, PAGE, &gone), 0);
	ck_assert_int_eq(dma_write(BASE + PAGE - 2, "ACROSS", 6), -EFAULT);
	ck_assert_mem_eq(low + PAGE - 2, "ac", 2);
	ck_assert_mem_eq(high, "ross", 4);
}
END_TEST

START_TEST(stops_at_the_fault)
{
	int container = make_container(14);
	char *memory = make_memory(2 * PAGE);
	struct iom_sim_fault fault = { .iova = 1 };
	char buf[8] = "........";

	ck_assert_uint_eq(iom_sim_faults(sim, &fault), 0);
	ck_assert_uint_eq(fault.iova, 1);
	ck_assert_int_eq(map(container, BASE, memory, PAGE, RW), 0);
	memset(memory, 'm', 2 * PAGE);
	ck_assert_int_eq(dma_read(BASE + PAGE - 3, buf, 8), -EFAULT);
	ck_assert_mem_eq(buf, "mmm.....", 8);
	ck_assert_int_eq(dma_write(BASE + PAGE - 2, "12345", 5), -EFAULT);
	ck_assert_mem_eq(memory + PAGE - 3, "m12mm", 5);
	ck_assert_uint_eq(iom_sim_faults(sim, &fault), 2);
	ck_assert_str_eq(fault.address, NVME);
	ck_assert_uint_eq(fault.iova, BASE + PAGE);
	ck_assert(fault.write);
}
END_TEST

START_TEST(minds_permissions)
{
	int container = make_container(14);
	char *memory = make_memory(PAGE), c;

	ck_assert_int_eq(map(container, BASE, memory, PAGE, VFIO_DMA_MAP_FLAG_READ), 0);
	ck_assert_int_eq(dma_read(BASE, &c, 1), 0);
	ck_assert_int_eq(dma_write(BASE, "x", 1), -EFAULT);
	ck_assert_int_eq(*memory, 0);
	ck_assert_int_eq(map(container, BASE + PAGE, memory, PAGE, VFIO_DMA_MAP_FLAG_WRITE), 0);
	ck_assert_int_eq(dma_write(BASE + PAGE, "y", 1), 0);
	ck_assert_int_eq(*memory, 'y');
	ck_assert_int_eq(dma_read(BASE + PAGE, &c, 1), -EFAULT);
}
END_TEST

/* SMMUv3's first stage cannot forbid reading what may be written. */
START_TEST(write_only_on_arm)
{
	const struct iom_sim_config config = { .size = sizeof(config), .platform = "arm64-smmuv3" };
	char *memory = make_memory(PAGE), c = 0;

	make(&config);
	*memory = 'z';
	ck_assert_int_eq(map(make_container(14), BASE, memory, PAGE, VFIO_DMA_MAP_FLAG_WRITE), 0);
	ck_assert_int_eq(dma_read(BASE, &c, 1), 0);
	ck_assert_int_eq(c, 'z');
}
END_TEST

START_TEST(keeps_groups_apart)
{
	int first = make_container(14), second = make_container(15);
	char *memory = make_memory(2 * PAGE), c;

	memory[0] = 'a';
	memory[PAGE] = 'b';
	ck_assert_int_eq(map(first, BASE, memory, PAGE, RW), 0);
	ck_assert_int_eq(map(second, BASE, memory + PAGE, PAGE, RW), 0);
	ck_assert_int_eq(iom_sim_dma_read(sim, NVME, BASE, &c, 1), 0);
	ck_assert_int_eq(c, 'a');
	ck_assert_int_eq(iom_sim_dma_read(sim, EDU, BASE, &c, 1), 0);
	ck_assert_int_eq(c, 'b');
	ck_assert_int_eq(iom_sim_dma_read(sim, "0000:09:00.0", BASE, &c, 1), -ENODEV);
}
END_TEST

START_TEST(reaches_nothing_without_a_container)
{
	int container, group;
	char *memory = make_memory(PAGE), c;

	ck_assert_int_eq(dma_read(BASE, &c, 1), -EFAULT);
	container = open_container();
	group = open_group(14);
	ck_assert_int_eq(join(container, group), 0);
	ck_assert_int_eq(dma_read(BASE, &c, 1), -EFAULT);
	ck_assert_int_eq(set_type(container), 0);
	ck_assert_int_eq(map(container, BASE, memory, PAGE, RW), 0);
	ck_assert_int_eq(dma_read(BASE, &c, 1), 0);
	ck_assert_int_eq(iom_sys_ioctl(sys, group, VFIO_GROUP_UNSET_CONTAINER, NULL), 0);
	ck_assert_int_eq(dma_read(BASE, &c, 1), -EFAULT);
	ck_assert_uint_eq(iom_sim_locked_bytes(sim), 0);
}
END_TEST

/* Memory that went away is a fault of the device, not a signal. */
START_TEST(survives_lost_memory)
{
	int container = make_container(14);
	char *memory = make_memory(3 * PAGE), buf[3 * PAGE];

	ck_assert_int_eq(map(container, BASE, memory, 3 * PAGE, RW), 0);
	munmap(memory + PAGE, PAGE);
	ck_assert_int_eq(dma_read(BASE, buf, PAGE), 0);
	ck_assert_int_eq(dma_read(BASE, buf, 3 * PAGE), -EFAULT);
	ck_assert_int_eq(dma_read(BASE + 2 * PAGE, buf, PAGE), 0);
}
END_TEST

START_TEST(the_end_of_all_addresses)
{
	const struct iom_sim_config config = {
		.size = sizeof(config),
		.platform = "x86-amd",
		.kernel = 702,
	};
	int container;
	char *memory = make_memory(PAGE), buf[2];

	make(&config);
	container = make_container(14);
	ck_assert_int_eq(map(container, -(uint64_t)PAGE, memory, PAGE, RW), 0);
	ck_assert_int_eq(map(container, 0, memory, PAGE, RW), 0);
	ck_assert_int_eq(dma_write(UINT64_MAX, "!", 1), 0);
	ck_assert_int_eq(memory[PAGE - 1], '!');
	ck_assert_int_eq(dma_read(UINT64_MAX, buf, 2), -EFAULT);
}
END_TEST

/* ---- What is mapped, against a plain table -------------------------------------------------- */

#define SLOTS 256

struct plain {
	bool used[SLOTS];
	unsigned int pages[SLOTS];
	const char *memory;
	uint64_t next;
	unsigned int maps;
};

static int compare(void *arg, uint64_t iova, void *va, uint64_t length, uint32_t flags)
{
	struct plain *plain = arg;
	uint64_t slot = (iova - BASE) / (16 * PAGE);

	ck_assert_uint_ge(slot, plain->next);
	ck_assert_uint_lt(slot, SLOTS);
	ck_assert(plain->used[slot]);
	ck_assert_uint_eq(iova, BASE + slot * 16 * PAGE);
	ck_assert_uint_eq(length, plain->pages[slot] * (uint64_t)PAGE);
	ck_assert_ptr_eq(va, plain->memory + slot * PAGE);
	ck_assert_uint_eq(flags, VFIO_DMA_MAP_FLAG_READ);
	plain->next = slot + 1;
	plain->maps++;
	return 0;
}

static uint64_t pages_between(struct plain *plain, uint64_t from, uint64_t to)
{
	uint64_t slot, n = 0;

	for (slot = from; slot < to; slot++) {
		n += plain->used[slot] ? plain->pages[slot] : 0;
		plain->used[slot] = false;
	}
	return n;
}

/*
 * Slots of 16 pages, each with a mapping of 1 to 16 or none; ranges of slots are unmapped at once.
 */
START_TEST(agrees_with_a_plain_table)
{
	static struct plain plain;
	int container = make_container(14), round;
	uint64_t state = random_start(), total = 0, unmapped, from, to, i;

	memset(&plain, 0, sizeof(plain));
	plain.memory = make_memory((SLOTS + 16) * PAGE);
	for (round = 0; round < 4000; round++) {
		i = random_below(&state, SLOTS);
		if (random_below(&state, 4)) {
			unsigned int pages = 1 + (unsigned int)random_below(&state, 16);
			int ret = map(container, BASE + i * 16 * PAGE, plain.memory + i * PAGE,
				      pages * (uint64_t)PAGE, VFIO_DMA_MAP_FLAG_READ);

			ck_assert_int_eq(ret, plain.used[i] ? -EEXIST : 0);
			if (!ret) {
				plain.used[i] = true;
				plain.pages[i] = pages;
				total += pages;
			}
		} else {
			from = i;
			to = from + 1 + random_below(&state, random_below(&state, 10) ? 3 : SLOTS);
			to = to < SLOTS ? to : SLOTS;
			ck_assert_int_eq(unmap(container, BASE + from * 16 * PAGE,
					       (to - from) * 16 * PAGE, &unmapped),
					 0);
			total -= unmapped / PAGE;
			ck_assert_uint_eq(unmapped / PAGE, pages_between(&plain, from, to));
		}
		ck_assert_uint_eq(iom_sim_mapped_bytes(sim), total * PAGE);
	}
	plain.next = plain.maps = 0;
	ck_assert_int_eq(iom_sim_each_map(sim, NVME, compare, &plain), 0);
	for (i = 0; i < SLOTS; i++) {
		uint64_t length, iova = BASE + i * 16 * PAGE;
		void *va;
		int ret = iom_sim_dma_target(sim, NVME, iova + 5, false, &va, &length);

		plain.maps -= plain.used[i];
		ck_assert_int_eq(ret, plain.used[i] ? 0 : -EFAULT);
		if (ret)
			continue;
		ck_assert_ptr_eq(va, plain.memory + i * PAGE + 5);
		ck_assert_uint_eq(length, plain.pages[i] * (uint64_t)PAGE - 5);
		ck_assert_int_eq(iom_sim_dma_target(sim, NVME, iova, true, &va, &length), -EFAULT);
	}
	ck_assert_uint_eq(plain.maps, 0);
}
END_TEST

/* ---- Memory as the kernel's pinning sees it ------------------------------------------------- */

/* MADV_POPULATE and /proc/self/maps give the same answers, but for pages past a file's end. */
START_TEST(both_ways_to_look_at_memory)
{
	static const enum iom_sim_memory ways[] = { IOM_SIM_MEMORY_POPULATE, IOM_SIM_MEMORY_MAPS };
	const struct iom_sim_config config = { .size = sizeof(config), .memory = ways[_i] };
	char *memory = make_memory(8 * PAGE);
	unsigned char resident[PAGE / 4096];
	int container;

	make(&config);
	container = make_container(14);
	mprotect(memory + 2 * PAGE, PAGE, PROT_READ);
	mprotect(memory + 4 * PAGE, PAGE, PROT_NONE);
	munmap(memory + 6 * PAGE, PAGE);
	ck_assert_int_eq(map(container, BASE, memory, 2 * PAGE, RW), 0);
	ck_assert_int_eq(map(container, BASE + 2 * PAGE, memory + 2 * PAGE, PAGE, RW), -EFAULT);
	ck_assert_int_eq(map(container, BASE + 2 * PAGE, memory + PAGE, 3 * PAGE,
			     VFIO_DMA_MAP_FLAG_READ),
			 0);
	ck_assert_int_eq(map(container, BASE + 8 * PAGE, memory + 3 * PAGE, 2 * PAGE,
			     VFIO_DMA_MAP_FLAG_READ),
			 -EFAULT);
	ck_assert_int_eq(map(container, BASE + 8 * PAGE, memory + 5 * PAGE, 2 * PAGE, RW), -EFAULT);
	ck_assert_int_eq(map(container, BASE + 8 * PAGE, memory + 7 * PAGE, PAGE, RW), 0);
	/* one of them makes the pages be there, as pinning does, and the other does not */
	ck_assert_int_eq(mincore(memory + 7 * PAGE, PAGE, resident), 0);
	ck_assert_int_eq(resident[0] & 1, ways[_i] == IOM_SIM_MEMORY_POPULATE);
}
END_TEST

START_TEST(far_more_memory_than_there_is)
{
	const struct iom_sim_config config = {
		.size = sizeof(config),
		.memory = IOM_SIM_MEMORY_MAPS,
	};
	const uint64_t length = UINT64_C(1) << 42; /* 4 TiB */
	void *p = mmap(NULL, length, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (p == MAP_FAILED)
		return; /* under valgrind */
	make(&config);
	ck_assert_int_eq(map(make_container(14), BASE, p, length, RW), 0);
	ck_assert_uint_eq(iom_sim_mapped_bytes(sim), length);
	munmap(p, length);
}
END_TEST

/* ---- Threads -------------------------------------------------------------------------------- */

#define THREADS 4

struct worker {
	pthread_t thread;
	int container;
	uint64_t iova;
	char *memory;
	int wrong;
};

static void *work(void *arg)
{
	struct worker *worker = arg;
	char text[24] = "", back[24];
	uint64_t unmapped;
	int i;

	for (i = 0; i < 300; i++) {
		snprintf(text, sizeof(text), "round %d", i);
		worker->wrong += map(worker->container, worker->iova, worker->memory, PAGE, RW) !=
				 0;
		worker->wrong += dma_write(worker->iova + 100, text, sizeof(text)) != 0;
		worker->wrong += dma_read(worker->iova + 100, back, sizeof(back)) != 0;
		worker->wrong += memcmp(text, back, sizeof(text)) != 0;
		worker->wrong += unmap(worker->container, worker->iova, PAGE, &unmapped) != 0;
		worker->wrong += unmapped != PAGE;
		worker->wrong += dma_read(worker->iova, back, 1) != -EFAULT;
		worker->wrong += iom_sys_read_text(sys, "/proc/self/status", back, 16) < 0;
		iom_sim_calls(sim);
	}
	return NULL;
}

START_TEST(threads)
{
	struct worker workers[THREADS];
	int container = make_container(14), i;

	for (i = 0; i < THREADS; i++) {
		workers[i] = (struct worker){ .container = container,
					      .iova = BASE + (uint64_t)i * PAGE,
					      .memory = make_memory(PAGE) };
		ck_assert_int_eq(pthread_create(&workers[i].thread, NULL, work, &workers[i]), 0);
	}
	for (i = 0; i < THREADS; i++) {
		pthread_join(workers[i].thread, NULL);
		ck_assert_int_eq(workers[i].wrong, 0);
	}
	ck_assert_uint_eq(iom_sim_ioctls(sim, VFIO_IOMMU_MAP_DMA), THREADS * 300);
	ck_assert_uint_eq(iom_sim_mapped_bytes(sim), 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("sim_device");
	TCase *tcase = tcase_create("device");

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_set_timeout(tcase, 60);
	tcase_add_test(tcase, moves_data);
	tcase_add_test(tcase, stops_at_the_fault);
	tcase_add_test(tcase, minds_permissions);
	tcase_add_test(tcase, write_only_on_arm);
	tcase_add_test(tcase, keeps_groups_apart);
	tcase_add_test(tcase, reaches_nothing_without_a_container);
	tcase_add_test(tcase, survives_lost_memory);
	tcase_add_test(tcase, the_end_of_all_addresses);
	tcase_add_test(tcase, agrees_with_a_plain_table);
	tcase_add_loop_test(tcase, both_ways_to_look_at_memory, 0, 2);
	tcase_add_test(tcase, far_more_memory_than_there_is);
	tcase_add_test(tcase, threads);
	suite_add_tcase(suite, tcase);
	return run_suite(suite);
}
