/* SPDX-License-Identifier: BSD-3-Clause */
/* A domain's messages: to the caller's callback, and to stderr where LIBIOMMU_LOG asks. */
#ifndef IOM_LOG_H
#define IOM_LOG_H

#include "libiommu.h"

struct iom_log {
	void (*callback)(void *arg, int level, const char *message);
	void *arg;
	int stderr_level; /* 0: nothing goes to stderr */
};

/* Reads LIBIOMMU_LOG, unless the program is set-uid; a word that is no level is -EINVAL. */
int iom_log_init(struct iom_log *log, const struct iom_open_opts *opts);

/* errno is preserved. */
void iom_log(const struct iom_log *log, enum iom_log_level level, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

#endif
