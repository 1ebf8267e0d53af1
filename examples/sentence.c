// SPDX-License-Identifier: BSD-3-Clause
#include "sentence.h"

#include <stdarg.h>
#include <stdio.h>

static char sentence[512];

int fail(int error, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(sentence, sizeof(sentence), format, args);
	va_end(args);
	return error;
}

const char *fail_sentence(void)
{
	return sentence;
}
