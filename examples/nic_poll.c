// SPDX-License-Identifier: BSD-3-Clause
/*
 * nic_poll: send frames between two network cards from user space, through libiommu, and check them.
 *
 * Here are the library's domain and its two devices; nic.h is the driver, nic_run.h the work that it is
 * given.
 */
#include <stdio.h>
#include <stdlib.h>

#include <libiommu.h>

#include "nic.h"
#include "nic_options.h"
#include "nic_report.h"
#include "nic_run.h"
#include "program.h"

#define PATIENCE_NS UINT64_C(60000000000)

/* With the cards open. */
static int use_cards(struct nic_run *run)
{
	int ret;

	ret = nic_run_prepare(run);
	if (ret < 0)
		return program_complain(EXIT_FAILURE);
	if (!run->options->quiet) {
		run->progress = nic_report_progress;
		nic_report_run(run);
	}
	ret = nic_run(run);
	nic_report_summary(run, program_signal);
	return ret < 0 ? program_complain(EXIT_FAILURE) : EXIT_SUCCESS;
}

/* With both devices attached.  The cards stop before the memory that they may use goes. */
static int run_cards(struct nic_run *run, struct iom_device *const *devices)
{
	int status = EXIT_SUCCESS;

	for (unsigned int i = 0; i < NIC_CARDS && !status; i++)
		if (nic_open(&run->cards[i], run->domain, devices[i]) < 0)
			status = program_complain(EXIT_FAILURE);
	if (!status)
		status = use_cards(run);
	for (unsigned int i = 0; i < NIC_CARDS; i++)
		if (nic_close(&run->cards[i]) < 0 && !status)
			status = program_complain(EXIT_FAILURE);
	nic_run_release(run);
	return status;
}

/* Both in one domain: a buffer has the same IOVA for either. */
static int attach_and_run(struct nic_run *run)
{
	const char *const addresses[NIC_CARDS] = { run->options->device, run->options->peer };
	struct iom_device *devices[NIC_CARDS];
	int attached = 0, status = EXIT_SUCCESS;
	int ret;

	while (attached < NIC_CARDS && !status) {
		ret = iom_attach(run->domain, addresses[attached], NULL, &devices[attached]);
		if (ret < 0)
			status = program_refuse(ret);
		else
			attached++;
	}
	if (!status) {
		if (!run->options->quiet)
			printf("backend    %s\n", iom_backend(run->domain));
		status = run_cards(run, devices);
	}
	while (attached-- > 0)
		iom_detach(devices[attached]);
	return status;
}

static int open_and_run(const struct nic_options *options)
{
	const struct iom_open_opts open_options = {
		.size = sizeof(open_options),
		.backend = options->backend,
		.flags = options->strict ? IOM_OPEN_STRICT : 0,
		.log = options->strict ? program_warn : NULL,
	};
	struct nic_run run = {
		.options = options,
		.signal = &program_signal,
		.patience_ns = PATIENCE_NS,
	};
	int ret, status;

	ret = iom_open(&run.domain, &open_options);
	if (ret < 0)
		return program_refuse(ret);
	status = attach_and_run(&run);
	iom_close(run.domain);
	return status;
}

int main(int argc, char **argv)
{
	struct nic_options options;
	int status;

	program_occupy_descriptors();
	switch (nic_options_parse(argc, argv, &options)) {
	case ARGS_HELP:
		fputs(nic_help, stdout);
		return program_close_output();
	case ARGS_VERSION:
		printf("nic_poll, libiommu %s\n", iom_version());
		return program_close_output();
	case ARGS_BAD:
		return program_complain(EXIT_USAGE);
	case ARGS_RUN:
		break;
	}

	program_catch_signals();
	status = open_and_run(&options);
	if (status == EXIT_SUCCESS)
		status = program_close_output();
	return status == EXIT_SUCCESS && program_signal ? EXIT_SIGNAL + program_signal : status;
}
