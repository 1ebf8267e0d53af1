/* SPDX-License-Identifier: BSD-3-Clause */
/* Simple pseudo-random changes to bytes, for builds that have no fuzzer. */
#ifndef IOM_FUZZ_MUTATE_H
#define IOM_FUZZ_MUTATE_H

#include <stddef.h>
#include <stdint.h>

/* Change a few places of n bytes, with room for more; other are some to mix in.  The new length. */
size_t mutate(uint64_t *random, uint8_t *data, size_t n, size_t room, const uint8_t *other,
	      size_t n_other);

#endif
