// SPDX-License-Identifier: BSD-3-Clause
/*
 * nvme_poll: write, read back and verify data on an NVMe drive from user space, through libiommu.
 *
 * Here is how a driver uses the library; nvme.h is the driver, poll_run.h the work that it is given.
 */
#include <stdio.h>
#include <stdlib.h>

#include <libiommu.h>

#include "nvme.h"
#include "poll_options.h"
#include "poll_report.h"
#include "poll_run.h"
#include "program.h"

/* With the drive open: the rest of its life. */
static int use_drive(struct nvme_ctrl *ctrl, struct dma_space *space, struct poll_options *options,
		     struct poll_run *run)
{
	int ret;

	ret = poll_run_fit(run, options, ctrl);
	if (ret < 0)
		return program_complain(EXIT_USAGE);
	ret = nvme_create_queues(ctrl, options->queues, options->depth, options->block);
	if (ret < 0)
		return program_complain(EXIT_FAILURE);
	ret = poll_run_prepare(run, ctrl, space);
	if (ret < 0)
		return program_complain(EXIT_FAILURE);

	run->signal = &program_signal;
	if (!options->quiet) {
		run->progress = poll_report_progress;
		poll_report_run(run);
	}
	ret = poll_run(run);
	poll_report_summary(run, program_signal);
	return ret < 0 ? program_complain(EXIT_FAILURE) : EXIT_SUCCESS;
}

/* With the device attached.  The drive stops before the memory that it may use goes. */
static int run_drive(struct iom_domain *domain, struct iom_device *device,
		     struct poll_options *options)
{
	struct poll_run run = { 0 };
	struct dma_space space;
	struct nvme_ctrl ctrl;
	int status;

	dma_space_init(&space, domain);
	if (!options->quiet)
		poll_report_backend(domain);

	if (nvme_open(&ctrl, &space, iom_device_fd(device)) < 0) {
		status = program_complain(EXIT_FAILURE);
	} else {
		if (!options->quiet)
			poll_report_drive(&ctrl, iom_device_address(device));
		status = use_drive(&ctrl, &space, options, &run);
	}

	if (nvme_close(&ctrl) < 0 && status == EXIT_SUCCESS)
		status = program_complain(EXIT_FAILURE);
	if (poll_run_release(&run) < 0)
		status = program_complain(EXIT_FAILURE);
	return status;
}

static int attach_and_run(struct poll_options *options)
{
	struct iom_open_opts open_options = {
		.size = sizeof(open_options),
		.backend = options->backend,
		.expect_bytes = options->expect_bytes,
		.expect_page = options->expect_page,
		.flags = options->strict ? IOM_OPEN_STRICT : 0,
		.log = options->strict ? program_warn : NULL,
	};
	struct iom_attach_opts attach_options = {
		.size = sizeof(attach_options),
		.dma_bits = options->dma_bits,
	};
	struct iom_device *device;
	struct iom_domain *domain;
	int ret, status;

	ret = iom_open(&domain, &open_options);
	if (ret < 0)
		return program_refuse(ret);
	ret = iom_attach(domain, options->device, &attach_options, &device);
	if (ret < 0) {
		status = program_refuse(ret);
		iom_close(domain);
		return status;
	}

	status = run_drive(domain, device, options);
	iom_detach(device);
	iom_close(domain);
	return status;
}

int main(int argc, char **argv)
{
	struct poll_options options;
	int status;

	program_occupy_descriptors();
	switch (poll_options_parse(argc, argv, &options)) {
	case ARGS_HELP:
		fputs(poll_help, stdout);
		return program_close_output();
	case ARGS_VERSION:
		printf("nvme_poll, libiommu %s\n", iom_version());
		return program_close_output();
	case ARGS_BAD:
		return program_complain(EXIT_USAGE);
	case ARGS_RUN:
		break;
	}

	program_catch_signals();
	status = attach_and_run(&options);
	if (status == EXIT_SUCCESS)
		status = program_close_output();
	return status == EXIT_SUCCESS && program_signal ? EXIT_SIGNAL + program_signal : status;
}
