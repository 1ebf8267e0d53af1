/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Read before anything else of what is hardened (FORTIFY of configure).  Here, because libc only warns of
 * it where nothing is optimized, which make CFLAGS=-O0 may ask for after configure.
 */
#if !defined _FORTIFY_SOURCE && defined __OPTIMIZE__
#define _FORTIFY_SOURCE 2
#endif
