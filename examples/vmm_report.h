/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * vmm_replay's words on standard output.
 */
#ifndef VMM_REPORT_H
#define VMM_REPORT_H

#include <stddef.h>
#include <stdint.h>

#include "vmm_options.h"
#include "vmm_proof.h"
#include "vmm_space.h"
#include "vmm_stream.h"

#define VMM_MAX_ROUNDS 99

/* How long each round took, of the same requests. */
struct vmm_times {
	uint64_t ns[VMM_MAX_ROUNDS];
	size_t count;
};

/* Requests a second. */
struct vmm_rate {
	double median;
	double least;
	double most;
};

/* Of one round or more. */
struct vmm_rate vmm_rate(const struct vmm_times *times, size_t requests);

void vmm_report_space(const struct vmm_space *space);
void vmm_report_stream(const struct vmm_stream *stream, const struct vmm_options *options);
void vmm_report_proof(const struct vmm_proof *proof);

/* raw: of no rounds if there were none. */
void vmm_report_rates(const char *backend, size_t requests, const struct vmm_times *library,
		      const struct vmm_times *raw);

/* The last line. */
void vmm_report_verdict(int error);

/* Whether all of it was written; -EIO and a sentence if not. */
int vmm_report_close(void);

#endif /* VMM_REPORT_H */
