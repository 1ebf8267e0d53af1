/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What nic_poll prints.
 */
#ifndef NIC_REPORT_H
#define NIC_REPORT_H

#include "nic_run.h"

/* Before the run: the cards, the buffers, what will be done. */
void nic_report_run(const struct nic_run *run);
void nic_report_progress(const struct nic_run *run);
void nic_report_summary(const struct nic_run *run, int signal);

#endif /* NIC_REPORT_H */
