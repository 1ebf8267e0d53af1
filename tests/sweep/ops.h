/* SPDX-License-Identifier: BSD-3-Clause */
/* Every operation of libiommu.h that can fail, or must not: what is there before, and what may come of it. */
#ifndef IOM_TEST_OPS_H
#define IOM_TEST_OPS_H

#include "tests/sweep/stages.h"

struct op {
	const char *name;
	void (*prepare)(void);
	int (*run)(void);
	bool (*is_there)(void); /* on this machine; NULL: on all */
	/* What the header says of failures that are not the caller's. */
	int may[12];
	int may_on_power[5];
	/*
	 * Instead of what all are held to, when it failed: for what may leave something behind that
	 * is nobody's loss (granules, that stay mapped while nothing is in flight in them).
	 */
	void (*failed)(void);
	/* When it worked, perhaps in spite of something. */
	void (*worked)(void);
	bool makes_window; /* on POWER, where memory of such pages has none yet */
	bool silent;       /* leaves no sentence: the I/O path */
	bool once;         /* what failed is over, in part perhaps, and is not done again */
};

/* ---- Devices --------------------------------------------------------------------------------------- */

static struct iom_domain *another;

static int op_open(void)
{
	int ret = rig_open(&another);

	if (!ret)
		iom_close(another);
	return ret;
}

static int op_open_strict(void)
{
	int ret;

	rig.flags = IOM_OPEN_STRICT;
	ret = op_open();
	rig.flags = 0;
	return ret;
}

static int op_attach(void)
{
	return iom_attach(rig.dom, NVME, NULL, &rig.nvme);
}

static int op_attach_edu(void)
{
	return iom_attach(rig.dom, EDU, NULL, &edu);
}

static int op_attach_narrow(void)
{
	return attach_bits(EDU, 30, &edu);
}

static int op_attach_pair(void)
{
	return iom_attach(rig.dom, PAIR_2, NULL, &pair[1]);
}

static int op_attach_fd(void)
{
	return attach_fd(other.device);
}

static int op_detach(void)
{
	iom_detach(rig.nvme);
	return 0;
}

static int op_detach_edu(void)
{
	iom_detach(edu);
	return 0;
}

static int op_detach_pair(void)
{
	iom_detach(pair[1]);
	return 0;
}

static int op_close(void)
{
	iom_close(rig.dom);
	rig.dom = NULL;
	return 0;
}

static int op_state(void)
{
	int ret = iom_device_state(rig.nvme);

	return ret < 0 ? ret : 0;
}

static int op_thaw(void)
{
	return iom_device_recover(rig.nvme, IOM_RECOVER_UNFREEZE);
}

static int op_reset(void)
{
	return iom_device_recover(rig.nvme, IOM_RECOVER_RESET);
}

static int op_fds(void)
{
	struct iom_fds fds = { .size = sizeof(fds) };

	return iom_domain_fds(rig.dom, rig.nvme, &fds);
}

/* ---- Maps ------------------------------------------------------------------------------------------ */

static int op_map(void)
{
	return map_any(at_unit(8), 4 * place.unit, &region);
}

static int op_map_fixed(void)
{
	return map_fixed(at_unit(8), 4 * place.unit, FIXED_AT + 8 * MIB, &region);
}

static int op_map_below(void)
{
	const struct iom_map_opts opts = below(256 * MIB - 1);

	return iom_map(rig.dom, at_unit(8), 4 * place.unit, IOM_MAP_RW, &opts, &region);
}

static int op_map_only(void)
{
	const struct iom_map_opts opts = { .size = sizeof(opts), .only = rig.nvme };

	return iom_map(rig.dom, at_unit(8), 4 * place.unit, IOM_MAP_RW, &opts, &region);
}

static int op_map_read(void)
{
	return iom_map(rig.dom, at_unit(8), 4 * place.unit, IOM_MAP_READ, NULL, &region);
}

static int op_map_alias(void)
{
	return iom_map(rig.dom, at_unit(0), 2 * place.unit, IOM_MAP_RW | IOM_MAP_ALIAS, NULL,
		       &region);
}

static int op_map_huge(void)
{
	return map_any(memory, 16 * MIB, &region);
}

/* Nothing but granules is in the way. */
static int op_map_large(void)
{
	return map_any(undeclared(), 5 * GRANULE, &region);
}

static int op_map_file(void)
{
	return map_file(IOM_MAP_RW);
}

static int op_map_file_read(void)
{
	return map_file(IOM_MAP_READ);
}

static int op_mapv(void)
{
	return map_batch(0);
}

static int op_mapv_apart(void)
{
	return map_batch(IOM_MAP_APART);
}

static int op_mapv_fixed(void)
{
	return map_batch(IOM_MAP_FIXED);
}

static int op_unmap(void)
{
	return iom_unmap(rig.dom, &place.kept[0]);
}

static int op_unmap_alias(void)
{
	return iom_unmap(rig.dom, &place.kept[2]);
}

static int op_unmap_region(void)
{
	return iom_unmap(rig.dom, &region);
}

static int op_unmap_range(void)
{
	return iom_unmap_range(rig.dom, FIXED_AT, 2 * place.unit);
}

static int op_cut(void)
{
	return iom_unmap_range(rig.dom, FIXED_AT + 2 * place.unit, 2 * place.unit);
}

static int op_unmapv(void)
{
	return iom_unmapv(rig.dom, batch, ARRAY_SIZE(batch));
}

static int op_unmap_all(void)
{
	return iom_unmap_all(rig.dom);
}

/* ---- Declared memory and streams --------------------------------------------------------------------- */

static int op_declare(void)
{
	return iom_memory_add(rig.dom, memory, GRANULES * GRANULE, IOM_MAP_RW, &declared);
}

static int op_withdraw(void)
{
	return iom_memory_remove(declared);
}

static int op_stream_open(void)
{
	return iom_stream_open(rig.dom, &stream);
}

static int op_stream_close(void)
{
	iom_stream_close(stream);
	stream = NULL;
	return 0;
}

static int flown(int n)
{
	return n < 0 ? n : 0;
}

static int op_fly_granule(void)
{
	return flown(fly(memory + GRANULE, 8 * place.unit, &granule));
}

static int op_fly_transient(void)
{
	return flown(fly(undeclared() + place.unit + 5, 8 * place.unit, &granule));
}

/* Two granules, and what is behind them. */
static int op_fly_three(void)
{
	return flown(fly(memory + (GRANULES - 1) * GRANULE - place.unit, GRANULE + 2 * place.unit,
			 &granule));
}

static int op_fly_evicting(void)
{
	return flown(fly(memory, GRANULE, &granule));
}

static int op_land(void)
{
	return land(&transient);
}

/* ---- Requests ------------------------------------------------------------------------------------------ */

static int op_request(void)
{
	return ask_at(REQUEST_AT + 4 * REQUEST_LENGTH, REQUEST_LENGTH, &asked);
}

static int op_request_anywhere(void)
{
	return ask(0, REQUEST_LENGTH, 0, IOM_APERTURE_AUTO, &asked);
}

static int op_request_pages(void)
{
	return ask(0, 16 * MIB, 64 * KIB, 0, &asked);
}

static int op_release(void)
{
	return iom_aperture_release(rig.dom, asked);
}

/* ---- Buffers -------------------------------------------------------------------------------------------- */

static int op_buf(void)
{
	return iom_buf_alloc(rig.dom, 3 * place.unit, NULL, &region);
}

static int op_buf_shared(void)
{
	const struct iom_buf_opts opts = { .size = sizeof(opts), .flags = IOM_BUF_SHARED };

	return iom_buf_alloc(rig.dom, 3 * place.unit, &opts, &region);
}

/* Huge pages would suit. */
static int op_buf_large(void)
{
	return iom_buf_alloc(rig.dom, 4 * MIB, NULL, &region);
}

static int op_buf_info(void)
{
	struct iom_buf_info info = { .size = sizeof(info) };

	return iom_buf_read_info(rig.dom, &region, &info);
}

static int op_pool_open(void)
{
	int ret = iom_buf_pool_open(rig.dom, 2000, 8, NULL, &pool);

	if (!ret)
		iom_buf_pool_close(pool);
	return ret;
}

static int op_pool_get(void)
{
	return iom_buf_get(pool, &buffer);
}

static int op_pool_put(void)
{
	return iom_buf_put(pool, &buffer);
}

static int op_pool_close(void)
{
	iom_buf_pool_close(pool);
	return 0;
}

/* ---- What is said ------------------------------------------------------------------------------------------ */

static int op_counters(void)
{
	struct iom_counters c = { .size = sizeof(c) };

	return iom_read_counters(rig.dom, &c);
}

static int op_explain(void)
{
	char text[4096];

	return iom_explain(rig.dom, text, sizeof(text)) > 0 ? 0 : -EIO;
}

static int op_tree(void)
{
	struct iom_tree_info info = { .size = sizeof(info) };

	return iom_tree_read_on(&rig.sys, NVME, NULL, &info);
}

#endif
