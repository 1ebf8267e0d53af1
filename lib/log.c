// SPDX-License-Identifier: BSD-3-Clause
#include "log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cancel.h"
#include "error.h"

static const char *const level_names[] = {
	[IOM_LOG_ERROR] = "error",
	[IOM_LOG_WARN] = "warn",
	[IOM_LOG_INFO] = "info",
	[IOM_LOG_DEBUG] = "debug",
};

int iom_log_init(struct iom_log *log, const struct iom_open_opts *opts)
{
	const char *word = secure_getenv("LIBIOMMU_LOG");
	int level;

	*log = (struct iom_log){ .callback = opts->log, .arg = opts->log_arg };
	if (!word || !*word)
		return 0;
	for (level = IOM_LOG_ERROR; level <= IOM_LOG_DEBUG; level++) {
		if (!strcmp(word, level_names[level])) {
			log->stderr_level = level;
			return 0;
		}
	}
	return iom_error(-EINVAL,
			 "LIBIOMMU_LOG=%s is not a level; it is error, warn, info or debug", word);
}

void iom_log(const struct iom_log *log, enum iom_log_level level, const char *fmt, ...)
{
	char message[IOM_ERROR_MAX];
	int saved = errno;
	va_list ap;

	if (!log->callback && (int)level > log->stderr_level)
		return;
	/* locks are held */
	IOM_NO_CANCEL;
	va_start(ap, fmt);
	vsnprintf(message, sizeof(message), fmt, ap);
	va_end(ap);
	if (log->callback)
		log->callback(log->arg, level, message);
	if ((int)level <= log->stderr_level)
		fprintf(stderr, "libiommu: %s: %s\n", level_names[level], message);
	errno = saved;
}
