// SPDX-License-Identifier: BSD-3-Clause
/*
 * vmm_replay: what a VMM does with an IOMMU, through libiommu: guest RAM at guest physical
 * addresses, and the requests of a virtual IOMMU; and how many of these there are in a second,
 * beside the kernel's calls.
 *
 * Here is the order of things; vmm_space.h is how a VMM uses the library.
 */
#include <err.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <libiommu.h>

#include "edu.h"
#include "sentence.h"
#include "vmm_options.h"
#include "vmm_proof.h"
#include "vmm_raw.h"
#include "vmm_report.h"
#include "vmm_space.h"
#include "vmm_stream.h"

#define EXIT_USAGE 2

struct run {
	const struct vmm_options *options;
	struct vmm_ram ram;
	struct vmm_stream
		stream; /* made in the first round, when it is known how much RAM there is */
	struct vmm_raw_plan plan;
	struct vmm_times library;
	struct vmm_times raw;
};

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

/* ---- Through the library --------------------------------------------------------------------- */

static int make_stream(struct run *run, const struct vmm_space *space)
{
	const struct vmm_stream_config config = {
		.seed = run->options->seed,
		.requests = run->options->requests,
		.live = run->options->live,
		.page = run->options->page,
		.window = run->options->window,
		.ram = space->placed,
	};

	return vmm_stream_make(&config, &run->stream);
}

static int prove(const struct run *run, const struct vmm_space *space, struct iom_device *device)
{
	struct vmm_proof proof;
	struct edu edu;
	int ret;

	ret = edu_open(&edu, iom_device_fd(device));
	if (ret < 0)
		return fail(ret, "%s is not an edu device of QEMU, or does not answer: %s",
			    iom_device_address(device), strerror(-ret));
	ret = vmm_prove(space, &run->stream, &edu, &proof);
	edu_close(&edu);
	if (!ret)
		vmm_report_proof(&proof);
	return ret;
}

/* What is done once: nothing of it is measured. */
static int first_round(struct run *run, const struct vmm_space *space, struct iom_device *device)
{
	int ret;

	vmm_report_space(space);
	ret = make_stream(run, space);
	if (ret < 0)
		return ret;
	vmm_report_stream(&run->stream, run->options);
	ret = prove(run, space, device);
	if (ret < 0)
		return ret;
	return vmm_raw_plan(&run->plan, space, iom_device_address(device));
}

static int replay_library(const struct run *run, const struct vmm_space *space)
{
	int ret;

	for (size_t i = 0; i < run->stream.count; i++) {
		ret = vmm_space_request(space, &run->stream.requests[i]);
		if (ret < 0)
			return fail(ret, "%s", iom_errmsg());
	}
	return 0;
}

/*
 * Twice, here and by raw calls: a VMM runs for days, so the first time, when tables are made that
 * the kernel and the library then keep, does not count.
 */
static int measure_library(struct run *run, const struct vmm_space *space)
{
	uint64_t started;
	int ret;

	ret = replay_library(run, space);
	if (ret < 0)
		return ret;
	started = now_ns();
	ret = replay_library(run, space);
	if (ret < 0)
		return ret;
	run->library.ns[run->library.count++] = now_ns() - started;
	return 0;
}

static int use_device(struct run *run, struct iom_domain *domain, struct iom_device *device)
{
	struct vmm_space space;
	char why[512];
	int ret;

	ret = vmm_space_open(&space, domain, &run->ram, run->options);
	if (!ret && !run->library.count)
		ret = first_round(run, &space, device);
	if (!ret)
		ret = measure_library(run, &space);
	if (!ret)
		return vmm_space_close(&space);

	/* The first failure is the one to tell of; iom_close() ends what is left. */
	snprintf(why, sizeof(why), "%s", fail_sentence());
	vmm_space_close(&space);
	return fail(ret, "%s", why);
}

static int library_round(struct run *run)
{
	const struct iom_open_opts open_options = {
		.size = sizeof(open_options),
		.backend = run->options->backend,
	};
	const struct iom_attach_opts attach_options = {
		.size = sizeof(attach_options),
		.dma_bits = run->options->dma_bits,
	};
	struct iom_device *device;
	struct iom_domain *domain;
	int ret;

	ret = iom_open(&domain, &open_options);
	if (ret < 0)
		return fail(ret, "%s", iom_errmsg());
	ret = iom_attach(domain, run->options->device, &attach_options, &device);
	if (ret < 0) {
		fail(ret, "%s", iom_errmsg());
	} else {
		ret = use_device(run, domain, device);
		iom_detach(device);
	}
	iom_close(domain);
	return ret;
}

/* ---- Without it ------------------------------------------------------------------------------ */

static int replay_raw(const struct run *run, const struct vmm_raw *raw)
{
	for (size_t i = 0; i < run->stream.count; i++)
		if (vmm_raw_request(raw, &run->stream.requests[i]) < 0)
			return fail(-EIO, "raw: the kernel refuses request %zu: %s", i,
				    strerror(errno));
	return 0;
}

static int measure_raw(struct run *run, const struct vmm_raw *raw)
{
	uint64_t started;
	int ret;

	ret = replay_raw(run, raw);
	if (ret < 0)
		return ret;
	started = now_ns();
	ret = replay_raw(run, raw);
	if (ret < 0)
		return ret;
	run->raw.ns[run->raw.count++] = now_ns() - started;
	return 0;
}

static int raw_round(struct run *run)
{
	struct vmm_raw raw;
	int ret;

	ret = vmm_raw_open(&raw, &run->plan);
	if (ret < 0)
		return ret;
	ret = measure_raw(run, &raw);
	vmm_raw_close(&raw);
	return ret;
}

/* ---- Both ------------------------------------------------------------------------------------ */

/*
 * Taking turns, so that what else the machine does meets both.  One device has one owner: each
 * round opens it anew.
 */
static int run_rounds(struct run *run)
{
	int ret;

	for (uint64_t i = 0; i < run->options->rounds; i++) {
		ret = library_round(run);
		if (!ret && !run->options->no_raw)
			ret = raw_round(run);
		if (ret < 0)
			return ret;
	}
	vmm_report_rates(run->plan.backend, run->stream.count, &run->library, &run->raw);
	return 0;
}

static int replay(const struct vmm_options *options)
{
	struct run run = { .options = options };
	int ret;

	ret = vmm_ram_open(&run.ram, options);
	if (ret < 0)
		return ret;
	ret = run_rounds(&run);
	vmm_stream_free(&run.stream);
	vmm_ram_close(&run.ram);
	return ret;
}

static int complain(int status)
{
	warnx("%s", fail_sentence());
	return status;
}

int main(int argc, char **argv)
{
	struct vmm_options options;
	int status = EXIT_SUCCESS;
	int ret;

	switch (vmm_options_parse(argc, argv, &options)) {
	case ARGS_HELP:
		fputs(vmm_help, stdout);
		break;
	case ARGS_VERSION:
		printf("vmm_replay, libiommu %s\n", iom_version());
		break;
	case ARGS_BAD:
		return complain(EXIT_USAGE);
	case ARGS_RUN:
		ret = replay(&options);
		if (ret < 0)
			status = complain(ret == -EINVAL ? EXIT_USAGE : EXIT_FAILURE);
		vmm_report_verdict(ret);
		break;
	}
	/* Lost words are a failure. */
	return vmm_report_close() < 0 ? complain(EXIT_FAILURE) : status;
}
