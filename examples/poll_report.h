/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What nvme_poll says on standard output.
 */
#ifndef POLL_REPORT_H
#define POLL_REPORT_H

#include <stdbool.h>

#include "poll_run.h"

/* The library's choice and its reasons, and the drive, once it is open. */
void poll_report_backend(const struct iom_domain *domain);
void poll_report_drive(const struct nvme_ctrl *ctrl, const char *address);
void poll_report_run(const struct poll_run *run);

/* For poll_run.progress: a line each second, that overwrites itself on a terminal. */
void poll_report_progress(const struct poll_run *run, bool filling);

/* signal is its number, or 0 if none came. */
void poll_report_summary(const struct poll_run *run, int signal);

#endif /* POLL_REPORT_H */
