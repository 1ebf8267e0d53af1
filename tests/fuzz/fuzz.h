/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A fuzz target: bytes that come from outside are read by what reads them in earnest, and whatever
 * they are, what is said of the answer holds.  libFuzzer calls it (configure --enable-fuzzing); in
 * other builds replay.c does.
 */
#ifndef IOM_FUZZ_H
#define IOM_FUZZ_H

#include <stddef.h>
#include <stdint.h>

/* Also the name of its folder of seeds in corpus/. */
extern const char fuzz_target[];

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* Say what does not hold, and abort. */
void fuzz_broken(const char *file, int line, const char *what) __attribute__((noreturn));

#define fuzz_holds(condition)                                        \
	do {                                                         \
		if (!(condition))                                    \
			fuzz_broken(__FILE__, __LINE__, #condition); \
	} while (0)

/* ---- Sentences of the library's ------------------------------------------------------------- */

/* Before a call: so that an old sentence is not taken for one of its own. */
void fuzz_forget(void);

/* It failed: there is one sentence, of one line, that a terminal can print. */
void fuzz_explained(int ret);

/* ---- Bytes, one after the other -------------------------------------------------------------- */

struct fuzz_bytes {
	const uint8_t *at;
	size_t left;
};

/* Numbers are in host order, and 0 past the end. */
uint64_t fuzz_take(struct fuzz_bytes *bytes, size_t size);

#endif
