// SPDX-License-Identifier: BSD-3-Clause
/* The parts of the VMM example that need no device. */
#include "examples/sentence.h"
#include "examples/vmm_layout.h"
#include "examples/vmm_options.h"
#include "examples/vmm_report.h"
#include "examples/vmm_stream.h"
#include "tests/unit/runner.h"
#include "tests/unit/util.h"

/* ---- Where RAM can be ------------------------------------------------------------------------ */

#define PARTS 4

struct layout_case {
	const char *what;
	struct iom_aperture apertures[4];
	int n;
	uint64_t start, last, length, unit;
	int max;
	struct vmm_range expected[PARTS];
	int expected_n;
};

static const struct layout_case layouts[] = {
	{ "all in one",
	  { { 0, UINT64_MAX, 0, 0 } },
	  1,
	  0,
	  3 * GIB - 1,
	  GIB,
	  2 * MIB,
	  PARTS,
	  { { 0, GIB } },
	  1 },
	{ "around a hole",
	  { { 0, 0x7fffff, 0, 0 }, { 0x900000, GIB - 1, 0, 0 } },
	  2,
	  0,
	  GIB - 1,
	  16 * MIB,
	  2 * MIB,
	  PARTS,
	  { { 0, 8 * MIB }, { 10 * MIB, 8 * MIB } },
	  2 },
	{ "the hole ends the unit before",
	  { { 0, 0x6fffff, 0, 0 } },
	  1,
	  0,
	  GIB - 1,
	  16 * MIB,
	  2 * MIB,
	  PARTS,
	  { { 0, 6 * MIB } },
	  1 },
	{ "up to a last address",
	  { { 0, GIB - 1, 0, 0 } },
	  1,
	  0,
	  8 * MIB - 1,
	  16 * MIB,
	  2 * MIB,
	  PARTS,
	  { { 0, 8 * MIB } },
	  1 },
	{ "from a start on",
	  { { 0, 8 * GIB - 1, 0, 0 } },
	  1,
	  4 * GIB,
	  64 * GIB,
	  8 * GIB,
	  2 * MIB,
	  PARTS,
	  { { 4 * GIB, 4 * GIB } },
	  1 },
	{ "apertures that touch are one",
	  { { 0, GIB - 1, 0, 0 }, { GIB, 2 * GIB - 1, 0, 0 } },
	  2,
	  0,
	  3 * GIB,
	  2 * GIB,
	  2 * MIB,
	  PARTS,
	  { { 0, 2 * GIB } },
	  1 },
	{ "none is there",
	  { { 0, GIB - 1, 0, 0 } },
	  1,
	  4 * GIB,
	  64 * GIB,
	  GIB,
	  2 * MIB,
	  PARTS,
	  { { 0, 0 } },
	  0 },
	{ "less than a unit",
	  { { 4096, 2 * MIB + 4095, 0, 0 } },
	  1,
	  0,
	  GIB,
	  4 * MIB,
	  2 * MIB,
	  PARTS,
	  { { 0, 0 } },
	  0 },
	{ "the last bytes of all",
	  { { UINT64_MAX - 4 * MIB + 1, UINT64_MAX, 0, 0 } },
	  1,
	  0,
	  UINT64_MAX,
	  16 * MIB,
	  2 * MIB,
	  PARTS,
	  { { UINT64_MAX - 4 * MIB + 1, 4 * MIB } },
	  1 },
	{ "nearly the last bytes",
	  { { UINT64_MAX - 100, UINT64_MAX, 0, 0 } },
	  1,
	  0,
	  UINT64_MAX,
	  16 * MIB,
	  2 * MIB,
	  PARTS,
	  { { 0, 0 } },
	  0 },
	{ "no more than asked for",
	  { { 0, 2 * MIB - 1, 0, 0 }, { 4 * MIB, GIB, 0, 0 } },
	  2,
	  0,
	  GIB,
	  16 * MIB,
	  2 * MIB,
	  1,
	  { { 0, 2 * MIB } },
	  1 },
	{ "the last address is below the start",
	  { { 0, UINT64_MAX, 0, 0 } },
	  1,
	  4 * GIB,
	  0xfffffff,
	  GIB,
	  2 * MIB,
	  PARTS,
	  { { 0, 0 } },
	  0 },
};

START_TEST(layout_places)
{
	const struct layout_case *c = &layouts[_i];
	struct vmm_range parts[PARTS];
	int n;

	n = vmm_layout_place(c->apertures, c->n, c->start, c->last, c->length, c->unit, parts,
			     c->max);
	ck_assert_msg(n == c->expected_n, "%s: %d parts", c->what, n);
	for (int i = 0; i < n; i++) {
		ck_assert_msg(parts[i].start == c->expected[i].start, "%s: part %d at 0x%" PRIx64,
			      c->what, i, parts[i].start);
		ck_assert_msg(parts[i].length == c->expected[i].length,
			      "%s: part %d has 0x%" PRIx64, c->what, i, parts[i].length);
	}
}
END_TEST

/* ---- Requests -------------------------------------------------------------------------------- */

static const struct vmm_stream_config configs[] = {
	{ 1, 20000, 256, 4096, 16 * MIB, 64 * MIB },
	{ 2, 20001, 256, 65536, 64 * MIB, 64 * MIB },
	/* IOVAs are scarce: one run of 16 pages is all that there is */
	{ 3, 5000, 100, 131072, 2 * MIB, 4 * MIB },
	{ 4, 5000, 20, 4096, 2 * MIB + 4096, 4 * MIB },
	{ 5, 2, 1, 4096, 2 * MIB, 4 * MIB },
	{ 6, 1001, 1, 4096, 2 * MIB, 4 * MIB },
	{ 7, 100, 1000, 4096, 2 * MIB, 4 * MIB },
};

/* What lies where in the window: for each page, the request that has mapped it, or 0. */
struct model {
	const struct vmm_stream_config *config;
	size_t *pages;
	uint64_t live;
};

static void check_map(struct model *model, const struct vmm_request *request, size_t number)
{
	const struct vmm_stream_config *config = model->config;
	uint64_t pages = request->length / config->page;

	ck_assert_uint_eq(request->length % config->page, 0);
	ck_assert_uint_ge(pages, 1);
	ck_assert_uint_le(pages, VMM_MAX_RUN);
	ck_assert_uint_eq(pages & (pages - 1), 0);
	ck_assert_uint_eq(request->iova % request->length, 0);
	ck_assert_uint_eq(request->ram % request->length, 0);
	ck_assert_uint_le(request->iova + request->length, config->window);
	ck_assert_uint_le(request->ram + request->length, config->ram);
	ck_assert_uint_eq(request->flags & ~IOM_MAP_RW, 0);
	for (uint64_t i = 0; i < pages; i++) {
		ck_assert_uint_eq(model->pages[request->iova / config->page + i], 0);
		model->pages[request->iova / config->page + i] = number;
	}
	ck_assert_uint_le(++model->live, config->live);
}

static void check_unmap(struct model *model, const struct vmm_request *request,
			const struct vmm_stream *stream)
{
	size_t *first = &model->pages[request->iova / model->config->page];
	const struct vmm_request *map;

	ck_assert_uint_ne(*first, 0);
	map = &stream->requests[*first - 1];
	ck_assert_uint_eq(map->iova, request->iova);
	ck_assert_uint_eq(map->length, request->length);
	ck_assert_uint_eq(map->ram, request->ram);
	memset(first, 0, request->length / model->config->page * sizeof(*first));
	model->live--;
}

/*
 * Nothing is mapped over something else, all that is unmapped was mapped so, and nothing remains.
 */
START_TEST(stream_is_sound)
{
	const struct vmm_stream_config *config = &configs[_i];
	struct model model = { .config = config };
	struct vmm_stream stream;
	size_t maps = 0;

	model.pages = calloc(config->window / config->page, sizeof(*model.pages));
	ck_assert_int_eq(vmm_stream_make(config, &stream), 0);
	ck_assert_uint_eq(stream.count, (config->requests + 1) & ~UINT64_C(1));
	for (size_t i = 0; i < stream.count; i++) {
		if (stream.requests[i].flags) {
			check_map(&model, &stream.requests[i], i + 1);
			maps++;
		} else {
			check_unmap(&model, &stream.requests[i], &stream);
		}
	}
	ck_assert_uint_eq(model.live, 0);
	ck_assert_uint_eq(maps, stream.maps);
	ck_assert_uint_eq(maps, stream.count / 2);
	vmm_stream_free(&stream);
	ck_assert_ptr_null(stream.requests);
	free(model.pages);
}
END_TEST

START_TEST(stream_is_a_guests)
{
	struct vmm_stream stream;
	size_t single = 0, both = 0, again = 0;
	uint64_t lowest = UINT64_MAX;

	ck_assert_int_eq(vmm_stream_make(&configs[0], &stream), 0);
	for (size_t i = 0; i < stream.count; i++) {
		const struct vmm_request *request = &stream.requests[i];

		if (!request->flags)
			continue;
		single += request->length == 4096;
		both += request->flags == IOM_MAP_RW;
		/* what was given back last is taken first */
		again += i && stream.requests[i - 1].iova == request->iova;
		if (request->iova < lowest)
			lowest = request->iova;
	}
	ck_assert_uint_gt(single, stream.maps * 3 / 4);
	ck_assert_uint_lt(single, stream.maps * 7 / 8);
	ck_assert_uint_gt(both, stream.maps / 16);
	ck_assert_uint_lt(both, stream.maps / 4);
	ck_assert_uint_gt(again, stream.maps / 4);
	/* from the end of the window downwards, and no further than needed */
	ck_assert_uint_gt(lowest, 8 * MIB);
	vmm_stream_free(&stream);
}
END_TEST

START_TEST(stream_depends_on_the_seed_alone)
{
	struct vmm_stream_config other = configs[0];
	struct vmm_stream a, b, c;

	other.seed++;
	ck_assert_int_eq(vmm_stream_make(&configs[0], &a), 0);
	ck_assert_int_eq(vmm_stream_make(&configs[0], &b), 0);
	ck_assert_int_eq(vmm_stream_make(&other, &c), 0);
	ck_assert_mem_eq(a.requests, b.requests, a.count * sizeof(*a.requests));
	ck_assert_mem_ne(a.requests, c.requests, a.count * sizeof(*a.requests));
	vmm_stream_free(&a);
	vmm_stream_free(&b);
	vmm_stream_free(&c);
}
END_TEST

/* ---- Figures --------------------------------------------------------------------------------- */

START_TEST(rates)
{
	struct vmm_times times = { .ns = { 4000, 1000, 2000 }, .count = 3 };
	struct vmm_rate rate = vmm_rate(&times, 8);

	ck_assert_double_eq(rate.median, 4e6);
	ck_assert_double_eq(rate.least, 2e6);
	ck_assert_double_eq(rate.most, 8e6);

	times.count = 2;
	rate = vmm_rate(&times, 5);
	ck_assert_double_eq(rate.median, 2e6);
	times.count = 1;
	rate = vmm_rate(&times, 4);
	ck_assert_double_eq(rate.median, 1e6);
	ck_assert_double_eq(rate.least, 1e6);
	ck_assert_double_eq(rate.most, 1e6);
}
END_TEST

/* ---- The command line ------------------------------------------------------------------------ */

static enum args_result parse(struct vmm_options *options, const char *words)
{
	static char copy[256];
	char *argv[32] = { (char *)"vmm_replay" };
	int argc = 1;

	snprintf(copy, sizeof(copy), "%s", words);
	for (char *word = strtok(copy, " "); word; word = strtok(NULL, " "))
		argv[argc++] = word;
	return vmm_options_parse(argc, argv, options);
}

START_TEST(options_good)
{
	struct vmm_options options;

	ck_assert_int_eq(parse(&options, "--device 0000:01:00.0"), ARGS_RUN);
	ck_assert_str_eq(options.device, "0000:01:00.0");
	ck_assert_ptr_null(options.backend);
	ck_assert_uint_eq(options.page, 4096);
	ck_assert_uint_eq(options.low, 3 * GIB);
	ck_assert_uint_eq(options.dma_bits, 28);
	ck_assert(!options.no_raw && !options.huge && !options.window_fixed);

	ck_assert_int_eq(parse(&options,
			       "--device x --ram 1g --low 16m --page 64k --window 0x8000000+2m "
			       "--backend type1 --huge --no-raw --dma-bits 64"),
			 ARGS_RUN);
	ck_assert_uint_eq(options.ram, GIB);
	ck_assert_uint_eq(options.low, 16 * MIB);
	ck_assert_uint_eq(options.page, 65536);
	ck_assert_uint_eq(options.window, 2 * MIB);
	ck_assert_uint_eq(options.window_start, 0x8000000);
	ck_assert_str_eq(options.backend, "type1");
	ck_assert(options.huge && options.window_fixed && options.no_raw);
	ck_assert_uint_eq(options.dma_bits, 64);

	ck_assert_int_eq(parse(&options,
			       "--device x --window 1g+32m --requests 7 --live 3 --rounds 2 "
			       "--seed 9"),
			 ARGS_RUN);
	ck_assert_uint_eq(options.window_start, GIB);
	ck_assert_uint_eq(options.requests, 7);
	ck_assert_uint_eq(options.live, 3);
	ck_assert_uint_eq(options.rounds, 2);
	ck_assert_uint_eq(options.seed, 9);

	ck_assert_int_eq(parse(&options, "--help --nonsense"), ARGS_HELP);
	ck_assert_int_eq(parse(&options, "--version"), ARGS_VERSION);
}
END_TEST

/* The sentence names the option, and the value if there is one. */
START_TEST(options_bad)
{
	static const char *const cases[][3] = {
		{ "", "--device", "" },
		{ "--device", "--device", "value" },
		{ "--device x --ram 3m", "--ram", "3m" },
		{ "--device x --ram 2m", "--ram", "2m" },
		{ "--device x --ram 64q", "--ram", "64q" },
		{ "--device x --ram -4m", "--ram", "-4m" },
		{ "--device x --ram 18446744073709551615k", "--ram", "size" },
		{ "--device x --low 5g", "--low", "5g" },
		{ "--device x --low 0", "--low", "\"0\"" },
		{ "--device x --page 2k", "--page", "2k" },
		{ "--device x --page 12k", "--page", "power of two" },
		{ "--device x --page 256k", "--page", "256k" },
		{ "--device x --window 1m", "--window", "1m" },
		{ "--device x --window +2m", "--window", "+2m" },
		{ "--device x --window 1g+", "--window", "size" },
		{ "--device x --window 1x+2m", "--window", "1x+2m" },
		{ "--device x --window 2052k --page 64k", "--window", "64 KiB" },
		{ "--device x --window 4k+2m --page 64k", "--window", "64 KiB" },
		{ "--device x --requests 1", "--requests", "\"1\"" },
		{ "--device x --live 0", "--live", "\"0\"" },
		{ "--device x --rounds 100", "--rounds", "100" },
		{ "--device x --seed 1k", "--seed", "1k" },
		{ "--device x --dma-bits 11", "--dma-bits", "11" },
		{ "--device x extra", "extra", "vmm_replay takes options only" },
	};
	struct vmm_options options;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		ck_assert_msg(parse(&options, cases[i][0]) == ARGS_BAD, "%s", cases[i][0]);
		ck_assert_msg(strstr(fail_sentence(), cases[i][1]) &&
				      strstr(fail_sentence(), cases[i][2]),
			      "%s: %s", cases[i][0], fail_sentence());
		ck_assert_ptr_null(strchr(fail_sentence(), '\n'));
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("vmm_example");
	TCase *layout = tcase_create("layout");
	TCase *stream = tcase_create("stream");
	TCase *options = tcase_create("options");

	tcase_add_loop_test(layout, layout_places, 0, ARRAY_SIZE(layouts));
	tcase_add_loop_test(stream, stream_is_sound, 0, ARRAY_SIZE(configs));
	tcase_add_test(stream, stream_is_a_guests);
	tcase_add_test(stream, stream_depends_on_the_seed_alone);
	tcase_add_test(stream, rates);
	tcase_add_test(options, options_good);
	tcase_add_test(options, options_bad);
	suite_add_tcase(suite, layout);
	suite_add_tcase(suite, stream);
	suite_add_tcase(suite, options);
	return run_suite(suite);
}
