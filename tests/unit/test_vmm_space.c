// SPDX-License-Identifier: BSD-3-Clause
/*
 * The VMM example on simulated machines: guest RAM, the window, and what the device proves.  The
 * edu device is this file's, so that it can see what it should not.
 */
#include <errno.h>

#include "backends/backend.h"
#include "examples/sentence.h"
#include "examples/vmm_proof.h"
#include "examples/vmm_space.h"
#include "lib/domain.h"
#include "sim/sim.h"
#include "tests/unit/runner.h"
#include "tests/unit/util.h"

#define DEVICE "0000:01:00.0"

static const struct machine {
	const char *backend, *platform;
	unsigned int kernel;
	bool iommufd;
	bool has_high; /* RAM may be at 4 GiB */
} machines[] = {
	{ "type1", "x86-48", 612, false, true },
	{ "type1", "x86-39", 612, false, true },
	{ "iommufd", "x86-48", 702, true, true },
	{ "type1-iommufd", "x86-48", 702, true, true },
	{ "type1", "arm64-smmuv3", 612, false, true },
	{ "powernv", "powernv", 612, false, true },
	{ "pseries", "pseries", 612, false, false },
};

/* ---- The device ------------------------------------------------------------------------------ */

static struct iom_sim *sim;
static struct vmm_ram ram;
static struct iom_domain *domain;
static struct iom_device *device;
static char buffer[EDU_MAX];

/* What is wrong with it, or with the IOMMU before it. */
static enum {
	NOTHING,
	WRITES_NOWHERE,
	READS_NOTHING,
	STALE_READS,
	STALE_WRITES
} defect;

/* Where IOVAs led that it has used: as if the IOMMU kept them after an unmap. */
static struct {
	uint64_t iova;
	char *va;
} stale[32];

static char *stale_va(uint64_t iova)
{
	for (size_t i = 0; i < ARRAY_SIZE(stale); i++)
		if (stale[i].va && stale[i].iova == iova)
			return stale[i].va;
	return NULL;
}

static void remember(uint64_t iova)
{
	static size_t next;
	uint64_t length;
	void *va;

	if (iom_sim_dma_target(sim, DEVICE, iova, false, &va, &length) < 0 &&
	    iom_sim_dma_target(sim, DEVICE, iova, true, &va, &length) < 0)
		return;
	stale[next].iova = iova;
	stale[next].va = va;
	next = (next + 1) % ARRAY_SIZE(stale);
}

/* It says success whatever happened, as the real one does. */
int edu_read(struct edu *edu, uint64_t iova, uint32_t n)
{
	char *va = stale_va(iova);

	(void)edu;
	remember(iova);
	if (defect == READS_NOTHING)
		return 0;
	if (iom_sim_dma_read(sim, DEVICE, iova, buffer, n) < 0 && defect == STALE_READS && va)
		memcpy(buffer, va, n);
	return 0;
}

int edu_write(struct edu *edu, uint64_t iova, uint32_t n)
{
	char *va = stale_va(iova);

	(void)edu;
	remember(iova);
	if (defect == WRITES_NOWHERE)
		return 0;
	if (iom_sim_dma_write(sim, DEVICE, iova, buffer, n) < 0 && defect == STALE_WRITES && va)
		memcpy(va, buffer, n);
	return 0;
}

/* ---- The machine ----------------------------------------------------------------------------- */

static struct vmm_options options;

static void set_up(void)
{
	options = (struct vmm_options){
		.ram = 8 * MIB,
		.low = 4 * MIB,
		.page = 4096,
		.window = 2 * MIB,
		.dma_bits = 64,
	};
	defect = NOTHING;
	memset(stale, 0, sizeof(stale));
}

static void start(const struct machine *machine, const struct iom_sim_resv *hole)
{
	const struct iom_sim_device devices[] = {
		{ .address = DEVICE,
		  .group = 14,
		  .driver = "vfio-pci",
		  .resv = hole,
		  .n_resv = hole != NULL },
	};
	const struct iom_sim_config config = {
		.size = sizeof(config),
		.platform = machine->platform,
		.kernel = machine->kernel,
		.iommufd = machine->iommufd,
		.devices = devices,
		.n_devices = 1,
		.memlock = GIB,
	};
	const struct iom_open_opts open_opts = {
		.size = sizeof(open_opts),
		.backend = machine->backend,
	};
	const struct iom_attach_opts attach_opts = {
		.size = sizeof(attach_opts),
		.dma_bits = options.dma_bits,
	};

	ck_assert_int_eq(iom_sim_create(&config, &sim), 0);
	ck_assert_int_eq(iom_open_with(&domain, &open_opts, iom_sim_sys(sim), iom_backends), 0);
	ck_assert_int_eq(iom_attach(domain, DEVICE, &attach_opts, &device), 0);
	ck_assert_msg(vmm_ram_open(&ram, &options) == 0, "%s", fail_sentence());
}

static void finish(void)
{
	iom_close(domain);
	vmm_ram_close(&ram);
	ck_assert_uint_eq(iom_sim_open_fds(sim), 0);
	ck_assert_uint_eq(iom_sim_mapped_bytes(sim), 0);
	ck_assert_uint_eq(iom_sim_locked_bytes(sim), 0);
	iom_sim_destroy(sim);
}

static void make_stream(const struct vmm_space *space, struct vmm_stream *stream)
{
	const struct vmm_stream_config config = {
		.seed = 1,
		.requests = 400,
		.live = 32,
		.page = options.page,
		.window = options.window,
		.ram = space->placed,
	};

	ck_assert_int_eq(vmm_stream_make(&config, stream), 0);
}

#define ck_assert_space(expression) ck_assert_msg((expression) == 0, "%s", fail_sentence())

/* ---- What works ------------------------------------------------------------------------------ */

/*
 * All of it on every machine, with pages of 4 and of 64 KiB, and the device sees each byte where
 * the guest has it.
 */
START_TEST(everywhere)
{
	const struct machine *machine = &machines[_i / 2];
	unsigned int parts = machine->has_high ? 2 : 1;
	char word[] = "at 4 GiB";
	struct vmm_stream stream;
	struct vmm_space space;
	struct vmm_proof proof;
	struct edu edu;

	options.page = _i % 2 ? 65536 : 4096;
	start(machine, NULL);
	ck_assert_space(vmm_space_open(&space, domain, &ram, &options));
	ck_assert_uint_eq((unsigned int)space.part_count, parts);
	ck_assert_uint_eq(space.placed, parts * 4 * MIB);
	ck_assert_str_eq(space.low_reason, "");
	ck_assert(machine->has_high == !*space.high_reason);
	ck_assert_uint_eq(space.window.last - space.window.start + 1, options.window);
	ck_assert_uint_eq(vmm_space_gpa(&space, 4 * MIB - 1), 4 * MIB - 1);
	if (machine->has_high) {
		ck_assert_uint_eq(vmm_space_gpa(&space, 4 * MIB), 4 * GIB);
		ck_assert_int_eq(iom_sim_dma_write(sim, DEVICE, 4 * GIB, word, sizeof(word)), 0);
		ck_assert_str_eq(ram.va + 4 * MIB, word);
	}

	make_stream(&space, &stream);
	ck_assert_space(vmm_prove(&space, &stream, &edu, &proof));
	ck_assert_uint_eq(proof.ram, 2 * parts);
	ck_assert_uint_eq(proof.window, 4);
	ck_assert_uint_eq(proof.unreached, 2);
	ck_assert_uint_ge(iom_sim_faults(sim, NULL), 4);

	ck_assert_space(vmm_space_close(&space));
	ck_assert_uint_eq(iom_sim_mapped_bytes(sim), 0);
	vmm_stream_free(&stream);
	finish();
}
END_TEST

/* RAM goes around a hole below 4 GiB, and what that costs is above. */
START_TEST(around_a_hole)
{
	static const struct iom_sim_resv hole = { 8 * MIB, 9 * MIB - 1, "reserved" };
	struct vmm_space space;

	options.ram = 16 * MIB;
	options.low = 14 * MIB;
	start(&machines[0], &hole);
	ck_assert_space(vmm_space_open(&space, domain, &ram, &options));
	ck_assert_int_eq(space.part_count, 3);
	ck_assert_uint_eq(space.parts[0].range.length, 8 * MIB);
	ck_assert_uint_eq(space.parts[1].range.start, 10 * MIB);
	ck_assert_uint_eq(space.parts[1].range.length, 4 * MIB);
	ck_assert_uint_eq(space.parts[2].range.start, 4 * GIB);
	ck_assert_uint_eq(space.parts[2].range.length, 4 * MIB);
	ck_assert_uint_eq(vmm_space_gpa(&space, 8 * MIB), 10 * MIB);
	ck_assert_ptr_nonnull(strstr(space.low_reason, "0x800000"));
	ck_assert_str_eq(space.high_reason, "");
	ck_assert_space(vmm_space_close(&space));
	finish();
}
END_TEST

/* A device that does not drive so many bits: there is less RAM, and the reason is the library's. */
START_TEST(out_of_reach)
{
	struct vmm_space space;

	options.dma_bits = 28;
	start(&machines[0], NULL);
	ck_assert_space(vmm_space_open(&space, domain, &ram, &options));
	ck_assert_int_eq(space.part_count, 1);
	ck_assert_uint_eq(space.placed, 4 * MIB);
	ck_assert_ptr_nonnull(strstr(space.high_reason, "0xfffffff"));
	ck_assert_uint_le(space.window.last, 0xfffffff);
	ck_assert_space(vmm_space_close(&space));
	finish();
}
END_TEST

START_TEST(window_at_a_place)
{
	struct vmm_space space;

	options.window_fixed = true;
	options.window_start = GIB;
	options.page = 65536;
	start(&machines[0], NULL);
	ck_assert_space(vmm_space_open(&space, domain, &ram, &options));
	ck_assert_uint_eq(space.window.start, GIB);
	ck_assert_uint_eq(space.window.last, GIB + 2 * MIB - 1);
	ck_assert_uint_eq(space.window.page_sizes & -space.window.page_sizes, 65536);
	ck_assert_space(vmm_space_close(&space));

	/* over the RAM */
	options.window_start = 2 * MIB;
	ck_assert_int_eq(vmm_space_open(&space, domain, &ram, &options), -EEXIST);
	ck_assert_ptr_nonnull(strstr(fail_sentence(), "0x200000"));
	ck_assert_space(vmm_space_close(&space));
	finish();
}
END_TEST

/* ---- What is found --------------------------------------------------------------------------- */

START_TEST(proof_finds_a_defect)
{
	static const char *const words[] = {
		[WRITES_NOWHERE] = "guest RAM does not show it",
		[READS_NOTHING] = "guest RAM does not show it",
		[STALE_READS] = "read from IOVA",
		[STALE_WRITES] = "wrote to IOVA",
	};
	struct vmm_stream stream;
	struct vmm_space space;
	struct vmm_proof proof;
	struct edu edu;

	start(&machines[0], NULL);
	ck_assert_space(vmm_space_open(&space, domain, &ram, &options));
	make_stream(&space, &stream);
	defect = (unsigned int)_i;
	ck_assert_int_eq(vmm_prove(&space, &stream, &edu, &proof), -EILSEQ);
	ck_assert_msg(strstr(fail_sentence(), words[_i]), "%s", fail_sentence());
	vmm_stream_free(&stream);
	finish();
}
END_TEST

/* What the virtual IOMMU forgot to unmap is told of, and the window is not given back. */
START_TEST(close_finds_what_is_left)
{
	const struct vmm_request request = {
		.iova = 0,
		.ram = MIB,
		.length = 4096,
		.flags = IOM_MAP_RW,
	};
	struct vmm_request unmap = request;
	struct vmm_space space;

	start(&machines[0], NULL);
	ck_assert_space(vmm_space_open(&space, domain, &ram, &options));
	ck_assert_int_eq(vmm_space_request(&space, &request), 0);
	ck_assert_int_eq(vmm_space_request(&space, &request), -EEXIST);
	ck_assert_int_eq(vmm_space_close(&space), -EBUSY);
	unmap.flags = 0;
	ck_assert_int_eq(vmm_space_request(&space, &unmap), 0);
	ck_assert_space(vmm_space_close(&space));
	finish();
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("vmm_space");
	TCase *works = tcase_create("works");
	TCase *found = tcase_create("found");

	tcase_add_checked_fixture(works, set_up, NULL);
	tcase_add_checked_fixture(found, set_up, NULL);
	tcase_add_loop_test(works, everywhere, 0, 2 * ARRAY_SIZE(machines));
	tcase_add_test(works, around_a_hole);
	tcase_add_test(works, out_of_reach);
	tcase_add_test(works, window_at_a_place);
	tcase_add_loop_test(found, proof_finds_a_defect, WRITES_NOWHERE, STALE_WRITES + 1);
	tcase_add_test(found, close_finds_what_is_left);
	suite_add_tcase(suite, works);
	suite_add_tcase(suite, found);
	return run_suite(suite);
}
