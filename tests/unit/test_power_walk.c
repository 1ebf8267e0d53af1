// SPDX-License-Identifier: BSD-3-Clause
/*
 * POWER: random calls, right and wrong, on random machines, against a list of what should be mapped
 * and of what should be registered.  Three groups come and go, and the pages behind memory change.
 * After each call every device must reach the list, whole, and nothing else.  And the same with a
 * kernel that fails, where the answers are not foretold.
 */
#include "tests/unit/power_model.h"
#include "tests/unit/runner.h"

#define STEPS 200
#define MACHINES 40

/* Fixed IOVAs begin here, so that they meet: in either window. */
#define PLACES 64

/* ---- Steps ----------------------------------------------------------------------------------- */

/* What a kernel that fails may have the library say. */
static void check_answer(const char *call, int ret, int expected)
{
	static const int may[] = {
		-EBUSY,  -EEXIST, -EFAULT, -EINVAL, -EIO,   -EMFILE, -EACCES,
		-ENODEV, -ENOENT, -ENOMEM, -ENOSPC, -EPERM, -ERANGE, -EOPNOTSUPP
	};
	bool known = !ret;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(may); i++)
		known |= ret == may[i];
	ck_model(model.strict ? ret == expected : known, "%s: %d, not %d", call, ret, expected);
}

/* They change only with devices, and when memory is mapped. */
static void read_apertures(void)
{
	const struct iom_aperture *a = model.apertures;
	int i;

	if (!model.n_attached)
		return;
	model.n_apertures = iom_apertures(rig.dom, model.apertures, ARRAY_SIZE(model.apertures));
	ck_model(model.n_apertures > 0 && model.n_apertures <= (int)ARRAY_SIZE(model.apertures),
		 "%d apertures", model.n_apertures);
	/* the bridge's own, whatever a window says */
	for (i = 0; i < model.n_apertures; i++)
		ck_model(a[i].last < model.default_size || a[i].start >= 4 * GIB,
			 "an aperture at 0x%" PRIx64 " to 0x%" PRIx64, a[i].start, a[i].last);
	if (model.granule)
		model.granule = larger(model.granule, iom_page_size(rig.dom));
}

/* Often what was mapped before, or a part of it. */
static char *random_memory(uint64_t unit, uint64_t length)
{
	uint64_t at = below_n((MEMORY - length) / unit + 1) * unit, before;
	const struct iom_region *region;

	if (model.n_regions && one_in(3)) {
		region = &model.regions[below_n(model.n_regions)];
		before = (uint64_t)((char *)region->va - model.memory) + below_n(3) * unit;
		at = before <= MEMORY - length ? before & ~(unit - 1) : at;
	}
	return model.memory + at;
}

static struct wish random_wish(void)
{
	const uint64_t units[] = { KIB64, KIB64, model.page, 2 * MIB };
	uint64_t unit = one_of(units), most = unit == 2 * MIB ? 3 : 40;
	struct wish w = { .flags = IOM_MAP_RW, .opts = at_iova(0) };
	int i = (int)below_n(DEVICES);

	if (model.granule && most > LONGEST * model.granule / unit)
		most = larger(LONGEST * model.granule / unit, 1);
	w.length = unit * (1 + below_n(most));
	if (model.granule && w.length > LONGEST * model.granule)
		w.length = LONGEST * model.granule;
	w.va = random_memory(unit, w.length);
	if (one_in(3))
		w.flags = one_in(2) ? IOM_MAP_READ : IOM_MAP_WRITE;
	if (one_in(2))
		w.flags |= IOM_MAP_ALIAS;
	if (one_in(5))
		w.opts.only = model.attached[i];
	if (one_in(6))
		w.opts.limit = one_in(2) ? UINT32_MAX : TIB - 1;
	if (one_in(4)) {
		w.flags |= IOM_MAP_FIXED;
		w.opts.iova = one_in(2) ? second_window() : 0;
		w.opts.iova += one_in(3) ? below_n(PLACES) * KIB64 : below_n(PLACES) * MIB;
	}
	w.limit = reach_of(w.opts.only);
	if (w.opts.limit && w.opts.limit < w.limit)
		w.limit = w.opts.limit;
	return w;
}

static void try_map(void)
{
	struct iom_region region;
	struct wish w = random_wish();
	int ret, expected;

	if (model.n_regions == REGIONS)
		return;
	ret = iom_map(rig.dom, w.va, w.length, w.flags, &w.opts, &region);
	read_apertures();
	expected = expect_map(&w, ret);
	check_answer("map", ret, expected);
	if (ret)
		return;
	ck_model(!piece_in(region.iova, region.length) &&
			 aperture_of(region.iova, region.iova + region.length - 1),
		 "mapped at 0x%" PRIx64, region.iova);
	ck_model(region.iova + region.length - 1 <= w.limit, "0x%" PRIx64 " is beyond the limit",
		 region.iova);
	/* what is quarantined is in the way, too, and not in the list */
	if (model.strict && !(w.flags & IOM_MAP_FIXED))
		ck_model(page_of(aperture_of(region.iova, region.iova)) == best_page(&w),
			 "0x%" PRIx64 " has smaller pages than there is room for", region.iova);
	add(&region, w.opts.only);
}

static void try_unmap(void)
{
	struct iom_region region;
	int ret, expected = -ENOENT;
	size_t i = below_n(REGIONS), k;

	if (i >= model.n_regions)
		return;
	region = model.regions[i];
	for (k = 0; k < model.n; k++)
		if (model.pieces[k].generation == region.generation)
			expected = 0;
	ret = iom_unmap(rig.dom, &region);
	check_answer("unmap", ret, expected);
	drop(region.iova, region.length, region.generation);
	model.regions[i] = model.regions[--model.n_regions];
}

static void try_unmap_range(void)
{
	uint64_t iova, length;
	int ret, expected;
	size_t i;

	if (!model.n)
		return;
	i = below_n(model.n);
	iova = model.pieces[i].iova;
	length = model.pieces[i].length;
	/* what follows as well, as far as it can be told; and some that cannot be cut so */
	while (piece_at(iova + length) && !one_in(4))
		length += piece_at(iova + length)->length;
	if (one_in(6))
		length += PAGE;
	if (one_in(6))
		iova += PAGE;
	expected = expect_cut(iova, length);
	ret = iom_unmap_range(rig.dom, iova, length);
	check_answer("unmap range", ret, expected);
	/* what the kernel did not unmap is quarantined; -EIO is said of what is so already, too */
	if (!ret || (ret == -EIO && !expected))
		drop(iova, length, 0);
}

static void try_unmap_all(void)
{
	check_answer("unmap all", iom_unmap_all(rig.dom), 0);
	drop(0, UINT64_MAX, 0);
	model.n_regions = 0;
}

static void try_attach(void)
{
	static const unsigned int bits[] = { 64, 64, 48, 32, 40 };
	int i = (int)below_n(DEVICES), ret;
	struct iom_device *dev = NULL;

	if (model.attached[i] && one_in(2))
		return;
	if (model.attached[i]) {
		iom_detach(model.attached[i]);
		model.attached[i] = NULL;
		if (!--model.n_attached)
			register_again();
		return;
	}
	model.bits[i] = one_of(bits);
	ret = attach_bits(addresses[i], model.bits[i], &dev);
	check_answer("attach", ret, expect_attach(i));
	if (ret)
		return;
	model.attached[i] = dev;
	if (!model.n_attached++)
		register_again();
}

/* As if the process had other memory there, where nothing is mapped. */
static void change_memory(void)
{
	static const uint64_t pages[] = { 0, KIB64, 2 * MIB, 4 * MIB };
	uint64_t quarter = below_n(QUARTERS), page = one_of(pages);
	char *va = model.memory + quarter * QUARTER;
	size_t i;

	for (i = 0; i < model.n; i++)
		if (meet((uintptr_t)va, QUARTER, (uintptr_t)model.pieces[i].va,
			 model.pieces[i].length))
			return;
	if (rig_counters().quarantined_bytes)
		return;
	ck_assert_int_eq(iom_sim_set_backing(rig.sim, va, QUARTER, page), 0);
	model.backing[quarter] = page;
}

/* ---- What is so ------------------------------------------------------------------------------ */

struct reached {
	uint64_t listed, others;
	const struct piece *wrong;
};

/* A run of entries that show memory in one piece may be of several mappings. */
static int find_in_list(void *arg, uint64_t iova, void *va, uint64_t length, uint32_t vfio_flags)
{
	struct reached *reached = arg;
	uint64_t listed = 0;
	size_t i;

	for (i = 0; i < model.n; i++) {
		const struct piece *piece = &model.pieces[i];
		uint64_t end = piece->iova + piece->length, start = piece->iova;

		if (!meet(iova, length, start, piece->length))
			continue;
		if ((uintptr_t)piece->va - start != (uintptr_t)va - iova ||
		    !(piece->flags & IOM_MAP_READ) != !(vfio_flags & VFIO_DMA_MAP_FLAG_READ) ||
		    !(piece->flags & IOM_MAP_WRITE) != !(vfio_flags & VFIO_DMA_MAP_FLAG_WRITE))
			reached->wrong = piece;
		listed += (end < iova + length ? end : iova + length) - larger(start, iova);
	}
	reached->listed += listed;
	reached->others += length - listed;
	return 0;
}

static void check_devices(uint64_t bytes, uint64_t quarantined)
{
	int i;

	for (i = 0; i < DEVICES; i++) {
		struct reached reached = { 0 };

		ck_assert_int_eq(iom_sim_each_map(rig.sim, addresses[i], find_in_list, &reached),
				 0);
		ck_model(!reached.wrong, "%s reaches something else at 0x%" PRIx64, addresses[i],
			 reached.wrong->iova);
		ck_model(reached.listed == (model.attached[i] ? bytes : 0),
			 "%s reaches 0x%" PRIx64 " bytes of 0x%" PRIx64, addresses[i],
			 reached.listed, bytes);
		ck_model(reached.others <= quarantined,
			 "%s reaches 0x%" PRIx64 " bytes that are not mapped", addresses[i],
			 reached.others);
	}
}

static void check_translation(void)
{
	const struct piece *piece;
	uint64_t got, run;
	char *at;
	size_t i;
	void *va;

	for (i = 0; i < 16; i++) {
		at = model.memory + below_n(MEMORY);
		piece = piece_of(at, 1);
		ck_model(iom_translate(rig.dom, at, 1, &got, &run) == (piece ? 0 : -ENOENT) &&
				 (!piece || got == piece->iova + (uint64_t)(at - piece->va)),
			 "%p is translated otherwise", (void *)at);
	}
	if (!model.n)
		return;
	piece = &model.pieces[below_n(model.n)];
	ck_model(!iom_iova_to_va(rig.dom, piece->iova, 1, &va, &run) && va == piece->va,
		 "0x%" PRIx64 " is translated otherwise", piece->iova);
}

static void check(void)
{
	struct iom_counters counters = rig_counters();
	uint64_t bytes = 0, parts = 0;
	size_t i;

	for (i = 0; i < model.n; i++) {
		bytes += model.pieces[i].length;
		parts += is_end(model.pieces[i].iova);
	}
	ck_model(counters.mapped_bytes == bytes && counters.mappings == parts,
		 "%" PRIu64 " mappings, not %" PRIu64, counters.mappings, parts);
	if (model.strict)
		ck_assert_uint_eq(counters.quarantined_bytes, 0);
	check_devices(bytes, counters.quarantined_bytes);
	check_translation();
}

/* ---- The walk -------------------------------------------------------------------------------- */

static void start(uint64_t seed)
{
	static const char *const kinds[] = { "powernv", "pseries", "pseries-vf" };
	static const uint64_t pages[] = { 0, 0, PAGE, KIB64, 2 * MIB, 16 * MIB };
	static const uint64_t granules[] = { 0, 0, PAGE, KIB64, 2 * MIB };
	struct power power;
	int i;

	memset(&model, 0, sizeof(model));
	model.seed = model.random = seed;
	power = power_of(one_of(kinds));
	model.pseries = strcmp(power.machine.platform, "powernv") != 0;
	model.page = one_in(2) ? PAGE : KIB64;
	model.granule = one_of(granules);
	for (i = 0; i < DEVICES; i++)
		model.machine[i] = (struct iom_sim_device){
			.address = addresses[i],
			.group = 14 + i,
			.driver = "vfio-pci",
			/* the last one's window may begin elsewhere */
			.dma64_start = i == DEVICES - 1 && one_in(3) ? 2 * SECOND : 0,
		};
	power.machine.devices = model.machine;
	power.machine.n_devices = DEVICES;
	power.machine.page_size = model.page;
	power.machine.ram = 8 * GIB;
	power.machine.n_hugepages = below_n(2);
	/* so small that it gets full */
	model.default_size = one_in(3) ? 16 * MIB : GIB;
	power.machine.dma32_size = model.default_size;
	power.opts.unmap_granule = model.granule;
	power.opts.expect_page = one_of(pages);
	power.opts.expect_bytes = one_in(2) ? (64 * MIB) << below_n(9) : 0;
	power_start(&power);
	model.memory = rig_memory_at(MEMORY, QUARTER, 0);
}

static uint64_t locked(void)
{
	return iom_sim_locked_bytes(rig.sim);
}

/* What is registered goes with its last use, and not before.  It is locked once. */
static void unmap_something(void)
{
	uint64_t before = registered_bytes(), locked_before = locked(), gone;
	uint64_t dice = below_n(20);

	if (dice < 9)
		try_unmap();
	else if (dice < 19)
		try_unmap_range();
	else
		try_unmap_all();
	gone = before - registered_bytes();
	if (model.strict)
		ck_model(locked_before - locked() == gone,
			 "0x%" PRIx64 " bytes less are registered, not 0x%" PRIx64,
			 locked_before - locked(), gone);
}

static void step(void)
{
	uint64_t dice = below_n(20);

	if (dice < (model.n_attached ? 3 : 10))
		try_attach();
	else if (dice < 12)
		try_map();
	else if (dice < 18)
		unmap_something();
	else
		change_memory();
	read_apertures();
}

/*
 * In half of the steps one of the next calls fails, or all from then on.  Only of some can it be
 * said that they failed when they had done their work: of others a descriptor would be left.
 */
static void have_it_fail(void)
{
	static const int answers[] = { -EINVAL, -ENOMEM, -EPERM, -EBUSY, -EIO, 1 };
	static const unsigned long requests[] = {
		VFIO_IOMMU_MAP_DMA,
		VFIO_IOMMU_UNMAP_DMA,
		VFIO_IOMMU_SPAPR_REGISTER_MEMORY,
		VFIO_IOMMU_SPAPR_UNREGISTER_MEMORY,
		VFIO_IOMMU_SPAPR_TCE_REMOVE,
	};
	struct iom_sim_failure failure = { .calls = 1u << IOM_SIM_IOCTL };

	failure.nth = 1 + (unsigned int)below_n(6);
	failure.answer = one_of(answers);
	failure.on = one_in(8);
	if (one_in(2)) {
		failure.nth = 1 + (unsigned int)below_n(3);
		failure.request = one_of(requests);
		failure.after = one_in(3);
	} else if (failure.answer < 0 && one_in(3)) {
		failure.calls = 0;
	}
	if (one_in(2))
		iom_sim_fail(rig.sim, &failure);
}

/* The same machines at each run, unless a seed is given; Check tells which of them failed. */
static uint64_t seed_of(int i)
{
	const char *word = getenv("IOM_TEST_SEED");

	return (word ? strtoull(word, NULL, 0) : 1) + (uint64_t)i;
}

static void walk(void)
{
	for (model.step = 0; model.step < STEPS; model.step++) {
		if (!model.strict)
			have_it_fail();
		step();
		iom_sim_fail(rig.sim, NULL);
		check();
	}
}

START_TEST(same_as_a_list)
{
	start(seed_of(_i));
	model.strict = true;
	walk();
	power_end();
	munmap(model.memory, MEMORY);
}
END_TEST

/* What a window that could not be made has locked stays so: the kernel's doing. */
START_TEST(through_failures)
{
	start(seed_of(_i));
	walk();
	iom_close(rig.dom);
	ck_assert_uint_eq(iom_sim_spapr_leaks(rig.sim), 0);
	ck_assert_uint_eq(iom_sim_open_fds(rig.sim), 0);
	ck_assert_uint_eq(iom_sim_mapped_bytes(rig.sim), 0);
	iom_sim_destroy(rig.sim);
	munmap(model.memory, MEMORY);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("power_walk");
	TCase *tcase = tcase_create("walk");

	tcase_set_timeout(tcase, 300);
	tcase_add_loop_test(tcase, same_as_a_list, 0, MACHINES);
	tcase_add_loop_test(tcase, through_failures, 0, MACHINES);
	suite_add_tcase(suite, tcase);
	return run_suite(suite);
}
