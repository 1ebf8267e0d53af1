// SPDX-License-Identifier: BSD-3-Clause
#include "error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "libiommu.h"

static _Thread_local char sentence[IOM_ERROR_MAX];

const char *iom_errmsg(void)
{
	return sentence;
}

/* One line that does nothing to a terminal, whatever names of others are quoted in it. */
static void clean(char *text)
{
	unsigned char *c;

	for (c = (unsigned char *)text; *c; c++) {
		if (*c < ' ' || *c == 0x7f)
			*c = '?';
		else if (*c == 0xc2 && c[1] >= 0x80 && c[1] < 0xa0) /* and those of UTF-8 */
			c[0] = c[1] = '?';
	}
}

void iom_error_set(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(sentence, sizeof(sentence), fmt, ap);
	va_end(ap);
	clean(sentence);
}

void iom_error_set_prefix(const char *fmt, ...)
{
	char whole[IOM_ERROR_MAX];
	va_list ap;
	size_t len;

	va_start(ap, fmt);
	vsnprintf(whole, sizeof(whole), fmt, ap);
	va_end(ap);
	clean(whole);
	len = strlen(whole);
	snprintf(whole + len, sizeof(whole) - len, "%s", sentence);
	memcpy(sentence, whole, sizeof(sentence));
}

void iom_error_append(const char *fmt, ...)
{
	size_t len = strlen(sentence);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(sentence + len, sizeof(sentence) - len, fmt, ap);
	va_end(ap);
	clean(sentence + len);
}

const char *iom_error_text(int answer)
{
	return strerror(answer < 0 ? -answer : answer);
}

void iom_error_keep(struct iom_kept_error *kept)
{
	memcpy(kept->sentence, sentence, sizeof(sentence));
}

void iom_error_restore(const struct iom_kept_error *kept)
{
	memcpy(sentence, kept->sentence, sizeof(sentence));
}
