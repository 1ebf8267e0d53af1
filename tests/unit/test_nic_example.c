// SPDX-License-Identifier: BSD-3-Clause
/* The example that drives network cards: its frames, and all of its driver on simulated cards. */
#include "examples/nic_options.h"
#include "examples/nic_pattern.h"
#include "examples/nic_run.h"
#include "examples/sentence.h"
#include "tests/unit/card_rig.h"
#include "tests/unit/runner.h"

static const uint8_t alice[NIC_ADDRESS] = { 0x52, 0x54, 0, 0x12, 0x34, 0 };
static const uint8_t bob[NIC_ADDRESS] = { 0x52, 0x54, 0, 0x12, 0x34, 1 };

/* ---- Frames ------------------------------------------------------------------------------------- */

START_TEST(lengths_and_contents)
{
	uint8_t frame[NIC_LONGEST + 1], again[NIC_LONGEST];
	bool seen[NIC_LONGEST + 1] = { false };
	unsigned int missing = 0;
	struct nic_way way;
	uint64_t number, said;
	size_t at;

	nic_way_init(&way, alice, bob, 7);
	for (number = 0; number < 200000; number++) {
		uint16_t length = nic_pattern_length(&way, number);

		ck_assert_uint_ge(length, NIC_SHORTEST);
		ck_assert_uint_le(length, NIC_LONGEST);
		seen[length] = true;
	}
	for (at = NIC_SHORTEST; at <= NIC_LONGEST; at++)
		missing += !seen[at];
	ck_assert_uint_eq(missing, 0);

	for (number = 0; number < 1000; number++) {
		memset(frame, 0xee, sizeof(frame));
		at = nic_pattern_fill(&way, number, frame);
		ck_assert_uint_eq(at, nic_pattern_length(&way, number));
		ck_assert_uint_eq(frame[at], 0xee);
		ck_assert_uint_eq(nic_pattern_fill(&way, number, again), at);
		ck_assert_mem_eq(frame, again, at);
		ck_assert_int_eq(nic_pattern_check(&way, frame, at, &said, &at), NIC_RIGHT);
		ck_assert_uint_eq(said, number);
	}
}
END_TEST

/* What one machine sends another may check, of whatever byte order. */
START_TEST(same_everywhere)
{
	static const uint8_t start[] = { 0x52, 0x54, 0x00, 0x12, 0x34, 0x01, 0x52, 0x54, 0x00, 0x12,
					 0x34, 0x00, 0x88, 0xb5, 0x03, 0x00, 0x00, 0x00, 0x00, 0x00,
					 0x00, 0x00, 0x79, 0xf5, 0x38, 0x81, 0xab, 0xa0, 0x59, 0x23,
					 0x8e, 0x71, 0x83, 0x00, 0x65, 0x1a, 0x91, 0xc1, 0xa3, 0xed,
					 0xcd, 0x7f, 0x1e, 0x94, 0xc8, 0x5f };
	uint8_t frame[NIC_LONGEST];
	struct nic_way way;

	nic_way_init(&way, alice, bob, 7);
	ck_assert_uint_eq(nic_pattern_fill(&way, 3, frame), 161);
	ck_assert_mem_eq(frame, start, sizeof(start));
}
END_TEST

START_TEST(each_byte_counts)
{
	uint8_t frame[NIC_LONGEST];
	struct nic_way way;
	size_t length, i, at;
	uint64_t said;

	nic_way_init(&way, alice, bob, 7);
	for (uint64_t number = 0; number < 40; number++) {
		length = nic_pattern_fill(&way, number, frame);
		for (i = 0; i < length; i++) {
			bool type = i == 12 || i == 13;

			frame[i] ^= 0x80;
			ck_assert_int_eq(nic_pattern_check(&way, frame, length, &said, &at),
					 type ? NIC_FOREIGN : NIC_WRONG);
			/* what is wrong with the number is wrong with the length, too, mostly */
			if (!type && (i < NIC_HEADER || i >= NIC_HEADER + 8))
				ck_assert_uint_eq(at, i);
			frame[i] ^= 0x80;
		}
		ck_assert_int_eq(nic_pattern_check(&way, frame, length, &said, &at), NIC_RIGHT);
	}
}
END_TEST

START_TEST(other_frames_are_wrong)
{
	uint8_t frame[NIC_LONGEST + 1] = { 0 };
	struct nic_way way, back, other;
	size_t length, at;
	uint64_t said;

	nic_way_init(&way, alice, bob, 7);
	nic_way_init(&back, bob, alice, 7);
	nic_way_init(&other, alice, bob, 8);
	length = nic_pattern_fill(&way, 5, frame);
	ck_assert_int_eq(nic_pattern_check(&back, frame, length, &said, &at), NIC_WRONG);
	ck_assert_int_eq(nic_pattern_check(&other, frame, length, &said, &at), NIC_WRONG);
	ck_assert_int_eq(nic_pattern_check(&way, frame, length + 1, &said, &at), NIC_WRONG);
	ck_assert_uint_eq(at, length);
	ck_assert_int_eq(nic_pattern_check(&way, frame, NIC_SHORTEST - 1, &said, &at), NIC_FOREIGN);
}
END_TEST

/* ---- The driver --------------------------------------------------------------------------------- */

static volatile sig_atomic_t no_signal;
static struct nic_options options;
static struct nic_run run;
static struct iom_device *devices[2];

static void plug(uint64_t flags)
{
	rig_machine(NULL);
	rig.flags = flags;
	ck_assert_ok(rig_open(&rig.dom));
	ck_assert_ok(iom_attach(rig.dom, NVME, NULL, &devices[0]));
	ck_assert_ok(iom_attach(rig.dom, EDU, NULL, &devices[1]));
	cards_plug((const struct iom_device *const *)devices);
	options = (struct nic_options){ .seed = 7, .frames = 1000, .entries = 64, .window = 32 };
	/* The wire is as long as a call: what has not come will not. */
	run = (struct nic_run){
		.options = &options,
		.signal = &no_signal,
		.patience_ns = 1,
		.domain = rig.dom,
	};
}

static int run_to_the_end(void)
{
	int ret;

	ck_assert_ok(nic_open(&run.cards[0], rig.dom, devices[0]));
	ck_assert_ok(nic_open(&run.cards[1], rig.dom, devices[1]));
	ck_assert_ok(nic_run_prepare(&run));
	ret = nic_run(&run);
	ck_assert_ok(nic_close(&run.cards[0]));
	ck_assert_ok(nic_close(&run.cards[1]));
	nic_run_release(&run);
	ck_assert(!cards[0].master && !cards[1].master);
	/* The log says so of buffers that were not put back. */
	ck_assert_ptr_null(strstr(rig.log, "not put back"));
	return ret;
}

static void unplug(void)
{
	iom_detach(devices[0]);
	iom_detach(devices[1]);
	tear_down();
}

static const struct {
	uint32_t entries, window;
	uint64_t flags;
} shapes[] = {
	{ 8, 1, 0 },     { 8, 7, 0 },       { 64, 63, 0 },
	{ 256, 128, 0 }, { 4096, 4095, 0 }, { 64, 32, IOM_OPEN_STRICT },
};

START_TEST(all_frames_arrive)
{
	uint64_t batch;

	plug(shapes[_i].flags);
	options.entries = shapes[_i].entries;
	options.window = shapes[_i].window;
	batch = options.window < 32 ? options.window : 32;
	ck_assert_int_eq(run_to_the_end(), 0);
	for (size_t i = 0; i < ARRAY_SIZE(cards); i++) {
		ck_assert_uint_eq(run.lanes[i].sent, options.frames);
		ck_assert_uint_eq(run.lanes[i].received, options.frames);
		ck_assert_uint_eq(run.lanes[i].wrong + run.lanes[i].lost + run.lanes[i].foreign, 0);
		ck_assert_uint_eq(run.counts[i].sent, options.frames);
		ck_assert_uint_eq(run.counts[i].received, options.frames);
		ck_assert_uint_eq(run.counts[i].missed, 0);
		/* one register write for many frames */
		ck_assert_uint_le(cards[i].doorbells, (options.frames + batch - 1) / batch);
	}
	unplug();
}
END_TEST

static const struct {
	enum wire_fault fault;
	unsigned int at, byte;
	unsigned int wrong, lost, foreign;
	const char *words;
} faults[] = {
	{ WIRE_LOSES, 100, 0, 0, 1, 0, "1 frames were lost" },
	{ WIRE_LOSES, 1999, 0, 0, 1, 0, "1 frames were lost" },
	{ WIRE_FLIPS, 5, 0, 1, 0, 0, "at byte 0 of " },
	{ WIRE_FLIPS, 5, 14, 1, 0, 0, "received " },
	{ WIRE_FLIPS, 5, 59, 1, 0, 0, "at byte 59 of " },
	{ WIRE_FLIPS, 5, 13, 0, 1, 1, "1 frames were lost" },
	{ WIRE_CUTS, 700, 0, 1, 0, 0, "in place of number " },
	{ WIRE_REPEATS, 700, 0, 1, 0, 0, "received " },
	{ WIRE_SWAPS, 10, 0, 1, 1, 0, "received " },
	{ WIRE_ADDS, 10, 0, 0, 0, 1, NULL },
	{ WIRE_DAMAGES, 10, 0, 1, 1, 0, "a damaged frame" },
	{ WIRE_SPLITS, 10, 0, 1, 1, 0, "a damaged frame" },
};

START_TEST(faults_are_found)
{
	unsigned int wrong, lost, foreign;

	plug(0);
	wire.fault = faults[_i].fault;
	wire.at = faults[_i].at;
	wire.fault_byte = faults[_i].byte;
	ck_assert_int_eq(run_to_the_end(), faults[_i].words ? -EILSEQ : 0);
	wrong = (unsigned int)(run.lanes[0].wrong + run.lanes[1].wrong);
	lost = (unsigned int)(run.lanes[0].lost + run.lanes[1].lost);
	foreign = (unsigned int)(run.lanes[0].foreign + run.lanes[1].foreign);
	ck_assert_uint_eq(wrong, faults[_i].wrong);
	ck_assert_uint_eq(lost, faults[_i].lost);
	ck_assert_uint_eq(foreign, faults[_i].foreign);
	ck_assert_uint_eq(run.lanes[0].sent + run.lanes[1].sent, 2 * options.frames);
	if (faults[_i].words)
		ck_assert_ptr_nonnull(strstr(fail_sentence(), faults[_i].words));
	unplug();
}
END_TEST

START_TEST(cards_that_are_none)
{
	struct nic nic;

	plug(0);
	cards[0].id = 0x10c9;
	ck_assert_int_eq(nic_open(&nic, rig.dom, devices[0]), -ENODEV);
	ck_assert_ptr_nonnull(strstr(fail_sentence(), "it is 8086:10c9"));
	ck_assert_ok(nic_close(&nic));
	cards[0].id = NIC_82574L;
	cards[0].present = false;
	ck_assert_int_eq(nic_open(&nic, rig.dom, devices[0]), -ENODEV);
	ck_assert_ptr_nonnull(strstr(fail_sentence(), "is gone"));
	ck_assert_int_eq(nic_close(&nic), -ENODEV);
	ck_assert(!cards[0].master);
	unplug();
}
END_TEST

/* ---- The command line --------------------------------------------------------------------------- */

static const struct {
	const char *words[4];
	const char *why; /* NULL: it is well */
} lines[] = {
	{ { "--device=a", "--peer=b" }, NULL },
	{ { "--device=a" }, "--peer is needed" },
	{ { "--peer=b" }, "--device is needed" },
	{ { "--device=a", "--peer=a" }, "two cards" },
	{ { "--device=a", "--peer=b", "--ring=100" }, "no power of two" },
	{ { "--device=a", "--peer=b", "--ring=4" }, "--ring: \"4\"" },
	{ { "--device=a", "--peer=b", "--window=256" }, "not fewer than --ring" },
	{ { "--device=a", "--peer=b", "--frames=0" }, "--frames: \"0\"" },
};

START_TEST(command_line)
{
	char name[] = "nic_poll", words[4][32];
	char *argv[6] = { name };
	int argc = 1;

	for (size_t i = 0; i < ARRAY_SIZE(words) && lines[_i].words[i]; i++) {
		snprintf(words[i], sizeof(words[i]), "%s", lines[_i].words[i]);
		argv[argc++] = words[i];
	}
	if (lines[_i].why) {
		ck_assert_int_eq(nic_options_parse(argc, argv, &options), ARGS_BAD);
		ck_assert_ptr_nonnull(strstr(fail_sentence(), lines[_i].why));
		return;
	}
	ck_assert_int_eq(nic_options_parse(argc, argv, &options), ARGS_RUN);
	ck_assert_uint_eq(options.window, options.entries / 2);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("nic_example");
	TCase *tc;

	tc = tcase_create("frames");
	tcase_add_test(tc, lengths_and_contents);
	tcase_add_test(tc, same_everywhere);
	tcase_add_test(tc, each_byte_counts);
	tcase_add_test(tc, other_frames_are_wrong);
	suite_add_tcase(suite, tc);

	tc = tcase_create("driver");
	tcase_add_loop_test(tc, all_frames_arrive, 0, ARRAY_SIZE(shapes));
	tcase_add_loop_test(tc, faults_are_found, 0, ARRAY_SIZE(faults));
	tcase_add_test(tc, cards_that_are_none);
	suite_add_tcase(suite, tc);

	tc = tcase_create("command line");
	tcase_add_loop_test(tc, command_line, 0, ARRAY_SIZE(lines));
	suite_add_tcase(suite, tc);

	return run_suite(suite);
}
