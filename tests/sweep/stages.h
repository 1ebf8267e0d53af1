/* SPDX-License-Identifier: BSD-3-Clause */
/* What is there before an operation. */
#ifndef IOM_TEST_STAGES_H
#define IOM_TEST_STAGES_H

#include "tests/sweep/place.h"

#define FIXED_AT (64 * MIB)    /* in the first aperture of every machine */
#define REQUEST_AT (512 * MIB) /* there as well */
#define REQUEST_LENGTH (4 * MIB)
#define NARROW 24 /* bits: room for 7 granules */
#define NOWHERE UINT64_C(0x3ffff000)

static struct iom_device *edu, *pair[2];
static struct iom_region region, batch[4];
static struct flight granule, transient;
static struct iom_buf_pool *pool;
static struct iom_buf buffer;
static uint64_t asked;
static int file = -1; /* of 8 units */

static inline char *at_unit(uint64_t n)
{
	return place.small + n * place.unit;
}

static inline void map_and_keep(void *va, uint64_t length, unsigned int flags, uint64_t iova)
{
	const struct iom_map_opts opts = at_iova(iova);
	struct iom_region r;

	ck_assert_ok(iom_map(rig.dom, va, length, flags, &opts, &r));
	keep(&r);
}

static inline void machine_only(void)
{
	machine_starts();
}

static inline void opened(void)
{
	machine_starts();
	ck_assert_ok(rig_open(&rig.dom));
}

static inline void attached(void)
{
	opened();
	ck_assert_ok(iom_attach(rig.dom, NVME, NULL, &rig.nvme));
}

/* A fixed one, one that is not, and an alias. */
static inline void map_some(void)
{
	map_and_keep(at_unit(0), 2 * place.unit, IOM_MAP_RW | IOM_MAP_FIXED, FIXED_AT);
	map_and_keep(at_unit(2), 3 * place.unit, IOM_MAP_RW, 0);
	map_and_keep(at_unit(0), place.unit, IOM_MAP_READ | IOM_MAP_ALIAS, 0);
}

static inline void mapped(void)
{
	attached();
	map_some();
}

static inline void mapped_without_unmap_all(void)
{
	opened();
	iom_sim_set_quirk(rig.sim, IOM_SIM_NO_UNMAP_ALL, IOM_SIM_ALWAYS);
	ck_assert_ok(iom_attach(rig.dom, NVME, NULL, &rig.nvme));
	map_some();
}

static inline void mapped_and_detached(void)
{
	mapped();
	iom_detach(rig.nvme);
}

static inline void with_two_devices(void)
{
	mapped();
	ck_assert_ok(iom_attach(rig.dom, EDU, NULL, &edu));
}

static inline void with_one_of_pair(void)
{
	mapped();
	ck_assert_ok(iom_attach(rig.dom, PAIR_1, NULL, &pair[0]));
}

static inline void with_pair(void)
{
	with_one_of_pair();
	ck_assert_ok(iom_attach(rig.dom, PAIR_2, NULL, &pair[1]));
}

static inline void strict(void)
{
	machine_starts();
	rig.flags = IOM_OPEN_STRICT;
	ck_assert_ok(rig_open(&rig.dom));
	ck_assert_ok(iom_attach(rig.dom, NVME, NULL, &rig.nvme));
	map_some();
}

/* Six units, of which two and two go together. */
static inline void to_cut(void)
{
	machine_starts();
	rig.granule = 2 * place.unit;
	ck_assert_ok(rig_open(&rig.dom));
	ck_assert_ok(iom_attach(rig.dom, NVME, NULL, &rig.nvme));
	map_and_keep(at_unit(0), 6 * place.unit, IOM_MAP_RW | IOM_MAP_FIXED, FIXED_AT);
}

static inline void cut_already(void)
{
	to_cut();
	ck_assert_ok(iom_unmap_range(rig.dom, FIXED_AT + 2 * place.unit, 2 * place.unit));
	/* it is no longer one that can be looked at as a whole */
	region = place.kept[0];
	place.n_kept = 0;
}

static inline void cut_and_detached(void)
{
	cut_already();
	iom_detach(rig.nvme);
}

/* ---- Batches ------------------------------------------------------------------------------------- */

/* Two runs of two units. */
static inline int map_batch(unsigned int flags)
{
	struct iom_piece pieces[4] = { 0 };
	uint64_t i;

	for (i = 0; i < ARRAY_SIZE(pieces); i++) {
		pieces[i].va = at_unit(16 + i + i / 2);
		pieces[i].length = place.unit;
		if (flags & IOM_MAP_FIXED)
			pieces[i].iova = FIXED_AT + MIB * (1 + i / 2) + i % 2 * place.unit;
	}
	return iom_mapv(rig.dom, pieces, ARRAY_SIZE(pieces), IOM_MAP_RW | flags, NULL, batch);
}

static inline void with_batch(void)
{
	mapped();
	ck_assert_ok(map_batch(0));
}

static inline void with_batch_apart(void)
{
	mapped();
	ck_assert_ok(map_batch(IOM_MAP_APART));
}

/* ---- Files and buffers --------------------------------------------------------------------------- */

static inline int map_file(unsigned int flags)
{
	return iom_map_file(rig.dom, file, 0, 4 * place.unit, flags, NULL, &region);
}

static inline void with_file(void)
{
	mapped();
	ck_assert_ok(map_file(IOM_MAP_RW));
}

static inline void with_buffer(void)
{
	mapped();
	ck_assert_ok(iom_buf_alloc(rig.dom, 3 * place.unit, NULL, &region));
}

static inline void with_pool(void)
{
	mapped();
	ck_assert_ok(iom_buf_pool_open(rig.dom, 2000, 8, NULL, &pool));
}

static inline void with_strict_pool(void)
{
	strict();
	ck_assert_ok(iom_buf_pool_open(rig.dom, 2000, 8, NULL, &pool));
}

static inline void with_strict_buffer(void)
{
	with_strict_pool();
	ck_assert_ok(iom_buf_get(pool, &buffer));
}

/* Memory whose pages are said to be as huge as the machine's are. */
static inline void with_huge_memory(void)
{
	const uint64_t page = place.machine.machine.hash_mmu ? 16 * MIB : 2 * MIB;

	mapped();
	ck_assert_int_eq(iom_sim_set_backing(rig.sim, memory, 16 * MIB, page), 0);
}

/* ---- Declared memory and streams ------------------------------------------------------------------ */

static inline void ready(void)
{
	mapped();
	declare();
	ck_assert_ok(iom_stream_open(rig.dom, &stream));
}

static inline void warm(void)
{
	ready();
	warm_up(0, 3);
}

/* One of each kind is in flight, and some granules are not. */
static inline void take_off(void)
{
	declare();
	ck_assert_ok(iom_stream_open(rig.dom, &stream));
	warm_up(2, 2);
	ck_assert_int_eq(fly(memory + 4096, GRANULE / 2, &granule), 1);
	ck_assert_int_eq(fly(undeclared() + 100, 4 * place.unit, &transient), 1);
}

static inline void flying(void)
{
	mapped();
	take_off();
}

static inline void flying_and_detached(void)
{
	flying();
	iom_detach(rig.nvme);
}

/* No room without taking a granule away. */
static inline void full(void)
{
	opened();
	ck_assert_ok(attach_bits(NVME, NARROW, &rig.nvme));
	declare();
	ck_assert_ok(iom_stream_open(rig.dom, &stream));
	warm_up(0, GRANULES);
}

static inline void declared_and_detached(void)
{
	mapped();
	declare();
	iom_detach(rig.nvme);
}

/* ---- Requests -------------------------------------------------------------------------------------- */

static inline void ask_and_keep(uint64_t start, uint64_t length)
{
	uint64_t id;

	if (start)
		ck_assert_ok(ask_at(start, length, &id));
	else
		ck_assert_ok(ask_anywhere(length, &id));
	place.ids[place.n_ids++] = id;
}

static inline void pending(void)
{
	opened();
	ask_and_keep(REQUEST_AT, REQUEST_LENGTH);
	ask_and_keep(0, REQUEST_LENGTH);
}

static inline void requested(void)
{
	mapped();
	ask_and_keep(REQUEST_AT, REQUEST_LENGTH);
	ask_and_keep(REQUEST_AT + 2 * REQUEST_LENGTH, REQUEST_LENGTH);
	asked = place.ids[1];
}

static inline void requested_and_detached(void)
{
	requested();
	iom_detach(rig.nvme);
}

/* ---- Somebody else's descriptors -------------------------------------------------------------------- */

static inline void beside(void)
{
	machine_starts();
	other_opens();
	other_maps(at_unit(32), 2 * place.unit, FIXED_AT + 32 * MIB);
	ck_assert_ok(open_beside(NULL, 0));
	place.beside = true;
}

static inline void beside_attached(void)
{
	beside();
	ck_assert_ok(attach_fd(other.device));
}

static inline void beside_mapped(void)
{
	beside_attached();
	map_some();
}

static inline void beside_and_detached(void)
{
	beside_mapped();
	iom_detach(rig.nvme);
}

static inline void beside_requested_and_detached(void)
{
	beside_mapped();
	ask_and_keep(REQUEST_AT, REQUEST_LENGTH);
	iom_detach(rig.nvme);
}

static inline void beside_flying(void)
{
	beside_mapped();
	take_off();
}

static inline void beside_flying_and_detached(void)
{
	beside_flying();
	iom_detach(rig.nvme);
}

/* He has what the library would choose first. */
static inline void beside_in_the_way(void)
{
	beside_attached();
	ck_assert_ok(map_any(at_unit(8), place.unit, &region));
	ck_assert_ok(iom_unmap(rig.dom, &region));
	other_maps(at_unit(36), place.unit, region.iova);
}

/* ---- Devices that stop -------------------------------------------------------------------------------- */

static inline void freezing(void)
{
	mapped();
	iom_sim_spapr_freezes(rig.sim, true);
}

static inline void frozen(void)
{
	char byte = 0;

	freezing();
	ck_assert_int_eq(iom_sim_dma_write(rig.sim, NVME, NOWHERE, &byte, 1), -EFAULT);
}

/* ---- The end ------------------------------------------------------------------------------------------- */

/* Nothing outlives the domain, and he who was there before has what he had. */
static inline void leave(void)
{
	struct iom_region his = as_region(at_unit(32), 2 * place.unit, FIXED_AT + 32 * MIB);

	iom_close(rig.dom);
	rig.dom = NULL;
	if (place.beside) {
		ck_assert_uint_eq(iom_sim_open_fds(rig.sim), other.fds);
		ck_assert(dma_works(NVME, &his));
		other_closes();
	}
	ck_assert_uint_eq(iom_sim_spapr_leaks(rig.sim), 0);
	ck_assert_uint_eq(iom_sim_spapr_crashes(rig.sim), 0);
	tear_down();
}

#endif
