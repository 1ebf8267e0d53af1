/* SPDX-License-Identifier: BSD-3-Clause */
/* Structs of the public API that begin with their own size. */
#ifndef IOM_OPTIONS_H
#define IOM_OPTIONS_H

#include <stddef.h>

/*
 * Copy the caller's options (NULL: all defaults) into a struct of ours of size n.  What the
 * caller's lacks reads as zero; where it is longer, its tail must be zero: -E2BIG.  A size below
 * that of the first release is -EINVAL.  what names the struct in the sentence.
 */
int iom_options_read(void *ours, size_t n, size_t first_release, const void *callers,
		     const char *what);

/* The other way round.  Whether the caller's size is one: -EINVAL if not. */
int iom_options_check(const void *callers, size_t first_release, const char *what);

/* Then fill the caller's struct from ours of size n; the tail of a longer one is zeroed. */
void iom_options_fill(void *callers, const void *ours, size_t n);

#endif
