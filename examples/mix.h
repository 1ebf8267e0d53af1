/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Numbers that look random and are the same on every machine.
 */
#ifndef MIX_H
#define MIX_H

#include <stdint.h>

/* Well mixed 64 bits of a number; a bijection. */
static inline uint64_t mix(uint64_t x)
{
	x += UINT64_C(0x9e3779b97f4a7c15);
	x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
	return x ^ x >> 31;
}

#endif /* MIX_H */
