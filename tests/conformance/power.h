/* SPDX-License-Identifier: BSD-3-Clause */
/* What cases about POWER's windows share. */
#ifndef POWER_H
#define POWER_H

#include "harness.h"

/* Where other windows than the default one begin, at least. */
#define FAR (UINT64_C(1) << 59)

/*
 * Open the case's domain with what is expected of it, and attach world->wide, said to drive so many
 * bits (0: 64).
 */
enum outcome power_open(struct fixture *f, uint64_t bytes, uint64_t page, unsigned int bits);
int power_attach(struct fixture *f, const char *address, unsigned int bits,
		 struct iom_device **dev);

/* The window that was expected is there beside the default one, or there may be only one. */
enum outcome power_two(struct fixture *f);

/* Memory of huge pages of 2^shift bytes, or more. */
enum outcome power_huge(uint64_t length, int shift, char **p);

/* Address space for which little memory is needed: the same 2 MiB again and again. */
char *power_alias_memory(uint64_t length);

#endif
