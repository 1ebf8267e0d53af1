// SPDX-License-Identifier: BSD-3-Clause
/*
 * Command lines of the examples: nvme_poll, nic_poll and vmm_replay.  The first word of the input
 * chooses the program, and each line after it is an argument.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "examples/nic_options.h"
#include "examples/poll_options.h"
#include "examples/sentence.h"
#include "examples/vmm_options.h"
#include "fuzz.h"

const char fuzz_target[] = "options";

#define MOST_ARGUMENTS 32
#define UNSAID "nothing was said"

static enum args_result nvme_poll(int argc, char **argv)
{
	struct poll_options o;
	enum args_result result = poll_options_parse(argc, argv, &o);

	if (result != ARGS_RUN)
		return result;
	fuzz_holds(o.device && o.mode <= POLL_VERIFY && o.memory <= POLL_DECLARED);
	fuzz_holds(o.depth && o.queues);
	fuzz_holds(o.block >= 512 && !(o.span % o.block));
	fuzz_holds(o.offset <= INT64_MAX && o.span <= INT64_MAX);
	fuzz_holds(!o.dma_bits || (o.dma_bits >= 12 && o.dma_bits <= 64));
	return result;
}

static enum args_result nic_poll(int argc, char **argv)
{
	struct nic_options o;
	enum args_result result = nic_options_parse(argc, argv, &o);

	if (result != ARGS_RUN)
		return result;
	fuzz_holds(o.device && o.peer);
	fuzz_holds(o.entries && !(o.entries % 8) && o.window && o.window < o.entries);
	fuzz_holds(o.frames);
	return result;
}

static enum args_result vmm_replay(int argc, char **argv)
{
	struct vmm_options o;
	enum args_result result = vmm_options_parse(argc, argv, &o);

	if (result != ARGS_RUN)
		return result;
	fuzz_holds(o.device);
	fuzz_holds(o.page >= 4096 && !(o.page & (o.page - 1)));
	fuzz_holds(o.window && !(o.window % o.page) && !(o.window_start % o.page));
	fuzz_holds(o.window_fixed || !o.window_start);
	fuzz_holds(o.ram && !(o.ram % VMM_UNIT) && o.low && !(o.low % VMM_UNIT));
	fuzz_holds(o.live && o.rounds && o.requests > 1);
	return result;
}

static const struct {
	char *name;
	enum args_result (*parse)(int argc, char **argv);
} programs[] = {
	{ (char *)"nvme_poll", nvme_poll },
	{ (char *)"nic_poll", nic_poll },
	{ (char *)"vmm_replay", vmm_replay },
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	char *text = calloc(n + 1, 1), *rest = text, *word, *argv[MOST_ARGUMENTS + 1] = { 0 };
	size_t program = 0;
	int argc = 1;

	fuzz_holds(text);
	memcpy(text, data, n);
	word = strsep(&rest, "\n");
	while (program < 2 && strcmp(programs[program].name, word))
		program++;
	argv[0] = programs[program].name;
	while (argc < MOST_ARGUMENTS && (word = strsep(&rest, "\n")))
		if (rest || *word)
			argv[argc++] = word;
	fail(0, "%s", UNSAID);
	if (programs[program].parse(argc, argv) == ARGS_BAD)
		fuzz_holds(*fail_sentence() && strcmp(fail_sentence(), UNSAID));
	free(text);
	return 0;
}
