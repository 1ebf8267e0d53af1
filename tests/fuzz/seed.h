/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Seeds are texts, and a target that reads bytes is given what these say:
 *
 * NAME.txt	the text itself, but for a first line that names the licence
 * NAME.bytes	numbers in host order, hexadecimal or decimal, by lines of "u8 N...", "u16 N...",
 *		"u32 N...", "u64 N..."; "zero N" bytes; "#" and what follows says nothing
 * NAME.dts	a flattened device tree, of a line each for a node's beginning, its end, and a
 *		property of cells, of strings or of nothing
 */
#ifndef IOM_FUZZ_SEED_H
#define IOM_FUZZ_SEED_H

#include <stddef.h>
#include <stdint.h>

#define SEED_MAX (1u << 16)

/* The bytes of a seed, to be freed; NULL, and a word on stderr: it cannot be read. */
uint8_t *seed_read(const char *path, size_t *n);

/* Bytes as NAME.bytes has them, on stdout: for a reproducer. */
void seed_print(const uint8_t *data, size_t n);

#endif
