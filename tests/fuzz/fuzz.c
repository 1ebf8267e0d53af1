// SPDX-License-Identifier: BSD-3-Clause
#include "fuzz.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "files.h"
#include "lib/error.h"
#include "libiommu.h"

#define UNSAID "nothing was said"

void fuzz_broken(const char *file, int line, const char *what)
{
	fprintf(stderr, "fuzz: %s: %s:%d: does not hold: %s (the last sentence: \"%s\")\n",
		fuzz_target, file, line, what, iom_errmsg());
	fuzz_files_end();
	fflush(NULL);
	abort();
}

void fuzz_forget(void)
{
	iom_error_set("%s", UNSAID);
}

void fuzz_explained(int ret)
{
	const char *sentence = iom_errmsg();

	fuzz_holds(ret < 0);
	fuzz_holds(*sentence);
	fuzz_holds(strcmp(sentence, UNSAID) != 0);
	for (; *sentence; sentence++)
		fuzz_holds((unsigned char)*sentence >= ' ' && *sentence != 0x7f);
}

uint64_t fuzz_take(struct fuzz_bytes *bytes, size_t size)
{
	size_t got = size < bytes->left ? size : bytes->left;
	union {
		uint8_t bytes[8];
		uint16_t u16;
		uint32_t u32;
		uint64_t u64;
	} value = { .u64 = 0 };

	memcpy(value.bytes, bytes->at, got);
	bytes->at += got;
	bytes->left -= got;
	switch (size) {
	case 1:
		return value.bytes[0];
	case 2:
		return value.u16;
	case 4:
		return value.u32;
	default:
		return value.u64;
	}
}
